/* ingest/supervisor_status.c - what a supervisor says of itself over HTTP, in Druid's shapes: list,
 * spec, status, health, stats, the rejected events. */
#include "ingest/gaps.h"
#include "ingest/supervisor.h"
#include "weir/store_s3.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const states[][2] = {/* phase of the worker -> state, detailedState */
                                        {"connecting", "PENDING"}, {"starting", "RUNNING"},
                                        {"running", "RUNNING"},    {"revoking", "RUNNING"},
                                        {"stopping", "STOPPING"},  {"stopped", "STOPPING"}};
static const char *const details[][2] = {{"connecting", "CONNECTING_TO_STREAM"},
                                         {"starting", "CREATING_TASKS"},
                                         {"running", "RUNNING"},
                                         {"revoking", "RUNNING"},
                                         {"stopping", "STOPPING"},
                                         {"stopped", "STOPPING"}};

static const char *look_up(const char *const table[][2], const char *phase)
{
    for (size_t i = 0; i < 6; i++) {
        if (strcmp(table[i][0], phase) == 0) {
            return table[i][1];
        }
    }
    return "RUNNING";
}

static bool any_stopped(const weir_worker_status *status)
{
    for (uint32_t i = 0; i < status->partition_count; i++) {
        if (status->partitions[i].stopped) {
            return true;
        }
    }
    return false;
}

void weir_supervisor_condition_get(weir_supervisor *s, weir_arena *arena,
                                   weir_supervisor_condition *out)
{
    *out =
        (weir_supervisor_condition){.state = "SUSPENDED", .detailed = "SUSPENDED", .healthy = true};
    pthread_mutex_lock(&s->lock); /* keeps the worker */
    out->suspended = s->suspended;
    out->has_worker = s->worker != NULL;
    if (s->worker) {
        weir_worker_status_get(s->worker, arena, &out->worker);
        out->has_problem = out->worker.has_problem;
        out->problem = out->worker.problem;
    } else if (!s->suspended) {
        out->has_problem = s->failure.code != WEIR_OK;
        out->problem = s->failure;
    }
    pthread_mutex_unlock(&s->lock);
    if (out->has_worker) {
        out->state = look_up(states, out->worker.phase);
        out->detailed = look_up(details, out->worker.phase);
    } else if (!out->suspended) {
        out->state = out->detailed = out->has_problem ? "UNHEALTHY_SUPERVISOR" : "STOPPING";
    }
    bool broken = out->has_worker && (out->worker.fatal || any_stopped(&out->worker));
    bool unconnected =
        out->has_worker && out->has_problem && strcmp(out->worker.phase, "running") != 0;
    if (broken || unconnected) {
        out->state = "UNHEALTHY_SUPERVISOR";
        out->detailed = broken ? "UNHEALTHY_SUPERVISOR" : "UNABLE_TO_CONNECT_TO_STREAM";
    }
    out->healthy = strcmp(out->state, "UNHEALTHY_SUPERVISOR") != 0;
}

void weir_supervisor_put_spec(weir_str spec, bool suspended, weir_buf *out)
{
    json_t *root = json_loadb(spec.at, spec.size, JSON_ALLOW_NUL, NULL);
    json_object_set_new(root, "suspended", json_boolean(suspended));
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(15));
    weir_buf_str(out, text ? weir_str_of(text) : spec);
    free(text);
    json_decref(root);
}

/* But for what they say of being suspended. */
static bool is_same(weir_str a, weir_str b)
{
    json_t *x = json_loadb(a.at, a.size, JSON_ALLOW_NUL, NULL),
           *y = json_loadb(b.at, b.size, JSON_ALLOW_NUL, NULL);
    json_object_del(x, "suspended");
    json_object_del(y, "suspended");
    bool same = x && y && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return same;
}

bool weir_supervisor_has(weir_ingest *ingest, weir_str text, weir_buf *out)
{
    weir_error err;
    weir_spec *spec = weir_spec_parse(text, true, false, &err);
    weir_supervisor *s = spec ? weir_supervisor_find(ingest, spec->id, &err) : NULL;
    weir_spec *now = s ? weir_supervisor_spec_ref(s) : NULL;
    bool has = false;
    if (now) {
        pthread_mutex_lock(&s->lock);
        has = !s->terminated && s->suspended == spec->suspended;
        pthread_mutex_unlock(&s->lock);
        has = has && is_same(now->text, spec->text);
    }
    if (has) {
        weir_supervisor_put_id(spec->id, out);
    }
    weir_spec_unref(now);
    if (s) {
        weir_supervisor_unref(s);
    }
    weir_spec_unref(spec);
    return has;
}

