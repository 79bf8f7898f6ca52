/* ingest/claims.h - "I work on this time": what one long job (an overwrite, a large load) holds in the table log, and the commit that replaces rows under it.
 * docs/PROTOCOL.md, section 7. A claim's id is "<label>@<node>#<process>-<random>": whoever reads it knows the job and who runs it. Safety does not stand on
 * that: a job whose claim was released has its commit refused (V6), whoever released it. One thread at a time; each call commits, and so may wait for the store. */
#ifndef INGEST_CLAIMS_H
#define INGEST_CLAIMS_H
#include "weir/catalog.h"

typedef struct weir_claims_options {
    weir_table *table;
    const weir_clock *clock;
    weir_str label;             /* of the job: not empty */
    weir_str node;              /* advertised host:port of a server; else empty. No '@' in it */
    uint64_t process;           /* drawn once per process: claims of this node by another process are dead */
    bool (*give_up)(void *self); /* NULL: a commit gives up after about 20 s */
    void *self;
} weir_claims_options;
typedef struct weir_claims {
    weir_claims_options options;
    weir_arena *arena;
    weir_claim *list; /* open ones */
    uint32_t count;   /* 0: none */
    uint64_t version; /* of the commit that opened them: the overwrite replaces segments born until then */
} weir_claims;

void weir_claims_init(weir_claims *claims, const weir_claims_options *options);
void weir_claims_done(weir_claims *claims); /* does not release */
typedef enum weir_claims_result {
    WEIR_CLAIMS_OPEN,
    WEIR_CLAIMS_DONE,  /* the label is committed already: nothing to do */
    WEIR_CLAIMS_TAKEN, /* another job works on a part of the time: err names its claim; try again later */
    WEIR_CLAIMS_FAILED,
} weir_claims_result;
/* Claims all intervals (disjoint) in one commit; an empty one only keeps the horizon back. Claims of an earlier run of the same label, and of this node's earlier
 * processes, are released first where they are in the way. */
weir_claims_result weir_claims_begin(weir_claims *claims, const weir_interval *intervals, uint32_t count, weir_error *err);
/* A beat. False with CONFLICT: a claim is gone, the job must give up. */
bool weir_claims_renew(weir_claims *claims, weir_error *err);
/* After a failure. What cannot be released now is released as dead later. */
bool weir_claims_release(weir_claims *claims, weir_error *err);
/* Into `commit`, against the table's state now: `remove` and `hide` of all rows in `intervals` (ascending, disjoint, within the claims) that were committed until the
 * claims were, and `release`. False with CONFLICT: a claim is gone. To be done anew for each try.
 * *changed: how many segments. */
bool weir_claims_replace(const weir_claims *claims, const weir_interval *intervals, uint32_t count, weir_commit *commit, uint64_t *changed, weir_error *err);

/* The open claim of a job, if any; which node's process holds it. */
bool weir_claims_find(const weir_log_state *state, weir_str label, weir_str *node, uint64_t *process);
/* The job of a claim's id; empty: another form of id. */
weir_str weir_claims_label(weir_str id);
#endif
