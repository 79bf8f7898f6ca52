/* segments/catalog_open.c - a frozen segment's rows: opened by the first query that meets it,
 * shared from then on. Where the store can map they stay open. Else the footer is fetched (with so
 * few bytes that small segments come whole), the rest comes as it is read (lazy.c), and the cache
 * may close what no view holds: views have references then. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "segments/catalog_table.h"
#include "weir/log.h"

enum { TAIL_BYTES = 64 << 10 }; /* with the footer; a segment that small comes whole */

weir_interval weir_bucket_of(const weir_schema *schema, int64_t from_ms, int64_t to_ms)
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

weir_str weir_shown_id(weir_arena *arena, weir_str table, weir_interval interval, weir_str version)
{
    char start[40], end[40];
    weir_str from = {start, weir_time_print(start, interval.start_ms)},
             to = {end, weir_time_print(end, interval.end_ms)};
    return weir_arena_printf(arena, "%.*s_%.*s_%.*s_%.*s", WEIR_STR_ARG(table), WEIR_STR_ARG(from),
                             WEIR_STR_ARG(to), WEIR_STR_ARG(version));
}

void weir_opened_unref(opened *o)
{
    if (!o || atomic_fetch_sub(&o->refs, 1) != 1) {
        return;
    }
    if (o->rows && o->rows != weir_segment_rows(o->seg)) {
        weir_hidden_rows_free(o->rows);
    }
    weir_segment_unref(o->seg);
    if (o->lazy) {
        weir_lazy_unref(o->lazy);
    }
    free((void *)(uintptr_t)o->shown.at);
    free(o);
}

/* The segment over its bytes, which are the result's, as is `lazy`. */
static opened *open_rows(weir_table *table, const frozen *f, weir_bytes bytes, weir_lazy *lazy,
                         weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    opened *o = weir_calloc(1, sizeof(*o));
    weir_str key = weir_key_segment(arena, table->name, f->added.id);
    o->refs = 1;
    o->lazy = lazy;
    bool ok = weir_segment_open_expect(key.at, bytes, f->added.footer_xxh3, &o->seg, err);
    if (ok) {
        weir_rows *rows = weir_segment_rows(o->seg);
        rows->uid = f->uid;
        rows->interval = weir_bucket_of(rows->schema, f->added.from_ms, f->added.to_ms);
        rows->id = o->shown =
            weir_str_dup(weir_shown_id(arena, table->name, rows->interval, f->added.id));
        o->rows = f->hide_count > 0 ? weir_hidden_rows_new(rows, f, err) : rows;
        ok = o->rows != NULL;
    }
    if (!ok) {
        weir_opened_unref(o);
        o = NULL;
    }
    weir_arena_free(arena);
    return o;
}

static opened *open_mapped(weir_table *table, const frozen *f, weir_error *err)
{
    weir_store *store = table->catalog->options.store;
    weir_arena *arena = weir_arena_new();
    weir_bytes bytes = {0};
    bool ok =
        store->ops->map(store, weir_key_segment(arena, table->name, f->added.id), &bytes, err);
    weir_arena_free(arena);
    return ok ? open_rows(table, f, bytes, NULL, err) : NULL;
}

