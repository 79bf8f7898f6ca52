/* tests/unit/compute/text_test.c - times in text: what Druid 33's TimestampParser and Joda 2.12
 * gave, and the edges by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "compute/calendar.h"
#include "unit/compute/vec_helper.h"

static void texts_are_read_as_druid_read_them(void **state)
{
    (void)state;
    static const struct {
        const char *format, *text, *want; /* ms; NULL: refused */
    } rows[] = {
        {"EEE, dd MMM yyyy HH:mm:ss zzz", "Mon, 14 Nov 1983 18:59:47 UTC", "437684387000"},
        {"EEE, dd MMM yyyy HH:mm:ss zzz", "Thu, 29 Jul 2049 08:31:53 UTC", "2511160313000"},
        {"EEE, dd MMM yyyy HH:mm:ss zzz", "Sun, 01 May 2050 03:33:17 UTC", "2534988797000"},
        {"EEEE dd MMMM yyyy", "Friday 01 March 2030", "1898553600000"},
        {"EEEE dd MMMM yyyy", "SATURDAY 15 MARCH 1997", "858384000000"},
        {"EEEE dd MMMM yyyy", "SUNDAY 27 MAY 2001", "990921600000"},
        {"HH:mm", "14:43", "52980000"},
        {"HH:mm", "17:09", "61740000"},
        {"HH:mm", "00:13", "780000"},
        {"K:m a yyyy", "6:10 AM 2045", "2366863800000"},
        {"K:m a yyyy", " 8:17 PM 2036", "2082831420000"},
        {"K:m a yyyy", "2:58 AM 2046", "2398388280000"},
        {"MM/dd", "10/06", "970790400000"},
        {"MM/dd", "02/07", "949881600000"},
        {"MM/dd", "07/01", "962409600000"},
        {"auto", "1970-w1t00.123", "-258757200"},
        {"auto", "2015-02-1T5:59.123Z", "1422770347380"},
        {"auto", "2015-w1 12:5:00Z", "1419854700000"},
        {"auto", "2015", "2015"},
        {"auto", "2024-9-8T12", "1725796800000"},
        {"auto", "20150912 +02", "635839195500000000"},
        {"auto", "12345", "12345"},
        {"auto", "2015-2", "1422748800000"},
        {"auto", "2024-2-12", "1707696000000"},
        {"auto", "12345-1-29", "327405801600000"},
        {"auto", "+2015-09-1T", "1441065600000"},
        {"auto", "0001", "1"},
        {"dd/MMM/yyyy:HH:mm:ss Z", "11/Feb/1967:11:26:36 +0530", "-91130604000"},
        {"dd/MMM/yyyy:HH:mm:ss Z", "07/Dec/1981:10:43:23 +0530", "376550003000"},
        {"dd/MMM/yyyy:HH:mm:ss Z", "07/Jul/2057:21:03:13 -0400", "2761779793000"},
        {"iso", "12345-1-7", "327403900800000"},
        {"iso", "15-W37-7 ", "-61671801600000"},
        {"iso", "20150912t", "635839195507200000"},
        {"iso", "12345", "327403382400000"},
        {"iso", "-0044-12-1T12:5", "-63526766100000"},
        {"iso", "1970-09-12T00-05:30", "21965400000"},
        {"iso", "-0044-365T+0200", "-63524311200000"},
        {"iso", "2015T", "1420070400000"},
        {"iso", "15T12:59", "-61693786860000"},
        {"iso", "20150912T23:00:59", "635839195590059000"},
        {"iso", "0001-02-7", "-62132400000000"},
        {"iso", "+2015-9T5", "1441083600000"},
        {"k yyyy", "8 1940", "-946742400000"},
        {"k yyyy", "3 2050", "2524618800000"},
        {"k yyyy", "12 1905", "-2051179200000"},
        {"micro", "\"15\"", "0"},
        {"micro", "1442018818771", "1442018818"},
        {"micro", "\"15\"", "0"},
        {"millis", "1442018818", "1442018818"},
        {"millis", "0", "0"},
        {"millis", " 7", "7"},
        {"nano", "1442018818771", "1442018"},
        {"nano", "-5", "0"},
        {"nano", "-5", "0"},
        {"posix", "1442018818771", "1442018818771000"},
        {"posix", "-5", "-5000"},
        {"posix", "1442018818771", "1442018818771000"},
        {"ruby", "1442018818.5", "1442018818500"},
        {"ruby", "-5", "-5000"},
        {"ruby", "1442018818771", "1442018818771000"},
        {"xxxx-'W'ww-e", "2034-W21-4", "2032128000000"},
        {"xxxx-'W'ww-e", "2041-W38-4", "2263161600000"},
        {"xxxx-'W'ww-e", "2035-W42-2", "2076105600000"},
        {"y''y'q'", "1989'1989q", "599616000000"},
        {"y''y'q'", "1963'1963Q", "-220924800000"},
        {"y''y'q'", "1978'1978q", "252460800000"},
        {"yy-M-d h:mm a", "33-3-10 5:02 PM", "1994086920000"},
        {"yy-M-d h:mm a", "54-1-10 6:38 PM", "-504076920000"},
        {"yy-M-d h:mm a", "56-5-20 11:03 PM", "-429670620000"},
        {"yyyy-DDD", "2024-105", "1713052800000"},
        {"yyyy-DDD", "1951-044", "-595900800000"},
        {"yyyy-DDD", "1971-166", "45792000000"},
        {"yyyy-MM-dd HH:mm:ss", "2006-10-15 03:01:26", "1160881286000"},
        {"yyyy-MM-dd HH:mm:ss", "2051-07-05 19:44:14", "2572199054000"},
        {"yyyy-MM-dd HH:mm:ss", "1956-05-30 06:55:03", "-428864697000"},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "2025-06-09T19:14:13.418-04:00", "1749510853418"},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "1943-07-20T03:00:28.488+06:30", "-834809371512"},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "1960-03-18T10:35:35.683+05:30", "-308948064317"},
        {"yyyyMMddHHmmss", "20100912151519", "1284304519000"},
        {"yyyyMMddHHmmss", "1974072408063", "143885163000"},
        {"yyyyMMddHHmmss", "19970611043035", "866003435000"},
        {"auto", "999999999-w1-30T12,25", NULL},
        {"iso", "-0044 23:07+2", NULL},
        {"auto", "2024-00-12T00.5:07.000", NULL},
        {"auto", "2024-366-30T", NULL},
        {"iso", "2024-02-1 00:1,123456789", NULL},
        {"auto", "20150912-02-29T5,25:59.", NULL},
        {"auto", "2024-09-12t24,25:59.123z", NULL},
        {"auto", "12345-w1-0", NULL},
        {"auto", "15-366-12", NULL},
        {"auto", "2024-09-31T", NULL},
        {"iso", "2024 23:5:07.000+24:00", NULL},
        {"auto", "2024-366-1", NULL},
        {"auto", "2015-9-0", NULL},
        {"auto", "0001-W37T12:59:00.1234567891", NULL},
        {"auto", "2024-2-0T", NULL},
        {"iso", "15-w1-12T12:5.000", NULL},
        {"auto", "0001-365-30T00:00.-05:30", NULL},
        {"iso", "20150912-13-30 23:5:07.1234567891", NULL},
        {"auto", "15-w1-7T12:60.123+2", NULL},
        {"iso", "1970-13-31T00 Europe/Paris", NULL},
        {"iso", "15-00T12:00:59", NULL},
        {"auto", "15-09 24:5.-00:00", NULL},
        {"iso", "12345-09-8t24:60:00.123 Europe/Paris", NULL},
        {"iso", "2024-W37t00:60:00.1", NULL},
        {"iso", "999999999-00-8t", NULL},
        {"micro", "", NULL},
        {"posix", "", NULL},
        {"k yyyy", "x9 1979", NULL},
        {"k yyyy", "13 x2011", NULL},
        {"micro", "", NULL},
        {"EEEE dd MMMM yyyy", "WEDNESXDAY 22 JULY 1998", NULL},
        {"yyyy-DDD", "1 981-318", NULL},
        {"k yyyy", "10 x943", NULL},
        {"millis", "1442018818.5", NULL},
        {"y''y'q'", "196x'1967q", NULL},
        {"K:m a yyyy", "8:39 AM 197x", NULL},
        {"yy-M-d h:mm a", "68-40-7 6:03 PM", NULL},
        {"millis", "1442018818.5", NULL},
        {"xxxx-'W'ww-e", "2012-0W01-2", NULL},
        {"millis", "x", NULL},
    };
    weir_arena *arena = weir_arena_new();
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const weir_time_format *format =
            weir_time_format_new(arena, weir_str_of(rows[i].format), NULL);
        int64_t ms;
        char got[32] = "";
        assert_non_null(format);
        if (weir_time_format_parse(format, weir_str_of(rows[i].text), &ms)) {
            snprintf(got, sizeof(got), "%lld", (long long)ms);
        }
        if (strcmp(got, rows[i].want ? rows[i].want : "") != 0) {
            fail_msg("%s: '%s' became '%s'", rows[i].format, rows[i].text, got);
        }
    }
    weir_arena_free(arena);
}

