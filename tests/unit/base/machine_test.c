/* tests/unit/base/machine_test.c - limits of control groups, in folders that look like theirs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "weir/machine.h"

#define PHYSICAL ((size_t)24 << 30)

static char root[32];

static int begin(void **state)
{
    (void)state;
    strcpy(root, "/tmp/weir-machine-XXXXXX");
    assert_non_null(mkdtemp(root));
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static int end(void **state)
{
    (void)state;
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void put(const char *path, const char *text)
{
    char full[300];
    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *at = strchr(full + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = 0;
        mkdir(full, 0777);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static size_t found(void)
{
    return weir_machine_bytes_at(root, PHYSICAL);
}

static void without_a_limit_it_is_the_physical_memory(void **state)
{
    (void)state;
    assert_int_equal(found(), PHYSICAL);
    put("/proc/self/cgroup", "0::/a\n");
    assert_int_equal(found(), PHYSICAL);
    put("/sys/fs/cgroup/a/memory.max", "max\n");
    assert_int_equal(found(), PHYSICAL);
    put("/sys/fs/cgroup/a/memory.max", "");
    assert_int_equal(found(), PHYSICAL);
    put("/proc/self/cgroup", "nonsense\n:\n0:\n");
    assert_int_equal(found(), PHYSICAL);
    assert_true(weir_machine_bytes() > 0);
}

static void a_group_or_the_one_above_it_limits(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "1:name=systemd:/z\n0::/a/b\n");
    put("/sys/fs/cgroup/a/memory.max", "2147483648\n");
    assert_int_equal(found(), (size_t)2 << 30);
    put("/sys/fs/cgroup/a/b/memory.max", "1073741824\n");
    assert_int_equal(found(), (size_t)1 << 30);
    put("/sys/fs/cgroup/a/b/memory.max", "99999999999999\n");
    assert_int_equal(found(), (size_t)2 << 30);
}

static void in_a_container_the_top_of_the_mount_limits(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "536870912\n");
    assert_int_equal(found(), (size_t)512 << 20);
    put("/proc/self/cgroup", "0::/docker/of/the/host\n");
    assert_int_equal(found(), (size_t)512 << 20);
}

static void groups_of_the_first_version_limit_too(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "8:cpu:/x\n4:memory:/docker/1\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(found(), PHYSICAL);
    put("/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "805306368\n");
    assert_int_equal(found(), (size_t)768 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_limit_it_is_the_physical_memory, begin, end),
        cmocka_unit_test_setup_teardown(a_group_or_the_one_above_it_limits, begin, end),
        cmocka_unit_test_setup_teardown(in_a_container_the_top_of_the_mount_limits, begin, end),
        cmocka_unit_test_setup_teardown(groups_of_the_first_version_limit_too, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
