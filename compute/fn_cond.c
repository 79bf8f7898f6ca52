/* compute/fn_cond.c - what decides: && || ! if case_searched case_simple nvl coalesce, and tests
 * for null, true and false. Branches run on the rows that take them and on no others, so a branch
 * not taken cannot fail. Logic is three-valued as in SQL; a number is true when it is positive,
 * text when it is "true" in any case. */
#include "compute/fn_util.h"
#include "weir/uid.h"
#include <stdlib.h>

static weir_type boolean_type(void)
{
    return (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
}

static weir_sel sel_of(const uint16_t *rows, uint32_t count, uint32_t n)
{
    if (count == 0) {
        return weir_sel_none(n);
    }
    return count == n ? weir_sel_all(n)
                      : (weir_sel){.kind = WEIR_SEL_LIST, .n = n, .count = count, .rows = rows};
}

/* ---- && || ! ---- */

/* One operand that is `decides` decides; else one null makes null; else the result is !decides.
 * Decided rows are not looked at again. */
static bool run_logic(weir_run *run, weir_args *args, uint32_t arg_count, const weir_sel *sel,
                      uint32_t n, bool decides, weir_vec *out)
{
    int64_t *result = weir_out_longs(run, n, out);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(run->scratch, uint64_t, weir_words(n) + 1);
    uint16_t *rows = WEIR_SCRATCH_ARRAY(run->scratch, uint16_t, n + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
    weir_sel open = *sel;
    bool any_null = false;
    for (uint32_t k = 0; k < arg_count && open.kind != WEIR_SEL_NONE; k++) {
        weir_vec vec;
        if (!weir_args_eval(args, k, &open, &vec)) {
            return false;
        }
        uint16_t *left =
            k + 1 < arg_count ? WEIR_SCRATCH_ARRAY(run->scratch, uint16_t, open.count + 1) : rows;
        uint32_t count = 0;
        FOR_ROWS(&open, i)
        {
            if (weir_arg_null(&vec, i)) {
                weir_bit_set(nulls, i);
                any_null = true;
            } else if (weir_is_true(&vec, i) == decides) {
                result[i] = decides;
                nulls[i >> 6] &= ~(1ull << (i & 63));
                continue;
            }
            result[i] = !decides;
            left[count++] = (uint16_t)i;
        }
        open = sel_of(left, count, n);
    }
    out->nulls = any_null ? nulls : NULL;
    return true;
}

/* Operands that cannot fail run on all rows, and loops without branches put them together. */
static bool all_total(const weir_args *args, uint32_t arg_count)
{
    bool total = arg_count <= 16;
    for (uint32_t k = 0; total && k < arg_count; k++) {
        total = weir_args_total(args, k);
    }
    return total;
}

/* 1 where true, 0 where not; of null rows anything. */
static void truths(const weir_vec *vec, const weir_sel *sel, uint32_t n, int64_t *out)
{
    if (vec->type.kind == WEIR_LONG && vec->form == WEIR_FLAT) {
        for (uint32_t i = 0; i < n; i++) {
            out[i] = vec->at.l[i] > 0;
        }
        return;
    }
    memset(out, 0, sizeof(*out) * n);
    FOR_ROWS(sel, i)
    {
        out[i] = !weir_arg_null(vec, i) && weir_is_true(vec, i);
    }
}

static bool run_logic_dense(weir_run *run, weir_args *args, uint32_t arg_count, const weir_sel *sel,
                            uint32_t n, bool decides, weir_vec *out)
{
    int64_t *result = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, n + 1),
            *truth = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, n + 1);
    uint64_t *nulls = NULL;
    for (uint32_t i = 0; i < n; i++) {
        result[i] = !decides;
    }
    for (uint32_t k = 0; k < arg_count; k++) {
        weir_vec vec;
        if (!weir_args_eval(args, k, sel, &vec)) {
            return false;
        }
        bool const_null = vec.form == WEIR_CONST && weir_arg_null(&vec, 0);
        if (vec.nulls && !nulls && (const_null || vec.form != WEIR_CONST)) {
            nulls = WEIR_SCRATCH_ARRAY(run->scratch, uint64_t, weir_words(n) + 1);
            memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
        }
        truths(&vec, sel, n, truth);
        for (uint32_t w = 0; vec.nulls && nulls && w < weir_words(n);
             w++) { /* null rows decide nothing */
            uint64_t null = const_null ? UINT64_MAX : vec.form == WEIR_CONST ? 0 : vec.nulls[w];
            nulls[w] |= null;
            for (uint64_t left = null; left; left &= left - 1) {
                uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(left);
                if (i < n) {
                    truth[i] = !decides;
                }
            }
        }
        if (decides) {
            for (uint32_t i = 0; i < n; i++) {
                result[i] |= truth[i];
            }
        } else {
            for (uint32_t i = 0; i < n; i++) {
                result[i] &= truth[i];
            }
        }
    }
    for (uint32_t w = 0; nulls && w < weir_words(n); w++) { /* what is decided is not null */
        for (uint64_t left = nulls[w]; left; left &= left - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(left);
            if (i >= n || result[i] == decides) {
                nulls[w] &= ~(left & -left);
            }
        }
    }
    out->at.l = result;
    out->nulls = nulls;
    return true;
}

