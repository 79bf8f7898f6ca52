/* Native queries: whatever the bytes, parsing, planning, running and writing end, in bounded time
 * and memory. Each table that a query names has the same live segments, a sealed and a growing one,
 * with a column of every kind. */
#include "query/native.h"
#include "query/run.h"
#include "weir/realtime.h"
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema_text[] =
    "{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"ts\"},\"dimensionsSpec\":{"
    "\"dimensions\":[\"s_low\",\"mv\",{\"type\":\"long\",\"name\":\"l1\"},"
    "{\"type\":\"double\",\"name\":\"d1\"},{\"type\":\"float\",\"name\":\"f1\"},{\"type\":\"auto\","
    "\"name\":\"arr_l\"},{\"type\":\"json\",\"name\":\"nested\"}]},"
    "\"metricsSpec\":[{\"type\":\"count\",\"name\":\"count\"}],\"granularitySpec\":{"
    "\"segmentGranularity\":\"DAY\",\"rollup\":false}}";

enum { ROWS = 300, COLUMNS = 8 };
static weir_realtime *segments[2];
static weir_sched *sched;

static void append(weir_realtime *rt, uint32_t seed)
{
    static const char *const words[] = {"",       "alpha", "12",        "\xf0\x9f\x9a\x80x",
                                        "ZETA-9", "true",  "2015-09-12"};
    static const char *const texts[] = {"{\"a\":1,\"b\":[1,2]}", "{\"a\":\"x\",\"c\":{\"d\":2.5}}",
                                        "[1,\"y\"]", "7", "{}"};
    static int64_t times[ROWS], longs[ROWS];
    static double doubles[ROWS];
    static float floats[ROWS];
    static weir_str strings[ROWS], items[2 * ROWS], jsons[ROWS];
    static uint32_t offsets[ROWS + 1], array_offsets[ROWS + 1];
    static int64_t array_items[2 * ROWS], ones[ROWS];
    static uint64_t nulls[ROWS / 64 + 1];
    memset(nulls, 0, sizeof(nulls));
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t r = (i + seed) * 2654435761u >> 7;
        times[i] = 1442016000000 + (int64_t)i * 300000 + seed * 86400000;
        longs[i] = (int64_t)(r % 11) - 5;
        doubles[i] = r % 17 == 0 ? 1e300 : (double)(r % 100) / 8;
        floats[i] = (float)(r % 9) - 3.5f;
        strings[i] = weir_str_of(words[r % 7]);
        jsons[i] = weir_str_of(texts[r % 5]);
        items[2 * i] = weir_str_of(words[r % 7]);
        items[2 * i + 1] = weir_str_of(words[(r >> 3) % 7]);
        offsets[i + 1] = offsets[i] + r % 3;
        array_offsets[i + 1] = array_offsets[i] + (r >> 5) % 3;
        array_items[2 * i] = r % 4;
        array_items[2 * i + 1] = -1;
        ones[i] = 1;
        nulls[i / 64] |= (uint64_t)(r % 13 == 0) << i % 64;
    }
    weir_vec list_items = {
        .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = offsets[ROWS], .at.s = items};
    weir_vec array_values = {.type = WEIR_TYPE(WEIR_LONG),
                             .form = WEIR_FLAT,
                             .n = array_offsets[ROWS],
                             .at.l = array_items};
    weir_type array = {.kind = WEIR_ARRAY, .elem = WEIR_LONG},
              json = {.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("json"))};
    weir_vec columns[COLUMNS] = {
        {.type = WEIR_TYPE(WEIR_STRING),
         .form = WEIR_FLAT,
         .n = ROWS,
         .nulls = nulls,
         .at.s = strings},
        {.type = WEIR_TYPE(WEIR_STRING),
         .form = WEIR_LIST,
         .n = ROWS,
         .at.offsets = offsets,
         .items = &list_items},
        {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = ROWS, .nulls = nulls, .at.l = longs},
        {.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = ROWS, .at.d = doubles},
        {.type = WEIR_TYPE(WEIR_FLOAT),
         .form = WEIR_FLAT,
         .n = ROWS,
         .nulls = nulls,
         .at.f = floats},
        {.type = array,
         .form = WEIR_LIST,
         .n = ROWS,
         .nulls = nulls,
         .at.offsets = array_offsets,
         .items = &array_values},
        {.type = json, .form = WEIR_FLAT, .n = ROWS, .at.s = jsons},
        {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = ROWS, .at.l = ones},
    };
    static const weir_str names[COLUMNS] = {{"s_low", 5},  {"mv", 2},   {"l1", 2},
                                            {"d1", 2},     {"f1", 2},   {"arr_l", 5},
                                            {"nested", 6}, {"count", 5}};
    weir_error err;
    if (!weir_realtime_append(rt,
                              &(weir_input){.n = ROWS,
                                            .times = times,
                                            .column_count = COLUMNS,
                                            .names = names,
                                            .columns = columns},
                              0, &err)) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
}

