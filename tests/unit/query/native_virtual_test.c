/* Virtual columns and filters over arrays become plans: each request beside the text of its plan;
 * what is wrong is refused by name and place. */
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

#define DAY "'intervals':'2015-09-12/2015-09-13'"
#define ROWS "ROWS w 2015-09-12T00:00:00.000Z/2015-09-13T00:00:00.000Z [v]"
#define VIRTUAL(text)                                                                              \
    "{'queryType':'scan','dataSource':'w','columns':['v']," DAY ",'virtualColumns':[" text "]}"
#define FILTER(text)                                                                               \
    "{'queryType':'scan','dataSource':'w','columns':['v']," DAY ",'filter':" text "}"
#define MEANS(json, text)                                                                          \
    assert_string_equal(plan_of(*state, VIRTUAL(json)), ROWS " with v = " text "\n")
#define WHERE(json, text)                                                                          \
    assert_string_equal(plan_of(*state, FILTER(json)), ROWS " where " text "\n")
#define REFUSED(json, text) assert_string_equal(refusal_of(*state, json), (text))

static void nested_fields_take_paths_of_three_kinds(void **state)
{
#define FIELD(more) "{'type':'nested-field','columnName':'j','outputName':'v'," more "}"
    MEANS(FIELD("'path':'$.a.b'"), "nested-field(j,'$.a.b')");
    MEANS(FIELD("'path':'$.a[1]','expectedType':'LONG'"), "nested-field(j,'$.a[1]','LONG')");
    MEANS(FIELD("'pathParts':[{'type':'field','field':'a b'},{'type':'arrayElement','index':2}]"),
          "nested-field(j,'$[\\'a b\\'][2]')");
    MEANS(FIELD("'useJqSyntax':true,'path':'.'"), "nested-field(j,'$')");
    MEANS(FIELD("'useJqSyntax':true,'path':'.a?.b[0]'"),
          "nested-field(j,'$[\\'a\\'][\\'b\\'][0]')");
    MEANS(FIELD("'path':'$.a','processFromRaw':true"), "json_query(j,'$.a')");
    MEANS(FIELD("'path':'$.a','expectedType':'COMPLEX<json>'"), "json_query(j,'$.a')");
    REFUSED(VIRTUAL(FIELD("'useJqSyntax':true,'path':'a.b'")),
            "BAD_QUERY: virtualColumns[0].path: 'a.b' is no jq path");
    REFUSED(VIRTUAL(FIELD("'useJqSyntax':true,'path':'.a[b]'")),
            "BAD_QUERY: virtualColumns[0].path: '.a[b]' is no jq path");
    REFUSED(VIRTUAL("{'type':'nested-field','outputName':'v','path':'$'}"),
            "BAD_QUERY: virtualColumns[0]: needs 'columnName'");
    REFUSED(VIRTUAL("{'type':'nested-field','columnName':'j','outputName':'v'}"),
            "BAD_QUERY: virtualColumns[0]: needs 'path' or 'pathParts'");
    REFUSED(VIRTUAL(FIELD("'pathParts':[{'type':'wild'}]")),
            "BAD_QUERY: virtualColumns[0].pathParts[0].type: 'wild' is no part of a path");
}

static void filtered_multi_values_are_calls_over_their_delegate(void **state)
{
    MEANS("{'type':'mv-filtered','name':'v','delegate':'mv','values':['a',null]}",
          "mv-filter-in(mv,ARRAY<STRING>['a',null],1)");
    MEANS("{'type':'mv-filtered','name':'v','isAllowList':false,'values':[1],"
          "'delegate':{'type':'extraction','dimension':'mv','extractionFn':{'type':'upper'}}}",
          "mv-filter-in(upper(cast(mv,'STRING')),ARRAY<STRING>['1'],0)");
    MEANS("{'type':'mv-regex-filtered','name':'v','delegate':'mv','pattern':'r.*'}",
          "mv-filter-regex(mv,'r.*')");
    MEANS("{'type':'mv-prefix-filtered','name':'v','delegate':'mv','prefix':'r'}",
          "mv-filter-prefix(mv,'r')");
    REFUSED(VIRTUAL("{'type':'mv-filtered','name':'v','delegate':'mv'}"),
            "BAD_QUERY: virtualColumns[0]: needs 'values'");
    REFUSED(VIRTUAL("{'type':'odd','name':'v'}"),
            "BAD_QUERY: virtualColumns[0].type: 'odd' is no virtual column");
}

static void filters_take_arrays(void **state)
{
    WHERE("{'type':'equals','column':'a','matchValueType':'ARRAY<LONG>','matchValue':[1,null]}",
          "equals_array(\"a\" [\"1\",null])");
    WHERE("{'type':'equals','column':'a','matchValueType':'ARRAY<STRING>','matchValue':'x'}",
          "equals_array(\"a\" [\"x\"])");
    WHERE("{'type':'inType','column':'a','matchValueType':'ARRAY<LONG>','values':[[1],null]}",
          "or(equals_array(\"a\" [\"1\"]), null(\"a\"))");
    WHERE("{'type':'inType','column':'a','matchValueType':'LONG','sortedValues':[1,2]}",
          "in(\"a\" [\"1\",\"2\"]2,2)");
    WHERE("{'type':'range','column':'a','matchValueType':'ARRAY<LONG>','lower':[0],'upper':[3],"
          "'upperOpen':true}",
          "range_array(\"a\" [[\"0\"],[\"3\"]))");
    WHERE("{'type':'arrayContainsElement','column':'a','elementMatchValueType':'LONG',"
          "'elementMatchValue':3}",
          "element(\"a\" \"3\"L)");
    WHERE("{'type':'arrayContainsElement','column':'a','elementMatchValueType':'STRING'}",
          "element(\"a\" null)");
    WHERE("{'type':'not','field':{'type':'istrue','field':{'type':'null','column':'a'}}}",
          "rest(null(\"a\"))");
    WHERE("{'type':'isfalse','field':{'type':'null','column':'a'}}", "!null(\"a\")");
    REFUSED(FILTER("{'type':'range','column':'a','matchValueType':'ARRAY<LONG>'}"),
            "BAD_QUERY: filter: needs 'lower' or 'upper'");
    REFUSED(FILTER("{'type':'equals','column':'a','matchValueType':'LONG','matchValue':[1,2]}"),
            "BAD_QUERY: filter.matchValue: must be a plain value");
    REFUSED(FILTER("{'type':'arrayContainsElement','column':'a','elementMatchValue':3}"),
            "BAD_QUERY: filter: needs 'elementMatchValueType'");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nested_fields_take_paths_of_three_kinds),
        TEST(filtered_multi_values_are_calls_over_their_delegate),
        TEST(filters_take_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
