/* compute/lookup.h - maps from text to text: given in a query, or registered by name for the whole
 * process. Immutable and shared. A query keeps the versions of the registered ones that there were
 * when it was planned (weir_lookups_pin). Any thread. */
#ifndef COMPUTE_LOOKUP_H
#define COMPUTE_LOOKUP_H
#include "weir/arena.h"

typedef struct weir_lookup weir_lookup;
/* Copies. Of equal keys the last one counts. A value with at NULL is null. */
weir_lookup *weir_lookup_new(const weir_str *keys, const weir_str *values, uint32_t count);
weir_lookup *weir_lookup_ref(const weir_lookup *lookup);
void weir_lookup_unref(weir_lookup *lookup); /* NULL is fine */
/* Different for every lookup that this process ever made: two lookups of one uid hold the same
 * entries, so a result computed through one may be kept under its uid. Never 0. */
uint64_t weir_lookup_uid(const weir_lookup *lookup);
/* Said by who made it: no two keys have one value. False unless set, before it is shared. */
bool weir_lookup_is_one_to_one(const weir_lookup *lookup);
void weir_lookup_set_one_to_one(weir_lookup *lookup, bool one_to_one);
uint32_t weir_lookup_count(const weir_lookup *lookup);
/* False: no such key. */
bool weir_lookup_get(const weir_lookup *lookup, weir_str key, weir_str *value);
/* Entry i < count, in the order given (without those that a later one replaced). */
void weir_lookup_at(const weir_lookup *lookup, uint32_t i, weir_str *key, weir_str *value);

/* A lookup that one thread changes: what it puts and removes is seen by nobody until publish()
 * gives a version with all of it, in constant time (but for a copy of what is in use whenever more
 * is old: amortised, still constant per change). Versions that queries hold stay as they are. */
typedef struct weir_lookup_live weir_lookup_live;
weir_lookup_live *weir_lookup_live_new(bool one_to_one);
void weir_lookup_live_free(weir_lookup_live *live); /* versions live on */
void weir_lookup_live_put(weir_lookup_live *live, weir_str key, weir_str value); /* copies */
void weir_lookup_live_remove(weir_lookup_live *live, weir_str key);
weir_lookup *weir_lookup_live_publish(weir_lookup_live *live);
size_t weir_lookup_live_bytes(const weir_lookup_live *live); /* without what only queries hold */

/* Registered lookups. Takes ownership of `lookup`, replaces what was there; NULL removes. */
void weir_lookup_register(weir_str name, weir_lookup *lookup);
weir_lookup *weir_lookup_find(weir_str name); /* a new reference; NULL: no such name */
/* Calls `see` with each name. */
void weir_lookup_names(void (*see)(void *self, weir_str name), void *self);

/* The version of `name` that everything made in `arena` uses: the first call finds it, later ones
 * give the same; held until the arena goes. Borrowed; NULL: no such name. */
const weir_lookup *weir_lookup_pinned(weir_arena *arena, weir_str name);
/* A pinned one by its uid, as long as some arena holds it: a new reference, or NULL. */
weir_lookup *weir_lookup_find_pinned(uint64_t uid);
/* `expr` with each call of lookup() bound to the pinned version of its lookup (fn_lookup.c): the
 * tree's text then says which version it read. Unknown names stay as they are. What plans a query
 * calls it on every expression that it parses. */
struct weir_expr;
const struct weir_expr *weir_lookups_pin(weir_arena *arena, const struct weir_expr *expr);
#endif
