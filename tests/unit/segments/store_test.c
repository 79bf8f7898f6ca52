/* tests/unit/segments/store_test.c - one contract, two stores; then what only a directory or only
 * faults can do. */
#include "log_helper.h"
#include "segments/store_dir.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct fixture {
    seeded seed;
    char folder[64];
    weir_store *store;
} fixture;

static void remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        char below[600];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
        if (unlink(below) != 0) {
            remove_tree(below);
        }
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(path);
}

static int begin_memory(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    seeded_init(&f->seed, 3);
    f->store = weir_store_memory_new(&f->seed.clock);
    *state = f;
    return 0;
}

static int begin_dir(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    weir_error err;
    seeded_init(&f->seed, 4);
    strcpy(f->folder, "/tmp/weir-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->store = weir_store_dir_open(f->folder, &err);
    assert_non_null(f->store);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_store_free(f->store);
    if (f->folder[0]) {
        remove_tree(f->folder);
    }
    test_free(f);
    return 0;
}

static weir_put put_once(weir_store *s, const char *key, const char *bytes, weir_error *err)
{
    return s->ops->put_if_absent(s, weir_str_of(key), weir_str_of(bytes), err);
}

static void assert_holds(weir_store *s, const char *key, const char *bytes)
{
    weir_buf out = {0};
    weir_error err = {0};
    assert_int_equal(s->ops->get(s, weir_str_of(key), 0, 0, &out, &err), WEIR_GET_FOUND);
    assert_true(weir_str_is(weir_buf_view(&out), bytes));
    weir_buf_done(&out);
}

static void a_name_is_put_once(void **state)
{
    fixture *f = *state;
    weir_error err;
    assert_int_equal(put_once(f->store, "t/log/1", "one", &err), WEIR_PUT_DONE);
    assert_int_equal(put_once(f->store, "t/log/1", "two", &err), WEIR_PUT_EXISTS);
    assert_holds(f->store, "t/log/1", "one");
}

static void put_replaces(void **state)
{
    fixture *f = *state;
    weir_error err;
    assert_int_equal(f->store->ops->put(f->store, WEIR_STR("t/c/1"), WEIR_STR("one"), &err),
                     WEIR_PUT_DONE);
    assert_int_equal(f->store->ops->put(f->store, WEIR_STR("t/c/1"), WEIR_STR("other"), &err),
                     WEIR_PUT_DONE);
    assert_holds(f->store, "t/c/1", "other");
}

static void put_file_leaves_the_file(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    char path[] = "/tmp/weir-file-XXXXXX";
    int fd = mkstemp(path);
    char *bytes = calloc(1, 3000001);
    for (int i = 0; i < 3000000; i++) {
        bytes[i] = (char)('a' + i % 23);
    }
    assert_int_equal(write(fd, bytes, 3000000), 3000000);
    close(fd);
    assert_int_equal(f->store->ops->put_file(f->store, WEIR_STR("t/segments/x"), path, &err),
                     WEIR_PUT_DONE);
    assert_holds(f->store, "t/segments/x", bytes);
    assert_int_equal(access(path, R_OK), 0);
    unlink(path);
    assert_int_equal(f->store->ops->put_file(f->store, WEIR_STR("t/segments/y"), path, &err),
                     WEIR_PUT_FAILED);
    assert_non_null(strstr(err.message, path));
    free(bytes);
}

static void get_takes_ranges_and_says_what_is_not_there(void **state)
{
    fixture *f = *state;
    weir_buf out = {0};
    weir_error err;
    put_once(f->store, "t/x", "0123456789", &err);
    assert_int_equal(f->store->ops->get(f->store, WEIR_STR("t/x"), 3, 4, &out, &err),
                     WEIR_GET_FOUND);
    assert_int_equal(f->store->ops->get(f->store, WEIR_STR("t/x"), 8, 0, &out, &err),
                     WEIR_GET_FOUND);
    assert_int_equal(f->store->ops->get(f->store, WEIR_STR("t/x"), 20, 5, &out, &err),
                     WEIR_GET_FOUND);
    assert_true(weir_str_is(weir_buf_view(&out), "345689"));
    assert_int_equal(f->store->ops->get(f->store, WEIR_STR("t/y"), 0, 0, &out, &err),
                     WEIR_GET_NONE);
    assert_int_equal(f->store->ops->get(f->store, WEIR_STR("u/y"), 0, 0, &out, &err),
                     WEIR_GET_NONE);
    weir_buf_done(&out);
}

typedef struct seen {
    weir_buf names;
    int left; /* stops after so many */
} seen;

static bool see(void *self, weir_str key, uint64_t size)
{
    seen *s = self;
    weir_buf_printf(&s->names, "%.*s=%lu ", WEIR_STR_ARG(key), size);
    return --s->left > 0;
}

static void assert_lists(weir_store *store, const char *prefix, const char *after, int most,
                         const char *expected)
{
    seen s = {.left = most};
    weir_error err = {0};
    assert_true(store->ops->list(store, weir_str_of(prefix), weir_str_of(after), see, &s, &err));
    weir_buf_byte(&s.names, 0);
    assert_string_equal(s.names.at, expected);
    weir_buf_done(&s.names);
}

static void list_is_ascending_by_whole_keys(void **state)
{
    fixture *f = *state;
    static const char *const keys[] = {"b/log/2",      "b/log/1", "b-c/log/1", "a/x",
                                       "b/segments/9", "b/lo",    "top"};
    weir_error err;
    for (int i = 0; i < 7; i++) {
        assert_int_equal(put_once(f->store, keys[i], keys[i], &err), WEIR_PUT_DONE);
    }
    assert_lists(f->store, "", "", 100,
                 "a/x=3 b-c/log/1=9 b/lo=4 b/log/1=7 b/log/2=7 b/segments/9=12 top=3 ");
    assert_lists(f->store, "b/log/", "", 100, "b/log/1=7 b/log/2=7 ");
    assert_lists(f->store, "b/log/", "b/log/1", 100, "b/log/2=7 ");
    assert_lists(f->store, "b/lo", "", 100, "b/lo=4 b/log/1=7 b/log/2=7 ");
    assert_lists(f->store, "", "b/log/1", 2, "b/log/2=7 b/segments/9=12 ");
    assert_lists(f->store, "", "b0", 100, "top=3 ");
    assert_lists(f->store, "nothing/", "", 100, "");
}

static void remove_of_what_is_absent_is_fine(void **state)
{
    fixture *f = *state;
    weir_error err;
    put_once(f->store, "t/x", "x", &err);
    assert_true(f->store->ops->remove(f->store, WEIR_STR("t/x"), &err));
    assert_true(f->store->ops->remove(f->store, WEIR_STR("t/x"), &err));
    assert_int_equal(put_once(f->store, "t/x", "again", &err), WEIR_PUT_DONE);
}

static void the_probe_leaves_nothing(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    assert_true(weir_store_probe(f->store, &f->seed.clock, &err));
    assert_lists(f->store, "", "", 100, "");
}

static void the_probe_goes_on_where_answers_are_lost(void **state)
{
    fixture *f = *state;
    int good = 0;
    weir_store_memory_faults(
        f->store, &(weir_store_faults){.unknown_landed_ppm = 200000, .unknown_lost_ppm = 200000});
    for (int i = 0; i < 20; i++) {
        weir_error err = {0};
        good += weir_store_probe(f->store, &f->seed.clock, &err);
        assert_int_not_equal(err.code, WEIR_ERR_REFUSED);
    }
    assert_in_range(good, 18, 20);
}

static weir_put put_always(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    return store->ops->put(store, key, bytes, err);
}

static void the_probe_refuses_a_store_that_puts_a_name_twice(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    const weir_store_ops *good = f->store->ops;
    weir_store_ops bad = *good;
    bad.put_if_absent = put_always;
    f->store->ops = &bad;
    assert_false(weir_store_probe(f->store, &f->seed.clock, &err));
    assert_non_null(strstr(err.message, "two writers"));
    f->store->ops = good;
    weir_store_memory_faults(f->store, &(weir_store_faults){.outage = true});
    assert_false(weir_store_probe(f->store, &f->seed.clock, &err));
    assert_non_null(strstr(err.message, "memory"));
}

typedef struct racer {
    weir_store *store;
    uint32_t wins;
} racer;

static void *race(void *self)
{
    racer *r = self;
    for (int i = 0; i < 200; i++) {
        char key[32];
        weir_error err;
        snprintf(key, sizeof(key), "t/log/%03d", i);
        weir_put put = put_once(r->store, key, "x", &err);
        assert_true(put == WEIR_PUT_DONE || put == WEIR_PUT_EXISTS);
        r->wins += put == WEIR_PUT_DONE;
    }
    return NULL;
}

static void of_racing_writers_one_wins_each_name(void **state)
{
    fixture *f = *state;
    racer racers[4] = {{0}};
    pthread_t threads[4];
    uint32_t wins = 0;
    for (int i = 0; i < 4; i++) {
        racers[i].store = f->store;
        pthread_create(&threads[i], NULL, race, &racers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        wins += racers[i].wins;
    }
    assert_int_equal(wins, 200);
}

/* Directory only. */

static void names_that_leave_the_folder_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"../x", "/etc/x", "t//x",   "t/.tmp",
                                        "",     "t/",     ".tmp/x", "t/../../x"};
    weir_error err = {0};
    for (int i = 0; i < 8; i++) {
        assert_int_equal(put_once(f->store, names[i], "x", &err), WEIR_PUT_FAILED);
        assert_non_null(strstr(err.message, "no name"));
    }
}

