/* query/run.c - one run of a plan: its pipelines one after the other, each on as many lanes as it
 * is worth. A lane takes slices until its turn (2 ms) is over; the last lane to finish a pipeline
 * merges what they made and begins the next one. Whoever fails first says why. */
#include "query/bind.h"
#include "query/run_agg_cache.h"
#include "query/run_agg_own.h"
#include "query/sched.h"
#include <assert.h>
#include <stdlib.h>

enum { BATCH_CELLS = 1 << 20 };
enum { SPREAD_NS = 20 }; /* of a row that is copied, probed and grouped */
enum {
    PARALLEL_NS = 200000
}; /* waking a second worker costs 10-30 us: not for less work than this */

typedef struct level { /* a batch in the middle of a pipe, at a change that makes several of it */
    weir_expand expand;
    uint32_t change;
} level;

/* What a fetch wakes: a lane of a run that may be over by then. One reference is the run's, one
 * each fetch's that a lane waits for. */
typedef struct waker {
    _Atomic uint32_t refs;
    pthread_mutex_t lock;       /* guards run */
    struct weir_query_run *run; /* NULL: it is over */
    struct woken {
        struct waker *waker;
        uint32_t lane;
    } lanes[];
} waker;

typedef struct lane { /* a worker's lane and where it is */
    weir_lane base;
    weir_query_run *run;
    weir_cursor cursor;
    bool in_slice;
    const weir_agg_unit *unit; /* being worked at: slice_at of its slices are done; NULL: none */
    uint32_t slice_at;
    int64_t spent_us; /* on it, before this turn */
    bool opened;      /* cursor is set up for the current pipe */
    uint32_t depth;   /* levels that hold a batch */
    level *levels;    /* of the current pipe, by how many changes before it make several */
    bool marked; /* source_mark is where the scratch goes back to before the next batch is asked for
                  */
    weir_mark source_mark;
} lane;

struct weir_query_run {
    weir_job job; /* first */
    weir_sched *sched;
    const weir_plan *plan;
    weir_ctl *ctl;
    weir_run_options options;
    weir_sink sink;
    weir_arena *arena;
    pthread_mutex_t lock; /* guards error, and the arena once lanes run */
    weir_error error;
    bool is_bound;
    weir_bound bound;
    uint32_t pipe_at;
    bool begun;                 /* the pipe at hand */
    weir_table_rows *table;     /* that the last pipe into a table made */
    bool full;                  /* its changes let nothing more through */
    _Atomic uint32_t next_unit; /* of it */
    _Atomic uint64_t active;    /* lanes that have not finished it */
    _Atomic uint32_t out_lane;  /* lane that may wait for the sink */
    waker *waker;
    uint32_t lane_count;
    lane lanes[];
};

/* Failing. */

static void note_failure(weir_query_run *run, const weir_error *err)
{
    pthread_mutex_lock(&run->lock);
    if (run->error.code == WEIR_OK) {
        run->error = *err;
        if (run->error.code == WEIR_OK) {
            weir_fail(&run->error, WEIR_ERR_INTERNAL, "a query failed and nobody said why");
        }
    }
    pthread_mutex_unlock(&run->lock);
    uint32_t go = WEIR_GO;
    atomic_compare_exchange_strong(&run->ctl->stop, &go, WEIR_STOP_FAILED);
    weir_sched_ready(run->sched, &run->job,
                     atomic_load(&run->active)); /* lanes that wait for a fetch leave too */
}

static bool has_failed(weir_query_run *run)
{
    pthread_mutex_lock(&run->lock);
    bool failed = run->error.code != WEIR_OK;
    pthread_mutex_unlock(&run->lock);
    return failed;
}

/* Output. */

typedef enum state { STATE_MORE, STATE_WAIT, STATE_DONE, STATE_FAILED } state;

/* maxSubqueryRows. */
static bool child_is_small(const weir_pipe *pipe, const weir_table_rows *table, weir_error *err)
{
    int64_t most = pipe->table_for ? pipe->table_for->node->max_child_rows : 0; /* or of a join */
    return most <= 0 || weir_table_rows_count(table) <= most ||
           weir_fail(
               err, WEIR_ERR_RESOURCE,
               "Cannot issue the query, subqueries generated results beyond maximum[%lld] rows. "
               "Try to raise maxSubqueryRows in the query context.",
               (long long)most);
}

