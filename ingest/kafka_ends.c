/* ingest/kafka_ends.c - where partitions begin and end, asked by a client of its own: for a
 * supervisor that does not run. */
#include "ingest/kafka.h"
#include <stdlib.h>

#define ASK_MS 5000

bool weir_kafka_ends(const char *where, const struct json_t *properties,
                     const weir_topic_partition *of, uint32_t count, int64_t *low, int64_t *high,
                     weir_error *err)
{
    char why[300];
    rd_kafka_conf_t *conf = weir_kafka_conf(where, properties, err);
    if (!conf) {
        return false;
    }
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ERR_KAFKA, "%s", why);
    }
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        char *topic = (char *)weir_str_dup(of[i].topic).at;
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(client, topic, of[i].partition,
                                                                    &low[i], &high[i], ASK_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            ok = weir_fail(err, WEIR_ERR_KAFKA,
                           "topic '%s', partition %d: its offsets cannot be asked for: %s", topic,
                           (int)of[i].partition, rd_kafka_err2str(code));
        }
        free(topic);
    }
    rd_kafka_destroy(client);
    return ok;
}
