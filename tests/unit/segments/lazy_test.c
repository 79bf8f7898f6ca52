/* tests/unit/segments/lazy_test.c - segments of a store that cannot map, brought as they are
 * needed: what is read equals the same bytes opened whole, whatever the store and the disk do, and
 * what is fetched is little. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "log_helper.h"
#include "weir/catalog.h"
#include "weir/log.h"

enum {
    CHUNKS = 3,
    ROWS = 2 * WEIR_CHUNK_ROWS + 1000,
    COLUMNS = 12,
    NAMES = 20000,
    SEGMENTS_MAX = 40
};
#define HOUR_MS 3600000ll

/* ---- a store that counts gets of segments ---- */

typedef struct counting {
    weir_store base;
    weir_store *inner;
    _Atomic uint64_t gets, bytes;
} counting;

static weir_get counted_get(weir_store *store, weir_str key, uint64_t from, uint64_t size,
                            weir_buf *out, weir_error *err)
{
    counting *c = (counting *)store;
    size_t had = out->size;
    weir_get got = c->inner->ops->get(c->inner, key, from, size, out, err);
    if (memmem(key.at, key.size, "/segments/", 10)) {
        c->gets++;
        c->bytes += out->size - had;
    }
    return got;
}
static weir_put counted_put(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    weir_store *inner = ((counting *)store)->inner;
    return inner->ops->put(inner, key, bytes, err);
}
static weir_put counted_put_if_absent(weir_store *store, weir_str key, weir_str bytes,
                                      weir_error *err)
{
    weir_store *inner = ((counting *)store)->inner;
    return inner->ops->put_if_absent(inner, key, bytes, err);
}
static bool counted_list(weir_store *store, weir_str prefix, weir_str after,
                         bool (*see)(void *self, weir_str key, uint64_t size), void *self,
                         weir_error *err)
{
    weir_store *inner = ((counting *)store)->inner;
    return inner->ops->list(inner, prefix, after, see, self, err);
}
static bool counted_remove(weir_store *store, weir_str key, weir_error *err)
{
    weir_store *inner = ((counting *)store)->inner;
    return inner->ops->remove(inner, key, err);
}
static const weir_store_ops counted_ops = {.put_if_absent = counted_put_if_absent,
                                           .put = counted_put,
                                           .get = counted_get,
                                           .list = counted_list,
                                           .remove = counted_remove};

/* ---- a table of segments, one an hour ---- */

typedef struct fixture {
    seeded seed;
    counting store;
    char folder[64];
    weir_catalog *catalog;
    weir_buf segments[SEGMENTS_MAX]; /* their bytes, in order of time */
    weir_str ids[SEGMENTS_MAX];
    uint32_t count;
    uint64_t cache_bytes;
    bool threads;
} fixture;

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        char below[600];
        snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(below) != 0) {
            remove_tree(below);
        }
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(path);
}

static void pass_time(void *self, int64_t ms)
{
    ((seeded *)self)->now_us += ms * 1000;
}

static void open_catalog(fixture *f)
{
    weir_error err = {0};
    weir_catalog_options options = {.store = &f->store.base,
                                    .clock = f->threads ? &weir_clock_system : &f->seed.clock,
                                    .node = WEIR_STR("host:1"),
                                    .cache_path = f->folder,
                                    .cache_bytes = f->cache_bytes,
                                    .threads = f->threads,
                                    .wait = f->threads ? NULL : pass_time,
                                    .wait_self = &f->seed};
    f->catalog = weir_catalog_open(&options, &err);
    if (!f->catalog) {
        fail_msg("%s", err.message);
    }
}

static void restart(fixture *f)
{
    weir_catalog_close(f->catalog);
    open_catalog(f);
    f->store.gets = f->store.bytes = 0;
}

