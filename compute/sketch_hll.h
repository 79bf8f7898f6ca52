/* compute/sketch_hll.h - the HLL sketch of Apache DataSketches ("HLLSketch"), byte for byte;
 * Druid's own older HyperLogLog is hll.h. A sketch is told coupons: 26 bits of a hash as an
 * address, and 6 bits: how many zeros its other half begins with, and 1. It keeps the coupons while
 * they are few (a list of up to 7, then a set), and then a register of k = 2^lg_k for each address
 * modulo k: the greatest value seen. Here registers are a byte each; an image has them as 4, 6 or 8
 * bits. While coupons arrive one by one the estimate is HIP's (more exact, needs the order of
 * arrival); a union of registers is out of order and is estimated from the registers, by
 * interpolation (sketch_hll_estimate.c). */
#ifndef COMPUTE_SKETCH_HLL_H
#define COMPUTE_SKETCH_HLL_H
#include "compute/memory.h"
#include "compute/murmur.h"
#include "weir/buf.h"

#define WEIR_HLLSKETCH_SEED 9001u
#define WEIR_HLLSKETCH_LEAST_LG_K 4u
#define WEIR_HLLSKETCH_MOST_LG_K 21u
#define WEIR_HLLSKETCH_NO_COUPON 0u /* a value that does not count */

typedef enum weir_hllsketch_type {
    WEIR_HLL_4,
    WEIR_HLL_6,
    WEIR_HLL_8
} weir_hllsketch_type; /* of an image's registers, as DataSketches number them */

typedef struct weir_hllsketch { /* all zero but lg_k: empty */
    union {
        uint64_t handle;
        uint32_t few[2]; /* the first two coupons need no heap */
    } at;
    uint32_t count;                     /* coupons; or registers that are 0, where not stale */
    uint8_t lg_k, mode, lg_size, flags; /* see sketch_hll.c */
} weir_hllsketch;

static inline uint32_t weir_hllsketch_coupon(weir_hash128 hash)
{
    uint32_t zeros = hash.high >> 1 ? (uint32_t)__builtin_clzll(hash.high) : 62;
    return (zeros + 1) << 26 | (uint32_t)(hash.low & 0x3ffffff);
}
void weir_hllsketch_add(weir_heap *heap, weir_hllsketch *sketch, uint32_t coupon);
void weir_hllsketch_drop(weir_heap *heap,
                         weir_hllsketch *sketch); /* gives its memory back; empty then */

/* A sketch to be read: an image in place, or one of a heap. */
typedef struct weir_hllsketch_view {
    uint8_t lg_k, type, cur_min;
    bool registers, compact, out_of_order, stale; /* stale: kxq and zeros have to be counted */
    uint32_t count;                               /* coupons; or registers that are 0 */
    uint32_t slots;         /* of coupons, or of exceptions in HLL_4; those that are 0 are empty */
    double hip, kxq0, kxq1; /* sums of 2^-register below 32 and from 32 on */
    const uint8_t *at;      /* coupons (u32), or registers */
    const uint8_t *exceptions; /* of HLL_4: u32 each, value and slot as in a coupon */
} weir_hllsketch_view;
/* Hostile bytes: true when everything that will be read is there. */
bool weir_hllsketch_read(weir_str image, weir_hllsketch_view *out);
/* Whether what the image says of itself agrees: for bytes from outside, once. */
bool weir_hllsketch_check(const weir_hllsketch_view *view);
weir_hllsketch_view weir_hllsketch_of(const weir_heap *heap, const weir_hllsketch *sketch);
/* `into` has at most 2^most_lg_k registers; it gets fewer when `from` has fewer. */
void weir_hllsketch_union(weir_heap *heap, weir_hllsketch *into, uint8_t most_lg_k,
                          const weir_hllsketch_view *from);
/* The compact image; `out` NULL: size only. */
size_t weir_hllsketch_write(const weir_heap *heap, const weir_hllsketch *sketch,
                            weir_hllsketch_type type, uint8_t *out);

/* sketch_hll_estimate.c */
double weir_hllsketch_estimate(const weir_hllsketch_view *view);
double weir_hllsketch_lower(const weir_hllsketch_view *view, uint32_t deviations); /* 1, 2 or 3 */
double weir_hllsketch_upper(const weir_hllsketch_view *view, uint32_t deviations);
double weir_hllsketch_coupon_estimate(uint32_t count);
/* What Java's HllSketch.toString says of a heap's sketch that will be written as `type`. */
void weir_hllsketch_print(const weir_hllsketch_view *view, weir_hllsketch_type type, weir_buf *out);

/* Counts of a view's registers by value, HLL_8 only; 64 values. */
void weir_hllsketch_histogram(const weir_hllsketch_view *view, uint32_t counts[64]);
static inline double weir_hllsketch_power(uint32_t value) /* 2^-value */
{
    uint64_t bits = (uint64_t)(1023 - value) << 52;
    double power;
    memcpy(&power, &bits, sizeof(power));
    return power;
}
#endif
