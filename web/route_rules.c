/* web/route_rules.c - Druid's API of load and drop rules; HTTP in, one call, HTTP out. */
#include "compute/text.h"
#include "web/routes.h"
#include "weir/retention.h"

#define WEEK_MS (7LL * 86400000)

static weir_retention retention_of(const weir_call *call)
{
    return (weir_retention){.catalog = call->doors->catalog,
                            .ingest = call->doors->ingest,
                            .coordinator = call->doors->coordinator,
                            .settings = call->doors->settings,
                            .clock = call->doors->clock};
}

void weir_route_rules(weir_call *call)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    weir_reply_or_sentence(call, weir_rules_all(&r, &call->out, &err), &err);
}

void weir_route_rules_of(weir_call *call)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    weir_str full;
    bool ok = weir_rules_of(&r, call->arg, weir_call_param(call, "full", &full), &call->out, &err);
    weir_reply_or_sentence(call, ok, &err);
}

void weir_route_rules_post(weir_call *call)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    if (!weir_call_needs_json(call)) {
        return;
    }
    weir_rules_author author = {call->author, call->comment, call->remote};
    weir_reply_or_sentence(call, weir_rules_set(&r, call->arg, call->body, &author, &err), &err);
}

/* ?interval wins over ?count; neither: the last week. False: the answer says why. */
static bool read_range(weir_call *call, weir_interval *within, bool *bounded, int64_t *count)
{
    weir_str text;
    weir_error err = {0};
    int64_t now_ms = weir_wall_ms(call->doors->clock);
    *within = (weir_interval){now_ms - WEEK_MS, now_ms + 1};
    *bounded = true;
    *count = 0;
    if (weir_call_param(call, "interval", &text)) {
        return weir_call_interval(call, text, WEIR_ERR_BAD_REQUEST, within);
    }
    *bounded = !weir_call_param(call, "count", &text);
    if (!*bounded && !weir_call_int(call, "count", count)) {
        return false;
    }
    if (!*bounded && *count <= 0) {
        weir_fail(&err, WEIR_ERR_BAD_REQUEST, "Limit must be greater than zero!");
        weir_reply_sentence(call, &err);
        return false;
    }
    return true;
}

static void history(weir_call *call, weir_str table)
{
    weir_retention r = retention_of(call);
    weir_error err = {0};
    weir_interval within;
    bool bounded;
    int64_t count;
    if (read_range(call, &within, &bounded, &count)) {
        weir_reply_or_sentence(
            call, weir_rules_history(&r, table, bounded ? &within : NULL, count, &call->out, &err),
            &err);
    }
}

void weir_route_rules_history(weir_call *call)
{
    history(call, (weir_str){0});
}

void weir_route_rules_history_of(weir_call *call)
{
    history(call, call->arg);
}
