/* query/engine.c - admission, deadlines, ids and figures of queries. A request is parsed and planned on one of two planning threads, run by the
 * scheduler's workers, and taken by the web as bytes. A ticker looks at the deadlines of what waits for a slow client or for its turn. */
#include "query/engine.h"
#include "query/answer.h"
#include "query/by_segment.h"
#include "query/lanes.h"
#include "weir/log.h"
#include "weir/machine.h"
#include "weir/pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_MS 300000
#define DEFAULT_MAX_QUERIES 1000
#define MAX_WAITING 10000 /* bodies are kept while they wait */
#define TICK_MS 50
#define PLANNERS 2
#define PLANNERS_REMOTE 8 /* each may wait for footers from a bucket */

const double weir_latency_bounds_ms[15] = {0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 60000};

static const char *const type_names[] = {"timeseries", "topN",         "groupBy",         "scan",
                                         "search",     "timeBoundary", "segmentMetadata", "dataSourceMetadata",
                                         "other"};
#define TYPE_COUNT (sizeof(type_names) / sizeof(*type_names))

struct weir_engine {
    weir_engine_options options;
    weir_sched *sched;
    weir_pool *planners;
    weir_budget budget; /* of all queries; parent of each query's */
    weir_memo *segments, *results; /* partials of frozen segments; whole answers; NULL: none */
    pthread_t ticker;

    pthread_mutex_t lock; /* guards down to the empty line; taken before an answer's lock */
    pthread_cond_t changed;
    weir_answer *active;  /* planned or running */
    weir_answer *first_waiting, *last_waiting; /* linked by `after` */
    uint32_t running, waiting;
    weir_lanes lanes;
    bool ending;
    weir_query_stats stats[TYPE_COUNT];
};

static weir_query_stats *stats_of(weir_engine *engine, weir_str type)
{
    size_t i = 0;
    while (i + 1 < TYPE_COUNT && !weir_str_is(type, type_names[i])) {
        i++;
    }
    return &engine->stats[i];
}

static void count_end(weir_engine *engine, const weir_answer *answer, weir_err code)
{
    weir_query_stats *stats = stats_of(engine, answer->type);
    int64_t us = weir_monotonic_us(engine->options.clock) - answer->start_us;
    stats->count++;
    stats->cancelled += code == WEIR_ERR_CANCELLED;
    stats->timed_out += code == WEIR_ERR_TIMEOUT;
    stats->failed += code != WEIR_OK && code != WEIR_ERR_CANCELLED && code != WEIR_ERR_TIMEOUT;
    stats->rows_out += answer->row_count + (answer->writer ? weir_native_writer_rows(answer->writer) : 0);
    stats->latency_us_sum += (uint64_t)us;
    for (size_t i = 0; i < 15; i++) {
        stats->latency_le[i] += (double)us <= weir_latency_bounds_ms[i] * 1000;
    }
    stats->latency_le[15]++;
}

static void plan_job(void *self);

/* Lock held. */
static void enter(weir_engine *engine, weir_answer *answer)
{
    answer->before = NULL;
    answer->after = engine->active;
    if (engine->active) {
        engine->active->before = answer;
    }
    engine->active = answer;
    engine->running++;
}

/* Takes the waiting query behind `link` out of its row and gives it its turn. Lock held. */
static weir_answer *admit(weir_engine *engine, weir_answer **link, weir_answer *before)
{
    weir_answer *next = *link;
    *link = next->after;
    engine->last_waiting = engine->last_waiting == next ? before : engine->last_waiting;
    engine->waiting--;
    enter(engine, next);
    return next;
}

/* Out of the list and the counts; the next waiting query gets its turn. */
static void leave(weir_engine *engine, weir_answer *answer, weir_err code)
{
    pthread_mutex_lock(&engine->lock);
    *(answer->before ? &answer->before->after : &engine->active) = answer->after;
    if (answer->after) {
        answer->after->before = answer->before;
    }
    count_end(engine, answer, code);
    engine->running--;
    weir_answer *next = NULL;
    if (engine->first_waiting && engine->running < engine->options.max_queries) {
        next = admit(engine, &engine->first_waiting, NULL);
    }
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    if (next) {
        weir_pool_submit(engine->planners, plan_job, next);
    }
}

