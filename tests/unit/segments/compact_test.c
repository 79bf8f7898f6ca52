/* tests/unit/segments/compact_test.c - merged segments hold what one segment of all the rows would.
 */
#include "live_helper.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "segments/compact.h"
#include "weir/buf.h"
#include "weir/paths.h"
#include "weir/segment.h"

#ifdef WEIR_SANITIZED
enum { ROWS = 30000 };
#else
enum { ROWS = 150000 };
#endif
enum { SEGMENTS = 40 };

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
    {.name = {"late", 4}, .kind = WEIR_STRING, .cardinality = 100, .nulls = 30, .from_batch = 20},
    {.name = {"sum", 3},
     .kind = WEIR_LONG,
     .declared = true,
     .metric = true,
     .cardinality = 100,
     .nulls = 3},
};
static const twin_column rolled[] = {
    {.name = {"page", 4}, .kind = WEIR_STRING, .declared = true, .cardinality = 6, .nulls = 10},
    {.name = {"tags", 4},
     .kind = WEIR_STRING,
     .declared = true,
     .cardinality = 2,
     .nulls = 10,
     .lists = 50},
    {.name = {"code", 4}, .kind = WEIR_LONG, .declared = true, .cardinality = 3, .nulls = 30},
    {.name = {"late", 4}, .kind = WEIR_STRING, .cardinality = 3, .nulls = 30, .from_batch = 20},
    {.name = {"count", 5}, .kind = WEIR_LONG, .declared = true, .metric = true, .cardinality = 10},
    {.name = {"price", 5},
     .kind = WEIR_DOUBLE,
     .declared = true,
     .metric = true,
     .cardinality = 1000,
     .nulls = 60},
};
#define COUNT(list) (sizeof(list) / sizeof(*(list)))

typedef struct files { /* frozen, in memory */
    weir_segment *at[SEGMENTS];
    weir_rows *rows[SEGMENTS];
    uint64_t events[SEGMENTS];
    uint32_t count;
} files;

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

static void freeze_all(weir_realtime *rt, uint32_t bucket_limit, files *out)
{
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    weir_error err = {0};
    uint32_t count;
    assert_true(weir_realtime_parts(rt, NULL, bucket_limit, 0, arena, &parts, &count, &err));
    for (uint32_t p = 0; p < count; p++) {
        weir_buf *buf = weir_calloc(1, sizeof(*buf));
        weir_segment_info info;
        if (!weir_realtime_freeze(rt, &parts[p], (weir_file){buf, append_to}, true, &info, &err)) {
            fail_msg("%s", err.message);
        }
        weir_bytes bytes = {
            .at = (const uint8_t *)buf->at, .size = buf->size, .release = release_buf, .self = buf};
        assert_true(out->count < SEGMENTS);
        if (!weir_segment_open("memory", bytes, &out->at[out->count], &err) ||
            !weir_segment_verify(out->at[out->count], &err)) {
            fail_msg("%s", err.message);
        }
        out->events[out->count] = parts[p].events;
        out->rows[out->count] = weir_segment_rows(out->at[out->count]);
        out->count++;
    }
    weir_arena_free(arena);
}

static void files_done(files *f)
{
    for (uint32_t i = 0; i < f->count; i++) {
        weir_segment_unref(f->at[i]);
    }
}

static weir_realtime *merged(files *from, weir_merge **merge)
{
    weir_error err = {0};
    uint32_t classes[SEGMENTS];
    assert_int_equal(weir_merge_classes(from->rows, from->count, classes), 1);
    *merge = weir_merge_new(
        &(weir_merge_options){.rows = from->rows, .count = from->count, .rollup = -1}, &err);
    assert_non_null(*merge);
    weir_merge_step step;
    while ((step = weir_merge_next(*merge, &err)) == WEIR_MERGE_MORE) {
    }
    if (step != WEIR_MERGE_DONE) {
        fail_msg("%d: %s", step, err.message);
    }
    return weir_merge_rows(*merge);
}

