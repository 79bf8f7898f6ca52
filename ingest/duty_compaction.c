/* ingest/duty_compaction.c - the duty that compacts: one merge a run, the next at once while there
 * is something to do. Every table by default; what operators set is read in compaction_config.c. */
#include "ingest/compaction.h"
#include "ingest/compaction_config.h"
#include "ingest/duty.h"
#include "segments/compact.h"

#define PERIOD_MS 60000
#define QUIET_PERIODS 10    /* without a new segment, and a bucket is quiet */
#define THOROUGH_PERIODS 60 /* from one thorough look to the next */
#define BUCKETS 256u        /* that strays are dealt out to at once */
#define SAMPLES 16u
#define VAIN 64u

typedef struct kept {
    struct {
        uint64_t version;
        int64_t at_us;
    } samples[SAMPLES]; /* of the log's version, a ring */
    uint32_t sample;
    int64_t begun_us, thorough_us; /* the last look that was done */
    bool thorough;                 /* the look under way */
    uint64_t vain[VAIN];           /* choices that led to nothing */
    uint64_t config_hash;
    uint32_t vain_at;
} kept;

typedef struct work {
    weir_compaction *compaction;
    weir_compaction_choice choice;
    weir_schema *schema;
    weir_compaction_config config;
} work;

static int64_t period_us(const weir_duty_run *run)
{
    return run->again_ms * 1000; /* as the coordinator set it */
}

/* The newest version that was there QUIET_PERIODS ago. */
static uint64_t quiet_version(const weir_duty_run *run, uint64_t version, int64_t now_us)
{
    kept *k = run->kept;
    uint64_t quiet = 0;
    int64_t quiet_us = QUIET_PERIODS * period_us(run);
    if (now_us - k->samples[k->sample].at_us >= quiet_us / (SAMPLES - 4)) {
        k->sample = (k->sample + 1) % SAMPLES;
        k->samples[k->sample].version = version;
        k->samples[k->sample].at_us = now_us;
    }
    for (uint32_t i = 0; i < SAMPLES; i++) {
        bool old = k->samples[i].at_us > 0 && now_us - k->samples[i].at_us >= quiet_us;
        quiet = old && k->samples[i].version > quiet ? k->samples[i].version : quiet;
    }
    return quiet;
}

static bool is_vain(void *run, uint64_t hash)
{
    const kept *k = ((weir_duty_run *)run)->kept;
    for (uint32_t i = 0; i < VAIN; i++) {
        if (k->vain[i] == hash) {
            return true;
        }
    }
    return false;
}

static void note_vain(kept *k, uint64_t hash)
{
    k->vain[k->vain_at++ % VAIN] = hash;
}

static const weir_granularity *if_said(bool said, const weir_granularity *gran)
{
    return said ? gran : NULL;
}

static bool is_unlike(void *self, weir_str id)
{
    weir_duty_run *run = self;
    const weir_compaction_config *c = &((work *)run->work)->config;
    weir_error err;
    weir_view *view = weir_duty_rest(run) ? weir_table_view_of(run->table, &id, 1, &err) : NULL;
    bool unlike =
        view && !weir_merge_is_like(
                    view->rows[0], if_said(c->has_segment_granularity, &c->segment_granularity),
                    if_said(c->has_query_granularity, &c->query_granularity), c->rollup);
    weir_view_unref(view);
    return unlike;
}

static weir_compaction_policy policy_of(weir_duty_run *run, const weir_log_state *state)
{
    kept *k = run->kept;
    work *w = run->work;
    int64_t now_us = weir_monotonic_us(run->options->clock);
    k->begun_us = k->begun_us ? k->begun_us : now_us;
    int64_t since_us = now_us - (k->thorough_us ? k->thorough_us : k->begun_us),
            every_us = (k->thorough_us ? THOROUGH_PERIODS : QUIET_PERIODS) * period_us(run);
    bool changed =
        k->config_hash != w->config.hash; /* what is set is done now, not within the hour */
    k->config_hash = w->config.hash;
    k->thorough = k->thorough || changed || since_us >= every_us;
    weir_compaction_policy policy = weir_compaction_policy_of(
        &w->config, state, &w->schema->segment_granularity, run->options->memory_bytes);
    policy.thorough = k->thorough;
    policy.quiet = quiet_version(run, weir_log_version(state), now_us);
    policy.is_vain = is_vain;
    policy.is_unlike = is_unlike;
    policy.self = run;
    return policy;
}

