/* tests/soak/writer.c - writes events with unique ids through Kafka transactions, some of which it
 * aborts, and tells in a shared file how far it is.
 *
 * usage: weir_soak_writer BROKERS TOPIC PARTITIONS WRITERS RATE SEED FILE
 *
 * A writer's ids are 0, 1, 2 ... without holes; id i goes to partition i % PARTITIONS. So whoever
 * reads a partition in order has seen a prefix of a known series: its count gives its sum, least
 * and greatest id. A transaction that is aborted on purpose carries the same ids as the one that
 * follows it, with `dead` 1: an aborted row that is seen makes an id double and the sum of `dead`
 * positive.
 *
 * FILE: per writer 8 uint64: asked (ids below it may be committed: written before each commit),
 * committed (ids below it are: written after), transactions committed, aborted on purpose, aborted
 * by errors, events in aborted ones, fatal errors, 1 when ended. SIGTERM: ends after the
 * transaction under way. A broker that is away is waited for. */
#include <librdkafka/rdkafka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BURST_MAX = 20000, WRITERS_MAX = 16, PARTITIONS_MAX = 64, LATE_ONE_IN = 100 };

typedef struct progress {
    _Atomic uint64_t asked, committed, commits, aborts_wanted, aborts_forced, events_aborted, fatal,
        ended;
} progress;

typedef struct writer {
    pthread_t thread;
    int number;
    uint64_t random;
    progress *told;
    rd_kafka_t *kafka;
    rd_kafka_topic_t *topic;
} writer;

#define ENDED INT64_MAX /* of a partition that was read */

static const char *brokers, *topic_name;
static int partitions, writers;
static double rate;
static atomic_bool stopping;
static _Thread_local char why[300]; /* the last error */

static void on_signal(int number)
{
    (void)number;
    atomic_store(&stopping, true);
}

static int64_t now_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static uint64_t draw(writer *w, uint64_t below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 11) % below;
}

static void die(const char *what, const char *words)
{
    fprintf(stderr, "writer: %s: %s\n", what, words);
    exit(1);
}

static rd_kafka_conf_t *conf_of(const char *const (*pairs)[2])
{
    char words[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (; (*pairs)[0]; pairs++) {
        if (rd_kafka_conf_set(conf, (*pairs)[0], (*pairs)[1], words, sizeof(words)) !=
            RD_KAFKA_CONF_OK) {
            die((*pairs)[0], words);
        }
    }
    return conf;
}

/* True: done. False: try again. Errors that end the producer are told to `fatal`. */
static bool done(rd_kafka_error_t *error, bool *abort, bool *fatal)
{
    if (!error) {
        return true;
    }
    snprintf(why, sizeof(why), "%s", rd_kafka_error_string(error));
    *abort = *abort || rd_kafka_error_txn_requires_abort(error);
    *fatal = *fatal || rd_kafka_error_is_fatal(error);
    if (!*abort && !*fatal && !rd_kafka_error_is_retriable(error)) {
        *fatal = true;
    }
    rd_kafka_error_destroy(error);
    nap(20);
    return false;
}

static void open_producer(writer *w)
{
    char words[512], id[300];
    snprintf(id, sizeof(id), "soak-%s-%d", topic_name, w->number);
    const char *const pairs[][2] = {{"bootstrap.servers", brokers},
                                    {"transactional.id", id},
                                    {"linger.ms", "5"},
                                    {"compression.codec", "lz4"},
                                    {"queue.buffering.max.messages", "200000"},
                                    {"transaction.timeout.ms", "60000"},
                                    {"reconnect.backoff.max.ms", "500"},
                                    {"log_level", "0"},
                                    {NULL, NULL}};
    w->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf_of(pairs), words, sizeof(words));
    if (!w->kafka) {
        die("producer", words);
    }
    bool abort = false, fatal = false;
    while (!done(rd_kafka_init_transactions(w->kafka, 30000), &abort, &fatal)) {
        if (fatal) {
            die("init_transactions", why);
        }
    }
    w->topic = rd_kafka_topic_new(w->kafka, topic_name, NULL);
}

static void close_producer(writer *w)
{
    rd_kafka_topic_destroy(w->topic);
    rd_kafka_destroy(w->kafka);
}

