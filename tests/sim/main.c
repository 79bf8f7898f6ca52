/* tests/sim/main.c - many histories, each from a seed: chaos, then calm, then every record must
 * stand once. usage: weir_sim [--seeds N] [--first SEED] [--jobs N] [--seed SEED [--trace]] */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "weir/log.h"
#include "world.h"

world *the_world;

static int64_t world_wall(void *self)
{
    return 1700000000000 + ((world *)self)->now_us / 1000;
}
static int64_t world_monotonic(void *self)
{
    return ((world *)self)->now_us;
}
static uint64_t world_bits(void *self)
{
    return world_random(self);
}

static bool may_run(const world *w, const fiber *f)
{
    return f->used && f->wake_us <= w->now_us && f->proc->paused_until_us <= w->now_us;
}

/* One step: somebody who can go on does, or time passes until somebody can. */
static void step(world *w)
{
    fiber *ready[FIBERS];
    uint32_t count = 0;
    int64_t soonest = INT64_MAX;
    for (fiber *f = w->fibers; f < w->fibers + w->fiber_top; f++) {
        if (may_run(w, f)) {
            ready[count++] = f;
        } else if (f->used) {
            int64_t at =
                f->wake_us > f->proc->paused_until_us ? f->wake_us : f->proc->paused_until_us;
            soonest = at < soonest ? at : soonest;
        }
    }
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        if (proc->alive && w->now_us >= proc->stop_us && proc->paused_until_us <= w->now_us) {
            process_kill(proc); /* it has ended, or its 8 s are over */
            return;
        }
        if (!proc->alive && proc->restart_us <= w->now_us) {
            process_start(proc);
            return;
        }
        if (!proc->alive && proc->restart_us < soonest) {
            soonest = proc->restart_us;
        }
    }
    if (count == 0) {
        w->now_us = soonest > w->now_us ? soonest : w->now_us + 1000;
        return;
    }
    w->steps++;
    w->now_us += 1 + world_draw(w, 300);
    world_resume(w, ready[world_draw(w, count)]);
}

/* All processes live, and have folded a log that holds all that the topic has. */
static bool is_settled(world *w)
{
    for (uint32_t i = 0; i < PROCESSES; i++) {
        const process *proc = &w->processes[i];
        if (!proc->alive || proc->dead || !proc->table) {
            return false;
        }
    }
    if (!check_settled(w)) {
        return false;
    }
    for (uint32_t i = 0; i < PROCESSES; i++) {
        weir_log_state *state = weir_table_state(w->processes[i].table);
        bool all = weir_log_version(state) == w->checked_version;
        weir_log_state_unref(state);
        if (!all) {
            return false;
        }
    }
    return true;
}

/* Whether a partition is not its one live owner's alone. */
static bool has_orphan(const world *w)
{
    for (uint32_t p = 0; p < w->partition_count; p++) {
        const process *owner = w->owner[p] < PROCESSES ? &w->processes[w->owner[p]] : NULL;
        if (!w->calm_assigned || !owner || !owner->alive || owner->dead || !owner->consumer.open) {
            return true;
        }
    }
    return false;
}

static void trace_all(world *w)
{
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        world_trace(w, "p%u alive %d dead %d, consumer open %d assigned %x queued %u", proc->number,
                    proc->alive, proc->dead, proc->consumer.open, proc->consumer.assigned,
                    proc->consumer.queued);
        for (uint32_t p = 0; p < w->partition_count && proc->table; p++) {
            weir_log_state *state = weir_table_state(proc->table);
            weir_source_key key = {WEIR_STR("t"), WEIR_STR("events"), (int32_t)p};
            const weir_source_state *source = weir_log_source(state, &key);
            world_trace(w, "  partition %u owner %u: low %ld, next %ld, position %ld, high %ld", p,
                        w->owner[p], w->partitions[p].low, source ? source->next : -1,
                        proc->consumer.position[p], w->partitions[p].high);
            weir_log_state_unref(state);
        }
        if (proc->table) {
            weir_log_state *state = weir_table_state(proc->table);
            world_trace(w, "  version %lu of %lu", weir_log_version(state), w->checked_version);
            weir_log_state_unref(state);
        }
        process_trace(proc);
    }
}

static void calm_down(world *w)
{
    chaos_calm(w);
    for (uint64_t i = 0; i < 60000 && !w->failed && (i % 50 != 0 || !is_settled(w)); i++) {
        if (i >= 1500 && has_orphan(w)) { /* once: nobody is told twice to begin again */
            topic_assign_all(w);
        }
        step(w);
    }
    if (!is_settled(w)) {
        trace_all(w);
        const record none = {0}, *r = w->missing ? w->missing : &none;
        world_fail(
            w, "long after the faults ended record %ld (partition %d, offset %ld) is in no commit",
            (long)(r - w->records), r->partition, r->offset);
    }
    for (int64_t until = w->now_us + 12000000 /* longer than a hand-off rests */;
         w->now_us < until && !w->failed;) {
        step(w);
    }
    for (process *proc = w->processes; proc < w->processes + PROCESSES && !w->failed; proc++) {
        weir_table_stats stats = {0};
        if (proc->table) {
            weir_table_stats_get(proc->table, &stats);
        }
        if (stats.live_segments > 1 || stats.live_rows > 0) {
            world_fail(w, "p%u still has %lu generations with %lu rows", proc->number,
                       stats.live_segments, stats.live_rows);
        }
    }
}

static void end_run(process *proc)
{
    check_end(proc);
}

