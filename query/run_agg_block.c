/* query/run_agg_block.c - rows into groups, block by block.
 * One group for all rows (no key, or a chunk inside one time bucket): add_one on whole vectors. Few
 * possible groups for a segment's rows: cells numbered by local ids. Else the hash table of global
 * codes (run_agg_cells.c chooses). Rows with lists in a key become several (run_agg_lists.c); whole
 * chunks may be answered from metadata (run_agg_meta.c). */
#include "query/run_agg_feed.h"
#include <assert.h>

enum { PART_ROWS = 256, PART_BYTES = 1 << 20 };

static bool open_feed(weir_feed *f)
{
    weir_agg_run *agg = f->agg;
    weir_scratch *s = &f->lane->scratch;
    f->vecs = WEIR_SCRATCH_ARRAY(s, weir_vec, weir_port_count(agg->port) + 1);
    f->filtered = WEIR_SCRATCH_ARRAY(s, const weir_sel *, agg->filter_count + 1);
    memset(f->filtered, 0, agg->filter_count * sizeof(*f->filtered));
    if (!weir_port_read(agg->port, &f->lane->run, f->get, f->self, f->n, f->vecs)) {
        return false;
    }
    for (uint32_t i = 0; i < agg->aggs.count; i++) {
        const weir_agg_bound *b = &agg->aggs.bound[i];
        weir_vec *args = f->vecs + agg->arg_from[i];
        if (b->arg_count) {
            weir_vec *given = WEIR_SCRATCH_ARRAY(s, weir_vec, b->arg_count);
            memcpy(given, args, b->arg_count * sizeof(*args));
            if (!weir_agg_args(b, given, s, args, &f->lane->err)) {
                return false;
            }
        }
    }
    return true;
}

/* Rows that aggregator i sees. */
static const weir_sel *rows_of(weir_feed *f, uint32_t i)
{
    uint32_t filter = f->agg->filter_of[i];
    if (filter == WEIR_NO_ID) {
        return &f->sel;
    }
    if (!f->filtered[filter]) {
        weir_sel *sel = WEIR_SCRATCH_ARRAY(&f->lane->scratch, weir_sel, 1);
        if (!weir_pred_rows(f->agg->filters[filter], f->lane, f->get, f->self, f->n, &f->sel,
                            sel)) {
            return NULL;
        }
        f->filtered[filter] = sel;
    }
    return f->filtered[filter];
}

bool weir_feed_filters(weir_feed *f)
{
    for (uint32_t i = 0; i < f->agg->aggs.count; i++) {
        if (!rows_of(f, i)) {
            return false;
        }
    }
    return true;
}

/* All rows of the feed are of one group. */
static bool add_to_one(weir_feed *f, uint8_t *state)
{
    const weir_aggs *aggs = &f->agg->aggs;
    for (uint32_t i = 0; i < aggs->count; i++) {
        const weir_agg_bound *b = &aggs->bound[i];
        const weir_sel *sel = rows_of(f, i);
        if (!sel) {
            return false;
        }
        if (sel->kind != WEIR_SEL_NONE) {
            b->agg->add_one(b, f->own->heap, state + aggs->offset[i], f->vecs + f->agg->arg_from[i],
                            sel, &f->lane->scratch);
        }
    }
    return true;
}

/* Many groups. */

/* n rows with their codes: their cells. */
static void find_cells(weir_feed *f, uint32_t n, uint64_t **codes, uint32_t *cells)
{
    weir_agg_lane *own = f->own;
    uint32_t multiplier = 1;
    memset(cells, 0, n * sizeof(*cells));
    for (uint32_t k = 0; k < f->agg->keys.count; k++) {
        uint32_t shift = (uint32_t)own->bases[k];
        for (uint32_t i = 0; i < n; i++) {
            cells[i] += ((uint32_t)codes[k][i] - shift) * multiplier;
        }
        multiplier *= own->dims[k];
    }
}

