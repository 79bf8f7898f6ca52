/* segments/catalog_cache.c - frozen segments on the local disk, for stores that cannot map:
 * <path>/cache/<table id>/<segment id>, sparse files of which what was needed is there (lazy.c). A
 * name holds the table's id, so that a file never answers for another table of that name. The bound
 * is on what is really there. What was used last goes last, whole; what a query holds stays until
 * it lets go. */
#include "segments/catalog_cache.h"
#include "weir/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 37, MEMORY_SHARE = 4 }; /* of the bound, when the disk takes nothing */

typedef struct cached {
    struct weir_cache *cache;
    char *name; /* "<table id>/<segment id>"; owned */
    _Atomic uint64_t bytes, used;
    weir_lazy *lazy; /* not a reference; NULL: closed */
    uint32_t alive;  /* lazies of it, closing ones among them */
} cached;

struct weir_cache {
    weir_cache_options options;
    char *folder; /* NULL: none, all in memory */
    _Atomic uint64_t bytes, clock, memory_bytes;
    _Atomic bool shrinking;
    pthread_mutex_t
        evicting;         /* held by who throws files out: entries go only then. Before `lock` */
    pthread_mutex_t lock; /* guards all below */
    cached **files;       /* ascending by name */
    size_t count, room;
};

static char *path_of(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = weir_alloc(size);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

static char *name_of(weir_str table_id, weir_str id)
{
    size_t size = table_id.size + id.size + 2;
    char *name = weir_alloc(size);
    snprintf(name, size, "%.*s/%.*s", WEIR_STR_ARG(table_id), WEIR_STR_ARG(id));
    return name;
}

/* ---- what is there ---- */

static size_t find_file(const struct weir_cache *cache, const char *name, bool *there)
{
    size_t from = 0, to = cache->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(cache->files[middle]->name, name) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    *there = from < cache->count && strcmp(cache->files[from]->name, name) == 0;
    return from;
}

static void use(cached *file)
{
    atomic_store(&file->used, atomic_fetch_add(&file->cache->clock, 1) + 1);
}

static void set_bytes(cached *file, uint64_t bytes)
{
    uint64_t old = atomic_exchange(&file->bytes, bytes);
    atomic_fetch_add(&file->cache->bytes, bytes - old);
}

/* The file of that name, known from now on. Lock held. */
static cached *note_file(struct weir_cache *cache, const char *name)
{
    bool there;
    size_t at = find_file(cache, name, &there);
    if (!there) {
        if (cache->count == cache->room) {
            cache->room = cache->room ? cache->room * 2 : 64;
            cache->files = weir_realloc(cache->files, cache->room * sizeof(*cache->files));
        }
        memmove(&cache->files[at + 1], &cache->files[at],
                (cache->count - at) * sizeof(cache->files[0]));
        cache->count++;
        cache->files[at] = weir_calloc(1, sizeof(cached));
        cache->files[at]->cache = cache;
        cache->files[at]->name = weir_strdup(name);
    }
    use(cache->files[at]);
    return cache->files[at];
}

/* Files of an earlier run count against the bound; whatever else lies here goes. */
static void scan(struct weir_cache *cache, const char *folder, const char *table_id)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        struct stat info;
        if (e->d_name[0] == '.') {
            continue;
        }
        char *path = path_of(folder, e->d_name);
        bool there = stat(path, &info) == 0;
        if (there && S_ISDIR(info.st_mode) && !table_id) {
            scan(cache, path, e->d_name);
        } else if (there && S_ISREG(info.st_mode) && table_id && strlen(e->d_name) == NAME_BYTES) {
            char *name = path_of(table_id, e->d_name);
            set_bytes(note_file(cache, name), (uint64_t)info.st_blocks * 512);
            free(name);
        } else {
            unlink(path);
        }
        free(path);
    }
    if (dir) {
        closedir(dir);
    }
}

/* ---- the bound ---- */

typedef struct victim {
    cached *file;
    uint64_t used;
} victim;

