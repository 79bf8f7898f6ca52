/* query/native_time.c - "intervals" and "granularity" of native queries. */
#include <stdlib.h>
#include "query/native_json.h"

static int by_start(const void *a, const void *b)
{
    const weir_interval *x = a, *y = b;
    return x->start_ms != y->start_ms ? (x->start_ms < y->start_ms ? -1 : 1)
           : x->end_ms < y->end_ms    ? -1
                                      : x->end_ms > y->end_ms;
}

/* A text, a list of texts, or {"type":"intervals","intervals":...} ("segments" only between Druid's
 * own nodes). Overlapping and touching ones are merged. */
bool weir_native_intervals(weir_native *n, const weir_at *at, const json_t *json, uint32_t *count,
                           const weir_interval **out)
{
    if (json_is_object(json)) {
        weir_str type;
        if (!weir_native_text(n, at, json, "type", &type)) {
            return false;
        }
        if (type.at && !weir_str_is(type, "intervals") && !weir_str_is(type, "LegacySegmentSpec")) {
            return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no type of intervals",
                                    WEIR_STR_ARG(type));
        }
        const json_t *list = weir_native_get(json, "intervals", NULL);
        return list ? weir_native_intervals(n, WEIR_AT(at, "intervals"), list, count, out)
                    : weir_native_fail(n, at, "needs 'intervals'");
    }
    uint32_t size = json_is_array(json) ? (uint32_t)json_array_size(json) : 1;
    weir_interval *intervals = WEIR_ARENA_ARRAY(n->arena, weir_interval, size + 1);
    for (uint32_t i = 0; i < size; i++) {
        const json_t *item = json_is_array(json) ? json_array_get(json, i) : json;
        const weir_at *item_at = json_is_array(json) ? WEIR_AT_ITEM(at, i) : at;
        if (!json_is_string(item)) {
            return weir_native_fail(n, item_at,
                                    "must be an interval such as '2015-09-12/2015-09-13'");
        }
        weir_str text = {json_string_value(item), json_string_length(item)};
        weir_error why = {0};
        if (!weir_interval_parse(text, &intervals[i], &why)) {
            return weir_native_fail(n, item_at, "%s", why.message);
        }
    }
    qsort(intervals, size, sizeof(*intervals), by_start);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < size; i++) {
        if (kept && intervals[i].start_ms <= intervals[kept - 1].end_ms) {
            int64_t end = intervals[i].end_ms;
            intervals[kept - 1].end_ms =
                end > intervals[kept - 1].end_ms ? end : intervals[kept - 1].end_ms;
        } else {
            intervals[kept++] = intervals[i];
        }
    }
    *count = kept;
    *out = intervals;
    return true;
}

static bool time_member(weir_native *n, const weir_at *at, const json_t *json, const char *name,
                        bool *given, int64_t *out)
{
    const json_t *value = weir_native_get(json, name, NULL);
    *given = value != NULL;
    if (!value) {
        return true;
    }
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    weir_str text = {json_string_value(value),
                     json_is_string(value) ? json_string_length(value) : 0};
    if (text.at && (weir_time_parse_iso(text, out) || weir_str_to_long(text, out))) {
        return true;
    }
    return weir_native_fail(n, WEIR_AT(at, name), "must be a time");
}

static bool period(weir_native *n, const weir_at *at, const json_t *json, weir_granularity *out)
{
    weir_str text, zone;
    bool given;
    int64_t origin = 0;
    if (!weir_native_need_text(n, at, json, "period", &text) ||
        !weir_native_text(n, at, json, "timeZone", &zone) ||
        !time_member(n, at, json, "origin", &given, &origin)) {
        return false;
    }
    weir_error why = {0};
    if (!weir_granularity_period(text, zone.at ? zone : WEIR_STR("UTC"), given ? &origin : NULL,
                                 out, &why)) {
        return weir_native_fail(n, WEIR_AT(at, "period"), "%s", why.message);
    }
    return true;
}

static bool duration(weir_native *n, const weir_at *at, const json_t *json, weir_granularity *out)
{
    int64_t ms, origin = 0;
    bool given;
    if (!weir_native_long(n, at, json, "duration", 0, &ms) ||
        !time_member(n, at, json, "origin", &given, &origin)) {
        return false;
    }
    if (ms <= 0) {
        return weir_native_fail(n, at, "needs a 'duration' above 0 ms");
    }
    weir_granularity_duration(ms, origin, out);
    return true;
}

bool weir_native_granularity(weir_native *n, const weir_at *at, const json_t *json,
                             weir_granularity *out)
{
    weir_str type;
    if (!json) {
        return weir_granularity_simple(WEIR_STR("all"), out);
    }
    if (json_is_string(json)) {
        type = (weir_str){json_string_value(json), json_string_length(json)};
    } else if (!weir_native_need_type(n, at, json, &type)) {
        return false;
    } else if (weir_str_is(type, "period")) {
        return period(n, at, json, out);
    } else if (weir_str_is(type, "duration")) {
        return duration(n, at, json, out);
    } else if (!weir_str_is(type, "all") && !weir_str_is(type, "none")) {
        return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no type of granularity",
                                WEIR_STR_ARG(type));
    }
    return weir_granularity_simple(type, out) ||
           weir_native_fail(n, at, "'%.*s' is no granularity", WEIR_STR_ARG(type));
}
