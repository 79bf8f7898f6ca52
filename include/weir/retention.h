/* include/weir/retention.h - what is kept of a table and how long: segments that are marked unused, load and drop rules. Druid's words, in and out.
 * Any thread; calls that commit block. */
#ifndef WEIR_RETENTION_H
#define WEIR_RETENTION_H
#include "weir/coordinator.h"

typedef struct weir_retention { /* all borrowed */
    weir_catalog *catalog;
    weir_ingest *ingest; /* NULL: nothing is live here */
    weir_coordinator *coordinator; /* NULL: its duties come when they come */
    const weir_clock *clock;
} weir_retention;

/* Marks unused what lies in whole time buckets of `interval`: live rows of this process are handed off first, then one commit drops them all. Of
 * `version_count` versions (0: of any) only. An unknown table: nothing changes. */
bool weir_retention_drop(const weir_retention *r, weir_str table, weir_interval interval, const weir_str *versions, size_t version_count,
                         uint64_t *changed, weir_error *err);
/* Segments by Druid's ids; those of other tables and unknown ones are passed over. */
bool weir_retention_drop_segments(const weir_retention *r, weir_str table, const weir_str *ids, size_t count, uint64_t *changed, weir_error *err);
/* Druid's payload: {"interval", "versions"} or {"segmentIds"}. BAD_REQUEST: it is neither (*payload false: the sentence is Druid's own and stands alone). */
bool weir_retention_mark_unused(const weir_retention *r, weir_str table, weir_str json, bool *payload, uint64_t *changed, weir_error *err);
/* A drop cannot be undone: UNSUPPORTED where something of the table was removed and may still lie in the store, else nothing is to be changed. */
bool weir_retention_mark_used(const weir_retention *r, weir_str table, weir_error *err);
/* The same, after Druid's payload was read. */
bool weir_retention_mark_used_by(const weir_retention *r, weir_str table, weir_str json, bool *payload, weir_error *err);
#endif
