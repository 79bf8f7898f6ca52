/* cli/cmd_load.c - weir load: files into a store, without a server. A server on the same store sees the new segments within two seconds.
 * SIGINT or SIGTERM: gives up and releases what it claimed; a second one ends at once. */
#include "cli/cli.h"
#include "cli/data_dir.h"
#include "weir/ingest.h"
#include "weir/log.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic bool cancelled;

static void on_signal(int number)
{
    if (cancelled) {
        _exit(128 + number);
    }
    cancelled = true;
}

typedef struct progress {
    bool bar; /* stderr is a terminal */
    int64_t begun_us;
} progress;

static int print_help(FILE *to)
{
    fprintf(to, "usage: weir load --data DIR --spec SPEC [--label LABEL] [FILE...]\n"
                "  Reads files of JSON lines (plain, .gz, .zst, .lz4) as the spec says, and commits them in one step. As in Druid, rows take the place of those in\n"
                "  the same buckets of segmentGranularity (with ioConfig.dropExisting: of all in granularitySpec.intervals), unless ioConfig.appendToExisting is true.\n\n"
                "  --data DIR     the folder that `weir serve --data` has\n"
                "  --store URL    s3://bucket/prefix, when the tables are there; with --s3-endpoint, --s3-region ... as in `weir serve`\n"
                "  --spec SPEC    file with an index_parallel task, or with a Kafka supervisor spec (its dataSchema and inputFormat are used; appends)\n"
                "  --label LABEL  a load with a label that was committed before does nothing; default: the spec's id, else drawn\n"
                "  FILE...        default: the spec's inputSource (local or inline)\n");
    return to == stdout ? 0 : 2;
}

static bool read_text(const char *path, weir_buf *out, weir_error *err)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char part[65536];
    size_t got;
    if (!file) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "cannot open %s: %s", path, strerror(errno));
    }
    while ((got = fread(part, 1, sizeof(part), file)) > 0) {
        weir_buf_put(out, part, got);
    }
    bool ok = !ferror(file);
    if (file != stdin) {
        fclose(file);
    }
    return ok || weir_fail(err, WEIR_ERR_BAD_REQUEST, "cannot read %s", path);
}

static double seconds_since(int64_t begun_us)
{
    double seconds = (double)(weir_monotonic_us(&weir_clock_system) - begun_us) / 1e6;
    return seconds > 0.001 ? seconds : 0.001;
}

static void show_progress(void *self, uint64_t bytes, uint64_t total, uint64_t rows)
{
    progress *p = self;
    if (!p->bar) {
        return;
    }
    char bar[41];
    double part = total > 0 ? (double)bytes / (double)total : 1;
    int filled = part >= 1 ? 40 : (int)(part * 40);
    memset(bar, '.', 40);
    memset(bar, '#', (size_t)filled);
    bar[40] = 0;
    fprintf(stderr, "\r[%s] %3.0f %%  %llu rows  %.0f rows/s ", bar, part * 100, (unsigned long long)rows, (double)rows / seconds_since(p->begun_us));
    fflush(stderr);
}

static void print_summary(const weir_load_result *result, const progress *p)
{
    if (p->bar) {
        fprintf(stderr, "\r%100s\r", "");
    }
    if (result->already_done) {
        printf("nothing to do: a load with this label is committed already\n");
        return;
    }
    double seconds = seconds_since(p->begun_us);
    printf("loaded %llu rows from %.1f MB in %.1f s (%.0f rows/s): %llu segments, %.1f MB, version %llu; %llu unparseable, %llu thrown away",
           (unsigned long long)result->counts.kept, (double)result->counts.bytes / 1e6, seconds, (double)result->counts.kept / seconds,
           (unsigned long long)result->segments, (double)result->bytes / 1e6, (unsigned long long)result->version,
           (unsigned long long)result->counts.unparseable, (unsigned long long)result->counts.thrown_away);
    printf(result->replaced > 0 ? "; rows of %llu segments replaced\n" : "\n", (unsigned long long)result->replaced);
}

static bool load_into(const weir_data_dir *data, weir_load_options *options, weir_error *err)
{
    weir_load_result result;
    progress p = {.bar = isatty(STDERR_FILENO) == 1, .begun_us = weir_monotonic_us(&weir_clock_system)};
    weir_catalog_options catalog_options = {
        .store = data->store, .clock = &weir_clock_system, .node = WEIR_STR("load"), .work_path = data->work_path, .cache_path = data->cache_path, .threads = true};
    options->catalog = weir_catalog_open(&catalog_options, err);
    if (!options->catalog) {
        return false;
    }
    options->clock = &weir_clock_system;
    options->work_path = data->work_path;
    options->progress = show_progress;
    options->cancelled = &cancelled;
    options->process = weir_random(&weir_clock_system);
    options->self = &p;
    bool ok = weir_load_run(options, &result, err);
    if (ok) {
        print_summary(&result, &p);
    } else if (p.bar) {
        fprintf(stderr, "\n");
    }
    weir_catalog_close(options->catalog);
    return ok;
}

static bool run(const weir_config *config, const char *spec_path, weir_load_options *options, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_buf spec = {0};
    weir_data_dir data;
    bool ok = read_text(spec_path, &spec, err) && weir_data_dir_open(config, arena, &data, err);
    if (ok) {
        options->spec_json = weir_buf_view(&spec);
        ok = load_into(&data, options, err);
        weir_data_dir_close(&data);
    }
    weir_buf_done(&spec);
    weir_arena_free(arena);
    return ok;
}

static bool is_of_the_store(const char *name)
{
    return strcmp(name, "store") == 0 || strncmp(name, "s3-", 3) == 0;
}

int weir_cmd_load(int argc, char **argv)
{
    const char *spec = NULL;
    bool placed = false;
    weir_config config;
    weir_config_defaults(&config);
    weir_load_options options = {0};
    weir_error err;
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--help") == 0) {
            return print_help(stdout);
        }
        if (value && strcmp(argv[i], "--data") == 0) {
            config.data = value;
            placed = true;
        } else if (value && strcmp(argv[i], "--spec") == 0) {
            spec = value;
        } else if (value && strcmp(argv[i], "--label") == 0) {
            options.label = weir_str_of(value);
        } else if (value && is_of_the_store(argv[i] + 2)) {
            if (!weir_config_set(&config, argv[i] + 2, value, &err)) {
                fprintf(stderr, "weir load: %s\n", err.message);
                return 2;
            }
        } else {
            fprintf(stderr, "weir load: %s is no flag, or lacks its value\n", argv[i]);
            return print_help(stderr);
        }
    }
    if (!placed || !spec) {
        fprintf(stderr, "weir load: %s must be given\n", placed ? "--spec" : "--data");
        return print_help(stderr);
    }
    options.file_count = (uint32_t)(argc - i);
    options.files = (const char *const *)argv + i;
    weir_log_setup(WEIR_WARN, false);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (!run(&config, spec, &options, &err)) {
        fprintf(stderr, "weir load: %s\n", err.message);
        return 1;
    }
    return 0;
}
