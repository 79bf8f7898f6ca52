/* compute/sketch_tuple.c - the growing tuple sketch: as sketch_theta.c's, with the numbers of all
 * slots behind the keys of all slots, so that probing meets keys only. */
#include "compute/sketch_tuple.h"
#include <assert.h>

#define FIRST_LG_TABLE 3u

void weir_tuple_init(weir_tuple *tuple, uint32_t lg_k, uint32_t value_count)
{
    assert(lg_k >= WEIR_THETA_MIN_LG_K && lg_k <= WEIR_THETA_MAX_LG_K);
    assert(value_count > 0 && value_count <= WEIR_TUPLE_MAX_VALUES);
    *tuple = (weir_tuple){
        .theta = WEIR_THETA_ALL, .lg_k = (uint8_t)lg_k, .value_count = (uint8_t)value_count};
}

static uint32_t most_of(uint32_t lg_table)
{
    return (1u << lg_table) / 4 * 3;
}

static double *values_of(uint64_t *keys, uint32_t lg_table)
{
    return (double *)(void *)(keys + (1u << lg_table));
}

/* What is below theta in a new table of 2^lg_table slots. */
static void move(weir_heap *heap, weir_tuple *tuple, uint32_t lg_table)
{
    uint32_t width = tuple->value_count, slots = tuple->handle ? 1u << tuple->lg_table : 0,
             mask = (1u << lg_table) - 1, count = 0;
    uint64_t handle = weir_heap_put(heap, NULL, (sizeof(uint64_t) * (1u + width)) << lg_table);
    uint64_t *into = weir_heap_at(heap, handle);
    uint64_t *from = slots ? weir_heap_at(heap, tuple->handle) : NULL;
    double *into_values = values_of(into, lg_table),
           *from_values = slots ? values_of(from, tuple->lg_table) : NULL;
    for (uint32_t i = 0; i < slots; i++) {
        if (from[i] && from[i] < tuple->theta) {
            uint32_t at = (uint32_t)from[i] & mask;
            while (into[at]) {
                at = (at + 1) & mask;
            }
            into[at] = from[i];
            memcpy(into_values + (size_t)at * width, from_values + (size_t)i * width,
                   width * sizeof(double));
            count++;
        }
    }
    weir_heap_drop(heap, tuple->handle);
    tuple->handle = handle;
    tuple->lg_table = (uint8_t)lg_table;
    tuple->count = count;
}

static void make_room(weir_heap *heap, weir_tuple *tuple)
{
    if (tuple->lg_table <= tuple->lg_k) {
        move(heap, tuple, tuple->lg_table + 1u);
        return;
    }
    tuple->theta =
        weir_theta_nth(weir_heap_at(heap, tuple->handle), 1u << tuple->lg_table, 1u << tuple->lg_k);
    move(heap, tuple, tuple->lg_table);
}

void weir_tuple_insert(weir_heap *heap, weir_tuple *tuple, uint64_t key, const double *values)
{
    if (!tuple->handle) {
        move(heap, tuple, FIRST_LG_TABLE);
    }
    uint32_t width = tuple->value_count, mask = (1u << tuple->lg_table) - 1,
             at = (uint32_t)key & mask;
    uint64_t *keys = weir_heap_at(heap, tuple->handle);
    while (keys[at] && keys[at] != key) {
        at = (at + 1) & mask;
    }
    double *own = values_of(keys, tuple->lg_table) + (size_t)at * width;
    if (keys[at]) {
        for (uint32_t i = 0; i < width; i++) {
            own[i] += values[i];
        }
        return;
    }
    keys[at] = key;
    memcpy(own, values, width * sizeof(double));
    if (++tuple->count > most_of(tuple->lg_table)) {
        make_room(heap, tuple);
    }
}

static void lower_theta(weir_heap *heap, weir_tuple *tuple, uint64_t to)
{
    if (to < tuple->theta) {
        tuple->theta = to;
        if (tuple->count > 0) {
            move(heap, tuple, tuple->lg_table);
        }
    }
}

void weir_tuple_merge(weir_heap *heap, weir_tuple *into, const weir_heap *from_heap,
                      const weir_tuple *from)
{
    assert(into->value_count == from->value_count);
    if (!from->seen) {
        return;
    }
    into->seen = true;
    lower_theta(heap, into, from->theta);
    if (from->count == 0) {
        return;
    }
    uint64_t *keys = weir_heap_at(from_heap, from->handle);
    const double *values = values_of(keys, from->lg_table);
    for (uint32_t i = 0; i < 1u << from->lg_table; i++) {
        if (keys[i] && keys[i] < into->theta) {
            weir_tuple_insert(heap, into, keys[i], values + (size_t)i * from->value_count);
        }
    }
}

bool weir_tuple_merge_view(weir_heap *heap, weir_tuple *into, const weir_tuple_view *from)
{
    if (from->value_count != into->value_count) {
        return false;
    }
    if (from->empty) {
        return true;
    }
    into->seen = true;
    lower_theta(heap, into, from->theta);
    for (uint32_t i = 0; i < from->count; i++) {
        if (from->keys[i] < into->theta) {
            weir_tuple_insert(heap, into, from->keys[i],
                              from->values + (size_t)i * from->value_count);
        }
    }
    return true;
}

/* Theta when no more than k are kept, and how many then are. */
static uint64_t cut_theta(const weir_heap *heap, const weir_tuple *tuple, uint32_t *count)
{
    uint32_t k = 1u << tuple->lg_k;
    *count = tuple->count;
    if (tuple->count <= k) {
        return tuple->theta;
    }
    *count = k;
    return weir_theta_nth(weir_heap_at(heap, tuple->handle), 1u << tuple->lg_table, k);
}

double weir_tuple_estimate(const weir_heap *heap, const weir_tuple *tuple)
{
    weir_tuple_view view = {.empty = !tuple->seen};
    view.theta = cut_theta(heap, tuple, &view.count);
    return weir_tuple_view_estimate(&view);
}

void weir_tuple_result(const weir_heap *heap, const weir_tuple *tuple, weir_scratch *s,
                       weir_tuple_view *out)
{
    uint32_t count, n = 0, width = tuple->value_count;
    uint64_t below = cut_theta(heap, tuple, &count);
    uint64_t *keys = WEIR_SCRATCH_ARRAY(s, uint64_t, count + 1);
    double *values = WEIR_SCRATCH_ARRAY(s, double, (size_t)count *width + 1);
    uint64_t *table = tuple->handle ? weir_heap_at(heap, tuple->handle) : NULL;
    const double *from = table ? values_of(table, tuple->lg_table) : NULL;
    for (uint32_t i = 0; table && i < 1u << tuple->lg_table; i++) {
        if (table[i] && table[i] < below) {
            keys[n] = table[i];
            memcpy(values + (size_t)n * width, from + (size_t)i * width, width * sizeof(double));
            n++;
        }
    }
    assert(n == count);
    *out = (weir_tuple_view){.keys = keys,
                             .values = values,
                             .theta = below,
                             .count = n,
                             .value_count = width,
                             .empty = !tuple->seen};
}
