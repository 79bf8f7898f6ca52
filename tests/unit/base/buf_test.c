/* tests/unit/base/buf_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include "weir/buf.h"
#include "weir/reader.h"

static void prints(double value, const char *want)
{
    char text[32];
    size_t size = weir_print_double(text, value);
    assert_int_equal(size, strlen(want));
    assert_memory_equal(text, want, size);
}

static void doubles_print_as_java_prints_them(void **state)
{
    (void)state;
    prints(1, "1.0");
    prints(123456789.125, "1.23456789125E8");
    prints(4.9e-324, "4.9E-324");
    prints(1.7976931348623157e308, "1.7976931348623157E308");
    prints(0.1, "0.1");
    prints(0.001, "0.001");
    prints(1e-7, "1.0E-7");
    prints(0.00012, "1.2E-4");
    prints(1e7, "1.0E7");
    prints(1e16, "1.0E16");
    prints(1e21, "1.0E21");
    prints(9999999.5, "9999999.5");
    prints(-2.5, "-2.5");
    prints(-0.0, "-0.0");
    prints((double)NAN, "NaN");
    prints((double)-INFINITY, "-Infinity");
    prints(10578.337486, "10578.337486");
}

static void prints_float(float value, const char *want)
{
    char text[32];
    size_t size = weir_print_float(text, value);
    assert_int_equal(size, strlen(want));
    assert_memory_equal(text, want, size);
}

static void large_whole_numbers_keep_the_digits_that_java_keeps(void **state)
{
    (void)state;
    prints_float(0.1f, "0.1");
    prints_float(16777216.0f, "1.6777216E7");
    prints_float(123456792.0f, "1.23456792E8");
    prints_float(-123456792.0f, "-1.23456792E8");
    prints_float(1442034000000.0f, "1.44203396E12");
    prints_float(1e30f, "1.0E30");
    prints(0x1p60, "1.15292150460684698E18");
    prints(1e18, "1.0E18");
    prints(0x1p63, "9.223372036854776E18");
    prints(9007199254740994.0, "9.007199254740994E15");
}

static void strings_of_any_bytes_are_escaped_one_by_one(void **state)
{
    static const char letters[] = "abcdefgh\"\\\n\t\x01\x1f\x20\x7f";
    uint64_t seed = 1;
    (void)state;
    for (int round = 0; round < 5000; round++) {
        char text[40];
        weir_buf out = {0}, want = {0};
        weir_json json = {.out = &out};
        size_t size = (size_t)(seed >> 33) % 40;
        weir_buf_byte(&want, '"');
        for (size_t i = 0; i < size; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            char c = text[i] = letters[(seed >> 40) % ((seed >> 20) % 3 ? 8 : sizeof(letters) - 1)];
            if (c == '"' || c == '\\') {
                weir_buf_byte(&want, '\\');
            }
            if (c == '\n' || c == '\t') {
                weir_buf_text(&want, c == '\n' ? "\\n" : "\\t");
            } else if (c > 0 && c < 0x20) {
                weir_buf_printf(&want, "\\u%04X", c);
            } else {
                weir_buf_byte(&want, c);
            }
        }
        weir_buf_byte(&want, '"');
        seed += 12345;
        weir_json_str(&json, (weir_str){text, size});
        assert_int_equal(out.size, want.size);
        assert_memory_equal(out.at, want.at, want.size);
        weir_buf_done(&out);
        weir_buf_done(&want);
    }
}

static void json_is_compact_with_commas_in_their_places(void **state)
{
    weir_buf out = {0};
    weir_json json = {.out = &out};
    (void)state;
    weir_json_begin_array(&json);
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "a", "x\"\n\x01");
    weir_json_member_null(&json, "b");
    weir_json_key(&json, WEIR_STR("c"));
    weir_json_begin_array(&json);
    weir_json_long(&json, -1);
    weir_json_double(&json, (double)NAN);
    weir_json_end_array(&json);
    weir_json_end_object(&json);
    weir_json_begin_object(&json);
    weir_json_end_object(&json);
    weir_json_str(&json, WEIR_STR("\xF0\x9F"));
    weir_json_end_array(&json);
    weir_str want = WEIR_STR("[{\"a\":\"x\\\"\\n\\u0001\",\"b\":null,\"c\":[-1,\"NaN\"]},{},\"\xEF\xBF\xBD\xEF\xBF\xBD\"]");
    assert_int_equal(out.size, want.size);
    assert_memory_equal(out.at, want.at, want.size);
    weir_buf_done(&out);
}

static void pretty_json_is_as_jackson_prints_it(void **state)
{
    weir_buf out = {0};
    weir_json json = {.out = &out, .pretty = true};
    (void)state;
    weir_json_begin_array(&json);
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "t", "x");
    weir_json_key(&json, WEIR_STR("r"));
    weir_json_begin_object(&json);
    weir_json_member_long(&json, "n", 1);
    weir_json_end_object(&json);
    weir_json_key(&json, WEIR_STR("a"));
    weir_json_begin_array(&json);
    weir_json_long(&json, 1);
    weir_json_long(&json, 2);
    weir_json_end_array(&json);
    weir_json_end_object(&json);
    weir_json_end_array(&json);
    weir_str want = WEIR_STR("[ {\n  \"t\" : \"x\",\n  \"r\" : {\n    \"n\" : 1\n  },\n  \"a\" : [ 1, 2 ]\n} ]");
    assert_int_equal(out.size, want.size);
    assert_memory_equal(out.at, want.at, want.size);
    weir_buf_done(&out);
}

static void varints_read_back_and_stop_at_the_end(void **state)
{
    (void)state;
    const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        weir_buf out = {0};
        weir_buf_varint(&out, values[i]);
        weir_reader in = weir_reader_of(weir_buf_view(&out));
        uint64_t got = 7;
        assert_true(weir_take_varint(&in, &got));
        assert_true(got == values[i]);
        assert_int_equal(weir_reader_left(&in), 0);
        in = (weir_reader){(const uint8_t *)out.at, (const uint8_t *)out.at + out.size - 1};
        assert_false(weir_take_varint(&in, &got));
        weir_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_print_as_java_prints_them),
        cmocka_unit_test(large_whole_numbers_keep_the_digits_that_java_keeps),
        cmocka_unit_test(strings_of_any_bytes_are_escaped_one_by_one),
        cmocka_unit_test(json_is_compact_with_commas_in_their_places),
        cmocka_unit_test(pretty_json_is_as_jackson_prints_it),
        cmocka_unit_test(varints_read_back_and_stop_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
