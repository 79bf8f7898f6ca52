/* web/route_retention.c - Druid's APIs that change which segments are used, the coordinator's and
 * the overlord's twins; HTTP in, one call, HTTP out. */
#include "compute/text.h"
#include "web/routes.h"
#include "weir/inventory.h"
#include "weir/retention.h"

static weir_retention retention_of(const weir_call *call)
{
    return (weir_retention){.catalog = call->doors->catalog,
                            .ingest = call->doors->ingest,
                            .coordinator = call->doors->coordinator,
                            .clock = call->doors->clock};
}

static bool is_overlord(const weir_call *call)
{
    return weir_str_starts(call->path, WEIR_STR("/druid/indexer/"));
}

/* What the two say when something of ours went wrong. */
static void reply_trouble(weir_call *call, const weir_error *err)
{
    if (err->code == WEIR_ERR_UNSUPPORTED || err->code == WEIR_ERR_BAD_REQUEST) {
        weir_reply_sentence(call, err);
        return;
    }
    weir_json json = {.out = &call->out};
    call->status = 500;
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "error",
                          is_overlord(call) ? "Server error" : "Exception occurred.");
    weir_json_member_text(&json, "message", err->message);
    weir_json_end_object(&json);
}

static void reply_changed(weir_call *call, bool ok, uint64_t changed, const weir_error *err)
{
    weir_json json = {.out = &call->out};
    if (!ok) {
        reply_trouble(call, err);
        return;
    }
    weir_json_begin_object(&json);
    weir_json_member_long(&json, "numChangedSegments", (int64_t)changed);
    weir_json_end_object(&json);
}

/* Of one segment: the coordinator's older word, or the count. */
static void reply_changed_one(weir_call *call, bool ok, bool changed, const weir_error *err)
{
    if (is_overlord(call) || !ok) {
        reply_changed(call, ok, changed, err);
    } else {
        weir_buf_text(&call->out, changed ? "{\"segmentStateChanged\":true}"
                                          : "{\"segmentStateChanged\":false}");
    }
}

/* Deletes what is unused, which here happens by itself once the grace is over. */
static void kill_unused(weir_call *call, weir_str interval)
{
    weir_interval ignored;
    weir_table *table = weir_catalog_table(call->doors->catalog, call->arg);
    if (weir_call_interval(call, interval, WEIR_ERR_BAD_REQUEST, &ignored) && table &&
        call->doors->coordinator) {
        weir_coordinator_hurry(call->doors->coordinator, "collect", table);
    }
}

void weir_route_kill_interval(weir_call *call)
{
    kill_unused(call, call->arg2);
}

void weir_route_drop_all(weir_call *call)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    uint64_t changed = 0;
    weir_str interval = {0};
    if (!is_overlord(call) && weir_call_flag(call, "kill", false)) {
        weir_call_param(call, "interval", &interval);
        kill_unused(call, interval);
        return;
    }
    bool ok = weir_retention_drop(&r, call->arg, weir_interval_eternity, NULL, 0, &changed, &err);
    reply_changed(call, ok, changed, &err);
}

void weir_route_drop_segment(weir_call *call)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    uint64_t changed = 0;
    bool ok = weir_retention_drop_segments(&r, call->arg, &call->arg2, 1, &changed, &err);
    reply_changed_one(call, ok, changed > 0, &err);
}

/* The coordinator says nothing of data sources that it does not know. */
static bool is_known(weir_call *call)
{
    weir_table *table = weir_catalog_table(call->doors->catalog, call->arg);
    weir_table_stats stats = {0};
    if (table) {
        weir_table_stats_get(table, &stats);
    }
    return is_overlord(call) || stats.frozen_segments > 0 || stats.live_rows > 0;
}

static void reply_payload(weir_call *call, const weir_error *err)
{
    call->status = 400;
    call->reply_type = "text/plain";
    weir_buf_text(&call->out, err->message);
}

static void mark(weir_call *call, bool used)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    uint64_t changed = 0;
    bool payload = true, known = is_known(call);
    if (!weir_call_needs_json(call)) {
        return;
    }
    bool ok = used
                  ? weir_retention_mark_used_by(&r, call->arg, call->body, &payload, &err)
                  : weir_retention_mark_unused(&r, call->arg, call->body, &payload, &changed, &err);
    if (!payload) {
        reply_payload(call, &err);
    } else if (ok && !known) {
        call->status = 204;
    } else {
        reply_changed(call, ok, changed, &err);
    }
}

void weir_route_mark_unused(weir_call *call)
{
    mark(call, false);
}

void weir_route_mark_used(weir_call *call)
{
    mark(call, true);
}

void weir_route_use_all(weir_call *call)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    reply_changed(call, weir_retention_mark_used(&r, call->arg, &err), 0, &err);
}

void weir_route_use_segment(weir_call *call)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    weir_inventory inv = {call->doors->catalog, call->doors->node};
    weir_buf ignored = {0};
    bool used = weir_inventory_segment(&inv, call->arg, true, call->arg2, &ignored);
    weir_buf_done(&ignored);
    reply_changed_one(call, used || weir_retention_mark_used(&r, call->arg, &err), false, &err);
}
