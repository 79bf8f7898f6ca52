/* tests/unit/compute/vec_helper.c - see vec_helper.h. Strings are a mix of words and numbers. */
#include "unit/compute/vec_helper.h"
#include <string.h>

uint64_t test_next(test_random *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint32_t test_below(test_random *r, uint32_t limit)
{
    return (uint32_t)((test_next(r) >> 32) * limit >> 32);
}

static bool dict_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                        weir_str *out, weir_error *err)
{
    (void)s;
    (void)err;
    const test_dict *d = (const test_dict *)dict;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = d->values[ids[i]];
    }
    return true;
}

static uint32_t dict_find(const weir_dict *dict, weir_str value)
{
    const test_dict *d = (const test_dict *)dict;
    for (uint32_t id = 1; id < dict->count; id++) {
        if (weir_str_eq(d->values[id], value)) {
            return id;
        }
    }
    return WEIR_NO_ID;
}

const weir_dict *test_dict_new(weir_arena *arena, const weir_str *values, uint32_t count)
{
    static const weir_dict_ops ops = {dict_values, dict_find, NULL};
    static uint64_t uid = 1u << 20;
    test_dict *d = WEIR_ARENA_NEW(arena, test_dict);
    weir_str *all = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    if (count > 0) {
        memcpy(all + 1, values, sizeof(*all) * count);
    }
    *d = (test_dict){{.ops = &ops, .count = count + 1, .uid = uid++}, all};
    return &d->dict;
}

static weir_str random_str(weir_arena *arena, test_random *r)
{
    static const char *words[] = {"", "a", "red", "Zürich", "🚀", "1e3", "NaN", "x y"};
    switch (test_below(r, 4)) {
    case 0:
        return weir_str_of(words[test_below(r, 8)]);
    case 1:
        return weir_arena_printf(arena, "%d", (int)test_below(r, 2000) - 1000);
    case 2:
        return weir_arena_printf(arena, "%d.%d", (int)test_below(r, 20) - 10,
                                 (int)test_below(r, 100));
    default:
        return weir_arena_printf(arena, "value %u", test_below(r, 1000));
    }
}

static const uint64_t *random_nulls(weir_arena *arena, test_random *r, uint32_t n)
{
    uint64_t *nulls = WEIR_ARENA_ARRAY(arena, uint64_t, weir_words(n) + 1);
    uint32_t share = 1 + test_below(r, 8);
    for (uint32_t i = 0; i < n; i++) {
        if (test_below(r, share) == 0) {
            weir_bit_set(nulls, i);
        }
    }
    return nulls;
}

static const void *random_longs(weir_arena *arena, test_random *r, uint32_t n)
{
    int64_t *l = WEIR_ARENA_ARRAY(arena, int64_t, n);
    for (uint32_t i = 0; i < n; i++) {
        l[i] =
            test_below(r, 50) == 0 ? (int64_t)test_next(r) : (int64_t)test_below(r, 100000) - 50000;
    }
    return l;
}

static weir_vec random_dict(weir_arena *arena, test_random *r, uint32_t n, uint32_t values)
{
    weir_str *strs = WEIR_ARENA_ARRAY(arena, weir_str, values);
    for (uint32_t i = 0; i < values; i++) {
        strs[i] = random_str(arena, r);
    }
    uint32_t *ids = WEIR_ARENA_ARRAY(arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = test_below(r, values + 1);
    }
    weir_vec vec = {.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_DICT, .n = n};
    vec.dict = test_dict_new(arena, strs, values);
    vec.at.ids = ids;
    return vec;
}

static weir_vec random_list(weir_arena *arena, test_random *r, uint32_t n, test_vec_kind of)
{
    uint32_t *offsets = WEIR_ARENA_ARRAY(arena, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        offsets[i + 1] = offsets[i] + test_below(r, 4);
    }
    weir_vec *items = WEIR_ARENA_NEW(arena, weir_vec);
    *items = test_vec(arena, r, of, offsets[n]);
    weir_vec vec = {.type = items->type, .form = WEIR_LIST, .n = n, .items = items};
    vec.type.multi = vec.type.kind == WEIR_STRING;
    if (!vec.type.multi) {
        vec.type = (weir_type){.kind = WEIR_ARRAY, .elem = items->type.kind};
    }
    vec.nulls = test_below(r, 2) ? random_nulls(arena, r, n) : NULL;
    vec.at.offsets = offsets;
    return vec;
}

