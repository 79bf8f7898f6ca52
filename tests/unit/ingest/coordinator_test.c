/* tests/unit/ingest/coordinator_test.c - duties take turns over tables, by the clock they are
 * given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "ingest/duty.h"

typedef struct world {
    weir_clock clock;
    int64_t now_us;
    uint64_t drawn;
    weir_store *store;
    weir_catalog *catalog;
} world;

static int64_t wall(void *self)
{
    return ((world *)self)->now_us / 1000;
}
static int64_t monotonic(void *self)
{
    return ((world *)self)->now_us;
}
static uint64_t next_random(void *self)
{
    return ((world *)self)->drawn += 0x9e3779b97f4a7c15ull;
}

static struct { /* what the duties below saw */
    char trace[400];
    int runs, failures_wanted;
    _Atomic int ended, endless_steps, endless_ended;
    int kept_seen;
} seen;

static weir_duty_step step_words(weir_duty_run *run, weir_error *err)
{
    int *at = run->work;
    (void)err;
    strncat(seen.trace, weir_table_name(run->table).at, 1);
    seen.kept_seen = ++*(int *)run->kept;
    return ++*at < 2 ? WEIR_DUTY_MORE : WEIR_DUTY_DONE;
}
static void end_words(weir_duty_run *run)
{
    (void)run;
    seen.ended++;
}
static weir_duty_step step_fails(weir_duty_run *run, weir_error *err)
{
    (void)run;
    seen.runs++;
    if (seen.failures_wanted-- > 0) {
        weir_fail(err, WEIR_ERR_STORE, "as asked");
        return WEIR_DUTY_FAILED;
    }
    return WEIR_DUTY_DONE;
}
static weir_duty_step step_endless(weir_duty_run *run, weir_error *err)
{
    (void)err;
    run->wait_ms = 1;
    seen.endless_steps++;
    return WEIR_DUTY_MORE;
}
static void end_endless(weir_duty_run *run)
{
    (void)run;
    seen.endless_ended++;
}
static const weir_duty words = {"words", 60000, sizeof(int), sizeof(int), step_words, end_words};
static const weir_duty fails = {"fails", 60000, 0, 0, step_fails, NULL};
static const weir_duty endless = {"endless", 1, 0, 0, step_endless, end_endless};

static void begin(world *w, const char *const *tables)
{
    weir_error err = {0};
    *w = (world){.clock = {w, wall, monotonic, next_random}, .now_us = 1000000000};
    memset(&seen, 0, sizeof(seen));
    w->store = weir_store_memory_new(&w->clock);
    w->catalog = weir_catalog_open(
        &(weir_catalog_options){.store = w->store, .clock = &w->clock, .node = WEIR_STR("n:1")},
        &err);
    for (; *tables; tables++) {
        assert_non_null(weir_catalog_table_create(w->catalog, weir_str_of(*tables), &err));
    }
}

static void end(world *w, weir_coordinator *c)
{
    weir_coordinator_free(c);
    weir_catalog_close(w->catalog);
    weir_store_free(w->store);
}

static weir_coordinator *coordinator_of(world *w, const weir_duty *const *duties, bool threads)
{
    return weir_coordinator_new_with(
        &(weir_coordinator_options){.catalog = w->catalog,
                                    .clock = threads ? &weir_clock_system : &w->clock,
                                    .threads = threads},
        duties);
}

/* Steps until nothing is due before `until_us`. */
static void run_until(world *w, weir_coordinator *c, int64_t until_us)
{
    while (w->now_us < until_us) {
        int64_t wait_ms;
        weir_coordinator_step(c, &wait_ms);
        w->now_us += wait_ms * 1000;
    }
}

static void test_each_table_gets_a_run_in_each_period(void **state)
{
    (void)state;
    world w;
    static const char *const tables[] = {"a", "b", "c", NULL};
    static const weir_duty *const duties[] = {&words, NULL};
    begin(&w, tables);
    weir_coordinator *c = coordinator_of(&w, duties, false);
    run_until(&w, c, w.now_us + 31000000); /* each is begun within half a period */
    assert_int_equal(strlen(seen.trace), 6);
    for (size_t i = 0; i < 6; i += 2) {
        assert_int_equal(seen.trace[i], seen.trace[i + 1]); /* one run after the other */
    }
    assert_int_equal(seen.ended, 3);
    run_until(&w, c, w.now_us + 60000000);
    assert_int_equal(strlen(seen.trace), 12);
    assert_int_equal(seen.kept_seen, 4); /* from run to run */
    end(&w, c);
}

