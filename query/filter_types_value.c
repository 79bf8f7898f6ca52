/* query/filter_types_value.c - leaves that ask for values: null, one (selector, equals), many (in,
 * inType), any, true. Each value is prepared once as text, long, double and float; a kind that it
 * has no exact form of is never met. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include "query/filter_types.h"
#include "weir/buf.h"

typedef struct value_set { /* sorted, distinct */
    uint32_t text_count, long_count, double_count, float_count;
    const weir_str *texts;
    const int64_t *longs;
    const double *doubles;
    const float *floats;
    bool has_null;
} value_set;

static weir_verdict verdict(bool truth)
{
    return truth ? WEIR_V_TRUE : WEIR_V_FALSE;
}

weir_decimal weir_decimal_to_long(weir_str text, int64_t *out)
{
    size_t i = 0, point = SIZE_MAX, digit_count = 0;
    char digits[400];
    bool negative = false, any = false, lost = false;
    if (i < text.size && (text.at[i] == '+' || text.at[i] == '-')) {
        negative = text.at[i++] == '-';
    }
    for (; i < text.size; i++) {
        char c = text.at[i];
        if (c == '.' && point == SIZE_MAX) {
            point = digit_count;
        } else if (c >= '0' && c <= '9') {
            any = true;
            if (digit_count < sizeof(digits)) {
                digits[digit_count++] = c;
            } else {
                lost = lost || c != '0';
                if (point == SIZE_MAX) {
                    return negative ? WEIR_DECIMAL_BELOW : WEIR_DECIMAL_ABOVE;
                }
            }
        } else {
            break;
        }
    }
    if (!any) {
        return WEIR_DECIMAL_BAD;
    }
    point = point == SIZE_MAX ? digit_count : point;
    int64_t exponent = 0;
    if (i < text.size && (text.at[i] == 'e' || text.at[i] == 'E')) {
        bool down = false, some = false;
        i++;
        if (i < text.size && (text.at[i] == '+' || text.at[i] == '-')) {
            down = text.at[i++] == '-';
        }
        for (; i < text.size && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
            some = true;
            exponent = exponent < 100000 ? exponent * 10 + (text.at[i] - '0') : exponent;
        }
        exponent = down ? -exponent : exponent;
        if (!some) {
            return WEIR_DECIMAL_BAD;
        }
    }
    if (i != text.size) {
        return WEIR_DECIMAL_BAD;
    }
    int64_t whole = (int64_t)point + exponent; /* digits before the point */
    unsigned __int128 value = 0;
    bool fraction = lost;
    for (int64_t k = 0; k < (int64_t)digit_count || k < whole; k++) {
        unsigned digit = k < (int64_t)digit_count ? (unsigned)(digits[k] - '0') : 0;
        if (k >= whole) {
            fraction = fraction || digit != 0;
        } else if (value > ((unsigned __int128)1 << 64)) {
            return negative ? WEIR_DECIMAL_BELOW : WEIR_DECIMAL_ABOVE;
        } else {
            value = value * 10 + digit;
            if (value == 0 && k >= (int64_t)digit_count) {
                break; /* zero, whatever the exponent */
            }
        }
    }
    unsigned __int128 limit = (unsigned __int128)1 << 63;
    if (negative) {
        value += fraction ? 1 : 0; /* floor */
        if (value > limit) {
            return WEIR_DECIMAL_BELOW;
        }
        *out = (int64_t)(0 - (uint64_t)value);
    } else {
        if (value >= limit) {
            return WEIR_DECIMAL_ABOVE;
        }
        *out = (int64_t)value;
    }
    return fraction ? WEIR_DECIMAL_FLOOR : WEIR_DECIMAL_EXACT;
}

