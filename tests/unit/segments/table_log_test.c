/* tests/unit/segments/table_log_test.c - commits, the rules V1..V7 each broken on purpose, folding
 * and loading. */
#include "log_helper.h"

typedef struct fixture {
    seeded seed;
    weir_store *store;
    weir_log_state
        *state; /* version 3: created; partition 0 started at 10, epoch 1; segment a, b added */
    weir_commit *commit; /* fits the state; of the test to fill */
} fixture;

#define SEGMENT_A "00000000000000000001-00000000000000aa"
#define SEGMENT_B "00000000000000000002-00000000000000bb"
#define SEGMENT_C "00000000000000000003-00000000000000cc"

static int begin(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    seeded_init(&f->seed, 7);
    f->store = weir_store_memory_new(&f->seed.clock);
    f->state = created(&f->seed, "t");
    weir_commit *commit = weir_commit_new(WEIR_OP_START, &f->seed.clock);
    fit(commit, f->state);
    weir_range start = range_of(0, WEIR_RANGE_START, 1, 10, 10);
    weir_commit_add_range(commit, &start);
    f->state = fold(f->state, commit);
    commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
    fit(commit, f->state);
    commit->label = WEIR_STR("first");
    weir_added a = added_of(WEIR_STR(SEGMENT_A), 0, 1000, 5),
               b = added_of(WEIR_STR(SEGMENT_B), 1000, 2000, 7);
    weir_commit_add_segment(commit, &a);
    weir_commit_add_segment(commit, &b);
    f->state = fold(f->state, commit);
    f->commit = weir_commit_new(WEIR_OP_HANDOFF, &f->seed.clock);
    fit(f->commit, f->state);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_commit_free(f->commit);
    weir_log_state_unref(f->state);
    weir_store_free(f->store);
    test_free(f);
    return 0;
}

static void assert_breaks(fixture *f, int rule)
{
    int broken = 0;
    weir_error err = {0};
    weir_log_state *next;
    assert_false(weir_log_valid(f->state, f->commit, &broken, &err));
    assert_int_equal(broken, rule);
    assert_int_equal(err.message[0], 'V');
    assert_int_equal(err.message[1], '0' + rule);
    assert_false(weir_log_fold(f->state, f->commit, 1, &next, &err)); /* a reader refuses it too */
    assert_int_equal(err.code, WEIR_ERR_CORRUPT);
    assert_non_null(strstr(err.message, "table t"));
}

static void assert_valid(fixture *f)
{
    weir_error err = {0};
    if (!weir_log_valid(f->state, f->commit, NULL, &err)) {
        fail_msg("%s", err.message);
    }
}

/* The test's commit becomes part of the log, and a new one begins. */
static void land(fixture *f, uint8_t next_op)
{
    f->state = fold(f->state, f->commit);
    f->commit = weir_commit_new(next_op, &f->seed.clock);
    fit(f->commit, f->state);
}

static void add_range(fixture *f, int32_t partition, uint8_t kind, uint64_t epoch, int64_t from,
                      int64_t to)
{
    weir_range range = range_of(partition, kind, epoch, from, to);
    weir_commit_add_range(f->commit, &range);
}

static void add_segment(fixture *f, const char *id, uint64_t rows)
{
    weir_added added = added_of(weir_str_of(id), 0, 1000, rows);
    weir_commit_add_segment(f->commit, &added);
}

static void remove_segment(fixture *f, const char *id, uint64_t rev)
{
    weir_removed removed = {weir_str_of(id), rev, 0, 0};
    weir_commit_add_removed(f->commit, &removed);
}

static void hide_segment(fixture *f, const char *id, uint64_t rev, int64_t from, int64_t to)
{
    weir_removed hidden = {weir_str_of(id), rev, from, to};
    weir_commit_add_hidden(f->commit, &hidden);
}

static void open_claim(fixture *f, const char *id, int64_t from, int64_t to)
{
    f->commit->claim = WEIR_ARENA_NEW(f->commit->arena, weir_claim);
    f->commit->claim[0] = (weir_claim){weir_str_of(id), from, to};
    f->commit->claim_count = 1;
}

