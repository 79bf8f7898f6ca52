/* query/filter_types.h - makers of leaves: they check and prepare a leaf's parameters in the arena,
 * once, so that judging is read-only. Called by front ends (native_filter.c, native_having.c, sql)
 * and rewrite.c. The types stand one to a row in filter_types.c's table. */
#ifndef QUERY_FILTER_TYPES_H
#define QUERY_FILTER_TYPES_H
#include "compute/order.h"
#include "query/filter.h"

typedef struct weir_target { /* what a leaf judges: a column, or an expression when it is set */
    weir_str column;
    const weir_expr *expr;
} weir_target;

/* Nodes. Children are copied; no child: `and` is true, `or` is false. */
weir_filter *weir_filter_and(weir_arena *arena, weir_filter *const *children, uint32_t count);
weir_filter *weir_filter_or(weir_arena *arena, weir_filter *const *children, uint32_t count);
weir_filter *weir_filter_not(weir_arena *arena, weir_filter *child);
/* istrue: two-valued, what is unknown is false; isfalse is istrue of not. */
weir_filter *weir_filter_is_true(weir_arena *arena, weir_filter *child);
weir_filter *weir_filter_constant(weir_arena *arena, bool truth);

weir_filter *weir_filter_is_null(weir_arena *arena, weir_target target);
/* One value (selector, equals) or many (in, inType). A null among them matches nulls. Values are
 * compared as the column's kind: text that is no number matches no number; long 7 equals the text
 * "7", the double 7.0 the text "7.0". `type` is what the leaf calls itself: "equals" or "in". */
weir_filter *weir_filter_in(weir_arena *arena, weir_target target, const weir_value *values,
                            size_t count);

typedef struct weir_bounds {
    bool has_lower, has_upper, lower_strict, upper_strict;
    weir_str lower, upper;         /* as text */
    const weir_ordering *ordering; /* NULL: lexicographic. Numeric: numbers are compared as numbers;
                                      others compare numbers as text */
    bool nulls_below;              /* `bound`: without a lower end null strings match */
} weir_bounds;
weir_filter *weir_filter_bounds(weir_arena *arena, weir_target target, const weir_bounds *bounds);

/* Arrays (filter_types_array.c). The row's array is that of `value`, an ARRAY; a scalar is an array
 * of one. */
weir_filter *weir_filter_array_equals(weir_arena *arena, weir_target target,
                                      const weir_value *value);
/* Between two arrays, element by element, nulls and shorter ones first. A bound that is null is
 * none. Scalars match an array of one, or nothing. */
typedef struct weir_array_bounds {
    weir_value lower, upper;
    bool lower_strict, upper_strict;
} weir_array_bounds;
weir_filter *weir_filter_array_range(weir_arena *arena, weir_target target,
                                     const weir_array_bounds *bounds);
/* Some element equals the value, which may be null; a scalar equals it. An array of one counts as
 * its element. */
weir_filter *weir_filter_contains_element(weir_arena *arena, weir_target target,
                                          const weir_value *value);

/* escape: one code point, or empty. */
weir_filter *weir_filter_like(weir_arena *arena, weir_target target, weir_str pattern,
                              weir_str escape);
/* Java's Matcher.find. False: the pattern does not compile, err names the place. */
bool weir_filter_regex(weir_arena *arena, weir_target target, weir_str pattern, weir_filter **out,
                       weir_error *err);
/* A value matches when it holds all of `parts`. */
weir_filter *weir_filter_contains(weir_arena *arena, weir_target target, const weir_str *parts,
                                  size_t count, bool case_sensitive);
/* Every value, not null. */
weir_filter *weir_filter_any(weir_arena *arena, weir_target target);
/* The expression's value is true as Druid sees it: a number above 0, the text "true" in any
 * case, a list with such an element. */
weir_filter *weir_filter_truth(weir_arena *arena, const weir_expr *expr);

/* For the makers themselves. */
weir_filter *weir_filter_leaf(weir_arena *arena, const weir_leaf_type *type, weir_target target,
                              const void *params);
extern const weir_leaf_type weir_leaf_equals, weir_leaf_in, weir_leaf_null, weir_leaf_bound_text,
    weir_leaf_bound_number, weir_leaf_like, weir_leaf_regex, weir_leaf_contains, weir_leaf_any,
    weir_leaf_truth, weir_leaf_array_equals, weir_leaf_array_range, weir_leaf_element;
const weir_leaf_type *const *weir_leaf_types(size_t *count);

/* A value as each kind of column sees it; what it has no exact form of is never met. */
typedef struct weir_value_forms {
    weir_str text;
    bool has_long, has_double;
    int64_t lng;
    double dbl;
    float flt;
} weir_value_forms;
weir_value_forms weir_value_forms_of(weir_arena *arena, const weir_value *value);

/* The whole number next to a decimal text. */
typedef enum weir_decimal {
    WEIR_DECIMAL_BAD,
    WEIR_DECIMAL_BELOW,
    WEIR_DECIMAL_ABOVE,
    WEIR_DECIMAL_EXACT,
    WEIR_DECIMAL_FLOOR
} weir_decimal;
/* BAD: no number; BELOW, ABOVE: outside of int64; EXACT: *out is it; FLOOR: *out is the largest
 * whole number below. */
weir_decimal weir_decimal_to_long(weir_str text, int64_t *out);
#endif
