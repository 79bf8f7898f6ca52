/* bench/query_bench.c - whole native queries in one process, from JSON to JSON, no HTTP: medians per query.
 * usage: query_bench [--threads N] [--rounds N] [--only NAME] [--live ROWS] [SEGMENT-FILE...]
 * With files: frozen segments of bench/run's lineitem. --live ROWS: the same columns drawn from a seed, once as a live segment (its last chunk still
 * growing) and once frozen, so that the two can be compared. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "query/native.h"
#include "query/run.h"
#include "weir/realtime.h"

typedef struct query {
    const char *name, *json;
    double target_ms; /* FIGURES.md, section 12: the whole request, 2 threads; 0: none */
} query;

#define TS(more) "{\"queryType\":\"timeseries\",\"dataSource\":\"lineitem\"," more "}"
#define ALL "\"intervals\":[\"1992-01-01/1999-01-01\"],"
#define SUM(c) "{\"type\":\"doubleSum\",\"name\":\"" c "\",\"fieldName\":\"" c "\"}"
#define FOUR SUM("l_extendedprice") "," SUM("l_discount") "," SUM("l_tax") "," SUM("l_quantity")
#define DETAILS                                                                                    \
    SUM("l_quantity")                                                                              \
    "," SUM("l_extendedprice") ",{\"type\":\"doubleMin\",\"name\":\"lo\",\"fieldName\":\"l_discount\"}," \
                               "{\"type\":\"doubleMax\",\"name\":\"hi\",\"fieldName\":\"l_discount\"}"
#define TOP(dimension, aggs, interval)                                                             \
    "{\"queryType\":\"topN\",\"dataSource\":\"lineitem\",\"granularity\":\"all\",\"intervals\":[\"" interval \
    "\"],\"dimension\":\"" dimension "\",\"metric\":\"l_quantity\",\"threshold\":100,\"aggregations\":[" aggs "]}"

static const query queries[] = {
    {"count_star_interval", TS("\"intervals\":[\"1992-01-03/1998-11-30\"],\"granularity\":\"all\",\"aggregations\":[{\"type\":\"count\",\"name\":\"n\"}]"), .5},
    {"sum_price", TS(ALL "\"granularity\":\"all\",\"aggregations\":[" SUM("l_extendedprice") "]"), .8},
    {"sum_all", TS(ALL "\"granularity\":\"all\",\"aggregations\":[" FOUR "]"), 1.5},
    {"sum_all_year", TS(ALL "\"granularity\":\"year\",\"aggregations\":[" FOUR "]"), 1.7},
    {"sum_all_filter", TS(ALL "\"granularity\":\"all\",\"filter\":{\"type\":\"like\",\"dimension\":\"l_shipmode\",\"pattern\":\"%AIR%\"},\"aggregations\":[" FOUR "]"), 3.5},
    {"top_100_parts", TOP("l_partkey", SUM("l_quantity"), "1992-01-01/1999-01-01"), 6},
    {"top_100_parts_details", TOP("l_partkey", DETAILS, "1992-01-01/1999-01-01"), 14},
    {"top_100_parts_filter", TOP("l_partkey", DETAILS, "1996-01-15/1998-03-15"), 0},
    {"top_100_commitdate", TOP("l_commitdate", SUM("l_quantity"), "1992-01-01/1999-01-01"), 3.5},
    {"sum_all_day", TS(ALL "\"granularity\":\"day\",\"aggregations\":[" FOUR "]"), 0},
    {"sum_one_part", TS(ALL "\"granularity\":\"all\",\"filter\":{\"type\":\"selector\",\"dimension\":\"l_partkey\",\"value\":\"155190\"},\"aggregations\":[" FOUR "]"), 0},
    {"group_two", "{\"queryType\":\"groupBy\",\"dataSource\":\"lineitem\",\"granularity\":\"all\"," ALL "\"dimensions\":[\"l_returnflag\",\"l_linestatus\"],\"aggregations\":[{\"type\":\"count\",\"name\":\"n\"}," FOUR "]}", 0},
    {"group_mode_year", "{\"queryType\":\"groupBy\",\"dataSource\":\"lineitem\",\"granularity\":\"year\"," ALL "\"dimensions\":[\"l_shipmode\"],\"aggregations\":[{\"type\":\"count\",\"name\":\"n\"}," SUM("l_quantity") "]}", 0},
    {"group_supp_mode", "{\"queryType\":\"groupBy\",\"dataSource\":\"lineitem\",\"granularity\":\"all\"," ALL "\"dimensions\":[\"l_suppkey\",\"l_shipmode\"],\"aggregations\":[{\"type\":\"count\",\"name\":\"n\"}," SUM("l_quantity") "],\"limitSpec\":{\"type\":\"default\",\"limit\":20,\"columns\":[{\"dimension\":\"n\",\"direction\":\"descending\"}]}}", 0},
};
enum { QUERIES = sizeof(queries) / sizeof(queries[0]) };

