/* segments/store_dir.c - a store in a directory: an object is a file. docs/PROTOCOL.md, section 1,
 * "Directory store". put_if_absent: write and fsync a temporary, link it to its name (which fails
 * when the name exists), fsync the folder. Whoever dies in between leaves a temporary file, never
 * half an object. An answer of DONE or EXISTS means that the name is durable, also when another
 * process linked it a moment ago. */
#include "segments/store_dir.h"
#include "weir/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY_FOLDER ".tmp"
#define LEFTOVER_SECONDS 3600
#define COPY_BYTES (1u << 20)

typedef struct dir_store {
    weir_store base;
    const weir_disk *disk;
    int root;             /* descriptor */
    bool no_links;        /* the file system has none: renameat2 */
    pthread_mutex_t lock; /* guards known */
    weir_str *known;      /* folders that are durable */
    size_t known_count;
} dir_store;

static int system_open(int folder, const char *path, int flags, mode_t mode)
{
    return openat(folder, path, flags, mode);
}
static int system_link(int folder, const char *from, const char *to)
{
    return linkat(folder, from, folder, to, 0);
}
static int system_rename(int folder, const char *from, const char *to, bool replace)
{
    return renameat2(folder, from, folder, to, replace ? 0 : RENAME_NOREPLACE);
}
static int system_unlink(int folder, const char *path)
{
    return unlinkat(folder, path, 0);
}
const weir_disk weir_disk_system = {system_open, write,         fsync,        mkdirat,
                                    system_link, system_rename, system_unlink};

/* "" or a reason not to touch the file system with this key. */
static bool key_is_safe(weir_str key)
{
    size_t from = 0;
    for (size_t i = 0; i <= key.size; i++) {
        if (i == key.size || key.at[i] == '/') {
            if (i == from || key.at[from] == '.' || i - from > 255) {
                return false;
            }
            from = i + 1;
        } else if (key.at[i] == 0) {
            return false;
        }
    }
    return key.size < 3000;
}

static bool path_of(const dir_store *s, weir_str key, char path[3004], weir_error *err)
{
    if (!key_is_safe(key)) {
        return weir_fail(err, WEIR_ERR_STORE, "store %.*s: '%.*s' is no name of an object",
                         WEIR_STR_ARG(s->base.name), WEIR_STR_ARG(key));
    }
    memcpy(path, key.at, key.size);
    path[key.size] = 0;
    return true;
}

static bool fail_at(const dir_store *s, weir_error *err, const char *what, const char *path)
{
    int code = errno;
    return weir_fail(err, WEIR_ERR_STORE, "cannot %s %.*s/%s: %s", what, WEIR_STR_ARG(s->base.name),
                     path, strerror(code));
}

static bool sync_folder(dir_store *s, const char *folder, weir_error *err)
{
    int fd = s->disk->open(s->root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) {
        return fail_at(s, err, "open", folder);
    }
    bool ok = s->disk->fsync(fd) == 0 || fail_at(s, err, "sync", folder);
    close(fd);
    return ok;
}

static bool is_known(dir_store *s, weir_str folder)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->known_count && !found; i++) {
        found = weir_str_eq(s->known[i], folder);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void remember(dir_store *s, weir_str folder)
{
    weir_str copy = weir_str_dup(folder);
    weir_str *more = NULL, *old = NULL;
    pthread_mutex_lock(&s->lock);
    if ((s->known_count & (s->known_count + 1)) == 0) { /* 0, 1, 3, 7 ...: full */
        old = s->known;
        more = weir_alloc((s->known_count * 2 + 1) * sizeof(*more));
        if (s->known_count > 0) {
            memcpy(more, old, s->known_count * sizeof(*more));
        }
        s->known = more;
    }
    s->known[s->known_count++] = copy;
    pthread_mutex_unlock(&s->lock);
    free(old);
}

/* Makes the folders above `path`. Each is made durable in its parent before anything is put into
 * it; also one that is there already, as another process may have made it a moment ago. */
static bool make_folders(dir_store *s, const char *path, weir_error *err)
{
    char folder[3004], parent[3004] = ".";
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t size = (size_t)(slash - path);
        memcpy(folder, path, size);
        folder[size] = 0;
        if (!is_known(s, (weir_str){folder, size})) {
            if (s->disk->mkdir(s->root, folder, 0777) != 0 && errno != EEXIST) {
                return fail_at(s, err, "make", folder);
            }
            if (!sync_folder(s, parent, err)) {
                return false;
            }
            remember(s, (weir_str){folder, size});
        }
        memcpy(parent, folder, size + 1);
    }
    return true;
}

