/* include/weir/buf.h - a growing byte buffer, and our JSON writer on top of it.
 * Numbers print as Java's Double.toString and Long.toString do, so that answers equal Druid's. */
#ifndef WEIR_BUF_H
#define WEIR_BUF_H
#include "weir/arena.h"

typedef struct weir_buf {
    char *at;
    size_t size, capacity; /* bytes */
} weir_buf; /* zero-initialised is empty; no thread of its own */

void weir_buf_done(weir_buf *buf);
void weir_buf_reserve(weir_buf *buf, size_t more_bytes);
static inline void weir_buf_put(weir_buf *buf, const void *bytes, size_t size)
{
    if (size == 0) {
        return;
    }
    if (buf->capacity - buf->size < size) {
        weir_buf_reserve(buf, size);
    }
    memcpy(buf->at + buf->size, bytes, size);
    buf->size += size;
}
static inline void weir_buf_byte(weir_buf *buf, char byte)
{
    weir_buf_put(buf, &byte, 1);
}
static inline void weir_buf_str(weir_buf *buf, weir_str s)
{
    weir_buf_put(buf, s.at, s.size);
}
void weir_buf_text(weir_buf *buf, const char *text);
void weir_buf_printf(weir_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void weir_buf_u32(weir_buf *buf, uint32_t value); /* little endian */
void weir_buf_u64(weir_buf *buf, uint64_t value);
void weir_buf_varint(weir_buf *buf, uint64_t value); /* LEB128 */
void weir_buf_bytes(weir_buf *buf, weir_str s);      /* varint length, then the bytes */
static inline weir_str weir_buf_view(const weir_buf *buf)
{
    return (weir_str){buf->at, buf->size};
}

/* JSON values. Commas and colons are the writer's (weir_json) business. */
typedef struct weir_json {
    weir_buf *out;
    bool pretty;        /* two blanks a level, as Jackson's default pretty printer */
    uint16_t depth;
    bool comma, after_key; /* state */
    uint64_t arrays;    /* bit per level (modulo 64): an array (pretty printing keeps arrays on a line) */
} weir_json;

void weir_json_begin_object(weir_json *json);
void weir_json_end_object(weir_json *json);
void weir_json_begin_array(weir_json *json);
void weir_json_end_array(weir_json *json);
void weir_json_key(weir_json *json, weir_str key);
void weir_json_quoted_key(weir_json *json, weir_str quoted); /* the key as JSON text already, quotes and all: for keys of many rows */
void weir_json_str(weir_json *json, weir_str value); /* malformed UTF-8 becomes U+FFFD */
void weir_json_long(weir_json *json, int64_t value);
void weir_json_double(weir_json *json, double value); /* NaN, Infinity, -Infinity as strings */
void weir_json_float(weir_json *json, float value);
void weir_json_bool(weir_json *json, bool value);
void weir_json_null(weir_json *json);
void weir_json_raw(weir_json *json, weir_str text); /* a value that is JSON already */
/* key and value in one call */
void weir_json_member_str(weir_json *json, const char *key, weir_str value);
void weir_json_member_text(weir_json *json, const char *key, const char *value); /* NULL: null */
void weir_json_member_long(weir_json *json, const char *key, int64_t value);
void weir_json_member_double(weir_json *json, const char *key, double value);
void weir_json_member_bool(weir_json *json, const char *key, bool value);
void weir_json_member_null(weir_json *json, const char *key);

/* Java's Double.toString / Float.toString ("1.0", "1.23456789125E8", "4.9E-324", "NaN", "Infinity");
 * shortest digits that read back. Returns the length; `out` has room for 32 bytes. */
size_t weir_print_double(char out[32], double value);
size_t weir_print_float(char out[32], float value);
size_t weir_print_long(char out[32], int64_t value);
#endif