/* Value by value, by name; in order. */
static void same_rows(const weir_rows *a, const weir_rows *b)
{
    weir_error err = {0};
    assert_int_equal(a->ops->column_count(a), b->ops->column_count(b));
    assert_int_equal(a->ops->chunks(a), b->ops->chunks(b));
    for (uint32_t c = 0; c < a->ops->column_count(a); c++) {
        const weir_column *x = a->ops->column_at(a, c), *y = b->ops->column(b, x->name);
        assert_non_null(y);
        assert_true(weir_type_eq(x->type, y->type));
        assert_int_equal(x->metric, y->metric);
        assert_int_equal(x->indexed, y->indexed);
        for (uint32_t chunk = 0; chunk < a->ops->chunks(a); chunk++) {
            weir_chunk_info info, other;
            a->ops->chunk(a, chunk, &info);
            b->ops->chunk(b, chunk, &other);
            assert_int_equal(info.row_count, other.row_count);
            for (uint32_t from = 0; from < info.row_count; from += WEIR_BLOCK_ROWS) {
                uint32_t n = info.row_count - from < WEIR_BLOCK_ROWS ? info.row_count - from
                                                                     : WEIR_BLOCK_ROWS;
                weir_arena *arena = weir_arena_new();
                weir_scratch s = {0};
                weir_vec u, v;
                assert_true(x->ops->read(x, chunk, from, n, false, &s, &u, &err));
                assert_true(y->ops->read(y, chunk, from, n, false, &s, &v, &err));
                for (uint32_t i = 0; i < n; i += 1 + i % 3) {
                    weir_value p, q;
                    assert_true(weir_vec_value(&u, i, arena, &p, &err) &&
                                weir_vec_value(&v, i, arena, &q, &err));
                    if (!weir_str_eq(twin_text(arena, &p), twin_text(arena, &q))) {
                        fail_msg("column %.*s, row %u: %.*s is not %.*s", WEIR_STR_ARG(x->name),
                                 from + i, WEIR_STR_ARG(twin_text(arena, &q)),
                                 WEIR_STR_ARG(twin_text(arena, &p)));
                    }
                }
                weir_scratch_done(&s);
                weir_arena_free(arena);
            }
        }
    }
}

/* The same draws into one live segment, and into `pieces` of them, frozen with strays. */
static void check_kind(const twin_column *columns, uint32_t column_count, bool rollup,
                       uint64_t seed)
{
    weir_granularity gran;
    assert_true(weir_granularity_simple(weir_str_of(rollup ? "minute" : "none"), &gran));
    twin *whole = twin_new(seed, columns, column_count),
         *cut = twin_new(seed, columns, column_count);
    whole->step = cut->step = rollup ? 100 : 4 * 5400000 / ROWS;
    whole->jitter = cut->jitter = 5400000;
    weir_schema *schema = twin_schema(whole, rollup, gran);
    files once = {0}, pieces = {0}, again = {0};
    weir_realtime *rt = weir_realtime_new(schema, NULL);
    while (whole->row_count < ROWS) {
        twin_append(whole, rt, 1 + twin_below(whole, WEIR_BLOCK_ROWS), 0);
    }
    weir_realtime_end(rt);
    freeze_all(rt, 0, &once);
    weir_realtime_unref(rt);
    for (uint32_t piece = 1; piece <= 7; piece++) {
        rt = weir_realtime_new(schema, NULL);
        while (cut->row_count < ROWS && (piece == 7 || cut->row_count < ROWS / 7 * piece)) {
            twin_append(cut, rt, 1 + twin_below(cut, WEIR_BLOCK_ROWS), 0);
        }
        weir_realtime_end(rt);
        freeze_all(rt, 2, &pieces);
        weir_realtime_unref(rt);
    }
    weir_schema_unref(schema);
    assert_int_equal(whole->row_count, cut->row_count);
    assert_true(pieces.count > 14);
    weir_merge *merge;
    rt = merged(&pieces, &merge);
    freeze_all(rt, 0, &again);
    weir_merge_free(merge);
    assert_int_equal(again.count, once.count);
    for (uint32_t i = 0; i < once.count; i++) {
        same_rows(once.rows[i], again.rows[i]);
        assert_non_null(again.rows[i]->schema); /* it reads back */
        assert_int_equal(again.rows[i]->schema->rollup, rollup);
    }
    files_done(&once);
    files_done(&pieces);
    files_done(&again);
    twin_free(whole);
    twin_free(cut);
}

