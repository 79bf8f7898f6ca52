/* tests/unit/segments/auto_test.c - random documents in auto and json columns, live, sealed and
 * frozen, against a twin that keeps each document's scalars and arrays by path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "weir/buf.h"
#include "weir/paths.h"
#include "weir/realtime.h"

/* --- the twin --- */

typedef struct leaf { /* a scalar or an array of scalars in a row */
    uint32_t path;
    weir_value value; /* arrays: of LONG, DOUBLE, STRING or untyped null elements */
} leaf;
typedef struct row {
    weir_str text; /* size 0: null */
    bool nested;
    leaf *leaves;
    uint32_t leaf_count;
} row;
typedef struct path {
    weir_str text;
    bool array;
} path;
typedef struct docs { /* one column's */
    weir_arena *arena;
    uint64_t seed;
    uint32_t shape; /* what documents are made of */
    uint32_t keys;  /* how many different ones */
    path *paths;
    uint32_t path_count;
    row *rows;
    uint32_t row_count;
} docs;

enum { PATHS = 4000, ROWS = 70000 };
enum { NUMBERS = 1, STRINGS = 2, ARRAYS = 4, NESTED = 8 };

static uint32_t below(docs *d, uint32_t n)
{
    d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(d->seed >> 33) % n;
}

static docs *docs_new(uint64_t seed, uint32_t shape)
{
    docs *d = weir_calloc(1, sizeof(*d));
    d->arena = weir_arena_new();
    d->seed = seed;
    d->shape = shape;
    d->keys = 7;
    d->paths = weir_calloc(PATHS, sizeof(*d->paths));
    d->rows = weir_calloc(ROWS, sizeof(*d->rows));
    return d;
}

static void docs_free(docs *d)
{
    weir_arena_free(d->arena);
    free(d->paths);
    free(d->rows);
    free(d);
}

static uint32_t path_of(docs *d, weir_str text, bool array)
{
    for (uint32_t i = 0; i < d->path_count; i++) {
        if (d->paths[i].array == array && weir_str_eq(d->paths[i].text, text)) {
            return i;
        }
    }
    assert_true(d->path_count < PATHS);
    d->paths[d->path_count] = (path){weir_arena_str(d->arena, text), array};
    return d->path_count++;
}

static void add_leaf(docs *d, row *r, weir_str at, const weir_value *value)
{
    leaf *leaves = WEIR_ARENA_ARRAY(d->arena, leaf, r->leaf_count + 1);
    if (r->leaf_count) {
        memcpy(leaves, r->leaves, sizeof(*leaves) * r->leaf_count);
    }
    leaves[r->leaf_count++] = (leaf){path_of(d, at, value->type.kind == WEIR_ARRAY), *value};
    r->leaves = leaves;
}

/* A scalar as text, and as the value that a path has. */
static weir_value draw_scalar(docs *d, weir_json *json)
{
    static const char *const words[] = {"", "red", "blue \"x\"", "\xE6\x97\xA5\n", "12", "1.5e3"};
    switch (below(d, 8)) {
    case 0:
        weir_json_null(json);
        return weir_value_null();
    case 1: {
        bool yes = below(d, 2);
        weir_json_bool(json, yes);
        return weir_value_long(yes);
    }
    case 2:
    case 3:
        if (d->shape & STRINGS) {
            weir_str word = weir_str_of(words[below(d, 6)]);
            weir_json_str(json, word);
            return weir_value_str(word);
        } /* fall through */
    case 4: {
        double real = (double)below(d, 50) / 4 - 3;
        weir_json_double(json, real);
        return weir_value_double(real);
    }
    default: {
        int64_t whole = below(d, 10) ? (int64_t)below(d, 100) - 50 : INT64_MAX - below(d, 3);
        weir_json_long(json, whole);
        return weir_value_long(whole);
    }
    }
}

static void draw_flat(docs *d, row *r, weir_json *json, weir_str at)
{
    uint32_t count = below(d, 4);
    weir_value *items = WEIR_ARENA_ARRAY(d->arena, weir_value, count + 1);
    weir_json_begin_array(json);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = draw_scalar(d, json);
    }
    weir_json_end_array(json);
    weir_value array = {.type = {.kind = WEIR_ARRAY}, .as.array = {items, count}};
    add_leaf(d, r, at, &array);
}

