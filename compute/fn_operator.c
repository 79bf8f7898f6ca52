/* compute/fn_operator.c - + - * / % ^ and unary minus. Two longs give a long that wraps, two
 * strings can only be added (concatenated), anything else is computed as doubles; text that is no
 * number is null then. A long divided by 0 fails the query. Kernels run dense over all rows of the
 * block, one loop per shape of operands, so that the compiler can vectorise them. */
#include "compute/fn_util.h"
#include <math.h>

#define KERNEL(name, in, out, expression)                                                          \
    static void name(const weir_vec *left, const weir_vec *right, uint32_t n, void *to)            \
    {                                                                                              \
        const in *x = (const in *)(const void *)left->at.l,                                        \
                 *y = (const in *)(const void *)right->at.l;                                       \
        out *result = to;                                                                          \
        if (right->form == WEIR_CONST && left->form != WEIR_CONST) {                               \
            const in b = y[0];                                                                     \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                const in a = x[i];                                                                 \
                result[i] = (expression);                                                          \
            }                                                                                      \
        } else if (left->form == WEIR_CONST) {                                                     \
            const in a = x[0];                                                                     \
            bool one = right->form == WEIR_CONST;                                                  \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                const in b = y[one ? 0 : i];                                                       \
                result[i] = (expression);                                                          \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t i = 0; i < n; i++) {                                                     \
                const in a = x[i], b = y[i];                                                       \
                result[i] = (expression);                                                          \
            }                                                                                      \
        }                                                                                          \
    }

KERNEL(plus_long, uint64_t, uint64_t, a + b)
KERNEL(minus_long, uint64_t, uint64_t, a - b)
KERNEL(times_long, uint64_t, uint64_t, a *b)
KERNEL(plus_double, double, double, a + b)
KERNEL(minus_double, double, double, a - b)
KERNEL(times_double, double, double, a *b)
KERNEL(divide_double, double, double, a / b)
KERNEL(modulo_double, double, double, fmod(a, b))
KERNEL(pow_double, double, double, weir_java_pow(a, b))

typedef void (*kernel)(const weir_vec *left, const weir_vec *right, uint32_t n, void *to);

static bool dense(weir_run *run, const weir_vec *args, uint32_t n, kernel run_kernel, weir_vec *out)
{
    int64_t *values = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, n + 1);
    run_kernel(&args[0], &args[1], n, values);
    out->at.l = values;
    return true;
}

/* Where strings may be operands, too, they are added; elsewhere two strings are an error. */
static bool infer_numbers(weir_fn_call *call, weir_error *err)
{
    weir_type type = weir_type_of_operator(call->arg_types[0], call->arg_types[1]);
    if (type.kind == WEIR_STRING || type.kind == WEIR_ARRAY || type.kind == WEIR_COMPLEX) {
        bool both_null =
            call->arg_types[0].kind == WEIR_UNKNOWN || call->arg_types[1].kind == WEIR_UNKNOWN;
        if (!both_null) {
            char name[64];
            return weir_fail(err, WEIR_ERR_BAD_QUERY,
                             "operator '%s' is not supported on type %.*s.", call->fn->name,
                             WEIR_STR_ARG(weir_type_name(type, name)));
        }
        type = WEIR_TYPE(WEIR_DOUBLE); /* null, whatever it is */
    }
    bool may_fail = type.kind == WEIR_LONG && strchr("/%^", call->fn->name[0]);
    call->flags |= may_fail ? 0 : WEIR_FN_TOTAL;
    call->type = call->arg_types[0] = call->arg_types[1] = type;
    return true;
}

static bool infer_plus(weir_fn_call *call, weir_error *err)
{
    weir_type type = weir_type_of_operator(call->arg_types[0], call->arg_types[1]);
    if (type.kind == WEIR_STRING) {
        call->type = call->arg_types[0] = call->arg_types[1] = WEIR_TYPE(WEIR_STRING);
        return true;
    }
    return infer_numbers(call, err);
}

static bool run_plus(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                     const weir_sel *sel, uint32_t n, weir_vec *out)
{
    if (call->type.kind != WEIR_STRING) {
        return dense(run, args, n, call->type.kind == WEIR_LONG ? plus_long : plus_double, out);
    }
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str a = weir_arg_str(&args[0], i), b = weir_arg_str(&args[1], i);
        if (!weir_out_check(run, a.size + b.size)) {
            return false;
        }
        char *at = weir_scratch_take(run->scratch, a.size + b.size + 1);
        memcpy(at, a.at ? a.at : "", a.size);
        memcpy(at + a.size, b.at ? b.at : "", b.size);
        values[i] = (weir_str){at, a.size + b.size};
    }
    return true;
}

