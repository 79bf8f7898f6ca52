/* tests/unit/compute/expr_test.c - the language: parsing, precedence, types, arithmetic,
 * comparison, logic, branches, casts. */
#include "expr_helper.h"

static void text_reads_as_druid_reads_it(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"1 + 2 * 3", "(1 + (2 * 3))"},
        {"1 - 2 - 3", "((1 - 2) - 3)"},
        {"2 ^ 3 ^ 2", "(2 ^ (3 ^ 2))"},
        {"-x ^ 2", "(-(x) ^ 2)"},
        {"-2 ^ 2", "(-2 ^ 2)"},
        {"!a && b", "(!(a) && b)"},
        {"a || b && c", "((a || b) && c)"},
        {"a && b && c", "(a && b && c)"},
        {"a < b == c", "((a < b) == c)"},
        {"x+1>2&&y", "(((x + 1) > 2) && y)"},
        {"'it\\'s \\u0041\\ud83d\\ude80\\n'", "'it\\'s A\xf0\x9f\x9a\x80\\u000a'"},
        {"\"two words\" + \"a\\\"b\"", "(\"two words\" + \"a\\\"b\")"},
        {"CONCAT(a,'b')", "concat(a,'b')"},
        {"[1, 2, null]", "ARRAY<LONG>[1,2,null]"},
        {"['a', null]", "ARRAY<STRING>['a',null]"},
        {"[1, 2.5]", "ARRAY<DOUBLE>[1.0,2.5]"},
        {"[]", "ARRAY<STRING>[]"},
        {"<LONG>[]", "ARRAY<LONG>[]"},
        {"ARRAY<DOUBLE>[1]", "ARRAY<DOUBLE>[1.0]"},
        {"1.", "1.0"},
        {"1e3", "1000.0"},
        {"1.5E-3", "0.0015"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"NaN + Infinity", "(NaN + Infinity)"},
        {"null", "null"},
        {"$a_1", "$a_1"},
        {"((a))", "a"},
        {"a - -1", "(a - -1)"},
        {"- - a", "-(-(a))"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_arena *arena = weir_arena_new();
        weir_error err = {0};
        weir_buf out = {0}, again = {0};
        const weir_expr *expr = weir_expr_parse(arena, weir_str_of(cases[i].text), &err);
        if (!expr) {
            fail_msg("%s: %s", cases[i].text, err.message);
        }
        weir_expr_print(expr, &out);
        weir_buf_byte(&out, '\0');
        assert_string_equal(out.at, cases[i].canonical);
        expr = weir_expr_parse(arena, weir_str_of(out.at), &err);
        assert_non_null(expr);
        weir_expr_print(expr, &again);
        weir_buf_byte(&again, '\0');
        assert_string_equal(again.at, out.at);
        weir_buf_done(&out);
        weir_buf_done(&again);
        weir_arena_free(arena);
    }
}

static void malformed_text_is_refused_with_its_place(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"l +", "!text ends"},
        {"", "!text ends"},
        {"l l", "!offset 2"},
        {"(l", "!')' expected"},
        {"'open", "!operand"},
        {"'bad \\q'", "!unknown escape"},
        {"nope(1)", "!function 'nope' is not defined"},
        {"if(l, 1)", "!Function[if]"},
        {"9223372036854775808", "!does not fit a long"},
        {"[1, 'a']", "!array elements"},
        {"l # 2", "!offset 2"},
        {"l = 2", "!offset 2"},
    };
    CHECK_CASES(cases);
}

static void nesting_has_a_limit(void **state)
{
    (void)state;
    char text[4096] = "";
    for (int i = 0; i < 300; i++) {
        strcat(text, "(");
    }
    strcat(text, "1");
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    assert_null(weir_expr_parse(arena, weir_str_of(text), &err));
    assert_non_null(strstr(err.message, "deeply"));
    strcpy(text, "l");
    for (int i = 0; i < 150; i++) {
        strcat(text, "+1");
    }
    assert_non_null(weir_expr_parse(arena, weir_str_of(text), &err));
    for (int i = 0; i < 100; i++) {
        strcat(text, "+1");
    }
    assert_null(weir_expr_parse(arena, weir_str_of(text), &err));
    strcpy(text, "l"); /* logical chains are flat */
    for (int i = 0; i < 1000; i++) {
        strcat(text, "||s");
    }
    assert_non_null(weir_expr_parse(arena, weir_str_of(text), &err));
    weir_arena_free(arena);
}

