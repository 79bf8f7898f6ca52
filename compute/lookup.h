/* compute/lookup.h - maps from text to text: given in a query, or registered by name for the whole
 * process. Immutable and shared; a program that uses a registered one keeps the version that there
 * was when it was made. Any thread. */
#ifndef COMPUTE_LOOKUP_H
#define COMPUTE_LOOKUP_H
#include "weir/arena.h"

typedef struct weir_lookup weir_lookup;
/* Copies. Of equal keys the last one counts. A value with at NULL is null. */
weir_lookup *weir_lookup_new(const weir_str *keys, const weir_str *values, uint32_t count);
weir_lookup *weir_lookup_ref(const weir_lookup *lookup);
void weir_lookup_unref(weir_lookup *lookup); /* NULL is fine */
uint32_t weir_lookup_count(const weir_lookup *lookup);
/* False: no such key. */
bool weir_lookup_get(const weir_lookup *lookup, weir_str key, weir_str *value);
/* Entry i < count, in the order given (without those that a later one replaced). */
void weir_lookup_at(const weir_lookup *lookup, uint32_t i, weir_str *key, weir_str *value);

/* Registered lookups. Takes ownership of `lookup`, replaces what was there; NULL removes. */
void weir_lookup_register(weir_str name, weir_lookup *lookup);
weir_lookup *weir_lookup_find(weir_str name); /* a new reference; NULL: no such name */
/* Calls `see` with each name. */
void weir_lookup_names(void (*see)(void *self, weir_str name), void *self);
#endif
