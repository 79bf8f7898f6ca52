/* tests/unit/query/engine_test.c - admission, deadlines and cancel of whole queries, over a table of live rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include <unistd.h>
#include "weir/log.h"
#include "weir/query.h"
#include "weir/schema.h"

enum { ROWS = 40960 };

typedef struct fixture {
    weir_store *store;
    weir_catalog *catalog;
    weir_engine *engine;
    weir_budget budget;
    weir_schema *schema;
    weir_generation *generation;
} fixture;

static weir_schema *schema_of_t(void)
{
    weir_arena *arena = weir_arena_new();
    weir_schema *schema = WEIR_ARENA_NEW(arena, weir_schema);
    schema->arena = arena;
    schema->refs = 1;
    schema->table = WEIR_STR("t");
    schema->discover = true;
    assert_true(weir_granularity_simple(WEIR_STR("hour"), &schema->segment_granularity));
    assert_true(weir_granularity_simple(WEIR_STR("none"), &schema->query_granularity));
    return schema;
}

static void append_rows(weir_realtime *rt)
{
    weir_scratch scratch = {0};
    weir_error err = {0};
    int64_t times[WEIR_BLOCK_ROWS];
    weir_str name = WEIR_STR("s");
    weir_value value = weir_value_str(WEIR_STR("a text that makes an answer of some megabytes"));
    weir_vec column = weir_vec_const(&scratch, &value, WEIR_BLOCK_ROWS);
    for (uint32_t from = 0; from < ROWS; from += WEIR_BLOCK_ROWS) {
        for (uint32_t i = 0; i < WEIR_BLOCK_ROWS; i++) {
            times[i] = 1700000000000 + from + i;
        }
        weir_input input = {.n = WEIR_BLOCK_ROWS, .times = times, .column_count = 1, .names = &name, .columns = &column};
        if (!weir_realtime_append(rt, &input, 0, &err)) {
            fail_msg("%s", err.message);
        }
    }
    weir_scratch_done(&scratch);
}

static bool never(void *self)
{
    (void)self;
    return false;
}

/* Rows of a source are seen once the log knows where it starts. */
static void start_source(weir_table *table, const weir_source_key *key)
{
    weir_error err = {0};
    int rule;
    weir_commit *commit = weir_commit_new(WEIR_OP_START, &weir_clock_system);
    weir_range range = {.source = *key, .kind = WEIR_RANGE_START, .epoch = 1};
    weir_commit_add_range(commit, &range);
    assert_int_equal(weir_table_commit(table, commit, never, NULL, &rule, &err), WEIR_COMMIT_LANDED);
}

static int begin(void **state)
{
    weir_error err = {0};
    fixture *f = calloc(1, sizeof(*f));
    weir_log_setup(WEIR_ERROR, false);
    f->store = weir_store_memory_new(&weir_clock_system);
    f->catalog = weir_catalog_open(&(weir_catalog_options){.store = f->store, .clock = &weir_clock_system, .node = WEIR_STR("host:1")}, &err);
    assert_non_null(f->catalog);
    weir_table *table = weir_catalog_table_create(f->catalog, WEIR_STR("t"), &err);
    assert_non_null(table);
    f->schema = schema_of_t();
    f->generation = weir_generation_begin(table, 1, f->schema, &f->budget);
    weir_source_key key = {.supervisor = WEIR_STR("t"), .topic = WEIR_STR("t")};
    start_source(table, &key);
    weir_generation_add_source(f->generation, &key, 1, 0);
    append_rows(weir_generation_rows(f->generation));
    f->engine = weir_engine_new(&(weir_engine_options){
        .catalog = f->catalog, .clock = &weir_clock_system, .worker_count = 2, .max_queries = 1, .default_timeout_ms = 60000,
        .segment_cache_bytes = 1u << 20, .result_cache_bytes = 8u << 20});
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_engine_free(f->engine);
    weir_generation_drop(f->generation);
    weir_generation_unref(f->generation);
    weir_catalog_close(f->catalog);
    weir_schema_unref(f->schema);
    weir_store_free(f->store);
    free(f);
    return 0;
}

static void wake(void *self)
{
    atomic_fetch_add((_Atomic uint32_t *)self, 1);
}

static _Atomic uint32_t woken; /* a call may come when the answer was taken already */

typedef struct asked {
    weir_answer *answer;
    weir_buf out;
    weir_error broken;
} asked;

static void ask(fixture *f, asked *a, const char *body)
{
    *a = (asked){0};
    weir_request request = {.body = weir_str_of(body)};
    a->answer = weir_engine_native(f->engine, &request, (weir_answer_wake){wake, &woken});
}

