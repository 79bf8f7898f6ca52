/* segments/s3_http.h - one signed request to an S3 server and its answer; no retries here. libcurl
 * carries the bytes and keeps connections open, each used by one thread at a time. */
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

typedef struct weir_s3_request {
    const char *method; /* GET PUT POST DELETE HEAD */
    weir_str key;       /* "" for the bucket */
    uint32_t param_count;
    const weir_s3_param *params;
    bool ranged;
    uint64_t from, size; /* with ranged; size 0: to the end */
    bool if_absent;      /* If-None-Match: * */
    weir_str body;       /* PUT, POST */
    uint32_t timeout_ms; /* of the whole; 0: by size */
} weir_s3_request;

typedef struct weir_s3_reply {
    long status;       /* 0: none came */
    bool sent;         /* without an answer: the server may have seen the request all the same */
    bool cut;          /* the body ended before its end */
    uint64_t length;   /* of HEAD: Content-Length */
    char etag[130];    /* with its quotes; "" */
    char problem[256]; /* status 0 or cut: libcurl's words; else S3's <Code>, or "" */
} weir_s3_reply;
/* The body of a good answer (2xx) is appended to `out` (may be NULL). */
void weir_s3_perform(weir_s3_http *http, const weir_s3_request *request, weir_buf *out,
                     weir_s3_reply *reply);
#endif
