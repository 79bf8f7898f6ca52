/* tests/unit/query/front_helper.h - what tests of the front end share: requests to plan text,
 * sorted dictionaries, a seeded random. */
#ifndef TESTS_FRONT_HELPER_H
#define TESTS_FRONT_HELPER_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "query/native.h"

/* The plan of a request as text, after bind over no tables; ' stands for " in `json`. Fails the
 * test when there is none. */
const char *plan_of(weir_arena *arena, const char *json);
/* "CODE: sentence" of a request that must be refused. */
const char *refusal_of(weir_arena *arena, const char *json);
weir_str quoted(weir_arena *arena, const char *json); /* with ' turned to " */

/* A dictionary over `count` values, sorted and distinct as they are; id 1 is values[0]. */
typedef struct front_dict {
    weir_dict dict;
    const weir_str *values;
} front_dict;
front_dict *dict_of(weir_arena *arena, const weir_str *values, uint32_t count);

uint64_t next_random(uint64_t *seed);
#endif
