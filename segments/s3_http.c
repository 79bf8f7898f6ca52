/* segments/s3_http.c - see segments/s3_http.h. A transfer is watched by ourselves: libcurl's own
 * "low speed" looks at an average of the last seconds, and so sees silence late. */
#include "segments/s3_http.h"
#include "weir/arena.h"
#include "weir/log.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    CONNECT_MS = 3000,
    STALL_MS = 4000,           /* without a byte, of a small request */
    STALL_BYTES_PER_MS = 4096, /* the answer to a large body takes longer */
    WHOLE_MS = 15000,          /* for a small request */
    BYTES_PER_MS = 500,        /* the slowest transfer that is waited for: 0.5 MB/s */
    WATCH_MS = 50,             /* how often a cancel is looked for */
    HEDGE_MIN_US = 150000,
    HEDGE_MAX_US = 2000000,
    HEDGE_USUAL = 3,  /* times the usual time to the first byte */
    HEDGE_EVERY = 20, /* at most one GET in so many is asked twice, but for a few saved up */
    HEDGE_SAVED = 10,
    ERROR_BODY_MAX = 4096,
    IDLE_MAX = 32,
    SILENT_MS = 1000, /* of a small request: it is asked again beside */
    REPAIRS = 3,      /* redirects and clock settings of one request */
    LANES = 4,        /* the request and those asked beside it */
};

typedef struct line { /* connections of one thread at a time */
    CURLM *multi;
    CURL *handles[LANES];
} line;

struct weir_s3_http {
    weir_arena *arena;
    weir_s3_endpoint endpoint;
    weir_s3_identity identity;
    const weir_clock *clock;
    _Atomic bool cancelled;
    _Atomic int64_t skew_ms;      /* the server's clock minus ours, once it refused ours */
    _Atomic int64_t usual_us;     /* to the first byte of a GET; 0: not known yet */
    _Atomic int64_t hedge_credit; /* in GETs */
    pthread_mutex_t lock;         /* guards idle */
    line idle[IDLE_MAX];
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
    http->hedge_credit = HEDGE_EVERY * HEDGE_SAVED / 2;
    pthread_mutex_init(&http->lock, NULL);
    return http;
}

static void free_line(line *l)
{
    for (int i = 0; i < LANES; i++) {
        curl_easy_cleanup(l->handles[i]);
    }
    curl_multi_cleanup(l->multi);
}

void weir_s3_http_free(weir_s3_http *http)
{
    for (uint32_t i = 0; i < http->idle_count; i++) {
        free_line(&http->idle[i]);
    }
    pthread_mutex_destroy(&http->lock);
    weir_arena_free(http->arena);
}

void weir_s3_http_cancel(weir_s3_http *http)
{
    http->cancelled = true;
}

bool weir_s3_http_is_cancelled(const weir_s3_http *http)
{
    return http->cancelled;
}

static line take_line(weir_s3_http *http)
{
    line l = {0};
    pthread_mutex_lock(&http->lock);
    if (http->idle_count) {
        l = http->idle[--http->idle_count];
    }
    pthread_mutex_unlock(&http->lock);
    if (!l.multi) {
        l.multi = curl_multi_init();
        curl_multi_setopt(l.multi, CURLMOPT_MAXCONNECTS, (long)LANES);
        for (int i = 0; i < LANES; i++) {
            l.handles[i] = curl_easy_init();
        }
    }
    if (!l.multi || !l.handles[0] || !l.handles[LANES - 1]) {
        weir_die("out of memory");
    }
    return l;
}

static void give_line(weir_s3_http *http, line l)
{
    pthread_mutex_lock(&http->lock);
    bool keep = http->idle_count < IDLE_MAX;
    if (keep) {
        http->idle[http->idle_count++] = l;
    }
    pthread_mutex_unlock(&http->lock);
    if (!keep) {
        free_line(&l);
    }
}

typedef struct transfer { /* one request on the wire */
    weir_s3_http *http;
    CURL *handle; /* NULL: not begun */
    struct curl_slist *headers;
    weir_str body;
    size_t body_at;
    weir_buf *out;
    size_t out_from;
    weir_buf error;                       /* body of an answer that is not 2xx */
    int64_t begun_us, first_us, moved_us; /* first: of the answer; 0: nothing yet */
    bool done;
    weir_s3_reply reply;
    char why[CURL_ERROR_SIZE];
} transfer;