static bool run_and(const weir_fn_call *call, weir_run *run, weir_args *args, const weir_sel *sel,
                    uint32_t n, weir_vec *out)
{
    return (all_total(args, call->arg_count) ? run_logic_dense : run_logic)(
        run, args, call->arg_count, sel, n, false, out);
}

static bool run_or(const weir_fn_call *call, weir_run *run, weir_args *args, const weir_sel *sel,
                   uint32_t n, weir_vec *out)
{
    return (all_total(args, call->arg_count) ? run_logic_dense : run_logic)(
        run, args, call->arg_count, sel, n, true, out);
}

static bool infer_boolean(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = boolean_type();
    return true;
}

static bool run_not(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                    const weir_sel *sel, uint32_t n, weir_vec *out)
{
    (void)call;
    int64_t *result = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        result[i] = !weir_is_true(&args[0], i);
    }
    return true;
}

/* ---- branches ---- */

/* Rows that each branch was chosen for, put together at the end. */
typedef struct merge {
    weir_run *run;
    const weir_fn_call *call;
    uint32_t n, count, row_count; /* rows that a branch was chosen for */
    weir_vec *branches;
    uint16_t *chosen; /* per row: branch + 1; 0: none, null */
} merge;

static merge merge_begin(weir_run *run, const weir_fn_call *call, uint32_t n)
{
    merge m = {.run = run, .call = call, .n = n};
    m.branches = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, call->arg_count + 1);
    m.chosen = WEIR_SCRATCH_ARRAY(run->scratch, uint16_t, n + 1);
    memset(m.chosen, 0, sizeof(*m.chosen) * n);
    return m;
}

static void merge_add(merge *m, const weir_vec *vec, const weir_sel *sel)
{
    m->branches[m->count++] = *vec;
    m->row_count += sel->count;
    FOR_ROWS(sel, i)
    {
        m->chosen[i] = (uint16_t)m->count;
    }
}

static bool merge_lists(const merge *m, weir_vec *out)
{
    weir_picks picks = weir_picks_begin(m->run, m->branches, m->n);
    for (uint32_t i = 0; i < m->n; i++) {
        weir_picks_add(&picks, m->chosen[i] ? m->chosen[i] - 1u : WEIR_NO_ID, i);
    }
    return weir_picks_end(&picks, m->call->type, out);
}

