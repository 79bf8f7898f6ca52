/* tests/unit/segments/catalog_test.c - commits by the letter of PROTOCOL.md's section 5, views by
 * that of section 4. */
#include <pthread.h>
#include <unistd.h>
#include "log_helper.h"
#include "weir/catalog.h"
#include "weir/log.h"

#ifdef WEIR_SANITIZED
enum { ROUNDS = 40, SEEDS = 40 };
#else
enum { ROUNDS = 150, SEEDS = 200 };
#endif

typedef struct fixture {
    seeded seed;
    weir_store *store;
    weir_schema *schema;
    weir_catalog *a, *b; /* two processes */
    weir_budget budget;
} fixture;

static void pass_time(void *self, int64_t ms)
{
    ((seeded *)self)->now_us += ms * 1000;
}

static weir_catalog *open_catalog(fixture *f)
{
    weir_error err = {0};
    weir_catalog_options options = {.store = f->store,
                                    .clock = &f->seed.clock,
                                    .node = WEIR_STR("host:1"),
                                    .wait = pass_time,
                                    .wait_self = &f->seed};
    weir_catalog *catalog = weir_catalog_open(&options, &err);
    if (!catalog) {
        fail_msg("%s", err.message);
    }
    return catalog;
}

static weir_schema *simple_schema(void)
{
    weir_arena *arena = weir_arena_new();
    weir_schema *schema = WEIR_ARENA_NEW(arena, weir_schema);
    schema->arena = arena;
    schema->refs = 1;
    schema->table = WEIR_STR("t");
    assert_true(weir_granularity_simple(WEIR_STR("hour"), &schema->segment_granularity));
    assert_true(weir_granularity_simple(WEIR_STR("none"), &schema->query_granularity));
    return schema;
}

static int begin(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    seeded_init(&f->seed, 11);
    f->store = weir_store_memory_new(&f->seed.clock);
    f->schema = simple_schema();
    f->a = open_catalog(f);
    f->b = open_catalog(f);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_catalog_close(f->a);
    weir_catalog_close(f->b);
    weir_store_free(f->store);
    weir_schema_unref(f->schema);
    test_free(f);
    return 0;
}

static weir_table *create(weir_catalog *catalog)
{
    weir_error err = {0};
    weir_table *table = weir_catalog_table_create(catalog, WEIR_STR("t"), &err);
    if (!table) {
        fail_msg("%s", err.message);
    }
    return table;
}

static weir_table *table_of(weir_catalog *catalog)
{
    weir_table *table = weir_catalog_table(catalog, WEIR_STR("t"));
    assert_non_null(table);
    return table;
}

static uint64_t version_of(weir_table *table)
{
    weir_log_state *state = weir_table_state(table);
    uint64_t version = weir_log_version(state);
    weir_log_state_unref(state);
    return version;
}

static int64_t next_of(weir_table *table, int32_t partition)
{
    weir_log_state *state = weir_table_state(table);
    const weir_source_state *source = weir_log_source(state, &PART(partition));
    int64_t next = source ? source->next : -1;
    weir_log_state_unref(state);
    return next;
}

static void refresh(weir_table *table)
{
    weir_error err = {0};
    if (!weir_table_refresh(table, &err)) {
        fail_msg("%s", err.message);
    }
}

static bool stop(void *self)
{
    return *(bool *)self;
}

static weir_commit_result commit_to(weir_table *table, weir_commit *commit, int *rule)
{
    weir_error err = {0};
    static bool never;
    return weir_table_commit(table, commit, stop, &never, rule, &err);
}

static void start(fixture *f, weir_table *table, int32_t partition, int64_t at)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_START, &f->seed.clock);
    weir_range range = range_of(partition, WEIR_RANGE_START, 1, at, at);
    int rule;
    weir_commit_add_range(commit, &range);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
}

static bool append_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

/* A segment of n rows from `from_ms` on, put into the store and into the commit. */
static void add_segment(fixture *f, weir_table *table, weir_commit *commit, int64_t from_ms,
                        uint32_t n)
{
    weir_buf bytes = {0};
    weir_error err = {0};
    weir_segment_info info;
    int64_t *times = malloc(n * sizeof(*times));
    for (uint32_t i = 0; i < n; i++) {
        times[i] = from_ms + i;
    }
    weir_segment_writer *w =
        weir_segment_writer_new((weir_file){&bytes, append_bytes}, NULL, n, false);
    assert_true(weir_segment_put_time(w, times, &err) && weir_segment_writer_end(w, &info, &err));
    weir_added added = {weir_segment_id_new(commit->arena, version_of(table), &f->seed.clock),
                        from_ms,
                        from_ms + n,
                        n,
                        n,
                        bytes.size,
                        info.footer_bytes,
                        info.footer_xxh3};
    weir_put put = WEIR_PUT_FAILED;
    while (put != WEIR_PUT_DONE) {
        put = f->store->ops->put(f->store, weir_key_segment(commit->arena, WEIR_STR("t"), added.id),
                                 weir_buf_view(&bytes), &err);
    }
    weir_commit_add_segment(commit, &added);
    free(times);
    weir_buf_done(&bytes);
}

static uint64_t count_rows(const weir_view *view)
{
    uint64_t rows = 0;
    weir_scratch scratch = {0};
    for (uint32_t i = 0; i < view->count; i++) {
        assert_int_equal(view->problems[i].size, 0);
        for (uint32_t c = 0; c < view->rows[i]->ops->chunks(view->rows[i]); c++) {
            weir_chunk_info info;
            weir_sel sel;
            view->rows[i]->ops->chunk(view->rows[i], c, &info);
            rows += view->rows[i]->ops->visible(view->rows[i], c, &scratch, &sel) ? sel.count
                                                                                  : info.row_count;
        }
    }
    weir_scratch_done(&scratch);
    return rows;
}

static uint64_t rows_seen(weir_table *table)
{
    weir_view *view = weir_table_view(table);
    uint64_t rows = count_rows(view);
    weir_view_unref(view);
    return rows;
}

