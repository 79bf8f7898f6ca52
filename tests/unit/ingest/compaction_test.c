/* tests/unit/ingest/compaction_test.c - compaction over a true catalog: every view holds the same
 * rows before, while and after, whatever fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>
#include "ingest/compaction.h"
#include "ingest/compaction_config.h"
#include "ingest/duty.h"
#include "ingest/segment_file.h"
#include "ingest/upload.h"
#include "weir/compaction.h"
#include "weir/hash.h"
#include "weir/log.h"

#ifdef WEIR_SANITIZED
enum { MINUTES = 300, SEEDS = 3 };
#else
enum { MINUTES = 1440, SEEDS = 12 };
#endif
enum { DAY_MS = 86400000, BATCH = 400 };
#define BEGIN_MS (1700006400000ll) /* a midnight */

typedef struct world {
    weir_clock clock;
    int64_t now_us;
    uint64_t random;
    weir_store *store;
    weir_catalog *catalog;
    weir_table *table;
    char work[40];
    weir_schema *schema;
    uint64_t rows_added, print_count, print_sum; /* what every view must add up to */
} world;

static int64_t wall(void *self)
{
    return BEGIN_MS + ((world *)self)->now_us / 1000;
}
static int64_t monotonic(void *self)
{
    return ((world *)self)->now_us + 1000000;
}
static uint64_t next_random(void *self)
{
    world *w = self;
    return w->random = weir_hash_u64(w->random + 1);
}
static uint32_t below(world *w, uint32_t n)
{
    return (uint32_t)(next_random(w) >> 33) % n;
}
static void pass(void *self, int64_t ms)
{
    ((world *)self)->now_us += ms * 1000;
}

#define SPEC(gran, rollup)                                                                         \
    "{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"t\"},\"dimensionsSpec\":{"              \
    "\"dimensions\":"                                                                              \
    "[\"d\",{\"type\":\"long\",\"name\":\"n\"},{\"type\":\"json\",\"name\":\"j\"}]},"              \
    "\"granularitySpec\":{\"segmentGranularity\":\"" gran                                          \
    "\",\"queryGranularity\":\"minute\",\"rollup\":" rollup "},\"metricsSpec\":[{\"type\":"        \
    "\"count\",\"name\":\"count\"},{\"type\":\"longSum\",\"name\":\"sum\",\"fieldName\":\"v\"}]}"

static weir_schema *schema_of(const char *spec)
{
    weir_error err = {0};
    json_t *json = json_loads(spec, 0, NULL);
    weir_schema *schema = weir_schema_parse(json, NULL, NULL, &err);
    if (!schema) {
        fail_msg("%s", err.message);
    }
    json_decref(json);
    return schema;
}

static weir_catalog *open_catalog(world *w)
{
    weir_error err = {0};
    weir_catalog *catalog = weir_catalog_open(&(weir_catalog_options){.store = w->store,
                                                                      .clock = &w->clock,
                                                                      .node = WEIR_STR("n:1"),
                                                                      .work_path = w->work,
                                                                      .wait = pass,
                                                                      .wait_self = w},
                                              &err);
    if (!catalog) {
        fail_msg("%s", err.message);
    }
    return catalog;
}

static void begin(world *w, const char *spec, uint64_t seed)
{
    weir_error err = {0};
    *w = (world){.clock = {w, wall, monotonic, next_random}, .random = seed};
    strcpy(w->work, "/tmp/weir-compaction-XXXXXX");
    assert_non_null(mkdtemp(w->work));
    w->store = weir_store_memory_new(&w->clock);
    w->catalog = open_catalog(w);
    w->table = weir_catalog_table_create(w->catalog, WEIR_STR("t"), &err);
    assert_non_null(w->table);
    w->schema = schema_of(spec);
}

static void end(world *w)
{
    weir_catalog_close(w->catalog);
    weir_store_free(w->store);
    weir_schema_unref(w->schema);
    if (rmdir(w->work) != 0) {
        fail_msg("local files are left in %s", w->work);
    }
}

