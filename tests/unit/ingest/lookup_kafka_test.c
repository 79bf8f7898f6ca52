/* tests/unit/ingest/lookup_kafka_test.c - lookups that follow a topic, over librdkafka's mock
 * cluster and a store in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "compute/lookup.h"
#include "mock_helper.h"
#include "weir/buf.h"
#include "weir/log.h"
#include "weir/lookups.h"

#define TOPIC "names"
#define TIER WEIR_STR("__default")

typedef struct world {
    mock *mock;
    weir_store *store;
    weir_lookups *lookups;
    weir_error err;
} world;

static weir_lookups *open_lookups(world *w, size_t memory_bytes)
{
    weir_lookups *lookups = weir_lookups_open(&(weir_lookups_options){.store = w->store,
                                                                      .clock = &weir_clock_system,
                                                                      .node = WEIR_STR("n:1"),
                                                                      .memory_bytes = memory_bytes},
                                              &w->err);
    assert_non_null(lookups);
    return lookups;
}

static int setup(void **state)
{
    world *w = weir_calloc(1, sizeof(*w));
    weir_buf out = {0};
    w->mock = mock_new(TOPIC, 2);
    w->store = weir_store_memory_new(&weir_clock_system);
    w->lookups = open_lookups(w, 0);
    assert_true(weir_lookups_post(w->lookups, WEIR_STR("{}"), &out, &w->err));
    weir_buf_done(&out);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    weir_lookups_close(w->lookups);
    weir_store_free(w->store);
    mock_free(w->mock);
    free(w);
    return 0;
}

static bool post(world *w, const char *version, const char *topic)
{
    weir_buf json = {0};
    weir_buf_printf(&json,
                    "{\"version\":\"%s\",\"lookupExtractorFactory\":{\"type\":\"kafka\","
                    "\"kafkaTopic\":\"%s\",\"isOneToOne\":true,\"connectTimeout\":5000,"
                    "\"kafkaProperties\":{\"bootstrap.servers\":\"%s\"}}}",
                    version, topic, mock_brokers(w->mock));
    bool ok = weir_lookups_post_one(w->lookups, TIER, WEIR_STR("l"), weir_buf_view(&json), &w->err);
    weir_buf_done(&json);
    return ok;
}

/* Whether the lookup maps key to value (NULL: has no such key). */
static bool maps(const char *key, const char *value)
{
    weir_lookup *lookup = weir_lookup_find(WEIR_STR("l"));
    weir_str got = {0};
    bool found = lookup && weir_lookup_get(lookup, weir_str_of(key), &got);
    bool ok = lookup && (value ? found && weir_str_is(got, value) : !found);
    weir_lookup_unref(lookup);
    return ok;
}

