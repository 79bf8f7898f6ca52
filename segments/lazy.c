/* segments/lazy.c - see the header. A page is absent, coming or there. Who finds it absent marks it
 * as coming, fetches it and puts it; who finds it coming waits, or is woken. Nothing is fetched
 * under a lock. Without threads (the simulation) a page that is coming is fetched by each who needs
 * it, and the first one to have it puts it. */
#include "segments/lazy.h"
#include "segments/format.h"
#include "weir/hash.h"
#include "weir/log.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SPLIT_PAGES = 2048, /* a longer run is fetched in several gets, if some are left */
    FAILED_US =
        250000, /* so long who asks again is told of the failure, not made to wait for the next */
};
enum { ABSENT, COMING, THERE };

typedef struct waiter {
    weir_wake wake;
    struct waiter *next;
} waiter;

struct weir_lazy {
    weir_lazy_options options; /* key and path are owned */
    _Atomic uint32_t refs;
    uint8_t *at;
    size_t page_count;
    ino_t inode; /* of the file */
    pthread_mutex_t
        putting;       /* held while bytes are put, and when the file's mapping becomes memory */
    bool in_memory;    /* under `putting` */
    _Atomic bool gone; /* the last answer was that the object is not there */
    _Atomic uint64_t memory_bytes; /* in place of the disk, as the options' `memory` was told */

    pthread_mutex_t lock; /* guards down from here */
    pthread_cond_t came;
    uint8_t *pages;
    size_t there;
    waiter *waiters;
    weir_error failed;
    int64_t failed_until_us;
};

typedef struct piece { /* pages that one get brings */
    weir_lazy *lazy;
    weir_fetch get;
} piece;

/* ---- opening ---- */

static size_t page_of(uint64_t offset)
{
    return offset / WEIR_LAZY_PAGE;
}

static size_t page_end(uint64_t offset)
{
    return (offset + WEIR_LAZY_PAGE - 1) / WEIR_LAZY_PAGE;
}

/* Pages that are no holes; on a file system that knows none all of them seem to be there, and
 * checksums say which are not. */
static void find_pages(weir_lazy *lazy, int fd)
{
    off_t size = (off_t)lazy->options.size;
    for (off_t at = 0; at < size;) {
        off_t data = lseek(fd, at, SEEK_DATA), hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
        if (data < 0 || hole <= data) {
            break;
        }
        size_t from = page_end((uint64_t)data),
               to = hole >= size ? lazy->page_count : page_of((uint64_t)hole);
        for (size_t i = from; i < to; i++) {
            lazy->pages[i] = THERE;
            lazy->there++;
        }
        at = hole;
    }
}

