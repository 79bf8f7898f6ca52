/* compute/fn_format.c - format (Java's String.format for the conversions that take Druid's types),
 * human_readable_*, base64. A format that Java would refuse gives, as in Druid, the format text and
 * the arguments after it. */
#include "weir/base64.h"
#include "compute/fn_util.h"
#include "compute/utf.h"
#include <math.h>
#include <stdio.h>

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

/* One %[index$][flags][width][.precision]conversion. */
typedef struct spec {
    uint32_t index; /* argument from 1; 0: the next one */
    bool left, alternate, plus, space, zero, comma, paren, previous;
    int width, precision; /* -1: not given */
    char conversion;
} spec;

static int take_int(weir_str s, size_t *at)
{
    int value = -1;
    while (*at < s.size && s.at[*at] >= '0' && s.at[*at] <= '9') {
        value = (value < 0 ? 0 : value) * 10 + (s.at[(*at)++] - '0');
        value = value > 1000000 ? 1000000 : value;
    }
    return value;
}

static bool parse_spec(weir_str s, size_t *at, spec *out)
{
    *out = (spec){.width = -1, .precision = -1};
    size_t digits = *at;
    int number = take_int(s, &digits);
    if (number > 0 && digits < s.size && s.at[digits] == '$') {
        out->index = (uint32_t)number;
        *at = digits + 1;
    }
    for (; *at < s.size && s.at[*at] && strchr("-#+ 0,(<", s.at[*at]); ++*at) {
        char c = s.at[*at];
        out->left |= c == '-';
        out->alternate |= c == '#';
        out->plus |= c == '+';
        out->space |= c == ' ';
        out->zero |= c == '0';
        out->comma |= c == ',';
        out->paren |= c == '(';
        out->previous |= c == '<';
    }
    out->width = take_int(s, at);
    if (*at < s.size && s.at[*at] == '.') {
        ++*at;
        out->precision = take_int(s, at);
        if (out->precision < 0) {
            return false;
        }
    }
    if (*at >= s.size) {
        return false;
    }
    out->conversion = s.at[(*at)++];
    return !(out->left && out->zero) && !((out->left || out->zero) && out->width < 0);
}

/* `text` cut to the precision and padded with blanks to the width, both in UTF-16 units. */
static void put_text(const spec *sp, weir_str text, weir_buf *out)
{
    bool half;
    if (sp->precision >= 0) {
        text.size = weir_utf_offset(text, (size_t)sp->precision, &half);
    }
    int pad = sp->width - (int)weir_str_utf16_size(text);
    for (int i = 0; !sp->left && i < pad; i++) {
        weir_buf_byte(out, ' ');
    }
    weir_buf_str(out, text);
    for (int i = 0; sp->left && i < pad; i++) {
        weir_buf_byte(out, ' ');
    }
}

/* Digits of a number with its sign, groups and zeros as the flags say. */
static void put_number(const spec *sp, bool negative, weir_str digits, bool finite, weir_buf *out)
{
    weir_buf body = {0};
    size_t whole = 0;
    while (whole < digits.size && digits.at[whole] >= '0' && digits.at[whole] <= '9') {
        whole++;
    }
    for (size_t i = 0; i < digits.size; i++) {
        if (sp->comma && finite && i > 0 && i < whole && (whole - i) % 3 == 0) {
            weir_buf_byte(&body, ',');
        }
        weir_buf_byte(&body, digits.at[i]);
    }
    const char *before = negative ? (sp->paren ? "(" : "-") : sp->plus ? "+" : sp->space ? " " : "";
    const char *after = negative && sp->paren ? ")" : "";
    int pad = sp->width - (int)(strlen(before) + body.size + strlen(after));
    weir_buf text = {0};
    weir_buf_text(&text, before);
    for (int i = 0; sp->zero && finite && i < pad; i++) {
        weir_buf_byte(&text, '0');
    }
    weir_buf_str(&text, weir_buf_view(&body));
    weir_buf_text(&text, after);
    spec padded = *sp;
    padded.precision = -1;
    put_text(&padded, weir_buf_view(&text), out);
    weir_buf_done(&text);
    weir_buf_done(&body);
}

