/* tests/unit/segments/s3_sign_test.c - against the examples of Amazon S3's API reference. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "segments/s3_sign.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
static const weir_s3_identity example = {WEIR_STR("AKIAIOSFODNN7EXAMPLE"),
                                         WEIR_STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                         {NULL, 0},
                                         WEIR_STR("us-east-1")};

static void assert_signature(weir_s3_call call, const char *want)
{
    weir_buf out = {0};
    call.host = WEIR_STR("examplebucket.s3.amazonaws.com");
    call.time_ms = 1369353600000; /* 2013-05-24T00:00:00Z */
    weir_s3_sign(&example, &call, &out);
    weir_buf_byte(&out, 0);
    const char *at = strstr(out.at, "Signature=");
    assert_non_null(at);
    assert_string_equal(at + 10, want);
    weir_buf_done(&out);
}

static void the_examples_of_the_reference_are_signed_alike(void **state)
{
    (void)state;
    assert_signature((weir_s3_call){.method = "GET",
                                    .path = WEIR_STR("/test.txt"),
                                    .range = "bytes=0-9",
                                    .payload_hash = EMPTY},
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    weir_s3_param lifecycle[] = {{"lifecycle", WEIR_STR("")}};
    assert_signature((weir_s3_call){.method = "GET",
                                    .path = WEIR_STR("/"),
                                    .param_count = 1,
                                    .params = lifecycle,
                                    .payload_hash = EMPTY},
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    weir_s3_param list[] = {{"max-keys", WEIR_STR("2")}, {"prefix", WEIR_STR("J")}};
    assert_signature((weir_s3_call){.method = "GET",
                                    .path = WEIR_STR("/"),
                                    .param_count = 2,
                                    .params = list,
                                    .payload_hash = EMPTY},
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void a_target_is_encoded_strictly(void **state)
{
    weir_buf out = {0};
    weir_s3_param params[] = {{"prefix", WEIR_STR("a/b c=")}};
    (void)state;
    weir_s3_target(
        &(weir_s3_call){.path = WEIR_STR("/b/k=1:+\xC3\xA9~"), .param_count = 1, .params = params},
        &out);
    weir_buf_byte(&out, 0);
    assert_string_equal(out.at, "/b/k%3D1%3A%2B%C3%A9~?prefix=a%2Fb%20c%3D");
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_reference_are_signed_alike),
        cmocka_unit_test(a_target_is_encoded_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
