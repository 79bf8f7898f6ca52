/* segments/compact.h - the rows of several frozen segments, without those that are hidden, as one
 * ended live segment: what freezes it deals them to time buckets, orders them, rolls them up
 * completely and writes each column once, whatever they came from. One thread. */
#ifndef SEGMENTS_COMPACT_H
#define SEGMENTS_COMPACT_H
#include "weir/realtime.h"
#include "weir/rows.h"

/* Which segments may be merged: those of one class. Two are of different classes when a column of
 * both has another type (a long that became a string, a metric with another aggregator): to cast it
 * would change answers. A column that one of them lacks is null there; auto columns widen as they
 * do while they are live. classes[i] is the class of rows[i], numbered by first sight. */
uint32_t weir_merge_classes(weir_rows *const *rows, uint32_t count, uint32_t *classes);

typedef struct weir_merge_options {
    weir_rows *const *rows; /* of one class, the newest first: its order of columns and its
                               granularities hold. Borrowed until the merge is freed */
    uint32_t count;
    const weir_granularity *segment_granularity; /* NULL: of the newest */
    const weir_granularity *query_granularity;   /* NULL: that of all; none where they differ */
    int rollup;                                  /* -1: where all of them do */
    weir_budget *budget;
    size_t memory_bytes; /* of the rows and of freezing them; beyond it the merge ends early */
} weir_merge_options;
typedef struct weir_merge weir_merge;
typedef enum weir_merge_step {
    WEIR_MERGE_MORE,
    WEIR_MERGE_WAIT, /* bytes are on their way */
    WEIR_MERGE_DONE,
    WEIR_MERGE_FULL, /* it takes too much memory: fewer inputs */
    WEIR_MERGE_FAILED,
} weir_merge_step;
weir_merge *weir_merge_new(const weir_merge_options *options, weir_error *err);
/* Up to a chunk of 65,536 rows. */
weir_merge_step weir_merge_next(weir_merge *merge, weir_error *err);
/* When done: rows for weir_realtime_parts and weir_realtime_freeze, ended; borrowed. No rows: all
 * were hidden. */
weir_realtime *weir_merge_rows(weir_merge *merge);
uint64_t weir_merge_rows_read(const weir_merge *merge); /* that were visible */
void weir_merge_free(weir_merge *merge);

/* Whether merging it alone would change neither granularity nor roll-up; NULL and -1: as it is. */
bool weir_merge_is_like(const weir_rows *rows, const weir_granularity *segment_granularity,
                        const weir_granularity *query_granularity, int rollup);
/* compact_schema.c: what all of them have together; a reference. Fails for what a schema cannot
 * say. */
weir_schema *weir_merge_schema(const weir_merge_options *options, weir_error *err);
#endif
