/* query/filter_types_bound.c - leaves that ask where a value lies: Druid's bound, range and
 * interval. Two types: by text (any ordering but numeric; numbers are judged as their text), and by
 * number (text that is no number sorts below all numbers, as Druid's numeric comparator has it).
 * Bounds come as text and are turned into a long range and a double range once. */
#include <math.h>
#include "query/filter_types.h"
#include "weir/buf.h"

typedef struct bound_params {
    weir_bounds bounds;
    const weir_ordering *ordering;
    bool no_long, no_double; /* nothing of that kind can match */
    int64_t long_lo, long_hi;
    double lo, hi; /* by Double.compare; no lower: -infinity; no upper: NaN */
    float flt_lo, flt_hi;
    bool lo_open, hi_open;
} bound_params;

static weir_verdict verdict(bool truth)
{
    return truth ? WEIR_V_TRUE : WEIR_V_FALSE;
}

static weir_verdict judge_string(const weir_leaf *leaf, weir_str value)
{
    const bound_params *p = leaf->params;
    if (p->bounds.has_lower) {
        int order = p->ordering->compare(value, p->bounds.lower);
        if (order < 0 || (order == 0 && p->bounds.lower_strict)) {
            return WEIR_V_FALSE;
        }
    }
    if (p->bounds.has_upper) {
        int order = p->ordering->compare(value, p->bounds.upper);
        if (order > 0 || (order == 0 && p->bounds.upper_strict)) {
            return WEIR_V_FALSE;
        }
    }
    return WEIR_V_TRUE;
}

static uint32_t text_spans(const weir_leaf *leaf, const weir_dict *dict, weir_id_span *out,
                           uint32_t capacity)
{
    const bound_params *p = leaf->params;
    if (p->ordering != &weir_order_lexicographic || !dict->sorted) {
        return UINT32_MAX;
    }
    uint32_t from = 1, to = dict->count;
    if (p->bounds.has_lower) {
        from = dict->ops->lower_bound(dict, p->bounds.lower);
        if (p->bounds.lower_strict && dict->ops->find(dict, p->bounds.lower) == from) {
            from++;
        }
    }
    if (p->bounds.has_upper) {
        to = dict->ops->lower_bound(dict, p->bounds.upper);
        if (!p->bounds.upper_strict && dict->ops->find(dict, p->bounds.upper) == to) {
            to++;
        }
    }
    from = from ? from : 1;
    if (from >= to) {
        return 0;
    }
    if (capacity < 1) {
        return UINT32_MAX;
    }
    out[0] = (weir_id_span){from, to};
    return 1;
}

static weir_verdict judge_long(const weir_leaf *leaf, int64_t value)
{
    const bound_params *p = leaf->params;
    return verdict(!p->no_long && value >= p->long_lo && value <= p->long_hi);
}

static bool inside(const bound_params *p, double value, double lo, double hi)
{
    if (p->no_double) {
        return false;
    }
    int low = weir_double_cmp(value, lo), high = weir_double_cmp(value, hi);
    return (low > 0 || (low == 0 && !p->lo_open)) && (high < 0 || (high == 0 && !p->hi_open));
}

static weir_verdict judge_double(const weir_leaf *leaf, double value)
{
    const bound_params *p = leaf->params;
    return verdict(inside(p, value, p->lo, p->hi));
}

static weir_verdict judge_float(const weir_leaf *leaf, float value)
{
    const bound_params *p = leaf->params;
    return verdict(inside(p, (double)value, (double)p->flt_lo, (double)p->flt_hi));
}

static bool long_range(const weir_leaf *leaf, int64_t *lo, int64_t *hi)
{
    const bound_params *p = leaf->params;
    *lo = p->no_long ? 1 : p->long_lo;
    *hi = p->no_long ? 0 : p->long_hi;
    return true;
}

static bool give_range(const bound_params *p, double lo, double hi, double *out_lo, bool *lo_open,
                       double *out_hi, bool *hi_open)
{
    *out_lo = p->no_double ? 1 : lo;
    *out_hi = p->no_double ? 0 : hi;
    *lo_open = p->lo_open;
    *hi_open = p->hi_open;
    return true;
}

static bool double_range(const weir_leaf *leaf, double *lo, bool *lo_open, double *hi,
                         bool *hi_open)
{
    const bound_params *p = leaf->params;
    return give_range(p, p->lo, p->hi, lo, lo_open, hi, hi_open);
}

