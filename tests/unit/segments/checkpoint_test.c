/* tests/unit/segments/checkpoint_test.c - a checkpoint is a hint: it reads back exactly, or it is
 * refused and the one before serves. */
#include "log_helper.h"
#include <zstd.h>

static weir_log_state *random_log(seeded *s, uint32_t commits)
{
    weir_log_state *state = created(s, "t");
    for (uint32_t i = 0; i < commits; i++) {
        state = fold(state, random_commit(s, state));
    }
    return state;
}

static void a_state_reads_back_and_folds_on_alike(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        seeded s;
        seeded_init(&s, seed);
        weir_log_state *log = random_log(&s, 1 + draw(&s, 120)), *back;
        weir_buf bytes = {0};
        weir_error err = {0};
        weir_checkpoint_write(log, &bytes);
        assert_true(weir_checkpoint_read(WEIR_STR("c"), weir_buf_view(&bytes), &back, &err));
        assert_true(same_state(log, back));
        for (int i = 0; i < 20;
             i++) { /* what comes after finds all it needs: labels, tombstones, revs, claims */
            weir_commit *commit = random_commit(&s, log);
            weir_buf line = {0};
            weir_commit *copy;
            weir_commit_write(commit, &line);
            assert_true(weir_commit_read(WEIR_STR("c"), weir_buf_view(&line), &copy, &err));
            log = fold(log, commit);
            back = fold(back, copy);
            weir_buf_done(&line);
        }
        assert_true(same_state(log, back));
        weir_buf_done(&bytes);
        weir_log_state_unref(log);
        weir_log_state_unref(back);
    }
}

static void every_cut_and_flip_is_refused_by_name(void **state)
{
    seeded s;
    (void)state;
    seeded_init(&s, 5);
    weir_log_state *log = random_log(&s, 30), *back;
    weir_buf bytes = {0};
    weir_error err = {0};
    weir_checkpoint_write(log, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        assert_false(weir_checkpoint_read(WEIR_STR("t/checkpoints/30"), (weir_str){bytes.at, i},
                                          &back, &err));
        assert_non_null(strstr(err.message, "t/checkpoints/30"));
        bytes.at[i] ^= 0x10;
        if (weir_checkpoint_read(WEIR_STR("t/checkpoints/30"), weir_buf_view(&bytes), &back,
                                 &err)) {
            assert_true(same_state(log, back)); /* a bit that zstd does not use */
            weir_log_state_unref(back);
        }
        bytes.at[i] ^= 0x10;
    }
    weir_buf_done(&bytes);
    weir_log_state_unref(log);
}

/* The text of a checkpoint with one line changed, its hash made right again. */
static bool reads_with(weir_str text, const char *from, const char *to)
{
    weir_buf changed = {0}, packed = {0};
    char hex[17];
    weir_log_state *back = NULL;
    weir_error err = {0};
    char *at = memmem(text.at, text.size, from, strlen(from));
    assert_non_null(at);
    weir_buf_put(&changed, text.at, (size_t)(at - text.at));
    weir_buf_text(&changed, to);
    weir_buf_put(&changed, at + strlen(from),
                 text.size - (size_t)(at - text.at) - strlen(from) - 17);
    weir_hex_u64(hex, weir_hash_bytes(changed.at, changed.size));
    weir_buf_printf(&changed, "%s\n", hex);
    weir_buf_reserve(&packed, ZSTD_compressBound(changed.size));
    packed.size =
        ZSTD_compress(packed.at, ZSTD_compressBound(changed.size), changed.at, changed.size, 1);
    bool ok = weir_checkpoint_read(WEIR_STR("c"), weir_buf_view(&packed), &back, &err);
    weir_log_state_unref(back);
    weir_buf_done(&changed);
    weir_buf_done(&packed);
    return ok;
}

