/* base/reader.c, the longer takes of include/weir/reader.h; and the hashes of include/weir/hash.h. */
#include "weir/reader.h"
#include "weir/hash.h"
#include <xxhash.h>

bool weir_take_varint(weir_reader *in, uint64_t *out)
{
    uint64_t value = 0;
    const uint8_t *at = in->at;
    for (unsigned shift = 0; shift < 64 && at < in->end; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            in->at = at;
            *out = value;
            return true;
        }
    }
    return false;
}

bool weir_take_bytes(weir_reader *in, weir_str *out)
{
    weir_reader at = *in;
    uint64_t size;
    const uint8_t *bytes;
    if (!weir_take_varint(&at, &size) || !weir_take_span(&at, size, &bytes)) {
        return false;
    }
    *in = at;
    *out = (weir_str){(const char *)bytes, size};
    return true;
}

uint64_t weir_hash_bytes(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

void weir_hex_u64(char out[17], uint64_t value)
{
    for (int i = 15; i >= 0; i--, value >>= 4) {
        out[i] = "0123456789abcdef"[value & 15];
    }
    out[16] = 0;
}

bool weir_hex_parse(weir_str text, uint64_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 16) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) {
            return false;
        }
        value = value << 4 | (uint64_t)digit;
    }
    *out = value;
    return true;
}
