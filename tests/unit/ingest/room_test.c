/* tests/unit/ingest/room_test.c - the division of ingestion's memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "ingest/room.h"

#define MIB ((size_t)1 << 20)

static void each_consumer_has_half_of_the_one_before_and_gives_it_back(void **state)
{
    (void)state;
    weir_budget budget = {.limit_bytes = 512 * MIB}, waiting = {.parent = &budget};
    assert_int_equal(weir_room_take_waiting(&budget, &waiting), 64 * MIB);
    assert_int_equal(weir_room_take_waiting(&budget, &waiting), 32 * MIB);
    assert_int_equal(budget.used_bytes, 96 * MIB);
    weir_budget_give(&waiting, 64 * MIB);
    assert_int_equal(weir_room_take_waiting(&budget, &waiting), 48 * MIB);
    assert_int_equal(weir_room_prefetch(&budget, 48 * MIB), 48 * MIB);
    assert_int_equal(weir_room_prefetch(&budget, 0), MIB); /* 0 would be no limit */
    budget.limit_bytes = 0;
    assert_int_equal(weir_room_prefetch(&budget, weir_room_take_waiting(&budget, NULL)), 0);
    budget.limit_bytes = 64ull << 30;
    assert_int_equal(weir_room_take_waiting(&budget, NULL), 640 * MIB);
}

static void any_number_of_consumers_leaves_room_for_rows(void **state)
{
    (void)state;
    for (size_t limit = MIB; limit <= 4096 * MIB; limit *= 4) {
        weir_budget budget = {.limit_bytes = limit}, waiting = {.parent = &budget};
        for (int i = 0; i < 300; i++) {
            weir_room_take_waiting(&budget, &waiting);
        }
        assert_false(weir_room_is_over(&budget));
        weir_budget_force(&budget, limit / 16 * 7 - 1);
        assert_false(weir_room_is_over(&budget));
    }
}

static void rows_wait_while_a_hand_off_and_the_process_still_have_room(void **state)
{
    (void)state;
    weir_budget budget = {.limit_bytes = 512 * MIB};
    size_t reserved = weir_room_generation(&budget) * 3 / 2 + 24 * MIB;
    weir_budget_force(&budget, 512 * MIB - reserved - 1);
    assert_false(weir_room_is_over(&budget));
    weir_budget_force(&budget, 1);
    assert_true(weir_room_is_over(&budget));
    budget.limit_bytes = 0;
    assert_false(weir_room_is_over(&budget));
}

static void warm_pages_go_back_where_rows_need_their_room(void **state)
{
    (void)state;
    weir_budget budget = {.limit_bytes = 128 * MIB};
    weir_page_trim();
    void *pages[8];
    size_t size = 2 * MIB;
    for (int i = 0; i < 8; i++) {
        pages[i] = weir_page_take(&size);
    }
    for (int i = 0; i < 8; i++) {
        weir_page_give(pages[i], size);
    }
    weir_room_keep(&budget);
    assert_int_equal(weir_page_pooled_bytes(), 16 * MIB);
    weir_budget_force(&budget, 106 * MIB); /* 16 of 128 are the process's */
    weir_room_keep(&budget);
    assert_int_equal(weir_page_pooled_bytes(), 6 * MIB);
    weir_budget_force(&budget, 100 * MIB);
    weir_room_keep(&budget);
    assert_int_equal(weir_page_pooled_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_consumer_has_half_of_the_one_before_and_gives_it_back),
        cmocka_unit_test(any_number_of_consumers_leaves_room_for_rows),
        cmocka_unit_test(rows_wait_while_a_hand_off_and_the_process_still_have_room),
        cmocka_unit_test(warm_pages_go_back_where_rows_need_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
