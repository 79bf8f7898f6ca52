/* segments/encode_read.c - reads encodings: see encode.h. weir_encoded_open checks every offset
 * once, so that the loops here need not; values themselves are trusted to nobody (they wrap, they
 * never index). */
#include "segments/encode_read.h"
#include "weir/hot.h"

enum {
    PICK_LIMIT = 40
}; /* rows of a block from which on decoding all 1,024 is cheaper than picking (FIGURES: 4 %) */

static bool bitmap_is_sound(const weir_encoded *enc)
{
    uint32_t count = 0, words = weir_words(enc->n);
    uint64_t word = 0;
    for (uint32_t w = 0; w < words; w++) {
        memcpy(&word, enc->nulls + w * 8, 8);
        count += (uint32_t)__builtin_popcountll(word);
    }
    return count == enc->null_count && (enc->n % 64 == 0 || word >> (enc->n % 64) == 0);
}

static bool runs_are_sound(const weir_encoded *enc)
{
    for (uint32_t r = 0, last = 0; r < enc->runs; r++) {
        uint32_t first = encode_run_first(enc, r);
        if (first >= enc->n || (r == 0 ? first != 0 : first <= last)) {
            return false;
        }
        last = first;
    }
    return true;
}

static bool blocks_are_sound(const weir_encoded *enc)
{
    unsigned limit = enc->kind == WEIR_VALUE_IDS ? 32 : 64;
    for (uint32_t b = 0; b < encode_blocks(enc->n); b++) {
        encode_block at = encode_block_at(enc, b);
        if (at.width > limit || (size_t)(at.at - enc->payload) + at.size > enc->payload_size) {
            return false;
        }
    }
    return true;
}

bool weir_encoded_open(weir_str bytes, weir_value_kind kind, uint32_t n, weir_encoded *out)
{
    encode_header h;
    if (bytes.size < sizeof(h)) {
        return false;
    }
    memcpy(&h, bytes.at, sizeof(h));
    bool real = kind == WEIR_VALUE_DOUBLES || kind == WEIR_VALUE_FLOATS;
    if (h.kind != kind || h.n != n || n == 0 || n > WEIR_ENCODED_MAX || h.form > WEIR_ENC_RAW ||
        h.scale >= ENC_SCALE_LIMIT || h.null_count > n || h.size > bytes.size ||
        ((h.flags & ENC_DECIMAL) && !real) ||
        (kind == WEIR_VALUE_IDS && ((h.flags & ENC_NULLS) || h.step != 1)) ||
        ((h.flags & ENC_RANGE) && h.null_count == n)) {
        return false;
    }
    if (kind != WEIR_VALUE_IDS &&
        !(h.flags & ENC_NULLS) != (h.null_count == 0 || h.null_count == n)) {
        return false;
    }
    bool decimal = (h.flags & ENC_DECIMAL) != 0;
    if (real && h.form != WEIR_ENC_CONST && decimal != (h.form != WEIR_ENC_RAW)) {
        return false;
    }
    const uint8_t *at = (const uint8_t *)bytes.at;
    size_t null_bytes = h.flags & ENC_NULLS ? weir_words(n) * sizeof(uint64_t) : 0;
    size_t directory = 0, value_size = kind == WEIR_VALUE_FLOATS || kind == WEIR_VALUE_IDS ? 4 : 8;
    if (h.form == WEIR_ENC_PACKED) {
        directory = (size_t)encode_blocks(n) * ENC_BLOCK_BYTES;
    } else if (h.form == WEIR_ENC_RUNS) {
        directory = (size_t)h.runs * sizeof(uint32_t);
    }
    size_t payload = encode_align(sizeof(h) + null_bytes + directory);
    if (payload > h.size) {
        return false;
    }
    weir_encoded enc = {.kind = h.kind,
                        .form = h.form,
                        .decimal = (h.flags & ENC_DECIMAL) != 0,
                        .scale = h.scale,
                        .has_nan = (h.flags & ENC_NAN) != 0,
                        .has_sum = (h.flags & ENC_SUM) != 0,
                        .has_range = (h.flags & ENC_RANGE) != 0,
                        .n = n,
                        .null_count = h.null_count,
                        .runs = h.runs,
                        .step = h.step,
                        .first = h.first,
                        .min = h.min,
                        .max = h.max,
                        .sum = h.sum,
                        .nulls = null_bytes ? at + sizeof(h) : NULL,
                        .directory = at + sizeof(h) + null_bytes,
                        .payload = at + payload,
                        .payload_size = h.size - payload,
                        .size = h.size};
    bool ok = enc.nulls == NULL || bitmap_is_sound(&enc);
    switch ((weir_encoding)h.form) {
    case WEIR_ENC_CONST:
        break;
    case WEIR_ENC_PACKED:
        ok = ok && blocks_are_sound(&enc);
        break;
    case WEIR_ENC_RUNS:
        ok = ok && h.runs > 0 && enc.payload_size == (size_t)h.runs * sizeof(uint64_t) &&
             runs_are_sound(&enc);
        break;
    case WEIR_ENC_RAW:
        ok = ok && kind != WEIR_VALUE_IDS && enc.payload_size == n * value_size;
        break;
    }
    if (ok) {
        *out = enc;
    }
    return ok;
}

