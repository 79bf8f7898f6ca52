/* A log whose objects are fetched several at once: the same state, and damage found at the same
 * place, as by one get after the other. */
#include "log_helper.h"
#include "segments/fetch.h"

enum { VERSIONS = 230, THREADS = 8 };

typedef struct fixture {
    seeded seed;
    weir_store *store;
    weir_fetcher *fetcher;
    weir_log_state *log;
} fixture;

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    seeded_init(&f->seed, 7);
    f->store = weir_store_memory_new(&f->seed.clock);
    f->fetcher = weir_fetcher_new(f->store, THREADS);
    weir_log_state *empty = weir_log_state_empty(WEIR_STR("t"));
    weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, &f->seed.clock);
    fit(commit, empty);
    put_commit(f->store, commit);
    f->log = fold(empty, commit);
    while (weir_log_version(f->log) < VERSIONS) {
        commit = random_commit(&f->seed, f->log);
        put_commit(f->store, commit);
        f->log = fold(f->log, commit);
    }
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_log_state_unref(f->log);
    weir_fetcher_free(f->fetcher);
    weir_store_free(f->store);
    free(f);
    return 0;
}

static void many_gets_at_once_fold_to_the_same_state(void **state)
{
    fixture *f = *state;
    weir_log_state *loaded;
    weir_error err = {0};
    assert_true(weir_log_load_part(f->store, f->fetcher, WEIR_STR("t"), &loaded, &err));
    assert_true(same_state(f->log, loaded));
    weir_log_state_unref(loaded);
}

static void the_state_before_a_lost_object_is_given_wherever_the_hole_lies(void **state)
{
    fixture *f = *state;
    weir_arena *arena = weir_arena_new();
    for (uint64_t hole = VERSIONS - 1; hole > 1; hole = hole * 2 / 3) { /* each below the last */
        weir_log_state *loaded;
        weir_error err = {0};
        weir_str key = weir_key_log(arena, WEIR_STR("t"), hole);
        assert_true(f->store->ops->remove(f->store, key, &err));
        assert_false(weir_log_load_part(f->store, f->fetcher, WEIR_STR("t"), &loaded, &err));
        assert_int_equal(err.code, WEIR_ERR_CORRUPT);
        assert_non_null(strstr(err.message, key.at));
        assert_int_equal(weir_log_version(loaded), hole - 1);
        weir_log_state_unref(loaded);
    }
    weir_arena_free(arena);
}

static void objects_damaged_on_their_way_are_asked_for_again(void **state)
{
    fixture *f = *state;
    weir_log_state *loaded;
    weir_error err = {0};
    weir_store_memory_faults(f->store, &(weir_store_faults){.flip_ppm = 100000});
    for (int i = 0; i < 20; i++) { /* some 20 of the objects each time */
        assert_true(weir_log_load_part(f->store, f->fetcher, WEIR_STR("t"), &loaded, &err));
        assert_true(same_state(f->log, loaded));
        weir_log_state_unref(loaded);
    }
}

static void a_store_that_fails_gives_no_state_and_says_why(void **state)
{
    fixture *f = *state;
    weir_log_state *loaded;
    weir_error err = {0};
    weir_store_memory_faults(f->store, &(weir_store_faults){.fail_ppm = 100000});
    assert_false(weir_log_load_part(f->store, f->fetcher, WEIR_STR("t"), &loaded, &err));
    assert_null(loaded);
    assert_int_equal(err.code, WEIR_ERR_STORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_gets_at_once_fold_to_the_same_state, begin, end),
        cmocka_unit_test_setup_teardown(
            the_state_before_a_lost_object_is_given_wherever_the_hole_lies, begin, end),
        cmocka_unit_test_setup_teardown(objects_damaged_on_their_way_are_asked_for_again, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_store_that_fails_gives_no_state_and_says_why, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
