/* compute/sketch_bounds.c - the unknown number N, given that n of its things were kept, has the
 * distribution of the trials until the n-th success. Its tail is summed where N is small; where
 * theta is small N * theta has a gamma distribution, whose tail says how many standard deviations
 * the normal approximation must be asked for; above 120 things that approximation is good. */
#include "compute/sketch_bounds.h"
#include <math.h>
#include <stdbool.h>

#define MANY 120u             /* things from which on the normal approximation is taken */
#define SUMMED 360.0          /* most things whose tail is summed */
#define NEARLY_ALL (1 - 1e-5) /* theta above which nothing is missing */

/* What is beyond 0, 1, 2, 3 standard deviations on one side. */
static const double tails[] = {0.5, 0.1586553191586026479, 0.0227502618904135701,
                               0.0013498126861731796};

/* Ends of the interval around `n` kept things that is `deviations` wide to either side. */
static double normal_end(double n, double theta, double deviations, bool upper)
{
    double at = (upper ? n + 0.5 : n - 0.5) / theta;
    double b = deviations * sqrt((1.0 - theta) / theta);
    double width = 0.5 * b * sqrt(b * b + 4.0 * at), center = at + 0.5 * (b * b);
    return upper ? center + width : center - width;
}

/* Share of a gamma distribution of shape n (whole) that is above x. */
static double gamma_above(uint32_t n, double x)
{
    double term = exp(-x), sum = term;
    for (uint32_t k = 1; k < n; k++) {
        term *= x / k;
        sum += term;
    }
    return sum;
}

/* Where `tail` of that distribution is below, or above. */
static double gamma_quantile(uint32_t n, double tail, bool upper)
{
    double low = 0, high = 4.0 * n + 40;
    double above = upper ? tail : 1.0 - tail;
    for (uint32_t i = 0; i < 80; i++) {
        double middle = (low + high) / 2;
        *(gamma_above(n, middle) > above ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

/* Deviations for which the interval above has the gamma distribution's tail, as theta goes to 0. */
static double deviations_of(uint32_t n, uint32_t std_devs, bool upper)
{
    double x = gamma_quantile(upper ? n + 1 : n, tails[std_devs], upper);
    double from = upper ? n + 0.5 : n - 0.5;
    return fabs(x - from) / sqrt(x);
}

/* The least number of trials until the n-th success whose share and that of all below are at least
 * `share` (more than it when `strict`). */
static double trials(uint32_t n, double theta, double share, bool strict)
{
    double term = pow(theta, n), sum = term, rest = 1.0 - theta;
    uint32_t m = n;
    while (strict ? sum <= share : sum < share) {
        term = term * rest * m / (m + 1 - n);
        sum += term;
        m++;
        if (term < sum * 1e-18 && m > 100000) {
            break; /* rounding keeps it below forever */
        }
    }
    return m;
}

static double raw_lower(uint64_t count, double theta, uint32_t std_devs)
{
    double n = (double)count;
    if (theta >= 1.0 || count == 0) {
        return n;
    }
    if (count == 1) {
        return floor(log(1.0 - tails[std_devs]) / log(1.0 - theta));
    }
    if (count > MANY) {
        return normal_end(n, theta, std_devs, false) - 0.5;
    }
    if (theta > NEARLY_ALL) {
        return n;
    }
    if (theta < n / SUMMED) {
        return normal_end(n, theta, deviations_of((uint32_t)count, std_devs, false), false) - 0.5;
    }
    return trials((uint32_t)count, theta, tails[std_devs], true) - 1;
}

static double raw_upper(uint64_t count, double theta, uint32_t std_devs)
{
    double n = (double)count;
    if (theta >= 1.0) {
        return n;
    }
    if (count == 0) {
        return ceil(log(tails[std_devs]) / log(1.0 - theta));
    }
    if (count > MANY) {
        return normal_end(n, theta, std_devs, true) + 0.5;
    }
    if (theta > NEARLY_ALL) {
        return n + 1;
    }
    if (theta < n / SUMMED) {
        return normal_end(n, theta, deviations_of((uint32_t)count, std_devs, true), true) + 0.5;
    }
    return trials((uint32_t)count + 1, theta, 1.0 - tails[std_devs], false);
}

double weir_binomial_lower(uint64_t count, double theta, uint32_t std_devs)
{
    double n = (double)count;
    return fmin(n / theta, fmax(n, raw_lower(count, theta, std_devs)));
}

double weir_binomial_upper(uint64_t count, double theta, uint32_t std_devs)
{
    return fmax((double)count / theta, raw_upper(count, theta, std_devs));
}
