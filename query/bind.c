/* query/bind.c - a plan tree becomes pipelines: AGG, SORT with keys and a subquery's end are sinks,
 * everything between them streams. A UNION is several pipelines into one sink. */
#include "query/bind.h"
#include <assert.h>

typedef struct sink {
    uint8_t to;
    weir_agg_run *agg;
    weir_sort_run *sort;
    weir_scan *table_for;
    weir_join_run *table_join;
} sink;

/* What a subtree yields, and the pipes that yield it: they wait for their sink. */
typedef struct flow {
    uint32_t count; /* pipes that are open */
    uint32_t *open; /* their numbers */
    uint32_t column_count;
    const weir_str *names;
    const weir_type *types;
    uint32_t base_count; /* the scans that the time of its rows comes from */
    weir_scan **bases;
} flow;

static bool build(weir_bound *bound, const weir_node *node, flow *out, weir_error *err);

static weir_pipe *add_pipe(weir_bound *bound)
{
    weir_arena *arena = bound->stage.arena;
    if (bound->pipe_count == bound->pipe_capacity) {
        uint32_t capacity = bound->pipe_capacity ? bound->pipe_capacity * 2 : 8;
        weir_pipe **grown = WEIR_ARENA_ARRAY(arena, weir_pipe *, capacity);
        if (bound->pipe_count) {
            memcpy(grown, bound->pipes, bound->pipe_count * sizeof(*grown));
        }
        bound->pipes = grown;
        bound->pipe_capacity = capacity;
    }
    weir_pipe *pipe = WEIR_ARENA_NEW(arena, weir_pipe);
    bound->pipes[bound->pipe_count++] = pipe;
    return pipe;
}

/* A new source: one open pipe. */
static weir_pipe *open_pipe(weir_bound *bound, flow *out)
{
    out->open = WEIR_ARENA_NEW(bound->stage.arena, uint32_t);
    out->open[0] = bound->pipe_count;
    out->count = 1;
    return add_pipe(bound);
}

/* Whether lanes may share the pipe's slices: whatever counts rows or puts them in order may not see
 * them side by side. */
static bool can_spread(const weir_pipe *pipe)
{
    bool can =
        pipe->from == WEIR_PIPE_SCAN && !pipe->fused && pipe->scan->node->order == WEIR_ORDER_NONE;
    for (uint32_t i = 0; i < pipe->change_count; i++) {
        can = can && pipe->changes[i]->kind != WEIR_NODE_SORT;
    }
    return can;
}

static void close_into(weir_bound *bound, const flow *in, const sink *to)
{
    for (uint32_t i = 0; i < in->count; i++) {
        weir_pipe *pipe = bound->pipes[in->open[i]];
        pipe->to = to->to;
        pipe->to_agg = to->agg;
        pipe->to_sort = to->sort;
        pipe->table_for = to->table_for;
        pipe->table_join = to->table_join;
        pipe->spread = to->to == WEIR_PIPE_AGG && can_spread(pipe);
        pipe->first_in = i == 0;
        pipe->last_in = i + 1 == in->count;
        pipe->column_count = in->column_count;
        pipe->names = in->names;
        pipe->types = in->types;
    }
}

static weir_view *find_view(const weir_bound *bound, weir_str table)
{
    for (uint32_t i = 0; i < bound->view_count; i++) {
        if (weir_str_eq(bound->views[i]->table, table)) {
            return bound->views[i];
        }
    }
    return NULL;
}

static bool in_intervals(const weir_node_rows *node, const weir_interval *interval)
{
    for (uint32_t i = 0; i < node->interval_count; i++) {
        if (interval->start_ms < node->intervals[i].end_ms &&
            interval->end_ms > node->intervals[i].start_ms) {
            return true;
        }
    }
    return false;
}

