/* ingest/duty.h - what a duty of the coordinator is: steps over one table after the other. A duty is a row of duties.c and a file of its own. */
#ifndef INGEST_DUTY_H
#define INGEST_DUTY_H
#include <stdatomic.h>
#include "weir/coordinator.h"

typedef struct weir_duty_run weir_duty_run;
typedef enum weir_duty_step {
    WEIR_DUTY_MORE,   /* again, after run->wait_ms */
    WEIR_DUTY_DONE,
    WEIR_DUTY_FAILED, /* err says why; it is run again soon, then less and less often */
} weir_duty_step;
typedef struct weir_duty {
    const char *name;
    int64_t period_ms;
    size_t kept_bytes, work_bytes; /* of run->kept, run->work */
    /* One thing: what takes long is cut where it may be given up (weir_duty_cancelled). The coordinator's thread. */
    weir_duty_step (*step)(weir_duty_run *run, weir_error *err);
    void (*end)(weir_duty_run *run); /* of a run, however it ended: gives back what `work` holds. NULL: nothing */
} weir_duty;
typedef struct weir_duty_stats { /* since the process began */
    _Atomic uint64_t runs, failures, items, bytes, busy_us; /* items, bytes: what a duty does (segments, say); it counts them itself */
} weir_duty_stats;

/* A duty over one table, from its first step to its end. At most one run of a duty is under way; those of other duties may go on between its steps. */
struct weir_duty_run {
    const weir_coordinator_options *options;
    weir_table *table;
    weir_arena *arena; /* of this run */
    void *work;        /* of this run; zeroed */
    void *kept;        /* of this duty and table as long as the process lives; zeroed at first */
    int64_t wait_ms;   /* set by step */
    int64_t again_ms;  /* when the table's next run is due; the duty's period unless set */
    weir_duty_stats *stats;
    weir_coordinator *coordinator;
    int64_t worked_us, rested_us; /* of the step: since when it works without a rest, how long it rested */
};
/* Whether to give up: for weir_table_commit's give_up and between the parts of long work. */
bool weir_duty_cancelled(void *run);
/* Within long steps, often: rests as the pace asks. False: give up. */
bool weir_duty_rest(void *run);
/* Seals and hands off what this process's supervisors of the table have; true without ingest. */
bool weir_duty_flush(weir_duty_run *run, weir_error *err);

extern const weir_duty weir_duty_compaction;
extern const weir_duty *const weir_duties[]; /* ends with NULL */
weir_coordinator *weir_coordinator_new_with(const weir_coordinator_options *options, const weir_duty *const *duties);
#endif
