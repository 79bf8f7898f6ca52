/* ingest/job.h - work beside an ingest thread (freeze, upload, commit, fold), cut into steps: a thread loops over them, or a simulation does. */
#ifndef INGEST_JOB_H
#define INGEST_JOB_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct weir_job weir_job;
struct weir_job {
    /* One thing. True: done. False: again, after *wait_ms (0: at once). */
    bool (*step)(weir_job *job, int64_t *wait_ms);
    _Atomic bool done, cancelled; /* cancelled: give up what waits for the store, then be done */
    pthread_t thread;
};
typedef struct weir_jobs { /* who runs them */
    void *self;
    void (*start)(void *self, weir_job *job);
    void (*join)(void *self, weir_job *job); /* only when done, or cancelled */
} weir_jobs;
extern const weir_jobs weir_jobs_threads; /* a thread each: they are few and mostly wait */
#endif
