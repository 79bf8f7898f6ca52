/* segments/store_s3.c - a store in a bucket. Reading, listing and deleting are tried again here,
 * with backoff and jitter; so is a plain put, which is the same whenever it lands. A put_if_absent
 * is tried once (beside a silent one the same bytes again): only its caller can tell whose object
 * stands there afterwards. */
#include "segments/s3_stats.h"
#include "segments/s3_uploads.h"
#include "weir/arena.h"
#include "weir/log.h"
#include "weir/store_s3.h"
#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    TRIES = 5,
    BACKOFF_MS = 50,
    BACKOFF_MAX_MS = 1000,
    CLOSING_STALL_MS = 60000, /* joining the parts may take the server long */
    PART_BYTES = 16 << 20,
    LIST_PAGE = 1000,
};

typedef struct s3_store {
    weir_store base;
    weir_arena *arena;
    weir_s3_http *http;
    const weir_clock *clock;
    weir_str prefix; /* "" or ends with '/' */
    weir_s3_counts counts;
} s3_store;

/* Trying again. */

static bool is_good(const weir_s3_reply *reply)
{
    return reply->status >= 200 && reply->status < 300 && !reply->cut;
}

/* The server or the way to it may be better in a moment. */
static bool may_pass(const weir_s3_reply *reply)
{
    return reply->end != WEIR_S3_ANSWERED || reply->status == 0 || reply->cut ||
           reply->status == 409 || reply->status == 429 || reply->status >= 500 ||
           strcmp(reply->problem, "RequestTimeout") == 0;
}

/* In slices, as the process may end meanwhile. */
static void sleep_ms(const s3_store *s, uint64_t ms)
{
    while (ms > 0 && !weir_s3_http_is_cancelled(s->http)) {
        uint64_t slice = ms < 20 ? ms : 20;
        nanosleep(&(struct timespec){.tv_nsec = (long)slice * 1000000}, NULL);
        ms -= slice;
    }
}

static bool fail(const s3_store *s, weir_error *err, const char *what, weir_str key,
                 const weir_s3_reply *reply)
{
    weir_err code = may_pass(reply) ? WEIR_ERR_STORE : WEIR_ERR_REFUSED;
    char status[24] = "";
    if (reply->status) {
        snprintf(status, sizeof(status), "%ld ", reply->status);
    }
    return weir_fail(err, code, "store %.*s: %s %.*s: %s%s%s%s", WEIR_STR_ARG(s->base.name), what,
                     WEIR_STR_ARG(key), status,
                     reply->problem[0] ? reply->problem
                     : reply->status   ? "without a reason"
                                       : "no answer",
                     reply->said[0] ? ": " : "", reply->said);
}

static void perform_once(s3_store *s, weir_s3_kind kind, const weir_s3_request *request,
                         weir_buf *out, weir_s3_reply *reply)
{
    size_t before = out ? out->size : 0;
    weir_arena *arena = weir_arena_new();
    weir_s3_perform(s->http, request, out, reply);
    weir_s3_count(&s->counts, kind, reply, out ? out->size - before : 0, request->body.size,
                  weir_arena_printf(arena, "store %.*s: %s %.*s", WEIR_STR_ARG(s->base.name),
                                    request->method, WEIR_STR_ARG(request->key)));
    weir_arena_free(arena);
}

/* Performs it up to TRIES times. */
static void perform(s3_store *s, weir_s3_kind kind, const weir_s3_request *request, weir_buf *out,
                    weir_s3_reply *reply)
{
    for (uint32_t i = 0;; i++) {
        perform_once(s, kind, request, out, reply);
        if (!may_pass(reply) || i + 1 == TRIES || weir_s3_http_is_cancelled(s->http)) {
            return;
        }
        uint64_t cap = (uint64_t)BACKOFF_MS << (2 * i), wait;
        cap = cap < BACKOFF_MAX_MS ? cap : BACKOFF_MAX_MS;
        wait = cap / 2 + weir_random(s->clock) % (cap / 2 + 1);
        weir_log(WEIR_DEBUG, "store", "%s %.*s: %ld %s, again in %" PRIu64 " ms", request->method,
                 WEIR_STR_ARG(request->key), reply->status, reply->problem, wait);
        atomic_fetch_add(&s->counts.retries, 1);
        sleep_ms(s, wait);
    }
}

