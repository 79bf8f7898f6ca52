/* segments/live_read.c - rows of the growing chunk as vectors. What lies in one block and needs no
 * change is given in place; null bytes become bits, lists are copied out of their pages. Rows that
 * a column has not reached are null. */
#include "segments/live.h"

static inline uint32_t filled_of(const weir_live_cells *cells)
{
    return cells ? atomic_load_explicit(&cells->filled, memory_order_acquire) : 0;
}

static inline const void *values_of(const weir_live_cells *cells, uint32_t block)
{
    return atomic_load_explicit(&cells->values[block], memory_order_acquire);
}

static inline const uint8_t *nulls_of(const weir_live_cells *cells, uint32_t block)
{
    return atomic_load_explicit(&cells->nulls[block], memory_order_acquire);
}

const uint32_t *weir_live_list(const weir_live_cells *cells, uint32_t cell, uint32_t *count)
{
    uint32_t place = cell & ~WEIR_LIVE_LIST;
    uint32_t *const *lists = atomic_load_explicit(&cells->lists, memory_order_acquire);
    const uint32_t *list =
        lists[place >> WEIR_LIVE_LIST_PAGE_BITS] + (place & (WEIR_LIVE_LIST_PAGE - 1));
    *count = list[0];
    return list + 1;
}

/* n bytes of 0 or 1 to bits; the last word's rest is 0. */
static bool bits_of_bytes(const uint8_t *bytes, uint32_t n, uint64_t *bits)
{
    uint64_t any = 0;
    for (uint32_t w = 0; w < weir_words(n); w++) {
        uint32_t left = n - w * 64 < 64 ? n - w * 64 : 64;
        uint64_t word = 0;
        for (uint32_t b = 0; b < left / 8; b++) { /* eight bytes to eight bits by one multiply */
            uint64_t eight;
            memcpy(&eight, bytes + w * 64 + b * 8, 8);
            word |= (eight * 0x0102040810204080ull >> 56) << b * 8;
        }
        for (uint32_t i = left / 8 * 8; i < left; i++) {
            word |= (uint64_t)bytes[w * 64 + i] << i;
        }
        bits[w] = word;
        any |= word;
    }
    return any != 0;
}

/* Rows [from, from + n) of a number or complex column, all in one block that is there. */
static void read_in_place(const weir_live_column *col, const weir_live_cells *cells,
                          const uint8_t *values, uint32_t from, uint32_t n, weir_scratch *s,
                          weir_vec *out)
{
    uint32_t offset = from % WEIR_BLOCK_ROWS;
    const uint8_t *bytes = nulls_of(cells, from / WEIR_BLOCK_ROWS);
    *out = (weir_vec){.type = col->type, .form = WEIR_FLAT, .n = n};
    out->at.l = (const int64_t *)(const void *)(values + weir_live_cell_size(col->type) * offset);
    if (bytes) {
        uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n));
        out->nulls = bits_of_bytes(bytes + offset, n, bits) ? bits : NULL;
    }
}

/* Cells of rows [from, from + n) in `out`, for strings: 0 where there are none. */
static const uint32_t *string_cells(const weir_live_cells *cells, uint32_t from, uint32_t n,
                                    weir_scratch *s)
{
    uint32_t filled = filled_of(cells), block = from / WEIR_BLOCK_ROWS,
             offset = from % WEIR_BLOCK_ROWS;
    const uint32_t *values = from < filled ? values_of(cells, block) : NULL;
    if (values && offset + n <= WEIR_BLOCK_ROWS && from + n <= filled) {
        return values + offset;
    }
    uint32_t *out = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    memset(out, 0, sizeof(*out) * n);
    for (uint32_t i = 0; i < n && from + i < filled;) {
        uint32_t row = from + i, end = (row / WEIR_BLOCK_ROWS + 1) * WEIR_BLOCK_ROWS;
        end = end < filled ? end : filled;
        end = end < from + n ? end : from + n;
        values = values_of(cells, row / WEIR_BLOCK_ROWS);
        if (values) {
            memcpy(out + i, values + row % WEIR_BLOCK_ROWS, sizeof(*out) * (end - row));
        }
        i += end - row;
    }
    return out;
}

/* Cells to lists: offsets and items of `n` rows. */
static void lists_of_cells(const weir_live_cells *cells, weir_type type, const weir_dict *dict,
                           const uint32_t *at, uint32_t n, weir_scratch *s, weir_vec *out)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(uint64_t) * (weir_words(n) + 1));
    uint32_t total = 0;
    bool any_null = false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = at[i] != 0;
        if (at[i] & WEIR_LIVE_LIST) {
            weir_live_list(cells, at[i], &count);
        } else if (at[i] == 0) {
            weir_bit_set(nulls, i);
            any_null = true;
        }
        offsets[i] = total;
        total += count;
    }
    offsets[n] = total;
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, total + 1);
    for (uint32_t i = 0; i < n; i++) {
        if (at[i] & WEIR_LIVE_LIST) {
            uint32_t count;
            const uint32_t *list = weir_live_list(cells, at[i], &count);
            memcpy(ids + offsets[i], list, sizeof(*ids) * count);
        } else if (at[i]) {
            ids[offsets[i]] = at[i];
        }
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    *items = (weir_vec){
        .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_DICT, .n = total, .at.ids = ids, .dict = dict};
    *out = (weir_vec){.type = type, .form = WEIR_LIST, .n = n, .items = items};
    out->type.multi = type.kind == WEIR_STRING;
    out->at.offsets = offsets;
    out->nulls = any_null ? nulls : NULL;
}

