/* compute/sketch_view.h - a quantile sketch's items in order, each with the weight of all up to it:
 * what ranks, quantiles and histograms are read from. Search criteria are inclusive, as is
 * datasketches-java 4's default. */
#ifndef COMPUTE_SKETCH_VIEW_H
#define COMPUTE_SKETCH_VIEW_H
#include "compute/sketch.h"

/* Doubles without NaN, ascending in place. */
void weir_doubles_sort(double *values, uint32_t n);

typedef struct weir_sorted_view {
    double *values;    /* ascending */
    uint64_t *weights; /* cumulative; the last one is n */
    uint32_t count, capacity;
    double min, max; /* of all that was seen; the extreme items may be gone from `values` */
} weir_sorted_view;
/* Room for `capacity` items, memory from `s`; then runs, then the end. */
void weir_view_begin(weir_sorted_view *view, uint32_t capacity, weir_scratch *s);
/* `count` items of equal weight, sorted already or not (then they are sorted here). */
void weir_view_add(weir_sorted_view *view, const double *items, uint32_t count, uint64_t weight,
                   bool sorted);
void weir_view_end(weir_sorted_view *view, weir_scratch *s);
/* The least item whose cumulative weight reaches rank * n; rank in [0, 1]. Of a view that has
 * items. */
double weir_view_quantile(const weir_sorted_view *view, double rank);
/* Share of the weight of items <= value. */
double weir_view_rank(const weir_sorted_view *view, double value);
#endif
