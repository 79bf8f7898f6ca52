/* query/run_scan.c - scanning. In time order chunks whose times overlap form a cluster: a sorted chunk on its own is streamed, forwards or
 * backwards; a cluster is sorted in memory, cut to what the limit can still ask for. Frozen segments are sorted and apart, so most scans only stream. */
#include "query/run_scan.h"
#include <assert.h>
#include <stdlib.h>

typedef struct ref { /* a chunk in time */
    uint32_t seg, chunk, row_count;
    bool sorted;
    int64_t min, max;
} ref;

struct weir_scan_run {
    weir_stage stage;
    weir_scan *scan;
    weir_port *port;       /* the node's columns, then __time when ordered */
    uint32_t column_count; /* of the node */
    weir_type *types;
    uint8_t order;
    uint32_t ref_count, at; /* ordered: chunks by time; at: the next one to begin with */
    ref *refs;
    uint32_t slice_at;
    weir_cursor cursor;
    bool in_slice;
    int64_t wanted;        /* rows still asked for; -1: all */
    uint32_t back_block;   /* descending: blocks of the chunk not yet given */
    bool backwards;
    weir_mark chunk_mark;
    /* a cluster being sorted */
    weir_sort_run *sort;
    weir_node_sort sort_node;
    weir_sort_key sort_key;
    uint32_t cluster_at, cluster_end;
    bool filling;
    weir_batch drained;    /* sorted rows on their way out */
    uint32_t drained_at;
    weir_mark row_mark;
};

weir_scan_run *weir_scan_run_new(const weir_stage *stage, weir_scan *scan, weir_error *err)
{
    const weir_node_rows *node = scan->node;
    weir_scan_run *run = WEIR_ARENA_NEW(stage->arena, weir_scan_run);
    weir_want *wants = WEIR_ARENA_ARRAY(stage->arena, weir_want, node->column_count + 2);
    *run = (weir_scan_run){.stage = *stage,
                           .scan = scan,
                           .order = node->order,
                           .column_count = node->column_count};
    for (uint32_t i = 0; i < node->column_count; i++) {
        wants[i] = (weir_want){.expr = weir_expr_column(stage->arena, node->columns[i]),
                               .paths = WEIR_PATH_AS_IS};
    }
    bool ordered = node->order != WEIR_ORDER_NONE;
    wants[node->column_count] =
        (weir_want){.expr = weir_expr_column(stage->arena, WEIR_STR("__time"))};
    run->port = weir_port_new(&scan->names, wants, node->column_count + ordered, err);
    if (!run->port) {
        return NULL;
    }
    run->types = WEIR_ARENA_ARRAY(stage->arena, weir_type, node->column_count + 1);
    for (uint32_t i = 0; i < node->column_count; i++) {
        run->types[i] = weir_port_type(run->port, i);
    }
    return run;
}

uint32_t weir_scan_run_outputs(const weir_scan_run *run, const weir_str **names,
                               const weir_type **types)
{
    *names = run->scan->node->columns;
    *types = run->types;
    return run->column_count;
}

