/* query/run_sort.h - one SORT node at work: rows are kept in a table in memory, no more of them than the limit can need. One lane at a time. */
#ifndef QUERY_RUN_SORT_H
#define QUERY_RUN_SORT_H
#include "query/run_agg.h"

typedef struct weir_sort_run weir_sort_run;
/* Keys and limits are read from `node` (borrowed), columns are the child's. */
weir_sort_run *weir_sort_run_new(const weir_stage *stage, const weir_node_sort *node, uint32_t column_count, const weir_str *names, const weir_type *types);
bool weir_sort_run_put(weir_sort_run *sort, weir_lane *lane, const weir_vec *columns, uint32_t n);
/* The column that ranks rows first, WEIR_NO_ID: none or not yet of use. Rows whose value there cannot win any more need not be put: */
uint32_t weir_sort_run_lead(const weir_sort_run *sort);
/* which of n values can (all: n is returned and `rows` not set). False: failed. */
bool weir_sort_run_can_win(const weir_sort_run *sort, weir_lane *lane, const weir_vec *lead, uint32_t n, uint16_t *rows, uint32_t *count);
/* All rows were put. */
bool weir_sort_run_finish(weir_sort_run *sort, weir_lane *lane);
/* Next rows in order, offset and limit applied; columns in the lane's scratch; n 0: no more. */
bool weir_sort_run_next(weir_sort_run *sort, weir_lane *lane, weir_batch *out);
void weir_sort_run_done(weir_sort_run *sort);
#endif
