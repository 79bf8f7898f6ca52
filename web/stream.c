/* web/stream.c - the chunks are framed here, not by h2o, because h2o 2.2 sends no trailers.
 * A stream lives until its answer says that it is done: a client that hangs up cancels the query, and what still comes is thrown away. */
#include "web/stream.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GZIP_LEAST_BYTES 1400u /* less fits a packet anyway */
#define HEADER_BYTES 1024u

typedef struct stream {
    weir_message message;    /* the answer's wake; at most one under way */
    h2o_generator_t generator;
    weir_loop *loop;
    h2o_req_t *req;          /* NULL: the client has gone */
    weir_answer *answer;
    weir_buf raw, out;       /* taken from the answer; framed, being sent */
    bool chunked, gzip, started, last;
    bool waiting;            /* for a wake that is under way or will come */
    z_stream deflate;
} stream;

static void free_stream(stream *s)
{
    weir_answer_unref(s->answer);
    weir_buf_done(&s->raw);
    weir_buf_done(&s->out);
    if (s->gzip) {
        deflateEnd(&s->deflate);
    }
    s->loop->busy--;
    free(s);
}

/* The client has gone: throws bytes away until the answer is done. */
static void drain(stream *s)
{
    weir_error broken;
    weir_answer_state state;
    do {
        s->raw.size = 0;
        state = weir_answer_take(s->answer, &s->raw, &broken);
    } while (state == WEIR_ANSWER_MORE);
    s->waiting = state == WEIR_ANSWER_WAIT;
    if (!s->waiting) {
        free_stream(s);
    }
}

static bool accepts_gzip(h2o_req_t *req)
{
    ssize_t at = h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT_ENCODING, -1);
    return at != -1 && h2o_contains_token(req->headers.entries[at].value.base, req->headers.entries[at].value.len,
                                          H2O_STRLIT("gzip"), ',');
}

static void add_header(h2o_req_t *req, const char *name, weir_str value)
{
    h2o_iovec_t copy = h2o_strdup(&req->pool, value.at, value.size);
    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 0, NULL, copy.base, copy.len);
}

/* Text of a request in a header or trailer: one line, and no longer than clients' buffers. */
static weir_str header_text(h2o_req_t *req, const char *at, size_t size)
{
    size = size < HEADER_BYTES ? size : HEADER_BYTES;
    char *copy = h2o_mem_alloc_pool(&req->pool, size + 1);
    for (size_t i = 0; i < size; i++) {
        copy[i] = (unsigned char)at[i] < 0x20 || at[i] == 0x7f ? ' ' : at[i];
    }
    return (weir_str){copy, size};
}

static void send_head(stream *s, bool whole)
{
    h2o_req_t *req = s->req;
    req->res.status = weir_answer_status(s->answer);
    bool empty = req->res.status == 304; /* such an answer has no body, nor trailers */
    req->res.reason = req->res.status == 200 ? "OK" : empty ? "Not Modified" : "Error";
    add_header(req, "content-type", WEIR_STR("application/json"));
    weir_str id = weir_answer_query_id(s->answer);
    add_header(req, "x-druid-query-id", header_text(req, id.at, id.size));
    add_header(req, "x-druid-response-context", weir_answer_context(s->answer));
    add_header(req, "vary", WEIR_STR("Accept-Encoding, User-Agent"));
    weir_str etag = weir_str_of(weir_answer_etag(s->answer));
    if (etag.size > 0) {
        add_header(req, "etag", etag);
    }
    s->gzip = !empty && accepts_gzip(req) && !(whole && s->raw.size < GZIP_LEAST_BYTES) &&
              deflateInit2(&s->deflate, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    if (s->gzip) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_ENCODING, NULL, H2O_STRLIT("gzip"));
    }
    s->chunked = req->version == 0x101 && !empty;
    if (s->chunked) {
        add_header(req, "trailer", WEIR_STR("X-Druid-Response-Complete"));
        /* by its token, so that h2o sees it and does not frame again */
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_TRANSFER_ENCODING, NULL, H2O_STRLIT("chunked"));
    } else if (!empty) {
        req->http1_is_persistent = 0; /* the connection's end is the answer's */
    }
    h2o_start_response(req, &s->generator);
    s->started = true;
}

