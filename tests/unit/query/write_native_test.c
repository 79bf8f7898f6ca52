/* Native answers from batches: Druid's JSON, compact or pretty, whatever form the columns have and
 * however the rows are cut into batches. */
#include <math.h>
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
#define COUNT "{'type':'count','name':'n'}"
#define T0 1442016000000ll /* 2015-09-12 */
#define HOUR 3600000ll

static weir_vec longs(const int64_t *values, uint32_t n)
{
    return (weir_vec){.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n, .at.l = values};
}

static weir_vec strings(weir_arena *arena, uint32_t n, const char *const *values)
{
    weir_str *at = WEIR_ARENA_ARRAY(arena, weir_str, n);
    uint64_t *nulls = WEIR_ARENA_ARRAY(arena, uint64_t, weir_words(n) + 1);
    for (uint32_t i = 0; i < n; i++) {
        at[i] = values[i] ? weir_str_of(values[i]) : (weir_str){0};
        if (!values[i]) {
            weir_bit_set(nulls, i);
        }
    }
    return (weir_vec){
        .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = n, .nulls = nulls, .at.s = at};
}

/* The answer to `json` whose run gives `columns`, in batches of `step` rows. */
static const char *answer(weir_arena *arena, const char *json, const weir_vec *columns,
                          uint32_t column_count, uint32_t step, bool pretty)
{
    weir_error err = {0};
    weir_native_query *query = weir_native_parse(arena, quoted(arena, json), &err);
    if (!query || !weir_native_bind(query, NULL, 0, &err)) {
        fail_msg("refused: %s", err.message);
    }
    assert_int_equal(query->plan->root->output_count, column_count);
    weir_type types[16];
    for (uint32_t i = 0; i < column_count; i++) {
        types[i] = columns[i].type;
    }
    weir_buf out = {0};
    weir_scratch scratch = {0};
    weir_native_writer *writer = weir_native_writer_new(query, NULL, 0, types, pretty, &out);
    for (uint32_t from = 0; column_count && from < columns[0].n; from += step) {
        weir_vec parts[16];
        uint32_t n = columns[0].n - from < step ? columns[0].n - from : step;
        for (uint32_t i = 0; i < column_count; i++) {
            weir_vec_slice(&columns[i], from, n, &scratch, &parts[i]);
        }
        weir_batch batch = {
            .n = n, .column_count = column_count, .columns = parts, .origin = WEIR_STR("seg")};
        assert_true(weir_native_writer_batch(writer, &batch, &err));
    }
    if (!weir_native_writer_end(writer, &err)) {
        fail_msg("end: %s", err.message);
    }
    const char *text = weir_arena_text(arena, weir_buf_view(&out));
    weir_native_writer_done(writer);
    weir_scratch_done(&scratch);
    weir_buf_done(&out);
    return text;
}

static void a_timeseries_names_its_buckets_in_the_zone(void **state)
{
    const int64_t buckets[] = {T0 - 4 * HOUR + 8 * HOUR, T0 + 28 * HOUR}, counts[] = {3, 0};
    const weir_vec columns[] = {longs(buckets, 2), longs(counts, 2)};
    assert_string_equal(answer(*state,
                               "{'queryType':'timeseries','dataSource':'w'," DAY
                               ",'granularity':'hour','aggregations':[" COUNT "]}",
                               columns, 2, 1, false),
                        "[{\"timestamp\":\"2015-09-12T04:00:00.000Z\",\"result\":{\"n\":3}},{"
                        "\"timestamp\":\"2015-09-13T04:00:00.000Z\",\"result\":{\"n\":0}}]");
    assert_string_equal(answer(*state,
                               "{'queryType':'timeseries','dataSource':'w'," DAY
                               ",'granularity':{'type':'period','period':'P1D','timeZone':'America/"
                               "New_York'},'aggregations':[" COUNT
                               "],'context':{'timestampResultField':'t'}}",
                               columns, 2, 2, false),
                        "[{\"timestamp\":\"2015-09-12T00:00:00.000-04:00\",\"result\":{\"t\":"
                        "1442030400000,\"n\":3}},"
                        "{\"timestamp\":\"2015-09-13T00:00:00.000-04:00\",\"result\":{\"t\":"
                        "1442116800000,\"n\":0}}]");
}

static void a_pretty_answer_looks_like_jacksons(void **state)
{
    const int64_t buckets[] = {T0}, counts[] = {3};
    const weir_vec columns[] = {longs(buckets, 1), longs(counts, 1)};
    assert_string_equal(answer(*state,
                               "{'queryType':'timeseries','dataSource':'w'," DAY
                               ",'aggregations':[" COUNT "]}",
                               columns, 2, 1, true),
                        "[ {\n  \"timestamp\" : \"2015-09-12T00:00:00.000Z\",\n  \"result\" : {\n  "
                        "  \"n\" : 3\n  }\n} ]");
}

