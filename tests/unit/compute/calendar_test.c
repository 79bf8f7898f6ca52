/* tests/unit/compute/calendar_test.c - zones against ICU itself, granularities against what Druid
 * 33's PeriodGranularity (on Joda 2.12) gave, against its recorded answers, and against the laws of
 * a partition of time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>
#include "compute/calendar.h"
#include "compute/civil.h"
#include "unit/compute/vec_helper.h"

static const char *const zones[] = {
    "America/New_York",    "Europe/Paris",        "Europe/London",     "Asia/Kathmandu",
    "Asia/Kolkata",        "Australia/Lord_Howe", "Pacific/Auckland",  "America/Sao_Paulo",
    "America/Los_Angeles", "Asia/Beirut",         "America/St_Johns",  "Pacific/Apia",
    "Africa/Cairo",        "Asia/Tehran",         "Asia/Tokyo",        "Atlantic/Azores",
    "America/Havana",      "Europe/Dublin",       "Africa/Casablanca", "Antarctica/Troll",
    "Pacific/Chatham",     "America/Caracas",     "Asia/Pyongyang",    "Europe/Moscow",
    "America/Santiago",    "Asia/Gaza",           "Etc/GMT+5",         "America/Godthab",
    "Australia/Eucla",     "Pacific/Kiritimati",  "Asia/Ho_Chi_Minh",  "UTC"};
#define ZONES (sizeof(zones) / sizeof(*zones))

static void offsets_are_icus_at_random_instants_and_around_every_change(void **state)
{
    (void)state;
    test_random r = {1};
    for (size_t z = 0; z < ZONES; z++) {
        UChar id[64];
        UErrorCode status = U_ZERO_ERROR;
        u_uastrcpy(id, zones[z]);
        UCalendar *calendar = ucal_open(id, -1, "en_US", UCAL_GREGORIAN, &status);
        const weir_zone_rules *zone = weir_zone_find(weir_str_of(zones[z]));
        int64_t change = 0;
        for (int i = 0; i < 500; i++) {
            int64_t ms = (int64_t)(test_next(&r) % (170ull * 366 * 86400000)) -
                         70ll * 366 * 86400000; /* 1900 .. 2070 */
            UDate next;
            ucal_setMillis(calendar, (UDate)change, &status);
            if (i % 2 &&
                ucal_getTimeZoneTransitionDate(calendar, UCAL_TZ_TRANSITION_NEXT, &next, &status) &&
                next < 2.14e12) {
                change = (int64_t)next;
                ms = change + (int64_t)test_below(&r, 3) - 1;
            }
            ucal_setMillis(calendar, (UDate)ms, &status);
            int32_t want = ucal_get(calendar, UCAL_ZONE_OFFSET, &status) +
                           ucal_get(calendar, UCAL_DST_OFFSET, &status);
            assert_true(U_SUCCESS(status));
            if (weir_zone_offset_ms(zone, ms) != want) {
                fail_msg("%s at %lld: %d, not %d", zones[z], (long long)ms,
                         weir_zone_offset_ms(zone, ms), want);
            }
            int64_t far =
                ms + 146097ll * 86400000 * 3; /* three times 400 years on, the rules of 2070 hold */
            if (ms > 2200000000000 &&
                strcmp(zones[z], "Africa/Casablanca") != 0) { /* Morocco's are listed up to 2087 */
                assert_int_equal(weir_zone_offset_ms(zone, far), want);
            }
        }
        ucal_close(calendar);
    }
}

static void local_times_go_back_to_the_first_instant_that_shows_them(void **state)
{
    (void)state;
    test_random r = {2};
    for (size_t z = 0; z < ZONES; z++) {
        const weir_zone_rules *zone = weir_zone_find(weir_str_of(zones[z]));
        for (int i = 0; i < 2000; i++) {
            int64_t ms = (int64_t)(test_next(&r) % (70ull * 366 * 86400000)); /* 1970 .. 2040 */
            int64_t local = ms + weir_zone_offset_ms(zone, ms),
                    back = weir_zone_to_utc(zone, local);
            assert_true(back <= ms);
            assert_true(back + weir_zone_offset_ms(zone, back) == local);
            assert_true(weir_zone_to_utc_near(zone, local, ms) == ms);
        }
    }
    const weir_zone_rules *paris = weir_zone_find(WEIR_STR("Europe/Paris"));
    int64_t gap = weir_days_of(2024, 3, 31) * WEIR_DAY_MS + 9000000; /* 02:30 is skipped */
    assert_true(weir_zone_to_utc(paris, gap) == gap - 3600000);
}

static void zone_ids_are_found_or_are_utc(void **state)
{
    (void)state;
    assert_true(weir_zone_is_known(WEIR_STR("Europe/Paris")));
    assert_true(weir_zone_is_known(WEIR_STR("+05:30")));
    assert_false(weir_zone_is_known(WEIR_STR("Mars/Olympus")));
    assert_false(weir_zone_is_known(WEIR_STR("Etc/Unknown")));
    assert_false(weir_zone_is_known(WEIR_STR("")));
    assert_false(weir_zone_is_known(WEIR_STR("+5")));
    assert_false(weir_zone_is_known(WEIR_STR("Europe/Paris\0x")));
    assert_true(weir_zone_is_utc(weir_zone_find(WEIR_STR("Mars/Olympus"))));
    assert_true(weir_zone_is_utc(weir_zone_find(WEIR_STR("Etc/UTC"))));
    assert_true(weir_zone_is_utc(weir_zone_find(WEIR_STR("+00:00"))));
    assert_int_equal(weir_zone_offset_ms(weir_zone_find(WEIR_STR("-0330")), 0), -12600000);
    assert_ptr_equal(weir_zone_find(WEIR_STR("-0330")), weir_zone_find(WEIR_STR("-03:30")));
    assert_true(weir_str_is(weir_zone_id(weir_zone_find(WEIR_STR("-0330"))), "-03:30"));
}

