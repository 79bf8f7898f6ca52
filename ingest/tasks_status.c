/* ingest/tasks_status.c - what is told of tasks, in the shapes of Druid's overlord. A task is in
 * this process's list; or the table logs know it: its label was committed, or its claim is open; or
 * it is the stream of a running supervisor, which Druid too runs as tasks. */
#include "ingest/claims.h"
#include "ingest/supervisor.h"
#include "ingest/tasks.h"
#include <jansson.h>
#include <stdlib.h>

#define ERROR_MAX 100u /* characters of a status's errorMsg; the report has all of it */
#define STREAM "index_kafka_"

typedef struct shown {                     /* a row of the list, wherever it comes from */
    weir_str id, group, type, table, node; /* node: where it runs; empty: nowhere */
    const char *status, *runner;
    int64_t created_ms, queued_ms, duration_ms;
    const char *error;
} shown;

/* Rows. */

static void put_location(weir_json *out, weir_str node)
{
    const char *colon = node.size ? memrchr(node.at, ':', node.size) : NULL;
    size_t host = colon ? (size_t)(colon - node.at) : 0;
    int64_t port = -1;
    bool known = colon && weir_str_to_long((weir_str){colon + 1, node.size - host - 1}, &port);
    weir_json_key(out, WEIR_STR("location"));
    weir_json_begin_object(out);
    if (known) {
        weir_json_member_str(out, "host", (weir_str){node.at, host});
    } else {
        weir_json_member_null(out, "host");
    }
    weir_json_member_long(out, "port", known ? port : -1);
    weir_json_member_long(out, "tlsPort", -1);
    weir_json_end_object(out);
}

static void put_error(weir_json *out, const char *error)
{
    char cut[ERROR_MAX + 8];
    size_t size = error ? strlen(error) : 0;
    if (size > ERROR_MAX) {
        for (size = ERROR_MAX; ((unsigned char)error[size] & 0xc0) == 0x80; size--) {
        }
        memcpy(cut, error, size);
        strcpy(cut + size, "...");
        error = cut;
    }
    weir_json_member_text(out, "errorMsg", error);
}

static void put_row(weir_json *out, const shown *s)
{
    weir_json_begin_object(out);
    weir_json_member_str(out, "id", s->id);
    weir_json_member_str(out, "groupId", s->group);
    weir_json_member_str(out, "type", s->type);
    weir_json_member_time(out, "createdTime", s->created_ms);
    weir_json_member_time(out, "queueInsertionTime", s->queued_ms);
    weir_json_member_text(out, "statusCode", s->status);
    weir_json_member_text(out, "status", s->status);
    weir_json_member_text(out, "runnerStatusCode", s->runner);
    weir_json_member_long(out, "duration", s->duration_ms);
    put_location(out, s->node);
    weir_json_member_str(out, "dataSource", s->table);
    put_error(out, s->error);
    weir_json_end_object(out);
}

static shown show_task(const weir_task *task)
{
    static const char *const statuses[] = {"RUNNING", "RUNNING", "SUCCESS", "FAILED"},
                             *const runners[] = {"PENDING", "RUNNING", "NONE", "NONE"};
    bool pending = task->state == WEIR_TASK_PENDING;
    return (shown){.id = task->id,
                   .group = task->id,
                   .type = weir_str_of(task->type->name),
                   .table = task->table,
                   .node = pending ? (weir_str){0} : task->tasks->node,
                   .status = statuses[task->state],
                   .runner = runners[task->state],
                   .created_ms = task->created_ms,
                   .queued_ms = weir_task_is_complete(task) ? 0 : task->queued_ms,
                   .duration_ms = task->duration_ms,
                   .error = task->state == WEIR_TASK_FAILED ? task->err.message : NULL};
}

/* The log's. */