static uint64_t print_of(int64_t time, weir_str d, int64_t n, weir_str j)
{
    return weir_hash_u64(weir_hash_u64((uint64_t)time) ^ weir_hash_bytes(d.at, d.size) ^
                         weir_hash_u64((uint64_t)n + 77) ^ (3 * weir_hash_bytes(j.at, j.size)));
}

/* Rows with these times as a hand-off commits them: four buckets and strays. */
static void add_rows(world *w, const int64_t *times, uint32_t n)
{
    static const char *const words[] = {"a", "b", "c", "quite a long word to be repeated", ""};
    static const char *const docs[] = {"{\"x\":1}", "{\"x\":2.5,\"y\":\"z\"}", "[1,2]"};
    weir_error err = {0};
    weir_str names[] = {WEIR_STR("d"), WEIR_STR("n"), WEIR_STR("count"), WEIR_STR("sum"),
                        WEIR_STR("j")},
             d[BATCH], j[BATCH];
    int64_t longs[BATCH], ones[BATCH], sums[BATCH], at[BATCH];
    assert_true(n <= BATCH);
    for (uint32_t i = 0; i < n; i++) {
        d[i] = weir_str_of(words[below(w, 5)]);
        j[i] = weir_str_of(docs[below(w, 3)]);
        longs[i] = below(w, 3);
        ones[i] = 1;
        sums[i] = below(w, 1000);
        at[i] = times[i] / 60000 * 60000;
        w->print_count += print_of(at[i], d[i], longs[i], j[i]);
        w->print_sum += print_of(at[i], d[i], longs[i], j[i]) * (uint64_t)sums[i];
    }
    w->rows_added += n;
    weir_vec vecs[] = {{.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = n, .at.s = d},
                       {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n, .at.l = longs},
                       {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n, .at.l = ones},
                       {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n, .at.l = sums},
                       {.type = weir_type_json(), .form = WEIR_FLAT, .n = n, .at.s = j}};
    weir_realtime *rt = weir_realtime_new(w->schema, NULL);
    assert_true(weir_realtime_append(rt, &(weir_input){n, at, 5, names, vecs}, 0, &err));
    weir_realtime_end(rt);
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    uint32_t count;
    assert_true(weir_realtime_parts(rt, NULL, 4, 0, arena, &parts, &count, &err));
    weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &w->clock);
    for (uint32_t p = 0; p < count; p++) {
        weir_upload upload = {.interval = parts[p].interval, .events = parts[p].events};
        assert_true(weir_segment_file_write(rt, &parts[p], w->work, &w->clock, false, arena,
                                            &upload.path, &upload.info, &err));
        while (!weir_upload_put(w->catalog, w->table, &w->clock, arena, &upload, &err)) {
        }
        weir_upload_add(&upload, commit);
        weir_upload_drop(&upload);
    }
    assert_int_equal(weir_table_commit(w->table, commit, NULL, NULL, NULL, &err),
                     WEIR_COMMIT_LANDED);
    weir_arena_free(arena);
    weir_realtime_unref(rt);
}

typedef struct sums {
    uint64_t rows, print_count, print_sum;
} sums;

static void add_block(const weir_rows *rows, uint32_t chunk, uint32_t from, uint32_t n,
                      const weir_sel *seen, sums *out)
{
    static const char *const names[] = {"__time", "d", "n", "count", "sum", "j"};
    weir_scratch s = {0};
    weir_vec vecs[6];
    weir_error err = {0};
    for (int c = 0; c < 6; c++) {
        const weir_column *col = rows->ops->column(rows, weir_str_of(names[c]));
        weir_vec vec;
        assert_non_null(col);
        if (!col->ops->read(col, chunk, from, n, false, &s, &vec, &err) ||
            !weir_vec_flatten(&vec, &s, &vecs[c], &err)) {
            fail_msg("%s", err.message);
        }
    }
    const uint64_t *bits = seen ? weir_sel_bits(seen, &s) : NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (bits && !weir_bit(bits, from + i)) {
            continue;
        }
        uint64_t print = print_of(vecs[0].at.l[i],
                                  weir_vec_is_null(&vecs[1], i) ? WEIR_STR("") : vecs[1].at.s[i],
                                  vecs[2].at.l[i], vecs[5].at.s[i]);
        out->rows++;
        out->print_count += print * (uint64_t)vecs[3].at.l[i];
        out->print_sum += print * (uint64_t)vecs[4].at.l[i];
    }
    weir_scratch_done(&s);
}

