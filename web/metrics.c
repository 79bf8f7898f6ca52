/* web/metrics.c - Prometheus text: queries, tables, memory; ingest adds its own lines. */
#include "web/http.h"
#include "compute/memory.h"
#include <stdio.h>
#include <unistd.h>

#define QUERY_TYPES 16

static void head(weir_buf *out, const char *name, const char *type, const char *help)
{
    weir_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void query_metrics(weir_engine *engine, weir_buf *out)
{
    weir_query_stats stats[QUERY_TYPES];
    size_t count = weir_engine_stats(engine, stats, QUERY_TYPES);
    static const char *const outcomes[] = {"ok", "failed", "cancelled", "timed_out"};
    head(out, "weir_queries_total", "counter", "Queries ended, by type and outcome.");
    for (size_t i = 0; i < count; i++) {
        const weir_query_stats *s = &stats[i];
        uint64_t values[] = {s->count - s->failed - s->cancelled - s->timed_out, s->failed, s->cancelled, s->timed_out};
        for (int k = 0; k < 4; k++) {
            weir_buf_printf(out, "weir_queries_total{type=\"%s\",outcome=\"%s\"} %llu\n", s->type, outcomes[k], (unsigned long long)values[k]);
        }
    }
    head(out, "weir_query_rows_total", "counter", "Result rows, by type.");
    for (size_t i = 0; i < count; i++) {
        weir_buf_printf(out, "weir_query_rows_total{type=\"%s\"} %llu\n", stats[i].type, (unsigned long long)stats[i].rows_out);
    }
    head(out, "weir_query_seconds", "histogram", "Time from request to the last byte handed out, by type.");
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < 15; k++) {
            weir_buf_printf(out, "weir_query_seconds_bucket{type=\"%s\",le=\"%g\"} %llu\n", stats[i].type, weir_latency_bounds_ms[k] / 1000,
                            (unsigned long long)stats[i].latency_le[k]);
        }
        weir_buf_printf(out, "weir_query_seconds_bucket{type=\"%s\",le=\"+Inf\"} %llu\n", stats[i].type, (unsigned long long)stats[i].latency_le[15]);
        weir_buf_printf(out, "weir_query_seconds_sum{type=\"%s\"} %.6f\n", stats[i].type, (double)stats[i].latency_us_sum / 1e6);
        weir_buf_printf(out, "weir_query_seconds_count{type=\"%s\"} %llu\n", stats[i].type, (unsigned long long)stats[i].count);
    }
    weir_engine_load load;
    weir_engine_load_get(engine, &load);
    head(out, "weir_queries_running", "gauge", "Queries being answered now.");
    weir_buf_printf(out, "weir_queries_running %u\n", load.running);
    head(out, "weir_queries_waiting", "gauge", "Queries waiting for their turn.");
    weir_buf_printf(out, "weir_queries_waiting %u\n", load.waiting);
    head(out, "weir_query_memory_bytes", "gauge", "Memory of running queries.");
    weir_buf_printf(out, "weir_query_memory_bytes %zu\n", load.memory_used_bytes);
    head(out, "weir_query_memory_limit_bytes", "gauge", "Budget of all queries together.");
    weir_buf_printf(out, "weir_query_memory_limit_bytes %zu\n", load.memory_limit_bytes);
}

static const struct {
    const char *name, *type, *help;
    size_t offset;
} cache_metrics[] = {
#define ROW(name, type, member, help) {name, type, help, offsetof(weir_memo_stats, member)}
    ROW("weir_cache_hits_total", "counter", hits, "Partials of segments, or whole answers, that were found."),
    ROW("weir_cache_misses_total", "counter", misses, "Those that were looked for and not there."),
    ROW("weir_cache_puts_total", "counter", puts, "Those that were kept."),
    ROW("weir_cache_evictions_total", "counter", evictions, "Those that made room for others."),
    ROW("weir_cache_entries", "gauge", entries, "What is kept now."),
    ROW("weir_cache_bytes", "gauge", used_bytes, "Memory of what is kept now."),
    ROW("weir_cache_limit_bytes", "gauge", limit_bytes, "Memory that it may take."),
#undef ROW
};

static void caches(weir_engine *engine, weir_buf *out)
{
    static const char *const names[2] = {"segment", "result"};
    weir_memo_stats stats[2];
    weir_engine_memos_get(engine, &stats[0], &stats[1]);
    for (size_t m = 0; m < sizeof(cache_metrics) / sizeof(*cache_metrics); m++) {
        head(out, cache_metrics[m].name, cache_metrics[m].type, cache_metrics[m].help);
        for (int i = 0; i < 2; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&stats[i] + cache_metrics[m].offset, sizeof(value));
            weir_buf_printf(out, "%s{cache=\"%s\"} %llu\n", cache_metrics[m].name, names[i], (unsigned long long)value);
        }
    }
}