/* The number after `"name":` in an event; -1: none. */
static int64_t number_in(const rd_kafka_message_t *m, const char *name)
{
    char text[256];
    size_t size = m->len < sizeof(text) - 1 ? m->len : sizeof(text) - 1;
    memcpy(text, m->payload, size);
    text[size] = 0;
    const char *at = strstr(text, name);
    return at ? atoll(at + strlen(name)) : -1;
}

/* How many ids of this writer are committed, by reading the ends of the partitions: after a fatal
 * error during a commit nobody else knows. All ids of a transaction are committed, or none. */
static uint64_t committed_in_topic(writer *w)
{
    char words[512];
    const char *const pairs[][2] = {{"bootstrap.servers", brokers},
                                    {"group.id", "soak-look"},
                                    {"enable.auto.commit", "false"},
                                    {"enable.partition.eof", "true"},
                                    {"auto.offset.reset", "error"},
                                    {"log_level", "0"},
                                    {NULL, NULL}};
    rd_kafka_t *k = rd_kafka_new(RD_KAFKA_CONSUMER, conf_of(pairs), words, sizeof(words));
    if (!k) {
        die("consumer", words);
    }
    rd_kafka_poll_set_consumer(k);
    int64_t most = -1, ends[PARTITIONS_MAX];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; p++) {
        int64_t low = 0;
        while (rd_kafka_query_watermark_offsets(k, topic_name, p, &low, ends + p, 5000)) {
            nap(100);
        }
        int64_t back = (int64_t)(rate * 90) / partitions + BURST_MAX; /* the others wrote on */
        rd_kafka_topic_partition_list_add(list, topic_name, p)->offset =
            ends[p] - back > low ? ends[p] - back : low;
    }
    rd_kafka_assign(k, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int left = partitions; left > 0;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(k, 1000);
        if (!m) {
            continue;
        }
        bool at_end = m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (!m->err) {
            at_end = m->offset >= ends[m->partition] - 1;
            if (number_in(m, "\"writer\":") == w->number && number_in(m, "\"dead\":") == 0) {
                int64_t id = number_in(m, "\"id\":");
                most = id > most ? id : most;
            }
        }
        if (at_end && ends[m->partition] != ENDED) {
            ends[m->partition] = ENDED;
            left--;
        }
        rd_kafka_message_destroy(m);
    }
    rd_kafka_consumer_close(k);
    rd_kafka_destroy(k);
    if (most + 1 < (int64_t)w->told->committed) {
        die("looking for the last committed id", "it is not at the topic's end");
    }
    return (uint64_t)(most + 1);
}

/* Puts ids [from, to) into the open transaction. False: it must be aborted. */
static bool produce(writer *w, uint64_t from, uint64_t to, bool dead)
{
    int64_t now = now_ms(CLOCK_REALTIME);
    char text[256];
    for (uint64_t id = from; id < to; id++) {
        int64_t at = draw(w, LATE_ONE_IN) ? now : now - (int64_t)(1 + draw(w, 20)) * 86400000;
        int part = (int)(id % (uint64_t)partitions);
        int size = snprintf(text, sizeof(text),
                            "{\"ts\":%lld,\"writer\":%d,\"part\":%d,\"id\":%llu,\"dead\":%d,"
                            "\"kind\":\"k%llu\"}",
                            (long long)at, w->number, part, (unsigned long long)id, dead,
                            (unsigned long long)(id * 2654435761u % 97));
        while (rd_kafka_produce(w->topic, part, RD_KAFKA_MSG_F_COPY, text, (size_t)size, NULL, 0,
                                NULL)) {
            if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
                return false;
            }
            rd_kafka_poll(w->kafka, 10);
        }
        if (id % 512 == 0) {
            rd_kafka_poll(w->kafka, 0);
        }
    }
    return true;
}

/* Aborts the open transaction. False: the producer is dead. */
static bool abort_open(writer *w)
{
    bool abort = false, fatal = false;
    while (!done(rd_kafka_abort_transaction(w->kafka, 30000), &abort, &fatal)) {
        if (fatal) {
            return false;
        }
        abort = false;
    }
    return true;
}

