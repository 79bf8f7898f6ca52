/* compute/expr.h - expressions: text or JSON lower to a tree; a tree is typed for a shape (names and types of inputs) and becomes
 * a program of registers that runs on vectors. Queries, post-aggregators, having, virtual columns and ingest transforms share it. */
#ifndef COMPUTE_EXPR_H
#define COMPUTE_EXPR_H
#include "compute/vec.h"
#include "weir/buf.h"

typedef struct weir_expr weir_expr; /* untyped, immutable; lives in its arena */
typedef enum weir_expr_kind { WEIR_EXPR_CONST, WEIR_EXPR_COLUMN, WEIR_EXPR_CALL, WEIR_EXPR_LAMBDA } weir_expr_kind;
struct weir_expr {
    uint8_t kind;
    weir_str name;             /* COLUMN: column; CALL: function, as in the table (fn.h); LAMBDA: unused */
    weir_value value;          /* CONST */
    uint32_t arg_count;        /* CALL; LAMBDA: 1, the body */
    const weir_expr *const *args;
    const weir_str *params;    /* LAMBDA: parameter names */
    uint32_t param_count;
};
/* Druid's expression language, whole; depth <= 200. Error names the place in the text. */
const weir_expr *weir_expr_parse(weir_arena *arena, weir_str text, weir_error *err);
const weir_expr *weir_expr_column(weir_arena *arena, weir_str name);
const weir_expr *weir_expr_const(weir_arena *arena, weir_value value);
const weir_expr *weir_expr_call(weir_arena *arena, const char *fn, uint32_t arg_count, const weir_expr *const *args);
/* Canonical text, for fingerprints and EXPLAIN; reads back as the same tree. */
void weir_expr_print(const weir_expr *expr, weir_buf *out);
/* Calls `see` for each distinct column name that the tree uses. */
void weir_expr_columns(const weir_expr *expr, void (*see)(void *self, weir_str name), void *self);

/* Names and types of the inputs; a program's input i is column i of the shape. An unknown name is typed null. */
typedef struct weir_shape {
    uint32_t count;
    const weir_str *names;
    const weir_type *types;
} weir_shape;
typedef struct weir_program weir_program; /* immutable; any thread may run it */
/* One output per expression. Errors: unknown function, wrong argument count or types. Constants are folded, common subtrees run once. */
const weir_program *weir_program_new(weir_arena *arena, const weir_expr *const *exprs, uint32_t count,
                                     const weir_shape *shape, int64_t now_ms, weir_error *err);
/* UNKNOWN: always null. Booleans have the face BOOLEAN. */
weir_type weir_program_type(const weir_program *program, uint32_t output);
/* Which inputs are read: true when column i of the shape is used. */
bool weir_program_uses(const weir_program *program, uint32_t input);

/* What one worker needs while it runs programs on a block. */
typedef struct weir_run {
    weir_scratch *scratch; /* outputs live here until it is rewound */
    weir_ctl *ctl;         /* NULL: no limits (tests, ingest) */
    weir_error *err;
    struct weir_expr_cache *cache; /* derived dictionaries and tables of this worker; NULL: none */
} weir_run;
/* Results by dictionary id of one worker, by (program, dictionary); DICT outputs point into it, so it outlives what is made of them.
 * A derived dictionary's count is fixed from the start (ids not given out yet read as ""), so its find() only knows what
 * was given out. Tables stop being made at 256 MB or an eighth of the budget. Budget is forced. NULL is fine to free. */
struct weir_expr_cache *weir_expr_cache_new(weir_budget *budget);
void weir_expr_cache_free(struct weir_expr_cache *cache);
size_t weir_expr_cache_bytes(const struct weir_expr_cache *cache);
/* inputs: one vector per column of the shape that the program uses (others may be zeroed), all of n rows. Only rows of `sel` must be
 * right and only they may fail. False: run->err says why. */
/* Outputs come in any form: a bare column is passed through; a string of one DICT column is DICT of a derived dictionary; over a
 * multi-value column used as a scalar, strings are LIST of type STRING multi and numbers LIST of type ARRAY (null and [] rows count
 * as one null element). Rows that are not selected are unspecified, but valid to read. */
bool weir_program_run(const weir_program *program, weir_run *run, const weir_vec *inputs, const weir_sel *sel, uint32_t n, weir_vec *outputs);
#endif
