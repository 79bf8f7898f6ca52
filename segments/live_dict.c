/* segments/live_dict.c - find-or-insert, which is the larger half of an event's cost (FIGURES.md,
 * sections 7 and 8). Slots of 8 bytes hold half of the hash and the id: a probe touches the value
 * only to confirm it, and a table of a million values is 16 MB, not 32 (with 16-byte slots that
 * kept hash and size, growing at a million values stalled an append by 50 ms of fresh pages). Below
 * about 10,000 values all of it is in the cache and one value after the other is fastest; above, a
 * batch of 256 is hashed first and its slots, values and bytes are prefetched in three waves.
 * Tables are at most half full. */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <assert.h>
#include "segments/live_dict.h"
#include "weir/arena.h"

#define BATCH 256u
#define PREFETCH_FROM 10000u
#define FIRST_BITS 7u
#define FIRST_ROOM_BYTES 512u
#define LARGEST_ROOM_BYTES (64u * 1024u)

static weir_live_slots *slots_new(weir_live_dict *dict, uint32_t bits)
{
    size_t size = sizeof(weir_live_slots) + (sizeof(uint64_t) << bits);
    weir_live_slots *slots = weir_scratch_take(dict->mem, size);
    memset(slots, 0, size);
    slots->shift = 32 - bits;
    slots->mask = (1u << bits) - 1;
    return slots;
}

void weir_live_dict_init(weir_live_dict *dict, weir_scratch *mem)
{
    *dict = (weir_live_dict){
        .mem = mem, .uid = weir_uid_next(), .count = 1, .next_room_bytes = FIRST_ROOM_BYTES};
    atomic_store_explicit(&dict->slots, slots_new(dict, FIRST_BITS), memory_order_release);
}

static inline uint64_t slot_at(const weir_live_slots *slots, uint32_t at)
{
    return atomic_load_explicit(&slots->at[at], memory_order_relaxed);
}

/* Makes room for BATCH more values. Readers of the old table miss only values that they may not
 * see. */
static weir_live_slots *slots_for_batch(weir_live_dict *dict, uint32_t count)
{
    weir_live_slots *old = atomic_load_explicit(&dict->slots, memory_order_relaxed);
    uint64_t wanted = 2 * ((uint64_t)count + BATCH);
    uint32_t bits = 32 - old->shift;
    if (wanted <= (uint64_t)old->mask + 1) {
        return old;
    }
    while (wanted > 1ull << bits) {
        bits++;
    }
    weir_live_slots *slots = slots_new(dict, bits);
    for (uint64_t i = 0; i <= old->mask; i++) {
        uint64_t slot = slot_at(old, (uint32_t)i);
        if (slot == 0) {
            continue;
        }
        uint32_t at = (uint32_t)(slot >> 32) >> slots->shift;
        while (slot_at(slots, at) != 0) {
            at = (at + 1) & slots->mask;
        }
        atomic_store_explicit(&slots->at[at], slot, memory_order_relaxed);
    }
    atomic_store_explicit(&dict->slots, slots, memory_order_release);
    return slots;
}

static char *take_bytes(weir_live_dict *dict, size_t size)
{
    if (dict->room_bytes < size || !dict->room) { /* an empty value is somewhere, too */
        size_t take = dict->next_room_bytes;
        if (take < LARGEST_ROOM_BYTES) {
            dict->next_room_bytes = take * 2;
        }
        if (size >
            take /
                4) { /* a large value has room of its own; the rest of the old room stays in use */
            return weir_scratch_take(dict->mem, size);
        }
        dict->room = weir_scratch_take(dict->mem, take);
        dict->room_bytes = take;
    }
    char *at = dict->room;
    dict->room += size;
    dict->room_bytes -= size;
    return at;
}

/* Puts the value where readers of id `id` will look; it is theirs once `count` is published. */
static void put_value(weir_live_dict *dict, uint32_t id, weir_str value)
{
    uint32_t page = id < 64 ? 0 : 26u - (uint32_t)__builtin_clz(id);
    uint32_t first = page ? 32u << page : 0;
    weir_str *values = atomic_load_explicit(&dict->pages[page], memory_order_relaxed);
    if (!values) {
        values = WEIR_SCRATCH_ARRAY(dict->mem, weir_str, page ? 32u << page : 64u);
        atomic_store_explicit(&dict->pages[page], values, memory_order_release);
    }
    char *bytes = take_bytes(dict, value.size);
    if (value.size > 0) {
        memcpy(bytes, value.at, value.size);
    }
    values[id - first] = (weir_str){bytes, value.size};
}

static inline uint64_t hash_of(weir_str value)
{
    return XXH3_64bits(value.at, value.size);
}

static inline uint32_t home_of(const weir_live_slots *slots, uint64_t hash)
{
    return (uint32_t)(hash >> 32) >> slots->shift;
}

static inline bool slot_is(const weir_live_dict *dict, uint64_t slot, uint64_t hash, weir_str value)
{
    return slot >> 32 == hash >> 32 &&
           weir_str_eq(weir_live_dict_value(dict, (uint32_t)slot), value);
}

static inline uint32_t find_or_insert(weir_live_dict *dict, weir_live_slots *slots, uint32_t *count,
                                      weir_str value, uint64_t hash)
{
    for (uint32_t at = home_of(slots, hash);; at = (at + 1) & slots->mask) {
        uint64_t slot = slot_at(slots, at);
        if (slot == 0) {
            uint32_t id = (*count)++;
            put_value(dict, id, value);
            atomic_store_explicit(&slots->at[at], hash >> 32 << 32 | id, memory_order_release);
            return id;
        }
        if (slot_is(dict, slot, hash, value)) {
            return (uint32_t)slot;
        }
    }
}