static void a_grand_total_adds_up_what_was_written(void **state)
{
    const int64_t buckets[] = {T0, T0 + HOUR, T0 + 2 * HOUR}, counts[] = {3, 4, 5},
                  sums[] = {10, 20, 0};
    static const uint64_t nulls[] = {4};
    weir_vec columns[] = {longs(buckets, 3), longs(counts, 3), longs(sums, 3), longs(sums, 3)};
    columns[2].nulls = nulls;
    const char *json = "{'queryType':'timeseries','dataSource':'w'," DAY
                       ",'granularity':'hour','aggregations':[" COUNT
                       ",{'type':'longMax','name':'m','fieldName':'x'}],'postAggregations':[{'type'"
                       ":'expression','name':'p','expression':'m * 2'}],"
                       "'context':{'grandTotal':true}}";
    const char *whole = answer(*state, json, columns, 4, 3, false);
    assert_non_null(
        strstr(whole, ",{\"timestamp\":null,\"result\":{\"n\":12,\"m\":20,\"p\":40}}]"));
    assert_string_equal(whole, answer(*state, json, columns, 4, 1, false));
    weir_vec none[] = {longs(buckets, 0), longs(counts, 0), longs(sums, 0), longs(sums, 0)};
    assert_string_equal(answer(*state, json, none, 4, 1, false),
                        "[{\"timestamp\":null,\"result\":{\"n\":null,\"m\":null,\"p\":null}}]");
}

static void a_topn_gives_one_list_per_bucket(void **state)
{
    const int64_t buckets[] = {T0, T0, T0 + HOUR}, counts[] = {3, 2, 9};
    const weir_vec columns[] = {longs(buckets, 3),
                                strings(*state, 3, (const char *const[]){"a", NULL, "b\"\n"}),
                                longs(counts, 3)};
    const char *json =
        "{'queryType':'topN','dataSource':'w'," DAY
        ",'granularity':'hour','dimension':'d','metric':'n','threshold':2,'aggregations':[" COUNT
        "]}";
    const char *want =
        "[{\"timestamp\":\"2015-09-12T00:00:00.000Z\",\"result\":[{\"d\":\"a\",\"n\":3},{\"d\":"
        "null,\"n\":2}]},"
        "{\"timestamp\":\"2015-09-12T01:00:00.000Z\",\"result\":[{\"d\":\"b\\\"\\n\",\"n\":9}]}]";
    for (uint32_t step = 1; step <= 3; step++) {
        assert_string_equal(answer(*state, json, columns, 3, step, false), want);
    }
}

static void a_groupby_gives_events_or_arrays(void **state)
{
    const int64_t buckets[] = {T0, T0}, counts[] = {3, 2};
    const weir_vec columns[] = {
        longs(buckets, 2), strings(*state, 2, (const char *const[]){NULL, ""}), longs(counts, 2)};
#define GROUP(gran, context)                                                                       \
    "{'queryType':'groupBy','dataSource':'w'," DAY ",'granularity':'" gran                         \
    "','dimensions':['d'],'aggregations':[" COUNT "],'context':{" context "}}"
    assert_string_equal(answer(*state, GROUP("all", ""), columns, 3, 1, false),
                        "[{\"version\":\"v1\",\"timestamp\":\"2015-09-12T00:00:00.000Z\",\"event\":"
                        "{\"d\":null,\"n\":3}},"
                        "{\"version\":\"v1\",\"timestamp\":\"2015-09-12T00:00:00.000Z\",\"event\":{"
                        "\"d\":\"\",\"n\":2}}]");
    assert_string_equal(answer(*state, GROUP("day", "'resultAsArray':true"), columns, 3, 2, false),
                        "[[1442016000000,null,3],[1442016000000,\"\",2]]");
    assert_string_equal(answer(*state, GROUP("all", "'resultAsArray':true"), columns, 3, 2, false),
                        "[[null,3],[\"\",2]]");
}

static weir_vec lists(weir_arena *arena)
{
    static const uint32_t offsets[] = {0, 2, 3, 3, 3};
    static const uint64_t nulls[] = {8};
    weir_vec *items = WEIR_ARENA_NEW(arena, weir_vec);
    *items = strings(arena, 3, (const char *const[]){"a", NULL, "c"});
    return (weir_vec){.type = {.kind = WEIR_STRING, .multi = true},
                      .form = WEIR_LIST,
                      .n = 4,
                      .nulls = nulls,
                      .at.offsets = offsets,
                      .items = items};
}

