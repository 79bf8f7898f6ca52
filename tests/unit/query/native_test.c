/* Druid's native JSON becomes plans: each request beside the text of its plan; what is wrong is
 * refused by name and place. */
#include "front_helper.h"

static int setup(void **state)
{
    *state = weir_arena_new();
    return 0;
}

static int teardown(void **state)
{
    weir_arena_free(*state);
    return 0;
}

#define PLAN(json, text) assert_string_equal(plan_of(*state, (json)), (text))
#define REFUSED(json, text) assert_string_equal(refusal_of(*state, (json)), (text))
#define COUNT "{'type':'count','name':'n'}"
#define ADDED "{'type':'longSum','name':'added','fieldName':'added'}"
#define DAY "'intervals':'2015-09-12/2015-09-13'"
#define DAY_TEXT "2015-09-12T00:00:00.000Z/2015-09-13T00:00:00.000Z"

static void a_timeseries_is_an_aggregation_by_bucket(void **state)
{
    PLAN("{'queryType':'timeseries','dataSource':'w','granularity':'hour'," DAY
         ",'aggregations':[" COUNT "," ADDED "]}",
         "AGG timeseries by HOUR UTC fill: n = count(), added = longSum(added)\n"
         "  ROWS w " DAY_TEXT " [added]\n");
    PLAN("{'queryType':'timeseries','dataSource':{'type':'table','name':'w'},'granularity':'all','"
         "descending':'true','limit':2," DAY ",'context':{'skipEmptyBuckets':'true'}}",
         "SORT limit 2\n"
         "  AGG timeseries by all descending: \n"
         "    ROWS w " DAY_TEXT " []\n");
}

static void postaggregators_are_projected_and_may_build_on_each_other(void **state)
{
    PLAN("{'queryType':'timeseries','dataSource':'w'," DAY ",'aggregations':[" COUNT "," ADDED
         "],'postAggregations':["
         "{'type':'arithmetic','name':'avg','fn':'/"
         "','fields':[{'type':'fieldAccess','fieldName':'added'},{'type':'fieldAccess','fieldName':"
         "'n'}]},"
         "{'type':'expression','name':'e','expression':'avg + "
         "1'},{'type':'constant','name':'c','value':7}]}",
         "PROJECT __bucket, n, added, avg, c, e = (avg + 1)\n"
         "  PROJECT __bucket, n, added, avg = postagg_divide(added,n), c = 7\n"
         "    AGG timeseries by all fill empty_row: n = count(), added = longSum(added)\n"
         "      ROWS w " DAY_TEXT " [added]\n");
}

static void a_topn_sorts_by_its_metric_and_then_by_value(void **state)
{
    PLAN(
        "{'queryType':'topN','dataSource':'w','dimension':'channel','metric':'n','threshold':5," DAY
        ",'aggregations':[" COUNT "]}",
        "SORT __bucket, n desc nulls last, channel limit 5 per bucket\n"
        "  AGG topN by all, channel STRING skip_empty_lists: n = count()\n"
        "    ROWS w " DAY_TEXT " [channel]\n");
    PLAN("{'queryType':'topN','dataSource':'w','dimension':{'type':'default','dimension':'l','"
         "outputName':'o','outputType':'LONG'},"
         "'metric':{'type':'inverted','metric':{'type':'numeric','metric':'n'}},'threshold':5," DAY
         ",'aggregations':[" COUNT "]}",
         "SORT __bucket, n, o limit 5 per bucket\n"
         "  AGG topN by all, o = l LONG skip_empty_lists: n = count()\n"
         "    ROWS w " DAY_TEXT " [l]\n");
    PLAN("{'queryType':'topN','dataSource':'w','dimension':'c','metric':{'type':'dimension','"
         "ordering':'numeric','previousStop':'7'},"
         "'threshold':5," DAY "}",
         "SORT __bucket, c numeric, c limit 5 per bucket\n"
         "  FILTER bound_number(\"c\" (\"7\",-) numeric nulls)\n"
         "    AGG topN by all, c STRING skip_empty_lists: \n"
         "      ROWS w " DAY_TEXT " [c]\n");
}

