/* compute/text_number.c - text to numbers as Druid coerces it: Guava's tryParse for longs and
 * doubles, BigDecimal for exact longs. Blanks are never skipped. Short decimals take an exact path
 * of one multiplication or division; the rest goes to strtod. */
#include "compute/text.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#define EXACT_DIGITS 15 /* a mantissa this long and 10^22 are exact doubles: one rounding */
static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

typedef struct decimal {
    uint64_t mantissa; /* the first digits */
    uint32_t digits;   /* without leading zeros */
    int32_t exponent;  /* of ten; clamped far beyond any double */
    const char *end;   /* after the exponent */
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* [eE][+-]?digits; false: there is none here, `at` stays. */
static bool take_exponent(const char **at, const char *end, int32_t *out)
{
    const char *p = *at;
    if (p == end) {
        return false;
    }
    p++;
    bool negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    if (p == end || !is_digit(*p)) {
        return false;
    }
    int32_t value = 0;
    for (; p < end && is_digit(*p); p++) {
        value = value < 100000000 ? value * 10 + (*p - '0') : value;
    }
    *out = negative ? -value : value;
    *at = p;
    return true;
}

static bool scan_decimal(const char *p, const char *end, decimal *out)
{
    decimal d = {0};
    bool any = false, point = false;
    for (; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        any = true;
        if (d.digits > 0 || *p != '0') {
            d.mantissa = d.digits < 19 ? d.mantissa * 10 + (uint64_t)(*p - '0') : d.mantissa;
            d.digits++;
        }
        d.exponent -= point;
    }
    if (!any) {
        return false;
    }
    int32_t exponent = 0;
    if (p < end && (*p == 'e' || *p == 'E') && !take_exponent(&p, end, &exponent)) {
        return false;
    }
    d.exponent += exponent;
    d.end = p;
    *out = d;
    return true;
}

/* hex digits with a point, then a binary exponent, which Java demands. */
static bool is_hex(const char *p, const char *end, const char **after)
{
    bool any = false, point = false;
    if (end - p < 3 || p[0] != '0' || (p[1] != 'x' && p[1] != 'X')) {
        return false;
    }
    for (p += 2; p < end && (isxdigit((unsigned char)*p) || (*p == '.' && !point)); p++) {
        any = any || *p != '.';
        point = point || *p == '.';
    }
    int32_t exponent;
    if (!any || p == end || (*p != 'p' && *p != 'P') || !take_exponent(&p, end, &exponent)) {
        return false;
    }
    *after = p;
    return true;
}

/* strtod of bytes that the grammar above has checked. */
static double read_checked(const char *at, size_t size)
{
    char few[128];
    char *text = size < sizeof(few) ? few : weir_alloc(size + 1);
    memcpy(text, at, size);
    text[size] = 0;
    double value = strtod(text, NULL);
    if (text != few) {
        free(text);
    }
    return value;
}

static bool ends(const char *p, const char *end)
{
    return p == end || (end - p == 1 && strchr("fFdD", *p) && *p);
}

bool weir_text_to_double(weir_str text, double *out)
{
    if (text.size == 0) {
        return false;
    }
    const char *p = text.at, *end = p + text.size;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    weir_str rest = {p, (size_t)(end - p)};
    decimal d;
    const char *after;
    double value;
    if (scan_decimal(p, end, &d) && ends(d.end, end)) {
        if (d.digits <= EXACT_DIGITS && d.exponent >= -22 && d.exponent <= 22) {
            value = d.exponent < 0 ? (double)d.mantissa / tens[-d.exponent]
                                   : (double)d.mantissa * tens[d.exponent];
        } else {
            value = read_checked(p, (size_t)(d.end - p));
        }
    } else if (is_hex(p, end, &after) && ends(after, end)) {
        value = read_checked(p, (size_t)(after - p));
    } else if (weir_str_is(rest, "NaN")) {
        value = (double)NAN;
    } else if (weir_str_is(rest, "Infinity")) {
        value = (double)INFINITY;
    } else {
        return false;
    }
    *out = negative ? -value : value;
    return true;
}

bool weir_text_to_long(weir_str text, int64_t *out)
{
    double value;
    if (weir_str_to_long(text, out)) {
        return true;
    }
    if (!weir_text_to_double(text, &value)) {
        return false;
    }
    *out = weir_double_to_long(value);
    return true;
}

bool weir_text_to_long_exact(weir_str text, int64_t *out)
{
    if (weir_str_to_long(text, out)) {
        return true;
    }
    if (text.size == 0) {
        return false;
    }
    const char *p = text.at, *end = p + text.size;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    decimal d;
    if (!scan_decimal(p, end, &d) || d.end != end) {
        return false;
    }
    if (d.digits == 0) {
        *out = 0;
        return true;
    }
    if (d.digits > 19) { /* may still be whole: zeros behind the point */
        const char *point = memchr(p, '.', (size_t)(end - p));
        const char *last = end;
        while (point && last > point && (last[-1] == '0' || last[-1] == '.')) {
            last--;
        }
        bool cut =
            last < end && !memchr(p, 'e', (size_t)(end - p)) && !memchr(p, 'E', (size_t)(end - p));
        weir_str shorter = {text.at, (size_t)(last - text.at)};
        return cut && weir_text_to_long_exact(shorter, out);
    }
    while (d.exponent < 0 && d.mantissa % 10 == 0) {
        d.mantissa /= 10;
        d.exponent++;
    }
    if (d.exponent < 0 || d.exponent > 18) {
        return false;
    }
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    for (; d.exponent > 0; d.exponent--) {
        if (d.mantissa > limit / 10) {
            return false;
        }
        d.mantissa *= 10;
    }
    if (d.mantissa > limit) {
        return false;
    }
    *out = negative ? (int64_t)(0 - d.mantissa) : (int64_t)d.mantissa;
    return true;
}