static void a_scan_gives_lists_compact_lists_or_vectors(void **state)
{
    static const double doubles[] = {1, 0.5, (double)NAN, 1e20};
    weir_vec numbers = {.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = 4, .at.d = doubles},
             nothing = weir_vec_null(WEIR_TYPE(WEIR_UNKNOWN), 4);
    const weir_vec columns[] = {lists(*state), numbers, nothing};
#define SCAN(format)                                                                               \
    "{'queryType':'scan','dataSource':'w'," DAY                                                    \
    ",'columns':['m','x','no'],'resultFormat':'" format "'}"
#define HEAD "[{\"segmentId\":\"seg\",\"columns\":[\"m\",\"x\",\"no\"],\"events\":"
#define TAIL                                                                                       \
    ",\"rowSignature\":[{\"name\":\"m\",\"type\":\"STRING\"},{\"name\":\"x\",\"type\":\"DOUBLE\"}" \
    ",{\"name\":\"no\"}]}]"
    assert_string_equal(
        answer(*state, SCAN("list"), columns, 3, 4, false),
        HEAD "[{\"m\":[\"a\",null],\"x\":1.0,\"no\":null},{\"m\":\"c\",\"x\":0.5,\"no\":null},"
             "{\"m\":null,\"x\":\"NaN\",\"no\":null},{\"m\":null,\"x\":1.0E20,\"no\":null}]" TAIL);
    assert_string_equal(
        answer(*state, SCAN("compactedList"), columns, 3, 4, false), HEAD
        "[[[\"a\",null],1.0,null],[\"c\",0.5,null],[null,\"NaN\",null],[null,1.0E20,null]]" TAIL);
    assert_string_equal(answer(*state, SCAN("valueVector"), columns, 3, 4, false),
                        HEAD "{\"m\":[[\"a\",null],\"c\",null,null],\"x\":[1.0,0.5,\"NaN\",1.0E20],"
                             "\"no\":[null,null,null,null]}" TAIL);
}

static void a_time_boundary_shows_the_bound_that_was_asked_for(void **state)
{
    const int64_t bucket[] = {0}, low[] = {T0}, high[] = {T0 + HOUR};
    static const uint64_t null[] = {1};
    weir_vec columns[] = {longs(bucket, 1), longs(low, 1), longs(high, 1)};
    assert_string_equal(
        answer(*state, "{'queryType':'timeBoundary','dataSource':'w'}", columns, 3, 1, false),
        "[{\"timestamp\":\"2015-09-12T00:00:00.000Z\",\"result\":{\"maxTime\":\"2015-09-12T01:00:"
        "00.000Z\",\"minTime\":\"2015-09-12T00:00:00.000Z\"}}]");
    assert_string_equal(answer(*state,
                               "{'queryType':'timeBoundary','dataSource':'w','bound':'maxTime'}",
                               columns, 3, 1, false),
                        "[{\"timestamp\":\"2015-09-12T01:00:00.000Z\",\"result\":{\"maxTime\":"
                        "\"2015-09-12T01:00:00.000Z\"}}]");
    columns[1].nulls = columns[2].nulls = null;
    assert_string_equal(
        answer(*state, "{'queryType':'timeBoundary','dataSource':'w'}", columns, 3, 1, false),
        "[]");
}

static void nothing_found_is_an_empty_list(void **state)
{
    const weir_vec none[] = {longs(NULL, 0), longs(NULL, 0), longs(NULL, 0)};
    assert_string_equal(answer(*state,
                               "{'queryType':'topN','dataSource':'w'," DAY
                               ",'dimension':'d','metric':'n','threshold':2,'aggregations':[" COUNT
                               "]}",
                               none, 3, 1, false),
                        "[]");
    assert_string_equal(answer(*state,
                               "{'queryType':'scan','dataSource':'w'," DAY ",'columns':['a']}",
                               none, 1, 1, false),
                        "[]");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_timeseries_names_its_buckets_in_the_zone),
        TEST(a_pretty_answer_looks_like_jacksons),
        TEST(a_grand_total_adds_up_what_was_written),
        TEST(a_topn_gives_one_list_per_bucket),
        TEST(a_groupby_gives_events_or_arrays),
        TEST(a_scan_gives_lists_compact_lists_or_vectors),
        TEST(a_time_boundary_shows_the_bound_that_was_asked_for),
        TEST(nothing_found_is_an_empty_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
