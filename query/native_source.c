/* query/native_source.c - "dataSource": which rows a query reads, a table row per type. */
#include "query/given.h"
#include "query/native_json.h"

void weir_native_reads(weir_native *n, weir_str table, uint32_t count,
                       const weir_interval *intervals)
{
    uint32_t tables = n->query->table_count, at;
    weir_names all = {
        .arena = n->arena, .count = tables, .capacity = tables, .at = (weir_str *)n->query->tables};
    weir_view_need *needs = (weir_view_need *)(uintptr_t)n->query->needs;
    if (weir_names_add(&all, table)) {
        needs = WEIR_ARENA_ARRAY(n->arena, weir_view_need, all.count);
        if (tables) {
            memcpy(needs, n->query->needs, tables * sizeof(*needs));
        }
        needs[tables] = (weir_view_need){.count = count, .intervals = intervals};
    } else if (weir_names_has(&all, table, &at) && needs[at].count > 0) {
        uint32_t had = needs[at].count;
        weir_interval *both = WEIR_ARENA_ARRAY(n->arena, weir_interval, had + count);
        memcpy(both, needs[at].intervals, had * sizeof(*both));
        if (count) {
            memcpy(both + had, intervals, count * sizeof(*both));
        }
        needs[at] = (weir_view_need){.count = count ? had + count : 0, .intervals = both};
    }
    n->query->tables = all.at;
    n->query->table_count = all.count;
    n->query->needs = needs;
}

void weir_native_reads_only(weir_native *n, const weir_view_need *need)
{
    for (uint32_t i = 0; i < n->query->table_count; i++) {
        ((weir_view_need *)(uintptr_t)n->query->needs)[i] = *need;
    }
}

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
    weir_native_reads(n, name, rows->interval_count, rows->intervals);
    return true;
}

static bool parse_table(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows)
{
    weir_str name;
    (void)part;
    return weir_native_need_text(n, at, json, "name", &name) && add_table(n, name, rows);
}

static bool is_table(const json_t *json)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    return json_is_string(json) ||
           (type && (strcmp(type, "table") == 0 || strcmp(type, "globalTable") == 0));
}

/* Of tables: one leaf with all of them. */
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
        if (!is_table(json_array_get(list, i))) {
            return weir_native_union_node(n, at, list, part, rows);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!weir_native_source(n, WEIR_AT_ITEM(WEIR_AT(at, "dataSources"), i),
                                json_array_get(list, i), part, rows)) {
            return false;
        }
    }
    return true;
}

/* The inner query's rows under the names that it shows, and "__time": its bucket's start if it made
 * one. Without one __time is 0, which outer intervals cut away; but a groupBy over a groupBy sees
 * all rows (recorded): there __time is the start of the outer interval. */
static void name_rows(weir_native *n, const weir_native_part *inner, const weir_native_part *outer,
                      weir_node *project)
{
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
}

typedef struct open_query { /* an inner query whose columns are known when the views are */
    weir_native_part *inner;
    const weir_native_part *outer;
    weir_node *project;
} open_query;

static bool bind_query(weir_native *n, void *self, weir_view *const *views, uint32_t view_count)
{
    open_query *open = self;
    const weir_native_type *type = open->inner->type;
    if (type->bind && !type->bind(n, open->inner, views, view_count)) {
        return false;
    }
    name_rows(n, open->inner, open->outer, open->project);
    return true;
}

