/* tests/unit/compute/agg_forms_test.c - every aggregator over vectors of every form, selected every
 * way: add_one, add_many, merged parts, saved and loaded states agree with a loop over the rows as
 * values. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include "compute/agg.h"
#include "compute/hll.h"
#include "compute/order.h"
#include "compute/sketch_theta.h"
#include "compute/text.h"
#include "unit/compute/vec_helper.h"

#define GROUPS 5u

typedef struct fixture {
    weir_arena *arena;
    weir_scratch scratch;
    weir_heap *heap, *other;
    weir_agg_spec spec;
    weir_agg_bound bound;
} fixture;

static void begin(fixture *f, const char *type, const char *more, const weir_type *types)
{
    char text[300];
    weir_error err = {0};
    *f = (fixture){
        .arena = weir_arena_new(), .heap = weir_heap_new(NULL), .other = weir_heap_new(NULL)};
    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"name\":\"x\",%s}", type, more);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    if (!weir_agg_spec_parse(json, "aggregations[0]", f->arena, &f->spec, &err) ||
        !weir_agg_bind(&f->spec, types, f->arena, &f->bound, &err)) {
        fail_msg("%s: %s", text, err.message);
    }
    json_decref(json);
}

static void end(fixture *f)
{
    weir_heap_free(f->heap);
    weir_heap_free(f->other);
    weir_scratch_done(&f->scratch);
    weir_arena_free(f->arena);
}

static void *state_at(const fixture *f, void *states, uint32_t i)
{
    return (char *)states + i * f->bound.state_size;
}

static void *new_states(fixture *f)
{
    void *states = weir_arena_alloc(f->arena, f->bound.state_size * GROUPS);
    for (uint32_t i = 0; i < GROUPS; i++) {
        f->bound.agg->init(&f->bound, state_at(f, states, i));
    }
    return states;
}

static void finish(fixture *f, const weir_heap *heap, const void *states, weir_value out[GROUPS])
{
    weir_vec vec;
    f->bound.agg->finish(&f->bound, heap, states, f->bound.state_size, GROUPS, true, &f->scratch,
                         &vec);
    assert_int_equal(vec.n, GROUPS);
    assert_int_equal(vec.type.kind, f->bound.out_type.kind);
    for (uint32_t i = 0; i < GROUPS; i++) {
        assert_true(weir_vec_value(&vec, i, f->arena, &out[i], NULL));
    }
}

static bool near(const weir_value *a, const weir_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null == b->is_null;
    }
    if (a->type.kind == WEIR_LONG) {
        return a->as.l == b->as.l;
    }
    if (a->type.kind == WEIR_STRING) {
        return weir_str_eq(a->as.s, b->as.s);
    }
    double x = a->as.d, y = b->as.d;
    return x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-9 * fmax(fabs(x), fabs(y)) + 1e-9;
}

/* ---- the slow twin: what Druid's documents and recorded answers say, value by value */

typedef struct twin {
    const char *type;
    bool text_column; /* the argument is a column of text: what is no number counts as the start */
    weir_value best;
    double sum;
    int64_t whole, count, best_time;
    bool seen;
    weir_heap *heap;
    weir_hll hll;
} twin;

static bool is(const twin *t, const char *part)
{
    return strstr(t->type, part) != NULL;
}

static weir_kind kind_of(const char *type)
{
    return type[0] == 'l'   ? WEIR_LONG
           : type[0] == 'f' ? WEIR_FLOAT
           : type[0] == 'd' ? WEIR_DOUBLE
                            : WEIR_STRING;
}

static weir_value start_value(const twin *t)
{
    double d = is(t, "Min") ? (double)INFINITY : is(t, "Max") ? (double)-INFINITY : 0;
    int64_t l = is(t, "Min") ? INT64_MAX : is(t, "Max") ? INT64_MIN : 0;
    return kind_of(t->type) == WEIR_LONG ? weir_value_long(l) : weir_value_double(d);
}

static void twin_number(twin *t, weir_arena *arena, weir_value v)
{
    v = weir_value_cast(arena, v, kind_of(t->type));
    if (v.is_null && t->text_column) {
        v = start_value(t);
    }
    if (v.is_null) {
        return;
    }
    double d = v.type.kind == WEIR_LONG ? 0 : v.as.d;
    t->count++;
    if (is(t, "Sum") || is(t, "Mean")) {
        t->whole =
            (int64_t)((uint64_t)t->whole + (v.type.kind == WEIR_LONG ? (uint64_t)v.as.l : 0));
        t->sum += d;
    } else if (v.type.kind == WEIR_LONG) {
        bool better = is(t, "Min") ? v.as.l < t->whole : v.as.l > t->whole;
        t->whole = !t->seen || better ? v.as.l : t->whole;
    } else {
        bool better = isnan(d) || (is(t, "Min") ? d < t->sum : d > t->sum);
        t->sum = !t->seen || better ? d : t->sum;
    }
    t->seen = true;
}

