/* compute/vec.c - vectors in all their forms. Values move by their width alone; only casts and
 * values know kinds. What depends on a dictionary is done once per distinct id of the block while
 * the dictionary is not much larger than it. */
#include "compute/vec.h"
#include "compute/text.h"
#include "weir/buf.h"
#include <assert.h>
#include <math.h>

static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

double weir_scale(uint8_t scale)
{
    assert(scale < sizeof(tens) / sizeof(*tens));
    return tens[scale];
}

bool weir_vec_is_null(const weir_vec *vec, uint32_t i)
{
    bool is_const = vec->form == WEIR_CONST;
    if (vec->dict && (is_const || vec->form == WEIR_DICT)) {
        return vec->at.ids[is_const ? 0 : i] == 0;
    }
    return vec->nulls && weir_bit(vec->nulls, is_const ? 0 : i);
}

weir_vec weir_vec_null(weir_type type, uint32_t n)
{
    static const uint64_t null_bit = 1;
    static const struct {
        weir_str s;
        uint64_t more[2];
    } zero = {{0}, {0}};
    weir_vec vec = {.type = type, .form = WEIR_CONST, .n = n, .nulls = &null_bit};
    vec.at.s = &zero.s;
    return vec;
}

static weir_str copy_str(weir_scratch *s, weir_str from)
{
    char *at = weir_scratch_take(s, from.size);
    if (from.size > 0) {
        memcpy(at, from.at, from.size);
    }
    return (weir_str){at, from.size};
}

/* Writes `count` values of one kind side by side; null bits into `nulls` (zeroed by the caller). */
static const void *write_values(weir_scratch *s, const weir_value *values, uint32_t count,
                                uint8_t kind, uint64_t *nulls, bool *any_null)
{
    int64_t *l = weir_scratch_take(s, sizeof(weir_str) * (count ? count : 1));
    double *d = (double *)l;
    float *f = (float *)(void *)l;
    weir_str *str = (weir_str *)(void *)l;
    for (uint32_t i = 0; i < count; i++) {
        const weir_value *v = &values[i];
        bool null = v->is_null || v->type.kind == WEIR_UNKNOWN;
        if (null) {
            weir_bit_set(nulls, i);
            *any_null = true;
        }
        switch ((weir_kind)kind) {
        case WEIR_LONG:
            l[i] = null ? 0 : v->as.l;
            break;
        case WEIR_DOUBLE:
            d[i] = null ? 0 : v->as.d;
            break;
        case WEIR_FLOAT:
            f[i] = null ? 0 : (float)v->as.d;
            break;
        case WEIR_STRING:
        case WEIR_COMPLEX:
            str[i] = null ? (weir_str){0} : copy_str(s, v->as.s);
            break;
        case WEIR_UNKNOWN:
        case WEIR_ARRAY:
            str[i] = (weir_str){0};
            break;
        }
    }
    return l;
}

weir_vec weir_vec_const(weir_scratch *s, const weir_value *value, uint32_t n)
{
    if (value->is_null || value->type.kind == WEIR_UNKNOWN) {
        return weir_vec_null(value->type, n);
    }
    weir_vec vec = {.type = value->type, .form = WEIR_CONST, .n = n};
    uint64_t none = 0;
    bool any_null = false;
    if (value->type.kind != WEIR_ARRAY) {
        vec.at.l = write_values(s, value, 1, value->type.kind, &none, &any_null);
        return vec;
    }
    uint32_t count = value->as.array.count;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(count) + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(count) + 1));
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    *items = (weir_vec){.type = WEIR_TYPE(value->type.elem), .form = WEIR_FLAT, .n = count};
    items->at.l = write_values(s, value->as.array.at, count, value->type.elem, nulls, &any_null);
    items->nulls = any_null ? nulls : NULL;
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, 2);
    offsets[0] = 0;
    offsets[1] = count;
    vec.at.offsets = offsets;
    vec.items = items;
    return vec;
}

/* Bytes of one entry of at.* */
static size_t width_of(const weir_vec *vec)
{
    if (vec->dict || vec->form == WEIR_LIST || vec->items) {
        return sizeof(uint32_t);
    }
    switch ((weir_kind)vec->type.kind) {
    case WEIR_FLOAT:
        return sizeof(float);
    case WEIR_LONG:
    case WEIR_DOUBLE:
        return sizeof(int64_t);
    case WEIR_UNKNOWN:
    case WEIR_STRING:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        return sizeof(weir_str);
    }
    return sizeof(weir_str);
}

