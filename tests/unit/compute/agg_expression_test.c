/* tests/unit/compute/agg_expression_test.c - the aggregator "expression" against loops over values:
 * rows of many groups, parts merged, saved and loaded; texts, arrays, multi-values; and how it
 * fails. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include "compute/agg.h"
#include "unit/compute/vec_helper.h"

#define GROUPS 5u
#define STATE_BYTES 64u

typedef struct fixture {
    weir_arena *arena;
    weir_scratch scratch;
    weir_heap *heap, *other;
    weir_agg_spec spec;
    weir_agg_bound bound;
    uint64_t states[2][GROUPS][STATE_BYTES / 8];
} fixture;

static bool try_begin(fixture *f, const char *more, weir_type type, weir_error *err)
{
    char text[500];
    *f = (fixture){
        .arena = weir_arena_new(), .heap = weir_heap_new(NULL), .other = weir_heap_new(NULL)};
    snprintf(text, sizeof(text), "{\"type\":\"expression\",\"name\":\"x\",\"fields\":[\"c\"],%s}",
             more);
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    bool ok = weir_agg_spec_parse(json, "aggregations[0]", f->arena, &f->spec, err) &&
              weir_agg_bind(&f->spec, &type, f->arena, &f->bound, err);
    json_decref(json);
    for (uint32_t i = 0; ok && i < 2 * GROUPS; i++) {
        assert_true(f->bound.state_size <= STATE_BYTES);
        f->bound.agg->init(&f->bound, f->states[i / GROUPS][i % GROUPS]);
    }
    return ok;
}

static void begin(fixture *f, const char *more, weir_type type)
{
    weir_error err = {0};
    if (!try_begin(f, more, type, &err)) {
        fail_msg("%s: %s", more, err.message);
    }
}

static void end(fixture *f)
{
    weir_heap_free(f->heap);
    weir_heap_free(f->other);
    weir_scratch_done(&f->scratch);
    weir_arena_free(f->arena);
}

/* First half of the blocks in one heap, the others in another one; then merged, through bytes. */
static void add(fixture *f, int part, const weir_vec *vec, const uint32_t *groups)
{
    f->bound.agg->add_many(&f->bound, part ? f->other : f->heap, f->states[part], STATE_BYTES,
                           groups, vec, vec->n, &f->scratch);
}

static void merge_all(fixture *f)
{
    for (uint32_t g = 0; g < GROUPS; g++) {
        uint8_t bytes[20000];
        size_t size = f->bound.agg->save(&f->bound, f->other, f->states[1][g], NULL);
        assert_true(size <= sizeof(bytes));
        f->bound.agg->save(&f->bound, f->other, f->states[1][g], bytes);
        weir_reader in = {bytes, bytes + size};
        uint64_t loaded[STATE_BYTES / 8];
        assert_true(f->bound.agg->load(&f->bound, f->other, &in, loaded, NULL));
        assert_true(in.at == in.end);
        weir_error err;
        for (size_t cut = 0; cut < size; cut++) {
            uint64_t ignored[STATE_BYTES / 8];
            in = (weir_reader){bytes, bytes + cut};
            assert_false(f->bound.agg->load(&f->bound, f->other, &in, ignored, &err));
        }
        f->bound.agg->merge(&f->bound, f->heap, f->states[0][g], f->other, loaded);
    }
}

static weir_value result(fixture *f, uint32_t g)
{
    weir_vec vec;
    weir_value value;
    weir_error err = {0};
    assert_false(f->bound.agg->failed(&f->bound, f->heap, f->states[0][g], STATE_BYTES, 1,
                                      &f->scratch, &err));
    f->bound.agg->finish(&f->bound, f->heap, f->states[0][g], STATE_BYTES, 1, true, &f->scratch,
                         &vec);
    assert_true(weir_vec_value(&vec, 0, f->arena, &value, NULL));
    return value;
}

static uint32_t *random_groups(fixture *f, test_random *r, uint32_t n)
{
    uint32_t *groups = WEIR_ARENA_ARRAY(f->arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        groups[i] = test_below(r, 4) == 0
                        ? WEIR_NO_ID
                        : test_below(r, GROUPS - 1); /* the last one stays empty */
    }
    return groups;
}