/* maxSubqueryBytes. */
static weir_budget *child_budget(weir_query_run *run, const weir_pipe *pipe)
{
    int64_t most = pipe->table_for ? pipe->table_for->node->max_child_bytes : 0;
    weir_budget *budget = &run->ctl->budget;
    if (most > 0) {
        budget = WEIR_ARENA_NEW(run->arena, weir_budget);
        *budget = (weir_budget){
            .parent = &run->ctl->budget, .name = "subquery", .limit_bytes = (size_t)most};
    }
    return budget;
}

static bool put_into_sink(weir_query_run *run, weir_pipe *pipe, lane *l, weir_batch *batch)
{
    weir_lane *base = &l->base;
    switch ((weir_pipe_end)pipe->to) {
    case WEIR_PIPE_OUT:
        return run->sink.batch(run->sink.self, batch, &base->err);
    case WEIR_PIPE_AGG:
        return weir_agg_run_batch(pipe->to_agg, base, weir_batch_get, batch, batch->n);
    case WEIR_PIPE_SORT:
        return weir_sort_run_put(pipe->to_sort, base, batch->columns, batch->n);
    case WEIR_PIPE_TABLE:
        return weir_table_rows_append(run->table, batch->columns, batch->n, &base->scratch,
                                      &base->err) &&
               child_is_small(pipe, run->table, &base->err);
    case WEIR_PIPE_SCAN:
    case WEIR_PIPE_REST:
        break;
    }
    assert(!"a scan is no sink");
    return false;
}

/* A batch through the changes from `from` on: into the sink, or to the next change that makes
 * several batches of it, where it waits. */
static bool push(weir_query_run *run, weir_pipe *pipe, lane *l, uint32_t from, weir_batch *batch)
{
    for (uint32_t i = from; i < pipe->change_count && batch->n; i++) {
        weir_change *change = pipe->changes[i];
        if (weir_change_expands(change)) {
            level *at = &l->levels[l->depth];
            *at = (level){.expand = {.in = *batch}, .change = i};
            if (!weir_change_open(change, &l->base, &at->expand)) {
                return false;
            }
            at->expand.mark = weir_scratch_mark(&l->base.scratch);
            l->depth++;
            return true;
        }
        if (!weir_change_run(change, &l->base, batch)) {
            return false;
        }
        if (change->full) {
            run->full = true;
        }
    }
    return batch->n == 0 || put_into_sink(run, pipe, l, batch);
}

/* One more batch of the one that waits innermost. */
static bool pump(weir_query_run *run, weir_pipe *pipe, lane *l)
{
    level *at = &l->levels[l->depth - 1];
    weir_batch batch;
    weir_scratch_rewind(&l->base.scratch, at->expand.mark);
    if (!weir_change_next(pipe->changes[at->change], &l->base, &at->expand, &batch)) {
        return false;
    }
    if (batch.n == 0) {
        l->depth--;
        return true;
    }
    return push(run, pipe, l, at->change + 1, &batch);
}

static bool sink_is_ready(weir_query_run *run, const weir_pipe *pipe, const lane *l)
{
    if (pipe->to != WEIR_PIPE_OUT || !run->sink.ready) {
        return true;
    }
    atomic_store(&run->out_lane, l->base.index);
    return run->sink.ready(run->sink.self);
}

static bool turn_is_over(const lane *l)
{
    return weir_monotonic_us(l->base.run.ctl->clock) >= l->base.until_us;
}

/* A limited sort over groups: the sort's first key as a column of the groups, where only plain
 * projections lie between. */
static uint32_t lead_column(void *self)
{
    const weir_pipe *pipe = self;
    uint32_t column = weir_sort_run_lead(pipe->to_sort);
    for (uint32_t i = pipe->change_count; column != WEIR_NO_ID && i-- > 0;) {
        const weir_change *change = pipe->changes[i];
        column =
            change->kind == WEIR_NODE_PROJECT ? weir_port_plain(change->port, column) : WEIR_NO_ID;
    }
    return column;
}

