/* tests/unit/segments/collect_test.c - dropping by time and collecting garbage, over the memory
 * store and its faults: what is visible is right at each point, what is needed is never deleted,
 * what is not goes in the end. Two processes, a and b. */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>
#include "log_helper.h"
#include "weir/collect.h"
#include "weir/drop.h"
#include "weir/log.h"

#ifdef WEIR_SANITIZED
enum { SEEDS = 25 };
#else
enum { SEEDS = 120 };
#endif
enum { DAY = 86400000, HOUR_US = 3600000000 };

typedef struct process {
    weir_catalog *catalog;
    weir_table *table;
    weir_collect_memory memory;
} process;
typedef struct fixture {
    seeded seed;
    weir_store *store;
    char cache[64]; /* folder of local copies; empty: none */
    process a, b;
} fixture;

static void pass_time(void *self, int64_t ms)
{
    ((seeded *)self)->now_us += ms * 1000;
}

static void open_process(fixture *f, process *p)
{
    weir_error err = {0};
    weir_catalog_options options = {.store = f->store,
                                    .clock = &f->seed.clock,
                                    .node = WEIR_STR("host:1"),
                                    .cache_path = f->cache[0] ? f->cache : NULL,
                                    .wait = pass_time,
                                    .wait_self = &f->seed};
    *p = (process){.catalog = weir_catalog_open(&options, &err)};
    p->table = p->catalog ? weir_catalog_table_create(p->catalog, WEIR_STR("t"), &err) : NULL;
    if (!p->table) {
        fail_msg("%s", err.message);
    }
}

static int begin(void **state)
{
    fixture *f = test_calloc(1, sizeof(*f));
    seeded_init(&f->seed, 5);
    f->store = weir_store_memory_new(&f->seed.clock);
    open_process(f, &f->a);
    open_process(f, &f->b);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    weir_catalog_close(f->a.catalog);
    weir_catalog_close(f->b.catalog);
    weir_store_free(f->store);
    test_free(f);
    return 0;
}

static bool append_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

/* Uploads a segment of n rows, `step` ms apart, as the process would: its base is what it knows. */
static weir_added upload(fixture *f, process *p, weir_arena *arena, int64_t from_ms, int64_t step,
                         uint32_t n)
{
    weir_buf bytes = {0};
    weir_error err = {0};
    weir_segment_info info;
    int64_t *times = malloc(n * sizeof(*times));
    for (uint32_t i = 0; i < n; i++) {
        times[i] = from_ms + i * step;
    }
    weir_segment_writer *w =
        weir_segment_writer_new((weir_file){&bytes, append_bytes}, NULL, n, false);
    assert_true(weir_segment_put_time(w, times, &err) && weir_segment_writer_end(w, &info, &err));
    weir_log_state *state = weir_table_state(p->table);
    weir_added added = {weir_segment_id_new(arena, weir_log_version(state), &f->seed.clock),
                        from_ms,
                        times[n - 1] + 1,
                        n,
                        n,
                        bytes.size,
                        info.footer_bytes,
                        info.footer_xxh3};
    weir_log_state_unref(state);
    while (f->store->ops->put(f->store, weir_key_segment(arena, WEIR_STR("t"), added.id),
                              weir_buf_view(&bytes), &err) != WEIR_PUT_DONE) {
    }
    free(times);
    weir_buf_done(&bytes);
    return added;
}

static bool never(void *self)
{
    (void)self;
    return false;
}

static weir_commit_result commit_added(fixture *f, process *p, const weir_added *added, int *rule)
{
    weir_error err = {0};
    weir_commit *commit = weir_commit_new(WEIR_OP_LOAD, &f->seed.clock);
    weir_commit_add_segment(commit, added);
    return weir_table_commit(p->table, commit, never, NULL, rule, &err);
}

