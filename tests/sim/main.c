/* tests/sim/main.c - many histories, each from a seed: chaos, then calm, then every record must
 * stand once. usage: weir_sim [--seeds N] [--first SEED] [--seed SEED [--trace]] */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ingest/spec.h"
#include "weir/log.h"
#include "world.h"

void world_resume(world *w, fiber *f);

static int64_t proc_wall(void *self)
{
    process *proc = self;
    return 1700000000000 + proc->world->now_us / 1000 + proc->clock_jump_ms;
}
static int64_t proc_monotonic(void *self)
{
    return ((process *)self)->world->now_us;
}
static uint64_t proc_random(void *self)
{
    return world_random(((process *)self)->world);
}
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

static void wait_in(void *self, int64_t ms)
{
    process *proc = self;
    world_sleep(proc->world, ms);
}

static void poll_run(process *proc)
{
    while (!proc->dead) {
        world_sleep(proc->world, 100 + world_draw(proc->world, 1000));
        if (!proc->dead) {
            weir_catalog_step(proc->catalog);
        }
    }
}

static void query_run(process *proc)
{
    while (!proc->dead && !proc->world->failed) {
        world_sleep(proc->world, 20 + world_draw(proc->world, 400));
        if (!proc->dead) {
            check_view(proc);
        }
    }
}

/* A process from its start to its end; the other fibers are begun as it goes. */
static void boot_run(process *proc)
{
    world *w = proc->world;
    weir_error err;
    weir_catalog_options options = {.store = sim_store_init(proc),
                                    .clock = &proc->clock,
                                    .node = WEIR_STR("sim"),
                                    .wait = wait_in,
                                    .wait_self = proc};
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
    if (!proc->dead) {
        world_start_fiber(proc, poll_run);
        world_start_fiber(proc, query_run);
        ingest_run(proc);
    }
}

void process_start(process *proc)
{
    world *w = proc->world;
    proc->incarnation++;
    proc->alive = true;
    proc->dead = proc->stopping = false;
    proc->paused_until_us = 0;
    proc->clock = (weir_clock){proc, proc_wall, proc_monotonic, proc_random};
    proc->consumer.open = false;
    world_trace(w, "p%u starts", proc->number);
    world_start_fiber(proc, boot_run);
}

void process_kill(process *proc)
{
    proc->dead = true;
    proc->consumer.open = false;
    proc->paused_until_us = 0;
    for (fiber *f = proc->world->fibers; f < proc->world->fibers + 32; f++) {
        if (f->used && f->proc == proc) {
            f->wake_us = 0;
        }
    }
    proc->world->kills++;
    world_trace(proc->world, "p%u is killed", proc->number);
}

/* All fibers have ended: what is left is memory. */
static void reap(process *proc)
{
    world *w = proc->world;
    proc->consumer.open = false;
    ingest_free(proc);
    weir_catalog_close(proc->catalog);
    proc->catalog = NULL;
    proc->table = NULL;
    proc->alive = false;
    proc->restart_us = w->now_us + (w->calm ? 0 : world_draw(w, 2000000));
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        if (w->owner[p] == proc->number) {
            w->owner[p] = PROCESSES;
        }
    }
}

static void draw_rules(world *w)
{
    static const uint32_t levels[] = {0, 0, 20000, 100000};
    weir_store_faults *f = &w->rules.faults;
    w->rules = (rules){.kills = world_draw(w, 4) > 0,
                       .pauses = world_draw(w, 2) > 0,
                       .rebalances = world_draw(w, 4) > 0,
                       .two_owners = world_draw(w, 2) > 0,
                       .retention = world_draw(w, 3) == 0,
                       .redelivery = world_draw(w, 2) > 0,
                       .clock_jumps = world_draw(w, 3) == 0,
                       .remakes = world_draw(w, 3) == 0};
    f->fail_ppm = levels[world_draw(w, 4)];
    f->unknown_landed_ppm = levels[world_draw(w, 4)];
    f->unknown_lost_ppm = levels[world_draw(w, 4)];
    f->late_ppm = levels[world_draw(w, 4)];
    f->half_body_ppm = levels[world_draw(w, 4)] / 4;
    f->flip_ppm = levels[world_draw(w, 4)] / 4;
    weir_store_memory_faults(w->store, f);
}

static void chaos(world *w)
{
    process *proc = &w->processes[world_draw(w, PROCESSES)];
    if (world_chance(w, 60000) && w->record_count < 1500) {
        topic_produce(w);
    }
    if (w->rules.kills && proc->alive && !proc->dead && world_chance(w, 2500)) {
        if (world_chance(w, 300000)) {
            proc->stopping = true;
            world_trace(w, "p%u is asked to stop", proc->number);
        } else {
            process_kill(proc);
        }
    }
    if (w->rules.pauses && proc->alive && !proc->dead && world_chance(w, 2500)) {
        proc->paused_until_us = w->now_us + world_draw(w, 8000000);
        world_trace(w, "p%u is paused", proc->number);
    }
    if (w->rules.rebalances && world_chance(w, 2000)) {
        topic_rebalance(w);
    }
    if (w->rules.retention && world_chance(w, 1000)) {
        topic_expire(w);
    }
    if (w->rules.remakes && world_chance(w, 400)) {
        topic_remake(w);
    }
    if (w->rules.rebalances && w->partition_count < PARTITIONS && world_chance(w, 200)) {
        w->partition_count++; /* the next rebalance deals it out */
    }
    if (w->rules.clock_jumps && world_chance(w, 2000)) {
        proc->clock_jump_ms = (int64_t)world_draw(w, 10000000) - 5000000;
    }
    if (world_chance(w, 600)) {
        weir_store_faults out = w->rules.faults;
        out.outage = !out.outage;
        w->rules.faults = out;
        weir_store_memory_faults(w->store, &out);
        world_trace(w, out.outage ? "the store does not answer" : "the store answers again");
    }
    if (w->rules.faults.outage && world_chance(w, 20000)) {
        w->rules.faults.outage = false;
        weir_store_memory_faults(w->store, &w->rules.faults);
    }
}