static void map_gives_the_bytes_in_place(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    weir_bytes bytes;
    put_once(f->store, "t/x", "mapped", &err);
    assert_true(f->store->ops->map(f->store, WEIR_STR("t/x"), &bytes, &err));
    f->store->ops->remove(f->store, WEIR_STR("t/x"), &err); /* the mapping lives on */
    assert_true(weir_str_is((weir_str){(const char *)bytes.at, bytes.size}, "mapped"));
    bytes.release(bytes.self);
    assert_false(f->store->ops->map(f->store, WEIR_STR("t/y"), &bytes, &err));
    assert_non_null(strstr(err.message, "t/y"));
}

/* The system, with a call that fails from the n-th on (a dead process), or one kind that fails with
 * `code`. */
static struct trouble {
    int calls_left; /* -1: no limit */
    int write_code, fsync_code, link_code, rename_code;
    bool fsync_folders_only;
} trouble;

static bool dead(void)
{
    if (trouble.calls_left == 0) {
        errno = EIO;
        return true;
    }
    trouble.calls_left -= trouble.calls_left > 0;
    return false;
}
static int bad_open(int folder, const char *path, int flags, mode_t mode)
{
    return dead() ? -1 : openat(folder, path, flags, mode);
}
static ssize_t bad_write(int fd, const void *bytes, size_t size)
{
    if (dead() || trouble.write_code) {
        errno = trouble.write_code ? trouble.write_code : EIO;
        return -1;
    }
    return write(fd, bytes, size > 3 ? 3 : size); /* in small parts */
}
static int bad_fsync(int fd)
{
    struct stat info;
    fstat(fd, &info);
    if (dead() || (trouble.fsync_code && S_ISDIR(info.st_mode) == trouble.fsync_folders_only)) {
        errno = trouble.fsync_code ? trouble.fsync_code : EIO;
        return -1;
    }
    return fsync(fd);
}
static int bad_mkdir(int folder, const char *path, mode_t mode)
{
    return dead() ? -1 : mkdirat(folder, path, mode);
}
static int bad_link(int folder, const char *from, const char *to)
{
    if (dead() || trouble.link_code) {
        errno = trouble.link_code ? trouble.link_code : EIO;
        return -1;
    }
    return linkat(folder, from, folder, to, 0);
}
static int bad_rename(int folder, const char *from, const char *to, bool replace)
{
    if (dead() || trouble.rename_code) {
        errno = trouble.rename_code ? trouble.rename_code : EIO;
        return -1;
    }
    return renameat2(folder, from, folder, to, replace ? 0 : RENAME_NOREPLACE);
}
static int bad_unlink(int folder, const char *path)
{
    return dead() ? -1 : unlinkat(folder, path, 0);
}
static const weir_disk bad_disk = {bad_open, bad_write,  bad_fsync, bad_mkdir,
                                   bad_link, bad_rename, bad_unlink};

