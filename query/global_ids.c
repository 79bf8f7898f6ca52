/* query/global_ids.c - values lie in pages that never move, so that queries read them while another one adds to them; a map that grows
 * (a live dictionary) is copied, the old one stays until the column goes. Columns are dropped least recently used first, over 256 MB in all. */
#include "query/global_ids.h"
#include "weir/hash.h"
#include "weir/uid.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PAGE = 65536, PAGES = 16, MAPS_MAX = 4096 };
#define VALUES_MAX ((uint32_t)PAGE * PAGES) /* a million */
static const size_t limit_bytes = 256u << 20;

typedef struct slot {
    uint64_t hash;
    uint32_t id; /* 0: free */
} slot;

typedef struct map {
    uint64_t uid;
    uint32_t count;
    uint32_t *ids;
    struct map *old; /* smaller ones that queries may still read */
} map;

typedef struct weir_global_values {
    struct weir_global_values *next;
    char *name; /* table, NUL, column */
    size_t name_size;
    uint32_t refs;
    bool busy;      /* a query is adding to it */
    bool too_large; /* for good */
    uint64_t used_at;
    _Atomic size_t bytes;
    /* only the busy query changes what follows; counts are published under the lock */
    uint64_t uid;
    uint32_t count;
    weir_str *pages[PAGES];
    slot *slots;
    uint32_t slot_count;
    weir_scratch text;
    char *room;
    size_t room_bytes;
    map *maps;
    uint32_t map_count, map_capacity;
} values;

struct weir_global_ids {
    pthread_mutex_t lock; /* guards the list and each entry's head */
    values *first;
    uint64_t clock;
};

weir_global_ids *weir_global_ids_new(void)
{
    weir_global_ids *ids = weir_calloc(1, sizeof(*ids));
    pthread_mutex_init(&ids->lock, NULL);
    return ids;
}

static void clear(values *v)
{
    for (uint32_t i = 0; i < v->map_count; i++) {
        for (map *m = &v->maps[i], *old; m; m = old) {
            old = m->old;
            free(m->ids);
            if (m != &v->maps[i]) {
                free(m);
            }
        }
    }
    for (uint32_t i = 0; i < PAGES; i++) {
        free(v->pages[i]);
        v->pages[i] = NULL;
    }
    free(v->slots);
    free(v->maps);
    weir_scratch_done(&v->text);
    v->slots = NULL;
    v->maps = NULL;
    v->room_bytes = 0;
    v->slot_count = v->map_count = v->map_capacity = 0;
    v->count = 1;
    v->bytes = 0;
    v->uid = weir_uid_next();
}

static void free_values(values *v)
{
    clear(v);
    free(v->name);
    free(v);
}

void weir_global_ids_free(weir_global_ids *ids)
{
    while (ids->first) {
        values *v = ids->first;
        ids->first = v->next;
        free_values(v);
    }
    pthread_mutex_destroy(&ids->lock);
    free(ids);
}

static size_t total_bytes(const weir_global_ids *ids)
{
    size_t bytes = 0;
    for (const values *v = ids->first; v; v = v->next) {
        bytes += v->bytes;
    }
    return bytes;
}

size_t weir_global_ids_bytes(weir_global_ids *ids)
{
    pthread_mutex_lock(&ids->lock);
    size_t bytes = total_bytes(ids);
    pthread_mutex_unlock(&ids->lock);
    return bytes;
}

/* Drops unheld columns, least recently used first, until all fit. The lock is held. */
static void make_room(weir_global_ids *ids)
{
    while (total_bytes(ids) > limit_bytes) {
        values **oldest = NULL;
        for (values **at = &ids->first; *at; at = &(*at)->next) {
            if ((*at)->refs == 0 && (!oldest || (*at)->used_at < (*oldest)->used_at)) {
                oldest = at;
            }
        }
        if (!oldest) {
            return;
        }
        values *gone = *oldest;
        *oldest = gone->next;
        free_values(gone);
    }
}