typedef struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ended;
    weir_error err;
    weir_native_writer *writer;
} waiting;

static bool take_batch(void *self, const weir_batch *batch, weir_error *err)
{
    return weir_native_writer_batch(((waiting *)self)->writer, batch, err);
}

static void take_end(void *self, const weir_error *err)
{
    waiting *w = self;
    pthread_mutex_lock(&w->lock);
    w->ended = true;
    w->err = *err;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static void die(const char *what, const weir_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    exit(1);
}

static double least_cpu_ms;

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static double run_once(weir_sched *sched, weir_view *view, const char *json, weir_buf *out)
{
    weir_error err = {0};
    double cpu = cpu_ms();
    int64_t begin = weir_monotonic_us(&weir_clock_system);
    weir_arena *arena = weir_arena_new();
    weir_native_query *native = weir_native_parse(arena, weir_str_of(json), &err);
    if (!native || !weir_native_bind(native, &view, 1, &err)) {
        die(json, &err);
    }
    weir_type *types = WEIR_ARENA_ARRAY(arena, weir_type, native->plan->root->output_count + 1);
    if (!weir_run_types(native->plan, &view, 1, arena, types, &err)) {
        die(json, &err);
    }
    waiting w = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    weir_ctl ctl = {.budget = {.name = "query"}, .clock = &weir_clock_system};
    out->size = 0;
    w.writer = weir_native_writer_new(native, &view, 1, types, false, out);
    weir_run_start(sched, native->plan, &view, 1, &ctl, NULL, (weir_sink){.self = &w, .batch = take_batch, .end = take_end});
    pthread_mutex_lock(&w.lock);
    while (!w.ended) {
        pthread_cond_wait(&w.wake, &w.lock);
    }
    pthread_mutex_unlock(&w.lock);
    if (w.err.code != WEIR_OK || !weir_native_writer_end(w.writer, &w.err)) {
        die(json, &w.err);
    }
    weir_native_writer_done(w.writer);
    weir_arena_free(arena);
    cpu = cpu_ms() - cpu;
    least_cpu_ms = cpu < least_cpu_ms ? cpu : least_cpu_ms;
    return (double)(weir_monotonic_us(&weir_clock_system) - begin) / 1000;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(weir_sched *sched, weir_view *view, const char *json, int rounds, weir_buf *out)
{
    double times[1000];
    run_once(sched, view, json, out); /* warms */
    least_cpu_ms = 1e9;
    for (int i = 0; i < rounds; i++) {
        times[i] = run_once(sched, view, json, out);
    }
    qsort(times, (size_t)rounds, sizeof(*times), by_value);
    return times[rounds / 2];
}

static void add_segment(weir_view *view, const char *path)
{
    weir_error err = {0};
    weir_bytes bytes;
    weir_segment *seg;
    if (!weir_bytes_map(path, &bytes, &err) || !weir_segment_open(path, bytes, &seg, &err)) {
        die(path, &err);
    }
    ((weir_rows **)view->rows)[view->count++] = weir_segment_rows(seg);
}

/* Live rows. */

static uint64_t draw(uint64_t *seed)
{
    uint64_t x = *seed += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static weir_schema *lineitem_schema(void)
{
    static const char *const dims[] = {"l_partkey", "l_suppkey", "l_returnflag", "l_linestatus", "l_shipmode", "l_commitdate"};
    weir_arena *arena = weir_arena_new();
    weir_schema *schema = WEIR_ARENA_NEW(arena, weir_schema);
    weir_dimension *dimensions = WEIR_ARENA_ARRAY(arena, weir_dimension, 6);
    schema->arena = arena;
    schema->refs = 1;
    schema->table = WEIR_STR("lineitem");
    for (uint32_t i = 0; i < 6; i++) {
        dimensions[i] = (weir_dimension){.name = weir_str_of(dims[i]), .type = WEIR_TYPE(WEIR_STRING), .bitmap_index = true};
    }
    schema->dimensions = dimensions;
    schema->dimension_count = 6;
    schema->discover = schema->discover_typed = true;
    weir_granularity_simple(WEIR_STR("none"), &schema->query_granularity);
    weir_granularity_simple(WEIR_STR("year"), &schema->segment_granularity);
    return schema;
}

enum { DAY_MS = 86400000 };

static void append_lineitem(weir_realtime *rt, uint64_t *seed, uint64_t at, uint64_t rows)
{
    enum { N = 4096 };
    static int64_t times[N];
    static char text[6][N][16];
    static weir_str strings[6][N];
    static double numbers[4][N];
    static const char *const modes[] = {"AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"};
    static const weir_str names[] = {{"l_partkey", 9}, {"l_suppkey", 9}, {"l_returnflag", 12}, {"l_linestatus", 12}, {"l_shipmode", 10}, {"l_commitdate", 12},
                                     {"l_extendedprice", 15}, {"l_discount", 10}, {"l_tax", 5}, {"l_quantity", 10}};
    weir_error err = {0};
    uint32_t n = rows - at < N ? (uint32_t)(rows - at) : N;
    for (uint32_t i = 0; i < n; i++) {
        int64_t day = 8036 + (int64_t)((at + i) * 2526 / rows); /* 1992-01-02 to 1998-12-01 */
        times[i] = day * DAY_MS;
        snprintf(text[0][i], 16, "%u", 1 + (unsigned)(draw(seed) % 200000));
        snprintf(text[1][i], 16, "%u", 1 + (unsigned)(draw(seed) % 10000));
        snprintf(text[2][i], 16, "%c", "ANR"[draw(seed) % 3]);
        snprintf(text[3][i], 16, "%c", day < 9298 ? 'F' : 'O');
        snprintf(text[4][i], 16, "%s", modes[draw(seed) % 7]);
        snprintf(text[5][i], 16, "D%05u", (unsigned)(day - 60 + (int64_t)(draw(seed) % 120)));
        numbers[3][i] = 1 + (double)(draw(seed) % 50);
        numbers[0][i] = numbers[3][i] * (90000 + (double)(draw(seed) % 110000)) / 100;
        numbers[1][i] = (double)(draw(seed) % 11) / 100;
        numbers[2][i] = (double)(draw(seed) % 9) / 100;
    }
    weir_vec vecs[10];
    for (uint32_t c = 0; c < 10; c++) {
        vecs[c] = (weir_vec){.type = WEIR_TYPE(c < 6 ? WEIR_STRING : WEIR_DOUBLE), .form = WEIR_FLAT, .n = n};
        if (c < 6) {
            for (uint32_t i = 0; i < n; i++) {
                strings[c][i] = weir_str_of(text[c][i]);
            }
            vecs[c].at.s = strings[c];
        } else {
            vecs[c].at.d = numbers[c - 6];
        }
    }
    weir_input input = {.n = n, .times = times, .column_count = 10, .names = names, .columns = vecs};
    if (!weir_realtime_append(rt, &input, 0, &err)) {
        die("append", &err);
    }
}

static bool append_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

static void make_live(weir_view *live, weir_view *frozen, uint64_t rows)
{
    static weir_budget budget;
    weir_mask mask = {0};
    weir_error err = {0};
    weir_freeze_part *parts;
    uint32_t count;
    for (int which = 0; which < 2; which++) {
        uint64_t seed = 42;
        weir_realtime *rt = weir_realtime_new(lineitem_schema(), &budget);
        for (uint64_t at = 0; at < rows; at += 4096) {
            append_lineitem(rt, &seed, at, rows);
        }
        if (which == 0) {
            ((weir_rows **)live->rows)[live->count++] = weir_realtime_snapshot(rt, &mask, WEIR_STR("live"));
            continue;
        }
        weir_realtime_end(rt);
        if (!weir_realtime_parts(rt, &mask, 0, 1u << 30, weir_arena_new(), &parts, &count, &err)) {
            die("parts", &err);
        }
        for (uint32_t i = 0; i < count; i++) {
            weir_buf bytes = {0};
            weir_segment_info info;
            weir_segment *seg;
            if (!weir_realtime_freeze(rt, &parts[i], (weir_file){&bytes, append_bytes}, false, &info, &err) ||
                !weir_segment_open("frozen", (weir_bytes){(uint8_t *)bytes.at, bytes.size, NULL, NULL, NULL}, &seg, &err)) {
                die("freeze", &err);
            }
            ((weir_rows **)frozen->rows)[frozen->count++] = weir_segment_rows(seg);
        }
        weir_realtime_unref(rt);
    }
}

static weir_view *view_new(void)
{
    weir_view *view = weir_calloc(1, sizeof(*view));
    view->table = WEIR_STR("lineitem");
    view->rows = weir_calloc(1000, sizeof(weir_rows *));
    view->problems = weir_calloc(1000, sizeof(weir_str));
    return view;
}

int main(int argc, char **argv)
{
    uint32_t threads = 2;
    int rounds = 15;
    const char *only = NULL;
    bool show = false;
    weir_view *frozen = view_new(), *live = view_new();
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--threads") == 0 && more) {
            threads = (uint32_t)atoi(argv[++i]);
        } else if (strcmp(argv[i], "--rounds") == 0 && more) {
            rounds = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--only") == 0 && more) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--show") == 0) {
            show = true;
        } else if (strcmp(argv[i], "--live") == 0 && more) {
            make_live(live, frozen, strtoull(argv[++i], NULL, 10));
        } else {
            add_segment(frozen, argv[i]);
        }
    }
    rounds = rounds < 1 ? 1 : rounds > 1000 ? 1000 : rounds;
    weir_sched *sched = weir_sched_new(threads, &weir_clock_system);
    weir_buf out = {0};
    printf("%-22s %8s %8s %8s %8s %8s  (ms, median of %d, %u threads; cpu: least of all threads together)\n", "query", "frozen", "cpu", "live", "cpu", "target",
           rounds, threads);
    for (int q = 0; q < QUERIES; q++) {
        if (only && strcmp(only, queries[q].name) != 0) {
            continue;
        }
        printf("%-22s", queries[q].name);
        weir_view *views[] = {frozen, live};
        for (int v = 0; v < 2; v++) {
            double ms = views[v]->count ? median(sched, views[v], queries[q].json, rounds, &out) : 0;
            printf(" %8.2f %8.2f", ms, views[v]->count ? least_cpu_ms : 0);
        }
        printf(" %8.1f\n", queries[q].target_ms);
        if (show) {
            printf("%.*s\n", (int)(out.size < 600 ? out.size : 600), out.at);
        }
    }
    weir_sched_free(sched);
    return 0;
}
