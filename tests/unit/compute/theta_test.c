/* tests/unit/compute/theta_test.c - theta sketches: the images of DataSketches (of "v0", "v1" ...
 * with 32 nominal entries, and their figures, as its C++ library gives them) and exact sets. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "compute/sketch_bounds.h"
#include "compute/sketch_theta.h"
#include "unit/compute/vec_helper.h"
#include "weir/base64.h"

#define LG_K 5u

/* v0 to v999, cut to 32 */
static const char of_a[] =
    "AwMDAAAazJMgAAAAAAAAAHkRltkhoZkEqjMhydp9FACfUFIegbMuAOsMmB3QcIUAkovpMd5pkgCdrWZVdkftACMI"
    "YBqL3voAQtVlpNtI+wCWwfyZ0WczAeSTIyTJ8E0BzRF1toxUXQH0Hj6EdWbSAYcGpPPImfgBf8UyUsiaHAKl9iUk"
    "P9coAgCIweiZNFICe3mYkWqDewIbkAfmljGuAplkXC3WKeAC2sY6p0j94gLEg0J2DWXlAv4qQ3npLO4CWkxi28gE"
    "rQNAN+8dF1+wAzIo4ZgQttEDhe6geldP4gPLMR1Zxan8A5aqEZux4AkEVAqnaPHHFwRfo3Sv2QU3BId2+kMrA0cE"
    "bMFXMx1mSQSGvkiadgCXBA==";
/* the same before it was cut, as the table had it: 37 hashes out of order */
static const char of_a_unordered[] =
    "AwMDAAAKzJMlAAAAAAAAANbi/eAsoj4GQDfvHRdfsAMAiMHomTRSAkLVZaTbSPsA5JMjJMnwTQHEg0J2DWXlAoXu"
    "oHpXT+IDhr5ImnYAlwSHBqTzyJn4AciuBMnXqKwEyzEdWcWp/AP+tOR0ERjLBc0RdbaMVF0B2sY6p0j94gKSi+kx"
    "3mmSAFQKp2jxxxcElqoRm7HgCQSWwfyZ0WczAZlkXC3WKeACWkxi28gErQMbkAfmljGuAp2tZlV2R+0AX6N0r9kF"
    "NwQhYn1nbYI6BiMIYBqL3voAn1BSHoGzLgCl9iUkP9coAqozIcnafRQA6wyYHdBwhQBswVczHWZJBDIo4ZgQttED"
    "9B4+hHVm0gFAq5D80Ov9BHkRltkhoZkEe3mYkWqDewKHdvpDKwNHBP4qQ3npLO4Cf8UyUsiaHAI=";
/* v0 to v999 again, and v0 to v19, compressed: serial version 4 */
static const char of_a_packed[] =
    "AgQDOAEazJN5EZbZIaGZBCAUfdrJITOqGjWmVTEc9Va9Tv9FvEwM+Q4UUX6nWt2YI30iCw2XFMT5WoYAalCKBc0f"
    "OB719ZbsVBqI94om0k4PY8OSUX3pdRHozckNJyYzU29l55MkAP9ejr74DDx20fMxJildWsSbkVspTtCo1vF7Mq4s"
    "VG8WoDH4P0dU1H4C03J53mJBAmfEzwe86gjH3AMApzq+199iHyFcA1pOQozq5iFW+Xrx8PIQmUbhv8ZTGlpt3nxD"
    "Rg027EH0eMsN5z/NlV++Hz3oRs2ZCw/9UZSF0ygCYvHvXUrlTZpZZvD9Gg==";
static const char of_20_packed[] =
    "AQQDPQEazJMUUELDHFgYtCG7TTz+KunmCWA8/aV7w9isfl7U98lJsGshQ9TDU0IS/t0RZjXQ1laiM6p1cQfCo2qE"
    "7NAH/hnhc9As7B1ZpxFmo2SblcvI5oCp4bzOfkCVVtbyLwKDxmIv3vYljLwSFGGNZhQdboOaqVIjYQOvwdpUKmM2"
    "eiwfQ9vjcLvESpMD76wR+BdcXglgpINirZOw9Xkw";
