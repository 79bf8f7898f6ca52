/* ingest/coordinator.c - see include/weir/coordinator.h. Each duty has a lane: the tables in turn,
 * one run at a time. Lanes take turns step by step, so a long compaction of one table does not keep
 * the rules of another waiting. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "ingest/duty.h"
#include "weir/log.h"
#include "weir/machine.h"

#define LOOK_US 1000000     /* for new tables */
#define IDLE_MS 1000        /* at most */
#define PAUSE_FIRST_MS 1000 /* after a failure; doubles up to the period */
#define REST_US 20000       /* a step's shortest rest */
#define NICENESS                                                                                   \
    10 /* a tenth of what a busy query gets: never starved, as commits are made here too */

typedef struct slot { /* a duty's view of a table */
    weir_table *table;
    void *kept;
    int64_t due_us, pause_ms;
    char problem[sizeof(((weir_error *)0)->message)]; /* said in the log already */
} slot;

typedef struct lane {
    const weir_duty *duty;
    weir_duty_stats stats;
    slot *slots;
    size_t slot_count, turn; /* turn: whose run is under way, or was the last */
    bool running;
    weir_duty_run run;
    int64_t next_us; /* of the run: not before */
} lane;

struct weir_coordinator {
    weir_coordinator_options options;
    lane *lanes;
    size_t lane_count, turn;
    int64_t look_us;
    _Atomic bool stopping;
    pthread_t thread;
    pthread_mutex_t lock; /* of the slots' due_us, and what wakes the thread */
    pthread_cond_t wake;
    bool hurried; /* since the thread looked last */
};

bool weir_duty_cancelled(void *run)
{
    return ((weir_duty_run *)run)->coordinator->stopping;
}

bool weir_duty_flush(weir_duty_run *run, weir_error *err)
{
    return !run->options->ingest ||
           weir_ingest_flush(run->options->ingest, weir_table_name(run->table), weir_duty_cancelled,
                             run, err);
}

static int64_t now_us(const weir_coordinator *c)
{
    return weir_monotonic_us(c->options.clock);
}

static int64_t period_ms(const weir_coordinator *c, const weir_duty *duty)
{
    int64_t most = c->options.period_ms;
    return most > 0 && most < duty->period_ms ? most : duty->period_ms;
}

/* --- tables --- */

static void add_slot(weir_coordinator *c, lane *l, weir_table *table)
{
    int64_t period_us = period_ms(c, l->duty) * 1000;
    slot *more = weir_calloc(l->slot_count + 1, sizeof(*more)), *old = l->slots;
    if (l->slot_count > 0) {
        memcpy(more, old, l->slot_count * sizeof(*more));
    }
    /* processes that start together do not all begin with the same table at the same time */
    more[l->slot_count] = (slot){.table = table,
                                 .kept = weir_calloc(1, l->duty->kept_bytes + 1),
                                 .due_us = now_us(c) + (int64_t)(weir_random(c->options.clock) %
                                                                 (uint64_t)(period_us / 2 + 1))};
    pthread_mutex_lock(&c->lock);
    l->slots = more;
    l->slot_count++;
    pthread_mutex_unlock(&c->lock);
    free(old);
}

/* Tables are only ever added. */
static void look_for_tables(weir_coordinator *c)
{
    weir_arena *arena = weir_arena_new();
    weir_table **tables;
    size_t count = weir_catalog_all(c->options.catalog, arena, &tables);
    for (size_t k = 0; k < c->lane_count; k++) {
        lane *l = &c->lanes[k];
        for (size_t i = 0; i < count; i++) {
            size_t at = 0;
            while (at < l->slot_count && l->slots[at].table != tables[i]) {
                at++;
            }
            if (at == l->slot_count) {
                add_slot(c, l, tables[i]);
            }
        }
    }
    weir_arena_free(arena);
}

/* --- runs --- */

static void begin_run(weir_coordinator *c, lane *l, size_t at)
{
    slot *s = &l->slots[at];
    l->turn = at;
    l->running = true;
    l->next_us = 0;
    l->run = (weir_duty_run){.options = &c->options,
                             .table = s->table,
                             .arena = weir_arena_new(),
                             .kept = s->kept,
                             .again_ms = period_ms(c, l->duty),
                             .stats = &l->stats,
                             .coordinator = c};
    l->run.work = weir_arena_alloc(l->run.arena, l->duty->work_bytes + 1);
    pthread_mutex_lock(&c->lock);
    s->due_us = INT64_MAX; /* a hurry from now on counts for the next run */
    pthread_mutex_unlock(&c->lock);
}

