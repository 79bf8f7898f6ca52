/* ingest/metrics.c - Prometheus lines of ingest: events and bytes by supervisor, lag by partition,
 * freshness, memory, hand-offs. */
#include "ingest/gaps.h"
#include "ingest/supervisor.h"
#include <stddef.h>
#include <stdio.h>

typedef struct scrape { /* all supervisors at one moment */
    weir_arena *arena;
    weir_supervisor **all;
    weir_supervisor_condition *conditions;
    uint32_t count;
} scrape;

static void put_head(weir_buf *out, const char *name, const char *type, const char *help)
{
    weir_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Label values: backslash, quote and line break escaped. */
static void put_label(weir_buf *out, const char *name, weir_str value)
{
    weir_buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.size; i++) {
        if (value.at[i] == '\\' || value.at[i] == '"') {
            weir_buf_byte(out, '\\');
        }
        weir_buf_byte(out, value.at[i] == '\n' ? ' ' : value.at[i]);
    }
    weir_buf_byte(out, '"');
}

static void put_name(weir_buf *out, const char *name, const weir_supervisor *s)
{
    weir_buf_printf(out, "%s{", name);
    put_label(out, "supervisor", s->id);
}

static void put_events(const scrape *sc, weir_buf *out)
{
    static const char *const outcomes[WEIR_METERS] = {"processed", NULL, "processed_with_error",
                                                      "thrown_away", "unparseable"};
    put_head(out, "weir_ingest_events_total", "counter", "Events by what became of them.");
    for (uint32_t i = 0; i < sc->count; i++) {
        for (int m = 0; m < WEIR_METERS; m++) {
            if (outcomes[m]) {
                put_name(out, "weir_ingest_events_total", sc->all[i]);
                weir_buf_printf(out, ",outcome=\"%s\"} %llu\n", outcomes[m],
                                (unsigned long long)sc->all[i]->stats.totals[m]);
            }
        }
    }
    put_head(out, "weir_ingest_bytes_total", "counter",
             "Bytes of the values of events that were read.");
    for (uint32_t i = 0; i < sc->count; i++) {
        put_name(out, "weir_ingest_bytes_total", sc->all[i]);
        weir_buf_printf(out, "} %llu\n",
                        (unsigned long long)sc->all[i]->stats.totals[WEIR_METER_BYTES]);
    }
}

static void put_lags(const scrape *sc, weir_buf *out)
{
    put_head(out, "weir_ingest_lag", "gauge", "Records of a partition that are not read yet.");
    for (uint32_t i = 0; i < sc->count; i++) {
        const weir_worker_status *status = &sc->conditions[i].worker;
        for (uint32_t p = 0; sc->conditions[i].has_worker && p < status->partition_count; p++) {
            const weir_worker_partition *partition = &status->partitions[p];
            if (partition->latest >= 0 && partition->position >= 0) {
                int64_t lag = partition->latest > partition->position
                                  ? partition->latest - partition->position
                                  : 0;
                put_name(out, "weir_ingest_lag", sc->all[i]);
                weir_buf_byte(out, ',');
                put_label(out, "topic", partition->topic);
                weir_buf_printf(out, ",partition=\"%d\"} %lld\n", (int)partition->partition,
                                (long long)lag);
            }
        }
    }
}

static void put_histogram(weir_buf *out, const char *name, const weir_supervisor *s,
                          const weir_histogram *histogram)
{
    uint64_t total = 0;
    char full[80];
    snprintf(full, sizeof(full), "%s_bucket", name);
    for (uint32_t i = 0; i <= WEIR_FRESH_BOUNDS; i++) {
        total += histogram->le[i];
        put_name(out, full, s);
        if (i < WEIR_FRESH_BOUNDS) {
            weir_buf_printf(out, ",le=\"%g\"} %llu\n", weir_fresh_bounds_s[i],
                            (unsigned long long)total);
        } else {
            weir_buf_printf(out, ",le=\"+Inf\"} %llu\n", (unsigned long long)total);
        }
    }
    snprintf(full, sizeof(full), "%s_sum", name);
    put_name(out, full, s);
    weir_buf_printf(out, "} %.6f\n", (double)histogram->sum_us / 1e6);
    snprintf(full, sizeof(full), "%s_count", name);
    put_name(out, full, s);
    weir_buf_printf(out, "} %llu\n", (unsigned long long)total);
}

static void put_freshness(const scrape *sc, weir_buf *out)
{
    put_head(out, "weir_ingest_append_to_visible_seconds", "histogram",
             "From when a record was taken from Kafka to when queries see its row.");
    for (uint32_t i = 0; i < sc->count; i++) {
        put_histogram(out, "weir_ingest_append_to_visible_seconds", sc->all[i],
                      &sc->all[i]->stats.append_to_visible);
    }
    put_head(out, "weir_ingest_event_to_visible_seconds", "histogram",
             "From a record's timestamp in Kafka to when queries see its row.");
    for (uint32_t i = 0; i < sc->count; i++) {
        put_histogram(out, "weir_ingest_event_to_visible_seconds", sc->all[i],
                      &sc->all[i]->stats.event_to_visible);
    }
}

