/* tests/unit/compute/agg_number_test.c - count, sums, minima, maxima: every way in gives the same number. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include "compute/agg.h"
#include "weir/hash.h"

#define ROWS 3000u

typedef struct bench {
    weir_arena *arena;
    weir_scratch scratch;
    weir_agg_spec spec;
    weir_agg_bound bound;
} bench;

static void begin(bench *t, const char *json_text, weir_kind kind)
{
    weir_error err = {0};
    json_t *json = json_loads(json_text, 0, NULL);
    weir_type type = WEIR_TYPE(kind);
    *t = (bench){.arena = weir_arena_new()};
    assert_true(weir_agg_spec_parse(json, "aggregations[0]", t->arena, &t->spec, &err));
    assert_true(weir_agg_bind(&t->spec, &type, t->arena, &t->bound, &err));
    json_decref(json);
}

static void end(bench *t)
{
    weir_scratch_done(&t->scratch);
    weir_arena_free(t->arena);
}

static weir_value finish_one(bench *t, const void *state)
{
    weir_error err = {0};
    weir_vec out;
    weir_value value;
    t->bound.agg->finish(&t->bound, NULL, state, t->bound.state_size, 1, true, &t->scratch, &out);
    assert_true(weir_vec_value(&out, 0, t->arena, &value, &err));
    return value;
}

static void same(weir_value a, weir_value b)
{
    assert_int_equal(a.is_null, b.is_null);
    if (a.is_null) {
        return;
    }
    if (a.type.kind == WEIR_LONG) {
        assert_true(a.as.l == b.as.l);
    } else {
        assert_true(fabs(a.as.d - b.as.d) <= 1e-9 * fmax(1, fabs(a.as.d)) || (isnan(a.as.d) && isnan(b.as.d)));
    }
}

/* add_one over a selection, add_many into one group, save and load, merge of halves: all agree. Returns the value. */
static weir_value all_ways(bench *t, const weir_vec *vec, const weir_sel *sel)
{
    uint64_t one[2], many[2], merged[2], loaded[2];
    uint32_t *groups = WEIR_SCRATCH_ARRAY(&t->scratch, uint32_t, vec->n);
    weir_error err = {0};
    const weir_agg *agg = t->bound.agg;
    weir_vec args[1];
    assert_true(weir_agg_args(&t->bound, vec, &t->scratch, args, &err));
    const uint16_t *rows = weir_sel_rows(sel, &t->scratch);
    memset(groups, 0xFF, vec->n * sizeof(*groups));
    for (uint32_t i = 0; i < sel->count; i++) {
        groups[rows[i]] = 0;
    }
    agg->init(&t->bound, one);
    agg->add_one(&t->bound, NULL, one, args, sel, &t->scratch);
    agg->init(&t->bound, many);
    agg->add_many(&t->bound, NULL, many, t->bound.state_size, groups, args, vec->n, &t->scratch);
    weir_value value = finish_one(t, one);
    same(value, finish_one(t, many));
    uint8_t bytes[32];
    size_t size = agg->save(&t->bound, NULL, one, NULL);
    assert_int_equal(agg->save(&t->bound, NULL, one, bytes), size);
    weir_reader in = {bytes, bytes + size};
    agg->init(&t->bound, loaded);
    assert_true(agg->load(&t->bound, NULL, &in, loaded, &err));
    same(value, finish_one(t, loaded));
    in = (weir_reader){bytes, bytes + size - 1};
    assert_false(agg->load(&t->bound, NULL, &in, loaded, &err));
    agg->init(&t->bound, merged);
    agg->merge(&t->bound, NULL, merged, NULL, one);
    same(value, finish_one(t, merged));
    return value;
}