/* Before the client knows of the end: its next query finds the place free. */
static void leave_lane(weir_answer *answer)
{
    if (answer->lane) {
        pthread_mutex_lock(&answer->engine->lock);
        answer->lane->used--;
        pthread_mutex_unlock(&answer->engine->lock);
        answer->lane = NULL;
    }
}

static void let_views_go(weir_answer *answer)
{
    if (answer->writer) {
        weir_native_writer_done(answer->writer);
        answer->writer = NULL;
    }
    for (uint32_t i = 0; i < answer->view_count; i++) {
        if (answer->views[i]->version > 0) { /* else an empty view of no table */
            weir_view_unref(answer->views[i]);
        }
    }
    answer->view_count = 0;
}

/* Bytes that are not there, are damaged, or that the store does not give. */
static bool is_unread(const weir_error *err)
{
    return err->code == WEIR_ERR_STORE || err->code == WEIR_ERR_REFUSED || err->code == WEIR_ERR_CORRUPT;
}

/* The end of every query, good or bad: bytes to the web, figures, memory back. The engine's reference is the last thing it touches. */
static void end(weir_answer *answer, const weir_error *err)
{
    if (err && (is_unread(err) || err->code == WEIR_ERR_INTERNAL)) {
        weir_log(WEIR_ERROR, "query", "%.*s: %s", WEIR_STR_ARG(answer->query_id), err->message);
    }
    leave_lane(answer);
    weir_answer_end(answer, err);
    leave(answer->engine, answer, err ? err->code : WEIR_OK);
    let_views_go(answer);
    weir_answer_unref(answer);
}

/* Whether the log knows by now that a segment of the view is no more: what could not be read of it is then no loss. */
static bool is_out_of_date(weir_engine *engine, const weir_view *view)
{
    weir_table *table = weir_catalog_table(engine->options.catalog, view->table);
    weir_error err;
    bool gone = false;
    if (table && weir_table_refresh(table, &err)) {
        weir_log_state *state = weir_table_state(table);
        for (uint32_t i = 0; i < view->count && !gone; i++) {
            weir_str id = view->rows[i]->id; /* ends with the id that the log knows */
            const char *mark = view->rows[i]->live ? NULL : memrchr(id.at, '_', id.size);
            size_t at = mark ? (size_t)(mark - id.at) + 1 : 0;
            gone = mark && !weir_log_segment(state, (weir_str){id.at + at, id.size - at});
        }
        weir_log_state_unref(state);
    }
    return gone;
}

static void again_job(void *self)
{
    weir_answer *answer = self;
    bool again = false;
    for (uint32_t i = 0; i < answer->view_count; i++) {
        again = (answer->views[i]->version > 0 && is_out_of_date(answer->engine, answer->views[i])) || again;
    }
    weir_error err = answer->failed;
    if (!again) {
        end(answer, &err);
        return;
    }
    leave_lane(answer);
    let_views_go(answer);
    weir_answer_start_again(answer);
    uint32_t failed = WEIR_STOP_FAILED;
    atomic_compare_exchange_strong(&answer->ctl.stop, &failed, WEIR_GO);
    plan_job(answer);
}

/* A segment may be gone since the view was taken, and its object with it (PROTOCOL.md, section 4). */
static void finish(weir_answer *answer, const weir_error *err)
{
    bool unread = err && is_unread(err) && answer->view_count > 0;
    if (!unread || !weir_answer_may_start_again(answer)) {
        end(answer, err);
        return;
    }
    answer->failed = *err;
    weir_pool_submit(answer->engine->planners, again_job, answer);
}

