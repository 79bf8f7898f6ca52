/* compute/variance.h - number, sum and squared distances from the mean of values, with the bytes of
 * Druid's VarianceAggregatorCollector: big endian, a long and two doubles. */
#ifndef COMPUTE_VARIANCE_H
#define COMPUTE_VARIANCE_H
#include "weir/str.h"

#define WEIR_VARIANCE_BYTES 24u
typedef struct weir_variance {
    int64_t count;
    double sum, squares; /* squares: sum of (value - mean)^2 */
} weir_variance;         /* all zero: of no value */
void weir_variance_add(weir_variance *v, double value);
void weir_variance_merge(weir_variance *into, const weir_variance *from);
void weir_variance_save(const weir_variance *v, uint8_t out[WEIR_VARIANCE_BYTES]);
bool weir_variance_load(weir_str bytes,
                        weir_variance *out); /* false: they are none; `out` is written on success */
/* By n, or by n - 1 (of one value 0). Of no value: false. */
bool weir_variance_of(const weir_variance *v, bool population, double *out);
#endif
