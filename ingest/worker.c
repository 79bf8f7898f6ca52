/* ingest/worker.c - see ingest/worker.h: the steps of an ingest thread, its seals, requests and
 * status. */
#include "ingest/room.h"
#include "ingest/worker_parts.h"
#include "weir/log.h"
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#define SETTLE_MS 50    /* without events */
#define SETTLE_SHARE 50 /* settling takes at most one part in so many of the thread's time */
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
    weir_worker_drop_sealed(w);
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
    if (w->phase == WEIR_WORKER_RUNNING && weir_worker_must_seal(w)) {
        weir_worker_seal(w, true);
    }
}

static void step_draining(weir_worker *w)
{
    if (w->cancel_wanted) {
        weir_worker_drop_sealed(w);
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
    weir_worker_step_handoffs(w);
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