static void draw_value(docs *d, row *r, weir_json *json, weir_str at, uint32_t depth)
{
    static const char *const keys[] = {"a", "b", "c d", "x.y", "it's", "\xE6\x97\xA5", "q\"[0]"};
    static const char *const shown[] = {
        ".a", ".b", ".c d", "['x.y']", "['it\\'s']", ".\xE6\x97\xA5", "['q\"[0]']"};
    uint32_t kind = below(d, 10);
    if (kind < 3 && depth > 0 && d->shape & NESTED) {
        weir_json_begin_object(json);
        r->nested = true;
        for (uint32_t k = 0; k < d->keys; k++) {
            if (below(d, 7) < 3) {
                weir_json_key(json, weir_str_of(keys[k]));
                draw_value(d, r, json,
                           weir_arena_printf(d->arena, "%.*s%s", WEIR_STR_ARG(at), shown[k]),
                           depth - 1);
            }
        }
        weir_json_end_object(json);
    } else if (kind == 3 && depth > 0 && d->shape & NESTED) {
        uint32_t count = 1 + below(d, 2);
        r->nested = true;
        weir_json_begin_array(json);
        for (uint32_t i = 0; i < count; i++) {
            draw_value(d, r, json, weir_arena_printf(d->arena, "%.*s[%u]", WEIR_STR_ARG(at), i),
                       depth - 1);
        }
        weir_json_begin_object(json); /* so that it is not an array of scalars */
        weir_json_end_object(json);
        weir_json_end_array(json);
    } else if (kind < 6 && d->shape & ARRAYS) {
        draw_flat(d, r, json, at);
    } else {
        weir_value value = draw_scalar(d, json);
        if (value.type.kind != WEIR_UNKNOWN) {
            add_leaf(d, r, at, &value);
        }
    }
}

static void draw_row(docs *d)
{
    row *r = &d->rows[d->row_count++];
    weir_buf text = {0};
    weir_json json = {.out = &text};
    *r = (row){0};
    if (below(d, 10)) {
        draw_value(d, r, &json, WEIR_STR("$"), 3);
    }
    if (text.size && !weir_str_is(weir_buf_view(&text), "null")) {
        r->text = weir_arena_str(d->arena, weir_buf_view(&text));
    }
    weir_buf_done(&text);
}

/* --- the columns --- */

static weir_schema *schema_of(weir_type type, bool rollup)
{
    weir_arena *arena = weir_arena_new();
    weir_schema *schema = WEIR_ARENA_NEW(arena, weir_schema);
    weir_dimension *dims = WEIR_ARENA_ARRAY(arena, weir_dimension, 2);
    dims[0] = (weir_dimension){
        .name = WEIR_STR("doc"), .type = type, .automatic = true, .bitmap_index = true};
    schema->arena = arena;
    schema->refs = 1;
    schema->table = WEIR_STR("t");
    schema->dimension_count = 1;
    schema->dimensions = dims;
    schema->rollup = rollup;
    weir_granularity_simple(WEIR_STR("all"), &schema->segment_granularity);
    weir_granularity_simple(WEIR_STR("none"), &schema->query_granularity);
    return schema;
}

static weir_realtime *realtime_of(weir_type type, bool rollup)
{
    weir_schema *schema = schema_of(type, rollup);
    weir_realtime *rt = weir_realtime_new(schema, NULL);
    weir_schema_unref(schema);
    return rt;
}

static void append(docs *d, weir_realtime *rt, uint32_t n, uint8_t source)
{
    weir_error err;
    weir_str *values = weir_calloc(n, sizeof(*values)), name = WEIR_STR("doc");
    int64_t *times = weir_calloc(n, sizeof(*times));
    uint64_t *nulls = weir_calloc(weir_words(n), sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++) {
        times[i] = d->row_count;
        draw_row(d);
        values[i] = d->rows[d->row_count - 1].text;
        if (!values[i].size) {
            weir_bit_set(nulls, i);
        }
    }
    weir_vec vec = {
        .type = weir_type_json(), .form = WEIR_FLAT, .n = n, .nulls = nulls, .at.s = values};
    weir_input input = {.n = n, .times = times, .column_count = 1, .names = &name, .columns = &vec};
    if (!weir_realtime_append(rt, &input, source, &err)) {
        fail_msg("%s", err.message);
    }
    free(values);
    free(times);
    free(nulls);
}

/* --- checking --- */

static uint32_t rank_of(uint8_t kind)
{
    return kind == WEIR_STRING ? 3 : kind == WEIR_DOUBLE ? 2 : kind == WEIR_LONG ? 1 : 0;
}

static uint8_t kind_of(uint32_t rank)
{
    return rank == 3 ? WEIR_STRING : rank == 2 ? WEIR_DOUBLE : WEIR_LONG;
}

static uint32_t value_rank(const weir_value *value)
{
    uint32_t rank = 0;
    if (value->type.kind != WEIR_ARRAY) {
        return rank_of(value->type.kind);
    }
    for (uint32_t i = 0; i < value->as.array.count; i++) {
        uint32_t item = rank_of(value->as.array.at[i].type.kind);
        rank = item > rank ? item : rank;
    }
    return rank;
}

/* The type of a path's column over rows [0, n); UNKNOWN: no value. */
static weir_type type_of(const docs *d, uint32_t p, uint32_t n)
{
    uint32_t rank = 0;
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < d->rows[i].leaf_count; k++) {
            if (d->rows[i].leaves[k].path == p) {
                uint32_t r = value_rank(&d->rows[i].leaves[k].value);
                rank = r > rank ? r : rank;
                any = true;
            }
        }
    }
    return !any                ? WEIR_TYPE(WEIR_UNKNOWN)
           : d->paths[p].array ? (weir_type){.kind = WEIR_ARRAY, .elem = kind_of(rank)}
                               : WEIR_TYPE(kind_of(rank));
}

