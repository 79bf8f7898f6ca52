/* tests/unit/ingest/kafka_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "mock_helper.h"

/* Polls until an event of `kind`, at most 60 s; others are skipped (records too). */
static weir_source_event wait_for(weir_event_source *source, weir_source_event_kind kind)
{
    weir_source_event event = {0};
    for (int i = 0; i < 1200; i++) {
        source->ops->poll(source, 50, true, &event);
        if (event.kind == kind) {
            return event;
        }
    }
    fail_msg("no event of kind %d came", (int)kind);
    return event;
}

/* One cluster and one group member for all tests, as joining a group takes 3 s. Partition 0 and 1
 * hold numbers; `base` is where the test's own begin. */
typedef struct shared {
    mock *m;
    weir_event_source *source;
    int64_t high[2];
} shared;

static shared the;

static int join(void **state)
{
    the.m = mock_new("t", 2);
    the.source = mock_open(the.m, "g");
    weir_source_event event = wait_for(the.source, WEIR_SOURCE_ASSIGNED);
    assert_int_equal(event.partition_count, 2);
    assert_int_equal(the.source->ops->members(the.source), 1);
    *state = &the;
    return 0;
}

static int leave(void **state)
{
    (void)state;
    the.source->ops->close(the.source, true);
    mock_free(the.m);
    return 0;
}

static void assign_at(const shared *t, int64_t offset0, int64_t offset1)
{
    weir_error err;
    int32_t partitions[2] = {0, 1};
    int64_t offsets[2] = {offset0, offset1};
    assert_true(t->source->ops->assign(t->source, partitions, offsets, 2, &err));
}

static void produce_numbers(shared *t, int partition, int count)
{
    for (int i = 0; i < count; i++, t->high[partition]++) {
        char key[20], value[20];
        snprintf(key, sizeof(key), "k%lld", (long long)t->high[partition]);
        snprintf(value, sizeof(value), "v%lld", (long long)t->high[partition]);
        mock_produce(t->m, partition, key, value, 1000 + t->high[partition]);
    }
    mock_flush(t->m);
}

static int64_t ends[2]; /* as told by EOF since the last assignment */

/* Takes records until `want` of them; checks that each partition counts up from *next[partition].
 */
static void take_numbers(const shared *t, int64_t *next, uint32_t want)
{
    for (int i = 0; want > 0 && i < 1200; i++) {
        weir_source_event event;
        t->source->ops->poll(t->source, 50, true, &event);
        if (event.kind == WEIR_SOURCE_EOF) {
            ends[event.partitions[0]] = event.offset;
        }
        for (uint32_t r = 0; event.kind == WEIR_SOURCE_RECORDS && r < event.record_count;
             r++, want--) {
            const weir_record *record = &event.records[r];
            char value[20];
            assert_int_equal(record->offset, next[record->partition]);
            snprintf(value, sizeof(value), "v%lld", (long long)next[record->partition]);
            assert_true(weir_str_is(record->value, value));
            assert_int_equal(record->timestamp_ms, 1000 + next[record->partition]);
            next[record->partition]++;
        }
    }
    assert_int_equal(want, 0);
}

static void records_arrive_once_in_order_and_the_end_is_told(void **state)
{
    shared *t = *state;
    int64_t next[2] = {t->high[0], t->high[1]};
    produce_numbers(t, 0, 500);
    produce_numbers(t, 1, 300);
    assign_at(t, next[0], next[1]);
    take_numbers(t, next, 800);
    while (ends[0] == 0 || ends[1] == 0) {
        weir_source_event event = wait_for(t->source, WEIR_SOURCE_EOF);
        ends[event.partitions[0]] = event.offset;
    }
    assert_int_equal(ends[0], t->high[0]);
    assert_int_equal(ends[1], t->high[1]);
    produce_numbers(t, 1, 10);
    take_numbers(t, next, 10);
}

static void an_assignment_begins_at_the_offset_it_names(void **state)
{
    shared *t = *state;
    produce_numbers(t, 0, 100);
    int64_t next[2] = {t->high[0] - 60, t->high[1]};
    assign_at(t, next[0], next[1]);
    take_numbers(t, next, 60);
    next[0] = t->high[0] - 30; /* anew, while running */
    assign_at(t, next[0], next[1]);
    take_numbers(t, next, 30);
}

static void an_offset_that_is_not_there_is_told_not_skipped(void **state)
{
    shared *t = *state;
    assign_at(t, t->high[0] + 5000, t->high[1]);
    weir_source_event event = wait_for(t->source, WEIR_SOURCE_OUT_OF_RANGE);
    assert_int_equal(event.partitions[0], 0);
}

