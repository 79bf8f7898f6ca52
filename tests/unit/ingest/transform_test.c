/* tests/unit/ingest/transform_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "ingest/decode.h"
#include "ingest/transform.h"
#include "weir/log.h"

/* One spec, a few events, and the rows as text. */
typedef struct bench {
    weir_arena *arena;
    weir_spec *spec;
    weir_fields *fields;
    weir_decoder *decoder;
    weir_transform *transform;
    weir_events events;
    weir_input input;
    weir_buf rejects;
} bench;

static void begin(bench *b, const char *data_schema)
{
    weir_error err;
    *b = (bench){.arena = weir_arena_new()};
    weir_str text = weir_arena_printf(b->arena,
                                      "{\"type\":\"index_parallel\",\"spec\":{\"dataSchema\":%s,"
                                      "\"ioConfig\":{\"inputFormat\":{\"type\":\"json\"}}}}",
                                      data_schema);
    b->spec = weir_spec_parse(text, false, true, &err);
    if (!b->spec) {
        fail_msg("%s", err.message);
    }
    b->fields = weir_spec_fields(b->spec);
    b->decoder = weir_decoder_json_new(b->fields);
    b->transform = weir_transform_new(b->spec, b->fields, &err);
    if (!b->transform) {
        fail_msg("%s", err.message);
    }
    weir_events_init(&b->events);
}

static void end(bench *b)
{
    weir_buf_done(&b->rejects);
    weir_events_done(&b->events);
    weir_transform_free(b->transform);
    weir_decoder_free(b->decoder);
    weir_fields_free(b->fields);
    weir_spec_unref(b->spec);
    weir_arena_free(b->arena);
}

static void see_reject(void *self, weir_reject reason, uint32_t record, const char *sentence)
{
    weir_buf_printf(&((bench *)self)->rejects, "%u %s: %s\n", record, weir_reject_word(reason),
                    sentence);
}

static void run_in(bench *b, const char *const *events, size_t count, weir_time_window window)
{
    weir_error err;
    weir_events_reset(&b->events);
    b->rejects.size = 0;
    for (size_t i = 0; i < count; i++) {
        bool full;
        if (!b->decoder->ops->decode(b->decoder, weir_str_of(events[i]), false, (uint32_t)i,
                                     &b->events, &full, &err)) {
            fail_msg("%s", err.message);
        }
    }
    if (!weir_transform_run(b->transform, &b->events, window, (weir_reject_sink){see_reject, b},
                            &b->input, &err)) {
        fail_msg("%s", err.message);
    }
}

#define RUN(b, ...)                                                                                \
    do {                                                                                           \
        const char *const list[] = {__VA_ARGS__};                                                  \
        run_in(b, list, sizeof(list) / sizeof(list[0]), (weir_time_window){INT64_MIN, INT64_MAX}); \
    } while (0)

static void print_value(weir_arena *arena, const weir_vec *vec, uint32_t row, weir_buf *out)
{
    char number[32];
    weir_value v;
    if (vec->form == WEIR_LIST) {
        weir_buf_text(out, weir_vec_is_null(vec, row) ? "null" : "[");
        for (uint32_t i = vec->at.offsets[row]; i < vec->at.offsets[row + 1]; i++) {
            weir_buf_text(out, i > vec->at.offsets[row] ? "," : "");
            print_value(arena, vec->items, i, out);
        }
        weir_buf_text(out, weir_vec_is_null(vec, row) ? "" : "]");
        return;
    }
    assert_true(weir_vec_value(vec, row, arena, &v, NULL));
    if (v.is_null) {
        weir_buf_text(out, "null");
    } else if (v.type.kind == WEIR_STRING) {
        weir_buf_printf(out, "\"%.*s\"", WEIR_STR_ARG(v.as.s));
    } else if (v.type.kind == WEIR_LONG) {
        weir_buf_put(out, number, weir_print_long(number, v.as.l));
    } else {
        weir_buf_put(out, number, weir_print_double(number, v.as.d));
    }
}

/* "a=1 b=null" of a row. */
static const char *row_text(bench *b, uint32_t row)
{
    weir_buf out = {0};
    for (uint32_t c = 0; c < b->input.column_count; c++) {
        weir_buf_printf(&out, "%s%.*s=", c ? " " : "", WEIR_STR_ARG(b->input.names[c]));
        print_value(b->arena, &b->input.columns[c], row, &out);
    }
    const char *text = weir_arena_text(b->arena, weir_buf_view(&out));
    weir_buf_done(&out);
    return text;
}

