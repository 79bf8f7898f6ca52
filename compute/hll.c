/* compute/hll.c - see hll.h. The estimate keeps Druid's arithmetic to the letter, also where it
 * counts zero registers of the byte that overflowed. */
#include "compute/hll.h"
#include "weir/hot.h"
#include <math.h>

#define LIST_MOST 64u
#define DENSE_BYTES 1024u
#define HEADER_BYTES 7u
#define SPARSE_BELOW 128u /* registers: fewer are stored as (position, byte) */
#define RANGE 15u         /* above the offset, in four bits */

static uint8_t *nibbles_of(const weir_heap *heap, const weir_hll *hll)
{
    return weir_heap_at(heap, hll->handle);
}

static uint32_t get_nibble(const uint8_t *bytes, uint32_t bucket)
{
    return bucket & 1 ? bytes[bucket >> 1] & 0xfu : bytes[bucket >> 1] >> 4;
}

static void put_nibble(uint8_t *bytes, uint32_t bucket, uint32_t value)
{
    uint8_t *at = &bytes[bucket >> 1];
    *at = (uint8_t)(bucket & 1 ? (*at & 0xf0u) | value : (*at & 0xfu) | value << 4);
}

static void to_dense(weir_heap *heap, weir_hll *hll)
{
    if (hll->dense) {
        return;
    }
    uint64_t handle = weir_heap_put(heap, NULL, DENSE_BYTES);
    uint8_t *bytes = weir_heap_at(heap, handle);
    if (hll->handle) {
        const uint16_t *list = weir_heap_at(heap, hll->handle);
        for (uint32_t i = 0; i < hll->nonzero; i++) {
            put_nibble(bytes, list[i] >> 4, list[i] & 0xfu);
        }
        weir_heap_drop(heap, hll->handle);
    }
    hll->handle = handle;
    hll->dense = true;
}

/* False: the list is full. */
static bool put_in_list(weir_heap *heap, weir_hll *hll, uint32_t bucket, uint32_t value)
{
    uint16_t *list = hll->handle ? weir_heap_at(heap, hll->handle) : NULL;
    uint32_t low = 0, key = bucket << 4; /* low: the first entry of this bucket or after it */
    if (hll->nonzero > 0) {
        const uint16_t *base = list;
        for (uint32_t left = hll->nonzero; left > 1;) { /* no branch that could guess wrong */
            uint32_t half = left / 2;
            base += base[half - 1] < key ? half : 0;
            left -= half;
        }
        low = (uint32_t)(base - list) + (*base < key);
    }
    uint16_t entry = (uint16_t)(bucket << 4 | value);
    if (low < hll->nonzero && list[low] >> 4 == bucket) {
        list[low] = list[low] < entry ? entry : list[low];
        return true;
    }
    if (hll->nonzero == LIST_MOST) {
        return false;
    }
    if (weir_heap_size(heap, hll->handle) < (hll->nonzero + 1u) * sizeof(entry)) {
        size_t entries = hll->nonzero ? hll->nonzero * 2u : 4;
        hll->handle = weir_heap_resize(heap, hll->handle, entries * sizeof(entry));
        list = weir_heap_at(heap, hll->handle);
    }
    memmove(list + low + 1, list + low, (hll->nonzero - low) * sizeof(*list));
    list[low] = entry;
    hll->nonzero++;
    return true;
}

WEIR_HOT static uint32_t count_nonzero(const uint8_t *bytes)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < DENSE_BYTES; i++) {
        count += ((bytes[i] & 0xf0) != 0) + ((bytes[i] & 0xf) != 0);
    }
    return count;
}

/* All registers are above the offset: it goes up by one. */
static void raise_offset(weir_hll *hll, uint8_t *bytes)
{
    for (uint32_t i = 0; i < DENSE_BYTES; i++) {
        bytes[i] = (uint8_t)(bytes[i] - 0x11);
    }
    hll->offset++;
    hll->nonzero = (uint16_t)count_nonzero(bytes);
}

static void put_register(weir_heap *heap, weir_hll *hll, uint32_t bucket, uint32_t value)
{
    if (!hll->dense && put_in_list(heap, hll, bucket, value)) {
        return;
    }
    to_dense(heap, hll);
    uint8_t *bytes = nibbles_of(heap, hll);
    uint32_t old = get_nibble(bytes, bucket);
    if (value > old) {
        put_nibble(bytes, bucket, value);
        hll->nonzero = (uint16_t)(hll->nonzero + (old == 0));
        if (hll->nonzero == WEIR_HLL_BUCKETS) {
            raise_offset(hll, bytes);
        }
    }
}

