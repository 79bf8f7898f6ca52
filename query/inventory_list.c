/* query/inventory_list.c - see query/inventory_list.h. */
#include "query/inventory_list.h"
#include "weir/query.h"
#include <stdlib.h>

#define BINARY_VERSION 9 /* of Druid's segments; clients expect a number */

static void unref_view(void *view)
{
    weir_view_unref(view);
}

static void unref_state(void *state)
{
    weir_log_state_unref(state);
}

static void add_segment(weir_listing *l, const weir_listed *s)
{
    if (l->count == l->capacity) {
        l->capacity = l->capacity ? l->capacity * 2 : 64;
        weir_listed *more = WEIR_ARENA_ARRAY(l->arena, weir_listed, l->capacity);
        if (l->count > 0) {
            memcpy(more, l->at, l->count * sizeof(*more));
        }
        l->at = more;
    }
    l->at[l->count++] = *s;
}

static weir_str version_of(weir_str id)
{
    const char *underscore = id.size ? memrchr(id.at, '_', id.size) : NULL;
    size_t from = underscore ? (size_t)(underscore - id.at) + 1 : 0;
    return (weir_str){id.at + from, id.size - from};
}

static uint64_t count_rows(const weir_rows *rows)
{
    uint64_t count = 0;
    uint32_t chunks = rows->ops->chunks(rows);
    for (uint32_t i = 0; i < chunks; i++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, i, &info);
        count += info.row_count;
    }
    return count;
}

static void list_table(weir_listing *l, weir_table *table, bool published)
{
    weir_view *view = weir_table_view(table);
    weir_log_state *state = weir_table_state(table);
    weir_arena_defer(l->arena, unref_view, view);
    weir_arena_defer(l->arena, unref_state, state);
    for (uint32_t i = 0; i < view->count; i++) {
        weir_listed s = {.table = weir_table_name(table), .rows = view->rows[i]};
        if (s.rows->live && published) {
            continue;
        }
        s.version = version_of(s.rows->id);
        s.broken = view->problems && view->problems[i].size > 0;
        const weir_segment_state *known = s.rows->live ? NULL : weir_log_segment(state, s.version);
        s.size_bytes = known ? known->added.bytes : 0;
        s.row_count = known ? known->added.rows : s.broken ? 0 : count_rows(s.rows);
        add_segment(l, &s);
    }
}

static bool is_before(const weir_str *names, size_t at)
{
    size_t i = 0;
    while (!weir_str_eq(names[i], names[at])) {
        i++;
    }
    return i < at;
}

/* Of the tables that are named, each once. */
weir_listing weir_list_some(const weir_inventory *inv, const weir_str *names, size_t count,
                            bool published)
{
    weir_listing l = {.arena = weir_arena_new()};
    for (size_t i = 0; i < count; i++) {
        weir_table *table = weir_catalog_table(inv->catalog, names[i]);
        if (table && !is_before(names, i)) {
            list_table(&l, table, published);
        }
    }
    return l;
}

weir_listing weir_list_named(const weir_inventory *inv, weir_str name, bool published)
{
    return weir_list_some(inv, &name, 1, published);
}

weir_listing weir_list_all(const weir_inventory *inv, bool published)
{
    weir_arena *arena = weir_arena_new();
    weir_str *names;
    size_t count = weir_catalog_tables(inv->catalog, arena, &names);
    weir_listing l = weir_list_some(inv, names, count, published);
    weir_arena_free(arena);
    return l;
}

void weir_list_drop(weir_listing *l)
{
    weir_arena_free(l->arena);
}

/* Segments that are not within `interval` go; NULL: all stay. */
void weir_list_within(weir_listing *l, const weir_interval *interval)
{
    size_t kept = 0;
    for (size_t i = 0; interval && i < l->count; i++) {
        weir_interval own = l->at[i].rows->interval;
        if (interval->start_ms <= own.start_ms && own.end_ms <= interval->end_ms) {
            l->at[kept++] = l->at[i];
        }
    }
    l->count = interval ? kept : l->count;
}

/* Newest interval first, each one's segments by table and in the order they were in. */
static int compare_newest(const void *a, const void *b)
{
    const weir_listed *x = a, *y = b;
    weir_interval i = x->rows->interval, k = y->rows->interval;
    int order = (k.start_ms > i.start_ms) - (k.start_ms < i.start_ms);
    order = order ? order : (k.end_ms > i.end_ms) - (k.end_ms < i.end_ms);
    order = order ? order : weir_str_cmp(x->table, y->table);
    return order ? order : weir_str_cmp(x->rows->id, y->rows->id);
}

void weir_list_sort(weir_listing *l)
{
    if (l->count > 1) {
        qsort(l->at, l->count, sizeof(*l->at), compare_newest);
    }
}

