/* ingest/gaps.h - offsets that the topic no longer had when they were to be read: gaps in the log, shown until somebody acknowledges them.
 * An acknowledgement is a key of the log's config per supervisor, "gapsAcknowledged/<id>": the version up to which its gaps are known. */
#ifndef INGEST_GAPS_H
#define INGEST_GAPS_H
#include "weir/table_log.h"

typedef struct weir_gap_figures {
    uint64_t gaps, offsets;           /* all in the log */
    uint64_t open_gaps, open_offsets; /* not acknowledged */
} weir_gap_figures;
weir_gap_figures weir_gaps_count(const weir_log_state *state, weir_str supervisor);
/* [{"topic","partition","from","to","size","reason","version"}...] of those that are open. */
void weir_gaps_print(const weir_log_state *state, weir_str supervisor, weir_json *out);
/* Acknowledges those up to a version. */
void weir_gaps_acknowledge(weir_commit *commit, weir_str supervisor, uint64_t version);
#endif
