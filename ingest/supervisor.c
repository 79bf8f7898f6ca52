/* ingest/supervisor.c - supervisors come and go: posted, resumed at start, suspended,
 * terminated, stopped; offsets are in supervisor_offsets.c. Whatever changes one seals and hands
 * off under the old spec first, then commits the new one, then goes on, so no row is lost or
 * doubled (docs/PROTOCOL.md, sections 6 and 7). */
#include "ingest/supervisor.h"
#include "ingest/transform.h"
#include "weir/log.h"
#include "weir/machine.h"
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define STOP_WAIT_MS 60000
#define TERM_WAIT_MS 5000 /* of SIGTERM's 10 s: the groups are left in the rest */
#define STEP_WAIT_MS 100

/* The registry. */

/* Budgets outlive the catalog, whose generations give back to them: they stay. */
typedef struct kept_budget {
    struct kept_budget *next;
    weir_budget budget, waiting;
} kept_budget;
static kept_budget *_Atomic kept_budgets;

static kept_budget *new_budget(size_t limit_bytes)
{
    kept_budget *kept = weir_calloc(1, sizeof(*kept));
    kept->budget.name = "ingest";
    kept->budget.limit_bytes = limit_bytes;
    kept->waiting.name = "consumers";
    kept->waiting.parent = &kept->budget;
    kept->next = atomic_load(&kept_budgets);
    while (!atomic_compare_exchange_weak(&kept_budgets, &kept->next, kept)) {
    }
    return kept;
}

static weir_event_source *open_kafka(void *self, const weir_source_options *options,
                                     weir_error *err)
{
    (void)self;
    return weir_kafka_open(options, err);
}

weir_ingest *weir_ingest_new(const weir_ingest_options *options, weir_error *err)
{
    (void)err;
    size_t machine = weir_machine_bytes();
    weir_ingest *ingest = weir_calloc(1, sizeof(*ingest));
    ingest->options = *options;
    ingest->node = weir_str_dup(options->node);
    ingest->work_path = weir_strdup(options->work_path);
    kept_budget *kept = new_budget(options->memory_bytes ? options->memory_bytes : machine / 4);
    ingest->budget = &kept->budget;
    ingest->waiting = &kept->waiting;
    ingest->open = open_kafka;
    ingest->holders = 1;
    pthread_mutex_init(&ingest->lock, NULL);
    weir_ingest_sync_init(ingest);
    return ingest;
}

static weir_supervisor *ref(weir_supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    s->refs++;
    pthread_mutex_unlock(&s->lock);
    return s;
}

void weir_supervisor_unref(weir_supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (last) {
        weir_spec_unref(s->spec);
        weir_rejects_free(s->rejects);
        free((void *)s->id.at);
        pthread_cond_destroy(&s->ended_changed);
        pthread_mutex_destroy(&s->lock);
        pthread_mutex_destroy(&s->change);
        free(s);
    }
}

static weir_supervisor *new_supervisor(weir_ingest *ingest, weir_table *table, weir_str id)
{
    weir_supervisor *s = weir_calloc(1, sizeof(*s));
    s->ingest = ingest;
    s->id = weir_str_dup(id);
    s->table = table;
    s->rejects = weir_rejects_new(ingest->options.clock);
    s->refs = 1;
    pthread_mutex_init(&s->change, NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->ended_changed, NULL);
    return s;
}

/* With the registry's lock held: where it is or belongs. */
static uint32_t find_index(const weir_ingest *ingest, weir_str id)
{
    uint32_t i = 0;
    while (i < ingest->supervisor_count && weir_str_cmp(ingest->supervisors[i]->id, id) < 0) {
        i++;
    }
    return i;
}

bool weir_supervisor_fail_unknown(weir_str id, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_NOT_FOUND, "[%.*s] does not exist", WEIR_STR_ARG(id));
}

weir_supervisor *weir_supervisor_find(weir_ingest *ingest, weir_str id, weir_error *err)
{
    weir_supervisor *found = NULL;
    pthread_mutex_lock(&ingest->lock);
    uint32_t i = find_index(ingest, id);
    if (i < ingest->supervisor_count && weir_str_eq(ingest->supervisors[i]->id, id)) {
        found = ref(ingest->supervisors[i]);
    }
    pthread_mutex_unlock(&ingest->lock);
    if (!found) {
        weir_supervisor_fail_unknown(id, err);
    }
    return found;
}

