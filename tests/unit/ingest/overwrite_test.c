/* tests/unit/ingest/overwrite_test.c - loads that replace rows: against a slow twin over a store
 * with faults, with rows of others that come between claim and commit, and with a crash at each
 * call of the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ingest/claims.h"
#include "weir/ingest.h"
#include "weir/log.h"

#define HOUR_MS 3600000LL
#define HOURS 48

/* A store that crashes at a call: it takes effect or not, the answer never comes, nothing answers
 * from then on. And that lets others work while a segment is uploaded. */
typedef struct shaky {
    weir_store base;
    weir_store *inner;
    _Atomic uint32_t calls;
    uint32_t crash_at; /* 0: never */
    bool lands;
    _Atomic bool down;
    void (*meanwhile)(void *self); /* once, at the next upload */
    void *self;
} shaky;

/* False: no answer; *effect: though it happens. */
static bool pass(shaky *s, bool *effect)
{
    uint32_t call = atomic_fetch_add(&s->calls, 1) + 1;
    bool now = s->crash_at > 0 && call == s->crash_at;
    *effect = !s->down && (!now || s->lands);
    s->down = s->down || now;
    return !s->down;
}

static weir_put no_answer(weir_error *err)
{
    weir_fail(err, WEIR_ERR_STORE, "no answer");
    return WEIR_PUT_UNKNOWN;
}

static weir_put shaky_put_if_absent(weir_store *store, weir_str key, weir_str bytes,
                                    weir_error *err)
{
    shaky *s = (shaky *)store;
    bool effect, answers = pass(s, &effect);
    weir_put put = effect ? s->inner->ops->put_if_absent(s->inner, key, bytes, err) : 0;
    return answers ? put : no_answer(err);
}

static weir_put shaky_put(weir_store *store, weir_str key, weir_str bytes, weir_error *err)
{
    shaky *s = (shaky *)store;
    bool effect, answers = pass(s, &effect);
    weir_put put = effect ? s->inner->ops->put(s->inner, key, bytes, err) : 0;
    return answers ? put : no_answer(err);
}

static weir_put shaky_put_file(weir_store *store, weir_str key, const char *path, weir_error *err)
{
    shaky *s = (shaky *)store;
    if (s->meanwhile) {
        void (*call)(void *) = s->meanwhile;
        s->meanwhile = NULL;
        call(s->self);
    }
    bool effect, answers = pass(s, &effect);
    weir_put put = effect ? s->inner->ops->put_file(s->inner, key, path, err) : 0;
    return answers ? put : no_answer(err);
}

static weir_get shaky_get(weir_store *store, weir_str key, uint64_t from, uint64_t size,
                          weir_buf *out, weir_error *err)
{
    shaky *s = (shaky *)store;
    bool effect;
    if (!pass(s, &effect)) {
        weir_fail(err, WEIR_ERR_STORE, "no answer");
        return WEIR_GET_FAILED;
    }
    return s->inner->ops->get(s->inner, key, from, size, out, err);
}

static bool shaky_list(weir_store *store, weir_str prefix, weir_str after,
                       bool (*see)(void *self, weir_str key, uint64_t size), void *self,
                       weir_error *err)
{
    shaky *s = (shaky *)store;
    bool effect;
    return pass(s, &effect) ? s->inner->ops->list(s->inner, prefix, after, see, self, err)
                            : weir_fail(err, WEIR_ERR_STORE, "no answer");
}

static bool shaky_remove(weir_store *store, weir_str key, weir_error *err)
{
    shaky *s = (shaky *)store;
    bool effect, answers = pass(s, &effect);
    bool ok = effect && s->inner->ops->remove(s->inner, key, err);
    return answers ? ok : weir_fail(err, WEIR_ERR_STORE, "no answer");
}

static const weir_store_ops shaky_ops = {.put_if_absent = shaky_put_if_absent,
                                         .put = shaky_put,
                                         .put_file = shaky_put_file,
                                         .get = shaky_get,
                                         .list = shaky_list,
                                         .remove = shaky_remove};

