/* tests/unit/compute/vec_helper.h - seeded random vectors of every form, and a plain dictionary
 * over an array of strings. */
#ifndef VEC_HELPER_H
#define VEC_HELPER_H
#include "compute/vec.h"

typedef struct test_random {
    uint64_t state;
} test_random;
uint64_t test_next(test_random *r);
uint32_t test_below(test_random *r, uint32_t limit); /* 0..limit-1 */

typedef struct test_dict {
    weir_dict dict;
    const weir_str *values; /* values[0] is unused */
} test_dict;
/* `values` without null; ids start at 1. */
const weir_dict *test_dict_new(weir_arena *arena, const weir_str *values, uint32_t count);

typedef enum test_vec_kind {
    TEST_LONG,
    TEST_LONG_NULLS,
    TEST_DOUBLE,
    TEST_DOUBLE_NULLS,
    TEST_FLOAT_NULLS,
    TEST_SCALED,
    TEST_SCALED_NULLS,
    TEST_STRING_NULLS,
    TEST_DICT,
    TEST_DICT_LARGE,
    TEST_CONST_LONG,
    TEST_CONST_DOUBLE,
    TEST_CONST_STRING,
    TEST_CONST_DICT,
    TEST_CONST_NULL,
    TEST_LIST_DICT,
    TEST_LIST_STRING,
    TEST_LIST_LONG,
    TEST_CONST_LIST,
    TEST_VECS
} test_vec_kind;
weir_vec test_vec(weir_arena *arena, test_random *r, test_vec_kind kind, uint32_t n);
#endif