static bool can_win(void *self, weir_lane *base, const weir_vec *values, uint32_t n, uint16_t *rows,
                    uint32_t *count)
{
    const weir_pipe *pipe = self;
    return weir_sort_run_can_win(pipe->to_sort, base, values, n, rows, count);
}

/* The next batch of a source that makes it anew: groups, sorted rows, the rest of a join. */
static bool next_made(weir_pipe *pipe, lane *l, weir_batch *batch)
{
    weir_lane *base = &l->base;
    weir_agg_hint hint = {pipe, lead_column, can_win};
    if (l->marked) {
        weir_scratch_rewind(&base->scratch, l->source_mark);
    }
    l->source_mark = weir_scratch_mark(&base->scratch);
    l->marked = true;
    if (pipe->from == WEIR_PIPE_REST) {
        return weir_join_run_rest(pipe->from_join, base, batch);
    }
    return pipe->from == WEIR_PIPE_AGG
               ? weir_agg_run_next(pipe->from_agg, base, pipe->to == WEIR_PIPE_SORT ? &hint : NULL,
                                   batch)
               : weir_sort_run_next(pipe->from_sort, base, batch);
}

/* One turn at a pipe that yields batches. */
static state run_batches(weir_query_run *run, weir_pipe *pipe, lane *l, weir_wake wake)
{
    weir_lane *base = &l->base;
    for (uint32_t i = 0; i < pipe->change_count; i++) {
        run->full = run->full || pipe->changes[i]->full;
    }
    while (!run->full) {
        if (!sink_is_ready(run, pipe, l)) {
            return weir_ctl_check(run->ctl, &base->err) ? STATE_WAIT : STATE_FAILED;
        }
        weir_batch batch = {0};
        if (l->depth) {
            if (!pump(run, pipe, l)) {
                return STATE_FAILED;
            }
        } else if (pipe->from == WEIR_PIPE_SCAN) {
            weir_cursor_state got = weir_scan_run_next(pipe->scan_run, base, wake, &batch);
            if (got == WEIR_CURSOR_END) {
                return STATE_DONE;
            }
            if (got == WEIR_CURSOR_WAIT) {
                return STATE_WAIT;
            }
            if (got == WEIR_CURSOR_FAILED || (batch.n && !push(run, pipe, l, 0, &batch))) {
                return STATE_FAILED;
            }
        } else {
            bool ok = next_made(pipe, l, &batch);
            if (!ok || batch.n == 0 || !push(run, pipe, l, 0, &batch)) {
                weir_scratch_rewind(&base->scratch, l->source_mark);
                return ok && batch.n == 0 ? STATE_DONE : STATE_FAILED;
            }
        }
        if (turn_is_over(l)) {
            return STATE_MORE;
        }
    }
    return STATE_DONE;
}

/* The lane's next slice: of its unit, or of the next unit of the pipe. Units that are known join
 * the groups at once. */
static state next_slice(weir_query_run *run, weir_pipe *pipe, lane *l, int64_t *since_us)
{
    weir_agg_run *agg = pipe->to_agg;
    uint32_t count;
    uint64_t rows;
    const weir_agg_unit *units = weir_agg_units(agg, &count, &rows);
    while (!l->unit || l->slice_at == l->unit->count) {
        int64_t now = l->unit && l->unit->keep ? weir_monotonic_us(l->base.run.ctl->clock) : 0;
        if (l->unit && l->unit->keep &&
            !weir_agg_unit_end(agg, &l->base, l->unit, l->spent_us + now - *since_us)) {
            return STATE_FAILED;
        }
        uint32_t at = atomic_fetch_add(&run->next_unit, 1);
        l->unit = NULL;
        if (at >= count) {
            return weir_agg_run_lane_end(agg, &l->base) ? STATE_DONE : STATE_FAILED;
        }
        if (units[at].done) {
            if (!weir_agg_unit_load(agg, &l->base, &units[at])) {
                return STATE_FAILED;
            }
            if (turn_is_over(l)) {
                return STATE_WAIT; /* only here: the turn is over */
            }
            continue;
        }
        l->unit = &units[at];
        l->slice_at = 0;
        l->spent_us = 0;
        if (l->unit->keep) {
            *since_us = weir_monotonic_us(l->base.run.ctl->clock);
            if (!weir_agg_unit_begin(agg, &l->base, l->unit)) {
                return STATE_FAILED;
            }
        }
    }
    weir_cursor_slice(&l->cursor, &pipe->scan->slices[l->unit->slice + l->slice_at++]);
    l->in_slice = true;
    return STATE_MORE;
}

