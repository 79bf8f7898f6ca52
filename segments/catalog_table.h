/* segments/catalog_table.h - what a table is made of; for the files of the catalog only.
 *
 * What queries see is one immutable object, `published`: a state of the log, the frozen segments of
 * that state, and the generations with the mask of each of their sources. Whoever changes anything
 * builds the next one from the current one without a lock, and swaps the pointer under the table's
 * lock if nobody else was faster (else builds again). So a commit's segments appear in the very
 * step in which its generations go.
 *
 * The turn (`busy`) is what a committer or a refresh holds while it talks to the store: only its
 * holder moves the state. */
#ifndef SEGMENTS_CATALOG_TABLE_H
#define SEGMENTS_CATALOG_TABLE_H
#include <pthread.h>
#include <stdatomic.h>
#include "segments/catalog_cache.h"
#include "segments/fetch.h"
#include "weir/catalog.h"

typedef struct opened {    /* what a query made of a frozen segment; kept with it */
    _Atomic uint32_t refs; /* the frozen's, and those of views where it may be closed (lazy) */
    weir_segment *seg;
    weir_lazy *lazy; /* a reference; NULL: the store maps */
    weir_rows *rows; /* the segment's, or those without hidden time */
    weir_str shown;  /* rows->id */
} opened;

/* One frozen segment, shared by all published objects that have it at this rev. */
typedef struct frozen {
    _Atomic uint32_t refs;
    weir_added added; /* id: below */
    uint64_t rev, born;
    uint64_t uid; /* of its rows, however often they are opened */
    char id[40];
    opened *_Atomic
        opened; /* NULL: not open. With a lazy one it changes under the table's `opening` */
    uint32_t hide_count;
    weir_interval hides[];
} frozen;

/* The frozen segments of a state: by id as the state has them, and by time. Immutable. */
typedef struct frozen_list {
    _Atomic uint32_t refs;
    size_t count;
    frozen **by_id, **by_time;            /* the references are by_id's */
    uint64_t rows, bytes, events, hidden; /* hidden: segments of which some time is */
    int64_t min_ms, max_ms;               /* of all rows; min > max: none */
} frozen_list;

struct weir_generation {
    _Atomic uint32_t refs;
    weir_table *table;
    weir_realtime *rows;
    weir_schema *schema;
    uint64_t holder;
    _Atomic uint32_t sources; /* added so far, published or about to be */
    weir_arena *arena;        /* of the sources' keys: ingest thread only */
    _Atomic int64_t
        reached[WEIR_REALTIME_SOURCES]; /* how far each source's rows go, while it grows */
};

/* A generation as published. Immutable. */
typedef struct gen_state {
    _Atomic uint32_t refs;
    weir_generation *gen;
    bool sealed;
    uint32_t source_count;
    weir_generation_source sources[];
} gen_state;

typedef struct published {
    _Atomic uint32_t refs;
    weir_log_state *state;
    frozen_list *frozen;
    uint32_t gen_count;
    gen_state *gens[]; /* in the order in which they began */
} published;

typedef struct pending_put { /* given up while it was unknown: no other bytes go to that version
                                before it is settled */
    uint64_t version;
    weir_buf bytes; /* empty: none */
} pending_put;

struct weir_table {
    weir_catalog *catalog;
    weir_str name;
    pthread_mutex_t opening; /* guards `opened` of its segments, where they may be closed again */
    pthread_mutex_t lock;    /* guards current, held, busy, trouble, in_part, unreadable */
    published *current;
    published
        *held; /* what queries see until `current` shows as much; NULL: current. catalog_hold.c */
    int64_t held_us;
    bool busy;
    weir_error trouble;    /* code WEIR_OK: none */
    bool in_part;          /* the log was never read to its end: `trouble` says why */
    weir_error unreadable; /* why a segment cannot be opened, until it can */
    char unreadable_id[80];
    /* Of the turn's holder: */
    weir_str *own_txns; /* of commits of this process whose fold is to come */
    size_t own_count;
    pending_put pending;
    int64_t reload_at_us, reload_wait_ms; /* while in_part: not before */
    _Atomic uint64_t commits, commit_retries;
};

