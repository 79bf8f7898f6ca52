/* tests/unit/ingest/decode_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "ingest/decode.h"
#include "ingest/flatten.h"
#include "weir/buf.h"

typedef struct bench {
    weir_fields *fields;
    weir_events events;
    weir_decoder *decoder;
    weir_error err;
} bench;

static void begin(bench *b, bool discover)
{
    *b = (bench){.fields = weir_fields_new(discover, NULL, 0)};
    weir_events_init(&b->events);
    b->decoder = weir_decoder_json_new(b->fields);
}

static void end(bench *b)
{
    weir_decoder_free(b->decoder);
    weir_events_done(&b->events);
    weir_fields_free(b->fields);
}

/* The message lies in memory of exactly its size, so that reading past it is seen by the sanitizer.
 * It leaks into the arena of fields. */
static bool add(bench *b, const char *text)
{
    bool full;
    weir_str message = weir_arena_str(b->fields->arena, weir_str_of(text));
    return b->decoder->ops->decode(b->decoder, message, false, b->events.n, &b->events, &full,
                                   &b->err);
}

static void print_cell(const bench *b, weir_cell cell, weir_buf *out)
{
    char number[32];
    switch ((weir_cell_kind)cell.kind) {
    case WEIR_CELL_ABSENT:
        weir_buf_text(out, "-");
        break;
    case WEIR_CELL_NULL:
        weir_buf_text(out, "null");
        break;
    case WEIR_CELL_FALSE:
        weir_buf_text(out, "false");
        break;
    case WEIR_CELL_TRUE:
        weir_buf_text(out, "true");
        break;
    case WEIR_CELL_LONG:
        weir_buf_printf(out, "%lld", (long long)cell.as.l);
        break;
    case WEIR_CELL_DOUBLE:
        weir_buf_put(out, number, weir_print_double(number, cell.as.d));
        break;
    case WEIR_CELL_STRING:
        weir_buf_printf(out, "\"%.*s\"", (int)cell.size, cell.as.at);
        break;
    case WEIR_CELL_JSON:
        weir_buf_printf(out, "json:%.*s", (int)cell.size, cell.as.at);
        break;
    case WEIR_CELL_LIST:
        weir_buf_text(out, "[");
        for (uint32_t i = 0; i < cell.size; i++) {
            weir_buf_text(out, i ? "," : "");
            print_cell(b, b->events.items[cell.as.first + i], out);
        }
        weir_buf_text(out, "]");
        break;
    }
}

/* "name=value ..." of an event, absent columns left out. */
static const char *event_text(bench *b, uint32_t row)
{
    static char text[4000];
    weir_buf out = {0};
    for (uint32_t c = 0; c < b->events.column_count; c++) {
        weir_cell cell = weir_events_at(&b->events, c, row);
        if (cell.kind != WEIR_CELL_ABSENT) {
            weir_buf_printf(&out, "%s%.*s=", out.size ? " " : "",
                            WEIR_STR_ARG(b->fields->columns[c].name));
            print_cell(b, cell, &out);
            assert_true(b->events.columns[c].kinds & WEIR_CELL_BIT(cell.kind));
        }
    }
    snprintf(text, sizeof(text), "%.*s", WEIR_STR_ARG(weir_buf_view(&out)));
    weir_buf_done(&out);
    return text;
}

static void every_kind_of_value_becomes_a_cell(void **state)
{
    (void)state;
    bench b;
    begin(&b, true);
    assert_true(add(&b, "{\"a\":1,\"b\":-2.5,\"c\":\"x\",\"d\":true,\"e\":false,\"f\":null,\"g\":["
                        "1,\"z\",null,2.0],\"h\":{ \"k\" : [ 1, 2 ] },"
                        "\"i\":[[1],{}],\"j\":[]}"));
    assert_string_equal(event_text(&b, 0),
                        "a=1 b=-2.5 c=\"x\" d=true e=false f=null g=[1,\"z\",null,2.0] "
                        "h=json:{\"k\":[1,2]} i=json:[[1],{}] j=[]");
    end(&b);
}

