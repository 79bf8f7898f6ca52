/* tests/unit/compute/lookup_test.c - lookups that are changed while they are read, against an array
 * of what each version must hold. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "compute/lookup.h"
#include "compute/lookup_table.h"

#define KEYS 300
#define VERSIONS 200
#define HELD 20

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static weir_str text_of(char text[64], const char *what, int number)
{
    return (weir_str){text, (size_t)snprintf(text, 64, "%s%d", what, number)};
}

/* The slow twin: the value of each key, -1: none. */
typedef struct twin {
    int values[KEYS];
} twin;

static void check(const weir_lookup *lookup, const twin *t)
{
    char key_text[64], value_text[64];
    uint32_t count = 0;
    bool seen[KEYS] = {false};
    for (int k = 0; k < KEYS; k++) {
        weir_str value = {0};
        bool found = weir_lookup_get(lookup, text_of(key_text, "key", k), &value);
        assert_int_equal(found, t->values[k] >= 0);
        assert_true(!found || weir_str_eq(value, text_of(value_text, "v", t->values[k])));
        count += found;
    }
    assert_int_equal(weir_lookup_count(lookup), count);
    for (uint32_t i = 0; i < count; i++) {
        weir_str key, value;
        weir_lookup_at(lookup, i, &key, &value);
        int k = 0;
        while (k < KEYS && !weir_str_eq(key, text_of(key_text, "key", k))) {
            k++;
        }
        assert_true(k < KEYS && !seen[k] && t->values[k] >= 0);
        assert_true(weir_str_eq(value, text_of(value_text, "v", t->values[k])));
        seen[k] = true;
    }
}

static void every_version_stays_as_it_was_published(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        weir_lookup_live *live = weir_lookup_live_new(false);
        weir_lookup *held[HELD] = {NULL};
        twin now, then[HELD];
        uint64_t random = seed;
        uint64_t last_uid = 0;
        memset(&now, 0xff, sizeof(now));
        for (int version = 0; version < VERSIONS; version++) {
            int changes = (int)(next_random(&random) % 60);
            for (int i = 0; i < changes; i++) {
                char key[64], value[64];
                int k = (int)(next_random(&random) % KEYS);
                now.values[k] =
                    next_random(&random) % 3 == 0 ? -1 : (int)(next_random(&random) % 1000);
                if (now.values[k] < 0) {
                    weir_lookup_live_remove(live, text_of(key, "key", k));
                } else {
                    weir_lookup_live_put(live, text_of(key, "key", k),
                                         text_of(value, "v", now.values[k]));
                }
            }
            uint32_t slot = (uint32_t)(next_random(&random) % HELD);
            if (held[slot]) {
                check(held[slot], &then[slot]);
                weir_lookup_unref(held[slot]);
            }
            held[slot] = weir_lookup_live_publish(live);
            then[slot] = now;
            assert_true(weir_lookup_uid(held[slot]) > last_uid);
            last_uid = weir_lookup_uid(held[slot]);
        }
        weir_lookup_live_free(live);
        for (int i = 0; i < HELD; i++) {
            if (held[i]) {
                check(held[i], &then[i]);
                weir_lookup_unref(held[i]);
            }
        }
    }
}

static void what_is_old_is_given_back(void **state)
{
    (void)state;
    weir_lookup_live *live = weir_lookup_live_new(false);
    char key[64], value[64];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200000; i++) { /* before a version, and with one each 1,000 changes */
            weir_lookup_live_put(live, text_of(key, "key", i % 100), text_of(value, "v", i));
            if (round > 0 && i % 1000 == 0) {
                weir_lookup_unref(weir_lookup_live_publish(live));
            }
        }
        assert_true(weir_lookup_live_bytes(live) < 4u << 20);
    }
    for (int i = 0; i < 200000; i++) { /* keys that come once and go */
        weir_lookup_live_put(live, text_of(key, "once", i), text_of(value, "v", i));
        weir_lookup_live_remove(live, text_of(key, "once", i));
        if (i % 1000 == 0) {
            weir_lookup_unref(weir_lookup_live_publish(live));
        }
    }
    assert_true(weir_lookup_live_bytes(live) < 4u << 20);
    weir_lookup *last = weir_lookup_live_publish(live);
    assert_int_equal(weir_lookup_count(last), 100);
    weir_lookup_unref(last);
    weir_lookup_live_free(live);
}

static void empty_and_long_texts_are_texts(void **state)
{
    (void)state;
    weir_lookup_live *live = weir_lookup_live_new(true);
    char *text = weir_calloc(1, 3u << 20);
    weir_str empty = WEIR_STR(""), large = {text, 3u << 20}, value = {0};
    weir_lookup_live_put(live, empty, large);
    weir_lookup_live_put(live, large, empty);
    weir_lookup_live_remove(live, WEIR_STR("never there"));
    weir_lookup *lookup = weir_lookup_live_publish(live);
    assert_true(weir_lookup_is_one_to_one(lookup));
    assert_true(weir_lookup_get(lookup, empty, &value) && weir_str_eq(value, large));
    assert_true(weir_lookup_get(lookup, large, &value) && value.at && value.size == 0);
    assert_int_equal(weir_lookup_count(lookup), 2);
    weir_lookup_unref(lookup);
    weir_lookup_live_free(live);
    free(text);
}

/* All keys of a version have one value. */
typedef struct reader {
    _Atomic bool stop;
    _Atomic uint64_t torn, read;
} reader;

static void *read_versions(void *self)
{
    reader *r = self;
    while (!r->stop) {
        weir_lookup *lookup = weir_lookup_find(WEIR_STR("torn"));
        weir_str first = {0}, value = {0}, key;
        char text[64];
        bool ok = weir_lookup_get(lookup, WEIR_STR("key0"), &first);
        for (int k = 1; k < 40; k++) {
            ok = ok && weir_lookup_get(lookup, text_of(text, "key", k), &value) &&
                 weir_str_eq(value, first);
        }
        for (uint32_t i = 0; i < weir_lookup_count(lookup); i++) {
            weir_lookup_at(lookup, i, &key, &value);
            ok = ok && (weir_str_starts(key, WEIR_STR("once")) || weir_str_eq(value, first));
        }
        r->torn += !ok;
        r->read++;
        weir_lookup_unref(lookup);
    }
    return NULL;
}

static void readers_on_other_threads_see_whole_versions(void **state)
{
    (void)state;
    weir_lookup_live *live = weir_lookup_live_new(false);
    pthread_t threads[2];
    reader r = {0};
    char key[64], value[64];
    for (int version = 0; version < 1000 || r.read < 100; version++) {
        for (int k = 0; k < 40; k++) {
            weir_lookup_live_put(live, text_of(key, "key", k), text_of(value, "v", version));
        }
        weir_lookup_live_put(live, text_of(key, "once", version), WEIR_STR("x"));
        weir_lookup_live_remove(live, text_of(key, "once", version - 3));
        weir_lookup_register(WEIR_STR("torn"), weir_lookup_live_publish(live));
        for (int i = 0; version == 0 && i < 2; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, read_versions, &r), 0);
        }
    }
    r.stop = true;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(r.torn, 0);
    weir_lookup_register(WEIR_STR("torn"), NULL);
    weir_lookup_live_free(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_stays_as_it_was_published),
        cmocka_unit_test(what_is_old_is_given_back),
        cmocka_unit_test(empty_and_long_texts_are_texts),
        cmocka_unit_test(readers_on_other_threads_see_whole_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
