/* tests/unit/ingest/load_test.c - files in every packing through weir_load_run into a directory
 * store, read back through a view. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <lz4frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include "ingest/inflate.h"
#include "weir/ingest.h"
#include "weir/log.h"

typedef struct place { /* a folder with a store in it */
    char path[64];
    weir_store *store;
    weir_catalog *catalog;
    weir_arena *arena;
} place;

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int begin(void **state)
{
    weir_error err;
    place *p = weir_calloc(1, sizeof(*p));
    strcpy(p->path, "/tmp/weir-load-XXXXXX");
    assert_non_null(mkdtemp(p->path));
    p->arena = weir_arena_new();
    p->store = weir_store_dir_open(weir_arena_printf(p->arena, "%s/store", p->path).at, &err);
    assert_non_null(p->store);
    weir_catalog_options options = {.store = p->store,
                                    .clock = &weir_clock_system,
                                    .node = WEIR_STR("test"),
                                    .work_path = p->path};
    p->catalog = weir_catalog_open(&options, &err);
    assert_non_null(p->catalog);
    *state = p;
    return 0;
}

static int end(void **state)
{
    place *p = *state;
    weir_catalog_close(p->catalog);
    weir_store_free(p->store);
    weir_arena_free(p->arena);
    nftw(p->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

static const char *put_file(place *p, const char *name, const void *bytes, size_t size)
{
    const char *path = weir_arena_printf(p->arena, "%s/%s", p->path, name).at;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    return path;
}

static weir_buf make_lines(uint32_t from, uint32_t count)
{
    weir_buf lines = {0};
    for (uint32_t i = from; i < from + count; i++) {
        weir_buf_printf(&lines, "{\"ts\":%llu,\"id\":\"id%u\",\"v\":%u}\n", i * 36000ull, i, i);
    }
    return lines;
}

static const char spec[] =
    "{\"type\":\"index_parallel\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":"
    "{\"column\":\"ts\",\"format\":\"millis\"},\"dimensionsSpec\":{\"dimensions\":[\"id\"]},"
    "\"metricsSpec\":[{\"type\":\"longSum\",\"name\":\"v\",\"fieldName\":\"v\"}],"
    "\"granularitySpec\":{\"segmentGranularity\":\"HOUR\",\"rollup\":false}},"
    "\"ioConfig\":{\"inputFormat\":{\"type\":\"json\"},\"appendToExisting\":true}%s}}";

static bool load(place *p, const char *tuning, const char *label, uint32_t count,
                 const char *const *files, weir_load_result *out, weir_error *err)
{
    weir_load_options options = {.catalog = p->catalog,
                                 .clock = &weir_clock_system,
                                 .spec_json = weir_arena_printf(p->arena, spec, tuning),
                                 .file_count = count,
                                 .files = files,
                                 .work_path = p->path,
                                 .label = weir_str_of(label)};
    return weir_load_run(&options, out, err);
}

/* Rows of the table and the sum of v over them. */
static uint64_t count_rows(place *p, int64_t *sum)
{
    weir_error err;
    weir_scratch scratch = {0};
    weir_view *view = weir_table_view(weir_catalog_table(p->catalog, WEIR_STR("t")));
    uint64_t count = 0;
    *sum = 0;
    for (uint32_t s = 0; s < view->count; s++) {
        const weir_rows *rows = view->rows[s];
        const weir_column *v = rows->ops->column(rows, WEIR_STR("v"));
        for (uint32_t c = 0; c < rows->ops->chunks(rows); c++) {
            weir_chunk_info info;
            rows->ops->chunk(rows, c, &info);
            count += info.row_count;
            for (uint32_t from = 0; from < info.row_count; from += WEIR_BLOCK_ROWS) {
                uint32_t n = info.row_count - from < WEIR_BLOCK_ROWS ? info.row_count - from
                                                                     : WEIR_BLOCK_ROWS;
                weir_vec vec, flat;
                assert_true(v->ops->read(v, c, from, n, false, &scratch, &vec, &err) &&
                            weir_vec_flatten(&vec, &scratch, &flat, &err));
                for (uint32_t i = 0; i < n; i++) {
                    *sum += flat.at.l[i];
                }
            }
        }
    }
    weir_view_unref(view);
    weir_scratch_done(&scratch);
    return count;
}

static size_t lz4_frame(const weir_buf *in, char *out, size_t capacity)
{
    size_t size = LZ4F_compressFrame(out, capacity, in->at, in->size, NULL);
    assert_false(LZ4F_isError(size));
    return size;
}

static size_t gzip_member(const weir_buf *in, char *out, size_t capacity)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)in->at;
    z.avail_in = (uInt)in->size;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return capacity - z.avail_out;
}

