/* compute/fn_array.c - arrays: made, measured, indexed, searched, joined, cut. Results are lists of
 * picked elements, so values are not copied one by one until the end. Where an array is null, the
 * result is. */
#include "compute/fn_util.h"
#include <math.h>
#include <stdlib.h>

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

static weir_type array_of(weir_type type)
{
    if (type.kind == WEIR_ARRAY) {
        return (weir_type){.kind = WEIR_ARRAY, .elem = type.elem, .complex = type.complex};
    }
    return (weir_type){.kind = WEIR_ARRAY,
                       .elem = type.kind == WEIR_UNKNOWN ? WEIR_STRING : type.kind,
                       .complex = type.complex};
}

static weir_type elem_of(weir_type type)
{
    type = array_of(type);
    return (weir_type){.kind = type.elem, .complex = type.complex};
}

/* Lists under way: rows are begun in ascending order. */
typedef struct lists {
    weir_picks picks;
    uint32_t *offsets, next, n;
} lists;

static lists lists_begin(weir_run *run, const weir_vec *vecs, uint32_t n)
{
    lists l = {.picks = weir_picks_begin(run, vecs, n * 2), .n = n};
    l.offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1);
    return l;
}

static void lists_row(lists *l, uint32_t i)
{
    for (; l->next <= i; l->next++) {
        l->offsets[l->next] = l->picks.count;
    }
}

static bool lists_end(lists *l, weir_type type, weir_vec *out)
{
    for (; l->next <= l->n; l->next++) {
        l->offsets[l->next] = l->picks.count;
    }
    return weir_picks_lists(&l->picks, l->offsets, l->n, elem_of(type), out);
}

static void add_items(lists *l, const weir_vec *list, uint32_t vec, uint32_t i)
{
    uint32_t from = weir_list_from(list, i), size = weir_list_size(list, i);
    for (uint32_t k = 0; k < size; k++) {
        weir_picks_add(&l->picks, vec, from + k);
    }
}

/* The arguments as sources of elements: arrays by their items, scalars as they are. */
static const weir_vec *sources_of(weir_run *run, const weir_vec *args, uint32_t count)
{
    weir_vec *vecs = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, count);
    for (uint32_t k = 0; k < count; k++) {
        vecs[k] = args[k].items ? *args[k].items : args[k];
    }
    return vecs;
}

/* ---- making ---- */

static bool infer_array(weir_fn_call *call, weir_error *err)
{
    weir_type type = {0};
    for (uint32_t i = 0; i < call->arg_count; i++) {
        weir_type arg = call->arg_types[i];
        if (arg.kind == WEIR_ARRAY) {
            return weir_fn_fail(call, err, "cannot make an array of arrays");
        }
        if (!weir_type_of_both(type, arg, &type)) {
            return weir_fn_fail(call, err, "needs elements of types that go together");
        }
    }
    if (type.kind == WEIR_UNKNOWN) {
        type = WEIR_TYPE(WEIR_LONG);
    }
    type.multi = false;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        call->arg_types[i] = type;
    }
    call->type = array_of(type);
    return true;
}

RUN(run_array)
{
    lists l = lists_begin(run, args, n);
    FOR_ROWS(sel, i)
    {
        lists_row(&l, i);
        for (uint32_t k = 0; k < call->arg_count; k++) {
            weir_picks_add(&l.picks, k, weir_arg_at(&args[k], i));
        }
    }
    return lists_end(&l, call->type, out);
}

/* ---- measuring and indexing ---- */

static bool infer_to_long(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

RUN(run_length)
{
    (void)call;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        values[i] = weir_list_size(&args[0], i);
    }
    return true;
}

static bool infer_index(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    call->type = elem_of(call->arg_types[0]);
    return true;
}

