/* compute/murmur.c - MurmurHash3 by Austin Appleby (public domain): 16 bytes a step, two 64-bit
 * lanes. */
#include "compute/murmur.h"
#include <endian.h>

#define C1 0x87c37b91114253d5u
#define C2 0x4cf5ad432745937fu

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t mix_low(uint64_t k)
{
    return rotate(k * C1, 31) * C2;
}

static uint64_t mix_high(uint64_t k)
{
    return rotate(k * C2, 33) * C1;
}

static uint64_t finish(uint64_t k)
{
    k = (k ^ k >> 33) * 0xff51afd7ed558ccdu;
    k = (k ^ k >> 33) * 0xc4ceb9fe1a85ec53u;
    return k ^ k >> 33;
}

static weir_hash128 end(uint64_t low, uint64_t high, size_t size)
{
    low ^= size;
    high ^= size;
    low += high;
    high += low;
    low = finish(low);
    high = finish(high);
    low += high;
    high += low;
    return (weir_hash128){low, high};
}

static uint64_t load(const uint8_t *at, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, at, size);
    return le64toh(word);
}

weir_hash128 weir_murmur3_seeded(const void *bytes, size_t size, uint64_t seed)
{
    const uint8_t *at = bytes;
    uint64_t low = seed, high = seed;
    size_t left = size;
    for (; left >= 16; left -= 16, at += 16) {
        low ^= mix_low(load(at, 8));
        low = (rotate(low, 27) + high) * 5 + 0x52dce729;
        high ^= mix_high(load(at + 8, 8));
        high = (rotate(high, 31) + low) * 5 + 0x38495ab5;
    }
    if (left > 8) {
        high ^= mix_high(load(at + 8, left - 8));
    }
    if (left > 0) {
        low ^= mix_low(load(at, left < 8 ? left : 8));
    }
    return end(low, high, size);
}

weir_hash128 weir_murmur3_128(const void *bytes, size_t size)
{
    return weir_murmur3_seeded(bytes, size, 0);
}

weir_hash128 weir_murmur3_u64(uint64_t word)
{
    return end(mix_low(word), 0, sizeof(word));
}
