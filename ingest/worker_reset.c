/* ingest/worker_reset.c - a reset: partitions go on at other offsets because somebody said so. It
 * is a `reset` range in the log, so it begins as a start does (worker_start.c). Rows of the process
 * that are not committed yet: where reading goes back to or before the committed offset they are
 * masked and read again, so that they count once; where it goes beyond, they are committed first,
 * so that what was seen stays. Partitions that another process holds are reset as well: it finds
 * out when it folds the commit, masks its rows of them and goes on where the log says.
 * docs/PROTOCOL.md, section 6. */
#include "ingest/worker_parts.h"
#include "weir/log.h"
#include <stdlib.h>

struct weir_reset_order {
    weir_arena *arena;
    uint32_t count; /* 0: all partitions, at the topic's begin or end */
    weir_reset *resets;
};

static void free_order(weir_reset_order *order)
{
    if (order) {
        weir_arena_free(order->arena);
    }
}

void weir_worker_reset_free(weir_worker *w)
{
    free_order(w->reset);
    free_order(w->reset_wanted);
    w->reset = w->reset_wanted = NULL;
}

uint64_t weir_worker_reset(weir_worker *w, const weir_reset *resets, uint32_t count)
{
    weir_arena *arena = weir_arena_new();
    weir_reset_order *order = WEIR_ARENA_NEW(arena, weir_reset_order);
    order->arena = arena;
    order->count = count;
    order->resets = WEIR_ARENA_ARRAY(arena, weir_reset, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        order->resets[i] = resets[i];
        order->resets[i].topic = weir_arena_str(arena, resets[i].topic);
    }
    pthread_mutex_lock(&w->lock);
    weir_reset_order *old = w->reset_wanted;
    w->reset_wanted = order;
    uint64_t ticket = ++w->reset_asked;
    pthread_mutex_unlock(&w->lock);
    free_order(old);
    return ticket;
}

bool weir_worker_was_reset(weir_worker *w, uint64_t ticket, weir_error *err)
{
    pthread_mutex_lock(&w->lock);
    bool done = w->reset_done >= ticket;
    *err = done ? w->reset_error : (weir_error){0};
    pthread_mutex_unlock(&w->lock);
    return done;
}

static bool is_at(const weir_reset *reset, const weir_source_key *key)
{
    return reset->partition == key->partition && weir_str_eq(reset->topic, key->topic);
}

static const weir_reset *find_reset(const weir_reset_order *order, const weir_source_key *key)
{
    for (uint32_t i = 0; i < order->count; i++) {
        if (is_at(&order->resets[i], key)) {
            return &order->resets[i];
        }
    }
    return NULL;
}

static bool concerns(const weir_reset_order *order, const weir_source_key *key)
{
    return order->count == 0 || find_reset(order, key);
}

/* Whether reading would go on beyond what the log has: then what was read is committed first. */
static bool goes_beyond(const weir_worker *w, const weir_reset_order *order)
{
    bool beyond = order->count == 0 && !w->spec->use_earliest;
    weir_log_state *state = weir_table_state(w->options.table);
    for (uint32_t i = 0; i < order->count; i++) {
        const weir_reset *reset = &order->resets[i];
        weir_source_key key = {w->spec->id, reset->topic, reset->partition};
        const weir_source_state *known = weir_log_source(state, &key);
        beyond = beyond || (known && reset->offset > known->next);
    }
    weir_log_state_unref(state);
    return beyond;
}

void weir_worker_reset_take(weir_worker *w)
{
    if (w->reset || w->phase != WEIR_WORKER_RUNNING || w->handoff) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->reset = w->reset_wanted;
    w->reset_wanted = NULL;
    w->reset_number = w->reset_asked;
    pthread_mutex_unlock(&w->lock);
    if (w->reset) {
        for (uint32_t i = 0; i < w->source_count && i < WEIR_REALTIME_SOURCES; i++) {
            w->sources[i].reset = concerns(w->reset, &w->sources[i].key);
        }
        weir_worker_start(w);
        w->hand_off_first = goes_beyond(w, w->reset);
        w->hand_off_until_us = INT64_MAX;
    }
}

