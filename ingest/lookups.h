/* ingest/lookups.h - the inside of weir_lookups. */
#ifndef INGEST_LOOKUPS_H
#define INGEST_LOOKUPS_H
#include "ingest/lookup_config.h"
#include "ingest/lookup_factory.h"
#include "weir/lookups.h"
#include <pthread.h>

#define WEIR_LOOKUP_TIER "__default"

/* One of this node's lookups; refcounted. `self` ends when it leaves the list: only who holds the
 * lock and finds it there looks at it. */
typedef struct weir_lookup_held {
    _Atomic uint32_t refs;
    weir_lookup_spec spec; /* owned */
    const weir_lookup_factory *factory;
    void *self; /* NULL: it could not be started */
} weir_lookup_held;

struct weir_lookups {
    weir_lookups_options options;
    weir_str node;
    weir_budget *budget;
    pthread_mutex_t change; /* held by who changes the specs: long */
    pthread_mutex_t lock;   /* of all below; short */
    weir_lookup_config *config;
    weir_error damage; /* code WEIR_OK: none */
    uint32_t held_count;
    weir_lookup_held **held; /* by name */
};

/* The specs as of now; a reference. */
weir_lookup_config *weir_lookups_config(weir_lookups *lookups);
/* With the lock held. NULL: there is none. */
weir_lookup_held *weir_lookups_find_held(weir_lookups *lookups, weir_str name);
bool weir_lookup_held_is_loaded(const weir_lookup_held *held);
/* References to all of them and whether each was loaded then, in `arena`; given back with it. */
typedef struct weir_lookup_seen {
    weir_lookup_held *held;
    bool loaded;
} weir_lookup_seen;
uint32_t weir_lookups_see(weir_lookups *lookups, weir_arena *arena, weir_lookup_seen **out);
#endif
