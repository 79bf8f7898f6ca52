/* web/stream.h - a query's answer on its way out: chunks as they come, gzip if asked, Druid's trailer at the end. Loop thread only. */
#ifndef WEB_STREAM_H
#define WEB_STREAM_H
#include <h2o.h>
#include "web/http.h"

typedef struct weir_loop { /* one h2o event loop and its thread */
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_multithread_receiver_t receiver; /* messages: every one begins with a weir_message */
    h2o_socket_t *listener;
    pthread_t thread;
    uint32_t busy; /* calls and streams not yet ended */
    bool stopping;
    struct weir_server *server;
} weir_loop;

typedef struct weir_message {
    h2o_multithread_message_t super;
    void (*receive)(struct weir_message *message); /* on the loop's thread */
} weir_message;

/* Answers `req` with the query in its body. */
void weir_stream_start(weir_loop *loop, h2o_req_t *req, weir_call *call);
#endif
