/* ingest/kafka.c - weir_event_source over librdkafka 2.0.2. One consumer, one thread, two queues:
 * the control queue (rebalances, errors), always polled, and the data queue that all partitions are
 * forwarded to, left alone under backpressure. Never pause and resume: the batch calls of 2.0.2
 * then skip offsets now and then. Never seek: a partition begins anew by a new assignment.
 * docs/PROTOCOL.md, section 6. The batch call waits until it is full or the time is over; so one
 * message is waited for, then what is there is taken. */
#include "ingest/kafka.h"
#include "ingest/source.h"
#include "weir/log.h"
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH 4096
#define QUERY_MS 5000
#define READ_MS 5000
#define SPEC_PROPERTIES "ioConfig.consumerProperties"
/* All partitions are forwarded to one queue, so this is the sum of theirs. When it is full, 2.0.2
 * waits a second before it fetches again: less than a second's worth of a fast stream would hold it
 * back (142,000 events/s with 16 MiB, 450,000 with this, both on a busy machine). */
#define PREFETCH_BYTES (256u << 20)

typedef struct pending { /* what came between records: told one by one */
    struct pending *next;
    weir_source_event event;
    int32_t partition;
} pending;

typedef struct kafka_source {
    weir_event_source base;
    char *topic;
    json_t *properties;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *control, *data;
    rd_kafka_t
        *reader; /* a second handle outside of the group, for single records; made when needed */
    rd_kafka_topic_t *reader_topic;
    rd_kafka_message_t *one;             /* lent by read_one */
    rd_kafka_message_t *messages[BATCH]; /* lent until the next poll */
    size_t message_count;
    weir_record records[BATCH];
    pending *first, *last;
    int32_t *partitions; /* of the last ASSIGNED or REVOKED */
    int32_t *assigned;   /* forwarded to `data` */
    uint32_t assigned_count;
    int64_t assigned_us, forwarded_us; /* monotonic */
    uint32_t member_count;
} kafka_source;

/* Configuration. */

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
static const char *const java_only[] = {"key.deserializer",
                                        "value.deserializer",
                                        "max.poll.records",
                                        "fetch.max.wait.ms",
                                        "receive.buffer.bytes",
                                        "send.buffer.bytes",
                                        "request.timeout.ms",
                                        "default.api.timeout.ms",
                                        "max.partition.fetch.bytes",
                                        "metadata.max.age.ms",
                                        "ssl.endpoint.identification.algorithm",
                                        "exclude.internal.topics",
                                        NULL};

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
        rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, name, text, why, sizeof(why));
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

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[300];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) {
        weir_die("kafka: %s = %s: %s", name, value, why);
    }
}

rd_kafka_conf_t *weir_kafka_conf(const char *where, const json_t *properties, weir_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "fetch.message.max.bytes",
        "4194304"); /* before the spec's, which may say otherwise */
    set(conf, "fetch.wait.max.ms", "100");
    set(conf, "session.timeout.ms", "6000");
    set(conf, "heartbeat.interval.ms", "1500");
    set(conf, "queued.min.messages", "1000000");
    set(conf, "client.id", "weir");
    if (!set_properties(conf, where, properties, true, err)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    set(conf, "isolation.level", "read_committed");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "auto.offset.reset", "error");
    set(conf, "enable.partition.eof", "true");
    set(conf, "check.crcs", "true");
    set(conf, "partition.assignment.strategy", "range");
    rd_kafka_conf_set_log_cb(conf, log_line);
    return conf;
}

/* Events out of the queues. */

static pending *new_pending(kafka_source *k, weir_source_event_kind kind, int32_t partition)
{
    pending *p = weir_calloc(1, sizeof(*p));
    p->event.kind = (uint8_t)kind;
    p->partition = partition;
    if (k->last) {
        k->last->next = p;
    } else {
        k->first = p;
    }
    k->last = p;
    return p;
}

