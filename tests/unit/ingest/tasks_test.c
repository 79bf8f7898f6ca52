/* tests/unit/ingest/tasks_test.c - the list of tasks: what is accepted, who runs when, what is
 * known of a task after its process is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ingest/claims.h"
#include "ingest/tasks.h"
#include "weir/log.h"

typedef struct place {
    char path[64];
    weir_store *store;
    weir_catalog *catalog;
    weir_tasks *tasks;
    weir_arena *arena;
} place;

static void start(place *p)
{
    weir_error err;
    weir_catalog_options options = {.store = p->store,
                                    .clock = &weir_clock_system,
                                    .node = WEIR_STR("test"),
                                    .work_path = p->path};
    p->catalog = weir_catalog_open(&options, &err);
    assert_non_null(p->catalog);
    p->tasks = weir_tasks_new(&(weir_tasks_options){.catalog = p->catalog,
                                                    .clock = &weir_clock_system,
                                                    .node = WEIR_STR("host:8888"),
                                                    .work_path = p->path,
                                                    .input_path = p->path,
                                                    .memory_bytes = 64u << 20,
                                                    .lanes = 2});
}

static void stop(place *p)
{
    assert_true(weir_tasks_stop(p->tasks, 5000));
    weir_tasks_free(p->tasks);
    weir_catalog_close(p->catalog);
}

static int begin(void **state)
{
    place *p = weir_calloc(1, sizeof(*p));
    strcpy(p->path, "/tmp/weir-tasks-XXXXXX");
    assert_non_null(mkdtemp(p->path));
    p->arena = weir_arena_new();
    p->store = weir_store_memory_new(&weir_clock_system);
    start(p);
    *state = p;
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int end(void **state)
{
    place *p = *state;
    stop(p);
    weir_store_free(p->store);
    weir_arena_free(p->arena);
    nftw(p->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

static weir_str kept(place *p, weir_buf *out)
{
    weir_str text = weir_arena_str(p->arena, weir_buf_view(out));
    weir_buf_done(out);
    return text;
}

static bool post(place *p, const char *body, weir_error *err)
{
    weir_buf out = {0};
    bool ok = weir_task_post(p->tasks, weir_str_of(body), &out, err);
    weir_buf_done(&out);
    return ok;
}

static void must_post(place *p, const char *body)
{
    weir_error err;
    if (!post(p, body, &err)) {
        fail_msg("%s", err.message);
    }
}

static const char *status_of(place *p, const char *id)
{
    weir_buf out = {0};
    bool found = weir_task_status(p->tasks, weir_str_of(id), &out);
    weir_str text = kept(p, &out);
    return !found                                                ? "none"
           : strstr(text.at, "\"runnerStatusCode\":\"PENDING\"") ? "PENDING"
           : strstr(text.at, "\"status\":\"RUNNING\"")           ? "RUNNING"
           : strstr(text.at, "\"status\":\"SUCCESS\"")           ? "SUCCESS"
                                                                 : "FAILED";
}

static void wait_for(place *p, const char *id, const char *status)
{
    for (int i = 0; i < 12000 && strcmp(status_of(p, id), status) != 0; i++) {
        usleep(5000);
    }
    assert_string_equal(status_of(p, id), status);
}

static const char *index_task(place *p, const char *id, const char *io, const char *data)
{
    return weir_arena_printf(
               p->arena,
               "{\"type\":\"index_parallel\",\"id\":\"%s\",\"spec\":{\"dataSchema\":{"
               "\"dataSource\":"
               "\"t\",\"timestampSpec\":{\"column\":\"ts\",\"format\":\"millis\"},"
               "\"dimensionsSpec\":{\"dimensions\":[\"id\"]},\"granularitySpec\":{"
               "\"segmentGranularity\":\"HOUR\",\"rollup\":false}},\"ioConfig\":{\"inputFormat\":{"
               "\"type\":\"json\"},%s\"inputSource\":%s}}}",
               id, io, data)
        .at;
}

#define ROWS                                                                                       \
    "{\"type\":\"inline\",\"data\":\"{\\\"ts\\\":1,\\\"id\\\":\\\"a\\\"}\\n{\\\"ts\\\":2,"         \
    "\\\"id\\\":\\\"b\\\"}\\n\"}"

static uint64_t rows_of(place *p)
{
    weir_table_stats stats;
    weir_table *table = weir_catalog_table(p->catalog, WEIR_STR("t"));
    if (!table) {
        return 0;
    }
    weir_table_stats_get(table, &stats);
    return stats.frozen_rows;
}

static void a_task_that_cannot_be_read_is_refused_with_its_member(void **state)
{
    place *p = *state;
    weir_error err;
    static const struct {
        const char *body, *sentence;
    } cases[] = {
        {"[]", "must be an object"},
        {"{}", "missing type id property 'type'"},
        {"{\"type\":\"archive\"}", "Could not resolve type id 'archive' as a subtype"},
        {"{\"type\":\"noop\",\"id\":\".x\"}", "cannot start with '.'"},
        {"{\"type\":\"noop\",\"id\":\"a/b\"}", "illegal characters"},
        {"{\"type\":\"noop\",\"runTime\":-1}", "runTime"},
        {"{\"type\":\"kill\",\"dataSource\":\"t\",\"interval\":\"soon\"}", "interval"},
        {"{\"type\":\"compact\",\"dataSource\":\"t\"}", "inputSpec.interval is missing"},
        {"{\"type\":\"compact\",\"dataSource\":\"t\",\"interval\":\"soon\"}", "not an interval"},
        {"{\"type\":\"kill\",\"interval\":\"2020/2021\"}", "dataSource"},
        {"{\"type\":\"index_parallel\"}", "dataSchema"},
        {"{\"type\":\"index\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":{},"
         "\"dimensionsSpec\":{}},\"ioConfig\":{\"inputFormat\":{\"type\":\"json\"},\"inputSource\":"
         "{"
         "\"type\":\"s3\"}}}}",
         "Could not resolve type id 's3'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_false(post(p, cases[i].body, &err));
        assert_int_equal(err.code, WEIR_ERR_BAD_REQUEST);
        if (!strstr(err.message, cases[i].sentence)) {
            fail_msg("%s: %s", cases[i].body, err.message);
        }
    }
}

static void two_run_at_once_others_wait_and_can_be_shut_down(void **state)
{
    place *p = *state;
    weir_error err;
    weir_buf out = {0};
    for (int i = 0; i < 4; i++) {
        must_post(p, weir_arena_printf(p->arena,
                                       "{\"type\":\"noop\",\"id\":\"n%d\",\"runTime\":%d,"
                                       "\"dataSource\":\"d%d\"}",
                                       i, i == 0 ? 100 : 60000, i % 2)
                         .at);
    }
    wait_for(p, "n1", "RUNNING");
    assert_string_equal(status_of(p, "n3"), "PENDING");
    wait_for(p, "n0", "SUCCESS");
    wait_for(p, "n2", "RUNNING");
    assert_true(weir_task_shutdown(p->tasks, WEIR_STR("n3"), &out, &err));
    assert_string_equal(status_of(p, "n3"), "FAILED");
    assert_true(weir_task_shutdown(p->tasks, WEIR_STR("n2"), &out, &err));
    wait_for(p, "n2", "FAILED");
    assert_true(weir_tasks_shutdown_all(p->tasks, WEIR_STR("d1"), &out));
    wait_for(p, "n1", "FAILED");
    assert_false(weir_tasks_shutdown_all(p->tasks, WEIR_STR("d1"), &out));
    weir_buf_done(&out);
    weir_tasks_list(p->tasks,
                    &(weir_task_filter){.state = WEIR_STR("complete"), .table = WEIR_STR("d0")},
                    &out);
    weir_str text = kept(p, &out);
    assert_non_null(strstr(text.at, "\"id\":\"n2\""));
    assert_null(strstr(text.at, "\"id\":\"n1\""));
}

static void a_hundred_wait_and_a_thousand_are_remembered(void **state)
{
    place *p = *state;
    weir_error err;
    weir_buf out = {0};
    for (int i = 0; i < 1050; i++) {
        const char *body =
            weir_arena_printf(p->arena, "{\"type\":\"noop\",\"id\":\"n%d\",\"runTime\":0}", i).at;
        while (!post(p, body, &err)) {
            assert_int_equal(err.code, WEIR_ERR_CAPACITY);
            usleep(1000);
        }
    }
    wait_for(p, "n1049", "SUCCESS");
    assert_string_equal(status_of(p, "n0"), "none");
    assert_string_equal(status_of(p, "n60"), "SUCCESS");
    weir_tasks_list(p->tasks, &(weir_task_filter){.has_max = true, .max = 2}, &out);
    weir_str text = kept(p, &out);
    assert_true(text.size < 1000);
    for (int i = 0; i < 100; i++) {
        must_post(p, "{\"type\":\"noop\",\"runTime\":60000}");
    }
    assert_false(post(p, "{\"type\":\"noop\"}", &err));
    assert_int_equal(err.code, WEIR_ERR_CAPACITY);
}

static void a_task_loads_once_under_its_id_in_this_process_and_the_next(void **state)
{
    place *p = *state;
    weir_error err;
    const char *body = index_task(p, "job", "\"appendToExisting\":true,", ROWS);
    must_post(p, body);
    assert_false(post(p, body, &err));
    assert_int_equal(err.code, WEIR_ERR_EXISTS);
    wait_for(p, "job", "SUCCESS");
    assert_int_equal(rows_of(p), 2);
    stop(p);
    start(p);
    assert_string_equal(status_of(p, "job"), "SUCCESS");
    assert_string_equal(status_of(p, "job2"), "none");
    assert_false(post(p, body, &err));
    assert_int_equal(err.code, WEIR_ERR_EXISTS);
    assert_int_equal(rows_of(p), 2);
}

static void a_task_without_rows_is_known_after_a_restart_too(void **state)
{
    place *p = *state;
    must_post(p, index_task(p, "empty", "", "{\"type\":\"inline\",\"data\":\"\"}"));
    wait_for(p, "empty", "SUCCESS");
    stop(p);
    start(p);
    assert_string_equal(status_of(p, "empty"), "SUCCESS");
}

static void claim_as(place *p, const char *label, const char *node)
{
    weir_error err;
    weir_claims claims;
    weir_interval hour = {0, 3600000};
    weir_table *table = weir_catalog_table_create(p->catalog, WEIR_STR("t"), &err);
    weir_claims_init(&claims, &(weir_claims_options){.table = table,
                                                     .clock = &weir_clock_system,
                                                     .label = weir_str_of(label),
                                                     .node = weir_str_of(node),
                                                     .process = 1});
    assert_int_equal(weir_claims_begin(&claims, &hour, 1, &err), WEIR_CLAIMS_OPEN);
    weir_claims_done(&claims);
}

static void a_task_that_was_lost_with_its_process_failed_and_may_be_posted_again(void **state)
{
    place *p = *state;
    claim_as(p, "job", "host:8888");
    assert_string_equal(status_of(p, "job"), "FAILED");
    must_post(p, index_task(p, "job", "", ROWS));
    wait_for(p, "job", "SUCCESS");
    assert_int_equal(rows_of(p), 2);
}

static void a_task_that_another_process_runs_is_running_and_others_wait_for_its_claim(void **state)
{
    place *p = *state;
    weir_error err;
    weir_buf out = {0};
    claim_as(p, "theirs", "other:8888");
    assert_string_equal(status_of(p, "theirs"), "RUNNING");
    assert_false(post(p, index_task(p, "theirs", "", ROWS), &err));
    assert_int_equal(err.code, WEIR_ERR_EXISTS);
    must_post(p, index_task(p, "ours", "", ROWS));
    wait_for(p, "ours", "RUNNING");
    usleep(100000);
    assert_string_equal(status_of(p, "ours"), "RUNNING");
    assert_true(weir_tasks_locked(p->tasks, WEIR_STR("{\"t\":0}"), &out, &err));
    weir_str text = kept(p, &out);
    assert_string_equal(text.at, "{\"t\":[\"1970-01-01T00:00:00.000Z/1970-01-01T01:00:00.000Z\"]}");
    assert_true(weir_task_shutdown(p->tasks, WEIR_STR("ours"), &out, &err));
    wait_for(p, "ours", "FAILED");
    weir_buf_done(&out);
    assert_int_equal(rows_of(p), 0);
}

static void an_interval_is_compacted_now(void **state)
{
    place *p = *state;
    weir_buf out = {0};
    for (int i = 0; i < 5; i++) {
        const char *id = weir_arena_printf(p->arena, "part%d", i).at;
        must_post(p, index_task(p, id, "\"appendToExisting\":true,", ROWS));
        wait_for(p, id, "SUCCESS");
    }
    weir_table_stats stats;
    weir_table *table = weir_catalog_table(p->catalog, WEIR_STR("t"));
    weir_table_stats_get(table, &stats);
    assert_int_equal(stats.frozen_segments, 5);
    must_post(p, "{\"type\":\"compact\",\"id\":\"c\",\"dataSource\":\"t\",\"ioConfig\":{\"type\":"
                 "\"compact\",\"inputSpec\":{\"type\":\"interval\",\"interval\":\"1970/1971\"}}}");
    wait_for(p, "c", "SUCCESS");
    weir_table_stats_get(table, &stats);
    assert_int_equal(stats.frozen_segments, 1);
    assert_int_equal(stats.frozen_rows, 10);
    assert_true(weir_task_report(p->tasks, WEIR_STR("c"), &out));
    assert_non_null(strstr(kept(p, &out).at, "\"segmentsRead\":5,\"segmentsPublished\":1"));
    must_post(
        p, "{\"type\":\"compact\",\"id\":\"d\",\"dataSource\":\"t\",\"interval\":\"1980/1981\"}");
    wait_for(p, "d", "FAILED");
}

static void files_are_read_in_the_folder_for_tasks_only(void **state)
{
    place *p = *state;
    weir_buf out = {0};
    const char *inside = weir_arena_printf(p->arena, "%s/in", p->path).at;
    assert_int_equal(mkdir(inside, 0777), 0);
    FILE *file = fopen(weir_arena_printf(p->arena, "%s/rows.json", inside).at, "w");
    fputs("{\"ts\":1,\"id\":\"a\"}\n", file);
    fclose(file);
    assert_int_equal(symlink("/etc/passwd", weir_arena_printf(p->arena, "%s/link", inside).at), 0);
    static const struct {
        const char *id, *source, *status;
    } cases[] = {
        {"relative", "{\"type\":\"local\",\"baseDir\":\"in\",\"filter\":\"*.json\"}", "SUCCESS"},
        {"named", "{\"type\":\"local\",\"files\":[\"in/rows.json\"]}", "SUCCESS"},
        {"outside", "{\"type\":\"local\",\"files\":[\"/etc/passwd\"]}", "FAILED"},
        {"above", "{\"type\":\"local\",\"baseDir\":\"in/../..\",\"filter\":\"passwd\"}", "FAILED"},
        {"linked", "{\"type\":\"local\",\"baseDir\":\"in\",\"filter\":\"link\"}", "FAILED"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        must_post(p, index_task(p, cases[i].id, "", cases[i].source));
        wait_for(p, cases[i].id, cases[i].status);
    }
    assert_true(weir_task_report(p->tasks, WEIR_STR("outside"), &out));
    weir_str text = kept(p, &out);
    assert_non_null(strstr(text.at, "not in the folder that tasks may read"));
    assert_int_equal(rows_of(p), 1);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_task_that_cannot_be_read_is_refused_with_its_member),
        TEST(two_run_at_once_others_wait_and_can_be_shut_down),
        TEST(a_hundred_wait_and_a_thousand_are_remembered),
        TEST(a_task_loads_once_under_its_id_in_this_process_and_the_next),
        TEST(a_task_without_rows_is_known_after_a_restart_too),
        TEST(a_task_that_was_lost_with_its_process_failed_and_may_be_posted_again),
        TEST(a_task_that_another_process_runs_is_running_and_others_wait_for_its_claim),
        TEST(an_interval_is_compacted_now),
        TEST(files_are_read_in_the_folder_for_tasks_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
