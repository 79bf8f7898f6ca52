/* cli/data_dir.c - see data_dir.h. */
#include "cli/data_dir.h"
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

bool weir_data_dir_open(const char *path, weir_arena *arena, weir_data_dir *out, weir_error *err)
{
    const char *work = weir_arena_printf(arena, "%s/work", path).at;
    const char *own = weir_arena_printf(arena, "%s/%ld", work, (long)getpid()).at;
    const char *store = weir_arena_printf(arena, "%s/store", path).at;
    if (!make_folder(path, err) || !make_folder(work, err)) {
        return false;
    }
    clear_dead(work, arena);
    remove_tree(own);
    if (!make_folder(own, err)) {
        return false;
    }
    out->store = weir_store_dir_open(store, err);
    out->work_path = own;
    return out->store != NULL;
}

void weir_data_dir_close(weir_data_dir *dir)
{
    weir_store_free(dir->store);
    remove_tree(dir->work_path);
}