static bool at_index(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                     const weir_sel *sel, uint32_t n, int64_t base, weir_vec *out)
{
    weir_picks picks = weir_picks_begin(run, args[0].items, n);
    picks.count = n;
    memset(picks.vec, 0xff, sizeof(*picks.vec) * n);
    FOR_ROWS(sel, i)
    {
        int64_t at = weir_arg_long(&args[1], i) - base;
        if (at >= 0 && at < weir_list_size(&args[0], i)) {
            picks.vec[i] = 0;
            picks.row[i] = weir_list_from(&args[0], i) + (uint32_t)at;
        }
    }
    return weir_picks_end(&picks, call->type, out);
}

RUN(run_offset)
{
    return at_index(call, run, args, sel, n, 0, out);
}

RUN(run_ordinal)
{
    return at_index(call, run, args, sel, n, 1, out);
}

/* ---- searching ---- */

/* Position of element j of `from` in row i of the array; -1: not there. */
static int64_t position(const weir_vec *array, uint32_t i, const weir_vec *from, uint32_t j)
{
    uint32_t start = weir_list_from(array, i), size = weir_list_size(array, i);
    for (uint32_t k = 0; k < size; k++) {
        if (weir_item_cmp(array->items, start + k, from, j) == 0) {
            return k;
        }
    }
    return -1;
}

static bool infer_position(weir_fn_call *call, weir_error *err)
{
    if (call->arg_types[1].kind == WEIR_ARRAY) {
        return weir_fn_fail(call, err, "second argument must be a a scalar type");
    }
    call->arg_types[1] = elem_of(call->arg_types[0]);
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

static bool find(weir_run *run, const weir_vec *args, const weir_sel *sel, uint32_t n, int64_t base,
                 weir_vec *out)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        int64_t at = weir_list_null(&args[0], i) ? -1 : position(&args[0], i, &args[1], i);
        values[i] = at + base;
        if (at < 0) {
            weir_out_null(run, n, out, i);
        }
    }
    return true;
}

RUN(run_offset_of)
{
    (void)call;
    return find(run, args, sel, n, 0, out);
}

RUN(run_ordinal_of)
{
    (void)call;
    return find(run, args, sel, n, 1, out);
}

/* Both as arrays of the first one's elements. */
static bool infer_two_arrays(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = array_of(call->arg_types[0]);
    call->arg_types[1] = call->arg_types[0];
    call->type = (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
    return true;
}

static bool search(weir_run *run, const weir_vec *args, const weir_sel *sel, uint32_t n, bool all,
                   weir_vec *out)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        uint32_t from = weir_list_from(&args[1], i), size = weir_list_size(&args[1], i), found = 0;
        for (uint32_t k = 0; k < size && (all ? found == k : found == 0); k++) {
            found += position(&args[0], i, args[1].items, from + k) >= 0;
        }
        values[i] = all ? found == size : found > 0;
    }
    return true;
}

RUN(run_contains)
{
    (void)call;
    return search(run, args, sel, n, true, out);
}

RUN(run_overlap)
{
    (void)call;
    return search(run, args, sel, n, false, out);
}

static bool infer_scalar_in(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[1] = array_of(call->arg_types[1]);
    call->arg_types[0] = elem_of(call->arg_types[1]);
    call->type = (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
    return true;
}

RUN(run_scalar_in)
{
    (void)call;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        values[i] = position(&args[1], i, &args[0], i) >= 0;
    }
    return true;
}

/* ---- joining ---- */

static bool infer_append(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = call->arg_types[0] = array_of(call->arg_types[0]);
    call->arg_types[1] = elem_of(call->type);
    return true;
}

static bool infer_prepend(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = call->arg_types[1] = array_of(call->arg_types[1]);
    call->arg_types[0] = elem_of(call->type);
    return true;
}

static bool infer_joined(weir_fn_call *call, weir_error *err)
{
    infer_two_arrays(call, err);
    call->type = call->arg_types[0];
    return true;
}

static void set_add(lists *l, const weir_vec *vecs, uint32_t first);