static void a_groupby_sorts_by_bucket_limit_columns_and_remaining_dimensions(void **state)
{
    PLAN("{'queryType':'groupBy','dataSource':'w','dimensions':['a','b'],'granularity':'day'," DAY
         ",'aggregations':[" COUNT "],"
         "'having':{'type':'greaterThan','aggregation':'n','value':10},"
         "'limitSpec':{'type':'default','limit':5,'offset':2,'columns':[{'dimension':'n','"
         "direction':'DESC','dimensionOrder':{'type':'numeric'}},'b']}}",
         "SORT __bucket, n desc nulls last numeric, b, a limit 5 offset 2\n"
         "  FILTER bound_number(\"n\" (\"10\",-) numeric)\n"
         "    AGG groupBy by DAY UTC, a STRING, b STRING: n = count()\n"
         "      ROWS w " DAY_TEXT " [a, b]\n");
    PLAN("{'queryType':'groupBy','dataSource':'w'," DAY "}", "SORT __bucket\n"
                                                             "  AGG groupBy by all empty_row: \n"
                                                             "    ROWS w " DAY_TEXT " []\n");
}

static void subtotals_stand_by_themselves_unless_all_rows_are_sorted(void **state)
{
    PLAN("{'queryType':'groupBy','dataSource':'w','dimensions':['a','b']," DAY
         ",'subtotalsSpec':[['a','b'],['b'],[]]}",
         "SORT __set, __bucket, a, b\n"
         "  AGG groupBy by all, a STRING, b STRING sets 3,2,0: \n"
         "    ROWS w " DAY_TEXT " [a, b]\n");
    PLAN("{'queryType':'groupBy','dataSource':'w','dimensions':['a','b']," DAY
         ",'subtotalsSpec':[['a'],[]],"
         "'limitSpec':{'type':'default','columns':['a']}}",
         "SORT __bucket, a, b, __set\n"
         "  AGG groupBy by all, a STRING, b STRING sets 1,0: \n"
         "    ROWS w " DAY_TEXT " [a, b]\n");
}

static void a_scan_orders_by_time_with_a_column_behind_the_shown_ones(void **state)
{
    PLAN("{'queryType':'scan','dataSource':'w','columns':['page','added']," DAY
         ",'order':'descending','limit':6,'offset':1}",
         "SORT __time desc nulls last limit 6 offset 1\n"
         "  ROWS w " DAY_TEXT " [page, added, __time] descending\n");
    PLAN("{'queryType':'scan','dataSource':'w','columns':['page']," DAY ",'legacy':false}",
         "ROWS w " DAY_TEXT " [page]\n");
}

static void a_search_is_a_union_of_counts(void **state)
{
    PLAN("{'queryType':'search','dataSource':'w','searchDimensions':['a','b'],'query':{'type':'"
         "insensitive_contains','value':'x'}," DAY "}",
         "SORT __bucket, value, dimension limit 1000 per bucket\n"
         "  UNION\n"
         "    PROJECT __bucket, dimension = 'a', value = __value, count = __count\n"
         "      FILTER search(\"__value\" [\"x\"])\n"
         "        AGG groupBy by all, __value = a STRING: __count = count()\n"
         "          ROWS w " DAY_TEXT " [a]\n"
         "    PROJECT __bucket, dimension = 'b', value = __value, count = __count\n"
         "      FILTER search(\"__value\" [\"x\"])\n"
         "        AGG groupBy by all, __value = b STRING: __count = count()\n"
         "          ROWS w " DAY_TEXT " [b]\n");
}

static void a_time_boundary_is_two_extremes_of_time(void **state)
{
    PLAN("{'queryType':'timeBoundary','dataSource':'w','bound':'maxTime'}",
         "AGG groupBy by all: minTime = longMin(__time), maxTime = longMax(__time)\n"
         "  ROWS w -146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z [__time]\n");
}

