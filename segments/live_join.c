/* segments/live_join.c - a sealed chunk and the growing one behind it as one chunk in growing form,
 * so that sealing it rolls up the rows of both: a table that rolls up keeps one row per key, not
 * one per key and chunk. A row that stands for several events brings their number as its weight. */
#include "segments/live_join.h"
#include <assert.h>

/* Cells of a vector that the segment's own columns gave: ids are the column's own already. */
static weir_live_ready ready_of(weir_live_column *col, const weir_vec *vec)
{
    weir_live_ready ready = {.col = col, .nulls = vec->nulls};
    if (vec->form == WEIR_LIST) {
        ready.offsets = vec->at.offsets;
        ready.item_nulls = vec->items->nulls;
        ready.values = vec->items->at.l;
    } else {
        ready.values = vec->at.l;
    }
    return ready;
}

/* One value for all rows, as a value each. False: null. */
static bool spread(const weir_live_column *col, weir_vec *vec, weir_scratch *s)
{
    if (!weir_live_is_ids(col->type)) {
        return !(vec->nulls && weir_bit(vec->nulls, 0)) && weir_vec_flatten(vec, s, vec, NULL);
    }
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, vec->n), id = vec->at.ids[0];
    for (uint32_t i = 0; i < vec->n; i++) {
        ids[i] = id;
    }
    vec->at.ids = ids;
    return id != 0;
}

static void put(weir_live_chunk *out, weir_live_column *col, weir_vec *vec, uint32_t at,
                weir_scratch *s)
{
    if (vec->form == WEIR_CONST && !spread(col, vec, s)) {
        return; /* later values fill the gap with nulls */
    }
    weir_live_ready ready = ready_of(col, vec);
    weir_live_put(weir_live_cells_of(out, col->index), &out->mem, &ready, at, vec->n);
}

static void put_times(weir_live_chunk *out, const int64_t *times, const uint8_t *sources,
                      uint32_t at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t block = (at + i) / WEIR_BLOCK_ROWS, offset = (at + i) % WEIR_BLOCK_ROWS;
        if (offset == 0) {
            out->times[block] = WEIR_SCRATCH_ARRAY(&out->mem, int64_t, WEIR_BLOCK_ROWS);
            out->sources[block] = WEIR_SCRATCH_ARRAY(&out->mem, uint8_t, WEIR_BLOCK_ROWS);
        }
        out->times[block][offset] = times[i];
        out->sources[block][offset] = sources[i];
    }
}

static void put_sealed(weir_realtime *rt, weir_live_chunk *out, const weir_live_sealed *from,
                       weir_scratch *s)
{
    for (uint32_t at = 0; at < from->row_count; at += WEIR_BLOCK_ROWS) {
        uint32_t n =
            from->row_count - at < WEIR_BLOCK_ROWS ? from->row_count - at : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(s);
        weir_vec vec, times, counts;
        uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
        uint8_t *sources = weir_scratch_take(s, n);
        weir_encoded_read(&from->times, at, n, false, s, &times);
        weir_encoded_ids(&from->sources, at, n, ids);
        for (uint32_t i = 0; i < n; i++) {
            sources[i] = (uint8_t)ids[i];
        }
        weir_vec_flatten(&times, s, &times, NULL);
        put_times(out, times.at.l, sources, at, n);
        if (from->has_counts) {
            weir_encoded_read(&from->counts, at, n, false, s, &counts);
            weir_vec_flatten(&counts, s, &counts, NULL);
            memcpy(out->weights + at, counts.at.l, sizeof(*out->weights) * n);
        }
        for (uint32_t i = 0; i < from->column_count; i++) {
            if (from->columns[i]) {
                weir_live_column *col = rt->columns[i];
                weir_live_sealed_read(col, from->columns[i], NULL, at, n, false, s, &vec);
                put(out, col, &vec, at, s);
            }
        }
        weir_scratch_rewind(s, mark);
    }
}

static void put_growing(weir_realtime *rt, weir_live_chunk *out, const weir_live_chunk *from,
                        uint32_t first, weir_scratch *s)
{
    uint32_t rows = atomic_load_explicit(&from->row_count, memory_order_relaxed);
    for (uint32_t at = 0; at < rows; at += WEIR_BLOCK_ROWS) {
        uint32_t n = rows - at < WEIR_BLOCK_ROWS ? rows - at : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(s);
        put_times(out, from->times[at / WEIR_BLOCK_ROWS], from->sources[at / WEIR_BLOCK_ROWS],
                  first + at, n);
        for (uint32_t i = 0; i < rt->column_count; i++) {
            const weir_live_cells *cells =
                atomic_load_explicit(&from->cells[i], memory_order_relaxed);
            if (cells) {
                weir_live_column *col = rt->columns[i];
                bool lists = weir_live_is_ids(col->type) &&
                             atomic_load_explicit(&cells->multi, memory_order_relaxed);
                weir_vec vec;
                weir_live_read(col, cells, NULL, lists, at, n, s, &vec);
                put(out, col, &vec, first + at, s);
            }
        }
        weir_scratch_rewind(s, mark);
    }
}

weir_live_chunk *weir_live_join(weir_realtime *rt, const weir_live_chunk *sealed,
                                const weir_live_chunk *growing)
{
    const weir_live_sealed *from = sealed->sealed;
    uint32_t more = atomic_load_explicit(&growing->row_count, memory_order_relaxed);
    assert(from->row_count + more <= WEIR_CHUNK_ROWS);
    weir_live_chunk *out = weir_live_chunk_new(rt);
    out->weights = WEIR_SCRATCH_ARRAY(&out->mem, int64_t, from->row_count + more);
    for (uint32_t i = 0; i < from->row_count + more; i++) {
        out->weights[i] = 1;
    }
    put_sealed(rt, out, from, &rt->work);
    put_growing(rt, out, growing, from->row_count, &rt->work);
    atomic_store_explicit(&out->row_count, from->row_count + more, memory_order_relaxed);
    return out;
}
