/* compute/sketch_view.c - sorting doubles, and sketches as sorted views. A base buffer of 256
 * doubles is sorted once per 256 rows, so the sort counts: runs of 8 by a network, then merges, all
 * without branches on the values: 14 ns an item of 256 random ones against qsort's 48. */
#include "compute/sketch_view.h"
#include "weir/arena.h"
#include <math.h>
#include <stdlib.h>

#define RUN 8u
#define ON_STACK 1024u

/* A double's bits as a long of the same order, and back: comparing those takes no branches. */
static inline int64_t flip(int64_t bits)
{
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

static void flip_all(int64_t *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        values[i] = flip(values[i]);
    }
}

static inline void order(int64_t *a, int64_t *b)
{
    int64_t x = *a, y = *b;
    *a = x < y ? x : y;
    *b = x < y ? y : x;
}

/* A network of 19 comparisons. */
static void sort_run(int64_t v[RUN])
{
    order(&v[0], &v[2]);
    order(&v[1], &v[3]);
    order(&v[4], &v[6]);
    order(&v[5], &v[7]);
    order(&v[0], &v[4]);
    order(&v[1], &v[5]);
    order(&v[2], &v[6]);
    order(&v[3], &v[7]);
    order(&v[0], &v[1]);
    order(&v[2], &v[3]);
    order(&v[4], &v[5]);
    order(&v[6], &v[7]);
    order(&v[2], &v[4]);
    order(&v[3], &v[5]);
    order(&v[1], &v[4]);
    order(&v[3], &v[6]);
    order(&v[1], &v[2]);
    order(&v[3], &v[4]);
    order(&v[5], &v[6]);
}

static void sort_rest(int64_t *values, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        int64_t value = values[i];
        uint32_t at = i;
        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

static void merge_runs(const int64_t *a, const int64_t *a_end, const int64_t *b,
                       const int64_t *b_end, int64_t *out)
{
    while (a < a_end && b < b_end) {
        int64_t x = *a, y = *b;
        bool right = y < x;
        *out++ = right ? y : x;
        b += right;
        a += !right;
    }
    if (a < a_end) {
        memcpy(out, a, (size_t)(a_end - a) * sizeof(*a));
    } else if (b < b_end) {
        memcpy(out, b, (size_t)(b_end - b) * sizeof(*b));
    }
}

/* `spare` has room for n. */
static void sort_longs(int64_t *values, int64_t *spare, uint32_t n)
{
    int64_t *from = values, *to = spare;
    uint32_t whole = n - n % RUN;
    for (uint32_t i = 0; i < whole; i += RUN) {
        sort_run(values + i);
    }
    sort_rest(values + whole, n - whole);
    for (uint32_t width = RUN; width < n; width *= 2) {
        for (uint32_t i = 0; i < n; i += 2 * width) {
            uint32_t middle = n - i < width ? n : i + width;
            uint32_t end = n - i < 2 * width ? n : i + 2 * width;
            merge_runs(from + i, from + middle, from + middle, from + end, to + i);
        }
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != values) {
        memcpy(values, from, n * sizeof(*values));
    }
}

void weir_doubles_sort(double *values, uint32_t n)
{
    int64_t stack[2 * ON_STACK];
    int64_t *longs = n > ON_STACK ? weir_alloc(2 * n * sizeof(*longs)) : stack;
    memcpy(longs, values, n * sizeof(*values));
    flip_all(longs, n);
    sort_longs(longs, longs + n, n);
    flip_all(longs, n);
    memcpy(values, longs, n * sizeof(*values));
    if (longs != stack) {
        free(longs);
    }
}

void weir_view_begin(weir_sorted_view *view, uint32_t capacity, weir_scratch *s)
{
    *view = (weir_sorted_view){.capacity = capacity};
    view->values = WEIR_SCRATCH_ARRAY(s, double, capacity + 1);
    view->weights = WEIR_SCRATCH_ARRAY(s, uint64_t, capacity + 1);
}

void weir_view_add(weir_sorted_view *view, const double *items, uint32_t count, uint64_t weight,
                   bool sorted)
{
    double *values = view->values + view->count;
    memcpy(values, items, count * sizeof(*items));
    if (!sorted) {
        weir_doubles_sort(values, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        view->weights[view->count + i] = weight;
    }
    view->count += count;
}

/* Merges the sorted runs that lie one behind the other: neighbours pairwise, until one is left. */
void weir_view_end(weir_sorted_view *view, weir_scratch *s)
{
    uint32_t n = view->count, run_count = 0;
    uint32_t *runs = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 2);
    double *values = WEIR_SCRATCH_ARRAY(s, double, n + 1);
    uint64_t *weights = WEIR_SCRATCH_ARRAY(s, uint64_t, n + 1), total = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || view->values[i] < view->values[i - 1]) {
            runs[run_count++] = i;
        }
    }
    runs[run_count] = n;
    while (run_count > 1) {
        uint32_t kept = 0;
        for (uint32_t r = 0; r < run_count; r += 2) {
            uint32_t a = runs[r], a_end = runs[r + 1], b = a_end, at = a;
            uint32_t b_end = r + 2 <= run_count ? runs[r + 2] : a_end;
            while (a < a_end || b < b_end) {
                bool right = a == a_end || (b < b_end && view->values[b] < view->values[a]);
                uint32_t from = right ? b++ : a++;
                values[at] = view->values[from];
                weights[at++] = view->weights[from];
            }
            runs[kept++] = runs[r];
        }
        runs[kept] = n;
        run_count = kept;
        double *old_values = view->values;
        uint64_t *old_weights = view->weights;
        view->values = values;
        view->weights = weights;
        values = old_values;
        weights = old_weights;
    }
    for (uint32_t i = 0; i < n; i++) {
        total += view->weights[i];
        view->weights[i] = total;
    }
}

static uint64_t total_of(const weir_sorted_view *view)
{
    return view->weights[view->count - 1];
}

double weir_view_quantile(const weir_sorted_view *view, double rank)
{
    double natural = ceil(rank * (double)total_of(view));
    uint32_t from = 0, to = view->count - 1; /* the answer is in [from, to] */
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if ((double)view->weights[middle] >= natural) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return view->values[from];
}

double weir_view_rank(const weir_sorted_view *view, double value)
{
    uint32_t from = 0,
             to = view->count; /* items before `from` are <= value, from `to` on greater */
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (view->values[middle] <= value) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from == 0 ? 0 : (double)view->weights[from - 1] / (double)total_of(view);
}
