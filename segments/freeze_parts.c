/* segments/freeze_parts.c - dealing a live segment's unmasked rows to the segments that will be
 * written: one per time bucket, or the buckets with the most rows and one stray part for all others
 * (a late event costs no object of its own). A bucket with too many rows is cut by time, so that
 * rows that roll up together stay together. A part is the list of its rows, four bytes each. */
#include <assert.h>
#include <stdlib.h>
#include "segments/freeze.h"
#include "weir/hash.h"

#define NO_BUCKET UINT32_MAX

typedef struct bucket {
    int64_t start;
    uint64_t events;
    uint32_t rows, part;
} bucket;

typedef struct dealing {
    weir_realtime *rt;
    const weir_mask *masked;
    weir_arena *arena;
    weir_scratch s;    /* of a step */
    weir_scratch keep; /* until the parts are made */
    bucket *buckets;
    uint32_t bucket_count, bucket_capacity;
    uint32_t *slots; /* bucket + 1 by hash of its start; twice as many as buckets at least */
    uint32_t slot_mask;
    uint32_t **bucket_of; /* per chunk, per row; NO_BUCKET: masked */
} dealing;

/* --- buckets --- */

static void more_buckets(dealing *d)
{
    uint32_t capacity = d->bucket_capacity ? 2 * d->bucket_capacity : 64;
    bucket *buckets = WEIR_SCRATCH_ARRAY(&d->keep, bucket, capacity);
    if (d->bucket_count) {
        memcpy(buckets, d->buckets, sizeof(*buckets) * d->bucket_count);
    }
    d->buckets = buckets;
    d->bucket_capacity = capacity;
    d->slot_mask = 4 * capacity - 1;
    d->slots = WEIR_SCRATCH_ARRAY(&d->keep, uint32_t, d->slot_mask + 1);
    memset(d->slots, 0, sizeof(*d->slots) * (d->slot_mask + 1));
    for (uint32_t i = 0; i < d->bucket_count; i++) {
        uint32_t at = (uint32_t)weir_hash_u64((uint64_t)buckets[i].start) & d->slot_mask;
        while (d->slots[at]) {
            at = (at + 1) & d->slot_mask;
        }
        d->slots[at] = i + 1;
    }
}

static uint32_t bucket_of(dealing *d, int64_t start)
{
    if (d->bucket_count == d->bucket_capacity) {
        more_buckets(d);
    }
    uint32_t at = (uint32_t)weir_hash_u64((uint64_t)start) & d->slot_mask;
    while (d->slots[at] && d->buckets[d->slots[at] - 1].start != start) {
        at = (at + 1) & d->slot_mask;
    }
    if (!d->slots[at]) {
        d->buckets[d->bucket_count] = (bucket){.start = start};
        d->slots[at] = ++d->bucket_count;
    }
    return d->slots[at] - 1;
}

static bool is_masked_block(const dealing *d, const weir_live_sealed *chunk)
{
    uint64_t any = 0;
    for (uint32_t i = 0; d->masked && i < WEIR_REALTIME_SOURCES / 64; i++) {
        any |= d->masked->bits[i] & chunk->source_bits[i];
    }
    return any != 0;
}

