/* query/scan.c - a bound ROWS node: which chunks, which rows of them, and their columns block by
 * block. Time is cut first (chunk's hull, then its sorted times or the encoded form), then what the
 * rows hide, then the filter. */
#include "query/exec.h"
#include "query/paths.h"
#include "weir/paths.h"
#include <assert.h>
#include <stdatomic.h>

enum { AHEAD = 8 }; /* segments */

static bool time_name(weir_str name)
{
    return weir_str_is(name, "__time");
}

/* Nothing but null: its type says nothing. */
static bool is_empty(const weir_column *col)
{
    return col->type.kind == WEIR_STRING && col->dict && col->dict->count == 1;
}

/* The type of a column over all segments: one that holds what each of them has; lists if any
 * segment has lists. */
static bool resolve(void *self, weir_str name, weir_type *type)
{
    weir_scan *scan = self;
    bool found = false, multi = false, empty = true;
    for (uint32_t i = scan->seg_count; i-- > 0;) {
        weir_rows *rows = scan->segs[i].rows;
        const weir_column *col = rows ? rows->ops->column(rows, name) : NULL;
        if (col) {
            if (!found || (empty && !is_empty(col))) {
                *type = col->type;
                empty = is_empty(col);
            } else if (!is_empty(col)) {
                *type = weir_type_wider(*type, col->type);
            }
            multi = multi || (col->type.kind == WEIR_STRING && col->type.multi);
            found = true;
        }
    }
    for (uint32_t i = 0; i < scan->child_count; i++) {
        if (weir_str_eq(scan->child_names[i], name)) {
            *type = scan->child_types[i];
            multi = type->multi;
            found = true;
        }
    }
    if (found) {
        type->multi = multi && type->kind == WEIR_STRING;
    } else {
        *type = time_name(name) ? WEIR_TYPE(WEIR_LONG) : WEIR_TYPE(WEIR_UNKNOWN);
    }
    return true;
}

static void init(weir_scan *scan, weir_arena *arena, pthread_mutex_t *lock,
                 const weir_node_rows *node, int64_t now_ms, weir_budget *budget)
{
    *scan = (weir_scan){.node = node,
                        .budget = budget,
                        .names = {.arena = arena,
                                  .lock = lock,
                                  .now_ms = now_ms,
                                  .resolve = resolve,
                                  .self = scan,
                                  .virtual_count = node->virtual_count,
                                  .virtuals = node->virtuals}};
}

void weir_scan_init(weir_scan *scan, weir_arena *arena, pthread_mutex_t *lock,
                    const weir_node_rows *node, int64_t now_ms, weir_budget *budget,
                    weir_rows *const *rows, const weir_str *problems, uint32_t count)
{
    init(scan, arena, lock, node, now_ms, budget);
    scan->seg_count = count;
    scan->segs = WEIR_ARENA_ARRAY(arena, weir_scan_seg, count + 1);
    scan->names.keeps_paths = true;
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] && !rows[i]->schema) { /* a table in memory */
            scan->names.keeps_paths = false;
        }
        scan->segs[i] = (weir_scan_seg){.rows = rows[i]};
        if (problems) {
            scan->segs[i].problem = problems[i];
        }
    }
    scan->time_slot = weir_slots_find(&scan->names, WEIR_STR("__time"));
}

void weir_scan_init_child(weir_scan *scan, weir_arena *arena, pthread_mutex_t *lock,
                          const weir_node_rows *node, int64_t now_ms, weir_budget *budget,
                          uint32_t column_count, const weir_str *names, const weir_type *types)
{
    init(scan, arena, lock, node, now_ms, budget);
    scan->child_count = column_count;
    scan->child_names = names;
    scan->child_types = types;
    scan->segs = WEIR_ARENA_NEW(arena, weir_scan_seg);
    scan->time_slot = weir_slots_find(&scan->names, WEIR_STR("__time"));
}

bool weir_scan_filter(weir_scan *scan, weir_error *err)
{
    if (scan->node->filter) {
        scan->filter = weir_pred_new(&scan->names, scan->node->filter, scan->budget, err);
        return scan->filter != NULL;
    }
    return true;
}

void weir_scan_done(weir_scan *scan)
{
    weir_pred_done(scan->filter);
    scan->filter = NULL;
}

