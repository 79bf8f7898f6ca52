/* query/paths.h - json_value and nested-field over a json column read the path's own column, with
 * its dictionary and index, where the source keeps one. */
#ifndef QUERY_PATHS_H
#define QUERY_PATHS_H
#include "query/port.h"

/* The same expression over columns of paths where that can be; else `expr` itself. Virtual columns
 * have been replaced by their expressions before. */
const weir_expr *weir_paths_read(weir_slots *names, const weir_expr *expr, weir_path_use use);
#endif
