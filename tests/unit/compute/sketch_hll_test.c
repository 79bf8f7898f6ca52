/* tests/unit/compute/sketch_hll_test.c - the HLL sketch against images and estimates of Apache
 * DataSketches (sketch_hll_images.txt), against its own slow twin, and against damaged images. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "compute/sketch_hll.h"
#include "weir/base64.h"

static uint32_t coupon_of(uint64_t number)
{
    number = htole64(number);
    return weir_hllsketch_coupon(weir_murmur3_seeded(&number, sizeof(number), WEIR_HLLSKETCH_SEED));
}

static weir_hllsketch sketch_of(weir_heap *heap, unsigned lg_k, uint64_t from, uint64_t to)
{
    weir_hllsketch s = {.lg_k = (uint8_t)lg_k};
    for (uint64_t i = from; i < to; i++) {
        weir_hllsketch_add(heap, &s, coupon_of(i));
    }
    return s;
}

static weir_hllsketch_type type_of(const char *name)
{
    return (weir_hllsketch_type)((name[4] - '4') / 2);
}

static void assert_near(double mine, double theirs)
{
    if (!(fabs(mine - theirs) <= 1e-14 * fabs(theirs))) {
        fail_msg("%.17g is not %.17g", mine, theirs);
    }
}

static void assert_figures(const weir_hllsketch_view *v, const double figures[3])
{
    assert_near(weir_hllsketch_estimate(v), figures[0]);
    assert_near(weir_hllsketch_lower(v, 2), figures[1]);
    assert_near(weir_hllsketch_upper(v, 2), figures[2]);
}

/* What is written reads as the same sketch, and says the same. */
static void assert_written(weir_heap *heap, const weir_hllsketch *s, weir_hllsketch_type type,
                           const double figures[3])
{
    size_t size = weir_hllsketch_write(heap, s, type, NULL);
    uint8_t *image = malloc(size); /* exactly: the sanitizer sees a byte too many */
    assert_int_equal(weir_hllsketch_write(heap, s, type, image), size);
    weir_hllsketch_view v;
    assert_true(weir_hllsketch_read((weir_str){(char *)image, size}, &v));
    assert_true(weir_hllsketch_check(&v));
    assert_int_equal(v.type, type);
    assert_figures(&v, figures);
    weir_hllsketch back = {.lg_k = s->lg_k};
    weir_hllsketch_union(heap, &back, s->lg_k, &v);
    weir_hllsketch_view again = weir_hllsketch_of(heap, &back);
    assert_figures(&again, figures);
    uint8_t *twice = malloc(size);
    assert_int_equal(weir_hllsketch_write(heap, &back, type, twice), size);
    if (v.registers) {
        assert_memory_equal(image, twice, size);
    }
    weir_hllsketch_drop(heap, &back);
    free(image);
    free(twice);
}

typedef struct line {
    char kind[8], type[8], form[16];
    unsigned lg_max, lg_a, lg_b;
    unsigned long values;
    double figures[3];
    uint8_t *image;
    size_t size;
} line;

static bool read_line(FILE *file, line *l)
{
    static char text[200000], base64[200000];
    while (fgets(text, sizeof(text), file)) {
        *l = (line){.image = NULL};
        if (sscanf(text, "build %u %7s %15s %lu %lf %lf %lf %199999s", &l->lg_a, l->type, l->form,
                   &l->values, &l->figures[0], &l->figures[1], &l->figures[2], base64) == 8) {
            strcpy(l->kind, "build");
        } else if (sscanf(text, "union %u %u %u %7s %lu %lf %lf %lf %199999s", &l->lg_max, &l->lg_a,
                          &l->lg_b, l->type, &l->values, &l->figures[0], &l->figures[1],
                          &l->figures[2], base64) == 9) {
            strcpy(l->kind, "union");
        } else {
            assert_int_equal(text[0], '#');
            continue;
        }
        l->image = malloc(strlen(base64));
        assert_true(weir_base64_decode(weir_str_of(base64), (char *)l->image, &l->size));
        return true;
    }
    return false;
}

static void every_line(const char *kind, void (*check)(weir_heap *heap, const line *l))
{
    FILE *file = fopen("tests/unit/compute/sketch_hll_images.txt", "r");
    assert_non_null(file);
    uint32_t count = 0;
    line l;
    while (read_line(file, &l)) {
        if (strcmp(l.kind, kind) == 0) {
            weir_heap *heap = weir_heap_new(NULL);
            check(heap, &l);
            weir_heap_free(heap);
            count++;
        }
        free(l.image);
    }
    fclose(file);
    assert_true(count > 10);
}

