/* include/weir/ingest.h - how rows get in: supervisors over Kafka, batch loads from files.
 * A supervisor is Druid's Kafka supervisor spec; it lives in the table log and is resumed at start. Any thread may call. */
#ifndef WEIR_INGEST_H
#define WEIR_INGEST_H
#include "weir/catalog.h"

typedef struct weir_ingest weir_ingest;
struct weir_event_source; /* ingest/source.h: Kafka, or the simulation's */
typedef struct weir_ingest_options {
    weir_catalog *catalog;   /* borrowed */
    const weir_clock *clock;
    size_t memory_bytes;     /* of live rows; 0: a quarter of the machine's */
    weir_str node;           /* advertised host:port: group.instance.id */
    const char *work_path;   /* folder for segments being frozen */
    uint32_t thread_count;   /* ingest threads per supervisor at most (taskCount); 0: 1 */
} weir_ingest_options;
weir_ingest *weir_ingest_new(const weir_ingest_options *options, weir_error *err);
/* Starts the supervisors that the tables' logs name. */
void weir_ingest_resume_all(weir_ingest *ingest);
/* SIGTERM: stops appending, hands off, commits (at most 8 s), leaves the groups. */
void weir_ingest_stop(weir_ingest *ingest);
void weir_ingest_free(weir_ingest *ingest);

/* The supervisor API; each writes a JSON body on success and on failure sets err (BAD_REQUEST names the field, NOT_FOUND). */
bool weir_supervisor_post(weir_ingest *ingest, weir_str spec_json, weir_buf *out, weir_error *err);
/* Whether that very spec is what its supervisor does already; writes what a post would. A spec that cannot be read is none. */
bool weir_supervisor_has(weir_ingest *ingest, weir_str spec, weir_buf *out);
bool weir_supervisor_list(weir_ingest *ingest, bool full, bool state, weir_buf *out, weir_error *err);
bool weir_supervisor_spec(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err);
bool weir_supervisor_status(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err);
bool weir_supervisor_health(weir_ingest *ingest, weir_str id, bool *healthy, weir_buf *out, weir_error *err);
bool weir_supervisor_stats(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err);
bool weir_supervisor_suspend(weir_ingest *ingest, weir_str id, bool suspend, weir_buf *out, weir_error *err); /* false: resume */
bool weir_supervisor_terminate(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err);
bool weir_supervisor_reset(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err); /* all partitions begin anew; returns after the commit */
/* Druid's body: {"type":"kafka","partitions":{"type":"end","stream":topic,"partitionOffsetMap":{"0":100}}}: those go on at these offsets. Also of a suspended one. */
bool weir_supervisor_reset_offsets(weir_ingest *ingest, weir_str id, weir_str body, weir_buf *out, weir_error *err);
/* Its specs, newest first, out of the whole log: [{"spec","version"}]; id empty: {"id":[...]} of all. Slow where the log is long. */
bool weir_supervisor_history(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err);
typedef enum weir_supervisors_do { WEIR_SUPERVISORS_SUSPEND, WEIR_SUPERVISORS_RESUME, WEIR_SUPERVISORS_TERMINATE } weir_supervisors_do;
bool weir_supervisors_each(weir_ingest *ingest, weir_supervisors_do what, weir_buf *out, weir_error *err); /* those that are so already stay */
/* Druid's early hand-off of task groups: {"taskGroupIds":[0]}; there is one, number 0. */
bool weir_supervisor_handoff_groups(weir_ingest *ingest, weir_str id, weir_str body, weir_buf *out, weir_error *err);
/* Gaps are known: they are shown no longer. Body: empty (all), or {"version":N}: those of the log up to there. */
bool weir_supervisor_acknowledge(weir_ingest *ingest, weir_str id, weir_str body, weir_buf *out, weir_error *err);
bool weir_supervisor_handoff(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err); /* seal and commit now; returns after the commit */
/* The same for all supervisors of a table. `give_up` (may be NULL) is asked while it waits. */
bool weir_ingest_flush(weir_ingest *ingest, weir_str table, bool (*give_up)(void *self), void *self, weir_error *err);
/* The last 100 bad events per reason: {"unparseable":[{time, partition, offset, reason, input}...], "thrownAway":[...]}. */
bool weir_supervisor_errors(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err);
/* Prometheus lines of ingest. */
void weir_ingest_metrics(weir_ingest *ingest, weir_buf *out);

/* weir load, and the tasks index_parallel and index: the same decode, transform, append and freeze over files (JSON lines, also .gz .zst .lz4) or inline text. One
 * commit at the end: rows are added, or, unless the spec's ioConfig.appendToExisting is true, take the place of those in their buckets of segmentGranularity
 * (dropExisting: of all rows in granularitySpec.intervals) that were committed when the load began. */
struct weir_rejects; /* ingest/rejects.h */
typedef struct weir_load_options {
    weir_catalog *catalog;
    const weir_clock *clock;
    weir_str spec_json;          /* index_parallel task, or a supervisor spec's dataSchema and inputFormat */
    uint32_t file_count;
    const char *const *files;    /* none: the spec's inputSource (local baseDir, filter) */
    const char *work_path;
    const char *input_path;      /* the spec's local inputSource reads nothing outside of this folder; NULL: anywhere */
    weir_str label;              /* empty: the spec's id, or drawn */
    size_t memory_bytes;         /* of rows not yet frozen; 0: half of the machine's */
    uint32_t thread_count;       /* 0: one per core */
    weir_str node;               /* of a server: claims of its earlier processes are dead; empty: none are known to be */
    uint64_t process;            /* drawn once per process */
    bool wait_for_claims;        /* of other jobs in the time to be replaced; false: an error at once */
    int64_t renew_ms;            /* between beats of a claim; 0: 10 minutes */
    const _Atomic bool *cancelled; /* gives up soon after it comes true; may be NULL */
    /* Before an overwrite: commits the table's live rows of this process, so that they count as there before. NULL: there are none. */
    bool (*flush)(void *self, weir_str table, weir_error *err);
    void (*progress)(void *self, uint64_t bytes, uint64_t bytes_total, uint64_t rows); /* may be NULL */
    void (*wait)(void *self, int64_t ms); /* between tries; NULL: sleeps */
    void *self;
    struct weir_rejects *rejects; /* keeps bad rows; may be NULL */
} weir_load_options;
typedef struct weir_load_result { /* also after a failure: what was read until then */
    weir_counts counts;
    uint64_t with_error, segments, bytes, version;
    uint64_t replaced; /* segments of which rows were replaced */
    bool already_done; /* the label had been committed */
} weir_load_result;
bool weir_load_run(const weir_load_options *options, weir_load_result *out, weir_error *err);
#endif
