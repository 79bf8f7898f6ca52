/* cli/cmd_serve.c - weir serve: the parts put together, started in order, stopped in the reverse one.
 * SIGTERM or SIGINT: ingestion hands off and leaves its groups while queries are still answered; a second signal ends at once. */
#include "cli/cli.h"
#include "cli/data_dir.h"
#include "cli/demo.h"
#include "weir/config.h"
#include "weir/log.h"
#include "weir/server.h"
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct service {
    weir_arena *arena;
    weir_config config;
    int64_t store_wait_until_us; /* 0: the store has not failed yet */
    weir_data_dir data;
    weir_catalog *catalog;
    weir_engine *engine;
    weir_ingest *ingest;
    weir_tasks *tasks;
    weir_lookups *lookups;
    weir_settings *settings;
    weir_coordinator *coordinator;
    weir_server *server;
    weir_demo *demo;
} service;

static void print_help(void)
{
    weir_buf settings = {0};
    weir_config_help(&settings);
    printf("usage: weir serve [--config FILE] [--SETTING VALUE]...\n"
           "  Every setting is a flag (--query-memory-bytes 2G) and a member of the JSON file; flags win.\n\n%.*s",
           WEIR_STR_ARG(weir_buf_view(&settings)));
    weir_buf_done(&settings);
}

/* --config first, so that the other flags win wherever they stand. */
static bool read_flags(service *s, int argc, char **argv, weir_error *err)
{
    weir_config_defaults(&s->config);
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && !weir_config_read(argv[i + 1], s->arena, &s->config, err)) {
            return false;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST, "'%s' is no flag", argv[i]);
        }
        const char *name = argv[i] + 2, *value = "true";
        if (!weir_config_is_flag(name)) {
            if (i + 1 == argc) {
                return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s needs a value", argv[i]);
            }
            value = argv[++i];
        }
        if (strcmp(name, "config") != 0 && !weir_config_set(&s->config, name, value, err)) {
            return false;
        }
    }
    return true;
}

static bool setup_log(const weir_config *config, weir_error *err)
{
    weir_level level;
    bool json = strcmp(config->log_format, "json") == 0;
    if (!weir_log_level(config->log_level, &level)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "log_level: '%s' is none of debug, info, warn, error", config->log_level);
    }
    if (!json && strcmp(config->log_format, "text") != 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "log_format: '%s' is neither text nor json", config->log_format);
    }
    weir_log_setup(level, json);
    return true;
}

static bool check_words(const weir_config *config, weir_error *err)
{
    if (strcmp(config->auto_compaction, "on") != 0 && strcmp(config->auto_compaction, "off") != 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "auto_compaction: '%s' is neither on nor off", config->auto_compaction);
    }
    return weir_engine_lanes_check(weir_str_of(config->query_lanes), err) || weir_fail_in(err, "query_lanes");
}

/* After a failure of the store at the start: true when it is worth another try, a moment later. A store that restarts as we do must not end us, what it
 * refuses should be said at once. */
static bool wait_for_store(service *s, weir_error *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    int64_t now_us = weir_monotonic_us(&weir_clock_system);
    s->store_wait_until_us = s->store_wait_until_us ? s->store_wait_until_us : now_us + s->config.store_wait_ms * 1000;
    if (err->code != WEIR_ERR_STORE || now_us >= s->store_wait_until_us) {
        return false;
    }
    weir_log(WEIR_WARN, "serve", "%s; trying again for %d s", err->message, (int)((s->store_wait_until_us - now_us) / 1000000));
    return sigtimedwait(&set, NULL, &(struct timespec){.tv_nsec = 250000000}) < 0 || weir_fail(err, WEIR_ERR_CANCELLED, "ended before the store answered");
}

static bool start_storage(service *s, weir_error *err)
{
    const char *node = s->config.node[0] ? s->config.node : s->config.listen;
    if (!weir_data_dir_open(&s->config, s->arena, &s->data, err)) {
        return false;
    }
    weir_catalog_options options = {.store = s->data.store, .clock = &weir_clock_system, .node = weir_str_of(node),
                                    .work_path = s->data.work_path, .cache_path = s->data.cache_path,
                                    .cache_bytes = (size_t)s->config.store_cache_bytes, .threads = true};
    do {
        s->catalog = weir_catalog_open(&options, err);
    } while (!s->catalog && wait_for_store(s, err));
    return s->catalog != NULL;
}

