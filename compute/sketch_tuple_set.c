/* compute/sketch_tuple_set.c - tuple sketches as sets of keys with numbers: estimates, set
 * operations, figures of a column. Keys of one side are found by a table of places. */
#include "compute/sketch_bounds.h"
#include "compute/sketch_tuple.h"
#include <math.h>

weir_tuple_view weir_tuple_none(uint32_t value_count)
{
    return (weir_tuple_view){.theta = WEIR_THETA_ALL, .value_count = value_count, .empty = true};
}

double weir_tuple_theta(const weir_tuple_view *view)
{
    return view->empty ? 1 : (double)view->theta / (double)WEIR_THETA_ALL;
}

double weir_tuple_view_estimate(const weir_tuple_view *view)
{
    return view->count / weir_tuple_theta(view);
}

double weir_tuple_lower(const weir_tuple_view *view, uint32_t std_devs)
{
    return view->theta == WEIR_THETA_ALL || view->empty
               ? view->count
               : weir_binomial_lower(view->count, weir_tuple_theta(view), std_devs);
}

double weir_tuple_upper(const weir_tuple_view *view, uint32_t std_devs)
{
    return view->theta == WEIR_THETA_ALL || view->empty
               ? view->count
               : weir_binomial_upper(view->count, weir_tuple_theta(view), std_devs);
}

void weir_tuple_union(const weir_tuple_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                      weir_tuple_view *out)
{
    weir_heap *heap = weir_heap_new(s->budget);
    weir_tuple tuple;
    weir_tuple_init(&tuple, lg_k, views[0].value_count);
    for (uint32_t i = 0; i < n; i++) {
        weir_tuple_merge_view(heap, &tuple, &views[i]);
    }
    weir_tuple_result(heap, &tuple, s, out);
    weir_heap_free(heap);
}

typedef struct places { /* of a view's keys, each and 1; 0 is free */
    const weir_tuple_view *view;
    uint32_t *at, mask;
} places;

static uint32_t *place_of(const places *p, uint64_t key)
{
    uint32_t at = (uint32_t)key & p->mask;
    while (p->at[at] && p->view->keys[p->at[at] - 1] != key) {
        at = (at + 1) & p->mask;
    }
    return &p->at[at];
}

static places places_of(const weir_tuple_view *view, weir_scratch *s)
{
    uint32_t size = 8;
    while (size < view->count * 2ull) {
        size *= 2;
    }
    places p = {view, WEIR_SCRATCH_ARRAY(s, uint32_t, size), size - 1};
    memset(p.at, 0, size * sizeof(*p.at));
    for (uint32_t i = 0; i < view->count; i++) {
        *place_of(&p, view->keys[i]) = i + 1;
    }
    return p;
}

/* a's keys below theta that b has (with the sums of both numbers), or that it has not (a's). */
static void pick(const weir_tuple_view *a, const weir_tuple_view *b, bool has, weir_scratch *s,
                 weir_tuple_view *out)
{
    uint32_t width = a->value_count, count = 0;
    uint64_t theta = a->theta < b->theta ? a->theta : b->theta;
    uint64_t *keys = WEIR_SCRATCH_ARRAY(s, uint64_t, a->count + 1);
    double *values = WEIR_SCRATCH_ARRAY(s, double, (size_t)a->count *width + 1);
    places p = places_of(b, s);
    for (uint32_t i = 0; i < a->count; i++) {
        uint32_t place = a->keys[i] < theta ? *place_of(&p, a->keys[i]) : 0;
        if (a->keys[i] >= theta || (place != 0) != has) {
            continue;
        }
        double *into = values + (size_t)count * width;
        memcpy(into, a->values + (size_t)i * width, width * sizeof(double));
        for (uint32_t k = 0; has && k < width; k++) {
            into[k] += b->values[(size_t)(place - 1) * width + k];
        }
        keys[count++] = a->keys[i];
    }
    *out =
        (weir_tuple_view){keys, values, theta, count, width, count == 0 && theta == WEIR_THETA_ALL};
}

void weir_tuple_intersect(const weir_tuple_view *a, const weir_tuple_view *b, weir_scratch *s,
                          weir_tuple_view *out)
{
    if (a->empty || b->empty) {
        *out = weir_tuple_none(a->value_count);
        return;
    }
    pick(a, b, true, s, out);
}

void weir_tuple_a_not_b(const weir_tuple_view *a, const weir_tuple_view *b, weir_scratch *s,
                        weir_tuple_view *out)
{
    if (a->empty || b->empty) {
        *out = *a;
        return;
    }
    pick(a, b, false, s, out);
}

weir_tuple_stats weir_tuple_column(const weir_tuple_view *view, uint32_t column)
{
    double sum = 0, mean = 0, squares = 0, n = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        double value = view->values[(size_t)i * view->value_count + column], off = value - mean;
        n++;
        sum += value;
        mean += off / n;
        squares += off * (value - mean);
    }
    return (weir_tuple_stats){.count = n,
                              .sum = sum,
                              .mean = n > 0 ? mean : (double)NAN,
                              .variance = n > 1   ? squares / (n - 1)
                                          : n > 0 ? 0
                                                  : (double)NAN};
}

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by
 * Lentz's method; converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double value = d;
    for (int m = 1; m <= 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        value *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        value *= d * c;
        if (fabs(d * c - 1) < 1e-15) {
            break;
        }
    }
    return value;
}

/* The regularised incomplete beta function. */
static double beta_share(double x, double a, double b)
{
    if (x <= 0 || x >= 1) {
        return x <= 0 ? 0 : 1;
    }
    double factor = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? factor * beta_fraction(a, b, x) / a
                                     : 1 - factor * beta_fraction(b, a, 1 - x) / b;
}

double weir_tuple_t_test(weir_tuple_stats a, weir_tuple_stats b)
{
    double x = a.variance / a.count, y = b.variance / b.count;
    double freedom = (x + y) * (x + y) / (x * x / (a.count - 1) + y * y / (b.count - 1));
    double t = (a.mean - b.mean) / sqrt(x + y);
    if (a.count < 2 || b.count < 2 || isnan(t) || isnan(freedom)) {
        return (double)NAN;
    }
    return beta_share(freedom / (freedom + t * t), freedom / 2, 0.5);
}