static opened *open_lazy(weir_table *table, const frozen *f, weir_lazy *lazy, weir_error *err)
{
    opened *o = NULL;
    if (weir_lazy_footer(lazy, f->added.footer_bytes, f->added.footer_xxh3, err)) {
        o = open_rows(table, f, weir_lazy_bytes(lazy), weir_lazy_ref(lazy), err);
    }
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

/* Two queries may open one segment at once: the first to be done is kept. */
static opened *keep_mapped(frozen *f, opened *o)
{
    opened *none = NULL;
    if (o && !atomic_compare_exchange_strong(&f->opened, &none, o)) {
        weir_opened_unref(o);
        o = none;
    }
    return o;
}

static void open_all_mapped(weir_table *table, frozen *const *list, size_t count, opened **out,
                            weir_error *errs)
{
    for (size_t i = 0; i < count; i++) {
        frozen *f = list[i];
        out[i] = atomic_load_explicit(&f->opened, memory_order_acquire);
        if (!out[i]) {
            opened *o = open_mapped(table, f, &errs[i]);
            note_opened(table, f, o ? NULL : &errs[i]);
            out[i] = keep_mapped(f, o);
        }
    }
}

/* Those that are open, each with a reference; the others stay NULL. */
static size_t take_open(weir_table *table, frozen *const *list, size_t count, opened **out)
{
    size_t missing = 0;
    pthread_mutex_lock(&table->opening);
    for (size_t i = 0; i < count; i++) {
        opened *o = atomic_load(&list[i]->opened);
        if (o && !weir_segment_is_lost(o->seg)) {
            atomic_fetch_add(&o->refs, 1);
            out[i] = o;
        }
        missing += out[i] == NULL;
    }
    pthread_mutex_unlock(&table->opening);
    return missing;
}

/* Makes it the one that others find; a reference to what they find. */
static opened *keep_lazy(weir_table *table, frozen *f, opened *o)
{
    opened *gone = NULL;
    pthread_mutex_lock(&table->opening);
    opened *known = atomic_load(&f->opened);
    if (known && !weir_segment_is_lost(known->seg)) {
        gone = o; /* another query was faster */
        o = known;
    } else {
        gone = known;
        atomic_store(&f->opened, o);
    }
    atomic_fetch_add(&o->refs, 1);
    pthread_mutex_unlock(&table->opening);
    weir_opened_unref(gone);
    return o;
}

static weir_lazy *begin_lazy(weir_table *table, const published *p, const frozen *f,
                             weir_error *err)
{
    uint64_t size = f->added.bytes, tail = f->added.footer_bytes;
    weir_lazy *lazy = weir_cache_open(table->catalog->cache, table->name,
                                      weir_log_table_id(p->state), &f->added, err);
    if (lazy) {
        tail = tail < TAIL_BYTES ? TAIL_BYTES : tail;
        weir_lazy_begin(lazy, size > tail ? size - tail : 0, size > tail ? tail : size);
    }
    return lazy;
}

/* Footers that are missing are all asked for, then waited for one by one. When the store does not
 * answer to one, nobody waits for the others. */
static void open_all_lazy(weir_table *table, const published *p, frozen *const *list, size_t count,
                          opened **out, weir_error *errs)
{
    const weir_error *silent = NULL;
    weir_lazy **lazies = weir_calloc(count + 1, sizeof(*lazies));
    for (size_t i = 0; i < count; i++) {
        lazies[i] = out[i] ? NULL : begin_lazy(table, p, list[i], &errs[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (out[i]) {
            weir_cache_use(out[i]->lazy);
            continue;
        }
        opened *o = NULL;
        if (silent) {
            errs[i] = *silent;
        } else if (lazies[i]) {
            o = open_lazy(table, list[i], lazies[i], &errs[i]);
        }
        if (o) {
            out[i] = keep_lazy(table, list[i], o);
        } else {
            bool answered =
                errs[i].code != WEIR_ERR_STORE || !lazies[i] || weir_lazy_is_gone(lazies[i]);
            silent = answered ? silent : &errs[i];
        }
        note_opened(table, list[i], o ? NULL : &errs[i]);
        if (lazies[i]) {
            weir_lazy_unref(lazies[i]);
        }
    }
    free(lazies);
}

void weir_frozen_open(weir_table *table, const published *p, frozen *const *list, size_t count,
                      opened **out, weir_error *errs)
{
    memset(out, 0, count * sizeof(*out));
    if (table->catalog->options.store->ops->map) {
        open_all_mapped(table, list, count, out, errs);
    } else {
        take_open(table, list, count, out);
        open_all_lazy(table, p, list, count, out, errs);
    }
}