static void add(weir_heap *heap, weir_hll *hll, uint32_t bucket, uint32_t place)
{
    if (hll->dense && place <= hll->offset + get_nibble(nibbles_of(heap, hll), bucket)) {
        return; /* most often: nothing new */
    }
    if (place <= hll->offset) {
        return;
    }
    if (place <= hll->offset + RANGE) {
        put_register(heap, hll, bucket, place - hll->offset);
        return;
    }
    if (place > hll->overflow) { /* one register may be beyond the range: the largest */
        if (hll->overflow > hll->offset && hll->overflow <= hll->offset + RANGE) {
            put_register(heap, hll, hll->overflow_bucket, hll->overflow - (uint32_t)hll->offset);
        }
        hll->overflow = (uint8_t)place;
        hll->overflow_bucket = (uint16_t)bucket;
    }
}

void weir_hll_add(weir_heap *heap, weir_hll *hll, uint32_t code)
{
    add(heap, hll, code >> 8, code & 0xff);
}

/* Registers relative to one offset: each side's minus how far its own lies below. */
WEIR_HOT static void merge_nibbles(uint8_t *into, const uint8_t *from, uint8_t into_less,
                                   uint8_t from_less)
{
    for (uint32_t i = 0; i < DENSE_BYTES; i++) {
        uint8_t a = into[i] & 0xf, b = from[i] & 0xf, c = into[i] >> 4, d = from[i] >> 4;
        a = (uint8_t)(a > into_less ? a - into_less : 0);
        b = (uint8_t)(b > from_less ? b - from_less : 0);
        c = (uint8_t)(c > into_less ? c - into_less : 0);
        d = (uint8_t)(d > from_less ? d - from_less : 0);
        into[i] = (uint8_t)((a > b ? a : b) | (c > d ? c : d) << 4);
    }
}

void weir_hll_merge(weir_heap *heap, weir_hll *into, const weir_heap *from_heap,
                    const weir_hll *from)
{
    if (from->handle && !from->dense) { /* a list has no offset */
        const uint16_t *list = weir_heap_at(from_heap, from->handle);
        for (uint32_t i = 0; i < from->nonzero; i++) {
            add(heap, into, list[i] >> 4, list[i] & 0xfu);
        }
    } else if (from->dense) {
        to_dense(heap, into);
        uint8_t offset = into->offset > from->offset ? into->offset : from->offset;
        uint8_t *bytes = nibbles_of(heap, into);
        merge_nibbles(bytes, nibbles_of(from_heap, from), (uint8_t)(offset - into->offset),
                      (uint8_t)(offset - from->offset));
        into->offset = offset;
        into->nonzero = (uint16_t)count_nonzero(bytes);
        if (into->nonzero == WEIR_HLL_BUCKETS) {
            raise_offset(into, bytes);
        }
    }
    add(heap, into, from->overflow_bucket, from->overflow);
}

static double correct(double sum, uint32_t zeros)
{
    const double alpha = 0.7213 / (1 + 1.079 / WEIR_HLL_BUCKETS), two_64 = 18446744073709551616.0;
    double estimate = alpha * WEIR_HLL_BUCKETS * WEIR_HLL_BUCKETS / sum;
    if (estimate <= 5 * WEIR_HLL_BUCKETS / 2.0) {
        return zeros == 0 ? estimate : WEIR_HLL_BUCKETS * log(WEIR_HLL_BUCKETS / (double)zeros);
    }
    if (estimate > two_64 / 30) {
        double ratio = estimate / two_64;
        return ratio >= 1 ? (double)INFINITY : -two_64 * log(1 - ratio);
    }
    return estimate;
}

/* How many registers hold each nibble. */
static void count_nibbles(const weir_heap *heap, const weir_hll *hll, uint32_t counts[16])
{
    memset(counts, 0, 16 * sizeof(*counts));
    if (hll->dense) {
        const uint8_t *bytes = nibbles_of(heap, hll);
        for (uint32_t i = 0; i < DENSE_BYTES; i++) {
            counts[bytes[i] & 0xf]++;
            counts[bytes[i] >> 4]++;
        }
    } else {
        const uint16_t *list = hll->handle ? weir_heap_at(heap, hll->handle) : NULL;
        counts[0] = WEIR_HLL_BUCKETS - hll->nonzero;
        for (uint32_t i = 0; i < hll->nonzero; i++) {
            counts[list[i] & 0xf]++;
        }
    }
}

static uint32_t register_of(const weir_heap *heap, const weir_hll *hll, uint32_t bucket)
{
    if (hll->dense) {
        return get_nibble(nibbles_of(heap, hll), bucket);
    }
    const uint16_t *list = hll->handle ? weir_heap_at(heap, hll->handle) : NULL;
    for (uint32_t i = 0; i < hll->nonzero; i++) {
        if (list[i] >> 4 == bucket) {
            return list[i] & 0xfu;
        }
    }
    return 0;
}

