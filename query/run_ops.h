/* query/run_ops.h - what happens to batches between a source and a sink: FILTER, PROJECT, and SORT without keys (offset and limit). */
#ifndef QUERY_RUN_OPS_H
#define QUERY_RUN_OPS_H
#include "query/run_agg.h"

typedef struct weir_change {
    uint8_t kind; /* weir_node_kind: FILTER, PROJECT, SORT */
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
bool weir_batch_get(void *batch, uint32_t slot, weir_vec *out, weir_error *err);
#endif
