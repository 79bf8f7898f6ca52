/* segments/s3_stats.h - what an S3 store counts of its requests, and the trouble that lasts. */
#ifndef SEGMENTS_S3_STATS_H
#define SEGMENTS_S3_STATS_H
#include "segments/s3_http.h"
#include "weir/store_s3.h"
#include <pthread.h>
#include <stdatomic.h>

typedef struct weir_s3_counts { /* any thread */
    _Atomic uint64_t requests[WEIR_S3_KINDS][WEIR_S3_OUTCOMES];
    _Atomic uint64_t within[WEIR_S3_KINDS][WEIR_S3_BOUNDS + 1], us_sum[WEIR_S3_KINDS];
    _Atomic uint64_t retries, hedges, hedges_won, bytes_in, bytes_out;
    pthread_mutex_t lock; /* of all below */
    int64_t trouble_us;   /* since when; 0: none */
    weir_error trouble;
} weir_s3_counts;

void weir_s3_counts_init(weir_s3_counts *counts);
void weir_s3_counts_done(weir_s3_counts *counts);
/* One request and its reply; bytes: of the body that came, and that went. `what`: for the trouble.
 */
void weir_s3_count(weir_s3_counts *counts, weir_s3_kind kind, const weir_s3_reply *reply,
                   uint64_t bytes_in, uint64_t bytes_out, weir_str what);
weir_s3_outcome weir_s3_outcome_of(const weir_s3_reply *reply);
#endif
