/* ingest/tasks.c - see include/weir/tasks.h: the list of tasks, the lanes that run them, and
 * posting one. Tasks stay in the list when they end, up to a bound. */
#include "ingest/tasks.h"
#include "ingest/claims.h"
#include "weir/log.h"
#include "weir/machine.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LANES 2u
#define ACTIVE_MAX 100u                       /* waiting and running */
#define KEPT_MAX 1000u                        /* in the list */
#define PAYLOAD_BYTES_MAX ((size_t)256 << 20) /* of all payloads; ended tasks forget theirs first  \
                                               */
#define LOG_BYTES_MAX 16384u
#define ID_BYTES_MAX 255u

/* The list. */

weir_task *weir_tasks_find(weir_tasks *tasks, weir_str id)
{
    for (uint32_t i = tasks->count; i > 0; i--) {
        if (weir_str_eq(tasks->list[i - 1]->id, id)) {
            return tasks->list[i - 1];
        }
    }
    return NULL;
}

bool weir_task_is_complete(const weir_task *task)
{
    return task->state == WEIR_TASK_SUCCESS || task->state == WEIR_TASK_FAILED;
}

static void note_locked(weir_task *task, const char *sentence)
{
    char time[40];
    size_t size = weir_time_print(time, weir_wall_ms(task->tasks->options.clock));
    if (task->log.size < LOG_BYTES_MAX) {
        weir_buf_printf(&task->log, "%.*s INFO %s\n", (int)size, time, sentence);
    }
}