static void twin_row(twin *t, weir_arena *arena, weir_value v)
{
    if (v.type.kind != WEIR_ARRAY && !(v.is_null && v.type.multi)) {
        twin_number(t, arena, v);
        return;
    }
    uint32_t count = v.is_null ? 0 : v.as.array.count;
    for (uint32_t i = 0; i < count; i++) {
        twin_number(t, arena, v.as.array.at[i]);
    }
    if (count == 0 && t->text_column) {
        twin_number(t, arena, (weir_value){.type = WEIR_TYPE(WEIR_STRING), .is_null = true});
    }
}

static weir_value twin_value(const twin *t)
{
    weir_value none = {.type = WEIR_TYPE((uint8_t)kind_of(t->type)), .is_null = true};
    if (is(t, "Mean")) {
        return weir_value_double(t->count ? t->sum / (double)t->count : 0);
    }
    if (!t->seen) {
        return none;
    }
    weir_value out =
        kind_of(t->type) == WEIR_LONG ? weir_value_long(t->whole) : weir_value_double(t->sum);
    if (kind_of(t->type) == WEIR_FLOAT) {
        out.as.d = (double)(float)out.as.d;
    }
    return out;
}

/* ---- all ways in */

static weir_sel random_sel(fixture *f, test_random *r, uint32_t n)
{
    uint64_t *bits = WEIR_ARENA_ARRAY(f->arena, uint64_t, weir_words(n) + 1);
    uint32_t kind = test_below(r, 5), share = kind == 3 ? 50 : 2;
    if (kind == 0) {
        return weir_sel_all(n);
    }
    if (kind == 1) {
        return weir_sel_none(n);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (test_below(r, share) == 0) {
            weir_bit_set(bits, i);
        }
    }
    weir_sel sel = weir_sel_of_bits(bits, n);
    if (kind == 4 && sel.kind == WEIR_SEL_BITS) {
        uint16_t *rows = WEIR_ARENA_ARRAY(f->arena, uint16_t, sel.count);
        memcpy(rows, weir_sel_rows(&sel, &f->scratch), sel.count * sizeof(*rows));
        return (weir_sel){.kind = WEIR_SEL_LIST, .n = n, .count = sel.count, .rows = rows};
    }
    return sel;
}

static void check(fixture *f, const char *way, const weir_heap *heap, const void *states,
                  const weir_value want[GROUPS])
{
    weir_value got[GROUPS];
    finish(f, heap, states, got);
    for (uint32_t i = 0; i < GROUPS; i++) {
        if (!near(&got[i], &want[i])) {
            fail_msg("%s by %s, group %u: %s %lld %.17g, not %s %lld %.17g", f->bound.agg->type,
                     way, i, got[i].is_null ? "null" : "", (long long)got[i].as.l, got[i].as.d,
                     want[i].is_null ? "null" : "", (long long)want[i].as.l, want[i].as.d);
        }
    }
}

/* Rows of `sel` go to groups by `deal` (row -> group); all ways must give `want`. */
static void all_ways(fixture *f, const weir_vec *args, uint32_t n, const weir_sel *sel,
                     const uint32_t *groups, const weir_value want[GROUPS])
{
    const weir_agg *agg = f->bound.agg;
    weir_vec cast[4], part[4];
    weir_error err = {0};
    assert_true(f->bound.arg_count <= 4);
    assert_true(weir_agg_args(&f->bound, args, &f->scratch, cast, &err));

    void *many = new_states(f);
    agg->add_many(&f->bound, f->heap, many, f->bound.state_size, groups, cast, n, &f->scratch);
    check(f, "add_many", f->heap, many, want);

    void *one = new_states(f);
    for (uint32_t g = 0; g < GROUPS; g++) { /* a selection per group */
        uint64_t *bits = WEIR_ARENA_ARRAY(f->arena, uint64_t, weir_words(n) + 1);
        for (uint32_t i = 0; i < n; i++) {
            if (groups[i] == g) {
                weir_bit_set(bits, i);
            }
        }
        weir_sel of_group = weir_sel_of_bits(bits, n);
        agg->add_one(&f->bound, f->heap, state_at(f, one, g), cast,
                     sel->count == of_group.count ? sel : &of_group, &f->scratch);
    }
    check(f, "add_one", f->heap, one, want);

    void *merged = new_states(f), *parts = new_states(f), *loaded = new_states(f);
    uint32_t half = n / 2 / 64 * 64;
    for (uint32_t k = 0; k < f->bound.arg_count; k++) {
        weir_vec_slice(&cast[k], 0, half, &f->scratch, &part[k]);
    }
    agg->add_many(&f->bound, f->heap, merged, f->bound.state_size, groups, part, half, &f->scratch);
    for (uint32_t k = 0; k < f->bound.arg_count; k++) {
        weir_vec_slice(&cast[k], half, n - half, &f->scratch, &part[k]);
    }
    agg->add_many(&f->bound, f->other, parts, f->bound.state_size, groups + half, part, n - half,
                  &f->scratch);
    for (uint32_t g = 0; g < GROUPS; g++) {
        agg->merge(&f->bound, f->heap, state_at(f, merged, g), f->other, state_at(f, parts, g));
    }
    check(f, "merge", f->heap, merged, want);

    for (uint32_t g = 0; g < GROUPS; g++) {
        size_t size = agg->save(&f->bound, f->heap, state_at(f, merged, g), NULL);
        uint8_t *bytes = weir_alloc(size);
        assert_int_equal(agg->save(&f->bound, f->heap, state_at(f, merged, g), bytes), size);
        weir_reader in = {bytes, bytes + size};
        assert_true(agg->load(&f->bound, f->other, &in, state_at(f, loaded, g), &err));
        assert_int_equal(weir_reader_left(&in), 0);
        for (size_t cut = 0; cut < size; cut += 1 + size / 7) { /* hostile: cut short */
            void *ignored = weir_arena_alloc(f->arena, f->bound.state_size);
            in = (weir_reader){bytes, bytes + cut};
            assert_false(agg->load(&f->bound, f->other, &in, ignored, &err));
        }
        free(bytes);
    }
    check(f, "save and load", f->other, loaded, want);
}

