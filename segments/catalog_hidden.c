/* segments/catalog_hidden.c - a frozen segment of which some time is hidden (a drop or an overwrite
 * of an interval that the segment straddles): the same rows, with what is hidden left out of
 * `visible`. The bitmaps are made once, when the segment is opened, as reading __time may fail then
 * and not later. */
#include <stdlib.h>
#include "segments/catalog_table.h"

typedef struct hidden {
    weir_rows rows; /* first */
    weir_rows *inner;
    uint64_t **seen; /* per chunk: bit set = visible; NULL: all of it */
    uint32_t chunk_count;
} hidden;

static const hidden *of(const weir_rows *rows)
{
    return (const hidden *)rows;
}
static uint32_t hidden_chunks(const weir_rows *rows)
{
    return of(rows)->chunk_count;
}
static void hidden_chunk(const weir_rows *rows, uint32_t chunk, weir_chunk_info *out)
{
    of(rows)->inner->ops->chunk(of(rows)->inner, chunk, out);
}
static const weir_column *hidden_column(const weir_rows *rows, weir_str name)
{
    return of(rows)->inner->ops->column(of(rows)->inner, name);
}
static uint32_t hidden_column_count(const weir_rows *rows)
{
    return of(rows)->inner->ops->column_count(of(rows)->inner);
}
static const weir_column *hidden_column_at(const weir_rows *rows, uint32_t i)
{
    return of(rows)->inner->ops->column_at(of(rows)->inner, i);
}
static bool hidden_visible(const weir_rows *rows, uint32_t chunk, weir_scratch *s, weir_sel *out)
{
    const uint64_t *seen = of(rows)->seen[chunk];
    weir_chunk_info info;
    if (!seen) {
        return false;
    }
    hidden_chunk(rows, chunk, &info);
    uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(info.row_count));
    memcpy(bits, seen, weir_words(info.row_count) * sizeof(*bits));
    *out = weir_sel_of_bits(bits, info.row_count);
    return true;
}
static weir_ready hidden_prepare(weir_rows *rows, const weir_need *need, weir_wake wake,
                                 weir_error *err)
{
    weir_rows *inner = of(rows)->inner;
    return inner->ops->prepare ? inner->ops->prepare(inner, need, wake, err) : WEIR_READY;
}
static void hidden_unref(weir_rows *rows)
{
    (void)rows; /* the published list's, as all frozen rows */
}
static const weir_rows_ops hidden_ops = {hidden_chunks,       hidden_chunk,     hidden_column,
                                         hidden_column_count, hidden_column_at, hidden_visible,
                                         hidden_prepare,      hidden_unref};

static bool is_hidden(const frozen *f, int64_t ms)
{
    bool in = false;
    for (uint32_t i = 0; i < f->hide_count; i++) {
        in = in || (f->hides[i].start_ms <= ms && ms < f->hides[i].end_ms);
    }
    return in;
}

static bool touches(const frozen *f, const weir_chunk_info *info)
{
    bool any = false;
    for (uint32_t i = 0; i < f->hide_count; i++) {
        any =
            any || (f->hides[i].start_ms <= info->max_time && info->min_time < f->hides[i].end_ms);
    }
    return any;
}

static bool look_at_chunk(hidden *h, const frozen *f, uint32_t chunk, weir_scratch *s,
                          weir_error *err)
{
    weir_chunk_info info;
    const weir_column *time = h->inner->ops->column(h->inner, WEIR_STR("__time"));
    h->inner->ops->chunk(h->inner, chunk, &info);
    if (!touches(f, &info)) {
        return true;
    }
    uint64_t *seen = h->seen[chunk] = weir_calloc(weir_words(info.row_count), sizeof(*seen));
    for (uint32_t from = 0; from < info.row_count; from += WEIR_BLOCK_ROWS) {
        uint32_t n =
            info.row_count - from < WEIR_BLOCK_ROWS ? info.row_count - from : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(s);
        weir_vec vec, flat;
        if (!time->ops->read(time, chunk, from, n, false, s, &vec, err) ||
            !weir_vec_flatten(&vec, s, &flat, err)) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            if (!is_hidden(f, flat.at.l[i])) {
                weir_bit_set(seen, from + i);
            }
        }
        weir_scratch_rewind(s, mark);
    }
    return true;
}

void weir_hidden_rows_free(weir_rows *rows)
{
    hidden *h = (hidden *)rows;
    for (uint32_t i = 0; i < h->chunk_count; i++) {
        free(h->seen[i]);
    }
    free(h->seen);
    free(h);
}

weir_rows *weir_hidden_rows_new(weir_rows *inner, const frozen *f, weir_error *err)
{
    hidden *h = weir_calloc(1, sizeof(*h));
    weir_scratch s = {0};
    h->rows = *inner;
    h->rows.ops = &hidden_ops;
    h->inner = inner;
    h->chunk_count = inner->ops->chunks(inner);
    h->seen = weir_calloc(h->chunk_count + 1, sizeof(*h->seen));
    bool ok = true;
    for (uint32_t i = 0; i < h->chunk_count && ok; i++) {
        ok = look_at_chunk(h, f, i, &s, err);
    }
    weir_scratch_done(&s);
    if (!ok) {
        weir_hidden_rows_free(&h->rows);
        return NULL;
    }
    return &h->rows;
}
