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

typedef struct weir_s3_stats { /* since the start, for /metrics */
    uint64_t gets, puts, parts, lists, deletes, retries, failures, bytes_in, bytes_out;
} weir_s3_stats;
void weir_store_s3_stats(weir_store *store, weir_s3_stats *out);
bool weir_store_is_s3(const weir_store *store);
#endif
