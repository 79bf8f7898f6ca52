/* ingest/lookup_config.h - the specs of registered lookups: an immutable list of tiers, how JSON
 * becomes one, how two become the next, and where they are kept. */
#ifndef INGEST_LOOKUP_CONFIG_H
#define INGEST_LOOKUP_CONFIG_H
#include "weir/store.h"

typedef struct weir_lookup_spec {
    weir_str name, version, factory; /* factory: "lookupExtractorFactory" as compact JSON */
} weir_lookup_spec;
typedef struct weir_lookup_tier {
    weir_str name;
    uint32_t count;
    const weir_lookup_spec *specs; /* by name */
} weir_lookup_tier;
typedef struct weir_lookup_config {
    weir_arena *arena; /* owner of everything here */
    _Atomic uint32_t refs;
    uint64_t number; /* of the object that holds it; 0: never initialised */
    uint32_t count;
    const weir_lookup_tier *tiers; /* by name */
} weir_lookup_config;

#define WEIR_LOOKUP_CONFIG_BYTES (64u << 20) /* of all specs together */
#define WEIR_LOOKUP_CONFIG_SPECS 10000u

weir_lookup_config *weir_lookup_config_ref(weir_lookup_config *config);
void weir_lookup_config_unref(weir_lookup_config *config);
/* {"tier": {"name": {"version", "lookupExtractorFactory"}}}. Specs without a version have
 * version.at NULL. BAD_REQUEST. */
weir_lookup_config *weir_lookup_config_parse(weir_str json, weir_error *err);
/* One spec: {"version", "lookupExtractorFactory"}, as the only one of its tier. */
weir_lookup_config *weir_lookup_config_parse_one(weir_str tier, weir_str name, weir_str json,
                                                 weir_error *err);
const weir_lookup_tier *weir_lookup_config_tier(const weir_lookup_config *config, weir_str tier);
const weir_lookup_spec *weir_lookup_config_find(const weir_lookup_config *config, weir_str tier,
                                                weir_str name);
/* `config` with every spec of `update` added or put in place of an older version. RUN: a version
 * that is missing or not newer, or an update of what was never initialised; RESOURCE: too large. */
weir_lookup_config *weir_lookup_config_update(const weir_lookup_config *config,
                                              const weir_lookup_config *update, weir_error *err);
/* Without a spec (its tier goes with the last one), or without a tier (name.at NULL). NOT_FOUND. */
weir_lookup_config *weir_lookup_config_without(const weir_lookup_config *config, weir_str tier,
                                               weir_str name, weir_error *err);
void weir_lookup_spec_write(const weir_lookup_spec *spec, weir_json *json);
void weir_lookup_tier_write(const weir_lookup_tier *tier, weir_json *json);
void weir_lookup_config_write(const weir_lookup_config *config, weir_json *json);

/* lookup_store.c: the objects `~lookups/<number, 20 digits>.json`, each the whole list as of one
 * change: put-if-absent of the next number decides between two writers. */

/* The newest good one (number 0 when there is none). False: the store did not answer. *damage: why
 * newer ones cannot be read; code WEIR_OK when all is well. */
bool weir_lookup_config_load(weir_store *store, weir_lookup_config **out, weir_error *damage,
                             weir_error *err);
/* Puts `next` under the number after `number`. CONFLICT: another one is there already. Sets
 * next->number. */
bool weir_lookup_config_put(weir_store *store, const weir_clock *clock, weir_str node,
                            uint64_t number, weir_lookup_config *next, weir_error *err);
#endif
