/* query/filter.h - filters as trees of and / or / leaf, and how a leaf judges values. A filter type is one weir_leaf_type in one table
 * (filter_types.c); selections of a chunk are made from it by filter.c. Three-valued: a leaf gives TRUE, FALSE or UNKNOWN per value;
 * `not` was pushed down to the leaves, which deliver their true rows or their false rows. */
#ifndef QUERY_FILTER_H
#define QUERY_FILTER_H
#include "compute/expr.h"
#include "weir/rows.h"

typedef enum weir_verdict { WEIR_V_FALSE, WEIR_V_TRUE, WEIR_V_UNKNOWN } weir_verdict;

typedef struct weir_leaf weir_leaf;
typedef struct weir_id_span { uint32_t from, to; } weir_id_span; /* ids [from, to) */

typedef struct weir_leaf_type {
    const char *type; /* "selector", "bound", ... */
    /* The verdict of a non-null value, by the column's kind. A leaf that has no long or double form gets the value as Druid's string of it. */
    weir_verdict (*string)(const weir_leaf *leaf, weir_str value);
    weir_verdict (*lng)(const weir_leaf *leaf, int64_t value);   /* may be NULL */
    weir_verdict (*dbl)(const weir_leaf *leaf, double value);    /* may be NULL */
    weir_verdict (*flt)(const weir_leaf *leaf, float value);     /* of FLOAT columns (0.1 is not 0.1f); may be NULL: as string */
    /* Optional: spans of ids of a *sorted* dictionary whose verdict is TRUE (all other non-null ids are FALSE). Returns the count, or UINT32_MAX when not known or
     * more than `capacity`. */
    uint32_t (*spans)(const weir_leaf *leaf, const weir_dict *dict, weir_id_span *out, uint32_t capacity);
    /* Optional: TRUE rows are exactly the non-null longs in [lo, hi] (empty: lo > hi). False: not one range. */
    bool (*long_range)(const weir_leaf *leaf, int64_t *lo, int64_t *hi);
    /* The same for doubles and, with widened bounds, for floats, in the order of Double.compare: -0.0 < 0.0, NaN above infinity. No lower bound: -infinity,
     * closed; no upper bound: NaN, closed (so NaN rows match). */
    bool (*double_range)(const weir_leaf *leaf, double *lo, bool *lo_open, double *hi, bool *hi_open);
    bool (*float_range)(const weir_leaf *leaf, double *lo, bool *lo_open, double *hi, bool *hi_open);
    /* Optional: of a row of an ARRAY column that is not null, items [from, to) of FLAT `items`. Without it the row cannot be judged: the query fails as in Druid. */
    weir_verdict (*array)(const weir_leaf *leaf, const weir_vec *items, uint32_t from, uint32_t to);
    /* Optional, instead of `array`: an array matches when an element does, and is UNKNOWN only when it is null; null elements match when this says so. */
    bool (*null_element)(const weir_leaf *leaf);
    bool any_value; /* every value that is not null gets the same verdict, whatever its type: null, any */
    /* Canonical parameters, for fingerprints. */
    void (*print)(const weir_leaf *leaf, weir_buf *out);
} weir_leaf_type;

struct weir_leaf {
    const weir_leaf_type *type;
    weir_str column;            /* name of a column or virtual column of the ROWS node; empty when `expr` is set */
    const weir_expr *expr;      /* else the value judged is this expression's (extraction function, expression filter) */
    weir_verdict null_verdict;  /* of a null (also of a column that is not there): TRUE for "is null", UNKNOWN otherwise (FALSE where the filter says so) */
    weir_verdict null_number;   /* of a null in a LONG, FLOAT or DOUBLE column: differs for `bound` (recorded: upper bound alone matches null strings, not null numbers) */
    const void *params;         /* the type's own, prepared: sets sorted, regex compiled (thread-safe to match) */
};

typedef enum weir_filter_kind { WEIR_FILTER_AND, WEIR_FILTER_OR, WEIR_FILTER_NOT, WEIR_FILTER_LEAF, WEIR_FILTER_TRUE, WEIR_FILTER_FALSE,
    WEIR_FILTER_ISTRUE, /* two-valued: the rows of the child, and all others are false */
    WEIR_FILTER_REST,   /* after push-down: the rows that are not the child's */
} weir_filter_kind;
typedef struct weir_filter weir_filter;
struct weir_filter {
    uint8_t kind;
    bool negated;               /* LEAF after push-down: its FALSE rows are meant */
    uint32_t child_count;
    weir_filter *const *children;
    weir_leaf leaf;
};
/* The same filter without NOT nodes, AND/OR flattened, constants folded. NULL in, NULL out. */
weir_filter *weir_filter_normal(weir_arena *arena, const weir_filter *filter);
void weir_filter_columns(const weir_filter *filter, void (*see)(void *self, weir_str name), void *self);
void weir_filter_print(const weir_filter *filter, weir_buf *out);
/* Makes leaves from C (tests, rewrite, "__time" intervals): the column equals / lies between. NULL bound: open. */
weir_filter *weir_filter_equals(weir_arena *arena, weir_str column, const weir_value *value);
weir_filter *weir_filter_range(weir_arena *arena, weir_str column, const weir_value *lower, bool lower_strict, const weir_value *upper, bool upper_strict);
#endif