/* Only a process that has its address takes part; and what the log says of supervisors is known before the first answer. */
static void resume_supervisors(void *self)
{
    service *s = self;
    weir_ingest_resume_all(s->ingest);
}

static bool start_service(service *s, weir_error *err)
{
    const char *node = s->config.node[0] ? s->config.node : s->config.listen;
    weir_lookups_options lookups = {
        .store = s->data.store, .clock = &weir_clock_system, .node = weir_str_of(node), .memory_bytes = (size_t)s->config.lookup_memory_bytes};
    do {
        s->lookups = weir_lookups_open(&lookups, err);
    } while (!s->lookups && wait_for_store(s, err));
    if (!s->lookups) {
        return false;
    }
    s->engine = weir_engine_new(&(weir_engine_options){
        .catalog = s->catalog, .clock = &weir_clock_system, .worker_count = (uint32_t)s->config.workers,
        .memory_bytes = (size_t)s->config.query_memory_bytes, .default_timeout_ms = s->config.query_timeout_ms,
        .max_queries = (uint32_t)s->config.max_queries, .lanes = weir_str_of(s->config.query_lanes),
        .segment_cache_bytes = (size_t)s->config.segment_cache_bytes, .result_cache_bytes = (size_t)s->config.result_cache_bytes});
    s->ingest = weir_ingest_new(&(weir_ingest_options){
        .catalog = s->catalog, .clock = &weir_clock_system, .memory_bytes = (size_t)s->config.ingest_memory_bytes,
        .node = weir_str_of(node), .work_path = s->data.work_path, .thread_count = (uint32_t)s->config.ingest_threads}, err);
    if (!s->ingest || (s->config.demo && !(s->demo = weir_demo_start(s->ingest, s->catalog, s->config.demo_events_per_second, err)))) {
        return false;
    }
    s->settings = weir_settings_new(s->data.store, &weir_clock_system, weir_str_of(node));
    s->tasks = weir_tasks_new(&(weir_tasks_options){
        .catalog = s->catalog, .ingest = s->ingest, .clock = &weir_clock_system, .node = weir_str_of(node), .work_path = s->data.work_path,
        .input_path = s->config.task_input_path, .memory_bytes = (size_t)s->config.task_memory_bytes});
    s->coordinator = weir_coordinator_new(&(weir_coordinator_options){
        .catalog = s->catalog, .ingest = s->ingest, .settings = s->settings, .clock = &weir_clock_system, .work_path = s->data.work_path, .threads = true,
        .period_ms = s->config.coordinator_period_ms, .pace = (uint32_t)s->config.coordinator_pace,
        .memory_bytes = (size_t)s->config.coordinator_memory_bytes, .compact_configured = strcmp(s->config.auto_compaction, "off") == 0, .gc_grace_ms = s->config.gc_grace_ms});
    s->server = weir_server_start(&(weir_server_options){
        .listen = weir_str_of(s->config.listen), .node = weir_str_of(node), .engine = s->engine, .ingest = s->ingest, .tasks = s->tasks, .lookups = s->lookups, .coordinator = s->coordinator, .settings = s->settings,
        .catalog = s->catalog, .clock = &weir_clock_system, .listening = resume_supervisors, .self = s}, err);
    return s->server != NULL;
}

#define CANCEL_MS 7000 /* after SIGTERM: whoever still waits for the store gives up */
#define GONE_MS 9000   /* the process is gone, whatever still runs: what is committed is safe, the rest is read again */

/* Sees to it that the process ends in time. */
typedef struct end_guard {
    weir_store *store;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    pthread_t thread;
} end_guard;

/* True: all is done. With the lock held. */
static bool wait_done(end_guard *guard, int64_t until_us)
{
    struct timespec until = {until_us / 1000000, until_us % 1000000 * 1000};
    int code = 0;
    while (!guard->done && code == 0) {
        code = pthread_cond_timedwait(&guard->changed, &guard->lock, &until);
    }
    return guard->done;
}

