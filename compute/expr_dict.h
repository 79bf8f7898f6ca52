/* compute/expr_dict.h - results of an expression by dictionary id, kept by a worker for the
 * dictionaries that it meets. Not for others.
 *
 * A node that reads one string column and nothing else has one result per value: a table by id,
 * filled for the ids that a block's selected rows have and that were not met before, so what no
 * selected row has is never evaluated and cannot fail. */
#ifndef COMPUTE_EXPR_DICT_H
#define COMPUTE_EXPR_DICT_H
#include "compute/expr.h"

/* The expression on n <= 4,096 values (FLAT STRING): FLAT or CONST of n rows. */
typedef bool (*weir_dict_eval)(void *self, const weir_vec *values, uint32_t n, weir_vec *out);

/* Whether a table pays for rows of this dictionary: it is there, or the dictionary is small for the
 * rows asked for and there is room. */
bool weir_dict_is_worth_a_table(struct weir_expr_cache *cache, uint64_t program_uid,
                                uint32_t node_id, const weir_dict *dict, uint32_t row_count);
/* source is DICT. Numbers come out FLAT, strings as DICT of a derived dictionary. */
bool weir_dict_table_run(weir_run *run, uint64_t program_uid, uint32_t node_id, weir_type type,
                         const weir_vec *source, const weir_sel *sel, weir_dict_eval eval,
                         void *self, weir_vec *out);
#endif
