/* query/run_ops.c - operations on one batch at a time. */
#include "query/run_join.h"
#include "query/run_unnest.h"
#include <assert.h>

bool weir_batch_get(void *self, uint32_t slot, weir_vec *out, weir_error *err)
{
    (void)err;
    const weir_batch *batch = self;
    assert(slot < batch->column_count);
    *out = batch->columns[slot];
    return true;
}

static bool init_project(weir_change *op, const weir_node_project *node, weir_error *err)
{
    weir_arena *arena = op->names.arena;
    weir_want *wants = WEIR_ARENA_ARRAY(arena, weir_want, node->count + 1);
    for (uint32_t i = 0; i < node->count; i++) {
        wants[i] = (weir_want){.expr = node->exprs[i]};
    }
    op->port = weir_port_new(&op->names, wants, node->count, err);
    if (!op->port) {
        return false;
    }
    op->output_count = node->count;
    op->output_names = node->names;
    op->output_types = WEIR_ARENA_ARRAY(arena, weir_type, node->count + 1);
    for (uint32_t i = 0; i < node->count; i++) {
        op->output_types[i] = weir_port_type(op->port, i);
    }
    return true;
}

/* Rows over what streams: virtual columns, filter, columns. */
static bool init_rows(weir_change *op, const weir_stage *stage, const weir_node_rows *node,
                      weir_error *err)
{
    weir_arena *arena = op->names.arena;
    op->names.virtual_count = node->virtual_count;
    op->names.virtuals = node->virtuals;
    const weir_expr **exprs = WEIR_ARENA_ARRAY(arena, const weir_expr *, node->column_count + 1);
    for (uint32_t i = 0; i < node->column_count; i++) {
        exprs[i] = weir_expr_column(arena, node->columns[i]);
    }
    weir_node_project project = {
        .count = node->column_count, .names = node->columns, .exprs = exprs};
    op->pred = weir_pred_new(&op->names, node->filter, stage->budget, err);
    return (op->pred || !node->filter) && init_project(op, &project, err);
}

bool weir_change_init(weir_change *op, const weir_stage *stage, const weir_node *node,
                      uint32_t count, const weir_str *names, const weir_type *types,
                      weir_error *err)
{
    weir_type *kept = WEIR_ARENA_ARRAY(stage->arena, weir_type, count + 1);
    memcpy(kept, types, count * sizeof(*types));
    *op = (weir_change){
        .kind = node->kind,
        .names = {.arena = stage->arena, .lock = stage->lock, .now_ms = stage->now_ms},
        .output_count = count,
        .output_names = names,
        .output_types = kept};
    for (uint32_t i = 0; i < count; i++) {
        weir_slots_add(&op->names, names[i], types[i]);
    }
    if (node->kind == WEIR_NODE_PROJECT) {
        return init_project(op, &node->as.project, err);
    }
    if (node->kind == WEIR_NODE_ROWS) {
        return init_rows(op, stage, &node->as.rows, err);
    }
    if (node->kind == WEIR_NODE_UNNEST) {
        op->unnest = weir_unnest_run_new(stage, &node->as.unnest, count, names, types, err);
        if (op->unnest) {
            const weir_type *element_types;
            op->output_count =
                weir_unnest_run_outputs(op->unnest, &op->output_names, &element_types);
            op->output_types = (weir_type *)(uintptr_t)element_types;
        }
        return op->unnest != NULL;
    }
    if (node->kind == WEIR_NODE_SORT) {
        op->limit = &node->as.sort;
        return true;
    }
    assert(node->kind == WEIR_NODE_FILTER);
    if (node->as.filter.predicate) {
        weir_want want = {.expr = node->as.filter.predicate};
        op->port = weir_port_new(&op->names, &want, 1, err);
        if (!op->port) {
            return false;
        }
    }
    if (node->as.filter.filter) {
        op->pred = weir_pred_new(&op->names, node->as.filter.filter, stage->budget, err);
        return op->pred != NULL;
    }
    return true;
}

bool weir_change_init_select(weir_change *op, const weir_stage *stage, const weir_node_rows *rows,
                             uint32_t count, const weir_str *names, const weir_type *types,
                             weir_error *err)
{
    weir_change_init_cast(op, stage, count, names, types);
    op->kind = WEIR_NODE_FILTER;
    op->names = (weir_slots){.arena = stage->arena,
                             .lock = stage->lock,
                             .now_ms = stage->now_ms,
                             .virtual_count = rows->virtual_count,
                             .virtuals = rows->virtuals};
    for (uint32_t i = 0; i < count; i++) {
        weir_slots_add(&op->names, names[i], types[i]);
    }
    op->pred = weir_pred_new(&op->names, rows->filter, stage->budget, err);
    return op->pred != NULL;
}

void weir_change_init_cast(weir_change *op, const weir_stage *stage, uint32_t count,
                           const weir_str *names, const weir_type *types)
{
    weir_type *kept = WEIR_ARENA_ARRAY(stage->arena, weir_type, count + 1);
    memcpy(kept, types, count * sizeof(*types));
    *op = (weir_change){.kind = WEIR_NODE_UNION,
                        .output_count = count,
                        .output_names = names,
                        .output_types = kept};
}

bool weir_change_expands(const weir_change *op)
{
    return op->kind == WEIR_NODE_JOIN || op->kind == WEIR_NODE_UNNEST;
}

bool weir_change_open(weir_change *op, weir_lane *lane, weir_expand *expand)
{
    return op->join ? weir_join_run_open(op->join, lane, expand)
                    : weir_unnest_run_open(op->unnest, lane, expand);
}