void weir_task_note(weir_task *task, const char *format, ...)
{
    char sentence[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    pthread_mutex_lock(&task->tasks->lock);
    note_locked(task, sentence);
    pthread_mutex_unlock(&task->tasks->lock);
}

static void forget_payload(weir_task *task)
{
    task->tasks->payload_bytes -= task->payload.size;
    free((void *)(uintptr_t)task->payload.at);
    task->payload = (weir_str){0};
}

static void free_task(weir_task *task)
{
    if (task->type->done) {
        task->type->done(task);
    }
    free((void *)(uintptr_t)task->payload.at);
    weir_buf_done(&task->log);
    weir_arena_free(task->arena);
    free(task);
}

/* Makes room for `more` bytes and for a task. Lock held. */
static void forget_old(weir_tasks *tasks, size_t more)
{
    for (uint32_t i = 0; i < tasks->count && tasks->payload_bytes + more > PAYLOAD_BYTES_MAX; i++) {
        if (weir_task_is_complete(tasks->list[i])) {
            forget_payload(tasks->list[i]);
        }
    }
    for (uint32_t i = 0; i < tasks->count && tasks->count > KEPT_MAX;) {
        weir_task *task = tasks->list[i];
        if (!weir_task_is_complete(task)) {
            i++;
            continue;
        }
        forget_payload(task);
        free_task(task);
        memmove(&tasks->list[i], &tasks->list[i + 1], sizeof(weir_task *) * (tasks->count - i - 1));
        tasks->count--;
    }
}

/* Running. */

/* Lock held. */
static void end_task(weir_task *task, bool ok, const weir_error *err)
{
    weir_tasks *tasks = task->tasks;
    char sentence[1200];
    task->state = ok ? WEIR_TASK_SUCCESS : WEIR_TASK_FAILED;
    task->duration_ms = (weir_monotonic_us(tasks->options.clock) - task->began_us) / 1000;
    if (!ok) {
        task->err = *err;
    }
    if (!ok && err->code == WEIR_ERR_CANCELLED) {
        weir_fail(&task->err, WEIR_ERR_CANCELLED, "%s", task->why ? task->why : err->message);
    }
    tasks->succeeded += ok;
    tasks->failed += !ok;
    tasks->completed_ms = weir_wall_ms(tasks->options.clock);
    snprintf(sentence, sizeof(sentence), "Task completed with status: %s%s%s",
             ok ? "SUCCESS" : "FAILED", ok ? "" : ": ", ok ? "" : task->err.message);
    note_locked(task, sentence);
    weir_log(ok ? WEIR_INFO : WEIR_WARN, "tasks", "%.*s: %s", WEIR_STR_ARG(task->id), sentence);
    forget_old(tasks, 0);
    pthread_cond_broadcast(&tasks->changed);
}

/* The oldest that waits. Lock held. */
static weir_task *next_task(weir_tasks *tasks)
{
    for (uint32_t i = 0; i < tasks->count; i++) {
        if (tasks->list[i]->state == WEIR_TASK_PENDING) {
            return tasks->list[i];
        }
    }
    return NULL;
}

static void run_task(weir_tasks *tasks, weir_task *task)
{
    weir_error err = {0};
    tasks->pending--;
    tasks->running++;
    task->state = WEIR_TASK_RUNNING;
    task->began_us = weir_monotonic_us(tasks->options.clock);
    note_locked(task, "Running task");
    pthread_mutex_unlock(&tasks->lock);
    bool ok = task->type->run(task, &err);
    pthread_mutex_lock(&tasks->lock);
    tasks->running--;
    end_task(task, ok, &err);
}

static void *run_lane(void *self)
{
    weir_tasks *tasks = self;
    pthread_setname_np(pthread_self(), "task");
    pthread_mutex_lock(&tasks->lock);
    while (!tasks->stopping) {
        weir_task *task = next_task(tasks);
        if (task) {
            run_task(tasks, task);
        } else {
            pthread_cond_wait(&tasks->changed, &tasks->lock);
        }
    }
    pthread_mutex_unlock(&tasks->lock);
    return NULL;
}

/* Lock held. */
static void start_lanes(weir_tasks *tasks)
{
    while (tasks->thread_count < tasks->options.lanes &&
           pthread_create(&tasks->threads[tasks->thread_count], NULL, run_lane, tasks) == 0) {
        tasks->thread_count++;
    }
}

/* Lock held. */
static void cancel_task(weir_task *task, const char *why)
{
    weir_error err;
    if (weir_task_is_complete(task) || task->cancelled) {
        return;
    }
    task->why = why;
    task->cancelled = true;
    if (task->state == WEIR_TASK_PENDING) {
        task->tasks->pending--;
        weir_fail(&err, WEIR_ERR_CANCELLED, "%s", why);
        end_task(task, false, &err);
    }
}

/* Posting. */

static const weir_task_type *find_type(weir_str name, weir_error *err)
{
    weir_buf known = {0};
    const weir_task_type *found = NULL;
    for (int i = 0; weir_task_types[i] && !found; i++) {
        weir_buf_printf(&known, "%s%s", i ? ", " : "", weir_task_types[i]->name);
        found = weir_str_is(name, weir_task_types[i]->name) ? weir_task_types[i] : NULL;
    }
    if (!found) {
        weir_fail(err, WEIR_ERR_BAD_REQUEST,
                  "Could not resolve type id '%.*s' as a subtype of "
                  "`org.apache.druid.indexing.common.task.Task`: known type ids = [%.*s]",
                  WEIR_STR_ARG(name), WEIR_STR_ARG(weir_buf_view(&known)));
    }
    weir_buf_done(&known);
    return found;
}

static bool check_id(weir_str id, weir_error *err)
{
    static const char field[] = "Invalid value for field [Task ID]";
    if (id.size > ID_BYTES_MAX) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: Value must not have more than %u bytes.",
                         field, ID_BYTES_MAX);
    }
    if (id.at[0] == '.') {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: Value [%.*s] cannot start with '.'.",
                         field, WEIR_STR_ARG(id));
    }
    for (size_t i = 0; i < id.size; i++) {
        unsigned char c = (unsigned char)id.at[i];
        if (c == '/' || c < ' ' || (c == ' ' && i + 1 < id.size && id.at[i + 1] == ' ')) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "%s: Value [%.*s] contains illegal characters.", field,
                             WEIR_STR_ARG(id));
        }
    }
    return true;
}

/* As Druid draws them: index_parallel_<data source>_<8 letters>_<time>. */
static weir_str draw_id(const weir_task *task)
{
    const weir_clock *clock = task->tasks->options.clock;
    char letters[9] = {0}, time[40];
    uint64_t random = weir_random(clock);
    for (int i = 0; i < 8; i++) {
        letters[i] = (char)('a' + (random >> (4 * i) & 15));
    }
    size_t size = weir_time_print(time, weir_wall_ms(clock));
    return weir_arena_printf(task->arena, "%s_%.*s_%s_%.*s", task->type->name,
                             WEIR_STR_ARG(task->table), letters, (int)size, time);
}

static void set_default(json_t *object, const char *name, json_t *value)
{
    if (!json_object_get(object, name)) {
        json_object_set(object, name, value);
    }
    json_decref(value);
}

