/* tests/unit/compute/agg_quantiles_test.c - quantile sketches and variance as aggregators: rows
 * added one group at a time or to many, merged, saved and loaded states, raw states aggregated
 * again: all agree with a loop over the values. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include "compute/agg.h"
#include "compute/quantile_family.h"
#include "compute/variance.h"
#include "vec_helper.h"

#define ROWS 1000u
#define GROUPS 4u

typedef struct fixture {
    weir_arena *arena;
    weir_scratch scratch;
    weir_heap *heap, *other;
    test_random random;
    weir_agg_spec spec;
    weir_agg_bound bound;
    double values[ROWS];
    uint64_t nulls[ROWS / 64 + 1];
    uint32_t groups[ROWS];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    f->arena = weir_arena_new();
    f->heap = weir_heap_new(NULL);
    f->other = weir_heap_new(NULL);
    f->random.state = 6;
    for (uint32_t i = 0; i < ROWS; i++) {
        f->values[i] = test_below(&f->random, 4000) / 4.0 - 300;
        f->groups[i] = i % 9 ? test_below(&f->random, GROUPS) : WEIR_NO_ID;
        if (i % 7 == 0) {
            weir_bit_set(f->nulls, i);
        }
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    weir_heap_free(f->heap);
    weir_heap_free(f->other);
    weir_scratch_done(&f->scratch);
    weir_arena_free(f->arena);
    free(f);
    return 0;
}

static bool bind(fixture *f, const char *text, weir_type type, weir_error *err)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    bool ok = weir_agg_spec_parse(json, "aggregations[0]", f->arena, &f->spec, err) &&
              weir_agg_bind(&f->spec, &type, f->arena, &f->bound, err);
    json_decref(json);
    return ok;
}

static void bind_it(fixture *f, const char *type, weir_type of)
{
    char text[200];
    weir_error err = {0};
    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"name\":\"x\",\"fieldName\":\"c\"}", type);
    if (!bind(f, text, of, &err)) {
        fail_msg("%s", err.message);
    }
}

static void *new_states(fixture *f, uint32_t n)
{
    void *states = weir_arena_alloc(f->arena, (size_t)f->bound.state_size * n);
    for (uint32_t i = 0; i < n; i++) {
        f->bound.agg->init(&f->bound, (char *)states + (size_t)i * f->bound.state_size);
    }
    return states;
}

static weir_vec doubles_of(fixture *f)
{
    return (weir_vec){.type = WEIR_TYPE(WEIR_DOUBLE),
                      .form = WEIR_FLAT,
                      .n = ROWS,
                      .nulls = f->nulls,
                      .at.d = f->values};
}

/* The rows as the aggregator takes them. */
static weir_vec taken(fixture *f, const weir_vec *vec)
{
    weir_vec out;
    weir_error err;
    assert_true(weir_agg_args(&f->bound, vec, &f->scratch, &out, &err));
    return out;
}

static weir_vec finished(fixture *f, const weir_heap *heap, const void *states, uint32_t n,
                         bool finalize)
{
    weir_vec out;
    f->bound.agg->finish(&f->bound, heap, states, f->bound.state_size, n, finalize, &f->scratch,
                         &out);
    assert_int_equal(out.n, n);
    return out;
}

/* Values of a group (WEIR_NO_ID: of all rows), in order of arrival. */
static uint32_t members(const fixture *f, uint32_t group, double *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (!weir_bit(f->nulls, i) && (group == WEIR_NO_ID || f->groups[i] == group)) {
            out[n++] = f->values[i];
        }
    }
    return n;
}

static double variance_of(const double *values, uint32_t n)
{
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += values[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        squares += (values[i] - sum / n) * (values[i] - sum / n);
    }
    return squares / (n - 1);
}

/* The median of a sketch's image, or the variance of a state's bytes. */
static void check_group(fixture *f, const weir_vec *final, const weir_vec *raw, uint32_t row,
                        uint32_t group)
{
    double values[ROWS];
    uint32_t n = members(f, group, values);
    if (final->type.kind == WEIR_DOUBLE) {
        weir_variance v;
        assert_true(fabs(final->at.d[row] - variance_of(values, n)) < 1e-6);
        assert_true(weir_variance_load(raw->at.s[row], &v) && v.count == n);
        return;
    }
    assert_true(final->at.l[row] == n);
    const weir_quantile_family *family = weir_quantile_family_of(raw->type);
    weir_heap *heap = weir_heap_new(NULL);
    _Alignas(8) uint8_t state[WEIR_QUANTILE_STATE_BYTES];
    weir_sorted_view view;
    assert_true(family->load(heap, raw->at.s[row], state) && family->count(state) == n);
    family->view(heap, state, &f->scratch, &view);
    double median = weir_view_quantile(&view, 0.5);
    uint32_t below = 0;
    for (uint32_t i = 0; i < n; i++) {
        below += values[i] <= median;
    }
    assert_true(fabs((double)below / n - 0.5) < 0.03);
    weir_heap_free(heap);
}

