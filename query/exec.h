/* query/exec.h - what runs a plan, between the files of the runner: a lane (one worker's state of one run), a scan (a bound ROWS node),
 * its blocks, and predicates over them. Nothing outside run_*.c, scan.c, filter*.c and group*.c includes this. */
#ifndef QUERY_EXEC_H
#define QUERY_EXEC_H
#include "query/given.h"
#include "query/port.h"
#include "query/run.h"
#include "query/table_rows.h"

/* One worker's state of one run: never two threads at a time. */
typedef struct weir_lane {
    uint32_t index;
    weir_run run;         /* scratch, ctl, err (below), cache of derived dictionaries */
    weir_scratch scratch;
    weir_error err;
    bool waits; /* prepare said so in this turn, and keeps the wake */
    const weir_run_options *options;
    uint32_t block_rows;
    int64_t until_us;     /* end of this turn, monotonic */
} weir_lane;

/* Predicates (filter.c): a filter bound to the columns of a source. Shared by all lanes. */
typedef struct weir_pred weir_pred;
struct weir_scan;
struct weir_block;
/* NULL with err untouched when `filter` is NULL. `budget` is charged for verdict tables. */
weir_pred *weir_pred_new(weir_slots *names, const weir_filter *filter, weir_budget *budget, weir_error *err);
void weir_pred_done(weir_pred *pred); /* NULL is fine */
/* Rows of `in` (a chunk's) that the predicate selects; memory from the lane's scratch. */
bool weir_pred_chunk(weir_pred *pred, weir_lane *lane, const struct weir_block *chunk, const weir_sel *in, weir_sel *out);
/* Same over the n rows that `get` reads. */
bool weir_pred_rows(weir_pred *pred, weir_lane *lane, weir_port_get *get, void *self, uint32_t n, const weir_sel *in, weir_sel *out);
bool weir_pred_uses(const weir_pred *pred, uint32_t slot);
/* Zones of numbers alone, which a footer has, say that no row of the chunk is selected. After weir_scan_prepare. */
bool weir_pred_excludes(const weir_pred *pred, const struct weir_scan *scan, uint32_t seg, uint32_t chunk);

/* A bound ROWS node. */
typedef struct weir_scan_seg {
    weir_rows *rows;
    weir_str problem;             /* why it cannot be read, or empty */
    uint64_t rev;                 /* with rows->uid, what caches know it by */
    const weir_column **columns;  /* by slot; NULL: not in this segment */
    uint32_t first, end;          /* chunks [first, end) that are in time, and those between */
    _Atomic bool prepared;        /* their bytes are readable */
} weir_scan_seg;
typedef struct weir_slice { /* chunks [chunk, chunk + count) of one segment: up to 65,536 rows */
    uint32_t seg, chunk, count, row_count;
} weir_slice;
typedef struct weir_scan {
    const weir_node_rows *node;
    weir_slots names; /* slots */
    weir_budget *budget;
    uint32_t child_count;          /* over a child: its columns */
    const weir_str *child_names;
    const weir_type *child_types;
    uint32_t seg_count, slice_count;
    weir_scan_seg *segs;
    weir_table_rows *own;          /* made of the given rows by weir_scan_load */
    weir_slice *slices;
    weir_pred *filter;
    uint32_t time_slot;
    bool by_chunk;      /* few rows are wanted: bytes are prepared chunk by chunk, and none ahead */
    bool *scaled_ok;    /* by slot: the reader of blocks takes SCALED vectors; set after prepare */
    uint64_t row_count; /* in the slices */
    int64_t min_time, max_time; /* of the slices' chunks, clipped to the intervals; min > max: no rows */
} weir_scan;
/* Types come from the newest segment that has the column. `rows` are borrowed. */
void weir_scan_init(weir_scan *scan, weir_arena *arena, pthread_mutex_t *lock, const weir_node_rows *node, int64_t now_ms, weir_budget *budget,
                    weir_rows *const *rows, const weir_str *problems, uint32_t count);
/* Over a child's result, which comes later: its columns are known. */
void weir_scan_init_child(weir_scan *scan, weir_arena *arena, pthread_mutex_t *lock, const weir_node_rows *node, int64_t now_ms, weir_budget *budget,
                          uint32_t column_count, const weir_str *names, const weir_type *types);
/* Binds the node's filter; after init. */
bool weir_scan_filter(weir_scan *scan, weir_error *err);
/* Given rows become a table; a node that reads something else needs nothing. After it `own` is the holder's to free. */
bool weir_scan_load(weir_scan *scan, weir_lane *lane);
/* Whether its rows are there: all but a child's that did not run yet. */
bool weir_scan_is_ready(const weir_scan *scan);
/* After everything that asks for slots was bound: finds columns, cuts chunks away by time, deals slices. More than once is fine. */
void weir_scan_prepare(weir_scan *scan);
void weir_scan_done(weir_scan *scan);

/* Rows [from, from + span) of a chunk, all of them or those of a list, and their vectors as they are asked for. */
typedef struct weir_block {
    weir_scan *scan;
    weir_lane *lane;
    uint32_t seg, chunk;
    weir_chunk_info info;
    uint32_t from, span;
    const uint16_t *rows; /* of the chunk; NULL: the whole span */
    uint32_t n;           /* rows of the vectors: span, or the list's length */
    bool scaled_ok;       /* the reader takes SCALED vectors */
    weir_vec *vecs;       /* by slot */
    uint8_t *have;
} weir_block;
void weir_block_init(weir_block *block, weir_scan *scan, weir_lane *lane, uint32_t seg, uint32_t chunk, const weir_chunk_info *info);
void weir_block_set(weir_block *block, uint32_t from, uint32_t span, const uint16_t *rows, uint32_t n); /* forgets the vectors */
bool weir_block_get(void *block, uint32_t slot, weir_vec *out, weir_error *err);
static inline const weir_column *weir_block_column(const weir_block *block, uint32_t slot)
{
    return block->scan->segs[block->seg].columns[slot];
}

/* A lane's way through slices: chunk by chunk (selection made), block by block. */
typedef struct weir_cursor {
    weir_scan *scan;
    weir_lane *lane;
    weir_slice slice;
    uint32_t chunk_at;     /* chunks of the slice done */
    bool in_chunk;
    weir_block block;      /* current chunk and block */
    weir_sel chunk_sel;    /* rows of the chunk that count */
    weir_sel sel;          /* of the block, relative to block.from */
    uint32_t next_row;     /* of the chunk */
    weir_mark slice_mark, block_mark;
} weir_cursor;
typedef enum weir_cursor_state { WEIR_CURSOR_END, WEIR_CURSOR_CHUNK, WEIR_CURSOR_BLOCK, WEIR_CURSOR_WAIT, WEIR_CURSOR_FAILED } weir_cursor_state;
void weir_cursor_init(weir_cursor *cursor, weir_scan *scan, weir_lane *lane);
void weir_cursor_slice(weir_cursor *cursor, const weir_slice *slice);
/* CHUNK: a chunk with selected rows begins (no block yet). BLOCK: its next rows. END: the slice is done. */
weir_cursor_state weir_cursor_next(weir_cursor *cursor, weir_wake wake);
void weir_cursor_skip_chunk(weir_cursor *cursor); /* no more blocks of this chunk */
/* How the block's vectors come: only selected rows (n = sel.count), or the whole span (n = span). */
void weir_cursor_compact(weir_cursor *cursor);
void weir_cursor_spread(weir_cursor *cursor);
#endif
