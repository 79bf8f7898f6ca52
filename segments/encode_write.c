/* segments/encode_write.c - chooses the form of a chunk's values and writes it: see encode.h.
 * Everything becomes int64 first (ids, longs, doubles that are decimals), so that one path packs
 * them. One pass finds minimum, maximum and runs, one the range of each block of 1,024; runs win
 * where they are half the size of packing and long enough to be filled, not copied. */
#include "segments/encode_format.h"
#include "weir/hot.h"
#include <math.h>
#include <stdlib.h>

typedef struct block_range { /* of the integers of a packing block */
    int64_t min, max;
    unsigned width; /* of (max - min) / step, once the step is known */
} block_range;

typedef struct shape { /* of n integers */
    int64_t min, max;
    uint32_t runs;
    block_range *blocks;
} shape;

/* Minimum, maximum, and how often a value differs from the one before it. */
WEIR_HOT static uint32_t range_of(const int64_t *restrict v, uint32_t n, block_range *out)
{
    int64_t min = v[0], max = v[0];
    uint64_t changes = 0;
    for (uint32_t i = 0; i < n; i++) {
        min = v[i] < min ? v[i] : min;
        max = v[i] > max ? v[i] : max;
    }
    for (uint32_t i = 1; i < n; i++) {
        changes += v[i] != v[i - 1];
    }
    out->min = min;
    out->max = max;
    return (uint32_t)changes;
}

/* One pass, block by block. The caller frees `blocks`. */
static shape shape_of(const int64_t *v, uint32_t n)
{
    shape s = {v[0], v[0], 1, weir_alloc(sizeof(*s.blocks) * encode_blocks(n))};
    for (uint32_t at = 0; at < n; at += WEIR_PACK_ROWS) {
        block_range *block = &s.blocks[at / WEIR_PACK_ROWS];
        s.runs += range_of(v + at, n - at < WEIR_PACK_ROWS ? n - at : WEIR_PACK_ROWS, block);
        s.runs += at > 0 && v[at] != v[at - 1];
        s.min = block->min < s.min ? block->min : s.min;
        s.max = block->max > s.max ? block->max : s.max;
    }
    return s;
}

static unsigned width_of(uint64_t range)
{
    return range ? 64 - (unsigned)__builtin_clzll(range) : 0;
}

static uint64_t gcd_of(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* d / step where step divides d: by a reciprocal below 2^50 (the error is under a half), which is
 * 10x faster than dividing. */
static inline uint64_t divide(uint64_t d, uint64_t step, double reciprocal)
{
    return d < (UINT64_C(1) << 50) ? (uint64_t)((double)d * reciprocal + 0.5) : d / step;
}

/* Greatest common divisor of all v[i] - min; 1 at the first sign that there is none worth having.
 */
static uint64_t common_step(const int64_t *v, uint32_t n, int64_t min)
{
    uint64_t step = 0;
    double reciprocal = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t d = (uint64_t)v[i] - (uint64_t)min;
        if (step && divide(d, step, reciprocal) * step == d) {
            continue;
        }
        step = gcd_of(step, d);
        if (step == 1) {
            return 1;
        }
        reciprocal = step ? 1.0 / (double)step : 0;
    }
    return step ? step : 1;
}

/* Sets the widths and returns the payload's bytes. */
static size_t measure_blocks(const shape *s, uint32_t n, uint64_t step)
{
    size_t size = 0;
    double reciprocal = 1.0 / (double)step;
    for (uint32_t at = 0; at < n; at += WEIR_PACK_ROWS) {
        block_range *r = &s->blocks[at / WEIR_PACK_ROWS];
        uint64_t range = (uint64_t)r->max - (uint64_t)r->min;
        r->width = width_of(step == 1 ? range : divide(range, step, reciprocal));
        size += weir_pack_size(r->width, n - at < WEIR_PACK_ROWS ? n - at : WEIR_PACK_ROWS);
    }
    return size;
}

/* One block's values minus its base, divided by the step; rows that are null and rows past the end
 * are 0. */
