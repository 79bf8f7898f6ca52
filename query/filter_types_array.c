/* query/filter_types_array.c - leaves that ask about arrays: equal to one, between two, with an
 * element. The match value is cast to the kinds that a column's elements may have, once; an element
 * that cannot be cast is null, as in Druid. Columns of plain values are arrays of one. */
#include "query/filter_types.h"
#include "compute/text.h"
#include "weir/buf.h"

static weir_verdict verdict(bool truth)
{
    return truth ? WEIR_V_TRUE : WEIR_V_FALSE;
}

/* An array as each kind of elements. */
typedef struct array_forms {
    uint32_t count;
    const weir_value *texts, *longs, *doubles;
} array_forms;

static const weir_value *cast_all(weir_arena *arena, const weir_value *items, uint32_t count,
                                  weir_kind kind)
{
    weir_value *out = WEIR_ARENA_ARRAY(arena, weir_value, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = items[i].is_null ? weir_value_null() : weir_value_cast(arena, items[i], kind);
    }
    return out;
}

static array_forms forms_of_array(weir_arena *arena, const weir_value *value)
{
    bool array = value->type.kind == WEIR_ARRAY;
    uint32_t count = array ? value->as.array.count : 1;
    const weir_value *items = array ? value->as.array.at : value;
    return (array_forms){.count = count,
                         .texts = cast_all(arena, items, count, WEIR_STRING),
                         .longs = cast_all(arena, items, count, WEIR_LONG),
                         .doubles = cast_all(arena, items, count, WEIR_DOUBLE)};
}

/* Item i of a FLAT vector against element k: nulls first. */
static int item_cmp(const weir_vec *items, uint32_t i, const array_forms *forms, uint32_t k)
{
    bool texts = items->type.kind == WEIR_STRING, longs = items->type.kind == WEIR_LONG;
    const weir_value *value = texts   ? &forms->texts[k]
                              : longs ? &forms->longs[k]
                                      : &forms->doubles[k];
    bool is_null = weir_vec_is_null(items, i);
    if (is_null || value->is_null) {
        return (int)value->is_null - (int)is_null;
    }
    if (texts) {
        return weir_str_cmp(items->at.s[i], value->as.s);
    }
    if (longs) {
        return weir_long_cmp(items->at.l[i], value->as.l);
    }
    double d = items->type.kind == WEIR_FLOAT ? (double)items->at.f[i] : items->at.d[i];
    return weir_double_cmp(d, value->as.d);
}

static int array_cmp(const weir_vec *items, uint32_t from, uint32_t to, const array_forms *forms)
{
    uint32_t size = to - from;
    for (uint32_t k = 0; k < size && k < forms->count; k++) {
        int order = item_cmp(items, from + k, forms, k);
        if (order != 0) {
            return order;
        }
    }
    return (size > forms->count) - (size < forms->count);
}

/* One plain value as a vector, for the leaves that see columns of plain values. */
static weir_vec one_text(const weir_str *value)
{
    weir_vec vec = {.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = 1};
    vec.at.s = value;
    return vec;
}

static weir_vec one_long(const int64_t *value)
{
    weir_vec vec = {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 1};
    vec.at.l = value;
    return vec;
}

static weir_vec one_double(const double *value)
{
    weir_vec vec = {.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = 1};
    vec.at.d = value;
    return vec;
}

/* The scalar forms of a leaf that judges arrays. */
#define SCALARS(name, judge)                                                                       \
    static weir_verdict name##_string(const weir_leaf *leaf, weir_str value)                       \
    {                                                                                              \
        weir_vec one = one_text(&value);                                                           \
        return judge(leaf, &one, 0, 1);                                                            \
    }                                                                                              \
    static weir_verdict name##_long(const weir_leaf *leaf, int64_t value)                          \
    {                                                                                              \
        weir_vec one = one_long(&value);                                                           \
        return judge(leaf, &one, 0, 1);                                                            \
    }                                                                                              \
    static weir_verdict name##_double(const weir_leaf *leaf, double value)                         \
    {                                                                                              \
        weir_vec one = one_double(&value);                                                         \
        return judge(leaf, &one, 0, 1);                                                            \
    }                                                                                              \
    static weir_verdict name##_float(const weir_leaf *leaf, float value)                           \
    {                                                                                              \
        return name##_double(leaf, (double)value);                                                 \
    }

static void print_forms(weir_buf *out, const array_forms *forms)
{
    weir_json json = {.out = out};
    weir_json_begin_array(&json);
    for (uint32_t k = 0; k < forms->count; k++) {
        if (forms->texts[k].is_null) {
            weir_json_null(&json);
        } else {
            weir_json_str(&json, forms->texts[k].as.s);
        }
    }
    weir_json_end_array(&json);
}

/* ---- equal ---- */

static weir_verdict equals(const weir_leaf *leaf, const weir_vec *items, uint32_t from, uint32_t to)
{
    const array_forms *forms = leaf->params;
    return verdict(to - from == forms->count && array_cmp(items, from, to, forms) == 0);
}

SCALARS(equals, equals)

static void equals_print(const weir_leaf *leaf, weir_buf *out)
{
    print_forms(out, leaf->params);
}

const weir_leaf_type weir_leaf_array_equals = {
    .type = "equals_array",
    .string = equals_string,
    .lng = equals_long,
    .dbl = equals_double,
    .flt = equals_float,
    .array = equals,
    .print = equals_print,
};