static const char of_20[] =
    "AgMDAAAazJMUAAAAAAAAAIQWA4tjWAgKHL6ug1eN9RAIoGxW1qulFaM06aXDkW0gJ9tvT0vUQyFcT/2oj4sDJprX"
    "qPwsnbg4mN946bEHXDtDYxbvKzaYPprRqHzGezRFAbCZ0QbvGEvx0gg/XPj8Ujy/xp4ghQRYwRgqt6WJM1vcqXSM"
    "wv0eXD/UyGaErSJdrVBETwjz8WNdD1SbMgThZq+/WMrgD91vQhdoBbo6E3g=";
static const char of_one[] = "AQMDAAAazJOtUERPCPPxYw==";
static const char of_none[] = "AQMDAAAezJM=";
/* 5, -1, 1.5, -0.0, "a", "h\u00e9" */
static const char of_mixed[] =
    "AgMDAAAazJMGAAAAAAAAAGyy8w3Gz3sOEUEVNo5jeQ+9MnNyRpHMFOVrYe7IgEQg0oXDK+nFTWIXwR1ShQcBew==";

typedef struct fixture {
    weir_scratch scratch;
    weir_heap *heap;
    weir_arena *arena;
} fixture;

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->heap = weir_heap_new(NULL);
    f->arena = weir_arena_new();
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_scratch_done(&f->scratch);
    weir_heap_free(f->heap);
    weir_arena_free(f->arena);
    free(f);
    return 0;
}

static weir_str bytes_of(fixture *f, const char *base64)
{
    weir_str text = weir_str_of(base64);
    char *bytes = weir_arena_alloc(f->arena, text.size);
    size_t size;
    assert_true(weir_base64_decode(text, bytes, &size));
    return (weir_str){bytes, size};
}

static weir_theta_view open_text(fixture *f, const char *base64)
{
    weir_theta_view view;
    assert_true(weir_theta_open(bytes_of(f, base64), &f->scratch, &view));
    return view;
}

static uint64_t hash_of(uint32_t number)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "v%u", number);
    return weir_theta_hash(text, (size_t)size);
}

static weir_theta sketch_of(fixture *f, uint32_t lg_k, uint32_t from, uint32_t to)
{
    weir_theta theta;
    weir_theta_init(&theta, lg_k);
    for (uint32_t i = from; i < to; i++) {
        weir_theta_add(f->heap, &theta, hash_of(i));
    }
    return theta;
}

static weir_theta_view result_of(fixture *f, const weir_theta *theta)
{
    weir_theta_room room = {.scratch = &f->scratch};
    weir_theta_view view;
    weir_theta_result(f->heap, theta, &room, &view);
    return view;
}

static weir_theta_view range(fixture *f, uint32_t lg_k, uint32_t from, uint32_t to)
{
    weir_theta theta = sketch_of(f, lg_k, from, to);
    return result_of(f, &theta);
}

static void assert_same(const weir_theta_view *a, const weir_theta_view *b)
{
    assert_int_equal(a->theta, b->theta);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->empty, b->empty);
    if (a->count > 0) {
        assert_memory_equal(a->hashes, b->hashes, a->count * sizeof(uint64_t));
    }
}

static void assert_near(double got, double want)
{
    if (fabs(got - want) > 1e-7 * fabs(want)) {
        fail_msg("%.17g is not %.17g", got, want);
    }
}

static void figures(const weir_theta_view *view, double estimate, const double bounds[6])
{
    assert_true(weir_theta_view_estimate(view) == estimate);
    for (uint32_t i = 0; i < 3; i++) {
        assert_near(weir_theta_lower(view, i + 1), bounds[2 * i]);
        assert_near(weir_theta_upper(view, i + 1), bounds[2 * i + 1]);
    }
}

