/* segments/s3_http.c - see segments/s3_http.h. */
#include "segments/s3_http.h"
#include "weir/arena.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    CONNECT_MS = 3000,
    STALL_SECONDS = 10, /* without a byte */
    BASE_MS = 15000,    /* for a small request */
    BYTES_PER_MS = 500, /* the slowest transfer that is waited for: 0.5 MB/s */
    ERROR_BODY_MAX = 4096,
    IDLE_MAX = 32,
};

struct weir_s3_http {
    weir_arena *arena;
    weir_s3_endpoint endpoint;
    weir_s3_identity identity;
    const weir_clock *clock;
    pthread_mutex_t lock; /* guards idle */
    CURL *idle[IDLE_MAX];
    uint32_t idle_count;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

weir_s3_http *weir_s3_http_new(const weir_s3_endpoint *endpoint, const weir_s3_identity *identity,
                               const weir_clock *clock)
{
    pthread_once(&once, start_curl);
    weir_arena *arena = weir_arena_new();
    weir_s3_http *http = WEIR_ARENA_NEW(arena, weir_s3_http);
    http->arena = arena;
    http->clock = clock;
    http->endpoint =
        (weir_s3_endpoint){endpoint->tls, weir_arena_str(arena, endpoint->host),
                           weir_arena_str(arena, endpoint->bucket), endpoint->path_style};
    http->identity = (weir_s3_identity){
        weir_arena_str(arena, identity->access_key), weir_arena_str(arena, identity->secret_key),
        weir_arena_str(arena, identity->session_token), weir_arena_str(arena, identity->region)};
    pthread_mutex_init(&http->lock, NULL);
    return http;
}

void weir_s3_http_free(weir_s3_http *http)
{
    for (uint32_t i = 0; i < http->idle_count; i++) {
        curl_easy_cleanup(http->idle[i]);
    }
    pthread_mutex_destroy(&http->lock);
    weir_arena_free(http->arena);
}

static CURL *take_handle(weir_s3_http *http)
{
    pthread_mutex_lock(&http->lock);
    CURL *handle = http->idle_count ? http->idle[--http->idle_count] : NULL;
    pthread_mutex_unlock(&http->lock);
    if (handle) {
        curl_easy_reset(handle); /* keeps its connection */
        return handle;
    }
    return curl_easy_init();
}

static void give_handle(weir_s3_http *http, CURL *handle)
{
    pthread_mutex_lock(&http->lock);
    bool keep = http->idle_count < IDLE_MAX;
    if (keep) {
        http->idle[http->idle_count++] = handle;
    }
    pthread_mutex_unlock(&http->lock);
    if (!keep) {
        curl_easy_cleanup(handle);
    }
}

typedef struct transfer {
    CURL *handle;
    weir_str body;
    size_t body_at;
    weir_buf *out;
    size_t out_from;
    weir_buf error; /* body of an answer that is not 2xx */
    weir_s3_reply *reply;
} transfer;

static size_t read_body(char *to, size_t size, size_t count, void *self)
{
    transfer *t = self;
    size_t n = t->body.size - t->body_at < size * count ? t->body.size - t->body_at : size * count;
    memcpy(to, t->body.at + t->body_at, n);
    t->body_at += n;
    return n;
}

static int rewind_body(void *self, curl_off_t offset, int origin)
{
    transfer *t = self;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > t->body.size) {
        return CURL_SEEKFUNC_FAIL;
    }
    t->body_at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t take_bytes(char *from, size_t size, size_t count, void *self)
{
    transfer *t = self;
    long status = 0;
    curl_easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
        if (t->out) {
            weir_buf_put(t->out, from, size * count);
        }
    } else if (t->error.size < ERROR_BODY_MAX) {
        weir_buf_put(&t->error, from, size * count);
    }
    return size * count;
}

static size_t take_header(char *from, size_t size, size_t count, void *self)
{
    transfer *t = self;
    size_t bytes = size * count;
    if (bytes > 5 && strncasecmp(from, "etag:", 5) == 0) {
        size_t at = 5, end = bytes;
        while (at < end && from[at] == ' ') {
            at++;
        }
        while (end > at &&
               (from[end - 1] == '\r' || from[end - 1] == '\n' || from[end - 1] == ' ')) {
            end--;
        }
        snprintf(t->reply->etag, sizeof(t->reply->etag), "%.*s", (int)(end - at), from + at);
    }
    return bytes;
}