static void release_claim(fixture *f, const char *id)
{
    f->commit->release = WEIR_ARENA_NEW(f->commit->arena, weir_claim);
    f->commit->release[0].id = weir_str_of(id);
    f->commit->release_count = 1;
}

static void v1_refuses_another_version(void **state)
{
    fixture *f = *state;
    f->commit->version++;
    assert_breaks(f, 1);
}

static void v1_refuses_another_prev(void **state)
{
    fixture *f = *state;
    f->commit->prev ^= 1;
    assert_breaks(f, 1);
}

static void v1_refuses_another_table_or_table_id(void **state)
{
    fixture *f = *state;
    f->commit->table_id = WEIR_STR("ffffffffffffffffffffffffffffffff");
    assert_breaks(f, 1);
    fit(f->commit, f->state);
    f->commit->table = WEIR_STR("u");
    assert_breaks(f, 1);
}

static void v1_refuses_a_label_twice(void **state)
{
    fixture *f = *state;
    f->commit->label = WEIR_STR("second");
    assert_valid(f);
    f->commit->label = WEIR_STR("first");
    assert_breaks(f, 1);
}

static void v1_refuses_to_create_twice(void **state)
{
    fixture *f = *state;
    f->commit->op = WEIR_OP_CREATE;
    assert_breaks(f, 1);
}

static void v2_takes_what_adjoins(void **state)
{
    fixture *f = *state;
    add_range(f, 0, WEIR_RANGE_DATA, 1, 10, 20);
    assert_valid(f);
    land(f, WEIR_OP_HANDOFF);
    assert_int_equal(weir_log_source(f->state, &PART(0))->next, 20);
}

static void v2_refuses_overlap_and_hole(void **state)
{
    fixture *f = *state;
    add_range(f, 0, WEIR_RANGE_DATA, 1, 9, 20);
    assert_breaks(f, 2);
    f->commit->offsets[0].from = 11;
    assert_breaks(f, 2);
}

static void v2_refuses_an_unknown_source(void **state)
{
    fixture *f = *state;
    add_range(f, 1, WEIR_RANGE_DATA, 1, 0, 20);
    assert_breaks(f, 2);
}

static void v2_refuses_an_epoch_from_before_a_reset(void **state)
{
    fixture *f = *state;
    add_range(f, 0, WEIR_RANGE_RESET, 2, 10, 3);
    land(f, WEIR_OP_HANDOFF);
    assert_int_equal(weir_log_source(f->state, &PART(0))->next, 3);
    add_range(f, 0, WEIR_RANGE_DATA, 1, 3, 20);
    assert_breaks(f, 2);
    f->commit->offsets[0].epoch = 2;
    assert_valid(f);
}

static void v2_refuses_an_empty_range(void **state)
{
    fixture *f = *state;
    add_range(f, 0, WEIR_RANGE_DATA, 1, 10, 10);
    assert_breaks(f, 2);
}

static void v2_refuses_a_second_start(void **state)
{
    fixture *f = *state;
    add_range(f, 0, WEIR_RANGE_START, 1, 0, 0);
    assert_breaks(f, 2);
}

static void v2_refuses_a_reset_that_skips_an_epoch_or_is_not_at_next(void **state)
{
    fixture *f = *state;
    add_range(f, 0, WEIR_RANGE_RESET, 3, 10, 0);
    assert_breaks(f, 2);
    f->commit->offsets[0].epoch = 2;
    f->commit->offsets[0].from = 9;
    assert_breaks(f, 2);
}

static void v2_refuses_a_source_twice(void **state)
{
    fixture *f = *state;
    add_range(f, 1, WEIR_RANGE_START, 1, 0, 0);
    add_range(f, 2, WEIR_RANGE_START, 1, 0, 0);
    assert_valid(f);
    add_range(f, 1, WEIR_RANGE_START, 1, 0, 0);
    assert_breaks(f, 2);
}

static void v3_refuses_an_id_that_is_there(void **state)
{
    fixture *f = *state;
    add_segment(f, SEGMENT_C, 1);
    assert_valid(f);
    add_segment(f, SEGMENT_A, 1);
    assert_breaks(f, 3);
}

