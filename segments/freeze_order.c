/* segments/freeze_order.c - the final order of a part's rows: clusters, time, dimensions. Rows are
 * sorted by the first key, then what is still equal (a *run*) by the next, so that a column is
 * looked at only while some rows agree in all keys before it. Strings are compared by their ranks
 * in the part's own dictionary, lists element by element. Runs left at the end are rows that roll
 * up. */
#include <assert.h>
#include <stdlib.h>
#include "segments/freeze.h"
#include "segments/live_auto.h"

typedef struct run {
    uint32_t first, count;
} run;

typedef struct ordering {
    const weir_realtime *rt;
    const weir_part_rows *part;
    weir_scratch *s;
    uint32_t *order; /* source indexes */
    run *runs;       /* of at least two rows that agree so far, ascending */
    uint32_t run_count;
    run *next; /* scratch for the runs of the next key */
    weir_keyed *pairs, *spare;
} ordering;

/* Sorts each run by key (by source index) and splits it where the key changes. */
static void refine(ordering *o, const uint64_t *keys)
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < o->run_count; r++) {
        uint32_t *order = o->order + o->runs[r].first, n = o->runs[r].count;
        for (uint32_t i = 0; i < n; i++) {
            o->pairs[i] = (weir_keyed){keys[order[i]], order[i]};
        }
        weir_sort_keyed(o->pairs, n, o->spare);
        for (uint32_t i = 0; i < n; i++) {
            order[i] = o->pairs[i].index;
        }
        for (uint32_t first = 0, end; first < n; first = end) {
            for (end = first + 1; end < n && o->pairs[end].key == o->pairs[first].key; end++) {
            }
            if (end - first > 1) {
                o->next[count++] = (run){o->runs[r].first + first, end - first};
            }
        }
    }
    run *swap = o->runs;
    o->runs = o->next;
    o->next = swap;
    o->run_count = count;
}

/* Elements of the rows that are still in runs: only these need ranks. */
static uint32_t ids_in_runs(const ordering *o, const weir_part_ids *ids, uint32_t *out)
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < o->run_count; r++) {
        const uint32_t *order = o->order + o->runs[r].first;
        for (uint32_t i = 0; i < o->runs[r].count; i++) {
            uint32_t from = ids->offsets ? ids->offsets[order[i]] : order[i];
            uint32_t end = ids->offsets ? ids->offsets[order[i] + 1] : from + 1;
            while (from < end) {
                out[count++] = ids->ids[from++];
            }
        }
    }
    return count;
}

static void by_strings(ordering *o, const weir_live_column *col)
{
    weir_part_ids ids;
    weir_part_dict dict;
    uint32_t n = o->part->count;
    weir_part_ids_read(o->rt, o->part, col, o->s, &ids);
    uint32_t *open = WEIR_SCRATCH_ARRAY(o->s, uint32_t, (ids.offsets ? ids.offsets[n] : n) + 1);
    weir_part_dict_make(col, open, ids_in_runs(o, &ids, open), o->s, &dict);
    uint64_t *keys = WEIR_SCRATCH_ARRAY(o->s, uint64_t, n);
    if (!ids.offsets) {
        for (uint32_t i = 0; i < n; i++) {
            keys[i] = dict.ranks[ids.ids[i]];
        }
        refine(o, keys);
        return;
    }
    bool more = true; /* lists that are equal so far and have a k-th element */
    for (uint32_t k = 0; more && o->run_count; k++) {
        more = false;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t from = ids.offsets[i], count = ids.offsets[i + 1] - from;
            bool null = weir_bit(ids.nulls, i);
            keys[i] = k < count        ? 2 + dict.ranks[ids.ids[from + k]]
                      : k == 0 && null ? 0
                                       : 1; /* null, then those that have ended */
            more |= k < count;
        }
        refine(o, keys);
    }
}

static uint64_t number_key(const weir_vec *vec, uint32_t i)
{
    uint32_t at = vec->form == WEIR_CONST ? 0 : i;
    return vec->type.kind == WEIR_LONG     ? weir_long_key(vec->at.l[at])
           : vec->type.kind == WEIR_DOUBLE ? weir_double_key(vec->at.d[at])
                                           : weir_double_key((double)vec->at.f[at]);
}

