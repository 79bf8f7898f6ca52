/* segments/live.h - what a live segment is made of. One writer (the ingest thread) and any number
 * of readers; docs/PROTOCOL.md, section 8.
 *
 *   weir_realtime   columns (with their dictionaries) and a list of chunks, the last of which grows
 *   growing chunk   per column *cells*: 16 blocks of 4,096 rows, made when a value needs them, that
 * never move sealed chunk    per column encoded values and postings; a new object that replaced a
 * growing one
 *
 * Order of writing: dictionary values, dictionary count (release), cells, cells.filled (release),
 * row count (release). A reader loads the row count first (acquire) and never uses anything newer.
 * Chunks are refcounted: a snapshot keeps what it saw. */
#ifndef SEGMENTS_LIVE_H
#define SEGMENTS_LIVE_H
#include <pthread.h>
#include "segments/live_dict.h"
#include "weir/realtime.h"

#define WEIR_LIVE_BLOCKS (WEIR_CHUNK_ROWS / WEIR_BLOCK_ROWS)
#define WEIR_LIVE_COLUMNS_MAX 10000u
#define WEIR_LIVE_VALUE_MAX (1u << 20) /* bytes */

/* A column of the segment, for as long as the segment lives; read-only but for its dictionary. */
typedef struct weir_live_column {
    weir_str name;
    weir_type type; /* STRING and ARRAY<STRING> are kept as ids, COMPLEX as bytes */
    uint32_t
        index; /* in the segment: dimensions and metrics in order of arrival, declared ones first */
    bool metric, indexed;
    uint8_t multi;        /* weir_multi */
    weir_live_dict *dict; /* STRING, ARRAY<STRING> */
    _Atomic bool lists;   /* some row is or was a list; of an auto column: is or was nested */
    uint64_t batch;       /* writer: the last append that had it */
    struct weir_live_auto
        *automatic; /* an auto or json column: the text of nested values (live_auto.h) */
    const struct weir_live_leaf
        *leaf;    /* a part of an auto column: values of one kind at one path */
    uint8_t part; /* weir_live_part */
} weir_live_column;

/* A cell is an id or the place of a list, and 0 is null. */
static inline bool weir_live_is_ids(weir_type type)
{
    return type.kind == WEIR_STRING || type.kind == WEIR_ARRAY;
}
static inline bool weir_live_has_dict(weir_type type)
{
    return type.kind == WEIR_STRING || (type.kind == WEIR_ARRAY && type.elem == WEIR_STRING);
}
/* ARRAY<LONG>, ARRAY<DOUBLE>. */
static inline bool weir_live_has_numbers(weir_type type)
{
    return type.kind == WEIR_ARRAY && type.elem != WEIR_STRING;
}

/* Bytes of one cell: a long, a double, a float, an id, or a weir_str. */
static inline size_t weir_live_cell_size(weir_type type)
{
    return weir_live_is_ids(type) || type.kind == WEIR_FLOAT ? 4
           : type.kind == WEIR_COMPLEX                       ? sizeof(weir_str)
                                                             : 8;
}

/* A string's cell is its id, or this bit and the place of a list: lists[place >> 14][place & 16383]
 * is the count, ids follow. Arrays of numbers are always lists: behind the count the values, two
 * u32 each, then a bit per element that is null (live_array.c). */
#define WEIR_LIVE_LIST 0x80000000u
#define WEIR_LIVE_LIST_PAGE_BITS 14u
#define WEIR_LIVE_LIST_PAGE                                                                        \
    (1u << WEIR_LIVE_LIST_PAGE_BITS) /* u32 a page; a longer list has several pages in a row */
#define WEIR_LIVE_LISTS_FULL                                                                       \
    (1u << 28) /* u32 of lists in a column after which the chunk is sealed early */

/* One column's rows in the growing chunk. */
typedef struct weir_live_cells {
    _Atomic uint32_t filled; /* rows below it are written; rows from it on are null */
    _Atomic bool multi;      /* STRING: some cell is a list */
    _Atomic(void *) values[WEIR_LIVE_BLOCKS];   /* NULL: the block's rows are null */
    _Atomic(uint8_t *) nulls[WEIR_LIVE_BLOCKS]; /* a byte a row (bits would share words with visible
                                                   rows); NULL: none is null. Not for STRING */
    _Atomic(uint32_t **) lists; /* a full table is replaced by a larger one, the old one stays */
    uint32_t list_at, list_pages, list_capacity; /* writer: next u32, pages, room in the table */
} weir_live_cells;
typedef _Atomic(weir_live_cells *) weir_live_cells_slot; /* NULL: no value yet in this chunk */

typedef struct weir_live_sealed weir_live_sealed; /* live_seal.h */

typedef struct weir_live_span { /* times of rows: inclusive */
    int64_t min, max, first, last;
    bool sorted; /* ascending */
} weir_live_span;

typedef struct weir_live_chunk {
    _Atomic uint32_t refs;
    weir_live_sealed *sealed;   /* NULL: growing, and all of the following counts */
    _Atomic uint32_t row_count; /* published last, by release */
    weir_scratch mem;           /* blocks, cells, lists; writer only */
    _Atomic(int64_t *) times[WEIR_LIVE_BLOCKS];
    _Atomic(uint8_t *) sources[WEIR_LIVE_BLOCKS];
    weir_live_span spans[WEIR_LIVE_BLOCKS]; /* of full blocks: written before the row count that
                                               fills the block */
    weir_live_cells_slot
        *cells; /* by column index; replaced by a longer one under the segment's lock */
    uint32_t cell_count;
    int64_t *weights; /* events per row (live_join.c); NULL: one each */
} weir_live_chunk;