/* One store; a catalog over it, which is closed and opened again for a restart. */
typedef struct row {
    int64_t ms, v;
} row;
typedef struct world {
    char path[64];
    weir_store *memory;
    shaky store;
    weir_catalog *catalog;
    weir_arena *arena;
    uint64_t random;
    uint64_t process; /* grows by a restart */
    const char *node;
    _Atomic bool cancelled;
    row *rows; /* what the twin has */
    uint32_t row_count;
    int64_t next_v;
    size_t memory_bytes;
    int64_t renew_ms;
} world;

static uint32_t draw(world *w, uint32_t below)
{
    w->random += 0x9e3779b97f4a7c15u;
    uint64_t z = w->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) % below);
}

static void no_wait(void *self, int64_t ms)
{
    (void)self, (void)ms;
}

static void start(world *w)
{
    weir_error err;
    weir_catalog_options options = {.store = &w->store.base,
                                    .clock = &weir_clock_system,
                                    .node = WEIR_STR("test"),
                                    .work_path = w->path,
                                    .wait = no_wait};
    w->process++;
    w->catalog = weir_catalog_open(&options, &err);
    if (!w->catalog) {
        fail_msg("%s", err.message);
    }
}

/* The store goes on, the process is another. */
static void restart(world *w)
{
    weir_catalog_close(w->catalog);
    w->store.down = w->cancelled = false;
    w->store.crash_at = 0;
    weir_store_memory_faults(w->memory, &(weir_store_faults){0});
    weir_store_memory_land_late(w->memory);
    start(w);
}

static world *begin(uint64_t seed)
{
    world *w = weir_calloc(1, sizeof(*w));
    strcpy(w->path, "/tmp/weir-overwrite-XXXXXX");
    assert_non_null(mkdtemp(w->path));
    w->arena = weir_arena_new();
    w->random = seed;
    w->memory = weir_store_memory_new(&weir_clock_system);
    w->store = (shaky){.base = {.ops = &shaky_ops, .name = WEIR_STR("shaky")}, .inner = w->memory};
    w->rows = weir_calloc(100000, sizeof(row));
    w->node = "";
    start(w);
    return w;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void end(world *w)
{
    weir_catalog_close(w->catalog);
    weir_store_free(w->memory);
    weir_arena_free(w->arena);
    nftw(w->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(w->rows);
    free(w);
}

/* A load. */

typedef struct batch {
    row rows[200];
    uint32_t count;
    const char *granularity, *intervals; /* "": none; hours, for Druid "[...]" */
    bool append, drop;
} batch;

static weir_str task_of(world *w, const batch *b)
{
    weir_buf text = {0};
    weir_buf_printf(
        &text,
        "{\"type\":\"index_parallel\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\","
        "\"timestampSpec\":{\"column\":\"ts\",\"format\":\"millis\"},\"dimensionsSpec\":{"
        "\"dimensions\":[\"id\"]},\"metricsSpec\":[{\"type\":\"longSum\",\"name\":\"v\","
        "\"fieldName\":\"v\"}],\"granularitySpec\":{\"segmentGranularity\":\"%s\",\"rollup\":"
        "false%s%s}},\"ioConfig\":{\"inputFormat\":{\"type\":\"json\"},\"appendToExisting\":%s,"
        "\"dropExisting\":%s,\"inputSource\":{\"type\":\"inline\",\"data\":\"",
        b->granularity, b->intervals[0] ? ",\"intervals\":" : "", b->intervals,
        b->append ? "true" : "false", b->drop ? "true" : "false");
    for (uint32_t i = 0; i < b->count; i++) {
        weir_buf_printf(&text, "{\\\"ts\\\":%lld,\\\"id\\\":\\\"x\\\",\\\"v\\\":%lld}\\n",
                        (long long)b->rows[i].ms, (long long)b->rows[i].v);
    }
    weir_buf_printf(&text, "\"}}}}");
    weir_str kept = weir_arena_str(w->arena, weir_buf_view(&text));
    weir_buf_done(&text);
    return kept;
}

static bool run_load(world *w, const batch *b, const char *label, weir_load_result *out,
                     weir_error *err)
{
    weir_load_options options = {.catalog = w->catalog,
                                 .clock = &weir_clock_system,
                                 .spec_json = task_of(w, b),
                                 .work_path = w->path,
                                 .thread_count = 1,
                                 .memory_bytes = w->memory_bytes,
                                 .renew_ms = w->renew_ms,
                                 .label = weir_str_of(label),
                                 .node = weir_str_of(w->node),
                                 .process = w->process,
                                 .cancelled = &w->cancelled,
                                 .wait = no_wait};
    return weir_load_run(&options, out, err);
}

static void must_load(world *w, const batch *b)
{
    weir_error err;
    weir_load_result result;
    if (!run_load(w, b, "", &result, &err)) {
        fail_msg("%s", err.message);
    }
}

static void add_row(world *w, batch *b, uint32_t hour)
{
    b->rows[b->count++] = (row){hour * HOUR_MS + draw(w, HOUR_MS), w->next_v++};
}

static batch make_batch(world *w, const char *granularity, uint32_t first_hour, uint32_t hours,
                        uint32_t count)
{
    batch b = {.granularity = granularity, .intervals = ""};
    for (uint32_t i = 0; i < count; i++) {
        add_row(w, &b, first_hour + draw(w, hours));
    }
    return b;
}

/* The twin. */

static void twin_remove(world *w, int64_t from_ms, int64_t to_ms)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->row_count; i++) {
        if (w->rows[i].ms < from_ms || w->rows[i].ms >= to_ms) {
            w->rows[kept++] = w->rows[i];
        }
    }
    w->row_count = kept;
}