static bool may_run(const world *w, const fiber *f)
{
    return f->used && f->wake_us <= w->now_us && f->proc->paused_until_us <= w->now_us;
}

/* One step: somebody who can go on does, or time passes until somebody can. */
static void step(world *w)
{
    fiber *ready[32];
    uint32_t count = 0;
    int64_t soonest = INT64_MAX;
    for (fiber *f = w->fibers; f < w->fibers + 32; f++) {
        if (may_run(w, f)) {
            ready[count++] = f;
        } else if (f->used) {
            int64_t at =
                f->wake_us > f->proc->paused_until_us ? f->wake_us : f->proc->paused_until_us;
            soonest = at < soonest ? at : soonest;
        }
    }
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        if (proc->alive && proc->fibers == 0) {
            reap(proc);
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
        ingest_trace(proc);
    }
}

static void calm_down(world *w)
{
    w->calm = true;
    w->rules = (rules){0};
    weir_store_memory_faults(w->store, &w->rules.faults);
    weir_store_memory_land_late(w->store);
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        proc->paused_until_us = 0;
        proc->restart_us = proc->alive ? proc->restart_us : w->now_us;
    }
    world_trace(w, "calm");
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

static void world_done(world *w)
{
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        if (proc->alive && !proc->dead) {
            process_kill(proc);
        }
    }
    for (bool left = true; left;) {
        left = false;
        for (fiber *f = w->fibers; f < w->fibers + 32; f++) {
            if (f->used) {
                world_resume(w, f);
                left = true;
            }
        }
    }
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        if (proc->alive) {
            reap(proc);
        }
    }
    for (fiber *f = w->fibers; f < w->fibers + 32; f++) {
        free(f->stack);
    }
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
static weir_spec *spec;
static char work_path[40]; /* local files under way: thousands that live for a moment */
static const char spec_text[] =
    "{\"type\":\"kafka\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":{"
    "\"column\":\"time\",\"format\":\"millis\"},"
    "\"dimensionsSpec\":{\"dimensions\":[\"id\"]},\"granularitySpec\":{\"segmentGranularity\":"
    "\"hour\",\"queryGranularity\":\"none\","
    "\"rollup\":false}},\"ioConfig\":{\"topic\":\"events\",\"inputFormat\":{\"type\":\"json\"},"
    "\"consumerProperties\":"
    "{\"bootstrap.servers\":\"sim:1\"},\"useEarliestOffset\":true},\"tuningConfig\":{\"type\":"
    "\"kafka\",\"maxRowsPerSegment\":30,"
    "\"resetOffsetAutomatically\":true,\"intermediateHandoffPeriod\":\"PT1S\"}}}";

/* True: passed. */
static bool run_seed(uint64_t seed, bool trace)
{
    world *w = calloc(1, sizeof(*w));
    running_seed = seed;
    w->seed = w->random = seed;
    w->trace = trace;
    w->clock = (weir_clock){w, world_wall, world_monotonic, world_bits};
    w->store = weir_store_memory_new(&w->clock);
    w->spec = spec;
    w->work_path = work_path;
    w->budget.name = "sim";
    topic_init(w);
    draw_rules(w);
    for (uint32_t i = 0; i < PROCESSES; i++) {
        w->processes[i] = (process){.world = w, .number = i};
    }
    topic_rebalance(w);
    for (uint64_t i = 0; i < 4000 && !w->failed; i++) {
        chaos(w);
        step(w);
    }
    calm_down(w);
    if (!w->failed) {
        check_end(w);
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
    totals.masks += w->masks;
    totals.record_count += w->record_count;
    world_done(w);
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
    weir_error err = {0};
    spec = weir_spec_parse((weir_str){spec_text, sizeof(spec_text) - 1}, true, false, &err);
    snprintf(work_path, sizeof(work_path), "%s/weir-sim-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!spec || !mkdtemp(work_path)) {
        fprintf(stderr, "weir_sim: %s\n", spec ? "no folder for temporary files" : err.message);
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
           totals.masks);
    printf("%lu gaps, %lu resets, %lu topics made anew that nothing could tell; %.1f s\n",
           totals.gaps, totals.resets, totals.unnoticed, seconds);
    printf("%lu passed, %lu failed\n", passed, failed);
    weir_spec_unref(spec);
    rmdir(work_path); /* whatever is frozen is uploaded or dropped */
    return failed > 0;
}
