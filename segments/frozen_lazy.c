/* segments/frozen_lazy.c - a segment whose bytes are brought as they are needed. `prepare` brings
 * what a query will read of some chunks and columns, all in one; whoever reads without it waits for
 * block after block (frozen_block_is_good), and is right all the same. A column's bytes lie
 * together: dictionary, its directory, then chunk after chunk, so that it takes two spans at most.
 */
#include <stdlib.h>
#include "segments/frozen.h"
#include "weir/hash.h"

enum { GETS_PER_COLUMN = 3 };

bool frozen_block_is_good(const weir_segment *seg, const weir_block_ref *ref, weir_error *err)
{
    const weir_bytes *bytes = &seg->bytes;
    if (bytes->ops && !bytes->ops->need(bytes->self, ref->offset, ref->size, err)) {
        return false;
    }
    return weir_checksum_is(bytes->at + ref->offset, ref->size, ref->xxh3) ||
           (bytes->ops && bytes->ops->mend(bytes->self, ref->offset, ref->size, ref->xxh3, err));
}

/* ---- where things are ---- */

static void widen(weir_span *span, const weir_block_ref *ref)
{
    if (ref->size > 0) {
        uint64_t end = span->from + span->size, own = ref->offset + ref->size;
        span->from = span->size == 0 || ref->offset < span->from ? ref->offset : span->from;
        end = own > end ? own : end;
        span->size = end - span->from;
    }
}

/* From the first to the last byte of these chunks of the column. */
static weir_span span_of_chunks(const frozen_column *col, uint32_t chunk, uint32_t count)
{
    weir_span span = {0};
    for (uint32_t c = chunk; c < chunk + count; c++) {
        const frozen_chunk *at = &col->chunks[c];
        widen(&span, &at->values.ref);
        if (at->items) {
            widen(&span, &at->items->ref);
        }
        if (at->postings) {
            widen(&span, &at->postings->ref);
        }
    }
    return span;
}

