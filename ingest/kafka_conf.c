/* ingest/kafka_conf.c - see ingest/kafka.h: properties that a user gives, and what weir sets
 * whatever they say, as librdkafka's configuration. */
#include "ingest/kafka.h"
#include "ingest/source.h"
#include "weir/log.h"
#include "compute/text.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define METADATA_INTERVAL                                                                          \
    "topic.metadata.refresh.interval.ms" /* metadata.max.age.ms of the Java client */
#define METADATA_MS "10000"              /* librdkafka asks every 5 minutes by itself */

/* All partitions are forwarded to one queue, so this is the sum of theirs. When it is full, 2.0.2
 * is woken to fetch again (kafka_wake.h). Each message has about MESSAGE_BYTES beside its own
 * bytes, which librdkafka does not count. */
#define PREFETCH_BYTES (640u << 20)
#define MESSAGE_BYTES 384
#define MESSAGE_USUAL 256

static void log_line(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    weir_log(level <= 3   ? WEIR_WARN
             : level <= 5 ? WEIR_INFO
                          : WEIR_DEBUG,
             "kafka", "%s: %s", facility, text);
}

/* Set by us, whatever the spec says. */
static const char *const reserved[] = {"group.id",
                                       "group.instance.id",
                                       "enable.auto.commit",
                                       "auto.offset.reset",
                                       "isolation.level",
                                       "partition.assignment.strategy",
                                       "enable.auto.offset.store",
                                       "enable.partition.eof",
                                       NULL};
/* Of the Java client, without a meaning here: no word about them. */
static const char *const java_only[] = {
    "key.deserializer",          "value.deserializer",
    "max.poll.records",          "fetch.max.wait.ms",
    "receive.buffer.bytes",      "send.buffer.bytes",
    "request.timeout.ms",        "default.api.timeout.ms",
    "max.partition.fetch.bytes", "ssl.endpoint.identification.algorithm",
    "exclude.internal.topics",   NULL};

static bool is_in(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

/* A value: scalar, or one of Druid's password providers. The result is freed by the caller; NULL:
 * none of these. */
static char *property_text(const json_t *value)
{
    char text[64];
    const char *type = json_string_value(json_object_get(value, "type"));
    if (json_is_string(value)) {
        return weir_strdup(json_string_value(value));
    }
    if (json_is_integer(value)) {
        snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
        return weir_strdup(text);
    }
    if (json_is_boolean(value)) {
        return weir_strdup(json_is_true(value) ? "true" : "false");
    }
    if (type && strcmp(type, "default") == 0 &&
        json_is_string(json_object_get(value, "password"))) {
        return weir_strdup(json_string_value(json_object_get(value, "password")));
    }
    if (type && strcmp(type, "environment") == 0 &&
        json_is_string(json_object_get(value, "variable"))) {
        const char *found = getenv(json_string_value(json_object_get(value, "variable")));
        return found ? weir_strdup(found) : NULL;
    }
    return NULL;
}

/* user="x" and password="y" out of a JAAS line. */
static bool set_jaas(rd_kafka_conf_t *conf, const char *where, const char *line, weir_error *err)
{
    static const char *const members[][2] = {{"username=\"", "sasl.username"},
                                             {"password=\"", "sasl.password"}};
    char why[200];
    for (int i = 0; i < 2; i++) {
        const char *from = strstr(line, members[i][0]);
        from = from ? from + strlen(members[i][0]) : NULL;
        const char *to = from ? strchr(from, '"') : NULL;
        if (!to) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             "%s.sasl.jaas.config must name username=\"...\" and "
                             "password=\"...\"",
                             where);
        }
        char *text = (char *)weir_str_dup((weir_str){from, (size_t)(to - from)}).at;
        rd_kafka_conf_set(conf, members[i][1], text, why, sizeof(why));
        free(text);
    }
    return true;
}

static bool set_property(rd_kafka_conf_t *conf, const char *where, const char *name,
                         const json_t *value, bool quiet, weir_error *err)
{
    char why[300];
    if (is_in(reserved, name)) {
        weir_log(quiet ? WEIR_DEBUG : WEIR_WARN, "kafka", "%s.%s has no effect: it is set by weir",
                 where, name);
        return true;
    }
    char *text = property_text(value);
    const char *own = strcmp(name, "metadata.max.age.ms") == 0 ? METADATA_INTERVAL : name;
    if (!text) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "%s.%s must be a string, or a password provider of type default or "
                         "environment (with its variable set)",
                         where, name);
    }
    bool ok = true;
    if (strcmp(name, "sasl.jaas.config") == 0) {
        ok = set_jaas(conf, where, text, err);
    } else if (!is_in(java_only, name)) {
        rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, own, text, why, sizeof(why));
        if (res == RD_KAFKA_CONF_INVALID) {
            ok = weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s.%s: %s", where, name, why);
        } else if (res == RD_KAFKA_CONF_UNKNOWN) {
            weir_log(quiet ? WEIR_DEBUG : WEIR_WARN, "kafka",
                     "%s.%s is not known to librdkafka and has no effect", where, name);
        }
    }
    free(text);
    return ok;
}