static void intervals_come_as_text_list_or_object_and_are_merged(void **state)
{
#define SCAN(intervals)                                                                            \
    "{'queryType':'scan','dataSource':'w','columns':['a'],'intervals':" intervals "}"
    PLAN(SCAN("{'type':'intervals','intervals':['2015-09-12T06/PT2H']}"),
         "ROWS w 2015-09-12T06:00:00.000Z/2015-09-12T08:00:00.000Z [a]\n");
    PLAN(SCAN("['2015-09-12T07Z/PT2H','2015-09-12T06/PT1H','2015-09-12T10/PT1H']"),
         "ROWS w "
         "2015-09-12T06:00:00.000Z/2015-09-12T09:00:00.000Z,2015-09-12T10:00:00.000Z/"
         "2015-09-12T11:00:00.000Z [a]\n");
    REFUSED(SCAN("['garbage']"), refusal_of(*state, SCAN("['garbage']")));
    assert_memory_equal(refusal_of(*state, SCAN("['garbage']")), "BAD_QUERY: intervals[0]: ", 25);
}

static void granularities_come_as_names_and_objects(void **state)
{
#define SERIES(gran) "{'queryType':'timeseries','dataSource':'w','granularity':" gran "," DAY "}"
#define BY(text) "AGG timeseries by " text ": \n  ROWS w " DAY_TEXT " []\n"
    PLAN(SERIES("'ALL'"), BY("all fill empty_row"));
    PLAN(SERIES("{'type':'all'}"), BY("all fill empty_row"));
    PLAN(SERIES("'none'"), BY("none fill"));
    PLAN(SERIES("'SIX_HOUR'"), BY("SIX_HOUR UTC fill"));
    PLAN(SERIES("{'type':'duration','duration':'7200000','origin':'2015-09-12T01Z'}"),
         BY("7200000ms from 1442019600000 fill"));
    PLAN(SERIES("{'type':'period','period':'P1M','timeZone':'America/New_York'}"),
         BY("P1M America/New_York fill"));
    REFUSED(SERIES("'fortnight'"), "BAD_QUERY: granularity: 'fortnight' is no granularity");
    REFUSED(SERIES("{'type':'duration'}"), "BAD_QUERY: granularity: needs a 'duration' above 0 ms");
    REFUSED(SERIES("{'type':'nope'}"),
            "BAD_QUERY: granularity.type: 'nope' is no type of granularity");
}

#define FILTER(filter)                                                                             \
    "{'queryType':'scan','dataSource':'w','columns':['a']," DAY ",'filter':" filter "}"
#define WHERE(text) "ROWS w " DAY_TEXT " [a] where " text "\n"