static void check_read(weir_heap *heap, const line *l)
{
    weir_hllsketch_view v;
    assert_true(weir_hllsketch_read((weir_str){(char *)l->image, l->size}, &v));
    assert_true(weir_hllsketch_check(&v));
    assert_figures(&v, l->figures);
    weir_hllsketch s = {.lg_k = v.lg_k};
    weir_hllsketch_union(heap, &s, v.lg_k, &v);
    assert_written(heap, &s, type_of(l->type), l->figures);
}

static void check_build(weir_heap *heap, const line *l)
{
    weir_hllsketch s = sketch_of(heap, l->lg_a, 0, l->values);
    weir_hllsketch_view v = weir_hllsketch_of(heap, &s);
    assert_figures(&v, l->figures);
    for (unsigned type = WEIR_HLL_4; type <= WEIR_HLL_8; type++) {
        assert_written(heap, &s, type, l->figures);
    }
    if (strcmp(l->form, "compact") == 0) {
        uint8_t *mine = malloc(l->size);
        assert_int_equal(weir_hllsketch_write(heap, &s, type_of(l->type), NULL), l->size);
        weir_hllsketch_write(heap, &s, type_of(l->type), mine);
        assert_memory_equal(mine, l->image, 5); /* the order of coupons and exceptions is free, and
                                                   the flags of C++ are not Java's */
        assert_memory_equal(mine + 6, l->image + 6, 2);
        if (v.registers) {
            assert_memory_equal(mine + 16, l->image + 16,
                                (size_t)40 - 16 + ((size_t)1 << l->lg_a) / 2);
        }
        free(mine);
    }
}

static void check_union(weir_heap *heap, const line *l)
{
    weir_hllsketch a = sketch_of(heap, l->lg_a, 0, l->values),
                   b = sketch_of(heap, l->lg_b, l->values / 2, l->values / 2 + l->values);
    weir_hllsketch_view views[] = {weir_hllsketch_of(heap, &a), weir_hllsketch_of(heap, &b)};
    weir_hllsketch both = {.lg_k = (uint8_t)l->lg_max};
    weir_hllsketch_union(heap, &both, (uint8_t)l->lg_max, &views[0]);
    weir_hllsketch_union(heap, &both, (uint8_t)l->lg_max, &views[1]);
    weir_hllsketch_view v = weir_hllsketch_of(heap, &both);
    assert_figures(&v, l->figures);
    assert_written(heap, &both, type_of(l->type), l->figures);
}

static void images_of_datasketches_say_the_same_here(void **state)
{
    (void)state;
    every_line("build", check_read);
    every_line("union", check_read);
}

static void sketches_of_the_same_values_are_the_same(void **state)
{
    (void)state;
    every_line("build", check_build);
}

static void unions_are_those_of_datasketches(void **state)
{
    (void)state;
    every_line("union", check_union);
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    return *seed ^= *seed << 17;
}

/* Registers of a union are the greatest of each, whatever was split, in which order and through
 * which images. */
static void a_union_of_parts_has_the_registers_of_the_whole(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int round = 0; round < 60; round++) {
        weir_heap *heap = weir_heap_new(NULL);
        uint8_t lg_k = (uint8_t)(4 + next(&seed) % 8), twin[4096] = {0};
        weir_hllsketch parts[4], all = {.lg_k = lg_k};
        uint64_t values = 1 + next(&seed) % (round % 2 ? 100 : 20000);
        for (int p = 0; p < 4; p++) {
            parts[p] = (weir_hllsketch){.lg_k = (uint8_t)(lg_k + next(&seed) % 3)};
        }
        for (uint64_t i = 0; i < values; i++) {
            uint32_t coupon = coupon_of(next(&seed)), slot = coupon & ((1u << lg_k) - 1);
            weir_hllsketch_add(heap, &parts[next(&seed) % 4], coupon);
            twin[slot] = coupon >> 26 > twin[slot] ? (uint8_t)(coupon >> 26) : twin[slot];
        }
        for (int p = 0; p < 4; p++) {
            uint8_t image[40 + 16384 + 4096];
            size_t size =
                weir_hllsketch_write(heap, &parts[p], (weir_hllsketch_type)(next(&seed) % 3), NULL);
            assert_true(size <= sizeof(image));
            size = weir_hllsketch_write(heap, &parts[p], (weir_hllsketch_type)(next(&seed) % 3),
                                        image);
            weir_hllsketch_view v;
            assert_true(weir_hllsketch_read((weir_str){(char *)image, size}, &v) &&
                        weir_hllsketch_check(&v));
            weir_hllsketch_union(heap, &all, lg_k, &v);
        }
        weir_hllsketch_view v = weir_hllsketch_of(heap, &all);
        if (v.registers) {
            assert_memory_equal(v.at, twin, (size_t)1 << v.lg_k);
        } else {
            assert_true(v.count <= values);
        }
        double estimate = weir_hllsketch_estimate(&v), error = 4 * 1.04 / sqrt(1u << lg_k);
        assert_true(fabs(estimate - (double)values) <= error * (double)values + 1);
        weir_heap_free(heap);
    }
}

