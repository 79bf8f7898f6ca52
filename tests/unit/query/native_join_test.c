/* Joins, unnests, filters and unions of any data source become plans: filters go to the side that
 * they read, columns are those that somebody reads; what is wrong is refused by name and place. */
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
#define COUNT "'aggregations':[{'type':'count','name':'n'}]"
#define DAY "'intervals':'2015-09-12/2015-09-13'"
#define DAY_TEXT "2015-09-12T00:00:00.000Z/2015-09-13T00:00:00.000Z"
#define EVER "-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z"
#define JOIN(left, right, kind, condition, more)                                                   \
    "{'type':'join','left':" left ",'right':" right ",'rightPrefix':'j.','joinType':'" kind        \
    "','condition':'" condition "'" more "}"
#define SERIES(source, more)                                                                       \
    "{'queryType':'timeseries','granularity':'all'," DAY "," COUNT ",'dataSource':" source more "}"
#define IS(column, value) "{'type':'selector','dimension':'" column "','value':'" value "'}"
#define HEAD "AGG timeseries by all fill empty_row: n = count()\n  ROWS of what follows " DAY_TEXT
#define BOTH ",'filter':{'type':'and','fields':[" IS("a", "1") "," IS("j.b", "2") "]}"

static void a_filter_goes_to_the_side_that_it_reads(void **state)
{
    PLAN(SERIES(JOIN("'t'", "'u'", "INNER", "x == \\'j.k\\'", ""), BOTH),
         HEAD " []\n    JOIN inner \"j.\" on x = k []\n"
              "      ROWS t " DAY_TEXT " [x] where equals(\"a\" \"1\"L)\n"
              "      ROWS u " EVER " [k] where equals(\"b\" \"2\"L)\n");
    PLAN(SERIES(JOIN("'t'", "'u'", "LEFT", "x == \\'j.k\\'", ""), BOTH),
         HEAD " [] where equals(\"j.b\" \"2\"L)\n    JOIN left \"j.\" on x = k [\"j.b\"]\n"
              "      ROWS t " DAY_TEXT " [x] where equals(\"a\" \"1\"L)\n"
              "      ROWS u " EVER " [b, k]\n");
    PLAN(SERIES(JOIN("'t'", "'u'", "FULL", "x == \\'j.k\\'", ""), BOTH),
         HEAD " [] where and(equals(\"a\" \"1\"L), equals(\"j.b\" \"2\"L))\n"
              "    JOIN full \"j.\" on x = k [a, \"j.b\"]\n"
              "      ROWS t " DAY_TEXT " [a, x]\n"
              "      ROWS u " EVER " [b, k]\n");
}

static void virtual_columns_go_along_unless_they_would_hide_a_key(void **state)
{
#define VIRTUAL(name)                                                                              \
    ",'virtualColumns':[{'type':'expression','name':'" name                                        \
    "','expression':'a + 1'}],'filter':" IS(name, "2")
    PLAN(SERIES(JOIN("'t'", "'u'", "INNER", "x == \\'j.k\\'", ""), VIRTUAL("v")),
         HEAD " [] with v = (a + 1)\n    JOIN inner \"j.\" on x = k []\n"
              "      ROWS t " DAY_TEXT " [x] with v = (a + 1) where equals(\"v\" \"2\"L)\n"
              "      ROWS u " EVER " [k]\n");
    PLAN(SERIES(JOIN("'t'", "'u'", "INNER", "x == \\'j.k\\'", ""), VIRTUAL("x")), HEAD
         " [] with x = (a + 1) where equals(\"x\" \"2\"L)\n    JOIN inner \"j.\" on x = k [a]\n"
         "      ROWS t " DAY_TEXT " [a, x]\n"
         "      ROWS u " EVER " [k]\n");
}

static void conditions_are_taken_apart(void **state)
{
    PLAN(
        SERIES(JOIN("'t'", "'u'", "LEFT",
                    "lower(x) == \\'j.k\\' && \\'j.m\\' == y && notdistinctfrom(z, \\'j.o\\') && 1",
                    ""),
               ""),
        HEAD " []\n    JOIN left \"j.\" on lower(x) = k, y = m, z is o []\n"
             "      ROWS t " DAY_TEXT " [x, y, z]\n"
             "      ROWS u " EVER " [k, m, o]\n");
    PLAN(SERIES(JOIN("'t'", "'u'", "INNER", "0", ""), ""),
         HEAD " []\n    JOIN inner \"j.\" never []\n"
              "      ROWS t " DAY_TEXT " []\n"
              "      ROWS u " EVER " []\n");
}

static void a_left_filter_is_the_left_tables(void **state)
{
    PLAN(SERIES(JOIN("{'type':'table','name':'t'}", "'u'", "INNER", "x == \\'j.k\\'",
                     ",'leftFilter':" IS("a", "1")),
                ""),
         HEAD " []\n    JOIN inner \"j.\" on x = k []\n"
              "      ROWS t " DAY_TEXT " [x] where equals(\"a\" \"1\"L)\n"
              "      ROWS u " EVER " [k]\n");
}

