/* segments/live_seal.c - a full growing chunk becomes encoded columns with postings, 0.5-3 ns a
 * value (FIGURES.md, section 6): cheap enough for the ingest thread. Everything is written to one
 * buffer first, then copied to a piece of memory of exactly that size; the growing chunk's pages go
 * back to the pool for the next one. */
#include "segments/live_seal.h"
#include <assert.h>
#include <stdlib.h>
#include "segments/live_group.h"
#include "segments/rollup.h"
#include "weir/log.h"

typedef struct place { /* in the buffer */
    size_t at, size;   /* size 0: not there */
} place;

typedef struct sealing_column {
    bool there;
    weir_zone zone;
    place cells, offsets, nulls, bytes, postings;
    uint32_t cell_count;
} sealing_column;

typedef struct sealing {
    weir_realtime *rt;
    weir_live_chunk *chunk;
    weir_scratch *s;
    weir_buf out;
    uint32_t rows_in, rows;          /* before and after roll-up */
    const uint32_t *groups, *firsts; /* NULL: nothing was merged */
    sealing_column *columns;
} sealing;

static void align_out(weir_buf *out)
{
    static const char zeros[8];
    weir_buf_put(out, zeros, (8 - out->size % 8) % 8);
}

static place place_from(const sealing *seal, size_t at)
{
    return (place){at, seal->out.size - at};
}

static uint32_t source_row(const sealing *seal, uint32_t row)
{
    return seal->firsts ? seal->firsts[row] : row;
}

/* Cells of the rows that stay, one after the other, and their nulls as bits (NULL: none). */
static void *collect(const sealing *seal, const weir_live_column *col, const weir_live_cells *cells,
                     uint64_t **out_nulls)
{
    size_t size = weir_live_cell_size(col->type);
    uint8_t *out = weir_scratch_take(seal->s, size * seal->rows);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(seal->s, uint64_t, weir_words(seal->rows));
    bool any = false;
    memset(nulls, 0, sizeof(*nulls) * weir_words(seal->rows));
    for (uint32_t row = 0; row < seal->rows;) {
        uint32_t from = source_row(seal, row), block = from / WEIR_BLOCK_ROWS,
                 offset = from % WEIR_BLOCK_ROWS;
        uint32_t n = seal->firsts ? 1 : WEIR_BLOCK_ROWS;
        n = n < seal->rows - row ? n : seal->rows - row;
        const uint8_t *values = atomic_load_explicit(&cells->values[block], memory_order_relaxed);
        const uint8_t *bytes = atomic_load_explicit(&cells->nulls[block], memory_order_relaxed);
        if (values) {
            memcpy(out + size * row, values + size * offset, size * n);
        } else {
            memset(out + size * row, 0, size * n);
        }
        if (!weir_live_is_ids(col->type) && (!values || bytes)) {
            for (uint32_t i = 0; i < n; i++) {
                bool null = !values || bytes[offset + i];
                nulls[(row + i) / 64] |= (uint64_t)null << (row + i) % 64;
                any |= null;
            }
        }
        row += n;
    }
    *out_nulls = any ? nulls : NULL;
    return out;
}

static void seal_nulls(sealing *seal, const uint64_t *nulls, sealing_column *out)
{
    if (nulls) {
        align_out(&seal->out);
        size_t at = seal->out.size;
        weir_buf_put(&seal->out, nulls, sizeof(*nulls) * weir_words(seal->rows));
        out->nulls = place_from(seal, at);
    }
}

static void seal_postings(sealing *seal, const weir_live_column *col, const uint32_t *ids,
                          const uint32_t *offsets, const uint64_t *nulls, sealing_column *out)
{
    if (col->indexed) {
        size_t at = seal->out.size;
        weir_postings_build(ids, offsets, nulls, seal->rows, &seal->out);
        out->postings = place_from(seal, at);
    }
}

