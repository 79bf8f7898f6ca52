/* tests/unit/ingest/supervisor_test.c - the supervisor API with its threads, over a topic and a
 * store in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "ingest/supervisor.h"
#include "topic_helper.h"
#include "weir/log.h"

typedef struct world {
    char path[64];
    weir_store *store;
    topic *topic;
    weir_catalog *catalog;
    weir_ingest *ingest;
    weir_buf out;
    weir_error err;
} world;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void start_process(world *w)
{
    weir_catalog_options catalog = {.store = w->store,
                                    .clock = &weir_clock_system,
                                    .node = WEIR_STR("n:1"),
                                    .work_path = w->path,
                                    .threads = true,
                                    .poll_ms = 100};
    w->catalog = weir_catalog_open(&catalog, &w->err);
    assert_non_null(w->catalog);
    weir_ingest_options options = {.catalog = w->catalog,
                                   .clock = &weir_clock_system,
                                   .node = WEIR_STR("n:1"),
                                   .work_path = w->path};
    w->ingest = weir_ingest_new(&options, &w->err);
    assert_non_null(w->ingest);
    w->ingest->open = topic_open;
    w->ingest->open_self = w->topic;
}

static void stop_process(world *w)
{
    weir_ingest_stop(w->ingest);
    weir_ingest_free(w->ingest);
    weir_catalog_close(w->catalog);
}

static int begin(void **state)
{
    world *w = weir_calloc(1, sizeof(*w));
    strcpy(w->path, "/tmp/weir-supervisor-XXXXXX");
    assert_non_null(mkdtemp(w->path));
    w->store = weir_store_memory_new(&weir_clock_system);
    w->topic = topic_new(2);
    start_process(w);
    *state = w;
    return 0;
}

static int end(void **state)
{
    world *w = *state;
    stop_process(w);
    weir_buf_done(&w->out);
    weir_store_free(w->store);
    topic_free(w->topic);
    nftw(w->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(w);
    return 0;
}

static const char *spec_text(const char *dimensions)
{
    static char text[1000];
    snprintf(text, sizeof(text),
             "{\"type\":\"kafka\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":"
             "{\"column\":\"ts\",\"format\":\"millis\"},\"dimensionsSpec\":{\"dimensions\":[%s]},"
             "\"granularitySpec\":{\"rollup\":false}},\"ioConfig\":{\"topic\":\"top\","
             "\"inputFormat\":{\"type\":\"json\"},\"useEarliestOffset\":true,"
             "\"consumerProperties\":{\"bootstrap.servers\":\"x\"}}}}",
             dimensions);
    return text;
}

static void put_events(world *w, int count)
{
    for (int i = 0; i < count; i++) {
        topic_put(w->topic, i % 2, "{\"ts\":1700000000000,\"id\":\"x\",\"kind\":\"y\"}");
    }
}

static uint64_t count_rows(world *w)
{
    weir_table_stats stats;
    weir_table *table = weir_catalog_table(w->catalog, WEIR_STR("t"));
    if (!table) {
        return 0;
    }
    weir_table_stats_get(table, &stats);
    return stats.frozen_rows + stats.live_rows;
}

static void wait_for_rows(world *w, uint64_t want)
{
    for (int i = 0; i < 12000 && count_rows(w) != want; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    assert_int_equal(count_rows(w), want);
}

/* A call's answer as JSON; the caller decrefs. */
static json_t *answer(world *w)
{
    json_t *json = json_loadb(w->out.at, w->out.size, 0, NULL);
    assert_non_null(json);
    w->out.size = 0;
    return json;
}

#define CALL(w, call)                                                                              \
    do {                                                                                           \
        (w)->out.size = 0;                                                                         \
        if (!(call)) {                                                                             \
            fail_msg("%s", (w)->err.message);                                                      \
        }                                                                                          \
    } while (0)

static void a_supervisor_lives_through_its_whole_api(void **state)
{
    world *w = *state;
    weir_str id = WEIR_STR("t");
    put_events(w, 100);
    CALL(w, weir_supervisor_post(w->ingest, weir_str_of(spec_text("\"id\"")), &w->out, &w->err));
    assert_true(weir_str_is(weir_buf_view(&w->out), "{\"id\":\"t\"}"));
    wait_for_rows(w, 100);
    CALL(w, weir_supervisor_list(w->ingest, false, true, &w->out, &w->err));
    json_t *json = answer(w);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 0), "state")),
                        "RUNNING");
    json_decref(json);
    CALL(w, weir_supervisor_handoff(w->ingest, id, &w->out, &w->err));
    assert_int_equal(topic_stored(w->topic, 0), 50);
    CALL(w, weir_supervisor_suspend(w->ingest, id, true, &w->out, &w->err));
    assert_int_equal(topic_opened(w->topic), 0);
    put_events(w, 10);
    CALL(w, weir_supervisor_status(w->ingest, id, &w->out, &w->err));
    json = answer(w);
    assert_true(json_is_true(json_object_get(json_object_get(json, "payload"), "suspended")));
    json_decref(json);
    assert_false(weir_supervisor_suspend(w->ingest, id, true, &w->out, &w->err));
    CALL(w, weir_supervisor_suspend(w->ingest, id, false, &w->out, &w->err));
    wait_for_rows(w, 110);
    CALL(w, weir_supervisor_handoff(w->ingest, id, &w->out, &w->err));
    CALL(w, weir_supervisor_reset(w->ingest, id, &w->out, &w->err));
    wait_for_rows(w, 220);
    CALL(w, weir_supervisor_terminate(w->ingest, id, &w->out, &w->err));
    CALL(w, weir_supervisor_list(w->ingest, false, false, &w->out, &w->err));
    assert_true(weir_str_is(weir_buf_view(&w->out), "[]"));
    assert_false(weir_supervisor_status(w->ingest, id, &w->out, &w->err));
    assert_int_equal(w->err.code, WEIR_ERR_NOT_FOUND);
    assert_int_equal(count_rows(w), 220);
}

