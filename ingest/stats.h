/* ingest/stats.h - what a supervisor counted: totals and moving averages in Druid's words, and how fresh rows were. */
#ifndef INGEST_STATS_H
#define INGEST_STATS_H
#include "ingest/rejects.h"
#include "weir/buf.h"
#include <stdatomic.h>

typedef enum weir_meter { WEIR_METER_PROCESSED, WEIR_METER_BYTES, WEIR_METER_WITH_ERROR, WEIR_METER_THROWN_AWAY, WEIR_METER_UNPARSEABLE, WEIR_METERS } weir_meter;
#define WEIR_FRESH_BOUNDS 14u
extern const double weir_fresh_bounds_s[WEIR_FRESH_BOUNDS];
typedef struct weir_histogram {
    _Atomic uint64_t le[WEIR_FRESH_BOUNDS + 1]; /* not cumulative; the last is beyond all bounds */
    _Atomic uint64_t sum_us;
} weir_histogram;
/* Written by one ingest thread, read by any. */
typedef struct weir_stats {
    _Atomic uint64_t totals[WEIR_METERS];
    _Atomic uint64_t rejects[WEIR_REJECT_COUNT];
    _Atomic double rates[WEIR_METERS][3]; /* per second over 1, 5, 15 minutes */
    uint64_t before[WEIR_METERS];         /* totals at the last tick */
    int64_t ticked_us;                    /* 0: not yet */
    weir_histogram append_to_visible, event_to_visible;
    _Atomic uint64_t handoffs, handoff_failures, restarts;
} weir_stats;

static inline void weir_stats_add(weir_stats *stats, weir_meter meter, uint64_t n)
{
    atomic_fetch_add_explicit(&stats->totals[meter], n, memory_order_relaxed);
}
void weir_stats_reject(weir_stats *stats, weir_reject reason);
void weir_stats_tick(weir_stats *stats, int64_t now_us); /* often; works every 5 s of the clock */
void weir_histogram_add(weir_histogram *histogram, int64_t us, uint64_t count);
/* {"5m":{"processed":...}, "15m":..., "1m":...} and {"processed":...}. */
void weir_stats_print_averages(const weir_stats *stats, weir_json *out);
void weir_stats_print_totals(const weir_stats *stats, weir_json *out);
#endif