const char *weir_encoding_name(uint8_t form)
{
    static const char *const names[] = {"const", "packed", "runs", "raw"};
    return form <= WEIR_ENC_RAW ? names[form] : "unknown";
}

void weir_encoded_zone(const weir_encoded *enc, weir_zone *out)
{
    *out = (weir_zone){
        .null_count = enc->null_count, .has_range = enc->has_range, .has_nan = enc->has_nan};
    if (enc->kind == WEIR_VALUE_IDS) {
        out->min.id = (uint32_t)enc->min;
        out->max.id = (uint32_t)enc->max;
    } else {
        memcpy(&out->min, &enc->min, sizeof(enc->min));
        memcpy(&out->max, &enc->max, sizeof(enc->max));
    }
}

/* ---- whole blocks ---- */

static void block_ids(const weir_encoded *enc, uint32_t b, uint32_t *out)
{
    uint8_t room[128 * 32];
    encode_block at = encode_block_at(enc, b);
    weir_unpack32(encode_block_whole(&at, room), at.width, (uint32_t)at.base, out);
}

void encode_block_longs(const weir_encoded *enc, uint32_t b, int64_t *out)
{
    uint8_t room[128 * 64];
    encode_block at = encode_block_at(enc, b);
    const uint8_t *in = encode_block_whole(&at, room);
    if (at.width <= 32 && enc->step <= UINT32_MAX) {
        weir_unpack32_wide(in, at.width, (uint64_t)at.base, (uint32_t)enc->step, out);
        return;
    }
    uint64_t wide[WEIR_PACK_ROWS];
    if (at.width <= 32) {
        weir_unpack32_wide(in, at.width, 0, 1, (int64_t *)wide);
    } else {
        bool plain = enc->step == 1;
        weir_unpack64(in, at.width, plain ? (uint64_t)at.base : 0, plain ? (uint64_t *)out : wide);
        if (plain) {
            return;
        }
    }
    for (uint32_t i = 0; i < WEIR_PACK_ROWS; i++) {
        out[i] = (int64_t)((uint64_t)at.base + enc->step * wide[i]);
    }
}

static int64_t pick(const weir_encoded *enc, const encode_block *at, uint32_t row)
{
    uint64_t packed = at->width <= 32 ? weir_pack32_pick(at->at, at->width, row)
                                      : weir_pack64_pick(at->at, at->width, row);
    return (int64_t)((uint64_t)at->base + enc->step * packed);
}