/* What stands between a source and its records, by whether the consumer can go on. */
static void add_error(kafka_source *k, rd_kafka_resp_err_t code, const char *text)
{
    char why[300] = "";
    bool fatal = code == RD_KAFKA_RESP_ERR__FATAL ||
                 rd_kafka_fatal_error(k->consumer, why, sizeof(why)) != RD_KAFKA_RESP_ERR_NO_ERROR;
    pending *p = new_pending(k, fatal ? WEIR_SOURCE_FATAL : WEIR_SOURCE_ERROR, -1);
    weir_fail(&p->event.err, WEIR_ERR_KAFKA, "topic '%s': %s", k->topic,
              fatal && why[0] ? why : text);
}

static bool is_out_of_range(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
           code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

static void add_message_error(kafka_source *k, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        new_pending(k, WEIR_SOURCE_EOF, message->partition)->event.offset = message->offset;
    } else if (is_out_of_range(message->err)) {
        pending *p = new_pending(k, WEIR_SOURCE_OUT_OF_RANGE, message->partition);
        p->event.offset = message->offset;
        weir_fail(&p->event.err, WEIR_ERR_KAFKA, "topic '%s', partition %d: %s", k->topic,
                  (int)message->partition, rd_kafka_message_errstr(message));
    } else {
        add_error(k, message->err, rd_kafka_message_errstr(message));
    }
}

static void drop_messages(kafka_source *k)
{
    for (size_t i = 0; i < k->message_count; i++) {
        rd_kafka_message_destroy(k->messages[i]);
    }
    k->message_count = 0;
}

uint32_t weir_kafka_partitions(rd_kafka_t *client, const char *name, int wait_ms)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    uint32_t count = 0;
    if (topic &&
        rd_kafka_metadata(client, 0, topic, &metadata, wait_ms) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        metadata->topic_cnt == 1) {
        count = (uint32_t)metadata->topics[0].partition_cnt;
    }
    if (metadata) {
        rd_kafka_metadata_destroy(metadata);
    }
    if (topic) {
        rd_kafka_topic_destroy(topic);
    }
    return count;
}

static void take_rebalance(kafka_source *k, rd_kafka_event_t *event, weir_source_event *out)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    uint32_t count = list ? (uint32_t)list->cnt : 0;
    free(k->partitions);
    k->partitions = weir_calloc(count + 1, sizeof(int32_t));
    for (uint32_t i = 0; i < count; i++) {
        k->partitions[i] = list->elems[i].partition;
    }
    bool assign = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if (assign) {
        uint32_t all = weir_kafka_partitions(k->consumer, k->topic, QUERY_MS);
        k->member_count = all > count ? 2 : 1;
    }
    out->kind = (uint8_t)(assign                                  ? WEIR_SOURCE_ASSIGNED
                          : rd_kafka_assignment_lost(k->consumer) ? WEIR_SOURCE_LOST
                                                                  : WEIR_SOURCE_REVOKED);
    out->partitions = k->partitions;
    out->partition_count = count;
}

/* An error, or records: those must not be here, and to let them go unseen would lose them. */
static void take_other(kafka_source *k, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH && code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        weir_fail(&new_pending(k, WEIR_SOURCE_FATAL, -1)->event.err, WEIR_ERR_KAFKA,
                  "topic '%s': records came on the control queue", k->topic);
    } else if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        add_error(k, code, rd_kafka_event_error_string(event));
    }
}

/* One event of the control queue; false: none, or one that became pending or says nothing to us. */
static bool take_control(kafka_source *k, int wait_ms, weir_source_event *out)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(k->control, wait_ms);
    bool told = rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE;
    if (told) {
        take_rebalance(k, event, out);
    } else if (event) {
        take_other(k, event);
    }
    rd_kafka_event_destroy(event);
    return told;
}

static bool take_pending(kafka_source *k, weir_source_event *out)
{
    pending *p = k->first;
    if (!p) {
        return false;
    }
    *out = p->event;
    free(k->partitions);
    k->partitions = weir_calloc(1, sizeof(int32_t));
    k->partitions[0] = p->partition;
    out->partitions = k->partitions;
    out->partition_count = p->partition >= 0;
    k->first = p->next;
    k->last = k->first ? k->last : NULL;
    free(p);
    return true;
}

static weir_str bytes_of(const void *at, size_t size)
{
    return (weir_str){at, at ? size : 0};
}

