/* tests/unit/compute/memory_test.c - budgets, pages, scratch and heaps. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include "compute/memory.h"

static void a_budget_refuses_what_its_parent_cannot_give_and_takes_nothing(void **state)
{
    (void)state;
    weir_budget process = {.name = "process", .limit_bytes = 100};
    weir_budget query = {.parent = &process, .name = "query", .limit_bytes = 80};
    weir_error err = {0};
    assert_true(weir_budget_take(&query, 60, &err));
    assert_false(weir_budget_take(&query, 30, &err));
    assert_int_equal(err.code, WEIR_ERR_RESOURCE);
    assert_non_null(strstr(err.message, "query"));
    weir_budget_force(&process, 40);
    assert_false(weir_budget_take(&query, 1, &err));
    assert_non_null(strstr(err.message, "process"));
    assert_int_equal(atomic_load(&query.used_bytes), 60);
    assert_int_equal(atomic_load(&process.used_bytes), 100);
    weir_budget_give(&query, 60);
    assert_int_equal(atomic_load(&process.used_bytes), 40);
    assert_int_equal(atomic_load(&process.peak_bytes), 100);
}

static int64_t fake_now;
static int64_t fake_us(void *self)
{
    (void)self;
    return fake_now;
}

static void the_first_reason_to_stop_stays(void **state)
{
    (void)state;
    weir_clock clock = {.monotonic_us = fake_us};
    weir_ctl ctl = {.clock = &clock, .deadline_us = 100, .budget = {.limit_bytes = 10}};
    weir_error err = {0};
    fake_now = 99;
    assert_true(weir_ctl_check(&ctl, &err));
    fake_now = 100;
    assert_false(weir_ctl_check(&ctl, &err));
    assert_int_equal(err.code, WEIR_ERR_TIMEOUT);
    weir_ctl_cancel(&ctl);
    assert_false(weir_ctl_check(&ctl, &err));
    assert_int_equal(err.code, WEIR_ERR_TIMEOUT);
    weir_ctl cancelled = {.clock = &clock};
    weir_ctl_cancel(&cancelled);
    assert_false(weir_ctl_check(&cancelled, &err));
    assert_int_equal(err.code, WEIR_ERR_CANCELLED);
    weir_ctl large = {.clock = &clock, .budget = {.limit_bytes = 10}};
    weir_budget_force(&large.budget, 11);
    assert_false(weir_ctl_check(&large, &err));
    assert_int_equal(err.code, WEIR_ERR_RESOURCE);
}

static void pages_are_rounded_up_and_reused(void **state)
{
    (void)state;
    weir_page_trim();
    const size_t wishes[] = {1, 65536, 65537, 1 << 20, (1 << 20) + 1, (2 << 20) + 1, 33 << 20};
    const size_t sizes[] = {65536, 65536, 262144, 1 << 20, 2 << 20, 4 << 20, 36 << 20};
    for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++) {
        size_t size = wishes[i];
        uint8_t *page = weir_page_take(&size);
        assert_int_equal(size, sizes[i]);
        page[0] = page[size - 1] = 1;
        weir_page_give(page, size);
        assert_int_equal(weir_page_pooled_bytes(), size);
        size = wishes[i];
        assert_ptr_equal(weir_page_take(&size), page);
        weir_page_give(page, size);
        weir_page_trim();
        assert_int_equal(weir_page_pooled_bytes(), 0);
    }
}

static void *take_and_give(void *argument)
{
    uint64_t seed = (uintptr_t)argument;
    for (int i = 0; i < 2000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t size = 1 + (seed >> 40) % 300000;
        uint64_t *page = weir_page_take(&size);
        page[0] = page[size / 8 - 1] = seed;
        assert_true(page[0] == seed && page[size / 8 - 1] == seed);
        weir_page_give(page, size);
    }
    return NULL;
}

static void pages_may_be_taken_by_several_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, take_and_give, (void *)(i + 1));
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    weir_page_trim();
}

static void scratch_gives_aligned_bytes_and_goes_back_to_a_mark(void **state)
{
    (void)state;
    weir_budget budget = {0};
    weir_scratch s = {.budget = &budget};
    weir_mark start = weir_scratch_mark(&s);
    void *first = weir_scratch_take(&s, 3);
    assert_int_equal((uintptr_t)first % 32, 0);
    weir_mark mark = weir_scratch_mark(&s);
    uint8_t *second = weir_scratch_take(&s, 100000);
    uint8_t *large = weir_scratch_take(&s, 5 << 20);
    uint8_t *small = weir_scratch_take(&s, 100000);
    memset(second, 1, 100000);
    memset(large, 2, 5 << 20);
    memset(small, 3, 100000);
    assert_int_equal(second[99999], 1);
    assert_int_equal(large[0], 2);
    size_t used = atomic_load(&budget.used_bytes);
    weir_scratch_rewind(&s, mark);
    assert_ptr_equal(weir_scratch_take(&s, 100000), second);
    weir_scratch_rewind(&s, start);
    assert_ptr_equal(weir_scratch_take(&s, 1), first);
    weir_scratch_take(&s, 5 << 20);
    assert_true(atomic_load(&budget.used_bytes) == used);
    weir_scratch_done(&s);
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
}

/* Blocks of a heap against plain malloc'd copies, through random puts, resizes and drops. */
static void a_heap_keeps_every_block_through_resizes_and_drops(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    weir_budget budget = {0};
    weir_heap *heap = weir_heap_new(&budget);
    uint64_t handles[COUNT] = {0};
    uint8_t *copies[COUNT] = {0};
    size_t sizes[COUNT] = {0};
    srand(1);
    for (int step = 0; step < 20000; step++) {
        int i = rand() % COUNT;
        size_t size = (size_t)rand() % (step % 100 == 0 ? 400000 : step % 7 == 0 ? 5000 : 100);
        if (rand() % 4 == 0) {
            weir_heap_drop(heap, handles[i]);
            free(copies[i]);
            handles[i] = 0;
            copies[i] = NULL;
            sizes[i] = 0;
            continue;
        }
        handles[i] = weir_heap_resize(heap, handles[i], size);
        copies[i] = realloc(copies[i], size + 1);
        if (size > sizes[i]) {
            memset(copies[i] + sizes[i], 0, size - sizes[i]);
        }
        sizes[i] = size;
        assert_int_equal(weir_heap_size(heap, handles[i]), size);
        uint8_t *bytes = weir_heap_at(heap, handles[i]);
        assert_int_equal((uintptr_t)bytes % 8, 0);
        assert_memory_equal(bytes, copies[i], size);
        for (size_t k = 0; k < size && k < 64; k++) {
            bytes[k] = copies[i][k] = (uint8_t)rand();
        }
        if (size > 0) {
            bytes[size - 1] = copies[i][size - 1] = (uint8_t)rand();
        }
    }
    for (int i = 0; i < COUNT; i++) {
        if (handles[i]) {
            assert_memory_equal(weir_heap_at(heap, handles[i]), copies[i], sizes[i]);
        }
        free(copies[i]);
    }
    weir_heap_free(heap);
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
    weir_page_trim();
}