/* What was posted, with the members that Druid adds. */
static weir_str print_payload(const weir_task *task, const json_t *json)
{
    json_t *all = json_object(), *context = json_object();
    char *id = weir_arena_text(task->arena, task->id),
         *table = weir_arena_text(task->arena, task->table);
    json_object_set_new(all, "type", json_string(task->type->name));
    json_object_set_new(all, "id", json_string(id));
    json_object_set(all, "groupId", json_object_get(json, "groupId"));
    set_default(all, "groupId", json_string(id));
    json_object_set_new(all, "resource",
                        json_pack("{s:s, s:i}", "availabilityGroup", id, "requiredCapacity", 1));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        if (strcmp(name, "context") != 0) {
            json_object_set(all, name, value);
        }
    }
    json_object_set_new(all, "id", json_string(id));
    if (json_is_object(json_object_get(json, "context"))) {
        json_object_update(context, json_object_get(json, "context"));
    }
    set_default(context, "forceTimeChunkLock", json_true());
    set_default(context, "useLineageBasedSegmentAllocation", json_true());
    json_object_set_new(all, "context", context);
    json_object_set_new(all, "dataSource", json_string(table));
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return weir_str_of(text);
}

static bool fail_exists(weir_str id, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_EXISTS, "Task[%.*s] already exists", WEIR_STR_ARG(id));
}

/* Not in this process: committed by an earlier one, or at work in another. */
static bool is_elsewhere(weir_tasks *tasks, weir_str id)
{
    weir_task_trace trace;
    return weir_tasks_trace(tasks, id, &trace) && !trace.lost;
}

static bool add_locked(weir_tasks *tasks, weir_task *task, weir_error *err)
{
    if (weir_tasks_find(tasks, task->id)) {
        return fail_exists(task->id, err);
    }
    if (tasks->stopping) {
        return weir_fail(err, WEIR_ERR_CAPACITY, "the server is about to end");
    }
    if (tasks->pending + tasks->running >= ACTIVE_MAX) {
        return weir_fail(err, WEIR_ERR_CAPACITY,
                         "Task queue already contains [%u] tasks. Retry later.", ACTIVE_MAX);
    }
    forget_old(tasks, task->payload.size);
    if (tasks->payload_bytes + task->payload.size > PAYLOAD_BYTES_MAX) {
        return weir_fail(err, WEIR_ERR_CAPACITY,
                         "Task queue already holds [%llu] bytes. Retry later.",
                         (unsigned long long)tasks->payload_bytes);
    }
    if (tasks->count == tasks->capacity) {
        tasks->capacity = tasks->capacity * 2 + 64;
        tasks->list = weir_realloc(tasks->list, sizeof(weir_task *) * tasks->capacity);
    }
    tasks->list[tasks->count++] = task;
    tasks->payload_bytes += task->payload.size;
    tasks->pending++;
    note_locked(task, "Task added to the queue");
    start_lanes(tasks);
    pthread_cond_signal(&tasks->changed);
    return true;
}

/* Everything that can be wrong with it is said here and not when it runs. */
static bool make_task(weir_tasks *tasks, const json_t *json, weir_task *task, weir_error *err)
{
    weir_members m;
    weir_str type = {0}, id = {0};
    if (!weir_members_of(json, "", &m, err) || !weir_member_text(&m, "type", &type, err) ||
        !weir_member_text(&m, "id", &id, err)) {
        return false;
    }
    if (type.size == 0) {
        return weir_fail(
            err, WEIR_ERR_BAD_REQUEST,
            "Could not resolve subtype of [simple type, class "
            "org.apache.druid.indexing.common.task.Task]: missing type id property 'type'");
    }
    task->type = find_type(type, err);
    if (!task->type || !task->type->read(task, json, err)) {
        return false;
    }
    task->id = id.size > 0 ? weir_arena_str(task->arena, id) : draw_id(task);
    if (!check_id(task->id, err)) {
        return false;
    }
    task->payload = print_payload(task, json);
    return !is_elsewhere(tasks, task->id) || fail_exists(task->id, err);
}

static bool post(weir_tasks *tasks, const json_t *json, weir_buf *out, weir_error *err)
{
    static const weir_task_type none = {.name = ""};
    weir_task *task = weir_calloc(1, sizeof(*task));
    *task = (weir_task){.tasks = tasks,
                        .type = &none,
                        .arena = weir_arena_new(),
                        .duration_ms = -1,
                        .created_ms = weir_wall_ms(tasks->options.clock)};
    task->queued_ms = task->created_ms;
    task->began_us = weir_monotonic_us(tasks->options.clock);
    bool ok = make_task(tasks, json, task, err);
    weir_buf answer = {0};
    weir_json print = {.out = &answer};
    weir_json_begin_object(&print);
    weir_json_member_str(&print, "task", task->id);
    weir_json_end_object(&print);
    if (ok) {
        pthread_mutex_lock(&tasks->lock);
        ok = add_locked(tasks, task, err);
        pthread_mutex_unlock(&tasks->lock); /* from here on the task is a lane's */
    }
    if (ok) {
        weir_buf_str(out, weir_buf_view(&answer));
    } else {
        task->type = task->type ? task->type : &none;
        free_task(task);
    }
    weir_buf_done(&answer);
    return ok;
}

