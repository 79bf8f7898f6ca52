/* ingest/worker_handoff.c - see ingest/worker_parts.h: an ingest thread's generations, when they
 * are sealed, and their hand-offs in that order. */
#include "ingest/room.h"
#include "ingest/worker_parts.h"
#include "weir/log.h"
#include <stdlib.h>

#define SEAL_EVENTS 1000000u
#define SEAL_AGE_MS 60000
#define SEAL_AGE_SHARED_MS 5000  /* while other members hold partitions of the topic */
#define SEAL_AGE_EMPTY_MS 600000 /* records were read, but no rows kept */

void weir_worker_add_to_generation(weir_worker *w, weir_worker_source *s)
{
    if (!w->gen) {
        w->gen = weir_generation_begin(w->options.table, w->options.holder, w->spec->schema,
                                       w->options.budget);
        w->gen_begun_us = 0;
    }
    s->number = weir_generation_add_source(w->gen, &s->key, s->epoch, s->position);
    s->in_generation = true;
    s->from = s->position;
    s->anchor = (weir_anchor){0};
    s->counts = (weir_counts){0};
}

static bool has_moved(const weir_worker *w)
{
    for (uint32_t i = 0; i < w->source_count; i++) {
        if (w->sources[i].in_generation && w->sources[i].position > w->sources[i].from) {
            return true;
        }
    }
    return false;
}

static void push_sealed(weir_worker *w, weir_generation *gen)
{
    weir_sealed *sealed = weir_calloc(1, sizeof(*sealed));
    sealed->gen = gen;
    if (w->sealed_last) {
        w->sealed_last->next = sealed;
    } else {
        w->sealed = sealed;
    }
    w->sealed_last = sealed;
}

/* Notes the ends of all sources in the generation and hands it on. */
static void seal_now(weir_worker *w)
{
    weir_generation_source *ends = weir_calloc(WEIR_REALTIME_SOURCES, sizeof(*ends));
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->source_count; i++) {
        const weir_worker_source *s = &w->sources[i];
        if (s->in_generation) {
            ends[s->number] = (weir_generation_source){.key = s->key,
                                                       .epoch = s->epoch,
                                                       .from = s->from,
                                                       .to = s->position,
                                                       .anchor = s->anchor,
                                                       .counts = s->counts};
            count++;
        }
    }
    weir_generation_seal(w->gen, ends, count);
    free(ends);
    push_sealed(w, w->gen);
    w->gen = NULL;
}

void weir_worker_seal(weir_worker *w, bool go_on)
{
    bool moved = has_moved(w);
    if (!w->gen || (go_on && !moved)) {
        return;
    }
    if (moved) {
        seal_now(w);
    } else {
        weir_generation_drop(w->gen);
        weir_generation_unref(w->gen);
        w->gen = NULL;
    }
    for (uint32_t i = 0; i < w->source_count; i++) {
        weir_worker_source *s = &w->sources[i];
        bool was_in = s->in_generation;
        s->in_generation = false;
        if (go_on && was_in) {
            weir_worker_add_to_generation(w, s);
        }
    }
}

static int64_t seal_age_ms(const weir_worker *w)
{
    int64_t age_ms = w->spec->handoff_period_ms > 0 ? w->spec->handoff_period_ms : SEAL_AGE_MS;
    return w->source && w->source->ops->members(w->source) > 1 && age_ms > SEAL_AGE_SHARED_MS
               ? SEAL_AGE_SHARED_MS
               : age_ms;
}

static bool is_due(const weir_worker *w)
{
    const weir_spec *spec = w->spec;
    if (!w->gen || w->gen_begun_us == 0) {
        return false;
    }
    const weir_realtime *rt = weir_generation_rows(w->gen);
    uint64_t events = weir_realtime_events(rt), bytes = weir_realtime_bytes(rt);
    int64_t age_ms = (weir_monotonic_us(w->options.clock) - w->gen_begun_us) / 1000;
    uint64_t most_events =
        spec->max_rows_per_segment > 0 ? (uint64_t)spec->max_rows_per_segment : SEAL_EVENTS;
    uint64_t most_bytes =
        spec->max_bytes_in_memory > 0 ? (uint64_t)spec->max_bytes_in_memory : UINT64_MAX;
    if (events == 0) {
        return age_ms >= SEAL_AGE_EMPTY_MS;
    }
    return age_ms >= seal_age_ms(w) || events >= most_events || bytes >= most_bytes ||
           (spec->max_rows_in_memory > 0 &&
            weir_realtime_rows(rt) >= (uint64_t)spec->max_rows_in_memory) ||
           weir_room_is_over(w->options.budget);
}

