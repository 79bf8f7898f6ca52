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
    uint32_t kind = draw_below(seed, depth ? 20 : 15);
    const char *column = PICK(seed, "s1", "s2", "mv", "l1", "l2", "d1", "f1", "late", "nowhere", "v1", "v2", "vm", "jk", "jn", "jd", "jx", "jt", "js", "jp");
    const char *array = PICK(seed, "va", "vl", "va", "vl", "s1", "l1", "nowhere", "ja", "jq");
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
        put(t, "{'type':'expression','expression':'%s'}", PICK(seed, "l2 % 3 == 1", "l2 % 5 == 1", "l1", "d1 - 3", "map((x) -> x == \\u0027a\\u0027, va)", "any((x) -> x > 3, vl)"));
    } else if (kind == 10) {
        put(t, "{'type':'equals','column':'%s',%s}", array, PICK(seed, "'matchValueType':'ARRAY<STRING>','matchValue':['a']", "'matchValueType':'ARRAY<LONG>','matchValue':[3,null]",
            "'matchValueType':'LONG','matchValue':3", "'matchValueType':'ARRAY<STRING>','matchValue':['9','a']", "'matchValueType':'ARRAY<STRING>','matchValue':[]"));
    } else if (kind == 11) {
        put(t, "{'type':'range','column':'%s',%s}", array, PICK(seed, "'matchValueType':'ARRAY<STRING>','lower':['a'],'upper':['m8','z'],'upperOpen':true", "'matchValueType':'ARRAY<LONG>','lower':[0],'lowerOpen':true",
            "'matchValueType':'ARRAY<DOUBLE>','upper':[2.5,null]"));
    } else if (kind == 12) {
        put(t, "{'type':'arrayContainsElement','column':'%s',%s}", draw_below(seed, 4) ? array : "mv", PICK(seed, "'elementMatchValueType':'STRING','elementMatchValue':'a'", "'elementMatchValueType':'LONG','elementMatchValue':3",
            "'elementMatchValueType':'STRING','elementMatchValue':null"));
    } else if (kind == 13) {
        put(t, "{'type':'null','column':'%s'}", PICK(seed, "va", "vl", "vm", "j", "ja", "jl"));
    } else if (kind == 14) {
        put(t, "{'type':'columnComparison','dimensions':[%s]}", PICK(seed, "'l1','l2'", "'s1','late'", "'mv','s1'", "'s1','nowhere'", "'l1','f1','d1'"));
    } else if (kind == 15) {
        put(t, "{'type':'not','field':");
        put_filter(t, seed, depth - 1);
        put(t, "}");
    } else if (kind == 16) {
        put(t, "{'type':'%s','field':", PICK(seed, "istrue", "isfalse"));
        put_filter(t, seed, depth - 1);
        put(t, "}");
    } else {
        put(t, "{'type':'%s','fields':[", kind == 17 ? "and" : "or");
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
           "{'type':'expression','name':'v2','expression':'concat(s1, \\u0027-x\\u0027)','outputType':'STRING'},"
           "{'type':'expression','name':'va','expression':'mv_to_array(mv)'},"
           "{'type':'expression','name':'vl','expression':'if(l2 %% 7 == 0, null, array(l1, l2 %% 4))'},"
           "{'type':'expression','name':'jk','expression':'json_value(j, \\u0027$.k\\u0027)'},"
           "{'type':'expression','name':'jn','expression':'json_value(j, \\u0027$.n\\u0027, \\u0027LONG\\u0027)'},"
           "{'type':'expression','name':'jd','expression':'json_value(j, \\u0027$.d\\u0027, \\u0027DOUBLE\\u0027) * 2'},"
           "{'type':'nested-field','columnName':'j','outputName':'jx','path':'$.x'},"
           "{'type':'nested-field','columnName':'j','outputName':'jt','path':'$.t[1]','expectedType':'STRING'},"
           "{'type':'nested-field','columnName':'j','outputName':'js','path':'$.r[0].s','expectedType':'LONG'},"
           "{'type':'nested-field','columnName':'j','outputName':'jp','path':'$.o.p'},"
           "{'type':'nested-field','columnName':'j','outputName':'jl','path':'$.late'},"
           "{'type':'nested-field','columnName':'j','outputName':'ja','path':'$.t','expectedType':'ARRAY<STRING>'},"
           "{'type':'nested-field','columnName':'j','outputName':'jq','path':'$.o.q','expectedType':'ARRAY<LONG>'},"
           "{'type':'mv-filtered','name':'vm','delegate':'mv','values':['a','9','m8','m9'],'isAllowList':%s}],", PICK(seed, "true", "false"));
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
        put(t, "{'type':'default','dimension':'%s','outputName':'%s'}", PICK(seed, "s1", "s2", "mv", "late", "nowhere", "v2", "vm", "jk", "jx", "jt", "jp", "jl"), name);
    } else if (kind < 7) {
        put(t, "{'type':'default','dimension':'%s','outputName':'%s','outputType':'LONG'}", PICK(seed, "l1", "l2", "v1", "jn", "jx", "js"), name);
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
        put(t, ",'metric':%s,'threshold':%u,", PICK(seed, "'n'", "{'type':'inverted','metric':'n'}", "{'type':'dimension','ordering':'lexicographic'}", "{'type':'dimension','ordering':'numeric','previousStop':'3'}",
                 "{'type':'inverted','metric':{'type':'dimension','ordering':'alphanumeric'}}", "{'type':'lexicographic','previousStop':'m1'}"),
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
        bool named = strstr(t->at, "'outputName':'k0'") != NULL;
        if (draw_below(seed, 2) == 0) {
            put(t, ",'limitSpec':{'type':'default','limit':%u,'offset':%u,'columns':[", 1 + draw_below(seed, 40), draw_below(seed, 3) ? 0 : draw_below(seed, 9));
            if (named && draw_below(seed, 2)) {
                put(t, "{'dimension':'k0','direction':'%s','dimensionOrder':'%s'},", PICK(seed, "ascending", "descending"),
                    PICK(seed, "lexicographic", "numeric", "alphanumeric", "strlen"));
            }
            put(t, "{'dimension':'n','direction':'%s'}]}", PICK(seed, "ascending", "descending", "descending"));
        }
        if (named && strstr(t->at, "'outputName':'k1'") && draw_below(seed, 4) == 0) {
            put(t, ",'subtotalsSpec':[['k0'],['k1','k0'],[]]");
        }
    } else {
        put(t, "{'queryType':'scan',");
        put_common(t, seed);
        put(t, "'columns':['__time','s1','s2','mv','l1','d1','f1','late','nowhere','v1','v2','va','vl','vm','j','jk','jn','jd','jx','jt','js','jp','jl','ja','jq']");
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
#if defined(__SANITIZE_THREAD__) /* each is ten times as slow */
    const uint64_t all = 4;
#elif defined(__SANITIZE_ADDRESS__)
    const uint64_t all = 18;
#else
    const uint64_t all = 36;
#endif
    uint64_t from = only ? strtoull(only, NULL, 10) : 1, rounds = only ? 1 : all;
    for (uint64_t round = from; round < from + rounds; round++) {
        uint64_t seed = round;
        source_kind kind = (source_kind)(round % SOURCE_KINDS);
        fixture *f = fixture_new(&seed, 150 + draw_below(&seed, 500), kind, 1 + (uint32_t)(round % 3));
        for (uint32_t i = 0; i < 30; i++) {
            text t;
            bool ordered;
            char what[200];
            put_query(&t, &seed, &ordered);
            weir_run_options options = {.force_bytes = draw_below(&seed, 3) == 0,
                                        .force_hash = draw_below(&seed, 3) == 0,
                                        .force_scan = draw_below(&seed, 3) == 0,
                                        .force_lanes = draw_below(&seed, 2) == 0,
                                        .block_rows = draw_below(&seed, 2) ? 64 : 0};
            snprintf(what, sizeof(what), "seed %llu, query %u, %s, bytes %d hash %d scan %d lanes %d block %u", (unsigned long long)round, i, source_names[kind],
                     options.force_bytes, options.force_hash, options.force_scan, options.force_lanes, options.block_rows);
            compare_with_twin(f, t.at, ordered, &options, what);
        }
        fixture_free(f);
    }
}

/* The first run keeps what it can, the second finds it; of mixed sources some rows are never kept. */
static void kept_partials_give_the_same_answers(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 6; round++) {
        uint64_t seed = 1000 + round;
        source_kind kind = (source_kind)(round % SOURCE_KINDS);
        fixture *f = fixture_new(&seed, 150 + draw_below(&seed, 500), kind, 1 + (uint32_t)(round % 3));
        weir_memo *memo = weir_memo_new(16u << 20, &weir_clock_system);
        weir_memo_stats before, after = {0};
        for (uint32_t i = 0; i < 14; i++) {
            text t;
            bool ordered;
            char what[200];
            put_query(&t, &seed, &ordered);
            weir_run_options options = {.memo = memo, .use_cache = true, .populate_cache = true, .force_keep = true,
                                        .force_hash = draw_below(&seed, 3) == 0,
                                        .force_lanes = draw_below(&seed, 2) == 0};
            before = after;
            for (int run = 0; run < 3; run++) {
                snprintf(what, sizeof(what), "seed %llu, query %u, %s, run %d", (unsigned long long)round, i, source_names[kind], run);
                compare_with_twin(f, t.at, ordered, &options, what);
                weir_memo_stats_get(memo, &after);
            }
            if (kind == SOURCE_FROZEN && ordered && after.misses > before.misses) {
                assert_true(after.hits > before.hits);
            }
        }
        bool live = kind == SOURCE_LIVE || kind == SOURCE_ENDED;
        assert_true(live ? after.puts == 0 : kind != SOURCE_FROZEN || after.puts > 0);
        fixture_free(f);
        weir_memo_free(memo);
    }
}

