/* query/table_rows.h - a table in memory: columns that grow by batches, then read as weir_rows (a subquery's result, inline rows) or
 * by row number (sorting). Strings become ids of a dictionary per column as they are written; no postings, no zone maps.
 * One writer; after weir_table_rows_end any number of readers. Memory is the budget's. */
#ifndef QUERY_TABLE_ROWS_H
#define QUERY_TABLE_ROWS_H
#include "query/intern.h"
#include "weir/rows.h"

typedef struct weir_table_rows weir_table_rows;

/* Column "__time", when there is one, is the rows' time; without it every row's time is 0. Types of unknown kind are strings. Names are borrowed. */
weir_table_rows *weir_table_rows_new(weir_budget *budget, uint32_t column_count, const weir_str *names,
                                     const weir_type *types);
void weir_table_rows_free(weir_table_rows *table);
/* n rows of any form; a vector of another kind than its column is cast. `s` is for the cast and may be rewound afterwards. */
bool weir_table_rows_append(weir_table_rows *table, const weir_vec *columns, uint32_t n, weir_scratch *s,
                            weir_error *err);
uint32_t weir_table_rows_count(const weir_table_rows *table);
/* Rows of one column by number, in that order (n <= 4,096). */
void weir_table_rows_take(const weir_table_rows *table, uint32_t column, const uint32_t *rows, uint32_t n,
                          weir_scratch *s, weir_vec *out);
/* The same, where row WEIR_NO_ID is null. */
void weir_table_rows_take_outer(const weir_table_rows *table, uint32_t column, const uint32_t *rows, uint32_t n,
                                weir_scratch *s, weir_vec *out);
/* Keeps only these rows (ascending); what they no longer need of strings stays until the table goes. */
void weir_table_rows_keep(weir_table_rows *table, const uint32_t *rows, uint32_t n);
/* The whole column in place: FLAT, DICT or LIST over all rows. */
weir_vec weir_table_rows_column(const weir_table_rows *table, uint32_t column);
/* Writing has ended: as rows; they live as long as the table (unref does nothing). */
weir_rows *weir_table_rows_end(weir_table_rows *table, weir_str id);
#endif
