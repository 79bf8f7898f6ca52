/* bench/log_bench.c - a table's log of many segments, to start from: log_bench FOLDER TABLE COMMITS SEGMENTS.
 * Writes COMMITS commits of SEGMENTS segments each (an hour each; the objects themselves do not exist) and the checkpoints that a committer would have left,
 * as plain files below FOLDER: a directory store, or the folder of a bucket of a server that keeps objects as files. Prints how long loading them takes. */
#include "weir/table_log.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HOUR_MS 3600000

static void make_folders(const char *root, weir_str key)
{
    char path[4096];
    for (size_t i = 0; i < key.size; i++) {
        if (key.at[i] == '/') {
            snprintf(path, sizeof(path), "%s/%.*s", root, (int)i, key.at);
            mkdir(path, 0777);
        }
    }
}

/* No fsync: what a crash of the machine would leave does not matter here. */
static void write_file(const char *root, weir_str key, weir_str bytes)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%.*s", root, WEIR_STR_ARG(key));
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes.at, 1, bytes.size, file) != bytes.size || fclose(file) != 0) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(1);
    }
}

static void add_segments(weir_commit *commit, uint64_t base, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        int64_t from_ms = (int64_t)(first + i) * HOUR_MS;
        weir_str id = weir_segment_id_new(commit->arena, base, &weir_clock_system);
        weir_commit_add_segment(commit, &(weir_added){.id = id, .from_ms = from_ms, .to_ms = from_ms + HOUR_MS, .rows = 1000, .events = 1000,
                                                      .bytes = 65536, .footer_bytes = 900, .footer_xxh3 = i + 1});
    }
}

static weir_commit *next_commit(const weir_log_state *state, weir_str table, uint64_t first, uint64_t count)
{
    uint64_t version = weir_log_version(state) + 1;
    weir_commit *commit = weir_commit_new(version == 1 ? WEIR_OP_CREATE : WEIR_OP_LOAD, &weir_clock_system);
    commit->version = version;
    commit->prev = weir_log_hash(state);
    commit->table = weir_commit_text(commit, table);
    commit->table_id = weir_commit_text(commit, WEIR_STR("0123456789abcdef0123456789abcdef"));
    commit->node = weir_commit_text(commit, WEIR_STR("bench:0"));
    if (version > 1) {
        commit->label = weir_commit_text(commit, weir_arena_printf(commit->arena, "load_%" PRIu64, version));
        add_segments(commit, version - 1, first, count);
    }
    return commit;
}

static weir_log_state *put_commit(const char *root, weir_log_state *state, weir_commit *commit)
{
    weir_buf bytes = {0};
    weir_commit *read;
    weir_log_state *next;
    weir_error err = {0};
    weir_commit_write(commit, &bytes);
    weir_str key = weir_key_log(commit->arena, commit->table, commit->version);
    if (commit->version == 1) {
        make_folders(root, key);
        make_folders(root, weir_key_checkpoint(commit->arena, commit->table, 1));
    }
    write_file(root, key, weir_buf_view(&bytes));
    if (!weir_commit_read(key, weir_buf_view(&bytes), &read, &err) || !weir_log_fold(state, read, read->hash, &next, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    weir_commit_free(read);
    weir_commit_free(commit);
    weir_log_state_unref(state);
    weir_buf_done(&bytes);
    return next;
}

static void put_checkpoint(const char *root, const weir_log_state *state)
{
    weir_arena *arena = weir_arena_new();
    weir_buf bytes = {0};
    weir_checkpoint_write(state, &bytes);
    write_file(root, weir_key_checkpoint(arena, weir_log_table(state), weir_log_version(state)), weir_buf_view(&bytes));
    printf("checkpoint at version %" PRIu64 ": %zu bytes\n", weir_log_version(state), bytes.size);
    weir_buf_done(&bytes);
    weir_arena_free(arena);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: log_bench FOLDER TABLE COMMITS SEGMENTS\n");
        return 2;
    }
    const char *root = argv[1];
    weir_str table = weir_str_of(argv[2]);
    uint64_t commits = strtoull(argv[3], NULL, 10), each = strtoull(argv[4], NULL, 10);
    uint64_t last = commits / WEIR_CHECKPOINT_EVERY * WEIR_CHECKPOINT_EVERY;
    weir_log_state *state = weir_log_state_empty(table);
    mkdir(root, 0777);
    for (uint64_t i = 0; i < commits; i++) {
        state = put_commit(root, state, next_commit(state, table, (i - 1) * each, each));
        if (weir_log_version(state) == last) {
            put_checkpoint(root, state);
        }
    }
    size_t count;
    weir_log_segments(state, &count);
    printf("%" PRIu64 " commits, %zu segments\n", weir_log_version(state), count);
    weir_log_state_unref(state);
    return 0;
}