/* Run that holds `row`. */
uint32_t encode_find_run(const weir_encoded *enc, uint32_t row)
{
    uint32_t lo = 0, hi = enc->runs; /* first[lo] <= row */
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (encode_run_first(enc, mid) <= row) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* ---- spans ---- */

/* Room for every block that [from, from + n) touches; the span begins at [from % 1024]. */
static uint32_t touched_rows(uint32_t from, uint32_t n)
{
    return (from % WEIR_PACK_ROWS + n + WEIR_PACK_ROWS - 1) / WEIR_PACK_ROWS * WEIR_PACK_ROWS;
}

static const uint32_t *span_ids(const weir_encoded *enc, uint32_t from, uint32_t n, weir_scratch *s)
{
    uint32_t *out;
    if (enc->form == WEIR_ENC_PACKED) {
        out = WEIR_SCRATCH_ARRAY(s, uint32_t, touched_rows(from, n));
        for (uint32_t b = from / WEIR_PACK_ROWS, to = 0; b * WEIR_PACK_ROWS < from + n;
             b++, to += WEIR_PACK_ROWS) {
            block_ids(enc, b, out + to);
        }
        return out + from % WEIR_PACK_ROWS;
    }
    out = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    weir_encoded_ids(enc, from, n, out);
    return out;
}

void weir_encoded_ids(const weir_encoded *enc, uint32_t from, uint32_t n, uint32_t *out)
{
    assert(enc->kind == WEIR_VALUE_IDS && n <= enc->n && from <= enc->n - n);
    if (enc->form == WEIR_ENC_CONST) {
        for (uint32_t i = 0; i < n; i++) {
            out[i] = (uint32_t)enc->first;
        }
        return;
    }
    if (enc->form == WEIR_ENC_RUNS) {
        for (uint32_t i = 0, run = encode_find_run(enc, from); i < n; run++) {
            uint32_t end = encode_run_end(enc, run) - from,
                     value = (uint32_t)encode_run_value(enc, run);
            for (end = end < n ? end : n; i < end; i++) {
                out[i] = value;
            }
        }
        return;
    }
    uint32_t room[WEIR_PACK_ROWS];
    while (n > 0) {
        uint32_t at = from % WEIR_PACK_ROWS,
                 rows = WEIR_PACK_ROWS - at < n ? WEIR_PACK_ROWS - at : n;
        if (rows == WEIR_PACK_ROWS) {
            block_ids(enc, from / WEIR_PACK_ROWS, out);
        } else {
            block_ids(enc, from / WEIR_PACK_ROWS, room);
            memcpy(out, room + at, rows * sizeof(*out));
        }
        from += rows;
        out += rows;
        n -= rows;
    }
}

/* LONGS, and the integers of decimals; may be changed by the caller unless RAW. */
static int64_t *span_longs(const weir_encoded *enc, uint32_t from, uint32_t n, weir_scratch *s)
{
    int64_t *out;
    if (enc->form == WEIR_ENC_PACKED) {
        out = WEIR_SCRATCH_ARRAY(s, int64_t, touched_rows(from, n));
        for (uint32_t b = from / WEIR_PACK_ROWS, to = 0; b * WEIR_PACK_ROWS < from + n;
             b++, to += WEIR_PACK_ROWS) {
            encode_block_longs(enc, b, out + to);
        }
        return out + from % WEIR_PACK_ROWS;
    }
    out = WEIR_SCRATCH_ARRAY(s, int64_t, n);
    if (enc->form == WEIR_ENC_RUNS) {
        for (uint32_t i = 0, run = encode_find_run(enc, from); i < n; run++) {
            uint32_t end = encode_run_end(enc, run) - from;
            int64_t value = (int64_t)encode_run_value(enc, run);
            for (end = end < n ? end : n; i < end; i++) {
                out[i] = value;
            }
        }
        return out;
    }
    for (uint32_t i = 0; i < n; i++) { /* CONST that has nulls */
        out[i] = (int64_t)enc->first;
    }
    return out;
}

/* Where RAW values lie, in place if aligned. */
static const void *span_raw(const weir_encoded *enc, uint32_t from, uint32_t n, size_t value_size,
                            weir_scratch *s)
{
    const uint8_t *at = enc->payload + from * value_size;
    if ((uintptr_t)at % value_size == 0) {
        return at;
    }
    return memcpy(weir_scratch_take(s, n * value_size), at, n * value_size);
}

/* Decimals to doubles, exactly as the division that was checked when they were written. |v| < 2^50:
 * a long becomes a double by its bits. */
WEIR_HOT static void divide_down(const int64_t *restrict in, uint32_t n, double power,
                                 double *restrict out)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bits = (uint64_t)in[i] + UINT64_C(0x4338000000000000);
        double shifted;
        memcpy(&shifted, &bits, sizeof(shifted));
        out[i] = (shifted - 0x1.8p52) / power;
    }
}