/* Picks entries; rows are u16 (block rows) or u32 (items of lists). */
#define PICK(type, index)                                                                          \
    for (uint32_t i = 0; i < n; i++) {                                                             \
        ((type *)out)[i] = ((const type *)from)[index[i]];                                         \
    }
static void pick(void *out, const void *from, size_t width, const uint16_t *rows16,
                 const uint32_t *rows32, uint32_t n)
{
    if (width == 4 && rows16) {
        PICK(uint32_t, rows16)
    } else if (width == 4) {
        PICK(uint32_t, rows32)
    } else if (width == 8 && rows16) {
        PICK(uint64_t, rows16)
    } else if (width == 8) {
        PICK(uint64_t, rows32)
    } else if (rows16) {
        PICK(weir_str, rows16)
    } else {
        PICK(weir_str, rows32)
    }
}

static const uint64_t *pick_nulls(const uint64_t *nulls, const uint16_t *rows16,
                                  const uint32_t *rows32, uint32_t n, weir_scratch *s)
{
    if (!nulls) {
        return NULL;
    }
    uint64_t *out = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    uint64_t any = 0;
    for (uint32_t from = 0; from < n; from += 64) {
        uint64_t word = 0;
        for (uint32_t i = from; i < n && i < from + 64; i++) {
            word |= (uint64_t)weir_bit(nulls, rows16 ? rows16[i] : rows32[i]) << (i - from);
        }
        out[from / 64] = word;
        any |= word;
    }
    return any ? out : NULL;
}

static void gather(const weir_vec *vec, const uint16_t *rows16, const uint32_t *rows32, uint32_t n,
                   weir_scratch *s, weir_vec *out);

static void gather_lists(const weir_vec *vec, const uint16_t *rows16, const uint32_t *rows32,
                         uint32_t n, weir_scratch *s, weir_vec *out)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    uint32_t total = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = rows16 ? rows16[i] : rows32[i];
        offsets[i] = total;
        total += vec->at.offsets[row + 1] - vec->at.offsets[row];
    }
    offsets[n] = total;
    uint32_t *picked = WEIR_SCRATCH_ARRAY(s, uint32_t, total);
    for (uint32_t i = 0, at = 0; i < n; i++) {
        uint32_t row = rows16 ? rows16[i] : rows32[i];
        for (uint32_t k = vec->at.offsets[row]; k < vec->at.offsets[row + 1]; k++) {
            picked[at++] = k;
        }
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    gather(vec->items, NULL, picked, total, s, items);
    out->at.offsets = offsets;
    out->items = items;
}

static void gather(const weir_vec *vec, const uint16_t *rows16, const uint32_t *rows32, uint32_t n,
                   weir_scratch *s, weir_vec *out)
{
    weir_vec result = *vec;
    result.n = n;
    if (vec->form != WEIR_CONST) {
        result.nulls = pick_nulls(vec->nulls, rows16, rows32, n, s);
        if (vec->form == WEIR_LIST) {
            gather_lists(vec, rows16, rows32, n, s, &result);
        } else {
            size_t width = width_of(vec);
            void *to = weir_scratch_take(s, width * n);
            pick(to, vec->at.l, width, rows16, rows32, n);
            result.at.l = to;
        }
    }
    *out = result;
}

void weir_vec_gather(const weir_vec *vec, const uint16_t *rows, uint32_t n, weir_scratch *s,
                     weir_vec *out)
{
    gather(vec, rows, NULL, n, s, out);
}

void weir_vec_pick(const weir_vec *vec, const uint32_t *rows, uint32_t n, weir_scratch *s,
                   weir_vec *out)
{
    gather(vec, NULL, rows, n, s, out);
}

void weir_vec_slice(const weir_vec *vec, uint32_t from, uint32_t n, weir_scratch *s, weir_vec *out)
{
    assert(from + n <= vec->n);
    weir_vec result = *vec;
    result.n = n;
    if (vec->form != WEIR_CONST) {
        result.at.l =
            (const int64_t *)(const void *)((const char *)vec->at.l + width_of(vec) * from);
        if (vec->nulls && from % 64 == 0) {
            result.nulls = vec->nulls + from / 64;
        } else if (vec->nulls) {
            uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
            uint32_t last = weir_words(vec->n) - 1;
            for (uint32_t w = 0; w < weir_words(n); w++) {
                uint32_t at = from / 64 + w;
                uint64_t high = at < last ? vec->nulls[at + 1] << (64 - from % 64) : 0;
                nulls[w] = vec->nulls[at] >> from % 64 | high;
            }
            result.nulls = nulls;
        }
    }
    *out = result;
}

