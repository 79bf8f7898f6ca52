/* tests/unit/compute/vec_test.c - vectors of every form against their rows as values; selections;
 * casts; type names. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include "compute/order.h"
#include "compute/text.h"
#include "compute/vec.h"
#include "unit/compute/vec_helper.h"

static void types_print_and_read_back(void **state)
{
    (void)state;
    const char *names[] = {"LONG",
                           "FLOAT",
                           "DOUBLE",
                           "STRING",
                           "ARRAY<LONG>",
                           "ARRAY<STRING>",
                           "COMPLEX<hyperUnique>"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        weir_type type;
        char text[64];
        assert_true(weir_type_parse(weir_str_of(names[i]), &type));
        assert_true(weir_str_is(weir_type_name(type, text), names[i]));
    }
    weir_type type;
    assert_true(weir_type_parse(WEIR_STR("string"), &type));
    assert_int_equal(type.kind, WEIR_STRING);
    assert_false(weir_type_parse(WEIR_STR("ARRAY<"), &type));
    assert_false(weir_type_parse(WEIR_STR("LONG<STRING>"), &type));
    assert_false(weir_type_parse(WEIR_STR("COMPLEX<nothing>"), &type));
    assert_false(weir_type_parse(WEIR_STR(""), &type));
}

static bool same(const weir_value *a, const weir_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null == b->is_null;
    }
    if (a->type.kind == WEIR_ARRAY) {
        if (b->type.kind != WEIR_ARRAY || a->as.array.count != b->as.array.count) {
            return false;
        }
        for (uint32_t i = 0; i < a->as.array.count; i++) {
            if (!same(&a->as.array.at[i], &b->as.array.at[i])) {
                return false;
            }
        }
        return true;
    }
    switch ((weir_kind)a->type.kind) {
    case WEIR_LONG:
        return a->as.l == b->as.l;
    case WEIR_FLOAT:
    case WEIR_DOUBLE:
        return a->as.d == b->as.d || (isnan(a->as.d) && isnan(b->as.d));
    case WEIR_STRING:
    case WEIR_COMPLEX:
        return weir_str_eq(a->as.s, b->as.s);
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        break;
    }
    return false;
}

static void assert_row(weir_arena *arena, const weir_vec *got, uint32_t i, const weir_vec *want,
                       uint32_t k)
{
    weir_value a, b;
    assert_true(weir_vec_value(got, i, arena, &a, NULL));
    assert_true(weir_vec_value(want, k, arena, &b, NULL));
    assert_true(same(&a, &b));
}

static void flatten_gather_and_slice_keep_the_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        weir_arena *arena = weir_arena_new();
        weir_scratch s = {0};
        test_random r = {seed};
        uint32_t n = 1 + test_below(&r, seed % 3 ? 300 : 4096);
        for (int kind = 0; kind < TEST_VECS; kind++) {
            weir_vec vec = test_vec(arena, &r, (test_vec_kind)kind, n), flat, some, part;
            assert_true(weir_vec_flatten(&vec, &s, &flat, NULL));
            uint16_t *rows = WEIR_ARENA_ARRAY(arena, uint16_t, n);
            uint32_t count = test_below(&r, n + 1), from = test_below(&r, n);
            for (uint32_t i = 0; i < count; i++) {
                rows[i] = (uint16_t)test_below(&r, n);
            }
            uint32_t length = test_below(&r, n - from + 1);
            weir_vec_gather(&vec, rows, count, &s, &some);
            weir_vec_slice(&vec, from, length, &s, &part);
            assert_int_equal(some.n, count);
            assert_int_equal(part.n, length);
            for (uint32_t i = 0; i < n; i += 1 + test_below(&r, 9)) {
                assert_row(arena, &flat, i, &vec, i);
            }
            for (uint32_t i = 0; i < count; i += 1 + test_below(&r, 9)) {
                assert_row(arena, &some, i, &vec, rows[i]);
            }
            for (uint32_t i = 0; i < length; i += 1 + test_below(&r, 9)) {
                assert_row(arena, &part, i, &vec, from + i);
            }
            weir_scratch_rewind(&s, (weir_mark){0});
        }
        weir_scratch_done(&s);
        weir_arena_free(arena);
    }
}

static weir_value cast(weir_arena *arena, weir_value v, weir_kind to)
{
    return weir_value_cast(arena, v, to);
}

static void casts_follow_java(void **state)
{
    (void)state;
    weir_arena *a = weir_arena_new();
    assert_true(cast(a, weir_value_double(1.9), WEIR_LONG).as.l == 1);
    assert_true(cast(a, weir_value_double(-1.9), WEIR_LONG).as.l == -1);
    assert_true(cast(a, weir_value_double(1e30), WEIR_LONG).as.l == INT64_MAX);
    assert_true(cast(a, weir_value_double(-1e30), WEIR_LONG).as.l == INT64_MIN);
    assert_true(cast(a, weir_value_double((double)NAN), WEIR_LONG).as.l == 0);
    assert_true(cast(a, weir_value_str(WEIR_STR("1.9")), WEIR_LONG).as.l == 1);
    assert_true(cast(a, weir_value_str(WEIR_STR("x")), WEIR_LONG).is_null);
    assert_true(cast(a, weir_value_str(WEIR_STR("")), WEIR_DOUBLE).is_null);
    assert_true(weir_str_is(cast(a, weir_value_double(1e7), WEIR_STRING).as.s, "1.0E7"));
    assert_true(weir_str_is(cast(a, weir_value_long(-5), WEIR_STRING).as.s, "-5"));
    assert_true(cast(a, weir_value_null(), WEIR_STRING).is_null);
    assert_true(cast(a, weir_value_long(16777217), WEIR_FLOAT).as.d == 16777216.0);
    weir_arena_free(a);
}

static void casts_of_vectors_equal_casts_of_their_values(void **state)
{
    (void)state;
    const weir_kind kinds[] = {WEIR_LONG, WEIR_FLOAT, WEIR_DOUBLE, WEIR_STRING};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        weir_arena *arena = weir_arena_new();
        weir_scratch s = {0};
        test_random r = {seed};
        for (int kind = 0; kind < TEST_VECS; kind++) {
            weir_vec vec = test_vec(arena, &r, (test_vec_kind)kind, 1 + test_below(&r, 200)), out;
            if (vec.form == WEIR_LIST || vec.items) {
                continue;
            }
            for (size_t k = 0; k < 4; k++) {
                assert_true(weir_vec_cast(&vec, WEIR_TYPE((uint8_t)kinds[k]), &s, &out, NULL));
                for (uint32_t i = 0; i < vec.n; i++) {
                    weir_value from, got;
                    assert_true(weir_vec_value(&vec, i, arena, &from, NULL));
                    assert_true(weir_vec_value(&out, i, arena, &got, NULL));
                    weir_value want = weir_value_cast(arena, from, kinds[k]);
                    assert_true(same(&got, &want));
                }
            }
        }
        weir_scratch_done(&s);
        weir_arena_free(arena);
    }
}

static void selections_cut_into_blocks_keep_their_rows(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        test_random r = {seed};
        weir_scratch s = {0};
        uint32_t n = 1 + test_below(&r, 20000), share = 1 + test_below(&r, 1000);
        uint64_t *bits = WEIR_SCRATCH_ARRAY(&s, uint64_t, weir_words(n) + 1);
        memset(bits, 0, 8 * (weir_words(n) + 1));
        for (uint32_t i = 0; i < n; i++) {
            if (test_below(&r, share) == 0) {
                weir_bit_set(bits, i);
            }
        }
        weir_sel sel = weir_sel_of_bits(bits, n);
        const uint16_t *rows = weir_sel_rows(&sel, &s);
        if (sel.kind == WEIR_SEL_BITS && sel.count <= 4096 && seed % 2) {
            sel = (weir_sel){.kind = WEIR_SEL_LIST, .n = n, .count = sel.count, .rows = rows};
        }
        uint32_t at = 0;
        for (uint32_t from = 0; from < n;) {
            uint32_t size = n - from < 4096 ? n - from : 4096;
            if (seed % 5 == 0 && size > 100) {
                size = 64 * (1 + test_below(&r, size / 64));
            }
            weir_sel block = weir_sel_block(&sel, from, size, &s);
            const uint16_t *part = weir_sel_rows(&block, &s);
            const uint64_t *mask = weir_sel_bits(&block, &s);
            uint32_t ones = 0;
            for (uint32_t w = 0; w < weir_words(size); w++) {
                ones += (uint32_t)__builtin_popcountll(mask[w]);
            }
            assert_int_equal(ones, block.count);
            for (uint32_t i = 0; i < block.count; i++, at++) {
                assert_int_equal(rows[at], from + part[i]);
                assert_true(weir_bit(mask, part[i]));
            }
            from += size;
        }
        assert_int_equal(at, sel.count);
        weir_scratch_done(&s);
    }
}

static void text_becomes_numbers_as_in_guava(void **state)
{
    (void)state;
    const struct {
        const char *text;
        double want;
    } good[] = {{"1", 1},
                {"-1.5", -1.5},
                {"+2", 2},
                {".5", .5},
                {"5.", 5},
                {"1e3", 1e3},
                {"1E-3f", 1e-3},
                {"0x1p3", 8},
                {"1d", 1},
                {"-Infinity", (double)-INFINITY},
                {"123456789012345678901234567890", 123456789012345678901234567890.0},
                {"4.9e-324", 4.9e-324},
                {"1e400", (double)INFINITY},
                {"0.1", 0.1},
                {"1.7976931348623157e308", 1.7976931348623157e308}};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        double got;
        assert_true(weir_text_to_double(weir_str_of(good[i].text), &got));
        assert_true(got == good[i].want);
    }
    const char *bad[] = {"",    " 1",    "1 ",  "x",   "0x10",  "1e", "e3",
                         "--1", "1.2.3", "inf", "nan", "1_000", "."};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        double d;
        int64_t l;
        assert_false(weir_text_to_double(weir_str_of(bad[i]), &d));
        assert_false(weir_text_to_long(weir_str_of(bad[i]), &l));
    }
    int64_t l;
    assert_true(weir_text_to_long_exact(WEIR_STR("1.0"), &l) && l == 1);
    assert_true(weir_text_to_long_exact(WEIR_STR("-1e3"), &l) && l == -1000);
    assert_true(weir_text_to_long_exact(WEIR_STR("9223372036854775807.000"), &l) && l == INT64_MAX);
    assert_true(weir_text_to_long_exact(WEIR_STR("0.00"), &l) && l == 0);
    assert_false(weir_text_to_long_exact(WEIR_STR("1.9"), &l));
    assert_false(weir_text_to_long_exact(WEIR_STR("9223372036854775808"), &l));
    assert_false(weir_text_to_long_exact(WEIR_STR("1e30"), &l));
    assert_false(weir_text_to_long_exact(WEIR_STR("NaN"), &l));
}

static void columns_of_segments_merge_to_the_least_type_that_holds_both(void **state)
{
    static const char *const cases[][3] = {
        {"LONG", "LONG", "LONG"},
        {"LONG", "DOUBLE", "DOUBLE"},
        {"FLOAT", "LONG", "DOUBLE"},
        {"STRING", "DOUBLE", "STRING"},
        {"LONG", "ARRAY<LONG>", "ARRAY<LONG>"},
        {"ARRAY<DOUBLE>", "STRING", "ARRAY<STRING>"},
        {"ARRAY<DOUBLE>", "ARRAY<LONG>", "ARRAY<DOUBLE>"},
        {"COMPLEX<json>", "ARRAY<LONG>", "COMPLEX<json>"},
        {"LONG", "COMPLEX<json>", "COMPLEX<json>"},
        {"COMPLEX<hyperUnique>", "LONG", "COMPLEX<hyperUnique>"},
        {"COMPLEX<hyperUnique>", "COMPLEX<json>", "COMPLEX<hyperUnique>"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        weir_type a, b;
        char text[64];
        assert_true(weir_type_parse(weir_str_of(cases[i][0]), &a));
        assert_true(weir_type_parse(weir_str_of(cases[i][1]), &b));
        assert_true(weir_str_is(weir_type_name(weir_type_wider(a, b), text), cases[i][2]));
        assert_true(weir_type_eq(weir_type_wider(a, WEIR_TYPE(WEIR_UNKNOWN)), a));
        assert_true(weir_type_eq(weir_type_wider(WEIR_TYPE(WEIR_UNKNOWN), a), a));
    }
}

static void scalars_become_arrays_of_one_and_anything_becomes_json(void **state)
{
    static const int64_t longs[] = {1, 0, -3};
    static const uint64_t nulls[] = {2};
    weir_vec vec = {
        .type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 3, .nulls = nulls, .at.l = longs};
    weir_vec lists, texts;
    weir_scratch s = {0};
    weir_error err;
    (void)state;
    assert_true(weir_vec_cast(&vec, (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_STRING}, &s,
                              &lists, &err));
    assert_int_equal(lists.form, WEIR_LIST);
    assert_int_equal(lists.at.offsets[1] - lists.at.offsets[0], 1);
    assert_true(weir_str_is(lists.items->at.s[lists.at.offsets[2]], "-3"));
    assert_false(weir_vec_is_null(&lists, 0));
    assert_true(weir_vec_is_null(&lists, 1));
    assert_true(weir_vec_cast(&lists, weir_type_json(), &s, &texts, &err));
    assert_true(weir_str_is(texts.at.s[0], "[\"1\"]"));
    assert_true(weir_vec_is_null(&texts, 1));
    assert_true(weir_vec_cast(&vec, weir_type_json(), &s, &texts, &err));
    assert_true(weir_str_is(texts.at.s[2], "-3"));
    weir_scratch_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_print_and_read_back),
        cmocka_unit_test(columns_of_segments_merge_to_the_least_type_that_holds_both),
        cmocka_unit_test(scalars_become_arrays_of_one_and_anything_becomes_json),
        cmocka_unit_test(flatten_gather_and_slice_keep_the_rows),
        cmocka_unit_test(casts_follow_java),
        cmocka_unit_test(casts_of_vectors_equal_casts_of_their_values),
        cmocka_unit_test(selections_cut_into_blocks_keep_their_rows),
        cmocka_unit_test(text_becomes_numbers_as_in_guava),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
