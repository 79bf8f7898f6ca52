/* segments/catalog.c - the tables of a store: found at start and by the poll, kept until the end.
 * One thread polls all of them. */
#include "segments/catalog_table.h"
#include "weir/hash.h"
#include "weir/log.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define POLL_MS 1000
#define LOADERS 7              /* threads that load tables from a remote store, beside the first */
#define FETCHERS 16            /* gets from a remote store at once */
#define REMOTE_TABLES_EVERY 10 /* polls: a list costs a request per table, and money */

static bool is_remote(const weir_catalog *catalog)
{
    return catalog->options.store->ops->map == NULL;
}

weir_table *weir_table_new(weir_catalog *catalog, weir_log_state *state)
{
    weir_table *table = weir_calloc(1, sizeof(*table));
    table->catalog = catalog;
    table->name = weir_str_dup(weir_log_table(state));
    table->current = weir_published_first(state);
    pthread_mutex_init(&table->lock, NULL);
    pthread_mutex_init(&table->opening, NULL);
    return table;
}

void weir_table_free(weir_table *table)
{
    weir_published_unref(table->current);
    weir_published_unref(table->held);
    for (size_t i = 0; i < table->own_count; i++) {
        free((void *)(uintptr_t)table->own_txns[i].at);
    }
    free(table->own_txns);
    weir_buf_done(&table->pending.bytes);
    pthread_mutex_destroy(&table->lock);
    pthread_mutex_destroy(&table->opening);
    free((void *)(uintptr_t)table->name.at);
    free(table);
}

weir_str weir_table_name(const weir_table *table)
{
    return table->name;
}

weir_catalog *weir_table_catalog(weir_table *table)
{
    return table->catalog;
}

weir_log_state *weir_table_state(weir_table *table)
{
    published *p = weir_published_of(table);
    weir_log_state *state = weir_log_state_ref(p->state);
    weir_published_unref(p);
    return state;
}

void weir_table_adopt_file(weir_table *table, weir_str segment_id, const char *path)
{
    weir_log_state *state = weir_table_state(table);
    weir_cache_adopt(table->catalog->cache, weir_log_table_id(state), segment_id, path);
    weir_log_state_unref(state);
}

