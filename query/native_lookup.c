/* query/native_lookup.c - lookups in native queries: a map in the query, or a registered one by its
 * name, as extraction functions and as a dimension spec. Both become a function over the input that
 * runs once per dictionary value; what it does not know becomes null, another text, or stays. */
#include "compute/lookup.h"
#include "query/native_json.h"

/* What becomes of values that the lookup does not know; NULL: null. */
static bool parse_missing(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_expr *text, const weir_expr **out)
{
    weir_str instead;
    bool retain;
    *out = NULL;
    if (!weir_native_bool(n, at, json, "retainMissingValue", false, &retain) ||
        !weir_native_text(n, at, json, "replaceMissingValueWith", &instead)) {
        return false;
    }
    if (retain && instead.size > 0) {
        return weir_native_fail(
            n, at, "cannot have both 'replaceMissingValueWith' and 'retainMissingValue'");
    }
    if (retain) {
        *out = text;
    } else if (instead.at) {
        *out = weir_expr_const(n->arena, weir_value_str(instead));
    }
    return true;
}

/* found, or what stands for the missing. */
static const weir_expr *or_missing(weir_native *n, const weir_expr *found, const weir_expr *missing)
{
    const weir_expr *args[] = {found, missing};
    return missing ? weir_expr_call(n->arena, "nvl", 2, args) : found;
}

static const weir_expr *text_list(weir_native *n, const weir_value *values, uint32_t count)
{
    weir_value list = {.type = {.kind = WEIR_ARRAY, .elem = WEIR_STRING}};
    list.as.array.at = values;
    list.as.array.count = count;
    return weir_expr_const(n->arena, list);
}

/* {"type":"map","map":{...}} over `text`. */
static bool parse_map(weir_native *n, const weir_at *at, const json_t *lookup,
                      const weir_expr *text, const weir_expr **out)
{
    const json_t *map;
    weir_str type;
    if (!weir_native_need_type(n, at, lookup, &type)) {
        return false;
    }
    map = weir_native_get(lookup, "map", NULL);
    if (!weir_str_is(type, "map") || !json_is_object(map)) {
        return weir_native_fail(n, at, "must be of type map and have a 'map'");
    }
    weir_value *keys = WEIR_ARENA_ARRAY(n->arena, weir_value, json_object_size(map) + 1);
    weir_value *values = WEIR_ARENA_ARRAY(n->arena, weir_value, json_object_size(map) + 1);
    uint32_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)map, key, value)
    {
        weir_str to;
        if (!weir_native_scalar_text(n, WEIR_AT(WEIR_AT(at, "map"), key), value, &to)) {
            return false;
        }
        keys[count] = weir_value_str(weir_arena_str(n->arena, weir_str_of(key)));
        values[count] = weir_value_str(to);
        values[count++].is_null = !to.at;
    }
    const weir_expr *args[] = {text, text_list(n, keys, count), text_list(n, values, count)};
    *out = weir_expr_call(n->arena, "lookup-map", 3, args);
    return true;
}

/* The registered lookup of that name, in the version that the query holds. */
static bool find_registered(weir_native *n, weir_str name, const weir_expr *text,
                            const weir_expr **out)
{
    const weir_expr *args[] = {text, weir_expr_const(n->arena, weir_value_str(name))};
    if (!weir_lookup_pinned(n->arena, name)) {
        return weir_fail(n->err, WEIR_ERR_RUN, "Lookup [%.*s] not found", WEIR_STR_ARG(name));
    }
    *out = weir_lookups_pin(n->arena, weir_expr_call(n->arena, "lookup", 2, args));
    return true;
}

bool weir_native_lookup(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_expr *input, const weir_expr **out)
{
    const json_t *lookup = weir_native_get(json, "lookup", NULL);
    const weir_expr *text = weir_native_cast(n, input, "STRING"), *missing, *found = NULL;
    if (!lookup) {
        return weir_native_fail(n, at, "needs 'lookup'");
    }
    if (!parse_map(n, WEIR_AT(at, "lookup"), lookup, text, &found) ||
        !parse_missing(n, at, json, text, &missing)) {
        return false;
    }
    *out = or_missing(n, found, missing);
    return true;
}

