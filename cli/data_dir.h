/* cli/data_dir.h - what lies under --data: the store (`store/`: table logs and segments) unless it is in a bucket, a folder for this process's work files
 * (`work/<pid>`), and the segments that were fetched from a bucket (`cache/`, of the first process that has it; a second one keeps its own below its work files). */
#ifndef CLI_DATA_DIR_H
#define CLI_DATA_DIR_H
#include "weir/config.h"
#include "weir/store.h"

typedef struct weir_data_dir {
    weir_arena *arena; /* borrowed */
    weir_store *store;
    const char *work_path;  /* exists; in the arena */
    const char *cache_path; /* the same; where the catalog's cache lies */
    int cache_lock;         /* descriptor, or -1 */
} weir_data_dir;
/* Makes what is absent, clears work folders of processes that are gone. */
bool weir_data_dir_open(const weir_config *config, weir_arena *arena, weir_data_dir *out, weir_error *err);
void weir_data_dir_close(weir_data_dir *dir); /* removes the work folder */
#endif