static int begin(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    seeded_init(&f->seed, 17);
    f->store = (counting){.base = {&counted_ops, WEIR_STR("counting")},
                          .inner = weir_store_memory_new(&f->seed.clock)};
    strcpy(f->folder, "/tmp/weir-lazy-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    open_catalog(f);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_catalog_close(f->catalog);
    weir_store_free(f->store.inner);
    for (uint32_t i = 0; i < f->count; i++) {
        weir_buf_done(&f->segments[i]);
        free((void *)(uintptr_t)f->ids[i].at);
    }
    remove_tree(f->folder);
    test_free(f);
    return 0;
}

static bool append_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

/* Columns: __time; s0..s5 strings of 5, 10, ... NAMES values; l6.. longs. */
static void write_segment(fixture *f, weir_buf *out, int64_t from_ms, uint32_t n,
                          weir_segment_info *info)
{
    weir_error err = {0};
    int64_t *longs = malloc(n * sizeof(*longs));
    uint32_t *ids = malloc(n * sizeof(*ids));
    weir_str *values = calloc(NAMES + 1, sizeof(*values));
    char *text = malloc((NAMES + 1) * 8);
    for (uint32_t i = 1; i <= NAMES; i++) {
        snprintf(text + i * 8, 8, "v%06u", i);
        values[i] = (weir_str){text + i * 8, 7};
    }
    weir_segment_writer *w =
        weir_segment_writer_new((weir_file){out, append_bytes}, NULL, n, false);
    for (uint32_t i = 0; i < n; i++) {
        longs[i] = from_ms + (int64_t)((uint64_t)i * (HOUR_MS - 1) / n);
    }
    bool ok = weir_segment_put_time(w, longs, &err);
    for (uint32_t c = 0; c < COLUMNS && ok; c++) {
        char name[8];
        uint32_t values_here = c < 5 ? 5u << c : NAMES;
        snprintf(name, sizeof(name), "%c%u", c < 6 ? 's' : 'l', c);
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = draw(&f->seed, values_here + 1);
            longs[i] = (int64_t)draw(&f->seed, 1u << 30);
        }
        ok = c < 6 ? weir_segment_put_string(w, weir_str_of(name), true, values_here + 1, values,
                                             ids, NULL, NULL, &err)
                   : weir_segment_put_long(w, weir_str_of(name), false, longs, NULL, &err);
    }
    if (!ok || !weir_segment_writer_end(w, info, &err)) {
        fail_msg("%s", err.message);
    }
    free(longs);
    free(ids);
    free(values);
    free(text);
}

static weir_table *table_of(fixture *f)
{
    weir_error err = {0};
    weir_table *table = weir_catalog_table_create(f->catalog, WEIR_STR("t"), &err);
    if (!table) {
        fail_msg("%s", err.message);
    }
    return table;
}

/* Hours 0, 1, ... of `n` rows each, beginning `gap` hours apart. */
static void add_hours(fixture *f, uint32_t count, uint32_t n, int64_t gap)
{
    weir_table *table = table_of(f);
    weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
    weir_error err = {0};
    int rule;
    for (uint32_t i = 0; i < count; i++) {
        weir_segment_info info;
        int64_t from_ms = (int64_t)f->count * gap * HOUR_MS;
        weir_buf *bytes = &f->segments[f->count];
        write_segment(f, bytes, from_ms, n, &info);
        weir_added added = {weir_segment_id_new(commit->arena, 1, &f->seed.clock),
                            from_ms,
                            info.max_time + 1,
                            n,
                            n,
                            info.bytes,
                            info.footer_bytes,
                            info.footer_xxh3};
        f->ids[f->count++] = weir_str_dup(added.id);
        weir_str key = weir_key_segment(commit->arena, WEIR_STR("t"), added.id);
        assert_int_equal(f->store.base.ops->put(&f->store.base, key, weir_buf_view(bytes), &err),
                         WEIR_PUT_DONE);
        weir_commit_add_segment(commit, &added);
    }
    assert_int_equal(weir_table_commit(table, commit, NULL, NULL, &rule, &err), WEIR_COMMIT_LANDED);
}