/* Under the catalog's lock. */
static size_t find_table(const weir_catalog *catalog, weir_str name, bool *there)
{
    size_t from = 0, to = catalog->table_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (weir_str_cmp(catalog->tables[middle]->name, name) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    *there = from < catalog->table_count && weir_str_eq(catalog->tables[from]->name, name);
    return from;
}

weir_table *weir_catalog_table(weir_catalog *catalog, weir_str name)
{
    bool there;
    pthread_mutex_lock(&catalog->lock);
    size_t at = find_table(catalog, name, &there);
    weir_table *table = there ? catalog->tables[at] : NULL;
    pthread_mutex_unlock(&catalog->lock);
    return table;
}

/* Adds the table unless another thread was faster; returns the one that is in the list. */
static weir_table *add_table(weir_catalog *catalog, weir_table *table)
{
    for (;;) {
        pthread_mutex_lock(&catalog->lock);
        size_t count = catalog->table_count;
        pthread_mutex_unlock(&catalog->lock);
        weir_table **more = weir_alloc((count + 1) * sizeof(*more)), **old = NULL;
        bool there;
        pthread_mutex_lock(&catalog->lock);
        size_t at = find_table(catalog, table->name, &there);
        weir_table *result = there ? catalog->tables[at] : NULL;
        if (!there && catalog->table_count == count) {
            if (count > 0) {
                memcpy(more, catalog->tables, at * sizeof(*more));
                memcpy(more + at + 1, catalog->tables + at, (count - at) * sizeof(*more));
            }
            more[at] = result = table;
            old = catalog->tables;
            catalog->tables = more;
            catalog->table_count++;
            more = NULL;
        }
        pthread_mutex_unlock(&catalog->lock);
        free(more);
        free(old);
        if (result && result != table) {
            weir_table_free(table);
        }
        if (result) {
            return result;
        }
    }
}

/* All tables as of now; free() the array. */
static weir_table **copy_tables(weir_catalog *catalog, size_t *count)
{
    weir_table **copy = NULL;
    size_t room = 0;
    for (;;) {
        pthread_mutex_lock(&catalog->lock);
        *count = catalog->table_count;
        if (*count <= room) {
            for (size_t i = 0; i < *count; i++) {
                copy[i] = catalog->tables[i];
            }
        }
        pthread_mutex_unlock(&catalog->lock);
        if (*count <= room) {
            return copy;
        }
        room = *count + 16;
        copy = weir_realloc(copy, room * sizeof(*copy));
    }
}

/* The table's segment, if it is open and (unless `held`) no view holds it. */
static opened *take_opened(weir_table *table, weir_str id, bool held)
{
    published *p = weir_published_of(table);
    opened *o = NULL;
    frozen *f = weir_frozen_find(p->frozen, id);
    if (f) {
        pthread_mutex_lock(&table->opening);
        o = atomic_load(&f->opened);
        if (o && (held || atomic_load(&o->refs) == 1)) {
            atomic_store(&f->opened, NULL);
        } else {
            o = NULL;
        }
        pthread_mutex_unlock(&table->opening);
    }
    weir_published_unref(p);
    return o;
}

void weir_catalog_close_segment(void *self, weir_str table_id, weir_str id, bool held)
{
    weir_catalog *catalog = self;
    size_t count;
    weir_table **tables = copy_tables(catalog, &count);
    for (size_t i = 0; i < count; i++) {
        weir_log_state *state = weir_table_state(tables[i]);
        if (weir_str_eq(weir_log_table_id(state), table_id)) {
            weir_opened_unref(take_opened(tables[i], id, held));
        }
        weir_log_state_unref(state);
    }
    free(tables);
}

typedef struct names {
    weir_arena *arena;
    weir_str *at;
    size_t count, room;
} names;

static bool see_name(void *self, weir_str table)
{
    names *n = self;
    if (n->count == n->room) {
        n->room = n->room ? n->room * 2 : 16;
        n->at = weir_realloc(n->at, n->room * sizeof(*n->at));
    }
    n->at[n->count++] = weir_arena_str(n->arena, table);
    return true;
}

/* Loads a table that is not known yet. A folder without a log (a name that is being created) is no
 * table. */
static bool find_new_table(weir_catalog *catalog, weir_str name, weir_error *err)
{
    weir_log_state *state = NULL;
    weir_error why = {0};
    bool ok = weir_log_load_part(catalog->options.store, catalog->fetcher, name, &state, &why);
    if (!state || (ok && weir_log_version(state) == 0)) {
        weir_log_state_unref(state);
        if (!ok && err) {
            *err = why;
        }
        return ok;
    }
    weir_table *table = weir_table_new(catalog, state);
    table->in_part = !ok;
    table->trouble = ok ? table->trouble : why;
    add_table(catalog, table);
    if (!ok) {
        weir_log(WEIR_ERROR, "catalog", "table %.*s is read-only: %s", WEIR_STR_ARG(name),
                 why.message);
    }
    return true;
}

typedef struct loading { /* of several tables at once: from a remote store each takes some round
                            trips */
    weir_catalog *catalog;
    const names *names;
    _Atomic size_t next;
    pthread_mutex_t lock; /* guards failed */
    weir_error failed;
} loading;

static void *load_some(void *self)
{
    loading *l = self;
    for (;;) {
        size_t i = atomic_fetch_add(&l->next, 1);
        weir_error err = {0};
        if (i >= l->names->count) {
            return NULL;
        }
        if (!weir_catalog_table(l->catalog, l->names->at[i]) &&
            !find_new_table(l->catalog, l->names->at[i], &err)) {
            pthread_mutex_lock(&l->lock);
            l->failed = err;
            pthread_mutex_unlock(&l->lock);
        }
    }
}

/* By the caller, and by threads beside it where the store is remote. */
static bool load_tables(weir_catalog *catalog, const names *found, weir_error *err)
{
    loading l = {.catalog = catalog, .names = found};
    pthread_t threads[LOADERS];
    size_t count = 0;
    size_t most = is_remote(catalog) && catalog->options.threads ? LOADERS : 0;
    pthread_mutex_init(&l.lock, NULL);
    while (count < most && count + 1 < found->count &&
           pthread_create(&threads[count], NULL, load_some, &l) == 0) {
        count++;
    }
    load_some(&l);
    while (count > 0) {
        pthread_join(threads[--count], NULL);
    }
    pthread_mutex_destroy(&l.lock);
    if (l.failed.code != WEIR_OK && err) {
        *err = l.failed;
    }
    return l.failed.code == WEIR_OK;
}

static bool find_new_tables(weir_catalog *catalog, weir_error *err)
{
    names found = {.arena = weir_arena_new()};
    bool ok = weir_log_tables(catalog->options.store, see_name, &found, err) &&
              load_tables(catalog, &found, err);
    free(found.at);
    weir_arena_free(found.arena);
    return ok;
}

static void fold_known(weir_catalog *catalog)
{
    size_t count;
    weir_error err = {0};
    weir_table **tables = copy_tables(catalog, &count);
    for (size_t i = 0; i < count; i++) {
        if (weir_table_try_turn(tables[i])) { /* else a commit is under way and folds by itself */
            if (!weir_table_fold_to_end(tables[i], &err)) {
                weir_log(WEIR_DEBUG, "catalog", "poll: %s", err.message);
            }
            weir_table_give_turn(tables[i]);
        }
        weir_published_unref(weir_published_shown(tables[i])); /* lets go of what nobody asks for */
    }
    free(tables);
}

static void look_for_tables(weir_catalog *catalog)
{
    weir_error err = {0};
    if (!find_new_tables(catalog, &err)) {
        weir_log(WEIR_DEBUG, "catalog", "poll: %s", err.message);
    }
}

void weir_catalog_step(weir_catalog *catalog)
{
    fold_known(catalog);
    look_for_tables(catalog);
}

static void *poll(void *self)
{
    weir_catalog *catalog = self;
    int64_t every_ms = catalog->options.poll_ms > 0 ? catalog->options.poll_ms : POLL_MS;
    uint32_t tables_every = is_remote(catalog) ? REMOTE_TABLES_EVERY : 1, polls = 0;
    pthread_setname_np(pthread_self(), "weir-poll");
    pthread_mutex_lock(&catalog->lock);
    while (!catalog->stopping) {
        struct timespec until = weir_deadline(CLOCK_MONOTONIC, every_ms);
        if (pthread_cond_timedwait(&catalog->stop, &catalog->lock, &until) == ETIMEDOUT &&
            !catalog->stopping) {
            pthread_mutex_unlock(&catalog->lock);
            fold_known(catalog);
            if (++polls % tables_every == 0) {
                look_for_tables(catalog);
            }
            pthread_mutex_lock(&catalog->lock);
        }
    }
    pthread_mutex_unlock(&catalog->lock);
    return NULL;
}

static void catalog_free(weir_catalog *catalog)
{
    weir_fetcher_free(catalog->fetcher); /* what is being fetched is waited for */
    for (size_t i = 0; i < catalog->table_count; i++) {
        weir_table_free(catalog->tables[i]);
    }
    free(catalog->tables);
    weir_cache_free(catalog->cache);
    pthread_mutex_destroy(&catalog->lock);
    pthread_cond_destroy(&catalog->stop);
    free((void *)(uintptr_t)catalog->node.at);
    free(catalog);
}

/* Copies of an earlier run. */
static void sweep_cache(weir_catalog *catalog)
{
    size_t count;
    weir_table **tables = copy_tables(catalog, &count);
    for (size_t i = 0; i < count; i++) {
        weir_log_state *state = weir_table_state(tables[i]);
        weir_table_sweep_cache(tables[i], state);
        weir_log_state_unref(state);
    }
    free(tables);
}

weir_catalog *weir_catalog_open(const weir_catalog_options *options, weir_error *err)
{
    if (options->threads && !weir_store_probe(options->store, options->clock, err)) {
        return NULL;
    }
    weir_catalog *catalog = weir_calloc(1, sizeof(*catalog));
    pthread_condattr_t monotonic;
    catalog->options = *options;
    catalog->node = weir_str_dup(options->node);
    catalog->fetcher =
        weir_fetcher_new(options->store, is_remote(catalog) && options->threads ? FETCHERS : 0);
    catalog->cache = weir_cache_new(&(weir_cache_options){.store = options->store,
                                                          .fetcher = catalog->fetcher,
                                                          .threads = options->threads,
                                                          .clock = options->clock,
                                                          .path = options->cache_path,
                                                          .limit_bytes = options->cache_bytes,
                                                          .close = weir_catalog_close_segment,
                                                          .self = catalog});
    pthread_mutex_init(&catalog->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&catalog->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!find_new_tables(catalog, err)) {
        catalog_free(catalog);
        return NULL;
    }
    sweep_cache(catalog);
    if (options->threads && pthread_create(&catalog->poller, NULL, poll, catalog) != 0) {
        weir_die("cannot start the catalog's thread");
    }
    return catalog;
}

void weir_catalog_close(weir_catalog *catalog)
{
    if (!catalog) {
        return;
    }
    if (catalog->options.threads) {
        pthread_mutex_lock(&catalog->lock);
        catalog->stopping = true;
        pthread_cond_signal(&catalog->stop);
        pthread_mutex_unlock(&catalog->lock);
        pthread_join(catalog->poller, NULL);
    }
    catalog_free(catalog);
}

weir_table *weir_catalog_table_create(weir_catalog *catalog, weir_str name, weir_error *err)
{
    weir_table *table = weir_catalog_table(catalog, name);
    if (table) {
        return table;
    }
    if (name.size == 0 || name.size > 80 ||
        !weir_str_is_utf8(name)) { /* three bytes each, and a file's name has 255 */
        weir_fail(err, WEIR_ERR_BAD_REQUEST,
                  "'%.*s' is no name of a table: it must have 1 to 80 bytes of UTF-8",
                  WEIR_STR_ARG(name));
        return NULL;
    }
    table = weir_table_new(catalog,
                           weir_log_state_empty(name)); /* in nobody's list until it is there */
    weir_commit *commit = weir_commit_new(WEIR_OP_CREATE, catalog->options.clock);
    char id[34];
    int rule;
    weir_hex_u64(id, weir_random(catalog->options.clock));
    weir_hex_u64(id + 16, weir_random(catalog->options.clock));
    commit->table_id = weir_commit_text(commit, (weir_str){id, 32});
    weir_commit_result result = weir_table_commit(table, commit, NULL, NULL, &rule, err);
    weir_log_state *state = weir_table_state(table);
    bool exists = result == WEIR_COMMIT_LANDED ||
                  (result == WEIR_COMMIT_INVALID &&
                   weir_log_version(state) > 0); /* or another process was faster */
    weir_log_state_unref(state);
    if (!exists) {
        weir_table_free(table);
        return NULL;
    }
    return add_table(catalog, table);
}

size_t weir_catalog_all(weir_catalog *catalog, weir_arena *arena, weir_table ***out)
{
    size_t count;
    weir_table **tables = copy_tables(catalog, &count);
    *out = WEIR_ARENA_ARRAY(arena, weir_table *, count + 1);
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = tables[i];
    }
    free(tables);
    return count;
}

