/* compute/dict_hash.h - a number for each text of a dictionary column (its hash, mostly), worked out
 * once for an id by a worker, however many rows have it. */
#ifndef COMPUTE_DICT_HASH_H
#define COMPUTE_DICT_HASH_H
#include "compute/vec.h"

typedef struct weir_text_hash {
    void (*run)(const void *self, const weir_str *texts, uint32_t n, weir_scratch *s,
                uint64_t *out);
    const void *self;
    uint64_t key; /* stands for both among what is kept for a dictionary */
} weir_text_hash;

/* out[i]: the number of the text of row i, 0 for null, of a DICT vector of strings. What is known
 * of the dictionary is kept in `heap`; NULL: nothing is kept. A dictionary that cannot be read
 * (damage) gives 0. */
void weir_dict_hashes(const weir_vec *vec, const weir_text_hash *hash, weir_heap *heap,
                      weir_scratch *s, uint64_t *out);
#endif
