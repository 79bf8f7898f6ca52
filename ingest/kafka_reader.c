/* ingest/kafka_reader.c - see ingest/kafka_reader.h. */
#include "ingest/kafka_reader.h"
#include "ingest/kafka.h"
#include "ingest/kafka_wake.h"
#include "weir/clock.h"
#include <string.h>

#define READ_MS 5000
#define STEP_MS 20

bool weir_kafka_is_out_of_range(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
           code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

static bool open_client(weir_kafka_reader *r, const struct json_t *properties, const char *topic,
                        weir_error *err)
{
    char why[300];
    rd_kafka_conf_t *conf = weir_kafka_conf(WEIR_KAFKA_SPEC_PROPERTIES, properties, err);
    if (!conf) {
        return false;
    }
    /* one record is wanted, not megabytes of those after it */
    weir_kafka_set(conf, "queued.min.messages", "1");
    weir_kafka_set(conf, "fetch.message.max.bytes", "65536");
    r->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!r->client) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ERR_KAFKA, "topic '%s': %s", topic, why);
    }
    return true;
}

static void open_topic(weir_kafka_reader *r, const char *topic)
{
    if (r->topic && strcmp(rd_kafka_topic_name(r->topic), topic) != 0) {
        rd_kafka_topic_destroy(r->topic);
        r->topic = NULL;
    }
    r->topic = r->topic ? r->topic : rd_kafka_topic_new(r->client, topic, NULL);
}

static void drop_message(weir_kafka_reader *r)
{
    if (r->message) {
        rd_kafka_message_destroy(r->message);
        r->message = NULL;
    }
}

/* What comes first of a partition just begun; its broker's thread may sleep, and is woken. */
static rd_kafka_message_t *take_first(weir_kafka_reader *r, int32_t partition)
{
    rd_kafka_message_t *message = NULL;
    int64_t end_us = weir_monotonic_us(&weir_clock_system) + READ_MS * 1000;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(r->topic), partition);
    for (int ms = STEP_MS; !message && weir_monotonic_us(&weir_clock_system) < end_us; ms *= 2) {
        message = rd_kafka_consume(r->topic, partition, ms);
        if (!message) {
            weir_kafka_wake_ask(r->client, list);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    return message;
}

const rd_kafka_message_t *weir_kafka_read_one(weir_kafka_reader *r, const struct json_t *properties,
                                              const char *topic, int32_t partition, int64_t offset,
                                              weir_error *err)
{
    drop_message(r);
    *err = (weir_error){0};
    if (!r->client && !open_client(r, properties, topic, err)) {
        return NULL;
    }
    open_topic(r, topic);
    if (rd_kafka_consume_start(r->topic, partition, offset) != 0) {
        weir_fail(err, WEIR_ERR_KAFKA, "topic '%s', partition %d: reading offset %lld: %s", topic,
                  (int)partition, (long long)offset, rd_kafka_err2str(rd_kafka_last_error()));
        return NULL;
    }
    r->message = take_first(r, partition);
    rd_kafka_consume_stop(r->topic, partition);
    if (!r->message) {
        weir_fail(err, WEIR_ERR_KAFKA, "topic '%s', partition %d: no answer for offset %lld", topic,
                  (int)partition, (long long)offset);
        return NULL;
    }
    if (r->message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
        weir_kafka_is_out_of_range(r->message->err)) {
        return NULL;
    }
    if (r->message->err) {
        weir_fail(err, WEIR_ERR_KAFKA, "topic '%s', partition %d: reading offset %lld: %s", topic,
                  (int)partition, (long long)offset, rd_kafka_message_errstr(r->message));
        return NULL;
    }
    return r->message;
}
