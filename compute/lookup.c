/* compute/lookup.c - see lookup.h. A lookup is an open-addressing table of its own, or a version of
 * one that grows (lookup_table.h); the registry and the pins are lists under a lock, as there are
 * few. */
#include "compute/lookup.h"
#include "compute/lookup_table.h"
#include "weir/hash.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct weir_lookup {
    _Atomic uint32_t refs;
    uint64_t uid;
    bool one_to_one;
    uint32_t count, slot_mask;
    weir_str *keys, *values;
    uint32_t *slots; /* entry + 1; 0: free */
    weir_arena *arena;
    /* of a table that grows; else NULL */
    weir_lookup_table *table;
    uint64_t version;
    uint32_t entry_count;      /* of the table then; more than `count` when keys were removed */
    uint32_t *_Atomic entries; /* those with a value; made when first asked for */
};

static _Atomic uint64_t last_uid;

static uint32_t *find_slot(const weir_lookup *lookup, weir_str key)
{
    uint32_t at = (uint32_t)weir_hash_bytes(key.at, key.size) & lookup->slot_mask;
    while (lookup->slots[at] && !weir_str_eq(lookup->keys[lookup->slots[at] - 1], key)) {
        at = (at + 1) & lookup->slot_mask;
    }
    return &lookup->slots[at];
}

weir_lookup *weir_lookup_new(const weir_str *keys, const weir_str *values, uint32_t count)
{
    weir_arena *arena = weir_arena_new();
    weir_lookup *lookup = WEIR_ARENA_NEW(arena, weir_lookup);
    uint32_t slots = 16;
    while (slots < count * 2ull) {
        slots *= 2;
    }
    lookup->arena = arena;
    atomic_init(&lookup->refs, 1);
    lookup->uid = atomic_fetch_add_explicit(&last_uid, 1, memory_order_relaxed) + 1;
    lookup->slot_mask = slots - 1;
    lookup->slots = WEIR_ARENA_ARRAY(arena, uint32_t, slots);
    lookup->keys = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    lookup->values = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *slot = find_slot(lookup, keys[i]);
        if (*slot == 0) {
            lookup->keys[lookup->count++] = weir_arena_str(arena, keys[i]);
            *slot = lookup->count;
        }
        lookup->values[*slot - 1] = values[i].at ? weir_arena_str(arena, values[i]) : (weir_str){0};
    }
    return lookup;
}

static weir_lookup *new_version(weir_lookup_table *table, uint64_t version, bool one_to_one)
{
    weir_arena *arena = weir_arena_new();
    weir_lookup *lookup = WEIR_ARENA_NEW(arena, weir_lookup);
    lookup->arena = arena;
    atomic_init(&lookup->refs, 1);
    lookup->uid = atomic_fetch_add_explicit(&last_uid, 1, memory_order_relaxed) + 1;
    lookup->one_to_one = one_to_one;
    lookup->table = weir_lookup_table_ref(table);
    lookup->version = version;
    lookup->count = weir_lookup_table_live(table);
    lookup->entry_count = weir_lookup_table_entries(table);
    return lookup;
}

weir_lookup *weir_lookup_ref(const weir_lookup *lookup)
{
    weir_lookup *own = (weir_lookup *)(uintptr_t)lookup; /* only the count changes */
    atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
    return own;
}

void weir_lookup_unref(weir_lookup *lookup)
{
    if (lookup && atomic_fetch_sub_explicit(&lookup->refs, 1, memory_order_acq_rel) == 1) {
        free(atomic_load(&lookup->entries));
        weir_lookup_table_unref(lookup->table);
        weir_arena_free(lookup->arena);
    }
}

uint64_t weir_lookup_uid(const weir_lookup *lookup)
{
    return lookup->uid;
}

bool weir_lookup_is_one_to_one(const weir_lookup *lookup)
{
    return lookup->one_to_one;
}

void weir_lookup_set_one_to_one(weir_lookup *lookup, bool one_to_one)
{
    lookup->one_to_one = one_to_one;
}

uint32_t weir_lookup_count(const weir_lookup *lookup)
{
    return lookup->count;
}

bool weir_lookup_get(const weir_lookup *lookup, weir_str key, weir_str *value)
{
    if (lookup->table) {
        return weir_lookup_table_get(lookup->table, lookup->version, key, value);
    }
    uint32_t entry = *find_slot(lookup, key);
    if (entry) {
        *value = lookup->values[entry - 1];
    }
    return entry != 0;
}

/* Numbers of the table's entries that have a value in this version. Two threads may make it at
 * once: one is thrown away. */
static const uint32_t *entries_of(const weir_lookup *lookup)
{
    weir_lookup *own = (weir_lookup *)(uintptr_t)lookup;
    uint32_t *known = atomic_load(&own->entries), count = 0;
    if (known) {
        return known;
    }
    uint32_t *entries = weir_alloc((lookup->count + 1) * sizeof(*entries));
    for (uint32_t i = 0; i < lookup->entry_count; i++) {
        weir_str key, value;
        if (weir_lookup_table_at(lookup->table, lookup->version, i, &key, &value)) {
            assert(count < lookup->count);
            entries[count++] = i;
        }
    }
    assert(count == lookup->count);
    if (!atomic_compare_exchange_strong(&own->entries, &known, entries)) {
        free(entries);
        return known;
    }
    return entries;
}

