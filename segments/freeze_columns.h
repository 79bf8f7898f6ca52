/* segments/freeze_columns.h - a part being written, shared by freeze.c (plain columns) and
 * freeze_auto.c (auto and json columns). */
#ifndef SEGMENTS_FREEZE_COLUMNS_H
#define SEGMENTS_FREEZE_COLUMNS_H
#include "segments/freeze.h"
#include "segments/live_auto.h"

typedef struct weir_freezing {
    const weir_realtime *rt;
    const weir_part_rows *part;
    weir_scratch s;
    uint32_t rows;   /* final */
    uint32_t *place; /* source index -> final row */
    weir_segment_writer *writer;
} weir_freezing;

/* An auto column, its paths too. `declared`: also when there is no value. */
bool weir_freeze_auto(weir_freezing *f, const weir_live_column *col, bool declared,
                      weir_error *err);
/* One plain column (a part of an auto column, say) under the name `name`; arrays too. */
bool weir_freeze_plain(weir_freezing *f, const weir_live_column *col, weir_str name, bool declared,
                       weir_error *err);
/* Lists of source rows in the order of final rows; `out->elem` says what they hold (STRING: ids).
 * Whether some row is not null. */
bool weir_freeze_order_lists(weir_freezing *f, const weir_part_lists *lists, weir_arrays *out);
#endif
