/* ingest/load_commit.c - see ingest/load_commit.h. One thread beats for the claims while others
 * read, freeze and upload. */
#include "ingest/load_commit.h"
#include "ingest/claims.h"
#include "weir/hash.h"
#include "weir/log.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define UPLOAD_TRIES 10
#define STORE_TRIES 8
#define RENEW_MS (10 * 60 * 1000)
#define CLAIM_WAIT_MS 500 /* between looks at another job's claim */

struct weir_load_commit {
    const weir_load_options *options;
    weir_spec *spec;
    weir_table *table;
    weir_arena *arena;
    weir_str label;
    weir_claims claims;
    bool overwrites;
    _Atomic bool *lost;
    pthread_t beating;
    bool beats;           /* the thread runs */
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    bool ending;
    weir_error why; /* the claim was lost */
};

static bool is_cancelled(const weir_load_commit *lc)
{
    return lc->options->cancelled && *lc->options->cancelled;
}

static bool give_up(void *self)
{
    return is_cancelled(self);
}

static void sleep_ms(const weir_load_commit *lc, int64_t ms)
{
    if (lc->options->wait) {
        lc->options->wait(lc->options->self, ms);
        return;
    }
    for (; ms > 0 && !is_cancelled(lc); ms -= 50) {
        nanosleep(&(struct timespec){.tv_nsec = (ms < 50 ? ms : 50) * 1000000}, NULL);
    }
}

/* Beats. */

/* True: the load ends. */
static bool wait_for_end(weir_load_commit *lc)
{
    int64_t ms = lc->options->renew_ms > 0 ? lc->options->renew_ms : RENEW_MS;
    struct timespec until = weir_deadline(CLOCK_REALTIME, ms);
    pthread_mutex_lock(&lc->lock);
    int code = 0;
    while (!lc->ending && code == 0) {
        code = pthread_cond_timedwait(&lc->changed, &lc->lock, &until);
    }
    bool ending = lc->ending;
    pthread_mutex_unlock(&lc->lock);
    return ending;
}

static void *beat(void *self)
{
    weir_load_commit *lc = self;
    weir_error err;
    pthread_setname_np(pthread_self(), "claim");
    while (!wait_for_end(lc)) {
        if (weir_claims_renew(&lc->claims, &err)) {
            continue;
        }
        weir_log(WEIR_WARN, "load", "%s", err.message);
        if (err.code == WEIR_ERR_CONFLICT && lc->overwrites) {
            pthread_mutex_lock(&lc->lock);
            lc->why = err;
            pthread_mutex_unlock(&lc->lock);
            *lc->lost = true;
            return NULL;
        }
    }
    return NULL;
}

static void start_beating(weir_load_commit *lc)
{
    lc->beats = pthread_create(&lc->beating, NULL, beat, lc) == 0;
}

static void stop_beating(weir_load_commit *lc)
{
    pthread_mutex_lock(&lc->lock);
    lc->ending = true;
    pthread_cond_signal(&lc->changed);
    pthread_mutex_unlock(&lc->lock);
    if (lc->beats) {
        pthread_join(lc->beating, NULL);
        lc->beats = false;
    }
}

void weir_load_commit_why(weir_load_commit *lc, weir_error *err)
{
    pthread_mutex_lock(&lc->lock);
    *err = lc->why;
    pthread_mutex_unlock(&lc->lock);
}

/* Begin. */

static weir_str choose_label(const weir_load_commit *lc)
{
    char hex[17];
    weir_hex_u64(hex, weir_random(lc->options->clock));
    return lc->options->label.size > 0 ? lc->options->label
           : lc->spec->id.size > 0     ? lc->spec->id
                                       : weir_arena_printf(lc->arena, "load-%s", hex);
}

static bool fail_cancelled(weir_error *err)
{
    return weir_fail(err, WEIR_ERR_CANCELLED, "the load was cancelled: nothing was changed");
}

static bool has_label(const weir_load_commit *lc)
{
    weir_log_state *state = weir_table_state(lc->table);
    bool has = weir_log_has_label(state, lc->label);
    weir_log_state_unref(state);
    return has;
}

/* What an overwrite may replace; without intervals that shows only when all is read. */
static const weir_interval *time_of(const weir_load_commit *lc, uint32_t *count)
{
    *count = lc->spec->interval_count;
    if (*count == 0) {
        *count = 1;
        return &weir_interval_eternity;
    }
    return lc->spec->intervals;
}

