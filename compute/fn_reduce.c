/* compute/fn_reduce.c - greatest and least of any number of values: nulls are left out, one text
 * makes all text. */
#include "compute/fn_util.h"

static bool infer_reduce(weir_fn_call *call, weir_error *err)
{
    weir_type type = {0};
    for (uint32_t i = 0; i < call->arg_count; i++) {
        if (call->arg_types[i].kind == WEIR_ARRAY || call->arg_types[i].kind == WEIR_COMPLEX) {
            char name[64];
            return weir_fail(err, WEIR_ERR_BAD_QUERY, "Function[%s] does not accept %.*s types",
                             call->fn->name,
                             WEIR_STR_ARG(weir_type_name(call->arg_types[i], name)));
        }
        type = weir_type_of_function(type, call->arg_types[i]);
    }
    type = WEIR_TYPE(type.kind);
    for (uint32_t i = 0; i < call->arg_count; i++) {
        call->arg_types[i] = type;
    }
    call->type = type.kind == WEIR_UNKNOWN ? WEIR_TYPE(WEIR_LONG) : type;
    return true;
}

/* Whether `b` takes the place of `a`. */
static bool beats(weir_kind kind, bool greatest, const weir_vec *a, const weir_vec *b, uint32_t i)
{
    if (kind == WEIR_LONG) {
        int64_t x = weir_arg_long(a, i), y = weir_arg_long(b, i);
        return greatest ? y > x : y < x;
    }
    int order = weir_str_cmp(weir_arg_str(b, i), weir_arg_str(a, i));
    return greatest ? order > 0 : order < 0;
}

static bool reduce(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                   const weir_sel *sel, uint32_t n, bool greatest, weir_vec *out)
{
    weir_kind kind = (weir_kind)call->type.kind;
    weir_str *strings = kind == WEIR_STRING ? weir_out_strings(run, n, out) : NULL;
    int64_t *longs = strings ? NULL : weir_out_longs(run, n, out);
    double *doubles = (double *)longs;
    FOR_ROWS(sel, i)
    {
        const weir_vec *best = NULL;
        double value = 0;
        for (uint32_t k = 0; k < call->arg_count; k++) {
            if (weir_arg_null(&args[k], i)) {
                continue;
            }
            if (kind == WEIR_DOUBLE) {
                double next = weir_arg_double(&args[k], i);
                value = !best      ? next
                        : greatest ? weir_java_max(value, next)
                                   : weir_java_min(value, next);
                best = &args[k];
            } else if (!best || beats(kind, greatest, best, &args[k], i)) {
                best = &args[k];
            }
        }
        if (!best) {
            weir_out_null(run, n, out, i);
        } else if (kind == WEIR_DOUBLE) {
            doubles[i] = value;
        } else if (strings) {
            strings[i] = weir_arg_str(best, i);
        } else {
            longs[i] = weir_arg_long(best, i);
        }
    }
    return true;
}

static bool run_greatest(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                         const weir_sel *sel, uint32_t n, weir_vec *out)
{
    return reduce(call, run, args, sel, n, true, out);
}

static bool run_least(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                      const weir_sel *sel, uint32_t n, weir_vec *out)
{
    return reduce(call, run, args, sel, n, false, out);
}

static const weir_fn fns[] = {
    {.name = "greatest",
     .sql_name = "GREATEST",
     .max_args = 255,
     .flags = WEIR_FN_PURE,
     .infer = infer_reduce,
     .run = run_greatest},
    {.name = "least",
     .sql_name = "LEAST",
     .max_args = 255,
     .flags = WEIR_FN_PURE,
     .infer = infer_reduce,
     .run = run_least},
};
const weir_fn_set weir_fns_reduce = WEIR_FN_SET(fns);
