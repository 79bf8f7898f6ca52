/* segments/live_merge.c - the parts of an auto column as one vector: of the widest type that they
 * have, or as JSON text where some rows are nested. */
#include "segments/live_auto.h"

/* ---- scalars ---- */

static bool flat_cast(const weir_vec *vec, uint8_t kind, weir_scratch *s, weir_vec *out,
                      weir_error *err)
{
    weir_vec cast;
    return weir_vec_cast(vec, WEIR_TYPE(kind), s, &cast, err) &&
           weir_vec_flatten(&cast, s, out, err);
}

static bool merge_scalars(weir_type to, const weir_vec *parts, uint32_t count, uint32_t n,
                          weir_scratch *s, weir_vec *out, weir_error *err)
{
    size_t size = to.kind == WEIR_STRING ? sizeof(weir_str) : 8;
    uint8_t *values = weir_scratch_take(s, size * (n + 1));
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(values, 0, size * n);
    memset(nulls, 0xFF, sizeof(*nulls) * (weir_words(n) + 1));
    for (uint32_t p = 0; p < count; p++) {
        weir_vec flat;
        if (!flat_cast(&parts[p], to.kind, s, &flat, err)) {
            return false;
        }
        const uint8_t *from = (const uint8_t *)flat.at.l;
        for (uint32_t i = 0; i < n; i++) {
            if (!flat.nulls || !weir_bit(flat.nulls, i)) {
                memcpy(values + size * i, from + size * i, size);
                nulls[i / 64] &= ~(1ull << i % 64);
            }
        }
    }
    *out = (weir_vec){.type = WEIR_TYPE(to.kind), .form = WEIR_FLAT, .n = n, .nulls = nulls};
    out->at.l = (const int64_t *)(const void *)values;
    return true;
}

/* ---- arrays ---- */

typedef struct source { /* a part made ready: a list's elements, or one element a row */
    weir_vec rows, items;
} source;

static bool source_of(const weir_vec *part, uint8_t elem, weir_scratch *s, source *out,
                      weir_error *err)
{
    if (!weir_vec_flatten(part, s, &out->rows, err)) {
        return false;
    }
    return flat_cast(out->rows.form == WEIR_LIST ? out->rows.items : &out->rows, elem, s,
                     &out->items, err);
}

static uint32_t elements_of(const source *src, uint32_t row, uint32_t *first)
{
    bool list = src->rows.form == WEIR_LIST;
    *first = list ? src->rows.at.offsets[row] : row;
    return list ? src->rows.at.offsets[row + 1] - *first : 1;
}

static bool merge_arrays(weir_type to, const weir_vec *parts, uint32_t count, uint32_t n,
                         weir_scratch *s, weir_vec *out, weir_error *err)
{
    source sources[WEIR_PARTS];
    uint8_t *which = weir_scratch_take(s, n + 1); /* part of a row; count: null */
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), total = 0, first;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(which, (int)count, n);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
    for (uint32_t p = 0; p < count; p++) {
        if (!source_of(&parts[p], to.elem, s, &sources[p], err)) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            which[i] = weir_vec_is_null(&sources[p].rows, i) ? which[i] : (uint8_t)p;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = total;
        total += which[i] < count ? elements_of(&sources[which[i]], i, &first) : 0;
    }
    offsets[n] = total;
    size_t size = to.elem == WEIR_STRING ? sizeof(weir_str) : 8;
    uint8_t *values = weir_scratch_take(s, size * (total + 1));
    uint64_t *item_nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(total) + 1);
    memset(item_nulls, 0, sizeof(*item_nulls) * (weir_words(total) + 1));
    for (uint32_t i = 0; i < n; i++) {
        if (which[i] == count) {
            weir_bit_set(nulls, i);
            continue;
        }
        const source *src = &sources[which[i]];
        uint32_t elements = elements_of(src, i, &first);
        if (elements) {
            memcpy(values + size * offsets[i], (const uint8_t *)src->items.at.l + size * first,
                   size * elements);
        }
        for (uint32_t k = 0; src->items.nulls && k < elements; k++) {
            if (weir_bit(src->items.nulls, first + k)) {
                weir_bit_set(item_nulls, offsets[i] + k);
            }
        }
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    *items =
        (weir_vec){.type = WEIR_TYPE(to.elem), .form = WEIR_FLAT, .n = total, .nulls = item_nulls};
    items->at.l = (const int64_t *)(const void *)values;
    *out = (weir_vec){.type = to, .form = WEIR_LIST, .n = n, .nulls = nulls, .items = items};
    out->at.offsets = offsets;
    return true;
}

/* ---- text ---- */

static bool merge_texts(const weir_vec *parts, uint32_t count, uint32_t n, weir_scratch *s,
                        weir_vec *out, weir_error *err)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(values, 0, sizeof(*values) * n);
    memset(nulls, 0xFF, sizeof(*nulls) * (weir_words(n) + 1));
    for (uint32_t p = 0; p < count; p++) {
        weir_vec texts, flat;
        if (!weir_vec_to_json(&parts[p], s, &texts, err) ||
            !weir_vec_flatten(&texts, s, &flat, err)) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            if (!weir_vec_is_null(&flat, i)) {
                nulls[i / 64] &= ~(1ull << i % 64);
                values[i] = flat.at.s[i];
            }
        }
    }
    *out = (weir_vec){.type = weir_type_json(), .form = WEIR_FLAT, .n = n, .nulls = nulls};
    out->at.s = values;
    return true;
}

bool weir_live_merge(weir_type to, const weir_vec *parts, uint32_t count, uint32_t n,
                     weir_scratch *s, weir_vec *out, weir_error *err)
{
    if (to.kind == WEIR_COMPLEX) {
        return merge_texts(parts, count, n, s, out, err);
    }
    return to.kind == WEIR_ARRAY ? merge_arrays(to, parts, count, n, s, out, err)
                                 : merge_scalars(to, parts, count, n, s, out, err);
}