static bool refresh(const weir_load_commit *lc, weir_error *err)
{
    for (int tries = 0; !weir_table_refresh(lc->table, err); tries++) {
        if (tries == STORE_TRIES || err->code != WEIR_ERR_STORE || is_cancelled(lc)) {
            return false;
        }
        sleep_ms(lc, (tries + 1) * 500);
    }
    return true;
}

/* Claims, waiting for others if that is wanted. *done: the label is committed. */
static bool claim(weir_load_commit *lc, const weir_interval *intervals, uint32_t count, bool *done,
                  weir_error *err)
{
    for (int tries = 0, waits = 0;;) {
        switch (weir_claims_begin(&lc->claims, intervals, count, err)) {
        case WEIR_CLAIMS_OPEN:
            start_beating(lc);
            return true;
        case WEIR_CLAIMS_DONE:
            *done = true;
            return false;
        case WEIR_CLAIMS_TAKEN:
            if (lc->options->wait_for_claims && !is_cancelled(lc)) {
                if (waits++ == 0) {
                    weir_log(WEIR_WARN, "load", "'%.*s' waits: %s", WEIR_STR_ARG(lc->label),
                             err->message);
                }
                sleep_ms(lc, CLAIM_WAIT_MS);
                continue;
            }
            return false;
        case WEIR_CLAIMS_FAILED:
            if (tries++ < STORE_TRIES && err->code == WEIR_ERR_STORE && !is_cancelled(lc)) {
                sleep_ms(lc, tries * 500);
                continue;
            }
            return false;
        }
    }
}

static bool begin_overwrite(weir_load_commit *lc, bool *done, weir_error *err)
{
    uint32_t count;
    const weir_interval *intervals = time_of(lc, &count);
    if (lc->options->flush &&
        !lc->options->flush(lc->options->self, weir_table_name(lc->table), err)) {
        return weir_fail_in(err, "live rows could not be handed off before they are replaced");
    }
    return claim(lc, intervals, count, done, err);
}

weir_load_commit *weir_load_commit_begin(const weir_load_options *options, weir_spec *spec,
                                         weir_table *table, _Atomic bool *lost, bool *done,
                                         weir_error *err)
{
    weir_load_commit *lc = weir_calloc(1, sizeof(*lc));
    *lc = (weir_load_commit){.options = options,
                             .spec = spec,
                             .table = table,
                             .arena = weir_arena_new(),
                             .overwrites = !spec->append_to_existing,
                             .lost = lost};
    pthread_mutex_init(&lc->lock, NULL);
    pthread_cond_init(&lc->changed, NULL);
    lc->label = choose_label(lc);
    weir_claims_init(&lc->claims, &(weir_claims_options){.table = table,
                                                         .clock = options->clock,
                                                         .label = lc->label,
                                                         .node = options->node,
                                                         .process = options->process,
                                                         .give_up = give_up,
                                                         .self = lc});
    *done = false;
    bool ok = refresh(lc, err);
    *done = ok && has_label(lc);
    if (ok && !*done && lc->overwrites) {
        ok = begin_overwrite(lc, done, err);
    }
    if (!ok || *done) {
        weir_load_commit_free(lc, false);
        return NULL;
    }
    return lc;
}

bool weir_load_commit_hold(weir_load_commit *lc, weir_error *err)
{
    bool done = false;
    weir_interval nothing = {0};
    return lc->claims.count > 0 || claim(lc, &nothing, 1, &done, err) ||
           (done &&
            weir_fail(err, WEIR_ERR_CONFLICT, "'%.*s' was committed by another run meanwhile",
                      WEIR_STR_ARG(lc->label)));
}

/* Uploads. */

bool weir_load_commit_put(const weir_load_commit *lc, weir_upload *upload, weir_arena *arena,
                          weir_error *err)
{
    for (int tries = 0; tries < UPLOAD_TRIES; tries++) {
        if (tries > 0) {
            sleep_ms(lc, tries * 1000);
        }
        if (is_cancelled(lc)) {
            return fail_cancelled(err);
        }
        if (weir_upload_put(lc->options->catalog, lc->table, lc->options->clock, arena, upload,
                            err)) {
            return true;
        }
    }
    return weir_fail_in(err, "uploading a segment");
}

