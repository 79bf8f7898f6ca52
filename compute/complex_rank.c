/* compute/complex_rank.c - what complex values are ordered by, as Druid's comparators have it:
 * sketches of distinct values by their estimate, those of quantiles by the number of their values,
 * variances by the number too. Bytes that cannot be read are as nothing. */
#include "compute/complex_rank.h"
#include "compute/hll.h"
#include "compute/quantile_family.h"
#include "compute/sketch_hll.h"
#include "compute/sketch_tuple.h"
#include "weir/reader.h"
#include <stdlib.h>

double weir_rank_theta(weir_str bytes)
{
    weir_scratch scratch = {0};
    weir_theta_view view = WEIR_THETA_NONE;
    weir_theta_open(bytes, &scratch, &view);
    double estimate = weir_theta_view_estimate(&view);
    weir_scratch_done(&scratch);
    return estimate;
}

double weir_rank_tuple(weir_str bytes)
{
    weir_scratch scratch = {0};
    weir_tuple_view view = weir_tuple_none(1);
    weir_tuple_open(bytes, &scratch, &view);
    double estimate = weir_tuple_view_estimate(&view);
    weir_scratch_done(&scratch);
    return estimate;
}

/* {"estimate":12.0, ...: text of our own */
double weir_rank_theta_bounds(weir_str bytes)
{
    static const char start[] = "{\"estimate\":";
    char number[32] = {0};
    if (bytes.size < sizeof(start) || memcmp(bytes.at, start, sizeof(start) - 1) != 0) {
        return 0;
    }
    size_t left = bytes.size - (sizeof(start) - 1);
    memcpy(number, bytes.at + sizeof(start) - 1, left < 31 ? left : 31);
    return strtod(number, NULL);
}

double weir_rank_hll_sketch(weir_str bytes)
{
    weir_hllsketch_view view;
    return weir_hllsketch_read(bytes, &view) && weir_hllsketch_check(&view)
               ? weir_hllsketch_estimate(&view)
               : 0;
}

double weir_rank_hyper_unique(weir_str bytes)
{
    weir_heap *heap = weir_heap_new(NULL);
    weir_hll hll;
    double estimate = weir_hll_load(heap, bytes, &hll) ? weir_hll_estimate(heap, &hll) : 0;
    weir_heap_free(heap);
    return estimate;
}

static double count_of(const weir_quantile_family *family, weir_str bytes)
{
    _Alignas(8) uint8_t state[WEIR_QUANTILE_STATE_BYTES];
    weir_heap *heap = weir_heap_new(NULL);
    double count = family->load(heap, bytes, state) ? (double)family->count(state) : 0;
    weir_heap_free(heap);
    return count;
}

double weir_rank_quantiles(weir_str bytes)
{
    return count_of(&weir_family_classic, bytes);
}
double weir_rank_kll_doubles(weir_str bytes)
{
    return count_of(&weir_family_kll_doubles, bytes);
}
double weir_rank_kll_floats(weir_str bytes)
{
    return count_of(&weir_family_kll_floats, bytes);
}

/* Big endian, the count first. */
double weir_rank_variance(weir_str bytes)
{
    uint64_t count = 0;
    if (bytes.size >= sizeof(count)) {
        memcpy(&count, bytes.at, sizeof(count));
    }
    return (double)(int64_t)be64toh(count);
}