static weir_str full_key(const s3_store *s, weir_arena *arena, weir_str key)
{
    return weir_arena_printf(arena, "%.*s%.*s", WEIR_STR_ARG(s->prefix), WEIR_STR_ARG(key));
}

/* Putting. */

static weir_put put_if_absent(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    s3_store *s = (s3_store *)store;
    weir_arena *arena = weir_arena_new();
    weir_s3_request request = {
        .method = "PUT", .key = full_key(s, arena, key), .if_absent = true, .body = bytes};
    weir_s3_reply reply;
    perform_once(s, WEIR_S3_PUT, &request, NULL, &reply);
    weir_arena_free(arena);
    if (is_good(&reply)) {
        return WEIR_PUT_DONE;
    }
    if (reply.status == 412) {
        return WEIR_PUT_EXISTS;
    }
    fail(s, err, "put", key, &reply);
    bool unknown = reply.hedges > 0 || (reply.status == 0 ? reply.sent : may_pass(&reply));
    return unknown ? WEIR_PUT_UNKNOWN : WEIR_PUT_FAILED;
}

static weir_put put_whole(s3_store *s, weir_str key, weir_str bytes, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_s3_request request = {.method = "PUT", .key = full_key(s, arena, key), .body = bytes};
    weir_s3_reply reply;
    perform(s, WEIR_S3_PUT, &request, NULL, &reply);
    weir_arena_free(arena);
    if (is_good(&reply)) {
        return WEIR_PUT_DONE;
    }
    fail(s, err, "put", key, &reply);
    return may_pass(&reply) ? WEIR_PUT_UNKNOWN : WEIR_PUT_FAILED;
}

static weir_put put(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    return put_whole((s3_store *)store, key, bytes, err);
}

/* The text of the first <tag> of an answer; "" when there is none. Answers are small. */
typedef struct xml_text {
    const char *tag;
    weir_buf *out;
    bool inside, done;
} xml_text;

static void see_start(void *self, const char *name, const char **attributes)
{
    xml_text *x = self;
    (void)attributes;
    x->inside = !x->done && strcmp(name, x->tag) == 0;
}

static void see_end(void *self, const char *name)
{
    xml_text *x = self;
    x->done = x->done || (x->inside && strcmp(name, x->tag) == 0);
    x->inside = false;
}

static void see_text(void *self, const char *text, int size)
{
    xml_text *x = self;
    if (x->inside) {
        weir_buf_put(x->out, text, (size_t)size);
    }
}

