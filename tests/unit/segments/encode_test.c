/* tests/unit/segments/encode_test.c - every form of every kind gives back what went in, compared
 * with plain arrays on seeded random data. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include "segments/encode.h"

static uint64_t seed = 1;
static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}
static uint32_t below(uint32_t n)
{
    return (uint32_t)(next_random() % n);
}

typedef struct plain { /* the slow twin: what was put in */
    weir_value_kind kind;
    uint32_t n;
    uint32_t *ids;
    int64_t *longs;
    double *doubles;
    float *floats;
    uint64_t *nulls; /* NULL: none */
} plain;

static bool is_null(const plain *p, uint32_t row)
{
    return p->kind == WEIR_VALUE_IDS ? p->ids[row] == 0 : p->nulls && weir_bit(p->nulls, row);
}

static void encode(const plain *p, weir_buf *out, weir_zone *zone)
{
    switch (p->kind) {
    case WEIR_VALUE_IDS:
        weir_encode_ids(p->ids, p->n, out, zone);
        break;
    case WEIR_VALUE_LONGS:
        weir_encode_longs(p->longs, p->nulls, p->n, out, zone);
        break;
    case WEIR_VALUE_DOUBLES:
        weir_encode_doubles(p->doubles, p->nulls, p->n, out, zone);
        break;
    case WEIR_VALUE_FLOATS:
        weir_encode_floats(p->floats, p->nulls, p->n, out, zone);
        break;
    }
}

static double power_of(uint8_t scale)
{
    double power = 1;
    while (scale--) {
        power *= 10;
    }
    return power;
}

static void check_row(const plain *p, const weir_vec *vec, uint32_t i, uint32_t row)
{
    uint32_t at = vec->form == WEIR_CONST ? 0 : i;
    bool null = weir_vec_is_null(vec, i);
    assert_int_equal(null, is_null(p, row));
    if (p->kind == WEIR_VALUE_IDS) {
        assert_int_equal(vec->at.ids[at], p->ids[row]);
    } else if (null) {
        return;
    } else if (p->kind == WEIR_VALUE_LONGS) {
        assert_true(vec->at.l[at] == p->longs[row]);
    } else if (p->kind == WEIR_VALUE_FLOATS) {
        assert_memory_equal(&vec->at.f[at], &p->floats[row], sizeof(float));
    } else {
        double value =
            vec->form == WEIR_SCALED ? (double)vec->at.l[at] / power_of(vec->scale) : vec->at.d[at];
        assert_memory_equal(&value, &p->doubles[row], sizeof(double));
    }
}

/* DICT vectors tell nulls by their id; weir_vec_is_null needs no dictionary for that. */
static void check_read(const plain *p, const weir_encoded *enc, uint32_t from, uint32_t n,
                       bool scaled, weir_scratch *s)
{
    weir_vec vec;
    static const weir_dict any_dict;
    weir_encoded_read(enc, from, n, scaled, s, &vec);
    assert_int_equal(vec.n, n);
    vec.dict = p->kind == WEIR_VALUE_IDS ? &any_dict : NULL;
    for (uint32_t i = 0; i < n; i++) {
        check_row(p, &vec, i, from + i);
    }
}

static void check_gather(const plain *p, const weir_encoded *enc, uint32_t step, weir_scratch *s)
{
    static const weir_dict any_dict;
    uint16_t rows[4096];
    uint32_t n = 0, rows_in_chunk = p->n < 65536 ? p->n : 65536;
    for (uint32_t row = below(step); row < rows_in_chunk && n < 4096; row += 1 + below(step)) {
        rows[n++] = (uint16_t)row;
    }
    if (n == 0) {
        rows[n++] = 0;
    }
    weir_vec vec;
    weir_encoded_gather(enc, rows, n, s, &vec);
    assert_int_equal(vec.n, n);
    vec.dict = p->kind == WEIR_VALUE_IDS ? &any_dict : NULL;
    for (uint32_t i = 0; i < n; i++) {
        check_row(p, &vec, i, rows[i]);
    }
}