static void arithmetic_wraps_and_coerces(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"l + 1", "6, -2, 1, -9223372036854775808, -9223372036854775807, null, 8, 101"},
        {"l * 2", "10, -6, 0, -2, 0, null, 14, 200"},
        {"l - d", "3.5, -3.0, 0.0, -1.0E300, -9.223372036854776E18, null, null, 97.0"},
        {"-l", "-5, 3, 0, -9223372036854775807, -9223372036854775808, null, -7, -100"},
        {"l / 3", "1, -1, 0, 3074457345618258602, -3074457345618258602, null, 2, 33"},
        {"l % 3", "2, 0, 0, 1, -2, null, 1, 1"},
        {"l / -1", "-5, 3, 0, -9223372036854775807, -9223372036854775808, null, -7, -100"},
        {"7 / 2", "3"},
        {"-7 / 2", "-3"},
        {"-7 % 3", "-1"},
        {"1.0 / 3", "0.3333333333333333"},
        {"2 ^ 10", "1024"},
        {"2 ^ 64", "0"},
        {"2.0 ^ 0.5", "1.4142135623730951"},
        {"2 ^ -1", "!exponent"},
        {"1 / 0", "!/ by zero"},
        {"1 % 0", "!/ by zero"},
        {"l / 0", "!/ by zero"},
        {"1.0 / 0", "Infinity"},
        {"0.0 / 0", "NaN"},
        {"n + 1", "6.0, null, null, 9.223372036854776E18, -1.5, null, 11.0, 10.0"},
        {"s + 'x'", "'alphax', 'x', null, 'Betax', '\xc3\xa9t\xc3\xa9x', 'truex', "
                    "'\xf0\x9f\x9a\x80xx', 'alphax'"},
        {"s - 's'", "!not supported on type STRING"},
        {"l + null", "null"},
        {"null + null", "null"},
        {"f + 1", "1.0, null, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75"},
        {"nothing + 1", "null"},
    };
    CHECK_CASES(cases);
}

static void comparisons_give_one_zero_or_null(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"l > 0", "1, 0, 0, 1, 0, null, 1, 1"},
        {"l >= 5", "1, 0, 0, 1, 0, null, 1, 1"},
        {"5 <= l", "1, 0, 0, 1, 0, null, 1, 1"},
        {"l == d", "0, 0, 1, 0, 0, null, null, 0"},
        {"l != 7", "1, 1, 1, 1, 1, null, 0, 1"},
        {"d < 0", "0, 1, 0, 0, 1, 0, null, 0"},
        {"d == 0", "0, 1, 1, 0, 0, 0, null, 0"},
        {"d > 1", "1, 0, 0, 1, 0, 1, null, 1"},
        {"d == d", "1, 1, 1, 1, 1, 0, null, 1"},
        {"s > 'b'", "0, 0, null, 0, 1, 1, 1, 0"},
        {"s == 'alpha'", "1, 0, null, 0, 0, 0, 0, 1"},
        {"'alpha' != s", "0, 1, null, 1, 1, 1, 1, 0"},
        {"l < n", "0, null, null, 0, 1, null, 1, 0"},
        {"'10' > '9'", "0"},
        {"10 > '9'", "1"},
        {"null == null", "null"},
        {"l == null", "null"},
        {"al == [0, -1]", "1, 0, null, 0, 0, 0, 0, 0"},
        {"al < [3]", "1, 0, null, 0, 1, 0, 0, 0"},
        {"isdistinctfrom(l, 5)", "0, 1, 1, 1, 1, 1, 1, 1"},
        {"notdistinctfrom(s, null)", "0, 0, 1, 0, 0, 0, 0, 0"},
        {"'\\ud83d\\ude80' < '\\ufb00'", "1"},
    };
    CHECK_CASES(cases);
}

