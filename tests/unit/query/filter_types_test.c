/* Leaves judge values as Druid does; what they promise of ids and ranges agrees with what they say
 * of each value. */
#include <math.h>
#include "front_helper.h"
#include "query/filter_types.h"

static int setup(void **state)
{
    *state = weir_arena_new();
    return 0;
}

static int teardown(void **state)
{
    weir_arena_free(*state);
    return 0;
}

static const weir_target column = {.column = {"c", 1}};

static char mark(weir_verdict verdict)
{
    return verdict == WEIR_V_TRUE ? 'T' : verdict == WEIR_V_FALSE ? 'F' : 'U';
}

/* Verdicts of texts (up to NULL), then of a null string and a null number. */
static const char *texts(weir_arena *arena, const weir_filter *filter, const char *const *values)
{
    char out[64];
    size_t n = 0;
    for (; values[n]; n++) {
        out[n] = mark(filter->leaf.type->string(&filter->leaf, weir_str_of(values[n])));
    }
    out[n++] = ' ';
    out[n++] = mark(filter->leaf.null_verdict);
    out[n++] = mark(filter->leaf.null_number);
    return weir_arena_text(arena, (weir_str){out, n});
}
#define TEXTS(filter, ...) texts(*state, (filter), (const char *const[]){__VA_ARGS__, NULL})

static char of_long(const weir_filter *filter, int64_t value)
{
    return mark(filter->leaf.type->lng(&filter->leaf, value));
}

static char of_double(const weir_filter *filter, double value)
{
    return mark(filter->leaf.type->dbl(&filter->leaf, value));
}

static char of_float(const weir_filter *filter, float value)
{
    return mark(filter->leaf.type->flt(&filter->leaf, value));
}

static weir_filter *in_texts(weir_arena *arena, const char *const *values)
{
    weir_value list[16];
    size_t n = 0;
    for (; values[n]; n++) {
        list[n] = strcmp(values[n], "null") == 0 ? weir_value_null()
                                                 : weir_value_str(weir_str_of(values[n]));
    }
    return weir_filter_in(arena, column, list, n);
}
#define IN(...) in_texts(*state, (const char *const[]){__VA_ARGS__, NULL})

static void a_selected_text_meets_each_kind_in_its_own_form(void **state)
{
    weir_filter *five = IN("5.0");
    assert_string_equal(TEXTS(five, "5.0", "5", "05.0", ""), "TFFF UU");
    assert_int_equal(of_long(five, 5), 'T');
    assert_int_equal(of_double(five, 5), 'T');
    weir_filter *tenth = IN("0.1");
    assert_int_equal(of_double(tenth, 0.1), 'T');
    assert_int_equal(of_double(tenth, (double)0.1f), 'F');
    assert_int_equal(of_float(tenth, 0.1f), 'T');
    assert_int_equal(of_long(tenth, 0), 'F');
    weir_filter *word = IN("abc");
    assert_int_equal(of_long(word, 0), 'F');
    assert_int_equal(of_double(word, NAN), 'F');
    assert_int_equal(of_long(IN("9223372036854775807"), INT64_MAX), 'T');
    assert_int_equal(of_long(IN("9223372036854775808"), INT64_MAX), 'F');
    assert_int_equal(of_long(IN("9007199254740993.000"), 9007199254740993), 'T');
    assert_int_equal(of_long(IN("1e3"), 1000), 'T');
}

static void numbers_meet_text_as_java_prints_them(void **state)
{
    weir_value ten = weir_value_long(10), ten_double = weir_value_double(10);
    assert_string_equal(TEXTS(weir_filter_in(*state, column, &ten, 1), "10", "10.0"), "TF UU");
    weir_filter *filter = weir_filter_in(*state, column, &ten_double, 1);
    assert_string_equal(TEXTS(filter, "10", "10.0"), "FT UU");
    assert_int_equal(of_long(filter, 10), 'T');
}

