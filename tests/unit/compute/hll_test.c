/* tests/unit/compute/hll_test.c - hashes, estimates and bytes that Guava 32 and Druid 33's
 * HyperLogLogCollector gave. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <endian.h>
#include <math.h>
#include <stdio.h>
#include "compute/hll.h"

/* ASCII as UTF-16. */
static uint32_t code_of(const char *text)
{
    uint8_t units[200];
    size_t n = 0;
    for (; *text; text++) {
        units[n++] = (uint8_t)*text;
        units[n++] = 0;
    }
    return weir_hll_code(weir_murmur3_128(units, n));
}

static void hashes_are_guavas(void **state)
{
    (void)state;
    uint64_t number = htole64(42);
    weir_hash128 h = weir_murmur3_128(&number, 8);
    assert_true(h.low == be64toh(htole64(0xf87dd28999c3acb6u)) &&
                h.high == be64toh(htole64(0x802ff296fb17b924u)));
    uint8_t abc[] = {'a', 0, 'b', 0, 'c', 0};
    h = weir_murmur3_128(abc, 6);
    assert_true(h.low == be64toh(htole64(0xe34d9eb074a1250cu)) &&
                h.high == be64toh(htole64(0x2be09e39dd667177u)));
    h = weir_murmur3_128("", 0);
    assert_true(h.low == 0 && h.high == 0);
}

/* Even ones in one collector, odd ones in another, and both folded into a third. */
static void estimates_are_druids(void **state)
{
    (void)state;
    static const struct {
        int values;
        double even, odd, both;
    } rows[] = {{0, 0.0, 0.0, 0.0},
                {1, 1.0002442201269182, 0.0, 1.0002442201269182},
                {10, 5.006113467958146, 5.006113467958146, 10.024493827539368},
                {127, 63.989336142044344, 62.95785790316646, 125.78487050511875},
                {500, 250.74175909165828, 256.4007845215638, 508.1310409383495},
                {2000, 993.1953155982927, 994.8200677660154, 2006.073378106889},
                {10000, 5183.318079228772, 5164.81292959862, 10094.22137553827},
                {50000, 25194.910945525477, 25212.982645071144, 51333.90772818613},
                {200000, 100028.20585824677, 100844.03333781847, 205788.24653828653}};
    for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
        weir_heap *heap = weir_heap_new(NULL);
        weir_hll halves[2] = {{0}, {0}}, both = {0};
        for (int i = 0; i < rows[k].values; i++) {
            char text[40];
            snprintf(text, sizeof(text), "value %d", i);
            weir_hll_add(heap, &halves[i % 2], code_of(text));
        }
        weir_hll_merge(heap, &both, heap, &halves[0]);
        weir_hll_merge(heap, &both, heap, &halves[1]);
        assert_true(fabs(weir_hll_estimate(heap, &halves[0]) - rows[k].even) <=
                    rows[k].even * 1e-15);
        assert_true(fabs(weir_hll_estimate(heap, &halves[1]) - rows[k].odd) <= rows[k].odd * 1e-15);
        assert_true(fabs(weir_hll_estimate(heap, &both) - rows[k].both) <= rows[k].both * 1e-15);
        uint8_t bytes[WEIR_HLL_MAX_BYTES];
        size_t size = weir_hll_save(heap, &both, bytes);
        assert_int_equal(size, weir_hll_save(heap, &both, NULL));
        weir_hll back = {0};
        assert_true(weir_hll_load(heap, (weir_str){(const char *)bytes, size}, &back));
        assert_true(weir_hll_estimate(heap, &back) == weir_hll_estimate(heap, &both));
        weir_heap_free(heap);
    }
}

static void bytes_are_druids(void **state)
{
    (void)state;
    static const uint8_t want[] = {1,    0,    0,    5,    0,    0,    0,    0x01,
                                   0x79, 0x01, 0x02, 0x47, 0x40, 0x02, 0x4e, 0x01,
                                   0x03, 0x4a, 0x20, 0x03, 0xce, 0x10};
    weir_heap *heap = weir_heap_new(NULL);
    weir_hll hll = {0};
    for (int i = 0; i < 10; i += 2) {
        char text[40];
        snprintf(text, sizeof(text), "value %d", i);
        weir_hll_add(heap, &hll, code_of(text));
    }
    uint8_t bytes[WEIR_HLL_MAX_BYTES];
    assert_int_equal(weir_hll_save(heap, &hll, bytes), sizeof(want));
    assert_memory_equal(bytes, want, sizeof(want));
    weir_heap_free(heap);
}

static void merging_is_the_same_in_any_order(void **state)
{
    (void)state;
    weir_heap *heap = weir_heap_new(NULL);
    weir_hll parts[40] = {{0}}, forward = {0}, backward = {0};
    uint64_t seed = 1;
    for (int p = 0; p < 40; p++) {
        for (int i = 0; i < 1 << p % 14; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            weir_hll_add(heap, &parts[p],
                         weir_hll_code(weir_murmur3_128(&seed, 8)) %
                             0x7ff0f); /* places up to 15 only */
        }
    }
    for (int p = 0; p < 40; p++) {
        weir_hll_merge(heap, &forward, heap, &parts[p]);
        weir_hll_merge(heap, &backward, heap, &parts[39 - p]);
    }
    assert_true(weir_hll_estimate(heap, &forward) == weir_hll_estimate(heap, &backward));
    weir_heap_free(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_guavas),
        cmocka_unit_test(estimates_are_druids),
        cmocka_unit_test(bytes_are_druids),
        cmocka_unit_test(merging_is_the_same_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
