/* query/run_agg_out.c - a finished table as batches: bucket, keys, aggregates. Without keys the
 * buckets come in order and empty ones are filled as Druid does; with keys groups come as they
 * arrived (SORT orders them). */
#include "query/run_agg_own.h"
#include <assert.h>
#include <stdlib.h>

typedef struct page { /* up to 4,096 results on their way out */
    uint32_t n;
    const uint64_t *packed; /* keys; NULL: no key at all */
    const uint8_t *states;  /* contiguous */
    const uint32_t *cells;  /* compact cells instead */
    uint32_t set;
} page;

static bool check_failed(const weir_agg_run *agg, weir_lane *lane, const page *p)
{
    for (uint32_t i = 0; i < agg->node->agg_count && !p->cells; i++) {
        const weir_agg_bound *b = &agg->aggs.bound[i];
        if (b->agg->failed && b->agg->failed(b, agg->lanes[0].heap, p->states + agg->aggs.offset[i],
                                             agg->aggs.stride, p->n, &lane->scratch, &lane->err)) {
            return false;
        }
    }
    return true;
}

/* States cannot be compact where a raw form is wanted: it is a sketch's. */
static void finish(const weir_agg_run *agg, uint32_t i, const page *p, bool finalize,
                   weir_scratch *s, weir_vec *out)
{
    const weir_agg_bound *b = &agg->aggs.bound[i];
    if (p->cells) {
        weir_compact_column(&agg->lanes[0].cells, i, p->cells, p->n, s, out);
        return;
    }
    b->agg->finish(b, agg->lanes[0].heap, p->states + agg->aggs.offset[i], agg->aggs.stride, p->n,
                   finalize, s, out);
}

static bool write_page(weir_agg_run *agg, weir_lane *lane, const page *p, weir_batch *out)
{
    weir_scratch *s = &lane->scratch;
    const weir_node_agg *node = agg->node;
    weir_vec *columns = WEIR_SCRATCH_ARRAY(s, weir_vec, agg->output_count);
    uint32_t at = 0, first = agg->keys.has_bucket, words = agg->keys.words;
    if (!check_failed(agg, lane, p)) {
        return false;
    }
    if (first) {
        weir_keys_decode(&agg->keys.codes[0], &agg->buckets, words, p->packed, p->n, s,
                         &columns[at++]);
    } else {
        weir_value stamp = weir_value_long(agg->all_ms);
        columns[at++] = weir_vec_const(s, &stamp, p->n);
    }
    for (uint32_t k = 0; k < node->key_count; k++) {
        weir_keys_decode(&agg->keys.codes[k + first], &agg->buckets, words, p->packed, p->n, s,
                         &columns[at++]);
    }
    for (uint32_t i = 0; i < node->agg_count; i++) {
        finish(agg, i, p, true, s, &columns[at++]);
    }
    for (uint32_t i = 0; i < node->agg_count; i++) {
        if (node->aggs[i].raw_name.at) {
            finish(agg, i, p, false, s, &columns[at++]);
        }
    }
    if (node->set_count) {
        weir_value set = weir_value_long(p->set);
        columns[at++] = weir_vec_const(s, &set, p->n);
    }
    *out = (weir_batch){.n = p->n, .column_count = at, .columns = columns};
    return true;
}

/* Groups of a table, as they stand or in `order`. */
static bool next_groups(weir_agg_run *agg, weir_lane *lane, const weir_groups *groups, uint32_t set,
                        weir_batch *out)
{
    weir_scratch *s = &lane->scratch;
    uint32_t left = groups->count - agg->at, n = left < lane->block_rows ? left : lane->block_rows;
    page p = {.n = n, .set = set};
    if (n == 0) {
        *out = (weir_batch){0};
        return true;
    }
    p.packed = weir_groups_key(groups, agg->at);
    p.states = weir_groups_state(groups, agg->at);
    if (agg->order) {
        uint32_t words = agg->keys.words, stride = agg->aggs.stride;
        uint64_t *packed = WEIR_SCRATCH_ARRAY(s, uint64_t, (size_t)n * words);
        uint8_t *states = weir_scratch_take(s, (size_t)n * stride);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t group = agg->order[agg->at + i];
            memcpy(packed + (size_t)i * words, weir_groups_key(groups, group), words * 8);
            memcpy(states + (size_t)i * stride, weir_groups_state(groups, group), stride);
        }
        p.packed = packed;
        p.states = states;
    }
    agg->at += n;
    return write_page(agg, lane, &p, out);
}

