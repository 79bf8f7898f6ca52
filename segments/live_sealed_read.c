/* segments/live_sealed_read.c - rows of a sealed chunk as vectors: the encodings' own reads, and
 * lists and bytes by their offsets. */
#include <assert.h>
#include "segments/encode_lists.h"
#include "segments/live_seal.h"

/* Longs [from, from + n) as an array. */
static const int64_t *longs_of(const weir_encoded *enc, uint32_t from, uint32_t n, weir_scratch *s)
{
    weir_vec vec, flat;
    weir_error err;
    weir_encoded_read(enc, from, n, false, s, &vec);
    bool ok = weir_vec_flatten(&vec, s, &flat, &err);
    assert(ok);
    (void)ok;
    return flat.at.l;
}

static uint64_t *zeroed_bits(uint32_t n, weir_scratch *s)
{
    uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(bits, 0, sizeof(*bits) * (weir_words(n) + 1));
    return bits;
}

/* Null bits of the wanted rows. */
static const uint64_t *nulls_of(const uint64_t *nulls, const uint16_t *rows, uint32_t from,
                                uint32_t n, weir_scratch *s)
{
    if (!nulls) {
        return NULL;
    }
    uint64_t *out = zeroed_bits(n, s), any = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bit = weir_bit(nulls, rows ? rows[i] : from + i);
        out[i / 64] |= bit << i % 64;
        any |= bit;
    }
    return any ? out : NULL;
}

static void list_vec(weir_type type, const weir_dict *dict, const uint32_t *offsets,
                     const uint32_t *ids, const uint64_t *nulls, uint32_t n, weir_scratch *s,
                     weir_vec *out)
{
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    *items = (weir_vec){.type = WEIR_TYPE(WEIR_STRING),
                        .form = WEIR_DICT,
                        .n = offsets[n],
                        .at.ids = ids,
                        .dict = dict};
    *out = (weir_vec){.type = type, .form = WEIR_LIST, .n = n, .nulls = nulls, .items = items};
    out->type.multi = type.kind == WEIR_STRING;
    out->at.offsets = offsets;
}

/* Lists of numbers: `places` has begin and end of each. */
static void numbers_vec(const weir_live_sealed_column *at, weir_type type, const uint32_t *places,
                        const uint64_t *nulls, uint32_t n, weir_scratch *s, weir_vec *out)
{
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    offsets[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        offsets[i + 1] = offsets[i] + places[2 * i + 1] - places[2 * i];
    }
    weir_encoded_list_numbers(&at->cells, (weir_kind)type.elem, places, n, offsets[n], s, items);
    *out = (weir_vec){.type = type, .form = WEIR_LIST, .n = n, .nulls = nulls, .items = items};
    out->at.offsets = offsets;
}

static void read_numbers(const weir_live_sealed_column *at, weir_type type, uint32_t from,
                         uint32_t n, weir_scratch *s, weir_vec *out)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), whole[2];
    weir_encoded_ids(&at->offsets, from, n + 1, offsets);
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    whole[0] = offsets[0];
    whole[1] = offsets[n];
    weir_encoded_list_numbers(&at->cells, (weir_kind)type.elem, whole, 1, whole[1] - whole[0], s,
                              items);
    for (uint32_t i = 0; i <= n; i++) {
        offsets[i] -= whole[0];
    }
    *out = (weir_vec){.type = type,
                      .form = WEIR_LIST,
                      .n = n,
                      .nulls = nulls_of(at->nulls, NULL, from, n, s),
                      .items = items};
    out->at.offsets = offsets;
}

static void read_lists(const weir_live_sealed_column *at, weir_type type, const weir_dict *dict,
                       uint32_t from, uint32_t n, weir_scratch *s, weir_vec *out)
{
    if (weir_live_has_numbers(type)) {
        read_numbers(at, type, from, n, s, out);
        return;
    }
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    weir_encoded_ids(&at->offsets, from, n + 1, offsets);
    uint32_t first = offsets[0], total = offsets[n] - first;
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, total + 1);
    if (total) {
        weir_encoded_ids(&at->cells, first, total, ids);
    }
    for (uint32_t i = 0; i <= n; i++) {
        offsets[i] -= first;
    }
    list_vec(type, dict, offsets, ids, nulls_of(at->nulls, NULL, from, n, s), n, s, out);
}