static bool merge_end(merge *m, const weir_sel *sel, weir_vec *out)
{
    weir_kind kind = (weir_kind)m->call->type.kind;
    if (m->count == 1 && m->row_count == sel->count) {
        *out = m->branches[0];
        return true;
    }
    if (kind == WEIR_ARRAY) {
        return merge_lists(m, out);
    }
    bool wide = kind == WEIR_STRING || kind == WEIR_COMPLEX || kind == WEIR_UNKNOWN;
    weir_str *strings = wide ? weir_out_strings(m->run, m->n, out) : NULL;
    int64_t *numbers = wide ? NULL : weir_out_longs(m->run, m->n, out);
    FOR_ROWS(sel, i)
    {
        const weir_vec *vec = m->chosen[i] ? &m->branches[m->chosen[i] - 1] : NULL;
        if (!vec || weir_arg_null(vec, i)) {
            weir_out_null(m->run, m->n, out, i);
        } else if (wide) {
            strings[i] = weir_arg_str(vec, i);
        } else {
            numbers[i] = weir_arg_long(vec, i);
        }
    }
    return true;
}

/* One type for all results, from argument `first` in steps of `step`, and the last one if it is an
 * else. */
static bool infer_results(weir_fn_call *call, uint32_t first, uint32_t step, bool has_else,
                          weir_error *err)
{
    weir_type type = {0};
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = first; i < call->arg_count + step - 1; i += step) {
            bool at_else = i >= call->arg_count;
            if (at_else && !has_else) {
                break;
            }
            uint32_t k = at_else ? call->arg_count - 1 : i;
            if (pass == 0) {
                weir_type a = type, b = call->arg_types[k];
                b.multi = false;
                b.face = 0;
                bool same = weir_type_eq(a, b) || a.kind == WEIR_UNKNOWN || b.kind == WEIR_UNKNOWN;
                bool special = a.kind == WEIR_ARRAY || b.kind == WEIR_ARRAY ||
                               a.kind == WEIR_COMPLEX || b.kind == WEIR_COMPLEX;
                if (special && !same && !weir_type_of_both(a, b, &type)) {
                    return weir_fn_fail(call, err, "results have types that do not go together");
                }
                if (!special || same) {
                    type = weir_type_of_function(a, b);
                }
            } else {
                call->arg_types[k] = type;
            }
        }
    }
    call->type = type;
    return true;
}

static bool infer_if(weir_fn_call *call, weir_error *err)
{
    return infer_results(call, 1, 1, false, err);
}

static bool infer_first(weir_fn_call *call, weir_error *err)
{
    return infer_results(call, 0, 1, false, err);
}

static bool infer_case(weir_fn_call *call, weir_error *err)
{
    return infer_results(call, 1, 2, call->arg_count % 2 == 1, err);
}

/* ---- case ---- */

/* Results that are all constant texts: a dictionary of them, made once per program, so that what
 * comes out is coded. */
typedef struct case_texts {
    weir_dict dict;   /* first: a weir_dict * is one of these */
    weir_str *values; /* by id, ascending */
    uint32_t *ids;    /* by argument */
} case_texts;

static bool text_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                        weir_str *out, weir_error *err)
{
    (void)s, (void)err;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = ((const case_texts *)(const void *)dict)->values[ids[i]];
    }
    return true;
}

static uint32_t text_lower_bound(const weir_dict *dict, weir_str value)
{
    const weir_str *values = ((const case_texts *)(const void *)dict)->values;
    uint32_t id = 1;
    while (id < dict->count && weir_str_cmp(values[id], value) < 0) {
        id++;
    }
    return id;
}

static uint32_t text_find(const weir_dict *dict, weir_str value)
{
    uint32_t id = text_lower_bound(dict, value);
    return id < dict->count &&
                   weir_str_eq(((const case_texts *)(const void *)dict)->values[id], value)
               ? id
               : WEIR_NO_ID;
}

