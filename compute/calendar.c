/* compute/calendar.c - periods and granularities by Joda's rules, as Druid's PeriodGranularity
 * applies them: one unit of a field truncates that field in local time, more units count from the
 * origin (or 1970 in local time), several fields walk from it. Whatever has a fixed width is
 * arithmetic; the rest is turned into a table of bucket starts once per block. */
#include "compute/calendar.h"
#include "compute/civil.h"
#include <stdlib.h>

bool weir_period_is_zero(const weir_period *p)
{
    return (p->years | p->months | p->weeks | p->days | p->hours | p->minutes | p->seconds |
            p->millis) == 0;
}

/* hours and below */
static int64_t time_ms(const weir_period *p)
{
    return p->hours * WEIR_HOUR_MS + p->minutes * 60000ll + p->seconds * 1000ll + p->millis;
}

/* ---- parsing: P[nY][nM][nW][nD][T[nH][nM][n[.n]S]] */

typedef struct field {
    char letter;
    int32_t *at;
} field;

/* [+-]digits[.digits]; the fraction in milli. */
static bool take_number(const char **at, const char *end, int64_t *whole, int32_t *milli,
                        bool *fraction)
{
    const char *p = *at;
    bool negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    const char *digits = p;
    int64_t value = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        value = value > INT32_MAX ? value : value * 10 + (*p - '0');
    }
    if (p == digits || value > INT32_MAX) {
        return false;
    }
    *milli = 0;
    *fraction = p < end && (*p == '.' || *p == ',');
    if (*fraction) {
        int32_t place = 100;
        for (p++; p < end && *p >= '0' && *p <= '9'; p++, place /= 10) {
            *milli += (*p - '0') * place;
        }
    }
    *whole = negative ? -value : value;
    *milli = negative ? -*milli : *milli;
    *at = p;
    return true;
}

static bool one_sign(const weir_period *p)
{
    const int32_t fields[] = {p->years, p->months,  p->weeks,   p->days,
                              p->hours, p->minutes, p->seconds, p->millis};
    bool positive = false, negative = false;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        positive = positive || fields[i] > 0;
        negative = negative || fields[i] < 0;
    }
    return !(positive && negative);
}

bool weir_period_parse(weir_str text, weir_period *out)
{
    weir_period p = {0};
    const field dates[] = {{'Y', &p.years}, {'M', &p.months}, {'W', &p.weeks}, {'D', &p.days}};
    const field times[] = {{'H', &p.hours}, {'M', &p.minutes}, {'S', &p.seconds}};
    const char *at = text.at, *end = at + text.size;
    if (text.size < 2 || (*at | 0x20) != 'p') {
        return false;
    }
    const field *fields = dates, *last = dates + 4;
    bool any = false, in_time = false;
    for (at++; at < end;) {
        if (!in_time && (*at | 0x20) == 't') {
            fields = times;
            last = times + 3;
            in_time = true;
            at++;
            continue;
        }
        int64_t whole;
        int32_t milli;
        bool fraction;
        if (!take_number(&at, end, &whole, &milli, &fraction) || at == end) {
            return false;
        }
        while (fields < last && fields->letter != (*at & ~0x20)) {
            fields++;
        }
        if (fields == last || (fraction && fields->letter != 'S')) {
            return false;
        }
        *fields->at = (int32_t)whole;
        p.millis = fraction ? milli : p.millis;
        fields++;
        at++;
        any = true;
    }
    if (!any || !one_sign(&p)) {
        return false;
    }
    *out = p;
    return true;
}

/* ---- adding */

static int64_t add_months(const weir_zone_rules *zone, int64_t ms, int64_t months)
{
    if (months == 0) {
        return ms;
    }
    int64_t local = weir_add_sat(ms, weir_zone_offset_ms(zone, ms));
    return weir_zone_to_utc(zone, weir_add_months(local, months));
}

static int64_t add_days(const weir_zone_rules *zone, int64_t ms, int64_t days)
{
    if (days == 0) {
        return ms;
    }
    int64_t local = weir_add_sat(ms, weir_zone_offset_ms(zone, ms));
    return weir_zone_to_utc(zone, weir_add_sat(local, weir_mul_sat(days, WEIR_DAY_MS)));
}

