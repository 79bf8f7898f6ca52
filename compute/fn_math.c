/* compute/fn_math.c - java.lang.Math on numbers: one argument or two, to double or as the arguments
 * are. Text gives null. C's functions agree with Java's within an ulp; where the two differ in
 * kind, the difference is written out here. */
#include "compute/fn_util.h"
#include <math.h>
#include <stdio.h>

/* Text is no number here, not even "5": Druid gives null. */
static weir_type number_or_null(weir_type type, weir_kind to)
{
    return WEIR_TYPE(
        (uint8_t)(type.kind == WEIR_STRING || type.kind == WEIR_ARRAY || type.kind == WEIR_COMPLEX
                      ? WEIR_UNKNOWN
                      : to));
}

static bool infer_to_double(weir_fn_call *call, weir_error *err)
{
    (void)err;
    bool one_text = call->arg_count == 1;
    weir_type both = call->arg_count == 2
                         ? weir_type_of_operator(call->arg_types[0], call->arg_types[1])
                         : call->arg_types[0];
    for (uint32_t i = 0; i < call->arg_count; i++) {
        /* of two arguments, one may be text that is a number */
        call->arg_types[i] = one_text || both.kind == WEIR_STRING
                                 ? number_or_null(both, WEIR_DOUBLE)
                                 : WEIR_TYPE(WEIR_DOUBLE);
    }
    call->type = WEIR_TYPE(WEIR_DOUBLE);
    return true;
}

/* Longs stay longs, all else is double. */
static bool infer_as_is(weir_fn_call *call, weir_error *err)
{
    (void)err;
    weir_type both = call->arg_count == 2
                         ? weir_type_of_operator(call->arg_types[0], call->arg_types[1])
                         : call->arg_types[0];
    weir_kind kind = both.kind == WEIR_LONG || both.kind == WEIR_UNKNOWN ? WEIR_LONG : WEIR_DOUBLE;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        call->arg_types[i] = number_or_null(both, kind);
    }
    call->type = WEIR_TYPE(kind);
    return true;
}

static bool infer_to_long(weir_fn_call *call, weir_error *err)
{
    (void)err;
    weir_type both = call->arg_count == 2
                         ? weir_type_of_operator(call->arg_types[0], call->arg_types[1])
                         : call->arg_types[0];
    for (uint32_t i = 0; i < call->arg_count; i++) {
        call->arg_types[i] = number_or_null(both, WEIR_LONG);
    }
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

static bool infer_double_to_long(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = number_or_null(call->arg_types[0], WEIR_DOUBLE);
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

static bool infer_long_to_double(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = number_or_null(call->arg_types[0], WEIR_LONG);
    call->type = WEIR_TYPE(WEIR_DOUBLE);
    return true;
}

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

/* Dense loops: `x` (and `y`) to `expression`. */
#define UNARY(name, in, out_type, expression)                                                      \
    RUN(name)                                                                                      \
    {                                                                                              \
        (void)call, (void)sel;                                                                     \
        out_type *values = WEIR_SCRATCH_ARRAY(run->scratch, out_type, n + 1);                      \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const in x = ((const in *)(const void *)args[0].at.l)[weir_arg_at(&args[0], i)];       \
            values[i] = (expression);                                                              \
        }                                                                                          \
        out->at.l = (const int64_t *)(const void *)values;                                         \
        return true;                                                                               \
    }
#define BINARY(name, in, out_type, expression)                                                     \
    RUN(name)                                                                                      \
    {                                                                                              \
        (void)call, (void)sel;                                                                     \
        out_type *values = WEIR_SCRATCH_ARRAY(run->scratch, out_type, n + 1);                      \
        for (uint32_t i = 0; i < n; i++) {                                                         \
            const in x = ((const in *)(const void *)args[0].at.l)[weir_arg_at(&args[0], i)];       \
            const in y = ((const in *)(const void *)args[1].at.l)[weir_arg_at(&args[1], i)];       \
            values[i] = (expression);                                                              \
        }                                                                                          \
        out->at.l = (const int64_t *)(const void *)values;                                         \
        return true;                                                                               \
    }

static double sign_of(double x)
{
    return x > 0 ? 1.0 : x < 0 ? -1.0 : x;
}

static double unit_of(double x)
{
    double a = fabs(x);
    if (!isfinite(a)) {
        return a;
    }
    double next = nextafter(a, (double)INFINITY);
    return isinf(next) ? a - nextafter(a, 0.0) : next - a;
}

static int64_t exponent_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return (int64_t)(bits >> 52 & 0x7ff) - 1023;
}

