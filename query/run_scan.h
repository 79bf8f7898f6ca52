/* query/run_scan.h - rows of a scan as batches, in no order or in time order. One lane at a time. */
#ifndef QUERY_RUN_SCAN_H
#define QUERY_RUN_SCAN_H
#include "query/run_sort.h"

typedef struct weir_scan_run weir_scan_run;
/* Binds the ROWS node's columns. */
weir_scan_run *weir_scan_run_new(const weir_stage *stage, weir_scan *scan, weir_error *err);
uint32_t weir_scan_run_outputs(const weir_scan_run *run, const weir_str **names, const weir_type **types);
/* After weir_scan_prepare. rows_wanted: as many as a limit above can ask for; -1: all. */
bool weir_scan_run_prepare(weir_scan_run *run, weir_lane *lane, int64_t rows_wanted);
/* Next rows; columns in the lane's scratch, which the caller rewinds to no mark before the one it had at the first call. END: no more. */
weir_cursor_state weir_scan_run_next(weir_scan_run *run, weir_lane *lane, weir_wake wake, weir_batch *out);
/* Instead of prepare and next, for many lanes: the block that a lane's own cursor is at. Any lane. */
bool weir_scan_run_read(const weir_scan_run *run, weir_lane *lane, weir_cursor *cursor, weir_batch *out);
void weir_scan_run_done(weir_scan_run *run);
#endif
