/* compute/vec.h - vectors: up to 4,096 rows of one column, borrowed from rows or from block scratch; dictionaries; selections. */
#ifndef COMPUTE_VEC_H
#define COMPUTE_VEC_H
#include "compute/memory.h"
#include "compute/type.h"

#define WEIR_BLOCK_ROWS 4096u
#define WEIR_CHUNK_ROWS 65536u
#define WEIR_NO_ID UINT32_MAX

/* The values of one string column, each with an id. Id 0 is null, always. `count` is pinned for whoever holds this struct:
 * values of ids 1..count-1 never change. Sorted (frozen): ascending in UTF-16 order from id 1. Live: order of arrival. */
typedef struct weir_dict weir_dict;
typedef struct weir_dict_ops {
    /* Values of `n` ids (>= 1), into `out`; cheap when ids ascend (a block is unpacked once). The bytes live in `s` or the dictionary.
     * False: the dictionary's bytes are damaged (err is set). */
    bool (*values)(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s, weir_str *out, weir_error *err);
    uint32_t (*find)(const weir_dict *dict, weir_str value);        /* WEIR_NO_ID: not there (or arrived after `count`) */
    uint32_t (*lower_bound)(const weir_dict *dict, weir_str value); /* first id >= value, `count` when none; NULL when not sorted */
} weir_dict_ops;
struct weir_dict {
    const weir_dict_ops *ops;
    uint32_t count; /* ids are < count; 1 = only null */
    bool sorted;
    uint64_t uid; /* of the dictionary behind it (weir/uid.h): key of caches; a live one grows under the same uid */
};

typedef enum weir_form {
    WEIR_CONST, /* one value for all n rows: at.*[0] (at.ids[0] when dict is set; at.offsets[0..1] when items is set), null when bit 0 of nulls is set */
    WEIR_FLAT,  /* n values */
    WEIR_DICT,  /* n ids of `dict`; id 0 is null, `nulls` is not used */
    WEIR_LIST,  /* n + 1 offsets into `items` (FLAT or DICT); a null row has its bit in nulls, an empty one equal offsets */
    WEIR_SCALED, /* DOUBLE rows as exact decimals: value = at.l[i] / 10^scale; only where the reader allowed it */
} weir_form;

typedef struct weir_vec {
    weir_type type;
    uint8_t form; /* weir_form */
    uint8_t scale;
    uint32_t n;
    const uint64_t *nulls; /* bit set = null, (n + 63) / 64 words; no pointer, no nulls. Values under null bits are unspecified */
    union {
        const int64_t *l;
        const double *d;
        const float *f;
        const weir_str *s; /* STRING; COMPLEX as serialised bytes */
        const uint32_t *ids;
        const uint32_t *offsets;
    } at;
    const weir_dict *dict;
    const struct weir_vec *items; /* LIST */
} weir_vec;

static inline bool weir_bit(const uint64_t *bits, uint32_t i)
{
    return bits[i >> 6] >> (i & 63) & 1;
}
static inline void weir_bit_set(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= 1ull << (i & 63);
}
static inline uint32_t weir_words(uint32_t n)
{
    return (n + 63) / 64;
}
/* 10^scale, for SCALED. */
double weir_scale(uint8_t scale);
/* Whether row i is null, whatever the form. */
bool weir_vec_is_null(const weir_vec *vec, uint32_t i);
weir_vec weir_vec_null(weir_type type, uint32_t n); /* CONST null */
/* One value as a CONST vector; its bytes are copied to `s`. */
weir_vec weir_vec_const(weir_scratch *s, const weir_value *value, uint32_t n);
/* Any form to FLAT (a LIST stays a LIST with FLAT items). Memory from `s`. False: a dictionary is damaged. */
bool weir_vec_flatten(const weir_vec *vec, weir_scratch *s, weir_vec *out, weir_error *err);
/* Rows `rows[0..n)` of `vec`, in that order; keeps DICT and CONST. */
void weir_vec_gather(const weir_vec *vec, const uint16_t *rows, uint32_t n, weir_scratch *s, weir_vec *out);
/* The same with numbers of any size: elements of lists. */
void weir_vec_pick(const weir_vec *vec, const uint32_t *rows, uint32_t n, weir_scratch *s, weir_vec *out);
/* Rows [from, from + n). No copy where it can be helped. */
void weir_vec_slice(const weir_vec *vec, uint32_t from, uint32_t n, weir_scratch *s, weir_vec *out);
/* Druid's cast of a column to another kind (fn_cast of expressions, columns of another type). Never fails per row: unparsable = null.
 * Lists stay lists, each element cast; what has no conversion (complex) becomes null. */