static void well_hashed_nonsense_is_refused(void **state)
{
    seeded s;
    (void)state;
    seeded_init(&s, 6);
    weir_log_state *log = random_log(&s, 60);
    weir_buf bytes = {0};
    weir_checkpoint_write(log, &bytes);
    size_t size = ZSTD_getFrameContentSize(bytes.at, bytes.size);
    char *text = malloc(size);
    ZSTD_decompress(text, size, bytes.at, bytes.size);
    weir_str all = {text, size};
    assert_true(reads_with(all, "{\"end\":", "{\"end\":"));
    assert_false(reads_with(all, "{\"end\":", "{\"end\":1"));
    assert_false(reads_with(all, "{\"segment\":", "{\"shard\":"));
    assert_false(reads_with(all, "\"format\":1", "\"format\":2"));
    assert_false(reads_with(all, "{\"source\":{", "{},\n{\"source\":{"));
    assert_false(reads_with(all, "\"id\":\"0000", "\"id\":\"000"));
    assert_false(reads_with(all, "\"id\":\"0000", "\"id\":\"9000")); /* out of order */
    free(text);
    weir_buf_done(&bytes);
    weir_log_state_unref(log);
}

/* A store with a log of 250 random commits and checkpoints at 100 and 200. */
static weir_store *store_of(seeded *s, weir_log_state **out)
{
    weir_store *store = weir_store_memory_new(&s->clock);
    weir_log_state *log = weir_log_state_empty(WEIR_STR("t"));
    weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, &s->clock);
    weir_error err;
    fit(commit, log);
    for (int i = 0; i < 250; i++) {
        put_commit(store, commit);
        log = fold(log, commit);
        if (weir_log_version(log) % 100 == 0) {
            assert_true(weir_checkpoint_put(store, log, &err));
        }
        commit = random_commit(s, log);
    }
    weir_commit_free(commit);
    *out = log;
    return store;
}

static void a_damaged_checkpoint_is_passed_over_for_the_one_before_or_the_log(void **state)
{
    seeded s;
    (void)state;
    seeded_init(&s, 9);
    weir_log_state *log, *loaded;
    weir_error err = {0};
    weir_store *store = store_of(&s, &log);
    weir_arena *arena = weir_arena_new();
    for (uint64_t version = 200; version >= 100; version -= 100) {
        store->ops->put(store, weir_key_checkpoint(arena, WEIR_STR("t"), version),
                        WEIR_STR("damaged"), &err);
        assert_true(weir_log_load(store, WEIR_STR("t"), &loaded, &err));
        assert_true(same_state(log, loaded));
        weir_log_state_unref(loaded);
    }
    weir_arena_free(arena);
    weir_log_state_unref(log);
    weir_store_free(store);
}

static void a_checkpoint_of_another_log_is_passed_over(void **state)
{
    seeded s, other;
    (void)state;
    seeded_init(&s, 10);
    seeded_init(&other, 11);
    weir_log_state *log, *strange, *loaded;
    weir_error err = {0};
    weir_store *store = store_of(&s, &log), *elsewhere = store_of(&other, &strange);
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_str key = weir_key_checkpoint(arena, WEIR_STR("t"), 200);
    assert_int_equal(elsewhere->ops->get(elsewhere, key, 0, 0, &bytes, &err), WEIR_GET_FOUND);
    store->ops->put(store, key, weir_buf_view(&bytes), &err);
    assert_true(weir_log_load(store, WEIR_STR("t"), &loaded, &err));
    assert_true(same_state(log, loaded));
    weir_buf_done(&bytes);
    weir_arena_free(arena);
    weir_log_state_unref(loaded);
    weir_log_state_unref(log);
    weir_log_state_unref(strange);
    weir_store_free(store);
    weir_store_free(elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_reads_back_and_folds_on_alike),
        cmocka_unit_test(every_cut_and_flip_is_refused_by_name),
        cmocka_unit_test(well_hashed_nonsense_is_refused),
        cmocka_unit_test(a_damaged_checkpoint_is_passed_over_for_the_one_before_or_the_log),
        cmocka_unit_test(a_checkpoint_of_another_log_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