int64_t weir_period_add(const weir_period *p, const weir_zone_rules *zone, int64_t ms,
                        int64_t times)
{
    ms = add_months(zone, ms, weir_mul_sat(p->years * 12ll, times));
    ms = add_months(zone, ms, weir_mul_sat(p->months, times));
    ms = add_days(zone, ms, weir_mul_sat(p->weeks * 7ll, times));
    ms = add_days(zone, ms, weir_mul_sat(p->days, times));
    return weir_add_sat(ms, weir_mul_sat(time_ms(p), times));
}

/* ---- making */

typedef struct simple {
    const char *name, *period;
} simple;

static const simple simples[] = {{"SECOND", "PT1S"},
                                 {"MINUTE", "PT1M"},
                                 {"FIVE_MINUTE", "PT5M"},
                                 {"TEN_MINUTE", "PT10M"},
                                 {"FIFTEEN_MINUTE", "PT15M"},
                                 {"THIRTY_MINUTE", "PT30M"},
                                 {"HOUR", "PT1H"},
                                 {"SIX_HOUR", "PT6H"},
                                 {"EIGHT_HOUR", "PT8H"},
                                 {"DAY", "P1D"},
                                 {"WEEK", "P1W"},
                                 {"MONTH", "P1M"},
                                 {"QUARTER", "P3M"},
                                 {"YEAR", "P1Y"}};

bool weir_granularity_simple(weir_str name, weir_granularity *out)
{
    const weir_zone_rules *utc = weir_zone_find(WEIR_STR("UTC"));
    if (weir_str_eq_nocase(name, WEIR_STR("ALL"))) {
        *out = (weir_granularity){.kind = WEIR_GRAN_ALL, .zone = utc, .name = WEIR_STR("ALL")};
        return true;
    }
    if (weir_str_eq_nocase(name, WEIR_STR("NONE"))) {
        *out = (weir_granularity){.kind = WEIR_GRAN_NONE, .zone = utc, .name = WEIR_STR("NONE")};
        return true;
    }
    for (size_t i = 0; i < sizeof(simples) / sizeof(*simples); i++) {
        if (weir_str_eq_nocase(name, weir_str_of(simples[i].name))) {
            bool ok = weir_granularity_period(weir_str_of(simples[i].period), (weir_str){0}, NULL,
                                              out, NULL);
            out->name = weir_str_of(simples[i].name);
            return ok;
        }
    }
    return false;
}

static int fields_set(const weir_period *p)
{
    return (p->years > 0) + (p->months > 0) + (p->weeks > 0) + (p->days > 0) + (p->hours > 0) +
           (p->minutes > 0) + (p->seconds > 0) + (p->millis > 0);
}

static bool is_one_week(const weir_granularity *g)
{
    return g->period.weeks == 1 && fields_set(&g->period) == 1 && !g->has_origin;
}

bool weir_granularity_period(weir_str period, weir_str zone, const int64_t *origin_ms,
                             weir_granularity *out, weir_error *err)
{
    weir_granularity g = {.kind = WEIR_GRAN_PERIOD, .name = period};
    if (!weir_period_parse(period, &g.period)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Invalid format: \"%.*s\" is not an ISO 8601 period",
                         WEIR_STR_ARG(period));
    }
    if (weir_period_is_zero(&g.period)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "zero period is not acceptable in PeriodGranularity!");
    }
    if (fields_set(&g.period) == 0) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "negative period '%.*s' in a granularity",
                         WEIR_STR_ARG(period));
    }
    g.zone = zone.size > 0 ? weir_zone_find(zone) : weir_zone_find(WEIR_STR("UTC"));
    g.has_origin = origin_ms != NULL;
    g.origin_ms = origin_ms ? *origin_ms : weir_zone_to_utc(g.zone, 0);
    if (weir_zone_is_fixed(g.zone) && g.period.years == 0 && g.period.months == 0) {
        g.duration_ms = (g.period.weeks * 7ll + g.period.days) * WEIR_DAY_MS + time_ms(&g.period);
        g.origin_ms -= is_one_week(&g) ? 3 * WEIR_DAY_MS
                                       : 0; /* 1970 began on a Thursday, weeks do on Mondays */
    }
    *out = g;
    return true;
}

void weir_granularity_duration(int64_t duration_ms, int64_t origin_ms, weir_granularity *out)
{
    *out = (weir_granularity){.kind = WEIR_GRAN_DURATION,
                              .duration_ms = duration_ms > 0 ? duration_ms : 1,
                              .zone = weir_zone_find(WEIR_STR("UTC")),
                              .has_origin = origin_ms != 0,
                              .origin_ms = origin_ms,
                              .name = WEIR_STR("duration")};
}