/* array is args[list]; the other argument is an element, before or after it. */
static bool add_element(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                        const weir_sel *sel, uint32_t n, uint32_t list, bool set, weir_vec *out)
{
    const weir_vec *vecs = sources_of(run, args, 2);
    lists l = lists_begin(run, vecs, n);
    FOR_ROWS(sel, i)
    {
        lists_row(&l, i);
        if (weir_list_null(&args[list], i)) {
            weir_out_null(run, n, out, i);
            continue;
        }
        uint32_t first = l.picks.count;
        if (list == 1) {
            weir_picks_add(&l.picks, 0, weir_arg_at(&args[0], i));
        }
        add_items(&l, &args[list], list, i);
        if (list == 0) {
            weir_picks_add(&l.picks, 1, weir_arg_at(&args[1], i));
        }
        if (set) {
            set_add(&l, vecs, first);
        }
    }
    return lists_end(&l, call->type, out);
}

typedef struct pick {
    uint32_t vec, row;
} pick;

static int compare_picks(const void *a, const void *b, void *vecs)
{
    const pick *x = a, *y = b;
    const weir_vec *of = vecs;
    return weir_item_cmp(&of[x->vec], x->row, &of[y->vec], y->row);
}

/* Elements from `first` on become an ascending set, null first. */
static void set_add(lists *l, const weir_vec *vecs, uint32_t first)
{
    weir_picks *picks = &l->picks;
    if (picks->failed) {
        return;
    }
    uint32_t count = picks->count - first, kept = 0;
    pick *sorted = WEIR_SCRATCH_ARRAY(picks->run->scratch, pick, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = (pick){picks->vec[first + i], picks->row[first + i]};
    }
    qsort_r(sorted, count, sizeof(*sorted), compare_picks, (void *)(uintptr_t)vecs);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && compare_picks(&sorted[i], &sorted[kept - 1], (void *)(uintptr_t)vecs) == 0) {
            continue;
        }
        sorted[kept++] = sorted[i];
    }
    for (uint32_t i = 0; i < kept; i++) {
        picks->vec[first + i] = sorted[i].vec;
        picks->row[first + i] = sorted[i].row;
    }
    picks->count = first + kept;
}

RUN(run_append)
{
    return add_element(call, run, args, sel, n, 0, false, out);
}

RUN(run_prepend)
{
    return add_element(call, run, args, sel, n, 1, false, out);
}

RUN(run_set_add)
{
    return add_element(call, run, args, sel, n, 0, true, out);
}

static bool join(const weir_fn_call *call, weir_run *run, const weir_vec *args, const weir_sel *sel,
                 uint32_t n, bool set, weir_vec *out)
{
    const weir_vec *vecs = sources_of(run, args, 2);
    lists l = lists_begin(run, vecs, n);
    FOR_ROWS(sel, i)
    {
        uint32_t first = l.picks.count;
        lists_row(&l, i);
        add_items(&l, &args[0], 0, i);
        add_items(&l, &args[1], 1, i);
        if (set) {
            set_add(&l, vecs, first);
        }
    }
    return lists_end(&l, call->type, out);
}

RUN(run_concat)
{
    return join(call, run, args, sel, n, false, out);
}

RUN(run_set_add_all)
{
    return join(call, run, args, sel, n, true, out);
}

/* ---- a quantile, as R and Excel interpolate ---- */

static bool infer_quantile(weir_fn_call *call, weir_error *err)
{
    weir_type type = call->arg_types[0];
    uint8_t elem = type.kind == WEIR_ARRAY ? type.elem : type.kind;
    if (!call->literals[1] || call->literals[1]->is_null ||
        !weir_type_is_number(call->literals[1]->type)) {
        return weir_fn_fail(call, err, "rank must be a number, a literal");
    }
    bool numbers = elem == WEIR_LONG || elem == WEIR_DOUBLE || elem == WEIR_FLOAT;
    if (numbers) {
        call->arg_types[0] = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_DOUBLE};
    }
    call->arg_types[1] = call->type = WEIR_TYPE(WEIR_DOUBLE);
    return true;
}