static void wait_maps(const char *key, const char *value)
{
    for (int i = 0; i < 3000 && !maps(key, value); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    assert_true(maps(key, value));
}

static bool says_loaded(world *w, bool loaded)
{
    weir_buf out = {0};
    assert_true(weir_lookups_status(w->lookups, TIER, WEIR_STR("l"), false, &out, &w->err));
    bool ok = weir_str_is(weir_buf_view(&out), loaded ? "{\"loaded\":true}" : "{\"loaded\":false}");
    weir_buf_done(&out);
    return ok;
}

/* It answers a moment before it says so. */
static void wait_loaded(world *w)
{
    for (int i = 0; i < 3000 && !says_loaded(w, true); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    assert_true(says_loaded(w, true));
}

static void a_topic_is_read_from_its_beginning_and_followed(void **state)
{
    world *w = *state;
    mock_produce(w->mock, 0, "NZ", "Nu Zeelund", 0);
    mock_produce(w->mock, 1, "AU", "Australia", 0);
    mock_produce(w->mock, 0, "NZ", "New Zealand", 0);
    mock_produce(w->mock, 1, "AU", NULL, 0);
    mock_produce(w->mock, 0, "CZ", "", 0);
    mock_produce(w->mock, 0, NULL, "no key", 0);
    mock_flush(w->mock);
    assert_true(post(w, "v1", TOPIC));
    wait_maps("NZ", "New Zealand");
    wait_loaded(w);
    assert_true(maps("AU", NULL) && maps("CZ", ""));
    weir_lookup *before = weir_lookup_find(WEIR_STR("l"));
    assert_int_equal(weir_lookup_count(before), 2);
    assert_true(weir_lookup_is_one_to_one(before));
    mock_produce(w->mock, 1, "AU", "Straya", 0);
    mock_produce(w->mock, 0, "NZ", "Aotearoa", 0);
    mock_produce(w->mock, 0, "CZ", NULL, 0);
    wait_maps("AU", "Straya");
    wait_maps("NZ", "Aotearoa");
    wait_maps("CZ", NULL);
    weir_str old;
    assert_true(weir_lookup_get(before, WEIR_STR("NZ"), &old) && weir_str_is(old, "New Zealand"));
    weir_lookup_unref(before);
}

static void a_restart_reads_the_topic_again(void **state)
{
    world *w = *state;
    mock_produce(w->mock, 0, "a", "1", 0);
    mock_flush(w->mock);
    assert_true(post(w, "v1", TOPIC));
    wait_maps("a", "1");
    weir_lookups_close(w->lookups);
    assert_null(weir_lookup_find(WEIR_STR("l")));
    mock_produce(w->mock, 1, "b", "2", 0);
    mock_flush(w->mock);
    w->lookups = open_lookups(w, 0);
    wait_maps("b", "2");
    assert_true(maps("a", "1"));
}

static void a_new_version_answers_once_it_is_whole(void **state)
{
    world *w = *state;
    mock_produce(w->mock, 0, "a", "1", 0);
    mock_flush(w->mock);
    assert_true(post(w, "v1", TOPIC));
    wait_maps("a", "1");
    assert_true(post(w, "v2", "a-topic-of-nobody"));
    assert_true(maps("a", "1")); /* as it was */
    assert_true(post(w, "v3", TOPIC));
    mock_produce(w->mock, 0, "a", "3", 0);
    wait_maps("a", "3");
    assert_true(weir_lookups_delete(w->lookups, TIER, WEIR_STR("l"), &w->err));
    assert_null(weir_lookup_find(WEIR_STR("l")));
}

static void one_that_does_not_fit_is_given_up(void **state)
{
    world *w = *state;
    char key[32], value[1024];
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = 0;
    weir_lookups_close(w->lookups);
    w->lookups = open_lookups(w, 1 << 20);
    mock_produce(w->mock, 0, "a", "1", 0);
    mock_flush(w->mock);
    assert_true(post(w, "v1", TOPIC));
    wait_maps("a", "1");
    wait_loaded(w);
    for (int i = 0; i < 1500; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        mock_produce(w->mock, i % 2, key, value, 0);
    }
    weir_lookup *found = weir_lookup_find(WEIR_STR("l"));
    for (int i = 0; i < 3000 && found; i++) {
        weir_lookup_unref(found);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        found = weir_lookup_find(WEIR_STR("l"));
    }
    assert_null(found);
    assert_true(says_loaded(w, false));
}

static void specs_are_checked_member_by_member(void **state)
{
    static const struct {
        const char *members, *sentence;
    } cases[] = {
        {"\"kafkaProperties\":{\"bootstrap.servers\":\"b\"}", "kafkaTopic required"},
        {"\"kafkaTopic\":\"t\"", "kafkaProperties required"},
        {"\"kafkaTopic\":\"t\",\"kafkaProperties\":{}", "bootstrap.servers required property"},
        {"\"kafkaTopic\":\"t\",\"kafkaProperties\":{\"bootstrap.servers\":\"b\",\"group.id\":"
         "\"g\"}",
         "cannot set kafka property [group.id]"},
        {"\"kafkaTopic\":\"t\",\"kafkaProperties\":{\"bootstrap.servers\":[]}",
         "lookupExtractorFactory.kafkaProperties.bootstrap.servers must be a string"},
        {"\"kafkaTopic\":\"t\",\"kafkaProperties\":{\"bootstrap.servers\":\"b\","
         "\"security.protocol\":\"nope\"}",
         "lookupExtractorFactory.kafkaProperties.security.protocol"},
        {"\"kafkaTopic\":\"t\",\"connectTimeout\":-1,"
         "\"kafkaProperties\":{\"bootstrap.servers\":\"b\"}",
         "lookupExtractorFactory.connectTimeout"},
    };
    world *w = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        weir_buf json = {0};
        weir_buf_printf(&json,
                        "{\"version\":\"v\",\"lookupExtractorFactory\":{\"type\":\"kafka\",%s}}",
                        cases[i].members);
        w->err = (weir_error){0};
        assert_false(
            weir_lookups_post_one(w->lookups, TIER, WEIR_STR("l"), weir_buf_view(&json), &w->err));
        assert_int_equal(w->err.code, WEIR_ERR_BAD_REQUEST);
        if (!strstr(w->err.message, cases[i].sentence)) {
            fail_msg("%s", w->err.message);
        }
        weir_buf_done(&json);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_topic_is_read_from_its_beginning_and_followed),
        TEST(a_restart_reads_the_topic_again),
        TEST(a_new_version_answers_once_it_is_whole),
        TEST(one_that_does_not_fit_is_given_up),
        TEST(specs_are_checked_member_by_member),
    };
    weir_log_setup(WEIR_ERROR, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
