/* tests/unit/segments/fetch_test.c - several gets at once, with and without threads. */
#include "log_helper.h"
#include "segments/fetch.h"
#include <semaphore.h>
#include <stdio.h>

enum { OBJECTS = 40 };

typedef struct fixture {
    seeded seed;
    weir_store *store;
    char keys[OBJECTS][16];
    weir_fetch parts[OBJECTS];
} fixture;

static int begin(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    weir_error err;
    seeded_init(&f->seed, 5);
    f->store = weir_store_memory_new(&f->seed.clock);
    for (int i = 0; i < OBJECTS; i++) {
        snprintf(f->keys[i], sizeof(f->keys[i]), "t/%02d", i);
        char text[32];
        snprintf(text, sizeof(text), "object number %02d", i);
        assert_int_equal(
            f->store->ops->put(f->store, weir_str_of(f->keys[i]), weir_str_of(text), &err),
            WEIR_PUT_DONE);
        f->parts[i] = (weir_fetch){.key = weir_str_of(f->keys[i]), .from = 7, .size = 9};
    }
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < OBJECTS; i++) {
        weir_buf_done(&f->parts[i].bytes);
    }
    weir_store_free(f->store);
    test_free(f);
    return 0;
}

static void assert_all_came(fixture *f)
{
    for (int i = 0; i < OBJECTS; i++) {
        char text[32];
        snprintf(text, sizeof(text), "number %02d", i);
        assert_int_equal(f->parts[i].got, WEIR_GET_FOUND);
        assert_true(weir_str_is(weir_buf_view(&f->parts[i].bytes), text));
    }
}

static void all_come_with_and_without_threads(void **state)
{
    fixture *f = *state;
    for (uint32_t threads = 0; threads <= 4; threads += 2) {
        weir_fetcher *fetcher = weir_fetcher_new(f->store, threads);
        weir_fetch_all(fetcher, f->parts, OBJECTS);
        assert_all_came(f);
        weir_fetcher_free(fetcher);
    }
}

static void post(void *self)
{
    sem_post(self);
}

static void who_begins_is_told_once(void **state)
{
    fixture *f = *state;
    sem_t told;
    sem_init(&told, 0, 0);
    for (uint32_t threads = 0; threads <= 3; threads += 3) {
        weir_fetcher *fetcher = weir_fetcher_new(f->store, threads);
        weir_fetch_begin(fetcher, f->parts, OBJECTS, post, &told);
        sem_wait(&told);
        assert_all_came(f);
        weir_fetch_begin(fetcher, NULL, 0, post, &told);
        sem_wait(&told);
        weir_fetcher_free(fetcher);
        assert_int_equal(sem_trywait(&told), -1);
    }
    sem_destroy(&told);
}

static void what_is_not_there_or_cut_is_said_by_name(void **state)
{
    fixture *f = *state;
    weir_store_faults faults = {.half_body_ppm = 1000000};
    weir_fetch gone = {.key = WEIR_STR("t/none")};
    weir_fetch_one(f->store, &gone);
    assert_int_equal(gone.got, WEIR_GET_NONE);
    assert_non_null(strstr(gone.err.message, "t/none is not in store memory"));
    weir_store_memory_faults(f->store, &faults);
    weir_fetch_one(f->store, &f->parts[0]);
    assert_int_equal(f->parts[0].got, WEIR_GET_FAILED);
    assert_non_null(
        strstr(f->parts[0].err.message, "t/00 in store memory: 4 bytes came from 7 on, and not 9"));
}

static void a_cut_answer_is_asked_for_again(void **state)
{
    fixture *f = *state;
    weir_store_faults faults = {.half_body_ppm = 100000};
    weir_fetcher *fetcher = weir_fetcher_new(f->store, 0);
    weir_store_memory_faults(f->store, &faults);
    weir_fetch_all(fetcher, f->parts, OBJECTS);
    assert_all_came(f);
    weir_fetcher_free(fetcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_come_with_and_without_threads, begin, end),
        cmocka_unit_test_setup_teardown(who_begins_is_told_once, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_there_or_cut_is_said_by_name, begin, end),
        cmocka_unit_test_setup_teardown(a_cut_answer_is_asked_for_again, begin, end),
    };
    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