/* Lists: offsets, and the ids of all elements. */
static void seal_lists(sealing *seal, const weir_live_column *col, const weir_live_cells *from,
                       const uint32_t *cells, sealing_column *out)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(seal->s, uint32_t, seal->rows + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(seal->s, uint64_t, weir_words(seal->rows));
    uint32_t total = 0, null_count = 0;
    memset(nulls, 0, sizeof(*nulls) * weir_words(seal->rows));
    for (uint32_t row = 0; row < seal->rows; row++) {
        uint32_t count = cells[row] != 0;
        if (cells[row] & WEIR_LIVE_LIST) {
            weir_live_list(from, cells[row], &count);
        } else if (cells[row] == 0) {
            weir_bit_set(nulls, row);
            null_count++;
        }
        offsets[row] = total;
        total += count;
    }
    offsets[seal->rows] = total;
    uint32_t *ids = WEIR_SCRATCH_ARRAY(seal->s, uint32_t, total + 1);
    for (uint32_t row = 0; row < seal->rows; row++) {
        if (cells[row] & WEIR_LIVE_LIST) {
            uint32_t count;
            const uint32_t *list = weir_live_list(from, cells[row], &count);
            memcpy(ids + offsets[row], list, sizeof(*ids) * count);
        } else if (cells[row]) {
            ids[offsets[row]] = cells[row];
        }
    }
    seal_nulls(seal, null_count ? nulls : NULL, out);
    size_t at = seal->out.size;
    weir_encode_ids(offsets, seal->rows + 1, &seal->out, NULL);
    out->offsets = place_from(seal, at);
    at = seal->out.size;
    if (total) {
        weir_encode_ids(ids, total, &seal->out, NULL);
    }
    out->cells = place_from(seal, at);
    out->cell_count = total;
    seal_postings(seal, col, ids, offsets, null_count ? nulls : NULL, out);
    out->zone = (weir_zone){.multi = true, .null_count = null_count};
}

/* Arrays of numbers: offsets, and all elements with their nulls. */
static void seal_numbers(sealing *seal, const weir_live_column *col, const weir_live_cells *from,
                         const uint32_t *cells, sealing_column *out)
{
    weir_vec lists;
    weir_live_numbers_read(from, col->type, cells, seal->rows, seal->s, &lists);
    const weir_vec *items = lists.items;
    seal_nulls(seal, lists.nulls, out);
    size_t at = seal->out.size;
    weir_encode_ids(lists.at.offsets, seal->rows + 1, &seal->out, NULL);
    out->offsets = place_from(seal, at);
    at = seal->out.size;
    if (items->n && col->type.elem == WEIR_LONG) {
        weir_encode_longs(items->at.l, items->nulls, items->n, &seal->out, NULL);
    } else if (items->n) {
        weir_encode_doubles(items->at.d, items->nulls, items->n, &seal->out, NULL);
    }
    out->cells = place_from(seal, at);
    out->cell_count = items->n;
    out->zone = (weir_zone){.multi = true};
    for (uint32_t row = 0; row < seal->rows; row++) {
        out->zone.null_count += cells[row] == 0;
    }
}

static void seal_string(sealing *seal, const weir_live_column *col, const weir_live_cells *from,
                        const uint32_t *cells, sealing_column *out)
{
    bool lists = false;
    if (atomic_load_explicit(&from->multi, memory_order_relaxed)) {
        uint32_t any = 0;
        for (uint32_t row = 0; row < seal->rows; row++) {
            any |= cells[row];
        }
        lists = any & WEIR_LIVE_LIST;
    }
    if (lists) {
        seal_lists(seal, col, from, cells, out);
        return;
    }
    size_t at = seal->out.size;
    weir_encode_ids(cells, seal->rows, &seal->out, &out->zone);
    out->cells = place_from(seal, at);
    out->cell_count = seal->rows;
    seal_postings(seal, col, cells, NULL, NULL, out);
}

static void seal_bytes(sealing *seal, const weir_str *cells, const uint64_t *nulls,
                       sealing_column *out)
{
    int64_t *offsets = WEIR_SCRATCH_ARRAY(seal->s, int64_t, seal->rows + 1);
    size_t at = seal->out.size;
    for (uint32_t row = 0; row < seal->rows; row++) {
        offsets[row] = (int64_t)(seal->out.size - at);
        if (!nulls || !weir_bit(nulls, row)) {
            weir_buf_str(&seal->out, cells[row]);
        } else {
            out->zone.null_count++;
        }
    }
    offsets[seal->rows] = (int64_t)(seal->out.size - at);
    out->bytes = place_from(seal, at);
    seal_nulls(seal, nulls, out);
    at = seal->out.size;
    weir_encode_longs(offsets, NULL, seal->rows + 1, &seal->out, NULL);
    out->offsets = place_from(seal, at);
}

