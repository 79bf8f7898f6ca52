/* web/server.c - h2o start and stop, and the way of a request: to its route on the loop, to the pool and back, or into a stream. */
#include "web/stream.h"
#include "weir/log.h"
#include "weir/pool.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_MAX_BODY (16u << 20)
#define SLOW_THREADS 4
#define STOP_WAIT_MS 2000
#define IDLE_MS 300000 /* a keep-alive connection without a request; Druid's default */

struct weir_server {
    weir_server_options doors;
    h2o_globalconf_t config;
    weir_pool *slow;
    uint16_t port;
    uint32_t loop_count;
    weir_loop loops[];
};

typedef struct handler {
    h2o_handler_t super;
    weir_server *server;
} handler;

/* A call that runs on the pool. */
typedef struct job {
    weir_message message;
    weir_loop *loop;
    h2o_req_t *req; /* NULL: the client has gone */
    struct job **guard; /* in the request's memory; points back here */
    const weir_route *route;
    weir_call call;
} job;

/* h2o contexts cannot be disposed while a keep-alive connection exists; ended servers stay reachable here until the process ends. */
static weir_server *ended_servers[64];
static _Atomic uint32_t ended_count;

static weir_str str_of(h2o_iovec_t v)
{
    return (weir_str){v.base, v.len};
}

static void send_reply(h2o_req_t *req, weir_call *call)
{
    static h2o_generator_t generator;
    req->res.status = call->status;
    req->res.reason = call->status < 300 ? "OK" : "Error";
    req->res.content_length = call->out.size;
    if (call->out.size > 0) {
        h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, call->reply_type, strlen(call->reply_type));
    }
    if (call->allow) {
        h2o_iovec_t allow = h2o_strdup(&req->pool, call->allow, SIZE_MAX);
        h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("allow"), 0, NULL, allow.base, allow.len);
    }
    bool head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    h2o_iovec_t body = h2o_strdup(&req->pool, call->out.at, head ? 0 : call->out.size);
    h2o_start_response(req, &generator);
    h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
}

static weir_str remote_of(h2o_req_t *req, weir_arena *arena)
{
    struct sockaddr_storage address;
    char text[NI_MAXHOST];
    socklen_t size = req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&address);
    if (size == 0 || getnameinfo((struct sockaddr *)&address, size, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0) {
        return WEIR_STR("");
    }
    return weir_arena_str(arena, weir_str_of(text));
}

static weir_str header(h2o_req_t *req, const h2o_token_t *token)
{
    ssize_t at = h2o_find_header(&req->headers, token, -1);
    return at == -1 ? WEIR_STR("") : str_of(req->headers.entries[at].value);
}

static weir_str header_named(h2o_req_t *req, const char *name)
{
    ssize_t at = h2o_find_header_by_str(&req->headers, name, strlen(name), -1);
    return at == -1 ? WEIR_STR("") : str_of(req->headers.entries[at].value);
}

static void fill_call(weir_call *call, weir_server *server, h2o_req_t *req)
{
    weir_str path = str_of(req->path);
    *call = (weir_call){.doors = &server->doors, .status = 200, .reply_type = "application/json", .arena = weir_arena_new()};
    if (req->query_at != SIZE_MAX) {
        call->query = (weir_str){path.at + req->query_at + 1, path.size - req->query_at - 1};
        path.size = req->query_at;
    }
    while (path.size > 1 && path.at[path.size - 1] == '/') {
        path.size--;
    }
    call->method = str_of(req->method);
    call->path = path;
    call->body = str_of(req->entity);
    call->content_type = header(req, H2O_TOKEN_CONTENT_TYPE);
    call->if_none_match = header(req, H2O_TOKEN_IF_NONE_MATCH);
    call->author = header_named(req, "x-druid-author");
    call->comment = header_named(req, "x-druid-comment");
    call->remote = remote_of(req, call->arena);
}

static void done_call(weir_call *call)
{
    weir_buf_done(&call->out);
    weir_arena_free(call->arena);
}

static void on_job_gone(void *guard)
{
    job *j = *(job **)guard;
    if (j) {
        j->req = NULL;
    }
}

