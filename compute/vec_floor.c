/* compute/vec_floor.c - bucket starts of a block of times. One bucket is a constant; buckets of one
 * width are a multiplication (which holds between changes of the clock too); the rest is a table of
 * starts, walked by runs when the times ascend. */
#include "compute/calendar.h"
#include "compute/civil.h"
#include "weir/hot.h"

WEIR_HOT static bool scan_range(const int64_t *ms, uint32_t n, int64_t *min, int64_t *max)
{
    int64_t low = ms[0], high = ms[0];
    uint64_t descents = 0;
    for (uint32_t i = 1; i < n; i++) {
        low = ms[i] < low ? ms[i] : low;
        high = ms[i] > high ? ms[i] : high;
        descents += ms[i] < ms[i - 1];
    }
    *min = low;
    *max = high;
    return descents == 0;
}

/* q = offset / width, both without their common factor of two, as a multiplication: the round-up
 * method, exact for 31 bits. */
WEIR_HOT static void floor_small(const int64_t *ms, uint32_t n, int64_t base, uint64_t width,
                                 uint32_t shift, int64_t *out)
{
    uint32_t odd = (uint32_t)(width >> shift);
    uint32_t bits = odd == 1 ? 0 : 32 - (uint32_t)__builtin_clz(odd - 1);
    uint64_t magic = ((1ull << (31 + bits)) + odd - 1) / odd;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t offset = (uint32_t)((uint64_t)(ms[i] - base) >> shift);
        uint64_t quotient = offset * (uint32_t)magic >> (31 + bits);
        out[i] = base + (int64_t)(quotient * (uint32_t)odd << shift);
    }
}

/* Buckets of one width from `base` <= all times. */
static void floor_fixed(const int64_t *ms, uint32_t n, int64_t base, int64_t max, int64_t width,
                        int64_t *out)
{
    uint32_t shift = (uint32_t)__builtin_ctzll((uint64_t)width);
    uint64_t range = (uint64_t)max - (uint64_t)base;
    if (range >> shift < 1u << 31 && width >> shift < 1ll << 31) {
        floor_small(ms, n, base, (uint64_t)width, shift, out);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = ms[i] - (int64_t)(((uint64_t)ms[i] - (uint64_t)base) % (uint64_t)width);
    }
}

/* Width of all buckets from `first` to `max`, where it is one: without months, while the clock is
 * not changed. Else 0. */
static int64_t common_width(const weir_granularity *g, int64_t first, int64_t max)
{
    if (g->duration_ms > 0) {
        return g->duration_ms;
    }
    const weir_period *p = &g->period;
    if (g->kind != WEIR_GRAN_PERIOD || p->years | p->months ||
        weir_zone_next_change(g->zone, first) <= max) {
        return 0;
    }
    int64_t width = (p->weeks * 7ll + p->days) * WEIR_DAY_MS + p->hours * WEIR_HOUR_MS +
                    p->minutes * 60000ll + p->seconds * 1000ll + p->millis;
    return weir_granularity_next(g, first) - first == width ? width : 0;
}

/* Ascending times against ascending starts: bucket by bucket, each run's end by galloping. */
static void floor_runs(const int64_t *ms, uint32_t n, const int64_t *starts, size_t count,
                       int64_t *out)
{
    size_t bucket = 0;
    for (uint32_t from = 0; from < n;) {
        while (bucket + 1 < count && starts[bucket + 1] <= ms[from]) {
            bucket++;
        }
        uint32_t end = n;
        if (bucket + 1 < count) {
            int64_t limit = starts[bucket + 1];
            uint32_t step = 1, low = from; /* ms[low] < limit */
            while (low + step < n && ms[low + step] < limit) {
                low += step;
                step *= 2;
            }
            end = low + step < n ? low + step : n;
            while (end - low > 1) {
                uint32_t middle = low + (end - low) / 2;
                if (ms[middle] < limit) {
                    low = middle;
                } else {
                    end = middle;
                }
            }
        }
        for (; from < end; from++) {
            out[from] = starts[bucket];
        }
    }
}

/* Times in any order: cells of a power of two say where to begin, then it is a step or two. */
static void floor_scattered(const int64_t *ms, uint32_t n, const int64_t *starts, size_t count,
                            int64_t max, int64_t *out)
{
    enum { CELLS = 512 };
    uint16_t cells[CELLS];
    uint64_t range = (uint64_t)max - (uint64_t)starts[0];
    uint32_t shift = 0;
    while (range >> shift >= CELLS) {
        shift++;
    }
    size_t bucket = 0;
    for (uint64_t cell = 0; cell <= range >> shift; cell++) {
        while (bucket + 1 < count &&
               (uint64_t)starts[bucket + 1] - (uint64_t)starts[0] <= cell << shift) {
            bucket++;
        }
        cells[cell] = (uint16_t)bucket;
    }
    for (uint32_t i = 0; i < n; i++) {
        bucket = cells[((uint64_t)ms[i] - (uint64_t)starts[0]) >> shift];
        while (bucket + 1 < count && starts[bucket + 1] <= ms[i]) {
            bucket++;
        }
        out[i] = starts[bucket];
    }
}

void weir_granularity_floor_many(const weir_granularity *g, const int64_t *ms, uint32_t n,
                                 int64_t *out, weir_scratch *s)
{
    enum { MOST = 4096 };
    if (n == 0) {
        return;
    }
    if (g->kind == WEIR_GRAN_NONE) {
        memmove(out, ms, sizeof(*ms) * n);
        return;
    }
    int64_t min, max;
    bool sorted = scan_range(ms, n, &min, &max);
    int64_t first = weir_granularity_floor(g, min), second = weir_granularity_next(g, first);
    if (max < second) {
        for (uint32_t i = 0; i < n; i++) {
            out[i] = first;
        }
        return;
    }
    int64_t width = common_width(g, first, max);
    if (width > 0) {
        floor_fixed(ms, n, first, max, width, out);
        return;
    }
    if (((uint64_t)max - (uint64_t)first) / ((uint64_t)second - (uint64_t)first) >
        2 * MOST) { /* more buckets than rows */
        for (uint32_t i = 0; i < n; i++) {
            out[i] = weir_granularity_floor(g, ms[i]);
        }
        return;
    }
    weir_mark mark = weir_scratch_mark(s);
    int64_t *starts = WEIR_SCRATCH_ARRAY(s, int64_t, MOST);
    size_t count = 0;
    for (int64_t start = first; start <= max && count < MOST;
         start = weir_granularity_next(g, start)) {
        starts[count++] = start;
    }
    bool whole = count < MOST || weir_granularity_next(g, starts[MOST - 1]) > max;
    if (whole && sorted) {
        floor_runs(ms, n, starts, count, out);
    } else if (whole) {
        floor_scattered(ms, n, starts, count, max, out);
    } else {
        for (uint32_t i = 0; i < n; i++) {
            out[i] = weir_granularity_floor(g, ms[i]);
        }
    }
    weir_scratch_rewind(s, mark);
}
