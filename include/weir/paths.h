/* include/weir/paths.h - paths of json columns (and of auto columns that hold json) as columns of their own.
 * Every path of a COMPLEX<json> column with scalars in some row is a hidden column of type LONG, DOUBLE or STRING with dictionary, index and zone
 * map like any other; a path with arrays of scalars in some row is another hidden column, ARRAY<LONG>, ARRAY<DOUBLE> or ARRAY<STRING>. Both may
 * exist. rows->ops->column finds them by the names made here; column_count and column_at leave them out.
 *
 * - Booleans are LONG 1 and 0. Longs and doubles at one path make a DOUBLE column, strings and numbers a STRING column (numbers as Java prints
 *   them); arrays by their elements in the same way. A live segment's column may be wider later, and has dict NULL (vectors FLAT) while it is mixed.
 * - Null, objects, arrays with objects or arrays in them, and a path that is not there are null in both columns. Array elements have paths of
 *   their own ($.a[0].b) only where the array is not one of scalars: $.tags[0] is element 0 of the array column $.tags, or else the column $.tags[0].
 * - No such column: null in all rows, unless the *rest column* is there. That is a LONG column with the number of scalars and arrays in the row that
 *   are at paths without a column (a json column has at most WEIR_PATHS_MAX of them); then paths without columns must be read from the json text. */
#ifndef WEIR_PATHS_H
#define WEIR_PATHS_H
#include "weir/rows.h"

#define WEIR_PATHS_MAX 1000u /* of a column in a segment */

/* `path` as weir_json_path_print writes it: "$.a.b[0]"; "$" is the value itself. Memory from `arena`. */
weir_str weir_path_column_name(weir_arena *arena, weir_str column, weir_str path, bool array);
weir_str weir_path_rest_name(weir_arena *arena, weir_str column);
/* Of the name of "$": the column. A column that is not json in this segment is its own "$": for weir_rows only. */
bool weir_path_is_root(weir_str name, weir_str *column, bool *array);
/* A name made by the first two. */
bool weir_path_is_hidden(weir_str name);
bool weir_path_is_of(weir_str name, weir_str column); /* made for this column */
#endif
