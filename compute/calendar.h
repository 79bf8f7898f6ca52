/* compute/calendar.h - time zones as transition tables (from ICU, once per process) and granularities as bucket starts.
 * Simple names are Druid's (all none second minute five_minute ten_minute fifteen_minute thirty_minute hour six_hour
 * eight_hour day week month quarter year), period by ISO period, zone and origin, duration by ms and origin. */
#ifndef COMPUTE_CALENDAR_H
#define COMPUTE_CALENDAR_H
#include "compute/memory.h"
#include "compute/text.h"

typedef struct weir_zone_rules weir_zone_rules; /* civil dates and field arithmetic: compute/civil.h */
/* By id ("America/New_York", "UTC", "+02:00", "Etc/UTC"); unknown ids give UTC (recorded: no error in Druid). Lives for ever; any thread. */
const weir_zone_rules *weir_zone_find(weir_str id);
bool weir_zone_is_known(weir_str id);
int32_t weir_zone_offset_ms(const weir_zone_rules *zone, int64_t utc_ms);
/* The first instant after `utc_ms` from which another offset holds; INT64_MAX: none is known. */
int64_t weir_zone_next_change(const weir_zone_rules *zone, int64_t utc_ms);
/* Local time to UTC as Joda: the earlier of two instants in an overlap; in a gap as much after it as `local_ms` is into it. */
int64_t weir_zone_to_utc(const weir_zone_rules *zone, int64_t local_ms);
/* The same, but with the offset that `near_utc_ms` has wherever that is possible. */
int64_t weir_zone_to_utc_near(const weir_zone_rules *zone, int64_t local_ms, int64_t near_utc_ms);
bool weir_zone_is_utc(const weir_zone_rules *zone);   /* never any offset: "Etc/UTC" too */
bool weir_zone_is_fixed(const weir_zone_rules *zone); /* one offset for ever */
bool weir_offset_parse(weir_str text, int32_t *out_ms); /* "+02:00" "-0530" "+01" "+01:02:03" */
weir_str weir_zone_id(const weir_zone_rules *zone);

/* An ISO 8601 period by field, because P12M and P1Y, PT60M and PT1H are different granularities in Druid. */
typedef struct weir_period {
    int32_t years, months, weeks, days, hours, minutes, seconds, millis;
} weir_period;
bool weir_period_parse(weir_str text, weir_period *out); /* signs only if all are the same */
bool weir_period_is_zero(const weir_period *period);
/* ms + times * period: field by field from the years down, dates in the zone's local time, hours and below as ms; saturates. */
int64_t weir_period_add(const weir_period *period, const weir_zone_rules *zone, int64_t ms, int64_t times);

typedef enum weir_gran_kind { WEIR_GRAN_ALL, WEIR_GRAN_NONE, WEIR_GRAN_DURATION, WEIR_GRAN_PERIOD } weir_gran_kind;
typedef struct weir_granularity {
    uint8_t kind;
    int64_t duration_ms;         /* DURATION, and PERIODs of fixed width: buckets start at origin_ms + k * duration_ms. Else 0 */
    weir_period period;          /* PERIOD */
    const weir_zone_rules *zone; /* PERIOD; never NULL */
    bool has_origin;
    int64_t origin_ms;
    weir_str name;               /* "HOUR", or the period text: for metadata */
} weir_granularity;
bool weir_granularity_simple(weir_str name, weir_granularity *out); /* any case */
/* `period` stays the caller's, and is kept as name. An empty zone is UTC. origin_ms NULL: none. */
bool weir_granularity_period(weir_str period, weir_str zone, const int64_t *origin_ms, weir_granularity *out, weir_error *err);
void weir_granularity_duration(int64_t duration_ms, int64_t origin_ms, weir_granularity *out);
/* Start of the bucket that holds `ms`, as Druid's PeriodGranularity, and never after `ms` (Druid's is, for hours before 1970).
 * ALL: INT64_MIN; NONE: ms itself. */
int64_t weir_granularity_floor(const weir_granularity *gran, int64_t ms);
int64_t weir_granularity_next(const weir_granularity *gran, int64_t bucket_start_ms); /* start of the bucket after */
/* Starts of all buckets that touch [from, to), ascending, at most `capacity`; returns how many there are (may exceed capacity). */
size_t weir_granularity_buckets(const weir_granularity *gran, int64_t from_ms, int64_t to_ms, int64_t *out, size_t capacity);
/* floor() of n times at once: fixed widths by arithmetic, others by search in a table made for [min, max]. */
void weir_granularity_floor_many(const weir_granularity *gran, const int64_t *ms, uint32_t n, int64_t *out, weir_scratch *s);
#endif
