/* query/native_source.c - "dataSource": which rows a query reads, a table row per type. */
#include "query/native_json.h"

static bool add_table(weir_native *n, weir_str name, weir_node_rows *rows)
{
    uint32_t count = rows->table_count;
    weir_str *tables = (weir_str *)rows->tables;
    if ((count & (count - 1)) == 0) { /* full: room for twice as many */
        tables = WEIR_ARENA_ARRAY(n->arena, weir_str, count ? 2 * count : 1);
        if (count) {
            memcpy(tables, rows->tables, count * sizeof(*tables));
        }
    }
    tables[count] = name;
    rows->tables = tables;
    rows->table_count = count + 1;
    weir_names all = {.arena = n->arena,
                      .count = n->query->table_count,
                      .capacity = n->query->table_count,
                      .at = (weir_str *)n->query->tables};
    weir_names_add(&all, name);
    n->query->tables = all.at;
    n->query->table_count = all.count;
    return true;
}

static bool parse_table(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows)
{
    weir_str name;
    (void)part;
    return weir_native_need_text(n, at, json, "name", &name) && add_table(n, name, rows);
}

/* Tables only, as names or {"type":"table"}. */
static bool parse_union(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows)
{
    const json_t *list;
    size_t count;
    if (!weir_native_list(n, at, json, "dataSources", &list, &count)) {
        return false;
    }
    if (count == 0) {
        return weir_native_fail(n, at, "needs 'dataSources'");
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        const weir_at *item_at = WEIR_AT_ITEM(WEIR_AT(at, "dataSources"), i);
        weir_str type = {0};
        if (json_is_object(item) && !weir_native_text(n, item_at, item, "type", &type)) {
            return false;
        }
        if (type.at && !weir_str_is(type, "table")) {
            return weir_native_unsupported(n, item_at,
                                           "a union of anything but tables is not supported yet");
        }
        if (!weir_native_source(n, item_at, item, part, rows)) {
            return false;
        }
    }
    return true;
}

/* The inner query's rows under the names that it shows, and "__time": its bucket's start if it made
 * one. Without one __time is 0, which outer intervals cut away; but a groupBy over a groupBy sees
 * all rows (recorded): there __time is the start of the outer interval. */
static weir_node *named_rows(weir_native *n, const weir_native_part *inner,
                             const weir_native_part *outer)
{
    weir_node *project = weir_node_new(n->arena, WEIR_NODE_PROJECT);
    weir_str *names = WEIR_ARENA_ARRAY(n->arena, weir_str, inner->shown_count + 1);
    const weir_expr **exprs = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, inner->shown_count + 1);
    uint32_t count = 0, column;
    for (uint32_t i = 0; i < inner->shown_count; i++) {
        names[count] = inner->shown[i].name;
        exprs[count++] =
            weir_expr_column(n->arena, inner->root->output_names[inner->shown[i].column]);
    }
    if (!weir_native_shown(inner, WEIR_STR("__time"), &column)) {
        bool grouped = inner->type == &weir_native_groupby && outer->type == &weir_native_groupby;
        bool timed = inner->has_bucket && (inner->granularity.kind != WEIR_GRAN_ALL ||
                                           inner->type == &weir_native_timeseries);
        int64_t start = grouped && outer->interval_count ? outer->intervals[0].start_ms : 0;
        names[count] = WEIR_STR("__time");
        exprs[count++] = timed ? weir_expr_column(n->arena, WEIR_STR("__bucket"))
                               : weir_expr_const(n->arena, weir_value_long(start));
    }
    project->as.project = (weir_node_project){inner->root, count, names, exprs};
    weir_node_resolve(n->arena, project);
    return project;
}

static bool parse_query(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows)
{
    const json_t *query = weir_native_get(json, "query", NULL);
    weir_native_part *inner = WEIR_ARENA_NEW(n->arena, weir_native_part);
    if (!query) {
        return weir_native_fail(n, at, "needs 'query'");
    }
    n->inner++;
    bool ok = weir_native_part_parse(n, WEIR_AT(at, "query"), query, inner);
    n->inner--;
    if (!ok) {
        return false;
    }
    bool open = inner->type == &weir_native_scan && inner->shown_count == 0;
    if (!inner->root || open || inner->type == &weir_native_search) {
        return weir_native_unsupported(n, WEIR_AT(at, "query"),
                                       "a %s query%s cannot be read from by another one yet",
                                       inner->type->type, open ? " over all columns" : "");
    }
    rows->child = named_rows(n, inner, part);
    return true;
}

static bool parse_lookup(weir_native *n, const weir_at *at, const json_t *json,
                         const weir_native_part *part, weir_node_rows *rows)
{
    (void)part;
    return weir_native_lookup_rows(n, at, json, rows);
}

static bool parse_inline(weir_native *n, const weir_at *at, const json_t *json,
                         const weir_native_part *part, weir_node_rows *rows)
{
    (void)part;
    return weir_native_inline(n, at, json, rows);
}

static const struct source_type {
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json,
                  const weir_native_part *part, weir_node_rows *rows); /* NULL: not yet */
} source_types[] = {
    {"table", parse_table},   {"union", parse_union},   {"query", parse_query},
    {"lookup", parse_lookup}, {"inline", parse_inline}, {"join", NULL},
    {"unnest", NULL},         {"filter", NULL},         {"globalTable", parse_table},
};

static bool parse_by_type(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_native_part *part, weir_node_rows *rows)
{
    weir_str type;
    if (!weir_native_need_type(n, at, json, &type)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(source_types) / sizeof(source_types[0]); i++) {
        if (weir_str_is(type, source_types[i].type)) {
            return source_types[i].parse
                       ? source_types[i].parse(n, at, json, part, rows)
                       : weir_native_unsupported(n, WEIR_AT(at, "type"),
                                                 "the data source '%.*s' is not supported yet",
                                                 WEIR_STR_ARG(type));
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no data source", WEIR_STR_ARG(type));
}

bool weir_native_source(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows)
{
    if (json_is_string(json)) {
        return add_table(
            n,
            weir_arena_str(n->arena, (weir_str){json_string_value(json), json_string_length(json)}),
            rows);
    }
    if (!weir_native_enter(n, at)) {
        return false;
    }
    bool ok = parse_by_type(n, at, json, part, rows);
    weir_native_leave(n);
    return ok;
}
