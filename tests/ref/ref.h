/* tests/ref/ref.h - the reference twin: a checked plan over rows that are arrays of weir_value, evaluated row by row with nested loops.
 * It shares the plan, the meaning of functions (programs run on one FLAT row) and of aggregators (one row at a time, no merge) with the
 * engine, and no other line: selection, nulls, dictionaries, lists, strategies, merging and order are proved by comparing. */
#ifndef TESTS_REF_H
#define TESTS_REF_H
#include "query/plan.h"

typedef struct ref_rows {
    uint32_t column_count;
    weir_str *names;
    weir_type *types; /* multi: a row's value is null, a string, or an ARRAY value of strings */
    uint32_t row_count, row_capacity;
    weir_value **rows;
} ref_rows;
typedef struct ref_table { /* has a column "__time" */
    weir_str name;
    ref_rows rows;
    weir_granularity segment_granularity;
} ref_table;

void ref_add(weir_arena *arena, ref_rows *rows, weir_value *row);
bool ref_run(weir_arena *arena, const weir_node *root, const ref_table *tables, uint32_t table_count, ref_rows *out, weir_error *err);
/* Equal within 1e-9 of their size for doubles; a list of one equals its element. */
bool ref_same(const weir_value *a, const weir_value *b);
/* Nulls first, numbers, strings, lists by element. */
int ref_compare(const weir_value *a, const weir_value *b);
void ref_print(const weir_value *value, weir_buf *out);
#endif