static int compare_ends(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void frozen_find_dictionaries(weir_segment *seg)
{
    uint64_t *ends = weir_alloc(((size_t)seg->column_count + 1) * sizeof(*ends));
    ends[0] = WEIR_SEGMENT_MAGIC_BYTES;
    for (uint32_t i = 0; i < seg->column_count; i++) {
        weir_span span = span_of_chunks(seg->columns[i], 0, seg->chunk_count);
        ends[i + 1] = span.from + span.size;
    }
    qsort(ends, (size_t)seg->column_count + 1, sizeof(*ends), compare_ends);
    for (uint32_t i = 0; i < seg->column_count; i++) {
        frozen_column *col = seg->columns[i];
        uint32_t lo = 0, hi = seg->column_count + 1; /* ends[lo] <= the directory's place */
        while (col->dict && hi - lo > 1) {
            uint32_t middle = lo + (hi - lo) / 2;
            if (ends[middle] <= col->directory.offset) {
                lo = middle;
            } else {
                hi = middle;
            }
        }
        col->dict_from = ends[lo];
    }
    free(ends);
}

static weir_span span_of_dict(const frozen_column *col)
{
    return (weir_span){col->dict_from,
                       col->directory.offset + col->directory.size - col->dict_from};
}

/* ---- dictionaries ---- */

static bool directory_is_open(frozen_column *col, weir_error *err)
{
    return frozen_block_is_good(col->seg, &col->directory, err) &&
           (weir_dict_frozen_fill(col->dict, frozen_bytes(col->seg, &col->directory)) ||
            weir_fail(err, WEIR_ERR_CORRUPT,
                      "segment '%s' is damaged: column '%.*s': the directory of its dictionary",
                      col->seg->name, WEIR_STR_ARG(col->base.name)));
}

bool frozen_dict_load(void *self, weir_error *err)
{
    frozen_column *col = self;
    weir_segment *seg = col->seg;
    weir_span span = span_of_dict(col);
    uint32_t block;
    if (atomic_load_explicit(&col->dict_state, memory_order_acquire) == FROZEN_GOOD) {
        return true;
    }
    if (!seg->bytes.ops->need(seg->bytes.self, span.from, span.size, err) ||
        !directory_is_open(col, err)) {
        return weir_fail_in(err, "column '%.*s'", WEIR_STR_ARG(col->base.name));
    }
    while (!weir_dict_frozen_check(col->dict, &block)) {
        weir_block_ref ref = weir_dict_frozen_block(col->dict, block);
        if (!seg->bytes.ops->need(seg->bytes.self, ref.offset, ref.size, err) ||
            !seg->bytes.ops->mend(seg->bytes.self, ref.offset, ref.size, ref.xxh3, err)) {
            return weir_fail_in(err, "segment '%s', column '%.*s'", seg->name,
                                WEIR_STR_ARG(col->base.name));
        }
    }
    atomic_store_explicit(&col->dict_state, FROZEN_GOOD, memory_order_release);
    return true;
}

uint64_t frozen_dict_bytes(frozen_column *col)
{
    weir_error err;
    if (col->dict && col->seg->bytes.ops && !directory_is_open(col, &err)) {
        return span_of_dict(col).size; /* nearly */
    }
    return col->dict ? weir_dict_frozen_bytes(col->dict) : 0;
}

bool weir_segment_is_lost(const weir_segment *seg)
{
    return atomic_load(&seg->lost);
}

/* ---- prepare ---- */

static int compare_spans(const void *a, const void *b)
{
    const weir_span *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

/* Ascending, those that touch as one. */
static uint32_t join_spans(weir_span *spans, uint32_t count)
{
    uint32_t kept = 0;
    if (count > 1) {
        qsort(spans, count, sizeof(*spans), compare_spans);
    }
    for (uint32_t i = 0; i < count; i++) {
        weir_span *last = kept > 0 ? &spans[kept - 1] : NULL;
        uint64_t end = spans[i].from + spans[i].size;
        if (last && spans[i].from <= last->from + last->size + WEIR_BLOCK_ALIGN) {
            last->size = end > last->from + last->size ? end - last->from : last->size;
        } else {
            spans[kept++] = spans[i];
        }
    }
    return kept;
}

weir_ready frozen_prepare(weir_rows *rows, const weir_need *need, weir_wake wake, weir_error *err)
{
    weir_segment *seg = (weir_segment *)rows;
    weir_span *spans = weir_alloc((2 * (size_t)need->column_count + 1) * sizeof(*spans));
    uint32_t count = 0, columns = 0;
    for (uint32_t i = 0; i < need->column_count; i++) {
        frozen_column *col = frozen_find(seg, need->columns[i]);
        if (col) {
            weir_span chunks = span_of_chunks(col, need->chunk, need->count);
            bool loaded = !col->dict || atomic_load_explicit(&col->dict_state,
                                                             memory_order_acquire) == FROZEN_GOOD;
            columns++;
            if (!loaded) {
                spans[count++] = span_of_dict(col);
            }
            if (chunks.size > 0) {
                spans[count++] = chunks;
            }
        }
    }
    count = join_spans(spans, count);
    weir_ready ready = count == 0 ? WEIR_READY
                                  : seg->bytes.ops->bring(seg->bytes.self, spans, count,
                                                          GETS_PER_COLUMN * columns, wake, err);
    for (uint32_t i = 0; ready == WEIR_READY && i < need->column_count; i++) {
        frozen_column *col = frozen_find(seg, need->columns[i]);
        if (col && col->dict && !frozen_dict_load(col, err)) {
            ready = WEIR_FAILED;
        }
    }
    if (ready == WEIR_READY && weir_segment_is_lost(seg)) {
        weir_fail(err, WEIR_ERR_STORE,
                  "segment '%s': a dictionary could not be read when it was searched", seg->name);
        ready = WEIR_FAILED;
    }
    free(spans);
    return ready;
}
