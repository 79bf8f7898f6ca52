/* include/weir/drop.h - rows leave by time: one commit of segments that go and of time that is hidden (docs/PROTOCOL.md, section 7, "Drop of I").
 * What is dropped cannot be undone: its objects are collected once the grace is over. Any thread. */
#ifndef WEIR_DROP_H
#define WEIR_DROP_H
#include "compute/calendar.h"
#include "weir/catalog.h"

typedef struct weir_drop {
    /* What of the segment's time must go: ascending, disjoint, in `arena`; it may reach beyond the segment. Returns how many. */
    uint32_t (*gone)(void *self, const weir_segment_state *segment, weir_arena *arena, weir_interval **out);
    void *self;
} weir_drop;
/* Into `commit`: what goes of every segment of the state, removed or hidden. How many segments. */
uint64_t weir_drop_add(const weir_drop *drop, const weir_log_state *state, weir_commit *commit);
/* Folds the log to its end, then commits; what another process changed meanwhile is looked at anew. *changed: segments that lost rows or went whole. Rows
 * committed after that, and live rows, stay. False: nothing was dropped, or (the store did not answer) nobody knows. `give_up`: as weir_table_commit's. */
bool weir_table_drop(weir_table *table, const weir_clock *clock, const weir_drop *drop, bool (*give_up)(void *self), void *self, uint64_t *changed,
                     weir_error *err);
/* Time buckets in which the table's newest rows are kept (its segmentGranularity); NONE: no rows, or rows without buckets. */
bool weir_table_buckets(weir_table *table, weir_granularity *out, weir_error *err);
/* The part of `interval` that is whole buckets; start >= end: none. */
weir_interval weir_whole_buckets(const weir_granularity *buckets, weir_interval interval);
#endif
