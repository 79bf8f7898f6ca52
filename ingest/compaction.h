/* ingest/compaction.h - some segments of a table into fewer: read what is visible, deal it to time
 * buckets, freeze, upload, and one commit that swaps them. In steps; it blocks in the store's calls
 * alone. docs/PROTOCOL.md, section 7. */
#ifndef INGEST_COMPACTION_H
#define INGEST_COMPACTION_H
#include "weir/catalog.h"

typedef struct weir_compaction_options {
    weir_catalog *catalog; /* borrowed, as all below */
    weir_table *table;
    const weir_clock *clock;
    const char *work_path;
    size_t memory_bytes;
    uint32_t max_rows; /* of one segment */
    uint32_t
        bucket_limit; /* buckets that get segments of their own; what is left stays one stray */
    const weir_granularity *segment_granularity,
        *query_granularity;       /* NULL: as the segments have */
    int rollup;                   /* -1: as the segments have */
    bool (*go_on)(void *self);    /* asked often; may rest. False: give up */
    bool (*given_up)(void *self); /* the same question, without a rest */
    void *self;
} weir_compaction_options;
typedef struct weir_compaction weir_compaction;
typedef enum weir_compaction_end {
    WEIR_COMPACTION_MORE, /* again, after *wait_ms */
    WEIR_COMPACTION_LANDED,
    WEIR_COMPACTION_LOST,     /* somebody else changed one of them: pick again */
    WEIR_COMPACTION_NOTHING,  /* they do not fit together; the same pick would be in vain again */
    WEIR_COMPACTION_GIVEN_UP, /* it was asked to; if it was committing, nobody knows */
    WEIR_COMPACTION_FAILED,   /* err says why */
} weir_compaction_end;
/* Copies the ids. `rewrite`: worth while even where only one of them is left (strays, hidden rows).
 */
weir_compaction *weir_compaction_new(const weir_compaction_options *options, const weir_str *ids,
                                     uint32_t count, bool rewrite);
weir_compaction_end weir_compaction_step(weir_compaction *c, int64_t *wait_ms, weir_error *err);
typedef struct weir_compaction_figures {
    uint32_t segments_in, segments_out;
    uint64_t rows_in, rows_out, bytes_in, bytes_out;
} weir_compaction_figures;
weir_compaction_figures weir_compaction_figures_of(const weir_compaction *c);
void weir_compaction_free(weir_compaction *c); /* any time; local files go */
#endif
