/* tests/sim/ingest.c - a process's true ingest worker and hand-offs, on the model's topic: its jobs
 * are fibers. */
#include <stdlib.h>
#include "ingest/worker.h"
#include "world.h"

struct ingest {
    weir_worker *worker;
    weir_stats stats;
    weir_rejects *rejects;
    weir_job *starting; /* handed to a fiber that is about to begin */
};

static void job_run(process *proc)
{
    weir_job *job = proc->ingest->starting;
    int64_t wait_ms = 0;
    proc->ingest->starting = NULL;
    while (!job->step(job, &wait_ms)) {
        if (wait_ms > 0 && !job->cancelled) {
            world_sleep(proc->world, wait_ms);
        } else {
            world_yield(proc->world); /* another may go on between any two steps */
        }
        wait_ms = 0;
    }
    atomic_store(&job->done, true);
}

static void job_start(void *self, weir_job *job)
{
    process *proc = self;
    while (proc->ingest->starting) { /* the one before has not taken its job yet */
        world_yield(proc->world);
    }
    proc->ingest->starting = job;
    world_start_fiber(proc, job_run);
}

static void job_join(void *self, weir_job *job)
{
    process *proc = self;
    while (!job->done) {
        world_yield(proc->world);
    }
}

static weir_event_source *open_source(void *self, const weir_source_options *options,
                                      weir_error *err)
{
    (void)options;
    process *proc = self;
    if (proc->dead) {
        weir_fail(err, WEIR_ERR_KAFKA, "killed");
        return NULL;
    }
    return consumer_open(proc);
}

void ingest_trace(process *proc)
{
    weir_arena *arena = weir_arena_new();
    weir_worker_status status;
    if (proc->ingest && proc->ingest->worker) {
        weir_worker_status_get(proc->ingest->worker, arena, &status);
        world_trace(proc->world, "p%u is %s, hands off %d: %s", proc->number, status.phase,
                    status.handing_off, status.has_problem ? status.problem.message : "");
        for (uint32_t i = 0; i < status.partition_count; i++) {
            const weir_worker_partition *p = &status.partitions[i];
            world_trace(proc->world, "  partition %d from %ld to %ld of %ld %.*s", p->partition,
                        p->start, p->position, p->latest, WEIR_STR_ARG(p->problem));
        }
        if (status.fatal && !proc->dead) {
            world_fail(proc->world, "p%u: %s", proc->number, status.problem.message);
        }
    }
    weir_arena_free(arena);
}

void ingest_run(process *proc)
{
    world *w = proc->world;
    struct ingest *in = proc->ingest = calloc(1, sizeof(*in));
    weir_error err = {0};
    in->rejects = weir_rejects_new(&proc->clock);
    weir_worker_options options = {.catalog = proc->catalog,
                                   .table = proc->table,
                                   .clock = &proc->clock,
                                   .budget = &w->budget,
                                   .work_path = w->work_path,
                                   .node = WEIR_STR("sim"),
                                   .holder = 1,
                                   .jobs = {proc, job_start, job_join},
                                   .open = open_source,
                                   .open_self = proc,
                                   .stats = &in->stats,
                                   .rejects = in->rejects};
    in->worker = weir_worker_new(&options, w->spec, &err);
    if (!in->worker) {
        world_fail(w, "no worker: %s", err.message);
        return;
    }
    int64_t stop_us = INT64_MAX;
    bool stopped = false;
    while (weir_worker_step(in->worker, 0)) {
        if (proc->stopping && !stopped) {
            stopped = true;
            stop_us = w->now_us + 8000000;
            weir_worker_stop(in->worker);
        }
        if (proc->dead || w->now_us > stop_us) {
            weir_worker_cancel(in->worker);
        }
        world_sleep(w, world_draw(w, 30));
    }
    w->masks += atomic_load(&in->stats.handoff_failures);
    ingest_trace(proc);
    proc->dead = true; /* after a stop too: what is unknown is given up */
}

void ingest_free(process *proc)
{
    if (proc->ingest) {
        if (proc->ingest->worker) {
            weir_worker_free(proc->ingest->worker);
        }
        weir_rejects_free(proc->ingest->rejects);
        free(proc->ingest);
        proc->ingest = NULL;
    }
}