static weir_segment *open_whole(const fixture *f, uint32_t i)
{
    weir_error err = {0};
    weir_segment *seg = NULL;
    if (!weir_segment_open(
            "whole",
            (weir_bytes){(const uint8_t *)f->segments[i].at, f->segments[i].size, NULL, NULL, NULL},
            &seg, &err)) {
        fail_msg("%s", err.message);
    }
    return seg;
}

/* ---- comparing ---- */

static void same_vec(const weir_vec *a, const weir_vec *b, weir_scratch *s)
{
    weir_vec x, y;
    weir_error err;
    assert_int_equal(a->n, b->n);
    assert_true(weir_vec_flatten(a, s, &x, &err) && weir_vec_flatten(b, s, &y, &err));
    for (uint32_t i = 0; i < a->n; i++) {
        assert_int_equal(weir_vec_is_null(&x, i), weir_vec_is_null(&y, i));
        if (weir_vec_is_null(&x, i)) {
            continue;
        }
        if (a->type.kind == WEIR_STRING) {
            assert_true(weir_str_eq(x.at.s[i], y.at.s[i]));
        } else {
            assert_int_equal(x.at.l[i], y.at.l[i]);
        }
    }
}

/* Compares rows of a column, a posting and a search with the same bytes opened whole. False: an
 * error that names the object, never anything else. */
static bool column_is_right(const weir_rows *rows, const weir_rows *whole, weir_str name,
                            uint32_t chunk, uint32_t from)
{
    weir_scratch s = {0};
    weir_error err = {0};
    weir_vec got, wanted;
    weir_posting a, b;
    const weir_column *col = rows->ops->column(rows, name), *twin = whole->ops->column(whole, name);
    assert_non_null(col);
    weir_chunk_info info;
    whole->ops->chunk(whole, chunk, &info);
    from = from + 500 > info.row_count ? 0 : from;
    uint32_t n = info.row_count < 500 ? info.row_count : 500;
    bool ok = col->ops->read(col, chunk, from, n, false, &s, &got, &err);
    if (ok) {
        weir_error why = {0};
        weir_vec flat;
        assert_true(twin->ops->read(twin, chunk, from, n, false, &s, &wanted, &err));
        ok = weir_vec_flatten(&got, &s, &flat, &why); /* a dictionary may fail to come */
        if (ok) {
            same_vec(&got, &wanted, &s);
        }
        err = ok ? err : why;
    }
    if (ok && twin->ops->postings(twin, chunk, 3, &s, &b) &&
        col->ops->postings(col, chunk, 3, &s, &a)) {
        assert_int_equal(a.count, b.count);
        assert_int_equal(a.kind, b.kind);
    }
    if (!ok) {
        assert_non_null(strstr(err.message, "t/segments/"));
        assert_true(err.code == WEIR_ERR_STORE || err.code == WEIR_ERR_CORRUPT);
    }
    weir_scratch_done(&s);
    return ok;
}

static void all_is_right(fixture *f, weir_view *view)
{
    for (uint32_t i = 0; i < view->count; i++) {
        weir_segment *seg = open_whole(f, i);
        weir_rows *whole = weir_segment_rows(seg);
        assert_int_equal(view->problems[i].size, 0);
        for (uint32_t c = 0; c < whole->ops->column_count(whole); c++) {
            for (uint32_t chunk = 0; chunk < whole->ops->chunks(whole); chunk++) {
                assert_true(column_is_right(view->rows[i], whole,
                                            whole->ops->column_at(whole, c)->name, chunk, 300));
            }
        }
        weir_segment_unref(seg);
    }
}

