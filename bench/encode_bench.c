/* bench/encode_bench.c - ns a row of packing, decoding, range and sum per width, over one chunk of
 * 65,536 seeded random values that stays in L2; then of the forms of longs, doubles and postings.
 * Medians of 15 rounds. Compare with docs/BENCHMARKS.md. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "segments/encode.h"
#include "segments/encode_pack.h"
#include "segments/postings.h"

enum { ROWS = 65536, ROUNDS = 15, REPEAT = 20 };

static uint64_t seed = 42;
static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static volatile uint64_t sink; /* so that nothing is optimised away */

/* Median ns a row of BODY over all rows. */
#define MEASURE(out, rows, BODY)                                                                   \
    do {                                                                                           \
        double times[ROUNDS];                                                                      \
        for (int round = 0; round < ROUNDS; round++) {                                             \
            double start = now_ns();                                                               \
            for (int repeat = 0; repeat < REPEAT; repeat++) {                                      \
                BODY;                                                                              \
            }                                                                                      \
            times[round] = (now_ns() - start) / REPEAT / (rows);                                   \
        }                                                                                          \
        qsort(times, ROUNDS, sizeof(*times), by_size);                                             \
        (out) = times[ROUNDS / 2];                                                                 \
    } while (0)

static void bench_ids(unsigned width)
{
    static uint32_t ids[ROWS], out[ROWS];
    static uint64_t bits[ROWS / 64];
    weir_buf buf = {0};
    weir_scratch s = {0};
    weir_encoded enc;
    weir_vec vec;
    double encode, plain, read, range, sum = 0;
    uint32_t mask = width == 32 ? UINT32_MAX : (1u << width) - 1;
    for (uint32_t i = 0; i < ROWS; i++) {
        ids[i] = (uint32_t)next_random() & mask;
    }
    MEASURE(encode, ROWS, (buf.size = 0, weir_encode_ids(ids, ROWS, &buf, NULL)));
    if (!weir_encoded_open(weir_buf_view(&buf), WEIR_VALUE_IDS, ROWS, &enc)) {
        abort();
    }
    uint8_t *packed = malloc(128 * 32 * 64 + 64);
    for (int b = 0; b < 64; b++) {
        weir_pack32(ids + b * 1024, width, packed + (size_t)b * 128 * width);
    }
    MEASURE(plain, ROWS,
            for (int b = 0; b < 64; b++)
                weir_unpack32(packed + (size_t)b * 128 * width, width, 0, out + b * 1024));
    MEASURE(sum, ROWS,
            for (int b = 0; b < 64; b++) sink +=
            weir_pack32_sum(packed + (size_t)b * 128 * width, width));
    MEASURE(
        read, ROWS, for (uint32_t from = 0; from < ROWS; from += 4096) {
            weir_mark mark = weir_scratch_mark(&s);
            weir_encoded_read(&enc, from, 4096, false, &s, &vec);
            sink += vec.at.ids[7];
            weir_scratch_rewind(&s, mark);
        });
    MEASURE(
        range, ROWS, for (uint32_t from = 0; from < ROWS; from += 4096) {
            weir_encoded_range(&enc, from, 4096, mask / 3, mask / 2, bits + from / 64);
            sink += bits[from / 64];
        });
    printf("| %2u | %.2f | %.3f | %.3f | %.3f | %.3f |\n", width, encode, plain, read, range, sum);
    free(packed);
    weir_scratch_done(&s);
    weir_buf_done(&buf);
}

static void bench_longs(unsigned width, int64_t step)
{
    static int64_t values[ROWS];
    static uint64_t bits[ROWS / 64];
    weir_buf buf = {0};
    weir_scratch s = {0};
    weir_encoded enc;
    weir_vec vec;
    double encode, read, range, sum, dummy = 0;
    int64_t total;
    uint32_t count;
    uint64_t mask = (UINT64_C(1) << width) - 1;
    for (uint32_t i = 0; i < ROWS; i++) {
        values[i] = INT64_C(-1000000) + (int64_t)(next_random() & mask) * step;
    }
    MEASURE(encode, ROWS, (buf.size = 0, weir_encode_longs(values, NULL, ROWS, &buf, NULL)));
    if (!weir_encoded_open(weir_buf_view(&buf), WEIR_VALUE_LONGS, ROWS, &enc)) {
        abort();
    }
    MEASURE(
        read, ROWS, for (uint32_t from = 0; from < ROWS; from += 4096) {
            weir_mark mark = weir_scratch_mark(&s);
            weir_encoded_read(&enc, from, 4096, false, &s, &vec);
            sink += (uint64_t)vec.at.l[7];
            weir_scratch_rewind(&s, mark);
        });
    MEASURE(
        range, ROWS, for (uint32_t from = 0; from < ROWS; from += 4096) {
            weir_encoded_range(&enc, from, 4096, 0, (int64_t)(mask / 2), bits + from / 64);
            sink += bits[from / 64];
        });
    MEASURE(
        sum, ROWS, for (uint32_t from = 0; from < ROWS; from += 4096) {
            weir_encoded_sum(&enc, from, 4096, &total, &dummy, &count);
            sink += (uint64_t)total;
        });
    printf("| %2u, step %lld, %s | %.2f | %.3f | %.3f | %.3f |\n", width, (long long)step,
           weir_encoding_name(enc.form), encode, read, range, sum);
    weir_scratch_done(&s);
    weir_buf_done(&buf);
}