static void begin_merge(weir_duty_run *run, const weir_compaction_policy *policy)
{
    work *w = run->work;
    const weir_compaction_config *c = &w->config;
    weir_compaction_options options = {.catalog = run->options->catalog,
                                       .table = run->table,
                                       .clock = run->options->clock,
                                       .work_path = run->options->work_path,
                                       .memory_bytes = run->options->memory_bytes,
                                       .max_rows = (uint32_t)policy->target_rows,
                                       .bucket_limit = BUCKETS,
                                       .segment_granularity = policy->granularity,
                                       .query_granularity =
                                           if_said(c->has_query_granularity, &c->query_granularity),
                                       .rollup = c->rollup,
                                       .go_on = weir_duty_rest,
                                       .given_up = weir_duty_cancelled,
                                       .self = run};
    w->compaction =
        weir_compaction_new(&options, w->choice.ids, w->choice.count, w->choice.rewrite);
}

/* False: nothing to do. */
static bool begin(weir_duty_run *run, weir_error *err)
{
    work *w = run->work;
    weir_log_state *state = weir_table_state(run->table);
    size_t count;
    weir_log_segments(state, &count);
    bool found = false, ok = count == 0 || weir_table_schema(run->table, &w->schema, err);
    if (ok && w->schema) {
        w->config = weir_compaction_config_of(state, run->arena);
        weir_compaction_policy policy = policy_of(run, state);
        found = (w->config.set || !run->options->compact_configured) &&
                policy.granularity->kind != WEIR_GRAN_NONE &&
                weir_compaction_pick(state, &policy, run->arena, &w->choice);
        if (found) {
            begin_merge(run, &policy);
        }
    }
    weir_log_state_unref(state);
    return found;
}

static void note_look(weir_duty_run *run)
{
    kept *k = run->kept;
    if (k->thorough) {
        k->thorough = false;
        k->thorough_us = weir_monotonic_us(run->options->clock);
    }
}

static weir_duty_step step(weir_duty_run *run, weir_error *err)
{
    work *w = run->work;
    weir_error why = {0};
    if (!w->compaction && !begin(run, &why)) {
        note_look(run);
        *err = why;
        return why.code == WEIR_OK || why.code == WEIR_ERR_NOT_FOUND ? WEIR_DUTY_DONE
                                                                     : WEIR_DUTY_FAILED;
    }
    switch (weir_compaction_step(w->compaction, &run->wait_ms, err)) {
    case WEIR_COMPACTION_MORE:
        return WEIR_DUTY_MORE;
    case WEIR_COMPACTION_LANDED: {
        weir_compaction_figures f = weir_compaction_figures_of(w->compaction);
        atomic_fetch_add(&run->stats->items, f.segments_in);
        atomic_fetch_add(&run->stats->bytes, f.bytes_out);
        run->again_ms = 0;
        return WEIR_DUTY_DONE;
    }
    case WEIR_COMPACTION_LOST:
        run->again_ms =
            1 + (int64_t)(weir_random(run->options->clock) % 1000); /* of two, one later */
        return WEIR_DUTY_DONE;
    case WEIR_COMPACTION_NOTHING:
        note_vain(run->kept, w->choice.hash);
        run->again_ms = 0;
        return WEIR_DUTY_DONE;
    case WEIR_COMPACTION_GIVEN_UP:
        return WEIR_DUTY_DONE;
    case WEIR_COMPACTION_FAILED:
        break;
    }
    if (err->code == WEIR_ERR_CORRUPT) { /* the others are not to wait for it */
        note_vain(run->kept, w->choice.hash);
    }
    return WEIR_DUTY_FAILED;
}

static void end(weir_duty_run *run)
{
    work *w = run->work;
    weir_compaction_free(w->compaction);
    weir_schema_unref(w->schema);
}

const weir_duty weir_duty_compaction = {.name = "compaction",
                                        .period_ms = PERIOD_MS,
                                        .kept_bytes = sizeof(kept),
                                        .work_bytes = sizeof(work),
                                        .step = step,
                                        .end = end};