uint32_t weir_supervisors_all(weir_ingest *ingest, weir_arena *arena, weir_supervisor ***out)
{
    pthread_mutex_lock(&ingest->lock);
    uint32_t count = ingest->supervisor_count;
    *out = WEIR_ARENA_ARRAY(arena, weir_supervisor *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        (*out)[i] = ref(ingest->supervisors[i]);
    }
    pthread_mutex_unlock(&ingest->lock);
    return count;
}

/* The supervisor of that id, made if it is new; a reference. */
weir_supervisor *weir_supervisor_add(weir_ingest *ingest, weir_table *table, weir_str id)
{
    pthread_mutex_lock(&ingest->lock);
    uint32_t i = find_index(ingest, id);
    if (i == ingest->supervisor_count || !weir_str_eq(ingest->supervisors[i]->id, id)) {
        if (ingest->supervisor_count == ingest->supervisor_capacity) {
            ingest->supervisor_capacity = ingest->supervisor_capacity * 2 + 8;
            ingest->supervisors = weir_realloc(
                ingest->supervisors, ingest->supervisor_capacity * sizeof(*ingest->supervisors));
        }
        memmove(&ingest->supervisors[i + 1], &ingest->supervisors[i],
                (ingest->supervisor_count - i) * sizeof(*ingest->supervisors));
        ingest->supervisors[i] = new_supervisor(ingest, table, id);
        ingest->supervisor_count++;
    }
    weir_supervisor *s = ref(ingest->supervisors[i]);
    pthread_mutex_unlock(&ingest->lock);
    return s;
}

void weir_supervisor_remove(weir_ingest *ingest, weir_supervisor *s)
{
    pthread_mutex_lock(&ingest->lock);
    uint32_t i = find_index(ingest, s->id);
    bool there = i < ingest->supervisor_count && ingest->supervisors[i] == s;
    if (there) {
        ingest->supervisor_count--;
        memmove(&ingest->supervisors[i], &ingest->supervisors[i + 1],
                (ingest->supervisor_count - i) * sizeof(*ingest->supervisors));
    }
    pthread_mutex_unlock(&ingest->lock);
    if (there) {
        weir_supervisor_unref(s);
    }
}

weir_spec *weir_supervisor_spec_ref(weir_supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    weir_spec *spec = s->spec ? weir_spec_ref(s->spec) : NULL;
    pthread_mutex_unlock(&s->lock);
    return spec;
}

void weir_supervisor_set_spec(weir_supervisor *s, weir_spec *spec, bool suspended)
{
    pthread_mutex_lock(&s->lock);
    weir_spec *old = s->spec;
    s->spec = weir_spec_ref(spec);
    s->suspended = suspended;
    pthread_mutex_unlock(&s->lock);
    s->known_spec = 0;
    weir_spec_unref(old);
}

/* Its worker. All with `change` held. */