static void images_of_datasketches_are_read_and_made_alike(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *image;
        uint32_t to;
    } cases[] = {{of_a, 1000},       {of_a_packed, 1000}, {of_20, 20},
                 {of_20_packed, 20}, {of_one, 1},         {of_none, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_theta_view theirs = open_text(f, cases[i].image),
                        ours = range(f, LG_K, 0, cases[i].to);
        assert_same(&ours, &theirs);
        weir_theta_view again;
        assert_true(weir_theta_open(weir_theta_image_str(&ours, &f->scratch), &f->scratch, &again));
        assert_same(&again, &ours);
    }
    static const double bounds[6] = {735.69711440487265, 1074.376061243629,  607.7233125181474,
                                     1257.7834114734846, 495.78245645722518, 1460.2923470259616};
    weir_theta_view a = open_text(f, of_a);
    figures(&a, 890.4125353315178, bounds);
}

static void our_image_differs_from_theirs_in_unread_bytes_only(void **state)
{
    fixture *f = *state;
    weir_theta_view a = open_text(f, of_a), one = open_text(f, of_one),
                    none = open_text(f, of_none);
    weir_str ours = weir_theta_image_str(&a, &f->scratch), theirs = bytes_of(f, of_a);
    assert_int_equal(ours.size, theirs.size);
    assert_memory_equal(ours.at, theirs.at, 12);
    assert_memory_equal(ours.at + 16, theirs.at + 16, ours.size - 16); /* between: p, as in Java */
    /* Java marks a single item, and gives nothing no seed */
    assert_memory_equal(weir_theta_image_str(&one, &f->scratch).at, "\1\3\3\0\0\x3a\xcc\x93", 8);
    assert_int_equal(weir_theta_image_str(&none, &f->scratch).size, 8);
    assert_memory_equal(weir_theta_image_str(&none, &f->scratch).at, "\1\3\3\0\0\x1e\0\0", 8);
}

static void an_image_out_of_order_is_put_in_order(void **state)
{
    fixture *f = *state;
    weir_theta_view a = open_text(f, of_a), more = open_text(f, of_a_unordered), cut;
    assert_int_equal(more.count, 37);
    weir_theta_union(&more, 1, LG_K, &f->scratch, &cut);
    assert_same(&cut, &a);
}

/* The hash table of a growing Java sketch: 64 slots, two of them with leavings above theta. */
static void the_image_of_a_growing_sketch_is_read(void **state)
{
    fixture *f = *state;
    weir_theta_view a = open_text(f, of_a), table;
    uint8_t bytes[24 + 64 * 8] = {3 | 3 << 6, 3, 2, LG_K, 6, 0, 0xcc, 0x93, 32};
    memcpy(bytes + 16, &a.theta, 8);
    for (uint32_t i = 0; i < a.count; i++) {
        memcpy(bytes + 24 + (i * 37 % 64) * 8, &a.hashes[i], 8);
    }
    memcpy(bytes + 24 + (40 * 37 % 64) * 8, &a.theta, 8);
    memset(bytes + 24 + (41 * 37 % 64) * 8, 0x7f, 8);
    assert_true(weir_theta_open((weir_str){(char *)bytes, sizeof(bytes)}, &f->scratch, &table));
    assert_same(&table, &a);
    bytes[5] = 4; /* empty */
    assert_true(weir_theta_open((weir_str){(char *)bytes, sizeof(bytes)}, &f->scratch, &table));
    assert_true(table.empty);
}

static void images_of_the_first_two_versions_are_read(void **state)
{
    fixture *f = *state;
    weir_theta_view a = open_text(f, of_a), old;
    weir_str image = bytes_of(f, of_a);
    char *bytes = (char *)(uintptr_t)image.at;
    bytes[1] = 2;
    assert_true(weir_theta_open(image, &f->scratch, &old));
    assert_same(&old, &a);
    bytes[1] = 1;
    bytes[6] = bytes[7] = 0; /* no seed then */
    assert_true(weir_theta_open(image, &f->scratch, &old));
    assert_same(&old, &a);
}

