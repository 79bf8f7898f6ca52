/* Data sources that are no table: what queries over inline rows, lookups, joins and unnested lists
 * answer, small enough to check by eye. */
#include "run_helper.h"
#include "compute/lookup.h"

#define EVER "'intervals':'0000/3000'"
#define COUNT "'aggregations':[{'type':'count','name':'n'}]"

static fixture *f;

static int setup(void **state)
{
    (void)state;
    uint64_t seed = 5;
    f = fixture_new(&seed, 10, SOURCE_MEMORY, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_free(f);
    return 0;
}

/* The answer's rows as "a,b; c,d" ; an error as its sentence. */
static const char *answer_of(const char *json)
{
    weir_native_query *query = query_of(f, json);
    weir_ctl ctl = ctl_of((size_t)64 << 20);
    weir_error err = {0};
    ref_rows rows;
    weir_buf out = {0};
    if (run_plan(f, query->plan, NULL, &ctl, &rows, &err)) {
        for (uint32_t r = 0; r < rows.row_count; r++) {
            weir_buf_text(&out, r ? "; " : "");
            for (uint32_t c = 0; c < rows.column_count; c++) {
                weir_buf_text(&out, c ? "," : "");
                ref_print(&rows.rows[r][c], &out);
            }
        }
    } else {
        weir_buf_text(&out, err.message);
    }
    const char *text = weir_arena_text(f->arena, weir_buf_view(&out));
    weir_buf_done(&out);
    return text;
}
#define ANSWER(json, text) assert_string_equal(answer_of(json), (text))

#define PETS                                                                                       \
    "{'type':'inline','columnNames':['k','v','t'],'columnTypes':['STRING','LONG','DOUBLE'],"       \
    "'rows':[['a',1,1.5],['b',2,null],['a',3,-2.25],[null,4,0.0],['',5,'7']]}"

static void inline_rows_are_a_table(void **state)
{
    (void)state;
    ANSWER("{'queryType':'scan','dataSource':" PETS "," EVER "}",
           "\"a\",1,1.5; \"b\",2,null; \"a\",3,-2.25; null,4,0.0; \"\",5,7.0");
    ANSWER("{'queryType':'groupBy','dataSource':" PETS ",'granularity':'all','dimensions':['k'],"
           "'filter':{'type':'not','field':{'type':'selector','dimension':'k','value':'b'}}," EVER
           ",'aggregations':[{'type':'longSum','name':'v','fieldName':'v'}]}",
           "-62167219200000,\"\",5; -62167219200000,\"a\",4");
    ANSWER("{'queryType':'timeseries','dataSource':" PETS ",'granularity':'all','intervals':'2000/"
           "3000'," COUNT "}",
           "946684800000,0"); /* rows without a time are at 0 */
}

static void inline_rows_have_the_types_declared_or_found(void **state)
{
    (void)state;
    ANSWER(
        "{'queryType':'scan'," EVER
        ",'dataSource':{'type':'inline','columnNames':['a','b','c','d','e','__time'],"
        "'columnTypes':[null,null,null,null,'STRING','LONG'],"
        "'rows':[['x',1,1,[1,2.5],['p',null],5],[true,2,0.5,null,'q',6],[null,null,3,[],null,7]]}}",
        "\"x\",1,1.0,[1.0,2.5],[\"p\",null],5; \"true\",2,0.5,null,[\"q\"],6; "
        "null,null,3.0,[],null,7");
    ANSWER(
        "{'queryType':'scan'," EVER ",'dataSource':{'type':'inline','columnNames':['x','y'],"
        "'columnTypes':['ARRAY<LONG>','ARRAY<STRING>'],'rows':[[[1,'2'],['a',null]],[null,[]]]}}",
        "[1,2],[\"a\",null]; null,[]");
}

static void the_entries_of_a_lookup_are_rows_of_k_and_v(void **state)
{
    (void)state;
    weir_str keys[] = {WEIR_STR("a"), WEIR_STR("b"), WEIR_STR("c")};
    weir_str values[] = {WEIR_STR("A"), {0}, WEIR_STR("A")};
    weir_lookup_register(WEIR_STR("upper"), weir_lookup_new(keys, values, 3));
    ANSWER("{'queryType':'scan','dataSource':{'type':'lookup','lookup':'upper'}," EVER "}",
           "\"a\",\"A\"; \"b\",null; \"c\",\"A\"");
    ANSWER("{'queryType':'topN','dataSource':{'type':'lookup','lookup':'upper'},'dimension':'v',"
           "'metric':'n','threshold':5,'granularity':'all'," EVER "," COUNT "}",
           "-62167219200000,\"A\",2; -62167219200000,null,1");
    weir_lookup_register(WEIR_STR("upper"), NULL);
    ANSWER("{'queryType':'scan','dataSource':{'type':'lookup','lookup':'nowhere'}," EVER "}", "");
}

#define LEFT                                                                                       \
    "{'type':'inline','columnNames':['id','name'],'columnTypes':['LONG','STRING'],"                \
    "'rows':[[1,'a'],[2,'b'],[3,null],[4,'zz'],[5,'b']]}"
#define RIGHT                                                                                      \
    "{'type':'inline','columnNames':['k','n','w'],'columnTypes':['STRING','LONG','DOUBLE'],"       \
    "'rows':[['b',20,0.5],['a',10,1.5],['b',21,null],[null,30,2.5],['q',40,3.5]]}"
#define JOIN(kind, condition)                                                                      \
    "{'queryType':'scan','columns':['id','name','j.k','j.n']," EVER                                \
    ",'dataSource':{'type':'join','left':" LEFT ",'right':" RIGHT                                  \
    ",'rightPrefix':'j.','joinType':'" kind "','condition':'" condition "'}}"

#define JOINED(kind, condition, text) ANSWER(JOIN(kind, condition), text)
#define K "\\'j.k\\'"
#define N "\\'j.n\\'"
#define PAIRS "1,\"a\",\"a\",10; 2,\"b\",\"b\",20; 2,\"b\",\"b\",21"
#define LAST_PAIRS "5,\"b\",\"b\",20; 5,\"b\",\"b\",21"
#define LONE_LEFT "; 3,null,null,null; 4,\"zz\",null,null; "
#define LONE_RIGHT "; null,null,null,30; null,null,\"q\",40"

static void joins_pair_equal_rows_and_keep_the_others_of_their_outer_sides(void **state)
{
    (void)state;
    JOINED("INNER", "name == " K, PAIRS "; " LAST_PAIRS);
    JOINED("left", "name == " K, PAIRS LONE_LEFT LAST_PAIRS);
    JOINED("RIGHT", K " == name", PAIRS "; " LAST_PAIRS LONE_RIGHT);
    JOINED("FULL", "name == " K, PAIRS LONE_LEFT LAST_PAIRS LONE_RIGHT);
}

static void join_conditions_are_equalities_and_constants(void **state)
{
    (void)state;
    JOINED("INNER", "name == " K " && (id * 10) == " N, "1,\"a\",\"a\",10; 2,\"b\",\"b\",20");
    JOINED("INNER", "concat(name) == " K " && 1", PAIRS "; " LAST_PAIRS);
    JOINED("INNER", "(id + 0.5) == \\'j.w\\'",
           "1,\"a\",\"a\",10; 2,\"b\",null,30; 3,null,\"q\",40");
    JOINED("INNER", "id * 10 == " K, "");
    JOINED("LEFT", "name == " K " && 1 == 2",
           "1,\"a\",null,null; 2,\"b\",null,null; 3,null,null,null; 4,\"zz\",null,null; "
           "5,\"b\",null,null");
    JOINED("RIGHT", "0",
           "null,null,\"b\",20; null,null,\"a\",10; null,null,\"b\",21; "
           "null,null,null,30; null,null,\"q\",40");
    ANSWER("{'queryType':'timeseries','granularity':'all'," EVER "," COUNT
           ",'dataSource':{'type':'join','left':" LEFT ",'right':" RIGHT
           ",'rightPrefix':'j.','joinType':'INNER','condition':'1'}}",
           "-62167219200000,25");
}

static void null_equals_null_only_where_the_condition_says_so(void **state)
{
    (void)state;
    JOINED("INNER", "notdistinctfrom(name, " K ")", PAIRS "; 3,null,null,30; " LAST_PAIRS);
    JOINED("INNER", "notdistinctfrom(name, " K ") && (id + 27) == " N, "3,null,null,30");
}

static void joins_of_joins_and_filters_over_them(void **state)
{
    (void)state;
#define TWO(filter)                                                                                \
    "{'queryType':'scan','columns':['id','j.n','h.v']," EVER filter                                \
    ",'dataSource':{'type':'join','left':{'type':'join','left':" LEFT ",'right':" RIGHT            \
    ",'rightPrefix':'j.','joinType':'LEFT','condition':'name == " K "'},'right':{'type':'query',"  \
    "'query':{'queryType':'scan','dataSource':{'type':'inline','columnNames':['u','v'],"           \
    "'rows':[[10,'ten'],[21,'more']]}," EVER "}},'rightPrefix':'h.','joinType':'LEFT',"            \
    "'condition':'\\'j.n\\' == \\'h.u\\''}}"
    ANSWER(TWO(""), "1,10,\"ten\"; 2,20,null; 2,21,\"more\"; 3,null,null; 4,null,null; 5,20,null; "
                    "5,21,\"more\"");
    ANSWER(TWO(",'filter':{'type':'and','fields':[{'type':'selector','dimension':'h.v','value':"
               "'more'},{'type':'not','field':{'type':'selector','dimension':'id','value':2}}]}"),
           "5,21,\"more\"");
    ANSWER(TWO(",'filter':{'type':'null','column':'j.n'}"), "3,null,null; 4,null,null");
    ANSWER(
        TWO(",'virtualColumns':[{'type':'expression','name':'twice','expression':'id * 2',"
            "'outputType':'LONG'},{'type':'expression','name':'sum','expression':'twice + "
            "\\'j.n\\'','outputType':'LONG'}],'filter':{'type':'or','fields':[{'type':'selector',"
            "'dimension':'twice','value':'2'},{'type':'selector','dimension':'sum','value':"
            "'31'}]}"),
        "1,10,\"ten\"; 5,21,\"more\"");
}

#define LISTS                                                                                      \
    "{'type':'inline','columnNames':['id','l','s'],'columnTypes':['LONG','ARRAY<LONG>','STRING']," \
    "'rows':[[1,[1,2],['x','y']],[2,[],'z'],[3,null,null],[4,[null,9],[]]]}"
#define UNNEST(expression, more)                                                                   \
    "{'type':'unnest','base':" LISTS ",'virtualColumn':{'type':'expression','name':'u',"           \
    "'expression':'" expression "'}" more "}"
#define UNNESTED(source, columns, text)                                                            \
    ANSWER("{'queryType':'scan','columns':[" columns "]," EVER ",'dataSource':" source "}", text)

static void unnest_makes_a_row_of_each_element(void **state)
{
    (void)state;
    UNNESTED(UNNEST("l", ""), "'id','u'", "1,1; 1,2; 4,null; 4,9");
    UNNESTED(UNNEST("s", ""), "'id','u'", "1,\"x\"; 1,\"y\"; 2,\"z\"");
    UNNESTED(UNNEST("array(7, id)", ""), "'id','u'", "1,7; 1,1; 2,7; 2,2; 3,7; 3,3; 4,7; 4,4");
    UNNESTED(UNNEST("array(7, 8)", ""), "'u'", "7; 8; 7; 8; 7; 8; 7; 8");
    UNNESTED(UNNEST("l", ",'unnestFilter':{'type':'bound','dimension':'u','lower':'2',"
                         "'ordering':'numeric'}"),
             "'u','id'", "2,1; 9,4");
    ANSWER("{'queryType':'groupBy','granularity':'all','dimensions':['u']," EVER "," COUNT
           ",'filter':{'type':'selector','dimension':'id','value':1},'dataSource':" UNNEST("s",
                                                                                           "") "}",
           "-62167219200000,\"x\",1; -62167219200000,\"y\",1");
    UNNESTED("{'type':'unnest','base':" UNNEST("l", "") ",'virtualColumn':{'type':'expression',"
                                                        "'name':'t','expression':'array(u, id)'}}",
             "'u','t'", "1,1; 1,1; 2,2; 2,1; null,null; null,4; 9,9; 9,4");
}

static void filters_and_unions_of_any_data_source(void **state)
{
    (void)state;
    UNNESTED("{'type':'filter','base':" LISTS ",'filter':{'type':'bound','dimension':'id',"
             "'lower':'3','ordering':'numeric'}}",
             "'id','l'", "3,null; 4,[null,9]");
    UNNESTED("{'type':'union','dataSources':[" LISTS "," PETS ",'nowhere']}", "'id','v'",
             "1,null; 2,null; 3,null; 4,null; null,1; null,2; null,3; null,4; null,5");
    UNNESTED("{'type':'union','dataSources':[{'type':'inline','columnNames':['a'],'rows':[[1]]},"
             "{'type':'inline','columnNames':['a'],'rows':[['x'],['7']]}]}",
             "'a'", "1; null; 7"); /* the first one's type */
}

static void the_signature_of_a_join_is_left_then_right(void **state)
{
    (void)state;
    ANSWER("{'queryType':'scan'," EVER ",'limit':1,'dataSource':{'type':'join','left':" LEFT
           ",'right':" RIGHT ",'rightPrefix':'j.','joinType':'INNER','condition':'name == " K "'}}",
           "1,\"a\",\"a\",10,1.5");
}

static void inner_queries_of_all_types_are_rows(void **state)
{
    (void)state;
#define OVER(query, columns, text) UNNESTED("{'type':'query','query':" query "}", columns, text)
    OVER("{'queryType':'scan','dataSource':" PETS "," EVER ",'limit':2}", "'k','v','t'",
         "\"a\",1,1.5; \"b\",2,null");
    ANSWER("{'queryType':'scan'," EVER ",'dataSource':{'type':'query','query':{'queryType':'scan',"
           "'dataSource':{'type':'query','query':{'queryType':'scan','dataSource':" PETS "," EVER
           ",'offset':3}}," EVER "}}}",
           "null,4,0.0; \"\",5,7.0");
    OVER("{'queryType':'search','dataSource':" PETS ",'granularity':'all'," EVER
         ",'searchDimensions':['k'],'query':{'type':'contains','value':'a'}}",
         "'dimension','value','count'", "\"k\",\"a\",2");
    OVER("{'queryType':'timeBoundary','dataSource':" PETS "}", "'minTime','maxTime'", "0,0");
    OVER("{'queryType':'topN','dataSource':" PETS ",'granularity':'all'," EVER
         ",'dimension':'k','metric':'n','threshold':1," COUNT "}",
         "'k','n'", "\"a\",2");
    OVER("{'queryType':'timeseries','dataSource':" PETS
         ",'granularity':'all','intervals':'1970/1971'," COUNT "}",
         "'__time','n'", "0,5");
}

static void rows_of_no_table_fill_the_buckets_of_the_intervals(void **state)
{
    (void)state;
    ANSWER(
        "{'queryType':'timeseries','granularity':'day','intervals':'1970-01-01/1970-01-04',"
        "'dataSource':{'type':'inline','columnNames':['__time','v'],'columnTypes':['LONG','LONG'],"
        "'rows':[[86400000,1],[86400001,2]]}," COUNT "}",
        "0,0; 86400000,2; 172800000,0");
}

#define MANY                                                                                       \
    "{'type':'query','query':{'queryType':'scan','dataSource':'t'," EVER ",'columns':['s2']}}"
#define EVERY_PAIR(query, more)                                                                    \
    "{'queryType':" query ",'granularity':'all'," EVER more                                        \
    ",'dataSource':{'type':'join','joinType':'INNER','rightPrefix':'c.','condition':'1','right'"   \
    ":" MANY                                                                                       \
    ",'left':{'type':'join','joinType':'INNER','rightPrefix':'b.','condition':'1','right':" MANY   \
    ",'left':'t'}}}"

static weir_err end_of(fixture *many, const char *json, size_t budget_bytes, int64_t deadline_ms)
{
    weir_native_query *query = query_of(many, json);
    weir_ctl ctl = ctl_of(budget_bytes);
    weir_error err = {0};
    ref_rows rows;
    ctl.deadline_us = weir_monotonic_us(ctl.clock) + deadline_ms * 1000;
    run_plan(many, query->plan, NULL, &ctl, &rows, &err);
    assert_int_equal(ctl.budget.used_bytes, 0);
    return err.code;
}

static void a_join_of_everything_with_everything_ends_when_it_must(void **state)
{
    (void)state;
    uint64_t seed = 8;
    fixture *many = fixture_new(&seed, 20000, SOURCE_ENDED, 2);
    assert_int_equal(end_of(many, EVERY_PAIR("'timeseries'", "," COUNT), (size_t)64 << 20, 100),
                     WEIR_ERR_TIMEOUT);
    assert_int_equal(end_of(many,
                            EVERY_PAIR("'groupBy'", ",'dimensions':['s2','b.s2','c.s2']," COUNT),
                            (size_t)16 << 20, 60000),
                     WEIR_ERR_RESOURCE);
    assert_int_equal(end_of(many, EVERY_PAIR("'scan'", ",'columns':['c.s2'],'limit':3"),
                            (size_t)64 << 20, 60000),
                     WEIR_OK);
    fixture_free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inline_rows_are_a_table),
        cmocka_unit_test(inline_rows_have_the_types_declared_or_found),
        cmocka_unit_test(the_entries_of_a_lookup_are_rows_of_k_and_v),
        cmocka_unit_test(joins_pair_equal_rows_and_keep_the_others_of_their_outer_sides),
        cmocka_unit_test(join_conditions_are_equalities_and_constants),
        cmocka_unit_test(null_equals_null_only_where_the_condition_says_so),
        cmocka_unit_test(joins_of_joins_and_filters_over_them),
        cmocka_unit_test(unnest_makes_a_row_of_each_element),
        cmocka_unit_test(filters_and_unions_of_any_data_source),
        cmocka_unit_test(the_signature_of_a_join_is_left_then_right),
        cmocka_unit_test(inner_queries_of_all_types_are_rows),
        cmocka_unit_test(rows_of_no_table_fill_the_buckets_of_the_intervals),
        cmocka_unit_test(a_join_of_everything_with_everything_ends_when_it_must),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
