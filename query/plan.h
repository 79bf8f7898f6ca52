/* query/plan.h - what a query does: a tree of nodes over batches. Front ends (native_*.c, sql) lower to it, run_*.c runs it, write_*.c print from it.
 * Read-only after weir_plan_check: every name is resolved to a number, so a plan can be run by many threads, printed and cached.
 * WINDOW has its place in the enum and comes later. */
#ifndef QUERY_PLAN_H
#define QUERY_PLAN_H
#include "compute/agg.h"
#include "compute/calendar.h"
#include "compute/order.h"
#include "query/filter.h"
#include "weir/catalog.h"

typedef enum weir_node_kind {
    WEIR_NODE_ROWS, WEIR_NODE_FILTER, WEIR_NODE_PROJECT, WEIR_NODE_AGG, WEIR_NODE_SORT, WEIR_NODE_UNION,
    WEIR_NODE_JOIN, WEIR_NODE_UNNEST, WEIR_NODE_WINDOW,
} weir_node_kind;

typedef struct weir_node weir_node;

typedef struct weir_virtual { /* one shadows a real column of its name */
    weir_str name;
    const weir_expr *expr;
    weir_type type; /* asked for; UNKNOWN: as inferred */
} weir_virtual;

typedef enum weir_row_order { WEIR_ORDER_NONE, WEIR_ORDER_TIME_ASC, WEIR_ORDER_TIME_DESC } weir_row_order;
typedef struct weir_node_rows {
    uint32_t table_count;          /* tables are concatenated (union data source) */
    const weir_str *tables;
    weir_node *child;              /* a subquery instead of tables; or what streams (JOIN, UNNEST, UNION, ROWS): its leftmost ROWS cuts the time, and
                                    * the intervals here only say which buckets there are */
    int64_t max_child_rows, max_child_bytes; /* of a subquery's result; 0: any. A run that comes to more fails */
    const struct weir_given *given; /* or inline rows, or a lookup's entries (query/given.h) */
    uint32_t interval_count;
    const weir_interval *intervals; /* merged, ascending; time outside is cut away. Over a child: of its "__time". They also say which buckets are filled and what
                                     * the timestamp of `all` is, so __time conditions of the filter stay in the filter (chunks are pruned by long_range) */
    weir_filter *filter;           /* normal form, or NULL */
    uint32_t virtual_count;
    const weir_virtual *virtuals;
    uint32_t column_count;
    const weir_str *columns;       /* outputs, by name: real or virtual; a column that no segment has is null (type UNKNOWN). "__time" is LONG. What only the filter
                                    * or filters of aggregators read is not among them; no columns: only rows are counted */
    uint8_t order;                 /* weir_row_order */
} weir_node_rows;

typedef struct weir_node_filter {
    weir_node *child;
    const weir_expr *predicate;    /* over the child's output names; true rows stay */
    weir_filter *filter;           /* or a filter tree over them (having) */
} weir_node_filter;

typedef struct weir_node_project {
    weir_node *child;
    uint32_t count;
    const weir_str *names;
    const weir_expr *const *exprs; /* over the child's output names; a plain column passes through */
} weir_node_project;

typedef struct weir_key {
    weir_str name;
    const weir_expr *expr;         /* over the child's outputs; most often a column */
    weir_type type;                /* output type; UNKNOWN: of the expression. A STRING asked of a long column groups by its text */
    weir_filter *list_filter;      /* listFiltered, regexFiltered, prefixFiltered: which elements of a row count (column name is the key's) */
} weir_key;
typedef struct weir_agg_use {
    weir_agg_spec spec;            /* args over the child's outputs */
    weir_filter *filter;           /* "filtered", over the ROWS node's columns and virtuals; normal form; NULL: none */
    weir_str raw_name;             /* a second output of this name, not finalized (a post-aggregator or an outer query reads the state); at NULL: none */
} weir_agg_use;
typedef enum weir_agg_shape { WEIR_SHAPE_TIMESERIES, WEIR_SHAPE_TOPN, WEIR_SHAPE_GROUPBY } weir_agg_shape;
typedef struct weir_node_agg {
    weir_node *child;              /* ROWS in all but nested queries */
    weir_granularity bucket;       /* ALL: one bucket */
    bool fill, descending;         /* timeseries: empty buckets (ENGINE.md section 8), newest first */
    uint32_t key_count, agg_count;
    const weir_key *keys;
    const weir_agg_use *aggs;
    uint32_t set_count;            /* grouping sets: bit k of a mask = key k is present; 0: one set of all keys */
    const uint64_t *sets;
    bool empty_row;                /* one row of empty states where nothing matched */
    bool skip_empty_lists;         /* topN: a row whose list is empty is in no group; else it counts as null */
    uint8_t shape;                 /* weir_agg_shape: what EXPLAIN and "all"'s timestamp rule call it */
} weir_node_agg;
/* Outputs of AGG: column 0 "__bucket" LONG (start ms; for ALL: the timestamp rule of the shape), then keys, then aggs (finalized),
 * then those aggs that have a raw_name (not finalized), then "__set" LONG (index of the grouping set) when set_count > 0. */