static void periods_are_read_by_field(void **state)
{
    (void)state;
    weir_period p;
    assert_true(weir_period_parse(WEIR_STR("P1Y2M3W4DT5H6M7.089S"), &p));
    assert_true(p.years == 1 && p.months == 2 && p.weeks == 3 && p.days == 4 && p.hours == 5 &&
                p.minutes == 6 && p.seconds == 7 && p.millis == 89);
    assert_true(weir_period_parse(WEIR_STR("PT90M"), &p) && p.minutes == 90 && p.hours == 0);
    assert_true(weir_period_parse(WEIR_STR("P-1D"), &p) && p.days == -1);
    const char *bad[] = {"",      "P",     "PT",    "1D",   "P1",      "P1H",           "PT1D",
                         "P1D1Y", "P1.5D", "PTT1H", "P1D-", "P1DT-1H", "P99999999999D", "P1X"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_false(weir_period_parse(weir_str_of(bad[i]), &p));
    }
}

static void granularities_floor_as_druids(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *period;
        bool has_origin;
        int64_t origin, ms, floor, next;
    } rows[] = {
        {"Australia/Lord_Howe", "P10D", false, 0ll, 1506781800000ll, 1506778200000ll,
         1507640400000ll}, /* 2017-10-01T01:00:00.000+10:30 */
        {"Europe/London", "P10D", false, 0ll, 67557385083ll, 67392000000ll,
         68256000000ll}, /* 1972-02-21T21:56:25.083Z */
        {"Asia/Beirut", "P10D", false, 0ll, 452214000000ll, 451864800000ll,
         452725200000ll}, /* 1984-05-01T02:00:00.000+03:00 */
        {"Europe/Paris", "P10D", true, 1362096000000ll, 954028800000ll, 953424000000ll,
         954284400000ll}, /* 2000-03-26T01:00:00.000+01:00 */
        {"America/Los_Angeles", "P10D", true, 706214368969ll, 1126365013141ll, 1126118368969ll,
         1126982368969ll}, /* 2005-09-10T08:10:13.141-07:00 */
        {"Atlantic/Azores", "P10D", true, 219786285647ll, 2108592000000ll, 2108486685647ll,
         2109354285647ll}, /* 2036-10-26T00:00:00.000Z */
        {"UTC", "P1D", false, 0ll, 3166063524425ll, 3166041600000ll,
         3166128000000ll}, /* 2070-04-30T06:05:24.425Z */
        {"America/Sao_Paulo", "P1D", false, 0ll, -531086400000ll, -531090000000ll,
         -531003600000ll}, /* 1953-03-04T01:00:00.000-03:00 */
        {"Asia/Tokyo", "P1D", false, 0ll, 539910975139ll, 539881200000ll,
         539967600000ll}, /* 1987-02-10T08:16:15.139+09:00 */
        {"Pacific/Chatham", "P1D", true, 2019506465213ll, 485679600000ll, 485650865213ll,
         485737265213ll}, /* 1985-05-23T19:45:00.000+12:45 */
        {"America/Caracas", "P1D", true, 543761910734ll, 466975074357ll, 466952310734ll,
         467038710734ll}, /* 1984-10-18T15:17:54.357-04:00 */
        {"Europe/London", "P1D", true, 1923004800000ll, 1397753553221ll, 1397689200000ll,
         1397775600000ll}, /* 2014-04-17T17:52:33.221+01:00 */
        {"America/Santiago", "P1DT12H", false, 0ll, 4709843999999ll, 4709808000000ll,
         4709941200000ll}, /* 2119-04-01T22:59:59.999-03:00 */
        {"Pacific/Apia", "P1DT12H", false, 0ll, 1177059148659ll, 1176937200000ll,
         1177066800000ll}, /* 2007-04-19T21:52:28.659-11:00 */
        {"Asia/Pyongyang", "P1DT12H", false, 0ll, 1439560800000ll, 1439434800000ll,
         1439564400000ll}, /* 2015-08-14T23:00:00.000+09:00 */
        {"America/Los_Angeles", "P1DT12H", true, 42940800000ll, 73472400000ll, 73400400000ll,
         73526400000ll}, /* 1972-04-30T01:00:00.000-08:00 */
        {"America/St_Johns", "P1DT12H", true, 104544000000ll, 312790431206ll, 312681600000ll,
         312811200000ll}, /* 1979-11-30T02:43:51.206-03:30 */
        {"Pacific/Apia", "P1DT12H", true, 2816380800000ll, 92808994071ll, 92710800000ll,
         92840400000ll}, /* 1972-12-09T17:16:34.071-11:00 */
        {"Europe/Moscow", "P1M", false, 0ll, -1273895356108ll, -1275530400000ll,
         -1272852000000ll}, /* 1929-08-19T22:10:43.892+02:00 */
        {"America/Havana", "P1M", false, 0ll, 1010667600000ll, 1009861200000ll,
         1012539600000ll}, /* 2002-01-10T08:00:00.000-05:00 */
        {"Antarctica/Troll", "P1M", false, 0ll, 1901149200000ll, 1898553600000ll,
         1901224800000ll}, /* 2030-03-31T03:00:00.000+02:00 */
        {"America/Los_Angeles", "P1M", true, 1711584000000ll, 1919924999999ll, 1919376000000ll,
         1922058000000ll}, /* 2030-11-03T01:29:59.999-07:00 */
        {"Asia/Beirut", "P1M", true, 133488000000ll, 1640239907887ll, 1637884800000ll,
         1640476800000ll}, /* 2021-12-23T08:11:47.887+02:00 */
        {"America/St_Johns", "P1M", true, 4156591251628ll, 3653063504193ll, 3651756051628ll,
         3654348051628ll}, /* 2085-10-04T17:21:44.193-02:30 */
        {"Europe/Moscow", "P1M2D", false, 0ll, 1708203600000ll, 1708030800000ll,
         1710709200000ll}, /* 2024-02-18T00:00:00.000+03:00 */
        {"Asia/Tehran", "P1M2D", false, 0ll, 1746097809284ll, 1744317000000ll,
         1747081800000ll}, /* 2025-05-01T14:40:09.284+03:30 */
        {"+05:30", "P1M2D", false, 0ll, 2033096400000ll, 2030466600000ll,
         2033317800000ll}, /* 2034-06-05T10:30:00.000+05:30 */
        {"Europe/Paris", "P1M2D", true, -450489600000ll, -1698339366927ll, -1698706800000ll,
         -1695855600000ll}, /* 1916-03-08T07:03:53.073Z */
        {"Asia/Kolkata", "P1M2D", true, 1610134407837ll, 1110799415997ll, 1110569607837ll,
         1113420807837ll}, /* 2005-03-14T16:53:35.997+05:30 */
        {"America/Havana", "P1M2D", true, 1731110400000ll, 1677143636789ll, 1674777600000ll,
         1677628800000ll}, /* 2023-02-23T04:13:56.789-05:00 */
        {"America/Sao_Paulo", "P1W", false, 0ll, 689732676762ll, 689220000000ll,
         689824800000ll}, /* 1991-11-09T22:24:36.762-02:00 */
        {"Pacific/Auckland", "P1W", false, 0ll, 808303448313ll, 807710400000ll,
         808315200000ll}, /* 1995-08-13T20:44:08.313+12:00 */
        {"America/Los_Angeles", "P1W", false, 0ll, 1268557200000ll, 1268035200000ll,
         1268636400000ll}, /* 2010-03-14T01:00:00.000-08:00 */
        {"America/Sao_Paulo", "P1W", true, 815824463307ll, 1083182727311ll, 1083149663307ll,
         1083754463307ll}, /* 2004-04-28T17:05:27.311-03:00 */
        {"America/Los_Angeles", "P1W", true, 1977868800000ll, 1775945448668ll, 1775865600000ll,
         1776470400000ll}, /* 2026-04-11T15:10:48.668-07:00 */
        {"Antarctica/Troll", "P1W", true, 1654905600000ll, 1507896599769ll, 1507334400000ll,
         1507939200000ll}, /* 2017-10-13T14:09:59.769+02:00 */
        {"America/St_Johns", "P1Y", false, 0ll, 656940957107ll, 631164600000ll,
         662700600000ll}, /* 1990-10-26T09:05:57.107-02:30 */
        {"Asia/Kathmandu", "P1Y", false, 0ll, 3155716800000ll, 3124203300000ll,
         3155739300000ll}, /* 2069-12-31T17:45:00.000+05:45 */
        {"Asia/Tehran", "P1Y", false, 0ll, 1439591287942ll, 1420057800000ll,
         1451593800000ll}, /* 2015-08-15T02:58:07.942+04:30 */
        {"Pacific/Chatham", "P1Y", true, 1385942400000ll, 1685127600000ll, 1669939200000ll,
         1701475200000ll}, /* 2023-05-27T07:45:00.000+12:45 */
        {"Asia/Kathmandu", "P1Y", true, 1714754378415ll, 4938909186442ll, 4933499978415ll,
         4965035978415ll}, /* 2126-07-05T12:58:06.442+05:45 */
        {"Europe/Paris", "P1Y", true, 381542400000ll, 889693200000ll, 886464000000ll,
         918000000000ll}, /* 1998-03-12T10:00:00.000+01:00 */
        {"America/Santiago", "P1Y1M", false, 0ll, 507154886815ll, 478494000000ll,
         512712000000ll}, /* 1986-01-26T17:21:26.815-03:00 */
        {"Asia/Tehran", "P1Y1M", false, 0ll, 2714467978780ll, 2700678600000ll,
         2734979400000ll}, /* 2056-01-07T14:22:58.780+03:30 */
        {"Asia/Tehran", "P1Y1M", false, 0ll, 772376197530ll, 752099400000ll,
         786227400000ll}, /* 1994-06-23T17:26:37.530+04:30 */
        {"America/New_York", "P1Y1M", true, 2083363200000ll, 1240203600000ll, 1228694400000ll,
         1262908800000ll}, /* 2009-04-20T01:00:00.000-04:00 */
        {"Asia/Beirut", "P1Y1M", true, 1074939700257ll, 404266214105ll, 391083700257ll,
         425298100257ll}, /* 1982-10-24T02:10:14.105+02:00 */
        {"Etc/GMT+5", "P1Y1M", true, 349639792754ll, 773575200000ll, 759780592754ll,
         793994992754ll}, /* 1994-07-07T05:00:00.000-05:00 */
        {"America/New_York", "P2D", false, 0ll, 1478413799999ll, 1478318400000ll,
         1478494800000ll}, /* 2016-11-06T01:29:59.999-05:00 */
        {"America/Sao_Paulo", "P2D", false, 0ll, 389085279774ll, 388983600000ll,
         389156400000ll}, /* 1982-05-01T04:14:39.774-03:00 */
        {"UTC", "P2D", false, 0ll, -296501813806ll, -296524800000ll,
         -296352000000ll}, /* 1960-08-09T06:23:06.194Z */
        {"UTC", "P2D", true, -590544000000ll, -1951886326774ll, -1952035200000ll,
         -1951862400000ll}, /* 1908-02-24T17:21:13.226Z */
        {"America/Caracas", "P2D", true, 1184141348848ll, 1197181800000ll, 1197101348848ll,
         1197275948848ll}, /* 2007-12-09T02:30:00.000-04:00 */
        {"America/St_Johns", "P2D", true, -586310400000ll, 341382600001ll, 341280000000ll,
         341456400000ll}, /* 1980-10-26T01:00:00.001-03:30 */
        {"Europe/Dublin", "P2M", false, 0ll, 1099186199999ll, 1093993200000ll,
         1099267200000ll}, /* 2004-10-31T01:29:59.999Z */
        {"Europe/Moscow", "P2M", false, 0ll, 1099173600000ll, 1093982400000ll,
         1099256400000ll}, /* 2004-10-31T02:00:00.000+04:00 */
        {"Australia/Lord_Howe", "P2M", false, 0ll, 2022637158779ll, 2019646800000ll,
         2024744400000ll}, /* 2034-02-04T14:39:18.779+11:00 */
        {"Asia/Tehran", "P2M", true, 4436775294401ll, 495103532815ll, 492183294401ll,
         497453694401ll}, /* 1985-09-09T12:15:32.815+03:30 */
        {"Australia/Lord_Howe", "P2M", true, 1190399820467ll, 1316264400000ll, 1311273420467ll,
         1316630220467ll}, /* 2011-09-17T23:30:00.000+10:30 */
        {"America/New_York", "P2M", true, 1217808000000ll, 1211095386740ll, 1207267200000ll,
         1212537600000ll}, /* 2008-05-18T03:23:06.740-04:00 */
        {"UTC", "P2W", false, 0ll, 1046163600000ll, 1045094400000ll,
         1046304000000ll}, /* 2003-02-25T09:00:00.000Z */
        {"America/St_Johns", "P2W", false, 0ll, 1250046409800ll, 1249525800000ll,
         1250735400000ll}, /* 2009-08-12T00:36:49.800-02:30 */
        {"-03:00", "P2W", false, 0ll, 477627634985ll, 476593200000ll,
         477802800000ll}, /* 1985-02-18T23:20:34.985-03:00 */
        {"UTC", "P2W", true, 522374400000ll, 155567383429ll, 154656000000ll,
         155865600000ll}, /* 1974-12-06T13:09:43.429Z */
        {"-03:00", "P2W", true, 3827174400000ll, -471708325708ll, -471744000000ll,
         -470534400000ll}, /* 1955-01-20T06:54:34.292-03:00 */
        {"America/St_Johns", "P2W", true, 211326137203ll, 3658467626802ll, 3657480137203ll,
         3658689737203ll}, /* 2085-12-06T05:30:26.802-03:30 */
        {"America/Caracas", "P2Y", false, 0ll, 588294000000ll, 568008000000ll,
         631166400000ll}, /* 1988-08-22T19:00:00.000-04:00 */
        {"America/Los_Angeles", "P2Y", false, 0ll, 4409951253985ll, 4354848000000ll,
         4418006400000ll}, /* 2109-09-29T19:27:33.985-07:00 */
        {"Pacific/Chatham", "P2Y", false, 0ll, 1045641600000ll, 1009793700000ll,
         1072865700000ll}, /* 2003-02-19T21:45:00.000+13:45 */
        {"Pacific/Chatham", "P2Y", true, 1789603200000ll, 1902051494365ll, 1852761600000ll,
         1915833600000ll}, /* 2030-04-11T00:23:14.365+12:45 */
        {"America/Caracas", "P2Y", true, 2792361600000ll, 2517486903080ll, 2476828800000ll,
         2539900800000ll}, /* 2049-10-10T09:55:03.080-04:00 */
        {"+05:30", "P2Y", true, 336182400000ll, 1788621816161ll, 1787788800000ll,
         1850947200000ll}, /* 2026-09-05T20:53:36.161+05:30 */
        {"America/Caracas", "P3M", false, 0ll, 1228885244625ll, 1222835400000ll,
         1230784200000ll}, /* 2008-12-10T00:30:44.625-04:30 */
        {"Etc/GMT+5", "P3M", false, 0ll, 327524400000ll, 323413200000ll,
         331275600000ll}, /* 1980-05-18T14:00:00.000-05:00 */
        {"America/Santiago", "P3M", false, 0ll, 1931331600000ll, 1925002800000ll,
         1932778800000ll}, /* 2031-03-15T06:00:00.000-03:00 */
        {"Pacific/Auckland", "P3M", true, 1494768677858ll, 2089091020809ll, 2086605077858ll,
         2094384677858ll}, /* 2036-03-14T20:03:40.809+13:00 */
        {"Asia/Beirut", "P3M", true, 1303257600000ll, 780436800001ll, 774662400000ll,
         782614800000ll}, /* 1994-09-24T23:00:00.001+03:00 */
        {"Pacific/Auckland", "P3M", true, 1138595723620ll, 718120799999ll, 712474523620ll,
         720419723620ll}, /* 1992-10-04T01:59:59.999+12:00 */
        {"-03:00", "P7D", false, 0ll, -230641869194ll, -231022800000ll,
         -230418000000ll}, /* 1962-09-10T09:48:50.806-03:00 */
        {"Europe/Dublin", "P7D", false, 0ll, -1875075672080ll, -1875483279000ll,
         -1874878479000ll}, /* 1910-08-01T17:13:26.920-00:25:21 */
        {"Pacific/Chatham", "P7D", false, 0ll, 983998854007ll, 983960100000ll,
         984564900000ll}, /* 2001-03-08T10:45:54.007+13:45 */
        {"Pacific/Apia", "P7D", true, 1278374400000ll, 1285502399999ll, 1285027200000ll,
         1285628400000ll}, /* 2010-09-26T01:59:59.999-10:00 */
        {"Asia/Tokyo", "P7D", true, 2107669025316ll, -1389658220084ll, -1389889374684ll,
         -1389284574684ll}, /* 1925-12-19T08:49:39.916+09:00 */
        {"Atlantic/Azores", "P7D", true, 612921600000ll, 1325525267994ll, 1325379600000ll,
         1325984400000ll}, /* 2012-01-02T16:27:47.994-01:00 */
        {"America/Sao_Paulo", "PT12H", false, 0ll, 499744799999ll, 499705200000ll,
         499748400000ll}, /* 1985-11-01T22:59:59.999-03:00 */
        {"Europe/Moscow", "PT12H", false, 0ll, 1172768488207ll, 1172739600000ll,
         1172782800000ll}, /* 2007-03-01T20:01:28.207+03:00 */
        {"Pacific/Auckland", "PT12H", false, 0ll, 858434399999ll, 858427200000ll,
         858470400000ll}, /* 1997-03-16T02:59:59.999+13:00 */
        {"Europe/London", "PT12H", true, 1076297810441ll, 402937048949ll, 402896210441ll,
         402939410441ll}, /* 1982-10-08T15:57:28.949+01:00 */
        {"Asia/Tehran", "PT12H", true, 1731283200000ll, 388000800000ll, 387979200000ll,
         388022400000ll}, /* 1982-04-18T21:30:00.000+03:30 */
        {"Europe/London", "PT12H", true, 1261065706400ll, 3077685106750ll, 3077668906400ll,
         3077712106400ll}, /* 2067-07-12T09:31:46.750+01:00 */
        {"Asia/Kolkata", "PT15M", false, 0ll, 3469455509059ll, 3469455000000ll,
         3469455900000ll}, /* 2079-12-10T23:08:29.059+05:30 */
        {"Pacific/Chatham", "PT15M", false, 0ll, 1158544229592ll, 1158543900000ll,
         1158544800000ll}, /* 2006-09-18T14:35:29.592+12:45 */
        {"America/Santiago", "PT15M", false, 0ll, 1030760976045ll, 1030760100000ll,
         1030761000000ll}, /* 2002-08-30T22:29:36.045-04:00 */
        {"Asia/Kathmandu", "PT15M", true, 1877718499771ll, 297342000000ll, 297341899771ll,
         297342799771ll}, /* 1979-06-04T16:30:00.000+05:30 */
        {"-03:00", "PT15M", true, 886204800000ll, -1789327560863ll, -1789327800000ll,
         -1789326900000ll}, /* 1913-04-20T01:33:59.137-03:00 */
        {"UTC", "PT15M", true, 10627200000ll, 1790896134598ll, 1790895600000ll,
         1790896500000ll}, /* 2026-10-01T23:08:54.598Z */
        {"Europe/Moscow", "PT1H", false, 0ll, 145533256248ll, 145530000000ll,
         145533600000ll}, /* 1974-08-12T12:54:16.248+03:00 */
        {"Europe/London", "PT1H", false, 0ll, 2006562112937ll, 2006560800000ll,
         2006564400000ll}, /* 2033-08-02T03:21:52.937+01:00 */
        {"Asia/Tehran", "PT1H", false, 0ll, 3368267531217ll, 3368266200000ll,
         3368269800000ll}, /* 2076-09-25T17:22:11.217+03:30 */
        {"UTC", "PT1H", true, 238937439875ll, 436579200000ll, 436577439875ll,
         436581039875ll}, /* 1983-11-02T00:00:00.000Z */
        {"Asia/Tehran", "PT1H", true, 1817311015078ll, 1111433399999ll, 1111430215078ll,
         1111433815078ll}, /* 2005-03-21T22:59:59.999+03:30 */
        {"Asia/Tokyo", "PT1H", true, 739266960464ll, 614153505864ll, 614152560464ll,
         614156160464ll}, /* 1989-06-18T15:11:45.864+09:00 */
        {"America/Havana", "PT1H30M", false, 0ll, 1197417600000ll, 1197414000000ll,
         1197419400000ll}, /* 2007-12-11T19:00:00.000-05:00 */
        {"Antarctica/Troll", "PT1H30M", false, 0ll, 1108170000000ll, 1108166400000ll,
         1108171800000ll}, /* 2005-02-12T01:00:00.000Z */
        {"Australia/Lord_Howe", "PT1H30M", false, 0ll, 447174000000ll, 447170400000ll,
         447175800000ll}, /* 1984-03-04T01:30:00.000+10:30 */
        {"Asia/Kolkata", "PT1H30M", true, 2825884800000ll, -57236078678ll, -57240000000ll,
         -57234600000ll}, /* 1968-03-09T18:35:21.322+05:30 */
        {"Asia/Kolkata", "PT1H30M", true, 1353000932312ll, 1615739132790ll, 1615737932312ll,
         1615743332312ll}, /* 2021-03-14T21:55:32.790+05:30 */
        {"Asia/Kolkata", "PT1H30M", true, 796344785605ll, 41800443354ll, 41797385605ll,
         41802785605ll}, /* 1971-04-30T00:44:03.354+05:30 */
        {"America/Sao_Paulo", "PT1M", false, 0ll, 2082739624116ll, 2082739620000ll,
         2082739680000ll}, /* 2035-12-31T15:47:04.116-03:00 */
        {"Antarctica/Troll", "PT1M", false, 0ll, 769400228242ll, 769400220000ll,
         769400280000ll}, /* 1994-05-20T02:17:08.242Z */
        {"-03:00", "PT1M", false, 0ll, 203120976725ll, 203120940000ll,
         203121000000ll}, /* 1976-06-08T19:29:36.725-03:00 */
        {"Etc/GMT+5", "PT1M", true, 1494633600000ll, 1195011487554ll, 1195011480000ll,
         1195011540000ll}, /* 2007-11-13T22:38:07.554-05:00 */
        {"Atlantic/Azores", "PT1M", true, 801723999265ll, -632095200000ll, -632095220735ll,
         -632095160735ll}, /* 1949-12-21T00:00:00.000-02:00 */
        {"Asia/Kolkata", "PT1M", true, 34732800000ll, 464554800000ll, 464554800000ll,
         464554860000ll}, /* 1984-09-21T00:30:00.000+05:30 */
        {"Europe/Paris", "PT1S", false, 0ll, -589205537764ll, -589205538000ll,
         -589205537000ll}, /* 1951-05-01T12:47:42.236+01:00 */
        {"Etc/GMT+5", "PT1S", false, 0ll, 1355850247303ll, 1355850247000ll,
         1355850248000ll}, /* 2012-12-18T12:04:07.303-05:00 */
        {"America/Los_Angeles", "PT1S", false, 0ll, 688550400000ll, 688550400000ll,
         688550401000ll}, /* 1991-10-27T01:00:00.000-07:00 */
        {"America/Santiago", "PT1S", true, 1038009600000ll, 37765799999ll, 37765799000ll,
         37765800000ll}, /* 1971-03-13T23:29:59.999-03:00 */
        {"America/Santiago", "PT1S", true, 941760000000ll, 853860792805ll, 853860792000ll,
         853860793000ll}, /* 1997-01-21T12:33:12.805-03:00 */
        {"America/St_Johns", "PT1S", true, 503342815530ll, 2097574167537ll, 2097574167530ll,
         2097574168530ll}, /* 2036-06-20T08:59:27.537-02:30 */
        {"America/Caracas", "PT2H", false, 0ll, 233546400000ll, 233546400000ll,
         233553600000ll}, /* 1977-05-26T22:00:00.000-04:00 */
        {"Pacific/Apia", "PT2H", false, 0ll, 2058044466263ll, 2058044400000ll,
         2058051600000ll}, /* 2035-03-21T12:01:06.263+13:00 */
        {"America/Caracas", "PT2H", false, 0ll, 2137716000000ll, 2137716000000ll,
         2137723200000ll}, /* 2037-09-27T22:00:00.000-04:00 */
        {"Etc/GMT+5", "PT2H", true, 1912809600000ll, 1345665600000ll, 1345665600000ll,
         1345672800000ll}, /* 2012-08-22T15:00:00.000-05:00 */
        {"America/Caracas", "PT2H", true, 3103488000000ll, 4659938561718ll, 4659933600000ll,
         4659940800000ll}, /* 2117-09-01T07:22:41.718-04:00 */
        {"Asia/Kathmandu", "PT2H", true, 1806624000000ll, 1186802406988ll, 1186797600000ll,
         1186804800000ll}, /* 2007-08-11T09:05:06.988+05:45 */
        {"Pacific/Auckland", "PT30M", false, 0ll, 2579090400000ll, 2579090400000ll,
         2579092200000ll}, /* 2051-09-24T03:00:00.000+13:00 */
        {"America/Sao_Paulo", "PT30M", false, 0ll, 1059692400000ll, 1059692400000ll,
         1059694200000ll}, /* 2003-07-31T20:00:00.000-03:00 */
        {"Etc/GMT+5", "PT30M", false, 0ll, 678398400000ll, 678398400000ll,
         678400200000ll}, /* 1991-07-01T15:00:00.000-05:00 */
        {"America/Caracas", "PT30M", true, 1145750400000ll, 2032054163768ll, 2032052400000ll,
         2032054200000ll}, /* 2034-05-23T23:29:23.768-04:00 */
        {"America/Sao_Paulo", "PT30M", true, 198460800000ll, 499744800000ll, 499744800000ll,
         499746600000ll}, /* 1985-11-01T23:00:00.000-03:00 */
        {"-03:00", "PT30M", true, 1726617600000ll, 1664976244903ll, 1664974800000ll,
         1664976600000ll}, /* 2022-10-05T10:24:04.903-03:00 */
        {"Asia/Tehran", "PT5S", false, 0ll, 4202841488210ll, 4202841485000ll,
         4202841490000ll}, /* 2103-03-09T03:28:08.210+03:30 */
        {"-03:00", "PT5S", false, 0ll, -1878735600000ll, -1878735600000ll,
         -1878735595000ll}, /* 1910-06-20T06:00:00.000-03:00 */
        {"+05:30", "PT5S", false, 0ll, 1271872678611ll, 1271872675000ll,
         1271872680000ll}, /* 2010-04-21T23:27:58.611+05:30 */
        {"Antarctica/Troll", "PT5S", true, 2226078741169ll, 4867084800001ll, 4867084796169ll,
         4867084801169ll}, /* 2124-03-26T00:00:00.001Z */
        {"America/New_York", "PT5S", true, 1536065819686ll, 4013739000000ll, 4013738999686ll,
         4013739004686ll}, /* 2097-03-10T03:30:00.000-04:00 */
        {"+05:30", "PT5S", true, 336614400000ll, 681583344949ll, 681583340000ll,
         681583345000ll}, /* 1991-08-07T22:12:24.949+05:30 */
        {"America/Caracas", "PT6H", false, 0ll, 1462086000000ll, 1462075200000ll,
         1462096800000ll}, /* 2016-05-01T03:00:00.000-04:00 */
        {"Pacific/Auckland", "PT6H", false, 0ll, 1348925399999ll, 1348920000000ll,
         1348941600000ll}, /* 2012-09-30T01:29:59.999+12:00 */
        {"Asia/Tehran", "PT6H", false, 0ll, 422878202821ll, 422872200000ll,
         422893800000ll}, /* 1983-05-27T13:40:02.821+03:30 */
        {"America/St_Johns", "PT6H", true, 1195619530468ll, 1131940800000ll, 1131921130468ll,
         1131942730468ll}, /* 2005-11-14T00:30:00.000-03:30 */
        {"UTC", "PT6H", true, 848966400000ll, 1550680533058ll, 1550664000000ll,
         1550685600000ll}, /* 2019-02-20T16:35:33.058Z */
        {"Europe/Dublin", "PT7M", false, 0ll, 1729992600000ll, 1729992360000ll,
         1729992780000ll}, /* 2024-10-27T01:30:00.000Z */
        {"Pacific/Auckland", "PT7M", false, 0ll, 194970600001ll, 194970360000ll,
         194970780000ll}, /* 1976-03-07T02:30:00.001+12:00 */
        {"Pacific/Apia", "PT7M", false, 0ll, 1285502399999ll, 1285502100000ll,
         1285502520000ll}, /* 2010-09-26T01:59:59.999-10:00 */
        {"Asia/Pyongyang", "PT7M", true, 1697170807185ll, 1594038708523ll, 1594038547185ll,
         1594038967185ll}, /* 2020-07-06T21:31:48.523+09:00 */
        {"Asia/Pyongyang", "PT7M", true, 4390416000000ll, 1439562600000ll, 1439562360000ll,
         1439562780000ll}, /* 2015-08-14T23:30:00.000+09:00 */
        {"America/Santiago", "PT7M", true, 327801600000ll, 595915200000ll, 595914900000ll,
         595915320000ll}, /* 1988-11-19T01:00:00.000-03:00 */
        {"+05:30", "PT8H", false, 0ll, 1204551251390ll, 1204540200000ll,
         1204569000000ll}, /* 2008-03-03T19:04:11.390+05:30 */
        {"Asia/Tehran", "PT8H", false, 0ll, 110346672559ll, 110320200000ll,
         110349000000ll}, /* 1973-07-01T07:21:12.559+03:30 */
        {"Asia/Tehran", "PT8H", false, 0ll, 227818800001ll, 227795400000ll,
         227824200000ll}, /* 1977-03-21T22:30:00.001+03:30 */
        {"America/Caracas", "PT8H", true, 4932185342833ll, -1743275899765ll, -1743280257167ll,
         -1743251457167ll}, /* 1914-10-05T00:11:40.235-04:30 */
        {"Pacific/Auckland", "PT8H", true, 874184138135ll, 2062871766896ll, 2062846538135ll,
         2062875338135ll}, /* 2035-05-16T07:56:06.896+12:00 */
        {"Australia/Lord_Howe", "PT8H", true, 728420024442ll, 1238860800000ll, 1238842424442ll,
         1238871224442ll}, /* 2009-04-05T02:30:00.000+10:30 */
        {"Europe/London", "PT90M", false, 0ll, 753183009439ll, 753183000000ll,
         753188400000ll}, /* 1993-11-13T09:30:09.439Z */
        {"Asia/Tehran", "PT90M", false, 0ll, 2036083713134ll, 2036079000000ll,
         2036084400000ll}, /* 2034-07-09T22:18:33.134+03:30 */
        {"America/Sao_Paulo", "PT90M", false, 0ll, 897710400000ll, 897706800000ll,
         897712200000ll}, /* 1998-06-13T01:00:00.000-03:00 */
        {"America/New_York", "PT90M", true, 1665273600000ll, 1004248800001ll, 1004248800000ll,
         1004254200000ll}, /* 2001-10-28T01:00:00.001-05:00 */
        {"+05:30", "PT90M", true, 610564387315ll, 3413916960860ll, 3413914987315ll,
         3413920387315ll}, /* 2078-03-08T03:46:00.860+05:30 */
        {"Asia/Tokyo", "PT90M", true, 1682063175497ll, 1004778000000ll, 1004773575497ll,
         1004778975497ll}, /* 2001-11-03T18:00:00.000+09:00 */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        weir_granularity g;
        assert_true(weir_granularity_period(weir_str_of(rows[i].period), weir_str_of(rows[i].zone),
                                            rows[i].has_origin ? &rows[i].origin : NULL, &g, NULL));
        if (weir_granularity_floor(&g, rows[i].ms) != rows[i].floor ||
            weir_granularity_next(&g, rows[i].floor) != rows[i].next) {
            fail_msg("%s in %s at %lld: floor %lld, next %lld", rows[i].period, rows[i].zone,
                     (long long)rows[i].ms, (long long)weir_granularity_floor(&g, rows[i].ms),
                     (long long)weir_granularity_next(&g, rows[i].floor));
        }
    }
}

