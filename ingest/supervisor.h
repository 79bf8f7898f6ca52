/* ingest/supervisor.h - the inside of weir_ingest: supervisors, each a spec and, unless it is suspended, a worker on a thread. */
#ifndef INGEST_SUPERVISOR_H
#define INGEST_SUPERVISOR_H
#include "ingest/worker.h"
#include "weir/ingest.h"

typedef struct weir_supervisor {
    struct weir_ingest *ingest;
    weir_str id;           /* owned */
    weir_table *table;
    weir_stats stats;      /* since the supervisor was started in this process */
    weir_rejects *rejects;
    pthread_mutex_t change; /* held by whoever starts, stops or changes it: long */
    int64_t give_up_s;      /* monotonic: of the commit under way */
    uint64_t known_spec;    /* hash of the log's text that was found to be our spec; 0: none yet. With `change` held */
    pthread_mutex_t lock;   /* of all below; short */
    pthread_cond_t ended_changed;
    uint32_t refs;
    weir_spec *spec;
    bool suspended, terminated, ended; /* ended: the thread is about to return */
    weir_worker *worker;    /* NULL: suspended or failed to start */
    pthread_t thread;
    int64_t started_ms;     /* wall */
    weir_error failure;     /* why there is no worker though it is not suspended */
} weir_supervisor;

struct weir_ingest {
    weir_ingest_options options;
    weir_str node;
    char *work_path;
    weir_budget *budget, *waiting; /* of all; of it, records that wait at consumers */
    weir_source_open open;
    void *open_self;
    pthread_mutex_t lock; /* of all below */
    weir_supervisor **supervisors; /* by id */
    uint32_t supervisor_count, supervisor_capacity;
    uint64_t holders;
    _Atomic bool stopping; /* without the lock: who waits for a hand-off gives up */
    pthread_cond_t sync_stop; /* of the thread that follows the tables' logs */
    pthread_t sync_thread;
    bool syncing;
};

/* A reference; NULL with NOT_FOUND. */
weir_supervisor *weir_supervisor_find(weir_ingest *ingest, weir_str id, weir_error *err);
void weir_supervisor_unref(weir_supervisor *s);
/* References to all of them, in `arena`. The caller unrefs each. */
uint32_t weir_supervisors_all(weir_ingest *ingest, weir_arena *arena, weir_supervisor ***out);
weir_spec *weir_supervisor_spec_ref(weir_supervisor *s);
/* The registry: the supervisor of that id, made if it is new (a reference); out of it. */
weir_supervisor *weir_supervisor_add(weir_ingest *ingest, weir_table *table, weir_str id);
void weir_supervisor_remove(weir_ingest *ingest, weir_supervisor *s);
/* With `change` held. Start: a worker for the spec. Join: only a worker that has ended. */
void weir_supervisor_set_spec(weir_supervisor *s, weir_spec *spec, bool suspended);
bool weir_supervisor_start(weir_supervisor *s, weir_error *err);
void weir_supervisor_join(weir_supervisor *s);
/* supervisor_sync.c */
void weir_ingest_sync_init(weir_ingest *ingest);
void weir_ingest_sync_stop(weir_ingest *ingest);
void weir_ingest_sync_done(weir_ingest *ingest);
/* Both with `change` held. Commits, giving up after a minute or when the service ends; takes over the commit. Waits as long until `done`. */
bool weir_supervisor_commit(weir_supervisor *s, weir_table *table, weir_commit *commit, weir_error *err);
bool weir_supervisor_wait(weir_supervisor *s, bool (*done)(void *self), void *self, weir_error *err);
void weir_supervisor_put_id(weir_str id, weir_buf *out); /* {"id":...} */
bool weir_supervisor_fail_unknown(weir_str id, weir_error *err); /* NOT_FOUND, in the overlord's words; false */
/* The spec as it was posted, but for "suspended", which is as it is now: who changes a spec and posts it again changes nothing else. */
void weir_supervisor_put_spec(weir_str spec, bool suspended, weir_buf *out);
/* What a supervisor does now, in Druid's words. */
typedef struct weir_supervisor_condition {
    const char *state, *detailed;
    bool healthy, suspended;
    bool has_worker;
    weir_worker_status worker;
    bool has_problem;
    weir_error problem;
} weir_supervisor_condition;
void weir_supervisor_condition_get(weir_supervisor *s, weir_arena *arena, weir_supervisor_condition *out);
#endif
