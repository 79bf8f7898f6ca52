/* include/weir/query.h - the door to answers: a request's bytes in, a stream of answer bytes out.
 * Nothing here blocks; parsing, planning and running happen on the engine's workers. */
#ifndef WEIR_QUERY_H
#define WEIR_QUERY_H
#include "weir/catalog.h"

typedef struct weir_engine weir_engine;
typedef struct weir_engine_options {
    weir_catalog *catalog;        /* borrowed */
    const weir_clock *clock;
    uint32_t worker_count;        /* 0: one per core */
    size_t memory_bytes;          /* of all queries together; 0: a quarter of the machine's */
    size_t query_memory_bytes;    /* of one query; 0: half of memory_bytes */
    int64_t default_timeout_ms;   /* context.timeout's default; 0: 300,000 */
    uint32_t max_queries;         /* at once; more wait; 0: 1,000 */
    weir_str lanes;               /* query/lanes.h; must have been looked at by weir_engine_lanes_check. Copied */
    size_t segment_cache_bytes;   /* of partial results of frozen segments; 0: none */
    size_t result_cache_bytes;    /* of whole answers; 0: none */
} weir_engine_options;
bool weir_engine_lanes_check(weir_str lanes, weir_error *err); /* whether that text can be read */
weir_engine *weir_engine_new(const weir_engine_options *options);
void weir_engine_free(weir_engine *engine); /* cancels and waits for what runs */

typedef struct weir_request {
    weir_str body;          /* native JSON; copied */
    bool pretty;            /* ?pretty */
    weir_str query_id;      /* from a header, or empty: context.queryId, else drawn */
    weir_str remote;        /* client address, for Druid's error bodies */
    weir_str if_none_match; /* that header, or empty: when it names the answer's ETag, the status is 304 and there is no body */
} weir_request;

/* An answer under way: refcounted by the web (one reference) and the engine. The web calls take until it says done. */
typedef struct weir_answer weir_answer;
typedef struct weir_answer_wake {
    void (*call)(void *self); /* something new can be taken; any thread; at most one call per take */
    void *self;
} weir_answer_wake;
weir_answer *weir_engine_native(weir_engine *engine, const weir_request *request, weir_answer_wake wake);

typedef enum weir_answer_state {
    WEIR_ANSWER_WAIT,  /* nothing yet; wake will be called */
    WEIR_ANSWER_MORE,  /* bytes were given, more may follow */
    WEIR_ANSWER_DONE,  /* bytes were given (maybe none), that was all */
    WEIR_ANSWER_BROKEN /* the answer breaks off here: status 200 was sent already; trailer says false */
} weir_answer_state;
/* Status and query id are known from the first answer that is not WAIT. Until 64 KiB are ready or the query ends nothing is given, so an error has its own status. */
weir_answer_state weir_answer_take(weir_answer *answer, weir_buf *out, weir_error *broken);
int weir_answer_status(weir_answer *answer);
weir_str weir_answer_query_id(const weir_answer *answer);
const char *weir_answer_etag(weir_answer *answer); /* "": none. Known with the status */
weir_str weir_answer_context(const weir_answer *answer); /* for X-Druid-Response-Context, "{}" mostly. Known with the status */
weir_str weir_answer_type(const weir_answer *answer);  /* queryType, for metrics; "" when the request could not be read */
void weir_answer_cancel(weir_answer *answer);          /* client hung up */
void weir_answer_unref(weir_answer *answer);
void weir_engine_cancel(weir_engine *engine, weir_str query_id); /* DELETE /druid/v2/{id}; unknown ids are fine */

/* Druid's filters for events that are no rows yet: the program gives them to ingest (weir/row_filter.h). */
struct weir_row_filter_ops;
const struct weir_row_filter_ops *weir_query_row_filters(void);

/* Druid's error body for an error that happened outside a query too. */
void weir_error_body(const weir_error *err, weir_str remote, weir_buf *out);
/* GET /druid/v2/datasources: names, ascending. */
void weir_engine_datasources(weir_engine *engine, weir_buf *out);
/* GET /druid/v2/datasources/{name}: columns of the segments that touch `interval` ("": the last week, as in Druid). FULL: by segment interval.
 * An unknown name has no columns. False: the interval could not be read. */
typedef enum weir_datasource_part { WEIR_DATASOURCE_BOTH, WEIR_DATASOURCE_FULL, WEIR_DATASOURCE_DIMENSIONS, WEIR_DATASOURCE_METRICS } weir_datasource_part;
bool weir_engine_datasource(weir_engine *engine, weir_str name, weir_str interval, weir_datasource_part part, weir_buf *out, weir_error *err);

typedef struct weir_query_stats { /* per query type */
    const char *type;
    uint64_t count, failed, cancelled, timed_out, rows_out, latency_us_sum;
    uint64_t latency_le[16]; /* counts of weir_latency_bounds_ms, cumulative; the last is +Inf */
} weir_query_stats;
extern const double weir_latency_bounds_ms[15];
size_t weir_engine_stats(weir_engine *engine, weir_query_stats *out, size_t capacity);
/* Of a cache: partials of frozen segments, or whole answers. */
typedef struct weir_memo_stats { uint64_t hits, misses, puts, evictions, entries; size_t used_bytes, limit_bytes; } weir_memo_stats;
void weir_engine_memos_get(weir_engine *engine, weir_memo_stats *segments, weir_memo_stats *results);
typedef struct weir_engine_load { uint32_t running, waiting; size_t memory_used_bytes, memory_limit_bytes; } weir_engine_load;
void weir_engine_load_get(weir_engine *engine, weir_engine_load *out);
#endif