static void seal_values(sealing *seal, const weir_live_column *col, const weir_live_cells *from,
                        const void *cells, const uint64_t *nulls, sealing_column *out)
{
    size_t at = seal->out.size;
    out->there = true;
    switch ((weir_kind)col->type.kind) {
    case WEIR_STRING:
        seal_string(seal, col, from, cells, out);
        return;
    case WEIR_COMPLEX:
        seal_bytes(seal, cells, nulls, out);
        return;
    case WEIR_LONG:
        weir_encode_longs(cells, nulls, seal->rows, &seal->out, &out->zone);
        break;
    case WEIR_DOUBLE:
        weir_encode_doubles(cells, nulls, seal->rows, &seal->out, &out->zone);
        break;
    case WEIR_FLOAT:
        weir_encode_floats(cells, nulls, seal->rows, &seal->out, &out->zone);
        break;
    case WEIR_ARRAY:
        (col->type.elem == WEIR_STRING ? seal_lists : seal_numbers)(seal, col, from, cells, out);
        return;
    case WEIR_UNKNOWN:
        assert(!"a kind that a live column never has");
    }
    out->cells = place_from(seal, at);
    out->cell_count = seal->rows;
}

/* --- roll-up --- */

/* Values of a metric after merging, as cells; false: the first row's value stays. */
static bool merge_metric(sealing *seal, const weir_live_column *col, const weir_live_cells *cells,
                         void **out, uint64_t **out_nulls)
{
    weir_rollup_run run;
    size_t size = weir_live_cell_size(col->type);
    if (!seal->firsts || !col->metric ||
        !weir_rollup_begin(seal->rt->rollup, col->name, seal->rows, &seal->rt->budget, &run)) {
        return false;
    }
    for (uint32_t from = 0; from < seal->rows_in; from += WEIR_BLOCK_ROWS) {
        uint32_t n =
            seal->rows_in - from < WEIR_BLOCK_ROWS ? seal->rows_in - from : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(seal->s);
        weir_vec values, times;
        weir_live_read(col, cells, NULL, false, from, n, seal->s, &values);
        weir_live_read_times(seal->chunk, from, n, seal->s, &times);
        weir_rollup_add(&run, seal->groups + from, &values, &times, seal->s);
        weir_scratch_rewind(seal->s, mark);
    }
    uint8_t *merged = weir_scratch_take(seal->s, size * seal->rows);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(seal->s, uint64_t, weir_words(seal->rows));
    bool any = false;
    memset(nulls, 0, sizeof(*nulls) * weir_words(seal->rows));
    for (uint32_t from = 0; from < seal->rows; from += WEIR_BLOCK_ROWS) {
        uint32_t n = seal->rows - from < WEIR_BLOCK_ROWS ? seal->rows - from : WEIR_BLOCK_ROWS;
        weir_vec vec;
        weir_error err;
        if (!weir_rollup_finish(&run, from, n, seal->s, &vec, &err)) {
            weir_die("roll-up of %.*s: %s", WEIR_STR_ARG(col->name),
                     err.message); /* states are our own */
        }
        memcpy(merged + size * from, vec.at.l, size * n);
        if (vec.nulls) {
            memcpy(nulls + from / 64, vec.nulls, sizeof(*nulls) * weir_words(n));
            nulls[(from + n) / 64] &= (from + n) % 64 ? (1ull << (from + n) % 64) - 1 : ~0ull;
            any = true;
        }
    }
    weir_rollup_end(&run);
    *out = merged;
    *out_nulls = any ? nulls : NULL;
    return true;
}

static void group_rows(sealing *seal)
{
    if (!seal->rt->rollup) {
        return;
    }
    uint32_t *groups = WEIR_SCRATCH_ARRAY(seal->s, uint32_t, seal->rows_in);
    uint32_t *firsts = WEIR_SCRATCH_ARRAY(seal->s, uint32_t, seal->rows_in);
    uint32_t count = weir_live_group(seal->rt, seal->chunk, seal->rows_in, groups, firsts, seal->s);
    if (count < seal->rows_in) {
        seal->groups = groups;
        seal->firsts = firsts;
        seal->rows = count;
    }
}