/* Whether the answer is known already, here or to the client; then `fresh` holds it, or it has no body. */
static bool is_known(weir_answer *answer)
{
    const weir_native_context *context = &answer->native->context;
    weir_memo *memo = answer->engine->results;
    bool asks = answer->if_none_match.size > 0;
    if (!context->use_cache || (!memo && !asks) ||
        !weir_result_key(answer->native, answer->seen, answer->view_count, answer->pretty, memo, &answer->key)) {
        return false;
    }
    weir_result_etag(answer->key, answer->etag);
    if (asks && weir_result_etag_matches(answer->if_none_match, answer->etag)) {
        answer->not_modified = true;
        return true;
    }
    weir_memo_entry *known = context->use_result_cache ? weir_memo_get(memo, answer->key) : NULL;
    if (known) {
        weir_buf_str(&answer->fresh, weir_memo_bytes(known));
        weir_memo_release(known);
    }
    answer->keep = !known && memo && context->populate_cache && context->populate_result_cache;
    return known != NULL;
}

/* The answer is whole: its bytes into the memo, when they are worth their room. */
static void keep(weir_answer *answer)
{
    int64_t took_us = weir_monotonic_us(answer->engine->options.clock) - answer->start_us;
    size_t size = answer->kept.size + answer->fresh.size;
    if (answer->keep && size <= WEIR_ANSWER_KEEP_BYTES && weir_result_is_worth_it(answer->engine->results, answer->key, size, took_us)) {
        weir_buf_str(&answer->kept, weir_buf_view(&answer->fresh));
        weir_memo_put(answer->engine->results, answer->key, weir_buf_view(&answer->kept));
    }
}

static bool sink_batch(void *self, const weir_batch *batch, weir_error *err)
{
    weir_answer *answer = self;
    int64_t most = answer->native->context.max_answer_bytes;
    if (!weir_native_writer_batch(answer->writer, batch, err)) {
        return false;
    }
    if (most > 0 && answer->given_bytes + answer->fresh.size > (size_t)most) {
        return weir_fail(err, WEIR_ERR_RESOURCE, "Query[%.*s] max scatter-gather bytes limit reached: %lld.", WEIR_STR_ARG(answer->query_id),
                         (long long)most);
    }
    if (answer->fresh.size >= WEIR_ANSWER_HEAD_BYTES / 2) {
        weir_answer_flush(answer);
    }
    return true;
}

static bool sink_ready(void *self)
{
    return weir_answer_has_room(self);
}

static void next_segment_job(void *self);

/* The results of a segment are written: on to the next. */
static void end_segment(weir_answer *answer)
{
    weir_by_segment_close(answer->segments, &answer->fresh);
    answer->row_count += weir_native_writer_rows(answer->writer);
    weir_native_writer_done(answer->writer);
    answer->writer = NULL;
    weir_answer_run_ended(answer);
    weir_pool_submit(answer->engine->planners, next_segment_job, answer);
}

static void sink_end(void *self, const weir_error *err)
{
    weir_answer *answer = self;
    weir_error own = {0};
    bool ok = !err || err->code == WEIR_OK;
    if (ok && !weir_native_writer_end(answer->writer, &own)) {
        err = &own;
    } else if (ok && answer->segments) {
        end_segment(answer);
        return;
    } else if (ok) {
        keep(answer);
    }
    finish(answer, err);
}

/* A view of a table that does not exist: over no rows, as Druid answers. */
static weir_view *empty_view(weir_arena *arena, weir_str table)
{
    weir_view *view = WEIR_ARENA_NEW(arena, weir_view);
    view->table = table;
    return view;
}

/* Only the live rows of a view. */
static weir_view *live_part(weir_arena *arena, const weir_view *view)
{
    weir_view *part = WEIR_ARENA_NEW(arena, weir_view);
    weir_rows **rows = WEIR_ARENA_ARRAY(arena, weir_rows *, view->count + 1);
    *part = *view;
    part->count = 0;
    part->rows = rows;
    part->revs = WEIR_ARENA_ARRAY(arena, uint64_t, view->count + 1);
    part->problems = NULL;
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->rows[i] && view->rows[i]->live) {
            part->revs[part->count] = view->revs ? view->revs[i] : 0;
            rows[part->count++] = view->rows[i];
        }
    }
    return part;
}