/* The next state that is not WAIT. */
static weir_answer_state take(asked *a)
{
    weir_answer_state state = WEIR_ANSWER_WAIT;
    for (int i = 0; i < 60000 && state == WEIR_ANSWER_WAIT; i++) {
        state = weir_answer_take(a->answer, &a->out, &a->broken);
        if (state == WEIR_ANSWER_WAIT) {
            usleep(1000);
        }
    }
    return state;
}

static weir_answer_state take_all(asked *a)
{
    weir_answer_state state;
    while ((state = take(a)) == WEIR_ANSWER_MORE) {
    }
    return state;
}

static void drop(asked *a)
{
    weir_answer_unref(a->answer);
    weir_buf_done(&a->out);
}

#define SCAN "{\"queryType\":\"scan\",\"dataSource\":\"t\",\"intervals\":\"2000/2100\"}"
#define COUNT "\"queryType\":\"timeseries\",\"dataSource\":\"t\",\"intervals\":\"2000/2100\",\"granularity\":\"all\",\"aggregations\":[]}"

static uint32_t waiting(fixture *f)
{
    weir_engine_load load;
    weir_engine_load_get(f->engine, &load);
    return load.waiting;
}

static void a_slow_reader_holds_its_turn_until_it_is_cancelled(void **state)
{
    fixture *f = *state;
    asked slow, next;
    ask(f, &slow, SCAN);
    assert_int_equal(take(&slow), WEIR_ANSWER_MORE);
    ask(f, &next, "{" COUNT);
    usleep(20000);
    assert_int_equal(waiting(f), 1);
    weir_answer_cancel(slow.answer);
    assert_int_equal(take_all(&slow), WEIR_ANSWER_BROKEN);
    assert_int_equal(weir_answer_status(slow.answer), 200);
    assert_int_equal(take_all(&next), WEIR_ANSWER_DONE);
    assert_int_equal(weir_answer_status(next.answer), 200);
    drop(&slow);
    drop(&next);
}

static void a_query_cancelled_while_it_waits_ends_before_its_turn(void **state)
{
    fixture *f = *state;
    asked slow, one, two;
    ask(f, &slow, SCAN);
    assert_int_equal(take(&slow), WEIR_ANSWER_MORE);
    ask(f, &one, "{" COUNT);
    ask(f, &two, "{" COUNT);
    weir_answer_cancel(one.answer);
    assert_int_equal(take_all(&one), WEIR_ANSWER_DONE);
    assert_int_equal(weir_answer_status(one.answer), 500);
    assert_int_equal(waiting(f), 1);
    assert_int_equal(take_all(&slow), WEIR_ANSWER_DONE);
    assert_int_equal(take_all(&two), WEIR_ANSWER_DONE);
    assert_int_equal(weir_answer_status(two.answer), 200);
    assert_int_equal(waiting(f), 0);
    drop(&slow);
    drop(&one);
    drop(&two);
}

static void the_context_limits_a_query_s_memory(void **state)
{
    asked a;
    ask(*state, &a, "{\"context\":{\"maxQueryMemoryBytes\":1000}," COUNT);
    assert_int_equal(take_all(&a), WEIR_ANSWER_DONE);
    assert_int_equal(weir_answer_status(a.answer), 400);
    assert_non_null(memmem(a.out.at, a.out.size, "Resource limit exceeded", 23));
    drop(&a);
}

/* Slow enough to be kept: a group per row. */
#define TOP(context)                                                                                                                        \
    "{\"queryType\":\"topN\",\"dataSource\":\"t\",\"intervals\":\"2000/2100\",\"granularity\":\"all\",\"dimension\":\"__time\",\"threshold\":3,"   \
    "\"metric\":\"n\",\"aggregations\":[{\"type\":\"count\",\"name\":\"n\"}],\"context\":{" context "}}"

static void ask_with(fixture *f, asked *a, const char *body, const char *if_none_match)
{
    *a = (asked){0};
    weir_request request = {.body = weir_str_of(body), .if_none_match = weir_str_of(if_none_match)};
    a->answer = weir_engine_native(f->engine, &request, (weir_answer_wake){wake, &woken});
    assert_int_equal(take_all(a), WEIR_ANSWER_DONE);
}

static uint64_t hits_of(fixture *f)
{
    weir_memo_stats segments, results;
    weir_engine_memos_get(f->engine, &segments, &results);
    return results.hits;
}