static int compare_texts(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

static bool is_result(const weir_fn_call *call, uint32_t i)
{
    return i % 2 == 1 || (i + 1 == call->arg_count && call->arg_count % 2 == 1);
}

static bool prepare_case(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    static const weir_dict_ops ops = {text_values, text_find, text_lower_bound};
    (void)err;
    case_texts *t = WEIR_ARENA_NEW(arena, case_texts);
    t->values = WEIR_ARENA_ARRAY(arena, weir_str, call->arg_count + 2);
    t->ids = WEIR_ARENA_ARRAY(arena, uint32_t, call->arg_count + 1);
    uint32_t count = 1, distinct = 1;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        if (!is_result(call, i)) {
            continue;
        }
        const weir_value *literal = call->literals[i];
        if (call->type.kind != WEIR_STRING || !literal) {
            return true;
        }
        if (!literal->is_null) {
            t->values[count++] = literal->as.s;
        }
    }
    qsort(t->values + 1, count - 1, sizeof(*t->values), compare_texts);
    for (uint32_t i = 1; i < count; i++) {
        if (i == 1 || !weir_str_eq(t->values[i], t->values[distinct - 1])) {
            t->values[distinct++] = t->values[i];
        }
    }
    t->dict = (weir_dict){&ops, distinct, true, weir_uid_next()};
    for (uint32_t i = 0; i < call->arg_count; i++) {
        bool text = is_result(call, i) && !call->literals[i]->is_null;
        t->ids[i] = text ? text_find(&t->dict, call->literals[i]->as.s) : 0;
    }
    call->prepared = t;
    return true;
}

/* Splits `open` by the test in argument k. */
static bool split(weir_run *run, weir_args *args, uint32_t k, uint32_t n, weir_sel *open,
                  weir_sel *taken)
{
    weir_vec test;
    if (!weir_args_eval(args, k, open, &test)) {
        return false;
    }
    uint16_t *yes = WEIR_SCRATCH_ARRAY(run->scratch, uint16_t, open->count + 1);
    uint16_t *no = WEIR_SCRATCH_ARRAY(run->scratch, uint16_t, open->count + 1);
    uint32_t yes_count = 0, no_count = 0;
    FOR_ROWS(open, i)
    {
        bool take = !weir_arg_null(&test, i) && weir_is_true(&test, i);
        yes[yes_count] = no[no_count] = (uint16_t)i;
        yes_count += take;
        no_count += !take;
    }
    *open = sel_of(no, no_count, n);
    *taken = sel_of(yes, yes_count, n);
    return true;
}

static bool run_case_texts(const weir_fn_call *call, weir_run *run, weir_args *args,
                           const weir_sel *sel, uint32_t n, weir_vec *out)
{
    const case_texts *t = call->prepared;
    uint32_t *ids = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1);
    memset(ids, 0, sizeof(*ids) * n);
    weir_sel open = *sel, taken;
    for (uint32_t k = 0; k + 1 < call->arg_count && open.kind != WEIR_SEL_NONE; k += 2) {
        if (!split(run, args, k, n, &open, &taken)) {
            return false;
        }
        FOR_ROWS(&taken, i)
        {
            ids[i] = t->ids[k + 1];
        }
    }
    FOR_ROWS(&open, i)
    {
        ids[i] = call->arg_count % 2 ? t->ids[call->arg_count - 1] : 0;
    }
    out->form = WEIR_DICT;
    out->dict = &t->dict;
    out->at.ids = ids;
    return true;
}

/* Numbers, tests and results that cannot fail: chosen from the last to the first without branches.
 * *done stays unset when results have nulls. */
