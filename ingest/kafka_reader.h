/* ingest/kafka_reader.h - a client beside the group's consumer that reads single records (anchors),
 * and the end of both. */
#ifndef INGEST_KAFKA_READER_H
#define INGEST_KAFKA_READER_H
#include "weir/error.h"
#include <librdkafka/rdkafka.h>
#include <stdbool.h>

typedef struct weir_kafka_reader { /* all zero: not made yet; one thread */
    rd_kafka_t *client;            /* outside of the group */
    rd_kafka_topic_t *topic;       /* the one that was read last */
    rd_kafka_message_t *message;   /* lent */
} weir_kafka_reader;

struct json_t;
/* The record at `offset`, lent until the next call; waits up to 5 s. NULL: none is there (err->code
 * is OK), or the broker did not give it (KAFKA). `properties`: the spec's, for the client. */
const rd_kafka_message_t *weir_kafka_read_one(weir_kafka_reader *reader,
                                              const struct json_t *properties, const char *topic,
                                              int32_t partition, int64_t offset, weir_error *err);
bool weir_kafka_is_out_of_range(rd_kafka_resp_err_t code);

/* Closes and frees a consumer, its queues and its reader. A consumer whose topic was deleted is
 * never done in librdkafka 2.0.2 (its issue 4362): it is waited for 2 s and then left to itself,
 * false. */
bool weir_kafka_end(rd_kafka_t *consumer, rd_kafka_queue_t *control, rd_kafka_queue_t *data,
                    weir_kafka_reader *reader);
#endif