static void a_null_in_a_list_matches_nulls_and_empty_text_does_not(void **state)
{
    assert_string_equal(TEXTS(IN("a", "null"), "a", "b", ""), "TFF TT");
    assert_string_equal(TEXTS(IN("a", "", "a"), "a", "b", ""), "TFT UU");
    assert_string_equal(TEXTS(IN("null"), "a", ""), "FF TT");
    assert_int_equal(of_long(IN("3", "1", "null"), 3), 'T');
    assert_int_equal(of_long(IN("3", "1", "null"), 2), 'F');
    assert_int_equal(of_float(IN("0.1", "0.5"), 0.1f), 'T');
}

static weir_filter *bounds(weir_arena *arena, const char *lower, bool lower_strict,
                           const char *upper, bool upper_strict, const char *ordering)
{
    weir_bounds b = {.has_lower = lower != NULL,
                     .has_upper = upper != NULL,
                     .lower_strict = lower_strict,
                     .upper_strict = upper_strict,
                     .ordering = weir_ordering_find(weir_str_of(ordering)),
                     .nulls_below = true};
    b.lower = lower ? weir_str_of(lower) : b.lower;
    b.upper = upper ? weir_str_of(upper) : b.upper;
    return weir_filter_bounds(arena, column, &b);
}

static void bounds_follow_their_ordering(void **state)
{
    assert_string_equal(TEXTS(bounds(*state, "10", false, "9", false, "lexicographic"), "10", "2",
                              "9", "95", "1", ""),
                        "TTTFFF UU");
    assert_string_equal(
        TEXTS(bounds(*state, "10", true, "9", true, "lexicographic"), "10", "2", "9"), "FTF UU");
    assert_string_equal(TEXTS(bounds(*state, "9", false, "12", false, "numeric"), "9", "10.5",
                              "12.0", "1e1", "abc", "2"),
                        "TTTTFF UU");
    assert_string_equal(
        TEXTS(bounds(*state, "bb", false, "dddd", false, "strlen"), "x", "yy", "zzzz", "aaaa"),
        "FTFT UU");
    assert_string_equal(
        TEXTS(bounds(*state, "1.2", false, "1.10", false, "version"), "1.9", "1.10", "1.11", "1.1"),
        "TTFF UU");
    assert_string_equal(
        TEXTS(bounds(*state, "a2", false, "a10", false, "alphanumeric"), "a9", "a10", "a11", "a1"),
        "TTFF UU");
}

static void an_upper_bound_alone_takes_null_strings_but_not_null_numbers(void **state)
{
    assert_string_equal(
        TEXTS(bounds(*state, NULL, false, "b", false, "lexicographic"), "", "b", "c"), "TTF TT");
    assert_string_equal(TEXTS(bounds(*state, NULL, false, "5", false, "numeric"), "", "5", "6"),
                        "TTF TU");
    weir_bounds range = {.has_upper = true, .upper = WEIR_STR("b")};
    assert_string_equal(TEXTS(weir_filter_bounds(*state, column, &range), "", "b", "c"), "TTF UU");
}

static void numeric_bounds_round_inwards_on_longs(void **state)
{
    weir_filter *filter = bounds(*state, "-5.5", false, "5.5", false, "numeric");
    assert_int_equal(of_long(filter, -6), 'F');
    assert_int_equal(of_long(filter, -5), 'T');
    assert_int_equal(of_long(filter, 5), 'T');
    assert_int_equal(of_long(filter, 6), 'F');
    filter = bounds(*state, "-5.5", true, "5.5", true, "numeric");
    assert_int_equal(of_long(filter, -6), 'F');
    assert_int_equal(of_long(filter, -5), 'T');
    assert_int_equal(of_long(filter, 5), 'T');
    assert_int_equal(of_long(bounds(*state, "5", true, NULL, false, "numeric"), 5), 'F');
    assert_int_equal(of_long(bounds(*state, "1e30", false, NULL, false, "numeric"), INT64_MAX),
                     'F');
    assert_int_equal(of_long(bounds(*state, NULL, false, "1e30", false, "numeric"), INT64_MAX),
                     'T');
    assert_int_equal(
        of_long(bounds(*state, "9223372036854775807", true, NULL, false, "numeric"), INT64_MAX),
        'F');
    assert_int_equal(
        of_long(bounds(*state, NULL, false, "-9223372036854775808", true, "numeric"), INT64_MIN),
        'F');
    assert_int_equal(of_long(bounds(*state, "abc", false, NULL, false, "numeric"), INT64_MIN),
                     'T'); /* below all numbers */
    assert_int_equal(of_long(bounds(*state, NULL, false, "abc", false, "numeric"), INT64_MIN), 'F');
}