static void put_summary(weir_supervisor *s, bool with_spec, weir_json *out)
{
    weir_arena *arena = weir_arena_new();
    weir_supervisor_condition condition;
    weir_spec *spec = weir_supervisor_spec_ref(s);
    weir_supervisor_condition_get(s, arena, &condition);
    weir_json_begin_object(out);
    weir_json_member_str(out, "id", s->id);
    weir_json_member_str(out, "dataSource", weir_table_name(s->table));
    weir_json_member_text(out, "type", "kafka");
    weir_json_member_text(out, "state", condition.state);
    weir_json_member_text(out, "detailedState", condition.detailed);
    weir_json_member_bool(out, "healthy", condition.healthy);
    weir_json_member_bool(out, "suspended", condition.suspended);
    if (spec) {
        weir_json_member_str(out, "source", spec->topic);
    }
    if (with_spec && spec) {
        weir_json_key(out, WEIR_STR("spec"));
        weir_buf text = {0};
        weir_supervisor_put_spec(spec->text, condition.suspended, &text);
        weir_json_raw(out, weir_buf_view(&text));
        weir_buf_done(&text);
    }
    weir_json_end_object(out);
    weir_spec_unref(spec);
    weir_arena_free(arena);
}

bool weir_supervisor_list(weir_ingest *ingest, bool full, bool state, weir_buf *out,
                          weir_error *err)
{
    (void)err;
    weir_arena *arena = weir_arena_new();
    weir_supervisor **all;
    weir_json json = {.out = out};
    uint32_t count = weir_supervisors_all(ingest, arena, &all);
    weir_json_begin_array(&json);
    for (uint32_t i = 0; i < count; i++) {
        if (full || state) {
            put_summary(all[i], full, &json);
        } else {
            weir_json_str(&json, all[i]->id);
        }
        weir_supervisor_unref(all[i]);
    }
    weir_json_end_array(&json);
    weir_arena_free(arena);
    return true;
}

/* One that is only being posted has no spec yet: it does not exist so far. */
static weir_supervisor *find_with_spec(weir_ingest *ingest, weir_str id, weir_spec **spec,
                                       weir_error *err)
{
    weir_supervisor *s = weir_supervisor_find(ingest, id, err);
    *spec = s ? weir_supervisor_spec_ref(s) : NULL;
    if (s && !*spec) {
        weir_supervisor_unref(s);
        weir_supervisor_fail_unknown(id, err);
        return NULL;
    }
    return s;
}

bool weir_supervisor_spec(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err)
{
    weir_spec *spec;
    weir_supervisor *s = find_with_spec(ingest, id, &spec, err);
    if (spec) {
        pthread_mutex_lock(&s->lock);
        bool suspended = s->suspended;
        pthread_mutex_unlock(&s->lock);
        weir_supervisor_put_spec(spec->text, suspended, out);
        weir_spec_unref(spec);
    }
    if (s) {
        weir_supervisor_unref(s);
    }
    return spec != NULL;
}

/* {"0":7,"1":9}, or {"a:0":7,"b:0":9} where topics are many: a figure per partition. */
typedef int64_t (*figure)(const weir_worker_partition *p);

static int64_t figure_start(const weir_worker_partition *p)
{
    return p->start;
}

static int64_t figure_position(const weir_worker_partition *p)
{
    return p->position < 0 ? p->start : p->position;
}

static int64_t figure_latest(const weir_worker_partition *p)
{
    return p->latest;
}

static int64_t figure_lag(const weir_worker_partition *p)
{
    return p->latest < 0 || p->position < 0 || p->latest < p->position ? 0
                                                                       : p->latest - p->position;
}

static void put_figures(weir_json *out, const char *name, const weir_spec *spec,
                        const weir_worker_status *status, figure of)
{
    weir_buf key = {0};
    weir_json_key(out, weir_str_of(name));
    weir_json_begin_object(out);
    for (uint32_t i = 0; i < status->partition_count; i++) {
        const weir_worker_partition *p = &status->partitions[i];
        key.size = 0;
        if (spec->topic_is_pattern) {
            weir_buf_printf(&key, "%.*s:", WEIR_STR_ARG(p->topic));
        }
        weir_buf_printf(&key, "%d", (int)p->partition);
        weir_json_key(out, weir_buf_view(&key));
        weir_json_long(out, of(p));
    }
    weir_json_end_object(out);
    weir_buf_done(&key);
}

