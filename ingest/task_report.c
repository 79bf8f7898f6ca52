/* ingest/task_report.c - what reports of all types of tasks have in common: Druid's
 * ingestionStatsAndErrors around what a type counts. */
#include "ingest/tasks.h"

void weir_task_report_begin(const weir_task *task, weir_json *out)
{
    weir_json_key(out, WEIR_STR("ingestionStatsAndErrors"));
    weir_json_begin_object(out);
    weir_json_member_text(out, "type", "ingestionStatsAndErrors");
    weir_json_member_str(out, "taskId", task->id);
    weir_json_key(out, WEIR_STR("payload"));
    weir_json_begin_object(out);
    weir_json_member_text(out, "ingestionState",
                          task->state == WEIR_TASK_SUCCESS ? "COMPLETED" : "BUILD_SEGMENTS");
}

void weir_task_report_counts(weir_json *out, const char *name, const weir_counts *counts,
                             uint64_t with_error)
{
    uint64_t whole = counts->kept > with_error ? counts->kept - with_error : 0;
    weir_json_key(out, weir_str_of(name));
    weir_json_begin_object(out);
    weir_json_member_long(out, "processed", (int64_t)whole);
    weir_json_member_long(out, "processedBytes", (int64_t)counts->bytes);
    weir_json_member_long(out, "processedWithError", (int64_t)with_error);
    weir_json_member_long(out, "thrownAway", (int64_t)counts->thrown_away);
    weir_json_member_long(out, "unparseable", (int64_t)counts->unparseable);
    weir_json_end_object(out);
}

void weir_task_report_outcome(const weir_task *task, bool available, weir_json *out)
{
    weir_json_member_text(out, "errorMsg",
                          task->state == WEIR_TASK_FAILED ? task->err.message : NULL);
    weir_json_member_bool(out, "segmentAvailabilityConfirmed", available);
    weir_json_member_long(out, "segmentAvailabilityWaitTimeMs", 0);
    weir_json_member_null(out, "recordsProcessed");
}

void weir_task_report_end(weir_json *out)
{
    weir_json_end_object(out);
    weir_json_end_object(out);
}
