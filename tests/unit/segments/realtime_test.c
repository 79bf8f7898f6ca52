/* tests/unit/segments/realtime_test.c - the live segment against its slow twin. */
#include "live_helper.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef WEIR_SANITIZED
enum { SEEDS = 1, STREAM = 140000 };
#else
enum { SEEDS = 2, STREAM = 150000 };
#endif

static weir_granularity granularity(const char *name)
{
    weir_granularity out;
    assert_true(weir_granularity_simple(weir_str_of(name), &out));
    return out;
}

static weir_realtime *realtime_of(const twin *t, bool rollup, const char *query_granularity,
                                  weir_budget *budget)
{
    weir_schema *schema = twin_schema(t, rollup, granularity(query_granularity));
    weir_realtime *rt = weir_realtime_new(schema, budget);
    weir_schema_unref(schema);
    return rt;
}

static void check(twin *t, weir_realtime *rt)
{
    weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("t_live"));
    twin_check_rows(t, rows);
    rows->ops->unref(rows);
}

static const twin_column all_kinds[] = {
    {.name = {"country", 7},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 40,
     .nulls = 10,
     .others = 20},
    {.name = {"user", 4}, .kind = WEIR_STRING, .declared = true, .cardinality = 30000, .nulls = 1},
    {.name = {"tags", 4},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 90,
     .nulls = 10,
     .lists = 40},
    {.name = {"raw", 3},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 5,
     .nulls = 10,
     .lists = 80,
     .multi = WEIR_MULTI_ARRAY},
    {.name = {"set", 3},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 5,
     .nulls = 1,
     .lists = 80,
     .multi = WEIR_MULTI_SORTED_SET},
    {.name = {"n", 1},
     .kind = WEIR_LONG,
     .declared = true,
     .cardinality = 100000,
     .nulls = 20,
     .others = 20},
    {.name = {"exact", 5}, .kind = WEIR_LONG, .declared = true, .cardinality = 9},
    {.name = {"d", 1},
     .kind = WEIR_DOUBLE,
     .declared = true,
     .cardinality = 1000,
     .nulls = 2,
     .others = 20},
    {.name = {"f", 1}, .kind = WEIR_FLOAT, .declared = true, .cardinality = 1000, .nulls = 2},
    {.name = {"blob", 4}, .kind = WEIR_COMPLEX, .cardinality = 50, .nulls = 30},
    {.name = {"late", 4},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 100,
     .nulls = 30,
     .lists = 10,
     .from_batch = 9},
    {.name = {"later", 5}, .kind = WEIR_LONG, .cardinality = 100, .nulls = 30, .from_batch = 25},
    {.name = {"sum", 3},
     .kind = WEIR_LONG,
     .declared = true,
     .metric = true,
     .cardinality = 100,
     .nulls = 3},
};
enum { ALL_KINDS = sizeof(all_kinds) / sizeof(all_kinds[0]) };

static void rows_are_visible_when_append_returns(void **state)
{
    twin *t = twin_new(1, all_kinds, ALL_KINDS);
    weir_realtime *rt = realtime_of(t, false, "none", NULL);
    weir_interval hull;
    (void)state;
    assert_false(weir_realtime_hull(rt, &hull));
    check(t, rt);
    for (uint32_t i = 0; i < 30; i++) {
        twin_append(t, rt, 1 + i % 3, 0);
        assert_int_equal(weir_realtime_rows(rt), t->row_count);
        assert_int_equal(weir_realtime_events(rt), t->row_count);
        check(t, rt);
    }
    assert_true(weir_realtime_hull(rt, &hull));
    for (uint32_t i = 0; i < t->row_count; i++) {
        assert_true(t->rows[i].time >= hull.start_ms && t->rows[i].time < hull.end_ms);
    }
    weir_realtime_unref(rt);
    twin_free(t);
}