/* The rows of all tables of the node, in the order of the tables. */
static bool init_tables(weir_bound *bound, weir_scan *scan, const weir_node_rows *node)
{
    weir_arena *arena = bound->stage.arena;
    uint32_t count = 0, at = 0;
    for (uint32_t t = 0; t < node->table_count; t++) {
        const weir_view *view = find_view(bound, node->tables[t]);
        count += view ? view->count : 0;
    }
    weir_rows **rows = WEIR_ARENA_ARRAY(arena, weir_rows *, count + 1);
    weir_str *problems = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    uint64_t *revs = WEIR_ARENA_ARRAY(arena, uint64_t, count + 1);
    for (uint32_t t = 0; t < node->table_count; t++) {
        const weir_view *view = find_view(bound, node->tables[t]);
        for (uint32_t i = 0; view && i < view->count; i++) {
            rows[at] = view->rows[i];
            revs[at] = view->revs ? view->revs[i] : 0;
            if (view->problems && view->problems[i].size) {
                if (rows[at] && !in_intervals(node, &rows[at]->interval)) {
                    continue; /* not needed */
                }
                rows[at] = NULL;
                problems[at] = view->problems[i];
            }
            at++;
        }
    }
    weir_scan_init(scan, arena, bound->stage.lock, node, bound->stage.now_ms, bound->stage.budget,
                   rows, problems, at);
    for (uint32_t i = 0; i < at; i++) {
        scan->segs[i].rev = revs[i];
    }
    return true;
}

static bool build_scan(weir_bound *bound, const weir_node *node, weir_scan **out, weir_error *err)
{
    const weir_node_rows *rows = &node->as.rows;
    weir_scan *scan = WEIR_ARENA_NEW(bound->stage.arena, weir_scan);
    if (rows->given) {
        weir_scan_init_child(scan, bound->stage.arena, bound->stage.lock, rows, bound->stage.now_ms,
                             bound->stage.budget, rows->given->column_count, rows->given->names,
                             rows->given->types);
    } else if (!rows->child) {
        init_tables(bound, scan, rows);
    } else {
        flow child;
        if (!build(bound, rows->child, &child, err)) {
            return false;
        }
        weir_scan_init_child(scan, bound->stage.arena, bound->stage.lock, rows, bound->stage.now_ms,
                             bound->stage.budget, child.column_count, child.names, child.types);
        close_into(bound, &child, &(sink){.to = WEIR_PIPE_TABLE, .table_for = scan});
    }
    *out = scan;
    return weir_scan_filter(scan, err);
}

static void add_change(weir_bound *bound, weir_pipe *pipe, weir_change *change)
{
    weir_change **changes =
        WEIR_ARENA_ARRAY(bound->stage.arena, weir_change *, pipe->change_count + 1);
    if (pipe->change_count) {
        memcpy(changes, pipe->changes, pipe->change_count * sizeof(*changes));
    }
    changes[pipe->change_count++] = change;
    pipe->changes = changes;
}

static void add_to_all(weir_bound *bound, const flow *in, weir_change *change)
{
    for (uint32_t i = 0; i < in->count; i++) {
        add_change(bound, bound->pipes[in->open[i]], change);
    }
}

static void set_base(weir_bound *bound, flow *out, weir_scan *scan)
{
    out->base_count = 1;
    out->bases = WEIR_ARENA_NEW(bound->stage.arena, weir_scan *);
    out->bases[0] = scan;
}

static bool build_rows(weir_bound *bound, const weir_node *node, flow *out, weir_error *err)
{
    weir_scan *scan;
    if (!build_scan(bound, node, &scan, err)) {
        return false;
    }
    weir_scan_run *run = weir_scan_run_new(&bound->stage, scan, err);
    if (!run) {
        weir_scan_done(scan);
        return false;
    }
    weir_pipe *pipe = open_pipe(bound, out);
    pipe->from = WEIR_PIPE_SCAN;
    pipe->scan = scan;
    pipe->scan_run = run;
    out->column_count = weir_scan_run_outputs(run, &out->names, &out->types);
    set_base(bound, out, scan);
    return true;
}