static bool float_range(const weir_leaf *leaf, double *lo, bool *lo_open, double *hi, bool *hi_open)
{
    const bound_params *p = leaf->params;
    return give_range(p, (double)p->flt_lo, (double)p->flt_hi, lo, lo_open, hi, hi_open);
}

static void print(const weir_leaf *leaf, weir_buf *out)
{
    const bound_params *p = leaf->params;
    weir_json json = {.out = out};
    weir_buf_text(out, p->bounds.has_lower ? (p->bounds.lower_strict ? "(" : "[") : "(-");
    if (p->bounds.has_lower) {
        weir_json_str(&json, p->bounds.lower);
    }
    weir_buf_byte(out, ',');
    json = (weir_json){.out = out};
    if (p->bounds.has_upper) {
        weir_json_str(&json, p->bounds.upper);
    }
    weir_buf_text(out, p->bounds.has_upper ? (p->bounds.upper_strict ? ")" : "]") : "-)");
    weir_buf_printf(out, " %s%s", p->ordering->name, p->bounds.nulls_below ? " nulls" : "");
}

const weir_leaf_type weir_leaf_bound_text = {
    .type = "bound",
    .string = judge_string,
    .spans = text_spans,
    .print = print,
};

const weir_leaf_type weir_leaf_bound_number = {
    .type = "bound_number",
    .string = judge_string,
    .lng = judge_long,
    .dbl = judge_double,
    .flt = judge_float,
    .long_range = long_range,
    .double_range = double_range,
    .float_range = float_range,
    .print = print,
};

/* A text that is no number lies below all numbers: as a lower bound it bounds nothing, as an upper
 * one it lets nothing through. */
static void prepare_long(bound_params *p)
{
    const weir_bounds *b = &p->bounds;
    int64_t at;
    p->long_lo = INT64_MIN;
    p->long_hi = INT64_MAX;
    if (b->has_lower) {
        weir_decimal how = weir_decimal_to_long(b->lower, &at);
        bool next = how == WEIR_DECIMAL_FLOOR || (how == WEIR_DECIMAL_EXACT && b->lower_strict);
        if (how == WEIR_DECIMAL_ABOVE || (next && at == INT64_MAX)) {
            p->no_long = true;
        } else if (how == WEIR_DECIMAL_EXACT || how == WEIR_DECIMAL_FLOOR) {
            p->long_lo = next ? at + 1 : at;
        }
    }
    if (b->has_upper) {
        weir_decimal how = weir_decimal_to_long(b->upper, &at);
        bool before = how == WEIR_DECIMAL_EXACT && b->upper_strict;
        if (how == WEIR_DECIMAL_BELOW || how == WEIR_DECIMAL_BAD || (before && at == INT64_MIN)) {
            p->no_long = true;
        } else if (how == WEIR_DECIMAL_EXACT || how == WEIR_DECIMAL_FLOOR) {
            p->long_hi = before ? at - 1 : at;
        }
    }
    p->no_long = p->no_long || p->long_lo > p->long_hi;
}

static void prepare_double(bound_params *p)
{
    const weir_bounds *b = &p->bounds;
    p->lo = -INFINITY;
    p->hi = NAN;
    if (b->has_lower && weir_text_to_double(b->lower, &p->lo)) {
        p->lo_open = b->lower_strict;
    }
    if (b->has_upper) {
        p->no_double = !weir_text_to_double(b->upper, &p->hi);
        p->hi_open = b->upper_strict;
    }
    p->flt_lo = (float)p->lo;
    p->flt_hi = (float)p->hi;
}

weir_filter *weir_filter_bounds(weir_arena *arena, weir_target target, const weir_bounds *bounds)
{
    bound_params *p = WEIR_ARENA_NEW(arena, bound_params);
    p->bounds = *bounds;
    p->bounds.lower = weir_arena_str(arena, bounds->lower);
    p->bounds.upper = weir_arena_str(arena, bounds->upper);
    p->ordering = bounds->ordering ? bounds->ordering : &weir_order_lexicographic;
    bool numeric = p->ordering == &weir_order_numeric;
    if (numeric) {
        prepare_long(p);
        prepare_double(p);
    }
    weir_filter *filter = weir_filter_leaf(
        arena, numeric ? &weir_leaf_bound_number : &weir_leaf_bound_text, target, p);
    if (bounds->nulls_below && !bounds->has_lower) {
        filter->leaf.null_verdict = WEIR_V_TRUE;
        filter->leaf.null_number = numeric ? WEIR_V_UNKNOWN : WEIR_V_TRUE;
    }
    return filter;
}
