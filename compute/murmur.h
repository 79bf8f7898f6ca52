/* compute/murmur.h - MurmurHash3 x64 128, seed 0, as Guava's Hashing.murmur3_128 gives it: what
 * Druid's hyperUnique hashes with. */
#ifndef COMPUTE_MURMUR_H
#define COMPUTE_MURMUR_H
#include "weir/str.h"

typedef struct weir_hash128 {
    uint64_t low, high; /* asBytes() is low then high, little endian */
} weir_hash128;
weir_hash128 weir_murmur3_128(const void *bytes, size_t size);
weir_hash128 weir_murmur3_u64(uint64_t word); /* of its eight bytes, little endian */
#endif
