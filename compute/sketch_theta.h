/* compute/sketch_theta.h - theta sketches, as Apache DataSketches': of all values' hashes (63 bits)
 * those are kept that are below theta; theta goes down so that about k are. So the number of
 * distinct values is about count / theta as a share of 2^63, and sketches can be united,
 * intersected and subtracted like the sets that they stand for.
 *
 * Two forms. A weir_theta grows: an aggregator's state, its hashes are a table in a heap, and it
 * may keep more than k. A weir_theta_view is read: hashes in order in an arena of a block
 * (scratch). Results do not depend on the order of updates and merges: the k least hashes, theta
 * the next. */
#ifndef COMPUTE_SKETCH_THETA_H
#define COMPUTE_SKETCH_THETA_H
#include "compute/memory.h"
#include "compute/murmur.h"

#define WEIR_THETA_SEED 9001u
#define WEIR_THETA_SEED_HASH 0x93ccu /* images of another seed cannot be mixed with ours */
#define WEIR_THETA_ALL INT64_MAX     /* theta of a sketch that holds all of its hashes */
#define WEIR_THETA_MIN_LG_K 4u
#define WEIR_THETA_MAX_LG_K 26u

/* Hashes as DataSketches' update() has them; 0 is none. */
static inline uint64_t weir_theta_hash(const void *bytes, size_t size)
{
    return size ? weir_murmur3_seeded(bytes, size, WEIR_THETA_SEED).low >> 1 : 0; /* "" is none */
}
uint64_t weir_theta_hash_long(int64_t value);
uint64_t weir_theta_hash_double(double value); /* one zero, one NaN */

typedef struct weir_theta {
    uint64_t handle; /* the table: 2^lg_table hashes, 0 is free. 0: no table yet */
    uint64_t theta;
    uint32_t count; /* hashes in it */
    uint8_t lg_k, lg_table;
    bool seen; /* something was added, though perhaps nothing is kept */
    uint8_t unused;
} weir_theta;

void weir_theta_init(weir_theta *theta, uint32_t lg_k);
void weir_theta_insert(weir_heap *heap, weir_theta *theta, uint64_t hash); /* 0 < hash < theta */
static inline void weir_theta_add(weir_heap *heap, weir_theta *theta, uint64_t hash)
{
    if (hash == 0) {
        return;
    }
    theta->seen = true;
    if (hash < theta->theta) {
        weir_theta_insert(heap, theta, hash);
    }
}
/* The place of a hash that is about to be added comes into the cache: of many sketches each is
 * cold. */
static inline void weir_theta_prefetch(const weir_heap *heap, const weir_theta *theta,
                                       uint64_t hash)
{
    if (theta->handle && hash < theta->theta) {
        const uint64_t *table = weir_heap_at(heap, theta->handle);
        __builtin_prefetch(&table[hash & ((1u << theta->lg_table) - 1)]);
    }
}
void weir_theta_merge(weir_heap *heap, weir_theta *into, const weir_heap *from_heap,
                      const weir_theta *from);
double weir_theta_estimate(const weir_heap *heap, const weir_theta *theta);
/* Everything that is kept, as an image that is neither cut to k nor ordered; NULL: size only. */
size_t weir_theta_save(const weir_heap *heap, const weir_theta *theta, uint8_t *out);

typedef struct weir_theta_view {
    const uint64_t *hashes; /* ascending, 0 < hash < theta */
    uint64_t theta;
    uint32_t count;
    bool empty; /* nothing was ever added; theta is WEIR_THETA_ALL */
} weir_theta_view;
#define WEIR_THETA_NONE ((weir_theta_view){.theta = WEIR_THETA_ALL, .empty = true})

/* Room for one result after the other. */
typedef struct weir_theta_room {
    weir_scratch *scratch;
    uint64_t *hashes, *spare;
    uint32_t capacity;
} weir_theta_room;
/* A growing sketch's result: at most k hashes, which stay until `room` is used again. */
void weir_theta_result(const weir_heap *heap, const weir_theta *theta, weir_theta_room *room,
                       weir_theta_view *out);
void weir_theta_merge_view(weir_heap *heap, weir_theta *into, const weir_theta_view *from);

/* An image of any serial version and form, checked; memory from `s`, or in place. False: damaged,
 * of another seed, or no theta sketch. */
bool weir_theta_open(weir_str image, weir_scratch *s, weir_theta_view *out);
/* The compact, ordered image, serial version 3; `out` NULL: size only. */
size_t weir_theta_image(const weir_theta_view *view, uint8_t *out);
weir_str weir_theta_image_str(const weir_theta_view *view, weir_scratch *s);

double weir_theta_view_estimate(const weir_theta_view *view);
/* Bounds of 1, 2 or 3 standard deviations; the number itself when all is held. */
double weir_theta_lower(const weir_theta_view *view, uint32_t std_devs);
double weir_theta_upper(const weir_theta_view *view, uint32_t std_devs);

/* Set operations; memory from `s`. `views` has at least one. */
void weir_theta_union(const weir_theta_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                      weir_theta_view *out);
void weir_theta_intersect(const weir_theta_view *views, uint32_t n, weir_scratch *s,
                          weir_theta_view *out);
void weir_theta_a_not_b(const weir_theta_view *a, const weir_theta_view *b, weir_scratch *s,
                        weir_theta_view *out);

/* Ascending, in place; `spare` has room for n. */
void weir_theta_sort(uint64_t *hashes, uint64_t *spare, uint32_t n);
/* The hash of rank `nth` (0: the least) among those of `hashes` that are not 0; there are more than
 * nth. */
uint64_t weir_theta_nth(const uint64_t *hashes, size_t n, uint32_t nth);
#endif