static void values_are_hashed_as_java_does(void **state)
{
    fixture *f = *state;
    weir_theta theta;
    weir_theta_init(&theta, LG_K);
    weir_theta_add(f->heap, &theta, weir_theta_hash_long(5));
    weir_theta_add(f->heap, &theta, weir_theta_hash_long(-1));
    weir_theta_add(f->heap, &theta, weir_theta_hash_double(1.5));
    weir_theta_add(f->heap, &theta, weir_theta_hash_double(-0.0));
    weir_theta_add(f->heap, &theta, weir_theta_hash_double(0.0));
    weir_theta_add(f->heap, &theta, weir_theta_hash("a", 1));
    weir_theta_add(f->heap, &theta, weir_theta_hash("h\xc3\xa9", 3));
    weir_theta_add(f->heap, &theta, weir_theta_hash("", 0)); /* does not count */
    weir_theta_view ours = result_of(f, &theta), theirs = open_text(f, of_mixed);
    assert_same(&ours, &theirs);
    assert_int_equal(weir_theta_hash_double(NAN), weir_theta_hash_double(-NAN));
}

static void set_operations_give_the_figures_of_datasketches(void **state)
{
    fixture *f = *state;
    weir_theta_view views[2] = {range(f, LG_K, 0, 1000), range(f, LG_K, 500, 1500)}, out;
    static const double both[6] = {920.20827699554081, 1345.253974237,     759.6281769326805,
                                   1575.837852420201,  619.28376354507793, 1830.5554888255244};
    weir_theta_union(views, 2, LG_K, &f->scratch, &out);
    figures(&out, 1114.2988033370982, both);
    static const double common[6] = {336.8575851473455,  585.86733590501899, 253.91703790889935,
                                     725.22240417570993, 186.23988111359955, 884.20732917612759};
    weir_theta_intersect(views, 2, &f->scratch, &out);
    figures(&out, 446.20186595207349, common);
    static const double rest[6] = {312.48765753283772, 554.57439093817356, 233.0180537591157,
                                   690.54986963102124, 168.71679479810064, 846.20622961721301};
    weir_theta_a_not_b(&views[0], &views[1], &f->scratch, &out);
    figures(&out, 418.31424933006889, rest);
}

static void operations_with_nothing_follow_the_rules_of_sets(void **state)
{
    fixture *f = *state;
    weir_theta_view a = range(f, LG_K, 0, 1000), few = range(f, LG_K, 0, 3), none = WEIR_THETA_NONE,
                    out;
    weir_theta_view pair[2] = {a, none};
    weir_theta_union(pair, 2, LG_K, &f->scratch, &out);
    assert_same(&out, &a);
    weir_theta_intersect(pair, 2, &f->scratch, &out);
    assert_same(&out, &none);
    weir_theta_a_not_b(&a, &none, &f->scratch, &out);
    assert_same(&out, &a);
    weir_theta_a_not_b(&none, &a, &f->scratch, &out);
    assert_same(&out, &none);
    weir_theta_a_not_b(&few, &few, &f->scratch, &out);
    assert_same(&out, &none); /* exact: nothing is left for sure */
    weir_theta_a_not_b(&a, &a, &f->scratch, &out);
    assert_int_equal(out.count, 0);
    assert_false(out.empty); /* an estimate of 0, with an upper bound */
    assert_true(weir_theta_upper(&out, 2) > 0);
    weir_theta_view again;
    assert_true(weir_theta_open(weir_theta_image_str(&out, &f->scratch), &f->scratch, &again));
    assert_same(&again, &out);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Parts in any order, through states, results and saved bytes, are the sketch of the whole. */
static void the_order_of_merges_does_not_matter(void **state)
{
    fixture *f = *state;
    weir_heap *other = weir_heap_new(NULL);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        test_random r = {seed};
        uint32_t lg_k = 4 + test_below(&r, 5), parts = 1 + test_below(&r, 6),
                 span = 20u << test_below(&r, 9);
        weir_theta whole, merged;
        weir_theta_init(&whole, lg_k);
        weir_theta_init(&merged, lg_k);
        for (uint32_t p = 0; p < parts; p++) {
            uint32_t from = test_below(&r, span), to = from + test_below(&r, span);
            weir_theta part;
            weir_theta_init(&part, lg_k);
            for (uint32_t i = from; i < to; i++) {
                uint64_t hash = hash_of(test_below(&r, 4) ? i : from);
                weir_theta_add(other, &part, hash);
                weir_theta_add(f->heap, &whole, hash);
            }
            weir_theta_view view;
            weir_theta_room room = {.scratch = &f->scratch};
            uint32_t way = test_below(&r, 3);
            if (way == 0) {
                weir_theta_merge(f->heap, &merged, other, &part);
                continue;
            }
            if (way == 1) {
                weir_theta_result(other, &part, &room, &view);
            } else {
                size_t size = weir_theta_save(other, &part, NULL);
                char *bytes = weir_arena_alloc(f->arena, size);
                assert_int_equal(weir_theta_save(other, &part, (uint8_t *)bytes), size);
                assert_true(weir_theta_open((weir_str){bytes, size}, &f->scratch, &view));
            }
            weir_theta_merge_view(f->heap, &merged, &view);
        }
        weir_theta_view a = result_of(f, &whole), b = result_of(f, &merged);
        assert_same(&a, &b);
        assert_true(weir_theta_estimate(f->heap, &merged) == weir_theta_view_estimate(&a));
        weir_scratch_rewind(&f->scratch, (weir_mark){0});
    }
    weir_heap_free(other);
}

