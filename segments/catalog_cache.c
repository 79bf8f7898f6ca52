/* segments/catalog_cache.c - frozen segments on the local disk, for stores that cannot map:
 * <path>/cache/<table id>/<segment id>, whole files, bounded. A name holds the table's id, so that
 * a file never answers for another table of that name. What was read last goes last; a file that is
 * deleted while a query has it mapped lives on for that query. */
#include "segments/catalog_table.h"
#include "weir/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct cached {
    char *path;           /* owned */
    uint64_t bytes, used; /* used: a count that rises with each use */
} cached;

struct weir_cache {
    char *folder;
    uint64_t limit_bytes;
    pthread_mutex_t lock; /* guards all below */
    cached *files;
    size_t count, room;
    uint64_t bytes, clock, temporaries;
};

static size_t find_file(const struct weir_cache *cache, const char *path)
{
    size_t i = 0;
    while (i < cache->count && strcmp(cache->files[i].path, path) != 0) {
        i++;
    }
    return i;
}

/* Takes ownership of `path`. */
static void note_file(struct weir_cache *cache, char *path, uint64_t bytes)
{
    pthread_mutex_lock(&cache->lock);
    size_t i = find_file(cache, path);
    if (i == cache->count) {
        if (cache->count == cache->room) {
            cache->room = cache->room ? cache->room * 2 : 64;
            cache->files = weir_realloc(cache->files, cache->room * sizeof(*cache->files));
        }
        cache->files[cache->count++] = (cached){path, bytes, ++cache->clock};
        cache->bytes += bytes;
        path = NULL;
    } else {
        cache->files[i].used = ++cache->clock;
    }
    pthread_mutex_unlock(&cache->lock);
    free(path);
}

/* The path of the file used longest ago, when there is too much; the caller deletes it. */
static char *take_victim(struct weir_cache *cache)
{
    char *path = NULL;
    pthread_mutex_lock(&cache->lock);
    if (cache->bytes > cache->limit_bytes && cache->count > 1) {
        size_t oldest = 0;
        for (size_t i = 1; i < cache->count; i++) {
            oldest = cache->files[i].used < cache->files[oldest].used ? i : oldest;
        }
        path = cache->files[oldest].path;
        cache->bytes -= cache->files[oldest].bytes;
        cache->files[oldest] = cache->files[--cache->count];
    }
    pthread_mutex_unlock(&cache->lock);
    return path;
}

static void shrink(struct weir_cache *cache)
{
    for (char *path = take_victim(cache); path; path = take_victim(cache)) {
        unlink(path);
        free(path);
    }
}

static char *path_of(const char *folder, weir_str name)
{
    size_t size = strlen(folder) + name.size + 2;
    char *path = weir_alloc(size);
    snprintf(path, size, "%s/%.*s", folder, WEIR_STR_ARG(name));
    return path;
}

