/* include/weir/catalog.h - which segments answer for which time: tables, their views, and the one place that commits.
 * A view is published whole by one pointer swap under the table's lock (docs/PROTOCOL.md, section 4); queries hold it, so a roll-over is never visible.
 * Everything here may be called by any thread unless said otherwise. */
#ifndef WEIR_CATALOG_H
#define WEIR_CATALOG_H
#include "weir/realtime.h"
#include "weir/table_log.h"

typedef struct weir_catalog weir_catalog;
typedef struct weir_table weir_table;

typedef struct weir_catalog_options {
    weir_store *store;        /* borrowed */
    const weir_clock *clock;  /* borrowed */
    weir_str node;            /* advertised host:port, for `node` in commits */
    const char *work_path;    /* folder for local files under way; NULL: none can be made */
    const char *cache_path;   /* folder for what is kept of segments that cannot be mapped; NULL: memory */
    bool threads;             /* false: the simulation calls weir_catalog_step itself */
    int32_t poll_ms;          /* how often the log's end is asked for others' commits; 0: 1000 */
    size_t cache_bytes;       /* of what is kept of segments, for stores that cannot map; 0: 16 GiB. What running queries hold may be beyond it */
    /* Waits; NULL: sleeps. A simulation lets its virtual time pass here (and other processes run). Nothing here sleeps in any other way. */
    void (*wait)(void *self, int64_t ms);
    void *wait_self;
} weir_catalog_options;
/* Probes the store (if `threads`), lists the tables and folds their logs. A table whose log is damaged is there as of the version before, read-only
 * (weir_catalog_healthy names it, weir_table_is_known is false); only a store that does not answer fails. */
weir_catalog *weir_catalog_open(const weir_catalog_options *options, weir_error *err);
void weir_catalog_close(weir_catalog *catalog); /* ends its threads */
weir_table *weir_catalog_table(weir_catalog *catalog, weir_str name);    /* NULL: unknown. Lives as long as the catalog */
/* Commits `create` if the table is new. */
weir_table *weir_catalog_table_create(weir_catalog *catalog, weir_str name, weir_error *err);
/* Names of tables that have segments or live rows, ascending; in `arena`. */
size_t weir_catalog_tables(weir_catalog *catalog, weir_arena *arena, weir_str **out);
/* All tables, those without a row too, ascending by name; the array is in `arena`. */
size_t weir_catalog_all(weir_catalog *catalog, weir_arena *arena, weir_table ***out);
weir_store *weir_catalog_store(weir_catalog *catalog);
uint64_t weir_catalog_cached_bytes(const weir_catalog *catalog); /* of segments that cannot be mapped: what is kept of them here */
/* Simulation: polls every table's log once. */
void weir_catalog_step(weir_catalog *catalog);
/* A sentence when a table stopped (newer format, breach of the log) or a segment that a query wanted cannot be opened: /status/health is red. */
bool weir_catalog_healthy(weir_catalog *catalog, weir_error *err);
/* False: since this process began the log could not be read to its end, so nobody here knows what the table holds: queries of it fail with `err`, which
 * names the object. A process that had read it goes on with what it knows. */
bool weir_table_is_known(weir_table *table, weir_error *err);

weir_str weir_table_name(const weir_table *table);
weir_catalog *weir_table_catalog(weir_table *table);
weir_log_state *weir_table_state(weir_table *table); /* a reference, as of now */
/* Folds to the log's end and publishes. While a commit is under way and the store does not answer: false after a second. */
bool weir_table_refresh(weir_table *table, weir_error *err);

/* Commits (section 5): folds, validates, puts, retries what is unknown with the same bytes, folds, publishes. Blocks the caller (hand-off and API threads, never
 * ingest or queries); commits of one table go one after the other. Takes ownership of `commit`. A store that fails is tried again, for ever if need be. */
typedef enum weir_commit_result {
    WEIR_COMMIT_LANDED,   /* and folded and published: generations whose ranges it holds are gone from the view, its segments are in it */
    WEIR_COMMIT_INVALID,  /* err's sentence begins with the rule; *rule is set (0: it could not be read back, err says why). It will never land */
    WEIR_COMMIT_GIVEN_UP, /* `give_up` came true, or the log is damaged (CORRUPT): unknown whether it lands, its segments must be left alone */
} weir_commit_result;
/* `give_up` is asked between tries, and while another commit of the table is under way; NULL: after about 20 s. */
weir_commit_result weir_table_commit(weir_table *table, weir_commit *commit, bool (*give_up)(void *self), void *self, int *rule, weir_error *err);

/* A member of the log's `config` object as JSON text in `arena`; empty: not set, or null. */
weir_str weir_log_config_get(const weir_log_state *state, const char *key, weir_arena *arena);
/* Commits `config` with that member (`null` takes it away). False: the commit did not land, or nobody knows. Blocks as weir_table_commit does. */
bool weir_table_config_put(weir_table *table, const char *key, weir_str json, const weir_clock *clock, weir_error *err);

