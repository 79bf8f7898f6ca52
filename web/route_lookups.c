/* web/route_lookups.c - Druid's lookup APIs, the coordinator's and each node's: HTTP in, one call,
 * HTTP out. */
#include "web/routes.h"

static void reply(weir_call *call, bool ok, int status, const weir_error *err)
{
    call->status = status;
    if (!ok) {
        weir_reply_sentence(call, err);
    }
}

/* An absent argument is NULL, an empty one is not. */
static weir_str arg_of(weir_str arg)
{
    return arg.size ? arg : (weir_str){0};
}

void weir_route_lookup_tiers(weir_call *call)
{
    weir_error err = {0};
    bool discover = weir_call_flag(call, "discover", false);
    reply(call, weir_lookups_tiers(call->doors->lookups, discover, &call->out, &err), 200, &err);
}

void weir_route_lookups_all(weir_call *call)
{
    weir_error err = {0};
    reply(call, weir_lookups_all(call->doors->lookups, &call->out, &err), 200, &err);
}

void weir_route_lookups_post(weir_call *call)
{
    weir_error err = {0};
    if (!weir_call_needs_json(call)) {
        return;
    }
    reply(call, weir_lookups_post(call->doors->lookups, call->body, &call->out, &err), 202, &err);
}

void weir_route_lookup_tier(weir_call *call)
{
    weir_error err = {0};
    bool detailed = weir_call_flag(call, "detailed", false);
    reply(call, weir_lookups_tier(call->doors->lookups, call->arg, detailed, &call->out, &err), 200,
          &err);
}

void weir_route_lookup_tier_delete(weir_call *call)
{
    weir_error err = {0};
    reply(call, weir_lookups_delete(call->doors->lookups, call->arg, (weir_str){0}, &err), 202,
          &err);
}

void weir_route_lookup(weir_call *call)
{
    weir_error err = {0};
    reply(call, weir_lookups_spec(call->doors->lookups, call->arg, call->arg2, &call->out, &err),
          200, &err);
}

void weir_route_lookup_post(weir_call *call)
{
    weir_error err = {0};
    if (!weir_call_needs_json(call)) {
        return;
    }
    reply(call,
          weir_lookups_post_one(call->doors->lookups, call->arg, call->arg2, call->body, &err), 202,
          &err);
}

void weir_route_lookup_delete(weir_call *call)
{
    weir_error err = {0};
    reply(call, weir_lookups_delete(call->doors->lookups, call->arg, call->arg2, &err), 202, &err);
}

void weir_route_lookups_status(weir_call *call)
{
    weir_error err = {0};
    bool detailed = weir_call_flag(call, "detailed", false);
    reply(call,
          weir_lookups_status(call->doors->lookups, arg_of(call->arg), arg_of(call->arg2), detailed,
                              &call->out, &err),
          200, &err);
}

void weir_route_lookup_nodes(weir_call *call)
{
    weir_error err = {0};
    bool discover = weir_call_flag(call, "discover", false),
         detailed = weir_call_flag(call, "detailed", true);
    reply(call,
          weir_lookups_nodes(call->doors->lookups, arg_of(call->arg), arg_of(call->arg2), discover,
                             detailed, &call->out, &err),
          200, &err);
}

void weir_route_lookups_loaded(weir_call *call)
{
    weir_error err = {0};
    reply(call, weir_lookups_loaded(call->doors->lookups, arg_of(call->arg), &call->out, &err), 200,
          &err);
}

static void introspect(weir_call *call, weir_lookup_part part)
{
    weir_error err = {0};
    reply(call, weir_lookups_introspect(call->doors->lookups, call->arg, part, &call->out, &err),
          200, &err);
}

void weir_route_lookup_map(weir_call *call)
{
    introspect(call, WEIR_LOOKUP_MAP);
}

void weir_route_lookup_keys(weir_call *call)
{
    introspect(call, WEIR_LOOKUP_KEYS);
}

void weir_route_lookup_values(weir_call *call)
{
    introspect(call, WEIR_LOOKUP_VALUES);
}

void weir_route_lookup_version(weir_call *call)
{
    introspect(call, WEIR_LOOKUP_VERSION);
}