static void twin_add(world *w, const batch *b)
{
    memcpy(w->rows + w->row_count, b->rows, sizeof(row) * b->count);
    w->row_count += b->count;
}

static int by_v(const void *a, const void *b)
{
    int64_t x = ((const row *)a)->v, y = ((const row *)b)->v;
    return (x > y) - (x < y);
}

static void read_chunk(const weir_rows *rows, uint32_t chunk, row *out, uint32_t *count)
{
    weir_error err;
    weir_chunk_info info;
    weir_sel visible;
    weir_scratch s = {0};
    weir_vec vec, times, values;
    rows->ops->chunk(rows, chunk, &info);
    assert_true(info.row_count <= WEIR_BLOCK_ROWS);
    const weir_column *time = rows->ops->column(rows, WEIR_STR("__time")),
                      *v = rows->ops->column(rows, WEIR_STR("v"));
    assert_true(time->ops->read(time, chunk, 0, info.row_count, false, &s, &vec, &err) &&
                weir_vec_flatten(&vec, &s, &times, &err));
    assert_true(v->ops->read(v, chunk, 0, info.row_count, false, &s, &vec, &err) &&
                weir_vec_flatten(&vec, &s, &values, &err));
    bool some = rows->ops->visible(rows, chunk, &s, &visible);
    const uint16_t *seen = some ? weir_sel_rows(&visible, &s) : NULL;
    for (uint32_t i = 0; i < (some ? visible.count : info.row_count); i++) {
        uint32_t at = some ? seen[i] : i;
        out[(*count)++] = (row){times.at.l[at], values.at.l[at]};
    }
    weir_scratch_done(&s);
}

/* All rows of the table, by v. */
static uint32_t read_rows(world *w, row *out)
{
    uint32_t count = 0;
    weir_view *view = weir_table_view(weir_catalog_table(w->catalog, WEIR_STR("t")));
    for (uint32_t i = 0; i < view->count; i++) {
        assert_int_equal(view->problems[i].size, 0);
        for (uint32_t c = 0; c < view->rows[i]->ops->chunks(view->rows[i]); c++) {
            read_chunk(view->rows[i], c, out, &count);
        }
    }
    weir_view_unref(view);
    qsort(out, count, sizeof(row), by_v);
    return count;
}