/* --- hidden columns --- */

static place seal_times(sealing *seal, weir_live_span *span)
{
    int64_t *times = WEIR_SCRATCH_ARRAY(seal->s, int64_t, seal->rows);
    for (uint32_t row = 0; row < seal->rows; row++) {
        uint32_t from = source_row(seal, row);
        times[row] = atomic_load_explicit(&seal->chunk->times[from / WEIR_BLOCK_ROWS],
                                          memory_order_relaxed)[from % WEIR_BLOCK_ROWS];
    }
    *span = (weir_live_span){times[0], times[0], times[0], times[seal->rows - 1], true};
    for (uint32_t row = 1; row < seal->rows; row++) {
        span->min = times[row] < span->min ? times[row] : span->min;
        span->max = times[row] > span->max ? times[row] : span->max;
        span->sorted &= times[row] >= times[row - 1];
    }
    size_t at = seal->out.size;
    weir_encode_longs(times, NULL, seal->rows, &seal->out, NULL);
    return place_from(seal, at);
}

static place seal_sources(sealing *seal, uint64_t *bits)
{
    uint32_t *sources = WEIR_SCRATCH_ARRAY(seal->s, uint32_t, seal->rows);
    for (uint32_t row = 0; row < seal->rows; row++) {
        uint32_t from = source_row(seal, row);
        sources[row] = atomic_load_explicit(&seal->chunk->sources[from / WEIR_BLOCK_ROWS],
                                            memory_order_relaxed)[from % WEIR_BLOCK_ROWS];
        weir_bit_set(bits, sources[row]);
    }
    size_t at = seal->out.size;
    weir_encode_ids(sources, seal->rows, &seal->out, NULL);
    return place_from(seal, at);
}

static place seal_counts(sealing *seal)
{
    const int64_t *weights = seal->chunk->weights;
    if (!seal->groups && !weights) {
        return (place){0};
    }
    int64_t *counts = WEIR_SCRATCH_ARRAY(seal->s, int64_t, seal->rows);
    memset(counts, 0, sizeof(*counts) * seal->rows);
    for (uint32_t row = 0; row < seal->rows_in; row++) {
        counts[seal->groups ? seal->groups[row] : row] += weights ? weights[row] : 1;
    }
    size_t at = seal->out.size;
    weir_encode_longs(counts, NULL, seal->rows, &seal->out, NULL);
    return place_from(seal, at);
}

/* --- the sealed object --- */

static weir_encoded open_at(const char *base, place at, weir_value_kind kind, uint32_t n)
{
    weir_encoded enc = {0};
    if (at.size && !weir_encoded_open((weir_str){base + at.at, at.size}, kind, n, &enc)) {
        weir_die("a sealed column cannot be opened"); /* just encoded */
    }
    return enc;
}

static weir_value_kind value_kind(weir_type type)
{
    uint8_t kind = type.kind == WEIR_ARRAY ? type.elem : type.kind;
    return kind == WEIR_STRING   ? WEIR_VALUE_IDS
           : kind == WEIR_LONG   ? WEIR_VALUE_LONGS
           : kind == WEIR_DOUBLE ? WEIR_VALUE_DOUBLES
                                 : WEIR_VALUE_FLOATS;
}

static void open_column(const sealing *seal, const char *base, const weir_live_column *col,
                        const sealing_column *from, weir_live_sealed_column *out)
{
    out->zone = from->zone;
    out->cells = open_at(base, from->cells, value_kind(col->type), from->cell_count);
    out->offsets =
        open_at(base, from->offsets,
                weir_live_is_ids(col->type) ? WEIR_VALUE_IDS : WEIR_VALUE_LONGS, seal->rows + 1);
    out->nulls = from->nulls.size ? (const uint64_t *)(const void *)(base + from->nulls.at) : NULL;
    out->bytes = base + from->bytes.at;
    out->size = from->cells.size + from->offsets.size + from->nulls.size + from->bytes.size +
                from->postings.size;
    if (from->postings.size) {
        out->has_postings = weir_postings_open(
            (weir_str){base + from->postings.at, from->postings.size}, seal->rows, &out->postings);
        assert(out->has_postings);
    }
    out->zone.has_range &=
        !weir_live_is_ids(col->type); /* ids in order of arrival are no range of values */
}