static void append(weir_generation *gen, uint8_t source, int64_t from, uint32_t n)
{
    int64_t times[4096];
    weir_error err = {0};
    assert_true(n <= 4096);
    for (uint32_t i = 0; i < n; i++) {
        times[i] = from + i;
    }
    assert_true(n == 0 ||
                weir_realtime_append(weir_generation_rows(gen),
                                     &(weir_input){.n = n, .times = times}, source, &err));
}

/* Ends the generation's one source at `to`. */
static void seal(weir_generation *gen, int64_t to)
{
    weir_generation_source last = {.to = to};
    weir_generation_seal(gen, &last, 1);
    weir_realtime_end(weir_generation_rows(gen));
}

/* Hands the sealed range of one source off: a segment with its rows and the range in one commit. */
static weir_commit_result hand_off(fixture *f, weir_table *table, int32_t partition, uint64_t epoch,
                                   int64_t from, int64_t to, int *rule)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_HANDOFF, &f->seed.clock);
    weir_range range = range_of(partition, WEIR_RANGE_DATA, epoch, from, to);
    range.counts.kept = (uint64_t)(to - from);
    weir_commit_add_range(commit, &range);
    add_segment(f, table, commit, from, (uint32_t)(to - from));
    return commit_to(table, commit, rule);
}

static void a_created_table_is_found_by_the_other_process(void **state)
{
    fixture *f = *state;
    create(f->a);
    assert_null(weir_catalog_table(f->b, WEIR_STR("t")));
    weir_catalog_step(f->b);
    assert_int_equal(version_of(table_of(f->b)), 1);
    assert_ptr_equal(create(f->b), table_of(f->b)); /* creating it again is finding it */
    assert_int_equal(version_of(table_of(f->b)), 1);
    weir_arena *arena = weir_arena_new();
    weir_str *names;
    assert_int_equal(weir_catalog_tables(f->a, arena, &names), 0); /* nothing in it yet */
    weir_arena_free(arena);
}

static void both_may_create_one_table(void **state)
{
    fixture *f = *state;
    create(f->a);
    create(f->b); /* b had not polled */
    assert_int_equal(version_of(table_of(f->b)), 1);
}

static void names_that_cannot_be_are_refused(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    char long_name[100];
    memset(long_name, 'x', sizeof(long_name));
    assert_null(weir_catalog_table_create(f->a, (weir_str){0}, &err));
    assert_null(weir_catalog_table_create(f->a, (weir_str){long_name, 81}, &err));
    assert_null(weir_catalog_table_create(f->a, WEIR_STR("\xff"), &err));
    assert_int_equal(err.code, WEIR_ERR_BAD_REQUEST);
}

static void live_rows_are_seen_as_soon_as_they_are_appended(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    start(f, table, 0, 0);
    weir_generation *gen = weir_generation_begin(table, 1, f->schema, &f->budget);
    assert_int_equal(weir_generation_add_source(gen, &PART(0), 1, 0), 0);
    for (uint32_t i = 1; i <= 5; i++) {
        append(gen, 0, i * 100, 10);
        assert_int_equal(rows_seen(table), i * 10);
    }
    weir_view *view = weir_table_view(table);
    assert_true(view->rows[0]->live);
    assert_ptr_equal(view->schema, f->schema);
    append(gen, 0, 1000, 10);
    assert_int_equal(count_rows(view), 50); /* pinned */
    weir_view_unref(view);
    weir_generation_drop(gen);
    weir_generation_unref(gen);
}

static void a_hand_off_swaps_live_for_frozen_in_one_step(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule;
    start(f, table, 0, 100);
    weir_generation *one = weir_generation_begin(table, 1, f->schema, &f->budget);
    weir_generation_add_source(one, &PART(0), 1, 100);
    append(one, 0, 100, 20);
    seal(one, 120);
    weir_generation *two = weir_generation_begin(table, 1, f->schema, &f->budget);
    weir_generation_add_source(two, &PART(0), 1, 120);
    append(two, 0, 120, 5);
    weir_view *before = weir_table_view(table);
    assert_int_equal(hand_off(f, table, 0, 1, 100, 120, &rule), WEIR_COMMIT_LANDED);
    assert_int_equal(rows_seen(table), 25);
    assert_int_equal(count_rows(before), 25); /* a query that began before sees what it saw */
    weir_view *after = weir_table_view(table);
    assert_int_equal(after->count, 2);
    assert_false(after->rows[0]->live);
    assert_true(after->rows[1]->live);
    weir_view_unref(after);
    weir_view_unref(before);
    int64_t position;
    assert_true(weir_table_holds(table, 1, &PART(0), &position));
    assert_int_equal(position, WEIR_POSITION_GROWING);
    seal(two, 125);
    assert_true(weir_table_holds(table, 1, &PART(0), &position));
    assert_int_equal(position, 125);
    assert_false(weir_table_holds(table, 2, &PART(0), &position));
    assert_int_equal(hand_off(f, table, 0, 1, 120, 125, &rule), WEIR_COMMIT_LANDED);
    weir_table_stats stats;
    weir_table_stats_get(table, &stats);
    assert_int_equal(stats.live_segments, 0);
    assert_int_equal(stats.frozen_rows, 25);
    assert_int_equal(stats.commits, 4);
    assert_int_equal(stats.min_ms, 100);
    assert_int_equal(stats.max_ms, 124);
    weir_generation_unref(one);
    weir_generation_unref(two);
}

static void a_commit_of_two_generations_drops_both(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule;
    start(f, table, 0, 0);
    for (int i = 0; i < 3; i++) {
        weir_generation *gen = weir_generation_begin(table, 1, f->schema, &f->budget);
        weir_generation_add_source(gen, &PART(0), 1, i * 10);
        append(gen, 0, i * 10, 10);
        seal(gen, i * 10 + 10);
        weir_generation_unref(gen);
    }
    assert_int_equal(rows_seen(table), 30);
    assert_int_equal(hand_off(f, table, 0, 1, 0, 20, &rule), WEIR_COMMIT_LANDED);
    assert_int_equal(rows_seen(table), 30);
    weir_table_stats stats;
    weir_table_stats_get(table, &stats);
    assert_int_equal(stats.live_segments, 1);
}

