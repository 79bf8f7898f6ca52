/* web/routes.c - the route table: every path that weir answers, once. Druid's paths first. */
#include "web/routes.h"

#define QUICK WEIR_ROUTE_QUICK
#define SLOW WEIR_ROUTE_SLOW
#define COORDINATOR "/druid/coordinator/v1"
#define INDEXER "/druid/indexer/v1"
#define LOOKUPS "/druid/coordinator/v1/lookups"
#define COMPACTION "/druid/indexer/v1/compaction"
#define OVERLORD_SOURCES "/druid/indexer/v1/datasources"

static const weir_route routes[] = {
    {"POST", "/druid/v2", WEIR_ROUTE_QUERY, NULL},
    {"POST", "/druid/v2/sql", QUICK, weir_route_unsupported},
    {"POST", "/druid/v2/sql/task", QUICK, weir_route_unsupported},
    {"POST", "/druid/v2/sql/statements", QUICK, weir_route_unsupported},
    {"POST", "/druid/v2/sql/avatica", QUICK, weir_route_unsupported},
    {"POST", "/druid/v2/sql/avatica-protobuf", QUICK, weir_route_unsupported},
    {"DELETE", "/druid/v2/*", QUICK, weir_route_cancel},
    {"GET", "/druid/v2/datasources", QUICK, weir_route_datasources},
    {"GET", "/druid/v2/datasources/*", QUICK, weir_route_datasource},
    {"GET", "/druid/v2/datasources/*/dimensions", QUICK, weir_route_datasource_dimensions},
    {"GET", "/druid/v2/datasources/*/metrics", QUICK, weir_route_datasource_metrics},
    {"GET", "/druid/v2/datasources/*/candidates", SLOW, weir_route_candidates},
    {"GET", "/druid/broker/v1/loadstatus", QUICK, weir_route_loadstatus},
    {"GET", "/druid/broker/v1/readiness", QUICK, weir_route_readiness},
    {"GET", "/druid/historical/v1/loadstatus", QUICK, weir_route_cachestatus},
    {"GET", "/druid/historical/v1/readiness", QUICK, weir_route_readiness},

    {"POST", "/druid/indexer/v1/supervisor", SLOW, weir_route_supervisor_post},
    {"GET", "/druid/indexer/v1/supervisor", QUICK, weir_route_supervisor_list},
    {"GET", "/druid/indexer/v1/supervisor/history", SLOW, weir_route_supervisor_history_all},
    {"POST", "/druid/indexer/v1/supervisor/suspendAll", SLOW, weir_route_supervisor_suspend_all},
    {"POST", "/druid/indexer/v1/supervisor/resumeAll", SLOW, weir_route_supervisor_resume_all},
    {"POST", "/druid/indexer/v1/supervisor/terminateAll", SLOW, weir_route_supervisor_terminate_all},
    {"POST", "/druid/indexer/v1/supervisor/shutdownAll", SLOW, weir_route_supervisor_terminate_all},
    {"GET", "/druid/indexer/v1/supervisor/*", QUICK, weir_route_supervisor_spec},
    {"GET", "/druid/indexer/v1/supervisor/*/status", QUICK, weir_route_supervisor_status},
    {"GET", "/druid/indexer/v1/supervisor/*/health", QUICK, weir_route_supervisor_health},
    {"GET", "/druid/indexer/v1/supervisor/*/stats", QUICK, weir_route_supervisor_stats},
    {"GET", "/druid/indexer/v1/supervisor/*/parseErrors", QUICK, weir_route_supervisor_errors},
    {"GET", "/druid/indexer/v1/supervisor/*/history", SLOW, weir_route_supervisor_history},
    {"POST", "/druid/indexer/v1/supervisor/*/taskGroups/handoff", SLOW, weir_route_supervisor_handoff_groups},
    {"POST", "/druid/indexer/v1/supervisor/*/suspend", SLOW, weir_route_supervisor_suspend},
    {"POST", "/druid/indexer/v1/supervisor/*/resume", SLOW, weir_route_supervisor_resume},
    {"POST", "/druid/indexer/v1/supervisor/*/terminate", SLOW, weir_route_supervisor_terminate},
    {"POST", "/druid/indexer/v1/supervisor/*/shutdown", SLOW, weir_route_supervisor_terminate},
    {"POST", "/druid/indexer/v1/supervisor/*/reset", SLOW, weir_route_supervisor_reset},
    {"POST", "/druid/indexer/v1/supervisor/*/resetOffsets", SLOW, weir_route_supervisor_reset_offsets},
    {"POST", "/druid/indexer/v1/supervisor/*/acknowledgeGaps", SLOW, weir_route_supervisor_acknowledge},
    {"POST", "/druid/indexer/v1/supervisor/*/handoff", SLOW, weir_route_supervisor_handoff},

    {"POST", INDEXER "/task", SLOW, weir_route_task_post},
    {"GET", INDEXER "/task/*", QUICK, weir_route_task_payload},
    {"GET", INDEXER "/task/*/status", QUICK, weir_route_task_status},
    {"GET", INDEXER "/task/*/segments", QUICK, weir_route_task_segments},
    {"GET", INDEXER "/task/*/reports", QUICK, weir_route_task_reports},
    {"GET", INDEXER "/task/*/log", QUICK, weir_route_task_log},
    {"POST", INDEXER "/task/*/shutdown", QUICK, weir_route_task_shutdown},
    {"DELETE", INDEXER "/pendingSegments/*", QUICK, weir_route_pending_delete},
    {"POST", INDEXER "/datasources/*/shutdownAllTasks", QUICK, weir_route_tasks_shutdown_all},
    {"GET", INDEXER "/tasks", QUICK, weir_route_tasks},
    {"GET", INDEXER "/runningTasks", QUICK, weir_route_tasks_running},
    {"GET", INDEXER "/pendingTasks", QUICK, weir_route_tasks_pending},
    {"GET", INDEXER "/waitingTasks", QUICK, weir_route_tasks_waiting},
    {"GET", INDEXER "/completeTasks", QUICK, weir_route_tasks_complete},
    {"POST", INDEXER "/taskStatus", QUICK, weir_route_task_statuses},
    {"POST", INDEXER "/lockedIntervals", QUICK, weir_route_tasks_locked},
    {"POST", INDEXER "/lockedIntervals/v2", QUICK, weir_route_tasks_locked},
    {"GET", "/druid/worker/v1/enabled", QUICK, weir_route_worker_enabled},
    {"POST", "/druid/worker/v1/enable", QUICK, weir_route_unsupported},
    {"POST", "/druid/worker/v1/disable", QUICK, weir_route_unsupported},
    {"GET", INDEXER "/worker", QUICK, weir_route_unsupported},
    {"POST", INDEXER "/worker", QUICK, weir_route_unsupported},
    {"GET", INDEXER "/worker/history", QUICK, weir_route_unsupported},
    {"POST", INDEXER "/sampler", QUICK, weir_route_unsupported},
    {"GET", INDEXER "/workers", QUICK, weir_route_workers},
    {"GET", INDEXER "/totalWorkerCapacity", QUICK, weir_route_worker_capacity},

    {"GET", COORDINATOR "/datasources", SLOW, weir_route_inventory},
    {"GET", COORDINATOR "/datasources/*", SLOW, weir_route_inventory_datasource},
    {"GET", COORDINATOR "/datasources/*/segments", SLOW, weir_route_inventory_segments},
    {"GET", COORDINATOR "/datasources/*/segments/*", SLOW, weir_route_inventory_segment},
    {"GET", COORDINATOR "/datasources/*/intervals", SLOW, weir_route_inventory_intervals},
    {"GET", COORDINATOR "/datasources/*/intervals/*", SLOW, weir_route_inventory_intervals},
    {"GET", COORDINATOR "/datasources/*/intervals/*/serverview", SLOW, weir_route_inventory_served},
    {"GET", COORDINATOR "/datasources/*/unusedSegments", QUICK, weir_route_metadata_unused},
    {"GET", COORDINATOR "/datasources/*/tiers", SLOW, weir_route_inventory_tiers},
    {"GET", COORDINATOR "/datasources/*/loadstatus", SLOW, weir_route_inventory_load},
    {"DELETE", COORDINATOR "/datasources/*", SLOW, weir_route_drop_all},
    {"POST", COORDINATOR "/datasources/*", SLOW, weir_route_use_all},
    {"POST", COORDINATOR "/datasources/*/markUnused", SLOW, weir_route_mark_unused},
    {"POST", COORDINATOR "/datasources/*/markUsed", SLOW, weir_route_mark_used},
    {"DELETE", COORDINATOR "/datasources/*/intervals/*", SLOW, weir_route_kill_interval},
    {"DELETE", COORDINATOR "/datasources/*/segments/*", SLOW, weir_route_drop_segment},
    {"POST", COORDINATOR "/datasources/*/segments/*", SLOW, weir_route_use_segment},
    {"DELETE", OVERLORD_SOURCES "/*", SLOW, weir_route_drop_all},
    {"POST", OVERLORD_SOURCES "/*", SLOW, weir_route_use_all},
    {"POST", OVERLORD_SOURCES "/*/markUnused", SLOW, weir_route_mark_unused},
    {"POST", OVERLORD_SOURCES "/*/markUsed", SLOW, weir_route_mark_used},
    {"DELETE", OVERLORD_SOURCES "/*/segments/*", SLOW, weir_route_drop_segment},
    {"POST", OVERLORD_SOURCES "/*/segments/*", SLOW, weir_route_use_segment},
    {"GET", COORDINATOR "/intervals", SLOW, weir_route_all_intervals},
    {"GET", COORDINATOR "/intervals/*", SLOW, weir_route_all_intervals},
    {"GET", COORDINATOR "/metadata/datasources", SLOW, weir_route_metadata_datasources},
    {"GET", COORDINATOR "/metadata/datasources/*", SLOW, weir_route_metadata_datasource},
    {"GET", COORDINATOR "/metadata/datasources/*/segments", SLOW, weir_route_metadata_segments},
    {"POST", COORDINATOR "/metadata/datasources/*/segments", SLOW, weir_route_metadata_segments_in},
    {"GET", COORDINATOR "/metadata/datasources/*/segments/*", SLOW, weir_route_metadata_segment},
    {"GET", COORDINATOR "/metadata/datasources/*/unusedSegments", QUICK, weir_route_metadata_unused},
    {"GET", COORDINATOR "/metadata/segments", SLOW, weir_route_metadata_all_segments},
    {"GET", COORDINATOR "/loadstatus", SLOW, weir_route_load},
    {"GET", COORDINATOR "/loadqueue", QUICK, weir_route_load_queue},
    {"GET", COORDINATOR "/servers", SLOW, weir_route_servers},
    {"GET", COORDINATOR "/servers/*", SLOW, weir_route_server},
    {"GET", COORDINATOR "/servers/*/segments", SLOW, weir_route_server_segments},
    {"GET", COORDINATOR "/tiers", SLOW, weir_route_data_tiers},
    {"GET", COORDINATOR "/tiers/*", SLOW, weir_route_data_tier},
    {"GET", COORDINATOR "/config", QUICK, weir_route_unsupported},
    {"POST", COORDINATOR "/config", QUICK, weir_route_unsupported},
    {"GET", COORDINATOR "/config/history", QUICK, weir_route_unsupported},
    {"GET", COORDINATOR "/leader", QUICK, weir_route_leader},
    {"GET", COORDINATOR "/isLeader", QUICK, weir_route_is_leader},
    {"GET", "/druid/indexer/v1/leader", QUICK, weir_route_leader},
    {"GET", "/druid/indexer/v1/isLeader", QUICK, weir_route_is_leader},

    {"GET", COORDINATOR "/rules", SLOW, weir_route_rules},
    {"GET", COORDINATOR "/rules/history", SLOW, weir_route_rules_history},
    {"GET", COORDINATOR "/rules/*", SLOW, weir_route_rules_of},
    {"POST", COORDINATOR "/rules/*", SLOW, weir_route_rules_post},
    {"GET", COORDINATOR "/rules/*/history", SLOW, weir_route_rules_history_of},
    {"GET", COORDINATOR "/config/compaction", SLOW, weir_route_compactions},
    {"POST", COORDINATOR "/config/compaction", SLOW, weir_route_compaction_post},
    {"POST", COORDINATOR "/config/compaction/taskslots", SLOW, weir_route_compaction_slots},
    {"GET", COORDINATOR "/config/compaction/cluster", SLOW, weir_route_compaction_cluster},
    {"POST", COORDINATOR "/config/compaction/cluster", SLOW, weir_route_compaction_cluster_post},
    {"GET", COORDINATOR "/config/compaction/*", QUICK, weir_route_compaction},
    {"DELETE", COORDINATOR "/config/compaction/*", SLOW, weir_route_compaction_delete},
    {"GET", COORDINATOR "/config/compaction/*/history", QUICK, weir_route_compaction_history},
    {"GET", COORDINATOR "/compaction/status", SLOW, weir_route_compaction_status},
    {"GET", COORDINATOR "/compaction/progress", SLOW, weir_route_compaction_progress},
    {"POST", COORDINATOR "/compaction/simulate", QUICK, weir_route_compaction_simulate},
    {"GET", COMPACTION "/isSupervisorEnabled", QUICK, weir_route_compaction_supervised},
    {"GET", COMPACTION "/config/cluster", SLOW, weir_route_compaction_cluster},
    {"POST", COMPACTION "/config/cluster", SLOW, weir_route_compaction_cluster_post},
    {"GET", COMPACTION "/config/datasources", SLOW, weir_route_compaction_configs},
    {"GET", COMPACTION "/config/datasources/*", QUICK, weir_route_compaction},
    {"POST", COMPACTION "/config/datasources/*", SLOW, weir_route_compaction_post},
    {"DELETE", COMPACTION "/config/datasources/*", SLOW, weir_route_compaction_delete},
    {"GET", COMPACTION "/config/datasources/*/history", QUICK, weir_route_compaction_history},
    {"GET", COMPACTION "/status", SLOW, weir_route_compaction_status},
    {"GET", COMPACTION "/status/datasources", SLOW, weir_route_compaction_status},
    {"GET", COMPACTION "/status/datasources/*", SLOW, weir_route_compaction_status_of},
    {"GET", COMPACTION "/progress", SLOW, weir_route_compaction_progress},
    {"POST", COMPACTION "/simulate", QUICK, weir_route_compaction_simulate},

    {"GET", LOOKUPS "/config", QUICK, weir_route_lookup_tiers},
    {"POST", LOOKUPS "/config", SLOW, weir_route_lookups_post},
    {"GET", LOOKUPS "/config/all", SLOW, weir_route_lookups_all},
    {"GET", LOOKUPS "/config/*", SLOW, weir_route_lookup_tier},
    {"DELETE", LOOKUPS "/config/*", SLOW, weir_route_lookup_tier_delete},
    {"GET", LOOKUPS "/config/*/*", SLOW, weir_route_lookup},
    {"POST", LOOKUPS "/config/*/*", SLOW, weir_route_lookup_post},
    {"DELETE", LOOKUPS "/config/*/*", SLOW, weir_route_lookup_delete},
    {"GET", LOOKUPS "/status", QUICK, weir_route_lookups_status},
    {"GET", LOOKUPS "/status/*", QUICK, weir_route_lookups_status},
    {"GET", LOOKUPS "/status/*/*", QUICK, weir_route_lookups_status},
    {"GET", LOOKUPS "/nodeStatus", SLOW, weir_route_lookup_nodes},
    {"GET", LOOKUPS "/nodeStatus/*", SLOW, weir_route_lookup_nodes},
    {"GET", LOOKUPS "/nodeStatus/*/*", SLOW, weir_route_lookup_nodes},
    {"GET", "/druid/listen/v1/lookups", SLOW, weir_route_lookups_loaded},
    {"GET", "/druid/listen/v1/lookups/*", SLOW, weir_route_lookups_loaded},
    {"GET", "/druid/v1/lookups/introspect/*", SLOW, weir_route_lookup_map},
    {"GET", "/druid/v1/lookups/introspect/*/keys", SLOW, weir_route_lookup_keys},
    {"GET", "/druid/v1/lookups/introspect/*/values", SLOW, weir_route_lookup_values},
    {"GET", "/druid/v1/lookups/introspect/*/version", QUICK, weir_route_lookup_version},

    {"GET", "/status", QUICK, weir_route_status},
    {"GET", "/status/health", QUICK, weir_route_health},
    {"GET", "/status/properties", QUICK, weir_route_properties},
    {"GET", "/status/selfDiscovered", QUICK, weir_route_readiness},
    {"GET", "/status/selfDiscovered/status", QUICK, weir_route_self_discovered},
    {"GET", "/metrics", QUICK, weir_route_metrics},

    {"GET", "/", QUICK, weir_route_dashboard},
    {"GET", "/dashboard/*", QUICK, weir_route_dashboard_file},
    {"GET", "/api/tables", QUICK, weir_route_tables},
};
#define ROUTE_COUNT (sizeof(routes) / sizeof(*routes))

