/* tests/sim/seed.c - one history, from a seed: chaos, then calm, then every record must stand as
 * often as the log says. */
#include <stdio.h>
#include <stdlib.h>
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

/* With a grace of milliseconds the horizon may pass each upload of a large hand-off before its
 * commit (V3), for ever: safe, and of no use. Whoever runs that mends the setting. */
static void use_longer_grace(world *w)
{
    w->grace_ms = HOUR_MS;
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        if (proc->alive) {
            process_kill(proc);
        }
    }
    world_trace(w, "all begin again with a grace of an hour");
}

/* A process that has live rows though all are committed; NULL: none. */
static const process *holding(const world *w)
{
    const process *found = NULL;
    for (const process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        weir_table_stats stats = {0};
        if (proc->table) {
            weir_table_stats_get(proc->table, &stats);
        }
        found = stats.live_segments > 1 || stats.live_rows > 0 ? proc : found;
    }
    return found;
}

static void calm_down(world *w)
{
    chaos_calm(w);
    uint64_t horizon = 0;
    for (uint64_t i = 0; i < 60000 && !w->failed && (i % 50 != 0 || !is_settled(w)); i++) {
        horizon = i == 20000 ? w->horizon : horizon;
        if (i == 25000 && w->horizon > horizon) {
            use_longer_grace(w);
        }
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
    /* Hand-offs rest; a reset that ended late makes rows that were committed live again. */
    int64_t least_us = w->now_us + 12000000, most_us = w->now_us + 120000000;
    while (!w->failed && (w->now_us < least_us || (w->now_us < most_us && holding(w)))) {
        for (int i = 0; i < 50; i++) {
            step(w);
        }
    }
    const process *proc = holding(w);
    if (proc && !w->failed) {
        weir_table_stats stats = {0};
        weir_table_stats_get(proc->table, &stats);
        world_fail(w, "%s still has %lu generations with %lu rows", proc->node, stats.live_segments,
                   stats.live_rows);
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

bool world_run_seed(uint64_t seed, bool trace, const char *work_path, world_totals *totals)
{
    world *w = calloc(1, sizeof(*w));
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
    uint64_t figures[] = {w->record_count, w->commits, w->steps,     w->views,          w->kills,
                          w->gaps,         w->resets,  w->unnoticed, w->failed_handoffs};
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        totals->figures[i] += figures[i];
    }
    for (int i = 0; i < JOB_KINDS; i++) {
        totals->jobs[i] += w->jobs[i];
    }
    snprintf(totals->failure, sizeof(totals->failure), "%s", w->failure);
    world_done(w);
    the_world = NULL;
    free(w);
    return ok;
}
