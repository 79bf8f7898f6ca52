/* compute/heap.c - growing states of one worker. A handle is the address of a block's header.
 * Blocks come in size classes, four a doubling, cut from chunks of pages; a dropped block waits in
 * its class's list for the next of its size, so waste stays below a fifth and nothing has to be
 * compacted. Blocks over 128 KiB have pages of their own. */
#include "compute/memory.h"
#include "compute/poison.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 16u
#define LARGEST (128u * 1024u)
#define CLASSES 53u /* 16, 20, 24, 28, 32, 40 ... 131,072, rounded up to 8 */
#define OWN_PAGE UINT32_MAX

typedef struct block {
    uint32_t size, class; /* payload bytes; class or OWN_PAGE */
} block;

typedef struct free_block {
    block header;
    struct free_block *next;
} free_block;

typedef struct chunk { /* pages that blocks are cut from */
    struct chunk *next;
    size_t size_bytes;
} chunk;

typedef struct own_page { /* a page of one block; linked so that the heap frees whole */
    struct own_page *next, *before;
    size_t size_bytes;
    block header;
} own_page;

typedef struct keyed {
    uint64_t key, handle, turn; /* turn: when it was asked for last */
} keyed;

struct weir_heap {
    weir_budget *budget;
    chunk *chunks;
    uint8_t *at, *end; /* uncut rest of the newest chunk */
    own_page *own;
    free_block *lists[CLASSES];
    keyed kept[WEIR_HEAP_KEPT];
    uint64_t turn;
};

/* Bytes of a class's blocks, header included. */
static size_t class_size(uint32_t class)
{
    size_t base = (size_t)SMALLEST << class / 4;
    return (base + base / 4 * (class % 4) + 7) & ~(size_t)7;
}

static uint32_t class_of(size_t size)
{
    if (size <= SMALLEST) {
        return 0;
    }
    uint32_t bits = 63u - (uint32_t)__builtin_clzll(size); /* 2^bits <= size */
    uint32_t class = (bits - 4) * 4;
    while (class_size(class) < size) {
        class ++;
    }
    return class;
}

weir_heap *weir_heap_new(weir_budget *budget)
{
    static_assert(sizeof(block) == 8, "payloads are 8-aligned");
    assert(class_size(CLASSES - 1) == LARGEST);
    weir_heap *heap = weir_calloc(1, sizeof(*heap));
    heap->budget = budget;
    return heap;
}

void weir_heap_free(weir_heap *heap)
{
    if (!heap) {
        return;
    }
    for (chunk *c = heap->chunks; c;) {
        chunk *next = c->next;
        weir_budget_give(heap->budget, c->size_bytes);
        weir_page_give(c, c->size_bytes);
        c = next;
    }
    for (own_page *p = heap->own; p;) {
        own_page *next = p->next;
        weir_budget_give(heap->budget, p->size_bytes);
        weir_page_give(p, p->size_bytes);
        p = next;
    }
    free(heap);
}

static block *cut(weir_heap *heap, size_t size)
{
    if ((size_t)(heap->end - heap->at) < size) {
        size_t bytes = heap->chunks ? heap->chunks->size_bytes * 4 : 64u * 1024u;
        bytes = bytes > (2u << 20) ? (2u << 20) : bytes;
        while (bytes < size + sizeof(chunk)) {
            bytes *= 4;
        }
        chunk *c = weir_page_take(&bytes);
        weir_budget_force(heap->budget, bytes);
        *c = (chunk){heap->chunks, bytes};
        heap->chunks = c;
        heap->at = (uint8_t *)(c + 1);
        heap->end = (uint8_t *)c + bytes;
        WEIR_POISON(heap->at, (size_t)(heap->end - heap->at));
    }
    void *at = heap->at;
    heap->at += size;
    return at;
}

static block *new_own_page(weir_heap *heap, size_t size)
{
    size_t bytes = size + sizeof(own_page);
    own_page *page = weir_page_take(&bytes);
    weir_budget_force(heap->budget, bytes);
    *page = (own_page){.next = heap->own, .size_bytes = bytes};
    if (heap->own) {
        heap->own->before = page;
    }
    heap->own = page;
    page->header.class = OWN_PAGE;
    return &page->header;
}

static own_page *page_of(block *b)
{
    return (own_page *)(void *)((uint8_t *)b - offsetof(own_page, header));
}

static size_t capacity_of(const block *b)
{
    if (b->class == OWN_PAGE) {
        return page_of((block *)b)->size_bytes - sizeof(own_page);
    }
    return class_size(b->class) - sizeof(block);
}

