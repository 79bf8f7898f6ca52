/* compute/fn_complex.c - complex values in expressions: hyper_unique, hyper_unique_add,
 * hyper_unique_estimate, hyper_unique_round_estimate over Druid's HyperLogLog bytes, and
 * complex_decode_base64. bloom_filter_test, of an extension, is known by name only. */
#include <math.h>
#include "compute/agg_codes.h"
#include "compute/fn_util.h"
#include "compute/hll.h"
#include "weir/base64.h"

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

static weir_type hll_type(void)
{
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("hyperUnique"))};
}

static bool is_hll(weir_type type)
{
    return weir_type_eq(type, hll_type());
}

static bool put_hll(weir_run *run, const weir_heap *heap, const weir_hll *hll, weir_str *out)
{
    uint8_t bytes[WEIR_HLL_MAX_BYTES];
    return weir_out_copy(run, (weir_str){(const char *)bytes, weir_hll_save(heap, hll, bytes)},
                         out);
}

static bool get_hll(const weir_fn_call *call, weir_run *run, weir_heap *heap, weir_str bytes,
                    weir_hll *out)
{
    return weir_hll_load(heap, bytes, out) ||
           weir_fail(run->err, WEIR_ERR_RUN, "Function[%s] got bytes that are no hyperUnique",
                     call->fn->name);
}

static bool infer_create(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = hll_type();
    return true;
}

RUN(run_create)
{
    (void)call, (void)args;
    weir_heap *heap = weir_heap_new(NULL);
    weir_str *values = weir_out_strings(run, n, out);
    weir_hll empty = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        ok = ok && put_hll(run, heap, &empty, &values[i]);
    }
    weir_heap_free(heap);
    return ok;
}

static bool infer_add(weir_fn_call *call, weir_error *err)
{
    weir_type type = call->arg_types[0];
    if (!is_hll(call->arg_types[1])) {
        return weir_fn_fail(call, err, "requires a hyper-log-log collector as the second argument");
    }
    if (type.kind == WEIR_ARRAY || (type.kind == WEIR_COMPLEX && !is_hll(type))) {
        char name[64];
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Function[%s] cannot add [%.*s] to hyper-log-log collector",
                         call->fn->name, WEIR_STR_ARG(weir_type_name(type, name)));
    }
    call->type = hll_type();
    return true;
}

static uint32_t code_of(const void *bytes, size_t size)
{
    return weir_hll_code(weir_murmur3_128(bytes, size));
}

/* A null adds nothing. */
RUN(run_add)
{
    static const weir_coder coder = {.code = code_of};
    weir_heap *heap = weir_heap_new(NULL);
    weir_str *values = weir_out_strings(run, n, out);
    bool merges = args[0].type.kind == WEIR_COMPLEX, ok = true;
    weir_coded coded = {0};
    if (!merges && args[0].type.kind != WEIR_UNKNOWN) {
        coded = weir_coded_column(&coder, &args[0], NULL, run->scratch);
    }
    FOR_ROWS(sel, i)
    {
        weir_hll into = {0}, more = {0};
        if (weir_arg_null(&args[1], i)) {
            weir_out_null(run, n, out, i);
            continue;
        }
        ok = ok && get_hll(call, run, heap, weir_arg_str(&args[1], i), &into);
        if (ok && merges && !weir_arg_null(&args[0], i)) {
            ok = get_hll(call, run, heap, weir_arg_str(&args[0], i), &more);
            if (ok) {
                weir_hll_merge(heap, &into, heap, &more);
            }
        } else if (ok && coded.codes && coded.codes[i] != WEIR_NO_CODE) {
            weir_hll_add(heap, &into, coded.codes[i]);
        }
        ok = ok && put_hll(run, heap, &into, &values[i]);
        weir_heap_drop(heap, into.handle);
        weir_heap_drop(heap, more.handle);
    }
    weir_heap_free(heap);
    return ok;
}