static void instants_print_by_pattern_as_joda_prints_them(void **state)
{
    (void)state;
    static const struct {
        const char *format, *zone;
        int64_t ms;
        const char *want;
    } rows[] = {
        {"EEEE dd MMMM yyyy", "America/New_York", -572022559518ll, "Friday 16 November 1951"},
        {"EEEE dd MMMM yyyy", "Asia/Kolkata", -832093070508ll, "Friday 20 August 1943"},
        {"EEEE dd MMMM yyyy", "UTC", 2001215458734ll, "Wednesday 01 June 2033"},
        {"HH:mm", "America/New_York", 1746645577794ll, "15:19"},
        {"HH:mm", "Asia/Kolkata", -306995720240ll, "00:54"},
        {"HH:mm", "UTC", -913554674710ll, "10:48"},
        {"K:m a yyyy", "America/New_York", 1021852207775ll, "7:50 PM 2002"},
        {"K:m a yyyy", "Asia/Kolkata", 2682608085255ll, "10:24 PM 2055"},
        {"K:m a yyyy", "UTC", 164436710966ll, "4:51 AM 1975"},
        {"MM/dd", "America/New_York", 1859296034003ll, "12/01"},
        {"MM/dd", "Asia/Kolkata", 1457488202304ll, "03/09"},
        {"MM/dd", "UTC", 1606000986955ll, "11/21"},
        {"dd/MMM/yyyy:HH:mm:ss Z", "America/New_York", -872348280128ll,
         "11/May/1942:05:01:59 -0400"},
        {"dd/MMM/yyyy:HH:mm:ss Z", "Asia/Kolkata", 919485467087ll, "20/Feb/1999:10:07:47 +0530"},
        {"dd/MMM/yyyy:HH:mm:ss Z", "UTC", 2715348353192ll, "17/Jan/2056:15:25:53 +0000"},
        {"k yyyy", "America/New_York", -510014839870ll, "20 1953"},
        {"k yyyy", "Asia/Kolkata", 37831469054ll, "2 1971"},
        {"k yyyy", "UTC", 2867143053659ll, "12 2060"},
        {"xxxx-'W'ww-e", "America/New_York", -675186229088ll, "1948-W33-1"},
        {"xxxx-'W'ww-e", "Asia/Kolkata", 1503144921873ll, "2017-W33-6"},
        {"xxxx-'W'ww-e", "UTC", 1087584508447ll, "2004-W25-5"},
        {"y''y'q'", "America/New_York", -30692072571ll, "1969'1969q"},
        {"y''y'q'", "Asia/Kolkata", 314194153239ll, "1979'1979q"},
        {"y''y'q'", "UTC", 1962558216407ll, "2032'2032q"},
        {"yy-M-d h:mm a", "America/New_York", 1322607446208ll, "11-11-29 5:57 PM"},
        {"yy-M-d h:mm a", "Asia/Kolkata", 1398811963172ll, "14-4-30 4:22 AM"},
        {"yy-M-d h:mm a", "UTC", 2402649152272ll, "46-2-19 10:32 AM"},
        {"yyyy-DDD", "America/New_York", 777638675346ll, "1994-235"},
        {"yyyy-DDD", "Asia/Kolkata", 1506705154151ll, "2017-272"},
        {"yyyy-DDD", "UTC", 823758236421ll, "1996-039"},
        {"yyyy-MM-dd HH:mm:ss", "America/New_York", 2319331321407ll, "2043-06-30 22:42:01"},
        {"yyyy-MM-dd HH:mm:ss", "Asia/Kolkata", 777324957126ll, "1994-08-20 01:05:57"},
        {"yyyy-MM-dd HH:mm:ss", "UTC", -739449172142ll, "1946-07-27 13:27:07"},
        {"yyyy-MM-dd HH:mm:ss.SSS ZZZ", "America/New_York", 1988485306213ll,
         "2033-01-04 16:01:46.213 America/New_York"},
        {"yyyy-MM-dd HH:mm:ss.SSS ZZZ", "Asia/Kolkata", 245119788165ll,
         "1977-10-08 06:19:48.165 Asia/Kolkata"},
        {"yyyy-MM-dd HH:mm:ss.SSS ZZZ", "UTC", 1749171166563ll, "2025-06-06 00:52:46.563 UTC"},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "America/New_York", 2700670691155ll,
         "2055-07-31T14:18:11.155-04:00"},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "Asia/Kolkata", 1004260900677ll,
         "2001-10-28T14:51:40.677+05:30"},
        {"yyyy-MM-dd'T'HH:mm:ss.SSSZZ", "UTC", 525222990935ll, "1986-08-23T23:16:30.935+00:00"},
        {"yyyyMMddHHmmss", "America/New_York", 1667992216ll, "19700120021952"},
        {"yyyyMMddHHmmss", "Asia/Kolkata", -817999882999ll, "19440130161837"},
        {"yyyyMMddHHmmss", "UTC", 9833822116ll, "19700424193702"},
        {"yyyy 'o''clock", "UTC", 0, "1970 o'clock"}, /* the quote is never closed */
    };
    weir_arena *arena = weir_arena_new();
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const weir_time_format *format =
            weir_time_format_new(arena, weir_str_of(rows[i].format), NULL);
        weir_buf out = {0};
        weir_time_format_print(format, rows[i].ms, weir_zone_find(weir_str_of(rows[i].zone)),
                               (weir_str){0}, &out);
        assert_true(weir_str_is(weir_buf_view(&out), rows[i].want));
        weir_buf_done(&out);
    }
    weir_buf out = {0};
    weir_time_format_print(weir_time_format_new(arena, WEIR_STR("EEEE d MMMM"), NULL), 0, NULL,
                           WEIR_STR("fr"), &out);
    assert_true(weir_str_is(weir_buf_view(&out), "jeudi 1 janvier"));
    weir_buf_done(&out);
    weir_error err = {0};
    assert_null(weir_time_format_new(arena, WEIR_STR("yyyy-bb"), &err));
    assert_non_null(strstr(err.message, "component: b"));
    weir_arena_free(arena);
}

