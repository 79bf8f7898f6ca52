/* query/run_ops.h - what happens to batches between a source and a sink: FILTER, PROJECT, SORT without keys (offset and limit), ROWS over what streams (filter and
 * columns), UNION (columns of another type are cast); JOIN and UNNEST, which make several batches of one. */
#ifndef QUERY_RUN_OPS_H
#define QUERY_RUN_OPS_H
#include "query/run_agg.h"

/* An input batch on its way to several outputs, which come when they are asked for: a fan-out of millions fills no memory and can be left at the end of a turn. */
typedef struct weir_expand {
    weir_batch in;
    uint32_t row;   /* next input row */
    uint32_t at;    /* which of its outputs is next */
    void *own;      /* what opening it found out; lane's scratch */
    weir_mark mark; /* the caller's: outputs are above it */
} weir_expand;

typedef struct weir_change {
    uint8_t kind; /* weir_node_kind */
    struct weir_join_run *join;
    struct weir_unnest_run *unnest;
    weir_slots names; /* of the input */
    weir_pred *pred;
    weir_port *port;  /* predicate, or projected columns */
    const weir_node_sort *limit;
    int64_t passed;   /* limit: rows seen so far (of the bucket at hand) */
    int64_t bucket;
    bool some, full;  /* full: no later row can pass */
    uint32_t output_count;
    const weir_str *output_names;
    weir_type *output_types;
} weir_change;
bool weir_change_init(weir_change *op, const weir_stage *stage, const weir_node *node, uint32_t count, const weir_str *names, const weir_type *types, weir_error *err);
void weir_change_done(weir_change *op);
/* `batch` becomes what the operation leaves of it (n may be 0); memory from the lane's scratch. */
bool weir_change_run(weir_change *op, weir_lane *lane, weir_batch *batch);
/* JOIN and UNNEST instead: open once per batch (expand->in is set), then next until n is 0. Any lane. */
bool weir_change_expands(const weir_change *op);
bool weir_change_open(weir_change *op, weir_lane *lane, weir_expand *expand);
bool weir_change_next(weir_change *op, weir_lane *lane, weir_expand *expand, weir_batch *out);
/* Only the filter of rows over what streams, with their virtual columns; there is one. */
bool weir_change_init_select(weir_change *op, const weir_stage *stage, const weir_node_rows *rows, uint32_t count, const weir_str *names,
                             const weir_type *types, weir_error *err);
/* Batches of a flow whose columns may have other types than those it goes on with. */
void weir_change_init_cast(weir_change *op, const weir_stage *stage, uint32_t count, const weir_str *names, const weir_type *types);
bool weir_batch_get(void *batch, uint32_t slot, weir_vec *out, weir_error *err);
#endif