weir_value_forms weir_value_forms_of(weir_arena *arena, const weir_value *value)
{
    weir_value_forms forms = {.text = weir_value_cast(arena, *value, WEIR_STRING).as.s};
    forms.text = weir_arena_str(arena, forms.text);
    switch ((weir_kind)value->type.kind) {
    case WEIR_LONG:
        forms.has_long = forms.has_double = true;
        forms.lng = value->as.l;
        forms.dbl = (double)value->as.l;
        break;
    case WEIR_FLOAT:
    case WEIR_DOUBLE:
        forms.has_double = true;
        forms.dbl = value->as.d;
        forms.has_long =
            value->as.d >= -0x1p63 && value->as.d < 0x1p63 && trunc(value->as.d) == value->as.d;
        forms.lng = forms.has_long ? (int64_t)value->as.d : 0;
        break;
    case WEIR_STRING:
        forms.has_long = weir_decimal_to_long(forms.text, &forms.lng) == WEIR_DECIMAL_EXACT;
        forms.has_double = weir_text_to_double(forms.text, &forms.dbl);
        break;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        break;
    }
    forms.flt = (float)forms.dbl;
    return forms;
}

/* Java's equals of boxed numbers: NaN is itself. */
static bool same_double(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* equals */
static weir_verdict equals_string(const weir_leaf *leaf, weir_str value)
{
    const weir_value_forms *forms = leaf->params;
    return verdict(weir_str_eq(value, forms->text));
}

static weir_verdict equals_long(const weir_leaf *leaf, int64_t value)
{
    const weir_value_forms *forms = leaf->params;
    return verdict(forms->has_long && value == forms->lng);
}

static weir_verdict equals_double(const weir_leaf *leaf, double value)
{
    const weir_value_forms *forms = leaf->params;
    return verdict(forms->has_double && same_double(value, forms->dbl));
}

static weir_verdict equals_float(const weir_leaf *leaf, float value)
{
    const weir_value_forms *forms = leaf->params;
    return verdict(forms->has_double && same_double((double)value, (double)forms->flt));
}

static uint32_t equals_spans(const weir_leaf *leaf, const weir_dict *dict, weir_id_span *out,
                             uint32_t capacity)
{
    const weir_value_forms *forms = leaf->params;
    uint32_t id = dict->ops->find(dict, forms->text);
    if (id == WEIR_NO_ID || id >= dict->count) {
        return 0;
    }
    if (capacity < 1) {
        return UINT32_MAX;
    }
    out[0] = (weir_id_span){id, id + 1};
    return 1;
}

static bool equals_long_range(const weir_leaf *leaf, int64_t *lo, int64_t *hi)
{
    const weir_value_forms *forms = leaf->params;
    *lo = forms->has_long ? forms->lng : 1;
    *hi = forms->has_long ? forms->lng : 0;
    return true;
}

/* A scalar is an array of one. */
static weir_verdict equals_array(const weir_leaf *leaf, const weir_vec *items, uint32_t from,
                                 uint32_t to)
{
    if (to - from != 1 || weir_vec_is_null(items, from)) {
        return WEIR_V_FALSE;
    }
    switch ((weir_kind)items->type.kind) {
    case WEIR_LONG:
        return equals_long(leaf, items->at.l[from]);
    case WEIR_DOUBLE:
        return equals_double(leaf, items->at.d[from]);
    case WEIR_FLOAT:
        return equals_float(leaf, items->at.f[from]);
    case WEIR_STRING:
        return equals_string(leaf, items->at.s[from]);
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        break;
    }
    return WEIR_V_FALSE;
}

static void equals_print(const weir_leaf *leaf, weir_buf *out)
{
    const weir_value_forms *forms = leaf->params;
    weir_json json = {.out = out};
    weir_json_str(&json, forms->text);
    weir_buf_text(out, forms->has_long ? "L" : forms->has_double ? "D" : "S");
}

const weir_leaf_type weir_leaf_equals = {
    .type = "equals",
    .string = equals_string,
    .lng = equals_long,
    .dbl = equals_double,
    .flt = equals_float,
    .spans = equals_spans,
    .long_range = equals_long_range,
    .array = equals_array,
    .print = equals_print,
};

/* in */
static int cmp_text(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

static int cmp_long(const void *a, const void *b)
{
    return weir_long_cmp(*(const int64_t *)a, *(const int64_t *)b);
}

static int cmp_double(const void *a, const void *b)
{
    return weir_double_cmp(*(const double *)a, *(const double *)b);
}

static int cmp_float(const void *a, const void *b)
{
    return weir_double_cmp((double)*(const float *)a, (double)*(const float *)b);
}

static uint32_t sort_distinct(void *items, size_t count, size_t size,
                              int (*compare)(const void *, const void *))
{
    char *at = items;
    if (count == 0) {
        return 0;
    }
    qsort(items, count, size, compare);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (compare(at + (kept - 1) * size, at + i * size) != 0) {
            memmove(at + kept * size, at + i * size, size);
            kept++;
        }
    }
    return (uint32_t)kept;
}

static bool among(const void *key, const void *items, uint32_t count, size_t size,
                  int (*compare)(const void *, const void *))
{
    return count && bsearch(key, items, count, size, compare);
}

static weir_verdict in_string(const weir_leaf *leaf, weir_str value)
{
    const value_set *set = leaf->params;
    return verdict(among(&value, set->texts, set->text_count, sizeof(value), cmp_text));
}

static weir_verdict in_long(const weir_leaf *leaf, int64_t value)
{
    const value_set *set = leaf->params;
    return verdict(among(&value, set->longs, set->long_count, sizeof(value), cmp_long));
}

static weir_verdict in_double(const weir_leaf *leaf, double value)
{
    const value_set *set = leaf->params;
    return verdict(among(&value, set->doubles, set->double_count, sizeof(value), cmp_double));
}

static weir_verdict in_float(const weir_leaf *leaf, float value)
{
    const value_set *set = leaf->params;
    return verdict(among(&value, set->floats, set->float_count, sizeof(value), cmp_float));
}

static uint32_t in_spans(const weir_leaf *leaf, const weir_dict *dict, weir_id_span *out,
                         uint32_t capacity)
{
    const value_set *set = leaf->params;
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->text_count; i++) {
        uint32_t id = dict->ops->find(dict, set->texts[i]);
        if (id == WEIR_NO_ID || id >= dict->count) {
            continue;
        }
        if (count && out[count - 1].to == id) {
            out[count - 1].to = id + 1;
        } else if (count == capacity) {
            return UINT32_MAX;
        } else {
            out[count++] = (weir_id_span){id, id + 1};
        }
    }
    return count;
}