/* One transaction with ids [from, to), to be committed or not. Returns how far it is committed. */
static uint64_t transact(writer *w, uint64_t from, uint64_t to, bool dead)
{
    bool abort = false, fatal = false;
    while (!done(rd_kafka_begin_transaction(w->kafka), &abort, &fatal)) {
        if (fatal || abort) {
            goto broken;
        }
    }
    if (!produce(w, from, to, dead)) {
        abort = true;
    } else if (dead) {
        rd_kafka_flush(w->kafka, 500);
        w->told->aborts_wanted++;
        w->told->events_aborted += to - from;
        fatal = !abort_open(w);
        if (!fatal) {
            return from;
        }
    } else {
        w->told->asked = to;
        while (!done(rd_kafka_commit_transaction(w->kafka, 30000), &abort, &fatal)) {
            if (abort || fatal) {
                goto broken;
            }
        }
        w->told->commits++;
        return to;
    }
broken:
    w->told->aborts_forced++;
    w->told->events_aborted += to - from;
    if (!fatal && abort_open(w)) {
        return from;
    }
    w->told->fatal++;
    fprintf(stderr, "writer %d begins anew: %s\n", w->number, why);
    int64_t begun = now_ms(CLOCK_MONOTONIC);
    close_producer(w);
    int64_t closed = now_ms(CLOCK_MONOTONIC);
    open_producer(w); /* ends what the dead one left open */
    int64_t opened = now_ms(CLOCK_MONOTONIC);
    uint64_t committed = committed_in_topic(w);
    fprintf(stderr, "writer %d: closed in %lld ms, opened in %lld ms, looked for %lld ms: %llu\n",
            w->number, (long long)(closed - begun), (long long)(opened - closed),
            (long long)(now_ms(CLOCK_MONOTONIC) - opened), (unsigned long long)committed);
    return committed;
}

static void *run(void *argument)
{
    writer *w = argument;
    open_producer(w);
    int64_t begun = now_ms(CLOCK_MONOTONIC);
    double owed_from = 0;
    uint64_t next = 0;
    while (!atomic_load(&stopping)) {
        double wanted = (double)(now_ms(CLOCK_MONOTONIC) - begun) / 1000 * rate / writers;
        double owed = wanted - owed_from - (double)next;
        if (owed > 30 * rate / writers) { /* what a long outage left is not made up for */
            owed_from += owed - 30 * rate / writers;
        }
        if (owed < rate / writers / 20) {
            nap(5);
            continue;
        }
        uint64_t size = owed < BURST_MAX / 2 ? (uint64_t)owed : BURST_MAX / 2;
        size = size / 2 + draw(w, size / 2 + 1) + 1;
        if (draw(w, 8) == 0) {
            uint64_t end = next + 1 + draw(w, size);
            next = transact(w, next, end, true);
        } else {
            next = transact(w, next, next + size, false);
        }
        w->told->committed = next;
        w->told->asked = next;
    }
    close_producer(w);
    w->told->ended = 1;
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        die("usage", "weir_soak_writer BROKERS TOPIC PARTITIONS WRITERS RATE SEED FILE");
    }
    brokers = argv[1];
    topic_name = argv[2];
    partitions = atoi(argv[3]);
    writers = atoi(argv[4]);
    rate = atof(argv[5]);
    if (partitions < 1 || partitions > PARTITIONS_MAX || writers < 1 || writers > WRITERS_MAX ||
        rate <= 0) {
        die("usage", "PARTITIONS 1 to 64, WRITERS 1 to 16, RATE above 0");
    }
    int fd = open(argv[7], O_RDWR | O_CREAT, 0644);
    if (fd < 0 || ftruncate(fd, (off_t)(sizeof(progress) * (size_t)writers))) {
        die(argv[7], "cannot be made");
    }
    progress *told =
        mmap(NULL, sizeof(progress) * (size_t)writers, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (told == MAP_FAILED) {
        die(argv[7], "cannot be mapped");
    }
    signal(SIGTERM, on_signal);
    writer all[WRITERS_MAX] = {0};
    for (int i = 0; i < writers; i++) {
        all[i].number = i;
        all[i].told = told + i;
        all[i].random =
            strtoull(argv[6], NULL, 10) * 2654435761u + (uint64_t)i * 40503u + 88172645463325252u;
        pthread_create(&all[i].thread, NULL, run, all + i);
    }
    for (int i = 0; i < writers; i++) {
        pthread_join(all[i].thread, NULL);
    }
    return 0;
}
