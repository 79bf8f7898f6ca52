/* segments/live_shred.h - inside of auto columns: the tree of paths (live_auto.c), and what a batch
 * gathers for each part (live_gather.c). Writer only. */
#ifndef SEGMENTS_LIVE_SHRED_H
#define SEGMENTS_LIVE_SHRED_H
#include "segments/live_auto.h"

/* A key or index below another: found by its text as it stands. `first` and `next` guess: what came
 * first below it, and what came after it, in the row before. */
typedef struct weir_path_node {
    struct weir_path_node *parent, *first, *next;
    weir_str key;                     /* with quotes; of an index its digits */
    weir_live_leaf *scalars, *arrays; /* NULL: none yet */
} weir_path_node;

struct weir_live_auto {
    weir_live_column *col;
    weir_type type;
    weir_path_node root;
    weir_path_node **slots; /* by hash of parent and key */
    uint32_t slot_mask, node_count, leaf_count;
    weir_live_leaf *rest;
};

/* The node of `key` below `parent`; made if it is new. NULL: there are too many. */
weir_path_node *weir_path_child(weir_realtime *rt, weir_live_auto *a, weir_path_node *parent,
                                weir_path_node *guess, weir_str key);
/* The node's leaf for scalars or for arrays; made if it is new. NULL: there are too many paths. */
weir_live_leaf *weir_path_leaf(weir_realtime *rt, weir_live_auto *a, weir_path_node *node,
                               bool arrays);
weir_live_leaf *weir_path_rest(weir_realtime *rt, weir_live_auto *a);

/* A scalar of JSON: kind LONG (booleans too), DOUBLE, STRING, or UNKNOWN for null. */
typedef struct weir_shred_scalar {
    uint8_t kind;
    int64_t l;
    double d;
    weir_str s;
} weir_shred_scalar;

typedef struct weir_shred_part weir_shred_part;
typedef struct weir_shred { /* a batch under way */
    weir_realtime *rt;
    weir_live_auto *a;
    weir_scratch *s;
    uint32_t n, row;
    weir_shred_part *first, **last; /* parts that have values, in order of arrival */
    weir_shred_scalar *items;       /* of an array, reused */
    uint32_t item_count, item_capacity;
    int64_t rest; /* of this row */
} weir_shred;
void weir_shred_put(weir_shred *sh, weir_live_leaf *leaf, const weir_shred_scalar *value);
void weir_shred_put_array(weir_shred *sh, weir_live_leaf *leaf); /* sh->items */
void weir_shred_item(weir_shred *sh, const weir_shred_scalar *item);
/* Interns, and adds all parts to the batch. */
bool weir_shred_end(weir_shred *sh, weir_live_batch *out, weir_error *err);
#endif