/* ---- floor */

/* origin + the most whole steps of `width` that do not pass `ms` */
static int64_t floor_width(int64_t ms, int64_t origin, int64_t width)
{
    int64_t offset = (ms % width - origin % width) % width; /* no overflow: both are below width */
    return weir_sub_sat(ms, offset < 0 ? offset + width : offset);
}

/* Start of the local year, month, ISO week or day: its first instant, where the clock shows
 * midnight twice or never. */
static int64_t floor_date(const weir_granularity *g, int64_t ms)
{
    int64_t local = weir_add_sat(ms, weir_zone_offset_ms(g->zone, ms));
    int64_t day = weir_floor_div(local, WEIR_DAY_MS);
    if (g->period.years | g->period.months) {
        weir_civil c = weir_civil_of(day);
        day = weir_days_of(c.year, g->period.years ? 1 : c.month, 1);
    } else if (g->period.weeks) {
        day -= weir_day_of_week(day) - 1;
    }
    return weir_zone_to_utc(g->zone, weir_mul_sat(day, WEIR_DAY_MS));
}

/* Start of the local hour, minute or second: with the offset of `ms` itself. */
static int64_t floor_time(const weir_granularity *g, int64_t ms)
{
    int32_t offset = weir_zone_offset_ms(g->zone, ms);
    return weir_sub_sat(floor_width(weir_add_sat(ms, offset), 0, time_ms(&g->period)), offset);
}

/* Whole months from `from` to `to` (to >= from), local. The 31st to the last day of a shorter month
 * is a whole one. */
static int64_t months_between(int64_t from, int64_t to)
{
    weir_civil a = weir_civil_of(weir_floor_div(from, WEIR_DAY_MS)),
               b = weir_civil_of(weir_floor_div(to, WEIR_DAY_MS));
    int64_t months = (b.year - a.year) * 12 + b.month - a.month;
    while (months > 0 && weir_add_months(from, months) > to) {
        months--;
    }
    return months;
}

static int64_t floor_months(const weir_granularity *g, int64_t ms, int64_t step)
{
    int64_t local = weir_add_sat(ms, weir_zone_offset_ms(g->zone, ms));
    int64_t origin = weir_add_sat(g->origin_ms, weir_zone_offset_ms(g->zone, g->origin_ms));
    int64_t months =
        local >= origin ? months_between(origin, local) : -months_between(local, origin);
    months -= months % step;
    int64_t start = add_months(g->zone, g->origin_ms, months);
    while (start > ms) { /* before the origin, and where a clock change lies between */
        months -= step;
        start = add_months(g->zone, g->origin_ms, months);
    }
    return start;
}

static int64_t floor_days(const weir_granularity *g, int64_t ms, int64_t step)
{
    int64_t local = weir_add_sat(ms, weir_zone_offset_ms(g->zone, ms));
    int64_t origin = weir_add_sat(g->origin_ms, weir_zone_offset_ms(g->zone, g->origin_ms));
    int64_t days = weir_sub_sat(local, origin) / WEIR_DAY_MS;
    days -= days % step;
    int64_t start = add_days(g->zone, g->origin_ms, days);
    while (start > ms) {
        days -= step;
        start = add_days(g->zone, g->origin_ms, days);
    }
    return start;
}

/* Several fields, or hours in a zone whose offset changed: step by step from the origin, or from
 * where this thread last was. */
static int64_t floor_walking(const weir_granularity *g, int64_t ms)
{
    static _Thread_local struct {
        weir_period period;
        const weir_zone_rules *zone;
        int64_t origin, start;
    } last;
    if (memcmp(&last.period, &g->period, sizeof(last.period)) != 0 || last.zone != g->zone ||
        last.origin != g->origin_ms) {
        last.period = g->period;
        last.zone = g->zone;
        last.origin = last.start = g->origin_ms;
    }
    int64_t start = ms >= last.start ? last.start : g->origin_ms;
    if (ms < start) { /* before the origin */
        do {
            int64_t before = weir_period_add(&g->period, g->zone, start, -1);
            if (before >= start) {
                return start;
            }
            start = before;
        } while (ms < start);
        return start;
    }
    for (;;) {
        int64_t next = weir_period_add(&g->period, g->zone, start, 1);
        if (next > ms || next <= start) {
            break;
        }
        start = next;
    }
    last.start = start;
    return start;
}