static void filters_are_read_as_druid_reads_them(void **state)
{
    PLAN(FILTER("{'type':'selector','dimension':'d','value':'x'}"), WHERE("equals(\"d\" \"x\"S)"));
    PLAN(FILTER("{'type':'selector','dimension':'d','value':5}"), WHERE("equals(\"d\" \"5\"L)"));
    PLAN(FILTER("{'type':'selector','dimension':'d','value':null}"), WHERE("null(\"d\")"));
    PLAN(FILTER("{'type':'selector','dimension':'d'}"), WHERE("null(\"d\")"));
    PLAN(FILTER("{'type':'equals','column':'d','matchValueType':'DOUBLE','matchValue':'7'}"),
         WHERE("equals(\"d\" \"7.0\"L)"));
    PLAN(FILTER("{'type':'null','column':'d'}"), WHERE("null(\"d\")"));
    PLAN(FILTER("{'type':'in','dimension':'d','values':['b',null,'a',3]}"),
         WHERE("in(\"d\" [null,\"3\",\"a\",\"b\"]1,1)"));
    PLAN(FILTER("{'type':'inType','column':'d','matchValueType':'LONG','values':[2,1]}"),
         WHERE("in(\"d\" [\"1\",\"2\"]2,2)"));
    PLAN(FILTER("{'type':'bound','dimension':'d','lower':3,'upper':'10','upperStrict':true,'"
                "ordering':'numeric'}"),
         WHERE("bound_number(\"d\" [\"3\",\"10\") numeric nulls)"));
    PLAN(FILTER("{'type':'bound','dimension':'d','lower':'a','alphaNumeric':'true'}"),
         WHERE("bound(\"d\" [\"a\",-) alphanumeric nulls)"));
    PLAN(FILTER(
             "{'type':'range','column':'d','matchValueType':'LONG','lower':-10,'lowerOpen':true}"),
         WHERE("bound_number(\"d\" (\"-10\",-) numeric)"));
    PLAN(FILTER("{'type':'range','column':'d','matchValueType':'STRING','upper':'x'}"),
         WHERE("bound(\"d\" (-,\"x\"] lexicographic)"));
    PLAN(FILTER("{'type':'like','dimension':'d','pattern':'1!_%','escape':'!'}"),
         WHERE("like(\"d\" \"1!_%\" escape \"!\")"));
    PLAN(FILTER("{'type':'regex','dimension':'d','pattern':'^a'}"), WHERE("regex(\"d\" \"^a\")"));
    PLAN(FILTER("{'type':'search','dimension':'d','query':{'type':'contains','value':'X','"
                "caseSensitive':'false'}}"),
         WHERE("search(\"d\" [\"X\"])"));
    PLAN(FILTER("{'type':'search','dimension':'d','query':{'type':'fragment','values':['a','b'],'"
                "caseSensitive':true}}"),
         WHERE("search(\"d\" [\"a\",\"b\"] case)"));
    PLAN(FILTER("{'type':'interval','dimension':'__time','intervals':['2015-09-12T00/"
                "PT1H','2015-09-12T05/PT1H']}"),
         WHERE("or(bound_number(\"__time\" [\"1442016000000\",\"1442019600000\") numeric), "
               "bound_number(\"__time\" [\"1442034000000\",\"1442037600000\") numeric))"));
    PLAN(FILTER("{'type':'columnComparison','dimensions':['x','y']}"),
         WHERE("expression(notdistinctfrom(cast(x,'STRING'),cast(y,'STRING')))"));
    PLAN(FILTER("{'type':'expression','expression':'x > 3'}"), WHERE("expression((x > 3))"));
    PLAN(FILTER("{'type':'false'}"), WHERE("false"));
    PLAN(FILTER("{'type':'true'}"), "ROWS w " DAY_TEXT " [a]\n");
}

static void boolean_filters_are_flattened_and_not_reaches_the_leaves(void **state)
{
    PLAN(FILTER("{'type':'not','field':{'type':'and','fields':[{'type':'null','column':'x'},null,{'"
                "type':'not','field':{'type':'null','column':'y'}}]}}"),
         WHERE("or(!null(\"x\"), null(\"y\"))"));
    PLAN(FILTER("{'type':'and','fields':[{'type':'and','fields':[{'type':'null','column':'x'},{'"
                "type':'null','column':'y'}]},{'type':'true'}]}"),
         WHERE("and(null(\"x\"), null(\"y\"))"));
}

static void wrong_filters_are_refused_by_place(void **state)
{
    REFUSED(FILTER("{'type':'nope'}"), "BAD_QUERY: filter.type: 'nope' is no filter");
    REFUSED(FILTER("{'type':'selector','value':'x'}"), "BAD_QUERY: filter: needs 'dimension'");
    REFUSED(FILTER("{'type':'and','fields':[{'type':'true'},{'type':'not'}]}"),
            "BAD_QUERY: filter.fields[1]: needs 'field'");
    REFUSED(FILTER("{'type':'bound','dimension':'d'}"),
            "BAD_QUERY: filter: needs 'lower' or 'upper'");
    REFUSED(FILTER("{'type':'bound','dimension':'d','lower':'1','ordering':'odd'}"),
            "BAD_QUERY: filter.ordering: 'odd' is no ordering");
    REFUSED(FILTER("{'type':'range','column':'d','matchValueType':'LONG','lower':'x'}"),
            "BAD_QUERY: filter.lower: is no value of that type");
    REFUSED(FILTER("{'type':'javascript','dimension':'d','function':'f'}"),
            "BAD_QUERY: filter: JavaScript is disabled");
    REFUSED(FILTER("{'type':'spatial','dimension':'d'}"),
            "UNSUPPORTED: filter.type: the filter 'spatial' is not supported yet");
    REFUSED(FILTER("'x'"), "BAD_QUERY: filter: must be a JSON object");
    assert_memory_equal(refusal_of(*state, FILTER("{'type':'expression','expression':'a +'}")),
                        "RUN: filter.expression: ", 24);
}

