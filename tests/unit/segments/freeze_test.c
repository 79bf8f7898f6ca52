/* tests/unit/segments/freeze_test.c - parts of a live segment become frozen segments that hold the
 * twin's rows in order. */
#include "live_helper.h"
#include <stdio.h>
#include <stdlib.h>
#include "segments/freeze.h"
#include "weir/buf.h"

#define HOUR_MS 3600000

static const twin_column kinds[] = {
    {.name = {"country", 7}, .kind = WEIR_STRING, .declared = true, .cardinality = 8, .nulls = 10},
    {.name = {"tags", 4},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 4,
     .nulls = 10,
     .lists = 40},
    {.name = {"raw", 3},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 3,
     .nulls = 10,
     .lists = 80,
     .multi = WEIR_MULTI_ARRAY},
    {.name = {"n", 1}, .kind = WEIR_LONG, .declared = true, .cardinality = 9, .nulls = 20},
    {.name = {"d", 1}, .kind = WEIR_DOUBLE, .declared = true, .cardinality = 30, .nulls = 2},
    {.name = {"f", 1}, .kind = WEIR_FLOAT, .declared = true, .cardinality = 20, .nulls = 2},
    {.name = {"user", 4}, .kind = WEIR_STRING, .declared = true, .cardinality = 5000, .nulls = 1},
    {.name = {"blob", 4}, .kind = WEIR_COMPLEX, .cardinality = 5, .nulls = 30},
    {.name = {"late", 4},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 100,
     .nulls = 30,
     .lists = 10,
     .from_batch = 9},
    {.name = {"sum", 3},
     .kind = WEIR_LONG,
     .declared = true,
     .metric = true,
     .cardinality = 100,
     .nulls = 3},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const twin_column rolled[] = {
    {.name = {"page", 4}, .kind = WEIR_STRING, .declared = true, .cardinality = 6, .nulls = 10},
    {.name = {"tags", 4},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 2,
     .nulls = 10,
     .lists = 50},
    {.name = {"code", 4}, .kind = WEIR_LONG, .declared = true, .cardinality = 3, .nulls = 30},
    {.name = {"late", 4}, .kind = WEIR_STRING, .cardinality = 3, .nulls = 30, .from_batch = 30},
    {.name = {"count", 5}, .kind = WEIR_LONG, .declared = true, .metric = true, .cardinality = 10},
    {.name = {"price", 5},
     .kind = WEIR_DOUBLE,
     .declared = true,
     .metric = true,
     .cardinality = 1000,
     .nulls = 60},
};
enum { ROLLED = sizeof(rolled) / sizeof(rolled[0]) };

static weir_granularity granularity(const char *name)
{
    weir_granularity out;
    assert_true(weir_granularity_simple(weir_str_of(name), &out));
    return out;
}

/* --- the twin's order --- */

static const twin *sorting;
static uint32_t sort_first = UINT32_MAX; /* a clustering column */

static int compare_items(const weir_value *a, const weir_value *b)
{
    if (a->is_null || b->is_null) {
        return (int)b->is_null - (int)a->is_null;
    }
    if (a->type.kind == WEIR_STRING) {
        return weir_str_cmp(a->as.s, b->as.s);
    }
    if (a->type.kind == WEIR_COMPLEX) {
        size_t size = a->as.s.size < b->as.s.size ? a->as.s.size : b->as.s.size;
        int order = memcmp(a->as.s.at, b->as.s.at, size);
        return order ? order : (a->as.s.size > b->as.s.size) - (a->as.s.size < b->as.s.size);
    }
    if (a->type.kind == WEIR_LONG) {
        return (a->as.l > b->as.l) - (a->as.l < b->as.l);
    }
    return (a->as.d > b->as.d) - (a->as.d < b->as.d);
}

/* Null, then the empty list, then lists element by element; a plain value is a list of one. */
static int compare_values(const weir_value *a, const weir_value *b)
{
    if (a->is_null || b->is_null) {
        return (int)b->is_null - (int)a->is_null;
    }
    bool list_a = a->type.kind == WEIR_ARRAY, list_b = b->type.kind == WEIR_ARRAY;
    uint32_t count_a = list_a ? a->as.array.count : 1, count_b = list_b ? b->as.array.count : 1;
    for (uint32_t i = 0; i < count_a && i < count_b; i++) {
        int order = compare_items(list_a ? &a->as.array.at[i] : a, list_b ? &b->as.array.at[i] : b);
        if (order) {
            return order;
        }
    }
    return (count_a > count_b) - (count_a < count_b);
}

static int compare_rows(const void *a, const void *b)
{
    const twin_row *x = a, *y = b;
    int order = sort_first == UINT32_MAX
                    ? 0
                    : compare_values(&x->values[sort_first], &y->values[sort_first]);
    if (!order) {
        order = (x->time > y->time) - (x->time < y->time);
    }
    for (uint32_t c = 0; !order && c < sorting->column_count; c++) {
        order = sorting->columns[c].metric ? 0 : compare_values(&x->values[c], &y->values[c]);
    }
    return order ? order : (x->events > y->events) - (x->events < y->events);
}

/* Rows within the bucket, of sources not masked, in the order that the frozen segment has them. */
static twin *part_of(const twin *t, weir_interval bucket, const weir_mask *masked)
{
    twin *out = twin_new(11, t->columns, t->column_count);
    out->rows = weir_alloc(sizeof(*out->rows) * (t->row_count + 1));
    for (uint32_t i = 0; i < t->row_count; i++) {
        bool hidden = masked && weir_bit(masked->bits, t->rows[i].source);
        if (!hidden && t->rows[i].time >= bucket.start_ms && t->rows[i].time < bucket.end_ms) {
            out->rows[out->row_count] = t->rows[i];
            out->rows[out->row_count++].events = i; /* equal rows stay in order of arrival */
        }
    }
    sorting = t;
    qsort(out->rows, out->row_count, sizeof(*out->rows), compare_rows);
    return out;
}

/* --- freezing into memory --- */

static bool append_to(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

static void release_buf(void *self)
{
    weir_buf_done(self);
    free(self);
}

static weir_segment *freeze(weir_realtime *rt, const weir_freeze_part *part,
                            weir_segment_info *info)
{
    weir_buf *buf = weir_calloc(1, sizeof(*buf));
    weir_segment *seg = NULL;
    weir_error err = {0};
    if (!weir_realtime_freeze(rt, part, (weir_file){buf, append_to}, false, info, &err)) {
        fail_msg("freeze: %s", err.message);
    }
    assert_int_equal(info->bytes, buf->size);
    assert_int_equal(info->min_time, part->interval.start_ms);
    assert_int_equal(info->max_time + 1, part->interval.end_ms);
    weir_bytes bytes = {
        .at = (const uint8_t *)buf->at, .size = buf->size, .release = release_buf, .self = buf};
    if (!weir_segment_open("memory", bytes, &seg, &err) || !weir_segment_verify(seg, &err)) {
        fail_msg("open: %s", err.message);
    }
    return seg;
}

static void check_part(weir_realtime *rt, const weir_freeze_part *part, twin *want)
{
    weir_segment_info info;
    weir_segment *seg = freeze(rt, part, &info);
    assert_int_equal(info.rows, want->row_count);
    twin_check_rows(want, weir_segment_rows(seg));
    weir_segment_unref(seg);
}

static weir_realtime *ended(twin *t, weir_schema *schema, uint32_t rows, uint32_t sources)
{
    weir_realtime *rt = weir_realtime_new(schema, NULL);
    while (t->row_count < rows) {
        twin_append(t, rt, 1 + twin_below(t, WEIR_BLOCK_ROWS), (uint8_t)twin_below(t, sources));
    }
    weir_realtime_end(rt);
    weir_schema_unref(schema);
    return rt;
}

static void a_frozen_bucket_has_its_rows_in_order_of_time_and_dimensions(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        twin *t = twin_new(seed, kinds, KINDS);
        t->step = seed == 1 ? 300 : 4; /* two hours; many equal times */
        t->jitter = seed == 1 ? 5000 : 3;
        weir_realtime *rt = ended(t, twin_schema(t, false, granularity("none")), 75000, 3);
        weir_arena *arena = weir_arena_new();
        weir_freeze_part *parts;
        uint32_t count, rows = 0;
        weir_error err;
        assert_true(weir_realtime_parts(rt, NULL, 0, 5000000, arena, &parts, &count, &err));
        for (uint32_t p = 0; p < count; p++) {
            assert_false(parts[p].stray);
            assert_int_equal(parts[p].bucket.end_ms - parts[p].bucket.start_ms, HOUR_MS);
            assert_true(p == 0 || parts[p].bucket.start_ms >= parts[p - 1].bucket.end_ms);
            twin *want = part_of(t, parts[p].bucket, NULL);
            assert_int_equal(parts[p].events, want->row_count);
            assert_int_equal(parts[p].rows_before, want->row_count);
            check_part(rt, &parts[p], want);
            rows += want->row_count;
            twin_free(want);
        }
        assert_true(count >= (seed == 1 ? 2 : 1));
        assert_int_equal(rows, t->row_count);
        weir_arena_free(arena);
        weir_realtime_unref(rt);
        twin_free(t);
    }
}

static void rows_are_rolled_up_completely_over_chunks_and_sources(void **state)
{
    twin *t = twin_new(3, rolled, ROLLED);
    weir_mask masked = {.bits = {1ull << 1}};
    (void)state;
    t->step = 20;
    weir_realtime *rt = ended(t, twin_schema(t, true, granularity("minute")), 140000, 3);
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    uint32_t count;
    weir_error err;
    assert_true(weir_realtime_parts(rt, &masked, 0, 5000000, arena, &parts, &count, &err));
    twin *small = twin_rolled_up(t, false, &masked, 60000);
    uint64_t events = 0, want_events = 0, before = 0;
    for (uint32_t p = 0; p < count; p++) {
        twin *want = part_of(small, parts[p].bucket, NULL);
        before += parts[p].rows_before;
        check_part(rt, &parts[p], want);
        events += parts[p].events;
        twin_free(want);
    }
    for (uint32_t i = 0; i < t->row_count; i++) {
        want_events += t->rows[i].source != 1;
    }
    assert_int_equal(events, want_events);
    assert_true(small->row_count < before && before < events); /* some at the seal, the rest now */
    twin_free(small);
    weir_arena_free(arena);
    weir_realtime_unref(rt);
    twin_free(t);
}

static void a_masked_source_is_not_frozen(void **state)
{
    twin *t = twin_new(4, kinds, KINDS);
    weir_mask masked = {.bits = {1ull << 0}}, all = {.bits = {7}};
    (void)state;
    weir_realtime *rt = ended(t, twin_schema(t, false, granularity("none")), 30000, 3);
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    uint32_t count;
    weir_error err;
    assert_true(weir_realtime_parts(rt, &masked, 4, 5000000, arena, &parts, &count, &err));
    for (uint32_t p = 0; p < count; p++) {
        twin *want = part_of(t, parts[p].bucket, &masked);
        assert_int_equal(parts[p].events, want->row_count);
        check_part(rt, &parts[p], want);
        twin_free(want);
    }
    assert_true(weir_realtime_parts(rt, &all, 4, 5000000, arena, &parts, &count, &err));
    assert_int_equal(count, 0);
    weir_arena_free(arena);
    weir_realtime_unref(rt);
    twin_free(t);
}

static void beyond_the_limit_buckets_share_one_stray_part(void **state)
{
    twin *t = twin_new(5, kinds, KINDS);
    (void)state;
    t->step = 2000; /* 8 hours */
    t->jitter = 0;
    weir_realtime *rt = ended(t, twin_schema(t, false, granularity("none")), 30000, 1);
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    uint32_t count, rows = 0;
    weir_error err;
    assert_true(weir_realtime_parts(rt, NULL, 3, 5000000, arena, &parts, &count, &err));
    assert_int_equal(count, 4);
    twin *rest = twin_new(1, kinds, KINDS);
    rest->rows = weir_alloc(sizeof(*rest->rows) * t->row_count);
    for (uint32_t i = 0; i < t->row_count; i++) {
        bool in_bucket = false;
        for (uint32_t p = 0; p < 3; p++) {
            in_bucket |= t->rows[i].time >= parts[p].bucket.start_ms &&
                         t->rows[i].time < parts[p].bucket.end_ms;
        }
        if (!in_bucket) {
            rest->rows[rest->row_count] = t->rows[i];
            rest->rows[rest->row_count++].events = i;
        }
    }
    for (uint32_t p = 0; p < 3; p++) {
        assert_false(parts[p].stray);
        rows += parts[p].rows_before;
    }
    assert_true(parts[3].stray);
    assert_int_equal(parts[3].rows_before, rest->row_count);
    assert_int_equal(rows + rest->row_count, t->row_count);
    assert_int_equal(parts[3].bucket.start_ms, parts[3].interval.start_ms);
    sorting = t;
    qsort(rest->rows, rest->row_count, sizeof(*rest->rows), compare_rows);
    check_part(rt, &parts[3], rest);
    twin_free(rest);
    weir_arena_free(arena);
    weir_realtime_unref(rt);
    twin_free(t);
}

static void a_bucket_with_too_many_rows_is_cut_by_time(void **state)
{
    twin *t = twin_new(6, kinds, KINDS);
    (void)state;
    t->step = 20;
    weir_realtime *rt = ended(t, twin_schema(t, false, granularity("none")), 30000, 1);
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    uint32_t count, rows = 0;
    weir_error err;
    assert_true(weir_realtime_parts(rt, NULL, 0, 8000, arena, &parts, &count, &err));
    assert_true(count >= 4);
    for (uint32_t p = 0; p < count; p++) {
        assert_true(parts[p].rows_before <= 8000);
        assert_true(p == 0 || parts[p].interval.start_ms >=
                                  parts[p - 1].interval.end_ms); /* equal times stay together */
        twin *want = part_of(t, parts[p].interval, NULL);
        assert_int_equal(parts[p].events, want->row_count);
        check_part(rt, &parts[p], want);
        rows += parts[p].rows_before;
        twin_free(want);
    }
    assert_int_equal(rows, t->row_count);
    weir_arena_free(arena);
    weir_realtime_unref(rt);
    twin_free(t);
}

static void clustering_columns_come_before_time(void **state)
{
    static const weir_str clusters[] = {{"country", 7}};
    twin *t = twin_new(7, kinds, KINDS);
    (void)state;
    weir_schema *schema = twin_schema(t, false, granularity("none"));
    schema->cluster_count = 1;
    schema->clusters = clusters;
    weir_realtime *rt = ended(t, schema, 20000, 1);
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    uint32_t count;
    weir_error err;
    assert_true(weir_realtime_parts(rt, NULL, 0, 5000000, arena, &parts, &count, &err));
    sort_first = 0;
    for (uint32_t p = 0; p < count; p++) {
        twin *want = part_of(t, parts[p].bucket, NULL);
        check_part(rt, &parts[p], want);
        twin_free(want);
    }
    sort_first = UINT32_MAX;
    weir_arena_free(arena);
    weir_realtime_unref(rt);
    twin_free(t);
}

static void no_rows_make_no_parts(void **state)
{
    twin *t = twin_new(8, kinds, KINDS);
    weir_realtime *rt = ended(t, twin_schema(t, false, granularity("none")), 0, 1);
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    uint32_t count = 7;
    weir_error err;
    (void)state;
    assert_true(weir_realtime_parts(rt, NULL, 4, 5000000, arena, &parts, &count, &err));
    assert_int_equal(count, 0);
    weir_arena_free(arena);
    weir_realtime_unref(rt);
    twin_free(t);
}

/* --- sorting --- */

static int compare_strings(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

static void strings_sort_in_utf16_order(void **state)
{
    static const char *const pieces[] = {"",
                                         "a",
                                         "b",
                                         "\x7F",
                                         "\xC3\xA9",
                                         "\xED\x9F\xBF",
                                         "\xEE\x80\x80",
                                         "\xEF\xBF\xBD",
                                         "\xF0\x9F\x98\x80",
                                         "\xF4\x8F\xBF\xBF",
                                         "prefix that is long ",
                                         "12345678"};
    twin *t = twin_new(9, kinds, KINDS);
    weir_scratch s = {0};
    (void)state;
    for (uint32_t round = 0; round < 20; round++) {
        uint32_t n = round < 10 ? 1 + twin_below(t, 40) : 1 + twin_below(t, 5000), distinct = 0;
        weir_str *values = WEIR_SCRATCH_ARRAY(&s, weir_str, n);
        uint32_t *order = WEIR_SCRATCH_ARRAY(&s, uint32_t, n);
        for (uint32_t i = 0; i < n; i++) {
            char *text = weir_scratch_take(&s, 256);
            size_t size = 0;
            for (uint32_t k = twin_below(t, 9); k > 0; k--) {
                const char *piece = pieces[twin_below(t, 12)];
                memcpy(text + size, piece, strlen(piece));
                size += strlen(piece);
            }
            for (uint32_t k = twin_below(t, 8) == 0 ? twin_below(t, 12) : 0; k > 0; k--) {
                text[size++] = 0; /* NUL is a byte like any other */
            }
            values[i] = (weir_str){text, size};
        }
        qsort(values, n, sizeof(*values), compare_strings);
        for (uint32_t i = 0; i < n; i++) {
            if (distinct == 0 || !weir_str_eq(values[distinct - 1], values[i])) {
                values[distinct++] = values[i];
            }
        }
        weir_str *shuffled = WEIR_SCRATCH_ARRAY(&s, weir_str, n);
        memcpy(shuffled, values, sizeof(*values) * distinct);
        for (uint32_t i = distinct; i > 1; i--) {
            uint32_t k = twin_below(t, i);
            weir_str swap = shuffled[i - 1];
            shuffled[i - 1] = shuffled[k];
            shuffled[k] = swap;
        }
        weir_sort_strings(shuffled, distinct, &s, order);
        for (uint32_t i = 0; i < distinct; i++) {
            assert_true(weir_str_eq(shuffled[order[i]], values[i]));
        }
        weir_scratch_rewind(&s, (weir_mark){0});
    }
    weir_scratch_done(&s);
    twin_free(t);
}

static void keys_sort_and_equal_ones_keep_their_order(void **state)
{
    twin *t = twin_new(10, kinds, KINDS);
    weir_scratch s = {0};
    (void)state;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t n = (uint32_t[]){1, 2, 30, 33, 400, 513, 9000}[round % 7];
        weir_keyed *at = WEIR_SCRATCH_ARRAY(&s, weir_keyed, n),
                   *spare = WEIR_SCRATCH_ARRAY(&s, weir_keyed, n);
        uint64_t range = round % 3 == 0 ? 10 : round % 3 == 1 ? 100000 : UINT64_MAX, sum = 0;
        for (uint32_t i = 0; i < n; i++) {
            at[i] = (weir_keyed){twin_random(t) % range, i};
            sum += at[i].key;
        }
        weir_sort_keyed(at, n, spare);
        for (uint32_t i = 0; i < n; i++) {
            sum -= at[i].key;
            assert_true(i == 0 || at[i - 1].key < at[i].key ||
                        (at[i - 1].key == at[i].key && at[i - 1].index < at[i].index));
        }
        assert_int_equal(sum, 0);
        weir_scratch_rewind(&s, (weir_mark){0});
    }
    assert_true(weir_double_key(-1.0) < weir_double_key(-0.0) &&
                weir_double_key(-0.0) < weir_double_key(0.0));
    assert_true(weir_double_key(1.0) < weir_double_key(__builtin_inf()) &&
                weir_double_key(__builtin_inf()) < weir_double_key(__builtin_nan("")));
    assert_true(weir_long_key(INT64_MIN) < weir_long_key(-1) &&
                weir_long_key(-1) < weir_long_key(0));
    weir_scratch_done(&s);
    twin_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frozen_bucket_has_its_rows_in_order_of_time_and_dimensions),
        cmocka_unit_test(rows_are_rolled_up_completely_over_chunks_and_sources),
        cmocka_unit_test(a_masked_source_is_not_frozen),
        cmocka_unit_test(beyond_the_limit_buckets_share_one_stray_part),
        cmocka_unit_test(a_bucket_with_too_many_rows_is_cut_by_time),
        cmocka_unit_test(clustering_columns_come_before_time),
        cmocka_unit_test(no_rows_make_no_parts),
        cmocka_unit_test(strings_sort_in_utf16_order),
        cmocka_unit_test(keys_sort_and_equal_ones_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