/* Live rows. A generation: rows of one ingest thread between two seals, with the range of each source. */
typedef struct weir_generation weir_generation; /* refcounted; the table's list holds one reference */
typedef struct weir_generation_source {
    weir_source_key key;
    uint64_t epoch;
    int64_t from, to;   /* to: set when sealed */
    weir_anchor anchor;
    weir_counts counts;
    bool masked;        /* decided by the table at publish and fold; never unset */
} weir_generation_source;
/* Begins a generation and publishes it. Sources are added as they are assigned; the index is the row's source number. Holder: one per ingest thread.
 * The reference that is returned is the caller's, beside the list's. `budget` must live until the catalog is closed and all views are gone. */
weir_generation *weir_generation_begin(weir_table *table, uint64_t holder, weir_schema *schema, weir_budget *budget);
uint8_t weir_generation_add_source(weir_generation *gen, const weir_source_key *key, uint64_t epoch, int64_t from); /* ingest thread; publishes */
void weir_generation_reach(weir_generation *gen, uint8_t source, int64_t position); /* ingest thread: its rows before `position` are appended */
weir_realtime *weir_generation_rows(weir_generation *gen);
weir_schema *weir_generation_schema(weir_generation *gen); /* borrowed */
/* Ends the generation: `to`, anchors and counts per source, in the order of add_source. Its rows stay visible. Ingest thread. */
void weir_generation_seal(weir_generation *gen, const weir_generation_source *ends, uint32_t count);
/* Sources as the table sees them now (masked ones among them). Copies into `arena`. */
uint32_t weir_generation_sources(weir_generation *gen, weir_arena *arena, weir_generation_source **out, weir_mask *masked);
/* Takes it out of the view without a commit: nothing in it (all masked, or no rows and no range). */
void weir_generation_drop(weir_generation *gen);
weir_generation *weir_generation_ref(weir_generation *gen);
void weir_generation_unref(weir_generation *gen);
#define WEIR_POSITION_GROWING (-1)
/* Whether unmasked rows of `key` held by `holder` fit the log (epoch, G1.from == next). Where they do, *position is the end of the newest generation, or
 * WEIR_POSITION_GROWING when that one is not sealed: only its ingest thread knows. */
bool weir_table_holds(weir_table *table, uint64_t holder, const weir_source_key *key, int64_t *position);
/* The own file of a segment just uploaded becomes the cache's copy (or is deleted, where the store can map). The path is gone in any case. */
void weir_table_adopt_file(weir_table *table, weir_str segment_id, const char *path);

/* What one query sees of one table, held until unref. */
typedef struct weir_view {
    weir_str table;
    uint64_t version;          /* of the log */
    uint32_t count;
    weir_rows *const *rows;    /* frozen, by interval start; then live snapshots */
    uint64_t *revs;            /* with rows[i]->uid the key of caches: what of the rows is hidden. Live rows: and how many there are */
    struct weir_schema *schema; /* of the newest rows; NULL: none */
    weir_str *problems;        /* per rows[i]: empty, or why it could not be opened (the query fails with it when it needs those rows) */
} weir_view;
/* What a query reads of a table: segments outside of it are not in its view, and are not opened. All zero: everything. */
typedef struct weir_view_need {
    uint32_t count;                 /* segments with rows, or a bucket, in one of these; 0: in any time */
    const weir_interval *intervals;
    bool ends;                      /* only those with the first and the last row */
    int64_t last_ms;                /* only those that reach into so much time before the last row's end; 0: any */
} weir_view_need;
/* Opens segments that no query has opened yet; where the store cannot map, their footers are fetched side by side. */
weir_view *weir_table_view_in(weir_table *table, const weir_view_need *need);
weir_view *weir_table_view(weir_table *table); /* of everything */
/* Of these frozen segments alone, in this order. NULL: NOT_FOUND, one of them is no longer there; or it cannot be opened. */
weir_view *weir_table_view_of(weir_table *table, const weir_str *segment_ids, size_t count, weir_error *err);
void weir_view_unref(weir_view *view);
/* A reference to the schema of the newest rows, live or frozen; *out NULL: there are none, or they have none. Opens one segment at most. */
bool weir_table_schema(weir_table *table, struct weir_schema **out, weir_error *err);

/* Figures for /metrics and the dashboard. */
typedef struct weir_table_stats {
    uint64_t frozen_segments, frozen_rows, frozen_bytes, frozen_events;
    uint64_t live_segments, live_rows, live_bytes, live_events;
    uint64_t commits, commit_retries;
    uint64_t version, horizon; /* of the log */
    int64_t min_ms, max_ms; /* of all rows; min > max: no rows */
} weir_table_stats;
void weir_table_stats_get(weir_table *table, weir_table_stats *out);
#endif
