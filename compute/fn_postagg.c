/* compute/fn_postagg.c - Druid's arithmetic post-aggregators: doubles folded from left to right,
 * null when any is null.
 * "/" by 0 is 0.0, "quotient" divides as Java does. Names cannot clash: the language has no
 * function postagg_. */
#include "compute/fn_util.h"

static double plus(double a, double b)
{
    return a + b;
}
static double minus(double a, double b)
{
    return a - b;
}
static double times(double a, double b)
{
    return a * b;
}
static double divide(double a, double b)
{
    return b == 0.0 ? 0.0 : a / b;
}
static double quotient(double a, double b)
{
    return a / b;
}

static bool fold(weir_run *run, const weir_fn_call *call, const weir_vec *args, uint32_t n,
                 double (*op)(double, double), weir_vec *out)
{
    double *values = WEIR_SCRATCH_ARRAY(run->scratch, double, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        double total = weir_arg_double(&args[0], i);
        for (uint32_t k = 1; k < call->arg_count; k++) {
            total = op(total, weir_arg_double(&args[k], i));
        }
        values[i] = total;
    }
    out->at.d = values;
    return true;
}

#define FOLD(name, op)                                                                             \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)                               \
    {                                                                                              \
        (void)sel;                                                                                 \
        return fold(run, call, args, n, op, out);                                                  \
    }
FOLD(run_plus, plus)
FOLD(run_minus, minus)
FOLD(run_times, times)
FOLD(run_divide, divide)
FOLD(run_quotient, quotient)
FOLD(run_pow, weir_java_pow)

#define POSTAGG(text, run_it)                                                                      \
    {                                                                                              \
        .name = text, .min_args = 1, .max_args = 255,                                              \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL | WEIR_FN_TOTAL,                          \
        .infer = weir_infer_doubles, .run = (run_it),                                              \
    }
static const weir_fn fns[] = {
    POSTAGG("postagg_plus", run_plus),         POSTAGG("postagg_minus", run_minus),
    POSTAGG("postagg_times", run_times),       POSTAGG("postagg_divide", run_divide),
    POSTAGG("postagg_quotient", run_quotient), POSTAGG("postagg_pow", run_pow),
};
const weir_fn_set weir_fns_postagg = WEIR_FN_SET(fns);