static void *run(void *self)
{
    weir_supervisor *s = self;
    pthread_setname_np(pthread_self(), "ingest");
    while (weir_worker_step(s->worker, STEP_WAIT_MS)) {
    }
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_broadcast(&s->ended_changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

bool weir_supervisor_start(weir_supervisor *s, weir_error *err)
{
    weir_ingest *ingest = s->ingest;
    pthread_mutex_lock(&ingest->lock);
    uint64_t holder = ingest->holders++;
    bool stopping = ingest->stopping;
    pthread_mutex_unlock(&ingest->lock);
    if (stopping) {
        return weir_fail(err, WEIR_ERR_CONFLICT, "the service is ending");
    }
    weir_worker_options options = {.catalog = ingest->options.catalog,
                                   .table = s->table,
                                   .clock = ingest->options.clock,
                                   .budget = ingest->budget,
                                   .waiting = ingest->waiting,
                                   .work_path = ingest->work_path,
                                   .node = ingest->node,
                                   .holder = holder,
                                   .jobs = weir_jobs_threads,
                                   .open = ingest->open,
                                   .open_self = ingest->open_self,
                                   .stats = &s->stats,
                                   .rejects = s->rejects};
    weir_worker *worker = weir_worker_new(&options, s->spec, err);
    pthread_mutex_lock(&s->lock);
    s->worker = worker;
    s->ended = false;
    s->started_ms = weir_wall_ms(ingest->options.clock);
    s->failure = worker ? (weir_error){0} : *err;
    pthread_mutex_unlock(&s->lock);
    if (worker && pthread_create(&s->thread, NULL, run, s) != 0) {
        weir_die("out of threads");
    }
    return worker != NULL;
}

/* Waits until the thread ends; false: not within the time. */
static bool wait_ended(weir_supervisor *s, int64_t wait_ms)
{
    struct timespec until = weir_deadline(CLOCK_REALTIME, wait_ms);
    pthread_mutex_lock(&s->lock);
    int code = 0;
    while (s->worker && !s->ended && code == 0) {
        code = pthread_cond_timedwait(&s->ended_changed, &s->lock, &until);
    }
    bool ended = !s->worker || s->ended;
    pthread_mutex_unlock(&s->lock);
    return ended;
}

void weir_supervisor_join(weir_supervisor *s)
{
    if (!s->worker) {
        return;
    }
    pthread_join(s->thread, NULL);
    pthread_mutex_lock(&s->lock);
    weir_worker *worker = s->worker;
    s->worker = NULL;
    pthread_mutex_unlock(&s->lock);
    weir_worker_free(worker);
}

/* Seals, hands off, leaves the group. False: it goes on trying; nothing else was changed. */
static bool stop_worker(weir_supervisor *s, weir_error *err)
{
    if (!s->worker) { /* also while the service ends */
        return true;
    }
    weir_worker_stop(s->worker);
    bool ended = false;
    for (int64_t waited_ms = 0; !ended && waited_ms < STOP_WAIT_MS && !s->ingest->stopping;
         waited_ms += 100) {
        ended = wait_ended(s, 100);
    }
    if (!ended) {
        weir_arena *arena = weir_arena_new();
        weir_worker_status status;
        weir_worker_status_get(s->worker, arena, &status);
        weir_fail(err, WEIR_ERR_STORE,
                  "supervisor [%.*s] takes no more events, but its rows could not be handed off "
                  "within %d s: %s",
                  WEIR_STR_ARG(s->id), STOP_WAIT_MS / 1000,
                  status.has_problem ? status.problem.message : "no answer");
        weir_arena_free(arena);
        return false;
    }
    weir_supervisor_join(s);
    return true;
}

/* Commits. */

static bool is_stopping(void *self)
{
    weir_supervisor *s = self;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return s->ingest->stopping || now.tv_sec >= s->give_up_s;
}

bool weir_supervisor_commit(weir_supervisor *s, weir_table *table, weir_commit *commit,
                            weir_error *err)
{
    int rule = 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    s->give_up_s = now.tv_sec + STOP_WAIT_MS / 1000;
    return weir_table_commit(table, commit, is_stopping, s, &rule, err) == WEIR_COMMIT_LANDED;
}

static bool commit_spec(weir_supervisor *s, weir_table *table, weir_str spec, bool suspended,
                        weir_error *err)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_SPEC, s->ingest->options.clock);
    commit->supervisor.set = true;
    commit->supervisor.id = weir_arena_str(commit->arena, s->id);
    commit->supervisor.spec = weir_arena_str(commit->arena, spec);
    commit->supervisor.suspended = suspended;
    return weir_supervisor_commit(s, table, commit, err);
}

void weir_supervisor_put_id(weir_str id, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_json_begin_object(&json);
    weir_json_member_str(&json, "id", id);
    weir_json_end_object(&json);
}

/* The API. */

static bool change_spec(weir_supervisor *s, weir_table *table, weir_spec *spec, weir_error *err)
{
    if (!stop_worker(s, err)) {
        return false;
    }
    if (s->table != table && s->spec && !commit_spec(s, s->table, WEIR_STR("null"), false, err)) {
        return false;
    }
    s->table = table;
    if (!commit_spec(s, table, spec->text, spec->suspended, err)) {
        return false;
    }
    weir_supervisor_set_spec(s, spec, spec->suspended);
    return spec->suspended || weir_supervisor_start(s, err);
}