static int by_time(const void *a, const void *b)
{
    const ref *x = a, *y = b;
    if (x->min != y->min) {
        return x->min < y->min ? -1 : 1;
    }
    if (x->seg != y->seg) {
        return x->seg < y->seg ? -1 : 1;
    }
    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

bool weir_scan_run_prepare(weir_scan_run *run, weir_lane *lane, int64_t rows_wanted)
{
    weir_scan *scan = run->scan;
    run->wanted = rows_wanted;
    weir_cursor_init(&run->cursor, scan, lane);
    if (run->order == WEIR_ORDER_NONE) {
        return true;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < scan->slice_count; i++) {
        count += scan->slices[i].count ? scan->slices[i].count : 1;
    }
    run->refs = WEIR_ARENA_ARRAY(run->stage.arena, ref, count + 1);
    for (uint32_t i = 0; i < scan->slice_count; i++) {
        const weir_slice *slice = &scan->slices[i];
        weir_rows *rows = scan->segs[slice->seg].rows;
        for (uint32_t c = slice->chunk; c < slice->chunk + slice->count; c++) {
            weir_chunk_info info;
            rows->ops->chunk(rows, c, &info);
            run->refs[run->ref_count++] = (ref){slice->seg,       c,
                                                info.row_count,   info.time_sorted,
                                                info.min_time,    info.max_time};
        }
        if (!rows) {
            run->refs[run->ref_count++] = (ref){.seg = slice->seg, .sorted = true};
        }
    }
    qsort(run->refs, run->ref_count, sizeof(ref), by_time);
    if (run->order == WEIR_ORDER_TIME_DESC) {
        run->at = run->ref_count;
    }
    return true;
}

void weir_scan_run_done(weir_scan_run *run)
{
    if (run->sort) {
        weir_sort_run_done(run->sort);
        run->sort = NULL;
    }
}

static weir_cursor_state fail_or_wait(weir_cursor_state state)
{
    return state == WEIR_CURSOR_WAIT ? WEIR_CURSOR_WAIT : WEIR_CURSOR_FAILED;
}

bool weir_scan_run_read(const weir_scan_run *run, weir_lane *lane, weir_cursor *cursor,
                        weir_batch *out)
{
    uint32_t count = weir_port_count(run->port);
    weir_vec *columns = WEIR_SCRATCH_ARRAY(&lane->scratch, weir_vec, count + 1);
    weir_cursor_compact(cursor);
    if (!weir_port_read(run->port, &lane->run, weir_block_get, &cursor->block, cursor->block.n,
                        columns)) {
        return false;
    }
    *out = (weir_batch){.n = cursor->block.n,
                        .column_count = run->column_count,
                        .columns = columns,
                        .origin = run->scan->segs[cursor->block.seg].rows->id};
    return true;
}

static bool read_batch(weir_scan_run *run, weir_lane *lane, weir_batch *out)
{
    return weir_scan_run_read(run, lane, &run->cursor, out);
}

/* The blocks of a chunk from its last to its first, each turned round. */
static bool read_backwards(weir_scan_run *run, weir_lane *lane, weir_batch *out)
{
    weir_cursor *cursor = &run->cursor;
    weir_scratch *s = &lane->scratch;
    *out = (weir_batch){0};
    while (run->back_block > 0 && out->n == 0) {
        weir_scratch_rewind(s, run->chunk_mark);
        uint32_t from = --run->back_block * lane->block_rows;
        uint32_t left = cursor->block.info.row_count - from;
        uint32_t n = left < lane->block_rows ? left : lane->block_rows;
        if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
            return false;
        }
        cursor->sel = weir_sel_block(&cursor->chunk_sel, from, n, s);
        if (cursor->sel.kind == WEIR_SEL_NONE) {
            continue;
        }
        cursor->block.from = from;
        cursor->block.span = n;
        if (!read_batch(run, lane, out)) {
            return false;
        }
        uint16_t *turned = WEIR_SCRATCH_ARRAY(s, uint16_t, out->n);
        for (uint32_t i = 0; i < out->n; i++) {
            turned[i] = (uint16_t)(out->n - 1 - i);
        }
        weir_vec *columns = WEIR_SCRATCH_ARRAY(s, weir_vec, out->column_count + 1);
        for (uint32_t c = 0; c < out->column_count; c++) {
            weir_vec_gather(&out->columns[c], turned, out->n, s, &columns[c]);
        }
        out->columns = columns;
    }
    return true;
}

/* Rows of the slice at hand. END: the slice is done. */
static weir_cursor_state stream(weir_scan_run *run, weir_lane *lane, weir_wake wake,
                                weir_batch *out)
{
    while (true) {
        if (run->backwards) {
            if (!read_backwards(run, lane, out)) {
                return WEIR_CURSOR_FAILED;
            }
            if (out->n) {
                return WEIR_CURSOR_BLOCK;
            }
            run->backwards = false;
            weir_cursor_skip_chunk(&run->cursor);
        }
        weir_cursor_state state = weir_cursor_next(&run->cursor, wake);
        if (state == WEIR_CURSOR_END) {
            run->in_slice = false;
            return state;
        }
        if (state == WEIR_CURSOR_CHUNK) {
            if (run->order == WEIR_ORDER_TIME_DESC && !run->filling) {
                uint32_t rows = run->cursor.block.info.row_count;
                run->backwards = true;
                run->back_block = (rows + lane->block_rows - 1) / lane->block_rows;
                run->chunk_mark = weir_scratch_mark(&lane->scratch);
            }
            continue;
        }
        if (state != WEIR_CURSOR_BLOCK) {
            return fail_or_wait(state);
        }
        return read_batch(run, lane, out) ? WEIR_CURSOR_BLOCK : WEIR_CURSOR_FAILED;
    }
}

