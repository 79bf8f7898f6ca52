/* tests/unit/compute/order_test.c - string orderings: pairs whose order Druid 33's own comparators
 * gave, and the laws of an order. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include "compute/order.h"
#include "unit/compute/vec_helper.h"

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void pairs_compare_as_druid_compared_them(void **state)
{
    (void)state;
    static const struct {
        const char *ordering, *a, *b;
        int want;
    } pairs[] = {
        {"version", "", "final", 0},
        {"version", "", "-", 0},
        {"version", "0", "", 0},
        {"version", "", "00", 0},
        {"version", ".", "", 0},
        {"version", "", "ga", 0},
        {"version", "", "--", 0},
        {"version", "ga00", "", 0},
        {"version", "SNAPSHOT1Z", "-.", -1},
        {"version", "", "-e", -1},
        {"version", "E.", ".", 1},
        {"version", "gaalphafinala", ".", 1},
        {"version", "x", "acra", 1},
        {"version", "", ".", 0},
        {"version", "-snapshote", "9+0", -1},
        {"version", "10.9", "-a", 1},
        {"version", "", "10-cr", -1},
        {"version", "", "alpha", 1},
        {"version", "", "éalpha-", -1},
        {"version", "-beta", "final1.5-", -1},
        {"version", "m", "", 1},
        {"version", "x0alpha", "", 1},
        {"version", "007b", "", 1},
        {"version", "", "alpha", 1},
        {"version", ".-spbetaZ", "9007E", -1},
        {"version", "9", "e-a-.", 1},
        {"version", "9SNAPSHOT9Z", "alpha", 1},
        {"version", "1e3balphabeta", "1e3", 1},
        {"version", "+msnapshotb", ".", 1},
        {"version", "E-", "rcSNAPSHOT", -1},
        {"version", "", ".xx007", -1},
        {"version", ".cr+gabeta", "e", 1},
        {"version", "x", "10", -1},
        {"version", "007E.-b", "+snapshot", 1},
        {"version", "Ebfinalrc", "", 1},
        {"version", "-1.5eZ.", "ésnapshot", 1},
        {"version", "9-spZ", "..", 1},
        {"version", "beta9Zalpha", "Z1e3final", -1},
        {"version", "1", "0É", 1},
        {"version", "mfinalcrm00", "", 1},
        {"version", "-00-rc", "sp1e3sp0", 1},
        {"version", "1Ebeta", "", 1},
        {"version", "0", "", 0},
        {"version", "m1.5É.m", "-msnapshot10-", -1},
        {"version", "e", "gae1rc-", -1},
        {"version", "00007crsp", "00.00é9", 1},
        {"version", "1.5snapshot", ".efinal-m", 1},
        {"version", "alphagafinala", "", 1},
        {"version", "İstanbul", "line\nbreak", -1},
        {"version", "é9sp-007", "Éa.9", -1},
        {"version", "🚀", "ﬀ", -1},
        {"version", "é-00gaga", "É00..m", -1},
        {"alphanumeric", "e", "E", 0},
        {"alphanumeric", "SNAPSHOTm", "snapshotm", 0},
        {"alphanumeric", "SNAPSHOT", "snapshot", 0},
        {"alphanumeric", "e", "E", 0},
        {"alphanumeric", "", ".-SNAPSHOT", -1},
        {"alphanumeric", "1.5alphaga.a", "", 1},
        {"alphanumeric", ".00", "-mspalpha", 1},
        {"alphanumeric", "-007alpha0", "", 1},
        {"alphanumeric", "", "crm+.10", -1},
        {"alphanumeric", "spbZ", ".1.510final", 1},
        {"alphanumeric", "10-00", "cr1beta-", -1},
        {"alphanumeric", "beta0", "9.+110", 1},
        {"alphanumeric", "+.b10.", "100éE", 1},
        {"alphanumeric", "bea1", "ebetaalphabb", -1},
        {"alphanumeric", "gacre1.5", "crSNAPSHOT", 1},
        {"alphanumeric", "", "snapshot", -1},
        {"alphanumeric", "+", "m.1-", -1},
        {"alphanumeric", "1a.007", "x.", -1},
        {"alphanumeric", "ga-alpha", "cr.1.5", 1},
        {"alphanumeric", "e00Éa+", "b+0+", 1},
        {"alphanumeric", "+Em", "", 1},
        {"alphanumeric", ".", "betaZ", -1},
        {"alphanumeric", "final", "final.", -1},
        {"alphanumeric", "snapshot1", "1.5", 1},
        {"numeric", "0", "0.", 0},
        {"numeric", "10", "0010", 0},
        {"numeric", "-00", "00", 0},
        {"numeric", "00", "0", 0},
        {"numeric", "1e000e", "1.5b9rc007", 1},
        {"numeric", "1.5malphaé", "", 1},
        {"numeric", "x", "", 1},
        {"numeric", "", "-be10", -1},
        {"numeric", "+brc", "-snapshot.m", -1},
        {"numeric", "mrc", "00", -1},
        {"numeric", "rc101-", "rc", 1},
        {"numeric", "EeE", "sp", -1},
        {"numeric", "", "cr", -1},
        {"numeric", "é", "ga1", 1},
        {"numeric", "xm0E", "", 1},
        {"numeric", "eEx", "", 1},
        {"numeric", "10rcrc9-", "final00007-", -1},
        {"numeric", "b", "rc", -1},
        {"numeric", "bé", "snapshot1.5", -1},
        {"numeric", "-", "cralphacrgasp", -1},
        {"numeric", "snapshot", "-final", 1},
        {"numeric", "ée1e30beta", "00cr", 1},
        {"numeric", "", ".alpha", -1},
        {"numeric", "", "Efinal0E", -1},
        {"strlen", "ga007-rc", "", 1},
        {"strlen", "", "É1e31.5", -1},
        {"strlen", "mebSNAPSHOT", "9", 1},
        {"strlen", "", "-", -1},
        {"strlen", "", "SNAPSHOT..x1", -1},
        {"strlen", "", "final", -1},
        {"strlen", "alphaalpha-ga", "beta", 1},
        {"strlen", "SNAPSHOT9", "", 1},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        const weir_ordering *o = weir_ordering_find(weir_str_of(pairs[i].ordering));
        weir_str a = weir_str_of(pairs[i].a), b = weir_str_of(pairs[i].b);
        assert_non_null(o);
        if (sign(o->compare(a, b)) != pairs[i].want || sign(o->compare(b, a)) != -pairs[i].want) {
            fail_msg("%s: '%s' against '%s' is not %d", o->name, pairs[i].a, pairs[i].b,
                     pairs[i].want);
        }
    }
}

static void numbers_of_any_length_compare_exactly(void **state)
{
    (void)state;
    static const char *ascending[] = {"",
                                      "abc",
                                      "-1e400",
                                      "-123456789012345678901234567890",
                                      "-0.5",
                                      "0e5",
                                      "1e-400",
                                      "0.10",
                                      "0.100000000000000000000000001",
                                      "1",
                                      "1.5",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "1e30"};
    for (size_t i = 0; i < sizeof(ascending) / sizeof(*ascending); i++) {
        for (size_t k = 0; k < sizeof(ascending) / sizeof(*ascending); k++) {
            int want = i < k ? -1 : i > k;
            assert_int_equal(sign(weir_order_numeric.compare(weir_str_of(ascending[i]),
                                                             weir_str_of(ascending[k]))),
                             want);
        }
    }
    assert_int_equal(weir_order_numeric.compare(WEIR_STR("1.50"), WEIR_STR("15e-1")), 0);
    assert_int_equal(weir_order_numeric.compare(WEIR_STR("-0"), WEIR_STR("0.000")), 0);
}

static void every_ordering_is_transitive_on_random_text(void **state)
{
    (void)state;
    static const char *names[] = {"lexicographic", "alphanumeric", "numeric", "strlen"};
    static const char *bits[] = {"0", "7", "10", "a", "B", "-", ".", "é", "1e2", "\xff", "🚀", "x"};
    test_random r = {3};
    for (size_t o = 0; o < 4; o++) {
        const weir_ordering *ordering = weir_ordering_find(weir_str_of(names[o]));
        for (int round = 0; round < 20000; round++) {
            char text[3][64];
            weir_str s[3];
            for (int i = 0; i < 3; i++) {
                text[i][0] = 0;
                for (uint32_t n = test_below(&r, 5); n > 0; n--) {
                    strcat(text[i], bits[test_below(&r, 12)]);
                }
                s[i] = weir_str_of(text[i]);
            }
            int ab = sign(ordering->compare(s[0], s[1])), bc = sign(ordering->compare(s[1], s[2]));
            int ac = sign(ordering->compare(s[0], s[2]));
            assert_int_equal(ab, -sign(ordering->compare(s[1], s[0])));
            if (ab == bc && ab != 0) {
                assert_int_equal(ac, ab);
            }
        }
    }
}

static void doubles_compare_as_java_compares_them(void **state)
{
    (void)state;
    const double ascending[] = {(double)-INFINITY, -1, -0.0, 0.0, 1, (double)INFINITY, (double)NAN};
    for (int i = 0; i < 7; i++) {
        for (int k = 0; k < 7; k++) {
            assert_int_equal(weir_double_cmp(ascending[i], ascending[k]), i < k ? -1 : i > k);
        }
    }
}

static void nulls_come_first_and_arrays_go_by_element(void **state)
{
    (void)state;
    weir_value null = weir_value_null(), one = weir_value_long(1), two = weir_value_double(1.5);
    assert_int_equal(weir_value_cmp(&null, &one, NULL), -1);
    assert_int_equal(weir_value_cmp(&one, &null, NULL), 1);
    assert_int_equal(weir_value_cmp(&null, &null, NULL), 0);
    assert_int_equal(weir_value_cmp(&one, &two, NULL), -1);
    weir_value a = weir_value_str(WEIR_STR("10")), b = weir_value_str(WEIR_STR("9"));
    assert_int_equal(weir_value_cmp(&a, &b, NULL), -1);
    assert_int_equal(weir_value_cmp(&a, &b, &weir_order_numeric), 1);
    weir_value items[2] = {one, two};
    weir_value shorter = {.type = {.kind = WEIR_ARRAY, .elem = WEIR_LONG}}, longer = shorter;
    shorter.as.array.at = longer.as.array.at = items;
    shorter.as.array.count = 1;
    longer.as.array.count = 2;
    assert_int_equal(weir_value_cmp(&shorter, &longer, NULL), -1);
    assert_null(weir_ordering_find(WEIR_STR("random")));
    assert_ptr_equal(weir_ordering_find(WEIR_STR("NUMERIC")), &weir_order_numeric);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_compare_as_druid_compared_them),
        cmocka_unit_test(numbers_of_any_length_compare_exactly),
        cmocka_unit_test(every_ordering_is_transitive_on_random_text),
        cmocka_unit_test(doubles_compare_as_java_compares_them),
        cmocka_unit_test(nulls_come_first_and_arrays_go_by_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
