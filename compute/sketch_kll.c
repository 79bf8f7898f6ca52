/* compute/sketch_kll.c - items are appended to level 0. When as many are held as the levels'
 * capacities allow, the lowest level that is over its own gives every other item (which half is
 * random) to the level above. Capacities shrink by 2/3 from the top level down, to 8; a new top
 * level is added when the top one has to be halved. Layout of the heap's block: a count per level,
 * when there are several, then the items from the top level down, so that level 0 is at the end and
 * grows. Levels above 0 are sorted. */
#include "compute/sketch_kll.h"
#include <assert.h>
#include <math.h>

#define FAMILY 15u
#define MOST_LEVELS 61u
#define MOST_N (1ull << 56) /* no stream is longer; sums of images cannot wrap */
#define M 8u                /* least capacity of a level */
enum { FLAG_EMPTY = 1, FLAG_SINGLE = 4 };
enum { VERSION_COMPACT = 1, VERSION_SINGLE = 2, VERSION_UPDATABLE = 3 };

bool weir_kll_k_ok(int64_t k)
{
    return k >= M && k <= UINT16_MAX;
}

/* k * (2/3)^depth, rounded; depth up to 30. */
static uint64_t shrink(uint64_t k, uint32_t depth)
{
    uint64_t power = 1;
    for (uint32_t i = 0; i < depth; i++) {
        power *= 3;
    }
    return (((k << 1) << depth) / power + 1) >> 1;
}

static uint32_t level_capacity(uint32_t k, uint32_t m, uint32_t levels, uint32_t level)
{
    uint32_t depth = levels - level - 1;
    uint64_t size =
        depth <= 30 ? shrink(k, depth) : shrink(shrink(k, depth / 2), depth - depth / 2);
    return size < m ? m : (uint32_t)size;
}

static uint32_t total_capacity(uint32_t k, uint32_t m, uint32_t levels)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < levels; i++) {
        total += level_capacity(k, m, levels, i);
    }
    return total;
}

weir_kll weir_kll_of(uint32_t k, bool floats)
{
    assert(weir_kll_k_ok(k));
    return (weir_kll){
        .k = (uint16_t)k, .min_k = (uint16_t)k, .levels = 1, .floats = floats, .capacity = k};
}

/* Slots of 8 bytes before the items. */
static uint32_t count_slots(uint32_t levels)
{
    return levels > 1 ? levels : 0;
}

static uint64_t *counts_of(const weir_heap *heap, const weir_kll *kll)
{
    return weir_heap_at(heap, kll->handle);
}

static double *items_of(const weir_heap *heap, const weir_kll *kll)
{
    return (double *)weir_heap_at(heap, kll->handle) + count_slots(kll->levels);
}

static uint32_t count_of(const weir_heap *heap, const weir_kll *kll, uint32_t level)
{
    return kll->levels > 1 ? (uint32_t)counts_of(heap, kll)[level] : kll->retained;
}

static uint32_t start_of(const weir_heap *heap, const weir_kll *kll, uint32_t level)
{
    uint32_t start = 0;
    for (uint32_t i = kll->levels - 1; i > level; i--) {
        start += count_of(heap, kll, i);
    }
    return start;
}

/* Room for `count` items. */
static void reserve(weir_heap *heap, weir_kll *kll, uint32_t count)
{
    size_t slots = count_slots(kll->levels), size = weir_heap_size(heap, kll->handle) / 8;
    if (size < slots + count) {
        size_t most = slots + kll->capacity;
        size = 2 * size < most ? 2 * size : most;
        size = size < slots + count ? slots + count : size;
        kll->handle = weir_heap_resize(heap, kll->handle, size * 8);
    }
}

/* One more level at the top, without items. */
static void add_level(weir_heap *heap, weir_kll *kll)
{
    uint32_t before = count_slots(kll->levels), after = kll->levels + 1u;
    uint32_t only = kll->retained;
    reserve(heap, kll, kll->retained + after - before);
    uint64_t *slots = counts_of(heap, kll);
    memmove(slots + after, slots + before, kll->retained * sizeof(*slots));
    if (before == 0) {
        slots[0] = only;
    }
    slots[after - 1] = 0;
    kll->levels++;
    kll->capacity = total_capacity(kll->k, M, kll->levels);
}

