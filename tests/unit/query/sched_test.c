/* tests/unit/query/sched_test.c - how runs share workers and how they end. */
#include "run_helper.h"
#include <pthread.h>
#include <unistd.h>

static const char *const heavy =
    "{'queryType':'groupBy','dataSource':'t','granularity':'hour','intervals':['2024-03-09/2024-03-13'],"
    "'dimensions':['s2','mv','s1'],'aggregations':[{'type':'count','name':'n'},{'type':'doubleSum','name':'d','fieldName':'d1'}]}";
static const char *const light =
    "{'queryType':'timeseries','dataSource':'t','granularity':'all','intervals':['2024-03-09/2024-03-13'],"
    "'aggregations':[{'type':'count','name':'n'},{'type':'longSum','name':'s','fieldName':'l2'}]}";
static const char *const scan =
    "{'queryType':'scan','dataSource':'t','intervals':['2024-03-09/2024-03-13'],'columns':['__time','s1','s2','mv','l2']}";

typedef struct reader { /* a sink that can be slow */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ended, slow, fail;
    int room; /* batches that may still come; -1: any number */
    uint32_t rows, batches, asked, order; /* order: of the ends */
    weir_error err;
} reader;

static _Atomic uint32_t ends;

static bool take(void *self, const weir_batch *batch, weir_error *err)
{
    reader *r = self;
    pthread_mutex_lock(&r->lock);
    r->rows += batch->n;
    r->batches++;
    r->room -= r->room > 0;
    bool fail = r->fail;
    pthread_mutex_unlock(&r->lock);
    return !fail || weir_fail(err, WEIR_ERR_STORE, "the pipe is broken");
}

static bool ready(void *self)
{
    reader *r = self;
    pthread_mutex_lock(&r->lock);
    bool ok = r->room != 0;
    r->asked++;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    return ok;
}

static void end(void *self, const weir_error *err)
{
    reader *r = self;
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    r->order = ++ends;
    r->err = *err;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

static reader reader_of(int room)
{
    return (reader){.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .room = room};
}

static void wait_end(reader *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->ended) {
        pthread_cond_wait(&r->wake, &r->lock);
    }
    pthread_mutex_unlock(&r->lock);
}

static weir_query_run *start(fixture *f, const char *json, weir_ctl *ctl, reader *r, const weir_run_options *options)
{
    return weir_run_start(f->sched, query_of(f, json)->plan, f->views, 1, ctl, options, (weir_sink){.self = r, .batch = take, .ready = ready, .end = end});
}

static void a_cancelled_query_ends_with_its_error(void **state)
{
    (void)state;
    uint64_t seed = 1;
    fixture *f = fixture_new(&seed, 30000, SOURCE_MIXED, 2);
    for (int before = 0; before < 2; before++) {
        weir_ctl ctl = ctl_of(0);
        reader r = reader_of(-1);
        if (before) {
            weir_ctl_cancel(&ctl);
        }
        start(f, heavy, &ctl, &r, &(weir_run_options){.force_bytes = true});
        usleep(2000);
        weir_ctl_cancel(&ctl);
        wait_end(&r);
        assert_true(r.err.code == WEIR_ERR_CANCELLED || (!before && r.err.code == WEIR_OK));
        assert_int_equal(ctl.budget.used_bytes, 0);
    }
    fixture_free(f);
}

static void a_deadline_ends_a_query(void **state)
{
    (void)state;
    uint64_t seed = 2;
    fixture *f = fixture_new(&seed, 30000, SOURCE_FROZEN, 2);
    weir_ctl ctl = ctl_of(0);
    reader r = reader_of(-1);
    ctl.deadline_us = weir_monotonic_us(&weir_clock_system) + 1000;
    start(f, heavy, &ctl, &r, &(weir_run_options){.force_hash = true, .force_bytes = true, .block_rows = 64});
    wait_end(&r);
    assert_int_equal(r.err.code, WEIR_ERR_TIMEOUT);
    assert_int_equal(ctl.budget.used_bytes, 0);
    fixture_free(f);
}

