/* ingest/worker_parts.h - the inside of a worker, shared by worker.c (steps, seals), worker_start.c (where a source goes on) and worker_append.c (records to rows). */
#ifndef INGEST_WORKER_PARTS_H
#define INGEST_WORKER_PARTS_H
#include "ingest/append.h"
#include "ingest/decode.h"
#include "ingest/handoff.h"
#include "ingest/transform.h"
#include "ingest/worker.h"

typedef enum weir_worker_phase {
    WEIR_WORKER_CONNECTING, /* no source yet, or nothing assigned */
    WEIR_WORKER_FOLDING,    /* start: the log is folded (job) */
    WEIR_WORKER_DECIDING,   /* start: offsets are chosen, the broker is asked */
    WEIR_WORKER_COMMITTING, /* start: start, gap and reset ranges are committed (job) */
    WEIR_WORKER_RUNNING,
    WEIR_WORKER_REVOKING,   /* hand-off before partitions are given up */
    WEIR_WORKER_DRAINING,   /* stop was asked: hand-off, then done */
    WEIR_WORKER_STOPPED,
} weir_worker_phase;

typedef struct weir_worker_source { /* a partition that is assigned to us */
    int32_t partition;   /* its number at the event source (ingest/source.h) */
    weir_source_key key; /* its name in the log; borrowed from the spec and the event source */
    bool ready;          /* position is known and committed */
    bool stopped;        /* topic changed: not read any more */
    bool absent;         /* stopped because the broker does not know it: looked for again */
    bool reset;          /* a reset is wanted, to */
    int64_t reset_to;
    bool committing;     /* epoch and position hold once the commit under way has landed */
    uint64_t epoch;
    int64_t position;    /* next offset to append */
    int64_t start;       /* position when it was assigned, for the status */
    uint8_t number;      /* in the generation */
    bool in_generation;
    int64_t from;        /* of its range in the generation */
    weir_anchor anchor;
    weir_counts counts;
    char problem[300];
} weir_worker_source;

typedef struct weir_start_job { /* folds the log, or commits what the start of sources needs */
    weir_job job;
    weir_worker *worker;
    weir_commit *commit; /* NULL: fold only */
    bool resets;         /* the commit holds the reset that is under way */
    bool stale; /* of an assignment that is gone: its result counts for nothing */
    bool ok;
    weir_error err;
} weir_start_job;

typedef struct weir_reset_order weir_reset_order; /* worker_reset.c */
#define WEIR_RESET_ASKED "a reset was asked for"

typedef struct weir_sealed { /* a generation that waits for its hand-off */
    weir_generation *gen;
    struct weir_sealed *next;
} weir_sealed;

struct weir_worker {
    weir_worker_options options;
    weir_spec *spec;
    weir_arena *arena;
    weir_event_source *source;
    size_t waiting_bytes; /* of the budget, for the source's waiting records */
    weir_worker_phase phase;
    int64_t retry_us;     /* not before: opening, deciding after a failure */
    int64_t deadline_us;  /* of REVOKING */
    int64_t checked_us;   /* sources still held */
    int64_t looked_us;    /* for what is absent */
    weir_worker_source *sources;
    uint32_t source_count;
    weir_start_job *start;
    /* Rows. */
    weir_fields *fields;
    weir_decoder *decoder;
    weir_transform *transform;
    weir_events events;
    weir_generation *gen;  /* growing; NULL: none */
    int64_t gen_begun_us;  /* its first record; 0: none yet */
    int64_t appended_us;   /* the last append since the generation was settled; 0: settled */
    int64_t settle_us;     /* not before */
    bool fatal;
    bool fenced;           /* another process has our name in the group */
    weir_sealed *sealed, *sealed_last;
    weir_handoff *handoff; /* set and unset under the lock, as the status looks at it */
    /* Append under way. */
    const weir_record *batch;
    weir_worker_source *batch_source;
    uint64_t batch_unparseable, batch_thrown_away, batch_bytes;
    /* Requests and what others may see. */
    weir_reset_order *reset; /* under way */
    uint64_t reset_number;   /* its ticket */
    bool hand_off_first;     /* the start under way waits for the hand-off of what was sealed */
    int64_t hand_off_until_us;
    _Atomic bool stop_wanted, cancel_wanted;
    pthread_mutex_t lock; /* of all below */
    uint64_t flush_wanted, flush_sealed, flush_done;
    weir_reset_order *reset_wanted;
    uint64_t reset_asked, reset_done; /* tickets */
    weir_error reset_error;           /* of reset_done */
    weir_worker_partition *shown;
    uint32_t shown_count;
    weir_worker_phase shown_phase;
    int64_t shown_us; /* the worker's own */
    bool backpressure, has_problem, shown_fatal;
    weir_error problem;
};

/* worker.c */
void weir_worker_problem(weir_worker *w, const weir_error *err, bool fatal); /* logs it; shown in the status until the worker runs again */
void weir_worker_pause(weir_worker *w, int64_t ms); /* before the next try */
static inline bool weir_worker_is_starting(const weir_worker *w)
{
    return w->phase == WEIR_WORKER_FOLDING || w->phase == WEIR_WORKER_DECIDING || w->phase == WEIR_WORKER_COMMITTING;
}
static inline bool weir_worker_is_handed_off(const weir_worker *w)
{
    return !w->handoff && !w->sealed;
}
weir_worker_source *weir_worker_find(weir_worker *w, int32_t partition);
weir_topic_partition weir_worker_name(const weir_worker *w, int32_t partition);

/* worker_handoff.c */
void weir_worker_add_to_generation(weir_worker *w, weir_worker_source *s); /* from its position; begins one if there is none */
bool weir_worker_must_seal(const weir_worker *w); /* by age, events, bytes, or for want of room */
/* Ends the generation, if its sources moved; go_on: the next begins with the same sources, else they are in none. */
void weir_worker_seal(weir_worker *w, bool go_on);
void weir_worker_step_handoffs(weir_worker *w); /* ends the one under way if it is done, begins the next */
void weir_worker_drop_sealed(weir_worker *w);   /* those that wait; their rows stay visible */

/* worker_start.c: begins at FOLDING for all assigned partitions; step until RUNNING. */
void weir_worker_start(weir_worker *w);
void weir_worker_start_step(weir_worker *w);
void weir_worker_start_forget(weir_worker *w); /* the assignment is gone */
bool weir_worker_start_reap(weir_worker *w); /* true when no job is under way */

/* worker_reset.c: an order becomes a start; it ends when the worker runs again (err NULL) or is refused. */
void weir_worker_reset_take(weir_worker *w);
bool weir_worker_reset_decide(weir_worker *w, const weir_log_state *state, weir_commit *commit, weir_error *err); /* false: ask again */
void weir_worker_reset_end(weir_worker *w, const weir_error *err);
void weir_worker_reset_free(weir_worker *w);

/* worker_append.c: records of any partitions, as they came. */
void weir_worker_append(weir_worker *w, const weir_record *records, uint32_t count);
uint64_t weir_record_hash(const weir_record *record); /* of anchors */
#endif