/* The file at its full size, new or of an earlier process, mapped. */
static bool map_file(weir_lazy *lazy)
{
    struct stat st;
    const char *path = lazy->options.path;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (ok && (uint64_t)st.st_size != lazy->options.size) {
        ok = ftruncate(fd, 0) == 0 && ftruncate(fd, (off_t)lazy->options.size) == 0;
    }
    void *at = ok ? mmap(NULL, lazy->options.size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    ok = at != MAP_FAILED;
    if (ok) {
        lazy->at = at;
        lazy->inode = st.st_ino;
        find_pages(lazy, fd);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void *map_memory(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0);
}

weir_lazy *weir_lazy_open(const weir_lazy_options *options, weir_error *err)
{
    weir_lazy *lazy = weir_calloc(1, sizeof(*lazy));
    lazy->options = *options;
    lazy->options.key = weir_str_dup(options->key);
    lazy->options.path = options->path ? weir_strdup(options->path) : NULL;
    lazy->refs = 1;
    lazy->page_count = page_end(options->size);
    lazy->pages = weir_calloc(lazy->page_count + 1, 1);
    pthread_mutex_init(&lazy->putting, NULL);
    pthread_mutex_init(&lazy->lock, NULL);
    pthread_cond_init(&lazy->came, NULL);
    if (options->size == 0) {
        weir_fail(err, WEIR_ERR_CORRUPT, "segment %.*s is empty", WEIR_STR_ARG(options->key));
    } else if (!options->path || !map_file(lazy)) {
        void *at = map_memory(options->size);
        lazy->at = at == MAP_FAILED ? NULL : at;
        lazy->in_memory = true;
        if (!lazy->at) {
            weir_fail(err, WEIR_ERR_STORE, "no room for the %lu bytes of segment %.*s: %s",
                      options->size, WEIR_STR_ARG(options->key), strerror(errno));
        }
    }
    if (!lazy->at) {
        weir_lazy_unref(lazy);
        return NULL;
    }
    return lazy;
}

weir_lazy *weir_lazy_ref(weir_lazy *lazy)
{
    atomic_fetch_add(&lazy->refs, 1);
    return lazy;
}

bool weir_lazy_try_ref(weir_lazy *lazy)
{
    uint32_t refs = atomic_load(&lazy->refs);
    while (refs > 0 && !atomic_compare_exchange_weak(&lazy->refs, &refs, refs + 1)) {
    }
    return refs > 0;
}

bool weir_lazy_in_memory(const weir_lazy *lazy)
{
    return atomic_load(&lazy->memory_bytes) > 0;
}

void *weir_lazy_self(const weir_lazy *lazy)
{
    return lazy->options.self;
}

void weir_lazy_unref(weir_lazy *lazy)
{
    if (atomic_fetch_sub(&lazy->refs, 1) != 1) {
        return;
    }
    if (lazy->at) {
        munmap(lazy->at, lazy->options.size);
    }
    if (lazy->memory_bytes > 0 && lazy->options.memory) {
        lazy->options.memory(lazy->options.self, -(int64_t)lazy->memory_bytes);
    }
    if (lazy->options.closed) {
        lazy->options.closed(lazy->options.self, lazy);
    }
    pthread_mutex_destroy(&lazy->putting);
    pthread_mutex_destroy(&lazy->lock);
    pthread_cond_destroy(&lazy->came);
    free(lazy->pages);
    free((void *)(uintptr_t)lazy->options.key.at);
    free((void *)(uintptr_t)lazy->options.path);
    free(lazy);
}

uint64_t weir_lazy_size(const weir_lazy *lazy)
{
    return lazy->options.size;
}

uint64_t weir_lazy_there(weir_lazy *lazy)
{
    pthread_mutex_lock(&lazy->lock);
    uint64_t bytes = (uint64_t)lazy->there * WEIR_LAZY_PAGE;
    pthread_mutex_unlock(&lazy->lock);
    return bytes;
}

/* ---- putting ---- */

/* The file that is mapped; -1 when another one is at its path, or none. */
static int open_file(const weir_lazy *lazy, int flags)
{
    struct stat st;
    int fd = open(lazy->options.path, flags | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_ino != lazy->inode)) {
        close(fd);
        errno = ESTALE;
        fd = -1;
    }
    return fd;
}

static bool write_file(const weir_lazy *lazy, uint64_t from, weir_str bytes)
{
    int fd = open_file(lazy, O_WRONLY);
    bool ok = fd >= 0;
    for (size_t at = 0; ok && at < bytes.size;) {
        ssize_t n = pwrite(fd, bytes.at + at, bytes.size - at, (off_t)(from + at));
        ok = n > 0 || (n < 0 && errno == EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    errno = why;
    return ok;
}

/* What is there, into `memory`. By reading the file, not the mapping: a file system may need room
 * to map a hole, and have none. What is missing in the end is mended as any damage is. Lock held.
 */
static void copy_pages(const weir_lazy *lazy, uint8_t *memory, int fd)
{
    for (size_t i = 0; i < lazy->page_count; i++) {
        size_t from = i * WEIR_LAZY_PAGE, left = lazy->options.size - from;
        size_t size = left < WEIR_LAZY_PAGE ? left : WEIR_LAZY_PAGE;
        if (fd >= 0 && lazy->pages[i] != ABSENT) { /* there, or put just now */
            ssize_t got = pread(fd, memory + from, size, (off_t)from);
            (void)got;
        } else if (lazy->pages[i] == THERE) {
            memcpy(memory + from, lazy->at + from, size);
        }
    }
}

/* The same addresses become memory; the file goes, and leaves its room to others. `putting` is
 * held. */
static bool move_to_memory(weir_lazy *lazy)
{
    size_t size = lazy->options.size;
    uint8_t *memory = map_memory(size);
    int fd = memory == MAP_FAILED ? -1 : open_file(lazy, O_RDONLY);
    if (memory == MAP_FAILED) {
        return false;
    }
    pthread_mutex_lock(&lazy->lock);
    copy_pages(lazy, memory, fd);
    pthread_mutex_unlock(&lazy->lock);
    lazy->in_memory =
        mremap(memory, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, lazy->at) == lazy->at;
    if (!lazy->in_memory) {
        munmap(memory, size);
    }
    if (fd >= 0) {
        close(fd);
        if (lazy->in_memory) {
            unlink(lazy->options.path);
        }
    }
    return lazy->in_memory;
}

static bool put_once(weir_lazy *lazy, uint64_t from, weir_str bytes)
{
    pthread_mutex_lock(&lazy->putting);
    bool ok = true;
    if (lazy->in_memory) {
        memcpy(lazy->at + from, bytes.at, bytes.size);
    } else {
        ok = write_file(lazy, from, bytes);
    }
    int why = errno;
    pthread_mutex_unlock(&lazy->putting);
    errno = why;
    return ok;
}

/* What the disk does not take. */
static bool put_in_memory(weir_lazy *lazy, uint64_t from, weir_str bytes)
{
    const weir_lazy_options *o = &lazy->options;
    uint64_t more = bytes.size + (atomic_load(&lazy->memory_bytes) ? 0 : weir_lazy_there(lazy));
    if (o->memory && !o->memory(o->self, (int64_t)more)) {
        return false;
    }
    atomic_fetch_add(&lazy->memory_bytes, more);
    pthread_mutex_lock(&lazy->putting);
    bool moved = lazy->in_memory || move_to_memory(lazy);
    pthread_mutex_unlock(&lazy->putting);
    return moved && put_once(lazy, from, bytes);
}

/* To the disk; if it is full after others were thrown out, to memory. */
static bool put(weir_lazy *lazy, uint64_t from, weir_str bytes, weir_error *err)
{
    const weir_lazy_options *o = &lazy->options;
    bool moved = atomic_load(&lazy->memory_bytes) > 0, ok = !moved && put_once(lazy, from, bytes);
    int why = moved ? ENOSPC : errno;
    if (!ok && !moved && (why == ENOSPC || why == EDQUOT) && o->room &&
        o->room(o->self, bytes.size)) {
        ok = put_once(lazy, from, bytes);
        why = errno;
    }
    if (!ok && !moved) {
        weir_log(WEIR_WARN, "cache", "%.*s cannot be kept in %s (%s) and is kept in memory",
                 WEIR_STR_ARG(o->key), o->path ? o->path : "memory", strerror(why));
    }
    return ok || put_in_memory(lazy, from, bytes) ||
           weir_fail(err, WEIR_ERR_STORE, "segment %.*s cannot be kept in %s: %s",
                     WEIR_STR_ARG(o->key), o->path ? o->path : "memory", strerror(why));
}

/* ---- fetching ---- */

/* The next run of pages in [from, to) that are `state`; false: none. Lock held. */
static bool next_run(const weir_lazy *lazy, uint8_t state, size_t *from, size_t to, size_t *end)
{
    while (*from < to && lazy->pages[*from] != state) {
        ++*from;
    }
    *end = *from;
    while (*end < to && lazy->pages[*end] == state) {
        ++*end;
    }
    return *from < to;
}

typedef struct run_list {
    uint32_t count, room;
    weir_span *at; /* pages */
} run_list;

static void add_run(run_list *list, size_t from, size_t end)
{
    weir_span *last = list->count > 0 ? &list->at[list->count - 1] : NULL;
    if (last && last->from + last->size == from) {
        last->size += end - from;
        return;
    }
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 8;
        list->at = weir_realloc(list->at, list->room * sizeof(*list->at));
    }
    list->at[list->count++] = (weir_span){from, end - from};
}

/* Marks absent pages of the span as coming, and lists them. Whether any was coming already. Lock
 * held. */
static bool take_absent(weir_lazy *lazy, const weir_span *span, run_list *list)
{
    size_t from = page_of(span->from), to = page_end(span->from + span->size), end, at = from;
    bool coming = false;
    for (; next_run(lazy, COMING, &at, to, &end) && lazy->options.threads; at = end) {
        coming = true;
    }
    for (at = from; next_run(lazy, ABSENT, &at, to, &end); at = end) {
        add_run(list, at, end);
        memset(lazy->pages + at, COMING, end - at);
    }
    for (at = from; !lazy->options.threads && next_run(lazy, COMING, &at, to, &end); at = end) {
        bool mine = false;
        for (uint32_t i = 0; i < list->count; i++) {
            mine = mine || (list->at[i].from <= at && at < list->at[i].from + list->at[i].size);
        }
        if (!mine) {
            add_run(list, at, end);
        }
    }
    return coming;
}

static piece *piece_new(weir_lazy *lazy, uint64_t page, uint64_t count)
{
    piece *p = weir_calloc(1, sizeof(*p));
    uint64_t from = page * WEIR_LAZY_PAGE, end = from + count * WEIR_LAZY_PAGE;
    end = end < lazy->options.size ? end : lazy->options.size;
    p->lazy = weir_lazy_ref(lazy);
    p->get = (weir_fetch){.key = lazy->options.key, .from = from, .size = end - from};
    return p;
}

/* A get for each run, for long ones several while there are fewer than `most`. Frees the list;
 * free() the pieces' array. */
static uint32_t pieces_of(weir_lazy *lazy, run_list *list, uint32_t most, piece ***out)
{
    uint32_t spare = most > list->count ? most - list->count : 0, count = 0;
    size_t room = list->count + lazy->page_count / SPLIT_PAGES + 1;
    *out = weir_alloc(room * sizeof(piece *));
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t page = list->at[i].from, left = list->at[i].size;
        uint64_t parts = 1 + (left - 1) / SPLIT_PAGES;
        parts = parts < 1 + (uint64_t)spare ? parts : 1 + (uint64_t)spare;
        spare -= (uint32_t)parts - 1;
        for (; parts > 0; parts--) {
            uint64_t n = left / parts;
            (*out)[count++] = piece_new(lazy, page, n);
            page += n;
            left -= n;
        }
    }
    free(list->at);
    return count;
}

static bool put_part(weir_lazy *lazy, weir_fetch *part, weir_error *err)
{
    size_t from = page_of(part->from), to = page_end(part->from + part->size);
    if (part->got != WEIR_GET_FOUND) {
        atomic_store(&lazy->gone, part->got == WEIR_GET_NONE);
        *err = part->err;
        return weir_fail_in(err, "segment");
    }
    pthread_mutex_lock(&lazy->lock);
    size_t there = 0;
    for (size_t i = from; i < to; i++) {
        there += lazy->pages[i] == THERE;
    }
    pthread_mutex_unlock(&lazy->lock);
    if (there == to - from) { /* without threads: another one was first */
        return true;
    }
    for (size_t i = from; there > 0 && i < to; i++) { /* never over what may be read already */
        uint64_t at = i * WEIR_LAZY_PAGE - part->from, left = part->size - at;
        weir_str page = {part->bytes.at + at, left < WEIR_LAZY_PAGE ? left : WEIR_LAZY_PAGE};
        if (lazy->pages[i] != THERE && !put(lazy, part->from + at, page, err)) {
            return false;
        }
    }
    return there > 0 || put(lazy, part->from, weir_buf_view(&part->bytes), err);
}

static void call_all(waiter *first)
{
    while (first) {
        waiter *next = first->next;
        first->wake.call(first->wake.self);
        free(first);
        first = next;
    }
}

/* The get is done: its bytes are put, who waits is told. Frees it. */
static bool end_piece(piece *p, weir_error *err)
{
    weir_lazy *lazy = p->lazy;
    weir_error why = {0};
    bool ok = put_part(lazy, &p->get, &why);
    size_t more = 0;
    pthread_mutex_lock(&lazy->lock);
    for (size_t i = page_of(p->get.from); i < page_end(p->get.from + p->get.size); i++) {
        more += ok && lazy->pages[i] != THERE;
        lazy->pages[i] = ok || lazy->pages[i] == THERE ? THERE : ABSENT;
    }
    waiter *first = lazy->waiters;
    lazy->waiters = NULL;
    lazy->there += more;
    if (!ok) {
        lazy->failed = why;
        lazy->failed_until_us = weir_monotonic_us(lazy->options.clock) + FAILED_US;
    }
    pthread_cond_broadcast(&lazy->came);
    pthread_mutex_unlock(&lazy->lock);
    call_all(first);
    if (more > 0 && lazy->options.grown) {
        lazy->options.grown(lazy->options.self, (int64_t)more * WEIR_LAZY_PAGE);
    }
    if (!ok && err) {
        *err = why;
    }
    weir_buf_done(&p->get.bytes);
    weir_lazy_unref(lazy);
    free(p);
    return ok;
}

static void piece_came(void *self)
{
    end_piece(self, NULL);
}

/* By the caller, one after the other. All are done, also after one failed. */
static bool fetch_pieces(piece **pieces, uint32_t count, weir_error *err)
{
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        weir_fetch_one(pieces[i]->lazy->options.store, &pieces[i]->get);
        ok = end_piece(pieces[i], ok ? err : NULL) && ok;
    }
    return ok;
}