static void filtered_aggregators_carry_their_filter(void **state)
{
    PLAN("{'queryType':'timeseries','dataSource':'w'," DAY
         ",'aggregations':[{'type':'filtered','filter':{'type':'null','column':'x'},"
         "'aggregator':{'type':'filtered','name':'z','filter':{'type':'null','column':'y'},'"
         "aggregator':" ADDED "}}]}",
         "AGG timeseries by all fill empty_row: z = longSum(added) where and(null(\"x\"), "
         "null(\"y\"))\n"
         "  ROWS w " DAY_TEXT " [added]\n");
}

static void virtual_columns_are_read_by_name(void **state)
{
    PLAN("{'queryType':'groupBy','dataSource':'w','dimensions':['v']," DAY
         ",'virtualColumns':[{'type':'expression','name':'v','expression':'a + 1',"
         "'outputType':'LONG'}]}",
         "SORT __bucket, v\n"
         "  AGG groupBy by all, v STRING: \n"
         "    ROWS w " DAY_TEXT " [v] with v = (a + 1) LONG\n");
}

#define DIMENSION(spec) "{'queryType':'groupBy','dataSource':'w','dimensions':[" spec "]," DAY "}"
#define BY_KEY(key, columns)                                                                       \
    "SORT __bucket, o\n  AGG groupBy by all, " key ": \n    ROWS w " DAY_TEXT " [" columns "]\n"
#define EXTRACTION(fn)                                                                             \
    DIMENSION("{'type':'extraction','dimension':'d','outputName':'o','extractionFn':" fn "}")

static void extraction_functions_are_expressions(void **state)
{
    PLAN(EXTRACTION("{'type':'upper','locale':'tr'}"),
         BY_KEY("o = upper(cast(d,'STRING')) STRING", "d"));
    PLAN(EXTRACTION("{'type':'substring','index':1}"),
         BY_KEY("o = substring(cast(d,'STRING'),1,-1) STRING", "d"));
    PLAN(EXTRACTION("{'type':'cascade','extractionFns':[{'type':'lower'},{'type':'strlen'}]}"),
         BY_KEY("o = cast(strlen(cast(lower(cast(d,'STRING')),'STRING')),'STRING') STRING", "d"));
    PLAN(EXTRACTION("{'type':'regex','expr':'a(b)'}"),
         BY_KEY("o = nvl(regexp_extract(cast(d,'STRING'),'a(b)',1),cast(d,'STRING')) STRING", "d"));
    PLAN(EXTRACTION("{'type':'regex','expr':'a','index':0,'replaceMissingValue':true,'"
                    "replaceMissingValueWith':'no'}"),
         BY_KEY("o = nvl(regexp_extract(cast(d,'STRING'),'a',0),'no') STRING", "d"));
    PLAN(EXTRACTION("{'type':'timeFormat','format':'HH','granularity':'six_hour'}"),
         BY_KEY(
             "o = timestamp-format(timestamp_floor(extract-millis(d,0),'P0Y0M0W0DT6H0M0.000S',null,"
             "'UTC'),'HH','UTC','en') STRING",
             "d"));
    PLAN(EXTRACTION(
             "{'type':'lookup','lookup':{'type':'map','map':{'a':'x'}},'retainMissingValue':true}"),
         BY_KEY("o = nvl(lookup-map(cast(d,'STRING'),ARRAY<STRING>['a'],ARRAY<STRING>['x']),"
                "cast(d,'STRING')) STRING",
                "d"));
    REFUSED(EXTRACTION("{'type':'substring','index':-1}"),
            "BAD_QUERY: dimensions[0].extractionFn: needs an 'index' that is not negative and a "
            "'length' above 0");
    REFUSED(EXTRACTION("{'type':'cascade','extractionFns':[{'type':'nope'}]}"),
            "BAD_QUERY: dimensions[0].extractionFn.extractionFns[0].type: 'nope' is no extraction "
            "function");
    REFUSED(EXTRACTION("{'type':'registeredLookup','lookup':'l'}"), "RUN: Lookup [l] not found");
}