static bool set_properties(rd_kafka_conf_t *conf, const char *where, const json_t *properties,
                           bool quiet, weir_error *err)
{
    for (void *it = json_object_iter((json_t *)properties); it;
         it = json_object_iter_next((json_t *)properties, it)) {
        if (!set_property(conf, where, json_object_iter_key(it), json_object_iter_value(it), quiet,
                          err)) {
            return false;
        }
    }
    return true;
}

bool weir_kafka_check(const char *where, const struct json_t *consumer_properties, weir_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool ok = set_properties(conf, where, consumer_properties, false, err);
    rd_kafka_conf_destroy(conf);
    return ok;
}

void weir_kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[300];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
        weir_die("kafka: %s = %s: %s", name, value, why);
    }
}

rd_kafka_conf_t *weir_kafka_conf(const char *where, const json_t *properties, weir_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    weir_kafka_set(conf, "fetch.message.max.bytes",
                   "4194304"); /* before the spec's, which may say otherwise */
    weir_kafka_set(conf, "fetch.wait.max.ms", "100");
    weir_kafka_set(conf, METADATA_INTERVAL, METADATA_MS); /* partitions that are added */
    weir_kafka_set(conf, "session.timeout.ms", "6000");
    weir_kafka_set(conf, "heartbeat.interval.ms", "500");
    weir_kafka_set(conf, "reconnect.backoff.max.ms", "500"); /* it would grow to 10 s */
    weir_kafka_set(conf, "queued.min.messages", "1000000");
    weir_kafka_set(conf, "client.id", "weir");
    if (!set_properties(conf, where, properties, true, err)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    weir_kafka_set(conf, "isolation.level", "read_committed");
    weir_kafka_set(conf, "enable.auto.commit", "false");
    weir_kafka_set(conf, "enable.auto.offset.store", "false");
    weir_kafka_set(conf, "auto.offset.reset", "error");
    weir_kafka_set(conf, "enable.partition.eof", "true");
    weir_kafka_set(conf, "check.crcs", "true");
    weir_kafka_set(conf, "partition.assignment.strategy", "range");
    rd_kafka_conf_set_log_cb(conf, log_line);
    return conf;
}

/* What one answer of a broker brings is taken whole, however full the queue is, and what is packed
 * in it may become thirty times as large: so little is asked for where little may wait. */
static void limit_fetches(rd_kafka_conf_t *conf, const json_t *given, size_t most)
{
    const struct {
        const char *name;
        size_t bytes, least, most;
    } limits[] = {{"fetch.message.max.bytes", most / 160, 64u << 10, 4u << 20},
                  {"fetch.max.bytes", most / 32, 1u << 20, 50u << 20}};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        size_t bytes = limits[i].bytes;
        char text[32];
        bytes = bytes < limits[i].least ? limits[i].least : bytes;
        bytes = bytes > limits[i].most ? limits[i].most : bytes;
        snprintf(text, sizeof(text), "%zu", bytes);
        if (!json_object_get(given, limits[i].name)) {
            weir_kafka_set(conf, limits[i].name, text);
        }
    }
}

rd_kafka_conf_t *weir_kafka_consumer_conf(const weir_source_options *options, weir_error *err)
{
    char text[32];
    rd_kafka_conf_t *conf =
        weir_kafka_conf(WEIR_KAFKA_SPEC_PROPERTIES, options->consumer_properties, err);
    if (!conf) {
        return NULL;
    }
    char *group = (char *)weir_str_dup(options->group_id).at,
         *instance = (char *)weir_str_dup(options->instance_id).at;
    size_t most = options->prefetch_bytes ? options->prefetch_bytes : PREFETCH_BYTES,
           messages = most / (MESSAGE_BYTES + MESSAGE_USUAL),
           kilobytes = messages * MESSAGE_USUAL >> 10;
    snprintf(text, sizeof(text), "%zu", kilobytes < 512 ? 512 : kilobytes);
    weir_kafka_set(conf, "queued.max.messages.kbytes", text);
    if (!json_object_get(options->consumer_properties, "queued.min.messages")) {
        snprintf(text, sizeof(text), "%zu", messages < 1000 ? 1000 : messages);
        weir_kafka_set(conf, "queued.min.messages", text);
    }
    limit_fetches(conf, options->consumer_properties, most);
    weir_kafka_set(conf, "group.id", group);
    /* By topic all partitions 0 would go to one member, which matters when topics are many and
     * small. */
    if (options->is_pattern) {
        weir_kafka_set(conf, "partition.assignment.strategy", "roundrobin,range");
    }
    if (instance[0]) {
        weir_kafka_set(conf, "group.instance.id", instance);
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
    free(group);
    free(instance);
    return conf;
}

int64_t weir_kafka_metadata_ms(rd_kafka_conf_t *conf)
{
    char text[32] = "";
    size_t size = sizeof(text);
    int64_t ms = 0;
    rd_kafka_conf_get(conf, METADATA_INTERVAL, text, &size);
    return weir_str_to_long(weir_str_of(text), &ms) && ms > 0 ? ms : 10000;
}
