/* query/run_join_ids.c - an array per dictionary of the left, shared by the lanes: 0 is not looked
 * up yet; two lanes that meet a value at once both look it up and write the same. A few arrays are
 * kept, those in no lane's hands go first. 2 million rows over three dictionaries of 130,000
 * values: 145 ns a row with an array per lane and qsort, 90 with shared arrays and counting sort
 * (the values are unpacked in order). */
#include "query/run_join_ids.h"
#include <stdlib.h>

enum { MOST_IDS = 1 << 22, SPARE = 8, DIGIT_BITS = 11, FEW = 128 };

typedef struct id_map {
    uint64_t uid;
    uint32_t count, users;
    uint64_t taken_at;
    weir_area ids; /* _Atomic uint32_t */
} id_map;

struct weir_join_ids {
    weir_budget *budget;
    pthread_mutex_t lock; /* guards all of `maps` but what their ids hold. Held while a map is made:
                             who waits wants one too */
    uint64_t clock;
    uint32_t map_count, lane_count;
    id_map *maps;
    id_map **held; /* by lane */
};

weir_join_ids *weir_join_ids_new(weir_arena *arena, weir_budget *budget, uint32_t lane_count)
{
    weir_join_ids *ids = WEIR_ARENA_NEW(arena, weir_join_ids);
    *ids = (weir_join_ids){
        .budget = budget, .map_count = lane_count + SPARE, .lane_count = lane_count};
    ids->maps = WEIR_ARENA_ARRAY(arena, id_map, ids->map_count);
    ids->held = WEIR_ARENA_ARRAY(arena, id_map *, lane_count);
    pthread_mutex_init(&ids->lock, NULL);
    return ids;
}

void weir_join_ids_done(weir_join_ids *ids)
{
    for (uint32_t i = 0; i < ids->map_count; i++) {
        weir_area_done(&ids->maps[i].ids, ids->budget);
    }
    if (ids->map_count) {
        pthread_mutex_destroy(&ids->lock);
    }
    ids->map_count = 0;
}

static bool holds(const id_map *map, const weir_dict *dict)
{
    return map->uid == dict->uid && map->count >= dict->count;
}

/* The map of the dictionary, or the one to make it of. There are more maps than lanes. */
static id_map *choose(weir_join_ids *ids, const weir_dict *dict)
{
    id_map *oldest = NULL;
    for (uint32_t i = 0; i < ids->map_count; i++) {
        id_map *map = &ids->maps[i];
        if (holds(map, dict)) {
            return map;
        }
        if (map->users == 0 && (!oldest || map->taken_at < oldest->taken_at)) {
            oldest = map;
        }
    }
    return oldest;
}

static bool take_map(weir_join_ids *ids, weir_lane *lane, const weir_dict *dict, id_map **out)
{
    id_map **held = &ids->held[lane->index];
    if (*held && holds(*held, dict)) {
        *out = *held;
        return true;
    }
    bool ok = true;
    pthread_mutex_lock(&ids->lock);
    if (*held) {
        (*held)->users--;
        *held = NULL;
    }
    id_map *map = choose(ids, dict);
    if (!holds(map, dict)) {
        size_t size = dict->count * sizeof(uint32_t);
        map->uid = 0;
        ok = weir_area_fresh(&map->ids, ids->budget, size, &lane->err);
        if (ok) {
            memset(map->ids.at, 0, size);
            map->uid = dict->uid;
            map->count = dict->count;
        }
    }
    if (ok) {
        map->users++;
        map->taken_at = ++ids->clock;
        *held = *out = map;
    }
    pthread_mutex_unlock(&ids->lock);
    return ok;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Ascending; all are below `limit`. */
static void sort_ids(uint32_t *ids, uint32_t n, uint32_t limit, weir_scratch *s)
{
    if (n < FEW) {
        qsort(ids, n, sizeof(*ids), by_id);
        return;
    }
    uint32_t *other = WEIR_SCRATCH_ARRAY(s, uint32_t, n), *from = ids, *to = other;
    uint32_t starts[1 << DIGIT_BITS], mask = (1 << DIGIT_BITS) - 1;
    for (uint32_t shift = 0; shift < 32 && limit >> shift; shift += DIGIT_BITS) {
        memset(starts, 0, sizeof(starts));
        for (uint32_t i = 0; i < n; i++) {
            starts[from[i] >> shift & mask]++;
        }
        for (uint32_t d = 0, at = 0; d <= mask; d++) {
            uint32_t count = starts[d];
            starts[d] = at;
            at += count;
        }
        for (uint32_t i = 0; i < n; i++) {
            to[starts[from[i] >> shift & mask]++] = from[i];
        }
        uint32_t *turn = from;
        from = to;
        to = turn;
    }
    if (from != ids) {
        memcpy(ids, from, n * sizeof(*ids));
    }
}

static bool find_values(weir_lane *lane, const weir_dict *from, const weir_dict *to,
                        const uint32_t *ids, uint32_t n, uint32_t *out)
{
    weir_scratch *s = &lane->scratch;
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    if (n && !from->ops->values(from, ids, n, s, values, &lane->err)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = to->ops->find(to, values[i]);
    }
    return true;
}

/* A dictionary too large for an array: each row's value. */
static bool find_each(weir_lane *lane, const weir_dict *from, const weir_dict *to,
                      const uint32_t *given, uint32_t n, uint32_t *out)
{
    weir_scratch *s = &lane->scratch;
    uint32_t *wanted = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), count = 0;
    uint32_t *found = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        wanted[count] = given[i];
        count += given[i] != 0;
    }
    if (!find_values(lane, from, to, wanted, count, found)) {
        return false;
    }
    for (uint32_t i = 0, k = 0; i < n; i++) {
        out[i] = given[i] ? found[k++] : 0;
    }
    return true;
}

/* Those of the ids that no row has brought before, found and written. */
static bool find_new(weir_lane *lane, const weir_dict *from, const weir_dict *to,
                     const uint32_t *given, uint32_t n, _Atomic uint32_t *map)
{
    weir_scratch *s = &lane->scratch;
    uint32_t *wanted = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), count = 0, distinct = 0;
    for (uint32_t i = 0; i < n; i++) {
        wanted[count] = given[i];
        count += given[i] && atomic_load_explicit(&map[given[i]], memory_order_relaxed) == 0;
    }
    if (count == 0) {
        return true;
    }
    sort_ids(wanted, count, from->count, s);
    for (uint32_t i = 0; i < count; i++) {
        wanted[distinct] = wanted[i];
        distinct += i + 1 == count || wanted[i + 1] != wanted[i];
    }
    uint32_t *found = WEIR_SCRATCH_ARRAY(s, uint32_t, distinct + 1);
    if (!find_values(lane, from, to, wanted, distinct, found)) {
        return false;
    }
    for (uint32_t i = 0; i < distinct; i++) {
        atomic_store_explicit(&map[wanted[i]], found[i], memory_order_relaxed);
    }
    return true;
}

bool weir_join_ids_find(weir_join_ids *ids, weir_lane *lane, const weir_dict *from,
                        const weir_dict *to, const uint32_t *given, uint32_t n, uint32_t *out)
{
    id_map *map;
    if (from->count > MOST_IDS) {
        return find_each(lane, from, to, given, n, out);
    }
    if (!take_map(ids, lane, from, &map)) {
        return false;
    }
    _Atomic uint32_t *found = map->ids.at;
    if (!find_new(lane, from, to, given, n, found)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = atomic_load_explicit(&found[given[i]], memory_order_relaxed);
    }
    return true;
}
