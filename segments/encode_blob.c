/* segments/encode_blob.c - see encode_blob.h. */
#include "segments/encode_blob.h"
#include "segments/encode_pack.h"
#include <assert.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>

enum { GROUP_BYTES = 64 * 1024, GROUP_ENTRY = 16, HEADER = 16 };
#define GROUP_LIMIT (1u << 30)

static void put_group(weir_buf *raw, bool thorough, uint32_t first_row, weir_buf *directory,
                      weir_buf *payload)
{
    int room = LZ4_compressBound((int)raw->size);
    weir_buf_reserve(payload, (size_t)room);
    char *at = payload->at + payload->size;
    int size = thorough ? LZ4_compress_HC(raw->at, at, (int)raw->size, room, LZ4HC_CLEVEL_MIN)
                        : LZ4_compress_default(raw->at, at, (int)raw->size, room);
    weir_buf_u32(directory, first_row);
    weir_buf_u32(directory, (uint32_t)payload->size);
    if (size > 0 && (size_t)size < raw->size) {
        weir_buf_u32(directory, (uint32_t)size);
        payload->size += (size_t)size;
    } else {
        weir_buf_u32(directory, (uint32_t)raw->size);
        weir_buf_str(payload, weir_buf_view(raw));
    }
    weir_buf_u32(directory, (uint32_t)raw->size);
}

bool weir_encode_blobs(const weir_str *values, const uint64_t *nulls, uint32_t n, bool thorough,
                       weir_buf *out, weir_zone *zone, weir_error *err)
{
    weir_buf directory = {0}, payload = {0}, raw = {0}, sizes = {0}, bytes = {0};
    uint32_t null_count = 0, groups = 0;
    bool ok = true;
    for (uint32_t row = 0, first = 0; row < n && ok; row++) {
        bool null = nulls && weir_bit(nulls, row);
        weir_str value = null ? (weir_str){0} : values[row];
        null_count += null;
        weir_buf_u32(&sizes, (uint32_t)value.size);
        if (value.size >= GROUP_LIMIT / 2 || payload.size >= UINT32_MAX - GROUP_LIMIT) {
            ok = weir_fail(err, WEIR_ERR_BAD_REQUEST, "values of %zu bytes do not fit in a chunk",
                           value.size);
            break;
        }
        weir_buf_str(&bytes, value);
        if (sizes.size + bytes.size >= GROUP_BYTES || row + 1 == n) {
            weir_buf_str(&raw, weir_buf_view(&sizes));
            weir_buf_str(&raw, weir_buf_view(&bytes));
            put_group(&raw, thorough, first, &directory, &payload);
            raw.size = sizes.size = bytes.size = 0;
            first = row + 1;
            groups++;
        }
    }
    if (ok) {
        weir_buf_u32(out, n);
        weir_buf_u32(out, null_count);
        weir_buf_u32(out, groups);
        weir_buf_u32(out, 0);
        if (null_count) {
            weir_buf_put(out, nulls, weir_words(n) * sizeof(uint64_t));
        }
        weir_buf_str(out, weir_buf_view(&directory));
        weir_buf_str(out, weir_buf_view(&payload));
        *zone = (weir_zone){.null_count = null_count};
    }
    weir_buf_done(&directory);
    weir_buf_done(&payload);
    weir_buf_done(&raw);
    weir_buf_done(&sizes);
    weir_buf_done(&bytes);
    return ok;
}

static uint32_t load32(const uint8_t *at, size_t i)
{
    return ((const weir_word32 *)at)[i];
}

typedef struct group {
    uint32_t first, place, stored, raw;
} group;

static group group_at(const weir_blobs *b, uint32_t g)
{
    const uint8_t *at = b->directory + (size_t)g * GROUP_ENTRY;
    return (group){load32(at, 0), load32(at, 1), load32(at, 2), load32(at, 3)};
}

static uint32_t group_end(const weir_blobs *b, uint32_t g)
{
    return g + 1 < b->groups ? group_at(b, g + 1).first : b->n;
}