WEIR_HOT static void divide_down_floats(const int64_t *restrict in, uint32_t n, double power,
                                        float *restrict out)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bits = (uint64_t)in[i] + UINT64_C(0x4338000000000000);
        double shifted;
        memcpy(&shifted, &bits, sizeof(shifted));
        out[i] = (float)((shifted - 0x1.8p52) / power);
    }
}

static const double *doubles_of(const weir_encoded *enc, const int64_t *in, uint32_t n,
                                weir_scratch *s)
{
    double *out = WEIR_SCRATCH_ARRAY(s, double, n);
    divide_down(in, n, encode_powers[enc->scale], out);
    return out;
}

static const float *floats_of(const weir_encoded *enc, const int64_t *in, uint32_t n,
                              weir_scratch *s)
{
    float *out = WEIR_SCRATCH_ARRAY(s, float, n);
    divide_down_floats(in, n, encode_powers[enc->scale], out);
    return out;
}

/* ---- nulls ---- */

/* Bits of [from, from + n) moved to the front; NULL when none is set. */
static const uint64_t *span_nulls(const weir_encoded *enc, uint32_t from, uint32_t n,
                                  weir_scratch *s)
{
    if (enc->nulls == NULL) {
        return NULL;
    }
    uint32_t words = weir_words(n), all = weir_words(enc->n), shift = from % 64;
    uint64_t *out = WEIR_SCRATCH_ARRAY(s, uint64_t, words), any = 0;
    for (uint32_t i = 0; i < words; i++) {
        uint32_t w = from / 64 + i;
        out[i] = encode_null_word(enc, w) >> shift;
        if (shift && w + 1 < all) {
            out[i] |= encode_null_word(enc, w + 1) << (64 - shift);
        }
        if (i + 1 == words && n % 64) {
            out[i] &= (UINT64_C(1) << (n % 64)) - 1;
        }
        any |= out[i];
    }
    return any ? out : NULL;
}

uint32_t encode_count_nulls(const weir_encoded *enc, uint32_t from, uint32_t n)
{
    if (enc->nulls == NULL || n == 0) {
        return enc->null_count == enc->n ? n : 0;
    }
    if (n == enc->n) {
        return enc->null_count;
    }
    uint32_t last = from + n - 1, count = 0;
    for (uint32_t w = from / 64; w <= last / 64; w++) {
        uint64_t word = encode_null_word(enc, w);
        if (w == from / 64) {
            word &= UINT64_MAX << (from % 64);
        }
        if (w == last / 64) {
            word &= UINT64_MAX >> (63 - last % 64);
        }
        count += (uint32_t)__builtin_popcountll(word);
    }
    return count;
}

/* ---- vectors ---- */

static weir_type type_of(const weir_encoded *enc)
{
    static const weir_kind kinds[] = {WEIR_UNKNOWN, WEIR_STRING, WEIR_LONG, WEIR_DOUBLE,
                                      WEIR_FLOAT};
    return WEIR_TYPE((uint8_t)kinds[enc->kind]);
}

