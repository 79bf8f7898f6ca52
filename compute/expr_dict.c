/* compute/expr_dict.c - tables of results by dictionary id, and derived dictionaries of string
 * results. One worker's; no locks. Tables are zeroed by the system page by page, so a large
 * dictionary of which few ids are met costs few pages. A derived dictionary declares at once as
 * many ids as it can ever have for its source, so its count stays while it fills: ids not yet given
 * out read as "". Its find() knows only what was given out. */
#include "compute/expr_dict.h"
#include "compute/fn_util.h"
#include "weir/hash.h"
#include "weir/uid.h"
#include <stdlib.h>

#define TABLE_IDS (4u << 20)            /* a larger dictionary gets no table */
#define IDS_PER_ROW 256u                /* nor one that is larger than the rows asked for by this */
#define CACHE_BYTES ((size_t)256 << 20) /* of one worker, and at most this part of the budget: */
#define CACHE_PART 8u

typedef struct derived {
    weir_dict dict; /* first: a weir_dict * is one of these */
    struct strings *strings;
    struct derived *older; /* the same with fewer ids: vectors may still hold it */
} derived;

/* Values of a derived dictionary, id 1 first. */
typedef struct strings {
    weir_arena *arena;
    weir_str *values; /* by id; [0] unused */
    uint32_t count, capacity;
    uint32_t *slots; /* open addressing, 0 = free */
    uint32_t slot_mask;
} strings;

typedef struct table {
    uint64_t program_uid, dict_uid;
    uint32_t node_id, capacity; /* ids */
    bool is_string;
    uint8_t *state;   /* numbers: 0 not yet, 1 value, 2 null */
    int64_t *numbers; /* long or double bits */
    uint32_t *ids;    /* strings: derived id + 1, 0 not yet */
    strings strings;
    derived *derived;
    size_t bytes;  /* charged */
    uint64_t used; /* when, in uses of the cache */
    struct table *next;
} table;

#define BUCKETS 256u
struct weir_expr_cache {
    weir_budget *budget;
    table *buckets[BUCKETS];
    size_t bytes;
    uint64_t uses;
};

struct weir_expr_cache *weir_expr_cache_new(weir_budget *budget)
{
    struct weir_expr_cache *cache = weir_calloc(1, sizeof(*cache));
    cache->budget = budget;
    return cache;
}

static void charge(struct weir_expr_cache *cache, table *t, size_t bytes)
{
    cache->bytes += bytes;
    t->bytes += bytes;
    if (cache->budget) {
        weir_budget_force(cache->budget, bytes);
    }
}

static void free_table(struct weir_expr_cache *cache, table *t)
{
    free(t->state);
    free(t->numbers);
    free(t->ids);
    if (t->is_string) {
        weir_arena_free(t->strings.arena);
        free(t->strings.values);
        free(t->strings.slots);
    }
    for (derived *d = t->derived; d;) {
        derived *older = d->older;
        free(d);
        d = older;
    }
    if (cache->budget) {
        weir_budget_give(cache->budget, t->bytes);
    }
    free(t);
}

void weir_expr_cache_free(struct weir_expr_cache *cache)
{
    if (!cache) {
        return;
    }
    for (uint32_t i = 0; i < BUCKETS; i++) {
        for (table *t = cache->buckets[i]; t;) {
            table *next = t->next;
            free_table(cache, t);
            t = next;
        }
    }
    free(cache);
}

size_t weir_expr_cache_bytes(const struct weir_expr_cache *cache)
{
    return cache->bytes;
}

static size_t most_bytes(const struct weir_expr_cache *cache)
{
    size_t most = CACHE_BYTES;
    for (const weir_budget *b = cache->budget; b; b = b->parent) {
        most = b->limit_bytes && b->limit_bytes / CACHE_PART < most ? b->limit_bytes / CACHE_PART
                                                                    : most;
    }
    return most;
}

#define OLD_USES 1024u

/* Tables of numbers may go at any time, since what comes of them is copied; ids point into tables
 * of strings. Those go that were not used for long: of a segment that is done. */
static void drop_numbers(struct weir_expr_cache *cache)
{
    for (uint32_t i = 0; i < BUCKETS; i++) {
        for (table **at = &cache->buckets[i]; *at;) {
            table *t = *at;
            if (t->is_string || cache->uses - t->used < OLD_USES) {
                at = &t->next;
                continue;
            }
            *at = t->next;
            cache->bytes -= t->bytes;
            free_table(cache, t);
        }
    }
}

static table **bucket_of(struct weir_expr_cache *cache, uint64_t program_uid, uint32_t node_id,
                         const weir_dict *dict)
{
    uint64_t h = (program_uid * 0x9e3779b97f4a7c15u ^ node_id) * 0x9e3779b97f4a7c15u ^
                 dict->uid * 0xc2b2ae3d27d4eb4fu;
    return &cache->buckets[(h >> 40) % BUCKETS];
}

