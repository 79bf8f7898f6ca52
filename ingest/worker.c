/* ingest/worker.c - see ingest/worker.h: the steps of an ingest thread, its seals, requests and
 * status. */
#include "ingest/room.h"
#include "ingest/worker_parts.h"
#include "weir/log.h"
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#define SEAL_EVENTS 1000000u
#define SEAL_AGE_MS 60000
#define SEAL_AGE_SHARED_MS 5000 /* while other members hold partitions of the topic */
#define SETTLE_MS 50            /* without events */
#define SETTLE_SHARE 50 /* settling takes at most one part in so many of the thread's time */
#define SEAL_AGE_EMPTY_MS 600000 /* records were read, but no rows kept */
#define REVOKE_MS 3000
#define REOPEN_MS 2000
#define LOOK_MS 5000     /* for topics that were away */
#define START_WAIT_MS 10 /* a start is many steps */
#define OUT_OF_RANGE_MS                                                                            \
    5000 /* the other partitions wait no longer for a store that does not answer */

/* Made and freed. */

weir_worker *weir_worker_new(const weir_worker_options *options, weir_spec *spec, weir_error *err)
{
    weir_worker *w = weir_calloc(1, sizeof(*w));
    w->options = *options;
    w->spec = weir_spec_ref(spec);
    w->arena = weir_arena_new();
    w->fields = weir_spec_fields(spec);
    w->decoder = weir_decoder_json_new(w->fields);
    weir_events_init(&w->events);
    pthread_mutex_init(&w->lock, NULL);
    w->transform = weir_transform_new(spec, w->fields, err);
    if (!w->transform) {
        w->phase = WEIR_WORKER_STOPPED;
        weir_worker_free(w);
        return NULL;
    }
    return w;
}

static void drop_sealed(weir_worker *w)
{
    while (w->sealed) {
        weir_sealed *next = w->sealed->next;
        weir_generation_unref(w->sealed->gen);
        free(w->sealed);
        w->sealed = next;
    }
    w->sealed_last = NULL;
}

static void free_shown(weir_worker_partition *shown, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free((void *)shown[i].problem.at);
        free((void *)shown[i].topic.at);
    }
    free(shown);
}