struct weir_realtime {
    _Atomic uint32_t refs;
    weir_budget budget; /* of this segment; its parent is the caller's */
    weir_schema *schema;
    weir_arena *arena; /* columns, bound aggregators; writer only */
    weir_scratch mem;  /* dictionaries; writer only */
    weir_scratch work; /* the writer's, rewound after each call */
    uint64_t uid;
    weir_live_dict names; /* id - 1 is the column's index */
    bool ended;
    uint32_t declared_count;   /* columns that the schema names; they come first */
    uint32_t hidden_count;     /* writer: parts of auto columns among the columns */
    weir_live_dict no_values;  /* of auto columns that were null so far */
    weir_live_dict leaf_names; /* id - 1 is a leaf's index (live_auto.h) */
    uint32_t leaf_count;       /* writer */
    uint64_t batch;            /* writer: number of this append */
    uint32_t *hints;           /* writer: column of the i-th name of the last batch */
    uint32_t hint_count;
    struct weir_rollup *rollup; /* NULL: no roll-up; writer, and after the end whoever freezes */
    pthread_mutex_t lock;       /* guards the following, and chunk.cells of the growing chunk */
    weir_live_column **columns;
    uint32_t column_count, column_capacity;
    weir_live_chunk **chunks;
    uint32_t chunk_count, chunk_capacity;
    uint64_t sealed_rows;
    _Atomic uint64_t events; /* relaxed, like the next two */
    _Atomic int64_t min_time, max_time;
};

/* live_put.c: one column of a batch made ready, then put into cells. Writer only. */
typedef struct weir_live_ready {
    weir_live_column *col;
    const void *values;         /* n cells; STRING: ids, of all items when offsets is set */
    const uint64_t *nulls;      /* NULL: none. Not for STRING without offsets */
    const uint32_t *offsets;    /* STRING, ARRAY: lists of rows */
    const uint64_t *item_nulls; /* ARRAY of numbers; NULL: none */
} weir_live_ready;
typedef struct weir_live_batch { /* columns made ready; one of the input may make many */
    weir_live_ready *columns;    /* memory from the segment's `work` */
    uint32_t column_count, column_capacity;
    const int64_t *times;
} weir_live_batch;
void weir_live_batch_add(weir_live_batch *batch, const weir_live_ready *ready, weir_scratch *s);
/* Casts, orders multi-values, interns. *any false: every row is null. Memory from `s`. */
bool weir_live_make_ready(weir_live_column *col, const weir_vec *vec, weir_scratch *s,
                          weir_live_ready *out, bool *any, weir_error *err);
uint64_t weir_live_list_room(const weir_live_ready *ready,
                             uint32_t n); /* u32 that its lists take */
void weir_live_put(weir_live_cells *cells, weir_scratch *mem, const weir_live_ready *ready,
                   uint32_t at, uint32_t n);
/* Rows [filled, to) become null for good. */
void weir_live_fill(weir_live_cells *cells, weir_scratch *mem, const weir_live_column *col,
                    uint32_t to);
weir_live_cells *weir_live_cells_new(weir_scratch *mem);
/* Room for a list of `count` u32 and its count before them; returns its place. */
uint32_t weir_live_take_list(weir_live_cells *cells, weir_scratch *mem, uint32_t count,
                             uint32_t **out);

/* live_array.c: arrays of numbers. */
/* u32 behind the count of a list of `count` elements. */
static inline uint32_t weir_live_numbers_size(uint32_t count)
{
    return 2 * count + (count + 31) / 32;
}
void weir_live_put_numbers(weir_live_cells *cells, weir_scratch *mem, const weir_live_ready *ready,
                           uint32_t *out, uint32_t from, uint32_t n);
/* Cells `at` as a LIST of FLAT longs or doubles. */
void weir_live_numbers_read(const weir_live_cells *cells, weir_type type, const uint32_t *at,
                            uint32_t n, weir_scratch *s, weir_vec *out);

/* live_read.c: rows [from, from + n) or `rows` of cells as a vector; `lists`: give a LIST whatever
 * the rows hold. Any thread. */
void weir_live_read(const weir_live_column *col, const weir_live_cells *cells,
                    const weir_dict *dict, bool lists, uint32_t from, uint32_t n, weir_scratch *s,
                    weir_vec *out);
void weir_live_gather(const weir_live_column *col, const weir_live_cells *cells,
                      const weir_dict *dict, bool lists, const uint16_t *rows, uint32_t n,
                      weir_scratch *s, weir_vec *out);
void weir_live_read_times(const weir_live_chunk *chunk, uint32_t from, uint32_t n, weir_scratch *s,
                          weir_vec *out);
const uint32_t *weir_live_list(const weir_live_cells *cells, uint32_t cell, uint32_t *count);

/* realtime.c */
#define WEIR_LIVE_NO_COLUMN UINT32_MAX
weir_realtime *weir_realtime_ref(weir_realtime *rt);
weir_live_span weir_live_chunk_span(const weir_live_chunk *chunk,
                                    uint32_t row_count); /* row_count >= 1 */
weir_live_chunk *weir_live_chunk_new(weir_realtime *rt); /* growing, without rows */
/* The cells of a column in a growing chunk, made if it has none yet. Writer only. */
weir_live_cells *weir_live_cells_of(weir_live_chunk *chunk, uint32_t index);
weir_live_chunk *weir_live_chunk_ref(weir_live_chunk *chunk);
void weir_live_chunk_unref(weir_live_chunk *chunk);
#endif
