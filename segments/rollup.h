/* segments/rollup.h - merging the metrics of rows with equal time and dimensions, by the metrics'
 * combining aggregators: when a chunk is sealed, and completely when segments freeze. Rows stay in
 * row form, so that they can be merged again. */
#ifndef SEGMENTS_ROLLUP_H
#define SEGMENTS_ROLLUP_H
#include "weir/schema.h"

/* The combining aggregators of a schema's metrics, bound to their stored types. Lives in `arena`,
 * read-only, any thread. */
typedef struct weir_rollup weir_rollup;
weir_rollup *weir_rollup_new(const weir_schema *schema, weir_arena *arena);

/* Merges one metric, found by its name. False from begin: the metric keeps the value of each
 * group's first row (a string metric: any of them will do). */
typedef struct weir_rollup_run {
    const weir_agg_bound *bound;
    weir_heap *heap;
    uint8_t *states;
    size_t states_bytes;
    uint32_t group_count;
    weir_budget *budget;
} weir_rollup_run;
bool weir_rollup_begin(const weir_rollup *rollup, weir_str metric, uint32_t group_count,
                       weir_budget *budget, weir_rollup_run *out);
/* n <= 4,096 rows: values and times (LONG) of the rows, the group of each. */
void weir_rollup_add(weir_rollup_run *run, const uint32_t *groups, const weir_vec *values,
                     const weir_vec *times, weir_scratch *s);
/* Groups [from, from + n), n <= 4,096, as a FLAT vector of the stored type. */
bool weir_rollup_finish(weir_rollup_run *run, uint32_t from, uint32_t n, weir_scratch *s,
                        weir_vec *out, weir_error *err);
void weir_rollup_end(weir_rollup_run *run);
#endif
