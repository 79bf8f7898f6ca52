/* tests/unit/ingest/retention_test.c - duties that let go: dead claims, garbage, rules; by a clock
 * that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "ingest/duty_retention.h"
#include "weir/log.h"

typedef struct world {
    weir_clock clock;
    int64_t now_us, wall_ms;
    uint64_t drawn;
    weir_store *store;
    weir_catalog *catalog;
    weir_table *table;
    weir_coordinator *coordinator;
} world;

static int64_t wall(void *self)
{
    return ((world *)self)->wall_ms + ((world *)self)->now_us / 1000;
}
static int64_t monotonic(void *self)
{
    return ((world *)self)->now_us;
}
static uint64_t next_random(void *self)
{
    return (((world *)self)->drawn += 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
}

static int begin(void **state)
{
    weir_error err = {0};
    world *w = test_calloc(1, sizeof(*w));
    w->clock = (weir_clock){w, wall, monotonic, next_random};
    w->now_us = 1000000000;
    w->wall_ms = 1700000000000 - w->now_us / 1000;
    w->store = weir_store_memory_new(&w->clock);
    w->catalog = weir_catalog_open(
        &(weir_catalog_options){.store = w->store, .clock = &w->clock, .node = WEIR_STR("n:1")},
        &err);
    w->table = weir_catalog_table_create(w->catalog, WEIR_STR("t"), &err);
    assert_non_null(w->table);
    w->coordinator = weir_coordinator_new(
        &(weir_coordinator_options){.catalog = w->catalog, .clock = &w->clock});
    *state = w;
    return 0;
}

static int end(void **state)
{
    world *w = *state;
    weir_coordinator_free(w->coordinator);
    weir_catalog_close(w->catalog);
    weir_store_free(w->store);
    test_free(w);
    return 0;
}

/* Lets the coordinator work for so long. */
static void run_for(world *w, int64_t ms)
{
    for (int64_t end_us = w->now_us + ms * 1000; w->now_us < end_us;) {
        int64_t wait_ms;
        weir_coordinator_step(w->coordinator, &wait_ms);
        w->now_us += wait_ms > 0 ? wait_ms * 1000 : 1000;
    }
}

static void commit(world *w, weir_commit *c)
{
    int rule;
    weir_error err = {0};
    if (weir_table_commit(w->table, c, NULL, NULL, &rule, &err) != WEIR_COMMIT_LANDED) {
        fail_msg("%s", err.message);
    }
}

static void claim(world *w, weir_str id, bool renew)
{
    weir_commit *c = weir_commit_new(WEIR_OP_CLAIM, &w->clock);
    weir_claim one = {id, 0, 0};
    if (renew) {
        c->renew = &one;
        c->renew_count = 1;
    } else {
        c->claim = &one;
        c->claim_count = 1;
    }
    commit(w, c);
}

static size_t claims(world *w)
{
    size_t count;
    weir_log_state *state = weir_table_state(w->table);
    weir_log_claims(state, &count);
    weir_log_state_unref(state);
    return count;
}

static uint64_t version_of(world *w)
{
    weir_log_state *state = weir_table_state(w->table);
    uint64_t version = weir_log_version(state);
    weir_log_state_unref(state);
    return version;
}

static void a_claim_without_beats_is_released_after_an_hour(void **state)
{
    world *w = *state;
    claim(w, WEIR_STR("dead"), false);
    claim(w, WEIR_STR("alive"), false);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(claims(w), 2);
        claim(w, WEIR_STR("alive"), true);
        run_for(w, 570000);
    }
    run_for(w, 600000);
    assert_int_equal(claims(w), 1);
    run_for(w, 3600000);
    assert_int_equal(claims(w), 0);
}

static bool append_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

/* Commits a segment with a row every hour of [from, to). */
static void add(world *w, int64_t from_ms, int64_t to_ms)
{
    weir_buf bytes = {0};
    weir_error err = {0};
    weir_segment_info info;
    int64_t times[1000];
    uint32_t n = 0;
    for (int64_t at = from_ms; at < to_ms; at += 3600000) {
        times[n++] = at;
    }
    weir_segment_writer *writer =
        weir_segment_writer_new((weir_file){&bytes, append_bytes}, NULL, n, false);
    assert_true(weir_segment_put_time(writer, times, &err) &&
                weir_segment_writer_end(writer, &info, &err));
    weir_commit *c = weir_commit_new(WEIR_OP_LOAD, &w->clock);
    weir_added added = {weir_segment_id_new(c->arena, version_of(w), &w->clock),
                        from_ms,
                        to_ms,
                        n,
                        n,
                        bytes.size,
                        info.footer_bytes,
                        info.footer_xxh3};
    assert_int_equal(w->store->ops->put(w->store,
                                        weir_key_segment(c->arena, WEIR_STR("t"), added.id),
                                        weir_buf_view(&bytes), &err),
                     WEIR_PUT_DONE);
    weir_commit_add_segment(c, &added);
    commit(w, c);
    weir_buf_done(&bytes);
}

static bool see(void *self, weir_str key, uint64_t size)
{
    (void)key, (void)size;
    ++*(size_t *)self;
    return true;
}

static size_t objects(world *w)
{
    size_t count = 0;
    weir_error err = {0};
    assert_true(
        w->store->ops->list(w->store, WEIR_STR("t/segments/"), (weir_str){0}, see, &count, &err));
    return count;
}

static void what_was_removed_is_collected_after_the_grace(void **state)
{
    world *w = *state;
    add(w, 0, 3600000);
    add(w, 0, 3600000);
    weir_commit *c = weir_commit_new(WEIR_OP_DROP, &w->clock);
    weir_log_state *now = weir_table_state(w->table);
    size_t count;
    weir_removed r = {weir_log_segments(now, &count)[0]->added.id, 0, 0, 0};
    weir_commit_add_removed(c, &r);
    weir_log_state_unref(now);
    commit(w, c);
    run_for(w, 3500000);
    assert_int_equal(objects(w), 2);
    run_for(w, 2 * 3600000 + 3000000);
    assert_int_equal(objects(w), 1);
    uint64_t version = version_of(w);
    run_for(w, 10 * 3600000);
    assert_int_equal(version_of(w), version); /* a quiet table's log does not grow */
    weir_buf out = {0};
    weir_coordinator_metrics(w->coordinator, &out);
    assert_non_null(memmem(out.at, out.size, "duty=\"collect\"} 1\n", 18));
    weir_buf_done(&out);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_claim_without_beats_is_released_after_an_hour),
        TEST(what_was_removed_is_collected_after_the_grace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
