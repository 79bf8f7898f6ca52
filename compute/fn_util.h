/* compute/fn_util.h - what functions of the expression language share: rows of a selection,
 * outputs, argument access, typing. */
#ifndef COMPUTE_FN_UTIL_H
#define COMPUTE_FN_UTIL_H
#include "compute/fn.h"
#include "compute/text.h"

#define EXPR_STRING_BYTES (16u << 20) /* the longest result string */
#define EXPR_ITEMS (4u << 20)         /* elements of all arrays that one call makes in a block */

/* for each selected row i; sel is ALL or LIST */
#define FOR_ROWS(sel, i)                                                                           \
    for (uint32_t i##_k = 0, i = 0;                                                                \
         i##_k < (sel)->count &&                                                                   \
         ((i = (sel)->kind == WEIR_SEL_LIST ? (sel)->rows[i##_k] : i##_k), true);                  \
         i##_k++)

/* BITS become LIST; ALL and NONE where so. */
weir_sel weir_sel_plain(const weir_sel *sel, weir_scratch *s);

/* Row i of a FLAT or CONST argument. */
static inline uint32_t weir_arg_at(const weir_vec *arg, uint32_t i)
{
    return arg->form == WEIR_CONST ? 0 : i;
}
static inline int64_t weir_arg_long(const weir_vec *arg, uint32_t i)
{
    return arg->at.l[weir_arg_at(arg, i)];
}
static inline double weir_arg_double(const weir_vec *arg, uint32_t i)
{
    return arg->at.d[weir_arg_at(arg, i)];
}
static inline weir_str weir_arg_str(const weir_vec *arg, uint32_t i)
{
    return arg->at.s[weir_arg_at(arg, i)];
}
static inline bool weir_arg_null(const weir_vec *arg, uint32_t i)
{
    return arg->nulls && weir_bit(arg->nulls, weir_arg_at(arg, i));
}

/* Outputs: zeroed, so that rows that are not selected are valid; they are put into `out`. */
int64_t *weir_out_longs(weir_run *run, uint32_t n, weir_vec *out);
double *weir_out_doubles(weir_run *run, uint32_t n, weir_vec *out);
weir_str *weir_out_strings(weir_run *run, uint32_t n, weir_vec *out);
/* Null bits of `out`, made and zeroed at the first call. */
void weir_out_null(weir_run *run, uint32_t n, weir_vec *out, uint32_t i);
/* Copy of bytes that lives as long as the block. Too long: fails. */
bool weir_out_copy(weir_run *run, weir_str from, weir_str *out);
bool weir_out_check(weir_run *run, size_t bytes); /* whether a result of that size is allowed */

/* Math.pow: unlike C's, NaN when the exponent is NaN, and for 1 or -1 to an infinite one. */
double weir_java_pow(double a, double b);
/* Math.max and min: NaN if either is, 0.0 is more than -0.0. */
double weir_java_max(double x, double y);
double weir_java_min(double x, double y);
/* Half up (away from zero) at `scale` decimals of the shortest decimal text, as
 * BigDecimal.valueOf(x).setScale. */
double weir_round_decimal(double x, int scale);

/* Longs whose order is that of Double.compare: NaN last, -0.0 before 0.0. */
static inline int64_t weir_double_rank(double d)
{
    int64_t bits;
    if (d != d) {
        return INT64_MAX;
    }
    memcpy(&bits, &d, sizeof(bits));
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

/* ---- arrays: LIST, or CONST with items (FLAT) ---- */

static inline bool weir_list_null(const weir_vec *list, uint32_t i)
{
    return !list->items || (list->nulls && weir_bit(list->nulls, weir_arg_at(list, i)));
}
/* First item of row i, and how many; of rows that are not null. */
static inline uint32_t weir_list_from(const weir_vec *list, uint32_t i)
{
    return list->at.offsets[weir_arg_at(list, i)];
}
static inline uint32_t weir_list_size(const weir_vec *list, uint32_t i)
{
    uint32_t at = weir_arg_at(list, i);
    return list->at.offsets[at + 1] - list->at.offsets[at];
}
/* <0, 0, >0 of row i of a and row j of b, FLAT of one type; nulls first, doubles as Double.compare,
 * text in UTF-16 order. */
int weir_item_cmp(const weir_vec *a, uint32_t i, const weir_vec *b, uint32_t j);

/* Rows to be put together from rows of other vectors (FLAT, CONST, LIST over FLAT) of one type;
 * grows in scratch. */
typedef struct weir_picks {
    weir_run *run;
    const weir_vec *vecs;
    uint32_t *vec, *row; /* per row of the result; vec WEIR_NO_ID: null */
    uint32_t count, capacity;
    bool failed; /* too many: run->err says so, the end returns false */
} weir_picks;
weir_picks weir_picks_begin(weir_run *run, const weir_vec *vecs, uint32_t expected);
void weir_picks_grow(weir_picks *picks);
static inline void weir_picks_add(weir_picks *picks, uint32_t vec, uint32_t row)
{
    if (picks->count == picks->capacity) {
        weir_picks_grow(picks);
    }
    picks->vec[picks->count] = vec;
    picks->row[picks->count++] = row;
}
bool weir_picks_end(const weir_picks *picks, weir_type type, weir_vec *out);
/* The picks as items of lists of n rows: out becomes LIST. */
bool weir_picks_lists(const weir_picks *picks, const uint32_t *offsets, uint32_t n, weir_type elem,
                      weir_vec *out);

/* Whether row i, not null, counts as true: a positive number, or "true" in any case. */
bool weir_is_true(const weir_vec *vec, uint32_t i);

/* Rows of COMPLEX<json> as LONG, DOUBLE or STRING; objects and arrays are JSON text, or null. */
bool weir_json_cast(weir_run *run, const weir_vec *from, weir_kind to, uint32_t n, weir_vec *out);

/* Typing of two types as Druid does: of operators (two strings are a string, else numbers) and of
 * functions (one string suffices). UNKNOWN is neutral. */
weir_type weir_type_of_operator(weir_type a, weir_type b);
weir_type weir_type_of_function(weir_type a, weir_type b);
/* The least restrictive one: arrays by element, json if one is. False: none. */
bool weir_type_of_both(weir_type a, weir_type b, weir_type *out);

/* infer: every argument as that kind, and the result too. */
bool weir_infer_doubles(weir_fn_call *call, weir_error *err);
bool weir_infer_longs(weir_fn_call *call, weir_error *err);
bool weir_infer_strings(weir_fn_call *call, weir_error *err);
/* Sentence that begins with the function's name. */
bool weir_fn_fail(const weir_fn_call *call, weir_error *err, const char *what);

/* The literal string of argument i. False: it is none (not there, null, no constant). */
bool weir_call_literal(const weir_fn_call *call, uint32_t i, weir_str *out);
/* Argument i is not given, or null. */
bool weir_call_is_default(const weir_fn_call *call, uint32_t i);
#endif
