/* compute/fn_string.c - text: length, case, cutting, padding, searching. Positions and lengths
 * count UTF-16 code units as in Java; where a cut goes through a pair, the half becomes U+FFFD. */
#include "compute/fn_util.h"
#include "compute/utf.h"
#include <stdlib.h>
#include <unicode/ucasemap.h>
#include <unicode/uchar.h>
#include <pthread.h>

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

static const weir_str half = {"\xef\xbf\xbd", 3};

static bool infer_string(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = call->type = WEIR_TYPE(WEIR_STRING);
    return true;
}

static bool infer_string_to_long(weir_fn_call *call, weir_error *err)
{
    infer_string(call, err);
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

static bool needs_text(weir_fn_call *call, weir_error *err)
{
    uint8_t kind = call->arg_types[0].kind;
    if (kind != WEIR_STRING && kind != WEIR_UNKNOWN) {
        return weir_fn_fail(call, err, "needs a STRING as its first argument");
    }
    return infer_string(call, err);
}

/* text, then numbers */
static bool infer_text_and_longs(weir_fn_call *call, weir_error *err)
{
    infer_string(call, err);
    for (uint32_t i = 1; i < call->arg_count; i++) {
        call->arg_types[i] = WEIR_TYPE(WEIR_LONG);
    }
    return true;
}

static bool infer_text_and_long(weir_fn_call *call, weir_error *err)
{
    uint8_t kind = call->arg_types[1].kind;
    if (kind != WEIR_LONG && kind != WEIR_UNKNOWN) {
        return weir_fn_fail(call, err,
                            "needs a STRING as first argument and a LONG as second argument");
    }
    call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    return needs_text(call, err);
}

/* ---- length, case, reverse ---- */

RUN(run_strlen)
{
    (void)call;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str s = weir_arg_str(&args[0], i);
        values[i] = (int64_t)(weir_utf_is_ascii(s) ? s.size : weir_str_utf16_size(s));
    }
    return true;
}

static UCaseMap *case_map;
static void open_case_map(void)
{
    UErrorCode status = U_ZERO_ERROR;
    case_map = ucasemap_open("en", 0, &status);
}

/* Full mappings (one character may become three), as Java's with the English locale. */
static bool map_case(weir_run *run, weir_str s, bool upper, weir_str *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t capacity = weir_utf_is_ascii(s) ? s.size : s.size * 3;
    if (!weir_out_check(run, s.size)) {
        return false;
    }
    char *to = weir_scratch_take(run->scratch, capacity + 1);
    if (capacity == s.size) {
        char first = upper ? 'a' : 'A';
        for (size_t i = 0; i < s.size; i++) {
            char c = s.at[i];
            to[i] = (char)((unsigned char)(c - first) < 26 ? c ^ 0x20 : c);
        }
        *out = (weir_str){to, s.size};
        return true;
    }
    pthread_once(&once, open_case_map);
    UErrorCode status = U_ZERO_ERROR;
    int32_t size =
        upper
            ? ucasemap_utf8ToUpper(case_map, to, (int32_t)capacity, s.at, (int32_t)s.size, &status)
            : ucasemap_utf8ToLower(case_map, to, (int32_t)capacity, s.at, (int32_t)s.size, &status);
    if (U_FAILURE(status) || size < 0 || (size_t)size > capacity) {
        return weir_fail(run->err, WEIR_ERR_RUN, "cannot change the case of a text of %zu bytes",
                         s.size);
    }
    *out = (weir_str){to, (size_t)size};
    return true;
}

static bool run_case(weir_run *run, const weir_vec *args, const weir_sel *sel, uint32_t n,
                     bool upper, weir_vec *out)
{
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        if (!map_case(run, weir_arg_str(&args[0], i), upper, &values[i])) {
            return false;
        }
    }
    return true;
}

RUN(run_upper)
{
    (void)call;
    return run_case(run, args, sel, n, true, out);
}

RUN(run_lower)
{
    (void)call;
    return run_case(run, args, sel, n, false, out);
}

