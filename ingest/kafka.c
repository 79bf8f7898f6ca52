/* ingest/kafka.c - weir_event_source over librdkafka 2.0.2. One consumer, one thread, two queues:
 * the control queue (rebalances, errors), always polled, and the data queue that all partitions are
 * forwarded to, left alone under backpressure. Never pause and resume: the batch calls of 2.0.2
 * then skip offsets now and then. Never seek: a partition begins anew by a new assignment.
 * docs/PROTOCOL.md, section 6. The batch call waits until it is full or the time is over; so one
 * message is waited for, then what is there is taken. */
#include "ingest/kafka.h"
#include "ingest/kafka_reader.h"
#include "ingest/kafka_topics.h"
#include "ingest/kafka_wake.h"
#include "ingest/source.h"
#include "weir/log.h"
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH 4096
#define QUERY_MS 5000
#define DISCOVER_WAIT_MS 1000
#define SPEC_PROPERTIES WEIR_KAFKA_SPEC_PROPERTIES
typedef struct pending { /* what came between records: told one by one */
    struct pending *next;
    weir_source_event event;
    int32_t partition;
} pending;

typedef struct kafka_source {
    weir_event_source base;
    weir_kafka_topics *topics;
    bool many;                        /* topics: by a pattern */
    int64_t discover_ms, discover_us; /* every; monotonic: not before */
    json_t *properties;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *control, *data;
    weir_kafka_reader reader;
    rd_kafka_message_t *messages[BATCH]; /* lent until the next poll */
    size_t message_count;
    weir_record records[BATCH];
    pending *first, *last;
    int32_t *partitions; /* of the last ASSIGNED or REVOKED */
    int32_t *assigned;   /* forwarded to `data` */
    uint32_t assigned_count;
    int64_t assigned_us, forwarded_us; /* monotonic */
    uint32_t member_count;
    bool joined;     /* to the group, since its last rebalance */
    bool unanswered; /* what it gave us was not assigned yet */
    weir_kafka_wake wake;
} kafka_source;

static const char *text_of(const kafka_source *k) /* for errors */
{
    return weir_kafka_topics_text(k->topics);
}

static const char *topic_of(const kafka_source *k, int32_t number)
{
    return weir_kafka_topics_topic(k->topics, number);
}

static int32_t partition_of(const kafka_source *k, int32_t number)
{
    return weir_kafka_topics_name(k->topics, number).partition;
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
    bool fenced = fatal && rd_kafka_fatal_error(k->consumer, why, sizeof(why)) ==
                               RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    pending *p = new_pending(k,
                             fenced  ? WEIR_SOURCE_FENCED
                             : fatal ? WEIR_SOURCE_FATAL
                                     : WEIR_SOURCE_ERROR,
                             -1);
    weir_fail(&p->event.err, WEIR_ERR_KAFKA, "topic '%s': %s", text_of(k),
              fatal && why[0] ? why : text);
}

/* The topics of a batch are few and held by its messages: the last one is remembered. */
typedef struct last_topic {
    const rd_kafka_topic_t *handle;
    weir_str name;
} last_topic;

static int32_t number_of(kafka_source *k, const rd_kafka_message_t *message, last_topic *last)
{
    if (!k->many) {
        return message->partition;
    }
    if (message->rkt != last->handle) {
        *last = (last_topic){message->rkt, weir_str_of(rd_kafka_topic_name(message->rkt))};
    }
    return weir_kafka_topics_number(k->topics, last->name, message->partition);
}

