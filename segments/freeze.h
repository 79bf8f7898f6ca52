/* segments/freeze.h - what freezing a part is made of: its rows (freeze_parts.c), their final order
 * (freeze_order.c, freeze_sort.c), and the columns written in it (freeze.c). One thread; the live
 * segment has ended and is only read. */
#ifndef SEGMENTS_FREEZE_H
#define SEGMENTS_FREEZE_H
#include "segments/live_seal.h"

/* Rows of a part: chunk << 16 | row, ascending. A row's place in this list is its *source index*.
 */
typedef struct weir_part_rows {
    uint32_t count;
    const uint32_t *rows;
} weir_part_rows;

/* Up to 4,096 rows of one chunk: [from, from + n) when rows is NULL. */
typedef struct weir_part_block {
    const weir_live_sealed *chunk;
    uint32_t first; /* source index */
    uint32_t from, n;
    const uint16_t *rows;
    uint16_t picked[WEIR_BLOCK_ROWS];
} weir_part_block;
/* Blocks in order: start with a zeroed one. False: no more. */
bool weir_part_next(const weir_realtime *rt, const weir_part_rows *part, weir_part_block *block);
void weir_part_read(const weir_live_column *col, const weir_part_block *block, weir_scratch *s,
                    weir_vec *out);
/* Gives a vector of ids its dictionary (weir_part_read leaves it out). */
void weir_part_set_dict(weir_vec *vec, const weir_dict *dict);
/* FLAT longs of a hidden column (times, counts). */
const int64_t *weir_part_longs(const weir_encoded *enc, const weir_part_block *block,
                               weir_scratch *s);

/* The values of one string column that a part uses, sorted in UTF-16 order from id 1; by live id
 * their sorted id. */
typedef struct weir_part_dict {
    uint32_t count; /* null (0) among them */
    weir_str *values;
    uint32_t *ranks;
} weir_part_dict;
/* Ids of all rows in source order (lists: of all elements). *out_offsets and nulls are set when
 * some row is a list. */
typedef struct weir_part_ids {
    uint32_t *ids;
    uint32_t *offsets; /* NULL: one id a row */
    uint64_t *nulls;   /* with offsets: null rows */
} weir_part_ids;
void weir_part_ids_read(const weir_realtime *rt, const weir_part_rows *part,
                        const weir_live_column *col, weir_scratch *s, weir_part_ids *out);
/* Arrays of numbers of all rows in source order: `items` of eight bytes. A null row has its bit in
 * nulls, a null element in item_nulls. */
typedef struct weir_part_lists {
    uint32_t *offsets;
    void *items;
    uint64_t *nulls, *item_nulls;
} weir_part_lists;
void weir_part_lists_read(const weir_realtime *rt, const weir_part_rows *part,
                          const weir_live_column *col, weir_scratch *s, weir_part_lists *out);
void weir_part_dict_make(const weir_live_column *col, const uint32_t *ids, uint32_t count,
                         weir_scratch *s, weir_part_dict *out);

/* The final order: place[source index] = final row. Rows with equal keys share one when `merge`;
 * returns the number of final rows. */
uint32_t weir_part_order(const weir_realtime *rt, const weir_part_rows *part, const int64_t *times,
                         bool merge, weir_scratch *s, uint32_t *place);

/* Sorts by key, equal keys keep their order. */
typedef struct weir_keyed {
    uint64_t key;
    uint32_t index;
} weir_keyed;
void weir_sort_keyed(weir_keyed *at, uint32_t n, weir_keyed *spare);
/* Distinct values in UTF-16 order: order[0..n) are their indexes. */
void weir_sort_strings(const weir_str *values, uint32_t n, weir_scratch *s, uint32_t *order);
/* A long's and a double's bits as a key that orders as weir_long_cmp, weir_double_cmp do. */
static inline uint64_t weir_long_key(int64_t value)
{
    return (uint64_t)value ^ 0x8000000000000000ull;
}
uint64_t weir_double_key(double value);
#endif
