/* query/native_filter.c - "filter" of native queries, a table row per type; leaves are made by
 * filter_types.h. */
#include "query/native_json.h"

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out);

/* `name` ("dimension" or "column") with an "extractionFn" around it. */
static bool target_of(weir_native *n, const weir_at *at, const json_t *json, const char *name,
                      weir_target *out)
{
    *out = (weir_target){0};
    if (!weir_native_need_text(n, at, json, name, &out->column)) {
        return false;
    }
    const json_t *extraction = weir_native_get(json, "extractionFn", NULL);
    return !extraction ||
           weir_native_extraction(n, WEIR_AT(at, "extractionFn"), extraction,
                                  weir_expr_column(n->arena, out->column), &out->expr);
}

static bool parse_constant(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    (void)at;
    *out = weir_filter_constant(
        n->arena, strcmp(json_string_value(json_object_get(json, "type")), "true") == 0);
    return true;
}

static bool parse_fields(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    const json_t *list;
    size_t count;
    if (!weir_native_values(n, at, json, "fields", &list, &count)) {
        return false;
    }
    if (!list) {
        return weir_native_fail(n, at, "needs 'fields'");
    }
    weir_filter **children = WEIR_ARENA_ARRAY(n->arena, weir_filter *, count + 1);
    uint32_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *field = json_array_get(list, i);
        if (json_is_null(field)) {
            continue;
        }
        if (!parse(n, WEIR_AT_ITEM(WEIR_AT(at, "fields"), i), field, &children[kept++])) {
            return false;
        }
    }
    bool conjunction = strcmp(json_string_value(json_object_get(json, "type")), "and") == 0;
    *out = conjunction ? weir_filter_and(n->arena, children, kept)
                       : weir_filter_or(n->arena, children, kept);
    return true;
}

static bool parse_not(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    const json_t *field = weir_native_get(json, "field", NULL);
    weir_filter *child;
    if (!field) {
        return weir_native_fail(n, at, "needs 'field'");
    }
    if (!parse(n, WEIR_AT(at, "field"), field, &child)) {
        return false;
    }
    *out = weir_filter_not(n->arena, child);
    return true;
}

/* istrue, isfalse: what is unknown is false. */
static bool parse_is(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    const json_t *field = weir_native_get(json, "field", NULL);
    weir_filter *child;
    if (!field) {
        return weir_native_fail(n, at, "needs 'field'");
    }
    if (!parse(n, WEIR_AT(at, "field"), field, &child)) {
        return false;
    }
    if (strcmp(json_string_value(json_object_get(json, "type")), "isfalse") == 0) {
        child = weir_filter_not(n->arena, child);
    }
    *out = weir_filter_is_true(n->arena, child);
    return true;
}

static bool parse_selector(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    weir_str text;
    if (!target_of(n, at, json, "dimension", &target) ||
        !weir_native_text(n, at, json, "value", &text)) {
        return false;
    }
    weir_value value = text.at ? weir_value_str(text) : weir_value_null();
    *out = weir_filter_in(n->arena, target, &value, 1);
    return true;
}

static bool parse_null(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    if (!target_of(n, at, json, "column", &target)) {
        return false;
    }
    *out = weir_filter_is_null(n->arena, target);
    return true;
}

static bool match_type(weir_native *n, const weir_at *at, const json_t *json, const char *member,
                       weir_type *out)
{
    weir_str name;
    if (!weir_native_need_text(n, at, json, member, &name)) {
        return false;
    }
    if (!weir_type_parse(name, out)) {
        return weir_native_fail(n, WEIR_AT(at, member), "'%.*s' is no type", WEIR_STR_ARG(name));
    }
    if (out->kind == WEIR_COMPLEX) {
        return weir_native_unsupported(n, WEIR_AT(at, member),
                                       "values of type %.*s cannot be matched", WEIR_STR_ARG(name));
    }
    return true;
}

