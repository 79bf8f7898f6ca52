/* ingest/load_commit.h - what a load does in the table log: claims before it reads, beats while it works, one commit at the end. docs/PROTOCOL.md, section 7.
 * A label is committed once: a load that is run again with it is done already. */
#ifndef INGEST_LOAD_COMMIT_H
#define INGEST_LOAD_COMMIT_H
#include "ingest/spec.h"
#include "ingest/upload.h"
#include "weir/ingest.h"

typedef struct weir_load_commit weir_load_commit;
/* Draws the label if there is none; an overwrite flushes this process's live rows and claims its time. NULL: *done says that the label is committed, else err why not.
 * *lost comes true when the claim is gone. */
weir_load_commit *weir_load_commit_begin(const weir_load_options *options, weir_spec *spec, weir_table *table, _Atomic bool *lost, bool *done, weir_error *err);
/* A load that takes long: keeps the horizon back, where no claim does so already. Any thread, one at a time. */
bool weir_load_commit_hold(weir_load_commit *lc, weir_error *err);
/* A frozen file into the store; tried some times, each under a new name. Any thread. */
bool weir_load_commit_put(const weir_load_commit *lc, weir_upload *upload, weir_arena *arena, weir_error *err);
/* Adds, and replaces what the spec says. Sets replaced and already_done of `out`. */
bool weir_load_commit_end(weir_load_commit *lc, weir_upload *uploads, uint32_t count, weir_load_result *out, weir_error *err);
void weir_load_commit_why(weir_load_commit *lc, weir_error *err); /* why the claim was lost */
/* landed false: releases what is claimed. */
void weir_load_commit_free(weir_load_commit *lc, bool landed);
#endif