static void const_vec(const weir_encoded *enc, uint64_t value, uint32_t n, weir_scratch *s,
                      weir_vec *out)
{
    static const uint64_t null_bit = 1;
    uint64_t *room = WEIR_SCRATCH_ARRAY(s, uint64_t, 1);
    *out = (weir_vec){.type = type_of(enc), .form = WEIR_CONST, .n = n};
    if (enc->kind == WEIR_VALUE_IDS) {
        uint32_t id = (uint32_t)value;
        memcpy(room, &id, sizeof(id));
        out->at.ids = (const uint32_t *)room;
        out->nulls = id == 0 ? &null_bit : NULL;
        return;
    }
    if (enc->null_count == enc->n) {
        out->nulls = &null_bit;
    }
    *room = value;
    if (enc->kind == WEIR_VALUE_FLOATS && enc->decimal) {
        out->at.f = floats_of(enc, (const int64_t *)room, 1, s);
    } else if (enc->kind == WEIR_VALUE_DOUBLES && enc->decimal) {
        out->at.d = doubles_of(enc, (const int64_t *)room, 1, s);
    } else {
        out->at.l = (const int64_t *)room; /* long, or the bits of a double or float */
    }
}

/* Whether the span holds one value, known without decoding. */
static bool span_is_const(const weir_encoded *enc, uint32_t from, uint32_t n, uint64_t *value)
{
    if (enc->form == WEIR_ENC_CONST) {
        *value = enc->first;
        return true;
    }
    if (enc->form == WEIR_ENC_RUNS) {
        uint32_t run = encode_find_run(enc, from);
        *value = encode_run_value(enc, run);
        return encode_run_end(enc, run) - from >= n;
    }
    if (enc->form == WEIR_ENC_PACKED) {
        encode_block first = encode_block_at(enc, from / WEIR_PACK_ROWS);
        bool same = first.width == 0;
        for (uint32_t b = from / WEIR_PACK_ROWS + 1; same && b * WEIR_PACK_ROWS < from + n; b++) {
            encode_block next = encode_block_at(enc, b);
            same = next.width == 0 && next.base == first.base;
        }
        *value = (uint64_t)first.base;
        return same;
    }
    return false;
}

static void longs_to_vec(const weir_encoded *enc, const int64_t *longs, uint32_t n, bool scaled,
                         weir_scratch *s, weir_vec *out)
{
    if (enc->kind == WEIR_VALUE_LONGS) {
        out->at.l = longs;
    } else if (enc->kind == WEIR_VALUE_FLOATS) {
        out->at.f = floats_of(enc, longs, n, s);
    } else if (scaled) {
        out->form = WEIR_SCALED;
        out->scale = enc->scale;
        out->at.l = longs;
    } else {
        out->at.d = doubles_of(enc, longs, n, s);
    }
}

void weir_encoded_read(const weir_encoded *enc, uint32_t from, uint32_t n, bool scaled,
                       weir_scratch *s, weir_vec *out)
{
    assert(n > 0 && n <= enc->n && from <= enc->n - n);
    const uint64_t *nulls = span_nulls(enc, from, n, s);
    uint64_t value;
    if (nulls == NULL && span_is_const(enc, from, n, &value)) {
        const_vec(enc, value, n, s, out);
        return;
    }
    *out = (weir_vec){.type = type_of(enc), .form = WEIR_FLAT, .n = n, .nulls = nulls};
    if (enc->kind == WEIR_VALUE_IDS) {
        out->form = WEIR_DICT;
        out->at.ids = span_ids(enc, from, n, s);
    } else if (enc->form == WEIR_ENC_RAW) {
        out->at.l = span_raw(enc, from, n, enc->kind == WEIR_VALUE_FLOATS ? 4 : 8, s);
    } else if (enc->form == WEIR_ENC_CONST && !enc->decimal && enc->kind == WEIR_VALUE_FLOATS) {
        float *flat = WEIR_SCRATCH_ARRAY(s, float, n), one;
        memcpy(&one, &enc->first, sizeof(one));
        for (uint32_t i = 0; i < n; i++) {
            flat[i] = one;
        }
        out->at.f = flat;
    } else if (enc->form == WEIR_ENC_CONST && !enc->decimal) {
        out->at.l = span_longs(enc, from, n, s); /* longs, or doubles bit by bit */
    } else {
        longs_to_vec(enc, span_longs(enc, from, n, s), n, scaled, s, out);
    }
}

