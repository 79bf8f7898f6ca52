/* compute/agg_hll.h - what hyperUnique and cardinality share: a state is a weir_hll. */
#ifndef COMPUTE_AGG_HLL_H
#define COMPUTE_AGG_HLL_H
#include "compute/agg_codes.h"
#include "compute/agg_table.h"
#include "compute/hll.h"

/* State, types and the rest of plan; `round`: estimates are whole numbers. */
void weir_hll_plan(weir_agg_bound *b, bool round);
void weir_hll_init(const weir_agg_bound *b, void *state);
void weir_hll_state_merge(const weir_agg_bound *b, weir_heap *h, void *into,
                          const weir_heap *from_heap, const void *from);
void weir_hll_finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                     uint32_t n, bool finalize, weir_scratch *s, weir_vec *out);
size_t weir_hll_state_save(const weir_agg_bound *b, const weir_heap *h, const void *state,
                           uint8_t *out);
bool weir_hll_state_load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state,
                         weir_error *err);
/* A collector of each row's codes as bytes: row i has codes [offsets[i], offsets[i + 1]). */
void weir_hll_rows(const uint32_t *codes, const uint32_t *offsets, uint32_t n, weir_scratch *s,
                   weir_vec *out);
#endif