static void *guard_end(void *self)
{
    end_guard *guard = self;
    int64_t begun_us = weir_monotonic_us(&weir_clock_system);
    pthread_mutex_lock(&guard->lock);
    if (!wait_done(guard, begun_us + CANCEL_MS * 1000)) {
        weir_store_cancel(guard->store);
        if (!wait_done(guard, begun_us + GONE_MS * 1000)) {
            weir_log(WEIR_WARN, "serve", "ending took too long; the rest is left to the next start");
            _exit(0);
        }
    }
    pthread_mutex_unlock(&guard->lock);
    return NULL;
}

static void begin_guard(end_guard *guard, weir_store *store)
{
    pthread_condattr_t monotonic;
    *guard = (end_guard){.store = store};
    pthread_mutex_init(&guard->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&guard->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&guard->thread, NULL, guard_end, guard) != 0) {
        weir_die("out of threads");
    }
}

static void end_of_guard(end_guard *guard)
{
    pthread_mutex_lock(&guard->lock);
    guard->done = true;
    pthread_cond_signal(&guard->changed);
    pthread_mutex_unlock(&guard->lock);
    pthread_join(guard->thread, NULL);
    pthread_cond_destroy(&guard->changed);
    pthread_mutex_destroy(&guard->lock);
}

static void stop(service *s)
{
    if (s->tasks) {
        weir_tasks_stop(s->tasks, 0); /* they give up while the stream is handed off */
    }
    end_guard guard;
    bool guarded = s->data.store != NULL;
    if (guarded) {
        begin_guard(&guard, s->data.store);
    }
    weir_coordinator_stop(s->coordinator);
    if (s->demo) {
        weir_demo_quiet(s->demo);
    }
    if (s->ingest) {
        weir_ingest_stop(s->ingest);
    }
    if (s->server) {
        weir_server_stop(s->server);
    }
    if (s->data.store) {
        weir_store_cancel(s->data.store); /* nobody waits for an answer any more */
    }
    weir_tasks_free(s->tasks);
    weir_coordinator_free(s->coordinator);
    weir_settings_free(s->settings);
    if (s->engine) {
        weir_engine_free(s->engine);
    }
    if (s->ingest) {
        weir_ingest_free(s->ingest);
    }
    weir_lookups_close(s->lookups);
    if (s->demo) {
        weir_demo_free(s->demo);
    }
    if (s->catalog) {
        weir_catalog_close(s->catalog);
    }
    if (guarded) {
        end_of_guard(&guard);
    }
    if (s->data.store) {
        weir_data_dir_close(&s->data);
    }
    weir_arena_free(s->arena);
}

static void end_at_once(int signal_number)
{
    _exit(128 + signal_number);
}

static void wait_for_signal(void)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &number);
    weir_log(WEIR_INFO, "serve", "%s: handing off what is live, then ending; once more ends at once", number == SIGINT ? "SIGINT" : "SIGTERM");
    signal(SIGINT, end_at_once);
    signal(SIGTERM, end_at_once);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Live rows come and go by hundreds of megabytes, on threads that come and go: what they leave must not stay with us. glibc would raise its threshold
 * for mmap up to 32 MiB, and keep a heap for each thread. */
static void setup_malloc(void)
{
    mallopt(M_ARENA_MAX, 4);
    mallopt(M_MMAP_THRESHOLD, 512 << 10);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

int weir_cmd_serve(int argc, char **argv)
{
    setup_malloc();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return 0;
        }
    }
    service s = {.arena = weir_arena_new()};
    weir_error err = {0};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* every thread inherits it; main waits for them */
    signal(SIGPIPE, SIG_IGN);
    if (!read_flags(&s, argc, argv, &err) || !setup_log(&s.config, &err) || !check_words(&s.config, &err)) {
        fprintf(stderr, "weir serve: %s\n", err.message);
        weir_arena_free(s.arena);
        return 2;
    }
    bool ok = start_storage(&s, &err) && start_service(&s, &err);
    if (ok) {
        const char *colon = strrchr(s.config.listen, ':');
        weir_log(WEIR_INFO, "serve", "weir %s answers at http://%.*s:%u/ (data in %s)", WEIR_VERSION,
                 (int)(colon - s.config.listen), s.config.listen, weir_server_port(s.server), s.config.data);
        wait_for_signal();
    } else {
        fprintf(stderr, "weir serve: %s\n", err.message);
    }
    stop(&s);
    return ok ? 0 : 1;
}