/* n rows with their codes: their states are at *base + groups[i] * stride. */
static bool find_groups(weir_feed *f, uint32_t n, uint64_t **codes, uint64_t **nulls,
                        uint32_t *groups, uint8_t **base)
{
    weir_agg_run *agg = f->agg;
    weir_agg_lane *own = f->own;
    uint32_t words = agg->keys.words;
    uint64_t *packed = WEIR_SCRATCH_ARRAY(&f->lane->scratch, uint64_t, (size_t)n * words);
    memset(packed, 0, (size_t)n * words * sizeof(*packed));
    for (uint32_t k = 0; k < agg->keys.count; k++) {
        weir_keys_pack(&agg->keys.codes[k], words, n, codes[k], nulls[k], packed);
    }
    if (!weir_groups_find(&own->groups, packed, n, groups, &f->lane->scratch, &f->lane->err)) {
        return false;
    }
    *base = own->groups.states.at;
    return true;
}

/* Groups that aggregator i sees: WEIR_NO_ID where its filter leaves a row out. NULL: failed. */
static const uint32_t *groups_of(weir_feed *f, uint32_t i, uint32_t n, const uint16_t *rows,
                                 const uint32_t *groups)
{
    if (f->agg->filter_of[i] == WEIR_NO_ID) {
        return groups;
    }
    const weir_sel *sel = rows_of(f, i);
    if (!sel) {
        return NULL;
    }
    const uint64_t *bits = weir_sel_bits(sel, &f->lane->scratch);
    uint32_t *masked = WEIR_SCRATCH_ARRAY(&f->lane->scratch, uint32_t, n);
    for (uint32_t r = 0; r < n; r++) {
        masked[r] = weir_bit(bits, rows ? rows[r] : r) ? groups[r] : WEIR_NO_ID;
    }
    return masked;
}

/* States that do not fit into L2 are fetched ahead for a few hundred rows, which all aggregators
 * then find in L1. */
static bool add_in_parts(weir_feed *f, uint32_t n, const uint32_t *const *groups,
                         weir_vec *const *args, uint8_t *base)
{
    const weir_aggs *aggs = &f->agg->aggs;
    weir_scratch *s = &f->lane->scratch;
    for (uint32_t from = 0; from < n; from += PART_ROWS) {
        uint32_t count = n - from < PART_ROWS ? n - from : PART_ROWS;
        const uint32_t *at = groups[0] + from;
        for (uint32_t i = 0; i < count; i++) {
            const uint8_t *state = base + (size_t)at[i] * aggs->stride;
            __builtin_prefetch(state, 1);
            if (aggs->stride > 32) {
                __builtin_prefetch(state + aggs->stride - 1, 1);
            }
        }
        for (uint32_t i = 0; i < aggs->count; i++) {
            const weir_agg_bound *b = &aggs->bound[i];
            weir_vec part[4];
            for (uint32_t k = 0; k < b->arg_count; k++) {
                weir_vec_slice(&args[i][k], from, count, s, &part[k]);
            }
            b->agg->add_many(b, f->own->heap, base + aggs->offset[i], aggs->stride,
                             groups[i] + from, part, count, s);
        }
    }
    return true;
}

/* Few cells: the rows of each are listed, so that a cell's state is added to in one go. Row after
 * row to the same few states is three times slower: each addition waits for the one before it. */
static bool add_to_few(weir_feed *f, uint32_t n, const uint32_t *cells, const weir_sel *lists)
{
    weir_agg_run *agg = f->agg;
    weir_scratch *s = &f->lane->scratch;
    (void)n;
    for (uint32_t i = 0; i < agg->aggs.count; i++) {
        const weir_agg_bound *b = &agg->aggs.bound[i];
        weir_vec *args = f->vecs + agg->arg_from[i];
        if (agg->filter_of[i] != WEIR_NO_ID) {
            const uint32_t *of = groups_of(f, i, n, NULL, cells);
            if (!of) {
                return false;
            }
            b->agg->add_many(b, f->own->heap,
                             (uint8_t *)f->own->cells.states.at + agg->aggs.offset[i],
                             agg->aggs.stride, of, args, n, s);
            continue;
        }
        for (uint32_t c = 0; c < f->own->cells.count; c++) {
            if (lists[c].count) {
                uint8_t *state = weir_cells_state(&f->own->cells, c) + agg->aggs.offset[i];
                b->agg->add_one(b, f->own->heap, state, args, &lists[c], s);
            }
        }
    }
    return true;
}

