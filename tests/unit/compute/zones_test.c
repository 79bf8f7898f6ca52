/* tests/unit/compute/zones_test.c - every change of every zone that ICU knows, 1970 to 2037:
 * offsets are ICU's, and buckets of hours, days, weeks, months, quarters and years begin where the
 * zone's own clocks and dates say. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unicode/ucal.h>
#include <unicode/uenum.h>
#include <unicode/ustring.h>
#include "compute/calendar.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define END INT64_C(2145916800000) /* 2038 */
#define MAX_CHANGES 400

typedef struct icu_zone { /* offsets[i] holds from changes[i] */
    char id[64];
    uint32_t count;
    int64_t changes[MAX_CHANGES], offsets[MAX_CHANGES];
} icu_zone;

static void read_zone(const UChar *id, icu_zone *out)
{
    UErrorCode status = U_ZERO_ERROR;
    UCalendar *calendar = ucal_open(id, -1, "en_US", UCAL_GREGORIAN, &status);
    int64_t at = -400 * DAY;
    UDate next;
    u_austrncpy(out->id, id, sizeof(out->id) - 1);
    out->count = 0;
    for (bool more = true; more && at < END;) {
        assert_true(out->count < MAX_CHANGES);
        ucal_setMillis(calendar, (UDate)at, &status);
        out->changes[out->count] = at;
        out->offsets[out->count++] = ucal_get(calendar, UCAL_ZONE_OFFSET, &status) +
                                     ucal_get(calendar, UCAL_DST_OFFSET, &status);
        more = ucal_getTimeZoneTransitionDate(calendar, UCAL_TZ_TRANSITION_NEXT, &next, &status);
        at = more ? (int64_t)next : END;
    }
    assert_true(U_SUCCESS(status));
    ucal_close(calendar);
}

static int64_t offset_at(const icu_zone *zone, int64_t ms)
{
    uint32_t i = zone->count - 1;
    while (i > 0 && zone->changes[i] > ms) {
        i--;
    }
    return zone->offsets[i];
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t local_at(const icu_zone *zone, int64_t ms)
{
    return ms + offset_at(zone, ms);
}

static int64_t days_in_months(int year, int from, int count)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int64_t sum = 0;
    for (int m = from; m < from + count; m++) {
        sum += days[m] + (m == 1 && leap);
    }
    return sum;
}

/* The first day of the bucket that holds a day. */
static int64_t first_day(const char *period, int64_t day)
{
    if (strcmp(period, "P1W") == 0) {
        return day - (((day + 3) % 7) + 7) % 7; /* 1970-01-01 was a Thursday */
    }
    if (strcmp(period, "P1D") == 0) {
        return day;
    }
    int64_t start = 0; /* 1970-01-01; month by month from there */
    int year = 1970, month = 0,
        months = strcmp(period, "P1Y") == 0   ? 12
                 : strcmp(period, "P3M") == 0 ? 3
                                              : 1;
    while (day < start) {
        start -= days_in_months(--year, 0, 12);
    }
    while (start + days_in_months(year, month, months) <= day) {
        start += days_in_months(year, month, months);
        month += months;
        year += month / 12;
        month %= 12;
    }
    return start;
}

static _Noreturn void differ(const icu_zone *zone, const char *period, int64_t ms, int64_t start,
                             const char *what)
{
    fail_msg("%s, %s of %lld: %lld %s", zone->id, period, (long long)ms, (long long)start, what);
    abort();
}

/* Whether clocks went back over midnight within a day of `ms`: a date comes twice then, and its
 * first part is in the next date's bucket or not as Joda has it. */
static bool date_comes_twice(const icu_zone *zone, int64_t ms)
{
    for (uint32_t c = 1; c < zone->count; c++) {
        int64_t at = zone->changes[c];
        if (at > ms - 2 * DAY && at < ms + 2 * DAY &&
            floor_div(at - 1 + zone->offsets[c - 1], DAY) > floor_div(at + zone->offsets[c], DAY)) {
            return true;
        }
    }
    return false;
}

