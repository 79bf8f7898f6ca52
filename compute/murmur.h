/* compute/murmur.h - MurmurHash3 x64 128: with seed 0 as Guava's Hashing.murmur3_128 gives it, what
 * Druid's hyperUnique hashes with; with seed 9001 what Apache DataSketches hash with. */
#ifndef COMPUTE_MURMUR_H
#define COMPUTE_MURMUR_H
#include "weir/str.h"

typedef struct weir_hash128 {
    uint64_t low, high; /* asBytes() is low then high, little endian */
} weir_hash128;
weir_hash128 weir_murmur3_128(const void *bytes, size_t size);
/* The seed is the start of both lanes. */
weir_hash128 weir_murmur3_seeded(const void *bytes, size_t size, uint64_t seed);
weir_hash128 weir_murmur3_u64(uint64_t word); /* of its eight bytes, little endian */
#endif
