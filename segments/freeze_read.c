/* segments/freeze_read.c - a part's rows, block by block in source order, whatever chunks they lie
 * in; and the sorted dictionary of the values that it uses. */
#include <assert.h>
#include "segments/freeze.h"

bool weir_part_next(const weir_realtime *rt, const weir_part_rows *part, weir_part_block *block)
{
    uint32_t first = block->first + block->n, left = part->count - first;
    if (left == 0) {
        return false;
    }
    const uint32_t *rows = part->rows + first;
    uint32_t chunk = rows[0] >> 16, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
    if (rows[n - 1] >> 16 != chunk) { /* rows ascend: the chunk's last one is found by halving */
        uint32_t low = 1, high = n - 1;
        while (low < high) {
            uint32_t mid = (low + high) / 2;
            if (rows[mid] >> 16 == chunk) {
                low = mid + 1;
            } else {
                high = mid;
            }
        }
        n = low;
    }
    block->chunk = rt->chunks[chunk]->sealed;
    block->first = first;
    block->from = rows[0] & 0xFFFF;
    block->n = n;
    block->rows = NULL;
    if (rows[n - 1] - rows[0] != n - 1) {
        for (uint32_t i = 0; i < n; i++) {
            block->picked[i] = (uint16_t)rows[i];
        }
        block->rows = block->picked;
    }
    return true;
}

void weir_part_read(const weir_live_column *col, const weir_part_block *block, weir_scratch *s,
                    weir_vec *out)
{
    const weir_live_sealed_column *at =
        col->index < block->chunk->column_count ? block->chunk->columns[col->index] : NULL;
    if (block->rows) {
        weir_live_sealed_gather(col, at, NULL, block->rows, block->n, s, out);
    } else {
        weir_live_sealed_read(col, at, NULL, block->from, block->n, false, s, out);
    }
}

void weir_part_set_dict(weir_vec *vec, const weir_dict *dict)
{
    if (vec->form == WEIR_LIST) {
        ((weir_vec *)vec->items)->dict = dict; /* in the caller's scratch */
    } else if (vec->form == WEIR_DICT || !vec->nulls) {
        vec->dict = dict; /* a CONST null has no id */
    }
}

const int64_t *weir_part_longs(const weir_encoded *enc, const weir_part_block *block,
                               weir_scratch *s)
{
    weir_vec vec, flat;
    weir_error err;
    if (block->rows) {
        weir_encoded_gather(enc, block->rows, block->n, s, &vec);
    } else {
        weir_encoded_read(enc, block->from, block->n, false, s, &vec);
    }
    bool ok = weir_vec_flatten(&vec, s, &flat, &err);
    assert(ok);
    (void)ok;
    return flat.at.l;
}

/* --- ids --- */

static bool has_lists(const weir_realtime *rt, const weir_part_rows *part,
                      const weir_live_column *col)
{
    bool any = false;
    for (uint32_t i = 0; i < part->count && !any;) {
        uint32_t chunk = part->rows[i] >> 16;
        const weir_live_sealed *sealed = rt->chunks[chunk]->sealed;
        any = col->index < sealed->column_count && sealed->columns[col->index] &&
              sealed->columns[col->index]->zone.multi;
        uint64_t next = (uint64_t)(chunk + 1) << 16;
        while (i < part->count && part->rows[i] < next) {
            i++;
        }
    }
    return any;
}

/* Appends a block's rows as lists of ids at `at`; returns where the next begins. */
static uint32_t put_lists(const weir_vec *vec, const weir_part_block *block, weir_part_ids *out,
                          uint32_t at)
{
    for (uint32_t i = 0; i < block->n; i++) {
        uint32_t row = block->first + i;
        out->offsets[row] = at;
        if (vec->form == WEIR_LIST) {
            uint32_t from = vec->at.offsets[i], count = vec->at.offsets[i + 1] - from;
            if (vec->nulls && weir_bit(vec->nulls, i)) {
                weir_bit_set(out->nulls, row);
                continue;
            }
            for (uint32_t k = 0; k < count; k++) {
                out->ids[at++] = vec->items->at.ids[from + k];
            }
            continue;
        }
        uint32_t id = vec->form == WEIR_DICT ? vec->at.ids[i] : vec->nulls ? 0 : vec->at.ids[0];
        if (id == 0) {
            weir_bit_set(out->nulls, row);
        } else {
            out->ids[at++] = id;
        }
    }
    return at;
}

static uint64_t count_elements(const weir_realtime *rt, const weir_part_rows *part,
                               const weir_live_column *col, weir_scratch *s)
{
    weir_part_block *block = WEIR_SCRATCH_ARRAY(s, weir_part_block, 1);
    uint64_t total = 0;
    memset(block, 0, sizeof(*block));
    while (weir_part_next(rt, part, block)) {
        weir_mark mark = weir_scratch_mark(s);
        weir_vec vec;
        weir_part_read(col, block, s, &vec);
        total += vec.form == WEIR_LIST ? vec.at.offsets[block->n] : block->n;
        weir_scratch_rewind(s, mark);
    }
    return total;
}

