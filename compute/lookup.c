/* compute/lookup.c - see lookup.h. One open-addressing table a lookup; the registry and the pins
 * are lists under a lock, as there are few. */
#include "compute/lookup.h"
#include "weir/hash.h"
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

weir_lookup *weir_lookup_ref(const weir_lookup *lookup)
{
    weir_lookup *own = (weir_lookup *)(uintptr_t)lookup; /* only the count changes */
    atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
    return own;
}

void weir_lookup_unref(weir_lookup *lookup)
{
    if (lookup && atomic_fetch_sub_explicit(&lookup->refs, 1, memory_order_acq_rel) == 1) {
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
    uint32_t entry = *find_slot(lookup, key);
    if (entry) {
        *value = lookup->values[entry - 1];
    }
    return entry != 0;
}

void weir_lookup_at(const weir_lookup *lookup, uint32_t i, weir_str *key, weir_str *value)
{
    *key = lookup->keys[i];
    *value = lookup->values[i];
}

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
