/* ingest/worker_start.c - where each assigned partition goes on: fold the log, ask the broker,
 * commit what must stand in the log before the first row is appended (start, gap, reset), then
 * assign with an offset for each. All partitions start together; nothing is read meanwhile. What
 * fails is tried again. docs/PROTOCOL.md, section 6, "Start of a source". */
#include "ingest/worker_parts.h"
#include "weir/log.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define RETRY_MS 250

/* The job: fold, or commit. */

static bool give_up(void *self)
{
    return ((weir_start_job *)self)->job.cancelled;
}

static bool job_step(weir_job *job, int64_t *wait_ms)
{
    weir_start_job *start = (weir_start_job *)job;
    int rule = 0;
    *wait_ms = 0;
    if (!start->commit) {
        start->ok = weir_table_refresh(start->worker->options.table, &start->err);
        return true;
    }
    weir_commit *commit = start->commit;
    start->commit = NULL;
    weir_commit_result result =
        weir_table_commit(start->worker->options.table, commit, give_up, start, &rule, &start->err);
    start->ok = result == WEIR_COMMIT_LANDED;
    return true;
}

static void begin_job(weir_worker *w, weir_commit *commit)
{
    weir_start_job *start = weir_calloc(1, sizeof(*start));
    start->job.step = job_step;
    start->worker = w;
    start->commit = commit;
    start->resets = commit && commit->op == WEIR_OP_RESET;
    w->start = start;
    w->options.jobs.start(w->options.jobs.self, &start->job);
}

/* True when the job has ended; *ok says how. */
static bool end_job(weir_worker *w, bool *ok)
{
    weir_start_job *start = w->start;
    if (!start->job.done) {
        return false;
    }
    w->options.jobs.join(w->options.jobs.self, &start->job);
    *ok = start->ok;
    if (!start->ok && !start->job.cancelled) {
        weir_worker_problem(w, &start->err, false);
    }
    if (start->ok && start->resets && w->reset) { /* also when the assignment is gone */
        weir_worker_reset_end(w, NULL);
    }
    free(start);
    w->start = NULL;
    return true;
}

/* Deciding. */

static void stop_source(weir_worker *w, weir_worker_source *s, const char *why)
{
    weir_error err;
    s->stopped = true;
    snprintf(s->problem, sizeof(s->problem), "%s", why);
    weir_fail(&err, WEIR_ERR_KAFKA, "topic '%.*s', partition %d: %s; reset the supervisor to go on",
              WEIR_STR_ARG(s->key.topic), (int)s->key.partition, why);
    weir_worker_problem(w, &err, false);
}

/* The range stands in the commit; when that has landed the source goes on at `to`. */
static void add_range(weir_commit *commit, weir_worker_source *s, weir_range_kind kind,
                      uint64_t epoch, int64_t from, int64_t to, const char *reason)
{
    s->committing = true;
    s->epoch = epoch;
    s->position = to;
    weir_range range = {.source = s->key,
                        .epoch = epoch,
                        .kind = (uint8_t)kind,
                        .from = from,
                        .to = to,
                        .reason = weir_str_of(reason)};
    weir_commit_add_range(commit, &range);
}

/* Whether any partition of this supervisor and topic (with a pattern: of any topic) is in the log:
 * one that is added later always begins at its earliest record. */
static bool topic_is_known(const weir_worker *w, const weir_log_state *state)
{
    size_t count;
    const weir_source_state *sources = weir_log_sources(state, &count);
    for (size_t i = 0; i < count; i++) {
        if (weir_str_eq(sources[i].source.supervisor, w->spec->id) &&
            (w->spec->topic_is_pattern || weir_str_eq(sources[i].source.topic, w->spec->topic))) {
            return true;
        }
    }
    return false;
}

typedef enum anchor_check { ANCHOR_FITS, ANCHOR_DIFFERS, ANCHOR_UNKNOWN } anchor_check;

/* The record at the anchor is the one that was read then (or was compacted away since). */
static anchor_check check_anchor(weir_worker *w, int32_t partition, const weir_source_state *known,
                                 int64_t low, weir_error *err)
{
    weir_record record;
    if (!known->anchor.known || known->anchor.offset < low) {
        return ANCHOR_FITS;
    }
    *err = (weir_error){0};
    if (!w->source->ops->read_one(w->source, partition, known->anchor.offset, &record, err)) {
        return err->code == WEIR_OK ? ANCHOR_FITS
                                    : ANCHOR_UNKNOWN; /* nothing there: all of it compacted away */
    }
    bool same =
        record.offset != known->anchor.offset || weir_record_hash(&record) == known->anchor.xxh3;
    return same ? ANCHOR_FITS : ANCHOR_DIFFERS;
}

