/* tests/unit/segments/schema_print_test.c - a schema that is printed reads back as the same schema,
 * alone and through a segment's footer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include "weir/segment.h"

static weir_schema *parse(const char *text)
{
    weir_error err;
    json_error_t problem;
    json_t *json = json_loads(text, 0, &problem);
    if (json == NULL) {
        fail_msg("%s: %s", text, problem.text);
    }
    weir_schema *schema = weir_schema_parse(json, NULL, NULL, &err);
    json_decref(json);
    if (schema == NULL) {
        fail_msg("%s: %s", text, err.message);
    }
    return schema;
}

static void print(const weir_schema *schema, weir_buf *out)
{
    weir_json json = {.out = out};
    out->size = 0;
    weir_schema_print(schema, &json);
    weir_buf_byte(out, 0);
}

static bool same_granularity(const weir_granularity *a, const weir_granularity *b)
{
    int64_t ms = INT64_C(1741500000000);
    return a->kind == b->kind && weir_granularity_floor(a, ms) == weir_granularity_floor(b, ms);
}

static const char *const specs[] = {
    "{\"dataSource\": \"wiki\", \"timestampSpec\": {\"column\": \"time\", \"format\": \"iso\"}, "
    "\"dimensionsSpec\": {\"dimensions\": ["
    "\"page\", {\"type\": \"string\", \"name\": \"tags\", \"multiValueHandling\": \"SORTED_SET\", "
    "\"createBitmapIndex\": false},"
    "{\"type\": \"long\", \"name\": \"delta\"}, {\"type\": \"float\", \"name\": \"f\"}, {\"type\": "
    "\"double\", \"name\": \"d\"}],"
    "\"dimensionExclusions\": [\"secret\"]}, \"metricsSpec\": [{\"type\": \"count\", \"name\": "
    "\"count\"},"
    "{\"type\": \"doubleSum\", \"name\": \"added\", \"fieldName\": \"added\"}], "
    "\"granularitySpec\": {\"segmentGranularity\": \"DAY\","
    "\"queryGranularity\": \"HOUR\", \"rollup\": true}}",
    "{\"dataSource\": \"t\", \"timestampSpec\": {\"column\": \"t\", \"format\": \"millis\"}, "
    "\"dimensionsSpec\": {\"dimensions\": []},"
    "\"granularitySpec\": {\"segmentGranularity\": {\"type\": \"period\", \"period\": \"P1D\", "
    "\"timeZone\": \"America/New_York\"},"
    "\"queryGranularity\": {\"type\": \"duration\", \"duration\": 7000, \"origin\": "
    "\"2015-01-01T00:00:01Z\"}, \"rollup\": false}}",
    "{\"dataSource\": \"u\", \"dimensionsSpec\": {\"useSchemaDiscovery\": true, "
    "\"forceSegmentSortByTime\": false, \"dimensions\": ["
    "\"shop\", \"__time\", \"user\"]}, \"granularitySpec\": {\"segmentGranularity\": \"ALL\", "
    "\"queryGranularity\": \"NONE\"}}",
};

static void assert_same(const weir_schema *a, const weir_schema *b)
{
    assert_true(weir_str_eq(a->table, b->table));
    assert_int_equal(a->dimension_count, b->dimension_count);
    for (uint32_t i = 0; i < a->dimension_count; i++) {
        assert_true(weir_str_eq(a->dimensions[i].name, b->dimensions[i].name));
        assert_true(weir_type_eq(a->dimensions[i].type, b->dimensions[i].type));
        assert_int_equal(a->dimensions[i].bitmap_index, b->dimensions[i].bitmap_index);
        assert_int_equal(a->dimensions[i].multi, b->dimensions[i].multi);
    }
    assert_int_equal(a->metric_count, b->metric_count);
    for (uint32_t i = 0; i < a->metric_count; i++) {
        assert_true(weir_str_eq(a->metrics[i].name, b->metrics[i].name));
        assert_ptr_equal(a->metrics[i].agg, b->metrics[i].agg);
        assert_true(weir_str_eq(a->metrics[i].json, b->metrics[i].json));
    }
    assert_int_equal(a->discover, b->discover);
    assert_int_equal(a->discover_typed, b->discover_typed);
    assert_int_equal(a->exclusion_count, b->exclusion_count);
    assert_int_equal(a->cluster_count, b->cluster_count);
    assert_int_equal(a->rollup, b->rollup);
    assert_true(same_granularity(&a->segment_granularity, &b->segment_granularity));
    assert_true(same_granularity(&a->query_granularity, &b->query_granularity));
    assert_true(weir_str_eq(a->timestamp_spec_json, b->timestamp_spec_json));
}

static void a_printed_schema_reads_back_as_the_same_schema(void **state)
{
    (void)state;
    weir_buf once = {0}, twice = {0};
    for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
        weir_schema *schema = parse(specs[i]);
        print(schema, &once);
        weir_schema *again = parse(once.at);
        assert_same(schema, again);
        print(again, &twice);
        assert_string_equal(once.at, twice.at);
        weir_schema_unref(schema);
        weir_schema_unref(again);
    }
    weir_buf_done(&once);
    weir_buf_done(&twice);
}

static bool append(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

static void a_segment_keeps_its_schema(void **state)
{
    (void)state;
    weir_schema *schema = parse(specs[0]);
    weir_buf file = {0};
    weir_error err;
    weir_segment_info info;
    weir_segment *seg;
    int64_t times[] = {1, 2};
    weir_segment_writer *w = weir_segment_writer_new((weir_file){&file, append}, schema, 2, false);
    assert_true(weir_segment_put_time(w, times, &err));
    assert_true(weir_segment_writer_end(w, &info, &err));
    assert_true(weir_segment_open("s", (weir_bytes){(uint8_t *)file.at, file.size, NULL, NULL, NULL},
                                  &seg, &err));
    assert_same(schema, weir_segment_rows(seg)->schema);
    weir_segment_unref(seg);
    weir_schema_unref(schema);
    weir_buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_printed_schema_reads_back_as_the_same_schema),
        cmocka_unit_test(a_segment_keeps_its_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
