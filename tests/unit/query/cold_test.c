/* tests/unit/query/cold_test.c - whole queries over segments that must be fetched: from a store
 * that does not answer, and when a segment went while the query was under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <unistd.h>
#include "weir/log.h"
#include "weir/query.h"

enum { ROWS = 40000 };

/* A memory store; while it hangs, gets of segments wait, but for those of footers. */
typedef struct hanging {
    weir_store base;
    weir_store *inner;
    uint64_t segment_bytes;
    _Atomic bool hangs;
    _Atomic uint32_t waiting;
} hanging;

static weir_get hanging_get(weir_store *store, weir_str key, uint64_t from, uint64_t size,
                            weir_buf *out, weir_error *err)
{
    hanging *h = (hanging *)store;
    bool rows = memmem(key.at, key.size, "/segments/", 10) && from + size != h->segment_bytes;
    h->waiting += rows && h->hangs;
    while (rows && h->hangs) {
        usleep(1000);
    }
    return h->inner->ops->get(h->inner, key, from, size, out, err);
}
static weir_put hanging_put(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    weir_store *inner = ((hanging *)store)->inner;
    return inner->ops->put(inner, key, bytes, err);
}
static weir_put hanging_put_if_absent(weir_store *store, weir_str key, weir_str bytes,
                                      weir_error *err)
{
    weir_store *inner = ((hanging *)store)->inner;
    return inner->ops->put_if_absent(inner, key, bytes, err);
}
static bool hanging_list(weir_store *store, weir_str prefix, weir_str after,
                         bool (*see)(void *self, weir_str key, uint64_t size), void *self,
                         weir_error *err)
{
    weir_store *inner = ((hanging *)store)->inner;
    return inner->ops->list(inner, prefix, after, see, self, err);
}
static bool hanging_remove(weir_store *store, weir_str key, weir_error *err)
{
    weir_store *inner = ((hanging *)store)->inner;
    return inner->ops->remove(inner, key, err);
}

typedef struct fixture {
    hanging store;
    weir_catalog *catalog, *other; /* two processes */
    weir_engine *engine;
    weir_str id; /* of the segment */
} fixture;

static weir_catalog *open_catalog(fixture *f, bool threads)
{
    weir_error err = {0};
    weir_catalog *catalog = weir_catalog_open(&(weir_catalog_options){.store = &f->store.base,
                                                                      .clock = &weir_clock_system,
                                                                      .node = WEIR_STR("host:1"),
                                                                      .threads = threads,
                                                                      .poll_ms = 3600000},
                                              &err);
    assert_non_null(catalog);
    return catalog;
}

static bool append_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

/* A segment of ROWS rows with v = `value`, in place of `old` (empty: of none). */
static weir_str put_segment(fixture *f, weir_catalog *catalog, int64_t value, weir_str old)
{
    weir_error err = {0};
    weir_buf bytes = {0};
    weir_segment_info info;
    weir_table *table = weir_catalog_table(catalog, WEIR_STR("t"));
    int64_t *times = malloc(ROWS * sizeof(*times)), *values = malloc(ROWS * sizeof(*values));
    for (int i = 0; i < ROWS; i++) {
        times[i] = 1700000000000 + i * 7919ll % 3000000;
        values[i] = value;
    }
    weir_segment_writer *w =
        weir_segment_writer_new((weir_file){&bytes, append_bytes}, NULL, ROWS, false);
    assert_true(weir_segment_put_time(w, times, &err) &&
                weir_segment_put_long(w, WEIR_STR("v"), false, values, NULL, &err) &&
                weir_segment_writer_end(w, &info, &err));
    weir_commit *commit =
        weir_commit_new(old.size ? WEIR_OP_COMPACT : WEIR_OP_LOAD, &weir_clock_system);
    weir_added added = {.id = weir_segment_id_new(commit->arena, 1, &weir_clock_system),
                        .from_ms = info.min_time,
                        .to_ms = info.max_time + 1,
                        .rows = ROWS,
                        .events = ROWS,
                        .bytes = info.bytes,
                        .footer_bytes = info.footer_bytes,
                        .footer_xxh3 = info.footer_xxh3};
    weir_str id = weir_str_dup(added.id);
    f->store.segment_bytes = info.bytes;
    assert_int_equal(f->store.base.ops->put(&f->store.base,
                                            weir_key_segment(commit->arena, WEIR_STR("t"), id),
                                            weir_buf_view(&bytes), &err),
                     WEIR_PUT_DONE);
    weir_commit_add_segment(commit, &added);
    if (old.size) {
        weir_commit_add_removed(commit, &(weir_removed){.id = old});
    }
    int rule;
    assert_int_equal(weir_table_commit(table, commit, NULL, NULL, &rule, &err), WEIR_COMMIT_LANDED);
    weir_buf_done(&bytes);
    free(times);
    free(values);
    return id;
}

static void remove_object(fixture *f, weir_str id)
{
    weir_error err;
    weir_arena *arena = weir_arena_new();
    assert_true(f->store.base.ops->remove(&f->store.base,
                                          weir_key_segment(arena, WEIR_STR("t"), id), &err));
    weir_arena_free(arena);
}

