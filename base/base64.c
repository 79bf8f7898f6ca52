/* base/base64.c - standard base64, both ways. */
#include "weir/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t weir_base64_encode(weir_str bytes, char *out)
{
    size_t at = 0, size = 0;
    for (; at < bytes.size; at += 3) {
        size_t left = bytes.size - at;
        uint32_t bits = (uint32_t)(uint8_t)bytes.at[at] << 16;
        bits |= left > 1 ? (uint32_t)(uint8_t)bytes.at[at + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)(uint8_t)bytes.at[at + 2] : 0;
        out[size++] = digits[bits >> 18];
        out[size++] = digits[bits >> 12 & 63];
        out[size++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        out[size++] = left > 2 ? digits[bits & 63] : '=';
    }
    return size;
}

static int sextet(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

bool weir_base64_decode(weir_str text, char *out, size_t *size)
{
    while (text.size > 0 && text.at[text.size - 1] == '=') {
        text.size--;
    }
    uint32_t bits = 0, have = 0;
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = sextet(text.at[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[(*size)++] = (char)(bits >> have);
        }
    }
    return text.size % 4 != 1;
}
