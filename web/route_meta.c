/* web/route_meta.c - status, health, data sources, metrics. Druid's clients read /status for `version` and decode memory.* as integers. */
#include "web/routes.h"
#include "weir/machine.h"
#include "weir/store_s3.h"

#define DRUID_VERSION "33.0.0" /* the release whose API is spoken: Turnilo and Grafana's plugin read it */

void weir_route_cancel(weir_call *call)
{
    weir_engine_cancel(call->doors->engine, call->arg);
    call->status = 202;
}

void weir_route_datasources(weir_call *call)
{
    weir_engine_datasources(call->doors->engine, &call->out);
}

static void datasource(weir_call *call, weir_datasource_part part)
{
    weir_error err = {0};
    weir_str interval = {0}, full;
    weir_call_param(call, "interval", &interval);
    part = part == WEIR_DATASOURCE_BOTH && weir_call_param(call, "full", &full) ? WEIR_DATASOURCE_FULL : part;
    weir_reply(call, weir_engine_datasource(call->doors->engine, call->arg, interval, part, &call->out, &err), &err);
}

void weir_route_datasource(weir_call *call)
{
    datasource(call, WEIR_DATASOURCE_BOTH);
}

void weir_route_datasource_dimensions(weir_call *call)
{
    datasource(call, WEIR_DATASOURCE_DIMENSIONS);
}

void weir_route_datasource_metrics(weir_call *call)
{
    datasource(call, WEIR_DATASOURCE_METRICS);
}

void weir_route_loadstatus(weir_call *call)
{
    weir_buf_text(&call->out, "{\"inventoryInitialized\":true}");
}

/* What Druid documents and weir leaves out (README's table of differences). */
void weir_route_unsupported(weir_call *call)
{
    weir_error err = {0};
    weir_fail(&err, WEIR_ERR_UNSUPPORTED, "%.*s %.*s is not supported", WEIR_STR_ARG(call->method), WEIR_STR_ARG(call->path));
    weir_reply_error(call, &err);
}

void weir_route_cachestatus(weir_call *call)
{
    weir_buf_text(&call->out, "{\"cacheInitialized\":true}");
}

void weir_route_readiness(weir_call *call)
{
    weir_error err;
    call->status = weir_catalog_healthy(call->doors->catalog, &err) ? 200 : 503;
}

void weir_route_self_discovered(weir_call *call)
{
    weir_buf_text(&call->out, "{\"selfDiscovered\":true}");
}

/* Where tables are kept, and what is wrong there while it lasts. */
static void put_store(weir_store *store, weir_json *json)
{
    weir_error err;
    int64_t since_us;
    weir_json_key(json, WEIR_STR("store"));
    weir_json_begin_object(json);
    weir_json_member_str(json, "name", store->name);
    if (weir_store_is_s3(store) && weir_store_s3_trouble(store, &since_us, &err)) {
        weir_json_member_long(json, "failingMillis", (weir_monotonic_us(&weir_clock_system) - since_us) / 1000);
        weir_json_member_text(json, "lastError", err.message);
    }
    weir_json_end_object(json);
}

void weir_route_status(weir_call *call)
{
    weir_json json = {.out = &call->out};
    int64_t machine = (int64_t)weir_machine_bytes(), used = weir_resident_bytes();
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "version", DRUID_VERSION);
    weir_json_member_text(&json, "weir", WEIR_VERSION);
    weir_json_key(&json, WEIR_STR("modules"));
    weir_json_begin_array(&json);
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "name", "weir");
    weir_json_member_text(&json, "artifact", "weir");
    weir_json_member_text(&json, "version", WEIR_VERSION);
    weir_json_end_object(&json);
    weir_json_end_array(&json);
    weir_json_key(&json, WEIR_STR("memory"));
    weir_json_begin_object(&json);
    weir_json_member_long(&json, "maxMemory", machine);
    weir_json_member_long(&json, "totalMemory", machine);
    weir_json_member_long(&json, "freeMemory", machine - used);
    weir_json_member_long(&json, "usedMemory", used);
    weir_json_member_long(&json, "directMemory", 0);
    weir_json_end_object(&json);
    put_store(weir_catalog_store(call->doors->catalog), &json);
    weir_json_end_object(&json);
}

void weir_route_health(weir_call *call)
{
    weir_error err = {0};
    if (weir_catalog_healthy(call->doors->catalog, &err) && weir_lookups_healthy(call->doors->lookups, &err)) {
        weir_buf_text(&call->out, "true");
    } else {
        err.code = WEIR_ERR_CORRUPT;
        weir_reply_error(call, &err);
        call->status = 503;
    }
}

void weir_route_properties(weir_call *call)
{
    weir_json json = {.out = &call->out};
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "weir.version", WEIR_VERSION);
    weir_json_member_str(&json, "weir.listen", call->doors->listen);
    weir_json_end_object(&json);
}

void weir_route_metrics(weir_call *call)
{
    call->reply_type = "text/plain; version=0.0.4";
    weir_metrics_write(call->doors, &call->out);
}