static void bench_doubles(const char *what, int shape)
{
    static double values[ROWS];
    weir_buf buf = {0};
    weir_scratch s = {0};
    weir_encoded enc;
    weir_vec vec;
    double encode, read, scaled, sum, total = 0;
    int64_t unused;
    uint32_t count;
    for (uint32_t i = 0; i < ROWS; i++) {
        values[i] = shape == 0   ? (double)(next_random() % 10500000) / 100
                    : shape == 1 ? (double)(1 + next_random() % 50)
                                 : (double)next_random() / 3e7;
    }
    MEASURE(encode, ROWS, (buf.size = 0, weir_encode_doubles(values, NULL, ROWS, &buf, NULL)));
    if (!weir_encoded_open(weir_buf_view(&buf), WEIR_VALUE_DOUBLES, ROWS, &enc)) {
        abort();
    }
    for (int k = 0; k < 2; k++) {
        double *to = k ? &scaled : &read;
        MEASURE(
            *to, ROWS, for (uint32_t from = 0; from < ROWS; from += 4096) {
                weir_mark mark = weir_scratch_mark(&s);
                weir_encoded_read(&enc, from, 4096, k == 1, &s, &vec);
                sink += (uint64_t)vec.at.l[7];
                weir_scratch_rewind(&s, mark);
            });
    }
    MEASURE(
        sum, ROWS, for (uint32_t from = 0; from < ROWS; from += 4096) {
            weir_encoded_sum(&enc, from, 4096, &unused, &total, &count);
            sink += (uint64_t)total;
        });
    printf("| %s, %s%s | %.2f | %.3f | %.3f | %.3f |\n", what, enc.decimal ? "decimal " : "",
           weir_encoding_name(enc.form), encode, read, scaled, sum);
    weir_scratch_done(&s);
    weir_buf_done(&buf);
}

static void bench_postings(uint32_t cardinality)
{
    static uint32_t ids[ROWS];
    weir_buf buf = {0};
    weir_postings p;
    weir_posting posting;
    double build, check, find;
    for (uint32_t i = 0; i < ROWS; i++) {
        ids[i] = (uint32_t)(next_random() % cardinality);
    }
    MEASURE(build, 1000, (buf.size = 0, weir_postings_build(ids, NULL, NULL, ROWS, &buf)));
    if (!weir_postings_open(weir_buf_view(&buf), ROWS, &p)) {
        abort();
    }
    MEASURE(check, 1000, sink += weir_postings_check(&p, cardinality));
    MEASURE(
        find, 1000, for (uint32_t i = 0; i < 1000; i++) {
            weir_postings_find(&p, ids[i * 61], &posting);
            sink += posting.count;
        });
    printf("| %u | %.0f | %.0f | %.0f | %zu |\n", cardinality, build, check, find, buf.size / 1024);
    weir_buf_done(&buf);
}

int main(void)
{
    printf("ids, ns a row\n| width | encode | unpack | read 4,096 | range -> bits | sum "
           "|\n|---|---|---|---|---|---|\n");
    static const unsigned widths[] = {1, 2, 3, 4, 8, 12, 16, 18, 20, 24, 27, 28, 32};
    for (size_t i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
        bench_ids(widths[i]);
    }
    printf("\nlongs, ns a row\n| width | encode | read 4,096 | range -> bits | sum "
           "|\n|---|---|---|---|---|\n");
    bench_longs(8, 1);
    bench_longs(18, 1);
    bench_longs(12, 86400000);
    bench_longs(30, 1);
    bench_longs(40, 1);
    bench_longs(62, 1);
    printf("\ndoubles, ns a row\n| values | encode | read | read scaled | sum "
           "|\n|---|---|---|---|---|\n");
    bench_doubles("prices", 0);
    bench_doubles("quantities", 1);
    bench_doubles("noise", 2);
    printf("\npostings of a chunk\n| values | build us | check us | find ns | KiB "
           "|\n|---|---|---|---|---|\n");
    bench_postings(2);
    bench_postings(50);
    bench_postings(2500);
    bench_postings(20000);
    bench_postings(4000000);
    return 0;
}
