/* ingest/lines.c - see ingest/lines.h. Blocks of about 1 MiB: large enough that handing them over
 * costs nothing, small enough to stay in L2. At most 8 wait, so a fast reader does not fill the
 * memory. */
#include "ingest/lines.h"
#include "ingest/decode.h"
#include "ingest/inflate.h"
#include "weir/arena.h"
#include <pthread.h>
#include <stdlib.h>

#define BLOCK_BYTES (1u << 20)
#define WAITING_MAX 8u
#define LINE_MAX_BYTES (64u << 20)

struct weir_lines {
    const char *const *files;
    uint32_t file_count;
    weir_str text;
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t changed;
    weir_line_block *waiting[WAITING_MAX];
    uint32_t waiting_count, first;
    bool ended, stopped, failed;
    uint64_t consumed, consumed_before; /* of files read whole */
    weir_error err;
};

static weir_line_block *new_block(size_t capacity)
{
    weir_line_block *block = weir_alloc(sizeof(*block) + capacity + WEIR_DECODE_PADDING);
    block->size = 0;
    return block;
}

/* Waits for room. False: stopped; the block is freed. */
static bool put(weir_lines *lines, weir_line_block *block)
{
    memset(block->bytes + block->size, ' ', WEIR_DECODE_PADDING);
    pthread_mutex_lock(&lines->lock);
    while (lines->waiting_count == WAITING_MAX && !lines->stopped) {
        pthread_cond_wait(&lines->changed, &lines->lock);
    }
    bool ok = !lines->stopped;
    if (ok) {
        lines->waiting[(lines->first + lines->waiting_count++) % WAITING_MAX] = block;
    }
    pthread_cond_broadcast(&lines->changed);
    pthread_mutex_unlock(&lines->lock);
    if (!ok) {
        free(block);
    }
    return ok;
}

static void note_consumed(weir_lines *lines, uint64_t bytes)
{
    pthread_mutex_lock(&lines->lock);
    lines->consumed = lines->consumed_before + bytes;
    pthread_mutex_unlock(&lines->lock);
}

/* Hands over the whole lines of a full block; what follows the last of them begins the next block.
 */
static bool cut(weir_lines *lines, weir_line_block **block, size_t *capacity, const char *path,
                weir_error *err)
{
    weir_line_block *full = *block;
    const char *last = memrchr(full->bytes, '\n', full->size);
    if (!last) { /* one very long line */
        if (*capacity >= LINE_MAX_BYTES) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s has a line of more than 64 MiB", path);
        }
        *capacity *= 2;
        *block = weir_realloc(full, sizeof(*full) + *capacity + WEIR_DECODE_PADDING);
        return true;
    }
    size_t whole = (size_t)(last - full->bytes) + 1, rest = full->size - whole;
    *capacity = rest * 2 > BLOCK_BYTES ? rest * 2 : BLOCK_BYTES;
    weir_line_block *next = new_block(*capacity);
    memcpy(next->bytes, full->bytes + whole, rest);
    next->size = rest;
    full->size = whole;
    *block = next;
    return put(lines, full);
}

static bool read_file(weir_lines *lines, const char *path, weir_error *err)
{
    weir_inflate *in = weir_inflate_open(path, err);
    if (!in) {
        return false;
    }
    size_t capacity = BLOCK_BYTES, got = 1;
    weir_line_block *block = new_block(capacity);
    bool ok = true;
    while (ok && got > 0) {
        if (block->size == capacity) {
            ok = cut(lines, &block, &capacity, path, err);
            continue;
        }
        ok = weir_inflate_read(in, block->bytes + block->size, capacity - block->size, &got, err);
        block->size += got;
        note_consumed(lines, weir_inflate_consumed(in));
    }
    lines->consumed_before += weir_inflate_consumed(in);
    weir_inflate_close(in);
    if (!ok || block->size == 0) {
        free(block);
        return ok;
    }
    return put(lines, block);
}

static bool read_text(weir_lines *lines)
{
    weir_line_block *block = new_block(lines->text.size);
    memcpy(block->bytes, lines->text.size ? lines->text.at : "", lines->text.size);
    block->size = lines->text.size;
    return put(lines, block);
}

static void *run(void *self)
{
    weir_lines *lines = self;
    weir_error err = {0};
    bool ok = lines->files || read_text(lines);
    for (uint32_t i = 0; ok && lines->files && i < lines->file_count; i++) {
        ok = read_file(lines, lines->files[i], &err);
    }
    pthread_mutex_lock(&lines->lock);
    lines->ended = true;
    lines->failed = !ok && !lines->stopped;
    lines->err = err;
    pthread_cond_broadcast(&lines->changed);
    pthread_mutex_unlock(&lines->lock);
    return NULL;
}

weir_lines *weir_lines_new(const char *const *files, uint32_t count, weir_str text)
{
    weir_lines *lines = weir_calloc(1, sizeof(*lines));
    lines->files = files;
    lines->file_count = count;
    lines->text = text;
    pthread_mutex_init(&lines->lock, NULL);
    pthread_cond_init(&lines->changed, NULL);
    pthread_create(&lines->thread, NULL, run, lines);
    return lines;
}

weir_line_block *weir_lines_next(weir_lines *lines)
{
    weir_line_block *block = NULL;
    pthread_mutex_lock(&lines->lock);
    while (lines->waiting_count == 0 && !lines->ended && !lines->stopped) {
        pthread_cond_wait(&lines->changed, &lines->lock);
    }
    if (lines->waiting_count > 0 && !lines->stopped && !lines->failed) {
        block = lines->waiting[lines->first];
        lines->first = (lines->first + 1) % WAITING_MAX;
        lines->waiting_count--;
        pthread_cond_broadcast(&lines->changed);
    }
    pthread_mutex_unlock(&lines->lock);
    return block;
}

void weir_lines_stop(weir_lines *lines)
{
    pthread_mutex_lock(&lines->lock);
    lines->stopped = true;
    pthread_cond_broadcast(&lines->changed);
    pthread_mutex_unlock(&lines->lock);
}

bool weir_lines_ok(weir_lines *lines, weir_error *err)
{
    pthread_mutex_lock(&lines->lock);
    bool ok = !lines->failed;
    if (!ok && err) {
        *err = lines->err;
    }
    pthread_mutex_unlock(&lines->lock);
    return ok;
}

uint64_t weir_lines_consumed(weir_lines *lines)
{
    pthread_mutex_lock(&lines->lock);
    uint64_t consumed = lines->consumed;
    pthread_mutex_unlock(&lines->lock);
    return consumed;
}

void weir_lines_free(weir_lines *lines)
{
    weir_lines_stop(lines);
    pthread_join(lines->thread, NULL);
    while (lines->waiting_count > 0) {
        free(lines->waiting[(lines->first + --lines->waiting_count) % WAITING_MAX]);
    }
    pthread_cond_destroy(&lines->changed);
    pthread_mutex_destroy(&lines->lock);
    free(lines);
}
