/* compute/sketch_kll.h - KLL quantile sketches (DataSketches' KllDoublesSketch and
 * KllFloatsSketch): levels of items, an item of level i stands for 2^i; upper levels are larger.
 * Ranks are off by about 1.3 % of n at k = 200. NaN is never an item. */
#ifndef COMPUTE_SKETCH_KLL_H
#define COMPUTE_SKETCH_KLL_H
#include "compute/sketch_view.h"

#define WEIR_KLL_K 200u /* default */

typedef struct weir_kll {
    uint64_t handle; /* counts of levels (when there are several), items; 0: no item yet */
    uint64_t n;      /* items seen */
    double min, max; /* of n > 0 */
    uint64_t random;
    uint32_t retained; /* items held */
    uint32_t capacity; /* of all levels, by k and their number */
    uint16_t k, min_k; /* in [8, 65535]; min_k: the least k of what was merged in with more than one
                          level */
    uint8_t levels;    /* 1 to 61 */
    bool floats;       /* items are floats in images; here they are doubles */
} weir_kll;
bool weir_kll_k_ok(int64_t k);
weir_kll weir_kll_of(uint32_t k, bool floats); /* empty */
void weir_kll_add(weir_heap *heap, weir_kll *kll, double value);
void weir_kll_merge(weir_heap *heap, weir_kll *into, const weir_heap *from_heap,
                    const weir_kll *from);
/* The same with an image of into's kind. False, and nothing changes: it is damaged. */
bool weir_kll_merge_image(weir_heap *heap, weir_kll *into, weir_str image);
/* DataSketches' compact image. `out` NULL: size only. */
size_t weir_kll_save(const weir_heap *heap, const weir_kll *kll, uint8_t *out);
#define WEIR_KLL_ONE_BYTES 16u
size_t weir_kll_save_one(uint32_t k, bool floats, double value,
                         uint8_t out[WEIR_KLL_ONE_BYTES]); /* of one value; NaN: of none */
/* From a compact or an updatable image; hostile bytes are refused. `out` is written on success. */
bool weir_kll_load(weir_heap *heap, weir_str image, bool floats, weir_kll *out);
void weir_kll_view(const weir_heap *heap, const weir_kll *kll, weir_scratch *s,
                   weir_sorted_view *out); /* n > 0 */
#endif