static sums sums_of(weir_table *table)
{
    sums out = {0};
    weir_view *view = weir_table_view(table);
    for (uint32_t i = 0; i < view->count; i++) {
        const weir_rows *rows = view->rows[i];
        if (view->problems[i].size > 0) {
            fail_msg("%.*s", WEIR_STR_ARG(view->problems[i]));
        }
        for (uint32_t chunk = 0; chunk < rows->ops->chunks(rows); chunk++) {
            weir_chunk_info info;
            weir_scratch s = {0};
            weir_sel seen;
            rows->ops->chunk(rows, chunk, &info);
            bool some = rows->ops->visible(rows, chunk, &s, &seen);
            for (uint32_t from = 0; from < info.row_count; from += WEIR_BLOCK_ROWS) {
                uint32_t n = info.row_count - from < WEIR_BLOCK_ROWS ? info.row_count - from
                                                                     : WEIR_BLOCK_ROWS;
                add_block(rows, chunk, from, n, some ? &seen : NULL, &out);
            }
            weir_scratch_done(&s);
        }
    }
    weir_view_unref(view);
    return out;
}

static sums check(world *w)
{
    sums now = sums_of(w->table);
    assert_int_equal(now.print_count, w->print_count);
    assert_int_equal(now.print_sum, w->print_sum);
    return now;
}

typedef struct shape {             /* of a table */
    size_t segments, strays, most; /* most: in a bucket */
    uint64_t rows, events;
} shape;

static shape shape_of(weir_table *table, int64_t bucket_ms)
{
    shape out = {0};
    size_t count;
    weir_log_state *state = weir_table_state(table);
    const weir_segment_state *const *all = weir_log_segments(state, &count);
    for (size_t i = 0; i < count; i++) {
        const weir_added *a = &all[i]->added;
        size_t same = 0;
        bool stray = a->from_ms / bucket_ms != (a->to_ms - 1) / bucket_ms;
        for (size_t k = 0; k < count && !stray; k++) {
            const weir_added *b = &all[k]->added;
            same += a->from_ms / bucket_ms == b->from_ms / bucket_ms &&
                    b->from_ms / bucket_ms == (b->to_ms - 1) / bucket_ms;
        }
        out.segments++;
        out.strays += stray;
        out.most = same > out.most ? same : out.most;
        out.rows += a->rows;
        out.events += a->events;
    }
    weir_log_state_unref(state);
    return out;
}

static weir_coordinator *coordinator_of(world *w, weir_catalog *catalog, size_t memory_bytes)
{
    static const weir_duty *const duties[] = {&weir_duty_compaction, NULL};
    return weir_coordinator_new_with(&(weir_coordinator_options){.catalog = catalog,
                                                                 .clock = &w->clock,
                                                                 .work_path = w->work,
                                                                 .memory_bytes = memory_bytes},
                                     duties);
}

static void run_for(world *w, weir_coordinator *c, int64_t seconds)
{
    int64_t until_us = w->now_us + seconds * 1000000;
    while (w->now_us < until_us) {
        int64_t wait_ms;
        weir_coordinator_step(c, &wait_ms);
        w->now_us += (wait_ms > 0 ? wait_ms : 1) * 1000;
    }
}

static uint64_t figure(weir_coordinator *c, const char *name)
{
    weir_buf out = {0};
    char line[100];
    weir_coordinator_metrics(c, &out);
    weir_buf_byte(&out, 0);
    snprintf(line, sizeof(line), "\n%s{duty=\"compaction\"} ", name);
    const char *at = strstr(out.at, line);
    uint64_t value = at ? strtoull(at + strlen(line), NULL, 10) : 0;
    weir_buf_done(&out);
    return value;
}

/* --- */