static void sums_are_those_of_a_loop(void **state)
{
    (void)state;
    test_random r = {3};
    static const test_vec_kind kinds[] = {TEST_LONG, TEST_LONG_NULLS, TEST_CONST_LONG, TEST_DOUBLE,
                                          TEST_SCALED_NULLS};
    for (int round = 0; round < 50; round++) {
        fixture f;
        weir_arena *arena = weir_arena_new();
        weir_vec vecs[2];
        test_vec_kind kind = kinds[round % 5];
        vecs[0] = test_vec(arena, &r, kind, 1 + test_below(&r, 300));
        begin(&f,
              "\"initialValue\":\"0\",\"fold\":\"__acc + nvl(c, 7)\",\"combine\":\"__acc + "
              "x\",\"finalize\":\"o * 2\"",
              vecs[0].type);
        vecs[1] = test_vec(arena, &r, kind, 1 + test_below(&r, 300));
        double doubles[GROUPS] = {0};
        int64_t longs[GROUPS] = {0};
        bool any[GROUPS] = {0};
        for (int part = 0; part < 2; part++) {
            uint32_t *groups = random_groups(&f, &r, vecs[part].n);
            weir_error err;
            weir_vec flat;
            assert_true(weir_vec_flatten(&vecs[part], &f.scratch, &flat, &err));
            add(&f, part, &flat, groups);
            for (uint32_t i = 0; i < flat.n; i++) {
                bool null = weir_vec_is_null(&flat, i);
                if (groups[i] != WEIR_NO_ID) {
                    any[groups[i]] = true;
                    longs[groups[i]] =
                        (int64_t)((uint64_t)longs[groups[i]] + (uint64_t)(null ? 7 : flat.at.l[i]));
                    doubles[groups[i]] += null                            ? 7
                                          : flat.type.kind == WEIR_DOUBLE ? flat.at.d[i]
                                                                          : 0;
                }
            }
        }
        merge_all(&f);
        for (uint32_t g = 0; g < GROUPS; g++) {
            weir_value value = result(&f, g);
            assert_int_equal(value.is_null, !any[g]);
            if (any[g] && value.type.kind == WEIR_LONG) {
                assert_true(value.as.l == (int64_t)((uint64_t)longs[g] * 2));
            } else if (any[g]) {
                double want = doubles[g] * 2;
                assert_true(value.as.d == want || (value.as.d != value.as.d && want != want) ||
                            (value.as.d - want) / want < 1e-9);
            }
        }
        end(&f);
        weir_arena_free(arena);
    }
}

static weir_vec texts(fixture *f, uint32_t n, const char *const *at)
{
    weir_str *strings = WEIR_ARENA_ARRAY(f->arena, weir_str, n);
    uint64_t *nulls = WEIR_ARENA_ARRAY(f->arena, uint64_t, weir_words(n));
    for (uint32_t i = 0; i < n; i++) {
        strings[i] = at[i] ? weir_str_of(at[i]) : WEIR_STR("");
        if (!at[i]) {
            weir_bit_set(nulls, i);
        }
    }
    return (weir_vec){
        .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = n, .nulls = nulls, .at.s = strings};
}

static weir_value one_group(const char *more, const weir_vec *vec, weir_type type)
{
    fixture f;
    begin(&f, more, type);
    weir_sel all = weir_sel_all(vec->n);
    f.bound.agg->add_one(&f.bound, f.heap, f.states[0][0], vec, &all, &f.scratch);
    merge_all(&f);
    static weir_arena *kept; /* values outlive the fixture until the next call */
    if (kept) {
        weir_arena_free(kept);
    }
    weir_value value = result(&f, 0);
    kept = f.arena;
    f.arena = weir_arena_new();
    end(&f);
    return value;
}

static void texts_and_arrays_grow_in_the_order_of_rows(void **state)
{
    (void)state;
    fixture f = {.arena = weir_arena_new()};
    static const char *const letters[] = {"b", "a", NULL, "b", "", "c"};
    weir_vec vec = texts(&f, 6, letters);
    weir_value value = one_group("\"initialValue\":\"'<'\",\"fold\":\"concat(__acc, nvl(c, "
                                 "'-'))\",\"finalize\":\"concat(o, '>')\"",
                                 &vec, vec.type);
    assert_true(weir_str_is(value.as.s, "<ba-bc>"));
    value = one_group("\"initialValue\":\"ARRAY<STRING>[]\",\"fold\":\"array_append(__acc, "
                      "c)\",\"combine\":\"array_concat(__acc, x)\"",
                      &vec, vec.type);
    assert_int_equal(value.as.array.count, 6);
    assert_true(weir_str_is(value.as.array.at[0].as.s, "b") && value.as.array.at[2].is_null &&
                weir_str_is(value.as.array.at[4].as.s, ""));
    value = one_group("\"initialValue\":\"[]\",\"fold\":\"array_set_add(__acc, "
                      "c)\",\"combine\":\"array_set_add_all(__acc, x)\","
                      "\"shouldAggregateNullInputs\":false,\"finalize\":\"array_length(o)\"",
                      &vec, vec.type);
    assert_int_equal(value.as.l, 4);
    weir_arena_free(f.arena);
}