static void deal(fixture *f, test_random *r, const weir_sel *sel, uint32_t n, uint32_t **out)
{
    uint32_t *groups = WEIR_ARENA_ARRAY(f->arena, uint32_t, n + 1);
    const uint16_t *rows = weir_sel_rows(sel, &f->scratch);
    bool one_group = test_below(r, 3) == 0;
    memset(groups, 0xff, sizeof(*groups) * n);
    for (uint32_t i = 0; i < sel->count; i++) {
        groups[rows[i]] = one_group ? 2 : test_below(r, GROUPS);
    }
    *out = groups;
}

static void numbers_agree_with_a_loop_over_values(void **state)
{
    (void)state;
    static const char *const types[] = {"longSum",  "doubleSum", "floatSum",  "longMin",
                                        "longMax",  "doubleMin", "doubleMax", "floatMin",
                                        "floatMax", "doubleMean"};
    for (uint64_t seed = 1; seed <= 6; seed++) {
        for (size_t a = 0; a < sizeof(types) / sizeof(*types); a++) {
            for (int kind = 0; kind < TEST_VECS; kind++) {
                test_random r = {seed * 1000 + a * 50 + (uint64_t)kind};
                fixture f;
                weir_arena *arena = weir_arena_new();
                uint32_t n = 1 + test_below(&r, seed % 2 ? 200 : 4096);
                weir_vec vec = test_vec(arena, &r, (test_vec_kind)kind, n);
                begin(&f, types[a], "\"fieldName\":\"c\"", &vec.type);
                weir_sel sel = random_sel(&f, &r, n);
                uint32_t *groups;
                deal(&f, &r, &sel, n, &groups);
                twin twins[GROUPS];
                weir_value want[GROUPS];
                for (uint32_t g = 0; g < GROUPS; g++) {
                    twins[g] =
                        (twin){.type = types[a], .text_column = vec.type.kind == WEIR_STRING};
                }
                for (uint32_t i = 0; i < n; i++) {
                    weir_value v;
                    assert_true(weir_vec_value(&vec, i, arena, &v, NULL));
                    if (groups[i] != WEIR_NO_ID) {
                        twin_row(&twins[groups[i]], arena, v);
                    }
                }
                for (uint32_t g = 0; g < GROUPS; g++) {
                    want[g] = twin_value(&twins[g]);
                }
                all_ways(&f, &vec, n, &sel, groups, want);
                end(&f);
                weir_arena_free(arena);
            }
        }
    }
}

