/* tests/unit/ingest/mock_helper.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include "mock_helper.h"

struct mock {
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *cluster;
    char *topic;
};

mock *mock_new(const char *topic, int partitions)
{
    char why[200];
    mock *m = weir_calloc(1, sizeof(*m));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof(why));
    rd_kafka_conf_set(conf, "log_level", "3", why, sizeof(why));
    rd_kafka_conf_set(conf, "linger.ms", "0", why, sizeof(why));
    m->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    assert_non_null(m->producer);
    m->cluster = rd_kafka_handle_mock_cluster(m->producer);
    assert_non_null(m->cluster);
    m->topic = weir_strdup(topic);
    assert_int_equal(rd_kafka_mock_topic_create(m->cluster, topic, partitions, 1), 0);
    return m;
}

void mock_free(mock *m)
{
    rd_kafka_destroy(m->producer);
    free(m->topic);
    free(m);
}

const char *mock_brokers(const mock *m)
{
    return rd_kafka_mock_cluster_bootstraps(m->cluster);
}

void mock_produce(mock *m, int partition, const char *key, const char *value, int64_t timestamp_ms)
{
    rd_kafka_resp_err_t code =
        rd_kafka_producev(m->producer, RD_KAFKA_V_TOPIC(m->topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_KEY(key, key ? strlen(key) : 0),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value ? strlen(value) : 0),
                          RD_KAFKA_V_TIMESTAMP(timestamp_ms),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_create(mock *m, const char *topic, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(m->cluster, topic, partitions, 1), 0);
}

void mock_produce_to(mock *m, const char *topic, int partition, const char *value)
{
    rd_kafka_resp_err_t code =
        rd_kafka_producev(m->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strlen(value)),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_flush(mock *m)
{
    assert_int_equal(rd_kafka_flush(m->producer, 60000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

struct json_t *mock_properties(const mock *m)
{
    return json_pack("{s:s}", "bootstrap.servers", mock_brokers(m));
}

weir_event_source *mock_open(const mock *m, const char *group)
{
    weir_error err;
    json_t *properties = mock_properties(m);
    weir_source_options options = {.topic = weir_str_of(m->topic),
                                   .group_id = weir_str_of(group),
                                   .instance_id = WEIR_STR("test:1"),
                                   .consumer_properties = properties};
    weir_event_source *source = weir_kafka_open(&options, &err);
    json_decref(properties);
    if (!source) {
        fail_msg("%s", err.message);
    }
    return source;
}
