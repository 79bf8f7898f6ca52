/* query/partial.c - groups to bytes and back, a page of up to 4,096 groups at a time: the page's
 * keys column by column (a null byte, then 8 bytes or the string's own bytes), then each group's
 * saved states; each page LZ4'd. Codes never leave: only values do. */
#include "query/partial.h"
#include <lz4.h>
#include <stdlib.h>

static const char magic[4] = {'W', 'P', 'A', '1'};
enum { PAGE_BYTES_MAX = 1 << 30 };
enum { BY_VALUE, BY_ID, ALL_NULL }; /* how a page has a key */

static bool damaged(weir_lane *lane)
{
    return weir_fail(&lane->err, WEIR_ERR_CORRUPT, "a partial result is damaged");
}

/* How a key of a segment's partial is written, and the dictionary of its ids. */
static int form_of(const weir_agg_run *agg, uint32_t k, uint32_t seg, const weir_dict **dict)
{
    const weir_key_code *key = &agg->keys.codes[k];
    if (seg == WEIR_NO_ID || key->slot == WEIR_NO_ID || key->type.kind != WEIR_STRING) {
        return BY_VALUE;
    }
    const weir_column *col = agg->scan->segs[seg].columns[key->slot];
    *dict = col && col->type.kind == WEIR_STRING ? col->dict : NULL;
    return !col ? ALL_NULL : *dict ? BY_ID : BY_VALUE;
}

static bool save_ids(const weir_vec *vec, const weir_dict *dict, weir_lane *lane, weir_buf *out)
{
    weir_vec flat;
    bool same = vec->dict && vec->dict->uid == dict->uid;
    if (!same && !weir_vec_flatten(vec, &lane->scratch, &flat, &lane->err)) {
        return false;
    }
    for (uint32_t i = 0; i < vec->n; i++) {
        uint32_t id = vec->at.ids[i];
        if (!same && id != 0) {
            id = dict->ops->find(dict, flat.at.s[i]);
        }
        if (id == WEIR_NO_ID) {
            return weir_fail(&lane->err, WEIR_ERR_INTERNAL,
                             "a group of a segment is not in its dictionary");
        }
        weir_buf_u32(out, id);
    }
    return true;
}

static bool save_values(weir_agg_run *agg, uint32_t k, weir_lane *lane, uint32_t seg,
                        const uint64_t *packed, uint32_t n, weir_buf *out)
{
    weir_scratch *s = &lane->scratch;
    weir_vec vec, flat;
    const weir_dict *dict = NULL;
    int form = form_of(agg, k, seg, &dict);
    weir_buf_byte(out, (char)form);
    if (form == ALL_NULL) {
        return true;
    }
    if (!weir_keys_decode(&agg->keys.codes[k], &agg->buckets, agg->keys.words, packed, n, s,
                          &vec)) {
        return false;
    }
    if (form == BY_ID) {
        return save_ids(&vec, dict, lane, out);
    }
    if (!weir_vec_flatten(&vec, s, &flat, &lane->err)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        bool null = weir_vec_is_null(&flat, i);
        weir_buf_byte(out, (char)null);
        if (null) {
            continue;
        }
        if (flat.type.kind == WEIR_STRING) {
            weir_buf_bytes(out, flat.at.s[i]);
        } else if (flat.type.kind == WEIR_FLOAT) {
            uint32_t bits;
            memcpy(&bits, &flat.at.f[i], sizeof(bits));
            weir_buf_u32(out, bits);
        } else {
            weir_buf_u64(out, (uint64_t)flat.at.l[i]);
        }
    }
    return true;
}

/* Other lanes may add strings to the key's own dictionary meanwhile. */
static bool save_key(weir_agg_run *agg, uint32_t k, weir_lane *lane, uint32_t seg,
                     const uint64_t *packed, uint32_t n, weir_buf *out)
{
    weir_key_code *key = &agg->keys.codes[k];
    bool shared = key->kind == WEIR_CODE_INTERN;
    if (shared) {
        pthread_mutex_lock(&key->lock);
    }
    bool ok = save_values(agg, k, lane, seg, packed, n, out);
    if (shared) {
        pthread_mutex_unlock(&key->lock);
    }
    return ok;
}

static void save_states(const weir_agg_run *agg, const weir_agg_lane *own, uint32_t from,
                        uint32_t n, weir_buf *out)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *state = weir_groups_state(&own->groups, from + i);
        for (uint32_t a = 0; a < agg->aggs.count; a++) {
            const weir_agg_bound *b = &agg->aggs.bound[a];
            size_t size = b->agg->save(b, own->heap, state + agg->aggs.offset[a], NULL);
            weir_buf_varint(out, size);
            weir_buf_reserve(out, size);
            b->agg->save(b, own->heap, state + agg->aggs.offset[a], (uint8_t *)out->at + out->size);
            out->size += size;
        }
    }
}

