/* compute/fn_hll.c - functions over HLL sketches: estimates, bounds, union, words. A sketch is a
 * COMPLEX<HLLSketch> or its image as base64; null has the estimate 0. */
#include "compute/fn_util.h"
#include "compute/sketch.h"
#include "compute/sketch_hll.h"
#include <math.h>

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

static weir_type sketch_type(void)
{
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("HLLSketch"))};
}

static bool takes_sketch(weir_fn_call *call, uint32_t i, weir_error *err)
{
    weir_type type = call->arg_types[i];
    if (type.kind == WEIR_UNKNOWN) {
        call->arg_types[i] = WEIR_TYPE(WEIR_STRING);
        return true;
    }
    if ((type.kind == WEIR_COMPLEX && type.complex == sketch_type().complex) ||
        type.kind == WEIR_STRING) {
        return true;
    }
    char name[64];
    return weir_fail(err, WEIR_ERR_BAD_QUERY, "Function[%s] needs an HLL sketch, not %.*s",
                     call->fn->name, WEIR_STR_ARG(weir_type_name(type, name)));
}

/* Row i of an argument that is not null. */
static bool read_sketch(weir_run *run, const weir_vec *arg, uint32_t i, weir_hllsketch_view *out)
{
    weir_str bytes = weir_arg_str(arg, i);
    if (arg->type.kind == WEIR_STRING &&
        (!weir_sketch_decode(bytes, run->scratch, &bytes) || !weir_hllsketch_read(bytes, out) ||
         !weir_hllsketch_check(out))) {
        return weir_fail(run->err, WEIR_ERR_RUN, "this text is no HLL sketch as base64");
    }
    return weir_hllsketch_read(bytes, out) ||
           weir_fail(run->err, WEIR_ERR_RUN, "these bytes are no HLL sketch");
}

/* ---- hll_sketch_estimate(sketch [, round]): a double even when rounded, as in Druid */

static bool infer_estimate(weir_fn_call *call, weir_error *err)
{
    if (call->arg_count > 1) {
        call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    }
    call->type = WEIR_TYPE(WEIR_DOUBLE);
    return takes_sketch(call, 0, err);
}

RUN(run_estimate)
{
    double *values = weir_out_doubles(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_hllsketch_view view;
        if (weir_arg_null(&args[0], i)) {
            continue;
        }
        if (!read_sketch(run, &args[0], i, &view)) {
            return false;
        }
        bool round =
            call->arg_count > 1 && !weir_arg_null(&args[1], i) && weir_arg_long(&args[1], i) > 0;
        double estimate = weir_hllsketch_estimate(&view);
        values[i] = round ? floor(estimate + 0.5) : estimate;
    }
    return true;
}

/* ---- hll_sketch_estimate_with_error_bounds(sketch [, deviations]): [estimate, lower, upper] */

static bool infer_bounds(weir_fn_call *call, weir_error *err)
{
    const weir_value *given = call->arg_count > 1 ? call->literals[1] : NULL;
    call->type = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_DOUBLE};
    if (call->arg_count > 1 && (!given || given->is_null || given->type.kind != WEIR_LONG ||
                                given->as.l < 1 || given->as.l > 3)) {
        return weir_fn_fail(call, err, "NumStdDev may not be less than 1 or greater than 3.");
    }
    return takes_sketch(call, 0, err);
}

RUN(run_bounds)
{
    uint32_t deviations = call->arg_count > 1 ? (uint32_t)call->literals[1]->as.l : 1;
    double *values = WEIR_SCRATCH_ARRAY(run->scratch, double, 3 * (size_t)n + 1);
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1);
    weir_vec *items = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, 1);
    memset(values, 0, sizeof(*values) * 3 * n);
    for (uint32_t i = 0; i <= n; i++) {
        offsets[i] = 3 * i;
    }
    FOR_ROWS(sel, i)
    {
        weir_hllsketch_view view;
        if (weir_arg_null(&args[0], i)) {
            continue;
        }
        if (!read_sketch(run, &args[0], i, &view)) {
            return false;
        }
        values[3 * i] = weir_hllsketch_estimate(&view);
        values[3 * i + 1] = weir_hllsketch_lower(&view, deviations);
        values[3 * i + 2] = weir_hllsketch_upper(&view, deviations);
    }
    *items =
        (weir_vec){.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = 3 * n, .at.d = values};
    out->form = WEIR_LIST;
    out->at.offsets = offsets;
    out->items = items;
    return true;
}

/* ---- hll_sketch_union(lgK, type, sketch ...) */