#define SPEC(dimensions, metrics)                                                                  \
    "{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"ts\",\"format\":\"auto\"},"             \
    "\"dimensionsSpec\":{" dimensions "},\"metricsSpec\":[" metrics                                \
    "],\"granularitySpec\":{\"rollup\":false}}"

static void a_string_dimension_takes_anything_as_java_prints_it(void **state)
{
    (void)state;
    bench b;
    begin(&b, SPEC("\"dimensions\":[\"s\"]", ""));
    RUN(&b, "{\"ts\":1,\"s\":\"x\"}", "{\"ts\":1,\"s\":5}", "{\"ts\":1,\"s\":1e7}",
        "{\"ts\":1,\"s\":true}", "{\"ts\":1,\"s\":null}", "{\"ts\":1}",
        "{\"ts\":1,\"s\":{\"k\":[1, 2]}}", "{\"ts\":1,\"s\":\"\"}");
    assert_int_equal(b.input.n, 8);
    static const char *const want[] = {"s=\"x\"", "s=\"5\"", "s=\"1.0E7\"",      "s=\"true\"",
                                       "s=null",  "s=null",  "s=\"{k=[1, 2]}\"", "s=\"\""};
    for (uint32_t i = 0; i < 8; i++) {
        assert_string_equal(row_text(&b, i), want[i]);
    }
    assert_int_equal(b.rejects.size, 0);
    end(&b);
}

static void lists_are_multi_values_and_keep_their_nulls(void **state)
{
    (void)state;
    bench b;
    begin(&b, SPEC("\"dimensions\":[\"m\"]", ""));
    RUN(&b, "{\"ts\":1,\"m\":[]}"); /* no element in the whole batch */
    assert_string_equal(row_text(&b, 0), "m=[]");
    RUN(&b, "{\"ts\":1,\"m\":[\"b\",null,3]}", "{\"ts\":1,\"m\":[]}", "{\"ts\":1}",
        "{\"ts\":1,\"m\":\"one\"}", "{\"ts\":1,\"m\":[[1],2]}");
    static const char *const want[] = {"m=[\"b\",null,\"3\"]", "m=[]", "m=null", "m=[\"one\"]",
                                       "m=[\"[1]\",\"2\"]"};
    for (uint32_t i = 0; i < 5; i++) {
        assert_string_equal(row_text(&b, i), want[i]);
    }
    end(&b);
}

static void numbers_convert_as_druids_dimensions_do_and_bad_ones_are_null_and_counted(void **state)
{
    (void)state;
    bench b;
    begin(&b, SPEC("\"dimensions\":[{\"type\":\"long\",\"name\":\"l\"},{\"type\":\"double\","
                   "\"name\":\"d\"}]",
                   ""));
    RUN(&b, "{\"ts\":1,\"l\":7,\"d\":7}", "{\"ts\":1,\"l\":2.9,\"d\":2.5}",
        "{\"ts\":1,\"l\":\"12\",\"d\":\"1.5\"}", "{\"ts\":1,\"l\":\"1.0\",\"d\":\"x\"}",
        "{\"ts\":1,\"l\":\"1.5\",\"d\":null}", "{\"ts\":1,\"l\":true,\"d\":false}",
        "{\"ts\":1,\"l\":[1],\"d\":{}}", "{\"ts\":1,\"l\":1e30}");
    static const char *const want[] = {
        "l=7 d=7.0",     "l=2 d=2.5", "l=12 d=1.5",    "l=1 d=null",
        "l=null d=null", "l=1 d=0.0", "l=null d=null", "l=9223372036854775807 d=null"};
    for (uint32_t i = 0; i < 8; i++) {
        assert_string_equal(row_text(&b, i), want[i]);
    }
    weir_buf_byte(&b.rejects, 0);
    assert_non_null(
        strstr(b.rejects.at,
               "3 processedWithError: could not convert value [x] of column [d] to a double\n"));
    assert_non_null(
        strstr(b.rejects.at,
               "4 processedWithError: could not convert value [1.5] of column [l] to a long\n"));
    size_t lines = 0;
    for (const char *p = b.rejects.at; (p = strchr(p, '\n')); p++) {
        lines++;
    }
    assert_int_equal(lines, 3); /* an event with two bad values counts once */
    end(&b);
}

