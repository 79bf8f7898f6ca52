/* tests/unit/compute/text_time_test.c - ISO texts, intervals and Joda patterns. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "compute/calendar.h"

static void reads(const char *text, int64_t want)
{
    int64_t ms = -1;
    if (!weir_time_parse_iso(weir_str_of(text), &ms) || ms != want) {
        fail_msg("%s is %lld, wanted %lld", text, (long long)ms, (long long)want);
    }
}

static void iso_texts_may_be_cut_at_any_field(void **state)
{
    (void)state;
    reads("2015", 1420070400000);
    reads("2015-09", 1441065600000);
    reads("2015-09-12", 1442016000000);
    reads("2015-09-12T00Z", 1442016000000);
    reads("2015-09-12T14:49Z", 1442069340000);
    reads("2015-09-12T00:46:58.771Z", 1442018818771);
    reads("2015-09-12T00:46:58.771999", 1442018818771);
    reads("2015-09-12T02:00:00+02:00", 1442016000000);
    reads("2015-W37-6", 1442016000000);
    reads("2015-255", 1442016000000);
    reads("0000-01-01", -62167219200000);
    reads("-0001-01-01T00:00:00.000Z", -62198755200000);
    int64_t ms;
    const char *const bad[] = {"", "garbage", "2015-13", "2015-02-29", "2015-09-12T25", "2015-09-12X", "2015-09-12T00:60", "2015-09-12 00:00"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_false(weir_time_parse_iso(weir_str_of(bad[i]), &ms));
    }
}

static void times_print_and_read_back(void **state)
{
    (void)state;
    const int64_t times[] = {0, -1, 1442018818771, -62167219200000, -62198755200000, 253402300800000, INT64_MIN / 2, INT64_MAX / 2};
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        char text[40];
        weir_str s = {text, weir_time_print(text, times[i])};
        int64_t back = 0;
        assert_true(weir_time_parse_iso(s, &back));
        assert_true(back == times[i]);
    }
    char text[40];
    assert_int_equal(weir_time_print(text, INT64_MIN / 2), strlen("-146136543-09-08T08:23:32.096Z"));
    assert_memory_equal(text, "-146136543-09-08T08:23:32.096Z", 30);
    size_t n = weir_time_print_zone(text, 1710129600000, weir_zone_find(WEIR_STR("America/New_York")));
    assert_int_equal(n, 29);
    assert_memory_equal(text, "2024-03-11T00:00:00.000-04:00", 29);
}

static void intervals_have_two_sides_or_a_period(void **state)
{
    weir_interval iv;
    weir_error err;
    (void)state;
    assert_true(weir_interval_parse(WEIR_STR("2015-09-12/2015-09-13"), &iv, &err));
    assert_true(iv.start_ms == 1442016000000 && iv.end_ms == 1442102400000);
    assert_true(weir_interval_parse(WEIR_STR("2015-09-12/P1D"), &iv, &err));
    assert_true(iv.end_ms == 1442102400000);
    assert_true(weir_interval_parse(WEIR_STR("P1M/2015-03-31"), &iv, &err));
    assert_true(iv.start_ms == 1425081600000);
    assert_false(weir_interval_parse(WEIR_STR("2015-09-13/2015-09-12"), &iv, &err));
    assert_false(weir_interval_parse(WEIR_STR("garbage"), &iv, &err));
    assert_non_null(strstr(err.message, "garbage"));
}

static void pattern(const char *format_text, const char *text, int64_t want)
{
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    int64_t ms = -1;
    const weir_time_format *format = weir_time_format_new(arena, weir_str_of(format_text), &err);
    assert_non_null(format);
    if (!weir_time_format_parse(format, weir_str_of(text), &ms) || ms != want) {
        fail_msg("%s by %s is %lld, wanted %lld", text, format_text, (long long)ms, (long long)want);
    }
    weir_arena_free(arena);
}

static void events_times_come_in_many_formats(void **state)
{
    (void)state;
    pattern("iso", "2015-09-12T00:46:58.771Z", 1442018818771);
    pattern("millis", "1442018818771", 1442018818771);
    pattern("posix", "1442018818", 1442018818000);
    pattern("micro", "1442018818771123", 1442018818771);
    pattern("nano", "1442018818771123456", 1442018818771);
    pattern("ruby", "1442018818.5", 1442018818500);
    pattern("auto", "2015-09-12 00:46:58", 1442018818000);
    pattern("auto", "2015-09-12T00:46:58+00:00", 1442018818000);
    pattern("auto", "1442018818771", 1442018818771);
    pattern("yyyy-MM-dd", "2015-09-12", 1442016000000);
    pattern("yyyyMMddHHmmss", "20150912004658", 1442018818000);
    pattern("dd/MMM/yyyy:HH:mm:ss Z", "12/Sep/2015:02:46:58 +0200", 1442018818000);
    pattern("h:mm a, EEE d MMMM yyyy", "2:05 PM, Sat 12 September 2015", 1442066700000);
    pattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2015-09-12T00:46:58.771Z", 1442018818771);
}

static void prints(const char *format_text, int64_t ms, const char *zone, const char *locale, const char *want)
{
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    weir_buf out = {0};
    const weir_time_format *format = weir_time_format_new(arena, weir_str_of(format_text), &err);
    assert_non_null(format);
    weir_time_format_print(format, ms, weir_zone_find(weir_str_of(zone)), weir_str_of(locale), &out);
    weir_buf_byte(&out, 0);
    assert_string_equal(out.at, want);
    weir_buf_done(&out);
    weir_arena_free(arena);
}

static void patterns_print_as_joda_prints_them(void **state)
{
    (void)state;
    prints("yyyy-MM-dd'T'HH:mm:ss'Z", 1442018818771, "UTC", "", "2015-09-12T00:46:58Z");
    prints("EEEE, d MMMM yyyy h:mm a", 1442066700000, "UTC", "en", "Saturday, 12 September 2015 2:05 PM");
    prints("yyyy-MM-dd'T'HHZZ", 1710129600000, "America/New_York", "", "2024-03-11T00-04:00");
    prints("w-e", 1442018818771, "UTC", "", "37-6");
    prints("H", 1442018818771, "Europe/Paris", "en-US", "2");
    prints("MMM", 1442018818771, "UTC", "fr", "sept.");
    prints("SSS S D", 1442018818771, "UTC", "", "771 7 255");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_texts_may_be_cut_at_any_field), cmocka_unit_test(times_print_and_read_back),
        cmocka_unit_test(intervals_have_two_sides_or_a_period), cmocka_unit_test(events_times_come_in_many_formats),
        cmocka_unit_test(patterns_print_as_joda_prints_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