static int64_t bits_of(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return isnan(x) ? 0x7ff8000000000000 : bits;
}

static double of_bits(int64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

/* Java's: NaN if either is, 0.0 is more than -0.0. */
double weir_java_max(double x, double y)
{
    return isnan(x) || isnan(y) ? (double)NAN : x == y ? (signbit(x) ? y : x) : x > y ? x : y;
}

double weir_java_min(double x, double y)
{
    return isnan(x) || isnan(y) ? (double)NAN : x == y ? (signbit(x) ? x : y) : x < y ? x : y;
}

static double scale_of(double x, double y)
{
    return scalbn(x, y < -4000 ? -4000 : y > 4000 ? 4000 : (int)y);
}

static const double pi = 3.14159265358979323846;

UNARY(run_acos, double, double, acos(x))
UNARY(run_asin, double, double, asin(x))
UNARY(run_atan, double, double, atan(x))
UNARY(run_cbrt, double, double, (double)cbrtl((long double)x)) /* glibc's cbrt(27) is not 3 */
UNARY(run_ceil, double, double, ceil(x))
UNARY(run_cos, double, double, cos(x))
UNARY(run_cosh, double, double, cosh(x))
UNARY(run_cot, double, double, cos(x) / sin(x))
UNARY(run_exp, double, double, exp(x))
UNARY(run_expm1, double, double, expm1(x))
UNARY(run_floor, double, double, floor(x))
UNARY(run_log, double, double, log(x))
UNARY(run_log10, double, double, log10(x))
UNARY(run_log1p, double, double, log1p(x))
UNARY(run_next_up, double, double, nextafter(x, (double)INFINITY))
UNARY(run_rint, double, double, rint(x))
UNARY(run_signum, double, double, sign_of(x))
UNARY(run_sin, double, double, sin(x))
UNARY(run_sinh, double, double, sinh(x))
UNARY(run_sqrt, double, double, sqrt(x))
UNARY(run_tan, double, double, tan(x))
UNARY(run_tanh, double, double, tanh(x))
UNARY(run_degrees, double, double, x *(180.0 / pi))
UNARY(run_radians, double, double, x *(pi / 180.0))
UNARY(run_ulp, double, double, unit_of(x))
UNARY(run_get_exponent, double, int64_t, exponent_of(x))
UNARY(run_complement, int64_t, int64_t, ~x)
UNARY(run_to_bits, double, int64_t, bits_of(x))
UNARY(run_of_bits, int64_t, double, of_bits(x))
UNARY(abs_long, uint64_t, uint64_t, (int64_t)x < 0 ? 0u - x : x)
UNARY(abs_double, double, double, fabs(x))
BINARY(run_atan2, double, double, atan2(x, y))
BINARY(run_copy_sign, double, double, copysign(x, y))
BINARY(run_hypot, double, double, hypot(x, y))
BINARY(run_remainder, double, double, remainder(x, y))
BINARY(run_next_after, double, double, nextafter(x, y))
BINARY(run_pow, double, double, weir_java_pow(x, y))
BINARY(run_scalb, double, double, scale_of(x, y))
BINARY(run_bit_and, int64_t, int64_t, x &y)
BINARY(run_bit_or, int64_t, int64_t, x | y)
BINARY(run_bit_xor, int64_t, int64_t, x ^ y)
BINARY(run_shift_left, uint64_t, uint64_t, x << (y & 63))
BINARY(run_shift_right, int64_t, int64_t, x >> (y & 63))
BINARY(max_long, int64_t, int64_t, x > y ? x : y)
BINARY(max_double, double, double, weir_java_max(x, y))
BINARY(min_long, int64_t, int64_t, x < y ? x : y)
BINARY(min_double, double, double, weir_java_min(x, y))

#define BY_TYPE(name, of_long, of_double)                                                          \
    RUN(name)                                                                                      \
    {                                                                                              \
        return (call->type.kind == WEIR_LONG ? of_long : of_double)(call, run, args, sel, n, out); \
    }
BY_TYPE(run_abs, abs_long, abs_double)
BY_TYPE(run_max, max_long, max_double)
BY_TYPE(run_min, min_long, min_double)

/* ---- division ---- */

static bool infer_div(weir_fn_call *call, weir_error *err)
{
    infer_as_is(call, err);
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

RUN(run_div)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        if (call->arg_types[0].kind == WEIR_DOUBLE) {
            values[i] =
                weir_double_to_long(weir_arg_double(&args[0], i) / weir_arg_double(&args[1], i));
            continue;
        }
        int64_t x = weir_arg_long(&args[0], i), y = weir_arg_long(&args[1], i);
        if (y == 0) {
            return weir_fail(run->err, WEIR_ERR_RUN, "/ by zero");
        }
        values[i] = y == -1 ? (int64_t)(0u - (uint64_t)x) : x / y;
    }
    return true;
}

