/* query/buckets.h - the time buckets of one AGG: where they start, which one a time is in, and Druid's rules for empty ones and for "all". */
#ifndef QUERY_BUCKETS_H
#define QUERY_BUCKETS_H
#include "query/exec.h"
#include "weir/schema.h"

typedef enum weir_buckets_kind { WEIR_BUCKETS_ONE, WEIR_BUCKETS_TABLE, WEIR_BUCKETS_RAW } weir_buckets_kind;
typedef struct weir_buckets {
    uint8_t kind;
    weir_granularity gran;
    uint32_t count;        /* TABLE: buckets; ONE: 1 */
    const int64_t *starts; /* TABLE: count + 1, the last is the end of the last bucket */
    int64_t width_ms;      /* TABLE: of every bucket when they are equal, else 0 */
    int64_t min, max;      /* RAW: the smallest and largest floor there can be */
    weir_area area;
} weir_buckets;
/* Buckets of the times [min, max]; min > max: none. */
bool weir_buckets_init(weir_buckets *buckets, const weir_granularity *gran, int64_t min, int64_t max, weir_budget *budget, weir_error *err);
void weir_buckets_done(weir_buckets *buckets, weir_budget *budget);
/* TABLE: the bucket of a time that lies in the table. */
uint32_t weir_buckets_find(const weir_buckets *buckets, int64_t ms);
/* TABLE: of n times; RAW: offsets of their floors from min. */
void weir_buckets_code(const weir_buckets *buckets, const int64_t *times, uint32_t n, uint64_t *out, weir_scratch *s);
int64_t weir_buckets_start(const weir_buckets *buckets, uint64_t code); /* ms; not for ONE */

/* Per segmentGranularity bucket of the table the [min, max] of its rows' times, live and frozen together; ascending. */
typedef struct weir_hull {
    int64_t bucket, min, max;
} weir_hull;
bool weir_hulls(const weir_scan *scan, weir_lane *lane, weir_arena *arena, weir_hull **out, uint32_t *count, weir_error *err);
/* Timestamp of "all": for timeseries and topN max(interval start, smallest minimum of a hull that touches the intervals), else the start. */
int64_t weir_all_timestamp(const weir_node_rows *node, const weir_hull *at, uint32_t count);
#endif
