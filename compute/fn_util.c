/* compute/fn_util.c - see fn_util.h. */
#include "compute/fn_util.h"
#include "compute/expr_program.h"
#include <math.h>

int64_t *weir_out_longs(weir_run *run, uint32_t n, weir_vec *out)
{
    int64_t *values = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, n + 1);
    memset(values, 0, sizeof(*values) * n);
    out->form = WEIR_FLAT;
    out->at.l = values;
    return values;
}

double *weir_out_doubles(weir_run *run, uint32_t n, weir_vec *out)
{
    return (double *)weir_out_longs(run, n, out);
}

weir_str *weir_out_strings(weir_run *run, uint32_t n, weir_vec *out)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(run->scratch, weir_str, n + 1);
    memset(values, 0, sizeof(*values) * n);
    out->form = WEIR_FLAT;
    out->at.s = values;
    return values;
}

void weir_out_null(weir_run *run, uint32_t n, weir_vec *out, uint32_t i)
{
    if (!out->nulls) {
        uint64_t *nulls = WEIR_SCRATCH_ARRAY(run->scratch, uint64_t, weir_words(n) + 1);
        memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
        out->nulls = nulls;
    }
    weir_bit_set((uint64_t *)(uintptr_t)out->nulls, i); /* ours: made above */
}

bool weir_out_check(weir_run *run, size_t bytes)
{
    if (bytes > EXPR_STRING_BYTES) {
        return weir_fail(
            run->err, WEIR_ERR_RESOURCE,
            "an expression's result of %zu bytes is longer than the %u that are allowed", bytes,
            EXPR_STRING_BYTES);
    }
    return true;
}

bool weir_out_copy(weir_run *run, weir_str from, weir_str *out)
{
    if (!weir_out_check(run, from.size)) {
        return false;
    }
    char *at = weir_scratch_take(run->scratch, from.size + 1);
    if (from.size) {
        memcpy(at, from.at, from.size);
    }
    *out = (weir_str){at, from.size};
    return true;
}

double weir_java_pow(double a, double b)
{
    if (isnan(b) || (fabs(a) == 1.0 && isinf(b))) {
        return (double)NAN;
    }
    return pow(a, b);
}

static weir_type number_type(weir_type a, weir_type b)
{
    bool longs = a.kind == WEIR_LONG && b.kind == WEIR_LONG;
    return WEIR_TYPE(longs ? WEIR_LONG : WEIR_DOUBLE);
}

weir_type weir_type_of_operator(weir_type a, weir_type b)
{
    if (a.kind == WEIR_UNKNOWN || b.kind == WEIR_UNKNOWN) {
        return a.kind == WEIR_UNKNOWN ? b : a;
    }
    if (a.kind == WEIR_ARRAY || a.kind == WEIR_COMPLEX || b.kind == WEIR_ARRAY ||
        b.kind == WEIR_COMPLEX) {
        return a.kind == WEIR_ARRAY || a.kind == WEIR_COMPLEX ? a : b;
    }
    if (a.kind == WEIR_STRING && b.kind == WEIR_STRING) {
        return WEIR_TYPE(WEIR_STRING);
    }
    return number_type(a, b);
}

weir_type weir_type_of_function(weir_type a, weir_type b)
{
    bool plain = a.kind != WEIR_UNKNOWN && b.kind != WEIR_UNKNOWN && a.kind != WEIR_ARRAY &&
                 b.kind != WEIR_ARRAY && a.kind != WEIR_COMPLEX && b.kind != WEIR_COMPLEX;
    if (plain && (a.kind == WEIR_STRING || b.kind == WEIR_STRING)) {
        return (weir_type){.kind = WEIR_STRING};
    }
    return weir_type_of_operator(a, b);
}

bool weir_type_of_both(weir_type a, weir_type b, weir_type *out)
{
    if (a.kind == WEIR_UNKNOWN || b.kind == WEIR_UNKNOWN) {
        *out = a.kind == WEIR_UNKNOWN ? b : a;
        return true;
    }
    if (a.kind == WEIR_COMPLEX || b.kind == WEIR_COMPLEX) {
        bool json = (a.kind == WEIR_COMPLEX && a.complex && strcmp(a.complex->name, "json") == 0) ||
                    (b.kind == WEIR_COMPLEX && b.complex && strcmp(b.complex->name, "json") == 0);
        *out = a.kind == WEIR_COMPLEX ? a : b;
        return json || weir_type_eq(a, b);
    }
    if (a.kind == WEIR_ARRAY || b.kind == WEIR_ARRAY) {
        weir_type elem;
        if (!weir_type_of_both(WEIR_TYPE(a.kind == WEIR_ARRAY ? a.elem : a.kind),
                               WEIR_TYPE(b.kind == WEIR_ARRAY ? b.elem : b.kind), &elem)) {
            return false;
        }
        *out = (weir_type){.kind = WEIR_ARRAY, .elem = elem.kind};
        return true;
    }
    *out = weir_type_of_function(a, b);
    return true;
}

static bool infer_all(weir_fn_call *call, weir_kind kind)
{
    for (uint32_t i = 0; i < call->arg_count; i++) {
        call->arg_types[i] = WEIR_TYPE(kind);
    }
    call->type = WEIR_TYPE(kind);
    return true;
}

bool weir_infer_doubles(weir_fn_call *call, weir_error *err)
{
    (void)err;
    return infer_all(call, WEIR_DOUBLE);
}

bool weir_infer_longs(weir_fn_call *call, weir_error *err)
{
    (void)err;
    return infer_all(call, WEIR_LONG);
}

bool weir_infer_strings(weir_fn_call *call, weir_error *err)
{
    (void)err;
    return infer_all(call, WEIR_STRING);
}

bool weir_fn_fail(const weir_fn_call *call, weir_error *err, const char *what)
{
    return weir_fail(err, WEIR_ERR_BAD_QUERY, "Function[%s] %s", call->fn->name, what);
}

bool weir_call_literal(const weir_fn_call *call, uint32_t i, weir_str *out)
{
    const weir_value *value = i < call->arg_count ? call->literals[i] : NULL;
    if (!value || value->is_null || value->type.kind != WEIR_STRING) {
        return false;
    }
    *out = value->as.s;
    return true;
}

bool weir_call_is_default(const weir_fn_call *call, uint32_t i)
{
    return i >= call->arg_count || (call->literals[i] && call->literals[i]->is_null);
}
