/* segments/encode.h - the values of one column in one chunk as bytes, and back. Sealed chunks of
 * live segments and frozen files hold the very same bytes (docs/FORMAT.md). Four kinds of values,
 * four forms, chosen per chunk by size and decode speed: CONST   all non-null values are equal
 *   PACKED  frame of reference + bit packing: blocks of 1,024 values, each with base and width;
 * vertical layout (encode_pack.h); longs also divided by their greatest common divisor (times of a
 * queryGranularity, days) RUNS    value and first row of each run RAW     as they are Doubles and
 * floats are kept as decimals (integers / 10^scale) in one of the first three forms where that
 * gives back every bit. Nulls are a bitmap beside them; ids have none, id 0 is null. Encoding is
 * one thread's; encoded bytes are read by any. */
#ifndef SEGMENTS_ENCODE_H
#define SEGMENTS_ENCODE_H
#include "weir/rows.h"

#define WEIR_PACK_ROWS 1024u /* values of a packing block */
#define WEIR_ENCODED_MAX                                                                           \
    (1u << 28) /* most values of one encoding (items of multi-value chunks may be many) */
#define WEIR_SCALED_MAX                                                                            \
    (INT64_C(1) << 50) /* magnitude of scaled decimals: 4,096 of them add up in an int64_t */

typedef enum weir_value_kind {
    WEIR_VALUE_IDS = 1,
    WEIR_VALUE_LONGS,
    WEIR_VALUE_DOUBLES,
    WEIR_VALUE_FLOATS
} weir_value_kind;
typedef enum weir_encoding {
    WEIR_ENC_CONST,
    WEIR_ENC_PACKED,
    WEIR_ENC_RUNS,
    WEIR_ENC_RAW
} weir_encoding;

/* Append the encoding of n >= 1 values to `out` and tell the zone (may be NULL). nulls: bit set =
 * null, or NULL; values under null bits do not matter. For 65,536 rows: longs and ids 0.5-1 ns a
 * value, doubles 1 ns. */
void weir_encode_ids(const uint32_t *ids, uint32_t n, weir_buf *out, weir_zone *zone);
void weir_encode_longs(const int64_t *values, const uint64_t *nulls, uint32_t n, weir_buf *out,
                       weir_zone *zone);
void weir_encode_doubles(const double *values, const uint64_t *nulls, uint32_t n, weir_buf *out,
                         weir_zone *zone);
void weir_encode_floats(const float *values, const uint64_t *nulls, uint32_t n, weir_buf *out,
                        weir_zone *zone);

/* An encoding that was opened: borrows the bytes. Plain data, may be copied. */
typedef struct weir_encoded {
    uint8_t kind, form; /* weir_value_kind, weir_encoding */
    bool decimal;       /* doubles, floats: integers / 10^scale */
    uint8_t scale;
    bool has_nan, has_sum, has_range;
    uint32_t n, null_count, runs;
    uint64_t step;            /* PACKED: value = base + step * packed */
    uint64_t first;           /* CONST: the value, as bits (integers where decimal) */
    uint64_t min, max;        /* bits of i64 or double; where has_range */
    uint64_t sum;             /* of all non-null values, as bits of i64 (decimals too) or double */
    const uint8_t *nulls;     /* bitmap, or NULL */
    const uint8_t *directory; /* PACKED: blocks; RUNS: first rows */
    const uint8_t *payload;   /* PACKED, RAW; RUNS: values */
    size_t payload_size;
    size_t size; /* bytes in all */
} weir_encoded;

/* Checks the structure: after it no read can leave the bytes, whatever they hold. False: damaged
 * (or not of this kind and count). */
bool weir_encoded_open(weir_str bytes, weir_value_kind kind, uint32_t n, weir_encoded *out);
/* Whether all ids are < limit: decodes them all (0.05 ns each). Hostile bytes: ask once before use.
 */
bool weir_encoded_ids_below(const weir_encoded *enc, uint32_t limit);
void weir_encoded_zone(const weir_encoded *enc, weir_zone *out);

/* Values [from, from + n), n >= 1, any n: a vector CONST, FLAT, DICT (ids; `dict` is left NULL and
 * is the caller's to set) or, for doubles where `scaled` is allowed and the chunk is decimal,
 * SCALED. Memory from `s` or the bytes themselves. */
void weir_encoded_read(const weir_encoded *enc, uint32_t from, uint32_t n, bool scaled,
                       weir_scratch *s, weir_vec *out);
/* Values at rows[0..n), ascending and < enc->n (others read as some value, never out of bounds). */
void weir_encoded_gather(const weir_encoded *enc, const uint16_t *rows, uint32_t n, weir_scratch *s,
                         weir_vec *out);
/* IDS and LONGS: rows [from, from + n) within [lo, hi] as bits (weir_words(n) words, all written);
 * from is a multiple of 1,024. Nulls never match. */
void weir_encoded_range(const weir_encoded *enc, uint32_t from, uint32_t n, int64_t lo, int64_t hi,
                        uint64_t *bits);
/* Sum and count of the non-null values of [from, from + n): LONGS wrap into *out_l, DOUBLES and
 * FLOATS give *out_d (decimals are added exactly and divided once; NaN and infinities as they add).
 * All rows of a chunk: from its header, no row is read. Not for IDS. */
void weir_encoded_sum(const weir_encoded *enc, uint32_t from, uint32_t n, int64_t *out_l,
                      double *out_d, uint32_t *out_count);
/* Plain integers of IDS (as u32), for those who need the array and no vector: out has room for n
 * values. */
void weir_encoded_ids(const weir_encoded *enc, uint32_t from, uint32_t n, uint32_t *out);
const char *weir_encoding_name(uint8_t form); /* "const" "packed" "runs" "raw" */
#endif