/* All again under new names. */
static bool upload_again(weir_load_commit *lc, weir_upload *uploads, uint32_t count,
                         weir_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!weir_load_commit_put(lc, &uploads[i], lc->arena, err)) {
            return false;
        }
    }
    return true;
}

/* What is replaced. */

static int by_start(const void *a, const void *b)
{
    const weir_interval *x = a, *y = b;
    return (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

/* Ascending and disjoint. */
static uint32_t join(weir_interval *list, uint32_t count)
{
    uint32_t kept = 0;
    qsort(list, count, sizeof(*list), by_start);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && list[i].start_ms <= list[kept - 1].end_ms) {
            if (list[i].end_ms > list[kept - 1].end_ms) {
                list[kept - 1].end_ms = list[i].end_ms;
            }
        } else {
            list[kept++] = list[i];
        }
    }
    return kept;
}

/* Buckets with new rows; with dropExisting all of the intervals. In the arena. */
static uint32_t find_replaced(weir_load_commit *lc, const weir_upload *uploads, uint32_t count,
                              const weir_interval **out)
{
    const weir_granularity *gran = &lc->spec->schema->segment_granularity;
    uint32_t time_count;
    const weir_interval *time = time_of(lc, &time_count);
    bool all = gran->kind == WEIR_GRAN_ALL && count > 0;
    if (all || (lc->spec->drop_existing && lc->spec->interval_count > 0)) {
        *out = time;
        return time_count;
    }
    weir_interval *list = WEIR_ARENA_ARRAY(lc->arena, weir_interval, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        list[i] = uploads[i].bucket;
    }
    *out = list;
    return join(list, count);
}

/* The commit. */

static weir_commit *make_commit(weir_load_commit *lc, const weir_upload *uploads, uint32_t count,
                                weir_load_result *out, weir_error *err)
{
    weir_commit *commit =
        weir_commit_new(lc->overwrites ? WEIR_OP_OVERWRITE : WEIR_OP_LOAD, lc->options->clock);
    const weir_interval *replaced = NULL;
    commit->label = weir_arena_str(commit->arena, lc->label);
    for (uint32_t i = 0; i < count; i++) {
        weir_upload_add(&uploads[i], commit);
    }
    uint32_t replaced_count = lc->overwrites ? find_replaced(lc, uploads, count, &replaced) : 0;
    if (lc->claims.count > 0 &&
        !weir_claims_replace(&lc->claims, replaced, replaced_count, commit, &out->replaced, err)) {
        if (lc->overwrites) {
            weir_commit_free(commit);
            return NULL;
        }
        lc->claims.count = 0; /* an append without a claim may have to upload again, no more */
    }
    return commit;
}

bool weir_load_commit_end(weir_load_commit *lc, weir_upload *uploads, uint32_t count,
                          weir_load_result *out, weir_error *err)
{
    stop_beating(lc);
    for (;;) {
        int rule = 0;
        weir_commit *commit = !is_cancelled(lc) || fail_cancelled(err)
                                  ? make_commit(lc, uploads, count, out, err)
                                  : NULL;
        if (!commit) {
            out->already_done = has_label(lc);
            return out->already_done;
        }
        switch (weir_table_commit(lc->table, commit, give_up, lc, &rule, err)) {
        case WEIR_COMMIT_LANDED:
            return true;
        case WEIR_COMMIT_INVALID:
            if (has_label(lc)) {
                out->already_done = true;
                return true;
            }
            /* V3: the horizon passed the uploads. V4, V6: something came between; look again. */
            if (rule == 4 || rule == 6 || (rule == 3 && upload_again(lc, uploads, count, err))) {
                continue;
            }
            return weir_fail_in(err, "the load was not committed");
        case WEIR_COMMIT_GIVEN_UP:
            return weir_fail_in(
                err,
                "whether the load was committed is not known: run it again under the label '%.*s'",
                WEIR_STR_ARG(lc->label));
        }
    }
}

void weir_load_commit_free(weir_load_commit *lc, bool landed)
{
    weir_error err = {0};
    stop_beating(lc);
    if (!landed && !weir_claims_release(&lc->claims, &err)) {
        weir_log(WEIR_WARN, "load", "%s", err.message);
    }
    weir_claims_done(&lc->claims);
    pthread_cond_destroy(&lc->changed);
    pthread_mutex_destroy(&lc->lock);
    weir_arena_free(lc->arena);
    free(lc);
}
