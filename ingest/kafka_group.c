/* ingest/kafka_group.c - who else is in a consumer group. Asked only by a consumer that was fenced:
 * to join again while the other one lives would fence that one, and so on for ever. */
#include "ingest/kafka.h"
#include "weir/arena.h"
#include <stdlib.h>

#define ASK_MS 5000

static bool has_instance(const rd_kafka_ConsumerGroupDescription_t *group, weir_str instance_id)
{
    size_t count = rd_kafka_ConsumerGroupDescription_member_count(group);
    for (size_t i = 0; i < count; i++) {
        const char *id = rd_kafka_MemberDescription_group_instance_id(
            rd_kafka_ConsumerGroupDescription_member(group, i));
        if (id && weir_str_is(instance_id, id)) {
            return true;
        }
    }
    return false;
}

static bool read_answer(rd_kafka_event_t *event, weir_str instance_id, bool *there, weir_error *err)
{
    size_t count = 0;
    if (!event || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return weir_fail(err, WEIR_ERR_KAFKA, "the consumer group cannot be asked for: %s",
                         event ? rd_kafka_event_error_string(event) : "no answer");
    }
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    const rd_kafka_error_t *why =
        count == 1 ? rd_kafka_ConsumerGroupDescription_error(groups[0]) : NULL;
    if (why) {
        return weir_fail(err, WEIR_ERR_KAFKA, "the consumer group cannot be asked for: %s",
                         rd_kafka_error_string(why));
    }
    *there = count == 1 && has_instance(groups[0], instance_id);
    return true;
}

bool weir_kafka_is_member(const char *where, const struct json_t *properties, weir_str group_id,
                          weir_str instance_id, bool *there, weir_error *err)
{
    char why[300];
    rd_kafka_conf_t *conf = weir_kafka_conf(where, properties, err);
    rd_kafka_t *client = conf ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why)) : NULL;
    if (!client) {
        if (conf) {
            rd_kafka_conf_destroy(conf);
            weir_fail(err, WEIR_ERR_KAFKA, "%s", why);
        }
        return false;
    }
    const char *group = weir_str_dup(group_id).at;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_AdminOptions_set_request_timeout(options, ASK_MS, why, sizeof(why));
    rd_kafka_DescribeConsumerGroups(client, &group, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ASK_MS + 1000);
    bool ok = read_answer(event, instance_id, there, err);
    rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    free((void *)group);
    return ok;
}
