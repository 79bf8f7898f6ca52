/* segments/lazy.h - the local copy of one segment of a store that cannot map: a mapping of the
 * whole file's size, of which pages are there once they were fetched. On the disk it is a sparse
 * file, and what it holds is known by its holes; so it outlives the process, and what a crash left
 * half written is found by the blocks' own checksums and fetched again. A disk that is full, or
 * none: memory.
 *
 * Bytes that are there never change under a reader: a page is put once, and mending puts only bytes
 * whose checksum was right. */
#ifndef SEGMENTS_LAZY_H
#define SEGMENTS_LAZY_H
#include "segments/fetch.h"
#include "weir/segment.h"

#define WEIR_LAZY_PAGE 4096u

typedef struct weir_lazy weir_lazy; /* any thread */

typedef struct weir_lazy_options {
    weir_store *store; /* borrowed, as all here but the texts */
    weir_fetcher *fetcher;
    bool threads; /* the fetcher has some */
    const weir_clock *clock;
    weir_str key;     /* of the object */
    const char *path; /* of the local file, in a folder that is there; NULL: memory */
    uint64_t size;    /* of the object */
    /* So many bytes more are kept (or fewer). */
    void (*grown)(void *self, int64_t bytes);
    /* The disk is full: makes room for so many bytes. False: there is none. */
    bool (*room)(void *self, uint64_t bytes);
    /* So many more are kept in memory although the disk should have them; false: no. Fewer: always
     * true. */
    bool (*memory)(void *self, int64_t bytes);
    /* It is freed now. */
    void (*closed)(void *self, weir_lazy *lazy);
    void *self;
} weir_lazy_options;

/* What an earlier process left at `path` is there. NULL: no address space. */
weir_lazy *weir_lazy_open(const weir_lazy_options *options, weir_error *err);
weir_lazy *weir_lazy_ref(weir_lazy *lazy);
bool weir_lazy_try_ref(
    weir_lazy *lazy);                  /* false: it is being freed (`closed` was not called yet) */
void weir_lazy_unref(weir_lazy *lazy); /* the file stays */
bool weir_lazy_in_memory(
    const weir_lazy *lazy); /* although the disk should have it, which was full */
void *weir_lazy_self(const weir_lazy *lazy);
/* For a segment; holds a reference. */
weir_bytes weir_lazy_bytes(weir_lazy *lazy);
uint64_t weir_lazy_size(const weir_lazy *lazy); /* of the whole */
uint64_t weir_lazy_there(weir_lazy *lazy);      /* bytes of pages that are there */
/* Begins to fetch them; without threads does so. */
void weir_lazy_begin(weir_lazy *lazy, uint64_t from, uint64_t size);
/* Brings the last `size` bytes; waits. They are a footer with its end, whose hash must be this. */
bool weir_lazy_footer(weir_lazy *lazy, uint64_t size, uint64_t xxh3, weir_error *err);
bool weir_lazy_is_gone(
    const weir_lazy *lazy); /* the store answered last that there is no such object */
#endif