/* A process that could not read a table's log must not answer as if it were empty. */
static bool are_known(const weir_answer *answer, weir_error *err)
{
    const weir_native_query *native = answer->native;
    bool ok = true;
    for (uint32_t i = 0; i < native->table_count && ok; i++) {
        weir_table *table = weir_catalog_table(answer->engine->options.catalog, native->tables[i]);
        ok = !table || weir_table_is_known(table, err);
    }
    return ok;
}

static void take_views(weir_answer *answer)
{
    const weir_native_query *native = answer->native;
    answer->views = WEIR_ARENA_ARRAY(answer->arena, weir_view *, native->table_count);
    for (uint32_t i = 0; i < native->table_count; i++) {
        weir_table *table = weir_catalog_table(answer->engine->options.catalog, native->tables[i]);
        answer->views[i] = table ? weir_table_view_in(table, &native->needs[i]) : empty_view(answer->arena, native->tables[i]);
    }
    answer->view_count = native->table_count;
    answer->seen = answer->views;
    if (native->context.live_only) {
        answer->seen = WEIR_ARENA_ARRAY(answer->arena, weir_view *, native->table_count);
        for (uint32_t i = 0; i < native->table_count; i++) {
            answer->seen[i] = live_part(answer->arena, answer->views[i]);
        }
    }
}

static int64_t deadline_of(const weir_answer *answer, int64_t timeout_ms)
{
    return timeout_ms > 0 && timeout_ms < INT64_MAX / 2000 ? answer->start_us + timeout_ms * 1000 : 0;
}

/* Deadline, budget and id as the query's context says. */
static void apply_context(weir_answer *answer)
{
    const weir_engine_options *options = &answer->engine->options;
    const weir_native_context *context = &answer->native->context;
    int64_t timeout_ms = context->timeout_ms >= 0 ? context->timeout_ms : options->default_timeout_ms;
    pthread_mutex_lock(&answer->engine->lock); /* the ticker reads deadlines under it */
    answer->ctl.deadline_us = deadline_of(answer, timeout_ms);
    pthread_mutex_unlock(&answer->engine->lock);
    if (context->max_memory_bytes > 0 && (size_t)context->max_memory_bytes < answer->ctl.budget.limit_bytes) {
        answer->ctl.budget.limit_bytes = (size_t)context->max_memory_bytes;
    }
    if (context->max_queued_bytes > 0 && (size_t)context->max_queued_bytes < answer->flight_bytes) {
        answer->flight_bytes = (size_t)context->max_queued_bytes;
    }
    answer->type = answer->native->type;
    if (answer->query_id.size == 0 && context->query_id.size > 0) {
        weir_str id = weir_str_dup(context->query_id);
        pthread_mutex_lock(&answer->engine->lock); /* cancel reads ids under it */
        free((void *)answer->query_id.at);
        answer->query_id = id;
        pthread_mutex_unlock(&answer->engine->lock);
    }
}

/* A place in the query's lane, if it has one. */
static bool take_lane(weir_answer *answer, weir_error *err)
{
    weir_engine *engine = answer->engine;
    const weir_native_context *context = &answer->native->context;
    pthread_mutex_lock(&engine->lock);
    weir_lane_rule *lane = weir_lanes_find(&engine->lanes, context->lane, context->priority);
    bool full = lane && lane->used >= lane->capacity;
    if (lane && !full) {
        lane->used++;
        answer->lane = lane;
    }
    pthread_mutex_unlock(&engine->lock);
    return !full || weir_fail(err, WEIR_ERR_CAPACITY,
                              "Too many concurrent queries for lane '%.*s', query capacity of %u exceeded. Please try your query again later.",
                              WEIR_STR_ARG(lane->name), lane->capacity);
}