static int by_double(const void *a, const void *b)
{
    int64_t x = weir_double_rank(*(const double *)a), y = weir_double_rank(*(const double *)b);
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, uint32_t count, double rank)
{
    if (count == 0 || !(rank >= 0 && rank <= 1)) {
        return NAN;
    }
    double place = rank * (count - 1);
    uint32_t below = (uint32_t)place;
    if (below + 1 >= count || place == below) {
        return sorted[below < count ? below : count - 1];
    }
    return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}

/* Null elements do not count; no elements: NaN; no numbers at all: null. */
RUN(run_quantile)
{
    double *values = weir_out_doubles(run, n, out);
    double rank = weir_arg_double(&args[1], 0);
    FOR_ROWS(sel, i)
    {
        if (call->arg_types[0].elem != WEIR_DOUBLE) {
            weir_out_null(run, n, out, i);
            continue;
        }
        uint32_t from = weir_list_from(&args[0], i), size = weir_list_size(&args[0], i), count = 0;
        weir_mark mark = weir_scratch_mark(run->scratch);
        double *sorted = WEIR_SCRATCH_ARRAY(run->scratch, double, size + 1);
        for (uint32_t k = from; k < from + size; k++) {
            if (!weir_arg_null(args[0].items, k)) {
                sorted[count++] = weir_arg_double(args[0].items, k);
            }
        }
        if (count) {
            qsort(sorted, count, sizeof(*sorted), by_double);
        }
        values[i] = quantile(sorted, count, rank);
        weir_scratch_rewind(run->scratch, mark);
    }
    return true;
}

/* ---- cutting, printing ---- */

static bool infer_slice(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = call->arg_types[0] = array_of(call->arg_types[0]);
    for (uint32_t i = 1; i < call->arg_count; i++) {
        call->arg_types[i] = WEIR_TYPE(WEIR_LONG);
    }
    return true;
}

/* As Arrays.copyOfRange: beyond the end come nulls. */
RUN(run_slice)
{
    lists l = lists_begin(run, args[0].items, n);
    FOR_ROWS(sel, i)
    {
        int64_t size = weir_list_size(&args[0], i), start = weir_arg_long(&args[1], i);
        int64_t end = call->arg_count > 2 ? weir_arg_long(&args[2], i) : size;
        lists_row(&l, i);
        if (start < 0 || start > size || start > end) {
            weir_out_null(run, n, out, i);
            continue;
        }
        if (end - start > (int64_t)EXPR_STRING_BYTES / 16) {
            return weir_fail(run->err, WEIR_ERR_RESOURCE,
                             "Function[array_slice] would make an array of %lld elements",
                             (long long)(end - start));
        }
        for (int64_t k = start; k < end; k++) {
            weir_picks_add(&l.picks, k < size ? 0 : WEIR_NO_ID,
                           k < size ? weir_list_from(&args[0], i) + (uint32_t)k : 0);
        }
    }
    return lists_end(&l, call->type, out);
}

static bool infer_to_string(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_STRING};
    call->arg_types[1] = call->type = WEIR_TYPE(WEIR_STRING);
    return true;
}

static weir_str item_text(const weir_vec *items, uint32_t k)
{
    return weir_arg_null(items, k) ? WEIR_STR("null") : weir_arg_str(items, k);
}

RUN(run_to_string)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        if (weir_list_null(&args[0], i)) {
            weir_out_null(run, n, out, i);
            continue;
        }
        uint32_t from = weir_list_from(&args[0], i), count = weir_list_size(&args[0], i);
        weir_str between = weir_arg_null(&args[1], i) ? WEIR_STR("") : weir_arg_str(&args[1], i);
        if (count == 1 && weir_arg_null(args[0].items, from)) {
            weir_out_null(run, n, out, i);
            continue;
        }
        size_t size = 0;
        for (uint32_t k = 0; k < count; k++) {
            size += item_text(args[0].items, from + k).size + (k ? between.size : 0);
        }
        if (!weir_out_check(run, size)) {
            return false;
        }
        char *to = weir_scratch_take(run->scratch, size + 1);
        values[i] = (weir_str){to, size};
        for (uint32_t k = 0; k < count; k++) {
            weir_str parts[2] = {k ? between : WEIR_STR(""), item_text(args[0].items, from + k)};
            for (int p = 0; p < 2; p++) {
                memcpy(to, parts[p].at, parts[p].size);
                to += parts[p].size;
            }
        }
    }
    return true;
}