static const weir_sel *list_by_cell(weir_feed *f, uint32_t n, const uint32_t *cells)
{
    weir_scratch *s = &f->lane->scratch;
    uint32_t count = f->own->cells.count, starts[WEIR_FEW_CELLS + 1] = {0}, at[WEIR_FEW_CELLS];
    uint16_t *rows = WEIR_SCRATCH_ARRAY(s, uint16_t, n);
    weir_sel *lists = WEIR_SCRATCH_ARRAY(s, weir_sel, count);
    for (uint32_t i = 0; i < n; i++) {
        starts[cells[i] + 1]++;
    }
    for (uint32_t c = 0; c < count; c++) {
        starts[c + 1] += starts[c];
        at[c] = starts[c];
    }
    for (uint32_t i = 0; i < n; i++) {
        rows[at[cells[i]]++] = (uint16_t)i;
    }
    uint8_t *seen = f->own->cells.seen.at;
    for (uint32_t c = 0; c < count; c++) {
        uint32_t size = starts[c + 1] - starts[c];
        lists[c] = (weir_sel){.kind = size ? WEIR_SEL_LIST : WEIR_SEL_NONE,
                              .n = n,
                              .count = size,
                              .rows = rows + starts[c]};
        lists[c] = size == n ? weir_sel_all(n) : lists[c];
        seen[c] |= size > 0;
    }
    return lists;
}

/* rows NULL: row i is the feed's row i; else it is row rows[i]. */
static bool add_to_many(weir_feed *f, uint32_t n, const uint16_t *rows, const uint32_t *groups,
                        uint8_t *base)
{
    weir_agg_run *agg = f->agg;
    weir_scratch *s = &f->lane->scratch;
    uint32_t count = agg->aggs.count;
    const uint32_t **of = WEIR_SCRATCH_ARRAY(s, const uint32_t *, count + 1);
    weir_vec **args = WEIR_SCRATCH_ARRAY(s, weir_vec *, count + 1);
    size_t bytes = f->own->in_cells ? (size_t)f->own->cells.count * agg->aggs.stride
                                    : (size_t)f->own->groups.count * agg->aggs.stride;
    bool parts = bytes > PART_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        const weir_agg_bound *b = &agg->aggs.bound[i];
        of[i] = groups_of(f, i, n, rows, groups);
        args[i] = f->vecs + agg->arg_from[i];
        parts = parts && of[i] == groups && b->arg_count <= 4;
        if (!of[i]) {
            return false;
        }
        if (rows) {
            weir_vec *moved = WEIR_SCRATCH_ARRAY(s, weir_vec, b->arg_count + 1);
            for (uint32_t k = 0; k < b->arg_count; k++) {
                weir_vec_gather(&args[i][k], rows, n, s, &moved[k]);
            }
            args[i] = moved;
        }
    }
    if (parts && count) {
        return add_in_parts(f, n, of, args, base);
    }
    for (uint32_t i = 0; i < count; i++) {
        const weir_agg_bound *b = &agg->aggs.bound[i];
        b->agg->add_many(b, f->own->heap, base + agg->aggs.offset[i], agg->aggs.stride, of[i],
                         args[i], n, s);
    }
    return true;
}

