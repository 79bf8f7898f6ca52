/* tests/sim/main.c - many seeds, a batch to a child process (a crash is then a seed's failure, and
 * what killed processes left behind goes with it), several batches at a time.
 * usage: weir_sim [--seeds N] [--first SEED] [--jobs N] | --seed SEED [--trace] | --rules [NAME] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "broken.h"
#include "weir/log.h"
#include "world.h"

enum { BATCH = 50, JOBS_MAX = 64, HANG_SECONDS = 120 };

typedef struct batch { /* shared with its child */
    pid_t child;
    int rule; /* that is broken; -1: none */
    uint64_t first, count, running, passed, failed;
    world_totals totals;
} batch;

typedef struct options {
    uint64_t seeds, first;
    uint32_t jobs;
    bool trace, rules;
    const char *rule;
} options;

static char work_path[40]; /* local files under way: thousands that live for a moment */
static world_totals totals;

static void run_batch(batch *b, bool trace)
{
    uint64_t end = b->first + b->count;
    broken_rule_now = b->rule;
    for (b->running = b->first; b->running < end; b->running++) {
        alarm(HANG_SECONDS);
        if (world_run_seed(b->running, trace, work_path, &b->totals)) {
            b->passed++;
            continue;
        }
        b->failed++;
        if (b->rule >= 0) {
            break; /* once is enough */
        }
        printf("seed %lu failed: %s\n", b->running, b->totals.failure);
        fflush(stdout);
    }
}

static void begin(batch *b, bool trace)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        run_batch(b, trace);
        fflush(stdout);
        _exit(0);
    }
    b->child = child; /* the memory is shared */
}

static batch *find_child(batch *batches, uint32_t count, pid_t child)
{
    for (uint32_t i = 0; i < count; i++) {
        if (batches[i].child == child) {
            return &batches[i];
        }
    }
    abort();
}

/* Waits for one; a seed that ended the process is a failed one. */
static batch *end_one(batch *batches, uint32_t count)
{
    int status;
    pid_t child = wait(&status);
    batch *b = find_child(batches, count, child);
    b->child = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        b->failed++;
        snprintf(b->totals.failure, sizeof(b->totals.failure), "the process ended by %s %d",
                 WIFEXITED(status) ? "exit" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        if (b->rule < 0) {
            printf("seed %lu failed: %s\n", b->running, b->totals.failure);
        }
    }
    return b;
}

static void add_totals(const world_totals *more)
{
    for (size_t i = 0; i < sizeof(totals.figures) / sizeof(totals.figures[0]); i++) {
        totals.figures[i] += more->figures[i];
    }
    for (int i = 0; i < JOB_KINDS; i++) {
        totals.jobs[i] += more->jobs[i];
    }
}

static void print_totals(double seconds)
{
    const uint64_t *f = totals.figures, *j = totals.jobs;
    printf("%lu records, %lu commits, %lu steps, %lu views, %lu kills, %lu failed hand-offs\n",
           f[0], f[1], f[2], f[3], f[4], f[8]);
    printf("%lu hand-offs asked for, %lu specs, %lu suspends and resumes, %lu resets asked for, "
           "%lu checkpoints, %lu loads, %lu overwrites, %lu drops, %lu rules, %lu compactions, %lu "
           "horizons, "
           "%lu objects deleted, %lu claims released as over\n",
           j[JOB_FLUSH], j[JOB_SPEC], j[JOB_SUSPEND], j[JOB_RESET], j[JOB_CHECKPOINT], j[JOB_LOAD],
           j[JOB_OVERWRITE], j[JOB_DROP], j[JOB_RULES], j[JOB_COMMIT_COMPACT], j[JOB_COLLECT],
           j[JOB_DELETE], j[JOB_RELEASE]);
    printf("%lu gaps, %lu resets, %lu topics made anew that nothing could tell; %.1f s\n", f[5],
           f[6], f[7], seconds);
}

