/* web/route_coordinator.c - what Druid's coordinator, overlord and broker tell of data and servers:
 * HTTP in, one call, HTTP out. One process is all of them, and their leader. */
#include "compute/text.h"
#include "web/routes.h"
#include "weir/inventory.h"

#define MAX_NAMES 1000u
#define TWO_WEEKS_MS (14LL * 86400000)

static weir_inventory inventory_of(const weir_call *call)
{
    return (weir_inventory){call->doors->catalog, call->doors->node};
}

static bool has(weir_call *call, const char *name)
{
    weir_str ignored;
    return weir_call_param(call, name, &ignored);
}

/* ?full wins over ?simple. */
static weir_detail detail_of(weir_call *call)
{
    return has(call, "full")     ? WEIR_DETAIL_FULL
           : has(call, "simple") ? WEIR_DETAIL_SIMPLE
                                 : WEIR_DETAIL_NAMES;
}

/* Druid's coordinator says nothing of data sources that it does not know. */
static void found_or_nothing(weir_call *call, bool found)
{
    call->status = found ? 200 : 204;
}

static void found_or_404(weir_call *call, bool found)
{
    call->status = found ? 200 : 404;
}

static void no_server(weir_call *call)
{
    weir_error err = {0};
    weir_fail(&err, WEIR_ERR_NOT_FOUND, "server [%.*s] does not exist.", WEIR_STR_ARG(call->arg));
    weir_reply_sentence(call, &err);
}

void weir_route_inventory(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_inventory_datasources(&inv, false, detail_of(call), &call->out);
}

void weir_route_inventory_datasource(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    found_or_nothing(
        call, weir_inventory_datasource(&inv, call->arg, false, detail_of(call), &call->out));
}

void weir_route_inventory_segments(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    found_or_nothing(call,
                     weir_inventory_segments(&inv, call->arg, false, detail_of(call), &call->out));
}

void weir_route_inventory_segment(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    found_or_nothing(call, weir_inventory_segment(&inv, call->arg, false, call->arg2, &call->out));
}

void weir_route_inventory_intervals(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_interval within;
    if (call->arg2.size == 0 ||
        weir_call_interval(call, call->arg2, WEIR_ERR_BAD_REQUEST, &within)) {
        found_or_nothing(call,
                         weir_inventory_intervals(&inv, call->arg, call->arg2.size ? &within : NULL,
                                                  detail_of(call), &call->out));
    }
}

void weir_route_inventory_served(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_interval within;
    if (weir_call_interval(call, call->arg2, WEIR_ERR_BAD_REQUEST, &within)) {
        weir_inventory_served(&inv, call->arg, within, &call->out);
    }
}

void weir_route_inventory_tiers(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_buf ignored = {0};
    bool found = weir_inventory_segments(&inv, call->arg, false, WEIR_DETAIL_NAMES, &ignored);
    weir_buf_text(&call->out, found ? "[\"" WEIR_DATA_TIER "\"]" : "[]");
    weir_buf_done(&ignored);
}

void weir_route_inventory_load(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    int64_t now_ms = weir_wall_ms(call->doors->clock);
    weir_interval within = {now_ms - TWO_WEEKS_MS, now_ms};
    weir_str interval;
    if (!has(call, "forceMetadataRefresh")) {
        call->status = 400;
        weir_buf_text(&call->out, "Invalid request. forceMetadataRefresh must be specified");
    } else if (!weir_call_param(call, "interval", &interval) ||
               weir_call_interval(call, interval, WEIR_ERR_BAD_REQUEST, &within)) {
        found_or_nothing(
            call, weir_inventory_load(&inv, call->arg, &within, detail_of(call), &call->out));
    }
}

void weir_route_all_intervals(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_interval within;
    if (call->arg.size == 0 || weir_call_interval(call, call->arg, WEIR_ERR_BAD_REQUEST, &within)) {
        weir_inventory_all_intervals(&inv, call->arg.size ? &within : NULL, detail_of(call),
                                     &call->out);
    }
}

void weir_route_metadata_datasources(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    if (has(call, "includeUnused") || has(call, "includeDisabled")) {
        weir_inventory_ever(&inv, &call->out);
    } else {
        weir_detail detail = has(call, "full") ? WEIR_DETAIL_FULL : WEIR_DETAIL_NAMES;
        weir_inventory_datasources(&inv, true, detail, &call->out);
    }
}