static void add(fixture *f, process *p, int64_t from_ms, int64_t step, uint32_t n)
{
    weir_arena *arena = weir_arena_new();
    weir_added added = upload(f, p, arena, from_ms, step, n);
    int rule;
    assert_int_equal(commit_added(f, p, &added, &rule), WEIR_COMMIT_LANDED);
    weir_arena_free(arena);
}

static uint64_t rows_seen(process *p)
{
    weir_view *view = weir_table_view(p->table);
    weir_scratch scratch = {0};
    uint64_t rows = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        if (view->problems[i].size > 0) {
            fail_msg("%.*s", WEIR_STR_ARG(view->problems[i]));
        }
        for (uint32_t c = 0; c < view->rows[i]->ops->chunks(view->rows[i]); c++) {
            weir_chunk_info info;
            weir_sel sel;
            view->rows[i]->ops->chunk(view->rows[i], c, &info);
            rows += view->rows[i]->ops->visible(view->rows[i], c, &scratch, &sel) ? sel.count
                                                                                  : info.row_count;
        }
    }
    weir_scratch_done(&scratch);
    weir_view_unref(view);
    return rows;
}

static uint32_t within(void *self, const weir_segment_state *s, weir_arena *arena,
                       weir_interval **out)
{
    (void)s;
    *out = WEIR_ARENA_NEW(arena, weir_interval);
    **out = *(weir_interval *)self;
    return 1;
}

static uint64_t drop(fixture *f, process *p, int64_t from_ms, int64_t to_ms)
{
    weir_interval interval = {from_ms, to_ms};
    uint64_t changed;
    weir_error err = {0};
    if (!weir_table_drop(p->table, &f->seed.clock, &(weir_drop){within, &interval}, never, NULL,
                         &changed, &err)) {
        fail_msg("%s", err.message);
    }
    return changed;
}

static bool see(void *self, weir_str key, uint64_t size)
{
    (void)key, (void)size;
    ++*(size_t *)self;
    return true;
}

static size_t objects(fixture *f)
{
    size_t count = 0;
    weir_error err = {0};
    weir_store_faults none = {0};
    weir_store_memory_faults(f->store, &none);
    assert_true(
        f->store->ops->list(f->store, WEIR_STR("t/segments/"), (weir_str){0}, see, &count, &err));
    return count;
}

static uint64_t version_of(process *p)
{
    weir_log_state *state = weir_table_state(p->table);
    uint64_t version = weir_log_version(state);
    weir_log_state_unref(state);
    return version;
}

/* One run; false: it failed half-way. */
static bool collect_once(fixture *f, process *p, int64_t grace_ms, uint64_t *deleted)
{
    weir_collect c = {.table = p->table,
                      .clock = &f->seed.clock,
                      .memory = &p->memory,
                      .grace_ms = grace_ms,
                      .give_up = never};
    bool done = false, ok = true;
    weir_error err = {0};
    for (int i = 0; ok && !done; i++) {
        assert_true(i < 100);
        ok = weir_collect_step(&c, &done, &err);
        *deleted += c.objects;
    }
    return ok;
}

static uint64_t collect(fixture *f, process *p, int64_t grace_ms)
{
    uint64_t deleted = 0;
    f->seed.now_us += 8000000; /* more than between two moves for objects in no state */
    assert_true(collect_once(f, p, grace_ms, &deleted));
    return deleted;
}