static void fill_record(const rd_kafka_message_t *message, weir_record *out)
{
    int64_t timestamp = rd_kafka_message_timestamp(message, NULL);
    *out = (weir_record){.partition = message->partition,
                         .offset = message->offset,
                         .timestamp_ms = timestamp,
                         .key = bytes_of(message->key, message->key_len),
                         .value = bytes_of(message->payload, message->len)};
}

static bool forward(kafka_source *k, int32_t partition, rd_kafka_queue_t *to)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(k->consumer, k->topic, partition);
    if (queue) {
        rd_kafka_queue_forward(queue, to);
        rd_kafka_queue_destroy(queue);
    }
    return queue != NULL;
}

/* A partition that is assigned anew is stopped first, on another thread and some time later, and
 * that undoes the forwarding: its messages then wait in its own queue. So it is done again and
 * again; they are moved over in their order. */
static void forward_again(kafka_source *k)
{
    int64_t now_us = weir_monotonic_us(&weir_clock_system);
    int64_t every_us = now_us - k->assigned_us < 10000000 ? 50000 : 1000000;
    if (now_us - k->forwarded_us >= every_us) {
        k->forwarded_us = now_us;
        for (uint32_t i = 0; i < k->assigned_count; i++) {
            forward(k, k->assigned[i], k->data);
        }
    }
}

static bool take_records_now(kafka_source *k, int wait_ms, weir_source_event *out)
{
    uint32_t count = 0;
    rd_kafka_message_t *first = rd_kafka_consume_queue(k->data, wait_ms);
    if (!first) {
        return false;
    }
    k->messages[0] = first;
    ssize_t more = rd_kafka_consume_batch_queue(k->data, 0, k->messages + 1, BATCH - 1);
    k->message_count = 1 + (more > 0 ? (size_t)more : 0);
    for (size_t i = 0; i < k->message_count; i++) {
        if (k->messages[i]->err) {
            add_message_error(k, k->messages[i]);
        } else {
            fill_record(k->messages[i], &k->records[count++]);
        }
    }
    out->kind = WEIR_SOURCE_RECORDS;
    out->records = k->records;
    out->record_count = count;
    return count > 0;
}

static void kafka_poll(weir_event_source *source, int wait_ms, bool take_records,
                       weir_source_event *out)
{
    kafka_source *k = (kafka_source *)source;
    drop_messages(k);
    *out = (weir_source_event){.kind = WEIR_SOURCE_NOTHING};
    bool data = take_records && k->assigned_count > 0;
    if (take_pending(k, out) || take_control(k, data ? 0 : wait_ms, out) || take_pending(k, out)) {
        return;
    }
    if (data) {
        forward_again(k);
    }
    if (data && !take_records_now(k, wait_ms, out)) {
        *out = (weir_source_event){.kind = WEIR_SOURCE_NOTHING};
        take_pending(k, out);
    }
}

/* Assignments. */

/* Throws away what the data queue holds; nothing in it counts any more. */
static void drain(kafka_source *k)
{
    drop_messages(k);
    ssize_t count;
    while ((count = rd_kafka_consume_batch_queue(k->data, 0, k->messages, BATCH)) > 0) {
        k->message_count = (size_t)count;
        drop_messages(k);
    }
    while (k->first) {
        pending *next = k->first->next;
        free(k->first);
        k->first = next;
    }
    k->last = NULL;
}

static bool set_assignment(kafka_source *k, const rd_kafka_topic_partition_list_t *list,
                           weir_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_assign(k->consumer, list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_fail(err, WEIR_ERR_KAFKA, "topic '%s': assigning partitions: %s", k->topic,
                     rd_kafka_err2str(code));
}

static bool kafka_assign(weir_event_source *source, const int32_t *partitions,
                         const int64_t *offsets, uint32_t count, weir_error *err)
{
    kafka_source *k = (kafka_source *)source;
    if (k->assigned_count > 0 && !set_assignment(k, NULL, err)) {
        return false;
    }
    drain(k);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    k->assigned = weir_realloc(k->assigned, sizeof(int32_t) * (count + 1));
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, k->topic, partitions[i])->offset = offsets[i];
        ok = forward(k, partitions[i], k->data) && ok;
        k->assigned[i] = partitions[i];
    }
    k->assigned_count = count;
    k->assigned_us = k->forwarded_us = weir_monotonic_us(&weir_clock_system);
    ok = ok ? set_assignment(k, list, err)
            : weir_fail(err, WEIR_ERR_KAFKA, "topic '%s': a partition has no queue", k->topic);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