/* Compresses raw in place of itself. */
static void pack(stream *s, bool last)
{
    weir_buf packed = {0};
    s->deflate.next_in = (Bytef *)s->raw.at;
    s->deflate.avail_in = (uInt)s->raw.size;
    do {
        weir_buf_reserve(&packed, 16384);
        s->deflate.next_out = (Bytef *)packed.at + packed.size;
        s->deflate.avail_out = (uInt)(packed.capacity - packed.size);
        deflate(&s->deflate, last ? Z_FINISH : Z_SYNC_FLUSH);
        packed.size = packed.capacity - s->deflate.avail_out;
    } while (s->deflate.avail_out == 0);
    weir_buf_done(&s->raw);
    s->raw = packed;
}

static void frame(stream *s, bool last, bool broken, const weir_error *err)
{
    s->out.size = 0;
    if (s->chunked && s->raw.size > 0) {
        weir_buf_printf(&s->out, "%zx\r\n", s->raw.size);
    }
    weir_buf_str(&s->out, weir_buf_view(&s->raw));
    if (s->chunked && s->raw.size > 0) {
        weir_buf_put(&s->out, "\r\n", 2);
    }
    if (s->chunked && last) {
        weir_buf_printf(&s->out, "0\r\nX-Druid-Response-Complete: %s\r\n", broken ? "false" : "true");
        if (broken) {
            weir_str why = header_text(s->req, err->message, strnlen(err->message, 300));
            weir_buf_printf(&s->out, "X-Error-Message: %.*s\r\n", WEIR_STR_ARG(why));
        }
        weir_buf_put(&s->out, "\r\n", 2);
    }
}

static void send_next(stream *s)
{
    weir_error broken = {0};
    s->raw.size = 0;
    weir_answer_state state = weir_answer_take(s->answer, &s->raw, &broken);
    s->waiting = state == WEIR_ANSWER_WAIT;
    if (s->waiting) {
        return;
    }
    s->last = state != WEIR_ANSWER_MORE;
    if (!s->started) {
        send_head(s, s->last);
    }
    if (s->gzip) {
        pack(s, s->last);
    }
    frame(s, s->last, state == WEIR_ANSWER_BROKEN, &broken);
    h2o_iovec_t part = {s->out.at, s->out.size};
    bool cut = state == WEIR_ANSWER_BROKEN && !s->chunked;
    h2o_send(s->req, &part, 1, cut ? H2O_SEND_STATE_ERROR : s->last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void on_wake(weir_message *message)
{
    stream *s = (stream *)message;
    s->waiting = false;
    if (s->req) {
        send_next(s);
    } else {
        drain(s);
    }
}

static void wake(void *self)
{
    stream *s = self;
    h2o_multithread_send_message(&s->loop->receiver, &s->message.super);
}

static void on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)req;
    send_next(H2O_STRUCT_FROM_MEMBER(stream, generator, generator));
}

static void on_stop(h2o_generator_t *generator, h2o_req_t *req)
{
    (void)generator, (void)req; /* the request's pool goes next: on_gone does the work */
}

/* The request's memory goes: the answer was sent whole, or the client hung up. */
static void on_gone(void *guard)
{
    stream *s = *(stream **)guard;
    s->req = NULL;
    if (s->last) {
        free_stream(s);
        return;
    }
    weir_answer_cancel(s->answer);
    if (!s->waiting) {
        drain(s);
    }
}

void weir_stream_start(weir_loop *loop, h2o_req_t *req, weir_call *call)
{
    stream *s = weir_calloc(1, sizeof(*s));
    s->message.receive = on_wake;
    s->generator = (h2o_generator_t){on_proceed, on_stop};
    s->loop = loop;
    s->req = req;
    s->waiting = true;
    loop->busy++;
    stream **guard = h2o_mem_alloc_shared(&req->pool, sizeof(*guard), on_gone);
    *guard = s;
    weir_str pretty;
    weir_request request = {.body = call->body, .remote = call->remote, .if_none_match = call->if_none_match, .pretty = weir_call_param(call, "pretty", &pretty)};
    s->answer = weir_engine_native(call->doors->engine, &request, (weir_answer_wake){wake, s});
}