RUN(run_reverse)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str s = weir_arg_str(&args[0], i);
        char *to = weir_scratch_take(run->scratch, s.size + 1);
        for (size_t at = 0, left = s.size; at < s.size;) {
            uint32_t size;
            weir_utf_next(s, at, &size);
            left -= size;
            memcpy(to + left, s.at + at, size);
            at += size;
        }
        values[i] = (weir_str){to, s.size};
    }
    return true;
}

/* ---- cutting ---- */

/* Code units [from, to) of s; shares its bytes unless a pair is cut. */
static bool cut(weir_run *run, weir_str s, size_t from, size_t to, weir_str *out)
{
    if (weir_utf_is_ascii(s)) {
        to = to < s.size ? to : s.size;
        *out = from < to ? (weir_str){s.at + from, to - from} : WEIR_STR("");
        return true;
    }
    bool from_half, to_half;
    size_t start = weir_utf_offset(s, from, &from_half), end = weir_utf_offset(s, to, &to_half);
    if (from >= to) {
        *out = WEIR_STR("");
        return true;
    }
    if (!from_half && !to_half) {
        *out = (weir_str){s.at + start, end - start};
        return true;
    }
    char *text = weir_scratch_take(run->scratch, end - start + 8);
    size_t size = 0;
    if (from_half) { /* the second half of a pair, then what follows it */
        memcpy(text, half.at, half.size);
        size = half.size;
        start += 4;
    }
    if (end > start) {
        memcpy(text + size, s.at + start, end - start);
        size += end - start;
    }
    if (to_half && end >= start) {
        memcpy(text + size, half.at, half.size);
        size += half.size;
    }
    *out = (weir_str){text, size};
    return true;
}

static int64_t to_int(int64_t l)
{
    return (int32_t)(uint32_t)(uint64_t)l; /* Java's (int) */
}

RUN(run_substring)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str s = weir_arg_str(&args[0], i);
        int64_t index = to_int(weir_arg_long(&args[1], i)),
                length = to_int(weir_arg_long(&args[2], i));
        int64_t units = (int64_t)weir_str_utf16_size(s);
        if (index >= units) {
            weir_out_null(run, n, out, i);
            continue;
        }
        if (index < 0) {
            return weir_fail(run->err, WEIR_ERR_RUN, "begin %lld, end %lld, length %lld",
                             (long long)index, (long long)(length >= 0 ? index + length : units),
                             (long long)units);
        }
        int64_t end = length >= 0 && index + length < units ? index + length : units;
        if (!cut(run, s, (size_t)index, (size_t)end, &values[i])) {
            return false;
        }
    }
    return true;
}

static bool side(const weir_fn_call *call, weir_run *run, const weir_vec *args, const weir_sel *sel,
                 uint32_t n, bool left, weir_vec *out)
{
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str s = weir_arg_str(&args[0], i);
        int64_t count = to_int(weir_arg_long(&args[1], i)), units = (int64_t)weir_str_utf16_size(s);
        if (count < 0) {
            return weir_fail(run->err, WEIR_ERR_RUN,
                             "Function[%s] needs a positive integer as second argument",
                             call->fn->name);
        }
        count = count < units ? count : units;
        if (!cut(run, s, left ? 0 : (size_t)(units - count), left ? (size_t)count : (size_t)units,
                 &values[i])) {
            return false;
        }
    }
    return true;
}

RUN(run_left)
{
    return side(call, run, args, sel, n, true, out);
}

RUN(run_right)
{
    return side(call, run, args, sel, n, false, out);
}

/* Whether the character of `size` bytes at `at` is one of `set`. */
static bool is_in(weir_str set, const char *at, uint32_t size)
{
    for (size_t k = 0; k < set.size;) {
        uint32_t length;
        weir_utf_next(set, k, &length);
        if (length == size && memcmp(set.at + k, at, size) == 0) {
            return true;
        }
        k += length;
    }
    return false;
}

static weir_str trimmed(weir_str s, weir_str set, bool left, bool right)
{
    while (left && s.size > 0) {
        uint32_t size;
        weir_utf_next(s, 0, &size);
        if (!is_in(set, s.at, size)) {
            break;
        }
        s.at += size;
        s.size -= size;
    }
    while (right && s.size > 0) {
        size_t at = s.size - 1;
        while (at > 0 && s.size - at < 4 && ((unsigned char)s.at[at] & 0xc0) == 0x80) {
            at--;
        }
        if (!is_in(set, s.at + at, (uint32_t)(s.size - at))) {
            break;
        }
        s.size = at;
    }
    return s;
}

