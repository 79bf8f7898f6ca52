/* tests/unit/segments/schema_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include "weir/schema.h"

static void collect(void *self, const char *member)
{
    snprintf((char *)self + strlen(self), 200, "%s;", member);
}

static weir_schema *parse(const char *text, char *warnings, weir_error *err)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    warnings[0] = 0;
    weir_schema *schema = weir_schema_parse(json, collect, warnings, err);
    json_decref(json); /* the schema keeps what it needs */
    return schema;
}

static void a_whole_data_schema_is_read(void **state)
{
    (void)state;
    char warnings[1000];
    weir_error err;
    weir_schema *s =
        parse("{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"ts\",\"format\":\"iso\"},"
              "\"dimensionsSpec\":{\"dimensions\":[\"a\",{\"type\":\"long\",\"name\":\"b\"},{"
              "\"name\":\"c\",\"createBitmapIndex\":false,\"multiValueHandling\":\"ARRAY\"},"
              "{\"type\":\"double\",\"name\":\"d\"},{\"type\":\"float\",\"name\":\"f\"}],"
              "\"dimensionExclusions\":[\"z\"]},"
              "\"metricsSpec\":[{\"type\":\"count\",\"name\":\"n\"},{\"type\":\"longSum\",\"name\":"
              "\"sum\",\"fieldName\":\"in\"}],"
              "\"granularitySpec\":{\"segmentGranularity\":\"HOUR\",\"queryGranularity\":{\"type\":"
              "\"period\",\"period\":\"PT5M\",\"timeZone\":\"UTC\"},\"rollup\":false},\"extra\":1}",
              warnings, &err);
    assert_non_null(s);
    assert_true(weir_str_is(s->table, "t"));
    assert_int_equal(s->dimension_count, 5);
    assert_int_equal(s->dimensions[0].type.kind, WEIR_STRING);
    assert_true(s->dimensions[0].bitmap_index);
    assert_int_equal(s->dimensions[1].type.kind, WEIR_LONG);
    assert_false(s->dimensions[2].bitmap_index);
    assert_int_equal(s->dimensions[2].multi, WEIR_MULTI_ARRAY);
    assert_int_equal(s->dimensions[3].type.kind, WEIR_DOUBLE);
    assert_int_equal(s->dimensions[4].type.kind, WEIR_FLOAT);
    assert_int_equal(s->metric_count, 2);
    assert_false(s->discover);
    assert_false(s->rollup);
    assert_int_equal(weir_granularity_floor(&s->query_granularity, 299999), 0);
    assert_int_equal(weir_granularity_floor(&s->segment_granularity, 7199999), 3600000);
    assert_string_equal(warnings, "dataSchema.extra;");
    weir_schema_unref(s);
}

static void defaults_are_druids(void **state)
{
    (void)state;
    char warnings[1000];
    weir_error err;
    weir_schema *s = parse("{\"dataSource\":\"t\"}", warnings, &err);
    assert_non_null(s);
    assert_true(s->rollup);
    assert_true(s->discover);
    assert_false(s->discover_typed);
    assert_int_equal(s->query_granularity.kind, WEIR_GRAN_NONE);
    assert_int_equal(weir_granularity_floor(&s->segment_granularity, 86400000 + 5), 86400000);
    weir_schema_unref(s);
}

static void discovery_leaves_out_the_time_and_what_metrics_read_and_write(void **state)
{
    (void)state;
    char warnings[1000], names[200] = "";
    weir_error err;
    weir_schema *s = parse(
        "{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"ts\"},\"dimensionsSpec\":{"
        "\"useSchemaDiscovery\":true,\"dimensions\":[\"in\"],\"dimensionExclusions\":[\"z\"]},"
        "\"metricsSpec\":[{\"type\":\"longSum\",\"name\":\"s\",\"fieldName\":\"in\"},{\"type\":"
        "\"doubleMax\",\"name\":\"m\",\"fieldName\":\"other\"}]}",
        warnings, &err);
    assert_non_null(s);
    assert_true(s->discover_typed);
    for (uint32_t i = 0; i < s->exclusion_count; i++) {
        snprintf(names + strlen(names), 100, "%.*s ", WEIR_STR_ARG(s->exclusions[i]));
    }
    assert_string_equal(names, "z ts __time s m other "); /* "in" is a dimension of its own */
    weir_schema_unref(s);
}