static table *find_table(struct weir_expr_cache *cache, uint64_t program_uid, uint32_t node_id,
                         const weir_dict *dict)
{
    table *t = *bucket_of(cache, program_uid, node_id, dict);
    while (t &&
           (t->program_uid != program_uid || t->node_id != node_id || t->dict_uid != dict->uid)) {
        t = t->next;
    }
    return t;
}

bool weir_dict_is_worth_a_table(struct weir_expr_cache *cache, uint64_t program_uid,
                                uint32_t node_id, const weir_dict *dict, uint32_t row_count)
{
    if (find_table(cache, program_uid, node_id, dict)) {
        return true;
    }
    if (dict->count > TABLE_IDS || dict->count / IDS_PER_ROW > row_count) {
        return false;
    }
    size_t most = most_bytes(cache), more = (size_t)dict->count * (sizeof(int64_t) + 1);
    if (cache->bytes + more > most) {
        drop_numbers(cache);
    }
    return cache->bytes + more <= most;
}

/* ---- derived dictionaries ---- */

static bool derived_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                           weir_str *out, weir_error *err)
{
    const strings *all = ((const derived *)(const void *)dict)->strings;
    (void)s;
    (void)err;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = ids[i] < all->count ? all->values[ids[i]] : WEIR_STR("");
    }
    return true;
}

static uint32_t *find_slot(const strings *all, weir_str value)
{
    uint32_t at = (uint32_t)weir_hash_bytes(value.at, value.size) & all->slot_mask;
    while (all->slots[at] && !weir_str_eq(all->values[all->slots[at]], value)) {
        at = (at + 1) & all->slot_mask;
    }
    return &all->slots[at];
}

static uint32_t derived_find(const weir_dict *dict, weir_str value)
{
    const strings *all = ((const derived *)(const void *)dict)->strings;
    uint32_t id = all->slots ? *find_slot(all, value) : 0;
    return id ? id : WEIR_NO_ID;
}

static const weir_dict_ops derived_ops = {derived_values, derived_find, NULL};

static void grow_slots(strings *all)
{
    uint32_t size = all->slots ? (all->slot_mask + 1) * 2 : 64;
    free(all->slots);
    all->slots = weir_calloc(size, sizeof(*all->slots));
    all->slot_mask = size - 1;
    for (uint32_t id = 1; id < all->count; id++) {
        *find_slot(all, all->values[id]) = id;
    }
}

static uint32_t intern(strings *all, weir_str value)
{
    if (!all->slots || all->count * 2 > all->slot_mask) {
        grow_slots(all);
    }
    uint32_t *slot = find_slot(all, value);
    if (*slot == 0) {
        if (all->count == all->capacity) {
            all->capacity = all->capacity ? all->capacity * 2 : 64;
            all->values = weir_realloc(all->values, sizeof(*all->values) * all->capacity);
        }
        all->values[all->count] = weir_arena_str(all->arena, value);
        *slot = all->count++;
    }
    return *slot;
}

/* ---- tables ---- */

/* Room for all ids of `dict`; what is known stays. */
static void fit_table(struct weir_expr_cache *cache, table *t, const weir_dict *dict)
{
    uint32_t old = t->capacity, capacity = dict->count;
    if (!dict->sorted) {
        capacity += capacity / 2 + 64; /* a live dictionary: it will grow */
    }
    if (t->is_string) {
        uint32_t *ids = weir_calloc(capacity, sizeof(*ids));
        if (old) {
            memcpy(ids, t->ids, sizeof(*ids) * old);
        }
        free(t->ids);
        t->ids = ids;
        derived *d = weir_calloc(1, sizeof(*d));
        uint64_t uid = t->derived ? t->derived->dict.uid : weir_uid_next();
        *d = (derived){{&derived_ops, capacity + 2, false, uid}, &t->strings, t->derived};
        t->derived = d;
        charge(cache, t, sizeof(*ids) * (capacity - old) + sizeof(*d));
    } else {
        uint8_t *state = weir_calloc(capacity, 1);
        int64_t *numbers = weir_calloc(capacity, sizeof(*numbers));
        if (old) {
            memcpy(state, t->state, old);
            memcpy(numbers, t->numbers, sizeof(*numbers) * old);
        }
        free(t->state);
        free(t->numbers);
        t->state = state;
        t->numbers = numbers;
        charge(cache, t, (sizeof(*numbers) + 1) * (capacity - old));
    }
    t->capacity = capacity;
}