static void add_header(struct curl_slist **list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_header(struct curl_slist **list, const char *format, ...)
{
    char line[2600]; /* session tokens are long */
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    *list = curl_slist_append(*list, line);
}

/* URL and headers of the request. */
static struct curl_slist *prepare(weir_s3_http *http, const weir_s3_request *r, weir_buf *url)
{
    const weir_s3_endpoint *e = &http->endpoint;
    weir_buf path = {0}, host = {0}, authorization = {0};
    char hash[WEIR_SHA256_HEX], date[17], range[64];
    if (!e->path_style) {
        weir_buf_printf(&host, "%.*s.", WEIR_STR_ARG(e->bucket));
    }
    weir_buf_str(&host, e->host);
    weir_buf_byte(&path, '/');
    if (e->path_style) {
        weir_buf_str(&path, e->bucket);
        weir_buf_text(&path, r->key.size ? "/" : "");
    }
    weir_buf_str(&path, r->key);
    weir_s3_hash(r->body, hash);
    weir_s3_call call = {.method = r->method,
                         .host = weir_buf_view(&host),
                         .path = weir_buf_view(&path),
                         .param_count = r->param_count,
                         .params = r->params,
                         .payload_hash = hash,
                         .time_ms = weir_wall_ms(http->clock)};
    if (r->ranged && r->size > 0) {
        snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, r->from,
                 r->from + r->size - 1);
        call.range = range;
    } else if (r->ranged) {
        snprintf(range, sizeof(range), "bytes=%" PRIu64 "-", r->from);
        call.range = range;
    }
    weir_s3_sign(&http->identity, &call, &authorization);
    weir_s3_date(call.time_ms, date);
    weir_buf_printf(url, "%s://%.*s", e->tls ? "https" : "http", WEIR_STR_ARG(call.host));
    weir_s3_target(&call, url);
    weir_buf_byte(url, 0);
    struct curl_slist *headers = NULL;
    add_header(&headers, "Authorization: %.*s", WEIR_STR_ARG(weir_buf_view(&authorization)));
    add_header(&headers, "x-amz-content-sha256: %s", hash);
    add_header(&headers, "x-amz-date: %s", date);
    if (http->identity.session_token.size) {
        add_header(&headers, "x-amz-security-token: %.*s",
                   WEIR_STR_ARG(http->identity.session_token));
    }
    if (call.range) {
        add_header(&headers, "Range: %s", range);
    }
    if (r->if_absent) {
        add_header(&headers, "If-None-Match: *");
    }
    add_header(&headers, "Expect:"); /* no round trip before a body */
    add_header(&headers, "Content-Type:");
    weir_buf_done(&path);
    weir_buf_done(&host);
    weir_buf_done(&authorization);
    return headers;
}

static void set_method(transfer *t, const weir_s3_request *r)
{
    CURL *h = t->handle;
    if (strcmp(r->method, "HEAD") == 0) {
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    } else if (strcmp(r->method, "PUT") == 0) {
        curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(h, CURLOPT_READFUNCTION, read_body);
        curl_easy_setopt(h, CURLOPT_READDATA, t);
        curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, rewind_body);
        curl_easy_setopt(h, CURLOPT_SEEKDATA, t);
        curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body.size);
    } else if (strcmp(r->method, "POST") == 0) {
        curl_easy_setopt(h, CURLOPT_POST, 1L);
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.size);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, r->body.size ? r->body.at : "");
    } else if (strcmp(r->method, "GET") != 0) {
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, r->method);
    }
}

static void set_limits(CURL *h, const weir_s3_request *r)
{
    uint64_t bytes = r->body.size + r->size;
    long timeout = r->timeout_ms ? (long)r->timeout_ms : (long)(BASE_MS + bytes / BYTES_PER_MS);
    bool open_end = strcmp(r->method, "GET") == 0 && r->size == 0; /* any number of bytes */
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    if (!open_end || r->timeout_ms) {
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, timeout);
    }
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
}

/* "<Code>X</Code>" of an error body. */
static void find_code(weir_buf *body, char *out, size_t room)
{
    weir_buf_byte(body, 0);
    const char *from = strstr(body->at, "<Code>"), *to = from ? strstr(from, "</Code>") : NULL;
    snprintf(out, room, "%.*s", to ? (int)(to - from - 6) : 0, from ? from + 6 : "");
}

static bool never_sent(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_URL_MALFORMAT ||
           code == CURLE_FAILED_INIT;
}

static void finish(transfer *t, CURLcode code, const char *why)
{
    weir_s3_reply *reply = t->reply;
    curl_off_t length = 0;
    curl_easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_getinfo(t->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    reply->length = length > 0 ? (uint64_t)length : 0;
    if (code == CURLE_OK) {
        find_code(&t->error, reply->problem, sizeof(reply->problem));
        return;
    }
    reply->sent = !never_sent(code);
    reply->cut = reply->status != 0;
    snprintf(reply->problem, sizeof(reply->problem), "%s", why[0] ? why : curl_easy_strerror(code));
    if (t->out) {
        t->out->size = t->out_from;
    }
}

void weir_s3_perform(weir_s3_http *http, const weir_s3_request *request, weir_buf *out,
                     weir_s3_reply *reply)
{
    char why[CURL_ERROR_SIZE] = "";
    weir_buf url = {0};
    *reply = (weir_s3_reply){0};
    transfer t = {.handle = take_handle(http),
                  .body = request->body,
                  .out = out,
                  .out_from = out ? out->size : 0,
                  .reply = reply};
    struct curl_slist *headers = prepare(http, request, &url);
    curl_easy_setopt(t.handle, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(t.handle, CURLOPT_URL, url.at);
    curl_easy_setopt(t.handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t.handle, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(t.handle, CURLOPT_WRITEDATA, &t);
    curl_easy_setopt(t.handle, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(t.handle, CURLOPT_HEADERDATA, &t);
    set_method(&t, request);
    set_limits(t.handle, request);
    finish(&t, curl_easy_perform(t.handle), why);
    curl_slist_free_all(headers);
    curl_easy_setopt(t.handle, CURLOPT_ERRORBUFFER, NULL);
    give_handle(http, t.handle);
    weir_buf_done(&url);
    weir_buf_done(&t.error);
}