static weir_cursor_state next_unordered(weir_scan_run *run, weir_lane *lane, weir_wake wake,
                                        weir_batch *out)
{
    while (true) {
        if (!run->in_slice) {
            if (run->slice_at == run->scan->slice_count) {
                return WEIR_CURSOR_END;
            }
            weir_cursor_slice(&run->cursor, &run->scan->slices[run->slice_at++]);
            run->in_slice = true;
        }
        weir_cursor_state state = stream(run, lane, wake, out);
        if (state != WEIR_CURSOR_END) {
            return state;
        }
    }
}

/* Clusters. */

/* The chunks [*from, *to) whose times overlap, next in order. */
static void next_cluster(weir_scan_run *run, uint32_t *from, uint32_t *to)
{
    if (run->order == WEIR_ORDER_TIME_ASC) {
        *from = run->at;
        *to = run->at + 1;
        int64_t max = run->refs[run->at].max;
        while (*to < run->ref_count && run->refs[*to].min < max) {
            max = run->refs[*to].max > max ? run->refs[*to].max : max;
            ++*to;
        }
        run->at = *to;
        return;
    }
    /* refs are by min: a later one belongs here when its min lies below an earlier one's max */
    *to = run->at;
    *from = run->at - 1;
    int64_t min = run->refs[*from].min;
    for (uint32_t i = *from; i-- > 0;) {
        if (run->refs[i].max > min) {
            *from = i;
            min = run->refs[i].min;
        }
    }
    run->at = *from;
}

static bool begin_sort(weir_scan_run *run)
{
    weir_arena *arena = run->stage.arena;
    uint32_t count = run->column_count;
    weir_str *names = WEIR_ARENA_ARRAY(arena, weir_str, count + 2);
    weir_type *types = WEIR_ARENA_ARRAY(arena, weir_type, count + 2);
    for (uint32_t i = 0; i < count; i++) {
        names[i] = run->scan->node->columns[i];
        types[i] = run->types[i];
    }
    names[count] = WEIR_STR("");
    names[count + 1] = WEIR_STR("");
    types[count] = types[count + 1] = WEIR_TYPE(WEIR_LONG);
    run->sort_key = (weir_sort_key){.column = count,
                                    .descending = run->order == WEIR_ORDER_TIME_DESC};
    run->sort_node =
        (weir_node_sort){.key_count = 1, .keys = &run->sort_key, .limit = run->wanted};
    run->sort = weir_sort_run_new(&run->stage, &run->sort_node, count + 2, names, types);
    run->filling = true;
    return true;
}

static weir_cursor_state fill(weir_scan_run *run, weir_lane *lane, weir_wake wake)
{
    while (run->in_slice || run->cluster_at < run->cluster_end) {
        if (!run->in_slice) {
            const ref *r = &run->refs[run->cluster_at++];
            weir_slice slice = {r->seg, r->chunk, 1, r->row_count};
            weir_cursor_slice(&run->cursor, &slice);
            run->in_slice = true;
        }
        weir_batch batch;
        weir_cursor_state state = stream(run, lane, wake, &batch);
        if (state == WEIR_CURSOR_END) {
            continue;
        }
        if (state != WEIR_CURSOR_BLOCK) {
            return state;
        }
        weir_vec *columns = WEIR_SCRATCH_ARRAY(&lane->scratch, weir_vec, run->column_count + 2);
        weir_value seg = weir_value_long(run->cursor.block.seg);
        memcpy(columns, batch.columns, (run->column_count + 1) * sizeof(*columns));
        columns[run->column_count + 1] = weir_vec_const(&lane->scratch, &seg, batch.n);
        if (!weir_sort_run_put(run->sort, lane, columns, batch.n)) {
            return WEIR_CURSOR_FAILED;
        }
        if (weir_monotonic_us(lane->run.ctl->clock) > lane->until_us) {
            return WEIR_CURSOR_CHUNK; /* enough for this turn */
        }
    }
    run->filling = false;
    return weir_sort_run_finish(run->sort, lane) ? WEIR_CURSOR_BLOCK : WEIR_CURSOR_FAILED;
}