weir_vec test_vec(weir_arena *arena, test_random *r, test_vec_kind kind, uint32_t n)
{
    weir_vec vec = {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n};
    double *d;
    float *f;
    int64_t *l;
    weir_str *s;
    switch (kind) {
    case TEST_LONG_NULLS:
        vec.nulls = random_nulls(arena, r, n);
        vec.at.l = random_longs(arena, r, n);
        return vec;
    case TEST_LONG:
        vec.at.l = random_longs(arena, r, n);
        return vec;
    case TEST_DOUBLE_NULLS:
        vec.nulls = random_nulls(arena, r, n); /* fall through */
    case TEST_DOUBLE:
        vec.type = WEIR_TYPE(WEIR_DOUBLE);
        vec.at.d = d = WEIR_ARENA_ARRAY(arena, double, n);
        for (uint32_t i = 0; i < n; i++) {
            d[i] = ((double)test_below(r, 2000000) - 1e6) / 128;
        }
        return vec;
    case TEST_FLOAT_NULLS:
        vec.nulls = random_nulls(arena, r, n);
        vec.type = WEIR_TYPE(WEIR_FLOAT);
        vec.at.f = f = WEIR_ARENA_ARRAY(arena, float, n);
        for (uint32_t i = 0; i < n; i++) {
            f[i] = ((float)test_below(r, 20000) - 1e4f) / 16;
        }
        return vec;
    case TEST_SCALED_NULLS:
        vec.nulls = random_nulls(arena, r, n); /* fall through */
    case TEST_SCALED:
        vec.type = WEIR_TYPE(WEIR_DOUBLE);
        vec.form = WEIR_SCALED;
        vec.scale = (uint8_t)test_below(r, 5);
        vec.at.l = l = WEIR_ARENA_ARRAY(arena, int64_t, n);
        for (uint32_t i = 0; i < n; i++) {
            l[i] = (int64_t)test_below(r, 2000000) - 1000000;
        }
        return vec;
    case TEST_STRING_NULLS:
        vec.nulls = random_nulls(arena, r, n);
        vec.type = WEIR_TYPE(WEIR_STRING);
        vec.at.s = s = WEIR_ARENA_ARRAY(arena, weir_str, n);
        for (uint32_t i = 0; i < n; i++) {
            s[i] = random_str(arena, r);
        }
        return vec;
    case TEST_DICT:
        return random_dict(arena, r, n, 1 + test_below(r, 40));
    case TEST_DICT_LARGE:
        return random_dict(arena, r, n, 10000 + test_below(r, 1000));
    case TEST_CONST_LONG:
        vec.form = WEIR_CONST;
        vec.at.l = random_longs(arena, r, 1);
        return vec;
    case TEST_CONST_DOUBLE:
        vec = test_vec(arena, r, TEST_DOUBLE, 1);
        vec.form = WEIR_CONST;
        vec.n = n;
        return vec;
    case TEST_CONST_STRING:
        vec.type = WEIR_TYPE(WEIR_STRING);
        vec.form = WEIR_CONST;
        vec.at.s = s = WEIR_ARENA_NEW(arena, weir_str);
        *s = random_str(arena, r);
        return vec;
    case TEST_CONST_DICT:
        vec = random_dict(arena, r, 1, 3);
        vec.form = WEIR_CONST;
        vec.n = n;
        return vec;
    case TEST_CONST_NULL:
        return weir_vec_null(WEIR_TYPE(WEIR_DOUBLE), n);
    case TEST_LIST_DICT:
        return random_list(arena, r, n, TEST_DICT);
    case TEST_LIST_STRING:
        return random_list(arena, r, n, TEST_STRING_NULLS);
    case TEST_LIST_LONG:
        return random_list(arena, r, n, TEST_LONG_NULLS);
    case TEST_CONST_LIST:
        vec = random_list(arena, r, 1, TEST_DICT);
        vec.form = WEIR_CONST;
        vec.n = n;
        return vec;
    case TEST_VECS:
        break;
    }
    return vec;
}
