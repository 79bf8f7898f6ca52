/* query/inventory.c - see inventory.h. Every answer is a walk over the segments of one or all
 * tables: a listing is taken, kept for the answer, and written. */
#include "query/inventory_list.h"
#include "weir/query.h"
#include <jansson.h>
#include <stdlib.h>

/* Bytes of what is published of all tables: as the logs have it, without a look at the segments. */
static uint64_t stored_bytes(const weir_inventory *inv)
{
    weir_arena *arena = weir_arena_new();
    weir_table **tables;
    size_t table_count = weir_catalog_all(inv->catalog, arena, &tables), count;
    uint64_t bytes = 0;
    for (size_t i = 0; i < table_count; i++) {
        weir_log_state *state = weir_table_state(tables[i]);
        const weir_segment_state *const *segments = weir_log_segments(state, &count);
        for (size_t k = 0; k < count; k++) {
            bytes += segments[k]->added.bytes;
        }
        weir_log_state_unref(state);
    }
    weir_arena_free(arena);
    return bytes;
}

/* Data sources. */

static void put_properties(weir_json *json, const weir_listing *l)
{
    int64_t size = (int64_t)weir_list_bytes(l, 0, l->count), count = (int64_t)l->count;
    weir_interval hull = {INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < l->count; i++) {
        weir_interval own = l->at[i].rows->interval;
        hull.start_ms = own.start_ms < hull.start_ms ? own.start_ms : hull.start_ms;
        hull.end_ms = own.end_ms > hull.end_ms ? own.end_ms : hull.end_ms;
    }
    weir_json_begin_object(json);
    weir_json_key(json, WEIR_STR("tiers"));
    weir_json_begin_object(json);
    weir_json_key(json, WEIR_STR(WEIR_DATA_TIER));
    weir_json_begin_object(json);
    weir_json_member_long(json, "size", size);
    weir_json_member_long(json, "replicatedSize", size);
    weir_json_member_long(json, "segmentCount", count);
    weir_json_end_object(json);
    weir_json_end_object(json);
    weir_json_key(json, WEIR_STR("segments"));
    weir_json_begin_object(json);
    weir_json_member_long(json, "count", count);
    weir_json_member_long(json, "size", size);
    weir_json_member_long(json, "replicatedSize", size);
    weir_json_member_time(json, "minTime", hull.start_ms);
    weir_json_member_time(json, "maxTime", hull.end_ms);
    weir_json_end_object(json);
    weir_json_end_object(json);
}

static void put_whole(weir_json *json, weir_str name, const weir_listing *l)
{
    weir_json_begin_object(json);
    weir_json_member_str(json, "name", name);
    weir_json_key(json, WEIR_STR("properties"));
    weir_json_raw(json, WEIR_STR("{}"));
    weir_json_key(json, WEIR_STR("segments"));
    weir_list_put(json, l, WEIR_DETAIL_FULL);
    weir_json_end_object(json);
}

static void put_datasource(weir_json *json, weir_str name, const weir_listing *l,
                           weir_detail detail)
{
    switch (detail) {
    case WEIR_DETAIL_NAMES:
        weir_json_str(json, name);
        break;
    case WEIR_DETAIL_SIMPLE:
        weir_json_begin_object(json);
        weir_json_member_str(json, "name", name);
        weir_json_key(json, WEIR_STR("properties"));
        put_properties(json, l);
        weir_json_end_object(json);
        break;
    case WEIR_DETAIL_FULL:
        put_whole(json, name, l);
        break;
    }
}

/* Without a look at its segments. */
static bool has_rows(const weir_inventory *inv, weir_str name, bool published)
{
    weir_table *table = weir_catalog_table(inv->catalog, name);
    weir_table_stats stats = {0};
    if (table) {
        weir_table_stats_get(table, &stats);
    }
    return stats.frozen_segments > 0 || (!published && stats.live_rows > 0);
}

