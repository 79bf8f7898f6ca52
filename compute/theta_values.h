/* compute/theta_values.h - what aggregators and functions of theta and tuple sketches share: the
 * hashes of a block's values, sizes, bounds as JSON. */
#ifndef COMPUTE_THETA_VALUES_H
#define COMPUTE_THETA_VALUES_H
#include "compute/sketch_theta.h"
#include "compute/vec.h"
#include "weir/buf.h"

/* Row i of a block has hashes [offsets[i], offsets[i + 1]), or one: hashes[i]. 0: it does not
 * count. */
typedef struct weir_hashed {
    const uint64_t *hashes;
    const uint32_t *offsets; /* NULL: one a row */
} weir_hashed;
/* Of vectors of any form but SCALED. Those of a dictionary's ids are kept in the heap; NULL: they
 * are not. Values that cannot be read (damage, other complex types) do not count. */
weir_hashed weir_theta_hashes(const weir_vec *vec, weir_heap *heap, weir_scratch *s);

/* False: `size` is no power of two in DataSketches' range. */
bool weir_theta_lg_k(int64_t size, uint32_t *lg_k);

/* Makes the bytes in `buf` what is taken from `s` at `mark`, in place of all that was taken since:
 * of a row's work its result stays. */
weir_str weir_scratch_keep(weir_scratch *s, weir_mark mark, const weir_buf *buf);

#define WEIR_THETA_BOUNDS_TYPE "thetaSketchEstimateWithErrorBounds"
/* {"estimate":...,"highBound":...,"lowBound":...,"numStdDev":...} */
weir_str weir_theta_bounds_text(const weir_theta_view *view, uint32_t std_devs, weir_scratch *s);
#endif
