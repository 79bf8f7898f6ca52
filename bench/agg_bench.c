/* bench/agg_bench.c - ns a row of sums, minima, means, first and cardinality over one block of
 * 4,096 seeded random rows: one group by the form of the selection, and many groups. Then time
 * buckets, text to numbers and weir_ctl_check. Medians of 15 rounds. Compare with
 * docs/BENCHMARKS.md. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "compute/agg.h"
#include "compute/calendar.h"

enum { ROWS = 4096, ROUNDS = 15, REPEAT = 200, MOST_GROUPS = 200000 };

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

/* Median ns a row of BODY. */
#define MEASURE(ns, repeat, rows, BODY)                                                            \
    do {                                                                                           \
        double took[ROUNDS];                                                                       \
        for (int round = 0; round < ROUNDS; round++) {                                             \
            double start = now_ns();                                                               \
            for (int again = 0; again < (repeat); again++) {                                       \
                BODY;                                                                              \
            }                                                                                      \
            took[round] = (now_ns() - start) / (repeat) / (rows);                                  \
        }                                                                                          \
        qsort(took, ROUNDS, sizeof(*took), by_size);                                               \
        (ns) = took[ROUNDS / 2];                                                                   \
    } while (0)

typedef struct words { /* a dictionary of "word N" */
    weir_dict dict;
    const weir_str *values;
} words;

static bool word_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                        weir_str *out, weir_error *err)
{
    (void)s, (void)err;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = ((const words *)(const void *)dict)->values[ids[i]];
    }
    return true;
}

static weir_vec make_column(weir_arena *arena, weir_kind kind, bool scaled, bool nulls,
                            uint32_t words_count)
{
    static const weir_dict_ops ops = {word_values, NULL, NULL};
    weir_vec vec = {.type = WEIR_TYPE((uint8_t)kind),
                    .form = scaled ? WEIR_SCALED : WEIR_FLAT,
                    .scale = scaled ? 2 : 0,
                    .n = ROWS};
    int64_t *l = WEIR_ARENA_ARRAY(arena, int64_t, ROWS);
    double *d = (double *)l;
    float *f = (float *)(void *)l;
    uint64_t *bits = WEIR_ARENA_ARRAY(arena, uint64_t, ROWS / 64);
    for (uint32_t i = 0; i < ROWS; i++) {
        int64_t value = (int64_t)(next_random() % 10000000);
        if (kind == WEIR_LONG || scaled) {
            l[i] = value;
        } else if (kind == WEIR_DOUBLE) {
            d[i] = (double)value / 100;
        } else {
            f[i] = (float)value / 100;
        }
        if (next_random() % 10 == 0) {
            weir_bit_set(bits, i);
        }
    }
    vec.at.l = l;
    vec.nulls = nulls ? bits : NULL;
    if (kind == WEIR_STRING) {
        words *dict = WEIR_ARENA_NEW(arena, words);
        weir_str *values = WEIR_ARENA_ARRAY(arena, weir_str, words_count + 1);
        uint32_t *ids = (uint32_t *)(void *)l;
        for (uint32_t i = 1; i <= words_count; i++) {
            values[i] = weir_arena_printf(arena, "word %u", i);
        }
        for (uint32_t i = 0; i < ROWS; i++) {
            ids[i] = (uint32_t)(next_random() % words_count) + 1;
        }
        *dict = (words){{.ops = &ops, .count = words_count + 1, .uid = words_count}, values};
        vec.form = WEIR_DICT;
        vec.dict = &dict->dict;
        vec.nulls = NULL;
    }
    return vec;
}

