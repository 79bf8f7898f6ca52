/* base/buf.c - see include/weir/buf.h. Doubles print with the shortest digits that read back: %.15g, then 16, then 17. */
#include "weir/buf.h"
#include <endian.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void weir_buf_done(weir_buf *buf)
{
    free(buf->at);
    *buf = (weir_buf){0};
}

void weir_buf_reserve(weir_buf *buf, size_t more_bytes)
{
    if (buf->capacity - buf->size >= more_bytes) {
        return;
    }
    size_t capacity = buf->capacity ? buf->capacity * 2 : 256;
    while (capacity - buf->size < more_bytes) {
        capacity *= 2;
    }
    buf->at = weir_realloc(buf->at, capacity);
    buf->capacity = capacity;
}

void weir_buf_text(weir_buf *buf, const char *text)
{
    weir_buf_put(buf, text, strlen(text));
}

void weir_buf_printf(weir_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size > 0) {
        weir_buf_reserve(buf, (size_t)size + 1);
        vsnprintf(buf->at + buf->size, (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    }
    va_end(again);
}

void weir_buf_u32(weir_buf *buf, uint32_t value)
{
    value = htole32(value);
    weir_buf_put(buf, &value, sizeof(value));
}

void weir_buf_u64(weir_buf *buf, uint64_t value)
{
    value = htole64(value);
    weir_buf_put(buf, &value, sizeof(value));
}

void weir_buf_varint(weir_buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        weir_buf_byte(buf, (char)(value | 0x80));
        value >>= 7;
    }
    weir_buf_byte(buf, (char)value);
}

void weir_buf_bytes(weir_buf *buf, weir_str s)
{
    weir_buf_varint(buf, s.size);
    weir_buf_str(buf, s);
}

/* Java's form from C's "d.ddde+XX": plain between 1e-3 and 1e7, else d.dddE±x; always a digit after the point. */
static size_t java_form(char out[32], const char *e_form)
{
    char digits[24];
    size_t count = 0, n = 0;
    const char *p = e_form;
    if (*p == '-') {
        out[n++] = *p++;
    }
    for (; *p && *p != 'e'; p++) {
        if (*p != '.') {
            digits[count++] = *p;
        }
    }
    int exponent = *p ? atoi(p + 1) : 0;
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    if (exponent >= -3 && exponent < 7) {
        if (exponent < 0) {
            out[n++] = '0';
            out[n++] = '.';
            for (int i = -1; i > exponent; i--) {
                out[n++] = '0';
            }
            memcpy(out + n, digits, count);
            return n + count;
        }
        for (int i = 0; i <= exponent; i++) {
            out[n++] = (size_t)i < count ? digits[i] : '0';
        }
        out[n++] = '.';
        if (count <= (size_t)exponent + 1) {
            out[n++] = '0';
        } else {
            memcpy(out + n, digits + exponent + 1, count - (size_t)exponent - 1);
            n += count - (size_t)exponent - 1;
        }
        return n;
    }
    out[n++] = digits[0];
    out[n++] = '.';
    if (count == 1) {
        out[n++] = '0';
    } else {
        memcpy(out + n, digits + 1, count - 1);
        n += count - 1;
    }
    return n + (size_t)sprintf(out + n, "E%d", exponent);
}

static size_t print_special(char out[32], double value)
{
    const char *text = isnan(value)    ? "NaN"
                       : isinf(value)  ? (value > 0 ? "Infinity" : "-Infinity")
                       : signbit(value) ? "-0.0"
                                        : "0.0";
    size_t size = strlen(text);
    memcpy(out, text, size);
    return size;
}

/* Whole numbers below 2^63 that need more than `bits` of precision: Java (up to 18) prints the exact integer without as many low digits as its unused
 * bits stand for, rounded half up. Not always the shortest text: the float 123456792 is 1.23456792E8. */
static bool whole_digits(double value, int bits, char text[40])
{
    int exponent;
    frexp(value, &exponent);
    if (exponent - 1 <= bits || exponent > 63) {
        return false;
    }
    int64_t number = (int64_t)fabs(value), step = 1;
    int dropped = (exponent - 1 - bits - 1) * 30103 / 100000; /* decimal digits in that many bits */
    for (int i = 0; i < dropped; i++) {
        step *= 10;
    }
    number = number / step + (dropped > 0 && number % step >= step / 2);
    char digits[24];
    int count = snprintf(digits, sizeof(digits), "%lld", (long long)number);
    snprintf(text, 40, "%s%c.%se+%02d", value < 0 ? "-" : "", digits[0], count > 1 ? digits + 1 : "0", count - 1 + dropped);
    return true;
}

size_t weir_print_double(char out[32], double value)
{
    char text[40];
    if (!isfinite(value) || value == 0) {
        return print_special(out, value);
    }
    if (fabs(value) < 1e7 && value == (double)(int64_t)value) { /* frequent: whole numbers */
        size_t n = weir_print_long(out, (int64_t)value);
        memcpy(out + n, ".0", 2);
        return n + 2;
    }
    if (fabs(value) == 4.9406564584124654e-324) { /* Java prints two digits at least */
        return java_form(out, value > 0 ? "4.9e-324" : "-4.9e-324");
    }
    if (whole_digits(value, 53, text)) {
        return java_form(out, text);
    }
    for (int digits = 14; digits <= 16; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    return java_form(out, text);
}

size_t weir_print_float(char out[32], float value)
{
    char text[40];
    if (!isfinite(value) || value == 0) {
        return print_special(out, (double)value);
    }
    if (whole_digits((double)value, 24, text)) {
        return java_form(out, text);
    }
    for (int digits = 5; digits <= 8; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits, (double)value);
        if (strtof(text, NULL) == value) {
            break;
        }
    }
    return java_form(out, text);
}

size_t weir_print_long(char out[32], int64_t value)
{
    char reversed[24];
    size_t n = 0, size = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        reversed[n++] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        out[size++] = '-';
    }
    while (n > 0) {
        out[size++] = reversed[--n];
    }
    return size;
}