static int64_t long_at(const plain *p, uint32_t row)
{
    return p->kind == WEIR_VALUE_IDS ? (int64_t)p->ids[row] : p->longs[row];
}

static void check_range(const plain *p, const weir_encoded *enc, uint32_t from, uint32_t n,
                        int64_t lo, int64_t hi)
{
    uint64_t bits[1024];
    memset(bits, 0xAA, sizeof(bits));
    weir_encoded_range(enc, from, n, lo, hi, bits);
    for (uint32_t i = 0; i < weir_words(n) * 64; i++) {
        bool want = i < n && !is_null(p, from + i) && lo <= long_at(p, from + i) &&
                    long_at(p, from + i) <= hi;
        if (weir_bit(bits, i) != want) {
            fail_msg("row %u of [%u, +%u), range [%lld, %lld]: %d", i, from, n, (long long)lo,
                     (long long)hi, !want);
        }
    }
}

static void check_sum(const plain *p, const weir_encoded *enc, uint32_t from, uint32_t n)
{
    uint64_t sum_l = 0;
    long double sum_d = 0, magnitude = 0;
    uint32_t count = 0, got_count = 0;
    int64_t got_l = 0;
    double got_d = 0;
    for (uint32_t row = from; row < from + n; row++) {
        if (is_null(p, row)) {
            continue;
        }
        count++;
        if (p->kind == WEIR_VALUE_LONGS) {
            sum_l += (uint64_t)p->longs[row];
        } else {
            double x = p->kind == WEIR_VALUE_DOUBLES ? p->doubles[row] : (double)p->floats[row];
            sum_d += (long double)x;
            magnitude += fabsl((long double)x);
        }
    }
    weir_encoded_sum(enc, from, n, &got_l, &got_d, &got_count);
    assert_int_equal(got_count, count);
    if (p->kind == WEIR_VALUE_LONGS) {
        assert_true((uint64_t)got_l == sum_l);
    } else if (isfinite((double)sum_d) && isfinite((double)magnitude)) {
        if (!(fabsl((long double)got_d - sum_d) <= magnitude * 1e-12L)) {
            fail_msg("sum of [%u, +%u) is %.17g, not %.17Lg", from, n, got_d, sum_d);
        }
    } else if (isnan((double)sum_d)) {
        assert_true(isnan(got_d));
    }
}

static void check_zone(const plain *p, const weir_zone *zone)
{
    uint32_t nulls = 0;
    bool any = false, nan = false;
    int64_t min_l = INT64_MAX, max_l = INT64_MIN;
    double min_d = INFINITY, max_d = -INFINITY;
    for (uint32_t row = 0; row < p->n; row++) {
        if (is_null(p, row)) {
            nulls++;
        } else if (p->kind == WEIR_VALUE_IDS || p->kind == WEIR_VALUE_LONGS) {
            int64_t v = long_at(p, row);
            any = true;
            min_l = v < min_l ? v : min_l;
            max_l = v > max_l ? v : max_l;
        } else {
            double v = p->kind == WEIR_VALUE_DOUBLES ? p->doubles[row] : (double)p->floats[row];
            nan |= isnan(v);
            any |= !isnan(v);
            min_d = v < min_d ? v : min_d;
            max_d = v > max_d ? v : max_d;
        }
    }
    assert_int_equal(zone->null_count, nulls);
    assert_int_equal(zone->has_range, any);
    assert_int_equal(zone->has_nan, nan);
    if (any && p->kind == WEIR_VALUE_IDS) {
        assert_true(zone->min.id == min_l && zone->max.id == max_l);
    } else if (any && p->kind == WEIR_VALUE_LONGS) {
        assert_true(zone->min.l == min_l && zone->max.l == max_l);
    } else if (any) {
        assert_true(zone->min.d == min_d && zone->max.d == max_d);
    }
}

