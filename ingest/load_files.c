/* ingest/load_files.c - see ingest/load_files.h. baseDir is walked whole, as Druid does; filter is
 * a pattern for names (* and ?). */
#include "ingest/load_files.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct found {
    weir_arena *arena;
    const char *root; /* nothing outside of it; NULL: anywhere */
    const char **paths;
    uint32_t count, capacity;
} found;

static void add(found *f, const char *path)
{
    if (f->count == f->capacity) {
        f->capacity = f->capacity * 2 + 16;
        const char **grown = WEIR_ARENA_ARRAY(f->arena, const char *, f->capacity);
        memcpy(grown, f->paths ? f->paths : (const char *[]){NULL}, sizeof(char *) * f->count);
        f->paths = grown;
    }
    f->paths[f->count++] = path;
}

/* Links are followed, so what counts is where they lead. */
static bool check_inside(const found *f, const char *path, weir_error *err)
{
    char *root = f->root ? realpath(f->root, NULL) : NULL,
         *real = f->root ? realpath(path, NULL) : NULL;
    size_t size = root ? strlen(root) : 0;
    bool inside = !f->root || (root && real && strncmp(root, real, size) == 0 &&
                               (real[size] == '/' || real[size] == 0 || size == 1));
    free(root);
    free(real);
    return inside ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST,
                     "ioConfig.inputSource: %s is not in the folder that tasks may read", path);
}

/* Relative names are below the root, if there is one. */
static const char *place(const found *f, weir_str path)
{
    return f->root && (path.size == 0 || path.at[0] != '/')
               ? weir_arena_printf(f->arena, "%s/%.*s", f->root, WEIR_STR_ARG(path)).at
               : weir_arena_text(f->arena, path);
}

static bool walk(found *f, const char *folder, const char *pattern, int depth, weir_error *err)
{
    DIR *dir = depth < 32 ? opendir(folder) : NULL;
    if (!dir) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "ioConfig.inputSource.baseDir: cannot list %s: %s", folder,
                         depth < 32 ? strerror(errno) : "too deep");
    }
    bool ok = true;
    struct dirent *entry;
    while (ok && (entry = readdir(dir))) {
        struct stat st;
        const char *path = weir_arena_printf(f->arena, "%s/%s", folder, entry->d_name).at;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            stat(path, &st) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            ok = walk(f, path, pattern, depth + 1, err);
        } else if (fnmatch(pattern, entry->d_name, 0) == 0) {
            ok = check_inside(f, path, err);
            add(f, path);
        }
    }
    closedir(dir);
    return ok;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool find_in_spec(const weir_spec *spec, found *f, weir_error *err)
{
    for (uint32_t i = 0; i < spec->file_count; i++) {
        const char *path = place(f, spec->files[i]);
        if (!check_inside(f, path, err)) {
            return false;
        }
        add(f, path);
    }
    if (spec->file_count > 0) {
        return true;
    }
    if (spec->base_dir.size == 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "no files were named, and ioConfig.inputSource is not local or inline");
    }
    const char *folder = place(f, spec->base_dir),
               *pattern = weir_arena_text(f->arena, spec->filter);
    if (!check_inside(f, folder, err) || !walk(f, folder, pattern, 0, err)) {
        return false;
    }
    qsort(f->paths, f->count, sizeof(char *), by_path);
    return f->count > 0 ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST, "no file in %s matches '%s'", folder, pattern);
}

bool weir_load_files_find(const weir_load_options *options, const weir_spec *spec,
                          weir_arena *arena, weir_load_files *out, weir_error *err)
{
    found f = {.arena = arena, .root = options->input_path};
    *out = (weir_load_files){0};
    if (options->file_count == 0 && spec->has_inline_data) {
        out->total_bytes = spec->inline_data.size;
        return true;
    }
    for (uint32_t i = 0; i < options->file_count; i++) {
        add(&f, options->files[i]);
    }
    if (options->file_count == 0 && !find_in_spec(spec, &f, err)) {
        return false;
    }
    for (uint32_t i = 0; i < f.count; i++) {
        struct stat st;
        if (stat(f.paths[i], &st) != 0) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST, "cannot open %s: %s", f.paths[i],
                             strerror(errno));
        }
        out->total_bytes += (uint64_t)st.st_size;
    }
    out->paths = f.paths;
    out->count = f.count;
    return true;
}