/* Up to 4,096 of the cells that are left; of compact ones only those that the hint lets through. */
static bool list_cells(weir_agg_run *agg, weir_lane *lane, const weir_agg_hint *hint,
                       uint32_t *cells, uint32_t *n)
{
    weir_agg_lane *own = &agg->lanes[0];
    weir_scratch *s = &lane->scratch;
    uint32_t first_agg = 1 + agg->node->key_count;
    do {
        *n = weir_cells_list(&own->cells, &agg->at, cells, WEIR_BLOCK_ROWS);
        uint32_t column = hint && own->cells.compact ? hint->column(hint->self) : WEIR_NO_ID;
        if (*n == 0 || column == WEIR_NO_ID || column < first_agg ||
            column >= first_agg + agg->aggs.count) {
            return true;
        }
        weir_mark mark = weir_scratch_mark(s);
        uint16_t *rows = WEIR_SCRATCH_ARRAY(s, uint16_t, *n);
        weir_vec values;
        uint32_t kept;
        weir_compact_column(&own->cells, column - first_agg, cells, *n, s, &values);
        if (!weir_ctl_check(lane->run.ctl, &lane->err) ||
            !hint->can_win(hint->self, lane, &values, *n, rows, &kept)) {
            return false;
        }
        for (uint32_t i = 0; i < kept; i++) {
            cells[i] = cells[rows[i]];
        }
        *n = kept;
        weir_scratch_rewind(s, mark);
    } while (*n == 0);
    return true;
}

/* Cells of a query whose codes are all global. */
static bool next_cells(weir_agg_run *agg, weir_lane *lane, const weir_agg_hint *hint,
                       weir_batch *out)
{
    weir_agg_lane *own = &agg->lanes[0];
    weir_scratch *s = &lane->scratch;
    uint32_t *cells = WEIR_SCRATCH_ARRAY(s, uint32_t, WEIR_BLOCK_ROWS), n, divisor = 1;
    if (!list_cells(agg, lane, hint, cells, &n)) {
        return false;
    }
    uint32_t words = agg->keys.words, stride = agg->aggs.stride;
    if (n == 0) {
        *out = (weir_batch){0};
        return true;
    }
    uint64_t *packed = WEIR_SCRATCH_ARRAY(s, uint64_t, (size_t)n * words);
    uint64_t *codes = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
    const uint8_t *states = own->cells.compact ? NULL : weir_cells_state(&own->cells, cells[0]);
    memset(packed, 0, (size_t)n * words * sizeof(*packed));
    for (uint32_t k = 0; k < agg->keys.count; k++) {
        for (uint32_t i = 0; i < n; i++) {
            codes[i] = own->bases[k] + cells[i] / divisor % own->dims[k];
        }
        divisor *= own->dims[k];
        weir_keys_pack(&agg->keys.codes[k], words, n, codes, codes, packed);
    }
    if (states && cells[n - 1] - cells[0] != n - 1) { /* with gaps */
        uint8_t *moved = weir_scratch_take(s, (size_t)n * stride);
        for (uint32_t i = 0; i < n; i++) {
            memcpy(moved + (size_t)i * stride, weir_cells_state(&own->cells, cells[i]), stride);
        }
        states = moved;
    }
    page p = {
        .n = n, .packed = packed, .states = states, .cells = own->cells.compact ? cells : NULL};
    return write_page(agg, lane, &p, out);
}

/* Time buckets alone: in order, with those that a hull touches when they are to be filled. */

static bool is_filled(const weir_agg_run *agg, int64_t from, int64_t to)
{
    const weir_node_rows *rows = agg->rows;
    for (uint32_t h = 0; h < agg->hull_count; h++) {
        for (uint32_t i = 0; i < rows->interval_count; i++) {
            const weir_interval *in = &rows->intervals[i];
            int64_t lo = agg->hulls[h].min > in->start_ms ? agg->hulls[h].min : in->start_ms;
            int64_t hi = agg->hulls[h].max < in->end_ms ? agg->hulls[h].max : in->end_ms - 1;
            if (lo <= hi && lo < to && hi >= from) {
                return true;
            }
        }
    }
    return false;
}

