/* compute/memory.c - budgets, pages and scratch; heaps are in heap.c.
 * A fresh 4 KiB page costs 0.5 us to touch, more than most queries take: pages stay warm in free
 * lists, one per size class, whose links lie in the pages themselves, and those of 2 MiB and more
 * ask for huge pages. */
#include "compute/memory.h"
#include "compute/poison.h"
#include "weir/log.h"
#include <assert.h>
#include <pthread.h>
#include <sys/mman.h>

#define KIB 1024u
#define HUGE_BYTES (2048u * KIB)
#define POOL_LIMIT_BYTES (512u * 1024u * KIB) /* beyond it pages go back to the system */

/* Counts `bytes` on one budget; returns what it holds now. */
static size_t count(weir_budget *budget, size_t bytes)
{
    size_t used =
        atomic_fetch_add_explicit(&budget->used_bytes, bytes, memory_order_relaxed) + bytes;
    size_t peak = atomic_load_explicit(&budget->peak_bytes, memory_order_relaxed);
    while (used > peak &&
           !atomic_compare_exchange_weak_explicit(&budget->peak_bytes, &peak, used,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    return used;
}

static bool over(const weir_budget *budget, size_t used)
{
    return budget->limit_bytes > 0 && used > budget->limit_bytes;
}

static bool fail_over(const weir_budget *budget, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_RESOURCE, "the memory limit of the %s, %zu bytes, is reached",
                     budget->name ? budget->name : "query", budget->limit_bytes);
}

bool weir_budget_take(weir_budget *budget, size_t bytes, weir_error *err)
{
    for (weir_budget *b = budget; b; b = b->parent) {
        size_t used = atomic_load_explicit(&b->used_bytes, memory_order_relaxed);
        if (over(b, used + bytes) || over(b, count(b, bytes))) {
            bool counted = !over(b, used + bytes);
            for (weir_budget *c = budget; c != b; c = c->parent) {
                atomic_fetch_sub_explicit(&c->used_bytes, bytes, memory_order_relaxed);
            }
            if (counted) {
                atomic_fetch_sub_explicit(&b->used_bytes, bytes, memory_order_relaxed);
            }
            return fail_over(b, err);
        }
    }
    return true;
}

void weir_budget_force(weir_budget *budget, size_t bytes)
{
    for (weir_budget *b = budget; b; b = b->parent) {
        count(b, bytes);
    }
}

void weir_budget_give(weir_budget *budget, size_t bytes)
{
    for (weir_budget *b = budget; b; b = b->parent) {
        size_t used = atomic_fetch_sub_explicit(&b->used_bytes, bytes, memory_order_relaxed);
        assert(used >= bytes);
        (void)used;
    }
}

static const weir_budget *first_over(const weir_budget *budget)
{
    for (const weir_budget *b = budget; b; b = b->parent) {
        if (over(b, atomic_load_explicit(&b->used_bytes, memory_order_relaxed))) {
            return b;
        }
    }
    return NULL;
}

bool weir_budget_is_over(const weir_budget *budget)
{
    return first_over(budget) != NULL;
}

static void stop(weir_ctl *ctl, weir_stop why)
{
    uint32_t go = WEIR_GO;
    atomic_compare_exchange_strong_explicit(&ctl->stop, &go, (uint32_t)why, memory_order_relaxed,
                                            memory_order_relaxed);
}

static bool fail_stop(const weir_ctl *ctl, weir_error *err)
{
    switch ((weir_stop)atomic_load_explicit(&ctl->stop, memory_order_relaxed)) {
    case WEIR_GO:
        return true;
    case WEIR_STOP_CANCEL:
        return weir_fail(err, WEIR_ERR_CANCELLED, "Query cancelled");
    case WEIR_STOP_DEADLINE:
        return weir_fail(err, WEIR_ERR_TIMEOUT,
                         "Query did not complete within configured timeout period. You can "
                         "increase query timeout or tune the performance of query.");
    case WEIR_STOP_MEMORY: {
        const weir_budget *budget = first_over(&ctl->budget);
        return fail_over(budget ? budget : &ctl->budget, err);
    }
    case WEIR_STOP_FAILED:
        return weir_fail(err, WEIR_ERR_RUN, "another part of the query failed");
    }
    return weir_fail(err, WEIR_ERR_INTERNAL, "unknown reason to stop");
}

bool weir_ctl_check(weir_ctl *ctl, weir_error *err)
{
    if (atomic_load_explicit(&ctl->stop, memory_order_relaxed) != WEIR_GO) {
        return fail_stop(ctl, err);
    }
    if (first_over(&ctl->budget)) {
        stop(ctl, WEIR_STOP_MEMORY);
        return fail_stop(ctl, err);
    }
    if (ctl->deadline_us > 0 && weir_monotonic_us(ctl->clock) >= ctl->deadline_us) {
        stop(ctl, WEIR_STOP_DEADLINE);
        return fail_stop(ctl, err);
    }
    return true;
}

void weir_ctl_cancel(weir_ctl *ctl)
{
    stop(ctl, WEIR_STOP_CANCEL);
}

/* The pool: four lists for the small sizes, one list for the large ones, searched by exact size. */
typedef struct free_page {
    struct free_page *next;
    size_t size_bytes;
} free_page;

#define SMALL_CLASSES 4u
static const size_t small_sizes[SMALL_CLASSES] = {64u * KIB, 256u * KIB, 1024u * KIB, HUGE_BYTES};

static struct {
    pthread_mutex_t lock; /* guards the lists */
    free_page *lists[SMALL_CLASSES + 1];
    _Atomic size_t bytes;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint32_t class_of(size_t size_bytes)
{
    uint32_t c = 0;
    while (c < SMALL_CLASSES && small_sizes[c] < size_bytes) {
        c++;
    }
    return c;
}

/* Large sizes come in eight steps a doubling, so that one query's table fits the next query's wish.
 */
static size_t round_large(size_t size_bytes)
{
    size_t step = HUGE_BYTES;
    while (step < size_bytes / 16) {
        step *= 2;
    }
    return (size_bytes + step - 1) / step * step;
}

static void *map_page(size_t size_bytes)
{
    size_t extra = size_bytes >= HUGE_BYTES ? HUGE_BYTES : 0;
    uint8_t *at = mmap(NULL, size_bytes + extra, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        weir_die("out of memory: a page of %zu bytes", size_bytes);
    }
    if (extra > 0) { /* cut to alignment, so that huge pages can back all of it */
        size_t before = (HUGE_BYTES - (uintptr_t)at % HUGE_BYTES) % HUGE_BYTES;
        if (before > 0) {
            munmap(at, before);
        }
        if (extra > before) {
            munmap(at + before + size_bytes, extra - before);
        }
        at += before;
        madvise(at, size_bytes, MADV_HUGEPAGE);
    }
    return at;
}

static void *take_pooled(uint32_t class, size_t size_bytes)
{
    pthread_mutex_lock(&pool.lock);
    free_page **link = &pool.lists[class];
    while (*link && (*link)->size_bytes != size_bytes) {
        link = &(*link)->next;
    }
    free_page *page = *link;
    if (page) {
        *link = page->next;
        atomic_fetch_sub_explicit(&pool.bytes, size_bytes, memory_order_relaxed);
    }
    pthread_mutex_unlock(&pool.lock);
    return page;
}

void *weir_page_take(size_t *size_bytes)
{
    uint32_t class = class_of(*size_bytes);
    *size_bytes = class < SMALL_CLASSES ? small_sizes[class] : round_large(*size_bytes);
    void *page = take_pooled(class, *size_bytes);
    if (!page) {
        return map_page(*size_bytes);
    }
    WEIR_UNPOISON(page, *size_bytes);
    return page;
}

void weir_page_give(void *page, size_t size_bytes)
{
    WEIR_UNPOISON(page, size_bytes);
    if (weir_page_pooled_bytes() + size_bytes > POOL_LIMIT_BYTES) {
        munmap(page, size_bytes);
        return;
    }
    uint32_t class = class_of(size_bytes);
    assert(class == SMALL_CLASSES ? size_bytes % HUGE_BYTES == 0
                                  : small_sizes[class] == size_bytes);
    free_page *freed = page;
    freed->size_bytes = size_bytes;
    WEIR_POISON((uint8_t *)page + sizeof(*freed), size_bytes - sizeof(*freed));
    pthread_mutex_lock(&pool.lock);
    freed->next = pool.lists[class];
    pool.lists[class] = freed;
    atomic_fetch_add_explicit(&pool.bytes, size_bytes, memory_order_relaxed);
    pthread_mutex_unlock(&pool.lock);
}

size_t weir_page_pooled_bytes(void)
{
    return atomic_load_explicit(&pool.bytes, memory_order_relaxed);
}

void weir_page_trim_to(size_t most_bytes)
{
    for (uint32_t c = SMALL_CLASSES + 1; c-- > 0;) {
        free_page *page = NULL;
        pthread_mutex_lock(&pool.lock);
        while (pool.lists[c] && weir_page_pooled_bytes() > most_bytes) {
            free_page *first = pool.lists[c];
            pool.lists[c] = first->next;
            first->next = page;
            page = first;
            atomic_fetch_sub_explicit(&pool.bytes, page->size_bytes, memory_order_relaxed);
        }
        pthread_mutex_unlock(&pool.lock);
        while (page) {
            free_page *next = page->next;
            size_t size_bytes = page->size_bytes;
            WEIR_UNPOISON(page, size_bytes);
            munmap(page, size_bytes);
            page = next;
        }
    }
}

void weir_page_trim(void)
{
    weir_page_trim_to(0);
}

typedef struct weir_scratch_page {
    struct weir_scratch_page *next;
    size_t size_bytes; /* header included */
    _Alignas(32) uint8_t bytes[];
} scratch_page;

#define SCRATCH_FIRST_BYTES (256u * KIB) /* eight columns of a block */

static size_t room(const scratch_page *page)
{
    return page->size_bytes - sizeof(scratch_page);
}

/* Moves on to a page with room for `size`: the next one if it is large enough, else a new one
 * before it. */
static scratch_page *next_page(weir_scratch *s, size_t size_bytes)
{
    scratch_page **link = s->current ? &s->current->next : &s->first;
    while (*link && room(*link) < size_bytes && (*link)->size_bytes >= HUGE_BYTES) {
        scratch_page *small = *link; /* nothing in it: a larger one takes its place */
        *link = small->next;
        size_t gone = small->size_bytes;
        WEIR_UNPOISON(small, gone);
        munmap(small, gone);
        weir_budget_give(s->budget, gone);
    }
    if (!*link || room(*link) < size_bytes) {
        size_t size = s->current ? s->current->size_bytes * 4 : SCRATCH_FIRST_BYTES;
        size = size > HUGE_BYTES ? HUGE_BYTES : size;
        size_t least = size_bytes + sizeof(scratch_page);
        size = size < least ? least : size;
        scratch_page *page = weir_page_take(&size);
        weir_budget_force(s->budget, size);
        page->size_bytes = size;
        page->next = *link;
        *link = page;
        WEIR_POISON(page->bytes, room(page));
    }
    s->current = *link;
    s->used_bytes = 0;
    return *link;
}

void *weir_scratch_take(weir_scratch *s, size_t size_bytes)
{
    size_t size = (size_bytes + 31) & ~(size_t)31;
    scratch_page *page = s->current;
    if (!page || room(page) - s->used_bytes < size) {
        page = next_page(s, size);
    }
    void *at = page->bytes + s->used_bytes;
    s->used_bytes += size;
    WEIR_UNPOISON(at, size_bytes);
    return at;
}

weir_mark weir_scratch_mark(const weir_scratch *s)
{
    return (weir_mark){s->current, s->used_bytes};
}

void weir_scratch_rewind(weir_scratch *s, weir_mark mark)
{
    s->current = mark.page;
    s->used_bytes = mark.used_bytes;
#if WEIR_POISONS
    size_t kept = mark.used_bytes;
    for (scratch_page *p = mark.page ? mark.page : s->first; p; p = p->next) {
        WEIR_POISON(p->bytes + kept, room(p) - kept);
        kept = 0;
    }
#endif
}

void weir_scratch_done(weir_scratch *s)
{
    for (scratch_page *p = s->first; p;) {
        scratch_page *next = p->next;
        size_t size = p->size_bytes;
        weir_page_give(p, size);
        weir_budget_give(s->budget, size);
        p = next;
    }
    s->first = s->current = NULL;
    s->used_bytes = 0;
}
