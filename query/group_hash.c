/* query/group_hash.c - keys apart from states: linear probing over 16-byte slots at a load of at most one half. A slot holds the key itself
 * when it is one word (compare = hit), else the key's hash. A block is hashed, its slots prefetched when the table leaves L2, then probed. */
#include "query/group.h"
#include "weir/hash.h"
#include "compute/vec.h"

enum { FIRST_SLOTS = 2048, PREFETCH_BYTES = 1 << 20 };

typedef struct slot {
    uint64_t tag;
    uint32_t group; /* + 1; 0: free */
} slot;

void weir_aggs_lay_out(weir_aggs *aggs, weir_arena *arena)
{
    aggs->offset = WEIR_ARENA_ARRAY(arena, uint32_t, aggs->count + 1);
    aggs->stride = 0;
    for (uint32_t i = 0; i < aggs->count; i++) {
        aggs->offset[i] = aggs->stride;
        aggs->stride += (aggs->bound[i].state_size + 7) / 8 * 8;
    }
    aggs->stride = aggs->stride ? aggs->stride : 8;
    aggs->init = WEIR_ARENA_ARRAY(arena, uint8_t, aggs->stride);
    for (uint32_t i = 0; i < aggs->count; i++) {
        aggs->bound[i].agg->init(&aggs->bound[i], aggs->init + aggs->offset[i]);
    }
}

void weir_aggs_init(const weir_aggs *aggs, void *states, size_t n)
{
    size_t stride = aggs->stride, done = 1, total = n;
    if (n == 0) {
        return;
    }
    memcpy(states, aggs->init, stride);
    while (done < total) { /* doubling: few large copies */
        size_t take = done < total - done ? done : total - done;
        take = take * stride > (256u << 10) ? (256u << 10) / stride : take;
        take = take ? take : 1;
        memcpy((uint8_t *)states + done * stride, states, take * stride);
        done += take;
    }
}

void weir_aggs_merge(const weir_aggs *aggs, weir_heap *heap, void *into, const weir_heap *from_heap,
                     const void *from)
{
    for (uint32_t i = 0; i < aggs->count; i++) {
        const weir_agg_bound *b = &aggs->bound[i];
        b->agg->merge(b, heap, (uint8_t *)into + aggs->offset[i], from_heap,
                      (const uint8_t *)from + aggs->offset[i]);
    }
}

void weir_aggs_merge_many(const weir_aggs *aggs, weir_heap *heap, void *into,
                          const weir_heap *from_heap, const void *from, uint32_t n)
{
    for (uint32_t i = 0; i < aggs->count; i++) {
        const weir_agg_bound *b = &aggs->bound[i];
        uint8_t *x = (uint8_t *)into + aggs->offset[i];
        const uint8_t *y = (const uint8_t *)from + aggs->offset[i];
        if (b->agg->merge_many) {
            b->agg->merge_many(b, heap, x, from_heap, y, aggs->stride, n);
            continue;
        }
        for (uint32_t k = 0; k < n; k++, x += aggs->stride, y += aggs->stride) {
            b->agg->merge(b, heap, x, from_heap, y);
        }
    }
}

void weir_groups_init(weir_groups *groups, const weir_aggs *aggs, uint32_t words,
                      weir_budget *budget)
{
    *groups = (weir_groups){.aggs = aggs, .words = words, .budget = budget};
}

void weir_groups_done(weir_groups *groups)
{
    weir_area_done(&groups->keys, groups->budget);
    weir_area_done(&groups->states, groups->budget);
    weir_area_done(&groups->slots, groups->budget);
    groups->count = groups->slot_count = 0;
}

static uint64_t hash_key(const uint64_t *key, uint32_t words)
{
    uint64_t hash = weir_hash_u64(key[0]);
    for (uint32_t w = 1; w < words; w++) {
        hash = weir_hash_u64(hash ^ key[w]);
    }
    return hash;
}