static bool put_page(const weir_buf *page, weir_lane *lane, weir_buf *out)
{
    if (page->size > PAGE_BYTES_MAX) {
        return weir_fail(&lane->err, WEIR_ERR_RESOURCE,
                         "4,096 groups of a partial result are over 1 GiB");
    }
    int bound = LZ4_compressBound((int)page->size);
    weir_buf_u32(out, (uint32_t)page->size);
    size_t size_at = out->size;
    weir_buf_u32(out, 0);
    weir_buf_reserve(out, (size_t)bound);
    int packed = LZ4_compress_default(page->at, out->at + out->size, (int)page->size, bound);
    uint32_t size = htole32((uint32_t)packed);
    memcpy(out->at + size_at, &size, sizeof(size));
    out->size += (size_t)packed;
    return true;
}

bool weir_partial_save(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane, uint32_t seg,
                       weir_buf *out)
{
    weir_buf page = {0};
    bool ok = true;
    weir_buf_put(out, magic, sizeof(magic));
    weir_buf_u64(out, agg->fingerprint);
    weir_buf_u32(out, own->groups.count);
    for (uint32_t at = 0; ok && at < own->groups.count; at += WEIR_BLOCK_ROWS) {
        uint32_t left = own->groups.count - at, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(&lane->scratch);
        ok = weir_ctl_check(lane->run.ctl, &lane->err);
        page.size = 0;
        for (uint32_t k = 0; ok && k < agg->keys.count; k++) {
            ok = save_key(agg, k, lane, seg, weir_groups_key(&own->groups, at), n, &page);
        }
        if (ok) {
            save_states(agg, own, at, n, &page);
            ok = put_page(&page, lane, out);
        }
        weir_scratch_rewind(&lane->scratch, mark);
    }
    weir_buf_done(&page);
    return ok;
}

/* Ids of a segment's dictionary. */
static bool load_ids(const weir_dict *dict, weir_lane *lane, weir_reader *in, uint32_t n,
                     weir_vec *out)
{
    uint32_t *ids = WEIR_SCRATCH_ARRAY(&lane->scratch, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!weir_take_u32(in, &ids[i]) || ids[i] >= dict->count) {
            return false;
        }
    }
    *out = (weir_vec){
        .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_DICT, .n = n, .dict = dict, .at.ids = ids};
    return true;
}

/* Values of one key of a page, as a FLAT vector. */
static bool load_key(const weir_key_code *key, weir_lane *lane, weir_reader *in, uint32_t n,
                     weir_vec *out)
{
    weir_scratch *s = &lane->scratch;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n));
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    uint64_t *numbers = (uint64_t *)(void *)strings; /* 8 or 4 bytes each, in the same room */
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    *out = (weir_vec){.type = key->type, .form = WEIR_FLAT, .n = n, .nulls = nulls};
    out->type.multi = false;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t null;
        bool ok = weir_take_u8(in, &null);
        if (ok && null) {
            weir_bit_set(nulls, i);
        } else if (ok && key->type.kind == WEIR_STRING) {
            ok = weir_take_bytes(in, &strings[i]);
        } else if (ok && key->type.kind == WEIR_FLOAT) {
            ok = weir_take_u32(in, &((uint32_t *)(void *)strings)[i]);
        } else if (ok) {
            ok = weir_take_u64(in, &numbers[i]);
        }
        if (!ok) {
            return false;
        }
    }
    out->at.s = strings;
    return true;
}

/* The codes of loaded values; false: a value that this query cannot have. */
static bool code_loaded(weir_agg_run *agg, weir_agg_lane *own, uint32_t k, weir_lane *lane,
                        const weir_vec *vec, uint32_t n, uint64_t *codes, uint64_t *nulls)
{
    weir_key_code *key = &agg->keys.codes[k];
    if (key->kind == WEIR_CODE_BUCKET) {
        for (uint32_t i = 0; i < n; i++) {
            int64_t ms = vec->at.l[i];
            bool raw = agg->buckets.kind == WEIR_BUCKETS_RAW;
            codes[i] = raw                  ? (uint64_t)ms - (uint64_t)agg->buckets.min
                       : agg->buckets.count ? weir_buckets_find(&agg->buckets, ms)
                                            : 0;
            if (weir_bit(vec->nulls, i) || codes[i] >= key->range ||
                weir_buckets_start(&agg->buckets, codes[i]) != ms) {
                return false;
            }
        }
        return true;
    }
    if (!weir_keys_code(key, &own->maps[k], lane, vec, n, false, NULL, codes, nulls)) {
        return false;
    }
    for (uint32_t i = 0; key->kind == WEIR_CODE_OFFSET && i < n; i++) {
        if (codes[i] >= key->range) {
            return false;
        }
    }
    return true;
}

static bool load_states(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane, weir_reader *in,
                        const uint32_t *groups, uint32_t n)
{
    uint64_t *state = weir_scratch_take(&lane->scratch, agg->aggs.stride);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(state, agg->aggs.init, agg->aggs.stride);
        for (uint32_t a = 0; a < agg->aggs.count; a++) {
            const weir_agg_bound *b = &agg->aggs.bound[a];
            weir_str bytes;
            if (!weir_take_bytes(in, &bytes)) {
                return damaged(lane);
            }
            weir_reader one = weir_reader_of(bytes);
            if (!b->agg->load(b, own->heap, &one, (uint8_t *)state + agg->aggs.offset[a],
                              &lane->err)) {
                return false;
            }
        }
        weir_aggs_merge(&agg->aggs, own->heap, weir_groups_state(&own->groups, groups[i]),
                        own->heap, state);
    }
    return true;
}