static bool run_case_dense(const weir_fn_call *call, weir_run *run, weir_args *args,
                           const weir_sel *sel, uint32_t n, weir_vec *out, bool *done)
{
    int64_t *result = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, n + 1),
            *truth = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, n + 1);
    weir_vec vec;
    uint32_t last = call->arg_count - 1;
    *done = false;
    if (!weir_args_eval(args, last, sel, &vec)) {
        return false;
    }
    if (vec.nulls) {
        return true;
    }
    for (uint32_t i = 0; i < n; i++) {
        result[i] = vec.at.l[weir_arg_at(&vec, i)];
    }
    for (uint32_t k = last; k >= 2; k -= 2) {
        weir_vec test;
        if (!weir_args_eval(args, k - 2, sel, &test) || !weir_args_eval(args, k - 1, sel, &vec)) {
            return false;
        }
        if (vec.nulls) {
            return true;
        }
        truths(&test, sel, n, truth);
        for (uint32_t w = 0; test.nulls && test.form != WEIR_CONST && w < weir_words(n); w++) {
            for (uint64_t left = test.nulls[w]; left; left &= left - 1) {
                uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(left);
                truth[i < n ? i : n] = 0;
            }
        }
        uint32_t step = vec.form == WEIR_CONST ? 0 : 1;
        for (uint32_t i = 0; i < n; i++) {
            int64_t value = vec.at.l[i * step];
            result[i] = truth[i] ? value : result[i];
        }
    }
    out->at.l = result;
    *done = true;
    return true;
}

/* if is a case_searched of one condition. */
static bool run_case(const weir_fn_call *call, weir_run *run, weir_args *args, const weir_sel *sel,
                     uint32_t n, weir_vec *out)
{
    if (call->prepared) {
        return run_case_texts(call, run, args, sel, n, out);
    }
    bool numbers = call->type.kind == WEIR_LONG || call->type.kind == WEIR_DOUBLE;
    if (numbers && call->arg_count % 2 == 1 && call->arg_count <= 9 &&
        all_total(args, call->arg_count)) {
        bool done;
        if (!run_case_dense(call, run, args, sel, n, out, &done)) {
            return false;
        }
        if (done) {
            return true;
        }
    }
    merge m = merge_begin(run, call, n);
    weir_sel open = *sel, taken;
    weir_vec result;
    for (uint32_t k = 0; k + 1 < call->arg_count && open.kind != WEIR_SEL_NONE; k += 2) {
        if (!split(run, args, k, n, &open, &taken)) {
            return false;
        }
        if (taken.kind != WEIR_SEL_NONE) {
            if (!weir_args_eval(args, k + 1, &taken, &result)) {
                return false;
            }
            merge_add(&m, &result, &taken);
        }
    }
    if (call->arg_count % 2 == 1 && open.kind != WEIR_SEL_NONE) {
        if (!weir_args_eval(args, call->arg_count - 1, &open, &result)) {
            return false;
        }
        merge_add(&m, &result, &open);
    }
    return merge_end(&m, sel, out);
}

static bool run_first(const weir_fn_call *call, weir_run *run, weir_args *args, const weir_sel *sel,
                      uint32_t n, weir_vec *out)
{
    merge m = merge_begin(run, call, n);
    weir_sel open = *sel;
    for (uint32_t k = 0; k < call->arg_count && open.kind != WEIR_SEL_NONE; k++) {
        weir_vec vec;
        if (!weir_args_eval(args, k, &open, &vec)) {
            return false;
        }
        uint16_t *has = WEIR_SCRATCH_ARRAY(run->scratch, uint16_t, open.count + 1);
        uint16_t *none = WEIR_SCRATCH_ARRAY(run->scratch, uint16_t, open.count + 1);
        uint32_t has_count = 0, none_count = 0;
        FOR_ROWS(&open, i)
        {
            bool null = weir_arg_null(&vec, i);
            has[has_count] = none[none_count] = (uint16_t)i;
            has_count += !null;
            none_count += null;
        }
        weir_sel found = sel_of(has, has_count, n);
        merge_add(&m, &vec, &found);
        open = sel_of(none, none_count, n);
    }
    return merge_end(&m, sel, out);
}