/* Truncated and damaged images are refused, or read within their bounds. */
static void damaged_images_do_no_harm(void **state)
{
    (void)state;
    uint64_t seed = 9;
    weir_heap *heap = weir_heap_new(NULL);
    static const uint64_t sizes[] = {0, 1, 5, 20, 300, 3000, 200000};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
        weir_hllsketch s = sketch_of(heap, 8, 0, sizes[k]);
        for (unsigned type = WEIR_HLL_4; type <= WEIR_HLL_8; type++) {
            size_t size = weir_hllsketch_write(heap, &s, type, NULL);
            uint8_t *image = malloc(size), *bad = malloc(size);
            weir_hllsketch_write(heap, &s, type, image);
            for (int round = 0; round < 300; round++) {
                memcpy(bad, image, size);
                for (uint64_t n = next(&seed) % 4; n > 0; n--) {
                    bad[next(&seed) % (round % 2 && size > 40 ? 40 : size)] = (uint8_t)next(&seed);
                }
                size_t length = round % 3 ? size : next(&seed) % (size + 1);
                uint8_t *exact = malloc(length + 1);
                memcpy(exact, bad, length);
                weir_hllsketch_view v;
                if (weir_hllsketch_read((weir_str){(char *)exact, length}, &v)) {
                    weir_hllsketch_check(&v);
                    weir_hllsketch into = {.lg_k = 8};
                    weir_hllsketch_union(heap, &into, 8, &v);
                    weir_hllsketch_union(heap, &into, 8, &v);
                    weir_hllsketch_view merged = weir_hllsketch_of(heap, &into);
                    weir_hllsketch_estimate(&v);
                    weir_hllsketch_lower(&merged, 3);
                    weir_hllsketch_write(heap, &into, WEIR_HLL_4, NULL);
                    weir_hllsketch_drop(heap, &into);
                }
                free(exact);
            }
            free(image);
            free(bad);
        }
    }
    weir_heap_free(heap);
}

static void a_sketch_says_what_it_is(void **state)
{
    (void)state;
    weir_heap *heap = weir_heap_new(NULL);
    weir_buf text = {0};
    weir_hllsketch s = sketch_of(heap, 12, 0, 1);
    weir_hllsketch_view v = weir_hllsketch_of(heap, &s);
    weir_hllsketch_print(&v, WEIR_HLL_4, &text);
    weir_buf_byte(&text, 0);
    assert_string_equal(text.at, "### HLL SKETCH SUMMARY: \n  Log Config K   : 12\n  Hll Target    "
                                 " : HLL_4\n  Current Mode   : LIST\n"
                                 "  Memory         : false\n  LB             : 1.0\n  Estimate     "
                                 "  : 1.0\n  UB             : 1.000049929250618\n"
                                 "  OutOfOrder Flag: false\n  Coupon Count   : 1\n");
    weir_buf_done(&text);
    weir_heap_free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_of_datasketches_say_the_same_here),
        cmocka_unit_test(sketches_of_the_same_values_are_the_same),
        cmocka_unit_test(unions_are_those_of_datasketches),
        cmocka_unit_test(a_union_of_parts_has_the_registers_of_the_whole),
        cmocka_unit_test(damaged_images_do_no_harm),
        cmocka_unit_test(a_sketch_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
