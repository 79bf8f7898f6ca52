/* compute/lookup_table.h - a map that one thread changes while others read it as it was: each value
 * carries the version that wrote it, and a reader at version v walks past newer ones. What
 * lookup.h's lookups stand on that follow a topic. */
#ifndef COMPUTE_LOOKUP_TABLE_H
#define COMPUTE_LOOKUP_TABLE_H
#include "weir/arena.h"

typedef struct weir_lookup_table weir_lookup_table;
weir_lookup_table *weir_lookup_table_new(void);
weir_lookup_table *weir_lookup_table_ref(weir_lookup_table *table);
void weir_lookup_table_unref(weir_lookup_table *table);

/* The one writer. Versions never decrease; readers are at versions that are below the one written.
 * value.at NULL: the key has none from now on. Copies. */
void weir_lookup_table_put(weir_lookup_table *table, uint64_t version, weir_str key,
                           weir_str value);
uint32_t weir_lookup_table_live(const weir_lookup_table *table);    /* keys with a value */
uint32_t weir_lookup_table_entries(const weir_lookup_table *table); /* keys that ever had one */
size_t weir_lookup_table_bytes(const weir_lookup_table *table);
/* More of it is old than is in use: a copy of what is in use would be half its size. */
bool weir_lookup_table_is_wasteful(const weir_lookup_table *table);
/* What is in use, at `version`. */
weir_lookup_table *weir_lookup_table_copy(const weir_lookup_table *table, uint64_t version);

/* Readers at a version that the writer has published to them. False: no value then. */
bool weir_lookup_table_get(const weir_lookup_table *table, uint64_t version, weir_str key,
                           weir_str *value);
/* Entry i < entries. */
bool weir_lookup_table_at(const weir_lookup_table *table, uint64_t version, uint32_t i,
                          weir_str *key, weir_str *value);
#endif
