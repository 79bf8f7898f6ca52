/* tests/unit/compute/tuple_test.c - tuple sketches of doubles: the images and figures of
 * DataSketches' C++ library (32 nominal entries), exact maps, damaged bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "compute/sketch_tuple.h"
#include "unit/compute/vec_helper.h"
#include "weir/base64.h"

#define LG_K 5u

/* v0 to v999, cut to 32 keys; numbers i and i + 0.5 */
static const char of_a[] =
    "AQEJAxgCzJN5EZbZIaGZBCAAAAAAAAAAqjMhydp9FACfUFIegbMuAOsMmB3QcIUAkovpMd5pkgCdrWZVdkftACMI"
    "YBqL3voAQtVlpNtI+wCWwfyZ0WczAeSTIyTJ8E0BzRF1toxUXQH0Hj6EdWbSAYcGpPPImfgBf8UyUsiaHAKl9iUk"
    "P9coAgCIweiZNFICe3mYkWqDewIbkAfmljGuAplkXC3WKeAC2sY6p0j94gLEg0J2DWXlAv4qQ3npLO4CWkxi28gE"
    "rQNAN+8dF1+wAzIo4ZgQttEDhe6geldP4gPLMR1Zxan8A5aqEZux4AkEVAqnaPHHFwRfo3Sv2QU3BId2+kMrA0cE"
    "bMFXMx1mSQSGvkiadgCXBAAAAAAAgFdAAAAAAACgV0AAAAAAAMiDQAAAAAAAzINAAAAAAAA4jkAAAAAAADyOQAAA"
    "AAAAYHZAAAAAAABodkAAAAAAAIBGQAAAAAAAwEZAAAAAAAAAOEAAAAAAAIA4QAAAAAAAmIVAAAAAAACchUAAAAAA"
    "AEBUQAAAAAAAYFRAAAAAAABgc0AAAAAAAGhzQAAAAAAAeIVAAAAAAAB8hUAAAAAAAABhQAAAAAAAEGFAAAAAAABQ"
    "gEAAAAAAAFSAQAAAAAAAgIFAAAAAAACEgUAAAAAAAHiAQAAAAAAAfIBAAAAAAAAwjUAAAAAAADSNQAAAAAAAoGdA"
    "AAAAAACwZ0AAAAAAAHiCQAAAAAAAfIJAAAAAAAAAe0AAAAAAAAh7QAAAAAAAQF5AAAAAAABgXkAAAAAAAGCIQAAA"
    "AAAAZIhAAAAAAADgc0AAAAAAAOhzQAAAAAAAUHdAAAAAAABYd0AAAAAAAOiCQAAAAAAA7IJAAAAAAACAa0AAAAAA"
    "AJBrQAAAAAAAaIFAAAAAAABsgUAAAAAAAEBpQAAAAAAAUGlAAAAAAAAgj0AAAAAAACSPQAAAAAAAKINAAAAAAAAs"
    "g0AAAAAAAOBpQAAAAAAA8GlAAAAAAABAgkAAAAAAAESCQAAAAAAAmIlAAAAAAACciUAAAAAAAGCHQAAAAAAAZIdA";

