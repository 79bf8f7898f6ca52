/* tests/unit/ingest/spec_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "ingest/spec.h"
#include "weir/log.h"

static const char good[] =
    "{\"type\":\"kafka\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":{"
    "\"column\":\"ts\",\"format\":\"millis\"},\"dimensionsSpec\":{\"dimensions\":[\"a\"]},"
    "\"granularitySpec\":{}},"
    "\"ioConfig\":{\"topic\":\"top\",\"inputFormat\":{\"type\":\"json\",\"flattenSpec\":{"
    "\"fields\":[{\"type\":\"path\",\"name\":\"x\",\"expr\":\"$.p.q\"}]}},"
    "\"consumerProperties\":{\"bootstrap.servers\":\"h:1\"},\"taskCount\":2,\"taskDuration\":"
    "\"PT30M\",\"useEarliestOffset\":true,\"lateMessageRejectionPeriod\":\"PT1H\","
    "\"earlyMessageRejectionPeriod\":\"PT10M\"},"
    "\"tuningConfig\":{\"type\":\"kafka\",\"maxRowsInMemory\":5000,\"maxBytesInMemory\":-1,"
    "\"maxParseExceptions\":7,\"logParseExceptions\":true,\"intermediateHandoffPeriod\":\"PT5S\"}}"
    "}";

static void a_supervisor_spec_is_read(void **state)
{
    (void)state;
    weir_error err;
    weir_spec *spec = weir_spec_parse(weir_str_of(good), true, false, &err);
    assert_non_null(spec);
    assert_true(weir_str_is(spec->id, "t"));
    assert_true(weir_str_is(spec->topic, "top"));
    assert_true(spec->use_earliest);
    assert_int_equal(spec->task_count, 2);
    assert_int_equal(spec->task_duration_ms, 1800000);
    assert_true(spec->has_late_period && spec->late_period_ms == 3600000);
    assert_true(spec->has_early_period && spec->early_period_ms == 600000);
    assert_int_equal(spec->max_rows_in_memory, 5000);
    assert_int_equal(spec->max_bytes_in_memory, 0);
    assert_int_equal(spec->max_parse_exceptions, 7);
    assert_int_equal(spec->handoff_period_ms, 5000);
    assert_int_equal(spec->flatten.count, 1);
    json_t *a = json_loads(good, 0, NULL), *b = json_loadb(spec->text.at, spec->text.size, 0, NULL);
    assert_true(json_equal(a, b)); /* GET gives back what was posted */
    json_decref(a);
    json_decref(b);
    weir_spec_unref(spec);
}

/* The good spec with one member (a path like "spec.ioConfig.topic") put to a JSON text, or taken
 * out. */
static char *change(const char *path, const char *value)
{
    json_t *json = json_loads(good, 0, NULL), *at = json;
    char copy[200];
    snprintf(copy, sizeof(copy), "%s", path);
    char *part = copy, *dot;
    while ((dot = strchr(part, '/'))) {
        *dot = 0;
        at = json_object_get(at, part);
        part = dot + 1;
    }
    if (value) {
        json_object_set_new(at, part, json_loads(value, JSON_DECODE_ANY, NULL));
    } else {
        json_object_del(at, part);
    }
    char *text = json_dumps(json, 0);
    json_decref(json);
    return text;
}

