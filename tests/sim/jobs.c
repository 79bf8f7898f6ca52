/* tests/sim/jobs.c - what operators and the process's own duties do beside ingestion, at any time
 * and in several processes at once: hand-offs asked for, specs changed, suspended and resumed,
 * resets, checkpoints, batch loads. The calls are those that the HTTP routes make. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ingest/compaction.h"
#include "ingest/supervisor.h"
#include "weir/retention.h"
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

static bool is_ending(void *self)
{
    return ((process *)self)->ending;
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

static void reset_offsets(process *proc, uint32_t p)
{
    weir_error err = {0};
    weir_buf out = {0};
    char body[200];
    world *w = proc->world;
    const partition *part = &w->partitions[p];
    int64_t to = part->low + world_draw(w, (uint32_t)(part->stable - part->low + 1));
    if (part->low <= w->next_at[p] && w->next_at[p] <= part->stable && world_draw(w, 3) > 0) {
        to = w->next_at[p]; /* where the log stands: the epoch alone tells rows from before it */
    }
    if (w->resets < COPIES - 2) {
        snprintf(body, sizeof(body),
                 "{\"type\":\"kafka\",\"partitions\":{\"type\":\"end\",\"stream\":\"events\","
                 "\"partitionOffsetMap\":{\"%u\":%ld}}}",
                 p, to);
        bool ok = weir_supervisor_reset_offsets(proc->ingest, WEIR_STR("t"), weir_str_of(body),
                                                &out, &err);
        done(proc, JOB_RESET, "reset of offsets", ok, &err);
    }
    weir_buf_done(&out);
}

static weir_interval draw_hours(world *w)
{
    int64_t from = world_draw(w, HOURS), to = from + 1 + world_draw(w, (uint32_t)(HOURS - from));
    return (weir_interval){from * HOUR_MS, to * HOUR_MS};
}

static weir_retention retention_of(process *proc)
{
    return (weir_retention){.catalog = proc->catalog,
                            .ingest = proc->ingest,
                            .coordinator = proc->coordinator,
                            .clock = &proc->clock};
}

/* Noted before it is asked for: from now on such a commit may be there. */
static weir_interval ask_for_drop(world *w)
{
    history_read(w, UINT64_MAX);
    w->drops = realloc(w->drops, (w->drop_count + 1) * sizeof(*w->drops));
    asked_drop *d = &w->drops[w->drop_count++];
    *d = (asked_drop){draw_hours(w), w->checked_version};
    return d->interval;
}

static void drop(process *proc)
{
    weir_error err = {0};
    uint64_t changed;
    weir_retention r = retention_of(proc);
    bool ok =
        weir_retention_drop(&r, WEIR_STR("t"), ask_for_drop(proc->world), NULL, 0, &changed, &err);
    done(proc, JOB_DROP, "drop", ok, &err);
}

static void print_interval(const weir_interval *interval, char out[100])
{
    char from[41], to[41];
    from[weir_time_print(from, interval->start_ms)] = 0;
    to[weir_time_print(to, interval->end_ms)] = 0;
    snprintf(out, 100, "%s/%s", from, to);
}

/* A time that rules drop, over and over; or none. */
static void set_rules(process *proc)
{
    weir_error err = {0};
    weir_retention r = retention_of(proc);
    weir_rules_author author = {.author = WEIR_STR("sim")};
    char text[200] = "[]", time[100];
    if (world_draw(proc->world, 2) == 0) {
        weir_interval interval = ask_for_drop(proc->world);
        print_interval(&interval, time);
        snprintf(text, sizeof(text),
                 "[{\"type\":\"dropByInterval\",\"interval\":\"%s\"},{\"type\":\"loadForever\"}]",
                 time);
    }
    bool ok = weir_rules_set(&r, WEIR_STR("t"), weir_str_of(text), &author, &err);
    done(proc, JOB_RULES, "rules", ok, &err);
}

/* Compaction of any segments, beside the duty's choices. */

static bool go_on(void *self)
{
    process *proc = self;
    world_yield(proc->world);
    return !proc->ending;
}

static void compact(process *proc)
{
    world *w = proc->world;
    weir_error err = {0};
    weir_str ids[8];
    uint32_t count = 0;
    weir_granularity hour;
    weir_granularity_simple(WEIR_STR("HOUR"), &hour);
    weir_log_state *state = weir_table_state(proc->table);
    size_t segment_count;
    const weir_segment_state *const *segments = weir_log_segments(state, &segment_count);
    for (uint32_t i = 1 + world_draw(w, 7); i > 0 && segment_count > 0; i--) {
        weir_str id = segments[world_draw(w, (uint32_t)segment_count)]->added.id;
        bool twice = false;
        for (uint32_t k = 0; k < count; k++) {
            twice = twice || weir_str_eq(ids[k], id);
        }
        ids[count] = id;
        count += !twice;
    }
    weir_compaction_options options = {.catalog = proc->catalog,
                                       .table = proc->table,
                                       .clock = &proc->clock,
                                       .work_path = proc->work_path,
                                       .memory_bytes = 64u << 20,
                                       .max_rows = world_draw(w, 2) == 0 ? 20 : 1000,
                                       .bucket_limit = 1 + world_draw(w, HOURS),
                                       .segment_granularity = &hour,
                                       .rollup = -1,
                                       .go_on = go_on,
                                       .given_up = is_ending,
                                       .self = proc};
    weir_compaction *c = weir_compaction_new(&options, ids, count, world_draw(w, 2) == 0);
    weir_log_state_unref(state);
    weir_compaction_end end;
    int64_t wait_ms = 0;
    while ((end = weir_compaction_step(c, &wait_ms, &err)) == WEIR_COMPACTION_MORE) {
        world_sleep(w, wait_ms);
    }
    weir_compaction_free(c);
    done(proc, JOB_COMPACT, "compaction", end == WEIR_COMPACTION_LANDED, &err);
}