static void put_plain(const weir_vec *vec, uint32_t n, uint32_t *out)
{
    if (vec->form == WEIR_DICT) {
        memcpy(out, vec->at.ids, sizeof(*out) * n);
        return;
    }
    uint32_t id = vec->nulls ? 0 : vec->at.ids[0]; /* CONST */
    for (uint32_t i = 0; i < n; i++) {
        out[i] = id;
    }
}

void weir_part_ids_read(const weir_realtime *rt, const weir_part_rows *part,
                        const weir_live_column *col, weir_scratch *s, weir_part_ids *out)
{
    bool lists = has_lists(rt, part, col);
    *out = (weir_part_ids){0};
    uint64_t total = part->count;
    if (lists) {
        total = count_elements(rt, part, col, s);
        assert(total < UINT32_MAX);
        out->offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, part->count + 1);
        out->nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(part->count));
        memset(out->nulls, 0, sizeof(*out->nulls) * weir_words(part->count));
    }
    out->ids = WEIR_SCRATCH_ARRAY(s, uint32_t, total + 1);
    weir_part_block *block = WEIR_SCRATCH_ARRAY(s, weir_part_block, 1);
    memset(block, 0, sizeof(*block));
    uint32_t at = 0;
    while (weir_part_next(rt, part, block)) {
        weir_mark mark = weir_scratch_mark(s);
        weir_vec vec;
        weir_part_read(col, block, s, &vec);
        if (lists) {
            at = put_lists(&vec, block, out, at);
        } else {
            put_plain(&vec, block->n, out->ids + block->first);
        }
        weir_scratch_rewind(s, mark);
    }
    if (lists) {
        out->offsets[part->count] = at;
    }
}

/* ---- arrays of numbers ---- */

void weir_part_lists_read(const weir_realtime *rt, const weir_part_rows *part,
                          const weir_live_column *col, weir_scratch *s, weir_part_lists *out)
{
    uint64_t total = count_elements(rt, part, col, s);
    uint32_t at = 0;
    assert(total < UINT32_MAX);
    out->offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, part->count + 1);
    out->items = WEIR_SCRATCH_ARRAY(s, int64_t, total + 1);
    out->nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(part->count) + 1);
    out->item_nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words((uint32_t)total) + 1);
    memset(out->nulls, 0, sizeof(*out->nulls) * (weir_words(part->count) + 1));
    memset(out->item_nulls, 0, sizeof(*out->item_nulls) * (weir_words((uint32_t)total) + 1));
    weir_part_block *block = WEIR_SCRATCH_ARRAY(s, weir_part_block, 1);
    memset(block, 0, sizeof(*block));
    while (weir_part_next(rt, part, block)) {
        weir_mark mark = weir_scratch_mark(s);
        weir_vec vec;
        weir_part_read(col, block, s, &vec);
        for (uint32_t i = 0; i < block->n; i++) {
            out->offsets[block->first + i] = at;
            if (vec.form != WEIR_LIST ||
                weir_vec_is_null(&vec, i)) { /* CONST null: no such chunk */
                weir_bit_set(out->nulls, block->first + i);
                continue;
            }
            uint32_t from = vec.at.offsets[i], count = vec.at.offsets[i + 1] - from;
            memcpy((int64_t *)out->items + at, vec.items->at.l + from, sizeof(int64_t) * count);
            for (uint32_t k = 0; vec.items->nulls && k < count; k++) {
                if (weir_bit(vec.items->nulls, from + k)) {
                    weir_bit_set(out->item_nulls, at + k);
                }
            }
            at += count;
        }
        weir_scratch_rewind(s, mark);
    }
    out->offsets[part->count] = at;
}

void weir_part_dict_make(const weir_live_column *col, const uint32_t *ids, uint32_t count,
                         weir_scratch *s, weir_part_dict *out)
{
    uint32_t all = atomic_load_explicit(&col->dict->count, memory_order_acquire);
    out->ranks = WEIR_SCRATCH_ARRAY(s, uint32_t, all);
    memset(out->ranks, 0, sizeof(*out->ranks) * all);
    for (uint32_t i = 0; i < count; i++) {
        out->ranks[ids[i]] = 1;
    }
    out->ranks[0] = 0;
    uint32_t used = 0;
    for (uint32_t id = 1; id < all; id++) {
        used += out->ranks[id];
    }
    out->values = WEIR_SCRATCH_ARRAY(s, weir_str, used + 1);
    out->count = used + 1;
    out->values[0] = (weir_str){0};
    weir_mark mark = weir_scratch_mark(s);
    uint32_t *used_ids = WEIR_SCRATCH_ARRAY(s, uint32_t, used + 1),
             *order = WEIR_SCRATCH_ARRAY(s, uint32_t, used + 1);
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, used + 1);
    for (uint32_t id = 1, at = 0; id < all; id++) {
        if (out->ranks[id]) {
            used_ids[at] = id;
            values[at++] = weir_live_dict_value(col->dict, id);
        }
    }
    weir_sort_strings(values, used, s, order);
    for (uint32_t i = 0; i < used; i++) {
        out->values[i + 1] = values[order[i]];
        out->ranks[used_ids[order[i]]] = i + 1;
    }
    weir_scratch_rewind(s, mark);
}