static void numbers_become_times_by_format(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    int64_t ms;
    const weir_time_format *f = weir_time_format_new(arena, WEIR_STR("POSIX"), NULL);
    assert_true(weir_time_format_long(f, 1442018818, &ms) && ms == 1442018818000);
    assert_true(weir_time_format_double(f, 1442018818.7, &ms) && ms == 1442018818000);
    f = weir_time_format_new(arena, WEIR_STR("ruby"), NULL);
    assert_true(weir_time_format_double(f, 1442018818.771, &ms) && ms == 1442018818771);
    f = weir_time_format_new(arena, WEIR_STR("auto"), NULL);
    assert_true(weir_time_format_long(f, -5, &ms) && ms == -5);
    f = weir_time_format_new(arena, WEIR_STR("yyyyMMdd"), NULL);
    assert_true(weir_time_format_long(f, 20150912, &ms) && ms == 1442016000000);
    weir_arena_free(arena);
}

static void intervals_are_read_with_periods_on_either_side(void **state)
{
    (void)state;
    weir_interval i;
    weir_error err = {0};
    assert_true(weir_interval_parse(WEIR_STR("2015-09-12/2015-09-13"), &i, &err));
    assert_true(i.start_ms == 1442016000000 && i.end_ms == 1442102400000);
    assert_true(weir_interval_parse(WEIR_STR("2015-09-12T06:00+02:00/PT2H"), &i, &err));
    assert_true(i.start_ms == 1442030400000 && i.end_ms == 1442037600000);
    assert_true(weir_interval_parse(WEIR_STR("P1M/2015-03-31"), &i, &err));
    assert_true(i.start_ms == 1425081600000);
    assert_true(weir_interval_parse(WEIR_STR("2015/2015"), &i, &err) && i.start_ms == i.end_ms);
    assert_true(weir_interval_parse(
        WEIR_STR("-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z"), &i, &err));
    assert_true(i.start_ms == weir_interval_eternity.start_ms &&
                i.end_ms == weir_interval_eternity.end_ms);
    const char *bad[] = {"2015",   "",       "/",        "2016/2015",     "P1D/P1D",
                         "2015/x", "x/2015", "2015/P1Q", "2015/2016/2017"};
    for (size_t k = 0; k < sizeof(bad) / sizeof(*bad); k++) {
        err = (weir_error){0};
        assert_false(weir_interval_parse(weir_str_of(bad[k]), &i, &err));
        assert_int_equal(err.code, WEIR_ERR_BAD_QUERY);
    }
}

