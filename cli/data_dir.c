/* cli/data_dir.c - see data_dir.h. */
#include "cli/data_dir.h"
#include "weir/store_s3.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool make_folder(const char *path, weir_error *err)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return weir_fail(err, WEIR_ERR_STORE, "cannot make the folder %s: %s", path, strerror(errno));
    }
    return true;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void clear_dead(const char *work, weir_arena *arena)
{
    DIR *dir = opendir(work);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        int64_t pid;
        if (weir_str_to_long(weir_str_of(entry->d_name), &pid) && pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
            remove_tree(weir_arena_printf(arena, "%s/%s", work, entry->d_name).at);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static weir_store *open_store(const weir_config *config, weir_arena *arena, weir_error *err)
{
    if (!config->store[0]) {
        return weir_store_dir_open(weir_arena_printf(arena, "%s/store", config->data).at, err);
    }
    weir_s3_options options = {.url = weir_str_of(config->store), .endpoint = weir_str_of(config->s3_endpoint), .region = weir_str_of(config->s3_region),
                               .access_key = weir_str_of(config->s3_access_key), .secret_key = weir_str_of(config->s3_secret_key),
                               .path_style = config->s3_path_style, .clock = &weir_clock_system};
    return weir_s3_options_fill(&options, arena, err) ? weir_store_s3_open(&options, err) : NULL;
}

/* The cache outlives the process; two processes would throw each other's files away. */
static void choose_cache(const char *path, weir_data_dir *out)
{
    out->cache_path = path;
    out->cache_lock = open(weir_arena_printf(out->arena, "%s/cache.lock", path).at, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (out->cache_lock < 0 || flock(out->cache_lock, LOCK_EX | LOCK_NB) != 0) {
        out->cache_path = out->work_path;
    }
}

bool weir_data_dir_open(const weir_config *config, weir_arena *arena, weir_data_dir *out, weir_error *err)
{
    const char *path = config->data;
    const char *work = weir_arena_printf(arena, "%s/work", path).at;
    const char *own = weir_arena_printf(arena, "%s/%ld", work, (long)getpid()).at;
    if (!make_folder(path, err) || !make_folder(work, err)) {
        return false;
    }
    clear_dead(work, arena);
    remove_tree(own);
    if (!make_folder(own, err)) {
        return false;
    }
    *out = (weir_data_dir){.arena = arena, .work_path = own, .cache_lock = -1};
    out->store = open_store(config, arena, err);
    if (!out->store) {
        remove_tree(own);
        return false;
    }
    choose_cache(path, out);
    return true;
}

void weir_data_dir_close(weir_data_dir *dir)
{
    weir_store_free(dir->store);
    remove_tree(dir->work_path);
    if (dir->cache_lock >= 0) {
        close(dir->cache_lock);
    }
}