static bool table_is(world *w, const row *want, uint32_t count)
{
    row *got = weir_calloc(100000, sizeof(row));
    bool same = read_rows(w, got) == count && memcmp(got, want, sizeof(row) * count) == 0;
    free(got);
    return same;
}

static bool same_as_twin(world *w)
{
    qsort(w->rows, w->row_count, sizeof(row), by_v);
    return table_is(w, w->rows, w->row_count);
}

static size_t open_claims(world *w)
{
    size_t count;
    weir_log_state *state = weir_table_state(weir_catalog_table(w->catalog, WEIR_STR("t")));
    weir_log_claims(state, &count);
    weir_log_state_unref(state);
    return count;
}

/* Tests. */

static void only_buckets_with_new_rows_are_replaced_unless_the_rest_is_to_be_dropped(void **state)
{
    (void)state;
    world *w = begin(1);
    batch old = make_batch(w, "HOUR", 0, 10, 100), new;
    for (uint32_t i = 0; i < 10; i++) {
        add_row(w, &old, i);
    }
    must_load(w, &old);
    twin_add(w, &old);
    new = make_batch(w, "HOUR", 3, 1, 5);
    must_load(w, &new); /* no intervals: the hour of its rows */
    twin_remove(w, 3 * HOUR_MS, 4 * HOUR_MS);
    twin_add(w, &new);
    assert_true(same_as_twin(w));
    new = make_batch(w, "HOUR", 5, 2, 6);
    add_row(w, &new, 9);                                       /* outside: thrown away */
    new.intervals = "[\"1970-01-01T05:30/1970-01-01T06:10\"]"; /* widened to [5, 7) */
    must_load(w, &new);
    new.count--;
    twin_remove(w, 5 * HOUR_MS, 7 * HOUR_MS);
    twin_add(w, &new);
    assert_true(same_as_twin(w));
    new = make_batch(w, "HOUR", 1, 1, 3);
    new.intervals = "[\"1970-01-01T00/1970-01-01T03\",\"1970-01-01T07/1970-01-01T08\"]";
    new.drop = true;
    must_load(w, &new);
    twin_remove(w, 0, 3 * HOUR_MS);
    twin_remove(w, 7 * HOUR_MS, 8 * HOUR_MS);
    twin_add(w, &new);
    assert_true(same_as_twin(w));
    new.count = 0; /* nothing instead */
    must_load(w, &new);
    twin_remove(w, 0, 3 * HOUR_MS);
    assert_true(same_as_twin(w));
    assert_int_equal(open_claims(w), 0);
    end(w);
}

typedef struct stream {
    world *w;
    batch rows;
} stream;

static void append_meanwhile(void *self)
{
    stream *s = self;
    must_load(s->w, &s->rows);
}

static void rows_committed_after_the_claim_are_kept(void **state)
{
    (void)state;
    world *w = begin(2);
    batch old = make_batch(w, "DAY", 0, HOURS, 150), new = make_batch(w, "HOUR", 4, 4, 20);
    stream s = {w, make_batch(w, "HOUR", 0, HOURS, 50)};
    s.rows.append = true;
    must_load(w, &old);
    twin_add(w, &old);
    w->store.meanwhile = append_meanwhile;
    w->store.self = &s;
    new.intervals = "[\"1970-01-01T04/1970-01-01T08\"]";
    new.drop = true;
    must_load(w, &new);
    twin_remove(w, 4 * HOUR_MS, 8 * HOUR_MS);
    twin_add(w, &new);
    twin_add(w, &s.rows);
    assert_true(same_as_twin(w));
    end(w);
}

