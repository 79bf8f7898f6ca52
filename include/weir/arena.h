/* include/weir/arena.h - memory that is freed in one call: requests, plans, specs, fixtures.
 * Never fails: out of memory ends the process with a line in the log. Not thread-safe; one owner.
 * What a running query needs in bulk comes from weir_pages (compute/memory.h), which is budgeted. */
#ifndef WEIR_ARENA_H
#define WEIR_ARENA_H
#include "weir/str.h"

typedef struct weir_arena weir_arena;

weir_arena *weir_arena_new(void);
void weir_arena_free(weir_arena *arena); /* runs the deferred calls, newest first; NULL is fine */
void *weir_arena_alloc(weir_arena *arena, size_t size_bytes); /* zeroed, 16-byte aligned */
#define WEIR_ARENA_NEW(arena, type) ((type *)weir_arena_alloc((arena), sizeof(type)))
#define WEIR_ARENA_ARRAY(arena, type, count) ((type *)weir_arena_alloc((arena), sizeof(type) * (size_t)(count)))
weir_str weir_arena_str(weir_arena *arena, weir_str s); /* copy, followed by a NUL byte */
char *weir_arena_text(weir_arena *arena, weir_str s);   /* same, as a C string */
weir_str weir_arena_printf(weir_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void weir_arena_defer(weir_arena *arena, void (*call)(void *), void *argument);
size_t weir_arena_size(const weir_arena *arena); /* bytes taken from the system */

/* malloc and friends that end the process instead of returning NULL. */
void *weir_alloc(size_t size_bytes);  /* not zeroed */
void *weir_calloc(size_t count, size_t size_bytes);
void *weir_realloc(void *old, size_t size_bytes);
char *weir_strdup(const char *text);
weir_str weir_str_dup(weir_str s); /* free((void *)s.at) */
#endif