/* What is said of a segment goes with it. */
void weir_route_metadata_unused(weir_call *call)
{
    weir_str text;
    weir_interval ignored;
    weir_error err = {0};
    int64_t limit = 0, offset = 0;
    if (!weir_call_int(call, "limit", &limit) || !weir_call_int(call, "offset", &offset)) {
        return;
    }
    if (limit < 0 || offset < 0) {
        weir_fail(&err, WEIR_ERR_BAD_REQUEST, "%s must be > 0", limit < 0 ? "limit" : "offset");
        weir_reply_error(call, &err);
    } else if (!weir_call_param(call, "interval", &text) ||
               weir_call_interval(call, text, WEIR_ERR_BAD_REQUEST, &ignored)) {
        weir_buf_text(&call->out, "[]");
    }
}

/* The body: a list of intervals. */
void weir_route_metadata_segments_in(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_error err = {0};
    if (weir_call_needs_json(call) &&
        !weir_inventory_segments_in(&inv, call->arg, call->body, detail_of(call), &call->out,
                                    &err)) {
        weir_reply_sentence(call, &err);
    }
}

void weir_route_metadata_datasource(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    found_or_404(call,
                 weir_inventory_datasource(&inv, call->arg, true, WEIR_DETAIL_FULL, &call->out));
}

void weir_route_metadata_segments(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    found_or_404(call, weir_inventory_segments(&inv, call->arg, true, detail_of(call), &call->out));
}

void weir_route_metadata_segment(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    found_or_404(call, weir_inventory_segment(&inv, call->arg, true, call->arg2, &call->out));
}

void weir_route_metadata_all_segments(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_str *names = WEIR_ARENA_ARRAY(call->arena, weir_str, MAX_NAMES);
    bool overshadowed = has(call, "includeOvershadowedStatus"),
         live = has(call, "includeRealtimeSegments");
    size_t count = weir_call_params(call, "datasources", names, MAX_NAMES);
    if (live && !overshadowed) {
        call->status = 400;
        return;
    }
    weir_inventory_all_segments(&inv, names, count, overshadowed, live, &call->out);
}

void weir_route_candidates(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_interval *intervals = WEIR_ARENA_ARRAY(call->arena, weir_interval, MAX_NAMES);
    weir_str left = {0};
    size_t count = 0;
    if (!weir_call_param(call, "intervals", &left)) {
        weir_error err = {0};
        weir_fail(&err, WEIR_ERR_BAD_REQUEST, "intervals must be given");
        weir_reply_sentence(call, &err);
        return;
    }
    while (left.size > 0 && count < MAX_NAMES) {
        const char *comma = memchr(left.at, ',', left.size);
        size_t size = comma ? (size_t)(comma - left.at) : left.size;
        if (!weir_call_interval(call, weir_str_trim((weir_str){left.at, size}),
                                WEIR_ERR_BAD_REQUEST, &intervals[count++])) {
            return;
        }
        size += comma != NULL;
        left = (weir_str){left.at + size, left.size - size};
    }
    weir_inventory_candidates(&inv, call->arg, intervals, count, &call->out);
}

void weir_route_load(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_detail detail = has(call, "simple") ? WEIR_DETAIL_SIMPLE : detail_of(call);
    weir_inventory_load(&inv, (weir_str){0}, NULL, detail, &call->out);
}

/* Nothing is ever under way: what is published can be read at once. */
void weir_route_load_queue(weir_call *call)
{
    weir_json json = {.out = &call->out};
    bool simple = has(call, "simple");
    weir_json_begin_object(&json);
    weir_json_key(&json, call->doors->node);
    weir_json_raw(&json, simple ? WEIR_STR("{\"segmentsToLoad\":0,\"segmentsToDrop\":0,"
                                           "\"segmentsToLoadSize\":0,\"segmentsToDropSize\":0,"
                                           "\"expectedLoadTimeMillis\":0}")
                                : WEIR_STR("{\"segmentsToLoad\":[],\"segmentsToDrop\":[]}"));
    weir_json_end_object(&json);
}

void weir_route_servers(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_inventory_servers(&inv, detail_of(call), &call->out);
}

void weir_route_server(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_detail detail = has(call, "simple") ? WEIR_DETAIL_SIMPLE : WEIR_DETAIL_FULL;
    if (!weir_inventory_server(&inv, call->arg, detail, &call->out)) {
        no_server(call);
    }
}

void weir_route_server_segments(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    if (!weir_inventory_server_segments(&inv, call->arg, detail_of(call), &call->out)) {
        no_server(call);
    }
}

void weir_route_data_tiers(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_inventory_tiers(&inv, has(call, "simple"), &call->out);
}

void weir_route_data_tier(weir_call *call)
{
    weir_inventory inv = inventory_of(call);
    weir_inventory_tier(&inv, call->arg, has(call, "simple"), &call->out);
}

void weir_route_leader(weir_call *call)
{
    weir_buf_printf(&call->out, "http://%.*s", WEIR_STR_ARG(call->doors->node));
}

void weir_route_is_leader(weir_call *call)
{
    weir_buf_text(&call->out, "{\"leader\":true}");
}