/* Everything about one array; returns the form that was chosen. */
static weir_encoding round_trip(const plain *p)
{
    weir_buf buf = {0};
    weir_zone zone, again;
    weir_encoded enc;
    weir_scratch s = {0};
    encode(p, &buf, &zone);
    assert_true(weir_encoded_open(weir_buf_view(&buf), p->kind, p->n, &enc));
    assert_int_equal(enc.size, buf.size);
    check_zone(p, &zone);
    weir_encoded_zone(&enc, &again);
    check_zone(p, &again);
    for (int turn = 0; turn < 12; turn++) {
        uint32_t from = below(p->n), n = 1 + below(p->n - from < 4096 ? p->n - from : 4096);
        if (turn == 0) {
            from = 0, n = p->n < 4096 ? p->n : 4096;
        } else if (turn == 1) {
            n = 1, from = p->n - 1;
        } else if (turn % 3 == 0) {
            from = from / 1024 * 1024, n = p->n - from < 4096 ? p->n - from : 4096;
        }
        weir_mark mark = weir_scratch_mark(&s);
        check_read(p, &enc, from, n, turn & 1, &s);
        weir_scratch_rewind(&s, mark);
        if (p->kind != WEIR_VALUE_IDS) {
            check_sum(p, &enc, from, n);
        }
        if (p->kind == WEIR_VALUE_IDS || p->kind == WEIR_VALUE_LONGS) {
            uint32_t block = from / 1024 * 1024, rows = p->n - block < 4096 ? p->n - block : 4096;
            int64_t a = long_at(p, below(p->n)), b = long_at(p, below(p->n));
            check_range(p, &enc, block, rows, a < b ? a : b, a < b ? b : a);
            check_range(p, &enc, block, n < rows ? n : rows, a, a);
            check_range(p, &enc, block, rows, INT64_MIN, b);
            check_range(p, &enc, block, rows, a, INT64_MAX);
            check_range(p, &enc, block, rows, INT64_MIN, INT64_MAX);
            check_range(p, &enc, block, rows, 5, 4);
        }
        check_gather(p, &enc, turn < 4 ? 3 : 700, &s);
        weir_scratch_rewind(&s, mark);
    }
    if (p->kind != WEIR_VALUE_IDS) {
        check_sum(p, &enc, 0, p->n);
    } else {
        uint32_t max = 0, *out = malloc(p->n * sizeof(*out));
        weir_encoded_ids(&enc, 0, p->n, out);
        for (uint32_t i = 0; i < p->n; i++) {
            max = p->ids[i] > max ? p->ids[i] : max;
        }
        assert_memory_equal(out, p->ids, p->n * sizeof(*out));
        assert_true(max == UINT32_MAX || weir_encoded_ids_below(&enc, max + 1));
        assert_false(weir_encoded_ids_below(&enc, max));
        free(out);
    }
    for (size_t cut = 0; cut < buf.size; cut += 1 + cut / 7) { /* cut anywhere, it is refused */
        weir_encoded other;
        assert_false(weir_encoded_open((weir_str){buf.at, cut}, p->kind, p->n, &other));
    }
    weir_scratch_done(&s);
    weir_buf_done(&buf);
    return (weir_encoding)enc.form;
}

static const uint32_t sizes[] = {1,    2,    31,   63,   64,   65,    1000,
                                 1023, 1024, 1025, 2049, 5000, 65535, 65536};
enum { SIZES = sizeof(sizes) / sizeof(*sizes) };

static uint64_t *random_nulls(uint32_t n, uint32_t one_in)
{
    uint64_t *nulls = calloc(weir_words(n) + 1, 8);
    for (uint32_t i = 0; i < n; i++) {
        if (below(one_in) == 0) {
            weir_bit_set(nulls, i);
        }
    }
    if (n % 64) { /* what lies behind the last row does not matter */
        nulls[n / 64] |= UINT64_MAX << (n % 64);
    }
    return nulls;
}

