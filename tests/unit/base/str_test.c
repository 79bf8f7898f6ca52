/* tests/unit/base/str_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "weir/str.h"

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void strings_sort_by_utf16_code_units(void **state)
{
    (void)state;
    assert_int_equal(sign(weir_str_cmp(WEIR_STR("a"), WEIR_STR("b"))), -1);
    assert_int_equal(sign(weir_str_cmp(WEIR_STR("a"), WEIR_STR("aa"))), -1);
    assert_int_equal(sign(weir_str_cmp(WEIR_STR("\xF0\x9F\x9A\x80"), WEIR_STR("\xEF\xAC\x80"))), -1); /* rocket before U+FB00 */
    assert_int_equal(sign(weir_str_cmp(WEIR_STR("\xED\x9F\xBF"), WEIR_STR("\xF0\x90\x80\x80"))), -1);
    assert_int_equal(weir_str_cmp(WEIR_STR("x\0y"), WEIR_STR("x\0y")), 0);
    assert_int_equal(sign(weir_str_cmp(WEIR_STR("\xEE\x80\x80"), WEIR_STR("\xEF\x80\x80"))), -1);
}

static void a_long_is_the_whole_text_and_fits(void **state)
{
    int64_t v = 0;
    (void)state;
    assert_true(weir_str_to_long(WEIR_STR("-9223372036854775808"), &v));
    assert_true(v == INT64_MIN);
    assert_true(weir_str_to_long(WEIR_STR("9223372036854775807"), &v));
    assert_true(v == INT64_MAX);
    assert_false(weir_str_to_long(WEIR_STR("9223372036854775808"), &v));
    assert_false(weir_str_to_long(WEIR_STR("12x"), &v));
    assert_false(weir_str_to_long(WEIR_STR(""), &v));
    assert_false(weir_str_to_long(WEIR_STR("-"), &v));
}

static void malformed_utf8_is_seen(void **state)
{
    (void)state;
    assert_true(weir_str_is_utf8(WEIR_STR("abc \xC3\xA9 \xF0\x9F\x9A\x80")));
    assert_false(weir_str_is_utf8(WEIR_STR("\xC0\x80")));
    assert_false(weir_str_is_utf8(WEIR_STR("\xED\xA0\x80")));
    assert_false(weir_str_is_utf8(WEIR_STR("ab\xF0\x9F\x9A")));
    assert_int_equal(weir_str_utf16_size(WEIR_STR("a\xF0\x9F\x9A\x80")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_sort_by_utf16_code_units),
        cmocka_unit_test(a_long_is_the_whole_text_and_fits),
        cmocka_unit_test(malformed_utf8_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