static void a_known_answer_is_given_again_until_rows_come(void **state)
{
    fixture *f = *state;
    asked first, again, other, later;
    ask_with(f, &first, TOP(""), "");
    assert_int_equal(strlen(weir_answer_etag(first.answer)), 32);
    ask_with(f, &again, TOP("\"queryId\":\"x\",\"priority\":3"), ""); /* what shapes no answer asks for the same one */
    assert_int_equal(hits_of(f), 1);
    assert_string_equal(weir_answer_etag(first.answer), weir_answer_etag(again.answer));
    assert_true(weir_str_eq(weir_buf_view(&first.out), weir_buf_view(&again.out)));
    ask_with(f, &other, TOP("\"useResultLevelCache\":false"), "");
    assert_int_equal(hits_of(f), 1);
    append_rows(weir_generation_rows(f->generation));
    ask_with(f, &later, TOP(""), "");
    assert_int_equal(hits_of(f), 1);
    assert_string_not_equal(weir_answer_etag(first.answer), weir_answer_etag(later.answer));
    assert_non_null(memmem(first.out.at, first.out.size, "\"n\":1", 5));
    assert_non_null(memmem(later.out.at, later.out.size, "\"n\":2", 5));
    drop(&first);
    drop(&again);
    drop(&other);
    drop(&later);
}

/* One event of one key, rolled up at once. */
static void append_to_one_row(weir_realtime *rt)
{
    weir_scratch scratch = {0};
    weir_error err = {0};
    int64_t time = 1700000000000;
    weir_str names[] = {WEIR_STR("s"), WEIR_STR("count")};
    weir_value values[] = {weir_value_str(WEIR_STR("a")), weir_value_long(1)};
    weir_vec columns[] = {weir_vec_const(&scratch, &values[0], 1), weir_vec_const(&scratch, &values[1], 1)};
    weir_input input = {.n = 1, .times = &time, .column_count = 2, .names = names, .columns = columns};
    assert_true(weir_realtime_append(rt, &input, 0, &err));
    weir_realtime_settle(rt);
    assert_int_equal(weir_realtime_rows(rt), 1);
    weir_scratch_done(&scratch);
}

static weir_schema *schema_that_rolls_up(void)
{
    weir_error err = {0};
    json_t *json = json_loads("{\"dataSource\":\"r\",\"dimensionsSpec\":{\"dimensions\":[\"s\"]},\"metricsSpec\":[{\"type\":\"count\",\"name\":\"count\"}],"
                              "\"granularitySpec\":{\"segmentGranularity\":\"HOUR\",\"queryGranularity\":\"MINUTE\",\"rollup\":true}}",
                              0, NULL);
    weir_schema *schema = weir_schema_parse(json, NULL, NULL, &err);
    assert_non_null(schema);
    json_decref(json);
    return schema;
}

static void an_event_that_rolls_up_into_a_row_that_was_there_changes_the_answer(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    weir_schema *schema = schema_that_rolls_up();
    weir_table *table = weir_catalog_table_create(f->catalog, WEIR_STR("r"), &err);
    assert_non_null(table);
    weir_generation *generation = weir_generation_begin(table, 1, schema, &f->budget);
    weir_source_key key = {.supervisor = WEIR_STR("r"), .topic = WEIR_STR("r")};
    start_source(table, &key);
    weir_generation_add_source(generation, &key, 1, 0);
    static const char sum[] = "{\"queryType\":\"timeseries\",\"dataSource\":\"r\",\"intervals\":\"2000/2100\",\"granularity\":\"all\","
                              "\"aggregations\":[{\"type\":\"longSum\",\"name\":\"n\",\"fieldName\":\"count\"}]}";
    char etag[64] = "";
    for (int events = 1; events <= 3; events++) {
        char want[16];
        asked a;
        snprintf(want, sizeof(want), "\"n\":%d", events);
        append_to_one_row(weir_generation_rows(generation));
        ask_with(f, &a, sum, "");
        assert_non_null(memmem(a.out.at, a.out.size, want, strlen(want)));
        assert_string_not_equal(weir_answer_etag(a.answer), etag); /* by it answers are kept */
        snprintf(etag, sizeof(etag), "%s", weir_answer_etag(a.answer));
        drop(&a);
    }
    weir_generation_drop(generation);
    weir_generation_unref(generation);
    weir_schema_unref(schema);
}

static void an_answer_that_the_client_has_is_not_sent(void **state)
{
    fixture *f = *state;
    asked first, again, quoted, stale;
    ask_with(f, &first, TOP(""), "nothing");
    assert_int_equal(weir_answer_status(first.answer), 200);
    const char *etag = weir_answer_etag(first.answer);
    char text[100];
    snprintf(text, sizeof(text), "\"a\", W/\"%s\"", etag);
    ask_with(f, &again, TOP(""), etag);
    ask_with(f, &quoted, TOP(""), text);
    assert_int_equal(weir_answer_status(again.answer), 304);
    assert_int_equal(again.out.size, 0);
    assert_int_equal(weir_answer_status(quoted.answer), 304);
    append_rows(weir_generation_rows(f->generation));
    ask_with(f, &stale, TOP(""), etag);
    assert_int_equal(weir_answer_status(stale.answer), 200);
    assert_true(stale.out.size > 0);
    drop(&first);
    drop(&again);
    drop(&quoted);
    drop(&stale);
}