static void draw_query_id(weir_answer *answer)
{
    const weir_clock *clock = answer->engine->options.clock;
    uint64_t a = weir_random(clock), b = weir_random(clock);
    char text[40];
    snprintf(text, sizeof(text), "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xFFFF),
             (unsigned)(a & 0xFFF), (unsigned)((b >> 48 & 0x3FFF) | 0x8000), (unsigned long long)(b & 0xFFFFFFFFFFFF));
    weir_str id = weir_str_dup(weir_str_of(text));
    pthread_mutex_lock(&answer->engine->lock);
    free((void *)answer->query_id.at);
    answer->query_id = id;
    pthread_mutex_unlock(&answer->engine->lock);
}

static bool run_meta(weir_answer *answer, weir_error *err)
{
    return weir_native_meta(answer->native, answer->seen, answer->view_count, &answer->ctl, answer->pretty, &answer->fresh, err);
}

static bool start_run(weir_answer *answer, weir_error *err)
{
    weir_native_query *native = answer->native;
    weir_type *types = WEIR_ARENA_ARRAY(answer->arena, weir_type, native->plan->root->output_count + 1);
    if (!weir_run_types(native->plan, answer->seen, answer->view_count, answer->arena, types, err)) {
        return false;
    }
    answer->writer = weir_native_writer_new(native, answer->seen, answer->view_count, types, answer->pretty, &answer->fresh);
    weir_run_options options = {.priority = native->context.priority,
                                .memo = answer->engine->segments,
                                .use_cache = native->context.use_cache,
                                .populate_cache = native->context.populate_cache,
                                .dictionary_bytes = native->context.max_dictionary_bytes > 0 ? (size_t)native->context.max_dictionary_bytes : 0};
    weir_sink sink = {answer, sink_batch, sink_ready, sink_end};
    uint32_t runs = answer->runs; /* only this thread begins runs now */
    atomic_fetch_add(&answer->refs, 1); /* for the line after start: the run may end before it */
    weir_query_run *run = weir_run_start(answer->engine->sched, native->plan, answer->seen, answer->view_count, &answer->ctl,
                                         &options, sink);
    weir_answer_started(answer, run, runs);
    weir_answer_unref(answer);
    return true;
}

static void next_segment_job(void *self)
{
    weir_answer *answer = self;
    weir_error err = {0};
    weir_view **seen = NULL;
    bool ok = true;
    while (ok && (seen = weir_by_segment_next(answer->segments)) != NULL) {
        answer->seen = seen;
        weir_by_segment_open(answer->segments, &answer->fresh);
        ok = weir_ctl_check(&answer->ctl, &err);
        if (ok && answer->native->plan) {
            if (start_run(answer, &err)) {
                return; /* the run's end comes back here */
            }
            ok = false;
        } else if (ok) {
            ok = run_meta(answer, &err);
            weir_by_segment_close(answer->segments, &answer->fresh);
        }
    }
    if (ok) {
        weir_buf_byte(&answer->fresh, ']');
        keep(answer);
    }
    finish(answer, ok ? NULL : &err);
}

static bool plan_query(weir_answer *answer, weir_error *err)
{
    bool go = !answer->refused && weir_ctl_check(&answer->ctl, err); /* it may have waited for its turn */
    if (answer->refused) {
        weir_fail(err, WEIR_ERR_CAPACITY, "%d queries wait for their turn already: try again later", MAX_WAITING);
    } else if (go) {
        answer->native = weir_native_parse(answer->arena, answer->body, err);
    }
    if (answer->native) {
        apply_context(answer);
    }
    if (answer->query_id.size == 0) {
        draw_query_id(answer);
    }
    if (!answer->native || !weir_ctl_check(&answer->ctl, err) || !take_lane(answer, err) || !are_known(answer, err)) {
        return false;
    }
    take_views(answer);
    if (!weir_native_bind(answer->native, answer->seen, answer->view_count, err)) {
        return false;
    }
    if (answer->native->context.uncovered_limit > 0) {
        weir_native_uncovered(answer->native, answer->seen, answer->view_count, &answer->context);
    }
    return true;
}

