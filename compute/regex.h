/* compute/regex.h - Java's regular expressions through PCRE2: what its syntax has and PCRE2's has
 * not is rewritten, lines end where Java lets them end, and a match that takes too long gives up
 * with an error. Compiled once, matched by any thread. */
#ifndef COMPUTE_REGEX_H
#define COMPUTE_REGEX_H
#include "weir/arena.h"
#include "weir/error.h"

#define WEIR_REGEX_STEPS 1000000u /* backtracks of one match before it gives up */

typedef struct weir_regex weir_regex;
typedef struct weir_regex_match {
    uint32_t group_count;  /* of the pattern, without the whole */
    const size_t *offsets; /* start and end of group g at 2g, 2g + 1, SIZE_MAX when unset; the
                              thread's until its next match */
} weir_regex_match;

/* Lives in the arena. Error: the place in the pattern. */
const weir_regex *weir_regex_new(weir_arena *arena, weir_str pattern, weir_error *err);
/* First match at or after byte `from`. False: *found is not set, the match gave up. */
bool weir_regex_find(const weir_regex *regex, weir_str text, size_t from, bool *found,
                     weir_regex_match *out, weir_error *err);
/* Number of the group of that name; -1: none. */
int weir_regex_group(const weir_regex *regex, weir_str name);
#endif
