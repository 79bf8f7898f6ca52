/* segments/collect.c - see include/weir/collect.h. A run: the horizon moves if that frees anything,
 * then the list of the table's objects is gone through once, page by page. Each page is judged by a
 * state that is at or after the commit of that state's own horizon, which is all that it takes:
 * what is not in it and below its horizon can never come into a later one (V3). */
#include "weir/collect.h"
#include "segments/catalog_table.h"
#include "segments/table_log_state.h"
#include "weir/log.h"
#include <stdio.h>
#include <stdlib.h>

#define PAGE 1000     /* keys per step */
#define DELETIONS 100 /* per step: each is a request */
/* Between moves of the horizon for objects in no state: doubled each time, as it may be a writer
 * that is under way, slower than the grace, whose objects must be put again each time. */
#define FIRST_WAIT_US 1000000
#define LONGEST_WAIT_US 3600000000

void weir_collect_note(weir_collect_memory *memory, weir_table *table, const weir_clock *clock,
                       int64_t grace_ms)
{
    weir_log_state *state = weir_table_state(table);
    uint64_t version = weir_log_version(state);
    weir_log_state_unref(state);
    int64_t now_us = weir_monotonic_us(clock); /* after: what is noted was folded before */
    uint32_t n = memory->count;
    int64_t apart_us = grace_ms * 1000 / (WEIR_COLLECT_SEEN / 2);
    if (n > 0 &&
        (memory->seen[n - 1].version == version || now_us - memory->seen[n - 1].at_us < apart_us)) {
        return;
    }
    if (n == WEIR_COLLECT_SEEN) {
        memmove(memory->seen, memory->seen + 1, (n - 1) * sizeof(memory->seen[0]));
        n--;
    }
    memory->seen[n].version = version;
    memory->seen[n].at_us = now_us;
    memory->count = n + 1;
}

/* The newest version that was noted a grace ago, as far as open claims allow (V7). */
static uint64_t next_horizon(const weir_collect *c, const weir_log_state *state)
{
    uint64_t horizon = 0;
    size_t claims;
    const weir_claim_state *claim = weir_log_claims(state, &claims);
    int64_t until_us = weir_monotonic_us(c->clock) - c->grace_ms * 1000;
    for (uint32_t i = 0; i < c->memory->count && c->memory->seen[i].at_us <= until_us; i++) {
        horizon = c->memory->seen[i].version;
    }
    for (size_t i = 0; i < claims; i++) {
        horizon = claim[i].version < horizon ? claim[i].version : horizon;
    }
    return horizon;
}

/* Whether the next horizon forgets a tombstone, or (where nothing was committed after the removal)
 * its own commit makes the version at which the one after it will. */
static bool frees_removed(const weir_log_state *state, uint64_t horizon)
{
    bool any = false;
    for (size_t i = 0; i < state->tombstone_count && !any; i++) {
        any = state->tombstones[i].version <= horizon;
    }
    return any;
}

static bool move_horizon(weir_collect *c, uint64_t horizon, weir_error *err)
{
    weir_commit *commit = weir_commit_new(WEIR_OP_GC, c->clock);
    int rule = 0;
    commit->horizon = horizon;
    switch (weir_table_commit(c->table, commit, c->give_up, c->self, &rule, err)) {
    case WEIR_COMMIT_LANDED:
        break;
    case WEIR_COMMIT_INVALID: /* V7: another process moved it, or a claim came: what is collected is
                                 what the log says */
        if (rule != 7) {
            return false;
        }
        break;
    case WEIR_COMMIT_GIVEN_UP:
        return false;
    }
    c->moved = true;
    c->worth = c->listed = c->aborted = false;
    c->after[0] = 0;
    return true;
}

typedef struct object {
    weir_str key;
    uint64_t size;
} object;

typedef struct page {
    weir_arena *arena;
    object *objects;
    size_t count;
    bool last, whole;
} page;

static bool see_object(void *self, weir_str key, uint64_t size)
{
    page *p = self;
    p->objects[p->count++] = (object){weir_arena_str(p->arena, key), size};
    p->last = p->count < PAGE;
    return p->last;
}

/* Whether the name is a segment's that no state from `state` on can have. */
static bool is_garbage(const weir_log_state *state, weir_str key, uint64_t *base)
{
    const char *slash = memrchr(key.at, '/', key.size);
    weir_str id = slash ? (weir_str){slash + 1, (size_t)(key.at + key.size - slash - 1)} : key;
    return weir_segment_id_base(id, base) && !weir_log_segment(state, id) &&
           !weir_log_has_tombstone(state, id);
}

/* Deletes what may go of one page, and looks for what a later horizon would free. What is left of
 * the page when there was much is the next step's: p->count is what was judged. */