static void after_a_day_of_ingest_with_late_events_each_day_has_at_most_four_segments(void **state)
{
    (void)state;
    for (int rollup = 0; rollup < 2; rollup++) {
        world w;
        begin(&w, rollup ? SPEC("day", "true") : SPEC("day", "false"), 1);
        weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
        size_t most = 0;
        for (uint32_t minute = 0; minute < MINUTES; minute++) {
            int64_t times[100];
            for (uint32_t i = 0; i < 100; i++) { /* one in a hundred is up to ten days late */
                bool late = below(&w, 100) == 0;
                times[i] = BEGIN_MS + 60000ll * minute -
                           (late ? (int64_t)below(&w, 864000) * 1000 : below(&w, 60000));
            }
            add_rows(&w, times, 100);
            run_for(&w, c, 60);
            if (minute % 97 == 0) {
                check(&w);
                size_t segments = shape_of(w.table, DAY_MS).segments;
                most = segments > most ? segments : most;
            }
        }
        run_for(&w, c, 3700);
        shape now = shape_of(w.table, DAY_MS);
        sums rows = check(&w);
        assert_true(now.most <= 4);
        assert_int_equal(now.strays, 0);
        assert_int_equal(now.events, w.rows_added);
        assert_int_equal(now.rows, rows.rows);
        assert_true(rollup ? now.rows < w.rows_added : now.rows == w.rows_added);
        assert_true(most < 90);
        assert_int_equal(figure(c, "weir_duty_failures_total"), 0);
        weir_coordinator_free(c);
        end(&w);
    }
}

static void fill(world *w, uint32_t days, uint32_t handoffs)
{
    for (uint32_t k = 0; k < handoffs; k++) {
        int64_t times[60];
        for (uint32_t i = 0; i < 60; i++) {
            times[i] = BEGIN_MS - (int64_t)below(w, 86400 * days) * 1000;
        }
        add_rows(w, times, 60);
    }
}

static void nothing_is_lost_when_the_store_fails_at_any_call(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world w;
        begin(&w, seed % 2 ? SPEC("day", "true") : SPEC("day", "false"), seed);
        fill(&w, 9, 9);
        weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
        weir_store_memory_faults(w.store, &(weir_store_faults){.fail_ppm = 100000,
                                                               .unknown_landed_ppm = 50000,
                                                               .unknown_lost_ppm = 50000,
                                                               .late_ppm = 50000,
                                                               .half_body_ppm = 5000});
        for (int i = 0; i < 40; i++) {
            run_for(&w, c, 20 + below(&w, 60));
        }
        weir_store_memory_faults(w.store, &(weir_store_faults){0});
        weir_store_memory_land_late(w.store);
        run_for(&w, c, 4000);
        check(&w);
        shape now = shape_of(w.table, DAY_MS);
        assert_true(now.most <= 4 && now.strays == 0);
        assert_int_equal(now.events, w.rows_added);
        weir_coordinator_free(c);
        end(&w);
    }
}

static void a_process_that_ends_at_any_step_leaves_the_rows_as_they_were(void **state)
{
    (void)state;
    bool compacted = false;
    for (uint32_t steps = 1; !compacted && steps < 400; steps += 1 + steps / 8) {
        world w;
        begin(&w, SPEC("day", "true"), steps);
        fill(&w, 3, 8);
        size_t before = shape_of(w.table, DAY_MS).segments;
        weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
        for (uint32_t i = 0, did = 0; did < steps && i < 100000; i++) {
            int64_t wait_ms;
            weir_coordinator_step(c, &wait_ms);
            did += wait_ms == 0;
            w.now_us += wait_ms * 1000;
        }
        weir_coordinator_free(c); /* mid-way */
        check(&w);
        weir_catalog_close(w.catalog);
        w.catalog = open_catalog(&w);
        w.table = weir_catalog_table(w.catalog, WEIR_STR("t"));
        check(&w);
        compacted = shape_of(w.table, DAY_MS).segments + 10 < before;
        c = coordinator_of(&w, w.catalog, 0);
        run_for(&w, c, 4000);
        check(&w);
        assert_true(shape_of(w.table, DAY_MS).most <= 4);
        weir_coordinator_free(c);
        end(&w);
    }
    assert_true(compacted);
}