void weir_lookup_at(const weir_lookup *lookup, uint32_t i, weir_str *key, weir_str *value)
{
    if (lookup->table) {
        bool whole = lookup->entry_count == lookup->count;
        uint32_t entry = whole ? i : entries_of(lookup)[i];
        weir_lookup_table_at(lookup->table, lookup->version, entry, key, value);
        return;
    }
    *key = lookup->keys[i];
    *value = lookup->values[i];
}

/* Live. */

struct weir_lookup_live {
    weir_lookup_table *table;
    uint64_t version;         /* being written */
    bool one_to_one, is_read; /* is_read: a version of `table` was given out */
};

weir_lookup_live *weir_lookup_live_new(bool one_to_one)
{
    weir_lookup_live *live = weir_calloc(1, sizeof(*live));
    live->table = weir_lookup_table_new();
    live->version = 1;
    live->one_to_one = one_to_one;
    return live;
}

void weir_lookup_live_free(weir_lookup_live *live)
{
    if (live) {
        weir_lookup_table_unref(live->table);
        free(live);
    }
}

static void drop_waste(weir_lookup_live *live)
{
    if (weir_lookup_table_is_wasteful(live->table)) {
        weir_lookup_table *copy = weir_lookup_table_copy(live->table, live->version);
        weir_lookup_table_unref(live->table);
        live->table = copy;
        live->is_read = false;
    }
}

void weir_lookup_live_put(weir_lookup_live *live, weir_str key, weir_str value)
{
    value.at = value.at ? value.at : "";
    weir_lookup_table_put(live->table, live->version, key, value);
    if (!live->is_read) {
        drop_waste(live); /* a whole topic may be read before the first version */
    }
}

void weir_lookup_live_remove(weir_lookup_live *live, weir_str key)
{
    weir_lookup_table_put(live->table, live->version, key, (weir_str){0});
}

weir_lookup *weir_lookup_live_publish(weir_lookup_live *live)
{
    drop_waste(live);
    live->is_read = true;
    return new_version(live->table, live->version++, live->one_to_one);
}

size_t weir_lookup_live_bytes(const weir_lookup_live *live)
{
    return weir_lookup_table_bytes(live->table);
}

/* The registry. */

typedef struct registered {
    weir_str name;
    weir_lookup *lookup;
    struct registered *next;
} registered;

/* A version that something made in `owner` uses. */
typedef struct pin {
    const weir_arena *owner;
    weir_str name; /* in the owner */
    weir_lookup *lookup;
    struct pin *next;
} pin;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards both lists */
static registered *first;
static pin *first_pin;

static registered **find_registered(weir_str name)
{
    registered **at = &first;
    while (*at && !weir_str_eq((*at)->name, name)) {
        at = &(*at)->next;
    }
    return at;
}

void weir_lookup_register(weir_str name, weir_lookup *lookup)
{
    registered *fresh = weir_calloc(1, sizeof(*fresh)), *gone = NULL;
    *fresh = (registered){weir_str_dup(name), lookup, NULL};
    pthread_mutex_lock(&lock);
    registered **at = find_registered(name);
    if (*at) {
        gone = *at;
        *at = gone->next;
    }
    if (lookup) {
        fresh->next = first;
        first = fresh;
        fresh = NULL;
    }
    pthread_mutex_unlock(&lock);
    for (registered *old = gone; old; old = NULL) {
        weir_lookup_unref(old->lookup);
        free((void *)(uintptr_t)old->name.at);
        free(old);
    }
    if (fresh) {
        free((void *)(uintptr_t)fresh->name.at);
        free(fresh);
    }
}

weir_lookup *weir_lookup_find(weir_str name)
{
    pthread_mutex_lock(&lock);
    registered *found = *find_registered(name);
    weir_lookup *lookup = found ? weir_lookup_ref(found->lookup) : NULL;
    pthread_mutex_unlock(&lock);
    return lookup;
}

void weir_lookup_names(void (*see)(void *self, weir_str name), void *self)
{
    pthread_mutex_lock(&lock);
    for (registered *at = first; at; at = at->next) {
        see(self, at->name);
    }
    pthread_mutex_unlock(&lock);
}

static void unpin(void *self)
{
    pin *gone = self;
    pthread_mutex_lock(&lock);
    pin **at = &first_pin;
    while (*at != gone) {
        at = &(*at)->next;
    }
    *at = gone->next;
    pthread_mutex_unlock(&lock);
    weir_lookup_unref(gone->lookup);
}

const weir_lookup *weir_lookup_pinned(weir_arena *arena, weir_str name)
{
    pin *fresh = WEIR_ARENA_NEW(arena, pin);
    *fresh = (pin){arena, weir_arena_str(arena, name), NULL, NULL};
    pthread_mutex_lock(&lock);
    const pin *held = first_pin;
    while (held && (held->owner != arena || !weir_str_eq(held->name, name))) {
        held = held->next;
    }
    registered *found = held ? NULL : *find_registered(name);
    if (found) {
        fresh->lookup = weir_lookup_ref(found->lookup);
        fresh->next = first_pin;
        held = first_pin = fresh;
    }
    pthread_mutex_unlock(&lock);
    if (fresh->lookup) {
        weir_arena_defer(arena, unpin, fresh);
    }
    return held ? held->lookup : NULL;
}

weir_lookup *weir_lookup_find_pinned(uint64_t uid)
{
    pthread_mutex_lock(&lock);
    const pin *held = first_pin;
    while (held && held->lookup->uid != uid) {
        held = held->next;
    }
    weir_lookup *lookup = held ? weir_lookup_ref(held->lookup) : NULL;
    pthread_mutex_unlock(&lock);
    return lookup;
}