static void strings_of_cells(const weir_live_cells *cells, weir_type type, const weir_dict *dict,
                             bool lists, const uint32_t *at, uint32_t n, weir_scratch *s,
                             weir_vec *out)
{
    if (weir_live_has_numbers(type)) {
        weir_live_numbers_read(cells, type, at, n, s, out);
        return;
    }
    if (lists || type.kind == WEIR_ARRAY) {
        lists_of_cells(cells, type, dict, at, n, s, out);
        return;
    }
    *out = (weir_vec){
        .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_DICT, .n = n, .at.ids = at, .dict = dict};
}

/* Number and complex cells at any rows; a row beyond `filled` or in a block never made is null. */
static void copy_cells(const weir_live_column *col, const weir_live_cells *cells,
                       const uint16_t *rows, uint32_t from, uint32_t n, weir_scratch *s,
                       weir_vec *out)
{
    size_t size = weir_live_cell_size(col->type);
    uint32_t filled = filled_of(cells);
    uint8_t *values = weir_scratch_take(s, size * n);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n));
    memset(nulls, 0, sizeof(uint64_t) * weir_words(n));
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = rows ? rows[i] : from + i, block = row / WEIR_BLOCK_ROWS,
                 offset = row % WEIR_BLOCK_ROWS;
        const uint8_t *at = row < filled ? values_of(cells, block) : NULL;
        const uint8_t *null_bytes = at ? nulls_of(cells, block) : NULL;
        if (!at || (null_bytes && null_bytes[offset])) {
            weir_bit_set(nulls, i);
            memset(values + size * i, 0, size);
            any = true;
        } else {
            memcpy(values + size * i, at + size * offset, size);
        }
    }
    *out = (weir_vec){.type = col->type, .form = WEIR_FLAT, .n = n, .nulls = any ? nulls : NULL};
    out->at.l = (const int64_t *)(const void *)values;
}

void weir_live_read(const weir_live_column *col, const weir_live_cells *cells,
                    const weir_dict *dict, bool lists, uint32_t from, uint32_t n, weir_scratch *s,
                    weir_vec *out)
{
    if (weir_live_is_ids(col->type)) {
        strings_of_cells(cells, col->type, dict, lists, string_cells(cells, from, n, s), n, s, out);
        return;
    }
    uint32_t filled = filled_of(cells);
    if (from >= filled) {
        *out = weir_vec_null(col->type, n);
        return;
    }
    const void *values = values_of(cells, from / WEIR_BLOCK_ROWS);
    if (values && from + n <= filled && from % WEIR_BLOCK_ROWS + n <= WEIR_BLOCK_ROWS) {
        read_in_place(col, cells, values, from, n, s, out);
    } else {
        copy_cells(col, cells, NULL, from, n, s, out);
    }
}

void weir_live_gather(const weir_live_column *col, const weir_live_cells *cells,
                      const weir_dict *dict, bool lists, const uint16_t *rows, uint32_t n,
                      weir_scratch *s, weir_vec *out)
{
    if (!weir_live_is_ids(col->type)) {
        copy_cells(col, cells, rows, 0, n, s, out);
        return;
    }
    uint32_t filled = filled_of(cells);
    uint32_t *at = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t *values =
            rows[i] < filled ? values_of(cells, rows[i] / WEIR_BLOCK_ROWS) : NULL;
        at[i] = values ? values[rows[i] % WEIR_BLOCK_ROWS] : 0;
    }
    strings_of_cells(cells, col->type, dict, lists, at, n, s, out);
}

void weir_live_read_times(const weir_live_chunk *chunk, uint32_t from, uint32_t n, weir_scratch *s,
                          weir_vec *out)
{
    uint32_t offset = from % WEIR_BLOCK_ROWS;
    *out = (weir_vec){.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n};
    const int64_t *times =
        atomic_load_explicit(&chunk->times[from / WEIR_BLOCK_ROWS], memory_order_acquire);
    if (offset + n <= WEIR_BLOCK_ROWS) {
        out->at.l = times + offset;
        return;
    }
    int64_t *copy = WEIR_SCRATCH_ARRAY(s, int64_t, n);
    for (uint32_t i = 0; i < n;) {
        uint32_t row = from + i, left = WEIR_BLOCK_ROWS - row % WEIR_BLOCK_ROWS;
        uint32_t part = left < n - i ? left : n - i;
        times = atomic_load_explicit(&chunk->times[row / WEIR_BLOCK_ROWS], memory_order_acquire);
        memcpy(copy + i, times + row % WEIR_BLOCK_ROWS, sizeof(*copy) * part);
        i += part;
    }
    out->at.l = copy;
}
