/* segments/encode_pack.h - bit packing of 1,024 values in the vertical layout. u32 lanes, widths
 * 0..32: value i is in lane i % 32, step i / 32; word k of lane l is at in[k * 32 + l]. u64 lanes,
 * widths 0..64: 16 lanes of 64 steps. Either way a block is 128 * width bytes, and the loop over
 * the lanes has a constant trip count, so that plain C vectorises with the width at run time: 0.05
 * ns a value (u32), 0.2 (u64). Bytes need no alignment. Only encode_write.c and encode_read.c
 * include this, and its benchmark. */
#ifndef SEGMENTS_ENCODE_PACK_H
#define SEGMENTS_ENCODE_PACK_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "segments are little endian and read in place"
#endif
typedef uint32_t __attribute__((aligned(1), may_alias)) weir_word32;
typedef uint64_t __attribute__((aligned(1), may_alias)) weir_word64;

void weir_pack32(const uint32_t *values, unsigned width, uint8_t *out);
void weir_pack64(const uint64_t *values, unsigned width, uint8_t *out);
void weir_unpack32(const uint8_t *in, unsigned width, uint32_t base,
                   uint32_t *out); /* base is added, wrapping */
void weir_unpack64(const uint8_t *in, unsigned width, uint64_t base,
                   uint64_t *out); /* base is added, wrapping */
/* u32 lanes to 64 bits: base + step * value. */
void weir_unpack32_wide(const uint8_t *in, unsigned width, uint64_t base, uint32_t step,
                        int64_t *out);
uint64_t weir_pack32_sum(const uint8_t *in, unsigned width);
/* Bit i: lo <= value i <= hi. 16 words. */
void weir_pack32_range(const uint8_t *in, unsigned width, uint32_t lo, uint32_t hi, uint64_t *bits);

/* Bytes of a block that holds only its first n values: whole words of all lanes, cut after the last
 * step. */
static inline size_t weir_pack_size(unsigned width, uint32_t n)
{
    uint32_t lanes = width <= 32 ? 32 : 16, word_bits = width <= 32 ? 32 : 64;
    uint32_t steps = (n + lanes - 1) / lanes;
    return (size_t)((steps * width + word_bits - 1) / word_bits) * 128;
}

static inline uint32_t weir_pack32_pick(const uint8_t *in, unsigned width, uint32_t row)
{
    const weir_word32 *at = (const weir_word32 *)in;
    uint32_t bit = (row >> 5) * width, k = bit >> 5, shift = bit & 31, lane = row & 31;
    if (width == 0) {
        return 0;
    }
    uint64_t value = (uint64_t)at[k * 32 + lane] >> shift;
    if (shift + width > 32) {
        value |= (uint64_t)at[(k + 1) * 32 + lane] << (32 - shift);
    }
    return (uint32_t)(value & ((UINT64_C(1) << width) - 1));
}

static inline uint64_t weir_pack64_pick(const uint8_t *in, unsigned width, uint32_t row)
{
    const weir_word64 *at = (const weir_word64 *)in;
    uint32_t bit = (row >> 4) * width, k = bit >> 6, shift = bit & 63, lane = row & 15;
    uint64_t value = at[k * 16 + lane] >> shift;
    if (shift + width > 64) {
        value |= at[(k + 1) * 16 + lane] << (64 - shift);
    }
    return width == 64 ? value : value & ((UINT64_C(1) << width) - 1);
}
#endif
