/* compute/sketch_quantiles.h - the classic quantiles sketch of doubles (DataSketches'
 * DoublesSketch): a base buffer of up to 2k items, and levels of k items each, where an item of
 * level i stands for 2^(i+1). Level i is in use when bit i of n / 2k is set. Ranks are off by
 * about 1.7 % of n at k = 128; exact below 2k items. NaN is never an item. */
#ifndef COMPUTE_SKETCH_QUANTILES_H
#define COMPUTE_SKETCH_QUANTILES_H
#include "compute/sketch_view.h"

#define WEIR_QUANTILES_K 128u /* default */
#define WEIR_QUANTILES_MOST_K 32768u

typedef struct weir_quantiles {
    uint64_t handle; /* doubles: the base buffer (full size once there are levels), then all levels;
                        0: no item yet */
    uint64_t n;      /* items seen */
    double min, max; /* of n > 0 */
    uint64_t random;
    uint32_t k, unused; /* k: a power of 2 in [2, 32768] */
} weir_quantiles;
bool weir_quantiles_k_ok(int64_t k);
weir_quantiles weir_quantiles_of(uint32_t k); /* empty */
void weir_quantiles_add(weir_heap *heap, weir_quantiles *q, double value);
/* As a union: of two k's the smaller one stays where items have to be dropped. Both may live in one
 * heap. */
void weir_quantiles_merge(weir_heap *heap, weir_quantiles *into, const weir_heap *from_heap,
                          const weir_quantiles *from);
/* The same with an image. False, and nothing changes: it is damaged. */
bool weir_quantiles_merge_image(weir_heap *heap, weir_quantiles *into, weir_str image);
/* DataSketches' compact image, serial version 3, base buffer in order. `out` NULL: size only. */
size_t weir_quantiles_save(const weir_heap *heap, const weir_quantiles *q, uint8_t *out);
#define WEIR_QUANTILES_ONE_BYTES 40u
size_t
weir_quantiles_save_one(uint32_t k, double value,
                        uint8_t out[WEIR_QUANTILES_ONE_BYTES]); /* of one value; NaN: of none */
/* From a compact or an updatable image; hostile bytes are refused. `out` is written on success. */
bool weir_quantiles_load(weir_heap *heap, weir_str image, weir_quantiles *out);
/* Items seen, straight from an image. False: damaged. */
bool weir_quantiles_count(weir_str image, uint64_t *n);
void weir_quantiles_view(const weir_heap *heap, const weir_quantiles *q, weir_scratch *s,
                         weir_sorted_view *out); /* n > 0 */
uint32_t weir_quantiles_retained(uint32_t k, uint64_t n);
#endif