bool weir_scan_load(weir_scan *scan, weir_lane *lane)
{
    const weir_given *given = scan->node->given;
    if (given && !scan->own) {
        if (!weir_given_load(given, lane->run.ctl, &lane->scratch, &scan->own, &lane->err)) {
            return false;
        }
        scan->segs[0].rows = weir_table_rows_end(scan->own, given->id);
        scan->seg_count = 1;
    }
    return true;
}

bool weir_scan_is_ready(const weir_scan *scan)
{
    return !scan->node->child || scan->seg_count > 0;
}

static bool chunk_in_time(const weir_scan *scan, const weir_chunk_info *info)
{
    for (uint32_t i = 0; i < scan->node->interval_count; i++) {
        const weir_interval *in = &scan->node->intervals[i];
        if (info->min_time < in->end_ms && info->max_time >= in->start_ms) {
            return true;
        }
    }
    return false;
}

static void add_hull(weir_scan *scan, const weir_chunk_info *info)
{
    const weir_node_rows *node = scan->node;
    int64_t first = node->intervals[0].start_ms;
    int64_t last = node->intervals[node->interval_count - 1].end_ms - 1;
    int64_t lo = info->min_time < first ? first : info->min_time;
    int64_t hi = info->max_time > last ? last : info->max_time;
    scan->min_time = lo < scan->min_time ? lo : scan->min_time;
    scan->max_time = hi > scan->max_time ? hi : scan->max_time;
}

/* Chunks in time order of the segments; small neighbours share a slice. */
static void deal_segment(weir_scan *scan, uint32_t s)
{
    weir_rows *rows = scan->segs[s].rows;
    uint32_t chunks = rows->ops->chunks(rows);
    weir_slice *open = NULL;
    for (uint32_t c = 0; c < chunks; c++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, c, &info);
        if (info.row_count == 0 || !chunk_in_time(scan, &info)) {
            open = NULL;
            continue;
        }
        add_hull(scan, &info);
        scan->segs[s].first = scan->segs[s].end ? scan->segs[s].first : c;
        scan->segs[s].end = c + 1;
        scan->row_count += info.row_count;
        if (open && open->row_count + info.row_count <= WEIR_CHUNK_ROWS) {
            open->count++;
            open->row_count += info.row_count;
        } else {
            open = &scan->slices[scan->slice_count++];
            *open = (weir_slice){s, c, 1, info.row_count};
        }
    }
}

void weir_scan_prepare(weir_scan *scan)
{
    weir_arena *arena = scan->names.arena;
    if (scan->slices) {
        return;
    }
    scan->min_time = INT64_MAX;
    scan->max_time = INT64_MIN;
    size_t chunk_count = 0;
    for (uint32_t s = 0; s < scan->seg_count; s++) {
        weir_scan_seg *seg = &scan->segs[s];
        if (!seg->rows) {
            chunk_count++;
            continue;
        }
        chunk_count += seg->rows->ops->chunks(seg->rows);
        seg->columns = WEIR_ARENA_ARRAY(arena, const weir_column *, scan->names.count);
        for (uint32_t i = 0; i < scan->names.count; i++) {
            seg->columns[i] = seg->rows->ops->column(seg->rows, scan->names.names[i]);
        }
    }
    scan->scaled_ok = WEIR_ARENA_ARRAY(arena, bool, scan->names.count + 1);
    scan->slices = WEIR_ARENA_ARRAY(arena, weir_slice, chunk_count + 1);
    for (uint32_t s = 0; s < scan->seg_count; s++) {
        if (scan->segs[s].rows) {
            deal_segment(scan, s);
        } else { /* could not be opened: whoever comes to it fails */
            scan->slices[scan->slice_count++] = (weir_slice){s, 0, 0, 0};
        }
    }
}

/* Blocks. */

void weir_block_init(weir_block *block, weir_scan *scan, weir_lane *lane, uint32_t seg,
                     uint32_t chunk, const weir_chunk_info *info)
{
    uint32_t count = scan->names.count;
    *block = (weir_block){
        .scan = scan, .lane = lane, .seg = seg, .chunk = chunk, .info = *info, .scaled_ok = false};
    block->vecs = WEIR_SCRATCH_ARRAY(&lane->scratch, weir_vec, count);
    block->have = WEIR_SCRATCH_ARRAY(&lane->scratch, uint8_t, count);
    memset(block->have, 0, count);
}