static weir_slots *names_of(weir_bound *bound, const flow *in)
{
    weir_slots *names = WEIR_ARENA_NEW(bound->stage.arena, weir_slots);
    *names = (weir_slots){
        .arena = bound->stage.arena, .lock = bound->stage.lock, .now_ms = bound->stage.now_ms};
    for (uint32_t i = 0; i < in->column_count; i++) {
        weir_slots_add(names, in->names[i], in->types[i]);
    }
    return names;
}

/* AGG over rows over what streams: the filter is a change, and what AGG reads (virtual columns too)
 * it reads from the batches themselves. */
static bool build_agg_stream(weir_bound *bound, const weir_node *node, flow *in, weir_agg_run **agg,
                             weir_error *err)
{
    const weir_node_rows *rows = &node->as.agg.child->as.rows;
    if (!build(bound, rows->child, in, err)) {
        return false;
    }
    if (rows->filter) {
        weir_change *change = WEIR_ARENA_NEW(bound->stage.arena, weir_change);
        if (!weir_change_init_select(change, &bound->stage, rows, in->column_count, in->names,
                                     in->types, err)) {
            return false;
        }
        add_to_all(bound, in, change);
    }
    weir_agg_times *times = WEIR_ARENA_NEW(bound->stage.arena, weir_agg_times);
    *times = (weir_agg_times){rows, in->base_count, in->bases};
    weir_slots *names = names_of(bound, in);
    names->virtual_count = rows->virtual_count;
    names->virtuals = rows->virtuals;
    *agg = weir_agg_run_new(&bound->stage, node, names, NULL, times, err);
    return *agg != NULL;
}

/* AGG straight over ROWS reads chunks; over anything else it takes batches. */
static bool build_agg_input(weir_bound *bound, const weir_node *node, flow *in, weir_agg_run **agg,
                            weir_error *err)
{
    const weir_node *child = node->as.agg.child;
    if (child->kind == WEIR_NODE_ROWS && child->as.rows.child &&
        weir_node_streams(child->as.rows.child)) {
        return build_agg_stream(bound, node, in, agg, err);
    }
    if (child->kind == WEIR_NODE_ROWS) {
        weir_scan *scan;
        if (!build_scan(bound, child, &scan, err)) {
            return false;
        }
        *agg = weir_agg_run_new(&bound->stage, node, &scan->names, scan, NULL, err);
        weir_pipe *pipe = open_pipe(bound, in);
        pipe->from = WEIR_PIPE_SCAN;
        pipe->scan = scan;
        pipe->fused = true;
        in->column_count = 0;
        return *agg != NULL;
    }
    if (!build(bound, child, in, err)) {
        return false;
    }
    *agg = weir_agg_run_new(&bound->stage, node, names_of(bound, in), NULL, NULL, err);
    return *agg != NULL;
}

static bool build_agg(weir_bound *bound, const weir_node *node, flow *out, weir_error *err)
{
    flow in = {0};
    weir_agg_run *agg = NULL;
    if (!build_agg_input(bound, node, &in, &agg, err)) {
        return false;
    }
    close_into(bound, &in, &(sink){.to = WEIR_PIPE_AGG, .agg = agg});
    weir_pipe *pipe = open_pipe(bound, out);
    pipe->from = WEIR_PIPE_AGG;
    pipe->from_agg = agg;
    out->column_count = weir_agg_run_outputs(agg, &out->names, &out->types);
    return true;
}

static bool build_sort(weir_bound *bound, const weir_node *node, flow *out, weir_error *err)
{
    flow in;
    if (!build(bound, node->as.sort.child, &in, err)) {
        return false;
    }
    weir_sort_run *sort =
        weir_sort_run_new(&bound->stage, &node->as.sort, in.column_count, in.names, in.types);
    close_into(bound, &in, &(sink){.to = WEIR_PIPE_SORT, .sort = sort});
    weir_pipe *pipe = open_pipe(bound, out);
    pipe->from = WEIR_PIPE_SORT;
    pipe->from_sort = sort;
    out->column_count = in.column_count;
    out->names = in.names;
    out->types = in.types;
    return true;
}