static const char *parent_of(const char *path, char parent[3004])
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;
    memcpy(parent, path, size);
    parent[size] = 0;
    return size > 0 ? parent : ".";
}

static bool write_all(dir_store *s, int fd, const char *bytes, size_t size, const char *path,
                      weir_error *err)
{
    while (size > 0) {
        ssize_t n = s->disk->write(fd, bytes, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return fail_at(s, err, "write", path);
        }
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

/* The content of a new object: bytes, or a local file. */
typedef struct content {
    weir_str bytes;
    const char *file; /* NULL: bytes */
} content;

static bool write_file(dir_store *s, int fd, const char *file, const char *path, weir_error *err)
{
    int from = open(file, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return weir_fail(err, WEIR_ERR_STORE, "cannot open %s: %s", file, strerror(errno));
    }
    char *part = weir_alloc(COPY_BYTES);
    bool ok = true;
    ssize_t n = 1;
    while (ok && n > 0) {
        n = read(from, part, COPY_BYTES);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        ok = n >= 0 ? write_all(s, fd, part, (size_t)n, path, err)
                    : weir_fail(err, WEIR_ERR_STORE, "cannot read %s: %s", file, strerror(errno));
    }
    free(part);
    close(from);
    return ok;
}

/* A temporary with the content, on disk to the last byte. `name` says which object it is for, in
 * errors. */
static bool write_temporary(dir_store *s, const content *from, const char *name, char temporary[40],
                            weir_error *err)
{
    snprintf(temporary, 40, TEMPORARY_FOLDER "/%016" PRIx64, weir_random(&weir_clock_system));
    int fd = s->disk->open(s->root, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return fail_at(s, err, "make a temporary for", name);
    }
    bool ok = from->file ? write_file(s, fd, from->file, name, err)
                         : write_all(s, fd, from->bytes.at, from->bytes.size, name, err);
    ok = ok && (s->disk->fsync(fd) == 0 || fail_at(s, err, "sync", name));
    if (close(fd) != 0 && ok) {
        ok = fail_at(s, err, "close", name);
    }
    if (!ok) {
        s->disk->unlink(s->root, temporary);
    }
    return ok;
}

/* DONE: the name is there, not yet durable. */
static weir_put give_name(dir_store *s, const char *temporary, const char *path, bool if_absent,
                          weir_error *err)
{
    int result = !if_absent    ? s->disk->rename(s->root, temporary, path, true)
                 : s->no_links ? s->disk->rename(s->root, temporary, path, false)
                               : s->disk->link(s->root, temporary, path);
    if (result == 0) {
        return WEIR_PUT_DONE;
    }
    if (errno == EEXIST && if_absent) {
        return WEIR_PUT_EXISTS;
    }
    bool definite = errno == ENOSPC || errno == EDQUOT || errno == ENOENT || errno == EACCES ||
                    errno == EPERM || errno == EROFS || errno == EMLINK || errno == EINVAL;
    fail_at(s, err, "name", path);
    return definite ? WEIR_PUT_FAILED : WEIR_PUT_UNKNOWN;
}

static weir_put put(weir_store *store, weir_str key, const content *from, bool if_absent,
                    weir_error *err)
{
    dir_store *s = (dir_store *)store;
    char path[3004], parent[3004], temporary[40];
    if (!path_of(s, key, path, err) || !make_folders(s, path, err) ||
        !write_temporary(s, from, path, temporary, err)) {
        return WEIR_PUT_FAILED;
    }
    weir_put result = give_name(s, temporary, path, if_absent, err);
    if ((result == WEIR_PUT_DONE || result == WEIR_PUT_EXISTS) &&
        !sync_folder(s, parent_of(path, parent), err)) {
        result = WEIR_PUT_UNKNOWN;
    }
    s->disk->unlink(s->root, temporary); /* gone already after a rename */
    return result;
}

static weir_put dir_put_if_absent(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    return put(store, key, &(content){.bytes = bytes}, true, err);
}

static weir_put dir_put(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    return put(store, key, &(content){.bytes = bytes}, false, err);
}

static weir_put dir_put_file(weir_store *store, weir_str key, const char *path, weir_error *err)
{
    return put(store, key, &(content){.file = path}, false, err);
}

/* A descriptor of the object, its size. */
static weir_get open_object(dir_store *s, const char *path, int *fd, uint64_t *size,
                            weir_error *err)
{
    struct stat info;
    *fd = openat(s->root, path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return WEIR_GET_NONE;
        }
        fail_at(s, err, "open", path);
        return WEIR_GET_FAILED;
    }
    if (fstat(*fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        fail_at(s, err, "read", path);
        close(*fd);
        return WEIR_GET_FAILED;
    }
    *size = (uint64_t)info.st_size;
    return WEIR_GET_FOUND;
}

static weir_get dir_get(weir_store *store, weir_str key, uint64_t from, uint64_t size,
                        weir_buf *out, weir_error *err)
{
    dir_store *s = (dir_store *)store;
    char path[3004];
    uint64_t total;
    int fd;
    if (!path_of(s, key, path, err)) {
        return WEIR_GET_FAILED;
    }
    weir_get got = open_object(s, path, &fd, &total, err);
    if (got != WEIR_GET_FOUND) {
        return got;
    }
    from = from < total ? from : total;
    size = size == 0 || size > total - from ? total - from : size;
    weir_buf_reserve(out, size);
    while (size > 0) {
        ssize_t n = pread(fd, out->at + out->size, size, (off_t)from);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            fail_at(s, err, "read", path);
            got = WEIR_GET_FAILED;
        }
        if (n <= 0) {
            break; /* shorter than it was: the checksum of whoever reads finds it */
        }
        out->size += (size_t)n;
        from += (uint64_t)n;
        size -= (uint64_t)n;
    }
    close(fd);
    return got;
}

static void release_map(void *self)
{
    weir_bytes *bytes = self;
    munmap((void *)(uintptr_t)bytes->at, bytes->size);
    free(bytes);
}

static bool dir_map(weir_store *store, weir_str key, weir_bytes *out, weir_error *err)
{
    dir_store *s = (dir_store *)store;
    char path[3004];
    uint64_t size;
    int fd;
    if (!path_of(s, key, path, err)) {
        return false;
    }
    weir_get got = open_object(s, path, &fd, &size, err);
    if (got != WEIR_GET_FOUND) {
        return got == WEIR_GET_NONE ? weir_fail(err, WEIR_ERR_STORE, "%.*s/%s is not there",
                                                WEIR_STR_ARG(s->base.name), path)
                                    : false;
    }
    void *at = size > 0 ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (at == MAP_FAILED) {
        errno = size > 0 ? errno : ENODATA;
        fail_at(s, err, "map", path);
        close(fd);
        return false;
    }
    close(fd);
    weir_bytes *self = weir_alloc(sizeof(*self));
    *self = (weir_bytes){at, size, release_map, self, NULL};
    *out = *self;
    return true;
}

static bool dir_remove(weir_store *store, weir_str key, weir_error *err)
{
    dir_store *s = (dir_store *)store;
    char path[3004];
    if (!path_of(s, key, path, err)) {
        return false;
    }
    return s->disk->unlink(s->root, path) == 0 || errno == ENOENT || errno == ENOTDIR ||
           fail_at(s, err, "delete", path);
}

typedef struct listing {
    dir_store *store;
    weir_str prefix, after;
    bool (*see)(void *self, weir_str key, uint64_t size);
    void *self;
    weir_error *err;
    bool stopped;
} listing;

typedef struct entry { /* of a folder; a folder's own name ends with '/', so that order is that of
                          whole keys */
    weir_str name;
    bool folder;
} entry;

static int compare_entries(const void *a, const void *b)
{
    return weir_str_cmp(((const entry *)a)->name, ((const entry *)b)->name);
}

/* What lies in the folder `path` ("" : the root), ascending. */
static bool read_folder(listing *l, weir_str path, weir_arena *arena, entry **out, size_t *count)
{
    dir_store *s = l->store;
    const char *name = path.size > 0 ? weir_arena_text(arena, path) : ".";
    int fd = openat(s->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        bool absent = fd < 0 && errno == ENOENT; /* deleted meanwhile */
        bool ok = absent || fail_at(s, l->err, "list", name);
        if (fd >= 0) {
            close(fd);
        }
        return ok;
    }
    size_t room = 0;
    entry *entries = NULL;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        struct stat info;
        bool folder = e->d_type == DT_DIR;
        if (e->d_name[0] == '.') {
            continue;
        }
        if (e->d_type == DT_UNKNOWN) {
            folder = fstatat(fd, e->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
        }
        if (*count == room) {
            room = room ? room * 2 : 64;
            entries = weir_realloc(entries, room * sizeof(*entries));
        }
        entries[(*count)++] =
            (entry){weir_arena_printf(arena, "%s%s", e->d_name, folder ? "/" : ""), folder};
    }
    closedir(dir);
    if (*count > 1) {
        qsort(entries, *count, sizeof(*entries), compare_entries);
    }
    *out = entries;
    return true;
}

/* Whether a key that begins with `path` (a folder's, ending with '/') may be wanted. */
static bool may_hold(const listing *l, weir_str path)
{
    bool below = weir_str_starts(path, l->prefix) || weir_str_starts(l->prefix, path);
    return below && (weir_str_cmp(path, l->after) >= 0 || weir_str_starts(l->after, path));
}

static bool list_folder(listing *l, weir_str path)
{
    weir_arena *arena = weir_arena_new();
    entry *entries = NULL;
    size_t count = 0;
    bool ok = read_folder(l, path, arena, &entries, &count);
    for (size_t i = 0; ok && i < count && !l->stopped; i++) {
        weir_str key =
            weir_arena_printf(arena, "%.*s%.*s", WEIR_STR_ARG(path), WEIR_STR_ARG(entries[i].name));
        struct stat info;
        if (entries[i].folder) {
            ok = !may_hold(l, key) || list_folder(l, key);
        } else if (weir_str_starts(key, l->prefix) && weir_str_cmp(key, l->after) > 0 &&
                   fstatat(l->store->root, key.at, &info, 0) == 0) {
            l->stopped = !l->see(l->self, key, (uint64_t)info.st_size);
        }
    }
    free(entries);
    weir_arena_free(arena);
    return ok;
}

static bool dir_list(weir_store *store, weir_str prefix, weir_str after,
                     bool (*see)(void *self, weir_str key, uint64_t size), void *self,
                     weir_error *err)
{
    listing l = {(dir_store *)store, prefix, after, see, self, err, false};
    return list_folder(&l, (weir_str){0});
}

static void dir_free(weir_store *store)
{
    dir_store *s = (dir_store *)store;
    for (size_t i = 0; i < s->known_count; i++) {
        free((void *)(uintptr_t)s->known[i].at);
    }
    free(s->known);
    if (s->root >= 0) {
        close(s->root);
    }
    pthread_mutex_destroy(&s->lock);
    free((void *)(uintptr_t)s->base.name.at);
    free(s);
}

/* Temporaries of processes that died. Young ones may be under way in another process: deleting one
 * by mistake would only fail that put. */
static void delete_leftovers(dir_store *s)
{
    int fd = openat(s->root, TEMPORARY_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct stat info;
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        if (e->d_name[0] != '.' && fstatat(fd, e->d_name, &info, 0) == 0 &&
            time(NULL) - info.st_mtime > LEFTOVER_SECONDS) {
            unlinkat(fd, e->d_name, 0);
        }
    }
    if (dir) {
        closedir(dir);
    } else if (fd >= 0) {
        close(fd);
    }
}

/* Makes `path` and its parents. */
static bool make_root(const weir_disk *disk, const char *path, weir_error *err)
{
    char part[4096];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(part)) {
        return weir_fail(err, WEIR_ERR_STORE, "'%.100s' is no path of a store", path);
    }
    for (size_t i = 1; i <= size; i++) {
        if (path[i] == '/' || path[i] == 0) {
            memcpy(part, path, i);
            part[i] = 0;
            if (disk->mkdir(AT_FDCWD, part, 0777) != 0 && errno != EEXIST && errno != EISDIR) {
                return weir_fail(err, WEIR_ERR_STORE, "cannot make %s: %s", part, strerror(errno));
            }
        }
    }
    return true;
}