void weir_block_set(weir_block *block, uint32_t from, uint32_t span, const uint16_t *rows,
                    uint32_t n)
{
    block->from = from;
    block->span = span;
    block->rows = rows;
    block->n = n;
    memset(block->have, 0, block->scan->names.count);
}

static bool load(weir_block *block, uint32_t slot, weir_vec *out, weir_error *err)
{
    weir_scratch *s = &block->lane->scratch;
    const weir_column *col = weir_block_column(block, slot);
    weir_type type = block->scan->names.types[slot];
    if (!col) {
        *out = weir_vec_null(type, block->n);
        if (slot == block->scan->time_slot) { /* rows without a time are at 0 */
            weir_value zero = weir_value_long(0);
            *out = weir_vec_const(s, &zero, block->n);
        }
        return true;
    }
    bool ok = block->rows
                  ? col->ops->gather(col, block->chunk, block->rows, block->n, s, out, err)
                  : col->ops->read(col, block->chunk, block->from, block->span,
                                   block->scaled_ok && block->scan->scaled_ok[slot], s, out, err);
    bool same =
        out->type.kind == type.kind && (type.kind != WEIR_ARRAY || out->type.elem == type.elem);
    if (!ok || same || type.kind == WEIR_UNKNOWN) {
        return ok;
    }
    weir_vec as_stored = *out;
    return weir_vec_cast(&as_stored, type, s, out, err);
}

bool weir_block_get(void *self, uint32_t slot, weir_vec *out, weir_error *err)
{
    weir_block *block = self;
    if (!block->have[slot]) {
        if (!load(block, slot, &block->vecs[slot], err)) {
            return false;
        }
        block->have[slot] = 1;
    }
    *out = block->vecs[slot];
    return true;
}

/* Time. */

static uint32_t lower_bound(const int64_t *times, uint32_t n, int64_t t)
{
    uint32_t low = 0;
    while (low < n) {
        uint32_t middle = low + (n - low) / 2;
        if (times[middle] < t) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    return low;
}

static void set_range(uint64_t *bits, uint32_t from, uint32_t to)
{
    for (; from < to && from % 64; from++) {
        weir_bit_set(bits, from);
    }
    for (; from + 64 <= to; from += 64) {
        bits[from / 64] = ~0ull;
    }
    for (; from < to; from++) {
        weir_bit_set(bits, from);
    }
}

static void mark_times(const weir_scan *scan, const weir_vec *vec, bool sorted, uint64_t *bits)
{
    for (uint32_t i = 0; i < scan->node->interval_count; i++) {
        const weir_interval *in = &scan->node->intervals[i];
        if (vec->form == WEIR_CONST) {
            bool inside = vec->at.l[0] >= in->start_ms && vec->at.l[0] < in->end_ms;
            set_range(bits, 0, inside ? vec->n : 0);
        } else if (sorted) {
            set_range(bits, lower_bound(vec->at.l, vec->n, in->start_ms),
                      lower_bound(vec->at.l, vec->n, in->end_ms));
        } else {
            for (uint32_t r = 0; r < vec->n; r++) {
                uint64_t inside = (vec->at.l[r] >= in->start_ms) & (vec->at.l[r] < in->end_ms);
                bits[r >> 6] |= inside << (r & 63);
            }
        }
    }
}

/* Rows of the chunk whose time lies in the intervals. */
static bool cut_time(weir_block *block, weir_sel *out)
{
    weir_scan *scan = block->scan;
    weir_lane *lane = block->lane;
    uint32_t rows = block->info.row_count;
    *out = weir_sel_all(rows);
    for (uint32_t i = 0; i < scan->node->interval_count; i++) {
        const weir_interval *in = &scan->node->intervals[i];
        if (block->info.min_time >= in->start_ms && block->info.max_time < in->end_ms) {
            return true;
        }
    }
    uint64_t *bits = WEIR_SCRATCH_ARRAY(&lane->scratch, uint64_t, weir_words(rows));
    memset(bits, 0, weir_words(rows) * sizeof(*bits));
    for (uint32_t from = 0; from < rows; from += WEIR_BLOCK_ROWS) {
        uint32_t n = rows - from < WEIR_BLOCK_ROWS ? rows - from : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(&lane->scratch);
        weir_block_set(block, from, n, NULL, n);
        weir_vec times;
        if (!weir_ctl_check(lane->run.ctl, &lane->err) ||
            !weir_block_get(block, scan->time_slot, &times, &lane->err)) {
            return false;
        }
        mark_times(scan, &times, block->info.time_sorted, bits + from / 64);
        weir_scratch_rewind(&lane->scratch, mark);
    }
    *out = weir_sel_of_bits(bits, rows);
    return true;
}

static weir_sel both(const weir_sel *a, const weir_sel *b, weir_scratch *s)
{
    if (a->kind == WEIR_SEL_ALL) {
        return *b;
    }
    if (b->kind == WEIR_SEL_ALL) {
        return *a;
    }
    if (a->kind == WEIR_SEL_NONE || b->kind == WEIR_SEL_NONE) {
        return weir_sel_none(a->n);
    }
    const uint64_t *x = weir_sel_bits(a, s), *y = weir_sel_bits(b, s);
    uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(a->n));
    for (uint32_t w = 0; w < weir_words(a->n); w++) {
        bits[w] = x[w] & y[w];
    }
    return weir_sel_of_bits(bits, a->n);
}

