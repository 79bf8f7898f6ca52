/* tests/unit/query/memo_test.c - bytes by key: what is found, what leaves, and many threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include "query/memo.h"

static weir_memo_key key_of(const weir_memo *memo, uint32_t n)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "k%u", n);
    return weir_memo_key_of(memo, (weir_str){text, (size_t)size});
}

/* `size` bytes that say which key they belong to. */
static void fill(char *bytes, size_t size, uint32_t n)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(n * 31 + i);
    }
}

static bool put(weir_memo *memo, uint32_t n, size_t size)
{
    char *bytes = malloc(size + 1);
    fill(bytes, size, n);
    bool kept = weir_memo_put(memo, key_of(memo, n), (weir_str){bytes, size});
    free(bytes);
    return kept;
}

/* -1: not there; else its size, and its bytes are the key's. */
static long look(weir_memo *memo, uint32_t n)
{
    weir_memo_entry *entry = weir_memo_get(memo, key_of(memo, n));
    if (!entry) {
        return -1;
    }
    weir_str bytes = weir_memo_bytes(entry);
    for (size_t i = 0; i < bytes.size; i++) {
        assert_int_equal(bytes.at[i], (char)(n * 31 + i));
    }
    long size = (long)bytes.size;
    weir_memo_release(entry);
    return size;
}

static void what_was_put_is_found(void **state)
{
    (void)state;
    weir_memo *memo = weir_memo_new(1u << 20, &weir_clock_system);
    assert_int_equal(look(memo, 1), -1);
    assert_true(put(memo, 1, 100));
    assert_true(put(memo, 2, 0));
    assert_int_equal(look(memo, 1), 100);
    assert_int_equal(look(memo, 2), 0);
    assert_true(put(memo, 1, 50)); /* what is there stays */
    assert_int_equal(look(memo, 1), 100);
    weir_memo_stats stats;
    weir_memo_stats_get(memo, &stats);
    assert_int_equal(stats.entries, 2);
    assert_int_equal(stats.hits, 3);
    assert_int_equal(stats.misses, 1);
    weir_memo_free(memo);
}

static void a_memo_of_no_bytes_keeps_nothing(void **state)
{
    (void)state;
    weir_memo *memo = weir_memo_new(0, &weir_clock_system);
    weir_memo_key key = {1, 2};
    assert_null(memo);
    assert_null(weir_memo_get(memo, key));
    assert_false(weir_memo_put(memo, key, WEIR_STR("x")));
    assert_false(weir_memo_seen(memo, key));
    weir_memo_free(memo);
}

static void the_limit_holds_and_the_oldest_leave(void **state)
{
    (void)state;
    weir_memo *memo = weir_memo_new(1u << 20, &weir_clock_system);
    weir_memo_stats stats;
    for (uint32_t i = 0; i < 4000; i++) {
        assert_true(put(memo, i, 1000));
        assert_int_equal(look(memo, 0), 1000); /* in use all the time */
        weir_memo_stats_get(memo, &stats);
        assert_true(stats.used_bytes <= 1u << 20);
    }
    assert_true(stats.evictions > 2500 && stats.entries > 500);
    assert_int_equal(stats.entries + stats.evictions, 4000);
    assert_int_equal(look(memo, 0), 1000);
    assert_int_equal(look(memo, 1), -1);
    assert_int_equal(look(memo, 3999), 1000);
    assert_false(put(memo, 5000, 1u << 17)); /* too large for its share */
    weir_memo_free(memo);
}

static void an_entry_that_is_held_outlives_its_place(void **state)
{
    (void)state;
    weir_memo *memo = weir_memo_new(1u << 20, &weir_clock_system);
    put(memo, 7, 1000);
    weir_memo_entry *held = weir_memo_get(memo, key_of(memo, 7));
    for (uint32_t i = 100; i < 4000; i++) {
        put(memo, i, 1000);
    }
    assert_int_equal(look(memo, 7), -1);
    assert_int_equal(weir_memo_bytes(held).size, 1000);
    weir_memo_free(memo);
    assert_int_equal(weir_memo_bytes(held).at[1], (char)(7 * 31 + 1));
    weir_memo_release(held);
}

static void a_key_is_seen_from_the_second_time_on(void **state)
{
    (void)state;
    weir_memo *memo = weir_memo_new(1u << 20, &weir_clock_system);
    assert_false(weir_memo_seen(memo, key_of(memo, 1)));
    assert_false(weir_memo_seen(memo, key_of(memo, 2)));
    assert_true(weir_memo_seen(memo, key_of(memo, 1)));
    assert_true(weir_memo_seen(memo, key_of(memo, 1)));
    weir_memo_free(memo);
}

static void keys_of_different_bytes_differ(void **state)
{
    (void)state;
    weir_memo *memo = weir_memo_new(1u << 20, &weir_clock_system), *other = weir_memo_new(1u << 20, &weir_clock_system);
    weir_memo_key a = key_of(memo, 1), b = key_of(memo, 2), c = key_of(other, 1);
    assert_true(a.hash != b.hash && a.salted != b.salted);
    assert_true(a.hash == c.hash && a.salted != c.salted); /* salted per memo */
    weir_memo_free(memo);
    weir_memo_free(other);
}

typedef struct user {
    weir_memo *memo;
    uint32_t from;
} user;

static void *use(void *self)
{
    const user *u = self;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t n = (u->from + i * 7919) % 700;
        size_t size = 200 + n % 100 * 30;
        long got = look(u->memo, n);
        assert_true(got == -1 || got == (long)size);
        if (got < 0 && weir_memo_seen(u->memo, key_of(u->memo, n))) {
            put(u->memo, n, size);
        }
    }
    return NULL;
}

static void many_threads_find_only_what_belongs_to_their_keys(void **state)
{
    (void)state;
    weir_memo *memo = weir_memo_new(512u << 10, &weir_clock_system);
    pthread_t threads[4];
    user users[4];
    for (uint32_t i = 0; i < 4; i++) {
        users[i] = (user){memo, i * 97};
        pthread_create(&threads[i], NULL, use, &users[i]);
    }
    for (uint32_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    weir_memo_stats stats;
    weir_memo_stats_get(memo, &stats);
    assert_true(stats.evictions > 0 && stats.hits > 0 && stats.used_bytes <= stats.limit_bytes);
    assert_int_equal(stats.hits + stats.misses, 80000);
    assert_int_equal(stats.puts - stats.evictions, stats.entries);
    weir_memo_free(memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),
        cmocka_unit_test(a_memo_of_no_bytes_keeps_nothing),
        cmocka_unit_test(the_limit_holds_and_the_oldest_leave),
        cmocka_unit_test(an_entry_that_is_held_outlives_its_place),
        cmocka_unit_test(a_key_is_seen_from_the_second_time_on),
        cmocka_unit_test(keys_of_different_bytes_differ),
        cmocka_unit_test(many_threads_find_only_what_belongs_to_their_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