static void longs_of_every_width_come_back(void **state)
{
    (void)state;
    seed = 11;
    int64_t *v = malloc(65536 * sizeof(*v));
    for (unsigned width = 0; width <= 64; width++) {
        uint32_t n = sizes[(width + 5) % SIZES];
        uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1, base = next_random();
        for (uint32_t i = 0; i < n; i++) {
            v[i] = (int64_t)(base + (next_random() & mask));
        }
        round_trip(&(plain){.kind = WEIR_VALUE_LONGS, .n = n, .longs = v});
        uint64_t *nulls = random_nulls(n, 1 + below(6));
        round_trip(&(plain){.kind = WEIR_VALUE_LONGS, .n = n, .longs = v, .nulls = nulls});
        free(nulls);
    }
    free(v);
}

static void longs_of_every_size_and_shape_choose_their_form(void **state)
{
    (void)state;
    seed = 12;
    int64_t *v = malloc(65536 * sizeof(*v));
    bool seen[4] = {false};
    for (uint32_t k = 0; k < SIZES; k++) {
        for (int shape = 0; shape < 7; shape++) {
            uint32_t n = sizes[k];
            int64_t value = (int64_t)next_random();
            for (uint32_t i = 0; i < n; i++) {
                switch (shape) {
                case 0: /* one value */
                    break;
                case 1: /* long runs */
                    value = below(500) == 0 ? (int64_t)next_random() : value;
                    break;
                case 2: /* days in ms */
                    value = INT64_C(1000000000000) / 86400000 * 86400000 +
                            (int64_t)below(2000) * 86400000;
                    break;
                case 3: /* extremes */
                    value = i % 3 == 0 ? INT64_MIN : i % 3 == 1 ? INT64_MAX : (int64_t)below(5) - 2;
                    break;
                case 4: /* multiples of a huge step */
                    value = (int64_t)(below(7) * (UINT64_C(1) << 60));
                    break;
                case 5: /* noise */
                    value = (int64_t)next_random();
                    break;
                case 6: /* a few outliers */
                    value = below(1000) == 0 ? (int64_t)next_random() : (int64_t)below(100);
                    break;
                }
                v[i] = value;
            }
            seen[round_trip(&(plain){.kind = WEIR_VALUE_LONGS, .n = n, .longs = v})] = true;
            uint64_t *nulls = random_nulls(n, 3);
            seen[round_trip(
                &(plain){.kind = WEIR_VALUE_LONGS, .n = n, .longs = v, .nulls = nulls})] = true;
            memset(nulls, 0xFF, weir_words(n) * 8);
            assert_int_equal(
                round_trip(&(plain){.kind = WEIR_VALUE_LONGS, .n = n, .longs = v, .nulls = nulls}),
                WEIR_ENC_CONST);
            free(nulls);
        }
    }
    assert_true(seen[WEIR_ENC_CONST] && seen[WEIR_ENC_PACKED] && seen[WEIR_ENC_RUNS] &&
                seen[WEIR_ENC_RAW]);
    free(v);
}

static void ids_come_back_and_id_0_is_null(void **state)
{
    (void)state;
    seed = 13;
    uint32_t *v = malloc(200000 * sizeof(*v));
    bool seen[4] = {false};
    for (uint32_t k = 0; k <= SIZES; k++) {
        for (int shape = 0; shape < 6; shape++) {
            uint32_t n = k < SIZES ? sizes[k] : 200000,
                     value = below(1000); /* items of a multi-value chunk may be many */
            for (uint32_t i = 0; i < n; i++) {
                value = shape == 0   ? value
                        : shape == 1 ? below(300) ? value : below(50)
                        : shape == 2 ? below(3)
                        : shape == 3 ? 100000 + below(3000)
                        : shape == 4 ? (uint32_t)next_random()
                                     : 0;
                v[i] = value;
            }
            seen[round_trip(&(plain){.kind = WEIR_VALUE_IDS, .n = n, .ids = v})] = true;
        }
    }
    assert_true(seen[WEIR_ENC_CONST] && seen[WEIR_ENC_PACKED] && seen[WEIR_ENC_RUNS]);
    free(v);
}