static void v3_refuses_an_id_twice_in_one_commit(void **state)
{
    fixture *f = *state;
    add_segment(f, SEGMENT_C, 1);
    add_segment(f, SEGMENT_C, 1);
    assert_breaks(f, 3);
}

static void v3_refuses_an_id_that_was_removed(void **state)
{
    fixture *f = *state;
    remove_segment(f, SEGMENT_A, 0);
    land(f, WEIR_OP_HANDOFF);
    assert_null(weir_log_segment(f->state, WEIR_STR(SEGMENT_A)));
    assert_true(weir_log_has_tombstone(f->state, WEIR_STR(SEGMENT_A)));
    add_segment(f, SEGMENT_A, 1);
    assert_breaks(f, 3);
}

static void v3_refuses_a_base_below_the_horizon_or_past_the_log(void **state)
{
    fixture *f = *state;
    f->commit->horizon = 3;
    land(f, WEIR_OP_HANDOFF);
    add_segment(f, "00000000000000000002-00000000000000cc", 1);
    assert_breaks(f, 3);
    f->commit->add[0].id = WEIR_STR("00000000000000000005-00000000000000cc");
    assert_breaks(f, 3);
    f->commit->add[0].id = WEIR_STR(SEGMENT_C);
    assert_valid(f);
}

static void v3_refuses_no_rows_no_time_and_malformed_ids(void **state)
{
    fixture *f = *state;
    add_segment(f, SEGMENT_C, 0);
    assert_breaks(f, 3);
    f->commit->add[0].rows = 1;
    f->commit->add[0].to_ms = f->commit->add[0].from_ms;
    assert_breaks(f, 3);
    f->commit->add[0].to_ms++;
    f->commit->add[0].id = WEIR_STR("../../etc/passwd");
    assert_breaks(f, 3);
}

static void v4_refuses_what_is_not_there(void **state)
{
    fixture *f = *state;
    remove_segment(f, SEGMENT_C, 0);
    assert_breaks(f, 4);
}

static void v4_refuses_an_older_rev(void **state)
{
    fixture *f = *state;
    hide_segment(f, SEGMENT_A, 0, 0, 500);
    land(f, WEIR_OP_DROP);
    const weir_segment_state *segment = weir_log_segment(f->state, WEIR_STR(SEGMENT_A));
    assert_int_equal(segment->rev, 1);
    assert_int_equal(segment->hide_count, 1);
    assert_int_equal(segment->hides[0].end_ms, 500);
    remove_segment(f, SEGMENT_A, 0);
    assert_breaks(f, 4);
    f->commit->remove[0].rev = 1;
    assert_valid(f);
}

static void v4_refuses_a_segment_twice(void **state)
{
    fixture *f = *state;
    remove_segment(f, SEGMENT_A, 0);
    hide_segment(f, SEGMENT_A, 0, 0, 500);
    assert_breaks(f, 4);
}

static void v4_lets_several_times_of_a_segment_be_hidden_at_once(void **state)
{
    fixture *f = *state;
    hide_segment(f, SEGMENT_A, 0, 0, 100);
    hide_segment(f, SEGMENT_A, 0, 300, 500);
    assert_valid(f);
    land(f, WEIR_OP_DROP);
    const weir_segment_state *segment = weir_log_segment(f->state, WEIR_STR(SEGMENT_A));
    assert_int_equal(segment->hide_count, 2);
    assert_int_equal(segment->hides[1].start_ms, 300);
    assert_int_equal(segment->rev, 2);
    hide_segment(f, SEGMENT_A, 2, 600, 700);
    hide_segment(f, SEGMENT_A, 1, 800, 900); /* each names the rev that it saw */
    assert_breaks(f, 4);
}

static void v5_refuses_to_compact_under_a_claim(void **state)
{
    fixture *f = *state;
    open_claim(f, "c", 999, 1000);
    land(f, WEIR_OP_COMPACT);
    remove_segment(f, SEGMENT_B, 0); /* [1000, 2000): beside the claim */
    add_segment(f, SEGMENT_C, 7);
    assert_valid(f);
    f->commit->remove[0].id = WEIR_STR(SEGMENT_A);
    f->commit->add[0].events = 5;
    assert_breaks(f, 5);
}

