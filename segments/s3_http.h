/* segments/s3_http.h - one signed request to an S3 server and its answer; no retries here but those
 * that repair the request itself: a redirect is followed, a clock that is off is set by the
 * server's. What is silent for a second is asked again beside (all but POST), so that a request
 * begun while the store was silent does not last much longer. libcurl carries the bytes and keeps
 * connections open, each used by one thread at a time. Everything has an end: connecting, silence,
 * the whole, and `cancel` ends it at once. */
#ifndef SEGMENTS_S3_HTTP_H
#define SEGMENTS_S3_HTTP_H
#include "segments/s3_sign.h"
#include "weir/clock.h"
#include "weir/error.h"

typedef struct weir_s3_http weir_s3_http; /* any thread */
typedef struct weir_s3_endpoint {
    bool tls;
    weir_str host; /* with ":port" */
    weir_str bucket;
    bool path_style; /* http://host/bucket/key; else http://bucket.host/key */
} weir_s3_endpoint;
/* Copies all strings. */
weir_s3_http *weir_s3_http_new(const weir_s3_endpoint *endpoint, const weir_s3_identity *identity,
                               const weir_clock *clock);
void weir_s3_http_free(weir_s3_http *http);
/* Requests under way and all later ones end without an answer, within 0.1 s. */
void weir_s3_http_cancel(weir_s3_http *http);
bool weir_s3_http_is_cancelled(const weir_s3_http *http);

typedef struct weir_s3_request {
    const char *method; /* GET PUT POST DELETE HEAD */
    weir_str key;       /* "" for the bucket */
    uint32_t param_count;
    const weir_s3_param *params;
    bool ranged;
    uint64_t from, size; /* with ranged; size 0: to the end */
    bool if_absent;      /* If-None-Match: * */
    bool hedged;         /* a GET: asked a second time as soon as the answer is late */
    weir_str body;       /* PUT, POST */
    uint32_t stall_ms;   /* the longest silence; 0: by size, 4 s for a small one */
} weir_s3_request;

typedef enum weir_s3_end {
    WEIR_S3_ANSWERED,    /* whatever the status */
    WEIR_S3_UNREACHABLE, /* never sent */
    WEIR_S3_TIMED_OUT,   /* silence, or too slow as a whole */
    WEIR_S3_CUT,         /* the connection ended before the answer or within it */
    WEIR_S3_CANCELLED,
} weir_s3_end;

typedef struct weir_s3_reply {
    weir_s3_end end;
    long status;     /* 0: none came */
    bool sent;       /* without an answer: the server may have seen the request all the same */
    bool cut;        /* the body did not come to its end */
    uint64_t length; /* of HEAD: Content-Length */
    uint32_t asked;  /* requests that this was: hedges, redirects and a set clock count */
    uint32_t hedges; /* asked beside the first: some of them may happen later, or have happened */
    bool hedge_won;
    int64_t took_us;
    int64_t server_ms; /* the server's Date; 0: none */
    char etag[130];    /* with its quotes; "" */
    char place[512];   /* of a redirect: Location; "" */
    char region[40];   /* x-amz-bucket-region; "" */
    char problem[256]; /* status 0 or cut: libcurl's words or ours; else S3's <Code>, or "" */
    char said[240];    /* S3's <Message>, or "" */
} weir_s3_reply;
/* The body of a good answer (2xx) is appended to `out` (may be NULL). */
void weir_s3_perform(weir_s3_http *http, const weir_s3_request *request, weir_buf *out,
                     weir_s3_reply *reply);
#endif