/* Rows that lie close together are decoded with what is between them, others one by one. */
static void gather_lists(const weir_live_sealed_column *at, weir_type type, const weir_dict *dict,
                         const uint16_t *rows, uint32_t n, weir_scratch *s, weir_vec *out)
{
    uint32_t span = rows[n - 1] - rows[0] + 2;
    uint32_t *places = WEIR_SCRATCH_ARRAY(s, uint32_t, 2 * n); /* begin and end of each list */
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    if (span <= 16 * n + 1024) {
        uint32_t *all = WEIR_SCRATCH_ARRAY(s, uint32_t, span);
        weir_encoded_ids(&at->offsets, rows[0], span, all);
        for (uint32_t i = 0; i < n; i++) {
            places[2 * i] = all[rows[i] - rows[0]];
            places[2 * i + 1] = all[rows[i] - rows[0] + 1];
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            weir_encoded_ids(&at->offsets, rows[i], 2, places + 2 * (size_t)i);
        }
    }
    if (weir_live_has_numbers(type)) {
        numbers_vec(at, type, places, nulls_of(at->nulls, rows, 0, n, s), n, s, out);
        return;
    }
    offsets[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        offsets[i + 1] = offsets[i] + places[2 * i + 1] - places[2 * i];
    }
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, offsets[n] + 1);
    uint32_t item_span = places[2 * n - 1] - places[0];
    if (item_span > 0 && item_span <= 16 * offsets[n] + 1024) {
        uint32_t *all = WEIR_SCRATCH_ARRAY(s, uint32_t, item_span);
        weir_encoded_ids(&at->cells, places[0], item_span, all);
        for (uint32_t i = 0; i < n; i++) {
            memcpy(ids + offsets[i], all + (places[2 * i] - places[0]),
                   sizeof(*ids) * (offsets[i + 1] - offsets[i]));
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            if (offsets[i + 1] > offsets[i]) {
                weir_encoded_ids(&at->cells, places[2 * i], offsets[i + 1] - offsets[i],
                                 ids + offsets[i]);
            }
        }
    }
    list_vec(type, dict, offsets, ids, nulls_of(at->nulls, rows, 0, n, s), n, s, out);
}

static void read_bytes(const weir_live_column *col, const weir_live_sealed_column *at,
                       const uint16_t *rows, uint32_t from, uint32_t n, weir_scratch *s,
                       weir_vec *out)
{
    uint32_t first = rows ? rows[0] : from, last = rows ? rows[n - 1] : from + n - 1;
    const int64_t *offsets = longs_of(&at->offsets, first, last - first + 2, s);
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = (rows ? rows[i] : from + i) - first;
        values[i] = (weir_str){at->bytes + offsets[k], (size_t)(offsets[k + 1] - offsets[k])};
    }
    *out = (weir_vec){.type = col->type,
                      .form = WEIR_FLAT,
                      .n = n,
                      .nulls = nulls_of(at->nulls, rows, from, n, s)};
    out->at.s = values;
}

void weir_live_sealed_read(const weir_live_column *col, const weir_live_sealed_column *at,
                           const weir_dict *dict, uint32_t from, uint32_t n, bool scaled,
                           weir_scratch *s, weir_vec *out)
{
    if (!at) {
        *out = weir_vec_null(col->type, n);
    } else if (at->zone.multi) {
        read_lists(at, col->type, dict, from, n, s, out);
    } else if (col->type.kind == WEIR_COMPLEX) {
        read_bytes(col, at, NULL, from, n, s, out);
    } else {
        weir_encoded_read(&at->cells, from, n, scaled, s, out);
        out->dict = col->type.kind == WEIR_STRING ? dict : NULL;
    }
}

void weir_live_sealed_gather(const weir_live_column *col, const weir_live_sealed_column *at,
                             const weir_dict *dict, const uint16_t *rows, uint32_t n,
                             weir_scratch *s, weir_vec *out)
{
    if (!at) {
        *out = weir_vec_null(col->type, n);
    } else if (at->zone.multi) {
        gather_lists(at, col->type, dict, rows, n, s, out);
    } else if (col->type.kind == WEIR_COMPLEX) {
        read_bytes(col, at, rows, 0, n, s, out);
    } else {
        weir_encoded_gather(&at->cells, rows, n, s, out);
        out->dict = col->type.kind == WEIR_STRING ? dict : NULL;
    }
}