static void of_two_compactors_one_loses_work_and_no_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world w;
        begin(&w, SPEC("day", "true"), seed);
        weir_catalog *other = open_catalog(&w);
        weir_coordinator *c[2] = {coordinator_of(&w, w.catalog, 0), coordinator_of(&w, other, 0)};
        fill(&w, 6, 10);
        for (int i = 0; i < 6000; i++) {
            int64_t wait_ms;
            weir_coordinator_step(c[below(&w, 2)], &wait_ms);
            w.now_us += wait_ms * 1000;
            if (below(&w, 50) == 0) {
                weir_catalog_step(below(&w, 2) ? other : w.catalog);
            }
            if (below(&w, 400) == 0) {
                fill(&w, 6, 1);
            }
            if (below(&w, 300) == 0) {
                check(&w);
            }
        }
        run_for(&w, c[0], 4000);
        check(&w);
        weir_catalog_step(other);
        sums there = sums_of(weir_catalog_table(other, WEIR_STR("t")));
        assert_int_equal(there.print_sum, w.print_sum);
        assert_true(shape_of(w.table, DAY_MS).most <= 4);
        weir_coordinator_free(c[0]);
        weir_coordinator_free(c[1]);
        weir_catalog_close(other);
        end(&w);
    }
}

static void commit_of(world *w, uint8_t op,
                      void (*add)(weir_commit *commit, const weir_segment_state *s))
{
    weir_error err = {0};
    size_t count;
    weir_log_state *state = weir_table_state(w->table);
    const weir_segment_state *const *all = weir_log_segments(state, &count);
    weir_commit *commit = weir_commit_new(op, &w->clock);
    for (size_t i = 0; i < (op == WEIR_OP_CLAIM ? 1 : count); i++) {
        add(commit, all[i]);
    }
    if (weir_table_commit(w->table, commit, NULL, NULL, NULL, &err) != WEIR_COMMIT_LANDED) {
        fail_msg("%s", err.message);
    }
    weir_log_state_unref(state);
}

static void hide_first_hours(weir_commit *commit, const weir_segment_state *s)
{
    int64_t day = s->added.from_ms / DAY_MS * DAY_MS;
    weir_removed hidden = {.id = s->added.id,
                           .rev = s->rev,
                           .from_ms = day - 20ll * DAY_MS,
                           .to_ms = day + 6 * 3600000};
    weir_commit_add_hidden(commit, &hidden);
}
static void hide_all(weir_commit *commit, const weir_segment_state *s)
{
    weir_removed hidden = {
        .id = s->added.id, .rev = s->rev, .from_ms = s->added.from_ms, .to_ms = s->added.to_ms};
    weir_commit_add_hidden(commit, &hidden);
}
static void claim_day(weir_commit *commit, const weir_segment_state *s)
{
    int64_t day = s->added.from_ms / DAY_MS * DAY_MS;
    (void)s;
    commit->claim = WEIR_ARENA_NEW(commit->arena, weir_claim);
    *commit->claim = (weir_claim){WEIR_STR("job"), day, day + DAY_MS};
    commit->claim_count = 1;
}

static void hidden_rows_are_gone_for_good(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("day", "false"), 5);
    fill(&w, 3, 6);
    weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
    commit_of(&w, WEIR_OP_DROP, hide_first_hours);
    sums before = sums_of(w.table);
    assert_true(before.rows < w.rows_added);
    run_for(&w, c, 4000);
    sums after = sums_of(w.table);
    assert_int_equal(before.print_sum, after.print_sum);
    assert_int_equal(before.rows, after.rows);
    shape now = shape_of(w.table, DAY_MS);
    assert_int_equal(now.rows, after.rows); /* in the files too */
    commit_of(&w, WEIR_OP_DROP, hide_all);
    run_for(&w, c, 8000);
    assert_int_equal(shape_of(w.table, DAY_MS).segments, 0);
    assert_int_equal(figure(c, "weir_duty_failures_total"), 0);
    weir_coordinator_free(c);
    end(&w);
}

static void what_lies_in_the_time_of_a_claim_is_left_alone(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("day", "false"), 6);
    fill(&w, 3, 8);
    weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
    commit_of(&w, WEIR_OP_CLAIM, claim_day);
    run_for(&w, c, 4000);
    shape now = shape_of(w.table, DAY_MS);
    assert_int_equal(now.most, 8);
    assert_true(now.segments <= 8 + 4 * 3);
    assert_int_equal(figure(c, "weir_duty_failures_total"), 0);
    check(&w);
    weir_coordinator_free(c);
    end(&w);
}

