/* query/native_groupby.c - groupBy: ROWS -> AGG(bucket, keys, sets) -> PROJECT -> FILTER(having) ->
 * SORT(bucket, limitSpec's columns, remaining dimensions; limit, offset). With subtotals each set
 * stands by itself, unless limitSpec has columns: then all rows are sorted as one. */
#include "query/native_json.h"

typedef struct limit_spec {
    int64_t limit, offset;
    uint32_t column_count;
    weir_sort_key *columns;
} limit_spec;

static bool parse_dimensions(weir_native *n, const weir_at *at, const json_t *json,
                             weir_node_agg *agg, const weir_expr ***after)
{
    const json_t *list;
    size_t count;
    if (!weir_native_list(n, at, json, "dimensions", &list, &count)) {
        return false;
    }
    weir_key *keys = WEIR_ARENA_ARRAY(n->arena, weir_key, count + 1);
    *after = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const weir_at *item = WEIR_AT_ITEM(WEIR_AT(at, "dimensions"), i);
        if (!weir_native_dimension(n, item, json_array_get(list, i), &keys[i]) ||
            !weir_native_postpone(n, item, json_array_get(list, i), &keys[i], &(*after)[i])) {
            return false;
        }
        if (weir_str_is(keys[i].name, "__time")) {
            return weir_native_fail(n, item,
                                    "'__time' cannot be used as an output name for dimensions, "
                                    "aggregators, or post-aggregators.");
        }
    }
    agg->key_count = (uint32_t)count;
    agg->keys = keys;
    return true;
}

static bool parse_sets(weir_native *n, const weir_at *at, const json_t *json, weir_node_agg *agg)
{
    const json_t *list;
    size_t count;
    if (!weir_native_list(n, at, json, "subtotalsSpec", &list, &count) || !list) {
        return !weir_native_get(json, "subtotalsSpec", NULL);
    }
    if (agg->key_count > 64) {
        return weir_native_fail(n, WEIR_AT(at, "subtotalsSpec"),
                                "no more than 64 dimensions can have subtotals");
    }
    uint64_t *sets = WEIR_ARENA_ARRAY(n->arena, uint64_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        const weir_at *set_at = WEIR_AT_ITEM(WEIR_AT(at, "subtotalsSpec"), i);
        const json_t *set = json_array_get(list, i);
        if (!json_is_array(set)) {
            return weir_native_fail(n, set_at, "must be a list of dimensions");
        }
        for (size_t k = 0; k < json_array_size(set); k++) {
            weir_str name;
            uint32_t key = 0;
            if (!weir_native_scalar_text(n, WEIR_AT_ITEM(set_at, k), json_array_get(set, k),
                                         &name)) {
                return false;
            }
            while (key < agg->key_count && !weir_str_eq(agg->keys[key].name, name)) {
                key++;
            }
            if (key == agg->key_count) {
                return weir_native_fail(n, WEIR_AT_ITEM(set_at, k), "there is no dimension '%.*s'",
                                        WEIR_STR_ARG(name));
            }
            sets[i] |= 1ull << key;
        }
    }
    agg->sets = sets;
    agg->set_count = (uint32_t)count;
    return true;
}

static bool parse_order(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_sort_key *out)
{
    weir_str name = {0}, direction = {0};
    *out = (weir_sort_key){.ordering = &weir_order_lexicographic};
    if (json_is_object(json)) {
        if (!weir_native_need_text(n, at, json, "dimension", &name) ||
            !weir_native_text(n, at, json, "direction", &direction) ||
            !weir_native_ordering(n, WEIR_AT(at, "dimensionOrder"),
                                  json_object_get(json, "dimensionOrder"),
                                  &weir_order_lexicographic, &out->ordering)) {
            return false;
        }
    } else if (!weir_native_scalar_text(n, at, json, &name)) {
        return false;
    }
    bool down = weir_str_eq_nocase(direction, WEIR_STR("descending")) ||
                weir_str_eq_nocase(direction, WEIR_STR("desc"));
    if (direction.at && !down && !weir_str_eq_nocase(direction, WEIR_STR("ascending")) &&
        !weir_str_eq_nocase(direction, WEIR_STR("asc"))) {
        return weir_native_fail(n, WEIR_AT(at, "direction"), "'%.*s' is no direction",
                                WEIR_STR_ARG(direction));
    }
    out->descending = out->nulls_last = down;
    return weir_native_shown(part, name, &out->column)
               ? weir_native_orderable(n, at, part, name)
               : weir_native_fail(n, at, "there is no output '%.*s' to order by",
                                  WEIR_STR_ARG(name));
}

static bool parse_limit(weir_native *n, const weir_at *at, const json_t *query,
                        const weir_native_part *part, limit_spec *out)
{
    const json_t *json = weir_native_get(query, "limitSpec", NULL), *list;
    size_t count;
    weir_str type;
    *out = (limit_spec){.limit = -1};
    at = WEIR_AT(at, "limitSpec");
    if (!json) {
        return true;
    }
    if (!weir_native_object(n, at, json) || !weir_native_text(n, at, json, "type", &type)) {
        return false;
    }
    if (weir_str_is(type, "noop")) {
        return true;
    }
    if (type.at && !weir_str_is(type, "default")) {
        return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no limit", WEIR_STR_ARG(type));
    }
    if (!weir_native_long(n, at, json, "limit", -1, &out->limit) ||
        !weir_native_long(n, at, json, "offset", 0, &out->offset) ||
        !weir_native_list(n, at, json, "columns", &list, &count)) {
        return false;
    }
    if (weir_native_get(json, "limit", NULL) && out->limit <= 0) {
        return weir_native_fail(n, WEIR_AT(at, "limit"), "must be greater than 0");
    }
    if (out->offset < 0) {
        return weir_native_fail(n, WEIR_AT(at, "offset"), "must not be negative");
    }
    out->columns = WEIR_ARENA_ARRAY(n->arena, weir_sort_key, count + 1);
    out->column_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        if (!parse_order(n, WEIR_AT_ITEM(WEIR_AT(at, "columns"), i), json_array_get(list, i), part,
                         &out->columns[i])) {
            return false;
        }
    }
    return true;
}

