/* compute/order.h - Druid's string orderings and the natural order of typed values, one comparator table. */
#ifndef COMPUTE_ORDER_H
#define COMPUTE_ORDER_H
#include "compute/type.h"

typedef struct weir_ordering {
    const char *name; /* "lexicographic" "alphanumeric" "numeric" "strlen" "version" "natural" */
    int (*compare)(weir_str a, weir_str b); /* of two non-null values; nulls are first, ascending */
} weir_ordering;

const weir_ordering *weir_ordering_find(weir_str name); /* any case; NULL: unknown */
extern const weir_ordering weir_order_lexicographic, weir_order_alphanumeric, weir_order_numeric,
    weir_order_strlen, weir_order_version;
int weir_long_cmp(int64_t a, int64_t b);
int weir_double_cmp(double a, double b); /* Java's Double.compare: -0.0 < 0.0, NaN last */
/* Nulls first; numbers by value, strings by `ordering` (NULL: lexicographic), arrays by element. */
int weir_value_cmp(const weir_value *a, const weir_value *b, const weir_ordering *ordering);
#endif
