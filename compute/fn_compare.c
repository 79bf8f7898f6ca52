/* compute/fn_compare.c - < <= > >= == != and isdistinctfrom, notdistinctfrom: LONG 1 or 0.
 * Two strings compare in UTF-16 order, two longs as longs, arrays element by element, anything else
 * as doubles, where == is Java's (NaN equals nothing) and order is Double.compare's (NaN last, -0.0
 * before 0.0). Null operands give null, but for the last two. */
#include "compute/fn_util.h"

typedef enum relation { LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, NOT_EQUAL } relation;

static bool holds(relation r, int order)
{
    switch (r) {
    case LESS:
        return order < 0;
    case LESS_EQUAL:
        return order <= 0;
    case GREATER:
        return order > 0;
    case GREATER_EQUAL:
        return order >= 0;
    case EQUAL:
        return order == 0;
    case NOT_EQUAL:
        return order != 0;
    }
    return false;
}

#define KERNEL(name, in, symbol)                                                                   \
    static void name(const weir_vec *left, const weir_vec *right, uint32_t n, int64_t *result)     \
    {                                                                                              \
        const in *x = (const in *)(const void *)left->at.l,                                        \
                 *y = (const in *)(const void *)right->at.l;                                       \
        if (right->form == WEIR_CONST && left->form != WEIR_CONST) {                               \
            const in b = y[0];                                                                     \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                result[i] = x[i] symbol b;                                                         \
            }                                                                                      \
        } else if (left->form == WEIR_CONST) {                                                     \
            bool one = right->form == WEIR_CONST;                                                  \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                result[i] = x[0] symbol y[one ? 0 : i];                                            \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                result[i] = x[i] symbol y[i];                                                      \
            }                                                                                      \
        }                                                                                          \
    }
KERNEL(long_less, int64_t, <)
KERNEL(long_less_equal, int64_t, <=)
KERNEL(long_greater, int64_t, >)
KERNEL(long_greater_equal, int64_t, >=)
KERNEL(long_equal, int64_t, ==)
KERNEL(long_not_equal, int64_t, !=)
KERNEL(double_equal, double, ==)
KERNEL(double_not_equal, double, !=)

typedef void (*kernel)(const weir_vec *left, const weir_vec *right, uint32_t n, int64_t *result);
static const kernel long_kernels[] = {long_less,          long_less_equal, long_greater,
                                      long_greater_equal, long_equal,      long_not_equal};

static weir_vec ranks_of(weir_run *run, const weir_vec *arg, uint32_t n)
{
    uint32_t count = arg->form == WEIR_CONST ? 1 : n;
    int64_t *ranks = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        ranks[i] = weir_double_rank(arg->at.d[i]);
    }
    weir_vec vec = *arg;
    vec.at.l = ranks;
    return vec;
}

static int compare_lists(const weir_vec *a, const weir_vec *b, uint32_t i)
{
    uint32_t at = weir_arg_at(a, i), bt = weir_arg_at(b, i);
    uint32_t x = a->at.offsets[at], y = b->at.offsets[bt];
    for (; x < a->at.offsets[at + 1] && y < b->at.offsets[bt + 1]; x++, y++) {
        int order = weir_item_cmp(a->items, x, b->items, y);
        if (order) {
            return order;
        }
    }
    bool a_ends = x == a->at.offsets[at + 1], b_ends = y == b->at.offsets[bt + 1];
    return (int)b_ends - (int)a_ends;
}

static bool equal_values(const weir_vec *args, uint32_t i)
{
    switch ((weir_kind)args[0].type.kind) {
    case WEIR_LONG:
        return weir_arg_long(&args[0], i) == weir_arg_long(&args[1], i);
    case WEIR_DOUBLE:
        return weir_arg_double(&args[0], i) == weir_arg_double(&args[1], i);
    case WEIR_STRING:
    case WEIR_COMPLEX:
        return weir_str_eq(weir_arg_str(&args[0], i), weir_arg_str(&args[1], i));
    case WEIR_ARRAY:
        return compare_lists(&args[0], &args[1], i) == 0;
    case WEIR_UNKNOWN:
    case WEIR_FLOAT:
        break;
    }
    return false;
}

static void compare_strings(const weir_vec *args, const weir_sel *sel, relation r, int64_t *result)
{
    FOR_ROWS(sel, i)
    {
        weir_str a = weir_arg_str(&args[0], i), b = weir_arg_str(&args[1], i);
        if (r == EQUAL || r == NOT_EQUAL) {
            result[i] = weir_str_eq(a, b) == (r == EQUAL);
        } else {
            result[i] = holds(r, weir_str_cmp(a, b));
        }
    }
}