static weir_node *sorted(weir_native *n, const weir_native_part *part, const weir_node_agg *agg,
                         weir_node *child, const limit_spec *limit)
{
    weir_sort_key *keys =
        WEIR_ARENA_ARRAY(n->arena, weir_sort_key, limit->column_count + agg->key_count + 3);
    uint32_t count = 0, set_column;
    bool has_sets = weir_node_find(child, WEIR_STR("__set"), &set_column);
    bool time_last = part->options.sort_by_dims_first;
    if (has_sets && limit->column_count == 0) {
        keys[count++] = (weir_sort_key){.column = set_column};
    }
    if (!time_last) {
        keys[count++] = (weir_sort_key){.column = 0};
    }
    for (uint32_t i = 0; i < limit->column_count; i++) {
        keys[count++] = limit->columns[i];
    }
    for (uint32_t i = 0; i < agg->key_count; i++) { /* AGG's outputs: the bucket, then the keys */
        bool there = false;
        for (uint32_t k = 0; k < limit->column_count; k++) {
            there = there || (limit->columns[k].column == i + 1 &&
                              limit->columns[k].ordering == &weir_order_lexicographic);
        }
        if (!there) {
            keys[count++] = (weir_sort_key){.column = i + 1};
        }
    }
    if (time_last) {
        keys[count++] = (weir_sort_key){.column = 0};
    }
    if (has_sets && limit->column_count > 0) {
        keys[count++] = (weir_sort_key){.column = set_column};
    }
    return weir_native_sort(n, child, keys, count, limit->limit, limit->offset, false);
}

/* "forceLimitPushDown" has no effect here, as limits are exact, but for what Druid refuses with it.
 */
static bool check_push_down(weir_native *n, const json_t *json, const weir_native_part *part,
                            const limit_spec *limit)
{
    bool subtotals = json_array_size(json_object_get(json, "subtotalsSpec")) > 0;
    if (!part->options.force_limit_push_down || subtotals) {
        return true;
    }
    const json_t *spec = weir_native_get(json, "limitSpec", NULL);
    weir_str type = {json_string_value(json_object_get(spec, "type")),
                     json_string_length(json_object_get(spec, "type"))};
    if (!spec || weir_str_is(type, "noop")) {
        return weir_native_fail(n, NULL,
                                "When forcing limit push down, a limit spec must be provided.");
    }
    if (limit->limit < 0) {
        return weir_native_fail(
            n, NULL, "When forcing limit push down, the provided limit spec must have a limit.");
    }
    if (weir_native_get(json, "having", NULL)) {
        return weir_native_fail(n, NULL,
                                "Cannot force limit push down when a having spec is present.");
    }
    for (uint32_t i = 0; i < limit->column_count; i++) {
        for (uint32_t p = part->shown_count - part->postagg_count; p < part->shown_count; p++) {
            if (part->shown[p].column == limit->columns[i].column) {
                return weir_native_fail(
                    n, NULL, "Limit push down when sorting by a post aggregator is not supported.");
            }
        }
    }
    return true;
}

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part)
{
    const weir_expr **after;
    weir_grouping group = {.agg = {.shape = WEIR_SHAPE_GROUPBY}};
    weir_filter *having;
    limit_spec limit;
    if (!weir_native_granularity(n, WEIR_AT(at, "granularity"),
                                 weir_native_get(json, "granularity", NULL), &part->granularity) ||
        !parse_dimensions(n, at, json, &group.agg, &after) ||
        !parse_sets(n, at, json, &group.agg) ||
        !weir_native_having(n, WEIR_AT(at, "having"), weir_native_get(json, "having", NULL),
                            &having)) {
        return false;
    }
    group.agg.empty_row = group.agg.key_count == 0 && part->granularity.kind == WEIR_GRAN_ALL;
    if (!weir_native_group(n, at, json, part, &group) || !parse_limit(n, at, json, part, &limit) ||
        !check_push_down(n, json, part, &limit)) {
        return false;
    }
    weir_node *root = group.root;
    if (n->query->context.by_segment && n->inner == 0) { /* Druid applies these to what it has merged */
        having = NULL;
        limit.limit = -1;
        limit.offset = 0;
    }
    if (having) {
        weir_node *filter = weir_node_new(n->arena, WEIR_NODE_FILTER);
        filter->as.filter = (weir_node_filter){.child = root, .filter = having};
        weir_node_resolve(n->arena, filter);
        root = filter;
    }
    part->root = weir_native_postponed(n, sorted(n, part, &group.agg, root, &limit),
                                       group.agg.key_count, after);
    return true;
}

const weir_native_type weir_native_groupby = {
    .type = "groupBy", .parse = parse, .writer = &weir_write_groupby};
