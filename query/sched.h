/* query/sched.h - jobs that worker threads take turns at: each has lanes, a step of a lane takes at most about 2 ms, and the least served job is next.
 * A job is known to the scheduler while it has been added and not ended. */
#ifndef QUERY_SCHED_H
#define QUERY_SCHED_H
#include "query/run.h"

enum { WEIR_LANES_MAX = 64, WEIR_STEP_US = 2000 };

typedef enum weir_step {
    WEIR_STEP_MORE,  /* this lane wants another turn */
    WEIR_STEP_IDLE,  /* this lane waits for weir_sched_ready, or has nothing more to do */
    WEIR_STEP_ENDED, /* the job is over: no lane gets another turn; once those at work come back, the scheduler forgets it and calls `ended` */
} weir_step;

typedef struct weir_job {
    struct weir_job *next, *previous; /* guarded by the scheduler's lock, as all below but the calls */
    uint64_t ready;                   /* lanes that want a turn */
    uint64_t running;                 /* lanes at work */
    uint64_t again;                   /* made ready while at work */
    bool over;                        /* some step said ENDED */
    double served_us, weight;
    weir_step (*step)(struct weir_job *job, uint32_t lane, int64_t until_us);
    void (*ended)(struct weir_job *job);
} weir_job;

/* step and ended are set. Lane 0 is made ready. */
void weir_sched_add(weir_sched *sched, weir_job *job, int32_t priority);
/* Lanes of `mask` want a turn; any thread, inside a step too, and until `ended` returns: then it says nothing any more. */
void weir_sched_ready(weir_sched *sched, weir_job *job, uint64_t mask);
struct weir_global_ids *weir_sched_globals(const weir_sched *sched); /* kept between queries */
const weir_clock *weir_sched_clock(const weir_sched *sched);
#endif
