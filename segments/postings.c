/* segments/postings.c - see postings.h.
 * Bytes: u32 id_count, u32 payload size in units of 2 bytes; ids, starts, counts; padding to 8;
 * payload. Bitsets begin at multiples of 8 bytes, runs with their number, as in Roaring. Ids of a
 * chunk become local ones by a direct table or, where they are spread out (large dictionaries), by
 * ranks in a bitmap: both keep the order, so that nothing is sorted. */
#include "segments/postings.h"
#include "segments/encode_pack.h"
#include "weir/hot.h"
#include <stdlib.h>

enum { BITSET_WORDS = 1024, BITSET_UNITS = 4096 };
#define START_MASK 0x3FFFFFFFu

/* ---- building ---- */

typedef struct ranks {   /* id -> place, in the order of ids */
    uint32_t min, range; /* of the ids; range: max - min */
    uint32_t count;      /* places */
    uint64_t *bits;      /* of id - min: the ids that occur; NULL: the place is id - min */
    uint32_t *before;    /* ids in the words before */
} ranks;

static inline uint32_t rank_of(const ranks *r, uint32_t id)
{
    uint32_t at = id - r->min;
    return r->before[at / 64] +
           (uint32_t)__builtin_popcountll(r->bits[at / 64] & ((UINT64_C(1) << (at % 64)) - 1));
}

WEIR_HOT static void make_ranks(ranks *r, const uint32_t *ids, uint32_t n, bool with_null)
{
    uint32_t min = UINT32_MAX, max = 0;
    for (uint32_t i = 0; i < n; i++) {
        min = ids[i] < min ? ids[i] : min;
        max = ids[i] > max ? ids[i] : max;
    }
    min = with_null ? 0 : min < max ? min : max; /* nothing at all: 0, 0 */
    *r = (ranks){.min = min, .range = max - min};
    if (r->range <= 2 * (uint64_t)n + 1024) {
        r->count = r->range + 1;
        return;
    }
    size_t words = (size_t)r->range / 64 + 1;
    r->bits = weir_calloc(words, 8);
    r->before = weir_alloc(words * 4);
    if (with_null) {
        r->bits[0] |= 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        weir_bit_set(r->bits, ids[i] - min);
    }
    for (size_t w = 0; w < words; w++) {
        r->before[w] = r->count;
        r->count += (uint32_t)__builtin_popcountll(r->bits[w]);
    }
}

typedef struct sorted_rows { /* rows of local id k: rows[starts[k]..ends[k]) */
    uint32_t *starts, *ends;
    uint16_t *rows;
} sorted_rows;

static bool row_is_null(const uint32_t *offsets, const uint64_t *nulls, uint32_t row)
{
    return offsets[row] == offsets[row + 1] || (nulls && weir_bit(nulls, row));
}

static void add_row(sorted_rows *sorted, uint32_t k, uint32_t row)
{
    uint32_t end = sorted->ends[k];
    if (end > sorted->starts[k] && sorted->rows[end - 1] == row) {
        return; /* the value stands twice in one list */
    }
    sorted->rows[end] = (uint16_t)row;
    sorted->ends[k] = end + 1;
}

/* Places of n ids, and how many rows each has, one place further on: counts[place + 1]. */
WEIR_HOT static void rank_rows(const ranks *r, const uint32_t *ids, uint32_t n, uint32_t *local,
                               uint32_t *counts)
{
    if (r->bits == NULL) {
        for (uint32_t i = 0; i < n; i++) {
            local[i] = ids[i] - r->min;
            counts[local[i] + 1]++;
        }
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        local[i] = rank_of(r, ids[i]);
        counts[local[i] + 1]++;
    }
}