static void v5_refuses_to_compact_events_away(void **state)
{
    fixture *f = *state;
    f->commit->op = WEIR_OP_COMPACT;
    remove_segment(f, SEGMENT_A, 0);
    remove_segment(f, SEGMENT_B, 0);
    add_segment(f, SEGMENT_C, 12);
    assert_valid(f);
    f->commit->add[0].events = 11;
    assert_breaks(f, 5);
}

static void v5_allows_fewer_events_where_time_was_hidden(void **state)
{
    fixture *f = *state;
    hide_segment(f, SEGMENT_A, 0, 0, 500);
    land(f, WEIR_OP_COMPACT);
    remove_segment(f, SEGMENT_A, 1);
    add_segment(f, SEGMENT_C, 2);
    assert_valid(f);
}

static void v6_refuses_overlapping_claims(void **state)
{
    fixture *f = *state;
    open_claim(f, "c", 0, 100);
    land(f, WEIR_OP_CLAIM);
    open_claim(f, "d", 99, 200);
    assert_breaks(f, 6);
    f->commit->claim[0].from_ms = 100;
    assert_valid(f);
    f->commit->claim[0] =
        (weir_claim){WEIR_STR("d"), 50, 50}; /* empty: only keeps the horizon back */
    assert_valid(f);
}

static void v6_refuses_work_on_a_claim_that_is_not_open(void **state)
{
    fixture *f = *state;
    release_claim(f, "c");
    assert_breaks(f, 6);
    f->commit->renew = f->commit->release;
    f->commit->renew_count = 1;
    f->commit->release_count = 0;
    assert_breaks(f, 6);
    f->commit->renew_count = 0;
    f->commit->op = WEIR_OP_OVERWRITE;
    assert_breaks(f, 6);
}

static void v7_refuses_a_horizon_that_falls_stays_or_passes_the_log_or_a_claim(void **state)
{
    fixture *f = *state;
    f->commit->horizon = 2;
    open_claim(f, "c", 0, 0);
    land(f, WEIR_OP_GC); /* the claim is of version 4 */
    land(f, WEIR_OP_GC);
    land(f, WEIR_OP_GC);
    f->commit->horizon = 2;
    assert_breaks(f, 7);
    f->commit->horizon = 7;
    assert_breaks(f, 7);
    f->commit->horizon = 5;
    assert_breaks(f, 7);
    f->commit->horizon = 4;
    assert_valid(f);
}

static void the_horizon_forgets_older_tombstones(void **state)
{
    fixture *f = *state;
    remove_segment(f, SEGMENT_A, 0);
    land(f, WEIR_OP_DROP); /* version 4 */
    remove_segment(f, SEGMENT_B, 0);
    land(f, WEIR_OP_GC); /* version 5 */
    f->commit->horizon = 5;
    land(f, WEIR_OP_GC);
    assert_false(weir_log_has_tombstone(f->state, WEIR_STR(SEGMENT_A)));
    assert_true(weir_log_has_tombstone(f->state, WEIR_STR(SEGMENT_B)));
}

static void a_commit_reads_back_as_it_was_written(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 300; i++) {
        weir_commit *commit = random_commit(&f->seed, f->state), *read;
        weir_buf once = {0}, again = {0};
        weir_error err = {0};
        weir_commit_write(commit, &once);
        assert_ptr_equal(memchr(once.at, '\n', once.size),
                         once.at + once.size - 18); /* one line, then its hash */
        assert_true(weir_commit_read(WEIR_STR("x"), weir_buf_view(&once), &read, &err));
        weir_commit_write(read, &again);
        assert_true(weir_str_eq(weir_buf_view(&once), weir_buf_view(&again)));
        weir_buf_done(&once);
        weir_buf_done(&again);
        weir_commit_free(read);
        f->state = fold(f->state, commit);
    }
}

