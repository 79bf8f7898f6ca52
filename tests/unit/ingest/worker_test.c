/* tests/unit/ingest/worker_test.c - a worker over a topic and a store in memory, stepped by hand,
 * with a clock of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ingest/worker.h"
#include "topic_helper.h"
#include "weir/log.h"

typedef struct world {
    char path[64];
    weir_clock clock;
    int64_t us;
    uint64_t random;
    weir_store *store;
    topic *topic;
    weir_budget budget;
    held_jobs held;
    /* Of the process that runs now. */
    weir_catalog *catalog;
    weir_worker *worker;
    weir_stats stats;
    weir_rejects *rejects;
    uint64_t holder;
} world;

static int64_t wall(void *self)
{
    return 1700000000000 + ((world *)self)->us / 1000;
}

static int64_t monotonic(void *self)
{
    return ((world *)self)->us;
}

static uint64_t draw(void *self)
{
    world *w = self;
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return w->random ^ w->random >> 29;
}

static void wait_in_time(void *self, int64_t ms)
{
    ((world *)self)->us += ms * 1000;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

#define SPEC_HEAD                                                                                  \
    "{\"type\":\"kafka\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":{"       \
    "\"column\":\"ts\",\"format\":\"millis\"},\"dimensionsSpec\":{\"dimensions\":[\"id\"]},"       \
    "\"metricsSpec\":[{\"type\":\"longSum\",\"name\":\"v\",\"fieldName\":\"v\"}],"                 \
    "\"granularitySpec\":{\"segmentGranularity\":\"HOUR\",\"rollup\":false}},"                     \
    "\"ioConfig\":{\"topic\":\"top\",\"inputFormat\":{\"type\":\"json\"},\"consumerProperties\":{" \
    "\"bootstrap.servers\":\"x\"}"
static const char earliest[] = SPEC_HEAD ",\"useEarliestOffset\":true}}}";
static const char latest[] = SPEC_HEAD "}}}";
static const char matching[] =
    "{\"type\":\"kafka\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":{"
    "\"column\":\"ts\",\"format\":\"millis\"},\"dimensionsSpec\":{\"dimensions\":[\"id\"]},"
    "\"metricsSpec\":[{\"type\":\"longSum\",\"name\":\"v\",\"fieldName\":\"v\"}],"
    "\"granularitySpec\":{\"segmentGranularity\":\"HOUR\",\"rollup\":false}},"
    "\"ioConfig\":{\"topicPattern\":\"top-.*\",\"inputFormat\":{\"type\":\"json\"},"
    "\"consumerProperties\":{\"bootstrap.servers\":\"x\"},\"useEarliestOffset\":true}}}";
static const char resetting[] =
    SPEC_HEAD ",\"useEarliestOffset\":true},\"tuningConfig\":{\"resetOffsetAutomatically\":true}}}";

static int begin(void **state)
{
    world *w = weir_calloc(1, sizeof(*w));
    strcpy(w->path, "/tmp/weir-worker-XXXXXX");
    assert_non_null(mkdtemp(w->path));
    w->clock = (weir_clock){w, wall, monotonic, draw};
    w->us = 1000000;
    w->random = 7;
    w->store = weir_store_memory_new(&w->clock);
    w->topic = topic_new(2);
    w->budget.name = "ingest";
    *state = w;
    return 0;
}

/* A process starts: its catalog and a worker. held: jobs wait for held_jobs_run. */
static void start(world *w, const char *spec_text, bool held)
{
    weir_error err;
    weir_catalog_options options = {.store = w->store,
                                    .clock = &w->clock,
                                    .node = WEIR_STR("n:1"),
                                    .work_path = w->path,
                                    .wait = wait_in_time,
                                    .wait_self = w};
    w->catalog = weir_catalog_open(&options, &err);
    assert_non_null(w->catalog);
    w->rejects = weir_rejects_new(&w->clock);
    weir_spec *spec = weir_spec_parse(weir_str_of(spec_text), true, false, &err);
    assert_non_null(spec);
    weir_worker_options worker = {.catalog = w->catalog,
                                  .table =
                                      weir_catalog_table_create(w->catalog, WEIR_STR("t"), &err),
                                  .clock = &w->clock,
                                  .budget = &w->budget,
                                  .work_path = w->path,
                                  .node = WEIR_STR("n:1"),
                                  .holder = ++w->holder,
                                  .jobs = held ? topic_jobs_held(&w->held) : topic_jobs_at_once,
                                  .open = topic_open,
                                  .open_self = w->topic,
                                  .stats = &w->stats,
                                  .rejects = w->rejects};
    w->worker = weir_worker_new(&worker, spec, &err);
    assert_non_null(w->worker);
    weir_spec_unref(spec);
}

static void steps(world *w, int count)
{
    for (int i = 0; i < count; i++) {
        w->us += 20000;
        weir_worker_step(w->worker, 0);
    }
}

/* The process ends without handing off, as by kill -9 (but tidily for the memory). */
static void kill_process(world *w)
{
    weir_worker_cancel(w->worker);
    for (int i = 0; i < 50 && weir_worker_step(w->worker, 0); i++) {
        held_jobs_run(&w->held);
    }
    weir_worker_free(w->worker);
    weir_rejects_free(w->rejects);
    weir_catalog_close(w->catalog);
    w->worker = NULL;
}

static void stop_process(world *w)
{
    weir_worker_stop(w->worker);
    int i = 0;
    while (weir_worker_step(w->worker, 0)) {
        held_jobs_run(&w->held);
        w->us += 20000;
        assert_true(i++ < 1000);
    }
    weir_worker_free(w->worker);
    weir_rejects_free(w->rejects);
    weir_catalog_close(w->catalog);
    w->worker = NULL;
}

static int end(void **state)
{
    world *w = *state;
    if (w->worker) {
        kill_process(w);
    }
    weir_store_free(w->store);
    topic_free(w->topic);
    nftw(w->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(w);
    return 0;
}

static void put_events(world *w, int32_t partition, int count)
{
    static int id;
    for (int i = 0; i < count; i++) {
        char text[100];
        snprintf(text, sizeof(text), "{\"ts\":%d,\"id\":\"i%d\",\"v\":1}", 1000 * i, id++);
        topic_put(w->topic, partition, text);
    }
}

static uint64_t count_rows(world *w)
{
    weir_view *view = weir_table_view(weir_catalog_table(w->catalog, WEIR_STR("t")));
    weir_scratch scratch = {0};
    uint64_t count = 0;
    for (uint32_t s = 0; s < view->count; s++) {
        const weir_rows *rows = view->rows[s];
        for (uint32_t c = 0; c < rows->ops->chunks(rows); c++) {
            weir_chunk_info info;
            weir_sel sel;
            rows->ops->chunk(rows, c, &info);
            count += rows->ops->visible(rows, c, &scratch, &sel) ? sel.count : info.row_count;
        }
    }
    weir_view_unref(view);
    weir_scratch_done(&scratch);
    return count;
}

static weir_worker_status status_of(world *w, weir_arena *arena)
{
    weir_worker_status status;
    w->us += 200000;
    weir_worker_step(w->worker, 0);
    weir_worker_status_get(w->worker, arena, &status);
    return status;
}

static void flush(world *w)
{
    uint64_t ticket = weir_worker_flush(w->worker);
    for (int i = 0; i < 100 && !weir_worker_flushed(w->worker, ticket); i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    assert_true(weir_worker_flushed(w->worker, ticket));
}

/* Begins partition 0 or 1 at an offset, -1: all at the begin. Empty, or why it was refused. */
static const char *reset_to(world *w, int32_t partition, int64_t offset)
{
    static weir_error err;
    weir_reset reset = {WEIR_STR("top"), partition, offset};
    uint64_t ticket = weir_worker_reset(w->worker, &reset, offset >= 0);
    for (int i = 0; i < 200 && !weir_worker_was_reset(w->worker, ticket, &err); i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    assert_true(weir_worker_was_reset(w->worker, ticket, &err));
    return err.code == WEIR_OK ? "" : err.message;
}

static size_t gap_count(world *w, int64_t *size)
{
    size_t count;
    weir_log_state *state = weir_table_state(weir_catalog_table(w->catalog, WEIR_STR("t")));
    const weir_gap *gaps = weir_log_gaps(state, &count);
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        *size += gaps[i].range.to - gaps[i].range.from;
    }
    weir_log_state_unref(state);
    return count;
}

static int64_t next_of(world *w, const char *of)
{
    weir_log_state *state = weir_table_state(weir_catalog_table(w->catalog, WEIR_STR("t")));
    weir_source_key key = {WEIR_STR("t"), weir_str_of(of), 0};
    const weir_source_state *source = weir_log_source(state, &key);
    int64_t next = source ? source->next : -1;
    weir_log_state_unref(state);
    return next;
}

static void rows_show_at_once_and_count_once_after_a_handoff_and_a_restart(void **state)
{
    world *w = *state;
    put_events(w, 0, 250);
    put_events(w, 1, 50);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 300);
    flush(w);
    assert_int_equal(count_rows(w), 300);
    assert_int_equal(topic_stored(w->topic, 0), 250);
    put_events(w, 0, 10);
    steps(w, 10);
    assert_int_equal(count_rows(w), 310);
    stop_process(w);
    put_events(w, 1, 5);
    start(w, earliest, false);
    assert_int_equal(count_rows(w), 310);
    steps(w, 20);
    assert_int_equal(count_rows(w), 315);
}

static void what_was_not_committed_is_read_again_after_a_kill(void **state)
{
    world *w = *state;
    put_events(w, 0, 100);
    start(w, earliest, false);
    steps(w, 20);
    flush(w);
    put_events(w, 0, 30);
    steps(w, 10);
    assert_int_equal(count_rows(w), 130);
    kill_process(w);
    start(w, earliest, false);
    assert_int_equal(count_rows(w), 100);
    steps(w, 20);
    assert_int_equal(count_rows(w), 130);
}

static void a_new_source_begins_at_the_end_unless_the_topic_is_known(void **state)
{
    world *w = *state;
    put_events(w, 0, 100);
    start(w, latest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 0);
    put_events(w, 0, 3);
    steps(w, 10);
    assert_int_equal(count_rows(w), 3);
    kill_process(w); /* its start was committed: the three rows are not lost */
    put_events(w, 0, 4);
    start(w, latest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 7);
}

static void offsets_without_records_are_passed_and_the_lag_reaches_zero(void **state)
{
    world *w = *state;
    weir_arena *arena = weir_arena_new();
    put_events(w, 0, 10);
    topic_skip(w->topic, 0, 7);
    put_events(w, 0, 10);
    topic_skip(w->topic, 0, 5);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 20);
    weir_worker_status status = status_of(w, arena);
    assert_string_equal(status.phase, "running");
    assert_int_equal(status.partitions[0].position, 32);
    assert_int_equal(status.partitions[0].latest, 32);
    flush(w);
    stop_process(w);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 20);
    weir_arena_free(arena);
}

static void a_pattern_keeps_an_offset_for_each_topic(void **state)
{
    static const char *const names[] = {"top-a", "top-b", "top-c"};
    world *w = *state;
    topic_name_each(w->topic, names);
    put_events(w, 0, 10);
    put_events(w, 1, 20);
    start(w, matching, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 30);
    flush(w);
    assert_int_equal(next_of(w, "top-a"), 10);
    assert_int_equal(next_of(w, "top-b"), 20);
    assert_int_equal(topic_stored(w->topic, 1), 20);
    put_events(w, 2, 5); /* a topic that is found while running: from its begin */
    topic_grow(w->topic, 3);
    put_events(w, 0, 1);
    steps(w, 20);
    assert_int_equal(count_rows(w), 36);
    weir_arena *arena = weir_arena_new();
    weir_worker_status status = status_of(w, arena);
    assert_int_equal(status.partition_count, 3);
    assert_true(weir_str_is(status.partitions[2].topic, "top-c"));
    assert_int_equal(status.partitions[2].partition, 0);
    assert_int_equal(status.partitions[2].position, 5);
    weir_arena_free(arena);
    kill_process(w);
    start(w, matching, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 36);
}

static void of_many_topics_one_that_is_away_does_not_stop_the_others(void **state)
{
    static const char *const names[] = {"top-a", "top-b"};
    world *w = *state;
    weir_arena *arena = weir_arena_new();
    topic_name_each(w->topic, names);
    topic_absent(w->topic, 1, true);
    put_events(w, 0, 10);
    put_events(w, 1, 20);
    start(w, matching, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 10);
    weir_worker_status status = status_of(w, arena);
    assert_string_equal(status.phase, "running");
    assert_false(status.partitions[0].stopped);
    assert_true(status.partitions[1].stopped);
    topic_absent(w->topic, 1, false);
    steps(w, 300); /* six seconds: it is looked for */
    assert_int_equal(count_rows(w), 30);
    status = status_of(w, arena);
    assert_false(status.partitions[1].stopped);
    weir_arena_free(arena);
}

static void retention_past_the_offset_is_a_gap_with_its_size(void **state)
{
    world *w = *state;
    int64_t size;
    put_events(w, 0, 100);
    start(w, earliest, false);
    steps(w, 20);
    stop_process(w);
    put_events(w, 0, 200);
    topic_trim(w->topic, 0, 250);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 150);
    assert_int_equal(gap_count(w, &size), 1);
    assert_int_equal(size, 150);
}

static void retention_that_overtakes_a_running_source_is_a_gap_too(void **state)
{
    world *w = *state;
    int64_t size;
    w->budget.limit_bytes = 1; /* backpressure: nothing is taken */
    start(w, earliest, false);
    steps(w, 20);
    put_events(w, 0, 100);
    steps(w, 5);
    topic_trim(w->topic, 0, 60);
    w->budget.limit_bytes = 0;
    steps(w, 20);
    assert_int_equal(count_rows(w), 40);
    assert_int_equal(gap_count(w, &size), 1);
    assert_int_equal(size, 60);
}

static void a_topic_made_anew_stops_its_sources_until_a_reset(void **state)
{
    world *w = *state;
    weir_arena *arena = weir_arena_new();
    put_events(w, 0, 100);
    start(w, earliest, false);
    steps(w, 20);
    stop_process(w);
    topic_remake(w->topic);
    put_events(w, 0, 200); /* longer than before: only the anchor tells */
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 100);
    weir_worker_status status = status_of(w, arena);
    assert_true(status.partitions[0].stopped);
    assert_true(status.has_problem);
    assert_non_null(strstr(status.problem.message, "topic has changed"));
    reset_to(w, 0, -1);
    steps(w, 30);
    assert_int_equal(count_rows(w), 300);
    status = status_of(w, arena);
    assert_false(status.partitions[0].stopped);
    stop_process(w);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 300);
    weir_arena_free(arena);
}