static void sort_rows(const ranks *r, const uint32_t *ids, const uint32_t *offsets,
                      const uint64_t *nulls, uint32_t row_count, sorted_rows *sorted)
{
    uint32_t first = offsets ? offsets[0] : 0, n = offsets ? offsets[row_count] - first : row_count,
             null_rows = 0;
    uint32_t *local = weir_alloc(((size_t)n + 1) * sizeof(*local));
    *sorted = (sorted_rows){.starts = weir_calloc((size_t)r->count + 1, 4),
                            .ends = weir_alloc(((size_t)r->count + 1) * 4)};
    rank_rows(r, ids + first, n, local, sorted->starts);
    for (uint32_t row = 0; offsets && row < row_count; row++) {
        null_rows += row_is_null(offsets, nulls, row);
    }
    if (null_rows) {
        sorted->starts[1] += null_rows; /* id 0 has rank 0 then */
    }
    for (uint32_t k = 0; k < r->count; k++) {
        sorted->starts[k + 1] += sorted->starts[k];
        sorted->ends[k] = sorted->starts[k];
    }
    sorted->rows = weir_alloc(((size_t)n + null_rows + 1) * sizeof(*sorted->rows));
    if (offsets == NULL) {
        for (uint32_t row = 0; row < row_count; row++) {
            sorted->rows[sorted->ends[local[row]]++] = (uint16_t)row;
        }
    } else {
        for (uint32_t row = 0; row < row_count; row++) {
            if (row_is_null(offsets, nulls, row)) {
                add_row(sorted, 0, row);
                continue;
            }
            for (uint32_t i = offsets[row]; i < offsets[row + 1]; i++) {
                add_row(sorted, local[i - first], row);
            }
        }
    }
    free(local);
}

WEIR_HOT static uint32_t count_runs(const uint16_t *rows, uint32_t n)
{
    uint32_t runs = 1;
    for (uint32_t i = 1; i < n; i++) {
        runs += rows[i] != (uint16_t)(rows[i - 1] + 1);
    }
    return runs;
}

static void put_u16(weir_buf *out, uint16_t value)
{
    weir_buf_put(out, &value, sizeof(value));
}

static void pad_to(weir_buf *out, size_t start, size_t align)
{
    while ((out->size - start) % align) {
        weir_buf_byte(out, 0);
    }
}

/* Appends one container; returns its start word. */
static uint32_t put_container(weir_buf *payload, const uint16_t *rows, uint32_t n)
{
    if (n == 1) { /* columns of many values have nearly nothing else */
        uint32_t start = (uint32_t)(payload->size / 2);
        weir_buf_put(payload, rows, sizeof(*rows));
        return start | (uint32_t)WEIR_POSTING_ARRAY << 30;
    }
    uint32_t runs = count_runs(rows, n), plain = n <= WEIR_POSTING_ARRAY_MAX ? n : BITSET_UNITS;
    if (1 + 2 * runs <= plain / 2) {
        uint32_t start = (uint32_t)(payload->size / 2);
        put_u16(payload, (uint16_t)runs);
        for (uint32_t i = 0; i < n;) {
            uint32_t from = i++;
            while (i < n && rows[i] == (uint16_t)(rows[i - 1] + 1)) {
                i++;
            }
            put_u16(payload, rows[from]);
            put_u16(payload, (uint16_t)(i - from - 1));
        }
        return start | (uint32_t)WEIR_POSTING_RUNS << 30;
    }
    if (n <= WEIR_POSTING_ARRAY_MAX) {
        uint32_t start = (uint32_t)(payload->size / 2);
        weir_buf_put(payload, rows, n * sizeof(*rows));
        return start | (uint32_t)WEIR_POSTING_ARRAY << 30;
    }
    uint64_t bits[BITSET_WORDS] = {0};
    for (uint32_t i = 0; i < n; i++) {
        weir_bit_set(bits, rows[i]);
    }
    pad_to(payload, 0, 8);
    uint32_t start = (uint32_t)(payload->size / 2);
    weir_buf_put(payload, bits, sizeof(bits));
    return start | (uint32_t)WEIR_POSTING_BITSET << 30;
}

