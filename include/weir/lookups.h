/* include/weir/lookups.h - registered lookups as Druid's coordinator knows them: specs by tier and
 * name, each with a version, kept in the store; and what they stand for, registered for queries
 * (compute/lookup.h). This process is the one node of the tier `__default`: specs of other tiers
 * are kept, not loaded. Any thread may call; what changes something waits for the store. */
#ifndef WEIR_LOOKUPS_H
#define WEIR_LOOKUPS_H
#include "weir/store.h"

typedef struct weir_lookups weir_lookups;
typedef struct weir_lookups_options {
    weir_store *store;       /* borrowed */
    const weir_clock *clock; /* borrowed */
    weir_str node;           /* advertised host:port */
    size_t memory_bytes;     /* of all lookups that follow topics; 0: an eighth of the machine's */
} weir_lookups_options;
/* Reads the specs. When it returns, lookups that are maps answer, and those that follow a topic
 * have begun to load. NULL: the store does not answer. Specs that are damaged or newer than this
 * program are in the log and make weir_lookups_healthy false; the last good ones count then, and
 * nothing can be changed. */
weir_lookups *weir_lookups_open(const weir_lookups_options *options, weir_error *err);
void weir_lookups_close(weir_lookups *lookups); /* ends its threads; queries keep what they hold */
bool weir_lookups_healthy(weir_lookups *lookups, weir_error *err);
typedef struct weir_lookups_stats {
    uint32_t loaded, loading; /* of this node's; loading: could not be started, too */
    size_t memory_bytes, memory_limit_bytes; /* of those that follow topics */
} weir_lookups_stats;
void weir_lookups_stats_get(weir_lookups *lookups, weir_lookups_stats *out);

/* Druid's /druid/coordinator/v1/lookups. Each appends a JSON body to `out`; on failure err has
 * Druid's sentence (an empty one where Druid answers without a body): NOT_FOUND, BAD_REQUEST (JSON
 * of the wrong shape, a spec that cannot be loaded), UNSUPPORTED (a kind of lookup that weir has
 * not), RUN (a version that is not newer; not initialised yet), STORE. */
bool weir_lookups_post(weir_lookups *lookups, weir_str json, weir_buf *out, weir_error *err);
bool weir_lookups_post_one(weir_lookups *lookups, weir_str tier, weir_str name, weir_str json,
                           weir_error *err);
/* name.at NULL: the whole tier. */
bool weir_lookups_delete(weir_lookups *lookups, weir_str tier, weir_str name, weir_error *err);
bool weir_lookups_tiers(weir_lookups *lookups, bool discover, weir_buf *out, weir_error *err);
bool weir_lookups_all(weir_lookups *lookups, weir_buf *out, weir_error *err);
bool weir_lookups_tier(weir_lookups *lookups, weir_str tier, bool detailed, weir_buf *out,
                       weir_error *err);
bool weir_lookups_spec(weir_lookups *lookups, weir_str tier, weir_str name, weir_buf *out,
                       weir_error *err);
/* Whether what is configured is loaded. tier.at NULL: of all tiers; name.at NULL: of the whole
 * tier. */
bool weir_lookups_status(weir_lookups *lookups, weir_str tier, weir_str name, bool detailed,
                         weir_buf *out, weir_error *err);
/* What each node holds. tier.at NULL: by tier (`discover`: of tiers with nodes, not of those that
 * are configured); node.at NULL: all nodes. Not `detailed`: versions instead of specs. */
bool weir_lookups_nodes(weir_lookups *lookups, weir_str tier, weir_str node, bool discover,
                        bool detailed, weir_buf *out, weir_error *err);

/* What this node holds: all, or one spec (Druid's /druid/listen/v1/lookups). */
bool weir_lookups_loaded(weir_lookups *lookups, weir_str name, weir_buf *out, weir_error *err);
/* A loaded lookup's entries (Druid's /druid/v1/lookups/introspect). KEYS and VALUES as Druid prints
 * them: "[a, b]", without quotes. */
typedef enum weir_lookup_part {
    WEIR_LOOKUP_MAP,
    WEIR_LOOKUP_KEYS,
    WEIR_LOOKUP_VALUES,
    WEIR_LOOKUP_VERSION,
} weir_lookup_part;
bool weir_lookups_introspect(weir_lookups *lookups, weir_str name, weir_lookup_part part,
                             weir_buf *out, weir_error *err);
#endif