static void begin(void)
{
    weir_error err;
    json_t *json = json_loads(schema_text, 0, NULL);
    weir_schema *schema = weir_schema_parse(json, NULL, NULL, &err);
    for (uint32_t i = 0; i < 2; i++) {
        segments[i] = weir_realtime_new(schema, NULL);
        append(segments[i], 2 * i);
        append(segments[i], 2 * i + 1);
    }
    weir_realtime_end(segments[0]);
    sched = weir_sched_new(1, &weir_clock_system);
    json_decref(json);
}

typedef struct sink {
    weir_native_writer *writer;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ended;
    weir_error err;
} sink;

static bool take(void *self, const weir_batch *batch, weir_error *err)
{
    return weir_native_writer_batch(((sink *)self)->writer, batch, err);
}

static void end(void *self, const weir_error *err)
{
    sink *s = self;
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    s->err = *err;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

static void run(weir_native_query *query, weir_view *const *views, uint32_t count,
                weir_arena *arena)
{
    weir_ctl ctl = {.clock = &weir_clock_system,
                    .budget = {.name = "query", .limit_bytes = 64u << 20}};
    ctl.deadline_us = weir_monotonic_us(&weir_clock_system) + 500000;
    weir_error err = {0};
    weir_buf out = {0};
    if (!query->plan) {
        weir_native_meta(query, views, count, &ctl, false, &out, &err);
        weir_buf_done(&out);
        return;
    }
    weir_type *types = WEIR_ARENA_ARRAY(arena, weir_type, query->plan->root->output_count + 1);
    if (!weir_run_types(query->plan, views, count, arena, types, &err)) {
        return;
    }
    sink s = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    s.writer = weir_native_writer_new(query, views, count, types, false, &out);
    weir_run_options options = {.priority = 0};
    weir_run_start(sched, query->plan, views, count, &ctl, &options,
                   (weir_sink){.self = &s, .batch = take, .end = end});
    pthread_mutex_lock(&s.lock);
    while (!s.ended) {
        pthread_cond_wait(&s.wake, &s.lock);
    }
    pthread_mutex_unlock(&s.lock);
    if (s.err.code == WEIR_OK) {
        weir_native_writer_end(s.writer, &err);
    }
    weir_native_writer_done(s.writer);
    weir_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, begin);
    weir_arena *arena = weir_arena_new();
    weir_error err = {0};
    weir_native_query *query = weir_native_parse(arena, (weir_str){(const char *)data, size}, &err);
    if (query && query->table_count <= 8) {
        weir_view **views = WEIR_ARENA_ARRAY(arena, weir_view *, query->table_count + 1);
        weir_rows *rows[2];
        uint64_t revs[2] = {0};
        weir_str problems[2] = {0};
        for (uint32_t i = 0; i < 2; i++) {
            rows[i] = weir_realtime_snapshot(segments[i], NULL, WEIR_STR("t_live"));
        }
        for (uint32_t i = 0; i < query->table_count; i++) {
            views[i] = WEIR_ARENA_NEW(arena, weir_view);
            *views[i] = (weir_view){.table = query->tables[i],
                                    .count = 2,
                                    .rows = rows,
                                    .revs = revs,
                                    .schema = (weir_schema *)rows[0]->schema,
                                    .problems = problems};
        }
        if (weir_native_bind(query, views, query->table_count, &err)) {
            run(query, views, query->table_count, arena);
        }
        for (uint32_t i = 0; i < 2; i++) {
            rows[i]->ops->unref(rows[i]);
        }
    }
    weir_arena_free(arena);
    return 0;
}
