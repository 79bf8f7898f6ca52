/* ingest/compaction_config.h - Druid's DataSourceCompactionConfig. */
#ifndef INGEST_COMPACTION_CONFIG_H
#define INGEST_COMPACTION_CONFIG_H
#include "compute/calendar.h"
#include "ingest/compaction_pick.h"
#include "weir/buf.h"

#define WEIR_COMPACTION_TARGET_ROWS 5000000u

typedef struct weir_compaction_config {
    bool set;      /* else weir's defaults, which are below */
    uint64_t hash; /* of the text; 0: none */
    weir_str table;
    weir_period skip_offset;   /* from the end of the newest segment */
    uint64_t bucket_bytes_max; /* 0: no limit */
    uint64_t target_rows, merge_rows;
    bool has_segment_granularity, has_query_granularity;
    weir_granularity segment_granularity, query_granularity;
    int rollup; /* -1: not said */
} weir_compaction_config;
/* An empty text: the defaults. Strings live in `arena`. `printed` (may be NULL): as Druid prints
 * it. BAD_REQUEST names the member; UNSUPPORTED. */
bool weir_compaction_config_read(weir_str json, weir_arena *arena, weir_compaction_config *out,
                                 weir_buf *printed, weir_error *err);
/* Of the table's log; the defaults where nothing is said, or what is said cannot be read. */
weir_compaction_config weir_compaction_config_of(const weir_log_state *state, weir_arena *arena);
/* Granularity, sizes, `fewest` and what is skipped; the caller says when. */
weir_compaction_policy weir_compaction_policy_of(const weir_compaction_config *config,
                                                 const weir_log_state *state,
                                                 const weir_granularity *own, size_t memory_bytes);
#endif
