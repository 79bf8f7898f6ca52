/* include/weir/server.h - HTTP: h2o loops that parse and reply; queries run on the engine's workers. */
#ifndef WEIR_SERVER_H
#define WEIR_SERVER_H
#include "weir/coordinator.h"
#include "weir/lookups.h"
#include "weir/settings.h"
#include "weir/query.h"
#include "weir/tasks.h"

typedef struct weir_server weir_server;
typedef struct weir_server_options {
    weir_str listen;        /* "127.0.0.1:8888"; port 0: any */
    weir_str node;          /* advertised host:port */
    weir_engine *engine;    /* borrowed, as all below */
    weir_ingest *ingest;
    weir_tasks *tasks;
    weir_lookups *lookups;
    weir_coordinator *coordinator;
    weir_settings *settings;
    weir_catalog *catalog;
    const weir_clock *clock;
    size_t max_body_bytes;  /* 0: 16 MiB */
    void (*metrics)(void *self, weir_buf *out); /* more Prometheus lines (the demo's), or NULL */
    void (*listening)(void *self); /* the address is ours, nothing is answered yet; or NULL */
    void *self;
} weir_server_options;
/* Listens and serves on threads of its own. */
weir_server *weir_server_start(const weir_server_options *options, weir_error *err);
uint16_t weir_server_port(const weir_server *server);
void weir_server_stop(weir_server *server); /* closes listeners, lets answers under way end within 2 s, frees */
#endif