static void random_sets_are_within_their_bounds(void **state)
{
    fixture *f = *state;
    uint32_t outside = 0, rounds = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        test_random r = {seed};
        uint32_t base = (uint32_t)seed * 1000000, size = 1000 + test_below(&r, 20000),
                 shift = test_below(&r, size);
        weir_theta_view views[2] = {range(f, 9, base, base + size),
                                    range(f, 9, base + shift, base + shift + size)};
        weir_theta_view out[3];
        uint32_t want[3] = {size + shift, size - shift, shift};
        weir_theta_union(views, 2, 9, &f->scratch, &out[0]);
        weir_theta_intersect(views, 2, &f->scratch, &out[1]);
        weir_theta_a_not_b(&views[0], &views[1], &f->scratch, &out[2]);
        for (uint32_t i = 0; i < 3; i++, rounds++) {
            outside +=
                weir_theta_lower(&out[i], 2) > want[i] || weir_theta_upper(&out[i], 2) < want[i];
            assert_true(weir_theta_lower(&out[i], 3) <= weir_theta_lower(&out[i], 1));
            assert_true(weir_theta_upper(&out[i], 3) >= weir_theta_upper(&out[i], 1));
        }
        weir_scratch_rewind(&f->scratch, (weir_mark){0});
    }
    assert_true(outside <= rounds / 10); /* 5 of 100 are expected */
}

static void sorting_and_ranks_agree_with_qsort(void **state)
{
    fixture *f = *state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        test_random r = {seed};
        uint32_t n = 1 + test_below(&r, seed % 2 ? 60 : 5000), shift = test_below(&r, 60);
        uint64_t *a = WEIR_ARENA_ARRAY(f->arena, uint64_t, n),
                 *b = WEIR_ARENA_ARRAY(f->arena, uint64_t, n),
                 *spare = WEIR_ARENA_ARRAY(f->arena, uint64_t, n);
        for (uint32_t i = 0; i < n; i++) {
            a[i] = b[i] = test_next(&r) >> shift | 1; /* with repetitions when the shift is large */
        }
        uint32_t nth = test_below(&r, n);
        uint64_t got = weir_theta_nth(a, n, nth);
        qsort(b, n, sizeof(*b), by_number);
        assert_int_equal(got, b[nth]);
        weir_theta_sort(a, spare, n);
        assert_memory_equal(a, b, n * sizeof(*a));
    }
}