static void metrics_read_text_with_commas_but_no_booleans(void **state)
{
    (void)state;
    bench b;
    begin(&b,
          SPEC("\"dimensions\":[\"a\"]",
               "{\"type\":\"count\",\"name\":\"n\"},{\"type\":\"longSum\",\"name\":\"l\","
               "\"fieldName\":\"v\"},{\"type\":\"doubleMax\",\"name\":\"d\",\"fieldName\":\"v\"}"));
    RUN(&b, "{\"ts\":1,\"v\":5}", "{\"ts\":1,\"v\":2.5}", "{\"ts\":1,\"v\":\" +1,234 \"}",
        "{\"ts\":1,\"v\":true}", "{\"ts\":1}", "{\"ts\":1,\"v\":\"abc\"}");
    static const char *const want[] = {"a=null n=1 l=5 d=5.0",       "a=null n=1 l=2 d=2.5",
                                       "a=null n=1 l=1234 d=1234.0", "a=null n=1 l=null d=null",
                                       "a=null n=1 l=null d=null",   "a=null n=1 l=null d=null"};
    for (uint32_t i = 0; i < 6; i++) {
        assert_string_equal(row_text(&b, i), want[i]);
    }
    weir_buf_byte(&b.rejects, 0);
    assert_non_null(strstr(b.rejects.at, "3 processedWithError"));
    assert_non_null(strstr(b.rejects.at, "5 processedWithError"));
    end(&b);
}

static void events_without_a_time_or_outside_the_window_are_rejected_by_reason(void **state)
{
    (void)state;
    bench b;
    begin(&b, SPEC("\"dimensions\":[\"a\"]", ""));
    static const char *const list[] = {"{\"ts\":5000,\"a\":\"kept\"}",
                                       "{\"a\":1}",
                                       "{\"ts\":\"noon\"}",
                                       "{\"ts\":null}",
                                       "{\"ts\":10}",
                                       "{\"ts\":99999}",
                                       "{\"ts\":true}",
                                       "{\"ts\":\"1970-01-01T00:00:06Z\",\"a\":\"too\"}"};
    run_in(&b, list, 8, (weir_time_window){1000, 9000});
    assert_int_equal(b.input.n, 2);
    assert_int_equal(b.input.times[0], 5000);
    assert_int_equal(b.input.times[1], 6000);
    assert_string_equal(row_text(&b, 1), "a=\"too\"");
    assert_int_equal(weir_transform_records(b.transform)[1], 7);
    weir_buf_byte(&b.rejects, 0);
    assert_non_null(strstr(b.rejects.at, "1 unparseable: timestamp [null]"));
    assert_non_null(strstr(b.rejects.at, "2 unparseable: timestamp [noon]"));
    assert_non_null(
        strstr(b.rejects.at, "4 beforeMinimumMessageTime: timestamp [1970-01-01T00:00:00.010Z]"));
    assert_non_null(strstr(b.rejects.at, "5 afterMaximumMessageTime"));
    assert_non_null(strstr(b.rejects.at, "6 unparseable"));
    end(&b);
}

static void a_missing_value_stands_for_times_that_are_not_there(void **state)
{
    (void)state;
    bench b;
    begin(&b, "{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"ts\",\"format\":\"iso\","
              "\"missingValue\":\"2020-01-01\"},\"dimensionsSpec\":{\"dimensions\":[\"a\"]}}");
    RUN(&b, "{\"a\":1}", "{\"ts\":\"bad\"}");
    assert_int_equal(b.input.n, 1);
    assert_int_equal(b.input.times[0], 1577836800000);
    end(&b);
}

static void undeclared_columns_are_discovered_as_strings(void **state)
{
    (void)state;
    bench b;
    begin(&b, SPEC("\"dimensionExclusions\":[\"no\"]",
                   "{\"type\":\"longSum\",\"name\":\"sum\",\"fieldName\":\"v\"}"));
    RUN(&b, "{\"ts\":1,\"a\":5,\"no\":1,\"v\":3,\"o\":{\"deep\":1},\"nothing\":null}",
        "{\"ts\":2,\"b\":[\"x\",\"y\"],\"a\":null}");
    assert_string_equal(row_text(&b, 0), "sum=3 a=\"5\" b=null");
    assert_string_equal(row_text(&b, 1), "sum=null a=null b=[\"x\",\"y\"]");
    end(&b);
}