bool weir_vec_cast(const weir_vec *vec, weir_type to, weir_scratch *s, weir_vec *out, weir_error *err);
/* Same, but text becomes a LONG only where it is a whole number ("1e3" is, "3.14" is null): Druid's rule for the values of dimensions. */
bool weir_vec_cast_exact(const weir_vec *vec, weir_type to, weir_scratch *s, weir_vec *out, weir_error *err);
/* Scalars and lists as COMPLEX<json> text; json stays. */
bool weir_vec_to_json(const weir_vec *vec, weir_scratch *s, weir_vec *out, weir_error *err);
/* The distinct ids (>= 1) of a DICT vector, ascending, and by id where each is in that list. */
typedef struct weir_distinct {
    uint32_t *ids, count;
    uint32_t *places; /* of the ids that occur; others are unspecified */
} weir_distinct;
/* False: the dictionary is much larger than the vector, going row by row is cheaper. Memory from `s`. */
bool weir_vec_distinct(const weir_vec *vec, weir_scratch *s, weir_distinct *out);
/* Row i as a value; for tests, metadata and writers of few rows. Bytes are in `arena`. */
bool weir_vec_value(const weir_vec *vec, uint32_t i, weir_arena *arena, weir_value *out, weir_error *err);

/* Which rows of a chunk (<= 65,536) or of a block (<= 4,096) are meant. Borrowed memory. */
typedef enum weir_sel_kind { WEIR_SEL_NONE, WEIR_SEL_ALL, WEIR_SEL_LIST, WEIR_SEL_BITS } weir_sel_kind;
typedef struct weir_sel {
    uint8_t kind;
    uint32_t n;            /* rows in the span */
    uint32_t count;        /* rows selected */
    const uint16_t *rows;  /* LIST, ascending; at most 4,096 */
    const uint64_t *bits;  /* BITS */
} weir_sel;
static inline weir_sel weir_sel_all(uint32_t n)
{
    return (weir_sel){.kind = n ? WEIR_SEL_ALL : WEIR_SEL_NONE, .n = n, .count = n};
}
static inline weir_sel weir_sel_none(uint32_t n)
{
    return (weir_sel){.kind = WEIR_SEL_NONE, .n = n};
}
weir_sel weir_sel_of_bits(const uint64_t *bits, uint32_t n); /* counts; NONE and ALL where so; stays BITS otherwise */
/* Part [from, from + n) of a chunk's selection, as a block's (rows relative to `from`); from is a multiple of 64. */
weir_sel weir_sel_block(const weir_sel *sel, uint32_t from, uint32_t n, weir_scratch *s);
/* The selected rows as a list (memory from `s` unless it is a LIST); n <= 65,536, out may be longer than 4,096. */
const uint16_t *weir_sel_rows(const weir_sel *sel, weir_scratch *s);
const uint64_t *weir_sel_bits(const weir_sel *sel, weir_scratch *s);

/* Rows on their way: vectors of equal n. Column names are the plan's or the schema's business. */
typedef struct weir_batch {
    uint32_t n, column_count;
    const weir_vec *columns;
    weir_str origin; /* segment id the rows came from (scan prints it), or empty */
} weir_batch;
#endif
