/* compute/sketch_quantiles.c - items arrive in the base buffer; when it holds 2k, it is sorted,
 * every other item goes on with twice the weight, and meets the level's k items if there are any:
 * merged, halved, one level up, like a carry of binary addition. Which half goes on is random, so
 * errors cancel out. Layout of the heap's block: base buffer (grows to 2k), level 0, level 1 ...;
 * levels that are not in use hold old items. */
#include "compute/sketch_quantiles.h"
#include "weir/arena.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SERIAL_VERSION 3u
#define FAMILY 8u
enum { FLAG_READ_ONLY = 2, FLAG_EMPTY = 4, FLAG_COMPACT = 8, FLAG_ORDERED = 16 };
#define MOST_N (1ull << 56) /* no stream is longer; sums of images cannot wrap */
#define LEAST_BASE 2u       /* items of the smallest block */

bool weir_quantiles_k_ok(int64_t k)
{
    return k >= 2 && k <= WEIR_QUANTILES_MOST_K && (k & (k - 1)) == 0;
}

weir_quantiles weir_quantiles_of(uint32_t k)
{
    assert(weir_quantiles_k_ok(k));
    return (weir_quantiles){.k = k};
}

static uint64_t levels_of(uint32_t k, uint64_t n) /* bit i: level i is in use */
{
    return n / (2ull * k);
}

static uint32_t base_count(const weir_quantiles *q)
{
    return (uint32_t)(q->n % (2ull * q->k));
}

static uint32_t level_count(uint64_t levels) /* up to the highest one in use */
{
    return levels ? 64u - (uint32_t)__builtin_clzll(levels) : 0;
}

uint32_t weir_quantiles_retained(uint32_t k, uint64_t n)
{
    return (uint32_t)(n % (2ull * k)) + k * (uint32_t)__builtin_popcountll(levels_of(k, n));
}

static double *items_of(const weir_heap *heap, const weir_quantiles *q)
{
    return weir_heap_at(heap, q->handle);
}

static double *level_at(const weir_heap *heap, const weir_quantiles *q, uint32_t level)
{
    return items_of(heap, q) + (size_t)q->k * (2 + level);
}

/* Room for `count` items in all. */
static void reserve(weir_heap *heap, weir_quantiles *q, size_t count)
{
    if (weir_heap_size(heap, q->handle) < count * sizeof(double)) {
        q->handle = weir_heap_resize(heap, q->handle, count * sizeof(double));
    }
}

static void reserve_base(weir_heap *heap, weir_quantiles *q, uint32_t count)
{
    size_t most = 2ull * q->k, size = weir_heap_size(heap, q->handle) / sizeof(double);
    if (size < count) {
        size = size * 2 > count ? size * 2 : count;
        reserve(heap, q, size < LEAST_BASE ? LEAST_BASE : size > most ? most : size);
    }
}

static void halve(weir_quantiles *q, const double *from, double *to, uint32_t k)
{
    uint64_t salt;
    memcpy(&salt, &from[k], sizeof(salt));
    uint32_t first = (uint32_t)weir_sketch_random(&q->random, salt) & 1;
    for (uint32_t i = 0; i < k; i++) {
        to[i] = from[2 * i + first];
    }
}

static void merge_levels(const double *a, const double *b, uint32_t k, double *out)
{
    uint32_t i = 0, j = 0;
    while (i < k && j < k) {
        bool right = b[j] < a[i];
        *out++ = right ? b[j] : a[i];
        j += right;
        i += !right;
    }
    memcpy(out, i < k ? a + i : b + j, (i < k ? k - i : k - j) * sizeof(*out));
}

/* Where k items that join `level` end up: at the lowest free level from there on. */
static uint32_t carry_target(uint64_t levels, uint32_t level)
{
    return level + (uint32_t)__builtin_ctzll(~(levels >> level));
}

/* The k items stand at their target already, for which room was reserved; `spare` has room for 2k.
 */
