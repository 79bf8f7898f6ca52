/* ingest/compaction_api.c - see include/weir/compaction.h. A table's config and its history are two
 * members of its log's config; both are put by one reader of requests after the other, so two
 * operators at once may lose an entry of the history, never a config. */
#include "weir/compaction.h"
#include <jansson.h>
#include <stdlib.h>
#include "ingest/compaction_config.h"
#include "weir/members.h"

#define HISTORY 50u /* entries kept */

static weir_log_state *state_of(const weir_compactions *c, weir_str name)
{
    weir_table *table = weir_catalog_table(c->catalog, name);
    return table ? weir_table_state(table) : NULL;
}

/* Empty: none. */
static weir_str config_text(const weir_compactions *c, weir_str name, weir_arena *arena)
{
    weir_log_state *state = state_of(c, name);
    weir_str text = state ? weir_log_config_get(state, "compaction", arena) : (weir_str){0};
    weir_log_state_unref(state);
    return text;
}

void weir_compactions_configs(const weir_compactions *c, weir_buf *out)
{
    weir_arena *arena = weir_arena_new();
    weir_table **tables;
    size_t count = weir_catalog_all(c->catalog, arena, &tables);
    bool any = false;
    weir_buf_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        weir_str text = config_text(c, weir_table_name(tables[i]), arena);
        if (text.size > 0) {
            weir_buf_text(out, any ? "," : "");
            weir_buf_str(out, text);
            any = true;
        }
    }
    weir_buf_byte(out, ']');
    weir_arena_free(arena);
}

bool weir_compactions_list(const weir_compactions *c, weir_buf *out, weir_error *err)
{
    weir_buf cluster = {0};
    bool ok = weir_compactions_cluster(c, &cluster, err);
    if (ok) {
        weir_buf_text(out, "{\"compactionConfigs\":");
        weir_compactions_configs(c, out);
        weir_buf_byte(out, ',');
        weir_buf_str(out, (weir_str){cluster.at + 1, cluster.size - 1}); /* its members and end */
    }
    weir_buf_done(&cluster);
    return ok;
}

static bool fail_unset(weir_str table, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_NOT_FOUND, "datasource '%.*s' has no compaction config",
                     WEIR_STR_ARG(table));
}

bool weir_compactions_get(const weir_compactions *c, weir_str table, weir_buf *out, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_str text = config_text(c, table, arena);
    weir_buf_str(out, text);
    weir_arena_free(arena);
    return text.size > 0 || fail_unset(table, err);
}

static void print_entry(const weir_compactions *c, weir_str cluster, weir_str config,
                        const weir_compaction_author *by, weir_buf *out)
{
    weir_json json = {.out = out};
    char time[40];
    weir_str now = {time, weir_time_print(time, weir_wall_ms(c->clock))};
    weir_json_begin_object(&json);
    weir_json_key(&json, WEIR_STR("globalConfig"));
    weir_json_raw(&json, cluster);
    weir_json_key(&json, WEIR_STR("compactionConfig"));
    weir_json_raw(&json, config);
    weir_json_key(&json, WEIR_STR("auditInfo"));
    weir_json_begin_object(&json);
    weir_json_member_str(&json, "author", by->author);
    weir_json_member_str(&json, "comment", by->comment);
    weir_json_member_str(&json, "ip", by->ip);
    weir_json_end_object(&json);
    weir_json_member_str(&json, "auditTime", now);
    weir_json_end_object(&json);
}

/* A list, oldest first; never NULL. */
static json_t *history_of(const weir_compactions *c, weir_str table)
{
    weir_arena *arena = weir_arena_new();
    weir_log_state *state = state_of(c, table);
    weir_str text = state ? weir_log_config_get(state, "compactionHistory", arena) : (weir_str){0};
    json_t *list = text.size > 0 ? json_loadb(text.at, text.size, 0, NULL) : NULL;
    weir_log_state_unref(state);
    weir_arena_free(arena);
    if (!json_is_array(list)) {
        json_decref(list);
        list = json_array();
    }
    return list;
}

static bool note_change(const weir_compactions *c, weir_table *table, weir_str config,
                        const weir_compaction_author *by, weir_error *err)
{
    weir_buf entry = {0}, cluster = {0};
    if (!weir_compactions_cluster(c, &cluster, err)) {
        weir_buf_done(&cluster);
        return false;
    }
    print_entry(c, weir_buf_view(&cluster), config, by, &entry);
    weir_buf_done(&cluster);
    json_t *list = history_of(c, weir_table_name(table));
    json_array_append_new(list, json_loadb(entry.at, entry.size, 0, NULL));
    while (json_array_size(list) > HISTORY) {
        json_array_remove(list, 0);
    }
    char *text = json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(15));
    bool ok = weir_table_config_put(table, "compactionHistory", weir_str_of(text), c->clock, err);
    free(text);
    json_decref(list);
    weir_buf_done(&entry);
    return ok;
}

static bool put(const weir_compactions *c, weir_table *table, weir_str config,
                const weir_compaction_author *by, weir_error *err)
{
    bool ok = weir_table_config_put(table, "compaction", config, c->clock, err) &&
              note_change(c, table, config, by, err);
    if (ok && c->coordinator) {
        weir_coordinator_hurry(c->coordinator, "compaction", table);
    }
    return ok;
}

static bool is_of(weir_str table, const weir_compaction_config *config, weir_error *err)
{
    return table.size == 0 || weir_str_eq(table, config->table) ||
           weir_fail(err, WEIR_ERR_BAD_REQUEST,
                     "DataSource in spec[%.*s] does not match DataSource in path[%.*s]",
                     WEIR_STR_ARG(config->table), WEIR_STR_ARG(table));
}

