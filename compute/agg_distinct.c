/* compute/agg_distinct.c - cardinality: distinct values of columns, or distinct rows of them
 * (byRow), estimated by Druid's HyperLogLog. Strings are hashed as UTF-16, numbers as their eight
 * or four bytes; null does not count. Of a dictionary column each id is hashed once by a worker. */
#include "compute/agg_hll.h"
#include "compute/utf.h"
#include "weir/hash.h"
#include <stdlib.h>

static const weir_param params[] = {
    {"fields", "fieldNames", WEIR_PARAM_COLUMNS, true, NULL},
    {"byRow", NULL, WEIR_PARAM_BOOL, false, "false"},
    {"round", NULL, WEIR_PARAM_BOOL, false, "false"},
};

typedef struct text { /* bytes to be hashed, growing in scratch */
    weir_scratch *s;
    uint8_t *at;
    size_t size, capacity;
} text;

static uint8_t *more(text *t, size_t bytes)
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

static void put(text *t, const void *bytes, size_t size)
{
    memcpy(more(t, size), bytes, size);
    t->size += size;
}

static void put_chars(text *t, weir_str s)
{
    uint8_t *out = more(t, s.size * 2);
    t->size += weir_utf_to_utf16(s, out);
}

static uint64_t canonical_nan(uint64_t bits)
{
    return (bits & 0x7FFFFFFFFFFFFFFFu) > 0x7FF0000000000000u ? 0x7FF8000000000000u : bits;
}

/* Row i of a FLAT vector that is not null. */
static void put_value(text *t, const weir_vec *vec, uint32_t i)
{
    uint64_t bits;
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        bits = htole64((uint64_t)vec->at.l[i]);
        put(t, &bits, sizeof(bits));
        break;
    case WEIR_DOUBLE:
        memcpy(&bits, &vec->at.d[i], sizeof(bits));
        bits = htole64(canonical_nan(bits));
        put(t, &bits, sizeof(bits));
        break;
    case WEIR_FLOAT: {
        uint32_t half;
        memcpy(&half, &vec->at.f[i], sizeof(half));
        half = htole32((half & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FC00000u : half);
        put(t, &half, sizeof(half));
        break;
    }
    case WEIR_STRING:
        put_chars(t, vec->at.s[i]);
        break;
    case WEIR_COMPLEX:
        put(t, vec->at.s[i].at, vec->at.s[i].size);
        break;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        break;
    }
}

static uint32_t code_of(text *t)
{
    return weir_hll_code(weir_murmur3_128(t->at, t->size));
}

static void hash_words(const weir_vec *flat, uint32_t *codes)
{
    bool is_double = flat->type.kind == WEIR_DOUBLE;
    for (uint32_t i = 0; i < flat->n; i++) {
        uint64_t bits = (uint64_t)flat->at.l[i];
        bits = is_double ? canonical_nan(bits) : bits;
        bool null = flat->nulls && weir_bit(flat->nulls, i);
        codes[i] = null ? WEIR_NO_CODE : weir_hll_code(weir_murmur3_u64(bits));
    }
}

static void hash_flat(const weir_vec *flat, weir_scratch *s, uint32_t *codes)
{
    text t = {.s = s};
    if (flat->type.kind == WEIR_LONG || flat->type.kind == WEIR_DOUBLE) {
        hash_words(flat, codes);
        return;
    }
    more(&t, 64);
    for (uint32_t i = 0; i < flat->n; i++) {
        if (flat->type.kind == WEIR_UNKNOWN || weir_vec_is_null(flat, i)) {
            codes[i] = WEIR_NO_CODE;
            continue;
        }
        t.size = 0;
        put_value(&t, flat, i);
        codes[i] = code_of(&t);
    }
}

#define MOST_KEPT (1u << 22)     /* ids: 16 MiB of codes */
#define KEY_OF_CODES 0x63617264u /* ours among what is kept by a dictionary's uid */

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* A dictionary's codes live in the worker's heap: each id is hashed when it is first met. */
static void hash_ids(const weir_vec *vec, weir_heap *h, weir_scratch *s, uint32_t *codes)
{
    enum { UNKNOWN, COMING }; /* else the code and 2 */
    uint32_t *known = weir_heap_keyed(h, weir_hash_u64(vec->dict->uid) ^ KEY_OF_CODES,
                                      sizeof(uint32_t) * (size_t)vec->dict->count);
    const uint32_t *ids = vec->at.ids;
    uint32_t *some = WEIR_SCRATCH_ARRAY(s, uint32_t, vec->n + 1), count = 0;
    for (uint32_t i = 0; i < vec->n; i++) {
        if (known[ids[i]] == UNKNOWN && ids[i] != 0) {
            known[ids[i]] = COMING;
            some[count++] = ids[i];
        }
    }
    if (count > 0) {
        qsort(some, count, sizeof(*some), by_id);
        weir_vec missing = *vec, flat;
        weir_error err;
        missing.at.ids = some;
        missing.n = count;
        if (!weir_vec_flatten(&missing, s, &flat, &err)) {
            flat = (weir_vec){.type = WEIR_TYPE(WEIR_UNKNOWN), .form = WEIR_FLAT, .n = count};
        }
        uint32_t *of = WEIR_SCRATCH_ARRAY(s, uint32_t, count);
        hash_flat(&flat, s, of);
        for (uint32_t i = 0; i < count; i++) {
            known[some[i]] = of[i] + 2; /* WEIR_NO_CODE becomes 1, COMING, and stays */
        }
    }
    for (uint32_t i = 0; i < vec->n; i++) {
        codes[i] = ids[i] ? known[ids[i]] - 2 : WEIR_NO_CODE;
    }
}