static void segments_inside_go_and_others_are_cut(void **state)
{
    fixture *f = *state;
    add(f, &f->a, 0, 1000, 10);          /* inside */
    add(f, &f->a, DAY - 5000, 1000, 10); /* straddles the end: 5 of 10 */
    add(f, &f->a, 3 * DAY, 1000, 10);    /* outside */
    assert_int_equal(rows_seen(&f->a), 30);
    assert_int_equal(drop(f, &f->a, 0, DAY), 2);
    assert_int_equal(rows_seen(&f->a), 15);
    uint64_t version = version_of(&f->a);
    assert_int_equal(drop(f, &f->a, 0, DAY), 0); /* nothing is left to do */
    assert_int_equal(drop(f, &f->a, 100, DAY / 2), 0);
    assert_int_equal(version_of(&f->a), version);
    assert_int_equal(drop(f, &f->a, DAY - 1000, DAY + 10000),
                     1); /* with what is hidden already: all */
    assert_int_equal(rows_seen(&f->a), 10);
    weir_catalog_step(f->b.catalog);
    assert_int_equal(rows_seen(&f->b), 10);
    assert_int_equal(drop(f, &f->b, INT64_MIN, INT64_MAX), 1);
    assert_int_equal(rows_seen(&f->b), 0);
    add(f, &f->b, 0, 1000, 7); /* it can be filled again */
    assert_int_equal(rows_seen(&f->b), 7);
}

static uint32_t two_days(void *self, const weir_segment_state *s, weir_arena *arena,
                         weir_interval **out)
{
    (void)self, (void)s;
    *out = WEIR_ARENA_ARRAY(arena, weir_interval, 2);
    (*out)[0] = (weir_interval){DAY, 2 * (int64_t)DAY};
    (*out)[1] = (weir_interval){3 * (int64_t)DAY, 4 * (int64_t)DAY};
    return 2;
}

static void several_times_of_a_segment_go_in_one_commit(void **state)
{
    fixture *f = *state;
    uint64_t changed;
    weir_error err = {0};
    add(f, &f->a, 0, DAY / 2, 10); /* two rows on each of five days */
    uint64_t version = version_of(&f->a);
    assert_true(weir_table_drop(f->a.table, &f->seed.clock, &(weir_drop){two_days, NULL}, never,
                                NULL, &changed, &err));
    assert_int_equal(changed, 1);
    assert_int_equal(version_of(&f->a), version + 1);
    assert_int_equal(rows_seen(&f->a), 6);
    assert_int_equal(drop(f, &f->a, 0, 5 * (int64_t)DAY), 1);
    assert_int_equal(rows_seen(&f->a), 0);
}

static void what_another_process_committed_meanwhile_is_dropped_too(void **state)
{
    fixture *f = *state;
    add(f, &f->a, 0, 1000, 10);
    weir_catalog_step(f->b.catalog);
    assert_int_equal(drop(f, &f->a, 0, 5000), 1);
    add(f, &f->a, 1000, 1000, 3);
    assert_int_equal(drop(f, &f->b, 0, DAY), 2); /* b had heard of neither */
    assert_int_equal(rows_seen(&f->b), 0);
}

static void an_open_claim_does_not_keep_rows_from_being_dropped(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    int rule;
    add(f, &f->a, 0, 1000, 10);
    weir_commit *commit = weir_commit_new(WEIR_OP_CLAIM, &f->seed.clock);
    weir_claim claim = {WEIR_STR("c"), 0, DAY};
    commit->claim = &claim;
    commit->claim_count = 1;
    assert_int_equal(weir_table_commit(f->a.table, commit, never, NULL, &rule, &err),
                     WEIR_COMMIT_LANDED);
    assert_int_equal(drop(f, &f->a, 0, DAY), 1);
}

