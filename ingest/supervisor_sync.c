/* ingest/supervisor_sync.c - what the tables' logs say of supervisors is done here too: at start,
 * and whenever another process posted, changed, suspended or terminated one (docs/PROTOCOL.md,
 * section 7, "Spec change"). A thread compares twice a second. It waits for nothing: who is being
 * changed by the API is looked at the next time, and a worker that must stop hands off meanwhile.
 */
#include "ingest/supervisor.h"
#include "weir/hash.h"
#include "weir/log.h"
#include <errno.h>
#include <jansson.h>
#include <time.h>

#define SYNC_MS 500

static bool is_gone(const weir_supervisor_state *state)
{
    return !state || state->spec.size == 0 || weir_str_is(state->spec, "null");
}

static const weir_supervisor_state *find_state(const weir_log_state *log, weir_str id)
{
    size_t count;
    const weir_supervisor_state *all = weir_log_supervisors(log, &count);
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(all[i].id, id)) {
            return &all[i];
        }
    }
    return NULL;
}

static bool same_json(weir_str a, weir_str b)
{
    json_t *first = json_loadb(a.at, a.size, JSON_DECODE_ANY, NULL),
           *second = json_loadb(b.at, b.size, JSON_DECODE_ANY, NULL);
    bool same = first && second && json_equal(first, second);
    json_decref(first);
    json_decref(second);
    return same;
}

/* Whether the log's spec is the one that runs here. */
static bool is_same(weir_supervisor *s, const weir_supervisor_state *state)
{
    uint64_t hash = weir_hash_bytes(state->spec.at, state->spec.size);
    if (!s->spec || s->suspended != state->suspended) {
        return false;
    }
    if (s->known_spec != hash && same_json(s->spec->text, state->spec)) {
        s->known_spec = hash;
    }
    return s->known_spec == hash;
}

/* Asks the worker to hand off and end; true when there is none (any more). */
static bool end_worker(weir_supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    bool ended = s->ended;
    pthread_mutex_unlock(&s->lock);
    if (s->worker && !ended) {
        weir_worker_stop(s->worker);
        return false;
    }
    weir_supervisor_join(s);
    return true;
}

static void start(weir_supervisor *s)
{
    weir_error err = {0};
    if (!s->suspended && !s->worker && !weir_supervisor_start(s, &err)) {
        weir_log(WEIR_ERROR, "ingest", "supervisor '%.*s' is not started: %s", WEIR_STR_ARG(s->id),
                 err.message);
    }
}

/* An API call that gave up waiting left a worker that ends later, or none: it runs again. */
static void keep_running(weir_supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    bool ended = s->worker && s->ended, failed = s->failure.code != WEIR_OK;
    pthread_mutex_unlock(&s->lock);
    if (ended) {
        weir_supervisor_join(s);
    }
    if (ended || (!s->worker && !failed)) {
        start(s);
    }
}

static void take_spec(weir_supervisor *s, const weir_supervisor_state *state)
{
    weir_error err = {0};
    weir_spec *spec = weir_spec_parse(state->spec, true, false, &err);
    if (!spec) {
        weir_log(WEIR_ERROR, "ingest", "supervisor '%.*s' of table '%.*s' cannot run: %s",
                 WEIR_STR_ARG(s->id), WEIR_STR_ARG(weir_table_name(s->table)), err.message);
        return;
    }
    weir_supervisor_set_spec(s, spec, state->suspended);
    s->known_spec = weir_hash_bytes(state->spec.at, state->spec.size);
    weir_spec_unref(spec);
    start(s);
}

/* With `change` held. */
static void follow(weir_supervisor *s, weir_table *table)
{
    weir_log_state *log = weir_table_state(table);
    const weir_supervisor_state *state = find_state(log, s->id);
    if (s->terminated || s->ingest->stopping || s->table != table) {
        /* nothing: one that moved to another table is gone here first */
    } else if (is_gone(state)) {
        if (s->spec && end_worker(s)) { /* without a spec: it is being posted */
            weir_log(WEIR_INFO, "ingest", "supervisor '%.*s' was terminated by another process",
                     WEIR_STR_ARG(s->id));
            s->terminated = true;
            weir_supervisor_remove(s->ingest, s);
        }
    } else if (is_same(s, state)) {
        keep_running(s);
    } else if (end_worker(s)) {
        take_spec(s, state);
    }
    weir_log_state_unref(log);
}

static void follow_one(weir_ingest *ingest, weir_table *table, const weir_supervisor_state *state)
{
    weir_error err;
    weir_supervisor *s = weir_supervisor_find(ingest, state->id, &err);
    if (!s && is_gone(state)) {
        return;
    }
    s = s ? s : weir_supervisor_add(ingest, table, state->id);
    if (pthread_mutex_trylock(&s->change) == 0) { /* else: later */
        follow(s, table);
        pthread_mutex_unlock(&s->change);
    }
    weir_supervisor_unref(s);
}

static void follow_all(weir_ingest *ingest)
{
    weir_arena *arena = weir_arena_new();
    weir_table **tables;
    size_t count = weir_catalog_all(ingest->options.catalog, arena, &tables);
    for (size_t i = 0; i < count; i++) {
        weir_log_state *log = weir_table_state(tables[i]);
        size_t supervisors;
        const weir_supervisor_state *all = weir_log_supervisors(log, &supervisors);
        for (size_t k = 0; k < supervisors && !ingest->stopping; k++) {
            follow_one(ingest, tables[i], &all[k]);
        }
        weir_log_state_unref(log);
    }
    weir_arena_free(arena);
}

static void *run(void *self)
{
    weir_ingest *ingest = self;
    pthread_setname_np(pthread_self(), "supervisors");
    pthread_mutex_lock(&ingest->lock);
    while (!ingest->stopping) {
        struct timespec until = weir_deadline(CLOCK_MONOTONIC, SYNC_MS);
        if (pthread_cond_timedwait(&ingest->sync_stop, &ingest->lock, &until) == ETIMEDOUT &&
            !ingest->stopping) {
            pthread_mutex_unlock(&ingest->lock);
            follow_all(ingest);
            pthread_mutex_lock(&ingest->lock);
        }
    }
    pthread_mutex_unlock(&ingest->lock);
    return NULL;
}

void weir_ingest_sync_init(weir_ingest *ingest)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ingest->sync_stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void weir_ingest_resume_all(weir_ingest *ingest)
{
    follow_all(ingest);
    pthread_mutex_lock(&ingest->lock);
    bool first = !ingest->syncing && !ingest->stopping;
    ingest->syncing = ingest->syncing || first;
    pthread_mutex_unlock(&ingest->lock);
    if (first && pthread_create(&ingest->sync_thread, NULL, run, ingest) != 0) {
        weir_die("out of threads");
    }
}

void weir_ingest_sync_stop(weir_ingest *ingest)
{
    pthread_mutex_lock(&ingest->lock);
    bool running = ingest->syncing;
    ingest->syncing = false;
    pthread_cond_signal(&ingest->sync_stop);
    pthread_mutex_unlock(&ingest->lock);
    if (running) {
        pthread_join(ingest->sync_thread, NULL);
    }
}

void weir_ingest_sync_done(weir_ingest *ingest)
{
    pthread_cond_destroy(&ingest->sync_stop);
}
