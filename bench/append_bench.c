/* bench/append_bench.c - the live segment on one thread: ns a row of append (batches of 4,096 that
 * are ready in memory), of sealing a chunk, and rows/s of freezing, for rows like lineitem's (16
 * columns, Druid's own benchmark's types) and like wikipedia's edits (rolled up to the minute too).
 * Seeded; `append_bench [rows]`, 1,000,000 by default. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "weir/realtime.h"

static uint64_t seed = 42;

static uint32_t below(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % n);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* formats are in the tables below */

typedef struct column { /* how its values are drawn */
    const char *name;
    weir_kind kind;
    const char *format; /* of a string */
    uint32_t cardinality;
    bool skewed;    /* 1/x */
    uint32_t nulls; /* percent */
} column;

static const column lineitem[] = {
    {"l_orderkey", WEIR_LONG, NULL, 6000000, false, 0},
    {"l_partkey", WEIR_STRING, "%u", 200000, false, 0},
    {"l_suppkey", WEIR_STRING, "%u", 10000, false, 0},
    {"l_linenumber", WEIR_LONG, NULL, 7, false, 0},
    {"l_returnflag", WEIR_STRING, "%u", 3, false, 0},
    {"l_linestatus", WEIR_STRING, "%u", 2, false, 0},
    {"l_shipinstruct", WEIR_STRING, "DELIVER IN PERSON %u", 4, false, 0},
    {"l_shipmode", WEIR_STRING, "MODE%u", 7, false, 0},
    {"l_comment", WEIR_STRING, "ly final deps %u sleep blith", 4000000, false, 0},
    {"l_commitdate", WEIR_STRING, "1995-%04u", 2466, false, 0},
    {"l_receiptdate", WEIR_STRING, "1996-%04u", 2554, false, 0},
    {"l_quantity", WEIR_DOUBLE, NULL, 50, false, 0},
    {"l_extendedprice", WEIR_DOUBLE, NULL, 9000000, false, 0},
    {"l_discount", WEIR_DOUBLE, NULL, 11, false, 0},
    {"l_tax", WEIR_DOUBLE, NULL, 9, false, 0},
};
static const char lineitem_schema[] =
    "{'dataSource':'lineitem','timestampSpec':{'column':'t','format':'millis'},'dimensionsSpec':{'"
    "dimensions':["
    "{'type':'long','name':'l_orderkey'},'l_partkey','l_suppkey',{'type':'long','name':'l_"
    "linenumber'},'l_returnflag','l_linestatus',"
    "'l_shipinstruct','l_shipmode','l_comment','l_commitdate','l_receiptdate']},'metricsSpec':["
    "{'type':'doubleSum','name':'l_quantity','fieldName':'l_quantity'},{'type':'doubleSum','name':'"
    "l_extendedprice','fieldName':'l_extendedprice'},"
    "{'type':'doubleSum','name':'l_discount','fieldName':'l_discount'},{'type':'doubleSum','name':'"
    "l_tax','fieldName':'l_tax'}],"
    "'granularitySpec':{'segmentGranularity':'YEAR','queryGranularity':'NONE','rollup':false}}";

static const column edits[] = {
    {"channel", WEIR_STRING, "#%u.wikipedia", 50, true, 0},
    {"cityName", WEIR_STRING, "city %u", 2000, true, 90},
    {"comment", WEIR_STRING, "a comment as people write them, number %u", 600000, false, 0},
    {"countryName", WEIR_STRING, "country %u", 150, true, 90},
    {"isAnonymous", WEIR_STRING, "%u", 2, false, 0},
    {"isMinor", WEIR_STRING, "%u", 2, false, 0},
    {"isRobot", WEIR_STRING, "%u", 2, false, 0},
    {"namespace", WEIR_STRING, "Talk %u", 25, true, 0},
    {"page", WEIR_STRING, "Wikipedia:page/%u", 300000, true, 0},
    {"regionName", WEIR_STRING, "region %u", 500, true, 90},
    {"user", WEIR_STRING, "User%u", 40000, true, 0},
    {"added", WEIR_LONG, NULL, 5000, true, 0},
    {"deleted", WEIR_LONG, NULL, 500, true, 0},
    {"count", WEIR_LONG, NULL, 1, false, 0},
};
static const char edits_schema[] =
    "{'dataSource':'edits','timestampSpec':{'column':'t','format':'millis'},'dimensionsSpec':{'"
    "dimensions':['channel','cityName','comment',"
    "'countryName','isAnonymous','isMinor','isRobot','namespace','page','regionName','user']},'"
    "metricsSpec':["
    "{'type':'longSum','name':'added','fieldName':'added'},{'type':'longSum','name':'deleted','"
    "fieldName':'deleted'},{'type':'count','name':'count'}],"
    "'granularitySpec':{'segmentGranularity':'HOUR','queryGranularity':'NONE','rollup':false}}";