static bool find_text(weir_str xml, const char *tag, weir_buf *out)
{
    xml_text x = {.tag = tag, .out = out};
    XML_Parser parser = XML_ParserCreate(NULL);
    XML_SetUserData(parser, &x);
    XML_SetElementHandler(parser, see_start, see_end);
    XML_SetCharacterDataHandler(parser, see_text);
    bool ok = XML_Parse(parser, xml.at, (int)xml.size, 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    return ok && x.done;
}

typedef struct upload { /* of one file in parts */
    s3_store *s;
    weir_str key; /* whole */
    int fd;
    uint64_t size;
    weir_buf id;
    weir_buf parts; /* the closing request's body */
} upload;

static bool begin_upload(upload *u, weir_s3_reply *reply)
{
    weir_s3_param params[] = {{"uploads", WEIR_STR("")}};
    weir_buf answer = {0};
    weir_s3_request request = {.method = "POST", .key = u->key, .param_count = 1, .params = params};
    perform(u->s, WEIR_S3_MULTIPART, &request, &answer, reply);
    bool ok =
        is_good(reply) && find_text(weir_buf_view(&answer), "UploadId", &u->id) && u->id.size > 0;
    weir_buf_done(&answer);
    return ok;
}

static bool read_part(int fd, uint64_t from, size_t size, weir_buf *out)
{
    out->size = 0;
    weir_buf_reserve(out, size);
    while (out->size < size) {
        ssize_t n = pread(fd, out->at + out->size, size - out->size, (off_t)(from + out->size));
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            return false;
        }
        out->size += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool put_parts(upload *u, weir_s3_reply *reply, weir_error *err)
{
    weir_buf part = {0};
    bool ok = true;
    weir_buf_text(&u->parts, "<CompleteMultipartUpload>");
    for (uint32_t number = 1; ok && (uint64_t)(number - 1) * PART_BYTES < u->size; number++) {
        uint64_t from = (uint64_t)(number - 1) * PART_BYTES, left = u->size - from;
        char text[16];
        snprintf(text, sizeof(text), "%u", number);
        weir_s3_param params[] = {{"partNumber", weir_str_of(text)},
                                  {"uploadId", weir_buf_view(&u->id)}};
        ok = read_part(u->fd, from, left < PART_BYTES ? (size_t)left : PART_BYTES, &part) ||
             weir_fail(err, WEIR_ERR_STORE, "cannot read a file to upload: %s", strerror(errno));
        if (!ok) {
            break;
        }
        weir_s3_request request = {.method = "PUT",
                                   .key = u->key,
                                   .param_count = 2,
                                   .params = params,
                                   .body = weir_buf_view(&part)};
        perform(u->s, WEIR_S3_PART, &request, NULL, reply);
        ok = is_good(reply) && reply->etag[0];
        weir_buf_printf(&u->parts, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>",
                        number, reply->etag);
    }
    weir_buf_text(&u->parts, "</CompleteMultipartUpload>");
    weir_buf_done(&part);
    return ok;
}

/* An end without an answer is looked up: the object is there whole, or it is not. */
static bool end_upload(upload *u, weir_s3_reply *reply)
{
    weir_s3_param params[] = {{"uploadId", weir_buf_view(&u->id)}};
    weir_buf answer = {0}, error = {0};
    weir_s3_request end = {.method = "POST",
                           .key = u->key,
                           .param_count = 1,
                           .params = params,
                           .stall_ms = CLOSING_STALL_MS,
                           .body = weir_buf_view(&u->parts)};
    perform(u->s, WEIR_S3_MULTIPART, &end, &answer, reply);
    bool ok = is_good(reply) &&
              !find_text(weir_buf_view(&answer), "Code", &error); /* 200 may hold an error */
    if (!ok) {
        weir_s3_request head = {.method = "HEAD", .key = u->key};
        weir_s3_reply found;
        perform(u->s, WEIR_S3_MULTIPART, &head, NULL, &found);
        ok = is_good(&found) && found.length == u->size;
    }
    weir_buf_done(&answer);
    weir_buf_done(&error);
    return ok;
}

static void abort_upload(upload *u)
{
    weir_s3_param params[] = {{"uploadId", weir_buf_view(&u->id)}};
    weir_s3_request request = {
        .method = "DELETE", .key = u->key, .param_count = 1, .params = params};
    weir_s3_reply reply;
    perform_once(u->s, WEIR_S3_MULTIPART, &request, NULL, &reply);
}

static weir_put put_in_parts(s3_store *s, weir_str key, int fd, uint64_t size, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    upload u = {.s = s, .key = full_key(s, arena, key), .fd = fd, .size = size};
    weir_s3_reply reply = {0};
    weir_error why = {0};
    bool begun = begin_upload(&u, &reply),
         ok = begun && put_parts(&u, &reply, &why) && end_upload(&u, &reply);
    if (!ok) {
        if (why.code != WEIR_OK && err) {
            *err = why;
        } else {
            fail(s, err, "put", key, &reply);
        }
        if (begun) {
            abort_upload(&u);
        }
    }
    weir_buf_done(&u.id);
    weir_buf_done(&u.parts);
    weir_arena_free(arena);
    return ok ? WEIR_PUT_DONE : may_pass(&reply) ? WEIR_PUT_UNKNOWN : WEIR_PUT_FAILED;
}

static weir_put put_file(weir_store *store, weir_str key, const char *path, weir_error *err)
{
    s3_store *s = (s3_store *)store;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        weir_fail(err, WEIR_ERR_STORE, "cannot open %s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return WEIR_PUT_FAILED;
    }
    weir_put result = WEIR_PUT_FAILED;
    if (info.st_size > PART_BYTES) {
        result = put_in_parts(s, key, fd, (uint64_t)info.st_size, err);
    } else {
        weir_buf bytes = {0};
        if (read_part(fd, 0, (size_t)info.st_size, &bytes)) {
            result = put_whole(s, key, weir_buf_view(&bytes), err);
        } else {
            weir_fail(err, WEIR_ERR_STORE, "cannot read %s: %s", path, strerror(errno));
        }
        weir_buf_done(&bytes);
    }
    close(fd);
    return result;
}

/* Getting. */

static weir_get get(weir_store *store, weir_str key, uint64_t from, uint64_t size, weir_buf *out,
                    weir_error *err)
{
    s3_store *s = (s3_store *)store;
    weir_arena *arena = weir_arena_new();
    weir_s3_request request = {.method = "GET",
                               .key = full_key(s, arena, key),
                               .ranged = from > 0 || size > 0,
                               .from = from,
                               .size = size,
                               .hedged = true};
    weir_s3_reply reply;
    size_t before = out->size;
    perform(s, WEIR_S3_GET, &request, out, &reply);
    weir_arena_free(arena);
    if (reply.status == 404 && strcmp(reply.problem, "NoSuchBucket") != 0) {
        return WEIR_GET_NONE;
    }
    if (!is_good(&reply)) {
        fail(s, err, "get", key, &reply);
        return WEIR_GET_FAILED;
    }
    if (request.ranged && reply.status == 200 && from > 0) {
        out->size = before;
        weir_fail(err, WEIR_ERR_STORE, "store %.*s: get %.*s: the server ignores ranges",
                  WEIR_STR_ARG(s->base.name), WEIR_STR_ARG(key));
        return WEIR_GET_FAILED;
    }
    if (size > 0 && out->size - before != size) {
        weir_fail(err, WEIR_ERR_STORE,
                  "store %.*s: get %.*s: %zu bytes from %" PRIu64 " instead of %" PRIu64,
                  WEIR_STR_ARG(s->base.name), WEIR_STR_ARG(key), out->size - before, from, size);
        out->size = before;
        return WEIR_GET_FAILED;
    }
    return WEIR_GET_FOUND;
}

/* Listing. */

typedef struct page { /* one answer of a listing, as it is parsed */
    s3_store *s;
    weir_buf key, size, truncated, token;
    weir_buf *text; /* of the element at hand */
    bool in_entry, stopped;
    bool (*see)(void *self, weir_str key, uint64_t size);
    void *self;
} page;

static void page_start(void *self, const char *name, const char **attributes)
{
    page *p = self;
    (void)attributes;
    if (strcmp(name, "Contents") == 0) {
        p->in_entry = true;
        p->key.size = p->size.size = 0;
    }
    p->text = p->in_entry && strcmp(name, "Key") == 0                      ? &p->key
              : p->in_entry && strcmp(name, "Size") == 0                   ? &p->size
              : !p->in_entry && strcmp(name, "IsTruncated") == 0           ? &p->truncated
              : !p->in_entry && strcmp(name, "NextContinuationToken") == 0 ? &p->token
                                                                           : NULL;
}

static void page_text(void *self, const char *text, int size)
{
    page *p = self;
    if (p->text) {
        weir_buf_put(p->text, text, (size_t)size);
    }
}

static void page_end(void *self, const char *name)
{
    page *p = self;
    p->text = NULL;
    if (strcmp(name, "Contents") != 0) {
        return;
    }
    p->in_entry = false;
    weir_str key = weir_buf_view(&p->key), prefix = p->s->prefix;
    int64_t size = 0;
    weir_str_to_long(weir_buf_view(&p->size), &size);
    if (!p->stopped && key.size > prefix.size && memcmp(key.at, prefix.at, prefix.size) == 0) {
        p->stopped = !p->see(p->self, (weir_str){key.at + prefix.size, key.size - prefix.size},
                             size > 0 ? (uint64_t)size : 0);
    }
}

static bool parse_page(page *p, weir_str xml)
{
    XML_Parser parser = XML_ParserCreate(NULL);
    p->truncated.size = p->token.size = 0;
    XML_SetUserData(parser, p);
    XML_SetElementHandler(parser, page_start, page_end);
    XML_SetCharacterDataHandler(parser, page_text);
    bool ok = XML_Parse(parser, xml.at, (int)xml.size, 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    return ok;
}

/* Parameters in the order of their names, as they are signed. */
static bool list_page(s3_store *s, weir_str prefix, weir_str after, page *p, weir_error *err)
{
    weir_s3_param params[5];
    uint32_t n = 0;
    char most[16];
    snprintf(most, sizeof(most), "%d", LIST_PAGE);
    if (p->token.size) {
        params[n++] = (weir_s3_param){"continuation-token", weir_buf_view(&p->token)};
    }
    params[n++] = (weir_s3_param){"list-type", WEIR_STR("2")};
    params[n++] = (weir_s3_param){"max-keys", weir_str_of(most)};
    params[n++] = (weir_s3_param){"prefix", prefix};
    if (after.size && !p->token.size) {
        params[n++] = (weir_s3_param){"start-after", after};
    }
    weir_s3_request request = {.method = "GET", .param_count = n, .params = params, .hedged = true};
    weir_s3_reply reply;
    weir_buf xml = {0};
    perform(s, WEIR_S3_LIST, &request, &xml, &reply);
    bool ok = is_good(&reply) || fail(s, err, "list", prefix, &reply);
    if (ok && !parse_page(p, weir_buf_view(&xml))) {
        ok = weir_fail(err, WEIR_ERR_STORE, "store %.*s: the list of %.*s is no XML",
                       WEIR_STR_ARG(s->base.name), WEIR_STR_ARG(prefix));
    }
    weir_buf_done(&xml);
    return ok;
}

static bool list(weir_store *store, weir_str prefix, weir_str after,
                 bool (*see)(void *self, weir_str key, uint64_t size), void *self, weir_error *err)
{
    s3_store *s = (s3_store *)store;
    weir_arena *arena = weir_arena_new();
    weir_str whole = full_key(s, arena, prefix),
             whole_after = after.size ? full_key(s, arena, after) : (weir_str){0};
    page p = {.s = s, .see = see, .self = self};
    bool ok;
    do {
        ok = list_page(s, whole, whole_after, &p, err);
    } while (ok && !p.stopped && weir_str_is(weir_buf_view(&p.truncated), "true") &&
             p.token.size > 0);
    weir_buf_done(&p.key);
    weir_buf_done(&p.size);
    weir_buf_done(&p.truncated);
    weir_buf_done(&p.token);
    weir_arena_free(arena);
    return ok;
}

static bool remove_object(weir_store *store, weir_str key, weir_error *err)
{
    s3_store *s = (s3_store *)store;
    weir_arena *arena = weir_arena_new();
    weir_s3_request request = {.method = "DELETE", .key = full_key(s, arena, key)};
    weir_s3_reply reply;
    perform(s, WEIR_S3_DELETE, &request, NULL, &reply);
    weir_arena_free(arena);
    return is_good(&reply) || reply.status == 404 || fail(s, err, "delete", key, &reply);
}

/* Uploads that nobody will end. */

static bool list_uploads(s3_store *s, weir_str prefix, weir_arena *arena, weir_s3_uploads *found,
                         weir_error *err)
{
    weir_s3_param params[5];
    uint32_t n = 0;
    if (found->more) {
        params[n++] = (weir_s3_param){"key-marker", found->next_key};
    }
    params[n++] = (weir_s3_param){"prefix", prefix};
    if (found->more && found->next_id.size > 0) {
        params[n++] = (weir_s3_param){"upload-id-marker", found->next_id};
    }
    params[n++] = (weir_s3_param){"uploads", WEIR_STR("")};
    weir_s3_request request = {.method = "GET", .param_count = n, .params = params};
    weir_s3_reply reply;
    weir_buf xml = {0};
    perform(s, WEIR_S3_LIST, &request, &xml, &reply);
    bool ok = is_good(&reply) || fail(s, err, "list uploads of", prefix, &reply);
    if (ok && !weir_s3_uploads_read(weir_buf_view(&xml), arena, found)) {
        ok = weir_fail(err, WEIR_ERR_STORE, "store %.*s: the uploads of %.*s are no list",
                       WEIR_STR_ARG(s->base.name), WEIR_STR_ARG(prefix));
    }
    weir_buf_done(&xml);
    return ok;
}

static bool abort_one(s3_store *s, const weir_s3_upload *begun, weir_error *err)
{
    weir_s3_param params[] = {{"uploadId", begun->id}};
    weir_s3_request request = {
        .method = "DELETE", .key = begun->key, .param_count = 1, .params = params};
    weir_s3_reply reply;
    perform(s, WEIR_S3_MULTIPART, &request, NULL, &reply);
    return is_good(&reply) || reply.status == 404 || fail(s, err, "abort", begun->key, &reply);
}

static bool abort_uploads(weir_store *store, weir_str prefix,
                          bool (*which)(void *self, weir_str key), void *self, weir_error *err)
{
    s3_store *s = (s3_store *)store;
    weir_arena *arena = weir_arena_new();
    weir_str whole = full_key(s, arena, prefix);
    weir_s3_uploads found = {0};
    bool ok;
    do {
        ok = list_uploads(s, whole, arena, &found, err);
        for (size_t i = 0; ok && i < found.count; i++) {
            weir_str key = found.uploads[i].key;
            bool ours = weir_str_starts(key, whole);
            if (ours &&
                which(self, (weir_str){key.at + s->prefix.size, key.size - s->prefix.size})) {
                ok = abort_one(s, &found.uploads[i], err);
            }
        }
    } while (ok && found.more);
    weir_arena_free(arena);
    return ok;
}

/* Opening. */

static void free_store(weir_store *store)
{
    s3_store *s = (s3_store *)store;
    weir_s3_http_free(s->http);
    weir_s3_counts_done(&s->counts);
    weir_arena_free(s->arena);
}

static void cancel(weir_store *store)
{
    weir_s3_http_cancel(((s3_store *)store)->http);
}

static const weir_store_ops s3_ops = {.put_if_absent = put_if_absent,
                                      .put = put,
                                      .put_file = put_file,
                                      .get = get,
                                      .list = list,
                                      .remove = remove_object,
                                      .cancel = cancel,
                                      .abort_uploads = abort_uploads,
                                      .free = free_store};

/* "host[:port]" of an http(s) URL; a path is refused. */
static bool read_endpoint(weir_str url, weir_s3_endpoint *out, weir_error *err)
{
    weir_str http = WEIR_STR("http://"), https = WEIR_STR("https://");
    out->tls = weir_str_starts(url, https);
    if (!out->tls && !weir_str_starts(url, http)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "s3 endpoint '%.*s' must begin with http:// or https://",
                         WEIR_STR_ARG(url));
    }
    size_t from = out->tls ? https.size : http.size, to = url.size;
    while (to > from && url.at[to - 1] == '/') {
        to--;
    }
    out->host = (weir_str){url.at + from, to - from};
    if (out->host.size == 0 || memchr(out->host.at, '/', out->host.size)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "s3 endpoint '%.*s' must be http(s)://host[:port]", WEIR_STR_ARG(url));
    }
    return true;
}

static bool is_address(weir_str host)
{
    for (size_t i = 0; i < host.size; i++) {
        char c = host.at[i];
        if (!((c >= '0' && c <= '9') || c == '.' || c == ':' || c == '[' || c == ']')) {
            return weir_str_starts(host, WEIR_STR("localhost"));
        }
    }
    return true;
}

static bool read_url(weir_str url, weir_str *bucket, weir_str *prefix, weir_error *err)
{
    if (!weir_str_starts(url, WEIR_STR("s3://"))) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "store '%.*s' must be s3://bucket/prefix",
                         WEIR_STR_ARG(url));
    }
    weir_str rest = {url.at + 5, url.size - 5};
    const char *slash = memchr(rest.at, '/', rest.size);
    *bucket = (weir_str){rest.at, slash ? (size_t)(slash - rest.at) : rest.size};
    *prefix =
        slash ? (weir_str){slash + 1, (size_t)(rest.at + rest.size - slash - 1)} : (weir_str){0};
    while (prefix->size && prefix->at[prefix->size - 1] == '/') {
        prefix->size--;
    }
    return (bucket->size >= 3 && bucket->size <= 63) ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST,
                     "store '%.*s': a bucket's name has 3 to 63 characters", WEIR_STR_ARG(url));
}