/* Null for x / 0, but 0 / 0 is 0. */
RUN(run_safe_divide)
{
    int64_t *longs = weir_out_longs(run, n, out);
    double *doubles = (double *)longs;
    FOR_ROWS(sel, i)
    {
        if (call->type.kind == WEIR_LONG) {
            int64_t x = weir_arg_long(&args[0], i), y = weir_arg_long(&args[1], i);
            if (y == 0 && x != 0) {
                weir_out_null(run, n, out, i);
            } else if (y != 0) {
                longs[i] = y == -1 ? (int64_t)(0u - (uint64_t)x) : x / y;
            }
        } else {
            double x = weir_arg_double(&args[0], i), y = weir_arg_double(&args[1], i);
            bool zero = y == 0 || isnan(y);
            if (zero && x != 0) {
                weir_out_null(run, n, out, i);
            } else if (!zero) {
                doubles[i] = x / y;
            }
        }
    }
    return true;
}

/* ---- round ---- */

/* Half away from zero at `scale` decimals, on the shortest decimal text of the number, as
 * BigDecimal.valueOf does. */
double weir_round_decimal(double x, int scale)
{
    if (isnan(x)) {
        return 0.0;
    }
    if (isinf(x)) {
        x = copysign(1.7976931348623157e308, x);
    }
    if (scale == 0 && fabs(x) < 4503599627370496.0) {
        double rounded = round(x);
        return rounded == 0 ? 0.0 : rounded; /* BigDecimal has no -0 */
    }
    char text[32], digits[40];
    size_t size = weir_print_double(text, x), count = 0;
    int point = 0, exponent = 0;
    bool after = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == 'E') {
            for (size_t k = i + 1; k < size; k++) {
                exponent = text[k] == '-' ? 0 : exponent * 10 + (text[k] - '0');
            }
            exponent = i + 1 < size && text[i + 1] == '-' ? -exponent : exponent;
            break;
        }
        after |= c == '.';
        if (c >= '0' && c <= '9') {
            digits[count++] = c;
            point += !after;
        }
    }
    int keep = point + exponent + scale; /* digits that stay */
    if (keep >= (int)count) {
        return x;
    }
    if (keep < 0) {
        return 0.0;
    }
    bool up = digits[keep] >= '5';
    /* the kept digits and one in front of them for the carry */
    char out[64];
    int at = 0;
    out[at++] = '0';
    for (int i = 0; i < keep; i++) {
        out[at++] = digits[i];
    }
    for (int i = at - 1; up && i >= 0; i--) {
        up = out[i] == '9';
        out[i] = (char)(up ? '0' : out[i] + 1);
    }
    at += snprintf(out + at, sizeof(out) - (size_t)at, "e%d", point + exponent - keep);
    double result = 0;
    weir_str_to_double((weir_str){out, (size_t)at}, &result);
    return x < 0 ? (result == 0 ? 0.0 : -result) : result;
}

