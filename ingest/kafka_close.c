/* ingest/kafka_close.c - the end of a consumer, which librdkafka may never come to: on a thread of
 * its own, which is left to itself after a while. */
#include "ingest/kafka_reader.h"
#include "weir/arena.h"
#include "weir/clock.h"
#include "weir/log.h"
#include <pthread.h>
#include <stdlib.h>

#define WAIT_MS 2000

typedef struct ending {
    rd_kafka_t *consumer;
    rd_kafka_queue_t *control, *data;
    weir_kafka_reader reader;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended, left_alone; /* who comes last frees it */
} ending;

static void *run(void *self)
{
    ending *e = self;
    rd_kafka_consumer_close(e->consumer);
    rd_kafka_queue_destroy(e->data);
    rd_kafka_queue_destroy(e->control);
    rd_kafka_destroy(e->consumer);
    if (e->reader.message) {
        rd_kafka_message_destroy(e->reader.message);
    }
    if (e->reader.topic) {
        rd_kafka_topic_destroy(e->reader.topic);
    }
    if (e->reader.client) {
        rd_kafka_destroy(e->reader.client);
    }
    pthread_mutex_lock(&e->lock);
    e->ended = true;
    bool last = e->left_alone;
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->lock);
    if (last) {
        free(e);
    }
    return NULL;
}

bool weir_kafka_end(rd_kafka_t *consumer, rd_kafka_queue_t *control, rd_kafka_queue_t *data,
                    weir_kafka_reader *reader)
{
    pthread_t thread;
    struct timespec until = weir_deadline(CLOCK_REALTIME, WAIT_MS);
    ending *e = weir_calloc(1, sizeof(*e));
    e->consumer = consumer;
    e->control = control;
    e->data = data;
    e->reader = *reader;
    *reader = (weir_kafka_reader){0};
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
    if (pthread_create(&thread, NULL, run, e) != 0) {
        weir_die("out of threads");
    }
    pthread_detach(thread);
    pthread_mutex_lock(&e->lock);
    int code = 0;
    while (!e->ended && code == 0) {
        code = pthread_cond_timedwait(&e->changed, &e->lock, &until);
    }
    bool ended = e->ended;
    e->left_alone = !ended;
    pthread_mutex_unlock(&e->lock);
    if (ended) {
        free(e);
    }
    return ended;
}