static void segments_of_other_types_stay_apart_and_are_not_tried_for_ever(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("day", "false"), 7);
    static const char *const other =
        "{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"t\"},\"dimensionsSpec\":{"
        "\"dimensions\":[\"d\",{\"type\":\"long\","
        "\"name\":\"n\"},{\"type\":\"json\",\"name\":\"j\"}]},\"granularitySpec\":{"
        "\"segmentGranularity\":\"day\","
        "\"queryGranularity\":\"none\",\"rollup\":false},\"metricsSpec\":[{\"type\":\"longMax\","
        "\"name\":\"count\","
        "\"fieldName\":\"c\"},{\"type\":\"longSum\",\"name\":\"sum\",\"fieldName\":\"v\"}]}";
    weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
    fill(&w, 1, 9);
    weir_schema_unref(w.schema);
    w.schema = schema_of(other);
    fill(&w, 1, 1);
    run_for(&w, c, 20000);
    shape now = shape_of(w.table, DAY_MS);
    assert_true(now.most <= 4);
    check(&w);
    uint64_t busy = figure(c, "weir_duty_runs_total");
    run_for(&w, c, 20000);
    assert_true(figure(c, "weir_duty_runs_total") - busy < 20000 / 60 + 20);
    weir_coordinator_free(c);
    end(&w);
}

static void little_memory_means_fewer_inputs(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("day", "false"), 8);
    for (uint32_t k = 0; k < 12; k++) {
        int64_t times[BATCH];
        for (uint32_t i = 0; i < BATCH; i++) {
            times[i] = BEGIN_MS + below(&w, DAY_MS);
        }
        add_rows(&w, times, BATCH);
    }
    weir_coordinator *c = coordinator_of(&w, w.catalog, 2500000);
    run_for(&w, c, 8000);
    check(&w);
    assert_true(shape_of(w.table, DAY_MS).most < 12);
    weir_coordinator_free(c);
    end(&w);
}

/* --- what operators set --- */

static void set_config(world *w, const char *json)
{
    weir_error err = {0};
    weir_compactions c = {.catalog = w->catalog, .clock = &w->clock};
    if (!weir_compactions_set(&c, (weir_str){0}, weir_str_of(json),
                              &(weir_compaction_author){.author = WEIR_STR("me")}, &err)) {
        fail_msg("%s", err.message);
    }
}

static void check_schemas(world *w, const char *segment_granularity, int64_t query_ms, bool rollup)
{
    weir_granularity gran;
    assert_true(weir_granularity_simple(weir_str_of(segment_granularity), &gran));
    weir_view *view = weir_table_view(w->table);
    for (uint32_t i = 0; i < view->count; i++) {
        const weir_schema *s = view->rows[i]->schema;
        assert_int_equal(s->segment_granularity.kind, gran.kind);
        assert_int_equal(
            weir_granularity_next(&s->segment_granularity,
                                  weir_granularity_floor(&s->segment_granularity, BEGIN_MS)),
            weir_granularity_next(&gran, weir_granularity_floor(&gran, BEGIN_MS)));
        assert_int_equal(weir_granularity_floor(&s->query_granularity, BEGIN_MS + 59 * 60000),
                         BEGIN_MS + 59 * 60000 / query_ms * query_ms);
        assert_int_equal(s->rollup, rollup);
    }
    weir_view_unref(view);
}

static void hours_become_days_and_days_hours_where_the_config_says_so(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("hour", "false"), 9);
    fill(&w, 2, 3);
    assert_true(shape_of(w.table, DAY_MS).segments > 10);
    set_config(&w, "{\"dataSource\":\"t\",\"skipOffsetFromLatest\":\"PT0S\",\"granularitySpec\":{"
                   "\"segmentGranularity\":\"DAY\"}}");
    weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
    run_for(&w, c, 4000);
    check(&w);
    shape now = shape_of(w.table, DAY_MS);
    assert_int_equal(now.most, 1);
    assert_int_equal(now.strays, 0);
    check_schemas(&w, "day", 60000, false);
    set_config(&w, "{\"dataSource\":\"t\",\"skipOffsetFromLatest\":\"PT0S\",\"granularitySpec\":{"
                   "\"segmentGranularity\":\"HOUR\"}}");
    run_for(&w, c, 4000);
    check(&w);
    now = shape_of(w.table, 3600000);
    assert_int_equal(now.most, 1);
    assert_int_equal(now.strays, 0);
    assert_int_equal(now.events, w.rows_added);
    check_schemas(&w, "hour", 60000, false);
    weir_coordinator_free(c);
    end(&w);
}

