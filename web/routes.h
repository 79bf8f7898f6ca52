/* web/routes.h - the routes that routes.c's table names: route_meta.c, route_supervisor.c, route_tasks.c, route_lookups.c,
 * route_coordinator.c, route_compaction.c, route_retention.c, route_rules.c, route_dashboard.c. */
#ifndef WEB_ROUTES_H
#define WEB_ROUTES_H
#include "web/http.h"

void weir_route_cancel(weir_call *call);
void weir_route_datasources(weir_call *call);
void weir_route_datasource(weir_call *call);
void weir_route_datasource_dimensions(weir_call *call);
void weir_route_datasource_metrics(weir_call *call);
void weir_route_loadstatus(weir_call *call);
void weir_route_cachestatus(weir_call *call);
void weir_route_readiness(weir_call *call);
void weir_route_unsupported(weir_call *call);
void weir_route_status(weir_call *call);
void weir_route_health(weir_call *call);
void weir_route_properties(weir_call *call);
void weir_route_self_discovered(weir_call *call);
void weir_route_metrics(weir_call *call);

void weir_route_supervisor_post(weir_call *call);
void weir_route_supervisor_list(weir_call *call);
void weir_route_supervisor_spec(weir_call *call);
void weir_route_supervisor_status(weir_call *call);
void weir_route_supervisor_health(weir_call *call);
void weir_route_supervisor_stats(weir_call *call);
void weir_route_supervisor_errors(weir_call *call);
void weir_route_supervisor_suspend(weir_call *call);
void weir_route_supervisor_resume(weir_call *call);
void weir_route_supervisor_terminate(weir_call *call);
void weir_route_supervisor_reset(weir_call *call);
void weir_route_supervisor_reset_offsets(weir_call *call);
void weir_route_supervisor_acknowledge(weir_call *call);
void weir_route_supervisor_handoff(weir_call *call);
void weir_route_supervisor_handoff_groups(weir_call *call);
void weir_route_supervisor_history(weir_call *call);
void weir_route_supervisor_history_all(weir_call *call);
void weir_route_supervisor_suspend_all(weir_call *call);
void weir_route_supervisor_resume_all(weir_call *call);
void weir_route_supervisor_terminate_all(weir_call *call);

void weir_route_task_post(weir_call *call);
void weir_route_task_payload(weir_call *call);
void weir_route_task_status(weir_call *call);
void weir_route_task_segments(weir_call *call);
void weir_route_task_reports(weir_call *call);
void weir_route_task_log(weir_call *call);
void weir_route_task_shutdown(weir_call *call);
void weir_route_pending_delete(weir_call *call);
void weir_route_tasks_shutdown_all(weir_call *call);
void weir_route_tasks(weir_call *call);
void weir_route_tasks_running(weir_call *call);
void weir_route_tasks_pending(weir_call *call);
void weir_route_tasks_waiting(weir_call *call);
void weir_route_tasks_complete(weir_call *call);
void weir_route_task_statuses(weir_call *call);
void weir_route_tasks_locked(weir_call *call);
void weir_route_workers(weir_call *call);
void weir_route_worker_enabled(weir_call *call);
void weir_route_worker_capacity(weir_call *call);

void weir_route_lookup_tiers(weir_call *call);
void weir_route_lookups_post(weir_call *call);
void weir_route_lookups_all(weir_call *call);
void weir_route_lookup_tier(weir_call *call);
void weir_route_lookup_tier_delete(weir_call *call);
void weir_route_lookup(weir_call *call);
void weir_route_lookup_post(weir_call *call);
void weir_route_lookup_delete(weir_call *call);
void weir_route_lookups_status(weir_call *call);
void weir_route_lookup_nodes(weir_call *call);
void weir_route_lookups_loaded(weir_call *call);
void weir_route_lookup_map(weir_call *call);
void weir_route_lookup_keys(weir_call *call);
void weir_route_lookup_values(weir_call *call);
void weir_route_lookup_version(weir_call *call);

void weir_route_inventory(weir_call *call);
void weir_route_inventory_datasource(weir_call *call);
void weir_route_inventory_segments(weir_call *call);
void weir_route_inventory_segment(weir_call *call);
void weir_route_inventory_intervals(weir_call *call);
void weir_route_inventory_served(weir_call *call);
void weir_route_inventory_tiers(weir_call *call);
void weir_route_inventory_load(weir_call *call);
void weir_route_all_intervals(weir_call *call);
void weir_route_metadata_datasources(weir_call *call);
void weir_route_metadata_datasource(weir_call *call);
void weir_route_metadata_segments(weir_call *call);
void weir_route_metadata_unused(weir_call *call);
void weir_route_metadata_segments_in(weir_call *call);
void weir_route_metadata_segment(weir_call *call);
void weir_route_metadata_all_segments(weir_call *call);
void weir_route_candidates(weir_call *call);
void weir_route_load(weir_call *call);
void weir_route_load_queue(weir_call *call);
void weir_route_servers(weir_call *call);
void weir_route_server(weir_call *call);
void weir_route_server_segments(weir_call *call);
void weir_route_data_tiers(weir_call *call);
void weir_route_data_tier(weir_call *call);
void weir_route_leader(weir_call *call);
void weir_route_is_leader(weir_call *call);

void weir_route_rules(weir_call *call);
void weir_route_rules_of(weir_call *call);
void weir_route_rules_post(weir_call *call);
void weir_route_rules_history(weir_call *call);
void weir_route_rules_history_of(weir_call *call);

void weir_route_drop_all(weir_call *call);
void weir_route_drop_segment(weir_call *call);
void weir_route_mark_unused(weir_call *call);
void weir_route_mark_used(weir_call *call);
void weir_route_use_all(weir_call *call);
void weir_route_use_segment(weir_call *call);
void weir_route_kill_interval(weir_call *call);

void weir_route_compactions(weir_call *call);
void weir_route_compaction(weir_call *call);
void weir_route_compaction_post(weir_call *call);
void weir_route_compaction_delete(weir_call *call);
void weir_route_compaction_history(weir_call *call);
void weir_route_compaction_configs(weir_call *call);
void weir_route_compaction_cluster(weir_call *call);
void weir_route_compaction_cluster_post(weir_call *call);
void weir_route_compaction_slots(weir_call *call);
void weir_route_compaction_simulate(weir_call *call);
void weir_route_compaction_supervised(weir_call *call);
void weir_route_compaction_status_of(weir_call *call);
void weir_route_compaction_status(weir_call *call);
void weir_route_compaction_progress(weir_call *call);

void weir_route_dashboard(weir_call *call);
void weir_route_dashboard_file(weir_call *call);
void weir_route_tables(weir_call *call);
#endif