static int64_t floor_local_hour(const weir_zone_rules *zone, int64_t ms)
{
    int32_t offset = weir_zone_offset_ms(zone, ms);
    return weir_sub_sat(floor_width(weir_add_sat(ms, offset), 0, WEIR_HOUR_MS), offset);
}

/* Hours and below from the origin. Druid's, east of Greenwich: starts go back to the local hour. */
static int64_t floor_hours(const weir_granularity *g, int64_t ms)
{
    int64_t width = time_ms(&g->period), start = floor_width(ms, g->origin_ms, width);
    if (g->origin_ms >= 0 || g->period.hours == 0) {
        return start;
    }
    int64_t next = floor_local_hour(g->zone, weir_add_sat(start, width));
    return next <= ms ? next : floor_local_hour(g->zone, start);
}

static int64_t floor_period(const weir_granularity *g, int64_t ms)
{
    const weir_period *p = &g->period;
    if (fields_set(p) > 1) {
        bool only_time = (p->years | p->months | p->weeks | p->days) == 0;
        return only_time ? floor_width(ms, g->origin_ms, time_ms(p)) : floor_walking(g, ms);
    }
    if (p->years > 0) {
        return p->years == 1 && !g->has_origin ? floor_date(g, ms)
                                               : floor_months(g, ms, p->years * 12ll);
    }
    if (p->months > 0) {
        return p->months == 1 && !g->has_origin ? floor_date(g, ms)
                                                : floor_months(g, ms, p->months);
    }
    if (p->weeks > 0) {
        return p->weeks == 1 && !g->has_origin ? floor_date(g, ms)
                                               : floor_days(g, ms, p->weeks * 7ll);
    }
    if (p->days > 0) {
        return p->days == 1 && !g->has_origin ? floor_date(g, ms) : floor_days(g, ms, p->days);
    }
    bool one = p->hours == 1 || p->minutes == 1 || p->seconds == 1;
    return one && !g->has_origin ? floor_time(g, ms) : floor_hours(g, ms);
}

int64_t weir_granularity_floor(const weir_granularity *g, int64_t ms)
{
    switch ((weir_gran_kind)g->kind) {
    case WEIR_GRAN_ALL:
        return INT64_MIN;
    case WEIR_GRAN_NONE:
        return ms;
    case WEIR_GRAN_DURATION:
        return floor_width(ms, g->origin_ms, g->duration_ms);
    case WEIR_GRAN_PERIOD:
        return g->duration_ms > 0 ? floor_width(ms, g->origin_ms, g->duration_ms)
                                  : floor_period(g, ms);
    }
    return ms;
}

int64_t weir_granularity_next(const weir_granularity *g, int64_t start)
{
    if (g->kind == WEIR_GRAN_ALL) {
        return INT64_MAX;
    }
    if (g->kind == WEIR_GRAN_NONE) {
        return weir_add_sat(start, 1);
    }
    if (g->duration_ms > 0) {
        return weir_add_sat(start, g->duration_ms);
    }
    /* a period further may lie beside a bucket's start where clocks change: floor it, and look for
     * one that was passed over */
    int64_t at = start, next;
    do {
        int64_t further = weir_period_add(&g->period, g->zone, at, 1);
        if (further <= at) {
            return INT64_MAX;
        }
        at = further;
        next = weir_granularity_floor(g, at);
    } while (next <= start);
    for (int64_t before = weir_granularity_floor(g, next - 1); before > start;
         before = weir_granularity_floor(g, next - 1)) {
        next = before;
    }
    return next;
}

size_t weir_granularity_buckets(const weir_granularity *g, int64_t from_ms, int64_t to_ms,
                                int64_t *out, size_t capacity)
{
    if (from_ms >= to_ms) {
        return 0;
    }
    int64_t start = weir_granularity_floor(g, from_ms);
    if (g->kind == WEIR_GRAN_NONE || (g->duration_ms > 0 && g->kind != WEIR_GRAN_ALL)) {
        uint64_t width = g->kind == WEIR_GRAN_NONE ? 1 : (uint64_t)g->duration_ms;
        uint64_t count = ((uint64_t)to_ms - (uint64_t)start - 1) / width + 1;
        for (uint64_t i = 0; i < count && i < capacity; i++) {
            out[i] = (int64_t)((uint64_t)start + i * width);
        }
        return count;
    }
    size_t count = 0;
    for (; start < to_ms; start = weir_granularity_next(g, start)) {
        if (count < capacity) {
            out[count] = start;
        }
        count++;
        if (start == INT64_MAX) {
            break;
        }
    }
    return count;
}
