/* include/weir/reader.h - a cursor over bytes from outside that knows its end. Every take_* returns false past it
 * and leaves the cursor where it was; the caller knows which block this is, and says so. Little endian. */
#ifndef WEIR_READER_H
#define WEIR_READER_H
#include <endian.h>
#include "weir/str.h"

typedef struct weir_reader {
    const uint8_t *at, *end;
} weir_reader;

static inline weir_reader weir_reader_of(weir_str bytes)
{
    return (weir_reader){(const uint8_t *)bytes.at, (const uint8_t *)bytes.at + bytes.size};
}
static inline size_t weir_reader_left(const weir_reader *in)
{
    return (size_t)(in->end - in->at);
}
static inline bool weir_take(weir_reader *in, void *out, size_t size)
{
    if (weir_reader_left(in) < size) {
        return false;
    }
    memcpy(out, in->at, size);
    in->at += size;
    return true;
}
static inline bool weir_take_u8(weir_reader *in, uint8_t *out)
{
    return weir_take(in, out, 1);
}
static inline bool weir_take_u16(weir_reader *in, uint16_t *out)
{
    bool ok = weir_take(in, out, sizeof(*out));
    *out = ok ? le16toh(*out) : 0;
    return ok;
}
static inline bool weir_take_u32(weir_reader *in, uint32_t *out)
{
    bool ok = weir_take(in, out, sizeof(*out));
    *out = ok ? le32toh(*out) : 0;
    return ok;
}
static inline bool weir_take_u64(weir_reader *in, uint64_t *out)
{
    bool ok = weir_take(in, out, sizeof(*out));
    *out = ok ? le64toh(*out) : 0;
    return ok;
}
bool weir_take_varint(weir_reader *in, uint64_t *out);
/* varint length, then bytes; `out` points into the input. */
bool weir_take_bytes(weir_reader *in, weir_str *out);
/* `size` bytes in place. */
static inline bool weir_take_span(weir_reader *in, size_t size, const uint8_t **out)
{
    if (weir_reader_left(in) < size) {
        return false;
    }
    *out = in->at;
    in->at += size;
    return true;
}
#endif