/* v500 to v1499 */
static const char of_b[] =
    "AQEJAxgCzJOGvkiadgCXBCAAAAAAAAAAAwFgwM1zHgCfUFIegbMuAOsMmB3QcIUAVAGoV4lGhgBl4es6+QmZAELV"
    "ZaTbSPsASA1EOErIKAHNEXW2jFRdAVB5o9lhr2gB1x+E+uCFnwGHBqTzyJn4AX/FMlLImhwCpfYlJD/XKAIAiMHo"
    "mTRSAq/pcNbCQGYCG5AH5pYxrgLfdnjoOxbeAsSDQnYNZeUC85+0FCIgBANsQO7fdUlTA176wzaROF8Di/S8mXdK"
    "sANAN+8dF1+wA4XuoHpXT+IDlqoRm7HgCQRUCqdo8ccXBId2+kMrA0cEbMFXMx1mSQStwQcvClFhBM1te9IIZnoE"
    "mUIUnlFbfARfFfTHdpSVBAAAAAAA7JBAAAAAAADukEAAAAAAAMiDQAAAAAAAzINAAAAAAAA4jkAAAAAAADyOQAAA"
    "AAAAZJBAAAAAAABmkEAAAAAAAJySQAAAAAAAnpJAAAAAAACYhUAAAAAAAJyFQAAAAAAAMJNAAAAAAAAyk0AAAAAA"
    "AHiFQAAAAAAAfIVAAAAAAACkk0AAAAAAAKaTQAAAAAAAuJBAAAAAAAC6kEAAAAAAAFCAQAAAAAAAVIBAAAAAAACA"
    "gUAAAAAAAISBQAAAAAAAeIBAAAAAAAB8gEAAAAAAADCNQAAAAAAANI1AAAAAAAA0lUAAAAAAADaVQAAAAAAAeIJA"
    "AAAAAAB8gkAAAAAAAGSXQAAAAAAAZpdAAAAAAABgiEAAAAAAAGSIQAAAAAAAUJZAAAAAAABSlkAAAAAAAACRQAAA"
    "AAAAApFAAAAAAACglUAAAAAAAKKVQAAAAAAA6JZAAAAAAADqlkAAAAAAAOiCQAAAAAAA7IJAAAAAAABogUAAAAAA"
    "AGyBQAAAAAAAII9AAAAAAAAkj0AAAAAAACiDQAAAAAAALINAAAAAAABAgkAAAAAAAESCQAAAAAAAmIlAAAAAAACc"
    "iUAAAAAAAJCPQAAAAAAAlI9AAAAAAACsk0AAAAAAAK6TQAAAAAAAgJFAAAAAAACCkUAAAAAAAJCQQAAAAAAAkpBA";

/* their union */
static const char of_union[] =
    "AQEJAxgCzJNaTGLbyAStAyAAAAAAAAAAqjMhydp9FAADAWDAzXMeAJ9QUh6Bsy4A6wyYHdBwhQBUAahXiUaGAJKL"
    "6THeaZIAZeHrOvkJmQCdrWZVdkftACMIYBqL3voAQtVlpNtI+wBIDUQ4SsgoAZbB/JnRZzMB5JMjJMnwTQHNEXW2"
    "jFRdAVB5o9lhr2gB1x+E+uCFnwH0Hj6EdWbSAYcGpPPImfgBf8UyUsiaHAKl9iUkP9coAgCIweiZNFICr+lw1sJA"
    "ZgJ7eZiRaoN7AhuQB+aWMa4C33Z46DsW3gKZZFwt1ingAtrGOqdI/eICxINCdg1l5QL+KkN56SzuAvOftBQiIAQD"
    "bEDu33VJUwNe+sM2kThfAwAAAAAAgFdAAAAAAACgV0AAAAAAAOyQQAAAAAAA7pBAAAAAAADIk0AAAAAAAMyTQAAA"
    "AAAAOJ5AAAAAAAA8nkAAAAAAAGSQQAAAAAAAZpBAAAAAAABgdkAAAAAAAGh2QAAAAAAAnJJAAAAAAACekkAAAAAA"
    "AIBGQAAAAAAAwEZAAAAAAAAAOEAAAAAAAIA4QAAAAAAAmJVAAAAAAACclUAAAAAAADCTQAAAAAAAMpNAAAAAAABA"
    "VEAAAAAAAGBUQAAAAAAAYHNAAAAAAABoc0AAAAAAAHiVQAAAAAAAfJVAAAAAAACkk0AAAAAAAKaTQAAAAAAAuJBA"
    "AAAAAAC6kEAAAAAAAABhQAAAAAAAEGFAAAAAAABQkEAAAAAAAFSQQAAAAAAAgJFAAAAAAACEkUAAAAAAAHiQQAAA"
    "AAAAfJBAAAAAAAAwnUAAAAAAADSdQAAAAAAANJVAAAAAAAA2lUAAAAAAAKBnQAAAAAAAsGdAAAAAAAB4kkAAAAAA"
    "AHySQAAAAAAAZJdAAAAAAABml0AAAAAAAAB7QAAAAAAACHtAAAAAAABAXkAAAAAAAGBeQAAAAAAAYJhAAAAAAABk"
    "mEAAAAAAAOBzQAAAAAAA6HNAAAAAAABQlkAAAAAAAFKWQAAAAAAAAJFAAAAAAAACkUAAAAAAAKCVQAAAAAAAopVA";

