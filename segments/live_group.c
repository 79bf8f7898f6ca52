/* segments/live_group.c - which rows of a full chunk have equal time, source and dimensions: hash
 * column by column, then a table of first rows that confirms by comparing. Groups are numbered by
 * their first rows, so that times that ascend still do. */
#include <assert.h>
#include "segments/live_auto.h"
#include "segments/live_group.h"
#include "weir/hash.h"

static inline const void *cell_at(const weir_live_cells *cells, uint32_t row, size_t size)
{
    const uint8_t *values =
        atomic_load_explicit(&cells->values[row / WEIR_BLOCK_ROWS], memory_order_relaxed);
    return values ? values + size * (row % WEIR_BLOCK_ROWS) : NULL;
}

static inline bool is_null(const weir_live_cells *cells, uint32_t row)
{
    const uint8_t *nulls =
        atomic_load_explicit(&cells->nulls[row / WEIR_BLOCK_ROWS], memory_order_relaxed);
    return nulls && nulls[row % WEIR_BLOCK_ROWS];
}

/* A string's cell; for a list its ids. */
static uint32_t string_at(const weir_live_cells *cells, uint32_t row, const uint32_t **list,
                          uint32_t *count)
{
    const uint32_t *at = cell_at(cells, row, sizeof(*at));
    uint32_t cell = at ? *at : 0;
    *list = NULL;
    if (cell & WEIR_LIVE_LIST) {
        *list = weir_live_list(cells, cell, count);
    }
    return cell;
}

/* A number's bits, one NaN; any value and *null for null. */
static uint64_t number_at(const weir_live_cells *cells, weir_type type, uint32_t row, bool *null)
{
    size_t size = weir_live_cell_size(type);
    const void *at = cell_at(cells, row, size);
    uint64_t bits = 0;
    *null = !at || is_null(cells, row);
    if (*null) {
        return 0;
    }
    memcpy(&bits, at, size);
    if (type.kind == WEIR_DOUBLE) {
        double d;
        memcpy(&d, &bits, sizeof(d));
        return d == d ? bits : 0x7FF8000000000000ull;
    }
    if (type.kind == WEIR_FLOAT) {
        float f;
        memcpy(&f, at, sizeof(f));
        return f == f ? bits : 0x7FC00000u;
    }
    return bits;
}

static weir_str bytes_at(const weir_live_cells *cells, uint32_t row, bool *null)
{
    const weir_str *at = cell_at(cells, row, sizeof(*at));
    *null = !at || is_null(cells, row);
    return *null ? (weir_str){0} : *at;
}

/* u32 of a list that make it what it is. */
static size_t list_size(const weir_live_column *col, uint32_t count)
{
    return weir_live_has_numbers(col->type) ? weir_live_numbers_size(count) : count;
}

static uint64_t hash_row(const weir_live_column *col, const weir_live_cells *cells, uint32_t row)
{
    bool null;
    if (weir_live_is_ids(col->type)) {
        const uint32_t *list;
        uint32_t count, cell = string_at(cells, row, &list, &count);
        return list ? weir_hash_bytes(list, sizeof(*list) * list_size(col, count)) : cell;
    }
    if (col->type.kind == WEIR_COMPLEX) {
        weir_str bytes = bytes_at(cells, row, &null);
        return null ? 1 : weir_hash_bytes(bytes.at, bytes.size);
    }
    uint64_t bits = number_at(cells, col->type, row, &null);
    return null ? 0x9E37u : bits;
}

static bool rows_equal_in(const weir_live_column *col, const weir_live_cells *cells, uint32_t a,
                          uint32_t b)
{
    bool null_a, null_b;
    if (weir_live_is_ids(col->type)) {
        const uint32_t *list_a, *list_b;
        uint32_t count_a = 0, count_b = 0;
        uint32_t x = string_at(cells, a, &list_a, &count_a),
                 y = string_at(cells, b, &list_b, &count_b);
        if (!list_a || !list_b) {
            return !list_a && !list_b && x == y;
        }
        return count_a == count_b &&
               memcmp(list_a, list_b, sizeof(*list_a) * list_size(col, count_a)) == 0;
    }
    if (col->type.kind == WEIR_COMPLEX) {
        weir_str x = bytes_at(cells, a, &null_a), y = bytes_at(cells, b, &null_b);
        return null_a == null_b && weir_str_eq(x, y);
    }
    uint64_t x = number_at(cells, col->type, a, &null_a),
             y = number_at(cells, col->type, b, &null_b);
    return null_a == null_b && x == y;
}