static void every_cut_and_every_flipped_byte_names_the_object(void **state)
{
    fixture *f = *state;
    weir_buf bytes = {0};
    weir_error err = {0};
    weir_commit *read;
    weir_commit *commit = random_commit(&f->seed, f->state);
    weir_commit_write(commit, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        assert_false(
            weir_commit_read(WEIR_STR("t/log/5.json"), (weir_str){bytes.at, i}, &read, &err));
        assert_non_null(strstr(err.message, "t/log/5.json"));
        bytes.at[i] = (char)(bytes.at[i] ^ 1 << i % 8);
        assert_false(
            weir_commit_read(WEIR_STR("t/log/5.json"), weir_buf_view(&bytes), &read, &err));
        assert_non_null(strstr(err.message, "t/log/5.json"));
        assert_int_equal(err.code, WEIR_ERR_CORRUPT);
        bytes.at[i] = (char)(bytes.at[i] ^ 1 << i % 8);
    }
    weir_buf_done(&bytes);
    weir_commit_free(commit);
}

/* A well-hashed object with any text in it. */
static bool reads(const char *text, weir_error *err)
{
    weir_buf bytes = {0};
    weir_commit *read = NULL;
    char hex[17];
    weir_buf_text(&bytes, text);
    weir_hex_u64(hex, weir_hash_bytes(bytes.at, bytes.size));
    weir_buf_printf(&bytes, "\n%s\n", hex);
    bool ok = weir_commit_read(WEIR_STR("obj"), weir_buf_view(&bytes), &read, err);
    weir_commit_free(read);
    weir_buf_done(&bytes);
    return ok;
}

#define HEAD                                                                                       \
    "{\"format\":1,\"version\":1,\"prev\":\"0000000000000000\",\"table\":\"t\",\"table_id\":"      \
    "\"a\",\"txn\":\"b\",\"node\":\"\",\"at_ms\":0,\"op\":\"gc\""

static void what_a_newer_weir_wrote_is_refused_with_that_reason(void **state)
{
    static const char *const newer[] = {
        "{\"format\":2,\"what\":[]}",
        HEAD ",\"shards\":[]}",
        HEAD ",\"add\":[{\"id\":\"x\",\"tier\":\"hot\"}]}",
        "{\"format\":1,\"version\":1,\"prev\":\"0000000000000000\",\"table\":\"t\",\"table_id\":"
        "\"a\",\"txn\":\"b\",\"node\":\"\",\"at_ms\":0,\"op\":\"undo\"}",
    };
    weir_error err = {0};
    (void)state;
    assert_true(reads(HEAD "}", &err));
    for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
        assert_false(reads(newer[i], &err));
        assert_non_null(strstr(err.message, "newer weir needed"));
        assert_non_null(strstr(err.message, "obj"));
        assert_int_equal(err.code, WEIR_ERR_CORRUPT);
    }
}

static void malformed_json_is_refused_without_that_reason(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        HEAD,
        HEAD "}}",
        HEAD ",}",
        HEAD ",\"horizon\":-1}",
        HEAD ",\"horizon\":1.5}",
        HEAD ",\"horizon\":01}",
        HEAD ",\"horizon\":99999999999999999999}",
        HEAD ",\"horizon\":\"1\"}",
        HEAD ",\"format\":1}",
        HEAD ",\"add\":[{}]}",
        HEAD ",\"add\":{}}",
        HEAD ",\"add\":[",
        HEAD ",\"label\":\"\\x\"}",
        HEAD ",\"label\":\"\\u12\"}",
        HEAD ",\"label\":\"a}",
        HEAD ",\"config\":{\"a\":}}",
        HEAD ",\"config\":[1,]}",
        HEAD ",\"config\":tru}",
        "{\"format\":1}",
    };
    weir_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(reads(bad[i], &err));
        assert_null(strstr(err.message, "newer"));
    }
    char deep[1200] = HEAD ",\"config\":{\"a\":";
    memset(deep + strlen(deep), '[', 500);
    assert_false(reads(deep, &err));
}

static void config_keys_replace_the_old_one_by_one(void **state)
{
    fixture *f = *state;
    f->commit->config = WEIR_STR("{\"rules\":[1, 2],\"compaction\":{\"rows\":5}}");
    land(f, WEIR_OP_CONFIG);
    f->commit->config = WEIR_STR("{\"rules\":null,\"x\":0.1}");
    land(f, WEIR_OP_CONFIG);
    weir_str config = weir_log_config(f->state);
    assert_true(weir_str_is(config, "{\"compaction\":{\"rows\":5},\"rules\":null,\"x\":0.1}"));
}

