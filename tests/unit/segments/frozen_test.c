/* tests/unit/segments/frozen_test.c - whole segments written and read back, compared row by row
 * with the plain arrays they were made from. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "weir/segment.h"

static uint64_t seed = 1;
static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}
static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random() % n);
}

/* ---- a table of every kind of column, as plain arrays ---- */

typedef struct strings { /* a string column; values[0] unused */
    const char *name;
    uint32_t value_count;
    weir_str *values;
    uint32_t *ids, *offsets;
    uint64_t *nulls;
} strings;

enum { STRINGS = 6 };
typedef struct table {
    uint32_t n;
    int64_t *times, *longs;
    double *doubles;
    float *floats;
    uint64_t *long_nulls, *double_nulls, *blob_nulls;
    strings strings[STRINGS]; /* country, user (near unique), tags (lists), lists that are single,
                                 only null, comment (large) */
    weir_str *blobs;
} table;

static uint64_t *random_bits(uint32_t n, uint32_t one_in)
{
    uint64_t *bits = calloc(weir_words(n), 8);
    for (uint32_t i = 0; i < n; i++) {
        if (below(one_in) == 0) {
            weir_bit_set(bits, i);
        }
    }
    return bits;
}

static int by_utf16(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

/* Distinct, sorted values: numbers, prefixes of one another, beyond the BMP, NUL bytes, the empty
 * string, one long one. */
static void make_values(strings *col, uint32_t count, uint32_t text_size)
{
    col->value_count = count + 1;
    col->values = calloc(count + 1, sizeof(*col->values));
    for (uint32_t i = 0; i < count; i++) {
        static const char *const odd[] = {"", "\xF0\x9F\x9A\x80", "\xEF\xAC\x80", "a",
                                          "a\xE2\x82\xAC"};
        char *text = malloc(text_size + 40);
        int size =
            i < 5 ? sprintf(text, "%s", odd[i])
                  : sprintf(text, "v%u/%.*s", i * 7919 % 1000003, (int)below(text_size + 1),
                            "carefully final packages nag quickly among the ironic foxes beyond");
        if (i == 6) {
            text[1] = 0; /* NUL is a byte like any other */
        }
        col->values[i + 1] = (weir_str){text, (size_t)size};
    }
    if (count > 250) {
        free((void *)col->values[8].at);
        char *text = malloc(50000);
        memset(text, 'z', 50000);
        col->values[8] = (weir_str){text, 50000};
    }
    qsort(col->values + 1, count, sizeof(*col->values), by_utf16);
}

static void make_ids(strings *col, uint32_t n, bool lists, uint32_t most)
{
    if (!lists) {
        col->ids = malloc(n * sizeof(*col->ids));
        for (uint32_t i = 0; i < n; i++) {
            col->ids[i] = below(col->value_count);
        }
        return;
    }
    uint32_t at = 0;
    col->ids = malloc(((size_t)n * most + 1) * sizeof(*col->ids));
    col->offsets = malloc((n + 1) * sizeof(*col->offsets));
    col->nulls = random_bits(n, 10);
    for (uint32_t i = 0; i < n; i++) {
        col->offsets[i] = at;
        uint32_t count = most == 1    ? 1
                         : i >= 65536 ? 1
                                      : below(most + 1); /* the second chunk has no lists */
        if (weir_bit(col->nulls, i)) {
            count = 0;
        }
        for (uint32_t k = 0; k < count; k++) {
            col->ids[at++] = below(col->value_count);
        }
    }
    col->offsets[n] = at;
}

static table make_table(uint32_t n)
{
    table t = {.n = n};
    t.times = malloc(n * 8);
    t.longs = malloc(n * 8);
    t.doubles = malloc(n * 8);
    t.floats = malloc(n * 4);
    t.blobs = calloc(n, sizeof(*t.blobs));
    int64_t now = INT64_C(1442016000000);
    for (uint32_t i = 0; i < n; i++) {
        now += below(3) ? 0 : (int64_t)below(1000);
        t.times[i] = now;
        t.longs[i] = below(50) ? (int64_t)below(100000) : (int64_t)next_random();
        t.doubles[i] = below(100000) / 100.0;
        t.floats[i] = (float)below(1000) / 7;
        size_t size = below(200);
        char *blob = malloc(size + 1);
        memset(blob, (int)below(256), size);
        t.blobs[i] = (weir_str){blob, size};
    }
    t.long_nulls = random_bits(n, 5);
    t.double_nulls = random_bits(n, 900);
    t.blob_nulls = random_bits(n, 3);
    static const char *const names[STRINGS] = {"country", "user", "tags",
                                               "single",  "none", "comment"};
    for (int k = 0; k < STRINGS; k++) {
        t.strings[k].name = names[k];
        make_values(&t.strings[k],
                    k == 0   ? 30
                    : k == 1 ? n
                    : k == 2 ? 200
                    : k == 3 ? 9
                    : k == 4 ? 0
                             : n / 2 + 10,
                    k == 5 ? 60 : 8);
        make_ids(&t.strings[k], n, k == 2 || k == 3, k == 2 ? 4 : 1);
    }
    return t;
}

static void free_table(table *t)
{
    for (int k = 0; k < STRINGS; k++) {
        for (uint32_t i = 1; i < t->strings[k].value_count; i++) {
            free((void *)t->strings[k].values[i].at);
        }
        free(t->strings[k].values);
        free(t->strings[k].ids);
        free(t->strings[k].offsets);
        free(t->strings[k].nulls);
    }
    for (uint32_t i = 0; i < t->n; i++) {
        free((void *)t->blobs[i].at);
    }
    free(t->blobs);
    free(t->times);
    free(t->longs);
    free(t->doubles);
    free(t->floats);
    free(t->long_nulls);
    free(t->double_nulls);
    free(t->blob_nulls);
}

static bool append_to_buf(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

static const weir_complex some_complex = {.name = "thetaSketch"};

static void write_table(const table *t, bool thorough, weir_buf *out, weir_segment_info *info)
{
    weir_error err;
    weir_segment_writer *w =
        weir_segment_writer_new((weir_file){out, append_to_buf}, NULL, t->n, thorough);
    assert_true(weir_segment_put_time(w, t->times, &err));
    assert_true(weir_segment_put_double(w, WEIR_STR("price"), true, t->doubles, t->double_nulls,
                                        &err)); /* a metric put early */
    for (int k = 0; k < STRINGS; k++) {
        const strings *col = &t->strings[k];
        assert_true(weir_segment_put_string(w, weir_str_of(col->name), true, col->value_count,
                                            col->values, col->ids, col->offsets, col->nulls, &err));
    }
    assert_true(weir_segment_put_long(w, WEIR_STR("delta"), false, t->longs, t->long_nulls, &err));
    assert_true(weir_segment_put_float(w, WEIR_STR("score"), true, t->floats, NULL, &err));
    assert_true(weir_segment_put_complex(w, WEIR_STR("sketch"), &some_complex, t->blobs,
                                         t->blob_nulls, &err));
    assert_true(weir_segment_writer_end(w, info, &err));
    assert_int_equal(info->bytes, out->size);
    assert_int_equal(info->rows, t->n);
    assert_true(info->min_time == t->times[0] && info->max_time == t->times[t->n - 1]);
}

static void free_bytes(void *self)
{
    free(self);
}

static weir_bytes copy_bytes(const char *at, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, at, size);
    return (weir_bytes){copy, size, free_bytes, copy, NULL};
}

/* ---- comparing ---- */

static const weir_str *value_of(const strings *col, uint32_t id)
{
    return id ? &col->values[id] : NULL;
}

static void check_strings(const table *t, const strings *col, const weir_vec *vec,
                          const uint32_t *rows)
{
    (void)t;
    for (uint32_t i = 0; i < vec->n; i++) {
        uint32_t row = rows[i], want[8], count = 0;
        bool null;
        if (col->offsets) {
            null = weir_bit(col->nulls, row);
            for (uint32_t k = col->offsets[row]; k < col->offsets[row + 1]; k++) {
                want[count++] = col->ids[k];
            }
        } else {
            want[count++] = col->ids[row];
            null = col->ids[row] == 0;
        }
        if (vec->form == WEIR_LIST) {
            assert_int_equal(weir_vec_is_null(vec, i), null);
            if (!null) {
                assert_int_equal(vec->at.offsets[i + 1] - vec->at.offsets[i], count);
                assert_memory_equal(vec->items->at.ids + vec->at.offsets[i], want,
                                    count * sizeof(*want));
            }
        } else {
            assert_int_equal(vec->at.ids[vec->form == WEIR_CONST ? 0 : i], null ? 0 : want[0]);
        }
    }
}

static void check_vec(const table *t, const weir_column *col, const weir_vec *vec,
                      const uint32_t *rows)
{
    for (int k = 0; k < STRINGS; k++) {
        if (weir_str_is(col->name, t->strings[k].name)) {
            check_strings(t, &t->strings[k], vec, rows);
            return;
        }
    }
    for (uint32_t i = 0; i < vec->n; i++) {
        uint32_t row = rows[i], at = vec->form == WEIR_CONST ? 0 : i;
        const uint64_t *nulls = weir_str_is(col->name, "delta")    ? t->long_nulls
                                : weir_str_is(col->name, "price")  ? t->double_nulls
                                : weir_str_is(col->name, "sketch") ? t->blob_nulls
                                                                   : NULL;
        bool null = nulls && weir_bit(nulls, row);
        assert_int_equal(weir_vec_is_null(vec, i), null);
        if (null) {
            continue;
        }
        if (weir_str_is(col->name, "__time")) {
            assert_true(vec->at.l[at] == t->times[row]);
        } else if (weir_str_is(col->name, "delta")) {
            assert_true(vec->at.l[at] == t->longs[row]);
        } else if (weir_str_is(col->name, "price")) {
            double v = vec->form == WEIR_SCALED ? (double)vec->at.l[at] / 100 : vec->at.d[at];
            assert_true(vec->form != WEIR_SCALED || vec->scale == 2);
            assert_true(v == t->doubles[row]);
        } else if (weir_str_is(col->name, "score")) {
            assert_true(vec->at.f[at] == t->floats[row]);
        } else {
            assert_true(weir_str_eq(vec->at.s[at], t->blobs[row]));
        }
    }
}

static void check_columns(const table *t, const weir_rows *rows)
{
    weir_scratch s = {0};
    weir_error err;
    for (uint32_t k = 0; k < rows->ops->column_count(rows); k++) {
        const weir_column *col = rows->ops->column_at(rows, k);
        for (uint32_t c = 0; c < rows->ops->chunks(rows); c++) {
            weir_chunk_info info;
            rows->ops->chunk(rows, c, &info);
            uint32_t base = c * WEIR_CHUNK_ROWS;
            for (uint32_t from = 0, n; from < info.row_count; from += n) {
                uint32_t numbers[WEIR_BLOCK_ROWS], picked_numbers[WEIR_BLOCK_ROWS], picked = 0;
                uint16_t picks[WEIR_BLOCK_ROWS];
                weir_vec vec;
                n = 1 + below(WEIR_BLOCK_ROWS);
                n = n < info.row_count - from ? n : info.row_count - from;
                for (uint32_t i = 0; i < n; i++) {
                    numbers[i] = base + from + i;
                    if (below(from % 2 ? 100 : 3) == 0) {
                        picks[picked] = (uint16_t)(from + i);
                        picked_numbers[picked++] = base + from + i;
                    }
                }
                assert_true(col->ops->read(col, c, from, n, from % 3 == 0, &s, &vec, &err));
                assert_int_equal(vec.n, n);
                check_vec(t, col, &vec, numbers);
                if (picked) {
                    assert_true(col->ops->gather(col, c, picks, picked, &s, &vec, &err));
                    assert_int_equal(vec.n, picked);
                    check_vec(t, col, &vec, picked_numbers);
                }
                weir_scratch_done(&s);
            }
        }
    }
    weir_scratch_done(&s);
}

static void check_dictionary(const strings *col, const weir_dict *dict)
{
    weir_scratch s = {0};
    weir_error err;
    assert_true(dict->sorted);
    assert_int_equal(dict->count, col->value_count);
    for (uint32_t turn = 0; turn < 12 && dict->count > 1; turn++) {
        uint32_t ids[300], n = 0;
        weir_str out[300];
        for (uint32_t id = 1 + below(dict->count - 1); id < dict->count && n < 300;
             id += turn % 2 ? 1 : 1 + below(dict->count / 50 + 2)) {
            ids[n++] = id;
        }
        if (turn % 7 == 6) { /* out of order works too */
            uint32_t swap = ids[0];
            ids[0] = ids[n - 1];
            ids[n - 1] = swap;
        }
        assert_true(dict->ops->values(dict, ids, n, &s, out, &err));
        for (uint32_t i = 0; i < n; i++) {
            assert_true(weir_str_eq(out[i], *value_of(col, ids[i])));
        }
        weir_str value = col->values[ids[0]];
        assert_int_equal(dict->ops->find(dict, value), ids[0]);
        assert_int_equal(dict->ops->lower_bound(dict, value), ids[0]);
        char longer[60000]; /* just after the value, most often not there itself */
        memcpy(longer, value.at, value.size);
        longer[value.size] = (char)below(30);
        weir_str after = {longer, value.size + 1};
        uint32_t bound = dict->ops->lower_bound(dict, after);
        assert_true(bound == 1 || weir_str_cmp(col->values[bound - 1], after) < 0);
        assert_true(bound == dict->count || weir_str_cmp(col->values[bound], after) >= 0);
        bool there = bound < dict->count && weir_str_eq(col->values[bound], after);
        assert_int_equal(dict->ops->find(dict, after), there ? bound : WEIR_NO_ID);
        weir_scratch_done(&s);
    }
    assert_int_equal(dict->ops->find(dict, WEIR_STR("\xF4\x8F\xBF\xBF")), WEIR_NO_ID);
    assert_int_equal(dict->ops->find(dict, WEIR_STR("nobody")), WEIR_NO_ID);
}

static bool posting_has(const weir_posting *p, uint32_t row)
{
    for (uint32_t i = 0; i < (p->kind == WEIR_POSTING_RUNS ? p->runs : p->count); i++) {
        uint16_t pair[2] = {0};
        if (p->kind == WEIR_POSTING_BITSET) {
            return ((const uint8_t *)p->at)[row >> 3] >> (row & 7) & 1;
        }
        size_t size = p->kind == WEIR_POSTING_RUNS ? 4 : 2;
        memcpy(pair, (const uint8_t *)p->at + size * i, size);
        if (row >= pair[0] && row <= (uint32_t)pair[0] + pair[1]) {
            return true;
        }
    }
    return false;
}

static void check_postings(const strings *col, const weir_column *base, uint32_t chunk,
                           uint32_t rows)
{
    for (int turn = 0; turn < 4; turn++) {
        weir_posting p;
        uint32_t id = turn == 0 ? 0 : below(col->value_count), count = 0;
        assert_true(base->ops->postings(base, chunk, id, NULL, &p));
        for (uint32_t i = 0; i < rows; i++) {
            uint32_t row = chunk * WEIR_CHUNK_ROWS + i;
            bool has = col->offsets ? id == 0 && (weir_bit(col->nulls, row) ||
                                                  col->offsets[row] == col->offsets[row + 1])
                                    : col->ids[row] == id;
            for (uint32_t k = col->offsets ? col->offsets[row] : 0;
                 col->offsets && k < col->offsets[row + 1]; k++) {
                has = has || col->ids[k] == id;
            }
            count += has;
            if (i < 1000) {
                assert_int_equal(p.count ? posting_has(&p, i) : false, has);
            }
        }
        assert_int_equal(p.count, count);
    }
}

static void check_segment(const table *t, const weir_rows *rows)
{
    check_columns(t, rows);
    static const char *const order[] = {"__time",  "country", "user",  "tags",  "single", "none",
                                        "comment", "delta",   "price", "score", "sketch"};
    assert_int_equal(rows->ops->column_count(rows), 11);
    for (uint32_t i = 0; i < 11; i++) {
        assert_true(weir_str_is(rows->ops->column_at(rows, i)->name, order[i]));
    }
    assert_null(rows->ops->column(rows, WEIR_STR("nobody")));
    assert_true(rows->interval.start_ms == t->times[0] &&
                rows->interval.end_ms == t->times[t->n - 1] + 1);
    for (int k = 0; k < STRINGS; k++) {
        const weir_column *col = rows->ops->column(rows, weir_str_of(t->strings[k].name));
        check_dictionary(&t->strings[k], col->dict);
        for (uint32_t c = 0; col->indexed && c < rows->ops->chunks(rows); c++) {
            weir_chunk_info info;
            rows->ops->chunk(rows, c, &info);
            check_postings(&t->strings[k], col, c, info.row_count);
        }
    }
}

static void segments_come_back_row_by_row(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 5, 700, 4097, 66000};
    for (uint32_t k = 0; k < 5; k++) {
        seed = 40 + k;
        table t = make_table(sizes[k]);
        weir_buf file = {0};
        weir_segment_info info;
        weir_error err;
        weir_segment *seg;
        write_table(&t, k % 2, &file, &info);
        assert_true(weir_segment_open_expect("a", copy_bytes(file.at, file.size), info.footer_xxh3,
                                             &seg, &err));
        check_segment(&t, weir_segment_rows(seg));
        if (!weir_segment_verify(seg, &err)) {
            fail_msg("%s", err.message);
        }
        check_segment(&t, weir_segment_rows(seg)); /* once everything is open */
        weir_segment_unref(seg);
        weir_buf_done(&file);
        free_table(&t);
    }
}