static uint64_t kept_bytes(const char *folder)
{
    DIR *dir = opendir(folder);
    uint64_t bytes = 0;
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        char path[600];
        struct stat st;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && stat(path, &st) == 0) {
            bytes += S_ISDIR(st.st_mode) ? kept_bytes(path) : (uint64_t)st.st_blocks * 512;
        }
    }
    if (dir) {
        closedir(dir);
    }
    return bytes;
}

/* The one cached file of a table with one segment. */
static void cached_file(const fixture *f, char *path)
{
    char cache[100];
    snprintf(cache, sizeof(cache), "%s/cache", f->folder);
    DIR *dir = opendir(cache);
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            snprintf(path, 300, "%s/%.40s/%.*s", cache, e->d_name, WEIR_STR_ARG(f->ids[0]));
        }
    }
    closedir(dir);
}

/* ---- tests ---- */

static void one_column_is_a_small_part_of_the_bytes(void **state)
{
    fixture *f = *state;
    add_hours(f, 1, ROWS, 1);
    f->store.gets = 0;
    weir_view *view = weir_table_view(table_of(f));
    assert_int_equal(f->store.gets, 1); /* the footer */
    weir_rows *rows = view->rows[0];
    static const char *const names[] = {"l7", "s2", "s5"};
    for (uint32_t i = 0; i < 3; i++) {
        weir_str name = weir_str_of(names[i]);
        weir_need need = {0, CHUNKS, 1, &name};
        weir_error err = {0};
        f->store.gets = f->store.bytes = 0;
        assert_int_equal(rows->ops->prepare(rows, &need, (weir_wake){0}, &err), WEIR_READY);
        assert_in_range(f->store.gets, 1, 3);
        assert_in_range(f->store.bytes, 1, f->segments[0].size / 4);
        f->store.gets = 0;
        weir_segment *seg = open_whole(f, 0);
        assert_true(column_is_right(rows, weir_segment_rows(seg), name, 2, 0));
        weir_segment_unref(seg);
        assert_int_equal(rows->ops->prepare(rows, &need, (weir_wake){0}, &err), WEIR_READY);
        assert_int_equal(f->store.gets, 0);
    }
    weir_view_unref(view);
}

static void only_the_chunks_that_are_asked_for_come(void **state)
{
    fixture *f = *state;
    add_hours(f, 1, ROWS, 1);
    weir_view *view = weir_table_view(table_of(f));
    weir_str name = WEIR_STR("l8");
    weir_need one = {1, 1, 1, &name}, all = {0, CHUNKS, 1, &name};
    weir_error err = {0};
    f->store.bytes = 0;
    assert_int_equal(view->rows[0]->ops->prepare(view->rows[0], &one, (weir_wake){0}, &err),
                     WEIR_READY);
    uint64_t bytes = f->store.bytes;
    assert_int_equal(view->rows[0]->ops->prepare(view->rows[0], &all, (weir_wake){0}, &err),
                     WEIR_READY);
    assert_in_range(bytes, 1, f->store.bytes * 2 / 3);
    weir_view_unref(view);
}

static void what_was_not_prepared_is_fetched_by_who_reads_it(void **state)
{
    fixture *f = *state;
    add_hours(f, 1, ROWS, 1);
    weir_view *view = weir_table_view(table_of(f));
    all_is_right(f, view);
    weir_view_unref(view);
}

static void a_second_process_fetches_nothing(void **state)
{
    fixture *f = *state;
    add_hours(f, 2, ROWS, 1);
    for (int round = 0; round < 2; round++) {
        weir_view *view = weir_table_view(table_of(f));
        all_is_right(f, view);
        weir_view_unref(view);
        assert_int_equal(f->store.gets == 0, round == 1);
        restart(f);
    }
}