static void numeric_bounds_order_doubles_as_java_does(void **state)
{
    weir_filter *from_zero = bounds(*state, "0", false, NULL, false, "numeric");
    assert_int_equal(of_double(from_zero, 0.0), 'T');
    assert_int_equal(of_double(from_zero, -0.0), 'F');
    assert_int_equal(of_double(from_zero, NAN), 'T');
    assert_int_equal(of_double(bounds(*state, "0", false, "1e308", false, "numeric"), NAN), 'F');
    assert_int_equal(of_float(bounds(*state, "0.1", false, "0.1", false, "numeric"), 0.1f), 'T');
    assert_int_equal(of_double(bounds(*state, "0.1", true, NULL, false, "numeric"), 0.1), 'F');
}

static void decimals_find_the_whole_number_next_to_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        weir_decimal how;
        int64_t at;
    } cases[] = {
        {"12", WEIR_DECIMAL_EXACT, 12},
        {"+12.", WEIR_DECIMAL_EXACT, 12},
        {"-12.000", WEIR_DECIMAL_EXACT, -12},
        {"-12.001", WEIR_DECIMAL_FLOOR, -13},
        {".5", WEIR_DECIMAL_FLOOR, 0},
        {"-.5", WEIR_DECIMAL_FLOOR, -1},
        {"12e-1", WEIR_DECIMAL_FLOOR, 1},
        {"1.25e2", WEIR_DECIMAL_EXACT, 125},
        {"0e99999999", WEIR_DECIMAL_EXACT, 0},
        {"1e99999999", WEIR_DECIMAL_ABOVE, 0},
        {"-1e99999999", WEIR_DECIMAL_BELOW, 0},
        {"1e-99999999", WEIR_DECIMAL_FLOOR, 0},
        {"-9223372036854775808", WEIR_DECIMAL_EXACT, INT64_MIN},
        {"-9223372036854775808.5", WEIR_DECIMAL_BELOW, 0},
        {"9223372036854775807.5", WEIR_DECIMAL_FLOOR, INT64_MAX},
        {"9223372036854775808", WEIR_DECIMAL_ABOVE, 0},
        {"", WEIR_DECIMAL_BAD, 0},
        {"-", WEIR_DECIMAL_BAD, 0},
        {"1e", WEIR_DECIMAL_BAD, 0},
        {"1 ", WEIR_DECIMAL_BAD, 0},
        {"0x10", WEIR_DECIMAL_BAD, 0},
        {"NaN", WEIR_DECIMAL_BAD, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t at = 0;
        weir_decimal how = weir_decimal_to_long(weir_str_of(cases[i].text), &at);
        if (how != cases[i].how || (how >= WEIR_DECIMAL_EXACT && at != cases[i].at)) {
            fail_msg("'%s': %d %lld", cases[i].text, (int)how, (long long)at);
        }
    }
}

static weir_filter *like(weir_arena *arena, const char *pattern, const char *escape)
{
    return weir_filter_like(arena, column, weir_str_of(pattern), weir_str_of(escape));
}

