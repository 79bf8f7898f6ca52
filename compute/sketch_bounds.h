/* compute/sketch_bounds.h - confidence bounds of the number of things of which `count` were kept,
 * each with probability `theta` in (0, 1]; `std_devs` is 1, 2 or 3 standard deviations of a normal
 * distribution. As DataSketches' BinomialBoundsN: exact tails of the binomial distribution where
 * they are cheap, the corrected normal approximation elsewhere. */
#ifndef COMPUTE_SKETCH_BOUNDS_H
#define COMPUTE_SKETCH_BOUNDS_H
#include <stdint.h>

double weir_binomial_lower(uint64_t count, double theta, uint32_t std_devs);
double weir_binomial_upper(uint64_t count, double theta, uint32_t std_devs);
#endif