static void an_own_file_is_taken_over_and_nothing_is_fetched(void **state)
{
    fixture *f = *state;
    char path[100];
    add_hours(f, 1, ROWS, 1);
    snprintf(path, sizeof(path), "%s/own", f->folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(f->segments[0].at, 1, f->segments[0].size, file), f->segments[0].size);
    fclose(file);
    weir_table_adopt_file(table_of(f), f->ids[0], path);
    assert_int_not_equal(access(path, F_OK), 0);
    f->store.gets = 0;
    weir_view *view = weir_table_view(table_of(f));
    all_is_right(f, view);
    weir_view_unref(view);
    assert_int_equal(f->store.gets, 0);
    assert_in_range(weir_catalog_cached_bytes(f->catalog), f->segments[0].size,
                    f->segments[0].size + 8192);
}

static void a_small_segment_comes_whole_with_its_footer(void **state)
{
    fixture *f = *state;
    add_hours(f, 1, 100, 1);
    weir_view *view = weir_table_view(table_of(f));
    all_is_right(f, view);
    assert_int_equal(f->store.gets, f->segments[0].size <= 64 << 10 ? 1 : f->store.gets);
    assert_in_range(f->store.gets, 1, 20);
    weir_view_unref(view);
}

static void a_view_opens_the_segments_of_its_time_alone(void **state)
{
    fixture *f = *state;
    add_hours(f, 30, 100, 2);
    weir_interval in = {10 * HOUR_MS, 14 * HOUR_MS}; /* hours 10 and 12; 8 and 14 are beside it */
    weir_view_need need = {.count = 1, .intervals = &in};
    restart(f);
    weir_view *view = weir_table_view_in(table_of(f), &need);
    assert_int_equal(view->count, 2);
    assert_int_equal(view->rows[0]->interval.start_ms, 10 * HOUR_MS);
    assert_in_range(f->store.gets, 2, 4);
    weir_view_unref(view);
    f->store.gets = 0;
    view = weir_table_view_in(table_of(f), &(weir_view_need){.ends = true});
    assert_int_equal(view->count, 2);
    assert_int_equal(view->rows[0]->interval.start_ms, 0);
    assert_int_equal(view->rows[1]->interval.start_ms, 58 * HOUR_MS);
    assert_int_equal(f->store.gets, 2);
    weir_view_unref(view);
    view = weir_table_view_in(table_of(f), &(weir_view_need){.last_ms = 5 * HOUR_MS});
    assert_int_equal(view->count, 3); /* 54 to 58 */
    weir_view_unref(view);
    view = weir_table_view(table_of(f));
    assert_int_equal(view->count, 30);
    weir_view_unref(view);
}

static void the_cache_stays_within_its_bound_and_answers_stay_right(void **state)
{
    fixture *f = *state;
    add_hours(f, 12, 20000, 1);
    f->cache_bytes = 3 * f->segments[0].size;
    restart(f);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < f->count; i++) {
            weir_interval in = {i * HOUR_MS, (i + 1) * HOUR_MS};
            weir_view *view =
                weir_table_view_in(table_of(f), &(weir_view_need){.count = 1, .intervals = &in});
            weir_segment *seg = open_whole(f, i);
            weir_rows *whole = weir_segment_rows(seg);
            for (uint32_t v = 0; v < view->count; v++) {
                bool it = view->rows[v]->interval.start_ms == in.start_ms;
                for (uint32_t c = 0; it && c < whole->ops->column_count(whole); c++) {
                    assert_true(column_is_right(view->rows[v], whole,
                                                whole->ops->column_at(whole, c)->name, 0, 7));
                }
            }
            weir_segment_unref(seg);
            weir_view_unref(view);
            assert_in_range(kept_bytes(f->folder), 1, f->cache_bytes);
        }
    }
    weir_view *view = weir_table_view(table_of(f)); /* more than the bound in one query */
    all_is_right(f, view);
    weir_view_unref(view);
    assert_in_range(kept_bytes(f->folder), 1, f->cache_bytes);
    f->cache_bytes = f->segments[0].size / 2;
    restart(f); /* a smaller bound counts what lies there */
    assert_in_range(kept_bytes(f->folder), 0, f->cache_bytes);
}