static void backpressure_takes_no_records_and_loses_none(void **state)
{
    shared *t = *state;
    int64_t next[2] = {t->high[0], t->high[1]};
    weir_source_event event;
    assign_at(t, next[0], next[1]);
    produce_numbers(t, 0, 200);
    for (int i = 0; i < 10; i++) {
        t->source->ops->poll(t->source, 20, false, &event);
        assert_int_not_equal(event.kind, WEIR_SOURCE_RECORDS);
    }
    take_numbers(t, next, 200);
}

static void watermarks_and_single_records_can_be_asked_for(void **state)
{
    shared *t = *state;
    int64_t low = -1, high = -1, base = t->high[0];
    weir_record record;
    weir_error err;
    produce_numbers(t, 0, 25);
    assert_true(t->source->ops->watermarks(t->source, 0, &low, &high, &err));
    assert_int_equal(low, 0);
    assert_int_equal(high, t->high[0]);
    assert_true(t->source->ops->read_one(t->source, 0, base + 17, &record, &err));
    assert_int_equal(record.offset, base + 17);
    assert_int_equal(record.timestamp_ms, 1000 + base + 17);
    assert_false(t->source->ops->read_one(t->source, 0, t->high[0], &record, &err));
    assert_int_equal(err.code, WEIR_OK);
    int64_t next[2] = {base, t->high[1]};
    assign_at(t, next[0], next[1]);
    take_numbers(t, next, 25);
    assert_true(t->source->ops->watermarks_known(t->source, 0, &low, &high));
    assert_int_equal(high, t->high[0]);
}

static void a_tombstone_has_no_value(void **state)
{
    shared *t = *state;
    mock_produce(t->m, 0, "k", NULL, 5);
    mock_flush(t->m);
    assign_at(t, t->high[0]++, t->high[1]);
    weir_source_event event = wait_for(t->source, WEIR_SOURCE_RECORDS);
    assert_null(event.records[0].value.at);
}

static void nothing_comes_after_the_partitions_were_given_up(void **state)
{
    shared *t = *state;
    weir_source_event event;
    weir_error err;
    produce_numbers(t, 0, 50);
    assign_at(t, t->high[0] - 50, t->high[1]);
    wait_for(t->source, WEIR_SOURCE_RECORDS);
    assert_true(t->source->ops->give(t->source, &err));
    for (int i = 0; i < 5; i++) {
        t->source->ops->poll(t->source, 20, true, &event);
        assert_int_not_equal(event.kind, WEIR_SOURCE_RECORDS);
    }
}

static void wrong_properties_are_refused_by_name(void **state)
{
    (void)state;
    weir_error err;
    json_t *good =
        json_loads("{\"bootstrap.servers\":\"x:1\",\"group.id\":\"mine\",\"max.poll.records\":"
                   "\"5\",\"no.such\":\"1\",\"fetch.wait.max.ms\":50,"
                   "\"sasl.jaas.config\":\"X required username=\\\"u\\\" password=\\\"p\\\";\"}",
                   0, NULL);
    json_t *bad =
        json_loads("{\"bootstrap.servers\":\"x:1\",\"fetch.wait.max.ms\":\"many\"}", 0, NULL);
    json_t *worse = json_loads("{\"bootstrap.servers\":[\"x:1\"]}", 0, NULL);
    assert_true(weir_kafka_check("ioConfig.consumerProperties", good, &err));
    assert_false(weir_kafka_check("ioConfig.consumerProperties", bad, &err));
    assert_non_null(strstr(err.message, "ioConfig.consumerProperties.fetch.wait.max.ms"));
    assert_int_equal(err.code, WEIR_ERR_BAD_REQUEST);
    assert_false(weir_kafka_check("ioConfig.consumerProperties", worse, &err));
    assert_non_null(strstr(err.message, "ioConfig.consumerProperties.bootstrap.servers"));
    json_decref(good);
    json_decref(bad);
    json_decref(worse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_arrive_once_in_order_and_the_end_is_told),
        cmocka_unit_test(an_assignment_begins_at_the_offset_it_names),
        cmocka_unit_test(an_offset_that_is_not_there_is_told_not_skipped),
        cmocka_unit_test(backpressure_takes_no_records_and_loses_none),
        cmocka_unit_test(watermarks_and_single_records_can_be_asked_for),
        cmocka_unit_test(a_tombstone_has_no_value),
        cmocka_unit_test(nothing_comes_after_the_partitions_were_given_up),
        cmocka_unit_test(wrong_properties_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, join, leave);
}
