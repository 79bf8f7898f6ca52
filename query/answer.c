/* query/answer.c - see answer.h. Callbacks are made without the lock, but for weir_run_resume: the run cannot end while it is called. */
#include "query/answer.h"
#include <stdlib.h>

weir_answer *weir_answer_new(weir_engine *engine, const weir_request *request, weir_answer_wake wake)
{
    weir_answer *answer = weir_calloc(1, sizeof(*answer));
    answer->refs = 2; /* the web's and the engine's */
    answer->engine = engine;
    answer->pretty = request->pretty;
    answer->body = weir_str_dup(request->body);
    answer->remote = weir_str_dup(request->remote);
    answer->if_none_match = weir_str_dup(request->if_none_match);
    answer->query_id = weir_str_dup(request->query_id);
    answer->wake = wake;
    answer->wake_wanted = true;
    answer->flight_bytes = WEIR_ANSWER_FLIGHT_BYTES;
    answer->arena = weir_arena_new();
    pthread_mutex_init(&answer->lock, NULL);
    return answer;
}

void weir_answer_unref(weir_answer *answer)
{
    if (atomic_fetch_sub(&answer->refs, 1) > 1) {
        return;
    }
    free((void *)answer->body.at);
    free((void *)answer->remote.at);
    free((void *)answer->if_none_match.at);
    free((void *)answer->query_id.at);
    weir_buf_done(&answer->kept);
    weir_buf_done(&answer->context);
    weir_buf_done(&answer->pending);
    weir_buf_done(&answer->fresh);
    weir_arena_free(answer->arena);
    pthread_mutex_destroy(&answer->lock);
    free(answer);
}

/* Lock held on entry, not on return. */
static void wake_and_unlock(weir_answer *answer)
{
    bool wake = answer->wake_wanted && answer->open;
    answer->wake_wanted = answer->wake_wanted && !wake;
    pthread_mutex_unlock(&answer->lock);
    if (wake) {
        answer->wake.call(answer->wake.self);
    }
}

void weir_answer_flush(weir_answer *answer)
{
    if (answer->keep && answer->kept.size + answer->fresh.size > WEIR_ANSWER_KEEP_BYTES) {
        answer->keep = false;
        weir_buf_done(&answer->kept);
    } else if (answer->keep) {
        weir_buf_str(&answer->kept, weir_buf_view(&answer->fresh));
    }
    pthread_mutex_lock(&answer->lock);
    weir_buf_str(&answer->pending, weir_buf_view(&answer->fresh));
    answer->given_bytes += answer->fresh.size;
    answer->fresh.size = 0;
    answer->open = answer->open || answer->pending.size >= WEIR_ANSWER_HEAD_BYTES;
    wake_and_unlock(answer);
}

bool weir_answer_has_room(weir_answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    bool room = answer->pending.size < answer->flight_bytes;
    answer->run_waits = !room;
    pthread_mutex_unlock(&answer->lock);
    return room;
}

void weir_answer_end(weir_answer *answer, const weir_error *err)
{
    bool failed = err && err->code != WEIR_OK;
    pthread_mutex_lock(&answer->lock);
    if (!failed) {
        weir_buf_str(&answer->pending, weir_buf_view(&answer->fresh));
    } else {
        answer->error = *err;
        answer->broken = answer->open;
        if (!answer->open) { /* nothing was given: the error is the answer */
            answer->pending.size = 0;
            weir_error_body(err, answer->remote, &answer->pending);
        }
    }
    answer->run = NULL;
    answer->ended = true;
    answer->open = true;
    wake_and_unlock(answer);
}

void weir_answer_run_ended(weir_answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    answer->run = NULL;
    answer->runs++;
    pthread_mutex_unlock(&answer->lock);
}

bool weir_answer_may_start_again(weir_answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    bool may = !answer->open && !answer->again;
    if (may) {
        answer->again = true;
        answer->run = NULL;
        answer->runs++;
    }
    pthread_mutex_unlock(&answer->lock);
    return may;
}

void weir_answer_start_again(weir_answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    answer->pending.size = 0;
    pthread_mutex_unlock(&answer->lock);
    answer->fresh.size = answer->kept.size = answer->context.size = 0;
    answer->given_bytes = 0;
    answer->row_count = 0;
    answer->keep = false;
    answer->etag[0] = 0;
    answer->segments = NULL;
    answer->native = NULL;
    answer->views = answer->seen = NULL;
    weir_arena_free(answer->arena);
    answer->arena = weir_arena_new();
}

void weir_answer_started(weir_answer *answer, weir_query_run *run, uint32_t runs)
{
    pthread_mutex_lock(&answer->lock);
    if (!answer->ended && answer->runs == runs) {
        answer->run = run;
        weir_run_resume(run);
    }
    pthread_mutex_unlock(&answer->lock);
}

void weir_answer_poke(weir_answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    if (answer->run) {
        weir_run_resume(answer->run);
    }
    pthread_mutex_unlock(&answer->lock);
}

weir_answer_state weir_answer_take(weir_answer *answer, weir_buf *out, weir_error *broken)
{
    pthread_mutex_lock(&answer->lock);
    if (!answer->open || (answer->pending.size == 0 && !answer->ended)) {
        answer->wake_wanted = true;
        pthread_mutex_unlock(&answer->lock);
        return WEIR_ANSWER_WAIT;
    }
    weir_buf_str(out, weir_buf_view(&answer->pending));
    answer->pending.size = 0;
    if (answer->run && answer->run_waits) {
        answer->run_waits = false;
        weir_run_resume(answer->run);
    }
    weir_answer_state state = !answer->ended    ? WEIR_ANSWER_MORE
                              : !answer->broken ? WEIR_ANSWER_DONE
                                                : WEIR_ANSWER_BROKEN;
    if (state == WEIR_ANSWER_BROKEN) {
        *broken = answer->error;
    }
    pthread_mutex_unlock(&answer->lock);
    return state;
}

int weir_answer_status(weir_answer *answer)
{
    pthread_mutex_lock(&answer->lock); /* a run whose first bytes were taken may fail right now */
    int status = answer->not_modified ? 304 : answer->broken ? 200 : weir_err_status(answer->error.code);
    pthread_mutex_unlock(&answer->lock);
    return status;
}

weir_str weir_answer_query_id(const weir_answer *answer)
{
    return answer->query_id;
}

const char *weir_answer_etag(weir_answer *answer)
{
    pthread_mutex_lock(&answer->lock);
    bool failed = answer->error.code != WEIR_OK && !answer->broken;
    pthread_mutex_unlock(&answer->lock);
    return failed ? "" : answer->etag;
}

weir_str weir_answer_context(const weir_answer *answer)
{
    return answer->context.size ? weir_buf_view(&answer->context) : WEIR_STR("{}");
}

weir_str weir_answer_type(const weir_answer *answer)
{
    return answer->type;
}

void weir_answer_cancel(weir_answer *answer)
{
    weir_ctl_cancel(&answer->ctl);
    weir_answer_poke(answer);
}