/* ---- what a segment asks ---- */

static bool failed_just_now(weir_lazy *lazy)
{
    return lazy->failed.code != WEIR_OK &&
           weir_monotonic_us(lazy->options.clock) < lazy->failed_until_us;
}

static bool is_there(const weir_lazy *lazy, const weir_span *spans, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        size_t to = page_end(spans[i].from + spans[i].size);
        for (size_t p = page_of(spans[i].from); p < to; p++) {
            if (lazy->pages[p] != THERE) {
                return false;
            }
        }
    }
    return true;
}

static weir_ready bring(void *self, const weir_span *spans, uint32_t count, uint32_t most,
                        weir_wake wake, weir_error *err)
{
    weir_lazy *lazy = self;
    run_list list = {0};
    bool failed = false, threads = lazy->options.threads;
    pthread_mutex_lock(&lazy->lock);
    bool there = is_there(lazy, spans, count);
    for (uint32_t i = 0; i < count && !there; i++) {
        take_absent(lazy, &spans[i], &list);
    }
    if (list.count > 0 && threads && failed_just_now(lazy)) {
        failed = true;
        for (uint32_t i = 0; i < list.count; i++) {
            memset(lazy->pages + list.at[i].from, ABSENT, list.at[i].size);
        }
        if (err) {
            *err = lazy->failed;
        }
    }
    if (!there && !failed && threads && wake.call) {
        waiter *w = weir_alloc(sizeof(*w));
        *w = (waiter){wake, lazy->waiters};
        lazy->waiters = w;
    }
    pthread_mutex_unlock(&lazy->lock);
    if (there || failed) {
        free(list.at);
        return there ? WEIR_READY : WEIR_FAILED;
    }
    if (list.count == 0) {
        free(list.at);
        return WEIR_WAIT;
    }
    piece **pieces;
    uint32_t n = pieces_of(lazy, &list, most, &pieces);
    weir_ready ready = WEIR_WAIT;
    if (!threads) {
        ready = fetch_pieces(pieces, n, err) ? WEIR_READY : WEIR_FAILED;
    }
    for (uint32_t i = 0; i < n && threads; i++) {
        weir_fetch_begin(lazy->options.fetcher, &pieces[i]->get, 1, piece_came, pieces[i]);
    }
    free(pieces);
    return ready;
}