bool weir_tasks_trace(weir_tasks *tasks, weir_str id, weir_task_trace *out)
{
    weir_arena *arena = weir_arena_new();
    weir_table **tables;
    size_t count = weir_catalog_all(tasks->options.catalog, arena, &tables);
    bool found = false;
    for (size_t i = 0; i < count && !found; i++) {
        weir_log_state *state = weir_table_state(tables[i]);
        weir_str node = {0};
        uint64_t process = 0;
        *out = (weir_task_trace){.table = weir_table_name(tables[i])};
        out->committed = weir_log_has_label(state, id);
        found = out->committed || weir_claims_find(state, id, &node, &process);
        bool same = found && !out->committed && node.size > 0 && weir_str_eq(node, tasks->node);
        out->lost = same && process != tasks->process;
        out->node = same ? tasks->node : (weir_str){0};
        weir_log_state_unref(state);
    }
    weir_arena_free(arena);
    return found;
}

/* Ids that Druid or weir drew begin with the type and end with the time. */
static shown show_trace(weir_str id, const weir_task_trace *trace)
{
    shown s = {.id = id,
               .group = id,
               .type = WEIR_STR("index_parallel"),
               .table = trace->table,
               .node = trace->node,
               .status = trace->committed ? "SUCCESS"
                         : trace->lost    ? "FAILED"
                                          : "RUNNING",
               .runner = trace->committed || trace->lost ? "NONE" : "RUNNING",
               .duration_ms = -1,
               .error = trace->lost
                            ? "The task's process ended before it committed: nothing was changed"
                            : NULL};
    for (int i = 0; weir_task_types[i]; i++) {
        weir_str name = weir_str_of(weir_task_types[i]->name);
        bool fits = weir_str_starts(id, name) && id.size > name.size && id.at[name.size] == '_';
        s.type = fits ? name : s.type; /* the longest comes later: index, index_parallel */
    }
    const char *last = memrchr(id.at, '_', id.size);
    if (!last || !weir_time_parse_iso((weir_str){last + 1, id.size - (size_t)(last - id.at) - 1},
                                      &s.created_ms)) {
        s.created_ms = 0;
    }
    return s;
}

/* The streams'. */

static shown show_stream(weir_tasks *tasks, const weir_supervisor *s, weir_arena *arena)
{
    return (shown){.id = weir_arena_printf(arena, STREAM "%.*s", WEIR_STR_ARG(s->id)),
                   .group = weir_arena_printf(arena, STREAM "%.*s", WEIR_STR_ARG(s->id)),
                   .type = WEIR_STR("index_kafka"),
                   .table = weir_arena_str(arena, weir_table_name(s->table)),
                   .node = tasks->node,
                   .status = "RUNNING",
                   .runner = "RUNNING",
                   .created_ms = s->started_ms,
                   .queued_ms = s->started_ms,
                   .duration_ms = -1};
}

/* Those that run, in `arena`. */
static uint32_t find_streams(weir_tasks *tasks, weir_arena *arena, shown **out)
{
    weir_supervisor **all = NULL;
    uint32_t kept = 0, count = tasks->options.ingest
                                   ? weir_supervisors_all(tasks->options.ingest, arena, &all)
                                   : 0;
    *out = WEIR_ARENA_ARRAY(arena, shown, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        pthread_mutex_lock(&all[i]->lock);
        bool runs = all[i]->worker != NULL;
        if (runs) {
            (*out)[kept++] = show_stream(tasks, all[i], arena);
        }
        pthread_mutex_unlock(&all[i]->lock);
        weir_supervisor_unref(all[i]);
    }
    return kept;
}

/* One. */

/* Its row with strings in `arena`. */
static bool find_row(weir_tasks *tasks, weir_str id, weir_arena *arena, shown *out)
{
    weir_task_trace trace;
    shown *streams;
    pthread_mutex_lock(&tasks->lock);
    const weir_task *task = weir_tasks_find(tasks, id);
    if (task) {
        *out = show_task(task);
        out->id = out->group = weir_arena_str(arena, task->id);
        out->table = weir_arena_str(arena, task->table);
        out->error = out->error ? weir_arena_text(arena, weir_str_of(out->error)) : NULL;
    }
    pthread_mutex_unlock(&tasks->lock);
    if (task) {
        return true;
    }
    if (weir_str_starts(id, WEIR_STR(STREAM))) {
        uint32_t count = find_streams(tasks, arena, &streams);
        for (uint32_t i = 0; i < count; i++) {
            if (weir_str_eq(streams[i].id, id)) {
                *out = streams[i];
                return true;
            }
        }
    }
    if (weir_tasks_trace(tasks, id, &trace)) {
        *out = show_trace(id, &trace);
        return true;
    }
    return false;
}