/* rows NULL: row i is the feed's row i; else it is row rows[i]. */
static bool add_to_cells(weir_feed *f, uint32_t n, const uint16_t *rows, const uint32_t *cells)
{
    weir_agg_run *agg = f->agg;
    weir_agg_lane *own = f->own;
    weir_scratch *s = &f->lane->scratch;
    if (own->cells.compact) {
        weir_vec **args = WEIR_SCRATCH_ARRAY(s, weir_vec *, agg->aggs.count + 1);
        for (uint32_t i = 0; i < agg->aggs.count; i++) {
            args[i] = f->vecs + agg->arg_from[i];
        }
        if (!rows && weir_compact_takes(&agg->aggs, args)) {
            weir_compact_add(&own->cells, cells, args, n);
            return true;
        }
        if (!weir_compact_expand(&own->cells, own->heap, s, &f->lane->err)) {
            return false;
        }
    }
    if (!rows && own->cells.count <= WEIR_FEW_CELLS && n >= 8 * own->cells.count) {
        return add_to_few(f, n, cells, list_by_cell(f, n, cells));
    }
    weir_cells_see(&own->cells, cells, n);
    return add_to_many(f, n, rows, cells, own->cells.states.at);
}

/* n rows of many groups, with their codes; rows[i] is the feed's row of the i-th. What filters gave
 * is forgotten. */
bool weir_feed_add(weir_feed *f, uint32_t n, const uint16_t *rows, uint64_t **codes,
                   uint64_t **nulls)
{
    weir_scratch *s = &f->lane->scratch;
    weir_mark mark = weir_scratch_mark(s);
    uint32_t *groups = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    uint8_t *base;
    bool ok = weir_ctl_check(f->lane->run.ctl, &f->lane->err);
    if (ok && f->own->in_cells) {
        find_cells(f, n, codes, groups);
        ok = add_to_cells(f, n, rows, groups);
    } else {
        ok = ok && find_groups(f, n, codes, nulls, groups, &base) &&
             add_to_many(f, n, rows, groups, base);
    }
    weir_scratch_rewind(s, mark);
    return ok;
}

/* Cells of n rows without codes in between, where keys are single strings by id. *out may be the
 * ids themselves. False: a key is not. */
static bool cells_by_id(weir_feed *f, const uint64_t *bucket_codes, const uint32_t **out)
{
    weir_agg_run *agg = f->agg;
    weir_agg_lane *own = f->own;
    uint32_t count = agg->keys.count, first = agg->keys.has_bucket, n = f->n;
    for (uint32_t k = first; k < count; k++) {
        const weir_vec *vec = &f->vecs[k - first];
        bool constant = vec->form == WEIR_CONST && vec->dict && !vec->items;
        if ((vec->form != WEIR_DICT && !constant) || agg->keys.codes[k].type.kind != WEIR_STRING) {
            return false;
        }
    }
    if (count == 1 && first == 0 && !own->maps[0].global && f->vecs[0].form == WEIR_DICT) {
        *out = f->vecs[0].at.ids;
        return true;
    }
    uint32_t *cells = WEIR_SCRATCH_ARRAY(&f->lane->scratch, uint32_t, n), multiplier = 1;
    if (first) {
        uint32_t base = (uint32_t)own->bases[0];
        for (uint32_t i = 0; i < n; i++) {
            cells[i] = (uint32_t)bucket_codes[i] - base;
        }
        multiplier = own->dims[0];
    } else {
        memset(cells, 0, n * sizeof(*cells));
    }
    for (uint32_t k = first; k < count; k++) {
        const uint32_t *ids = f->vecs[k - first].at.ids, *global = own->maps[k].global;
        if (f->vecs[k - first].form == WEIR_CONST) {
            uint32_t id = weir_vec_is_null(&f->vecs[k - first], 0) ? 0 : ids[0];
            uint32_t more = (global ? global[id] : id) * multiplier;
            for (uint32_t i = 0; more && i < n; i++) {
                cells[i] += more;
            }
        } else if (global && count == 1) {
            for (uint32_t i = 0; i < n; i++) {
                cells[i] = global[ids[i]];
            }
        } else if (global) {
            for (uint32_t i = 0; i < n; i++) {
                cells[i] += global[ids[i]] * multiplier;
            }
        } else {
            for (uint32_t i = 0; i < n; i++) {
                cells[i] += ids[i] * multiplier;
            }
        }
        multiplier *= own->dims[k];
    }
    *out = cells;
    return true;
}

/* Rows of many groups; bucket_codes: NULL when there are no buckets. All of the feed's rows count.
 */