/* Buckets of a block of a chunk's rows. */
static void deal_block(dealing *d, const weir_live_sealed *chunk, uint32_t from, uint32_t n,
                       uint32_t *out)
{
    uint32_t sources[WEIR_BLOCK_ROWS];
    weir_part_block *block = WEIR_SCRATCH_ARRAY(&d->s, weir_part_block, 1);
    block->chunk = chunk;
    block->from = from;
    block->n = n;
    block->rows = NULL;
    const int64_t *times = weir_part_longs(&chunk->times, block, &d->s);
    const int64_t *counts =
        chunk->has_counts ? weir_part_longs(&chunk->counts, block, &d->s) : NULL;
    int64_t *starts = WEIR_SCRATCH_ARRAY(&d->s, int64_t, n);
    const weir_granularity *gran = &d->rt->schema->segment_granularity;
    bool masks = is_masked_block(d, chunk);
    if (masks) {
        weir_encoded_ids(&chunk->sources, from, n, sources);
    }
    if (gran->kind == WEIR_GRAN_ALL) {
        memset(starts, 0, sizeof(*starts) * n);
    } else {
        weir_granularity_floor_many(gran, times, n, starts, &d->s);
    }
    uint32_t last = NO_BUCKET;
    for (uint32_t i = 0; i < n; i++) {
        if (masks && weir_bit(d->masked->bits, sources[i])) {
            out[i] = NO_BUCKET;
            continue;
        }
        if (last == NO_BUCKET || d->buckets[last].start != starts[i]) {
            last = bucket_of(d, starts[i]);
        }
        out[i] = last;
        d->buckets[last].rows++;
        d->buckets[last].events += counts ? (uint64_t)counts[i] : 1;
    }
}

static void deal_rows(dealing *d)
{
    d->bucket_of = WEIR_SCRATCH_ARRAY(&d->keep, uint32_t *, d->rt->chunk_count + 1);
    more_buckets(d);
    for (uint32_t c = 0; c < d->rt->chunk_count; c++) {
        const weir_live_sealed *chunk = d->rt->chunks[c]->sealed;
        uint32_t *out = WEIR_SCRATCH_ARRAY(&d->keep, uint32_t, chunk->row_count);
        for (uint32_t from = 0; from < chunk->row_count; from += WEIR_BLOCK_ROWS) {
            uint32_t n = chunk->row_count - from < WEIR_BLOCK_ROWS ? chunk->row_count - from
                                                                   : WEIR_BLOCK_ROWS;
            weir_mark mark = weir_scratch_mark(&d->s);
            deal_block(d, chunk, from, n, out + from);
            weir_scratch_rewind(&d->s, mark);
        }
        d->bucket_of[c] = out;
    }
}

/* --- parts --- */

typedef struct fill { /* a part being filled */
    uint32_t *rows, count;
    int64_t min, max;
} fill;

static int compare_by_rows(const void *a, const void *b)
{
    const bucket *const *x = a, *const *y = b;
    if ((*x)->rows != (*y)->rows) {
        return (*x)->rows > (*y)->rows ? -1 : 1;
    }
    return (*x)->start < (*y)->start ? -1 : 1;
}

static int compare_by_start(const void *a, const void *b)
{
    const bucket *const *x = a, *const *y = b;
    return (*x)->start < (*y)->start ? -1 : (*x)->start > (*y)->start;
}

static weir_interval bucket_interval(const weir_granularity *gran, int64_t start)
{
    if (gran->kind == WEIR_GRAN_ALL) {
        return weir_interval_eternity;
    }
    return (weir_interval){
        start, gran->kind == WEIR_GRAN_NONE ? start + 1 : weir_granularity_next(gran, start)};
}

/* Which bucket goes to which part; the stray one is last. */
static uint32_t assign_parts(dealing *d, uint32_t bucket_limit, weir_freeze_part *parts)
{
    bucket **order = WEIR_SCRATCH_ARRAY(&d->s, bucket *, d->bucket_count + 1);
    uint32_t kept = bucket_limit == 0 || d->bucket_count <= bucket_limit + 1 ? d->bucket_count
                                                                             : bucket_limit,
             count = kept;
    for (uint32_t i = 0; i < d->bucket_count; i++) {
        order[i] = &d->buckets[i];
    }
    if (kept < d->bucket_count) {
        qsort(order, d->bucket_count, sizeof(bucket *), compare_by_rows);
    }
    qsort(order, kept, sizeof(bucket *), compare_by_start);
    for (uint32_t i = 0; i < kept; i++) {
        order[i]->part = i;
        parts[i].bucket = bucket_interval(&d->rt->schema->segment_granularity, order[i]->start);
        parts[i].rows_before = order[i]->rows;
        parts[i].events = order[i]->events;
    }
    if (kept < d->bucket_count) {
        parts[kept].stray = true;
        count++;
    }
    for (uint32_t i = kept; i < d->bucket_count; i++) {
        order[i]->part = kept;
        parts[kept].rows_before += order[i]->rows;
        parts[kept].events += order[i]->events;
    }
    return count;
}