static void only_whole_buckets_are_dropped(void **state)
{
    (void)state;
    weir_granularity day, all, none;
    assert_true(weir_granularity_simple(WEIR_STR("day"), &day));
    assert_true(weir_granularity_simple(WEIR_STR("all"), &all));
    assert_true(weir_granularity_simple(WEIR_STR("none"), &none));
    weir_interval whole = weir_whole_buckets(&day, (weir_interval){1, 3 * (int64_t)DAY + 5});
    assert_int_equal(whole.start_ms, DAY);
    assert_int_equal(whole.end_ms, 3 * (int64_t)DAY);
    whole = weir_whole_buckets(&day, (weir_interval){1, DAY + 5});
    assert_true(whole.start_ms >= whole.end_ms);
    whole = weir_whole_buckets(&day, (weir_interval){-(int64_t)DAY, 0});
    assert_int_equal(whole.start_ms, -(int64_t)DAY);
    whole = weir_whole_buckets(&day, weir_interval_eternity);
    assert_int_equal(whole.start_ms, weir_interval_eternity.start_ms);
    assert_int_equal(whole.end_ms, weir_interval_eternity.end_ms);
    whole = weir_whole_buckets(&none, (weir_interval){1, 3});
    assert_int_equal(whole.end_ms - whole.start_ms, 2);
    whole = weir_whole_buckets(&all, (weir_interval){1, 3});
    assert_true(whole.start_ms >= whole.end_ms);
    assert_true(weir_whole_buckets(&all, weir_interval_eternity).end_ms > 0);
}

static void what_was_removed_stays_for_the_grace_and_goes_then(void **state)
{
    fixture *f = *state;
    add(f, &f->a, 0, 1000, 10);
    add(f, &f->a, DAY, 1000, 10);
    collect(f, &f->a, 3600000);
    drop(f, &f->a, 0, DAY);
    weir_view *slow = weir_table_view(f->b.table); /* has not heard of it */
    weir_view_unref(slow);
    for (int minute = 0; minute < 60; minute++) {
        assert_int_equal(collect(f, &f->a, 3600000), 0);
        assert_int_equal(objects(f), 2);
        f->seed.now_us += 60000000;
    }
    add(f, &f->a, DAY, 1000, 1);
    f->seed.now_us += HOUR_US / 16;
    assert_int_equal(collect(f, &f->a, 3600000), 0); /* nobody committed after it: its own does */
    f->seed.now_us += HOUR_US + HOUR_US / 16;
    assert_int_equal(collect(f, &f->a, 3600000), 1);
    assert_int_equal(objects(f), 2);
    assert_int_equal(rows_seen(&f->a), 11);
    uint64_t version = version_of(&f->a);
    for (int hour = 0; hour < 5; hour++) { /* nothing to free: no commit */
        f->seed.now_us += HOUR_US;
        assert_int_equal(collect(f, &f->a, 3600000), 0);
    }
    assert_int_equal(version_of(&f->a), version);
}

static void a_process_that_has_just_begun_moves_no_horizon(void **state)
{
    fixture *f = *state;
    add(f, &f->a, 0, 1000, 10);
    drop(f, &f->a, 0, DAY);
    add(f, &f->a, 0, 1000, 1);
    f->seed.now_us += 10 * HOUR_US;
    weir_catalog_step(f->b.catalog);
    assert_int_equal(collect(f, &f->b, 3600000), 0); /* knows nothing for an hour yet */
    assert_int_equal(objects(f), 2);
    f->seed.now_us += HOUR_US + 1;
    assert_int_equal(collect(f, &f->b, 3600000), 1);
}

static void objects_of_writers_that_died_are_deleted(void **state)
{
    fixture *f = *state;
    weir_arena *arena = weir_arena_new();
    upload(f, &f->a, arena, 0, 1000, 10); /* never committed */
    add(f, &f->a, 0, 1000, 5);
    weir_error err = {0};
    assert_int_equal(
        f->store->ops->put(f->store, WEIR_STR("t/segments/README"), WEIR_STR("mine"), &err),
        WEIR_PUT_DONE);
    collect(f, &f->a, 1000);
    f->seed.now_us += 2000000;
    assert_int_equal(collect(f, &f->a, 1000), 1);
    assert_int_equal(objects(f), 2); /* what is no segment's name is left alone */
    assert_int_equal(rows_seen(&f->a), 5);
    weir_arena_free(arena);
}