bool weir_task_status(weir_tasks *tasks, weir_str id, weir_buf *out)
{
    weir_arena *arena = weir_arena_new();
    weir_json json = {.out = out};
    shown row;
    bool found = find_row(tasks, id, arena, &row);
    weir_json_begin_object(&json);
    weir_json_member_str(&json, "task", id);
    weir_json_key(&json, WEIR_STR("status"));
    if (found) {
        row.queued_ms = 0; /* Druid's own answer here */
        row.runner = strcmp(row.runner, "NONE") == 0 ? "WAITING" : row.runner;
        put_row(&json, &row);
    } else {
        weir_json_null(&json);
    }
    weir_json_end_object(&json);
    weir_arena_free(arena);
    return found;
}

bool weir_task_payload(weir_tasks *tasks, weir_str id, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_error err;
    weir_buf spec = {0};
    weir_str supervisor = {0};
    if (weir_str_starts(id, WEIR_STR(STREAM))) {
        supervisor = (weir_str){id.at + sizeof(STREAM) - 1, id.size - (sizeof(STREAM) - 1)};
    }
    weir_json_begin_object(&json);
    weir_json_member_str(&json, "task", id);
    weir_json_key(&json, WEIR_STR("payload"));
    pthread_mutex_lock(&tasks->lock);
    const weir_task *task = weir_tasks_find(tasks, id);
    bool found = task && task->payload.size > 0;
    if (found) {
        weir_json_raw(&json, task->payload);
    }
    pthread_mutex_unlock(&tasks->lock);
    if (!task && tasks->options.ingest && supervisor.size > 0 &&
        weir_supervisor_spec(tasks->options.ingest, supervisor, &spec, &err)) {
        found = true;
        weir_json_raw(&json, weir_buf_view(&spec));
    }
    if (!found) {
        weir_json_null(&json);
    }
    weir_json_end_object(&json);
    weir_buf_done(&spec);
    return found;
}

bool weir_task_report(weir_tasks *tasks, weir_str id, weir_buf *out)
{
    weir_json json = {.out = out};
    pthread_mutex_lock(&tasks->lock);
    weir_task *task = weir_tasks_find(tasks, id);
    bool found = task && task->type->report && task->state != WEIR_TASK_PENDING;
    if (found) {
        weir_json_begin_object(&json);
        task->type->report(task, &json);
        weir_json_end_object(&json);
    }
    pthread_mutex_unlock(&tasks->lock);
    return found;
}

bool weir_task_log(weir_tasks *tasks, weir_str id, int64_t offset, weir_buf *out)
{
    pthread_mutex_lock(&tasks->lock);
    const weir_task *task = weir_tasks_find(tasks, id);
    if (task) {
        int64_t size = (int64_t)task->log.size, from = offset < 0 ? size + offset : offset;
        from = from < 0 ? 0 : from > size ? size : from;
        weir_buf_put(out, task->log.at + from, (size_t)(size - from));
    }
    pthread_mutex_unlock(&tasks->lock);
    return task != NULL;
}

/* Lists. */

static bool fits(const weir_task_filter *f, const shown *row)
{
    return (f->table.size == 0 || weir_str_eq(f->table, row->table)) &&
           (f->type.size == 0 || weir_str_eq(f->type, row->type));
}

static bool wants(const weir_task_filter *f, const char *state)
{
    return f->state.size == 0 || weir_str_eq_nocase(f->state, weir_str_of(state));
}

static bool was_created_within(const weir_task_filter *f, int64_t ms)
{
    return !f->has_created || (ms >= f->created.start_ms && ms < f->created.end_ms);
}