static void every_kind_of_column_reads_back_from_growing_and_sealed_chunks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        weir_budget budget = {.name = "test"};
        twin *t = twin_new(seed, all_kinds, ALL_KINDS);
        weir_realtime *rt = realtime_of(t, false, "none", &budget);
        while (t->row_count < 80000) {
            twin_append(t, rt, seed == 1 ? WEIR_BLOCK_ROWS : 1 + twin_below(t, WEIR_BLOCK_ROWS),
                        (uint8_t)twin_below(t, 3));
            if (twin_below(t, 30) == 0) {
                check(t, rt);
            }
        }
        check(t, rt);
        weir_realtime_end(rt);
        check(t, rt);
        assert_true(weir_realtime_bytes(rt) > 0 && budget.used_bytes == weir_realtime_bytes(rt));
        weir_realtime_unref(rt);
        assert_int_equal(budget.used_bytes, 0);
        twin_free(t);
    }
}

static void a_snapshot_keeps_what_it_saw(void **state)
{
    twin *t = twin_new(5, all_kinds, ALL_KINDS);
    weir_realtime *rt = realtime_of(t, false, "none", NULL);
    (void)state;
    for (uint32_t i = 0; i < 15; i++) {
        twin_append(t, rt, 4000, 0);
    }
    weir_rows *early = weir_realtime_snapshot(rt, NULL, WEIR_STR("t_live"));
    uint32_t seen = t->row_count, batch = t->batch;
    for (uint32_t i = 0; i < 20;
         i++) { /* seals the chunk that `early` holds, and shows a column it has not */
        twin_append(t, rt, 4000, 0);
    }
    weir_realtime_unref(rt); /* the snapshot holds on */
    uint32_t all = t->row_count, last = t->batch;
    t->row_count = seen;
    t->batch = batch;
    twin_check_rows(t, early);
    t->row_count = all;
    t->batch = last;
    assert_null(early->ops->column(early, WEIR_STR("later")));
    early->ops->unref(early);
    twin_free(t);
}

static void columns_come_as_time_dimensions_metrics(void **state)
{
    twin *t = twin_new(6, all_kinds, ALL_KINDS);
    weir_realtime *rt = realtime_of(t, false, "none", NULL);
    (void)state;
    for (uint32_t i = 0; i < 30; i++) {
        twin_append(t, rt, 2, 0);
    }
    weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("t_live"));
    uint32_t count = rows->ops->column_count(rows);
    assert_int_equal(count, ALL_KINDS + 1);
    assert_true(weir_str_is(rows->ops->column_at(rows, 0)->name, "__time"));
    assert_true(weir_str_is(rows->ops->column_at(rows, 1)->name, "country"));
    assert_true(weir_str_is(rows->ops->column_at(rows, count - 2)->name, "later"));
    assert_true(weir_str_is(rows->ops->column_at(rows, count - 1)->name, "sum"));
    assert_true(rows->ops->column_at(rows, count - 1)->metric);
    for (uint32_t i = 0; i < count; i++) {
        const weir_column *col = rows->ops->column_at(rows, i);
        assert_ptr_equal(rows->ops->column(rows, col->name), col);
    }
    assert_null(rows->ops->column(rows, WEIR_STR("nowhere")));
    rows->ops->unref(rows);
    weir_realtime_unref(rt);
    twin_free(t);
}

static void a_masked_source_is_left_out(void **state)
{
    twin *t = twin_new(7, all_kinds, ALL_KINDS);
    weir_realtime *rt = realtime_of(t, false, "none", NULL);
    weir_mask masked = {.bits = {1ull << 2, 0, 0, 1ull << 63}}; /* sources 2 and 255 */
    weir_scratch s = {0};
    (void)state;
    while (t->row_count < 70000) {
        twin_append(t, rt, 3000, (uint8_t[]){0, 1, 2, 255}[twin_below(t, 4)]);
    }
    weir_rows *rows = weir_realtime_snapshot(rt, &masked, WEIR_STR("t_live"));
    uint32_t base = 0;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (uint32_t chunk = 0; chunk < rows->ops->chunks(rows); chunk++) {
        weir_chunk_info info;
        weir_sel sel;
        rows->ops->chunk(rows, chunk, &info);
        assert_true(rows->ops->visible(rows, chunk, &s, &sel));
        const uint64_t *bits = weir_sel_bits(&sel, &s);
        for (uint32_t i = 0; i < info.row_count; i++) {
            const twin_row *row = &t->rows[base + i];
            assert_int_equal(weir_bit(bits, i), row->source < 2);
            if (row->source < 2) {
                min = row->time < min ? row->time : min;
                max = row->time > max ? row->time : max;
            }
        }
        base += info.row_count;
    }
    assert_int_equal(base, t->row_count);
    assert_int_equal(rows->interval.start_ms, min);
    assert_int_equal(rows->interval.end_ms, max + 1);
    rows->ops->unref(rows);
    rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("t_live"));
    weir_sel sel;
    assert_false(rows->ops->visible(rows, 0, &s, &sel));
    rows->ops->unref(rows);
    weir_scratch_done(&s);
    weir_realtime_unref(rt);
    twin_free(t);
}