static bool parse_query(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows)
{
    const json_t *query = weir_native_get(json, "query", NULL);
    open_query *open = WEIR_ARENA_NEW(n->arena, open_query);
    open->inner = WEIR_ARENA_NEW(n->arena, weir_native_part);
    open->outer = part;
    open->project = weir_node_new(n->arena, WEIR_NODE_PROJECT);
    if (!query) {
        return weir_native_fail(n, at, "needs 'query'");
    }
    n->inner++; /* its aggregates are states, not finalized */
    bool ok = weir_native_part_parse(n, WEIR_AT(at, "query"), query, open->inner);
    n->inner--;
    if (!ok) {
        return false;
    }
    if (!open->inner->type->writer) {
        return weir_native_unsupported(n, WEIR_AT(at, "query"),
                                       "a %s query cannot be read from by another one",
                                       open->inner->type->type);
    }
    rows->child = open->project;
    if (open->inner->type->bind) {
        weir_native_wait(n, bind_query, open);
    } else {
        name_rows(n, open->inner, part, open->project);
    }
    if (open->inner->type != &weir_native_groupby || part->type != &weir_native_groupby) {
        const weir_native_context *context =
            &n->query->context; /* groups of groups stream in Druid */
        rows->max_child_rows = context->max_subquery_rows > 0 ? context->max_subquery_rows : 0;
        rows->max_child_bytes = context->max_subquery_bytes > 0 ? context->max_subquery_bytes : 0;
    }
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
                  const weir_native_part *part, weir_node_rows *rows);
} source_types[] = {
    {"table", parse_table},     {"globalTable", parse_table},   {"union", parse_union},
    {"query", parse_query},     {"lookup", parse_lookup},       {"inline", parse_inline},
    {"join", weir_native_join}, {"unnest", weir_native_unnest}, {"filter", weir_native_filtered},
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
            return source_types[i].parse(n, at, json, part, rows);
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

/* Signatures. */

static void add_column(weir_native *n, weir_native_signature *out, weir_str name, weir_type type,
                       bool metric)
{
    uint32_t had = out->names.count;
    if (!weir_names_add(&out->names, name)) {
        return;
    }
    if ((had & (had - 1)) == 0) { /* full: room for twice as many */
        weir_type *types = WEIR_ARENA_ARRAY(n->arena, weir_type, had ? 2 * had : 1);
        bool *metrics = WEIR_ARENA_ARRAY(n->arena, bool, had ? 2 * had : 1);
        if (had) {
            memcpy(types, out->types, had * sizeof(*types));
            memcpy(metrics, out->metric, had * sizeof(*metrics));
        }
        out->types = types;
        out->metric = metrics;
    }
    out->types[had] = type;
    out->metric[had] = metric;
}

static void add_tables(weir_native *n, const weir_node_rows *rows, weir_view *const *views,
                       uint32_t view_count, weir_native_signature *out)
{
    add_column(n, out, WEIR_STR("__time"), WEIR_TYPE(WEIR_LONG), false);
    for (uint32_t v = 0; v < view_count; v++) {
        bool ours = false;
        for (uint32_t t = 0; t < rows->table_count; t++) {
            ours = ours || weir_str_eq(views[v]->table, rows->tables[t]);
        }
        for (uint32_t r = 0; ours && r < views[v]->count; r++) {
            const weir_rows *segment = views[v]->rows[r];
            for (uint32_t i = 0; segment && i < segment->ops->column_count(segment); i++) {
                const weir_column *column = segment->ops->column_at(segment, i);
                uint32_t index;
                if (!weir_names_has(&out->names, column->name, &index)) {
                    add_column(n, out, weir_arena_str(n->arena, column->name), column->type,
                               column->metric);
                }
            }
        }
    }
}

/* A query's rows: its time first when it has one of its own. */
static void add_project(weir_native *n, const weir_node_project *project,
                        weir_native_signature *out)
{
    uint32_t count = project->count;
    bool own_time = count == 0 || project->exprs[count - 1]->kind != WEIR_EXPR_CONST;
    bool last = count && weir_str_is(project->names[count - 1], "__time");
    if (last && own_time) {
        add_column(n, out, project->names[count - 1], WEIR_TYPE(WEIR_LONG), false);
    }
    for (uint32_t i = 0; i < count - last; i++) {
        add_column(n, out, project->names[i], WEIR_TYPE(WEIR_UNKNOWN), false);
    }
}

static void add_node(weir_native *n, const weir_node *node, weir_view *const *views,
                     uint32_t view_count, weir_native_signature *out);

static void add_join(weir_native *n, const weir_node_join *join, weir_view *const *views,
                     uint32_t view_count, weir_native_signature *out)
{
    weir_native_signature right = {.names.arena = n->arena};
    add_node(n, join->left, views, view_count, out);
    add_node(n, join->right, views, view_count, &right);
    for (uint32_t i = 0; i < right.names.count; i++) {
        weir_str name = weir_arena_printf(n->arena, "%.*s%.*s", WEIR_STR_ARG(join->prefix),
                                          WEIR_STR_ARG(right.names.at[i]));
        add_column(n, out, name, right.types[i], right.metric[i]);
    }
}

static void add_node(weir_native *n, const weir_node *node, weir_view *const *views,
                     uint32_t view_count, weir_native_signature *out)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        weir_native_signature_of(n, &node->as.rows, views, view_count, out);
        break;
    case WEIR_NODE_JOIN:
        add_join(n, &node->as.join, views, view_count, out);
        break;
    case WEIR_NODE_UNNEST:
        add_node(n, node->as.unnest.child, views, view_count, out);
        add_column(n, out, node->as.unnest.list.name, WEIR_TYPE(WEIR_UNKNOWN), false);
        break;
    case WEIR_NODE_UNION:
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            add_node(n, node->as.merge.children[i], views, view_count, out);
        }
        break;
    case WEIR_NODE_PROJECT:
        add_project(n, &node->as.project, out);
        break;
    case WEIR_NODE_FILTER:
    case WEIR_NODE_AGG:
    case WEIR_NODE_SORT:
    case WEIR_NODE_WINDOW:
        break; /* no data source is one */
    }
}

void weir_native_signature_of(weir_native *n, const weir_node_rows *rows, weir_view *const *views,
                              uint32_t view_count, weir_native_signature *out)
{
    out->names.arena = n->arena;
    if (rows->child) {
        add_node(n, rows->child, views, view_count, out);
    } else if (rows->given) {
        for (uint32_t i = 0; i < rows->given->column_count; i++) {
            add_column(n, out, rows->given->names[i], rows->given->types[i], false);
        }
    } else {
        add_tables(n, rows, views, view_count, out);
    }
}