static void put_value(const weir_vec *arg, uint32_t i, weir_buf *out)
{
    char text[32];
    if (weir_arg_null(arg, i)) {
        weir_buf_text(out, "null");
    } else if (arg->type.kind == WEIR_LONG) {
        weir_buf_put(out, text, weir_print_long(text, weir_arg_long(arg, i)));
    } else if (arg->type.kind == WEIR_DOUBLE) {
        weir_buf_put(out, text, weir_print_double(text, weir_arg_double(arg, i)));
    } else if (arg->type.kind == WEIR_STRING) {
        weir_buf_str(out, weir_arg_str(arg, i));
    } else {
        weir_buf_text(out, "null");
    }
}

static bool put_long(const spec *sp, int64_t value, weir_buf *out)
{
    char digits[80];
    int size;
    if (sp->precision >= 0) {
        return false;
    }
    if (sp->conversion == 'd') {
        size = snprintf(digits, sizeof(digits), "%llu",
                        value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value);
        put_number(sp, value < 0, (weir_str){digits, (size_t)size}, true, out);
        return true;
    }
    switch (sp->conversion) {
    case 'o':
        size = snprintf(digits, sizeof(digits), "%s%llo", sp->alternate ? "0" : "",
                        (unsigned long long)value);
        break;
    case 'X':
        size = snprintf(digits, sizeof(digits), "%s%llX", sp->alternate ? "0X" : "",
                        (unsigned long long)value);
        break;
    default:
        size = snprintf(digits, sizeof(digits), "%s%llx", sp->alternate ? "0x" : "",
                        (unsigned long long)value);
        break;
    }
    put_number(sp, false, (weir_str){digits, (size_t)size}, true, out);
    return true;
}

static bool put_double(const spec *sp, double value, weir_buf *out)
{
    char digits[512];
    int precision = sp->precision < 0 ? 6 : sp->precision > 100 ? 100 : sp->precision, size;
    if (!isfinite(value)) {
        weir_str name = isnan(value) ? WEIR_STR("NaN") : WEIR_STR("Infinity");
        put_number(sp, value < 0, name, false, out);
        return true;
    }
    double size_of = fabs(value);
    switch (sp->conversion) {
    case 'f':
        size = snprintf(digits, sizeof(digits), "%.*f", precision,
                        weir_round_decimal(size_of, precision));
        break;
    case 'e':
        size = snprintf(digits, sizeof(digits), "%.*e", precision, size_of);
        break;
    case 'E':
        size = snprintf(digits, sizeof(digits), "%.*E", precision, size_of);
        break;
    case 'g':
        size = snprintf(digits, sizeof(digits), "%#.*g", precision ? precision : 1, size_of);
        break;
    case 'G':
        size = snprintf(digits, sizeof(digits), "%#.*G", precision ? precision : 1, size_of);
        break;
    default:
        return false;
    }
    if (size > 0 && digits[size - 1] == '.') {
        size--;
    }
    put_number(sp, signbit(value), (weir_str){digits, (size_t)size}, true, out);
    return true;
}

/* False: Java would throw. */
static bool put_spec(const spec *sp, const weir_vec *arg, uint32_t i, weir_buf *out)
{
    bool null = weir_arg_null(arg, i);
    uint8_t kind = arg->type.kind;
    if (strchr("doxXfeEgG", sp->conversion)) {
        if (null) {
            put_text(sp, WEIR_STR("null"), out);
            return true;
        }
        bool whole = strchr("doxX", sp->conversion);
        return whole ? kind == WEIR_LONG && put_long(sp, weir_arg_long(arg, i), out)
                     : kind == WEIR_DOUBLE && put_double(sp, weir_arg_double(arg, i), out);
    }
    if (sp->conversion == 'b' || sp->conversion == 'B') {
        bool upper = sp->conversion == 'B';
        put_text(sp,
                 null ? (upper ? WEIR_STR("FALSE") : WEIR_STR("false"))
                      : (upper ? WEIR_STR("TRUE") : WEIR_STR("true")),
                 out);
        return true;
    }
    if (sp->conversion != 's' && sp->conversion != 'S') {
        return false;
    }
    weir_buf text = {0};
    put_value(arg, i, &text);
    for (size_t k = 0; sp->conversion == 'S' && k < text.size; k++) {
        text.at[k] = (char)(text.at[k] >= 'a' && text.at[k] <= 'z' ? text.at[k] - 32 : text.at[k]);
    }
    put_text(sp, weir_buf_view(&text), out);
    weir_buf_done(&text);
    return true;
}