static void filtered_dimensions_say_which_elements_count(void **state)
{
#define DELEGATE "'delegate':{'type':'default','dimension':'d','outputName':'o'}"
    PLAN(DIMENSION("{'type':'listFiltered'," DELEGATE ",'values':['b','a']}"),
         BY_KEY("o = d STRING of in(\"o\" [\"a\",\"b\"]0,0)", "d"));
    PLAN(DIMENSION("{'type':'listFiltered'," DELEGATE ",'values':['a'],'isWhitelist':false}"),
         BY_KEY("o = d STRING of !equals(\"o\" \"a\"S)", "d"));
    PLAN(DIMENSION("{'type':'regexFiltered'," DELEGATE ",'pattern':'^r'}"),
         BY_KEY("o = d STRING of regex(\"o\" \"\\\\A(?:^r)\\\\z\")", "d"));
    PLAN(DIMENSION("{'type':'prefixFiltered'," DELEGATE ",'prefix':'a_'}"),
         BY_KEY("o = d STRING of like(\"o\" \"a!_%\" escape \"!\")", "d"));
    REFUSED(DIMENSION("{'type':'listFiltered','values':['a']}"),
            "BAD_QUERY: dimensions[0]: needs 'delegate'");
}

static void an_inner_query_shows_its_names_and_its_time(void **state)
{
    PLAN("{'queryType':'groupBy','dataSource':{'type':'query','query':{'queryType':'groupBy','"
         "dataSource':'w','dimensions':['a']," DAY ",'aggregations':[" COUNT
         "]}},'dimensions':[]," DAY
         ",'aggregations':[{'type':'longMax','name':'m','fieldName':'n'}]}",
         "SORT __bucket\n"
         "  AGG groupBy by all empty_row: m = longMax(n)\n"
         "    ROWS of query " DAY_TEXT " [n]\n"
         "      PROJECT a, n, __time = 1442016000000\n"
         "        SORT __bucket, a\n"
         "          AGG groupBy by all, a STRING: n = count()\n"
         "            ROWS w " DAY_TEXT " [a]\n");
    PLAN("{'queryType':'scan','dataSource':{'type':'query','query':{'queryType':'timeseries','"
         "dataSource':'w','granularity':'hour'," DAY "}},'columns':['__time']," DAY "}",
         "ROWS of query " DAY_TEXT " [__time]\n"
         "  PROJECT __time = __bucket\n"
         "    AGG timeseries by HOUR UTC fill: \n"
         "      ROWS w " DAY_TEXT " []\n");
}

static void a_union_reads_several_tables(void **state)
{
    weir_error err = {0};
    weir_native_query *query =
        weir_native_parse(*state,
                          quoted(*state, "{'queryType':'scan','columns':['a'],'dataSource':{'type':"
                                         "'union','dataSources':['v','w','v']}," DAY "}"),
                          &err);
    assert_non_null(query);
    assert_int_equal(query->table_count, 2);
    PLAN("{'queryType':'scan','columns':['a'],'dataSource':{'type':'union','dataSources':['v','w']}"
         "," DAY "}",
         "ROWS v, w " DAY_TEXT " [a]\n");
}

static void the_context_is_read_with_texts_for_numbers(void **state)
{
    weir_error err = {0};
    weir_native_query *query =
        weir_native_parse(*state,
                          quoted(*state, "{'queryType':'timeseries','dataSource':'w'," DAY
                                         ",'context':{'queryId':'q','timeout':'300','priority':-5,'"
                                         "useCache':'false','zzz':{}}}"),
                          &err);
    assert_non_null(query);
    assert_int_equal(query->context.query_id.size, 1);
    assert_int_equal(query->context.timeout_ms, 300);
    assert_int_equal(query->context.priority, -5);
    assert_false(query->context.use_cache);
    assert_true(query->context.populate_cache);
    REFUSED("{'queryType':'timeseries','dataSource':'w'," DAY ",'context':{'timeout':-1}}",
            "BAD_CONTEXT: Timeout [timeout] must be a non negative value, but was -1");
    REFUSED("{'queryType':'timeseries','dataSource':'w'," DAY ",'context':{'timeout':'soon'}}",
            "BAD_CONTEXT: Expected key [timeout] to be in long format, but got [soon]");
    REFUSED("{'queryType':'timeseries','dataSource':'w'," DAY ",'context':7}",
            "BAD_CONTEXT: context: must be a JSON object");
}