/* Back on the loop. */
static void on_job_done(weir_message *message)
{
    job *j = (job *)message;
    if (j->req) {
        *j->guard = NULL;
        send_reply(j->req, &j->call);
    }
    j->loop->busy--;
    done_call(&j->call);
    free(j);
}

static void run_job(void *self)
{
    job *j = self;
    j->route->run(&j->call);
    h2o_multithread_send_message(&j->loop->receiver, &j->message.super);
}

/* The job outlives the request's memory: it keeps copies. Its guard forgets it once the reply is on its way. */
static void submit_job(weir_loop *loop, h2o_req_t *req, const weir_route *route, const weir_call *call)
{
    job *j = weir_calloc(1, sizeof(*j));
    *j = (job){.message = {.receive = on_job_done}, .loop = loop, .req = req, .route = route, .call = *call};
    j->call.method = weir_arena_str(call->arena, call->method);
    j->call.path = weir_arena_str(call->arena, call->path);
    j->call.query = weir_arena_str(call->arena, call->query);
    j->call.body = weir_arena_str(call->arena, call->body);
    j->call.content_type = weir_arena_str(call->arena, call->content_type);
    j->call.author = weir_arena_str(call->arena, call->author);
    j->call.comment = weir_arena_str(call->arena, call->comment);
    j->guard = h2o_mem_alloc_shared(&req->pool, sizeof(*j->guard), on_job_gone);
    *j->guard = j;
    loop->busy++;
    weir_pool_submit(loop->server->slow, run_job, j);
}

static weir_loop *loop_of(weir_server *server, h2o_req_t *req)
{
    for (uint32_t i = 0; i < server->loop_count; i++) {
        if (&server->loops[i].context == req->conn->ctx) {
            return &server->loops[i];
        }
    }
    return &server->loops[0];
}

static int on_request(h2o_handler_t *self, h2o_req_t *req)
{
    weir_server *server = ((handler *)self)->server;
    weir_loop *loop = loop_of(server, req);
    weir_call call;
    fill_call(&call, server, req);
    const weir_route *route = weir_route_find(&call);
    if (route && route->kind == WEIR_ROUTE_SLOW) {
        submit_job(loop, req, route, &call);
        return 0;
    }
    if (route && route->kind == WEIR_ROUTE_QUERY && weir_call_is_json(&call)) {
        weir_stream_start(loop, req, &call);
        done_call(&call);
        return 0;
    }
    if (route && route->kind == WEIR_ROUTE_QUERY) {
        call.status = 415;
    } else if (route) {
        route->run(&call);
    }
    send_reply(req, &call);
    done_call(&call);
    return 0;
}

static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver;
    while (!h2o_linklist_is_empty(messages)) {
        h2o_multithread_message_t *m = H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, messages->next);
        h2o_linklist_unlink(&m->link);
        weir_message *message = H2O_STRUCT_FROM_MEMBER(weir_message, super, m);
        message->receive(message);
    }
}

static void on_accept(h2o_socket_t *listener, const char *err)
{
    weir_loop *loop = listener->data;
    h2o_socket_t *socket;
    while (!err && (socket = h2o_evloop_socket_accept(listener)) != NULL) {
        h2o_accept(&loop->accept, socket);
    }
}

static void *run_loop(void *self)
{
    weir_loop *loop = self;
    int64_t stop_at_us = 0;
    for (;;) {
        h2o_evloop_run(loop->context.loop, loop->stopping ? 20 : 1000);
        if (loop->stopping && !stop_at_us) {
            stop_at_us = weir_monotonic_us(&weir_clock_system) + STOP_WAIT_MS * 1000;
        }
        if (loop->stopping && (loop->busy == 0 || weir_monotonic_us(&weir_clock_system) > stop_at_us)) {
            return NULL;
        }
    }
}

typedef struct stop_message {
    weir_message message;
    weir_loop *loop;
} stop_message;

static void on_stop(weir_message *message)
{
    stop_message *stop = (stop_message *)message;
    h2o_socket_read_stop(stop->loop->listener);
    h2o_socket_close(stop->loop->listener);
    stop->loop->stopping = true;
    free(stop);
}