static void two_overwrites_of_the_same_time_do_not_run_at_once(void **state)
{
    (void)state;
    world *w = begin(3);
    weir_error err;
    weir_load_result result;
    weir_claims claims;
    batch old = make_batch(w, "HOUR", 0, 10, 50), new = make_batch(w, "HOUR", 2, 2, 10);
    must_load(w, &old);
    twin_add(w, &old);
    weir_table *table = weir_catalog_table(w->catalog, WEIR_STR("t"));
    weir_interval time = {3 * HOUR_MS, 4 * HOUR_MS};
    weir_claims_init(&claims, &(weir_claims_options){.table = table,
                                                     .clock = &weir_clock_system,
                                                     .label = WEIR_STR("other job"),
                                                     .node = WEIR_STR("elsewhere:1"),
                                                     .process = 77});
    assert_int_equal(weir_claims_begin(&claims, &time, 1, &err), WEIR_CLAIMS_OPEN);
    assert_false(run_load(w, &new, "", &result, &err));
    assert_int_equal(err.code, WEIR_ERR_CONFLICT);
    assert_non_null(strstr(err.message, "other job"));
    assert_non_null(strstr(err.message, "1970-01-01T03:00:00.000Z/1970-01-01T04:00:00.000Z"));
    assert_true(same_as_twin(w));
    assert_true(weir_claims_renew(&claims, &err));
    new.append = true; /* appends need not wait */
    must_load(w, &new);
    twin_add(w, &new);
    assert_true(weir_claims_release(&claims, &err));
    new = make_batch(w, "HOUR", 2, 2, 10);
    must_load(w, &new);
    twin_remove(w, 2 * HOUR_MS, 4 * HOUR_MS);
    twin_add(w, &new);
    assert_true(same_as_twin(w));
    assert_false(weir_claims_renew(&claims, &err) && claims.count > 0);
    weir_claims_done(&claims);
    end(w);
}

static void a_job_whose_claim_was_taken_over_gives_up(void **state)
{
    (void)state;
    world *w = begin(4);
    weir_error err;
    weir_load_result result;
    batch old = make_batch(w, "HOUR", 0, 4, 50), new = make_batch(w, "HOUR", 0, 4, 30);
    must_load(w, &old);
    twin_add(w, &old);
    weir_table *table = weir_catalog_table(w->catalog, WEIR_STR("t"));
    weir_interval time = {0, 4 * HOUR_MS};
    uint64_t changed;
    weir_claims first;
    weir_claims_init(&first, &(weir_claims_options){.table = table,
                                                    .clock = &weir_clock_system,
                                                    .label = WEIR_STR("backfill"),
                                                    .process = 5});
    assert_int_equal(weir_claims_begin(&first, &time, 1, &err), WEIR_CLAIMS_OPEN);
    weir_commit *commit = weir_commit_new(WEIR_OP_OVERWRITE, &weir_clock_system);
    assert_true(weir_claims_replace(&first, &time, 1, commit, &changed, &err));
    /* The same label, run again elsewhere: the first run's process may be gone, or only slow. */
    assert_true(run_load(w, &new, "backfill", &result, &err));
    twin_remove(w, 0, 4 * HOUR_MS);
    twin_add(w, &new);
    int rule = 0;
    assert_int_equal(weir_table_commit(table, commit, NULL, NULL, &rule, &err),
                     WEIR_COMMIT_INVALID);
    assert_false(weir_claims_renew(&first, &err));
    assert_int_equal(err.code, WEIR_ERR_CONFLICT);
    commit = weir_commit_new(WEIR_OP_OVERWRITE, &weir_clock_system);
    assert_false(weir_claims_replace(&first, &time, 1, commit, &changed, &err));
    weir_commit_free(commit);
    assert_int_equal(weir_claims_begin(&first, &time, 1, &err), WEIR_CLAIMS_DONE);
    assert_true(same_as_twin(w));
    weir_claims_done(&first);
    end(w);
}

/* What others see and do while a segment of the load is uploaded. */