static bool in_long_range(const weir_leaf *leaf, int64_t *lo, int64_t *hi)
{
    const value_set *set = leaf->params;
    if (set->long_count == 0) {
        *lo = 1;
        *hi = 0;
        return true;
    }
    *lo = set->longs[0];
    *hi = set->longs[set->long_count - 1];
    return (uint64_t)*hi - (uint64_t)*lo == set->long_count - 1; /* no gaps */
}

static void in_print(const weir_leaf *leaf, weir_buf *out)
{
    const value_set *set = leaf->params;
    weir_json json = {.out = out};
    weir_json_begin_array(&json);
    if (set->has_null) {
        weir_json_null(&json);
    }
    for (uint32_t i = 0; i < set->text_count; i++) {
        weir_json_str(&json, set->texts[i]);
    }
    weir_json_end_array(&json);
    weir_buf_printf(out, "%u,%u", set->long_count, set->double_count);
}

const weir_leaf_type weir_leaf_in = {
    .type = "in",
    .string = in_string,
    .lng = in_long,
    .dbl = in_double,
    .flt = in_float,
    .spans = in_spans,
    .long_range = in_long_range,
    .print = in_print,
};

static weir_filter *value_leaf(weir_arena *arena, weir_target target, const weir_value *values,
                               size_t count)
{
    value_set *set = WEIR_ARENA_NEW(arena, value_set);
    weir_str *texts = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    int64_t *longs = WEIR_ARENA_ARRAY(arena, int64_t, count + 1);
    double *doubles = WEIR_ARENA_ARRAY(arena, double, count + 1);
    float *floats = WEIR_ARENA_ARRAY(arena, float, count + 1);
    uint32_t text_count = 0, long_count = 0, double_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (values[i].is_null) {
            set->has_null = true;
            continue;
        }
        weir_value_forms forms = weir_value_forms_of(arena, &values[i]);
        texts[text_count++] = forms.text;
        if (forms.has_long) {
            longs[long_count++] = forms.lng;
        }
        if (forms.has_double) {
            floats[double_count] = forms.flt;
            doubles[double_count++] = forms.dbl;
        }
    }
    set->texts = texts;
    set->longs = longs;
    set->doubles = doubles;
    set->floats = floats;
    set->text_count = sort_distinct(texts, text_count, sizeof(*texts), cmp_text);
    set->long_count = sort_distinct(longs, long_count, sizeof(*longs), cmp_long);
    set->double_count = sort_distinct(doubles, double_count, sizeof(*doubles), cmp_double);
    set->float_count = sort_distinct(floats, double_count, sizeof(*floats), cmp_float);
    weir_filter *filter = weir_filter_leaf(arena, &weir_leaf_in, target, set);
    if (set->has_null) {
        filter->leaf.null_verdict = filter->leaf.null_number = WEIR_V_TRUE;
    }
    return filter;
}

