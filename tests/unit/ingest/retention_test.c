/* tests/unit/ingest/retention_test.c - duties that let go: dead claims, garbage, rules; by a clock
 * that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "ingest/duty_retention.h"
#include "weir/log.h"
#include "weir/retention.h"

typedef struct world {
    weir_clock clock;
    int64_t now_us, wall_ms;
    uint64_t drawn;
    weir_store *store;
    weir_catalog *catalog;
    weir_table *table;
    weir_schema *schema; /* of segments: by days */
    weir_settings *settings;
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
    weir_arena *arena = weir_arena_new();
    w->schema = WEIR_ARENA_NEW(arena, weir_schema);
    w->schema->arena = arena;
    w->schema->refs = 1;
    w->schema->table = WEIR_STR("t");
    weir_granularity_simple(WEIR_STR("day"), &w->schema->segment_granularity);
    weir_granularity_simple(WEIR_STR("none"), &w->schema->query_granularity);
    w->settings = weir_settings_new(w->store, &w->clock, WEIR_STR("n:1"));
    w->coordinator = weir_coordinator_new(&(weir_coordinator_options){
        .catalog = w->catalog, .settings = w->settings, .clock = &w->clock});
    *state = w;
    return 0;
}

static int end(void **state)
{
    world *w = *state;
    weir_coordinator_free(w->coordinator);
    weir_settings_free(w->settings);
    weir_catalog_close(w->catalog);
    weir_store_free(w->store);
    weir_schema_unref(w->schema);
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
        weir_segment_writer_new((weir_file){&bytes, append_bytes}, w->schema, n, false);
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

static weir_retention doors(world *w)
{
    return (weir_retention){.catalog = w->catalog,
                            .coordinator = w->coordinator,
                            .settings = w->settings,
                            .clock = &w->clock};
}

static void set_rules(world *w, const char *name, const char *json)
{
    weir_retention r = doors(w);
    weir_rules_author author = {WEIR_STR("me"), WEIR_STR("because"), WEIR_STR("127.0.0.1")};
    weir_error err = {0};
    if (!weir_rules_set(&r, weir_str_of(name), weir_str_of(json), &author, &err)) {
        fail_msg("%s", err.message);
    }
}

static uint64_t rows(world *w)
{
    weir_view *view = weir_table_view(w->table);
    weir_scratch scratch = {0};
    uint64_t count = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        for (uint32_t c = 0; c < view->rows[i]->ops->chunks(view->rows[i]); c++) {
            weir_chunk_info info;
            weir_sel sel;
            view->rows[i]->ops->chunk(view->rows[i], c, &info);
            count += view->rows[i]->ops->visible(view->rows[i], c, &scratch, &sel) ? sel.count
                                                                                   : info.row_count;
        }
    }
    weir_scratch_done(&scratch);
    weir_view_unref(view);
    return count;
}

#define DAY 86400000LL
#define TODAY (1700000000000 / DAY * DAY)

static void a_rule_lets_days_go_as_time_passes(void **state)
{
    world *w = *state;
    for (int i = 0; i < 5; i++) {
        add(w, TODAY - i * DAY, TODAY - i * DAY + DAY);
    }
    add(w, TODAY - 4 * DAY, TODAY + DAY); /* late rows of all five days */
    assert_int_equal(rows(w), 240);
    run_for(w, 120000);
    assert_int_equal(rows(w), 240); /* no rules: all stays */
    set_rules(w, "t",
              "[{\"type\":\"loadByPeriod\",\"period\":\"P2D\"},{\"type\":\"dropForever\"}]");
    run_for(w, 1000);
    assert_int_equal(rows(w), 3 * 48); /* today and what the last 48 hours touch */
    uint64_t version = version_of(w);
    run_for(w, 600000);
    assert_int_equal(version_of(w), version); /* once is enough */
    add(w, TODAY - 4 * DAY, TODAY - 3 * DAY); /* arrived late: the next run takes it */
    run_for(w, 70000);
    assert_int_equal(rows(w), 3 * 48);
    run_for(w, DAY);
    assert_int_equal(rows(w), 2 * 48);
    set_rules(w, "t", "[]");
    run_for(w, 5 * DAY);
    assert_int_equal(rows(w), 2 * 48);
}