static void merged_segments_hold_what_one_load_would(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        check_kind(kinds, COUNT(kinds), false, seed);
    }
}

static void merged_segments_are_rolled_up_completely(void **state)
{
    (void)state;
    for (uint64_t seed = 3; seed <= 4; seed++) {
        check_kind(rolled, COUNT(rolled), true, seed);
    }
}

/* --- all kinds of columns and metrics, by a spec --- */

static weir_schema *schema_of(const char *spec)
{
    weir_error err = {0};
    json_error_t why;
    json_t *json = json_loads(spec, 0, &why);
    assert_non_null(json);
    weir_schema *schema = weir_schema_parse(json, NULL, NULL, &err);
    if (!schema) {
        fail_msg("%s", err.message);
    }
    json_decref(json);
    return schema;
}

enum { COLUMNS_MAX = 8 };
typedef struct table { /* n rows to append */
    uint32_t n, columns;
    int64_t times[64];
    weir_str names[COLUMNS_MAX];
    weir_vec vecs[COLUMNS_MAX];
    weir_str texts[COLUMNS_MAX][64];
    int64_t longs[COLUMNS_MAX][64];
} table;

static void add_texts(table *t, const char *name, weir_type type, const char *const *texts)
{
    uint32_t c = t->columns++;
    t->names[c] = weir_str_of(name);
    for (uint32_t i = 0; i < t->n; i++) {
        t->texts[c][i] = weir_str_of(texts[i]);
    }
    t->vecs[c] = (weir_vec){.type = type, .form = WEIR_FLAT, .n = t->n, .at.s = t->texts[c]};
}

static void add_longs(table *t, const char *name, const int64_t *longs)
{
    uint32_t c = t->columns++;
    t->names[c] = weir_str_of(name);
    memcpy(t->longs[c], longs, sizeof(*longs) * t->n);
    t->vecs[c] =
        (weir_vec){.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = t->n, .at.l = t->longs[c]};
}

static void freeze_table(const char *spec, const table *t, files *out)
{
    weir_error err = {0};
    weir_schema *schema = schema_of(spec);
    weir_realtime *rt = weir_realtime_new(schema, NULL);
    weir_input input = {.n = t->n,
                        .times = t->times,
                        .column_count = t->columns,
                        .names = t->names,
                        .columns = t->vecs};
    if (!weir_realtime_append(rt, &input, 0, &err)) {
        fail_msg("%s", err.message);
    }
    weir_realtime_end(rt);
    freeze_all(rt, 0, out);
    weir_realtime_unref(rt);
    weir_schema_unref(schema);
}

static void check_values(const weir_rows *rows, weir_str name, const char *type,
                         const char *const *want, uint32_t n)
{
    char text[64];
    const weir_column *col = rows->ops->column(rows, name);
    assert_non_null(col);
    weir_str found = weir_type_name(col->type, text);
    if (!weir_str_is(found, type)) {
        fail_msg("%.*s is %.*s, not %s", WEIR_STR_ARG(name), WEIR_STR_ARG(found), type);
    }
    weir_arena *arena = weir_arena_new();
    for (uint32_t i = 0; i < n; i++) {
        weir_value v = twin_read((weir_rows *)(uintptr_t)rows, name, 0, i, arena);
        weir_str shown = v.is_null ? WEIR_STR("-") : twin_text(arena, &v);
        if (!memmem(shown.at, shown.size, want[i], strlen(want[i]))) {
            fail_msg("%.*s, row %u: %.*s, not %s", WEIR_STR_ARG(name), i, WEIR_STR_ARG(shown),
                     want[i]);
        }
    }
    weir_arena_free(arena);
}

#define SPEC(dims, more)                                                                           \
    "{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"t\"},\"dimensionsSpec\":{" dims "},"    \
    "\"granularitySpec\":{\"segmentGranularity\":\"hour\",\"queryGranularity\":\"none\"" more
#define AUTO SPEC("\"useSchemaDiscovery\":true", ",\"rollup\":false}")