static int64_t round_long(int64_t x, int scale)
{
    if (scale >= 0) {
        return x;
    }
    if (scale < -19) {
        return 0;
    }
    __int128 unit = 1, value = x < 0 ? -(__int128)x : x;
    for (int i = 0; i < -scale; i++) {
        unit *= 10;
    }
    value = (value + unit / 2) / unit * unit;
    uint64_t low = (uint64_t)value;
    return (int64_t)(x < 0 ? 0u - low : low);
}

static bool infer_round(weir_fn_call *call, weir_error *err)
{
    weir_kind kind = (weir_kind)call->arg_types[0].kind;
    if (kind != WEIR_LONG && kind != WEIR_DOUBLE && kind != WEIR_UNKNOWN) {
        char name[64];
        return weir_fail(
            err, WEIR_ERR_BAD_QUERY,
            "Function[round] first argument should be a LONG or DOUBLE but got %.*s instead",
            WEIR_STR_ARG(weir_type_name(call->arg_types[0], name)));
    }
    if (call->arg_count == 2) {
        if (call->arg_types[1].kind != WEIR_LONG && call->arg_types[1].kind != WEIR_UNKNOWN) {
            return weir_fn_fail(call, err, "second argument should be a LONG");
        }
        call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    }
    call->type = call->arg_types[0] = WEIR_TYPE((uint8_t)(kind == WEIR_UNKNOWN ? WEIR_LONG : kind));
    return true;
}

RUN(run_round)
{
    int64_t *longs = weir_out_longs(run, n, out);
    double *doubles = (double *)longs;
    FOR_ROWS(sel, i)
    {
        int64_t scale = call->arg_count == 2 ? weir_arg_long(&args[1], i) : 0;
        int bounded = (int)(scale < -400 ? -400 : scale > 400 ? 400 : scale);
        if (call->type.kind == WEIR_LONG) {
            longs[i] = round_long(weir_arg_long(&args[0], i), bounded);
        } else {
            doubles[i] = weir_round_decimal(weir_arg_double(&args[0], i), bounded);
        }
    }
    return true;
}

/* ---- constants ---- */

static bool infer_pi(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->type = WEIR_TYPE(WEIR_DOUBLE);
    return true;
}

RUN(run_pi)
{
    (void)call, (void)args, (void)sel;
    double *values = weir_out_doubles(run, n, out);
    for (uint32_t i = 0; i < n; i++) {
        values[i] = pi;
    }
    return true;
}

#define FN(text, sql, arg_count, infer_it, run_it, more)                                           \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = arg_count, .max_args = arg_count,               \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL | (more), .infer = infer_it,              \
        .run = run_it,                                                                             \
    }
#define DOUBLE_1(text, sql, run_it) FN(text, sql, 1, infer_to_double, run_it, WEIR_FN_TOTAL)
#define DOUBLE_2(text, sql, run_it) FN(text, sql, 2, infer_to_double, run_it, WEIR_FN_TOTAL)
#define LONG_2(text, sql, run_it) FN(text, sql, 2, infer_to_long, run_it, WEIR_FN_TOTAL)

