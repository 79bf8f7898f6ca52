/* compute/utf.h - characters of UTF-8 text, counted as Java does: in UTF-16 code units. Malformed
 * bytes are one character each. */
#ifndef COMPUTE_UTF_H
#define COMPUTE_UTF_H
#include "weir/str.h"

#define WEIR_UTF_BAD 0xfffdu

/* The character at `at` < s.size; its length in bytes, at least 1. */
static inline uint32_t weir_utf_next(weir_str s, size_t at, uint32_t *size)
{
    const unsigned char *p = (const unsigned char *)s.at + at;
    size_t left = s.size - at;
    uint32_t c = p[0];
    *size = 1;
    if (c < 0x80) {
        return c;
    }
    uint32_t need = c >= 0xf0 && c < 0xf5   ? 4
                    : c >= 0xe0 && c < 0xf0 ? 3
                    : c >= 0xc2 && c < 0xe0 ? 2
                                            : 0;
    if (need == 0 || left < need) {
        return WEIR_UTF_BAD;
    }
    c &= 0x7fu >> need;
    for (uint32_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return WEIR_UTF_BAD;
        }
        c = c << 6 | (p[i] & 0x3f);
    }
    if ((need == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
        (need == 4 && (c < 0x10000 || c > 0x10ffff))) {
        return WEIR_UTF_BAD;
    }
    *size = need;
    return c;
}

/* Writes a character; returns its bytes, at most 4. */
static inline uint32_t weir_utf_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* The text as UTF-16, little endian, as Java's chars lie in memory: what Druid hashes. `out` has
 * room for 2 * s.size bytes; returns how many were written. */
static inline size_t weir_utf_to_utf16(weir_str s, uint8_t *out)
{
    uint8_t *start = out;
    for (size_t i = 0; i < s.size;) {
        uint32_t c = (uint8_t)s.at[i], size = 1;
        if (c >= 0x80) {
            c = weir_utf_next(s, i, &size);
        }
        i += size;
        if (c >= 0x10000) {
            uint32_t high = 0xd800 + ((c - 0x10000) >> 10);
            *out++ = (uint8_t)high;
            *out++ = (uint8_t)(high >> 8);
            c = 0xdc00 + ((c - 0x10000) & 0x3ff);
        }
        *out++ = (uint8_t)c;
        *out++ = (uint8_t)(c >> 8);
    }
    return (size_t)(out - start);
}

static inline bool weir_utf_is_ascii(weir_str s)
{
    size_t i = 0;
    for (; i + 8 <= s.size; i += 8) {
        uint64_t word;
        memcpy(&word, s.at + i, 8);
        if (word & 0x8080808080808080u) {
            return false;
        }
    }
    for (; i < s.size; i++) {
        if (s.at[i] & 0x80) {
            return false;
        }
    }
    return true;
}

/* Byte offset of code unit `unit`; s.size when the text is shorter. `half`: the unit is the second
 * of a pair, whose character begins there. */
static inline size_t weir_utf_offset(weir_str s, size_t unit, bool *half)
{
    size_t at = 0, units = 0;
    *half = false;
    while (at < s.size && units < unit) {
        uint32_t size;
        weir_utf_next(s, at, &size);
        units += size == 4 ? 2 : 1;
        if (units > unit) {
            *half = true;
            return at;
        }
        at += size;
    }
    return at;
}
#endif