static void json_and_auto_columns_keep_values_paths_and_widen(void **state)
{
    (void)state;
    files from = {0}, to = {0};
    table a = {.n = 2, .times = {1000, 3000}}, b = {.n = 2, .times = {2000, 4000}};
    add_texts(&a, "j", weir_type_json(),
              (const char *const[]){"{\"x\":{\"y\":1}}", "{\"x\":{\"y\":2.5},\"z\":[1,2]}"});
    add_longs(&a, "mixed", (int64_t[]){1, 2});
    add_texts(&a, "arr", weir_type_json(), (const char *const[]){"[1,2]", "[]"});
    add_texts(&b, "j", weir_type_json(),
              (const char *const[]){"{\"x\":{\"y\":\"w\"}}", "{\"only\":true}"});
    add_texts(&b, "mixed", WEIR_TYPE(WEIR_STRING), (const char *const[]){"one", "two"});
    add_texts(&b, "arr", weir_type_json(), (const char *const[]){"[\"s\"]", "[null]"});
    freeze_table(AUTO "}", &b, &from);
    freeze_table(AUTO "}", &a, &from);
    weir_merge *merge;
    freeze_all(merged(&from, &merge), 0, &to);
    weir_merge_free(merge);
    assert_int_equal(to.count, 1);
    const weir_rows *rows = to.rows[0];
    weir_arena *arena = weir_arena_new();
    check_values(rows, WEIR_STR("j"), "COMPLEX<json>",
                 (const char *const[]){"{\"x\":{\"y\":1}}", "{\"x\":{\"y\":\"w\"}}",
                                       "{\"x\":{\"y\":2.5},\"z\":[1,2]}", "{\"only\":true}"},
                 4);
    check_values(rows, WEIR_STR("mixed"), "STRING", (const char *const[]){"1", "one", "2", "two"},
                 4);
    check_values(rows, WEIR_STR("arr"), "ARRAY<STRING>", (const char *const[]){"1", "s", "", ""},
                 4);
    check_values(rows, weir_path_column_name(arena, WEIR_STR("j"), WEIR_STR("$.x.y"), false),
                 "STRING", (const char *const[]){"1", "w", "2.5", "-"}, 4);
    assert_non_null(rows->ops->column(
        rows, weir_path_column_name(arena, WEIR_STR("j"), WEIR_STR("$.z"), true)));
    weir_arena_free(arena);
    files_done(&from);
    files_done(&to);
}

#define ROLL(metrics)                                                                              \
    SPEC("\"dimensions\":[\"d\"]", ",\"rollup\":true}") ",\"metricsSpec\":[" metrics "]}"
#define COUNTS                                                                                     \
    "{\"type\":\"count\",\"name\":\"count\"},{\"type\":\"longMax\",\"name\":\"most\","             \
    "\"fieldName\":\"v\"}"

static void metrics_combine_and_those_that_came_later_are_null_before(void **state)
{
    (void)state;
    files from = {0}, to = {0};
    table a = {.n = 3, .times = {1000, 1000, 5000}}, b = {.n = 2, .times = {1000, 6000}};
    add_texts(&a, "d", WEIR_TYPE(WEIR_STRING), (const char *const[]){"x", "y", "x"});
    add_longs(&a, "count", (int64_t[]){1, 1, 1});
    add_longs(&a, "most", (int64_t[]){7, 1, 2});
    add_texts(&b, "d", WEIR_TYPE(WEIR_STRING), (const char *const[]){"x", "y"});
    add_longs(&b, "count", (int64_t[]){1, 1});
    add_longs(&b, "most", (int64_t[]){3, 4});
    add_longs(&b, "sum", (int64_t[]){10, 20});
    freeze_table(ROLL(COUNTS ",{\"type\":\"longSum\",\"name\":\"sum\",\"fieldName\":\"v\"}"), &b,
                 &from);
    freeze_table(ROLL(COUNTS), &a, &from);
    weir_merge *merge;
    freeze_all(merged(&from, &merge), 0, &to);
    weir_merge_free(merge);
    const weir_rows *rows = to.rows[0];
    check_values(rows, WEIR_STR("d"), "STRING", (const char *const[]){"x", "y", "x", "y"}, 4);
    check_values(rows, WEIR_STR("count"), "LONG", (const char *const[]){"2", "1", "1", "1"}, 4);
    check_values(rows, WEIR_STR("most"), "LONG", (const char *const[]){"7", "1", "2", "4"}, 4);
    check_values(rows, WEIR_STR("sum"), "LONG", (const char *const[]){"10", "-", "-", "20"}, 4);
    files_done(&from);
    files_done(&to);
}