/* As the widest kind shows it. */
static void print_as(weir_buf *out, const weir_value *value, uint8_t kind)
{
    char text[32];
    if (value->is_null || value->type.kind == WEIR_UNKNOWN) {
        weir_buf_text(out, "null");
    } else if (value->type.kind == WEIR_STRING) {
        weir_buf_str(out, value->as.s);
    } else if (value->type.kind == WEIR_DOUBLE || kind == WEIR_DOUBLE) {
        double real = value->type.kind == WEIR_LONG ? (double)value->as.l : value->as.d;
        weir_buf_put(out, text, weir_print_double(text, real));
    } else {
        weir_buf_put(out, text, weir_print_long(text, value->as.l));
    }
}

/* Elements are made one kind within an array first: [1, 2.5] is [1.0, 2.5] before it is text. */
static void print_value(weir_buf *out, const weir_value *value, weir_type type)
{
    if (value->type.kind != WEIR_ARRAY || value->is_null) {
        print_as(out, value, type.kind == WEIR_ARRAY ? type.elem : type.kind);
        return;
    }
    uint8_t own = kind_of(value_rank(value));
    uint8_t kind = own == WEIR_DOUBLE ? WEIR_DOUBLE : type.elem;
    weir_buf_byte(out, '[');
    for (uint32_t i = 0; i < value->as.array.count; i++) {
        print_as(out, &value->as.array.at[i], own == WEIR_STRING ? WEIR_STRING : kind);
        weir_buf_byte(out, ';');
    }
    weir_buf_byte(out, ']');
}

static const weir_value null_value = {.is_null = true};

static const weir_value *leaf_at(const docs *d, uint32_t p, uint32_t at)
{
    for (uint32_t k = 0; k < d->rows[at].leaf_count; k++) {
        if (d->rows[at].leaves[k].path == p) {
            return &d->rows[at].leaves[k].value;
        }
    }
    return &null_value;
}

static void check_vec(const docs *d, uint32_t p, weir_type type, const weir_vec *vec,
                      const uint16_t *rows, uint32_t base)
{
    weir_arena *arena = weir_arena_new();
    weir_error err;
    weir_buf want = {0}, have = {0};
    for (uint32_t i = 0; i < vec->n; i++) {
        weir_value got;
        want.size = have.size = 0;
        assert_true(weir_vec_value(vec, i, arena, &got, &err));
        print_value(&want, leaf_at(d, p, base + (rows ? rows[i] : i)), type);
        print_value(&have, &got, type);
        if (!weir_str_eq(weir_buf_view(&want), weir_buf_view(&have))) {
            fail_msg("row %u of %.*s: %.*s, not %.*s", base + (rows ? rows[i] : i),
                     WEIR_STR_ARG(d->paths[p].text), WEIR_STR_ARG(weir_buf_view(&have)),
                     WEIR_STR_ARG(weir_buf_view(&want)));
        }
    }
    weir_buf_done(&want);
    weir_buf_done(&have);
    weir_arena_free(arena);
}

static void check_column(docs *d, const weir_rows *rows, const weir_column *col, uint32_t p,
                         weir_type type)
{
    weir_scratch s = {0};
    weir_error err;
    uint32_t base = 0;
    for (uint32_t c = 0; c < rows->ops->chunks(rows); c++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, c, &info);
        for (uint32_t from = 0; from < info.row_count; from += 3000) {
            uint32_t n = info.row_count - from < 3000 ? info.row_count - from : 3000, m = 0;
            uint16_t picked[3000];
            weir_vec vec;
            weir_mark mark = weir_scratch_mark(&s);
            assert_true(col->ops->read(col, c, from, n, true, &s, &vec, &err));
            assert_int_equal(vec.n, n);
            check_vec(d, p, type, &vec, NULL, base + from);
            for (uint32_t i = 0; i < n; i++) {
                if (below(d, 9) == 0) {
                    picked[m++] = (uint16_t)(from + i);
                }
            }
            if (m) {
                assert_true(col->ops->gather(col, c, picked, m, &s, &vec, &err));
                check_vec(d, p, type, &vec, picked, base);
            }
            weir_scratch_rewind(&s, mark);
        }
        base += info.row_count;
    }
    weir_scratch_done(&s);
}

static void check_texts(const docs *d, const weir_rows *rows, const weir_column *col)
{
    weir_scratch s = {0};
    weir_error err;
    uint32_t base = 0;
    for (uint32_t c = 0; c < rows->ops->chunks(rows); c++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, c, &info);
        for (uint32_t from = 0; from < info.row_count; from += 4096) {
            uint32_t n = info.row_count - from < 4096 ? info.row_count - from : 4096;
            weir_vec vec, flat;
            assert_true(col->ops->read(col, c, from, n, false, &s, &vec, &err) &&
                        weir_vec_flatten(&vec, &s, &flat, &err));
            for (uint32_t i = 0; i < n; i++) {
                weir_str text = d->rows[base + from + i].text;
                if (weir_vec_is_null(&flat, i) != (text.size == 0)) {
                    fail_msg("row %u of %u chunk %u: %.*s", base + from + i, n, c,
                             WEIR_STR_ARG(text));
                }
                if (text.size && !weir_str_eq(flat.at.s[i], text)) {
                    fail_msg("%.*s, not %.*s", WEIR_STR_ARG(flat.at.s[i]), WEIR_STR_ARG(text));
                }
            }
        }
        base += info.row_count;
    }
    weir_scratch_done(&s);
}

