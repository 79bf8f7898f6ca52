/* stands in until compute's calendar is there */
#include "compute/calendar.h"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define WEAK __attribute__((weak))
WEAK bool weir_granularity_simple(weir_str name, weir_granularity *out)
{
    *out = (weir_granularity){.kind = weir_str_is(name, "none") ? WEIR_GRAN_NONE : WEIR_GRAN_PERIOD,
                              .duration_ms = weir_str_is(name, "hour")     ? 3600000
                                             : weir_str_is(name, "minute") ? 60000
                                                                           : 1000};
    return true;
}
WEAK int64_t weir_granularity_floor(const weir_granularity *g, int64_t ms)
{
    int64_t r = ms % g->duration_ms;
    return ms - (r < 0 ? r + g->duration_ms : r);
}
WEAK int64_t weir_granularity_next(const weir_granularity *g, int64_t ms)
{
    return ms + g->duration_ms;
}
WEAK void weir_granularity_floor_many(const weir_granularity *g, const int64_t *ms, uint32_t n,
                                      int64_t *out, weir_scratch *s)
{
    (void)s;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = weir_granularity_floor(g, ms[i]);
    }
}
WEAK bool weir_time_parse_iso(weir_str text, int64_t *out_ms)
{
    (void)text;
    (void)out_ms;
    return false;
}
WEAK void weir_granularity_duration(int64_t d, int64_t o, weir_granularity *out)
{
    (void)d;
    (void)o;
    (void)out;
}
WEAK bool weir_granularity_period(weir_str period, weir_str zone, const int64_t *origin_ms,
                                  weir_granularity *out, weir_error *err)
{
    (void)period;
    (void)zone;
    (void)origin_ms;
    (void)out;
    (void)err;
    return false;
}