static const char *const types[] = {"quantilesDoublesSketch", "KllDoublesSketch", "KllFloatsSketch",
                                    "variance"};
#define TYPES (sizeof(types) / sizeof(types[0]))

static void one_group_or_many_give_the_same(void **state)
{
    fixture *f = *state;
    for (size_t t = 0; t < TYPES; t++) {
        bind_it(f, types[t], WEIR_TYPE(WEIR_DOUBLE));
        weir_vec rows = doubles_of(f), arg = taken(f, &rows);
        void *many = new_states(f, GROUPS), *all = new_states(f, 1);
        f->bound.agg->add_many(&f->bound, f->heap, many, f->bound.state_size, f->groups, &arg, ROWS,
                               &f->scratch);
        weir_vec final = finished(f, f->heap, many, GROUPS, true),
                 raw = finished(f, f->heap, many, GROUPS, false);
        for (uint32_t g = 0; g < GROUPS; g++) {
            check_group(f, &final, &raw, g, g);
        }
        weir_sel sel = weir_sel_all(ROWS);
        f->bound.agg->add_one(&f->bound, f->heap, all, &arg, &sel, &f->scratch);
        final = finished(f, f->heap, all, 1, true);
        raw = finished(f, f->heap, all, 1, false);
        check_group(f, &final, &raw, 0, WEIR_NO_ID);
    }
}

static void states_survive_merging_and_their_bytes(void **state)
{
    fixture *f = *state;
    for (size_t t = 0; t < TYPES; t++) {
        bind_it(f, types[t], WEIR_TYPE(WEIR_DOUBLE));
        const weir_agg *agg = f->bound.agg;
        weir_vec rows = doubles_of(f), arg = taken(f, &rows);
        void *into = new_states(f, 1), *parts = new_states(f, 3), *back = new_states(f, 1);
        uint32_t third[ROWS];
        for (uint32_t i = 0; i < ROWS; i++) {
            third[i] = i * i % 3;
        }
        agg->add_many(&f->bound, f->other, parts, f->bound.state_size, third, &arg, ROWS,
                      &f->scratch);
        for (uint32_t i = 0; i < 3; i++) {
            agg->merge(&f->bound, f->heap, into, f->other, (char *)parts + i * f->bound.state_size);
        }
        uint8_t bytes[60000];
        weir_error err = {0};
        size_t size = agg->save(&f->bound, f->heap, into, NULL);
        assert_true(size <= sizeof(bytes) && agg->save(&f->bound, f->heap, into, bytes) == size);
        for (size_t cut = 0; cut < size; cut += 1 + cut / 50) {
            weir_reader in = {bytes, bytes + cut};
            assert_false(agg->load(&f->bound, f->other, &in, back, &err));
        }
        weir_reader in = {bytes, bytes + size};
        assert_true(agg->load(&f->bound, f->other, &in, back, &err) && in.at == in.end);
        weir_vec final = finished(f, f->other, back, 1, true),
                 raw = finished(f, f->other, back, 1, false);
        check_group(f, &final, &raw, 0, WEIR_NO_ID);
    }
}