static int64_t total_lag(const weir_worker_status *status)
{
    int64_t lag = 0;
    for (uint32_t i = 0; i < status->partition_count; i++) {
        lag += figure_lag(&status->partitions[i]);
    }
    return lag;
}

static void put_task(weir_supervisor *s, const weir_spec *spec, const weir_worker_status *status,
                     weir_json *out)
{
    weir_json_begin_object(out);
    weir_json_key(out, WEIR_STR("id"));
    weir_buf id = {0};
    weir_buf_printf(&id, "index_kafka_%.*s", WEIR_STR_ARG(s->id));
    weir_json_str(out, weir_buf_view(&id));
    weir_buf_done(&id);
    put_figures(out, "startingOffsets", spec, status, figure_start);
    weir_json_member_time(out, "startTime", s->started_ms);
    weir_json_member_long(out, "remainingSeconds", spec->task_duration_ms / 1000);
    weir_json_member_text(out, "type", "ACTIVE");
    put_figures(out, "currentOffsets", spec, status, figure_position);
    put_figures(out, "lag", spec, status, figure_lag);
    weir_json_end_object(out);
}

/* Offsets that the topic no longer had: visible until somebody acknowledges them. */
static void put_gaps(weir_supervisor *s, weir_json *out)
{
    weir_log_state *state = weir_table_state(s->table);
    weir_json_key(out, WEIR_STR("gaps"));
    weir_gaps_print(state, s->id, out);
    weir_log_state_unref(state);
}

static weir_gap_figures count_gaps(weir_supervisor *s)
{
    weir_log_state *state = weir_table_state(s->table);
    weir_gap_figures figures = weir_gaps_count(state, s->id);
    weir_log_state_unref(state);
    return figures;
}

static void put_error(weir_json *out, const char *message, int64_t now_ms)
{
    weir_json_begin_object(out);
    weir_json_member_time(out, "timestamp", now_ms);
    weir_json_member_text(out, "exceptionClass", "org.apache.druid.java.util.common.ISE");
    weir_json_member_text(out, "message", message);
    weir_json_member_bool(out, "streamException", true);
    weir_json_end_object(out);
}

/* A request may wait for long before the hand-off that it belongs to says that it failed. */
static bool store_fails(const weir_supervisor *s, weir_error *err)
{
    int64_t since_us;
    weir_store *store = weir_catalog_store(s->ingest->options.catalog);
    return weir_store_is_s3(store) && weir_store_s3_trouble(store, &since_us, err);
}

static void put_errors(weir_supervisor *s, const weir_supervisor_condition *condition,
                       weir_json *out)
{
    weir_error err;
    int64_t now_ms = weir_wall_ms(s->ingest->options.clock);
    weir_json_key(out, WEIR_STR("recentErrors"));
    weir_json_begin_array(out);
    if (condition->has_problem) {
        put_error(out, condition->problem.message, now_ms);
    }
    if (!condition->has_problem && store_fails(s, &err)) {
        put_error(out, err.message, now_ms);
    }
    weir_gap_figures gaps = count_gaps(s);
    if (gaps.open_gaps > 0) {
        char message[300];
        snprintf(
            message, sizeof(message),
            "%llu offsets were no longer in the topic when they were to be read (see gaps); POST "
            "to acknowledgeGaps when you know of it",
            (unsigned long long)gaps.open_offsets);
        put_error(out, message, now_ms);
    }
    for (uint32_t i = 0; condition->has_worker && i < condition->worker.partition_count; i++) {
        const weir_worker_partition *p = &condition->worker.partitions[i];
        if (p->stopped) {
            char message[700];
            snprintf(message, sizeof(message), "topic '%.*s', partition %d: %.*s",
                     WEIR_STR_ARG(p->topic), (int)p->partition, WEIR_STR_ARG(p->problem));
            put_error(out, message, now_ms);
        }
    }
    weir_json_end_array(out);
}

