/* ingest/kafka_topics.h - the topics of one consumer: one by its name, or all that match a pattern; and the numbers by which their partitions
 * are told apart (ingest/source.h). The consumer's thread. */
#ifndef INGEST_KAFKA_TOPICS_H
#define INGEST_KAFKA_TOPICS_H
#include "ingest/source.h"
#include <librdkafka/rdkafka.h>

typedef struct weir_kafka_topics weir_kafka_topics;
/* NULL: the pattern is no regular expression. */
weir_kafka_topics *weir_kafka_topics_new(weir_str topic, bool is_pattern, weir_error *err);
void weir_kafka_topics_free(weir_kafka_topics *topics);
const char *weir_kafka_topics_text(const weir_kafka_topics *topics); /* the topic or the pattern, for errors and lists of one */

/* With one topic the partition's own number; with a pattern they count as they are first seen. -1: not of these topics. */
int32_t weir_kafka_topics_number(weir_kafka_topics *topics, weir_str topic, int32_t partition);
weir_topic_partition weir_kafka_topics_name(const weir_kafka_topics *topics, int32_t number);
const char *weir_kafka_topics_topic(const weir_kafka_topics *topics, int32_t number); /* its name, with a 0 at the end */

/* Which topics match now, asked of the broker. *changed: others than before (the first answer always is). A topic is dropped when it was missing
 * twice. Internal topics ("__...") match only a pattern that begins with "__". */
bool weir_kafka_topics_discover(weir_kafka_topics *topics, rd_kafka_t *client, int wait_ms, bool *changed, weir_error *err);
uint32_t weir_kafka_topics_found(const weir_kafka_topics *topics); /* 1 where it is no pattern */
uint32_t weir_kafka_topics_partitions(const weir_kafka_topics *topics); /* of all that were found */
rd_kafka_topic_partition_list_t *weir_kafka_topics_list(const weir_kafka_topics *topics); /* to subscribe; the caller destroys */
#endif