static void the_default_judges_what_a_table_leaves_open(void **state)
{
    world *w = *state;
    add(w, TODAY, TODAY + DAY);
    add(w, TODAY - DAY, TODAY);
    set_rules(w, "t", "[{\"type\":\"loadByInterval\",\"interval\":\"2023-11-14/P1D\"}]");
    w->now_us += 1000;
    set_rules(w, WEIR_RULES_DEFAULT, "[{\"type\":\"dropForever\"}]");
    run_for(w, 70000);
    assert_int_equal(rows(w), 24);
    weir_retention r = doors(w);
    weir_buf out = {0};
    weir_error err = {0};
    assert_true(weir_rules_of(&r, WEIR_STR("t"), true, &out, &err));
    weir_buf_text(&out, "|");
    assert_true(weir_rules_all(&r, &out, &err));
    weir_buf_text(&out, "|");
    assert_true(weir_rules_of(&r, WEIR_STR("nope"), false, &out, &err));
    weir_buf_text(&out, "|");
    assert_true(weir_rules_history(&r, (weir_str){0}, NULL, 1, &out, &err));
    weir_buf_put(&out, "", 1);
#define KEPT                                                                                       \
    "{\"interval\":\"2023-11-14T00:00:00.000Z/"                                                    \
    "2023-11-15T00:00:00.000Z\",\"tieredReplicants\":{\"_default_tier\":2},"                       \
    "\"useDefaultTierForNull\":true,\"type\":\"loadByInterval\"}"
    assert_string_equal(
        out.at,
        "[" KEPT
        ",{\"type\":\"dropForever\"}]|{\"_default\":[{\"type\":\"dropForever\"}],\"t\":[" KEPT
        "]}|[]|[{\"key\":\"_default\",\"type\":\"rules\",\"auditInfo\":{\"author\":\"me\","
        "\"comment\":\"because\",\"ip\":\"127.0.0.1\"},"
        "\"payload\":\"[{\\\"type\\\":\\\"dropForever\\\"}]\",\"auditTime\":\"2023-11-14T22:13:20."
        "001Z\"}]");
    weir_buf_done(&out);
}

static void another_process_reads_the_same_rules(void **state)
{
    world *w = *state;
    weir_settings *other = weir_settings_new(w->store, &w->clock, WEIR_STR("n:2"));
    weir_retention mine = doors(w), theirs = mine;
    weir_buf out = {0};
    weir_error err = {0};
    theirs.settings = other;
    assert_true(weir_rules_of(&theirs, WEIR_STR(WEIR_RULES_DEFAULT), false, &out, &err));
    assert_non_null(memmem(out.at, out.size, "loadForever", 11));
    for (int i = 0; i < 6; i++) { /* changed in turns: each builds on what the other stored */
        weir_rules_author author = {.author = WEIR_STR("a")};
        assert_true(weir_rules_set(i % 2 ? &mine : &theirs, WEIR_STR(WEIR_RULES_DEFAULT),
                                   i % 2 ? WEIR_STR("[{\"type\":\"loadForever\"}]")
                                         : WEIR_STR("[{\"type\":\"dropForever\"}]"),
                                   &author, &err));
    }
    weir_rules_author nobody = {0};
    assert_false(
        weir_rules_set(&mine, WEIR_STR(WEIR_RULES_DEFAULT), WEIR_STR("[]"), &nobody, &err));
    assert_int_equal(err.code, WEIR_ERR_BAD_REQUEST);
    out.size = 0;
    w->now_us += 6000000;
    assert_true(weir_rules_of(&theirs, WEIR_STR(WEIR_RULES_DEFAULT), false, &out, &err));
    assert_non_null(memmem(out.at, out.size, "loadForever", 11));
    assert_null(memmem(out.at, out.size, "dropForever", 11));
    out.size = 0;
    assert_true(weir_rules_history(&theirs, WEIR_STR(WEIR_RULES_DEFAULT), NULL, 100, &out, &err));
    size_t count = 0;
    for (const char *at = out.at;
         (at = memmem(at, (size_t)(out.at + out.size - at), "auditTime", 9)); at++) {
        count++;
    }
    assert_int_equal(count, 6);
    weir_buf_done(&out);
    weir_settings_free(other);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_claim_without_beats_is_released_after_an_hour),
        TEST(what_was_removed_is_collected_after_the_grace),
        TEST(a_rule_lets_days_go_as_time_passes),
        TEST(the_default_judges_what_a_table_leaves_open),
        TEST(another_process_reads_the_same_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
