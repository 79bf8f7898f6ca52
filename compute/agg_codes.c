/* compute/agg_codes.c - values as bytes, hashed; ids of a dictionary once. */
#include "compute/agg_codes.h"
#include "compute/dict_hash.h"
#include "compute/utf.h"
#include <endian.h>

static uint8_t *more(weir_code_text *t, size_t bytes)
{
    if (t->capacity - t->size < bytes) {
        size_t capacity =
            t->capacity * 2 > t->size + bytes ? t->capacity * 2 : t->size + bytes + 256;
        uint8_t *grown = weir_scratch_take(t->s, capacity);
        if (t->size > 0) {
            memcpy(grown, t->at, t->size);
        }
        t->at = grown;
        t->capacity = capacity;
    }
    return t->at + t->size;
}

void weir_code_put(weir_code_text *t, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(more(t, size), bytes, size);
        t->size += size;
    }
}

void weir_code_put_text(const weir_coder *coder, weir_code_text *t, weir_str text)
{
    if (coder->utf8) {
        weir_code_put(t, text.at, text.size);
        return;
    }
    uint8_t *out = more(t, text.size * 2);
    t->size += weir_utf_to_utf16(text, out);
}

/* Java's doubleToLongBits. */
static uint64_t bits_of_double(const weir_coder *coder, double value)
{
    uint64_t bits;
    value = coder->all_double && value == 0.0 ? 0.0 : value;
    memcpy(&bits, &value, sizeof(bits));
    return (bits & 0x7FFFFFFFFFFFFFFFu) > 0x7FF0000000000000u ? 0x7FF8000000000000u : bits;
}

static void put_word(weir_code_text *t, uint64_t word)
{
    word = htole64(word);
    weir_code_put(t, &word, sizeof(word));
}

static void put_float(const weir_coder *coder, weir_code_text *t, float value)
{
    uint32_t bits;
    if (coder->all_double) {
        put_word(t, bits_of_double(coder, (double)value));
        return;
    }
    memcpy(&bits, &value, sizeof(bits));
    bits = htole32((bits & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FC00000u : bits);
    weir_code_put(t, &bits, sizeof(bits));
}

void weir_code_put_value(const weir_coder *coder, weir_code_text *t, const weir_vec *vec,
                         uint32_t i)
{
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        put_word(t, (uint64_t)vec->at.l[i]);
        break;
    case WEIR_DOUBLE:
        put_word(t, bits_of_double(coder, vec->at.d[i]));
        break;
    case WEIR_FLOAT:
        put_float(coder, t, vec->at.f[i]);
        break;
    case WEIR_STRING:
        weir_code_put_text(coder, t, vec->at.s[i]);
        break;
    case WEIR_COMPLEX:
        weir_code_put(t, vec->at.s[i].at, vec->at.s[i].size);
        break;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        break;
    }
}

static void hash_words(const weir_coder *coder, const weir_vec *flat, uint32_t *codes)
{
    bool is_double = flat->type.kind == WEIR_DOUBLE;
    for (uint32_t i = 0; i < flat->n; i++) {
        uint64_t bits =
            htole64(is_double ? bits_of_double(coder, flat->at.d[i]) : (uint64_t)flat->at.l[i]);
        bool null = flat->nulls && weir_bit(flat->nulls, i);
        codes[i] = null ? WEIR_NO_CODE : coder->code(&bits, sizeof(bits));
    }
}

static void hash_flat(const weir_coder *coder, const weir_vec *flat, weir_scratch *s,
                      uint32_t *codes)
{
    weir_code_text t = {.s = s};
    if (flat->type.kind == WEIR_LONG || flat->type.kind == WEIR_DOUBLE) {
        hash_words(coder, flat, codes);
        return;
    }
    more(&t, 64);
    for (uint32_t i = 0; i < flat->n; i++) {
        if (flat->type.kind == WEIR_UNKNOWN || weir_vec_is_null(flat, i)) {
            codes[i] = WEIR_NO_CODE;
            continue;
        }
        t.size = 0;
        weir_code_put_value(coder, &t, flat, i);
        codes[i] = coder->code(t.at, t.size);
    }
}

/* Codes and 1: 0 is a text that could not be read. */
static void hash_texts(const void *self, const weir_str *texts, uint32_t n, weir_scratch *s,
                       uint64_t *out)
{
    const weir_coder *coder = self;
    weir_code_text t = {.s = s};
    more(&t, 64);
    for (uint32_t i = 0; i < n; i++) {
        t.size = 0;
        weir_code_put_text(coder, &t, texts[i]);
        out[i] = (uint64_t)coder->code(t.at, t.size) + 1;
    }
}

static void hash_ids(const weir_coder *coder, const weir_vec *vec, weir_heap *h, weir_scratch *s,
                     uint32_t *codes)
{
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, vec->n + 1);
    weir_dict_hashes(vec, &(weir_text_hash){hash_texts, coder, coder->key}, h, s, hashes);
    for (uint32_t i = 0; i < vec->n; i++) {
        codes[i] = (uint32_t)hashes[i] - 1; /* 0 becomes WEIR_NO_CODE */
    }
}

/* The code of every row of a FLAT, CONST, DICT or SCALED vector. Damaged dictionaries give none. */
static void hash_values(const weir_coder *coder, const weir_vec *vec, weir_heap *h, weir_scratch *s,
                        uint32_t *codes)
{
    weir_vec flat;
    weir_error err;
    if (vec->form == WEIR_DICT) {
        hash_ids(coder, vec, h, s, codes);
        return;
    }
    weir_vec one = *vec;
    one.n = vec->form == WEIR_CONST && vec->n > 1 ? 1 : vec->n;
    if (!weir_vec_flatten(&one, s, &flat, &err)) {
        flat = (weir_vec){.type = WEIR_TYPE(WEIR_UNKNOWN), .form = WEIR_FLAT, .n = one.n};
    }
    hash_flat(coder, &flat, s, codes);
    for (uint32_t i = one.n; i < vec->n; i++) {
        codes[i] = codes[0];
    }
}

weir_coded weir_coded_column(const weir_coder *coder, const weir_vec *vec, weir_heap *h,
                             weir_scratch *s)
{
    weir_vec lists = *vec;
    weir_error err;
    if (vec->form == WEIR_CONST && vec->items && !weir_vec_flatten(vec, s, &lists, &err)) {
        lists = weir_vec_null(vec->type, vec->n);
    }
    if (lists.form != WEIR_LIST) {
        uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, vec->n + 1);
        hash_values(coder, &lists, h, s, codes);
        return (weir_coded){codes, NULL};
    }
    weir_vec items;
    uint32_t count = lists.at.offsets[lists.n];
    uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, count + 1);
    weir_vec_slice(lists.items, 0, count, s, &items);
    hash_values(coder, &items, h, s, codes);
    for (uint32_t i = 0; lists.nulls && i < lists.n; i++) {
        for (uint32_t k = lists.at.offsets[i];
             weir_bit(lists.nulls, i) && k < lists.at.offsets[i + 1]; k++) {
            codes[k] = WEIR_NO_CODE;
        }
    }
    return (weir_coded){codes, lists.at.offsets};
}
