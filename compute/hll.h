/* compute/hll.h - Druid's own HyperLogLog (hyperUnique, cardinality): 2,048 registers of four bits
 * above a common offset, and one register that may overflow. Estimates and bytes equal Druid's
 * HyperLogLogCollector, version 1. A collector is plain bytes with a handle into a heap: up to 256
 * registers as a sorted list, then a kilobyte of nibbles. */
#ifndef COMPUTE_HLL_H
#define COMPUTE_HLL_H
#include "compute/memory.h"
#include "compute/murmur.h"

#define WEIR_HLL_BUCKETS 2048u
#define WEIR_HLL_MAX_BYTES 1031u

typedef struct weir_hll { /* all zero: empty */
    uint64_t handle;
    uint16_t nonzero; /* registers above the offset; entries of the list */
    uint16_t overflow_bucket;
    uint8_t overflow; /* its value; 0: none */
    uint8_t offset;
    bool dense;
    uint8_t unused;
} weir_hll;

/* What of a hash counts: the bucket, and the place of the first one bit, from 1. */
static inline uint32_t weir_hll_code(weir_hash128 hash)
{
    uint32_t place = hash.low ? (uint32_t)__builtin_ctzll(hash.low) + 1 : 64;
    uint32_t bucket =
        ((uint32_t)(hash.high >> 48 & 0xff) << 8 | (uint32_t)(hash.high >> 56)) & 0x7ff;
    return bucket << 8 | place;
}
void weir_hll_add(weir_heap *heap, weir_hll *hll, uint32_t code);
void weir_hll_merge(weir_heap *heap, weir_hll *into, const weir_heap *from_heap,
                    const weir_hll *from);
double weir_hll_estimate(const weir_heap *heap, const weir_hll *hll);
/* Druid's bytes; `out` has room for WEIR_HLL_MAX_BYTES, NULL: size only. */
size_t weir_hll_save(const weir_heap *heap, const weir_hll *hll, uint8_t *out);
/* From Druid's bytes, hostile ones are refused; `out` is written on success. */
bool weir_hll_load(weir_heap *heap, weir_str bytes, weir_hll *out);
#endif