static void
a_topic_made_anew_between_two_assignments_is_told_though_rows_were_not_committed(void **state)
{
    world *w = *state;
    weir_arena *arena = weir_arena_new();
    put_events(w, 0, 100);
    start(w, earliest, true);
    for (int i = 0; i < 20; i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    flush(w);
    put_events(w, 0, 40);
    steps(w, 5);
    assert_int_equal(count_rows(w), 140);
    topic_lose(w->topic);
    steps(w, 2);
    topic_remake(w->topic);
    put_events(w, 0, 300); /* longer */
    topic_assign(w->topic);
    for (int i = 0; i < 400; i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    assert_int_equal(count_rows(w), 140);
    assert_int_equal(next_of(w, "top"), 140); /* what was read of the old one is committed */
    weir_worker_status status = status_of(w, arena);
    assert_true(status.partitions[0].stopped);
    weir_arena_free(arena);
    assert_string_equal(reset_to(w, 0, -1), "");
    for (int i = 0; i < 20; i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    assert_int_equal(count_rows(w), 440);
}

static void a_shorter_topic_is_reset_automatically_when_the_spec_says_so(void **state)
{
    world *w = *state;
    put_events(w, 0, 100);
    start(w, resetting, false);
    steps(w, 20);
    stop_process(w);
    topic_remake(w->topic);
    put_events(w, 0, 5);
    start(w, resetting, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 105);
}

static void a_reset_reads_uncommitted_rows_once(void **state)
{
    world *w = *state;
    put_events(w, 0, 100);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 100);
    reset_to(w, 0, -1);
    steps(w, 30);
    assert_int_equal(count_rows(w), 100); /* not committed before: masked, and read again */
    flush(w);
    reset_to(w, 0, -1);
    steps(w, 30);
    assert_int_equal(count_rows(w), 200); /* committed before: a reset means to read them again */
}

static void a_reset_of_one_partition_leaves_the_others_alone(void **state)
{
    world *w = *state;
    put_events(w, 0, 100);
    put_events(w, 1, 50);
    start(w, earliest, false);
    steps(w, 20);
    flush(w);
    assert_string_equal(reset_to(w, 0, 70), "");
    steps(w, 20);
    assert_int_equal(count_rows(w), 180); /* 70 to 99 are read again, as it was said */
    put_events(w, 1, 5);
    steps(w, 20);
    assert_int_equal(count_rows(w), 185);
    flush(w);
    kill_process(w);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 185);
}

static void a_reset_backwards_counts_what_was_not_committed_once(void **state)
{
    world *w = *state;
    put_events(w, 0, 100);
    start(w, earliest, true);
    for (int i = 0; i < 20; i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    flush(w);
    put_events(w, 0, 40);
    steps(w, 5);
    assert_int_equal(count_rows(w), 140); /* 40 of them not committed */
    assert_string_equal(reset_to(w, 0, 90), "");
    for (int i = 0; i < 20; i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    assert_int_equal(count_rows(w), 150);
    flush(w);
    assert_int_equal(count_rows(w), 150);
}

static void in_an_outage_generations_stay_small_and_rows_wait_at_the_budget(void **state)
{
    world *w = *state;
    const size_t limit = 32u << 20;
    const int total = 40000;
    for (int i = 0; i < total; i++) { /* of 1 KiB each */
        char text[1100];
        snprintf(text, sizeof(text), "{\"ts\":%d,\"id\":\"%01000d\",\"v\":1}", 1000 + i, i);
        topic_put(w->topic, 0, text);
    }
    w->budget.limit_bytes = limit;
    start(w, earliest, true);
    for (int i = 0; i < 10 && count_rows(w) == 0; i++) {
        steps(w, 20);
        held_jobs_run(&w->held); /* where it starts is committed; from here on nothing is */
    }
    steps(w, 400);
    uint64_t stuck = count_rows(w);
    steps(w, 20);
    assert_int_equal(count_rows(w), stuck);
    assert_in_range(stuck, 10000, total - 1);
    assert_true(w->budget.used_bytes <= limit);
    w->budget.peak_bytes = w->budget.used_bytes;
    for (int i = 0; i < 400 && count_rows(w) < (uint64_t)total; i++) {
        held_jobs_run(&w->held);
        steps(w, 20);
    }
    assert_int_equal(count_rows(w), total);
    assert_true(w->budget.peak_bytes <= limit); /* freezing included */
}

static void a_reset_forwards_keeps_what_was_seen_and_skips_the_rest(void **state)
{
    world *w = *state;
    int64_t size;
    put_events(w, 0, 100);
    start(w, earliest, false);
    steps(w, 20);
    w->budget.limit_bytes = 1; /* nothing is taken */
    put_events(w, 0, 100);
    steps(w, 5);
    assert_int_equal(count_rows(w), 100);
    assert_string_equal(reset_to(w, 0, 180), "");
    w->budget.limit_bytes = 0;
    steps(w, 20);
    assert_int_equal(count_rows(w), 120);
    assert_int_equal(gap_count(w, &size), 0); /* it was said, not lost */
    flush(w);
    assert_int_equal(next_of(w, "top"), 200);
}

static void a_reset_to_where_nothing_is_is_refused(void **state)
{
    world *w = *state;
    int64_t size;
    put_events(w, 0, 100);
    start(w, earliest, false);
    steps(w, 20);
    assert_non_null(strstr(reset_to(w, 0, 101), "beyond the end 100"));
    assert_non_null(strstr(reset_to(w, 7, 0), "does not read partition 7"));
    put_events(w, 0, 10);
    steps(w, 20);
    assert_int_equal(count_rows(w), 110);
    topic_trim(w->topic, 0, 60); /* below the begin: what is missing is a gap */
    assert_string_equal(reset_to(w, 0, 20), "");
    steps(w, 20);
    assert_int_equal(gap_count(w, &size), 1);
    assert_int_equal(size, 40);
}

static void a_reset_of_all_goes_to_the_end_where_the_spec_begins_there(void **state)
{
    world *w = *state;
    start(w, latest, false);
    steps(w, 20);
    put_events(w, 0, 100);
    steps(w, 20);
    w->budget.limit_bytes = 1;
    put_events(w, 0, 100);
    steps(w, 5);
    assert_string_equal(reset_to(w, 0, -1), "");
    w->budget.limit_bytes = 0;
    steps(w, 20);
    put_events(w, 0, 1);
    steps(w, 20);
    assert_int_equal(count_rows(w), 101);
}

static void rows_stay_while_partitions_come_and_go(void **state)
{
    world *w = *state;
    put_events(w, 0, 100);
    start(w, earliest, true);
    for (int i = 0; i < 20; i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    assert_int_equal(count_rows(w), 100);
    topic_revoke(w->topic);
    steps(w, 3); /* the hand-off is held back */
    assert_int_equal(count_rows(w), 100);
    steps(w, 200); /* 4 s: given up in any case */
    topic_assign(w->topic);
    put_events(w, 0, 10);
    for (int i = 0; i < 20; i++) { /* the start's fold runs, and the hand-off with it */
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    assert_int_equal(count_rows(w), 110);
    topic_lose(w->topic);
    steps(w, 5);
    assert_int_equal(count_rows(w), 110);
    topic_assign(w->topic);
    for (int i = 0; i < 20; i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    assert_int_equal(count_rows(w), 110);
    stop_process(w);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 110);
}

/* Another process commits the same range first. */
static void a_range_that_another_process_committed_is_masked_and_read_from_there(void **state)
{
    world *w = *state;
    put_events(w, 0, 50);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 50);
    world other = *w; /* shares the store and the topic */
    strcpy(other.path, w->path);
    other.clock.self = w;
    other.holder = 100;
    memset(&other.stats, 0, sizeof(other.stats));
    start(&other, earliest, false);
    for (int i = 0; i < 20; i++) {
        w->us += 20000;
        other.us = w->us;
        weir_worker_step(other.worker, 0);
    }
    put_events(w, 0, 7);
    for (int i = 0; i < 5; i++) {
        weir_worker_step(other.worker, 0);
    }
    assert_int_equal(count_rows(&other), 57);
    weir_worker_stop(other.worker);
    while (weir_worker_step(other.worker, 0)) {
    }
    weir_worker_free(other.worker);
    weir_rejects_free(other.rejects);
    weir_catalog_close(other.catalog);
    weir_catalog_step(w->catalog); /* learns of the commit */
    assert_int_equal(count_rows(w), 57);
    steps(w, 100);
    assert_int_equal(count_rows(w), 57);
    put_events(w, 0, 3);
    steps(w, 100);
    assert_int_equal(count_rows(w), 60);
    stop_process(w);
    start(w, earliest, false);
    assert_int_equal(count_rows(w), 60);
}

static void bad_events_are_counted_and_kept_and_stop_nothing(void **state)
{
    world *w = *state;
    put_events(w, 0, 3);
    topic_put(w->topic, 0, "{broken");
    topic_put(w->topic, 0, NULL);
    topic_put(w->topic, 0, "");
    topic_put(w->topic, 0, "{\"id\":\"no time\"}");
    topic_put(w->topic, 0, "{\"ts\":1,\"id\":\"bad number\",\"v\":\"x\"}");
    topic_put(w->topic, 0, "{\"ts\":1,\"id\":\"two\",\"v\":1}{\"ts\":2,\"id\":\"in one\",\"v\":1}");
    put_events(w, 0, 2);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(count_rows(w), 8);
    assert_int_equal(w->stats.totals[WEIR_METER_PROCESSED], 8);
    assert_int_equal(w->stats.totals[WEIR_METER_UNPARSEABLE], 3);
    assert_int_equal(w->stats.totals[WEIR_METER_THROWN_AWAY], 1);
    assert_int_equal(w->stats.totals[WEIR_METER_WITH_ERROR], 1);
    weir_buf out = {0};
    weir_rejects_print(w->rejects, &(weir_json){.out = &out});
    weir_buf_byte(&out, 0);
    assert_non_null(strstr(out.at, "{broken"));
    assert_non_null(strstr(out.at, "no time"));
    weir_buf_done(&out);
    flush(w);
    weir_log_state *log = weir_table_state(weir_catalog_table(w->catalog, WEIR_STR("t")));
    weir_source_key key = {WEIR_STR("t"), WEIR_STR("top"), 0};
    const weir_source_state *source = weir_log_source(log, &key);
    assert_int_equal(source->next, 11);
    assert_int_equal(source->totals.kept, 8);
    assert_int_equal(source->totals.unparseable, 3);
    assert_int_equal(source->totals.thrown_away, 1);
    weir_log_state_unref(log);
}

static void a_store_that_fails_keeps_rows_live_and_commits_them_later(void **state)
{
    world *w = *state;
    put_events(w, 0, 100);
    start(w, earliest, true);
    for (int i = 0; i < 20; i++) {
        held_jobs_run(&w->held);
        steps(w, 1);
    }
    weir_store_faults faults = {.outage = true};
    weir_store_memory_faults(w->store, &faults);
    weir_worker_flush(w->worker);
    steps(w, 3);
    int64_t wait_ms = 0;
    for (int i = 0; i < 6; i++) { /* freeze, then uploads that fail */
        assert_false(w->held.jobs[0]->step(w->held.jobs[0], &wait_ms));
    }
    assert_true(wait_ms > 0);
    weir_arena *arena = weir_arena_new();
    weir_worker_status status = status_of(w, arena);
    assert_true(status.has_problem);
    weir_arena_free(arena);
    put_events(w, 0, 10);
    steps(w, 5);
    assert_int_equal(count_rows(w), 110);
    faults.outage = false;
    weir_store_memory_faults(w->store, &faults);
    held_jobs_run(&w->held);
    steps(w, 3);
    assert_int_equal(count_rows(w), 110);
    flush(w);
    kill_process(w);
    start(w, earliest, false);
    assert_int_equal(count_rows(w), 110);
}

static void a_broker_that_does_not_answer_is_asked_again(void **state)
{
    world *w = *state;
    put_events(w, 0, 10);
    topic_unreachable(w->topic, true);
    start(w, earliest, false);
    steps(w, 100);
    assert_int_equal(count_rows(w), 0);
    topic_unreachable(w->topic, false);
    steps(w, 200);
    assert_int_equal(count_rows(w), 10);
}

static void an_old_generation_is_sealed_by_its_age(void **state)
{
    world *w = *state;
    put_events(w, 0, 10);
    start(w, earliest, false);
    steps(w, 20);
    assert_int_equal(w->stats.handoffs, 0);
    w->us += 61000000;
    steps(w, 5);
    assert_int_equal(w->stats.handoffs, 1);
    w->us += 61000000; /* nothing new: nothing to commit */
    steps(w, 5);
    assert_int_equal(w->stats.handoffs, 1);
    assert_int_equal(count_rows(w), 10);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            rows_show_at_once_and_count_once_after_a_handoff_and_a_restart, begin, end),
        cmocka_unit_test_setup_teardown(what_was_not_committed_is_read_again_after_a_kill, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_new_source_begins_at_the_end_unless_the_topic_is_known,
                                        begin, end),
        cmocka_unit_test_setup_teardown(offsets_without_records_are_passed_and_the_lag_reaches_zero,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_pattern_keeps_an_offset_for_each_topic, begin, end),
        cmocka_unit_test_setup_teardown(of_many_topics_one_that_is_away_does_not_stop_the_others,
                                        begin, end),
        cmocka_unit_test_setup_teardown(
            a_topic_made_anew_between_two_assignments_is_told_though_rows_were_not_committed, begin,
            end),
        cmocka_unit_test_setup_teardown(retention_past_the_offset_is_a_gap_with_its_size, begin,
                                        end),
        cmocka_unit_test_setup_teardown(retention_that_overtakes_a_running_source_is_a_gap_too,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_topic_made_anew_stops_its_sources_until_a_reset, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            a_shorter_topic_is_reset_automatically_when_the_spec_says_so, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_reads_uncommitted_rows_once, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_of_one_partition_leaves_the_others_alone, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_reset_backwards_counts_what_was_not_committed_once, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            in_an_outage_generations_stay_small_and_rows_wait_at_the_budget, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_forwards_keeps_what_was_seen_and_skips_the_rest,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_reset_to_where_nothing_is_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_of_all_goes_to_the_end_where_the_spec_begins_there,
                                        begin, end),
        cmocka_unit_test_setup_teardown(rows_stay_while_partitions_come_and_go, begin, end),
        cmocka_unit_test_setup_teardown(
            a_range_that_another_process_committed_is_masked_and_read_from_there, begin, end),
        cmocka_unit_test_setup_teardown(bad_events_are_counted_and_kept_and_stop_nothing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_store_that_fails_keeps_rows_live_and_commits_them_later,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_broker_that_does_not_answer_is_asked_again, begin, end),
        cmocka_unit_test_setup_teardown(an_old_generation_is_sealed_by_its_age, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
