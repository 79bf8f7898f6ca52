/* ingest/upload.h - a frozen local file into the store under a name of its own, and into a commit. */
#ifndef INGEST_UPLOAD_H
#define INGEST_UPLOAD_H
#include "weir/catalog.h"

/* A part that was frozen to a local file, on its way. */
typedef struct weir_upload {
    const char *path;
    weir_segment_info info;
    weir_interval interval; /* of its rows: [min, max + 1) */
    weir_interval bucket;   /* of segmentGranularity, where it is all of one */
    uint64_t events;
    weir_str id; /* empty: not uploaded yet */
} weir_upload;
/* One try, under a new name whose base is the table's version now. Not done (EXISTS and UNKNOWN count as that): try again, it gets another name. */
bool weir_upload_put(weir_catalog *catalog, weir_table *table, const weir_clock *clock, weir_arena *arena, weir_upload *upload, weir_error *err);
void weir_upload_add(const weir_upload *upload, weir_commit *commit);
/* After the commit landed: the local file becomes the cache's. */
void weir_upload_adopt(weir_table *table, const weir_upload *upload);
/* Without a commit: the local file goes. An object that was put stays for the collection of garbage. */
void weir_upload_drop(const weir_upload *upload);
#endif