static weir_sel share_of(weir_arena *arena, double share, bool list)
{
    uint64_t *bits = WEIR_ARENA_ARRAY(arena, uint64_t, ROWS / 64);
    for (uint32_t i = 0; i < ROWS; i++) {
        if ((double)(next_random() >> 11) < share * 9007199254740992.0) {
            weir_bit_set(bits, i);
        }
    }
    weir_sel sel = weir_sel_of_bits(bits, ROWS);
    if (list && sel.kind == WEIR_SEL_BITS) {
        weir_scratch s = {0};
        uint16_t *rows = WEIR_ARENA_ARRAY(arena, uint16_t, sel.count);
        memcpy(rows, weir_sel_rows(&sel, &s), sel.count * sizeof(*rows));
        weir_scratch_done(&s);
        return (weir_sel){.kind = WEIR_SEL_LIST, .n = ROWS, .count = sel.count, .rows = rows};
    }
    return sel;
}

static void bind(weir_arena *arena, const char *type, const char *fields, const weir_type *types,
                 weir_agg_bound *out)
{
    char text[200];
    weir_agg_spec *spec = WEIR_ARENA_NEW(arena, weir_agg_spec);
    weir_error err = {0};
    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"name\":\"x\",%s}", type, fields);
    json_t *json = json_loads(text, 0, NULL);
    if (!weir_agg_spec_parse(json, "", arena, spec, &err) ||
        !weir_agg_bind(spec, types, arena, out, &err)) {
        fprintf(stderr, "%s: %s\n", text, err.message);
        exit(1);
    }
    json_decref(json);
}

/* One aggregator over one kind of column: a line of ns a row of the block. */
static void bench_agg(const char *type, const char *fields, weir_kind kind, bool scaled, bool nulls,
                      uint32_t words_count)
{
    static const uint32_t group_counts[] = {6, 2500, MOST_GROUPS};
    static const double shares[] = {0.01, 0.1, 0.5};
    weir_arena *arena = weir_arena_new();
    weir_scratch s = {0};
    weir_heap *heap = weir_heap_new(NULL);
    weir_agg_bound b;
    weir_vec args[2] = {make_column(arena, kind, scaled, nulls, words_count),
                        make_column(arena, WEIR_LONG, false, false, 0)};
    weir_type types[2] = {args[0].type, args[1].type};
    double ns;
    bind(arena, type, fields, types, &b);
    printf("%-12s %-6s%-7s%-6s", type,
           kind == WEIR_LONG     ? "long"
           : kind == WEIR_DOUBLE ? "double"
           : kind == WEIR_FLOAT  ? "float"
                                 : "string",
           scaled ? "scaled" : "", nulls ? "nulls" : "");
    uint64_t state[8] = {0};
    b.agg->init(&b, state);
    weir_sel all = weir_sel_all(ROWS);
    MEASURE(ns, REPEAT, ROWS, {
        b.agg->add_one(&b, heap, state, args, &all, &s);
        weir_scratch_rewind(&s, (weir_mark){0});
    });
    printf(" all %6.3f", ns);
    for (int form = 0; form < 2; form++) {
        for (int i = 0; i < 3; i++) {
            weir_sel sel = share_of(arena, shares[i], form == 0);
            MEASURE(ns, REPEAT, ROWS, {
                b.agg->add_one(&b, heap, state, args, &sel, &s);
                weir_scratch_rewind(&s, (weir_mark){0});
            });
            printf("%s%6.3f", i ? " " : form ? "  bits " : "  rows ", ns);
        }
    }
    size_t states_bytes = (size_t)MOST_GROUPS * b.state_size;
    char *states = memset(weir_page_take(&states_bytes), 0, (size_t)MOST_GROUPS * b.state_size);
    uint32_t *groups = WEIR_ARENA_ARRAY(arena, uint32_t, ROWS * 16);
    for (int i = 0; i < 3; i++) {
        for (uint32_t k = 0; k < ROWS * 16; k++) {
            groups[k] = (uint32_t)(next_random() % group_counts[i]);
        }
        for (uint32_t g = 0; g < group_counts[i]; g++) {
            b.agg->init(&b, states + g * b.state_size);
        }
        uint32_t turn = 0;
        MEASURE(ns, REPEAT, ROWS, {
            b.agg->add_many(&b, heap, states, b.state_size, groups + turn++ % 16 * ROWS, args, ROWS,
                            &s);
            weir_scratch_rewind(&s, (weir_mark){0});
        });
        printf("%s%6.2f", i ? " " : "  groups 6, 2,500, 200,000: ", ns);
    }
    printf("\n");
    weir_page_give(states, states_bytes);
    weir_heap_free(heap);
    weir_scratch_done(&s);
    weir_arena_free(arena);
}

