/* web/route_compaction.c - Druid's auto-compaction API: HTTP in, one call, HTTP out. Twice: as its
 * coordinator always had it, and as its overlord has it since (there errors have Druid's newer
 * body, and a change answers {"success": true}). */
#include "web/routes.h"
#include "weir/compaction.h"

static weir_compactions of(const weir_call *call)
{
    return (weir_compactions){call->doors->catalog, call->doors->clock, call->doors->coordinator,
                              call->doors->settings};
}

static bool is_overlord(const weir_call *call)
{
    return weir_str_starts(call->path, WEIR_STR("/druid/indexer/"));
}

static void reply(weir_call *call, bool ok, const weir_error *err)
{
    if (ok) {
        return;
    }
    call->out.size = 0;
    if (is_overlord(call)) {
        weir_reply_error(call, err);
    } else {
        weir_reply_sentence(call, err);
    }
}

/* Druid's coordinator says nothing more where there is no config. */
static void reply_or_404(weir_call *call, bool ok, const weir_error *err)
{
    if (!ok && err->code == WEIR_ERR_NOT_FOUND && !is_overlord(call)) {
        call->out.size = 0;
        call->status = 404;
    } else {
        reply(call, ok, err);
    }
}

static void reply_changed(weir_call *call, bool ok, const weir_error *err)
{
    if (ok && is_overlord(call)) {
        weir_buf_text(&call->out, "{\"success\":true}");
    }
    reply_or_404(call, ok, err);
}

static void reply_bad(weir_call *call, const char *sentence)
{
    weir_error err = {0};
    weir_fail(&err, WEIR_ERR_BAD_REQUEST, "%s", sentence);
    reply(call, false, &err);
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
    if (!weir_call_needs_json(call)) {
        return;
    }
    reply_changed(call, weir_compactions_set(&c, call->arg, call->body, &by, &err), &err);
}

void weir_route_compaction_delete(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    weir_compaction_author by = {call->author, call->comment, call->remote};
    reply_changed(call, weir_compactions_remove(&c, call->arg, &by, &err), &err);
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
        reply(call, false, &err);
        return;
    }
    if (!weir_call_int(call, "count", &count)) {
        return;
    }
    if (weir_call_param(call, "count", &text) && count < 1) {
        reply_bad(call, "count must be a number greater than 0");
        return;
    }
    weir_buf_text(&call->out, is_overlord(call) ? "{\"entries\":" : "");
    bool ok = weir_compactions_history(&c, call->arg, bounded ? &within : NULL, (uint32_t)count,
                                       &call->out, &err);
    weir_buf_text(&call->out, is_overlord(call) ? "}" : "");
    reply(call, ok, &err);
}

void weir_route_compaction_cluster(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    reply(call, weir_compactions_cluster(&c, &call->out, &err), &err);
}

void weir_route_compaction_cluster_post(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    if (!weir_call_needs_json(call)) {
        return;
    }
    reply_changed(call, weir_compactions_cluster_set(&c, call->body, &err), &err);
}

/* The older form: ?ratio=0.2&max=100. */
void weir_route_compaction_slots(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    weir_buf body = {0};
    weir_json json = {.out = &body};
    weir_str text;
    double ratio = 0;
    int64_t max = 0;
    bool has_ratio = weir_call_param(call, "ratio", &text);
    if (has_ratio && !weir_str_to_double(text, &ratio)) {
        weir_fail(&err, WEIR_ERR_NOT_FOUND, "ratio must be a number"); /* as Jersey has it */
        reply(call, false, &err);
        return;
    }
    bool has_max = weir_call_param(call, "max", &text);
    if (!weir_call_int(call, "max", &max)) {
        return;
    }
    weir_json_begin_object(&json);
    if (has_ratio) {
        weir_json_member_double(&json, "compactionTaskSlotRatio", ratio);
    }
    if (has_max) {
        weir_json_member_long(&json, "maxCompactionTaskSlots", max);
    }
    weir_json_end_object(&json);
    reply(call, weir_compactions_cluster_set(&c, weir_buf_view(&body), &err), &err);
    weir_buf_done(&body);
}

void weir_route_compaction_simulate(weir_call *call)
{
    weir_error err = {0};
    weir_fail(&err, WEIR_ERR_UNSUPPORTED, "simulating a run of compaction is not supported");
    reply(call, false, &err);
}

/* All configs, and nothing else. */
void weir_route_compaction_configs(weir_call *call)
{
    weir_compactions c = of(call);
    weir_buf_text(&call->out, "{\"compactionConfigs\":");
    weir_compactions_configs(&c, &call->out);
    weir_buf_text(&call->out, "}");
}

/* weir has its own thread for it, and no supervisors. */
void weir_route_compaction_supervised(weir_call *call)
{
    weir_buf_text(&call->out, "false");
}

void weir_route_compaction_status_of(weir_call *call)
{
    weir_error err = {0};
    weir_compactions c = of(call);
    reply(call, weir_compactions_status(&c, call->arg, &call->out, &err), &err);
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
        reply_bad(call, "No DataSource specified");
        return;
    }
    reply(call, weir_compactions_progress(&c, table, &call->out, &err), &err);
}