/* collect.c: local copies of segments that no state can have any more go. */
void weir_table_sweep_cache(weir_table *table, weir_log_state *state);

struct weir_catalog {
    weir_catalog_options options;
    char *work_path;
    weir_str node;
    struct weir_cache *cache;
    weir_fetcher *fetcher; /* of options.store */
    pthread_mutex_t lock;  /* guards tables, stopping */
    pthread_cond_t stop;
    weir_table **tables; /* ascending by name; a new array each time one is added, old ones live on
                            until close */
    size_t table_count;
    bool stopping;
    pthread_t poller;
};

/* catalog_publish.c */
published *weir_published_first(weir_log_state *state); /* takes the reference */
published *weir_published_of(weir_table *table);        /* a reference to the current one */
void weir_published_unref(published *p);
/* Builds from the current one by `build` and swaps, again and again until nobody was in between.
 * build gives NULL: nothing to change. */
void weir_table_change(weir_table *table, published *(*build)(const published *old, void *self),
                       void *self);
/* Moves the state to `next` (one commit further): own ranges drop the generations that they cover,
 * others mask. Holder of the turn. */
void weir_table_fold(weir_table *table, const weir_commit *commit, weir_log_state *next, bool own);
/* The same over many commits, none of them of this process. Holder of the turn. */
void weir_table_jump(weir_table *table, weir_log_state *next);
gen_state *weir_gen_state_copy(const gen_state *old, uint32_t more_sources);
void weir_gen_state_unref(gen_state *g);
published *weir_published_copy(const published *old, uint32_t more_gens);
/* Marks, by the rule of PROTOCOL.md section 4, what does not fit the state, in place (of one not
 * yet published). */
void weir_published_mask(published *p);
/* catalog_hold.c */
published *weir_published_shown(weir_table *table); /* what a query sees: a reference */
/* Whether `old` is to be shown on after the fold of `commit`; whether nothing may be held after it.
 */
bool weir_hold_wanted(const published *old, const published *next, const weir_commit *commit,
                      bool own);
bool weir_hold_forbidden(const weir_commit *commit);
frozen *weir_frozen_find(const frozen_list *list, weir_str id); /* NULL: none */
frozen *weir_frozen_ref(frozen *f);
void weir_frozen_unref(frozen *f);

/* catalog_open.c: a frozen segment's rows. */
void weir_opened_unref(opened *o);
/* Opens what is not open yet of `list`, footers side by side. out[i]: a reference where the store
 * cannot map; NULL: it cannot be opened, errs[i] says why. */
void weir_frozen_open(weir_table *table, const published *p, frozen *const *list, size_t count,
                      opened **out, weir_error *errs);
/* Lets go of the opened segment; of one that a view holds (it keeps it) only if `held`. For the
 * cache. */
void weir_catalog_close_segment(void *catalog, weir_str table_id, weir_str id, bool held);
/* The bucket of the schema's segmentGranularity where the rows lie in one, else their hull. */
weir_interval weir_bucket_of(const weir_schema *schema, int64_t from_ms, int64_t to_ms);
/* Druid's form: table_start_end_version. */
weir_str weir_shown_id(weir_arena *arena, weir_str table, weir_interval interval, weir_str version);
/* catalog_hidden.c */
weir_rows *weir_hidden_rows_new(weir_rows *inner, const frozen *f,
                                weir_error *err); /* NULL: its times cannot be read */
void weir_hidden_rows_free(weir_rows *rows);

/* catalog_commit.c */
bool weir_table_try_turn(weir_table *table);
void weir_table_give_turn(weir_table *table);
bool weir_table_fold_to_end(weir_table *table, weir_error *err); /* holder of the turn */
void weir_catalog_wait(weir_catalog *catalog, int64_t ms);

weir_table *weir_table_new(weir_catalog *catalog, weir_log_state *state); /* takes the reference */
void weir_table_free(weir_table *table);
/* Notes why the log cannot be folded on, or (NULL) that it can. */
void weir_table_set_trouble(weir_table *table, const weir_error *err);
#endif