static void times_are_truncated_to_the_query_granularity(void **state)
{
    twin *t = twin_new(8, all_kinds, ALL_KINDS);
    weir_realtime *rt = realtime_of(t, false, "minute", NULL);
    (void)state;
    twin_append(t, rt, 500, 0);
    for (uint32_t i = 0; i < t->row_count; i++) {
        t->rows[i].time = t->rows[i].time / 60000 * 60000;
    }
    check(t, rt);
    weir_realtime_unref(rt);
    twin_free(t);
}

static void a_value_over_a_mebibyte_is_refused_and_nothing_of_its_batch_is_seen(void **state)
{
    twin *t = twin_new(9, all_kinds, ALL_KINDS);
    weir_realtime *rt = realtime_of(t, false, "none", NULL);
    char *large = calloc(1, (1u << 20) + 1);
    weir_str names[] = {WEIR_STR("country"), WEIR_STR("user")};
    weir_str fine[] = {WEIR_STR("DE"), WEIR_STR("FR")},
             wrong[] = {WEIR_STR("x"), {large, (1u << 20) + 1}};
    int64_t times[] = {1, 2};
    weir_vec columns[] = {
        {.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = 2, .at.s = fine},
        {.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = 2, .at.s = wrong}};
    weir_input input = {
        .n = 2, .times = times, .column_count = 2, .names = names, .columns = columns};
    weir_error err = {0};
    (void)state;
    assert_false(weir_realtime_append(rt, &input, 0, &err));
    assert_non_null(strstr(err.message, "'user'"));
    assert_int_equal(weir_realtime_rows(rt), 0);
    wrong[1].size--;
    assert_true(weir_realtime_append(rt, &input, 0, &err));
    assert_int_equal(weir_realtime_rows(rt), 2);
    twin_append(t, rt, 10, 0);
    weir_realtime_unref(rt);
    twin_free(t);
    free(large);
}

static void the_first_column_beyond_10000_is_refused_by_name(void **state)
{
    twin *t = twin_new(9, all_kinds, 1);
    weir_realtime *rt = realtime_of(t, false, "none", NULL);
    int64_t time = 1, value = 7;
    weir_error err = {0};
    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        char text[16];
        weir_str name = {text, (size_t)snprintf(text, sizeof(text), "c%u", i)};
        weir_vec vec = {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 1, .at.l = &value};
        weir_input input = {
            .n = 1, .times = &time, .column_count = 1, .names = &name, .columns = &vec};
        if (!weir_realtime_append(rt, &input, 0, &err)) {
            assert_int_equal(i, 9999); /* `country` is declared */
            assert_non_null(strstr(err.message, "'c9999'"));
        }
    }
    weir_arena *arena = weir_arena_new();
    weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("t_live"));
    assert_int_equal(rows->ops->column_count(rows), 10001);
    weir_value v = twin_read(rows, WEIR_STR("c77"), 0, 77, arena);
    assert_int_equal(v.as.l, 7);
    v = twin_read(rows, WEIR_STR("c77"), 0, 78, arena);
    assert_true(v.is_null);
    rows->ops->unref(rows);
    weir_arena_free(arena);
    weir_realtime_unref(rt);
    twin_free(t);
}