/* One plain value of a type. */
static bool match_scalar(weir_native *n, const weir_at *at, const json_t *json, weir_kind kind,
                         weir_value *out)
{
    weir_value value;
    if (!weir_native_value(n, at, json, &value)) {
        return false;
    }
    if (value.is_null) {
        *out = weir_value_null();
        return true;
    }
    if (value.type.kind == WEIR_ARRAY) {
        if (value.as.array.count != 1) {
            return weir_native_fail(n, at, "must be a plain value");
        }
        value = value.as.array.at[0];
    }
    if (value.type.face == WEIR_FACE_BOOLEAN && kind == WEIR_STRING) {
        value = weir_value_str(value.as.l ? WEIR_STR("true") : WEIR_STR("false"));
    }
    *out = weir_value_cast(n->arena, value, kind);
    return true;
}

static bool match_array(weir_native *n, const weir_at *at, const json_t *json, weir_type type,
                        weir_value *out)
{
    bool list = json_is_array(json);
    uint32_t count = list ? (uint32_t)json_array_size(json) : 1;
    weir_value *items = WEIR_ARENA_ARRAY(n->arena, weir_value, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *item = list ? json_array_get(json, i) : json;
        if (!match_scalar(n, list ? WEIR_AT_ITEM(at, i) : at, item, (weir_kind)type.elem,
                          &items[i])) {
            return false;
        }
    }
    *out = (weir_value){.type = type};
    out->as.array.at = items;
    out->as.array.count = count;
    return true;
}

static bool match_value(weir_native *n, const weir_at *at, const json_t *json, weir_type type,
                        weir_value *out)
{
    if (!json || json_is_null(json)) {
        *out = weir_value_null();
        return true;
    }
    if (type.kind == WEIR_ARRAY) {
        return match_array(n, at, json, type, out);
    }
    return match_scalar(n, at, json, (weir_kind)type.kind, out) &&
           (!out->is_null || weir_native_fail(n, at, "is no value of that type"));
}

static weir_filter *equals_leaf(weir_native *n, weir_target target, const weir_value *value)
{
    return value->type.kind == WEIR_ARRAY ? weir_filter_array_equals(n->arena, target, value)
                                          : weir_filter_in(n->arena, target, value, 1);
}

static bool parse_equals(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    weir_type type;
    weir_value value;
    const json_t *given = weir_native_get(json, "matchValue", NULL);
    if (!target_of(n, at, json, "column", &target) ||
        !match_type(n, at, json, "matchValueType", &type)) {
        return false;
    }
    if (!given) {
        return weir_native_fail(n, at, "needs 'matchValue' (use the null filter for nulls)");
    }
    if (!match_value(n, WEIR_AT(at, "matchValue"), given, type, &value)) {
        return false;
    }
    *out = equals_leaf(n, target, &value);
    return true;
}

/* Some element of the array is the value, which may be null. */
static bool parse_contains_element(weir_native *n, const weir_at *at, const json_t *json,
                                   weir_filter **out)
{
    weir_target target;
    weir_type type;
    weir_value value;
    if (!target_of(n, at, json, "column", &target) ||
        !match_type(n, at, json, "elementMatchValueType", &type) ||
        !match_value(n, WEIR_AT(at, "elementMatchValue"),
                     json_object_get(json, "elementMatchValue"), type, &value)) {
        return false;
    }
    *out = weir_filter_contains_element(n->arena, target, &value);
    return true;
}

static bool values_of(weir_native *n, const weir_at *at, const json_t *json, const weir_type *type,
                      weir_value **out, size_t *count)
{
    const json_t *list;
    const char *member = type && !weir_native_get(json, "values", NULL) ? "sortedValues" : "values";
    if (!weir_native_values(n, at, json, member, &list, count)) {
        return false;
    }
    if (!list) {
        return weir_native_fail(n, at, "needs 'values'");
    }
    *out = WEIR_ARENA_ARRAY(n->arena, weir_value, *count + 1);
    for (size_t i = 0; i < *count; i++) {
        const json_t *item = json_array_get(list, i);
        const weir_at *item_at = WEIR_AT_ITEM(WEIR_AT(at, "values"), i);
        weir_str text;
        if (type) {
            if (!match_value(n, item_at, item, *type, &(*out)[i])) {
                return false;
            }
        } else if (!weir_native_scalar_text(n, item_at, item, &text)) {
            return false;
        } else {
            (*out)[i] = text.at ? weir_value_str(text) : weir_value_null();
        }
    }
    return true;
}