static void a_supervisor_is_resumed_after_a_restart_as_it_was_left(void **state)
{
    world *w = *state;
    put_events(w, 20);
    CALL(w, weir_supervisor_post(w->ingest, weir_str_of(spec_text("\"id\"")), &w->out, &w->err));
    wait_for_rows(w, 20);
    stop_process(w);
    assert_int_equal(topic_opened(w->topic), 0);
    put_events(w, 4);
    start_process(w);
    weir_ingest_resume_all(w->ingest);
    wait_for_rows(w, 24);
    CALL(w, weir_supervisor_suspend(w->ingest, WEIR_STR("t"), true, &w->out, &w->err));
    stop_process(w);
    put_events(w, 4);
    start_process(w);
    weir_ingest_resume_all(w->ingest);
    assert_int_equal(topic_opened(w->topic), 0);
    CALL(w, weir_supervisor_suspend(w->ingest, WEIR_STR("t"), false, &w->out, &w->err));
    wait_for_rows(w, 28);
}

static void *keep_putting(void *self)
{
    world *w = self;
    for (int i = 0; i < 60; i++) {
        put_events(w, 10);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return NULL;
}

static void a_changed_spec_loses_and_doubles_nothing_while_events_come(void **state)
{
    world *w = *state;
    pthread_t thread;
    CALL(w, weir_supervisor_post(w->ingest, weir_str_of(spec_text("\"id\"")), &w->out, &w->err));
    pthread_create(&thread, NULL, keep_putting, w);
    for (int i = 0; i < 3; i++) {
        CALL(w, weir_supervisor_post(w->ingest,
                                     weir_str_of(spec_text(i % 2 ? "\"id\"" : "\"id\",\"kind\"")),
                                     &w->out, &w->err));
        CALL(w, weir_supervisor_handoff(w->ingest, WEIR_STR("t"), &w->out, &w->err));
    }
    pthread_join(thread, NULL);
    wait_for_rows(w, 600);
    w->out.size = 0;
    weir_ingest_metrics(w->ingest, &w->out);
    weir_buf_byte(&w->out, 0);
    assert_non_null(strstr(
        w->out.at, "weir_ingest_events_total{supervisor=\"t\",outcome=\"processed\"} 600\n"));
    assert_non_null(
        strstr(w->out.at, "weir_ingest_append_to_visible_seconds_count{supervisor=\"t\"} 600\n"));
}

static void a_refused_spec_leaves_no_supervisor(void **state)
{
    world *w = *state;
    assert_false(weir_supervisor_post(w->ingest, WEIR_STR("{broken"), &w->out, &w->err));
    assert_int_equal(w->err.code, WEIR_ERR_BAD_REQUEST);
    char text[1200];
    snprintf(text, sizeof(text), "%s", spec_text("\"id\""));
    char *at = strstr(text, "\"bootstrap.servers\":\"x\"");
    memcpy(at, "\"fetch.wait.max.ms\":\"x\"", 23);
    assert_false(weir_supervisor_post(w->ingest, weir_str_of(text), &w->out, &w->err));
    CALL(w, weir_supervisor_list(w->ingest, false, false, &w->out, &w->err));
    assert_true(weir_str_is(weir_buf_view(&w->out), "[]"));
}

static void a_supervisor_that_is_resumed_while_the_service_ends_is_refused(void **state)
{
    world *w = *state;
    CALL(w, weir_supervisor_post(w->ingest, weir_str_of(spec_text("\"id\"")), &w->out, &w->err));
    CALL(w, weir_supervisor_suspend(w->ingest, WEIR_STR("t"), true, &w->out, &w->err));
    weir_ingest_stop(w->ingest);
    assert_false(weir_supervisor_suspend(w->ingest, WEIR_STR("t"), false, &w->out, &w->err));
    assert_int_equal(w->err.code, WEIR_ERR_CONFLICT);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_supervisor_lives_through_its_whole_api, begin, end),
        cmocka_unit_test_setup_teardown(a_supervisor_is_resumed_after_a_restart_as_it_was_left,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_changed_spec_loses_and_doubles_nothing_while_events_come,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_refused_spec_leaves_no_supervisor, begin, end),
        cmocka_unit_test_setup_teardown(
            a_supervisor_that_is_resumed_while_the_service_ends_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