/* "host:port", "[::1]:port". */
static bool open_listener(weir_str listen_at, uint16_t *port, int *out, weir_error *err)
{
    char host[256], service[16];
    const char *colon = listen_at.size ? memrchr(listen_at.at, ':', listen_at.size) : NULL;
    size_t host_size = colon ? (size_t)(colon - listen_at.at) : 0;
    size_t port_size = colon ? listen_at.size - host_size - 1 : 0;
    int64_t number = 0;
    if (!colon || host_size >= sizeof(host) || port_size == 0 || port_size >= sizeof(service)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "listen: '%.*s' is not HOST:PORT", WEIR_STR_ARG(listen_at));
    }
    if (!weir_str_to_long((weir_str){colon + 1, port_size}, &number) || number < 0 || number > UINT16_MAX) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "listen: '%.*s': the port must be a number between 0 and 65535", WEIR_STR_ARG(listen_at));
    }
    bool brackets = host_size > 1 && listen_at.at[0] == '[' && listen_at.at[host_size - 1] == ']';
    snprintf(host, sizeof(host), "%.*s", (int)(host_size - (brackets ? 2 : 0)), listen_at.at + brackets);
    snprintf(service, sizeof(service), "%.*s", (int)port_size, colon + 1);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
    int why = getaddrinfo(host[0] ? host : NULL, service, &hints, &found);
    if (why != 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "listen: '%.*s': %s", WEIR_STR_ARG(listen_at), gai_strerror(why));
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool ok = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 1024) == 0;
    freeaddrinfo(found);
    if (!ok) {
        weir_fail(err, WEIR_ERR_STORE, "cannot listen on %.*s: %s", WEIR_STR_ARG(listen_at), strerror(errno));
        close(fd);
        return false;
    }
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    getsockname(fd, (struct sockaddr *)&bound, &size);
    *port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port);
    *out = fd;
    return true;
}

static void start_loop(weir_server *server, weir_loop *loop, int fd)
{
    loop->server = server;
    h2o_context_init(&loop->context, h2o_evloop_create(), &server->config);
    loop->accept = (h2o_accept_ctx_t){.ctx = &loop->context, .hosts = server->config.hosts};
    h2o_multithread_register_receiver(loop->context.queue, &loop->receiver, on_messages);
    loop->listener = h2o_evloop_socket_create(loop->context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    loop->listener->data = loop;
    h2o_socket_read_start(loop->listener, on_accept);
    if (pthread_create(&loop->thread, NULL, run_loop, loop) != 0) {
        weir_die("cannot start a web thread");
    }
    pthread_setname_np(loop->thread, "web");
}

weir_server *weir_server_start(const weir_server_options *options, weir_error *err)
{
    int fd;
    uint16_t port = 0;
    if (!open_listener(options->listen, &port, &fd, err)) {
        return NULL;
    }
    /* One loop: parsing and replying cost a few microseconds; the workers are where the work is. */
    weir_server *server = weir_calloc(1, sizeof(*server) + sizeof(weir_loop));
    server->doors = *options;
    server->loop_count = 1;
    server->port = port;
    server->slow = weir_pool_new("api", SLOW_THREADS);
    h2o_config_init(&server->config);
    server->config.server_name = h2o_iovec_init(H2O_STRLIT("weir"));
    server->config.max_request_entity_size = options->max_body_bytes ? options->max_body_bytes : DEFAULT_MAX_BODY;
    server->config.http1.req_timeout = IDLE_MS;
    h2o_hostconf_t *host = h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    handler *h = (handler *)h2o_create_handler(path, sizeof(*h));
    h->super.on_req = on_request;
    h->server = server;
    if (options->listening) {
        options->listening(options->self);
    }
    start_loop(server, &server->loops[0], fd);
    return server;
}

uint16_t weir_server_port(const weir_server *server)
{
    return server->port;
}

void weir_server_stop(weir_server *server)
{
    for (uint32_t i = 0; i < server->loop_count; i++) {
        stop_message *stop = weir_calloc(1, sizeof(*stop));
        stop->message.receive = on_stop;
        stop->loop = &server->loops[i];
        h2o_multithread_send_message(&server->loops[i].receiver, &stop->message.super);
    }
    for (uint32_t i = 0; i < server->loop_count; i++) {
        pthread_join(server->loops[i].thread, NULL);
    }
    weir_pool_free(server->slow);
    ended_servers[atomic_fetch_add(&ended_count, 1) % 64] = server;
}
