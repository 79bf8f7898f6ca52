/* tests/unit/ingest/rules_test.c - which buckets go by load and drop rules: bounds as Druid has
 * them, and spans of buckets against a walk over each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "ingest/rules.h"

#define DAY 86400000LL
#define NOW 1715774400000LL /* 2024-05-15T12:00:00Z */

static weir_arena *arena;
static int begin(void **state)
{
    (void)state;
    arena = weir_arena_new();
    return 0;
}
static int end(void **state)
{
    (void)state;
    weir_arena_free(arena);
    return 0;
}

static weir_rules parse(const char *json)
{
    weir_rules rules;
    weir_error err = {0};
    if (!weir_rules_parse(weir_str_of(json), arena, &rules, &err)) {
        fail_msg("%s", err.message);
    }
    return rules;
}

static bool drops(const char *json, const char *bucket)
{
    weir_rules rules = parse(json);
    weir_interval interval;
    weir_error err;
    assert_true(weir_interval_parse(weir_str_of(bucket), &interval, &err));
    return weir_rules_drop(&rules, interval, NOW);
}

static void every_type_is_read_and_printed(void **state)
{
    static const char *const rows[][2] = {
        {"[]", "[]"},
        {"[{\"type\":\"loadForever\"}]",
         "[{\"tieredReplicants\":{\"_default_tier\":2},\"useDefaultTierForNull\":true,\"type\":"
         "\"loadForever\"}]"},
        {"[{\"type\":\"loadForever\",\"tieredReplicants\":{\"hot\":1}}]",
         "[{\"tieredReplicants\":{\"hot\":1},\"useDefaultTierForNull\":true,\"type\":"
         "\"loadForever\"}]"},
        {"[{\"type\":\"loadForever\",\"useDefaultTierForNull\":false}]",
         "[{\"tieredReplicants\":{},\"useDefaultTierForNull\":false,\"type\":\"loadForever\"}]"},
        {"[{\"type\":\"loadByInterval\",\"interval\":\"2024/"
         "2025\",\"tieredReplicants\":{\"a\":0,\"b\":3}}]",
         "[{\"interval\":\"2024-01-01T00:00:00.000Z/"
         "2025-01-01T00:00:00.000Z\",\"tieredReplicants\":{\"a\":0,\"b\":3},"
         "\"useDefaultTierForNull\":true,\"type\":\"loadByInterval\"}]"},
        {"[{\"type\":\"loadByPeriod\",\"period\":\"P1M\",\"tieredReplicants\":{\"a\":1}}]",
         "[{\"period\":\"P1M\",\"includeFuture\":true,\"tieredReplicants\":{\"a\":1},"
         "\"useDefaultTierForNull\":true,\"type\":\"loadByPeriod\"}]"},
        {"[{\"type\":\"dropForever\"},{\"type\":\"dropByInterval\",\"interval\":\"2024/P1D\"}]",
         "[{\"type\":\"dropForever\"},{\"interval\":\"2024-01-01T00:00:00.000Z/"
         "2024-01-02T00:00:00.000Z\",\"type\":\"dropByInterval\"}]"},
        {"[{\"type\":\"dropByPeriod\",\"period\":\"P1D\",\"includeFuture\":false},{\"type\":"
         "\"dropBeforeByPeriod\",\"period\":\"P7D\"}]",
         "[{\"period\":\"P1D\",\"includeFuture\":false,\"type\":\"dropByPeriod\"},{\"period\":"
         "\"P7D\",\"type\":\"dropBeforeByPeriod\"}]"},
        {"[{\"type\":\"broadcastForever\"},{\"type\":\"broadcastByPeriod\",\"period\":\"PT1H\"},{"
         "\"type\":\"broadcastByInterval\",\"interval\":\"2024/2025\"}]",
         "[{\"type\":\"broadcastForever\"},{\"period\":\"PT1H\",\"includeFuture\":true,\"type\":"
         "\"broadcastByPeriod\"},{\"interval\":\"2024-01-01T00:00:00.000Z/"
         "2025-01-01T00:00:00.000Z\",\"type\":\"broadcastByInterval\"}]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        weir_rules rules = parse(rows[i][0]);
        char *printed = weir_arena_text(arena, rules.json);
        assert_string_equal(printed, rows[i][1]);
        weir_rules again = parse(printed);
        assert_true(weir_str_eq(again.json, rules.json));
    }
}

static void what_is_no_rule_is_named(void **state)
{
    static const char *const rows[][2] = {
        {"{}", "array"},
        {"[1]", "[0]"},
        {"[{}]", "[0].type"},
        {"[{\"type\":\"loadForever\"},{\"type\":\"keep\"}]", "[1].type: 'keep'"},
        {"[{\"type\":\"dropByPeriod\"}]", "[0].period"},
        {"[{\"type\":\"dropByPeriod\",\"period\":\"1 day\"}]", "'1 day'"},
        {"[{\"type\":\"loadByInterval\",\"interval\":\"soon\"}]", "[0].interval"},
        {"[{\"type\":\"loadForever\",\"tieredReplicants\":{\"a\":-1}}]", "tieredReplicants.a"},
        {"[{\"type\":\"loadForever\",\"tieredReplicants\":[]}]", "tieredReplicants"},
        {"[", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        weir_rules rules;
        weir_error err = {0};
        assert_false(weir_rules_parse(weir_str_of(rows[i][0]), arena, &rules, &err));
        assert_int_equal(err.code, WEIR_ERR_BAD_REQUEST);
        assert_non_null(strstr(err.message, rows[i][1]));
    }
}

static void the_first_rule_that_fits_decides(void **state)
{
    (void)state;
    assert_false(drops("[]", "2024/P1D"));
    assert_true(drops("[{\"type\":\"dropForever\"}]", "2024/P1D"));
    assert_false(drops("[{\"type\":\"loadForever\"},{\"type\":\"dropForever\"}]", "2024/P1D"));
    const char *keep_days =
        "[{\"type\":\"loadByPeriod\",\"period\":\"P3D\"},{\"type\":\"dropForever\"}]";
    assert_false(drops(keep_days, "2024-05-12/P1D")); /* half of it is within */
    assert_true(drops(keep_days, "2024-05-11/P1D"));
    assert_false(drops(keep_days, "2030-01-01/P1D")); /* the future is included */
    assert_true(drops("[{\"type\":\"loadByPeriod\",\"period\":\"P3D\",\"includeFuture\":false},{"
                      "\"type\":\"dropForever\"}]",
                      "2030-01-01/P1D"));
    assert_false(
        drops("[{\"type\":\"broadcastByPeriod\",\"period\":\"P3D\"},{\"type\":\"dropForever\"}]",
              "2024-05-12/P1D"));
    assert_true(drops("[{\"type\":\"dropByInterval\",\"interval\":\"2024-05-01/2024-05-03\"}]",
                      "2024-05-02/P1D"));
    assert_false(drops("[{\"type\":\"dropByInterval\",\"interval\":\"2024-05-01/2024-05-02T23\"}]",
                       "2024-05-02/P1D"));
    assert_true(drops("[{\"type\":\"dropByPeriod\",\"period\":\"P3D\"}]", "2024-05-13/P1D"));
    assert_false(drops("[{\"type\":\"dropByPeriod\",\"period\":\"P3D\"}]", "2024-05-12/P1D"));
    assert_true(drops("[{\"type\":\"dropByPeriod\",\"period\":\"P3D\"}]", "2024-05-15/P1D"));
    assert_false(drops("[{\"type\":\"dropByPeriod\",\"period\":\"P3D\",\"includeFuture\":false}]",
                       "2024-05-15/P1D"));
    assert_true(drops("[{\"type\":\"dropBeforeByPeriod\",\"period\":\"P3D\"}]", "2024-05-11/P1D"));
    assert_false(drops("[{\"type\":\"dropBeforeByPeriod\",\"period\":\"P3D\"}]", "2024-05-12/P1D"));
    assert_true(drops("[{\"type\":\"dropBeforeByPeriod\",\"period\":\"P1M\"}]", "2024-04-14/P1D"));
    assert_false(drops("[{\"type\":\"dropBeforeByPeriod\",\"period\":\"P1M\"}]", "2024-04-15/P1D"));
}

static uint64_t seed = 7;
static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

static weir_rule random_rule(void)
{
    weir_rule rule = {.drop = draw(2), .include_future = draw(2)};
    rule.time = (uint8_t)draw(20) == 0 ? WEIR_RULE_FOREVER : (uint8_t)(1 + draw(rule.drop ? 3 : 2));
    rule.period.hours = (int32_t)draw(1000);
    rule.interval.start_ms = NOW - (int64_t)draw(1000) * 3600000;
    rule.interval.end_ms = rule.interval.start_ms + (int64_t)draw(300) * 3600000;
    return rule;
}

/* The obvious twin: every bucket for itself. */
static void spans_are_as_a_walk_over_every_bucket(void **state)
{
    static const char *const names[] = {"hour", "day", "week", "month"};
    (void)state;
    for (int round = 0; round < 3000; round++) {
        weir_rule list[5];
        weir_rules rules = {draw(5), list, {0}};
        weir_granularity buckets;
        for (uint32_t i = 0; i < rules.count; i++) {
            list[i] = random_rule();
        }
        assert_true(weir_granularity_simple(weir_str_of(names[draw(4)]), &buckets));
        weir_interval hull = {NOW - (int64_t)draw(1000) * 3600000 - draw(3600000), 0}, *gone;
        hull.end_ms = hull.start_ms + 1 + (int64_t)draw(900) * 3600000;
        uint32_t count = weir_rules_gone(&rules, &buckets, hull, NOW, arena, &gone);
        for (uint32_t i = 1; i < count; i++) {
            assert_true(gone[i - 1].end_ms < gone[i].start_ms);
        }
        for (int64_t at = weir_granularity_floor(&buckets, hull.start_ms); at < hull.end_ms;) {
            weir_interval bucket = {at, weir_granularity_next(&buckets, at)};
            bool in = false;
            for (uint32_t i = 0; i < count; i++) {
                bool overlaps =
                    gone[i].start_ms < bucket.end_ms && bucket.start_ms < gone[i].end_ms;
                in = in || overlaps;
                assert_true(!overlaps || (gone[i].start_ms <= bucket.start_ms &&
                                          bucket.end_ms <= gone[i].end_ms));
            }
            assert_int_equal(in, weir_rules_drop(&rules, bucket, NOW));
            at = bucket.end_ms;
        }
    }
}

static void without_buckets_a_segment_goes_whole(void **state)
{
    (void)state;
    weir_rules rules = parse("[{\"type\":\"dropBeforeByPeriod\",\"period\":\"P1D\"}]");
    weir_granularity none, all;
    weir_interval *gone;
    assert_true(weir_granularity_simple(WEIR_STR("none"), &none));
    assert_true(weir_granularity_simple(WEIR_STR("all"), &all));
    assert_int_equal(
        weir_rules_gone(&rules, &none, (weir_interval){0, NOW - DAY}, NOW, arena, &gone), 1);
    assert_int_equal(
        weir_rules_gone(&rules, &none, (weir_interval){0, NOW - DAY + 1}, NOW, arena, &gone), 0);
    assert_int_equal(weir_rules_gone(&rules, &all, (weir_interval){0, 1}, NOW, arena, &gone), 0);
    rules = parse("[{\"type\":\"dropForever\"}]");
    assert_int_equal(weir_rules_gone(&rules, &all, (weir_interval){0, 1}, NOW, arena, &gone), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(every_type_is_read_and_printed),       TEST(what_is_no_rule_is_named),
        TEST(the_first_rule_that_fits_decides),     TEST(spans_are_as_a_walk_over_every_bucket),
        TEST(without_buckets_a_segment_goes_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
