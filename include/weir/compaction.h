/* include/weir/compaction.h - what operators say of compaction: Druid's auto-compaction API, and one
 * interval compacted now. Settings live in the tables' logs (config member "compaction"); a table
 * without any is compacted by weir's own defaults. Any thread. */
#ifndef WEIR_COMPACTION_H
#define WEIR_COMPACTION_H
#include "weir/coordinator.h"
#include "weir/settings.h"

typedef struct weir_compactions { /* borrowed */
    weir_catalog *catalog;
    const weir_clock *clock;
    weir_coordinator *coordinator; /* is told of changes; may be NULL */
    weir_settings *settings;       /* where the cluster's config is; NULL: Druid's default */
} weir_compactions;
typedef struct weir_compaction_author { /* for the history */
    weir_str author, comment, ip;
} weir_compaction_author;
/* Each writes a JSON body where it has one. Errors: BAD_REQUEST names the member, UNSUPPORTED what weir does not do, NOT_FOUND. */
bool weir_compactions_list(const weir_compactions *c, weir_buf *out, weir_error *err);
void weir_compactions_configs(const weir_compactions *c, weir_buf *out); /* the list alone */
bool weir_compactions_get(const weir_compactions *c, weir_str table, weir_buf *out, weir_error *err);
/* `table` may be empty: the config names it. */
bool weir_compactions_set(const weir_compactions *c, weir_str table, weir_str json, const weir_compaction_author *by, weir_error *err);
bool weir_compactions_remove(const weir_compactions *c, weir_str table, const weir_compaction_author *by, weir_error *err);
/* In order; or, count > 0, the newest so many, newest first. `within` NULL: any time. */
bool weir_compactions_history(const weir_compactions *c, weir_str table, const weir_interval *within, uint32_t count, weir_buf *out, weir_error *err);
/* Druid's config of the whole cluster; of what is posted, what is absent stays as it was. Task slots are kept and shown, without effect. */
bool weir_compactions_cluster(const weir_compactions *c, weir_buf *out, weir_error *err);
bool weir_compactions_cluster_set(const weir_compactions *c, weir_str json, weir_error *err);
/* An empty name: of all tables. */
bool weir_compactions_status(const weir_compactions *c, weir_str table, weir_buf *out, weir_error *err);
bool weir_compactions_progress(const weir_compactions *c, weir_str table, weir_buf *out, weir_error *err);

/* Merges what is committed of the interval to as few segments as the target allows, in their granularity; rows of live segments stay as they are.
 * Blocks; some commits, each whole. */
typedef struct weir_compact_request {
    weir_catalog *catalog;
    weir_table *table;
    const weir_clock *clock;
    const char *work_path;
    size_t memory_bytes;  /* 0: 1 GiB */
    weir_interval within; /* segments that overlap it */
    const weir_granularity *segment_granularity, *query_granularity; /* NULL: as the segments have */
    int rollup;           /* -1: as the segments have */
    uint32_t max_rows;    /* of a segment; 0: 5,000,000 */
    bool (*given_up)(void *self); /* may be NULL */
    void *self;
} weir_compact_request;
typedef struct weir_compact_result {
    uint32_t merges, segments_in, segments_out;
    uint64_t rows_in, rows_out, bytes_out;
} weir_compact_result;
bool weir_compact_interval(const weir_compact_request *request, weir_compact_result *out, weir_error *err);
#endif