/* Refuses at once what a worker could not start with. */
static bool check_spec(weir_spec *spec, weir_error *err)
{
    if (!weir_kafka_check("ioConfig.consumerProperties", spec->consumer_properties, err)) {
        return false;
    }
    weir_fields *fields = weir_spec_fields(spec);
    weir_transform *transform = weir_transform_new(spec, fields, err);
    weir_transform_free(transform);
    weir_fields_free(fields);
    return transform != NULL;
}

bool weir_supervisor_post(weir_ingest *ingest, weir_str spec_json, weir_buf *out, weir_error *err)
{
    weir_spec *spec = weir_spec_parse(spec_json, true, false, err);
    if (!spec) {
        return false;
    }
    bool ok = check_spec(spec, err);
    weir_table *table =
        ok ? weir_catalog_table_create(ingest->options.catalog, spec->schema->table, err) : NULL;
    if (!table) {
        weir_spec_unref(spec);
        return false;
    }
    weir_supervisor *s = weir_supervisor_add(ingest, table, spec->id);
    pthread_mutex_lock(&s->change);
    if (s->terminated) {
        ok = weir_fail(err, WEIR_ERR_CONFLICT,
                       "supervisor [%.*s] is being terminated: post it again",
                       WEIR_STR_ARG(spec->id));
    } else {
        ok = change_spec(s, table, spec, err);
    }
    bool is_new = !s->spec;
    pthread_mutex_unlock(&s->change);
    if (ok) {
        weir_supervisor_put_id(spec->id, out);
    } else if (is_new) {
        weir_supervisor_remove(ingest, s);
    }
    weir_supervisor_unref(s);
    weir_spec_unref(spec);
    return ok;
}

static bool suspend_now(weir_supervisor *s, bool suspend, weir_error *err)
{
    if (s->terminated) {
        return weir_supervisor_fail_unknown(s->id, err);
    }
    if (s->suspended == suspend && (suspend || s->worker)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "[%.*s] is already %s",
                         WEIR_STR_ARG(s->id), suspend ? "suspended" : "running");
    }
    if (!stop_worker(s, err) || !commit_spec(s, s->table, s->spec->text, suspend, err)) {
        return false;
    }
    weir_supervisor_set_spec(s, s->spec, suspend);
    return suspend || weir_supervisor_start(s, err);
}

bool weir_supervisor_suspend(weir_ingest *ingest, weir_str id, bool suspend, weir_buf *out,
                             weir_error *err)
{
    weir_supervisor *s = weir_supervisor_find(ingest, id, err);
    if (!s) {
        return false;
    }
    pthread_mutex_lock(&s->change);
    bool ok = suspend_now(s, suspend, err);
    if (ok) {
        weir_supervisor_put_spec(s->spec->text, s->suspended, out);
    }
    pthread_mutex_unlock(&s->change);
    weir_supervisor_unref(s);
    return ok;
}

bool weir_supervisor_terminate(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err)
{
    weir_supervisor *s = weir_supervisor_find(ingest, id, err);
    if (!s) {
        return false;
    }
    pthread_mutex_lock(&s->change);
    bool ok = s->terminated ||
              (stop_worker(s, err) && commit_spec(s, s->table, WEIR_STR("null"), false, err));
    s->terminated = s->terminated || ok;
    pthread_mutex_unlock(&s->change);
    if (ok) {
        weir_supervisor_put_id(s->id, out);
        weir_supervisor_remove(ingest, s);
    }
    weir_supervisor_unref(s);
    return ok;
}