weir_filter *weir_filter_in(weir_arena *arena, weir_target target, const weir_value *values,
                            size_t count)
{
    if (count == 1 && values[0].is_null) {
        return weir_filter_is_null(arena, target);
    }
    if (count == 1) {
        weir_value_forms *forms = WEIR_ARENA_NEW(arena, weir_value_forms);
        *forms = weir_value_forms_of(arena, &values[0]);
        return weir_filter_leaf(arena, &weir_leaf_equals, target, forms);
    }
    return value_leaf(arena, target, values, count);
}

/* null */
static weir_verdict never_string(const weir_leaf *leaf, weir_str value)
{
    (void)leaf;
    (void)value;
    return WEIR_V_FALSE;
}

static weir_verdict never_long(const weir_leaf *leaf, int64_t value)
{
    (void)leaf;
    (void)value;
    return WEIR_V_FALSE;
}

static weir_verdict never_double(const weir_leaf *leaf, double value)
{
    (void)leaf;
    (void)value;
    return WEIR_V_FALSE;
}

static weir_verdict never_float(const weir_leaf *leaf, float value)
{
    (void)leaf;
    (void)value;
    return WEIR_V_FALSE;
}

static uint32_t never_spans(const weir_leaf *leaf, const weir_dict *dict, weir_id_span *out,
                            uint32_t capacity)
{
    (void)leaf;
    (void)dict;
    (void)out;
    (void)capacity;
    return 0;
}

static bool never_long_range(const weir_leaf *leaf, int64_t *lo, int64_t *hi)
{
    (void)leaf;
    *lo = 1;
    *hi = 0;
    return true;
}

static bool never_double_range(const weir_leaf *leaf, double *lo, bool *lo_open, double *hi,
                               bool *hi_open)
{
    (void)leaf;
    *lo = 1;
    *hi = 0;
    *lo_open = *hi_open = false;
    return true;
}

static void no_print(const weir_leaf *leaf, weir_buf *out)
{
    (void)leaf;
    (void)out;
}

const weir_leaf_type weir_leaf_null = {
    .type = "null",
    .string = never_string,
    .lng = never_long,
    .dbl = never_double,
    .flt = never_float,
    .spans = never_spans,
    .long_range = never_long_range,
    .double_range = never_double_range,
    .float_range = never_double_range,
    .any_value = true,
    .print = no_print,
};

weir_filter *weir_filter_is_null(weir_arena *arena, weir_target target)
{
    weir_filter *filter = weir_filter_leaf(arena, &weir_leaf_null, target, NULL);
    filter->leaf.null_verdict = filter->leaf.null_number = WEIR_V_TRUE;
    return filter;
}