static bool compare(weir_run *run, const weir_vec *args, const weir_sel *sel, uint32_t n,
                    relation r, weir_vec *out)
{
    int64_t *result = weir_out_longs(run, n, out);
    switch ((weir_kind)args[0].type.kind) {
    case WEIR_LONG:
        long_kernels[r](&args[0], &args[1], n, result);
        break;
    case WEIR_DOUBLE:
        if (r == EQUAL || r == NOT_EQUAL) {
            (r == EQUAL ? double_equal : double_not_equal)(&args[0], &args[1], n, result);
        } else {
            weir_vec left = ranks_of(run, &args[0], n), right = ranks_of(run, &args[1], n);
            long_kernels[r](&left, &right, n, result);
        }
        break;
    case WEIR_STRING:
    case WEIR_COMPLEX:
        compare_strings(args, sel, r, result);
        break;
    case WEIR_ARRAY:
        FOR_ROWS(sel, i)
        {
            result[i] = holds(r, compare_lists(&args[0], &args[1], i));
        }
        break;
    case WEIR_UNKNOWN:
    case WEIR_FLOAT:
        break; /* two nulls: never selected */
    }
    return true;
}

static bool infer_compare(weir_fn_call *call, weir_error *err)
{
    weir_type a = call->arg_types[0], b = call->arg_types[1], type;
    bool lists = a.kind == WEIR_ARRAY || b.kind == WEIR_ARRAY;
    if (lists) {
        if (!weir_type_of_both(a, b, &type)) {
            return weir_fn_fail(call, err, "cannot compare these types");
        }
    } else {
        type = weir_type_of_operator(a, b);
    }
    call->arg_types[0] = call->arg_types[1] = type;
    call->flags |= type.kind == WEIR_LONG || type.kind == WEIR_DOUBLE ? WEIR_FN_TOTAL : 0;
    call->type = (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
    return true;
}

#define RELATION(name, relation_of)                                                                \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)                               \
    {                                                                                              \
        (void)call;                                                                                \
        return compare(run, args, sel, n, relation_of, out);                                       \
    }
RELATION(run_less, LESS)
RELATION(run_less_equal, LESS_EQUAL)
RELATION(run_greater, GREATER)
RELATION(run_greater_equal, GREATER_EQUAL)
RELATION(run_equal, EQUAL)
RELATION(run_not_equal, NOT_EQUAL)

/* Equal, with null equal to null. */
static bool run_distinct(const weir_vec *args, weir_run *run, const weir_sel *sel, uint32_t n,
                         bool want_distinct, weir_vec *out)
{
    int64_t *result = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        bool a_null = weir_arg_null(&args[0], i), b_null = weir_arg_null(&args[1], i);
        bool same = a_null || b_null ? a_null == b_null : equal_values(args, i);
        result[i] = same != want_distinct;
    }
    return true;
}

static bool run_is_distinct(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                            const weir_sel *sel, uint32_t n, weir_vec *out)
{
    (void)call;
    return run_distinct(args, run, sel, n, true, out);
}

static bool run_not_distinct(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                             const weir_sel *sel, uint32_t n, weir_vec *out)
{
    (void)call;
    return run_distinct(args, run, sel, n, false, out);
}

#define COMPARISON(symbol, run_it, more)                                                           \
    {                                                                                              \
        .name = symbol, .min_args = 2, .max_args = 2, .flags = WEIR_FN_PURE | (more),              \
        .infer = infer_compare, .run = (run_it),                                                   \
    }
static const weir_fn fns[] = {
    COMPARISON("<", run_less, WEIR_FN_NULL_IF_ANY_NULL),
    COMPARISON("<=", run_less_equal, WEIR_FN_NULL_IF_ANY_NULL),
    COMPARISON(">", run_greater, WEIR_FN_NULL_IF_ANY_NULL),
    COMPARISON(">=", run_greater_equal, WEIR_FN_NULL_IF_ANY_NULL),
    COMPARISON("==", run_equal, WEIR_FN_NULL_IF_ANY_NULL),
    COMPARISON("!=", run_not_equal, WEIR_FN_NULL_IF_ANY_NULL),
    COMPARISON("isdistinctfrom", run_is_distinct, 0),
    COMPARISON("notdistinctfrom", run_not_distinct, 0),
};
const weir_fn_set weir_fns_compare = WEIR_FN_SET(fns);