static int compare_victims(const void *a, const void *b)
{
    const victim *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

static void forget(struct weir_cache *cache, cached *file)
{
    bool there;
    size_t at = find_file(cache, file->name, &there);
    memmove(&cache->files[at], &cache->files[at + 1],
            (cache->count - at - 1) * sizeof(cache->files[0]));
    cache->count--;
    set_bytes(file, 0);
    free(file->name);
    free(file);
}

static void close_opened(struct weir_cache *cache, const cached *file, bool held)
{
    if (cache->options.close) {
        const char *slash = strchr(file->name, '/');
        weir_str table_id = {file->name, (size_t)(slash - file->name)};
        cache->options.close(cache->options.self, table_id, weir_str_of(slash + 1), held);
    }
}

/* Throws the file out, unless something still needs it. */
static void evict(struct weir_cache *cache, cached *file)
{
    pthread_mutex_lock(&cache->lock);
    bool is_open = file->alive > 0;
    pthread_mutex_unlock(&cache->lock);
    if (is_open) {
        close_opened(cache, file, false);
    }
    pthread_mutex_lock(&cache->lock);
    if (file->alive == 0) {
        char *path = cache->folder ? path_of(cache->folder, file->name) : NULL;
        if (path) {
            unlink(path);
        }
        free(path);
        forget(cache, file);
    }
    pthread_mutex_unlock(&cache->lock);
}

/* Until no more than so many bytes are kept. `evicting` is held. */
static void shrink_to(struct weir_cache *cache, uint64_t limit_bytes)
{
    if (atomic_load(&cache->bytes) <= limit_bytes) {
        return;
    }
    pthread_mutex_lock(&cache->lock);
    size_t count = cache->count;
    victim *victims = weir_alloc((count + 1) * sizeof(*victims));
    for (size_t i = 0; i < count; i++) {
        victims[i] = (victim){cache->files[i], atomic_load(&cache->files[i]->used)};
    }
    pthread_mutex_unlock(&cache->lock);
    if (count > 1) {
        qsort(victims, count, sizeof(*victims), compare_victims);
    }
    for (size_t i = 0; i < count && atomic_load(&cache->bytes) > limit_bytes; i++) {
        evict(cache, victims[i].file);
    }
    free(victims);
}

void weir_cache_shrink(struct weir_cache *cache)
{
    if (atomic_load(&cache->bytes) > cache->options.limit_bytes &&
        !atomic_exchange(&cache->shrinking, true)) {
        pthread_mutex_lock(&cache->evicting);
        shrink_to(cache, cache->options.limit_bytes);
        pthread_mutex_unlock(&cache->evicting);
        atomic_store(&cache->shrinking, false);
    }
}

void weir_cache_sweep(struct weir_cache *cache, weir_str table_id,
                      bool (*keep)(void *self, weir_str id), void *self)
{
    pthread_mutex_lock(&cache->evicting);
    pthread_mutex_lock(&cache->lock);
    size_t count = cache->count;
    cached **files = weir_alloc((count + 1) * sizeof(cached *));
    for (size_t i = 0; i < count; i++) {
        files[i] = cache->files[i];
    }
    pthread_mutex_unlock(&cache->lock);
    for (size_t i = 0; i < count; i++) {
        weir_str name = weir_str_of(files[i]->name);
        size_t skip = table_id.size + 1;
        if (name.size > skip && weir_str_starts(name, table_id) && name.at[skip - 1] == '/' &&
            !keep(self, (weir_str){name.at + skip, name.size - skip})) {
            evict(cache, files[i]);
        }
    }
    pthread_mutex_unlock(&cache->evicting);
    free(files);
}

/* The disk is full. */
static bool make_room(void *self, uint64_t bytes)
{
    struct weir_cache *cache = ((cached *)self)->cache;
    pthread_mutex_lock(&cache->evicting);
    uint64_t had = atomic_load(&cache->bytes), want = 2 * bytes + (1u << 20);
    shrink_to(cache, had > want ? had - want : 0);
    pthread_mutex_unlock(&cache->evicting);
    return atomic_load(&cache->bytes) < had;
}

static bool take_memory(struct weir_cache *cache, uint64_t bytes)
{
    uint64_t limit = cache->options.limit_bytes / MEMORY_SHARE,
             before = atomic_fetch_add(&cache->memory_bytes, bytes);
    bool ok = before + bytes <= limit;
    if (!ok) {
        atomic_fetch_sub(&cache->memory_bytes, bytes);
    }
    return ok;
}

/* What is in memory is left to those who hold it: who needs it next begins with the disk again,
 * which may have room by now. */
static void leave_memory(struct weir_cache *cache)
{
    pthread_mutex_lock(&cache->evicting);
    pthread_mutex_lock(&cache->lock);
    size_t count = 0;
    cached **files = weir_alloc((cache->count + 1) * sizeof(cached *));
    for (size_t i = 0; i < cache->count; i++) {
        cached *file = cache->files[i];
        bool left = !file->lazy && file->alive > 0; /* before, while somebody opened it */
        if (left || (file->lazy && weir_lazy_in_memory(file->lazy))) {
            file->lazy = NULL; /* the next one to open it makes a new file */
            files[count++] = file;
        }
    }
    pthread_mutex_unlock(&cache->lock);
    for (size_t i = 0; i < count; i++) {
        close_opened(cache, files[i], true);
    }
    pthread_mutex_unlock(&cache->evicting);
    free(files);
}

static bool use_memory(void *self, int64_t bytes)
{
    struct weir_cache *cache = ((cached *)self)->cache;
    if (bytes <= 0) {
        atomic_fetch_sub(&cache->memory_bytes, (uint64_t)-bytes);
        return true;
    }
    if (take_memory(cache, (uint64_t)bytes)) {
        return true;
    }
    leave_memory(cache);
    return take_memory(cache, (uint64_t)bytes);
}

static void grown(void *self, int64_t bytes)
{
    cached *file = self;
    atomic_fetch_add(&file->bytes, (uint64_t)bytes);
    atomic_fetch_add(&file->cache->bytes, (uint64_t)bytes);
    weir_cache_shrink(file->cache);
}

static void closed(void *self, weir_lazy *lazy)
{
    cached *file = self;
    struct weir_cache *cache = file->cache;
    pthread_mutex_lock(&cache->lock);
    file->lazy = file->lazy == lazy ? NULL : file->lazy;
    file->alive--;
    if (!cache->folder && file->alive == 0) { /* memory is gone with it */
        set_bytes(file, 0);
    }
    pthread_mutex_unlock(&cache->lock);
}

/* ---- life ---- */

struct weir_cache *weir_cache_new(const weir_cache_options *options)
{
    struct weir_cache *cache = weir_calloc(1, sizeof(*cache));
    cache->options = *options;
    cache->options.limit_bytes = options->limit_bytes ? options->limit_bytes : (uint64_t)16 << 30;
    cache->folder = options->path ? path_of(options->path, "cache") : NULL;
    pthread_mutex_init(&cache->evicting, NULL);
    pthread_mutex_init(&cache->lock, NULL);
    if (cache->folder) {
        scan(cache, cache->folder, NULL);
        weir_cache_shrink(cache);
    }
    return cache;
}

void weir_cache_free(struct weir_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        free(cache->files[i]->name);
        free(cache->files[i]);
    }
    free(cache->files);
    free(cache->folder);
    pthread_mutex_destroy(&cache->lock);
    pthread_mutex_destroy(&cache->evicting);
    free(cache);
}