static void note_failure(lane *l, slot *s, const weir_error *err)
{
    atomic_fetch_add(&l->stats.failures, 1);
    if (strcmp(s->problem, err->message) != 0) {
        weir_log(WEIR_WARN, "coordinator", "%s of table '%.*s': %s", l->duty->name,
                 WEIR_STR_ARG(weir_table_name(s->table)), err->message);
        memcpy(s->problem, err->message, sizeof(s->problem));
    }
}

static void end_run(weir_coordinator *c, lane *l, weir_duty_step how, const weir_error *err)
{
    slot *s = &l->slots[l->turn];
    int64_t wait_ms = l->run.again_ms, most_ms = period_ms(c, l->duty);
    if (l->duty->end) {
        l->duty->end(&l->run);
    }
    weir_arena_free(l->run.arena);
    l->running = false;
    if (how == WEIR_DUTY_FAILED) {
        note_failure(l, s, err);
        s->pause_ms = s->pause_ms == 0 ? PAUSE_FIRST_MS : s->pause_ms * 2;
        s->pause_ms = s->pause_ms > most_ms ? most_ms : s->pause_ms;
        wait_ms = s->pause_ms;
    } else if (how == WEIR_DUTY_DONE) {
        atomic_fetch_add(&l->stats.runs, 1);
        s->pause_ms = 0;
        s->problem[0] = 0;
    }
    int64_t due_us = now_us(c) + wait_ms * 1000;
    pthread_mutex_lock(&c->lock);
    s->due_us = due_us < s->due_us ? due_us : s->due_us;
    pthread_mutex_unlock(&c->lock);
}

/* After so much work. */
static int64_t rest_us(const weir_coordinator *c, int64_t work_us)
{
    int64_t pace = c->options.pace > 0 && c->options.pace < 100 ? c->options.pace : 100;
    return work_us * (100 - pace) / pace;
}

static void step_run(weir_coordinator *c, lane *l)
{
    weir_error err = {0};
    int64_t before_us = now_us(c);
    l->run.wait_ms = l->run.rested_us = 0;
    l->run.worked_us = before_us;
    bool known = weir_table_is_known(l->run.table, &err); /* else what it holds is of long ago */
    weir_duty_step how = c->stopping || !known ? WEIR_DUTY_FAILED : l->duty->step(&l->run, &err);
    int64_t after_us = now_us(c);
    atomic_fetch_add(&l->stats.busy_us, (uint64_t)(after_us - before_us - l->run.rested_us));
    l->next_us = after_us + l->run.wait_ms * 1000 + rest_us(c, after_us - l->run.worked_us);
    if (how != WEIR_DUTY_MORE && !c->stopping) {
        end_run(c, l, how, &err);
    }
}

/* The table after the last one that is due; false: none, *next_us is when one will be. */
static bool find_due(weir_coordinator *c, lane *l, int64_t at_us, size_t *out, int64_t *next_us)
{
    bool found = false;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 1; i <= l->slot_count && !found; i++) {
        size_t at = (l->turn + i) % l->slot_count;
        found = l->slots[at].due_us <= at_us;
        *out = at;
        *next_us = l->slots[at].due_us < *next_us ? l->slots[at].due_us : *next_us;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void weir_coordinator_step(weir_coordinator *c, int64_t *wait_ms)
{
    int64_t at_us = now_us(c), next_us = at_us + IDLE_MS * 1000;
    *wait_ms = 0;
    if (at_us >= c->look_us) {
        look_for_tables(c);
        c->look_us = at_us + LOOK_US;
    }
    for (size_t i = 0; i < c->lane_count; i++) {
        lane *l = &c->lanes[(c->turn + i) % c->lane_count];
        size_t at = 0;
        if (!l->running && find_due(c, l, at_us, &at, &next_us)) {
            begin_run(c, l, at);
        }
        if (l->running && l->next_us <= at_us) {
            c->turn = (c->turn + i + 1) % c->lane_count;
            step_run(c, l);
            return;
        }
        next_us = l->running && l->next_us < next_us ? l->next_us : next_us;
    }
    *wait_ms = (next_us - at_us + 999) / 1000;
}

bool weir_coordinator_hurry(weir_coordinator *c, const char *duty, weir_table *table)
{
    bool known = false;
    pthread_mutex_lock(&c->lock);
    for (size_t k = 0; k < c->lane_count; k++) {
        lane *l = &c->lanes[k];
        if (strcmp(l->duty->name, duty) == 0) {
            known = true;
            for (size_t i = 0; i < l->slot_count; i++) {
                l->slots[i].due_us = !table || l->slots[i].table == table ? 0 : l->slots[i].due_us;
            }
        }
    }
    c->hurried = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    return known;
}

/* --- the thread --- */

static void rest(weir_coordinator *c, int64_t ms, bool idle)
{
    struct timespec until = weir_deadline(CLOCK_MONOTONIC, ms);
    pthread_mutex_lock(&c->lock);
    while (!c->stopping && !(idle && c->hurried) &&
           pthread_cond_timedwait(&c->wake, &c->lock, &until) != ETIMEDOUT) {
    }
    c->hurried = c->hurried && !idle;
    pthread_mutex_unlock(&c->lock);
}

bool weir_duty_rest(void *self)
{
    weir_duty_run *r = self;
    weir_coordinator *c = r->coordinator;
    int64_t at_us = now_us(c), due_us = rest_us(c, at_us - r->worked_us);
    if (c->options.threads && due_us >= REST_US && !c->stopping) {
        rest(c, due_us / 1000, false);
        r->worked_us = now_us(c);
        r->rested_us += r->worked_us - at_us;
    }
    return !c->stopping;
}

static void *run(void *self)
{
    weir_coordinator *c = self;
    pthread_setname_np(pthread_self(), "coordinator");
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS); /* refused: it is only a wish */
    while (!c->stopping) {
        int64_t wait_ms;
        weir_coordinator_step(c, &wait_ms);
        if (wait_ms > 0) {
            rest(c, wait_ms, true);
        }
    }
    return NULL;
}

