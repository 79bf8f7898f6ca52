/* compute/agg_codes.h - a code of 32 bits for every value of a column, for aggregators that count
 * distinct ones: a hash of its bytes, cut to what the aggregator looks at. Of a dictionary column
 * each id is hashed once by a worker. */
#ifndef COMPUTE_AGG_CODES_H
#define COMPUTE_AGG_CODES_H
#include "compute/vec.h"

#define WEIR_NO_CODE UINT32_MAX /* a value that does not count: null */

typedef struct weir_coder {
    uint32_t (*code)(const void *bytes, size_t size); /* below WEIR_NO_CODE - 1 */
    uint32_t key;    /* of its codes among what is kept for a dictionary */
    bool utf8;       /* strings as UTF-8; else as UTF-16, little endian */
    bool all_double; /* floats as doubles, and -0.0 as 0.0; else a float as its four bytes */
} weir_coder;

/* Codes of one column: row i has [offsets[i], offsets[i + 1]). */
typedef struct weir_coded {
    const uint32_t *codes, *offsets; /* no offsets: one a row */
} weir_coded;
/* Of a vector of any form and kind; arrays give none. `heap` NULL: nothing is kept. Memory from
 * `s`. */
weir_coded weir_coded_column(const weir_coder *coder, const weir_vec *vec, weir_heap *heap,
                             weir_scratch *s);

/* Bytes to be hashed, growing in scratch. */
typedef struct weir_code_text {
    weir_scratch *s;
    uint8_t *at;
    size_t size, capacity;
} weir_code_text;
void weir_code_put(weir_code_text *t, const void *bytes, size_t size);
void weir_code_put_text(const weir_coder *coder, weir_code_text *t, weir_str text);
/* Row i of a FLAT vector that is not null. */
void weir_code_put_value(const weir_coder *coder, weir_code_text *t, const weir_vec *vec,
                         uint32_t i);
#endif