static void like_knows_percent_underscore_and_escape(void **state)
{
    assert_string_equal(TEXTS(like(*state, "a%", ""), "a", "ab", "ba", ""), "TTFF UU");
    assert_string_equal(TEXTS(like(*state, "%a", ""), "a", "ba", "ab"), "TTF UU");
    assert_string_equal(TEXTS(like(*state, "_e%", ""), "he", "hello", "e", "ehe"), "TTFF UU");
    assert_string_equal(TEXTS(like(*state, "%", ""), "", "x\ny"), "TT UU");
    assert_string_equal(TEXTS(like(*state, "", ""), "", "x"), "TF UU");
    assert_string_equal(TEXTS(like(*state, "_", ""), "é", "日", "🚀", "e\xCC\x81", ""), "TTTFF UU");
    assert_string_equal(TEXTS(like(*state, "1!_%", "!"), "1_000", "1x000"), "TF UU");
    assert_string_equal(TEXTS(like(*state, "%\\\\%", "\\"), "a\\b", "ab"), "TF UU");
    assert_string_equal(TEXTS(like(*state, "line%break", ""), "line\nbreak", "linebrea"), "TF UU");
    assert_string_equal(TEXTS(like(*state, "%ab%ab%", ""), "abab", "xxabyyabzz", "aba", "ab"),
                        "TTFF UU");
    assert_string_equal(TEXTS(like(*state, "100!%", "!"), "100%", "1000"), "TF UU");
}

/* The slow twin: plain recursion over ASCII. */
static bool like_twin(const char *pattern, const char *value)
{
    if (*pattern == '\0') {
        return *value == '\0';
    }
    if (*pattern == '%') {
        return like_twin(pattern + 1, value) || (*value && like_twin(pattern, value + 1));
    }
    return *value && (*pattern == '_' || *pattern == *value) && like_twin(pattern + 1, value + 1);
}

static void random_text(uint64_t *seed, const char *letters, size_t most, char *out)
{
    size_t size = next_random(seed) % (most + 1);
    for (size_t i = 0; i < size; i++) {
        out[i] = letters[next_random(seed) % strlen(letters)];
    }
    out[size] = '\0';
}

static void like_agrees_with_its_twin(void **state)
{
    uint64_t seed = 7;
    for (int round = 0; round < 4000; round++) {
        char pattern[16], value[16];
        random_text(&seed, "ab%_%", 8, pattern);
        random_text(&seed, "abc", 10, value);
        weir_filter *filter = like(*state, pattern, "");
        bool got = filter->leaf.type->string(&filter->leaf, weir_str_of(value)) == WEIR_V_TRUE;
        if (got != like_twin(pattern, value)) {
            fail_msg("'%s' like '%s': %d", value, pattern, got);
        }
    }
}

static weir_filter *regex(weir_arena *arena, const char *pattern)
{
    weir_filter *filter;
    weir_error err;
    assert_true(weir_filter_regex(arena, column, weir_str_of(pattern), &filter, &err));
    return filter;
}

static void a_regex_is_found_anywhere(void **state)
{
    assert_string_equal(TEXTS(regex(*state, "et"), "beta", "et", "ea"), "TTF UU");
    assert_string_equal(TEXTS(regex(*state, "^[A-C].*\\d{4}"), "Abc 2015", "Dbc 2015", "A 15"),
                        "TFF UU");
    assert_string_equal(TEXTS(regex(*state, "a.b"), "a🚀b", "a\nb"), "TF UU");
    assert_string_equal(TEXTS(regex(*state, "b$"), "ab", "ab\n", "abc"), "TTF UU");
    assert_string_equal(TEXTS(regex(*state, ""), "", "x"), "TT UU");
    assert_string_equal(TEXTS(regex(*state, "\\p{IsHan}\\\\?"), "日本", "x"),
                        "TF UU"); /* Java's name of a script */
    weir_error err = {0};
    weir_filter *filter;
    assert_false(weir_filter_regex(*state, column, WEIR_STR("a("), &filter, &err));
    assert_int_equal(err.code, WEIR_ERR_BAD_QUERY);
}