static void intern_plain(weir_live_dict *dict, weir_live_slots *slots, uint32_t *count,
                         const weir_str *values, uint32_t n, uint32_t *ids)
{
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = find_or_insert(dict, slots, count, values[i], hash_of(values[i]));
    }
}

/* The id of the first slot that may be it, or 0 at an empty one. */
static uint32_t guess(const weir_live_slots *slots, uint64_t hash)
{
    for (uint32_t at = home_of(slots, hash);; at = (at + 1) & slots->mask) {
        uint64_t slot = slot_at(slots, at);
        if (slot == 0 || slot >> 32 == hash >> 32) {
            return (uint32_t)slot;
        }
    }
}

static const weir_str *value_place(const weir_live_dict *dict, uint32_t id)
{
    uint32_t page = id < 64 ? 0 : 26u - (uint32_t)__builtin_clz(id);
    uint32_t first = page ? 32u << page : 0;
    return atomic_load_explicit(&dict->pages[page], memory_order_relaxed) + (id - first);
}

static void intern_prefetching(weir_live_dict *dict, weir_live_slots *slots, uint32_t *count,
                               const weir_str *values, uint32_t n, uint32_t *ids)
{
    uint64_t hashes[BATCH];
    const weir_str *places[BATCH];
    for (uint32_t i = 0; i < n; i++) {
        hashes[i] = hash_of(values[i]);
        __builtin_prefetch(&slots->at[home_of(slots, hashes[i])]);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = guess(slots, hashes[i]);
        places[i] = id ? value_place(dict, id) : NULL;
        __builtin_prefetch(places[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (places[i]) {
            __builtin_prefetch(places[i]->at);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = find_or_insert(dict, slots, count, values[i], hashes[i]);
    }
}

static void intern_batch(weir_live_dict *dict, uint32_t *count, const weir_str *values, uint32_t n,
                         uint32_t *ids)
{
    weir_live_slots *slots = slots_for_batch(dict, *count);
    if (*count < PREFETCH_FROM) {
        intern_plain(dict, slots, count, values, n, ids);
    } else {
        intern_prefetching(dict, slots, count, values, n, ids);
    }
}

/* Leaves nulls out, so that the loops above need not look at them. */
static void intern_with_nulls(weir_live_dict *dict, uint32_t *count, const weir_str *values,
                              const uint64_t *nulls, uint32_t from, uint32_t n, uint32_t *ids)
{
    weir_str kept[BATCH] = {0};
    uint32_t kept_ids[BATCH];
    uint16_t rows[BATCH];
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; i++) {
        ids[from + i] = 0;
        kept[m] = values[from + i];
        rows[m] = (uint16_t)i;
        m += !weir_bit(nulls, from + i);
    }
    intern_batch(dict, count, kept, m, kept_ids);
    for (uint32_t i = 0; i < m; i++) {
        ids[from + rows[i]] = kept_ids[i];
    }
}

void weir_live_dict_intern(weir_live_dict *dict, const weir_str *values, const uint64_t *nulls,
                           uint32_t n, uint32_t *ids)
{
    uint32_t count = atomic_load_explicit(&dict->count, memory_order_relaxed);
    assert(count < WEIR_LIVE_DICT_MAX);
    for (uint32_t from = 0; from < n; from += BATCH) {
        uint32_t part = n - from < BATCH ? n - from : BATCH;
        if (nulls) {
            intern_with_nulls(dict, &count, values, nulls, from, part, ids);
        } else {
            intern_batch(dict, &count, values + from, part, ids + from);
        }
    }
    atomic_store_explicit(&dict->count, count, memory_order_release);
}

static bool view_values(const weir_dict *base, const uint32_t *ids, uint32_t n, weir_scratch *s,
                        weir_str *out, weir_error *err)
{
    const weir_live_dict *dict = ((const weir_live_dict_view *)base)->dict;
    (void)s;
    (void)err;
    for (uint32_t i = 0; i < n; i++) {
        assert(ids[i] > 0 && ids[i] < base->count);
        out[i] = weir_live_dict_value(dict, ids[i]);
    }
    return true;
}

static uint32_t view_find(const weir_dict *base, weir_str value)
{
    const weir_live_dict *dict = ((const weir_live_dict_view *)base)->dict;
    const weir_live_slots *slots = atomic_load_explicit(&dict->slots, memory_order_acquire);
    uint64_t hash = hash_of(value);
    for (uint32_t at = home_of(slots, hash);; at = (at + 1) & slots->mask) {
        uint64_t slot = atomic_load_explicit(&slots->at[at], memory_order_acquire);
        if (slot == 0) {
            return WEIR_NO_ID;
        }
        if (slot_is(dict, slot, hash, value)) {
            return (uint32_t)slot < base->count ? (uint32_t)slot : WEIR_NO_ID;
        }
    }
}

static const weir_dict_ops view_ops = {.values = view_values, .find = view_find};

weir_live_dict_view weir_live_dict_pin(const weir_live_dict *dict)
{
    return (weir_live_dict_view){
        .base = {.ops = &view_ops,
                 .count = atomic_load_explicit(&dict->count, memory_order_acquire),
                 .uid = dict->uid},
        .dict = dict,
    };
}