static void what_is_printed_reads_back(void **state)
{
    (void)state;
    test_random r = {6};
    const char *zones[] = {"UTC", "Asia/Kathmandu", "America/New_York", "-00:30"};
    for (int i = 0; i < 100000; i++) {
        int64_t ms = (int64_t)test_next(&r) >> (test_below(&r, 40) + 1), back;
        char text[40];
        size_t size = weir_time_print(text, ms);
        assert_true(weir_time_parse_iso((weir_str){text, size}, &back) && back == ms);
        size = weir_time_print_zone(text, ms / 1000000, weir_zone_find(weir_str_of(zones[i % 4])));
        assert_true(weir_time_parse_iso((weir_str){text, size}, &back) && back == ms / 1000000);
    }
    char text[40];
    assert_int_equal(weir_time_print(text, weir_interval_eternity.start_ms), 30);
    assert_memory_equal(text, "-146136543-09-08T08:23:32.096Z", 30);
    weir_time_print(text, INT64_MIN);
    weir_time_print(text, INT64_MAX);
}

static void random_bytes_are_refused_or_read_but_never_overrun(void **state)
{
    (void)state;
    test_random r = {7};
    static const char bits[] = "0123456789-:./,+TZtW PyMdHmsS\"'\0";
    weir_arena *arena = weir_arena_new();
    const weir_time_format *formats[] = {
        weir_time_format_new(arena, WEIR_STR("auto"), NULL),
        weir_time_format_new(arena, WEIR_STR("iso"), NULL),
        weir_time_format_new(arena, WEIR_STR("yyyy-MM-dd HH:mm:ssZ"), NULL)};
    for (int i = 0; i < 200000; i++) {
        size_t size = test_below(&r, 30);
        char *text = weir_alloc(size); /* exact, so that reading beyond is seen */
        for (size_t k = 0; k < size; k++) {
            text[k] = bits[test_below(&r, sizeof(bits))];
        }
        weir_interval interval;
        weir_period period;
        int64_t ms;
        weir_time_format_parse(formats[i % 3], (weir_str){text, size}, &ms);
        weir_interval_parse((weir_str){text, size}, &interval, NULL);
        weir_period_parse((weir_str){text, size}, &period);
        free(text);
    }
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_as_druid_read_them),
        cmocka_unit_test(instants_print_by_pattern_as_joda_prints_them),
        cmocka_unit_test(numbers_become_times_by_format),
        cmocka_unit_test(intervals_are_read_with_periods_on_either_side),
        cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(random_bytes_are_refused_or_read_but_never_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