static void wrong_members_are_refused_by_their_path(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{}", "dataSchema.dataSource"},
        {"{\"dataSource\":5}", "dataSchema.dataSource"},
        {"{\"dataSource\":\"a/b\"}", "dataSchema.dataSource"},
        {"{\"dataSource\":\"t\",\"dimensionsSpec\":[]}", "dataSchema.dimensionsSpec"},
        {"{\"dataSource\":\"t\",\"dimensionsSpec\":{\"dimensions\":\"x\"}}",
         "dataSchema.dimensionsSpec.dimensions"},
        {"{\"dataSource\":\"t\",\"dimensionsSpec\":{\"dimensions\":[\"a\",{\"type\":\"lnog\","
         "\"name\":\"b\"}]}}",
         "dataSchema.dimensionsSpec.dimensions[1].type"},
        {"{\"dataSource\":\"t\",\"dimensionsSpec\":{\"dimensions\":[{\"type\":\"spatial\",\"name\":"
         "\"place\"}]}}",
         "'place'"},
        {"{\"dataSource\":\"t\",\"dimensionsSpec\":{\"dimensions\":[{\"type\":\"auto\",\"name\":"
         "\"deep\",\"castToType\":\"ARRAY<COMPLEX<json>>\"}]}}",
         "dataSchema.dimensionsSpec.dimensions[0].castToType"},
        {"{\"dataSource\":\"t\",\"dimensionsSpec\":{\"dimensions\":[{\"type\":\"long\"}]}}",
         "dataSchema.dimensionsSpec.dimensions[0].name"},
        {"{\"dataSource\":\"t\",\"dimensionsSpec\":{\"dimensions\":[{\"name\":\"x\","
         "\"multiValueHandling\":\"BAG\"}]}}",
         "dimensions[0].multiValueHandling"},
        {"{\"dataSource\":\"t\",\"dimensionsSpec\":{\"dimensions\":[\"a\",\"a\"]}}",
         "'a' is named twice"},
        {"{\"dataSource\":\"t\",\"metricsSpec\":[{\"type\":\"nope\",\"name\":\"y\"}]}",
         "dataSchema.metricsSpec[0]"},
        {"{\"dataSource\":\"t\",\"metricsSpec\":[{\"type\":\"count\"}]}",
         "dataSchema.metricsSpec[0].name"},
        {"{\"dataSource\":\"t\",\"metricsSpec\":{}}", "dataSchema.metricsSpec"},
        {"{\"dataSource\":\"t\",\"granularitySpec\":{\"queryGranularity\":\"FORTNIGHT\"}}",
         "dataSchema.granularitySpec.queryGranularity"},
        {"{\"dataSource\":\"t\",\"granularitySpec\":{\"segmentGranularity\":{\"type\":\"period\","
         "\"period\":\"soon\"}}}",
         "dataSchema.granularitySpec.segmentGranularity"},
        {"{\"dataSource\":\"t\",\"granularitySpec\":{\"rollup\":\"maybe\"}}",
         "dataSchema.granularitySpec.rollup"},
        {"{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":5}}",
         "dataSchema.timestampSpec.column"},
        {"{\"dataSource\":\"t\",\"parser\":{}}", "dataSchema.parser"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char warnings[1000];
        weir_error err = {0};
        weir_schema *s = parse(cases[i][0], warnings, &err);
        if (s || !strstr(err.message, cases[i][1])) {
            fail_msg("%s: %s", cases[i][0], s ? "accepted" : err.message);
        }
        if (weir_err_status(err.code) != 400 && err.code != WEIR_ERR_UNSUPPORTED) {
            fail_msg("%s: %d", cases[i][0], (int)err.code);
        }
    }
}

static void dimensions_before_time_are_clusters(void **state)
{
    (void)state;
    char warnings[1000];
    weir_error err;
    weir_schema *s =
        parse("{\"dataSource\":\"t\",\"dimensionsSpec\":{\"forceSegmentSortByTime\":false,"
              "\"dimensions\":[\"a\",\"b\",{\"type\":\"long\",\"name\":\"__time\"},\"c\"]}}",
              warnings, &err);
    assert_non_null(s);
    assert_int_equal(s->dimension_count, 3);
    assert_int_equal(s->cluster_count, 2);
    assert_true(weir_str_is(s->clusters[1], "b"));
    weir_schema_unref(s);
    assert_null(
        parse("{\"dataSource\":\"t\",\"dimensionsSpec\":{\"dimensions\":[\"a\",\"__time\"]}}",
              warnings, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_data_schema_is_read),
        cmocka_unit_test(defaults_are_druids),
        cmocka_unit_test(discovery_leaves_out_the_time_and_what_metrics_read_and_write),
        cmocka_unit_test(wrong_members_are_refused_by_their_path),
        cmocka_unit_test(dimensions_before_time_are_clusters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