static bool run_minus(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                      const weir_sel *sel, uint32_t n, weir_vec *out)
{
    (void)sel;
    return dense(run, args, n, call->type.kind == WEIR_LONG ? minus_long : minus_double, out);
}

static bool run_times(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                      const weir_sel *sel, uint32_t n, weir_vec *out)
{
    (void)sel;
    return dense(run, args, n, call->type.kind == WEIR_LONG ? times_long : times_double, out);
}

/* Quotient or remainder of longs, row by row: only selected rows may fail. */
static bool divide_longs(weir_run *run, const weir_vec *args, const weir_sel *sel, uint32_t n,
                         bool remainder, weir_vec *out)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        int64_t a = weir_arg_long(&args[0], i), b = weir_arg_long(&args[1], i);
        if (b == 0) {
            return weir_fail(run->err, WEIR_ERR_RUN, "/ by zero");
        }
        if (b == -1) { /* the smallest long stays itself, as in Java; the instruction would trap */
            values[i] = remainder ? 0 : (int64_t)(0u - (uint64_t)a);
        } else {
            values[i] = remainder ? a % b : a / b;
        }
    }
    return true;
}

static bool run_divide(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, uint32_t n, weir_vec *out)
{
    return call->type.kind == WEIR_LONG ? divide_longs(run, args, sel, n, false, out)
                                        : dense(run, args, n, divide_double, out);
}

static bool run_modulo(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, uint32_t n, weir_vec *out)
{
    return call->type.kind == WEIR_LONG ? divide_longs(run, args, sel, n, true, out)
                                        : dense(run, args, n, modulo_double, out);
}

static int64_t wrapping_pow(int64_t base, int64_t exponent)
{
    uint64_t result = 1, power = (uint64_t)base;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) {
            result *= power;
        }
        power *= power;
    }
    return (int64_t)result;
}

static bool run_power(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                      const weir_sel *sel, uint32_t n, weir_vec *out)
{
    if (call->type.kind != WEIR_LONG) {
        return dense(run, args, n, pow_double, out);
    }
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        int64_t exponent = weir_arg_long(&args[1], i);
        if (exponent < 0 || exponent > INT32_MAX) {
            return weir_fail(run->err, WEIR_ERR_RUN, "exponent (%lld) must be >= 0 and fit an int",
                             (long long)exponent);
        }
        values[i] = wrapping_pow(weir_arg_long(&args[0], i), exponent);
    }
    return true;
}

/* Text is computed as a number; without one it is null. */
static bool infer_negate(weir_fn_call *call, weir_error *err)
{
    (void)err;
    uint8_t kind = call->arg_types[0].kind;
    call->type = call->arg_types[0] =
        WEIR_TYPE(kind == WEIR_LONG || kind == WEIR_UNKNOWN ? WEIR_LONG : WEIR_DOUBLE);
    return true;
}

static bool run_negate(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, uint32_t n, weir_vec *out)
{
    (void)sel;
    int64_t *values = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, n + 1);
    double *doubles = (double *)values;
    for (uint32_t i = 0; i < n; i++) {
        if (call->type.kind == WEIR_LONG) {
            values[i] = (int64_t)(0u - (uint64_t)weir_arg_long(&args[0], i));
        } else {
            doubles[i] = -weir_arg_double(&args[0], i);
        }
    }
    out->at.l = values;
    return true;
}

#define ARITHMETIC(symbol, infer_it, run_it)                                                       \
    {                                                                                              \
        .name = symbol, .min_args = 2, .max_args = 2,                                              \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL, .infer = (infer_it), .run = (run_it),    \
    }

static const weir_fn fns[] = {
    ARITHMETIC("+", infer_plus, run_plus),
    ARITHMETIC("-", infer_numbers, run_minus),
    ARITHMETIC("*", infer_numbers, run_times),
    ARITHMETIC("/", infer_numbers, run_divide),
    ARITHMETIC("%", infer_numbers, run_modulo),
    ARITHMETIC("^", infer_numbers, run_power),
    {
        .name = "u-",
        .min_args = 1,
        .max_args = 1,
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL | WEIR_FN_TOTAL,
        .infer = infer_negate,
        .run = run_negate,
    },
};
const weir_fn_set weir_fns_operator = WEIR_FN_SET(fns);