static bool trim(const weir_fn_call *call, weir_run *run, const weir_vec *args, const weir_sel *sel,
                 uint32_t n, bool left, bool right, weir_vec *out)
{
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str set = call->arg_count > 1 ? weir_arg_str(&args[1], i) : WEIR_STR(" ");
        values[i] = trimmed(weir_arg_str(&args[0], i), set, left, right);
    }
    return true;
}

RUN(run_trim)
{
    return trim(call, run, args, sel, n, true, true, out);
}

RUN(run_ltrim)
{
    return trim(call, run, args, sel, n, true, false, out);
}

RUN(run_rtrim)
{
    return trim(call, run, args, sel, n, false, true, out);
}

/* ---- growing ---- */

RUN(run_repeat)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str s = weir_arg_str(&args[0], i);
        int64_t times = to_int(weir_arg_long(&args[1], i));
        if (times < 1) {
            weir_out_null(run, n, out, i);
            continue;
        }
        size_t size = s.size * (size_t)times; /* int times a text's size: no overflow */
        if (!weir_out_check(run, size)) {
            return false;
        }
        char *to = weir_scratch_take(run->scratch, size + 1);
        for (size_t at = 0; s.size && at < size; at += s.size) {
            memcpy(to + at, s.at, s.size);
        }
        values[i] = (weir_str){to, size};
    }
    return true;
}

static bool infer_pad(weir_fn_call *call, weir_error *err)
{
    infer_string(call, err);
    call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    call->arg_types[2] = WEIR_TYPE(WEIR_STRING);
    return true;
}

/* `count` code units of pad, again and again from its start. */
static bool padding(weir_run *run, weir_str pad, size_t count, weir_str *out)
{
    size_t units = weir_str_utf16_size(pad);
    size_t whole = count / units;
    weir_str rest;
    if (!cut(run, pad, 0, count % units, &rest) ||
        !weir_out_check(run, whole * pad.size + rest.size)) {
        return false;
    }
    char *to = weir_scratch_take(run->scratch, whole * pad.size + rest.size + 1);
    for (size_t k = 0; k < whole; k++) {
        memcpy(to + k * pad.size, pad.at, pad.size);
    }
    if (rest.size) {
        memcpy(to + whole * pad.size, rest.at, rest.size);
    }
    *out = (weir_str){to, whole * pad.size + rest.size};
    return true;
}

static bool pad(weir_run *run, const weir_vec *args, const weir_sel *sel, uint32_t n, bool left,
                weir_vec *out)
{
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str base = weir_arg_str(&args[0], i), with = weir_arg_str(&args[2], i), fill;
        int64_t length = to_int(weir_arg_long(&args[1], i)),
                units = (int64_t)weir_str_utf16_size(base);
        if (length <= 0) {
            weir_out_null(run, n, out, i);
            continue;
        }
        if (length <= units) {
            if (!cut(run, base, 0, (size_t)length, &values[i])) {
                return false;
            }
            continue;
        }
        if (with.size == 0) {
            values[i] = base;
            continue;
        }
        if (!weir_out_check(run, (size_t)length) ||
            !padding(run, with, (size_t)(length - units), &fill) ||
            !weir_out_check(run, fill.size + base.size)) {
            return false;
        }
        char *to = weir_scratch_take(run->scratch, fill.size + base.size + 1);
        memcpy(to + (left ? 0 : base.size), fill.at, fill.size);
        if (base.size) {
            memcpy(to + (left ? fill.size : 0), base.at, base.size);
        }
        values[i] = (weir_str){to, fill.size + base.size};
    }
    return true;
}

RUN(run_lpad)
{
    (void)call;
    return pad(run, args, sel, n, true, out);
}

RUN(run_rpad)
{
    (void)call;
    return pad(run, args, sel, n, false, out);
}

