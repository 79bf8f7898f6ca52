/* tests/unit/compute/sketch_quantiles_test.c - images that DataSketches made are read, what is
 * written has its bytes; ranks are near those of all values, sorted. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include "compute/sketch_quantiles.h"
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
    f->random.state = 4;
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

static weir_str saved(fixture *f, const weir_quantiles *q)
{
    size_t size = weir_quantiles_save(f->heap, q, NULL);
    uint8_t *bytes = weir_scratch_take(&f->scratch, size);
    assert_int_equal(weir_quantiles_save(f->heap, q, bytes), size);
    return (weir_str){(const char *)bytes, size};
}

static weir_quantiles loaded(fixture *f, const char *base64)
{
    weir_quantiles q;
    assert_true(weir_quantiles_load(f->heap, image_of(f, base64), &q));
    return q;
}

static weir_sorted_view view_of(fixture *f, const weir_quantiles *q)
{
    weir_sorted_view view;
    weir_quantiles_view(f->heap, q, &f->scratch, &view);
    assert_true(view.weights[view.count - 1] == q->n);
    return view;
}

static void images_of_datasketches_are_read_and_written(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *image;
        uint64_t n;
    } rows[] = {{quantiles_empty, 0},
                {quantiles_one, 1},
                {quantiles_ten, 10},
                {quantiles_estimating, 1000}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        weir_str image = image_of(f, rows[i].image);
        weir_quantiles q = loaded(f, rows[i].image);
        uint64_t n;
        assert_true(weir_quantiles_count(image, &n) && n == rows[i].n && q.n == n);
        weir_str again = saved(f, &q);
        assert_int_equal(again.size, image.size);
        assert_memory_equal(again.at, image.at, 3);
        assert_memory_equal(again.at + 4, image.at + 4, image.size - 4);
        assert_int_equal(again.at[3],
                         n ? 0x1a : 0x1e); /* Java's flags: read only, compact, ordered */
    }
}

static void quantiles_and_ranks_are_inclusive(void **state)
{
    fixture *f = *state;
    weir_quantiles ten = loaded(f, quantiles_ten);
    weir_sorted_view view = view_of(f, &ten);
    assert_true(weir_view_quantile(&view, 0) == 1 && weir_view_quantile(&view, 1) == 10);
    assert_true(weir_view_quantile(&view, 0.5) == 5 && weir_view_quantile(&view, 0.51) == 6);
    assert_true(weir_view_rank(&view, 5) == 0.5 && weir_view_rank(&view, 5.5) == 0.5);
    assert_true(weir_view_rank(&view, 0.9) == 0 && weir_view_rank(&view, 10) == 1);
    weir_quantiles many = loaded(f, quantiles_estimating);
    view = view_of(f, &many);
    assert_true(fabs(weir_view_rank(&view, 500) - 0.5) < 0.1);
    assert_true(view.min == 0 && view.max == 999);
}

/* Greatest distance of a sketch's ranks from the true ones. */
static double worst_rank(fixture *f, const weir_quantiles *q, double *all, uint32_t n)
{
    weir_sorted_view view = view_of(f, q);
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
    return kind == 0 ? x : kind == 1 ? floor(x / 50000) : -exp(x / 1e5);
}

static void ranks_are_near_those_of_all_values(void **state)
{
    fixture *f = *state;
    double *all = malloc(50000 * sizeof(*all));
    for (uint32_t kind = 0; kind < 3; kind++) {
        for (uint32_t n = 1; n <= 50000; n *= 7) {
            weir_quantiles q = weir_quantiles_of(128);
            for (uint32_t i = 0; i < n; i++) {
                all[i] = value_of(f, kind);
                weir_quantiles_add(f->heap, &q, all[i]);
            }
            double worst = worst_rank(f, &q, all, n);
            assert_true(n < 256 ? worst == 0 : worst < 0.03);
            assert_true(q.min == all[0] && q.max == all[n - 1]);
            weir_heap_drop(f->heap, q.handle);
        }
    }
    free(all);
}

/* Sketches of several k and sizes, merged directly or by their images, in another heap or the same
 * one. */