static void a_segment_is_mapped_from_its_file(void **state)
{
    (void)state;
    seed = 50;
    table t = make_table(300);
    weir_buf file = {0};
    weir_segment_info info;
    weir_error err;
    weir_segment *seg;
    weir_bytes bytes;
    write_table(&t, false, &file, &info);
    char path[] = "/tmp/weir-frozen-XXXXXX";
    int fd = mkstemp(path);
    FILE *out = fdopen(fd, "wb");
    assert_int_equal(fwrite(file.at, 1, file.size, out), file.size);
    fclose(out);
    assert_true(weir_bytes_map(path, &bytes, &err));
    assert_true(weir_segment_open(path, bytes, &seg, &err));
    check_segment(&t, weir_segment_rows(seg));
    weir_segment_unref(seg);
    remove(path);
    assert_false(weir_bytes_map(path, &bytes, &err));
    assert_non_null(strstr(err.message, path));
    weir_buf_done(&file);
    free_table(&t);
}

static void an_index_is_kept_where_it_pays_and_never_when_not_asked_for(void **state)
{
    (void)state;
    seed = 51;
    table t = make_table(20000);
    weir_buf file = {0};
    weir_segment_info info;
    weir_error err;
    weir_segment *seg;
    write_table(&t, false, &file, &info);
    assert_true(weir_segment_open("a", copy_bytes(file.at, file.size), &seg, &err));
    const weir_rows *rows = weir_segment_rows(seg);
    assert_true(rows->ops->column(rows, WEIR_STR("country"))->indexed);
    assert_true(rows->ops->column(rows, WEIR_STR("tags"))->indexed);
    const weir_column *user = rows->ops->column(rows, WEIR_STR("user"));
    weir_posting p;
    assert_false(user->indexed);
    assert_false(user->ops->postings(user, 0, 1, NULL, &p));
    assert_true(rows->ops->column(rows, WEIR_STR("tags"))->type.multi);
    assert_false(rows->ops->column(rows, WEIR_STR("single"))->type.multi);
    weir_segment_unref(seg);
    file.size = 0;
    weir_segment_writer *w =
        weir_segment_writer_new((weir_file){&file, append_to_buf}, NULL, t.n, false);
    const strings *col = &t.strings[0];
    assert_true(weir_segment_put_time(w, t.times, &err));
    assert_true(weir_segment_put_string(w, weir_str_of(col->name), false, col->value_count,
                                        col->values, col->ids, NULL, NULL, &err));
    assert_true(weir_segment_writer_end(w, &info, &err));
    assert_true(weir_segment_open("a", copy_bytes(file.at, file.size), &seg, &err));
    rows = weir_segment_rows(seg);
    assert_false(rows->ops->column(rows, WEIR_STR("country"))->indexed);
    weir_segment_unref(seg);
    weir_buf_done(&file);
    free_table(&t);
}