static int begin_bad_disk(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    weir_error err = {0};
    trouble = (struct trouble){.calls_left = -1};
    strcpy(f->folder, "/tmp/weir-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->store = weir_store_dir_open_on(f->folder, &bad_disk, &err);
    assert_non_null(f->store);
    *state = f;
    return 0;
}

static void a_full_disk_fails_and_names_the_object(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    trouble.write_code = ENOSPC;
    assert_int_equal(put_once(f->store, "t/log/1", "one", &err), WEIR_PUT_FAILED);
    assert_non_null(strstr(err.message, "t/log/1"));
    assert_non_null(strstr(err.message, "No space left"));
    trouble.write_code = 0;
    assert_int_equal(put_once(f->store, "t/log/1", "one", &err),
                     WEIR_PUT_DONE); /* space came back */
    assert_holds(f->store, "t/log/1", "one");
}

static void a_file_that_does_not_sync_is_thrown_away(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    trouble.fsync_code = EIO;
    assert_int_equal(put_once(f->store, "t/log/1", "one", &err), WEIR_PUT_FAILED);
    trouble.fsync_code = 0;
    assert_lists(f->store, "", "", 100, "");
}

static void a_folder_that_does_not_sync_leaves_the_put_unknown_until_it_does(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    assert_int_equal(put_once(f->store, "t/log/1", "one", &err), WEIR_PUT_DONE);
    trouble.fsync_code = EIO;
    trouble.fsync_folders_only = true;
    assert_int_equal(put_once(f->store, "t/log/2", "two", &err), WEIR_PUT_UNKNOWN);
    assert_int_equal(put_once(f->store, "t/log/2", "two", &err),
                     WEIR_PUT_UNKNOWN); /* there, but maybe not after a power loss */
    trouble.fsync_code = 0;
    assert_int_equal(put_once(f->store, "t/log/2", "two", &err), WEIR_PUT_EXISTS);
}

static void without_hard_links_renames_that_refuse_serve(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    trouble.link_code = EPERM;
    weir_store *store = weir_store_dir_open_on(f->folder, &bad_disk, &err);
    assert_int_equal(put_once(store, "t/log/1", "one", &err), WEIR_PUT_DONE);
    assert_int_equal(put_once(store, "t/log/1", "two", &err), WEIR_PUT_EXISTS);
    assert_holds(store, "t/log/1", "one");
    weir_store_free(store);
}

static void without_either_it_refuses_to_start(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    trouble.link_code = EPERM;
    trouble.rename_code = EINVAL;
    assert_null(weir_store_dir_open_on(f->folder, &bad_disk, &err));
    assert_non_null(strstr(err.message, "neither hard links"));
    assert_non_null(strstr(err.message, f->folder));
}

static void a_death_between_any_two_calls_leaves_the_whole_object_or_none(void **state)
{
    fixture *f = *state;
    int landed = 0;
    for (int n = 0; n < 40; n++) {
        char key[32];
        weir_error err = {0};
        weir_buf out = {0};
        snprintf(key, sizeof(key), "t%d/log/1", n); /* folders are made too */
        trouble = (struct trouble){.calls_left = n};
        put_once(f->store, key, "content", &err);
        trouble = (struct trouble){.calls_left = -1};
        weir_store *after = weir_store_dir_open(f->folder, &err);
        weir_get got = after->ops->get(after, weir_str_of(key), 0, 0, &out, &err);
        assert_true(got == WEIR_GET_NONE || weir_str_is(weir_buf_view(&out), "content"));
        assert_int_equal(put_once(after, key, "content", &err),
                         got == WEIR_GET_NONE ? WEIR_PUT_DONE : WEIR_PUT_EXISTS);
        landed += got == WEIR_GET_FOUND;
        weir_store_free(after);
        weir_buf_done(&out);
    }
    assert_in_range(landed, 1, 39);
}

static void old_temporaries_are_deleted_at_open_young_ones_are_not(void **state)
{
    fixture *f = *state;
    char path[100];
    weir_error err = {0};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/.tmp/%d", f->folder, i);
        int fd = open(path, O_CREAT | O_WRONLY, 0666);
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                    {.tv_sec = i == 0 ? 1000 : time(NULL)}};
        assert_int_equal(futimens(fd, times), 0);
        close(fd);
    }
    weir_store_free(weir_store_dir_open(f->folder, &err));
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/.tmp/0", f->folder);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
    weir_error err = {0};
    (void)state;
    assert_null(weir_store_dir_open("/proc/weir/data", &err));
    assert_non_null(strstr(err.message, "/proc/weir"));
}