static void reset_or_stop(weir_worker *w, weir_worker_source *s, const weir_source_state *known,
                          int64_t low, const char *why, weir_commit *commit)
{
    if (w->spec->reset_offset_automatically) {
        weir_log(WEIR_WARN, "ingest",
                 "%.*s: partition %d of topic '%.*s' begins anew at offset %lld: %s",
                 WEIR_STR_ARG(w->spec->id), (int)s->key.partition, WEIR_STR_ARG(s->key.topic),
                 (long long)low, why);
        add_range(commit, s, WEIR_RANGE_RESET, known->epoch + 1, known->next, low, why);
    } else {
        stop_source(w, s, why);
    }
}

/* A source that the log knows. False: the broker did not answer, try again. */
static bool decide_known(weir_worker *w, weir_worker_source *s, const weir_source_state *known,
                         weir_commit *commit, weir_error *err)
{
    int64_t low, high;
    s->epoch = known->epoch;
    s->position = known->next;
    if (s->reset) {
        weir_log(WEIR_WARN, "ingest",
                 "%.*s: partition %d of topic '%.*s' goes on at offset %lld and not at "
                 "%lld: " WEIR_RESET_ASKED,
                 WEIR_STR_ARG(w->spec->id), (int)s->key.partition, WEIR_STR_ARG(s->key.topic),
                 (long long)s->reset_to, (long long)known->next);
        add_range(commit, s, WEIR_RANGE_RESET, known->epoch + 1, known->next, s->reset_to,
                  WEIR_RESET_ASKED);
        return true;
    }
    if (!w->source->ops->watermarks(w->source, s->partition, &low, &high, err)) {
        return false;
    }
    if (known->next > high) {
        reset_or_stop(w, s, known, low,
                      "the topic has changed: it ends before the offset that was read last",
                      commit);
        return true;
    }
    switch (check_anchor(w, s->partition, known, low, err)) {
    case ANCHOR_UNKNOWN:
        return false;
    case ANCHOR_DIFFERS:
        reset_or_stop(w, s, known, low,
                      "the topic has changed: the record that was read last is another one now",
                      commit);
        return true;
    case ANCHOR_FITS:
        break;
    }
    if (known->next < low) {
        weir_log(WEIR_WARN, "ingest",
                 "%.*s: partition %d of topic '%.*s' lost the offsets %lld to %lld: the topic no "
                 "longer has them",
                 WEIR_STR_ARG(w->spec->id), (int)s->key.partition, WEIR_STR_ARG(s->key.topic),
                 (long long)known->next, (long long)low - 1);
        add_range(commit, s, WEIR_RANGE_GAP, known->epoch, known->next, low,
                  "the topic's retention went past the offset");
        return true;
    }
    s->ready = true;
    return true;
}

static bool decide_unknown(weir_worker *w, weir_worker_source *s, bool topic_known,
                           weir_commit *commit, weir_error *err)
{
    int64_t low, high;
    if (!w->source->ops->watermarks(w->source, s->partition, &low, &high, err)) {
        return false;
    }
    int64_t at = w->spec->use_earliest || topic_known ? low : high;
    add_range(commit, s, WEIR_RANGE_START, 0, at, at, "");
    return true;
}

static bool decide_one(weir_worker *w, weir_worker_source *s, const weir_log_state *state,
                       bool topic_known, weir_commit *commit, weir_error *err)
{
    int64_t position;
    const weir_source_state *known = weir_log_source(state, &s->key);
    s->committing = false;
    if (s->ready || s->stopped) {
        return true;
    }
    if (!known) {
        return decide_unknown(w, s, topic_known, commit, err);
    }
    if (!s->reset && weir_table_holds(w->options.table, w->options.holder, &s->key, &position)) {
        assert(position != WEIR_POSITION_GROWING); /* a start begins with a seal */
        s->epoch = known->epoch;
        s->position = position;
        s->ready = true;
        return true;
    }
    return decide_known(w, s, known, commit, err);
}

/* Of many topics one may be away: the others do not wait for it. */
static bool set_aside(weir_worker *w, weir_worker_source *s, const weir_error *err)
{
    if (err->code != WEIR_ERR_NOT_FOUND || !w->spec->topic_is_pattern) {
        return false;
    }
    weir_worker_problem(w, err, false);
    snprintf(s->problem, sizeof(s->problem), "%.250s", err->message);
    s->stopped = s->absent = true;
    w->looked_us = weir_monotonic_us(w->options.clock);
    return true;
}