static double random_double(int shape, uint32_t i, double last)
{
    static const double odd[] = {0.0,       -0.0,     INFINITY,
                                 -INFINITY, NAN,      1e300,
                                 -1e300,    4.9e-324, 1.7976931348623157e308,
                                 1.0 / 3.0, 1e15,     9007199254740993.0,
                                 0x1p50,    -0x1p50,  0.1,
                                 1e-15};
    uint64_t bits = next_random();
    double any;
    memcpy(&any, &bits, sizeof(any));
    switch (shape) {
    case 0:
        return last;
    case 1:
        return (double)below(10000000) / 100; /* prices */
    case 2:
        return (double)(int32_t)next_random();
    case 3:
        return odd[below(sizeof(odd) / sizeof(*odd))];
    case 4:
        return any;
    case 5:
        return i % 1000 == 999 ? -0.0 : (double)below(100);
    case 6:
        return below(400) ? last : (double)below(1000) / 1000;
    default:
        return (double)below(1000) * 0x1p40;
    }
}

static void doubles_come_back_to_the_last_bit(void **state)
{
    (void)state;
    seed = 14;
    double *v = malloc(65536 * sizeof(*v));
    float *f = malloc(65536 * sizeof(*f));
    bool seen[4] = {false}, seen_f[4] = {false};
    for (uint32_t k = 0; k < SIZES; k++) {
        for (int shape = 0; shape < 8; shape++) {
            uint32_t n = sizes[k];
            double value = k % 3 == 0 ? (double)below(100) / 10 : k % 3 == 1 ? (double)NAN : -0.0;
            for (uint32_t i = 0; i < n; i++) {
                value = random_double(shape, i, value);
                v[i] = value;
                f[i] = fabs(value) < 1e38 || !isfinite(value) ? (float)value : 3;
            }
            uint64_t *nulls = random_nulls(n, 4);
            seen[round_trip(&(plain){.kind = WEIR_VALUE_DOUBLES, .n = n, .doubles = v})] = true;
            seen[round_trip(
                &(plain){.kind = WEIR_VALUE_DOUBLES, .n = n, .doubles = v, .nulls = nulls})] = true;
            seen_f[round_trip(&(plain){.kind = WEIR_VALUE_FLOATS, .n = n, .floats = f})] = true;
            seen_f[round_trip(
                &(plain){.kind = WEIR_VALUE_FLOATS, .n = n, .floats = f, .nulls = nulls})] = true;
            memset(nulls, 0xFF, weir_words(n) * 8);
            round_trip(&(plain){.kind = WEIR_VALUE_DOUBLES, .n = n, .doubles = v, .nulls = nulls});
            round_trip(&(plain){.kind = WEIR_VALUE_FLOATS, .n = n, .floats = f, .nulls = nulls});
            free(nulls);
        }
    }
    for (int form = 0; form < 4; form++) {
        assert_true(seen[form] && seen_f[form]);
    }
    free(v);
    free(f);
}

static void prices_are_kept_as_decimals_and_handed_out_scaled(void **state)
{
    (void)state;
    double v[100] = {19.99, 0.05, 1234.5};
    weir_buf buf = {0};
    weir_scratch s = {0};
    weir_encoded enc;
    weir_vec vec;
    weir_encode_doubles(v, NULL, 100, &buf, NULL);
    assert_true(weir_encoded_open(weir_buf_view(&buf), WEIR_VALUE_DOUBLES, 100, &enc));
    weir_encoded_read(&enc, 0, 3, true, &s, &vec);
    assert_int_equal(vec.form, WEIR_SCALED);
    assert_int_equal(vec.scale, 2);
    assert_int_equal(vec.at.l[0], 1999);
    assert_int_equal(vec.at.l[2], 123450);
    weir_encoded_read(&enc, 0, 3, false, &s, &vec);
    assert_int_equal(vec.form, WEIR_FLAT);
    assert_true(vec.at.d[0] == 19.99 && vec.at.d[1] == 0.05);
    weir_scratch_done(&s);
    weir_buf_done(&buf);
}