/* The right side becomes a table first; then the left's pipes probe it, and one more brings the
 * right's rows that met none. */
static bool build_join(weir_bound *bound, const weir_node *node, flow *out, weir_error *err)
{
    const weir_node_join *of = &node->as.join;
    flow right;
    if (!build(bound, of->right, &right, err) || !build(bound, of->left, out, err)) {
        return false;
    }
    weir_change *change = WEIR_ARENA_NEW(bound->stage.arena, weir_change);
    weir_join_run *join =
        weir_join_run_new(&bound->stage, of, out->column_count, out->names, out->types,
                          right.column_count, right.names, right.types, err);
    if (!join) {
        return false;
    }
    *change = (weir_change){.kind = WEIR_NODE_JOIN, .join = join};
    close_into(bound, &right, &(sink){.to = WEIR_PIPE_TABLE, .table_join = join});
    add_to_all(bound, out, change);
    out->column_count = weir_join_run_outputs(join, &out->names, &out->types);
    if (of->kind == WEIR_JOIN_RIGHT || of->kind == WEIR_JOIN_FULL) {
        uint32_t *open = WEIR_ARENA_ARRAY(bound->stage.arena, uint32_t, out->count + 1);
        memcpy(open, out->open, out->count * sizeof(*open));
        open[out->count++] = bound->pipe_count;
        out->open = open;
        weir_pipe *rest = add_pipe(bound);
        rest->from = WEIR_PIPE_REST;
        rest->from_join = join;
    }
    return true;
}

/* One change for all open pipes: a limit over a union counts them together. */
static bool build_change(weir_bound *bound, const weir_node *node, const weir_node *child,
                         flow *out, weir_error *err)
{
    if (!build(bound, child, out, err)) {
        return false;
    }
    weir_change *change = WEIR_ARENA_NEW(bound->stage.arena, weir_change);
    if (!weir_change_init(change, &bound->stage, node, out->column_count, out->names, out->types,
                          err)) {
        return false;
    }
    add_to_all(bound, out, change);
    out->column_count = change->output_count;
    out->names = change->output_names;
    out->types = change->output_types;
    return true;
}

static bool differs(const flow *a, const flow *b)
{
    bool differ = false;
    for (uint32_t i = 0; i < a->column_count; i++) {
        differ = differ || !weir_type_eq(a->types[i], b->types[i]);
    }
    return differ;
}

static bool build_union(weir_bound *bound, const weir_node *node, flow *out, weir_error *err)
{
    const weir_node_union *merge = &node->as.merge;
    flow *children = WEIR_ARENA_ARRAY(bound->stage.arena, flow, merge->child_count);
    *out = (flow){0};
    for (uint32_t c = 0; c < merge->child_count; c++) {
        flow child;
        if (!build(bound, merge->children[c], &child, err)) {
            return false;
        }
        uint32_t *open = WEIR_ARENA_ARRAY(bound->stage.arena, uint32_t, out->count + child.count);
        if (out->count) {
            memcpy(open, out->open, out->count * sizeof(*open));
        }
        memcpy(open + out->count, child.open, child.count * sizeof(*open));
        weir_scan **bases = WEIR_ARENA_ARRAY(bound->stage.arena, weir_scan *,
                                             out->base_count + child.base_count + 1);
        if (out->base_count) {
            memcpy(bases, out->bases, out->base_count * sizeof(*bases));
        }
        if (child.base_count) {
            memcpy(bases + out->base_count, child.bases, child.base_count * sizeof(*bases));
        }
        out->bases = bases;
        out->base_count += child.base_count;
        children[c] = child;
        weir_type *types = WEIR_ARENA_ARRAY(bound->stage.arena, weir_type, child.column_count + 1);
        memcpy(types, c ? out->types : child.types, child.column_count * sizeof(*types));
        for (uint32_t i = 0; i < child.column_count;
             i++) { /* the first known type; lists if any has lists */
            weir_type type = child.types[i];
            types[i] = types[i].kind == WEIR_UNKNOWN ? type : types[i];
            types[i].multi = types[i].multi || (type.multi && types[i].kind == WEIR_STRING);
        }
        assert(c == 0 || child.column_count == out->column_count);
        out->open = open;
        out->count += child.count;
        out->column_count = child.column_count;
        out->names = c ? out->names : child.names;
        out->types = types;
    }
    for (uint32_t c = 0; c < merge->child_count; c++) {
        if (differs(&children[c], out)) {
            weir_change *change = WEIR_ARENA_NEW(bound->stage.arena, weir_change);
            weir_change_init_cast(change, &bound->stage, out->column_count, out->names, out->types);
            add_to_all(bound, &children[c], change);
        }
    }
    return true;
}