#define IN(context) "{\"context\":{" context "}," COUNT

static void expect_status(fixture *f, const char *body, int status)
{
    asked a;
    ask(f, &a, body);
    assert_int_equal(take_all(&a), WEIR_ANSWER_DONE);
    assert_int_equal(weir_answer_status(a.answer), status);
    drop(&a);
}

static void a_full_lane_refuses_and_others_go_on(void **state)
{
    fixture *f = *state;
    asked slow;
    weir_engine_free(f->engine);
    f->engine = weir_engine_new(&(weir_engine_options){
        .catalog = f->catalog, .clock = &weir_clock_system, .worker_count = 2, .lanes = WEIR_STR("wide = 50%, narrow=1,hilo:1%")});
    expect_status(f, IN("\"lane\":\"narrow\""), 200);
    ask(f, &slow, "{\"context\":{\"lane\":\"narrow\"},\"queryType\":\"scan\",\"dataSource\":\"t\",\"intervals\":\"2000/2100\"}");
    assert_int_equal(take(&slow), WEIR_ANSWER_MORE);
    expect_status(f, IN("\"lane\":\"narrow\""), 429);
    expect_status(f, IN("\"lane\":\"wide\""), 200);
    expect_status(f, IN("\"lane\":\"unknown\""), 200);
    expect_status(f, IN("\"priority\":-1"), 200);
    assert_int_equal(take_all(&slow), WEIR_ANSWER_DONE);
    drop(&slow);
    expect_status(f, IN("\"lane\":\"narrow\""), 200);
}

static void a_large_answer_by_segment_is_whole(void **state)
{
    asked a;
    ask(*state, &a, "{\"context\":{\"bySegment\":true},\"queryType\":\"scan\",\"dataSource\":\"t\",\"intervals\":\"2000/2100\"}");
    assert_int_equal(take_all(&a), WEIR_ANSWER_DONE);
    assert_int_equal(weir_answer_status(a.answer), 200);
    assert_true(a.out.size > ROWS * 40 && memcmp(a.out.at, "[{\"timestamp\":", 14) == 0 && memcmp(a.out.at + a.out.size - 4, "\"}}]", 4) == 0);
    drop(&a);
}

static void lanes_that_cannot_be_read_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"x", "=3", "a=0", "a=1,a=2", "a=101%", "hilo:", "a=b", "low=2,hilo:10%"};
    static const char *const good[] = {"", " a=1 ", "a=1,b=100%", "hilo:20%"};
    weir_error err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_false(weir_engine_lanes_check(weir_str_of(bad[i]), &err));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_true(weir_engine_lanes_check(weir_str_of(good[i]), &err));
    }
}

static void an_engine_that_ends_ends_what_waits(void **state)
{
    fixture *f = *state;
    asked slow, one;
    ask(f, &slow, SCAN);
    assert_int_equal(take(&slow), WEIR_ANSWER_MORE);
    ask(f, &one, "{" COUNT);
    weir_engine_free(f->engine);
    assert_int_equal(take_all(&slow), WEIR_ANSWER_BROKEN);
    assert_int_equal(take_all(&one), WEIR_ANSWER_DONE);
    assert_int_equal(weir_answer_status(one.answer), 500);
    drop(&slow);
    drop(&one);
    f->engine = weir_engine_new(&(weir_engine_options){.catalog = f->catalog, .clock = &weir_clock_system, .worker_count = 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_slow_reader_holds_its_turn_until_it_is_cancelled, begin, end),
        cmocka_unit_test_setup_teardown(a_query_cancelled_while_it_waits_ends_before_its_turn, begin, end),
        cmocka_unit_test_setup_teardown(the_context_limits_a_query_s_memory, begin, end),
        cmocka_unit_test_setup_teardown(a_known_answer_is_given_again_until_rows_come, begin, end),
        cmocka_unit_test_setup_teardown(an_event_that_rolls_up_into_a_row_that_was_there_changes_the_answer, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_that_the_client_has_is_not_sent, begin, end),
        cmocka_unit_test_setup_teardown(a_full_lane_refuses_and_others_go_on, begin, end),
        cmocka_unit_test_setup_teardown(a_large_answer_by_segment_is_whole, begin, end),
        cmocka_unit_test(lanes_that_cannot_be_read_are_refused),
        cmocka_unit_test_setup_teardown(an_engine_that_ends_ends_what_waits, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