static uint32_t rows_of(const weir_rows *rows)
{
    uint32_t total = 0;
    for (uint32_t c = 0; c < rows->ops->chunks(rows); c++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, c, &info);
        total += info.row_count;
    }
    return total;
}

/* All paths of a column that holds JSON text, each `step`-th path. */
static void check_paths(docs *d, const weir_rows *rows, uint32_t step)
{
    weir_arena *arena = weir_arena_new();
    uint32_t n = rows_of(rows);
    for (uint32_t p = 0; p < d->path_count; p += step) {
        weir_type type = type_of(d, p, n);
        weir_str name =
            weir_path_column_name(arena, WEIR_STR("doc"), d->paths[p].text, d->paths[p].array);
        const weir_column *col = rows->ops->column(rows, name);
        if (type.kind == WEIR_UNKNOWN) {
            assert_null(col);
            continue;
        }
        assert_non_null(col);
        assert_true(weir_type_eq(col->type, type));
        check_column(d, rows, col, p, type);
    }
    assert_null(rows->ops->column(rows, weir_path_rest_name(arena, WEIR_STR("doc"))));
    assert_int_equal(rows->ops->column_count(rows), 2); /* paths are not among them */
    weir_arena_free(arena);
}

/* --- freezing --- */

static bool append_to(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

static void free_bytes(void *self)
{
    weir_buf_done(self);
    free(self);
}

static weir_buf *freeze(weir_realtime *rt)
{
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    weir_segment_info info;
    weir_error err;
    uint32_t count;
    weir_buf *out = weir_calloc(1, sizeof(*out));
    assert_true(weir_realtime_parts(rt, NULL, 0, 0, arena, &parts, &count, &err));
    assert_int_equal(count, 1);
    if (!weir_realtime_freeze(rt, parts, (weir_file){out, append_to}, false, &info, &err)) {
        fail_msg("%s", err.message);
    }
    weir_arena_free(arena);
    return out;
}

static weir_segment *open_bytes(weir_buf *bytes)
{
    weir_segment *seg;
    weir_error err;
    weir_bytes whole = {(const uint8_t *)bytes->at, bytes->size, free_bytes, bytes, NULL};
    if (!weir_segment_open("s", whole, &seg, &err)) {
        fail_msg("%s", err.message);
    }
    return seg;
}

static void freeze_and_check(docs *d, weir_realtime *rt, uint32_t step, bool text)
{
    weir_error err;
    weir_segment *seg = open_bytes(freeze(rt));
    weir_rows *rows = weir_segment_rows(seg);
    if (text) {
        check_texts(d, rows, rows->ops->column(rows, WEIR_STR("doc")));
    }
    check_paths(d, rows, step);
    if (!weir_segment_verify(seg, &err)) {
        fail_msg("%s", err.message);
    }
    weir_segment_unref(seg);
}

/* --- tests --- */

static void paths_of_random_documents_are_columns_live_and_frozen(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        docs *d = docs_new(seed, NUMBERS | ARRAYS | NESTED | (seed % 2 ? STRINGS : 0));
        weir_realtime *rt = realtime_of(weir_type_json(), false);
        weir_rows *early = NULL;
        for (uint32_t batch = 0; batch < 8; batch++) {
            append(d, rt, 1 + below(d, 200), (uint8_t)batch);
            weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
            check_texts(d, rows, rows->ops->column(rows, WEIR_STR("doc")));
            check_paths(d, rows, 1 + batch);
            if (batch == 2) {
                early = rows;
            } else {
                rows->ops->unref(rows);
            }
        }
        check_paths(d, early, 1); /* still what it saw: neither rows nor types have grown */
        early->ops->unref(early);
        weir_realtime_end(rt);
        weir_rows *sealed = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
        check_texts(d, sealed, sealed->ops->column(sealed, WEIR_STR("doc")));
        check_paths(d, sealed, 1);
        sealed->ops->unref(sealed);
        freeze_and_check(d, rt, 1, true);
        weir_realtime_unref(rt);
        docs_free(d);
    }
}

