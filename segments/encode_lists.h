/* segments/encode_lists.h - elements of arrays of numbers out of one encoding, for sealed chunks
 * and frozen files alike. */
#ifndef SEGMENTS_ENCODE_LISTS_H
#define SEGMENTS_ENCODE_LISTS_H
#include "segments/encode.h"

/* The elements of n >= 1 lists, list i at [places[2i], places[2i + 1]) of `items`, ascending,
 * `total` of them together, one after the other as a FLAT vector of `elem`. `items` may be NULL
 * when total is 0. */
void weir_encoded_list_numbers(const weir_encoded *items, weir_kind elem, const uint32_t *places,
                               uint32_t n, uint32_t total, weir_scratch *s, weir_vec *out);
#endif