/* The codes of key k of n groups. */
static bool load_codes(weir_agg_run *agg, weir_agg_lane *own, uint32_t k, weir_lane *lane,
                       uint32_t seg, weir_reader *in, uint32_t n, uint64_t *codes, uint64_t *nulls)
{
    const weir_key_code *key = &agg->keys.codes[k];
    const weir_dict *dict = NULL;
    weir_vec vec;
    uint8_t form;
    if (!weir_take_u8(in, &form) || form != form_of(agg, k, seg, &dict)) {
        return false;
    }
    if (form == ALL_NULL) {
        memset(codes, 0, n * sizeof(*codes));
        return true;
    }
    if (form == BY_VALUE) {
        return load_key(key, lane, in, n, &vec) &&
               code_loaded(agg, own, k, lane, &vec, n, codes, nulls);
    }
    const uint32_t *at_hand = own->maps[k].global; /* of the segment that the lane is at */
    if (key->kind == WEIR_CODE_GLOBAL) {
        own->maps[k].global = key->global.maps[seg];
    }
    bool ok =
        load_ids(dict, lane, in, n, &vec) && code_loaded(agg, own, k, lane, &vec, n, codes, nulls);
    own->maps[k].global = at_hand;
    return ok;
}

static bool load_page(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane, uint32_t seg,
                      weir_reader in, uint32_t n)
{
    weir_scratch *s = &lane->scratch;
    uint32_t words = agg->keys.words;
    uint64_t *packed = WEIR_SCRATCH_ARRAY(s, uint64_t, (size_t)n * words);
    uint64_t *codes = WEIR_SCRATCH_ARRAY(s, uint64_t, n),
             *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
    uint32_t *groups = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    memset(packed, 0, (size_t)n * words * sizeof(*packed));
    for (uint32_t k = 0; k < agg->keys.count; k++) {
        if (!load_codes(agg, own, k, lane, seg, &in, n, codes, nulls)) {
            return lane->err.code != WEIR_OK ? false : damaged(lane);
        }
        weir_keys_pack(&agg->keys.codes[k], words, n, codes, nulls, packed);
    }
    return weir_groups_find(&own->groups, packed, n, groups, s, &lane->err) &&
           load_states(agg, own, lane, &in, groups, n);
}

bool weir_partial_load(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane, uint32_t seg,
                       weir_str bytes)
{
    weir_reader in = weir_reader_of(bytes);
    char head[sizeof(magic)];
    uint64_t fingerprint;
    uint32_t count;
    if (!weir_take(&in, head, sizeof(head)) || memcmp(head, magic, sizeof(magic)) != 0 ||
        !weir_take_u64(&in, &fingerprint) || !weir_take_u32(&in, &count)) {
        return damaged(lane);
    }
    if (fingerprint != agg->fingerprint) {
        return weir_fail(&lane->err, WEIR_ERR_CORRUPT, "a partial result is another plan's");
    }
    for (uint32_t at = 0; at < count; at += WEIR_BLOCK_ROWS) {
        uint32_t n = count - at < WEIR_BLOCK_ROWS ? count - at : WEIR_BLOCK_ROWS, size, packed;
        const uint8_t *from;
        if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
            return false;
        }
        if (!weir_take_u32(&in, &size) || !weir_take_u32(&in, &packed) || size > PAGE_BYTES_MAX ||
            !weir_take_span(&in, packed, &from)) {
            return damaged(lane);
        }
        weir_mark mark = weir_scratch_mark(&lane->scratch);
        if (!weir_budget_take(agg->stage.budget, size, &lane->err)) {
            return false;
        }
        weir_budget_give(agg->stage.budget, size);
        char *page = weir_scratch_take(&lane->scratch, (size_t)size + 1);
        if (LZ4_decompress_safe((const char *)from, page, (int)packed, (int)size) != (int)size) {
            return damaged(lane);
        }
        if (!load_page(agg, own, lane, seg, weir_reader_of((weir_str){page, size}), n)) {
            return false;
        }
        weir_scratch_rewind(&lane->scratch, mark);
    }
    return weir_reader_left(&in) == 0 || damaged(lane);
}

bool weir_partial_round_trip(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane)
{
    weir_buf bytes = {0};
    weir_heap *old = own->heap;
    bool ok = weir_partial_save(agg, own, lane, WEIR_NO_ID, &bytes);
    if (ok) {
        weir_groups_done(&own->groups);
        own->heap = weir_heap_new(agg->stage.budget);
        weir_heap_free(old);
        ok = weir_partial_load(agg, own, lane, WEIR_NO_ID, weir_buf_view(&bytes));
    }
    weir_buf_done(&bytes);
    return ok;
}
