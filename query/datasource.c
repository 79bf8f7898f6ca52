/* query/datasource.c - GET /druid/v2/datasources: which tables there are and which columns their segments have.
 * Druid lists columns in the order of a Java HashSet, and clients' recorded answers show it: so do we. */
#include "query/engine.h"
#include <stdlib.h>

#define WEEK_MS (7LL * 86400000)

typedef struct name_set {
    weir_arena *arena;
    weir_str *names;
    uint32_t count, capacity;
} name_set;

static void add_name(name_set *set, weir_str name)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (weir_str_eq(set->names[i], name)) {
            return;
        }
    }
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? set->capacity * 2 : 64;
        weir_str *names = WEIR_ARENA_ARRAY(set->arena, weir_str, set->capacity);
        if (set->count > 0) {
            memcpy(names, set->names, set->count * sizeof(*names));
        }
        set->names = names;
    }
    set->names[set->count++] = weir_arena_str(set->arena, name);
}

/* Java's String.hashCode over UTF-16 units, spread as HashMap spreads it. Names are taken as ASCII; others only lose the order. */
static uint32_t java_hash(weir_str s)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < s.size; i++) {
        hash = hash * 31 + (uint8_t)s.at[i];
    }
    return hash ^ hash >> 16;
}

static void write_names(weir_json *json, const name_set *set)
{
    uint32_t slots = 16;
    while (set->count * 4 > slots * 3) {
        slots *= 2;
    }
    weir_json_begin_array(json);
    for (uint32_t slot = 0; slot < slots; slot++) {
        for (uint32_t i = 0; i < set->count; i++) {
            if ((java_hash(set->names[i]) & (slots - 1)) == slot) {
                weir_json_str(json, set->names[i]);
            }
        }
    }
    weir_json_end_array(json);
}

static void see_columns(const weir_rows *rows, name_set *dimensions, name_set *metrics)
{
    uint32_t count = rows->ops->column_count(rows);
    for (uint32_t i = 0; i < count; i++) {
        const weir_column *col = rows->ops->column_at(rows, i);
        if (!weir_str_is(col->name, "__time")) {
            add_name(col->metric ? metrics : dimensions, col->name);
        }
    }
}

static void write_both(weir_json *json, const name_set *dimensions, const name_set *metrics)
{
    weir_json_begin_object(json);
    weir_json_key(json, WEIR_STR("dimensions"));
    write_names(json, dimensions);
    weir_json_key(json, WEIR_STR("metrics"));
    write_names(json, metrics);
    weir_json_end_object(json);
}

static void write_key(weir_json *json, weir_interval interval)
{
    char start[40], end[40], key[82];
    size_t n = weir_time_print(start, interval.start_ms);
    memcpy(key, start, n);
    key[n++] = '/';
    size_t m = weir_time_print(end, interval.end_ms);
    memcpy(key + n, end, m);
    weir_json_key(json, (weir_str){key, n + m});
}

static bool touches(const weir_rows *rows, weir_interval interval)
{
    return rows->interval.start_ms < interval.end_ms && rows->interval.end_ms > interval.start_ms;
}

enum { LIVE_BUCKETS_MAX = 1000 }; /* of one live segment's rows: a stray event may be years away */

/* The interval of a segment, or its next bucket after `from`: live rows lie in the buckets that their hull touches. False: no more. */
static bool next_interval(const weir_rows *rows, int64_t from, weir_interval *out)
{
    bool bucketed = rows->live && rows->schema && rows->schema->segment_granularity.kind != WEIR_GRAN_ALL &&
                    rows->schema->segment_granularity.kind != WEIR_GRAN_NONE;
    if (!bucketed) {
        *out = rows->interval;
        return from < rows->interval.start_ms || from == INT64_MIN;
    }
    const weir_granularity *gran = &rows->schema->segment_granularity;
    out->start_ms = from < rows->interval.start_ms ? weir_granularity_floor(gran, rows->interval.start_ms) : from;
    out->end_ms = weir_granularity_next(gran, out->start_ms);
    return out->start_ms < rows->interval.end_ms;
}

static bool is_in(const weir_rows *rows, weir_interval interval)
{
    return rows->live ? touches(rows, interval)
                      : rows->interval.start_ms == interval.start_ms && rows->interval.end_ms == interval.end_ms;
}

/* An interval and the columns of the segments in it. */
typedef struct served {
    weir_interval interval;
    name_set dimensions, metrics;
} served;
typedef struct served_list {
    weir_arena *arena;
    served *at;
    uint32_t count, capacity;
} served_list;

