/* compute/agg_expression.h - what the two files of the aggregator "expression" share: what was
 * planned, and accumulators as states. */
#ifndef COMPUTE_AGG_EXPRESSION_H
#define COMPUTE_AGG_EXPRESSION_H
#include "compute/agg.h"

/* parameters */
enum {
    WEIR_EXPRAGG_FIELDS,
    WEIR_EXPRAGG_ACC,
    WEIR_EXPRAGG_INITIAL,
    WEIR_EXPRAGG_INITIAL_COMBINE,
    WEIR_EXPRAGG_FOLD,
    WEIR_EXPRAGG_COMBINE,
    WEIR_EXPRAGG_COMPARE,
    WEIR_EXPRAGG_FINALIZE,
    WEIR_EXPRAGG_NULL_UNLESS,
    WEIR_EXPRAGG_TAKE_NULLS,
    WEIR_EXPRAGG_COMBINE_NULLS,
    WEIR_EXPRAGG_MAX_BYTES,
    WEIR_EXPRAGG_PARAMS
};

typedef struct weir_expr_agg {
    weir_type type; /* of the accumulator */
    weir_value initial;
    const weir_program *fold, *combine, *finalize; /* finalize NULL: none */
    uint32_t exploded; /* the argument whose elements are rows of their own; WEIR_NO_ID: none */
} weir_expr_agg;

enum { WEIR_EXPRAGG_SEEN = 1, WEIR_EXPRAGG_IS_NULL = 2, WEIR_EXPRAGG_FAILED = 4 };
typedef struct weir_expr_state {
    union {
        int64_t l;
        double d;
        uint64_t handle; /* text, bytes, an array; or why it failed */
    } at;
    uint32_t size, flags; /* bytes behind the handle */
} weir_expr_state;

static inline const weir_expr_agg *weir_expr_agg_of(const weir_agg_bound *b)
{
    return b->prepared;
}
/* Row i of a result, FLAT or LIST of the accumulator's type; a state that failed stays so. */
void weir_expr_state_set(weir_heap *h, const weir_agg_bound *b, weir_expr_state *s,
                         const weir_vec *vec, uint32_t i);
void weir_expr_state_fail(weir_heap *h, const weir_agg_bound *b, weir_expr_state *s,
                          const char *why);
/* Into another heap. */
void weir_expr_state_copy(const weir_agg_bound *b, weir_heap *h, weir_expr_state *into,
                          const weir_heap *from_heap, const weir_expr_state *from);
typedef struct weir_expr_states { /* states to a vector of n rows */
    const weir_agg_bound *b;
    const weir_heap *h;
    weir_scratch *s;
    uint32_t n;
} weir_expr_states;
/* Those that saw nothing are the initial value; or null when `final` and the aggregator says so. */
void weir_expr_states_vec(const weir_expr_states *g, const weir_expr_state *const *states,
                          bool final, weir_vec *out);
size_t weir_expr_state_save(const weir_agg_bound *b, const weir_heap *h, const void *at,
                            uint8_t *out);
bool weir_expr_state_load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *at,
                          weir_error *err);
#endif