static void counts_anchors_and_gaps_are_folded(void **state)
{
    fixture *f = *state;
    add_range(f, 0, WEIR_RANGE_DATA, 1, 10, 20);
    f->commit->offsets[0].counts = (weir_counts){7, 2, 1, 1000};
    f->commit->offsets[0].anchor = (weir_anchor){true, 19, 42};
    land(f, WEIR_OP_GAP);
    add_range(f, 0, WEIR_RANGE_GAP, 1, 20, 25);
    f->commit->offsets[0].reason = WEIR_STR("expired");
    land(f, WEIR_OP_RESET);
    const weir_source_state *source = weir_log_source(f->state, &PART(0));
    assert_int_equal(source->totals.kept, 7);
    assert_int_equal(source->anchor.xxh3, 42); /* null keeps the old one */
    size_t gaps;
    assert_int_equal(weir_log_gaps(f->state, &gaps)->range.to, 25);
    assert_int_equal(gaps, 1);
    add_range(f, 0, WEIR_RANGE_RESET, 2, 25, 0);
    land(f, WEIR_OP_HANDOFF);
    assert_false(weir_log_source(f->state, &PART(0))->anchor.known); /* of another topic */
}

static void the_last_thousand_labels_are_known(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 1000; i++) {
        f->commit->label = weir_arena_printf(f->commit->arena, "label%d", i);
        land(f, WEIR_OP_LOAD);
    }
    assert_false(weir_log_has_label(f->state, WEIR_STR("first")));
    assert_true(weir_log_has_label(f->state, WEIR_STR("label0")));
    assert_true(weir_log_has_label(f->state, WEIR_STR("label999")));
}

/* Puts `count` random commits and a create; *out is the state by folding one by one. */
static void write_log(fixture *f, uint32_t count, weir_log_state **out)
{
    weir_log_state *log = weir_log_state_empty(WEIR_STR("wide, \"odd\" / n\xc3\xa4me"));
    weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, &f->seed.clock);
    fit(commit, log);
    put_commit(f->store, commit);
    log = fold(log, commit);
    for (uint32_t i = 0; i < count; i++) {
        commit = random_commit(&f->seed, log);
        put_commit(f->store, commit);
        log = fold(log, commit);
        if (weir_log_version(log) % WEIR_CHECKPOINT_EVERY == 0) {
            weir_error err;
            assert_true(weir_checkpoint_put(f->store, log, &err));
        }
    }
    *out = log;
}

static bool count_key(void *self, weir_str key, uint64_t size)
{
    (void)key, (void)size;
    ++*(int *)self;
    return true;
}

static bool drop_key(void *self, weir_str key, uint64_t size)
{
    weir_store *store = self;
    (void)size;
    return store->ops->remove(store, key, NULL);
}

static void loading_by_checkpoint_and_tail_gives_what_the_log_gives(void **state)
{
    fixture *f = *state;
    weir_log_state *log, *loaded, *again;
    weir_error err = {0};
    write_log(f, 450, &log);
    assert_true(weir_log_load(f->store, weir_log_table(log), &loaded, &err));
    assert_true(same_state(log, loaded));
    weir_str folder = WEIR_STR("wide~2C~20~22odd~22~20~2F~20n~C3~A4me/checkpoints/");
    int checkpoints = 0;
    assert_true(
        f->store->ops->list(f->store, folder, (weir_str){0}, count_key, &checkpoints, &err));
    assert_int_equal(checkpoints, 3);
    assert_true(f->store->ops->list(f->store, folder, (weir_str){0}, drop_key, f->store, &err));
    assert_true(weir_log_load(f->store, weir_log_table(log), &again, &err));
    assert_true(same_state(log, again));
    weir_log_state_unref(log);
    weir_log_state_unref(loaded);
    weir_log_state_unref(again);
}

