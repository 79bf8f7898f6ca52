/* tests/unit/base/base64_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "weir/base64.h"

static void bytes_become_the_text_of_the_standard_and_come_back(void **state)
{
    static const char *pairs[][2] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},      {"foo", "Zm9v"},
                                     {"foob", "Zm9vYg=="}, {"\xFF\xFE\xFD", "//79"}, {"fooba", "Zm9vYmE="}};
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        char text[32], back[32];
        size_t size = weir_base64_encode(weir_str_of(pairs[i][0]), text), back_size;
        assert_true(weir_str_is((weir_str){text, size}, pairs[i][1]));
        assert_true(weir_base64_decode((weir_str){text, size}, back, &back_size));
        assert_true(weir_str_is((weir_str){back, back_size}, pairs[i][0]));
    }
}

static void text_that_is_no_base64_is_refused_and_padding_may_be_missing(void **state)
{
    char out[32];
    size_t size;
    (void)state;
    assert_false(weir_base64_decode(WEIR_STR("a b="), out, &size));
    assert_false(weir_base64_decode(WEIR_STR("abcde"), out, &size));
    assert_true(weir_base64_decode(WEIR_STR("Zg"), out, &size));
    assert_true(size == 1 && out[0] == 'f');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_the_text_of_the_standard_and_come_back),
        cmocka_unit_test(text_that_is_no_base64_is_refused_and_padding_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
