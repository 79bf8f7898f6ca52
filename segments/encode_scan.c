/* segments/encode_scan.c - range and sum on the encoded form. The bound is shifted, not the data:
 * [lo, hi] becomes a range of packed values once per block. Sums add packed values in u32 lanes
 * where they cannot overflow, 2x faster than decoding first. */
#include "segments/encode_read.h"
#include "weir/hot.h"

/* ---- range ---- */

/* Sets or clears bits [from, from + n). */
static void fill_bits(uint64_t *bits, uint32_t from, uint32_t n)
{
    for (uint32_t i = from, end = from + n; i < end;) {
        uint32_t room = 64 - i % 64, take = end - i < room ? end - i : room;
        bits[i / 64] |= (take == 64 ? UINT64_MAX : (UINT64_C(1) << take) - 1) << (i % 64);
        i += take;
    }
}

/* [lo, hi] in packed values of a block; false: nothing there. */
static bool packed_range(const encode_block *b, uint64_t step, int64_t lo, int64_t hi,
                         uint64_t *plo, uint64_t *phi)
{
    if (hi < b->base || step == 0) {
        return false;
    }
    uint64_t from = lo <= b->base ? 0 : (uint64_t)lo - (uint64_t)b->base,
             to = (uint64_t)hi - (uint64_t)b->base;
    uint64_t limit = b->width == 64 ? UINT64_MAX : (UINT64_C(1) << b->width) - 1;
    *plo = from / step + (from % step != 0);
    *phi = to / step < limit ? to / step : limit;
    return *plo <= *phi;
}

/* Bits of 1,024 rows whose value lies in [lo, lo + span], wrapping: longs too, if lo is one.
 * Verdicts become bytes first, which gcc vectorises; a multiplication moves eight of them into one.
 */
WEIR_HOT static void range_of_words(const uint64_t *restrict v, uint64_t lo, uint64_t span,
                                    uint64_t *restrict bits)
{
    uint8_t inside[WEIR_PACK_ROWS];
    for (uint32_t i = 0; i < WEIR_PACK_ROWS; i++) {
        inside[i] = v[i] - lo <= span;
    }
    for (uint32_t i = 0; i < WEIR_PACK_ROWS / 8; i++) {
        uint64_t eight;
        memcpy(&eight, inside + (size_t)i * 8, sizeof(eight));
        ((uint8_t *)bits)[i] = (uint8_t)(eight * UINT64_C(0x0102040810204080) >> 56);
    }
}

static void range_of_block(const weir_encoded *enc, uint32_t b, int64_t lo, int64_t hi,
                           uint64_t bits[16])
{
    encode_block at = encode_block_at(enc, b);
    uint64_t plo, phi;
    if (!packed_range(&at, enc->step, lo, hi, &plo, &phi)) {
        memset(bits, 0, 128);
        return;
    }
    uint8_t room[128 * 64];
    const uint8_t *in = encode_block_whole(&at, room);
    if (at.width <= 32) {
        weir_pack32_range(in, at.width, (uint32_t)plo, (uint32_t)phi, bits);
        return;
    }
    uint64_t wide[WEIR_PACK_ROWS];
    weir_unpack64(in, at.width, 0, wide);
    range_of_words(wide, plo, phi - plo, bits);
}

static void clear_nulls(const weir_encoded *enc, uint32_t from, uint32_t n, uint64_t *bits)
{
    for (uint32_t w = 0; w < weir_words(n); w++) { /* from is a multiple of 64 */
        bits[w] &= ~encode_null_word(enc, from / 64 + w);
    }
}