static void too_little_memory_is_the_querys_own_error(void **state)
{
    (void)state;
    uint64_t seed = 3;
    fixture *f = fixture_new(&seed, 60000, SOURCE_MIXED, 2);
    for (size_t limit = 64 << 10; limit <= 8u << 20; limit *= 2) {
        weir_ctl ctl = ctl_of(limit), other = ctl_of(0);
        reader r = reader_of(-1), well = reader_of(-1);
        start(f, heavy, &ctl, &r, NULL);
        start(f, light, &other, &well, NULL);
        wait_end(&r);
        wait_end(&well);
        assert_true(r.err.code == WEIR_ERR_RESOURCE || (limit > 1 << 20 && r.err.code == WEIR_OK));
        assert_int_equal(well.err.code, WEIR_OK);
        assert_int_equal(well.rows, 1);
        assert_int_equal(ctl.budget.used_bytes, 0);
    }
    fixture_free(f);
}

static void a_full_sink_holds_no_worker(void **state)
{
    (void)state;
    uint64_t seed = 4;
    fixture *f = fixture_new(&seed, 40000, SOURCE_LIVE, 1);
    weir_ctl ctl = ctl_of(0), other = ctl_of(0);
    reader slow = reader_of(2), quick = reader_of(-1);
    weir_query_run *run = start(f, scan, &ctl, &slow, NULL);
    pthread_mutex_lock(&slow.lock);
    while (slow.batches < 2) {
        pthread_cond_wait(&slow.wake, &slow.lock);
    }
    pthread_mutex_unlock(&slow.lock);
    start(f, light, &other, &quick, NULL); /* the only worker is free for it */
    wait_end(&quick);
    assert_int_equal(quick.err.code, WEIR_OK);
    assert_int_equal(slow.batches, 2);
    assert_false(slow.ended);
    for (uint32_t i = 0; i < 4; i++) { /* room for one batch at a time */
        pthread_mutex_lock(&slow.lock);
        slow.room = 1;
        pthread_mutex_unlock(&slow.lock);
        weir_run_resume(run);
        pthread_mutex_lock(&slow.lock);
        while (slow.batches < 3 + i) {
            pthread_cond_wait(&slow.wake, &slow.lock);
        }
        pthread_mutex_unlock(&slow.lock);
    }
    pthread_mutex_lock(&slow.lock);
    slow.room = -1;
    pthread_mutex_unlock(&slow.lock);
    weir_run_resume(run);
    wait_end(&slow);
    assert_int_equal(slow.err.code, WEIR_OK);
    assert_int_equal(slow.rows, 40000);
    fixture_free(f);
}

static void a_waiting_query_can_be_cancelled(void **state)
{
    (void)state;
    uint64_t seed = 5;
    fixture *f = fixture_new(&seed, 20000, SOURCE_FROZEN, 2);
    weir_ctl ctl = ctl_of(0);
    reader r = reader_of(1);
    weir_query_run *run = start(f, scan, &ctl, &r, NULL);
    pthread_mutex_lock(&r.lock);
    while (r.batches < 1 || r.asked < 2) {
        pthread_cond_wait(&r.wake, &r.lock);
    }
    pthread_mutex_unlock(&r.lock);
    weir_ctl_cancel(&ctl);
    weir_run_resume(run);
    wait_end(&r);
    assert_int_equal(r.err.code, WEIR_ERR_CANCELLED);
    fixture_free(f);
}

static void a_sink_that_fails_ends_the_query_with_its_words(void **state)
{
    (void)state;
    uint64_t seed = 6;
    fixture *f = fixture_new(&seed, 20000, SOURCE_FROZEN, 2);
    weir_ctl ctl = ctl_of(0);
    reader r = reader_of(-1);
    r.fail = true;
    start(f, scan, &ctl, &r, NULL);
    wait_end(&r);
    assert_string_equal(r.err.message, "the pipe is broken");
    assert_int_equal(r.batches, 1);
    fixture_free(f);
}

static void a_segment_that_cannot_be_opened_fails_only_who_needs_it(void **state)
{
    (void)state;
    uint64_t seed = 7;
    fixture *f = fixture_new(&seed, 5000, SOURCE_FROZEN, 2); /* a segment per day */
    f->view.problems[0] = WEIR_STR("cannot read segment 'x': it is damaged");
    weir_ctl ctl = ctl_of(0), other = ctl_of(0);
    reader r = reader_of(-1), well = reader_of(-1);
    start(f, light, &ctl, &r, NULL);
    wait_end(&r);
    assert_string_equal(r.err.message, "cannot read segment 'x': it is damaged");
    start(f, "{'queryType':'timeseries','dataSource':'t','granularity':'all','intervals':['2024-03-11/2024-03-13'],'aggregations':[{'type':'count','name':'n'}]}", &other, &well, NULL);
    wait_end(&well);
    assert_int_equal(well.err.code, WEIR_OK);
    fixture_free(f);
}