/* ---- multi-values ---- */

static bool infer_strings(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = call->arg_types[0] = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_STRING};
    return true;
}

RUN(run_same)
{
    (void)call, (void)run, (void)sel, (void)n;
    *out = args[0];
    return true;
}

/* null as an array of one null. */
RUN(run_harmonize)
{
    weir_vec null = weir_vec_null(WEIR_TYPE(WEIR_STRING), 1);
    weir_vec vecs[2] = {args[0].items ? *args[0].items : null, null};
    lists l = lists_begin(run, vecs, n);
    FOR_ROWS(sel, i)
    {
        lists_row(&l, i);
        if (weir_list_null(&args[0], i)) {
            weir_picks_add(&l.picks, WEIR_NO_ID, 0);
        } else {
            add_items(&l, &args[0], 0, i);
        }
    }
    return lists_end(&l, call->type, out);
}

#define FN(text, sql, least, most, lists_are, more, infer_it, run_it)                              \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = least, .max_args = most,                        \
        .flags = WEIR_FN_PURE | (more), .list_args = lists_are, .infer = infer_it, .run = run_it,  \
    }
#define NULLS WEIR_FN_NULL_IF_ANY_NULL
static const weir_fn fns[] = {
    FN("array", NULL, 1, 255, 0, 0, infer_array, run_array),
    FN("array_length", "ARRAY_LENGTH", 1, 1, 1, NULLS, infer_to_long, run_length),
    FN("array_offset", "ARRAY_OFFSET", 2, 2, 1, NULLS, infer_index, run_offset),
    FN("array_ordinal", "ARRAY_ORDINAL", 2, 2, 1, NULLS, infer_index, run_ordinal),
    FN("array_offset_of", "ARRAY_OFFSET_OF", 2, 2, 1, 0, infer_position, run_offset_of),
    FN("array_ordinal_of", "ARRAY_ORDINAL_OF", 2, 2, 1, 0, infer_position, run_ordinal_of),
    FN("array_contains", "ARRAY_CONTAINS", 2, 2, 3, NULLS, infer_two_arrays, run_contains),
    FN("array_overlap", "ARRAY_OVERLAP", 2, 2, 3, NULLS, infer_two_arrays, run_overlap),
    FN("scalar_in_array", "SCALAR_IN_ARRAY", 2, 2, 2, NULLS, infer_scalar_in, run_scalar_in),
    FN("array_append", "ARRAY_APPEND", 2, 2, 1, 0, infer_append, run_append),
    FN("array_prepend", "ARRAY_PREPEND", 2, 2, 2, 0, infer_prepend, run_prepend),
    FN("array_concat", "ARRAY_CONCAT", 2, 2, 3, NULLS, infer_joined, run_concat),
    FN("array_set_add", NULL, 2, 2, 1, 0, infer_append, run_set_add),
    FN("array_set_add_all", NULL, 2, 2, 3, NULLS, infer_joined, run_set_add_all),
    FN("array_slice", "ARRAY_SLICE", 2, 3, 1, NULLS, infer_slice, run_slice),
    FN("array_quantile", NULL, 2, 2, 1, NULLS, infer_quantile, run_quantile),
    FN("array_to_string", "ARRAY_TO_STRING", 2, 2, 1, 0, infer_to_string, run_to_string),
    FN("mv_to_array", "MV_TO_ARRAY", 1, 1, 1, WEIR_FN_TOTAL, infer_strings, run_same),
    FN("array_to_mv", "ARRAY_TO_MV", 1, 1, 1, WEIR_FN_TOTAL, infer_strings, run_same),
    FN("mv_harmonize_nulls", NULL, 1, 1, 1, 0, infer_strings, run_harmonize),
};
const weir_fn_set weir_fns_array = WEIR_FN_SET(fns);
