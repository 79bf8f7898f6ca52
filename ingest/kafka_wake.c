/* ingest/kafka_wake.c - see ingest/kafka_wake.h. */
#include "ingest/kafka_wake.h"
#include "compute/text.h"
#include "weir/str.h"
#include <string.h>

#define ASKED_AT_ONCE 8
#define LEAST_US 5000 /* between two questions */
#define ANSWER_MS 2
#define BEGUN_US 10000
#define BEGUN_TIMES 7

static int64_t number_in(rd_kafka_conf_t *conf, const char *name)
{
    char text[32] = "";
    size_t size = sizeof(text);
    int64_t number = 0;
    rd_kafka_conf_get(conf, name, text, &size);
    return weir_str_to_long(weir_str_of(text), &number) ? number : 0;
}

void weir_kafka_wake_init(weir_kafka_wake *wake, rd_kafka_conf_t *conf)
{
    *wake = (weir_kafka_wake){.full_messages = number_in(conf, "queued.min.messages"),
                              .full_bytes = number_in(conf, "queued.max.messages.kbytes") << 10};
}

bool weir_kafka_wake_due(weir_kafka_wake *wake, int64_t taken, int64_t bytes, int64_t left,
                         int64_t now_us)
{
    int64_t each = taken > 0 ? bytes / taken : 0, waited = left + taken;
    wake->peak = waited > wake->peak ? waited : wake->peak;
    /* three quarters, as messages differ in size */
    bool was_full = wake->peak >= wake->full_messages / 4 * 3 ||
                    (each > 0 && wake->peak >= wake->full_bytes / 4 * 3 / each);
    if (!was_full || left > wake->peak / 2 || now_us - wake->since_us < LEAST_US) {
        return false;
    }
    wake->peak = left;
    wake->since_us = now_us;
    return true;
}

void weir_kafka_wake_begin(weir_kafka_wake *wake, int64_t now_us)
{
    wake->begun_us = now_us;
    wake->begun_asked = 0;
}

bool weir_kafka_wake_begun_due(weir_kafka_wake *wake, int64_t now_us)
{
    bool due = wake->begun_us > 0 && wake->begun_asked < BEGUN_TIMES &&
               now_us - wake->begun_us >= (int64_t)BEGUN_US << wake->begun_asked;
    wake->begun_asked += due;
    return due;
}

uint32_t weir_kafka_wake_next(weir_kafka_wake *wake, uint32_t count, uint32_t *first)
{
    uint32_t some = count < ASKED_AT_ONCE ? count : ASKED_AT_ONCE;
    *first = count > 0 ? wake->next % count : 0;
    wake->next = *first + some;
    return some;
}

void weir_kafka_wake_ask(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *of)
{
    for (int i = 0; i < of->cnt; i++) {
        of->elems[i].offset = RD_KAFKA_OFFSET_END; /* in the place of a time */
    }
    rd_kafka_offsets_for_times(consumer, of, ANSWER_MS);
}
