/* query/native_search.c - search: per dimension ROWS -> AGG(bucket, value, count) -> FILTER(the
 * value matches) -> PROJECT(bucket, dimension, value, count), all in one UNION -> SORT(bucket,
 * value by the query's ordering, dimension; limited per bucket). Without searchDimensions: every
 * string column of the views. */
#include "query/native_json.h"

typedef struct search {
    weir_node *rows;
    uint32_t dimension_count;
    const weir_key *dimensions;
    const json_t *query;
    const weir_ordering *ordering;
    int64_t limit;
} search;

/* Rows are counted, not elements: a value that a row's list holds twice counts once. */
static bool has_lists(const search *what, const weir_names *columns, weir_view *const *views,
                      uint32_t view_count)
{
    for (uint32_t v = 0; v < view_count; v++) {
        for (uint32_t r = 0; r < views[v]->count; r++) {
            const weir_rows *segment = views[v]->rows[r];
            for (uint32_t i = 0; segment && i < columns->count; i++) {
                const weir_column *column = segment->ops->column(segment, columns->at[i]);
                if (column && column->type.multi) {
                    return true;
                }
            }
        }
    }
    return what->rows->as.rows.table_count == 0;
}

static const weir_expr *distinct(weir_native *n, const weir_expr *list)
{
    const weir_expr *array = weir_expr_call(n->arena, "mv_to_array", 1, &list),
                    *twice[] = {array, array};
    const weir_expr *set = weir_expr_call(n->arena, "array_set_add_all", 2, twice);
    return weir_expr_call(n->arena, "array_to_mv", 1, &set);
}

static bool lower_dimension(weir_native *n, const search *what, const weir_native_part *part,
                            const weir_key *dimension, weir_view *const *views, uint32_t view_count,
                            weir_node **out)
{
    static const char count_json[] = "{\"type\":\"count\",\"name\":\"__count\"}";
    weir_key *key = WEIR_ARENA_NEW(n->arena, weir_key);
    weir_agg_use *count = WEIR_ARENA_NEW(n->arena, weir_agg_use);
    json_t *json = json_loads(count_json, 0, NULL);
    weir_arena_defer(n->arena, (void (*)(void *))json_decref, json);
    weir_node *rows = weir_node_new(n->arena, WEIR_NODE_ROWS),
              *agg = weir_node_new(n->arena, WEIR_NODE_AGG);
    weir_node *filter = weir_node_new(n->arena, WEIR_NODE_FILTER),
              *project = weir_node_new(n->arena, WEIR_NODE_PROJECT);
    weir_names columns = {.arena = n->arena};
    weir_expr_columns(dimension->expr, weir_names_see, &columns);
    *key = *dimension;
    key->name = WEIR_STR("__value");
    key->type = WEIR_TYPE(WEIR_STRING);
    if (has_lists(what, &columns, views, view_count)) {
        key->expr = distinct(n, key->expr);
    }
    if (!weir_agg_spec_parse(json, "count", n->arena, &count->spec, n->err)) {
        return false;
    }
    rows->as.rows = what->rows->as.rows;
    rows->as.rows.columns = columns.at;
    rows->as.rows.column_count = columns.count;
    weir_node_resolve(n->arena, rows);
    agg->as.agg = (weir_node_agg){.child = rows,
                                  .bucket = part->granularity,
                                  .key_count = 1,
                                  .keys = key,
                                  .agg_count = 1,
                                  .aggs = count,
                                  .shape = WEIR_SHAPE_GROUPBY};
    weir_node_resolve(n->arena, agg);
    filter->as.filter.child = agg;
    if (!weir_native_search_query(n, WEIR_AT(NULL, "query"), what->query,
                                  (weir_target){.column = key->name}, &filter->as.filter.filter)) {
        return false;
    }
    weir_node_resolve(n->arena, filter);
    static const char *const names[] = {"__bucket", "dimension", "value", "count"};
    weir_str *project_names = WEIR_ARENA_ARRAY(n->arena, weir_str, 4);
    const weir_expr **exprs = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, 4);
    for (uint32_t i = 0; i < 4; i++) {
        project_names[i] = weir_str_of(names[i]);
    }
    exprs[0] = weir_expr_column(n->arena, project_names[0]);
    exprs[1] = weir_expr_const(n->arena, weir_value_str(dimension->name));
    exprs[2] = weir_expr_column(n->arena, key->name);
    exprs[3] = weir_expr_column(n->arena, count->spec.name);
    project->as.project = (weir_node_project){filter, 4, project_names, exprs};
    weir_node_resolve(n->arena, project);
    *out = project;
    return true;
}