static void rows_that_somebody_else_committed_are_masked(void **state)
{
    fixture *f = *state;
    weir_table *a = create(f->a), *b;
    int rule;
    start(f, a, 0, 0);
    start(f, a, 1, 0);
    weir_catalog_step(f->b);
    b = table_of(f->b);
    weir_generation *gen = weir_generation_begin(a, 1, f->schema, &f->budget);
    weir_generation_add_source(gen, &PART(0), 1, 0);
    weir_generation_add_source(gen, &PART(1), 1, 0);
    append(gen, 0, 0, 10);
    append(gen, 1, 0, 7);
    assert_int_equal(hand_off(f, b, 0, 1, 0, 15, &rule), WEIR_COMMIT_LANDED);
    assert_int_equal(rows_seen(b), 15);
    assert_int_equal(rows_seen(a), 17); /* has not heard of it */
    weir_catalog_step(f->a);
    assert_int_equal(rows_seen(a), 22); /* 15 frozen, 7 of the other partition */
    append(gen, 0, 10, 5);
    assert_int_equal(rows_seen(a), 22);
    weir_arena *arena = weir_arena_new();
    weir_generation_source *sources;
    weir_mask mask;
    assert_int_equal(weir_generation_sources(gen, arena, &sources, &mask), 2);
    assert_true(sources[0].masked);
    assert_false(sources[1].masked);
    assert_int_equal(mask.bits[0], 1);
    weir_arena_free(arena);
    assert_int_equal(weir_generation_add_source(gen, &PART(0), 1, 15),
                     2); /* starts again at next */
    append(gen, 2, 15, 3);
    assert_int_equal(rows_seen(a), 25);
    weir_generation_drop(gen);
    assert_int_equal(rows_seen(a), 15);
    weir_generation_unref(gen);
}

static void no_answer_goes_back_when_somebody_else_committed_a_part(void **state)
{
    fixture *f = *state;
    weir_table *a = create(f->a), *b;
    int64_t position;
    int rule;
    start(f, a, 0, 0);
    weir_catalog_step(f->b);
    b = table_of(f->b);
    for (int round = 0; round < 2; round++) {
        int64_t from = next_of(a, 0);
        weir_generation *gen = weir_generation_begin(a, 1, f->schema, &f->budget);
        weir_generation_add_source(gen, &PART(0), 1, from);
        append(gen, 0, from, 10);
        weir_generation_reach(gen, 0, from + 10);
        assert_int_equal(hand_off(f, b, 0, 1, from, from + 4, &rule), WEIR_COMMIT_LANDED);
        weir_catalog_step(f->a);
        assert_int_equal(rows_seen(a), from + 10); /* as before */
        assert_false(weir_table_holds(a, 1, &PART(0), &position));
        assert_int_equal(next_of(a, 0), from + 4);
        weir_generation *again = weir_generation_begin(a, 1, f->schema, &f->budget);
        weir_generation_add_source(again, &PART(0), 1, from + 4);
        append(again, 0, from + 4, 5);
        weir_generation_reach(again, 0, from + 9);
        assert_int_equal(rows_seen(a), from + 10);
        if (round == 0) {
            append(again, 0, from + 9, 2); /* as much as before, and more */
            weir_generation_reach(again, 0, from + 11);
            assert_int_equal(rows_seen(a), from + 11);
        } else {
            pass_time(&f->seed, 16000); /* it never came */
            assert_int_equal(rows_seen(a), from + 9);
        }
        weir_generation_drop(gen);
        weir_generation_drop(again);
        weir_generation_unref(gen);
        weir_generation_unref(again);
    }
}

static void rows_that_are_taken_away_go_at_once_whatever_is_held(void **state)
{
    fixture *f = *state;
    weir_table *a = create(f->a), *b;
    int rule;
    start(f, a, 0, 0);
    weir_catalog_step(f->b);
    b = table_of(f->b);
    weir_generation *gen = weir_generation_begin(a, 1, f->schema, &f->budget);
    weir_generation_add_source(gen, &PART(0), 1, 0);
    append(gen, 0, 0, 10);
    weir_generation_reach(gen, 0, 10);
    assert_int_equal(hand_off(f, b, 0, 1, 0, 4, &rule), WEIR_COMMIT_LANDED);
    weir_catalog_step(f->a);
    assert_int_equal(rows_seen(a), 10);
    weir_commit *commit = weir_commit_new(WEIR_OP_DROP, &f->seed.clock);
    weir_log_state *now = weir_table_state(b);
    size_t count;
    const weir_segment_state *const *segments = weir_log_segments(now, &count);
    weir_commit_add_removed(commit,
                            &(weir_removed){.id = segments[0]->added.id, .rev = segments[0]->rev});
    assert_int_equal(commit_to(b, commit, &rule), WEIR_COMMIT_LANDED);
    weir_log_state_unref(now);
    weir_catalog_step(f->a);
    assert_int_equal(rows_seen(a), 0);
    weir_generation_drop(gen);
    weir_generation_unref(gen);
}

static void of_two_owners_the_first_commit_wins(void **state)
{
    fixture *f = *state;
    weir_table *a = create(f->a), *b;
    int rule = 0;
    start(f, a, 0, 0);
    weir_catalog_step(f->b);
    b = table_of(f->b);
    assert_int_equal(hand_off(f, b, 0, 1, 0, 10, &rule), WEIR_COMMIT_LANDED);
    assert_int_equal(hand_off(f, a, 0, 1, 0, 8, &rule), WEIR_COMMIT_INVALID);
    assert_int_equal(rule, 2);
    assert_int_equal(rows_seen(a), 10);
    assert_int_equal(next_of(a, 0), 10);
}