static void contains_looks_for_all_parts_with_or_without_case(void **state)
{
    weir_str parts[] = {WEIR_STR("united"), WEIR_STR("S")};
    assert_string_equal(TEXTS(weir_filter_contains(*state, column, parts, 2, false),
                              "United States", "Untied States", "United Kingdom"),
                        "TFF UU");
    weir_str accent = WEIR_STR("É");
    assert_string_equal(
        TEXTS(weir_filter_contains(*state, column, &accent, 1, false), "café", "CAFÉ", "cafe"),
        "TTF UU");
    assert_string_equal(
        TEXTS(weir_filter_contains(*state, column, &accent, 1, true), "café", "CAFÉ"), "FT UU");
    weir_str none = WEIR_STR("");
    assert_string_equal(TEXTS(weir_filter_contains(*state, column, &none, 1, false), "", "x"),
                        "TT UU");
    weir_str twice = WEIR_STR("aab");
    assert_string_equal(
        TEXTS(weir_filter_contains(*state, column, &twice, 1, false), "aAaB", "aaa"), "TF UU");
}

static void truth_is_a_number_above_zero_or_the_word(void **state)
{
    weir_filter *filter = weir_filter_truth(*state, weir_expr_column(*state, WEIR_STR("c")));
    assert_string_equal(TEXTS(filter, "true", "TRUE", "1", "false", ""), "TTFFF UU");
    assert_int_equal(of_long(filter, -1), 'F');
    assert_int_equal(of_long(filter, 2), 'T');
    assert_int_equal(of_long(filter, 0), 'F');
    assert_int_equal(of_double(filter, 0.5), 'T');
}

static int cmp_str(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

/* A leaf of a random type over short texts. */
static weir_filter *random_leaf(weir_arena *arena, uint64_t *seed)
{
    static const char letters[] = "ab1.9";
    char a[8], b[8];
    random_text(seed, letters, 3, a);
    random_text(seed, letters, 3, b);
    switch (next_random(seed) % 6) {
    case 0:
        return in_texts(arena, (const char *const[]){a, NULL});
    case 1:
        return in_texts(arena, (const char *const[]){a, b, "null", "b", NULL});
    case 2:
        return bounds(arena, next_random(seed) % 3 ? a : NULL, next_random(seed) % 2,
                      next_random(seed) % 3 ? b : NULL, next_random(seed) % 2, "lexicographic");
    case 3:
        strcat(a, next_random(seed) % 4 ? "%" : "");
        return like(arena, a, "");
    case 4:
        return weir_filter_is_null(arena, column);
    default:
        return weir_filter_any(arena, column);
    }
}

static void spans_of_ids_agree_with_verdicts(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 2000; round++) {
        weir_arena *arena = weir_arena_new();
        weir_str values[40];
        uint32_t count = 0, size = (uint32_t)(next_random(&seed) % 40);
        for (uint32_t i = 0; i < size; i++) {
            char text[8];
            random_text(&seed, "ab1.9", 4, text);
            values[i] = weir_arena_str(arena, weir_str_of(text));
        }
        qsort(values, size, sizeof(values[0]), cmp_str);
        for (uint32_t i = 0; i < size; i++) {
            if (count == 0 || weir_str_cmp(values[count - 1], values[i]) != 0) {
                values[count++] = values[i];
            }
        }
        front_dict *dict = dict_of(arena, values, count);
        weir_filter *filter = random_leaf(arena, &seed);
        weir_id_span spans[8];
        uint32_t span_count = filter->leaf.type->spans(&filter->leaf, &dict->dict, spans, 8);
        if (span_count != UINT32_MAX) {
            for (uint32_t id = 1; id < dict->dict.count; id++) {
                bool in = false;
                for (uint32_t i = 0; i < span_count; i++) {
                    assert_true(spans[i].from < spans[i].to &&
                                (i == 0 || spans[i - 1].to < spans[i].from));
                    in = in || (id >= spans[i].from && id < spans[i].to);
                }
                bool want = filter->leaf.type->string(&filter->leaf, values[id - 1]) == WEIR_V_TRUE;
                if (in != want) {
                    weir_buf text = {0};
                    weir_filter_print(filter, &text);
                    fail_msg("%.*s on '%.*s': span says %d", (int)text.size, text.at,
                             WEIR_STR_ARG(values[id - 1]), in);
                }
            }
        }
        weir_arena_free(arena);
    }
}

