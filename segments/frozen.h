/* segments/frozen.h - an opened frozen segment, shared by frozen_read.c (opens it), frozen_column.c
 * (reads columns) and frozen_describe.c. Immutable but for the flags of what was checked: a block
 * is checked on first use by whoever comes first, without locks. */
#ifndef SEGMENTS_FROZEN_H
#define SEGMENTS_FROZEN_H
#include <stdatomic.h>
#include "segments/dict_frozen.h"
#include "segments/encode.h"
#include "segments/encode_blob.h"
#include "segments/format.h"
#include "segments/postings.h"
#include "weir/segment.h"

typedef enum frozen_state { FROZEN_UNSEEN, FROZEN_BUSY, FROZEN_GOOD } frozen_state;

typedef struct frozen_part { /* one block of a column's chunk, and what it opens to once it was
                                checked */
    weir_block_ref ref;      /* size 0: not there */
    _Atomic uint8_t state;   /* `as` may be read when GOOD (acquire) */
    union {
        weir_encoded values; /* values; offsets and items of lists */
        weir_postings postings;
        weir_blobs blobs;
    } as;
} frozen_part;

typedef struct frozen_chunk {
    weir_zone zone;
    uint32_t item_count;
    frozen_part values;    /* lists: offsets, then the null bitmap */
    frozen_part *items;    /* NULL: no lists in this chunk */
    frozen_part *postings; /* NULL: no index */
} frozen_chunk;

typedef struct frozen_column {
    weir_column base; /* first */
    weir_segment *seg;
    frozen_chunk *chunks;
    weir_block_ref directory;
    uint64_t
        dict_from; /* its blocks lie from here to the directory; known where bytes are brought */
    uint32_t value_count;
    uint64_t value_bytes;
    weir_dict_frozen *dict;     /* NULL: only null */
    weir_dict null_dict;        /* base.dict then */
    _Atomic uint8_t dict_state; /* frozen_state; FROZEN_GOOD: its checksums are right */
    weir_column damaged; /* what lookups give when the dictionary is damaged: reads fail, nothing is
                            pruned */
    weir_dict damaged_dict;
    char type_name[64];
} frozen_column;

typedef struct frozen_chunk_info {
    int64_t min_time, max_time;
    bool time_sorted;
} frozen_chunk_info;

struct weir_segment {
    weir_rows rows; /* first */
    _Atomic uint32_t refs;
    char *name;
    weir_bytes bytes;
    _Atomic bool lost; /* weir_segment_is_lost */
    uint64_t footer_offset, footer_xxh3;
    uint32_t row_count, chunk_count, column_count; /* hidden ones included: they are last */
    uint32_t hidden_count, version;
    weir_schema *schema;
    weir_str schema_json; /* in the footer */
    frozen_chunk_info *chunks;
    frozen_column **columns;
};

static inline uint32_t frozen_chunk_rows(const weir_segment *seg, uint32_t chunk)
{
    uint32_t left = seg->row_count - chunk * WEIR_CHUNK_ROWS;
    return left < WEIR_CHUNK_ROWS ? left : WEIR_CHUNK_ROWS;
}
static inline weir_str frozen_bytes(const weir_segment *seg, const weir_block_ref *ref)
{
    return (weir_str){(const char *)seg->bytes.at + ref->offset, ref->size};
}
/* "segment 'x', column 'y', chunk 3: what is wrong" */
bool frozen_fail(const frozen_column *col, uint32_t chunk, const char *what, weir_error *err);

/* The part, checked and opened; into *local while another thread is at it. NULL: damaged, err is
 * set. */
const weir_encoded *frozen_values(const frozen_column *col, uint32_t chunk, weir_encoded *local,
                                  weir_error *err); /* single values */
const weir_encoded *frozen_offsets(const frozen_column *col, uint32_t chunk, weir_encoded *local,
                                   weir_error *err); /* lists: rows + 1 */
const weir_encoded *frozen_items(const frozen_column *col, uint32_t chunk, weir_encoded *local,
                                 weir_error *err); /* lists, item_count > 0 */
const weir_blobs *frozen_blobs(const frozen_column *col, uint32_t chunk, weir_blobs *local,
                               weir_error *err);
const weir_postings *frozen_postings(const frozen_column *col, uint32_t chunk, weir_postings *local,
                                     weir_error *err);
/* Null bitmap of a chunk of lists, unaligned; NULL: none. */
const uint8_t *frozen_list_nulls(const frozen_column *col, uint32_t chunk,
                                 const weir_encoded *offsets);
/* Its checksum is right; where bytes are brought it is fetched, and again if it is damaged, and
 * then err says what is wrong with it. */
bool frozen_block_is_good(const weir_segment *seg, const weir_block_ref *ref, weir_error *err);

/* Where bytes are brought (frozen_lazy.c). */
frozen_column *frozen_find(const weir_segment *seg, weir_str name); /* NULL: none of that name */
void frozen_find_dictionaries(weir_segment *seg);                   /* sets dict_from of all */
bool frozen_dict_load(void *column, weir_error *err);
uint64_t frozen_dict_bytes(frozen_column *col); /* in the file; any segment */
weir_ready frozen_prepare(weir_rows *rows, const weir_need *need, weir_wake wake, weir_error *err);

extern const weir_column_ops frozen_column_ops, frozen_damaged_ops;
extern const weir_dict_ops frozen_null_dict_ops, frozen_damaged_dict_ops;
#endif