typedef struct containers {
    uint32_t *ids, *starts;
    uint16_t *counts;
    weir_buf payload;
    uint32_t count;
} containers;

static void add_container(containers *to, const sorted_rows *sorted, uint32_t k, uint32_t id)
{
    uint32_t rows = sorted->ends[k] - sorted->starts[k];
    if (rows > 0) { /* ids that do not occur, or under null rows only, have none */
        to->ids[to->count] = id;
        to->starts[to->count] = put_container(&to->payload, sorted->rows + sorted->starts[k], rows);
        to->counts[to->count++] = (uint16_t)(rows - 1);
    }
}

uint32_t weir_postings_build(const uint32_t *ids, const uint32_t *offsets, const uint64_t *nulls,
                             uint32_t row_count, weir_buf *out)
{
    uint32_t first = offsets ? offsets[0] : 0, n = offsets ? offsets[row_count] - first : row_count;
    bool with_null = false;
    for (uint32_t row = 0; offsets && row < row_count && !with_null; row++) {
        with_null = row_is_null(offsets, nulls, row);
    }
    ranks r;
    sorted_rows sorted;
    make_ranks(&r, ids + first, n, with_null);
    sort_rows(&r, ids, offsets, nulls, row_count, &sorted);
    containers to = {.ids = weir_alloc((size_t)r.count * sizeof(*to.ids)),
                     .starts = weir_alloc((size_t)r.count * sizeof(*to.starts)),
                     .counts = weir_alloc((size_t)r.count * sizeof(*to.counts))};
    weir_buf_reserve(&to.payload, 2 * (size_t)n + 64); /* all rows as arrays */
    if (r.bits == NULL) {
        for (uint32_t k = 0; k < r.count; k++) {
            add_container(&to, &sorted, k, r.min + k);
        }
    }
    for (uint32_t w = 0, k = 0; r.bits && w <= r.range / 64; w++) {
        for (uint64_t word = r.bits[w]; word; word &= word - 1, k++) {
            add_container(&to, &sorted, k, r.min + w * 64 + (uint32_t)__builtin_ctzll(word));
        }
    }
    size_t at = out->size;
    weir_buf_u32(out, to.count);
    weir_buf_u32(out, (uint32_t)(to.payload.size / 2));
    weir_buf_put(out, to.ids, to.count * sizeof(*to.ids));
    weir_buf_put(out, to.starts, to.count * sizeof(*to.starts));
    weir_buf_put(out, to.counts, to.count * sizeof(*to.counts));
    pad_to(out, at, 8);
    weir_buf_str(out, weir_buf_view(&to.payload));
    free(to.ids);
    weir_buf_done(&to.payload);
    free(to.starts);
    free(to.counts);
    free(sorted.starts);
    free(sorted.ends);
    free(sorted.rows);
    free(r.bits);
    free(r.before);
    return to.count;
}

/* ---- reading ---- */

static uint32_t load32(const uint8_t *at, size_t i)
{
    return ((const weir_word32 *)at)[i];
}
static uint16_t load16(const uint8_t *at, size_t i)
{
    uint16_t value;
    memcpy(&value, at + i * 2, sizeof(value));
    return value;
}

bool weir_postings_open(weir_str bytes, uint32_t row_count, weir_postings *out)
{
    const uint8_t *at = (const uint8_t *)bytes.at;
    if (bytes.size < 8 || row_count > WEIR_CHUNK_ROWS) {
        return false;
    }
    size_t id_count = load32(at, 0), payload_size = (size_t)load32(at, 1) * 2;
    size_t payload = (8 + id_count * 10 + 7) & ~(size_t)7;
    if (payload > bytes.size || payload_size > bytes.size - payload) {
        return false;
    }
    *out = (weir_postings){.id_count = (uint32_t)id_count,
                           .row_count = row_count,
                           .ids = at + 8,
                           .starts = at + 8 + id_count * 4,
                           .counts = at + 8 + id_count * 8,
                           .payload = at + payload,
                           .payload_size = payload_size,
                           .size = payload + payload_size};
    return true;
}