/* ---- searching ---- */

static const char *find(weir_str s, size_t from, weir_str what)
{
    return from > s.size    ? NULL
           : what.size == 0 ? s.at + from
                            : memmem(s.at + from, s.size - from, what.at, what.size);
}

/* How often `what` is in `s`; an empty one is before each character and at the end. */
static size_t count_of(weir_str s, weir_str what)
{
    size_t count = 0;
    if (what.size == 0) {
        for (size_t at = 0; at < s.size; count++) {
            uint32_t size;
            weir_utf_next(s, at, &size);
            at += size;
        }
        return count + 1;
    }
    for (const char *at = find(s, 0, what); at;
         at = find(s, (size_t)(at - s.at) + what.size, what)) {
        count++;
    }
    return count;
}

RUN(run_replace)
{
    (void)call;
    weir_str *values = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str s = weir_arg_str(&args[0], i), what = weir_arg_str(&args[1], i),
                 with = weir_arg_str(&args[2], i);
        size_t count = count_of(s, what), size = s.size - count * what.size;
        if (count == 0) {
            values[i] = s;
            continue;
        }
        if (!weir_out_check(
                run, with.size > EXPR_STRING_BYTES / count ? SIZE_MAX : size + count * with.size)) {
            return false;
        }
        char *to = weir_scratch_take(run->scratch, size + count * with.size + 1), *begin = to;
        for (size_t at = 0;;) {
            const char *next = what.size ? find(s, at, what) : s.at + at;
            size_t before = next ? (size_t)(next - (s.at + at)) : s.size - at;
            if (before) {
                memcpy(to, s.at + at, before);
                to += before;
            }
            if (!next) {
                break;
            }
            if (with.size) {
                memcpy(to, with.at, with.size);
                to += with.size;
            }
            at += before + what.size;
            if (what.size == 0) {
                uint32_t length = 0;
                if (at == s.size) {
                    break;
                }
                weir_utf_next(s, at, &length);
                memcpy(to, s.at + at, length);
                to += length;
                at += length;
            }
        }
        values[i] = (weir_str){begin, (size_t)(to - begin)};
    }
    return true;
}

static bool infer_strpos(weir_fn_call *call, weir_error *err)
{
    infer_string(call, err);
    call->arg_types[1] = WEIR_TYPE(WEIR_STRING);
    if (call->arg_count > 2) {
        call->arg_types[2] = WEIR_TYPE(WEIR_LONG);
    }
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

RUN(run_strpos)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str s = weir_arg_str(&args[0], i), what = weir_arg_str(&args[1], i);
        int64_t from = call->arg_count > 2 ? to_int(weir_arg_long(&args[2], i)) : 0;
        int64_t units = (int64_t)weir_str_utf16_size(s);
        bool in_half;
        if (from >= units) {
            values[i] = what.size == 0 ? units : -1;
            continue;
        }
        size_t start = weir_utf_offset(s, from < 0 ? 0 : (size_t)from, &in_half);
        const char *at = find(s, start + (in_half ? 4 : 0), what);
        values[i] = at ? (int64_t)weir_str_utf16_size((weir_str){s.at, (size_t)(at - s.at)}) : -1;
    }
    return true;
}

static bool infer_contains(weir_fn_call *call, weir_error *err)
{
    (void)err;
    call->arg_types[0] = call->arg_types[1] = WEIR_TYPE(WEIR_STRING);
    call->type = (weir_type){.kind = WEIR_LONG, .face = WEIR_FACE_BOOLEAN};
    return true;
}

RUN(run_contains)
{
    (void)call;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        values[i] = find(weir_arg_str(&args[0], i), 0, weir_arg_str(&args[1], i)) != NULL;
    }
    return true;
}

/* Each character as Java compares it without case: to upper, then to lower, one to one. */
static weir_str folded(weir_run *run, weir_str s)
{
    char *to = weir_scratch_take(run->scratch, s.size * 4 + 1);
    size_t size = 0;
    for (size_t at = 0; at < s.size;) {
        uint32_t length, c = weir_utf_next(s, at, &length);
        uint32_t f = c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c)
                              : (uint32_t)u_tolower(u_toupper((UChar32)c));
        size += weir_utf_put(to + size, f);
        at += length;
    }
    return (weir_str){to, size};
}

