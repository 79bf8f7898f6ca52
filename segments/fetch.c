/* segments/fetch.c - a list of gets is a batch; threads of the pool, and who waits, take the next
 * one of it until none is left. Whoever ends the last get tells. */
#include "segments/fetch.h"
#include "weir/pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TRIES = 3 };

struct weir_fetcher {
    weir_store *store;
    weir_pool *pool; /* NULL: no threads */
};

typedef struct batch {
    weir_store *store;
    weir_fetch *parts;
    size_t count;
    _Atomic size_t next, ended;
    _Atomic uint32_t refs; /* helpers that may still look for work, and who waits */
    void (*done)(void *self);
    void *self;
    pthread_mutex_t lock; /* guards over */
    pthread_cond_t end;
    bool over;
} batch;

weir_fetcher *weir_fetcher_new(weir_store *store, uint32_t threads)
{
    weir_fetcher *fetcher = weir_calloc(1, sizeof(*fetcher));
    fetcher->store = store;
    fetcher->pool = threads > 0 ? weir_pool_new("weir-fetch", threads) : NULL;
    return fetcher;
}

void weir_fetcher_free(weir_fetcher *fetcher)
{
    if (fetcher && fetcher->pool) {
        weir_pool_free(fetcher->pool);
    }
    free(fetcher);
}

void weir_fetch_one(weir_store *store, weir_fetch *part)
{
    for (int i = 0; i < TRIES; i++) {
        part->bytes.size = 0;
        part->got =
            store->ops->get(store, part->key, part->from, part->size, &part->bytes, &part->err);
        if (part->got == WEIR_GET_NONE) {
            weir_fail(&part->err, WEIR_ERR_STORE, "%.*s is not in store %.*s",
                      WEIR_STR_ARG(part->key), WEIR_STR_ARG(store->name));
        }
        if (part->got != WEIR_GET_FOUND || part->size == 0 || part->bytes.size == part->size) {
            return;
        }
        part->got = WEIR_GET_FAILED;
        weir_fail(&part->err, WEIR_ERR_STORE,
                  "%.*s in store %.*s: %zu bytes came from %lu on, and not %lu",
                  WEIR_STR_ARG(part->key), WEIR_STR_ARG(store->name), part->bytes.size, part->from,
                  part->size);
    }
}

static void let_go(batch *b)
{
    if (atomic_fetch_sub(&b->refs, 1) == 1) {
        pthread_mutex_destroy(&b->lock);
        pthread_cond_destroy(&b->end);
        free(b);
    }
}

static void tell(batch *b)
{
    if (b->done) {
        b->done(b->self);
    } else {
        pthread_mutex_lock(&b->lock);
        b->over = true;
        pthread_cond_signal(&b->end);
        pthread_mutex_unlock(&b->lock);
    }
}

/* Takes gets until none is left to begin. */
static void help(void *self)
{
    batch *b = self;
    for (size_t i = atomic_fetch_add(&b->next, 1); i < b->count;
         i = atomic_fetch_add(&b->next, 1)) {
        weir_fetch_one(b->store, &b->parts[i]);
        if (atomic_fetch_add(&b->ended, 1) + 1 == b->count) {
            tell(b);
        }
    }
    let_go(b);
}

/* With one reference for each of `helpers`, which begin, and `own` for the caller. */
static batch *begin(weir_fetcher *fetcher, weir_fetch *parts, size_t count, size_t helpers,
                    uint32_t own, void (*done)(void *self), void *self)
{
    batch *b = weir_calloc(1, sizeof(*b));
    uint32_t threads = weir_pool_size(fetcher->pool),
             n = helpers < threads ? (uint32_t)helpers : threads;
    *b = (batch){
        .store = fetcher->store, .parts = parts, .count = count, .done = done, .self = self};
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->end, NULL);
    atomic_init(&b->refs, n + own);
    for (uint32_t i = 0; i < n; i++) {
        weir_pool_submit(fetcher->pool, help, b);
    }
    return b;
}

void weir_fetch_all(weir_fetcher *fetcher, weir_fetch *parts, size_t count)
{
    if (!fetcher->pool || count <= 1) {
        for (size_t i = 0; i < count; i++) {
            weir_fetch_one(fetcher->store, &parts[i]);
        }
        return;
    }
    batch *b = begin(fetcher, parts, count, count - 1, 2, NULL, NULL);
    help(b);
    pthread_mutex_lock(&b->lock);
    while (!b->over) {
        pthread_cond_wait(&b->end, &b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    let_go(b);
}

void weir_fetch_begin(weir_fetcher *fetcher, weir_fetch *parts, size_t count,
                      void (*done)(void *self), void *self)
{
    if (!fetcher->pool || count == 0) {
        weir_fetch_all(fetcher, parts, count);
        done(self);
    } else {
        begin(fetcher, parts, count, count, 0, done, self);
    }
}
