/* tests/unit/query/run_helper.h - what tests of the runner share: a random table, its rows as segments of every kind, running a plan and waiting
 * for its rows, and comparing with the twin. */
#ifndef TESTS_RUN_HELPER_H
#define TESTS_RUN_HELPER_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "query/native.h"
#include "query/run.h"
#include "query/table_rows.h"
#include "ref/ref.h"
#include "weir/realtime.h"

uint64_t draw(uint64_t *seed);
uint32_t draw_below(uint64_t *seed, uint32_t n);

typedef enum source_kind { SOURCE_MEMORY, SOURCE_LIVE, SOURCE_ENDED, SOURCE_FROZEN, SOURCE_MIXED, SOURCE_MANY, SOURCE_KINDS } source_kind;
extern const char *const source_names[SOURCE_KINDS];

typedef struct fixture {
    weir_arena *arena;
    weir_sched *sched;
    ref_table table;   /* "t" */
    weir_view view;
    weir_view *views[1];
    weir_table_rows *memory[64];
    uint32_t memory_count;
    weir_realtime *live[64];
    uint32_t live_count;
    weir_budget budget;
    weir_scratch scratch;
} fixture;
/* Columns: __time (sorted or not), s1 (few values), s2 (many), mv (lists), l1 d1 f1 (nulls, d1 and f1 multiples of 1/4), l2 (no nulls), late (only in later rows).
 * Times within some days from 2024-03-09, where New York changes its clock. */
fixture *fixture_new(uint64_t *seed, uint32_t rows, source_kind kind, uint32_t workers);
void fixture_free(fixture *f);

/* The plan of a native query over the fixture's view; ' stands for ". Fails the test when it is refused. */
weir_native_query *query_of(fixture *f, const char *json);
/* Runs and waits. */
bool run_plan(fixture *f, const weir_plan *plan, const weir_run_options *options, weir_ctl *ctl, ref_rows *out, weir_error *err);
weir_ctl ctl_of(size_t budget_bytes);
/* Both must have the same rows: in the same order, or in any. Fails the test with `what` and both when not. */
void assert_same_rows(const ref_rows *got, const ref_rows *want, bool ordered, const char *what);
#endif