/* Of the C++ library's binomial_bounds. */
static void bounds_are_those_of_datasketches(void **state)
{
    (void)state;
    static const struct {
        uint32_t count;
        double theta;
        uint32_t std_devs;
        double lower, upper;
    } cases[] = {
        {0, 1e-06, 1, 0, 1841021},
        {0, 1e-06, 3, 0, 6607787},
        {0, 0.001, 2, 0, 3782},
        {0, 0.01, 1, 0, 184},
        {0, 0.01, 3, 0, 658},
        {0, 0.1, 2, 0, 36},
        {0, 0.3, 1, 0, 6},
        {0, 0.3, 3, 0, 19},
        {0, 0.5, 2, 0, 6},
        {0, 0.9, 1, 0, 1},
        {0, 0.9, 3, 0, 3},
        {0, 0.999999, 2, 0, 1},
        {1, 1e-06, 1, 172753, 3299525.255252419},
        {1, 1e-06, 3, 1350, 8900354.7802923154},
        {1, 0.001, 2, 23, 5679.8914625785374},
        {1, 0.01, 1, 17, 329},
        {1, 0.01, 3, 1, 887},
        {1, 0.1, 2, 1, 55},
        {1, 0.3, 1, 1, 10},
        {1, 0.3, 3, 1, 26},
        {1, 0.5, 2, 1, 9},
        {1, 0.9, 1, 1, 3},
        {1, 0.9, 3, 1, 5},
        {1, 0.999999, 2, 1, 2},
        {2, 1e-06, 1, 708185.37140292488, 4637858.1148062441},
        {2, 1e-06, 3, 52879.368785675615, 10869685.053404234},
        {2, 0.001, 2, 229.81452254472333, 7345.3048014389569},
        {2, 0.01, 1, 70, 463},
        {2, 0.01, 3, 5, 1083},
        {2, 0.1, 2, 2, 71},
        {2, 0.3, 1, 2, 15},
        {2, 0.3, 3, 2, 32},
        {2, 0.5, 2, 2, 12},
        {2, 0.9, 1, 2, 4},
        {2, 0.9, 3, 2, 6},
        {2, 0.999999, 2, 2, 3},
        {3, 1e-06, 1, 1367295.4764669789, 5918184.0556595596},
        {3, 0.001, 2, 596.15567559834653, 8898.2874236396201},
        {3, 0.01, 3, 22, 1264},
        {3, 0.3, 1, 4, 19},
        {3, 0.5, 2, 3, 15},
        {3, 0.9, 3, 3, 8},
        {5, 1e-06, 1, 2840309.3857901935, 8382470.556919165},
        {5, 0.001, 2, 1583.1347172374954, 11816.775725573734},
        {5, 0.01, 3, 79.243768168661973, 1596.1469658434212},
        {5, 0.3, 1, 10, 27},
        {5, 0.5, 2, 5, 20},
        {5, 0.9, 3, 5, 11},
        {17, 1e-06, 1, 12917818.02726241, 22203715.765819542},
        {17, 0.001, 2, 9791.2172588768062, 27436.722068022875},
        {17, 0.01, 3, 725.60602456170682, 3331.6884096876047},
        {17, 0.3, 1, 44, 72},
        {17, 0.5, 2, 23, 49},
        {17, 0.9, 3, 17, 26},
        {50, 1e-06, 1, 42952667.221414961, 58118218.70448862},
        {50, 0.001, 2, 36884.738436045765, 66249.695715358845},
        {50, 0.01, 3, 3148.7492393817074, 7496.5580501674785},
        {50, 0.3, 1, 146, 190},
        {50, 0.5, 2, 81, 124},
        {50, 0.9, 3, 50, 66},
        {119, 1e-06, 1, 108106638.51875407, 130939287.03890541},
        {119, 0.001, 2, 98205.926156105357, 142880.82578157703},
        {119, 0.01, 3, 8904.4127174682653, 15534.343122289789},
        {119, 0.3, 1, 365.29628615145265, 430.49882212943606},
        {119, 0.5, 2, 208, 272},
        {119, 0.9, 3, 122, 146},
        {120, 1e-06, 1, 109060835.16137767, 131984897.10637401},
        {120, 0.001, 2, 99114.435548139299, 143971.94498396918},
        {120, 0.01, 3, 8990.7680963385756, 15647.935836149449},
        {120, 0.3, 1, 368.50183836419831, 433.95939443032313},
        {120, 0.5, 2, 210, 275},
        {120, 0.9, 3, 123, 148},
        {121, 1e-06, 1, 110011374.01777405, 133034032.71700788},
        {121, 0.001, 2, 100463.20845250522, 145623.28257520284},
        {121, 0.01, 3, 9188.1857853819492, 15916.259063687652},
        {121, 0.3, 1, 371.6970258970033, 437.42964947248561},
        {121, 0.5, 2, 211.38730162779191, 276.74099870362659},
        {121, 0.9, 3, 122.30705445349443, 147.62970334961301},
        {1000, 1e-06, 1, 968381191.30584431, 1032634617.0989946},
        {1000, 0.001, 2, 938267.807576266, 1065759.7836101197},
        {1000, 0.01, 3, 90947.570706800718, 109948.14368542924},
        {1000, 0.3, 1, 3244.155955282044, 3424.8881367166368},
        {1000, 0.5, 2, 1911.0572809000084, 2092.9874292847885},
        {1000, 0.9, 3, 1077.2268058707029, 1146.0120811440229},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_near(weir_binomial_lower(cases[i].count, cases[i].theta, cases[i].std_devs),
                    cases[i].lower);
        assert_near(weir_binomial_upper(cases[i].count, cases[i].theta, cases[i].std_devs),
                    cases[i].upper);
    }
}

