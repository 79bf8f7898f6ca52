/* segments/fetch.h - several gets from one store at once, by a few threads of their own: ranges of
 * segments, footers, objects of a log. The number of threads bounds what is under way in a process.
 */
#ifndef SEGMENTS_FETCH_H
#define SEGMENTS_FETCH_H
#include "weir/store.h"

typedef struct weir_fetcher weir_fetcher; /* any thread */

/* One get and its answer. It must stay where it is until it is done; `key` is borrowed as long. */
typedef struct weir_fetch {
    weir_str key;
    uint64_t from,
        size; /* size 0: to the end. Else an answer of another size is asked for again, and fails */
    weir_get got;
    weir_buf bytes; /* whoever asked frees it with weir_buf_done */
    weir_error err; /* FAILED: names the store and the object. NONE: says that it is not there */
} weir_fetch;

/* `store` is borrowed. Without threads (0: the simulation) everything is done by the caller, in
 * order. */
weir_fetcher *weir_fetcher_new(weir_store *store, uint32_t threads);
void weir_fetcher_free(weir_fetcher *fetcher); /* what was begun is done first */
/* Gets all and returns when all are done; the caller works too, so it never waits behind others
 * alone. */
void weir_fetch_all(weir_fetcher *fetcher, weir_fetch *parts, size_t count);
/* Begins all and returns. `done(self)` is called once, by a thread of the fetcher after the last
 * one is done (without threads: before this returns). It may begin others, but must not wait for
 * them. */
void weir_fetch_begin(weir_fetcher *fetcher, weir_fetch *parts, size_t count,
                      void (*done)(void *self), void *self);
/* One get by the caller, checked as above. */
void weir_fetch_one(weir_store *store, weir_fetch *part);
#endif
