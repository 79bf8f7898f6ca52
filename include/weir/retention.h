/* include/weir/retention.h - what is kept of a table and how long: segments that are marked unused, load and drop rules. Druid's words, in and out.
 * Any thread; calls that commit block. */
#ifndef WEIR_RETENTION_H
#define WEIR_RETENTION_H
#include "weir/coordinator.h"
#include "weir/settings.h"

typedef struct weir_retention { /* all borrowed */
    weir_catalog *catalog;
    weir_ingest *ingest; /* NULL: nothing is live here */
    weir_coordinator *coordinator; /* NULL: its duties come when they come */
    weir_settings *settings;       /* where the default rules are; NULL: there are none but Druid's */
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

/* Load and drop rules. Those of a table are in its log, those of `_default` in the settings: a bucket that no rule of its table fits is judged by these. */
#define WEIR_RULES_DEFAULT "_default"
typedef struct weir_rules_author {
    weir_str author, comment, ip;
} weir_rules_author;
/* {data source: [rules]}. */
bool weir_rules_all(const weir_retention *r, weir_buf *out, weir_error *err);
/* [rules]; `full`: the default's too, after them. */
bool weir_rules_of(const weir_retention *r, weir_str table, bool full, weir_buf *out, weir_error *err);
/* Puts rules in place of what was. A table that is not known yet is made, empty. BAD_REQUEST names the member. */
bool weir_rules_set(const weir_retention *r, weir_str table, weir_str json, const weir_rules_author *author, weir_error *err);
/* The last changes, of all when table.at is NULL; within `interval` (NULL: any time), in order; or, count > 0, the newest so many, newest first. */
bool weir_rules_history(const weir_retention *r, weir_str table, const weir_interval *interval, int64_t count, weir_buf *out, weir_error *err);
#endif