static int begin(void **state)
{
    static const weir_store_ops ops = {.put_if_absent = hanging_put_if_absent,
                                       .put = hanging_put,
                                       .get = hanging_get,
                                       .list = hanging_list,
                                       .remove = hanging_remove};
    fixture *f = calloc(1, sizeof(*f));
    weir_error err = {0};
    weir_log_setup(WEIR_ERROR + 1, false);
    f->store = (hanging){.base = {&ops, WEIR_STR("hanging")},
                         .inner = weir_store_memory_new(&weir_clock_system)};
    f->other = open_catalog(f, false);
    assert_non_null(weir_catalog_table_create(f->other, WEIR_STR("t"), &err));
    f->id = put_segment(f, f->other, 1, (weir_str){0});
    f->catalog = open_catalog(f, true);
    f->engine = weir_engine_new(&(weir_engine_options){.catalog = f->catalog,
                                                       .clock = &weir_clock_system,
                                                       .worker_count = 2,
                                                       .default_timeout_ms = 60000,
                                                       .result_cache_bytes = 1u << 20});
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_engine_free(f->engine);
    weir_catalog_close(f->catalog);
    weir_catalog_close(f->other);
    weir_store_free(f->store.inner);
    free((void *)(uintptr_t)f->id.at);
    free(f);
    return 0;
}

static void no_wake(void *self)
{
    (void)self;
}

/* Status and body. */
static int ask(fixture *f, const char *body, weir_buf *out)
{
    weir_error broken;
    weir_request request = {.body = weir_str_of(body)};
    weir_answer *answer =
        weir_engine_native(f->engine, &request, (weir_answer_wake){no_wake, NULL});
    weir_answer_state state = WEIR_ANSWER_WAIT;
    for (int i = 0; i < 60000 && state != WEIR_ANSWER_DONE && state != WEIR_ANSWER_BROKEN; i++) {
        state = weir_answer_take(answer, out, &broken);
        usleep(state == WEIR_ANSWER_WAIT ? 1000 : 0);
    }
    assert_int_equal(state, WEIR_ANSWER_DONE);
    int status = weir_answer_status(answer);
    weir_answer_unref(answer);
    weir_buf_byte(out, 0);
    return status;
}

#define SUM(context)                                                                               \
    "{\"queryType\":\"timeseries\",\"dataSource\":\"t\",\"intervals\":\"2000/"                     \
    "2100\",\"granularity\":\"all\","                                                              \
    "\"aggregations\":[{\"type\":\"longSum\",\"name\":\"n\",\"fieldName\":\"v\"}],\"context\":"    \
    "{" context "}}"

static void a_query_whose_segment_went_runs_again_on_what_took_its_place(void **state)
{
    fixture *f = *state;
    weir_buf out = {0};
    weir_str id = put_segment(f, f->other, 2, f->id);
    remove_object(f, f->id);
    assert_int_equal(ask(f, SUM(""), &out), 200);
    assert_non_null(strstr(out.at, "\"n\":80000"));
    weir_buf_done(&out);
    free((void *)(uintptr_t)id.at);
}

static void a_segment_that_the_log_still_has_and_the_store_has_not_is_an_error(void **state)
{
    fixture *f = *state;
    weir_buf out = {0};
    remove_object(f, f->id);
    assert_int_equal(ask(f, SUM(""), &out), 500);
    assert_non_null(strstr(out.at, f->id.at));
    weir_buf_done(&out);
}

static void a_query_that_waits_for_a_store_ends_at_its_deadline(void **state)
{
    fixture *f = *state;
    weir_buf out = {0};
    f->store.hangs = true;
    assert_int_equal(ask(f, SUM("\"timeout\":150"), &out), 504);
    if (f->store.waiting == 0) { /* a busy machine: its turn came too late to ask the store */
        assert_int_equal(ask(f, SUM("\"timeout\":5000"), &out), 504);
    }
    assert_true(f->store.waiting > 0);
    f->store.hangs = false;
    out.size = 0;
    assert_int_equal(ask(f, SUM(""), &out), 200);
    assert_non_null(strstr(out.at, "\"n\":40000"));
    weir_buf_done(&out);
}

static void chunks_that_zones_exclude_are_not_fetched(void **state)
{
    fixture *f = *state;
    weir_buf out = {0};
    f->store.hangs = true;
    assert_int_equal(ask(f,
                         "{\"queryType\":\"timeseries\",\"dataSource\":\"t\",\"intervals\":\"2000/"
                         "2100\",\"granularity\":\"all\","
                         "\"filter\":{\"type\":\"bound\",\"dimension\":\"v\",\"lower\":\"100\","
                         "\"ordering\":\"numeric\"},"
                         "\"aggregations\":[{\"type\":\"count\",\"name\":\"n\"}]}",
                         &out),
                     200);
    assert_non_null(strstr(out.at, "\"n\":0"));
    assert_int_equal(f->store.waiting, 0);
    f->store.hangs = false;
    weir_buf_done(&out);
}

static void a_fetch_that_comes_after_the_query_and_its_engine_wakes_nobody(void **state)
{
    fixture *f = *state;
    weir_buf out = {0};
    f->store.hangs = true;
    assert_int_equal(ask(f, SUM("\"timeout\":50"), &out), 504);
    weir_engine_free(f->engine);
    f->store.hangs = false;
    usleep(20000);
    f->engine = weir_engine_new(&(weir_engine_options){.catalog = f->catalog,
                                                       .clock = &weir_clock_system,
                                                       .worker_count = 1,
                                                       .default_timeout_ms = 60000});
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_query_whose_segment_went_runs_again_on_what_took_its_place, begin, end),
        cmocka_unit_test_setup_teardown(
            a_segment_that_the_log_still_has_and_the_store_has_not_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(a_query_that_waits_for_a_store_ends_at_its_deadline, begin,
                                        end),
        cmocka_unit_test_setup_teardown(chunks_that_zones_exclude_are_not_fetched, begin, end),
        cmocka_unit_test_setup_teardown(
            a_fetch_that_comes_after_the_query_and_its_engine_wakes_nobody, begin, end),
    };
    return cmocka_run_group_tests_name("cold", tests, NULL, NULL);
}
