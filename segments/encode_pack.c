/* segments/encode_pack.c - the loops of encode_pack.h. Figures: bench/encode_bench.c. */
#include "segments/encode_pack.h"
#include "weir/hot.h"

enum { LANES32 = 32, LANES64 = 16 };

WEIR_HOT void weir_pack32(const uint32_t *restrict values, unsigned width, uint8_t *restrict out)
{
    weir_word32 *to = (weir_word32 *)out;
    if (width == 0) {
        return;
    }
    uint32_t word[LANES32] = {0};
    for (uint32_t step = 0, bit = 0, k = 0; step < 32; step++) {
        const uint32_t *restrict from = values + step * LANES32;
        for (int l = 0; l < LANES32; l++) {
            word[l] |= from[l] << bit;
        }
        bit += width;
        if (bit >= 32) {
            memcpy(to + k++ * LANES32, word, sizeof(word));
            bit -= 32;
            uint32_t used =
                width - bit; /* bits of the value that are out already; 32 only if bit is 0 */
            for (int l = 0; l < LANES32; l++) {
                word[l] = bit ? from[l] >> used : 0;
            }
        }
    }
}

WEIR_HOT void weir_pack64(const uint64_t *restrict values, unsigned width, uint8_t *restrict out)
{
    weir_word64 *to = (weir_word64 *)out;
    if (width == 0) {
        return;
    }
    uint64_t word[LANES64] = {0};
    for (uint32_t step = 0, bit = 0, k = 0; step < 64; step++) {
        const uint64_t *restrict from = values + step * LANES64;
        for (int l = 0; l < LANES64; l++) {
            word[l] |= from[l] << bit;
        }
        bit += width;
        if (bit >= 64) {
            memcpy(to + k++ * LANES64, word, sizeof(word));
            bit -= 64;
            uint32_t used = width - bit;
            for (int l = 0; l < LANES64; l++) {
                word[l] = bit ? from[l] >> used : 0;
            }
        }
    }
}

/* The values of one step; `at` is word k of lane 0. */
#define STEP32(BODY)                                                                               \
    do {                                                                                           \
        const weir_word32 *restrict at = (const weir_word32 *)in + (bit >> 5) * LANES32;           \
        const uint32_t shift = bit & 31;                                                           \
        if (shift + width <= 32) {                                                                 \
            for (int l = 0; l < LANES32; l++) {                                                    \
                const uint32_t value = (at[l] >> shift) & mask;                                    \
                BODY;                                                                              \
            }                                                                                      \
        } else {                                                                                   \
            for (int l = 0; l < LANES32; l++) {                                                    \
                const uint32_t value = (at[l] >> shift | at[l + LANES32] << (32 - shift)) & mask;  \
                BODY;                                                                              \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static inline uint32_t mask_of(unsigned width)
{
    return width >= 32 ? UINT32_MAX : (UINT32_C(1) << width) - 1;
}

WEIR_HOT void weir_unpack32(const uint8_t *restrict in, unsigned width, uint32_t base,
                            uint32_t *restrict out)
{
    if (width == 0) {
        for (int i = 0; i < 1024; i++) {
            out[i] = base;
        }
        return;
    }
    const uint32_t mask = mask_of(width);
    for (uint32_t bit = 0; bit < 32 * width; bit += width, out += LANES32) {
        STEP32(out[l] = base + value);
    }
}

WEIR_HOT void weir_unpack32_wide(const uint8_t *restrict in, unsigned width, uint64_t base,
                                 uint32_t step, int64_t *restrict out)
{
    const uint32_t mask = mask_of(width);
    if (width == 0) {
        for (int i = 0; i < 1024; i++) {
            out[i] = (int64_t)base;
        }
    } else if (step == 1) {
        for (uint32_t bit = 0; bit < 32 * width; bit += width, out += LANES32) {
            STEP32(out[l] = (int64_t)(base + value));
        }
    } else {
        for (uint32_t bit = 0; bit < 32 * width; bit += width, out += LANES32) {
            STEP32(out[l] = (int64_t)(base + (uint64_t)step * value));
        }
    }
}

WEIR_HOT void weir_unpack64(const uint8_t *restrict in, unsigned width, uint64_t base,
                            uint64_t *restrict out)
{
    if (width == 0) {
        for (int i = 0; i < 1024; i++) {
            out[i] = base;
        }
        return;
    }
    const uint64_t mask = width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
    for (uint32_t bit = 0; bit < 64 * width; bit += width, out += LANES64) {
        const weir_word64 *restrict at = (const weir_word64 *)in + (bit >> 6) * LANES64;
        const uint32_t shift = bit & 63;
        if (shift + width <= 64) {
            for (int l = 0; l < LANES64; l++) {
                out[l] = base + ((at[l] >> shift) & mask);
            }
        } else {
            for (int l = 0; l < LANES64; l++) {
                out[l] = base + ((at[l] >> shift | at[l + LANES64] << (64 - shift)) & mask);
            }
        }
    }
}

WEIR_HOT uint64_t weir_pack32_sum(const uint8_t *restrict in, unsigned width)
{
    if (width == 0) {
        return 0;
    }
    const uint32_t mask = mask_of(width);
    uint64_t total = 0;
    if (width <= 27) { /* 32 steps fit in a u32 lane */
        uint32_t sums[LANES32] = {0};
        for (uint32_t bit = 0; bit < 32 * width; bit += width) {
            STEP32(sums[l] += value);
        }
        for (int l = 0; l < LANES32; l++) {
            total += sums[l];
        }
        return total;
    }
    uint64_t sums[LANES32] = {0};
    for (uint32_t bit = 0; bit < 32 * width; bit += width) {
        STEP32(sums[l] += value);
    }
    for (int l = 0; l < LANES32; l++) {
        total += sums[l];
    }
    return total;
}

static const uint32_t lane_bit[LANES32] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
    1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
    1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
    1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31};

/* The 32 lanes of a step are 32 neighbouring rows: their verdicts are or-ed together lane bit by
 * lane bit. */
WEIR_HOT void weir_pack32_range(const uint8_t *restrict in, unsigned width, uint32_t lo,
                                uint32_t hi, uint64_t *restrict bits)
{
    if (width == 0) {
        memset(bits, lo == 0 ? 0xFF : 0, 128);
        return;
    }
    const uint32_t mask = mask_of(width), span = hi - lo;
    weir_word32 *to = (weir_word32 *)bits;
    for (uint32_t bit = 0, step = 0; step < 32; step++, bit += width) {
        uint32_t found = 0;
        STEP32(found |= value - lo <= span ? lane_bit[l] : 0);
        to[step] = found;
    }
}