static void a_short_query_overtakes_a_long_one(void **state)
{
    (void)state;
    uint64_t seed = 8;
    fixture *f = fixture_new(&seed, 60000, SOURCE_MIXED, 1);
    bool overtook = false;
    for (int i = 0; i < 50 && !overtook; i++) { /* this thread may sleep between the two starts until the long one has ended */
        weir_ctl ctl = ctl_of(0), other = ctl_of(0);
        reader r = reader_of(-1), quick = reader_of(-1);
        start(f, heavy, &ctl, &r, &(weir_run_options){.force_bytes = true, .force_hash = true});
        usleep(1000);
        start(f, light, &other, &quick, NULL);
        wait_end(&quick);
        wait_end(&r);
        assert_int_equal(r.err.code, WEIR_OK);
        overtook = quick.order < r.order;
    }
    assert_true(overtook);
    fixture_free(f);
}

typedef struct asker {
    fixture *f;
    weir_native_query *queries[4];
    uint32_t expect[4];
    uint64_t seed;
} asker;

static void *ask(void *self)
{
    asker *a = self;
    for (uint32_t i = 0; i < 25; i++) {
        uint32_t q = draw_below(&a->seed, 4);
        weir_ctl ctl = ctl_of(0);
        reader r = reader_of(-1);
        weir_run_options options = {.force_hash = draw_below(&a->seed, 2), .force_lanes = true, .priority = (int32_t)draw_below(&a->seed, 40) - 20};
        weir_run_start(a->f->sched, a->queries[q]->plan, a->f->views, 1, &ctl, &options, (weir_sink){.self = &r, .batch = take, .ready = ready, .end = end});
        wait_end(&r);
        assert_int_equal(r.err.code, WEIR_OK);
        assert_int_equal(r.rows, a->expect[q]);
    }
    return NULL;
}

static void queries_of_many_threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    uint64_t seed = 10;
    fixture *f = fixture_new(&seed, 8000, SOURCE_MANY, 3);
    static const char *const texts[4] = {
        NULL, NULL,
        "{'queryType':'topN','dataSource':'t','granularity':'all','intervals':['2024-03-09/2024-03-13'],'dimension':'s2','metric':'n','threshold':50,'aggregations':[{'type':'count','name':'n'}]}",
        "{'queryType':'groupBy','dataSource':'t','granularity':'day','intervals':['2024-03-09/2024-03-13'],'dimensions':['s2','late'],'filter':{'type':'like','dimension':'s2','pattern':'%1%'},'aggregations':[{'type':'count','name':'n'}]}"};
    asker askers[4];
    pthread_t threads[4];
    memset(askers, 0, sizeof(askers));
    for (uint32_t q = 0; q < 4; q++) {
        weir_native_query *query = query_of(f, q == 0 ? light : q == 1 ? scan : texts[q]);
        weir_ctl ctl = ctl_of(0);
        reader r = reader_of(-1);
        weir_run_start(f->sched, query->plan, f->views, 1, &ctl, NULL, (weir_sink){.self = &r, .batch = take, .ready = ready, .end = end});
        wait_end(&r);
        for (int t = 0; t < 4; t++) {
            askers[t].queries[q] = query;
            askers[t].expect[q] = r.rows;
        }
    }
    for (int t = 0; t < 4; t++) {
        askers[t].f = f;
        askers[t].seed = (uint64_t)t;
        pthread_create(&threads[t], NULL, ask, &askers[t]);
    }
    for (int t = 0; t < 4; t++) {
        pthread_join(threads[t], NULL);
    }
    weir_sched_stats stats;
    weir_sched_stats_get(f->sched, &stats);
    assert_int_equal(stats.running + stats.waiting, 0);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_query_ends_with_its_error),
        cmocka_unit_test(a_deadline_ends_a_query),
        cmocka_unit_test(too_little_memory_is_the_querys_own_error),
        cmocka_unit_test(a_full_sink_holds_no_worker),
        cmocka_unit_test(a_waiting_query_can_be_cancelled),
        cmocka_unit_test(a_sink_that_fails_ends_the_query_with_its_words),
        cmocka_unit_test(a_segment_that_cannot_be_opened_fails_only_who_needs_it),
        cmocka_unit_test(a_short_query_overtakes_a_long_one),
        cmocka_unit_test(queries_of_many_threads_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