/* One turn of a lane at slices that go straight into groups. */
static state work_at_slices(weir_query_run *run, weir_pipe *pipe, lane *l, weir_wake wake,
                            int64_t *since_us)
{
    while (true) {
        if (!l->in_slice) {
            state got = next_slice(run, pipe, l, since_us);
            if (got != STATE_MORE) {
                return got == STATE_WAIT ? STATE_MORE : got;
            }
        }
        bool whole;
        switch (weir_cursor_next(&l->cursor, wake)) {
        case WEIR_CURSOR_END:
            l->in_slice = false;
            break;
        case WEIR_CURSOR_CHUNK:
            if (!weir_agg_run_chunk(pipe->to_agg, &l->cursor, &whole)) {
                return STATE_FAILED;
            }
            if (whole) {
                weir_cursor_skip_chunk(&l->cursor);
            }
            if (turn_is_over(l)) {
                return STATE_MORE;
            }
            break;
        case WEIR_CURSOR_BLOCK:
            if (!weir_agg_run_block(pipe->to_agg, &l->cursor)) {
                return STATE_FAILED;
            }
            if (l->cursor.block.from % (8 * WEIR_BLOCK_ROWS) == 0 && turn_is_over(l)) {
                return STATE_MORE;
            }
            break;
        case WEIR_CURSOR_WAIT:
            return STATE_WAIT;
        case WEIR_CURSOR_FAILED:
            return STATE_FAILED;
        }
    }
}

static state run_slices(weir_query_run *run, weir_pipe *pipe, lane *l, weir_wake wake)
{
    if (!l->opened) {
        weir_cursor_init(&l->cursor, pipe->scan, &l->base);
        l->opened = true;
    }
    int64_t since_us = l->unit && l->unit->keep ? weir_monotonic_us(l->base.run.ctl->clock) : 0;
    state got = work_at_slices(run, pipe, l, wake, &since_us);
    if (l->unit && l->unit->keep && (got == STATE_MORE || got == STATE_WAIT)) {
        l->spent_us += weir_monotonic_us(l->base.run.ctl->clock) - since_us;
    }
    return got;
}

/* One turn of a lane at slices whose batches go through changes into groups. */
static state run_spread(weir_query_run *run, weir_pipe *pipe, lane *l, weir_wake wake)
{
    weir_lane *base = &l->base;
    if (!l->opened) {
        weir_cursor_init(&l->cursor, pipe->scan, base);
        l->opened = true;
    }
    while (true) {
        weir_batch batch;
        if (l->depth) {
            if (!pump(run, pipe, l)) {
                return STATE_FAILED;
            }
            if (turn_is_over(l)) {
                return STATE_MORE;
            }
            continue;
        }
        if (!l->in_slice) {
            uint32_t at = atomic_fetch_add(&run->next_unit, 1);
            if (at >= pipe->scan->slice_count) {
                return STATE_DONE;
            }
            weir_cursor_slice(&l->cursor, &pipe->scan->slices[at]);
            l->in_slice = true;
        }
        switch (weir_cursor_next(&l->cursor, wake)) {
        case WEIR_CURSOR_END:
            l->in_slice = false;
            break;
        case WEIR_CURSOR_CHUNK:
            break;
        case WEIR_CURSOR_BLOCK:
            if (!weir_scan_run_read(pipe->scan_run, base, &l->cursor, &batch) ||
                !push(run, pipe, l, 0, &batch)) {
                return STATE_FAILED;
            }
            break;
        case WEIR_CURSOR_WAIT:
            return STATE_WAIT;
        case WEIR_CURSOR_FAILED:
            return STATE_FAILED;
        }
        if (l->depth == 0 && turn_is_over(l)) {
            return STATE_MORE;
        }
    }
}

/* Pipes. */