/* The code of every row of a FLAT, CONST, DICT or SCALED vector. Damaged dictionaries give none. */
static void hash_values(const weir_vec *vec, weir_heap *h, weir_scratch *s, uint32_t *codes)
{
    weir_vec flat;
    weir_error err;
    if (vec->form == WEIR_DICT && h && vec->dict->count <= MOST_KEPT) {
        hash_ids(vec, h, s, codes);
        return;
    }
    weir_vec one = *vec;
    one.n = vec->form == WEIR_CONST && vec->n > 1 ? 1 : vec->n;
    if (!weir_vec_flatten(&one, s, &flat, &err)) {
        flat = (weir_vec){.type = WEIR_TYPE(WEIR_UNKNOWN), .form = WEIR_FLAT, .n = one.n};
    }
    hash_flat(&flat, s, codes);
    for (uint32_t i = one.n; i < vec->n; i++) {
        codes[i] = codes[0];
    }
}

/* Codes of one column: row i has [offsets[i], offsets[i + 1]). */
typedef struct coded {
    const uint32_t *codes, *offsets; /* no offsets: one a row */
} coded;

static coded code_column(const weir_vec *vec, weir_heap *h, weir_scratch *s)
{
    weir_vec lists = *vec;
    weir_error err;
    if (vec->form == WEIR_CONST && vec->items && !weir_vec_flatten(vec, s, &lists, &err)) {
        lists = weir_vec_null(vec->type, vec->n);
    }
    if (lists.form != WEIR_LIST) {
        uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, vec->n + 1);
        hash_values(&lists, h, s, codes);
        return (coded){codes, NULL};
    }
    weir_vec items;
    uint32_t count = lists.at.offsets[lists.n];
    uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, count + 1);
    weir_vec_slice(lists.items, 0, count, s, &items);
    hash_values(&items, h, s, codes);
    for (uint32_t i = 0; lists.nulls && i < lists.n; i++) {
        for (uint32_t k = lists.at.offsets[i];
             weir_bit(lists.nulls, i) && k < lists.at.offsets[i + 1]; k++) {
            codes[k] = WEIR_NO_CODE;
        }
    }
    return (coded){codes, lists.at.offsets};
}

static int by_text(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

/* Druid's: several values sorted with U+0001 between, null as U+0000; all null as none. */
static void put_list(text *t, const weir_vec *items, uint32_t from, uint32_t count, weir_scratch *s)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, count);
    bool any = false;
    for (uint32_t i = 0; i < count; i++) {
        bool null = weir_vec_is_null(items, from + i);
        values[i] = null ? WEIR_STR("\0") : items->at.s[from + i];
        any = any || !null;
    }
    if (!any) {
        return;
    }
    qsort(values, count, sizeof(*values), by_text);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            put_chars(t, WEIR_STR("\1"));
        }
        put_chars(t, values[i]);
    }
}

/* One code a row over all columns, a zero byte between. */
static const uint32_t *code_rows(const weir_agg_bound *b, const weir_vec *args, uint32_t n,
                                 weir_scratch *s)
{
    uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    weir_vec *flat = WEIR_SCRATCH_ARRAY(s, weir_vec, b->arg_count);
    text t = {.s = s};
    weir_error err;
    for (uint32_t k = 0; k < b->arg_count; k++) {
        if (args[k].type.kind == WEIR_UNKNOWN || !weir_vec_flatten(&args[k], s, &flat[k], &err)) {
            weir_vec null = weir_vec_null(WEIR_TYPE(WEIR_STRING), n);
            weir_vec_flatten(&null, s, &flat[k], &err);
        }
    }
    more(&t, 256);
    for (uint32_t i = 0; i < n; i++) {
        t.size = 0;
        for (uint32_t k = 0; k < b->arg_count; k++) {
            uint8_t zero = 0;
            if (k > 0) {
                put(&t, &zero, 1);
            }
            if (weir_vec_is_null(&flat[k], i)) {
                continue;
            }
            if (flat[k].form != WEIR_LIST) {
                put_value(&t, &flat[k], i);
            } else if (flat[k].items->type.kind == WEIR_STRING) {
                uint32_t from = flat[k].at.offsets[i];
                put_list(&t, flat[k].items, from, flat[k].at.offsets[i + 1] - from, s);
            }
        }
        codes[i] = code_of(&t);
    }
    return codes;
}

