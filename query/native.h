/* query/native.h - Druid's native JSON queries: bytes to a plan, result batches to Druid's JSON. What engine.c calls, in this order:
 *   weir_native_parse    JSON -> query: its type, tables, context; no view is needed (any thread; pure)
 *   (the engine takes one view per name in query->tables; a table that does not exist gets a view with count 0: Druid answers as over no rows)
 *   weir_native_bind     what depends on the views is filled in (scan over all columns, search over all dimensions); checks the plan
 *   plan == NULL:        weir_native_meta writes the whole answer (segmentMetadata, dataSourceMetadata)
 *   else                 weir_run_types, weir_native_writer_new, weir_run_start with a sink that calls the writer: batch for each batch, end once.
 * The writer only appends to its buffer: the engine hands those bytes out as they come and empties the buffer when it likes.
 * Nothing but native_*.c includes jansson; the runner never sees JSON. */
#ifndef QUERY_NATIVE_H
#define QUERY_NATIVE_H
#include "query/plan.h"

/* Members of "context" that the engine acts on; others are accepted and ignored. Values may be numbers, booleans or their texts. */
typedef struct weir_native_context {
    weir_str query_id;    /* empty: not given */
    weir_str sql_query_id;
    int64_t timeout_ms;   /* -1: not given; 0: none */
    int32_t priority;     /* larger first; 0 */
    weir_str lane;        /* empty: none */
    bool use_cache, populate_cache; /* true unless said otherwise */
    bool use_result_cache, populate_result_cache;
    bool by_segment;      /* each segment's own results */
    bool live_only;       /* realtimeSegmentsOnly */
    int64_t uncovered_limit;  /* intervals without a segment that are told; 0: none */
    int64_t max_memory_bytes; /* 0: not given */
    int64_t max_answer_bytes; /* maxScatterGatherBytes; 0: any */
    int64_t max_queued_bytes; /* of the answer's bytes in flight; 0: as ever */
    int64_t max_subquery_rows, max_subquery_bytes, max_dictionary_bytes; /* -1: not given */
} weir_native_context;

typedef struct weir_native_query {
    weir_arena *arena;    /* borrowed; everything here lives in it */
    const struct weir_native_type *type_entry; /* a row of native_query.c's table */
    weir_str type;        /* "timeseries", as on the wire: for metrics */
    weir_native_context context;
    uint32_t table_count; /* distinct names of all tables, nested ones too */
    const weir_str *tables;
    const weir_view_need *needs; /* what is read of each */
    weir_plan *plan;      /* NULL: a metadata query. Rewritten and checked by bind */
    struct weir_native_later *later; /* what bind does before the outermost type's own */
    void *own;            /* what the type's writer needs to know */
} weir_native_query;

/* NULL: err has BAD_JSON (malformed; or deeper than 200, larger than 16 MiB), BAD_CONTEXT (a context value of the wrong type), BAD_QUERY (JSON but no valid
 * query: the sentence names the member, "aggregations[1].fieldName"), UNSUPPORTED. `body` is only read during the call. */
weir_native_query *weir_native_parse(weir_arena *arena, weir_str body, weir_error *err);
/* The first half of bind: the plan as the query says it, before any rule has changed it. */
bool weir_native_lower(weir_native_query *query, weir_view *const *views, uint32_t view_count, weir_error *err);
bool weir_native_bind(weir_native_query *query, weir_view *const *views, uint32_t view_count, weir_error *err);
/* The whole answer of a query without a plan. Reads footers and zone maps; minmax and cardinality of live columns may read rows (ctl is looked at per block). */
bool weir_native_meta(const weir_native_query *query, weir_view *const *views, uint32_t view_count, weir_ctl *ctl, bool pretty, weir_buf *out, weir_error *err);

/* Whether the query reads segments of tables directly (no subquery, join or rows of its own); its intervals then. */
bool weir_native_reads_segments(const weir_native_query *query, uint32_t *count, const weir_interval **intervals);
/* Appends {"uncoveredIntervals": ...} when the context asks for it and there are any; views as bind had them. */
void weir_native_uncovered(const weir_native_query *query, weir_view *const *views, uint32_t view_count, weir_buf *out);
/* Appends the request's JSON, members sorted, without what shapes no answer (ids, limits of time and memory, caches). */
void weir_native_identity(const weir_native_query *query, weir_buf *out);

typedef struct weir_native_writer weir_native_writer;
/* types: of the root's outputs, from weir_run_types. `out` is borrowed. Lives in query's arena; not thread-safe, one caller at a time. */
weir_native_writer *weir_native_writer_new(const weir_native_query *query, weir_view *const *views, uint32_t view_count,
                                           const weir_type *types, bool pretty, weir_buf *out);
bool weir_native_writer_batch(weir_native_writer *writer, const weir_batch *batch, weir_error *err);
/* Closes the JSON. Not called when the run failed. */
bool weir_native_writer_end(weir_native_writer *writer, weir_error *err);
uint64_t weir_native_writer_rows(const weir_native_writer *writer); /* result rows so far, for metrics */
void weir_native_writer_done(weir_native_writer *writer); /* gives its scratch back; always called */
#endif