static bool run_seeds(const options *o, batch *batches)
{
    uint64_t next = o->first, end = o->first + o->seeds, passed = 0, failed = 0;
    uint32_t running = 0;
    int64_t began = weir_monotonic_us(&weir_clock_system);
    while (next < end || running > 0) {
        batch *b = find_child(batches, o->jobs + 1, 0); /* one is always free */
        if (next < end && running < o->jobs) {
            *b = (batch){
                .first = next, .count = end - next < BATCH ? end - next : BATCH, .rule = -1};
            next += b->count;
            begin(b, o->trace);
            running++;
            continue;
        }
        b = end_one(batches, o->jobs + 1);
        running--;
        add_totals(&b->totals);
        passed += b->passed;
        failed += b->failed;
        uint64_t left = b->first + b->count - b->running;
        if (left > 1) { /* it crashed: on with the seeds after */
            *b = (batch){.first = b->running + 1, .count = left - 1, .rule = -1};
            begin(b, o->trace);
            running++;
        }
    }
    print_totals((double)(weir_monotonic_us(&weir_clock_system) - began) / 1e6);
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed == 0;
}

static bool report_rule(const batch *b)
{
    const char *name = broken_rules[b->rule].name;
    if (b->failed > 0) {
        printf("%-28s caught by seed %lu: %.200s\n", name, b->running, b->totals.failure);
    } else {
        printf("%-28s NOT caught by %lu seeds\n", name, b->passed);
    }
    fflush(stdout);
    return b->failed > 0;
}

/* Each rule is broken on purpose, and some seed must notice. */
static bool run_rules(const options *o, batch *batches)
{
    int next = 0;
    uint32_t running = 0, passed = 0, failed = 0;
    while (next < broken_rule_count || running > 0) {
        if (next < broken_rule_count && running < o->jobs) {
            int rule = next++;
            if (broken_rules[rule].guarded) {
                continue;
            }
            if (o->rule && strcmp(o->rule, broken_rules[rule].name) != 0) {
                continue;
            }
            if (!broken_is_applied(rule)) {
                printf("%-28s the line that it breaks is not in the sources any more\n",
                       broken_rules[rule].name);
                failed++;
                continue;
            }
            batch *b = find_child(batches, o->jobs + 1, 0);
            *b = (batch){.first = o->first, .count = o->seeds, .rule = rule};
            begin(b, o->trace);
            running++;
            continue;
        }
        bool caught = report_rule(end_one(batches, o->jobs + 1));
        running--;
        passed += caught;
        failed += !caught;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0;
}

static bool read_options(int argc, char **argv, options *o)
{
    bool ok = true;
    for (int i = 1; i < argc; i++) {
        const char *more = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
        } else if (strcmp(argv[i], "--rules") == 0) {
            o->rules = true;
            if (more && more[0] != '-') {
                o->rule = argv[++i];
            }
        } else if (more && strcmp(argv[i], "--seeds") == 0) {
            o->seeds = strtoull(argv[++i], NULL, 10);
        } else if (more && strcmp(argv[i], "--first") == 0) {
            o->first = strtoull(argv[++i], NULL, 10);
        } else if (more && strcmp(argv[i], "--jobs") == 0) {
            o->jobs = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (more && strcmp(argv[i], "--seed") == 0) {
            o->first = strtoull(argv[++i], NULL, 10);
            o->seeds = 1;
        } else {
            ok = false;
        }
    }
    o->seeds = o->seeds > 0 ? o->seeds : o->rules ? 600 : 1000;
    return ok && o->jobs >= 1 && o->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
    options o = {.first = 1, .jobs = 2};
    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: weir_sim [--seeds N] [--first SEED] [--jobs N] | --seed SEED "
                        "[--trace] | --rules [NAME]\n");
        return 2;
    }
    if (o.rules && broken_rule_count == 0) { /* the other program: of sources with the switches */
        char path[4096];
        snprintf(path, sizeof(path), "%s_rules", argv[0]);
        execv(path, argv);
        fprintf(stderr, "weir_sim: no %s\n", path);
        return 2;
    }
    weir_log_setup(o.trace ? WEIR_WARN : (weir_level)(WEIR_ERROR + 1), false);
    snprintf(work_path, sizeof(work_path), "%s/weir-sim-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    batch *batches = mmap(NULL, sizeof(*batches) * (o.jobs + 1), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!mkdtemp(work_path) || batches == MAP_FAILED) {
        fprintf(stderr, "weir_sim: no folder for temporary files\n");
        return 2;
    }
    bool ok = o.rules ? run_rules(&o, batches) : run_seeds(&o, batches);
    char command[100];
    snprintf(command, sizeof(command), "rm -rf '%s'", work_path); /* of killed processes */
    return system(command) == 0 && ok ? 0 : 1;
}