static void carry(weir_heap *heap, weir_quantiles *q, uint64_t levels, uint32_t level,
                  double *spare)
{
    uint32_t target = carry_target(levels, level);
    double *moving = level_at(heap, q, target);
    for (uint32_t i = level; i < target; i++) {
        merge_levels(level_at(heap, q, i), moving, q->k, spare);
        halve(q, spare, moving, q->k);
    }
}

/* The base buffer is full: n was counted already. */
static void empty_base(weir_heap *heap, weir_quantiles *q)
{
    uint64_t before = levels_of(q->k, q->n - 1), after = levels_of(q->k, q->n);
    reserve(heap, q, (size_t)q->k * (2 + level_count(after)));
    double *base = items_of(heap, q);
    weir_doubles_sort(base, 2 * q->k);
    halve(q, base, level_at(heap, q, carry_target(before, 0)), q->k);
    carry(heap, q, before, 0, base);
}

void weir_quantiles_add(weir_heap *heap, weir_quantiles *q, double value)
{
    if (isnan(value)) {
        return;
    }
    uint32_t at = base_count(q);
    if (q->n == 0 || value < q->min) {
        q->min = value;
    }
    if (q->n == 0 || value > q->max) {
        q->max = value;
    }
    reserve_base(heap, q, at + 1);
    items_of(heap, q)[at] = value;
    q->n++;
    if (at + 1 == 2 * q->k) {
        empty_base(heap, q);
    }
}

/* Levels of `from`, whose k is a multiple of into's: of a level of 4k, say, one in four items, at
 * two levels higher. */
static void merge_in_levels(weir_heap *heap, weir_quantiles *into, const weir_heap *from_heap,
                            const weir_quantiles *from)
{
    uint32_t k = into->k, stride = from->k / k, up = (uint32_t)__builtin_ctz(stride);
    uint64_t levels = levels_of(from->k, from->n);
    const double *base = items_of(from_heap, from);
    for (uint32_t i = 0; i < base_count(from); i++) {
        weir_quantiles_add(heap, into, base[i]);
    }
    uint64_t end = into->n - base_count(from) + from->n;
    reserve(heap, into, (size_t)k * (2 + level_count(levels_of(k, end))));
    uint64_t spare = weir_heap_put(heap, NULL, 2ull * k * sizeof(double));
    for (uint32_t i = 0; levels >> i; i++) {
        if (!(levels >> i & 1)) {
            continue;
        }
        uint64_t mine = levels_of(k, into->n), salt;
        const double *items = level_at(from_heap, from, i);
        double *to = level_at(heap, into, carry_target(mine, i + up));
        memcpy(&salt, items, sizeof(salt));
        uint32_t first =
            stride > 1 ? (uint32_t)weir_sketch_random(&into->random, salt) & (stride - 1) : 0;
        for (uint32_t j = 0; j < k; j++) {
            to[j] = items[first + (size_t)j * stride];
        }
        carry(heap, into, mine, i + up, weir_heap_at(heap, spare));
        into->n += 2ull * k << (i + up);
    }
    weir_heap_drop(heap, spare);
    assert(into->n == end);
}

void weir_quantiles_merge(weir_heap *heap, weir_quantiles *into, const weir_heap *from_heap,
                          const weir_quantiles *from)
{
    if (from->n == 0 || into->n + from->n > MOST_N) {
        return;
    }
    double min = into->n && into->min < from->min ? into->min : from->min;
    double max = into->n && into->max > from->max ? into->max : from->max;
    if (levels_of(from->k, from->n) == 0) {
        const double *items = items_of(from_heap, from);
        for (uint32_t i = 0; i < base_count(from); i++) {
            weir_quantiles_add(heap, into, items[i]);
        }
    } else {
        if (into->k > from->k) { /* becomes one of the smaller k */
            weir_quantiles smaller = weir_quantiles_of(from->k);
            smaller.random = into->random;
            if (into->n > 0) {
                merge_in_levels(heap, &smaller, heap, into);
            }
            weir_heap_drop(heap, into->handle);
            *into = smaller;
        }
        merge_in_levels(heap, into, from_heap, from);
    }
    into->min = min;
    into->max = max;
}