static void logic_is_three_valued(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"l > 0 && d > 0", "1, 0, 0, 1, 0, null, null, 1"},
        {"l > 0 || d > 0", "1, 0, 0, 1, 0, 1, 1, 1"},
        {"!(l > 0)", "0, 1, 1, 0, 1, null, 0, 0"},
        {"!s", "1, 1, null, 1, 1, 0, 1, 1"},
        {"s || l", "1, 0, null, 1, 0, 1, 1, 1"},
        {"null || 1", "1"},
        {"null || 0", "null"},
        {"null && 0", "0"},
        {"null && 1", "null"},
        {"0 && null", "0"},
        {"1 || null", "1"},
        {"100 && 11", "1"},
        {"0.7 || 0.3", "1"},
        {"'troo' && 'true'", "0"},
        {"'troo' || 'TRUE'", "1"},
        {"l != 0 && 10 / l > 1", "1, 0, 0, 0, 0, null, 0, 0"},
        {"l == 0 || 10 / l > 1", "1, 0, 1, 0, 0, null, 0, 0"},
        {"istrue(l > 0)", "1, 0, 0, 1, 0, 0, 1, 1"},
        {"isfalse(l > 0)", "0, 1, 1, 0, 1, 0, 0, 0"},
        {"nottrue(l > 0)", "0, 1, 1, 0, 1, 1, 0, 0"},
        {"notfalse(l > 0)", "1, 0, 0, 1, 0, 1, 1, 1"},
        {"isnull(s)", "0, 0, 1, 0, 0, 0, 0, 0"},
        {"notnull(d)", "1, 1, 1, 1, 1, 1, 0, 1"},
    };
    CHECK_CASES(cases);
}

static void branches_run_only_where_taken(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"if(l == 0, -1, 100 / l)", "20, -33, -1, 0, 0, null, 14, 1"},
        {"if(l > 0, 'p', 'n')", "'p', 'n', 'n', 'p', 'n', 'n', 'p', 'p'"},
        {"if(l > 0, 1, 2.5)", "1.0, 2.5, 2.5, 1.0, 2.5, 2.5, 1.0, 1.0"},
        {"if(l > 5, l, 'none')",
         "'none', 'none', 'none', '9223372036854775807', 'none', 'none', '7', '100'"},
        {"if(null, 1, 2)", "2"},
        {"if(s, 1, 2)", "2, 2, 2, 2, 2, 1, 2, 2"},
        {"if(1, 2, 1 / 0)", "2"},
        {"case_searched(l > 6, 'hi', l > 0, 'mid', 'lo')",
         "'mid', 'lo', 'lo', 'hi', 'lo', 'lo', 'hi', 'hi'"},
        {"case_searched(l > 6, 'hi')", "null, null, null, 'hi', null, null, 'hi', 'hi'"},
        {"case_simple(s, 'alpha', 1, 'Beta', 2, 0)", "1, 0, 0, 2, 0, 0, 0, 1"},
        {"case_simple(l, '5', 'five')", "'five', null, null, null, null, null, null, null"},
        {"nvl(l, -1)", "5, -3, 0, 9223372036854775807, -9223372036854775808, -1, 7, 100"},
        {"nvl(s, 'N')",
         "'alpha', '', 'N', 'Beta', '\xc3\xa9t\xc3\xa9', 'true', '\xf0\x9f\x9a\x80x', 'alpha'"},
        {"nvl(l, s)",
         "'5', '-3', '0', '9223372036854775807', '-9223372036854775808', 'true', '7', '100'"},
        {"coalesce(null, d, l)", "1.5, -0.0, 0.0, 1.0E300, -2.25, NaN, 7.0, 3.0"},
        {"coalesce(null, null)", "null"},
        {"nvl(l, 1 / 0)", "!/ by zero"},
        {"nvl(nvl(l, null), 1)", "5, -3, 0, 9223372036854775807, -9223372036854775808, 1, 7, 100"},
        {"if(l > 0, al, [42])", "[0,-1], [42], [42], [9,null,7], [42], [42], [18,17], [21]"},
        {"if(d > 0 && l != 0, l / (l * 1), if(isnull(s), 7, 8))", "1, 8, 7, 1, 8, 8, 8, 1"},
    };
    CHECK_CASES(cases);
}

