/* compute/fn_lambda.c - map, cartesian_map, filter, any, all, fold, cartesian_fold: a lambda over
 * the elements of arrays. Elements of all selected rows are laid out side by side and the lambda
 * runs on spans of 4,096 of them. A fold goes element by element: step k runs on all rows that have
 * an element k; rows are in order of falling length, so that these are the first ones. */
#include "compute/fn_util.h"
#include <stdlib.h>

#define MAX_STEPS (64u << 10) /* of a fold */

static weir_type elem_of(weir_type type)
{
    if (type.kind == WEIR_ARRAY) {
        return (weir_type){.kind = type.elem, .complex = type.complex};
    }
    return type.kind == WEIR_UNKNOWN ? WEIR_TYPE(WEIR_STRING) : WEIR_TYPE(type.kind);
}

static bool params_of_lists(weir_fn_call *call, uint32_t list_count, weir_type *params,
                            weir_error *err)
{
    bool fold = list_count + 2 == call->arg_count;
    uint32_t want = list_count + fold;
    if (call->param_count != want) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Function[%s] needs a lambda with %u parameters, not %u", call->fn->name,
                         want, call->param_count);
    }
    for (uint32_t i = 0; i < list_count; i++) {
        params[i] = elem_of(call->arg_types[i + 1]);
    }
    if (fold) {
        weir_type acc = call->arg_types[call->arg_count - 1];
        acc.multi = false;
        if (!weir_type_of_both(acc, call->arg_types[0], &params[list_count])) {
            return weir_fn_fail(
                call, err,
                "accumulates a type that does not go together with what its lambda gives");
        }
    }
    return true;
}

static bool params_map(weir_fn_call *call, weir_type *params, weir_error *err)
{
    return params_of_lists(call, call->arg_count - 1, params, err);
}

static bool params_fold(weir_fn_call *call, weir_type *params, weir_error *err)
{
    return params_of_lists(call, call->arg_count - 2, params, err);
}

static bool infer_map(weir_fn_call *call, weir_error *err)
{
    weir_type body = call->arg_types[0];
    if (body.kind == WEIR_ARRAY) {
        return weir_fn_fail(call, err, "cannot make an array of arrays");
    }
    uint8_t elem = body.kind == WEIR_UNKNOWN ? WEIR_STRING : body.kind;
    call->arg_types[0] = (weir_type){.kind = elem, .complex = body.complex};
    call->type = (weir_type){.kind = WEIR_ARRAY, .elem = elem, .complex = body.complex};
    return true;
}

/* As its array is: of a multi-value column, a multi-value. */
static bool infer_filter(weir_fn_call *call, weir_error *err)
{
    (void)err;
    weir_type list = call->arg_types[1];
    call->type = list.kind == WEIR_ARRAY ? list
                 : list.kind == WEIR_STRING || list.kind == WEIR_UNKNOWN
                     ? (weir_type){.kind = WEIR_STRING, .multi = true}
                     : (weir_type){.kind = WEIR_ARRAY, .elem = list.kind};
    return true;
}

static bool infer_match(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
    return true;
}

static bool infer_fold(weir_fn_call *call, weir_error *err)
{
    weir_type acc = call->arg_types[call->arg_count - 1], type;
    acc.multi = false;
    if (!weir_type_of_both(acc, call->arg_types[0], &type)) {
        return weir_fn_fail(
            call, err, "accumulates a type that does not go together with what its lambda gives");
    }
    if (type.kind == WEIR_UNKNOWN) {
        type = WEIR_TYPE(WEIR_STRING);
    }
    type.face = 0;
    call->type = call->arg_types[0] = call->arg_types[call->arg_count - 1] = type;
    return true;
}

/* ---- elements side by side ---- */

typedef struct expansion {
    const weir_fn_call *call;
    weir_run *run;
    weir_args *args;
    uint32_t list_count;
    weir_vec *lists;
    uint32_t *offsets; /* per row of the block: its first combination */
    uint32_t total;
    weir_vec *pieces; /* what the lambda gave, 4,096 elements each */
} expansion;