/* what both have, numbers added */
static const char of_inter[] =
    "AQEJAxgCzJOGvkiadgCXBBAAAAAAAAAAn1BSHoGzLgDrDJgd0HCFAELVZaTbSPsAzRF1toxUXQGHBqTzyJn4AX/F"
    "MlLImhwCpfYlJD/XKAIAiMHomTRSAhuQB+aWMa4CxINCdg1l5QJAN+8dF1+wA4XuoHpXT+IDlqoRm7HgCQRUCqdo"
    "8ccXBId2+kMrA0cEbMFXMx1mSQQAAAAAAMiTQAAAAAAAzJNAAAAAAAA4nkAAAAAAADyeQAAAAAAAmJVAAAAAAACc"
    "lUAAAAAAAHiVQAAAAAAAfJVAAAAAAABQkEAAAAAAAFSQQAAAAAAAgJFAAAAAAACEkUAAAAAAAHiQQAAAAAAAfJBA"
    "AAAAAAAwnUAAAAAAADSdQAAAAAAAeJJAAAAAAAB8kkAAAAAAAGCYQAAAAAAAZJhAAAAAAADokkAAAAAAAOySQAAA"
    "AAAAaJFAAAAAAABskUAAAAAAACCfQAAAAAAAJJ9AAAAAAAAok0AAAAAAACyTQAAAAAAAQJJAAAAAAABEkkAAAAAA"
    "AJiZQAAAAAAAnJlA";

/* what only the first has */
static const char of_rest[] =
    "AQEJAxgCzJOGvkiadgCXBA8AAAAAAAAAqjMhydp9FACSi+kx3mmSAJ2tZlV2R+0AIwhgGove+gCWwfyZ0WczAeST"
    "IyTJ8E0B9B4+hHVm0gF7eZiRaoN7AplkXC3WKeAC2sY6p0j94gL+KkN56SzuAlpMYtvIBK0DMijhmBC20QPLMR1Z"
    "xan8A1+jdK/ZBTcEAAAAAACAV0AAAAAAAKBXQAAAAAAAYHZAAAAAAABodkAAAAAAAIBGQAAAAAAAwEZAAAAAAAAA"
    "OEAAAAAAAIA4QAAAAAAAQFRAAAAAAABgVEAAAAAAAGBzQAAAAAAAaHNAAAAAAAAAYUAAAAAAABBhQAAAAAAAoGdA"
    "AAAAAACwZ0AAAAAAAAB7QAAAAAAACHtAAAAAAABAXkAAAAAAAGBeQAAAAAAA4HNAAAAAAADoc0AAAAAAAFB3QAAA"
    "AAAAWHdAAAAAAACAa0AAAAAAAJBrQAAAAAAAQGlAAAAAAABQaUAAAAAAAOBpQAAAAAAA8GlA";

/* v0 to v2, one number each */
static const char of_three[] =
    "AQEJAxgBzJP/////////fwMAAAAAAAAACKBsVtarpRWa0ah8xns0Ra1QRE8I8/FjAAAAAAAA8D8AAAAAAAAAQAAA"
    "AAAAAAAA";

/* nothing, two numbers each */
static const char of_none[] = "AQEJAxQCzJP/////////fw==";

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

static weir_tuple_view open_text(fixture *f, const char *base64)
{
    weir_tuple_view view;
    assert_true(weir_tuple_open(bytes_of(f, base64), &f->scratch, &view));
    return view;
}

static uint64_t hash_of(uint32_t number)
{
    char text[16];
    int size = snprintf(text, sizeof(text), "v%u", number);
    return weir_theta_hash(text, (size_t)size);
}

static weir_tuple_view range(fixture *f, uint32_t width, uint32_t from, uint32_t to)
{
    weir_tuple tuple;
    weir_tuple_view view;
    weir_tuple_init(&tuple, LG_K, width);
    for (uint32_t i = from; i < to; i++) {
        double values[2] = {i, i + 0.5};
        weir_tuple_add(f->heap, &tuple, hash_of(i), values);
    }
    weir_tuple_result(f->heap, &tuple, &f->scratch, &view);
    return view;
}

typedef struct entry {
    uint64_t key;
    double values[4];
} entry;

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const entry *)a)->key, y = ((const entry *)b)->key;
    return (x > y) - (x < y);
}

static entry *entries_of(fixture *f, const weir_tuple_view *view)
{
    entry *entries = WEIR_ARENA_ARRAY(f->arena, entry, view->count + 1);
    for (uint32_t i = 0; i < view->count; i++) {
        entries[i].key = view->keys[i];
        memcpy(entries[i].values, view->values + (size_t)i * view->value_count,
               view->value_count * sizeof(double));
    }
    qsort(entries, view->count, sizeof(*entries), by_key);
    return entries;
}