static const twin_column rolled[] = {
    {.name = {"page", 4}, .kind = WEIR_STRING, .declared = true, .cardinality = 20, .nulls = 10},
    {.name = {"tags", 4},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 3,
     .nulls = 10,
     .lists = 50},
    {.name = {"code", 4}, .kind = WEIR_LONG, .declared = true, .cardinality = 3, .nulls = 30},
    {.name = {"rate", 4}, .kind = WEIR_DOUBLE, .declared = true, .cardinality = 2},
    {.name = {"late", 4}, .kind = WEIR_STRING, .cardinality = 3, .nulls = 30, .from_batch = 10},
    {.name = {"count", 5}, .kind = WEIR_LONG, .declared = true, .metric = true, .cardinality = 10},
    {.name = {"price", 5},
     .kind = WEIR_DOUBLE,
     .declared = true,
     .metric = true,
     .cardinality = 1000,
     .nulls = 60},
    {.name = {"small", 5}, .kind = WEIR_FLOAT, .declared = true, .metric = true, .cardinality = 10},
};
enum { ROLLED = sizeof(rolled) / sizeof(rolled[0]) };

static int64_t sum_of(weir_rows *rows, weir_str column)
{
    const weir_column *col = rows->ops->column(rows, column);
    weir_scratch s = {0};
    weir_error err;
    int64_t sum = 0;
    for (uint32_t chunk = 0; chunk < rows->ops->chunks(rows); chunk++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, chunk, &info);
        for (uint32_t from = 0; from < info.row_count; from += WEIR_BLOCK_ROWS) {
            uint32_t n =
                info.row_count - from < WEIR_BLOCK_ROWS ? info.row_count - from : WEIR_BLOCK_ROWS;
            weir_vec vec, flat;
            bool ok = col->ops->read(col, chunk, from, n, false, &s, &vec, &err) &&
                      weir_vec_flatten(&vec, &s, &flat, &err);
            assert(ok);
            (void)ok;
            for (uint32_t i = 0; i < n; i++) {
                sum += weir_vec_is_null(&flat, i) ? 0 : flat.at.l[i];
            }
        }
        weir_scratch_rewind(&s, (weir_mark){0});
    }
    weir_scratch_done(&s);
    return sum;
}

static void a_sealed_chunk_is_rolled_up_like_a_naive_group_by(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        twin *t = twin_new(seed, rolled, ROLLED);
        weir_realtime *rt = realtime_of(t, true, "minute", NULL);
        int64_t want = 0;
        t->step = 10;
        while (t->row_count < 60000) { /* one chunk */
            uint32_t n = 1 + twin_below(t, WEIR_BLOCK_ROWS);
            twin_append(t, rt, n < 60000 - t->row_count ? n : 60000 - t->row_count,
                        (uint8_t)twin_below(t, 2));
        }
        for (uint32_t i = 0; i < t->row_count; i++) {
            want += t->rows[i].values[5].as.l;
        }
        weir_rows *before = weir_realtime_snapshot(rt, NULL, WEIR_STR("t_live"));
        assert_int_equal(sum_of(before, WEIR_STR("count")), want);
        weir_realtime_end(rt);
        assert_int_equal(sum_of(before, WEIR_STR("count")), want);
        before->ops->unref(before);
        twin *small = twin_rolled_up(t, true, NULL, 60000);
        assert_true(small->row_count < t->row_count / 2);
        assert_int_equal(weir_realtime_rows(rt), small->row_count);
        assert_int_equal(weir_realtime_events(rt), t->row_count);
        check(small, rt);
        twin_free(small);
        weir_realtime_unref(rt);
        twin_free(t);
    }
}

static void rows_roll_up_over_chunks_whenever_the_stream_is_quiet(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        twin *t = twin_new(seed, rolled, ROLLED);
        weir_realtime *rt = realtime_of(t, true, "minute", NULL);
        t->step = 4;
        while (t->row_count <
               100000) { /* more than a chunk of events, less than half a chunk of rows */
            twin_append(t, rt, 1 + twin_below(t, WEIR_BLOCK_ROWS), (uint8_t)twin_below(t, 2));
            if (twin_below(t, 4) == 0) {
                weir_rows *before = weir_realtime_snapshot(rt, NULL, WEIR_STR("t_live"));
                int64_t sum = sum_of(before, WEIR_STR("count"));
                weir_realtime_settle(rt);
                assert_int_equal(sum_of(before, WEIR_STR("count")), sum); /* it keeps what it saw */
                before->ops->unref(before);
            }
        }
        weir_realtime_settle(rt);
        weir_realtime_settle(rt); /* nothing to do */
        twin *small = twin_rolled_up(t, true, NULL, 60000);
        assert_int_equal(weir_realtime_rows(rt), small->row_count);
        assert_int_equal(weir_realtime_events(rt), t->row_count);
        check(small, rt);
        twin_free(small);
        weir_realtime_unref(rt);
        twin_free(t);
    }
}

