/* tests/unit/compute/json_text_test.c - JSON made compact: numbers and strings as Java prints them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "compute/json_text.h"
#include "weir/hash.h"

static const char *normal(const char *text)
{
    static char out[2000];
    weir_buf buf = {0};
    weir_json_normalize(weir_str_of(text), &buf);
    snprintf(out, sizeof(out), "%.*s", (int)buf.size, buf.at);
    weir_buf_done(&buf);
    return out;
}

static void blanks_go_and_members_keep_their_order(void **state)
{
    (void)state;
    assert_string_equal(normal(" { \"b\" : [ 1 , { } , [ ] ] ,\n\"a\":null , \"c\":true} "),
                        "{\"b\":[1,{},[]],\"a\":null,\"c\":true}");
    assert_string_equal(normal("[[[]]]"), "[[[]]]");
    assert_string_equal(normal(" \"x\" "), "\"x\"");
    assert_string_equal(normal("{\"a\" 1}"), "null"); /* not JSON */
    assert_string_equal(normal(""), "null");
}

static void strings_have_no_escapes_that_are_not_needed(void **state)
{
    (void)state;
    assert_string_equal(normal("{\"\\u0061\":\"\\u00e9\\/\\n\\\"\"}"),
                        "{\"a\":\"\xC3\xA9/\\n\\\"\"}");
    assert_string_equal(normal("\"\\ud83d\\ude00\""), "\"\xF0\x9F\x98\x80\"");
    assert_string_equal(normal("\"\\ud83d\""), "\"\xEF\xBF\xBD\"");
    assert_string_equal(normal("\"\xFF\""), "\"\xEF\xBF\xBD\"");
}

/* Each way to write a double, against strtod and Double.toString. */
static void numbers_print_as_java_prints_them(void **state)
{
    uint64_t seed = 1;
    (void)state;
    assert_string_equal(normal("[1,-0,0.0,-0.0,1e3,1E-2,0.001,0.0009,9999999.5,10000000.5]"),
                        "[1,-0,0.0,-0.0,1000.0,0.01,0.001,9.0E-4,9999999.5,1.00000005E7]");
    assert_string_equal(normal("[12345678901234567890,1.10,100.0,100.50,0.10]"),
                        "[12345678901234567890,1.1,100.0,100.5,0.1]");
    for (int i = 0; i < 200000; i++) {
        char text[64], want[64];
        seed = weir_hash_u64(seed + 1);
        int whole = (int)(seed % 9), places = 1 + (int)(seed / 9 % 9);
        uint64_t power = 1;
        for (int k = 0; k < whole; k++) {
            power *= 10;
        }
        int size = snprintf(text, sizeof(text), "%s%llu.", seed & 1 ? "-" : "",
                            (unsigned long long)(seed / 100 % power));
        for (int k = 0; k < places; k++) {
            seed = weir_hash_u64(seed);
            text[size++] = (char)('0' + (seed % 3 ? seed / 3 % 10 : 0));
        }
        text[size] = '\0';
        want[weir_print_double(want, strtod(text, NULL))] = '\0';
        assert_string_equal(normal(text), want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_go_and_members_keep_their_order),
        cmocka_unit_test(strings_have_no_escapes_that_are_not_needed),
        cmocka_unit_test(numbers_print_as_java_prints_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