RUN(run_icontains)
{
    (void)call;
    int64_t *values = weir_out_longs(run, n, out);
    weir_str what = {0};
    bool one = args[1].form == WEIR_CONST, have = false;
    FOR_ROWS(sel, i)
    {
        if (!one || !have) {
            what = folded(run, weir_arg_str(&args[1], i));
            have = true;
        }
        values[i] = find(folded(run, weir_arg_str(&args[0], i)), 0, what) != NULL;
    }
    return true;
}

/* ---- numbers in text ---- */

static bool parse_radix(weir_str s, int64_t radix, int64_t *out)
{
    size_t at = 0;
    bool minus = s.size > 0 && s.at[0] == '-';
    if (radix == 16 && s.size >= 2 && s.at[0] == '0' && (s.at[1] == 'x' || s.at[1] == 'X')) {
        s.at += 2;
        s.size -= 2;
        minus = s.size > 0 && s.at[0] == '-';
    }
    if (s.size > 0 && (s.at[0] == '-' || s.at[0] == '+')) {
        at = 1;
    }
    if (at == s.size || radix < 2 || radix > 36) {
        return false;
    }
    uint64_t value = 0;
    for (; at < s.size; at++) {
        char c = s.at[at];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'z' ? c - 'a' + 10
                    : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                           : 99;
        if (digit >= radix || __builtin_mul_overflow(value, (uint64_t)radix, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return false;
        }
    }
    if (value > (uint64_t)INT64_MAX + minus) {
        return false;
    }
    *out = (int64_t)(minus ? 0u - value : value);
    return true;
}

static bool infer_parse_long(weir_fn_call *call, weir_error *err)
{
    infer_text_and_longs(call, err);
    call->type = WEIR_TYPE(WEIR_LONG);
    return true;
}

RUN(run_parse_long)
{
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        int64_t radix = call->arg_count > 1 ? weir_arg_long(&args[1], i) : 10;
        if (!parse_radix(weir_arg_str(&args[0], i), radix, &values[i])) {
            weir_out_null(run, n, out, i);
        }
    }
    return true;
}

#define FN(text, sql, least, most, infer_it, run_it)                                               \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = least, .max_args = most,                        \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL, .infer = infer_it, .run = run_it,        \
    }
static const weir_fn fns[] = {
    FN("strlen", "CHAR_LENGTH", 1, 1, infer_string_to_long, run_strlen),
    FN("upper", "UPPER", 1, 1, infer_string, run_upper),
    FN("lower", "LOWER", 1, 1, infer_string, run_lower),
    FN("reverse", "REVERSE", 1, 1, needs_text, run_reverse),
    FN("substring", "SUBSTRING", 3, 3, infer_text_and_longs, run_substring),
    FN("left", "LEFT", 2, 2, infer_text_and_long, run_left),
    FN("right", "RIGHT", 2, 2, infer_text_and_long, run_right),
    FN("trim", "TRIM", 1, 2, weir_infer_strings, run_trim),
    FN("ltrim", "LTRIM", 1, 2, weir_infer_strings, run_ltrim),
    FN("rtrim", "RTRIM", 1, 2, weir_infer_strings, run_rtrim),
    FN("repeat", "REPEAT", 2, 2, infer_text_and_long, run_repeat),
    FN("lpad", "LPAD", 3, 3, infer_pad, run_lpad),
    FN("rpad", "RPAD", 3, 3, infer_pad, run_rpad),
    FN("replace", "REPLACE", 3, 3, weir_infer_strings, run_replace),
    FN("strpos", "STRPOS", 2, 3, infer_strpos, run_strpos),
    FN("contains_string", "CONTAINS_STRING", 2, 2, infer_contains, run_contains),
    FN("icontains_string", "ICONTAINS_STRING", 2, 2, infer_contains, run_icontains),
    FN("parse_long", "PARSE_LONG", 1, 2, infer_parse_long, run_parse_long),
};
const weir_fn_set weir_fns_string = WEIR_FN_SET(fns);