bool weir_vec_distinct(const weir_vec *vec, weir_scratch *s, weir_distinct *out)
{
    const uint32_t *ids = vec->at.ids;
    uint32_t n = vec->n, dict_count = vec->dict->count;
    if (dict_count > 2 * WEIR_BLOCK_ROWS && dict_count / 4 > n) {
        return false;
    }
    uint64_t *seen = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(dict_count));
    memset(seen, 0, sizeof(*seen) * weir_words(dict_count));
    for (uint32_t i = 0; i < n; i++) {
        weir_bit_set(seen, ids[i]);
    }
    seen[0] &= ~1ull;
    uint32_t most = n < dict_count ? n : dict_count;
    *out = (weir_distinct){.ids = WEIR_SCRATCH_ARRAY(s, uint32_t, most),
                      .places = WEIR_SCRATCH_ARRAY(s, uint32_t, dict_count)};
    for (uint32_t w = 0; w < weir_words(dict_count); w++) {
        for (uint64_t left = seen[w]; left; left &= left - 1) {
            uint32_t id = w * 64 + (uint32_t)__builtin_ctzll(left);
            out->places[id] = out->count;
            out->ids[out->count++] = id;
        }
    }
    return true;
}

/* null bits of ids: id 0. NULL when there is none. */
static const uint64_t *nulls_of_ids(const uint32_t *ids, uint32_t n, weir_scratch *s)
{
    uint64_t *out = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    uint64_t any = 0;
    for (uint32_t from = 0; from < n; from += 64) {
        uint64_t word = 0;
        for (uint32_t i = from; i < n && i < from + 64; i++) {
            word |= (uint64_t)(ids[i] == 0) << (i - from);
        }
        out[from / 64] = word;
        any |= word;
    }
    return any ? out : NULL;
}

static bool flatten_dict(const weir_vec *vec, weir_scratch *s, weir_vec *out, weir_error *err)
{
    uint32_t n = vec->n;
    const uint32_t *ids = vec->at.ids;
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    weir_distinct d;
    if (weir_vec_distinct(vec, s, &d)) {
        weir_str *of = WEIR_SCRATCH_ARRAY(s, weir_str, d.count);
        if (d.count > 0 && !vec->dict->ops->values(vec->dict, d.ids, d.count, s, of, err)) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            values[i] = ids[i] ? of[d.places[ids[i]]] : (weir_str){0};
        }
    } else {
        uint32_t *some = WEIR_SCRATCH_ARRAY(s, uint32_t, n), count = 0;
        for (uint32_t i = 0; i < n; i++) {
            some[count] = ids[i];
            count += ids[i] != 0;
        }
        if (count > 0 && !vec->dict->ops->values(vec->dict, some, count, s, values, err)) {
            return false;
        }
        for (uint32_t i = n; i-- > 0;) { /* spread out from the end */
            values[i] = ids[i] ? values[--count] : (weir_str){0};
        }
    }
    *out = (weir_vec){.type = vec->type, .form = WEIR_FLAT, .n = n};
    out->nulls = nulls_of_ids(ids, n, s);
    out->at.s = values;
    return true;
}

static const uint64_t *all_null(uint32_t n, weir_scratch *s)
{
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0xff, sizeof(*nulls) * weir_words(n));
    return nulls;
}

static void repeat(const weir_vec *one, uint32_t n, weir_scratch *s, weir_vec *out)
{
    size_t width = width_of(one);
    char *to = weir_scratch_take(s, width * n);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(to + i * width, one->at.l, width);
    }
    *out = (weir_vec){.type = one->type, .form = WEIR_FLAT, .n = n};
    out->at.l = (const int64_t *)(const void *)to;
}

