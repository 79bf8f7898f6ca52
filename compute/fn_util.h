/* compute/fn_util.h - what functions of the expression language share: rows of a selection,
 * outputs, argument access, typing. */
#ifndef COMPUTE_FN_UTIL_H
#define COMPUTE_FN_UTIL_H
#include "compute/fn.h"
#include "compute/text.h"

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