/* A star takes one segment that is not empty. */
static bool matches(const char *pattern, weir_str path, weir_str args[2])
{
    size_t at = 0, taken = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (at == path.size || path.at[at++] != *pattern) {
                return false;
            }
            continue;
        }
        size_t from = at;
        while (at < path.size && path.at[at] != '/') {
            at++;
        }
        if (at == from) {
            return false;
        }
        args[taken++] = (weir_str){path.at + from, at - from};
    }
    return at == path.size;
}

const weir_route *weir_route_find(weir_call *call)
{
    weir_str method = weir_str_is(call->method, "HEAD") ? WEIR_STR("GET") : call->method;
    weir_str args[2] = {{0}};
    weir_buf allow = {0};
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!matches(routes[i].pattern, call->path, args)) {
            continue;
        }
        if (weir_str_is(method, routes[i].method)) {
            call->arg = weir_percent_decode(call->arena, args[0], false);
            call->arg2 = weir_percent_decode(call->arena, args[1], false);
            weir_buf_done(&allow);
            return &routes[i];
        }
        if (!allow.size || !memmem(allow.at, allow.size, routes[i].method, strlen(routes[i].method))) {
            weir_buf_printf(&allow, "%s%s", allow.size ? "," : "", routes[i].method);
        }
    }
    call->status = 404;
    if (allow.size > 0) {
        weir_buf_text(&allow, ",OPTIONS");
        call->status = weir_str_is(method, "OPTIONS") ? 200 : 405;
        call->allow = weir_arena_text(call->arena, weir_buf_view(&allow));
    }
    weir_buf_done(&allow);
    return NULL;
}
