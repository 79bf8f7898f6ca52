/* ingest/kafka.h - what consumers of Kafka share: how properties that a user gives become
 * librdkafka's configuration. */
#ifndef INGEST_KAFKA_H
#define INGEST_KAFKA_H
#include "ingest/source.h"
#include "weir/str.h"
#include <librdkafka/rdkafka.h>

#define WEIR_KAFKA_SPEC_PROPERTIES "ioConfig.consumerProperties"

struct json_t;
/* Reads committed records with checked CRCs, tells partitions' ends, stores no offsets; unknown
 * properties and those that weir sets have no effect. `where` is the object's path, for errors. */
rd_kafka_conf_t *weir_kafka_conf(const char *where, const struct json_t *properties,
                                 weir_error *err);
/* The same for a consumer in a group: with its names, and with limits of what may wait. */
rd_kafka_conf_t *weir_kafka_consumer_conf(const weir_source_options *options, weir_error *err);
void weir_kafka_set(rd_kafka_conf_t *conf, const char *name,
                    const char *value); /* one of ours: dies if it is none */
int64_t weir_kafka_metadata_ms(
    rd_kafka_conf_t *conf); /* how often new topics and partitions are looked for */
/* The topic's partitions, 0 when the broker does not say within `wait_ms`. */
uint32_t weir_kafka_partitions(rd_kafka_t *client, const char *topic, int wait_ms);
/* Whether a static member of that name is in the group; asks the broker, up to 6 s. */
bool weir_kafka_is_member(const char *where, const struct json_t *properties, weir_str group_id,
                          weir_str instance_id, bool *there, weir_error *err);
/* Low and high watermarks of partitions, by a client of its own. All or none. */
bool weir_kafka_ends(const char *where, const struct json_t *properties,
                     const weir_topic_partition *of, uint32_t count, int64_t *low, int64_t *high,
                     weir_error *err);
#endif