static const char pages_schema[] =
    "{'dataSource':'pages','timestampSpec':{'column':'t','format':'millis'},'dimensionsSpec':{'"
    "dimensions':['channel','countryName',"
    "'isAnonymous','isRobot','namespace']},'metricsSpec':["
    "{'type':'longSum','name':'added','fieldName':'added'},{'type':'longSum','name':'deleted','"
    "fieldName':'deleted'},{'type':'count','name':'count'}],"
    "'granularitySpec':{'segmentGranularity':'HOUR','queryGranularity':'MINUTE','rollup':true}}";

static weir_schema *schema_of(const char *text)
{
    char *json = weir_strdup(text);
    json_error_t where;
    weir_error err;
    weir_schema *schema = NULL;
    for (char *c = json; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    json_t *root = json_loads(json, 0, &where);
    if (!root || !(schema = weir_schema_parse(root, NULL, NULL, &err))) {
        fprintf(stderr, "schema: %s\n", root ? err.message : where.text);
        exit(1);
    }
    json_decref(root);
    free(json);
    return schema;
}

static uint32_t draw(const column *c)
{
    uint32_t k = below(c->cardinality);
    return c->skewed ? (uint32_t)((uint64_t)k * below(c->cardinality) / c->cardinality *
                                  below(1000) / 1000)
                     : k;
}

static weir_vec draw_column(const column *c, uint32_t n, weir_scratch *s)
{
    weir_vec vec = {.type = WEIR_TYPE(c->kind), .form = WEIR_FLAT, .n = n};
    int64_t *longs = WEIR_SCRATCH_ARRAY(s, int64_t, n);
    double *doubles = (double *)longs;
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n));
    char *text = weir_scratch_take(s, 64ul * n);
    memset(nulls, 0, sizeof(*nulls) * weir_words(n));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = draw(c);
        if (c->kind == WEIR_STRING) {
            strings[i] = (weir_str){text, (size_t)snprintf(text, 64, c->format, k)};
            text += strings[i].size;
        } else if (c->kind == WEIR_LONG) {
            longs[i] = c->cardinality == 1 ? 1 : k;
        } else {
            doubles[i] = (double)k / 100;
        }
        if (below(100) < c->nulls) {
            weir_bit_set(nulls, i);
        }
    }
    vec.nulls = c->nulls ? nulls : NULL;
    if (c->kind == WEIR_STRING) {
        vec.at.s = strings;
    } else {
        vec.at.l = longs;
    }
    return vec;
}

static bool count_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)bytes;
    (void)err;
    *(size_t *)self += size;
    return true;
}

static void freeze_all(weir_realtime *rt, uint64_t rows)
{
    weir_arena *arena = weir_arena_new();
    weir_freeze_part *parts;
    weir_error err;
    uint32_t count;
    size_t bytes = 0;
    double start = now_ns();
    bool ok = weir_realtime_parts(rt, NULL, 4, 5000000, arena, &parts, &count, &err);
    double dealt = now_ns();
    for (uint32_t p = 0; ok && p < count; p++) {
        weir_segment_info info;
        ok = weir_realtime_freeze(rt, &parts[p], (weir_file){&bytes, count_bytes}, false, &info,
                                  &err);
    }
    double end = now_ns();
    if (!ok) {
        fprintf(stderr, "freeze: %s\n", err.message);
        exit(1);
    }
    printf("  freeze: %u parts dealt in %.1f ms, written in %.0f ms: %.2f M rows/s, %.1f MB\n",
           count, (dealt - start) / 1e6, (end - dealt) / 1e6, (double)rows / (end - start) * 1e3,
           (double)bytes / 1e6);
    weir_arena_free(arena);
}

