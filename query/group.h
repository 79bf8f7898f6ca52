/* query/group.h - where aggregated states live: a hash table of packed keys, or an array of cells. States of all aggregators of a group lie
 * side by side in one struct of `stride` bytes. Keys are 1..8 words of 64 bits; what they mean is run_agg.c's business. One owner. */
#ifndef QUERY_GROUP_H
#define QUERY_GROUP_H
#include "compute/agg.h"
#include "query/area.h"

enum { WEIR_KEY_WORDS_MAX = 8 };

/* The aggregators of an AGG node, bound; shared, read-only. */
typedef struct weir_aggs {
    uint32_t count, stride;
    weir_agg_bound *bound;
    uint32_t *offset; /* of each state in a group's struct */
    uint8_t *init;    /* a group's struct with nothing added, `stride` bytes */
} weir_aggs;
/* Lays the states out; bound and count are set. */
void weir_aggs_lay_out(weir_aggs *aggs, weir_arena *arena);
void weir_aggs_init(const weir_aggs *aggs, void *states, size_t n);
void weir_aggs_merge(const weir_aggs *aggs, weir_heap *heap, void *into, const weir_heap *from_heap, const void *from);
/* n states next to each other into n others. */
void weir_aggs_merge_many(const weir_aggs *aggs, weir_heap *heap, void *into, const weir_heap *from_heap, const void *from, uint32_t n);

typedef struct weir_groups {
    const weir_aggs *aggs;
    weir_budget *budget;
    uint32_t words;
    uint32_t count;      /* groups, in order of arrival */
    uint32_t slot_count; /* a power of two */
    weir_area keys;      /* words u64 per group */
    weir_area states;    /* aggs->stride bytes per group */
    weir_area slots;     /* {key or hash, group + 1} */
} weir_groups;
void weir_groups_init(weir_groups *groups, const weir_aggs *aggs, uint32_t words, weir_budget *budget);
void weir_groups_done(weir_groups *groups);
/* The group of each of n <= 4,096 keys; new ones are made. */
bool weir_groups_find(weir_groups *groups, const uint64_t *keys, uint32_t n, uint32_t *out, weir_scratch *s, weir_error *err);
static inline uint8_t *weir_groups_state(const weir_groups *groups, uint32_t group)
{
    return (uint8_t *)groups->states.at + (size_t)group * groups->aggs->stride;
}
static inline const uint64_t *weir_groups_key(const weir_groups *groups, uint32_t group)
{
    return (const uint64_t *)groups->keys.at + (size_t)group * groups->words;
}

typedef struct weir_cells { /* an array of states by cell number, and which were touched */
    const weir_aggs *aggs;
    weir_budget *budget;
    uint32_t count;
    bool compact;     /* `states` holds 8 bytes per cell and aggregator instead (group_compact.c) */
    weir_area states;
    weir_area seen; /* a byte per cell */
} weir_cells;
void weir_cells_init(weir_cells *cells, const weir_aggs *aggs, weir_budget *budget);
void weir_cells_done(weir_cells *cells);
/* All cells as new. */
bool weir_cells_reset(weir_cells *cells, uint32_t count, weir_error *err);
/* Marks the cells of n rows (WEIR_NO_ID: none). */
void weir_cells_see(weir_cells *cells, const uint32_t *at, uint32_t n);
/* Touched cells from *from on, at most `capacity`; returns how many, *from moves past them. */
uint32_t weir_cells_list(const weir_cells *cells, uint32_t *from, uint32_t *out, uint32_t capacity);
/* Compact cells. Whether all aggregators can be: counts, sums, minima, maxima of numbers. */
bool weir_compact_can(const weir_aggs *aggs);
bool weir_compact_reset(weir_cells *cells, uint32_t count, weir_error *err);
/* Whether these arguments (one vector per aggregator, cast by weir_agg_args) have no nulls; otherwise expand first. */
bool weir_compact_takes(const weir_aggs *aggs, weir_vec *const *args);
void weir_compact_add(weir_cells *cells, const uint32_t *at, weir_vec *const *args, uint32_t n);
void weir_compact_merge(weir_cells *into, const weir_cells *from, uint32_t first, uint32_t end); /* cells [first, end) */
/* The result of aggregator `a` in n cells. */
void weir_compact_column(const weir_cells *cells, uint32_t a, const uint32_t *at, uint32_t n, weir_scratch *s, weir_vec *out);
/* Compact cells become states. */
bool weir_compact_expand(weir_cells *cells, weir_heap *heap, weir_scratch *s, weir_error *err);
static inline uint8_t *weir_cells_state(const weir_cells *cells, uint32_t cell)
{
    return (uint8_t *)cells->states.at + (size_t)cell * cells->aggs->stride;
}
#endif