static const struct {
    const char *name, *type, *help;
    size_t offset;
} table_metrics[] = {
#define ROW(name, type, member, help) {name, type, help, offsetof(weir_table_stats, member)}
    ROW("weir_table_frozen_segments", "gauge", frozen_segments, "Frozen segments in the table's state."),
    ROW("weir_table_frozen_rows", "gauge", frozen_rows, "Rows of frozen segments, after roll-up."),
    ROW("weir_table_frozen_bytes", "gauge", frozen_bytes, "Bytes of frozen segments."),
    ROW("weir_table_frozen_events", "gauge", frozen_events, "Events in frozen segments, before roll-up."),
    ROW("weir_table_live_segments", "gauge", live_segments, "Live segments (generations)."),
    ROW("weir_table_live_rows", "gauge", live_rows, "Rows of live segments."),
    ROW("weir_table_live_bytes", "gauge", live_bytes, "Memory of live segments."),
    ROW("weir_table_live_events", "gauge", live_events, "Events in live segments."),
    ROW("weir_table_commits_total", "counter", commits, "Commits that landed from this process."),
    ROW("weir_table_commit_retries_total", "counter", commit_retries, "Puts of a commit that had to be repeated."),
    ROW("weir_table_log_version", "gauge", version, "Commits in the table's log, as far as this process has read it."),
    ROW("weir_table_log_horizon", "gauge", horizon, "The version below which objects that nobody needs are deleted."),
#undef ROW
};

static void label(weir_buf *out, weir_str value)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.at[i];
        if (c == '\n') {
            weir_buf_text(out, "\\n");
        } else if (c == '"' || c == '\\') {
            weir_buf_byte(out, '\\');
            weir_buf_byte(out, c);
        } else {
            weir_buf_byte(out, c);
        }
    }
}

static void tables(weir_catalog *catalog, weir_buf *out)
{
    weir_arena *arena = weir_arena_new();
    weir_str *names;
    size_t count = weir_catalog_tables(catalog, arena, &names);
    weir_table_stats *stats = WEIR_ARENA_ARRAY(arena, weir_table_stats, count + 1);
    for (size_t i = 0; i < count; i++) {
        weir_table_stats_get(weir_catalog_table(catalog, names[i]), &stats[i]);
    }
    for (size_t m = 0; m < sizeof(table_metrics) / sizeof(*table_metrics); m++) {
        head(out, table_metrics[m].name, table_metrics[m].type, table_metrics[m].help);
        for (size_t i = 0; i < count; i++) {
            uint64_t value;
            memcpy(&value, (const char *)&stats[i] + table_metrics[m].offset, sizeof(value));
            weir_buf_printf(out, "%s{table=\"", table_metrics[m].name);
            label(out, names[i]);
            weir_buf_printf(out, "\"} %llu\n", (unsigned long long)value);
        }
    }
    weir_arena_free(arena);
}

static void lookups(weir_lookups *all, weir_buf *out)
{
    weir_lookups_stats stats;
    weir_lookups_stats_get(all, &stats);
    head(out, "weir_lookups", "gauge", "Registered lookups of this node, by whether they answer.");
    weir_buf_printf(out, "weir_lookups{state=\"loaded\"} %u\nweir_lookups{state=\"loading\"} %u\n", stats.loaded, stats.loading);
    head(out, "weir_lookup_memory_bytes", "gauge", "Memory of lookups that follow topics.");
    weir_buf_printf(out, "weir_lookup_memory_bytes %zu\n", stats.memory_bytes);
    head(out, "weir_lookup_memory_limit_bytes", "gauge", "Its limit.");
    weir_buf_printf(out, "weir_lookup_memory_limit_bytes %zu\n", stats.memory_limit_bytes);
}

int64_t weir_resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%*s %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static void process(weir_buf *out)
{
    head(out, "process_resident_memory_bytes", "gauge", "Resident memory.");
    weir_buf_printf(out, "process_resident_memory_bytes %lld\n", (long long)weir_resident_bytes());
    head(out, "weir_pages_pooled_bytes", "gauge", "Memory kept warm for queries.");
    weir_buf_printf(out, "weir_pages_pooled_bytes %zu\n", weir_page_pooled_bytes());
    head(out, "weir_build_info", "gauge", "The build.");
    weir_buf_printf(out, "weir_build_info{version=\"%s\"} 1\n", WEIR_VERSION);
}

void weir_metrics_write(const weir_server_options *doors, weir_buf *out)
{
    query_metrics(doors->engine, out);
    caches(doors->engine, out);
    tables(doors->catalog, out);
    weir_metrics_store(doors->catalog, out);
    weir_ingest_metrics(doors->ingest, out);
    if (doors->tasks) {
        weir_tasks_metrics(doors->tasks, out);
    }
    lookups(doors->lookups, out);
    weir_coordinator_metrics(doors->coordinator, out);
    process(out);
    if (doors->metrics) {
        doors->metrics(doors->self, out);
    }
}