bool weir_compactions_set(const weir_compactions *c, weir_str named, weir_str json,
                          const weir_compaction_author *by, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_compaction_config config;
    weir_buf printed = {0};
    bool ok = json.size > 0 || weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body is empty");
    ok = ok && weir_compaction_config_read(json, arena, &config, &printed, err) &&
         is_of(named, &config, err);
    weir_table *table = ok ? weir_catalog_table_create(c->catalog, config.table, err) : NULL;
    ok = table && put(c, table, weir_buf_view(&printed), by, err);
    weir_buf_done(&printed);
    weir_arena_free(arena);
    return ok;
}

bool weir_compactions_remove(const weir_compactions *c, weir_str name,
                             const weir_compaction_author *by, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    bool set = config_text(c, name, arena).size > 0;
    weir_arena_free(arena);
    return set ? put(c, weir_catalog_table(c->catalog, name), WEIR_STR("null"), by, err)
               : fail_unset(name, err);
}

bool weir_compactions_history(const weir_compactions *c, weir_str table,
                              const weir_interval *within, uint32_t count, weir_buf *out,
                              weir_error *err)
{
    json_t *list = history_of(c, table);
    size_t size = json_array_size(list);
    uint32_t shown = 0;
    (void)err;
    weir_buf_byte(out, '[');
    for (size_t i = 0; i < size && (count == 0 || shown < count); i++) {
        const json_t *entry = json_array_get(list, count == 0 ? i : size - 1 - i);
        int64_t at_ms = 0;
        const char *time = json_string_value(json_object_get(entry, "auditTime"));
        if (within && (!time || !weir_time_parse_iso(weir_str_of(time), &at_ms) ||
                       at_ms < within->start_ms || at_ms >= within->end_ms)) {
            continue;
        }
        char *text = json_dumps(entry, JSON_COMPACT | JSON_REAL_PRECISION(15));
        weir_buf_printf(out, "%s%s", shown++ ? "," : "", text);
        free(text);
    }
    weir_buf_byte(out, ']');
    json_decref(list);
    return true;
}

/* --- status --- */

static bool need_of(weir_table *table, weir_compaction_need *out, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_log_state *state = weir_table_state(table);
    weir_schema *schema = NULL;
    bool ok = weir_table_schema(table, &schema, err);
    *out = (weir_compaction_need){0};
    if (ok && schema) {
        weir_compaction_config config = weir_compaction_config_of(state, arena);
        weir_compaction_policy policy =
            weir_compaction_policy_of(&config, state, &schema->segment_granularity, 0);
        policy.thorough = true;
        *out = weir_compaction_needs(state, &policy);
    }
    weir_schema_unref(schema);
    weir_log_state_unref(state);
    weir_arena_free(arena);
    return ok;
}

static bool print_status(weir_table *table, weir_json *json, weir_error *err)
{
    weir_compaction_need need;
    if (!need_of(table, &need, err)) {
        return false;
    }
    weir_json_begin_object(json);
    weir_json_member_str(json, "dataSource", weir_table_name(table));
    weir_json_member_text(json, "scheduleStatus", "RUNNING");
    weir_json_member_long(json, "bytesAwaitingCompaction", (int64_t)need.bytes_awaiting);
    weir_json_member_long(json, "bytesCompacted", (int64_t)need.bytes_done);
    weir_json_member_long(json, "bytesSkipped", (int64_t)need.bytes_skipped);
    weir_json_member_long(json, "segmentCountAwaitingCompaction", (int64_t)need.segments_awaiting);
    weir_json_member_long(json, "segmentCountCompacted", (int64_t)need.segments_done);
    weir_json_member_long(json, "segmentCountSkipped", (int64_t)need.segments_skipped);
    weir_json_member_long(json, "intervalCountAwaitingCompaction",
                          (int64_t)need.intervals_awaiting);
    weir_json_member_long(json, "intervalCountCompacted", (int64_t)need.intervals_done);
    weir_json_member_long(json, "intervalCountSkipped", (int64_t)need.intervals_skipped);
    weir_json_end_object(json);
    return true;
}

bool weir_compactions_status(const weir_compactions *c, weir_str name, weir_buf *out,
                             weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_table **tables;
    size_t count = weir_catalog_all(c->catalog, arena, &tables);
    weir_json json = {.out = out};
    bool ok = true, found = name.size == 0;
    weir_json_begin_object(&json);
    weir_json_key(&json, WEIR_STR("latestStatus"));
    weir_json_begin_array(&json);
    for (size_t i = 0; i < count && ok; i++) {
        if (name.size == 0 || weir_str_eq(name, weir_table_name(tables[i]))) {
            found = true;
            ok = print_status(tables[i], &json, err);
        }
    }
    weir_json_end_array(&json);
    weir_json_end_object(&json);
    weir_arena_free(arena);
    return ok && (found || weir_fail(err, WEIR_ERR_NOT_FOUND, "Unknown DataSource"));
}

bool weir_compactions_progress(const weir_compactions *c, weir_str name, weir_buf *out,
                               weir_error *err)
{
    weir_table *table = weir_catalog_table(c->catalog, name);
    weir_compaction_need need;
    if (!table) {
        return weir_fail(err, WEIR_ERR_NOT_FOUND, "Unknown DataSource");
    }
    if (!need_of(table, &need, err)) {
        return false;
    }
    weir_buf_printf(out, "{\"remainingSegmentSize\":%llu}",
                    (unsigned long long)need.bytes_awaiting);
    return true;
}
