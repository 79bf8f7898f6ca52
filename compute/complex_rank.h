/* compute/complex_rank.h - what values of complex types are ordered by; entries of complex.c's
 * table. Any bytes may be given. */
#ifndef COMPUTE_COMPLEX_RANK_H
#define COMPUTE_COMPLEX_RANK_H
#include "weir/str.h"

double weir_rank_theta(weir_str bytes), weir_rank_theta_bounds(weir_str bytes),
    weir_rank_tuple(weir_str bytes), weir_rank_hll_sketch(weir_str bytes),
    weir_rank_hyper_unique(weir_str bytes), weir_rank_quantiles(weir_str bytes),
    weir_rank_kll_doubles(weir_str bytes), weir_rank_kll_floats(weir_str bytes),
    weir_rank_variance(weir_str bytes);
#endif
