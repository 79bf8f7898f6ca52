/* ingest/duty_rules.c - rows that a drop rule takes leave the table. Time is the wall clock's, as
 * the rules are people's. Only what is committed goes: live rows of a dropped time are taken by the
 * first run after their hand-off, as are rows that arrive later. */
#include "ingest/duty_retention.h"
#include "ingest/rules_book.h"
#include "weir/drop.h"
#include "weir/log.h"

#define PERIOD_MS 60000

typedef struct judge {
    weir_rules rules;
    weir_granularity buckets;
    int64_t now_ms;
} judge;

static uint32_t gone(void *self, const weir_segment_state *segment, weir_arena *arena,
                     weir_interval **out)
{
    const judge *j = self;
    return weir_rules_gone(&j->rules, &j->buckets,
                           (weir_interval){segment->added.from_ms, segment->added.to_ms}, j->now_ms,
                           arena, out);
}

static bool drops_anything(const weir_rules *rules)
{
    bool any = false;
    for (uint32_t i = 0; i < rules->count; i++) {
        any = any || rules->rules[i].drop;
    }
    return any;
}

static bool has_segments(weir_table *table)
{
    weir_table_stats stats;
    weir_table_stats_get(table, &stats);
    return stats.frozen_segments > 0;
}

static weir_duty_step step(weir_duty_run *run, weir_error *err)
{
    judge j = {.now_ms = weir_wall_ms(run->options->clock)};
    weir_rules own, then;
    weir_str kept;
    uint64_t changed;
    if (!weir_rules_kept_default(run->options->settings, run->arena, &kept, err) ||
        !weir_rules_read(kept, true, run->arena, &then, err) ||
        !weir_rules_read(weir_rules_kept(run->table, run->arena), false, run->arena, &own, err)) {
        return WEIR_DUTY_FAILED;
    }
    j.rules = weir_rules_join(&own, &then, run->arena);
    if (!drops_anything(&j.rules) || !has_segments(run->table)) {
        return WEIR_DUTY_DONE;
    }
    if (!weir_table_buckets(run->table, &j.buckets, err) ||
        !weir_table_drop(run->table, run->options->clock, &(weir_drop){gone, &j},
                         weir_duty_cancelled, run, &changed, err)) {
        return WEIR_DUTY_FAILED;
    }
    if (changed > 0) {
        weir_log(WEIR_INFO, "coordinator", "table '%.*s': rules dropped rows of %lu segments",
                 WEIR_STR_ARG(weir_table_name(run->table)), changed);
        atomic_fetch_add(&run->stats->items, changed);
    }
    return WEIR_DUTY_DONE;
}

const weir_duty weir_duty_rules = {
    .name = "rules", .period_ms = PERIOD_MS, .kept_bytes = 0, .work_bytes = 0, .step = step};