static void repeat_list(const weir_vec *one, uint32_t n, weir_scratch *s, weir_vec *out)
{
    uint32_t start = one->at.offsets[0], count = one->at.offsets[1] - start;
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    uint32_t *picked = WEIR_SCRATCH_ARRAY(s, uint32_t, (size_t)n * count);
    for (uint32_t i = 0; i <= n; i++) {
        offsets[i] = i * count;
    }
    for (uint32_t i = 0; i < n * count; i++) {
        picked[i] = start + i % count;
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    gather(one->items, NULL, picked, n * count, s, items);
    *out = (weir_vec){.type = one->type, .form = WEIR_LIST, .n = n, .items = items};
    out->at.offsets = offsets;
}

static bool flatten_const(const weir_vec *vec, weir_scratch *s, weir_vec *out, weir_error *err)
{
    uint32_t n = vec->n;
    if (weir_vec_is_null(vec, 0)) {
        *out = (weir_vec){.type = vec->type, .form = WEIR_FLAT, .n = n};
        void *zeros = weir_scratch_take(s, sizeof(weir_str) * (n + 1));
        out->at.l = memset(zeros, 0, sizeof(weir_str) * (n + 1));
        out->nulls = all_null(n, s);
        if (vec->type.kind == WEIR_ARRAY || vec->items) { /* null lists */
            weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
            *items = (weir_vec){.form = WEIR_FLAT};
            items->type = vec->items ? vec->items->type : WEIR_TYPE(vec->type.elem);
            out->form = WEIR_LIST;
            out->items = items;
        }
        return true;
    }
    if (vec->dict) {
        weir_vec one = *vec, value;
        one.form = WEIR_DICT;
        one.n = 1;
        if (!flatten_dict(&one, s, &value, err)) {
            return false;
        }
        repeat(&value, n, s, out);
        return true;
    }
    if (vec->items) {
        weir_vec lists;
        repeat_list(vec, n, s, &lists);
        return weir_vec_flatten(&lists, s, out, err);
    }
    repeat(vec, n, s, out);
    return true;
}

static void flatten_scaled(const weir_vec *vec, weir_scratch *s, weir_vec *out)
{
    double *values = WEIR_SCRATCH_ARRAY(s, double, vec->n);
    double by = weir_scale(vec->scale);
    for (uint32_t i = 0; i < vec->n; i++) {
        values[i] = (double)vec->at.l[i] / by;
    }
    *out = *vec;
    out->form = WEIR_FLAT;
    out->scale = 0;
    out->at.d = values;
}

bool weir_vec_flatten(const weir_vec *vec, weir_scratch *s, weir_vec *out, weir_error *err)
{
    switch ((weir_form)vec->form) {
    case WEIR_FLAT:
        *out = *vec;
        return true;
    case WEIR_CONST:
        return flatten_const(vec, s, out, err);
    case WEIR_DICT:
        return flatten_dict(vec, s, out, err);
    case WEIR_SCALED:
        flatten_scaled(vec, s, out);
        return true;
    case WEIR_LIST: {
        weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
        if (!weir_vec_flatten(vec->items, s, items, err)) {
            return false;
        }
        *out = *vec;
        out->items = items;
        return true;
    }
    }
    return weir_fail(err, WEIR_ERR_INTERNAL, "vector of unknown form %d", vec->form);
}

bool weir_vec_value(const weir_vec *vec, uint32_t i, weir_arena *arena, weir_value *out,
                    weir_error *err)
{
    assert(i < vec->n);
    if (weir_vec_is_null(vec, i)) {
        *out = (weir_value){.type = vec->type, .is_null = true};
        return true;
    }
    uint32_t at = vec->form == WEIR_CONST ? 0 : i;
    weir_value value = {.type = vec->type};
    if (vec->form == WEIR_LIST || vec->items) {
        uint32_t from = vec->at.offsets[at], count = vec->at.offsets[at + 1] - from;
        weir_value *items = WEIR_ARENA_ARRAY(arena, weir_value, count);
        for (uint32_t k = 0; k < count; k++) {
            if (!weir_vec_value(vec->items, from + k, arena, &items[k], err)) {
                return false;
            }
        }
        value.type = (weir_type){.kind = WEIR_ARRAY, .elem = vec->items->type.kind};
        value.as.array.at = items;
        value.as.array.count = count;
        *out = value;
        return true;
    }
    if (vec->form == WEIR_SCALED) {
        value.as.d = (double)vec->at.l[i] / weir_scale(vec->scale);
        *out = value;
        return true;
    }
    if (vec->dict) {
        weir_scratch s = {0};
        weir_str str;
        bool ok = vec->dict->ops->values(vec->dict, &vec->at.ids[at], 1, &s, &str, err);
        if (ok) {
            value.as.s = weir_arena_str(arena, str);
            *out = value;
        }
        weir_scratch_done(&s);
        return ok;
    }
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        value.as.l = vec->at.l[at];
        break;
    case WEIR_DOUBLE:
        value.as.d = vec->at.d[at];
        break;
    case WEIR_FLOAT:
        value.as.d = (double)vec->at.f[at];
        break;
    case WEIR_STRING:
    case WEIR_COMPLEX:
        value.as.s = weir_arena_str(arena, vec->at.s[at]);
        break;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        value.is_null = true;
        break;
    }
    *out = value;
    return true;
}