static void put_complete(weir_tasks *tasks, const weir_task_filter *f, weir_json *out)
{
    int64_t left = f->has_max ? f->max : INT64_MAX;
    for (uint32_t i = tasks->count; i > 0 && left > 0; i--) {
        shown row = show_task(tasks->list[i - 1]);
        if (weir_task_is_complete(tasks->list[i - 1]) && fits(f, &row) &&
            was_created_within(f, row.created_ms)) {
            put_row(out, &row);
            left--;
        }
    }
}

static void put_active(weir_tasks *tasks, const weir_task_filter *f, weir_json *out)
{
    for (uint32_t i = tasks->count; i > 0; i--) {
        const weir_task *task = tasks->list[i - 1];
        shown row = show_task(task);
        bool wanted = (task->state == WEIR_TASK_PENDING && wants(f, "pending")) ||
                      (task->state == WEIR_TASK_RUNNING && wants(f, "running"));
        if (wanted && fits(f, &row)) {
            put_row(out, &row);
        }
    }
}

void weir_tasks_list(weir_tasks *tasks, const weir_task_filter *filter, weir_buf *out)
{
    weir_arena *arena = weir_arena_new();
    weir_json json = {.out = out};
    shown *streams = NULL;
    uint32_t count = wants(filter, "running") ? find_streams(tasks, arena, &streams) : 0;
    weir_json_begin_array(&json);
    pthread_mutex_lock(&tasks->lock);
    if (wants(filter, "complete")) {
        put_complete(tasks, filter, &json);
    }
    put_active(tasks, filter, &json);
    pthread_mutex_unlock(&tasks->lock);
    for (uint32_t i = 0; i < count; i++) {
        if (fits(filter, &streams[i])) {
            put_row(&json, &streams[i]);
        }
    }
    weir_json_end_array(&json);
    weir_arena_free(arena);
}

static void put_status(weir_json *out, const shown *row)
{
    weir_json_key(out, row->id);
    weir_json_begin_object(out);
    weir_json_member_str(out, "id", row->id);
    weir_json_member_text(out, "status", row->status);
    weir_json_member_long(out, "duration", row->duration_ms);
    put_error(out, row->error);
    put_location(out, row->node);
    weir_json_end_object(out);
}

static json_t *read_body(weir_str body, weir_error *err)
{
    json_error_t at;
    json_t *json = json_loadb(body.at ? body.at : "", body.size, JSON_DECODE_ANY, &at);
    if (!json) {
        weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body is not JSON: %s", at.text);
    }
    return json;
}

bool weir_tasks_statuses(weir_tasks *tasks, weir_str body, weir_buf *out, weir_error *err)
{
    json_t *list = read_body(body, err);
    bool ok = list && (json_array_size(list) > 0 ||
                       weir_fail(err, WEIR_ERR_BAD_REQUEST, "No Task IDs provided."));
    weir_arena *arena = weir_arena_new();
    weir_json json = {.out = out};
    if (ok) {
        weir_json_begin_object(&json);
    }
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(list, i));
        shown row;
        if (id && find_row(tasks, weir_arena_str(arena, weir_str_of(id)), arena, &row)) {
            put_status(&json, &row);
        }
    }
    if (ok) {
        weir_json_end_object(&json);
    }
    weir_arena_free(arena);
    json_decref(list);
    return ok;
}

/* Claims and lanes. */

static void put_locked(weir_tasks *tasks, weir_str name, weir_json *out)
{
    weir_table *table = weir_catalog_table(tasks->options.catalog, name);
    weir_log_state *state = table ? weir_table_state(table) : NULL;
    size_t count = 0, shown_count = 0;
    const weir_claim_state *claims = state ? weir_log_claims(state, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        char text[90];
        if (claims[i].claim.from_ms >= claims[i].claim.to_ms) {
            continue;
        }
        size_t size = weir_time_print(text, claims[i].claim.from_ms);
        text[size++] = '/';
        size += weir_time_print(text + size, claims[i].claim.to_ms);
        if (shown_count++ == 0) {
            weir_json_key(out, name);
            weir_json_begin_array(out);
        }
        weir_json_str(out, (weir_str){text, size});
    }
    if (shown_count > 0) {
        weir_json_end_array(out);
    }
    if (state) {
        weir_log_state_unref(state);
    }
}