static bool build(weir_bound *bound, const weir_node *node, flow *out, weir_error *err)
{
    *out = (flow){0};
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        return node->as.rows.child && weir_node_streams(node->as.rows.child)
                   ? build_change(bound, node, node->as.rows.child, out, err)
                   : build_rows(bound, node, out, err);
    case WEIR_NODE_AGG:
        return build_agg(bound, node, out, err);
    case WEIR_NODE_FILTER:
        return build_change(bound, node, node->as.filter.child, out, err);
    case WEIR_NODE_PROJECT:
        return build_change(bound, node, node->as.project.child, out, err);
    case WEIR_NODE_SORT:
        return node->as.sort.key_count ? build_sort(bound, node, out, err)
                                       : build_change(bound, node, node->as.sort.child, out, err);
    case WEIR_NODE_UNION:
        return build_union(bound, node, out, err);
    case WEIR_NODE_JOIN:
        return build_join(bound, node, out, err);
    case WEIR_NODE_UNNEST:
        return build_change(bound, node, node->as.unnest.child, out, err);
    case WEIR_NODE_WINDOW:
        break;
    }
    return weir_fail(err, WEIR_ERR_UNSUPPORTED, "windows");
}

bool weir_bind(weir_bound *bound, const weir_node *root, weir_error *err)
{
    flow out;
    if (!build(bound, root, &out, err)) {
        return false;
    }
    close_into(bound, &out, &(sink){.to = WEIR_PIPE_OUT});
    bound->column_count = out.column_count;
    bound->names = out.names;
    bound->types = out.types;
    return true;
}

void weir_bound_done(weir_bound *bound)
{
    for (uint32_t i = 0; i < bound->pipe_count; i++) {
        weir_pipe *pipe = bound->pipes[i];
        for (uint32_t c = 0; c < pipe->change_count; c++) {
            weir_change_done(pipe->changes[c]); /* more than once is fine */
            if (pipe->changes[c]->join) {
                weir_join_run_done(pipe->changes[c]->join);
            }
        }
        if (pipe->from_sort) {
            weir_sort_run_done(pipe->from_sort);
        }
        if (pipe->scan_run) {
            weir_scan_run_done(pipe->scan_run);
        }
        if (pipe->scan) {
            weir_scan_done(pipe->scan);
        }
    }
    for (uint32_t i = 0; i < bound->pipe_count;
         i++) { /* aggregates use their scans' arenas, tables feed scans */
        weir_pipe *pipe = bound->pipes[i];
        if (pipe->to_agg && pipe->first_in) {
            weir_agg_run_done(pipe->to_agg);
        }
        weir_table_rows_free(pipe->table);
        pipe->table = NULL;
        if (pipe->scan) {
            weir_table_rows_free(pipe->scan->own);
            pipe->scan->own = NULL;
        }
    }
}