static void put_counter(const scrape *sc, weir_buf *out, const char *name, const char *help,
                        size_t offset)
{
    put_head(out, name, "counter", help);
    for (uint32_t i = 0; i < sc->count; i++) {
        const _Atomic uint64_t *value =
            (const _Atomic uint64_t *)(const void *)((const char *)&sc->all[i]->stats + offset);
        put_name(out, name, sc->all[i]);
        weir_buf_printf(out, "} %llu\n", (unsigned long long)*value);
    }
}

static void put_states(const scrape *sc, weir_buf *out)
{
    put_head(out, "weir_ingest_healthy", "gauge", "1: the supervisor works, or is suspended.");
    for (uint32_t i = 0; i < sc->count; i++) {
        put_name(out, "weir_ingest_healthy", sc->all[i]);
        weir_buf_printf(out, "} %d\n", sc->conditions[i].healthy);
    }
    put_head(out, "weir_ingest_backpressure", "gauge",
             "1: no events are taken until memory is given back by hand-offs.");
    for (uint32_t i = 0; i < sc->count; i++) {
        put_name(out, "weir_ingest_backpressure", sc->all[i]);
        weir_buf_printf(out, "} %d\n",
                        sc->conditions[i].has_worker && sc->conditions[i].worker.backpressure);
    }
}

/* Out of the log: they outlive the process. */
static void put_gaps(const scrape *sc, weir_buf *out)
{
    weir_gap_figures *figures = WEIR_ARENA_ARRAY(sc->arena, weir_gap_figures, sc->count + 1);
    for (uint32_t i = 0; i < sc->count; i++) {
        weir_log_state *state = weir_table_state(sc->all[i]->table);
        figures[i] = weir_gaps_count(state, sc->all[i]->id);
        weir_log_state_unref(state);
    }
    put_head(out, "weir_ingest_gap_offsets_total", "counter",
             "Offsets that the topic no longer had when they were to be read, since the table was "
             "made.");
    for (uint32_t i = 0; i < sc->count; i++) {
        put_name(out, "weir_ingest_gap_offsets_total", sc->all[i]);
        weir_buf_printf(out, "} %llu\n", (unsigned long long)figures[i].offsets);
    }
    put_head(out, "weir_ingest_gaps_open", "gauge", "Gaps that nobody has acknowledged.");
    for (uint32_t i = 0; i < sc->count; i++) {
        put_name(out, "weir_ingest_gaps_open", sc->all[i]);
        weir_buf_printf(out, "} %llu\n", (unsigned long long)figures[i].open_gaps);
    }
}

void weir_ingest_metrics(weir_ingest *ingest, weir_buf *out)
{
    scrape sc = {.arena = weir_arena_new()};
    sc.count = weir_supervisors_all(ingest, sc.arena, &sc.all);
    sc.conditions = WEIR_ARENA_ARRAY(sc.arena, weir_supervisor_condition, sc.count + 1);
    for (uint32_t i = 0; i < sc.count; i++) {
        weir_supervisor_condition_get(sc.all[i], sc.arena, &sc.conditions[i]);
    }
    put_events(&sc, out);
    put_lags(&sc, out);
    put_freshness(&sc, out);
    put_states(&sc, out);
    put_gaps(&sc, out);
    put_counter(&sc, out, "weir_ingest_handoffs_total", "Generations that were committed.",
                offsetof(weir_stats, handoffs));
    put_counter(&sc, out, "weir_ingest_handoff_failures_total",
                "Steps of hand-offs that failed and were tried again.",
                offsetof(weir_stats, handoff_failures));
    put_head(out, "weir_ingest_memory_bytes", "gauge", "Live rows, their hand-offs and what consumers may hold; of it what consumers may hold; and the limit.");
    weir_buf_printf(out, "weir_ingest_memory_bytes{part=\"used\"} %zu\n",
                    (size_t)ingest->budget->used_bytes);
    weir_buf_printf(out, "weir_ingest_memory_bytes{part=\"waiting\"} %zu\n",
                    (size_t)ingest->waiting->used_bytes);
    weir_buf_printf(out, "weir_ingest_memory_bytes{part=\"limit\"} %zu\n",
                    ingest->budget->limit_bytes);
    for (uint32_t i = 0; i < sc.count; i++) {
        weir_supervisor_unref(sc.all[i]);
    }
    weir_arena_free(sc.arena);
}