static values *find_values(weir_global_ids *ids, weir_str table, weir_str column)
{
    for (values *v = ids->first; v; v = v->next) {
        if (v->name_size == table.size + column.size + 1 &&
            memcmp(v->name, table.at, table.size) == 0 && v->name[table.size] == 0 &&
            memcmp(v->name + table.size + 1, column.at, column.size) == 0) {
            return v;
        }
    }
    values *v = weir_calloc(1, sizeof(*v));
    v->name_size = table.size + column.size + 1;
    v->name = weir_calloc(1, v->name_size + 1);
    memcpy(v->name, table.at, table.size);
    memcpy(v->name + table.size + 1, column.at, column.size);
    v->count = 1;
    v->uid = weir_uid_next();
    v->next = ids->first;
    ids->first = v;
    return v;
}

static map *find_map(const values *v, uint64_t uid)
{
    for (uint32_t i = 0; i < v->map_count; i++) {
        if (v->maps[i].uid == uid) {
            return &v->maps[i];
        }
    }
    return NULL;
}

/* Values that the maps lack; UINT64_MAX: too many for this cache. */
static uint64_t missing_values(const values *v, const weir_dict *const *dicts, uint32_t count)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < count; i++) {
        const map *m = dicts[i] ? find_map(v, dicts[i]->uid) : NULL;
        if (dicts[i] && dicts[i]->count > VALUES_MAX) {
            return UINT64_MAX;
        }
        missing += !dicts[i] ? 0 : m && m->count >= dicts[i]->count ? 0 : dicts[i]->count - (m ? m->count : 0);
    }
    return missing;
}

static void grow_slots(values *v)
{
    uint32_t count = v->slot_count ? v->slot_count * 2 : 4096;
    slot *slots = weir_calloc(count, sizeof(slot));
    for (uint32_t i = 0; i < v->slot_count; i++) {
        if (v->slots[i].id) {
            uint32_t at = (uint32_t)v->slots[i].hash & (count - 1);
            while (slots[at].id) {
                at = (at + 1) & (count - 1);
            }
            slots[at] = v->slots[i];
        }
    }
    v->bytes += (count - v->slot_count) * sizeof(slot);
    free(v->slots);
    v->slots = slots;
    v->slot_count = count;
}

static weir_str keep_text(values *v, weir_str value)
{
    if (value.size > v->room_bytes || !v->room) { /* an empty text needs a place, too */
        size_t take = value.size > 60000 ? value.size : 65000;
        v->room = weir_scratch_take(&v->text, take);
        v->room_bytes = take;
        v->bytes += take;
    }
    char *at = v->room;
    if (value.size > 0) {
        memcpy(at, value.at, value.size);
    }
    v->room += value.size;
    v->room_bytes -= value.size;
    return (weir_str){at, value.size};
}

/* WEIR_NO_ID: a million values are there already. */
static uint32_t put(values *v, weir_str value)
{
    uint64_t hash = weir_hash_bytes(value.at, value.size);
    if (v->count * 2 > v->slot_count) {
        grow_slots(v);
    }
    uint32_t at = (uint32_t)hash & (v->slot_count - 1);
    while (v->slots[at].id) {
        uint32_t id = v->slots[at].id;
        if (v->slots[at].hash == hash && weir_str_eq(v->pages[id / PAGE][id % PAGE], value)) {
            return id;
        }
        at = (at + 1) & (v->slot_count - 1);
    }
    if (v->count == VALUES_MAX) {
        return WEIR_NO_ID;
    }
    uint32_t id = v->count++;
    if (!v->pages[id / PAGE]) {
        v->pages[id / PAGE] = weir_alloc(PAGE * sizeof(weir_str));
        v->bytes += PAGE * sizeof(weir_str);
    }
    v->pages[id / PAGE][id % PAGE] = keep_text(v, value);
    v->slots[at] = (slot){hash, id};
    return id;
}