/* [p, q], [], [q]: three elements, and a null for the empty list. */
static void elements_of_lists_are_rows_where_a_scalar_is_meant(void **state)
{
    (void)state;
    fixture f = {.arena = weir_arena_new()};
    static const char *const letters[] = {"p", "q", "q"};
    static const uint32_t offsets[] = {0, 2, 2, 3};
    weir_vec items = texts(&f, 3, letters), lists = {.type = {.kind = WEIR_STRING, .multi = true},
                                                     .form = WEIR_LIST,
                                                     .n = 3,
                                                     .items = &items};
    lists.at.offsets = offsets;
    weir_value value = one_group("\"initialValue\":\"''\",\"fold\":\"concat(__acc, nvl(c, '-'))\"",
                                 &lists, lists.type);
    assert_true(weir_str_is(value.as.s, "pq-q"));
    value = one_group("\"initialValue\":\"0\",\"fold\":\"if(c == 'q', __acc + 1, "
                      "__acc)\",\"combine\":\"__acc + x\"",
                      &lists, lists.type);
    assert_int_equal(value.as.l, 2);
    value = one_group("\"initialValue\":\"0\",\"fold\":\"__acc + "
                      "array_length(mv_to_array(c))\",\"shouldAggregateNullInputs\":false,"
                      "\"combine\":\"__acc + x\"",
                      &lists, lists.type);
    assert_int_equal(value.as.l, 3);
    weir_arena_free(f.arena);
}

static void nothing_aggregated_is_null_or_the_initial_value(void **state)
{
    (void)state;
    fixture f;
    begin(&f, "\"initialValue\":\"5\",\"fold\":\"__acc + c\"", WEIR_TYPE(WEIR_LONG));
    assert_true(result(&f, 0).is_null);
    end(&f);
    begin(&f, "\"initialValue\":\"5\",\"fold\":\"__acc + c\",\"isNullUnlessAggregated\":false",
          WEIR_TYPE(WEIR_LONG));
    assert_int_equal(result(&f, 0).as.l, 5);
    end(&f);
}

static void what_fails_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *more, *says;
    } bad[] = {
        {"\"initialValue\":\"c\",\"fold\":\"__acc + c\"", "initialValue must be constant"},
        {"\"initialValue\":\"0\",\"fold\":\"__acc +\"", "fold"},
        {"\"initialValue\":\"0\",\"fold\":\"__acc + c\",\"combine\":\"nothing(x)\"", "nothing"},
        {"\"initialValue\":\"0\",\"fold\":\"__acc + c\",\"maxSizeBytes\":5", "maxSizeBytes"},
        {"\"fold\":\"__acc + c\"", "initialValue is missing"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        fixture f;
        weir_error err = {0};
        assert_false(try_begin(&f, bad[i].more, WEIR_TYPE(WEIR_LONG), &err));
        if (!strstr(err.message, bad[i].says)) {
            fail_msg("%s", err.message);
        }
        end(&f);
    }
    static const char *const runs[][2] = {
        {"\"initialValue\":\"1\",\"fold\":\"__acc / (c - c)\"", "/ by zero"},
        {"\"initialValue\":\"''\",\"fold\":\"concat(__acc, 'abcdef')\",\"maxSizeBytes\":30",
         "larger than max [30]"}};
    for (size_t i = 0; i < 2; i++) {
        fixture f;
        test_random r = {1};
        weir_error err = {0};
        begin(&f, runs[i][0], WEIR_TYPE(WEIR_LONG));
        weir_vec vec = test_vec(f.arena, &r, TEST_LONG, 20);
        weir_sel all = weir_sel_all(20);
        f.bound.agg->add_one(&f.bound, f.other, f.states[1][0], &vec, &all, &f.scratch);
        merge_all(&f);
        assert_true(f.bound.agg->failed(&f.bound, f.heap, f.states[0][0], STATE_BYTES, 1,
                                        &f.scratch, &err));
        assert_non_null(strstr(err.message, runs[i][1]));
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_a_loop),
        cmocka_unit_test(texts_and_arrays_grow_in_the_order_of_rows),
        cmocka_unit_test(elements_of_lists_are_rows_where_a_scalar_is_meant),
        cmocka_unit_test(nothing_aggregated_is_null_or_the_initial_value),
        cmocka_unit_test(what_fails_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
