/* ingest/segment_file.c - see ingest/segment_file.h. No fsync: the store makes its own copy
 * durable, and a crash begins anew from the topic. */
#include "ingest/segment_file.h"
#include "compute/memory.h"
#include "weir/clock.h"
#include "weir/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_BYTES (256u << 10)

typedef struct sink {
    int fd;
    const char *path;
    bool (*between)(void *self);
    void *self;
    size_t used;
    uint8_t buffer[BUFFER_BYTES];
} sink;

static bool write_all(sink *s, const uint8_t *at, size_t size, weir_error *err)
{
    while (size > 0) {
        ssize_t put = write(s->fd, at, size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return weir_fail(err, WEIR_ERR_STORE, "cannot write %s: %s", s->path, strerror(errno));
        }
        at += put;
        size -= (size_t)put;
    }
    return true;
}

static bool flush(sink *s, weir_error *err)
{
    size_t used = s->used;
    s->used = 0;
    return write_all(s, s->buffer, used, err);
}

static bool append(void *self, const void *bytes, size_t size, weir_error *err)
{
    sink *s = self;
    if (s->between && !s->between(s->self)) {
        return weir_fail(err, WEIR_ERR_CANCELLED, "%s was given up", s->path);
    }
    if (size >= BUFFER_BYTES) {
        return flush(s, err) && write_all(s, bytes, size, err);
    }
    if (BUFFER_BYTES - s->used < size && !flush(s, err)) {
        return false;
    }
    memcpy(s->buffer + s->used, bytes, size);
    s->used += size;
    return true;
}

bool weir_segment_file_write(weir_realtime *rt, const weir_freeze_part *part, const char *work_path,
                             const weir_clock *clock, bool thorough, weir_arena *arena,
                             const char **path, weir_segment_info *info, weir_error *err)
{
    return weir_segment_file_write_with(rt, part, work_path, clock, thorough, NULL, NULL, arena,
                                        path, info, err);
}

bool weir_segment_file_write_with(weir_realtime *rt, const weir_freeze_part *part,
                                  const char *work_path, const weir_clock *clock, bool thorough,
                                  bool (*between)(void *self), void *self, weir_arena *arena,
                                  const char **path, weir_segment_info *info, weir_error *err)
{
    char name[17];
    weir_hex_u64(name, weir_random(clock));
    const char *at = weir_arena_printf(arena, "%s/%s.segment", work_path, name).at;
    int fd = open(at, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return weir_fail(err, WEIR_ERR_STORE, "cannot create %s: %s", at, strerror(errno));
    }
    sink *s = weir_alloc(sizeof(*s));
    s->fd = fd;
    s->path = at;
    s->between = between;
    s->self = self;
    s->used = 0;
    size_t warm_bytes = weir_page_pooled_bytes();
    bool ok = weir_realtime_freeze(rt, part, (weir_file){s, append}, thorough, info, err) &&
              flush(s, err);
    weir_page_trim_to(warm_bytes); /* a freeze takes much, and the next one is far */
    free(s);
    if (close(fd) != 0 && ok) {
        ok = weir_fail(err, WEIR_ERR_STORE, "cannot write %s: %s", at, strerror(errno));
    }
    if (!ok) {
        unlink(at);
        return false;
    }
    *path = at;
    return true;
}