/* Faults of the memory store. */

static void an_unknown_put_may_have_landed_or_not_or_land_later(void **state)
{
    fixture *f = *state;
    weir_error err;
    weir_buf out = {0};
    weir_store_memory_faults(f->store, &(weir_store_faults){.unknown_landed_ppm = 1000000});
    assert_int_equal(put_once(f->store, "a", "x", &err), WEIR_PUT_UNKNOWN);
    weir_store_memory_faults(f->store, &(weir_store_faults){.unknown_lost_ppm = 1000000});
    assert_int_equal(put_once(f->store, "b", "x", &err), WEIR_PUT_UNKNOWN);
    weir_store_memory_faults(f->store, &(weir_store_faults){.late_ppm = 1000000});
    assert_int_equal(put_once(f->store, "c", "x", &err), WEIR_PUT_UNKNOWN);
    weir_store_memory_faults(f->store, &(weir_store_faults){0});
    assert_int_equal(f->store->ops->get(f->store, WEIR_STR("b"), 0, 0, &out, &err), WEIR_GET_NONE);
    weir_store_memory_land_late(f->store);
    assert_holds(f->store, "a", "x");
    assert_holds(f->store, "c", "x");
    weir_buf_done(&out);
}

static void a_late_put_if_absent_does_not_replace_what_came_first(void **state)
{
    fixture *f = *state;
    weir_error err;
    weir_store_memory_faults(f->store, &(weir_store_faults){.late_ppm = 1000000});
    assert_int_equal(put_once(f->store, "a", "late", &err), WEIR_PUT_UNKNOWN);
    weir_store_memory_faults(f->store, &(weir_store_faults){0});
    put_once(f->store, "a", "first", &err);
    weir_store_memory_land_late(f->store);
    weir_buf out = {0};
    f->store->ops->get(f->store, WEIR_STR("a"), 0, 0, &out, &err);
    assert_true(weir_str_is(weir_buf_view(&out), "first") ||
                weir_str_is(weir_buf_view(&out), "late"));
    weir_buf_done(&out);
}