static weir_claim_state first_claim(world *w, size_t *count)
{
    weir_table *table = weir_catalog_table(w->catalog, WEIR_STR("t"));
    weir_table_refresh(table, NULL); /* own commits are there anyway */
    weir_log_state *state = weir_table_state(table);
    const weir_claim_state *claims = weir_log_claims(state, count);
    weir_claim_state first = *count > 0 ? claims[0] : (weir_claim_state){0};
    first.claim.id = weir_arena_str(w->arena, first.claim.id);
    weir_log_state_unref(state);
    return first;
}

static void release_the_claim(void *self)
{
    world *w = self;
    size_t count;
    weir_error err;
    int rule;
    weir_claim claim = first_claim(w, &count).claim;
    weir_commit *commit = weir_commit_new(WEIR_OP_CLAIM, &weir_clock_system);
    commit->release = WEIR_ARENA_NEW(commit->arena, weir_claim);
    commit->release[0].id = weir_commit_text(commit, claim.id);
    commit->release_count = 1;
    assert_int_equal(weir_table_commit(weir_catalog_table(w->catalog, WEIR_STR("t")), commit, NULL,
                                       NULL, &rule, &err),
                     WEIR_COMMIT_LANDED);
}

static void cancel_it(void *self)
{
    ((world *)self)->cancelled = true;
}

static void wait_for_beats(void *self)
{
    size_t count;
    while (first_claim(self, &count).beats < 3) {
        assert_int_equal(count, 1);
        usleep(1000);
    }
}

static void see_an_empty_claim(void *self)
{
    size_t count;
    weir_claim_state claim = first_claim(self, &count);
    assert_int_equal(count, 1);
    assert_int_equal(claim.claim.from_ms, claim.claim.to_ms);
    ((world *)self)->store.self = NULL; /* seen */
}

static void fails_while(void (*meanwhile)(void *self), weir_err code)
{
    world *w = begin(6);
    weir_error err;
    weir_load_result result;
    batch old = make_batch(w, "HOUR", 0, 4, 50), new = make_batch(w, "HOUR", 0, 4, 30);
    must_load(w, &old);
    twin_add(w, &old);
    w->store.meanwhile = meanwhile;
    w->store.self = w;
    assert_false(run_load(w, &new, "", &result, &err));
    assert_int_equal(err.code, code);
    assert_true(same_as_twin(w));
    assert_int_equal(open_claims(w), 0);
    end(w);
}

static void a_load_whose_claim_is_released_as_dead_changes_nothing(void **state)
{
    (void)state;
    fails_while(release_the_claim, WEIR_ERR_CONFLICT);
}

static void a_load_that_is_cancelled_releases_its_claim(void **state)
{
    (void)state;
    fails_while(cancel_it, WEIR_ERR_CANCELLED);
}

static void a_claim_beats_while_its_job_works(void **state)
{
    (void)state;
    world *w = begin(7);
    batch new = make_batch(w, "HOUR", 0, 4, 30);
    w->renew_ms = 20;
    w->store.meanwhile = wait_for_beats;
    w->store.self = w;
    must_load(w, &new);
    twin_add(w, &new);
    assert_true(same_as_twin(w));
    assert_int_equal(open_claims(w), 0);
    end(w);
}

/* More rows than its memory holds: segments are uploaded long before the commit. */
static void an_append_that_takes_long_keeps_the_horizon_back(void **state)
{
    (void)state;
    world *w = begin(8);
    weir_buf lines = {0};
    for (int i = 0; i < 60000; i++) {
        weir_buf_printf(&lines, "{\"ts\":%d,\"id\":\"row number %d of many\",\"v\":1}\n", i, i);
    }
    const char *path = weir_arena_printf(w->arena, "%s/lines.json", w->path).at;
    FILE *file = fopen(path, "w");
    fwrite(lines.at, 1, lines.size, file);
    fclose(file);
    weir_buf_done(&lines);
    batch none = {.granularity = "HOUR", .intervals = "", .append = true};
    weir_error err;
    weir_load_result result;
    w->store.meanwhile = see_an_empty_claim;
    w->store.self = w;
    weir_load_options options = {.catalog = w->catalog,
                                 .clock = &weir_clock_system,
                                 .spec_json = task_of(w, &none),
                                 .file_count = 1,
                                 .files = &path,
                                 .work_path = w->path,
                                 .thread_count = 1,
                                 .memory_bytes = 1 << 20};
    assert_true(weir_load_run(&options, &result, &err));
    assert_int_equal(result.counts.kept, 60000);
    assert_true(result.segments > 1);
    assert_null(w->store.self);
    assert_int_equal(open_claims(w), 0);
    end(w);
}