static void first_and_last_go_by_time(void **state)
{
    (void)state;
    static const char *const types[] = {"longFirst",  "longLast",    "doubleFirst", "doubleLast",
                                        "floatFirst", "stringFirst", "stringLast"};
    static const test_vec_kind kinds[] = {TEST_LONG_NULLS,   TEST_DOUBLE_NULLS, TEST_FLOAT_NULLS,
                                          TEST_SCALED_NULLS, TEST_STRING_NULLS, TEST_DICT,
                                          TEST_CONST_LONG,   TEST_CONST_NULL};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (size_t a = 0; a < sizeof(types) / sizeof(*types); a++) {
            for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
                test_random r = {seed * 1000 + a * 50 + k};
                fixture f;
                weir_arena *arena = weir_arena_new();
                uint32_t n = 1 + test_below(&r, 500);
                weir_vec args[2] = {test_vec(arena, &r, kinds[k], n),
                                    {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n}};
                weir_type arg_types[2] = {args[0].type, args[1].type};
                int64_t *times =
                    WEIR_ARENA_ARRAY(arena, int64_t, n); /* all different: ties have no promise */
                uint64_t *nulls = WEIR_ARENA_ARRAY(arena, uint64_t, weir_words(n));
                for (uint32_t i = 0; i < n; i++) {
                    times[i] = (int64_t)i *
                               (seed % 3 == 0   ? 1
                                : seed % 3 == 1 ? -1
                                                : 7919) %
                               100003;
                    if (test_below(&r, 20) == 0) {
                        weir_bit_set(nulls, i);
                    }
                }
                args[1].at.l = times;
                args[1].nulls = nulls;
                begin(&f, types[a], "\"fieldName\":\"c\",\"timeColumn\":\"t\",\"maxStringBytes\":6",
                      arg_types);
                weir_sel sel = random_sel(&f, &r, n);
                uint32_t *groups;
                deal(&f, &r, &sel, n, &groups);
                weir_value want[GROUPS];
                int64_t best[GROUPS];
                bool seen[GROUPS] = {false};
                for (uint32_t g = 0; g < GROUPS; g++) {
                    want[g] = (weir_value){.type = f.bound.out_type, .is_null = true};
                }
                bool last = strstr(types[a], "Last") != NULL;
                for (uint32_t i = 0; i < n; i++) {
                    uint32_t g = groups[i];
                    if (g == WEIR_NO_ID || weir_bit(nulls, i) ||
                        (seen[g] && (last ? times[i] < best[g] : times[i] > best[g]))) {
                        continue;
                    }
                    weir_value v;
                    assert_true(weir_vec_value(&args[0], i, arena, &v, NULL));
                    want[g] = weir_value_cast(arena, v, kind_of(types[a]));
                    if (want[g].type.kind == WEIR_STRING && !want[g].is_null &&
                        want[g].as.s.size > 6) {
                        want[g].as.s.size = 6;
                        while (!weir_str_is_utf8(want[g].as.s)) {
                            want[g].as.s.size--;
                        }
                    }
                    best[g] = times[i];
                    seen[g] = true;
                }
                all_ways(&f, args, n, &sel, groups, want);
                end(&f);
                weir_arena_free(arena);
            }
        }
    }
}

/* any: from which row is not promised, so columns here have one value, or nulls beside it. */
static void any_gives_the_value_or_null(void **state)
{
    (void)state;
    static const char *const types[] = {"longAny", "doubleAny", "floatAny", "stringAny"};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        const char *type = types[seed % 4];
        test_random r = {seed};
        fixture f;
        weir_arena *arena = weir_arena_new();
        uint32_t n = 1 + test_below(&r, 300);
        uint64_t *nulls = WEIR_ARENA_ARRAY(arena, uint64_t, weir_words(n));
        int64_t *sevens = WEIR_ARENA_ARRAY(arena, int64_t, n);
        for (uint32_t i = 0; i < n; i++) {
            sevens[i] = 1234567;
            if (test_below(&r, 3)) {
                weir_bit_set(nulls, i);
            }
        }
        weir_vec vec = {.type = WEIR_TYPE(WEIR_LONG),
                        .form = WEIR_FLAT,
                        .n = n,
                        .nulls = nulls,
                        .at.l = sevens};
        begin(&f, type, "\"fieldName\":\"c\",\"maxStringBytes\":3", &vec.type);
        weir_sel sel = random_sel(&f, &r, n);
        uint32_t *groups;
        deal(&f, &r, &sel, n, &groups);
        weir_value want[GROUPS];
        for (uint32_t g = 0; g < GROUPS; g++) {
            want[g] = (weir_value){.type = f.bound.out_type, .is_null = true};
        }
        for (uint32_t i = 0; i < n; i++) {
            if (groups[i] != WEIR_NO_ID && !weir_bit(nulls, i)) {
                want[groups[i]] = kind_of(type) == WEIR_STRING ? weir_value_str(WEIR_STR("123"))
                                  : kind_of(type) == WEIR_LONG ? weir_value_long(1234567)
                                                               : weir_value_double(1234567);
            }
        }
        all_ways(&f, &vec, n, &sel, groups, want);
        end(&f);
        weir_arena_free(arena);
    }
}

/* ---- cardinality: the twin hashes each value by itself into a collector of the test's own */

