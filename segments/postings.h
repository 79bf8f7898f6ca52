/* segments/postings.h - the rows of one chunk by value: for each id that occurs, a Roaring
 * container's payload (sorted u16 rows up to 4,096, a bitset above, runs where they take half of
 * that or less). Sealed chunks of live segments and frozen files hold the very same bytes
 * (docs/FORMAT.md): they are found by binary search over the chunk's ids and used in place.
 * Building is one thread's, reading any's. */
#ifndef SEGMENTS_POSTINGS_H
#define SEGMENTS_POSTINGS_H
#include "weir/rows.h"

#define WEIR_POSTING_ARRAY_MAX 4096u /* rows of an array container */

/* Appends the postings of `row_count` <= 65,536 rows. offsets NULL: ids[row] is the row's value, 0
 * is null. Else row r holds ids[offsets[r]..offsets[r+1]) (offsets[0] may be any), and rows that
 * are null (bit in `nulls`, may be NULL) or empty count as id 0. By counting sort, 1-3 ns a value.
 * Returns the number of containers. */
uint32_t weir_postings_build(const uint32_t *ids, const uint32_t *offsets, const uint64_t *nulls,
                             uint32_t row_count, weir_buf *out);

typedef struct weir_postings { /* opened: borrows the bytes. Plain data */
    uint32_t id_count, row_count;
    const uint8_t *ids; /* u32 each, ascending */
    const uint8_t
        *starts; /* u32 each: kind in the top 2 bits, place in the payload in units of 2 bytes */
    const uint8_t *counts; /* u16 each: rows - 1 */
    const uint8_t *payload;
    size_t payload_size, size;
} weir_postings;

/* Parses the header. Enough for bytes that this process built; bytes from outside need
 * weir_postings_check too. */
bool weir_postings_open(weir_str bytes, uint32_t row_count, weir_postings *out);
/* Every container lies inside, ascends, counts right and stays below row_count; ids ascend and stay
 * below id_limit. About 0.3 ns a row. */
bool weir_postings_check(const weir_postings *p, uint32_t id_limit);
/* The rows of `id`; none: count 0. `out` points into the bytes. 20-40 ns. */
void weir_postings_find(const weir_postings *p, uint32_t id, weir_posting *out);
/* Container `i` of id_count and its id, for those who walk them all. */
uint32_t weir_postings_at(const weir_postings *p, uint32_t i, weir_posting *out);
#endif