void weir_inventory_datasources(const weir_inventory *inv, bool published, weir_detail detail,
                                weir_buf *out)
{
    weir_json json = {.out = out};
    weir_arena *arena = weir_arena_new();
    weir_str *names;
    size_t count = weir_catalog_tables(inv->catalog, arena, &names);
    weir_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        if (detail == WEIR_DETAIL_NAMES) {
            if (has_rows(inv, names[i], published)) {
                weir_json_str(&json, names[i]);
            }
            continue;
        }
        weir_listing l = weir_list_named(inv, names[i], published);
        if (l.count > 0) {
            put_datasource(&json, names[i], &l, detail);
        }
        weir_list_drop(&l);
    }
    weir_json_end_array(&json);
    weir_arena_free(arena);
}

/* A removed segment leaves its mark in the log for a while, its collection for ever. */
static bool had_rows(weir_table *table)
{
    weir_log_state *state = weir_table_state(table);
    weir_table_stats stats;
    bool had = weir_log_tombstones(state) > 0 || weir_log_horizon(state) > 0;
    weir_table_stats_get(table, &stats);
    weir_log_state_unref(state);
    return had || stats.frozen_segments > 0 || stats.live_rows > 0;
}

void weir_inventory_ever(const weir_inventory *inv, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_arena *arena = weir_arena_new();
    weir_table **tables;
    size_t count = weir_catalog_all(inv->catalog, arena, &tables);
    weir_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        if (had_rows(tables[i])) {
            weir_json_str(&json, weir_table_name(tables[i]));
        }
    }
    weir_json_end_array(&json);
    weir_arena_free(arena);
}

bool weir_inventory_datasource(const weir_inventory *inv, weir_str name, bool published,
                               weir_detail detail, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l = weir_list_named(inv, name, published);
    bool found = l.count > 0;
    if (found && detail == WEIR_DETAIL_FULL) {
        put_whole(&json, name, &l);
    } else if (found) {
        put_properties(&json, &l);
    }
    weir_list_drop(&l);
    return found;
}

/* Segments. */

bool weir_inventory_segments(const weir_inventory *inv, weir_str name, bool published,
                             weir_detail detail, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l = weir_list_named(inv, name, published);
    bool found = l.count > 0;
    if (found) {
        weir_list_put(&json, &l, detail);
    }
    weir_list_drop(&l);
    return found;
}

/* Into `arena`; how many, -1: they are no list of intervals. */
static ptrdiff_t read_intervals(weir_str text, weir_arena *arena, weir_interval **out,
                                weir_error *err)
{
    json_error_t why;
    json_t *list = text.size ? json_loadb(text.at, text.size, 0, &why) : NULL;
    size_t count = json_array_size(list);
    bool ok = json_is_array(list) ||
              weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body must be a JSON list of intervals%s%s",
                        list || !text.size ? "" : ": ", list || !text.size ? "" : why.text);
    *out = WEIR_ARENA_ARRAY(arena, weir_interval, count + 1);
    for (size_t i = 0; i < count && ok; i++) {
        const char *one = json_string_value(json_array_get(list, i));
        ok = one ? weir_interval_parse(weir_str_of(one), *out + i, err) ||
                       weir_fail_in(err, "[%zu]", i)
                 : weir_fail(err, WEIR_ERR_BAD_REQUEST, "[%zu]: an interval is wanted", i);
    }
    json_decref(list);
    return ok ? (ptrdiff_t)count : -1;
}

bool weir_inventory_segments_in(const weir_inventory *inv, weir_str name, weir_str intervals,
                                weir_detail detail, weir_buf *out, weir_error *err)
{
    weir_json json = {.out = out};
    weir_listing l = weir_list_named(inv, name, true);
    weir_interval *wanted;
    ptrdiff_t count = read_intervals(intervals, l.arena, &wanted, err);
    if (count >= 0) {
        weir_list_touching(&l, wanted, (size_t)count);
        weir_list_put(&json, &l, detail);
    } else {
        err->code = WEIR_ERR_BAD_REQUEST;
    }
    weir_list_drop(&l);
    return count >= 0;
}

bool weir_inventory_segment(const weir_inventory *inv, weir_str name, bool published, weir_str id,
                            weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l = weir_list_named(inv, name, published);
    bool found = false;
    for (size_t i = 0; i < l.count && !found; i++) {
        found = weir_str_eq(l.at[i].rows->id, id);
        if (found && published) {
            weir_listed_put(&json, &l.at[i]);
        } else if (found) {
            weir_listed_put_served(&json, inv, &l.at[i]);
        }
    }
    weir_list_drop(&l);
    return found;
}