static uint32_t code_of_text(weir_str s)
{
    uint8_t bytes[4000];
    size_t n = 0;
    for (size_t i = 0; i < s.size;) {
        uint32_t c = (uint8_t)s.at[i], more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
        c = more ? c & (0x3Fu >> more) : c;
        for (uint32_t k = 1; k <= more; k++) {
            c = c << 6 | ((uint8_t)s.at[i + k] & 0x3F);
        }
        i += more + 1;
        uint32_t units[2] = {c, 0}, count = 1;
        if (c >= 0x10000) {
            units[0] = 0xD800 + ((c - 0x10000) >> 10);
            units[1] = 0xDC00 + ((c - 0x10000) & 0x3FF);
            count = 2;
        }
        for (uint32_t k = 0; k < count; k++) {
            bytes[n++] = (uint8_t)units[k];
            bytes[n++] = (uint8_t)(units[k] >> 8);
        }
    }
    return weir_hll_code(weir_murmur3_128(bytes, n));
}

static void twin_hash(weir_heap *heap, weir_hll *hll, const weir_value *v)
{
    float f;
    if (v->is_null) {
        return;
    }
    switch ((weir_kind)v->type.kind) {
    case WEIR_LONG:
        weir_hll_add(heap, hll, weir_hll_code(weir_murmur3_128(&v->as.l, 8)));
        break;
    case WEIR_DOUBLE:
        weir_hll_add(heap, hll, weir_hll_code(weir_murmur3_128(&v->as.d, 8)));
        break;
    case WEIR_FLOAT:
        f = (float)v->as.d;
        weir_hll_add(heap, hll, weir_hll_code(weir_murmur3_128(&f, 4)));
        break;
    case WEIR_STRING:
        weir_hll_add(heap, hll, code_of_text(v->as.s));
        break;
    case WEIR_ARRAY:
        for (uint32_t i = 0; i < v->as.array.count; i++) {
            twin_hash(heap, hll, &v->as.array.at[i]);
        }
        break;
    case WEIR_UNKNOWN:
    case WEIR_COMPLEX:
        break;
    }
}

static void cardinality_counts_each_value_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        for (int kind = 0; kind < TEST_VECS; kind++) {
            test_random r = {seed * 100 + (uint64_t)kind};
            fixture f;
            weir_arena *arena = weir_arena_new();
            uint32_t n = 1 + test_below(&r, seed % 2 ? 200 : 4096);
            weir_vec args[2] = {test_vec(arena, &r, (test_vec_kind)kind, n),
                                test_vec(arena, &r, TEST_DICT, n)};
            weir_type types[2] = {args[0].type, args[1].type};
            begin(&f, "cardinality",
                  seed % 3 ? "\"fields\":[\"a\"]"
                           : "\"fieldNames\":[\"a\",{\"type\":\"default\",\"dimension\":\"b\"}]",
                  types);
            weir_sel sel = random_sel(&f, &r, n);
            uint32_t *groups;
            deal(&f, &r, &sel, n, &groups);
            weir_hll hlls[GROUPS] = {{0}};
            weir_heap *heap = weir_heap_new(NULL);
            for (uint32_t i = 0; i < n; i++) {
                for (uint32_t k = 0; groups[i] != WEIR_NO_ID && k < f.bound.arg_count; k++) {
                    weir_value v;
                    assert_true(weir_vec_value(&args[k], i, arena, &v, NULL));
                    twin_hash(heap, &hlls[groups[i]], &v);
                }
            }
            weir_value want[GROUPS];
            for (uint32_t g = 0; g < GROUPS; g++) {
                want[g] = weir_value_double(weir_hll_estimate(heap, &hlls[g]));
            }
            all_ways(&f, args, n, &sel, groups, want);
            weir_heap_free(heap);
            end(&f);
            weir_arena_free(arena);
        }
    }
}

/* ---- theta: all hashes of a group, of which the least are the sketch */

typedef struct hash_list {
    uint64_t *at;
    uint32_t count, capacity;
} hash_list;

static void list_hash(hash_list *list, uint64_t hash)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 64;
        list->at = realloc(list->at, list->capacity * sizeof(*list->at));
        assert_non_null(list->at);
    }
    list->at[list->count] = hash;
    list->count += hash != 0;
}