/* As many rows as the changes and the sink can still ask for; -1: all. */
static int64_t rows_wanted(const weir_pipe *pipe)
{
    if (pipe->change_count && pipe->changes[0]->kind == WEIR_NODE_SORT &&
        !pipe->changes[0]->limit->per_bucket) {
        const weir_node_sort *limit = pipe->changes[0]->limit;
        if (limit->limit >= 0 && limit->limit <= INT64_MAX - limit->offset) {
            return limit->limit + limit->offset;
        }
    }
    return -1;
}

static uint32_t lanes_for(const weir_query_run *run, const weir_pipe *pipe)
{
    if ((!pipe->fused && !pipe->spread) || run->lane_count == 1) {
        return 1;
    }
    if (pipe->spread) {
        uint32_t slices = pipe->scan->slice_count;
        if (SPREAD_NS * (double)pipe->scan->row_count < PARALLEL_NS && !run->options.force_lanes) {
            return 1;
        }
        return slices < run->lane_count ? slices ? slices : 1 : run->lane_count;
    }
    const weir_node_agg *node = pipe->to_agg->node;
    double per_row = 0.1 * (1 + node->agg_count) + (pipe->scan->filter ? 0.3 : 0) +
                     node->key_count * (1 + node->agg_count);
    uint32_t units;
    uint64_t rows;
    weir_agg_units(pipe->to_agg, &units, &rows);
    if (per_row * (double)rows < PARALLEL_NS && !run->options.force_lanes) {
        return 1;
    }
    return units < run->lane_count ? units ? units : 1 : run->lane_count;
}

static bool begin_pipe(weir_query_run *run, weir_pipe *pipe, lane *l)
{
    weir_lane *base = &l->base;
    run->full = false;
    atomic_store(&run->next_unit, 0);
    if (pipe->from == WEIR_PIPE_SCAN) {
        if (!weir_scan_load(pipe->scan, base)) {
            return false;
        }
        weir_scan_prepare(pipe->scan);
        pipe->scan->by_chunk = !pipe->fused && !pipe->spread && rows_wanted(pipe) >= 0;
        if (!pipe->fused && !pipe->spread &&
            !weir_scan_run_prepare(pipe->scan_run, base, rows_wanted(pipe))) {
            return false;
        }
    }
    if (pipe->to == WEIR_PIPE_AGG && pipe->first_in &&
        !weir_agg_run_prepare(pipe->to_agg, base, run->lane_count)) {
        return false;
    }
    if (pipe->to == WEIR_PIPE_TABLE && pipe->first_in) {
        run->table = pipe->table = weir_table_rows_new(child_budget(run, pipe), pipe->column_count,
                                                       pipe->names, pipe->types);
    }
    uint32_t lanes = lanes_for(run, pipe);
    uint64_t mask = lanes == 64 ? ~0ull : (1ull << lanes) - 1;
    if (!(mask >> base->index & 1)) { /* this lane stays at work in place of one that is asleep */
        mask = (mask >> 1) | 1ull << base->index;
    }
    uint32_t expanding = 0;
    for (uint32_t i = 0; i < pipe->change_count; i++) {
        expanding += weir_change_expands(pipe->changes[i]);
    }
    for (uint32_t i = 0; i < run->lane_count; i++) {
        run->lanes[i].opened = run->lanes[i].in_slice = false;
        run->lanes[i].unit = NULL;
        run->lanes[i].depth = 0;
        run->lanes[i].marked = false;
        if (expanding) {
            run->lanes[i].levels = WEIR_ARENA_ARRAY(run->arena, level, expanding);
        }
    }
    run->begun = true;
    atomic_store(&run->active, mask);
    uint64_t others = mask & ~(1ull << base->index);
    if (others) {
        weir_sched_ready(run->sched, &run->job, others);
    }
    return true;
}

/* The table goes to a join, which frees it. */
static void take_table(weir_query_run *run, const weir_table_rows *table)
{
    for (uint32_t i = 0; i <= run->pipe_at; i++) {
        if (run->bound.pipes[i]->table == table) {
            run->bound.pipes[i]->table = NULL;
        }
    }
}