static void relative_to_base(const int64_t *restrict v, uint32_t rows, int64_t base, uint64_t step,
                             const uint64_t *nulls, uint64_t *restrict out)
{
    if (step == 1) {
        for (uint32_t i = 0; i < rows; i++) {
            out[i] = (uint64_t)v[i] - (uint64_t)base;
        }
    } else {
        double reciprocal = 1.0 / (double)step;
        for (uint32_t i = 0; i < rows; i++) {
            out[i] = divide((uint64_t)v[i] - (uint64_t)base, step, reciprocal);
        }
    }
    if (nulls) {
        for (uint32_t i = 0; i < rows; i++) {
            if (weir_bit(nulls, i)) {
                out[i] = 0;
            }
        }
    }
    memset(out + rows, 0, (WEIR_PACK_ROWS - rows) * sizeof(*out));
}

/* The commonest case of it: no step, no nulls, a whole block, at most 32 bits. */
WEIR_HOT static void narrow_to_base(const int64_t *restrict v, int64_t base, uint32_t *restrict out)
{
    for (uint32_t i = 0; i < WEIR_PACK_ROWS; i++) {
        out[i] = (uint32_t)((uint64_t)v[i] - (uint64_t)base);
    }
}

static void put_header(weir_buf *out, encode_header *h, const uint64_t *nulls,
                       size_t directory_size, size_t payload_size)
{
    size_t null_bytes = h->flags & ENC_NULLS ? weir_words(h->n) * sizeof(uint64_t) : 0;
    h->size = encode_align(sizeof(*h) + null_bytes + directory_size) + payload_size;
    weir_buf_reserve(out, h->size);
    weir_buf_put(out, h, sizeof(*h));
    if (null_bytes) {
        weir_buf_put(out, nulls, null_bytes);
        if (h->n % 64) { /* what lies behind the last row is nobody's */
            uint64_t last;
            memcpy(&last, out->at + out->size - 8, 8);
            last &= (UINT64_C(1) << (h->n % 64)) - 1;
            memcpy(out->at + out->size - 8, &last, 8);
        }
    }
}

static void put_padding(weir_buf *out, size_t start)
{
    static const char zeros[64];
    weir_buf_put(out, zeros, encode_align(out->size - start) - (out->size - start));
}

static void put_packed(weir_buf *out, encode_header *h, const int64_t *v, const uint64_t *nulls,
                       const block_range *blocks, size_t payload_size)
{
    size_t start = out->size, offset = 0;
    uint32_t n = h->n;
    h->form = WEIR_ENC_PACKED;
    put_header(out, h, nulls, (size_t)encode_blocks(n) * ENC_BLOCK_BYTES, payload_size);
    for (uint32_t at = 0; at < n; at += WEIR_PACK_ROWS) {
        const block_range *r = &blocks[at / WEIR_PACK_ROWS];
        weir_buf_u64(out, (uint64_t)r->min);
        weir_buf_u32(out, (uint32_t)(offset / 128) | (uint32_t)r->width << 24);
        offset += weir_pack_size(r->width, n - at < WEIR_PACK_ROWS ? n - at : WEIR_PACK_ROWS);
    }
    put_padding(out, start);
    uint64_t wide[WEIR_PACK_ROWS];
    uint32_t narrow[WEIR_PACK_ROWS];
    uint8_t block[128 * 64];
    for (uint32_t at = 0; at < n; at += WEIR_PACK_ROWS) {
        const block_range *r = &blocks[at / WEIR_PACK_ROWS];
        uint32_t rows = n - at < WEIR_PACK_ROWS ? n - at : WEIR_PACK_ROWS;
        if (r->width <= 32 && h->step == 1 && nulls == NULL && rows == WEIR_PACK_ROWS) {
            narrow_to_base(v + at, r->min, narrow);
            weir_pack32(narrow, r->width, block);
        } else {
            relative_to_base(v + at, rows, r->min, h->step, nulls ? nulls + at / 64 : NULL, wide);
            for (uint32_t i = 0; i < WEIR_PACK_ROWS; i++) {
                narrow[i] = (uint32_t)wide[i];
            }
            if (r->width <= 32) {
                weir_pack32(narrow, r->width, block);
            } else {
                weir_pack64(wide, r->width, block);
            }
        }
        weir_buf_put(out, block, weir_pack_size(r->width, rows));
    }
    assert(out->size - start == h->size);
}