/* Every byte of every image cut off or changed: refused, or a sketch that holds together. */
static void damaged_images_are_refused_or_harmless(void **state)
{
    fixture *f = *state;
    static const char *const images[] = {of_a,         of_a_unordered, of_a_packed, of_20,
                                         of_20_packed, of_one,         of_none};
    test_random r = {5};
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        weir_str image = bytes_of(f, images[i]);
        for (size_t cut = 0; cut < image.size; cut++) {
            uint8_t *bytes = malloc(cut + 1); /* of its own, so that reading past it is seen */
            weir_theta_view view;
            assert_non_null(bytes);
            memcpy(bytes, image.at, cut);
            assert_false(weir_theta_open((weir_str){(char *)bytes, cut}, &f->scratch, &view));
            free(bytes);
        }
        for (uint32_t round = 0; round < 2000; round++) {
            uint8_t *bytes = malloc(image.size);
            weir_theta_view view;
            weir_theta theta;
            assert_non_null(bytes);
            memcpy(bytes, image.at, image.size);
            for (uint32_t k = 1 + test_below(&r, 3); k > 0; k--) {
                uint32_t limit = test_below(&r, 2) || image.size < 24 ? (uint32_t)image.size : 24;
                bytes[test_below(&r, limit)] = (uint8_t)test_next(&r);
            }
            if (weir_theta_open((weir_str){(char *)bytes, image.size}, &f->scratch, &view)) {
                weir_theta_init(&theta, LG_K);
                weir_theta_merge_view(f->heap, &theta, &view);
                weir_theta_view result = result_of(f, &theta);
                assert_true(result.count <= 1u << LG_K);
                assert_true(weir_theta_upper(&result, 3) >= weir_theta_lower(&result, 3));
                weir_theta_intersect((weir_theta_view[]){view, result}, 2, &f->scratch, &view);
                weir_heap_drop(f->heap, theta.handle);
            }
            free(bytes);
            weir_scratch_rewind(&f->scratch, (weir_mark){0});
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(images_of_datasketches_are_read_and_made_alike, begin, end),
        cmocka_unit_test_setup_teardown(our_image_differs_from_theirs_in_unread_bytes_only, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_image_out_of_order_is_put_in_order, begin, end),
        cmocka_unit_test_setup_teardown(the_image_of_a_growing_sketch_is_read, begin, end),
        cmocka_unit_test_setup_teardown(images_of_the_first_two_versions_are_read, begin, end),
        cmocka_unit_test_setup_teardown(values_are_hashed_as_java_does, begin, end),
        cmocka_unit_test_setup_teardown(set_operations_give_the_figures_of_datasketches, begin,
                                        end),
        cmocka_unit_test_setup_teardown(operations_with_nothing_follow_the_rules_of_sets, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_order_of_merges_does_not_matter, begin, end),
        cmocka_unit_test_setup_teardown(random_sets_are_within_their_bounds, begin, end),
        cmocka_unit_test_setup_teardown(sorting_and_ranks_agree_with_qsort, begin, end),
        cmocka_unit_test(bounds_are_those_of_datasketches),
        cmocka_unit_test_setup_teardown(damaged_images_are_refused_or_harmless, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