void weir_encoded_range(const weir_encoded *enc, uint32_t from, uint32_t n, int64_t lo, int64_t hi,
                        uint64_t *bits)
{
    assert(from % WEIR_PACK_ROWS == 0 && n > 0 && n <= enc->n && from <= enc->n - n);
    assert(enc->kind == WEIR_VALUE_IDS || enc->kind == WEIR_VALUE_LONGS);
    if (enc->kind == WEIR_VALUE_IDS && lo < 1) {
        lo = 1; /* id 0 is null */
    }
    memset(bits, 0, weir_words(n) * sizeof(*bits));
    if (lo > hi || enc->null_count == enc->n) {
        return;
    }
    switch ((weir_encoding)enc->form) {
    case WEIR_ENC_CONST:
        if (lo <= (int64_t)enc->first && (int64_t)enc->first <= hi) {
            fill_bits(bits, 0, n);
        }
        break;
    case WEIR_ENC_RUNS:
        for (uint32_t run = encode_find_run(enc, from), at = 0; at < n; run++) {
            uint32_t end = encode_run_end(enc, run) - from;
            int64_t value = (int64_t)encode_run_value(enc, run);
            end = end < n ? end : n;
            if (lo <= value && value <= hi) {
                fill_bits(bits, at, end - at);
            }
            at = end;
        }
        break;
    case WEIR_ENC_PACKED:
        for (uint32_t at = 0; at < n; at += WEIR_PACK_ROWS) {
            uint64_t block[WEIR_PACK_ROWS / 64];
            uint32_t rows = n - at < WEIR_PACK_ROWS ? n - at : WEIR_PACK_ROWS;
            range_of_block(enc, (from + at) / WEIR_PACK_ROWS, lo, hi, block);
            memcpy(bits + at / 64, block, weir_words(rows) * sizeof(*bits));
        }
        break;
    case WEIR_ENC_RAW: {
        uint64_t room[WEIR_PACK_ROWS] = {0}, block[WEIR_PACK_ROWS / 64];
        for (uint32_t at = 0; at < n; at += WEIR_PACK_ROWS) {
            uint32_t rows = n - at < WEIR_PACK_ROWS ? n - at : WEIR_PACK_ROWS;
            memcpy(room, enc->payload + (size_t)(from + at) * sizeof(*room), rows * sizeof(*room));
            range_of_words(room, (uint64_t)lo, (uint64_t)hi - (uint64_t)lo, block);
            memcpy(bits + at / 64, block, weir_words(rows) * sizeof(*bits));
        }
        break;
    }
    }
    if (n % 64) {
        bits[n / 64] &= (UINT64_C(1) << (n % 64)) - 1;
    }
    if (enc->nulls) {
        clear_nulls(enc, from, n, bits);
    }
}

/* ---- sum ---- */

typedef __int128 wide_int;

/* Rows [from, from + n) of one block. Null rows are packed as 0, so that they add nothing but the
 * base, which is counted for the others. */
static wide_int sum_of_block(const weir_encoded *enc, uint32_t b, uint32_t from, uint32_t n)
{
    encode_block at = encode_block_at(enc, b);
    uint32_t rows = n - encode_count_nulls(enc, b * WEIR_PACK_ROWS + from, n);
    uint32_t all = enc->n - b * WEIR_PACK_ROWS;
    uint8_t room[128 * 64];
    const uint8_t *in = encode_block_whole(&at, room);
    unsigned __int128 packed = 0;
    all = all < WEIR_PACK_ROWS ? all : WEIR_PACK_ROWS;
    if (at.width <= 32 && n == all) {
        packed = weir_pack32_sum(in, at.width);
    } else if (at.width <= 32) {
        uint32_t narrow[WEIR_PACK_ROWS];
        uint64_t sum = 0;
        weir_unpack32(in, at.width, 0, narrow);
        for (uint32_t i = from; i < from + n; i++) {
            sum += narrow[i];
        }
        packed = sum;
    } else {
        uint64_t wide[WEIR_PACK_ROWS], low = 0, high = 0; /* 1,024 halves cannot overflow */
        weir_unpack64(in, at.width, 0, wide);
        for (uint32_t i = from; i < from + n; i++) {
            low += (uint32_t)wide[i];
            high += wide[i] >> 32;
        }
        packed = ((unsigned __int128)high << 32) + low;
    }
    return (wide_int)((unsigned __int128)(wide_int)at.base * rows + packed * enc->step);
}

/* The integers of LONGS and decimals, wrapping in 128 bits only. */
static wide_int sum_of_integers(const weir_encoded *enc, uint32_t from, uint32_t n)
{
    unsigned __int128 sum = 0;
    uint32_t end = from + n;
    switch ((weir_encoding)enc->form) {
    case WEIR_ENC_CONST:
        sum = (unsigned __int128)(wide_int)(int64_t)enc->first *
              (n - encode_count_nulls(enc, from, n));
        break;
    case WEIR_ENC_RUNS:
        for (uint32_t run = encode_find_run(enc, from), at = from; at < end; run++) {
            uint32_t to = encode_run_end(enc, run);
            to = to < end ? to : end;
            sum += (unsigned __int128)(wide_int)(int64_t)encode_run_value(enc, run) *
                   (to - at - encode_count_nulls(enc, at, to - at));
            at = to;
        }
        break;
    case WEIR_ENC_PACKED:
        for (uint32_t at = from; at < end;) {
            uint32_t inside = at % WEIR_PACK_ROWS, rows = WEIR_PACK_ROWS - inside;
            rows = rows < end - at ? rows : end - at;
            sum += (unsigned __int128)sum_of_block(enc, at / WEIR_PACK_ROWS, inside, rows);
            at += rows;
        }
        break;
    case WEIR_ENC_RAW:
        for (uint32_t at = from; at < end; at++) {
            int64_t value;
            memcpy(&value, enc->payload + (size_t)at * sizeof(value), sizeof(value));
            if (!(enc->nulls && encode_row_is_null(enc, at))) {
                sum += (unsigned __int128)(wide_int)value;
            }
        }
        break;
    }
    return (wide_int)sum;
}

