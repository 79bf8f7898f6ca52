/* tests/unit/segments/audit_test.c - an audit of random logs finds nothing; of the same logs with
 * one thing broken it names that thing. Segments have no bytes here (tests/e2e/offsets has them).
 */
#include "log_helper.h"
#include "weir/audit.h"

enum { VERSIONS = 230 };

typedef struct fixture {
    seeded seed;
    weir_store *store;
    weir_log_state *log;
    weir_arena *arena;
    weir_audit *audit;
} fixture;

static void checkpoint(fixture *f)
{
    weir_error err;
    assert_true(weir_checkpoint_put(f->store, f->log, &err));
}

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    seeded_init(&f->seed, 11);
    f->arena = weir_arena_new();
    f->store = weir_store_memory_new(&f->seed.clock);
    weir_log_state *empty = weir_log_state_empty(WEIR_STR("t"));
    weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, &f->seed.clock);
    fit(commit, empty);
    put_commit(f->store, commit);
    f->log = fold(empty, commit);
    while (weir_log_version(f->log) < VERSIONS) {
        commit = random_commit(&f->seed, f->log);
        if (commit->op == WEIR_OP_HANDOFF && commit->offset_count > 0) { /* I8 */
            uint64_t events = 0;
            for (uint32_t i = 0; i < commit->add_count; i++) {
                events += commit->add[i].events;
            }
            for (uint32_t i = 0; i < commit->offset_count; i++) {
                commit->offsets[i].counts.kept = i == 0 ? events : 0;
            }
        } else if (commit->op == WEIR_OP_HANDOFF) {
            commit->op = WEIR_OP_LOAD;
        }
        put_commit(f->store, commit);
        f->log = fold(f->log, commit);
        if (weir_log_version(f->log) % WEIR_CHECKPOINT_EVERY == 0) {
            checkpoint(f);
        }
    }
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_audit_free(f->audit);
    weir_log_state_unref(f->log);
    weir_store_free(f->store);
    weir_arena_free(f->arena);
    free(f);
    return 0;
}

static void run(fixture *f)
{
    weir_error err = {0};
    if (!weir_audit_begin(f->store, WEIR_STR("t"), &f->audit, &err)) {
        fail_msg("%s", err.message);
    }
}

/* A finding of that check which has the words. */
static void assert_found(const fixture *f, const char *check, const char *words)
{
    for (size_t i = 0; i < f->audit->finding_count; i++) {
        const weir_finding *finding = &f->audit->findings[i];
        if (strcmp(finding->check, check) == 0 && strstr(finding->text.at, words)) {
            return;
        }
    }
    for (size_t i = 0; i < f->audit->finding_count; i++) {
        print_message("%s: %s\n", f->audit->findings[i].check, f->audit->findings[i].text.at);
    }
    fail_msg("no finding %s: ... %s ...", check, words);
}

static void put(fixture *f, weir_str key, weir_str bytes)
{
    weir_error err;
    assert_int_equal(f->store->ops->put(f->store, key, bytes, &err), WEIR_PUT_DONE);
}

static void remove_object(fixture *f, weir_str key)
{
    weir_error err;
    assert_true(f->store->ops->remove(f->store, key, &err));
}

/* The first version from `from` on that took a range of data of the source's newest epoch. */
static weir_commit *find_data(fixture *f, uint64_t from)
{
    weir_error err;
    weir_commit *commit;
    for (;; from++) {
        assert_int_equal(weir_commit_get(f->store, WEIR_STR("t"), from, &commit, &err),
                         WEIR_GET_FOUND);
        if (commit->offset_count > 0 && commit->offsets[0].kind == WEIR_RANGE_DATA) {
            return commit;
        }
        weir_commit_free(commit);
    }
}

/* In its place, with a right hash. */
static void put_again(fixture *f, const weir_commit *commit)
{
    weir_buf bytes = {0};
    weir_commit_write(commit, &bytes);
    put(f, weir_key_log(f->arena, WEIR_STR("t"), commit->version), weir_buf_view(&bytes));
    weir_buf_done(&bytes);
}

static void a_sound_log_has_no_findings(void **state)
{
    fixture *f = *state;
    run(f);
    for (size_t i = 0; i < f->audit->finding_count; i++) {
        fail_msg("%s: %s", f->audit->findings[i].check, f->audit->findings[i].text.at);
    }
    assert_int_equal(f->audit->commits, VERSIONS);
    assert_int_equal(f->audit->checkpoints, 2);
    assert_true(same_state(f->audit->state, f->log));
    size_t count;
    weir_log_sources(f->log, &count);
    assert_int_equal(f->audit->source_count, count);
    assert_true(f->audit->range_count > count);
}