static void ranges_agree_with_verdicts(void **state)
{
    static const double probes[] = {-1e300, -3, -2.5, -1, -0.5,  -0.0,     0.0,       0.1, 0.5,
                                    1,      2,  2.5,  3,  1e300, INFINITY, -INFINITY, NAN};
    static const char *const ends[] = {"-2.5", "-1",  "0",   "-0.0",  "0.1",
                                       "1",    "2.5", "abc", "1e400", NULL};
    uint64_t seed = 5;
    for (int round = 0; round < 3000; round++) {
        const char *lower = ends[next_random(&seed) % 10], *upper = ends[next_random(&seed) % 10];
        weir_filter *filter =
            bounds(*state, lower, next_random(&seed) % 2, upper, next_random(&seed) % 2, "numeric");
        const weir_leaf *leaf = &filter->leaf;
        int64_t lo, hi;
        double dlo, dhi;
        bool lo_open, hi_open;
        assert_true(leaf->type->long_range(leaf, &lo, &hi));
        assert_true(leaf->type->double_range(leaf, &dlo, &lo_open, &dhi, &hi_open));
        for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
            int low = weir_double_cmp(probes[i], dlo), high = weir_double_cmp(probes[i], dhi);
            bool in = (low > 0 || (low == 0 && !lo_open)) && (high < 0 || (high == 0 && !hi_open));
            assert_int_equal(in, leaf->type->dbl(leaf, probes[i]) == WEIR_V_TRUE);
        }
        for (int64_t value = -4; value <= 4; value++) {
            assert_int_equal(value >= lo && value <= hi,
                             leaf->type->lng(leaf, value) == WEIR_V_TRUE);
            double as_double =
                (double)value; /* whole numbers: both ways agree, but for the sign of zero */
            bool zero_ends = (lower && strstr(lower, "0")) || (upper && strstr(upper, "0"));
            if (value != 0 || !zero_ends) {
                assert_int_equal(leaf->type->lng(leaf, value), leaf->type->dbl(leaf, as_double));
            }
        }
    }
}

/* Normal form: three-valued logic by brute force. Leaf i's verdict is digits[i]. */
static weir_verdict judge(const weir_filter *filter, const weir_verdict *digits)
{
    weir_verdict verdict;
    switch ((weir_filter_kind)filter->kind) {
    case WEIR_FILTER_TRUE:
        return WEIR_V_TRUE;
    case WEIR_FILTER_FALSE:
        return WEIR_V_FALSE;
    case WEIR_FILTER_LEAF:
        verdict = digits[filter->leaf.column.at[0] - 'a'];
        return filter->negated && verdict != WEIR_V_UNKNOWN
                   ? (verdict == WEIR_V_TRUE ? WEIR_V_FALSE : WEIR_V_TRUE)
                   : verdict;
    case WEIR_FILTER_NOT:
        verdict = judge(filter->children[0], digits);
        return verdict == WEIR_V_UNKNOWN ? verdict
               : verdict == WEIR_V_TRUE  ? WEIR_V_FALSE
                                         : WEIR_V_TRUE;
    case WEIR_FILTER_ISTRUE:
        verdict = judge(filter->children[0], digits);
        return verdict == WEIR_V_TRUE ? WEIR_V_TRUE : WEIR_V_FALSE;
    case WEIR_FILTER_REST:
        verdict = judge(filter->children[0], digits);
        return verdict == WEIR_V_TRUE ? WEIR_V_FALSE : WEIR_V_TRUE;
    case WEIR_FILTER_AND:
    case WEIR_FILTER_OR:
        break;
    }
    bool unknown = false;
    weir_verdict ends = filter->kind == WEIR_FILTER_AND ? WEIR_V_FALSE : WEIR_V_TRUE;
    for (uint32_t i = 0; i < filter->child_count; i++) {
        verdict = judge(filter->children[i], digits);
        if (verdict == ends) {
            return ends;
        }
        unknown = unknown || verdict == WEIR_V_UNKNOWN;
    }
    return unknown ? WEIR_V_UNKNOWN : ends == WEIR_V_TRUE ? WEIR_V_FALSE : WEIR_V_TRUE;
}