/* As roll-up does it: rows of the metric, states of stored values, stored values again. */
static void rows_of_a_metric_roll_up(void **state)
{
    fixture *f = *state;
    for (size_t t = 0; t < TYPES; t++) {
        weir_error err = {0};
        weir_agg_spec combining;
        weir_vec row, rows = doubles_of(f);
        bind_it(f, types[t], WEIR_TYPE(WEIR_DOUBLE));
        assert_true(f->bound.agg->row(&f->bound, &rows, ROWS, &f->scratch, &row, &err));
        assert_true(row.type.kind == WEIR_COMPLEX && row.type.complex == f->bound.raw_type.complex);
        assert_true(weir_agg_combining(&f->spec, f->arena, &combining, &err));
        assert_true(weir_agg_bind(&combining, &row.type, f->arena, &f->bound, &err));
        void *states = new_states(f, GROUPS), *again = new_states(f, 1);
        f->bound.agg->add_many(&f->bound, f->heap, states, f->bound.state_size, f->groups, &row,
                               ROWS, &f->scratch);
        weir_vec final = finished(f, f->heap, states, GROUPS, true),
                 raw = finished(f, f->heap, states, GROUPS, false);
        for (uint32_t g = 0; g < GROUPS; g++) {
            check_group(f, &final, &raw, g, g);
        }
        weir_sel sel = weir_sel_all(GROUPS);
        f->bound.agg->add_one(&f->bound, f->heap, again, &raw, &sel, &f->scratch);
        weir_vec whole = finished(f, f->heap, again, 1, true);
        if (whole.type.kind == WEIR_LONG) {
            assert_true(whole.at.l[0] ==
                        final.at.l[0] + final.at.l[1] + final.at.l[2] + final.at.l[3]);
        }
    }
}

static void bad_parameters_and_columns_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const bad[] = {
        "{\"type\":\"quantilesDoublesSketch\",\"name\":\"x\",\"fieldName\":\"c\",\"k\":100}",
        "{\"type\":\"quantilesDoublesSketch\",\"name\":\"x\",\"fieldName\":\"c\",\"k\":65536}",
        "{\"type\":\"quantilesDoublesSketch\",\"name\":\"x\"}",
        "{\"type\":\"KllDoublesSketch\",\"name\":\"x\",\"fieldName\":\"c\",\"k\":7}",
        "{\"type\":\"KllFloatsSketch\",\"name\":\"x\",\"fieldName\":\"c\",\"k\":65536}",
        "{\"type\":\"variance\",\"name\":\"x\",\"fieldName\":\"c\",\"inputType\":\"string\"}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        weir_error err = {0};
        assert_false(bind(f, bad[i], WEIR_TYPE(WEIR_DOUBLE), &err));
        assert_int_equal(err.code, WEIR_ERR_BAD_QUERY);
    }
    for (size_t t = 0; t < TYPES; t++) {
        char text[200];
        weir_error err = {0};
        weir_type json = {.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("json"))};
        snprintf(text, sizeof(text), "{\"type\":\"%s\",\"name\":\"x\",\"fieldName\":\"c\"}",
                 types[t]);
        assert_false(bind(f, text, json, &err));
    }
}

static void no_row_is_an_empty_sketch_and_no_variance(void **state)
{
    fixture *f = *state;
    for (size_t t = 0; t < TYPES; t++) {
        bind_it(f, types[t], WEIR_TYPE(WEIR_UNKNOWN));
        void *states = new_states(f, 1);
        weir_vec null = weir_vec_null(WEIR_TYPE(WEIR_UNKNOWN), ROWS), arg = taken(f, &null);
        weir_sel sel = weir_sel_all(ROWS);
        f->bound.agg->add_one(&f->bound, f->heap, states, &arg, &sel, &f->scratch);
        weir_vec final = finished(f, f->heap, states, 1, true);
        if (final.type.kind == WEIR_LONG) {
            assert_true(!weir_vec_is_null(&final, 0) && final.at.l[0] == 0);
        } else {
            assert_true(weir_vec_is_null(&final, 0));
        }
    }
}

/* Found by the fuzzer: the sum of two counts was negative, and the state could not be loaded again.
 */
static void counts_out_of_hostile_bytes_do_not_wrap(void **state)
{
    (void)state;
    uint8_t bytes[WEIR_VARIANCE_BYTES] = {0};
    weir_variance v, sum = {.count = 1ll << 56};
    memset(bytes, 0x40, 8);
    assert_false(weir_variance_load((weir_str){(const char *)bytes, sizeof(bytes)}, &v));
    weir_variance_merge(&sum, &(weir_variance){.count = 1});
    assert_true(sum.count == 1ll << 56);
    weir_variance_save(&sum, bytes);
    assert_true(weir_variance_load((weir_str){(const char *)bytes, sizeof(bytes)}, &v) &&
                v.count == sum.count);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_group_or_many_give_the_same),
        TEST(states_survive_merging_and_their_bytes),
        TEST(rows_of_a_metric_roll_up),
        TEST(bad_parameters_and_columns_are_refused),
        TEST(counts_out_of_hostile_bytes_do_not_wrap),
        TEST(no_row_is_an_empty_sketch_and_no_variance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
