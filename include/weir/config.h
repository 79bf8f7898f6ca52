/* include/weir/config.h - the settings of `weir serve`: defaults, then a small JSON file, then flags. One table (base/config.c) names them
 * all: README's table is checked against it. */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H
#include "weir/buf.h"
#include "weir/error.h"

typedef struct weir_config {
    const char *listen, *data, *store, *s3_endpoint, *s3_region, *s3_access_key, *s3_secret_key, *node, *log_level, *log_format, *query_lanes, *auto_compaction, *task_input_path;
    int64_t workers, query_memory_bytes, ingest_memory_bytes, lookup_memory_bytes, query_timeout_ms, max_queries, ingest_threads, segment_cache_bytes, result_cache_bytes;
    int64_t store_cache_bytes, coordinator_period_ms, coordinator_pace, coordinator_memory_bytes, task_memory_bytes, gc_grace_ms, store_wait_ms;
    bool s3_path_style;
    bool demo;
    int64_t demo_events_per_second;
} weir_config;
void weir_config_defaults(weir_config *config);
/* Unknown members are refused by name, wrong types too. Strings live in `arena`. */
bool weir_config_read(const char *path, weir_arena *arena, weir_config *config, weir_error *err);
bool weir_config_set(weir_config *config, const char *name, const char *value, weir_error *err); /* as from a flag */
bool weir_config_is_flag(const char *name); /* takes no value on the command line */
void weir_config_help(weir_buf *out); /* name, default, meaning; one a line */
#endif