static bool kafka_give(weir_event_source *source, weir_error *err)
{
    kafka_source *k = (kafka_source *)source;
    bool ok = set_assignment(k, NULL, err);
    for (uint32_t i = 0; i < k->assigned_count; i++) {
        forward(k, k->assigned[i], NULL);
    }
    k->assigned_count = 0;
    drain(k);
    return ok;
}

/* Questions. */

static bool kafka_watermarks(weir_event_source *source, int32_t partition, int64_t *low,
                             int64_t *high, weir_error *err)
{
    kafka_source *k = (kafka_source *)source;
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(k->consumer, k->topic, partition, low, high, QUERY_MS);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_fail(err, WEIR_ERR_KAFKA,
                     "topic '%s', partition %d: its offsets cannot be asked for: %s", k->topic,
                     (int)partition, rd_kafka_err2str(code));
}

static bool kafka_watermarks_known(weir_event_source *source, int32_t partition, int64_t *low,
                                   int64_t *high)
{
    kafka_source *k = (kafka_source *)source;
    return rd_kafka_get_watermark_offsets(k->consumer, k->topic, partition, low, high) ==
               RD_KAFKA_RESP_ERR_NO_ERROR &&
           *low >= 0 && *high >= 0;
}

static bool open_reader(kafka_source *k, weir_error *err)
{
    char why[300];
    if (k->reader) {
        return true;
    }
    rd_kafka_conf_t *conf = weir_kafka_conf(SPEC_PROPERTIES, k->properties, err);
    if (!conf) {
        return false;
    }
    k->reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!k->reader) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ERR_KAFKA, "topic '%s': %s", k->topic, why);
    }
    k->reader_topic = rd_kafka_topic_new(k->reader, k->topic, NULL);
    return true;
}

static void drop_one(kafka_source *k)
{
    if (k->one) {
        rd_kafka_message_destroy(k->one);
        k->one = NULL;
    }
}

static bool kafka_read_one(weir_event_source *source, int32_t partition, int64_t offset,
                           weir_record *out, weir_error *err)
{
    kafka_source *k = (kafka_source *)source;
    drop_one(k);
    *err = (weir_error){0};
    if (!open_reader(k, err)) {
        return false;
    }
    if (rd_kafka_consume_start(k->reader_topic, partition, offset) != 0) {
        return weir_fail(err, WEIR_ERR_KAFKA, "topic '%s', partition %d: reading offset %lld: %s",
                         k->topic, (int)partition, (long long)offset,
                         rd_kafka_err2str(rd_kafka_last_error()));
    }
    k->one = rd_kafka_consume(k->reader_topic, partition, READ_MS);
    rd_kafka_consume_stop(k->reader_topic, partition);
    if (!k->one) {
        return weir_fail(err, WEIR_ERR_KAFKA, "topic '%s', partition %d: no answer for offset %lld",
                         k->topic, (int)partition, (long long)offset);
    }
    if (k->one->err == RD_KAFKA_RESP_ERR__PARTITION_EOF || is_out_of_range(k->one->err)) {
        return false; /* nothing there */
    }
    if (k->one->err) {
        return weir_fail(err, WEIR_ERR_KAFKA, "topic '%s', partition %d: reading offset %lld: %s",
                         k->topic, (int)partition, (long long)offset,
                         rd_kafka_message_errstr(k->one));
    }
    fill_record(k->one, out);
    return true;
}

