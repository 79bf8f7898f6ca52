/* include/weir/rows.h - whatever yields rows: a live segment's snapshot, a frozen segment, a table in memory.
 * Queries reach segments through this header alone. Rows come in chunks of up to 65,536; a row's number in its chunk is a uint16_t.
 * Everything here is read-only and may be called by any thread while the holder of the rows (a view) keeps them. */
#ifndef WEIR_ROWS_H
#define WEIR_ROWS_H
#include "compute/vec.h"
#include "compute/text.h"

typedef struct weir_rows weir_rows;
typedef struct weir_column weir_column;

typedef struct weir_chunk_info {
    uint32_t row_count;           /* as of the snapshot; at most WEIR_CHUNK_ROWS */
    int64_t min_time, max_time;   /* inclusive, ms */
    bool time_sorted;             /* __time ascends within the chunk */
    bool sealed;                  /* encoded, with zone maps and postings; else scan */
    uint64_t events;              /* live rows: appended rows that these stand for: what a chunk holds changes only as this grows */
} weir_chunk_info;

typedef struct weir_zone {
    bool multi;          /* reads give LIST vectors here */
    uint32_t null_count;
    bool has_range;      /* min and max are set; not set when all rows are null, or for multi-value and complex columns */
    union { int64_t l; double d; uint32_t id; } min, max; /* of non-null values; id for strings in sorted dictionaries */
    bool has_nan;        /* DOUBLE, FLOAT: range does not cover NaN rows */
} weir_zone;

/* A value's rows in one chunk: a Roaring container's payload, unaligned bytes. */
typedef enum weir_posting_kind { WEIR_POSTING_ARRAY, WEIR_POSTING_BITSET, WEIR_POSTING_RUNS } weir_posting_kind;
typedef struct weir_posting {
    uint8_t kind;
    uint32_t count; /* rows; for RUNS `runs` pairs (start, length - 1) as in Roaring */
    uint32_t runs;
    const void *at; /* u16 rows, 1,024 u64 words, or u16 pairs; little endian */
} weir_posting;

typedef struct weir_column_ops {
    bool (*zone)(const weir_column *col, uint32_t chunk, weir_zone *out); /* false: unknown (a growing chunk): the form of what read gives decides */
    /* Rows of dictionary id `id` (0: rows that are null; of multi-values, rows with a null element and null rows; empty lists count as null).
     * False: no index here, scan. count 0: not in this chunk. */
    bool (*postings)(const weir_column *col, uint32_t chunk, uint32_t id, weir_scratch *s, weir_posting *out);
    /* Rows [from, from + n) of a chunk, n <= 4,096. `scaled`: the caller takes SCALED vectors. False: bytes are damaged or unreadable, err names the object. */
    bool (*read)(const weir_column *col, uint32_t chunk, uint32_t from, uint32_t n, bool scaled, weir_scratch *s, weir_vec *out, weir_error *err);
    /* rows ascending, n <= 4,096 */
    bool (*gather)(const weir_column *col, uint32_t chunk, const uint16_t *rows, uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err);
    /* Optional (NULL, or false = use read): rows [from, from + n) whose value or id lies in [lo, hi], on the encoded form. `bits` has weir_words(n) words,
     * `from` is a multiple of 1,024; nulls never match. For LONG (and times) and for single-value strings by id. */
    bool (*range)(const weir_column *col, uint32_t chunk, uint32_t from, uint32_t n, int64_t lo, int64_t hi, weir_scratch *s, uint64_t *bits, weir_error *err);
    /* Optional: sum of all non-null values of rows [from, from + n) on the encoded form; LONG wraps into *out_l, DOUBLE and FLOAT into *out_d. */
    bool (*sum)(const weir_column *col, uint32_t chunk, uint32_t from, uint32_t n, int64_t *out_l, double *out_d, uint32_t *out_count, weir_error *err);
    uint64_t (*bytes)(const weir_column *col); /* memory or file bytes, index and dictionary included */
} weir_column_ops;
struct weir_column {
    const weir_column_ops *ops;
    weir_str name;
    weir_type type;        /* multi: some chunk may hold lists; typed per chunk by its zone */
    const weir_dict *dict; /* STRING */
    bool indexed;          /* postings may exist */
    bool metric;
};

typedef enum weir_ready { WEIR_READY, WEIR_WAIT, WEIR_FAILED } weir_ready;
typedef struct weir_need {
    uint32_t chunk, count; /* chunks [chunk, chunk + count); none: the dictionaries alone */
    uint32_t column_count;
    const weir_str *columns;
} weir_need;
typedef struct weir_wake {
    void (*call)(void *self);
    void *self;
} weir_wake;

typedef struct weir_rows_ops {
    uint32_t (*chunks)(const weir_rows *rows);
    void (*chunk)(const weir_rows *rows, uint32_t chunk, weir_chunk_info *out);
    const weir_column *(*column)(const weir_rows *rows, weir_str name); /* NULL: no such column here = all null */
    uint32_t (*column_count)(const weir_rows *rows);
    const weir_column *(*column_at)(const weir_rows *rows, uint32_t i); /* __time first, then dimensions, then metrics */
    /* Rows of the chunk that may be seen: false = all of them; else `out` (memory from `s`): masked sources and hidden time are left out. */
    bool (*visible)(const weir_rows *rows, uint32_t chunk, weir_scratch *s, weir_sel *out);
    /* Makes bytes readable without blocking. WAIT: a fetch has begun, wake is called once, by any thread, and prepare is to be asked again (it says then
     * whether the fetch failed). wake.call NULL: only begins it. NULL: always ready. What was not prepared is fetched by whoever reads it, who waits. */
    weir_ready (*prepare)(weir_rows *rows, const weir_need *need, weir_wake wake, weir_error *err);
    void (*unref)(weir_rows *rows);
} weir_rows_ops;
struct weir_rows {
    const weir_rows_ops *ops;
    weir_str id;            /* Druid's segment id, "table_start_end_version[_n]": scan and segmentMetadata print it */
    weir_interval interval; /* of the rows' bucket, or the hull of the rows */
    bool live;
    uint64_t uid;           /* from weir/uid.h: key of caches together with rev */
    const struct weir_schema *schema; /* NULL: unknown (in-memory tables) */
};
#endif
