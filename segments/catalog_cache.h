/* segments/catalog_cache.h - local copies of frozen segments, for stores that cannot map: bounded,
 * kept over restarts, and brought as they are needed. Any thread. */
#ifndef SEGMENTS_CATALOG_CACHE_H
#define SEGMENTS_CATALOG_CACHE_H
#include "segments/lazy.h"
#include "weir/table_log.h"

typedef struct weir_cache_options {
    weir_store *store;       /* borrowed */
    weir_fetcher *fetcher;   /* borrowed; ends before the cache */
    bool threads;            /* it has some */
    const weir_clock *clock; /* borrowed */
    const char *path;        /* NULL: memory */
    uint64_t limit_bytes;    /* 0: 16 GiB */
    /* Lets go of the opened segment; of one that a query holds only if `held`. */
    void (*close)(void *self, weir_str table_id, weir_str id, bool held);
    void *self;
} weir_cache_options;

struct weir_cache *weir_cache_new(const weir_cache_options *options);
void weir_cache_free(struct weir_cache *cache); /* all segments are closed */
/* A reference to the segment's bytes, as far as they are there. */
weir_lazy *weir_cache_open(struct weir_cache *cache, weir_str table, weir_str table_id,
                           const weir_added *added, weir_error *err);
void weir_cache_use(weir_lazy *lazy); /* a query uses it now */
/* The own file of a segment becomes its copy, whole, or is deleted: it is gone in any case. */
void weir_cache_adopt(struct weir_cache *cache, weir_str table_id, weir_str id, const char *path);
/* Files of the table's segments that keep(self, id) does not want go, unless a query holds them. */
void weir_cache_sweep(struct weir_cache *cache, weir_str table_id,
                      bool (*keep)(void *self, weir_str id), void *self);
void weir_cache_shrink(struct weir_cache *cache); /* to its bound; quick when it is within */
uint64_t weir_cache_bytes(struct weir_cache *cache);
#endif
