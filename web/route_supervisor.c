/* web/route_supervisor.c - Druid's supervisor API: HTTP in, one call, HTTP out. Errors are as its
 * overlord says them: {"error": sentence}. */
#include "web/routes.h"

static bool flag(weir_call *call, const char *name)
{
    weir_str value;
    return weir_call_param(call, name, &value) && !weir_str_is(value, "false");
}

void weir_route_supervisor_post(weir_call *call)
{
    weir_error err = {0};
    bool done = weir_call_flag(call, "skipRestartIfUnmodified", false) &&
                weir_supervisor_has(call->doors->ingest, call->body, &call->out);
    weir_reply_or_sentence(call, done || weir_supervisor_post(call->doors->ingest, call->body, &call->out, &err), &err);
}

void weir_route_supervisor_list(weir_call *call)
{
    weir_error err = {0};
    bool ok = weir_supervisor_list(call->doors->ingest, flag(call, "full"), flag(call, "state"), &call->out, &err);
    weir_reply_or_sentence(call, ok, &err);
}

void weir_route_supervisor_spec(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_spec(call->doors->ingest, call->arg, &call->out, &err), &err);
}

void weir_route_supervisor_status(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_status(call->doors->ingest, call->arg, &call->out, &err), &err);
}

void weir_route_supervisor_health(weir_call *call)
{
    weir_error err = {0};
    bool healthy = false;
    bool ok = weir_supervisor_health(call->doors->ingest, call->arg, &healthy, &call->out, &err);
    call->status = healthy ? 200 : 503;
    weir_reply_or_sentence(call, ok, &err);
}

void weir_route_supervisor_stats(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_stats(call->doors->ingest, call->arg, &call->out, &err), &err);
}

void weir_route_supervisor_errors(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_errors(call->doors->ingest, call->arg, &call->out, &err), &err);
}

void weir_route_supervisor_suspend(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_suspend(call->doors->ingest, call->arg, true, &call->out, &err), &err);
}

void weir_route_supervisor_resume(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_suspend(call->doors->ingest, call->arg, false, &call->out, &err), &err);
}

void weir_route_supervisor_terminate(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_terminate(call->doors->ingest, call->arg, &call->out, &err), &err);
}

void weir_route_supervisor_reset(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_reset(call->doors->ingest, call->arg, &call->out, &err), &err);
}

void weir_route_supervisor_reset_offsets(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_reset_offsets(call->doors->ingest, call->arg, call->body, &call->out, &err), &err);
}

void weir_route_supervisor_acknowledge(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_acknowledge(call->doors->ingest, call->arg, call->body, &call->out, &err), &err);
}

void weir_route_supervisor_handoff(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_handoff(call->doors->ingest, call->arg, &call->out, &err), &err);
}

void weir_route_supervisor_handoff_groups(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_handoff_groups(call->doors->ingest, call->arg, call->body, &call->out, &err), &err);
}

void weir_route_supervisor_history(weir_call *call)
{
    weir_error err = {0};
    bool ok = weir_supervisor_history(call->doors->ingest, call->arg, &call->out, &err);
    weir_reply_or_sentence(call, ok, &err);
}

void weir_route_supervisor_history_all(weir_call *call)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisor_history(call->doors->ingest, (weir_str){0}, &call->out, &err), &err);
}

static void do_to_all(weir_call *call, weir_supervisors_do what)
{
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_supervisors_each(call->doors->ingest, what, &call->out, &err), &err);
}

void weir_route_supervisor_suspend_all(weir_call *call)
{
    do_to_all(call, WEIR_SUPERVISORS_SUSPEND);
}

void weir_route_supervisor_resume_all(weir_call *call)
{
    do_to_all(call, WEIR_SUPERVISORS_RESUME);
}

void weir_route_supervisor_terminate_all(weir_call *call)
{
    do_to_all(call, WEIR_SUPERVISORS_TERMINATE);
}