static void wrong_queries_are_refused_by_place(void **state)
{
#define REFUSED_SERIES(members, text)                                                              \
    REFUSED("{'queryType':'timeseries','dataSource':'w'," DAY "," members "}", text)
    REFUSED("", "BAD_QUERY: the query is empty");
    REFUSED("null", "BAD_QUERY: must be a JSON object");
    REFUSED("[]", "BAD_QUERY: must be a JSON object");
    REFUSED("{'dataSource':'w'}", "BAD_QUERY: needs 'queryType'");
    REFUSED("{'queryType':'select','dataSource':'w'}",
            "BAD_QUERY: queryType: 'select' is no type of query");
    REFUSED("{'queryType':'timeseries'," DAY "}", "BAD_QUERY: needs 'dataSource'");
    REFUSED("{'queryType':'timeseries','dataSource':'w'}", "BAD_QUERY: needs 'intervals'");
    REFUSED("{'queryType':'timeseries','dataSource':{'type':'lookup'}," DAY "}",
            "BAD_QUERY: dataSource: needs 'lookup'");
    REFUSED("{'queryType':'scan','dataSource':{'type':'inline','columnNames':['a','b'],"
            "'rows':[[1,2],[3]]}," DAY "}",
            "BAD_QUERY: dataSource.rows[1]: has 1 values for 2 columns");
    REFUSED("{'queryType':'scan','dataSource':{'type':'inline','columnNames':['a'],"
            "'columnTypes':['TEXT'],'rows':[]}," DAY "}",
            "BAD_QUERY: dataSource.columnTypes[0]: 'TEXT' is no type of column");
    REFUSED_SERIES("'aggregations':[" COUNT "," COUNT "]",
                   "BAD_QUERY: aggregations[1]: there are two outputs 'n'");
    REFUSED_SERIES("'aggregations':{}", "BAD_QUERY: aggregations: must be a list");
    REFUSED_SERIES("'limit':'x'", "BAD_QUERY: limit: must be a whole number");
    REFUSED_SERIES("'postAggregations':[{'type':'fieldAccess','name':'p','fieldName':'zz'}]",
                   "BAD_QUERY: postAggregations[0]: there is no output 'zz' before 'p'");
    REFUSED_SERIES("'postAggregations':[{'type':'arithmetic','name':'p','fn':'%','fields':[{'type':"
                   "'constant','value':1}]}]",
                   "BAD_QUERY: postAggregations[0].fn: '%' is no arithmetic function");
    assert_memory_equal(refusal_of(*state, "{'queryType':'timeseries','dataSource':'w'," DAY
                                           ",'aggregations':[{'type':'longSum','name':'x'}]}"),
                        "BAD_QUERY: aggregations[0]", 26);
    assert_memory_equal(refusal_of(*state, "{'queryType':'timeseries','dataSource':'w'," DAY
                                           ",'aggregations':[{'type':'nope','name':'x'}]}"),
                        "BAD_QUERY: aggregations[0]", 26);
    REFUSED("{'queryType':'topN','dataSource':'w','dimension':'d','metric':'zz','threshold':3," DAY
            "}",
            "BAD_QUERY: metric: there is no aggregator or post-aggregator 'zz'");
    REFUSED("{'queryType':'topN','dataSource':'w','dimension':'d','metric':'zz'," DAY "}",
            "BAD_QUERY: threshold: must be greater than 0");
    REFUSED("{'queryType':'groupBy','dataSource':'w','dimensions':['a']," DAY
            ",'limitSpec':{'type':'default','limit':3,'columns':['zz']}}",
            "BAD_QUERY: limitSpec.columns[0]: there is no output 'zz' to order by");
    REFUSED("{'queryType':'groupBy','dataSource':'w','dimensions':['a',{'type':'odd','dimension':'"
            "b'}]," DAY "}",
            "BAD_QUERY: dimensions[1].type: 'odd' is no dimension spec");
    REFUSED("{'queryType':'scan','dataSource':'w','columns':['a'],'limit':-3," DAY "}",
            "BAD_QUERY: limit: must be greater than 0");
    REFUSED("{'queryType':'scan','dataSource':'w','columns':['a'],'order':'sideways'," DAY "}",
            "BAD_QUERY: order: 'sideways' is no order");
}