static void list_value(hash_list *list, const weir_value *v)
{
    if (v->is_null) {
        return;
    }
    switch ((weir_kind)v->type.kind) {
    case WEIR_LONG:
        list_hash(list, weir_theta_hash(&v->as.l, 8));
        break;
    case WEIR_FLOAT:
    case WEIR_DOUBLE:
        list_hash(list, weir_theta_hash_double(v->as.d));
        break;
    case WEIR_STRING:
        list_hash(list, weir_theta_hash(v->as.s.at, v->as.s.size));
        break;
    case WEIR_ARRAY:
        for (uint32_t i = 0; i < v->as.array.count; i++) {
            list_value(list, &v->as.array.at[i]);
        }
        break;
    case WEIR_UNKNOWN:
    case WEIR_COMPLEX:
        break;
    }
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double list_estimate(hash_list *list, uint32_t k)
{
    uint32_t distinct = 0;
    if (list->count > 0) {
        qsort(list->at, list->count, sizeof(*list->at), by_hash);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (i == 0 || list->at[i] != list->at[i - 1]) {
            list->at[distinct++] = list->at[i];
        }
    }
    double theta = distinct > k ? (double)list->at[k] / 9223372036854775807.0 : 1;
    double count = distinct > k ? k : distinct;
    free(list->at);
    return count / theta;
}

static void theta_sketches_keep_the_least_hashes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        for (int kind = 0; kind < TEST_VECS; kind++) {
            test_random r = {seed * 100 + (uint64_t)kind};
            fixture f;
            weir_arena *arena = weir_arena_new();
            uint32_t n = 1 + test_below(&r, seed % 2 ? 200 : 4096);
            weir_vec vec = test_vec(arena, &r, (test_vec_kind)kind, n);
            bool small = seed % 3;
            begin(&f, "thetaSketch",
                  small ? "\"fieldName\":\"a\",\"size\":32" : "\"fieldName\":\"a\"", &vec.type);
            weir_sel sel = random_sel(&f, &r, n);
            uint32_t *groups;
            deal(&f, &r, &sel, n, &groups);
            hash_list lists[GROUPS] = {{0}};
            weir_value want[GROUPS];
            for (uint32_t i = 0; i < n; i++) {
                weir_value v;
                assert_true(weir_vec_value(&vec, i, arena, &v, NULL));
                if (groups[i] != WEIR_NO_ID) {
                    list_value(&lists[groups[i]], &v);
                }
            }
            for (uint32_t g = 0; g < GROUPS; g++) {
                want[g] = weir_value_double(list_estimate(&lists[g], small ? 32 : 16384));
            }
            all_ways(&f, &vec, n, &sel, groups, want);
            end(&f);
            weir_arena_free(arena);
        }
    }
}

/* Keys count by their text, in rows whose numbers are all there; rolled up from rows they are the
 * same. */
static void tuple_sketches_keep_the_least_keys(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        for (int kind = 0; kind < TEST_VECS; kind++) {
            test_random r = {seed * 100 + (uint64_t)kind};
            fixture f, g;
            weir_arena *arena = weir_arena_new();
            weir_error err = {0};
            uint32_t n = 1 + test_below(&r, seed % 2 ? 200 : 2000), *groups;
            weir_vec args[3] = {test_vec(arena, &r, (test_vec_kind)kind, n),
                                test_vec(arena, &r, TEST_DOUBLE_NULLS, n),
                                test_vec(arena, &r, TEST_LONG_NULLS, n)};
            weir_type types[3] = {args[0].type, args[1].type, args[2].type}, stored;
            begin(&f, "arrayOfDoublesSketch",
                  "\"fieldName\":\"a\",\"metricColumns\":[\"b\",\"c\"],\"nominalEntries\":32",
                  types);
            weir_sel sel = random_sel(&f, &r, n);
            deal(&f, &r, &sel, n, &groups);
            hash_list lists[GROUPS] = {{0}};
            weir_value want[GROUPS];
            for (uint32_t i = 0; i < n; i++) {
                weir_value v;
                assert_true(weir_vec_value(&args[0], i, arena, &v, NULL));
                if (groups[i] == WEIR_NO_ID || weir_vec_is_null(&args[1], i) ||
                    weir_vec_is_null(&args[2], i) || v.is_null) {
                    continue;
                }
                if (v.type.kind != WEIR_ARRAY && v.type.kind != WEIR_STRING) {
                    v = weir_value_cast(arena, v, WEIR_STRING);
                }
                list_value(&lists[groups[i]], &v);
            }
            for (uint32_t i = 0; i < GROUPS; i++) {
                want[i] = weir_value_double(list_estimate(&lists[i], 32));
            }
            all_ways(&f, args, n, &sel, groups, want);
            weir_vec column;
            assert_true(weir_agg_stored_type(&f.spec, &stored, &err));
            assert_true(f.bound.agg->row(&f.bound, args, n, &f.scratch, &column, &err));
            assert_true(weir_type_eq(column.type, stored));
            g = f;
            assert_true(weir_agg_combining(&f.spec, f.arena, &g.spec, &err));
            assert_true(weir_agg_bind(&g.spec, &stored, f.arena, &g.bound, &err));
            all_ways(&g, &column, n, &sel, groups, want);
            end(&f);
            weir_arena_free(arena);
        }
    }
}

