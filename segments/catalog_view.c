/* segments/catalog_view.c - what one query sees: the frozen segments that its times need, opened
 * (catalog_open.c), and live segments, pinned here under the published list, so that frozen and
 * live fit together whatever happens meanwhile. */
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
    weir_catalog *catalog;
    opened **held; /* references, where the cache may close segments */
    size_t held_count;
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

static weir_rows *unopened_rows(view *v, const frozen *f)
{
    weir_rows *rows = WEIR_ARENA_NEW(v->arena, weir_rows);
    rows->ops = &unopened;
    rows->interval = (weir_interval){f->added.from_ms, f->added.to_ms};
    rows->id = weir_shown_id(v->arena, v->pub.table, rows->interval, f->added.id);
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

/* A frozen segment of the view, by its place in by_time. */
typedef struct pick {
    size_t at;
    opened *o; /* NULL: it cannot be opened */
    weir_str problem;
} pick;
typedef struct picks {
    size_t count, room;
    pick *list;
    uint64_t *chosen; /* bits, by place */
} picks;

static void choose(picks *p, size_t at)
{
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 64;
        p->list = weir_realloc(p->list, p->room * sizeof(*p->list));
    }
    p->list[p->count++] = (pick){.at = at};
    p->chosen[at / 64] |= 1ull << at % 64;
}

static bool in_intervals(const weir_view_need *need, int64_t from_ms, int64_t to_ms)
{
    bool in = need->count == 0;
    for (uint32_t i = 0; i < need->count && !in; i++) {
        in = from_ms < need->intervals[i].end_ms && to_ms > need->intervals[i].start_ms;
    }
    return in;
}

/* Opens the picks from `from` on. */
static void open_picks(view *v, weir_table *table, picks *p, size_t from)
{
    size_t count = p->count - from;
    frozen **wanted = weir_alloc((count + 1) * sizeof(frozen *));
    opened **out = weir_alloc((count + 1) * sizeof(opened *));
    weir_error *errs = weir_calloc(count + 1, sizeof(*errs));
    for (size_t i = 0; i < count; i++) {
        wanted[i] = v->published->frozen->by_time[p->list[from + i].at];
    }
    weir_frozen_open(table, v->published, wanted, count, out, errs);
    for (size_t i = 0; i < count; i++) {
        p->list[from + i].o = out[i];
        if (!out[i]) {
            p->list[from + i].problem = weir_arena_str(v->arena, weir_str_of(errs[i].message));
        }
    }
    free(wanted);
    free(out);
    free(errs);
}

/* The first of the list that begins at `ms` or later. */
static size_t first_from(const frozen_list *list, int64_t ms)
{
    size_t lo = 0, hi = list->count;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (list->by_time[middle]->added.from_ms < ms) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    return lo;
}

/* A segment whose rows lie outside of an interval is of it where its bucket reaches into it, which
 * only its footer tells. Buckets lie side by side: from the interval's edge on, the first one that
 * does not reach it ends the search, as does one that cannot be opened: it has no rows here. */
static void pick_beside(view *v, weir_table *table, const weir_view_need *need, picks *p, size_t at,
                        size_t step)
{
    for (; at < v->published->frozen->count; at += step) { /* a step down from 0 is beyond all */
        if (p->chosen[at / 64] >> at % 64 & 1) {
            continue;
        }
        choose(p, at);
        open_picks(v, table, p, p->count - 1);
        const opened *o = p->list[p->count - 1].o;
        if (!o || !in_intervals(need, o->rows->interval.start_ms, o->rows->interval.end_ms)) {
            weir_opened_unref(o && o->lazy ? p->list[p->count - 1].o : NULL);
            p->count--;
            p->chosen[at / 64] &= ~(1ull << at % 64);
            return;
        }
    }
}

static void pick_intervals(view *v, weir_table *table, const weir_view_need *need, picks *p)
{
    const frozen_list *list = v->published->frozen;
    for (size_t i = 0; i < list->count; i++) {
        const weir_added *added = &list->by_time[i]->added;
        if (in_intervals(need, added->from_ms, added->to_ms)) {
            choose(p, i);
        }
    }
    open_picks(v, table, p, 0);
    for (uint32_t i = 0; i < need->count; i++) {
        pick_beside(v, table, need, p, first_from(list, need->intervals[i].start_ms) - 1, SIZE_MAX);
        pick_beside(v, table, need, p, first_from(list, need->intervals[i].end_ms), 1);
    }
}

/* Segments with the first and the last row. */
static void pick_ends(view *v, weir_table *table, picks *p)
{
    const frozen_list *list = v->published->frozen;
    for (size_t i = 0; i < list->count; i++) {
        const weir_added *added = &list->by_time[i]->added;
        if (added->from_ms == list->min_ms || added->to_ms - 1 == list->max_ms) {
            choose(p, i);
        }
    }
    open_picks(v, table, p, 0);
}

/* So much time before the end of the bucket of the last row. */
static void pick_last(view *v, weir_table *table, int64_t last_ms, picks *p)
{
    const frozen_list *list = v->published->frozen;
    opened *o = NULL;
    weir_error err;
    frozen *last = list->count > 0 ? list->by_time[0] : NULL;
    for (size_t i = 0; i < list->count; i++) {
        last = list->by_time[i]->added.to_ms > last->added.to_ms ? list->by_time[i] : last;
    }
    if (last) {
        weir_frozen_open(table, v->published, &last, 1, &o, &err);
        int64_t end = o ? o->rows->interval.end_ms : last->added.to_ms;
        weir_interval in = {end > INT64_MIN + last_ms ? end - last_ms : INT64_MIN, INT64_MAX};
        weir_opened_unref(o && o->lazy ? o : NULL);
        pick_intervals(v, table, &(weir_view_need){.count = 1, .intervals = &in}, p);
    }
}