static void fill_parts(dealing *d, weir_freeze_part *parts, uint32_t count)
{
    weir_part_rows *rows = WEIR_ARENA_ARRAY(d->arena, weir_part_rows, count);
    uint32_t **next = WEIR_SCRATCH_ARRAY(&d->s, uint32_t *, count);
    for (uint32_t p = 0; p < count; p++) {
        next[p] = WEIR_ARENA_ARRAY(d->arena, uint32_t, parts[p].rows_before);
        rows[p] = (weir_part_rows){parts[p].rows_before, next[p]};
        parts[p].rows = &rows[p];
    }
    for (uint32_t c = 0; c < d->rt->chunk_count; c++) {
        const uint32_t *buckets = d->bucket_of[c];
        for (uint32_t row = 0; row < d->rt->chunks[c]->sealed->row_count; row++) {
            if (buckets[row] != NO_BUCKET) {
                *next[d->buckets[buckets[row]].part]++ = c << 16 | row;
            }
        }
    }
}

static int64_t *times_of(const weir_realtime *rt, const weir_part_rows *part, weir_scratch *s)
{
    int64_t *times = WEIR_SCRATCH_ARRAY(s, int64_t, part->count);
    weir_part_block *block = WEIR_SCRATCH_ARRAY(s, weir_part_block, 1);
    memset(block, 0, sizeof(*block));
    while (weir_part_next(rt, part, block)) {
        weir_mark mark = weir_scratch_mark(s);
        memcpy(times + block->first, weir_part_longs(&block->chunk->times, block, s),
               sizeof(*times) * block->n);
        weir_scratch_rewind(s, mark);
    }
    return times;
}

static void set_hull(dealing *d, weir_freeze_part *part)
{
    weir_mark mark = weir_scratch_mark(&d->s);
    const weir_part_rows *rows = part->rows;
    const int64_t *times = times_of(d->rt, rows, &d->s);
    int64_t min = times[0], max = times[0];
    for (uint32_t i = 1; i < rows->count; i++) {
        min = times[i] < min ? times[i] : min;
        max = times[i] > max ? times[i] : max;
    }
    part->interval = (weir_interval){min, max + 1};
    part->bucket = part->stray ? part->interval : part->bucket;
    weir_scratch_rewind(&d->s, mark);
}

/* --- parts that are too large --- */

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t events_of(dealing *d, const weir_part_rows *rows)
{
    weir_mark mark = weir_scratch_mark(&d->s);
    weir_part_block *block = WEIR_SCRATCH_ARRAY(&d->s, weir_part_block, 1);
    uint64_t events = 0;
    memset(block, 0, sizeof(*block));
    while (weir_part_next(d->rt, rows, block)) {
        const int64_t *counts =
            block->chunk->has_counts ? weir_part_longs(&block->chunk->counts, block, &d->s) : NULL;
        for (uint32_t i = 0; i < block->n; i++) {
            events += counts ? (uint64_t)counts[i] : 1;
        }
    }
    weir_scratch_rewind(&d->s, mark);
    return events;
}

/* Rows in order of time, cut into equal pieces; a cut moves on to where the time changes if the
 * piece still fits. */
