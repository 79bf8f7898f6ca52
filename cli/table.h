/* cli/table.h - a query's answer as rows and columns, and the ways to print it. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H
#include "weir/buf.h"

struct json_t;
typedef struct weir_grid weir_grid; /* cells are text; NULL cells are null */
/* Any native answer: timeseries, topN, groupBy, scan, search, timeBoundary, metadata. NULL: not a list of rows. Free with weir_grid_free. */
weir_grid *weir_grid_of(const struct json_t *answer);
void weir_grid_free(weir_grid *grid);
size_t weir_grid_rows(const weir_grid *grid);
void weir_grid_print_table(const weir_grid *grid, weir_buf *out);
void weir_grid_print_separated(const weir_grid *grid, char separator, weir_buf *out); /* ',' by RFC 4180; '\t' with \t \n \\ escaped */
#endif