static block *new_block(weir_heap *heap, size_t size_bytes)
{
    assert(size_bytes <= UINT32_MAX / 2);
    size_t size = size_bytes + sizeof(block);
    block *b;
    if (size > LARGEST) {
        b = new_own_page(heap, size_bytes);
    } else {
        uint32_t class = class_of(size);
        free_block *freed = heap->lists[class];
        if (freed) {
            heap->lists[class] = freed->next;
            b = &freed->header;
        } else {
            b = cut(heap, class_size(class));
        }
        WEIR_UNPOISON(b, size);
        b->class = class;
    }
    b->size = (uint32_t)size_bytes;
    return b;
}

uint64_t weir_heap_put(weir_heap *heap, const void *bytes, size_t size_bytes)
{
    block *b = new_block(heap, size_bytes);
    if (!bytes) {
        memset(b + 1, 0, size_bytes);
    } else if (size_bytes > 0) {
        memcpy(b + 1, bytes, size_bytes);
    }
    return (uintptr_t)b;
}

uint64_t weir_heap_resize(weir_heap *heap, uint64_t handle, size_t size_bytes)
{
    if (handle == 0) {
        return weir_heap_put(heap, NULL, size_bytes);
    }
    block *b = (block *)(uintptr_t)handle;
    size_t old = b->size;
    /* in place while it fits and is not much too large */
    if (size_bytes <= capacity_of(b) && size_bytes * 4 >= capacity_of(b)) {
        if (b->class != OWN_PAGE) {
            WEIR_UNPOISON(b + 1, size_bytes);
        }
        if (size_bytes > old) {
            memset((uint8_t *)(b + 1) + old, 0, size_bytes - old);
        }
        b->size = (uint32_t)size_bytes;
        return handle;
    }
    block *moved = new_block(heap, size_bytes);
    size_t kept = old < size_bytes ? old : size_bytes;
    memcpy(moved + 1, b + 1, kept);
    memset((uint8_t *)(moved + 1) + kept, 0, size_bytes - kept);
    weir_heap_drop(heap, handle);
    return (uintptr_t)moved;
}

void weir_heap_drop(weir_heap *heap, uint64_t handle)
{
    if (handle == 0) {
        return;
    }
    block *b = (block *)(uintptr_t)handle;
    if (b->class == OWN_PAGE) {
        own_page *page = page_of(b);
        *(page->before ? &page->before->next : &heap->own) = page->next;
        if (page->next) {
            page->next->before = page->before;
        }
        weir_budget_give(heap->budget, page->size_bytes);
        weir_page_give(page, page->size_bytes);
        return;
    }
    free_block *freed = (free_block *)(void *)b;
    WEIR_UNPOISON(freed, sizeof(*freed)); /* the link may lie behind a short payload */
    freed->next = heap->lists[b->class];
    heap->lists[b->class] = freed;
    WEIR_POISON(freed + 1, class_size(b->class) - sizeof(*freed));
}

void *weir_heap_at(const weir_heap *heap, uint64_t handle)
{
    (void)heap;
    assert(handle != 0);
    return (block *)(uintptr_t)handle + 1;
}

size_t weir_heap_size(const weir_heap *heap, uint64_t handle)
{
    (void)heap;
    return handle ? ((const block *)(uintptr_t)handle)->size : 0;
}

static keyed *find_keyed(weir_heap *heap, uint64_t key, size_t size_bytes)
{
    for (uint32_t i = 0; i < WEIR_HEAP_KEPT; i++) {
        keyed *k = &heap->kept[i];
        if (k->handle && k->key == key && weir_heap_size(heap, k->handle) == size_bytes) {
            return k;
        }
    }
    return NULL;
}

void *weir_heap_keyed_find(weir_heap *heap, uint64_t key, size_t size_bytes)
{
    keyed *k = find_keyed(heap, key, size_bytes);
    if (!k) {
        return NULL;
    }
    k->turn = ++heap->turn;
    return weir_heap_at(heap, k->handle);
}

void weir_heap_keyed_drop(weir_heap *heap, uint64_t key, size_t size_bytes)
{
    keyed *k = find_keyed(heap, key, size_bytes);
    if (k) {
        weir_heap_drop(heap, k->handle);
        *k = (keyed){0};
    }
}

void *weir_heap_keyed(weir_heap *heap, uint64_t key, size_t size_bytes)
{
    void *there = weir_heap_keyed_find(heap, key, size_bytes);
    keyed *place = &heap->kept[0];
    if (there) {
        return there;
    }
    for (uint32_t i = 1; i < WEIR_HEAP_KEPT; i++) {
        place = heap->kept[i].turn < place->turn ? &heap->kept[i] : place;
    }
    weir_heap_drop(heap, place->handle);
    *place = (keyed){key, weir_heap_put(heap, NULL, size_bytes), ++heap->turn};
    return weir_heap_at(heap, place->handle);
}