static bool registered(weir_native *n, const weir_at *at, const json_t *json, const char *member,
                       const weir_expr *input, const weir_expr **out)
{
    weir_str name;
    const weir_expr *text = weir_native_cast(n, input, "STRING"), *missing, *found = NULL;
    if (!weir_native_need_text(n, at, json, member, &name) ||
        !parse_missing(n, at, json, text, &missing) || !find_registered(n, name, text, &found)) {
        return false;
    }
    *out = or_missing(n, found, missing);
    return true;
}

bool weir_native_registered_lookup(weir_native *n, const weir_at *at, const json_t *json,
                                   const weir_expr *input, const weir_expr **out)
{
    return registered(n, at, json, "lookup", input, out);
}

bool weir_native_lookup_dimension(weir_native *n, const weir_at *at, const json_t *json,
                                  const weir_expr *input, const weir_expr **out)
{
    weir_str name;
    if (!weir_native_text(n, at, json, "name", &name)) {
        return false;
    }
    if ((name.size > 0) == (weir_native_get(json, "lookup", NULL) != NULL)) {
        return weir_native_fail(n, at, "needs either 'name' or 'lookup'");
    }
    return name.size > 0 ? registered(n, at, json, "name", input, out)
                         : weir_native_lookup(n, at, json, input, out);
}

static bool is_type(const json_t *json, const char *type)
{
    const char *given = json_string_value(json_object_get(json, "type"));
    return given && strcmp(given, type) == 0;
}

/* A lookup says so itself, unless the function around it does. */
static bool lookup_one_to_one(const json_t *json)
{
    const json_t *said = weir_native_get(json, "injective", NULL),
                 *lookup = json_object_get(json, "lookup");
    return said ? json_is_true(said) : json_is_true(json_object_get(lookup, "isOneToOne"));
}

/* By name: what was registered says so. */
static bool registered_one_to_one(const json_t *json, const char *member)
{
    const json_t *said = weir_native_get(json, "injective", NULL);
    const char *name = json_string_value(json_object_get(json, member));
    weir_lookup *lookup = !said && name ? weir_lookup_find(weir_str_of(name)) : NULL;
    bool one_to_one = said ? json_is_true(said) : lookup && weir_lookup_is_one_to_one(lookup);
    weir_lookup_unref(lookup);
    return one_to_one;
}

/* Depth: the function was parsed before, which bounds it. */
static bool extraction_one_to_one(const json_t *json)
{
    size_t i;
    json_t *inner;
    if (is_type(json, "lookup")) {
        return lookup_one_to_one(json);
    }
    if (is_type(json, "registeredLookup")) {
        return registered_one_to_one(json, "lookup");
    }
    json_array_foreach(json_object_get(json, "extractionFns"), i, inner)
    {
        if (!extraction_one_to_one(inner)) {
            return false;
        }
    }
    return is_type(json, "cascade") || is_type(json, "identity");
}

bool weir_native_one_to_one(const json_t *dimension)
{
    if (is_type(dimension, "lookup")) {
        return json_object_get(dimension, "name") ? registered_one_to_one(dimension, "name")
                                                  : lookup_one_to_one(dimension);
    }
    return is_type(dimension, "extraction") &&
           extraction_one_to_one(weir_native_get(dimension, "extractionFn", "dimExtractionFn"));
}

bool weir_native_postpone(weir_native *n, const weir_at *at, const json_t *json, weir_key *key,
                          const weir_expr **out)
{
    weir_str dimension;
    *out = NULL;
    if (!weir_native_one_to_one(json)) {
        return true;
    }
    if (!weir_native_text(n, at, json, "dimension", &dimension)) {
        return false;
    }
    key->expr = weir_expr_column(n->arena, dimension);
    return weir_native_dimension_fn(n, at, json, weir_expr_column(n->arena, key->name), out);
}

weir_node *weir_native_postponed(weir_native *n, weir_node *child, uint32_t key_count,
                                 const weir_expr *const *after)
{
    const weir_expr **exprs =
        WEIR_ARENA_ARRAY(n->arena, const weir_expr *, child->output_count + 1);
    bool any = false;
    for (uint32_t i = 0; i < child->output_count; i++) {
        bool has = i >= 1 && i <= key_count && after[i - 1]; /* the bucket, then the keys */
        exprs[i] = has ? after[i - 1] : weir_expr_column(n->arena, child->output_names[i]);
        any = any || has;
    }
    if (!any) {
        return child;
    }
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_PROJECT);
    node->as.project = (weir_node_project){
        .child = child, .count = child->output_count, .names = child->output_names, .exprs = exprs};
    weir_node_resolve(n->arena, node);
    return node;
}
