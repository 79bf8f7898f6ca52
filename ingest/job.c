/* ingest/job.c - see ingest/job.h. */
#include "ingest/job.h"
#include "weir/log.h"
#include <time.h>

static void *run(void *self)
{
    weir_job *job = self;
    int64_t wait_ms = 0;
    pthread_setname_np(pthread_self(), "handoff");
    while (!job->step(job, &wait_ms)) {
        while (wait_ms > 0 && !job->cancelled) {
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
            wait_ms -= 10;
        }
        wait_ms = 0;
    }
    atomic_store(&job->done, true);
    return NULL;
}

static void start(void *self, weir_job *job)
{
    (void)self;
    if (pthread_create(&job->thread, NULL, run, job) != 0) {
        weir_die("out of threads");
    }
}

static void join(void *self, weir_job *job)
{
    (void)self;
    pthread_join(job->thread, NULL);
}

const weir_jobs weir_jobs_threads = {NULL, start, join};