static table *get_table(struct weir_expr_cache *cache, uint64_t program_uid, uint32_t node_id,
                        weir_type type, const weir_dict *dict)
{
    table **bucket = bucket_of(cache, program_uid, node_id, dict);
    table *known = find_table(cache, program_uid, node_id, dict);
    cache->uses++;
    if (known) {
        known->used = cache->uses;
        if (dict->count > known->capacity) {
            fit_table(cache, known, dict);
        }
        return known;
    }
    table *t = weir_calloc(1, sizeof(*t));
    *t = (table){.program_uid = program_uid,
                 .dict_uid = dict->uid,
                 .node_id = node_id,
                 .used = cache->uses,
                 .next = *bucket};
    t->is_string = type.kind == WEIR_STRING;
    if (t->is_string) {
        t->strings.arena = weir_arena_new();
        t->strings.count = 1;
        t->strings.capacity = 64;
        t->strings.values = weir_calloc(64, sizeof(weir_str));
    }
    *bucket = t;
    charge(cache, t, sizeof(*t));
    fit_table(cache, t, dict);
    return t;
}

static bool is_known(const table *t, uint32_t id)
{
    return t->is_string ? t->ids[id] != 0 : t->state[id] != 0;
}

static void remember(table *t, const weir_vec *result, const uint32_t *ids, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        bool null = weir_vec_is_null(result, i);
        if (t->is_string) {
            t->ids[ids[i]] = null ? 1 : intern(&t->strings, weir_arg_str(result, i)) + 1;
        } else {
            t->state[ids[i]] = null ? 2 : 1;
            t->numbers[ids[i]] = null ? 0 : weir_arg_long(result, i);
        }
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The values of ascending ids, id 0 being null. */
static bool read_values(weir_run *run, const weir_dict *dict, const uint32_t *ids, uint32_t n,
                        weir_vec *out)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(run->scratch, weir_str, n);
    uint32_t null = ids[0] == 0;
    if (n > null &&
        !dict->ops->values(dict, ids + null, n - null, run->scratch, values + null, run->err)) {
        return false;
    }
    *out = (weir_vec){.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = n};
    out->at.s = values;
    if (null) {
        values[0] = (weir_str){0};
        weir_out_null(run, n, out, 0);
    }
    return true;
}

/* Evaluates what the selected rows need and the table does not have. */
static bool fill_table(weir_run *run, table *t, const weir_vec *source, const weir_sel *sel,
                       weir_dict_eval eval, void *self)
{
    uint32_t *missing = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, sel->count), count = 0;
    FOR_ROWS(sel, i)
    {
        uint32_t id = source->at.ids[i];
        if (!is_known(t, id)) {
            missing[count++] = id;
        }
    }
    if (count == 0) {
        return true;
    }
    qsort(missing, count, sizeof(*missing), compare_ids);
    uint32_t distinct = 1;
    for (uint32_t i = 1; i < count; i++) {
        if (missing[i] != missing[distinct - 1]) {
            missing[distinct++] = missing[i];
        }
    }
    size_t before = t->is_string
                        ? weir_arena_size(t->strings.arena) + sizeof(weir_str) * t->strings.capacity
                        : 0;
    for (uint32_t from = 0; from < distinct; from += WEIR_BLOCK_ROWS) {
        uint32_t n = distinct - from < WEIR_BLOCK_ROWS ? distinct - from : WEIR_BLOCK_ROWS;
        weir_vec values, result;
        if (!read_values(run, source->dict, missing + from, n, &values) ||
            !eval(self, &values, n, &result)) {
            return false;
        }
        remember(t, &result, missing + from, n);
    }
    if (t->is_string) {
        charge(run->cache, t,
               weir_arena_size(t->strings.arena) + sizeof(weir_str) * t->strings.capacity - before);
    }
    return true;
}

static void gather_numbers(weir_run *run, const table *t, const weir_vec *source,
                           const weir_sel *sel, weir_vec *out)
{
    int64_t *values = weir_out_longs(run, source->n, out);
    FOR_ROWS(sel, i)
    {
        uint32_t id = source->at.ids[i];
        values[i] = t->numbers[id];
        if (t->state[id] == 2) {
            weir_out_null(run, source->n, out, i);
        }
    }
}

bool weir_dict_table_run(weir_run *run, uint64_t program_uid, uint32_t node_id, weir_type type,
                         const weir_vec *source, const weir_sel *sel, weir_dict_eval eval,
                         void *self, weir_vec *out)
{
    table *t = get_table(run->cache, program_uid, node_id, type, source->dict);
    if (!fill_table(run, t, source, sel, eval, self)) {
        return false;
    }
    *out = (weir_vec){.type = type, .form = WEIR_FLAT, .n = source->n};
    if (!t->is_string) {
        gather_numbers(run, t, source, sel, out);
        out->type = type;
        return true;
    }
    uint32_t *ids = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, source->n);
    if (sel->count < source->n) {
        memset(ids, 0, sizeof(*ids) * source->n);
    }
    FOR_ROWS(sel, i)
    {
        ids[i] = t->ids[source->at.ids[i]] - 1;
    }
    out->form = WEIR_DICT;
    out->dict = &t->derived->dict;
    out->at.ids = ids;
    return true;
}
