/* tests/unit/ingest/kafka_topics_test.c - topicPattern on librdkafka's mock cluster, and the
 * numbers of partitions. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "ingest/kafka_topics.h"
#include "mock_helper.h"

static void with_one_topic_the_number_is_the_partition(void **state)
{
    (void)state;
    weir_error err;
    weir_kafka_topics *t = weir_kafka_topics_new(WEIR_STR("a.b"), false, &err);
    assert_int_equal(weir_kafka_topics_number(t, WEIR_STR("a.b"), 7), 7);
    assert_int_equal(weir_kafka_topics_number(t, WEIR_STR("axb"), 7), -1);
    weir_topic_partition name = weir_kafka_topics_name(t, 7);
    assert_true(weir_str_is(name.topic, "a.b"));
    assert_int_equal(name.partition, 7);
    weir_kafka_topics_free(t);
}

static void with_a_pattern_partitions_are_numbered_as_they_are_seen(void **state)
{
    (void)state;
    weir_error err;
    weir_kafka_topics *t = weir_kafka_topics_new(WEIR_STR("a|b"), true, &err);
    for (int32_t i = 0; i < 100; i++) {
        assert_int_equal(weir_kafka_topics_number(t, i % 2 ? WEIR_STR("a") : WEIR_STR("b"), i / 2),
                         i);
    }
    for (int32_t i = 0; i < 100; i++) {
        weir_topic_partition name = weir_kafka_topics_name(t, i);
        assert_true(weir_str_is(name.topic, i % 2 ? "a" : "b"));
        assert_int_equal(name.partition, i / 2);
        assert_int_equal(weir_kafka_topics_number(t, name.topic, name.partition), i);
    }
    weir_kafka_topics_free(t);
}

static void a_broken_pattern_is_refused(void **state)
{
    (void)state;
    weir_error err;
    assert_true(weir_kafka_check_pattern(WEIR_STR("ev-\\d+"), &err));
    assert_false(weir_kafka_check_pattern(WEIR_STR("ev-("), &err));
    assert_int_equal(err.code, WEIR_ERR_BAD_REQUEST);
    assert_non_null(strstr(err.message, "ioConfig.topicPattern"));
}

typedef struct reading {
    weir_event_source *source;
    int64_t next[16];
    uint32_t taken, assignments;
} reading;

/* Polls until `want` records were taken in all; each partition counts up. */
static void read_until(reading *r, uint32_t want)
{
    weir_error err;
    int64_t offsets[16];
    for (int i = 0; i < 400 && r->taken < want; i++) {
        weir_source_event event;
        r->source->ops->poll(r->source, 50, true, &event);
        switch ((weir_source_event_kind)event.kind) {
        case WEIR_SOURCE_ASSIGNED:
            assert_true(event.partition_count <= 16);
            for (uint32_t p = 0; p < event.partition_count; p++) {
                offsets[p] = r->next[event.partitions[p]];
            }
            assert_true(r->source->ops->assign(r->source, event.partitions, offsets,
                                               event.partition_count, &err));
            r->assignments++;
            break;
        case WEIR_SOURCE_REVOKED:
        case WEIR_SOURCE_LOST:
            assert_true(r->source->ops->give(r->source, &err));
            break;
        case WEIR_SOURCE_RECORDS:
            for (uint32_t k = 0; k < event.record_count; k++) {
                const weir_record *record = &event.records[k];
                weir_topic_partition name = r->source->ops->name(r->source, record->partition);
                char value[100];
                snprintf(value, sizeof(value), "%.*s/%d/%lld", WEIR_STR_ARG(name.topic),
                         (int)name.partition, (long long)record->offset);
                assert_true(weir_str_is(record->value, value));
                assert_int_equal(record->offset, r->next[record->partition]++);
                r->taken++;
            }
            break;
        case WEIR_SOURCE_NOTHING:
        case WEIR_SOURCE_EOF:
        case WEIR_SOURCE_OUT_OF_RANGE:
        case WEIR_SOURCE_ERROR:
        case WEIR_SOURCE_FENCED:
        case WEIR_SOURCE_FATAL:
            break;
        }
    }
    assert_int_equal(r->taken, want);
}

static void put(mock *m, const char *topic, int partition, int64_t offset)
{
    char value[100];
    snprintf(value, sizeof(value), "%s/%d/%lld", topic, partition, (long long)offset);
    mock_produce_to(m, topic, partition, value);
}

static void topics_that_match_are_read_and_new_ones_are_found(void **state)
{
    (void)state;
    weir_error err;
    mock *m = mock_new("ev-1", 2);
    mock_create(m, "ev-20", 1);
    mock_create(m, "other", 1);
    mock_create(m, "ev-1x", 1); /* the whole name must match */
    json_t *properties = mock_properties(m);
    json_object_set_new(properties, "metadata.max.age.ms", json_string("300"));
    weir_source_options options = {.topic = WEIR_STR("ev-[0-9]+"),
                                   .is_pattern = true,
                                   .group_id = WEIR_STR("g"),
                                   .consumer_properties = properties};
    for (int64_t i = 0; i < 50; i++) {
        put(m, "ev-1", 0, i);
        put(m, "ev-1", 1, i);
        put(m, "ev-20", 0, i);
        put(m, "other", 0, i);
        put(m, "ev-1x", 0, i);
    }
    mock_flush(m);
    reading r = {.source = weir_kafka_open(&options, &err)};
    json_decref(properties);
    assert_non_null(r.source);
    read_until(&r, 150);
    mock_create(m, "ev-3", 1);
    for (int64_t i = 0; i < 20; i++) {
        put(m, "ev-3", 0, i);
    }
    mock_flush(m);
    read_until(&r, 170);
    assert_true(r.assignments >= 2);
    put(m, "ev-1", 1, 50);
    mock_flush(m);
    read_until(&r, 171);
    int64_t low, high;
    weir_topic_partition name = {WEIR_STR("ev-3"), 0};
    int32_t number = r.source->ops->number(r.source, &name);
    assert_true(r.source->ops->watermarks(r.source, number, &low, &high, &err));
    assert_int_equal(high, 20);
    weir_record record;
    assert_true(r.source->ops->read_one(r.source, number, 5, &record, &err));
    assert_true(weir_str_is(record.value, "ev-3/0/5"));
    name.topic = WEIR_STR("ev-20");
    number = r.source->ops->number(r.source, &name);
    assert_true(r.source->ops->read_one(r.source, number, 7, &record, &err));
    assert_true(weir_str_is(record.value, "ev-20/0/7"));
    r.source->ops->close(r.source, false);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_one_topic_the_number_is_the_partition),
        cmocka_unit_test(with_a_pattern_partitions_are_numbered_as_they_are_seen),
        cmocka_unit_test(a_broken_pattern_is_refused),
        cmocka_unit_test(topics_that_match_are_read_and_new_ones_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