static bool add_rows(weir_feed *f, uint64_t *bucket_codes)
{
    weir_agg_run *agg = f->agg;
    weir_scratch *s = &f->lane->scratch;
    uint32_t count = agg->keys.count, first = agg->keys.has_bucket, n = f->n;
    const uint32_t *cells;
    if (weir_feed_has_lists(f)) {
        return weir_feed_add_lists(f, bucket_codes);
    }
    if (f->own->in_cells && cells_by_id(f, bucket_codes, &cells)) {
        return add_to_cells(f, n, NULL, cells);
    }
    uint64_t **codes = WEIR_SCRATCH_ARRAY(s, uint64_t *, count + 1);
    uint64_t **nulls = WEIR_SCRATCH_ARRAY(s, uint64_t *, count + 1);
    for (uint32_t k = 0; k < count; k++) {
        weir_key_code *key = &agg->keys.codes[k];
        if (k < first) {
            codes[k] = bucket_codes;
            continue;
        }
        codes[k] = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
        nulls[k] = key->kind == WEIR_CODE_WIDE ? WEIR_SCRATCH_ARRAY(s, uint64_t, n) : NULL;
        if (!weir_keys_code(key, &f->own->maps[k], f->lane, &f->vecs[k - first], n,
                            f->own->in_cells, f->own->dicts[k], codes[k], nulls[k])) {
            return false;
        }
    }
    uint32_t *groups = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    uint8_t *base;
    if (f->own->in_cells) {
        find_cells(f, n, codes, groups);
        return add_to_cells(f, n, NULL, groups);
    }
    return find_groups(f, n, codes, nulls, groups, &base) && add_to_many(f, n, NULL, groups, base);
}

/* Only buckets: one group for a stretch of rows. */

bool weir_feed_bucket(weir_feed *f, uint64_t code, uint8_t **state)
{
    uint64_t *codes[1] = {&code};
    uint32_t group = 0;
    uint8_t *base;
    if (f->own->in_cells) {
        find_cells(f, 1, codes, &group);
        weir_cells_see(&f->own->cells, &group, 1);
        *state = weir_cells_state(&f->own->cells, group);
        return true;
    }
    if (!find_groups(f, 1, codes, codes, &group, &base)) {
        return false;
    }
    *state = base + (size_t)group * f->agg->aggs.stride;
    return true;
}