static bool append_until(void *self, const void *bytes, size_t size, weir_error *err)
{
    size_t *left = self;
    (void)bytes;
    if (*left < size) {
        return weir_fail(err, WEIR_ERR_STORE, "disk is full");
    }
    *left -= size;
    return true;
}

static void a_full_disk_fails_the_write_wherever_it_happens(void **state)
{
    (void)state;
    seed = 52;
    table t = make_table(2000);
    weir_buf file = {0};
    weir_segment_info info;
    write_table(&t, false, &file, &info);
    for (size_t room = 0; room < file.size; room += file.size / 40 + 1) {
        size_t left = room;
        weir_error err = {0};
        const strings *col = &t.strings[5];
        weir_segment_writer *w =
            weir_segment_writer_new((weir_file){&left, append_until}, NULL, t.n, false);
        bool ok = weir_segment_put_time(w, t.times, &err) &&
                  weir_segment_put_string(w, weir_str_of(col->name), true, col->value_count,
                                          col->values, col->ids, NULL, NULL, &err) &&
                  weir_segment_put_complex(w, WEIR_STR("sketch"), &some_complex, t.blobs,
                                           t.blob_nulls, &err);
        if (ok) {
            ok = weir_segment_writer_end(w, &info, &err);
        } else {
            weir_segment_writer_abandon(w);
        }
        assert_true(ok || strstr(err.message, "disk is full"));
    }
    weir_buf_done(&file);
    free_table(&t);
}