static void put_runs(weir_buf *out, encode_header *h, const int64_t *v, const uint64_t *nulls,
                     uint32_t runs)
{
    size_t start = out->size;
    h->form = WEIR_ENC_RUNS;
    h->runs = runs;
    put_header(out, h, nulls, runs * sizeof(uint32_t), runs * sizeof(uint64_t));
    for (uint32_t i = 0; i < h->n; i++) {
        if (i == 0 || v[i] != v[i - 1]) {
            weir_buf_u32(out, i);
        }
    }
    put_padding(out, start);
    for (uint32_t i = 0; i < h->n; i++) {
        if (i == 0 || v[i] != v[i - 1]) {
            weir_buf_u64(out, (uint64_t)v[i]);
        }
    }
    assert(out->size - start == h->size);
}

static void put_const(weir_buf *out, encode_header *h, uint64_t value, const uint64_t *nulls)
{
    size_t start = out->size;
    h->form = WEIR_ENC_CONST;
    h->first = value;
    put_header(out, h, nulls, 0, 0);
    put_padding(out, start);
}

/* Reals that are no decimals: one value, to the bit (NaN, -0.0), or all as they are. */
static void put_raw(weir_buf *out, encode_header *h, const void *values, size_t value_size,
                    const uint64_t *nulls)
{
    size_t start = out->size;
    h->form = WEIR_ENC_RAW;
    bool same = true;
    for (size_t i = 1; i < h->n && same; i++) {
        same = memcmp(values, (const char *)values + i * value_size, value_size) == 0;
    }
    if (same) {
        uint64_t value = 0;
        memcpy(&value, values, value_size);
        put_const(out, h, value, nulls);
        return;
    }
    put_header(out, h, nulls, 0, h->n * value_size);
    put_padding(out, start);
    weir_buf_put(out, values, h->n * value_size);
}

/* v: all n values, null rows holding a neighbour's value; `s`: their shape, whose blocks are freed.
 * False: not smaller than `raw_size`, nothing is written. */
static bool put_integers(weir_buf *out, encode_header *h, const int64_t *v, const uint64_t *nulls,
                         shape s, size_t raw_size)
{
    bool fits = true;
    if (s.min == s.max) {
        put_const(out, h, (uint64_t)s.min, nulls);
        free(s.blocks);
        return true;
    }
    h->step = h->kind == WEIR_VALUE_IDS ? 1 : common_step(v, h->n, s.min);
    size_t packed = measure_blocks(&s, h->n, h->step);
    size_t packed_size = packed + (size_t)encode_blocks(h->n) * ENC_BLOCK_BYTES,
           runs_size = (size_t)s.runs * 12;
    if (runs_size * 2 <= packed_size && (uint64_t)s.runs * 16 <= h->n) {
        put_runs(out, h, v, nulls, s.runs);
    } else if (packed_size <= raw_size - raw_size / 8) {
        put_packed(out, h, v, nulls, s.blocks, packed);
    } else {
        h->step = 1;
        fits = false;
    }
    free(s.blocks);
    return fits;
}

static uint32_t count_bits(const uint64_t *bits, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < n / 64; w++) {
        count += (uint32_t)__builtin_popcountll(bits[w]);
    }
    if (n % 64) {
        count += (uint32_t)__builtin_popcountll(bits[n / 64] & ((UINT64_C(1) << (n % 64)) - 1));
    }
    return count;
}

static encode_header header_of(weir_value_kind kind, uint32_t n, const uint64_t **nulls)
{
    assert(n > 0 && n <= WEIR_ENCODED_MAX);
    encode_header h = {.kind = (uint8_t)kind, .n = n, .step = 1};
    h.null_count = *nulls ? count_bits(*nulls, n) : 0;
    if (h.null_count == 0 || h.null_count == n) {
        *nulls = NULL;
    } else {
        h.flags |= ENC_NULLS;
    }
    return h;
}

