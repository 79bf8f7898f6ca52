/* compute/fn_variance.c - post-aggregators of statistics: the standard deviation of a variance's
 * state, the z score of two samples' shares of successes, and how likely such a score is. */
#include "compute/fn_util.h"
#include "compute/variance.h"
#include <math.h>

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

static bool infer_deviation(weir_fn_call *call, weir_error *err)
{
    weir_type type = call->arg_types[0];
    call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    call->type = WEIR_TYPE(WEIR_DOUBLE);
    if (type.kind != WEIR_UNKNOWN &&
        (type.kind != WEIR_COMPLEX || type.complex != weir_complex_find(WEIR_STR("variance")))) {
        char name[64];
        return weir_fail(err, WEIR_ERR_RUN, "stddev reads COMPLEX<variance>, not %.*s",
                         WEIR_STR_ARG(weir_type_name(type, name)));
    }
    return true;
}

/* (state, whether of a population) */
RUN(run_deviation)
{
    (void)call;
    double *values = weir_out_doubles(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_variance v;
        double variance;
        if (weir_variance_load(weir_arg_str(&args[0], i), &v) &&
            weir_variance_of(&v, weir_arg_long(&args[1], i) != 0, &variance)) {
            values[i] = sqrt(variance);
        } else {
            weir_out_null(run, n, out, i);
        }
    }
    return true;
}

/* (successes 1, size 1, successes 2, size 2) */
RUN(run_score)
{
    (void)call;
    double *values = weir_out_doubles(run, n, out);
    FOR_ROWS(sel, i)
    {
        double s1 = weir_arg_double(&args[0], i), n1 = weir_arg_double(&args[1], i);
        double s2 = weir_arg_double(&args[2], i), n2 = weir_arg_double(&args[3], i);
        if (!(s1 >= 0) || !(s2 >= 0)) {
            return weir_fail(run->err, WEIR_ERR_RUN, "success count can't be negative.");
        }
        if (!(n1 >= s1) || !(n2 >= s2)) {
            return weir_fail(run->err, WEIR_ERR_RUN,
                             "sample size can't be smaller than the success count.");
        }
        double p1 = s1 / n1, p2 = s2 / n2;
        values[i] = (p1 - p2) / sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2);
    }
    return true;
}

RUN(run_likelihood)
{
    (void)call;
    double *values = weir_out_doubles(run, n, out);
    FOR_ROWS(sel, i)
    {
        double below = 0.5 * erfc(-fabs(weir_arg_double(&args[0], i)) / M_SQRT2);
        values[i] = 2 * (1 - below);
    }
    return true;
}

#define FN(text, args, infer_it, run_it)                                                           \
    {                                                                                              \
        .name = (text), .min_args = (args), .max_args = (args),                                    \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL, .infer = (infer_it), .run = (run_it),    \
    }
static const weir_fn fns[] = {
    FN("postagg_stddev", 2, infer_deviation, run_deviation),
    FN("postagg_zscore2sample", 4, weir_infer_doubles, run_score),
    FN("postagg_pvalue2tailedztest", 1, weir_infer_doubles, run_likelihood),
};
const weir_fn_set weir_fns_variance = WEIR_FN_SET(fns);
