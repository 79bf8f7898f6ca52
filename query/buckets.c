/* query/buckets.c - a query makes one table of bucket starts for the times it can meet; period, zone and daylight saving end there. */
#include "query/buckets.h"
#include <stdlib.h>

enum { TABLE_MAX = 1 << 20 };

static bool fixed_width(const weir_granularity *gran)
{
    return gran->kind == WEIR_GRAN_DURATION ||
           (gran->kind == WEIR_GRAN_PERIOD && gran->duration_ms > 0);
}

bool weir_buckets_init(weir_buckets *buckets, const weir_granularity *gran, int64_t min,
                       int64_t max, weir_budget *budget, weir_error *err)
{
    *buckets = (weir_buckets){.kind = WEIR_BUCKETS_ONE, .gran = *gran, .count = 1};
    if (gran->kind == WEIR_GRAN_ALL) {
        return true;
    }
    buckets->kind = WEIR_BUCKETS_TABLE;
    if (min > max) {
        buckets->count = 0;
        return true;
    }
    size_t count = TABLE_MAX + 1;
    if (gran->kind != WEIR_GRAN_NONE) {
        bool wide = fixed_width(gran) && (max - min) / gran->duration_ms >= TABLE_MAX;
        count = wide ? count : weir_granularity_buckets(gran, min, max + 1, NULL, 0);
    }
    if (count > TABLE_MAX) {
        buckets->kind = WEIR_BUCKETS_RAW;
        buckets->min = weir_granularity_floor(gran, min);
        buckets->max = weir_granularity_floor(gran, max);
        return true;
    }
    if (!weir_area_fresh(&buckets->area, budget, (count + 1) * sizeof(int64_t), err)) {
        return false;
    }
    int64_t *starts = buckets->area.at;
    weir_granularity_buckets(gran, min, max + 1, starts, count);
    starts[count] = weir_granularity_next(gran, starts[count - 1]);
    buckets->count = (uint32_t)count;
    buckets->starts = starts;
    buckets->width_ms = fixed_width(gran) ? gran->duration_ms : 0;
    return true;
}

void weir_buckets_done(weir_buckets *buckets, weir_budget *budget)
{
    weir_area_done(&buckets->area, budget);
}

uint32_t weir_buckets_find(const weir_buckets *buckets, int64_t ms)
{
    uint32_t low = 0, n = buckets->count;
    if (buckets->width_ms) {
        return (uint32_t)((ms - buckets->starts[0]) / buckets->width_ms);
    }
    while (low + 1 < n) { /* the last start <= ms */
        uint32_t middle = low + (n - low) / 2;
        if (buckets->starts[middle] <= ms) {
            low = middle;
        } else {
            n = middle;
        }
    }
    return low;
}

void weir_buckets_code(const weir_buckets *buckets, const int64_t *times, uint32_t n, uint64_t *out,
                       weir_scratch *s)
{
    if (buckets->kind == WEIR_BUCKETS_RAW) {
        int64_t *floors = WEIR_SCRATCH_ARRAY(s, int64_t, n);
        weir_granularity_floor_many(&buckets->gran, times, n, floors, s);
        for (uint32_t i = 0; i < n; i++) {
            out[i] = (uint64_t)floors[i] - (uint64_t)buckets->min;
        }
        return;
    }
    uint32_t last = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (times[i] < buckets->starts[last] || times[i] >= buckets->starts[last + 1]) {
            last = weir_buckets_find(buckets, times[i]);
        }
        out[i] = last;
    }
}

int64_t weir_buckets_start(const weir_buckets *buckets, uint64_t code)
{
    return buckets->kind == WEIR_BUCKETS_RAW ? (int64_t)((uint64_t)buckets->min + code)
                                             : buckets->starts[code];
}

/* Hulls. */

typedef struct hulls {
    weir_arena *arena;
    const weir_granularity *gran;
    weir_hull *at;
    uint32_t count, capacity;
} hulls;

static void add(hulls *h, int64_t bucket, int64_t min, int64_t max)
{
    if (h->count && h->at[h->count - 1].bucket == bucket) {
        weir_hull *last = &h->at[h->count - 1];
        last->min = min < last->min ? min : last->min;
        last->max = max > last->max ? max : last->max;
        return;
    }
    if (h->count == h->capacity) {
        uint32_t capacity = h->capacity ? h->capacity * 2 : 64;
        weir_hull *grown = WEIR_ARENA_ARRAY(h->arena, weir_hull, capacity);
        if (h->count) {
            memcpy(grown, h->at, h->count * sizeof(*grown));
        }
        h->at = grown;
        h->capacity = capacity;
    }
    h->at[h->count++] = (weir_hull){bucket, min, max};
}

