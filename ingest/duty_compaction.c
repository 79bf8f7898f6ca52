/* ingest/duty_compaction.c - the duty that compacts: one merge a run, the next at once while there
 * is something to do. Every table by default; what operators set is read in compaction_config.c. */
#include "ingest/compaction.h"
#include "ingest/compaction_pick.h"
#include "ingest/duty.h"
#include "weir/log.h"

#define PERIOD_MS 60000
#define QUIET_PERIODS 10    /* without a new segment, and a bucket is quiet */
#define THOROUGH_PERIODS 60 /* from one thorough look to the next */
#define TARGET_ROWS 5000000u
#define MOST 4u      /* segments in a bucket that are well enough */
#define BUCKETS 256u /* that strays are dealt out to at once */
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
    uint32_t vain_at;
} kept;

typedef struct work {
    weir_compaction *compaction;
    weir_compaction_choice choice;
    weir_schema *schema;
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

static bool is_vain(void *self, uint64_t hash)
{
    const kept *k = self;
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

static weir_compaction_policy policy_of(weir_duty_run *run, const weir_log_state *state,
                                        const weir_schema *schema)
{
    kept *k = run->kept;
    int64_t now_us = weir_monotonic_us(run->options->clock);
    k->begun_us = k->begun_us ? k->begun_us : now_us;
    int64_t since_us = now_us - (k->thorough_us ? k->thorough_us : k->begun_us),
            every_us = (k->thorough_us ? THOROUGH_PERIODS : QUIET_PERIODS) * period_us(run);
    k->thorough = k->thorough || since_us >= every_us;
    return (weir_compaction_policy){.granularity = &schema->segment_granularity,
                                    .target_rows = TARGET_ROWS,
                                    .memory_bytes = run->options->memory_bytes,
                                    .most = MOST,
                                    .thorough = k->thorough,
                                    .quiet = quiet_version(run, weir_log_version(state), now_us),
                                    .within = weir_interval_eternity,
                                    .skip_from_ms = INT64_MAX,
                                    .is_vain = is_vain,
                                    .self = k};
}

/* False: nothing to do. */
static bool begin(weir_duty_run *run, weir_error *err)
{
    work *w = run->work;
    weir_log_state *state = weir_table_state(run->table);
    size_t count;
    weir_log_segments(state, &count);
    bool found = false, ok = count == 0 || weir_table_schema(run->table, &w->schema, err);
    if (ok && w->schema && w->schema->segment_granularity.kind != WEIR_GRAN_NONE) {
        weir_compaction_policy policy = policy_of(run, state, w->schema);
        found = weir_compaction_pick(state, &policy, run->arena, &w->choice);
    }
    weir_log_state_unref(state);
    if (found) {
        weir_compaction_options options = {.catalog = run->options->catalog,
                                           .table = run->table,
                                           .clock = run->options->clock,
                                           .work_path = run->options->work_path,
                                           .memory_bytes = run->options->memory_bytes,
                                           .max_rows = TARGET_ROWS,
                                           .bucket_limit = BUCKETS,
                                           .segment_granularity = &w->schema->segment_granularity,
                                           .rollup = -1,
                                           .go_on = weir_duty_rest,
                                           .given_up = weir_duty_cancelled,
                                           .self = run};
        w->compaction =
            weir_compaction_new(&options, w->choice.ids, w->choice.count, w->choice.rewrite);
    }
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