static void casts_follow_java(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"cast(d, 'LONG')", "1, 0, 0, 9223372036854775807, -2, 0, null, 3"},
        {"cast(l, 'STRING')",
         "'5', '-3', '0', '9223372036854775807', '-9223372036854775808', null, '7', '100'"},
        {"cast(d, 'string')", "'1.5', '-0.0', '0.0', '1.0E300', '-2.25', 'NaN', null, '3.0'"},
        {"cast(n, 'DOUBLE')", "5.0, null, null, 9.223372036854776E18, -2.5, null, 10.0, 9.0"},
        {"cast('12abc', 'LONG')", "null"},
        {"cast(l, 'ARRAY<STRING>')", "['5'], ['-3'], ['0'], ['9223372036854775807'], "
                                     "['-9223372036854775808'], null, ['7'], ['100']"},
        {"cast([1, 2], 'ARRAY<DOUBLE>')", "[1.0,2.0]"},
        {"cast(l, 'NOPE')", "!does not know the type 'NOPE'"},
        {"concat(s, '-', l)",
         "'alpha-5', '--3', null, 'Beta-9223372036854775807', "
         "'\xc3\xa9t\xc3\xa9--9223372036854775808', null, '\xf0\x9f\x9a\x80x-7', 'alpha-100'"},
        {"concat('n=', 3)", "'n=3'"},
        {"concat()", "null"},
    };
    CHECK_CASES(cases);
}

static void post_aggregator_arithmetic_is_double(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    static const struct {
        const char *fn;
        double a, b;
        const char *want;
    } cases[] = {
        {"postagg_divide", 1, 0, "0.0"},        {"postagg_divide", 7, 2, "3.5"},
        {"postagg_quotient", 1, 0, "Infinity"}, {"postagg_quotient", 0, 0, "NaN"},
        {"postagg_plus", 1, 2, "3.0"},          {"postagg_minus", 1, 2, "-1.0"},
        {"postagg_times", 1.5, 2, "3.0"},       {"postagg_pow", 2, 10, "1024.0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const weir_expr *args[2] = {weir_expr_const(arena, weir_value_double(cases[i].a)),
                                    weir_expr_const(arena, weir_value_double(cases[i].b))};
        const weir_expr *expr = weir_expr_call(arena, cases[i].fn, 2, args);
        weir_buf out = {0};
        weir_expr_print(expr, &out);
        weir_buf_byte(&out, '\0');
        expr_case one = {out.at, cases[i].want};
        check_cases(&one, 1);
        weir_buf_done(&out);
    }
    static const expr_case more[] = {
        {"postagg_plus(l, d)", "6.5, -3.0, 0.0, 1.0E300, -9.223372036854776E18, null, null, 103.0"},
        {"postagg_plus(1, 2, 3)", "6.0"},
        {"postagg_minus(l)",
         "5.0, -3.0, 0.0, 9.223372036854776E18, -9.223372036854776E18, null, 7.0, 100.0"},
    };
    CHECK_CASES(more);
    weir_arena_free(arena);
}

static void multi_value_columns_are_mapped_over(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"m", "['a','b'], ['x'], null, ['red','','b'], [], ['b','b'], ['1','20'], ['a']"},
        {"concat(m, '!')", "['a!','b!'], ['x!'], [null], ['red!','!','b!'], [null], ['b!','b!'], "
                           "['1!','20!'], ['a!']"},
        {"m == 'b'", "[0,1], [0], [null], [0,0,1], [null], [1,1], [0,0], [0]"},
        {"m + l",
         "[null,null], [null], [null], [null,null,null], [null], [null,null], [8.0,27.0], [null]"},
        {"nvl(m, 'none')",
         "['a','b'], ['x'], ['none'], ['red','','b'], ['none'], ['b','b'], ['1','20'], ['a']"},
        {"m == m", "[1,1], [1], [null], [1,1,1], [null], [1,1], [1,1], [1]"},
    };
    CHECK_CASES(cases);
}