static void paths_come_and_go_over_sealed_and_growing_chunks(void **state)
{
    docs *d = docs_new(7, NUMBERS);
    d->keys = 3;
    weir_realtime *rt = realtime_of(weir_type_json(), false);
    (void)state;
    for (uint32_t i = 0; i < 17; i++) {
        d->shape = i % 5 == 0 ? NUMBERS : NUMBERS | STRINGS | ARRAYS | NESTED;
        append(d, rt, 4000, 0);
    }
    weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
    assert_int_equal(rows->ops->chunks(rows), 2);
    check_paths(d, rows, 37);
    rows->ops->unref(rows);
    weir_realtime_end(rt);
    freeze_and_check(d, rt, 41, true);
    weir_realtime_unref(rt);
    docs_free(d);
}

/* The twin's type of an auto column's own values. */
static weir_type auto_type(const docs *d, uint32_t n)
{
    uint32_t rank = 0;
    bool array = false, any = false;
    for (uint32_t i = 0; i < n; i++) {
        if (d->rows[i].nested) {
            return weir_type_json();
        }
        for (uint32_t k = 0; k < d->rows[i].leaf_count; k++) {
            uint32_t r = value_rank(&d->rows[i].leaves[k].value);
            rank = r > rank ? r : rank;
            array |= d->rows[i].leaves[k].value.type.kind == WEIR_ARRAY;
            any = true;
        }
    }
    return !any    ? WEIR_TYPE(WEIR_STRING)
           : array ? (weir_type){.kind = WEIR_ARRAY, .elem = kind_of(rank)}
                   : WEIR_TYPE(kind_of(rank));
}

/* Each row has one leaf at most, at "$" as a scalar or as an array: both are the column. */
static void check_auto(docs *d, const weir_rows *rows)
{
    uint32_t n = rows_of(rows);
    weir_type type = auto_type(d, n);
    const weir_column *col = rows->ops->column(rows, WEIR_STR("doc"));
    weir_scratch s = {0};
    weir_arena *arena = weir_arena_new();
    weir_error err;
    weir_buf want = {0}, have = {0};
    uint32_t base = 0;
    assert_true(weir_type_eq(col->type, type));
    for (uint32_t c = 0; c < rows->ops->chunks(rows) && type.kind != WEIR_COMPLEX; c++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, c, &info);
        for (uint32_t i = 0; i < info.row_count; i++) {
            const row *r = &d->rows[base + i];
            uint16_t at = (uint16_t)i;
            weir_vec vec;
            weir_value got, one, value = r->leaf_count ? r->leaves[0].value : null_value;
            want.size = have.size = 0;
            if (type.kind == WEIR_ARRAY && r->leaf_count && value.type.kind != WEIR_ARRAY) {
                one = value;
                value = (weir_value){.type = {.kind = WEIR_ARRAY}, .as.array = {&one, 1}};
            }
            weir_mark mark = weir_scratch_mark(&s);
            assert_true(i % 2 ? col->ops->read(col, c, i, 1, false, &s, &vec, &err)
                              : col->ops->gather(col, c, &at, 1, &s, &vec, &err));
            assert_true(weir_vec_value(&vec, 0, arena, &got, &err));
            weir_scratch_rewind(&s, mark);
            print_value(&want, &value, type);
            print_value(&have, &got, type);
            assert_int_equal(got.is_null, value.is_null);
            if (!weir_str_eq(weir_buf_view(&want), weir_buf_view(&have))) {
                fail_msg("row %u: %.*s, not %.*s", base + i, WEIR_STR_ARG(weir_buf_view(&have)),
                         WEIR_STR_ARG(weir_buf_view(&want)));
            }
        }
        base += info.row_count;
    }
    weir_buf_done(&want);
    weir_buf_done(&have);
    weir_scratch_done(&s);
    weir_arena_free(arena);
}

static void auto_columns_have_the_widest_type_of_their_values(void **state)
{
    static const uint32_t shapes[] = {NUMBERS, STRINGS, ARRAYS, ARRAYS | STRINGS,
                                      NESTED | ARRAYS | STRINGS};
    (void)state;
    for (uint32_t k = 0; k < 15; k++) {
        docs *d = docs_new(100 + k, shapes[k % 5]);
        weir_realtime *rt = realtime_of(WEIR_TYPE(WEIR_UNKNOWN), false);
        for (uint32_t batch = 0; batch < 6; batch++) {
            append(d, rt, 1 + below(d, 30), 0);
            weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
            check_auto(d, rows);
            rows->ops->unref(rows);
        }
        weir_realtime_end(rt);
        weir_rows *sealed = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
        check_auto(d, sealed);
        sealed->ops->unref(sealed);
        weir_segment *seg = open_bytes(freeze(rt));
        check_auto(d, weir_segment_rows(seg));
        weir_segment_unref(seg);
        weir_realtime_unref(rt);
        docs_free(d);
    }
}

/* --- given documents --- */