/* Rows of the chunk that count: in time, visible, filtered. */
static bool select_rows(weir_cursor *cursor)
{
    weir_block *block = &cursor->block;
    weir_lane *lane = cursor->lane;
    weir_rows *rows = cursor->scan->segs[block->seg].rows;
    weir_sel sel, seen;
    if (!cut_time(block, &sel)) {
        return false;
    }
    if (rows->ops->visible && rows->ops->visible(rows, block->chunk, &lane->scratch, &seen)) {
        sel = both(&sel, &seen, &lane->scratch);
    }
    if (cursor->scan->filter && sel.kind != WEIR_SEL_NONE) {
        weir_sel in = sel;
        if (!weir_pred_chunk(cursor->scan->filter, lane, block, &in, &sel)) {
            return false;
        }
    }
    cursor->chunk_sel = sel;
    return true;
}

/* The cursor. */

void weir_cursor_init(weir_cursor *cursor, weir_scan *scan, weir_lane *lane)
{
    *cursor = (weir_cursor){.scan = scan, .lane = lane};
}

void weir_cursor_slice(weir_cursor *cursor, const weir_slice *slice)
{
    cursor->slice = *slice;
    cursor->chunk_at = 0;
    cursor->in_chunk = false;
    cursor->slice_mark = weir_scratch_mark(&cursor->lane->scratch);
}

void weir_cursor_skip_chunk(weir_cursor *cursor)
{
    cursor->next_row = cursor->block.info.row_count;
}

static bool is_excluded(const weir_scan *scan, uint32_t s, uint32_t chunk)
{
    return scan->filter && weir_pred_excludes(scan->filter, scan, s, chunk);
}

/* All that will be read of a segment, at once: in few and large gets. */
static weir_ready prepare(weir_scan *scan, uint32_t s, uint32_t chunk, weir_wake wake,
                          weir_error *err)
{
    weir_scan_seg *seg = &scan->segs[s];
    if (!seg->rows || !seg->rows->ops->prepare || seg->end == 0 ||
        atomic_load_explicit(&seg->prepared, memory_order_acquire)) {
        return WEIR_READY;
    }
    uint32_t first = scan->by_chunk ? chunk : seg->first,
             end = scan->by_chunk ? chunk + 1 : seg->end;
    while (first < end && is_excluded(scan, s, first)) {
        first++;
    }
    while (first < end && is_excluded(scan, s, end - 1)) {
        end--;
    }
    weir_need need = {first, end - first, scan->names.count, scan->names.names};
    if (first == end) {
        return WEIR_READY;
    }
    weir_ready ready = seg->rows->ops->prepare(seg->rows, &need, wake, err);
    if (ready == WEIR_READY && !scan->by_chunk) {
        atomic_store_explicit(&seg->prepared, true, memory_order_release);
    }
    return ready;
}

/* The next segments are fetched while this one is; nobody waits for them yet. */
static void look_ahead(const weir_cursor *cursor)
{
    weir_scan *scan = cursor->scan;
    uint32_t segs = scan->seg_count, s = cursor->slice.seg, left = scan->by_chunk ? 0 : AHEAD;
    for (uint32_t next = s + 1; next < segs && left > 0; next++, left--) {
        if (prepare(scan, next, 0, (weir_wake){0}, NULL) == WEIR_FAILED) {
            return;
        }
    }
}