/* ---- gather ---- */

static uint32_t safe_row(const weir_encoded *enc, uint16_t row)
{
    return row < enc->n ? row : 0;
}

static const uint64_t *gather_nulls(const weir_encoded *enc, const uint16_t *rows, uint32_t n,
                                    weir_scratch *s)
{
    if (enc->nulls == NULL) {
        return NULL;
    }
    uint64_t *out = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n)), any = 0;
    memset(out, 0, weir_words(n) * sizeof(*out));
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bit = encode_row_is_null(enc, safe_row(enc, rows[i]));
        out[i >> 6] |= bit << (i & 63);
        any |= bit;
    }
    return any ? out : NULL;
}

/* How many of rows[i..n) lie in the block of rows[i]. */
static uint32_t rows_in_block(const uint16_t *rows, uint32_t i, uint32_t n)
{
    uint32_t count = 1;
    while (i + count < n && rows[i + count] / WEIR_PACK_ROWS == rows[i] / WEIR_PACK_ROWS) {
        count++;
    }
    return count;
}

static const uint32_t *gather_ids(const weir_encoded *enc, const uint16_t *rows, uint32_t n,
                                  weir_scratch *s)
{
    uint32_t *out = WEIR_SCRATCH_ARRAY(s, uint32_t, n), room[WEIR_PACK_ROWS];
    if (enc->form == WEIR_ENC_RUNS) {
        for (uint32_t i = 0, run = 0; i < n; i++) {
            uint32_t row = safe_row(enc, rows[i]);
            if (i == 0 || row < encode_run_first(enc, run) || row >= encode_run_end(enc, run)) {
                run = encode_find_run(enc, row);
            }
            out[i] = (uint32_t)encode_run_value(enc, run);
        }
        return out;
    }
    for (uint32_t i = 0, count; i < n; i += count) {
        count = rows_in_block(rows, i, n);
        uint32_t b = safe_row(enc, rows[i]) / WEIR_PACK_ROWS;
        if (count >= PICK_LIMIT) {
            block_ids(enc, b, room);
            for (uint32_t k = i; k < i + count; k++) {
                out[k] = room[rows[k] % WEIR_PACK_ROWS];
            }
            continue;
        }
        encode_block at = encode_block_at(enc, b);
        for (uint32_t k = i; k < i + count; k++) {
            out[k] = (uint32_t)pick(enc, &at, safe_row(enc, rows[k]) % WEIR_PACK_ROWS);
        }
    }
    return out;
}