static bool sweep_page(weir_collect *c, page *p, weir_error *err)
{
    weir_store *store = weir_catalog_store(weir_table_catalog(c->table));
    weir_log_state *state = weir_table_state(c->table);
    uint64_t horizon = weir_log_horizon(state), later = next_horizon(c, state);
    bool ok = true;
    size_t i = 0;
    for (; i < p->count && ok && c->objects < DELETIONS; i++) {
        uint64_t base;
        if (!is_garbage(state, p->objects[i].key, &base)) {
            continue;
        }
        if (base < horizon) {
            ok = store->ops->remove(store, p->objects[i].key, err);
            c->objects += ok;
            c->bytes += ok ? p->objects[i].size : 0;
        } else if (base <= later) {
            c->worth = true;
        }
    }
    p->whole = i == p->count;
    p->count = i;
    weir_log_state_unref(state);
    return ok;
}

static bool is_wanted(void *self, weir_str id)
{
    uint64_t base = 0;
    return !is_garbage(self, id, &base) || base >= weir_log_horizon(self);
}

void weir_table_sweep_cache(weir_table *table, weir_log_state *state)
{
    if (!table->catalog->options.store->ops->map && table->catalog->options.cache_path) {
        weir_cache_sweep(table->catalog->cache, weir_log_table_id(state), is_wanted, state);
    }
}

static weir_str folder_of(weir_arena *arena, weir_table *table)
{
    return weir_key_segment(arena, weir_table_name(table), WEIR_STR(""));
}

static bool next_page(weir_collect *c, weir_error *err)
{
    weir_store *store = weir_catalog_store(weir_table_catalog(c->table));
    page p = {.arena = weir_arena_new(), .last = true};
    p.objects = WEIR_ARENA_ARRAY(p.arena, object, PAGE);
    bool ok = store->ops->list(store, folder_of(p.arena, c->table), weir_str_of(c->after),
                               see_object, &p, err) &&
              sweep_page(c, &p, err);
    if (ok && p.count > 0) {
        snprintf(c->after, sizeof(c->after), "%.*s", WEIR_STR_ARG(p.objects[p.count - 1].key));
    }
    c->listed = ok && p.last && p.whole;
    weir_arena_free(p.arena);
    return ok;
}

/* An upload in parts is judged by its name, as an object is. */
typedef struct uploads {
    const weir_log_state *state;
    uint64_t later;
    bool worth;
} uploads;

static bool abort_old(void *self, weir_str key)
{
    uploads *u = self;
    uint64_t base = 0;
    bool garbage = is_garbage(u->state, key, &base), old = base < weir_log_horizon(u->state);
    u->worth = u->worth || (garbage && !old && base <= u->later);
    return garbage && old;
}

/* Parts of objects that were never put together. Not every server, nor every account, may list
 * them: objects are collected all the same. */
static void abort_uploads(weir_collect *c)
{
    weir_store *store = weir_catalog_store(weir_table_catalog(c->table));
    weir_error err = {0};
    c->aborted = true;
    if (!store->ops->abort_uploads) {
        return;
    }
    weir_arena *arena = weir_arena_new();
    weir_log_state *state = weir_table_state(c->table);
    uploads u = {state, next_horizon(c, state), false};
    if (!store->ops->abort_uploads(store, folder_of(arena, c->table), abort_old, &u, &err)) {
        weir_log(WEIR_WARN, "catalog", "uploads that nobody ended may stay in the store: %s",
                 err.message);
    }
    c->worth = c->worth || u.worth;
    weir_log_state_unref(state);
    weir_arena_free(arena);
}

/* Whether the horizon is to move now: at the run's start if it frees what was removed, at its end
 * if the run met garbage that is not old enough for the present one. Once a run. */
static bool must_move(weir_collect *c, const weir_log_state *state, uint64_t horizon)
{
    weir_collect_memory *m = c->memory;
    bool begins = c->after[0] == 0 && !c->listed, ends = c->listed && c->aborted;
    if (c->moved || horizon <= weir_log_horizon(state)) {
        return false;
    }
    if (begins) {
        return frees_removed(state, horizon);
    }
    int64_t now_us = weir_monotonic_us(c->clock);
    bool move = ends && c->worth && now_us >= m->next_us;
    if (move) {
        m->wait_us = m->wait_us == 0                    ? FIRST_WAIT_US
                     : m->wait_us * 2 < LONGEST_WAIT_US ? m->wait_us * 2
                                                        : LONGEST_WAIT_US;
        m->next_us = now_us + m->wait_us;
    }
    return move;
}

bool weir_collect_step(weir_collect *c, bool *done, weir_error *err)
{
    weir_collect_note(c->memory, c->table, c->clock, c->grace_ms);
    weir_log_state *state = weir_table_state(c->table);
    uint64_t horizon = next_horizon(c, state);
    bool move = must_move(c, state, horizon), empty = weir_log_version(state) == 0;
    weir_log_state_unref(state);
    c->objects = c->bytes = 0;
    *done = false;
    if (move) {
        return move_horizon(c, horizon, err);
    }
    if (!c->listed && !empty) {
        return next_page(c, err);
    }
    if (!c->aborted && !empty) {
        abort_uploads(c);
        return true;
    }
    if (!c->worth && !c->moved) {
        c->memory->wait_us = c->memory->next_us = 0;
    }
    *done = true;
    return true;
}
