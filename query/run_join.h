/* query/run_join.h - one JOIN node at work: the right side in a table with its rows in order of their keys, the left side's batches probed against it by all lanes,
 * and (RIGHT, FULL) the right's rows that met no left one. */
#ifndef QUERY_RUN_JOIN_H
#define QUERY_RUN_JOIN_H
#include "query/run_ops.h"

typedef struct weir_join_run weir_join_run;
/* Binds pairs and outputs to the columns of both sides. Frees nothing on failure: weir_join_run_done does. */
weir_join_run *weir_join_run_new(const weir_stage *stage, const weir_node_join *node, uint32_t left_count, const weir_str *left_names,
                                 const weir_type *left_types, uint32_t right_count, const weir_str *right_names, const weir_type *right_types, weir_error *err);
uint32_t weir_join_run_outputs(const weir_join_run *join, const weir_str **names, const weir_type **types);
/* The right's rows are all there: they are dealt by key. One lane; looks at ctl. Takes the table, which holds the right's columns in their order. */
bool weir_join_run_build(weir_join_run *join, weir_lane *lane, weir_table_rows *table, uint32_t lane_count);
/* Any lane. open: expand->in is the batch; its key is looked up for every row. next: n 0: no more. */
bool weir_join_run_open(weir_join_run *join, weir_lane *lane, weir_expand *expand);
bool weir_join_run_next(weir_join_run *join, weir_lane *lane, weir_expand *expand, weir_batch *out);
/* After all lanes have ended: the next right rows that met none. n 0: no more. One lane at a time. */
bool weir_join_run_rest(weir_join_run *join, weir_lane *lane, weir_batch *out);
void weir_join_run_done(weir_join_run *join);
#endif
