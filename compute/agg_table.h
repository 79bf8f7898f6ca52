/* compute/agg_table.h - the aggregators, an entry a line; each lives in the file of its name. */
#ifndef COMPUTE_AGG_TABLE_H
#define COMPUTE_AGG_TABLE_H
#include "compute/agg.h"

extern const weir_agg weir_agg_count;
extern const weir_agg weir_agg_long_sum, weir_agg_double_sum, weir_agg_float_sum;
extern const weir_agg weir_agg_long_min, weir_agg_long_max, weir_agg_double_min, weir_agg_double_max, weir_agg_float_min,
    weir_agg_float_max;
extern const weir_agg weir_agg_long_first, weir_agg_long_last, weir_agg_double_first, weir_agg_double_last, weir_agg_float_first,
    weir_agg_float_last, weir_agg_string_first, weir_agg_string_last, weir_agg_string_first_fold,
    weir_agg_string_last_fold;
extern const weir_agg weir_agg_long_any, weir_agg_double_any, weir_agg_float_any, weir_agg_string_any;
extern const weir_agg weir_agg_double_mean, weir_agg_cardinality, weir_agg_hyper_unique;
extern const weir_agg weir_agg_theta_sketch, weir_agg_tuple_sketch;
extern const weir_agg weir_agg_hll_sketch_build, weir_agg_hll_sketch_merge;
extern const weir_agg weir_agg_expression;

extern const weir_agg weir_agg_quantiles, weir_agg_quantiles_merge, weir_agg_kll_doubles, weir_agg_kll_doubles_merge,
    weir_agg_kll_floats, weir_agg_kll_floats_merge;
extern const weir_agg weir_agg_variance, weir_agg_variance_fold;

/* Pairs of time and value (agg_first.c) as {"lhs": time, "rhs": value}. */
void weir_pair_print_long(weir_json *json, weir_str bytes);
void weir_pair_print_double(weir_json *json, weir_str bytes);
void weir_pair_print_string(weir_json *json, weir_str bytes);

/* What most aggregators over one number share. The parameters: "fieldName" (or "expression"). */
extern const weir_param weir_number_params[1];
/* A state of sums, minima and maxima. Zero rows: not seen, null. */
typedef struct weir_number_state {
    union {
        int64_t l;
        double d;
    } value;
    uint64_t seen; /* 0 or 1 */
} weir_number_state;
void weir_number_init(const weir_agg_bound *b, void *state); /* all zero */
size_t weir_number_save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out);
bool weir_number_load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state, weir_error *err);
/* By b->out_type: LONG, DOUBLE or FLOAT. */
void weir_number_finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride, uint32_t n, bool finalize,
                        weir_scratch *s, weir_vec *out);
/* One argument of the output's kind; a state as above. */
bool weir_number_plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err);
/* The row form of sums, minima and maxima is the number itself. */
bool weir_number_row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err);
/* Sum and number of the selected rows that are not null; `vec` DOUBLE (SCALED too) or FLOAT. */
uint32_t weir_agg_sum_doubles(const weir_vec *vec, const weir_sel *sel, weir_scratch *s, double *sum);
/* Lists of numbers as rows of their own, through add_many: `groups` as there, or NULL: the rows of `sel` go to the one state. */
void weir_agg_add_lists(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride, const uint32_t *groups, const weir_sel *sel,
                        const weir_vec *lists, weir_scratch *s);
/* Row i of a STRING vector of any form, which is not null; a list as Java prints it: "[a, b]". The bytes live in `s` or in the vector. */
weir_str weir_agg_text_at(const weir_vec *vec, uint32_t i, weir_scratch *s);
weir_str weir_agg_cut(weir_str text, size_t most_bytes); /* at a whole character */
/* The rows of a block that count: selected and not null. */
typedef struct weir_pick {
    uint32_t count;
    const uint16_t *rows; /* a list; else */
    const uint64_t *bits; /* bits; neither: all of them, or none */
} weir_pick;
/* A list up to a quarter of the block, bits above, where masking beats jumping (0.1 ns a row of the block against 0.3 to 0.9). */
weir_pick weir_agg_pick(const weir_vec *vec, const weir_sel *sel, weir_scratch *s);
#endif