/* A sorted batch holds rows of several segments: each stretch of one segment goes out alone. */
static weir_cursor_state drain(weir_scan_run *run, weir_lane *lane, weir_batch *out)
{
    weir_scratch *s = &lane->scratch;
    if (run->drained_at == run->drained.n) {
        if (run->drained.n) {
            weir_scratch_rewind(s, run->chunk_mark);
        }
        run->chunk_mark = weir_scratch_mark(s);
        run->drained_at = 0;
        if (!weir_sort_run_next(run->sort, lane, &run->drained)) {
            return WEIR_CURSOR_FAILED;
        }
        if (run->drained.n == 0) {
            weir_sort_run_done(run->sort);
            run->sort = NULL;
            run->drained = (weir_batch){0};
            return WEIR_CURSOR_END;
        }
        run->row_mark = weir_scratch_mark(s);
    }
    weir_scratch_rewind(s, run->row_mark);
    const int64_t *segs = run->drained.columns[run->column_count + 1].at.l;
    uint32_t from = run->drained_at, to = from + 1;
    while (to < run->drained.n && segs[to] == segs[from]) {
        to++;
    }
    weir_vec *columns = WEIR_SCRATCH_ARRAY(s, weir_vec, run->column_count + 1);
    for (uint32_t c = 0; c < run->column_count; c++) {
        weir_vec_slice(&run->drained.columns[c], from, to - from, s, &columns[c]);
    }
    *out = (weir_batch){.n = to - from,
                        .column_count = run->column_count,
                        .columns = columns,
                        .origin = run->scan->segs[segs[from]].rows->id};
    run->drained_at = to;
    return WEIR_CURSOR_BLOCK;
}

static weir_cursor_state next_ordered(weir_scan_run *run, weir_lane *lane, weir_wake wake,
                                      weir_batch *out)
{
    while (true) {
        weir_cursor_state state = WEIR_CURSOR_END;
        if (run->filling) {
            state = fill(run, lane, wake);
            if (state != WEIR_CURSOR_BLOCK) {
                return state;
            }
        }
        if (run->sort) {
            state = drain(run, lane, out);
        } else if (run->in_slice) {
            state = stream(run, lane, wake, out);
        }
        if (state != WEIR_CURSOR_END) {
            return state;
        }
        if (run->order == WEIR_ORDER_TIME_ASC ? run->at == run->ref_count : run->at == 0) {
            return WEIR_CURSOR_END;
        }
        uint32_t from, to;
        next_cluster(run, &from, &to);
        const ref *r = &run->refs[from];
        if (to - from == 1 && r->sorted) {
            weir_slice slice = {r->seg, r->chunk, run->scan->segs[r->seg].rows != NULL, r->row_count};
            weir_cursor_slice(&run->cursor, &slice);
            run->in_slice = true;
            continue;
        }
        run->cluster_at = from;
        run->cluster_end = to;
        begin_sort(run);
    }
}

weir_cursor_state weir_scan_run_next(weir_scan_run *run, weir_lane *lane, weir_wake wake,
                                     weir_batch *out)
{
    weir_cursor_state state = run->order == WEIR_ORDER_NONE ? next_unordered(run, lane, wake, out)
                                                            : next_ordered(run, lane, wake, out);
    if (state == WEIR_CURSOR_BLOCK && run->wanted >= 0) { /* what remains cuts the next cluster */
        run->wanted -= run->wanted < out->n ? run->wanted : out->n;
    }
    return state;
}