static int by_bucket(const void *a, const void *b)
{
    const weir_hull *x = a, *y = b;
    return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

static void sort_and_join(hulls *h)
{
    if (h->count == 0) {
        return;
    }
    qsort(h->at, h->count, sizeof(*h->at), by_bucket);
    uint32_t count = h->count;
    h->count = 1;
    for (uint32_t i = 1; i < count; i++) {
        weir_hull next = h->at[i];
        add(h, next.bucket, next.min, next.max);
    }
}

/* A chunk whose rows lie in several buckets: each row is asked. */
static bool read_times(hulls *h, weir_lane *lane, weir_scan *scan, uint32_t seg, uint32_t chunk,
                       const weir_chunk_info *info)
{
    weir_mark mark = weir_scratch_mark(&lane->scratch);
    weir_block block;
    weir_block_init(&block, scan, lane, seg, chunk, info);
    bool ok = true;
    int64_t bucket = 0, end = INT64_MIN;
    for (uint32_t from = 0; ok && from < info->row_count; from += WEIR_BLOCK_ROWS) {
        uint32_t left = info->row_count - from, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        weir_mark inner = weir_scratch_mark(&lane->scratch);
        weir_vec times, flat;
        weir_block_set(&block, from, n, NULL, n);
        ok = weir_ctl_check(lane->run.ctl, &lane->err) &&
             weir_block_get(&block, scan->time_slot, &times, &lane->err) &&
             weir_vec_flatten(&times, &lane->scratch, &flat, &lane->err);
        for (uint32_t i = 0; ok && i < n; i++) {
            int64_t t = flat.at.l[i];
            if (t < bucket || t >= end) {
                bucket = weir_granularity_floor(h->gran, t);
                end = weir_granularity_next(h->gran, bucket);
            }
            add(h, bucket, t, t);
        }
        weir_scratch_rewind(&lane->scratch, inner);
        if (h->count > 65536) {
            sort_and_join(h);
        }
    }
    weir_scratch_rewind(&lane->scratch, mark);
    return ok;
}

static bool touches(const weir_node_rows *node, int64_t min, int64_t max)
{
    for (uint32_t i = 0; i < node->interval_count; i++) {
        if (min < node->intervals[i].end_ms && max >= node->intervals[i].start_ms) {
            return true;
        }
    }
    return false;
}

bool weir_hulls(const weir_scan *scan, weir_lane *lane, weir_arena *arena, weir_hull **out,
                uint32_t *count, weir_error *err)
{
    (void)err; /* the lane's */
    static const weir_granularity all = {.kind = WEIR_GRAN_ALL};
    hulls h = {.arena = arena, .gran = &all};
    for (uint32_t s = scan->seg_count; s-- > 0;) { /* the newest segment's granularity */
        const weir_rows *rows = scan->segs[s].rows;
        if (rows && rows->schema) {
            h.gran = &rows->schema->segment_granularity;
            break;
        }
    }
    bool whole = h.gran->kind == WEIR_GRAN_ALL || h.gran->kind == WEIR_GRAN_NONE;
    for (uint32_t s = 0; s < scan->seg_count; s++) {
        const weir_rows *rows = scan->segs[s].rows;
        uint32_t chunks = rows ? rows->ops->chunks(rows) : 0;
        for (uint32_t c = 0; c < chunks; c++) {
            weir_chunk_info info;
            rows->ops->chunk(rows, c, &info);
            if (info.row_count == 0) {
                continue;
            }
            int64_t bucket = whole ? INT64_MIN : weir_granularity_floor(h.gran, info.min_time);
            int64_t end = whole ? INT64_MAX : weir_granularity_next(h.gran, bucket);
            if (whole || info.max_time < end) {
                add(&h, bucket, info.min_time, info.max_time);
            } else if (!read_times(&h, lane, (weir_scan *)scan, s, c, &info)) {
                return false;
            }
        }
    }
    sort_and_join(&h);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < h.count; i++) {
        if (touches(scan->node, h.at[i].min, h.at[i].max)) {
            h.at[kept++] = h.at[i];
        }
    }
    *out = h.at;
    *count = kept;
    return true;
}

int64_t weir_all_timestamp(const weir_node_rows *node, const weir_hull *at, uint32_t count)
{
    if (node->interval_count == 0) {
        return 0;
    }
    int64_t best = INT64_MAX;
    for (uint32_t i = 0; i < node->interval_count; i++) {
        const weir_interval *in = &node->intervals[i];
        for (uint32_t k = 0; k < count; k++) {
            if (at[k].min < in->end_ms && at[k].max >= in->start_ms) {
                int64_t when = at[k].min > in->start_ms ? at[k].min : in->start_ms;
                best = when < best ? when : best;
            }
        }
    }
    return best == INT64_MAX ? node->intervals[0].start_ms : best;
}
