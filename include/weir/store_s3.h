/* include/weir/store_s3.h - a store in a bucket of S3, or of a server that speaks its API.
 * put_if_absent is a PUT with If-None-Match: *, so the server must know conditional writes
 * (weir_store_probe finds out). Any thread. */
#ifndef WEIR_STORE_S3_H
#define WEIR_STORE_S3_H
#include "weir/store.h"

typedef struct weir_s3_options { /* strings are copied */
    weir_str url;                /* s3://bucket or s3://bucket/prefix */
    weir_str endpoint;           /* http(s)://host[:port]; empty: AWS's own of the region */
    weir_str region;             /* empty: us-east-1 */
    weir_str access_key, secret_key, session_token;
    bool path_style; /* always so with an endpoint whose host is an address */
    const weir_clock *clock;
} weir_s3_options;
/* What is empty is taken from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), then
 * from the profile (AWS_PROFILE, else "default") of AWS_SHARED_CREDENTIALS_FILE, else
 * ~/.aws/credentials. */
bool weir_s3_options_fill(weir_s3_options *options, weir_arena *arena, weir_error *err);
/* Talks to nobody yet. Errors name the part of the url or the option. */
weir_store *weir_store_s3_open(const weir_s3_options *options, weir_error *err);
bool weir_store_is_s3(const weir_store *store);

/* What was asked and how it ended, since the start. Every request on the wire counts: tries again
 * and hedges too. */
typedef enum weir_s3_kind {
    WEIR_S3_GET,
    WEIR_S3_LIST,
    WEIR_S3_PUT,
    WEIR_S3_PART,      /* of a multipart upload */
    WEIR_S3_MULTIPART, /* its begin and end, and looking up or giving up one */
    WEIR_S3_DELETE,
    WEIR_S3_KINDS,
} weir_s3_kind;
typedef enum weir_s3_outcome {
    WEIR_S3_OK,
    WEIR_S3_NONE,         /* 404 */
    WEIR_S3_EXISTS,       /* 412 */
    WEIR_S3_REFUSED,      /* any other 4xx, and what is no answer of S3 */
    WEIR_S3_BUSY,         /* 409, 429, 503 */
    WEIR_S3_SERVER_ERROR, /* any other 5xx */
    WEIR_S3_TIMEOUT,      /* silent, or too slow */
    WEIR_S3_CUT_OFF,      /* the connection ended before the answer did */
    WEIR_S3_NO_CONNECTION,
    WEIR_S3_ENDED, /* by us: the process ends */
    WEIR_S3_OUTCOMES,
} weir_s3_outcome;
enum { WEIR_S3_BOUNDS = 12 };
extern const double weir_s3_bounds_s[WEIR_S3_BOUNDS];
extern const char *const weir_s3_kind_names[WEIR_S3_KINDS];
extern const char *const weir_s3_outcome_names[WEIR_S3_OUTCOMES];
typedef struct weir_s3_stats {
    uint64_t requests[WEIR_S3_KINDS][WEIR_S3_OUTCOMES];
    uint64_t within[WEIR_S3_KINDS][WEIR_S3_BOUNDS + 1]; /* answered within that time; last: all */
    uint64_t us_sum[WEIR_S3_KINDS];
    uint64_t retries, hedges, hedges_won, bytes_in, bytes_out;
} weir_s3_stats;
void weir_store_s3_stats(weir_store *store, weir_s3_stats *out);
/* True while the last request ended badly: why, and since when (monotonic). */
bool weir_store_s3_trouble(weir_store *store, int64_t *since_us, weir_error *err);
#endif