static bool infer_estimate(weir_fn_call *call, weir_error *err)
{
    if (!is_hll(call->arg_types[0])) {
        char name[64];
        return weir_fail(
            err, WEIR_ERR_BAD_QUERY,
            "Function[%s] requires a hyper-log-log collector as input but got %.*s instead",
            call->fn->name, WEIR_STR_ARG(weir_type_name(call->arg_types[0], name)));
    }
    call->type = WEIR_TYPE(WEIR_DOUBLE);
    return true;
}

static bool infer_round(weir_fn_call *call, weir_error *err)
{
    bool ok = infer_estimate(call, err);
    call->type = WEIR_TYPE(WEIR_LONG);
    return ok;
}

RUN(run_estimate)
{
    bool round = call->type.kind == WEIR_LONG, ok = true;
    weir_heap *heap = weir_heap_new(NULL);
    int64_t *longs = round ? weir_out_longs(run, n, out) : NULL;
    double *doubles = round ? NULL : weir_out_doubles(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_hll hll = {0};
        ok = ok && get_hll(call, run, heap, weir_arg_str(&args[0], i), &hll);
        double estimate = ok ? weir_hll_estimate(heap, &hll) : 0;
        if (round) {
            longs[i] = (int64_t)floor(estimate + 0.5); /* Math.round */
        } else {
            doubles[i] = estimate;
        }
        weir_heap_drop(heap, hll.handle);
    }
    weir_heap_free(heap);
    return ok;
}

/* ---- complex_decode_base64('hyperUnique', text) ---- */

static bool infer_decode(weir_fn_call *call, weir_error *err)
{
    weir_str name;
    if (!weir_call_literal(call, 0, &name)) {
        return weir_fn_fail(call, err,
                            "first argument must be constant STRING expression containing a valid "
                            "complex type name");
    }
    const weir_complex *complex = weir_complex_find(name);
    if (!complex) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Function[%s] first argument must be a valid COMPLEX type name, got "
                         "unknown type [COMPLEX<%.*s>]",
                         call->fn->name, WEIR_STR_ARG(name));
    }
    call->arg_types[1] = WEIR_TYPE(WEIR_STRING);
    call->type = (weir_type){.kind = WEIR_COMPLEX, .complex = complex};
    return true;
}

RUN(run_decode)
{
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str text = weir_arg_str(&args[1], i);
        if (!weir_out_check(run, text.size)) {
            return false;
        }
        char *bytes = weir_scratch_take(run->scratch, text.size + 1);
        size_t size;
        if (!weir_base64_decode(text, bytes, &size)) {
            return weir_fail(run->err, WEIR_ERR_RUN,
                             "Function[%s] second argument must be a base64 encoded STRING value",
                             call->fn->name);
        }
        values[i] = (weir_str){bytes, size};
    }
    return true;
}

static bool infer_bloom(weir_fn_call *call, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_UNSUPPORTED, "Function[%s] is not supported", call->fn->name);
}

#define FN(text, count, flag, infer_it, run_it)                                                    \
    {                                                                                              \
        .name = text, .min_args = count, .max_args = count, .flags = WEIR_FN_PURE | (flag),        \
        .infer = infer_it, .run = run_it,                                                          \
    }
#define NULLS WEIR_FN_NULL_IF_ANY_NULL
static const weir_fn fns[] = {
    FN("hyper_unique", 0, 0, infer_create, run_create),
    FN("hyper_unique_add", 2, 0, infer_add, run_add),
    FN("hyper_unique_estimate", 1, NULLS, infer_estimate, run_estimate),
    FN("hyper_unique_round_estimate", 1, NULLS, infer_round, run_estimate),
    FN("complex_decode_base64", 2, NULLS, infer_decode, run_decode),
    FN("decode_base64_complex", 2, NULLS, infer_decode, run_decode),
    FN("bloom_filter_test", 2, 0, infer_bloom, NULL),
};
const weir_fn_set weir_fns_complex = WEIR_FN_SET(fns);