uint32_t weir_postings_at(const weir_postings *p, uint32_t i, weir_posting *out)
{
    uint32_t start = load32(p->starts, i);
    const uint8_t *at = p->payload + (size_t)(start & START_MASK) * 2;
    *out = (weir_posting){
        .kind = (uint8_t)(start >> 30), .count = (uint32_t)load16(p->counts, i) + 1, .at = at};
    if (out->kind == WEIR_POSTING_RUNS) {
        out->runs = load16(at, 0);
        out->at = at + 2;
    }
    return load32(p->ids, i);
}

void weir_postings_find(const weir_postings *p, uint32_t id, weir_posting *out)
{
    uint32_t lo = 0, hi = p->id_count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (load32(p->ids, mid) < id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo == p->id_count || load32(p->ids, lo) != id) {
        *out = (weir_posting){.kind = WEIR_POSTING_ARRAY, .at = p->payload};
        return;
    }
    weir_postings_at(p, lo, out);
}

static bool array_is_sound(const uint8_t *at, uint32_t count, uint32_t row_count)
{
    uint32_t wrong = load16(at, count - 1) >= row_count;
    for (uint32_t i = 1; i < count; i++) {
        wrong |= load16(at, i) <= load16(at, i - 1);
    }
    return !wrong;
}

static bool bitset_is_sound(const uint8_t *at, uint32_t count, uint32_t row_count)
{
    const weir_word64 *words = (const weir_word64 *)at;
    uint32_t inside = 0, all = 0;
    for (uint32_t w = 0; w < BITSET_WORDS; w++) {
        uint32_t bits = (uint32_t)__builtin_popcountll(words[w]);
        all += bits;
        inside += w < row_count / 64 ? bits : 0;
    }
    if (row_count % 64) {
        inside += (uint32_t)__builtin_popcountll(words[row_count / 64] &
                                                 ((UINT64_C(1) << (row_count % 64)) - 1));
    }
    return inside == all && all == count;
}

static bool runs_are_sound(const uint8_t *at, uint32_t runs, uint32_t count, uint32_t row_count)
{
    uint32_t rows = 0, next = 0; /* first row that may come */
    for (uint32_t i = 0; i < runs; i++) {
        uint32_t first = load16(at, 2 * (size_t)i), end = first + load16(at, 2 * (size_t)i + 1) + 1;
        if (first < next || end > row_count) {
            return false;
        }
        rows += end - first;
        next = end;
    }
    return rows == count;
}

bool weir_postings_check(const weir_postings *p, uint32_t id_limit)
{
    size_t units = p->payload_size / 2;
    for (uint32_t i = 0, last = 0; i < p->id_count; i++) {
        uint32_t start = load32(p->starts, i), kind = start >> 30, id = load32(p->ids, i);
        size_t at = start & START_MASK, need = BITSET_UNITS;
        uint32_t count = (uint32_t)load16(p->counts, i) + 1;
        if (id >= id_limit || (i > 0 && id <= last) || at >= units) {
            return false;
        }
        const uint8_t *bytes = p->payload + at * 2;
        if (kind == WEIR_POSTING_ARRAY) {
            need = count;
        } else if (kind == WEIR_POSTING_RUNS) {
            need = 1 + 2 * (size_t)load16(bytes, 0);
        } else if (kind != WEIR_POSTING_BITSET) {
            return false;
        }
        if (need > units - at) {
            return false;
        }
        bool ok = kind == WEIR_POSTING_ARRAY ? count <= WEIR_POSTING_ARRAY_MAX &&
                                                   array_is_sound(bytes, count, p->row_count)
                  : kind == WEIR_POSTING_BITSET
                      ? bitset_is_sound(bytes, count, p->row_count)
                      : runs_are_sound(bytes + 2, load16(bytes, 0), count, p->row_count);
        if (!ok) {
            return false;
        }
        last = id;
    }
    return true;
}