static bool grow(weir_groups *groups, uint32_t more, weir_error *err)
{
    uint32_t count = groups->slot_count ? groups->slot_count : FIRST_SLOTS;
    if (groups->count > UINT32_MAX / 4) {
        return weir_fail(err, WEIR_ERR_RESOURCE, "a query makes at most a billion groups");
    }
    while (count < 2 * (groups->count + more)) {
        count *= 2;
    }
    if (count == groups->slot_count) {
        return true;
    }
    weir_area grown = {0};
    if (!weir_area_fresh(&grown, groups->budget, (size_t)count * sizeof(slot), err)) {
        return false;
    }
    slot *slots = grown.at;
    memset(slots, 0, (size_t)count * sizeof(slot));
    const slot *old = groups->slots.at;
    bool one = groups->words == 1;
    for (uint32_t i = 0; i < groups->slot_count; i++) {
        if (old[i].group) {
            uint64_t hash = one ? weir_hash_u64(old[i].tag) : old[i].tag;
            uint32_t at = (uint32_t)hash & (count - 1);
            while (slots[at].group) {
                at = (at + 1) & (count - 1);
            }
            slots[at] = old[i];
        }
    }
    weir_area_done(&groups->slots, groups->budget);
    groups->slots = grown;
    groups->slot_count = count;
    return true;
}

static uint32_t add_group(weir_groups *groups, const uint64_t *key)
{
    uint32_t group = groups->count++;
    memcpy((uint64_t *)groups->keys.at + (size_t)group * groups->words, key,
           groups->words * sizeof(*key));
    memcpy(weir_groups_state(groups, group), groups->aggs->init, groups->aggs->stride);
    return group;
}

static void find_one_word(weir_groups *groups, const uint64_t *keys, const uint64_t *hashes,
                          uint32_t n, uint32_t *out)
{
    slot *slots = groups->slots.at;
    uint32_t mask = groups->slot_count - 1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)hashes[i] & mask;
        while (slots[at].group && slots[at].tag != keys[i]) {
            at = (at + 1) & mask;
        }
        if (slots[at].group == 0) {
            slots[at] = (slot){keys[i], add_group(groups, &keys[i]) + 1};
        }
        out[i] = slots[at].group - 1;
    }
}

static void find_words(weir_groups *groups, const uint64_t *keys, const uint64_t *hashes,
                       uint32_t n, uint32_t *out)
{
    slot *slots = groups->slots.at;
    uint32_t mask = groups->slot_count - 1;
    size_t size = groups->words * sizeof(uint64_t);
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t *key = keys + (size_t)i * groups->words;
        uint32_t at = (uint32_t)hashes[i] & mask;
        while (slots[at].group &&
               (slots[at].tag != hashes[i] ||
                memcmp(weir_groups_key(groups, slots[at].group - 1), key, size) != 0)) {
            at = (at + 1) & mask;
        }
        if (slots[at].group == 0) {
            slots[at] = (slot){hashes[i], add_group(groups, key) + 1};
        }
        out[i] = slots[at].group - 1;
    }
}

bool weir_groups_find(weir_groups *groups, const uint64_t *keys, uint32_t n, uint32_t *out,
                      weir_scratch *s, weir_error *err)
{
    size_t had = groups->count, want = had + n, key_size = groups->words * sizeof(uint64_t);
    if (!grow(groups, n, err) ||
        !weir_area_reserve(&groups->keys, groups->budget, had * key_size, want * key_size, err) ||
        !weir_area_reserve(&groups->states, groups->budget, had * groups->aggs->stride,
                           want * groups->aggs->stride, err)) {
        return false;
    }
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, n);
    for (uint32_t i = 0; i < n; i++) {
        hashes[i] = hash_key(keys + (size_t)i * groups->words, groups->words);
    }
    if ((size_t)groups->slot_count * sizeof(slot) > PREFETCH_BYTES) {
        const slot *slots = groups->slots.at;
        for (uint32_t i = 0; i < n; i++) {
            __builtin_prefetch(&slots[(uint32_t)hashes[i] & (groups->slot_count - 1)]);
        }
    }
    if (groups->words == 1) {
        find_one_word(groups, keys, hashes, n, out);
    } else {
        find_words(groups, keys, hashes, n, out);
    }
    return true;
}