bool weir_tasks_locked(weir_tasks *tasks, weir_str body, weir_buf *out, weir_error *err)
{
    json_t *json = read_body(body, err);
    weir_json print = {.out = out};
    if (!json || (json_object_size(json) == 0 && json_array_size(json) == 0)) {
        json_decref(json);
        return json ? weir_fail(err, WEIR_ERR_BAD_REQUEST, "No filter provided") : false;
    }
    weir_json_begin_object(&print);
    const char *name;
    json_t *value;
    json_object_foreach(json, name, value)
    {
        put_locked(tasks, weir_str_of(name), &print);
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        name = json_string_value(json_object_get(json_array_get(json, i), "datasource"));
        if (name) {
            put_locked(tasks, weir_str_of(name), &print);
        }
    }
    weir_json_end_object(&print);
    json_decref(json);
    return true;
}

static void put_running(weir_tasks *tasks, const char *name, weir_json *out)
{
    weir_json_key(out, weir_str_of(name));
    weir_json_begin_array(out);
    for (uint32_t i = 0; i < tasks->count; i++) {
        if (tasks->list[i]->state == WEIR_TASK_RUNNING) {
            weir_json_str(out, tasks->list[i]->id);
        }
    }
    weir_json_end_array(out);
}

void weir_tasks_workers(weir_tasks *tasks, weir_buf *out)
{
    weir_json json = {.out = out};
    const char *colon = memrchr(tasks->node.at, ':', tasks->node.size);
    pthread_mutex_lock(&tasks->lock);
    weir_json_begin_array(&json);
    weir_json_begin_object(&json);
    weir_json_key(&json, WEIR_STR("worker"));
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "scheme", "http");
    weir_json_member_str(&json, "host", tasks->node);
    weir_json_member_str(
        &json, "ip",
        (weir_str){tasks->node.at, colon ? (size_t)(colon - tasks->node.at) : tasks->node.size});
    weir_json_member_long(&json, "capacity", tasks->options.lanes);
    weir_json_member_text(&json, "version", "0");
    weir_json_member_text(&json, "category", "_default_worker_category");
    weir_json_end_object(&json);
    weir_json_member_long(&json, "currCapacityUsed", tasks->running);
    weir_json_member_long(&json, "currParallelIndexCapacityUsed", 0);
    put_running(tasks, "availabilityGroups", &json);
    put_running(tasks, "runningTasks", &json);
    weir_json_member_time(&json, "lastCompletedTaskTime", tasks->completed_ms);
    weir_json_member_null(&json, "blacklistedUntil");
    weir_json_end_object(&json);
    weir_json_end_array(&json);
    pthread_mutex_unlock(&tasks->lock);
}

void weir_tasks_capacity(weir_tasks *tasks, weir_buf *out)
{
    weir_json json = {.out = out};
    pthread_mutex_lock(&tasks->lock);
    weir_json_begin_object(&json);
    weir_json_member_long(&json, "currentClusterCapacity", tasks->options.lanes);
    weir_json_member_long(&json, "maximumCapacityWithAutoScale", -1);
    weir_json_member_long(&json, "usedClusterCapacity", tasks->running);
    weir_json_end_object(&json);
    pthread_mutex_unlock(&tasks->lock);
}

void weir_tasks_metrics(weir_tasks *tasks, weir_buf *out)
{
    pthread_mutex_lock(&tasks->lock);
    weir_buf_printf(out,
                    "# TYPE weir_tasks gauge\nweir_tasks{state=\"pending\"} %u\n"
                    "weir_tasks{state=\"running\"} %u\n# TYPE weir_tasks_ended_total counter\n"
                    "weir_tasks_ended_total{status=\"SUCCESS\"} %llu\n"
                    "weir_tasks_ended_total{status=\"FAILED\"} %llu\n",
                    tasks->pending, tasks->running, (unsigned long long)tasks->succeeded,
                    (unsigned long long)tasks->failed);
    pthread_mutex_unlock(&tasks->lock);
}
