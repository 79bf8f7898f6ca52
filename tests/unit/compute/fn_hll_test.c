/* tests/unit/compute/fn_hll_test.c - functions over HLL sketches, with nulls, wrong types and
 * damaged images. The image is of one long, 0. */
#include "expr_helper.h"

#define ONE "'AgEHDAMIAQDL18IE'"

static void functions_over_sketches(void **state)
{
    (void)state;
    static const expr_case cases[] = {
        {"hll_sketch_estimate(" ONE ")", "1.0"},
        {"hll_sketch_estimate(" ONE ", 1)", "1.0"},
        {"hll_sketch_estimate(" ONE ", null)", "1.0"},
        {"hll_sketch_estimate(complex_decode_base64('HLLSketch', " ONE "))", "1.0"},
        {"hll_sketch_estimate(null)", "0.0"},
        {"hll_sketch_estimate('')", "!this text is no HLL sketch as base64"},
        {"hll_sketch_estimate('*')", "!this text is no HLL sketch as base64"},
        {"hll_sketch_estimate('AgEHDAMIAQDL18I=')", "!this text is no HLL sketch as base64"},
        {"hll_sketch_estimate(5)", "!Function[hll_sketch_estimate] needs an HLL sketch, not LONG"},
        {"hll_sketch_estimate([1])",
         "!Function[hll_sketch_estimate] needs an HLL sketch, not ARRAY<LONG>"},
        {"hll_sketch_estimate(hyper_unique())",
         "!Function[hll_sketch_estimate] needs an HLL sketch, not COMPLEX<hyperUnique>"},
        {"hll_sketch_estimate_with_error_bounds(" ONE ")", "[1.0,1.0,1.000049929250618]"},
        {"hll_sketch_estimate_with_error_bounds(" ONE ", 3)", "[1.0,1.0,1.0001498027109286]"},
        {"hll_sketch_estimate_with_error_bounds(null)", "[0.0,0.0,0.0]"},
        {"hll_sketch_estimate_with_error_bounds(" ONE ", 4)",
         "!NumStdDev may not be less than 1 or greater than 3."},
        {"hll_sketch_estimate(hll_sketch_union(12, 'HLL_8', " ONE ", " ONE "))", "1.0"},
        {"hll_sketch_estimate(hll_sketch_union(4, 'HLL_4'))", "0.0"},
        {"hll_sketch_estimate(hll_sketch_union(4, 'HLL_6', null, " ONE "))", "1.0"},
        {"hll_sketch_union(3, 'HLL_4', " ONE ")", "!lgK must be between 4 and 21, inclusive"},
        {"hll_sketch_union(12, 'HLL_5', " ONE ")", "!tgtHllType must be HLL_4, HLL_6 or HLL_8"},
        {"hll_sketch_to_string(null)", "null"},
        {"substring(hll_sketch_to_string(" ONE "), 0, 24)", "'### HLL SKETCH SUMMARY: '"},
    };
    CHECK_CASES(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_over_sketches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
