/* segments/s3_sign.h - AWS Signature Version 4 of one request, as S3 wants it (the path is encoded
 * once, the payload's hash is a header). Source: Amazon S3's API reference, "Authenticating
 * Requests (AWS Signature Version 4)". Pure: no clock, no network. */
#ifndef SEGMENTS_S3_SIGN_H
#define SEGMENTS_S3_SIGN_H
#include "weir/buf.h"

typedef struct weir_s3_identity {
    weir_str access_key, secret_key, session_token; /* session_token may be empty */
    weir_str region;
} weir_s3_identity;

typedef struct weir_s3_param { /* as they are, not encoded */
    const char *name;
    weir_str value;
} weir_s3_param;

typedef struct weir_s3_call {
    const char *method;
    weir_str
        host; /* "bucket.s3.region.amazonaws.com", with ":port" when it is not the scheme's own */
    weir_str path; /* "/key" or "/bucket/key", not encoded */
    uint32_t param_count;
    const weir_s3_param *params; /* by name ascending */
    const char *range;           /* "bytes=0-9", signed too; NULL: none */
    const char *payload_hash;    /* SHA-256 of the body, 64 hex digits */
    int64_t time_ms;
} weir_s3_call;

#define WEIR_SHA256_HEX 65u
void weir_s3_hash(weir_str bytes, char out[WEIR_SHA256_HEX]);
/* All but A-Z a-z 0-9 - _ . ~ as %XX; '/' too unless `keep_slash`. */
void weir_s3_encode(weir_buf *out, weir_str text, bool keep_slash);
/* "/path?a=b", encoded as it was signed. */
void weir_s3_target(const weir_s3_call *call, weir_buf *out);
/* "20130524T000000Z" */
void weir_s3_date(int64_t time_ms, char out[17]);
/* Value of the Authorization header. */
void weir_s3_sign(const weir_s3_identity *identity, const weir_s3_call *call, weir_buf *out);
#endif