static void a_failing_row_fails_only_when_selected(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    const weir_expr *expr = weir_expr_parse(arena, WEIR_STR("10 / l"), &err);
    weir_str name = WEIR_STR("l");
    weir_type type = WEIR_TYPE(WEIR_LONG);
    weir_shape shape = {1, &name, &type};
    const weir_program *program = weir_program_new(arena, &expr, 1, &shape, 0, &err);
    assert_non_null(program);
    assert_true(weir_program_uses(program, 0));
    int64_t values[3] = {5, 0, 2};
    weir_vec input = {.type = type, .form = WEIR_FLAT, .n = 3, .at.l = values}, out;
    weir_scratch s = {0};
    weir_run run = {.scratch = &s, .err = &err};
    uint64_t bits = 5;
    weir_sel some = weir_sel_of_bits(&bits, 3), all = weir_sel_all(3), none = weir_sel_none(3);
    assert_true(weir_program_run(program, &run, &input, &some, 3, &out));
    assert_int_equal(out.at.l[0], 2);
    assert_int_equal(out.at.l[2], 5);
    assert_true(weir_program_run(program, &run, &input, &none, 3, &out));
    assert_false(weir_program_run(program, &run, &input, &all, 3, &out));
    assert_int_equal(err.code, WEIR_ERR_RUN);
    weir_scratch_done(&s);
    weir_arena_free(arena);
}

/* Doubles an array or a text with each level. */
static void results_are_bounded(void **state)
{
    (void)state;
    static const char *const start[] = {"['a','b']", "'ab'"};
    for (int k = 0; k < 2; k++) {
        weir_arena *arena = weir_arena_new();
        weir_error err = {0};
        const weir_expr *expr = weir_expr_parse(arena, weir_str_of(start[k]), &err);
        for (int i = 0; i < 60; i++) { /* shared subtrees: the tree would have 2^60 nodes */
            const weir_expr *args[2] = {expr, expr};
            expr = weir_expr_call(arena, k ? "concat" : "array_concat", 2, args);
        }
        weir_str name = WEIR_STR("l");
        weir_type type = WEIR_TYPE(WEIR_LONG);
        weir_shape shape = {1, &name, &type};
        const weir_program *program = weir_program_new(arena, &expr, 1, &shape, 0, &err);
        assert_non_null(program);
        weir_scratch s = {0};
        weir_run run = {.scratch = &s, .err = &err};
        int64_t values[3] = {1, 2, 3};
        weir_vec input = {.type = type, .form = WEIR_FLAT, .n = 3, .at.l = values}, out;
        weir_sel all = weir_sel_all(3);
        assert_false(weir_program_run(program, &run, &input, &all, 3, &out));
        assert_int_equal(err.code, WEIR_ERR_RESOURCE);
        weir_scratch_done(&s);
        weir_arena_free(arena);
    }
}

static void a_cancelled_query_ends_between_spans(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    const weir_expr *expr =
        weir_expr_parse(arena, WEIR_STR("fold((x, acc) -> acc + x, al, 0)"), &err);
    weir_str name = WEIR_STR("al");
    weir_type type = {.kind = WEIR_ARRAY, .elem = WEIR_LONG};
    weir_shape shape = {1, &name, &type};
    const weir_program *program = weir_program_new(arena, &expr, 1, &shape, 0, &err);
    assert_non_null(program);
    int64_t numbers[4] = {1, 2, 3, 4};
    uint32_t offsets[2] = {0, 4};
    weir_vec items = {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 4, .at.l = numbers};
    weir_vec input = {.type = type,
                      .form = WEIR_LIST,
                      .n = 1,
                      .items = &items,
                      .at.offsets = offsets},
             out;
    weir_ctl ctl = {.clock = &weir_clock_system};
    weir_scratch s = {0};
    weir_run run = {.scratch = &s, .ctl = &ctl, .err = &err};
    weir_sel all = weir_sel_all(1);
    assert_true(weir_program_run(program, &run, &input, &all, 1, &out));
    assert_int_equal(out.at.l[0], 10);
    weir_ctl_cancel(&ctl);
    assert_false(weir_program_run(program, &run, &input, &all, 1, &out));
    assert_int_equal(err.code, WEIR_ERR_CANCELLED);
    weir_scratch_done(&s);
    weir_arena_free(arena);
}