static bool parse_in(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    weir_value *values;
    size_t count;
    if (!target_of(n, at, json, "dimension", &target) ||
        !values_of(n, at, json, NULL, &values, &count)) {
        return false;
    }
    *out = weir_filter_in(n->arena, target, values, count);
    return true;
}

static bool parse_in_type(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    weir_type type;
    weir_value *values;
    size_t count;
    if (!target_of(n, at, json, "column", &target) ||
        !match_type(n, at, json, "matchValueType", &type) ||
        !values_of(n, at, json, &type, &values, &count)) {
        return false;
    }
    if (type.kind != WEIR_ARRAY) {
        *out = weir_filter_in(n->arena, target, values, count);
        return true;
    }
    weir_filter **any = WEIR_ARENA_ARRAY(n->arena, weir_filter *, count + 1);
    for (size_t i = 0; i < count; i++) {
        any[i] = values[i].is_null ? weir_filter_is_null(n->arena, target)
                                   : equals_leaf(n, target, &values[i]);
    }
    *out = weir_filter_or(n->arena, any, (uint32_t)count);
    return true;
}

bool weir_native_ordering(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_ordering *fallback, const weir_ordering **out)
{
    weir_str name;
    *out = fallback;
    if (!json || json_is_null(json)) {
        return true;
    }
    if (json_is_object(json)) {
        if (!weir_native_need_text(n, at, json, "type", &name)) {
            return false;
        }
    } else if (!weir_native_scalar_text(n, at, json, &name)) {
        return false;
    }
    *out = weir_ordering_find(name);
    return *out || weir_native_fail(n, at, "'%.*s' is no ordering", WEIR_STR_ARG(name));
}

static bool parse_bound(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    weir_bounds bounds = {.nulls_below = true};
    bool alphanumeric;
    if (!target_of(n, at, json, "dimension", &target) ||
        !weir_native_text(n, at, json, "lower", &bounds.lower) ||
        !weir_native_text(n, at, json, "upper", &bounds.upper) ||
        !weir_native_bool(n, at, json, "lowerStrict", false, &bounds.lower_strict) ||
        !weir_native_bool(n, at, json, "upperStrict", false, &bounds.upper_strict) ||
        !weir_native_bool(n, at, json, "alphaNumeric", false, &alphanumeric) ||
        !weir_native_ordering(n, WEIR_AT(at, "ordering"), json_object_get(json, "ordering"),
                              alphanumeric ? &weir_order_alphanumeric : &weir_order_lexicographic,
                              &bounds.ordering)) {
        return false;
    }
    bounds.has_lower = bounds.lower.at != NULL;
    bounds.has_upper = bounds.upper.at != NULL;
    if (!bounds.has_lower && !bounds.has_upper) {
        return weir_native_fail(n, at, "needs 'lower' or 'upper'");
    }
    *out = weir_filter_bounds(n->arena, target, &bounds);
    return true;
}

static bool range_end(weir_native *n, const weir_at *at, const json_t *json, const char *name,
                      weir_type type, bool *has, weir_str *out)
{
    const json_t *given = weir_native_get(json, name, NULL);
    weir_value value;
    *has = given != NULL;
    if (!given) {
        return true;
    }
    if (!match_value(n, WEIR_AT(at, name), given, type, &value)) {
        return false;
    }
    *out = weir_value_cast(n->arena, value, WEIR_STRING).as.s;
    return true;
}