void weir_inventory_all_segments(const weir_inventory *inv, const weir_str *names, size_t count,
                                 bool overshadowed, bool live, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l =
        count > 0 ? weir_list_some(inv, names, count, !live) : weir_list_all(inv, !live);
    weir_json_begin_array(&json);
    for (size_t i = 0; i < l.count; i++) {
        const weir_listed *s = &l.at[i];
        weir_json_begin_object(&json);
        weir_listed_put_members(&json, s);
        if (overshadowed) {
            weir_json_member_bool(&json, "overshadowed", false);
            weir_json_key(&json, WEIR_STR("replicationFactor"));
            weir_json_raw(&json, s->rows->live ? WEIR_STR("null") : WEIR_STR("1"));
            weir_json_member_long(&json, "numRows", (int64_t)s->row_count);
            weir_json_member_bool(&json, "realtime", s->rows->live);
        }
        weir_json_end_object(&json);
    }
    weir_json_end_array(&json);
    weir_list_drop(&l);
}

/* Intervals. */

static void put_size_and_count(weir_json *json, const weir_listing *l, size_t from, size_t end)
{
    weir_json_begin_object(json);
    weir_json_member_long(json, "size", (int64_t)weir_list_bytes(l, from, end));
    weir_json_member_long(json, "count", (int64_t)(end - from));
    weir_json_end_object(json);
}

static void put_interval(weir_json *json, const weir_inventory *inv, const weir_listing *l,
                         size_t from, size_t end, weir_detail detail)
{
    char text[82];
    weir_str key = weir_listed_interval(text, l->at[from].rows->interval);
    if (detail == WEIR_DETAIL_NAMES) {
        weir_json_str(json, key);
        return;
    }
    weir_json_key(json, key);
    if (detail == WEIR_DETAIL_SIMPLE) {
        put_size_and_count(json, l, from, end);
        return;
    }
    weir_json_begin_object(json);
    for (size_t i = from; i < end; i++) {
        weir_json_key(json, l->at[i].rows->id);
        weir_listed_put_served(json, inv, &l->at[i]);
    }
    weir_json_end_object(json);
}

bool weir_inventory_intervals(const weir_inventory *inv, weir_str name, const weir_interval *within,
                              weir_detail detail, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l = weir_list_named(inv, name, false);
    bool found = l.count > 0;
    weir_list_within(&l, within);
    weir_list_sort(&l);
    if (found && within && detail == WEIR_DETAIL_NAMES) {
        weir_list_put(&json, &l, detail);
    } else if (found) {
        if (detail == WEIR_DETAIL_NAMES) {
            weir_json_begin_array(&json);
        } else {
            weir_json_begin_object(&json);
        }
        for (size_t i = 0, end; i < l.count; i = end) {
            end = weir_list_run_end(&l, i, false);
            put_interval(&json, inv, &l, i, end, detail);
        }
        if (detail == WEIR_DETAIL_NAMES) {
            weir_json_end_array(&json);
        } else {
            weir_json_end_object(&json);
        }
    }
    weir_list_drop(&l);
    return found;
}

/* {table: {"size", "count"}} of segments that lie in one interval. */
static void put_by_table(weir_json *json, const weir_listing *l, size_t from, size_t end)
{
    weir_json_begin_object(json);
    for (size_t i = from, next; i < end; i = next) {
        next = weir_list_run_end(l, i, true);
        weir_json_key(json, l->at[i].table);
        put_size_and_count(json, l, i, next);
    }
    weir_json_end_object(json);
}

void weir_inventory_all_intervals(const weir_inventory *inv, const weir_interval *within,
                                  weir_detail detail, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l = weir_list_all(inv, false);
    weir_list_within(&l, within);
    weir_list_sort(&l);
    if (within && detail == WEIR_DETAIL_NAMES) {
        put_size_and_count(&json, &l, 0, l.count);
        weir_list_drop(&l);
        return;
    }
    weir_json_begin_object(&json);
    for (size_t i = 0, end; i < l.count; i = end) {
        char text[82];
        end = weir_list_run_end(&l, i, false);
        weir_json_key(&json, weir_listed_interval(text, l.at[i].rows->interval));
        if (within && detail == WEIR_DETAIL_SIMPLE) {
            put_size_and_count(&json, &l, i, end);
        } else {
            put_by_table(&json, &l, i, end);
        }
    }
    weir_json_end_object(&json);
    weir_list_drop(&l);
}