/* case_simple(x, v1, r1, ..., else) is case_searched(x == v1, r1, ..., else). */
static const weir_expr *rewrite_simple(const weir_expr *call, weir_arena *arena)
{
    const weir_expr **args = WEIR_ARENA_ARRAY(arena, const weir_expr *, call->arg_count);
    for (uint32_t i = 1; i < call->arg_count; i++) {
        const weir_expr *pair[2] = {call->args[0], call->args[i]};
        bool value = i % 2 == 1 && i + 1 < call->arg_count;
        args[i - 1] = value ? weir_expr_call(arena, "==", 2, pair) : call->args[i];
    }
    return weir_expr_call(arena, "case_searched", call->arg_count - 1, args);
}

/* ---- tests ---- */

static bool run_test(weir_run *run, const weir_vec *arg, const weir_sel *sel, uint32_t n,
                     bool of_null, bool of_true, bool of_false, weir_vec *out)
{
    int64_t *result = weir_out_longs(run, n, out);
    if (!of_null && !arg->nulls && of_true && of_false) {
        for (uint32_t i = 0; i < n; i++) {
            result[i] = 1;
        }
        return true;
    }
    FOR_ROWS(sel, i)
    {
        result[i] = weir_arg_null(arg, i)  ? of_null
                    : of_true == of_false  ? of_true
                    : weir_is_true(arg, i) ? of_true
                                           : of_false;
    }
    return true;
}

#define TEST(name, of_null, of_true, of_false)                                                     \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)                               \
    {                                                                                              \
        (void)call;                                                                                \
        return run_test(run, &args[0], sel, n, of_null, of_true, of_false, out);                   \
    }
TEST(run_is_null, true, false, false)
TEST(run_not_null, false, true, true)
TEST(run_is_true, false, true, false)
TEST(run_is_false, false, false, true)
TEST(run_not_true, true, false, true)
TEST(run_not_false, true, true, false)

#define ONE(text, run_it, more)                                                                    \
    {                                                                                              \
        .name = text, .min_args = 1, .max_args = 1, .flags = WEIR_FN_PURE | (more),                \
        .infer = infer_boolean, .run = (run_it),                                                   \
    }
#define LAZY(text, min, max, infer_it, run_it)                                                     \
    {                                                                                              \
        .name = text, .min_args = min, .max_args = max, .flags = WEIR_FN_PURE | WEIR_FN_LAZY_ARGS, \
        .infer = (infer_it), .run_lazy = (run_it),                                                 \
    }
#define CASE(text, min, max, infer_it)                                                             \
    {                                                                                              \
        .name = text, .min_args = min, .max_args = max, .flags = WEIR_FN_PURE | WEIR_FN_LAZY_ARGS, \
        .infer = (infer_it), .prepare = prepare_case, .run_lazy = run_case,                        \
    }
/* if(test, yes, no) has the layout of case_searched(test, yes, no). */
static const weir_fn fns[] = {
    LAZY("&&", 1, 255, infer_boolean, run_and),
    LAZY("||", 1, 255, infer_boolean, run_or),
    ONE("!", run_not, WEIR_FN_NULL_IF_ANY_NULL),
    CASE("if", 3, 3, infer_if),
    CASE("case_searched", 2, 255, infer_case),
    {.name = "case_simple",
     .min_args = 3,
     .max_args = 255,
     .flags = WEIR_FN_PURE,
     .rewrite = rewrite_simple},
    LAZY("nvl", 2, 2, infer_first, run_first),
    LAZY("coalesce", 1, 255, infer_first, run_first),
    ONE("isnull", run_is_null, 0),
    ONE("notnull", run_not_null, 0),
    ONE("istrue", run_is_true, 0),
    ONE("isfalse", run_is_false, 0),
    ONE("nottrue", run_not_true, 0),
    ONE("notfalse", run_not_false, 0),
};
const weir_fn_set weir_fns_cond = WEIR_FN_SET(fns);
