/* cli/demo.c - see demo.h. One thread writes events at a rate that breathes (a peak every five minutes, short bursts), 1 % of them minutes or hours late. */
#include "cli/demo.h"
#include "cli/demo_shop.h"
#include "weir/log.h"
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TOPIC "shop"
#define PARTITIONS 4
#define TICK_US 10000

struct weir_demo {
    rd_kafka_t *host; /* the mock cluster lives in it */
    rd_kafka_t *producer;
    rd_kafka_mock_cluster_t *broker;
    rd_kafka_topic_t *topic;
    double events_per_second;
    pthread_t thread;
    bool running;
    _Atomic bool quiet;
};

static const char spec[] =
    "{\"type\":\"kafka\",\"spec\":{"
    "\"dataSchema\":{\"dataSource\":\"shop\","
    "\"timestampSpec\":{\"column\":\"time\",\"format\":\"millis\"},"
    "\"dimensionsSpec\":{\"dimensions\":[\"event\",\"page\",\"category\",\"product\",\"brand\",\"country\",\"city\",\"device\",\"browser\",\"os\","
    "\"referrer\",\"campaign\",\"member\",\"user\",\"tags\",{\"type\":\"long\",\"name\":\"cart_size\"}]},"
    "\"metricsSpec\":[{\"type\":\"count\",\"name\":\"count\"},{\"type\":\"longSum\",\"name\":\"quantity\",\"fieldName\":\"quantity\"},"
    "{\"type\":\"doubleSum\",\"name\":\"revenue\",\"fieldName\":\"revenue\"},{\"type\":\"longSum\",\"name\":\"latency_ms\",\"fieldName\":\"latency_ms\"},"
    "{\"type\":\"longMax\",\"name\":\"latency_max\",\"fieldName\":\"latency_ms\"},{\"type\":\"longSum\",\"name\":\"bytes\",\"fieldName\":\"bytes\"}],"
    "\"granularitySpec\":{\"type\":\"uniform\",\"segmentGranularity\":\"HOUR\",\"queryGranularity\":\"NONE\",\"rollup\":false}},"
    "\"ioConfig\":{\"topic\":\"" TOPIC "\",\"inputFormat\":{\"type\":\"json\"},\"useEarliestOffset\":true,\"taskCount\":1,"
    "\"consumerProperties\":{\"bootstrap.servers\":\"%s\"}},"
    "\"tuningConfig\":{\"type\":\"kafka\",\"resetOffsetAutomatically\":true}}}";

static double rate_at(const weir_demo *demo, double seconds, weir_shop *shop)
{
    double wave = 1 + 0.6 * sin(seconds * 2 * M_PI / 300), burst = weir_shop_chance(shop, 0.002) ? 6 : 1;
    return demo->events_per_second * wave * burst;
}

static void write_event(weir_demo *demo, weir_shop *shop, int64_t now_ms, weir_buf *event)
{
    event->size = 0;
    uint64_t user = weir_shop_event(shop, now_ms, event);
    char key[24];
    int key_size = snprintf(key, sizeof(key), "u%llu", (unsigned long long)user);
    while (rd_kafka_produce(demo->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, event->at, event->size, key, (size_t)key_size, NULL) != 0 &&
           rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL && !demo->quiet) {
        rd_kafka_poll(demo->producer, 10);
    }
}

static void *run(void *self)
{
    weir_demo *demo = self;
    weir_shop *shop = weir_shop_new(20260101);
    weir_buf event = {0};
    double owed = 0, seconds = 0;
    while (!demo->quiet) {
        owed += rate_at(demo, seconds, shop) * TICK_US / 1e6;
        int64_t now_ms = weir_wall_ms(&weir_clock_system);
        for (; owed >= 1 && !demo->quiet; owed -= 1) {
            write_event(demo, shop, now_ms, &event);
        }
        rd_kafka_poll(demo->producer, 0);
        nanosleep(&(struct timespec){.tv_nsec = TICK_US * 1000}, NULL);
        seconds += TICK_US / 1e6;
    }
    weir_buf_done(&event);
    weir_shop_free(shop);
    return NULL;
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, weir_error *err)
{
    char why[200];
    return rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK ||
           weir_fail(err, WEIR_ERR_KAFKA, "the demo's producer: %s: %s", name, why);
}