static int64_t now_us(const weir_s3_http *http)
{
    (void)http;
    return weir_monotonic_us(&weir_clock_system); /* sockets know no other */
}

static void moved(transfer *t, bool answer)
{
    t->moved_us = now_us(t->http);
    t->first_us = answer && !t->first_us ? t->moved_us : t->first_us;
}

static size_t read_body(char *to, size_t size, size_t count, void *self)
{
    transfer *t = self;
    size_t n = t->body.size - t->body_at < size * count ? t->body.size - t->body_at : size * count;
    memcpy(to, t->body.at + t->body_at, n);
    t->body_at += n;
    moved(t, false);
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
    moved(t, true);
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

/* The value of a header line, if it has that name. */
static bool is_header(const char *from, size_t bytes, const char *name, char *out, size_t room)
{
    size_t at = strlen(name), end = bytes;
    if (bytes <= at || strncasecmp(from, name, at) != 0) {
        return false;
    }
    while (at < end && from[at] == ' ') {
        at++;
    }
    while (end > at && (from[end - 1] == '\r' || from[end - 1] == '\n' || from[end - 1] == ' ')) {
        end--;
    }
    snprintf(out, room, "%.*s", (int)(end - at), from + at);
    return true;
}

static size_t take_header(char *from, size_t size, size_t count, void *self)
{
    transfer *t = self;
    size_t bytes = size * count;
    weir_s3_reply *r = &t->reply;
    char date[64];
    moved(t, true);
    if (is_header(from, bytes, "date:", date, sizeof(date))) {
        time_t seconds = curl_getdate(date, NULL);
        r->server_ms = seconds > 0 ? (int64_t)seconds * 1000 : 0;
    } else if (!is_header(from, bytes, "etag:", r->etag, sizeof(r->etag)) &&
               !is_header(from, bytes, "location:", r->place, sizeof(r->place))) {
        is_header(from, bytes, "x-amz-bucket-region:", r->region, sizeof(r->region));
    }
    return bytes;
}

static void add_header(struct curl_slist **list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_header(struct curl_slist **list, const char *format, ...)
{
    char text[2600]; /* session tokens are long */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *list = curl_slist_append(*list, text);
}

/* URL and headers of the request; `at`: scheme and host that a redirect named, or empty. */
static struct curl_slist *prepare(weir_s3_http *http, const weir_s3_request *r, weir_str at,
                                  weir_buf *url)
{
    const weir_s3_endpoint *e = &http->endpoint;
    weir_buf path = {0}, host = {0}, authorization = {0};
    char hash[WEIR_SHA256_HEX], date[17], range[64];
    bool tls = at.size ? weir_str_starts(at, WEIR_STR("https://")) : e->tls;
    if (at.size) {
        size_t scheme = tls ? 8 : 7;
        weir_buf_put(&host, at.at + scheme, at.size - scheme);
    } else {
        if (!e->path_style) {
            weir_buf_printf(&host, "%.*s.", WEIR_STR_ARG(e->bucket));
        }
        weir_buf_str(&host, e->host);
    }
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
                         .time_ms = weir_wall_ms(http->clock) + http->skew_ms};
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
    weir_buf_printf(url, "%s://%.*s", tls ? "https" : "http", WEIR_STR_ARG(call.host));
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

static int64_t stall_us(const weir_s3_request *r)
{
    uint64_t ms =
        r->stall_ms ? r->stall_ms : STALL_MS + (r->body.size + r->size) / STALL_BYTES_PER_MS;
    return (int64_t)ms * 1000;
}

/* An open-ended GET has any number of bytes: as long as they come. */
static int64_t whole_us(const weir_s3_request *r)
{
    bool open_end = strcmp(r->method, "GET") == 0 && r->size == 0;
    uint64_t least = r->stall_ms > WHOLE_MS ? r->stall_ms : WHOLE_MS;
    return open_end ? INT64_MAX / 2
                    : (int64_t)(least + (r->body.size + r->size) / BYTES_PER_MS) * 1000;
}

static void set_options(CURL *h)
{
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
}

/* Characters that XML cannot hold as they are, in place. */
static void decode_entities(char *text)
{
    static const struct {
        const char *name;
        char is;
    } entities[] = {{"&quot;", '"'}, {"&#34;", '"'}, {"&apos;", '\''}, {"&#39;", '\''},
                    {"&lt;", '<'},   {"&gt;", '>'},  {"&amp;", '&'}};
    char *to = text;
    while (*text) {
        size_t i = 0, count = sizeof(entities) / sizeof(*entities), size;
        while (i < count && strncmp(text, entities[i].name, strlen(entities[i].name)) != 0) {
            i++;
        }
        size = i < count ? strlen(entities[i].name) : 1;
        *to++ = i < count ? entities[i].is : *text;
        text += size;
    }
    *to = 0;
}

/* X of "<name>X</name>" in an error body, which ends with a zero. */
static void find_element(const weir_buf *body, const char *name, char *out, size_t room)
{
    char begin[32], end[32];
    size_t tag = (size_t)snprintf(begin, sizeof(begin), "<%s>", name);
    snprintf(end, sizeof(end), "</%s>", name);
    const char *from = strstr(body->at, begin), *to = from ? strstr(from, end) : NULL;
    snprintf(out, room, "%.*s", to ? (int)(to - from - (ptrdiff_t)tag) : 0, from ? from + tag : "");
    for (char *c = out; *c; c++) { /* outside bytes, on their way to a log */
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
    decode_entities(out);
}

static bool never_sent(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_URL_MALFORMAT ||
           code == CURLE_FAILED_INIT;
}

static void finish(transfer *t, CURLcode code)
{
    weir_s3_reply *reply = &t->reply;
    curl_off_t length = 0;
    t->done = true;
    curl_easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_getinfo(t->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    reply->length = length > 0 ? (uint64_t)length : 0;
    if (code == CURLE_OK) {
        reply->end = WEIR_S3_ANSWERED;
        weir_buf_byte(&t->error, 0);
        find_element(&t->error, "Code", reply->problem, sizeof(reply->problem));
        find_element(&t->error, "Message", reply->said, sizeof(reply->said));
        return;
    }
    reply->sent = !never_sent(code);
    reply->end = !reply->sent                       ? WEIR_S3_UNREACHABLE
                 : code == CURLE_OPERATION_TIMEDOUT ? WEIR_S3_TIMED_OUT
                                                    : WEIR_S3_CUT;
    reply->cut = reply->status != 0;
    snprintf(reply->problem, sizeof(reply->problem), "%s",
             t->why[0] ? t->why : curl_easy_strerror(code));
}

/* Ends it from our side. */
static void break_off(transfer *t, weir_s3_end end, const char *why)
{
    t->done = true;
    t->reply.end = end;
    t->reply.sent = true;
    curl_easy_getinfo(t->handle, CURLINFO_RESPONSE_CODE, &t->reply.status);
    t->reply.cut = t->reply.status != 0;
    snprintf(t->reply.problem, sizeof(t->reply.problem), "%s", why);
}

static void begin(transfer *t, weir_s3_http *http, line *l, int lane, const weir_s3_request *r,
                  weir_str at, weir_buf *out)
{
    weir_buf url = {0};
    *t = (transfer){.http = http,
                    .handle = l->handles[lane],
                    .body = r->body,
                    .out = out,
                    .out_from = out ? out->size : 0};
    t->begun_us = t->moved_us = now_us(http);
    t->headers = prepare(http, r, at, &url);
    curl_easy_reset(t->handle); /* the connections are the line's */
    curl_easy_setopt(t->handle, CURLOPT_ERRORBUFFER, t->why);
    curl_easy_setopt(t->handle, CURLOPT_URL, url.at);
    curl_easy_setopt(t->handle, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(t->handle, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(t->handle, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->handle, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(t->handle, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->handle, CURLOPT_PRIVATE, t);
    set_method(t, r);
    set_options(t->handle);
    curl_multi_add_handle(l->multi, t->handle);
    weir_buf_done(&url);
}

static void end(transfer *t, line *l)
{
    curl_multi_remove_handle(l->multi, t->handle); /* half done: closes its connection */
    curl_easy_setopt(t->handle, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(t->headers);
    weir_buf_done(&t->error);
}

/* Hedging. */

static int64_t hedge_after_us(const weir_s3_http *http)
{
    int64_t after = http->usual_us * HEDGE_USUAL;
    return after < HEDGE_MIN_US ? HEDGE_MIN_US : after > HEDGE_MAX_US ? HEDGE_MAX_US : after;
}

static bool take_credit(weir_s3_http *http)
{
    if (atomic_fetch_sub(&http->hedge_credit, HEDGE_EVERY) >= HEDGE_EVERY) {
        return true;
    }
    atomic_fetch_add(&http->hedge_credit, HEDGE_EVERY);
    return false;
}

static void learn(weir_s3_http *http, const transfer *t)
{
    int64_t usual = http->usual_us, took = t->first_us - t->begun_us;
    http->usual_us = usual == 0 ? took : usual + (took - usual) / 16;
    if (http->hedge_credit < HEDGE_EVERY * HEDGE_SAVED) {
        atomic_fetch_add(&http->hedge_credit, 1);
    }
}

/* Worth to be handed on while others may still come. 409 may be their own doing. */
static bool is_answer(const transfer *t)
{
    const weir_s3_reply *r = &t->reply;
    return t->done && r->end == WEIR_S3_ANSWERED && r->status < 500 && r->status != 429 &&
           r->status != 409;
}

static void reap(line *l)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(l->multi, &left));) {
        transfer *t;
        if (message->msg == CURLMSG_DONE) {
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
            finish(t, message->data.result);
        }
    }
}

static void watch(transfer *t, const weir_s3_request *r)
{
    char why[80];
    int64_t now = now_us(t->http);
    if (t->done) {
        return;
    }
    if (t->http->cancelled) {
        break_off(t, WEIR_S3_CANCELLED, "the process ends");
    } else if (now - t->moved_us >= stall_us(r)) {
        snprintf(why, sizeof(why), "no byte for %.1f s", (double)(now - t->moved_us) / 1e6);
        break_off(t, WEIR_S3_TIMED_OUT, why);
    } else if (now - t->begun_us >= whole_us(r)) {
        snprintf(why, sizeof(why), "not done within %.1f s", (double)(now - t->begun_us) / 1e6);
        break_off(t, WEIR_S3_TIMED_OUT, why);
    }
}

/* A request and what is asked beside it, until one of them is answered. */
typedef struct race {
    weir_s3_http *http;
    const weir_s3_request *request;
    weir_str at;
    weir_buf *out;
    line line;
    transfer lanes[LANES];
    weir_buf spare[LANES]; /* what the other lanes bring */
    int begun;
    bool early; /* the next may be begun as soon as the answer is late */
} race;

static void begin_lane(race *r)
{
    int i = r->begun++;
    begin(&r->lanes[i], r->http, &r->line, i, r->request, r->at,
          i == 0   ? r->out
          : r->out ? &r->spare[i]
                   : NULL);
}

/* How long a lane is silent until another is begun. A store that is slow as a rule is waited for.
 */
static int64_t silent_us(const race *r)
{
    int64_t usual = r->http->usual_us * HEDGE_USUAL, least = (int64_t)SILENT_MS * 1000;
    usual = usual > HEDGE_MAX_US ? HEDGE_MAX_US : usual;
    return (usual > least ? usual : least) +
           (int64_t)(r->request->body.size / STALL_BYTES_PER_MS) * 1000;
}

/* Microseconds until another lane is begun; < 1: now. Whatever is asked twice is the same when it
 * happens twice: a put of the same bytes, and of those that must be absent the store takes one. */
static int64_t until_next_us(race *r)
{
    const transfer *last = &r->lanes[r->begun - 1];
    int64_t now = now_us(r->http);
    if (r->begun == LANES || strcmp(r->request->method, "POST") == 0) {
        return INT64_MAX / 2;
    }
    for (int i = 0; i < r->begun; i++) {
        if (r->lanes[i].first_us) {
            return INT64_MAX / 2; /* it comes */
        }
    }
    if (r->early && now - last->begun_us >= hedge_after_us(r->http)) {
        r->early = false;
        if (!last->done && take_credit(r->http)) {
            return 0;
        }
    }
    int64_t silent = last->moved_us + silent_us(r) - now,
            early = r->early ? last->begun_us + hedge_after_us(r->http) - now : silent;
    return early < silent ? early : silent;
}

/* The lane that was answered, or -1: none yet. *over: none will be. */
static int find_winner(const race *r, bool *over)
{
    bool all_done = true, coming = false;
    for (int i = 0; i < r->begun; i++) {
        if (is_answer(&r->lanes[i])) {
            return i;
        }
        all_done = all_done && r->lanes[i].done;
        coming = coming || (!r->lanes[i].done && r->lanes[i].first_us);
    }
    *over = all_done || (!coming && r->lanes[0].done && r->lanes[0].reply.end == WEIR_S3_TIMED_OUT);
    return -1;
}

static int run_race(race *r)
{
    int running, winner;
    bool over = false;
    begin_lane(r);
    for (;;) {
        curl_multi_perform(r->line.multi, &running);
        reap(&r->line);
        for (int i = 0; i < r->begun; i++) {
            watch(&r->lanes[i], r->request);
        }
        winner = find_winner(r, &over);
        if (winner >= 0 || over) {
            return winner < 0 ? 0 : winner;
        }
        int64_t left_us = until_next_us(r);
        if (left_us < 1) {
            begin_lane(r);
            continue;
        }
        curl_multi_poll(r->line.multi, NULL, 0,
                        left_us / 1000 < WATCH_MS ? (int)(left_us / 1000 + 1) : WATCH_MS, NULL);
    }
}

/* One request, perhaps with others beside it. */
static void perform_once(weir_s3_http *http, const weir_s3_request *request, weir_str at,
                         weir_buf *out, weir_s3_reply *reply)
{
    race r = {.http = http,
              .request = request,
              .at = at,
              .out = out,
              .line = take_line(http),
              .early = request->hedged};
    int winner = run_race(&r);
    *reply = r.lanes[winner].reply;
    reply->took_us = now_us(http) - r.lanes[0].begun_us;
    reply->hedges = (uint32_t)r.begun - 1;
    reply->hedge_won = winner > 0;
    bool good = reply->end == WEIR_S3_ANSWERED;
    if (out && (!good || winner > 0)) {
        out->size = r.lanes[0].out_from;
    }
    if (out && good && winner > 0) {
        weir_buf_str(out, weir_buf_view(&r.spare[winner]));
    }
    if (good && strcmp(request->method, "GET") == 0) {
        learn(http, &r.lanes[winner]);
    }
    for (int i = 0; i < r.begun; i++) {
        reply->sent = reply->sent || !r.lanes[i].done || r.lanes[i].reply.sent;
        end(&r.lanes[i], &r.line);
        weir_buf_done(&r.spare[i]);
    }
    give_line(http, r.line);
}

/* "scheme://host" of a redirect's place; empty: none that we go to. */
static weir_str host_of(const weir_s3_http *http, const char *place)
{
    const char *host = strstr(place, "://");
    bool tls = strncmp(place, "https://", 8) == 0;
    if (!host || (!tls && (http->endpoint.tls || strncmp(place, "http://", 7) != 0))) {
        return (weir_str){0};
    }
    return (weir_str){place, strcspn(host + 3, "/?") + (size_t)(host + 3 - place)};
}

/* What the server says is wrong with the request itself, and we can mend. It did nothing. */
static bool repair(weir_s3_http *http, const weir_s3_reply *reply, char *at, size_t room)
{
    if (reply->end != WEIR_S3_ANSWERED) {
        return false;
    }
    if (reply->status == 307 || reply->status == 308) {
        weir_str host = host_of(http, reply->place);
        if (host.size == 0 || host.size >= room) {
            return false;
        }
        snprintf(at, room, "%.*s", WEIR_STR_ARG(host));
        return true;
    }
    if (reply->status == 403 && reply->server_ms &&
        strcmp(reply->problem, "RequestTimeTooSkewed") == 0) {
        int64_t skew = reply->server_ms - weir_wall_ms(http->clock);
        weir_log(WEIR_WARN, "store",
                 "this machine's clock is %.1f s off the store's, which is used",
                 (double)-skew / 1000);
        http->skew_ms = skew;
        return true;
    }
    return false;
}

void weir_s3_perform(weir_s3_http *http, const weir_s3_request *request, weir_buf *out,
                     weir_s3_reply *reply)
{
    char at[sizeof(reply->place)] = "";
    int64_t took_us = 0;
    uint32_t asked = 0;
    size_t from = out ? out->size : 0;
    for (int i = 0; i <= REPAIRS; i++) {
        perform_once(http, request, weir_str_of(at), out, reply);
        took_us += reply->took_us;
        asked += 1 + reply->hedges;
        if (!repair(http, reply, at, sizeof(at))) {
            break;
        }
        if (out) {
            out->size = from;
        }
    }
    reply->took_us = took_us;
    reply->asked = asked;
    if (reply->status == 301 && reply->region[0]) {
        snprintf(reply->problem, sizeof(reply->problem), "the bucket is in region %s",
                 reply->region);
    }
}
