/* tests/unit/ingest/kafka_wake_test.c - when a consumer's queue that was full is asked to be filled
 * again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "ingest/kafka_wake.h"

static const weir_kafka_wake small = {.full_messages = 1000, .full_bytes = 1 << 20};

static void a_queue_that_was_full_is_filled_when_it_is_half_empty(void **state)
{
    (void)state;
    weir_kafka_wake wake = small;
    int64_t now = 1000000;
    assert_false(weir_kafka_wake_due(&wake, 300, 300, 900, now++));
    assert_false(weir_kafka_wake_due(&wake, 300, 300, 601, now++));
    assert_true(weir_kafka_wake_due(&wake, 300, 300, 300, now++));
    /* it must have been full again */
    assert_false(weir_kafka_wake_due(&wake, 300, 300, 0, now += 100000));
    assert_false(weir_kafka_wake_due(&wake, 300, 300, 800, now += 100000));
    assert_true(weir_kafka_wake_due(&wake, 300, 300, 500, now += 100000));
}

static void a_queue_is_full_by_its_bytes_too(void **state)
{
    (void)state;
    weir_kafka_wake wake = small;
    int64_t now = 1000000;
    assert_false(weir_kafka_wake_due(&wake, 10, 100000, 100, now++));
    assert_true(weir_kafka_wake_due(&wake, 60, 600000, 40, now++));
}

static void a_queue_that_never_fills_is_left_alone(void **state)
{
    (void)state;
    weir_kafka_wake wake = small;
    for (int64_t now = 0; now < 1000; now++) {
        assert_false(weir_kafka_wake_due(&wake, 300, 300, now % 400, now * 100000));
    }
}

static void a_short_time_lies_between_two_questions(void **state)
{
    (void)state;
    weir_kafka_wake wake = small;
    int asked = 0;
    for (int64_t now = 0; now < 100000; now += 100) { /* 0.1 s, full and empty in turns */
        asked += weir_kafka_wake_due(&wake, 1000, 1000, now % 200 ? 0 : 1000, now);
    }
    assert_in_range(asked, 15, 20);
}

static void a_start_asks_a_few_times_in_its_first_second(void **state)
{
    (void)state;
    weir_kafka_wake wake = small;
    int asked = 0, early = 0;
    assert_false(weir_kafka_wake_begun_due(&wake, 5000000)); /* nothing has begun */
    for (int turn = 0; turn < 2; turn++) {
        weir_kafka_wake_begin(&wake, 1000000);
        assert_false(weir_kafka_wake_begun_due(&wake, 1009999));
        for (int64_t now = 1000000; now < 10000000; now += 1000) {
            bool due = weir_kafka_wake_begun_due(&wake, now);
            asked += due;
            early += due && now < 1100000;
        }
    }
    assert_int_equal(asked, 2 * 7);
    assert_int_equal(early, 2 * 4);
}

static void all_partitions_are_asked_in_turns(void **state)
{
    (void)state;
    weir_kafka_wake wake = small;
    uint32_t first, seen[20] = {0};
    for (int turn = 0; turn < 5; turn++) { /* 5 times 8 are twice 20 */
        uint32_t some = weir_kafka_wake_next(&wake, 20, &first);
        assert_int_equal(some, 8);
        for (uint32_t i = 0; i < some; i++) {
            seen[(first + i) % 20]++;
        }
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(seen[i], 2);
    }
    assert_int_equal(weir_kafka_wake_next(&wake, 3, &first), 3);
    assert_in_range(first, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_that_was_full_is_filled_when_it_is_half_empty),
        cmocka_unit_test(a_queue_is_full_by_its_bytes_too),
        cmocka_unit_test(a_queue_that_never_fills_is_left_alone),
        cmocka_unit_test(a_short_time_lies_between_two_questions),
        cmocka_unit_test(a_start_asks_a_few_times_in_its_first_second),
        cmocka_unit_test(all_partitions_are_asked_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
