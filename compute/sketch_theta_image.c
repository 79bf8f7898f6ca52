/* compute/sketch_theta_image.c - theta sketches as DataSketches' bytes: read in every form that was
 * ever written, written as compact ordered images of serial version 3.
 *
 *  byte 0  1  2       3        4           5      6..7       8..11  12..15  16..23  then
 *       n  v  family  lg k /   lg table /  flags  seed hash  count  p       theta   the hashes
 *                     bits(4)  count size(4)
 * n is the number of words before the hashes: 1 for none or a single one, 2 without theta, 3 with
 * it. Version 4 has theta in word 1, then the count in 1 to 4 bytes, then differences of `bits`
 * bits each, the highest bit first. */
#include "compute/sketch.h"
#include "compute/sketch_theta.h"

enum { FLAG_READ_ONLY = 2, FLAG_EMPTY = 4, FLAG_COMPACT = 8, FLAG_ORDERED = 16, FLAG_SINGLE = 32 };
enum { FAMILY_ALPHA = 1, FAMILY_QUICK_SELECT = 2, FAMILY_COMPACT = 3 };

typedef struct preamble {
    uint32_t words, version, family, byte3, byte4, flags, seed_hash;
} preamble;

static bool take_preamble(weir_reader *in, preamble *out)
{
    const uint8_t *at;
    if (!weir_take_span(in, 8, &at)) {
        return false;
    }
    *out =
        (preamble){at[0] & 0x3fu, at[1], at[2], at[3], at[4], at[5], at[6] | (uint32_t)at[7] << 8};
    return true;
}

static bool take_theta(weir_reader *in, uint64_t *out)
{
    return weir_take_u64(in, out) && *out > 0 && *out <= WEIR_THETA_ALL;
}

/* Word 1: the count and what nobody reads, then theta when there is a word for it. */
static bool take_counts(weir_reader *in, uint32_t words, weir_theta_view *view)
{
    uint32_t p;
    return weir_take_u32(in, &view->count) && weir_take_u32(in, &p) &&
           (words < 3 || take_theta(in, &view->theta));
}

/* All between 0 and theta, in order; what was marked as unordered is sorted first. */
static bool check_hashes(weir_theta_view *view, uint64_t *hashes, bool ordered, weir_scratch *s)
{
    if (!ordered) {
        weir_theta_sort(hashes, WEIR_SCRATCH_ARRAY(s, uint64_t, view->count + 1), view->count);
    }
    uint64_t last = 0, good = 1;
    for (uint32_t i = 0; i < view->count; i++) {
        good &= hashes[i] > last;
        last = hashes[i];
    }
    view->hashes = hashes;
    return good && last < view->theta;
}

static bool take_hashes(weir_reader *in, bool ordered, weir_scratch *s, weir_theta_view *view)
{
    const uint8_t *at;
    if (!weir_take_span(in, (size_t)view->count * sizeof(uint64_t), &at)) {
        return false;
    }
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, view->count + 1);
    memcpy(hashes, at, view->count * sizeof(*hashes));
    for (uint32_t i = 0; i < view->count; i++) {
        hashes[i] = le64toh(hashes[i]);
    }
    return check_hashes(view, hashes, ordered, s);
}

/* A table with free slots; hashes at or above theta are leavings. */
static bool take_table(weir_reader *in, const preamble *p, weir_scratch *s, weir_theta_view *view)
{
    const uint8_t *at;
    if (p->words < 3 || p->byte4 > WEIR_THETA_MAX_LG_K + 1 || !take_counts(in, 3, view) ||
        !weir_take_span(in, sizeof(uint64_t) << p->byte4, &at)) {
        return false;
    }
    if (p->flags & FLAG_EMPTY) { /* theta may be below all: it samples, and had no update yet */
        *view = WEIR_THETA_NONE;
        return true;
    }
    uint32_t slots = 1u << p->byte4, count = 0;
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, slots + 1);
    for (uint32_t i = 0; i < slots; i++) {
        uint64_t hash;
        memcpy(&hash, at + i * sizeof(hash), sizeof(hash));
        hashes[count] = le64toh(hash);
        count += hashes[count] > 0 && hashes[count] < view->theta;
    }
    view->count = count;
    return check_hashes(view, hashes, false, s);
}

static uint64_t take_bits(const uint8_t *at, uint64_t bit, uint32_t bits)
{
    uint64_t value = 0;
    while (bits > 0) {
        uint32_t in_byte = (uint32_t)(bit & 7), some = 8 - in_byte < bits ? 8 - in_byte : bits;
        uint32_t part = (uint32_t)at[bit >> 3] >> (8 - in_byte - some) & ((1u << some) - 1);
        value = value << some | part;
        bit += some;
        bits -= some;
    }
    return value;
}