static void assert_same(fixture *f, const weir_tuple_view *a, const weir_tuple_view *b)
{
    assert_int_equal(a->theta, b->theta);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->value_count, b->value_count);
    assert_int_equal(a->empty, b->empty);
    const entry *x = entries_of(f, a), *y = entries_of(f, b);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_int_equal(x[i].key, y[i].key);
        for (uint32_t k = 0; k < a->value_count; k++) {
            assert_true(fabs(x[i].values[k] - y[i].values[k]) <= 1e-9 * fabs(y[i].values[k]));
        }
    }
}

static void images_of_datasketches_are_read_and_made_alike(void **state)
{
    fixture *f = *state;
    weir_tuple_view theirs[] = {open_text(f, of_a), open_text(f, of_b), open_text(f, of_three),
                                open_text(f, of_none)};
    weir_tuple_view ours[] = {range(f, 2, 0, 1000), range(f, 2, 500, 1500), range(f, 1, 0, 3),
                              range(f, 2, 0, 0)};
    for (uint32_t i = 0; i < 4; i++) {
        weir_tuple_view again;
        assert_same(f, &ours[i], &theirs[i]);
        assert_true(
            weir_tuple_open(weir_tuple_image_str(&ours[i], &f->scratch), &f->scratch, &again));
        assert_same(f, &again, &ours[i]);
        assert_int_equal(weir_tuple_image(&theirs[i], NULL),
                         weir_tuple_image_str(&ours[i], &f->scratch).size);
    }
    assert_true(weir_tuple_view_estimate(&ours[0]) == 890.4125353315178);
    assert_true(fabs(weir_tuple_lower(&ours[0], 2) - 607.7233125181474) < 1e-4);
    assert_true(fabs(weir_tuple_upper(&ours[0], 2) - 1257.7834114734846) < 1e-4);
    /* the bytes of one that was read are those that were written, but for the mark of order */
    weir_str bytes = bytes_of(f, of_a), copy = weir_tuple_image_str(&theirs[0], &f->scratch);
    assert_int_equal(bytes.size, copy.size);
    assert_int_equal(bytes.at[4] & ~0x10, copy.at[4]);
    assert_memory_equal(bytes.at + 5, copy.at + 5, bytes.size - 5);
}

static void set_operations_are_those_of_datasketches(void **state)
{
    fixture *f = *state;
    weir_tuple_view views[2] = {open_text(f, of_a), open_text(f, of_b)}, out, want;
    weir_tuple_union(views, 2, LG_K, &f->scratch, &out);
    want = open_text(f, of_union);
    assert_same(f, &out, &want);
    weir_tuple_intersect(&views[0], &views[1], &f->scratch, &out);
    want = open_text(f, of_inter);
    assert_same(f, &out, &want);
    weir_tuple_a_not_b(&views[0], &views[1], &f->scratch, &out);
    want = open_text(f, of_rest);
    assert_same(f, &out, &want);
}

static void operations_with_nothing_follow_the_rules_of_sets(void **state)
{
    fixture *f = *state;
    weir_tuple_view a = open_text(f, of_a), few = range(f, 2, 0, 3), none = weir_tuple_none(2), out;
    weir_tuple_union((weir_tuple_view[]){none, a}, 2, LG_K, &f->scratch, &out);
    assert_same(f, &out, &a);
    weir_tuple_intersect(&a, &none, &f->scratch, &out);
    assert_same(f, &out, &none);
    weir_tuple_a_not_b(&a, &none, &f->scratch, &out);
    assert_same(f, &out, &a);
    weir_tuple_a_not_b(&few, &few, &f->scratch, &out);
    assert_same(f, &out, &none);
    weir_tuple_a_not_b(&a, &a, &f->scratch, &out);
    assert_false(out.empty);
    assert_int_equal(out.count, 0);
}

/* A growing Java sketch: 64 slots, keys first. */
static void the_image_of_a_growing_sketch_is_read(void **state)
{
    fixture *f = *state;
    weir_tuple_view a = open_text(f, of_a), read;
    uint8_t bytes[32 + 64 * 24] = {1, 1, 9, 2, 8, 2, 0xcc, 0x93};
    memcpy(bytes + 8, &a.theta, 8);
    bytes[16] = LG_K;
    bytes[17] = 6;
    bytes[18] = 3;
    bytes[24] = (uint8_t)a.count;
    for (uint32_t i = 0; i < a.count; i++) {
        uint32_t slot = i * 37 % 64;
        memcpy(bytes + 32 + slot * 8, &a.keys[i], 8);
        memcpy(bytes + 32 + 64 * 8 + slot * 16, &a.values[2 * (size_t)i], 16);
    }
    assert_true(weir_tuple_open((weir_str){(char *)bytes, sizeof(bytes)}, &f->scratch, &read));
    assert_same(f, &read, &a);
}