static void wrong_members_are_refused_by_their_path(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"type", "\"kinesis\"", "type"},
        {"spec/dataSchema", NULL, "dataSchema"},
        {"spec/ioConfig", NULL, "ioConfig"},
        {"spec/ioConfig", "5", "ioConfig"},
        {"spec/ioConfig/topic", NULL, "ioConfig.topic"},
        {"spec/ioConfig/topic", "[\"a\"]", "ioConfig.topic"},
        {"spec/ioConfig/inputFormat", NULL, "ioConfig.inputFormat"},
        {"spec/ioConfig/inputFormat/type", "\"protobuf\"", "ioConfig.inputFormat.type"},
        {"spec/ioConfig/inputFormat/flattenSpec/fields", "{}",
         "ioConfig.inputFormat.flattenSpec.fields"},
        {"spec/ioConfig/consumerProperties", NULL, "ioConfig.consumerProperties"},
        {"spec/ioConfig/consumerProperties", "{}", "bootstrap.servers"},
        {"spec/ioConfig/taskCount", "0", "ioConfig.taskCount"},
        {"spec/ioConfig/taskDuration", "\"soon\"", "ioConfig.taskDuration"},
        {"spec/ioConfig/useEarliestOffset", "\"perhaps\"", "ioConfig.useEarliestOffset"},
        {"spec/ioConfig/lateMessageRejectionPeriod", "\"-PT1H\"",
         "ioConfig.lateMessageRejectionPeriod"},
        {"spec/ioConfig/lateMessageRejectionStartDateTime", "\"2020\"", "not both"},
        {"spec/tuningConfig/maxRowsInMemory", "\"many\"", "tuningConfig.maxRowsInMemory"},
        {"spec/tuningConfig/maxParseExceptions", "-5", "tuningConfig.maxParseExceptions"},
        {"spec/tuningConfig", "[]", "tuningConfig"},
        {"spec/dataSchema/timestampSpec/format", "\"yyyy-QQ\"", "dataSchema.timestampSpec.format"},
        {"spec/dataSchema/timestampSpec/missingValue", "\"never\"",
         "dataSchema.timestampSpec.missingValue"},
        {"spec/dataSchema/granularitySpec/intervals", "[\"now\"]",
         "dataSchema.granularitySpec.intervals[0]"},
        {"suspended", "[]", "suspended"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_error err = {0};
        char *text = change(cases[i][0], cases[i][1]);
        weir_spec *spec = weir_spec_parse(weir_str_of(text), true, false, &err);
        if (spec || !strstr(err.message, cases[i][2]) ||
            (err.code != WEIR_ERR_BAD_REQUEST && err.code != WEIR_ERR_UNSUPPORTED)) {
            fail_msg("%s = %s: %s (%d)", cases[i][0], cases[i][1] ? cases[i][1] : "absent",
                     spec ? "accepted" : err.message, (int)err.code);
        }
        free(text);
    }
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    (void)state;
    weir_error err;
    assert_null(weir_spec_parse(WEIR_STR("{broken"), true, false, &err));
    assert_non_null(strstr(err.message, "line 1"));
    assert_null(weir_spec_parse(WEIR_STR(""), true, false, &err));
    assert_null(weir_spec_parse(WEIR_STR("[]"), true, false, &err));
    assert_null(weir_spec_parse(WEIR_STR("5"), true, false, &err));
}

static void a_load_takes_a_task_or_a_supervisor_spec(void **state)
{
    (void)state;
    weir_error err;
    weir_spec *spec = weir_spec_parse(weir_str_of(good), false, true, &err);
    assert_non_null(spec);
    weir_spec_unref(spec);
    spec = weir_spec_parse(
        WEIR_STR("{\"type\":\"index_parallel\",\"id\":\"one\",\"spec\":{\"dataSchema\":{"
                 "\"dataSource\":\"t\"},\"ioConfig\":{\"inputSource\":{\"type\":\"local\","
                 "\"baseDir\":\"/d\",\"filter\":\"*.gz\"},"
                 "\"inputFormat\":{\"type\":\"json\"}}}}"),
        false, true, &err);
    assert_non_null(spec);
    assert_true(weir_str_is(spec->id, "one"));
    assert_true(weir_str_is(spec->base_dir, "/d"));
    assert_true(weir_str_is(spec->filter, "*.gz"));
    weir_spec_unref(spec);
}

static void fields_are_what_the_schema_reads_and_no_more(void **state)
{
    (void)state;
    weir_error err;
    weir_spec *spec = weir_spec_parse(weir_str_of(good), true, false, &err);
    weir_fields *fields = weir_spec_fields(spec);
    assert_int_equal(fields->column_count, 2); /* ts and a; x is flattened but nobody reads it */
    assert_false(fields->discover);
    weir_fields_free(fields);
    weir_spec_unref(spec);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_supervisor_spec_is_read),
        cmocka_unit_test(wrong_members_are_refused_by_their_path),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(a_load_takes_a_task_or_a_supervisor_spec),
        cmocka_unit_test(fields_are_what_the_schema_reads_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
