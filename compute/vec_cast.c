/* compute/vec_cast.c - a column read as another kind, by Druid's conversions: numbers as Java casts
 * them (double to long saturates, NaN is 0), text that is no number is null, numbers print as Java
 * prints them. */
#include "compute/fn_util.h"
#include "compute/vec.h"
#include "compute/text.h"
#include "weir/buf.h"
#include <math.h>

int64_t weir_double_to_long(double d)
{
    return isnan(d)                     ? 0
           : d >= 9223372036854775808.0 ? INT64_MAX
           : d < -9223372036854775808.0 ? INT64_MIN
                                        : (int64_t)d;
}

/* Java's narrowing; beyond the range of float it is infinite. */
static float to_float(double d)
{
    return (float)d;
}

static double number_at(const weir_vec *vec, uint32_t i)
{
    return vec->type.kind == WEIR_DOUBLE  ? vec->at.d[i]
           : vec->type.kind == WEIR_FLOAT ? (double)vec->at.f[i]
                                          : (double)vec->at.l[i];
}

static void numbers_to_numbers(const weir_vec *vec, uint8_t kind, weir_scratch *s, weir_vec *out)
{
    uint32_t n = vec->n;
    int64_t *l = WEIR_SCRATCH_ARRAY(s, int64_t, n);
    double *d = (double *)l;
    float *f = (float *)(void *)l;
    if (kind == WEIR_DOUBLE) {
        for (uint32_t i = 0; i < n; i++) {
            d[i] = number_at(vec, i);
        }
    } else if (kind == WEIR_FLOAT && vec->type.kind == WEIR_LONG) {
        for (uint32_t i = 0; i < n; i++) { /* once rounded, not twice */
            f[i] = (float)vec->at.l[i];
        }
    } else if (kind == WEIR_FLOAT) {
        for (uint32_t i = 0; i < n; i++) {
            f[i] = to_float(number_at(vec, i));
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            l[i] = weir_double_to_long(number_at(vec, i));
        }
    }
    out->at.l = l;
}

static void numbers_to_strings(const weir_vec *vec, weir_scratch *s, weir_vec *out)
{
    weir_str *str = WEIR_SCRATCH_ARRAY(s, weir_str, vec->n);
    char *at = weir_scratch_take(s, (size_t)vec->n * 32);
    for (uint32_t i = 0; i < vec->n; i++) {
        if (weir_vec_is_null(vec, i)) {
            str[i] = (weir_str){0};
            continue;
        }
        size_t size = vec->type.kind == WEIR_LONG    ? weir_print_long(at, vec->at.l[i])
                      : vec->type.kind == WEIR_FLOAT ? weir_print_float(at, vec->at.f[i])
                                                     : weir_print_double(at, vec->at.d[i]);
        str[i] = (weir_str){at, size};
        at += size;
    }
    out->at.s = str;
}

typedef bool text_to_long(weir_str text, int64_t *out);

static void strings_to_numbers(const weir_vec *vec, uint8_t kind, text_to_long *to_long,
                               weir_scratch *s, weir_vec *out)
{
    uint32_t n = vec->n;
    int64_t *l = WEIR_SCRATCH_ARRAY(s, int64_t, n);
    double *d = (double *)l;
    float *f = (float *)(void *)l;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(*nulls) * weir_words(n));
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        int64_t long_value = 0;
        double value = 0;
        bool null = weir_vec_is_null(vec, i) ||
                    !(kind == WEIR_LONG ? to_long(vec->at.s[i], &long_value)
                                        : weir_text_to_double(vec->at.s[i], &value));
        if (null) {
            weir_bit_set(nulls, i);
            any = true;
        }
        if (kind == WEIR_LONG) {
            l[i] = long_value;
        } else if (kind == WEIR_DOUBLE) {
            d[i] = value;
        } else {
            f[i] = to_float(value);
        }
    }
    out->at.l = l;
    out->nulls = any ? nulls : NULL;
}

static bool is_scalar(uint8_t kind)
{
    return kind == WEIR_LONG || kind == WEIR_FLOAT || kind == WEIR_DOUBLE || kind == WEIR_STRING;
}

/* FLAT to FLAT. */
static void cast_flat(const weir_vec *vec, weir_type to, text_to_long *to_long, weir_scratch *s,
                      weir_vec *out)
{
    weir_vec result = *vec;
    result.type = to;
    if (vec->type.kind == WEIR_STRING && to.kind != WEIR_STRING) {
        strings_to_numbers(vec, to.kind, to_long, s, &result);
    } else if (vec->type.kind != WEIR_STRING && to.kind == WEIR_STRING) {
        numbers_to_strings(vec, s, &result);
    } else if (vec->type.kind != to.kind) {
        numbers_to_numbers(vec, to.kind, s, &result);
    }
    *out = result;
}

static bool is_json(weir_type type)
{
    return type.kind == WEIR_COMPLEX && type.complex && strcmp(type.complex->name, "json") == 0;
}