/* The server. */

static void put_server_members(weir_json *json, const weir_inventory *inv)
{
    weir_json_member_str(json, "host", inv->node);
    weir_json_member_text(json, "tier", WEIR_DATA_TIER);
    weir_json_member_text(json, "type", "historical");
    weir_json_member_long(json, "priority", 0);
    weir_json_member_long(json, "maxSize", 0); /* no limit is set */
}

/* key: [us] */
static void put_us(weir_json *json, const char *key, const weir_inventory *inv)
{
    weir_json_key(json, weir_str_of(key));
    weir_json_begin_array(json);
    weir_json_begin_object(json);
    weir_json_member_str(json, "name", inv->node);
    put_server_members(json, inv);
    weir_json_end_object(json);
    weir_json_end_array(json);
}

void weir_inventory_candidates(const weir_inventory *inv, weir_str name,
                               const weir_interval *intervals, size_t count, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l = weir_list_named(inv, name, false);
    weir_json_begin_array(&json);
    for (size_t i = 0; i < l.count; i++) {
        for (size_t k = 0; k < count; k++) {
            char text[82];
            weir_interval own = l.at[i].rows->interval;
            own.start_ms =
                own.start_ms > intervals[k].start_ms ? own.start_ms : intervals[k].start_ms;
            own.end_ms = own.end_ms < intervals[k].end_ms ? own.end_ms : intervals[k].end_ms;
            if (own.start_ms >= own.end_ms) {
                continue;
            }
            weir_json_begin_object(&json);
            weir_json_member_str(&json, "interval", weir_listed_interval(text, own));
            weir_json_member_str(&json, "version", l.at[i].version);
            weir_json_member_long(&json, "partitionNumber", 0);
            weir_json_member_long(&json, "size", (int64_t)l.at[i].size_bytes);
            put_us(&json, "locations", inv);
            weir_json_end_object(&json);
        }
    }
    weir_json_end_array(&json);
    weir_list_drop(&l);
}

void weir_inventory_served(const weir_inventory *inv, weir_str name, weir_interval within,
                           weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l = weir_list_named(inv, name, false);
    weir_list_touching(&l, &within, 1);
    weir_json_begin_array(&json);
    for (size_t i = 0; i < l.count; i++) {
        weir_json_begin_object(&json);
        weir_json_key(&json, WEIR_STR("segment"));
        weir_listed_put(&json, &l.at[i]);
        put_us(&json, "servers", inv);
        weir_json_end_object(&json);
    }
    weir_json_end_array(&json);
    weir_list_drop(&l);
}

/* The one tier that there is. */

void weir_inventory_tiers(const weir_inventory *inv, bool simple, weir_buf *out)
{
    weir_json json = {.out = out};
    if (!simple) {
        weir_buf_text(out, "[\"" WEIR_DATA_TIER "\"]");
        return;
    }
    weir_json_begin_object(&json);
    weir_json_key(&json, WEIR_STR(WEIR_DATA_TIER));
    weir_json_begin_object(&json);
    weir_json_member_long(&json, "currSize", (int64_t)stored_bytes(inv));
    weir_json_member_long(&json, "maxSize", 0);
    weir_json_end_object(&json);
    weir_json_end_object(&json);
}

/* {table: {interval: {"size", "count"}}} of what is listed. */
static void put_intervals_by_table(weir_json *json, const weir_inventory *inv,
                                   const weir_str *names, size_t count)
{
    weir_json_begin_object(json);
    for (size_t t = 0; t < count; t++) {
        weir_listing l = weir_list_named(inv, names[t], false);
        weir_list_sort(&l);
        if (l.count > 0) {
            weir_json_key(json, names[t]);
            weir_json_begin_object(json);
        }
        for (size_t i = 0, end; i < l.count; i = end) {
            end = weir_list_run_end(&l, i, false);
            put_interval(json, inv, &l, i, end, WEIR_DETAIL_SIMPLE);
        }
        if (l.count > 0) {
            weir_json_end_object(json);
        }
        weir_list_drop(&l);
    }
    weir_json_end_object(json);
}

