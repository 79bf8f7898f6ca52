/* ingest/inflate.c - see ingest/inflate.h. Members that follow each other (cat a.gz b.gz) are one
 * stream, as gzip, zstd and lz4 have it; a file that ends within a member is an error, never a
 * shorter file. */
#include "ingest/inflate.h"
#include "weir/arena.h"
#include <errno.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_BYTES (256u << 10)

typedef enum packing { PLAIN, GZIP, ZSTD, LZ4 } packing;

struct weir_inflate {
    char *path;
    int fd;
    packing packing;
    bool within; /* a member has begun and not ended */
    bool ended;  /* the file */
    z_stream gzip;
    ZSTD_DStream *zstd;
    LZ4F_dctx *lz4;
    uint64_t consumed;
    uint8_t *input;
    size_t at, size; /* of input */
};

static bool fill(weir_inflate *in, weir_error *err)
{
    if (in->at < in->size || in->ended) {
        return true;
    }
    ssize_t got;
    do {
        got = read(in->fd, in->input, INPUT_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "cannot read %s: %s", in->path,
                         strerror(errno));
    }
    in->at = 0;
    in->size = (size_t)got;
    in->consumed += (size_t)got;
    in->ended = got == 0;
    return true;
}

static packing find_packing(const uint8_t *at, size_t size)
{
    if (size >= 2 && at[0] == 0x1f && at[1] == 0x8b) {
        return GZIP;
    }
    if (size >= 4 && memcmp(at, "\x28\xb5\x2f\xfd", 4) == 0) {
        return ZSTD;
    }
    return size >= 4 && memcmp(at, "\x04\x22\x4d\x18", 4) == 0 ? LZ4 : PLAIN;
}

static bool begin_unpacking(weir_inflate *in, weir_error *err)
{
    bool ok = true;
    switch (in->packing) {
    case PLAIN:
        break;
    case GZIP:
        ok = inflateInit2(&in->gzip, 15 + 16) == Z_OK;
        break;
    case ZSTD:
        in->zstd = ZSTD_createDStream();
        ok = in->zstd != NULL;
        break;
    case LZ4:
        ok = !LZ4F_isError(LZ4F_createDecompressionContext(&in->lz4, LZ4F_VERSION));
        break;
    }
    return ok || weir_fail(err, WEIR_ERR_INTERNAL, "cannot begin to unpack %s", in->path);
}

weir_inflate *weir_inflate_open(const char *path, weir_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        weir_fail(err, WEIR_ERR_BAD_REQUEST, "cannot open %s: %s", path,
                  fd < 0 ? strerror(errno) : "it is a folder");
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    weir_inflate *in = weir_calloc(1, sizeof(*in));
    in->fd = fd;
    in->path = weir_strdup(path);
    in->input = weir_alloc(INPUT_BYTES);
    if (!fill(in, err)) {
        weir_inflate_close(in);
        return NULL;
    }
    in->packing = find_packing(in->input, in->size);
    if (!begin_unpacking(in, err)) {
        weir_inflate_close(in);
        return NULL;
    }
    return in;
}

void weir_inflate_close(weir_inflate *in)
{
    if (!in) {
        return;
    }
    if (in->packing == GZIP) {
        inflateEnd(&in->gzip);
    }
    ZSTD_freeDStream(in->zstd);
    LZ4F_freeDecompressionContext(in->lz4);
    close(in->fd);
    free(in->input);
    free(in->path);
    free(in);
}

uint64_t weir_inflate_consumed(const weir_inflate *in)
{
    return in->consumed;
}

static bool damaged(const weir_inflate *in, const char *why, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s is damaged: %s", in->path,
                     why ? why : "unknown");
}

static bool gzip_step(weir_inflate *in, uint8_t *out, size_t size, size_t *got, weir_error *err)
{
    z_stream *z = &in->gzip;
    if (!in->within) {
        inflateReset(z);
        in->within = true;
    }
    z->next_in = in->input + in->at;
    z->avail_in = (uInt)(in->size - in->at);
    z->next_out = out;
    z->avail_out = (uInt)(size < (1u << 30) ? size : 1u << 30);
    uInt room = z->avail_out;
    int code = inflate(z, Z_NO_FLUSH);
    in->at = in->size - z->avail_in;
    *got = room - z->avail_out;
    if (code == Z_STREAM_END) {
        in->within = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return damaged(in, z->msg, err);
    }
    return true;
}

static bool zstd_step(weir_inflate *in, uint8_t *out, size_t size, size_t *got, weir_error *err)
{
    ZSTD_inBuffer input = {in->input, in->size, in->at};
    ZSTD_outBuffer output = {out, size, 0};
    size_t left = ZSTD_decompressStream(in->zstd, &output, &input);
    if (ZSTD_isError(left)) {
        return damaged(in, ZSTD_getErrorName(left), err);
    }
    in->within = left != 0;
    in->at = input.pos;
    *got = output.pos;
    return true;
}

static bool lz4_step(weir_inflate *in, uint8_t *out, size_t size, size_t *got, weir_error *err)
{
    size_t taken = in->size - in->at, put = size;
    size_t left = LZ4F_decompress(in->lz4, out, &put, in->input + in->at, &taken, NULL);
    if (LZ4F_isError(left)) {
        return damaged(in, LZ4F_getErrorName(left), err);
    }
    in->within = left != 0;
    in->at += taken;
    *got = put;
    return true;
}

static bool plain_step(weir_inflate *in, uint8_t *out, size_t size, size_t *got)
{
    *got = in->size - in->at < size ? in->size - in->at : size;
    memcpy(out, in->input + in->at, *got);
    in->at += *got;
    return true;
}

static bool step(weir_inflate *in, uint8_t *out, size_t size, size_t *got, weir_error *err)
{
    switch (in->packing) {
    case PLAIN:
        return plain_step(in, out, size, got);
    case GZIP:
        return gzip_step(in, out, size, got, err);
    case ZSTD:
        return zstd_step(in, out, size, got, err);
    case LZ4:
        return lz4_step(in, out, size, got, err);
    }
    return false;
}

bool weir_inflate_read(weir_inflate *in, void *out, size_t size, size_t *got, weir_error *err)
{
    *got = 0;
    while (*got == 0) {
        if (!fill(in, err)) {
            return false;
        }
        bool flush = in->ended && in->within; /* what the unpacker still holds */
        if (in->at == in->size && !flush) {
            return true;
        }
        if (!step(in, out, size, got, err)) {
            return false;
        }
        if (flush && *got == 0) {
            return damaged(in, "it ends too early", err);
        }
    }
    return true;
}
