/* compute/memory.h - budgets, pages, scratch and heaps: the only memory that a running query takes in bulk.
 * A query has a weir_ctl: its budget, deadline and cancel flag in one place, looked at once per block. */
#ifndef COMPUTE_MEMORY_H
#define COMPUTE_MEMORY_H
#include <stdatomic.h>
#include "weir/arena.h"
#include "weir/clock.h"
#include "weir/error.h"

/* Counts bytes against a limit, and against its parents'. Thread-safe. */
typedef struct weir_budget {
    struct weir_budget *parent; /* NULL: none */
    const char *name;           /* for the error: "query", "process" */
    size_t limit_bytes;         /* 0: no limit */
    _Atomic size_t used_bytes, peak_bytes;
} weir_budget;

bool weir_budget_take(weir_budget *budget, size_t bytes, weir_error *err); /* RESOURCE error when over; nothing is taken then */
void weir_budget_force(weir_budget *budget, size_t bytes); /* always counts; weir_ctl_check sees the excess at the block's end */
void weir_budget_give(weir_budget *budget, size_t bytes);
bool weir_budget_is_over(const weir_budget *budget);

/* Why a query must end; the first reason stays. */
typedef enum weir_stop { WEIR_GO, WEIR_STOP_CANCEL, WEIR_STOP_DEADLINE, WEIR_STOP_MEMORY, WEIR_STOP_FAILED } weir_stop;
typedef struct weir_ctl {
    _Atomic uint32_t stop; /* weir_stop */
    weir_budget budget;
    const weir_clock *clock;
    int64_t deadline_us; /* monotonic; 0: none */
} weir_ctl;
/* Once per block of 4,096 rows in every loop. False, with the error of the reason, when the query must end. */
bool weir_ctl_check(weir_ctl *ctl, weir_error *err);
void weir_ctl_cancel(weir_ctl *ctl); /* any thread */

/* Pages of 64 KiB, 256 KiB, 1 MiB, 2 MiB, or a multiple of 2 MiB, kept warm in one process-wide pool.
 * `size` is rounded up in place. Never NULL: charge the budget first (take or force). Any thread. */
void *weir_page_take(size_t *size_bytes);
void weir_page_give(void *page, size_t size_bytes);
size_t weir_page_pooled_bytes(void);
void weir_page_trim(void); /* gives pooled pages back to the system */
void weir_page_trim_to(size_t most_bytes); /* those beyond that, large ones first */

/* A bump allocator of one worker for the life of a block: take freely, rewind to a mark. Never fails (budget is forced). */
typedef struct weir_scratch {
    weir_budget *budget; /* NULL: uncounted */
    struct weir_scratch_page *first, *current;
    size_t used_bytes; /* of the current page */
} weir_scratch;
typedef struct weir_mark {
    struct weir_scratch_page *page;
    size_t used_bytes;
} weir_mark;
void *weir_scratch_take(weir_scratch *s, size_t size_bytes); /* 32-byte aligned, not zeroed */
#define WEIR_SCRATCH_ARRAY(s, type, count) ((type *)weir_scratch_take((s), sizeof(type) * (size_t)(count)))
weir_mark weir_scratch_mark(const weir_scratch *s);
void weir_scratch_rewind(weir_scratch *s, weir_mark mark);
void weir_scratch_done(weir_scratch *s); /* gives all pages back */

/* Growing states (sketches, sets, strings, arrays) of one worker: a state holds a 64-bit handle, 0 is none.
 * Frees whole; weir_heap_resize may move the bytes (ask weir_heap_at again). Budget is forced. */
typedef struct weir_heap weir_heap;
weir_heap *weir_heap_new(weir_budget *budget);
void weir_heap_free(weir_heap *heap);
uint64_t weir_heap_put(weir_heap *heap, const void *bytes, size_t size_bytes); /* bytes NULL: zeroed */
uint64_t weir_heap_resize(weir_heap *heap, uint64_t handle, size_t size_bytes); /* keeps the common prefix, zeroes the rest; handle 0: new */
void weir_heap_drop(weir_heap *heap, uint64_t handle);
void *weir_heap_at(const weir_heap *heap, uint64_t handle);
/* Memory that belongs to `key` (what a dictionary's ids became, say): zeroed when it is new or asked for in another size, kept until the
 * heap goes or WEIR_HEAP_KEPT others were asked for since. */
void *weir_heap_keyed(weir_heap *heap, uint64_t key, size_t size_bytes);
#define WEIR_HEAP_KEPT 8u
void *weir_heap_keyed_find(weir_heap *heap, uint64_t key, size_t size_bytes); /* if it is there; else NULL, nothing is made */
void weir_heap_keyed_drop(weir_heap *heap, uint64_t key, size_t size_bytes);  /* makes room for others */
size_t weir_heap_size(const weir_heap *heap, uint64_t handle);
#endif