static void gets_can_be_cut_or_flipped(void **state)
{
    fixture *f = *state;
    weir_error err;
    weir_buf out = {0};
    put_once(f->store, "a", "0123456789", &err);
    weir_store_memory_faults(f->store, &(weir_store_faults){.half_body_ppm = 1000000});
    assert_int_equal(f->store->ops->get(f->store, WEIR_STR("a"), 0, 0, &out, &err), WEIR_GET_FOUND);
    assert_true(weir_str_is(weir_buf_view(&out), "01234"));
    out.size = 0;
    weir_store_memory_faults(f->store, &(weir_store_faults){.flip_ppm = 1000000});
    f->store->ops->get(f->store, WEIR_STR("a"), 0, 0, &out, &err);
    assert_int_equal(out.size, 10);
    assert_false(weir_str_is(weir_buf_view(&out), "0123456789"));
    weir_store_memory_faults(f->store, &(weir_store_faults){.outage = true});
    assert_int_equal(f->store->ops->get(f->store, WEIR_STR("a"), 0, 0, &out, &err),
                     WEIR_GET_FAILED);
    weir_buf_done(&out);
}

#define BOTH(name)                                                                                 \
    {#name " (memory)", name, begin_memory, end, NULL},                                            \
    {                                                                                              \
#name " (directory)", name, begin_dir, end, NULL                                           \
    }
int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_name_is_put_once),
        BOTH(put_replaces),
        BOTH(put_file_leaves_the_file),
        BOTH(get_takes_ranges_and_says_what_is_not_there),
        BOTH(list_is_ascending_by_whole_keys),
        BOTH(remove_of_what_is_absent_is_fine),
        BOTH(the_probe_leaves_nothing),
        cmocka_unit_test_setup_teardown(the_probe_goes_on_where_answers_are_lost, begin_memory,
                                        end),
        BOTH(of_racing_writers_one_wins_each_name),
        cmocka_unit_test_setup_teardown(the_probe_refuses_a_store_that_puts_a_name_twice,
                                        begin_memory, end),
        cmocka_unit_test_setup_teardown(names_that_leave_the_folder_are_refused, begin_dir, end),
        cmocka_unit_test_setup_teardown(map_gives_the_bytes_in_place, begin_dir, end),
        cmocka_unit_test_setup_teardown(a_full_disk_fails_and_names_the_object, begin_bad_disk,
                                        end),
        cmocka_unit_test_setup_teardown(a_file_that_does_not_sync_is_thrown_away, begin_bad_disk,
                                        end),
        cmocka_unit_test_setup_teardown(
            a_folder_that_does_not_sync_leaves_the_put_unknown_until_it_does, begin_bad_disk, end),
        cmocka_unit_test_setup_teardown(without_hard_links_renames_that_refuse_serve,
                                        begin_bad_disk, end),
        cmocka_unit_test_setup_teardown(without_either_it_refuses_to_start, begin_bad_disk, end),
        cmocka_unit_test_setup_teardown(
            a_death_between_any_two_calls_leaves_the_whole_object_or_none, begin_bad_disk, end),
        cmocka_unit_test_setup_teardown(old_temporaries_are_deleted_at_open_young_ones_are_not,
                                        begin_dir, end),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_named),
        cmocka_unit_test_setup_teardown(an_unknown_put_may_have_landed_or_not_or_land_later,
                                        begin_memory, end),
        cmocka_unit_test_setup_teardown(a_late_put_if_absent_does_not_replace_what_came_first,
                                        begin_memory, end),
        cmocka_unit_test_setup_teardown(gets_can_be_cut_or_flipped, begin_memory, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