void weir_inventory_tier(const weir_inventory *inv, weir_str tier, bool simple, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_arena *arena = weir_arena_new();
    weir_str *names;
    size_t count = weir_catalog_tables(inv->catalog, arena, &names);
    count = weir_str_eq_nocase(tier, WEIR_STR(WEIR_DATA_TIER)) ? count : 0;
    if (simple) {
        put_intervals_by_table(&json, inv, names, count);
    } else {
        weir_json_begin_array(&json);
        for (size_t i = 0; i < count; i++) {
            weir_json_str(&json, names[i]);
        }
        weir_json_end_array(&json);
    }
    weir_arena_free(arena);
}

static void put_server(weir_json *json, const weir_inventory *inv, weir_detail detail)
{
    if (detail == WEIR_DETAIL_NAMES) {
        weir_json_str(json, inv->node);
        return;
    }
    weir_json_begin_object(json);
    put_server_members(json, inv);
    weir_json_member_long(json, "currSize", (int64_t)stored_bytes(inv));
    if (detail == WEIR_DETAIL_FULL) {
        weir_listing l = weir_list_all(inv, false);
        weir_json_key(json, WEIR_STR("segments"));
        weir_json_begin_object(json);
        for (size_t i = 0; i < l.count; i++) {
            weir_json_key(json, l.at[i].rows->id);
            weir_listed_put(json, &l.at[i]);
        }
        weir_json_end_object(json);
        weir_list_drop(&l);
    }
    weir_json_end_object(json);
}

void weir_inventory_servers(const weir_inventory *inv, weir_detail detail, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_json_begin_array(&json);
    put_server(&json, inv, detail);
    weir_json_end_array(&json);
}

bool weir_inventory_server(const weir_inventory *inv, weir_str name, weir_detail detail,
                           weir_buf *out)
{
    weir_json json = {.out = out};
    if (!weir_str_eq(name, inv->node)) {
        return false;
    }
    put_server(&json, inv, detail);
    return true;
}

bool weir_inventory_server_segments(const weir_inventory *inv, weir_str name, weir_detail detail,
                                    weir_buf *out)
{
    weir_json json = {.out = out};
    if (!weir_str_eq(name, inv->node)) {
        return false;
    }
    weir_listing l = weir_list_all(inv, false);
    weir_list_put(&json, &l, detail);
    weir_list_drop(&l);
    return true;
}

/* Load status. */

static void put_load(weir_json *json, const weir_listing *l, size_t from, size_t end, bool per_cent)
{
    int64_t broken = 0, count = (int64_t)(end - from);
    for (size_t i = from; i < end; i++) {
        broken += l->at[i].broken;
    }
    weir_json_key(json, l->at[from].table);
    if (per_cent) {
        weir_json_double(json, 100.0 * (double)(count - broken) / (double)count);
    } else {
        weir_json_long(json, broken);
    }
}

bool weir_inventory_load(const weir_inventory *inv, weir_str name, const weir_interval *within,
                         weir_detail detail, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_listing l = name.at ? weir_list_named(inv, name, true) : weir_list_all(inv, true);
    if (within) {
        weir_list_touching(&l, within, 1);
    }
    bool found = !name.at || l.count > 0;
    if (found) {
        weir_json_begin_object(&json);
        if (detail == WEIR_DETAIL_FULL) {
            weir_json_key(&json, WEIR_STR(WEIR_DATA_TIER));
            weir_json_begin_object(&json);
        }
        for (size_t i = 0, end; i < l.count; i = end) { /* a table's segments stand together */
            for (end = i + 1; end < l.count && weir_str_eq(l.at[i].table, l.at[end].table); end++) {
            }
            put_load(&json, &l, i, end, detail == WEIR_DETAIL_NAMES);
        }
        if (detail == WEIR_DETAIL_FULL) {
            weir_json_end_object(&json);
        }
        weir_json_end_object(&json);
    }
    weir_list_drop(&l);
    return found;
}