static bool array_range(weir_native *n, const weir_at *at, const json_t *json, weir_target target,
                        weir_type type, weir_filter **out)
{
    weir_array_bounds bounds;
    if (!match_value(n, WEIR_AT(at, "lower"), json_object_get(json, "lower"), type,
                     &bounds.lower) ||
        !match_value(n, WEIR_AT(at, "upper"), json_object_get(json, "upper"), type,
                     &bounds.upper) ||
        !weir_native_bool(n, at, json, "lowerOpen", false, &bounds.lower_strict) ||
        !weir_native_bool(n, at, json, "upperOpen", false, &bounds.upper_strict)) {
        return false;
    }
    if (bounds.lower.is_null && bounds.upper.is_null) {
        return weir_native_fail(n, at, "needs 'lower' or 'upper'");
    }
    *out = weir_filter_array_range(n->arena, target, &bounds);
    return true;
}

static bool parse_range(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    weir_type type;
    weir_bounds bounds = {0};
    if (!target_of(n, at, json, "column", &target) ||
        !match_type(n, at, json, "matchValueType", &type)) {
        return false;
    }
    if (type.kind == WEIR_ARRAY) {
        return array_range(n, at, json, target, type, out);
    }
    if (!range_end(n, at, json, "lower", type, &bounds.has_lower, &bounds.lower) ||
        !range_end(n, at, json, "upper", type, &bounds.has_upper, &bounds.upper) ||
        !weir_native_bool(n, at, json, "lowerOpen", false, &bounds.lower_strict) ||
        !weir_native_bool(n, at, json, "upperOpen", false, &bounds.upper_strict)) {
        return false;
    }
    if (!bounds.has_lower && !bounds.has_upper) {
        return weir_native_fail(n, at, "needs 'lower' or 'upper'");
    }
    bounds.ordering = weir_type_is_number(type) ? &weir_order_numeric : &weir_order_lexicographic;
    *out = weir_filter_bounds(n->arena, target, &bounds);
    return true;
}

static bool parse_like(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    weir_str pattern, escape;
    if (!target_of(n, at, json, "dimension", &target) ||
        !weir_native_need_text(n, at, json, "pattern", &pattern) ||
        !weir_native_text(n, at, json, "escape", &escape)) {
        return false;
    }
    if (weir_str_utf16_size(escape) > 1) {
        return weir_native_fail(n, WEIR_AT(at, "escape"), "must be one character");
    }
    *out = weir_filter_like(n->arena, target, pattern, escape);
    return true;
}

static bool parse_regex(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    weir_str pattern;
    weir_error why = {0};
    return target_of(n, at, json, "dimension", &target) &&
           weir_native_need_text(n, at, json, "pattern", &pattern) &&
           (weir_filter_regex(n->arena, target, pattern, out, &why) ||
            weir_native_fail(n, WEIR_AT(at, "pattern"), "%s", why.message));
}

static bool parse_search(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    const json_t *query = weir_native_get(json, "query", NULL);
    if (!target_of(n, at, json, "dimension", &target)) {
        return false;
    }
    return query ? weir_native_search_query(n, WEIR_AT(at, "query"), query, target, out)
                 : weir_native_fail(n, at, "needs 'query'");
}

/* Half-open intervals of ms; text is compared as a number, as Druid's own rewriting to numeric
 * bounds does. */
static bool parse_interval(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_target target;
    uint32_t count;
    const weir_interval *intervals;
    const json_t *given = weir_native_get(json, "intervals", NULL);
    if (!target_of(n, at, json, "dimension", &target)) {
        return false;
    }
    if (!given || !weir_native_intervals(n, WEIR_AT(at, "intervals"), given, &count, &intervals)) {
        return given ? false : weir_native_fail(n, at, "needs 'intervals'");
    }
    weir_filter **parts = WEIR_ARENA_ARRAY(n->arena, weir_filter *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        char lower[32], upper[32];
        weir_bounds bounds = {.has_lower = true,
                              .has_upper = true,
                              .upper_strict = true,
                              .ordering = &weir_order_numeric};
        bounds.lower = (weir_str){lower, weir_print_long(lower, intervals[i].start_ms)};
        bounds.upper = (weir_str){upper, weir_print_long(upper, intervals[i].end_ms)};
        parts[i] = weir_filter_bounds(n->arena, target, &bounds);
    }
    *out = weir_filter_or(n->arena, parts, count);
    return true;
}