bool weir_change_next(weir_change *op, weir_lane *lane, weir_expand *expand, weir_batch *out)
{
    return op->join ? weir_join_run_next(op->join, lane, expand, out)
                    : weir_unnest_run_next(op->unnest, lane, expand, out);
}

void weir_change_done(weir_change *op)
{
    weir_unnest_run_done(op->unnest);

    weir_pred_done(op->pred);
    op->pred = NULL;
}

static void keep_rows(weir_batch *batch, weir_scratch *s, const uint16_t *rows, uint32_t n)
{
    weir_vec *columns = WEIR_SCRATCH_ARRAY(s, weir_vec, batch->column_count + 1);
    for (uint32_t c = 0; n && c < batch->column_count; c++) {
        weir_vec_gather(&batch->columns[c], rows, n, s, &columns[c]);
    }
    batch->columns = columns;
    batch->n = n;
}

/* Druid's idea of true: numbers above 0, the text "true". */
static bool is_true(const weir_vec *vec, uint32_t i)
{
    if (weir_vec_is_null(vec, i)) {
        return false;
    }
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        return vec->at.l[i] > 0;
    case WEIR_DOUBLE:
        return vec->at.d[i] > 0;
    case WEIR_FLOAT:
        return vec->at.f[i] > 0;
    case WEIR_STRING:
        return weir_str_eq_nocase(vec->at.s[i], WEIR_STR("true"));
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        return false;
    }
    return false;
}

static bool run_filter(weir_change *op, weir_lane *lane, weir_batch *batch)
{
    weir_scratch *s = &lane->scratch;
    weir_sel sel = weir_sel_all(batch->n);
    if (op->port && op->kind == WEIR_NODE_FILTER) {
        weir_vec vec, flat;
        if (!weir_port_read(op->port, &lane->run, weir_batch_get, batch, batch->n, &vec) ||
            !weir_vec_flatten(&vec, s, &flat, &lane->err)) {
            return false;
        }
        uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(batch->n));
        memset(bits, 0, weir_words(batch->n) * sizeof(*bits));
        for (uint32_t i = 0; i < batch->n; i++) {
            bits[i >> 6] |= (uint64_t)is_true(&flat, i) << (i & 63);
        }
        sel = weir_sel_of_bits(bits, batch->n);
    }
    if (op->pred && sel.kind != WEIR_SEL_NONE) {
        weir_sel in = sel;
        if (!weir_pred_rows(op->pred, lane, weir_batch_get, batch, batch->n, &in, &sel)) {
            return false;
        }
    }
    if (sel.kind != WEIR_SEL_ALL) {
        keep_rows(batch, s, weir_sel_rows(&sel, s), sel.count);
    }
    return true;
}

static bool run_limit(weir_change *op, weir_lane *lane, weir_batch *batch)
{
    const weir_node_sort *node = op->limit;
    int64_t end = node->limit < 0 || node->limit > INT64_MAX - node->offset
                      ? INT64_MAX
                      : node->offset + node->limit;
    if (!node->per_bucket && op->passed >= node->offset && op->passed + batch->n <= end) {
        op->passed += batch->n;
        op->full = op->passed >= end;
        return true;
    }
    uint16_t *rows = WEIR_SCRATCH_ARRAY(&lane->scratch, uint16_t, batch->n);
    uint32_t kept = 0;
    weir_vec buckets = {0};
    if (node->per_bucket &&
        !weir_vec_flatten(&batch->columns[0], &lane->scratch, &buckets, &lane->err)) {
        return false;
    }
    for (uint32_t i = 0; i < batch->n; i++) {
        if (node->per_bucket && (!op->some || op->bucket != buckets.at.l[i])) {
            op->some = true;
            op->bucket = buckets.at.l[i];
            op->passed = 0;
        }
        rows[kept] = (uint16_t)i;
        kept += op->passed >= node->offset && op->passed < end;
        op->passed++;
    }
    keep_rows(batch, &lane->scratch, rows, kept);
    op->full = !node->per_bucket && op->passed >= end;
    return true;
}

static bool run_cast(weir_change *op, weir_lane *lane, weir_batch *batch)
{
    weir_vec *columns = WEIR_SCRATCH_ARRAY(&lane->scratch, weir_vec, op->output_count + 1);
    for (uint32_t i = 0; i < op->output_count; i++) {
        columns[i] = batch->columns[i];
        weir_type type = op->output_types[i];
        if (type.kind != WEIR_UNKNOWN && columns[i].type.kind != type.kind &&
            !weir_vec_cast(&batch->columns[i], type, &lane->scratch, &columns[i], &lane->err)) {
            return false;
        }
    }
    batch->columns = columns;
    return true;
}

bool weir_change_run(weir_change *op, weir_lane *lane, weir_batch *batch)
{
    if (batch->n == 0) {
        return true;
    }
    if (op->kind == WEIR_NODE_FILTER) {
        return run_filter(op, lane, batch);
    }
    if (op->kind == WEIR_NODE_SORT) {
        return run_limit(op, lane, batch);
    }
    if (op->kind == WEIR_NODE_UNION) {
        return run_cast(op, lane, batch);
    }
    if (op->kind == WEIR_NODE_ROWS && op->pred) {
        if (!run_filter(op, lane, batch)) {
            return false;
        }
        if (batch->n == 0) {
            return true;
        }
    }
    weir_vec *columns = WEIR_SCRATCH_ARRAY(&lane->scratch, weir_vec, op->output_count + 1);
    if (!weir_port_read(op->port, &lane->run, weir_batch_get, batch, batch->n, columns)) {
        return false;
    }
    batch->columns = columns;
    batch->column_count = op->output_count;
    return true;
}
