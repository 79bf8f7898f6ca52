/* compute/fn.h - one function of the expression language = one entry of this shape, in one file, named in one table (fn_table.c). */
#ifndef COMPUTE_FN_H
#define COMPUTE_FN_H
#include "compute/expr.h"

enum {
    WEIR_FN_NULL_IF_ANY_NULL = 1, /* run sees no null rows; result is null there */
    WEIR_FN_PURE = 2,             /* same arguments, same result: may be folded and run once per dictionary value */
    WEIR_FN_MONOTONE = 4,
    WEIR_FN_LISTS = 8,            /* takes multi-values whole; without it the call maps over elements */
    WEIR_FN_LAZY_ARGS = 16,       /* if, case, nvl, &&, ||: the engine runs branches on narrowed selections */
    WEIR_FN_LAMBDA = 32,
};
typedef struct weir_fn_call {
    const struct weir_fn *fn;
    uint32_t arg_count;
    const weir_expr *const *args;
    weir_type *arg_types;   /* infer may ask for casts by changing these */
    const weir_value **literals; /* per argument: its value when it is constant, else NULL */
    weir_type type;         /* result, set by infer */
    void *prepared;         /* set by prepare, read by run */
    int64_t now_ms;
} weir_fn_call;
typedef struct weir_fn {
    const char *name, *sql_name; /* as on the wire; sql_name NULL: not in SQL */
    uint8_t min_args, max_args;  /* 255: any number */
    uint16_t flags;
    bool (*infer)(weir_fn_call *call, weir_error *err);
    bool (*prepare)(weir_fn_call *call, weir_arena *arena, weir_error *err); /* NULL: nothing to prepare */
    /* args: FLAT or CONST vectors of arg_types (DICT strings are flattened unless LISTS); out is filled whole, memory from run->scratch.
     * Only rows in sel may fail: set run->err, return false. */
    bool (*run)(const weir_fn_call *call, weir_run *run, const weir_vec *args, const weir_sel *sel, uint32_t n, weir_vec *out);
} weir_fn;
const weir_fn *weir_fn_find(weir_str name);      /* NULL: no such function */
const weir_fn *const *weir_fn_all(size_t *count);
#endif