static void json_of(weir_str name, const char *text, bench *b, uint32_t row)
{
    for (uint32_t c = 0; c < b->input.column_count; c++) {
        weir_value v;
        if (weir_str_eq(b->input.names[c], name)) {
            assert_true(weir_type_is_json(b->input.columns[c].type));
            assert_true(weir_vec_value(&b->input.columns[c], row, b->arena, &v, NULL));
            assert_string_equal(weir_arena_text(b->arena, v.as.s), text);
            return;
        }
    }
    fail_msg("no column %.*s", WEIR_STR_ARG(name));
}

static void typed_discovery_gives_values_of_one_kind_or_json(void **state)
{
    (void)state;
    bench b;
    begin(&b, SPEC("\"useSchemaDiscovery\":true", ""));
    RUN(&b, "{\"ts\":1,\"a\":5,\"b\":true,\"c\":\"x\",\"d\":null}");
    assert_string_equal(row_text(&b, 0), "a=5 b=1 c=\"x\"");
    RUN(&b, "{\"ts\":1,\"a\":2.5}");
    assert_string_equal(row_text(&b, 0), "a=2.5");
    RUN(&b, "{\"ts\":1,\"a\":3,\"d\":[1, null]}",
        "{\"ts\":1,\"a\":\"t\\n\",\"d\":{\"k\" : 1e2, \"l\":[ {} ]}}");
    json_of(WEIR_STR("a"), "3", &b, 0);
    json_of(WEIR_STR("a"), "\"t\\n\"", &b, 1);
    json_of(WEIR_STR("d"), "[1,null]", &b, 0);
    json_of(WEIR_STR("d"), "{\"k\":100.0,\"l\":[{}]}", &b, 1);
    end(&b);
}

static void json_columns_refuse_what_is_too_deep(void **state)
{
    (void)state;
    bench b;
    char deep[300] = "{\"ts\":1,\"j\":";
    begin(&b, SPEC("\"dimensions\":[{\"type\":\"json\",\"name\":\"j\"}]", ""));
    memset(deep + strlen(deep), '[', 120);
    memset(deep + strlen(deep), ']', 120);
    strcat(deep, "}");
    RUN(&b, deep, "{\"ts\":1,\"j\":[[\"x\"]]}");
    assert_int_equal(b.input.n, 2);
    assert_non_null(strstr(weir_arena_text(b.arena, weir_buf_view(&b.rejects)), "100 levels"));
    json_of(WEIR_STR("j"), "[[\"x\"]]", &b, 1);
    end(&b);
}

#define TRANSFORMS(dimensions, metrics, transforms)                                                \
    "{\"dataSource\":\"t\",\"timestampSpec\":{\"column\":\"ts\",\"format\":\"auto\"},"             \
    "\"dimensionsSpec\":{" dimensions "},\"metricsSpec\":[" metrics                                \
    "],\"transformSpec\":{\"transforms\":[" transforms                                             \
    "]},\"granularitySpec\":{\"rollup\":false}}"
#define EXPRESSION(name, text)                                                                     \
    "{\"type\":\"expression\",\"name\":\"" name "\",\"expression\":\"" text "\"}"

static void transforms_see_the_event_as_it_was_and_may_replace_a_field(void **state)
{
    (void)state;
    bench b;
    begin(&b,
          TRANSFORMS(
              "\"dimensions\":[\"a\",\"u\",{\"type\":\"long\",\"name\":\"twice\"},\"hour\"]", "",
              EXPRESSION("a", "concat(a,'!')") "," EXPRESSION("u", "upper(a)") "," EXPRESSION(
                  "twice", "n * 2") "," EXPRESSION("hour", "timestamp_format(__time,'HH')")));
    RUN(&b, "{\"ts\":3600000,\"a\":\"x\",\"n\":4}", "{\"ts\":7200000,\"a\":\"y\",\"n\":null}");
    assert_int_equal(b.input.n, 2);
    assert_string_equal(row_text(&b, 0), "a=\"x!\" u=\"X\" twice=8 hour=\"01\"");
    assert_string_equal(row_text(&b, 1), "a=\"y!\" u=\"Y\" twice=null hour=\"02\"");
    RUN(&b, "{\"ts\":3600000,\"a\":7,\"n\":1.5}",
        "{\"ts\":7200000}"); /* other types in the next batch */
    assert_string_equal(row_text(&b, 0), "a=\"7!\" u=\"7\" twice=3 hour=\"01\"");
    assert_string_equal(row_text(&b, 1), "a=null u=null twice=null hour=\"02\"");
    assert_int_equal(b.rejects.size, 0);
    end(&b);
}