/* Random loads, some of which others interrupt, over a store that fails, answers late or not at
 * all. */
static void random_overwrites_equal_a_slow_twin(void **state)
{
    (void)state;
    weir_store_faults faults = {.fail_ppm = 20000,
                                .unknown_landed_ppm = 20000,
                                .unknown_lost_ppm = 20000,
                                .late_ppm = 20000};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        world *w = begin(seed * 7919);
        for (int step = 0; step < 25; step++) {
            uint32_t first = draw(w, HOURS - 8), hours = 1 + draw(w, 8), covered[HOURS] = {0};
            batch b = make_batch(w, draw(w, 3) ? "HOUR" : "SIX_HOUR", first, hours, draw(w, 40));
            stream s = {w, make_batch(w, "DAY", 0, HOURS, 1 + draw(w, 30))};
            bool six = b.granularity[0] == 'S';
            s.rows.append = true;
            b.append = draw(w, 3) == 0;
            bool drop = draw(w, 3) == 0;
            uint32_t from = first, to = first + hours;
            if (draw(w, 2)) {
                uint32_t cut = draw(w, hours);
                from = first + cut;
                b.intervals = weir_arena_printf(w->arena, "[\"1970-01-%02uT%02u/PT%uH\"]",
                                                1 + from / 24, from % 24, to - from)
                                  .at;
                b.drop = drop && !b.append;
            }
            from = six ? from / 6 * 6 : from;
            to = six ? (to + 5) / 6 * 6 : to;
            if (draw(w, 3) == 0) {
                w->store.meanwhile = append_meanwhile;
                w->store.self = &s;
            }
            weir_store_memory_faults(w->memory, &faults);
            must_load(w, &b);
            weir_store_memory_faults(w->memory, &(weir_store_faults){0});
            bool interrupted = w->store.self && !w->store.meanwhile;
            w->store.meanwhile = NULL;
            w->store.self = NULL;
            uint32_t kept = 0;
            for (uint32_t i = 0; i < b.count; i++) {
                uint32_t hour = (uint32_t)(b.rows[i].ms / HOUR_MS);
                if (!b.intervals[0] || (hour >= from && hour < to)) {
                    covered[six ? hour / 6 * 6 : hour] = 1;
                    b.rows[kept++] = b.rows[i];
                }
            }
            b.count = kept;
            for (uint32_t h = 0; h < HOURS && !b.append; h++) {
                bool all = b.drop && b.intervals[0] && h >= from && h < to;
                if (covered[six ? h / 6 * 6 : h] || all) {
                    twin_remove(w, h * HOUR_MS, (h + 1) * HOUR_MS);
                }
            }
            twin_add(w, &b);
            if (interrupted) {
                twin_add(w, &s.rows);
            }
            if (!same_as_twin(w)) {
                fail_msg("seed %llu, step %d", (unsigned long long)seed, step);
            }
            if (draw(w, 10) == 0) {
                restart(w);
            }
        }
        assert_int_equal(open_claims(w), 0);
        restart(w);
        assert_true(same_as_twin(w));
        end(w);
    }
}

/* Crashes. */

static void *cancel_when_down(void *self)
{
    world *w = self;
    while (!w->cancelled) {
        w->cancelled = w->store.down;
        usleep(200);
    }
    return NULL;
}

