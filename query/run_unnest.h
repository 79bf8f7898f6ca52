/* query/run_unnest.h - one UNNEST node at work: each row of a batch becomes a row per element of its list. Shared by all lanes. */
#ifndef QUERY_RUN_UNNEST_H
#define QUERY_RUN_UNNEST_H
#include "query/run_ops.h"

typedef struct weir_unnest_run weir_unnest_run;
/* Binds the list, the filter and the outputs to the child's columns. Frees nothing on failure: weir_unnest_run_done does. */
weir_unnest_run *weir_unnest_run_new(const weir_stage *stage, const weir_node_unnest *node, uint32_t count, const weir_str *names,
                                     const weir_type *types, weir_error *err);
uint32_t weir_unnest_run_outputs(const weir_unnest_run *unnest, const weir_str **names, const weir_type **types);
/* As in run_join.h. */
bool weir_unnest_run_open(weir_unnest_run *unnest, weir_lane *lane, weir_expand *expand);
bool weir_unnest_run_next(weir_unnest_run *unnest, weir_lane *lane, weir_expand *expand, weir_batch *out);
void weir_unnest_run_done(weir_unnest_run *unnest); /* NULL is fine */
#endif
