/* query/native_query.c - a native query's bytes to its plan: the table of query types, and what all
 * of them share. A new type is one row here and a file with its weir_native_type. */
#include "query/native_json.h"

#define MAX_BODY_BYTES (16u << 20)

static const weir_native_type *const types[] = {
    &weir_native_timeseries,       &weir_native_topn,
    &weir_native_groupby,          &weir_native_scan,
    &weir_native_search,           &weir_native_time_boundary,
    &weir_native_segment_metadata, &weir_native_datasource_metadata,
};

static const weir_native_type *find_type(weir_str name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (weir_str_is(name, types[i]->type)) {
            return types[i];
        }
    }
    return NULL;
}

bool weir_native_rows(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part,
                      bool need_intervals, weir_node **out)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_ROWS);
    weir_node_rows *rows = &node->as.rows;
    const json_t *source = weir_native_get(json, "dataSource", NULL),
                 *intervals = weir_native_get(json, "intervals", NULL);
    const json_t *filter = weir_native_get(json, "filter", NULL);
    if (!source) {
        return weir_native_fail(n, at, "needs 'dataSource'");
    }
    if (!intervals && need_intervals) {
        return weir_native_fail(n, at, "needs 'intervals'");
    }
    part->eternal = !intervals;
    part->interval_count = 1;
    part->intervals = &weir_interval_eternity;
    if ((intervals && !weir_native_intervals(n, WEIR_AT(at, "intervals"), intervals,
                                             &part->interval_count, &part->intervals)) ||
        !weir_native_virtuals(n, at, json, &rows->virtual_count, &rows->virtuals) ||
        !weir_native_filter(n, WEIR_AT(at, "filter"), filter, &rows->filter)) {
        return false;
    }
    rows->interval_count = part->interval_count;
    rows->intervals = part->intervals;
    if (!weir_native_source(n, WEIR_AT(at, "dataSource"), source, part, rows)) {
        return false;
    }
    part->rows = rows;
    *out = node;
    return true;
}

bool weir_native_part_parse(weir_native *n, const weir_at *at, const json_t *json,
                            weir_native_part *out)
{
    weir_str type;
    *out = (weir_native_part){.json = json};
    if (!weir_native_object(n, at, json) ||
        !weir_native_need_text(n, at, json, "queryType", &type)) {
        return false;
    }
    out->type = find_type(type);
    if (!out->type) {
        return weir_native_fail(n, WEIR_AT(at, "queryType"), "'%.*s' is no type of query",
                                WEIR_STR_ARG(type));
    }
    return weir_native_options_read(n, json, &out->options) && out->type->parse(n, at, json, out);
}

void weir_native_wait(weir_native *n,
                      bool (*call)(weir_native *n, void *self, weir_view *const *views,
                                   uint32_t view_count),
                      void *self)
{
    weir_native_later *later = WEIR_ARENA_NEW(n->arena, weir_native_later),
                      **end = &n->query->later;
    *later = (weir_native_later){.call = call, .self = self};
    while (*end) {
        end = &(*end)->next;
    }
    *end = later;
}

static void drop_json(void *json)
{
    json_decref(json);
}

static int too_deep(const json_t *json, int depth)
{
    const char *key;
    json_t *value;
    size_t i;
    if (depth > WEIR_NATIVE_DEPTH) {
        return 1;
    }
    if (json_is_array(json)) {
        json_array_foreach(json, i, value)
        {
            if (too_deep(value, depth + 1)) {
                return 1;
            }
        }
    } else if (json_is_object(json)) {
        json_object_foreach((json_t *)json, key, value)
        {
            if (too_deep(value, depth + 1)) {
                return 1;
            }
        }
    }
    return 0;
}

static json_t *read_body(weir_arena *arena, weir_str body, weir_error *err)
{
    json_error_t why;
    if (body.size > MAX_BODY_BYTES) {
        weir_fail(err, WEIR_ERR_BAD_JSON, "the query is larger than %u bytes", MAX_BODY_BYTES);
        return NULL;
    }
    if (weir_str_trim(body).size == 0) { /* Jackson reads nothing as null */
        weir_fail(err, WEIR_ERR_BAD_QUERY, "the query is empty");
        return NULL;
    }
    json_t *json = json_loadb(body.at, body.size,
                              JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &why);
    if (!json) {
        weir_fail(err, WEIR_ERR_BAD_JSON, "%s at line %d, column %d", why.text, why.line,
                  why.column);
        return NULL;
    }
    weir_arena_defer(arena, drop_json, json);
    if (too_deep(json, 0)) {
        weir_fail(err, WEIR_ERR_BAD_JSON, "the query is nested deeper than %d", WEIR_NATIVE_DEPTH);
        return NULL;
    }
    return json;
}

weir_native_query *weir_native_parse(weir_arena *arena, weir_str body, weir_error *err)
{
    json_t *json = read_body(arena, body, err);
    if (!json) {
        return NULL;
    }
    weir_native_query *query = WEIR_ARENA_NEW(arena, weir_native_query);
    weir_native_part *part = WEIR_ARENA_NEW(arena, weir_native_part);
    weir_native n = {.arena = arena, .err = err, .query = query};
    query->arena = arena;
    query->own = part;
    if (!weir_native_object(&n, NULL, json) ||
        !weir_native_context_read(&n, json, &query->context) ||
        !weir_native_part_parse(&n, NULL, json, part)) {
        return NULL;
    }
    query->type_entry = part->type;
    query->type = weir_str_of(part->type->type);
    if (part->type->writer) {
        query->plan = WEIR_ARENA_NEW(arena, weir_plan);
        *query->plan = (weir_plan){arena, part->root};
    }
    return query;
}

bool weir_native_lower(weir_native_query *query, weir_view *const *views, uint32_t view_count,
                       weir_error *err)
{
    weir_native n = {.arena = query->arena, .err = err, .query = query};
    weir_native_part *part = query->own;
    for (weir_native_later *later = query->later; later; later = later->next) {
        if (!later->call(&n, later->self, views, view_count)) {
            return false;
        }
    }
    if (part->type->bind && !part->type->bind(&n, part, views, view_count)) {
        return false;
    }
    if (query->plan) {
        query->plan->root = part->root;
    }
    return true;
}

bool weir_native_bind(weir_native_query *query, weir_view *const *views, uint32_t view_count,
                      weir_error *err)
{
    return weir_native_lower(query, views, view_count, err) &&
           (!query->plan ||
            (weir_plan_rewrite(query->plan, err) && weir_plan_check(query->plan, err)));
}

bool weir_native_meta(const weir_native_query *query, weir_view *const *views, uint32_t view_count,
                      weir_ctl *ctl, bool pretty, weir_buf *out, weir_error *err)
{
    const weir_native_part *part = query->own;
    weir_json json = {.out = out, .pretty = pretty};
    return part->type->meta(part, views, view_count, ctl, &json, err);
}
