/* compute/sel.c - selections: none, all, a list of rows, or bits; of a chunk or of one of its
 * blocks. */
#include "compute/vec.h"
#include <assert.h>

static uint64_t tail_mask(uint32_t n)
{
    return n % 64 ? (1ull << n % 64) - 1 : ~0ull;
}

weir_sel weir_sel_of_bits(const uint64_t *bits, uint32_t n)
{
    uint32_t count = 0, words = weir_words(n);
    for (uint32_t w = 0; w < words; w++) {
        uint64_t word = w + 1 == words ? bits[w] & tail_mask(n) : bits[w];
        count += (uint32_t)__builtin_popcountll(word);
    }
    if (count == 0) {
        return weir_sel_none(n);
    }
    if (count == n) {
        return weir_sel_all(n);
    }
    return (weir_sel){.kind = WEIR_SEL_BITS, .n = n, .count = count, .bits = bits};
}

/* First place in `rows` whose row is >= `row`. */
static uint32_t lower_bound(const uint16_t *rows, uint32_t count, uint32_t row)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = low + (count - low) / 2;
        if (rows[middle] < row) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

static weir_sel block_of_list(const weir_sel *sel, uint32_t from, uint32_t n, weir_scratch *s)
{
    uint32_t first = lower_bound(sel->rows, sel->count, from);
    uint32_t count = lower_bound(sel->rows, sel->count, from + n) - first;
    const uint16_t *rows = sel->rows + first;
    if (count == 0) {
        return weir_sel_none(n);
    }
    if (count == n) {
        return weir_sel_all(n);
    }
    if (from > 0) {
        uint16_t *moved = WEIR_SCRATCH_ARRAY(s, uint16_t, count);
        for (uint32_t i = 0; i < count; i++) {
            moved[i] = (uint16_t)(rows[i] - from);
        }
        rows = moved;
    }
    return (weir_sel){.kind = WEIR_SEL_LIST, .n = n, .count = count, .rows = rows};
}

static weir_sel block_of_bits(const weir_sel *sel, uint32_t from, uint32_t n, weir_scratch *s)
{
    const uint64_t *bits = sel->bits + from / 64;
    uint32_t words = weir_words(n);
    if (words > 0 && (bits[words - 1] & ~tail_mask(n)) != 0) { /* the chunk goes on in this word */
        uint64_t *copy = WEIR_SCRATCH_ARRAY(s, uint64_t, words);
        memcpy(copy, bits, sizeof(*copy) * words);
        copy[words - 1] &= tail_mask(n);
        bits = copy;
    }
    return weir_sel_of_bits(bits, n);
}

weir_sel weir_sel_block(const weir_sel *sel, uint32_t from, uint32_t n, weir_scratch *s)
{
    assert(from % 64 == 0 && from + n <= sel->n);
    switch ((weir_sel_kind)sel->kind) {
    case WEIR_SEL_NONE:
        break;
    case WEIR_SEL_ALL:
        return weir_sel_all(n);
    case WEIR_SEL_LIST:
        return block_of_list(sel, from, n, s);
    case WEIR_SEL_BITS:
        return block_of_bits(sel, from, n, s);
    }
    return weir_sel_none(n);
}

const uint16_t *weir_sel_rows(const weir_sel *sel, weir_scratch *s)
{
    if (sel->kind == WEIR_SEL_LIST) {
        return sel->rows;
    }
    uint16_t *rows = WEIR_SCRATCH_ARRAY(s, uint16_t, sel->count);
    if (sel->kind == WEIR_SEL_ALL) {
        for (uint32_t i = 0; i < sel->n; i++) {
            rows[i] = (uint16_t)i;
        }
    } else if (sel->kind == WEIR_SEL_BITS) {
        uint32_t at = 0, words = weir_words(sel->n);
        for (uint32_t w = 0; w < words; w++) {
            uint64_t left = w + 1 == words ? sel->bits[w] & tail_mask(sel->n) : sel->bits[w];
            for (; left; left &= left - 1) {
                rows[at++] = (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(left));
            }
        }
    }
    return rows;
}

const uint64_t *weir_sel_bits(const weir_sel *sel, weir_scratch *s)
{
    if (sel->kind == WEIR_SEL_BITS) {
        return sel->bits;
    }
    uint32_t words = weir_words(sel->n);
    uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, words);
    memset(bits, sel->kind == WEIR_SEL_ALL ? 0xff : 0, sizeof(*bits) * words);
    if (sel->kind == WEIR_SEL_ALL && words > 0) {
        bits[words - 1] &= tail_mask(sel->n);
    } else if (sel->kind == WEIR_SEL_LIST) {
        for (uint32_t i = 0; i < sel->count; i++) {
            weir_bit_set(bits, sel->rows[i]);
        }
    }
    return bits;
}
