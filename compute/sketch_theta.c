/* compute/sketch_theta.c - the growing sketch: a table of hashes with linear probing, addressed by
 * their low bits (the high ones are zero once theta is small). It doubles until it has 2k slots;
 * when three quarters of them are taken, theta becomes the (k+1)-th hash and what is above goes. So
 * an addition to a large set is mostly one comparison. */
#include "compute/sketch_theta.h"
#include <assert.h>
#include <endian.h>

#define FIRST_LG_TABLE 3u

uint64_t weir_theta_hash_long(int64_t value)
{
    uint64_t bytes = htole64((uint64_t)value);
    return weir_murmur3_seeded(&bytes, sizeof(bytes), WEIR_THETA_SEED).low >> 1;
}

uint64_t weir_theta_hash_double(double value)
{
    uint64_t bits = 0;
    if (value != value) {
        bits = 0x7ff8000000000000u;
    } else if (value != 0.0) {
        memcpy(&bits, &value, sizeof(bits));
    }
    return weir_theta_hash_long((int64_t)bits);
}

void weir_theta_init(weir_theta *theta, uint32_t lg_k)
{
    assert(lg_k >= WEIR_THETA_MIN_LG_K && lg_k <= WEIR_THETA_MAX_LG_K);
    *theta = (weir_theta){.theta = WEIR_THETA_ALL, .lg_k = (uint8_t)lg_k};
}

/* Hashes that a table may have before it grows. */
static uint32_t most_of(uint32_t lg_table)
{
    return (1u << lg_table) / 4 * 3;
}

static void put(uint64_t *table, uint32_t lg_table, uint64_t hash)
{
    uint32_t mask = (1u << lg_table) - 1, at = (uint32_t)hash & mask;
    while (table[at]) {
        at = (at + 1) & mask;
    }
    table[at] = hash;
}

/* What is below theta in a new table of 2^lg_table slots. */
static void move(weir_heap *heap, weir_theta *theta, uint32_t lg_table)
{
    uint64_t handle = weir_heap_put(heap, NULL, sizeof(uint64_t) << lg_table);
    uint64_t *into = weir_heap_at(heap, handle);
    uint32_t slots = theta->handle ? 1u << theta->lg_table : 0, count = 0;
    const uint64_t *from = slots ? weir_heap_at(heap, theta->handle) : NULL;
    for (uint32_t i = 0; i < slots; i++) {
        if (from[i] && from[i] < theta->theta) {
            put(into, lg_table, from[i]);
            count++;
        }
    }
    weir_heap_drop(heap, theta->handle);
    theta->handle = handle;
    theta->lg_table = (uint8_t)lg_table;
    theta->count = count;
}

static void make_room(weir_heap *heap, weir_theta *theta)
{
    if (theta->lg_table <= theta->lg_k) {
        move(heap, theta, theta->lg_table + 1u);
        return;
    }
    const uint64_t *table = weir_heap_at(heap, theta->handle);
    theta->theta = weir_theta_nth(table, 1u << theta->lg_table, 1u << theta->lg_k);
    move(heap, theta, theta->lg_table);
}

void weir_theta_insert(weir_heap *heap, weir_theta *theta, uint64_t hash)
{
    if (!theta->handle) {
        move(heap, theta, FIRST_LG_TABLE);
    }
    uint64_t *table = weir_heap_at(heap, theta->handle);
    uint32_t mask = (1u << theta->lg_table) - 1, at = (uint32_t)hash & mask;
    for (; table[at]; at = (at + 1) & mask) {
        if (table[at] == hash) {
            return;
        }
    }
    table[at] = hash;
    if (++theta->count > most_of(theta->lg_table)) {
        make_room(heap, theta);
    }
}

/* Theta goes down to `to`, and what is then above it goes. */
static void lower_theta(weir_heap *heap, weir_theta *theta, uint64_t to)
{
    if (to < theta->theta) {
        theta->theta = to;
        if (theta->count > 0) {
            move(heap, theta, theta->lg_table);
        }
    }
}

/* A table for about `more` further hashes at once. */
static void reserve(weir_heap *heap, weir_theta *theta, uint32_t more)
{
    uint32_t lg = theta->handle ? theta->lg_table : FIRST_LG_TABLE;
    while (lg <= theta->lg_k && most_of(lg) < (uint64_t)theta->count + more) {
        lg++;
    }
    if (!theta->handle || lg != theta->lg_table) {
        move(heap, theta, lg);
    }
}

void weir_theta_merge(weir_heap *heap, weir_theta *into, const weir_heap *from_heap,
                      const weir_theta *from)
{
    if (!from->seen) {
        return;
    }
    into->seen = true;
    lower_theta(heap, into, from->theta);
    if (from->count == 0) {
        return;
    }
    reserve(heap, into, into->count ? from->count / 2 : from->count);
    const uint64_t *table = weir_heap_at(from_heap, from->handle);
    for (uint32_t i = 0; i < 1u << from->lg_table; i++) {
        if (table[i] && table[i] < into->theta) {
            weir_theta_insert(heap, into, table[i]);
        }
    }
}

void weir_theta_merge_view(weir_heap *heap, weir_theta *into, const weir_theta_view *from)
{
    if (from->empty) {
        return;
    }
    into->seen = true;
    lower_theta(heap, into, from->theta);
    if (from->count > 0) {
        reserve(heap, into, into->count ? from->count / 2 : from->count);
    }
    for (uint32_t i = 0; i < from->count && from->hashes[i] < into->theta; i++) {
        weir_theta_insert(heap, into, from->hashes[i]);
    }
}

/* Theta when no more than k are kept, and how many then are. */
static uint64_t cut_theta(const weir_heap *heap, const weir_theta *theta, uint32_t *count)
{
    uint32_t k = 1u << theta->lg_k;
    *count = theta->count;
    if (theta->count <= k) {
        return theta->theta;
    }
    *count = k;
    return weir_theta_nth(weir_heap_at(heap, theta->handle), 1u << theta->lg_table, k);
}

double weir_theta_estimate(const weir_heap *heap, const weir_theta *theta)
{
    weir_theta_view view = {.empty = !theta->seen};
    view.theta = cut_theta(heap, theta, &view.count);
    return weir_theta_view_estimate(&view);
}

void weir_theta_result(const weir_heap *heap, const weir_theta *theta, weir_theta_room *room,
                       weir_theta_view *out)
{
    uint32_t count;
    uint64_t below = cut_theta(heap, theta, &count);
    if (count > room->capacity || !room->hashes) {
        room->capacity = room->capacity * 2 > count ? room->capacity * 2 : count;
        room->hashes = WEIR_SCRATCH_ARRAY(room->scratch, uint64_t, room->capacity + 1);
        room->spare = WEIR_SCRATCH_ARRAY(room->scratch, uint64_t, room->capacity + 1);
    }
    uint64_t *hashes = room->hashes;
    const uint64_t *table = theta->handle ? weir_heap_at(heap, theta->handle) : NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; table && i < 1u << theta->lg_table; i++) {
        if (table[i] && table[i] < below) {
            hashes[n++] = table[i];
        }
    }
    assert(n == count);
    weir_theta_sort(hashes, room->spare, n);
    *out = (weir_theta_view){.hashes = hashes, .theta = below, .count = n, .empty = !theta->seen};
}