static int64_t at(const char *iso)
{
    int64_t ms;
    assert_true(weir_time_parse_iso(weir_str_of(iso), &ms));
    return ms;
}

/* Bucket starts in Druid's recorded answers. */
static void buckets_are_those_of_the_recorded_answers(void **state)
{
    (void)state;
    static const struct {
        const char *period, *zone, *origin, *inside, *start;
    } rows[] = {
        {"P1D", "Europe/Paris", NULL, "2024-03-31T05:00Z", "2024-03-31T00:00:00.000+01:00"},
        {"P1W", "America/Los_Angeles", NULL, "2024-03-10T23:00Z", "2024-03-04T00:00:00.000-08:00"},
        {"P1Y", "Pacific/Auckland", NULL, "2024-03-09", "2024-01-01T00:00:00.000+13:00"},
        {"P2D", "Europe/Paris", "2024-03-30T12:00:00Z", "2024-04-01T12:00Z",
         "2024-04-01T13:00:00.000+02:00"},
        {"P1DT12H", NULL, "2024-03-09T00:00:00Z", "2024-03-31T23:00Z", "2024-03-31T12:00:00.000Z"},
        {"P2W", NULL, NULL, "2024-03-09", "2024-02-29T00:00:00.000Z"},
        {"PT30M", "Asia/Kathmandu", NULL, "2024-03-09T00:10Z", "2024-03-09T05:45:00.000+05:45"},
        {"PT12H", "America/New_York", "2024-03-10T00:00:00-05:00", "2024-03-10T18:00Z",
         "2024-03-10T13:00:00.000-04:00"},
        {"P2M", "America/New_York", NULL, "2024-04-01", "2024-03-01T00:00:00.000-05:00"},
        {"PT6H", "Europe/Paris", NULL, "2024-03-09T00:00Z", "2024-03-09T00:00:00.000+01:00"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        weir_granularity g;
        int64_t origin = rows[i].origin ? at(rows[i].origin) : 0;
        weir_str zone = rows[i].zone ? weir_str_of(rows[i].zone) : (weir_str){0};
        char text[40];
        assert_true(weir_granularity_period(weir_str_of(rows[i].period), zone,
                                            rows[i].origin ? &origin : NULL, &g, NULL));
        size_t size =
            weir_time_print_zone(text, weir_granularity_floor(&g, at(rows[i].inside)), g.zone);
        assert_true(weir_str_is((weir_str){text, size}, rows[i].start));
    }
}

static void every_granularity_cuts_time_without_gaps(void **state)
{
    (void)state;
    static const char *const periods[] = {"P1Y",     "P1M",   "P3M",  "P1W",   "P1D",  "PT1H",
                                          "PT1M",    "PT15M", "PT6H", "P2D",   "P2W",  "PT90M",
                                          "P1DT12H", "P1M2D", "PT7M", "P1Y1M", "P10D", "P2Y"};
    test_random r = {4};
    weir_scratch s = {0};
    for (size_t z = 0; z < ZONES; z++) {
        for (size_t p = 0; p < sizeof(periods) / sizeof(*periods); p++) {
            weir_granularity g;
            int64_t origin = (int64_t)(test_next(&r) % 2000000000000ull);
            assert_true(weir_granularity_period(weir_str_of(periods[p]), weir_str_of(zones[z]),
                                                z % 3 ? NULL : &origin, &g, NULL));
            for (int i = 0; i < 12; i++) {
                int64_t ms = (int64_t)(test_next(&r) % 2100000000000ull);
                int64_t start = weir_granularity_floor(&g, ms),
                        next = weir_granularity_next(&g, start);
                bool ok = start <= ms && ms < next && weir_granularity_floor(&g, start) == start &&
                          weir_granularity_floor(&g, next - 1) == start &&
                          weir_granularity_floor(&g, next) == next;
                if (!ok) {
                    fail_msg("%s in %s at %lld: [%lld, %lld)", periods[p], zones[z], (long long)ms,
                             (long long)start, (long long)next);
                }
            }
            enum { ROWS = 300 };
            int64_t times[ROWS], floors[ROWS], base = (int64_t)(test_next(&r) % 2000000000000ull);
            uint64_t width = (1ull << test_below(&r, 38)) + 1;
            for (int i = 0; i < ROWS; i++) {
                times[i] = base + (int64_t)(test_next(&r) % width) +
                           (z % 2 ? (int64_t)(width * (uint64_t)i) : 0);
            }
            weir_granularity_floor_many(&g, times, ROWS, floors, &s);
            for (int i = 0; i < ROWS; i++) {
                assert_true(floors[i] == weir_granularity_floor(&g, times[i]));
            }
        }
    }
    weir_scratch_done(&s);
}

static void fixed_widths_floor_the_same_one_by_one_and_many_at_once(void **state)
{
    (void)state;
    test_random r = {5};
    weir_scratch s = {0};
    for (int round = 0; round < 400; round++) {
        weir_granularity g;
        int64_t width = 1 + (int64_t)(test_next(&r) >> (24 + test_below(&r, 38)));
        weir_granularity_duration(width, (int64_t)test_next(&r) >> 20, &g);
        int64_t times[64], floors[64], base = (int64_t)test_next(&r) >> (test_below(&r, 30) + 1);
        int64_t spread = (int64_t)(test_next(&r) >> (20 + test_below(&r, 40))) + 1;
        for (int i = 0; i < 64; i++) {
            times[i] = base + (int64_t)(test_next(&r) % (uint64_t)spread);
        }
        weir_granularity_floor_many(&g, times, 64, floors, &s);
        for (int i = 0; i < 64; i++) {
            int64_t want = weir_granularity_floor(&g, times[i]);
            assert_true(floors[i] == want && want <= times[i] && times[i] - want < width);
            assert_true((__int128)want % width == (__int128)g.origin_ms % width ||
                        ((__int128)want - g.origin_ms) % width == 0);
        }
    }
    weir_scratch_done(&s);
}

static void buckets_are_listed_up_to_a_capacity(void **state)
{
    (void)state;
    weir_granularity g;
    int64_t out[4];
    assert_true(weir_granularity_simple(WEIR_STR("month"), &g));
    assert_int_equal(
        weir_granularity_buckets(&g, at("2015-01-31"), at("2015-03-01T00:00:00.001"), out, 4), 3);
    assert_true(out[0] == at("2015-01") && out[2] == at("2015-03"));
    assert_int_equal(weir_granularity_buckets(&g, at("2015-01-01"), at("2015-02-01"), out, 4), 1);
    assert_int_equal(weir_granularity_buckets(&g, at("2015"), at("2016"), out, 4), 12);
    assert_int_equal(weir_granularity_buckets(&g, 5, 5, out, 4), 0);
    assert_true(weir_granularity_simple(WEIR_STR("ALL"), &g));
    assert_int_equal(weir_granularity_buckets(&g, 0, 5, out, 4), 1);
    assert_true(weir_granularity_simple(WEIR_STR("fifteen_minute"), &g) && g.duration_ms == 900000);
    assert_int_equal(weir_granularity_buckets(&g, 0, 3600000, out, 4), 4);
    assert_false(weir_granularity_simple(WEIR_STR("fortnight"), &g));
    assert_true(weir_granularity_simple(WEIR_STR("Week"), &g));
    assert_true(weir_granularity_floor(&g, at("2015-09-13")) == at("2015-09-07"));
    weir_error err = {0};
    assert_false(weir_granularity_period(WEIR_STR("P0D"), (weir_str){0}, NULL, &g, &err));
    assert_false(weir_granularity_period(WEIR_STR("P1Q"), (weir_str){0}, NULL, &g, &err));
    assert_non_null(strstr(err.message, "P1Q"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_icus_at_random_instants_and_around_every_change),
        cmocka_unit_test(local_times_go_back_to_the_first_instant_that_shows_them),
        cmocka_unit_test(zone_ids_are_found_or_are_utc),
        cmocka_unit_test(periods_are_read_by_field),
        cmocka_unit_test(granularities_floor_as_druids),
        cmocka_unit_test(buckets_are_those_of_the_recorded_answers),
        cmocka_unit_test(every_granularity_cuts_time_without_gaps),
        cmocka_unit_test(fixed_widths_floor_the_same_one_by_one_and_many_at_once),
        cmocka_unit_test(buckets_are_listed_up_to_a_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