static weir_realtime *realtime_with(weir_type type, bool rollup, const char *const *texts,
                                    uint32_t n, int64_t step)
{
    weir_realtime *rt = realtime_of(type, rollup);
    weir_str values[64], name = WEIR_STR("doc");
    int64_t times[64];
    uint64_t nulls = 0;
    weir_error err;
    assert_true(n <= 64);
    for (uint32_t i = 0; i < n; i++) {
        times[i] = i * step;
        values[i] = texts[i] ? weir_str_of(texts[i]) : (weir_str){0};
        nulls |= (uint64_t)!texts[i] << i;
    }
    weir_vec vec = {
        .type = weir_type_json(), .form = WEIR_FLAT, .n = n, .nulls = &nulls, .at.s = values};
    weir_input input = {.n = n, .times = times, .column_count = 1, .names = &name, .columns = &vec};
    assert_true(weir_realtime_append(rt, &input, 0, &err));
    return rt;
}

/* "LONG: 1 null 3" of a column. */
static const char *column_text(weir_arena *arena, const weir_rows *rows, weir_str name)
{
    const weir_column *col = rows->ops->column(rows, name);
    weir_scratch s = {0};
    weir_error err;
    weir_buf out = {0};
    char type[64];
    if (!col) {
        return "none";
    }
    weir_buf_str(&out, weir_type_name(col->type, type));
    weir_buf_byte(&out, ':');
    for (uint32_t i = 0; i < rows_of(rows); i++) {
        weir_vec vec;
        weir_value v;
        weir_buf_byte(&out, ' ');
        assert_true(col->ops->read(col, 0, i, 1, false, &s, &vec, &err));
        assert_true(weir_vec_value(&vec, 0, arena, &v, &err));
        if (v.type.kind == WEIR_COMPLEX && !v.is_null) {
            weir_buf_str(&out, v.as.s);
        } else {
            print_value(&out, &v, col->type);
        }
    }
    const char *text = weir_arena_text(arena, weir_buf_view(&out));
    weir_buf_done(&out);
    weir_scratch_done(&s);
    return text;
}

static const char *path_text(weir_arena *arena, const weir_rows *rows, const char *at, bool array)
{
    return column_text(arena, rows,
                       weir_path_column_name(arena, WEIR_STR("doc"), weir_str_of(at), array));
}

static void a_key_that_comes_twice_has_its_later_value(void **state)
{
    static const char *const texts[] = {"{\"a\":1,\"a\":\"x\"}", "{\"a\":[1,2],\"a\":[3]}",
                                        "{\"a\":1,\"a\":2}"};
    weir_realtime *rt = realtime_with(weir_type_json(), false, texts, 3, 1);
    weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
    weir_arena *arena = weir_arena_new();
    (void)state;
    assert_string_equal(path_text(arena, rows, "$.a", false), "STRING: x null 2");
    assert_string_equal(path_text(arena, rows, "$.a", true), "ARRAY<LONG>: null [3;] null");
    rows->ops->unref(rows);
    weir_realtime_unref(rt);
    weir_arena_free(arena);
}

static void empty_arrays_fit_the_arrays_that_come_later(void **state)
{
    static const char *const texts[] = {"{\"a\":[]}", "{\"a\":[null]}", "{}", NULL,
                                        "{\"a\":[\"x\",1]}"};
    weir_arena *arena = weir_arena_new();
    (void)state;
    weir_realtime *rt = realtime_with(weir_type_json(), false, texts, 4, 1);
    weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
    assert_string_equal(path_text(arena, rows, "$.a", true), "ARRAY<LONG>: [] [null;] null null");
    rows->ops->unref(rows);
    weir_realtime_unref(rt);
    rt = realtime_with(weir_type_json(), false, texts, 5, 1);
    rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
    assert_string_equal(path_text(arena, rows, "$.a", true),
                        "ARRAY<STRING>: [] [null;] null null [x;1;]");
    rows->ops->unref(rows);
    weir_realtime_end(rt);
    weir_segment *seg = open_bytes(freeze(rt));
    assert_string_equal(path_text(arena, weir_segment_rows(seg), "$.a", true),
                        "ARRAY<STRING>: [] [null;] null null [x;1;]");
    weir_segment_unref(seg);
    weir_realtime_unref(rt);
    weir_arena_free(arena);
}

static void an_auto_column_that_meets_an_object_is_json(void **state)
{
    static const char *const texts[] = {"1", "\"x\\n\"", "[1,null]", NULL, "{\"k\":[{}]}"};
    static const char want[] = "COMPLEX<json>: 1 \"x\\n\" [1,null] null {\"k\":[{}]}";
    weir_arena *arena = weir_arena_new();
    (void)state;
    weir_realtime *rt = realtime_with(WEIR_TYPE(WEIR_UNKNOWN), false, texts, 5, 1);
    weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
    assert_string_equal(column_text(arena, rows, WEIR_STR("doc")), want);
    rows->ops->unref(rows);
    weir_realtime_end(rt);
    weir_segment *seg = open_bytes(freeze(rt));
    rows = weir_segment_rows(seg);
    assert_string_equal(column_text(arena, rows, WEIR_STR("doc")), want);
    assert_string_equal(path_text(arena, rows, "$", false), "STRING: 1 x\n null null null");
    assert_string_equal(path_text(arena, rows, "$", true),
                        "ARRAY<LONG>: null null [1;null;] null null");
    weir_segment_unref(seg);
    weir_realtime_unref(rt);
    weir_arena_free(arena);
}

