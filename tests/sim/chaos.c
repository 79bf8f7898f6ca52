/* tests/sim/chaos.c - what goes wrong, and then the calm in which all must come right. A seed draws
 * which kinds of faults it has; each step draws whether one happens. */
#include <stdlib.h>
#include "world.h"

void chaos_draw(world *w)
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
                       .remakes = world_draw(w, 3) == 0,
                       .fences = world_draw(w, 3) == 0,
                       .disk_full = world_draw(w, 3) == 0,
                       .resets = world_draw(w, 5) == 0,
                       .specs = world_draw(w, 3) == 0,
                       .loads = world_draw(w, 2) > 0,
                       .checkpoints = world_draw(w, 2) > 0,
                       .transactions = world_draw(w, 2) > 0,
                       .overwrites = world_draw(w, 2) > 0,
                       .drops = world_draw(w, 3) == 0,
                       .compactions = world_draw(w, 3) > 0,
                       .warps = world_draw(w, 4) == 0};
    w->grace_ms = world_draw(w, 2) == 0 ? 1 : 1 + world_draw(w, 3000);
    f->fail_ppm = levels[world_draw(w, 4)];
    f->unknown_landed_ppm = levels[world_draw(w, 4)];
    f->unknown_lost_ppm = levels[world_draw(w, 4)];
    f->late_ppm = levels[world_draw(w, 4)];
    f->half_body_ppm = levels[world_draw(w, 4)] / 4;
    f->flip_ppm = levels[world_draw(w, 4)] / 4;
    weir_store_memory_faults(w->store, f);
}

static void hit_process(world *w)
{
    process *proc = &w->processes[world_draw(w, PROCESSES)];
    bool up = proc->alive && !proc->dead;
    if (w->rules.kills && up && world_chance(w, 2500)) {
        if (world_chance(w, 300000) && !proc->stopping) {
            proc->stopping = true;
            proc->stop_us = w->now_us + 8000000;
            world_trace(w, "%s is asked to stop", proc->node);
        } else {
            w->kills++;
            process_kill(proc);
        }
    } else if (w->rules.pauses && up && world_chance(w, 2500)) {
        proc->paused_until_us = w->now_us + world_draw(w, 8000000);
        world_trace(w, "%s is paused", proc->node);
    } else if (w->rules.fences && up && !proc->fenced && world_chance(w, 300)) {
        topic_fence(proc);
    } else if (w->rules.disk_full && up && world_chance(w, proc->disk_full ? 4000 : 700)) {
        proc->disk_full = !proc->disk_full;
        world_trace(w, "%s: the disk %s", proc->node, proc->disk_full ? "is full" : "has room");
    }
    if (w->rules.clock_jumps && world_chance(w, 2000)) {
        proc->clock_jump_ms = (int64_t)world_draw(w, 10000000) - 5000000;
    }
}

static void hit_topic(world *w)
{
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
        history_read(w, UINT64_MAX);
        w->partition_count++; /* the next rebalance deals it out */
        w->first_partitions += w->started == 0;
    }
}

static void hit_store(world *w)
{
    weir_store_faults *f = &w->rules.faults;
    if (world_chance(w, f->outage ? 20000 : 600)) {
        f->outage = !f->outage;
        weir_store_memory_faults(w->store, f);
        world_trace(w, f->outage ? "the store does not answer" : "the store answers again");
    }
}

void chaos_step(world *w)
{
    if (world_chance(w, 60000) && w->record_count < 1500) {
        topic_produce(w);
    }
    hit_process(w);
    hit_topic(w);
    hit_store(w);
    if (w->rules.warps && world_chance(w, 400)) {
        w->now_us += HOUR_MS / 2 * 1000L; /* all of them slept */
        world_trace(w, "half an hour passes");
    }
}

void chaos_calm(world *w)
{
    w->calm = true;
    w->rules.redelivery = false;
    w->rules.faults = (weir_store_faults){0};
    weir_store_memory_faults(w->store, &w->rules.faults);
    weir_store_memory_land_late(w->store);
    world_trace(w, "calm");
    for (uint32_t p = 0; p < w->partition_count; p++) {
        topic_close_transaction(w, p);
    }
    for (process *proc = w->processes; proc < w->processes + PROCESSES; proc++) {
        proc->paused_until_us = 0;
        proc->disk_full = false;
        if (proc->alive && proc->fenced) {
            process_kill(proc);
        }
        proc->restart_us = proc->alive ? proc->restart_us : w->now_us;
    }
}