/* Many chunks: too many rows for the twin, so kinds of sources are compared with each other; memory without index or zone maps is the plain one. */
static void sources_of_many_chunks_agree(void **state)
{
    (void)state;
    static const source_kind kinds[] = {SOURCE_MEMORY, SOURCE_LIVE, SOURCE_FROZEN, SOURCE_MANY};
    fixture *f[4];
    for (int k = 0; k < 4; k++) {
        uint64_t seed = 77; /* the same rows */
        f[k] = fixture_new(&seed, 80000, kinds[k], 2);
    }
    uint64_t seed = 5;
    weir_memo *memo = weir_memo_new(64u << 20, &weir_clock_system);
    for (uint32_t i = 0; i < 20; i++) {
        text t;
        bool ordered;
        weir_error err = {0};
        ref_rows rows[4];
        do {
            put_query(&t, &seed, &ordered);
        } while (!ordered || strstr(t.at, "_some") || strstr(t.at, "'all','descending'") || strstr(t.at, "'topN'")); /* "all" without a schema has another timestamp */
        for (int k = 0; k < 4; k++) {
            weir_native_query *query = query_of(f[k], t.at);
            weir_ctl ctl = ctl_of(1u << 30);
            weir_run_options options = {.force_scan = k == 0, .force_hash = k == 3, .force_lanes = true, .memo = memo, .use_cache = true, .populate_cache = true};
            for (int run = 0; run < (k > 1 ? 3 : 1); run++) { /* the second may keep partials, the third find them */
                if (!run_plan(f[k], query->plan, &options, &ctl, &rows[k], &err)) {
                    fail_msg("%s: %s\n%s", source_names[kinds[k]], err.message, t.at);
                }
                assert_int_equal(ctl.budget.used_bytes, 0);
            }
            if (k > 0 && !strstr(t.at, "timeseries")) {
                assert_same_rows(&rows[k], &rows[0], true, t.at);
            } else if (k > 1) {
                assert_same_rows(&rows[k], &rows[1], true, t.at);
            }
        }
    }
    weir_memo_stats stats;
    weir_memo_stats_get(memo, &stats);
    assert_true(stats.puts > 20 && stats.hits > 20);
    weir_memo_free(memo);
    for (int k = 0; k < 4; k++) {
        fixture_free(f[k]);
    }
}