weir_store *weir_store_s3_open(const weir_s3_options *options, weir_error *err)
{
    weir_s3_endpoint endpoint = {0};
    weir_str bucket = {0}, prefix = {0},
             region = options->region.size ? options->region : WEIR_STR("us-east-1");
    if (!read_url(options->url, &bucket, &prefix, err)) {
        return NULL;
    }
    if (!options->access_key.size || !options->secret_key.size) {
        weir_fail(err, WEIR_ERR_BAD_REQUEST,
                  "store %.*s: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                  "a credentials file",
                  WEIR_STR_ARG(options->url));
        return NULL;
    }
    weir_arena *arena = weir_arena_new();
    weir_str url =
        options->endpoint.size
            ? options->endpoint
            : weir_arena_printf(arena, "https://s3.%.*s.amazonaws.com", WEIR_STR_ARG(region));
    if (!read_endpoint(url, &endpoint, err)) {
        weir_arena_free(arena);
        return NULL;
    }
    endpoint.bucket = bucket;
    endpoint.path_style = options->path_style || is_address(endpoint.host);
    s3_store *s = WEIR_ARENA_NEW(arena, s3_store);
    s->arena = arena;
    s->clock = options->clock;
    weir_s3_counts_init(&s->counts);
    s->prefix =
        prefix.size ? weir_arena_printf(arena, "%.*s/", WEIR_STR_ARG(prefix)) : WEIR_STR("");
    s->base.ops = &s3_ops;
    s->base.name = weir_arena_printf(arena, "s3://%.*s%s%.*s", WEIR_STR_ARG(bucket),
                                     prefix.size ? "/" : "", WEIR_STR_ARG(prefix));
    s->http = weir_s3_http_new(&endpoint,
                               &(weir_s3_identity){options->access_key, options->secret_key,
                                                   options->session_token, region},
                               options->clock);
    return &s->base;
}