static bool need(void *self, uint64_t from, uint64_t size, weir_error *err)
{
    weir_lazy *lazy = self;
    weir_span span = {from, size};
    for (;;) {
        run_list list = {0};
        pthread_mutex_lock(&lazy->lock);
        bool there = is_there(lazy, &span, 1);
        if (!there && take_absent(lazy, &span, &list) && list.count == 0) {
            pthread_cond_wait(&lazy->came, &lazy->lock);
        }
        pthread_mutex_unlock(&lazy->lock);
        if (there) {
            return true;
        }
        if (list.count > 0) {
            piece **pieces;
            uint32_t n = pieces_of(lazy, &list, 0, &pieces);
            bool ok = fetch_pieces(pieces, n, err);
            free(pieces);
            if (!ok) {
                return false;
            }
        }
    }
}

/* Fetches exactly this and puts it if `good`; twice at most. */
static bool fetch_good(weir_lazy *lazy, uint64_t from, uint64_t size,
                       bool (*good)(void *self, weir_str bytes), void *self, weir_error *err)
{
    weir_fetch part = {.key = lazy->options.key, .from = from, .size = size};
    bool ok = false;
    for (int i = 0; i < 2 && !ok; i++) {
        weir_fetch_one(lazy->options.store, &part);
        if (part.got != WEIR_GET_FOUND) {
            if (err) {
                *err = part.err;
                weir_fail_in(err, "segment");
            }
            break;
        }
        ok = good(self, weir_buf_view(&part.bytes));
        if (!ok) {
            weir_fail(err, WEIR_ERR_CORRUPT,
                      "segment %.*s in store %.*s is damaged: a checksum of its bytes from %lu to "
                      "%lu does not match",
                      WEIR_STR_ARG(lazy->options.key), WEIR_STR_ARG(lazy->options.store->name),
                      from, from + size);
        }
    }
    ok = ok && put(lazy, from, weir_buf_view(&part.bytes), err);
    weir_buf_done(&part.bytes);
    return ok;
}

