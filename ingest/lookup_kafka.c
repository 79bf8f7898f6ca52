/* ingest/lookup_kafka.c - the lookup that follows a topic: a record's key is mapped to its value, a
 * record without a value removes the key. One thread reads all partitions from their beginning,
 * outside of any group; once it has been at the end of each, the lookup is registered, and from
 * then on after every batch, so that queries see a record a moment after it was written. */
#include "compute/lookup.h"
#include "ingest/kafka.h"
#include "ingest/lookup_factory.h"
#include "ingest/source.h"
#include "weir/log.h"
#include "weir/members.h"
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define WHERE "lookupExtractorFactory.kafkaProperties"
#define BATCH 4096
#define WAIT_MS 100
#define METADATA_MS 500
#define PARTITIONS_EVERY_MS 10000 /* new ones are looked for */
#define CHARGE_BYTES (256u << 10) /* what the budget is asked for at a time */

typedef struct partition {
    bool at_end; /* has been */
} partition;

typedef struct follower {
    weir_str name;
    char *topic_name;
    weir_budget *budget;
    pthread_t thread;
    _Atomic bool stop, loaded;
    /* the thread's */
    rd_kafka_t *consumer;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    partition *partitions;
    uint32_t partition_count;
    int64_t counted_ms; /* when partitions were last looked for */
    weir_lookup_live *live;
    size_t charged_bytes;
    bool changed, failed;
    rd_kafka_resp_err_t last_error;
} follower;

/* The spec. */

static bool check_kafka(const json_t *json, weir_error *err)
{
    static const char *const ours[] = {"group.id", "auto.offset.reset", "enable.auto.commit"};
    weir_members members;
    weir_str topic = {0};
    const json_t *properties = NULL;
    int64_t timeout_ms; /* without effect: nobody waits, the lookup is there when it is whole */
    bool one_to_one;
    if (!weir_members_of(json, "lookupExtractorFactory", &members, err) ||
        !weir_member_text(&members, "kafkaTopic", &topic, err) ||
        !weir_member_object(&members, "kafkaProperties", &properties, err) ||
        !weir_member_long(&members, "connectTimeout", 0, INT64_MAX, &timeout_ms, err) ||
        !weir_member_bool(&members, "isOneToOne", &one_to_one, err) ||
        !weir_member_bool(&members, "injective", &one_to_one, err)) {
        return false;
    }
    if (topic.size == 0 || !properties) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "lookupExtractorFactory.%s required",
                         topic.size == 0 ? "kafkaTopic" : "kafkaProperties");
    }
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
        if (json_object_get(properties, ours[i])) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                             WHERE ": cannot set kafka property [%s]: it is set by weir", ours[i]);
        }
    }
    if (!json_object_get(properties, "bootstrap.servers")) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, WHERE ": bootstrap.servers required property");
    }
    return weir_kafka_check(WHERE, properties, err);
}

/* Records. */

static bool charge(follower *f)
{
    weir_error err = {0};
    size_t bytes = weir_lookup_live_bytes(f->live);
    if (bytes + CHARGE_BYTES < f->charged_bytes) {
        weir_budget_give(f->budget, f->charged_bytes - bytes);
        f->charged_bytes = bytes;
    }
    if (bytes <= f->charged_bytes) {
        return true;
    }
    size_t more = bytes - f->charged_bytes + CHARGE_BYTES;
    if (!weir_budget_take(f->budget, more, &err)) {
        weir_log(WEIR_ERROR, "lookups",
                 "lookup '%.*s' is given up: what topic '%s' holds does not fit "
                 "lookup_memory_bytes (%zu)",
                 WEIR_STR_ARG(f->name), f->topic_name, f->budget->limit_bytes);
        return false;
    }
    f->charged_bytes += more;
    return true;
}

static void tell_error(follower *f, rd_kafka_resp_err_t code, const char *text)
{
    if (code != f->last_error) { /* once, not with every try */
        weir_log(WEIR_WARN, "lookups", "lookup '%.*s', topic '%s': %s", WEIR_STR_ARG(f->name),
                 f->topic_name, text);
    }
    f->last_error = code;
}

static void take_message(follower *f, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (m->partition >= 0 && (uint32_t)m->partition < f->partition_count) {
            f->partitions[m->partition].at_end = true;
        }
        return;
    }
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        tell_error(f, m->err, rd_kafka_message_errstr(m));
        return;
    }
    f->last_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!m->key) {
        return; /* maps nothing */
    }
    weir_str key = {m->key, m->key_len};
    if (m->payload) {
        weir_lookup_live_put(f->live, key, (weir_str){m->payload, m->len});
    } else {
        weir_lookup_live_remove(f->live, key);
    }
    f->changed = true;
}

static bool is_whole(const follower *f)
{
    for (uint32_t i = 0; i < f->partition_count; i++) {
        if (!f->partitions[i].at_end) {
            return false;
        }
    }
    return f->partition_count > 0;
}

static void publish(follower *f)
{
    if (f->loaded ? f->changed : is_whole(f)) {
        weir_lookup *version = weir_lookup_live_publish(f->live);
        uint32_t count = weir_lookup_count(version);
        weir_lookup_register(f->name, version);
        if (!f->loaded) {
            weir_log(WEIR_INFO, "lookups", "lookup '%.*s' has read topic '%s': %u entries",
                     WEIR_STR_ARG(f->name), f->topic_name, count);
        }
        f->loaded = true;
        f->changed = false;
    }
}

