/* ingest/worker.h - one ingest thread of a supervisor: consume, decode, append, seal; and everything its consumer asks for. It is cut into
 * steps: a thread loops over them, or a simulation does. What may block on the store is a job beside it (ingest/job.h), but calls to the
 * consumer are all made here. docs/PROTOCOL.md, section 6. */
#ifndef INGEST_WORKER_H
#define INGEST_WORKER_H
#include "ingest/job.h"
#include "ingest/rejects.h"
#include "ingest/source.h"
#include "ingest/spec.h"
#include "ingest/stats.h"
#include "weir/catalog.h"

typedef struct weir_worker_options {
    weir_catalog *catalog;      /* borrowed, as all below */
    weir_table *table;
    const weir_clock *clock;
    weir_budget *budget;        /* of ingestion, shared by all; must outlive the catalog */
    weir_budget *waiting;       /* a child of it: records that wait at consumers; NULL: not counted */
    const char *work_path;
    weir_str node;              /* group.instance.id */
    uint64_t holder;            /* of the generations; unique in the process */
    weir_jobs jobs;
    weir_source_open open;
    void *open_self;
    weir_stats *stats;
    weir_rejects *rejects;
} weir_worker_options;
typedef struct weir_worker weir_worker;
/* Takes a reference to the spec. No I/O: the first step opens the source. Errors: a metric that cannot be read. */
weir_worker *weir_worker_new(const weir_worker_options *options, weir_spec *spec, weir_error *err);
/* One thing, waiting for events at most wait_ms. False: stopped, and nothing is under way any more. */
bool weir_worker_step(weir_worker *worker, int wait_ms);
void weir_worker_free(weir_worker *worker); /* stopped, or cancelled */

/* Requests, from any thread; they are seen by the next step. */
void weir_worker_stop(weir_worker *worker);   /* seal, hand off, leave the group, then stop */
void weir_worker_cancel(weir_worker *worker); /* of a stop: give up what is unknown */
uint64_t weir_worker_flush(weir_worker *worker); /* seal and hand off now; returns a ticket */
bool weir_worker_flushed(weir_worker *worker, uint64_t ticket);
/* Partitions go on at the offsets given; none given: all that the log knows, at the begin (useEarliestOffset) or the end of the topic. Copies; a later
 * order takes the place of one that has not begun. Returns a ticket. */
typedef struct weir_reset {
    weir_str topic;
    int32_t partition;
    int64_t offset;
} weir_reset;
uint64_t weir_worker_reset(weir_worker *worker, const weir_reset *resets, uint32_t count);
/* True when done; err->code then is WEIR_OK, or the order was refused as a whole. */
bool weir_worker_was_reset(weir_worker *worker, uint64_t ticket, weir_error *err);

/* As of the last step; copies into `arena`. Any thread. */
typedef struct weir_worker_partition {
    weir_str topic;
    int32_t partition; /* of the topic */
    int64_t start, position, latest; /* latest -1: not known */
    bool stopped;                    /* topic changed, out of range above its end */
    weir_str problem;
} weir_worker_partition;
typedef struct weir_worker_status {
    const char *phase; /* "connecting", "starting", "running", "revoking", "stopping", "stopped" */
    bool backpressure, handing_off;
    uint32_t partition_count;
    const weir_worker_partition *partitions; /* by topic, ascending */
    bool has_problem;  /* the newest that still holds */
    weir_error problem;
    bool fatal;
} weir_worker_status;
void weir_worker_status_get(weir_worker *worker, weir_arena *arena, weir_worker_status *out);
#endif