static int64_t *gather_longs(const weir_encoded *enc, const uint16_t *rows, uint32_t n,
                             weir_scratch *s)
{
    int64_t *out = WEIR_SCRATCH_ARRAY(s, int64_t, n), room[WEIR_PACK_ROWS];
    if (enc->form == WEIR_ENC_RUNS) {
        for (uint32_t i = 0, run = 0; i < n; i++) {
            uint32_t row = safe_row(enc, rows[i]);
            if (i == 0 || row < encode_run_first(enc, run) || row >= encode_run_end(enc, run)) {
                run = encode_find_run(enc, row);
            }
            out[i] = (int64_t)encode_run_value(enc, run);
        }
        return out;
    }
    if (enc->form == WEIR_ENC_CONST) {
        for (uint32_t i = 0; i < n; i++) {
            out[i] = (int64_t)enc->first;
        }
        return out;
    }
    for (uint32_t i = 0, count; i < n; i += count) {
        count = rows_in_block(rows, i, n);
        uint32_t b = safe_row(enc, rows[i]) / WEIR_PACK_ROWS;
        if (count >= PICK_LIMIT) {
            encode_block_longs(enc, b, room);
            for (uint32_t k = i; k < i + count; k++) {
                out[k] = room[rows[k] % WEIR_PACK_ROWS];
            }
            continue;
        }
        encode_block at = encode_block_at(enc, b);
        for (uint32_t k = i; k < i + count; k++) {
            out[k] = pick(enc, &at, safe_row(enc, rows[k]) % WEIR_PACK_ROWS);
        }
    }
    return out;
}

void weir_encoded_gather(const weir_encoded *enc, const uint16_t *rows, uint32_t n, weir_scratch *s,
                         weir_vec *out)
{
    assert(n > 0);
    const uint64_t *nulls = gather_nulls(enc, rows, n, s);
    if (enc->form == WEIR_ENC_CONST && nulls == NULL) {
        const_vec(enc, enc->first, n, s, out);
        return;
    }
    *out = (weir_vec){.type = type_of(enc), .form = WEIR_FLAT, .n = n, .nulls = nulls};
    if (enc->kind == WEIR_VALUE_IDS) {
        out->form = WEIR_DICT;
        out->at.ids = gather_ids(enc, rows, n, s);
    } else if (enc->kind == WEIR_VALUE_FLOATS && !enc->decimal) {
        float *flat = WEIR_SCRATCH_ARRAY(s, float, n);
        for (uint32_t i = 0; i < n; i++) {
            const void *at = enc->form == WEIR_ENC_CONST
                                 ? (const void *)&enc->first
                                 : enc->payload + (size_t)safe_row(enc, rows[i]) * sizeof(*flat);
            memcpy(&flat[i], at, sizeof(*flat));
        }
        out->at.f = flat;
    } else if (enc->form == WEIR_ENC_RAW) {
        int64_t *flat = WEIR_SCRATCH_ARRAY(s, int64_t, n);
        for (uint32_t i = 0; i < n; i++) {
            memcpy(&flat[i], enc->payload + (size_t)safe_row(enc, rows[i]) * sizeof(*flat),
                   sizeof(*flat));
        }
        out->at.l = flat;
    } else {
        int64_t *longs = gather_longs(enc, rows, n, s);
        if (enc->kind == WEIR_VALUE_DOUBLES && !enc->decimal) {
            out->at.l = longs; /* CONST: bits */
        } else {
            longs_to_vec(enc, longs, n, false, s, out);
        }
    }
}

bool weir_encoded_ids_below(const weir_encoded *enc, uint32_t limit)
{
    uint32_t room[WEIR_PACK_ROWS];
    bool ok = true;
    switch ((weir_encoding)enc->form) {
    case WEIR_ENC_CONST:
        return enc->first < limit;
    case WEIR_ENC_RUNS:
        for (uint32_t r = 0; r < enc->runs; r++) {
            ok = ok && encode_run_value(enc, r) < limit;
        }
        return ok;
    case WEIR_ENC_PACKED:
        for (uint32_t b = 0; b < encode_blocks(enc->n) && ok; b++) {
            uint32_t max = 0;
            block_ids(enc, b, room); /* rows behind the last one are the base: harmless, and below
                                        too in what we write */
            for (uint32_t i = 0; i < WEIR_PACK_ROWS; i++) {
                max = room[i] > max ? room[i] : max;
            }
            ok = max < limit;
        }
        return ok;
    case WEIR_ENC_RAW:
        break;
    }
    return false;
}