static void keyed_memory_stays_until_others_push_it_out(void **state)
{
    (void)state;
    weir_heap *heap = weir_heap_new(NULL);
    uint32_t *seven = weir_heap_keyed(heap, 7, 40);
    assert_int_equal(seven[9], 0);
    seven[9] = 1;
    for (uint64_t key = 100; key < 100 + WEIR_HEAP_KEPT - 1; key++) {
        memset(weir_heap_keyed(heap, key, 300000), 1, 300000);
    }
    assert_int_equal(((uint32_t *)weir_heap_keyed(heap, 7, 40))[9], 1);
    for (uint64_t key = 200; key < 200 + WEIR_HEAP_KEPT; key++) {
        memset(weir_heap_keyed(heap, key, 40), 1, 40);
    }
    assert_int_equal(((uint32_t *)weir_heap_keyed(heap, 7, 40))[9], 0);
    assert_int_equal(((uint32_t *)weir_heap_keyed(heap, 7, 80))[9], 0);
    weir_heap_free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_budget_refuses_what_its_parent_cannot_give_and_takes_nothing),
        cmocka_unit_test(the_first_reason_to_stop_stays),
        cmocka_unit_test(pages_are_rounded_up_and_reused),
        cmocka_unit_test(pages_may_be_taken_by_several_threads),
        cmocka_unit_test(scratch_gives_aligned_bytes_and_goes_back_to_a_mark),
        cmocka_unit_test(a_heap_keeps_every_block_through_resizes_and_drops),
        cmocka_unit_test(keyed_memory_stays_until_others_push_it_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
