/* web/metrics_store.c - Prometheus lines of an S3 store: what was asked and how it ended, by kind. */
#include "web/http.h"
#include "weir/store_s3.h"

static void head(weir_buf *out, const char *name, const char *type, const char *help)
{
    weir_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(weir_buf *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "counter", help);
    weir_buf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void requests(const weir_s3_stats *stats, weir_buf *out)
{
    head(out, "weir_store_requests_total", "counter", "Requests to the store, tries again among them, by kind and outcome.");
    for (int k = 0; k < WEIR_S3_KINDS; k++) {
        for (int o = 0; o < WEIR_S3_OUTCOMES; o++) {
            weir_buf_printf(out, "weir_store_requests_total{kind=\"%s\",outcome=\"%s\"} %llu\n", weir_s3_kind_names[k], weir_s3_outcome_names[o],
                            (unsigned long long)stats->requests[k][o]);
        }
    }
}

static void latencies(const weir_s3_stats *stats, weir_buf *out)
{
    head(out, "weir_store_request_seconds", "histogram", "Time of a request to the store, by kind.");
    for (int k = 0; k < WEIR_S3_KINDS; k++) {
        const char *kind = weir_s3_kind_names[k];
        unsigned long long all = stats->within[k][WEIR_S3_BOUNDS];
        for (int b = 0; b < WEIR_S3_BOUNDS; b++) {
            weir_buf_printf(out, "weir_store_request_seconds_bucket{kind=\"%s\",le=\"%g\"} %llu\n", kind, weir_s3_bounds_s[b], (unsigned long long)stats->within[k][b]);
        }
        weir_buf_printf(out, "weir_store_request_seconds_bucket{kind=\"%s\",le=\"+Inf\"} %llu\n", kind, all);
        weir_buf_printf(out, "weir_store_request_seconds_sum{kind=\"%s\"} %.6f\n", kind, (double)stats->us_sum[k] / 1e6);
        weir_buf_printf(out, "weir_store_request_seconds_count{kind=\"%s\"} %llu\n", kind, all);
    }
}

void weir_metrics_store(weir_catalog *catalog, weir_buf *out)
{
    weir_store *store = weir_catalog_store(catalog);
    weir_s3_stats stats;
    weir_error err;
    int64_t since_us;
    if (!weir_store_is_s3(store)) {
        return;
    }
    weir_store_s3_stats(store, &stats);
    requests(&stats, out);
    latencies(&stats, out);
    single(out, "weir_store_retries_total", "Requests that were made again after a failure.", stats.retries);
    single(out, "weir_store_hedges_total", "Late answers that were asked for a second time.", stats.hedges);
    single(out, "weir_store_hedges_won_total", "Those where the second answer came first.", stats.hedges_won);
    single(out, "weir_store_received_bytes_total", "Bytes of objects and lists that came.", stats.bytes_in);
    single(out, "weir_store_sent_bytes_total", "Bytes of objects that went, tries again among them.", stats.bytes_out);
    head(out, "weir_store_cached_bytes", "gauge", "What is kept of segments on the local disk (or in memory, where it takes nothing).");
    weir_buf_printf(out, "weir_store_cached_bytes %llu\n", (unsigned long long)weir_catalog_cached_bytes(catalog));
    head(out, "weir_store_failing_seconds", "gauge", "How long requests have been failing; 0: the last one was answered. /status has the error.");
    bool bad = weir_store_s3_trouble(store, &since_us, &err);
    weir_buf_printf(out, "weir_store_failing_seconds %.3f\n", bad ? (double)(weir_monotonic_us(&weir_clock_system) - since_us) / 1e6 : 0.0);
}
