/* segments/live_array.c - arrays of numbers in the growing chunk: lists in the same pages as those
 * of ids, two u32 an element, then a bit per element that is null. Null rows, empty arrays and
 * arrays of nulls stay apart: a null row has cell 0, all others are lists. */
#include "segments/live.h"

void weir_live_put_numbers(weir_live_cells *cells, weir_scratch *mem, const weir_live_ready *ready,
                           uint32_t *out, uint32_t from, uint32_t n)
{
    const uint32_t *offsets = ready->offsets + from;
    const int64_t *values = ready->values; /* or doubles: eight bytes */
    atomic_store_explicit(&cells->multi, true, memory_order_relaxed);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = offsets[i + 1] - offsets[i];
        if (ready->nulls && weir_bit(ready->nulls, from + i)) {
            out[i] = 0;
            continue;
        }
        uint32_t *list;
        out[i] =
            WEIR_LIVE_LIST | weir_live_take_list(cells, mem, weir_live_numbers_size(count), &list);
        list[0] = count;
        if (count) {
            memcpy(list + 1, values + offsets[i], sizeof(*values) * count);
        }
        uint32_t *nulls = list + 1 + 2 * (size_t)count;
        for (uint32_t k = 0; k < count; k++) {
            if (k % 32 == 0) {
                nulls[k / 32] = 0;
            }
            bool null = ready->item_nulls && weir_bit(ready->item_nulls, offsets[i] + k);
            nulls[k / 32] |= (uint32_t)null << k % 32;
        }
    }
}

/* Element nulls of one list to bits from `to` on; whether there are any. */
static bool copy_nulls(const uint32_t *nulls, uint32_t count, uint64_t *bits, uint32_t to)
{
    bool any = false;
    for (uint32_t k = 0; k < count; k++) {
        if (nulls[k / 32] >> k % 32 & 1) {
            weir_bit_set(bits, to + k);
            any = true;
        }
    }
    return any;
}

void weir_live_numbers_read(const weir_live_cells *cells, weir_type type, const uint32_t *at,
                            uint32_t n, weir_scratch *s, weir_vec *out)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), total = 0;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    bool any_null = false, any_item_null = false;
    memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = 0;
        offsets[i] = total;
        if (at[i] == 0) {
            weir_bit_set(nulls, i);
            any_null = true;
        } else {
            weir_live_list(cells, at[i], &count);
        }
        total += count;
    }
    offsets[n] = total;
    int64_t *values = WEIR_SCRATCH_ARRAY(s, int64_t, total + 1);
    uint64_t *item_nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(total) + 1);
    memset(item_nulls, 0, sizeof(*item_nulls) * (weir_words(total) + 1));
    for (uint32_t i = 0; i < n; i++) {
        if (at[i] == 0) {
            continue;
        }
        uint32_t count;
        const uint32_t *list = weir_live_list(cells, at[i], &count);
        memcpy(values + offsets[i], list, sizeof(*values) * count);
        any_item_null |= copy_nulls(list + 2 * (size_t)count, count, item_nulls, offsets[i]);
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    *items = (weir_vec){.type = WEIR_TYPE(type.elem),
                        .form = WEIR_FLAT,
                        .n = total,
                        .nulls = any_item_null ? item_nulls : NULL};
    items->at.l = values;
    *out = (weir_vec){
        .type = type, .form = WEIR_LIST, .n = n, .nulls = any_null ? nulls : NULL, .items = items};
    out->at.offsets = offsets;
}