static void damage_on_the_disk_is_mended_from_the_store(void **state)
{
    fixture *f = *state;
    char path[300] = "";
    add_hours(f, 1, 20000, 1);
    weir_view *view = weir_table_view(table_of(f));
    all_is_right(f, view);
    weir_view_unref(view);
    cached_file(f, path);
    weir_catalog_close(f->catalog);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (uint64_t at = 100; at < f->segments[0].size; at += 30011) {
        uint8_t byte;
        assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    }
    close(fd);
    open_catalog(f);
    f->store.gets = 0;
    view = weir_table_view(table_of(f));
    all_is_right(f, view);
    assert_true(f->store.gets > 0);
    weir_view_unref(view);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_file_that_cannot_be_written_leads_to_memory(void **state)
{
    fixture *f = *state;
    char path[300] = "";
    add_hours(f, 1, 20000, 1);
    weir_view *view = weir_table_view(table_of(f));
    weir_segment *seg = open_whole(f, 0);
    assert_true(column_is_right(view->rows[0], weir_segment_rows(seg), WEIR_STR("l7"), 0, 0));
    cached_file(f, path);
    assert_int_equal(unlink(path), 0);
    all_is_right(f, view);
    weir_segment_unref(seg);
    weir_view_unref(view);
}

static void a_store_that_lies_never_makes_a_wrong_answer(void **state)
{
    fixture *f = *state;
    uint32_t wrong = 0, right = 0;
    add_hours(f, 3, 20000, 1);
    for (int round = 0; round < 12; round++) {
        weir_store_memory_faults(f->store.inner, &(weir_store_faults){0});
        char cache[100];
        snprintf(cache, sizeof(cache), "%s/cache", f->folder);
        weir_catalog_close(f->catalog);
        remove_tree(cache);
        open_catalog(f);
        weir_store_memory_faults(
            f->store.inner,
            &(weir_store_faults){.fail_ppm = 150000, .half_body_ppm = 150000, .flip_ppm = 250000});
        for (int again = 0; again < 3; again++) {
            weir_view *view = weir_table_view(table_of(f));
            for (uint32_t i = 0; i < view->count; i++) {
                if (view->problems[i].size > 0) {
                    assert_non_null(
                        memmem(view->problems[i].at, view->problems[i].size, "t/segments/", 11));
                    wrong++;
                    continue;
                }
                weir_segment *seg = open_whole(f, i);
                weir_rows *whole = weir_segment_rows(seg);
                for (uint32_t c = 0; c < whole->ops->column_count(whole); c++) {
                    bool ok =
                        column_is_right(view->rows[i], whole, whole->ops->column_at(whole, c)->name,
                                        0, draw(&f->seed, 19000));
                    right += ok;
                    wrong += !ok;
                }
                weir_segment_unref(seg);
            }
            weir_view_unref(view);
        }
    }
    assert_true(right > 100 && wrong > 10);
}

static void
a_search_that_could_not_be_answered_spoils_the_segment_until_it_is_opened_anew(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    add_hours(f, 1, 20000, 1);
    weir_view *view = weir_table_view(table_of(f));
    weir_rows *rows = view->rows[0];
    const weir_column *col = rows->ops->column(rows, WEIR_STR("s3"));
    weir_store_memory_faults(f->store.inner, &(weir_store_faults){.outage = true});
    assert_int_equal(col->dict->ops->find(col->dict, WEIR_STR("v000003")), WEIR_NO_ID);
    weir_store_memory_faults(f->store.inner, &(weir_store_faults){0});
    weir_str name = WEIR_STR("s3");
    assert_int_equal(rows->ops->prepare(rows, &(weir_need){0, 1, 1, &name}, (weir_wake){0}, &err),
                     WEIR_FAILED);
    weir_view_unref(view);
    view = weir_table_view(table_of(f));
    rows = view->rows[0];
    col = rows->ops->column(rows, name);
    assert_int_equal(rows->ops->prepare(rows, &(weir_need){0, 1, 1, &name}, (weir_wake){0}, &err),
                     WEIR_READY);
    assert_int_equal(col->dict->ops->find(col->dict, WEIR_STR("v000003")), 3);
    weir_view_unref(view);
}

/* ---- with threads ---- */

typedef struct reader {
    fixture *f;
    uint32_t seed;
} reader;

static void post(void *self)
{
    sem_post(self);
}

static void *read_some(void *self)
{
    reader *r = self;
    sem_t woken;
    sem_init(&woken, 0, 0);
    for (uint32_t round = 0; round < 30; round++) {
        weir_view *view = weir_table_view(table_of(r->f));
        uint32_t i = (r->seed + round * 7) % view->count;
        weir_segment *seg = open_whole(r->f, i);
        weir_rows *whole = weir_segment_rows(seg), *rows = view->rows[i];
        weir_str name = whole->ops->column_at(whole, (r->seed * 5 + round) % (COLUMNS + 1))->name;
        weir_error err = {0};
        weir_need need = {0, 1, 1, &name};
        weir_ready ready = round % 3
                               ? rows->ops->prepare(rows, &need, (weir_wake){post, &woken}, &err)
                               : WEIR_READY;
        while (ready == WEIR_WAIT) {
            sem_wait(&woken);
            ready = rows->ops->prepare(rows, &need, (weir_wake){post, &woken}, &err);
        }
        assert_int_equal(ready, WEIR_READY);
        assert_true(column_is_right(rows, whole, name, 0, round * 11));
        weir_segment_unref(seg);
        weir_view_unref(view);
    }
    sem_destroy(&woken);
    return NULL;
}

static void many_read_at_once_while_the_cache_evicts(void **state)
{
    fixture *f = *state;
    pthread_t threads[6];
    reader readers[6];
    add_hours(f, 6, 20000, 1);
    f->threads = true;
    f->cache_bytes = 2 * f->segments[0].size;
    restart(f);
    table_of(f);
    for (uint32_t i = 0; i < 6; i++) {
        readers[i] = (reader){f, i};
        pthread_create(&threads[i], NULL, read_some, &readers[i]);
    }
    for (uint32_t i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
    }
    weir_catalog_close(f->catalog); /* fetches end, views are gone */
    assert_in_range(kept_bytes(f->folder), 1, f->cache_bytes);
    f->threads = false;
    open_catalog(f);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_column_is_a_small_part_of_the_bytes, begin, end),
        cmocka_unit_test_setup_teardown(only_the_chunks_that_are_asked_for_come, begin, end),
        cmocka_unit_test_setup_teardown(what_was_not_prepared_is_fetched_by_who_reads_it, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_second_process_fetches_nothing, begin, end),
        cmocka_unit_test_setup_teardown(an_own_file_is_taken_over_and_nothing_is_fetched, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_small_segment_comes_whole_with_its_footer, begin, end),
        cmocka_unit_test_setup_teardown(a_view_opens_the_segments_of_its_time_alone, begin, end),
        cmocka_unit_test_setup_teardown(the_cache_stays_within_its_bound_and_answers_stay_right,
                                        begin, end),
        cmocka_unit_test_setup_teardown(damage_on_the_disk_is_mended_from_the_store, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_written_leads_to_memory, begin, end),
        cmocka_unit_test_setup_teardown(a_store_that_lies_never_makes_a_wrong_answer, begin, end),
        cmocka_unit_test_setup_teardown(
            a_search_that_could_not_be_answered_spoils_the_segment_until_it_is_opened_anew, begin,
            end),
        cmocka_unit_test_setup_teardown(many_read_at_once_while_the_cache_evicts, begin, end),
    };
    return cmocka_run_group_tests_name("lazy", tests, NULL, NULL);
}