bool weir_task_post(weir_tasks *tasks, weir_str body, weir_buf *out, weir_error *err)
{
    json_error_t at;
    json_t *json = json_loadb(body.at ? body.at : "", body.size, JSON_REJECT_DUPLICATES, &at);
    if (!json) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "the task is not JSON: %s (line %d, column %d)",
                         at.text, at.line, at.column);
    }
    bool ok = post(tasks, json, out, err);
    json_decref(json);
    return ok;
}

/* Ending them. */

bool weir_task_shutdown(weir_tasks *tasks, weir_str id, weir_buf *out, weir_error *err)
{
    weir_json json = {.out = out};
    if (tasks->options.ingest && weir_str_starts(id, WEIR_STR("index_kafka_"))) {
        weir_str supervisor = {id.at + 12, id.size - 12};
        if (weir_supervisor_spec(tasks->options.ingest, supervisor, out, err)) {
            out->size = 0;
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "the stream of supervisor [%.*s] is no task that ends: suspend or "
                             "terminate the supervisor",
                             WEIR_STR_ARG(supervisor));
        }
    }
    pthread_mutex_lock(&tasks->lock);
    weir_task *task = weir_tasks_find(tasks, id);
    if (task) {
        cancel_task(task, "Shutdown request from user");
    }
    pthread_mutex_unlock(&tasks->lock);
    weir_json_begin_object(&json);
    weir_json_member_str(&json, "task", id);
    weir_json_end_object(&json);
    return true;
}

bool weir_tasks_shutdown_all(weir_tasks *tasks, weir_str table, weir_buf *out)
{
    uint32_t active = 0;
    weir_json json = {.out = out};
    pthread_mutex_lock(&tasks->lock);
    for (uint32_t i = tasks->count; i > 0; i--) { /* old ones may leave the list meanwhile */
        weir_task *task = tasks->list[i - 1];
        if (weir_str_eq(task->table, table) && !weir_task_is_complete(task)) {
            active++;
            cancel_task(task, "Shutdown request from user");
        }
    }
    pthread_mutex_unlock(&tasks->lock);
    if (active > 0) {
        weir_json_begin_object(&json);
        weir_json_member_str(&json, "dataSource", table);
        weir_json_end_object(&json);
    }
    return active > 0;
}

/* The whole. */

weir_tasks *weir_tasks_new(const weir_tasks_options *options)
{
    weir_tasks *tasks = weir_calloc(1, sizeof(*tasks));
    tasks->options = *options;
    tasks->options.lanes = options->lanes ? options->lanes : LANES;
    if (options->input_path && !options->input_path[0]) {
        tasks->options.input_path = NULL;
    }
    if (!options->memory_bytes) {
        tasks->options.memory_bytes = weir_machine_bytes() / 8;
    }
    tasks->node = weir_str_dup(options->node);
    tasks->process = weir_random(options->clock);
    tasks->threads = weir_calloc(tasks->options.lanes, sizeof(pthread_t));
    pthread_mutex_init(&tasks->lock, NULL);
    pthread_cond_init(&tasks->changed, NULL);
    return tasks;
}

bool weir_tasks_stop(weir_tasks *tasks, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    pthread_mutex_lock(&tasks->lock);
    tasks->stopping = true;
    for (uint32_t i = tasks->count; i > 0; i--) {
        cancel_task(tasks->list[i - 1], "Canceled as task execution process stopped");
    }
    pthread_cond_broadcast(&tasks->changed);
    int code = 0;
    while (tasks->running > 0 && code == 0) {
        code = pthread_cond_timedwait(&tasks->changed, &tasks->lock, &until);
    }
    bool idle = tasks->running == 0;
    pthread_mutex_unlock(&tasks->lock);
    return idle;
}

void weir_tasks_free(weir_tasks *tasks)
{
    if (!tasks) {
        return;
    }
    weir_tasks_stop(tasks, 0);
    for (uint32_t i = 0; i < tasks->thread_count; i++) {
        pthread_join(tasks->threads[i], NULL);
    }
    for (uint32_t i = 0; i < tasks->count; i++) {
        free_task(tasks->list[i]);
    }
    free(tasks->list);
    free(tasks->threads);
    free((void *)(uintptr_t)tasks->node.at);
    pthread_cond_destroy(&tasks->changed);
    pthread_mutex_destroy(&tasks->lock);
    free(tasks);
}
