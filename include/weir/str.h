/* include/weir/str.h - text as a pointer and a length: UTF-8, not ended by NUL, NUL is a byte like any other.
 * A weir_str owns nothing. The order of strings everywhere is that of UTF-16 code units, as in Java. */
#ifndef WEIR_STR_H
#define WEIR_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct weir_str {
    const char *at; /* NULL only together with size 0 */
    size_t size;    /* bytes */
} weir_str;

#define WEIR_STR(literal) ((weir_str){(literal), sizeof(literal) - 1})
#define WEIR_STR_ARG(s) (int)(s).size, (s).at /* for "%.*s" */

static inline weir_str weir_str_of(const char *text)
{
    return (weir_str){text, strlen(text)};
}
static inline bool weir_str_eq(weir_str a, weir_str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}
static inline bool weir_str_is(weir_str a, const char *text)
{
    return weir_str_eq(a, weir_str_of(text));
}
bool weir_str_eq_nocase(weir_str a, weir_str b); /* ASCII letters only */
bool weir_str_starts(weir_str a, weir_str prefix);
/* <0, 0, >0 in the order of UTF-16 code units: bytes, but lead bytes F0..F4 rank before EE and EF. */
int weir_str_cmp(weir_str a, weir_str b);
/* Length in UTF-16 code units; malformed bytes count one each. */
size_t weir_str_utf16_size(weir_str a);
/* Whether all bytes are well-formed UTF-8. */
bool weir_str_is_utf8(weir_str a);
weir_str weir_str_trim(weir_str a);               /* without ASCII blanks at both ends */
bool weir_str_to_long(weir_str a, int64_t *out);  /* the whole text is a decimal long that fits */
bool weir_str_to_double(weir_str a, double *out); /* the whole text is a number, as strtod in the C locale */
#endif
