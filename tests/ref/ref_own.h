/* tests/ref/ref_own.h - between ref.c and ref_sources.c. */
#ifndef TESTS_REF_OWN_H
#define TESTS_REF_OWN_H
#include "ref/ref.h"

typedef struct world {
    weir_arena *arena;
    const ref_table *tables;
    uint32_t table_count;
    weir_error *err;
} world;

bool ref_eval(world *w, const weir_node *node, ref_rows *out);
uint32_t ref_find(const ref_rows *rows, weir_str name); /* UINT32_MAX: no such column */
/* The value of an expression in a row; *type is what it is typed as. */
bool ref_value_of(world *w, const ref_rows *rows, const weir_value *row, const weir_expr *expr, weir_value *out, weir_type *type);
weir_value ref_cast(world *w, weir_value v, weir_kind to);
bool ref_passes(world *w, const ref_rows *rows, const weir_value *row, const weir_filter *filter, bool *out);
/* All rows and all columns of what a ROWS node reads, with __time as column 0 and virtual columns last. */
bool ref_source_rows(world *w, const weir_node_rows *node, ref_rows *out);
/* The same of a node that streams: every column that it could have, whoever reads it. */
bool ref_wide(world *w, const weir_node *node, ref_rows *out);
struct weir_given;
bool ref_given(world *w, const struct weir_given *given, ref_rows *out);
/* Whether the time of the node's rows is that of this table. */
bool ref_reads_table(const weir_node_rows *rows, weir_str table);
#endif
