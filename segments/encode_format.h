/* segments/encode_format.h - the header of an encoding, shared by encode_write.c and encode_read.c.
 * docs/FORMAT.md has the table. Header (64 bytes), null bitmap (8-byte words, if any), directory,
 * padding to 64, payload. Little endian. Directory: PACKED: 12 bytes a block: base i64, then
 * payload offset / 128 in 24 bits and width in 8 bits. RUNS: first row u32 a run. Payload: PACKED:
 * the blocks, the last one cut; RUNS: a u64 a run; RAW: the values. */
#ifndef SEGMENTS_ENCODE_FORMAT_H
#define SEGMENTS_ENCODE_FORMAT_H
#include "segments/encode.h"
#include "segments/encode_pack.h"
#include <assert.h>

enum {
    ENC_NULLS = 1, /* flags */
    ENC_DECIMAL = 2,
    ENC_NAN = 4,
    ENC_SUM = 8,
    ENC_RANGE = 16,
    ENC_BLOCK_BYTES = 12,
};

typedef struct encode_header {
    uint8_t kind, form, flags, scale;
    uint32_t n, null_count, runs;
    uint64_t step, first, min, max, sum, size;
} encode_header;
static_assert(sizeof(encode_header) == 64, "64 bytes on disk");

static inline size_t encode_align(size_t size)
{
    return (size + 63) & ~(size_t)63;
}
static inline uint32_t encode_blocks(uint32_t n)
{
    return (n + WEIR_PACK_ROWS - 1) / WEIR_PACK_ROWS;
}
/* 10^0 .. 10^15, exact. */
static const double encode_powers[16] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
#define ENC_SCALE_LIMIT 16u
#endif
