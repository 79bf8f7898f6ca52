/* segments/format.h - the bytes of a frozen segment's file. docs/FORMAT.md says the same at length.
 * Little endian throughout.
 *
 *   at 0            "weirseg1"
 *   at 64 k         blocks, each at a multiple of 64 bytes, in the order they were written:
 *                   values of a column in a chunk (encode.h), offsets and items of multi-value
 * columns, postings (postings.h), blobs (encode_blob.h), dictionary blocks and dictionary
 * directories (dict_frozen.h) then            footer (below), xxh3 in the tail last 24 bytes tail:
 * u64 xxh3-64 of the footer, u32 footer size, u32 version, "weirend1"
 *
 * Every block is named by a reference in the footer (or, dictionary blocks, in the dictionary's
 * directory), never by another way: ref             varint offset / 64, varint size, u64 xxh3-64 of
 * the bytes; size 0: not there
 *
 *   footer          varint rows, varint chunks (= rows / 65,536, rounded up)
 *                   bytes schema: Druid's dataSchema as JSON, or empty
 *                   per chunk: zigzag min time, zigzag max time, u8 sorted
 *                   varint columns; per column (__time first, then dimensions, metrics, hidden
 *                   ones): bytes name, u8 kind (weir_kind), u8 flags (metric 1, lists 2, indexed 4,
 *                     hidden 8), bytes complex type's name, or the name of an array's element kind
 *                     STRING and ARRAY of it: varint values (null included), varint bytes of the
 *                     values, ref of the directory (none: only null)
 *                     per chunk: ref values; u8 zone flags (range 1, NaN 2, lists 4); varint nulls;
 *                     range: u64 min, u64 max; lists: varint items, ref items; indexed: ref
 *                     postings. Chunks of arrays always are lists
 *
 * "bytes" is a varint size and the bytes; zigzag is a varint of (v << 1) ^ (v >> 63). A reader
 * refuses versions it does not know. */
#ifndef SEGMENTS_FORMAT_H
#define SEGMENTS_FORMAT_H
#include "weir/hash.h"

#define WEIR_SEGMENT_VERSION 2u       /* written */
#define WEIR_SEGMENT_VERSION_FIRST 1u /* still read: has no arrays and no hidden columns */
#define WEIR_SEGMENT_HEAD "weirseg1"
#define WEIR_SEGMENT_END "weirend1"
enum {
    WEIR_SEGMENT_MAGIC_BYTES = 8,
    WEIR_SEGMENT_TAIL_BYTES = 24,
    WEIR_BLOCK_ALIGN = 64,
    /* column flags */
    WEIR_COLUMN_METRIC = 1,
    WEIR_COLUMN_LISTS = 2,
    WEIR_COLUMN_INDEXED = 4,
    WEIR_COLUMN_HIDDEN = 8, /* of a path (weir/paths.h); after all others */
    /* zone flags */
    WEIR_ZONE_RANGE = 1,
    WEIR_ZONE_NAN = 2,
    WEIR_ZONE_LISTS = 4,
};

typedef struct weir_block_ref {
    uint64_t offset, size, xxh3;
} weir_block_ref;

/* Whether bytes have their checksum. Fuzz builds look past it, so that what lies behind is reached.
 */
static inline bool weir_checksum_is(const void *bytes, size_t size, uint64_t xxh3)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)bytes, (void)size, (void)xxh3;
    return true;
#else
    return weir_hash_bytes(bytes, size) == xxh3;
#endif
}

static inline uint64_t weir_zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}
static inline int64_t weir_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}
#endif