uint64_t weir_cache_bytes(struct weir_cache *cache)
{
    return atomic_load(&cache->bytes);
}

/* ---- opening ---- */

/* Makes the folder of a table's cache; false: it cannot be made. */
static bool make_folder(struct weir_cache *cache, weir_str table_id)
{
    weir_arena *arena = weir_arena_new();
    weir_str path = weir_arena_printf(arena, "%s/%.*s", cache->folder, WEIR_STR_ARG(table_id));
    mkdir(cache->folder, 0777);
    bool made = mkdir(path.at, 0777) == 0 || errno == EEXIST;
    weir_arena_free(arena);
    return made;
}

/* The one that is open, used from now on. Lock held. */
static weir_lazy *take_open(cached *file)
{
    use(file);
    return file->lazy && weir_lazy_try_ref(file->lazy) ? file->lazy : NULL;
}

weir_lazy *weir_cache_open(struct weir_cache *cache, weir_str table, weir_str table_id,
                           const weir_added *added, weir_error *err)
{
    char *name = name_of(table_id, added->id), *path = NULL;
    pthread_mutex_lock(&cache->lock);
    cached *file = note_file(cache, name);
    weir_lazy *lazy = take_open(file), *other = NULL;
    file->alive += lazy == NULL; /* nobody throws it out meanwhile */
    pthread_mutex_unlock(&cache->lock);
    if (!lazy) {
        weir_arena *arena = weir_arena_new();
        path = cache->folder && make_folder(cache, table_id) ? path_of(cache->folder, name) : NULL;
        lazy = weir_lazy_open(&(weir_lazy_options){.store = cache->options.store,
                                                   .fetcher = cache->options.fetcher,
                                                   .threads = cache->options.threads,
                                                   .clock = cache->options.clock,
                                                   .key = weir_key_segment(arena, table, added->id),
                                                   .path = path,
                                                   .size = added->bytes,
                                                   .grown = grown,
                                                   .room = make_room,
                                                   .memory = use_memory,
                                                   .closed = closed,
                                                   .self = file},
                              err);
        uint64_t there = lazy ? weir_lazy_there(lazy) : 0;
        pthread_mutex_lock(&cache->lock);
        other = lazy ? take_open(file) : NULL;
        if (lazy && !other) {
            file->lazy = lazy;
            set_bytes(file, there);
        }
        pthread_mutex_unlock(&cache->lock);
        weir_arena_free(arena);
    }
    free(name);
    free(path);
    if (other) { /* another thread was faster */
        weir_lazy_unref(lazy);
        lazy = other;
    }
    return lazy;
}

void weir_cache_use(weir_lazy *lazy)
{
    use(weir_lazy_self(lazy));
}

void weir_cache_adopt(struct weir_cache *cache, weir_str table_id, weir_str id, const char *path)
{
    struct stat info;
    bool adopted = false;
    if (!cache->options.store->ops->map && cache->folder && stat(path, &info) == 0 &&
        make_folder(cache, table_id)) {
        char *name = name_of(table_id, id), *own = path_of(cache->folder, name);
        pthread_mutex_lock(&cache->lock);
        cached *file = note_file(cache, name);
        adopted = file->alive == 0 && rename(path, own) == 0; /* else a query was here first */
        if (adopted) {
            set_bytes(file, (uint64_t)info.st_blocks * 512);
        }
        pthread_mutex_unlock(&cache->lock);
        free(name);
        free(own);
    }
    if (!adopted) {
        unlink(path);
    }
    weir_cache_shrink(cache);
}