static void sleep_ms(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

bool weir_supervisor_wait(weir_supervisor *s, bool (*done)(void *self), void *self, weir_error *err)
{
    for (int64_t waited_ms = 0; waited_ms < STOP_WAIT_MS && !s->ingest->stopping; waited_ms += 10) {
        if (done(self)) {
            return true;
        }
        sleep_ms(10);
    }
    weir_arena *arena = weir_arena_new();
    weir_worker_status status;
    weir_worker_status_get(s->worker, arena, &status);
    weir_fail(err, WEIR_ERR_STORE, "supervisor [%.*s]: not done within %d s, it goes on trying: %s",
              WEIR_STR_ARG(s->id), STOP_WAIT_MS / 1000,
              status.has_problem ? status.problem.message : "no answer");
    weir_arena_free(arena);
    return false;
}

typedef struct flushing {
    weir_worker *worker;
    uint64_t ticket;
    bool (*give_up)(void *self);
    void *self;
    bool given_up;
} flushing;

static bool is_flushed(void *self)
{
    flushing *f = self;
    f->given_up = f->give_up && f->give_up(f->self);
    return f->given_up || weir_worker_flushed(f->worker, f->ticket);
}

static bool flush(weir_supervisor *s, bool (*give_up)(void *self), void *self, weir_error *err)
{
    if (!s->worker) {
        return true;
    }
    flushing f = {s->worker, weir_worker_flush(s->worker), give_up, self, false};
    return weir_supervisor_wait(s, is_flushed, &f, err) &&
           (!f.given_up ||
            weir_fail(err, WEIR_ERR_CONFLICT, "supervisor [%.*s]: the hand-off was not waited for",
                      WEIR_STR_ARG(s->id)));
}

bool weir_supervisor_handoff(weir_ingest *ingest, weir_str id, weir_buf *out, weir_error *err)
{
    weir_supervisor *s = weir_supervisor_find(ingest, id, err);
    if (!s) {
        return false;
    }
    pthread_mutex_lock(&s->change);
    bool ok = flush(s, NULL, NULL, err);
    pthread_mutex_unlock(&s->change);
    if (ok) {
        weir_supervisor_put_id(s->id, out);
    }
    weir_supervisor_unref(s);
    return ok;
}

bool weir_ingest_flush(weir_ingest *ingest, weir_str table, bool (*give_up)(void *self), void *self,
                       weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_supervisor **all;
    uint32_t count = weir_supervisors_all(ingest, arena, &all);
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        pthread_mutex_lock(&all[i]->change);
        if (ok && weir_str_eq(weir_table_name(all[i]->table), table)) {
            ok = flush(all[i], give_up, self, err);
        }
        pthread_mutex_unlock(&all[i]->change);
        weir_supervisor_unref(all[i]);
    }
    weir_arena_free(arena);
    return ok;
}

/* Start and end of the process. */

static void stop_all(weir_supervisor **all, uint32_t count)
{
    struct timespec begun, now;
    bool late = false;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (uint32_t i = 0; i < count; i++) {
        if (all[i]->worker) {
            weir_worker_stop(all[i]->worker);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t left_ms = TERM_WAIT_MS - ((now.tv_sec - begun.tv_sec) * 1000 +
                                          (now.tv_nsec - begun.tv_nsec) / 1000000);
        if (!wait_ended(all[i], left_ms > 0 ? left_ms : 0)) {
            weir_log(WEIR_WARN, "ingest",
                     "supervisor '%.*s': the hand-off took too long; its rows are read again from "
                     "the topic at the next start",
                     WEIR_STR_ARG(all[i]->id));
            weir_worker_cancel(all[i]->worker);
            late = true;
        }
    }
    if (late) {
        weir_store_cancel(weir_catalog_store(all[0]->ingest->options.catalog));
    }
    for (uint32_t i = 0; i < count; i++) {
        weir_supervisor_join(all[i]);
    }
}

void weir_ingest_stop(weir_ingest *ingest)
{
    weir_arena *arena = weir_arena_new();
    weir_supervisor **all;
    pthread_mutex_lock(&ingest->lock);
    ingest->stopping = true;
    pthread_mutex_unlock(&ingest->lock);
    weir_ingest_sync_stop(ingest);
    uint32_t count = weir_supervisors_all(ingest, arena, &all);
    for (uint32_t i = 0; i < count; i++) {
        pthread_mutex_lock(&all[i]->change);
    }
    stop_all(all, count);
    for (uint32_t i = 0; i < count; i++) {
        pthread_mutex_unlock(&all[i]->change);
        weir_supervisor_unref(all[i]);
    }
    weir_arena_free(arena);
}

void weir_ingest_free(weir_ingest *ingest)
{
    if (!ingest) {
        return;
    }
    weir_ingest_stop(ingest);
    while (ingest->supervisor_count > 0) {
        weir_supervisor_remove(ingest, ingest->supervisors[0]);
    }
    free(ingest->supervisors);
    free((void *)ingest->node.at);
    free(ingest->work_path);
    weir_ingest_sync_done(ingest);
    pthread_mutex_destroy(&ingest->lock);
    free(ingest);
}
