/* ingest/lookup_factory.h - kinds of lookups ("lookupExtractorFactory"), a table row each: how a
 * spec is checked, started and stopped. */
#ifndef INGEST_LOOKUP_FACTORY_H
#define INGEST_LOOKUP_FACTORY_H
#include "compute/memory.h"
#include "weir/str.h"

struct json_t;
typedef struct weir_lookup_start {
    weir_str name;             /* borrowed, as all here, during the call */
    const struct json_t *json; /* checked */
    weir_budget *budget; /* what grows by itself takes from it, until stop() */
} weir_lookup_start;
typedef struct weir_lookup_factory {
    const char *type;
    bool (*check)(const struct json_t *json, weir_error *err); /* no I/O */
    /* Registers the lookup at once, or from a thread of its own as soon as it is whole. NULL: err.
     */
    void *(*start)(const weir_lookup_start *start, weir_error *err);
    bool (*is_loaded)(void *self); /* any thread */
    void (*quit)(void *self); /* stop() will be called soon; does not wait */
    /* Ends it and frees; what it registered stays until it is replaced or removed. */
    void (*stop)(void *self);
} weir_lookup_factory;
extern const weir_lookup_factory weir_lookup_map, weir_lookup_kafka;

/* By "type", the spec checked: BAD_REQUEST, or UNSUPPORTED for what Druid has and weir has not. */
const weir_lookup_factory *weir_lookup_factory_of(const struct json_t *json, weir_error *err);
#endif
