/* segments/store_dir.h - the system calls of the directory store, as a table, so that a test can
 * fill the disk, fail an fsync or end the process between any two. */
#ifndef SEGMENTS_STORE_DIR_H
#define SEGMENTS_STORE_DIR_H
#include <sys/types.h>
#include "weir/store.h"

typedef struct weir_disk {
    int (*open)(int folder, const char *path, int flags, mode_t mode);
    ssize_t (*write)(int fd, const void *bytes, size_t size);
    int (*fsync)(int fd);
    int (*mkdir)(int folder, const char *path, mode_t mode);
    int (*link)(int folder, const char *from, const char *to);
    int (*rename)(int folder, const char *from, const char *to,
                  bool replace); /* replace false: EEXIST */
    int (*unlink)(int folder, const char *path);
} weir_disk;
extern const weir_disk weir_disk_system;
weir_store *weir_store_dir_open_on(const char *path, const weir_disk *disk, weir_error *err);
#endif
