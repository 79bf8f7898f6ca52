/* tests/sim/process.c - a process from its start to its end, as `weir serve` runs one: the catalog
 * with its threads, the supervisors that the log names, queries and an operator beside them. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ingest/supervisor.h"
#include "weir/coordinator.h"
#include "world.h"

enum { BURY_ROUNDS = 400 };

static int64_t wall(void *self)
{
    process *proc = self;
    world *w = proc->world;
    return 1700000000000 + (w->now_us + (proc->dead ? w->dead_us : 0)) / 1000 + proc->clock_jump_ms;
}

static int64_t monotonic(void *self)
{
    process *proc = self;
    return proc->world->now_us + (proc->dead ? proc->world->dead_us : 0);
}

static uint64_t bits(void *self)
{
    return world_random(((process *)self)->world);
}

weir_clock process_clock(process *proc)
{
    return (weir_clock){proc, wall, monotonic, bits};
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

static void query_run(process *proc)
{
    while (!proc->dead && !proc->world->failed) {
        world_sleep(proc->world, 20 + world_draw(proc->world, 400));
        if (!proc->dead) {
            check_view(proc);
        }
    }
    proc->helpers--;
}

void process_start_helper(process *proc, void (*run)(process *proc))
{
    proc->helpers++;
    world_start_fiber(proc, run);
}

static void open_table(process *proc)
{
    world *w = proc->world;
    weir_error err;
    weir_catalog_options options = {.store = sim_store_init(proc),
                                    .clock = &proc->clock,
                                    .node = weir_str_of(proc->node),
                                    .work_path = proc->work_path,
                                    .threads = true,
                                    .poll_ms = 500};
    while (!proc->dead && !proc->catalog) {
        proc->catalog = weir_catalog_open(&options, &err);
        if (!proc->catalog) {
            world_sleep(w, 50);
        }
    }
    while (!proc->dead && !proc->table) {
        proc->table = weir_catalog_table_create(proc->catalog, WEIR_STR("t"), &err);
        if (!proc->table) {
            world_sleep(w, 50);
        }
    }
}

/* The supervisors that the log names; where it names none, ours. */
static bool begin_ingest(process *proc)
{
    weir_error err = {0};
    weir_buf out = {0};
    size_t count;
    weir_log_state *state = weir_table_state(proc->table);
    weir_log_supervisors(state, &count);
    weir_log_state_unref(state);
    if (count > 0) {
        weir_ingest_resume_all(proc->ingest);
    }
    bool ok = count > 0 || weir_supervisor_post(proc->ingest,
                                                weir_str_of(jobs_spec(proc->world, 0)), &out, &err);
    if (!ok) {
        world_trace(proc->world, "p%u: no supervisor yet: %s", proc->number, err.message);
    }
    weir_buf_done(&out);
    return ok;
}

static void serve(process *proc)
{
    world *w = proc->world;
    weir_error err = {0};
    weir_ingest_options options = {.catalog = proc->catalog,
                                   .clock = &proc->clock,
                                   .node = weir_str_of(proc->node),
                                   .memory_bytes = 1u << 30,
                                   .work_path = proc->work_path};
    proc->ingest = weir_ingest_new(&options, &err);
    proc->ingest->open = open_source;
    proc->ingest->open_self = proc;
    proc->coordinator =
        weir_coordinator_new(&(weir_coordinator_options){.catalog = proc->catalog,
                                                         .ingest = proc->ingest,
                                                         .clock = &proc->clock,
                                                         .work_path = proc->work_path,
                                                         .threads = true,
                                                         .period_ms = 700,
                                                         .memory_bytes = 64u << 20,
                                                         .gc_grace_ms = w->grace_ms});
    process_start_helper(proc, query_run);
    while (!proc->dead && !begin_ingest(proc)) {
        world_sleep(w, 500);
    }
    if (!proc->dead) {
        process_start_helper(proc, jobs_run);
    }
    while (!proc->dead && !proc->stopping) {
        world_sleep(w, 50);
    }
    proc->ending = true;
    weir_coordinator_stop(proc->coordinator);
    weir_ingest_stop(proc->ingest);
}

static void boot_run(process *proc)
{
    world *w = proc->world;
    open_table(proc);
    if (!proc->dead) {
        serve(proc);
    }
    if (!proc->dead) { /* SIGTERM's end: whatever still runs in it ends here */
        proc->stop_us = w->now_us;
    }
    while (!proc->dead || proc->helpers > 0) {
        world_sleep(w, 1);
    }
    weir_coordinator_free(proc->coordinator);
    if (proc->ingest) {
        if (proc->ingest->supervisor_count > 0) {
            w->failed_handoffs += proc->ingest->supervisors[0]->stats.handoff_failures;
        }
        weir_ingest_free(proc->ingest);
    }
    weir_catalog_close(proc->catalog);
}

void process_start(process *proc)
{
    world *w = proc->world;
    proc->incarnation++;
    proc->alive = true;
    proc->dead = proc->stopping = proc->fenced = proc->disk_full = false;
    proc->paused_until_us = 0;
    proc->stop_us = INT64_MAX;
    proc->clock = process_clock(proc);
    proc->consumer.open = false;
    proc->catalog = NULL;
    proc->table = NULL;
    proc->ingest = NULL;
    proc->coordinator = NULL;
    proc->ending = false;
    proc->helpers = proc->fibers = 0;
    free(proc->seen.counts);
    proc->seen = (last_view){0};
    snprintf(proc->node, sizeof(proc->node), "p%u.%u", proc->number, proc->incarnation);
    world_trace(w, "%s starts", proc->node);
    world_start_fiber(proc, boot_run);
}

void process_kill(process *proc)
{
    world *w = proc->world;
    world_trace(w, "%s is killed", proc->node);
    proc->dead = proc->ending = true;
    proc->consumer.open = false;
    proc->paused_until_us = 0;
    w->dead_us = 0;
    for (int round = 0; round < BURY_ROUNDS && proc->fibers > 0; round++) {
        for (fiber *f = w->fibers; f < w->fibers + w->fiber_top; f++) {
            if (f->used && f->proc == proc) {
                world_resume(w, f);
            }
        }
    }
    if (proc->fibers > 0) {
        world_trace(w, "%s leaves %u threads behind", proc->node, proc->fibers);
    }
    for (fiber *f = w->fibers; f < w->fibers + w->fiber_top; f++) {
        f->used = f->used && f->proc != proc;
    }
    proc->fibers = 0;
    process_reap(proc);
}

void process_reap(process *proc)
{
    world *w = proc->world;
    proc->alive = false;
    proc->table = NULL;
    proc->restart_us = w->now_us + (w->calm ? 0 : world_draw(w, 2000000));
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        if (w->owner[p] == proc->number) {
            w->owner[p] = PROCESSES;
        }
    }
}

void process_trace(process *proc)
{
    weir_buf out = {0};
    weir_error err;
    if (proc->ingest && proc->table &&
        weir_supervisor_status(proc->ingest, WEIR_STR("t"), &out, &err)) {
        world_trace(proc->world, "%s: %.*s", proc->node, (int)out.size, out.at);
    }
    weir_buf_done(&out);
}
