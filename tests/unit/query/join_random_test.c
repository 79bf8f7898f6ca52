/* Random joins, unnests, filters and unions of each other, under random queries, over tables of
 * every kind: what runs after all rules equals what the twin makes of the plan before any rule,
 * with nested loops. */
#include "run_helper.h"
#include <stdio.h>

typedef struct text {
    char at[32000];
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
#define TIMES "'2024-03-09/2024-03-13'"

typedef struct shape { /* of the source drawn */
    bool timed;        /* every row has a time */
} shape;

/* Small sources for a right side: columns k (text), n (long), w (double or lists). */
static void put_right(text *t, uint64_t *seed)
{
    static const char *const words[] = {"'a'",  "'B'", "'v7'", "'v8'", "'10'",
                                        "null", "''",  "'w9'", "'z9'", "'3'"};
    uint32_t kind = draw_below(seed, 5);
    if (kind == 0) {
        put(t, "{'type':'inline','columnNames':['k','n','w'],'columnTypes':['STRING','LONG','"
               "DOUBLE'],'rows':[");
        for (uint32_t i = 0, n = draw_below(seed, 30); i < n; i++) {
            put(t, "%s[%s,%d,%s]", i ? "," : "", words[draw_below(seed, 10)],
                (int)draw_below(seed, 40) - 20, PICK(seed, "1.5", "null", "-3.25", "7"));
        }
        put(t, "]}");
    } else if (kind == 1) {
        put(t,
            "{'type':'query','query':{'queryType':'groupBy','dataSource':'t','granularity':'all','"
            "intervals':" TIMES ",'dimensions':[{'type':'default','dimension':'%s','outputName':'k'"
                                "}],'aggregations':[{'type':'count','name':'n'},"
            "{'type':'doubleSum','name':'w','fieldName':'d1'}]}}",
            PICK(seed, "s1", "mv", "late", "s2"));
    } else if (kind == 2) {
        put(t, "{'type':'query','query':{'queryType':'scan','dataSource':'t','intervals':" TIMES
               ",'columns':['k','n','w','mv'],'virtualColumns':["
               "{'type':'expression','name':'k','expression':'s1'},{'type':'expression','name':'n',"
               "'expression':'l1'},{'type':'expression','name':'w','expression':'d1'}],"
               "'filter':{'type':'bound','dimension':'l2','upper':'40','ordering':'numeric'}}}");
    } else if (kind == 3) { /* a table itself */
        put(t,
            "{'type':'unnest','base':{'type':'filter','base':'t','filter':{'type':'bound','"
            "dimension':'l2','upper':'30','ordering':'numeric'}},"
            "'virtualColumn':{'type':'expression','name':'k','expression':'%s'}}",
            PICK(seed, "mv", "mv_to_array(mv)", "s1"));
    } else {
        put(t, "{'type':'union','dataSources':[{'type':'inline','columnNames':['k','n'],'rows':[['"
               "a',1],['v9',2],['B',3]]},"
               "{'type':'inline','columnNames':['k','w'],'rows':[['v8',0.5],['a',2],[null,7]]}]}");
    }
}

static void put_condition(text *t, uint64_t *seed, const char *prefix)
{
    uint32_t kind = draw_below(seed, 12);
    if (kind < 4) {
        put(t, "%s == \\'%sk\\'", PICK(seed, "s1", "s1", "s2", "late", "nowhere"), prefix);
    } else if (kind == 4) {
        put(t, "\\'%sn\\' == %s", prefix, PICK(seed, "l1", "l2", "d1", "s1", "(l1 + 1)"));
    } else if (kind == 5) {
        put(t, "%s == \\'%sw\\'", PICK(seed, "d1", "f1", "l1"), prefix);
    } else if (kind == 6) {
        put(t, "s1 == \\'%sk\\' && l1 == \\'%sn\\'", prefix, prefix);
    } else if (kind == 7) {
        put(t, "notdistinctfrom(s1, \\'%sk\\')", prefix);
    } else if (kind == 8) {
        put(t, "notdistinctfrom(late, \\'%sk\\') && notdistinctfrom(l1, \\'%sn\\')", prefix,
            prefix);
    } else if (kind == 9) {
        put(t, "%s == \\'%sk\\' && 1",
            PICK(seed, "lower(s1)", "substring(s2, 0, 2)", "l1", "nvl(late, s1)"), prefix);
    } else if (kind == 10) {
        put(t, "s1 == \\'%sk\\' && 0", prefix);
    } else {
        put(t, "%s == \\'%snowhere\\'", PICK(seed, "s1", "l1"), prefix);
    }
}

static void put_source(text *t, uint64_t *seed, uint32_t depth, shape *of)
{
    uint32_t kind = draw_below(seed, depth ? 8 : 2);
    if (kind < 4 && depth) {
        const char *how = PICK(seed, "INNER", "INNER", "LEFT", "LEFT", "RIGHT", "FULL");
        of->timed = of->timed && how[0] != 'R' && how[0] != 'F';
        char prefix[] = {(char)('j' + depth), '.', 0};
        put(t, "{'type':'join','joinType':'%s','rightPrefix':'%s','left':", how, prefix);
        put_source(t, seed, depth - 1, of);
        put(t, ",'right':");
        put_right(t, seed);
        put(t, ",'condition':'");
        put_condition(t, seed, prefix);
        put(t, "'}");
    } else if (kind < 6 && depth) {
        put(t, "{'type':'unnest','base':");
        put_source(t, seed, depth - 1, of);
        put(t, ",'virtualColumn':{'type':'expression','name':'e','expression':'%s'}",
            PICK(seed, "mv", "mv", "s1", "mv_to_array(mv)", "array(l1, l2 % 4)", "array(1, 2)",
                 "if(l2 % 7 == 0, null, array(s1, s2))", "nowhere", "late"));
        if (draw_below(seed, 2)) {
            put(t, ",'unnestFilter':%s",
                PICK(seed, "{'type':'in','dimension':'e','values':['a','9','m8','1',null]}",
                     "{'type':'not','field':{'type':'selector','dimension':'e','value':'a'}}",
                     "{'type':'expression','expression':'e == s1 || l2 > 500'}"));
        }
        put(t, "}");
    } else if (kind == 6) {
        put(t, "{'type':'filter','base':");
        put_source(t, seed, depth - 1, of);
        put(t, ",'filter':%s}",
            PICK(seed, "{'type':'bound','dimension':'l2','lower':'300','ordering':'numeric'}",
                 "{'type':'null','column':'late'}",
                 "{'type':'like','dimension':'v1','pattern':'%'}",
                 "{'type':'not','field':{'type':'selector','dimension':'mv','value':'a'}}"));
    } else if (kind == 7) {
        put(t, "{'type':'union','dataSources':[");
        put_source(t, seed, depth - 1, of);
        put(t, ",'t']}");
    } else {
        put(t, "'t'");
    }
}

#define COLUMNS                                                                                    \
    "s1", "s2", "mv", "l1", "d1", "late", "nowhere", "k.k", "k.n", "l.k", "l.n", "l.w", "e", "v1", \
        "v2", "l2"

static void put_filter(text *t, uint64_t *seed, uint32_t depth)
{
    uint32_t kind = draw_below(seed, depth ? 8 : 5);
    const char *column = PICK(seed, COLUMNS);
    if (kind == 0) {
        put(t, "{'type':'selector','dimension':'%s','value':'%s'}", column,
            PICK(seed, "a", "v9", "m8", "10", "", "w44", "3", "7"));
    } else if (kind == 1) {
        put(t, "{'type':'null','column':'%s'}", column);
    } else if (kind == 2) {
        put(t, "{'type':'in','dimension':'%s','values':['v8','a',null,'9','m9','w30','2.5','1']}",
            column);
    } else if (kind == 3) {
        put(t, "{'type':'bound','dimension':'%s','lower':'%s','ordering':'%s'}", column,
            PICK(seed, "-3", "B", "w2"), PICK(seed, "lexicographic", "numeric"));
    } else if (kind == 4) {
        put(t, "{'type':'expression','expression':'%s'}",
            PICK(seed, "l2 % 3 == 1", "\\'k.n\\' > l1", "s1 == e", "v1 > 500"));
    } else if (kind == 5) {
        put(t, "{'type':'not','field':");
        put_filter(t, seed, depth - 1);
        put(t, "}");
    } else {
        put(t, "{'type':'%s','fields':[", kind == 6 ? "or" : "and");
        for (uint32_t i = 0, n = 1 + draw_below(seed, 3); i < n; i++) {
            put(t, i ? "," : "");
            put_filter(t, seed, depth - 1);
        }
        put(t, "]}");
    }
}

static void put_query(text *t, uint64_t *seed, bool *ordered)
{
    static text source;
    shape of = {.timed = true};
    source.size = 0;
    put_source(&source, seed, 1 + draw_below(seed, 2), &of);
    t->size = 0;
    uint32_t kind = draw_below(seed, 4);
    *ordered = kind != 3;
    const char *granularity =
        of.timed ? PICK(seed, "'all'", "'all'", "'hour'", "'day'",
                        "{'type':'period','period':'P1D','timeZone':'America/New_York'}")
                 : "'all'";
    put(t, "{'queryType':'%s','dataSource':%s,'intervals':[%s],'granularity':%s,",
        kind == 0   ? "timeseries"
        : kind == 1 ? "topN"
        : kind == 2 ? "groupBy"
                    : "scan",
        source.at,
        PICK(seed, TIMES, "'1960/2100'", "'2024-03-10T03:00/2024-03-11T20:15'",
             "'2024-03-09/2024-03-10','2024-03-11T05/2024-03-12'", "'2025/2026'"),
        granularity);
    put(t, "'virtualColumns':[{'type':'expression','name':'v1','expression':'l2 + "
           "1','outputType':'LONG'},"
           "{'type':'expression','name':'v2','expression':'concat(s1, "
           "\\'k.k\\')','outputType':'STRING'}],");
    if (draw_below(seed, 3)) {
        put(t, "'filter':");
        put_filter(t, seed, 2);
        put(t, ",");
    }
    const char *aggs = "'aggregations':[{'type':'count','name':'n'},{'type':'longSum','name':'ls','"
                       "fieldName':'k.n'},{'type':'doubleSum','name':'ds','fieldName':'d1'},"
                       "{'type':'filtered','filter':{'type':'selector','dimension':'k.k','value':'"
                       "a'},'aggregator':{'type':'longSum','name':'fl','fieldName':'l2'}},"
                       "{'type':'longMax','name':'vm','fieldName':'v1'}]";
    if (kind == 0) {
        put(t, "%s}", aggs);
    } else if (kind == 1) {
        put(t, "'dimension':'%s','metric':%s,'threshold':7,%s}", PICK(seed, COLUMNS),
            PICK(seed, "'n'", "{'type':'dimension','ordering':'lexicographic'}"), aggs);
    } else if (kind == 2) {
        put(t, "'dimensions':[");
        for (uint32_t i = 0, n = draw_below(seed, 3); i < n; i++) {
            put(t, "%s{'type':'default','dimension':'%s','outputName':'k%u'}", i ? "," : "",
                PICK(seed, COLUMNS), i);
        }
        put(t, "],%s}", aggs);
    } else {
        put(t, "'columns':['__time','s1','s2','mv','l1','d1','late','nowhere','k.k','k.n','k.w','l."
               "k','l.n','l.mv','e','v1','v2']}");
    }
}

static weir_native_query *lowered(fixture *f, const char *json)
{
    weir_error err = {0};
    char *body = weir_arena_text(f->arena, weir_str_of(json));
    for (char *at = body; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    weir_native_query *query = weir_native_parse(f->arena, weir_str_of(body), &err);
    if (!query || !weir_native_lower(query, f->views, 1, &err) ||
        !weir_plan_check(query->plan, &err)) {
        fail_msg("refused: %s\n%s", err.message, body);
    }
    return query;
}

static void compare_with_twin(fixture *f, const char *json, bool ordered,
                              const weir_run_options *options, const char *what)
{
    weir_error err = {0};
    ref_rows got, want;
    weir_native_query *plain = lowered(f, json), *query = query_of(f, json);
    weir_ctl ctl = ctl_of(1u << 30);
    if (!ref_run(f->arena, plain->plan->root, &f->table, 1, &want, &err)) {
        fail_msg("twin: %s\n%s", err.message, json);
    }
    weir_buf about = {0};
    weir_buf_printf(&about, "%s\n%s\n", what, json);
    weir_plan_print(query->plan, &about);
    weir_buf_byte(&about, 0);
    if (!run_plan(f, query->plan, options, &ctl, &got, &err)) {
        fail_msg("run: %s\n%s", err.message, about.at);
    }
    assert_same_rows(&got, &want, ordered, about.at);
    weir_buf_done(&about);
    assert_int_equal(ctl.budget.used_bytes, 0);
}

static void random_sources_equal_the_twin(void **state)
{
    (void)state;
    static text t;
    const char *only = getenv("WEIR_TEST_SEED");
    uint64_t from = only ? strtoull(only, NULL, 10) : 1, rounds = only ? 1 : 24;
    for (uint64_t round = from; round < from + rounds; round++) {
        uint64_t seed = round * 977;
        source_kind kind = (source_kind)(round % SOURCE_KINDS);
        fixture *f =
            fixture_new(&seed, 60 + draw_below(&seed, 140), kind, 1 + (uint32_t)(round % 3));
        for (uint32_t i = 0; i < 25; i++) {
            bool ordered;
            char what[200];
            put_query(&t, &seed, &ordered);
            weir_run_options options = {.force_bytes = draw_below(&seed, 3) == 0,
                                        .force_scan = draw_below(&seed, 3) == 0,
                                        .force_lanes = draw_below(&seed, 2) == 0,
                                        .block_rows = draw_below(&seed, 2) ? 64 : 0};
            snprintf(what, sizeof(what),
                     "seed %llu, query %u, %s, bytes %d scan %d lanes %d block %u",
                     (unsigned long long)round, i, source_names[kind], options.force_bytes,
                     options.force_scan, options.force_lanes, options.block_rows);
            compare_with_twin(f, t.at, ordered, &options, what);
        }
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_sources_equal_the_twin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