size_t weir_catalog_tables(weir_catalog *catalog, weir_arena *arena, weir_str **out)
{
    size_t count, kept = 0;
    weir_table **tables = copy_tables(catalog, &count);
    *out = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    for (size_t i = 0; i < count; i++) {
        published *p = weir_published_of(tables[i]);
        bool rows = p->frozen->count > 0;
        for (uint32_t k = 0; k < p->gen_count && !rows; k++) {
            rows = weir_realtime_rows(p->gens[k]->gen->rows) > 0;
        }
        weir_published_unref(p);
        if (rows) {
            (*out)[kept++] = tables[i]->name; /* lives as long as the catalog */
        }
    }
    free(tables);
    return kept;
}

weir_store *weir_catalog_store(weir_catalog *catalog)
{
    return catalog->options.store;
}

uint64_t weir_catalog_cached_bytes(const weir_catalog *catalog)
{
    return weir_cache_bytes(catalog->cache);
}

bool weir_table_is_known(weir_table *table, weir_error *err)
{
    pthread_mutex_lock(&table->lock);
    weir_error why = table->trouble;
    bool known = !table->in_part;
    pthread_mutex_unlock(&table->lock);
    return known || weir_fail(err, why.code, "table %.*s cannot be read: %s",
                              WEIR_STR_ARG(table->name), why.message);
}

bool weir_catalog_healthy(weir_catalog *catalog, weir_error *err)
{
    size_t count;
    bool ok = true;
    weir_table **tables = copy_tables(catalog, &count);
    for (size_t i = 0; i < count && ok; i++) {
        pthread_mutex_lock(&tables[i]->lock);
        weir_error trouble = tables[i]->trouble, unreadable = tables[i]->unreadable;
        if (!weir_frozen_find(tables[i]->current->frozen, weir_str_of(tables[i]->unreadable_id))) {
            unreadable.code = WEIR_OK; /* it was dropped, or merged with others */
        }
        pthread_mutex_unlock(&tables[i]->lock);
        if (trouble.code != WEIR_OK) {
            ok = weir_fail(err, trouble.code, "table %.*s is read-only: %s",
                           WEIR_STR_ARG(tables[i]->name), trouble.message);
        } else if (unreadable.code != WEIR_OK) {
            ok = weir_fail(err, unreadable.code, "table %.*s: %s", WEIR_STR_ARG(tables[i]->name),
                           unreadable.message);
        }
    }
    free(tables);
    return ok;
}