static void bench_time(const char *period, const char *zone, bool sorted)
{
    static int64_t times[ROWS], out[ROWS];
    weir_granularity g;
    weir_scratch s = {0};
    double ns;
    if (!weir_granularity_period(weir_str_of(period), weir_str_of(zone), NULL, &g, NULL)) {
        exit(1);
    }
    for (uint32_t i = 0; i < ROWS; i++) { /* 30 days of 2015 */
        times[i] = 1442016000000 +
                   (sorted ? (int64_t)i * 1265625 : (int64_t)(next_random() % 5184000000u));
    }
    MEASURE(ns, REPEAT / 4, ROWS, weir_granularity_floor_many(&g, times, ROWS, out, &s));
    printf("floor %-6s %-17s %-7s %.3f\n", period, zone, sorted ? "sorted" : "random", ns);
    weir_scratch_done(&s);
}

int main(void)
{
    static const char column[] = "\"fieldName\":\"c\"";
    printf("ns a row of a block of %d; rows and bits: 1 %%, 10 %%, 50 %% selected\n", ROWS);
    bench_agg("count", "\"x\":0", WEIR_LONG, false, false, 0);
    bench_agg("longSum", column, WEIR_LONG, false, false, 0);
    bench_agg("longSum", column, WEIR_LONG, false, true, 0);
    bench_agg("doubleSum", column, WEIR_DOUBLE, false, false, 0);
    bench_agg("doubleSum", column, WEIR_DOUBLE, true, false, 0);
    bench_agg("doubleSum", column, WEIR_DOUBLE, true, true, 0);
    bench_agg("floatSum", column, WEIR_FLOAT, false, false, 0);
    bench_agg("longMax", column, WEIR_LONG, false, false, 0);
    bench_agg("doubleMin", column, WEIR_DOUBLE, false, false, 0);
    bench_agg("doubleMin", column, WEIR_DOUBLE, true, false, 0);
    bench_agg("doubleMean", column, WEIR_DOUBLE, true, false, 0);
    bench_agg("longFirst", column, WEIR_LONG, false, false, 0);
    bench_agg("stringLast", column, WEIR_STRING, false, false, 1000);
    bench_agg("cardinality", "\"fields\":[\"c\"]", WEIR_STRING, false, false, 50);
    bench_agg("cardinality", "\"fields\":[\"c\"]", WEIR_STRING, false, false, 100000);
    bench_agg("cardinality", "\"fields\":[\"c\"]", WEIR_LONG, false, false, 0);
    bench_time("PT1H", "UTC", true);
    bench_time("PT1H", "UTC", false);
    bench_time("P1D", "America/New_York", true);
    bench_time("P1D", "America/New_York", false);
    bench_time("PT1M", "Europe/Paris", false);
    bench_time("P1D", "Europe/Paris", false);
    bench_time("P1D", "Europe/Paris", true);
    bench_time("P1W", "Europe/Paris", false);
    bench_time("P1M", "UTC", false);
    bench_time("P1M", "UTC", true);
    weir_ctl ctl = {.clock = &weir_clock_system, .deadline_us = INT64_MAX};
    double ns;
    MEASURE(ns, 10000, 1, weir_ctl_check(&ctl, NULL));
    printf("weir_ctl_check with a deadline %.1f ns\n", ns);
    return 0;
}