/* Whether names can be given at most once here: by link, else by a rename that refuses. */
static bool find_way(dir_store *s, weir_error *err)
{
    char temporary[40], name[48];
    if (!write_temporary(s, &(content){.bytes = WEIR_STR("weir\n")}, "a first file", temporary,
                         err)) {
        return false;
    }
    snprintf(name, sizeof(name), "%s.link", temporary);
    bool ok = s->disk->link(s->root, temporary, name) == 0;
    if (!ok && (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK ||
                errno == EINVAL)) {
        s->no_links = true;
        ok = s->disk->rename(s->root, temporary, name, false) == 0;
    }
    if (!ok) {
        weir_fail(err, WEIR_ERR_STORE,
                  "the file system of %.*s has neither hard links nor renames that refuse: %s",
                  WEIR_STR_ARG(s->base.name), strerror(errno));
    }
    s->disk->unlink(s->root, name);
    s->disk->unlink(s->root, temporary);
    return ok;
}

weir_store *weir_store_dir_open_on(const char *path, const weir_disk *disk, weir_error *err)
{
    static const weir_store_ops ops = {.put_if_absent = dir_put_if_absent,
                                       .put = dir_put,
                                       .put_file = dir_put_file,
                                       .get = dir_get,
                                       .list = dir_list,
                                       .remove = dir_remove,
                                       .map = dir_map,
                                       .free = dir_free};
    if (!make_root(disk, path, err)) {
        return NULL;
    }
    dir_store *s = weir_calloc(1, sizeof(*s));
    s->base = (weir_store){&ops, weir_str_dup(weir_str_of(path))};
    s->disk = disk;
    pthread_mutex_init(&s->lock, NULL);
    s->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->root < 0) {
        weir_fail(err, WEIR_ERR_STORE, "cannot open %s: %s", path, strerror(errno));
    } else if ((disk->mkdir(s->root, TEMPORARY_FOLDER, 0777) == 0 || errno == EEXIST ||
                fail_at(s, err, "make", TEMPORARY_FOLDER)) &&
               find_way(s, err)) {
        delete_leftovers(s);
        return &s->base;
    }
    dir_free(&s->base);
    return NULL;
}

weir_store *weir_store_dir_open(const char *path, weir_error *err)
{
    return weir_store_dir_open_on(path, &weir_disk_system, err);
}