/* Batch loads. */

static load *new_load(world *w, bool overwrite)
{
    load *l = &w->loads[w->load_count];
    if (w->load_count == LOADS || w->record_count + 20 > RECORDS) {
        return NULL;
    }
    *l = (load){.first_id = w->record_count,
                .count = 1 + world_draw(w, 15),
                .overwrite = overwrite,
                .drop_existing = world_draw(w, 2) == 0,
                .interval = overwrite ? draw_hours(w) : (weir_interval){0, HOURS * HOUR_MS}};
    int64_t first = l->interval.start_ms / HOUR_MS, end = l->interval.end_ms / HOUR_MS;
    for (uint32_t i = 0; i < l->count; i++) {
        uint32_t id = w->record_count++;
        record *r = &w->records[id];
        *r = (record){.kind = RECORD_LOADED,
                      .partition = -1,
                      .incarnation = (int32_t)w->load_count,
                      .time_ms = (first + world_draw(w, (uint32_t)(end - first))) * HOUR_MS + id};
        snprintf(r->value, sizeof(r->value), "{\"time\":%ld,\"id\":\"%u\"}", r->time_ms, id);
    }
    w->load_count++;
    return l;
}

static weir_str load_spec(world *w, const load *l, weir_buf *out)
{
    char time[100], intervals[120] = "";
    if (l->overwrite) {
        print_interval(&l->interval, time);
        snprintf(intervals, sizeof(intervals), ",\"intervals\":[\"%s\"]", time);
    }
    weir_buf_printf(out,
                    "{\"type\":\"index_parallel\",\"id\":\"load-%ld\",\"spec\":{\"dataSchema\":{"
                    "\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"time\",\"format\":"
                    "\"millis\"},\"dimensionsSpec\":{\"dimensions\":[\"id\"]},\"granularitySpec\":{"
                    "\"segmentGranularity\":\"hour\",\"queryGranularity\":\"none\",\"rollup\":"
                    "false%s}},\"ioConfig\":{\"type\":\"index_parallel\",\"appendToExisting\":%s,"
                    "\"dropExisting\":%s,\"inputFormat\":{\"type\":\"json\"},\"inputSource\":{"
                    "\"type\":\"inline\",\"data\":\"",
                    (long)(l - w->loads), intervals, l->overwrite ? "false" : "true",
                    l->overwrite && l->drop_existing ? "true" : "false");
    for (uint32_t i = 0; i < l->count; i++) {
        for (const char *at = w->records[l->first_id + i].value; *at; at++) {
            weir_buf_printf(out, *at == '"' ? "\\%c" : "%c", *at);
        }
        weir_buf_printf(out, "\\n");
    }
    weir_buf_printf(out, "\"}},\"tuningConfig\":{\"type\":\"index_parallel\"}}}");
    return weir_buf_view(out);
}

static bool flush_rows(void *self, weir_str table, weir_error *err)
{
    process *proc = self;
    return weir_ingest_flush(proc->ingest, table, is_ending, proc, err);
}

/* A new one, or one that somebody began: its client asks again until it is told that it is done. */
static void run_load(process *proc, bool overwrite)
{
    world *w = proc->world;
    weir_error err = {0};
    weir_buf text = {0};
    weir_load_result result;
    load *l = w->load_count > 0 && world_draw(w, 2) == 0 ? &w->loads[world_draw(w, w->load_count)]
                                                         : new_load(w, overwrite);
    if (!l) {
        return;
    }
    char name[8];
    snprintf(name, sizeof(name), "p%u", proc->number);
    weir_load_options options = {.catalog = proc->catalog,
                                 .clock = &proc->clock,
                                 .spec_json = load_spec(w, l, &text),
                                 .work_path = proc->work_path,
                                 .memory_bytes = 16u << 20,
                                 .node = weir_str_of(name),
                                 .process = proc->incarnation,
                                 .wait_for_claims = world_draw(w, 2) == 0,
                                 .renew_ms = 1000,
                                 .cancelled = &proc->ending,
                                 .flush = flush_rows,
                                 .self = proc};
    bool ok = weir_load_run(&options, &result, &err);
    if (!proc->dead) {
        l->reported = l->reported || ok;
        world_trace(w, "%s: load %ld%s", proc->node, (long)(l - w->loads),
                    ok && result.already_done ? " was done already" : "");
        done(proc, l->overwrite ? JOB_OVERWRITE : JOB_LOAD, "load", ok, &err);
    }
    weir_buf_done(&text);
}

static void act(process *proc)
{
    world *w = proc->world;
    uint32_t dice = world_draw(w, 100);
    if (w->reset_wanted) {
        uint32_t p = w->reset_wanted - 1;
        w->reset_wanted = 0;
        reset_offsets(proc, p);
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
    } else if (dice < 36 && w->rules.resets) {
        reset_offsets(proc, world_draw(w, w->partition_count));
    } else if (dice < 40 && w->rules.checkpoints) {
        checkpoint(proc);
    } else if (dice < 60 && w->rules.loads) {
        run_load(proc, false);
    } else if (dice < 80 && w->rules.overwrites) {
        run_load(proc, true);
    } else if (dice < 84 && w->rules.drops) {
        drop(proc);
    } else if (dice < 88 && w->rules.drops) {
        set_rules(proc);
    } else if (dice >= 88 && w->rules.compactions) {
        compact(proc);
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