bool weir_blobs_open(weir_str bytes, uint32_t n, weir_blobs *out)
{
    const uint8_t *at = (const uint8_t *)bytes.at;
    if (bytes.size < HEADER || load32(at, 0) != n) {
        return false;
    }
    weir_blobs b = {.n = n, .null_count = load32(at, 1), .groups = load32(at, 2)};
    size_t null_bytes = b.null_count ? weir_words(n) * sizeof(uint64_t) : 0,
           left = bytes.size - HEADER;
    if (b.null_count > n || b.groups == 0 || b.groups > n || left < null_bytes ||
        (left - null_bytes) / GROUP_ENTRY < b.groups) {
        return false;
    }
    b.nulls = null_bytes ? at + HEADER : NULL;
    b.directory = at + HEADER + null_bytes;
    b.payload = b.directory + (size_t)b.groups * GROUP_ENTRY;
    b.payload_size = left - null_bytes - (size_t)b.groups * GROUP_ENTRY;
    for (uint32_t g = 0, last = 0; g < b.groups; g++) {
        group gr = group_at(&b, g);
        if ((g == 0 ? gr.first != 0 : gr.first <= last) || gr.first >= n ||
            gr.place > b.payload_size || gr.stored > b.payload_size - gr.place ||
            gr.stored > gr.raw || gr.raw > GROUP_LIMIT) {
            return false;
        }
        last = gr.first;
    }
    *out = b;
    return true;
}

/* The raw bytes of a group and where its values begin; NULL: damaged. */
static const uint8_t *unpack_group(const weir_blobs *b, uint32_t g, weir_scratch *s, uint32_t *rows)
{
    group gr = group_at(b, g);
    const uint8_t *raw = b->payload + gr.place;
    *rows = group_end(b, g) - gr.first;
    if (gr.stored < gr.raw) {
        if (gr.raw / 255 >
            gr.stored) { /* LZ4 cannot shrink further: refuse before taking the room */
            return NULL;
        }
        char *room = weir_scratch_take(s, gr.raw);
        if (LZ4_decompress_safe((const char *)raw, room, (int)gr.stored, (int)gr.raw) !=
            (int)gr.raw) {
            return NULL;
        }
        raw = (const uint8_t *)room;
    }
    uint64_t total = (uint64_t)*rows * 4;
    if (total > gr.raw) {
        return NULL;
    }
    for (uint32_t i = 0; i < *rows; i++) {
        total += load32(raw, i);
    }
    return total == gr.raw ? raw : NULL;
}

bool weir_blobs_gather(const weir_blobs *b, const uint32_t *rows, uint32_t n, weir_scratch *s,
                       weir_vec *out, weir_error *err)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n)), any = 0;
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    const uint8_t *raw = NULL, *at = NULL;
    uint32_t g = 0, group_rows = 0, row_at = 0; /* `at` is where value row_at of the group begins */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = rows[i];
        assert(row < b->n && (i == 0 || row >= rows[i - 1]));
        if (raw == NULL || row >= group_end(b, g)) {
            while (row >= group_end(b, g)) {
                g++;
            }
            raw = unpack_group(b, g, s, &group_rows);
            if (raw == NULL) {
                return weir_fail(err, WEIR_ERR_CORRUPT, "a group of values is damaged");
            }
            at = raw + (size_t)group_rows * 4;
            row_at = 0;
        }
        uint32_t place = row - group_at(b, g).first;
        for (; row_at < place; row_at++) {
            at += load32(raw, row_at);
        }
        values[i] = (weir_str){(const char *)at, load32(raw, place)};
        if (b->nulls && (b->nulls[row >> 3] >> (row & 7) & 1)) {
            weir_bit_set(nulls, i);
            any = 1;
        }
    }
    *out = (weir_vec){.type = WEIR_TYPE(WEIR_COMPLEX),
                      .form = WEIR_FLAT,
                      .n = n,
                      .nulls = any ? nulls : NULL,
                      .at.s = values};
    return true;
}