static int compare_picks(const void *a, const void *b)
{
    const pick *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* The view's frozen rows, in the order of the picks, which are freed. */
static void add_picks(view *v, picks *p)
{
    const frozen_list *list = v->published->frozen;
    const frozen *newest = NULL;
    size_t room = p->count + v->published->gen_count + 1;
    v->pub.rows = WEIR_ARENA_ARRAY(v->arena, weir_rows *, room);
    v->pub.revs = WEIR_ARENA_ARRAY(v->arena, uint64_t, room);
    v->pub.problems = WEIR_ARENA_ARRAY(v->arena, weir_str, room);
    v->held = WEIR_ARENA_ARRAY(v->arena, opened *, room);
    for (size_t i = 0; i < p->count; i++) {
        const frozen *f = list->by_time[p->list[i].at];
        opened *o = p->list[i].o;
        add_rows(v, o ? o->rows : unopened_rows(v, f), f->rev, p->list[i].problem);
        if (o && o->lazy) {
            v->held[v->held_count++] = o;
        }
        if (o && o->rows->schema && (!newest || f->born >= newest->born)) {
            newest = f;
            v->pub.schema = (weir_schema *)(uintptr_t)o->rows->schema;
        }
    }
    free(p->list);
    free(p->chosen);
}

static void add_frozen(view *v, weir_table *table, const weir_view_need *need)
{
    const frozen_list *list = v->published->frozen;
    picks p = {.chosen = weir_calloc(list->count / 64 + 1, sizeof(uint64_t))};
    if (need->last_ms > 0) {
        pick_last(v, table, need->last_ms, &p);
    } else if (need->ends && list->hidden == 0) { /* else the last row may be a hidden one */
        pick_ends(v, table, &p);
    } else {
        pick_intervals(v, table, need, &p);
    }
    if (p.count > 1) {
        qsort(p.list, p.count, sizeof(*p.list), compare_picks);
    }
    add_picks(v, &p);
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
        weir_interval bucket = weir_bucket_of(g->gen->schema, hull.start_ms, hull.end_ms);
        weir_str id = weir_shown_id(v->arena, v->pub.table, bucket,
                                    weir_arena_printf(v->arena, "live_%u", i));
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
    v->catalog = table->catalog;
    v->pub.table = table->name;
    v->pub.version = weir_log_version(v->published->state);
    return v;
}

weir_view *weir_table_view_in(weir_table *table, const weir_view_need *need)
{
    view *v = new_view(table, weir_published_shown(table));
    add_frozen(v, table, need);
    add_live(v);
    return &v->pub;
}

static size_t place_of(const frozen_list *list, const frozen *f)
{
    size_t at = first_from(list, f->added.from_ms);
    while (list->by_time[at] != f) {
        at++;
    }
    return at;
}

weir_view *weir_table_view(weir_table *table)
{
    static const weir_view_need everything;
    return weir_table_view_in(table, &everything);
}

weir_view *weir_table_view_of(weir_table *table, const weir_str *segment_ids, size_t count,
                              weir_error *err)
{
    view *v = new_view(table, weir_published_of(table));
    const frozen_list *list = v->published->frozen;
    picks p = {.chosen = weir_calloc(list->count / 64 + 1, sizeof(uint64_t))};
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        frozen *f = weir_frozen_find(list, segment_ids[i]);
        ok = f || weir_fail(err, WEIR_ERR_NOT_FOUND, "segment %.*s is no longer in table %.*s",
                            WEIR_STR_ARG(segment_ids[i]), WEIR_STR_ARG(table->name));
        if (ok) {
            choose(&p, place_of(list, f));
        }
    }
    if (ok) {
        open_picks(v, table, &p, 0);
    }
    add_picks(v, &p);
    for (size_t i = 0; i < v->held_count; i++) { /* whole segments are what is read here */
        weir_lazy_begin(v->held[i]->lazy, 0, weir_lazy_size(v->held[i]->lazy));
    }
    for (size_t i = 0; i < v->pub.count && ok; i++) {
        weir_str problem = v->pub.problems[i];
        ok = problem.size == 0 || weir_fail(err, WEIR_ERR_STORE, "%.*s", WEIR_STR_ARG(problem));
    }
    if (!ok) {
        weir_view_unref(&v->pub);
        return NULL;
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
    for (size_t i = 0; i < v->held_count; i++) {
        weir_opened_unref(v->held[i]);
    }
    weir_cache_shrink(v->catalog->cache);
    weir_arena_free(v->arena);
}

bool weir_table_schema(weir_table *table, weir_schema **out, weir_error *err)
{
    published *p = weir_published_of(table);
    frozen *newest = NULL;
    opened *o = NULL;
    bool ok = true;
    *out = p->gen_count > 0 ? p->gens[p->gen_count - 1]->gen->schema : NULL;
    for (size_t i = 0; i < p->frozen->count; i++) {
        frozen *f = p->frozen->by_time[i];
        newest = !newest || f->born >= newest->born ? f : newest;
    }
    if (!*out && newest) {
        weir_frozen_open(table, p, &newest, 1, &o, err);
        ok = o != NULL;
        *out = ok ? (weir_schema *)(uintptr_t)o->rows->schema : NULL;
    }
    if (*out) {
        weir_schema_ref(*out);
    }
    weir_opened_unref(o && o->lazy ? o : NULL);
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