static bool take_lists(expansion *e, const weir_sel *sel)
{
    e->lists = WEIR_SCRATCH_ARRAY(e->run->scratch, weir_vec, e->list_count + 1);
    for (uint32_t k = 0; k < e->list_count; k++) {
        if (!weir_args_eval(e->args, k + 1, sel, &e->lists[k])) {
            return false;
        }
    }
    return true;
}

/* Combinations of row i: 0 also when a list is null. */
static uint64_t combinations(const expansion *e, uint32_t i, bool *null)
{
    uint64_t product = 1;
    *null = false;
    for (uint32_t k = 0; k < e->list_count; k++) {
        if (weir_list_null(&e->lists[k], i)) {
            *null = true;
            return 0;
        }
        product *= weir_list_size(&e->lists[k], i);
        if (product > EXPR_ITEMS) {
            return product;
        }
    }
    return product;
}

/* Item of list k in combination c of row i; the last list turns fastest. */
static uint32_t item_of(const expansion *e, uint32_t i, uint32_t k, uint64_t c)
{
    for (uint32_t later = e->list_count - 1; later > k; later--) {
        c /= weir_list_size(&e->lists[later], i);
    }
    return weir_list_from(&e->lists[k], i) + (uint32_t)(c % weir_list_size(&e->lists[k], i));
}

static bool run_piece(expansion *e, const uint16_t *origin, uint32_t *const *items, uint32_t count)
{
    weir_vec *params = WEIR_SCRATCH_ARRAY(e->run->scratch, weir_vec, e->list_count + 1);
    for (uint32_t k = 0; k < e->list_count; k++) {
        weir_picks picks = weir_picks_begin(e->run, e->lists[k].items, count);
        for (uint32_t i = 0; i < count; i++) {
            weir_picks_add(&picks, 0, items[k][i]);
        }
        if (!weir_picks_end(&picks, elem_of(e->call->arg_types[k + 1]), &params[k])) {
            return false;
        }
    }
    return weir_args_lambda(e->args, origin, params, count, &e->pieces[e->total / WEIR_BLOCK_ROWS]);
}

static bool too_many(weir_run *run)
{
    return weir_fail(run->err, WEIR_ERR_RESOURCE,
                     "a lambda would run on more than %u elements of one block of rows",
                     EXPR_ITEMS);
}

static bool expand(expansion *e, const weir_sel *sel, uint32_t n, weir_vec *out)
{
    weir_scratch *s = e->run->scratch;
    if (!take_lists(e, sel)) {
        return false;
    }
    e->offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    memset(e->offsets, 0, sizeof(*e->offsets) * (n + 1));
    uint64_t total = 0;
    uint32_t last = 0;
    FOR_ROWS(sel, i)
    {
        bool null;
        for (; last <= i; last++) {
            e->offsets[last] = (uint32_t)total;
        }
        total += combinations(e, i, &null);
        if (total > EXPR_ITEMS) {
            return too_many(e->run);
        }
        if (null) {
            weir_out_null(e->run, n, out, i);
        }
    }
    for (; last <= n; last++) {
        e->offsets[last] = (uint32_t)total;
    }
    e->pieces = WEIR_SCRATCH_ARRAY(s, weir_vec, total / WEIR_BLOCK_ROWS + 1);
    uint32_t **items = WEIR_SCRATCH_ARRAY(s, uint32_t *, e->list_count + 1);
    for (uint32_t k = 0; k < e->list_count; k++) {
        items[k] = WEIR_SCRATCH_ARRAY(s, uint32_t, WEIR_BLOCK_ROWS);
    }
    uint16_t *origin = WEIR_SCRATCH_ARRAY(s, uint16_t, WEIR_BLOCK_ROWS);
    uint32_t fill = 0;
    FOR_ROWS(sel, row)
    {
        uint32_t size = e->offsets[row + 1] - e->offsets[row];
        for (uint32_t c = 0; c < size; c++) {
            for (uint32_t k = 0; k < e->list_count; k++) {
                items[k][fill] = item_of(e, row, k, c);
            }
            origin[fill++] = (uint16_t)row;
            if (fill == WEIR_BLOCK_ROWS) {
                if (!run_piece(e, origin, items, fill)) {
                    return false;
                }
                e->total += fill;
                fill = 0;
            }
        }
    }
    if (fill > 0 && !run_piece(e, origin, items, fill)) {
        return false;
    }
    e->total += fill;
    return true;
}

