/* query/answer.h - one answer under way: bytes on their way from the run's sink to the web, with room for 256 KiB in flight.
 * Shared by the engine (which fills) and the web (which takes); the lock guards what both touch. */
#ifndef QUERY_ANSWER_H
#define QUERY_ANSWER_H
#include <pthread.h>
#include "query/native.h"
#include "query/result_memo.h"
#include "query/run.h"
#include "weir/query.h"

#define WEIR_ANSWER_HEAD_BYTES (64u << 10)  /* nothing is given before so much is there, or the end */
#define WEIR_ANSWER_FLIGHT_BYTES (256u << 10)
#define WEIR_ANSWER_KEEP_BYTES (1u << 20)   /* larger answers are not kept */

struct weir_answer {
    _Atomic uint32_t refs;
    weir_engine *engine;
    struct weir_answer *before, *after; /* in the engine's list, under its lock */
    int64_t start_us;
    bool pretty, refused; /* refused: too many wait already */
    struct weir_lane_rule *lane; /* that it takes a place of; under the engine's lock */
    weir_str body, remote, if_none_match, query_id, type; /* owned */
    weir_ctl ctl;

    pthread_mutex_t lock; /* guards down to the empty line */
    weir_buf pending;
    bool open;        /* bytes may be taken: 64 KiB came together, or the end */
    bool ended, wake_wanted, run_waits;
    bool broken;      /* failed after bytes were given */
    weir_error error; /* code WEIR_OK: none */
    bool not_modified; /* the client has this answer already */
    char etag[33];
    weir_query_run *run;
    uint32_t runs; /* that have ended */
    weir_answer_wake wake;

    /* Of whoever runs the query: one thread at a time. */
    weir_arena *arena;
    weir_native_query *native;
    weir_native_writer *writer;
    weir_view **views;      /* held */
    weir_view **seen;       /* what the query sees of them */
    uint32_t view_count;
    struct weir_by_segment *segments; /* one run each; NULL: one run over all */
    uint64_t row_count;     /* of the runs before */
    weir_buf context;       /* X-Druid-Response-Context; empty: {} */
    size_t given_bytes;     /* written so far */
    size_t flight_bytes;    /* that may wait for the client */
    weir_buf fresh; /* what the writer appends to */
    weir_memo_key key; /* of the whole answer */
    bool again;        /* it runs for the second time, as a segment was gone */
    weir_error failed; /* why the first one ended */
    bool keep;         /* put what is written into the memo of answers at the end */
    weir_buf kept;     /* what was flushed of it */
};

weir_answer *weir_answer_new(weir_engine *engine, const weir_request *request, weir_answer_wake wake);
/* Moves fresh bytes to where the web takes them. */
void weir_answer_flush(weir_answer *answer);
bool weir_answer_has_room(weir_answer *answer);
/* The last call of the engine's side: `err` NULL or OK for a whole answer. */
void weir_answer_end(weir_answer *answer, const weir_error *err);
/* The run exists from now on, the one after `runs` others; it may have ended already. */
void weir_answer_started(weir_answer *answer, weir_query_run *run, uint32_t runs);
/* A run ended and another one may follow. */
void weir_answer_run_ended(weir_answer *answer);
/* The run ended, nothing was given yet, and it was the first one. */
bool weir_answer_may_start_again(weir_answer *answer);
void weir_answer_start_again(weir_answer *answer); /* forgets what was written */
/* Makes a waiting run look at its ctl, or at the room. */
void weir_answer_poke(weir_answer *answer);
#endif
