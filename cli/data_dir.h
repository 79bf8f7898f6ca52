/* cli/data_dir.h - what lies under --data: the store (`store/`: table logs and segments) and a folder for this process's work files (`work/<pid>`). */
#ifndef CLI_DATA_DIR_H
#define CLI_DATA_DIR_H
#include "weir/store.h"

typedef struct weir_data_dir {
    weir_store *store;
    const char *work_path; /* exists; in the arena */
} weir_data_dir;
/* Makes what is absent, clears work folders of processes that are gone. */
bool weir_data_dir_open(const char *path, weir_arena *arena, weir_data_dir *out, weir_error *err);
void weir_data_dir_close(weir_data_dir *dir); /* removes the work folder */
#endif