/* The rule that everything hangs on: V3's base. */
static void a_slow_writer_commits_nothing_that_was_deleted(void **state)
{
    fixture *f = *state;
    weir_arena *arena = weir_arena_new();
    add(f, &f->a, 0, 1000, 5);
    weir_catalog_step(f->b.catalog);
    weir_added slow = upload(f, &f->b, arena, 0, 1000, 10); /* and b sleeps */
    add(f, &f->a, 0, 1000, 5);
    collect(f, &f->a, 1000);
    f->seed.now_us += 2000000;
    assert_int_equal(collect(f, &f->a, 1000), 1);
    int rule = 0;
    assert_int_equal(commit_added(f, &f->b, &slow, &rule), WEIR_COMMIT_INVALID);
    assert_int_equal(rule, 3);
    slow = upload(f, &f->b, arena, 0, 1000, 10); /* again under a new name */
    assert_int_equal(collect(f, &f->a, 0), 0);
    assert_int_equal(commit_added(f, &f->b, &slow, &rule), WEIR_COMMIT_LANDED);
    assert_int_equal(rows_seen(&f->b), 20);
    weir_arena_free(arena);
}

static void an_open_claim_keeps_the_horizon_back(void **state)
{
    fixture *f = *state;
    weir_error err = {0};
    int rule;
    weir_arena *arena = weir_arena_new();
    weir_commit *commit = weir_commit_new(WEIR_OP_CLAIM, &f->seed.clock);
    weir_claim claim = {WEIR_STR("load"), 0, 0};
    commit->claim = &claim;
    commit->claim_count = 1;
    assert_int_equal(weir_table_commit(f->a.table, commit, never, NULL, &rule, &err),
                     WEIR_COMMIT_LANDED);
    weir_added long_one = upload(f, &f->a, arena, 0, 1000, 10);
    add(f, &f->a, DAY, 1000, 5);
    drop(f, &f->a, DAY, 2 * (int64_t)DAY);
    assert_int_equal(collect(f, &f->a, 0), 0);
    assert_int_equal(commit_added(f, &f->a, &long_one, &rule), WEIR_COMMIT_LANDED);
    weir_arena_free(arena);
}

static void two_that_collect_at_once_delete_each_object_once(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        add(f, i % 2 ? &f->a : &f->b, i * (int64_t)DAY, 1000, 2);
    }
    drop(f, &f->a, 0, 10 * (int64_t)DAY);
    add(f, &f->a, 0, 1000, 2);
    drop(f, &f->a, 0, DAY);
    collect(f, &f->a, 0);
    assert_int_equal(objects(f), 11); /* the last one takes another round */
    for (int i = 0; i < 5; i++) {
        add(f, &f->a, 0, 1000, 1);
        drop(f, &f->a, 0, DAY);
    }
    add(f, &f->a, 11 * (int64_t)DAY, 1000, 1);
    weir_catalog_step(f->b.catalog);
    weir_collect c[2] = {
        {.table = f->a.table, .clock = &f->seed.clock, .memory = &f->a.memory, .give_up = never},
        {.table = f->b.table, .clock = &f->seed.clock, .memory = &f->b.memory, .give_up = never}};
    bool done[2] = {0};
    weir_error err = {0};
    while (!done[0] || !done[1]) {
        int i = done[0] || (!done[1] && draw(&f->seed, 2));
        if (!weir_collect_step(&c[i], &done[i], &err)) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(rows_seen(&f->a), 21);
    }
    assert_int_equal(objects(f), 11);
    weir_catalog_step(f->a.catalog);
    assert_int_equal(rows_seen(&f->a), 21);
}

