/* compute/sketch_theta_set.c - theta sketches as sets: estimates, bounds, union, intersection,
 * difference. Views are ordered, so that all of it is merging of lists. */
#include "compute/sketch_bounds.h"
#include "compute/sketch_theta.h"

#define ALL 9223372036854775807.0 /* 2^63 as a double */

double weir_theta_view_estimate(const weir_theta_view *view)
{
    return view->count * (ALL / (double)view->theta);
}

double weir_theta_lower(const weir_theta_view *view, uint32_t std_devs)
{
    return view->theta == WEIR_THETA_ALL || view->empty
               ? view->count
               : weir_binomial_lower(view->count, (double)view->theta / ALL, std_devs);
}

double weir_theta_upper(const weir_theta_view *view, uint32_t std_devs)
{
    return view->theta == WEIR_THETA_ALL || view->empty
               ? view->count
               : weir_binomial_upper(view->count, (double)view->theta / ALL, std_devs);
}

static uint32_t below(const weir_theta_view *view, uint64_t theta)
{
    uint32_t from = 0, to = view->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        *(view->hashes[middle] < theta ? &from : &to) =
            view->hashes[middle] < theta ? middle + 1 : middle;
    }
    return from;
}

/* No hash and nothing lost is a sketch to which nothing was added. */
static weir_theta_view view_of(const uint64_t *hashes, uint32_t count, uint64_t theta)
{
    return (weir_theta_view){hashes, theta, count, count == 0 && theta == WEIR_THETA_ALL};
}

void weir_theta_union(const weir_theta_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                      weir_theta_view *out)
{
    uint64_t theta = WEIR_THETA_ALL;
    size_t total = 0;
    bool empty = true;
    for (uint32_t i = 0; i < n; i++) {
        if (!views[i].empty) {
            theta = views[i].theta < theta ? views[i].theta : theta;
            total += views[i].count;
            empty = false;
        }
    }
    if (empty) {
        *out = WEIR_THETA_NONE;
        return;
    }
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, total + 1);
    uint64_t *spare = WEIR_SCRATCH_ARRAY(s, uint64_t, total + 1);
    uint32_t count = 0, distinct = 0, k = 1u << lg_k;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t some = views[i].empty ? 0 : below(&views[i], theta);
        if (some > 0) {
            memcpy(hashes + count, views[i].hashes, some * sizeof(*hashes));
        }
        count += some;
    }
    weir_theta_sort(hashes, spare, count);
    for (uint32_t i = 0; i < count && distinct <= k; i++) {
        if (i == 0 || hashes[i] != hashes[i - 1]) {
            spare[distinct++] = hashes[i];
        }
    }
    if (distinct > k) {
        theta = spare[k];
        distinct = k;
    }
    *out = (weir_theta_view){spare, theta, distinct, false};
}

/* Hashes of a below theta that b has, or that it has not. */
static uint32_t pick(const weir_theta_view *a, const weir_theta_view *b, uint64_t theta, bool has,
                     uint64_t *out)
{
    uint32_t count = 0, at = 0;
    for (uint32_t i = 0; i < a->count && a->hashes[i] < theta; i++) {
        while (at < b->count && b->hashes[at] < a->hashes[i]) {
            at++;
        }
        bool found = at < b->count && b->hashes[at] == a->hashes[i];
        out[count] = a->hashes[i];
        count += found == has;
    }
    return count;
}

void weir_theta_intersect(const weir_theta_view *views, uint32_t n, weir_scratch *s,
                          weir_theta_view *out)
{
    weir_theta_view so_far = views[0];
    for (uint32_t i = 1; i < n && !so_far.empty; i++) {
        if (views[i].empty) {
            so_far = WEIR_THETA_NONE;
            break;
        }
        uint64_t theta = views[i].theta < so_far.theta ? views[i].theta : so_far.theta;
        uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, so_far.count + 1);
        uint32_t count = pick(&so_far, &views[i], theta, true, hashes);
        so_far = (weir_theta_view){hashes, theta, count, false};
    }
    *out = so_far.empty ? WEIR_THETA_NONE : view_of(so_far.hashes, so_far.count, so_far.theta);
}

void weir_theta_a_not_b(const weir_theta_view *a, const weir_theta_view *b, weir_scratch *s,
                        weir_theta_view *out)
{
    if (a->empty || b->empty) {
        *out = *a;
        return;
    }
    uint64_t theta = a->theta < b->theta ? a->theta : b->theta;
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, a->count + 1);
    *out = view_of(hashes, pick(a, b, theta, false, hashes), theta);
}

static void sort_few(uint64_t *hashes, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        uint64_t hash = hashes[i];
        uint32_t at = i;
        for (; at > 0 && hashes[at - 1] > hash; at--) {
            hashes[at] = hashes[at - 1];
        }
        hashes[at] = hash;
    }
}

/* Byte by byte from the lowest; a byte that is the same in all is passed over. */
void weir_theta_sort(uint64_t *hashes, uint64_t *spare, uint32_t n)
{
    if (n <= 48) {
        sort_few(hashes, n);
        return;
    }
    uint64_t *from = hashes, *to = spare;
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        uint32_t starts[257] = {0};
        for (uint32_t i = 0; i < n; i++) {
            starts[(from[i] >> shift & 255) + 1]++;
        }
        if (starts[(from[0] >> shift & 255) + 1] == n) {
            continue;
        }
        for (uint32_t b = 1; b < 256; b++) {
            starts[b] += starts[b - 1];
        }
        for (uint32_t i = 0; i < n; i++) {
            to[starts[from[i] >> shift & 255]++] = from[i];
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != hashes) {
        memcpy(hashes, from, n * sizeof(*hashes));
    }
}

/* The highest bits first, 11 at a time: counts say in which span of values the rank is. A few
 * passes at most, whoever chose the hashes. */
uint64_t weir_theta_nth(const uint64_t *hashes, size_t n, uint32_t nth)
{
    uint64_t known = 0, mask = 0; /* the bits of the answer that are known */
    for (uint32_t shift = 64; shift > 0;) {
        uint32_t step = shift < 11 ? shift : 11, counts[2048] = {0}, digit = 0;
        shift -= step;
        for (size_t i = 0; i < n; i++) {
            if (hashes[i] && (hashes[i] & mask) == known) {
                counts[hashes[i] >> shift & ((1u << step) - 1)]++;
            }
        }
        while (nth >= counts[digit]) {
            nth -= counts[digit++];
        }
        known |= (uint64_t)digit << shift;
        mask |= (uint64_t)((1u << step) - 1) << shift;
        for (size_t i = 0; counts[digit] == 1 && i < n; i++) {
            if (hashes[i] && (hashes[i] & mask) == known) {
                return hashes[i];
            }
        }
    }
    return known;
}
