/* tests/unit/base/config_test.c */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "weir/config.h"

static bool read_text(const char *text, weir_arena *arena, weir_config *config, weir_error *err)
{
    char path[] = "/tmp/weir-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    bool ok = weir_config_read(path, arena, config, err);
    unlink(path);
    return ok;
}

static void a_file_overrides_defaults_and_flags_override_the_file(void **state)
{
    (void)state;
    weir_config config;
    weir_error err;
    weir_arena *arena = weir_arena_new();
    weir_config_defaults(&config);
    assert_string_equal(config.listen, "127.0.0.1:8888");
    assert_true(read_text("{\"listen\": \"127.0.0.1:9\", \"query_memory_bytes\": \"2G\", \"workers\": 3}", arena, &config, &err));
    assert_string_equal(config.listen, "127.0.0.1:9");
    assert_int_equal(config.query_memory_bytes, 2ll << 30);
    assert_int_equal(config.workers, 3);
    assert_true(weir_config_set(&config, "log-level", "warn", &err));
    assert_string_equal(config.log_level, "warn");
    weir_arena_free(arena);
}

static void a_wrong_member_is_refused_by_name(void **state)
{
    (void)state;
    weir_config config;
    weir_error err;
    weir_arena *arena = weir_arena_new();
    weir_config_defaults(&config);
    assert_false(read_text("{\"lisen\": 1}", arena, &config, &err));
    assert_non_null(strstr(err.message, "lisen"));
    assert_false(read_text("{\"workers\": \"many\"}", arena, &config, &err));
    assert_non_null(strstr(err.message, "workers"));
    assert_false(read_text("{\"workers\": -1}", arena, &config, &err));
    assert_false(read_text("[1]", arena, &config, &err));
    assert_false(read_text("{\"workers\": 1", arena, &config, &err));
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_overrides_defaults_and_flags_override_the_file),
        cmocka_unit_test(a_wrong_member_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