static void a_column_that_is_not_json_is_its_own_root(void **state)
{
    static const char *const scalars[] = {"1", NULL, "2.5"}, *const arrays[] = {"[1]", "[]", NULL};
    (void)state;
    for (int k = 0; k < 2; k++) {
        weir_arena *arena = weir_arena_new();
        weir_realtime *rt =
            realtime_with(WEIR_TYPE(WEIR_UNKNOWN), false, k ? arrays : scalars, 3, 1);
        weir_realtime_end(rt);
        weir_segment *seg = open_bytes(freeze(rt));
        weir_rows *both[] = {weir_realtime_snapshot(rt, NULL, WEIR_STR("live")),
                             weir_segment_rows(seg)};
        for (int r = 0; r < 2; r++) {
            assert_string_equal(path_text(arena, both[r], "$", false),
                                k ? "none" : "DOUBLE: 1.0 null 2.5");
            assert_string_equal(path_text(arena, both[r], "$", true),
                                k ? "ARRAY<LONG>: [1;] [] null" : "none");
            assert_string_equal(path_text(arena, both[r], "$.a", false), "none");
        }
        both[0]->ops->unref(both[0]);
        weir_segment_unref(seg);
        weir_realtime_unref(rt);
        weir_arena_free(arena);
    }
}

static void columns_without_a_value_are_null_whatever_their_type(void **state)
{
    static const char *const texts[] = {NULL, "null", NULL};
    static const struct {
        weir_type type;
        const char *want;
    } cases[] = {
        {{.kind = WEIR_UNKNOWN}, "STRING: null null null"},
        {{.kind = WEIR_LONG}, "LONG: null null null"},
        {{.kind = WEIR_STRING}, "STRING: null null null"},
        {{.kind = WEIR_ARRAY, .elem = WEIR_DOUBLE}, "ARRAY<DOUBLE>: null null null"},
        {{.kind = WEIR_ARRAY, .elem = WEIR_STRING}, "ARRAY<STRING>: null null null"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]) + 1; k++) {
        bool json = k == sizeof(cases) / sizeof(cases[0]);
        const char *want = json ? "COMPLEX<json>: null null null" : cases[k].want;
        weir_arena *arena = weir_arena_new();
        weir_realtime *rt =
            realtime_with(json ? weir_type_json() : cases[k].type, false, texts, 3, 1);
        weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
        assert_string_equal(column_text(arena, rows, WEIR_STR("doc")), want);
        rows->ops->unref(rows);
        weir_realtime_end(rt);
        weir_segment *seg = open_bytes(freeze(rt));
        assert_string_equal(column_text(arena, weir_segment_rows(seg), WEIR_STR("doc")), want);
        weir_segment_unref(seg);
        weir_realtime_unref(rt);
        weir_arena_free(arena);
    }
}