static void what_differs_in_type_is_not_merged(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        uint32_t classes;
    } cases[] = {
        {SPEC("\"dimensions\":[\"d\"]", "}") "}", SPEC("\"dimensions\":[\"d\",\"e\"]", "}") "}", 1},
        {SPEC("\"dimensions\":[\"d\"]", "}") "}",
         SPEC("\"dimensions\":[{\"type\":\"long\",\"name\":\"d\"}]", "}") "}", 2},
        {SPEC("\"dimensions\":[\"d\"]", "}") "}",
         SPEC("\"dimensions\":[{\"type\":\"auto\",\"name\":\"d\"}]", "}") "}", 2},
        {SPEC("\"dimensions\":[\"d\"]", "}") "}",
         SPEC("\"dimensions\":[{\"type\":\"string\",\"name\":\"d\",\"multiValueHandling\":"
              "\"ARRAY\"}]",
              "}") "}",
         2},
        {ROLL("{\"type\":\"longSum\",\"name\":\"m\",\"fieldName\":\"v\"}"),
         ROLL("{\"type\":\"longMax\",\"name\":\"m\",\"fieldName\":\"v\"}"), 2},
        {ROLL("{\"type\":\"longSum\",\"name\":\"m\",\"fieldName\":\"v\"}"),
         ROLL("{\"type\":\"longSum\",\"name\":\"n\",\"fieldName\":\"v\"}"), 1},
        {SPEC("\"dimensions\":[\"d\"]", "}") "}",
         SPEC("\"dimensions\":[\"d\"]", ",\"rollup\":false}") "}", 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        files from = {0};
        uint32_t classes[SEGMENTS];
        table a = {.n = 1, .times = {1000}};
        add_texts(&a, "d", WEIR_TYPE(WEIR_STRING), (const char *const[]){"5"});
        freeze_table(cases[i].a, &a, &from);
        freeze_table(cases[i].b, &a, &from);
        assert_int_equal(weir_merge_classes(from.rows, from.count, classes), cases[i].classes);
        assert_int_equal(classes[1], cases[i].classes - 1);
        files_done(&from);
    }
}

static void a_merge_that_takes_too_much_memory_says_so(void **state)
{
    (void)state;
    files from = {0};
    weir_error err = {0};
    weir_granularity gran;
    assert_true(weir_granularity_simple(WEIR_STR("none"), &gran));
    twin *t = twin_new(9, kinds, COUNT(kinds));
    weir_schema *schema = twin_schema(t, false, gran);
    weir_realtime *rt = weir_realtime_new(schema, NULL);
    twin_append(t, rt, 4000, 0);
    weir_realtime_end(rt);
    freeze_all(rt, 1, &from);
    weir_budget budget = {0};
    weir_merge *merge = weir_merge_new(&(weir_merge_options){.rows = from.rows,
                                                             .count = from.count,
                                                             .rollup = -1,
                                                             .budget = &budget,
                                                             .memory_bytes = 100000},
                                       &err);
    weir_merge_step step;
    while ((step = weir_merge_next(merge, &err)) == WEIR_MERGE_MORE) {
    }
    assert_int_equal(step, WEIR_MERGE_FULL);
    weir_merge_free(merge);
    assert_int_equal(budget.used_bytes, 0);
    weir_realtime_unref(rt);
    weir_schema_unref(schema);
    files_done(&from);
    twin_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_segments_hold_what_one_load_would),
        cmocka_unit_test(merged_segments_are_rolled_up_completely),
        cmocka_unit_test(json_and_auto_columns_keep_values_paths_and_widen),
        cmocka_unit_test(metrics_combine_and_those_that_came_later_are_null_before),
        cmocka_unit_test(what_differs_in_type_is_not_merged),
        cmocka_unit_test(a_merge_that_takes_too_much_memory_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
