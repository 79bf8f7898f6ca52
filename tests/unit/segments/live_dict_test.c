/* tests/unit/segments/live_dict_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "segments/live_dict.h"

static void values_get_ids_in_order_of_arrival_and_null_gets_0(void **state)
{
    weir_scratch mem = {0};
    weir_live_dict dict;
    weir_str values[] = {WEIR_STR("b"), {0}, WEIR_STR("a"), WEIR_STR("b"), WEIR_STR("")};
    uint64_t nulls = 1u << 1;
    uint32_t ids[5];
    (void)state;
    weir_live_dict_init(&dict, &mem);
    weir_live_dict_intern(&dict, values, &nulls, 5, ids);
    const uint32_t want[] = {1, 0, 2, 1, 3};
    assert_memory_equal(ids, want, sizeof(want));
    weir_live_dict_view view = weir_live_dict_pin(&dict);
    assert_int_equal(view.base.count, 4);
    assert_int_equal(view.base.ops->find(&view.base, WEIR_STR("")), 3);
    assert_int_equal(view.base.ops->find(&view.base, WEIR_STR("c")), WEIR_NO_ID);
    weir_scratch_done(&mem);
}

static void an_empty_value_that_comes_first_is_no_null(void **state)
{
    weir_scratch mem = {0};
    weir_live_dict dict;
    weir_str empty = WEIR_STR("");
    uint32_t id;
    (void)state;
    weir_live_dict_init(&dict, &mem);
    weir_live_dict_intern(&dict, &empty, NULL, 1, &id);
    assert_int_equal(id, 1);
    assert_non_null(weir_live_dict_value(&dict, id).at);
    weir_scratch_done(&mem);
}

static void a_value_that_arrived_after_the_pin_is_not_found(void **state)
{
    weir_scratch mem = {0};
    weir_live_dict dict;
    weir_str early = WEIR_STR("early"), late = WEIR_STR("late");
    uint32_t id;
    (void)state;
    weir_live_dict_init(&dict, &mem);
    weir_live_dict_intern(&dict, &early, NULL, 1, &id);
    weir_live_dict_view view = weir_live_dict_pin(&dict);
    weir_live_dict_intern(&dict, &late, NULL, 1, &id);
    assert_int_equal(view.base.ops->find(&view.base, early), 1);
    assert_int_equal(view.base.ops->find(&view.base, late), WEIR_NO_ID);
    view = weir_live_dict_pin(&dict);
    assert_int_equal(view.base.ops->find(&view.base, late), 2);
    weir_scratch_done(&mem);
}

enum { MANY = 60000 };

static weir_str value_of(char text[24], uint32_t k)
{
    return (weir_str){text, (size_t)snprintf(text, 24, "value %u", k * 7919)};
}

/* Twenty batches in which old and new values mix, over the size from which batches prefetch. */
static void many_values_keep_their_ids_while_the_table_grows(void **state)
{
    weir_scratch mem = {0}, s = {0};
    weir_live_dict dict;
    uint32_t next = 1, *id_of = calloc(MANY, sizeof(*id_of));
    uint64_t seed = 7;
    (void)state;
    weir_live_dict_init(&dict, &mem);
    for (uint32_t batch = 0; batch < 60; batch++) {
        weir_str values[4096];
        uint32_t ids[4096], k[4096];
        for (uint32_t i = 0; i < 4096; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            k[i] = (uint32_t)(seed >> 33) % MANY;
            values[i] = value_of(weir_scratch_take(&s, 24), k[i]);
        }
        weir_live_dict_intern(&dict, values, NULL, 4096, ids);
        for (uint32_t i = 0; i < 4096; i++) {
            if (id_of[k[i]] == 0) {
                id_of[k[i]] = next++;
            }
            assert_int_equal(ids[i], id_of[k[i]]);
        }
        weir_scratch_rewind(&s, (weir_mark){0});
    }
    weir_live_dict_view view = weir_live_dict_pin(&dict);
    assert_int_equal(view.base.count, next);
    for (uint32_t i = 0; i < MANY; i++) {
        char text[24];
        weir_str value = value_of(text, i), got;
        assert_int_equal(view.base.ops->find(&view.base, value), id_of[i] ? id_of[i] : WEIR_NO_ID);
        if (id_of[i]) {
            assert_true(view.base.ops->values(&view.base, &id_of[i], 1, &s, &got, NULL));
            assert_true(weir_str_eq(got, value));
        }
    }
    free(id_of);
    weir_scratch_done(&s);
    weir_scratch_done(&mem);
}

typedef struct reading {
    weir_live_dict *dict;
    _Atomic bool stop;
} reading;

static void *read_all_the_time(void *argument)
{
    reading *r = argument;
    uint32_t last = 0;
    weir_scratch s = {0};
    while (!atomic_load(&r->stop)) {
        weir_live_dict_view view = weir_live_dict_pin(r->dict);
        assert(view.base.count >= last);
        for (uint32_t id = last ? last : 1; id < view.base.count; id++) {
            char text[24];
            weir_str got, want = value_of(text, id);
            view.base.ops->values(&view.base, &id, 1, &s, &got, NULL);
            assert(weir_str_eq(got, want));
            assert(view.base.ops->find(&view.base, want) == id);
        }
        last = view.base.count;
    }
    weir_scratch_done(&s);
    return NULL;
}

static void readers_find_every_published_value_while_the_writer_adds(void **state)
{
    weir_scratch mem = {0};
    weir_live_dict dict;
    reading r = {.dict = &dict};
    pthread_t threads[2];
    (void)state;
    weir_live_dict_init(&dict, &mem);
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, read_all_the_time, &r);
    }
    for (uint32_t k = 1; k < 40000; k += 100) {
        char text[100][24];
        weir_str values[100];
        uint32_t ids[100];
        for (uint32_t i = 0; i < 100; i++) {
            values[i] = value_of(text[i], k + i);
        }
        weir_live_dict_intern(&dict, values, NULL, 100, ids);
    }
    atomic_store(&r.stop, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    weir_scratch_done(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_get_ids_in_order_of_arrival_and_null_gets_0),
        cmocka_unit_test(an_empty_value_that_comes_first_is_no_null),
        cmocka_unit_test(a_value_that_arrived_after_the_pin_is_not_found),
        cmocka_unit_test(many_values_keep_their_ids_while_the_table_grows),
        cmocka_unit_test(readers_find_every_published_value_while_the_writer_adds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