static void a_source_that_does_not_fit_is_masked_at_once(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    weir_arena *arena = weir_arena_new();
    weir_generation_source *sources;
    start(f, table, 0, 10);
    weir_generation *gen = weir_generation_begin(table, 1, f->schema, &f->budget);
    weir_generation_add_source(gen, &PART(0), 1, 9);  /* not the log's next */
    weir_generation_add_source(gen, &PART(0), 2, 10); /* another epoch */
    weir_generation_add_source(gen, &PART(5), 1, 0);  /* unknown */
    weir_generation_add_source(gen, &PART(0), 1, 10); /* fits */
    assert_int_equal(weir_generation_sources(gen, arena, &sources, NULL), 4);
    assert_true(sources[0].masked && sources[1].masked && sources[2].masked && !sources[3].masked);
    weir_generation *other = weir_generation_begin(table, 2, f->schema, &f->budget);
    weir_generation_add_source(other, &PART(0), 1, 10); /* a second holder */
    assert_int_equal(weir_generation_sources(other, arena, &sources, NULL), 1);
    assert_true(sources[0].masked);
    weir_generation_drop(gen);
    weir_generation_drop(other);
    weir_generation_unref(gen);
    weir_generation_unref(other);
    weir_arena_free(arena);
}

static void a_reset_masks_what_was_read_before_it(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule;
    start(f, table, 0, 0);
    weir_generation *gen = weir_generation_begin(table, 1, f->schema, &f->budget);
    weir_generation_add_source(gen, &PART(0), 1, 0);
    append(gen, 0, 0, 10);
    seal(gen, 10);
    weir_commit *commit = weir_commit_new(WEIR_OP_RESET, &f->seed.clock);
    weir_range range = range_of(0, WEIR_RANGE_RESET, 2, 0, 0);
    weir_commit_add_range(commit, &range);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    assert_int_equal(rows_seen(table), 0);
    assert_int_equal(hand_off(f, table, 0, 1, 0, 10, &rule),
                     WEIR_COMMIT_INVALID); /* same offsets, older epoch */
    assert_int_equal(rule, 2);
    weir_generation_drop(gen);
    weir_generation_unref(gen);
}

static void a_label_is_committed_once(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule = 0;
    for (int i = 0; i < 2; i++) {
        weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
        commit->label = WEIR_STR("load_1");
        add_segment(f, table, commit, 0, 10);
        assert_int_equal(commit_to(table, commit, &rule),
                         i == 0 ? WEIR_COMMIT_LANDED : WEIR_COMMIT_INVALID);
    }
    assert_int_equal(rule, 1);
    assert_int_equal(rows_seen(table), 10);
}

static void what_no_reader_could_read_is_never_put(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule = -1;
    weir_commit *commit = weir_commit_new(WEIR_OP_SPEC, &f->seed.clock);
    weir_commit_set_supervisor(commit, WEIR_STR("s"), WEIR_STR("{\"type\":"), false);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_INVALID);
    assert_int_equal(rule, 0);
    commit = weir_commit_new(WEIR_OP_CONFIG, &f->seed.clock);
    commit->config = WEIR_STR("[]");
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_INVALID);
    assert_int_equal(version_of(table), 1);
    refresh(table);
    assert_true(weir_catalog_healthy(f->a, NULL));
}

/* A store in front of the fixture's that answers the n-th put of a log object as told. */
static struct {
    weir_store store;
    weir_store *behind;
    weir_put answer;
    int spoiled; /* puts of the log still to be spoiled */
    bool effect; /* they take effect */
} spoiler;

static void (*while_putting)(void); /* called once */
static weir_put spoil(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    (void)store;
    void (*call)(void) = while_putting;
    while_putting = NULL;
    if (call) {
        call();
    }
    if (spoiler.spoiled == 0) {
        return spoiler.behind->ops->put_if_absent(spoiler.behind, key, bytes, err);
    }
    spoiler.spoiled--;
    if (spoiler.effect) {
        spoiler.behind->ops->put_if_absent(spoiler.behind, key, bytes, err);
    }
    weir_fail(err, WEIR_ERR_STORE, "spoiled");
    return spoiler.answer;
}
static void (*while_getting)(void); /* called once, before a segment is fetched */
static weir_get spoil_get(weir_store *store, weir_str key, uint64_t from, uint64_t size,
                          weir_buf *out, weir_error *err)
{
    void (*call)(void) = memmem(key.at, key.size, "/segments/", 10) ? while_getting : NULL;
    if (call) {
        while_getting = NULL;
        call();
    }
    (void)store;
    return spoiler.behind->ops->get(spoiler.behind, key, from, size, out, err);
}
static weir_put spoil_put(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    (void)store;
    return spoiler.behind->ops->put(spoiler.behind, key, bytes, err);
}
static bool spoil_list(weir_store *store, weir_str prefix, weir_str after,
                       bool (*see)(void *self, weir_str key, uint64_t size), void *self,
                       weir_error *err)
{
    (void)store;
    return spoiler.behind->ops->list(spoiler.behind, prefix, after, see, self, err);
}
static const weir_store_ops spoiler_ops = {
    .put_if_absent = spoil, .put = spoil_put, .get = spoil_get, .list = spoil_list};

static weir_table *spoil_table(fixture *f, weir_put answer, int spoiled, bool effect)
{
    create(f->b);
    spoiler.store = (weir_store){&spoiler_ops, WEIR_STR("spoiler")};
    spoiler.behind = f->store;
    spoiler.answer = answer;
    spoiler.effect = effect;
    spoiler.spoiled = 0;
    weir_catalog_close(f->a);
    weir_store *own = f->store;
    f->store = &spoiler.store;
    f->a = open_catalog(f);
    f->store = own;
    spoiler.spoiled = spoiled;
    return table_of(f->a);
}

static void an_unknown_put_that_landed_is_found_by_its_txn(void **state)
{
    fixture *f = *state;
    weir_table *table = spoil_table(f, WEIR_PUT_UNKNOWN, 1, true);
    start(f, table, 0, 7);
    assert_int_equal(version_of(table), 2);
    assert_int_equal(next_of(table, 0), 7);
    weir_table_stats stats;
    weir_table_stats_get(table, &stats);
    assert_int_equal(stats.commit_retries, 1);
}

