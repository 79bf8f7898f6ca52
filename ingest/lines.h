/* ingest/lines.h - files as blocks of whole lines: a thread reads and unpacks ahead, decoders take blocks. */
#ifndef INGEST_LINES_H
#define INGEST_LINES_H
#include "weir/error.h"
#include "weir/str.h"

typedef struct weir_line_block { /* free(): the caller of next */
    size_t size;      /* bytes of whole lines; WEIR_DECODE_PADDING more may be read */
    char bytes[];
} weir_line_block;
typedef struct weir_lines weir_lines;
/* Begins to read. The names are borrowed until weir_lines_free. `text`: read this instead of files when files is NULL. */
weir_lines *weir_lines_new(const char *const *files, uint32_t count, weir_str text);
/* The next block, waiting for it; any thread. NULL: no more (or it failed). */
weir_line_block *weir_lines_next(weir_lines *lines);
void weir_lines_stop(weir_lines *lines); /* any thread: next answers NULL from now on */
/* False: reading failed, the files are not whole. */
bool weir_lines_ok(weir_lines *lines, weir_error *err);
uint64_t weir_lines_consumed(weir_lines *lines); /* bytes of the files themselves; any thread */
void weir_lines_free(weir_lines *lines); /* stops and joins */
#endif