/* Parts in any order, through states, results and saved bytes, are the sketch of the whole, which
 * is the least keys of a plain list with the sums of their numbers. */
static void merges_in_any_order_are_the_sums_of_the_whole(void **state)
{
    fixture *f = *state;
    weir_heap *other = weir_heap_new(NULL);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        test_random r = {seed};
        uint32_t lg_k = 4 + test_below(&r, 4), parts = 1 + test_below(&r, 6),
                 span = 20u << test_below(&r, 7), width = 1 + test_below(&r, 4), total = 0;
        entry *all = WEIR_ARENA_ARRAY(f->arena, entry, parts * 2000);
        weir_tuple merged;
        weir_tuple_init(&merged, lg_k, width);
        for (uint32_t p = 0; p < parts; p++) {
            weir_tuple part;
            weir_tuple_init(&part, lg_k, width);
            for (uint32_t i = test_below(&r, 2000); i > 0; i--) {
                entry *e = &all[total++];
                e->key = hash_of(test_below(&r, span));
                for (uint32_t k = 0; k < width; k++) {
                    e->values[k] = test_below(&r, 1000);
                }
                weir_tuple_add(other, &part, e->key, e->values);
            }
            weir_tuple_view view;
            uint32_t way = test_below(&r, 3);
            if (way == 0) {
                weir_tuple_merge(f->heap, &merged, other, &part);
                continue;
            }
            if (way == 1) {
                weir_tuple_result(other, &part, &f->scratch, &view);
            } else {
                size_t size = weir_tuple_save(other, &part, NULL);
                char *bytes = weir_arena_alloc(f->arena, size);
                assert_int_equal(weir_tuple_save(other, &part, (uint8_t *)bytes), size);
                assert_true(weir_tuple_open((weir_str){bytes, size}, &f->scratch, &view));
            }
            assert_true(weir_tuple_merge_view(f->heap, &merged, &view));
        }
        qsort(all, total, sizeof(*all), by_key);
        uint32_t distinct = 0;
        for (uint32_t i = 0; i < total; i++) {
            if (distinct > 0 && all[distinct - 1].key == all[i].key) {
                for (uint32_t k = 0; k < width; k++) {
                    all[distinct - 1].values[k] += all[i].values[k];
                }
            } else {
                all[distinct++] = all[i];
            }
        }
        uint32_t k = 1u << lg_k, count = distinct < k ? distinct : k;
        weir_tuple_view got;
        weir_tuple_result(f->heap, &merged, &f->scratch, &got);
        assert_int_equal(got.count, count);
        assert_int_equal(got.theta, distinct > k ? all[k].key : (uint64_t)WEIR_THETA_ALL);
        assert_true(weir_tuple_estimate(f->heap, &merged) == weir_tuple_view_estimate(&got));
        const entry *entries = entries_of(f, &got);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(entries[i].key, all[i].key);
            assert_memory_equal(entries[i].values, all[i].values, width * sizeof(double));
        }
        weir_scratch_rewind(&f->scratch, (weir_mark){0});
    }
    weir_heap_free(other);
}

/* Of scipy.stats.ttest_ind(a, b, equal_var=False). */
static void a_t_test_gives_the_chance_of_equal_means(void **state)
{
    (void)state;
    static const struct {
        weir_tuple_stats a, b;
        double p;
    } cases[] = {
        {{.count = 2, .mean = 0.6723662096854273, .variance = 0.6673779259660466},
         {.count = 2, .mean = 0.5609989127985331, .variance = 7.401671588270198},
         0.963660031043893},
        {{.count = 3, .mean = 0.4596865855967163, .variance = 1.5552849659275982},
         {.count = 10, .mean = 0.8834385420732433, .variance = 2.3070916367420615},
         0.6500604331024114},
        {{.count = 40, .mean = -0.44254941474409987, .variance = 1.184867017578957},
         {.count = 30, .mean = -0.12219990739676065, .variance = 6.1934856487686725},
         0.5137293952318228},
        {{.count = 40, .mean = -0.06258223518034435, .variance = 0.8386986534302096},
         {.count = 30, .mean = 2.7364545520014105, .variance = 2.5951239559886634},
         8.487911243551686e-11},
        {{.count = 1000, .mean = -0.013080997694866656, .variance = 0.9884258703532957},
         {.count = 2000, .mean = 0.049838246315242016, .variance = 3.9869563274541555},
         0.24932118342517626},
        {{.count = 5, .mean = 0.4617385288623012, .variance = 0.2076959793469024},
         {.count = 5, .mean = 0.0722194951474325, .variance = 1.7542595783130608},
         0.5616562519791308},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double p = weir_tuple_t_test(cases[i].a, cases[i].b);
        if (fabs(p - cases[i].p) > 1e-10) {
            fail_msg("case %zu: %.17g is not %.17g", i, p, cases[i].p);
        }
    }
    weir_tuple_stats one = {.count = 1, .mean = 1}, two = {.count = 2, .mean = 1, .variance = 1};
    assert_true(isnan(weir_tuple_t_test(one, two)));
}

