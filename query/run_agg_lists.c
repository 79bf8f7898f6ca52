/* query/run_agg_lists.c - rows that hold lists in a key: each row becomes one row per element, or
 * per combination of elements. */
#include "query/run_agg_feed.h"
#include <assert.h>

typedef struct elements { /* of one key: codes of row r are at[offsets[r]..offsets[r + 1]) */
    uint32_t *offsets;
    uint64_t *codes, *nulls;
} elements;

static bool get_items(void *self, uint32_t slot, weir_vec *out, weir_error *err)
{
    (void)slot, (void)err;
    *out = *(const weir_vec *)self;
    return true;
}

/* Which of n items the key's list filter keeps. */
static bool accepted(weir_feed *f, uint32_t key, const weir_vec *items, const uint64_t **bits)
{
    weir_pred *pred = f->agg->accept[key];
    weir_sel all = weir_sel_all(items->n), kept;
    *bits = NULL;
    if (!pred || items->n == 0) {
        return true;
    }
    if (!weir_pred_rows(pred, f->lane, get_items, (void *)items, items->n, &all, &kept)) {
        return false;
    }
    *bits = weir_sel_bits(&kept, &f->lane->scratch);
    return true;
}

/* The items of a key's vector and where each row's begin; a null row is a list of one null, a
 * single value a list of one. */
static void spread_items(weir_feed *f, const weir_vec *vec, weir_vec *items, uint32_t *offsets,
                         uint32_t **item_of)
{
    bool lists = vec->form == WEIR_LIST || (vec->form == WEIR_CONST && vec->items);
    *item_of = NULL;
    *items = *vec;
    if (!lists) {
        for (uint32_t r = 0; r <= f->n; r++) {
            offsets[r] = r;
        }
        return;
    }
    const uint32_t *from = vec->at.offsets;
    uint32_t total = 0;
    for (uint32_t r = 0; r < f->n; r++) {
        uint32_t row = vec->form == WEIR_CONST ? 0 : r;
        total += vec->nulls && weir_bit(vec->nulls, row) ? 1 : from[row + 1] - from[row];
    }
    uint32_t *of = WEIR_SCRATCH_ARRAY(&f->lane->scratch, uint32_t, total + 1), at = 0;
    for (uint32_t r = 0; r < f->n; r++) {
        uint32_t row = vec->form == WEIR_CONST ? 0 : r;
        offsets[r] = at;
        if (vec->nulls && weir_bit(vec->nulls, row)) {
            of[at++] = WEIR_NO_ID;
            continue;
        }
        for (uint32_t i = from[row]; i < from[row + 1]; i++) {
            of[at++] = i;
        }
    }
    offsets[f->n] = at;
    *items = *vec->items;
    *item_of = of;
}

static bool list_elements(weir_feed *f, uint32_t k, elements *out)
{
    weir_agg_run *agg = f->agg;
    weir_scratch *s = &f->lane->scratch;
    uint32_t code = k + agg->keys.has_bucket, n = f->n;
    weir_key_code *key = &agg->keys.codes[code];
    weir_vec items;
    uint32_t *item_of, *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    spread_items(f, &f->vecs[k], &items, offsets, &item_of);
    uint64_t *codes = WEIR_SCRATCH_ARRAY(s, uint64_t, items.n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, items.n + 1);
    const uint64_t *keep;
    if (!weir_keys_code(key, &f->own->maps[code], f->lane, &items, items.n, f->own->in_cells,
                        f->own->dicts[code], codes, nulls) ||
        !accepted(f, k, &items, &keep)) {
        return false;
    }
    uint32_t total = offsets[n] + n, at = 0;
    *out = (elements){WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1),
                      WEIR_SCRATCH_ARRAY(s, uint64_t, total + 1),
                      WEIR_SCRATCH_ARRAY(s, uint64_t, total + 1)};
    bool null_kept = !agg->accept[k];
    if (agg->accept[k]) { /* does the filter keep a null? */
        weir_vec null = weir_vec_null(WEIR_TYPE(WEIR_STRING), 1);
        const uint64_t *bit;
        if (!accepted(f, k, &null, &bit)) {
            return false;
        }
        null_kept = bit[0] & 1;
    }
    for (uint32_t r = 0; r < n; r++) {
        out->offsets[r] = at;
        for (uint32_t i = offsets[r]; i < offsets[r + 1]; i++) {
            uint32_t item = item_of ? item_of[i] : i;
            bool none = item == WEIR_NO_ID;
            if (none ? null_kept : !keep || weir_bit(keep, item)) {
                out->codes[at] = none ? 0 : codes[item];
                out->nulls[at++] = none ? 1 : nulls[item];
            }
        }
        if (at == out->offsets[r] && !agg->node->skip_empty_lists) { /* counts as null */
            out->codes[at] = 0;
            out->nulls[at++] = 1;
        }
    }
    out->offsets[n] = at;
    return true;
}

bool weir_feed_add_lists(weir_feed *f, const uint64_t *bucket_codes)
{
    weir_agg_run *agg = f->agg;
    weir_scratch *s = &f->lane->scratch;
    uint32_t first = agg->keys.has_bucket, count = agg->keys.count, n = 0;
    elements lists[64];
    uint32_t at[64];
    assert(count <= 64);
    uint64_t **codes = WEIR_SCRATCH_ARRAY(s, uint64_t *, count + 1);
    uint64_t **nulls = WEIR_SCRATCH_ARRAY(s, uint64_t *, count + 1);
    uint16_t *rows = WEIR_SCRATCH_ARRAY(s, uint16_t, WEIR_BLOCK_ROWS);
    for (uint32_t k = 0; k < count; k++) {
        codes[k] = WEIR_SCRATCH_ARRAY(s, uint64_t, WEIR_BLOCK_ROWS);
        nulls[k] = WEIR_SCRATCH_ARRAY(s, uint64_t, WEIR_BLOCK_ROWS);
        if (k >= first && !list_elements(f, k - first, &lists[k])) {
            return false;
        }
    }
    if (!weir_feed_filters(f)) {
        return false;
    }
    for (uint32_t r = 0; r < f->n; r++) {
        bool some = true;
        for (uint32_t k = first; k < count; k++) {
            at[k] = lists[k].offsets[r];
            some = some && at[k] < lists[k].offsets[r + 1];
        }
        while (some) {
            rows[n] = (uint16_t)r;
            for (uint32_t k = first; k < count; k++) {
                codes[k][n] = lists[k].codes[at[k]];
                nulls[k][n] = lists[k].nulls[at[k]];
            }
            if (first) {
                codes[0][n] = bucket_codes[r];
            }
            if (++n == WEIR_BLOCK_ROWS) {
                if (!weir_feed_add(f, n, rows, codes, nulls)) {
                    return false;
                }
                n = 0;
            }
            uint32_t k = first;
            while (k < count && ++at[k] == lists[k].offsets[r + 1]) {
                at[k] = lists[k].offsets[r];
                k++;
            }
            some = k < count;
        }
    }
    return n == 0 || weir_feed_add(f, n, rows, codes, nulls);
}

bool weir_feed_has_lists(const weir_feed *f)
{
    for (uint32_t k = 0; k < f->agg->node->key_count; k++) {
        const weir_vec *vec = &f->vecs[k];
        if (f->agg->accept[k] || vec->form == WEIR_LIST ||
            (vec->form == WEIR_CONST && vec->items)) {
            return true;
        }
    }
    return false;
}