/* In an outage generations wait for their hand-off: small ones, as freezing takes memory by the
 * size of one. */
static bool is_full(const weir_worker *w)
{
    size_t most = weir_room_generation(w->options.budget);
    return most > 0 && w->gen && weir_realtime_bytes(weir_generation_rows(w->gen)) >= most;
}

bool weir_worker_must_seal(const weir_worker *w)
{
    return is_full(w) || (is_due(w) && weir_worker_is_handed_off(w));
}

void weir_worker_drop_sealed(weir_worker *w)
{
    while (w->sealed) {
        weir_sealed *next = w->sealed->next;
        weir_generation_unref(w->sealed->gen);
        free(w->sealed);
        w->sealed = next;
    }
    w->sealed_last = NULL;
}

/* Hand-offs, one at a time. */

static const weir_worker_source *find_by_key(const weir_worker *w, const weir_source_key *key)
{
    for (uint32_t i = 0; i < w->source_count; i++) {
        const weir_source_key *own = &w->sources[i].key;
        if (own->partition == key->partition && weir_str_eq(own->topic, key->topic)) {
            return &w->sources[i];
        }
    }
    return NULL;
}

static void store_offsets(weir_worker *w, const weir_generation_source *sources, uint32_t count)
{
    int32_t partitions[WEIR_REALTIME_SOURCES];
    int64_t offsets[WEIR_REALTIME_SOURCES];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && i < WEIR_REALTIME_SOURCES; i++) {
        const weir_worker_source *s = find_by_key(w, &sources[i].key);
        if (s && !sources[i].masked && sources[i].to > sources[i].from) {
            partitions[kept] = s->partition;
            offsets[kept++] = sources[i].to;
        }
    }
    if (w->source && kept > 0) {
        w->source->ops->store_offsets(w->source, partitions, offsets, kept);
    }
}

static void end_handoff(weir_worker *w)
{
    const weir_generation_source *sources;
    uint32_t count;
    weir_job *job = weir_handoff_job(w->handoff);
    if (!job->done) {
        return;
    }
    w->options.jobs.join(w->options.jobs.self, job);
    weir_handoff_end end = weir_handoff_result(w->handoff, &sources, &count);
    if (end == WEIR_HANDOFF_GIVEN_UP && !job->cancelled) {
        weir_error err;
        weir_fail(&err, WEIR_ERR_CORRUPT, "the log of table '%.*s' cannot be written any more",
                  WEIR_STR_ARG(weir_table_name(w->options.table)));
        weir_worker_problem(w, &err, true);
    }
    store_offsets(w, sources, count);
    weir_handoff *done = w->handoff;
    pthread_mutex_lock(&w->lock);
    w->handoff = NULL; /* the status looks at it */
    pthread_mutex_unlock(&w->lock);
    weir_handoff_free(done);
}

static void begin_handoff(weir_worker *w)
{
    weir_sealed *sealed = w->sealed;
    weir_handoff_options options = {.catalog = w->options.catalog,
                                    .table = w->options.table,
                                    .clock = w->options.clock,
                                    .work_path = w->options.work_path,
                                    .max_rows = (uint32_t)w->spec->max_rows_per_segment,
                                    .stats = w->options.stats};
    weir_handoff *handoff = weir_handoff_new(&options, sealed->gen);
    w->sealed = sealed->next;
    w->sealed_last = w->sealed ? w->sealed_last : NULL;
    free(sealed);
    pthread_mutex_lock(&w->lock);
    w->handoff = handoff;
    pthread_mutex_unlock(&w->lock);
    w->options.jobs.start(w->options.jobs.self, weir_handoff_job(handoff));
}

/* What a reset to an earlier offset will mask is not committed meanwhile. */
static bool holds_back(const weir_worker *w)
{
    return w->reset && !w->hand_off_first && weir_worker_is_starting(w);
}

void weir_worker_step_handoffs(weir_worker *w)
{
    if (w->handoff) {
        end_handoff(w);
    }
    if (!w->handoff && w->sealed && !w->fatal && !holds_back(w)) {
        begin_handoff(w);
    }
}