/* ---- images ---- */

typedef struct header {
    uint32_t k;
    uint64_t n;
    double min, max;
    bool compact;
} header;

/* The cursor is at the items then, and there are as many as there have to be. */
static bool take_header(weir_reader *in, header *out)
{
    uint8_t longs, version, family, flags;
    uint16_t k, unused;
    if (!weir_take_u8(in, &longs) || !weir_take_u8(in, &version) || !weir_take_u8(in, &family) ||
        !weir_take_u8(in, &flags) || !weir_take_u16(in, &k) || !weir_take_u16(in, &unused)) {
        return false;
    }
    *out = (header){.k = k, .compact = flags & FLAG_COMPACT || version == 2};
    if ((version != SERIAL_VERSION && version != 2) || family != FAMILY ||
        !weir_quantiles_k_ok(k) ||
        (flags & ~(FLAG_READ_ONLY | FLAG_EMPTY | FLAG_COMPACT | FLAG_ORDERED))) {
        return false;
    }
    if (flags & FLAG_EMPTY) {
        return true;
    }
    if (longs != 2 || !weir_take_u64(in, &out->n) || !weir_take_double(in, &out->min) ||
        !weir_take_double(in, &out->max) || out->n > MOST_N || isnan(out->min) || isnan(out->max)) {
        return false;
    }
    uint64_t levels = levels_of(k, out->n);
    size_t count = out->compact || levels == 0 ? weir_quantiles_retained(k, out->n)
                                               : (size_t)k * (2 + level_count(levels));
    return weir_reader_left(in) / sizeof(double) >= count;
}

static bool take_items(weir_reader *in, double *items, uint32_t count, bool sorted)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!weir_take_double(in, &items[i]) || isnan(items[i]) ||
            (sorted && i > 0 && items[i] < items[i - 1])) {
            return false;
        }
    }
    return true;
}

static bool take_all(weir_reader *in, const header *head, weir_heap *heap, weir_quantiles *q)
{
    uint64_t levels = levels_of(q->k, q->n);
    uint32_t base = base_count(q);
    size_t size = levels ? (size_t)q->k * (2 + level_count(levels)) : base;
    reserve(heap, q, size);
    if (!take_items(in, items_of(heap, q), base, false)) {
        return false;
    }
    if (!head->compact && levels) {
        in->at += (2 * (size_t)q->k - base) * sizeof(double);
    }
    for (uint32_t i = 0; levels >> i; i++) {
        bool used = levels >> i & 1;
        if (used && !take_items(in, level_at(heap, q, i), q->k, true)) {
            return false;
        }
        if (!used && !head->compact) {
            in->at += q->k * sizeof(double);
        }
    }
    return true;
}

bool weir_quantiles_load(weir_heap *heap, weir_str image, weir_quantiles *out)
{
    weir_reader in = weir_reader_of(image);
    header head;
    if (!take_header(&in, &head)) {
        return false;
    }
    weir_quantiles q = weir_quantiles_of(head.k);
    q.n = head.n;
    q.min = head.min;
    q.max = head.max;
    if (head.n > 0 && !take_all(&in, &head, heap, &q)) {
        weir_heap_drop(heap, q.handle);
        return false;
    }
    *out = q;
    return true;
}

bool weir_quantiles_count(weir_str image, uint64_t *n)
{
    weir_reader in = weir_reader_of(image);
    header head;
    if (!take_header(&in, &head)) {
        return false;
    }
    *n = head.n;
    return true;
}

static void widen(weir_quantiles *q, double min, double max)
{
    q->min = min < q->min ? min : q->min;
    q->max = max > q->max ? max : q->max;
}