static void an_unknown_put_that_was_lost_is_repeated(void **state)
{
    fixture *f = *state;
    weir_table *table = spoil_table(f, WEIR_PUT_UNKNOWN, 5, false);
    int64_t began = f->seed.now_us;
    start(f, table, 0, 7);
    assert_int_equal(version_of(table), 2);
    assert_true(f->seed.now_us - began > 200000); /* with growing waits */
}

static bool give_up_after(void *self)
{
    return --*(int *)self < 0;
}

static void nothing_else_takes_a_version_that_was_given_up_while_unknown(void **state)
{
    fixture *f = *state;
    weir_table *table = spoil_table(f, WEIR_PUT_UNKNOWN, 1000, false);
    weir_commit *commit = weir_commit_new(WEIR_OP_START, &f->seed.clock);
    weir_range range = range_of(3, WEIR_RANGE_START, 1, 33, 33);
    weir_commit_add_range(commit, &range);
    int tries = 4, rule;
    weir_error err = {0};
    assert_int_equal(weir_table_commit(table, commit, give_up_after, &tries, &rule, &err),
                     WEIR_COMMIT_GIVEN_UP);
    spoiler.spoiled = 0;
    start(f, table, 0, 7);
    assert_int_equal(version_of(table), 3);
    assert_int_equal(next_of(table, 3), 33); /* settled first, with the bytes it had */
    assert_int_equal(next_of(table, 0), 7);
}

static fixture *beside;
static void commit_meanwhile(void)
{
    weir_table *table = table_of(beside->a);
    weir_error err = {0};
    int tries = 3, rule;
    weir_commit *commit = weir_commit_new(WEIR_OP_CONFIG, &beside->seed.clock);
    assert_int_equal(weir_table_commit(table, commit, give_up_after, &tries, &rule, &err),
                     WEIR_COMMIT_GIVEN_UP);
    assert_non_null(strstr(err.message, "another commit"));
    commit = weir_commit_new(WEIR_OP_CONFIG, &beside->seed.clock);
    assert_int_equal(weir_table_commit(table, commit, NULL, NULL, &rule, &err),
                     WEIR_COMMIT_GIVEN_UP);
    assert_false(weir_table_refresh(table, &err));
}

static void whoever_waits_behind_a_commit_may_give_up(void **state)
{
    fixture *f = beside = *state;
    weir_table *table = spoil_table(f, WEIR_PUT_UNKNOWN, 0, false);
    while_putting = commit_meanwhile;
    start(f, table, 0, 7);
    assert_int_equal(version_of(table), 2); /* the others were never put */
}

static weir_generation *meanwhile;
static void start_again_meanwhile(void)
{
    assert_int_equal(weir_generation_add_source(meanwhile, &PART(0), 1, 10), 2);
    append(meanwhile, 2, 10, 3);
}

static void a_source_that_is_added_while_a_view_is_made_is_not_in_it(void **state)
{
    fixture *f = *state;
    weir_table *table = spoil_table(f, WEIR_PUT_UNKNOWN, 0, false);
    int rule;
    start(f, table, 0, 0);
    start(f, table, 1, 0);
    refresh(table_of(f->b));
    weir_generation *gen = meanwhile = weir_generation_begin(table, 1, f->schema, &f->budget);
    weir_generation_add_source(gen, &PART(0), 1, 0);
    weir_generation_add_source(gen, &PART(1), 1, 0);
    append(gen, 0, 0, 13);
    append(gen, 1, 0, 2);
    assert_int_equal(hand_off(f, table_of(f->b), 0, 1, 0, 10, &rule),
                     WEIR_COMMIT_LANDED); /* somebody else, the first ten */
    refresh(table);
    while_getting = start_again_meanwhile;
    assert_int_equal(rows_seen(table), 12); /* not the three that begin at next meanwhile */
    assert_int_equal(rows_seen(table), 15);
    weir_generation_drop(gen);
    weir_generation_unref(gen);
}

/* Whether all rows' times can be read. */
static bool can_read(const weir_view *view)
{
    weir_scratch scratch = {0};
    weir_error err = {0};
    weir_vec times;
    const weir_column *col = view->rows[0]->ops->column(view->rows[0], WEIR_STR("__time"));
    bool ok = col && col->ops->read(col, 0, 0, 1000, false, &scratch, &times, &err);
    weir_scratch_done(&scratch);
    return ok;
}

static void a_segment_damaged_on_its_way_is_fetched_again(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule;
    weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
    add_segment(f, table, commit, 0, 1000);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    weir_store_memory_faults(f->store, &(weir_store_faults){.flip_ppm = 1000000});
    weir_view *view = weir_table_view(table);
    assert_true(view->problems[0].size > 0 || !can_read(view)); /* its footer, or its rows */
    weir_view_unref(view);
    weir_store_memory_faults(f->store, &(weir_store_faults){0});
    assert_int_equal(rows_seen(table), 1000);
    view = weir_table_view(table);
    assert_true(can_read(view));
    weir_view_unref(view);
}

static void a_refresh_beside_a_waiting_commit_ends(void **state)
{
    fixture *f = *state;
    create(f->a);
    weir_store_memory_faults(f->store, &(weir_store_faults){.outage = true});
    weir_error err = {0};
    assert_false(weir_table_refresh(table_of(f->a), &err));
    assert_int_equal(err.code, WEIR_ERR_STORE);
    assert_true(weir_catalog_healthy(f->a, &err)); /* an outage is not damage */
    weir_store_memory_faults(f->store, &(weir_store_faults){0});
    refresh(table_of(f->a));
}

static void put_log(fixture *f, uint64_t version, const char *bytes)
{
    weir_error err;
    weir_arena *arena = weir_arena_new();
    assert_int_equal(f->store->ops->put(f->store, weir_key_log(arena, WEIR_STR("t"), version),
                                        weir_str_of(bytes), &err),
                     WEIR_PUT_DONE);
    weir_arena_free(arena);
}