/* The map of a dictionary, extended to its count. False: stopped, damaged, or too large. */
static bool extend_map(values *v, const weir_dict *dict, weir_ctl *ctl, weir_scratch *s,
                       weir_error *err)
{
    map *m = find_map(v, dict->uid);
    if (m && m->count >= dict->count) {
        return true;
    }
    uint32_t capacity = dict->sorted ? dict->count : dict->count + dict->count / 4;
    uint32_t *ids = weir_alloc(capacity * sizeof(*ids)), from = m ? m->count : 1;
    ids[0] = 0;
    if (m) {
        memcpy(ids, m->ids, m->count * sizeof(*ids));
    }
    for (uint32_t at = from; at < dict->count; at += WEIR_BLOCK_ROWS) {
        uint32_t left = dict->count - at, n = left < WEIR_BLOCK_ROWS ? left : WEIR_BLOCK_ROWS;
        weir_mark mark = weir_scratch_mark(s);
        weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n);
        uint32_t *wanted = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
        for (uint32_t i = 0; i < n; i++) {
            wanted[i] = at + i;
        }
        bool ok = (!ctl || weir_ctl_check(ctl, err)) &&
                  dict->ops->values(dict, wanted, n, s, strings, err);
        for (uint32_t i = 0; ok && i < n; i++) {
            ids[at + i] = put(v, strings[i]);
            ok = ids[at + i] != WEIR_NO_ID;
            v->too_large = v->too_large || !ok;
        }
        weir_scratch_rewind(s, mark);
        if (!ok) {
            free(ids);
            return false;
        }
    }
    v->bytes += capacity * sizeof(*ids);
    if (m) {
        map *old = weir_alloc(sizeof(*old));
        *old = *m;
        *m = (map){dict->uid, dict->count, ids, old};
        return true;
    }
    if (v->map_count == v->map_capacity) {
        v->map_capacity = v->map_capacity ? v->map_capacity * 2 : 16;
        v->maps = weir_realloc(v->maps, v->map_capacity * sizeof(map));
    }
    v->maps[v->map_count++] = (map){dict->uid, dict->count, ids, NULL};
    return true;
}

static bool values_of_ids(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                          weir_str *out, weir_error *err)
{
    (void)s, (void)err;
    const values *v = ((const weir_global_column *)dict)->values;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = v->pages[ids[i] / PAGE][ids[i] % PAGE];
    }
    return true;
}

static uint32_t find_id(const weir_dict *dict, weir_str value)
{
    const values *v = ((const weir_global_column *)dict)->values;
    for (uint32_t id = 1; id < dict->count; id++) { /* nobody asks often: slots may be moving */
        if (weir_str_eq(v->pages[id / PAGE][id % PAGE], value)) {
            return id;
        }
    }
    return WEIR_NO_ID;
}

static const weir_dict_ops dict_ops = {.values = values_of_ids, .find = find_id};

bool weir_global_column_take(weir_global_ids *ids, weir_str table, weir_str column,
                             const weir_dict *const *dicts, uint32_t count, uint64_t rows,
                             weir_ctl *ctl, weir_scratch *s, weir_arena *arena,
                             weir_global_column *out, weir_error *err)
{
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < count; i++) {
        wanted += dicts[i] ? dicts[i]->count : 0;
    }
    pthread_mutex_lock(&ids->lock);
    values *v = find_values(ids, table, column);
    v->used_at = ++ids->clock;
    uint64_t missing = v->busy ? 0 : missing_values(v, dicts, count);
    if (v->busy || v->too_large || missing > rows || v->map_count + count > MAPS_MAX) {
        if (!v->busy && v->refs == 0 && v->map_count + count > MAPS_MAX) {
            clear(v); /* maps of segments long gone */
        }
        pthread_mutex_unlock(&ids->lock);
        return false;
    }
    if (missing && v->refs == 0 && v->count > 2 * wanted + PAGE) {
        clear(v);
    }
    v->busy = missing > 0;
    v->refs++;
    pthread_mutex_unlock(&ids->lock);
    bool ok = true;
    for (uint32_t i = 0; missing && ok && i < count; i++) {
        ok = !dicts[i] || extend_map(v, dicts[i], ctl, s, err);
    }
    pthread_mutex_lock(&ids->lock);
    *out = (weir_global_column){.dict = {.ops = &dict_ops, .count = v->count, .uid = v->uid},
                                .values = v,
                                .maps = WEIR_ARENA_ARRAY(arena, const uint32_t *, count + 1)};
    for (uint32_t i = 0; ok && i < count; i++) {
        out->maps[i] = dicts[i] ? find_map(v, dicts[i]->uid)->ids : NULL;
    }
    v->busy = missing > 0 ? false : v->busy;
    v->refs -= !ok;
    if (v->too_large && v->refs == 0) {
        clear(v);
    }
    make_room(ids);
    pthread_mutex_unlock(&ids->lock);
    return ok;
}

void weir_global_column_give(weir_global_ids *ids, weir_global_column *column)
{
    pthread_mutex_lock(&ids->lock);
    column->values->refs--;
    pthread_mutex_unlock(&ids->lock);
}