static void add_served(served_list *list, const weir_view *view, weir_interval interval)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        served *more = WEIR_ARENA_ARRAY(list->arena, served, list->capacity);
        if (list->count > 0) {
            memcpy(more, list->at, list->count * sizeof(*more));
        }
        list->at = more;
    }
    served *s = &list->at[list->count++];
    *s = (served){interval, {.arena = list->arena}, {.arena = list->arena}};
    for (uint32_t k = 0; k < view->count; k++) {
        if (is_in(view->rows[k], interval)) {
            see_columns(view->rows[k], &s->dimensions, &s->metrics);
        }
    }
}

static int compare_served(const void *a, const void *b)
{
    const weir_interval *x = &((const served *)a)->interval, *y = &((const served *)b)->interval;
    int order = (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
    return order ? order : (x->end_ms > y->end_ms) - (x->end_ms < y->end_ms);
}

static bool same_names(const name_set *a, const name_set *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < b->count && !found; k++) {
            found = weir_str_eq(a->names[i], b->names[k]);
        }
        same = found;
    }
    return same;
}

/* One entry per interval, in order; those that abut and have the same columns are one, as in Druid. */
static void write_served(served_list *list, weir_json *json)
{
    if (list->count > 1) {
        qsort(list->at, list->count, sizeof(*list->at), compare_served);
    }
    weir_json_begin_object(json);
    for (uint32_t i = 0, next; i < list->count; i = next) {
        const served *s = &list->at[i];
        weir_interval whole = s->interval;
        for (next = i + 1; next < list->count && list->at[next].interval.start_ms == whole.end_ms; next++) {
            if (!same_names(&s->dimensions, &list->at[next].dimensions) || !same_names(&s->metrics, &list->at[next].metrics)) {
                break;
            }
            whole.end_ms = list->at[next].interval.end_ms;
        }
        write_key(json, whole);
        write_both(json, &s->dimensions, &s->metrics);
    }
    weir_json_end_object(json);
}

/* Distinct intervals of segments. */
static void write_full(const weir_view *view, weir_interval interval, weir_arena *arena, weir_json *json)
{
    name_set seen = {.arena = arena};
    served_list list = {.arena = arena};
    for (uint32_t i = 0; i < view->count; i++) {
        weir_interval own = {INT64_MIN, INT64_MIN};
        for (uint32_t n = 0; n < LIVE_BUCKETS_MAX && next_interval(view->rows[i], own.end_ms, &own); n++) {
            uint32_t before = seen.count;
            add_name(&seen, (weir_str){(const char *)&own, sizeof(own)});
            if (seen.count > before && own.end_ms > interval.start_ms && own.start_ms < interval.end_ms) {
                add_served(&list, view, own);
            }
        }
    }
    write_served(&list, json);
}

static void write_part(const weir_view *view, weir_interval interval, weir_datasource_part part, weir_arena *arena, weir_json *json)
{
    name_set dimensions = {.arena = arena}, metrics = {.arena = arena};
    for (uint32_t i = 0; i < view->count; i++) {
        if (touches(view->rows[i], interval)) {
            see_columns(view->rows[i], &dimensions, &metrics);
        }
    }
    switch (part) {
    case WEIR_DATASOURCE_BOTH:
        write_both(json, &dimensions, &metrics);
        break;
    case WEIR_DATASOURCE_FULL:
        write_full(view, interval, arena, json);
        break;
    case WEIR_DATASOURCE_DIMENSIONS:
        write_names(json, &dimensions);
        break;
    case WEIR_DATASOURCE_METRICS:
        write_names(json, &metrics);
        break;
    }
}

void weir_engine_datasources(weir_engine *engine, weir_buf *out)
{
    weir_arena *arena = weir_arena_new();
    weir_json json = {.out = out};
    weir_str *names;
    size_t count = weir_catalog_tables(weir_engine_catalog(engine), arena, &names);
    weir_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        weir_json_str(&json, names[i]);
    }
    weir_json_end_array(&json);
    weir_arena_free(arena);
}

bool weir_engine_datasource(weir_engine *engine, weir_str name, weir_str interval_text, weir_datasource_part part, weir_buf *out, weir_error *err)
{
    int64_t now = weir_wall_ms(weir_engine_clock(engine));
    weir_interval interval = {now - WEEK_MS, now};
    if (interval_text.size > 0 && !weir_interval_parse(interval_text, &interval, err)) {
        return weir_fail_in(err, "interval");
    }
    weir_arena *arena = weir_arena_new();
    weir_json json = {.out = out};
    weir_table *table = weir_catalog_table(weir_engine_catalog(engine), name);
    weir_view none = {0}, *view = table ? weir_table_view_in(table, &(weir_view_need){.count = 1, .intervals = &interval}) : &none;
    write_part(view, interval, part, arena, &json);
    if (table) {
        weir_view_unref(view);
    }
    weir_arena_free(arena);
    return true;
}