static void run(const char *title, const column *columns, uint32_t column_count,
                const char *schema_text, uint32_t rows)
{
    weir_schema *schema = schema_of(schema_text);
    weir_realtime *rt = weir_realtime_new(schema, NULL);
    weir_scratch s = {0};
    uint32_t batches = rows / WEIR_BLOCK_ROWS, plain = 0, sealing = 0;
    double *took = calloc(batches + 1, sizeof(*took)), total = 0, seals = 0;
    int64_t now = 1442016000000;
    for (uint32_t b = 0; b < batches; b++) {
        weir_str names[32];
        weir_vec vecs[32];
        int64_t *times = WEIR_SCRATCH_ARRAY(&s, int64_t, WEIR_BLOCK_ROWS);
        weir_error err;
        for (uint32_t i = 0; i < WEIR_BLOCK_ROWS; i++) {
            times[i] = column_count == sizeof(lineitem) / sizeof(lineitem[0])
                           ? 1442016000000 + (int64_t)(b * 20ull / batches) * 86400000
                           : (now += below(8)) - below(1000);
        }
        for (uint32_t c = 0; c < column_count; c++) {
            names[c] = weir_str_of(columns[c].name);
            vecs[c] = draw_column(&columns[c], WEIR_BLOCK_ROWS, &s);
        }
        weir_input input = {.n = WEIR_BLOCK_ROWS,
                            .times = times,
                            .column_count = column_count,
                            .names = names,
                            .columns = vecs};
        double start = now_ns();
        if (!weir_realtime_append(rt, &input, 0, &err)) {
            fprintf(stderr, "append: %s\n", err.message);
            exit(1);
        }
        double time = now_ns() - start;
        total += time;
        if (b % 16 == 15) { /* this batch filled a chunk */
            seals += time;
            sealing++;
        } else {
            took[plain++] = time;
        }
        weir_scratch_rewind(&s, (weir_mark){0});
    }
    qsort(took, plain, sizeof(*took), by_size);
    double median = took[plain / 2];
    printf("%s: %u events, %u columns\n", title, batches * WEIR_BLOCK_ROWS, column_count + 1);
    printf("  append: median batch %.0f ns a row, 99%% %.0f, all with seals %.0f; seal %.1f ms a "
           "chunk (%.0f ns a row)\n",
           median / WEIR_BLOCK_ROWS, took[plain * 99 / 100] / WEIR_BLOCK_ROWS,
           total / (batches * (double)WEIR_BLOCK_ROWS), (seals / sealing - median) / 1e6,
           (seals / sealing - median) / WEIR_CHUNK_ROWS);
    weir_realtime_end(rt);
    printf("  memory: %.1f MB for %llu rows\n", (double)weir_realtime_bytes(rt) / 1e6,
           (unsigned long long)weir_realtime_rows(rt));
    freeze_all(rt, weir_realtime_events(rt));
    weir_realtime_unref(rt);
    weir_schema_unref(schema);
    weir_scratch_done(&s);
    free(took);
}

int main(int argc, char **argv)
{
    uint32_t rows = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000000;
    run("lineitem", lineitem, sizeof(lineitem) / sizeof(lineitem[0]), lineitem_schema, rows);
    run("lineitem again, pages warm", lineitem, sizeof(lineitem) / sizeof(lineitem[0]),
        lineitem_schema, rows);
    run("edits", edits, sizeof(edits) / sizeof(edits[0]), edits_schema, rows);
    run("edits by page's namespace, rolled up to the minute", edits,
        sizeof(edits) / sizeof(edits[0]), pages_schema, rows);
    return 0;
}