static bool infer_union(weir_fn_call *call, weir_error *err)
{
    const weir_value *lg_k = call->literals[0];
    weir_str type;
    call->type = sketch_type();
    if (!lg_k || lg_k->is_null || lg_k->type.kind != WEIR_LONG ||
        lg_k->as.l < WEIR_HLLSKETCH_LEAST_LG_K || lg_k->as.l > WEIR_HLLSKETCH_MOST_LG_K) {
        return weir_fn_fail(call, err, "lgK must be between 4 and 21, inclusive");
    }
    if (!weir_call_literal(call, 1, &type) ||
        !(weir_str_is(type, "HLL_4") || weir_str_is(type, "HLL_6") || weir_str_is(type, "HLL_8"))) {
        return weir_fn_fail(call, err, "tgtHllType must be HLL_4, HLL_6 or HLL_8");
    }
    for (uint32_t i = 2; i < call->arg_count; i++) {
        if (!takes_sketch(call, i, err)) {
            return false;
        }
    }
    return true;
}

static bool unite_row(const weir_fn_call *call, weir_run *run, const weir_vec *args, uint32_t i,
                      weir_heap *heap, weir_str *out)
{
    weir_hllsketch all = {.lg_k = (uint8_t)call->literals[0]->as.l};
    weir_hllsketch_type type =
        (weir_hllsketch_type)((call->literals[1]->as.s.at[4] - '4') / 2); /* "HLL_4" */
    uint8_t most_lg_k = all.lg_k;
    for (uint32_t k = 2; k < call->arg_count; k++) {
        weir_hllsketch_view view;
        if (weir_arg_null(&args[k], i)) {
            continue;
        }
        if (!read_sketch(run, &args[k], i, &view)) {
            return false;
        }
        weir_hllsketch_union(heap, &all, most_lg_k, &view);
    }
    size_t size = weir_hllsketch_write(heap, &all, type, NULL);
    uint8_t *bytes = weir_scratch_take(run->scratch, size);
    weir_hllsketch_write(heap, &all, type, bytes);
    weir_hllsketch_drop(heap, &all);
    *out = (weir_str){(const char *)bytes, size};
    return weir_out_check(run, size);
}

RUN(run_union)
{
    weir_str *values = weir_out_strings(run, n, out);
    weir_heap *heap = weir_heap_new(NULL);
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        if (ok) {
            ok = unite_row(call, run, args, i, heap, &values[i]);
        }
    }
    weir_heap_free(heap);
    return ok;
}

/* ---- hll_sketch_to_string(sketch) */

static bool infer_words(weir_fn_call *call, weir_error *err)
{
    call->type = WEIR_TYPE(WEIR_STRING);
    return takes_sketch(call, 0, err);
}

static bool print_row(weir_run *run, const weir_vec *arg, uint32_t i, weir_heap *heap,
                      weir_str *out)
{
    weir_hllsketch_view view;
    weir_buf text = {0};
    if (!read_sketch(run, arg, i, &view)) {
        return false;
    }
    weir_hllsketch sketch = {.lg_k = view.lg_k};
    weir_hllsketch_union(heap, &sketch, view.lg_k, &view);
    weir_hllsketch_view own = weir_hllsketch_of(heap, &sketch);
    weir_hllsketch_print(&own, (weir_hllsketch_type)view.type, &text);
    bool ok = weir_out_copy(run, weir_buf_view(&text), out);
    weir_buf_done(&text);
    weir_hllsketch_drop(heap, &sketch);
    return ok;
}

RUN(run_words)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    weir_heap *heap = weir_heap_new(NULL);
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        if (ok && weir_arg_null(&args[0], i)) {
            weir_out_null(run, n, out, i);
        } else if (ok) {
            ok = print_row(run, &args[0], i, heap, &values[i]);
        }
    }
    weir_heap_free(heap);
    return ok;
}

static const weir_fn fns[] = {
    {.name = "hll_sketch_estimate",
     .sql_name = "HLL_SKETCH_ESTIMATE",
     .min_args = 1,
     .max_args = 2,
     .flags = WEIR_FN_PURE,
     .infer = infer_estimate,
     .run = run_estimate},
    {.name = "hll_sketch_estimate_with_error_bounds",
     .sql_name = "HLL_SKETCH_ESTIMATE_WITH_ERROR_BOUNDS",
     .min_args = 1,
     .max_args = 2,
     .flags = WEIR_FN_PURE,
     .infer = infer_bounds,
     .run = run_bounds},
    {.name = "hll_sketch_union",
     .sql_name = "HLL_SKETCH_UNION",
     .min_args = 2,
     .max_args = 255,
     .flags = WEIR_FN_PURE,
     .infer = infer_union,
     .run = run_union},
    {.name = "hll_sketch_to_string",
     .sql_name = "HLL_SKETCH_TO_STRING",
     .min_args = 1,
     .max_args = 1,
     .flags = WEIR_FN_PURE,
     .infer = infer_words,
     .run = run_words},
};
const weir_fn_set weir_fns_hll = WEIR_FN_SET(fns);