static void every_packing_loads_each_row_once(void **state)
{
    place *p = *state;
    weir_error err;
    weir_load_result result;
    weir_buf plain = make_lines(0, 1000),
             packed[3] = {make_lines(1000, 1000), make_lines(2000, 1000), make_lines(3000, 1000)};
    plain.size--; /* the last line has no end */
    size_t capacity = 1 << 20;
    char *out = weir_alloc(capacity);
    const char *files[4];
    files[0] = put_file(p, "a.json", plain.at, plain.size);
    size_t size = gzip_member(&packed[0], out, capacity);
    files[1] = put_file(p, "b.json.gz", out, size);
    size = ZSTD_compress(out, capacity, packed[1].at, packed[1].size, 3);
    files[2] = put_file(p, "c.whatever", out, size);
    size = lz4_frame(&packed[2], out, capacity);
    files[3] = put_file(p, "d.lz4", out, size);
    if (!load(p, "", "", 4, files, &result, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.counts.kept, 4000);
    assert_int_equal(result.segments, 40); /* a hundred rows an hour */
    int64_t sum;
    assert_int_equal(count_rows(p, &sum), 4000);
    assert_int_equal(sum, 3999 * 4000 / 2);
    weir_buf_done(&plain);
    for (int i = 0; i < 3; i++) {
        weir_buf_done(&packed[i]);
    }
    free(out);
}

static void members_that_follow_each_other_are_one_file_and_a_cut_one_is_refused(void **state)
{
    place *p = *state;
    weir_error err;
    weir_load_result result;
    weir_buf lines = make_lines(0, 500);
    char *out = weir_alloc(1 << 20);
    size_t size = gzip_member(&lines, out, 1 << 20);
    memcpy(out + size, out, size);
    const char *twice = put_file(p, "twice.gz", out, size * 2),
               *cut = put_file(p, "cut.gz", out, size * 2 - 20);
    assert_true(load(p, "", "twice", 1, &twice, &result, &err));
    assert_int_equal(result.counts.kept, 1000);
    assert_false(load(p, "", "cut", 1, &cut, &result, &err));
    assert_non_null(strstr(err.message, "cut.gz"));
    size = ZSTD_compress(out, 1 << 20, lines.at, lines.size, 3);
    cut = put_file(p, "cut.zst", out, size - 9);
    assert_false(load(p, "", "cut", 1, &cut, &result, &err));
    assert_non_null(strstr(err.message, "cut.zst"));
    size = lz4_frame(&lines, out, 1 << 20);
    cut = put_file(p, "cut.lz4", out, size - 9);
    assert_false(load(p, "", "cut", 1, &cut, &result, &err));
    assert_non_null(strstr(err.message, "cut.lz4"));
    int64_t sum;
    assert_int_equal(count_rows(p, &sum), 1000); /* what failed left nothing */
    weir_buf_done(&lines);
    free(out);
}

static void a_label_loads_once(void **state)
{
    place *p = *state;
    weir_error err;
    weir_load_result result;
    weir_buf lines = make_lines(0, 10);
    const char *file = put_file(p, "x.json", lines.at, lines.size);
    assert_true(load(p, "", "once", 1, &file, &result, &err) && !result.already_done);
    assert_true(load(p, "", "once", 1, &file, &result, &err) && result.already_done);
    assert_true(load(p, "", "twice", 1, &file, &result, &err) && !result.already_done);
    int64_t sum;
    assert_int_equal(count_rows(p, &sum), 20);
    weir_buf_done(&lines);
}

static void bad_lines_are_counted_and_too_many_end_the_load(void **state)
{
    place *p = *state;
    weir_error err;
    weir_load_result result;
    static const char text[] = "{\"ts\":1,\"id\":\"a\",\"v\":1}\n\n{broken\n   \n{\"id\":\"no "
                               "time\"}\n{\"ts\":2,\"id\":\"b\",\"v\":2}\n";
    const char *file = put_file(p, "x.json", text, sizeof(text) - 1);
    assert_true(load(p, "", "", 1, &file, &result, &err));
    assert_int_equal(result.counts.kept, 2);
    assert_int_equal(result.counts.unparseable, 2);
    assert_false(
        load(p, ",\"tuningConfig\":{\"maxParseExceptions\":1}", "", 1, &file, &result, &err));
    assert_non_null(strstr(err.message, "maxParseExceptions"));
    file = "/nowhere/x.json";
    assert_false(load(p, "", "", 1, &file, &result, &err));
    assert_non_null(strstr(err.message, "/nowhere/x.json"));
}

static void a_small_memory_makes_more_segments_but_the_same_rows(void **state)
{
    place *p = *state;
    weir_error err;
    weir_load_result result;
    weir_buf lines = make_lines(0, 6000);
    const char *file = put_file(p, "x.json", lines.at, lines.size);
    weir_load_options options = {
        .catalog = p->catalog,
        .clock = &weir_clock_system,
        .spec_json =
            weir_arena_printf(p->arena, spec, ",\"tuningConfig\":{\"maxRowsPerSegment\":50}"),
        .file_count = 1,
        .files = &file,
        .work_path = p->path,
        .memory_bytes = 1 << 20};
    options.spec_json.at = weir_arena_text(p->arena, options.spec_json);
    assert_true(weir_load_run(&options, &result, &err));
    assert_true(result.segments >= 120);
    int64_t sum;
    assert_int_equal(count_rows(p, &sum), 6000);
    assert_int_equal(sum, 5999ll * 6000 / 2);
    weir_buf_done(&lines);
}

static void long_lines_and_block_ends_cut_no_row(void **state)
{
    place *p = *state;
    weir_error err;
    weir_load_result result;
    weir_buf lines = {0};
    int64_t want = 0;
    char *filler = weir_alloc(1500001);
    memset(filler, 'x', 1500000);
    for (int i = 0; i < 40; i++) { /* lines of 10 bytes to 1.5 MB; one value is too long to keep */
        int size = i % 8 == 7 ? 1500000 : (i * 7919) % 90000;
        filler[size] = 0;
        weir_buf_printf(&lines, "{\"ts\":1,\"v\":%d,\"other\":\"%s\"}\n", i, filler);
        filler[size] = 'x';
        want += i;
    }
    const char *file = put_file(p, "long.json", lines.at, lines.size);
    assert_true(load(p, "", "", 1, &file, &result, &err));
    int64_t sum;
    assert_int_equal(count_rows(p, &sum), 40);
    assert_int_equal(sum, want);
    weir_buf_done(&lines);
    free(filler);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_packing_loads_each_row_once, begin, end),
        cmocka_unit_test_setup_teardown(
            members_that_follow_each_other_are_one_file_and_a_cut_one_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_label_loads_once, begin, end),
        cmocka_unit_test_setup_teardown(bad_lines_are_counted_and_too_many_end_the_load, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_small_memory_makes_more_segments_but_the_same_rows, begin,
                                        end),
        cmocka_unit_test_setup_teardown(long_lines_and_block_ends_cut_no_row, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