static bool has_checksum(void *self, weir_str bytes)
{
    return weir_checksum_is(bytes.at, bytes.size, *(const uint64_t *)self);
}

static bool mend(void *self, uint64_t from, uint64_t size, uint64_t xxh3, weir_error *err)
{
    weir_lazy *lazy = self;
    weir_log(WEIR_INFO, "cache",
             "%.*s: its bytes from %lu to %lu are damaged here: they are fetched again",
             WEIR_STR_ARG(lazy->options.key), from, from + size);
    return fetch_good(lazy, from, size, has_checksum, &xxh3, err);
}

static void release(void *self)
{
    weir_lazy_unref(self);
}

weir_bytes weir_lazy_bytes(weir_lazy *lazy)
{
    static const weir_bytes_ops ops = {bring, need, mend};
    return (weir_bytes){lazy->at, lazy->options.size, release, weir_lazy_ref(lazy), &ops};
}

bool weir_lazy_is_gone(const weir_lazy *lazy)
{
    return atomic_load(&lazy->gone);
}

void weir_lazy_begin(weir_lazy *lazy, uint64_t from, uint64_t size)
{
    weir_span span = {from, size};
    bring(lazy, &span, 1, UINT32_MAX, (weir_wake){0}, NULL);
}

/* The footer's hash is right, and its end tells the same. */
static bool is_footer(void *self, weir_str bytes)
{
    uint64_t wanted = *(const uint64_t *)self, told;
    const char *end = bytes.at + bytes.size - WEIR_SEGMENT_TAIL_BYTES;
    memcpy(&told, end, sizeof(told));
    return told == wanted &&
           weir_checksum_is(bytes.at, bytes.size - WEIR_SEGMENT_TAIL_BYTES, wanted) &&
           memcmp(bytes.at + bytes.size - WEIR_SEGMENT_MAGIC_BYTES, WEIR_SEGMENT_END,
                  WEIR_SEGMENT_MAGIC_BYTES) == 0;
}

bool weir_lazy_footer(weir_lazy *lazy, uint64_t size, uint64_t xxh3, weir_error *err)
{
    uint64_t from = lazy->options.size - size;
    if (size <= WEIR_SEGMENT_TAIL_BYTES || size > lazy->options.size) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "segment %.*s has %lu bytes, and a footer of %lu",
                         WEIR_STR_ARG(lazy->options.key), lazy->options.size, size);
    }
    return need(lazy, from, size, err) &&
           (is_footer(&xxh3, (weir_str){(const char *)lazy->at + from, size}) ||
            fetch_good(lazy, from, size, is_footer, &xxh3, err));
}