/* A worker goes through many segments' dictionaries: what it keeps of them stays within its part of
 * the budget. */
static void tables_by_dictionary_stay_within_their_part_of_the_budget(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    const weir_expr *exprs[2] = {weir_expr_parse(arena, WEIR_STR("strlen(s)"), &err),
                                 weir_expr_parse(arena, WEIR_STR("upper(s)"), &err)};
    weir_str name = WEIR_STR("s");
    weir_type type = WEIR_TYPE(WEIR_STRING);
    weir_shape shape = {1, &name, &type};
    const weir_program *program = weir_program_new(arena, exprs, 2, &shape, 0, &err);
    assert_non_null(program);
    weir_budget budget = {.name = "query", .limit_bytes = 1u << 20};
    struct weir_expr_cache *cache = weir_expr_cache_new(&budget);
    weir_str words[100];
    for (uint32_t i = 0; i < 100; i++) {
        words[i] = weir_arena_printf(arena, "word %03u", i);
    }
    weir_sel all = weir_sel_all(100);
    for (int segment = 0; segment < 3000; segment++) {
        weir_scratch s = {0};
        weir_run run = {.scratch = &s, .err = &err, .cache = cache};
        weir_arena *own = weir_arena_new();
        const weir_dict *dict = test_dict(own, words, 100);
        uint32_t ids[100];
        for (uint32_t i = 0; i < 100; i++) {
            ids[i] = i + 1;
        }
        weir_vec input = {.type = type, .form = WEIR_DICT, .n = 100, .dict = dict, .at.ids = ids},
                 out[2];
        assert_true(weir_program_run(program, &run, &input, &all, 100, out));
        assert_int_equal(out[0].at.l[42], 8);
        assert_true(out[1].form == WEIR_DICT || out[1].form == WEIR_FLAT);
        assert_true(weir_expr_cache_bytes(cache) <= budget.limit_bytes / 4);
        weir_scratch_done(&s);
        weir_arena_free(own);
    }
    weir_expr_cache_free(cache);
    assert_int_equal(budget.used_bytes, 0);
    weir_arena_free(arena);
}

static void see_name(void *self, weir_str name)
{
    weir_buf_str(self, name);
    weir_buf_byte(self, ' ');
}

static void columns_are_seen_once(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    weir_buf out = {0};
    const weir_expr *expr = weir_expr_parse(arena, WEIR_STR("a + b * a - \"c d\""), &err);
    weir_expr_columns(expr, see_name, &out);
    assert_true(weir_str_is(weir_buf_view(&out), "a b c d "));
    weir_buf_done(&out);
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_reads_as_druid_reads_it),
        cmocka_unit_test(malformed_text_is_refused_with_its_place),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(arithmetic_wraps_and_coerces),
        cmocka_unit_test(comparisons_give_one_zero_or_null),
        cmocka_unit_test(logic_is_three_valued),
        cmocka_unit_test(branches_run_only_where_taken),
        cmocka_unit_test(casts_follow_java),
        cmocka_unit_test(post_aggregator_arithmetic_is_double),
        cmocka_unit_test(multi_value_columns_are_mapped_over),
        cmocka_unit_test(a_failing_row_fails_only_when_selected),
        cmocka_unit_test(results_are_bounded),
        cmocka_unit_test(a_cancelled_query_ends_between_spans),
        cmocka_unit_test(tables_by_dictionary_stay_within_their_part_of_the_budget),
        cmocka_unit_test(columns_are_seen_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