static void by_numbers(ordering *o, const weir_live_column *col)
{
    uint64_t *keys = WEIR_SCRATCH_ARRAY(o->s, uint64_t, o->part->count),
             *there = WEIR_SCRATCH_ARRAY(o->s, uint64_t, o->part->count);
    weir_part_block *block = WEIR_SCRATCH_ARRAY(o->s, weir_part_block, 1);
    bool any_null = false;
    memset(block, 0, sizeof(*block));
    while (weir_part_next(o->rt, o->part, block)) {
        weir_mark mark = weir_scratch_mark(o->s);
        weir_vec vec;
        weir_part_read(col, block, o->s, &vec);
        for (uint32_t i = 0; i < block->n; i++) {
            bool null = weir_vec_is_null(&vec, i);
            there[block->first + i] = !null;
            keys[block->first + i] = null ? 0 : number_key(&vec, i);
            any_null |= null;
        }
        weir_scratch_rewind(o->s, mark);
    }
    if (any_null) {
        refine(o, there);
    }
    refine(o, keys);
}

/* Arrays of numbers of all rows, in source order. */
typedef struct number_lists {
    uint32_t *offsets;
    uint64_t *keys, *nulls, *item_nulls;
} number_lists;

static void read_number_lists(ordering *o, const weir_live_column *col, number_lists *out)
{
    weir_part_lists lists;
    weir_part_lists_read(o->rt, o->part, col, o->s, &lists);
    out->offsets = lists.offsets;
    out->nulls = lists.nulls;
    out->item_nulls = lists.item_nulls;
    out->keys = WEIR_SCRATCH_ARRAY(o->s, uint64_t, lists.offsets[o->part->count] + 1);
    for (uint32_t i = 0; i < lists.offsets[o->part->count]; i++) {
        out->keys[i] = col->type.elem == WEIR_LONG
                           ? weir_long_key(((const int64_t *)lists.items)[i])
                           : weir_double_key(((const double *)lists.items)[i]);
    }
}

/* Null, then arrays that have ended, then by null and not, then by value, element by element. */
static void by_number_lists(ordering *o, const weir_live_column *col)
{
    number_lists lists;
    uint32_t n = o->part->count;
    read_number_lists(o, col, &lists);
    uint64_t *kinds = WEIR_SCRATCH_ARRAY(o->s, uint64_t, n),
             *keys = WEIR_SCRATCH_ARRAY(o->s, uint64_t, n);
    bool more = true;
    for (uint32_t k = 0; more && o->run_count; k++) {
        more = false;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t at = lists.offsets[i] + k;
            bool there = at < lists.offsets[i + 1];
            bool null = there && weir_bit(lists.item_nulls, at);
            kinds[i] = !there ? !weir_bit(lists.nulls, i) : null ? 2 : 3;
            keys[i] = there && !null ? lists.keys[at] : 0;
            more |= there;
        }
        refine(o, kinds);
        refine(o, keys);
    }
}

static int compare_bytes(const void *a, const void *b, void *values)
{
    const weir_str *x = (const weir_str *)values + *(const uint32_t *)a,
                   *y = (const weir_str *)values + *(const uint32_t *)b;
    size_t size = x->size < y->size ? x->size : y->size;
    int order = size ? memcmp(x->at, y->at, size) : 0;
    order = order ? order : (x->size > y->size) - (x->size < y->size);
    return order ? order
                 : (*(const uint32_t *)a > *(const uint32_t *)b) -
                       (*(const uint32_t *)a < *(const uint32_t *)b);
}

/* Bytes: each run gets ranks of its own. Null sorts as no bytes and then apart from those. */
static void by_bytes(ordering *o, const weir_live_column *col)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(o->s, weir_str, o->part->count);
    uint64_t *keys = WEIR_SCRATCH_ARRAY(o->s, uint64_t, o->part->count);
    weir_part_block *block = WEIR_SCRATCH_ARRAY(o->s, weir_part_block, 1);
    memset(block, 0, sizeof(*block));
    while (weir_part_next(o->rt, o->part, block)) {
        weir_mark mark = weir_scratch_mark(o->s);
        weir_vec vec;
        weir_part_read(col, block, o->s, &vec);
        for (uint32_t i = 0; i < block->n; i++) {
            bool null = weir_vec_is_null(&vec, i);
            values[block->first + i] =
                null ? (weir_str){0}
                     : vec.at.s[vec.form == WEIR_CONST ? 0 : i]; /* in the chunk's own memory */
            keys[block->first + i] = !null;
        }
        weir_scratch_rewind(o->s, mark);
    }
    refine(o, keys);
    for (uint32_t r = 0; r < o->run_count; r++) {
        uint32_t *order = o->order + o->runs[r].first, n = o->runs[r].count;
        qsort_r(order, n, sizeof(*order), compare_bytes, values);
        uint64_t rank = 0;
        for (uint32_t i = 0; i < n; i++) {
            rank += i > 0 && !weir_str_eq(values[order[i]], values[order[i - 1]]);
            keys[order[i]] = rank;
        }
    }
    refine(o, keys);
}