static void catching_up_folds_what_others_put(void **state)
{
    fixture *f = *state;
    weir_log_state *log, *loaded, *same, *next;
    weir_error err = {0};
    write_log(f, 10, &log);
    assert_true(weir_log_load(f->store, weir_log_table(log), &loaded, &err));
    assert_true(weir_log_catch_up(f->store, loaded, &same, &err));
    assert_ptr_equal(same, loaded);
    for (int i = 0; i < 3; i++) {
        weir_commit *commit = random_commit(&f->seed, log);
        put_commit(f->store, commit);
        log = fold(log, commit);
    }
    assert_true(weir_log_catch_up(f->store, loaded, &next, &err));
    assert_true(same_state(log, next));
    weir_log_state_unref(log);
    weir_log_state_unref(loaded);
    weir_log_state_unref(same);
    weir_log_state_unref(next);
}

static void a_lost_log_object_is_named_at_load(void **state)
{
    fixture *f = *state;
    weir_log_state *log, *loaded;
    weir_error err = {0};
    write_log(f, 20, &log);
    weir_arena *arena = weir_arena_new();
    assert_true(f->store->ops->remove(f->store, weir_key_log(arena, weir_log_table(log), 9), &err));
    assert_false(weir_log_load(f->store, weir_log_table(log), &loaded, &err));
    assert_int_equal(err.code, WEIR_ERR_CORRUPT);
    assert_non_null(strstr(err.message, "00000000000000000009.json is missing"));
    weir_arena_free(arena);
    weir_log_state_unref(log);
}

static void a_log_of_mixed_origin_is_found_by_its_chain(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    weir_log_state *one = created(&f->seed, "m"), *loaded;
    weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, &f->seed.clock);
    weir_log_state *empty = weir_log_state_empty(WEIR_STR("m"));
    fit(commit, empty);
    put_commit(f->store, commit); /* another txn than that of `one`: another hash */
    weir_commit_free(commit);
    commit = random_commit(&f->seed, one);
    put_commit(f->store, commit);
    weir_commit_free(commit);
    assert_false(weir_log_load(f->store, WEIR_STR("m"), &loaded, &err));
    assert_int_equal(err.code, WEIR_ERR_CORRUPT);
    assert_non_null(strstr(err.message, "prev"));
    weir_log_state_unref(one);
    weir_log_state_unref(empty);
}

static bool see_table(void *self, weir_str table)
{
    weir_buf_str(self, table);
    weir_buf_byte(self, '|');
    return true;
}

static void tables_are_found_by_one_list_call_each(void **state)
{
    fixture *f = *state;
    static const char *const tables[] = {"zoo", "a.b", "a", "a-b"};
    weir_buf found = {0};
    weir_error err;
    for (int i = 0; i < 4; i++) {
        weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, &f->seed.clock);
        weir_log_state *empty = weir_log_state_empty(weir_str_of(tables[i]));
        fit(commit, empty);
        put_commit(f->store, commit);
        weir_commit_free(commit);
        weir_log_state_unref(empty);
    }
    f->store->ops->put(f->store, WEIR_STR("~probe/x"), WEIR_STR("x"), &err);
    f->store->ops->put(f->store, WEIR_STR("a~2/x"), WEIR_STR("x"), &err);
    assert_true(weir_log_tables(f->store, see_table, &found, &err));
    assert_true(weir_str_is(weir_buf_view(&found), "a-b|a|a.b|zoo|"));
    weir_buf_done(&found);
}

static int64_t now_us(void)
{
    return weir_monotonic_us(&weir_clock_system);
}