/* --- readers while the writer appends --- */

typedef struct watch {
    weir_realtime *rt;
    _Atomic bool stop;
    _Atomic int64_t appended; /* rows handed to append, published before the call */
    _Atomic int64_t visible;  /* rows of appends that returned */
    bool rollup;
} watch;

/* Row i of the stream: time i, "k" = i, "even" = "odd"/"even", tags = [i % 5, i % 3] as text. Each
 * snapshot is a prefix. */
static void check_prefix(weir_rows *rows, int64_t count)
{
    weir_arena *arena = weir_arena_new();
    int64_t base = 0;
    for (uint32_t chunk = 0; chunk < rows->ops->chunks(rows); chunk++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, chunk, &info);
        uint32_t picks[] = {0, info.row_count / 2, info.row_count - 1};
        for (uint32_t p = 0; p < 3; p++) {
            int64_t i = base + picks[p];
            weir_value k = twin_read(rows, WEIR_STR("k"), chunk, picks[p], arena);
            weir_value even = twin_read(rows, WEIR_STR("even"), chunk, picks[p], arena);
            weir_value tags = twin_read(rows, WEIR_STR("tags"), chunk, picks[p], arena);
            assert(!k.is_null && k.as.l == i);
            assert(weir_str_is(even.as.s, i % 2 ? "odd" : "even"));
            assert(tags.type.kind == WEIR_ARRAY && tags.as.array.count == 2);
            assert(tags.as.array.at[0].as.s.at[0] == '0' + i % 5 &&
                   tags.as.array.at[1].as.s.at[0] == '0' + i % 3);
            weir_value user = twin_read(rows, WEIR_STR("user"), chunk, picks[p], arena);
            char text[24];
            snprintf(text, sizeof(text), "u%lld", (long long)(i / 3));
            assert(i % 7 == 0 ? user.is_null : weir_str_is(user.as.s, text));
        }
        base += info.row_count;
    }
    assert(base == count);
    weir_arena_free(arena);
}

static void *look_all_the_time(void *argument)
{
    watch *w = argument;
    int64_t last = 0;
    while (!atomic_load(&w->stop)) {
        int64_t least = atomic_load(&w->visible);
        weir_rows *rows = weir_realtime_snapshot(w->rt, NULL, WEIR_STR("t_live"));
        int64_t count = 0;
        for (uint32_t chunk = 0; chunk < rows->ops->chunks(rows); chunk++) {
            weir_chunk_info info;
            rows->ops->chunk(rows, chunk, &info);
            count += info.row_count;
        }
        count =
            w->rollup ? (count ? sum_of(rows, WEIR_STR("k")) : 0) : count; /* k is 1 a row there */
        int64_t most = atomic_load(&w->appended);
        assert(count >= least && count >= last && count <= most);
        last = count;
        if (!w->rollup) {
            check_prefix(rows, count);
        }
        rows->ops->unref(rows);
    }
    return NULL;
}