static weir_sort_key by(uint32_t column, bool descending)
{
    return (weir_sort_key){.column = column, .descending = descending};
}

static weir_node *rows_node(fixture *f, weir_row_order order)
{
    static const weir_interval all[] = {{INT64_C(1709942400000), INT64_C(1709942400000) + 4 * INT64_C(86400000)}};
    static const weir_str columns[] = {{"__time", 6}, {"s1", 2}, {"mv", 2}, {"l2", 2}};
    weir_node *node = weir_node_new(f->arena, WEIR_NODE_ROWS);
    node->as.rows = (weir_node_rows){.table_count = 1, .tables = &f->view.table, .interval_count = 1, .intervals = all, .column_count = 4, .columns = columns, .order = (uint8_t)order};
    weir_node_resolve(f->arena, node);
    return node;
}

static weir_node *sort_node(fixture *f, weir_node *child, uint32_t key_count, const weir_sort_key *keys, int64_t limit, int64_t offset)
{
    weir_node *node = weir_node_new(f->arena, WEIR_NODE_SORT);
    node->as.sort = (weir_node_sort){.child = child, .key_count = key_count, .keys = keys, .limit = limit, .offset = offset};
    weir_node_resolve(f->arena, node);
    return node;
}

static void run_both(fixture *f, weir_node *root, const weir_run_options *options, ref_rows *got, ref_rows *want)
{
    weir_error err = {0};
    weir_plan plan = {f->arena, root};
    weir_ctl ctl = ctl_of(1u << 30);
    assert_true(weir_plan_check(&plan, &err));
    if (!ref_run(f->arena, root, &f->table, 1, want, &err) || !run_plan(f, &plan, options, &ctl, got, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(ctl.budget.used_bytes, 0);
}

static void scans_in_time_order_stop_at_their_limit(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 24; round++) {
        uint64_t seed = 100 + round;
        fixture *f = fixture_new(&seed, 3000, (source_kind)(round % SOURCE_KINDS), 2);
        weir_run_options options = {.block_rows = round % 2 ? 128 : 0};
        weir_row_order order = round % 3 ? WEIR_ORDER_TIME_ASC : WEIR_ORDER_TIME_DESC;
        int64_t limit = round % 4 == 3 ? -1 : (int64_t)draw_below(&seed, 2000), offset = (int64_t)draw_below(&seed, 900);
        ref_rows got, want;
        run_both(f, sort_node(f, rows_node(f, order), 0, NULL, limit, offset), &options, &got, &want);
        assert_int_equal(got.row_count, want.row_count);
        for (uint32_t r = 0; r < got.row_count; r++) { /* rows of equal time have no order */
            assert_true(got.rows[r][0].as.l == want.rows[r][0].as.l);
        }
        if (limit < 0 && offset == 0) {
            assert_same_rows(&got, &want, false, "whole scan");
        }
        fixture_free(f);
    }
}

static void sorts_with_limits_keep_the_right_rows(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 24; round++) {
        uint64_t seed = 200 + round;
        fixture *f = fixture_new(&seed, 9000, (source_kind)(round % SOURCE_KINDS), 2);
        weir_sort_key keys[4] = {by(3, round % 2), by(1, round % 3 == 0), by(2, false), by(0, round % 5 == 0)};
        keys[1].nulls_last = round % 4 == 1;
        keys[1].ordering = round % 3 == 1 ? &weir_order_numeric : NULL;
        int64_t limit = round % 4 == 3 ? -1 : (int64_t)draw_below(&seed, round % 2 ? 50 : 6000);
        ref_rows got, want;
        run_both(f, sort_node(f, rows_node(f, WEIR_ORDER_NONE), 4, keys, limit, (int64_t)draw_below(&seed, 30)), NULL, &got, &want);
        assert_same_rows(&got, &want, true, "sort");
        fixture_free(f);
    }
}