/* The sides have a text in common, nulls being equal: never unknown. */
static weir_filter *same_text(weir_native *n, const weir_expr *left, const weir_expr *right)
{
    const weir_expr *sides[] = {weir_native_cast(n, left, "STRING"),
                                weir_native_cast(n, right, "STRING")};
    weir_filter *same =
        weir_filter_truth(n->arena, weir_expr_call(n->arena, "notdistinctfrom", 2, sides));
    same->leaf.null_verdict = same->leaf.null_number = WEIR_V_FALSE;
    return same;
}

#define MAX_COMPARED 64u /* every two are compared: lists may have each a text in common with one  \
                          */

static bool parse_columns(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    const json_t *list;
    size_t count;
    if (!weir_native_list(n, at, json, "dimensions", &list, &count)) {
        return false;
    }
    if (count < 2) {
        return weir_native_fail(n, at, "needs 'dimensions', two or more");
    }
    if (count > MAX_COMPARED) {
        return weir_native_too_large(n, WEIR_AT(at, "dimensions"), "are more than %u",
                                     MAX_COMPARED);
    }
    weir_filter **pairs = WEIR_ARENA_ARRAY(n->arena, weir_filter *, count * count);
    weir_key *keys = WEIR_ARENA_ARRAY(n->arena, weir_key, count);
    uint32_t pair_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!weir_native_dimension(n, WEIR_AT_ITEM(WEIR_AT(at, "dimensions"), i),
                                   json_array_get(list, i), &keys[i])) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            pairs[pair_count++] = same_text(n, keys[k].expr, keys[i].expr);
        }
    }
    *out = weir_filter_and(n->arena, pairs, pair_count);
    return true;
}

static bool parse_expression(weir_native *n, const weir_at *at, const json_t *json,
                             weir_filter **out)
{
    weir_str text;
    const weir_expr *expr;
    if (!weir_native_need_text(n, at, json, "expression", &text) ||
        !weir_native_expr(n, WEIR_AT(at, "expression"), text, &expr)) {
        return false;
    }
    *out = weir_filter_truth(n->arena, expr);
    return true;
}

static const struct filter_type {
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json,
                  weir_filter **out); /* NULL: Druid has it, weir not yet */
} filter_types[] = {
    {"and", parse_fields},
    {"or", parse_fields},
    {"not", parse_not},
    {"istrue", parse_is},
    {"isfalse", parse_is},
    {"selector", parse_selector},
    {"extraction", parse_selector},
    {"equals", parse_equals},
    {"null", parse_null},
    {"in", parse_in},
    {"inType", parse_in_type},
    {"bound", parse_bound},
    {"range", parse_range},
    {"like", parse_like},
    {"regex", parse_regex},
    {"search", parse_search},
    {"interval", parse_interval},
    {"columnComparison", parse_columns},
    {"expression", parse_expression},
    {"true", parse_constant},
    {"false", parse_constant},
    {"arrayContainsElement", parse_contains_element},
    {"spatial", NULL},
    {"bloom", NULL},
};

static bool parse_by_type(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
{
    weir_str type;
    if (!weir_native_need_type(n, at, json, &type)) {
        return false;
    }
    if (weir_str_is(type, "javascript")) {
        return weir_native_fail(n, at, "JavaScript is disabled");
    }
    for (size_t i = 0; i < sizeof(filter_types) / sizeof(filter_types[0]); i++) {
        if (weir_str_is(type, filter_types[i].type)) {
            return filter_types[i].parse
                       ? filter_types[i].parse(n, at, json, out)
                       : weir_native_unsupported(n, WEIR_AT(at, "type"),
                                                 "the filter '%.*s' is not supported yet",
                                                 WEIR_STR_ARG(type));
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no filter", WEIR_STR_ARG(type));
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

bool weir_native_filter(weir_native *n, const weir_at *at, const json_t *json, weir_filter **out)
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