/* Bytes that were tampered with may give other values, but never others' memory (run under ASan).
 */
static void flipped_bytes_are_refused_or_stay_inside(void **state)
{
    (void)state;
    seed = 15;
    enum { N = 1300 };
    uint32_t ids[N];
    int64_t longs[N];
    double doubles[N];
    float floats[N];
    for (int shape = 0; shape < 3; shape++) {
        for (uint32_t i = 0; i < N; i++) {
            ids[i] = shape == 0 ? below(50) : i / 400;
            longs[i] = shape == 0   ? (int64_t)below(1000) * 60000
                       : shape == 1 ? i / 200
                                    : (int64_t)next_random();
            doubles[i] = shape == 0   ? below(1000) / 100.0
                         : shape == 1 ? i / 300
                                      : (double)longs[i] / 3;
            floats[i] = (float)doubles[i];
        }
        uint64_t *nulls = random_nulls(N, 4);
        const plain all[] = {
            {.kind = WEIR_VALUE_IDS, .n = N, .ids = ids},
            {.kind = WEIR_VALUE_LONGS, .n = N, .longs = longs, .nulls = nulls},
            {.kind = WEIR_VALUE_DOUBLES, .n = N, .doubles = doubles, .nulls = nulls},
            {.kind = WEIR_VALUE_FLOATS, .n = N, .floats = floats}};
        for (int k = 0; k < 4; k++) {
            weir_buf buf = {0};
            weir_scratch s = {0};
            encode(&all[k], &buf, NULL);
            for (size_t at = 0; at < buf.size; at++) {
                char *copy = malloc(buf.size); /* exactly as large: ASan sees any step beside it */
                memcpy(copy, buf.at, buf.size);
                copy[at < 600 ? at % buf.size : next_random() % buf.size] ^= (char)(1 << below(8));
                weir_encoded enc;
                if (weir_encoded_open((weir_str){copy, buf.size}, all[k].kind, N, &enc)) {
                    weir_vec vec;
                    uint16_t rows[] = {3, 900, 901, 1299, 65535, 7};
                    uint64_t bits[(N + 63) / 64];
                    int64_t l;
                    double d;
                    uint32_t count;
                    weir_mark mark = weir_scratch_mark(&s);
                    weir_encoded_read(&enc, 0, N, true, &s, &vec);
                    weir_encoded_gather(&enc, rows, 6, &s, &vec);
                    if (all[k].kind <= WEIR_VALUE_LONGS) {
                        weir_encoded_range(&enc, 0, N, 3, 400, bits);
                    }
                    if (all[k].kind != WEIR_VALUE_IDS) {
                        weir_encoded_sum(&enc, 1, N - 1, &l, &d, &count);
                    } else {
                        weir_encoded_ids_below(&enc, 50);
                    }
                    weir_scratch_rewind(&s, mark);
                }
                free(copy);
            }
            weir_scratch_done(&s);
            weir_buf_done(&buf);
        }
        free(nulls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longs_of_every_width_come_back),
        cmocka_unit_test(longs_of_every_size_and_shape_choose_their_form),
        cmocka_unit_test(ids_come_back_and_id_0_is_null),
        cmocka_unit_test(doubles_come_back_to_the_last_bit),
        cmocka_unit_test(prices_are_kept_as_decimals_and_handed_out_scaled),
        cmocka_unit_test(flipped_bytes_are_refused_or_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