static void a_new_config_is_done_at_once(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("day", "false"), 14);
    fill(&w, 3, 4);
    weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
    run_for(&w, c, 4000);
    assert_int_equal(shape_of(w.table, DAY_MS).segments, 12); /* four are well enough */
    set_config(&w, "{\"dataSource\":\"t\",\"skipOffsetFromLatest\":\"PT0S\"}");
    run_for(&w, c, 70);
    assert_int_equal(shape_of(w.table, DAY_MS).segments, 3);
    check(&w);
    weir_coordinator_free(c);
    end(&w);
}

static void coarser_times_and_roll_up_reach_lone_segments_too(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("day", "false"), 10);
    fill(&w, 3, 1);
    set_config(&w, "{\"dataSource\":\"t\",\"skipOffsetFromLatest\":\"PT0S\",\"granularitySpec\":{"
                   "\"queryGranularity\":\"HOUR\",\"rollup\":true}}");
    weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
    run_for(&w, c, 4000);
    check_schemas(&w, "day", 3600000, true);
    assert_int_equal(shape_of(w.table, DAY_MS).events, w.rows_added);
    uint64_t runs = figure(c, "weir_duty_segments_total");
    run_for(&w, c, 8000);
    assert_int_equal(figure(c, "weir_duty_segments_total"), runs); /* once */
    weir_coordinator_free(c);
    end(&w);
}

static void the_newest_time_is_skipped_as_the_config_says(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("day", "false"), 11);
    fill(&w, 3, 6);
    set_config(&w, "{\"dataSource\":\"t\"}");
    weir_coordinator *c = coordinator_of(&w, w.catalog, 0);
    run_for(&w, c, 4000);
    check(&w);
    shape now = shape_of(w.table, DAY_MS);
    assert_int_equal(now.most, 6); /* yesterday's, within P1D of the end */
    assert_int_equal(now.segments, 6 + 2);
    weir_buf out = {0};
    weir_error err = {0};
    weir_compactions all = {.catalog = w.catalog, .clock = &w.clock};
    assert_true(weir_compactions_status(&all, WEIR_STR("t"), &out, &err));
    weir_buf_byte(&out, 0);
    assert_non_null(strstr(out.at, "\"segmentCountAwaitingCompaction\":0,\"segmentCountCompacted\":"
                                   "2,\"segmentCountSkipped\":6"));
    weir_buf_done(&out);
    weir_coordinator_free(c);
    end(&w);
}

static void only_tables_with_a_config_are_compacted_where_it_is_so_set(void **state)
{
    (void)state;
    world w;
    begin(&w, SPEC("day", "false"), 13);
    fill(&w, 3, 9);
    static const weir_duty *const duties[] = {&weir_duty_compaction, NULL};
    weir_coordinator *c =
        weir_coordinator_new_with(&(weir_coordinator_options){.catalog = w.catalog,
                                                              .clock = &w.clock,
                                                              .work_path = w.work,
                                                              .compact_configured = true},
                                  duties);
    run_for(&w, c, 8000);
    assert_int_equal(shape_of(w.table, DAY_MS).segments, 27);
    set_config(&w, "{\"dataSource\":\"t\",\"skipOffsetFromLatest\":\"PT0S\"}");
    run_for(&w, c, 8000);
    assert_int_equal(shape_of(w.table, DAY_MS).segments, 3);
    check(&w);
    weir_coordinator_free(c);
    end(&w);
}

