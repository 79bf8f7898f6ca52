/* tests/kill/crash.c - preloaded into weir: ends the process by SIGKILL at one chosen system call, so that a test can stop it between any two steps that a
 * disk can see. WEIR_CRASH="CALL PATTERN N WHEN": at the N-th CALL whose path fits the shell pattern (of two paths the new one).
 * CALL: open (of a file to be made), write, fsync, link, rename, unlink. WHEN: before, after, half (a write of half the bytes), lost (a link that is undone,
 * as a power failure undoes it when no sync of the folder followed). Counts from the moment that the file WEIR_CRASH_ARMED exists (not set: from the start). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char plan_call[16], plan_pattern[256], plan_when[16];
static int plan_n;
static _Atomic int seen;

__attribute__((constructor)) static void read_plan(void)
{
    const char *plan = getenv("WEIR_CRASH");
    if (plan && sscanf(plan, "%15s %255s %d %15s", plan_call, plan_pattern, &plan_n, plan_when) != 4) {
        fprintf(stderr, "WEIR_CRASH is wrong: %s\n", plan);
        abort();
    }
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) {
        pause();
    }
}

/* The path of `name` in `folder`; of the open file `folder` itself when name is NULL. */
static void path_of(int folder, const char *name, char *out, size_t size)
{
    char link[64];
    ssize_t n = 0;
    if (!name || name[0] != '/') {
        snprintf(link, sizeof(link), folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        n = readlink(link, out, size / 2);
        n = n < 0 ? 0 : n;
    }
    snprintf(out + n, size - (size_t)n, n > 0 && name ? "/%s" : "%s", name ? name : "");
}

/* Whether the plan speaks of this call. Dies here where it is to die before it. */
static bool is_planned(const char *call, int folder, const char *name)
{
    char path[8192];
    if (strcmp(call, plan_call) != 0) {
        return false;
    }
    path_of(folder, name, path, sizeof(path));
    const char *armed = getenv("WEIR_CRASH_ARMED");
    if (fnmatch(plan_pattern, path, 0) != 0 || (armed && access(armed, F_OK) != 0) || atomic_fetch_add(&seen, 1) + 1 != plan_n) {
        return false;
    }
    if (strcmp(plan_when, "before") == 0) {
        die();
    }
    return true;
}

static bool is_when(const char *when)
{
    return strcmp(plan_when, when) == 0;
}

static int open_in(int folder, const char *path, int flags, va_list more)
{
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    bool planned = (flags & O_CREAT) && is_planned("open", folder, path);
    int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (planned) {
        die();
    }
    return fd;
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int fd = open_in(folder, path, flags, more);
    va_end(more);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    int fd = open_in(AT_FDCWD, path, flags, more);
    va_end(more);
    return fd;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));

ssize_t write(int fd, const void *bytes, size_t size)
{
    bool planned = is_planned("write", fd, NULL);
    ssize_t n = syscall(SYS_write, fd, bytes, planned && is_when("half") ? size / 2 : size);
    if (planned) {
        die();
    }
    return n;
}

int fsync(int fd)
{
    bool planned = is_planned("fsync", fd, NULL);
    int result = (int)syscall(SYS_fsync, fd);
    if (planned) {
        die();
    }
    return result;
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    bool planned = is_planned("link", to_folder, to);
    int result = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (planned && is_when("lost")) {
        syscall(SYS_unlinkat, to_folder, to, 0);
    }
    if (planned) {
        die();
    }
    return result;
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    bool planned = is_planned("rename", to_folder, to);
    int result = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (planned) {
        die();
    }
    return result;
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    bool planned = is_planned("unlink", folder, path);
    int result = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (planned) {
        die();
    }
    return result;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}
