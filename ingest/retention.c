/* ingest/retention.c - marking segments unused, by interval, version or id. An interval means its
 * whole time buckets, as in Druid, where a segment goes only if its interval lies within; a segment
 * of stray rows, which spans many buckets, is cut at their bounds. */
#include "weir/retention.h"
#include "weir/drop.h"
#include "weir/members.h"
#include <jansson.h>

#define LIST_MAX 100000u

typedef struct chosen {
    weir_interval interval;
    const weir_str *names; /* versions, or log ids: without a table before them */
    size_t count;
} chosen;

static bool is_named(const chosen *c, weir_str id)
{
    bool found = false;
    for (size_t i = 0; i < c->count && !found; i++) {
        found = weir_str_eq(c->names[i], id);
    }
    return found;
}

static uint32_t gone(void *self, const weir_segment_state *segment, weir_arena *arena,
                     weir_interval **out)
{
    const chosen *c = self;
    if (c->count > 0 && !is_named(c, segment->added.id)) {
        return 0;
    }
    *out = WEIR_ARENA_NEW(arena, weir_interval);
    **out = c->interval;
    return 1;
}

static const weir_interval all_time = {INT64_MIN, INT64_MAX};

/* Rows that only this process has must not stay behind what it drops. */
static bool flush(const weir_retention *r, weir_table *table, weir_error *err)
{
    weir_table_stats stats;
    weir_table_stats_get(table, &stats);
    return stats.live_rows == 0 || !r->ingest ||
           weir_ingest_flush(r->ingest, weir_table_name(table), NULL, NULL, err);
}

bool weir_retention_drop(const weir_retention *r, weir_str name, weir_interval interval,
                         const weir_str *versions, size_t version_count, uint64_t *changed,
                         weir_error *err)
{
    weir_table *table = weir_catalog_table(r->catalog, name);
    weir_granularity buckets;
    *changed = 0;
    if (!table) {
        return true;
    }
    if (!flush(r, table, err) || !weir_table_buckets(table, &buckets, err)) {
        return false;
    }
    bool all = interval.start_ms <= weir_interval_eternity.start_ms &&
               interval.end_ms >= weir_interval_eternity.end_ms;
    chosen c = {all ? all_time : weir_whole_buckets(&buckets, interval), versions, version_count};
    return c.interval.start_ms >= c.interval.end_ms ||
           weir_table_drop(table, r->clock, &(weir_drop){gone, &c}, NULL, NULL, changed, err);
}

/* The log's id at the end of "table_start_end_id"; empty: it is of another table. */
static weir_str log_id(weir_str table, weir_str id)
{
    const char *last = id.size ? memrchr(id.at, '_', id.size) : NULL;
    bool own =
        last && id.size > table.size && weir_str_starts(id, table) && id.at[table.size] == '_';
    return own ? (weir_str){last + 1, (size_t)(id.at + id.size - last - 1)} : (weir_str){0};
}

bool weir_retention_drop_segments(const weir_retention *r, weir_str name, const weir_str *ids,
                                  size_t count, uint64_t *changed, weir_error *err)
{
    weir_table *table = weir_catalog_table(r->catalog, name);
    weir_arena *arena = weir_arena_new();
    weir_str *own = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    chosen c = {all_time, own, 0};
    *changed = 0;
    for (size_t i = 0; i < count; i++) {
        own[c.count] = log_id(name, ids[i]);
        c.count += own[c.count].size > 0;
    }
    bool ok = !table || c.count == 0 ||
              weir_table_drop(table, r->clock, &(weir_drop){gone, &c}, NULL, NULL, changed, err);
    weir_arena_free(arena);
    return ok;
}

/* Druid's SegmentsToUpdateFilter. Strings are borrowed from the JSON value. */
typedef struct filter {
    json_t *root;
    weir_arena *arena;
    bool has_interval;
    weir_interval interval;
    weir_str *ids, *versions;
    size_t id_count, version_count;
} filter;