static size_t copies(const char *folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        count += e->d_name[0] != '.';
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

static void local_copies_go_with_their_segments(void **state)
{
    fixture *f = *state;
    char command[160], folder[160], path[240];
    process p;
    snprintf(f->cache, sizeof(f->cache), "/tmp/weir-collect-XXXXXX");
    assert_non_null(mkdtemp(f->cache));
    open_process(f, &p);
    for (int i = 0; i < 4; i++) {
        add(f, &p, i * (int64_t)DAY, 1000, 10);
    }
    assert_int_equal(rows_seen(&p), 40);
    weir_log_state *now = weir_table_state(p.table);
    snprintf(folder, sizeof(folder), "%s/cache/%.*s", f->cache,
             WEIR_STR_ARG(weir_log_table_id(now)));
    weir_log_state_unref(now);
    assert_int_equal(copies(folder), 4);
    drop(f, &p, 0, 2 * (int64_t)DAY);
    assert_int_equal(rows_seen(&p), 20);
    add(f, &p, 5 * (int64_t)DAY, 1000, 1);
    collect(f, &p, 0);
    assert_int_equal(copies(folder), 2);
    weir_catalog_close(p.catalog);
    snprintf(path, sizeof(path), "%s/%020d-%016x", folder, 1, 9); /* of a process that died */
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(copies(folder), 3);
    open_process(f, &p);
    assert_int_equal(copies(folder), 2);
    assert_int_equal(rows_seen(&p), 21);
    weir_catalog_close(p.catalog);
    snprintf(command, sizeof(command), "rm -rf %s", f->cache);
    assert_int_equal(system(command), 0);
}

/* A store that dies at the n-th call of a change, done or not. */
static struct {
    weir_store store;
    weir_store *behind;
    int calls, dies_at; /* < 0: never */
    bool done;          /* the call that it dies at has its effect */
} mortal;

/* Whether the call is to be made; *fails: and its answer is lost. */
static bool make_call(bool *fails, weir_error *err)
{
    int now = mortal.calls++;
    *fails = mortal.dies_at >= 0 && now >= mortal.dies_at;
    if (*fails) {
        weir_fail(err, WEIR_ERR_STORE, "dead");
    }
    return !*fails || (mortal.done && now == mortal.dies_at);
}
static weir_put mortal_put_if_absent(weir_store *store, weir_str key, weir_str bytes,
                                     weir_error *err)
{
    bool fails, made = make_call(&fails, err);
    weir_put put =
        made ? mortal.behind->ops->put_if_absent(mortal.behind, key, bytes, err) : WEIR_PUT_UNKNOWN;
    (void)store;
    return fails ? WEIR_PUT_UNKNOWN : put;
}
static weir_get mortal_get(weir_store *store, weir_str key, uint64_t from, uint64_t size,
                           weir_buf *out, weir_error *err)
{
    (void)store; /* reading changes nothing: it is no point to die at */
    return mortal.behind->ops->get(mortal.behind, key, from, size, out, err);
}
static bool mortal_list(weir_store *store, weir_str prefix, weir_str after,
                        bool (*seen)(void *self, weir_str key, uint64_t size), void *self,
                        weir_error *err)
{
    bool fails;
    (void)store;
    return make_call(&fails, err) && !fails &&
           mortal.behind->ops->list(mortal.behind, prefix, after, seen, self, err);
}
static bool mortal_remove(weir_store *store, weir_str key, weir_error *err)
{
    bool fails, made = make_call(&fails, err);
    (void)store;
    return (!made || mortal.behind->ops->remove(mortal.behind, key, err)) && !fails;
}
static const weir_store_ops mortal_ops = {.put_if_absent = mortal_put_if_absent,
                                          .get = mortal_get,
                                          .list = mortal_list,
                                          .remove = mortal_remove};

static bool at_once(void *self)
{
    (void)self;
    return true;
}

/* Drops a day and collects, in a process that ends where the store dies. */
static void drop_and_collect(fixture *f, int dies_at, bool done)
{
    process p;
    weir_store *good = f->store;
    weir_interval day = {0, DAY};
    uint64_t changed;
    weir_error err = {0};
    mortal.store = (weir_store){&mortal_ops, WEIR_STR("mortal")};
    mortal.behind = good;
    mortal.dies_at = -1;
    f->store = &mortal.store;
    open_process(f, &p);
    f->store = good;
    mortal.calls = 0;
    mortal.dies_at = dies_at;
    mortal.done = done;
    bool ok = weir_table_drop(p.table, &f->seed.clock, &(weir_drop){within, &day}, at_once, NULL,
                              &changed, &err);
    for (int run = 0; ok && run < 3; run++) {
        weir_collect c = {
            .table = p.table, .clock = &f->seed.clock, .memory = &p.memory, .give_up = at_once};
        bool ended = false;
        while (ok && !ended) {
            ok = weir_collect_step(&c, &ended, &err);
        }
    }
    weir_catalog_close(p.catalog);
}

/* At each call that changes or lists something the process ends, with the effect or without it:
 * what the next one sees is all of the drop or nothing of it, and it ends what was begun. */
static void whatever_call_is_the_last_the_next_process_ends_the_work(void **state)
{
    (void)state;
    int calls = 0;
    for (int dies_at = -1; dies_at < calls; dies_at++) {
        for (int done = 0; done < 2; done++) {
            fixture f = {0};
            seeded_init(&f.seed, 3);
            f.store = weir_store_memory_new(&f.seed.clock);
            open_process(&f, &f.a);
            weir_arena *arena = weir_arena_new();
            for (int i = 0; i < 4; i++) {
                add(&f, &f.a, i * (int64_t)DAY / 2 - 3000, 1000,
                    10); /* the first and the third straddle */
            }
            upload(&f, &f.a, arena, 0, 1000, 5); /* of a writer that died */
            drop_and_collect(&f, dies_at, done);
            calls = dies_at < 0 ? mortal.calls : calls;
            open_process(&f, &f.b);
            uint64_t rows = rows_seen(&f.b);
            assert_true(rows == 40 || rows == 20);
            assert_true(dies_at >= 0 || rows == 20);
            drop(&f, &f.b, 0, DAY);
            assert_int_equal(rows_seen(&f.b), 20);
            for (int run = 0; run < 3; run++) {
                collect(&f, &f.b, 0);
            }
            weir_log_state *now = weir_table_state(f.b.table);
            size_t count;
            weir_log_segments(now, &count);
            weir_log_state_unref(now);
            assert_int_equal(objects(&f), count);
            weir_catalog_close(f.a.catalog);
            weir_catalog_close(f.b.catalog);
            weir_store_free(f.store);
            weir_arena_free(arena);
        }
    }
    assert_true(calls >= 6);
}

/* Loads, drops, lost uploads and collections by two processes while the store fails at any call;
 * processes die half-way. What each sees is at every point what its log says, and in the end just
 * the objects of the state are left. */
static uint64_t one_history(uint64_t seed)
{
    fixture f = {0};
    seeded_init(&f.seed, seed);
    f.store = weir_store_memory_new(&f.seed.clock);
    open_process(&f, &f.a);
    open_process(&f, &f.b);
    weir_store_faults faults = {.fail_ppm = draw(&f.seed, 100000),
                                .unknown_landed_ppm = draw(&f.seed, 50000),
                                .unknown_lost_ppm = draw(&f.seed, 50000)};
    uint32_t days[30] = {0}; /* rows that must be there */
    int64_t grace_ms = draw(&f.seed, 3) * 20000;
    uint64_t deleted = 0;
    weir_store_memory_faults(f.store, &faults);
    for (int step = 0; step < 60; step++) {
        process *p = draw(&f.seed, 2) ? &f.a : &f.b;
        weir_arena *arena = weir_arena_new();
        uint32_t day = draw(&f.seed, 20), n = 1 + draw(&f.seed, 5), span = 1 + draw(&f.seed, 10);
        switch (draw(&f.seed, 6)) {
        case 0:
        case 1: { /* n rows, on each of the days from `day` on */
            int rule = 3;
            while (rule == 3) { /* a base below the horizon: again under a new name */
                weir_added added = upload(&f, p, arena, day * (int64_t)DAY, DAY, n);
                rule = 0;
                if (commit_added(&f, p, &added, &rule) == WEIR_COMMIT_LANDED) {
                    for (uint32_t i = 0; i < n; i++) {
                        days[day + i]++;
                    }
                }
            }
            break;
        }
        case 2: {
            weir_interval interval = {day * (int64_t)DAY, (day + span) * (int64_t)DAY};
            uint64_t changed;
            weir_error err = {0};
            if (weir_table_drop(p->table, &f.seed.clock, &(weir_drop){within, &interval}, never,
                                NULL, &changed, &err)) {
                for (uint32_t i = day; i < day + span; i++) {
                    days[i < 30 ? i : 29] = 0;
                }
            }
            break;
        }
        case 3:
            upload(&f, p, arena, day * (int64_t)DAY, DAY, n); /* its writer dies */
            break;
        case 4: { /* killed at a step of the collection, or not */
            weir_collect c = {.table = p->table,
                              .clock = &f.seed.clock,
                              .memory = &p->memory,
                              .grace_ms = grace_ms,
                              .give_up = never};
            bool done = false;
            weir_error err = {0};
            for (uint32_t i = draw(&f.seed, 5);
                 i > 0 && !done && weir_collect_step(&c, &done, &err); i--) {
                deleted += c.objects;
            }
            break;
        }
        case 5:
            weir_catalog_close(p->catalog);
            weir_store_memory_faults(f.store, &(weir_store_faults){0});
            open_process(&f, p);
            weir_store_memory_faults(f.store, &faults);
            break;
        }
        f.seed.now_us += draw(&f.seed, 30000000);
        uint64_t wanted = 0;
        for (int i = 0; i < 30; i++) {
            wanted += days[i];
        }
        weir_store_memory_faults(f.store, &(weir_store_faults){0});
        weir_catalog_step(p->catalog);
        assert_int_equal(rows_seen(p), wanted);
        weir_store_memory_faults(f.store, &faults);
        weir_arena_free(arena);
    }
    weir_store_memory_faults(f.store, &(weir_store_faults){0});
    weir_catalog_step(f.a.catalog);
    for (int i = 0; i < 3; i++) { /* two moves of the horizon at most */
        f.seed.now_us += 4 * (int64_t)HOUR_US;
        collect_once(&f, &f.a, 0, &deleted);
    }
    weir_log_state *state = weir_table_state(f.a.table);
    size_t count;
    weir_log_segments(state, &count);
    weir_log_state_unref(state);
    assert_int_equal(objects(&f), count);
    weir_catalog_close(f.a.catalog);
    weir_catalog_close(f.b.catalog);
    weir_store_free(f.store);
    return deleted;
}

static void under_every_fault_what_is_needed_stays_and_the_rest_goes(void **state)
{
    (void)state;
    uint64_t deleted = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        deleted += one_history(seed);
    }
    assert_true(deleted > SEEDS);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(segments_inside_go_and_others_are_cut),
        TEST(several_times_of_a_segment_go_in_one_commit),
        TEST(what_another_process_committed_meanwhile_is_dropped_too),
        TEST(an_open_claim_does_not_keep_rows_from_being_dropped),
        TEST(only_whole_buckets_are_dropped),
        TEST(what_was_removed_stays_for_the_grace_and_goes_then),
        TEST(a_process_that_has_just_begun_moves_no_horizon),
        TEST(objects_of_writers_that_died_are_deleted),
        TEST(a_slow_writer_commits_nothing_that_was_deleted),
        TEST(an_open_claim_keeps_the_horizon_back),
        TEST(two_that_collect_at_once_delete_each_object_once),
        TEST(local_copies_go_with_their_segments),
        cmocka_unit_test(whatever_call_is_the_last_the_next_process_ends_the_work),
        TEST(under_every_fault_what_is_needed_stays_and_the_rest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
