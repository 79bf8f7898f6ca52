/* base/arena.c - blocks that double up to 1 MiB; larger wishes get a block of their own. */
#include "weir/arena.h"
#include "weir/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct block {
    struct block *before;
    size_t size, used;
    _Alignas(16) char bytes[];
} block;

typedef struct deferred {
    struct deferred *before;
    void (*call)(void *);
    void *argument;
} deferred;

struct weir_arena {
    block *last;
    deferred *deferred;
    size_t size_bytes;
};

weir_arena *weir_arena_new(void)
{
    return weir_calloc(1, sizeof(weir_arena));
}

void weir_arena_free(weir_arena *arena)
{
    if (!arena) {
        return;
    }
    for (deferred *d = arena->deferred; d; d = d->before) {
        d->call(d->argument);
    }
    for (block *b = arena->last; b;) {
        block *before = b->before;
        free(b);
        b = before;
    }
    free(arena);
}

static block *add_block(weir_arena *arena, size_t least)
{
    size_t size = arena->last ? arena->last->size * 2 : 4096;
    size = size > (1u << 20) ? (1u << 20) : size;
    size = size < least ? least : size;
    block *b = weir_alloc(sizeof(block) + size);
    *b = (block){.before = arena->last, .size = size};
    arena->last = b;
    arena->size_bytes += size;
    return b;
}

void *weir_arena_alloc(weir_arena *arena, size_t size_bytes)
{
    size_t size = (size_bytes + 15) & ~(size_t)15;
    if (size < size_bytes) {
        weir_die("out of memory: an arena was asked for %zu bytes", size_bytes);
    }
    block *b = arena->last;
    if (!b || b->size - b->used < size) {
        b = add_block(arena, size);
    }
    void *at = b->bytes + b->used;
    b->used += size;
    return memset(at, 0, size);
}

weir_str weir_arena_str(weir_arena *arena, weir_str s)
{
    return (weir_str){weir_arena_text(arena, s), s.size};
}

char *weir_arena_text(weir_arena *arena, weir_str s)
{
    char *copy = weir_arena_alloc(arena, s.size + 1);
    if (s.size > 0) {
        memcpy(copy, s.at, s.size);
    }
    return copy;
}

weir_str weir_arena_printf(weir_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    size = size < 0 ? 0 : size;
    char *text = weir_arena_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return (weir_str){text, (size_t)size};
}

void weir_arena_defer(weir_arena *arena, void (*call)(void *), void *argument)
{
    deferred *d = WEIR_ARENA_NEW(arena, deferred);
    *d = (deferred){arena->deferred, call, argument};
    arena->deferred = d;
}

size_t weir_arena_size(const weir_arena *arena)
{
    return arena->size_bytes;
}

void *weir_alloc(size_t size_bytes)
{
    void *at = malloc(size_bytes ? size_bytes : 1);
    if (!at) {
        weir_die("out of memory: %zu bytes", size_bytes);
    }
    return at;
}

void *weir_calloc(size_t count, size_t size_bytes)
{
    void *at = calloc(count ? count : 1, size_bytes ? size_bytes : 1);
    if (!at) {
        weir_die("out of memory: %zu times %zu bytes", count, size_bytes);
    }
    return at;
}

void *weir_realloc(void *old, size_t size_bytes)
{
    void *at = realloc(old, size_bytes ? size_bytes : 1);
    if (!at) {
        weir_die("out of memory: %zu bytes", size_bytes);
    }
    return at;
}

char *weir_strdup(const char *text)
{
    return (char *)weir_str_dup(weir_str_of(text)).at;
}

weir_str weir_str_dup(weir_str s)
{
    char *copy = weir_alloc(s.size + 1);
    if (s.size > 0) {
        memcpy(copy, s.at, s.size);
    }
    copy[s.size] = 0;
    return (weir_str){copy, s.size};
}