typedef struct weir_sort_key {
    uint32_t column;               /* of the child's outputs */
    bool descending, nulls_last;   /* nulls_last is absolute: direction does not turn it */
    const weir_ordering *ordering; /* strings; NULL: lexicographic. Numbers sort by value whatever it says */
} weir_sort_key;
typedef struct weir_node_sort {
    weir_node *child;
    uint32_t key_count;
    const weir_sort_key *keys;     /* none: arrival order, stops early */
    int64_t limit, offset;         /* limit -1: none */
    bool per_bucket;               /* limit counts within each value of column 0 */
} weir_node_sort;

typedef struct weir_node_union {
    uint32_t child_count;
    weir_node *const *children;    /* same output columns */
} weir_node_union;

typedef enum weir_join_kind { WEIR_JOIN_INNER, WEIR_JOIN_LEFT, WEIR_JOIN_RIGHT, WEIR_JOIN_FULL } weir_join_kind;
typedef struct weir_join_pair {    /* left expression = right column; the left is cast to the column's type */
    const weir_expr *left;         /* over the left's outputs */
    weir_str right;                /* among the right's outputs */
    bool nulls;                    /* null equals null; else null equals nothing */
} weir_join_pair;
typedef struct weir_node_join {    /* rows of the left with every equal row of the right; RIGHT and FULL: then the right's rows that were equal to none */
    weir_node *left, *right;
    uint8_t kind;                  /* weir_join_kind */
    bool never;                    /* no row equals any; else, without pairs, every row equals every row */
    uint32_t pair_count;
    const weir_join_pair *pairs;
    weir_str prefix;               /* of the right's columns among the outputs; a left column that begins so is hidden */
    uint32_t column_count;
    const weir_str *columns;       /* outputs; set by rewrite from what is read above */
} weir_node_join;

typedef struct weir_node_unnest {  /* a row per element of a list; rows whose list is null or empty go, unless keep_empty */
    weir_node *child;
    weir_virtual list;             /* over the child's outputs; its name is the element's column and hides the child's */
    bool keep_empty;               /* the list is a table's own column: if it is of text, its null and empty rows are one null (as Druid has it) */
    weir_filter *filter;           /* over the child's outputs and the element; normal form, or NULL */
    uint32_t column_count;
    const weir_str *columns;       /* outputs, as in JOIN */
} weir_node_unnest;

struct weir_node {
    uint8_t kind;
    uint32_t output_count;         /* set by weir_plan_check */
    const weir_str *output_names;
    const weir_type *output_types; /* UNKNOWN where it depends on the segments (a ROWS column); resolved when the plan is bound */
    union {
        weir_node_rows rows;
        weir_node_filter filter;
        weir_node_project project;
        weir_node_agg agg;
        weir_node_sort sort;
        weir_node_union merge;
        weir_node_join join;
        weir_node_unnest unnest;
    } as;
};

/* Building a tree: outputs of a node are known once it is resolved, children first. */
weir_node *weir_node_new(weir_arena *arena, weir_node_kind kind);
void weir_node_resolve(weir_arena *arena, weir_node *node);
uint32_t weir_node_agg_outputs(const weir_node_agg *agg); /* how many */
bool weir_node_find(const weir_node *node, weir_str name, uint32_t *column); /* among the outputs */
/* Whether rows over this child take its batches as they come (else the child's result becomes a table first). */
bool weir_node_streams(const weir_node *child);
/* Whether a name is one of the right's columns; *stripped is then its name there. */
bool weir_join_is_right(const weir_node_join *join, weir_str name, weir_str *stripped);
void weir_node_print(const weir_node *node, weir_buf *out, uint32_t indent);

typedef struct weir_plan {
    weir_arena *arena; /* owner */
    weir_node *root;
} weir_plan;
/* Resolves names, types what can be typed, asserts the shape. Errors name the thing ("no column 'x' to order by"). */
bool weir_plan_check(weir_plan *plan, weir_error *err);
/* Canonical bytes of ROWS and AGG after rewrite: key of caches, checked in partials. */
uint64_t weir_plan_fingerprint(const weir_node *leaf);
void weir_plan_print(const weir_plan *plan, weir_buf *out); /* a line per node, indented */
/* query/rewrite.c: fold constants, `__time` conjuncts into intervals, unused columns out, ... in place before weir_plan_check. */
bool weir_plan_rewrite(weir_plan *plan, weir_error *err);
#endif