static void sums_minima_and_maxima_agree_in_every_form(void **state)
{
    static int64_t longs[ROWS], scaled[ROWS];
    static double doubles[ROWS];
    static float floats[ROWS];
    static uint64_t nulls[(ROWS + 63) / 64], bits[(ROWS + 63) / 64];
    int64_t sum = 0, low = INT64_MAX, high = INT64_MIN;
    (void)state;
    for (uint32_t i = 0; i < ROWS; i++) {
        uint64_t r = weir_hash_u64(i);
        longs[i] = (int64_t)(r % 20001) - 10000;
        scaled[i] = longs[i];
        doubles[i] = (double)longs[i] / 100;
        floats[i] = (float)(longs[i] / 8);
        if (r >> 32 & 1) {
            weir_bit_set(bits, i);
        }
        if ((r >> 33 & 7) == 0) {
            weir_bit_set(nulls, i);
        }
        if (weir_bit(bits, i) && !weir_bit(nulls, i)) {
            sum += longs[i];
            low = longs[i] < low ? longs[i] : low;
            high = longs[i] > high ? longs[i] : high;
        }
    }
    weir_sel sel = weir_sel_of_bits(bits, ROWS), all = weir_sel_all(ROWS), none = weir_sel_none(ROWS);
    weir_vec lv = {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = ROWS, .nulls = nulls, .at.l = longs};
    weir_vec dv = {.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = ROWS, .nulls = nulls, .at.d = doubles};
    weir_vec sv = {.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_SCALED, .scale = 2, .n = ROWS, .nulls = nulls, .at.l = scaled};
    weir_vec fv = {.type = WEIR_TYPE(WEIR_FLOAT), .form = WEIR_FLAT, .n = ROWS, .at.f = floats};
    const struct {
        const char *name;
        int64_t want;
    } long_aggs[] = {{"longSum", sum}, {"longMin", low}, {"longMax", high}}, double_aggs[] = {{"doubleSum", sum}, {"doubleMin", low}, {"doubleMax", high}};
    for (int i = 0; i < 3; i++) {
        bench t;
        char json[100];
        snprintf(json, sizeof(json), "{\"type\":\"%s\",\"name\":\"x\",\"fieldName\":\"c\"}", long_aggs[i].name);
        begin(&t, json, WEIR_LONG);
        weir_value v = all_ways(&t, &lv, &sel);
        assert_true(v.as.l == long_aggs[i].want);
        assert_true(all_ways(&t, &lv, &none).is_null);
        end(&t);
        snprintf(json, sizeof(json), "{\"type\":\"%s\",\"name\":\"x\",\"fieldName\":\"c\"}", double_aggs[i].name);
        begin(&t, json, WEIR_DOUBLE);
        v = all_ways(&t, &dv, &sel);
        assert_true(fabs(v.as.d - (double)double_aggs[i].want / 100) < 1e-6);
        same(v, all_ways(&t, &sv, &sel));
        same(all_ways(&t, &dv, &all), all_ways(&t, &sv, &all));
        end(&t);
    }
    bench t;
    begin(&t, "{\"type\":\"floatMax\",\"name\":\"x\",\"fieldName\":\"c\"}", WEIR_FLOAT);
    assert_true(all_ways(&t, &fv, &all).as.d <= 1250);
    end(&t);
}

static void a_constant_counts_once_per_row(void **state)
{
    bench t;
    (void)state;
    begin(&t, "{\"type\":\"longSum\",\"name\":\"x\",\"fieldName\":\"c\"}", WEIR_LONG);
    weir_value seven = weir_value_long(7);
    weir_vec vec = weir_vec_const(&t.scratch, &seven, 100);
    weir_sel all = weir_sel_all(100);
    assert_true(all_ways(&t, &vec, &all).as.l == 700);
    end(&t);
}

static void long_sums_wrap(void **state)
{
    bench t;
    int64_t values[2] = {INT64_MAX, 1};
    weir_vec vec = {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = 2, .at.l = values};
    weir_sel all = weir_sel_all(2);
    (void)state;
    begin(&t, "{\"type\":\"longSum\",\"name\":\"x\",\"fieldName\":\"c\"}", WEIR_LONG);
    assert_true(all_ways(&t, &vec, &all).as.l == INT64_MIN);
    end(&t);
}

static void nan_wins_in_minima_and_maxima(void **state)
{
    bench t;
    double values[3] = {1, (double)NAN, 2};
    weir_vec vec = {.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = 3, .at.d = values};
    weir_sel all = weir_sel_all(3);
    (void)state;
    begin(&t, "{\"type\":\"doubleMin\",\"name\":\"x\",\"fieldName\":\"c\"}", WEIR_DOUBLE);
    assert_true(isnan(all_ways(&t, &vec, &all).as.d));
    end(&t);
}

static void refuses(const char *text, const char *word)
{
    weir_error err = {0};
    weir_agg_spec spec;
    weir_arena *arena = weir_arena_new();
    json_t *json = json_loads(text, 0, NULL);
    assert_false(weir_agg_spec_parse(json, "aggregations[2]", arena, &spec, &err));
    assert_non_null(strstr(err.message, "aggregations[2]"));
    assert_non_null(strstr(err.message, word));
    json_decref(json);
    weir_arena_free(arena);
}

static void a_wrong_member_is_named_with_its_path(void **state)
{
    (void)state;
    refuses("{\"type\":\"longSum\",\"name\":\"x\"}", "fieldName");
    refuses("{\"type\":\"nope\",\"name\":\"x\"}", "nope");
    refuses("{\"name\":\"x\"}", "type");
    refuses("{\"type\":\"count\"}", "name");
    refuses("{\"type\":\"longSum\",\"name\":\"x\",\"fieldName\":5}", "fieldName");
}

static void a_metric_is_merged_by_its_combining_aggregator(void **state)
{
    bench t;
    weir_agg_spec combining;
    weir_error err = {0};
    weir_type stored;
    (void)state;
    begin(&t, "{\"type\":\"count\",\"name\":\"n\"}", WEIR_LONG);
    assert_true(weir_agg_combining(&t.spec, t.arena, &combining, &err));
    assert_string_equal(combining.agg->type, "longSum");
    assert_true(weir_agg_stored_type(&t.spec, &stored, &err));
    assert_int_equal(stored.kind, WEIR_LONG);
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_minima_and_maxima_agree_in_every_form),
        cmocka_unit_test(a_constant_counts_once_per_row),
        cmocka_unit_test(long_sums_wrap),
        cmocka_unit_test(nan_wins_in_minima_and_maxima),
        cmocka_unit_test(a_wrong_member_is_named_with_its_path),
        cmocka_unit_test(a_metric_is_merged_by_its_combining_aggregator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