static void a_cast_makes_values_of_one_type(void **state)
{
    static const char *const texts[] = {"1",     "2.5",       "\"3\"", "\"x\"", "[4]",
                                        "[5,6]", "{\"k\":1}", NULL,    "[]",    "true"};
    static const struct {
        weir_type type;
        const char *want;
    } cases[] = {
        {{.kind = WEIR_LONG}, "LONG: 1 2 3 null 4 null null null null 1"},
        {{.kind = WEIR_DOUBLE}, "DOUBLE: 1.0 2.5 3.0 null 4.0 null null null null 1.0"},
        {{.kind = WEIR_STRING}, "STRING: 1 2.5 3 x 4 null null null null 1"},
        {{.kind = WEIR_ARRAY, .elem = WEIR_LONG},
         "ARRAY<LONG>: [1;] [2;] [3;] null [4;] [5;6;] null null [] [1;]"},
        {{.kind = WEIR_ARRAY, .elem = WEIR_STRING},
         "ARRAY<STRING>: [1;] [2.5;] [3;] [x;] [4;] [5;6;] null null [] [1;]"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        weir_arena *arena = weir_arena_new();
        weir_realtime *rt = realtime_with(cases[k].type, false, texts, 10, 1);
        weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
        assert_string_equal(column_text(arena, rows, WEIR_STR("doc")), cases[k].want);
        rows->ops->unref(rows);
        weir_realtime_end(rt);
        weir_segment *seg = open_bytes(freeze(rt));
        assert_string_equal(column_text(arena, weir_segment_rows(seg), WEIR_STR("doc")),
                            cases[k].want);
        weir_segment_unref(seg);
        weir_realtime_unref(rt);
        weir_arena_free(arena);
    }
}

static void rows_with_equal_documents_roll_up(void **state)
{
    static const char *const texts[] = {"{\"a\":1}", "[1,2]",  NULL, "[]",   "{\"a\":1}", "[1,2]",
                                        "[null]",    "[]",     "1",  "1.0",  "[1]",       "[1.0]",
                                        NULL,        "[null]", "1",  "[1,2]"};
    weir_arena *arena = weir_arena_new();
    (void)state;
    weir_realtime *rt = realtime_with(WEIR_TYPE(WEIR_UNKNOWN), true, texts, 16, 0);
    weir_realtime_end(rt);
    assert_int_equal(weir_realtime_rows(rt), 9);
    weir_segment *seg = open_bytes(freeze(rt));
    assert_int_equal(rows_of(weir_segment_rows(seg)), 9);
    weir_segment_unref(seg);
    weir_realtime_unref(rt);
    weir_arena_free(arena);
}

static void paths_beyond_the_limit_are_counted_row_by_row(void **state)
{
    enum { KEYS = 1300, BATCH = 50 };
    weir_realtime *rt = realtime_of(weir_type_json(), false);
    weir_arena *arena = weir_arena_new();
    weir_str name = WEIR_STR("doc"), values[BATCH];
    int64_t times[BATCH] = {0};
    weir_error err;
    (void)state;
    for (uint32_t k = 0; k < KEYS; k += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            values[i] = weir_arena_printf(arena, "{\"k%u\":%u,\"k0\":1}", k + i, k + i);
        }
        weir_vec vec = {.type = weir_type_json(), .form = WEIR_FLAT, .n = BATCH, .at.s = values};
        weir_input input = {
            .n = BATCH, .times = times, .column_count = 1, .names = &name, .columns = &vec};
        assert_true(weir_realtime_append(rt, &input, 0, &err));
    }
    weir_realtime_end(rt);
    weir_segment *seg = open_bytes(freeze(rt));
    weir_rows *both[] = {weir_realtime_snapshot(rt, NULL, WEIR_STR("live")),
                         weir_segment_rows(seg)};
    for (uint32_t r = 0; r < 2; r++) {
        const weir_column *rest =
            both[r]->ops->column(both[r], weir_path_rest_name(arena, WEIR_STR("doc")));
        weir_scratch s = {0};
        weir_vec vec, flat;
        uint32_t left = 0, known = 0;
        assert_non_null(rest);
        assert_true(rest->ops->read(rest, 0, 0, KEYS, false, &s, &vec, &err) &&
                    weir_vec_flatten(&vec, &s, &flat, &err));
        for (uint32_t i = 0; i < KEYS; i++) {
            left += !weir_vec_is_null(&flat, i) && flat.at.l[i] == 1;
        }
        for (uint32_t k = 0; k < KEYS; k++) {
            weir_str at = weir_arena_printf(arena, "$.k%u", k);
            known += both[r]->ops->column(both[r], weir_path_column_name(arena, name, at, false)) !=
                     NULL;
        }
        assert_int_equal(known, WEIR_PATHS_MAX);
        assert_int_equal(left, KEYS - WEIR_PATHS_MAX);
        weir_scratch_done(&s);
    }
    both[0]->ops->unref(both[0]);
    weir_segment_unref(seg);
    weir_realtime_unref(rt);
    weir_arena_free(arena);
}

static void a_frozen_file_with_a_flipped_byte_is_refused_or_fails_by_name(void **state)
{
    docs *d = docs_new(77, NUMBERS | STRINGS | ARRAYS | NESTED);
    weir_realtime *rt = realtime_of(weir_type_json(), false);
    (void)state;
    append(d, rt, 300, 0);
    weir_realtime_end(rt);
    weir_buf *whole = freeze(rt);
    for (uint32_t i = 0; i < 400; i++) {
        weir_buf *copy = weir_calloc(1, sizeof(*copy));
        weir_segment *seg;
        weir_error err;
        weir_buf_str(copy, weir_buf_view(whole));
        copy->at[below(d, (uint32_t)copy->size)] ^= (char)(1 << below(d, 8));
        weir_bytes bytes = {(const uint8_t *)copy->at, copy->size, free_bytes, copy, NULL};
        if (weir_segment_open("s", bytes, &seg, &err)) {
            if (!weir_segment_verify(seg, &err)) { /* else padding was hit */
                assert_non_null(strstr(err.message, "'s'"));
            }
            weir_segment_unref(seg);
        }
    }
    free_bytes(whole);
    weir_realtime_unref(rt);
    docs_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_random_documents_are_columns_live_and_frozen),
        cmocka_unit_test(paths_come_and_go_over_sealed_and_growing_chunks),
        cmocka_unit_test(auto_columns_have_the_widest_type_of_their_values),
        cmocka_unit_test(a_key_that_comes_twice_has_its_later_value),
        cmocka_unit_test(empty_arrays_fit_the_arrays_that_come_later),
        cmocka_unit_test(an_auto_column_that_meets_an_object_is_json),
        cmocka_unit_test(a_column_that_is_not_json_is_its_own_root),
        cmocka_unit_test(columns_without_a_value_are_null_whatever_their_type),
        cmocka_unit_test(a_cast_makes_values_of_one_type),
        cmocka_unit_test(rows_with_equal_documents_roll_up),
        cmocka_unit_test(paths_beyond_the_limit_are_counted_row_by_row),
        cmocka_unit_test(a_frozen_file_with_a_flipped_byte_is_refused_or_fails_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
