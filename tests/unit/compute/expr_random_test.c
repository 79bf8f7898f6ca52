/* tests/unit/compute/expr_random_test.c - seeded random expressions over random tables: FLAT, DICT
 * with tables by dictionary id, LIST, whole blocks and row by row must agree to the last bit, and
 * fail together. */
#include "expr_helper.h"
#include <math.h>

static uint64_t seed;

static uint32_t draw(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

#define PICK(array) (array)[draw(sizeof(array) / sizeof((array)[0]))]

static void put(weir_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(weir_buf *out, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    weir_buf_text(out, text);
}

static void any_expr(weir_buf *out, int depth);

static void number_leaf(weir_buf *out)
{
    static const char *const leaves[] = {"l",
                                         "d",
                                         "f",
                                         "t",
                                         "n",
                                         "null",
                                         "0",
                                         "1",
                                         "-3",
                                         "2.5",
                                         "7",
                                         "1.0E10",
                                         "9223372036854775807",
                                         "NaN"};
    put(out, "%s", PICK(leaves));
}

static void text_leaf(weir_buf *out)
{
    static const char *const leaves[] = {"s",      "s",         "n",    "'a'", "''",
                                         "'Beta'", "'\\u00e9'", "null", "'12'"};
    put(out, "%s", PICK(leaves));
}

static void number_expr(weir_buf *out, int depth);
static void list_expr(weir_buf *out, int depth);

/* before, an expression of its own kind, after */
typedef struct wrap {
    const char *before;
    void (*inner)(weir_buf *out, int depth);
    const char *after;
} wrap;

static void put_wrap(weir_buf *out, const wrap *w, int depth)
{
    put(out, "%s", w->before);
    w->inner(out, depth - 1);
    put(out, "%s", w->after);
}

static void text_expr(weir_buf *out, int depth)
{
    if (depth <= 0) {
        text_leaf(out);
        return;
    }
    static const char *const unary[] = {"upper", "lower", "reverse", "trim"};
    static const wrap wraps[] = {
        {"json_value(json_object('a', ", any_expr, "), '$.a', 'STRING')"},
        {"to_json_string(json_object('k', ", any_expr, "))"},
        {"array_to_string(map((x) -> concat(x, '.'), ", list_expr, "), '|')"},
        {"array_offset(cast(", list_expr, ", 'ARRAY<STRING>'), 1)"},
        {"human_readable_decimal_format(cast(", number_expr, ", 'LONG'))"},
        {"regexp_extract(", text_expr, ", '[a-z]+')"},
        {"replace(", text_expr, ", 'a', 'bb')"},
        {"ipv4_stringify(cast(", number_expr, ", 'LONG'))"},
        {"repeat(", text_expr, ", 2)"},
        {"left(", text_expr, ", 2)"},
    };
    switch (draw(13)) {
    case 11:
    case 12:
        put_wrap(out, &PICK(wraps), depth);
        break;
    case 0:
        put(out, "%s(cast(", PICK(unary));
        any_expr(out, depth - 1);
        put(out, ",'STRING'))");
        break;
    case 1:
        put(out, "concat(");
        text_expr(out, depth - 1);
        put(out, ",");
        any_expr(out, depth - 1);
        put(out, ")");
        break;
    case 2:
        put(out, "substring(");
        text_expr(out, depth - 1);
        put(out, ",%u,%d)", draw(3), (int)draw(4) - 1);
        break;
    case 3:
        put(out, "if(");
        number_expr(out, depth - 1);
        put(out, ",");
        text_expr(out, depth - 1);
        put(out, ",");
        text_expr(out, depth - 1);
        put(out, ")");
        break;
    case 4:
        put(out, "nvl(");
        text_expr(out, depth - 1);
        put(out, ",");
        text_expr(out, depth - 1);
        put(out, ")");
        break;
    case 5:
        put(out, "case_simple(");
        any_expr(out, depth - 1);
        put(out, ",'a',");
        text_expr(out, depth - 1);
        put(out, ",1,");
        text_expr(out, depth - 1);
        put(out, ")");
        break;
    case 6:
        put(out, "regexp_replace(");
        text_expr(out, depth - 1);
        put(out, ",'[a-e]','<$0>')");
        break;
    case 7:
        put(out, "lpad(");
        text_expr(out, depth - 1);
        put(out, ",%u,", draw(6));
        text_expr(out, depth - 1);
        put(out, ")");
        break;
    case 8:
        put(out, "(");
        text_expr(out, depth - 1);
        put(out, " + 'x')");
        break;
    case 9:
        put(out, "timestamp_format(");
        number_expr(out, depth - 1);
        put(out, ",'yyyy-MM','Europe/Paris')");
        break;
    default:
        text_leaf(out);
        break;
    }
}

static void number_expr(weir_buf *out, int depth)
{
    static const char *const operators[] = {"+",  "-",  "*",  "<",  "<=", ">",
                                            ">=", "==", "!=", "&&", "||"};
    static const char *const unary[] = {
        "-",     "!",      "isnull", "notnull", "abs",
        "floor", "istrue", "sqrt",   "strlen",  "bitwiseComplement"};
    static const char *const risky[] = {"/", "%"};
    static const wrap wraps[] = {
        {"array_quantile(cast(", list_expr, ", 'ARRAY<DOUBLE>'), 0.3)"},
        {"json_value(json_object('a', ", any_expr, "), '$.a', 'LONG')"},
        {"hyper_unique_round_estimate(hyper_unique_add(", text_expr, ", hyper_unique()))"},
        {"fold((x, acc) -> acc + x, cast(", list_expr, ", 'ARRAY<LONG>'), 0)"},
        {"array_contains(", list_expr, ", 1)"},
        {"scalar_in_array(", text_expr, ", ['a', 'Beta', null])"},
        {"timestamp_extract(", number_expr, ", 'ISODOW', 'Asia/Kathmandu')"},
        {"timestamp_parse(", text_expr, ")"},
        {"ipv4_match(", text_expr, ", '10.0.0.0/8')"},
        {"like(", text_expr, ", '%a_')"},
        {"regexp_like(", text_expr, ", '^[a-e]')"},
        {"icontains_string(", text_expr, ", 'A')"},
        {"isdistinctfrom(l, ", number_expr, ")"},
        {"nottrue(", number_expr, ")"},
        {"parse_long(", text_expr, ", 16)"},
        {"array_ordinal_of(", list_expr, ", 'a')"},
        {"any((x) -> x == 'a', ", list_expr, ")"},
        {"all((x) -> isnull(x) || x > 0, ", list_expr, ")"},
        {"safe_divide(l, ", number_expr, ")"},
    };
    if (depth <= 0) {
        number_leaf(out);
        return;
    }
    switch (draw(11)) {
    case 9:
    case 10:
        put_wrap(out, &PICK(wraps), depth);
        break;
    case 0:
    case 1:
    case 2:
        put(out, "(");
        number_expr(out, depth - 1);
        put(out, " %s ", draw(12) ? PICK(operators) : PICK(risky));
        number_expr(out, depth - 1);
        put(out, ")");
        break;
    case 3:
        put(out, "%s(", PICK(unary));
        number_expr(out, depth - 1);
        put(out, ")");
        break;
    case 4:
        put(out, "(");
        text_expr(out, depth - 1);
        put(out, " %s ", operators[3 + draw(6)]);
        text_expr(out, depth - 1);
        put(out, ")");
        break;
    case 5:
        put(out, "strpos(");
        text_expr(out, depth - 1);
        put(out, ",'a')");
        break;
    case 6:
        put(out, "case_searched(");
        number_expr(out, depth - 1);
        put(out, ",");
        number_expr(out, depth - 1);
        put(out, ",");
        number_expr(out, depth - 1);
        put(out, ")");
        break;
    case 7:
        put(out, "timestamp_floor(");
        number_expr(out, 0);
        put(out, ",'PT6H',null,'America/New_York')");
        break;
    default:
        put(out, "%s(", draw(2) ? "greatest" : "coalesce");
        number_expr(out, depth - 1);
        put(out, ",");
        number_expr(out, depth - 1);
        put(out, ")");
        break;
    }
}

static void list_expr(weir_buf *out, int depth)
{
    static const char *const leaves[] = {"m", "al", "as", "[1,2]", "['a',null]", "s", "<LONG>[]"};
    if (depth <= 0) {
        put(out, "%s", PICK(leaves));
        return;
    }
    static const wrap wraps[] = {
        {"string_to_array(", text_expr, ", '[a-c]')"},
        {"json_value(json_object('a', ", list_expr, "), '$.a', 'ARRAY<STRING>')"},
        {"cast(", number_expr, ", 'ARRAY<LONG>')"},
        {"array_prepend(null, ", list_expr, ")"},
        {"array_concat(['a'], ", list_expr, ")"},
        {"cartesian_map((x, y) -> concat(x, y), ['p', 'q'], ", list_expr, ")"},
        {"json_keys(json_object('a', ", any_expr, ", 'b', 1), '$')"},
        {"array_set_add(", list_expr, ", 'a')"},
    };
    switch (draw(8)) {
    case 6:
    case 7:
        put_wrap(out, &PICK(wraps), depth);
        return;
    case 0:
        put(out, "map((x) -> concat(x, s), ");
        break;
    case 1:
        put(out, "filter((x) -> x > %s, ", draw(2) ? "l" : "'a'");
        break;
    case 2:
        put(out, "array_append(");
        list_expr(out, depth - 1);
        put(out, ",");
        any_expr(out, 1);
        put(out, ")");
        return;
    case 3:
        put(out, "array_set_add_all(");
        list_expr(out, depth - 1);
        put(out, ",");
        list_expr(out, depth - 1);
        put(out, ")");
        return;
    case 4:
        put(out, "array_slice(");
        list_expr(out, depth - 1);
        put(out, ",0,2)");
        return;
    default:
        put(out, "if(l > 0,");
        list_expr(out, 0);
        put(out, ",[1])");
        return;
    }
    list_expr(out, depth - 1);
    put(out, ")");
}

static void any_expr(weir_buf *out, int depth)
{
    switch (draw(8)) {
    case 0:
        put(out, "array_length(");
        list_expr(out, depth - 1);
        put(out, ")");
        break;
    case 1:
        put(out, "array_to_string(");
        list_expr(out, depth - 1);
        put(out, ",'|')");
        break;
    case 2:
        put(out, "m");
        break;
    case 3:
    case 4:
        text_expr(out, depth);
        break;
    default:
        number_expr(out, depth);
        break;
    }
}

static weir_value random_value(weir_arena *arena, weir_type type)
{
    static const char *const texts[] = {"a",     "b",    "",     "Beta",     "alpha",
                                        "12",    "-2.5", "true", "\xc3\xa9", "\xf0\x9f\x9a\x80",
                                        "abcde", "e"};
    static const int64_t longs[] = {0, 1, -1, 5, INT64_MAX, INT64_MIN, 1710061567000, 42};
    weir_value value = {.type = type};
    if (draw(6) == 0) {
        value.is_null = true;
        return value;
    }
    if (type.multi || type.kind == WEIR_ARRAY) {
        weir_type elem = WEIR_TYPE(type.multi ? WEIR_STRING : type.elem);
        uint32_t count = draw(4);
        weir_value *at = WEIR_ARENA_ARRAY(arena, weir_value, count + 1);
        for (uint32_t i = 0; i < count; i++) {
            at[i] = random_value(arena, elem);
        }
        value.type = (weir_type){.kind = WEIR_ARRAY, .elem = elem.kind};
        value.as.array.at = at;
        value.as.array.count = count;
    } else if (type.kind == WEIR_LONG) {
        value.as.l = PICK(longs);
    } else if (type.kind == WEIR_COMPLEX) {
        value.as.s = weir_str_of(draw(2) ? "{\"a\":1}" : "[1,\"x\"]");
    } else if (type.kind == WEIR_STRING) {
        value.as.s = weir_str_of(PICK(texts));
    } else {
        value.as.d = draw(10) == 0 ? (double)NAN : ((double)draw(4000) - 2000) / 8;
    }
    return value;
}

static test_table *random_table(uint32_t rows)
{
    test_table *table = test_table_new();
    table->rows = rows;
    for (uint32_t c = 0; c < table->column_count; c++) {
        test_column *column = &table->columns[c];
        column->values = WEIR_ARENA_ARRAY(table->arena, weir_value, rows);
        for (uint32_t i = 0; i < rows; i++) {
            column->values[i] = random_value(table->arena, column->type);
        }
    }
    return table;
}

static void check_agreement(test_table *table, const char *expression)
{
    char *want = test_eval_as(table, expression, TEST_FLAT, false, true);
    for (int way = 1; way < 6; way++) {
        char *got =
            test_eval_as(table, expression, way % 2 ? TEST_DICT : TEST_FLAT, way < 4, way == 3);
        bool same = want[0] == '!' ? got[0] == '!' : strcmp(got, want) == 0;
        if (!same) {
            fail_msg("seed %llx, way %d: %s\n want %s\n got  %s", (unsigned long long)seed, way,
                     expression, want, got);
        }
        free(got);
    }
    free(want);
}

static void every_vector_form_gives_the_same_answer(void **state)
{
    (void)state;
    uint32_t failed = 0, rounds = 3000;
    for (uint32_t round = 0; round < rounds; round++) {
        seed = 0x5eed0000u + round;
        test_table *table = random_table(1 + draw(40));
        weir_buf text = {0};
        if (draw(5) == 0) {
            list_expr(&text, 3);
        } else {
            any_expr(&text, 4);
        }
        weir_buf_byte(&text, '\0');
        check_agreement(table, text.at);
        char *once = test_eval(table, text.at);
        failed += once[0] == '!';
        free(once);
        weir_buf_done(&text);
        test_table_free(table);
    }
    assert_true(failed < rounds / 2); /* most of them mean something */
}

static void blocks_are_as_long_as_they_may_be(void **state)
{
    (void)state;
    static const char *const expressions[] = {
        "concat(upper(s), l)",
        "strlen(s) * 2 + l",
        "if(l > 0, s, n)",
        "concat(m, '-')",
        "m == 'a' || l > 3",
        "map((x) -> x + 1, al)",
        "fold((x, acc) -> acc + x, al, 0)",
    };
    seed = 7;
    test_table *table = random_table(4096);
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
        check_agreement(table, expressions[i]);
    }
    test_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_form_gives_the_same_answer),
        cmocka_unit_test(blocks_are_as_long_as_they_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