/* All lanes have finished the pipe. */
static bool end_pipe(weir_query_run *run, weir_pipe *pipe, lane *l)
{
    switch ((weir_pipe_end)pipe->to) {
    case WEIR_PIPE_AGG:
        return !pipe->last_in || weir_agg_run_merge(pipe->to_agg, &l->base);
    case WEIR_PIPE_SORT:
        return !pipe->last_in || weir_sort_run_finish(pipe->to_sort, &l->base);
    case WEIR_PIPE_TABLE:
        if (pipe->last_in && pipe->table_join) {
            weir_table_rows *table = run->table;
            run->table = NULL;
            take_table(run, table);
            return weir_join_run_build(pipe->table_join, &l->base, table, run->lane_count);
        }
        if (pipe->last_in) {
            weir_scan *scan = pipe->table_for;
            scan->segs[0].rows = weir_table_rows_end(run->table, WEIR_STR(WEIR_INLINE_ID));
            scan->seg_count = 1;
        }
        return true;
    case WEIR_PIPE_OUT:
    case WEIR_PIPE_SCAN:
    case WEIR_PIPE_REST:
        return true;
    }
    return true;
}

/* Turns. */

static waker *waker_new(weir_query_run *run, uint32_t lanes)
{
    waker *w = weir_calloc(1, sizeof(*w) + lanes * sizeof(w->lanes[0]));
    w->refs = 1;
    w->run = run;
    pthread_mutex_init(&w->lock, NULL);
    for (uint32_t i = 0; i < lanes; i++) {
        w->lanes[i].waker = w;
        w->lanes[i].lane = i;
    }
    return w;
}

static void waker_unref(waker *w)
{
    if (atomic_fetch_sub(&w->refs, 1) == 1) {
        pthread_mutex_destroy(&w->lock);
        free(w);
    }
}

static void wake_lane(void *self)
{
    const struct woken *woken = self;
    waker *w = woken->waker;
    pthread_mutex_lock(&w->lock);
    if (w->run) {
        weir_sched_ready(w->run->sched, &w->run->job, 1ull << woken->lane);
    }
    pthread_mutex_unlock(&w->lock);
    waker_unref(w);
}

static bool bind_run(weir_query_run *run, lane *l)
{
    run->bound.stage = (weir_stage){.arena = run->arena,
                                    .lock = &run->lock,
                                    .ctl = run->ctl,
                                    .budget = &run->ctl->budget,
                                    .options = &run->options,
                                    .globals = weir_sched_globals(run->sched),
                                    .now_ms = weir_wall_ms(run->ctl->clock)};
    run->is_bound = true;
    return weir_ctl_check(run->ctl, &l->base.err) &&
           weir_bind(&run->bound, run->plan->root, &l->base.err);
}

/* This lane has finished the pipe, well or badly; the last one goes on to the next. */
static weir_step leave_pipe(weir_query_run *run, lane *l)
{
    uint64_t bit = 1ull << l->base.index;
    if (atomic_fetch_and(&run->active, ~bit) != bit) {
        return WEIR_STEP_IDLE;
    }
    weir_pipe *pipe = run->bound.pipes[run->pipe_at];
    if (has_failed(run)) {
        return WEIR_STEP_ENDED;
    }
    if (!end_pipe(run, pipe, l)) {
        note_failure(run, &l->base.err);
        return WEIR_STEP_ENDED;
    }
    run->begun = false;
    if (++run->pipe_at == run->bound.pipe_count) {
        return WEIR_STEP_ENDED;
    }
    atomic_store(&run->active, bit);
    return WEIR_STEP_MORE;
}

static weir_step step(weir_job *job, uint32_t index, int64_t until_us)
{
    weir_query_run *run = (weir_query_run *)job;
    lane *l = &run->lanes[index];
    l->base.until_us = until_us;
    if (!(atomic_load(&run->active) >> index & 1)) {
        return WEIR_STEP_IDLE; /* woken for something that is over */
    }
    if ((!run->is_bound && !bind_run(run, l)) ||
        (!run->begun && !begin_pipe(run, run->bound.pipes[run->pipe_at], l))) {
        note_failure(run, &l->base.err);
        return WEIR_STEP_ENDED;
    }
    weir_pipe *pipe = run->bound.pipes[run->pipe_at];
    weir_wake wake = {wake_lane, &run->waker->lanes[index]};
    waker *held = run->waker;
    l->base.waits = false;
    atomic_fetch_add(&held->refs, 1); /* the fetch's, if one is waited for */
    state now = pipe->fused    ? run_slices(run, pipe, l, wake)
                : pipe->spread ? run_spread(run, pipe, l, wake)
                               : run_batches(run, pipe, l, wake);
    if (!l->base.waits) {
        waker_unref(held);
    }
    switch (now) {
    case STATE_MORE:
        return WEIR_STEP_MORE;
    case STATE_WAIT:
        return WEIR_STEP_IDLE;
    case STATE_FAILED:
        note_failure(run, &l->base.err);
        break;
    case STATE_DONE:
        break;
    }
    return leave_pipe(run, l);
}

