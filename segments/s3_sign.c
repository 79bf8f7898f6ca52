/* segments/s3_sign.c - see segments/s3_sign.h. Hashes and HMACs are OpenSSL's. */
#include "segments/s3_sign.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <time.h>

static void put_hex(const uint8_t *bytes, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

void weir_s3_hash(weir_str bytes, char out[WEIR_SHA256_HEX])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256((const uint8_t *)bytes.at, bytes.size, hash);
    put_hex(hash, sizeof(hash), out);
}

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void weir_s3_encode(weir_buf *out, weir_str text, bool keep_slash)
{
    for (size_t i = 0; i < text.size; i++) {
        if (is_plain(text.at[i]) || (keep_slash && text.at[i] == '/')) {
            weir_buf_byte(out, text.at[i]);
        } else {
            weir_buf_printf(out, "%%%02X", (uint8_t)text.at[i]);
        }
    }
}

static void put_query(const weir_s3_call *call, weir_buf *out)
{
    for (uint32_t i = 0; i < call->param_count; i++) {
        weir_buf_text(out, i ? "&" : "");
        weir_s3_encode(out, weir_str_of(call->params[i].name), false);
        weir_buf_byte(out, '=');
        weir_s3_encode(out, call->params[i].value, false);
    }
}

void weir_s3_target(const weir_s3_call *call, weir_buf *out)
{
    weir_s3_encode(out, call->path, true);
    if (call->param_count > 0) {
        weir_buf_byte(out, '?');
        put_query(call, out);
    }
}

void weir_s3_date(int64_t time_ms, char out[17])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(out, 17, "%Y%m%dT%H%M%SZ", &utc);
}

static const char *signed_headers(const weir_s3_identity *identity, const weir_s3_call *call)
{
    if (call->range) {
        return identity->session_token.size
                   ? "host;range;x-amz-content-sha256;x-amz-date;x-amz-security-token"
                   : "host;range;x-amz-content-sha256;x-amz-date";
    }
    return identity->session_token.size
               ? "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
               : "host;x-amz-content-sha256;x-amz-date";
}

static void canonical_hash(const weir_s3_identity *identity, const weir_s3_call *call,
                           const char *date, char out[WEIR_SHA256_HEX])
{
    weir_buf text = {0};
    weir_buf_printf(&text, "%s\n", call->method);
    weir_s3_encode(&text, call->path, true);
    weir_buf_byte(&text, '\n');
    put_query(call, &text);
    weir_buf_printf(&text, "\nhost:%.*s\n", WEIR_STR_ARG(call->host));
    if (call->range) {
        weir_buf_printf(&text, "range:%s\n", call->range);
    }
    weir_buf_printf(&text, "x-amz-content-sha256:%s\nx-amz-date:%s\n", call->payload_hash, date);
    if (identity->session_token.size) {
        weir_buf_printf(&text, "x-amz-security-token:%.*s\n",
                        WEIR_STR_ARG(identity->session_token));
    }
    weir_buf_printf(&text, "\n%s\n%s", signed_headers(identity, call), call->payload_hash);
    weir_s3_hash(weir_buf_view(&text), out);
    weir_buf_done(&text);
}

static void hmac(const uint8_t *key, size_t key_size, weir_str text,
                 uint8_t out[SHA256_DIGEST_LENGTH])
{
    HMAC(EVP_sha256(), key, (int)key_size, (const uint8_t *)text.at, text.size, out, NULL);
}

void weir_s3_sign(const weir_s3_identity *identity, const weir_s3_call *call, weir_buf *out)
{
    char date[17], hash[WEIR_SHA256_HEX], signature[WEIR_SHA256_HEX];
    uint8_t key[SHA256_DIGEST_LENGTH];
    weir_buf text = {0};
    weir_s3_date(call->time_ms, date);
    canonical_hash(identity, call, date, hash);
    weir_buf_printf(&text, "AWS4%.*s", WEIR_STR_ARG(identity->secret_key));
    hmac((const uint8_t *)text.at, text.size, (weir_str){date, 8}, key);
    hmac(key, sizeof(key), identity->region, key);
    hmac(key, sizeof(key), WEIR_STR("s3"), key);
    hmac(key, sizeof(key), WEIR_STR("aws4_request"), key);
    text.size = 0;
    weir_buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%.8s/%.*s/s3/aws4_request\n%s", date, date,
                    WEIR_STR_ARG(identity->region), hash);
    hmac(key, sizeof(key), weir_buf_view(&text), key);
    put_hex(key, sizeof(key), signature);
    weir_buf_printf(out,
                    "AWS4-HMAC-SHA256 Credential=%.*s/%.8s/%.*s/s3/aws4_request, SignedHeaders=%s, "
                    "Signature=%s",
                    WEIR_STR_ARG(identity->access_key), date, WEIR_STR_ARG(identity->region),
                    signed_headers(identity, call), signature);
    weir_buf_done(&text);
}
