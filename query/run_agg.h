/* query/run_agg.h - one AGG node at work: bound to its source, filled by lanes, merged, read as batches. */
#ifndef QUERY_RUN_AGG_H
#define QUERY_RUN_AGG_H
#include "query/keys.h"

/* What all stages of a run share. */
typedef struct weir_stage {
    weir_arena *arena;
    pthread_mutex_t *lock; /* guards the arena once lanes run */
    weir_ctl *ctl;         /* NULL while only types are asked for */
    weir_budget *budget;
    const weir_run_options *options;
    weir_global_ids *globals; /* NULL: none */
    int64_t now_ms;
} weir_stage;

/* Where the time of batches comes from: the rows that they were made of. */
typedef struct weir_agg_times {
    const weir_node_rows *rows; /* whose intervals say which buckets there are */
    uint32_t scan_count;
    weir_scan **scans;
} weir_agg_times;

typedef struct weir_agg_run weir_agg_run;
/* Binds keys and arguments to the columns of a scan, or (scan NULL) of batches called `names`; `times` NULL: they have no time. Frees nothing on failure: weir_agg_run_done does. */
weir_agg_run *weir_agg_run_new(const weir_stage *stage, const weir_node *node, weir_slots *names, weir_scan *scan, const weir_agg_times *times,
                               weir_error *err);
uint32_t weir_agg_run_outputs(const weir_agg_run *agg, const weir_str **names, const weir_type **types);
/* After weir_scan_prepare: buckets, codes, a state per lane. */
bool weir_agg_run_prepare(weir_agg_run *agg, weir_lane *lane, uint32_t lane_count);
/* The cursor came to a chunk (true in *whole: it was answered from metadata, skip its blocks), then to a block. */
bool weir_agg_run_chunk(weir_agg_run *agg, weir_cursor *cursor, bool *whole);
bool weir_agg_run_block(weir_agg_run *agg, weir_cursor *cursor);
bool weir_agg_run_batch(weir_agg_run *agg, weir_lane *lane, weir_port_get *get, void *self, uint32_t n);
/* This lane adds nothing more. Then, when all have ended, one lane merges. */
bool weir_agg_run_lane_end(weir_agg_run *agg, weir_lane *lane);
bool weir_agg_run_merge(weir_agg_run *agg, weir_lane *lane);
/* Who takes the results keeps few of them: says which of n can count by the value of one output column. */
typedef struct weir_agg_hint {
    void *self;
    uint32_t (*column)(void *self); /* the output column that decides, WEIR_NO_ID: all are wanted */
    bool (*can_win)(void *self, weir_lane *lane, const weir_vec *values, uint32_t n, uint16_t *rows, uint32_t *count);
} weir_agg_hint;
/* Next batch of results, columns in the lane's scratch; n 0: no more. hint may be NULL. */
bool weir_agg_run_next(weir_agg_run *agg, weir_lane *lane, const weir_agg_hint *hint, weir_batch *out);
void weir_agg_run_done(weir_agg_run *agg);
#endif