static void rows_of_several_columns_count_by_row(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    test_random r = {1};
    fixture f;
    weir_str words[3] = {WEIR_STR("x"), WEIR_STR("yy"), WEIR_STR("z")};
    uint32_t ids[240], groups[240];
    int64_t longs[240];
    for (uint32_t i = 0; i < 240; i++) { /* 3 words or null, 4 numbers: 16 rows in all */
        ids[i] = i % 4;
        longs[i] = i / 4 % 4;
        groups[i] = 1;
    }
    weir_vec args[2] = {{.type = WEIR_TYPE(WEIR_STRING),
                         .form = WEIR_DICT,
                         .n = 240,
                         .at.ids = ids,
                         .dict = test_dict_new(arena, words, 3)},
                        {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 240, .at.l = longs}};
    weir_type types[2] = {args[0].type, args[1].type};
    (void)r;
    begin(&f, "cardinality", "\"fields\":[\"a\",\"b\"],\"byRow\":true,\"round\":true", types);
    weir_sel sel = weir_sel_all(240);
    weir_value want[GROUPS] = {weir_value_long(0), weir_value_long(16), weir_value_long(0),
                               weir_value_long(0), weir_value_long(0)};
    all_ways(&f, args, 240, &sel, groups, want);
    end(&f);
    weir_arena_free(arena);
}

/* Metrics: the row form, merged by the combining aggregator, equals the aggregator over the rows.
 */
static void stored_rows_merge_to_the_same_answer(void **state)
{
    (void)state;
    static const struct {
        const char *type, *more;
        test_vec_kind of;
    } metrics[] = {{"count", "\"x\":0", TEST_LONG},
                   {"longSum", "\"fieldName\":\"c\"", TEST_LONG_NULLS},
                   {"doubleMax", "\"fieldName\":\"c\"", TEST_DOUBLE_NULLS},
                   {"cardinality", "\"fields\":[\"c\"]", TEST_STRING_NULLS},
                   {"cardinality", "\"fields\":[\"c\"]", TEST_LIST_STRING},
                   {"thetaSketch", "\"fieldName\":\"c\",\"size\":64", TEST_STRING_NULLS},
                   {"thetaSketch", "\"fieldName\":\"c\"", TEST_LIST_STRING},
                   {"thetaSketch", "\"fieldName\":\"c\"", TEST_CONST_LONG},
                   {"longAny", "\"fieldName\":\"c\"", TEST_CONST_LONG}};
    for (size_t m = 0; m < sizeof(metrics) / sizeof(*metrics); m++) {
        test_random r = {m};
        fixture f, g;
        weir_arena *arena = weir_arena_new();
        weir_error err = {0};
        weir_vec vec = test_vec(arena, &r, metrics[m].of, 1000), column, cast[2];
        weir_sel all = weir_sel_all(1000);
        weir_type stored;
        begin(&f, metrics[m].type, metrics[m].more, &vec.type);
        assert_true(weir_agg_stored_type(&f.spec, &stored, &err));
        assert_true(f.bound.agg->row(&f.bound, &vec, 1000, &f.scratch, &column, &err));
        assert_true(weir_type_eq(column.type, stored));
        g = f;
        assert_true(weir_agg_combining(&f.spec, f.arena, &g.spec, &err));
        assert_true(weir_agg_bind(&g.spec, &stored, f.arena, &g.bound, &err));
        assert_true(weir_type_eq(g.bound.raw_type, stored));
        void *direct = new_states(&f), *stored_states = new_states(&g);
        assert_true(weir_agg_args(&f.bound, &vec, &f.scratch, cast, &err));
        f.bound.agg->add_one(&f.bound, f.heap, direct, cast, &all, &f.scratch);
        assert_true(weir_agg_args(&g.bound, &column, &f.scratch, cast, &err));
        g.bound.agg->add_one(&g.bound, f.heap, stored_states, cast, &all, &f.scratch);
        weir_value want[GROUPS];
        weir_value merged[GROUPS];
        finish(&f, f.heap, direct, want);
        finish(&g, f.heap, stored_states, merged);
        assert_true(near(&merged[0], &want[0]));
        end(&f);
        weir_arena_free(arena);
    }
}

