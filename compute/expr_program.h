/* compute/expr_program.h - a typed program: what expr_type.c makes and expr_run.c runs. Not for
 * others. */
#ifndef COMPUTE_EXPR_PROGRAM_H
#define COMPUTE_EXPR_PROGRAM_H
#include "compute/fn.h"

#define EXPR_DEPTH 200u /* levels of a tree */
#define NODE_SLOTS 4u

typedef enum node_kind {
    NODE_CONST,  /* value */
    NODE_SOURCE, /* slot: an input, or a variable of a lambda or of a mapping */
    NODE_CAST,   /* args[0] to type */
    NODE_CALL,   /* call, args */
    NODE_MAP, /* body once for each combination of the elements of args (multi-value columns), which
                 are slots [slot, slot + arg_count) */
} node_kind;

typedef struct node {
    uint8_t kind;
    bool pure;    /* it and all below */
    bool total;   /* it and all below: cannot fail */
    bool many;    /* reads more slots than `slots` can name */
    bool by_dict; /* pure, reads exactly one slot, which is a single STRING, and is worth a table by
                     dictionary id */
    uint32_t id;  /* dense, children before parents */
    weir_type type;
    uint32_t arg_count;
    struct node **args; /* of a lambda call args[0] is NULL and body is set */
    struct node *body;
    uint32_t slot; /* SOURCE; first variable of MAP or of a lambda */
    uint32_t slot_count,
        slots[NODE_SLOTS]; /* that this node reads, without variables bound inside it */
    weir_value value;
    weir_fn_call call;
    uint64_t hash;
    struct node *next; /* in the table of equal hashes */
} node;

struct weir_program {
    uint64_t uid;
    uint32_t input_count, slot_count, node_count, output_count;
    node **outputs;
    bool *uses;
};

/* One node on one row, for folding: all below is constant. */
bool weir_node_fold(const node *call, uint32_t node_count, weir_arena *arena, weir_value *out);
#endif