static const weir_vec *result_of(const expansion *e, uint32_t element, uint32_t *at)
{
    *at = element % WEIR_BLOCK_ROWS;
    return &e->pieces[element / WEIR_BLOCK_ROWS];
}

static bool is_kept(const expansion *e, uint32_t element)
{
    uint32_t at;
    const weir_vec *vec = result_of(e, element, &at);
    return !weir_arg_null(vec, at) && weir_is_true(vec, at);
}

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, weir_args *args,                     \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

RUN(run_map)
{
    expansion e = {.call = call, .run = run, .args = args, .list_count = call->arg_count - 1};
    if (!expand(&e, sel, n, out)) {
        return false;
    }
    weir_picks picks = weir_picks_begin(run, e.pieces, e.total);
    for (uint32_t i = 0; i < e.total; i++) {
        weir_picks_add(&picks, i / WEIR_BLOCK_ROWS, i % WEIR_BLOCK_ROWS);
    }
    return weir_picks_lists(&picks, e.offsets, n, call->arg_types[0], out);
}

RUN(run_filter)
{
    expansion e = {.call = call, .run = run, .args = args, .list_count = 1};
    if (!expand(&e, sel, n, out)) {
        return false;
    }
    weir_picks picks = weir_picks_begin(run, e.lists[0].items, e.total);
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = picks.count;
        for (uint32_t c = e.offsets[i]; c < e.offsets[i + 1]; c++) {
            if (is_kept(&e, c)) {
                weir_picks_add(&picks, 0, weir_list_from(&e.lists[0], i) + c - e.offsets[i]);
            }
        }
        if (picks.count == offsets[i]) { /* nothing is left: null */
            weir_out_null(run, n, out, i);
        }
    }
    offsets[n] = picks.count;
    return weir_picks_lists(&picks, offsets, n, elem_of(call->arg_types[1]), out);
}

static bool match(const weir_fn_call *call, weir_run *run, weir_args *args, const weir_sel *sel,
                  uint32_t n, bool any, weir_vec *out)
{
    expansion e = {.call = call, .run = run, .args = args, .list_count = 1};
    weir_vec nulls = {0};
    if (!expand(&e, sel, n, &nulls)) {
        return false;
    }
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        bool found = false;
        for (uint32_t c = e.offsets[i]; c < e.offsets[i + 1] && !found; c++) {
            found = is_kept(&e, c) == any;
        }
        bool null = nulls.nulls && weir_bit(nulls.nulls, i);
        values[i] = !null && found == any;
    }
    return true;
}

RUN(run_any)
{
    return match(call, run, args, sel, n, true, out);
}

RUN(run_all)
{
    return match(call, run, args, sel, n, false, out);
}

/* ---- folds ---- */

typedef struct fold_row {
    uint32_t length;
    uint16_t row;
} fold_row;

static int longest_first(const void *a, const void *b)
{
    const fold_row *x = a, *y = b;
    return x->length != y->length ? (x->length < y->length) - (x->length > y->length)
                                  : (x->row > y->row) - (x->row < y->row);
}

/* Rows with something to fold, longest first; others go straight to the result. */
static bool fold_rows(const expansion *e, const weir_sel *sel, fold_row *rows, uint32_t *count,
                      weir_picks *picks)
{
    *count = 0;
    FOR_ROWS(sel, i)
    {
        bool null;
        uint64_t length = combinations(e, i, &null);
        if (length > MAX_STEPS) {
            return weir_fail(e->run->err, WEIR_ERR_RESOURCE,
                             "Function[%s] would take more than %u steps", e->call->fn->name,
                             MAX_STEPS);
        }
        picks->vec[i] = null ? WEIR_NO_ID : 0; /* 0: the accumulator's first value */
        if (length > 0) {
            rows[(*count)++] = (fold_row){(uint32_t)length, (uint16_t)i};
        }
    }
    qsort(rows, *count, sizeof(*rows), longest_first);
    return true;
}