static bool next_buckets(weir_agg_run *agg, weir_lane *lane, weir_batch *out)
{
    weir_agg_lane *own = &agg->lanes[0];
    weir_scratch *s = &lane->scratch;
    uint32_t count = agg->buckets.count, stride = agg->aggs.stride, n = 0;
    uint64_t *packed = WEIR_SCRATCH_ARRAY(s, uint64_t, WEIR_BLOCK_ROWS);
    uint8_t *states = weir_scratch_take(s, (size_t)WEIR_BLOCK_ROWS * stride);
    const uint8_t *seen = own->cells.seen.at;
    for (; agg->at < count && n < lane->block_rows; agg->at++) {
        uint32_t bucket = agg->node->descending ? count - 1 - agg->at : agg->at;
        bool has = own->in_cells && seen[bucket];
        const int64_t *starts = agg->buckets.starts;
        if (!has && !(agg->node->fill && is_filled(agg, starts[bucket], starts[bucket + 1]))) {
            continue;
        }
        memcpy(states + (size_t)n * stride,
               has ? weir_cells_state(&own->cells, bucket) : agg->aggs.init, stride);
        packed[n++] = bucket;
    }
    page p = {.n = n, .packed = packed, .states = states};
    *out = (weir_batch){0};
    return n == 0 || write_page(agg, lane, &p, out);
}

typedef struct by_bucket {
    uint64_t code;
    uint32_t group;
} by_bucket;

static int compare_buckets(const void *a, const void *b)
{
    const by_bucket *x = a, *y = b;
    return (x->code > y->code) - (x->code < y->code);
}

/* Buckets in a hash table: their groups are sorted; numbered buckets move to cells, so that filling
 * is the same. */
static bool order_buckets(weir_agg_run *agg, weir_lane *lane)
{
    weir_agg_lane *own = &agg->lanes[0];
    weir_groups *groups = &own->groups;
    if (agg->buckets.kind == WEIR_BUCKETS_TABLE) {
        if (!weir_cells_reset(&own->cells, agg->buckets.count, &lane->err)) {
            return false;
        }
        for (uint32_t i = 0; i < groups->count; i++) {
            uint32_t cell = (uint32_t)weir_groups_key(groups, i)[0];
            ((uint8_t *)own->cells.seen.at)[cell] = 1;
            memcpy(weir_cells_state(&own->cells, cell), weir_groups_state(groups, i),
                   agg->aggs.stride);
        }
        own->in_cells = true;
        return true;
    }
    weir_area sorting = {0};
    if (!weir_area_fresh(&agg->order_area, agg->stage.budget,
                         (groups->count + (size_t)1) * sizeof(uint32_t), &lane->err) ||
        !weir_area_fresh(&sorting, agg->stage.budget,
                         (groups->count + (size_t)1) * sizeof(by_bucket), &lane->err)) {
        return false;
    }
    by_bucket *items = sorting.at;
    for (uint32_t i = 0; i < groups->count; i++) {
        items[i] = (by_bucket){weir_groups_key(groups, i)[0], i};
    }
    qsort(items, groups->count, sizeof(*items), compare_buckets);
    agg->order = agg->order_area.at;
    for (uint32_t i = 0; i < groups->count; i++) {
        uint32_t to = agg->node->descending ? groups->count - 1 - i : i;
        agg->order[to] = items[i].group;
    }
    weir_area_done(&sorting, agg->stage.budget);
    return true;
}

static bool next(weir_agg_run *agg, weir_lane *lane, const weir_agg_hint *hint, weir_batch *out)
{
    weir_agg_lane *own = &agg->lanes[0];
    if (agg->sets) {
        *out = (weir_batch){0};
        while (agg->set_at < agg->node->set_count) {
            if (!next_groups(agg, lane, &agg->sets[agg->set_at], agg->set_at, out)) {
                return false;
            }
            if (out->n) {
                return true;
            }
            agg->set_at++;
            agg->at = 0;
        }
        return true;
    }
    if (agg->node->key_count == 0 && agg->keys.has_bucket) {
        bool table = agg->buckets.kind == WEIR_BUCKETS_TABLE;
        if (agg->at == 0 && !agg->order && (!table || !own->in_cells) &&
            !order_buckets(agg, lane)) {
            return false;
        }
        return table ? next_buckets(agg, lane, out) : next_groups(agg, lane, &own->groups, 0, out);
    }
    return own->in_cells ? next_cells(agg, lane, hint, out)
                         : next_groups(agg, lane, &own->groups, 0, out);
}

bool weir_agg_run_next(weir_agg_run *agg, weir_lane *lane, const weir_agg_hint *hint,
                       weir_batch *out)
{
    if (!weir_ctl_check(lane->run.ctl, &lane->err) || !next(agg, lane, hint, out)) {
        return false;
    }
    if (out->n == 0 && !agg->emitted && agg->node->empty_row && !agg->keys.has_bucket) {
        uint64_t *packed = WEIR_SCRATCH_ARRAY(&lane->scratch, uint64_t, agg->keys.words);
        memset(packed, 0, agg->keys.words * sizeof(*packed));
        page p = {.n = 1, .packed = packed, .states = agg->aggs.init};
        agg->emitted = true;
        return write_page(agg, lane, &p, out);
    }
    agg->emitted = true;
    return true;
}
