/* tests/unit/compute/expr_helper.h - expressions over a small table in every vector form, printed
 * as text. */
#ifndef EXPR_HELPER_H
#define EXPR_HELPER_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "compute/expr.h"
#include "compute/fn.h"

/* A table of rows in which every column is there as values; `form` of a column is chosen when it is
 * read. */
typedef struct test_column {
    const char *name;
    weir_type type;
    weir_value *values;    /* per row; multi: ARRAY values or null */
    const weir_dict *dict; /* made when first asked for */
} test_column;
typedef struct test_table {
    weir_arena *arena;
    uint32_t rows, column_count;
    test_column columns[16];
} test_table;

/* Columns, 8 rows: l (long), d (double), s (string), n (numbers as text), f (float), m
 * (multi-value), al, ad, as (arrays), t (time). */
test_table *test_table_new(void);
void test_table_free(test_table *table);
test_column *test_table_add(test_table *table, const char *name, weir_type type); /* all null */

typedef enum test_form { TEST_FLAT, TEST_DICT } test_form;
/* Rows `rows[0..n)` of a column as a vector. DICT only for strings. */
weir_vec test_column_vec(test_table *table, test_column *column, const uint32_t *rows, uint32_t n,
                         test_form form, weir_scratch *s, weir_arena *arena);
/* A sorted dictionary in memory; values need not be sorted or distinct. */
const weir_dict *test_dict(weir_arena *arena, const weir_str *values, uint32_t count);

/* A value as text: null, 12, 1.5, 'text', [1,null], 'complex bytes' */
void test_value_print(const weir_value *value, weir_buf *out);
/* The expression on all rows, FLAT: "1, null, 3"; "!message" when it fails. The caller frees. */
char *test_eval(test_table *table, const char *expression);
/* The same through given forms, with or without a cache, in one block or row by row. */
char *test_eval_as(test_table *table, const char *expression, test_form form, bool cache,
                   bool by_row);

typedef struct expr_case {
    const char *expression,
        *expected; /* without columns: of row 0. "!x": fails with a message that contains x */
} expr_case;
void check_cases(const expr_case *cases, size_t count);
#define CHECK_CASES(array) check_cases((array), sizeof(array) / sizeof((array)[0]))
#endif