static bool fold_step(expansion *e, const fold_row *rows, const uint16_t *origin, uint32_t count,
                      uint32_t step, const weir_vec *acc, weir_vec *out)
{
    weir_vec *params = WEIR_SCRATCH_ARRAY(e->run->scratch, weir_vec, e->list_count + 1);
    for (uint32_t k = 0; k < e->list_count; k++) {
        weir_picks picks = weir_picks_begin(e->run, e->lists[k].items, count);
        for (uint32_t i = 0; i < count; i++) {
            weir_picks_add(&picks, 0, item_of(e, rows[i].row, k, step));
        }
        if (!weir_picks_end(&picks, elem_of(e->call->arg_types[k + 1]), &params[k])) {
            return false;
        }
    }
    params[e->list_count] = *acc;
    params[e->list_count].n = count; /* its first rows */
    return weir_args_lambda(e->args, origin, params, count, out);
}

RUN(run_fold)
{
    weir_scratch *s = run->scratch;
    expansion e = {.call = call, .run = run, .args = args, .list_count = call->arg_count - 2};
    weir_vec first;
    if (!take_lists(&e, sel) || !weir_args_eval(args, call->arg_count - 1, sel, &first)) {
        return false;
    }
    fold_row *rows = WEIR_SCRATCH_ARRAY(s, fold_row, n + 1);
    weir_picks result = weir_picks_begin(run, NULL, n);
    result.count = n;
    for (uint32_t i = 0; i < n; i++) {
        result.vec[i] = WEIR_NO_ID;
        result.row[i] = i;
    }
    uint32_t count;
    if (!fold_rows(&e, sel, rows, &count, &result)) {
        return false;
    }
    uint32_t steps = count ? rows[0].length : 0;
    weir_vec *made = WEIR_SCRATCH_ARRAY(
        s, weir_vec, steps + 1); /* made[k]: after k steps, of the rows that have that many */
    made[0] = first;
    uint16_t *origin = WEIR_SCRATCH_ARRAY(s, uint16_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        origin[i] = rows[i].row;
    }
    weir_vec acc;
    weir_vec_gather(&first, origin, count, s, &acc);
    for (uint32_t step = 0; step < steps; step++) {
        while (count > 0 && rows[count - 1].length <= step) {
            count--;
        }
        if (!fold_step(&e, rows, origin, count, step, &acc, &made[step + 1])) {
            return false;
        }
        acc = made[step + 1];
        for (uint32_t i = 0; i < count; i++) {
            result.vec[rows[i].row] = step + 1;
            result.row[rows[i].row] = i;
        }
    }
    result.vecs = made;
    return weir_picks_end(&result, call->type, out);
}

#define LAMBDA(text, least, most, lists, more, params_it, infer_it, run_it)                        \
    {                                                                                              \
        .name = text, .min_args = least, .max_args = most,                                         \
        .flags = WEIR_FN_PURE | WEIR_FN_LAMBDA | (more), .list_args = lists, .infer = infer_it,    \
        .run_lazy = run_it, .params = params_it,                                                   \
    }
#define ALL_BUT_FIRST 0xfffffffeu
static const weir_fn fns[] = {
    LAMBDA("map", 2, 2, 2, 0, params_map, infer_map, run_map),
    LAMBDA("cartesian_map", 2, 255, ALL_BUT_FIRST, 0, params_map, infer_map, run_map),
    LAMBDA("filter", 2, 2, 2, 0, params_map, infer_filter, run_filter),
    LAMBDA("any", 2, 2, 2, 0, params_map, infer_match, run_any),
    LAMBDA("all", 2, 2, 2, 0, params_map, infer_match, run_all),
    LAMBDA("fold", 3, 3, 2, 0, params_fold, infer_fold, run_fold),
    LAMBDA("cartesian_fold", 3, 255, ALL_BUT_FIRST, WEIR_FN_LAST_SCALAR, params_fold, infer_fold,
           run_fold),
};
const weir_fn_set weir_fns_lambda = WEIR_FN_SET(fns);