static void plan_job(void *self)
{
    weir_answer *answer = self;
    weir_error err = {0};
    if (!plan_query(answer, &err)) {
        finish(answer, &err);
    } else if (is_known(answer)) {
        finish(answer, NULL);
    } else if (answer->native->context.by_segment &&
               (answer->segments = weir_by_segment_new(answer->native, answer->seen, answer->view_count)) != NULL) {
        weir_buf_byte(&answer->fresh, '[');
        next_segment_job(answer);
    } else if (!answer->native->plan) {
        bool ok = run_meta(answer, &err);
        if (ok) {
            keep(answer);
        }
        finish(answer, ok ? NULL : &err);
    } else if (!start_run(answer, &err)) {
        finish(answer, &err);
    }
}

weir_answer *weir_engine_native(weir_engine *engine, const weir_request *request, weir_answer_wake wake)
{
    weir_answer *answer = weir_answer_new(engine, request, wake);
    answer->start_us = weir_monotonic_us(engine->options.clock);
    answer->type = WEIR_STR("other");
    answer->ctl.clock = engine->options.clock;
    answer->ctl.budget = (weir_budget){.parent = &engine->budget, .name = "query", .limit_bytes = engine->options.query_memory_bytes};
    answer->ctl.deadline_us = deadline_of(answer, engine->options.default_timeout_ms); /* until the context is read */
    pthread_mutex_lock(&engine->lock);
    bool full = engine->waiting >= MAX_WAITING;
    bool turn = engine->running < engine->options.max_queries || full;
    if (turn) {
        answer->refused = full;
        enter(engine, answer);
    } else {
        engine->waiting++;
        *(engine->last_waiting ? &engine->last_waiting->after : &engine->first_waiting) = answer;
        engine->last_waiting = answer;
    }
    pthread_mutex_unlock(&engine->lock);
    if (turn) {
        weir_pool_submit(engine->planners, plan_job, answer);
    }
    return answer;
}

static void end_query(weir_answer *answer, weir_stop why)
{
    uint32_t go = WEIR_GO;
    atomic_compare_exchange_strong(&answer->ctl.stop, &go, (uint32_t)why);
    weir_answer_poke(answer);
}

void weir_engine_cancel(weir_engine *engine, weir_str query_id)
{
    pthread_mutex_lock(&engine->lock);
    for (weir_answer *a = engine->active; a; a = a->after) {
        if (weir_str_eq(a->query_id, query_id)) {
            end_query(a, WEIR_STOP_CANCEL);
        }
    }
    for (weir_answer *a = engine->first_waiting; a; a = a->after) {
        if (weir_str_eq(a->query_id, query_id)) {
            end_query(a, WEIR_STOP_CANCEL);
        }
    }
    pthread_mutex_unlock(&engine->lock);
}

/* A query that ended while it waited gets its turn now, to say so. Lock held. */
static void admit_ended(weir_engine *engine, int64_t now)
{
    weir_answer **link = &engine->first_waiting, *before = NULL;
    while (*link) {
        weir_answer *a = *link;
        if (engine->ending || (a->ctl.deadline_us && now > a->ctl.deadline_us)) {
            end_query(a, engine->ending ? WEIR_STOP_CANCEL : WEIR_STOP_DEADLINE);
        }
        if (atomic_load(&a->ctl.stop) != WEIR_GO) {
            weir_pool_submit(engine->planners, plan_job, admit(engine, link, before));
        } else {
            before = a;
            link = &a->after;
        }
    }
}