static void ended(weir_job *job)
{
    weir_query_run *run = (weir_query_run *)job;
    weir_sink sink = run->sink;
    weir_error error = run->error;
    pthread_mutex_lock(&run->waker->lock);
    run->waker->run = NULL;
    pthread_mutex_unlock(&run->waker->lock);
    waker_unref(run->waker);
    if (run->is_bound) {
        weir_bound_done(&run->bound);
    }
    for (uint32_t i = 0; i < run->lane_count; i++) {
        weir_expr_cache_free(run->lanes[i].base.run.cache);
        weir_scratch_done(&run->lanes[i].base.scratch);
    }
    weir_arena_free(run->arena);
    pthread_mutex_destroy(&run->lock);
    sink.end(sink.self, &error);
    free(run); /* the sink's holder may resume it until it knows of the end */
}

/* Rows of a batch: fewer where they are wide, as each is written as text before anybody looks at
 * the room for it. */
static uint32_t block_rows_of(const weir_plan *plan)
{
    uint32_t columns = plan->root->output_count;
    if (columns <= BATCH_CELLS / WEIR_BLOCK_ROWS) {
        return WEIR_BLOCK_ROWS;
    }
    uint32_t rows = BATCH_CELLS / columns / 64 * 64;
    return rows ? rows : 64;
}

weir_query_run *weir_run_start(weir_sched *sched, const weir_plan *plan, weir_view *const *views,
                               uint32_t view_count, weir_ctl *ctl, const weir_run_options *options,
                               weir_sink sink)
{
    uint32_t lanes = weir_sched_workers(sched);
    weir_query_run *run = weir_calloc(1, sizeof(*run) + lanes * sizeof(lane));
    run->job.step = step;
    run->job.ended = ended;
    run->sched = sched;
    run->plan = plan;
    run->ctl = ctl;
    run->options = options ? *options : (weir_run_options){0};
    run->sink = sink;
    run->arena = weir_arena_new();
    pthread_mutex_init(&run->lock, NULL);
    run->bound.views = views;
    run->bound.view_count = view_count;
    run->lane_count = lanes;
    run->waker = waker_new(run, lanes);
    run->active = 1;
    uint32_t most = block_rows_of(plan);
    for (uint32_t i = 0; i < lanes; i++) {
        weir_lane *base = &run->lanes[i].base;
        uint32_t block = run->options.block_rows;
        run->lanes[i].run = run;
        base->index = i;
        base->options = &run->options;
        base->block_rows = block && block < most ? block : most;
        base->scratch.budget = &ctl->budget;
        base->run = (weir_run){.scratch = &base->scratch,
                               .ctl = ctl,
                               .err = &base->err,
                               .cache = weir_expr_cache_new(&ctl->budget)};
    }
    weir_sched_add(sched, &run->job, run->options.priority);
    return run;
}

void weir_run_resume(weir_query_run *run)
{
    bool stopped =
        atomic_load(&run->ctl->stop) != WEIR_GO; /* then who waits for a fetch is to know, too */
    weir_sched_ready(run->sched, &run->job,
                     stopped ? atomic_load(&run->active) : 1ull << atomic_load(&run->out_lane));
}

bool weir_run_types(const weir_plan *plan, weir_view *const *views, uint32_t view_count,
                    weir_arena *arena, weir_type *out, weir_error *err)
{
    static const weir_run_options options;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    weir_bound bound = {.stage = {.arena = arena, .lock = &lock, .options = &options},
                        .views = views,
                        .view_count = view_count};
    bool ok = weir_bind(&bound, plan->root, err);
    if (ok) {
        memcpy(out, bound.types, bound.column_count * sizeof(*out));
    }
    weir_bound_done(&bound);
    return ok;
}