weir_coordinator *weir_coordinator_new_with(const weir_coordinator_options *options,
                                            const weir_duty *const *duties)
{
    weir_coordinator *c = weir_calloc(1, sizeof(*c));
    pthread_condattr_t monotonic;
    c->options = *options;
    c->options.work_path = options->work_path ? weir_strdup(options->work_path) : NULL;
    c->options.memory_bytes =
        options->memory_bytes ? options->memory_bytes : weir_machine_bytes() / 8;
    while (duties[c->lane_count]) {
        c->lane_count++;
    }
    c->lanes = weir_calloc(c->lane_count + 1, sizeof(*c->lanes));
    for (size_t k = 0; k < c->lane_count; k++) {
        c->lanes[k].duty = duties[k];
    }
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (options->threads && pthread_create(&c->thread, NULL, run, c) != 0) {
        weir_die("cannot start the coordinator's thread");
    }
    return c;
}

weir_coordinator *weir_coordinator_new(const weir_coordinator_options *options)
{
    return weir_coordinator_new_with(options, weir_duties);
}

void weir_coordinator_stop(weir_coordinator *c)
{
    if (c) {
        pthread_mutex_lock(&c->lock);
        c->stopping = true;
        pthread_cond_signal(&c->wake);
        pthread_mutex_unlock(&c->lock);
    }
}

void weir_coordinator_free(weir_coordinator *c)
{
    if (!c) {
        return;
    }
    weir_coordinator_stop(c);
    if (c->options.threads) {
        pthread_join(c->thread, NULL);
    }
    for (size_t k = 0; k < c->lane_count; k++) {
        lane *l = &c->lanes[k];
        if (l->running && l->duty->end) {
            l->duty->end(&l->run);
        }
        if (l->running) {
            weir_arena_free(l->run.arena);
        }
        for (size_t i = 0; i < l->slot_count; i++) {
            free(l->slots[i].kept);
        }
        free(l->slots);
    }
    free(c->lanes);
    free((void *)(uintptr_t)c->options.work_path);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* --- figures --- */

static void counter(weir_coordinator *c, weir_buf *out, const char *name, const char *help,
                    size_t offset)
{
    weir_buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
    for (size_t k = 0; k < c->lane_count; k++) {
        const _Atomic uint64_t *value =
            (const _Atomic uint64_t *)(const void *)((const char *)&c->lanes[k].stats + offset);
        weir_buf_printf(out, "%s{duty=\"%s\"} %llu\n", name, c->lanes[k].duty->name,
                        (unsigned long long)*value);
    }
}

void weir_coordinator_metrics(weir_coordinator *c, weir_buf *out)
{
    if (c->lane_count == 0) {
        return;
    }
    counter(c, out, "weir_duty_runs_total", "Runs of a duty over a table that came to their end.",
            offsetof(weir_duty_stats, runs));
    counter(c, out, "weir_duty_failures_total", "Runs that failed; they are tried again.",
            offsetof(weir_duty_stats, failures));
    counter(c, out, "weir_duty_segments_total", "Segments that a duty replaced or removed.",
            offsetof(weir_duty_stats, items));
    counter(c, out, "weir_duty_bytes_total", "Bytes that a duty wrote to the store or removed.",
            offsetof(weir_duty_stats, bytes));
    counter(c, out, "weir_duty_busy_microseconds_total", "Time that a duty worked.",
            offsetof(weir_duty_stats, busy_us));
}
