/* web/route_tasks.c - Druid's task API, as its overlord answers: HTTP in, one call, HTTP out. */
#include "weir/tasks.h"
#include "web/routes.h"

static weir_tasks *tasks_of(const weir_call *call)
{
    return call->doors->tasks;
}

static void reply_text(weir_call *call, int status, const char *sentence)
{
    call->status = status;
    call->reply_type = "text/plain";
    call->out.size = 0;
    weir_buf_text(&call->out, sentence);
}

static void found_or_404(weir_call *call, bool found)
{
    call->status = found ? 200 : 404;
}

/* What cannot be read as a task is {"error": ...} in Druid; what it says of a task that it could read has more members. */
static void reply_of_post(weir_call *call, bool ok, const weir_error *err)
{
    if (ok) {
        return;
    }
    if (err->code == WEIR_ERR_EXISTS) {
        weir_reply_error(call, err);
    } else {
        weir_reply_sentence(call, err);
    }
}

void weir_route_task_post(weir_call *call)
{
    weir_error err = {0};
    if (!weir_call_needs_json(call)) {
        return;
    }
    bool ok = weir_task_post(tasks_of(call), call->body, &call->out, &err);
    reply_of_post(call, ok, &err);
}

/* False: there is no such task, and that is the answer. */
static bool put_status(weir_call *call, weir_buf *out)
{
    bool known = weir_task_status(tasks_of(call), call->arg, out);
    if (!known) {
        reply_text(call, 404, weir_arena_printf(call->arena, "Cannot find any task with id: [%.*s]", WEIR_STR_ARG(call->arg)).at);
    }
    return known;
}

/* What Druid's overlord says before it looks further. */
static bool is_known(weir_call *call)
{
    weir_buf ignored = {0};
    bool known = put_status(call, &ignored);
    weir_buf_done(&ignored);
    return known;
}

void weir_route_task_payload(weir_call *call)
{
    if (is_known(call)) {
        found_or_404(call, weir_task_payload(tasks_of(call), call->arg, &call->out));
    }
}

void weir_route_task_status(weir_call *call)
{
    put_status(call, &call->out);
}

void weir_route_task_segments(weir_call *call)
{
    weir_error err = {0};
    weir_fail(&err, WEIR_ERR_NOT_FOUND, "Segment IDs committed by a task action are not persisted anymore.");
    weir_reply_sentence(call, &err);
}

void weir_route_task_reports(weir_call *call)
{
    if (!weir_task_report(tasks_of(call), call->arg, &call->out)) {
        reply_text(call, 404, "No task reports were found for this task. The task may not exist, or it may not have completed yet.");
    }
}

void weir_route_task_log(weir_call *call)
{
    weir_str text;
    int64_t offset = 0;
    if (weir_call_param(call, "offset", &text) && !weir_str_to_long(text, &offset)) {
        call->status = 404; /* as Jersey says of a parameter that is no number */
        return;
    }
    call->reply_type = "text/plain; charset=utf-8";
    if (!weir_task_log(tasks_of(call), call->arg, offset, &call->out)) {
        reply_text(call, 404, "No log was found for this task. The task may not exist, or it may not have begun running yet.");
    }
}

void weir_route_task_shutdown(weir_call *call)
{
    weir_error err = {0};
    if (!is_known(call)) {
        return;
    }
    bool ok = weir_task_shutdown(tasks_of(call), call->arg, &call->out, &err);
    reply_of_post(call, ok, &err);
}

/* No segment is ever told of before it is committed. */
void weir_route_pending_delete(weir_call *call)
{
    weir_buf_text(&call->out, "{\"numDeleted\":0}");
}

void weir_route_tasks_shutdown_all(weir_call *call)
{
    found_or_404(call, weir_tasks_shutdown_all(tasks_of(call), call->arg, &call->out));
}

static bool read_created(weir_call *call, weir_task_filter *filter)
{
    weir_str text;
    if (!weir_call_param(call, "createdTimeInterval", &text)) {
        return true;
    }
    filter->has_created = weir_call_interval(call, text, WEIR_ERR_ARGUMENT, &filter->created);
    return filter->has_created;
}

static void list(weir_call *call, weir_task_filter *filter, const char *max)
{
    weir_str text;
    weir_call_param(call, "datasource", &filter->table);
    weir_call_param(call, "type", &filter->type);
    filter->has_max = weir_call_param(call, max, &text) && weir_str_to_long(text, &filter->max);
    if (read_created(call, filter)) {
        weir_tasks_list(tasks_of(call), filter, &call->out);
    }
}

void weir_route_tasks(weir_call *call)
{
    static const char *const states[] = {"pending", "waiting", "running", "complete"};
    weir_task_filter filter = {0};
    bool known = !weir_call_param(call, "state", &filter.state);
    for (int i = 0; i < 4; i++) {
        known = known || weir_str_eq_nocase(filter.state, weir_str_of(states[i]));
    }
    if (known) {
        list(call, &filter, "max");
    } else {
        reply_text(call, 400, weir_arena_printf(call->arena, "Invalid task state[%.*s]. Must be one of [pending, waiting, running, complete].",
                                                WEIR_STR_ARG(filter.state)).at);
    }
}

void weir_route_tasks_running(weir_call *call)
{
    list(call, &(weir_task_filter){.state = WEIR_STR("running")}, "max");
}

void weir_route_tasks_pending(weir_call *call)
{
    list(call, &(weir_task_filter){.state = WEIR_STR("pending")}, "max");
}

void weir_route_tasks_waiting(weir_call *call)
{
    list(call, &(weir_task_filter){.state = WEIR_STR("waiting")}, "max");
}

void weir_route_tasks_complete(weir_call *call)
{
    weir_str ignored;
    bool has_n = weir_call_param(call, "n", &ignored); /* in its docs: max */
    list(call, &(weir_task_filter){.state = WEIR_STR("complete")}, has_n ? "n" : "max");
}

static void reply_of_body(weir_call *call, bool ok, const weir_error *err)
{
    if (!ok) {
        reply_text(call, weir_err_status(err->code), err->message);
    }
}

void weir_route_task_statuses(weir_call *call)
{
    weir_error err = {0};
    bool ok = weir_tasks_statuses(tasks_of(call), call->body, &call->out, &err);
    reply_of_body(call, ok, &err);
}

void weir_route_tasks_locked(weir_call *call)
{
    weir_error err = {0};
    bool ok = weir_tasks_locked(tasks_of(call), call->body, &call->out, &err);
    reply_of_body(call, ok, &err);
}

void weir_route_worker_enabled(weir_call *call)
{
    weir_json json = {.out = &call->out};
    weir_json_begin_object(&json);
    weir_json_key(&json, call->doors->node);
    weir_json_raw(&json, WEIR_STR("true"));
    weir_json_end_object(&json);
}

void weir_route_workers(weir_call *call)
{
    weir_tasks_workers(tasks_of(call), &call->out);
}

void weir_route_worker_capacity(weir_call *call)
{
    weir_tasks_capacity(tasks_of(call), &call->out);
}