static void put_payload(weir_supervisor *s, const weir_spec *spec,
                        const weir_supervisor_condition *condition, weir_json *out)
{
    const weir_worker_status *status = &condition->worker;
    weir_json_begin_object(out);
    weir_json_member_str(out, "dataSource", weir_table_name(s->table));
    weir_json_member_str(out, "stream", spec->topic);
    weir_json_member_long(out, "partitions", status->partition_count);
    weir_json_member_long(out, "replicas", 1);
    weir_json_member_long(out, "durationSeconds", spec->task_duration_ms / 1000);
    weir_json_key(out, WEIR_STR("activeTasks"));
    weir_json_begin_array(out);
    if (condition->has_worker) {
        put_task(s, spec, status, out);
    }
    weir_json_end_array(out);
    weir_json_key(out, WEIR_STR("publishingTasks"));
    weir_json_begin_array(out);
    weir_json_end_array(out);
    put_figures(out, "latestOffsets", spec, status, figure_latest);
    put_figures(out, "minimumLag", spec, status, figure_lag);
    weir_json_member_long(out, "aggregateLag", total_lag(status));
    weir_json_member_time(out, "offsetsLastUpdated", weir_wall_ms(s->ingest->options.clock));
    weir_json_member_bool(out, "suspended", condition->suspended);
    weir_json_member_bool(out, "healthy", condition->healthy);
    weir_json_member_text(out, "state", condition->state);
    weir_json_member_text(out, "detailedState", condition->detailed);
    weir_json_member_bool(out, "backpressure", status->backpressure);
    weir_json_member_bool(out, "handingOff", status->handing_off);
    put_errors(s, condition, out);
    put_gaps(s, out);
    weir_json_end_object(out);
}

bool weir_supervisor_status(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err)
{
    weir_spec *spec;
    weir_supervisor *s = find_with_spec(ingest, id, &spec, err);
    if (spec) {
        weir_arena *arena = weir_arena_new();
        weir_supervisor_condition condition;
        weir_json json = {.out = out};
        weir_supervisor_condition_get(s, arena, &condition);
        weir_json_begin_object(&json);
        weir_json_member_str(&json, "id", s->id);
        weir_json_member_time(&json, "generationTime", weir_wall_ms(ingest->options.clock));
        weir_json_key(&json, WEIR_STR("payload"));
        put_payload(s, spec, &condition, &json);
        weir_json_end_object(&json);
        weir_arena_free(arena);
        weir_spec_unref(spec);
    }
    if (s) {
        weir_supervisor_unref(s);
    }
    return spec != NULL;
}

bool weir_supervisor_health(weir_ingest *ingest, weir_str id, bool *healthy, weir_buf *out,
                            weir_error *err)
{
    weir_supervisor *s = weir_supervisor_find(ingest, id, err);
    if (!s) {
        return false;
    }
    weir_arena *arena = weir_arena_new();
    weir_supervisor_condition condition;
    weir_json json = {.out = out};
    weir_supervisor_condition_get(s, arena, &condition);
    *healthy = condition.healthy;
    weir_json_begin_object(&json);
    weir_json_member_bool(&json, "healthy", condition.healthy);
    weir_gap_figures gaps = count_gaps(s);
    if (gaps.open_gaps > 0) {
        weir_json_member_long(&json, "unacknowledgedGaps", (int64_t)gaps.open_gaps);
        weir_json_member_long(&json, "lostOffsets", (int64_t)gaps.open_offsets);
    }
    weir_json_end_object(&json);
    weir_arena_free(arena);
    weir_supervisor_unref(s);
    return true;
}

bool weir_supervisor_stats(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err)
{
    weir_supervisor *s = weir_supervisor_find(ingest, id, err);
    if (!s) {
        return false;
    }
    weir_json json = {.out = out};
    weir_buf task = {0};
    weir_buf_printf(&task, "index_kafka_%.*s", WEIR_STR_ARG(s->id));
    weir_json_begin_object(&json);
    weir_json_key(&json, WEIR_STR("0"));
    weir_json_begin_object(&json);
    weir_json_key(&json, weir_buf_view(&task));
    weir_json_begin_object(&json);
    weir_json_key(&json, WEIR_STR("movingAverages"));
    weir_json_begin_object(&json);
    weir_json_key(&json, WEIR_STR("buildSegments"));
    weir_stats_print_averages(&s->stats, &json);
    weir_json_end_object(&json);
    weir_json_key(&json, WEIR_STR("totals"));
    weir_json_begin_object(&json);
    weir_json_key(&json, WEIR_STR("buildSegments"));
    weir_stats_print_totals(&s->stats, &json);
    weir_json_end_object(&json);
    weir_json_end_object(&json);
    weir_json_end_object(&json);
    weir_json_end_object(&json);
    weir_buf_done(&task);
    weir_supervisor_unref(s);
    return true;
}

bool weir_supervisor_errors(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err)
{
    weir_supervisor *s = weir_supervisor_find(ingest, id, err);
    if (!s) {
        return false;
    }
    weir_json json = {.out = out};
    weir_rejects_print(s->rejects, &json);
    weir_supervisor_unref(s);
    return true;
}