void weir_worker_reset_end(weir_worker *w, const weir_error *err)
{
    for (uint32_t i = 0; i < w->source_count; i++) {
        w->sources[i].reset = false;
    }
    pthread_mutex_lock(&w->lock);
    w->reset_done = w->reset_number;
    w->reset_error = err ? *err : (weir_error){0};
    pthread_mutex_unlock(&w->lock);
    free_order(w->reset);
    w->reset = NULL;
    w->hand_off_first = false;
}

/* The source's number of a partition; -1: none. */
static int32_t number_of(const weir_worker *w, weir_str topic, int32_t partition)
{
    const weir_event_source_ops *ops = w->source->ops;
    weir_topic_partition name = {topic, partition};
    return ops->number                          ? ops->number(w->source, &name)
           : weir_str_eq(topic, w->spec->topic) ? partition
                                                : -1;
}

static weir_worker_source *find_own(weir_worker *w, const weir_source_key *key)
{
    for (uint32_t i = 0; i < w->source_count && i < WEIR_REALTIME_SOURCES; i++) {
        const weir_source_key *own = &w->sources[i].key;
        if (own->partition == key->partition && weir_str_eq(own->topic, key->topic)) {
            return &w->sources[i];
        }
    }
    return NULL;
}

/* The own source takes it into its start; a range for another's goes into the commit. */
static void decide_one(weir_worker *w, const weir_source_state *known, int64_t to,
                       weir_commit *commit)
{
    weir_worker_source *own = find_own(w, &known->source);
    if (own) {
        own->reset = true;
        own->reset_to = to;
        return;
    }
    weir_range range = {.source = known->source,
                        .epoch = known->epoch + 1,
                        .kind = WEIR_RANGE_RESET,
                        .from = known->next,
                        .to = to,
                        .reason = WEIR_STR(WEIR_RESET_ASKED)};
    weir_commit_add_range(commit, &range);
}

/* All partitions of the topic that the log knows: to the begin or the end. */
static bool decide_all(weir_worker *w, const weir_log_state *state, weir_commit *commit,
                       weir_error *err)
{
    size_t count;
    const weir_source_state *sources = weir_log_sources(state, &count);
    for (size_t i = 0; i < count; i++) {
        const weir_source_key *key = &sources[i].source;
        int64_t low, high;
        if (!weir_str_eq(key->supervisor, w->spec->id)) {
            continue;
        }
        bool own = find_own(w, key) != NULL;
        int32_t number = number_of(w, key->topic, key->partition);
        if (number < 0) {
            continue; /* of a topic that was read once */
        }
        if (w->source->ops->watermarks(w->source, number, &low, &high, err)) {
            decide_one(w, &sources[i], w->spec->use_earliest ? low : high, commit);
        } else if (own) {
            return false;
        } /* else: no longer there */
    }
    return true;
}

static bool decide_named(weir_worker *w, const weir_log_state *state, const weir_reset *reset,
                         weir_commit *commit, weir_error *err)
{
    int64_t low, high;
    weir_source_key key = {w->spec->id, reset->topic, reset->partition};
    const weir_source_state *known = weir_log_source(state, &key);
    int32_t number = known ? number_of(w, reset->topic, reset->partition) : -1;
    if (number < 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "supervisor [%.*s] does not read partition %d of topic '%.*s'",
                         WEIR_STR_ARG(w->spec->id), (int)reset->partition,
                         WEIR_STR_ARG(reset->topic));
    }
    if (!w->source->ops->watermarks(w->source, number, &low, &high, err)) {
        return false;
    }
    if (reset->offset > high) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "offset %lld is beyond the end %lld of partition %d of topic '%.*s'",
                         (long long)reset->offset, (long long)high, (int)reset->partition,
                         WEIR_STR_ARG(reset->topic));
    }
    decide_one(w, known, reset->offset, commit);
    return true;
}

bool weir_worker_reset_decide(weir_worker *w, const weir_log_state *state, weir_commit *commit,
                              weir_error *err)
{
    if (w->reset->count == 0) {
        return decide_all(w, state, commit, err);
    }
    bool ok = true;
    for (uint32_t i = 0; ok && i < w->reset->count; i++) {
        ok = decide_named(w, state, &w->reset->resets[i], commit, err);
    }
    if (!ok) { /* all or nothing: it is refused, and the partitions go on where they were */
        commit->offset_count = 0;
        weir_worker_reset_end(w, err);
    }
    return true;
}
