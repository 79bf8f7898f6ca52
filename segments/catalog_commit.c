/* segments/catalog_commit.c - the one place that commits. docs/PROTOCOL.md, section 5, step by
 * step. Nothing here knows whether the store is a disk or a network, nor how long a wait is: a
 * simulation brings both. */
#include "segments/catalog_table.h"
#include "weir/hash.h"
#include "weir/log.h"
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#define FIRST_WAIT_MS 20
#define LONGEST_WAIT_MS 1000
#define TRIES_WITHOUT_GIVE_UP 25
#define DAMAGED_TRIES 4
#define FIRST_RELOAD_MS 200
#define LONGEST_RELOAD_MS 30000
#define TURN_WAIT_MS 1000 /* of a refresh */
#define TURN_STEP_MS 5
#define TURN_WITHOUT_GIVE_UP_MS 20000

void weir_catalog_wait(weir_catalog *catalog, int64_t ms)
{
    if (catalog->options.wait) {
        catalog->options.wait(catalog->options.wait_self, ms);
        return;
    }
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

bool weir_table_try_turn(weir_table *table)
{
    pthread_mutex_lock(&table->lock);
    bool mine = !table->busy;
    table->busy = true;
    pthread_mutex_unlock(&table->lock);
    return mine;
}

void weir_table_give_turn(weir_table *table)
{
    pthread_mutex_lock(&table->lock);
    table->busy = false;
    pthread_mutex_unlock(&table->lock);
}

static void remember_txn(weir_table *table, weir_str txn)
{
    weir_str copy = weir_str_dup(txn);
    table->own_txns =
        weir_realloc(table->own_txns, (table->own_count + 1) * sizeof(*table->own_txns));
    table->own_txns[table->own_count++] = copy;
}

/* Whether the commit is of this process; forgets it. Holder of the turn. */
static bool take_txn(weir_table *table, weir_str txn)
{
    for (size_t i = 0; i < table->own_count; i++) {
        if (weir_str_eq(table->own_txns[i], txn)) {
            free((void *)(uintptr_t)table->own_txns[i].at);
            table->own_txns[i] = table->own_txns[--table->own_count];
            return true;
        }
    }
    return false;
}

void weir_table_set_trouble(weir_table *table, const weir_error *err)
{
    pthread_mutex_lock(&table->lock);
    bool was = table->trouble.code != WEIR_OK;
    table->trouble = err ? *err : (weir_error){0};
    table->in_part = table->in_part && err;
    pthread_mutex_unlock(&table->lock);
    if (err && !was) {
        weir_log(WEIR_ERROR, "catalog", "table %.*s is read-only: %s", WEIR_STR_ARG(table->name),
                 err->message);
    } else if (!err && was) {
        weir_log(WEIR_INFO, "catalog", "the log of table %.*s reads well again",
                 WEIR_STR_ARG(table->name));
    }
}

/* A log that was not read to its end when this process began is read again from its newest
 * checkpoint: one by one its commits would take long, and only the list tells a lost one from the
 * end. It is asked for less and less often. */
static bool reload(weir_table *table, weir_error *err)
{
    const weir_catalog *catalog = table->catalog;
    weir_log_state *state = NULL;
    if (weir_monotonic_us(catalog->options.clock) < table->reload_at_us) {
        return weir_table_is_known(table, err);
    }
    bool ok =
        weir_log_load_part(catalog->options.store, catalog->fetcher, table->name, &state, err);
    if (ok) {
        weir_table_jump(table, state);
        weir_table_set_trouble(table, NULL);
    } else {
        table->reload_wait_ms = table->reload_wait_ms == 0 ? FIRST_RELOAD_MS
                                : table->reload_wait_ms * 2 > LONGEST_RELOAD_MS
                                    ? LONGEST_RELOAD_MS
                                    : table->reload_wait_ms * 2;
        table->reload_at_us =
            weir_monotonic_us(catalog->options.clock) + table->reload_wait_ms * 1000;
    }
    weir_log_state_unref(state);
    return ok;
}

bool weir_table_fold_to_end(weir_table *table, weir_error *err)
{
    weir_error why = {0};
    if (!weir_table_is_known(table, &why) && !reload(table, err)) {
        return false;
    }
    for (;;) {
        weir_log_state *state = weir_table_state(table), *next = NULL;
        weir_commit *commit = NULL;
        weir_get got = weir_commit_get(table->catalog->options.store, table->name,
                                       weir_log_version(state) + 1, &commit, &why);
        bool ok = got == WEIR_GET_FOUND && weir_log_fold(state, commit, commit->hash, &next, &why);
        if (ok) {
            weir_table_fold(table, commit, next, take_txn(table, commit->txn));
        }
        weir_log_state_unref(state);
        weir_log_state_unref(next);
        weir_commit_free(commit);
        if (ok) {
            continue;
        }
        if (got == WEIR_GET_NONE) {
            weir_table_set_trouble(table, NULL);
            return true;
        }
        if (why.code == WEIR_ERR_CORRUPT) {
            weir_table_set_trouble(table, &why);
        }
        if (err) {
            *err = why;
        }
        return false;
    }
}

bool weir_table_refresh(weir_table *table, weir_error *err)
{
    int64_t waited = 0;
    while (!weir_table_try_turn(table)) {
        if (waited >= TURN_WAIT_MS) {
            return weir_fail(err, WEIR_ERR_STORE,
                             "a commit of table %.*s has been waiting for the store",
                             WEIR_STR_ARG(table->name));
        }
        weir_catalog_wait(table->catalog, TURN_STEP_MS);
        waited += TURN_STEP_MS;
    }
    bool ok = weir_table_fold_to_end(table, err);
    weir_table_give_turn(table);
    return ok;
}

/* One commit on its way. */
typedef struct attempt {
    weir_table *table;
    weir_commit *commit;
    bool (*give_up)(void *self);
    void *self;
    uint32_t tries;
    int64_t wait_ms;
    weir_buf bytes;
    weir_log_state *next; /* what it folds to */
    int *rule;
    weir_error *err;
} attempt;

/* Waits a little longer each time. False: give up. */
static bool wait_for_next_try(attempt *a)
{
    weir_catalog *catalog = a->table->catalog;
    if (a->give_up ? a->give_up(a->self) : a->tries >= TRIES_WITHOUT_GIVE_UP) {
        return false;
    }
    if (a->tries == 3) {
        weir_log(WEIR_WARN, "catalog", "a commit of table %.*s is being tried again: %s",
                 WEIR_STR_ARG(a->table->name), a->err->message);
    }
    a->tries++;
    a->wait_ms = a->wait_ms == 0                    ? FIRST_WAIT_MS
                 : a->wait_ms * 2 > LONGEST_WAIT_MS ? LONGEST_WAIT_MS
                                                    : a->wait_ms * 2;
    weir_catalog_wait(catalog, a->wait_ms / 2 + (int64_t)(weir_random(catalog->options.clock) %
                                                          (uint64_t)(a->wait_ms / 2 + 1)));
    atomic_fetch_add(&a->table->commit_retries, 1);
    return !a->give_up || !a->give_up(a->self);
}

/* Step 1. Damage may be the way's and not the object's: it is read some times before it counts. */
static bool fold_first(attempt *a)
{
    for (int damaged = 0; !weir_table_fold_to_end(a->table, a->err);) {
        damaged += a->err->code == WEIR_ERR_CORRUPT;
        if (damaged == DAMAGED_TRIES || !wait_for_next_try(a)) {
            return false;
        }
    }
    return true;
}

/* I8: what a hand-off adds is what its ranges kept. */
static void check_events(const weir_commit *commit)
{
    uint64_t kept = 0, added = 0;
    if (commit->op != WEIR_OP_HANDOFF) {
        return;
    }
    for (uint32_t i = 0; i < commit->offset_count; i++) {
        kept += commit->offsets[i].counts.kept;
    }
    for (uint32_t i = 0; i < commit->add_count; i++) {
        added += commit->add[i].events;
    }
    assert(kept == added);
}

/* Steps 2 and 3: against exactly state(N). The bytes are read back and folded before anybody else
 * can see them: what the writer cannot read no reader could, and the table would stop. */
static bool prepare(attempt *a)
{
    weir_commit *c = a->commit, *back = NULL;
    weir_log_state *state = weir_table_state(a->table);
    c->version = weir_log_version(state) + 1;
    c->prev = weir_log_hash(state);
    c->table = a->table->name;
    if (c->version > 1) {
        c->table_id = weir_arena_str(c->arena, weir_log_table_id(state));
    }
    c->node = a->table->catalog->node;
    *a->rule = 0;
    bool ok = weir_log_valid(state, c, a->rule, a->err);
    if (ok) {
        check_events(c);
        a->bytes.size = 0;
        weir_commit_write(c, &a->bytes);
        weir_log_state_unref(a->next);
        a->next = NULL;
        ok = weir_commit_read(WEIR_STR("to be written"), weir_buf_view(&a->bytes), &back, a->err) &&
             weir_log_fold(state, back, back->hash, &a->next, a->err);
    }
    weir_commit_free(back);
    weir_log_state_unref(state);
    return ok;
}

typedef enum landing { LANDED, TAKEN, GIVEN_UP } landing;

/* Step 4, for one version: the same bytes until the store says who has it. */
static landing put_until_known(attempt *a, uint64_t version, weir_str bytes, weir_str txn)
{
    weir_store *store = a->table->catalog->options.store;
    weir_arena *arena = weir_arena_new();
    weir_str key = weir_key_log(arena, a->table->name, version);
    bool known = false;
    int damaged = 0;
    landing result = GIVEN_UP;
    do {
        weir_put put = store->ops->put_if_absent(store, key, bytes, a->err);
        weir_commit *there = NULL;
        if (put == WEIR_PUT_DONE) {
            result = LANDED;
            known = true;
        } else if (put == WEIR_PUT_EXISTS) {
            known =
                weir_commit_get(store, a->table->name, version, &there, a->err) == WEIR_GET_FOUND;
            damaged += !known && a->err->code == WEIR_ERR_CORRUPT;
            result = known && weir_str_eq(there->txn, txn) ? LANDED : TAKEN;
            known =
                known || damaged == DAMAGED_TRIES; /* not ours at least: the fold says what it is */
        }
        weir_commit_free(there);
    } while (!known && wait_for_next_try(a));
    weir_arena_free(arena);
    return known ? result : GIVEN_UP;
}

/* A commit that was given up while unknown may still take version N+1: nothing else goes there
 * before that is settled. */
static bool settle_pending(attempt *a)
{
    pending_put *pending = &a->table->pending;
    weir_log_state *state = weir_table_state(a->table);
    bool open = pending->bytes.size > 0 && pending->version == weir_log_version(state) + 1,
         ok = true;
    weir_log_state_unref(state);
    if (open) {
        weir_commit *commit;
        bool read =
            weir_commit_read(WEIR_STR("given up"), weir_buf_view(&pending->bytes), &commit, a->err);
        assert(read); /* our own bytes */
        ok = put_until_known(a, pending->version, weir_buf_view(&pending->bytes), commit->txn) !=
             GIVEN_UP;
        weir_commit_free(commit);
        ok = ok && fold_first(a);
    }
    if (ok) {
        weir_buf_done(&pending->bytes);
    }
    return ok;
}

/* Step 5. */
static void land(attempt *a)
{
    uint64_t version = a->commit->version;
    bool own = take_txn(a->table, a->commit->txn);
    assert(own);
    weir_table_fold(a->table, a->commit, a->next, own);
    atomic_fetch_add(&a->table->commits, 1);
    weir_error err = {0};
    if (version % WEIR_CHECKPOINT_EVERY == 0 &&
        !weir_checkpoint_put(a->table->catalog->options.store, a->next, &err)) {
        weir_log(WEIR_WARN, "catalog", "no checkpoint of table %.*s at version %lu: %s",
                 WEIR_STR_ARG(a->table->name), version, err.message);
    }
}

static weir_commit_result run(attempt *a)
{
    for (;;) {
        if (!fold_first(a) || !settle_pending(a)) {
            return WEIR_COMMIT_GIVEN_UP;
        }
        if (!prepare(a)) {
            weir_str txn = a->commit->txn;
            take_txn(a->table, txn);
            return WEIR_COMMIT_INVALID;
        }
        switch (put_until_known(a, a->commit->version, weir_buf_view(&a->bytes), a->commit->txn)) {
        case LANDED:
            land(a);
            return WEIR_COMMIT_LANDED;
        case TAKEN:
            break; /* fold it, try the next version */
        case GIVEN_UP:
            a->table->pending.version = a->commit->version;
            a->table->pending.bytes.size = 0;
            weir_buf_str(&a->table->pending.bytes, weir_buf_view(&a->bytes));
            return WEIR_COMMIT_GIVEN_UP;
        }
    }
}

/* Another commit may be waiting for the store, for long: whoever gives up then was never put. */
static bool take_turn(attempt *a)
{
    for (int64_t waited = 0; !weir_table_try_turn(a->table); waited += TURN_STEP_MS) {
        if (a->give_up ? a->give_up(a->self) : waited > TURN_WITHOUT_GIVE_UP_MS) {
            return weir_fail(a->err, WEIR_ERR_STORE,
                             "another commit of table %.*s has been waiting for the store",
                             WEIR_STR_ARG(a->table->name));
        }
        weir_catalog_wait(a->table->catalog, TURN_STEP_MS);
    }
    return true;
}

weir_commit_result weir_table_commit(weir_table *table, weir_commit *commit,
                                     bool (*give_up)(void *self), void *self, int *rule,
                                     weir_error *err)
{
    weir_error own_err = {0};
    int own_rule;
    attempt a = {.table = table,
                 .commit = commit,
                 .give_up = give_up,
                 .self = self,
                 .rule = rule ? rule : &own_rule,
                 .err = err ? err : &own_err};
    weir_commit_result result = WEIR_COMMIT_GIVEN_UP;
    if (take_turn(&a)) {
        remember_txn(table, commit->txn);
        result = run(&a);
        weir_table_give_turn(table);
    }
    weir_log_state_unref(a.next);
    weir_buf_done(&a.bytes);
    weir_commit_free(commit);
    return result;
}
