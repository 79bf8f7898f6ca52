/* segments/catalog_view.c - what one query sees. Frozen segments are opened by the first query that
 * meets them and shared from then on; live segments are pinned here, under the published list, so
 * that frozen and live fit together whatever happens meanwhile. */
#include "segments/catalog_table.h"
#include "weir/log.h"
#include "weir/hash.h"
#include "weir/uid.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct view {
    weir_view pub; /* first */
    published *published;
    weir_arena *arena;
} view;

/* Stands for a segment that could not be opened: an interval, no rows. */
static uint32_t no_chunks(const weir_rows *rows)
{
    (void)rows;
    return 0;
}
static void no_chunk(const weir_rows *rows, uint32_t chunk, weir_chunk_info *out)
{
    (void)rows, (void)chunk;
    *out = (weir_chunk_info){0};
}
static const weir_column *no_column(const weir_rows *rows, weir_str name)
{
    (void)rows, (void)name;
    return NULL;
}
static uint32_t no_columns(const weir_rows *rows)
{
    (void)rows;
    return 0;
}
static const weir_column *no_column_at(const weir_rows *rows, uint32_t i)
{
    (void)rows, (void)i;
    return NULL;
}
static bool all_visible(const weir_rows *rows, uint32_t chunk, weir_scratch *s, weir_sel *out)
{
    (void)rows, (void)chunk, (void)s, (void)out;
    return false;
}
static void keep(weir_rows *rows)
{
    (void)rows; /* of the view's arena */
}
static const weir_rows_ops unopened = {no_chunks,    no_chunk,    no_column, no_columns,
                                       no_column_at, all_visible, NULL,      keep};

/* The bucket of the schema's segmentGranularity where the rows lie in one, else their hull. */
static weir_interval bucket_of(const weir_schema *schema, int64_t from_ms, int64_t to_ms)
{
    weir_interval hull = {from_ms, to_ms};
    if (!schema || schema->segment_granularity.kind == WEIR_GRAN_NONE) {
        return hull;
    }
    if (schema->segment_granularity.kind == WEIR_GRAN_ALL) {
        return weir_interval_eternity;
    }
    int64_t start = weir_granularity_floor(&schema->segment_granularity, from_ms);
    int64_t end = weir_granularity_next(&schema->segment_granularity, start);
    return to_ms <= end ? (weir_interval){start, end} : hull;
}

/* Druid's form: table_start_end_version. */
static weir_str shown_id(weir_arena *arena, weir_str table, weir_interval interval,
                         weir_str version)
{
    char start[40], end[40];
    weir_str from = {start, weir_time_print(start, interval.start_ms)},
             to = {end, weir_time_print(end, interval.end_ms)};
    return weir_arena_printf(arena, "%.*s_%.*s_%.*s_%.*s", WEIR_STR_ARG(table), WEIR_STR_ARG(from),
                             WEIR_STR_ARG(to), WEIR_STR_ARG(version));
}

/* Opens the bytes. What came over the wire is looked at whole before it is believed: a damaged copy
 * would stay. */
static bool open_bytes(weir_table *table, const published *p, const frozen *f, weir_str key,
                       weir_segment **out, weir_error *err)
{
    weir_catalog *catalog = table->catalog;
    weir_str table_id = weir_log_table_id(p->state);
    weir_bytes bytes;
    weir_segment *seg = NULL;
    bool fetched;
    if (!weir_cache_open(catalog->cache, catalog->options.store, table->name, table_id, &f->added,
                         &bytes, &fetched, err)) {
        return false;
    }
    bool ok = weir_segment_open_expect(key.at, bytes, f->added.footer_xxh3, &seg, err);
    if (!ok || (fetched && !weir_segment_verify(seg, err))) {
        weir_cache_forget(catalog->cache, table_id, f->added.id);
        weir_segment_unref(seg);
        return false;
    }
    *out = seg;
    return true;
}

void weir_opened_free(opened *o)
{
    if (o) {
        if (o->rows && o->rows != weir_segment_rows(o->seg)) {
            weir_hidden_rows_free(o->rows);
        }
        weir_segment_unref(o->seg);
        free((void *)(uintptr_t)o->shown.at);
        free(o);
    }
}

static opened *open_new(weir_table *table, const published *p, const frozen *f, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    opened *o = NULL;
    weir_segment *seg;
    if (open_bytes(table, p, f, weir_key_segment(arena, table->name, f->added.id), &seg, err)) {
        o = weir_calloc(1, sizeof(*o));
        o->seg = seg;
        weir_rows *rows = weir_segment_rows(seg);
        rows->interval = bucket_of(rows->schema, f->added.from_ms, f->added.to_ms);
        rows->id = o->shown =
            weir_str_dup(shown_id(arena, table->name, rows->interval, f->added.id));
        o->rows = f->hide_count > 0 ? weir_hidden_rows_new(rows, f, err) : rows;
        if (!o->rows) {
            weir_opened_free(o);
            o = NULL;
        }
    }
    weir_arena_free(arena);
    return o;
}