static uint64_t events_of(const sealing *seal)
{
    uint64_t events = seal->rows_in;
    for (uint32_t row = 0; seal->chunk->weights && row < seal->rows_in; row++) {
        events += (uint64_t)seal->chunk->weights[row] - 1;
    }
    return events;
}

static weir_live_sealed *sealed_new(sealing *seal)
{
    uint32_t there = 0, count = seal->rt->column_count;
    for (uint32_t i = 0; i < count; i++) {
        there += seal->columns[i].there;
    }
    size_t head = sizeof(weir_live_sealed) + sizeof(weir_live_sealed_column *) * count +
                  sizeof(weir_live_sealed_column) * there;
    size_t size = head + seal->out.size;
    weir_budget_force(&seal->rt->budget, size);
    char *memory = weir_alloc(size);
    memset(memory, 0, head);
    memcpy(memory + head, seal->out.at, seal->out.size);
    weir_live_sealed *sealed = (weir_live_sealed *)(void *)memory;
    sealed->columns = (weir_live_sealed_column **)(void *)(sealed + 1);
    weir_live_sealed_column *next = (weir_live_sealed_column *)(void *)(sealed->columns + count);
    sealed->budget = &seal->rt->budget;
    sealed->size_bytes = size;
    sealed->row_count = seal->rows;
    sealed->events = events_of(seal);
    sealed->column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (seal->columns[i].there) {
            sealed->columns[i] = next;
            open_column(seal, memory + head, seal->rt->columns[i], &seal->columns[i], next++);
        }
    }
    return sealed;
}

weir_live_chunk *weir_live_seal(weir_realtime *rt, weir_live_chunk *chunk)
{
    weir_mark mark = weir_scratch_mark(&rt->work);
    sealing seal = {.rt = rt, .chunk = chunk, .s = &rt->work};
    weir_live_span span;
    uint64_t source_bits[WEIR_REALTIME_SOURCES / 64] = {0};
    seal.rows_in = seal.rows = atomic_load_explicit(&chunk->row_count, memory_order_relaxed);
    seal.columns = WEIR_SCRATCH_ARRAY(seal.s, sealing_column, rt->column_count + 1);
    memset(seal.columns, 0, sizeof(*seal.columns) * rt->column_count);
    group_rows(&seal);
    place times = seal_times(&seal, &span), sources = seal_sources(&seal, source_bits),
          counts = seal_counts(&seal);
    for (uint32_t i = 0; i < rt->column_count; i++) {
        const weir_live_column *col = rt->columns[i];
        weir_live_cells *cells = atomic_load_explicit(&chunk->cells[i], memory_order_relaxed);
        weir_mark column = weir_scratch_mark(seal.s);
        void *values;
        uint64_t *nulls;
        if (!cells) {
            continue;
        }
        weir_live_fill(cells, &chunk->mem, col, seal.rows_in);
        if (!merge_metric(&seal, col, cells, &values, &nulls)) {
            values = collect(&seal, col, cells, &nulls);
        }
        seal_values(&seal, col, cells, values, nulls, &seal.columns[i]);
        weir_scratch_rewind(seal.s, column);
    }
    weir_live_sealed *sealed = sealed_new(&seal);
    const char *base = (const char *)sealed + (sealed->size_bytes - seal.out.size);
    sealed->span = span;
    sealed->times = open_at(base, times, WEIR_VALUE_LONGS, seal.rows);
    sealed->sources = open_at(base, sources, WEIR_VALUE_IDS, seal.rows);
    sealed->has_counts = counts.size > 0;
    sealed->counts = open_at(base, counts, WEIR_VALUE_LONGS, seal.rows);
    memcpy(sealed->source_bits, source_bits, sizeof(source_bits));
    weir_buf_done(&seal.out);
    weir_scratch_rewind(&rt->work, mark);
    weir_live_chunk *out = weir_calloc(1, sizeof(*out));
    out->refs = 1;
    out->row_count = sealed->row_count;
    out->sealed = sealed;
    return out;
}

void weir_live_sealed_free(weir_live_sealed *sealed)
{
    weir_budget_give(sealed->budget, sealed->size_bytes);
    free(sealed);
}