static bool by_row(const weir_agg_bound *b)
{
    return b->spec->values[1].as.l != 0;
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    (void)arena, (void)err;
    weir_hll_plan(b, spec->values[2].as.l != 0);
    b->takes_lists = true;
    return true;
}

static void add_code(weir_heap *h, weir_hll *hll, uint32_t code)
{
    if (code != WEIR_NO_CODE) {
        weir_hll_add(h, hll, code);
    }
}

static void add_row(weir_heap *h, weir_hll *hll, const coded *c, uint32_t row)
{
    if (!c->offsets) {
        add_code(h, hll, c->codes[row]);
        return;
    }
    for (uint32_t k = c->offsets[row]; k < c->offsets[row + 1]; k++) {
        add_code(h, hll, c->codes[k]);
    }
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    weir_hll *hll = state;
    if (sel->count == 0) {
        return;
    }
    const uint16_t *rows = weir_sel_rows(sel, s);
    if (by_row(b)) {
        const uint32_t *codes = code_rows(b, args, sel->n, s);
        for (uint32_t i = 0; i < sel->count; i++) {
            weir_hll_add(h, hll, codes[rows[i]]);
        }
        return;
    }
    for (uint32_t k = 0; k < b->arg_count; k++) {
        weir_vec picked = args[k];
        if (sel->count < sel->n / 4 || (args[k].form == WEIR_DICT && sel->kind != WEIR_SEL_ALL)) {
            weir_vec_gather(&args[k], rows, sel->count, s, &picked);
        }
        bool gathered = picked.n != args[k].n;
        weir_distinct d;
        if (picked.form == WEIR_DICT && picked.n == sel->count && picked.dict->count <= picked.n &&
            weir_vec_distinct(&picked, s, &d)) {
            picked.at.ids = d.ids; /* one group: each value once */
            picked.n = d.count;
            gathered = true;
        }
        coded c = code_column(&picked, h, s);
        uint32_t count = gathered ? picked.n : sel->count;
        for (uint32_t i = 0; i < count; i++) {
            add_row(h, hll, &c, gathered ? i : rows[i]);
        }
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    coded rows = {by_row(b) ? code_rows(b, args, n, s) : NULL, NULL};
    for (uint32_t k = 0; k < (rows.codes ? 1 : b->arg_count); k++) {
        coded c = rows.codes ? rows : code_column(&args[k], h, s);
        for (uint32_t i = 0; i < n; i++) {
            if (groups[i] != WEIR_NO_ID) {
                add_row(h, (weir_hll *)(void *)((char *)states + groups[i] * stride), &c, i);
            }
        }
    }
}

static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                weir_vec *out, weir_error *err)
{
    (void)err;
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), total = 0;
    coded *columns = WEIR_SCRATCH_ARRAY(s, coded, b->arg_count + 1);
    uint32_t count = by_row(b) ? 1 : b->arg_count;
    for (uint32_t k = 0; k < count; k++) {
        columns[k] =
            by_row(b) ? (coded){code_rows(b, args, n, s), NULL} : code_column(&args[k], NULL, s);
        total += columns[k].offsets ? columns[k].offsets[n] : n;
    }
    uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, total + 1), at = 0;
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = at;
        for (uint32_t k = 0; k < count; k++) {
            const uint32_t *of = columns[k].offsets;
            for (uint32_t j = of ? of[i] : i; j < (of ? of[i + 1] : i + 1); j++) {
                codes[at++] = columns[k].codes[j];
            }
        }
    }
    offsets[n] = at;
    weir_hll_rows(codes, offsets, n, s, out);
    return true;
}

const weir_agg weir_agg_cardinality = {.type = "cardinality",
                                       .params = params,
                                       .param_count = 3,
                                       .combining = "hyperUnique",
                                       .finalizes = true,
                                       .plan = plan,
                                       .init = weir_hll_init,
                                       .add_one = add_one,
                                       .add_many = add_many,
                                       .merge = weir_hll_state_merge,
                                       .finish = weir_hll_finish,
                                       .save = weir_hll_state_save,
                                       .load = weir_hll_state_load,
                                       .row = row};
