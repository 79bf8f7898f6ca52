/* tests/unit/segments/live_helper.h - the slow twin of a live segment: rows as arrays of
 * weir_value, and events drawn from a seed. */
#ifndef TESTS_LIVE_HELPER_H
#define TESTS_LIVE_HELPER_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "weir/realtime.h"

typedef struct twin_column {
    weir_str name;
    weir_kind kind;
    uint8_t multi; /* weir_multi */
    bool metric, declared;
    uint32_t cardinality; /* of drawn values */
    uint32_t lists;       /* of 100 values, how many are lists (strings) */
    uint32_t nulls;       /* of 100 values, how many are null */
    uint32_t others;      /* of 100 batches, how many hold values of another kind */
    uint32_t from_batch;  /* first seen in this batch */
} twin_column;

typedef struct twin_row {
    int64_t time;
    uint8_t source;
    uint64_t events;
    weir_value *values; /* by column */
} twin_row;

typedef struct twin {
    weir_arena *arena;
    uint64_t seed;
    const twin_column *columns;
    uint32_t column_count, batch;
    uint32_t row_count, row_capacity;
    twin_row *rows;
    int64_t now, step,
        jitter; /* times: now grows by up to step a row, events are up to jitter late */
} twin;

uint64_t twin_random(twin *t);
uint32_t twin_below(twin *t, uint32_t n);
twin *twin_new(uint64_t seed, const twin_column *columns, uint32_t column_count);
void twin_free(twin *t);
/* A schema of the declared columns. Dimensions first, then metrics: longSum or doubleSum of
 * themselves, "any" for strings. */
weir_schema *twin_schema(const twin *t, bool rollup, weir_granularity query_granularity);
/* Draws n events, keeps them as rows and appends them. */
void twin_append(twin *t, weir_realtime *rt, uint32_t n, uint8_t source);
/* Every row of `rows` equals the twin's, in order, in every way that it can be read. */
void twin_check_rows(twin *t, weir_rows *rows);
/* Value of `column` for a row of rows; lists of one are plain. In `arena`. */
weir_value twin_read(weir_rows *rows, weir_str column, uint32_t chunk, uint32_t row,
                     weir_arena *arena);
bool twin_equal(const weir_value *a, const weir_value *b);
/* Text that is equal when the values are; for sorting and maps. */
weir_str twin_text(weir_arena *arena, const weir_value *value);
/* Naive group-by over time, (source,) and dimensions; metrics added up. A new twin in order of
 * first rows. */
twin *twin_rolled_up(const twin *t, bool by_source, const weir_mask *masked, int64_t truncate_ms);
#endif