bool weir_store_is_s3(const weir_store *store)
{
    return store->ops == &s3_ops;
}

void weir_store_s3_stats(weir_store *store, weir_s3_stats *out)
{
    const weir_s3_counts *c = &((s3_store *)store)->counts;
    *out = (weir_s3_stats){.retries = c->retries,
                           .hedges = c->hedges,
                           .hedges_won = c->hedges_won,
                           .bytes_in = c->bytes_in,
                           .bytes_out = c->bytes_out};
    for (int k = 0; k < WEIR_S3_KINDS; k++) {
        uint64_t so_far = 0;
        for (int o = 0; o < WEIR_S3_OUTCOMES; o++) {
            out->requests[k][o] = c->requests[k][o];
        }
        for (int b = 0; b <= WEIR_S3_BOUNDS; b++) {
            so_far += c->within[k][b];
            out->within[k][b] = so_far;
        }
        out->us_sum[k] = c->us_sum[k];
    }
}

bool weir_store_s3_trouble(weir_store *store, int64_t *since_us, weir_error *err)
{
    weir_s3_counts *c = &((s3_store *)store)->counts;
    pthread_mutex_lock(&c->lock);
    *since_us = c->trouble_us;
    bool bad = c->trouble_us != 0;
    if (bad) {
        *err = c->trouble;
    }
    pthread_mutex_unlock(&c->lock);
    return bad;
}