static weir_cursor_state enter_chunk(weir_cursor *cursor, weir_wake wake)
{
    weir_scan *scan = cursor->scan;
    weir_lane *lane = cursor->lane;
    weir_scan_seg *seg = &scan->segs[cursor->slice.seg];
    if (!seg->rows) {
        weir_fail(&lane->err, WEIR_ERR_STORE, "%.*s", WEIR_STR_ARG(seg->problem));
        return WEIR_CURSOR_FAILED;
    }
    weir_scratch_rewind(&lane->scratch, cursor->slice_mark);
    uint32_t chunk = cursor->slice.chunk + cursor->chunk_at;
    if (seg->rows->ops->prepare && is_excluded(scan, cursor->slice.seg, chunk)) {
        cursor->chunk_at++; /* its bytes were not fetched */
        return WEIR_CURSOR_END;
    }
    switch (prepare(scan, cursor->slice.seg, chunk, wake, &lane->err)) {
    case WEIR_READY:
        break;
    case WEIR_WAIT:
        lane->waits = true;
        look_ahead(cursor);
        return WEIR_CURSOR_WAIT;
    case WEIR_FAILED:
        return WEIR_CURSOR_FAILED;
    }
    weir_chunk_info info;
    seg->rows->ops->chunk(seg->rows, chunk, &info);
    weir_block_init(&cursor->block, scan, lane, cursor->slice.seg, chunk, &info);
    cursor->chunk_at++;
    if (!select_rows(cursor)) {
        return WEIR_CURSOR_FAILED;
    }
    cursor->block.scaled_ok = true;
    if (cursor->chunk_sel.kind == WEIR_SEL_NONE) {
        return WEIR_CURSOR_END;
    }
    cursor->in_chunk = true;
    cursor->next_row = 0;
    cursor->block_mark = weir_scratch_mark(&lane->scratch);
    return WEIR_CURSOR_CHUNK;
}

weir_cursor_state weir_cursor_next(weir_cursor *cursor, weir_wake wake)
{
    weir_lane *lane = cursor->lane;
    if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
        return WEIR_CURSOR_FAILED;
    }
    while (true) {
        if (cursor->in_chunk) {
            weir_scratch_rewind(&lane->scratch, cursor->block_mark);
            uint32_t rows = cursor->block.info.row_count;
            while (cursor->next_row < rows) {
                uint32_t from = cursor->next_row, left = rows - from;
                uint32_t n = left < lane->block_rows ? left : lane->block_rows;
                cursor->next_row = from + n;
                cursor->sel = weir_sel_block(&cursor->chunk_sel, from, n, &lane->scratch);
                if (cursor->sel.kind != WEIR_SEL_NONE) {
                    cursor->block.from = from;
                    cursor->block.span = n;
                    return WEIR_CURSOR_BLOCK;
                }
                weir_scratch_rewind(&lane->scratch, cursor->block_mark);
            }
            cursor->in_chunk = false;
        }
        if (cursor->chunk_at == cursor->slice.count && cursor->slice.count > 0) {
            weir_scratch_rewind(&lane->scratch, cursor->slice_mark);
            return WEIR_CURSOR_END;
        }
        weir_cursor_state state = enter_chunk(cursor, wake);
        if (state != WEIR_CURSOR_END) {
            return state;
        }
    }
}

void weir_cursor_spread(weir_cursor *cursor)
{
    weir_block *block = &cursor->block;
    weir_block_set(block, block->from, block->span, NULL, block->span);
}

void weir_cursor_compact(weir_cursor *cursor)
{
    weir_block *block = &cursor->block;
    if (cursor->sel.kind == WEIR_SEL_ALL) {
        weir_cursor_spread(cursor);
        return;
    }
    const uint16_t *rows = weir_sel_rows(&cursor->sel, &cursor->lane->scratch);
    uint16_t *of_chunk = WEIR_SCRATCH_ARRAY(&cursor->lane->scratch, uint16_t, cursor->sel.count);
    for (uint32_t i = 0; i < cursor->sel.count; i++) {
        of_chunk[i] = (uint16_t)(rows[i] + block->from);
    }
    weir_block_set(block, block->from, block->span, of_chunk, cursor->sel.count);
}
