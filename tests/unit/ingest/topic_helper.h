/* tests/unit/ingest/topic_helper.h - a topic in memory behind weir_event_source: what a test says comes, in the order it says. The test and one consumer. */
#ifndef TOPIC_HELPER_H
#define TOPIC_HELPER_H
#include "ingest/job.h"
#include "ingest/source.h"

typedef struct topic topic;
topic *topic_new(int32_t partitions);
void topic_free(topic *t);
/* Appends a record; returns its offset. value NULL: a tombstone. */
int64_t topic_put(topic *t, int32_t partition, const char *value);
void topic_skip(topic *t, int32_t partition, int64_t count); /* control records, aborted transactions: offsets without records */
void topic_trim(topic *t, int32_t partition, int64_t low);   /* retention */
void topic_remake(topic *t);                                 /* deleted and made anew: empty */
/* The consumer group gives or takes all partitions; told at the next poll. */
void topic_assign(topic *t);
void topic_name_each(topic *t, const char *const *names); /* each partition is partition 0 of a topic of its own; before it is opened */
void topic_absent(topic *t, int32_t partition, bool yes); /* the broker does not know it */
void topic_grow(topic *t, int32_t partitions); /* more of them, all assigned anew */
void topic_revoke(topic *t);
void topic_lose(topic *t);
void topic_unreachable(topic *t, bool yes); /* questions fail */
weir_event_source *topic_open(void *self, const weir_source_options *options, weir_error *err); /* weir_source_open; self: the topic */
uint32_t topic_opened(const topic *t);  /* sources open now */
int64_t topic_stored(const topic *t, int32_t partition); /* as by store_offsets; -1: never */

/* Jobs that run when they are started: for tests of one thread. */
extern const weir_jobs topic_jobs_at_once;
/* Jobs that run when the test says so. */
typedef struct held_jobs { weir_job *jobs[16]; int count; } held_jobs;
weir_jobs topic_jobs_held(held_jobs *held);
void held_jobs_run(held_jobs *held); /* to their ends */
#endif
