/* query/native_having.c - "having" of groupBy: a filter over the query's own outputs, a table row
 * per type. */
#include "query/native_json.h"

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out);

static bool parse_number(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_str type, name, value;
    const json_t *given = weir_native_get(json, "value", NULL);
    double number;
    if (!weir_native_need_type(n, at, json, &type) ||
        !weir_native_need_text(n, at, json, "aggregation", &name)) {
        return false;
    }
    if (!given || !weir_native_scalar_text(n, WEIR_AT(at, "value"), given, &value)) {
        return given ? false : weir_native_fail(n, at, "needs 'value'");
    }
    if (!weir_text_to_double(value, &number)) {
        return weir_native_fail(n, WEIR_AT(at, "value"), "must be a number");
    }
    weir_bounds bounds = {.ordering = &weir_order_numeric};
    if (!weir_str_is(type, "lessThan")) {
        bounds.has_lower = true;
        bounds.lower_strict = weir_str_is(type, "greaterThan");
        bounds.lower = value;
    }
    if (!weir_str_is(type, "greaterThan")) {
        bounds.has_upper = true;
        bounds.upper_strict = weir_str_is(type, "lessThan");
        bounds.upper = value;
    }
    *out = weir_filter_bounds(n->arena, (weir_target){.column = name}, &bounds);
    return true;
}

static bool parse_dimension(weir_native *n, const weir_at *at, const json_t *json,
                            weir_filter **out)
{
    weir_key key;
    weir_str text;
    const json_t *dimension = weir_native_get(json, "dimension", NULL);
    if (!dimension || !weir_native_dimension(n, WEIR_AT(at, "dimension"), dimension, &key)) {
        return dimension ? false : weir_native_fail(n, at, "needs 'dimension'");
    }
    weir_target target = {.column = key.name};
    const json_t *extraction = weir_native_get(json, "extractionFn", NULL);
    if (extraction && !weir_native_extraction(n, WEIR_AT(at, "extractionFn"), extraction,
                                              weir_expr_column(n->arena, key.name), &target.expr)) {
        return false;
    }
    if (!weir_native_text(n, at, json, "value", &text)) {
        return false;
    }
    weir_value value = text.at ? weir_value_str(text) : weir_value_null();
    *out = weir_filter_in(n->arena, target, &value, 1);
    return true;
}

static bool parse_list(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    const json_t *list;
    size_t count;
    if (!weir_native_list(n, at, json, "havingSpecs", &list, &count)) {
        return false;
    }
    weir_filter **children = WEIR_ARENA_ARRAY(n->arena, weir_filter *, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!parse(n, WEIR_AT_ITEM(WEIR_AT(at, "havingSpecs"), i), json_array_get(list, i),
                   &children[i])) {
            return false;
        }
    }
    bool conjunction = strcmp(json_string_value(json_object_get(json, "type")), "and") == 0;
    *out = conjunction ? weir_filter_and(n->arena, children, (uint32_t)count)
                       : weir_filter_or(n->arena, children, (uint32_t)count);
    return true;
}

/* Two-valued: the negation of a comparison with null is true. A leaf's UNKNOWN counts as false
 * before it is turned. */
static void settle(weir_filter *filter)
{
    if (filter->kind == WEIR_FILTER_LEAF) {
        if (filter->leaf.null_verdict == WEIR_V_UNKNOWN) {
            filter->leaf.null_verdict = WEIR_V_FALSE;
        }
        if (filter->leaf.null_number == WEIR_V_UNKNOWN) {
            filter->leaf.null_number = WEIR_V_FALSE;
        }
    }
    for (uint32_t i = 0; i < filter->child_count; i++) {
        settle(filter->children[i]);
    }
}

static bool parse_not(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    const json_t *spec = weir_native_get(json, "havingSpec", NULL);
    weir_filter *child;
    if (!spec || !parse(n, WEIR_AT(at, "havingSpec"), spec, &child)) {
        return spec ? false : weir_native_fail(n, at, "needs 'havingSpec'");
    }
    settle(child);
    *out = weir_filter_not(n->arena, child);
    return true;
}

static bool parse_filter(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    const json_t *filter = weir_native_get(json, "filter", NULL);
    if (!filter) {
        return weir_native_fail(n, at, "needs 'filter'");
    }
    if (!weir_native_filter(n, WEIR_AT(at, "filter"), filter, out)) {
        return false;
    }
    *out = *out ? *out : weir_filter_constant(n->arena, true);
    return true;
}

static bool parse_constant(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    (void)at;
    *out = weir_filter_constant(
        n->arena, strcmp(json_string_value(json_object_get(json, "type")), "always") == 0);
    return true;
}

static const struct having_type {
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out);
} having_types[] = {
    {"greaterThan", parse_number},
    {"lessThan", parse_number},
    {"equalTo", parse_number},
    {"dimSelector", parse_dimension},
    {"and", parse_list},
    {"or", parse_list},
    {"not", parse_not},
    {"filter", parse_filter},
    {"always", parse_constant},
    {"never", parse_constant},
};

static bool parse_by_type(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_str type;
    if (!weir_native_need_type(n, at, json, &type)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(having_types) / sizeof(having_types[0]); i++) {
        if (weir_str_is(type, having_types[i].type)) {
            return having_types[i].parse(n, at, json, out);
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no type of having",
                            WEIR_STR_ARG(type));
}

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    if (!weir_native_enter(n, at)) {
        return false;
    }
    bool ok = parse_by_type(n, at, json, out);
    weir_native_leave(n);
    return ok;
}

bool weir_native_having(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_filter *filter;
    *out = NULL;
    if (!json) {
        return true;
    }
    if (!parse(n, at, json, &filter)) {
        return false;
    }
    filter = weir_filter_normal(n->arena, filter);
    *out = filter->kind == WEIR_FILTER_TRUE ? NULL : filter;
    return true;
}