/* `more` items, ascending, join `count` ones at `at`, behind which there is room. */
static void merge_behind(double *at, uint32_t count, const double *more, uint32_t more_count)
{
    double *to = at + count + more_count;
    uint32_t i = count, j = more_count;
    while (j > 0) {
        bool own = i > 0 && at[i - 1] > more[j - 1];
        *--to = own ? at[i - 1] : more[j - 1];
        i -= own;
        j -= !own;
    }
}

/* Half of a level's items, less an odd one, joins the level above. */
static void compact(weir_heap *heap, weir_kll *kll, uint32_t level)
{
    uint64_t *counts = counts_of(heap, kll);
    uint32_t count = (uint32_t)counts[level], odd = count & 1, half = count / 2;
    uint32_t above = (uint32_t)counts[level + 1], start = start_of(heap, kll, level);
    uint64_t spare = weir_heap_put(heap, NULL, (half + 1) * sizeof(double)), salt;
    double *items = items_of(heap, kll), *own = items + start, *picked = weir_heap_at(heap, spare);
    double left = own[0];
    if (level == 0) {
        weir_doubles_sort(own + odd, count - odd);
    }
    memcpy(&salt, &own[odd], sizeof(salt));
    uint32_t first = odd + ((uint32_t)weir_sketch_random(&kll->random, salt) & 1);
    for (uint32_t i = 0; i < half; i++) {
        picked[i] = own[first + 2 * i];
    }
    merge_behind(own - above, above, picked, half);
    own[half] = odd ? left : own[half];
    memmove(own + half + odd, own + count, (kll->retained - start - count) * sizeof(*own));
    counts[level + 1] += half;
    counts[level] = odd;
    kll->retained -= half;
    weir_heap_drop(heap, spare);
}

static void make_room(weir_heap *heap, weir_kll *kll)
{
    while (kll->retained >= kll->capacity) {
        uint32_t level = 0;
        while (count_of(heap, kll, level) < level_capacity(kll->k, M, kll->levels, level)) {
            level++; /* all below their capacities would be below their sum */
        }
        if (level + 1u == kll->levels) {
            add_level(heap, kll);
        }
        compact(heap, kll, level);
    }
}

void weir_kll_add(weir_heap *heap, weir_kll *kll, double value)
{
    if (isnan(value)) {
        return;
    }
    if (kll->n == 0 || value < kll->min) {
        kll->min = value;
    }
    if (kll->n == 0 || value > kll->max) {
        kll->max = value;
    }
    make_room(heap, kll);
    reserve(heap, kll, kll->retained + 1);
    items_of(heap, kll)[kll->retained++] = value;
    kll->n++;
    if (kll->levels > 1) {
        counts_of(heap, kll)[0]++;
    }
}

/* Sorted items join a level above 0. */
static void add_to_level(weir_heap *heap, weir_kll *kll, uint32_t level, const double *more,
                         uint32_t count)
{
    reserve(heap, kll, kll->retained + count);
    uint32_t own = count_of(heap, kll, level), start = start_of(heap, kll, level);
    double *items = items_of(heap, kll) + start;
    memmove(items + own + count, items + own, (kll->retained - start - own) * sizeof(*items));
    merge_behind(items, own, more, count);
    counts_of(heap, kll)[level] += count;
    kll->retained += count;
    kll->n += (uint64_t)count << level;
}

void weir_kll_merge(weir_heap *heap, weir_kll *into, const weir_heap *from_heap,
                    const weir_kll *from)
{
    if (from->n == 0 || into->n + from->n > MOST_N) {
        return;
    }
    double min = into->n && into->min < from->min ? into->min : from->min;
    double max = into->n && into->max > from->max ? into->max : from->max;
    const double *items = items_of(from_heap, from);
    uint32_t first = start_of(from_heap, from, 0);
    for (uint32_t i = first; i < from->retained; i++) {
        weir_kll_add(heap, into, items[i]);
    }
    if (from->levels > 1) {
        while (into->levels < from->levels) {
            add_level(heap, into);
        }
        for (uint32_t level = from->levels - 1; level > 0; level--) {
            uint32_t count = count_of(from_heap, from, level);
            add_to_level(heap, into, level, items, count);
            items += count;
        }
        into->min_k = from->min_k < into->min_k ? from->min_k : into->min_k;
        make_room(heap, into);
    }
    into->min = min;
    into->max = max;
}