static bool read_texts(const weir_members *m, const char *name, weir_arena *arena, weir_str **out,
                       size_t *count, weir_error *err)
{
    const json_t *list;
    if (!weir_member_array(m, name, &list, err)) {
        return false;
    }
    size_t size = json_array_size(list);
    if (size > LIST_MAX) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: at most %u", name, LIST_MAX);
    }
    *out = WEIR_ARENA_ARRAY(arena, weir_str, size + 1);
    for (size_t i = 0; i < size; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s[%zu]: a string is wanted", name, i);
        }
        (*out)[(*count)++] = weir_str_of(text);
    }
    return true;
}

static bool read_members(filter *f, weir_error *err)
{
    weir_members m;
    weir_str interval = {0};
    if (!weir_members_of(f->root, "", &m, err) ||
        !weir_member_text(&m, "interval", &interval, err) ||
        !read_texts(&m, "segmentIds", f->arena, &f->ids, &f->id_count, err) ||
        !read_texts(&m, "versions", f->arena, &f->versions, &f->version_count, err)) {
        return false;
    }
    f->has_interval = interval.at != NULL;
    return !f->has_interval || weir_interval_parse(interval, &f->interval, err) ||
           weir_fail_in(err, "interval");
}

/* *payload false: the sentence is all of the answer. */
static bool read_filter(filter *f, weir_str json, bool *payload, weir_error *err)
{
    json_error_t why;
    *f = (filter){.arena = weir_arena_new()};
    *payload = true;
    f->root = json.size ? json_loadb(json.at, json.size, JSON_DECODE_ANY, &why) : NULL;
    if (json.size && !f->root) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "the body is no JSON: %s", why.text);
    }
    if (f->root && !json_is_null(f->root) && !read_members(f, err)) {
        err->code = WEIR_ERR_BAD_REQUEST;
        return false;
    }
    bool valid = f->has_interval ? f->id_count == 0 : f->id_count > 0 && f->version_count == 0;
    if (!valid) {
        *payload = false;
        return weir_fail(
            err, WEIR_ERR_BAD_REQUEST,
            "Invalid request payload. Specify either 'interval' or 'segmentIds', but not both."
            " Optionally, include 'versions' only when 'interval' is provided.");
    }
    return true;
}

static void end_filter(filter *f)
{
    json_decref(f->root);
    weir_arena_free(f->arena);
}

bool weir_retention_mark_unused(const weir_retention *r, weir_str table, weir_str json,
                                bool *payload, uint64_t *changed, weir_error *err)
{
    filter f;
    bool ok = read_filter(&f, json, payload, err);
    if (ok && f.has_interval) {
        ok = weir_retention_drop(r, table, f.interval, f.versions, f.version_count, changed, err);
    } else if (ok) {
        ok = weir_retention_drop_segments(r, table, f.ids, f.id_count, changed, err);
    }
    end_filter(&f);
    return ok;
}

bool weir_retention_mark_used(const weir_retention *r, weir_str name, weir_error *err)
{
    weir_table *table = weir_catalog_table(r->catalog, name);
    weir_log_state *state = table ? weir_table_state(table) : NULL;
    bool removed = state && weir_log_tombstones(state) > 0;
    if (state) {
        weir_log_state_unref(state);
    }
    return !removed || weir_fail(err, WEIR_ERR_UNSUPPORTED,
                                 "segments of data source [%.*s] that were dropped or replaced "
                                 "cannot be marked as used again: load their rows anew",
                                 WEIR_STR_ARG(name));
}

bool weir_retention_mark_used_by(const weir_retention *r, weir_str table, weir_str json,
                                 bool *payload, weir_error *err)
{
    filter f;
    bool ok = read_filter(&f, json, payload, err) && weir_retention_mark_used(r, table, err);
    end_filter(&f);
    return ok;
}
