/* tests/sim/jobs.c - what operators and the process's own duties do beside ingestion, at any time
 * and in several processes at once: hand-offs asked for, specs changed, suspended and resumed,
 * resets, checkpoints, batch loads. The calls are those that the HTTP routes make. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ingest/supervisor.h"
#include "world.h"

const char *jobs_spec(world *w, uint32_t number)
{
    static char text[1200];
    static const int rows[] = {30, 12, 60};
    static const char *const period[] = {"PT1S", "PT2S", "PT0.5S"};
    snprintf(text, sizeof(text),
             "{\"type\":\"kafka\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":"
             "{\"column\":\"time\",\"format\":\"millis\"},\"dimensionsSpec\":{\"dimensions\":["
             "\"id\"]},\"granularitySpec\":{\"segmentGranularity\":\"hour\",\"queryGranularity\":"
             "\"none\",\"rollup\":false}},\"ioConfig\":{\"topic\":\"events\",\"inputFormat\":{"
             "\"type\":\"json\"},\"consumerProperties\":{\"bootstrap.servers\":\"sim:1\"},"
             "\"useEarliestOffset\":%s},\"tuningConfig\":{\"type\":\"kafka\","
             "\"maxRowsPerSegment\":%d,\"resetOffsetAutomatically\":true,"
             "\"intermediateHandoffPeriod\":\"%s\"}}}",
             w->seed % 4 == 0 ? "false" : "true", rows[number % 3], period[number % 3]);
    return text;
}

static void done(process *proc, int kind, const char *what, bool ok, const weir_error *err)
{
    proc->world->jobs[kind] += ok;
    world_trace(proc->world, "%s: %s: %s", proc->node, what, ok ? "done" : err->message);
}

static void flush(process *proc)
{
    weir_error err = {0};
    weir_buf out = {0};
    bool ok = weir_supervisor_handoff(proc->ingest, WEIR_STR("t"), &out, &err);
    done(proc, JOB_FLUSH, "hand-off", ok, &err);
    weir_buf_done(&out);
}

static void change_spec(process *proc)
{
    weir_error err = {0};
    weir_buf out = {0};
    bool ok = weir_supervisor_post(
        proc->ingest, weir_str_of(jobs_spec(proc->world, ++proc->world->spec)), &out, &err);
    done(proc, JOB_SPEC, "spec", ok, &err);
    weir_buf_done(&out);
}

static void suspend(process *proc, bool suspend)
{
    weir_error err = {0};
    weir_buf out = {0};
    bool ok = weir_supervisor_suspend(proc->ingest, WEIR_STR("t"), suspend, &out, &err);
    done(proc, JOB_SUSPEND, suspend ? "suspend" : "resume", ok, &err);
    weir_buf_done(&out);
}

static void reset(process *proc)
{
    weir_error err = {0};
    weir_buf out = {0};
    world *w = proc->world;
    if (w->resets < COPIES - 2) { /* each makes all rows again */
        bool ok = weir_supervisor_reset(proc->ingest, WEIR_STR("t"), &out, &err);
        done(proc, JOB_RESET, "reset", ok, &err);
    }
    weir_buf_done(&out);
}

static void checkpoint(process *proc)
{
    weir_error err = {0};
    weir_log_state *state = weir_table_state(proc->table);
    bool ok = weir_checkpoint_put(&proc->store.store, state, &err);
    done(proc, JOB_CHECKPOINT, "checkpoint", ok, &err);
    weir_log_state_unref(state);
}

/* Batch loads. */

static load *new_load(world *w)
{
    load *l = &w->loads[w->load_count];
    if (w->load_count == LOADS || w->record_count + 20 > RECORDS) {
        return NULL;
    }
    *l = (load){.first_id = w->record_count, .count = 1 + world_draw(w, 15)};
    for (uint32_t i = 0; i < l->count; i++) {
        uint32_t id = w->record_count++;
        record *r = &w->records[id];
        *r = (record){.kind = RECORD_LOADED,
                      .partition = -1,
                      .incarnation = (int32_t)w->load_count,
                      .time_ms = (int64_t)world_draw(w, HOURS) * HOUR_MS + id};
        snprintf(r->value, sizeof(r->value), "{\"time\":%ld,\"id\":\"%u\"}", r->time_ms, id);
    }
    w->load_count++;
    return l;
}