static void test_a_failure_is_tried_again_with_growing_pauses(void **state)
{
    (void)state;
    world w;
    static const char *const tables[] = {"a", NULL};
    static const weir_duty *const duties[] = {&fails, NULL};
    begin(&w, tables);
    weir_coordinator *c = coordinator_of(&w, duties, false);
    seen.failures_wanted = 3;
    run_until(&w, c, w.now_us + 38000000); /* at most 30 s, then after 1, 2 and 4 s */
    assert_int_equal(seen.runs, 4);
    weir_buf out = {0};
    weir_coordinator_metrics(c, &out);
    weir_buf_byte(&out, 0);
    assert_non_null(strstr(out.at, "weir_duty_runs_total{duty=\"fails\"} 1\n"));
    assert_non_null(strstr(out.at, "weir_duty_failures_total{duty=\"fails\"} 3\n"));
    weir_buf_done(&out);
    end(&w, c);
}

static void test_a_hurried_duty_runs_now(void **state)
{
    (void)state;
    world w;
    static const char *const tables[] = {"a", "b", NULL};
    static const weir_duty *const duties[] = {&words, NULL};
    begin(&w, tables);
    weir_coordinator *c = coordinator_of(&w, duties, false);
    run_until(&w, c, w.now_us + 31000000);
    seen.trace[0] = 0;
    assert_true(weir_coordinator_hurry(c, "words", weir_catalog_table(w.catalog, WEIR_STR("b"))));
    assert_false(weir_coordinator_hurry(c, "nothing", NULL));
    run_until(&w, c, w.now_us + 1000);
    assert_string_equal(seen.trace, "bb");
    end(&w, c);
}

static void test_duties_go_on_between_the_steps_of_others(void **state)
{
    (void)state;
    world w;
    static const char *const tables[] = {"a", NULL};
    static const weir_duty *const duties[] = {&endless, &fails, NULL};
    begin(&w, tables);
    weir_coordinator *c = coordinator_of(&w, duties, false);
    run_until(&w, c, w.now_us + 91000000);
    assert_int_equal(seen.runs, 2);
    end(&w, c);
    assert_int_equal(seen.endless_ended, 1); /* what is under way is given up in order */
}

/* How long the end of a coordinator takes whose duties work. */
static int64_t end_us(void)
{
    world w;
    static const char *const tables[] = {"a", NULL};
    static const weir_duty *const duties[] = {&endless, &words, NULL};
    begin(&w, tables);
    weir_coordinator *c = coordinator_of(&w, duties, true);
    for (int i = 0; i < 60000 && (seen.ended == 0 || seen.endless_steps == 0); i++) {
        weir_coordinator_hurry(c, "words", NULL);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    int64_t before_us = weir_monotonic_us(&weir_clock_system);
    end(&w, c);
    int64_t took_us = weir_monotonic_us(&weir_clock_system) - before_us;
    assert_int_equal(seen.endless_ended, 1);
    assert_true(seen.ended > 0);
    return took_us;
}

static void test_the_thread_ends_at_once(void **state)
{
    (void)state;
    int64_t least_us = INT64_MAX; /* the machine may be slow, but not each time */
    for (int i = 0; i < 10 && least_us >= 300000; i++) {
        int64_t us = end_us();
        least_us = us < least_us ? us : least_us;
    }
    assert_true(least_us < 300000);
}

static void test_a_key_of_the_config_is_set_read_and_taken_away(void **state)
{
    (void)state;
    world w;
    weir_error err = {0};
    static const char *const tables[] = {"a", NULL};
    begin(&w, tables);
    weir_table *table = weir_catalog_table(w.catalog, WEIR_STR("a"));
    static const struct {
        const char *key, *json, *rules, *other;
    } rows[] = {{"rules", "[1]", "[1]", ""},
                {"other", "{\"a\":2}", "[1]", "{\"a\":2}"},
                {"rules", "null", "", "{\"a\":2}"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_true(
            weir_table_config_put(table, rows[i].key, weir_str_of(rows[i].json), &w.clock, &err));
        weir_arena *arena = weir_arena_new();
        weir_log_state *now = weir_table_state(table);
        assert_true(weir_str_is(weir_log_config_get(now, "rules", arena), rows[i].rules));
        assert_true(weir_str_is(weir_log_config_get(now, "other", arena), rows[i].other));
        weir_log_state_unref(now);
        weir_arena_free(arena);
    }
    end(&w, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_table_gets_a_run_in_each_period),
        cmocka_unit_test(test_a_failure_is_tried_again_with_growing_pauses),
        cmocka_unit_test(test_a_hurried_duty_runs_now),
        cmocka_unit_test(test_duties_go_on_between_the_steps_of_others),
        cmocka_unit_test(test_the_thread_ends_at_once),
        cmocka_unit_test(test_a_key_of_the_config_is_set_read_and_taken_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