/* Null rows take the value before them (the first non-null one at the start). The template's three
 * types share it. */
#define FILL_NULLS(v, nulls, n)                                                                    \
    do {                                                                                           \
        uint32_t first_ = 0;                                                                       \
        while (weir_bit((nulls), first_)) {                                                        \
            first_++;                                                                              \
        }                                                                                          \
        for (uint32_t i_ = 0; i_ < (n); i_++) {                                                    \
            if (weir_bit((nulls), i_)) {                                                           \
                (v)[i_] = i_ < first_ ? (v)[first_] : (v)[i_ - 1];                                 \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static void set_zone(weir_zone *zone, const encode_header *h)
{
    weir_zone z = {.null_count = h->null_count,
                   .has_range = (h->flags & ENC_RANGE) != 0,
                   .has_nan = (h->flags & ENC_NAN) != 0};
    if (h->kind == WEIR_VALUE_IDS) {
        z.min.id = (uint32_t)h->min;
        z.max.id = (uint32_t)h->max;
    } else { /* the bits of a long or a double */
        memcpy(&z.min, &h->min, sizeof(h->min));
        memcpy(&z.max, &h->max, sizeof(h->max));
    }
    if (zone) {
        *zone = z;
    }
}

typedef struct id_range {
    uint32_t min, max, nulls; /* of ids but 0; no such ids: max 0 */
} id_range;

WEIR_HOT static id_range widen_ids(const uint32_t *restrict ids, uint32_t n, int64_t *restrict out)
{
    uint32_t min = UINT32_MAX, max = 0, nulls = 0;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = ids[i];
        nulls += ids[i] == 0;
        min = ids[i] - 1 < min ? ids[i] - 1 : min; /* id 0 wraps to the top */
        max = ids[i] > max ? ids[i] : max;
    }
    return (id_range){min + 1, max, nulls};
}

void weir_encode_ids(const uint32_t *ids, uint32_t n, weir_buf *out, weir_zone *zone)
{
    const uint64_t *no_nulls = NULL;
    encode_header h = header_of(WEIR_VALUE_IDS, n, &no_nulls);
    int64_t *v = weir_alloc(n * sizeof(*v));
    id_range range = widen_ids(ids, n, v);
    h.null_count = range.nulls;
    if (range.max > 0) {
        h.flags |= ENC_RANGE;
        h.min = range.min;
        h.max = range.max;
    }
    if (!put_integers(out, &h, v, NULL, shape_of(v, n), SIZE_MAX)) {
        abort(); /* nothing is larger than that */
    }
    free(v);
    set_zone(zone, &h);
}

void weir_encode_longs(const int64_t *values, const uint64_t *nulls, uint32_t n, weir_buf *out,
                       weir_zone *zone)
{
    encode_header h = header_of(WEIR_VALUE_LONGS, n, &nulls);
    h.flags |= ENC_SUM;
    if (h.null_count == n) {
        put_const(out, &h, 0, NULL);
        set_zone(zone, &h);
        return;
    }
    int64_t *copy = NULL;
    uint64_t sum = 0;
    if (nulls) {
        copy = weir_alloc(n * sizeof(*copy));
        memcpy(copy, values, n * sizeof(*copy));
        FILL_NULLS(copy, nulls, n);
        values = copy;
        for (uint32_t i = 0; i < n; i++) {
            sum += weir_bit(nulls, i) ? 0 : (uint64_t)values[i];
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            sum += (uint64_t)values[i];
        }
    }
    shape s = shape_of(values, n);
    h.flags |= ENC_RANGE;
    h.min = (uint64_t)s.min;
    h.max = (uint64_t)s.max;
    h.sum = sum;
    if (!put_integers(out, &h, values, nulls, s, n * sizeof(*values))) {
        put_raw(out, &h, values, sizeof(*values), nulls);
    }
    free(copy);
    set_zone(zone, &h);
}

/* Rounds to the nearest integer without a function call; |x| < 2^51. */
static inline double round_near(double x)
{
    const double magic = 0x1.8p52;
    return (x + magic) - magic;
}

/* Whether every value is an integer below 2^50 over 10^scale, to the last bit (so not -0.0, NaN,
 * infinities); `out` gets the integers. */
WEIR_HOT static bool decimals_of_doubles(const double *restrict v, uint32_t n, double power,
                                         int64_t *restrict out)
{
    uint64_t wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        double scaled = v[i] * power, r = round_near(scaled), back = r / power;
        uint64_t a, b;
        memcpy(&a, &v[i], sizeof(a));
        memcpy(&b, &back, sizeof(b));
        wrong |=
            (a ^ b) | (uint64_t) !(r < (double)WEIR_SCALED_MAX && r > -(double)WEIR_SCALED_MAX);
        double shifted = r + 0x1.8p52; /* its low bits are the integer */
        uint64_t bits;
        memcpy(&bits, &shifted, sizeof(bits));
        out[i] = (int64_t)(bits << 13) >> 13;
    }
    return wrong == 0;
}

WEIR_HOT static bool decimals_of_floats(const float *restrict v, uint32_t n, double power,
                                        int64_t *restrict out)
{
    uint64_t wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        double r = round_near((double)v[i] * power);
        float back = (float)(r / power);
        uint32_t a, b;
        memcpy(&a, &v[i], sizeof(a));
        memcpy(&b, &back, sizeof(b));
        wrong |=
            (a ^ b) | (uint64_t) !(r < (double)WEIR_SCALED_MAX && r > -(double)WEIR_SCALED_MAX);
        double shifted = r + 0x1.8p52;
        uint64_t bits;
        memcpy(&bits, &shifted, sizeof(bits));
        out[i] = (int64_t)(bits << 13) >> 13;
    }
    return wrong == 0;
}

