/* ingest/task_kill.c - Druid's kill deletes segments that were marked unused. In weir what no state
 * of the table needs is deleted by itself once its grace is over, so a kill that is well formed has
 * nothing left to do. */
#include "ingest/tasks.h"
#include "weir/members.h"
#include <jansson.h>

static bool read_kill(weir_task *task, const json_t *json, weir_error *err)
{
    weir_members m = {json, ""};
    weir_str table = {0}, interval = {0};
    weir_interval time;
    bool mark = false;
    if (!weir_member_text(&m, "dataSource", &table, err) ||
        !weir_member_text(&m, "interval", &interval, err) ||
        !weir_member_bool(&m, "markAsUnused", &mark, err)) {
        return false;
    }
    if (table.size == 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "dataSource is missing");
    }
    if (interval.size == 0 || !weir_interval_parse(interval, &time, err)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "interval is not an interval: '%.*s'",
                         WEIR_STR_ARG(interval));
    }
    if (mark) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "markAsUnused is not supported: mark the interval unused by "
                         "/druid/coordinator/v1/datasources/%.*s/markUnused",
                         WEIR_STR_ARG(table));
    }
    task->table = weir_arena_str(task->arena, table);
    return true;
}

static bool run_kill(weir_task *task, weir_error *err)
{
    (void)err;
    weir_task_note(task, "objects that no segment needs are collected by themselves after their "
                         "grace: nothing to do");
    return true;
}

static void report_kill(weir_task *task, weir_json *out)
{
    weir_json_key(out, WEIR_STR("killUnusedSegments"));
    weir_json_begin_object(out);
    weir_json_member_text(out, "type", "killUnusedSegments");
    weir_json_member_str(out, "taskId", task->id);
    weir_json_key(out, WEIR_STR("payload"));
    weir_json_begin_object(out);
    weir_json_member_long(out, "numSegmentsKilled", 0);
    weir_json_member_long(out, "numBatchesProcessed", 0);
    weir_json_member_null(out, "numSegmentsMarkedAsUnused");
    weir_json_end_object(out);
    weir_json_end_object(out);
}

const weir_task_type weir_task_kill = {
    .name = "kill", .read = read_kill, .run = run_kill, .report = report_kill};