/* What cannot be opened is said in the log once, and by the table's health until it can. */
static void note_opened(weir_table *table, const frozen *f, const weir_error *why)
{
    bool news = false;
    pthread_mutex_lock(&table->lock);
    if (!why) {
        bool same = weir_str_is(f->added.id, table->unreadable_id);
        table->unreadable.code = same ? WEIR_OK : table->unreadable.code;
    } else {
        news = table->unreadable.code == WEIR_OK || strcmp(table->unreadable.message, why->message);
        table->unreadable = *why;
        snprintf(table->unreadable_id, sizeof(table->unreadable_id), "%.*s",
                 WEIR_STR_ARG(f->added.id));
    }
    pthread_mutex_unlock(&table->lock);
    if (news) {
        weir_log(WEIR_ERROR, "catalog", "table %.*s: %s", WEIR_STR_ARG(table->name), why->message);
    }
}

/* Two queries may open one segment at once: the first to be done is kept, the other's copy goes.
 * NULL: it cannot be opened. */
static weir_rows *open_frozen(weir_table *table, const published *p, frozen *f, weir_error *err)
{
    opened *o = atomic_load_explicit(&f->opened, memory_order_acquire), *none = NULL;
    if (!o) {
        o = open_new(table, p, f, err);
        note_opened(table, f, o ? NULL : err);
        if (o && !atomic_compare_exchange_strong(&f->opened, &none, o)) {
            weir_opened_free(o);
            o = none;
        }
    }
    return o ? o->rows : NULL;
}

static weir_rows *unopened_rows(view *v, const frozen *f)
{
    weir_rows *rows = WEIR_ARENA_NEW(v->arena, weir_rows);
    rows->ops = &unopened;
    rows->interval = (weir_interval){f->added.from_ms, f->added.to_ms};
    rows->id = shown_id(v->arena, v->pub.table, rows->interval, f->added.id);
    rows->uid = weir_uid_next();
    return rows;
}

static weir_mask mask_of(const gen_state *g, bool *any_visible)
{
    weir_mask mask = {{0}};
    *any_visible = false;
    for (uint32_t i = 0; i < g->source_count; i++) {
        mask.bits[i / 64] |= (uint64_t)g->sources[i].masked << i % 64;
        *any_visible = *any_visible || !g->sources[i].masked;
    }
    return mask;
}

/* The generation's rows as of now, of the sources that it had when it was published: a source that
 * was added since may hold rows that another one of this view holds too. Looked at after the
 * snapshot: a source is counted before its first row. */
static weir_rows *snapshot_of(const gen_state *g, weir_mask mask, weir_str id, uint64_t *rev)
{
    weir_rows *rows = weir_realtime_snapshot(g->gen->rows, &mask, id);
    if (atomic_load(&g->gen->sources) > g->source_count) {
        rows->ops->unref(rows);
        for (uint32_t i = g->source_count; i < WEIR_REALTIME_SOURCES; i++) {
            mask.bits[i / 64] |= 1ull << i % 64;
        }
        rows = weir_realtime_snapshot(g->gen->rows, &mask, id);
    }
    *rev = weir_hash_bytes(&mask, sizeof(mask)); /* what it hides */
    return rows;
}

static void add_rows(view *v, weir_rows *rows, uint64_t rev, weir_str problem)
{
    ((weir_rows **)(uintptr_t)v->pub.rows)[v->pub.count] = rows;
    v->pub.revs[v->pub.count] = rev;
    v->pub.problems[v->pub.count++] = problem;
}

static void add_frozen(view *v, weir_table *table)
{
    const frozen_list *list = v->published->frozen;
    const frozen *newest = NULL;
    for (size_t i = 0; i < list->count; i++) {
        frozen *f = list->by_time[i];
        weir_error err = {0};
        weir_rows *rows = open_frozen(table, v->published, f, &err);
        if (rows) {
            add_rows(v, rows, f->rev, (weir_str){0});
            if (rows->schema && (!newest || f->born >= newest->born)) {
                newest = f;
                v->pub.schema = (weir_schema *)(uintptr_t)rows->schema;
            }
        } else {
            add_rows(v, unopened_rows(v, f), f->rev,
                     weir_arena_str(v->arena, weir_str_of(err.message)));
        }
    }
}

static void add_live(view *v)
{
    for (uint32_t i = 0; i < v->published->gen_count; i++) {
        const gen_state *g = v->published->gens[i];
        weir_interval hull;
        bool any_visible;
        weir_mask mask = mask_of(g, &any_visible);
        if (!any_visible || !weir_realtime_hull(g->gen->rows, &hull)) {
            continue;
        }
        weir_interval bucket = bucket_of(g->gen->schema, hull.start_ms, hull.end_ms);
        weir_str id =
            shown_id(v->arena, v->pub.table, bucket, weir_arena_printf(v->arena, "live_%u", i));
        uint64_t rev;
        weir_rows *rows = snapshot_of(g, mask, id, &rev);
        add_rows(v, rows, rev, (weir_str){0});
        v->pub.schema = g->gen->schema;
    }
}