typedef struct running_sum { /* Neumaier's: the low parts that rounding drops are added up apart */
    double sum, low;
} running_sum;

static inline void add_to(running_sum *s, double x)
{
    double total = s->sum + x;
    s->low += fabs(s->sum) >= fabs(x) ? (s->sum - total) + x : (x - total) + s->sum;
    s->sum = total;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

/* Range, NaN and sum of doubles or floats for the header. */
#define SCAN_REALS(h, values, nulls, n)                                                            \
    do {                                                                                           \
        running_sum s_ = {0, 0};                                                                   \
        double min_ = INFINITY, max_ = -INFINITY, plain_ = 0;                                      \
        bool any_ = false;                                                                         \
        for (uint32_t i_ = 0; i_ < (n); i_++) {                                                    \
            double x_ = (double)(values)[i_];                                                      \
            if ((nulls) && weir_bit((nulls), i_)) {                                                \
                continue;                                                                          \
            }                                                                                      \
            add_to(&s_, x_);                                                                       \
            plain_ += x_;                                                                          \
            if (x_ != x_) {                                                                        \
                (h)->flags |= ENC_NAN;                                                             \
                continue;                                                                          \
            }                                                                                      \
            any_ = true;                                                                           \
            min_ = x_ < min_ ? x_ : min_;                                                          \
            max_ = x_ > max_ ? x_ : max_;                                                          \
        }                                                                                          \
        if (any_) {                                                                                \
            (h)->flags |= ENC_RANGE;                                                               \
            (h)->min = bits_of(min_);                                                              \
            (h)->max = bits_of(max_);                                                              \
        }                                                                                          \
        (h)->flags |= ENC_SUM;                                                                     \
        (h)->sum = bits_of(isfinite(s_.sum + s_.low) ? s_.sum + s_.low : plain_);                  \
    } while (0)

/* The sum of decimals is kept as an integer, where it fits; 1,024 of them always do. */
static void sum_decimals(encode_header *h, const int64_t *v, const uint64_t *nulls)
{
    int64_t sum = 0;
    for (uint32_t at = 0; at < h->n; at += WEIR_PACK_ROWS) {
        uint32_t rows = h->n - at < WEIR_PACK_ROWS ? h->n - at : WEIR_PACK_ROWS;
        int64_t part = 0;
        for (uint32_t i = 0; i < rows; i++) {
            part += v[at + i];
        }
        for (uint32_t i = 0; nulls && i < rows; i++) {
            part -= weir_bit(nulls, at + i) ? v[at + i] : 0;
        }
        if (__builtin_add_overflow(sum, part, &sum)) {
            h->flags &= (uint8_t)~ENC_SUM;
            return;
        }
    }
    h->sum = (uint64_t)sum;
}

/* Smallest scale that holds for a sample, then for all: most chunks are settled by one or two
 * tries. */
#define FIND_SCALE(decimals, values, n, out, found)                                                \
    do {                                                                                           \
        int64_t sample_[64];                                                                       \
        uint32_t few_ = (n) < 64 ? (n) : 64;                                                       \
        (found) = false;                                                                           \
        for (uint8_t scale_ = 0; scale_ < ENC_SCALE_LIMIT && !(found); scale_++) {                 \
            if (decimals((values), few_, encode_powers[scale_], sample_) &&                        \
                decimals((values), (n), encode_powers[scale_], (out))) {                           \
                h.scale = scale_;                                                                  \
                (found) = true;                                                                    \
            }                                                                                      \
        }                                                                                          \
    } while (0)

void weir_encode_doubles(const double *values, const uint64_t *nulls, uint32_t n, weir_buf *out,
                         weir_zone *zone)
{
    encode_header h = header_of(WEIR_VALUE_DOUBLES, n, &nulls);
    if (h.null_count == n) {
        h.flags |= ENC_SUM;
        put_const(out, &h, 0, NULL);
        set_zone(zone, &h);
        return;
    }
    double *copy = NULL;
    if (nulls) {
        copy = weir_alloc(n * sizeof(*copy));
        memcpy(copy, values, n * sizeof(*copy));
        FILL_NULLS(copy, nulls, n);
        values = copy;
    }
    bool found, written = false;
    int64_t *integers = weir_alloc(n * sizeof(*integers));
    FIND_SCALE(decimals_of_doubles, values, n, integers, found);
    if (found) { /* its range and sum are known from the integers */
        shape s = shape_of(integers, n);
        encode_header decimal = h;
        decimal.flags |= ENC_DECIMAL | ENC_RANGE | ENC_SUM;
        decimal.min = bits_of((double)s.min / encode_powers[h.scale]);
        decimal.max = bits_of((double)s.max / encode_powers[h.scale]);
        sum_decimals(&decimal, integers, nulls);
        written = put_integers(out, &decimal, integers, nulls, s, n * sizeof(*values));
        h = written ? decimal : h;
    }
    if (!written) {
        h.scale = 0;
        SCAN_REALS(&h, values, nulls, n);
        put_raw(out, &h, values, sizeof(*values), nulls);
    }
    free(integers);
    free(copy);
    set_zone(zone, &h);
}

void weir_encode_floats(const float *values, const uint64_t *nulls, uint32_t n, weir_buf *out,
                        weir_zone *zone)
{
    encode_header h = header_of(WEIR_VALUE_FLOATS, n, &nulls);
    if (h.null_count == n) {
        h.flags |= ENC_SUM;
        put_const(out, &h, 0, NULL);
        set_zone(zone, &h);
        return;
    }
    float *copy = NULL;
    if (nulls) {
        copy = weir_alloc(n * sizeof(*copy));
        memcpy(copy, values, n * sizeof(*copy));
        FILL_NULLS(copy, nulls, n);
        values = copy;
    }
    SCAN_REALS(&h, values, nulls,
               n); /* the sum stays a double: that of the floats, not of their decimals */
    bool found, written = false;
    int64_t *integers = weir_alloc(n * sizeof(*integers));
    FIND_SCALE(decimals_of_floats, values, n, integers, found);
    if (found) {
        encode_header decimal = h;
        decimal.flags |= ENC_DECIMAL;
        written = put_integers(out, &decimal, integers, nulls, shape_of(integers, n),
                               n * sizeof(*values));
    }
    if (!written) {
        h.scale = 0;
        put_raw(out, &h, values, sizeof(*values), nulls);
    }
    free(integers);
    free(copy);
    set_zone(zone, &h);
}
