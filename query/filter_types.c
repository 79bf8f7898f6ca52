/* query/filter_types.c - the table of leaf types, and what they share. A new type is one row here
 * and its weir_leaf_type in a file of its kind: filter_types_value.c (sets of values),
 * filter_types_bound.c (orders), filter_types_text.c (patterns), filter_types_array.c (arrays). */
#include "query/filter_types.h"

static const weir_leaf_type *const types[] = {
    &weir_leaf_equals,       &weir_leaf_in,    &weir_leaf_null,         &weir_leaf_bound_text,
    &weir_leaf_bound_number, &weir_leaf_like,  &weir_leaf_regex,        &weir_leaf_contains,
    &weir_leaf_any,          &weir_leaf_truth, &weir_leaf_array_equals, &weir_leaf_array_range,
    &weir_leaf_element,
};

const weir_leaf_type *const *weir_leaf_types(size_t *count)
{
    *count = sizeof(types) / sizeof(types[0]);
    return types;
}

weir_filter *weir_filter_leaf(weir_arena *arena, const weir_leaf_type *type, weir_target target,
                              const void *params)
{
    weir_filter *filter = WEIR_ARENA_NEW(arena, weir_filter);
    filter->kind = WEIR_FILTER_LEAF;
    filter->leaf = (weir_leaf){
        .type = type,
        .column = target.expr ? (weir_str){0} : target.column,
        .expr = target.expr,
        .null_verdict = WEIR_V_UNKNOWN,
        .null_number = WEIR_V_UNKNOWN,
        .params = params,
    };
    return filter;
}

static weir_filter *node(weir_arena *arena, uint8_t kind, weir_filter *const *children,
                         uint32_t count)
{
    weir_filter *filter = WEIR_ARENA_NEW(arena, weir_filter);
    weir_filter **copy = WEIR_ARENA_ARRAY(arena, weir_filter *, count ? count : 1);
    if (count) {
        memcpy(copy, children, count * sizeof(*copy));
    }
    *filter = (weir_filter){.kind = kind, .child_count = count, .children = copy};
    return filter;
}

weir_filter *weir_filter_and(weir_arena *arena, weir_filter *const *children, uint32_t count)
{
    return node(arena, WEIR_FILTER_AND, children, count);
}

weir_filter *weir_filter_or(weir_arena *arena, weir_filter *const *children, uint32_t count)
{
    return node(arena, WEIR_FILTER_OR, children, count);
}

weir_filter *weir_filter_not(weir_arena *arena, weir_filter *child)
{
    return node(arena, WEIR_FILTER_NOT, &child, 1);
}

weir_filter *weir_filter_is_true(weir_arena *arena, weir_filter *child)
{
    return node(arena, WEIR_FILTER_ISTRUE, &child, 1);
}

weir_filter *weir_filter_constant(weir_arena *arena, bool truth)
{
    return node(arena, truth ? WEIR_FILTER_TRUE : WEIR_FILTER_FALSE, NULL, 0);
}

weir_filter *weir_filter_equals(weir_arena *arena, weir_str column, const weir_value *value)
{
    return weir_filter_in(arena, (weir_target){.column = column}, value, 1);
}

static weir_str bound_text(weir_arena *arena, const weir_value *value)
{
    return weir_value_cast(arena, *value, WEIR_STRING).as.s;
}

weir_filter *weir_filter_range(weir_arena *arena, weir_str column, const weir_value *lower,
                               bool lower_strict, const weir_value *upper, bool upper_strict)
{
    weir_bounds bounds = {.lower_strict = lower_strict, .upper_strict = upper_strict};
    bool number = false;
    if (lower) {
        bounds.has_lower = true;
        bounds.lower = bound_text(arena, lower);
        number = weir_type_is_number(lower->type);
    }
    if (upper) {
        bounds.has_upper = true;
        bounds.upper = bound_text(arena, upper);
        number = number || weir_type_is_number(upper->type);
    }
    bounds.ordering = number ? &weir_order_numeric : NULL;
    return weir_filter_bounds(arena, (weir_target){.column = column}, &bounds);
}