static void malformed_json_and_depth_without_end_are_refused(void **state)
{
    assert_memory_equal(refusal_of(*state, "{'queryType'"), "BAD_JSON: ", 10);
    weir_buf deep = {0};
    weir_buf_text(&deep, "{'queryType':'scan','dataSource':'w','columns':['a']," DAY ",'filter':");
    for (int i = 0; i < 150; i++) {
        weir_buf_text(&deep, "{'type':'not','field':");
    }
    weir_buf_text(&deep, "{'type':'null','column':'x'}");
    for (int i = 0; i < 150; i++) {
        weir_buf_text(&deep, "}");
    }
    weir_buf_text(&deep, "}");
    weir_buf_byte(&deep, '\0');
    PLAN(deep.at, WHERE("null(\"x\")"));
    weir_buf_done(&deep);
    for (int i = 0; i < 1000; i++) {
        weir_buf_byte(&deep, '[');
    }
    weir_buf_byte(&deep, '\0');
    assert_memory_equal(refusal_of(*state, deep.at), "BAD_JSON: ", 10);
    weir_buf_done(&deep);
    for (int i = 0; i < 250; i++) {
        weir_buf_byte(&deep, '[');
    }
    for (int i = 0; i < 250; i++) {
        weir_buf_byte(&deep, ']');
    }
    weir_buf_byte(&deep, '\0');
    REFUSED(deep.at, "BAD_JSON: the query is nested deeper than 200");
    weir_buf_done(&deep);
}

static uint64_t fingerprint_of(weir_arena *arena, const char *json)
{
    weir_error err = {0};
    weir_native_query *query = weir_native_parse(arena, quoted(arena, json), &err);
    assert_true(query && weir_native_bind(query, NULL, 0, &err));
    return weir_plan_fingerprint(query->plan->root);
}

static void what_shapes_the_result_shapes_the_fingerprint(void **state)
{
    uint64_t a = fingerprint_of(*state, FILTER("{'type':'selector','dimension':'d','value':'x'}"));
    assert_int_equal(
        a,
        fingerprint_of(
            *state,
            FILTER("{'type':'and','fields':[{'type':'selector','dimension':'d','value':'x'}]}")));
    assert_int_not_equal(
        a, fingerprint_of(*state, FILTER("{'type':'selector','dimension':'d','value':'y'}")));
    assert_int_not_equal(
        a, fingerprint_of(
               *state,
               FILTER("{'type':'not','field':{'type':'selector','dimension':'d','value':'x'}}")));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_timeseries_is_an_aggregation_by_bucket),
        TEST(postaggregators_are_projected_and_may_build_on_each_other),
        TEST(a_topn_sorts_by_its_metric_and_then_by_value),
        TEST(a_groupby_sorts_by_bucket_limit_columns_and_remaining_dimensions),
        TEST(subtotals_stand_by_themselves_unless_all_rows_are_sorted),
        TEST(a_scan_orders_by_time_with_a_column_behind_the_shown_ones),
        TEST(a_search_is_a_union_of_counts),
        TEST(a_time_boundary_is_two_extremes_of_time),
        TEST(intervals_come_as_text_list_or_object_and_are_merged),
        TEST(granularities_come_as_names_and_objects),
        TEST(filters_are_read_as_druid_reads_them),
        TEST(boolean_filters_are_flattened_and_not_reaches_the_leaves),
        TEST(wrong_filters_are_refused_by_place),
        TEST(filtered_aggregators_carry_their_filter),
        TEST(virtual_columns_are_read_by_name),
        TEST(extraction_functions_are_expressions),
        TEST(filtered_dimensions_say_which_elements_count),
        TEST(an_inner_query_shows_its_names_and_its_time),
        TEST(a_union_reads_several_tables),
        TEST(the_context_is_read_with_texts_for_numbers),
        TEST(wrong_queries_are_refused_by_place),
        TEST(malformed_json_and_depth_without_end_are_refused),
        TEST(what_shapes_the_result_shapes_the_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