/* first and last as metrics: rows of different times, rolled up through pairs. */
static void stored_pairs_of_time_and_value_merge_by_time(void **state)
{
    (void)state;
    static const char *const types[] = {"longFirst",  "longLast",    "doubleLast",
                                        "floatFirst", "stringFirst", "stringLast"};
    static const test_vec_kind kinds[] = {TEST_LONG_NULLS,  TEST_LONG,         TEST_DOUBLE_NULLS,
                                          TEST_FLOAT_NULLS, TEST_STRING_NULLS, TEST_DICT};
    for (size_t m = 0; m < 6; m++) {
        test_random r = {m + 1};
        fixture f, g;
        weir_arena *arena = weir_arena_new();
        weir_error err = {0};
        int64_t *times = WEIR_ARENA_ARRAY(arena, int64_t, 500);
        weir_vec args[2] = {
            test_vec(arena, &r, kinds[m], 500),
            {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 500, .at.l = times}};
        weir_vec column, cast[2];
        weir_type arg_types[2] = {args[0].type, args[1].type}, stored;
        uint32_t groups[500];
        for (uint32_t i = 0; i < 500; i++) {
            times[i] = (int64_t)i * 7919 % 10007;
            groups[i] = test_below(&r, GROUPS);
        }
        begin(&f, types[m], "\"fieldName\":\"c\"", arg_types);
        assert_true(weir_agg_stored_type(&f.spec, &stored, &err));
        assert_true(f.bound.agg->row(&f.bound, args, 500, &f.scratch, &column, &err));
        assert_true(weir_type_eq(column.type, stored));
        g = f;
        assert_true(weir_agg_combining(&f.spec, f.arena, &g.spec, &err));
        assert_true(weir_agg_bind(&g.spec, &stored, f.arena, &g.bound, &err));
        void *states = new_states(&f);
        weir_value want[GROUPS];
        assert_true(weir_agg_args(&f.bound, args, &f.scratch, cast, &err));
        f.bound.agg->add_many(&f.bound, f.heap, states, f.bound.state_size, groups, cast, 500,
                              &f.scratch);
        finish(&f, f.heap, states, want);
        weir_sel all = weir_sel_all(500);
        all_ways(&g, &column, 500, &all, groups, want);
        weir_vec rolled_up; /* not finalized it is the same kind of column again */
        void *again = new_states(&g);
        g.bound.agg->add_many(&g.bound, f.heap, again, g.bound.state_size, groups, &column, 500,
                              &f.scratch);
        g.bound.agg->finish(&g.bound, f.heap, again, g.bound.state_size, GROUPS, false, &f.scratch,
                            &rolled_up);
        assert_true(weir_type_eq(rolled_up.type, stored));
        uint32_t own[GROUPS] = {0, 1, 2, 3, 4};
        weir_sel few = weir_sel_all(GROUPS);
        all_ways(&g, &rolled_up, GROUPS, &few, own, want);
        end(&f);
        weir_arena_free(arena);
    }
}

static void random_bytes_load_or_are_refused(void **state)
{
    (void)state;
    static const char *const types[] = {"longSum",    "stringFirst", "stringAny",
                                        "doubleMean", "cardinality", "thetaSketch"};
    static const char *const more[] = {"\"fieldName\":\"c\"", "\"fieldName\":\"c\"",
                                       "\"fieldName\":\"c\"", "\"fieldName\":\"c\"",
                                       "\"fields\":[\"c\"]",  "\"fieldName\":\"c\""};
    weir_type arg_types[2] = {WEIR_TYPE(WEIR_STRING), WEIR_TYPE(WEIR_LONG)};
    test_random r = {8};
    for (size_t a = 0; a < 6; a++) {
        fixture f;
        begin(&f, types[a], more[a], arg_types);
        for (int round = 0; round < 3000; round++) {
            size_t size = test_below(&r, round % 3 ? 60 : 1200);
            uint8_t *bytes = weir_alloc(size);
            for (size_t i = 0; i < size; i++) {
                bytes[i] = (uint8_t)(test_below(&r, 3) ? test_next(&r) : 0);
            }
            if (a == 4 && size > 10) { /* look like a collector */
                bytes[0] = (uint8_t)(size - 2);
                bytes[1] = (uint8_t)((size - 2) >> 8);
                bytes[2] = 1;
                bytes[3] &= 3;
                bytes[6] &= 31;
                bytes[7] &= 7;
            }
            if (a == 5 && size > 20) { /* and like a theta sketch */
                uint32_t image = (uint32_t)size - 4;
                memcpy(bytes, &image, 4);
                memcpy(bytes + 4, "\2\3\3\0\0\x1a\xcc\x93", 8);
                bytes[4] = (uint8_t)(1 + round % 3);
                bytes[5] = (uint8_t)(3 + round % 2);
                bytes[9] = (uint8_t)(round % 64);
            }
            weir_reader in = {bytes, bytes + size};
            void *states = new_states(&f);
            weir_value out[GROUPS];
            if (f.bound.agg->load(&f.bound, f.heap, &in, states, NULL)) {
                finish(&f, f.heap, states, out);
                f.bound.agg->merge(&f.bound, f.heap, state_at(&f, states, 1), f.heap, states);
                f.bound.agg->merge(&f.bound, f.heap, state_at(&f, states, 1), f.heap, states);
                finish(&f, f.heap, states, out);
            }
            free(bytes);
        }
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_agree_with_a_loop_over_values),
        cmocka_unit_test(first_and_last_go_by_time),
        cmocka_unit_test(any_gives_the_value_or_null),
        cmocka_unit_test(cardinality_counts_each_value_once),
        cmocka_unit_test(theta_sketches_keep_the_least_hashes),
        cmocka_unit_test(tuple_sketches_keep_the_least_keys),
        cmocka_unit_test(rows_of_several_columns_count_by_row),
        cmocka_unit_test(stored_rows_merge_to_the_same_answer),
        cmocka_unit_test(stored_pairs_of_time_and_value_merge_by_time),
        cmocka_unit_test(random_bytes_load_or_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