/* ---- damage ---- */

static void hash_vec(uint64_t *digest, const weir_vec *vec)
{
    for (uint32_t i = 0; i < vec->n; i++) {
        uint64_t word = 7;
        uint32_t at = vec->form == WEIR_CONST ? 0 : i;
        if (vec->form == WEIR_LIST) {
            word = vec->at.offsets[i + 1];
            for (uint32_t k = vec->at.offsets[i]; k < vec->at.offsets[i + 1]; k++) {
                word = word * 31 + vec->items->at.ids[k];
            }
        } else if (!weir_vec_is_null(vec, i) && vec->type.kind == WEIR_STRING) {
            word = vec->at.ids[at];
        } else if (!weir_vec_is_null(vec, i) && vec->type.kind == WEIR_COMPLEX) {
            word = vec->at.s[at].size;
            for (size_t k = 0; k < vec->at.s[at].size; k++) {
                word = word * 31 + (uint8_t)vec->at.s[at].at[k];
            }
        } else if (!weir_vec_is_null(vec, i)) {
            memcpy(&word,
                   vec->type.kind == WEIR_FLOAT ? (const void *)&vec->at.f[at]
                                                : (const void *)&vec->at.l[at],
                   vec->type.kind == WEIR_FLOAT ? 4 : 8);
        }
        *digest = (*digest ^ word ^ ((uint64_t)weir_vec_is_null(vec, i) << 63)) *
                  UINT64_C(0x9E3779B97F4A7C15);
    }
}

