/* base/machine.c - see include/weir/machine.h. /proc/self/cgroup has a line per hierarchy,
 * number:controllers:path; the unified one (version 2) has no controllers. Within a container the
 * path may be the host's, which is not mounted there: then the mount's top is ours. */
#include "weir/machine.h"
#include "weir/str.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* A limit that a file holds; SIZE_MAX: none ("max", no file, nonsense). */
static size_t read_limit(const char *path)
{
    char text[64] = "";
    FILE *file = fopen(path, "re");
    int64_t bytes = 0;
    if (!file) {
        return SIZE_MAX;
    }
    bool ok = fgets(text, sizeof(text), file) != NULL;
    fclose(file);
    text[strcspn(text, "\n")] = 0;
    ok = ok && text[0] >= '0' && text[0] <= '9';
    bytes = ok ? strtoll(text, NULL, 10) : 0;
    return bytes > 0 ? (size_t)bytes : SIZE_MAX;
}

/* The least limit of a group and its parents. Cuts `group` ("/a/b") on its way up. */
static size_t least_limit(const char *mount, char *group, const char *name)
{
    size_t least = SIZE_MAX;
    for (;;) {
        char path[PATH_BYTES];
        int size = snprintf(path, sizeof(path), "%s%s/%s", mount, group, name);
        size_t limit = size < (int)sizeof(path) ? read_limit(path) : SIZE_MAX;
        least = limit < least ? limit : least;
        char *last = strrchr(group, '/');
        if (!last) {
            return least;
        }
        *last = 0;
    }
}

static size_t limit_of_line(const char *root, char *line)
{
    char mount[PATH_BYTES];
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : 0;
    if (!group) {
        return SIZE_MAX;
    }
    *group++ = 0;
    controllers++;
    bool unified = controllers[0] == 0;
    if (!unified && strcmp(controllers, "memory") != 0) {
        return SIZE_MAX;
    }
    int size = snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup%s", root, unified ? "" : "/memory");
    return size < (int)sizeof(mount)
               ? least_limit(mount, group, unified ? "memory.max" : "memory.limit_in_bytes")
               : SIZE_MAX;
}

size_t weir_machine_bytes_at(const char *root, size_t physical_bytes)
{
    char line[PATH_BYTES];
    size_t least = physical_bytes;
    int size = snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
    FILE *file = size < (int)sizeof(line) ? fopen(line, "re") : NULL;
    while (file && fgets(line, sizeof(line), file)) {
        size_t limit = limit_of_line(root, line);
        least = limit < least ? limit : least;
    }
    if (file) {
        fclose(file);
    }
    return least;
}

size_t weir_machine_bytes(void)
{
    return weir_machine_bytes_at("",
                                 (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE));
}
