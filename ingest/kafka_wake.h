/* ingest/kafka_wake.h - a consumer whose queue was full fetches again as soon as there is room, and
 * one that begins fetches at once. librdkafka 2.0.2 looks at queues and at new partitions when its
 * broker thread wakes up, and where nothing is being fetched that may be a second later: so a
 * consumer that is far behind would get one queue a second, and a start takes a second now and
 * then. A small question to the partitions' leaders (where do they end?) wakes those threads; its
 * answer is not waited for. */
#ifndef INGEST_KAFKA_WAKE_H
#define INGEST_KAFKA_WAKE_H
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct weir_kafka_wake {
    int64_t full_messages, full_bytes; /* beyond either nothing is fetched */
    int64_t peak;                      /* the most that waited since the last time */
    int64_t since_us;                  /* monotonic: of that time */
    int64_t begun_us;                  /* monotonic: of the assignment */
    uint32_t begun_asked;              /* times since then */
    uint32_t next;                     /* of the partitions: those that are asked next */
} weir_kafka_wake;

void weir_kafka_wake_init(weir_kafka_wake *wake, rd_kafka_conf_t *conf);
/* After messages were taken from the queue, so many with so many bytes, and `left` are left: true
 * when it was about full and is half empty now. */
bool weir_kafka_wake_due(weir_kafka_wake *wake, int64_t taken, int64_t bytes, int64_t left,
                         int64_t now_us);
/* Partitions were assigned; from then on true 10, 20, 40 ... 640 ms later. */
void weir_kafka_wake_begin(weir_kafka_wake *wake, int64_t now_us);
bool weir_kafka_wake_begun_due(weir_kafka_wake *wake, int64_t now_us);
/* The partitions to be asked next, of so many: at most 8 from *first on, around the end. */
uint32_t weir_kafka_wake_next(weir_kafka_wake *wake, uint32_t count, uint32_t *first);
/* Asks; takes 2 ms at most. */
void weir_kafka_wake_ask(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *of);
#endif
