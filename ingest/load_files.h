/* ingest/load_files.h - which files a load reads: those named, or the spec's local inputSource. */
#ifndef INGEST_LOAD_FILES_H
#define INGEST_LOAD_FILES_H
#include "ingest/spec.h"
#include "weir/ingest.h"

typedef struct weir_load_files {
    const char *const *paths; /* NULL: the spec's inline data */
    uint32_t count;
    uint64_t total_bytes;
} weir_load_files;
bool weir_load_files_find(const weir_load_options *options, const weir_spec *spec, weir_arena *arena, weir_load_files *out, weir_error *err);
#endif