/* A bucket of days begins at local midnight of its first day; where clocks jump over midnight, at
 * the first instant of that day. */
static void check_days(const icu_zone *zone, const char *period, const weir_granularity *gran,
                       int64_t ms)
{
    int64_t start = weir_granularity_floor(gran, ms), next = weir_granularity_next(gran, start);
    int64_t local = local_at(zone, start), day = floor_div(local, DAY);
    int64_t want = first_day(period, floor_div(local_at(zone, ms), DAY));
    if (start < zone->changes[0] || date_comes_twice(zone, ms)) {
        return;
    }
    if (start > ms || next <= ms) {
        differ(zone, period, ms, start, "does not hold it");
    }
    if (day != want) {
        differ(zone, period, ms, start, "is another day");
    }
    if (local % DAY != 0 && floor_div(local_at(zone, start - 1), DAY) >= day) {
        differ(zone, period, ms, start, "is no beginning of a day");
    }
}

static void check_hour(const icu_zone *zone, const weir_granularity *gran, int64_t ms)
{
    int64_t start = weir_granularity_floor(gran, ms);
    if (start > ms || ms - start >= HOUR || (start + offset_at(zone, ms)) % HOUR != 0) {
        differ(zone, "PT1H", ms, start, "is no full hour before it");
    }
}

/* Whether clocks showed 1970-01-01T00:00; from there quarters are counted, in Druid too. */
static bool showed_epoch(const icu_zone *zone)
{
    for (uint32_t i = 0; i < zone->count && zone->changes[i] < 2 * DAY; i++) {
        if (local_at(zone, -zone->offsets[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void check_zone(const icu_zone *icu)
{
    static const char *const periods[] = {"P1D", "P1W", "P1M", "P3M", "P1Y"};
    static const int64_t around[] = {-DAY, -HOUR, -1, 0, 1, 30 * 60000, HOUR, DAY};
    const weir_zone_rules *zone = weir_zone_find(weir_str_of(icu->id));
    weir_granularity hours, days[5];
    weir_error err = {0};
    weir_str id = weir_str_of(icu->id);
    bool quarters = showed_epoch(icu);
    assert_true(weir_zone_is_known(id));
    assert_true(weir_granularity_period(WEIR_STR("PT1H"), id, NULL, &hours, &err));
    for (int p = 0; p < 5; p++) {
        assert_true(weir_granularity_period(weir_str_of(periods[p]), id, NULL, &days[p], &err));
    }
    for (uint32_t c = 1; c < icu->count; c++) {
        for (size_t k = 0; k < sizeof(around) / sizeof(*around); k++) {
            int64_t ms = icu->changes[c] + around[k];
            if (weir_zone_offset_ms(zone, ms) != offset_at(icu, ms)) {
                differ(icu, "offset", ms, weir_zone_offset_ms(zone, ms), "is not ICU's");
            }
            check_hour(icu, &hours, ms);
            for (int p = 0; p < 5; p++) {
                if (strcmp(periods[p], "P3M") == 0 && !quarters) {
                    continue;
                }
                check_days(icu, periods[p], &days[p], ms);
            }
        }
    }
}

static void buckets_begin_where_clocks_and_dates_say_at_every_change_of_every_zone(void **state)
{
    (void)state;
    UErrorCode status = U_ZERO_ERROR;
    UEnumeration *ids = ucal_openTimeZones(&status);
    icu_zone zone;
    int32_t size, count = 0;
    for (const UChar *id; (id = uenum_unext(ids, &size, &status)) != NULL;) {
        if (size < (int32_t)sizeof(zone.id) && u_strchr(id, '/')) { /* the rest are aliases */
            read_zone(id, &zone);
            check_zone(&zone);
            count++;
        }
    }
    uenum_close(ids);
    assert_true(U_SUCCESS(status) && count > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_begin_where_clocks_and_dates_say_at_every_change_of_every_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
