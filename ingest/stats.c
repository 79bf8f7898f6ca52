/* ingest/stats.c - see ingest/stats.h. Moving averages are exponential with a tick of 5 s, as
 * Dropwizard's meters that Druid uses. */
#include "ingest/stats.h"
#include <math.h>

#define TICK_US 5000000

const double weir_fresh_bounds_s[WEIR_FRESH_BOUNDS] = {
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 30};
static const char *const meter_names[WEIR_METERS] = {
    "processed", "processedBytes", "processedWithError", "thrownAway", "unparseable"};
static const double windows_s[3] = {60, 300, 900};

static const weir_meter counted_as[] = {
#define COUNTED_u WEIR_METER_UNPARSEABLE
#define COUNTED_e WEIR_METER_WITH_ERROR
#define COUNTED_t WEIR_METER_THROWN_AWAY
#define X(name, word, counted) COUNTED_##counted,
    WEIR_REJECT_LIST(X)
#undef X
};

void weir_stats_reject(weir_stats *stats, weir_reject reason)
{
    atomic_fetch_add_explicit(&stats->rejects[reason], 1, memory_order_relaxed);
    weir_stats_add(stats, counted_as[reason], 1);
}

static void tick(weir_stats *stats, double seconds)
{
    for (int m = 0; m < WEIR_METERS; m++) {
        uint64_t total = atomic_load(&stats->totals[m]);
        double now = (double)(total - stats->before[m]) / seconds;
        stats->before[m] = total;
        for (int w = 0; w < 3; w++) {
            double old = atomic_load(&stats->rates[m][w]);
            atomic_store(&stats->rates[m][w],
                         old + (1 - exp(-seconds / windows_s[w])) * (now - old));
        }
    }
}

void weir_stats_tick(weir_stats *stats, int64_t now_us)
{
    if (stats->ticked_us == 0 || now_us < stats->ticked_us) {
        stats->ticked_us = now_us;
    } else if (now_us - stats->ticked_us >= TICK_US) {
        tick(stats, (double)(now_us - stats->ticked_us) / 1e6);
        stats->ticked_us = now_us;
    }
}

void weir_histogram_add(weir_histogram *histogram, int64_t us, uint64_t count)
{
    us = us < 0 ? 0 : us;
    uint32_t i = 0;
    while (i < WEIR_FRESH_BOUNDS && (double)us > weir_fresh_bounds_s[i] * 1e6) {
        i++;
    }
    atomic_fetch_add_explicit(&histogram->le[i], count, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, (uint64_t)us * count, memory_order_relaxed);
}

void weir_stats_print_averages(const weir_stats *stats, weir_json *out)
{
    static const char *const names[3] = {"1m", "5m", "15m"};
    weir_json_begin_object(out);
    for (int w = 0; w < 3; w++) {
        weir_json_key(out, weir_str_of(names[w]));
        weir_json_begin_object(out);
        for (int m = 0; m < WEIR_METERS; m++) {
            weir_json_member_double(out, meter_names[m], atomic_load(&stats->rates[m][w]));
        }
        weir_json_end_object(out);
    }
    weir_json_end_object(out);
}

void weir_stats_print_totals(const weir_stats *stats, weir_json *out)
{
    weir_json_begin_object(out);
    for (int m = 0; m < WEIR_METERS; m++) {
        weir_json_member_long(out, meter_names[m], (int64_t)atomic_load(&stats->totals[m]));
    }
    weir_json_key(out, WEIR_STR("thrownAwayByReason"));
    weir_json_begin_object(out);
    for (int r = 0; r < WEIR_REJECT_COUNT; r++) {
        uint64_t count = atomic_load(&stats->rejects[r]);
        if (count > 0 && counted_as[r] == WEIR_METER_THROWN_AWAY) {
            weir_json_member_long(out, weir_reject_word((weir_reject)r), (int64_t)count);
        }
    }
    weir_json_end_object(out);
    weir_json_end_object(out);
}