/* All of them; then either all are ready, or there is something to commit first. */
static void decide(weir_worker *w)
{
    weir_error err;
    bool ok = true;
    weir_log_state *state = weir_table_state(w->options.table);
    bool topic_known = topic_is_known(w, state);
    weir_commit *commit =
        weir_commit_new(w->reset ? WEIR_OP_RESET : WEIR_OP_START, w->options.clock);
    ok = !w->reset || weir_worker_reset_decide(w, state, commit, &err);
    for (uint32_t i = 0; ok && i < w->source_count; i++) {
        ok = decide_one(w, &w->sources[i], state, topic_known, commit, &err) ||
             set_aside(w, &w->sources[i], &err);
    }
    weir_log_state_unref(state);
    if (!ok) {
        weir_commit_free(commit);
        weir_worker_problem(w, &err, false);
        weir_worker_pause(w, RETRY_MS);
        return;
    }
    if (commit->offset_count > 0) {
        begin_job(w, commit);
        w->phase = WEIR_WORKER_COMMITTING;
        return;
    }
    weir_commit_free(commit);
    w->phase = WEIR_WORKER_RUNNING;
}

/* Assigning. */

static bool assign(weir_worker *w, weir_error *err)
{
    int32_t *partitions = weir_calloc(w->source_count + 1, sizeof(int32_t));
    int64_t *offsets = weir_calloc(w->source_count + 1, sizeof(int64_t));
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->source_count; i++) {
        weir_worker_source *s = &w->sources[i];
        if (s->ready && !s->stopped) {
            partitions[count] = s->partition;
            offsets[count++] = s->position;
        }
    }
    bool ok = w->source->ops->assign(w->source, partitions, offsets, count, err);
    free(partitions);
    free(offsets);
    return ok;
}

static void run(weir_worker *w)
{
    weir_error err;
    for (uint32_t i = 0; i < w->source_count; i++) {
        weir_worker_source *s = &w->sources[i];
        if (s->ready && !s->stopped && !s->in_generation) {
            s->start = s->position;
            weir_worker_add_to_generation(w, s);
        }
    }
    if (!assign(w, &err)) {
        weir_worker_problem(w, &err, false);
        w->phase = WEIR_WORKER_DECIDING;
        weir_worker_pause(w, RETRY_MS);
    }
}

void weir_worker_start(weir_worker *w)
{
    weir_worker_seal(w, false);
    for (uint32_t i = 0; i < w->source_count; i++) {
        weir_worker_source *s = &w->sources[i];
        s->ready = s->in_generation = false;
        s->stopped = s->stopped && !s->reset && !s->absent;
        s->absent = false;
    }
    w->phase = WEIR_WORKER_FOLDING;
    w->retry_us = 0;
    if (w->start) {
        w->start->stale = true; /* its end leads to a fold */
    } else {
        begin_job(w, NULL);
    }
}

void weir_worker_start_forget(weir_worker *w)
{
    if (w->start) {
        w->start->stale = true;
    }
    free(w->sources);
    w->sources = NULL;
    w->source_count = 0;
}

/* What was committed is where the sources go on. */
static void take_committed(weir_worker *w)
{
    for (uint32_t i = 0; i < w->source_count; i++) {
        weir_worker_source *s = &w->sources[i];
        if (s->committing) {
            s->ready = true;
            s->committing = s->reset = false;
        }
    }
}

bool weir_worker_start_reap(weir_worker *w)
{
    bool ok;
    return !w->start || end_job(w, &ok);
}

void weir_worker_start_step(weir_worker *w)
{
    bool ok = true, stale = w->start && w->start->stale;
    if (w->start && !end_job(w, &ok)) {
        return;
    }
    if (stale) {
        begin_job(w, NULL);
        return;
    }
    if (!ok) {
        w->phase = WEIR_WORKER_FOLDING;
        weir_worker_pause(w, RETRY_MS);
        return;
    }
    if (weir_monotonic_us(w->options.clock) < w->retry_us) {
        return;
    }
    if (w->phase == WEIR_WORKER_FOLDING && w->retry_us > 0) { /* after a failure */
        w->retry_us = 0;
        begin_job(w, NULL);
        return;
    }
    if (w->phase == WEIR_WORKER_COMMITTING) {
        take_committed(w);
    }
    w->retry_us = 0;
    if (w->hand_off_first && !weir_worker_is_handed_off(w) &&
        weir_monotonic_us(w->options.clock) < w->hand_off_until_us) {
        return;
    }
    w->hand_off_first = false;
    w->phase = WEIR_WORKER_DECIDING;
    decide(w);
    if (w->phase == WEIR_WORKER_RUNNING) {
        run(w);
    }
}
