/* query/run.h - running a plan over views: slices over the pool, merge, and a stream of result batches.
 * The engine (engine.c) owns admission, deadline, budget and cancel; a front end owns the plan and the writer. */
#ifndef QUERY_RUN_H
#define QUERY_RUN_H
#include "query/memo.h"
#include "query/plan.h"

typedef struct weir_sched weir_sched; /* the work-sharing pool: `worker_count` threads, least-served query first */
weir_sched *weir_sched_new(uint32_t worker_count, const weir_clock *clock);
void weir_sched_free(weir_sched *sched);
uint32_t weir_sched_workers(const weir_sched *sched);

/* Takes result batches in order, on some worker, never two at a time. */
typedef struct weir_sink {
    void *self;
    /* Columns are the root's outputs. False ends the query with err. */
    bool (*batch)(void *self, const weir_batch *batch, weir_error *err);
    /* More room for output? False: the run waits until weir_run_resume. Asked between batches. NULL: always. */
    bool (*ready)(void *self);
    /* Once, last: ok, or why not. The run is gone when it returns; its ctl, plan and views may be freed in it. */
    void (*end)(void *self, const weir_error *err);
} weir_sink;

typedef struct weir_run_options { /* forced strategies are for tests */
    int32_t priority;         /* Druid's: larger first; 0 */
    weir_memo *memo;         /* of partial results of frozen segments; NULL: none. Outlives the run */
    bool use_cache, populate_cache;
    size_t dictionary_bytes;  /* of the strings that a groupBy interns; 0: as much as the query's budget has */
    bool force_bytes;         /* every merge goes through the byte form (save, load) */
    bool force_hash;          /* no dense grouping */
    bool force_scan;          /* no postings */
    bool force_lanes;         /* as many workers as there are slices, however little work there is */
    bool force_keep;          /* every partial goes into the memo, however small */
    uint32_t block_rows;      /* 0: 4,096; a multiple of 64 */
} weir_run_options;

typedef struct weir_query_run weir_query_run;
/* Views: one per table name that any ROWS node uses, found by view->table; borrowed until sink.end. `ctl` too. Returns at once. */
weir_query_run *weir_run_start(weir_sched *sched, const weir_plan *plan, weir_view *const *views, uint32_t view_count,
                               weir_ctl *ctl, const weir_run_options *options, weir_sink sink);
void weir_run_resume(weir_query_run *run); /* the sink has room again; any thread, only before the sink's end returns */

/* Types of the root's outputs and of each ROWS column over these views (writers and rowSignature need them before the first batch). */
bool weir_run_types(const weir_plan *plan, weir_view *const *views, uint32_t view_count, weir_arena *arena, weir_type *out, weir_error *err);
/* What is waiting and running, for /metrics. */
typedef struct weir_sched_stats { uint32_t running, waiting; uint64_t steps, busy_us; } weir_sched_stats;
void weir_sched_stats_get(weir_sched *sched, weir_sched_stats *out);
#endif