/* Everything a query could ask of a segment, boiled down to a number. */
static bool digest_of(const weir_rows *rows, uint64_t *digest, weir_error *err)
{
    weir_scratch s = {0};
    bool ok = true;
    *digest = 1;
    for (uint32_t k = 0; k < rows->ops->column_count(rows) && ok; k++) {
        const weir_column *col = rows->ops->column_at(rows, k);
        for (uint32_t i = 0; i < col->name.size; i++) {
            *digest = *digest * 31 + (uint8_t)col->name.at[i];
        }
        for (uint32_t c = 0; c < rows->ops->chunks(rows) && ok; c++) {
            weir_chunk_info info;
            weir_zone zone;
            weir_vec vec;
            weir_posting p;
            rows->ops->chunk(rows, c, &info);
            *digest = *digest * 31 + (uint64_t)info.min_time + info.row_count;
            if (col->ops->zone(col, c, &zone)) {
                *digest = *digest * 31 + zone.null_count;
            }
            uint32_t n = info.row_count < WEIR_BLOCK_ROWS ? info.row_count : WEIR_BLOCK_ROWS;
            ok = col->ops->read(col, c, 0, n, false, &s, &vec, err);
            if (ok) {
                hash_vec(digest, &vec);
            }
            if (ok && col->indexed && !col->ops->postings(col, c, 1, &s, &p)) {
                weir_fail(err, WEIR_ERR_CORRUPT,
                          "segment 'small': (a scan takes the place of the index)");
                ok = false;
            } else if (ok && col->indexed) {
                *digest = *digest * 31 + p.count;
            }
        }
        for (uint32_t id = 1; ok && col->dict && id < col->dict->count; id++) {
            weir_str value;
            ok = col->dict->ops->values(col->dict, &id, 1, &s, &value, err);
            if (ok) {
                *digest = *digest * 31 + value.size;
                assert_int_equal(col->dict->ops->find(col->dict, value), id);
            }
        }
    }
    weir_scratch_done(&s);
    return ok;
}