static bool put_format(weir_str format, const weir_vec *args, uint32_t count, uint32_t i,
                       weir_buf *out)
{
    uint32_t next = 0, last = 0;
    for (size_t at = 0; at < format.size;) {
        if (format.at[at] != '%') {
            weir_buf_byte(out, format.at[at++]);
            continue;
        }
        at++;
        if (out->size > EXPR_STRING_BYTES) {
            return true; /* the caller says that it is too long */
        }
        spec sp;
        if (!parse_spec(format, &at, &sp)) {
            return false;
        }
        if (sp.conversion == 'n' || sp.conversion == '%') {
            sp.precision = -1;
            put_text(&sp, sp.conversion == 'n' ? WEIR_STR("\n") : WEIR_STR("%"), out);
            continue;
        }
        last = sp.previous ? last : sp.index ? sp.index : ++next;
        if (last == 0 || last > count ||
            !put_spec(&sp, &args[last - 1], i, out)) {
            return false;
        }
    }
    return true;
}

static bool infer_format(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = call->type = WEIR_TYPE(WEIR_STRING);
    for (uint32_t i = 1; i < call->arg_count; i++) {
        weir_kind kind = (weir_kind)call->arg_types[i].kind;
        if (kind != WEIR_LONG && kind != WEIR_DOUBLE) {
            call->arg_types[i] = WEIR_TYPE(WEIR_STRING);
        }
    }
    return true;
}

RUN(run_format)
{
    weir_str *values = weir_out_strings(run, n, out);
    weir_buf text = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        if (weir_arg_null(&args[0], i)) {
            weir_out_null(run, n, out, i);
            continue;
        }
        text.size = 0;
        if (ok && !put_format(weir_arg_str(&args[0], i), args + 1, call->arg_count - 1, i, &text)) {
            text.size = 0;
            weir_buf_str(&text, weir_arg_str(&args[0], i));
            for (uint32_t k = 1; k < call->arg_count; k++) {
                weir_buf_text(&text, "; ");
                put_value(&args[k], i, &text);
            }
        }
        ok = ok && weir_out_copy(run, weir_buf_view(&text), &values[i]);
    }
    weir_buf_done(&text);
    return ok;
}

/* ---- human readable ---- */

typedef enum unit_system { BINARY_BYTE, DECIMAL_BYTE, DECIMAL } unit_system;

