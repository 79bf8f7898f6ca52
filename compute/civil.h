/* compute/civil.h - days since 1970-01-01 and dates of the proleptic Gregorian calendar; arithmetic
 * that saturates. Years are astronomical (0 exists). Everything holds for any int64 of
 * milliseconds. */
#ifndef COMPUTE_CIVIL_H
#define COMPUTE_CIVIL_H
#include <stdbool.h>
#include <stdint.h>

#define WEIR_DAY_MS 86400000ll
#define WEIR_HOUR_MS 3600000ll

typedef struct weir_civil {
    int64_t year;
    int32_t month, day; /* from 1 */
} weir_civil;

static inline int64_t weir_floor_div(int64_t a, int64_t b) /* b > 0 */
{
    return a / b - (a % b < 0);
}
static inline int64_t weir_floor_mod(int64_t a, int64_t b)
{
    int64_t r = a % b;
    return r < 0 ? r + b : r;
}
static inline int64_t weir_add_sat(int64_t a, int64_t b)
{
    int64_t sum;
    return !__builtin_add_overflow(a, b, &sum) ? sum : a < 0 ? INT64_MIN : INT64_MAX;
}
static inline int64_t weir_sub_sat(int64_t a, int64_t b)
{
    int64_t difference;
    return !__builtin_sub_overflow(a, b, &difference) ? difference : a < 0 ? INT64_MIN : INT64_MAX;
}
static inline int64_t weir_mul_sat(int64_t a, int64_t b)
{
    int64_t product;
    return !__builtin_mul_overflow(a, b, &product) ? product
           : (a < 0) == (b < 0)                    ? INT64_MAX
                                                   : INT64_MIN;
}

static inline bool weir_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}
static inline int32_t weir_days_in_month(int64_t year, int32_t month)
{
    return month == 2 ? 28 + weir_is_leap(year) : 30 + ((month + (month > 7)) & 1);
}

/* Years that count from March have the leap day at their end: an era is 400 of them, 146,097 days.
 * |year| < 10^12. */
static inline int64_t weir_days_of(int64_t year, int32_t month, int32_t day)
{
    int64_t y = year - (month <= 2);
    int64_t era = weir_floor_div(y, 400), of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719468;
}
static inline weir_civil weir_civil_of(int64_t days)
{
    int64_t shifted = days + 719468, era = weir_floor_div(shifted, 146097),
            day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    int32_t month = (int32_t)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    return (weir_civil){.year = year_of_era + era * 400 + (month <= 2),
                        .month = month,
                        .day = (int32_t)(day_of_year - (153 * shifted_month + 2) / 5 + 1)};
}
/* 1 Monday .. 7 Sunday */
static inline int32_t weir_day_of_week(int64_t days)
{
    return (int32_t)weir_floor_mod(days + 3, 7) + 1;
}
/* Local ms moved by whole months; a day that the month does not have becomes its last. */
static inline int64_t weir_add_months(int64_t local_ms, int64_t months)
{
    int64_t days = weir_floor_div(local_ms, WEIR_DAY_MS), rest = weir_floor_mod(local_ms, WEIR_DAY_MS);
    weir_civil c = weir_civil_of(days);
    int64_t month = weir_add_sat(c.year * 12 + c.month - 1, months);
    int64_t year = weir_floor_div(month, 12);
    if (year > 300000000 || year < -300000000) {
        return months < 0 ? INT64_MIN : INT64_MAX;
    }
    int32_t of_year = (int32_t)(month - year * 12) + 1, last = weir_days_in_month(year, of_year);
    return weir_add_sat(
        weir_mul_sat(weir_days_of(year, of_year, c.day < last ? c.day : last), WEIR_DAY_MS), rest);
}
#endif