static view *new_view(weir_table *table, published *p)
{
    weir_arena *arena = weir_arena_new();
    view *v = WEIR_ARENA_NEW(arena, view);
    v->arena = arena;
    v->published = p;
    v->pub.table = table->name;
    v->pub.version = weir_log_version(v->published->state);
    return v;
}

static void make_room(view *v, size_t room)
{
    v->pub.rows = WEIR_ARENA_ARRAY(v->arena, weir_rows *, room);
    v->pub.revs = WEIR_ARENA_ARRAY(v->arena, uint64_t, room);
    v->pub.problems = WEIR_ARENA_ARRAY(v->arena, weir_str, room);
}

weir_view *weir_table_view(weir_table *table)
{
    view *v = new_view(table, weir_published_shown(table));
    make_room(v, v->published->frozen->count + v->published->gen_count + 1);
    add_frozen(v, table);
    add_live(v);
    return &v->pub;
}

static frozen *find_frozen(const frozen_list *list, weir_str id)
{
    size_t from = 0, to = list->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (weir_str_cmp(list->by_id[middle]->added.id, id) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    bool there = from < list->count && weir_str_eq(list->by_id[from]->added.id, id);
    return there ? list->by_id[from] : NULL;
}

weir_view *weir_table_view_of(weir_table *table, const weir_str *segment_ids, size_t count,
                              weir_error *err)
{
    view *v = new_view(table, weir_published_of(table));
    make_room(v, count + 1);
    for (size_t i = 0; i < count; i++) {
        frozen *f = find_frozen(v->published->frozen, segment_ids[i]);
        weir_rows *rows = f ? open_frozen(table, v->published, f, err) : NULL;
        if (!rows) {
            if (!f) {
                weir_fail(err, WEIR_ERR_NOT_FOUND, "segment %.*s is no longer in table %.*s",
                          WEIR_STR_ARG(segment_ids[i]), WEIR_STR_ARG(table->name));
            }
            weir_view_unref(&v->pub);
            return NULL;
        }
        add_rows(v, rows, f->rev, (weir_str){0});
        v->pub.schema = (weir_schema *)(uintptr_t)rows->schema;
    }
    return &v->pub;
}

void weir_view_unref(weir_view *pub)
{
    view *v = (view *)pub;
    if (!v) {
        return;
    }
    for (uint32_t i = 0; i < pub->count; i++) {
        if (pub->rows[i]->live) { /* frozen ones are the published list's */
            pub->rows[i]->ops->unref(pub->rows[i]);
        }
    }
    weir_published_unref(v->published);
    weir_arena_free(v->arena);
}

bool weir_table_schema(weir_table *table, weir_schema **out, weir_error *err)
{
    published *p = weir_published_of(table);
    frozen *newest = NULL;
    bool ok = true;
    *out = p->gen_count > 0 ? p->gens[p->gen_count - 1]->gen->schema : NULL;
    for (size_t i = 0; i < p->frozen->count; i++) {
        frozen *f = p->frozen->by_time[i];
        newest = !newest || f->born >= newest->born ? f : newest;
    }
    if (!*out && newest) {
        weir_rows *rows = open_frozen(table, p, newest, err);
        ok = rows != NULL;
        *out = ok ? (weir_schema *)(uintptr_t)rows->schema : NULL;
    }
    if (*out) {
        weir_schema_ref(*out);
    }
    weir_published_unref(p);
    return ok;
}

void weir_table_stats_get(weir_table *table, weir_table_stats *out)
{
    published *p = weir_published_of(table);
    const frozen_list *list = p->frozen;
    *out = (weir_table_stats){.frozen_segments = list->count,
                              .frozen_rows = list->rows,
                              .frozen_bytes = list->bytes,
                              .frozen_events = list->events,
                              .min_ms = list->min_ms,
                              .max_ms = list->max_ms};
    for (uint32_t i = 0; i < p->gen_count; i++) {
        weir_realtime *rows = p->gens[i]->gen->rows;
        weir_interval hull;
        out->live_segments++;
        out->live_rows += weir_realtime_rows(rows);
        out->live_events += weir_realtime_events(rows);
        out->live_bytes += weir_realtime_bytes(rows);
        if (weir_realtime_hull(rows, &hull)) {
            out->min_ms = hull.start_ms < out->min_ms ? hull.start_ms : out->min_ms;
            out->max_ms = hull.end_ms - 1 > out->max_ms ? hull.end_ms - 1 : out->max_ms;
        }
    }
    out->commits = atomic_load(&table->commits);
    out->commit_retries = atomic_load(&table->commit_retries);
    out->version = weir_log_version(p->state);
    out->horizon = weir_log_horizon(p->state);
    weir_published_unref(p);
}
