/* web/http.h - between h2o and the routes: a request as plain strings, a reply as a buffer.
 * A route is a row of a table (routes.c): quick ones run on the loop, slow ones (commits, hand-offs) on a small pool and come back as a message;
 * a query's answer streams (route_query.c). Nothing else includes h2o. */
#ifndef WEB_HTTP_H
#define WEB_HTTP_H
#include "weir/server.h"

typedef struct weir_call {
    const weir_server_options *doors; /* engine, ingest, catalog */
    weir_str method, path, query;     /* path without the query string, trailing slashes cut off */
    weir_str body, content_type, remote, if_none_match;
    weir_str author, comment;         /* X-Druid-Author, X-Druid-Comment */
    weir_str arg, arg2;               /* what each `*` in the route's pattern stood for, percent-decoded */
    weir_arena *arena;
    /* the reply */
    int status;                       /* 200 unless set */
    const char *reply_type;           /* application/json unless set */
    const char *allow;                /* 405's header */
    weir_buf out;
} weir_call;

typedef enum weir_route_kind { WEIR_ROUTE_QUICK, WEIR_ROUTE_SLOW, WEIR_ROUTE_QUERY } weir_route_kind;
typedef struct weir_route {
    const char *method;  /* "GET"; GET serves HEAD too */
    const char *pattern; /* a `*` stands for one path segment; at most two */
    uint8_t kind;
    void (*run)(weir_call *call); /* NULL for QUERY */
} weir_route;
/* Finds the route; sets call->arg. NULL: call->status is 404, or 405 with `allow`. */
const weir_route *weir_route_find(weir_call *call);

/* reply.c: the only place that writes an error body. */
void weir_reply_error(weir_call *call, const weir_error *err);
/* As the coordinator's older APIs do: {"error": sentence}, no body where there is no sentence. */
void weir_reply_sentence(weir_call *call, const weir_error *err);
void weir_reply_or_sentence(weir_call *call, bool ok, const weir_error *err); /* ok: the body is in call->out */
/* An interval of a path or parameter, in which `_` may stand for the slash; false: answered with the sentence, `code` says the status. */
bool weir_call_interval(weir_call *call, weir_str text, weir_err code, weir_interval *out);
/* ok: the body is in call->out; else the error's. */
void weir_reply(weir_call *call, bool ok, const weir_error *err);
/* Value of ?name=..., decoded; false: absent. An empty value for `?name`. */
bool weir_call_param(weir_call *call, const char *name, weir_str *out);

/* All values of ?name=...&name=..., at most `capacity`; how many. */
size_t weir_call_params(weir_call *call, const char *name, weir_str *out, size_t capacity);
/* ?name=true, as Jersey reads a boolean; absent: `fallback`. */
bool weir_call_flag(weir_call *call, const char *name, bool fallback);
/* ?name=5, as Jersey reads a whole number of 32 bits; absent: *out stays. False: it is none, and 404 is the answer. */
bool weir_call_int(weir_call *call, const char *name, int64_t *out);
/* The body is JSON under any parameters, or nothing is said of it. */
bool weir_call_is_json(const weir_call *call);
bool weir_call_needs_json(weir_call *call); /* false: it is something else, and 415 is the answer */

weir_str weir_percent_decode(weir_arena *arena, weir_str text, bool plus_is_blank);

/* metrics.c: Prometheus text of everything. */
void weir_metrics_write(const weir_server_options *doors, weir_buf *out);
/* metrics_store.c: of the store, if it is S3. */
void weir_metrics_store(weir_catalog *catalog, weir_buf *out);
int64_t weir_resident_bytes(void); /* of this process; 0 where /proc says nothing */
#endif