static const weir_fn fns[] = {
    DOUBLE_1("acos", "ACOS", run_acos),
    DOUBLE_1("asin", "ASIN", run_asin),
    DOUBLE_1("atan", "ATAN", run_atan),
    DOUBLE_1("cbrt", NULL, run_cbrt),
    DOUBLE_1("ceil", NULL, run_ceil),
    DOUBLE_1("cos", "COS", run_cos),
    DOUBLE_1("cosh", NULL, run_cosh),
    DOUBLE_1("cot", "COT", run_cot),
    DOUBLE_1("exp", "EXP", run_exp),
    DOUBLE_1("expm1", NULL, run_expm1),
    DOUBLE_1("floor", NULL, run_floor),
    DOUBLE_1("log", "LN", run_log),
    DOUBLE_1("log10", "LOG10", run_log10),
    DOUBLE_1("log1p", NULL, run_log1p),
    DOUBLE_1("nextUp", NULL, run_next_up),
    DOUBLE_1("rint", NULL, run_rint),
    DOUBLE_1("signum", NULL, run_signum),
    DOUBLE_1("sin", "SIN", run_sin),
    DOUBLE_1("sinh", NULL, run_sinh),
    DOUBLE_1("sqrt", "SQRT", run_sqrt),
    DOUBLE_1("tan", "TAN", run_tan),
    DOUBLE_1("tanh", NULL, run_tanh),
    DOUBLE_1("toDegrees", "DEGREES", run_degrees),
    DOUBLE_1("toRadians", "RADIANS", run_radians),
    DOUBLE_1("ulp", NULL, run_ulp),
    DOUBLE_2("atan2", "ATAN2", run_atan2),
    DOUBLE_2("copySign", NULL, run_copy_sign),
    DOUBLE_2("hypot", NULL, run_hypot),
    DOUBLE_2("remainder", NULL, run_remainder),
    DOUBLE_2("nextAfter", NULL, run_next_after),
    DOUBLE_2("pow", "POWER", run_pow),
    DOUBLE_2("scalb", NULL, run_scalb),
    LONG_2("bitwiseAnd", "BITWISE_AND", run_bit_and),
    LONG_2("bitwiseOr", "BITWISE_OR", run_bit_or),
    LONG_2("bitwiseXor", "BITWISE_XOR", run_bit_xor),
    LONG_2("bitwiseShiftLeft", "BITWISE_SHIFT_LEFT", run_shift_left),
    LONG_2("bitwiseShiftRight", "BITWISE_SHIFT_RIGHT", run_shift_right),
    FN("bitwiseComplement", "BITWISE_COMPLEMENT", 1, infer_to_long, run_complement, WEIR_FN_TOTAL),
    FN("bitwiseConvertDoubleToLongBits", "BITWISE_CONVERT_DOUBLE_TO_LONG_BITS", 1,
       infer_double_to_long, run_to_bits, WEIR_FN_TOTAL),
    FN("bitwiseConvertLongBitsToDouble", "BITWISE_CONVERT_LONG_BITS_TO_DOUBLE", 1,
       infer_long_to_double, run_of_bits, WEIR_FN_TOTAL),
    FN("getExponent", NULL, 1, infer_double_to_long, run_get_exponent, WEIR_FN_TOTAL),
    FN("abs", "ABS", 1, infer_as_is, run_abs, WEIR_FN_TOTAL),
    FN("max", NULL, 2, infer_as_is, run_max, WEIR_FN_TOTAL),
    FN("min", NULL, 2, infer_as_is, run_min, WEIR_FN_TOTAL),
    FN("div", "DIV", 2, infer_div, run_div, 0),
    FN("safe_divide", "SAFE_DIVIDE", 2, infer_as_is, run_safe_divide, 0),
    FN("pi", "PI", 0, infer_pi, run_pi, WEIR_FN_TOTAL),
    {.name = "round",
     .sql_name = "ROUND",
     .min_args = 1,
     .max_args = 2,
     .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL,
     .infer = infer_round,
     .run = run_round},
};
const weir_fn_set weir_fns_math = WEIR_FN_SET(fns);