typedef struct reader {
    const weir_rows *rows;
    uint64_t digest;
    bool ok;
} reader;

static void *read_all(void *argument)
{
    reader *r = argument;
    weir_error err;
    r->ok = digest_of(r->rows, &r->digest, &err);
    return NULL;
}

static void threads_that_open_the_same_blocks_at_once_see_the_same(void **state)
{
    (void)state;
    seed = 55;
    table t = make_table(1500);
    weir_buf file = {0};
    weir_segment_info info;
    weir_error err;
    write_table(&t, false, &file, &info);
    for (int turn = 0; turn < 3; turn++) {
        weir_segment *seg;
        pthread_t threads[4];
        reader readers[4];
        assert_true(weir_segment_open("a", copy_bytes(file.at, file.size), &seg, &err));
        for (int i = 0; i < 4; i++) {
            readers[i] = (reader){.rows = weir_segment_rows(seg)};
            assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_true(readers[i].ok);
            assert_true(readers[i].digest == readers[0].digest);
        }
        weir_segment_unref(seg);
    }
    weir_buf_done(&file);
    free_table(&t);
}

static void every_flipped_byte_is_an_error_that_names_the_segment_or_changes_nothing(void **state)
{
    (void)state;
    seed = 53;
    table t = make_table(40);
    weir_buf file = {0};
    weir_segment_info info;
    weir_error err;
    weir_segment *seg;
    uint64_t want, got;
    uint32_t refused = 0, failed = 0;
    write_table(&t, false, &file, &info);
    assert_true(weir_segment_open("small", copy_bytes(file.at, file.size), &seg, &err));
    assert_true(digest_of(weir_segment_rows(seg), &want, &err));
    weir_segment_unref(seg);
    for (size_t at = 0; at < file.size; at++) {
        weir_bytes bytes = copy_bytes(file.at, file.size);
        ((uint8_t *)bytes.self)[at] ^= (uint8_t)(1 + below(255));
        err.message[0] = 0;
        if (!weir_segment_open("small", bytes, &seg, &err)) {
            refused++;
            assert_non_null(strstr(err.message, "'small'"));
            continue;
        }
        if (digest_of(weir_segment_rows(seg), &got, &err)) {
            assert_true(got == want);
        } else {
            failed++;
            assert_non_null(strstr(err.message, "'small'"));
            assert_false(weir_segment_verify(seg, &err));
        }
        weir_segment_unref(seg);
    }
    assert_true(refused > 100 && failed > 100);
    for (size_t cut = 0; cut < file.size; cut++) {
        assert_false(weir_segment_open("small", copy_bytes(file.at, cut), &seg, &err));
        assert_non_null(strstr(err.message, "'small'"));
    }
    weir_buf_done(&file);
    free_table(&t);
}

/* A forged file: the checksums are right, the content is not. Nothing may be read outside the
 * bytes. */
static void the_expected_footer_is_told_from_another(void **state)
{
    (void)state;
    seed = 54;
    table t = make_table(10);
    weir_buf file = {0};
    weir_segment_info info;
    weir_error err;
    weir_segment *seg;
    write_table(&t, false, &file, &info);
    assert_false(weir_segment_open_expect("s", copy_bytes(file.at, file.size), info.footer_xxh3 + 1,
                                          &seg, &err));
    assert_non_null(strstr(err.message, "'s'"));
    weir_buf_done(&file);
    free_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_come_back_row_by_row),
        cmocka_unit_test(a_segment_is_mapped_from_its_file),
        cmocka_unit_test(an_index_is_kept_where_it_pays_and_never_when_not_asked_for),
        cmocka_unit_test(a_full_disk_fails_the_write_wherever_it_happens),
        cmocka_unit_test(every_flipped_byte_is_an_error_that_names_the_segment_or_changes_nothing),
        cmocka_unit_test(threads_that_open_the_same_blocks_at_once_see_the_same),
        cmocka_unit_test(the_expected_footer_is_told_from_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