static bool same_interval(const weir_listed *a, const weir_listed *b)
{
    return a->rows->interval.start_ms == b->rows->interval.start_ms &&
           a->rows->interval.end_ms == b->rows->interval.end_ms;
}

/* One past the last segment that lies in the interval of segment i (and, by_table, in its table).
 */
size_t weir_list_run_end(const weir_listing *l, size_t i, bool by_table)
{
    size_t end = i + 1;
    while (end < l->count && same_interval(&l->at[i], &l->at[end]) &&
           (!by_table || weir_str_eq(l->at[i].table, l->at[end].table))) {
        end++;
    }
    return end;
}

/* Parts of answers. */

weir_str weir_listed_interval(char text[82], weir_interval interval)
{
    size_t n = weir_time_print(text, interval.start_ms);
    text[n++] = '/';
    return (weir_str){text, n + weir_time_print(text + n, interval.end_ms)};
}

/* Names with a comma between them, as Druid keeps them. */
static void put_columns(weir_json *json, const char *key, const weir_rows *rows, bool metrics)
{
    weir_buf names = {0};
    uint32_t count = rows->ops->column_count(rows);
    for (uint32_t i = 0; i < count; i++) {
        const weir_column *col = rows->ops->column_at(rows, i);
        if (!weir_str_is(col->name, "__time") && col->metric == metrics) {
            weir_buf_text(&names, names.size ? "," : "");
            weir_buf_str(&names, col->name);
        }
    }
    weir_json_member_str(json, key, names.size ? weir_buf_view(&names) : WEIR_STR(""));
    weir_buf_done(&names);
}

void weir_listed_put_members(weir_json *json, const weir_listed *s)
{
    char text[82];
    weir_json_member_str(json, "dataSource", s->table);
    weir_json_member_str(json, "interval", weir_listed_interval(text, s->rows->interval));
    weir_json_member_str(json, "version", s->version);
    weir_json_key(json, WEIR_STR("loadSpec"));
    weir_json_raw(json, WEIR_STR("{}"));
    if (s->broken) {
        weir_json_member_text(json, "dimensions", "");
        weir_json_member_text(json, "metrics", "");
    } else {
        put_columns(json, "dimensions", s->rows, false);
        put_columns(json, "metrics", s->rows, true);
    }
    weir_json_key(json, WEIR_STR("shardSpec"));
    weir_json_raw(json, WEIR_STR("{\"type\":\"numbered\",\"partitionNum\":0,\"partitions\":1}"));
    weir_json_member_long(json, "binaryVersion", BINARY_VERSION);
    weir_json_member_long(json, "size", (int64_t)s->size_bytes);
    weir_json_member_str(json, "identifier", s->rows->id);
}

void weir_listed_put(weir_json *json, const weir_listed *s)
{
    weir_json_begin_object(json);
    weir_listed_put_members(json, s);
    weir_json_end_object(json);
}

void weir_list_put(weir_json *json, const weir_listing *l, weir_detail detail)
{
    weir_json_begin_array(json);
    for (size_t i = 0; i < l->count; i++) {
        if (detail == WEIR_DETAIL_FULL) {
            weir_listed_put(json, &l->at[i]);
        } else {
            weir_json_str(json, l->at[i].rows->id);
        }
    }
    weir_json_end_array(json);
}

/* {"metadata": the segment, "servers": [us]} */
void weir_listed_put_served(weir_json *json, const weir_inventory *inv, const weir_listed *s)
{
    weir_json_begin_object(json);
    weir_json_key(json, WEIR_STR("metadata"));
    weir_listed_put(json, s);
    weir_json_key(json, WEIR_STR("servers"));
    weir_json_begin_array(json);
    weir_json_str(json, inv->node);
    weir_json_end_array(json);
    weir_json_end_object(json);
}

uint64_t weir_list_bytes(const weir_listing *l, size_t from, size_t end)
{
    uint64_t bytes = 0;
    for (size_t i = from; i < end; i++) {
        bytes += l->at[i].size_bytes;
    }
    return bytes;
}

static bool touches(const weir_listed *s, const weir_interval *interval)
{
    return s->rows->interval.start_ms < interval->end_ms &&
           s->rows->interval.end_ms > interval->start_ms;
}

/* Segments that overlap none of the intervals go. */
void weir_list_touching(weir_listing *l, const weir_interval *intervals, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        bool wanted = false;
        for (size_t k = 0; k < count && !wanted; k++) {
            wanted = touches(&l->at[i], &intervals[k]);
        }
        if (wanted) {
            l->at[kept++] = l->at[i];
        }
    }
    l->count = kept;
}
