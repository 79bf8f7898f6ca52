/* tests/unit/compute/sketch_kll_test.c - images that DataSketches made are read, what is written
 * has its bytes; ranks are near those of all values, sorted. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include "compute/sketch_kll.h"
#include "vec_helper.h"
#include "quantile_images.h"

typedef struct fixture {
    weir_heap *heap;
    weir_scratch scratch;
    test_random random;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    f->heap = weir_heap_new(NULL);
    f->random.state = 5;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    weir_heap_free(f->heap);
    weir_scratch_done(&f->scratch);
    free(f);
    return 0;
}

static weir_str image_of(fixture *f, const char *base64)
{
    weir_str out;
    assert_true(weir_sketch_decode(weir_str_of(base64), &f->scratch, &out));
    return out;
}

static weir_str saved(fixture *f, const weir_heap *heap, const weir_kll *kll)
{
    size_t size = weir_kll_save(heap, kll, NULL);
    uint8_t *bytes = weir_scratch_take(&f->scratch, size);
    assert_int_equal(weir_kll_save(heap, kll, bytes), size);
    return (weir_str){(const char *)bytes, size};
}

static weir_sorted_view view_of(fixture *f, const weir_kll *kll)
{
    weir_sorted_view view;
    weir_kll_view(f->heap, kll, &f->scratch, &view);
    assert_true(view.weights[view.count - 1] == kll->n);
    return view;
}

static void images_of_datasketches_are_read_and_written(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *image;
        bool floats;
        uint64_t n;
    } rows[] = {{kll_doubles_empty, false, 0}, {kll_doubles_one, false, 1},
                {kll_doubles_ten, false, 10},  {kll_doubles_estimating, false, 1000},
                {kll_floats_empty, true, 0},   {kll_floats_one, true, 1},
                {kll_floats_ten, true, 10},    {kll_floats_estimating, true, 1000}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_str image = image_of(f, rows[i].image);
        weir_kll kll;
        assert_true(weir_kll_load(f->heap, image, rows[i].floats, &kll));
        assert_true(kll.n == rows[i].n);
        weir_str again = saved(f, f->heap, &kll);
        assert_int_equal(again.size, image.size);
        assert_memory_equal(again.at, image.at, image.size);
        if (kll.n > 0) {
            weir_sorted_view view = view_of(f, &kll);
            assert_true(view.min == view.values[0] || kll.n == 1000);
        }
    }
}

static void quantiles_and_ranks_are_inclusive(void **state)
{
    fixture *f = *state;
    weir_kll ten, many;
    assert_true(weir_kll_load(f->heap, image_of(f, kll_doubles_ten), false, &ten));
    weir_sorted_view view = view_of(f, &ten);
    assert_true(weir_view_quantile(&view, 0) == 1 && weir_view_quantile(&view, 1) == 10);
    assert_true(weir_view_quantile(&view, 0.5) == 5 && weir_view_quantile(&view, 0.51) == 6);
    assert_true(weir_view_rank(&view, 5) == 0.5 && weir_view_rank(&view, 0.9) == 0);
    assert_true(weir_kll_load(f->heap, image_of(f, kll_floats_estimating), true, &many));
    view = view_of(f, &many);
    assert_true(fabs(weir_view_rank(&view, 500) - 0.5) < 0.15);
    assert_true(view.min == 0 && view.max == 999);
}

static double worst_rank(fixture *f, const weir_kll *kll, double *all, uint32_t n)
{
    weir_sorted_view view = view_of(f, kll);
    double worst = 0;
    weir_doubles_sort(all, n);
    for (uint32_t i = 0; i < n; i++) {
        if (i + 1 == n || all[i + 1] > all[i]) {
            double off = fabs(weir_view_rank(&view, all[i]) - (i + 1.0) / n);
            worst = off > worst ? off : worst;
        }
    }
    return worst;
}

static double value_of(fixture *f, uint32_t kind)
{
    double x = test_below(&f->random, 1u << 20);
    return kind == 0 ? x : kind == 1 ? floor(x / 50000) : (double)(float)-exp(x / 1e5);
}

static void ranks_are_near_those_of_all_values(void **state)
{
    fixture *f = *state;
    double *all = malloc(50000 * sizeof(*all));
    for (uint32_t kind = 0; kind < 3; kind++) {
        for (uint32_t n = 1; n <= 50000; n *= 7) {
            weir_kll kll = weir_kll_of(200, kind == 2);
            for (uint32_t i = 0; i < n; i++) {
                all[i] = value_of(f, kind);
                weir_kll_add(f->heap, &kll, all[i]);
            }
            double worst = worst_rank(f, &kll, all, n);
            assert_true(n <= 200 ? worst == 0 : worst < 0.03);
            assert_true(kll.min == all[0] && kll.max == all[n - 1] && kll.retained < 700);
            weir_heap_drop(f->heap, kll.handle);
        }
    }
    free(all);
}

static void merged_sketches_are_near_as_well(void **state)
{
    fixture *f = *state;
    double *all = malloc(200000 * sizeof(*all));
    for (uint32_t round = 0; round < 40; round++) {
        weir_heap *other = weir_heap_new(NULL);
        bool floats = round % 2;
        weir_kll into = weir_kll_of(200, floats);
        uint32_t n = 0;
        for (uint32_t part = 0; part < 12; part++) {
            uint32_t k = 100 + test_below(&f->random, 200),
                     size = test_below(&f->random, 1u << test_below(&f->random, 14));
            weir_heap *heap = part % 2 ? other : f->heap;
            weir_kll kll = weir_kll_of(k, floats);
            for (uint32_t i = 0; i < size; i++) {
                all[n++] = value_of(f, part % 3);
                weir_kll_add(heap, &kll, all[n - 1]);
            }
            if (part % 4 == 0) {
                assert_true(weir_kll_merge_image(f->heap, &into, saved(f, heap, &kll)));
            } else {
                weir_kll_merge(f->heap, &into, heap, &kll);
            }
            assert_true(into.n == n && into.min_k <= into.k && into.retained <= into.capacity);
        }
        assert_true(worst_rank(f, &into, all, n) < 0.05);
        assert_true(into.min == all[0] && into.max == all[n - 1]);
        weir_str image = saved(f, f->heap, &into);
        weir_kll back;
        assert_true(weir_kll_load(f->heap, image, floats, &back));
        weir_str again = saved(f, f->heap, &back);
        assert_int_equal(again.size, image.size);
        assert_memory_equal(again.at, image.at, image.size);
        weir_heap_free(other);
        weir_scratch_rewind(&f->scratch, (weir_mark){0});
    }
    free(all);
}

static void damaged_images_do_no_harm(void **state)
{
    fixture *f = *state;
    for (uint32_t floats = 0; floats < 2; floats++) {
        weir_str image = image_of(f, floats ? kll_floats_estimating : kll_doubles_estimating);
        weir_mark mark = weir_scratch_mark(&f->scratch);
        for (size_t size = 0; size < image.size; size++) {
            weir_kll kll = weir_kll_of(200, floats);
            char *exact = malloc(size + 1);
            memcpy(exact, image.at, size);
            assert_false(weir_kll_merge_image(f->heap, &kll, (weir_str){exact, size}));
            free(exact);
        }
        char *bytes = malloc(image.size);
        for (uint32_t round = 0; round < 20000; round++) {
            memcpy(bytes, image.at, image.size);
            for (uint32_t i = 0; i < 1 + round % 3; i++) {
                bytes[test_below(&f->random, round % 2 ? 64 : (uint32_t)image.size)] =
                    (char)test_next(&f->random);
            }
            weir_kll kll = weir_kll_of(50, floats), back;
            weir_kll_add(f->heap, &kll, 1);
            if (weir_kll_merge_image(f->heap, &kll, (weir_str){bytes, image.size})) {
                assert_true(weir_kll_load(f->heap, saved(f, f->heap, &kll), floats, &back));
                weir_heap_drop(f->heap, back.handle);
                weir_scratch_rewind(&f->scratch, mark);
            }
            weir_heap_drop(f->heap, kll.handle);
        }
        free(bytes);
    }
}

static void nan_is_no_value_and_one_value_has_a_short_image(void **state)
{
    fixture *f = *state;
    uint8_t out[WEIR_KLL_ONE_BYTES];
    weir_kll kll = weir_kll_of(200, false);
    weir_kll_add(f->heap, &kll, NAN);
    assert_true(kll.n == 0 && weir_kll_save_one(200, false, NAN, out) == 8);
    assert_int_equal(weir_kll_save_one(200, false, 7.5, out), 16);
    assert_memory_equal(out, image_of(f, kll_doubles_one).at, 16);
    assert_int_equal(weir_kll_save_one(200, true, 7.5, out), 12);
    assert_memory_equal(out, image_of(f, kll_floats_one).at, 12);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(images_of_datasketches_are_read_and_written),
        TEST(quantiles_and_ranks_are_inclusive),
        TEST(ranks_are_near_those_of_all_values),
        TEST(merged_sketches_are_near_as_well),
        TEST(damaged_images_do_no_harm),
        TEST(nan_is_no_value_and_one_value_has_a_short_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