static weir_str load_spec(world *w, const load *l, weir_buf *out)
{
    weir_buf_printf(out,
                    "{\"type\":\"index_parallel\",\"id\":\"load-%ld\",\"spec\":{\"dataSchema\":{"
                    "\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"time\",\"format\":"
                    "\"millis\"},\"dimensionsSpec\":{\"dimensions\":[\"id\"]},\"granularitySpec\":{"
                    "\"segmentGranularity\":\"hour\",\"queryGranularity\":\"none\",\"rollup\":"
                    "false}},\"ioConfig\":{\"type\":\"index_parallel\",\"appendToExisting\":true,"
                    "\"inputFormat\":{\"type\":\"json\"},\"inputSource\":{\"type\":\"inline\","
                    "\"data\":\"",
                    (long)(l - w->loads));
    for (uint32_t i = 0; i < l->count; i++) {
        for (const char *at = w->records[l->first_id + i].value; *at; at++) {
            weir_buf_printf(out, *at == '"' ? "\\%c" : "%c", *at);
        }
        weir_buf_printf(out, "\\n");
    }
    weir_buf_printf(out, "\"}},\"tuningConfig\":{\"type\":\"index_parallel\"}}}");
    return weir_buf_view(out);
}

/* A new one, or one that somebody began: its client asks again until it is told that it is done. */
static void run_load(process *proc)
{
    world *w = proc->world;
    weir_error err = {0};
    weir_buf text = {0};
    weir_load_result result;
    load *l = w->load_count > 0 && world_draw(w, 2) == 0 ? &w->loads[world_draw(w, w->load_count)]
                                                         : new_load(w);
    if (!l) {
        return;
    }
    weir_load_options options = {.catalog = proc->catalog,
                                 .clock = &proc->clock,
                                 .spec_json = load_spec(w, l, &text),
                                 .work_path = proc->work_path,
                                 .memory_bytes = 16u << 20};
    bool ok = weir_load_run(&options, &result, &err);
    if (!proc->dead) {
        l->reported = l->reported || ok;
        world_trace(w, "%s: load %ld%s", proc->node, (long)(l - w->loads),
                    ok && result.already_done ? " was done already" : "");
        done(proc, JOB_LOAD, "load", ok, &err);
    }
    weir_buf_done(&text);
}

static void act(process *proc)
{
    world *w = proc->world;
    uint32_t dice = world_draw(w, 100);
    if (w->reset_wanted) {
        w->reset_wanted = false;
        reset(proc);
    } else if (dice < 10) {
        flush(proc);
    } else if (dice < 20 && w->rules.specs) {
        change_spec(proc);
    } else if (dice < 30 && w->rules.specs) {
        suspend(proc, true);
        world_sleep(w, world_draw(w, 1500));
        suspend(proc, false);
    } else if (dice < 33 && w->rules.resets) {
        reset(proc);
    } else if (dice < 40 && w->rules.checkpoints) {
        checkpoint(proc);
    } else if (dice < 65 && w->rules.loads) {
        run_load(proc);
    }
}

static bool is_suspended(process *proc)
{
    weir_error err;
    weir_supervisor *s = weir_supervisor_find(proc->ingest, WEIR_STR("t"), &err);
    bool yes = s && (s->suspended || !s->worker);
    if (s) {
        weir_supervisor_unref(s);
    }
    return yes;
}

void jobs_run(process *proc)
{
    world *w = proc->world;
    while (!proc->dead && !w->failed) {
        world_sleep(w, 100 + world_draw(w, 1500));
        if (!proc->dead && !w->calm) {
            act(proc);
        } else if (!proc->dead && is_suspended(proc)) {
            suspend(proc, false);
        }
    }
    proc->helpers--;
}