/* gcc may not reorder doubles: sixteen sums by hand. */
WEIR_HOT static double sum_of_doubles(const double *restrict v, uint32_t n)
{
    double sums[16] = {0}, total = 0;
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16) {
        for (int k = 0; k < 16; k++) {
            sums[k] += v[i + k];
        }
    }
    for (; i < n; i++) {
        total += v[i];
    }
    for (int k = 0; k < 16; k++) {
        total += sums[k];
    }
    return total;
}

/* Rows at `at` as doubles, null rows as 0. */
static void reals_at(const weir_encoded *enc, uint32_t at, uint32_t rows, double *out)
{
    if (enc->kind == WEIR_VALUE_DOUBLES) {
        memcpy(out, enc->payload + (size_t)at * sizeof(double), rows * sizeof(double));
    } else {
        float room[WEIR_PACK_ROWS];
        memcpy(room, enc->payload + (size_t)at * sizeof(float), rows * sizeof(float));
        for (uint32_t i = 0; i < rows; i++) {
            out[i] = (double)room[i];
        }
    }
    for (uint32_t i = 0; enc->nulls && i < rows; i++) {
        if (encode_row_is_null(enc, at + i)) {
            out[i] = 0;
        }
    }
}

static double sum_of_raw(const weir_encoded *enc, uint32_t from, uint32_t n)
{
    double room[WEIR_PACK_ROWS], total = 0;
    for (uint32_t at = 0; at < n; at += WEIR_PACK_ROWS) {
        uint32_t rows = n - at < WEIR_PACK_ROWS ? n - at : WEIR_PACK_ROWS;
        reals_at(enc, from + at, rows, room);
        total += sum_of_doubles(room, rows);
    }
    return total;
}

/* Decimal floats: a float is not its decimal, so they are turned back first. */
static double sum_of_decimal_floats(const weir_encoded *enc, uint32_t from, uint32_t n)
{
    double total = 0, power = encode_powers[enc->scale];
    for (uint32_t at = from; at < from + n;) {
        uint32_t inside = at % WEIR_PACK_ROWS, rows = WEIR_PACK_ROWS - inside;
        rows = rows < from + n - at ? rows : from + n - at;
        int64_t longs[WEIR_PACK_ROWS];
        if (enc->form == WEIR_ENC_PACKED) {
            encode_block_longs(enc, at / WEIR_PACK_ROWS, longs);
        } else {
            for (uint32_t i = 0, run = encode_find_run(enc, at); i < rows; i++) {
                while (encode_run_end(enc, run) <= at + i) {
                    run++;
                }
                longs[inside + i] = (int64_t)encode_run_value(enc, run);
            }
        }
        for (uint32_t i = 0; i < rows; i++) {
            if (!(enc->nulls && encode_row_is_null(enc, at + i))) {
                total += (double)(float)((double)longs[inside + i] / power);
            }
        }
        at += rows;
    }
    return total;
}

static double const_real(const weir_encoded *enc)
{
    if (enc->decimal) {
        double value = (double)(int64_t)enc->first / encode_powers[enc->scale];
        return enc->kind == WEIR_VALUE_FLOATS ? (double)(float)value : value;
    }
    double value;
    float narrow;
    memcpy(&value, &enc->first, sizeof(value));
    memcpy(&narrow, &enc->first, sizeof(narrow));
    return enc->kind == WEIR_VALUE_FLOATS ? (double)narrow : value;
}

void weir_encoded_sum(const weir_encoded *enc, uint32_t from, uint32_t n, int64_t *out_l,
                      double *out_d, uint32_t *out_count)
{
    assert(enc->kind != WEIR_VALUE_IDS && n > 0 && n <= enc->n && from <= enc->n - n);
    bool from_header = n == enc->n && enc->has_sum,
         integers = enc->decimal && enc->kind == WEIR_VALUE_DOUBLES;
    uint32_t count = n - encode_count_nulls(enc, from, n);
    *out_count = count;
    if (enc->kind == WEIR_VALUE_LONGS) {
        *out_l = (int64_t)(from_header ? enc->sum
                           : count     ? (uint64_t)sum_of_integers(enc, from, n)
                                       : 0);
    } else if (from_header && !integers) {
        memcpy(out_d, &enc->sum, sizeof(*out_d));
    } else if (count == 0) {
        *out_d = 0;
    } else if (integers) {
        wide_int sum = from_header ? (int64_t)enc->sum : sum_of_integers(enc, from, n);
        *out_d = (double)sum / encode_powers[enc->scale];
    } else if (enc->form == WEIR_ENC_CONST) {
        *out_d = const_real(enc) * count;
    } else if (enc->form == WEIR_ENC_RAW) {
        *out_d = sum_of_raw(enc, from, n);
    } else {
        *out_d = sum_of_decimal_floats(enc, from, n);
    }
}