static void by_column(ordering *o, const weir_live_column *col)
{
    weir_mark mark = weir_scratch_mark(o->s);
    if (weir_live_has_numbers(col->type)) {
        by_number_lists(o, col);
    } else if (weir_live_is_ids(col->type)) {
        by_strings(o, col);
    } else if (col->type.kind == WEIR_COMPLEX) {
        by_bytes(o, col);
    } else {
        by_numbers(o, col);
    }
    weir_scratch_rewind(o->s, mark);
}

/* A column of the schema: of an auto column the parts of its own value, and its text. */
static void by_named(ordering *o, weir_str name)
{
    for (uint32_t i = 0; i < o->rt->column_count && o->run_count; i++) {
        const weir_live_column *col = o->rt->columns[i];
        bool part = col->leaf && col->leaf->root && weir_str_eq(col->leaf->of->name, name);
        if (part || weir_str_eq(col->name, name)) {
            by_column(o, col);
        }
    }
}

static void by_time(ordering *o, const int64_t *times)
{
    weir_mark mark = weir_scratch_mark(o->s);
    uint64_t *keys = WEIR_SCRATCH_ARRAY(o->s, uint64_t, o->part->count);
    for (uint32_t i = 0; i < o->part->count; i++) {
        keys[i] = weir_long_key(times[i]);
    }
    refine(o, keys);
    weir_scratch_rewind(o->s, mark);
}

static bool is_cluster(const weir_schema *schema, weir_str name)
{
    for (uint32_t i = 0; i < schema->cluster_count; i++) {
        if (weir_str_eq(schema->clusters[i], name)) {
            return true;
        }
    }
    return false;
}

static void by_all_keys(ordering *o, const int64_t *times)
{
    const weir_schema *schema = o->rt->schema;
    bool timed = false;
    for (uint32_t i = 0; i < schema->cluster_count && o->run_count; i++) {
        if (weir_str_is(schema->clusters[i], "__time")) {
            by_time(o, times);
            timed = true;
        } else {
            by_named(o, schema->clusters[i]);
        }
    }
    if (!timed) {
        by_time(o, times);
    }
    for (uint32_t i = 0; i < o->rt->column_count && o->run_count; i++) {
        const weir_live_column *col = o->rt->columns[i];
        if (weir_live_is_key(col) && !is_cluster(schema, col->name)) {
            by_column(o, col);
        }
    }
}

/* Final rows in order; rows of a run share one when they merge. */
static uint32_t place_rows(const ordering *o, bool merge, uint32_t *place)
{
    uint32_t n = o->part->count, final = 0, r = 0;
    for (uint32_t i = 0; i < n;) {
        uint32_t count = 1;
        if (merge && r < o->run_count && o->runs[r].first == i) {
            count = o->runs[r++].count;
        }
        for (uint32_t k = 0; k < count; k++) {
            place[o->order[i + k]] = final;
        }
        i += count;
        final++;
    }
    return final;
}

uint32_t weir_part_order(const weir_realtime *rt, const weir_part_rows *part, const int64_t *times,
                         bool merge, weir_scratch *s, uint32_t *place)
{
    weir_mark mark = weir_scratch_mark(s);
    uint32_t n = part->count;
    ordering o = {.rt = rt, .part = part, .s = s};
    assert(n > 0);
    o.order = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    o.runs = WEIR_SCRATCH_ARRAY(s, run, n / 2 + 1);
    o.next = WEIR_SCRATCH_ARRAY(s, run, n / 2 + 1);
    o.pairs = WEIR_SCRATCH_ARRAY(s, weir_keyed, n);
    o.spare = WEIR_SCRATCH_ARRAY(s, weir_keyed, n);
    for (uint32_t i = 0; i < n; i++) {
        o.order[i] = i;
    }
    o.runs[0] = (run){0, n};
    o.run_count = n > 1;
    by_all_keys(&o, times);
    uint32_t final = place_rows(&o, merge, place);
    weir_scratch_rewind(s, mark);
    return final;
}