/* Few items, as rows of a roll-up have them, need no sketch of their own. */
static bool add_few(weir_heap *heap, weir_quantiles *into, const header *head, weir_reader in)
{
    double items[64];
    uint32_t count = (uint32_t)head->n;
    if (!take_items(&in, items, count, false)) {
        return false;
    }
    if (into->n + count > MOST_N) {
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        weir_quantiles_add(heap, into, items[i]);
    }
    if (count > 0) {
        widen(into, head->min, head->max);
    }
    return true;
}

bool weir_quantiles_merge_image(weir_heap *heap, weir_quantiles *into, weir_str image)
{
    weir_reader in = weir_reader_of(image);
    header head;
    weir_quantiles own;
    if (!take_header(&in, &head)) {
        return false;
    }
    if (head.n <= 64 && levels_of(head.k, head.n) == 0) {
        return add_few(heap, into, &head, in);
    }
    if (!weir_quantiles_load(heap, image, &own)) {
        return false;
    }
    weir_quantiles_merge(heap, into, heap, &own);
    weir_heap_drop(heap, own.handle);
    return true;
}

static uint8_t *put_header(uint8_t *out, uint32_t k, bool empty)
{
    out = weir_put_u8(out, empty ? 1 : 2);
    out = weir_put_u8(out, SERIAL_VERSION);
    out = weir_put_u8(out, FAMILY);
    out = weir_put_u8(out, FLAG_READ_ONLY | FLAG_COMPACT | FLAG_ORDERED | (empty ? FLAG_EMPTY : 0));
    out = weir_put_u16(out, (uint16_t)k);
    return weir_put_u16(out, 0);
}

static uint8_t *put_items(uint8_t *out, const double *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        out = weir_put_double(out, items[i]);
    }
    return out;
}

/* In order; of a copy, as others may read the sketch meanwhile. */
static uint8_t *put_base(uint8_t *out, const double *base, uint32_t count)
{
    double few[2 * WEIR_QUANTILES_K];
    double *items = count <= 2 * WEIR_QUANTILES_K ? few : weir_alloc(count * sizeof(*items));
    memcpy(items, base, count * sizeof(*items));
    weir_doubles_sort(items, count);
    out = put_items(out, items, count);
    if (items != few) {
        free(items);
    }
    return out;
}

size_t weir_quantiles_save(const weir_heap *heap, const weir_quantiles *q, uint8_t *out)
{
    if (!out) {
        return q->n ? 32 + sizeof(double) * weir_quantiles_retained(q->k, q->n) : 8;
    }
    uint8_t *at = put_header(out, q->k, q->n == 0);
    if (q->n > 0) {
        uint64_t levels = levels_of(q->k, q->n);
        at = weir_put_u64(at, q->n);
        at = weir_put_double(at, q->min);
        at = weir_put_double(at, q->max);
        at = put_base(at, items_of(heap, q), base_count(q));
        for (uint32_t i = 0; levels >> i; i++) {
            if (levels >> i & 1) {
                at = put_items(at, level_at(heap, q, i), q->k);
            }
        }
    }
    return (size_t)(at - out);
}

size_t weir_quantiles_save_one(uint32_t k, double value, uint8_t out[WEIR_QUANTILES_ONE_BYTES])
{
    uint8_t *at = put_header(out, k, isnan(value));
    if (!isnan(value)) {
        at = weir_put_u64(at, 1);
        for (uint32_t i = 0; i < 3; i++) { /* the least, the greatest, the item */
            at = weir_put_double(at, value);
        }
    }
    return (size_t)(at - out);
}

void weir_quantiles_view(const weir_heap *heap, const weir_quantiles *q, weir_scratch *s,
                         weir_sorted_view *out)
{
    uint64_t levels = levels_of(q->k, q->n);
    weir_view_begin(out, weir_quantiles_retained(q->k, q->n), s);
    out->min = q->min;
    out->max = q->max;
    weir_view_add(out, items_of(heap, q), base_count(q), 1, false);
    for (uint32_t i = 0; levels >> i; i++) {
        if (levels >> i & 1) {
            weir_view_add(out, level_at(heap, q, i), q->k, 2ull << i, true);
        }
    }
    weir_view_end(out, s);
}