static void merged_sketches_are_near_as_well(void **state)
{
    fixture *f = *state;
    double *all = malloc(200000 * sizeof(*all));
    for (uint32_t round = 0; round < 30; round++) {
        weir_heap *other = weir_heap_new(NULL);
        weir_quantiles into = weir_quantiles_of(round % 3 ? 256 : 128);
        uint32_t n = 0, least_k = into.k;
        for (uint32_t part = 0; part < 12; part++) {
            uint32_t k = 64u << test_below(&f->random, 4),
                     size = test_below(&f->random, 1u << test_below(&f->random, 14));
            weir_heap *heap = part % 2 ? other : f->heap;
            weir_quantiles q = weir_quantiles_of(k);
            for (uint32_t i = 0; i < size; i++) {
                all[n++] = value_of(f, part % 3);
                weir_quantiles_add(heap, &q, all[n - 1]);
            }
            if (part % 4 == 0) {
                assert_true(weir_quantiles_merge_image(f->heap, &into, saved(f, &q)));
            } else {
                weir_quantiles_merge(f->heap, &into, heap, &q);
            }
            least_k = k < least_k && size >= 2 * k ? k : least_k;
            assert_true(into.n == n && into.k >= least_k);
        }
        assert_true(worst_rank(f, &into, all, n) < 0.05);
        assert_true(into.min == all[0] && into.max == all[n - 1]);
        weir_heap_free(other);
        weir_scratch_rewind(&f->scratch, (weir_mark){0});
    }
    free(all);
}

static void updatable_images_are_read(void **state)
{
    fixture *f = *state;
    weir_quantiles q = loaded(f, quantiles_estimating),
                   back; /* k 16, levels 0 to 4, 8 items in the base buffer */
    weir_str compact = saved(f, &q);
    uint8_t bytes[32 + 8 * 16 * 7] = {0};
    memcpy(bytes, compact.at, 32 + 8 * 8);
    bytes[3] = 0;
    memcpy(bytes + 32 + 8 * 32, compact.at + 32 + 8 * 8, 8 * 16 * 5);
    assert_true(
        weir_quantiles_load(f->heap, (weir_str){(const char *)bytes, sizeof(bytes)}, &back));
    weir_str again = saved(f, &back);
    assert_int_equal(again.size, compact.size);
    assert_memory_equal(again.at, compact.at, compact.size);
}

/* Every cut and every changed byte is refused or read as some sketch; ASan and the heap's poison
 * watch. */
static void damaged_images_do_no_harm(void **state)
{
    fixture *f = *state;
    weir_str image = image_of(f, quantiles_estimating);
    weir_mark mark = weir_scratch_mark(&f->scratch);
    char *bytes = malloc(image.size);
    for (size_t size = 0; size < image.size; size++) {
        memcpy(bytes, image.at, size);
        weir_quantiles q = weir_quantiles_of(128);
        char *exact = malloc(size + 1);
        memcpy(exact, bytes, size);
        assert_false(weir_quantiles_merge_image(f->heap, &q, (weir_str){exact, size}));
        free(exact);
    }
    for (uint32_t round = 0; round < 20000; round++) {
        memcpy(bytes, image.at, image.size);
        for (uint32_t i = 0; i < 1 + round % 3; i++) {
            bytes[test_below(&f->random, round % 2 ? 32 : (uint32_t)image.size)] =
                (char)test_next(&f->random);
        }
        weir_quantiles q = weir_quantiles_of(32), back;
        weir_quantiles_add(f->heap, &q, 1);
        if (weir_quantiles_merge_image(f->heap, &q, (weir_str){bytes, image.size})) {
            weir_str out = saved(f, &q);
            assert_true(weir_quantiles_load(f->heap, out, &back));
            weir_heap_drop(f->heap, back.handle);
            weir_scratch_rewind(&f->scratch, mark);
        }
        weir_heap_drop(f->heap, q.handle);
        if (round % 1000 == 0) {
            weir_heap_free(f->heap);
            f->heap = weir_heap_new(NULL);
        }
    }
    free(bytes);
}

static void nan_is_no_value_and_one_value_has_a_short_image(void **state)
{
    fixture *f = *state;
    uint8_t out[WEIR_QUANTILES_ONE_BYTES];
    weir_quantiles q = weir_quantiles_of(128);
    weir_quantiles_add(f->heap, &q, NAN);
    assert_true(q.n == 0 && weir_quantiles_save_one(128, NAN, out) == 8);
    assert_int_equal(weir_quantiles_save_one(128, 7.5, out), 40);
    weir_quantiles_add(f->heap, &q, 7.5);
    assert_memory_equal(saved(f, &q).at, out, 40);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(images_of_datasketches_are_read_and_written),
        TEST(quantiles_and_ranks_are_inclusive),
        TEST(ranks_are_near_those_of_all_values),
        TEST(merged_sketches_are_near_as_well),
        TEST(updatable_images_are_read),
        TEST(damaged_images_do_no_harm),
        TEST(nan_is_no_value_and_one_value_has_a_short_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