static void kafka_store_offsets(weir_event_source *source, const int32_t *partitions,
                                const int64_t *offsets, uint32_t count)
{
    kafka_source *k = (kafka_source *)source;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, k->topic, partitions[i])->offset = offsets[i];
    }
    rd_kafka_commit(k->consumer, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

static uint32_t kafka_members(weir_event_source *source)
{
    return ((kafka_source *)source)->member_count;
}

/* Open and close. */

#define LEAVE_MS 300 /* measured: enough for librdkafka to stop the partitions and say so */

/* Leaves the group, also as a static member, so that others take over at once. */
static void leave_group(kafka_source *k)
{
    rd_kafka_unsubscribe(k->consumer);
    for (int i = 0; i < 20; i++) { /* the revoke that follows; 1 s at most */
        weir_source_event event = {0};
        if (take_control(k, 50, &event) && event.kind != WEIR_SOURCE_ASSIGNED) {
            rd_kafka_assign(k->consumer, NULL);
            break;
        }
    }
    /* The goodbye is said once the partitions have stopped; a consumer that is being closed says
     * none if it is a static member. */
    weir_source_event ignored = {0};
    take_control(k, LEAVE_MS, &ignored);
}

static void kafka_close(weir_event_source *source, bool leave)
{
    kafka_source *k = (kafka_source *)source;
    weir_error ignored;
    if (k->consumer) {
        kafka_give(source, &ignored);
        drop_one(k);
        if (leave) {
            leave_group(k);
        }
        drain(k);
        rd_kafka_consumer_close(k->consumer);
        rd_kafka_queue_destroy(k->data);
        rd_kafka_queue_destroy(k->control);
        rd_kafka_destroy(k->consumer);
    }
    if (k->reader) {
        rd_kafka_topic_destroy(k->reader_topic);
        rd_kafka_destroy(k->reader);
    }
    json_decref(k->properties);
    free(k->assigned);
    free(k->partitions);
    free(k->topic);
    free(k);
}

static const weir_event_source_ops kafka_ops = {
    .poll = kafka_poll,
    .assign = kafka_assign,
    .give = kafka_give,
    .watermarks = kafka_watermarks,
    .watermarks_known = kafka_watermarks_known,
    .read_one = kafka_read_one,
    .store_offsets = kafka_store_offsets,
    .members = kafka_members,
    .close = kafka_close,
};

static rd_kafka_conf_t *consumer_conf(const weir_source_options *options, weir_error *err)
{
    char text[32];
    rd_kafka_conf_t *conf = weir_kafka_conf(SPEC_PROPERTIES, options->consumer_properties, err);
    if (!conf) {
        return NULL;
    }
    char *group = (char *)weir_str_dup(options->group_id).at,
         *instance = (char *)weir_str_dup(options->instance_id).at;
    size_t kilobytes = (options->prefetch_bytes ? options->prefetch_bytes : PREFETCH_BYTES) >> 10;
    snprintf(text, sizeof(text), "%zu", kilobytes < 1 ? 1 : kilobytes);
    set(conf, "queued.max.messages.kbytes", text);
    set(conf, "group.id", group);
    if (instance[0]) {
        set(conf, "group.instance.id", instance);
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
    free(group);
    free(instance);
    return conf;
}

static bool subscribe(kafka_source *k, weir_error *err)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, k->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(k->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_fail(err, WEIR_ERR_KAFKA, "topic '%s': subscribing: %s", k->topic,
                     rd_kafka_err2str(code));
}

weir_event_source *weir_kafka_open(const weir_source_options *options, weir_error *err)
{
    char why[300];
    rd_kafka_conf_t *conf = consumer_conf(options, err);
    if (!conf) {
        return NULL;
    }
    kafka_source *k = weir_calloc(1, sizeof(*k));
    k->base.ops = &kafka_ops;
    k->topic = (char *)weir_str_dup(options->topic).at;
    k->properties = json_deep_copy(options->consumer_properties);
    k->member_count = 1;
    k->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!k->consumer) {
        rd_kafka_conf_destroy(conf);
        weir_fail(err, WEIR_ERR_BAD_REQUEST, SPEC_PROPERTIES ": %s", why);
        kafka_close(&k->base, false);
        return NULL;
    }
    rd_kafka_poll_set_consumer(k->consumer);
    k->control = rd_kafka_queue_get_consumer(k->consumer);
    k->data = rd_kafka_queue_new(k->consumer);
    if (!subscribe(k, err)) {
        kafka_close(&k->base, false);
        return NULL;
    }
    return &k->base;
}