static void a_filtered_table_is_a_table_with_a_filter(void **state)
{
    PLAN(
        SERIES("{'type':'filter','base':'t','filter':" IS("a", "1") "}", ",'filter':" IS("b", "2")),
        "AGG timeseries by all fill empty_row: n = count()\n"
        "  ROWS t " DAY_TEXT " [] where and(equals(\"a\" \"1\"L), equals(\"b\" \"2\"L))\n");
    PLAN(SERIES("{'type':'filter','base':'t','filter':" IS("v", "1") "}",
                VIRTUAL("v")), /* not this v */
         HEAD " [] with v = (a + 1) where equals(\"v\" \"2\"L)\n"
              "    ROWS t " DAY_TEXT " [a] where equals(\"v\" \"1\"L)\n");
}

static void filters_on_elements_stay_with_the_unnest(void **state)
{
    PLAN(SERIES("{'type':'unnest','base':'t','virtualColumn':{'type':'expression','name':'e','"
                "expression':'l'},'unnestFilter':" IS("e", "1") "}",
                ",'filter':{'type':'and','fields':[" IS("e", "2") "," IS("a", "3") "]}"),
         HEAD " []\n    UNNEST e = l [] keep_empty where and(equals(\"e\" \"1\"L), equals(\"e\" "
              "\"2\"L))\n"
              "      ROWS t " DAY_TEXT " [l] where equals(\"a\" \"3\"L)\n");
}

static void unions_of_other_sources_are_branches(void **state)
{
    PLAN(SERIES("{'type':'union','dataSources':['t',{'type':'filter','base':'u','filter':" IS(
                    "b", "2") "}]}",
                ",'filter':" IS("k", "1")),
         HEAD " []\n    UNION\n      ROWS t " DAY_TEXT " [] where equals(\"k\" \"1\"L)\n"
              "      ROWS u " DAY_TEXT
              " [] where and(equals(\"b\" \"2\"L), equals(\"k\" \"1\"L))\n");
}

static void wrong_joins_are_refused_by_place(void **state)
{
#define REFUSED_JOIN(condition, text)                                                              \
    REFUSED(SERIES(JOIN("'t'", "'u'", "INNER", condition, ""), ""), text)
    REFUSED(SERIES("{'type':'join','left':'t','right':'u','rightPrefix':'','joinType':'INNER','"
                   "condition':'1'}",
                   ""),
            "BAD_QUERY: dataSource.rightPrefix: must not be empty");
    REFUSED(SERIES("{'type':'join','left':'t','right':'u','rightPrefix':'_','joinType':'INNER','"
                   "condition':'1'}",
                   ""),
            "BAD_QUERY: dataSource.rightPrefix: '_' would hide __time");
    REFUSED(SERIES("{'type':'join','left':'t','right':'u','rightPrefix':'j.','joinType':'CROSS','"
                   "condition':'1'}",
                   ""),
            "BAD_QUERY: dataSource.joinType: 'CROSS' is no type of join");
    REFUSED(SERIES("{'type':'join','left':'t','rightPrefix':'j.'}", ""),
            "BAD_QUERY: dataSource: needs 'right'");
    REFUSED(
        SERIES(JOIN("'t'", "{'type':'lookup','lookup':'nowhere'}", "INNER", "x == \\'j.k\\'", ""),
               ""),
        "ARGUMENT: dataSource.right.lookup: there is no lookup 'nowhere'");
    REFUSED(SERIES(JOIN(JOIN("'t'", "'u'", "LEFT", "1", ""), "'u'", "LEFT", "1", ""), ""),
            "ARGUMENT: dataSource.rightPrefix: 'j.' is in conflict with 'j.' of another join");
    REFUSED(SERIES(JOIN("{'type':'lookup','lookup':'l'}", "'u'", "LEFT", "1",
                        ",'leftFilter':" IS("a", "1")),
                   ""),
            "BAD_QUERY: dataSource.leftFilter: needs a table on the left");
#define CAN                                                                                        \
    ": equalities of a left expression and a right column, joined by &&, or a constant are what "  \
    "a join can do"
    REFUSED_JOIN("x > \\'j.k\\'",
                 "ARGUMENT: dataSource.condition: cannot join by 'x > \"j.k\"'" CAN);
    REFUSED_JOIN("x == y", "ARGUMENT: dataSource.condition: cannot join by 'x == y'" CAN);
    REFUSED_JOIN("x == lower(\\'j.k\\')",
                 "ARGUMENT: dataSource.condition: cannot join by 'x == lower(\"j.k\")'" CAN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_filter_goes_to_the_side_that_it_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(virtual_columns_go_along_unless_they_would_hide_a_key,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(conditions_are_taken_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_left_filter_is_the_left_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(a_filtered_table_is_a_table_with_a_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(filters_on_elements_stay_with_the_unnest, setup, teardown),
        cmocka_unit_test_setup_teardown(unions_of_other_sources_are_branches, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_joins_are_refused_by_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