/* Files of an earlier run count against the bound; temporaries go. */
static void scan(struct weir_cache *cache, const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        struct stat info;
        if (e->d_name[0] == '.') {
            continue;
        }
        char *path = path_of(folder, weir_str_of(e->d_name));
        bool there = stat(path, &info) == 0;
        if (there && S_ISDIR(info.st_mode) && depth == 0) {
            scan(cache, path, 1);
            free(path);
        } else if (there && S_ISREG(info.st_mode) && strlen(e->d_name) == 37) {
            note_file(cache, path, (uint64_t)info.st_size);
        } else {
            unlink(path);
            free(path);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

struct weir_cache *weir_cache_new(const char *path, size_t limit_bytes)
{
    struct weir_cache *cache = weir_calloc(1, sizeof(*cache));
    cache->folder = path ? path_of(path, WEIR_STR("cache")) : NULL;
    cache->limit_bytes = limit_bytes ? limit_bytes : (size_t)16 << 30;
    pthread_mutex_init(&cache->lock, NULL);
    if (cache->folder) {
        scan(cache, cache->folder, 0);
        shrink(cache);
    }
    return cache;
}

void weir_cache_free(struct weir_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        free(cache->files[i].path);
    }
    free(cache->files);
    free(cache->folder);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* Makes the folder of a table's cache; false: it cannot be made. */
static bool make_folder(struct weir_cache *cache, weir_str table_id, char **out)
{
    *out = path_of(cache->folder, table_id);
    mkdir(cache->folder, 0777);
    return mkdir(*out, 0777) == 0 || errno == EEXIST;
}

static bool write_whole(const char *path, weir_str bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    bool ok = fd >= 0;
    for (size_t at = 0; ok && at < bytes.size;) {
        ssize_t n = write(fd, bytes.at + at, bytes.size - at);
        ok = n > 0 || (n < 0 && errno == EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static bool get_whole(weir_store *store, weir_str table, const weir_added *added, weir_buf *out,
                      weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_str key = weir_key_segment(arena, table, added->id);
    weir_get got = store->ops->get(store, key, 0, 0, out, err);
    bool ok = got == WEIR_GET_FOUND;
    if (got == WEIR_GET_NONE) {
        weir_fail(err, WEIR_ERR_STORE, "segment %.*s is not in store %.*s", WEIR_STR_ARG(key),
                  WEIR_STR_ARG(store->name));
    }
    if (ok && out->size != added->bytes) {
        ok = weir_fail(err, WEIR_ERR_CORRUPT, "segment %.*s has %zu bytes and not %lu",
                       WEIR_STR_ARG(key), out->size, added->bytes);
    }
    weir_arena_free(arena);
    return ok;
}

static bool fetch_to_memory(weir_store *store, weir_str table, const weir_added *added,
                            weir_bytes *out, weir_error *err)
{
    weir_buf bytes = {0};
    if (!get_whole(store, table, added, &bytes, err)) {
        weir_buf_done(&bytes);
        return false;
    }
    *out = (weir_bytes){(const uint8_t *)bytes.at, bytes.size, free, bytes.at};
    return true;
}

static bool fetch(struct weir_cache *cache, weir_store *store, weir_str table, weir_str table_id,
                  const weir_added *added, const char *path, weir_error *err)
{
    weir_buf bytes = {0};
    char *folder = NULL, temporary[64];
    bool ok = get_whole(store, table, added, &bytes, err);
    if (ok) {
        snprintf(temporary, sizeof(temporary), "part-%lu",
                 __atomic_add_fetch(&cache->temporaries, 1, __ATOMIC_RELAXED));
        ok = make_folder(cache, table_id, &folder);
        char *part = path_of(folder, weir_str_of(temporary));
        unlink(part);
        ok = ok && write_whole(part, weir_buf_view(&bytes)) && rename(part, path) == 0;
        if (!ok) {
            weir_fail(err, WEIR_ERR_STORE, "cannot keep a segment as %s: %s", path,
                      strerror(errno));
            unlink(part);
        }
        free(part);
    }
    free(folder);
    weir_buf_done(&bytes);
    return ok;
}

static char *file_of(struct weir_cache *cache, weir_str table_id, weir_str id)
{
    char *folder = path_of(cache->folder, table_id), *path = path_of(folder, id);
    free(folder);
    return path;
}

bool weir_cache_open(struct weir_cache *cache, weir_store *store, weir_str table, weir_str table_id,
                     const weir_added *added, weir_bytes *out, bool *fetched, weir_error *err)
{
    *fetched = false;
    if (store->ops->map) {
        weir_arena *arena = weir_arena_new();
        bool mapped = store->ops->map(store, weir_key_segment(arena, table, added->id), out, err);
        weir_arena_free(arena);
        return mapped;
    }
    if (!cache->folder) {
        *fetched = true;
        return fetch_to_memory(store, table, added, out, err);
    }
    char *path = file_of(cache, table_id, added->id);
    struct stat info;
    bool ok = stat(path, &info) == 0 && (uint64_t)info.st_size == added->bytes;
    if (!ok) {
        *fetched = true;
        ok = fetch(cache, store, table, table_id, added, path, err);
    }
    ok = ok && weir_bytes_map(path, out, err);
    if (ok) {
        note_file(cache, path, added->bytes);
        shrink(cache);
    } else {
        free(path);
    }
    return ok;
}

void weir_cache_forget(struct weir_cache *cache, weir_str table_id, weir_str id)
{
    if (cache->folder) {
        char *path = file_of(cache, table_id, id);
        unlink(path); /* what is noted of it is put right when it is fetched again */
        free(path);
    }
}

void weir_cache_adopt(struct weir_cache *cache, weir_store *store, weir_str table,
                      weir_str table_id, weir_str id, const char *path)
{
    char *folder = NULL;
    struct stat info;
    (void)table;
    if (store->ops->map || !cache->folder || stat(path, &info) != 0 ||
        !make_folder(cache, table_id, &folder)) {
        unlink(path);
    } else {
        char *own = path_of(folder, id);
        if (rename(path, own) == 0) {
            note_file(cache, own, (uint64_t)info.st_size);
            shrink(cache);
        } else {
            unlink(path);
            free(own);
        }
    }
    free(folder);
}
