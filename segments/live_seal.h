/* segments/live_seal.h - a chunk that is full: columns encoded as in frozen files, postings per
 * dictionary id, zone maps, rows of equal key merged where the schema says so. Made once by the
 * writer, then read by anyone; one piece of memory holds it all. */
#ifndef SEGMENTS_LIVE_SEAL_H
#define SEGMENTS_LIVE_SEAL_H
#include "segments/encode.h"
#include "segments/live.h"
#include "segments/postings.h"

typedef struct weir_live_sealed_column {
    weir_zone zone;
    weir_encoded cells;    /* a row each; lists: an id per element; COMPLEX: unused */
    weir_encoded offsets;  /* lists: row_count + 1 places in cells; COMPLEX: in bytes */
    const uint64_t *nulls; /* lists and COMPLEX; NULL: none */
    const char *bytes;     /* COMPLEX */
    bool has_postings;
    weir_postings postings;
    size_t size;
} weir_live_sealed_column;

struct weir_live_sealed {
    weir_budget *budget;
    size_t size_bytes; /* of this and all that it points to */
    uint32_t row_count;
    uint64_t events; /* rows appended, before roll-up */
    weir_live_span span;
    weir_encoded times, sources;
    bool has_counts;
    weir_encoded counts; /* rows appended per row, where some were merged */
    uint64_t source_bits[WEIR_REALTIME_SOURCES / 64]; /* which sources occur */
    uint32_t column_count;
    weir_live_sealed_column **columns; /* by index; NULL: all null */
};

/* The sealed twin of a growing chunk with rows. Writer only. */
weir_live_chunk *weir_live_seal(weir_realtime *rt, weir_live_chunk *chunk);
void weir_live_sealed_free(weir_live_sealed *sealed);
void weir_live_sealed_read(const weir_live_column *col, const weir_live_sealed_column *at,
                           const weir_dict *dict, uint32_t from, uint32_t n, bool scaled,
                           weir_scratch *s, weir_vec *out);
void weir_live_sealed_gather(const weir_live_column *col, const weir_live_sealed_column *at,
                             const weir_dict *dict, const uint16_t *rows, uint32_t n,
                             weir_scratch *s, weir_vec *out);
#endif