static void add_message_error(kafka_source *k, const rd_kafka_message_t *message)
{
    last_topic last = {0};
    bool placed = message->rkt && message->partition >= 0;
    if (placed && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        new_pending(k, WEIR_SOURCE_EOF, number_of(k, message, &last))->event.offset =
            message->offset;
    } else if (placed && weir_kafka_is_out_of_range(message->err)) {
        pending *p = new_pending(k, WEIR_SOURCE_OUT_OF_RANGE, number_of(k, message, &last));
        p->event.offset = message->offset;
        weir_fail(&p->event.err, WEIR_ERR_KAFKA, "topic '%s', partition %d: %s",
                  rd_kafka_topic_name(message->rkt), (int)message->partition,
                  rd_kafka_message_errstr(message));
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
        k->partitions[i] = weir_kafka_topics_number(k->topics, weir_str_of(list->elems[i].topic),
                                                    list->elems[i].partition);
    }
    bool assign = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    k->joined = k->unanswered = assign;
    if (assign) {
        uint32_t all = k->many ? weir_kafka_topics_partitions(k->topics)
                               : weir_kafka_partitions(k->consumer, text_of(k), QUERY_MS);
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
                  "topic '%s': records came on the control queue", text_of(k));
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

static void fill_record(const rd_kafka_message_t *message, int32_t number, weir_record *out)
{
    int64_t timestamp = rd_kafka_message_timestamp(message, NULL);
    *out = (weir_record){.partition = number,
                         .offset = message->offset,
                         .timestamp_ms = timestamp,
                         .key = bytes_of(message->key, message->key_len),
                         .value = bytes_of(message->payload, message->len)};
}

static bool forward(kafka_source *k, int32_t number, rd_kafka_queue_t *to)
{
    rd_kafka_queue_t *queue =
        rd_kafka_queue_get_partition(k->consumer, topic_of(k, number), partition_of(k, number));
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

/* Has the queue filled at the start, and again as soon as it is half empty. */
static void wake_when_due(kafka_source *k, int64_t taken, int64_t bytes)
{
    uint32_t first;
    int64_t now_us = weir_monotonic_us(&weir_clock_system);
    bool begun = weir_kafka_wake_begun_due(&k->wake, now_us);
    if (!weir_kafka_wake_due(&k->wake, taken, bytes, (int64_t)rd_kafka_queue_length(k->data),
                             now_us) &&
        !begun) {
        return;
    }
    uint32_t some = weir_kafka_wake_next(&k->wake, k->assigned_count, &first);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)some);
    for (uint32_t i = 0; i < some; i++) {
        int32_t number = k->assigned[(first + i) % k->assigned_count];
        rd_kafka_topic_partition_list_add(list, topic_of(k, number), partition_of(k, number));
    }
    weir_kafka_wake_ask(k->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static bool take_records_now(kafka_source *k, int wait_ms, weir_source_event *out)
{
    uint32_t count = 0;
    int64_t bytes = 0;
    rd_kafka_message_t *first = rd_kafka_consume_queue(k->data, wait_ms);
    if (!first) {
        wake_when_due(k, 0, 0);
        return false;
    }
    k->messages[0] = first;
    ssize_t more = rd_kafka_consume_batch_queue(k->data, 0, k->messages + 1, BATCH - 1);
    k->message_count = 1 + (more > 0 ? (size_t)more : 0);
    last_topic last = {0};
    for (size_t i = 0; i < k->message_count; i++) {
        if (k->messages[i]->err) {
            add_message_error(k, k->messages[i]);
        } else {
            fill_record(k->messages[i], number_of(k, k->messages[i], &last), &k->records[count]);
            bytes += (int64_t)(k->messages[i]->len + k->messages[i]->key_len);
            count++;
        }
    }
    wake_when_due(k, count, bytes);
    out->kind = WEIR_SOURCE_RECORDS;
    out->records = k->records;
    out->record_count = count;
    return count > 0;
}

static bool subscribe(kafka_source *k, weir_error *err)
{
    rd_kafka_topic_partition_list_t *topics = weir_kafka_topics_list(k->topics);
    rd_kafka_resp_err_t code = topics->cnt > 0 ? rd_kafka_subscribe(k->consumer, topics)
                                               : rd_kafka_unsubscribe(k->consumer);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_fail(err, WEIR_ERR_KAFKA, "topic '%s': subscribing: %s", text_of(k),
                     rd_kafka_err2str(code));
}

/* Which topics a pattern matches, every now and then: others are subscribed to. */
static void discover(kafka_source *k)
{
    weir_error err;
    bool changed = false;
    int64_t now_us = weir_monotonic_us(&weir_clock_system);
    if (now_us < k->discover_us) {
        return;
    }
    bool ok =
        weir_kafka_topics_discover(k->topics, k->consumer, DISCOVER_WAIT_MS, &changed, &err) &&
        (!changed || subscribe(k, &err));
    k->discover_us = now_us + (ok ? k->discover_ms : DISCOVER_WAIT_MS) * 1000;
    if (ok && changed && weir_kafka_topics_found(k->topics) == 0) {
        ok = weir_fail(&err, WEIR_ERR_KAFKA, "topicPattern '%s': no topic matches it (yet)",
                       text_of(k));
    }
    if (!ok) {
        new_pending(k, WEIR_SOURCE_ERROR, -1)->event.err = err;
    }
}

static void kafka_poll(weir_event_source *source, int wait_ms, bool take_records,
                       weir_source_event *out)
{
    kafka_source *k = (kafka_source *)source;
    drop_messages(k);
    *out = (weir_source_event){.kind = WEIR_SOURCE_NOTHING};
    bool data = take_records && k->assigned_count > 0;
    if (k->many) {
        discover(k);
    }
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
           weir_fail(err, WEIR_ERR_KAFKA, "topic '%s': assigning partitions: %s", text_of(k),
                     rd_kafka_err2str(code));
}

/* Partitions that are given back before they were assigned: to take none of them is an answer, and
 * 2.0.2 leaves no group before it has one. */
static bool answer_with_none(kafka_source *k, weir_error *err)
{
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    bool ok = set_assignment(k, none, err);
    rd_kafka_topic_partition_list_destroy(none);
    k->unanswered = false;
    return ok;
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
        rd_kafka_topic_partition_list_add(list, topic_of(k, partitions[i]),
                                          partition_of(k, partitions[i]))
            ->offset = offsets[i];
        ok = forward(k, partitions[i], k->data) && ok;
        k->assigned[i] = partitions[i];
    }
    k->assigned_count = count;
    k->unanswered = false;
    k->assigned_us = k->forwarded_us = weir_monotonic_us(&weir_clock_system);
    weir_kafka_wake_begin(&k->wake, k->assigned_us);
    ok = ok ? set_assignment(k, list, err)
            : weir_fail(err, WEIR_ERR_KAFKA, "topic '%s': a partition has no queue", text_of(k));
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

static bool kafka_give(weir_event_source *source, weir_error *err)
{
    kafka_source *k = (kafka_source *)source;
    bool ok = (!k->unanswered || answer_with_none(k, err)) && set_assignment(k, NULL, err);
    for (uint32_t i = 0; i < k->assigned_count; i++) {
        forward(k, k->assigned[i], NULL);
    }
    k->assigned_count = 0;
    drain(k);
    return ok;
}

/* Questions. */

static bool is_absent(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

static bool kafka_watermarks(weir_event_source *source, int32_t number, int64_t *low, int64_t *high,
                             weir_error *err)
{
    kafka_source *k = (kafka_source *)source;
    const char *topic = topic_of(k, number);
    int32_t partition = partition_of(k, number);
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(k->consumer, topic, partition, low, high, QUERY_MS);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
           weir_fail(err, is_absent(code) ? WEIR_ERR_NOT_FOUND : WEIR_ERR_KAFKA,
                     "topic '%s', partition %d: its offsets cannot be asked for: %s", topic,
                     (int)partition, rd_kafka_err2str(code));
}

static bool kafka_watermarks_known(weir_event_source *source, int32_t number, int64_t *low,
                                   int64_t *high)
{
    kafka_source *k = (kafka_source *)source;
    return rd_kafka_get_watermark_offsets(k->consumer, topic_of(k, number), partition_of(k, number),
                                          low, high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           *low >= 0 && *high >= 0;
}

static bool kafka_read_one(weir_event_source *source, int32_t number, int64_t offset,
                           weir_record *out, weir_error *err)
{
    kafka_source *k = (kafka_source *)source;
    const rd_kafka_message_t *one = weir_kafka_read_one(
        &k->reader, k->properties, topic_of(k, number), partition_of(k, number), offset, err);
    if (one) {
        fill_record(one, number, out);
    }
    return one != NULL;
}

static void kafka_store_offsets(weir_event_source *source, const int32_t *partitions,
                                const int64_t *offsets, uint32_t count)
{
    kafka_source *k = (kafka_source *)source;
    if (!k->joined) { /* under an older member's id: it would fence us off ourselves */
        return;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic_of(k, partitions[i]),
                                          partition_of(k, partitions[i]))
            ->offset = offsets[i];
    }
    rd_kafka_commit(k->consumer, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
}

static uint32_t kafka_members(weir_event_source *source)
{
    return ((kafka_source *)source)->member_count;
}

/* Open and close. */

#define JOIN_TURNS 80    /* of 50 ms: the others hand off for up to 3 s first */
#define GOODBYE_TURNS 40 /* the same */

static bool is_member(kafka_source *k)
{
    char *id = rd_kafka_memberid(k->consumer);
    bool member = id && id[0];
    rd_kafka_mem_free(k->consumer, id);
    return member;
}

/* A consumer that leaves while it joins says no goodbye, and would stay in the group until its
 * session's end, in the others' way: it joins first, as long as the others may take to rejoin. An
 * assignment must not be touched meanwhile: 2.0.2 would take the group's answer for an old one. */
static void end_joining(kafka_source *k)
{
    weir_source_event event;
    for (int i = 0; i < JOIN_TURNS && !k->joined; i++) {
        take_control(k, 50, &event);
    }
}

/* Leaves the group, also as a static member, so that others take over at once. */
static void leave_group(kafka_source *k)
{
    rd_kafka_unsubscribe(k->consumer);
    for (int i = 0; i < 20; i++) { /* the revoke that follows; 1 s at most */
        weir_source_event event = {0};
        weir_error ignored;
        bool told = take_control(k, 50, &event);
        if (told && event.kind == WEIR_SOURCE_ASSIGNED) { /* it has joined at last */
            answer_with_none(k, &ignored);
        } else if (told) {
            rd_kafka_assign(k->consumer, NULL);
            break;
        }
    }
    /* The goodbye is said once the partitions have stopped, and the member's id is forgotten then;
     * a consumer that is being closed says none if it is a static member, and the others would wait
     * for its session's end. */
    weir_source_event ignored = {0};
    for (int i = 0; i < GOODBYE_TURNS && is_member(k); i++) {
        take_control(k, 50, &ignored);
    }
    take_control(k, 100, &ignored); /* on its way */
}

static void kafka_close(weir_event_source *source, bool leave)
{
    kafka_source *k = (kafka_source *)source;
    weir_error ignored;
    if (k->consumer) {
        if (leave) {
            end_joining(k);
        }
        kafka_give(source, &ignored);
        if (leave) {
            leave_group(k);
        }
        drain(k);
        if (!weir_kafka_end(k->consumer, k->control, k->data, &k->reader)) {
            weir_log(WEIR_WARN, "kafka",
                     "topic '%s': the consumer does not end; it is left to itself", text_of(k));
        }
    }
    json_decref(k->properties);
    free(k->assigned);
    free(k->partitions);
    weir_kafka_topics_free(k->topics);
    free(k);
}

static weir_topic_partition kafka_name(weir_event_source *source, int32_t number)
{
    return weir_kafka_topics_name(((kafka_source *)source)->topics, number);
}

static int32_t kafka_number(weir_event_source *source, const weir_topic_partition *name)
{
    return weir_kafka_topics_number(((kafka_source *)source)->topics, name->topic, name->partition);
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
    .name = kafka_name,
    .number = kafka_number,
};

bool weir_kafka_check_pattern(weir_str pattern, weir_error *err)
{
    weir_kafka_topics *topics = weir_kafka_topics_new(pattern, true, err);
    weir_kafka_topics_free(topics);
    if (!topics) {
        err->code = WEIR_ERR_BAD_REQUEST;
        return weir_fail_in(err, "ioConfig.topicPattern");
    }
    return true;
}

static bool is_free(const weir_source_options *options, weir_error *err)
{
    bool taken = false;
    if (!options->if_free) {
        return true;
    }
    if (!weir_kafka_is_member(SPEC_PROPERTIES, options->consumer_properties, options->group_id,
                              options->instance_id, &taken, err)) {
        return false;
    }
    return !taken ||
           weir_fail(err, WEIR_ERR_KAFKA,
                     "another process reads this topic under the same name '%.*s' (settings listen "
                     "and node): this one answers queries, and reads again when it is alone",
                     WEIR_STR_ARG(options->instance_id));
}

weir_event_source *weir_kafka_open(const weir_source_options *options, weir_error *err)
{
    char why[300];
    if (!is_free(options, err)) {
        return NULL;
    }
    weir_kafka_topics *topics = weir_kafka_topics_new(options->topic, options->is_pattern, err);
    rd_kafka_conf_t *conf = topics ? weir_kafka_consumer_conf(options, err) : NULL;
    if (!conf) {
        weir_kafka_topics_free(topics);
        return NULL;
    }
    kafka_source *k = weir_calloc(1, sizeof(*k));
    k->base.ops = &kafka_ops;
    k->topics = topics;
    k->many = options->is_pattern;
    k->discover_ms = weir_kafka_metadata_ms(conf);
    k->properties = json_deep_copy(options->consumer_properties);
    k->member_count = 1;
    weir_kafka_wake_init(&k->wake, conf);
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
    if (!options->is_pattern && !subscribe(k, err)) {
        kafka_close(&k->base, false);
        return NULL;
    }
    return &k->base;
}
