/* include/weir/segment.h - frozen segments: one immutable file each. Bytes: docs/FORMAT.md and segments/format.h. */
#ifndef WEIR_SEGMENT_H
#define WEIR_SEGMENT_H
#include "weir/rows.h"
#include "weir/schema.h"

/* Bytes that are brought as they are needed (segments/lazy.h): `at` and `size` are the whole file's, and what is not there yet must not be read. */
typedef struct weir_span {
    uint64_t from, size;
} weir_span;
typedef struct weir_bytes_ops {
    /* As prepare of weir_rows_ops: READY when all spans are there. `most`: no more gets than that, but for one a span. */
    weir_ready (*bring)(void *self, const weir_span *spans, uint32_t count, uint32_t most, weir_wake wake, weir_error *err);
    bool (*need)(void *self, uint64_t from, uint64_t size, weir_error *err); /* waits for them */
    /* What is there is damaged: gets it again, until its checksum is right. */
    bool (*mend)(void *self, uint64_t from, uint64_t size, uint64_t xxh3, weir_error *err);
} weir_bytes_ops;
/* Where a file's bytes come from. Owned by the segment. */
typedef struct weir_bytes {
    const uint8_t *at;
    size_t size;
    void (*release)(void *self);
    void *self;
    const weir_bytes_ops *ops; /* NULL: all of them are there, mapped or in memory. Else the caller has brought the footer */
} weir_bytes;
bool weir_bytes_map(const char *path, weir_bytes *out, weir_error *err); /* mmap */

typedef struct weir_segment weir_segment; /* refcounted; is a weir_rows */
/* Checks the footer's checksum and every offset in it; blocks are checked on first use. `name` is for errors. Takes ownership of `bytes` (also when it fails). */
bool weir_segment_open(const char *name, weir_bytes bytes, weir_segment **out, weir_error *err);
/* The same with the footer's known hash (from the table log). */
bool weir_segment_open_expect(const char *name, weir_bytes bytes, uint64_t footer_xxh3, weir_segment **out, weir_error *err);
weir_rows *weir_segment_rows(weir_segment *seg); /* borrowed */
/* A search in a dictionary could not be answered, as its bytes could not be had: the segment is to be opened anew, and nothing kept of it. */
bool weir_segment_is_lost(const weir_segment *seg);
weir_segment *weir_segment_ref(weir_segment *seg);
void weir_segment_unref(weir_segment *seg);
bool weir_segment_verify(weir_segment *seg, weir_error *err); /* every checksum, every value decodes, every index agrees with its column */
/* Columns, types, encodings per chunk, cardinalities, bytes by part, checksums: `weir segment`. */
void weir_segment_describe(weir_segment *seg, bool per_chunk, weir_json *out);

/* Makes one file, column after column; rows are in their final order. One thread. */
typedef struct weir_segment_writer weir_segment_writer;
typedef struct weir_file { /* append-only sink: a local file, a buffer in tests, with faults in the simulation */
    void *self;
    bool (*append)(void *self, const void *bytes, size_t size, weir_error *err);
} weir_file;
typedef struct weir_segment_info {
    uint64_t bytes, footer_bytes, footer_xxh3;
    uint32_t rows;
    int64_t min_time, max_time; /* inclusive */
} weir_segment_info;
/* `schema` may be NULL. `thorough`: LZ4-HC for dictionaries (compaction, load). */
weir_segment_writer *weir_segment_writer_new(weir_file file, const weir_schema *schema, uint32_t row_count, bool thorough);
bool weir_segment_put_time(weir_segment_writer *w, const int64_t *times, weir_error *err); /* first; need not ascend */
/* nulls: bit set = null, or NULL. */
bool weir_segment_put_long(weir_segment_writer *w, weir_str name, bool metric, const int64_t *values, const uint64_t *nulls, weir_error *err);
bool weir_segment_put_double(weir_segment_writer *w, weir_str name, bool metric, const double *values, const uint64_t *nulls, weir_error *err);
bool weir_segment_put_float(weir_segment_writer *w, weir_str name, bool metric, const float *values, const uint64_t *nulls, weir_error *err);
/* values[1..value_count) sorted in UTF-16 order and distinct, values[0] unused (null); ids per row.
 * offsets NULL: one id a row. Else row r holds ids[offsets[r]..offsets[r+1]) (offsets: row_count + 1), null rows have their bit in `nulls`, empty lists do not. */
bool weir_segment_put_string(weir_segment_writer *w, weir_str name, bool index, uint32_t value_count, const weir_str *values,
                             const uint32_t *ids, const uint32_t *offsets, const uint64_t *nulls, weir_error *err);
/* Arrays: row r holds items[offsets[r]..offsets[r + 1]); null rows have their bit in `nulls`, empty arrays do not. */
typedef struct weir_arrays {
    weir_kind elem;              /* LONG, DOUBLE, STRING */
    const void *items;           /* int64_t, double; ids of STRING, 0 is a null element */
    const uint64_t *item_nulls;  /* of numbers; NULL: none */
    const uint32_t *offsets;     /* row_count + 1 */
    const uint64_t *nulls;       /* NULL: none */
    uint32_t value_count;        /* STRING: as of weir_segment_put_string */
    const weir_str *values;
} weir_arrays;
bool weir_segment_put_array(weir_segment_writer *w, weir_str name, bool index, const weir_arrays *arrays, weir_error *err);
/* Columns with names of weir/paths.h are hidden. json is a dimension, all other complex columns are metrics. */
bool weir_segment_put_complex(weir_segment_writer *w, weir_str name, const weir_complex *type, const weir_str *values, const uint64_t *nulls, weir_error *err);
/* Writes the footer. The writer is freed in any case. */
bool weir_segment_writer_end(weir_segment_writer *w, weir_segment_info *out, weir_error *err);
void weir_segment_writer_abandon(weir_segment_writer *w);
#endif
