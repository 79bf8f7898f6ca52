/* web/route_compaction.c - Druid's auto-compaction API: HTTP in, one call, HTTP out. */
#include "web/routes.h"
#include "weir/compaction.h"

static weir_compactions of(const weir_call *call)
{
    return (weir_compactions){call->doors->catalog, call->doors->clock, call->doors->coordinator};
}

/* Druid's coordinator says nothing more where there is no config. */
static void reply(weir_call *call, bool ok, const weir_error *err)
{
    if (!ok) {
        call->out.size = 0;
        weir_reply_sentence(call, err);
    }
}

static void reply_or_404(weir_call *call, bool ok, const weir_error *err)
{
    if (!ok && err->code == WEIR_ERR_NOT_FOUND) {
        call->out.size = 0;
        call->status = 404;
    } else {
        reply(call, ok, err);
    }
}

void weir_route_compactions(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    reply(call, weir_compactions_list(&c, &call->out, &err), &err);
}

void weir_route_compaction(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    reply_or_404(call, weir_compactions_get(&c, call->arg, &call->out, &err), &err);
}

void weir_route_compaction_post(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    weir_compaction_author by = {call->author, call->comment, call->remote};
    reply(call, weir_compactions_set(&c, call->body, &by, &err), &err);
}

void weir_route_compaction_delete(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    weir_compaction_author by = {call->author, call->comment, call->remote};
    reply_or_404(call, weir_compactions_remove(&c, call->arg, &by, &err), &err);
}

void weir_route_compaction_history(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    weir_str text;
    weir_interval within;
    int64_t count = 0;
    bool bounded = weir_call_param(call, "interval", &text);
    if (bounded && !weir_interval_parse(text, &within, &err)) {
        err.code = WEIR_ERR_BAD_REQUEST;
        weir_reply_sentence(call, &err);
        return;
    }
    if (weir_call_param(call, "count", &text) &&
        (!weir_str_to_long(text, &count) || count < 1 || count > INT32_MAX)) {
        weir_fail(&err, WEIR_ERR_BAD_REQUEST, "count must be a number greater than 0");
        weir_reply_sentence(call, &err);
        return;
    }
    reply(call,
          weir_compactions_history(&c, call->arg, bounded ? &within : NULL, (uint32_t)count,
                                   &call->out, &err),
          &err);
}

void weir_route_compaction_slots(weir_call *call)
{
    weir_error err = {0};
    weir_fail(&err, WEIR_ERR_UNSUPPORTED,
              "task slots, policies and engines are not supported: each weir compacts on one thread, see its settings "
              "coordinator_pace and coordinator_memory_bytes");
    weir_reply_sentence(call, &err);
}

void weir_route_compaction_status(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    weir_str table = {0};
    weir_call_param(call, "dataSource", &table);
    reply(call, weir_compactions_status(&c, table, &call->out, &err), &err);
}

void weir_route_compaction_progress(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    weir_str table = {0};
    if (!weir_call_param(call, "dataSource", &table) || table.size == 0) {
        weir_fail(&err, WEIR_ERR_BAD_REQUEST, "No DataSource specified");
        weir_reply_sentence(call, &err);
        return;
    }
    reply(call, weir_compactions_progress(&c, table, &call->out, &err), &err);
}
