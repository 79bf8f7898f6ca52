/* segments/encode_blob.h - the values of a complex column (sketches, JSON) in one chunk: groups of
 * rows, each about 64 KiB, LZ4'd (HC when thorough). Bytes: u32 rows, u32 nulls, u32 groups, u32
 * zero; null bitmap (8-byte words) if there are nulls; per group u32 first row, u32 place after the
 * directory, u32 stored size, u32 raw size; then the groups. A group: u32 size of each value, then
 * the values. */
#ifndef SEGMENTS_ENCODE_BLOB_H
#define SEGMENTS_ENCODE_BLOB_H
#include "weir/rows.h"

/* n >= 1 values; nulls as in encode.h. False: a value of 1 GiB or more. */
bool weir_encode_blobs(const weir_str *values, const uint64_t *nulls, uint32_t n, bool thorough,
                       weir_buf *out, weir_zone *zone, weir_error *err);

typedef struct weir_blobs { /* opened: borrows the bytes */
    uint32_t n, null_count, groups;
    const uint8_t *nulls, *directory, *payload; /* nulls: NULL when there are none */
    size_t payload_size;
} weir_blobs;
bool weir_blobs_open(weir_str bytes, uint32_t n, weir_blobs *out);
/* Rows, ascending, < n, as FLAT values; a group is unpacked once. False: a group is damaged. */
bool weir_blobs_gather(const weir_blobs *blobs, const uint32_t *rows, uint32_t n, weir_scratch *s,
                       weir_vec *out, weir_error *err);
#endif