static void a_damaged_log_object_stops_the_table_until_it_is_mended(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    weir_error err = {0};
    int rule;
    start(f, table, 0, 0);
    put_log(f, 3, "{\"format\":2}\n0000000000000000\n");
    assert_false(weir_table_refresh(table, &err));
    assert_non_null(strstr(err.message, "t/log/00000000000000000003.json"));
    assert_false(weir_catalog_healthy(f->a, &err));
    assert_non_null(strstr(err.message, "table t is read-only"));
    assert_int_equal(version_of(table), 2);
    weir_commit *commit = weir_commit_new(WEIR_OP_CONFIG, &f->seed.clock);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_GIVEN_UP);
    weir_catalog *late = open_catalog(f); /* a process that starts now has the version before too */
    assert_int_equal(version_of(table_of(late)), 2);
    assert_false(weir_catalog_healthy(late, &err));
    assert_true(weir_table_is_known(table, &err)); /* and says nothing of what it has not read */
    assert_false(weir_table_is_known(table_of(late), &err));
    assert_non_null(strstr(err.message, "t/log/00000000000000000003.json"));
    weir_arena *arena = weir_arena_new();
    f->store->ops->remove(f->store, weir_key_log(arena, WEIR_STR("t"), 3), &err);
    weir_arena_free(arena);
    refresh(table_of(late));
    assert_true(weir_table_is_known(table_of(late), &err));
    weir_catalog_close(late);
    refresh(table);
    assert_true(weir_catalog_healthy(f->a, &err));
}

static void a_log_object_that_is_lost_is_not_the_end_of_the_log(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    weir_error err = {0};
    weir_buf bytes = {0};
    int rule;
    start(f, table, 0, 0);
    start(f, table, 1, 0);
    weir_arena *arena = weir_arena_new();
    weir_str lost = weir_key_log(arena, WEIR_STR("t"), 2);
    assert_int_equal(version_of(table), 3);
    assert_int_equal(f->store->ops->get(f->store, lost, 0, 0, &bytes, &err), WEIR_GET_FOUND);
    f->store->ops->remove(f->store, lost, &err);
    weir_catalog *late = open_catalog(f);
    for (int i = 0; i < 3; i++) {
        assert_false(weir_table_is_known(table_of(late), &err));
        assert_non_null(strstr(err.message, "t/log/00000000000000000002.json"));
        assert_false(weir_table_refresh(table_of(late), &err));
        assert_non_null(strstr(err.message, "t/log/00000000000000000002.json"));
        f->seed.now_us += 60000000;
    }
    assert_int_equal(
        commit_to(table_of(late), weir_commit_new(WEIR_OP_CONFIG, &f->seed.clock), &rule),
        WEIR_COMMIT_GIVEN_UP);
    assert_int_equal(f->store->ops->get(f->store, lost, 0, 0, &bytes, &err), WEIR_GET_NONE);
    f->seed.now_us += 60000000;
    assert_int_equal(f->store->ops->put(f->store, lost, weir_buf_view(&bytes), &err),
                     WEIR_PUT_DONE);
    refresh(table_of(late)); /* all of it at once */
    assert_true(weir_table_is_known(table_of(late), &err));
    assert_true(weir_catalog_healthy(late, &err));
    assert_int_equal(version_of(table_of(late)), 3);
    assert_int_equal(next_of(table_of(late), 1), 0);
    weir_catalog_close(late);
    weir_buf_done(&bytes);
    weir_arena_free(arena);
}

static void a_segment_that_cannot_be_opened_is_a_problem_of_its_rows_alone(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule;
    weir_error err = {0};
    weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
    add_segment(f, table, commit, 0, 10);
    add_segment(f, table, commit, 5000, 20);
    weir_arena *arena = weir_arena_new();
    weir_str key = weir_key_segment(arena, WEIR_STR("t"), commit->add[1].id);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    weir_buf bytes = {0};
    f->store->ops->get(f->store, key, 0, 0, &bytes, &err);
    f->store->ops->remove(f->store, key, &err);
    weir_view *view = weir_table_view(table);
    assert_int_equal(view->count, 2);
    assert_int_equal(view->problems[0].size, 0);
    assert_non_null(memmem(view->problems[1].at, view->problems[1].size, key.at, key.size));
    assert_int_equal(view->rows[1]->interval.start_ms, 5000);
    assert_int_equal(view->rows[1]->ops->chunks(view->rows[1]), 0);
    weir_view_unref(view);
    f->store->ops->put(f->store, key, weir_buf_view(&bytes), &err);
    assert_int_equal(rows_seen(table), 30); /* it came back */
    weir_buf_done(&bytes);
    weir_arena_free(arena);
}

static void a_segment_that_could_not_be_opened_is_forgotten_when_it_is_dropped(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule;
    weir_error err = {0};
    weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
    add_segment(f, table, commit, 0, 10);
    weir_arena *arena = weir_arena_new();
    weir_removed removed = {weir_arena_str(arena, commit->add[0].id), 0, 0, 0};
    weir_str key = weir_key_segment(arena, WEIR_STR("t"), removed.id);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    f->store->ops->remove(f->store, key, &err);
    weir_view_unref(weir_table_view(table));
    assert_false(weir_catalog_healthy(f->a, &err));
    commit = weir_commit_new(WEIR_OP_DROP, &f->seed.clock);
    weir_commit_add_removed(commit, &removed);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    assert_true(weir_catalog_healthy(f->a, &err));
    weir_arena_free(arena);
}

static void a_removed_segment_leaves_the_view_and_a_checkpoint_is_written(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule;
    while (version_of(table) < 199) {
        weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
        add_segment(f, table, commit, draw(&f->seed, 1000), 3);
        assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    }
    assert_int_equal(rows_seen(table), 198 * 3);
    weir_log_state *log = weir_table_state(table);
    size_t count;
    const weir_segment_state *const *segments = weir_log_segments(log, &count);
    weir_commit *commit = weir_commit_new(WEIR_OP_DROP, &f->seed.clock);
    for (size_t i = 0; i < count; i += 2) {
        weir_removed removed = {segments[i]->added.id, 0, 0, 0};
        weir_commit_add_removed(commit, &removed);
    }
    weir_log_state_unref(log);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    weir_view *view = weir_table_view(table);
    assert_int_equal(count_rows(view), 99 * 3);
    for (uint32_t i = 1; i < view->count; i++) {
        assert_true(view->rows[i - 1]->interval.start_ms <= view->rows[i]->interval.start_ms);
    }
    weir_view_unref(view);
    weir_catalog *late = open_catalog(f);
    assert_int_equal(version_of(table_of(late)), 200);
    assert_int_equal(rows_seen(table_of(late)), 99 * 3);
    weir_catalog_close(late);
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    assert_int_equal(f->store->ops->get(f->store, weir_key_checkpoint(arena, WEIR_STR("t"), 200), 0,
                                        0, &bytes, NULL),
                     WEIR_GET_FOUND);
    weir_buf_done(&bytes);
    weir_arena_free(arena);
}