static size_t print_human(char out[64], int64_t value, int precision, unit_system system)
{
    static const char *const binary[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    static const char *const decimal[] = {"K", "M", "G", "T", "P", "E"};
    int64_t small = system == BINARY_BYTE ? 1024 : 1000;
    if (value > -small && value < small) {
        return (size_t)snprintf(out, 64, "%lld%s", (long long)value, system == DECIMAL ? "" : " B");
    }
    if (system == BINARY_BYTE) {
        uint64_t magnitude = value < 0 ? 0u - (uint64_t)value : (uint64_t)value;
        int unit = (63 - __builtin_clzll(magnitude)) / 10;
        double scaled = (double)value / (double)(1ull << unit * 10);
        return (size_t)snprintf(out, 64, "%.*f %sB", precision,
                                weir_round_decimal(scaled, precision), binary[unit]);
    }
    int unit = 0;
    while (value <= -1000000 || value >= 1000000) {
        value /= 1000;
        unit++;
    }
    return (size_t)snprintf(out, 64, "%.*f %s%s", precision,
                            weir_round_decimal((double)value / 1000.0, precision), decimal[unit],
                            system == DECIMAL ? "" : "B");
}

static bool infer_human(weir_fn_call *call, weir_error *err)
{
    weir_kind kind = (weir_kind)call->arg_types[0].kind;
    if (kind != WEIR_LONG && kind != WEIR_DOUBLE && kind != WEIR_UNKNOWN) {
        return weir_fn_fail(call, err, "needs a number as its first argument");
    }
    if (call->arg_count > 1 && call->arg_types[1].kind != WEIR_LONG) {
        return weir_fn_fail(call, err, "needs a LONG as its second argument");
    }
    call->arg_types[0] = WEIR_TYPE(WEIR_LONG);
    call->type = WEIR_TYPE(WEIR_STRING);
    return true;
}

static bool human(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                  const weir_sel *sel, uint32_t n, unit_system system, weir_vec *out)
{
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        int64_t precision = call->arg_count > 1 ? weir_arg_long(&args[1], i) : 2;
        if (precision < 0 || precision > 3) {
            return weir_fail(run->err, WEIR_ERR_RUN,
                             "Function[%s] given precision[%lld] must be in the range of [0,3]",
                             call->fn->name, (long long)precision);
        }
        char text[64];
        size_t size = print_human(text, weir_arg_long(&args[0], i), (int)precision, system);
        if (!weir_out_copy(run, (weir_str){text, size}, &values[i])) {
            return false;
        }
    }
    return true;
}

RUN(run_binary_byte)
{
    return human(call, run, args, sel, n, BINARY_BYTE, out);
}

RUN(run_decimal_byte)
{
    return human(call, run, args, sel, n, DECIMAL_BYTE, out);
}

RUN(run_decimal)
{
    return human(call, run, args, sel, n, DECIMAL, out);
}

/* ---- base64 ---- */

RUN(run_base64)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str s = weir_arg_str(&args[0], i);
        char *bytes = weir_scratch_take(run->scratch, s.size + 1);
        size_t size;
        if (!weir_base64_decode(s, bytes, &size)) {
            return weir_fail(run->err, WEIR_ERR_RUN, "Function[%s] given text is no base64",
                             call->fn->name);
        }
        char *text =
            weir_scratch_take(run->scratch, size * 3 + 1); /* a malformed byte becomes U+FFFD */
        size_t length = 0;
        for (size_t at = 0; at < size;) {
            uint32_t step, c = weir_utf_next((weir_str){bytes, size}, at, &step);
            length += weir_utf_put(text + length, c);
            at += step;
        }
        values[i] = (weir_str){text, length};
    }
    return true;
}

#define HUMAN(text, sql, run_it)                                                                   \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = 1, .max_args = 2,                               \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL, .infer = infer_human, .run = run_it,     \
    }
static const weir_fn fns[] = {
    {.name = "format",
     .sql_name = "STRING_FORMAT",
     .min_args = 1,
     .max_args = 255,
     .flags = WEIR_FN_PURE,
     .infer = infer_format,
     .run = run_format},
    HUMAN("human_readable_binary_byte_format", "HUMAN_READABLE_BINARY_BYTE_FORMAT",
          run_binary_byte),
    HUMAN("human_readable_decimal_byte_format", "HUMAN_READABLE_DECIMAL_BYTE_FORMAT",
          run_decimal_byte),
    HUMAN("human_readable_decimal_format", "HUMAN_READABLE_DECIMAL_FORMAT", run_decimal),
    {.name = "decode_base64_utf8",
     .sql_name = "DECODE_BASE64_UTF8",
     .min_args = 1,
     .max_args = 1,
     .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL,
     .infer = weir_infer_strings,
     .run = run_base64},
};
const weir_fn_set weir_fns_format = WEIR_FN_SET(fns);