static void a_transform_reads_into_nested_objects_and_lists(void **state)
{
    (void)state;
    bench b;
    begin(&b, TRANSFORMS(
                  "\"dimensions\":[\"k\",{\"type\":\"long\",\"name\":\"len\"}]", "",
                  EXPRESSION("k", "json_value(o,'$.k')") "," EXPRESSION("len", "array_length(m)")));
    RUN(&b, "{\"ts\":1,\"o\":{\"k\":\"v\"},\"m\":[\"a\",\"b\"]}");
    assert_string_equal(row_text(&b, 0), "k=\"v\" len=2");
    end(&b);
}

static void an_event_that_a_transform_fails_on_is_unparseable_and_the_others_stay(void **state)
{
    (void)state;
    bench b;
    begin(&b, TRANSFORMS("\"dimensions\":[{\"type\":\"long\",\"name\":\"q\"}]", "",
                         EXPRESSION("q", "100 / n")));
    RUN(&b, "{\"ts\":1,\"n\":4}", "{\"ts\":2,\"n\":0}", "{\"ts\":3,\"n\":5}");
    assert_int_equal(b.input.n, 2);
    assert_string_equal(row_text(&b, 0), "q=25");
    assert_string_equal(row_text(&b, 1), "q=20");
    assert_int_equal(b.input.times[1], 3);
    assert_int_equal(weir_transform_records(b.transform)[1], 2);
    weir_buf_byte(&b.rejects, 0);
    assert_non_null(strstr(b.rejects.at, "1 unparseable: "));
    end(&b);
}

static void metrics_read_derived_columns_and_expressions(void **state)
{
    (void)state;
    bench b;
    begin(&b, TRANSFORMS("\"dimensions\":[\"a\"]",
                         "{\"type\":\"longSum\",\"name\":\"s\",\"fieldName\":\"d\"},"
                         "{\"type\":\"doubleSum\",\"name\":\"e\",\"expression\":\"d / 2.0\"}",
                         EXPRESSION("d", "n + 1")));
    RUN(&b, "{\"ts\":1,\"a\":\"x\",\"n\":4}");
    assert_string_equal(row_text(&b, 0), "a=\"x\" s=5 e=2.5");
    end(&b);
}

static void inputs_of_transforms_are_still_discovered(void **state)
{
    (void)state;
    bench b;
    begin(&b, TRANSFORMS("\"dimensions\":[]",
                         "{\"type\":\"longSum\",\"name\":\"s\",\"fieldName\":\"d\"}",
                         EXPRESSION("d", "n + 1")));
    RUN(&b, "{\"ts\":1,\"a\":\"x\",\"n\":4}");
    assert_string_equal(row_text(&b, 0), "s=5 n=\"4\" a=\"x\"");
    end(&b);
}

static void rejection_periods_count_from_now(void **state)
{
    (void)state;
    weir_spec spec = {.has_late_period = true,
                      .late_period_ms = 100,
                      .has_early_period = true,
                      .early_period_ms = 10,
                      .task_duration_ms = 1000};
    weir_time_window window = weir_transform_window(&spec, 5000);
    assert_int_equal(window.min_ms, 4900);
    assert_int_equal(window.max_ms, 6010);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_dimension_takes_anything_as_java_prints_it),
        cmocka_unit_test(lists_are_multi_values_and_keep_their_nulls),
        cmocka_unit_test(numbers_convert_as_druids_dimensions_do_and_bad_ones_are_null_and_counted),
        cmocka_unit_test(metrics_read_text_with_commas_but_no_booleans),
        cmocka_unit_test(events_without_a_time_or_outside_the_window_are_rejected_by_reason),
        cmocka_unit_test(a_missing_value_stands_for_times_that_are_not_there),
        cmocka_unit_test(undeclared_columns_are_discovered_as_strings),
        cmocka_unit_test(typed_discovery_gives_values_of_one_kind_or_json),
        cmocka_unit_test(json_columns_refuse_what_is_too_deep),
        cmocka_unit_test(transforms_see_the_event_as_it_was_and_may_replace_a_field),
        cmocka_unit_test(a_transform_reads_into_nested_objects_and_lists),
        cmocka_unit_test(an_event_that_a_transform_fails_on_is_unparseable_and_the_others_stay),
        cmocka_unit_test(metrics_read_derived_columns_and_expressions),
        cmocka_unit_test(inputs_of_transforms_are_still_discovered),
        cmocka_unit_test(rejection_periods_count_from_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