static void a_union_of_sorted_children_is_one_stream(void **state)
{
    (void)state;
    uint64_t seed = 9;
    fixture *f = fixture_new(&seed, 2500, SOURCE_MIXED, 2);
    weir_sort_key keys[] = {by(0, false), by(3, true), by(1, false), by(2, false)};
    weir_node *children[2] = {sort_node(f, rows_node(f, WEIR_ORDER_NONE), 4, keys, 40, 0), rows_node(f, WEIR_ORDER_NONE)};
    weir_node *node = weir_node_new(f->arena, WEIR_NODE_UNION);
    node->as.merge = (weir_node_union){.child_count = 2, .children = children};
    weir_node_resolve(f->arena, node);
    ref_rows got, want;
    run_both(f, sort_node(f, node, 4, keys, 500, 3), NULL, &got, &want);
    assert_same_rows(&got, &want, true, "union");
    fixture_free(f);
}

/* groupBy over groupBy, and grouping sets, as plans. */
static weir_node *agg_node(fixture *f, weir_node *child, uint32_t key_count, const char *const *keys, const char *sum, uint32_t set_count, const uint64_t *sets)
{
    weir_error err = {0};
    weir_node *node = weir_node_new(f->arena, WEIR_NODE_AGG);
    weir_key *key = WEIR_ARENA_ARRAY(f->arena, weir_key, key_count + 1);
    weir_agg_use *aggs = WEIR_ARENA_ARRAY(f->arena, weir_agg_use, 2);
    for (uint32_t k = 0; k < key_count; k++) {
        key[k].name = weir_str_of(keys[k]);
        key[k].expr = weir_expr_column(f->arena, key[k].name);
    }
    const weir_expr **args = WEIR_ARENA_ARRAY(f->arena, const weir_expr *, 1);
    args[0] = weir_expr_column(f->arena, weir_str_of(sum));
    weir_value *values = WEIR_ARENA_ARRAY(f->arena, weir_value, 4);
    aggs[0].spec = (weir_agg_spec){.agg = weir_agg_find(WEIR_STR("count")), .name = WEIR_STR("n"), .values = values};
    aggs[1].spec = (weir_agg_spec){.agg = weir_agg_find(WEIR_STR("longSum")), .name = WEIR_STR("s"), .arg_count = 1, .args = args, .values = values};
    node->as.agg = (weir_node_agg){.child = child, .bucket = {.kind = WEIR_GRAN_ALL}, .key_count = key_count, .agg_count = 2, .keys = key, .aggs = aggs,
                                   .set_count = set_count, .sets = sets, .shape = WEIR_SHAPE_GROUPBY};
    weir_node_resolve(f->arena, node);
    (void)err;
    return node;
}