static uint32_t cut_part(dealing *d, const weir_freeze_part *whole, uint32_t max_rows,
                         weir_freeze_part *out)
{
    const weir_part_rows *rows = whole->rows;
    weir_mark mark = weir_scratch_mark(&d->s);
    const int64_t *times = times_of(d->rt, rows, &d->s);
    weir_keyed *at = WEIR_SCRATCH_ARRAY(&d->s, weir_keyed, rows->count),
               *spare = WEIR_SCRATCH_ARRAY(&d->s, weir_keyed, rows->count);
    uint32_t pieces = (rows->count + max_rows - 1) / max_rows,
             each = (rows->count + pieces - 1) / pieces, count = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        at[i] = (weir_keyed){weir_long_key(times[i]), i};
    }
    weir_sort_keyed(at, rows->count, spare);
    for (uint32_t from = 0, end; from < rows->count; from = end) {
        end = rows->count - from <= max_rows && rows->count - from <= each ? rows->count
                                                                           : from + each;
        end = end < rows->count ? end : rows->count;
        uint32_t cut = end;
        while (cut < rows->count && cut - from < max_rows && at[cut].key == at[cut - 1].key) {
            cut++;
        }
        end = cut == rows->count || at[cut].key != at[cut - 1].key ? cut : end;
        uint32_t *own = WEIR_ARENA_ARRAY(d->arena, uint32_t, end - from);
        for (uint32_t i = from; i < end; i++) {
            own[i - from] = rows->rows[at[i].index];
        }
        qsort(own, end - from, sizeof(*own), compare_u32);
        weir_part_rows *piece = WEIR_ARENA_NEW(d->arena, weir_part_rows);
        *piece = (weir_part_rows){end - from, own};
        weir_freeze_part *part = &out[count++];
        *part = *whole;
        part->rows = piece;
        part->rows_before = end - from;
        part->events = events_of(d, piece);
        set_hull(d, part);
    }
    weir_scratch_rewind(&d->s, mark);
    return count;
}

static uint32_t cut_parts(dealing *d, weir_freeze_part **parts, uint32_t count, uint32_t max_rows)
{
    uint32_t most = 0, cut = 0;
    for (uint32_t p = 0; p < count; p++) {
        /* a piece is at least half as large as all pieces' mean, unless times are equal: twice as
         * many is ample */
        most +=
            (*parts)[p].rows_before > max_rows ? 2 * ((*parts)[p].rows_before / max_rows + 1) : 1;
    }
    weir_freeze_part *out = WEIR_ARENA_ARRAY(d->arena, weir_freeze_part, most + 1);
    for (uint32_t p = 0; p < count; p++) {
        if ((*parts)[p].rows_before > max_rows) {
            cut += cut_part(d, &(*parts)[p], max_rows, out + cut);
        } else {
            out[cut++] = (*parts)[p];
        }
        assert(cut <= most);
    }
    *parts = out;
    return cut;
}

bool weir_realtime_parts(weir_realtime *rt, const weir_mask *masked, uint32_t bucket_limit,
                         uint32_t max_rows, weir_arena *arena, weir_freeze_part **out,
                         uint32_t *count, weir_error *err)
{
    dealing d = {.rt = rt,
                 .masked = masked,
                 .arena = arena,
                 .s = {.budget = &rt->budget},
                 .keep = {.budget = &rt->budget}};
    assert(rt->ended);
    if (rt->chunk_count > 65536) {
        return weir_fail(err, WEIR_ERR_RESOURCE,
                         "a live segment of %u chunks is too large to freeze", rt->chunk_count);
    }
    deal_rows(&d);
    weir_freeze_part *parts = WEIR_ARENA_ARRAY(arena, weir_freeze_part, d.bucket_count + 1);
    *count = assign_parts(&d, bucket_limit, parts);
    fill_parts(&d, parts, *count);
    for (uint32_t p = 0; p < *count; p++) {
        set_hull(&d, &parts[p]);
    }
    *count = cut_parts(&d, &parts, *count, max_rows ? max_rows : UINT32_MAX);
    *out = parts;
    weir_scratch_done(&d.s);
    weir_scratch_done(&d.keep);
    return true;
}
