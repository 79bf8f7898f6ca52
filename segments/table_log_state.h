/* segments/table_log_state.h - what state(N) is made of; for the files of the table log only.
 * Seen from outside a state never changes: weir_log_fold copies it and applies the commit to the
 * copy. Loading applies commits to a state that nobody else has. Segments are records of their own
 * with a count, shared by the states that hold them; the rest is small and copied. */
#ifndef SEGMENTS_TABLE_LOG_STATE_H
#define SEGMENTS_TABLE_LOG_STATE_H
#include <stdatomic.h>
#include "segments/log_json.h"
#include "weir/hash.h"
#include "weir/table_log.h"

#define WEIR_LABELS_KEPT 1000u
#define WEIR_SEGMENT_ID_SIZE 37u /* 20 digits, '-', 16 hex digits */

typedef struct segment_record {
    weir_segment_state state; /* first: the public face; id and hides lie behind */
    _Atomic uint32_t refs;
    char id[WEIR_SEGMENT_ID_SIZE + 1];
    weir_interval hides[];
} segment_record;
typedef struct tombstone {
    weir_str id;
    uint64_t version; /* that removed it */
} tombstone;

struct weir_log_state {
    _Atomic uint32_t refs;
    weir_arena *arena; /* of all text below */
    weir_str table, table_id, config;
    uint64_t version, hash, horizon;
    /* Ascending: sources by (supervisor, topic, partition), segments and tombstones by id. Others
     * in order of arrival. */
    weir_source_state *sources;
    const weir_segment_state **segments;
    tombstone *tombstones;
    weir_claim_state *claims;
    weir_gap *gaps;
    weir_supervisor_state *supervisors;
    weir_str *labels;
    size_t source_count, segment_count, tombstone_count, claim_count, gap_count, supervisor_count,
        label_count;
    size_t source_room, segment_room, tombstone_room, claim_room, gap_room, supervisor_room,
        label_room;
};

/* Tables of fields that commits and checkpoints share (table_log_write.c). */
extern const weir_field weir_range_fields[], weir_added_fields[], weir_anchor_fields[],
    weir_counts_fields[];

/* `items` with room for one more at `at`, which is zeroed: the later ones have moved up. */
void *weir_list_open(void *items, size_t *count, size_t *room, size_t item_size, size_t at);
/* First segment (tombstone, source) that is not below. */
size_t weir_state_find_segment(const weir_log_state *state, weir_str id, bool *there);
size_t weir_state_find_tombstone(const weir_log_state *state, weir_str id, bool *there);
size_t weir_state_find_source(const weir_log_state *state, const weir_source_key *key, bool *there);
segment_record *weir_segment_record_new(const weir_added *added, uint64_t rev, uint64_t born,
                                        uint32_t hide_count, const weir_interval *hides);
void weir_segment_record_unref(const weir_segment_state *segment);
weir_source_key weir_source_key_copy(weir_arena *arena, const weir_source_key *key);
weir_range weir_range_copy(weir_arena *arena, const weir_range *range);

weir_log_state *weir_state_copy(const weir_log_state *state);
/* Validates and applies, on a state that nobody else holds. After a failure the state is as it was.
 */
bool weir_state_apply(weir_log_state *state, const weir_commit *commit, uint64_t hash,
                      weir_error *err);
/* False: not "<20 digits>-<16 hex>". */
bool weir_segment_id_base(weir_str id, uint64_t *base);
bool weir_text_is_hex(weir_str text, size_t digits);
#endif