static void numbers_read_as_jackson_reads_them(void **state)
{
    (void)state;
    bench b;
    begin(&b, true);
    assert_true(add(&b, "{\"a\":9223372036854775807,\"b\":-9223372036854775808,\"c\":"
                        "9223372036854775808,\"d\":1e3,\"e\":123456789012345678901234567890,"
                        "\"f\":1e400,\"g\":-0,\"h\":0.1,\"i\":1E-400}"));
    assert_string_equal(event_text(&b, 0),
                        "a=9223372036854775807 b=-9223372036854775808 c=9.223372036854776E18 "
                        "d=1000.0 e=1.2345678901234568E29 f=Infinity g=0 "
                        "h=0.1 i=0.0");
    end(&b);
}

static void escapes_are_undone_and_lone_surrogates_become_question_marks(void **state)
{
    (void)state;
    bench b;
    begin(&b, true);
    assert_true(add(&b, "{\"a\":\"q\\\"b\\\\s\\/"
                        "\\b\\f\\n\\r\\t\",\"b\":\"\\u00e9\\u20AC\\ud83d\\ude80!\",\"c\":"
                        "\"\\ud83d\\u0041\\ude80\",\"k\\u0065y\":\"\",\"l\":\"long enough to "
                        "need several steps of sixteen \\n bytes\"}"));
    assert_string_equal(event_text(&b, 0),
                        "a=\"q\"b\\s/\b\f\n\r\t\" b=\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x80!\" "
                        "c=\"?A?\" key=\"\" l=\"long enough to need several steps of sixteen "
                        "\n bytes\"");
    end(&b);
}

static void a_bad_message_adds_nothing_and_the_next_one_is_read(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[1]",
        "5",
        "null",
        "\"x\"",
        "{\"a\":1",
        "{\"a\":{\"b\":1}",
        "{\"a\":1}}",
        "{\"a\":}",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":tru}",
        "{\"a\":nul}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":-}",
        "{\"a\":\"x}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"tab\there\"}",
        "{\"a\":[1,2}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1}garbage",
        "{\"a\":1}{\"a\":",
        "{\"a\":NaN}",
        "{\"a\":1x}",
        "{\"\\q\":1}",
    };
    bench b;
    begin(&b, true);
    assert_true(add(&b, "{\"z\":1,\"a\":7}"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b.err.message[0] = 0;
        if (add(&b, bad[i])) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_true(b.err.message[0] != 0);
    }
    assert_true(add(&b, "{\"z\":2}"));
    assert_int_equal(b.events.n, 2);
    assert_string_equal(event_text(&b, 0), "z=1 a=7");
    assert_string_equal(event_text(&b, 1), "z=2");
    end(&b);
}

static void keys_in_another_order_missing_or_new_land_in_their_columns(void **state)
{
    (void)state;
    bench b;
    begin(&b, true);
    assert_true(add(&b, "{\"a\":1,\"b\":2,\"c\":3}"));
    assert_true(add(&b, "{\"c\":3,\"a\":1,\"b\":2}"));
    assert_true(add(&b, "{\"a\":1,\"c\":3}"));
    assert_true(add(&b, "{\"a\":1,\"ab\":9,\"c\":3,\"a\":5}"));
    assert_string_equal(event_text(&b, 1), "a=1 b=2 c=3");
    assert_string_equal(event_text(&b, 2), "a=1 c=3");
    assert_string_equal(event_text(&b, 3), "a=5 c=3 ab=9");
    end(&b);
}

static void without_discovery_only_wanted_keys_become_columns(void **state)
{
    (void)state;
    bench b;
    begin(&b, false);
    weir_fields_root(b.fields, WEIR_STR("b"));
    assert_true(add(&b, "{\"a\":{\"deep\":[1,2,{}]},\"b\":2,\"c\":\"x\"}"));
    assert_string_equal(event_text(&b, 0), "b=2");
    assert_int_equal(b.events.column_count, 1);
    end(&b);
}

static void a_message_may_hold_several_events(void **state)
{
    (void)state;
    bench b;
    begin(&b, true);
    assert_true(add(&b, "{\"a\":1}\n{\"a\":2} {\"b\":\"x\\ny\"}"));
    assert_int_equal(b.events.n, 3);
    assert_string_equal(event_text(&b, 1), "a=2");
    assert_string_equal(event_text(&b, 2), "b=\"x\ny\"");
    assert_int_equal(b.events.records[2], 0);
    end(&b);
}