/* Sorted times: each bucket's rows are one stretch. */
static bool add_runs(weir_feed *f, const int64_t *times)
{
    const weir_buckets *buckets = &f->agg->buckets;
    uint32_t wants = weir_port_count(f->agg->port), from = 0;
    while (from < f->n) {
        weir_mark mark = weir_scratch_mark(&f->lane->scratch);
        uint32_t code = weir_buckets_find(buckets, times[from]), low = from, high = f->n;
        int64_t end = buckets->starts[code + 1];
        while (low < high) { /* the first row past this bucket */
            uint32_t middle = low + (high - low) / 2;
            if (times[middle] < end) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        weir_feed part = *f;
        uint8_t *state;
        part.n = low - from;
        part.sel = weir_sel_all(part.n);
        part.vecs = WEIR_SCRATCH_ARRAY(&f->lane->scratch, weir_vec, wants + 1);
        for (uint32_t i = 0; i < wants; i++) {
            weir_vec_slice(&f->vecs[i], from, part.n, &f->lane->scratch, &part.vecs[i]);
        }
        if (!weir_feed_bucket(f, code, &state) || !add_to_one(&part, state)) {
            return false;
        }
        weir_scratch_rewind(&f->lane->scratch, mark);
        from = low;
    }
    return true;
}

static bool read_times(weir_feed *f, const int64_t **out)
{
    weir_vec times, flat;
    if (!f->get(f->self, f->agg->scan->time_slot, &times, &f->lane->err) ||
        !weir_vec_flatten(&times, &f->lane->scratch, &flat, &f->lane->err)) {
        return false;
    }
    *out = flat.at.l;
    return true;
}

/* The bucket of all rows of the chunk, when there is but one. */
static bool one_bucket(const weir_agg_run *agg, const weir_chunk_info *info, uint64_t *code)
{
    const weir_buckets *buckets = &agg->buckets;
    *code = 0;
    if (!agg->keys.has_bucket) {
        return true;
    }
    if (buckets->kind == WEIR_BUCKETS_RAW) {
        return false;
    }
    int64_t min = info->min_time,
            max = info->max_time; /* clipped: rows outside the intervals were cut */
    min = min < agg->scan->min_time ? agg->scan->min_time : min;
    max = max > agg->scan->max_time ? agg->scan->max_time : max;
    *code = weir_buckets_find(buckets, min);
    return weir_buckets_find(buckets, max) == *code;
}

bool weir_agg_run_chunk(weir_agg_run *agg, weir_cursor *cursor, bool *whole)
{
    weir_agg_lane *own = &agg->lanes[cursor->lane->index];
    uint64_t code;
    *whole = false;
    if (own->seg != cursor->block.seg && !weir_agg_enter_segment(agg, own, cursor)) {
        return false;
    }
    return agg->node->key_count > 0 || !one_bucket(agg, &cursor->block.info, &code) ||
           weir_agg_add_metadata(agg, cursor, code, whole);
}

bool weir_agg_run_block(weir_agg_run *agg, weir_cursor *cursor)
{
    weir_feed f = {.agg = agg,
                   .own = &agg->lanes[cursor->lane->index],
                   .lane = cursor->lane,
                   .get = weir_block_get,
                   .self = &cursor->block};
    weir_lane *lane = cursor->lane;
    uint64_t code;
    bool single = one_bucket(agg, &cursor->block.info, &code);
    if (single && agg->node->key_count == 0) {
        bool spread = cursor->sel.count * 4 > cursor->sel.n;
        if (spread) {
            weir_cursor_spread(cursor);
        } else {
            weir_cursor_compact(cursor);
        }
        f.n = cursor->block.n;
        f.sel = weir_sel_all(f.n);
        if (spread && cursor->sel.kind == WEIR_SEL_BITS) { /* once, not by each aggregator */
            f.sel = cursor->sel;
            f.sel.kind = WEIR_SEL_LIST;
            f.sel.rows = weir_sel_rows(&cursor->sel, &lane->scratch);
        } else if (spread) {
            f.sel = cursor->sel;
        }
        uint8_t *state;
        return weir_feed_bucket(&f, code, &state) && open_feed(&f) && add_to_one(&f, state);
    }
    weir_cursor_compact(cursor);
    f.n = cursor->block.n;
    f.sel = weir_sel_all(f.n);
    if (!open_feed(&f)) {
        return false;
    }
    if (!agg->keys.has_bucket) {
        return add_rows(&f, NULL);
    }
    uint64_t *codes = WEIR_SCRATCH_ARRAY(&lane->scratch, uint64_t, f.n);
    if (single) {
        for (uint32_t i = 0; i < f.n; i++) {
            codes[i] = code;
        }
        return add_rows(&f, codes);
    }
    const int64_t *times;
    if (!read_times(&f, &times)) {
        return false;
    }
    if (agg->node->key_count == 0 && cursor->block.info.time_sorted && agg->filter_count == 0 &&
        agg->buckets.kind == WEIR_BUCKETS_TABLE) {
        return add_runs(&f, times);
    }
    weir_buckets_code(&agg->buckets, times, f.n, codes, &lane->scratch);
    return add_rows(&f, codes);
}

/* Bucket codes of a batch. A row that an outer join made of nothing on the left has no time and is
 * in the last bucket; rows without any bucket: *out NULL. */
static bool batch_buckets(weir_feed *f, uint64_t **out)
{
    weir_agg_run *agg = f->agg;
    weir_scratch *s = &f->lane->scratch;
    weir_vec times, flat;
    *out = NULL;
    if (agg->min_ms > agg->max_ms) {
        return true;
    }
    if (!f->get(f->self, agg->time_slot, &times, &f->lane->err) ||
        !weir_vec_flatten(&times, s, &flat, &f->lane->err)) {
        return false;
    }
    int64_t *inside = WEIR_SCRATCH_ARRAY(s, int64_t, f->n);
    for (uint32_t i = 0; i < f->n; i++) {
        bool null = flat.nulls && weir_bit(flat.nulls, i);
        int64_t t = null ? agg->max_ms : flat.at.l[i];
        t = t < agg->min_ms ? agg->min_ms : t;
        inside[i] = t > agg->max_ms ? agg->max_ms : t;
    }
    *out = WEIR_SCRATCH_ARRAY(s, uint64_t, f->n);
    weir_buckets_code(&agg->buckets, inside, f->n, *out, s);
    return true;
}

bool weir_agg_run_batch(weir_agg_run *agg, weir_lane *lane, weir_port_get *get, void *self,
                        uint32_t n)
{
    weir_feed f = {.agg = agg,
                   .own = &agg->lanes[lane->index],
                   .lane = lane,
                   .get = get,
                   .self = self,
                   .n = n,
                   .sel = weir_sel_all(n)};
    f.own->seg = 0;
    if (agg->keys.count == 0 && !f.own->in_cells) {
        f.own->in_cells = true;
        if (!weir_cells_reset(&f.own->cells, 1, &lane->err)) {
            return false;
        }
    }
    if (!open_feed(&f)) {
        return false;
    }
    uint8_t *state;
    uint64_t *codes = NULL;
    if (agg->keys.has_bucket && (!batch_buckets(&f, &codes) || !codes)) {
        return lane->err.code == WEIR_OK;
    }
    return agg->keys.count ? add_rows(&f, codes)
                           : weir_feed_bucket(&f, 0, &state) && add_to_one(&f, state);
}

bool weir_agg_run_fold(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane)
{
    weir_scratch *s = &lane->scratch;
    uint32_t from = 0, words = agg->keys.words;
    bool local = own->cells_seg != WEIR_NO_ID;
    if (own->in_cells && own->cells.compact &&
        !weir_compact_expand(&own->cells, own->heap, s, &lane->err)) {
        return false;
    }
    while (own->in_cells && from < own->cells.count) {
        weir_mark mark = weir_scratch_mark(s);
        uint32_t *cells = WEIR_SCRATCH_ARRAY(s, uint32_t, WEIR_BLOCK_ROWS);
        uint32_t n = weir_cells_list(&own->cells, &from, cells, WEIR_BLOCK_ROWS);
        uint64_t *packed = WEIR_SCRATCH_ARRAY(s, uint64_t, (size_t)n * words + 1);
        uint64_t *codes = WEIR_SCRATCH_ARRAY(s, uint64_t, n + 1);
        uint32_t *groups = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), divisor = 1;
        memset(packed, 0, (size_t)n * words * sizeof(*packed));
        if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
            return false;
        }
        for (uint32_t k = 0; k < agg->keys.count; k++) {
            weir_key_code *key = &agg->keys.codes[k];
            for (uint32_t i = 0; i < n; i++) {
                codes[i] = own->bases[k] + cells[i] / divisor % own->dims[k];
            }
            divisor *= own->dims[k];
            if (local && !weir_keys_globalise(key, &own->maps[k], lane, own->dicts[k], n, codes)) {
                return false;
            }
            weir_keys_pack(key, words, n, codes, codes, packed);
        }
        uint32_t had = own->groups.count;
        if (!weir_groups_find(&own->groups, packed, n, groups, s, &lane->err)) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            uint8_t *into = weir_groups_state(&own->groups, groups[i]);
            const uint8_t *state = weir_cells_state(&own->cells, cells[i]);
            if (groups[i] >= had) { /* new: the state moves, with what it holds in the heap */
                memcpy(into, state, agg->aggs.stride);
            } else {
                weir_aggs_merge(&agg->aggs, own->heap, into, own->heap, state);
            }
        }
        weir_scratch_rewind(s, mark);
    }
    own->in_cells = false;
    return true;
}