double weir_hll_estimate(const weir_heap *heap, const weir_hll *hll)
{
    uint32_t counts[16];
    count_nibbles(heap, hll, counts);
    uint32_t zeros = counts[0];
    double sum = 0;
    if (hll->overflow >
        0) { /* the two registers of the byte that overflowed, as Druid takes them */
        uint32_t bucket = hll->overflow_bucket & ~1u;
        uint32_t upper = register_of(heap, hll, bucket), lower = register_of(heap, hll, bucket + 1);
        counts[upper]--;
        counts[lower]--;
        zeros -= (upper == 0) + (lower == 0);
        upper += hll->offset;
        lower += hll->offset;
        uint32_t *which = hll->overflow_bucket & 1 ? &lower : &upper;
        *which = *which < hll->overflow ? hll->overflow : *which;
        zeros += ((upper & 0xf0) == 0) + ((lower & 0xf) == 0);
        sum += ldexp(1, -(int)upper) + ldexp(1, -(int)lower);
    }
    for (uint32_t nibble = 0; nibble < 16; nibble++) {
        sum += counts[nibble] * ldexp(1, -(int)(nibble + hll->offset));
    }
    return correct(sum, zeros);
}

static void put_u16(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

/* version, offset, registers above it, overflow's value and bucket (big endian); then 1,024 bytes,
 * or (position, byte) of those that are not zero, filled up to three bytes a register. */
size_t weir_hll_save(const weir_heap *heap, const weir_hll *hll, uint8_t *out)
{
    bool sparse = hll->nonzero < SPARSE_BELOW;
    size_t size = HEADER_BYTES + (sparse ? hll->nonzero * 3u : DENSE_BYTES);
    if (!out) {
        return size;
    }
    uint8_t bytes[DENSE_BYTES] = {0};
    if (hll->dense) {
        memcpy(bytes, nibbles_of(heap, hll), DENSE_BYTES);
    } else if (hll->handle) {
        const uint16_t *list = weir_heap_at(heap, hll->handle);
        for (uint32_t i = 0; i < hll->nonzero; i++) {
            put_nibble(bytes, list[i] >> 4, list[i] & 0xfu);
        }
    }
    memset(out, 0, size);
    out[0] = 1;
    out[1] = hll->offset;
    put_u16(out + 2, hll->nonzero);
    out[4] = hll->overflow;
    put_u16(out + 5, hll->overflow_bucket);
    if (!sparse) {
        memcpy(out + HEADER_BYTES, bytes, DENSE_BYTES);
        return size;
    }
    uint8_t *at = out + HEADER_BYTES;
    for (uint32_t i = 0; i < DENSE_BYTES; i++) {
        if (bytes[i]) {
            put_u16(at, i + HEADER_BYTES);
            at[2] = bytes[i];
            at += 3;
        }
    }
    return size;
}

static uint32_t get_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static bool read_nibbles(const uint8_t *at, size_t size, uint8_t bytes[DENSE_BYTES])
{
    if (size == DENSE_BYTES) {
        memcpy(bytes, at, size);
        return true;
    }
    if (size % 3 != 0) {
        return false;
    }
    for (const uint8_t *end = at + size; at < end; at += 3) {
        uint32_t position = get_u16(at);
        if (at[2] == 0) { /* filling */
            continue;
        }
        if (position < HEADER_BYTES || position >= HEADER_BYTES + DENSE_BYTES) {
            return false;
        }
        bytes[position - HEADER_BYTES] = at[2];
    }
    return true;
}

bool weir_hll_load(weir_heap *heap, weir_str text, weir_hll *out)
{
    const uint8_t *at = (const uint8_t *)text.at;
    uint8_t bytes[DENSE_BYTES] = {0};
    if (text.size < HEADER_BYTES || text.size > HEADER_BYTES + 3 * WEIR_HLL_BUCKETS || at[0] != 1) {
        return false;
    }
    weir_hll hll = {
        .offset = at[1], .overflow = at[4], .overflow_bucket = (uint16_t)get_u16(at + 5)};
    if (hll.offset > 64 || hll.overflow > 64 || hll.overflow_bucket >= WEIR_HLL_BUCKETS ||
        !read_nibbles(at + HEADER_BYTES, text.size - HEADER_BYTES, bytes)) {
        return false;
    }
    uint32_t nonzero = count_nonzero(bytes);
    if (hll.offset > 0 || nonzero > LIST_MOST) {
        hll.handle = weir_heap_put(heap, bytes, DENSE_BYTES);
        hll.nonzero = (uint16_t)nonzero;
        hll.dense = true;
    } else {
        for (uint32_t bucket = 0; bucket < WEIR_HLL_BUCKETS; bucket++) {
            uint32_t value = get_nibble(bytes, bucket);
            if (value > 0) {
                put_in_list(heap, &hll, bucket, value);
            }
        }
    }
    *out = hll;
    return true;
}