static void a_full_batch_says_so_and_takes_nothing(void **state)
{
    (void)state;
    bench b;
    bool full;
    begin(&b, true);
    for (uint32_t i = 0; i < WEIR_EVENTS_MAX - 1; i++) {
        assert_true(add(&b, "{\"a\":1}"));
    }
    weir_str two = WEIR_STR("{\"a\":1}{\"a\":2}"), one = WEIR_STR("{\"a\":3}");
    assert_true(b.decoder->ops->decode(b.decoder, two, false, 0, &b.events, &full, &b.err) && full);
    assert_int_equal(b.events.n, WEIR_EVENTS_MAX - 1);
    assert_true(b.decoder->ops->decode(b.decoder, one, false, 0, &b.events, &full, &b.err) &&
                !full);
    assert_true(b.decoder->ops->decode(b.decoder, one, false, 0, &b.events, &full, &b.err) && full);
    weir_events_reset(&b.events);
    assert_true(b.decoder->ops->decode(b.decoder, two, false, 0, &b.events, &full, &b.err) &&
                !full);
    assert_int_equal(b.events.n, 2);
    end(&b);
}

static void flatten(bench *b, const char *spec)
{
    json_t *json = json_loads(spec, 0, NULL);
    weir_flatten flat;
    assert_true(weir_flatten_parse(json, "flattenSpec", b->fields->arena, &flat, &b->err));
    for (uint32_t i = 0; i < flat.count; i++) {
        uint32_t column = weir_fields_column(b->fields, flat.fields[i].name);
        weir_fields_path(b->fields, flat.fields[i].key, column, flat.fields[i].steps,
                         flat.fields[i].step_count);
    }
    json_decref(json);
}

static void flattened_paths_reach_into_objects_and_lists(void **state)
{
    (void)state;
    bench b;
    begin(&b, false);
    flatten(
        &b,
        "{\"fields\":[{\"type\":\"path\",\"name\":\"x\",\"expr\":\"$.a.b['c "
        "d'][1]\"},{\"type\":\"path\",\"name\":\"last\",\"expr\":\"$.a.l[-1]\"},"
        "{\"type\":\"path\",\"name\":\"all\",\"expr\":\"$.a.o[*].n\"},{\"type\":\"root\",\"name\":"
        "\"r\",\"expr\":\"s\"},{\"type\":\"tree\",\"name\":\"t\",\"nodes\":[\"a\",\"b\"]},\"s\"]}");
    assert_true(add(&b, "{\"s\":5,\"a\":{\"l\":[1,2,\"z\"],\"b\":{\"c "
                        "d\":[7,8]},\"o\":[{\"n\":1},{},{\"n\":\"q\"}]}}"));
    assert_string_equal(event_text(&b, 0),
                        "x=8 last=\"z\" all=[1,\"q\"] r=5 t=json:{\"c d\":[7,8]} s=5");
    assert_true(add(&b, "{\"a\":5}"));
    assert_string_equal(event_text(&b, 1), "x=null last=null all=null t=null");
    assert_true(add(&b, "{\"a\":{\"b\":1,\"l\":[]}}"));
    assert_string_equal(event_text(&b, 2), "x=null last=null all=[] t=1");
    end(&b);
}

static void a_path_that_is_not_supported_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[] = {"",         "$",           "a.b",          "$..a", "$.a..b",
                                      "$.a[1:2]", "$.a[?(@.x)]", "$.a.length()", "$.a[", "$.a['x",
                                      "$[0]",     "$.",          "$.a[x]",       "$.a.*"};
    weir_arena *arena = weir_arena_new();
    weir_flatten_field field;
    weir_error err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (weir_flatten_path(weir_str_of(bad[i]), arena, &field, &err)) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    json_t *json = json_loads(
        "{\"fields\":[\"a\",{\"type\":\"jq\",\"name\":\"x\",\"expr\":\".a\"}]}", 0, NULL);
    weir_flatten flat;
    assert_false(weir_flatten_parse(json, "ioConfig.inputFormat.flattenSpec", arena, &flat, &err));
    assert_string_equal(err.message, "ioConfig.inputFormat.flattenSpec.fields[1].type: jq "
                                     "expressions are not supported, use path");
    json_decref(json);
    weir_arena_free(arena);
}

