/* compute/dict_hash.c - ids to hashes. A text in the middle of a large frozen dictionary costs the
 * unpacking of its block (microseconds), all texts in order some 0.1 us each. So a worker begins
 * with the ids that rows have, and keeps up to 65,536 of them in places by the id's low bits (a
 * megabyte). Once it looked up a good part of the dictionary it works out the rest in order, a
 * quarter of a million at a time, into a table of all ids (up to 4 million: 32 MiB). */
#include "compute/dict_hash.h"
#include "compute/sketch_theta.h"
#include "weir/hash.h"

#define PLACES 65536u
#define MOST_IDS (1u << 22)
#define SWEEP (1u << 18)
#define UNPACKED 4096u /* texts at a time */

typedef struct place {
    uint64_t id, hash; /* id 0: free */
} place;

typedef struct seen {
    uint64_t looked_up;
    place places[];
} seen;

typedef struct table {
    uint64_t ready; /* ids below are worked out */
    uint64_t hashes[];
} table;

static uint32_t place_of(const weir_dict *dict, uint32_t id)
{
    return dict->count <= PLACES ? id : id % PLACES;
}

static void hash_some(const weir_dict *dict, const weir_text_hash *hash, const uint32_t *ids,
                      uint32_t n, weir_scratch *s, uint64_t *out)
{
    weir_str *texts = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    weir_error err;
    bool ok = dict->ops->values(dict, ids, n, s, texts, &err);
    if (ok) {
        hash->run(hash->self, texts, n, s, out);
    } else {
        memset(out, 0, n * sizeof(*out));
    }
}

static void sweep(const weir_dict *dict, const weir_text_hash *hash, table *all, weir_scratch *s)
{
    uint32_t from = all->ready ? (uint32_t)all->ready : 1,
             to = dict->count - from < SWEEP ? dict->count : from + SWEEP, ids[UNPACKED];
    while (from < to) {
        uint32_t n = to - from < UNPACKED ? to - from : UNPACKED;
        weir_mark mark = weir_scratch_mark(s);
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = from + i;
        }
        hash_some(dict, hash, ids, n, s, all->hashes + from);
        weir_scratch_rewind(s, mark);
        from += n;
    }
    all->ready = to;
}

/* Pairs of id and row, ascending: each id's text is looked up once. */
static void hash_missing(const weir_dict *dict, const weir_text_hash *hash, uint64_t *missing,
                         uint32_t count, seen *known, weir_scratch *s, uint64_t *out)
{
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, count), n = 0;
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, count);
    weir_theta_sort(missing, hashes, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = (uint32_t)(missing[i] >> 32);
        if (n == 0 || ids[n - 1] != id) {
            ids[n++] = id;
        }
    }
    hash_some(dict, hash, ids, n, s, hashes);
    for (uint32_t i = 0, at = 0; i < count; i++) {
        uint32_t id = (uint32_t)(missing[i] >> 32);
        at += ids[at] != id;
        out[(uint32_t)missing[i]] = hashes[at];
        if (known) {
            known->places[place_of(dict, id)] = (place){id, hashes[at]};
        }
    }
    if (known) {
        known->looked_up += n;
    }
}

/* What is kept of a dictionary: the table of all ids once it is worth having, the places before.
 * There is only one of them, so that the heap has room for other dictionaries. Of a
 * small dictionary no id is looked up twice: the table is worth less. */
static void find_kept(const weir_dict *dict, uint64_t key, weir_heap *heap, seen **known,
                      table **all)
{
    uint32_t place_count = dict->count <= PLACES ? dict->count : PLACES;
    size_t size = sizeof(table) + sizeof(uint64_t) * dict->count,
           places_size = sizeof(seen) + sizeof(place) * place_count;
    *known = NULL;
    *all = weir_heap_keyed_find(heap, key + 1, size);
    if (*all) {
        return;
    }
    *known = weir_heap_keyed(heap, key, places_size);
    if (dict->count <= MOST_IDS &&
        (*known)->looked_up >= dict->count / (dict->count <= PLACES ? 8 : 256)) {
        *known = NULL;
        weir_heap_keyed_drop(heap, key, places_size);
        *all = weir_heap_keyed(heap, key + 1, size);
    }
}

void weir_dict_hashes(const weir_vec *vec, const weir_text_hash *hash, weir_heap *heap,
                      weir_scratch *s, uint64_t *out)
{
    const weir_dict *dict = vec->dict;
    const uint32_t *ids = vec->at.ids;
    seen *known = NULL;
    table *all = NULL;
    if (heap) {
        find_kept(dict, weir_hash_u64(dict->uid) ^ hash->key << 1, heap, &known, &all);
    }
    if (all && all->ready < dict->count) {
        sweep(dict, hash, all, s);
    }
    if (all && all->ready == dict->count) {
        for (uint32_t i = 0; i < vec->n; i++) {
            out[i] = all->hashes[ids[i]];
        }
        return;
    }
    uint64_t *missing = WEIR_SCRATCH_ARRAY(s, uint64_t, vec->n + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < vec->n; i++) {
        const place *p = known ? &known->places[place_of(dict, ids[i])] : NULL;
        if (ids[i] == 0) {
            out[i] = 0;
        } else if (all && ids[i] < all->ready) {
            out[i] = all->hashes[ids[i]];
        } else if (p && p->id == ids[i]) {
            out[i] = p->hash;
        } else {
            missing[count++] = (uint64_t)ids[i] << 32 | i;
        }
    }
    if (count > 0) {
        hash_missing(dict, hash, missing, count, known, s, out);
    }
}