/* The last look is a process of its own, to which nothing happens. */
static void look_at_the_end(world *w)
{
    process *proc = &w->processes[AUDITOR];
    for (process *p = w->processes; p < w->processes + PROCESSES; p++) {
        if (p->alive) {
            process_kill(p);
        }
    }
    proc->clock = process_clock(proc);
    fiber *f = world_start_fiber(proc, end_run);
    while (f->used) {
        int64_t soonest = INT64_MAX;
        for (fiber *g = w->fibers; g < w->fibers + w->fiber_top; g++) {
            if (g->used && g->wake_us <= w->now_us) {
                world_resume(w, g);
            } else if (g->used) {
                soonest = g->wake_us < soonest ? g->wake_us : soonest;
            }
        }
        w->now_us = soonest < INT64_MAX && soonest > w->now_us ? soonest : w->now_us + 1;
    }
}

static void world_done(world *w)
{
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        if (proc->alive) {
            process_kill(proc);
        }
        free(proc->seen.counts);
    }
    for (fiber *f = w->fibers; f < w->fibers + FIBERS; f++) {
        free(f->stack);
    }
    history_done(w);
    topic_done(w);
    weir_store_free(w->store);
}

static volatile uint64_t running_seed;

static void say_seed(int signal_number)
{
    char text[100];
    int size = snprintf(text, sizeof(text),
                        "seed %lu: the process ended by signal %d\n0 passed, 1 failed\n",
                        running_seed, signal_number);
    ssize_t written = write(STDOUT_FILENO, text, (size_t)size);
    (void)written;
    _exit(1);
}

static world totals;
static char work_path[40]; /* local files under way: thousands that live for a moment */

/* True: passed. */
static bool run_seed(uint64_t seed, bool trace)
{
    world *w = calloc(1, sizeof(*w));
    running_seed = seed;
    w->seed = w->random = seed;
    w->trace = trace;
    w->clock = (weir_clock){w, world_wall, world_monotonic, world_bits};
    w->store = weir_store_memory_new(&w->clock);
    the_world = w;
    topic_init(w);
    chaos_draw(w);
    for (uint32_t i = 0; i <= AUDITOR; i++) {
        process *proc = &w->processes[i];
        *proc = (process){.world = w, .number = i};
        snprintf(proc->work_path, sizeof(proc->work_path), "%s", work_path);
    }
    topic_rebalance(w);
    for (uint64_t i = 0; i < 4000 && !w->failed; i++) {
        chaos_step(w);
        step(w);
    }
    calm_down(w);
    if (!w->failed) {
        look_at_the_end(w);
    }
    bool ok = !w->failed;
    if (!ok) {
        printf("seed %lu failed: %s\n", seed, w->failure);
    }
    totals.steps += w->steps;
    totals.commits += w->commits;
    totals.kills += w->kills;
    totals.views += w->views;
    totals.gaps += w->gaps;
    totals.resets += w->resets;
    totals.unnoticed += w->unnoticed;
    totals.failed_handoffs += w->failed_handoffs;
    for (int i = 0; i < JOB_KINDS; i++) {
        totals.jobs[i] += w->jobs[i];
    }
    totals.record_count += w->record_count;
    world_done(w);
    the_world = NULL;
    free(w);
    return ok;
}

int main(int argc, char **argv)
{
    uint64_t seeds = 1000, first = 1, passed = 0, failed = 0;
    bool trace = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            seeds = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--first") == 0 && i + 1 < argc) {
            first = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            first = strtoull(argv[++i], NULL, 10);
            seeds = 1;
        } else if (strcmp(argv[i], "--trace") == 0) {
            trace = true;
        } else {
            fprintf(stderr, "usage: weir_sim [--seeds N] [--first SEED] [--seed SEED [--trace]]\n");
            return 2;
        }
    }
    signal(SIGABRT, say_seed);
    weir_log_setup(trace ? WEIR_WARN : (weir_level)(WEIR_ERROR + 1), false);
    snprintf(work_path, sizeof(work_path), "%s/weir-sim-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(work_path)) {
        fprintf(stderr, "weir_sim: no folder for temporary files\n");
        return 2;
    }
    int64_t began = weir_monotonic_us(&weir_clock_system);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        if (run_seed(seed, trace)) {
            passed++;
        } else {
            failed++;
        }
        fflush(stdout);
    }
    double seconds = (double)(weir_monotonic_us(&weir_clock_system) - began) / 1e6;
    printf("%u records, %lu commits, %lu steps, %lu views, %lu kills, %lu failed hand-offs\n",
           totals.record_count, totals.commits, totals.steps, totals.views, totals.kills,
           totals.failed_handoffs);
    printf("asked for: %lu hand-offs, %lu specs, %lu suspends and resumes, %lu resets, %lu "
           "checkpoints, %lu loads, %lu overwrites, %lu drops; %lu compactions, %lu horizons\n",
           totals.jobs[JOB_FLUSH], totals.jobs[JOB_SPEC], totals.jobs[JOB_SUSPEND],
           totals.jobs[JOB_RESET], totals.jobs[JOB_CHECKPOINT], totals.jobs[JOB_LOAD],
           totals.jobs[JOB_OVERWRITE], totals.jobs[JOB_DROP], totals.jobs[JOB_COMPACT],
           totals.jobs[JOB_COLLECT]);
    printf("%lu gaps, %lu resets, %lu topics made anew that nothing could tell; %.1f s\n",
           totals.gaps, totals.resets, totals.unnoticed, seconds);
    printf("%lu passed, %lu failed\n", passed, failed);
    rmdir(work_path); /* whatever is frozen is uploaded or dropped */
    return failed > 0;
}
