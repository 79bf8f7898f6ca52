/* include/weir/table_log.h - commits and the state that they fold to. The rules are in docs/PROTOCOL.md; section numbers below are its own.
 * Pure data: no thread, no I/O but through the store it is given. */
#ifndef WEIR_TABLE_LOG_H
#define WEIR_TABLE_LOG_H
#include "weir/store.h"
#include "compute/text.h"

typedef struct weir_source_key {
    weir_str supervisor, topic;
    int32_t partition;
} weir_source_key;
typedef struct weir_anchor { /* last record consumed in a range */
    bool known;
    int64_t offset;
    uint64_t xxh3; /* of key, value, timestamp */
} weir_anchor;
typedef struct weir_counts {
    uint64_t kept, thrown_away, unparseable, bytes;
} weir_counts;
typedef enum weir_range_kind { WEIR_RANGE_DATA, WEIR_RANGE_GAP, WEIR_RANGE_START, WEIR_RANGE_RESET } weir_range_kind;
typedef struct weir_range {
    weir_source_key source;
    uint64_t epoch;
    uint8_t kind; /* weir_range_kind */
    int64_t from, to; /* [from, to) */
    weir_anchor anchor;
    weir_counts counts;
    weir_str reason; /* GAP */
} weir_range;
typedef struct weir_added { /* a frozen segment as the log knows it */
    weir_str id; /* "<base, 20 digits>-<16 hex>" */
    int64_t from_ms, to_ms;
    uint64_t rows, events, bytes, footer_bytes, footer_xxh3;
} weir_added;
typedef struct weir_removed {
    weir_str id;
    uint64_t rev;
    int64_t from_ms, to_ms; /* hides only */
} weir_removed;
typedef struct weir_claim {
    weir_str id;
    int64_t from_ms, to_ms;
} weir_claim;
typedef enum weir_op {
    WEIR_OP_CREATE, WEIR_OP_HANDOFF, WEIR_OP_START, WEIR_OP_GAP, WEIR_OP_RESET, WEIR_OP_LOAD, WEIR_OP_CLAIM,
    WEIR_OP_OVERWRITE, WEIR_OP_DROP, WEIR_OP_COMPACT, WEIR_OP_SPEC, WEIR_OP_CONFIG, WEIR_OP_GC,
} weir_op;
/* One commit, as read or about to be written. Lists live in its arena. */
typedef struct weir_commit {
    weir_arena *arena;
    uint64_t version, prev; /* set when it is put */
    uint64_t hash;          /* xxh3 of its line: set by weir_commit_read */
    weir_str table, table_id, txn, node, label;
    int64_t at_ms;
    uint8_t op;
    weir_range *offsets;
    weir_added *add;
    weir_removed *remove, *hide;
    weir_claim *claim, *renew, *release;
    uint32_t offset_count, add_count, remove_count, hide_count, claim_count, renew_count, release_count;
    struct {
        weir_str id, spec; /* spec: JSON text, or "null" */
        bool suspended, set;
    } supervisor;
    weir_str config;  /* JSON object, or empty */
    uint64_t horizon; /* 0: not moved */
} weir_commit;
weir_commit *weir_commit_new(uint8_t op, const weir_clock *clock); /* draws txn */
void weir_commit_free(weir_commit *commit);
void weir_commit_add_range(weir_commit *commit, const weir_range *range);  /* copies */
void weir_commit_add_segment(weir_commit *commit, const weir_added *added);
void weir_commit_add_removed(weir_commit *commit, const weir_removed *removed);
void weir_commit_add_hidden(weir_commit *commit, const weir_removed *hidden);
void weir_commit_set_supervisor(weir_commit *commit, weir_str id, weir_str spec, bool suspended); /* spec: JSON text, or "null" */
weir_str weir_commit_text(weir_commit *commit, weir_str text); /* a copy in the commit's arena: labels, config, claim ids */
void weir_commit_write(const weir_commit *commit, weir_buf *out);
/* Checks the hash and every member. An unknown member, word or format: CORRUPT with "newer weir needed". `name` is for errors. */
bool weir_commit_read(weir_str name, weir_str bytes, weir_commit **out, weir_error *err);

