/* ingest/handoff.h - one sealed generation into the store and the table log: freeze, upload, commit; the publish swaps it for its segments.
 * docs/PROTOCOL.md, section 6. A job of small steps; it ends only when the generation is committed or dropped, or when it is cancelled. */
#ifndef INGEST_HANDOFF_H
#define INGEST_HANDOFF_H
#include "ingest/job.h"
#include "ingest/stats.h"
#include "weir/catalog.h"

typedef struct weir_handoff_options {
    weir_catalog *catalog;
    weir_table *table;
    const weir_clock *clock;
    const char *work_path;
    uint32_t max_rows;   /* of one segment; 0: 5,000,000 */
    weir_stats *stats;
} weir_handoff_options;
typedef struct weir_handoff weir_handoff;
typedef enum weir_handoff_end { WEIR_HANDOFF_COMMITTED, WEIR_HANDOFF_DROPPED, WEIR_HANDOFF_GIVEN_UP } weir_handoff_end;
/* Takes over the caller's reference to the sealed generation. */
weir_handoff *weir_handoff_new(const weir_handoff_options *options, weir_generation *gen);
weir_job *weir_handoff_job(weir_handoff *handoff);
/* When done. Ranges that were committed, in the hand-off's own memory. */
weir_handoff_end weir_handoff_result(const weir_handoff *handoff, const weir_generation_source **sources, uint32_t *count);
/* The last failure, for the supervisor's status; false: none. Any thread. */
bool weir_handoff_problem(weir_handoff *handoff, weir_error *err);
void weir_handoff_free(weir_handoff *handoff); /* when done */
#endif