/* A mock cluster lives in a client; another client, which produces, connects to it. */
static bool start_broker(weir_demo *demo, weir_error *err)
{
    char why[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    demo->host = set(conf, "log_level", "3", err) ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why)) : NULL; /* it has no servers, and would say so */
    if (!demo->host) {
        return weir_fail(err, WEIR_ERR_KAFKA, "the demo's broker: %s", why);
    }
    demo->broker = rd_kafka_mock_cluster_new(demo->host, 1);
    if (!demo->broker || rd_kafka_mock_topic_create(demo->broker, TOPIC, PARTITIONS, 1) != 0) {
        return weir_fail(err, WEIR_ERR_KAFKA, "the demo's broker does not start");
    }
    return true;
}

static bool start_producer(weir_demo *demo, weir_error *err)
{
    char why[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(demo->broker), err) ||
        !set(conf, "compression.codec", "lz4", err) || !set(conf, "linger.ms", "5", err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    demo->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!demo->producer) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_ERR_KAFKA, "the demo's producer: %s", why);
    }
    demo->topic = rd_kafka_topic_new(demo->producer, TOPIC, NULL);
    return true;
}

static bool post_supervisor(weir_demo *demo, weir_ingest *ingest, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_buf answer = {0};
    weir_str body = weir_arena_printf(arena, spec, rd_kafka_mock_cluster_bootstraps(demo->broker));
    bool ok = weir_supervisor_post(ingest, body, &answer, err);
    weir_buf_done(&answer);
    weir_arena_free(arena);
    return ok;
}

static void say_what_is_kept(weir_catalog *catalog)
{
    weir_table *table = weir_catalog_table(catalog, WEIR_STR("shop"));
    weir_table_stats stats = {0};
    if (table) {
        weir_table_stats_get(table, &stats);
    }
    if (stats.frozen_segments > 0) {
        weir_log(WEIR_INFO, "demo", "%llu events of earlier starts are kept in %llu segments; the topic '" TOPIC "' starts anew",
                 (unsigned long long)stats.frozen_events, (unsigned long long)stats.frozen_segments);
    }
}

weir_demo *weir_demo_start(weir_ingest *ingest, weir_catalog *catalog, int64_t events_per_second, weir_error *err)
{
    weir_demo *demo = weir_calloc(1, sizeof(*demo));
    demo->events_per_second = (double)events_per_second;
    say_what_is_kept(catalog);
    if (!start_broker(demo, err) || !start_producer(demo, err) || !post_supervisor(demo, ingest, err)) {
        weir_demo_free(demo);
        return NULL;
    }
    if (pthread_create(&demo->thread, NULL, run, demo) != 0) {
        weir_die("cannot start the demo's generator");
    }
    demo->running = true;
    weir_log(WEIR_INFO, "demo", "the embedded broker listens on %s: try `kcat -b %s -t " TOPIC " -o end`",
             rd_kafka_mock_cluster_bootstraps(demo->broker), rd_kafka_mock_cluster_bootstraps(demo->broker));
    return demo;
}

void weir_demo_quiet(weir_demo *demo)
{
    demo->quiet = true;
}

void weir_demo_free(weir_demo *demo)
{
    demo->quiet = true;
    if (demo->running) {
        pthread_join(demo->thread, NULL);
    }
    if (demo->topic) {
        rd_kafka_purge(demo->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_topic_destroy(demo->topic);
        rd_kafka_destroy(demo->producer);
    }
    if (demo->broker) {
        rd_kafka_mock_cluster_destroy(demo->broker);
    }
    if (demo->host) {
        rd_kafka_destroy(demo->host);
    }
    free(demo);
}
