/* query/keys.h - group keys as fixed-width integers, packed into words: bucket ordinals, dictionary ids, offsets of longs, else 8 bytes.
 * Codes of the query are global: a string's code is its id in the one dictionary that the query meets, or in the key's interner.
 * Local codes (ids of one segment's dictionary) live only in arrays of cells, until they are folded. */
#ifndef QUERY_KEYS_H
#define QUERY_KEYS_H
#include "query/buckets.h"
#include "query/global_ids.h"
#include "query/group.h"

typedef enum weir_code_kind {
    WEIR_CODE_NULL,   /* always null: no segment has the column */
    WEIR_CODE_BUCKET, /* ordinal of the time bucket, or offset of its start */
    WEIR_CODE_DICT,   /* id: one dictionary in the whole query */
    WEIR_CODE_GLOBAL, /* id of the table's column, over all segments (global_ids.h) */
    WEIR_CODE_INTERN, /* id of the query's own dictionary of this key */
    WEIR_CODE_OFFSET, /* LONG: 0 null, else 1 + value - min */
    WEIR_CODE_WIDE,   /* LONG, DOUBLE: the 8 bytes; null is a bit of its own */
    WEIR_CODE_FLOAT,  /* 0 null, else 1 + the 4 bytes */
} weir_code_kind;

typedef struct weir_code_map { /* of one lane: ids of a dictionary -> ids of the key's interner */
    uint64_t uid;
    uint32_t count;
    weir_area ids; /* u32; WEIR_NO_ID: not met yet */
} weir_code_map;

typedef struct weir_key_code {
    uint8_t kind;
    uint8_t word, shift, bits;
    uint8_t null_word, null_shift; /* WIDE */
    uint32_t slot;                 /* plain column, or WEIR_NO_ID */
    weir_type type;                /* of the output */
    int64_t min;                   /* OFFSET */
    uint64_t range;                /* OFFSET, BUCKET: codes are below; 0: open */
    const weir_dict *dict;         /* DICT; may be NULL: only nulls */
    weir_global_column global;     /* GLOBAL; maps by segment of the scan */
    weir_intern intern;            /* INTERN */
    pthread_mutex_t lock;          /* guards it while lanes run */
} weir_key_code;

typedef struct weir_keys {
    uint32_t count, words;
    weir_key_code *codes; /* bucket first when there is one (has_bucket) */
    bool has_bucket;
} weir_keys;

/* Chooses codes and packs them. `types`, `slots`: per key. scan NULL: over batches. direct: ids of segments' dictionaries, or of `globals` (NULL:
 * none), may be codes. */
bool weir_keys_init(weir_keys *keys, weir_arena *arena, const weir_scan *scan, const weir_buckets *buckets, uint32_t count, const weir_type *types,
                    const uint32_t *slots, bool direct, weir_global_ids *globals, weir_lane *lane, weir_budget *budget, weir_error *err);
void weir_keys_done(weir_keys *keys, weir_global_ids *globals);
/* Codes of n values of any form but LIST. `local`: ids of strings stay those of `dict` (the segment's, NULL: none). maps: this lane's, of this key. */
typedef struct weir_code_maps {
    weir_code_map *at;
    uint32_t count, capacity;
    const uint32_t *global; /* GLOBAL: of the segment at hand */
} weir_code_maps;
bool weir_keys_code(weir_key_code *key, weir_code_maps *maps, weir_lane *lane, const weir_vec *vec, uint32_t n, bool local, const weir_dict *dict,
                    uint64_t *out, uint64_t *nulls /* WIDE: a 0/1 per row */);
/* Local codes to global ones, in place. */
bool weir_keys_globalise(weir_key_code *key, weir_code_maps *maps, weir_lane *lane, const weir_dict *dict, uint32_t n, uint64_t *codes);
void weir_code_maps_done(weir_code_maps *maps, weir_budget *budget);
/* n packed keys to the key's values. */
bool weir_keys_decode(const weir_key_code *key, const weir_buckets *buckets, uint32_t words, const uint64_t *packed, uint32_t n, weir_scratch *s, weir_vec *out);
static inline void weir_keys_pack(const weir_key_code *key, uint32_t words, uint32_t n, const uint64_t *codes, const uint64_t *nulls, uint64_t *packed)
{
    for (uint32_t i = 0; i < n; i++) {
        packed[(size_t)i * words + key->word] |= codes[i] << key->shift;
    }
    for (uint32_t i = 0; key->kind == WEIR_CODE_WIDE && i < n; i++) {
        packed[(size_t)i * words + key->null_word] |= nulls[i] << key->null_shift;
    }
}
static inline uint64_t weir_keys_unpack(const weir_key_code *key, const uint64_t *packed)
{
    uint64_t code = packed[key->word] >> key->shift;
    return key->bits == 64 ? code : code & ((1ull << key->bits) - 1);
}
#endif