static void a_lost_object_is_named_and_so_are_the_offsets_that_it_took(void **state)
{
    fixture *f = *state;
    weir_commit *commit = find_data(f, 120);
    weir_str key = weir_key_log(f->arena, WEIR_STR("t"), commit->version);
    remove_object(f, key);
    weir_commit_free(commit);
    run(f);
    assert_found(f, "I1", key.at);
    assert_found(f, "I2", "covered by no commit");
}

static void a_range_that_was_made_longer_overlaps_the_next(void **state)
{
    fixture *f = *state;
    weir_commit *commit = find_data(f, 20);
    commit->offsets[0].to += 3;
    put_again(f, commit);
    weir_commit_free(commit);
    run(f);
    assert_found(f, "I1", "prev");
    assert_found(f, "I2", "covered twice");
}

static void counts_that_do_not_fit_the_segments_are_told(void **state)
{
    fixture *f = *state;
    weir_commit *commit = find_data(f, 20);
    while (commit->op != WEIR_OP_HANDOFF) {
        uint64_t next = commit->version + 1;
        weir_commit_free(commit);
        commit = find_data(f, next);
    }
    commit->offsets[0].counts.kept++;
    put_again(f, commit);
    weir_commit_free(commit);
    run(f);
    assert_found(f, "I8", "events");
}

static void a_checkpoint_of_another_state_is_told(void **state)
{
    fixture *f = *state;
    weir_buf bytes = {0};
    weir_error err;
    weir_log_state *wrong = weir_log_state_empty(WEIR_STR("t"));
    weir_commit *commit;
    for (uint64_t v = 1; v <= 200; v++) { /* the state of 200, in which one count is another */
        assert_int_equal(weir_commit_get(f->store, WEIR_STR("t"), v, &commit, &err),
                         WEIR_GET_FOUND);
        uint64_t hash = commit->hash;
        if (v == 200 || (v > 150 && commit->add_count > 0)) {
            for (uint32_t i = 0; i < commit->add_count; i++) {
                commit->add[i].bytes += 1;
            }
        }
        weir_log_state *next;
        assert_true(weir_log_fold(wrong, commit, hash, &next, &err));
        weir_commit_free(commit);
        weir_log_state_unref(wrong);
        wrong = next;
    }
    weir_checkpoint_write(wrong, &bytes);
    put(f, weir_key_checkpoint(f->arena, WEIR_STR("t"), 200), weir_buf_view(&bytes));
    weir_buf_done(&bytes);
    weir_log_state_unref(wrong);
    run(f);
    assert_found(f, "I5", "is not what the log folds to");
    assert_found(f, "I5", "the newest checkpoint and the log after it");
}

static void a_flipped_bit_of_a_checkpoint_is_told_and_the_rest_is_sound(void **state)
{
    fixture *f = *state;
    weir_buf bytes = {0};
    weir_error err;
    weir_str key = weir_key_checkpoint(f->arena, WEIR_STR("t"), 200);
    assert_int_equal(f->store->ops->get(f->store, key, 0, 0, &bytes, &err), WEIR_GET_FOUND);
    bytes.at[bytes.size / 2] ^= 4;
    put(f, key, weir_buf_view(&bytes));
    weir_buf_done(&bytes);
    run(f);
    assert_found(f, "I5", key.at);
    assert_int_equal(f->audit->finding_count, 1);
}

static void segments_that_are_not_there_are_all_named(void **state)
{
    fixture *f = *state;
    weir_error err;
    size_t count;
    weir_log_segments(f->log, &count);
    run(f);
    assert_true(count > 0);
    assert_true(weir_audit_segments(f->audit, false, &err));
    assert_int_equal(f->audit->finding_count, count);
    assert_found(f, "I6", "not in the store");
}

static void a_store_that_fails_and_a_table_that_is_not_there_are_errors(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    assert_false(weir_audit_begin(f->store, WEIR_STR("u"), &f->audit, &err));
    assert_int_equal(err.code, WEIR_ERR_NOT_FOUND);
    weir_store_memory_faults(f->store, &(weir_store_faults){.outage = true});
    assert_false(weir_audit_begin(f->store, WEIR_STR("t"), &f->audit, &err));
    weir_store_memory_faults(f->store, &(weir_store_faults){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_log_has_no_findings, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_object_is_named_and_so_are_the_offsets_that_it_took,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_range_that_was_made_longer_overlaps_the_next, begin, end),
        cmocka_unit_test_setup_teardown(counts_that_do_not_fit_the_segments_are_told, begin, end),
        cmocka_unit_test_setup_teardown(a_checkpoint_of_another_state_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_flipped_bit_of_a_checkpoint_is_told_and_the_rest_is_sound,
                                        begin, end),
        cmocka_unit_test_setup_teardown(segments_that_are_not_there_are_all_named, begin, end),
        cmocka_unit_test_setup_teardown(a_store_that_fails_and_a_table_that_is_not_there_are_errors,
                                        begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