/* ---- images ---- */

typedef struct header {
    uint32_t k, min_k, levels, retained,
        skipped; /* skipped: free items before those that are held */
    uint64_t n;
    double min, max;
    uint32_t starts[MOST_LEVELS + 1]; /* of levels, in the items' array */
} header;

static bool take_item(weir_reader *in, bool floats, double *out)
{
    float f;
    bool ok = floats ? weir_take_float(in, &f) : weir_take_double(in, out);
    if (ok && floats) {
        *out = (double)f;
    }
    return ok;
}

static bool levels_ok(const header *head)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < head->levels; i++) {
        if (head->starts[i + 1] < head->starts[i] ||
            (uint64_t)(head->starts[i + 1] - head->starts[i]) > MOST_N >> i) {
            return false;
        }
        n += (uint64_t)(head->starts[i + 1] - head->starts[i]) << i;
        if (n > MOST_N) {
            return false;
        }
    }
    return n == head->n;
}

static bool take_levels(weir_reader *in, bool floats, uint32_t m, bool updatable, header *out)
{
    uint16_t min_k;
    uint8_t levels, unused;
    if (!weir_take_u64(in, &out->n) || !weir_take_u16(in, &min_k) || !weir_take_u8(in, &levels) ||
        !weir_take_u8(in, &unused) || levels == 0 || levels > MOST_LEVELS) {
        return false;
    }
    out->min_k = min_k;
    out->levels = levels;
    uint32_t capacity = total_capacity(out->k, m, levels);
    out->starts[levels] = capacity;
    for (uint32_t i = 0; i < levels + (updatable ? 1u : 0u); i++) {
        if (!weir_take_u32(in, &out->starts[i])) {
            return false;
        }
    }
    if (!take_item(in, floats, &out->min) || !take_item(in, floats, &out->max) ||
        out->starts[levels] > capacity || !levels_ok(out)) {
        return false;
    }
    out->retained = out->starts[levels] - out->starts[0];
    out->skipped = updatable ? out->starts[0] : 0;
    return out->n == 0 || (!isnan(out->min) && !isnan(out->max));
}

/* The cursor is before the items then, and there are as many as there have to be. */
static bool take_header(weir_reader *in, bool floats, header *out)
{
    uint8_t ints, version, family, flags, m, unused;
    uint16_t k;
    if (!weir_take_u8(in, &ints) || !weir_take_u8(in, &version) || !weir_take_u8(in, &family) ||
        !weir_take_u8(in, &flags) || !weir_take_u16(in, &k) || !weir_take_u8(in, &m) ||
        !weir_take_u8(in, &unused) || family != FAMILY || m < 2 || m > M || m % 2 || k < M) {
        return false;
    }
    *out = (header){.k = k, .min_k = k, .levels = 1};
    size_t width = floats ? sizeof(float) : sizeof(double);
    if (ints == 2 && version == VERSION_COMPACT && flags & FLAG_EMPTY) {
        return true;
    }
    if (ints == 2 && version == VERSION_SINGLE) {
        weir_reader ahead = *in;
        out->n = out->retained = out->starts[1] = 1;
        bool ok = take_item(&ahead, floats, &out->min) && !isnan(out->min);
        out->max = out->min;
        return ok;
    }
    return ints == 5 && (version == VERSION_COMPACT || version == VERSION_UPDATABLE) &&
           take_levels(in, floats, m, version == VERSION_UPDATABLE, out) &&
           weir_reader_left(in) / width >= (size_t)out->skipped + out->retained;
}

/* Levels in an image go from 0 up, here from the top down. */
static bool take_items(weir_reader *in, const header *head, weir_heap *heap, weir_kll *kll)
{
    for (uint32_t i = 0; i < head->levels; i++) {
        uint32_t count = head->starts[i + 1] - head->starts[i];
        double *items = items_of(heap, kll) + start_of(heap, kll, i);
        for (uint32_t j = 0; j < count; j++) {
            if (!take_item(in, kll->floats, &items[j]) || isnan(items[j]) ||
                (i > 0 && j > 0 && items[j] < items[j - 1])) {
                return false;
            }
        }
    }
    return true;
}

