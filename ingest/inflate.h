/* ingest/inflate.h - a file's bytes, unpacked if it is .gz, .zst or .lz4 (told by its first bytes, not its name). One thread. */
#ifndef INGEST_INFLATE_H
#define INGEST_INFLATE_H
#include "weir/error.h"
#include "weir/str.h"

typedef struct weir_inflate weir_inflate;
weir_inflate *weir_inflate_open(const char *path, weir_error *err);
/* Up to `size` bytes to `out`; *got 0: the end. False: unreadable or damaged, named by its path. */
bool weir_inflate_read(weir_inflate *in, void *out, size_t size, size_t *got, weir_error *err);
uint64_t weir_inflate_consumed(const weir_inflate *in); /* bytes of the file itself, for progress */
void weir_inflate_close(weir_inflate *in);
#endif
