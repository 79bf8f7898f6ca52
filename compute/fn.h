/* compute/fn.h - one function of the expression language = one entry of this shape, in one file,
 * named in one table (fn_table.c).
 *
 * A call lives in three steps. `infer`: argument types and literals to result type; it may ask for
 * casts by changing arg_types. `prepare`: once per program, what literals allow (a regex, a zone).
 * `run`: once per block, on vectors. Operators are functions whose names are no identifiers ("+",
 * "u-"), so text cannot call them by name. Types seen here: UNKNOWN (an untyped null), LONG,
 * DOUBLE, STRING, ARRAY, COMPLEX; FLOAT inputs arrive as DOUBLE. */
#ifndef COMPUTE_FN_H
#define COMPUTE_FN_H
#include "compute/expr.h"

enum {
    WEIR_FN_NULL_IF_ANY_NULL =
        1, /* run sees no null rows; result is null there (for all kinds but lazy ones) */
    WEIR_FN_PURE =
        2, /* same arguments, same result: may be folded and run once per dictionary value */
    WEIR_FN_MONOTONE = 4,
    WEIR_FN_LISTS = 8, /* every argument is taken whole, as an array: see list_args */
    WEIR_FN_LAZY_ARGS =
        16, /* if, case, nvl, &&, ||: run_lazy evaluates arguments on narrowed selections */
    WEIR_FN_LAMBDA = 32, /* the first argument is a lambda; run_lazy */
    WEIR_FN_TOTAL = 64,  /* run cannot fail, whatever the values: it gets all rows, also null and
                            unselected ones */
    WEIR_FN_NULL_DEFAULTS =
        256, /* with NULL_IF_ANY_NULL: constant nulls after the first argument are defaults */
    WEIR_FN_MULTI = 512, /* gives lists that count as a multi-value column's: calls over it are
                            mapped over its elements */
    WEIR_FN_LAST_SCALAR = 128, /* the last argument is no list, whatever list_args says */
};
typedef struct weir_fn_call {
    const struct weir_fn *fn;
    uint32_t arg_count;
    const weir_expr *const *args;
    weir_type *arg_types;        /* infer may ask for casts by changing these */
    const weir_value **literals; /* per argument: its value when it is constant, else NULL */
    weir_type type;              /* result, set by infer */
    void *prepared;              /* set by prepare, read by run */
    int64_t now_ms;
    uint32_t param_count; /* LAMBDA: parameters of the lambda */
    uint16_t flags;       /* the function's; infer may add TOTAL where its types allow it */
} weir_fn_call;

/* Arguments that are not evaluated yet: what a lazy or lambda function works on. */
typedef struct weir_args weir_args;
/* Argument i on the rows of `sel` (a part of the call's): FLAT, CONST or LIST, of the call's n
 * rows. */
bool weir_args_eval(weir_args *args, uint32_t i, const weir_sel *sel, weir_vec *out);
/* Whether argument i can fail on no row, whatever its values: then it may be evaluated on more rows
 * than are asked for. */
bool weir_args_total(const weir_args *args, uint32_t i);
/* The lambda's body on `n` <= 4,096 rows of their own: row i sees the parameters' vectors at i, and
 * the surroundings at row origin[i]. */
bool weir_args_lambda(weir_args *args, const uint16_t *origin, const weir_vec *params, uint32_t n,
                      weir_vec *out);

typedef struct weir_fn {
    const char *name, *sql_name; /* as on the wire; sql_name NULL: not in SQL */
    uint8_t min_args, max_args;  /* 255: any number */
    uint16_t flags;
    /* Bit i: argument i is an array taken whole (a scalar becomes an array of one, a multi-value
     * its list, with [] as null); others of a multi-value column make the call map over its
     * elements. Bit 31: all arguments from 31 on. LISTS: all bits. infer sees the type as it was;
     * what run gets is ARRAY. */
    uint32_t list_args;
    bool (*infer)(weir_fn_call *call, weir_error *err);
    bool (*prepare)(weir_fn_call *call, weir_arena *arena,
                    weir_error *err); /* NULL: nothing to prepare */
    /* args: FLAT or CONST vectors of arg_types (CONST ones have one value; LIST or CONST for
     * arrays). Only rows in sel may be read where values are pointers, and only they may fail: set
     * run->err, return false. sel is ALL or LIST. out: FLAT (or LIST, CONST), memory from
     * run->scratch; strings that are not selected must be valid (use weir_out_strings). Null bits
     * of arguments are added by the engine. */
    bool (*run)(const weir_fn_call *call, weir_run *run, const weir_vec *args, const weir_sel *sel,
                uint32_t n, weir_vec *out);
    /* LAZY_ARGS, LAMBDA: instead of run. sel is not NONE. */
    bool (*run_lazy)(const weir_fn_call *call, weir_run *run, weir_args *args, const weir_sel *sel,
                     uint32_t n, weir_vec *out);
    /* LAMBDA: types of the parameters from arg_types[1..]. Called again with the body's type in
     * arg_types[0] (UNKNOWN at first): when the parameters then differ, the body is typed anew. */
    bool (*params)(weir_fn_call *call, weir_type *params, weir_error *err);
    /* The call in terms of other functions, or itself; the above is then not needed. */
    const weir_expr *(*rewrite)(const weir_expr *call, weir_arena *arena);
} weir_fn;

/* A file's functions. */
typedef struct weir_fn_set {
    const weir_fn *fns;
    size_t count;
} weir_fn_set;
#define WEIR_FN_SET(array)                                                                         \
    {                                                                                              \
        (array), sizeof(array) / sizeof((array)[0])                                                \
    }

const weir_fn *weir_fn_find(weir_str name);       /* any case; NULL: no such function */
const weir_fn *const *weir_fn_all(size_t *count); /* by name */
#endif