weir_filter *weir_filter_array_equals(weir_arena *arena, weir_target target,
                                      const weir_value *value)
{
    array_forms *forms = WEIR_ARENA_NEW(arena, array_forms);
    *forms = forms_of_array(arena, value);
    return weir_filter_leaf(arena, &weir_leaf_array_equals, target, forms);
}

/* ---- between ---- */

typedef struct array_range {
    bool has_lower, has_upper, lower_strict, upper_strict;
    array_forms lower, upper;
} array_range;

static weir_verdict range(const weir_leaf *leaf, const weir_vec *items, uint32_t from, uint32_t to)
{
    const array_range *p = leaf->params;
    if (p->has_lower) {
        int order = array_cmp(items, from, to, &p->lower);
        if (order < 0 || (order == 0 && p->lower_strict)) {
            return WEIR_V_FALSE;
        }
    }
    if (p->has_upper) {
        int order = array_cmp(items, from, to, &p->upper);
        if (order > 0 || (order == 0 && p->upper_strict)) {
            return WEIR_V_FALSE;
        }
    }
    return WEIR_V_TRUE;
}

SCALARS(range, range)

static void range_print(const weir_leaf *leaf, weir_buf *out)
{
    const array_range *p = leaf->params;
    weir_buf_text(out, p->has_lower ? (p->lower_strict ? "(" : "[") : "(-");
    if (p->has_lower) {
        print_forms(out, &p->lower);
    }
    weir_buf_byte(out, ',');
    if (p->has_upper) {
        print_forms(out, &p->upper);
    }
    weir_buf_text(out, p->has_upper ? (p->upper_strict ? ")" : "]") : "-)");
}

const weir_leaf_type weir_leaf_array_range = {
    .type = "range_array",
    .string = range_string,
    .lng = range_long,
    .dbl = range_double,
    .flt = range_float,
    .array = range,
    .print = range_print,
};

weir_filter *weir_filter_array_range(weir_arena *arena, weir_target target,
                                     const weir_array_bounds *bounds)
{
    array_range *p = WEIR_ARENA_NEW(arena, array_range);
    p->has_lower = !bounds->lower.is_null;
    p->has_upper = !bounds->upper.is_null;
    p->lower_strict = bounds->lower_strict;
    p->upper_strict = bounds->upper_strict;
    if (p->has_lower) {
        p->lower = forms_of_array(arena, &bounds->lower);
    }
    if (p->has_upper) {
        p->upper = forms_of_array(arena, &bounds->upper);
    }
    return weir_filter_leaf(arena, &weir_leaf_array_range, target, p);
}

/* ---- with an element ---- */

typedef struct element {
    bool is_null, never; /* elements are no arrays: none equals one */
    weir_value_forms forms;
} element;

static weir_verdict element_string(const weir_leaf *leaf, weir_str value)
{
    const element *e = leaf->params;
    return verdict(!e->is_null && !e->never && weir_str_eq(value, e->forms.text));
}

static weir_verdict element_long(const weir_leaf *leaf, int64_t value)
{
    const element *e = leaf->params;
    return verdict(e->forms.has_long && value == e->forms.lng);
}

static weir_verdict element_double(const weir_leaf *leaf, double value)
{
    const element *e = leaf->params;
    return verdict(e->forms.has_double && weir_double_cmp(value, e->forms.dbl) == 0);
}

static weir_verdict element_float(const weir_leaf *leaf, float value)
{
    const element *e = leaf->params;
    return verdict(e->forms.has_double &&
                   weir_double_cmp((double)value, (double)e->forms.flt) == 0);
}

static bool null_element(const weir_leaf *leaf)
{
    const element *e = leaf->params;
    return e->is_null;
}

static uint32_t element_spans(const weir_leaf *leaf, const weir_dict *dict, weir_id_span *out,
                              uint32_t capacity)
{
    const element *e = leaf->params;
    uint32_t id = e->is_null || e->never ? WEIR_NO_ID : dict->ops->find(dict, e->forms.text);
    if (id == WEIR_NO_ID || id >= dict->count) {
        return 0;
    }
    if (capacity < 1) {
        return UINT32_MAX;
    }
    out[0] = (weir_id_span){id, id + 1};
    return 1;
}

static void element_print(const weir_leaf *leaf, weir_buf *out)
{
    const element *e = leaf->params;
    weir_json json = {.out = out};
    if (e->is_null) {
        weir_json_null(&json);
    } else if (e->never) {
        weir_buf_text(out, "[]");
    } else {
        weir_json_str(&json, e->forms.text);
        weir_buf_text(out, e->forms.has_long ? "L" : e->forms.has_double ? "D" : "S");
    }
}

const weir_leaf_type weir_leaf_element = {
    .type = "element",
    .string = element_string,
    .lng = element_long,
    .dbl = element_double,
    .flt = element_float,
    .null_element = null_element,
    .spans = element_spans,
    .print = element_print,
};

weir_filter *weir_filter_contains_element(weir_arena *arena, weir_target target,
                                          const weir_value *value)
{
    element *e = WEIR_ARENA_NEW(arena, element);
    if (!value->is_null && value->type.kind == WEIR_ARRAY && value->as.array.count == 1) {
        value = &value->as.array.at[0];
    }
    e->is_null = value->is_null;
    e->never = !e->is_null && value->type.kind == WEIR_ARRAY;
    if (!e->is_null && !e->never) {
        e->forms = weir_value_forms_of(arena, value);
    }
    return weir_filter_leaf(arena, &weir_leaf_element, target, e);
}
