/* tests/unit/query/sched_test.c - the end of a job, when others still wake it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>
#include "query/sched.h"

typedef struct probe {
    weir_job job; /* first */
    weir_sched *sched;
    _Atomic int inside, begun_again, ended;
    _Atomic bool ended_while_inside;
} probe;

/* Lane 0 starts lane 1, which wakes lane 0 and ends the job in the same turn. */
static weir_step wake_and_end(weir_job *job, uint32_t lane, int64_t until_us)
{
    (void)until_us;
    probe *p = (probe *)job;
    if (lane == 1) {
        usleep(5000); /* lane 0 is idle by now */
        weir_sched_ready(p->sched, job, 1);
        usleep(2000); /* or at work again */
        return WEIR_STEP_ENDED;
    }
    if (p->begun_again++ == 0) {
        weir_sched_ready(p->sched, job, 2);
        return WEIR_STEP_IDLE;
    }
    p->inside++;
    usleep(20000);
    p->inside--;
    return WEIR_STEP_IDLE;
}

static void note_end(weir_job *job)
{
    probe *p = (probe *)job;
    p->ended_while_inside = p->inside > 0;
    weir_sched_ready(p->sched, job, 1); /* nobody is to run it any more */
    p->ended++;
}

static void end_with(uint32_t workers)
{
    weir_sched *sched = weir_sched_new(workers, &weir_clock_system);
    probe p = {.job = {.step = wake_and_end, .ended = note_end}, .sched = sched};
    weir_sched_add(sched, &p.job, 0);
    for (int i = 0; i < 1000 && p.ended == 0; i++) {
        usleep(1000);
    }
    usleep(5000);
    weir_sched_free(sched);
    assert_int_equal(p.ended, 1);
    assert_false(p.ended_while_inside);
    assert_int_equal(p.inside, 0);
}

static void a_job_ends_though_a_lane_was_just_made_ready(void **state)
{
    (void)state;
    end_with(1);
}

static void a_job_ends_only_after_its_last_lane_came_back(void **state)
{
    (void)state;
    end_with(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_ends_though_a_lane_was_just_made_ready),
        cmocka_unit_test(a_job_ends_only_after_its_last_lane_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
