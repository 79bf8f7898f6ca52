/* segments/encode_read.h - what encode_read.c and encode_scan.c share: blocks, runs and nulls of an
 * opened encoding. */
#ifndef SEGMENTS_ENCODE_READ_H
#define SEGMENTS_ENCODE_READ_H
#include "segments/encode_format.h"

typedef struct encode_block {
    int64_t base;
    unsigned width;
    const uint8_t *at;
    size_t size; /* bytes there; the last block is cut */
} encode_block;

static inline encode_block encode_block_at(const weir_encoded *enc, uint32_t b)
{
    const uint8_t *entry = enc->directory + (size_t)b * ENC_BLOCK_BYTES;
    uint64_t base;
    uint32_t packed;
    memcpy(&base, entry, sizeof(base));
    memcpy(&packed, entry + 8, sizeof(packed));
    size_t offset = (size_t)(packed & 0xFFFFFF) * 128;
    uint32_t left = enc->n - b * WEIR_PACK_ROWS;
    encode_block out = {(int64_t)base, packed >> 24, enc->payload + offset, 0};
    out.size = weir_pack_size(out.width, left < WEIR_PACK_ROWS ? left : WEIR_PACK_ROWS);
    return out;
}

/* The whole block's bytes: its own, or a copy in `room` (128 * width bytes) filled up with zeros
 * when it was cut. */
static inline const uint8_t *encode_block_whole(const encode_block *b, uint8_t *room)
{
    size_t full = (size_t)b->width * 128;
    if (b->size >= full) {
        return b->at;
    }
    memcpy(room, b->at, b->size);
    memset(room + b->size, 0, full - b->size);
    return room;
}

static inline uint32_t encode_run_first(const weir_encoded *enc, uint32_t run)
{
    uint32_t first;
    memcpy(&first, enc->directory + (size_t)run * sizeof(first), sizeof(first));
    return first;
}
static inline uint32_t encode_run_end(const weir_encoded *enc, uint32_t run)
{
    return run + 1 < enc->runs ? encode_run_first(enc, run + 1) : enc->n;
}
static inline uint64_t encode_run_value(const weir_encoded *enc, uint32_t run)
{
    uint64_t value;
    memcpy(&value, enc->payload + (size_t)run * sizeof(value), sizeof(value));
    return value;
}
uint32_t encode_find_run(const weir_encoded *enc, uint32_t row); /* the run that holds `row` */

static inline uint64_t encode_null_word(const weir_encoded *enc, uint32_t w)
{
    uint64_t word;
    memcpy(&word, enc->nulls + (size_t)w * 8, 8);
    return word;
}
static inline bool encode_row_is_null(const weir_encoded *enc, uint32_t row)
{
    return enc->nulls[row >> 3] >> (row & 7) & 1;
}
uint32_t encode_count_nulls(const weir_encoded *enc, uint32_t from, uint32_t n);
void encode_block_longs(const weir_encoded *enc, uint32_t b, int64_t *out); /* 1,024 integers */
#endif