static void an_interval_is_compacted_when_asked_for(void **state)
{
    (void)state;
    world w;
    weir_error err = {0};
    weir_compact_result result;
    begin(&w, SPEC("day", "true"), 12);
    fill(&w, 4, 5);
    weir_compact_request request = {.catalog = w.catalog,
                                    .table = w.table,
                                    .clock = &w.clock,
                                    .work_path = w.work,
                                    .within = {BEGIN_MS - 2ll * DAY_MS, BEGIN_MS},
                                    .rollup = -1};
    assert_true(weir_compact_interval(&request, &result, &err));
    check(&w);
    assert_int_equal(result.merges, 2);
    assert_int_equal(shape_of(w.table, DAY_MS).segments, 2 + 2 * 5);
    request.within = weir_interval_eternity;
    request.max_rows = 40;
    assert_true(weir_compact_interval(&request, &result, &err));
    check(&w);
    assert_true(weir_compact_interval(&request, &result, &err));
    assert_int_equal(result.merges, 0);
    end(&w);
}

static void what_weir_does_not_do_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *json, *says;
        weir_err code;
    } cases[] = {
        {"{}", "dataSource", WEIR_ERR_BAD_REQUEST},
        {"[]", "", WEIR_ERR_BAD_REQUEST},
        {"{\"dataSource\":\"t\",\"skipOffsetFromLatest\":\"1D\"}", "skipOffsetFromLatest",
         WEIR_ERR_BAD_REQUEST},
        {"{\"dataSource\":\"t\",\"tuningConfig\":{\"partitionsSpec\":{\"type\":\"range\"}}}",
         "tuningConfig.partitionsSpec.type", WEIR_ERR_UNSUPPORTED},
        {"{\"dataSource\":\"t\",\"tuningConfig\":{\"partitionsSpec\":{\"type\":\"hashed\","
         "\"numShards\":3}}}",
         "numShards", WEIR_ERR_UNSUPPORTED},
        {"{\"dataSource\":\"t\",\"metricsSpec\":[{\"type\":\"count\"}]}", "metricsSpec",
         WEIR_ERR_UNSUPPORTED},
        {"{\"dataSource\":\"t\",\"ioConfig\":{\"dropExisting\":true}}", "ioConfig.dropExisting",
         WEIR_ERR_UNSUPPORTED},
        {"{\"dataSource\":\"t\",\"engine\":\"msq\"}", "engine", WEIR_ERR_UNSUPPORTED},
        {"{\"dataSource\":\"t\",\"granularitySpec\":{\"queryGranularity\":\"soon\"}}",
         "granularitySpec.queryGranularity", WEIR_ERR_BAD_REQUEST},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        weir_error err = {0};
        weir_compaction_config config;
        weir_arena *arena = weir_arena_new();
        assert_false(
            weir_compaction_config_read(weir_str_of(cases[i].json), arena, &config, NULL, &err));
        if (err.code != cases[i].code || !strstr(err.message, cases[i].says)) {
            fail_msg("%s: %s", cases[i].json, err.message);
        }
        weir_arena_free(arena);
    }
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_day_of_ingest_with_late_events_each_day_has_at_most_four_segments),
        cmocka_unit_test(nothing_is_lost_when_the_store_fails_at_any_call),
        cmocka_unit_test(a_process_that_ends_at_any_step_leaves_the_rows_as_they_were),
        cmocka_unit_test(of_two_compactors_one_loses_work_and_no_rows),
        cmocka_unit_test(hidden_rows_are_gone_for_good),
        cmocka_unit_test(what_lies_in_the_time_of_a_claim_is_left_alone),
        cmocka_unit_test(segments_of_other_types_stay_apart_and_are_not_tried_for_ever),
        cmocka_unit_test(little_memory_means_fewer_inputs),
        cmocka_unit_test(hours_become_days_and_days_hours_where_the_config_says_so),
        cmocka_unit_test(a_new_config_is_done_at_once),
        cmocka_unit_test(coarser_times_and_roll_up_reach_lone_segments_too),
        cmocka_unit_test(the_newest_time_is_skipped_as_the_config_says),
        cmocka_unit_test(only_tables_with_a_config_are_compacted_where_it_is_so_set),
        cmocka_unit_test(an_interval_is_compacted_when_asked_for),
        cmocka_unit_test(what_weir_does_not_do_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