static void ten_thousand_segments_load_quickly(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    weir_log_state *log = weir_log_state_empty(WEIR_STR("big")), *loaded;
    weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, &f->seed.clock);
    fit(commit, log);
    for (int i = 0; i < 2501; i++) {
        put_commit(f->store, commit);
        log = fold(log, commit);
        if (i == 2450) {
            assert_true(weir_checkpoint_put(f->store, log, &err));
        }
        commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
        fit(commit, log);
        for (int k = 0; k < 4; k++) {
            weir_added added =
                added_of(weir_segment_id_new(commit->arena, weir_log_version(log), &f->seed.clock),
                         i * 1000, i * 1000 + 999, 1000);
            weir_commit_add_segment(commit, &added);
        }
    }
    weir_commit_free(commit);
    size_t count;
    int64_t start = now_us();
    assert_true(weir_log_load(f->store, WEIR_STR("big"), &loaded, &err));
    int64_t with = now_us() - start;
    weir_log_segments(loaded, &count);
    assert_int_equal(count, 10000);
    weir_log_state_unref(loaded);
    assert_true(f->store->ops->list(f->store, WEIR_STR("big/checkpoints/"), (weir_str){0}, drop_key,
                                    f->store, &err));
    start = now_us();
    assert_true(weir_log_load(f->store, WEIR_STR("big"), &loaded, &err));
    int64_t without = now_us() - start;
    assert_true(same_state(log, loaded));
    print_message("10,000 segments: %ld ms by a checkpoint, %ld ms by 2,501 commits\n", with / 1000,
                  without / 1000);
    assert_true(with < 5000000 && without < 10000000);
    weir_log_state_unref(loaded);
    weir_log_state_unref(log);
}

static void a_fold_leaves_the_state_before_as_it_was(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 100; i++) {
        weir_buf before = {0}, after = {0};
        weir_checkpoint_write(f->state, &before);
        weir_log_state *kept = weir_log_state_ref(f->state);
        f->state = fold(f->state, random_commit(&f->seed, f->state));
        weir_checkpoint_write(kept, &after);
        assert_true(weir_str_eq(weir_buf_view(&before), weir_buf_view(&after)));
        weir_log_state_unref(kept);
        weir_buf_done(&before);
        weir_buf_done(&after);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(v1_refuses_another_version),
        TEST(v1_refuses_another_prev),
        TEST(v1_refuses_another_table_or_table_id),
        TEST(v1_refuses_a_label_twice),
        TEST(v1_refuses_to_create_twice),
        TEST(v2_takes_what_adjoins),
        TEST(v2_refuses_overlap_and_hole),
        TEST(v2_refuses_an_unknown_source),
        TEST(v2_refuses_an_epoch_from_before_a_reset),
        TEST(v2_refuses_an_empty_range),
        TEST(v2_refuses_a_second_start),
        TEST(v2_refuses_a_reset_that_skips_an_epoch_or_is_not_at_next),
        TEST(v2_refuses_a_source_twice),
        TEST(v3_refuses_an_id_that_is_there),
        TEST(v3_refuses_an_id_twice_in_one_commit),
        TEST(v3_refuses_an_id_that_was_removed),
        TEST(v3_refuses_a_base_below_the_horizon_or_past_the_log),
        TEST(v3_refuses_no_rows_no_time_and_malformed_ids),
        TEST(v4_refuses_what_is_not_there),
        TEST(v4_refuses_an_older_rev),
        TEST(v4_refuses_a_segment_twice),
        TEST(v4_lets_several_times_of_a_segment_be_hidden_at_once),
        TEST(v5_refuses_to_compact_under_a_claim),
        TEST(v5_refuses_to_compact_events_away),
        TEST(v5_allows_fewer_events_where_time_was_hidden),
        TEST(v6_refuses_overlapping_claims),
        TEST(v6_refuses_work_on_a_claim_that_is_not_open),
        TEST(v7_refuses_a_horizon_that_falls_stays_or_passes_the_log_or_a_claim),
        TEST(the_horizon_forgets_older_tombstones),
        TEST(a_commit_reads_back_as_it_was_written),
        TEST(every_cut_and_every_flipped_byte_names_the_object),
        TEST(what_a_newer_weir_wrote_is_refused_with_that_reason),
        TEST(malformed_json_is_refused_without_that_reason),
        TEST(config_keys_replace_the_old_one_by_one),
        TEST(counts_anchors_and_gaps_are_folded),
        TEST(the_last_thousand_labels_are_known),
        TEST(loading_by_checkpoint_and_tail_gives_what_the_log_gives),
        TEST(catching_up_folds_what_others_put),
        TEST(a_lost_log_object_is_named_at_load),
        TEST(a_log_of_mixed_origin_is_found_by_its_chain),
        TEST(tables_are_found_by_one_list_call_each),
        TEST(ten_thousand_segments_load_quickly),
        TEST(a_fold_leaves_the_state_before_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