static void hidden_time_is_not_seen(void **state)
{
    fixture *f = *state;
    weir_table *table = create(f->a);
    int rule;
    weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
    add_segment(f, table, commit, 0, 10000);
    weir_str id = commit->add[0].id;
    char kept_id[40] = {0};
    memcpy(kept_id, id.at, id.size);
    assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    assert_int_equal(rows_seen(table), 10000);
    weir_view *before = weir_table_view(table);
    weir_removed hides[] = {{weir_str_of(kept_id), 0, -5, 100},
                            {weir_str_of(kept_id), 1, 5000, 5010},
                            {weir_str_of(kept_id), 2, 9999, 20000}};
    for (int i = 0; i < 3; i++) {
        commit = weir_commit_new(WEIR_OP_DROP, &f->seed.clock);
        weir_commit_add_hidden(commit, &hides[i]);
        assert_int_equal(commit_to(table, commit, &rule), WEIR_COMMIT_LANDED);
    }
    assert_int_equal(rows_seen(table), 10000 - 100 - 10 - 1);
    weir_view *after = weir_table_view(table);
    assert_int_equal(after->revs[0], 3);
    assert_int_not_equal(after->rows[0]->uid, before->rows[0]->uid);
    assert_non_null(after->rows[0]->ops->column(after->rows[0], WEIR_STR("__time")));
    assert_int_equal(count_rows(before), 10000);
    weir_view_unref(after);
    weir_view_unref(before);
}

/* Counts how often each txn stands in the log, which must be dense. */
static void assert_each_txn_once(fixture *f, uint64_t last, uint32_t labels)
{
    uint32_t found = 0;
    for (uint64_t version = 2; version <= last; version++) {
        weir_commit *commit;
        weir_error err = {0};
        assert_int_equal(weir_commit_get(f->store, WEIR_STR("t"), version, &commit, &err),
                         WEIR_GET_FOUND);
        found += commit->label.size > 0;
        weir_commit_free(commit);
    }
    assert_int_equal(found, labels);
}

static void under_every_fault_each_commit_lands_once(void **state)
{
    fixture *f = *state;
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        fixture one = {0};
        seeded_init(&one.seed, seed);
        one.store = weir_store_memory_new(&one.seed.clock);
        one.schema = f->schema;
        one.a = open_catalog(&one);
        create(one.a);
        one.b = open_catalog(&one);
        weir_store_memory_faults(one.store, &(weir_store_faults){.fail_ppm = 50000,
                                                                 .unknown_landed_ppm = 100000,
                                                                 .unknown_lost_ppm = 100000,
                                                                 .late_ppm = 150000,
                                                                 .half_body_ppm = 20000,
                                                                 .flip_ppm = 20000});
        uint32_t landed = 0;
        for (int i = 0; i < 20; i++) {
            weir_table *table = table_of(draw(&one.seed, 2) ? one.a : one.b);
            weir_commit *commit = weir_commit_new(WEIR_OP_CONFIG, &one.seed.clock);
            int rule;
            commit->label = weir_arena_printf(commit->arena, "label%d", i);
            weir_commit_result result = commit_to(table, commit, &rule);
            assert_int_not_equal(result, WEIR_COMMIT_INVALID);
            landed += result == WEIR_COMMIT_LANDED; /* given up: damage four times in a row, never
                                                       with a put under way */
        }
        weir_store_memory_faults(one.store, &(weir_store_faults){0});
        weir_store_memory_land_late(one.store);
        refresh(table_of(one.a));
        refresh(table_of(one.b));
        weir_log_state *x = weir_table_state(table_of(one.a)),
                       *y = weir_table_state(table_of(one.b));
        assert_true(same_state(x, y));
        assert_each_txn_once(&one, weir_log_version(x), landed);
        weir_log_state_unref(x);
        weir_log_state_unref(y);
        weir_catalog_close(one.a);
        weir_catalog_close(one.b);
        weir_store_free(one.store);
    }
}

/* Threads: real time, the system's randomness. */

static weir_catalog *open_threaded(weir_store *store, int32_t poll_ms)
{
    weir_error err = {0};
    weir_catalog_options options = {.store = store,
                                    .clock = &weir_clock_system,
                                    .node = WEIR_STR("host:1"),
                                    .threads = true,
                                    .poll_ms = poll_ms};
    weir_catalog *catalog = weir_catalog_open(&options, &err);
    if (!catalog) {
        fail_msg("%s", err.message);
    }
    return catalog;
}

typedef struct writer {
    weir_table *table;
    uint32_t landed;
} writer;

static void *write_labels(void *self)
{
    writer *w = self;
    for (int i = 0; i < 50; i++) {
        weir_commit *commit = weir_commit_new(WEIR_OP_CONFIG, &weir_clock_system);
        int rule;
        commit->label = weir_arena_printf(commit->arena, "label-%p-%d", self, i);
        w->landed += commit_to(w->table, commit, &rule) == WEIR_COMMIT_LANDED;
    }
    return NULL;
}

static void racing_committers_write_a_dense_log_with_each_txn_once(void **state)
{
    fixture *f = *state;
    create(f->a);
    weir_catalog *catalogs[2] = {open_threaded(f->store, 5), open_threaded(f->store, 5)};
    writer writers[4] = {{0}};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        writers[i].table = table_of(catalogs[i / 2]);
        pthread_create(&threads[i], NULL, write_labels, &writers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].landed, 50);
    }
    weir_catalog_close(catalogs[0]);
    weir_catalog_close(catalogs[1]);
    refresh(table_of(f->a));
    assert_int_equal(version_of(table_of(f->a)), 201);
    assert_each_txn_once(f, 201, 200);
}

