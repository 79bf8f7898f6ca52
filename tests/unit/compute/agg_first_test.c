/* tests/unit/compute/agg_first_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include "compute/agg.h"

typedef struct bench {
    weir_arena *arena;
    weir_scratch scratch;
    weir_heap *heap;
    weir_agg_spec spec;
    weir_agg_bound bound;
} bench;

static void begin(bench *t, const char *text, weir_kind kind)
{
    weir_error err = {0};
    json_t *json = json_loads(text, 0, NULL);
    weir_type types[2] = {WEIR_TYPE(kind), WEIR_TYPE(WEIR_LONG)};
    *t = (bench){.arena = weir_arena_new(), .heap = weir_heap_new(NULL)};
    assert_true(weir_agg_spec_parse(json, "a", t->arena, &t->spec, &err));
    assert_int_equal(t->spec.arg_count, 2);
    assert_true(weir_agg_bind(&t->spec, types, t->arena, &t->bound, &err));
    json_decref(json);
}

static void end(bench *t)
{
    weir_heap_free(t->heap);
    weir_scratch_done(&t->scratch);
    weir_arena_free(t->arena);
}

static weir_value value_of(bench *t, const void *state)
{
    weir_error err = {0};
    weir_vec out;
    weir_value value;
    t->bound.agg->finish(&t->bound, t->heap, state, t->bound.state_size, 1, true, &t->scratch, &out);
    assert_true(weir_vec_value(&out, 0, t->arena, &value, &err));
    return value;
}

/* add_one, add_many, merge into an empty state, and save and load give the same. */
static weir_value all_ways(bench *t, const weir_vec *args)
{
    uint64_t one[3], many[3], merged[3], loaded[3];
    uint32_t groups[16] = {0};
    uint8_t bytes[100];
    weir_error err = {0};
    const weir_agg *agg = t->bound.agg;
    weir_sel all = weir_sel_all(args[0].n);
    agg->init(&t->bound, one);
    agg->add_one(&t->bound, t->heap, one, args, &all, &t->scratch);
    agg->init(&t->bound, many);
    agg->add_many(&t->bound, t->heap, many, t->bound.state_size, groups, args, args[0].n, &t->scratch);
    agg->init(&t->bound, merged);
    agg->merge(&t->bound, t->heap, merged, t->heap, one);
    size_t size = agg->save(&t->bound, t->heap, one, bytes);
    for (size_t cut = 0; cut < size; cut++) {
        weir_reader in = {bytes, bytes + cut};
        assert_false(agg->load(&t->bound, t->heap, &in, loaded, &err));
    }
    weir_reader in = {bytes, bytes + size};
    assert_true(agg->load(&t->bound, t->heap, &in, loaded, &err));
    weir_value value = value_of(t, one), others[] = {value_of(t, many), value_of(t, merged), value_of(t, loaded)};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(others[i].is_null, value.is_null);
        if (!value.is_null && value.type.kind == WEIR_STRING) {
            assert_true(weir_str_eq(others[i].as.s, value.as.s));
        } else if (!value.is_null) {
            assert_true(others[i].as.l == value.as.l);
        }
    }
    return value;
}

static void the_value_of_the_earliest_and_latest_row_is_taken(void **state)
{
    int64_t values[4] = {10, 20, 30, 40}, times[4] = {5, 1, 9, 9};
    uint64_t nulls = 0;
    weir_vec args[2] = {{.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 4, .nulls = &nulls, .at.l = values},
                        {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 4, .at.l = times}};
    bench t;
    (void)state;
    begin(&t, "{\"type\":\"longFirst\",\"name\":\"x\",\"fieldName\":\"c\"}", WEIR_LONG);
    assert_true(all_ways(&t, args).as.l == 20);
    nulls = 2;
    assert_true(all_ways(&t, args).is_null); /* the first row's value is null */
    end(&t);
    begin(&t, "{\"type\":\"longLast\",\"name\":\"x\",\"fieldName\":\"c\",\"timeColumn\":\"t2\"}", WEIR_LONG);
    assert_true(all_ways(&t, args).as.l == 40);
    assert_true(weir_str_is(t.spec.args[1]->name, "t2"));
    end(&t);
}

static void strings_are_cut_at_a_whole_character(void **state)
{
    weir_str values[2] = {WEIR_STR("abc\xC3\xA9xyz"), WEIR_STR("")};
    int64_t times[2] = {1, 2};
    weir_vec args[2] = {{.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = 2, .at.s = values},
                        {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 2, .at.l = times}};
    bench t;
    (void)state;
    begin(&t, "{\"type\":\"stringFirst\",\"name\":\"x\",\"fieldName\":\"c\",\"maxStringBytes\":4}", WEIR_STRING);
    assert_true(weir_str_is(all_ways(&t, args).as.s, "abc"));
    end(&t);
    begin(&t, "{\"type\":\"stringLast\",\"name\":\"x\",\"fieldName\":\"c\"}", WEIR_STRING);
    weir_value last = all_ways(&t, args);
    assert_false(last.is_null);
    assert_int_equal(last.as.s.size, 0);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_value_of_the_earliest_and_latest_row_is_taken),
        cmocka_unit_test(strings_are_cut_at_a_whole_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