static void write_stream(watch *w, int64_t total)
{
    static const weir_str digits[] = {{"0", 1}, {"1", 1}, {"2", 1}, {"3", 1}, {"4", 1}};
    weir_str names[] = {WEIR_STR("k"), WEIR_STR("even"), WEIR_STR("tags"), WEIR_STR("user")};
    static int64_t times[WEIR_BLOCK_ROWS], ks[WEIR_BLOCK_ROWS];
    static weir_str even[WEIR_BLOCK_ROWS], tags[2 * WEIR_BLOCK_ROWS], users[WEIR_BLOCK_ROWS];
    static uint32_t offsets[WEIR_BLOCK_ROWS + 1];
    static char texts[WEIR_BLOCK_ROWS][24];
    uint64_t seed = 3;
    for (int64_t at = 0; at < total;) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t n = 1 + (uint32_t)(seed >> 40) % 1500;
        uint64_t nulls[WEIR_BLOCK_ROWS / 64] = {0};
        for (uint32_t i = 0; i < n; i++) {
            int64_t row = at + i;
            times[i] = row;
            ks[i] = w->rollup ? 1 : row;
            even[i] = row % 2 ? WEIR_STR("odd") : WEIR_STR("even");
            offsets[i] = 2 * i;
            tags[2 * i] = digits[row % 5];
            tags[2 * i + 1] = digits[row % 3];
            users[i] = (weir_str){texts[i], (size_t)snprintf(texts[i], 24, "u%lld",
                                                             (long long)(w->rollup ? 1 : row / 3))};
            if (row % 7 == 0) {
                weir_bit_set(nulls, i);
            }
        }
        offsets[n] = 2 * n;
        weir_vec items = {
            .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = 2 * n, .at.s = tags};
        weir_vec columns[] = {
            {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n, .at.l = ks},
            {.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = n, .at.s = even},
            {.type = WEIR_TYPE(WEIR_STRING),
             .form = WEIR_LIST,
             .n = n,
             .at.offsets = offsets,
             .items = &items},
            {.type = WEIR_TYPE(WEIR_STRING),
             .form = WEIR_FLAT,
             .n = n,
             .at.s = users,
             .nulls = nulls}};
        weir_input input = {
            .n = n, .times = times, .column_count = 4, .names = names, .columns = columns};
        weir_error err;
        atomic_store(&w->appended, at + n);
        assert_true(weir_realtime_append(w->rt, &input, 0, &err));
        at += n;
        atomic_store(&w->visible, at);
    }
}

static const twin_column watched[] = {
    {.name = {"even", 4}, .kind = WEIR_STRING, .declared = true},
    {.name = {"tags", 4}, .kind = WEIR_STRING, .declared = true, .multi = WEIR_MULTI_ARRAY},
    {.name = {"k", 1}, .kind = WEIR_LONG, .declared = true, .metric = true},
};

static void watch_stream(bool rollup, int64_t total)
{
    twin *t = twin_new(1, watched, 3);
    watch w = {.rt = realtime_of(t, rollup, rollup ? "second" : "none", NULL), .rollup = rollup};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, look_all_the_time, &w);
    }
    write_stream(&w, total);
    weir_realtime_end(w.rt);
    atomic_store(&w.stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    if (rollup) {
        assert_true(weir_realtime_rows(w.rt) < (uint64_t)total);
    }
    weir_realtime_unref(w.rt);
    twin_free(t);
}

static void every_snapshot_beside_the_writer_is_a_prefix_that_never_shrinks(void **state)
{
    (void)state;
    watch_stream(false, STREAM);
}

static void sums_of_counts_never_fall_while_chunks_roll_up(void **state)
{
    (void)state;
    watch_stream(true, STREAM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_visible_when_append_returns),
        cmocka_unit_test(every_kind_of_column_reads_back_from_growing_and_sealed_chunks),
        cmocka_unit_test(a_snapshot_keeps_what_it_saw),
        cmocka_unit_test(columns_come_as_time_dimensions_metrics),
        cmocka_unit_test(a_masked_source_is_left_out),
        cmocka_unit_test(times_are_truncated_to_the_query_granularity),
        cmocka_unit_test(a_value_over_a_mebibyte_is_refused_and_nothing_of_its_batch_is_seen),
        cmocka_unit_test(the_first_column_beyond_10000_is_refused_by_name),
        cmocka_unit_test(a_sealed_chunk_is_rolled_up_like_a_naive_group_by),
        cmocka_unit_test(rows_roll_up_over_chunks_whenever_the_stream_is_quiet),
        cmocka_unit_test(every_snapshot_beside_the_writer_is_a_prefix_that_never_shrinks),
        cmocka_unit_test(sums_of_counts_never_fall_while_chunks_roll_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
