/* include/weir/collect.h - objects that no state needs any more leave the store (docs/PROTOCOL.md, section 7, "Garbage collection"). A commit moves the
 * table's horizon to what this process has known for the grace; from then on no commit can add an object of an older base, however slow its writer, so
 * what is older, in no segment and no tombstone is deleted. Any number of processes may collect at once; a run that ends half-way is run again. */
#ifndef WEIR_COLLECT_H
#define WEIR_COLLECT_H
#include "weir/catalog.h"

#define WEIR_COLLECT_GRACE_MS 3600000 /* at least as long as the longest query that may read a removed segment */
#define WEIR_COLLECT_SEEN 40u

typedef struct weir_collect_memory { /* which version this process had folded when; of one table. Zeroed at first */
    uint32_t count;
    struct {
        uint64_t version;
        int64_t at_us; /* monotonic */
    } seen[WEIR_COLLECT_SEEN]; /* ascending in both */
    int64_t wait_us, next_us; /* after the horizon was moved for objects that nobody committed: not again for so long */
} weir_collect_memory;

typedef struct weir_collect { /* one run over a table; zeroed at first, then the caller's four are set */
    weir_table *table;
    const weir_clock *clock;
    weir_collect_memory *memory;
    int64_t grace_ms; /* 0: none, for tests */
    bool (*give_up)(void *self); /* as weir_table_commit's */
    void *self;
    uint64_t objects, bytes;  /* deleted in the last step */
    bool moved, worth, listed, aborted; /* its own: the horizon was moved in this run; a later one would free something; all pages, all uploads are done */
    char after[400];
} weir_collect;
/* One commit, or a page of the store's list and a hundred deletions of it at most. *done: the run is over. False: err says why; begin anew. */
bool weir_collect_step(weir_collect *c, bool *done, weir_error *err);
/* Notes what is folded now; weir_collect_step does it too. The more often, the more exact the grace (which is never too short). */
void weir_collect_note(weir_collect_memory *memory, weir_table *table, const weir_clock *clock, int64_t grace_ms);
#endif
