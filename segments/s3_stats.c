/* segments/s3_stats.c - see segments/s3_stats.h. */
#include "segments/s3_stats.h"

const double weir_s3_bounds_s[WEIR_S3_BOUNDS] = {.002, .005, .01, .025, .05, .1,
                                                 .25,  .5,   1,   2.5,  5,   10};
const char *const weir_s3_kind_names[WEIR_S3_KINDS] = {
    [WEIR_S3_GET] = "get",   [WEIR_S3_LIST] = "list",           [WEIR_S3_PUT] = "put",
    [WEIR_S3_PART] = "part", [WEIR_S3_MULTIPART] = "multipart", [WEIR_S3_DELETE] = "delete"};
const char *const weir_s3_outcome_names[WEIR_S3_OUTCOMES] = {
    [WEIR_S3_OK] = "ok",
    [WEIR_S3_NONE] = "none",
    [WEIR_S3_EXISTS] = "exists",
    [WEIR_S3_REFUSED] = "refused",
    [WEIR_S3_BUSY] = "busy",
    [WEIR_S3_SERVER_ERROR] = "server_error",
    [WEIR_S3_TIMEOUT] = "timeout",
    [WEIR_S3_CUT_OFF] = "cut_off",
    [WEIR_S3_NO_CONNECTION] = "no_connection",
    [WEIR_S3_ENDED] = "ended"};

void weir_s3_counts_init(weir_s3_counts *counts)
{
    pthread_mutex_init(&counts->lock, NULL);
}

void weir_s3_counts_done(weir_s3_counts *counts)
{
    pthread_mutex_destroy(&counts->lock);
}

static weir_s3_outcome outcome_of_status(long status)
{
    if (status >= 200 && status < 300) {
        return WEIR_S3_OK;
    }
    if (status == 404 || status == 412) {
        return status == 404 ? WEIR_S3_NONE : WEIR_S3_EXISTS;
    }
    if (status == 409 || status == 429 || status == 503) {
        return WEIR_S3_BUSY;
    }
    return status >= 500 ? WEIR_S3_SERVER_ERROR : WEIR_S3_REFUSED;
}

weir_s3_outcome weir_s3_outcome_of(const weir_s3_reply *reply)
{
    switch (reply->end) {
    case WEIR_S3_ANSWERED:
        return outcome_of_status(reply->status);
    case WEIR_S3_UNREACHABLE:
        return WEIR_S3_NO_CONNECTION;
    case WEIR_S3_TIMED_OUT:
        return WEIR_S3_TIMEOUT;
    case WEIR_S3_CUT:
        return WEIR_S3_CUT_OFF;
    case WEIR_S3_CANCELLED:
        return WEIR_S3_ENDED;
    }
    return WEIR_S3_REFUSED;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* A bucket that is not there is trouble; an object that is not there is an answer. */
static bool is_trouble(weir_s3_outcome outcome, const weir_s3_reply *reply)
{
    return outcome > WEIR_S3_EXISTS ||
           (outcome == WEIR_S3_NONE && strcmp(reply->problem, "NoSuchBucket") == 0);
}

static void note_trouble(weir_s3_counts *counts, bool bad, const weir_s3_reply *reply,
                         weir_str what)
{
    int64_t now_us = weir_monotonic_us(&weir_clock_system);
    pthread_mutex_lock(&counts->lock);
    if (!bad) {
        counts->trouble_us = 0;
    } else {
        counts->trouble_us = counts->trouble_us ? counts->trouble_us : now_us;
        weir_fail(&counts->trouble, WEIR_ERR_STORE, "%.*s: %ld %s", WEIR_STR_ARG(what),
                  reply->status,
                  reply->problem[0] ? reply->problem
                  : reply->status   ? "without a reason"
                                    : "no answer");
    }
    pthread_mutex_unlock(&counts->lock);
}

void weir_s3_count(weir_s3_counts *counts, weir_s3_kind kind, const weir_s3_reply *reply,
                   uint64_t bytes_in, uint64_t bytes_out, weir_str what)
{
    weir_s3_outcome outcome = weir_s3_outcome_of(reply);
    int bound = 0;
    while (bound < WEIR_S3_BOUNDS && (double)reply->took_us / 1e6 > weir_s3_bounds_s[bound]) {
        bound++;
    }
    add(&counts->requests[kind][outcome], 1);
    add(&counts->within[kind][bound], 1);
    add(&counts->us_sum[kind], (uint64_t)reply->took_us);
    add(&counts->bytes_in, bytes_in);
    add(&counts->bytes_out, bytes_out);
    if (reply->hedges > 0) {
        add(&counts->hedges, reply->hedges);
        add(&counts->hedges_won, reply->hedge_won);
    }
    if (outcome != WEIR_S3_ENDED) {
        note_trouble(counts, is_trouble(outcome, reply), reply, what);
    }
}