bool weir_kll_load(weir_heap *heap, weir_str image, bool floats, weir_kll *out)
{
    weir_reader in = weir_reader_of(image);
    header head;
    if (!take_header(&in, floats, &head)) {
        return false;
    }
    weir_kll kll = weir_kll_of(head.k, floats);
    if (head.n > 0) {
        kll.min_k = (uint16_t)head.min_k;
        kll.levels = (uint8_t)head.levels;
        kll.capacity = total_capacity(head.k, M, head.levels);
        kll.n = head.n;
        kll.min = head.min;
        kll.max = head.max;
        reserve(heap, &kll, head.retained);
        kll.retained = head.retained;
        for (uint32_t i = 0; i < head.levels && head.levels > 1; i++) {
            counts_of(heap, &kll)[i] = head.starts[i + 1] - head.starts[i];
        }
        in.at += head.skipped * (floats ? sizeof(float) : sizeof(double));
        if (!take_items(&in, &head, heap, &kll)) {
            weir_heap_drop(heap, kll.handle);
            return false;
        }
    }
    *out = kll;
    return true;
}

bool weir_kll_merge_image(weir_heap *heap, weir_kll *into, weir_str image)
{
    weir_kll own;
    if (!weir_kll_load(heap, image, into->floats, &own)) {
        return false;
    }
    weir_kll_merge(heap, into, heap, &own);
    weir_heap_drop(heap, own.handle);
    return true;
}

static uint8_t *put_header(uint8_t *out, uint32_t k, uint64_t n)
{
    out = weir_put_u8(out, n < 2 ? 2 : 5);
    out = weir_put_u8(out, n == 1 ? VERSION_SINGLE : VERSION_COMPACT);
    out = weir_put_u8(out, FAMILY);
    out = weir_put_u8(out, n == 0 ? FLAG_EMPTY : n == 1 ? FLAG_SINGLE : 0);
    out = weir_put_u16(out, (uint16_t)k);
    out = weir_put_u8(out, M);
    return weir_put_u8(out, 0);
}

static uint8_t *put_item(uint8_t *out, bool floats, double value)
{
    return floats ? weir_put_float(out, (float)value) : weir_put_double(out, value);
}

size_t weir_kll_save(const weir_heap *heap, const weir_kll *kll, uint8_t *out)
{
    size_t width = kll->floats ? sizeof(float) : sizeof(double);
    if (!out) {
        return kll->n < 2 ? 8 + kll->n * width
                          : 20 + kll->levels * sizeof(uint32_t) + (2 + kll->retained) * width;
    }
    uint8_t *at = put_header(out, kll->k, kll->n);
    if (kll->n == 1) {
        at = put_item(at, kll->floats, items_of(heap, kll)[0]);
    }
    if (kll->n > 1) {
        at = weir_put_u64(at, kll->n);
        at = weir_put_u16(at, kll->min_k);
        at = weir_put_u8(at, kll->levels);
        at = weir_put_u8(at, 0);
        uint32_t start =
            kll->capacity - kll->retained; /* where level 0 is in DataSketches' array */
        for (uint32_t i = 0; i < kll->levels; i++) {
            at = weir_put_u32(at, start);
            start += count_of(heap, kll, i);
        }
        at = put_item(at, kll->floats, kll->min);
        at = put_item(at, kll->floats, kll->max);
        for (uint32_t i = 0; i < kll->levels; i++) {
            const double *items = items_of(heap, kll) + start_of(heap, kll, i);
            for (uint32_t j = 0; j < count_of(heap, kll, i); j++) {
                at = put_item(at, kll->floats, items[j]);
            }
        }
    }
    return (size_t)(at - out);
}

size_t weir_kll_save_one(uint32_t k, bool floats, double value, uint8_t out[WEIR_KLL_ONE_BYTES])
{
    uint8_t *at = put_header(out, k, !isnan(value));
    if (!isnan(value)) {
        at = put_item(at, floats, value);
    }
    return (size_t)(at - out);
}

void weir_kll_view(const weir_heap *heap, const weir_kll *kll, weir_scratch *s,
                   weir_sorted_view *out)
{
    weir_view_begin(out, kll->retained, s);
    out->min = kll->min;
    out->max = kll->max;
    for (uint32_t i = 0; i < kll->levels; i++) {
        weir_view_add(out, items_of(heap, kll) + start_of(heap, kll, i), count_of(heap, kll, i),
                      1ull << i, i > 0);
    }
    weir_view_end(out, s);
}
