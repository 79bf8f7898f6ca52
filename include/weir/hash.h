/* include/weir/hash.h - the two hashes of the program: xxh3-64 for bytes, a folded 128-bit multiply for keys. */
#ifndef WEIR_HASH_H
#define WEIR_HASH_H
#include "weir/str.h"

uint64_t weir_hash_bytes(const void *bytes, size_t size); /* xxh3-64, seed 0; also the checksum on disk */
/* Of a packed 64-bit key. Both halves of the product count: one multiply alone clusters (FIGURES.md, section 4). */
static inline uint64_t weir_hash_u64(uint64_t key)
{
    unsigned __int128 m = (unsigned __int128)(key ^ 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}
void weir_hex_u64(char out[17], uint64_t value); /* 16 digits and NUL */
bool weir_hex_parse(weir_str text, uint64_t *out);
#endif
