/* ingest/compaction_pick.h - which segments to merge next. Pure: a state of the log and a policy
 * in, ids out. */
#ifndef INGEST_COMPACTION_PICK_H
#define INGEST_COMPACTION_PICK_H
#include "weir/table_log.h"

typedef struct weir_compaction_policy {
    const weir_granularity *granularity; /* of buckets */
    uint64_t target_rows;                /* of a segment */
    uint64_t merge_rows;                 /* of one merge; 0: target_rows */
    uint64_t bucket_bytes_max;           /* a bucket with more is left alone; 0: no limit */
    size_t memory_bytes;
    uint32_t most;        /* segments of a bucket that are well enough */
    bool fewest;          /* but as few as the target allows, whenever `thorough` */
    bool thorough;        /* also buckets that rows still arrive in, but for the newest */
    bool everything;      /* the newest too */
    uint64_t quiet;       /* the newest version that is some minutes old: a bucket without newer
                             segments is quiet */
    weir_interval within; /* segments that overlap it */
    int64_t skip_from_ms; /* buckets that end after it are left alone */
    bool (*is_vain)(void *self, uint64_t hash); /* this choice led to nothing before; NULL: none */
    bool (*is_unlike)(void *self, weir_str segment_id); /* with `fewest`: it is to be written again
                                                           in any case; NULL: none is */
    void *self;
} weir_compaction_policy;
typedef struct weir_compaction_choice {
    weir_str *ids;
    uint32_t count;
    bool rewrite; /* as of weir_compaction_new */
    uint64_t hash;
} weir_compaction_choice;
/* False: nothing to do. In `arena`. */
bool weir_compaction_pick(const weir_log_state *state, const weir_compaction_policy *policy,
                          weir_arena *arena, weir_compaction_choice *out);
/* What could be merged and how much there is, by the same policy (Druid's compaction status). */
typedef struct weir_compaction_need {
    uint64_t bytes_awaiting, bytes_done, bytes_skipped;
    uint64_t segments_awaiting, segments_done, segments_skipped;
    uint64_t intervals_awaiting, intervals_done, intervals_skipped;
} weir_compaction_need;
weir_compaction_need weir_compaction_needs(const weir_log_state *state,
                                           const weir_compaction_policy *policy);
#endif
