/* query/run_agg_feed.h - between the files that put rows into groups: run_agg_block.c,
 * run_agg_cells.c, run_agg_lists.c, run_agg_meta.c. */
#ifndef QUERY_RUN_AGG_FEED_H
#define QUERY_RUN_AGG_FEED_H
#include "query/run_agg_own.h"

enum { WEIR_FEW_CELLS = 48 }; /* up to so many, rows are listed by cell */

typedef struct weir_feed { /* rows of a block and where their columns come from */
    weir_agg_run *agg;
    weir_agg_lane *own;
    weir_lane *lane;
    weir_port_get *get;
    void *self;
    uint32_t n;
    weir_sel sel;              /* of the n rows */
    weir_vec *vecs;            /* the port's wants */
    const weir_sel **filtered; /* per filter: its rows within sel; NULL: not asked yet */
} weir_feed;

/* run_agg_cells.c: a lane comes to another segment: what its codes mean, and whether its groups are
 * numbered cells. */
bool weir_agg_enter_segment(weir_agg_run *agg, weir_agg_lane *own, weir_cursor *cursor);

/* run_agg_lists.c: rows that hold lists in a key. bucket_codes: NULL when there are no buckets. */
bool weir_feed_has_lists(const weir_feed *f);
bool weir_feed_add_lists(weir_feed *f, const uint64_t *bucket_codes);

/* Evaluates the filters of aggregators before scratch is rewound between parts of the feed's rows, so
 * that what they read and gave stays. */
bool weir_feed_filters(weir_feed *f);
/* run_agg_block.c: n rows of many groups, with their codes; rows[i] is the feed's row of the i-th.
 * After weir_feed_filters. */
bool weir_feed_add(weir_feed *f, uint32_t n, const uint16_t *rows, uint64_t **codes,
                   uint64_t **nulls);
/* The state of the one group of a time bucket. */
bool weir_feed_bucket(weir_feed *f, uint64_t code, uint8_t **state);

/* run_agg_meta.c: all rows of a chunk are of one group; *whole: every aggregator could do without
 * reading them. */
bool weir_agg_add_metadata(weir_agg_run *agg, weir_cursor *cursor, uint64_t code, bool *whole);
#endif
