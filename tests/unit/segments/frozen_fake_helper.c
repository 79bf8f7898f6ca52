/* tests/unit/segments/frozen_fake_helper.c - stands in until frozen segments can be read and
 * written: a file is its times. */
#include <stdatomic.h>
#include <stdlib.h>
#include "weir/hash.h"
#include "weir/segment.h"
#include "weir/uid.h"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define WEAK __attribute__((weak))

struct weir_segment {
    weir_rows rows;
    _Atomic uint32_t refs;
    weir_bytes bytes;
};
struct weir_segment_writer {
    weir_file file;
    weir_segment_info info;
};
WEAK const weir_interval weir_interval_eternity = {INT64_MIN, INT64_MAX};
WEAK size_t weir_time_print(char out[40], int64_t ms)
{
    return weir_print_long(out, ms);
}
static uint32_t chunks(const weir_rows *rows)
{
    return ((const weir_segment *)rows)->bytes.size > 0;
}
static void chunk(const weir_rows *rows, uint32_t c, weir_chunk_info *out)
{
    (void)c;
    *out = (weir_chunk_info){.row_count = (uint32_t)(((const weir_segment *)rows)->bytes.size / 8)};
}
static bool visible(const weir_rows *rows, uint32_t c, weir_scratch *s, weir_sel *out)
{
    (void)rows, (void)c, (void)s, (void)out;
    return false;
}
static void unref(weir_rows *rows)
{
    weir_segment_unref((weir_segment *)rows);
}
static const weir_rows_ops ops = {
    .chunks = chunks, .chunk = chunk, .visible = visible, .unref = unref};
WEAK bool weir_segment_open_expect(const char *name, weir_bytes bytes, uint64_t footer_xxh3,
                                   weir_segment **out, weir_error *err)
{
    if (weir_hash_bytes(bytes.at, bytes.size) != footer_xxh3) {
        bytes.release(bytes.self);
        return weir_fail(err, WEIR_ERR_CORRUPT, "%s: its footer is damaged", name);
    }
    *out = weir_calloc(1, sizeof(**out));
    **out =
        (weir_segment){.rows = {.ops = &ops, .uid = weir_uid_next()}, .refs = 1, .bytes = bytes};
    return true;
}
WEAK weir_rows *weir_segment_rows(weir_segment *seg)
{
    return &seg->rows;
}
WEAK void weir_segment_unref(weir_segment *seg)
{
    if (seg && atomic_fetch_sub(&seg->refs, 1) == 1) {
        seg->bytes.release(seg->bytes.self);
        free(seg);
    }
}
WEAK bool weir_bytes_map(const char *path, weir_bytes *out, weir_error *err)
{
    (void)path, (void)out;
    return weir_fail(err, WEIR_ERR_STORE, "not here");
}
WEAK weir_segment_writer *weir_segment_writer_new(weir_file file, const weir_schema *schema,
                                                  uint32_t row_count, bool thorough)
{
    (void)schema, (void)thorough;
    weir_segment_writer *w = weir_calloc(1, sizeof(*w));
    *w = (weir_segment_writer){
        file, {.rows = row_count, .bytes = row_count * 8u, .footer_bytes = row_count * 8u}};
    return w;
}
WEAK bool weir_segment_put_time(weir_segment_writer *w, const int64_t *times, weir_error *err)
{
    w->info.min_time = times[0];
    w->info.max_time = times[w->info.rows - 1];
    w->info.footer_xxh3 = weir_hash_bytes(times, w->info.bytes);
    return w->file.append(w->file.self, times, w->info.bytes, err);
}
WEAK bool weir_segment_writer_end(weir_segment_writer *w, weir_segment_info *out, weir_error *err)
{
    (void)err;
    *out = w->info;
    free(w);
    return true;
}
