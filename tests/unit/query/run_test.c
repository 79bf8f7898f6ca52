/* tests/unit/query/run_test.c */
#include "run_helper.h"
#include <stdio.h>

/* Random queries, as JSON. */

typedef struct text {
    char at[8000];
    size_t size;
} text;

static void put(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    t->size += (size_t)vsnprintf(t->at + t->size, sizeof(t->at) - t->size, format, args);
    va_end(args);
    assert_true(t->size < sizeof(t->at));
}

static const char *pick(uint64_t *seed, const char *const *from, uint32_t n)
{
    return from[draw_below(seed, n)];
}
#define PICK(seed, ...)                                                                            \
    pick(seed, (const char *const[]){__VA_ARGS__},                                                 \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void put_filter(text *t, uint64_t *seed, uint32_t depth)
{
    uint32_t kind = draw_below(seed, depth ? 14 : 10);
    const char *column = PICK(seed, "s1", "s2", "mv", "l1", "l2", "d1", "f1", "late", "nowhere", "v1", "v2");
    if (kind == 0) {
        put(t, "{'type':'selector','dimension':'%s','value':'%s'}", column, PICK(seed, "a", "v9", "m8", "10", "", "w44", "3", "2.25"));
    } else if (kind == 1) {
        put(t, "{'type':'null','column':'%s'}", column);
    } else if (kind == 2) {
        put(t, "{'type':'in','dimension':'%s','values':['v8','a',null,'9','m9','w30','2.5']}", column);
    } else if (kind == 3) {
        put(t, "{'type':'bound','dimension':'%s','lower':'%s','upper':'%s','ordering':'%s'}", column, PICK(seed, "-3", "B", "w2"),
            PICK(seed, "9", "v9", "w5"), PICK(seed, "lexicographic", "numeric"));
    } else if (kind == 4) {
        put(t, "{'type':'like','dimension':'%s','pattern':'%s'}", column, PICK(seed, "w1%", "%9%", "_", "v%"));
    } else if (kind == 5) {
        put(t, "{'type':'regex','dimension':'%s','pattern':'%s'}", column, PICK(seed, "[3-5]", "^w.*1$", "."));
    } else if (kind == 6) {
        put(t, "{'type':'range','column':'l1','matchValueType':'LONG','lower':%d,'upper':%d}", (int)draw_below(seed, 10) - 12, (int)draw_below(seed, 12));
    } else if (kind == 7) {
        put(t, "{'type':'range','column':'%s','matchValueType':'DOUBLE','lower':%d,'lowerOpen':true}", PICK(seed, "d1", "f1", "l2"), (int)draw_below(seed, 10) - 6);
    } else if (kind == 8) {
        put(t, "{'type':'equals','column':'%s','matchValueType':'STRING','matchValue':'%s'}", PICK(seed, "s1", "mv", "late"), PICK(seed, "a", "z9", "m7", "v11"));
    } else if (kind == 9) {
        put(t, "{'type':'expression','expression':'l2 %% %u == 1'}", 2 + draw_below(seed, 4));
    } else if (kind == 10) {
        put(t, "{'type':'not','field':");
        put_filter(t, seed, depth - 1);
        put(t, "}");
    } else {
        put(t, "{'type':'%s','fields':[", kind == 11 ? "and" : "or");
        for (uint32_t i = 0, n = 1 + draw_below(seed, 3); i < n; i++) {
            put(t, i ? "," : "");
            put_filter(t, seed, depth - 1);
        }
        put(t, "]}");
    }
}

static void put_common(text *t, uint64_t *seed)
{
    put(t, "'dataSource':'t','intervals':[%s],",
        PICK(seed, "'2024-03-09/2024-03-13'", "'2024-03-09/2024-03-13'", "'1970/2100'", "'2024-03-10T03:00/2024-03-11T20:15'",
             "'1970/2100'", "'2024-03-09/2024-03-10','2024-03-11T05/2024-03-12'", "'2025/2026'"));
    put(t, "'virtualColumns':[{'type':'expression','name':'v1','expression':'l2 + 1','outputType':'LONG'},"
           "{'type':'expression','name':'v2','expression':'concat(s1, \\u0027-x\\u0027)','outputType':'STRING'}],");
    if (draw_below(seed, 2)) {
        put(t, "'filter':");
        put_filter(t, seed, 2);
        put(t, ",");
    }
}

static void put_aggs(text *t, uint64_t *seed)
{
    put(t, "'aggregations':[{'type':'count','name':'n'}");
    static const char *const more[] = {
        "{'type':'longSum','name':'ls','fieldName':'l1'}",
        "{'type':'doubleSum','name':'ds','fieldName':'d1'}",
        "{'type':'longMin','name':'lmin','fieldName':'l1'}",
        "{'type':'doubleMax','name':'dmax','fieldName':'d1'}",
        "{'type':'longSum','name':'vs','fieldName':'v1'}",
        "{'type':'floatSum','name':'fs','fieldName':'f1'}",
        "{'type':'doubleSum','name':'none','fieldName':'nowhere'}",
        "{'type':'filtered','filter':{'type':'selector','dimension':'s1','value':'a'},'aggregator':{'type':'count','name':'fn'}}",
        "{'type':'filtered','filter':{'type':'bound','dimension':'l2','lower':'500','ordering':'numeric'},'aggregator':{'type':'longSum','name':'fl','fieldName':'l2'}}",
    };
    for (uint32_t i = 0; i < 9; i++) {
        if (draw_below(seed, 3) == 0) {
            put(t, ",%s", more[i]);
        }
    }
    put(t, "]");
    if (draw_below(seed, 3) == 0) {
        put(t, ",'postAggregations':[{'type':'arithmetic','name':'p','fn':'*','fields':[{'type':'fieldAccess','fieldName':'n'},{'type':'constant','value':3}]}]");
    }
}

static void put_granularity(text *t, uint64_t *seed)
{
    put(t, "'granularity':%s,", PICK(seed, "'all'", "'all'", "'hour'", "'day'", "'minute'", "'month'",
                                     "{'type':'period','period':'P1D','timeZone':'America/New_York'}",
                                     "{'type':'duration','duration':5400000}"));
}

static void put_dimension(text *t, uint64_t *seed, const char *name)
{
    uint32_t kind = draw_below(seed, 10);
    if (kind < 5) {
        put(t, "{'type':'default','dimension':'%s','outputName':'%s'}", PICK(seed, "s1", "s2", "mv", "late", "nowhere", "v2"), name);
    } else if (kind < 7) {
        put(t, "{'type':'default','dimension':'%s','outputName':'%s','outputType':'LONG'}", PICK(seed, "l1", "l2", "v1"), name);
    } else if (kind == 7) {
        put(t, "{'type':'default','dimension':'d1','outputName':'%s','outputType':'DOUBLE'}", name);
    } else if (kind == 8) {
        put(t, "{'type':'default','dimension':'%s','outputName':'%s'}", PICK(seed, "l1", "f1"), name);
    } else {
        put(t, "{'type':'default','dimension':'%s','outputName':'%s_some'}", PICK(seed, "mv", "s1"), name); /* a list filter: below */
    }
}

static void put_query(text *t, uint64_t *seed, bool *ordered)
{
    uint32_t kind = draw_below(seed, 8);
    t->size = 0;
    *ordered = true;
    if (kind < 2) {
        put(t, "{'queryType':'timeseries',");
        put_common(t, seed);
        put_granularity(t, seed);
        put(t, "'descending':%s,", PICK(seed, "false", "false", "true"));
        put_aggs(t, seed);
        put(t, ",'context':{'skipEmptyBuckets':%s}", PICK(seed, "false", "true"));
    } else if (kind < 4) {
        put(t, "{'queryType':'topN',");
        put_common(t, seed);
        put_granularity(t, seed);
        put(t, "'dimension':");
        put_dimension(t, seed, "k");
        put(t, ",'metric':%s,'threshold':%u,", PICK(seed, "'n'", "{'type':'inverted','metric':'n'}", "{'type':'dimension','ordering':'lexicographic'}"),
            1 + draw_below(seed, 30));
        put_aggs(t, seed);
    } else if (kind < 7) {
        put(t, "{'queryType':'groupBy',");
        put_common(t, seed);
        put_granularity(t, seed);
        put(t, "'dimensions':[");
        for (uint32_t i = 0, n = draw_below(seed, 4); i < n; i++) {
            char name[] = {'k', (char)('0' + i), 0};
            put(t, i ? "," : "");
            put_dimension(t, seed, name);
        }
        put(t, "],");
        put_aggs(t, seed);
        if (draw_below(seed, 3) == 0) {
            put(t, ",'having':{'type':'greaterThan','aggregation':'n','value':%u}", draw_below(seed, 5));
        }
        if (draw_below(seed, 2) == 0) {
            put(t, ",'limitSpec':{'type':'default','limit':%u,'columns':[{'dimension':'n','direction':'descending'}]}", 1 + draw_below(seed, 40));
        }
    } else {
        put(t, "{'queryType':'scan',");
        put_common(t, seed);
        put(t, "'columns':['__time','s1','s2','mv','l1','d1','f1','late','nowhere','v1','v2']");
        *ordered = false;
    }
    put(t, "}");
}

/* Keys called *_some keep only some elements of a list. */
static void filter_lists(weir_arena *arena, weir_node *node)
{
    weir_node *child = node->kind == WEIR_NODE_SORT      ? node->as.sort.child
                       : node->kind == WEIR_NODE_PROJECT ? node->as.project.child
                       : node->kind == WEIR_NODE_FILTER  ? node->as.filter.child
                                                         : NULL;
    if (child) {
        filter_lists(arena, child);
    }
    for (uint32_t k = 0; node->kind == WEIR_NODE_AGG && k < node->as.agg.key_count; k++) {
        weir_key *key = (weir_key *)&node->as.agg.keys[k];
        if (key->name.size > 5 && memcmp(key->name.at + key->name.size - 5, "_some", 5) == 0) {
            weir_value low = weir_value_str(WEIR_STR("9")), high = weir_value_str(WEIR_STR("m9"));
            key->list_filter = weir_filter_range(arena, key->name, &low, false, &high, false);
        }
    }
}

static void compare_with_twin(fixture *f, const char *json, bool ordered, const weir_run_options *options, const char *what)
{
    weir_error err = {0};
    ref_rows got, want;
    weir_native_query *query = query_of(f, json);
    weir_ctl ctl = ctl_of(1u << 30);
    filter_lists(f->arena, query->plan->root);
    if (!ref_run(f->arena, query->plan->root, &f->table, 1, &want, &err)) {
        fail_msg("twin: %s\n%s", err.message, json);
    }
    if (!run_plan(f, query->plan, options, &ctl, &got, &err)) {
        fail_msg("run: %s\n%s", err.message, json);
    }
    weir_buf about = {0};
    weir_buf_printf(&about, "%s\n%s\n", what, json);
    weir_plan_print(query->plan, &about);
    weir_buf_byte(&about, 0);
    assert_same_rows(&got, &want, ordered, about.at);
    weir_buf_done(&about);
    assert_int_equal(ctl.budget.used_bytes, 0);
}

static void random_queries_equal_the_twin(void **state)
{
    (void)state;
    const char *only = getenv("WEIR_TEST_SEED");
    uint64_t from = only ? strtoull(only, NULL, 10) : 1, rounds = only ? 1 : 36;
    for (uint64_t round = from; round < from + rounds; round++) {
        uint64_t seed = round;
        source_kind kind = (source_kind)(round % SOURCE_KINDS);
        fixture *f = fixture_new(&seed, 200 + draw_below(&seed, 1500), kind, 1 + (uint32_t)(round % 3));
        for (uint32_t i = 0; i < 30; i++) {
            text t;
            bool ordered;
            char what[200];
            put_query(&t, &seed, &ordered);
            weir_run_options options = {.force_bytes = draw_below(&seed, 3) == 0,
                                        .force_hash = draw_below(&seed, 3) == 0,
                                        .force_scan = draw_below(&seed, 3) == 0,
                                        .block_rows = draw_below(&seed, 2) ? 64 : 0};
            snprintf(what, sizeof(what), "seed %llu, query %u, %s, bytes %d hash %d scan %d block %u", (unsigned long long)round, i, source_names[kind],
                     options.force_bytes, options.force_hash, options.force_scan, options.block_rows);
            compare_with_twin(f, t.at, ordered, &options, what);
        }
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_queries_equal_the_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