void weir_worker_free(weir_worker *w)
{
    assert(w->phase == WEIR_WORKER_STOPPED && !w->handoff && !w->start);
    if (w->gen) {
        weir_generation_unref(w->gen);
    }
    drop_sealed(w);
    weir_worker_start_forget(w);
    weir_worker_reset_free(w);
    free_shown(w->shown, w->shown_count);
    weir_transform_free(w->transform);
    weir_events_done(&w->events);
    weir_decoder_free(w->decoder);
    weir_fields_free(w->fields);
    weir_spec_unref(w->spec);
    weir_arena_free(w->arena);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* Small things. */

static int64_t now_us(const weir_worker *w)
{
    return weir_monotonic_us(w->options.clock);
}

void weir_worker_pause(weir_worker *w, int64_t ms)
{
    w->retry_us = now_us(w) + ms * 1000;
}

weir_worker_source *weir_worker_find(weir_worker *w, int32_t partition)
{
    for (uint32_t i = 0; i < w->source_count; i++) {
        if (w->sources[i].partition == partition) {
            return &w->sources[i];
        }
    }
    return NULL;
}

void weir_worker_problem(weir_worker *w, const weir_error *err, bool fatal)
{
    weir_log(fatal ? WEIR_ERROR : WEIR_WARN, "ingest", "supervisor '%.*s': %s",
             WEIR_STR_ARG(w->spec->id), err->message);
    pthread_mutex_lock(&w->lock);
    w->problem = *err;
    w->has_problem = true;
    w->shown_fatal = w->shown_fatal || fatal;
    pthread_mutex_unlock(&w->lock);
    w->fatal = w->fatal || fatal;
}

static void clear_problem(weir_worker *w)
{
    bool stopped = false;
    for (uint32_t i = 0; i < w->source_count; i++) {
        stopped = stopped || w->sources[i].stopped;
    }
    pthread_mutex_lock(&w->lock);
    w->has_problem = w->has_problem && (stopped || w->shown_fatal);
    pthread_mutex_unlock(&w->lock);
}

/* Generations. */

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

static bool must_seal(const weir_worker *w)
{
    const weir_spec *spec = w->spec;
    if (!w->gen || w->gen_begun_us == 0) {
        return false;
    }
    const weir_realtime *rt = weir_generation_rows(w->gen);
    uint64_t events = weir_realtime_events(rt), bytes = weir_realtime_bytes(rt);
    int64_t age_ms = (now_us(w) - w->gen_begun_us) / 1000;
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

static void step_handoffs(weir_worker *w)
{
    if (w->handoff) {
        end_handoff(w);
    }
    if (!w->handoff && w->sealed && !w->fatal && !holds_back(w)) {
        begin_handoff(w);
    }
}

/* The consumer's events. */

static void give_waiting(weir_worker *w)
{
    if (w->options.waiting) {
        weir_budget_give(w->options.waiting, w->waiting_bytes);
    }
    w->waiting_bytes = 0;
}

static void close_source(weir_worker *w, bool leave)
{
    if (w->source) {
        w->source->ops->close(w->source, leave);
        w->source = NULL;
        give_waiting(w);
    }
    weir_worker_start_forget(w);
}

static void open_source(weir_worker *w)
{
    weir_error err;
    if (w->fatal || now_us(w) < w->retry_us) {
        return;
    }
    w->waiting_bytes = weir_room_take_waiting(w->options.budget, w->options.waiting);
    weir_log_state *state = weir_table_state(w->options.table);
    weir_source_options options = {
        .topic = w->spec->topic,
        .is_pattern = w->spec->topic_is_pattern,
        .group_id =
            weir_arena_printf(w->arena, "weir.%.*s.%.*s", WEIR_STR_ARG(weir_log_table_id(state)),
                              WEIR_STR_ARG(w->spec->id)),
        .instance_id = w->options.node,
        .consumer_properties = w->spec->consumer_properties,
        .if_free = w->fenced,
        .prefetch_bytes = weir_room_prefetch(w->options.budget, w->waiting_bytes)};
    w->source = w->options.open(w->options.open_self, &options, &err);
    weir_log_state_unref(state);
    if (!w->source) {
        give_waiting(w);
        weir_worker_problem(w, &err, false);
        weir_worker_pause(w, REOPEN_MS);
    } else if (w->fenced) {
        w->fenced = false;
        clear_problem(w);
    }
}

weir_topic_partition weir_worker_name(const weir_worker *w, int32_t partition)
{
    return w->source->ops->name ? w->source->ops->name(w->source, partition)
                                : (weir_topic_partition){w->spec->topic, partition};
}

static void take_assignment(weir_worker *w, const weir_source_event *event)
{
    weir_worker_seal(w, false);
    weir_worker_start_forget(w);
    w->sources = weir_calloc(event->partition_count + 1, sizeof(*w->sources));
    w->source_count = event->partition_count;
    for (uint32_t i = 0; i < w->source_count; i++) {
        weir_worker_source *s = &w->sources[i];
        s->partition = event->partitions[i];
        weir_topic_partition name = weir_worker_name(w, s->partition);
        s->key = (weir_source_key){w->spec->id, name.topic, name.partition};
        if (i >= WEIR_REALTIME_SOURCES) {
            s->stopped = true;
            strcpy(s->problem, "one process reads at most 256 partitions");
        }
    }
    weir_log(WEIR_INFO, "ingest", "supervisor '%.*s': %u partitions of topic '%.*s' are ours",
             WEIR_STR_ARG(w->spec->id), w->source_count, WEIR_STR_ARG(w->spec->topic));
    atomic_fetch_add(&w->options.stats->restarts, 1);
    weir_worker_start(w);
}

static void give_partitions(weir_worker *w)
{
    weir_error err;
    if (w->source && !w->source->ops->give(w->source, &err)) {
        weir_worker_problem(w, &err, false);
    }
    weir_worker_start_forget(w);
    w->phase = WEIR_WORKER_CONNECTING;
}

/* The broker no longer has the offset, or not yet: the start finds out, and says so in the log. */
static void take_out_of_range(weir_worker *w, const weir_source_event *event)
{
    weir_worker_source *s = weir_worker_find(w, event->partitions[0]);
    if (s && s->ready && !s->stopped && w->phase == WEIR_WORKER_RUNNING) {
        weir_log(WEIR_WARN, "ingest", "supervisor '%.*s': %s", WEIR_STR_ARG(w->spec->id),
                 event->err.message);
        weir_worker_start(w);
        w->hand_off_first = true; /* so that the log stands where we do */
        w->hand_off_until_us = now_us(w) + OUT_OF_RANGE_MS * 1000;
    }
}

static void take_eof(weir_worker *w, const weir_source_event *event)
{
    weir_worker_source *s = weir_worker_find(w, event->partitions[0]);
    if (s && s->ready && !s->stopped && s->in_generation && event->offset > s->position) {
        s->position = event->offset; /* past control records */
        weir_generation_reach(w->gen, s->number, s->position);
    }
}

static void take_event(weir_worker *w, const weir_source_event *event)
{
    switch ((weir_source_event_kind)event->kind) {
    case WEIR_SOURCE_NOTHING:
        break;
    case WEIR_SOURCE_RECORDS:
        weir_worker_append(w, event->records, event->record_count);
        break;
    case WEIR_SOURCE_ASSIGNED:
        if (w->phase == WEIR_WORKER_DRAINING) {
            give_partitions(w);
            w->phase = WEIR_WORKER_DRAINING;
        } else {
            take_assignment(w, event);
        }
        break;
    case WEIR_SOURCE_REVOKED:
        weir_worker_seal(w, false);
        if (w->phase != WEIR_WORKER_DRAINING) {
            w->phase = WEIR_WORKER_REVOKING;
            w->deadline_us = now_us(w) + REVOKE_MS * 1000;
        } else {
            give_partitions(w);
            w->phase = WEIR_WORKER_DRAINING;
        }
        break;
    case WEIR_SOURCE_LOST:
        weir_worker_seal(w, false);
        give_partitions(w);
        break;
    case WEIR_SOURCE_EOF:
        take_eof(w, event);
        break;
    case WEIR_SOURCE_OUT_OF_RANGE:
        take_out_of_range(w, event);
        break;
    case WEIR_SOURCE_ERROR:
        weir_worker_problem(w, &event->err, false);
        break;
    case WEIR_SOURCE_FENCED:
        weir_worker_problem(w, &event->err, false);
        weir_worker_seal(w, false);
        close_source(w, false);
        w->phase = WEIR_WORKER_CONNECTING;
        w->fenced = true;
        weir_worker_pause(w, 0);
        break;
    case WEIR_SOURCE_FATAL:
        weir_worker_problem(w, &event->err, true);
        weir_worker_seal(w, false);
        close_source(w, false);
        w->phase = WEIR_WORKER_CONNECTING;
        break;
    }
}

/* Steps. */

static void show(weir_worker *w);

static void poll_source(weir_worker *w, int wait_ms)
{
    weir_source_event event;
    bool take = w->phase == WEIR_WORKER_RUNNING && !weir_room_is_over(w->options.budget);
    w->source->ops->poll(w->source, wait_ms, take, &event);
    weir_worker_phase before = w->phase;
    take_event(w, &event);
    if (before == WEIR_WORKER_DRAINING) {
        w->phase = WEIR_WORKER_DRAINING;
    }
    if (event.kind == WEIR_SOURCE_RECORDS) {
        clear_problem(w);
    }
}

/* Rows that somebody else committed are masked: those sources begin again where the log stands. */
static void check_held(weir_worker *w)
{
    int64_t position;
    if (now_us(w) - w->checked_us < 1000000) {
        return;
    }
    w->checked_us = now_us(w);
    for (uint32_t i = 0; i < w->source_count; i++) {
        weir_worker_source *s = &w->sources[i];
        if (s->in_generation &&
            !weir_table_holds(w->options.table, w->options.holder, &s->key, &position)) {
            weir_log(WEIR_WARN, "ingest",
                     "supervisor '%.*s': partition %d of topic '%.*s' was committed by another "
                     "process; it is read again from there",
                     WEIR_STR_ARG(w->spec->id), (int)s->key.partition, WEIR_STR_ARG(s->key.topic));
            weir_worker_start(w);
            return;
        }
    }
}

static void look_for_absent(weir_worker *w)
{
    bool absent = false;
    for (uint32_t i = 0; i < w->source_count; i++) {
        absent = absent || w->sources[i].absent;
    }
    if (absent && now_us(w) - w->looked_us >= LOOK_MS * 1000) {
        weir_worker_start(w);
    }
}

static void step_running(weir_worker *w)
{
    check_held(w);
    if (w->phase == WEIR_WORKER_RUNNING) {
        look_for_absent(w);
    }
    if (w->phase == WEIR_WORKER_RUNNING &&
        (is_full(w) || (must_seal(w) && weir_worker_is_handed_off(w)))) {
        weir_worker_seal(w, true);
    }
}

static void step_draining(weir_worker *w)
{
    if (w->cancel_wanted) {
        drop_sealed(w);
    }
    if ((weir_worker_is_handed_off(w) || (w->fatal && !w->handoff)) && weir_worker_start_reap(w)) {
        close_source(w, true);
        w->phase = WEIR_WORKER_STOPPED;
    }
}

/* Requests that others made. */
static void take_requests(weir_worker *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t flush = w->flush_wanted;
    pthread_mutex_unlock(&w->lock);
    if (w->stop_wanted && w->phase != WEIR_WORKER_DRAINING && w->phase != WEIR_WORKER_STOPPED) {
        weir_worker_seal(w, false);
        w->phase = WEIR_WORKER_DRAINING;
        if (w->reset) {
            weir_error err;
            weir_fail(&err, WEIR_ERR_CONFLICT, "supervisor [%.*s] is being stopped",
                      WEIR_STR_ARG(w->spec->id));
            weir_worker_reset_end(w, &err);
        }
    }
    if (w->cancel_wanted) {
        if (w->handoff) {
            weir_handoff_job(w->handoff)->cancelled = true;
        }
        if (w->start) {
            w->start->job.cancelled = true;
        }
    }
    weir_worker_reset_take(w);
    if (flush > w->flush_sealed) {
        w->flush_sealed = flush;
        weir_worker_seal(w, w->phase == WEIR_WORKER_RUNNING);
    }
    if (w->flush_sealed > w->flush_done && weir_worker_is_handed_off(w)) {
        pthread_mutex_lock(&w->lock);
        w->flush_done = w->flush_sealed;
        pthread_mutex_unlock(&w->lock);
    }
}

/* Nothing came for a moment: what rolls up is rolled up now and not only when a chunk is full. */
static void settle_when_quiet(weir_worker *w)
{
    int64_t now = now_us(w);
    if (w->gen && w->appended_us && now - w->appended_us >= SETTLE_MS * 1000 &&
        now >= w->settle_us) {
        weir_realtime_settle(weir_generation_rows(w->gen));
        w->appended_us = 0;
        w->settle_us = now + SETTLE_SHARE * (now_us(w) - now);
    }
}

static void wait_a_little(const weir_worker *w, int wait_ms)
{
    (void)w;
    if (wait_ms > 0) {
        nanosleep(
            &(struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000L},
            NULL);
    }
}

bool weir_worker_step(weir_worker *w, int wait_ms)
{
    step_handoffs(w);
    take_requests(w);
    weir_stats_tick(w->options.stats, now_us(w));
    switch (w->phase) {
    case WEIR_WORKER_CONNECTING:
        if (!w->source) {
            open_source(w);
        }
        break;
    case WEIR_WORKER_FOLDING:
    case WEIR_WORKER_DECIDING:
    case WEIR_WORKER_COMMITTING:
        weir_worker_start_step(w);
        if (w->phase == WEIR_WORKER_RUNNING && w->reset) {
            weir_worker_reset_end(w, NULL);
        }
        break;
    case WEIR_WORKER_RUNNING:
        step_running(w);
        break;
    case WEIR_WORKER_REVOKING:
        if (weir_worker_is_handed_off(w) || now_us(w) >= w->deadline_us) {
            give_partitions(w);
        }
        break;
    case WEIR_WORKER_DRAINING:
        step_draining(w);
        break;
    case WEIR_WORKER_STOPPED:
        break;
    }
    if (w->phase == WEIR_WORKER_STOPPED) {
        show(w);
        return false;
    }
    settle_when_quiet(w);
    weir_room_keep(w->options.budget);
    if (w->source && w->phase != WEIR_WORKER_REVOKING) {
        poll_source(w, weir_worker_is_starting(w) && wait_ms > START_WAIT_MS ? START_WAIT_MS
                                                                             : wait_ms);
    } else {
        wait_a_little(w, wait_ms < 20 ? wait_ms : 20);
    }
    show(w);
    return true;
}

/* Requests and status. */

void weir_worker_stop(weir_worker *w)
{
    w->stop_wanted = true;
}

void weir_worker_cancel(weir_worker *w)
{
    w->stop_wanted = true;
    w->cancel_wanted = true;
}

uint64_t weir_worker_flush(weir_worker *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t ticket = ++w->flush_wanted;
    pthread_mutex_unlock(&w->lock);
    return ticket;
}

bool weir_worker_flushed(weir_worker *w, uint64_t ticket)
{
    pthread_mutex_lock(&w->lock);
    bool done = w->flush_done >= ticket;
    pthread_mutex_unlock(&w->lock);
    return done;
}

static int by_partition(const void *a, const void *b)
{
    const weir_worker_partition *x = a, *y = b;
    int order = weir_str_cmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void show_partition(const weir_worker *w, const weir_worker_source *s,
                           weir_worker_partition *out)
{
    int64_t low, high;
    *out = (weir_worker_partition){.topic = weir_str_dup(s->key.topic),
                                   .partition = s->key.partition,
                                   .start = s->start,
                                   .position = s->ready ? s->position : -1,
                                   .latest = -1,
                                   .stopped = s->stopped};
    if (w->source && w->source->ops->watermarks_known(w->source, s->partition, &low, &high)) {
        out->latest = high;
    }
    out->problem = weir_str_dup(weir_str_of(s->problem));
}

/* Puts what others may see where they may see it, at most ten times a second and at each change of
 * phase. */
static void show(weir_worker *w)
{
    int64_t now = now_us(w);
    if (w->phase == w->shown_phase && now - w->shown_us < 100000) {
        return;
    }
    w->shown_us = now;
    weir_worker_partition *fresh = weir_calloc(w->source_count + 1, sizeof(*fresh));
    for (uint32_t i = 0; i < w->source_count; i++) {
        show_partition(w, &w->sources[i], &fresh[i]);
    }
    qsort(fresh, w->source_count, sizeof(*fresh), by_partition);
    pthread_mutex_lock(&w->lock);
    weir_worker_partition *old = w->shown;
    uint32_t old_count = w->shown_count;
    w->shown = fresh;
    w->shown_count = w->source_count;
    w->shown_phase = w->phase;
    w->backpressure = w->phase == WEIR_WORKER_RUNNING && weir_room_is_over(w->options.budget);
    pthread_mutex_unlock(&w->lock);
    free_shown(old, old_count);
}

static const char *phase_name(weir_worker_phase phase)
{
    switch (phase) {
    case WEIR_WORKER_CONNECTING:
        return "connecting";
    case WEIR_WORKER_FOLDING:
    case WEIR_WORKER_DECIDING:
    case WEIR_WORKER_COMMITTING:
        return "starting";
    case WEIR_WORKER_RUNNING:
        return "running";
    case WEIR_WORKER_REVOKING:
        return "revoking";
    case WEIR_WORKER_DRAINING:
        return "stopping";
    case WEIR_WORKER_STOPPED:
        return "stopped";
    }
    return "";
}

void weir_worker_status_get(weir_worker *w, weir_arena *arena, weir_worker_status *out)
{
    pthread_mutex_lock(&w->lock);
    weir_worker_partition *partitions =
        WEIR_ARENA_ARRAY(arena, weir_worker_partition, w->shown_count + 1);
    for (uint32_t i = 0; i < w->shown_count; i++) {
        partitions[i] = w->shown[i];
        partitions[i].problem = weir_arena_str(arena, w->shown[i].problem);
        partitions[i].topic = weir_arena_str(arena, w->shown[i].topic);
    }
    *out = (weir_worker_status){.phase = phase_name(w->shown_phase),
                                .backpressure = w->backpressure,
                                .handing_off = w->handoff != NULL,
                                .partition_count = w->shown_count,
                                .partitions = partitions,
                                .has_problem = w->has_problem,
                                .problem = w->problem,
                                .fatal = w->shown_fatal};
    if (w->handoff && !out->has_problem) {
        out->has_problem = weir_handoff_problem(w->handoff, &out->problem);
    }
    pthread_mutex_unlock(&w->lock);
}
