/* compute/theta_values.c - values to hashes; bounds as JSON. */
#include "compute/theta_values.h"
#include "compute/dict_hash.h"

#define KEY_OF_HASHES 0x61746574u

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

static void hash_texts(const void *self, const weir_str *texts, uint32_t n, weir_scratch *s,
                       uint64_t *out)
{
    (void)self, (void)s;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = weir_theta_hash(texts[i].at, texts[i].size);
    }
}

/* FLAT, CONST or DICT; one hash a row. */
static void hash_plain(const weir_vec *vec, weir_heap *heap, weir_scratch *s, uint64_t *hashes)
{
    weir_vec flat, one = *vec;
    weir_error err;
    if (vec->form == WEIR_DICT) {
        weir_dict_hashes(vec, &(weir_text_hash){hash_texts, NULL, KEY_OF_HASHES}, heap, s, hashes);
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

weir_str weir_scratch_keep(weir_scratch *s, weir_mark mark, const weir_buf *buf)
{
    weir_scratch_rewind(s, mark);
    char *bytes = weir_scratch_take(s, buf->size + 1);
    if (buf->size > 0) {
        memcpy(bytes, buf->at, buf->size);
    }
    return (weir_str){bytes, buf->size};
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
