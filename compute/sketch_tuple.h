/* compute/sketch_tuple.h - tuple sketches of doubles, DataSketches' ArrayOfDoublesSketch: a theta
 * sketch whose kept hashes (keys) each have a few numbers with them, sums of what was added under
 * the key. So sums over distinct keys can be estimated, and compared between sets of keys.
 *
 * Again a weir_tuple grows in a heap, and a weir_tuple_view is read. What is kept does not depend
 * on the order of updates and merges; images list it in any order, as Java's. */
#ifndef COMPUTE_SKETCH_TUPLE_H
#define COMPUTE_SKETCH_TUPLE_H
#include "compute/sketch_theta.h"

#define WEIR_TUPLE_MAX_VALUES 127u /* a signed byte of the image */

typedef struct weir_tuple {
    uint64_t handle; /* 2^lg_table keys, 0 is free; then the numbers of each. 0: no table yet */
    uint64_t theta;
    uint32_t count;
    uint8_t lg_k, lg_table;
    uint8_t value_count; /* numbers a key */
    bool seen;           /* something was added, though perhaps nothing is kept */
} weir_tuple;

void weir_tuple_init(weir_tuple *tuple, uint32_t lg_k, uint32_t value_count);
void weir_tuple_insert(weir_heap *heap, weir_tuple *tuple, uint64_t key, const double *values);
/* `values` has value_count numbers; key 0 is none. */
static inline void weir_tuple_add(weir_heap *heap, weir_tuple *tuple, uint64_t key,
                                  const double *values)
{
    if (key == 0) {
        return;
    }
    tuple->seen = true;
    if (key < tuple->theta) {
        weir_tuple_insert(heap, tuple, key, values);
    }
}
/* Both have the same value_count. */
void weir_tuple_merge(weir_heap *heap, weir_tuple *into, const weir_heap *from_heap,
                      const weir_tuple *from);
double weir_tuple_estimate(const weir_heap *heap, const weir_tuple *tuple);
/* Everything that is kept, as a compact image that is not cut to k; NULL: size only. */
size_t weir_tuple_save(const weir_heap *heap, const weir_tuple *tuple, uint8_t *out);

typedef struct weir_tuple_view {
    const uint64_t *keys; /* in no order, 0 < key < theta */
    const double *values; /* value_count for each key */
    uint64_t theta;
    uint32_t count, value_count;
    bool empty; /* nothing was ever added */
} weir_tuple_view;
weir_tuple_view weir_tuple_none(uint32_t value_count);

/* What a growing sketch keeps, at most k keys; memory from `s`. */
void weir_tuple_result(const weir_heap *heap, const weir_tuple *tuple, weir_scratch *s,
                       weir_tuple_view *out);
/* False: the view has another number of values; nothing is changed. */
bool weir_tuple_merge_view(weir_heap *heap, weir_tuple *into, const weir_tuple_view *from);

/* A compact image or that of a growing sketch, checked; memory from `s`. False: damaged, of another
 * seed, or no such sketch. */
bool weir_tuple_open(weir_str image, weir_scratch *s, weir_tuple_view *out);
size_t weir_tuple_image(const weir_tuple_view *view, uint8_t *out); /* compact; NULL: size only */
weir_str weir_tuple_image_str(const weir_tuple_view *view, weir_scratch *s);

double weir_tuple_view_estimate(const weir_tuple_view *view);
double weir_tuple_theta(const weir_tuple_view *view); /* as a share; 1 when empty */
double weir_tuple_lower(const weir_tuple_view *view, uint32_t std_devs);
double weir_tuple_upper(const weir_tuple_view *view, uint32_t std_devs);

/* Set operations over views of one value_count; memory from `s`. Numbers of a key that both have
 * are added; those of a difference are a's. */
void weir_tuple_union(const weir_tuple_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                      weir_tuple_view *out);
void weir_tuple_intersect(const weir_tuple_view *a, const weir_tuple_view *b, weir_scratch *s,
                          weir_tuple_view *out);
void weir_tuple_a_not_b(const weir_tuple_view *a, const weir_tuple_view *b, weir_scratch *s,
                        weir_tuple_view *out);

/* Of the numbers of one column (from 0). */
typedef struct weir_tuple_stats {
    double count, sum, mean, variance; /* mean NaN of none; variance / (count - 1), 0 of one */
} weir_tuple_stats;
weir_tuple_stats weir_tuple_column(const weir_tuple_view *view, uint32_t column);
/* The chance that means as far apart come from one distribution: Welch's t-test, two-sided. NaN
 * with fewer than two numbers on a side. */
double weir_tuple_t_test(weir_tuple_stats a, weir_tuple_stats b);
#endif