/* Rows of a source: what was appended, so that a reader can say how many there must be. */
typedef struct flow {
    weir_table *table;
    _Atomic int64_t appended; /* before: at least so many must be seen */
    _Atomic int64_t begun;    /* after: at most so many */
    _Atomic bool done;
    _Atomic uint64_t views;
} flow;

static void *read_views(void *self)
{
    flow *fl = self;
    int64_t last = 0;
    while (!atomic_load(&fl->done)) {
        int64_t least = atomic_load(&fl->appended);
        weir_view *view = weir_table_view(fl->table);
        int64_t rows = (int64_t)count_rows(view);
        weir_view_unref(view);
        int64_t most = atomic_load(&fl->begun);
        assert_true(rows >= least); /* no gap */
        assert_true(rows <= most);  /* no double */
        assert_true(rows >= last);  /* I9 */
        last = rows;
        fl->views++;
    }
    return NULL;
}

typedef struct job {
    fixture *f;
    weir_table *table;
    int64_t from, to;
} job;

static void *hand_off_job(void *self)
{
    job *j = self;
    int rule;
    assert_int_equal(hand_off(j->f, j->table, 0, 1, j->from, j->to, &rule), WEIR_COMMIT_LANDED);
    return NULL;
}

static void queries_beside_hand_offs_see_every_row_once(void **state)
{
    fixture *f = *state;
    create(f->a);
    weir_catalog *catalog = open_threaded(f->store, 3);
    weir_table *table = table_of(catalog);
    start(f, table, 0, 0);
    flow fl = {.table = table};
    pthread_t readers[2], handing;
    int64_t position = 0;
    bool under_way = false;
    job j = {f, table, 0, 0};
    for (int i = 0; i < 2; i++) {
        pthread_create(&readers[i], NULL, read_views, &fl);
    }
    for (int round = 0; round < ROUNDS; round++) {
        weir_generation *gen = weir_generation_begin(table, 1, f->schema, &f->budget);
        int64_t from = position;
        weir_generation_add_source(gen, &PART(0), 1, from);
        for (int i = 0; i < 5; i++) {
            atomic_store(&fl.begun, position + 40);
            append(gen, 0, position, 40);
            position += 40;
            atomic_store(&fl.appended, position);
        }
        if (under_way) {
            pthread_join(handing, NULL);
        }
        seal(gen, position);
        weir_generation_unref(gen);
        j = (job){f, table, from, position};
        pthread_create(&handing, NULL, hand_off_job, &j);
        under_way = true;
        usleep(200);
    }
    pthread_join(handing, NULL);
    atomic_store(&fl.done, true);
    pthread_join(readers[0], NULL);
    pthread_join(readers[1], NULL);
    assert_int_equal(rows_seen(table), position);
    print_message("%lu views beside %d hand-offs\n", fl.views, ROUNDS);
    weir_catalog_close(catalog);
}

static void the_poll_finds_what_another_process_made(void **state)
{
    fixture *f = *state;
    weir_catalog *catalog = open_threaded(f->store, 20);
    weir_table *a = create(f->a);
    weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
    int rule;
    add_segment(f, a, commit, 0, 10);
    assert_int_equal(commit_to(a, commit, &rule), WEIR_COMMIT_LANDED);
    uint64_t rows = 0;
    for (int i = 0; i < 6000 && rows == 0; i++) {
        usleep(10000);
        weir_table *table = weir_catalog_table(catalog, WEIR_STR("t"));
        rows = table ? rows_seen(table) : 0;
    }
    assert_int_equal(rows, 10);
    weir_catalog_close(catalog);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_created_table_is_found_by_the_other_process),
        TEST(both_may_create_one_table),
        TEST(names_that_cannot_be_are_refused),
        TEST(live_rows_are_seen_as_soon_as_they_are_appended),
        TEST(a_hand_off_swaps_live_for_frozen_in_one_step),
        TEST(a_commit_of_two_generations_drops_both),
        TEST(rows_that_somebody_else_committed_are_masked),
        TEST(no_answer_goes_back_when_somebody_else_committed_a_part),
        TEST(rows_that_are_taken_away_go_at_once_whatever_is_held),
        TEST(of_two_owners_the_first_commit_wins),
        TEST(a_source_that_does_not_fit_is_masked_at_once),
        TEST(a_reset_masks_what_was_read_before_it),
        TEST(a_label_is_committed_once),
        TEST(what_no_reader_could_read_is_never_put),
        TEST(an_unknown_put_that_landed_is_found_by_its_txn),
        TEST(an_unknown_put_that_was_lost_is_repeated),
        TEST(nothing_else_takes_a_version_that_was_given_up_while_unknown),
        TEST(whoever_waits_behind_a_commit_may_give_up),
        TEST(a_source_that_is_added_while_a_view_is_made_is_not_in_it),
        TEST(a_segment_damaged_on_its_way_is_fetched_again),
        TEST(a_refresh_beside_a_waiting_commit_ends),
        TEST(a_damaged_log_object_stops_the_table_until_it_is_mended),
        TEST(a_log_object_that_is_lost_is_not_the_end_of_the_log),
        TEST(a_segment_that_cannot_be_opened_is_a_problem_of_its_rows_alone),
        TEST(a_segment_that_could_not_be_opened_is_forgotten_when_it_is_dropped),
        TEST(a_removed_segment_leaves_the_view_and_a_checkpoint_is_written),
        TEST(hidden_time_is_not_seen),
        TEST(under_every_fault_each_commit_lands_once),
        TEST(racing_committers_write_a_dense_log_with_each_txn_once),
        TEST(queries_beside_hand_offs_see_every_row_once),
        TEST(the_poll_finds_what_another_process_made),
    };
    weir_log_setup((weir_level)(WEIR_ERROR + 1), false); /* what faults say is not looked at here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
