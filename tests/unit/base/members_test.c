/* tests/unit/base/members_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include "weir/members.h"

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void scalars_are_coerced_as_jackson_does(void **state)
{
    (void)state;
    json_t *json = json_of("{\"a\":\"5\",\"b\":\"TRUE\",\"c\":7.0,\"d\":null}");
    weir_members m;
    weir_error err;
    int64_t a = 0, c = 0, d = 42;
    bool b = false;
    assert_true(weir_members_of(json, "", &m, &err));
    assert_true(weir_member_long(&m, "a", 0, 10, &a, &err) && a == 5);
    assert_true(weir_member_bool(&m, "b", &b, &err) && b);
    assert_true(weir_member_long(&m, "c", 0, 10, &c, &err) && c == 7);
    assert_true(weir_member_long(&m, "d", 0, 10, &d, &err) && d == 42);
    assert_true(weir_member_long(&m, "missing", 0, 10, &d, &err) && d == 42);
    json_decref(json);
}

static void errors_name_the_member_by_its_path(void **state)
{
    (void)state;
    json_t *json = json_of("{\"topic\":[],\"n\":99,\"deep\":{}}");
    weir_members m;
    weir_error err;
    weir_str text;
    int64_t n;
    const json_t *list;
    assert_true(weir_members_of(json, "ioConfig", &m, &err));
    assert_false(weir_member_text(&m, "topic", &text, &err));
    assert_string_equal(err.message, "ioConfig.topic must be a string");
    assert_int_equal(err.code, WEIR_ERR_BAD_REQUEST);
    assert_false(weir_member_long(&m, "n", 1, 10, &n, &err));
    assert_string_equal(err.message, "ioConfig.n is 99, but must be between 1 and 10");
    assert_false(weir_member_array(&m, "deep", &list, &err));
    assert_string_equal(err.message, "ioConfig.deep must be a list");
    json_decref(json);
}

static void collect(void *self, const char *member)
{
    snprintf((char *)self + strlen(self), 100, "%s;", member);
}

static void unknown_members_are_reported(void **state)
{
    (void)state;
    static const char *const known[] = {"a", "b", NULL};
    json_t *json = json_of("{\"a\":1,\"x\":2,\"b\":3}");
    weir_members m;
    char seen[200] = "";
    assert_true(weir_members_of(json, "t", &m, NULL));
    weir_members_unknown(&m, known, collect, seen);
    assert_string_equal(seen, "t.x;");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_coerced_as_jackson_does),
        cmocka_unit_test(errors_name_the_member_by_its_path),
        cmocka_unit_test(unknown_members_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
