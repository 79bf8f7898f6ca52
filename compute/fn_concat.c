/* compute/fn_concat.c - concat(a, b, ...): null when any is null, or of nothing; numbers print as
 * Java prints them. */
#include "compute/fn_util.h"

static bool run_concat(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, uint32_t n, weir_vec *out)
{
    if (call->arg_count == 0) {
        *out = weir_vec_null(WEIR_TYPE(WEIR_STRING), n);
        return true;
    }
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        size_t size = 0;
        for (uint32_t k = 0; k < call->arg_count; k++) {
            size += weir_arg_str(&args[k], i).size;
        }
        if (!weir_out_check(run, size)) {
            return false;
        }
        char *to = weir_scratch_take(run->scratch, size + 1);
        values[i] = (weir_str){to, size};
        for (uint32_t k = 0; k < call->arg_count; k++) {
            weir_str part = weir_arg_str(&args[k], i);
            if (part.size) {
                memcpy(to, part.at, part.size);
                to += part.size;
            }
        }
    }
    return true;
}

static const weir_fn fns[] = {
    {
        .name = "concat",
        .sql_name = "CONCAT",
        .min_args = 0,
        .max_args = 255,
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL,
        .infer = weir_infer_strings,
        .run = run_concat,
    },
};
const weir_fn_set weir_fns_concat = WEIR_FN_SET(fns);