/* Literals as what they are; objects and arrays as text, or null. */
static bool cast_json(const weir_vec *vec, weir_type to, weir_scratch *s, weir_vec *out,
                      weir_error *err)
{
    weir_run run = {.scratch = s, .err = err};
    weir_kind kind = to.kind == WEIR_FLOAT ? WEIR_DOUBLE : (weir_kind)to.kind;
    weir_vec cast = {.type = WEIR_TYPE((uint8_t)kind), .form = vec->form, .n = vec->n};
    if (!weir_json_cast(&run, vec, kind, vec->form == WEIR_CONST ? 1 : vec->n, &cast)) {
        return false;
    }
    cast.form = vec->form;
    cast.n = vec->n;
    if (cast.type.kind != to.kind) {
        return weir_vec_cast(&cast, to, s, out, err);
    }
    *out = cast;
    return true;
}

static bool cast_any(const weir_vec *vec, weir_type to, text_to_long *to_long, weir_scratch *s,
                     weir_vec *out, weir_error *err);

/* Scalars as arrays of one. */
static bool to_lists(const weir_vec *vec, weir_type to, text_to_long *to_long, weir_scratch *s,
                     weir_vec *out, weir_error *err)
{
    weir_vec cast, *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, vec->n + 1);
    if (!cast_any(vec, WEIR_TYPE(to.elem), to_long, s, &cast, err) ||
        !weir_vec_flatten(&cast, s, items, err)) {
        return false;
    }
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(vec->n) + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(vec->n) + 1));
    for (uint32_t i = 0; i < vec->n; i++) {
        offsets[i] = i;
        if (weir_vec_is_null(vec, i)) {
            weir_bit_set(nulls, i);
        }
    }
    offsets[vec->n] = vec->n;
    *out = (weir_vec){.type = to, .form = WEIR_LIST, .n = vec->n, .nulls = nulls, .items = items};
    out->at.offsets = offsets;
    return true;
}

static bool cast_any(const weir_vec *vec, weir_type to, text_to_long *to_long, weir_scratch *s,
                     weir_vec *out, weir_error *err)
{
    if (weir_type_eq(vec->type, to)) {
        *out = *vec;
        out->type = to;
        return true;
    }
    if (is_json(to) && vec->type.kind != WEIR_COMPLEX && vec->type.kind != WEIR_UNKNOWN) {
        return weir_vec_to_json(vec, s, out, err);
    }
    if (vec->form == WEIR_LIST || (vec->form == WEIR_CONST && vec->items)) {
        uint8_t elem = to.kind == WEIR_ARRAY ? to.elem : to.kind;
        weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
        if (!cast_any(vec->items, WEIR_TYPE(elem), to_long, s, items, err)) {
            return false;
        }
        *out = *vec;
        out->type = to;
        out->items = items;
        return true;
    }
    if (is_json(vec->type) && is_scalar(to.kind)) {
        return cast_json(vec, to, s, out, err);
    }
    if (is_scalar(vec->type.kind) && to.kind == WEIR_ARRAY) {
        return to_lists(vec, to, to_long, s, out, err);
    }
    if (!is_scalar(vec->type.kind) || !is_scalar(to.kind)) {
        *out = weir_vec_null(to, vec->n);
        return true;
    }
    weir_vec short_one = *vec, flat, cast;
    if (vec->form == WEIR_CONST) {
        short_one.n = vec->n < 1 ? vec->n : 1;
    }
    if (!weir_vec_flatten(&short_one, s, &flat, err)) {
        return false;
    }
    cast_flat(&flat, to, to_long, s, &cast);
    cast.form = vec->form == WEIR_CONST ? WEIR_CONST : WEIR_FLAT;
    cast.n = vec->n;
    *out = cast;
    return true;
}

bool weir_vec_cast(const weir_vec *vec, weir_type to, weir_scratch *s, weir_vec *out,
                   weir_error *err)
{
    return cast_any(vec, to, weir_text_to_long, s, out, err);
}

bool weir_vec_cast_exact(const weir_vec *vec, weir_type to, weir_scratch *s, weir_vec *out,
                         weir_error *err)
{
    return cast_any(vec, to, weir_text_to_long_exact, s, out, err);
}

weir_value weir_value_cast(weir_arena *arena, weir_value value, weir_kind to)
{
    weir_type type = WEIR_TYPE((uint8_t)to);
    if (value.type.kind == to) {
        return value;
    }
    weir_scratch s = {0};
    weir_vec vec = weir_vec_const(&s, &value, 1), cast;
    weir_value out = {.type = type, .is_null = true};
    if (!value.is_null && is_scalar(value.type.kind) &&
        (!weir_vec_cast(&vec, type, &s, &cast, NULL) ||
         !weir_vec_value(&cast, 0, arena, &out, NULL))) {
        out = (weir_value){.type = type, .is_null = true};
    }
    weir_scratch_done(&s);
    return out;
}