/* Loads with a crash at the given call; false: it ended before. */
static bool crash(world *w, const batch *b, uint32_t at, bool lands)
{
    weir_error err;
    weir_load_result result;
    pthread_t watch;
    w->store.calls = 0;
    w->store.crash_at = at;
    w->store.lands = lands;
    pthread_create(&watch, NULL, cancel_when_down, w);
    bool ok = run_load(w, b, "job", &result, &err);
    bool crashed = w->store.down;
    w->cancelled = true;
    pthread_join(watch, NULL);
    if (!ok && !crashed) {
        fail_msg("%s", err.message);
    }
    return crashed;
}

static void crash_everywhere(bool lands, const char *node, bool same_label)
{
    bool crashed = true;
    for (uint32_t at = 1; crashed; at++) {
        world *w = begin(5);
        weir_error err;
        weir_load_result result;
        w->node = node;
        batch old = make_batch(w, "DAY", 0, HOURS, 100), new = make_batch(w, "HOUR", 5, 8, 40);
        new.intervals = "[\"1970-01-01T04/1970-01-01T08\",\"1970-01-01T10/1970-01-01T12\"]";
        new.drop = true;
        must_load(w, &old);
        twin_add(w, &old);
        uint32_t old_count = w->row_count;
        row *before = weir_calloc(old_count, sizeof(row));
        qsort(w->rows, w->row_count, sizeof(row), by_v);
        memcpy(before, w->rows, sizeof(row) * old_count);
        twin_remove(w, 4 * HOUR_MS, 8 * HOUR_MS);
        twin_remove(w, 10 * HOUR_MS, 12 * HOUR_MS);
        for (uint32_t i = 0; i < new.count; i++) {
            int64_t hour = new.rows[i].ms / HOUR_MS;
            if ((hour >= 4 && hour < 8) || (hour >= 10 && hour < 12)) {
                w->rows[w->row_count++] = new.rows[i];
            }
        }
        crashed = crash(w, &new, at, lands);
        restart(w);
        bool is_old = table_is(w, before, old_count), is_new = same_as_twin(w);
        if (is_old == is_new) {
            fail_msg("crash at call %u: neither all old nor all new rows", at);
        }
        assert_true(crashed || is_new);
        if (!run_load(w, &new, same_label ? "job" : "job again", &result, &err)) {
            fail_msg("crash at call %u: %s", at, err.message);
        }
        assert_true(!same_label || result.already_done == is_new);
        assert_true(same_as_twin(w));
        assert_int_equal(open_claims(w), 0);
        free(before);
        end(w);
        assert_true(at < 200);
    }
}

static void a_crash_at_each_call_leaves_old_or_new_rows_and_the_label_goes_on(void **state)
{
    (void)state;
    crash_everywhere(false, "", true);
    crash_everywhere(true, "", true);
}

static void claims_of_a_servers_earlier_process_are_in_nobodys_way(void **state)
{
    (void)state;
    crash_everywhere(true, "host:8888", false);
}

int main(void)
{
    weir_log_setup(WEIR_ERROR, false);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_buckets_with_new_rows_are_replaced_unless_the_rest_is_to_be_dropped),
        cmocka_unit_test(rows_committed_after_the_claim_are_kept),
        cmocka_unit_test(two_overwrites_of_the_same_time_do_not_run_at_once),
        cmocka_unit_test(a_job_whose_claim_was_taken_over_gives_up),
        cmocka_unit_test(a_load_whose_claim_is_released_as_dead_changes_nothing),
        cmocka_unit_test(a_load_that_is_cancelled_releases_its_claim),
        cmocka_unit_test(a_claim_beats_while_its_job_works),
        cmocka_unit_test(an_append_that_takes_long_keeps_the_horizon_back),
        cmocka_unit_test(random_overwrites_equal_a_slow_twin),
        cmocka_unit_test(a_crash_at_each_call_leaves_old_or_new_rows_and_the_label_goes_on),
        cmocka_unit_test(claims_of_a_servers_earlier_process_are_in_nobodys_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
