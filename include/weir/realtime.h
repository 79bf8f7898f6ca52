/* include/weir/realtime.h - the live segment: grows by one writer, read by any number of queries without locks.
 * Rows are visible when append returns. Chunks of 65,536 rows are sealed (encoded, indexed, rolled up) as they fill; where rows roll up, with those of the chunk before
 * as long as it has room.
 * A row's source (topic partition) is kept in a hidden column, so that one source can be masked alone. */
#ifndef WEIR_REALTIME_H
#define WEIR_REALTIME_H
#include "weir/segment.h"

/* A columnar batch of up to 4,096 events of one source, decoded and transformed: what ingest hands over. */
typedef struct weir_input {
    uint32_t n;
    const int64_t *times;   /* ms; truncated to queryGranularity by append */
    uint32_t column_count;
    const weir_str *names;  /* dimensions by name (declared or discovered), metrics by their output name */
    const weir_vec *columns; /* FLAT, CONST or LIST of FLAT; metrics in row form (weir_agg.row) */
} weir_input;

typedef struct weir_realtime weir_realtime; /* refcounted: snapshots hold it */
#define WEIR_REALTIME_SOURCES 256u /* sources a live segment can tell apart */

/* `budget` is charged for every page. Takes a reference to `schema`. */
weir_realtime *weir_realtime_new(weir_schema *schema, weir_budget *budget);
void weir_realtime_unref(weir_realtime *rt);
/* Writer only. Rows become visible in one step at the end. Fails only for limits that name the column (a value over 1 MiB, 10,000 columns). */
bool weir_realtime_append(weir_realtime *rt, const weir_input *input, uint8_t source, weir_error *err);
/* Writer only, when nothing arrives for a while: of a schema that rolls up, rows of equal key that arrived since the last sealed chunk become one now. */
void weir_realtime_settle(weir_realtime *rt);
/* Writer only, once, before freeze: seals the last chunk. Nothing is appended any more. */
void weir_realtime_end(weir_realtime *rt);
/* Any thread. */
uint64_t weir_realtime_rows(const weir_realtime *rt);   /* stored rows (after roll-up) */
uint64_t weir_realtime_events(const weir_realtime *rt); /* appended rows */
size_t weir_realtime_bytes(const weir_realtime *rt);
bool weir_realtime_hull(const weir_realtime *rt, weir_interval *out); /* [min time, max time + 1); false: empty */

/* Sources that must not be seen: bit set = masked. All zero: none. */
typedef struct weir_mask {
    uint64_t bits[WEIR_REALTIME_SOURCES / 64];
} weir_mask;
/* What can be seen now, pinned: chunk list, row counts, dictionary counts (PROTOCOL.md, section 8). Unref the rows. Any thread. */
weir_rows *weir_realtime_snapshot(weir_realtime *rt, const weir_mask *masked, weir_str id);

/* Freezing, after weir_realtime_end; any one thread; reads only. */
typedef struct weir_freeze_part { /* one segment to be written */
    weir_interval interval;       /* hull of its rows: [min, max + 1) */
    weir_interval bucket;         /* of segmentGranularity; the hull for a stray part */
    bool stray;                   /* rows of many buckets together */
    uint64_t events;              /* input rows */
    uint32_t rows_before;         /* rows before the complete roll-up */
    void *rows;                   /* the part's own */
} weir_freeze_part;
/* Deals the unmasked rows into parts: one per bucket when bucket_limit is 0 (load), else the bucket_limit buckets with the most rows and one stray part for
 * the rest; a bucket over max_rows is split. Parts live in `arena`. events per source (may be NULL): events[source] counts the rows of that source. */
bool weir_realtime_parts(weir_realtime *rt, const weir_mask *masked, uint32_t bucket_limit, uint32_t max_rows, weir_arena *arena,
                         weir_freeze_part **out, uint32_t *count, weir_error *err);
/* Orders the part's rows (clusters, time, dimensions), rolls up completely if the schema says so, writes the file column by column. */
bool weir_realtime_freeze(weir_realtime *rt, const weir_freeze_part *part, weir_file file, bool thorough, weir_segment_info *out, weir_error *err);
#endif
