/* base/str.c - see include/weir/str.h. */
#include "weir/str.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

bool weir_str_eq_nocase(weir_str a, weir_str b)
{
    return a.size == b.size && (a.size == 0 || strncasecmp(a.at, b.at, a.size) == 0);
}

bool weir_str_starts(weir_str a, weir_str prefix)
{
    return a.size >= prefix.size && (prefix.size == 0 || memcmp(a.at, prefix.at, prefix.size) == 0);
}

/* UTF-8 bytes order like code points; Java orders surrogates (lead byte F0..F4) before U+E000..U+FFFF (EE, EF). */
static int utf16_rank(uint8_t byte)
{
    return byte >= 0xF0 ? byte - 0xF0 + 0xEE : byte >= 0xEE ? byte - 0xEE + 0xF3 : byte;
}

int weir_str_cmp(weir_str a, weir_str b)
{
    size_t n = a.size < b.size ? a.size : b.size;
    const uint8_t *x = (const uint8_t *)a.at, *y = (const uint8_t *)b.at;
    size_t i = 0;
    while (i + 8 <= n && memcmp(x + i, y + i, 8) == 0) {
        i += 8;
    }
    for (; i < n; i++) {
        if (x[i] != y[i]) {
            return utf16_rank(x[i]) - utf16_rank(y[i]);
        }
    }
    return a.size < b.size ? -1 : a.size > b.size;
}

size_t weir_str_utf16_size(weir_str a)
{
    size_t units = 0;
    for (size_t i = 0; i < a.size; i++) {
        uint8_t byte = (uint8_t)a.at[i];
        units += byte >= 0xF0 ? 2 : (byte & 0xC0) != 0x80;
    }
    return units;
}

/* Bytes of the well-formed sequence at `at`, 0 when malformed (overlong, surrogate, too large, cut). */
static size_t utf8_step(const uint8_t *at, size_t left)
{
    if (at[0] < 0x80) {
        return 1;
    }
    if (at[0] >= 0xC2 && at[0] <= 0xDF) {
        return left >= 2 && (at[1] & 0xC0) == 0x80 ? 2 : 0;
    }
    if ((at[0] & 0xF0) == 0xE0) {
        bool ok = left >= 3 && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80 &&
                  !(at[0] == 0xE0 && at[1] < 0xA0) && !(at[0] == 0xED && at[1] >= 0xA0);
        return ok ? 3 : 0;
    }
    if (at[0] >= 0xF0 && at[0] <= 0xF4) {
        bool ok = left >= 4 && (at[1] & 0xC0) == 0x80 && (at[2] & 0xC0) == 0x80 &&
                  (at[3] & 0xC0) == 0x80 && !(at[0] == 0xF0 && at[1] < 0x90) &&
                  !(at[0] == 0xF4 && at[1] >= 0x90);
        return ok ? 4 : 0;
    }
    return 0;
}

bool weir_str_is_utf8(weir_str a)
{
    const uint8_t *at = (const uint8_t *)a.at;
    for (size_t i = 0; i < a.size;) {
        uint64_t word;
        if (a.size - i >= 8 && (memcpy(&word, at + i, 8), (word & 0x8080808080808080u) == 0)) {
            i += 8;
            continue;
        }
        size_t step = utf8_step(at + i, a.size - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

weir_str weir_str_trim(weir_str a)
{
    while (a.size > 0 && isspace((unsigned char)a.at[0])) {
        a.at++;
        a.size--;
    }
    while (a.size > 0 && isspace((unsigned char)a.at[a.size - 1])) {
        a.size--;
    }
    return a;
}

bool weir_str_to_long(weir_str a, int64_t *out)
{
    size_t i = a.size > 0 && (a.at[0] == '-' || a.at[0] == '+');
    bool negative = i == 1 && a.at[0] == '-';
    if (i == a.size) {
        return false;
    }
    uint64_t value = 0, limit = (uint64_t)INT64_MAX + negative;
    for (; i < a.size; i++) {
        uint32_t digit = (uint32_t)(a.at[i] - '0');
        if (digit > 9 || value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool weir_str_to_double(weir_str a, double *out)
{
    char text[400];
    if (a.size == 0 || a.size >= sizeof(text) || memchr(a.at, 0, a.size) ||
        isspace((unsigned char)a.at[0])) {
        return false;
    }
    memcpy(text, a.at, a.size);
    text[a.size] = 0;
    char *end;
    double value = strtod(text, &end);
    if (end != text + a.size) {
        return false;
    }
    *out = value;
    return true;
}