static void a_column_has_its_sum_mean_and_variance(void **state)
{
    fixture *f = *state;
    weir_tuple_view three = open_text(f, of_three), none = open_text(f, of_none);
    weir_tuple_stats s = weir_tuple_column(&three, 0);
    assert_true(s.count == 3 && s.sum == 3 && s.mean == 1 && s.variance == 1);
    s = weir_tuple_column(&none, 1);
    assert_true(s.count == 0 && s.sum == 0 && isnan(s.mean) && isnan(s.variance));
}

static void sketches_of_other_widths_are_not_mixed(void **state)
{
    fixture *f = *state;
    weir_tuple tuple;
    weir_tuple_view three = open_text(f, of_three);
    weir_tuple_init(&tuple, LG_K, 2);
    assert_false(weir_tuple_merge_view(f->heap, &tuple, &three));
    assert_int_equal(tuple.count, 0);
}

static void damaged_images_are_refused_or_harmless(void **state)
{
    fixture *f = *state;
    static const char *const images[] = {of_a, of_three, of_none};
    test_random r = {5};
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        weir_str image = bytes_of(f, images[i]);
        weir_tuple_view view;
        for (size_t cut = 0; cut < image.size; cut++) {
            uint8_t *bytes = malloc(cut + 1); /* of its own, so that reading past it is seen */
            assert_non_null(bytes);
            memcpy(bytes, image.at, cut);
            assert_false(weir_tuple_open((weir_str){(char *)bytes, cut}, &f->scratch, &view));
            free(bytes);
        }
        for (uint32_t round = 0; round < 2000; round++) {
            uint8_t *bytes = malloc(image.size);
            assert_non_null(bytes);
            memcpy(bytes, image.at, image.size);
            for (uint32_t k = 1 + test_below(&r, 3); k > 0; k--) {
                uint32_t limit = test_below(&r, 2) || image.size < 24 ? (uint32_t)image.size : 24;
                bytes[test_below(&r, limit)] = (uint8_t)test_next(&r);
            }
            if (round % 4 == 0) {
                bytes[3] = 2; /* growing */
            }
            if (weir_tuple_open((weir_str){(char *)bytes, image.size}, &f->scratch, &view)) {
                weir_tuple tuple;
                weir_tuple_view result;
                weir_tuple_init(&tuple, LG_K, view.value_count);
                assert_true(weir_tuple_merge_view(f->heap, &tuple, &view));
                weir_tuple_result(f->heap, &tuple, &f->scratch, &result);
                assert_true(result.count <= 1u << LG_K);
                weir_tuple_intersect(&view, &result, &f->scratch, &view);
                weir_heap_drop(f->heap, tuple.handle);
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
        cmocka_unit_test_setup_teardown(set_operations_are_those_of_datasketches, begin, end),
        cmocka_unit_test_setup_teardown(operations_with_nothing_follow_the_rules_of_sets, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_image_of_a_growing_sketch_is_read, begin, end),
        cmocka_unit_test_setup_teardown(merges_in_any_order_are_the_sums_of_the_whole, begin, end),
        cmocka_unit_test(a_t_test_gives_the_chance_of_equal_means),
        cmocka_unit_test_setup_teardown(a_column_has_its_sum_mean_and_variance, begin, end),
        cmocka_unit_test_setup_teardown(sketches_of_other_widths_are_not_mixed, begin, end),
        cmocka_unit_test_setup_teardown(damaged_images_are_refused_or_harmless, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