/* any */
static weir_verdict any_string(const weir_leaf *leaf, weir_str value)
{
    (void)leaf;
    (void)value;
    return WEIR_V_TRUE;
}

static weir_verdict any_long(const weir_leaf *leaf, int64_t value)
{
    (void)leaf;
    (void)value;
    return WEIR_V_TRUE;
}

static weir_verdict any_double(const weir_leaf *leaf, double value)
{
    (void)leaf;
    (void)value;
    return WEIR_V_TRUE;
}

static weir_verdict any_float(const weir_leaf *leaf, float value)
{
    (void)leaf;
    (void)value;
    return WEIR_V_TRUE;
}

static uint32_t any_spans(const weir_leaf *leaf, const weir_dict *dict, weir_id_span *out,
                          uint32_t capacity)
{
    (void)leaf;
    if (dict->count <= 1) {
        return 0;
    }
    if (capacity < 1) {
        return UINT32_MAX;
    }
    out[0] = (weir_id_span){1, dict->count};
    return 1;
}

static bool any_long_range(const weir_leaf *leaf, int64_t *lo, int64_t *hi)
{
    (void)leaf;
    *lo = INT64_MIN;
    *hi = INT64_MAX;
    return true;
}

static bool any_double_range(const weir_leaf *leaf, double *lo, bool *lo_open, double *hi,
                             bool *hi_open)
{
    (void)leaf;
    *lo = -INFINITY;
    *hi = NAN;
    *lo_open = *hi_open = false;
    return true;
}

const weir_leaf_type weir_leaf_any = {
    .type = "any",
    .string = any_string,
    .lng = any_long,
    .dbl = any_double,
    .flt = any_float,
    .spans = any_spans,
    .long_range = any_long_range,
    .double_range = any_double_range,
    .float_range = any_double_range,
    .any_value = true,
    .print = no_print,
};

weir_filter *weir_filter_any(weir_arena *arena, weir_target target)
{
    return weir_filter_leaf(arena, &weir_leaf_any, target, NULL);
}

/* truth of an expression */
static weir_verdict truth_string(const weir_leaf *leaf, weir_str value)
{
    (void)leaf;
    return verdict(weir_str_eq_nocase(value, WEIR_STR("true")));
}

static weir_verdict truth_long(const weir_leaf *leaf, int64_t value)
{
    (void)leaf;
    return verdict(value > 0);
}

static weir_verdict truth_double(const weir_leaf *leaf, double value)
{
    (void)leaf;
    return verdict(value > 0);
}

static weir_verdict truth_float(const weir_leaf *leaf, float value)
{
    (void)leaf;
    return verdict(value > 0);
}

static weir_verdict truth_array(const weir_leaf *leaf, const weir_vec *items, uint32_t from,
                                uint32_t to)
{
    (void)leaf;
    for (uint32_t k = from; k < to; k++) {
        bool is_null = weir_vec_is_null(items, k);
        bool truth = !is_null && (items->type.kind == WEIR_LONG     ? items->at.l[k] > 0
                                  : items->type.kind == WEIR_DOUBLE ? items->at.d[k] > 0
                                  : items->type.kind == WEIR_STRING
                                      ? weir_str_eq_nocase(items->at.s[k], WEIR_STR("true"))
                                      : false);
        if (truth) {
            return WEIR_V_TRUE;
        }
    }
    return WEIR_V_FALSE;
}

const weir_leaf_type weir_leaf_truth = {
    .type = "expression",
    .string = truth_string,
    .lng = truth_long,
    .dbl = truth_double,
    .flt = truth_float,
    .array = truth_array,
    .print = no_print,
};

weir_filter *weir_filter_truth(weir_arena *arena, const weir_expr *expr)
{
    assert(expr);
    return weir_filter_leaf(arena, &weir_leaf_truth, (weir_target){.expr = expr}, NULL);
}
