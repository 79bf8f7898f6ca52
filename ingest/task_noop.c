/* ingest/task_noop.c - Druid's noop: takes its time and changes nothing. For trying clients and
 * lanes. */
#include "ingest/tasks.h"
#include "weir/members.h"
#include <jansson.h>
#include <time.h>

#define RUN_MS 2500
#define STEP_MS 10

static bool read_noop(weir_task *task, const json_t *json, weir_error *err)
{
    weir_members m = {json, ""};
    weir_str table = WEIR_STR("none");
    int64_t *run_ms = WEIR_ARENA_NEW(task->arena, int64_t);
    *run_ms = RUN_MS;
    task->work = run_ms;
    if (!weir_member_text(&m, "dataSource", &table, err) ||
        !weir_member_long(&m, "runTime", 0, 86400000, run_ms, err)) {
        return false;
    }
    task->table = weir_arena_str(task->arena, table);
    return true;
}

static bool run_noop(weir_task *task, weir_error *err)
{
    for (int64_t left = *(int64_t *)task->work; left > 0 && !task->cancelled; left -= STEP_MS) {
        nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
    }
    return !task->cancelled || weir_fail(err, WEIR_ERR_CANCELLED, "cancelled");
}

const weir_task_type weir_task_noop = {.name = "noop", .read = read_noop, .run = run_noop};