/* What is there, at most a batch; waits for the first. */
static void take_batch(follower *f)
{
    rd_kafka_message_t *messages[BATCH];
    messages[0] = rd_kafka_consume_queue(f->queue, WAIT_MS);
    if (!messages[0]) {
        return;
    }
    ssize_t more = rd_kafka_consume_batch_queue(f->queue, 0, messages + 1, BATCH - 1);
    for (ssize_t i = 0; i <= (more > 0 ? more : 0); i++) {
        take_message(f, messages[i]);
        rd_kafka_message_destroy(messages[i]);
    }
}

/* Partitions that were not there at the last look are read from their beginning. */
static void find_partitions(follower *f)
{
    int64_t now_ms = weir_monotonic_us(&weir_clock_system) / 1000;
    int64_t every_ms = f->partition_count ? PARTITIONS_EVERY_MS : WAIT_MS;
    if (f->counted_ms && now_ms - f->counted_ms < every_ms) {
        return;
    }
    f->counted_ms = now_ms;
    uint32_t count = weir_kafka_partitions(f->consumer, f->topic_name, METADATA_MS);
    if (count <= f->partition_count) {
        return;
    }
    f->partitions = weir_realloc(f->partitions, count * sizeof(*f->partitions));
    for (uint32_t i = f->partition_count; i < count; i++) {
        f->partitions[i] = (partition){0};
        if (rd_kafka_consume_start_queue(f->topic, (int32_t)i, RD_KAFKA_OFFSET_BEGINNING,
                                         f->queue) != 0) {
            rd_kafka_resp_err_t code = rd_kafka_last_error();
            tell_error(f, code, rd_kafka_err2str(code));
            count = i; /* again at the next look */
        }
    }
    f->partition_count = count;
}

static void give_up(follower *f)
{
    f->failed = true;
    f->loaded = false;
    weir_lookup_register(f->name, NULL);
    weir_lookup_live_free(f->live);
    f->live = NULL;
    weir_budget_give(f->budget, f->charged_bytes);
    f->charged_bytes = 0;
}

static void *run(void *self)
{
    follower *f = self;
    pthread_setname_np(pthread_self(), "lookup");
    while (!f->stop) {
        if (f->failed) {
            nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000}, NULL);
            continue;
        }
        find_partitions(f);
        if (f->partition_count == 0) {
            nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000}, NULL);
            continue;
        }
        take_batch(f);
        if (charge(f)) {
            publish(f);
        } else {
            give_up(f);
        }
    }
    return NULL;
}

/* Start and stop. */

static bool open_consumer(follower *f, const json_t *properties, weir_error *err)
{
    char why[300];
    rd_kafka_conf_t *conf = weir_kafka_conf(WHERE, properties, err);
    if (!conf) {
        return false;
    }
    /* a partition whose records went away meanwhile is read from what is left */
    rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", NULL, 0);
    rd_kafka_conf_set(conf, "queued.min.messages", "100000", NULL, 0);
    rd_kafka_conf_set(conf, "queued.max.messages.kbytes", "65536", NULL, 0);
    f->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!f->consumer) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ERR_KAFKA, WHERE ": %s", why);
    }
    f->topic = rd_kafka_topic_new(f->consumer, f->topic_name, NULL);
    f->queue = rd_kafka_queue_new(f->consumer);
    return f->topic || weir_fail(err, WEIR_ERR_BAD_REQUEST,
                                 "lookupExtractorFactory.kafkaTopic: '%s' is no topic: %s",
                                 f->topic_name, rd_kafka_err2str(rd_kafka_last_error()));
}

static void free_follower(follower *f)
{
    for (uint32_t i = 0; i < f->partition_count; i++) {
        rd_kafka_consume_stop(f->topic, (int32_t)i);
    }
    if (f->topic) {
        rd_kafka_topic_destroy(f->topic);
    }
    if (f->consumer) {
        rd_kafka_queue_destroy(f->queue);
        rd_kafka_destroy(f->consumer);
    }
    weir_lookup_live_free(f->live);
    weir_budget_give(f->budget, f->charged_bytes);
    free(f->partitions);
    free(f->topic_name);
    free((void *)f->name.at);
    free(f);
}

static void *start_kafka(const weir_lookup_start *start, weir_error *err)
{
    weir_members members = {start->json, ""};
    weir_str topic = {0};
    bool injective = false, one_to_one = false;
    weir_member_text(&members, "kafkaTopic", &topic, err);
    weir_member_bool(&members, "injective", &injective, err);
    weir_member_bool(&members, "isOneToOne", &one_to_one, err);
    follower *f = weir_calloc(1, sizeof(*f));
    f->name = weir_str_dup(start->name);
    f->topic_name = (char *)weir_str_dup(topic).at;
    f->budget = start->budget;
    f->live = weir_lookup_live_new(injective || one_to_one);
    if (!open_consumer(f, json_object_get(start->json, "kafkaProperties"), err)) {
        free_follower(f);
        return NULL;
    }
    if (pthread_create(&f->thread, NULL, run, f) != 0) {
        weir_die("out of threads");
    }
    return f;
}

static bool is_loaded(void *self)
{
    return ((follower *)self)->loaded;
}

static void quit_kafka(void *self)
{
    ((follower *)self)->stop = true;
}

static void stop_kafka(void *self)
{
    follower *f = self;
    f->stop = true;
    pthread_join(f->thread, NULL);
    free_follower(f);
}

const weir_lookup_factory weir_lookup_kafka = {.type = "kafka",
                                               .check = check_kafka,
                                               .start = start_kafka,
                                               .is_loaded = is_loaded,
                                               .quit = quit_kafka,
                                               .stop = stop_kafka};