static weir_filter *random_tree(weir_arena *arena, uint64_t *seed, int depth)
{
    static const char names[] = "abc";
    uint64_t kind = next_random(seed) % (depth > 0 ? 9 : 3);
    if (kind < 2) {
        return weir_filter_is_null(arena,
                                   (weir_target){.column = {names + next_random(seed) % 3, 1}});
    }
    if (kind == 2) {
        return weir_filter_constant(arena, next_random(seed) % 2);
    }
    if (kind == 3) {
        return weir_filter_not(arena, random_tree(arena, seed, depth - 1));
    }
    if (kind == 8) {
        return weir_filter_is_true(arena, random_tree(arena, seed, depth - 1));
    }
    weir_filter *children[3];
    uint32_t count = (uint32_t)(next_random(seed) % 4);
    for (uint32_t i = 0; i < count; i++) {
        children[i] = random_tree(arena, seed, depth - 1);
    }
    return kind % 2 ? weir_filter_and(arena, children, count)
                    : weir_filter_or(arena, children, count);
}

static void check_normal(const weir_filter *filter, uint8_t above)
{
    assert_true(filter->kind != WEIR_FILTER_NOT && filter->kind != WEIR_FILTER_ISTRUE);
    assert_true(filter->kind != above);
    for (uint32_t i = 0; i < filter->child_count; i++) {
        assert_true(filter->child_count > 1 || filter->kind == WEIR_FILTER_REST);
        assert_true(filter->children[i]->kind != WEIR_FILTER_TRUE &&
                    filter->children[i]->kind != WEIR_FILTER_FALSE);
        check_normal(filter->children[i], filter->kind);
    }
}

static void the_normal_form_means_the_same_in_three_values(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int round = 0; round < 3000; round++) {
        weir_arena *arena = weir_arena_new();
        weir_filter *tree = random_tree(arena, &seed, 4), *normal = weir_filter_normal(arena, tree);
        check_normal(normal, WEIR_FILTER_NOT);
        for (int digits = 0; digits < 27; digits++) {
            weir_verdict verdicts[] = {(weir_verdict)(digits % 3), (weir_verdict)(digits / 3 % 3),
                                       (weir_verdict)(digits / 9)};
            assert_int_equal(judge(tree, verdicts) == WEIR_V_TRUE, /* what is selected */
                             judge(normal, verdicts) == WEIR_V_TRUE);
        }
        weir_arena_free(arena);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_selected_text_meets_each_kind_in_its_own_form),
        TEST(numbers_meet_text_as_java_prints_them),
        TEST(a_null_in_a_list_matches_nulls_and_empty_text_does_not),
        TEST(bounds_follow_their_ordering),
        TEST(an_upper_bound_alone_takes_null_strings_but_not_null_numbers),
        TEST(numeric_bounds_round_inwards_on_longs),
        TEST(numeric_bounds_order_doubles_as_java_does),
        TEST(decimals_find_the_whole_number_next_to_them),
        TEST(like_knows_percent_underscore_and_escape),
        TEST(like_agrees_with_its_twin),
        TEST(a_regex_is_found_anywhere),
        TEST(contains_looks_for_all_parts_with_or_without_case),
        TEST(truth_is_a_number_above_zero_or_the_word),
        TEST(spans_of_ids_agree_with_verdicts),
        TEST(ranges_agree_with_verdicts),
        TEST(the_normal_form_means_the_same_in_three_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