static bool lower(weir_native *n, weir_native_part *part, const search *what,
                  weir_view *const *views, uint32_t view_count)
{
    weir_node **children = WEIR_ARENA_ARRAY(n->arena, weir_node *, what->dimension_count);
    for (uint32_t i = 0; i < what->dimension_count; i++) {
        if (!lower_dimension(n, what, part, &what->dimensions[i], views, view_count,
                             &children[i])) {
            return false;
        }
    }
    weir_node *root = children[0];
    if (what->dimension_count > 1) {
        root = weir_node_new(n->arena, WEIR_NODE_UNION);
        root->as.merge = (weir_node_union){what->dimension_count, children};
        weir_node_resolve(n->arena, root);
    }
    const weir_sort_key keys[] = {
        {.column = 0}, {.column = 2, .ordering = what->ordering}, {.column = 1}};
    part->root = weir_native_sort(n, root, keys, 3, what->limit, 0, true);
    static const weir_native_column shown[] = {
        {{"dimension", 9}, 1}, {{"value", 5}, 2}, {{"count", 5}, 3}};
    part->shown = shown;
    part->shown_count = 3;
    part->has_bucket = true;
    return true;
}

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part)
{
    search *what = WEIR_ARENA_NEW(n->arena, search);
    const json_t *list = weir_native_get(json, "searchDimensions", NULL);
    weir_filter *unused;
    what->query = weir_native_get(json, "query", NULL);
    if (!what->query) {
        return weir_native_fail(n, at, "needs 'query'");
    }
    if (!weir_native_granularity(n, WEIR_AT(at, "granularity"),
                                 weir_native_get(json, "granularity", NULL), &part->granularity) ||
        !weir_native_rows(n, at, json, part, true, &what->rows) ||
        !weir_native_long(n, at, json, "limit", 1000, &what->limit) ||
        !weir_native_ordering(n, WEIR_AT(at, "sort"), json_object_get(json, "sort"),
                              &weir_order_lexicographic, &what->ordering) ||
        !weir_native_search_query(n, WEIR_AT(at, "query"), what->query,
                                  (weir_target){.column = WEIR_STR("x")}, &unused)) {
        return false;
    }
    if (what->limit <= 0) {
        return weir_native_fail(n, WEIR_AT(at, "limit"), "must be greater than 0");
    }
    bool one = json_is_string(list) || json_is_object(list);
    uint32_t count = one ? 1 : (uint32_t)json_array_size(list);
    weir_key *dimensions = WEIR_ARENA_ARRAY(n->arena, weir_key, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const weir_at *item_at = WEIR_AT_ITEM(WEIR_AT(at, "searchDimensions"), i);
        if (!weir_native_dimension(n, item_at, one ? list : json_array_get(list, i),
                                   &dimensions[i])) {
            return false;
        }
    }
    what->dimensions = dimensions;
    what->dimension_count = count;
    part->meta = what;
    part->root = what->rows;
    return true;
}

static bool bind(weir_native *n, weir_native_part *part, weir_view *const *views,
                 uint32_t view_count)
{
    search *what = part->meta;
    weir_names names = {.arena = n->arena};
    if (what->dimension_count > 0) {
        return lower(n, part, what, views, view_count);
    }
    weir_native_signature signature = {0};
    weir_native_signature_of(n, &what->rows->as.rows, views, view_count, &signature);
    for (uint32_t i = 0; i < signature.names.count; i++) {
        weir_kind kind = signature.types[i].kind;
        bool text = kind == WEIR_STRING || (kind == WEIR_UNKNOWN && what->rows->as.rows.child);
        if (text && !signature.metric[i] && !weir_str_is(signature.names.at[i], "__time")) {
            weir_names_add(&names, signature.names.at[i]);
        }
    }
    if (names.count == 0) {
        weir_names_add(&names, WEIR_STR("__none"));
    }
    weir_key *dimensions = WEIR_ARENA_ARRAY(n->arena, weir_key, names.count);
    for (uint32_t i = 0; i < names.count; i++) {
        dimensions[i] = (weir_key){.name = names.at[i],
                                   .expr = weir_expr_column(n->arena, names.at[i]),
                                   .type = WEIR_TYPE(WEIR_STRING)};
    }
    what->dimensions = dimensions;
    what->dimension_count = names.count;
    return lower(n, part, what, views, view_count);
}

const weir_native_type weir_native_search = {
    .type = "search", .parse = parse, .bind = bind, .writer = &weir_write_search};
