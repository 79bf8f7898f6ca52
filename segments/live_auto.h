/* segments/live_auto.h - columns whose type is found value by value (Druid's auto and json): what a
 * row holds is taken apart into *parts*, ordinary live columns of one kind each.
 *
 *   the column itself   the JSON text of rows that are objects, or arrays with objects or arrays in
 *                       them; null elsewhere
 *   leaf                scalars, or arrays of scalars, at one path; "$" is the value itself. Its
 *                       parts: longs, doubles, strings; or arrays of them, and arrays without a
 * value rest                how many values of a row have no leaf, once there are WEIR_PATHS_MAX
 * paths
 *
 * A leaf is seen as one column: its only part, or all of them widened (live_merge.c). Parts come as
 * values need them; a row has its value at a path in one part. Everything here is the writer's but
 * for what is said to be read-only. */
#ifndef SEGMENTS_LIVE_AUTO_H
#define SEGMENTS_LIVE_AUTO_H
#include "segments/live.h"
#include "weir/paths.h"

typedef enum weir_live_part {
    WEIR_PART_LONG,
    WEIR_PART_DOUBLE,
    WEIR_PART_STRING,
    WEIR_PART_LONGS,
    WEIR_PART_DOUBLES,
    WEIR_PART_STRINGS,
    WEIR_PART_EMPTIES, /* empty arrays and arrays of nulls: kept as LONGS, fits all of them */
    WEIR_PARTS,
} weir_live_part;
#define WEIR_PART_BIT(part) (1u << (part))

typedef struct weir_live_leaf { /* name, index, of, root, arrays: read-only */
    weir_str name;
    uint32_t index;
    const weir_live_column *of;
    bool root, arrays;
    uint32_t columns[WEIR_PARTS]; /* of the segment, or WEIR_LIVE_NO_COLUMN */
    uint64_t batch;               /* of what follows */
    struct weir_shred_part *gathering[WEIR_PARTS];
} weir_live_leaf;

/* realtime.c: a new part; returns its index. */
uint32_t weir_live_add_part(weir_realtime *rt, weir_str name, weir_type type,
                            const weir_live_leaf *leaf, uint8_t part);

typedef struct weir_live_auto weir_live_auto;
/* Makes `col` an auto column; its type stays that of its nested values, COMPLEX<json>. `type`: as
 * of weir_dimension. */
void weir_live_auto_init(weir_realtime *rt, weir_live_column *col, weir_type type);
weir_type weir_live_auto_type(const weir_live_column *col); /* as given; read-only */

/* The first of the leaf's parts, by their order in the segment. */
static inline uint32_t weir_live_leaf_first(const weir_live_leaf *leaf)
{
    uint32_t first = WEIR_LIVE_NO_COLUMN;
    for (uint32_t i = 0; i < WEIR_PARTS; i++) {
        first = leaf->columns[i] < first ? leaf->columns[i] : first;
    }
    return first;
}

/* live_shred.c: a batch's vector for an auto column (JSON text, or values of one kind) becomes the
 * vectors of its parts. Fails for values over 1 MiB. */
bool weir_live_shred(weir_realtime *rt, weir_live_column *col, const weir_vec *vec,
                     weir_live_batch *out, weir_error *err);

/* The type that values in these parts (WEIR_PART_BITs) have together; `nested`: and JSON text. */
weir_type weir_live_widest(uint32_t parts, bool nested);

/* live_merge.c: one vector of `to` out of those that parts have for the same n rows, of which at
 * most one is not null in a row. */
bool weir_live_merge(weir_type to, const weir_vec *parts, uint32_t count, uint32_t n,
                     weir_scratch *s, weir_vec *out, weir_error *err);

/* Whether rows with equal values in such columns are equal: paths follow from the text. */
static inline bool weir_live_is_key(const weir_live_column *col)
{
    return !col->metric && (!col->leaf || col->leaf->root);
}
#endif