/* state(N): immutable, refcounted; a fold makes the next. */
typedef struct weir_source_state {
    weir_source_key source;
    uint64_t epoch;
    int64_t next;
    weir_anchor anchor;
    weir_counts totals;
} weir_source_state;
typedef struct weir_segment_state {
    weir_added added;
    uint64_t rev, born;
    uint32_t hide_count;
    const weir_interval *hides;
} weir_segment_state;
typedef struct weir_supervisor_state {
    weir_str id, spec; /* spec: JSON text; "null" once terminated */
    bool suspended;
} weir_supervisor_state;
typedef struct weir_claim_state {
    weir_claim claim;
    uint64_t version, beats; /* of its commit; renews since */
} weir_claim_state;
typedef struct weir_gap {
    weir_range range;
    uint64_t version;
} weir_gap;
typedef struct weir_log_state weir_log_state;
weir_log_state *weir_log_state_empty(weir_str table);
weir_log_state *weir_log_state_ref(weir_log_state *state);
void weir_log_state_unref(weir_log_state *state);
uint64_t weir_log_version(const weir_log_state *state);
weir_str weir_log_table_id(const weir_log_state *state); /* empty before commit 1 */
uint64_t weir_log_hash(const weir_log_state *state);     /* prev of the next commit */
uint64_t weir_log_horizon(const weir_log_state *state);
const weir_source_state *weir_log_source(const weir_log_state *state, const weir_source_key *key); /* NULL: unknown */
const weir_source_state *weir_log_sources(const weir_log_state *state, size_t *count);
const weir_segment_state *weir_log_segment(const weir_log_state *state, weir_str id);
const weir_segment_state *const *weir_log_segments(const weir_log_state *state, size_t *count);
const weir_supervisor_state *weir_log_supervisors(const weir_log_state *state, size_t *count);
const weir_gap *weir_log_gaps(const weir_log_state *state, size_t *count);
bool weir_log_has_label(const weir_log_state *state, weir_str label);
const weir_claim_state *weir_log_claims(const weir_log_state *state, size_t *count);
bool weir_log_has_tombstone(const weir_log_state *state, weir_str id);
size_t weir_log_tombstones(const weir_log_state *state);
weir_str weir_log_table(const weir_log_state *state);
weir_str weir_log_config(const weir_log_state *state); /* JSON object; empty: nothing set */
/* V1..V7 of section 3. False: the sentence begins with the rule's name ("V2: ..."); `rule` says which (1..7). */
bool weir_log_valid(const weir_log_state *state, const weir_commit *commit, int *rule, weir_error *err);
/* The next state. Asserts validity again and fails with CORRUPT on a breach. `hash`: xxh3 of the commit's line. */
bool weir_log_fold(const weir_log_state *state, const weir_commit *commit, uint64_t hash, weir_log_state **out, weir_error *err);

/* Checkpoints (section 2). */
#define WEIR_CHECKPOINT_EVERY 100u
#define WEIR_CHECKPOINTS_KEPT 3u
void weir_checkpoint_write(const weir_log_state *state, weir_buf *out);
bool weir_checkpoint_read(weir_str name, weir_str bytes, weir_log_state **out, weir_error *err);

/* Keys of objects (section 1): the table name with each byte outside [A-Za-z0-9_-] as ~XX. */
weir_str weir_key_log(weir_arena *arena, weir_str table, uint64_t version);
weir_str weir_key_checkpoint(weir_arena *arena, weir_str table, uint64_t version);
weir_str weir_key_segment(weir_arena *arena, weir_str table, weir_str id);
weir_str weir_segment_id_new(weir_arena *arena, uint64_t base, const weir_clock *clock);
/* Newest state that the store has: checkpoint, then the log. No log: version 0. */
bool weir_log_load(weir_store *store, weir_str table, weir_log_state **out, weir_error *err);
/* The same, and where the log is damaged (false, CORRUPT) *out is the state before the damage. NULL when the store did not answer.
 * `fetcher` (segments/fetch.h) gets log objects of `store` at once; NULL: one after the other. */
struct weir_fetcher;
bool weir_log_load_part(weir_store *store, struct weir_fetcher *fetcher, weir_str table, weir_log_state **out, weir_error *err);
/* The commit `version`; err names the object. NONE: not there (yet). Damage is read some times before it counts: it may be the way's. */
weir_get weir_commit_get(weir_store *store, weir_str table, uint64_t version, weir_commit **out, weir_error *err);
/* Commits of versions [from, to] in order, many gets at once. Fails at the first that is missing or damaged. */
bool weir_log_scan(weir_store *store, weir_str table, uint64_t from, uint64_t to, void (*see)(void *self, const weir_commit *commit), void *self, weir_error *err);
/* Folds what others committed since. *out is a new reference (the same state when nothing is new). */
bool weir_log_catch_up(weir_store *store, weir_log_state *state, weir_log_state **out, weir_error *err);
/* Puts the checkpoint of `state` and deletes those older than the last WEIR_CHECKPOINTS_KEPT. A failure is harmless: a checkpoint is a hint. */
bool weir_checkpoint_put(weir_store *store, const weir_log_state *state, weir_error *err);
/* Names of all tables in the store. */
bool weir_log_tables(weir_store *store, bool (*see)(void *self, weir_str table), void *self, weir_error *err);
#endif