static void *tick(void *self)
{
    weir_engine *engine = self;
    pthread_mutex_lock(&engine->lock);
    while (!engine->ending || engine->active || engine->first_waiting) {
        struct timespec until = weir_deadline(CLOCK_REALTIME, TICK_MS);
        pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
        int64_t now = weir_monotonic_us(engine->options.clock);
        for (weir_answer *a = engine->active; a; a = a->after) {
            if (engine->ending) {
                end_query(a, WEIR_STOP_CANCEL);
            } else if (a->ctl.deadline_us && now > a->ctl.deadline_us) {
                end_query(a, WEIR_STOP_DEADLINE);
            }
        }
        admit_ended(engine, now);
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}

static void fill_defaults(weir_engine_options *options)
{
    size_t machine = weir_machine_bytes();
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    options->worker_count = options->worker_count ? options->worker_count : (uint32_t)(cores > 0 ? cores : 1);
    options->memory_bytes = options->memory_bytes ? options->memory_bytes : machine / 4;
    options->query_memory_bytes = options->query_memory_bytes ? options->query_memory_bytes : options->memory_bytes / 2;
    options->default_timeout_ms = options->default_timeout_ms ? options->default_timeout_ms : DEFAULT_TIMEOUT_MS;
    options->max_queries = options->max_queries ? options->max_queries : DEFAULT_MAX_QUERIES;
}

bool weir_engine_lanes_check(weir_str lanes, weir_error *err)
{
    weir_lanes parsed;
    return weir_lanes_parse(lanes, DEFAULT_MAX_QUERIES, &parsed, err);
}

weir_engine *weir_engine_new(const weir_engine_options *options)
{
    weir_engine *engine = weir_calloc(1, sizeof(*engine));
    engine->options = *options;
    fill_defaults(&engine->options);
    engine->budget = (weir_budget){.name = "process", .limit_bytes = engine->options.memory_bytes};
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        engine->stats[i].type = type_names[i];
    }
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->changed, NULL);
    weir_error err;
    engine->options.lanes = weir_str_dup(options->lanes);
    if (!weir_lanes_parse(engine->options.lanes, engine->options.max_queries, &engine->lanes, &err)) {
        weir_die("lanes: %s", err.message);
    }
    engine->segments = weir_memo_new(options->segment_cache_bytes, options->clock);
    engine->results = weir_memo_new(options->result_cache_bytes, options->clock);
    engine->sched = weir_sched_new(engine->options.worker_count, engine->options.clock);
    bool remote = options->catalog && !weir_catalog_store(options->catalog)->ops->map;
    engine->planners = weir_pool_new("plan", remote ? PLANNERS_REMOTE : PLANNERS);
    if (pthread_create(&engine->ticker, NULL, tick, engine) != 0) {
        weir_die("cannot start the engine's ticker");
    }
    return engine;
}

void weir_engine_free(weir_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->ending = true;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    pthread_join(engine->ticker, NULL);
    weir_pool_free(engine->planners);
    weir_sched_free(engine->sched);
    weir_memo_free(engine->segments);
    weir_memo_free(engine->results);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    free((void *)engine->options.lanes.at);
    free(engine);
}

size_t weir_engine_stats(weir_engine *engine, weir_query_stats *out, size_t capacity)
{
    size_t n = capacity < TYPE_COUNT ? capacity : TYPE_COUNT;
    pthread_mutex_lock(&engine->lock);
    memcpy(out, engine->stats, n * sizeof(*out));
    pthread_mutex_unlock(&engine->lock);
    return n;
}

void weir_engine_memos_get(weir_engine *engine, weir_memo_stats *segments, weir_memo_stats *results)
{
    weir_memo_stats_get(engine->segments, segments);
    weir_memo_stats_get(engine->results, results);
}

void weir_engine_load_get(weir_engine *engine, weir_engine_load *out)
{
    pthread_mutex_lock(&engine->lock);
    out->running = engine->running;
    out->waiting = engine->waiting;
    pthread_mutex_unlock(&engine->lock);
    out->memory_used_bytes = engine->budget.used_bytes;
    out->memory_limit_bytes = engine->budget.limit_bytes;
}

weir_catalog *weir_engine_catalog(const weir_engine *engine)
{
    return engine->options.catalog;
}

const weir_clock *weir_engine_clock(const weir_engine *engine)
{
    return engine->options.clock;
}