/* The slow twin: jansson. */
static void print_twin(const json_t *value, weir_buf *out)
{
    char number[32];
    if (json_is_string(value)) {
        weir_buf_printf(out, "\"%s\"", json_string_value(value));
    } else if (json_is_integer(value)) {
        weir_buf_printf(out, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        weir_buf_put(out, number, weir_print_double(number, json_real_value(value)));
    } else if (json_is_object(value)) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
        weir_buf_printf(out, "json:%s", text);
        free(text);
    } else if (json_is_array(value)) {
        weir_buf_text(out, "[");
        for (size_t i = 0; i < json_array_size(value); i++) {
            weir_buf_text(out, i ? "," : "");
            print_twin(json_array_get(value, i), out);
        }
        weir_buf_text(out, "]");
    } else {
        weir_buf_text(out, json_is_null(value) ? "null" : json_is_true(value) ? "true" : "false");
    }
}

static json_t *random_value(unsigned *seed, int depth)
{
    switch (rand_r(seed) % (depth > 0 ? 8 : 6)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean(rand_r(seed) % 2);
    case 2:
        return json_integer((json_int_t)((uint64_t)rand_r(seed) * (uint64_t)rand_r(seed)) >>
                            rand_r(seed) % 60);
    case 3:
        return json_real(rand_r(seed) % 100000 / 64.0);
    case 4:
        return json_string("plain");
    case 5: {
        char text[40];
        int size = rand_r(seed) % 38;
        for (int i = 0; i < size; i++) {
            text[i] = "ab\"\\\n/ \t"[rand_r(seed) % 8];
        }
        text[size] = 0;
        return json_string(text);
    }
    case 6: {
        json_t *list = json_array();
        for (int i = rand_r(seed) % 4; i > 0; i--) {
            json_array_append_new(list, random_value(seed, 0));
        }
        return list;
    }
    default: {
        json_t *object = json_object();
        json_object_set_new(object, "k", random_value(seed, 0));
        return object;
    }
    }
}

static void random_events_equal_what_jansson_reads(void **state)
{
    (void)state;
    static const char *const names[] = {"alpha", "b", "c\"q", "longer name than sixteen bytes",
                                        "e",     "f", "g",    "h"};
    unsigned seed = 7;
    bench b;
    begin(&b, true);
    for (int i = 0; i < 8; i++) {
        weir_fields_root(b.fields, weir_str_of(names[i]));
    }
    for (int round = 0; round < 3000; round++) {
        weir_events_reset(&b.events);
        json_t *event = json_object();
        weir_buf want = {0};
        for (int i = rand_r(&seed) % 10; i > 0; i--) {
            json_object_set_new(event, names[rand_r(&seed) % 8], random_value(&seed, 1));
        }
        for (int i = 0; i < 8; i++) {
            const json_t *value = json_object_get(event, names[i]);
            if (value) {
                weir_buf_printf(&want, "%s%s=", want.size ? " " : "", names[i]);
                print_twin(value, &want);
            }
        }
        weir_buf_byte(&want, 0);
        char *text = json_dumps(event, rand_r(&seed) % 2 ? JSON_COMPACT : JSON_INDENT(2));
        if (!add(&b, text)) {
            fail_msg("%s: %s", b.err.message, text);
        }
        assert_string_equal(event_text(&b, 0), want.at);
        free(text);
        weir_buf_done(&want);
        json_decref(event);
    }
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_becomes_a_cell),
        cmocka_unit_test(numbers_read_as_jackson_reads_them),
        cmocka_unit_test(escapes_are_undone_and_lone_surrogates_become_question_marks),
        cmocka_unit_test(a_bad_message_adds_nothing_and_the_next_one_is_read),
        cmocka_unit_test(keys_in_another_order_missing_or_new_land_in_their_columns),
        cmocka_unit_test(without_discovery_only_wanted_keys_become_columns),
        cmocka_unit_test(a_message_may_hold_several_events),
        cmocka_unit_test(a_full_batch_says_so_and_takes_nothing),
        cmocka_unit_test(flattened_paths_reach_into_objects_and_lists),
        cmocka_unit_test(a_path_that_is_not_supported_is_refused_by_name),
        cmocka_unit_test(random_events_equal_what_jansson_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