typedef struct keys { /* what a group is made of */
    const weir_live_chunk *chunk;
    const weir_live_column **columns;
    const weir_live_cells **cells;
    uint32_t count;
} keys;

static inline int64_t time_at(const weir_live_chunk *chunk, uint32_t row)
{
    return atomic_load_explicit(&chunk->times[row / WEIR_BLOCK_ROWS],
                                memory_order_relaxed)[row % WEIR_BLOCK_ROWS];
}

static inline uint8_t source_at(const weir_live_chunk *chunk, uint32_t row)
{
    return atomic_load_explicit(&chunk->sources[row / WEIR_BLOCK_ROWS],
                                memory_order_relaxed)[row % WEIR_BLOCK_ROWS];
}

static bool rows_equal(const keys *k, uint32_t a, uint32_t b)
{
    if (time_at(k->chunk, a) != time_at(k->chunk, b) ||
        source_at(k->chunk, a) != source_at(k->chunk, b)) {
        return false;
    }
    for (uint32_t i = 0; i < k->count; i++) {
        if (!rows_equal_in(k->columns[i], k->cells[i], a, b)) {
            return false;
        }
    }
    return true;
}

static void hash_rows(const keys *k, uint32_t n, uint64_t *out)
{
    for (uint32_t row = 0; row < n; row++) {
        out[row] = weir_hash_u64((uint64_t)time_at(k->chunk, row) ^
                                 (uint64_t)source_at(k->chunk, row) << 56);
    }
    for (uint32_t i = 0; i < k->count; i++) {
        for (uint32_t row = 0; row < n; row++) {
            out[row] = weir_hash_u64(out[row] * 31 + hash_row(k->columns[i], k->cells[i], row));
        }
    }
}

/* Dimensions that have a value in this chunk. Cells that a column has not reached are made null by
 * `fill`. */
static keys keys_of(weir_realtime *rt, weir_live_chunk *chunk, uint32_t n, weir_scratch *s)
{
    keys k = {.chunk = chunk};
    k.columns = WEIR_SCRATCH_ARRAY(s, const weir_live_column *, rt->column_count + 1);
    k.cells = WEIR_SCRATCH_ARRAY(s, const weir_live_cells *, rt->column_count + 1);
    for (uint32_t i = 0; i < rt->column_count; i++) {
        weir_live_cells *cells = atomic_load_explicit(&chunk->cells[i], memory_order_relaxed);
        if (cells && weir_live_is_key(rt->columns[i])) {
            weir_live_fill(cells, &chunk->mem, rt->columns[i], n);
            k.columns[k.count] = rt->columns[i];
            k.cells[k.count++] = cells;
        }
    }
    return k;
}

uint32_t weir_live_group(weir_realtime *rt, weir_live_chunk *chunk, uint32_t n, uint32_t *groups,
                         uint32_t *firsts, weir_scratch *s)
{
    weir_mark mark = weir_scratch_mark(s);
    uint32_t slot_count = 2 * WEIR_CHUNK_ROWS, group_count = 0;
    keys k = keys_of(rt, chunk, n, s);
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
    uint32_t *slots = WEIR_SCRATCH_ARRAY(s, uint32_t, slot_count); /* group + 1 */
    memset(slots, 0, sizeof(*slots) * slot_count);
    hash_rows(&k, n, hashes);
    for (uint32_t row = 0; row < n; row++) {
        uint32_t at = (uint32_t)(hashes[row] >> 20) & (slot_count - 1);
        while (slots[at]) {
            uint32_t first = firsts[slots[at] - 1];
            if (hashes[first] == hashes[row] && rows_equal(&k, first, row)) {
                break;
            }
            at = (at + 1) & (slot_count - 1);
        }
        if (!slots[at]) {
            firsts[group_count++] = row;
            slots[at] = group_count;
        }
        groups[row] = slots[at] - 1;
    }
    weir_scratch_rewind(s, mark);
    return group_count;
}