static bool take_packed(weir_reader *in, const preamble *p, weir_scratch *s, weir_theta_view *view)
{
    uint32_t bits = p->byte3;
    const uint8_t *at;
    if (bits == 0 || bits > 63 || p->byte4 == 0 || p->byte4 > 4 ||
        (p->words > 1 && !take_theta(in, &view->theta)) || !weir_take_span(in, p->byte4, &at)) {
        return false;
    }
    for (uint32_t i = 0; i < p->byte4; i++) {
        view->count |= (uint32_t)at[i] << (8 * i);
    }
    uint64_t size = ((uint64_t)view->count * bits + 7) / 8;
    if (!weir_take_span(in, size, &at)) {
        return false;
    }
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, view->count + 1), last = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        last += take_bits(at, (uint64_t)i * bits, bits); /* wrapped ones are not in order */
        hashes[i] = last;
    }
    return check_hashes(view, hashes, true, s);
}

/* Versions 1 and 2, which all were ordered; 1 knew no seeds. */
static bool take_old(weir_reader *in, const preamble *p, weir_scratch *s, weir_theta_view *view)
{
    uint32_t words = p->version == 1 ? 3 : p->words;
    return words == 1 ||
           (words <= 3 && take_counts(in, words, view) && take_hashes(in, true, s, view));
}

static bool take_compact(weir_reader *in, const preamble *p, weir_scratch *s, weir_theta_view *view)
{
    if (p->flags & FLAG_EMPTY) {
        return true;
    }
    if (p->words == 1) {
        view->count = 1;
    } else if (p->words > 3 || !take_counts(in, p->words, view)) {
        return false;
    }
    return take_hashes(in, p->words == 1 || p->flags & FLAG_ORDERED, s, view);
}

bool weir_theta_open(weir_str image, weir_scratch *s, weir_theta_view *out)
{
    weir_reader in = weir_reader_of(image);
    preamble p;
    weir_theta_view view = {.theta = WEIR_THETA_ALL};
    if (!take_preamble(&in, &p) || p.words == 0) {
        return false;
    }
    bool nothing = p.flags & FLAG_EMPTY || (p.version == 2 && p.words == 1);
    if (p.version != 1 && !nothing && p.seed_hash != WEIR_THETA_SEED_HASH) {
        return false;
    }
    bool ok = false;
    if (p.family == FAMILY_COMPACT) {
        ok = p.version == 3                     ? take_compact(&in, &p, s, &view)
             : p.version == 4                   ? take_packed(&in, &p, s, &view)
             : p.version == 1 || p.version == 2 ? take_old(&in, &p, s, &view)
                                                : false;
    } else if (p.version == 3 && (p.family == FAMILY_QUICK_SELECT || p.family == FAMILY_ALPHA)) {
        ok = take_table(&in, &p, s, &view);
    }
    if (ok) {
        view.empty = view.count == 0 && view.theta == WEIR_THETA_ALL;
        *out = view;
    }
    return ok;
}

static uint32_t words_of(uint64_t theta, uint32_t count)
{
    return theta < WEIR_THETA_ALL ? 3 : count > 1 ? 2 : 1;
}

static uint8_t *put_preamble(uint8_t *at, uint64_t theta, uint32_t count, bool ordered, bool empty)
{
    uint32_t words = words_of(theta, count), flags = FLAG_READ_ONLY | FLAG_COMPACT;
    flags |= empty ? FLAG_EMPTY | FLAG_ORDERED : 0;
    flags |= words == 1 && count == 1 ? FLAG_SINGLE | FLAG_ORDERED : ordered ? FLAG_ORDERED : 0;
    uint64_t seed_hash = empty ? 0 : WEIR_THETA_SEED_HASH;
    at = weir_put_u64(at, words | 3u << 8 | FAMILY_COMPACT << 16 | (uint64_t)flags << 40 |
                              seed_hash << 48);
    if (words > 1) {
        at = weir_put_u64(at, count | 0x3f80000000000000u); /* p is 1.0f */
    }
    return words > 2 ? weir_put_u64(at, theta) : at;
}

size_t weir_theta_image(const weir_theta_view *view, uint8_t *out)
{
    size_t size = ((size_t)words_of(view->theta, view->count) + view->count) * sizeof(uint64_t);
    if (out) {
        bool empty = view->count == 0 && view->theta == WEIR_THETA_ALL;
        uint8_t *at = put_preamble(out, view->theta, view->count, true, empty);
        for (uint32_t i = 0; i < view->count; i++) {
            at = weir_put_u64(at, view->hashes[i]);
        }
    }
    return size;
}

weir_str weir_theta_image_str(const weir_theta_view *view, weir_scratch *s)
{
    size_t size = weir_theta_image(view, NULL);
    uint8_t *bytes = weir_scratch_take(s, size);
    weir_theta_image(view, bytes);
    return (weir_str){(const char *)bytes, size};
}

size_t weir_theta_save(const weir_heap *heap, const weir_theta *theta, uint8_t *out)
{
    uint64_t below = theta->theta;
    if (out) {
        bool empty = theta->count == 0 && below == WEIR_THETA_ALL;
        uint8_t *at = put_preamble(out, below, theta->count, false, empty);
        const uint64_t *table = theta->handle ? weir_heap_at(heap, theta->handle) : NULL;
        for (uint32_t i = 0; table && i < 1u << theta->lg_table; i++) {
            at = table[i] ? weir_put_u64(at, table[i]) : at;
        }
    }
    return ((size_t)words_of(below, theta->count) + theta->count) * sizeof(uint64_t);
}