static void groups_of_groups_and_grouping_sets_equal_the_twin(void **state)
{
    (void)state;
    static const uint64_t sets[] = {3, 1, 0, 2};
    static const char *const two[] = {"s1", "mv"}, *const one[] = {"mv"};
    for (uint32_t round = 0; round < 16; round++) {
        uint64_t seed = 300 + round;
        fixture *f = fixture_new(&seed, 1200, (source_kind)(round % SOURCE_KINDS), 2);
        weir_run_options options = {.force_hash = round % 2, .force_bytes = round % 3 == 0, .force_lanes = true};
        ref_rows got, want;
        run_both(f, agg_node(f, rows_node(f, WEIR_ORDER_NONE), 2, two, "l2", round % 2 ? 4 : 0, sets), &options, &got, &want);
        assert_same_rows(&got, &want, false, "sets");
        weir_node *inner = agg_node(f, rows_node(f, WEIR_ORDER_NONE), 2, two, "l2", 0, NULL);
        run_both(f, agg_node(f, inner, 1, one, "n", 0, NULL), &options, &got, &want);
        assert_same_rows(&got, &want, false, "groups of groups");
        fixture_free(f);
    }
}

static void a_subquery_is_a_table(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 12; round++) {
        uint64_t seed = 400 + round;
        fixture *f = fixture_new(&seed, 1500, (source_kind)(round % SOURCE_KINDS), 2);
        compare_with_twin(f,
                          "{'queryType':'groupBy','granularity':'all','intervals':['1960/2100'],'dimensions':['mv'],'aggregations':[{'type':'longSum','name':'m','fieldName':'n'}],"
                          "'filter':{'type':'bound','dimension':'n','lower':'2','ordering':'numeric'},'dataSource':{'type':'query','query':"
                          "{'queryType':'groupBy','dataSource':'t','granularity':'hour','intervals':['2024-03-09/2024-03-13'],'dimensions':['s1','mv'],'aggregations':[{'type':'count','name':'n'}]}}}",
                          true, &(weir_run_options){.force_bytes = round % 2}, "subquery");
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_queries_equal_the_twin),
        cmocka_unit_test(kept_partials_give_the_same_answers),
        cmocka_unit_test(sources_of_many_chunks_agree),
        cmocka_unit_test(scans_in_time_order_stop_at_their_limit),
        cmocka_unit_test(sorts_with_limits_keep_the_right_rows),
        cmocka_unit_test(a_union_of_sorted_children_is_one_stream),
        cmocka_unit_test(groups_of_groups_and_grouping_sets_equal_the_twin),
        cmocka_unit_test(a_subquery_is_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
