/* compute/theta_values.c - values to hashes. Of a dictionary column the hashes of ids are kept in
 * the worker's heap, in up to 65,536 places (a megabyte) by the low bits of the id: small
 * dictionaries are hashed once, of large ones what comes often. */
#include "compute/theta_values.h"
#include "weir/buf.h"
#include "weir/hash.h"

#define PLACES 65536u
#define KEY_OF_HASHES 0x61746574u /* ours among what is kept by a dictionary's uid */

static uint64_t hash_value(const weir_vec *flat, uint32_t i)
{
    switch ((weir_kind)flat->type.kind) {
    case WEIR_STRING:
        return weir_theta_hash(flat->at.s[i].at, flat->at.s[i].size);
    case WEIR_LONG:
        return weir_theta_hash_long(flat->at.l[i]);
    case WEIR_DOUBLE:
        return weir_theta_hash_double(flat->at.d[i]);
    case WEIR_FLOAT:
        return weir_theta_hash_double((double)flat->at.f[i]);
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        break;
    }
    return 0;
}

static void hash_flat(const weir_vec *flat, uint64_t *hashes)
{
    for (uint32_t i = 0; i < flat->n; i++) {
        hashes[i] = weir_vec_is_null(flat, i) ? 0 : hash_value(flat, i);
    }
}

typedef struct place {
    uint64_t id, hash; /* id 0: free */
} place;

/* Pairs of id and row, ascending: each id's text is looked up once. */
static void hash_missing(const weir_dict *dict, const uint64_t *missing, uint32_t count,
                         place *places, uint32_t place_count, weir_scratch *s, uint64_t *hashes)
{
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, count), n = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = (uint32_t)(missing[i] >> 32);
        if (n == 0 || ids[n - 1] != id) {
            ids[n++] = id;
        }
    }
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    weir_error err;
    bool ok = dict->ops->values(dict, ids, n, s, values, &err);
    uint32_t at = 0;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = (uint32_t)(missing[i] >> 32);
        if (i == 0 || id != (uint32_t)(missing[i - 1] >> 32)) {
            hash = ok ? weir_theta_hash(values[at].at, values[at].size) : 0;
            at++;
            if (places) {
                places[id % place_count] = (place){id, hash};
            }
        }
        hashes[(uint32_t)missing[i]] = hash;
    }
}

static void hash_ids(const weir_vec *vec, weir_heap *heap, weir_scratch *s, uint64_t *hashes)
{
    uint32_t count = 0, place_count = vec->dict->count < PLACES ? vec->dict->count : PLACES;
    const uint32_t *ids = vec->at.ids;
    place *places = heap ? weir_heap_keyed(heap, weir_hash_u64(vec->dict->uid) ^ KEY_OF_HASHES,
                                           sizeof(place) * (size_t)place_count)
                         : NULL;
    uint64_t *missing = WEIR_SCRATCH_ARRAY(s, uint64_t, vec->n + 1);
    bool exact = place_count == vec->dict->count;
    for (uint32_t i = 0; i < vec->n; i++) {
        const place *p = places ? &places[exact ? ids[i] : ids[i] % PLACES] : NULL;
        if (ids[i] == 0) {
            hashes[i] = 0;
        } else if (p && p->id == ids[i]) {
            hashes[i] = p->hash;
        } else {
            missing[count++] = (uint64_t)ids[i] << 32 | i;
        }
    }
    if (count > 0) {
        weir_theta_sort(missing, WEIR_SCRATCH_ARRAY(s, uint64_t, count), count);
        hash_missing(vec->dict, missing, count, places, place_count, s, hashes);
    }
}

/* FLAT, CONST or DICT; one hash a row. */
static void hash_plain(const weir_vec *vec, weir_heap *heap, weir_scratch *s, uint64_t *hashes)
{
    weir_vec flat, one = *vec;
    weir_error err;
    if (vec->form == WEIR_DICT) {
        hash_ids(vec, heap, s, hashes);
        return;
    }
    one.n = vec->form == WEIR_CONST && vec->n > 1 ? 1 : vec->n;
    if (vec->type.kind == WEIR_UNKNOWN || !weir_vec_flatten(&one, s, &flat, &err)) {
        memset(hashes, 0, vec->n * sizeof(*hashes));
        return;
    }
    hash_flat(&flat, hashes);
    for (uint32_t i = one.n; i < vec->n; i++) {
        hashes[i] = hashes[0];
    }
}

weir_hashed weir_theta_hashes(const weir_vec *vec, weir_heap *heap, weir_scratch *s)
{
    weir_vec lists = *vec, items;
    weir_error err;
    if (vec->form == WEIR_CONST && vec->items && !weir_vec_flatten(vec, s, &lists, &err)) {
        lists = weir_vec_null(WEIR_TYPE(WEIR_STRING), vec->n);
    }
    if (lists.form != WEIR_LIST) {
        uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, vec->n + 1);
        hash_plain(&lists, heap, s, hashes);
        return (weir_hashed){hashes, NULL};
    }
    uint32_t count = lists.at.offsets[lists.n];
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, count + 1);
    weir_vec_slice(lists.items, 0, count, s, &items);
    hash_plain(&items, heap, s, hashes);
    for (uint32_t i = 0; lists.nulls && i < lists.n; i++) {
        if (weir_bit(lists.nulls, i) && lists.at.offsets[i + 1] > lists.at.offsets[i]) {
            memset(hashes + lists.at.offsets[i], 0,
                   (lists.at.offsets[i + 1] - lists.at.offsets[i]) * sizeof(*hashes));
        }
    }
    return (weir_hashed){hashes, lists.at.offsets};
}

bool weir_theta_lg_k(int64_t size, uint32_t *lg_k)
{
    if (size < 1ll << WEIR_THETA_MIN_LG_K || size > 1ll << WEIR_THETA_MAX_LG_K ||
        (size & (size - 1))) {
        return false;
    }
    *lg_k = (uint32_t)__builtin_ctzll((uint64_t)size);
    return true;
}

weir_str weir_theta_bounds_text(const weir_theta_view *view, uint32_t std_devs, weir_scratch *s)
{
    weir_buf buf = {0};
    weir_json json = {.out = &buf};
    weir_json_begin_object(&json);
    weir_json_member_double(&json, "estimate", weir_theta_view_estimate(view));
    weir_json_member_double(&json, "highBound", weir_theta_upper(view, std_devs));
    weir_json_member_double(&json, "lowBound", weir_theta_lower(view, std_devs));
    weir_json_member_long(&json, "numStdDev", std_devs);
    weir_json_end_object(&json);
    char *text = weir_scratch_take(s, buf.size);
    memcpy(text, buf.at, buf.size);
    weir_str out = {text, buf.size};
    weir_buf_done(&buf);
    return out;
}
