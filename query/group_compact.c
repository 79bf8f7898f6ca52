/* query/group_compact.c - cells whose aggregators are counts, sums, minima and maxima of columns without nulls hold 8 bytes each instead of a
 * state: {quantity, price, least, most} is 32 bytes, half a cache line, and what is read at the end is the result itself. The first null ends
 * it: the cells become states. Fetched ahead by a few hundred rows when they outgrow L2. */
#include "query/group.h"
#include "compute/vec.h"
#include "weir/hot.h"
#include <assert.h>
#include <math.h>

enum { PART_ROWS = 512, PART_BYTES = 1 << 20 };

typedef union slot {
    int64_t l;
    double d;
} slot;

static bool is_long(const weir_agg_bound *b)
{
    return b->agg->fold == WEIR_FOLD_COUNT || b->take[0].kind == WEIR_LONG;
}

bool weir_compact_can(const weir_aggs *aggs)
{
    for (uint32_t i = 0; i < aggs->count; i++) {
        const weir_agg_bound *b = &aggs->bound[i];
        bool number = b->agg->fold != WEIR_FOLD_NONE && weir_type_is_number(b->out_type);
        if (!number || (b->agg->fold != WEIR_FOLD_COUNT &&
                        (b->arg_count != 1 || !weir_type_is_number(b->take[0])))) {
            return false;
        }
    }
    return aggs->count > 0;
}

static slot first_value(const weir_agg_bound *b)
{
    slot first = {.l = 0};
    switch ((weir_agg_fold)b->agg->fold) {
    case WEIR_FOLD_MIN:
        is_long(b) ? (void)(first.l = INT64_MAX) : (void)(first.d = (double)INFINITY);
        break;
    case WEIR_FOLD_MAX:
        is_long(b) ? (void)(first.l = INT64_MIN) : (void)(first.d = -(double)INFINITY);
        break;
    case WEIR_FOLD_SUM:
    case WEIR_FOLD_COUNT:
    case WEIR_FOLD_NONE:
        break;
    }
    return first;
}

bool weir_compact_reset(weir_cells *cells, uint32_t count, weir_error *err)
{
    uint32_t width = cells->aggs->count;
    if (!weir_area_fresh(&cells->states, cells->budget, (size_t)count * width * sizeof(slot), err) ||
        !weir_area_fresh(&cells->seen, cells->budget, count + (size_t)8, err)) {
        return false;
    }
    slot *slots = cells->states.at, first[64];
    bool zero = true;
    assert(width <= 64);
    for (uint32_t a = 0; a < width; a++) {
        first[a] = first_value(&cells->aggs->bound[a]);
        zero = zero && first[a].l == 0;
    }
    if (zero) {
        memset(slots, 0, (size_t)count * width * sizeof(slot));
    }
    for (uint32_t c = 0; !zero && c < count; c++) {
        for (uint32_t a = 0; a < width; a++) {
            slots[(size_t)c * width + a] = first[a];
        }
    }
    memset(cells->seen.at, 0, count + (size_t)8);
    cells->count = count;
    cells->compact = true;
    return true;
}

/* One loop per kind of column and aggregator. `x` is the row's value, `s` its slot. */
#define EACH(value, change)                                                                        \
    for (uint32_t i = 0; i < n; i++) {                                                             \
        slot *s = slots + (size_t)at[i] * width;                                                   \
        __typeof__(value) x = value;                                                               \
        change;                                                                                    \
    }
#define ADD_DOUBLE s->d += x
#define ADD_LONG s->l = (int64_t)((uint64_t)s->l + (uint64_t)x)
#define LEAST(m) s->m = x < s->m ? x : s->m
#define MOST(m) s->m = x > s->m ? x : s->m
#define LEAST_NAN s->d = (x < s->d) | (x != x) ? x : s->d
#define MOST_NAN s->d = (x > s->d) | (x != x) ? x : s->d

static void add_longs(slot *slots, uint32_t width, const uint32_t *at, const weir_vec *vec,
                      uint32_t n, uint8_t fold)
{
    const int64_t *l = vec->at.l;
    uint32_t step = vec->form == WEIR_CONST ? 0 : 1;
    if (fold == WEIR_FOLD_SUM) {
        EACH(l[i * step], ADD_LONG)
    } else if (fold == WEIR_FOLD_MIN) {
        EACH(l[i * step], LEAST(l))
    } else {
        EACH(l[i * step], MOST(l))
    }
}

static void add_doubles(slot *slots, uint32_t width, const uint32_t *at, const double *d,
                        uint32_t step, uint32_t n, uint8_t fold)
{
    if (fold == WEIR_FOLD_SUM) {
        EACH(d[i * step], ADD_DOUBLE)
    } else if (fold == WEIR_FOLD_MIN) {
        EACH(d[i * step], LEAST_NAN)
    } else {
        EACH(d[i * step], MOST_NAN)
    }
}

/* Exact decimals: added as products with the inverse, compared as quotients. */
static void add_scaled(slot *slots, uint32_t width, const uint32_t *at, const weir_vec *vec,
                       uint32_t n, uint8_t fold)
{
    const int64_t *l = vec->at.l;
    double scale = weir_scale(vec->scale), inverse = 1 / scale;
    if (fold == WEIR_FOLD_SUM && vec->scale == 0) {
        EACH((double)l[i], ADD_DOUBLE)
    } else if (fold == WEIR_FOLD_SUM) {
        EACH((double)l[i] * inverse, ADD_DOUBLE)
    } else if (fold == WEIR_FOLD_MIN) {
        EACH((double)l[i] / scale, LEAST(d))
    } else {
        EACH((double)l[i] / scale, MOST(d))
    }
}

static void add_part(const weir_agg_bound *b, slot *slots, uint32_t width, const uint32_t *at,
                     const weir_vec *vec, uint32_t from, uint32_t n)
{
    uint8_t fold = b->agg->fold;
    weir_vec part;
    if (fold == WEIR_FOLD_COUNT) {
        EACH(1, ADD_LONG)
        return;
    }
    part = *vec;
    if (vec->form != WEIR_CONST) {
        part.at.l = vec->type.kind == WEIR_FLOAT ? (const int64_t *)(const void *)(vec->at.f + from)
                                                 : vec->at.l + from;
    }
    if (vec->form == WEIR_SCALED) {
        add_scaled(slots, width, at, &part, n, fold);
    } else if (vec->type.kind == WEIR_LONG) {
        add_longs(slots, width, at, &part, n, fold);
    } else if (vec->type.kind == WEIR_DOUBLE) {
        add_doubles(slots, width, at, part.at.d, vec->form != WEIR_CONST, n, fold);
    } else {
        double wide[PART_ROWS];
        uint32_t step = vec->form != WEIR_CONST;
        for (uint32_t i = 0; i < n; i++) {
            wide[i] = (double)part.at.f[i * step];
        }
        add_doubles(slots, width, at, wide, 1, n, fold);
    }
}

void weir_compact_add(weir_cells *cells, const uint32_t *at, weir_vec *const *args, uint32_t n)
{
    const weir_aggs *aggs = cells->aggs;
    uint32_t width = aggs->count;
    slot *slots = cells->states.at;
    uint8_t *seen = cells->seen.at;
    size_t bytes = (size_t)cells->count * width * sizeof(slot);
    for (uint32_t from = 0; from < n; from += PART_ROWS) {
        uint32_t count = n - from < PART_ROWS ? n - from : PART_ROWS;
        const uint32_t *of = at + from;
        for (uint32_t i = 0; bytes > PART_BYTES && i < count; i++) {
            __builtin_prefetch(slots + (size_t)of[i] * width, 1);
        }
        for (uint32_t i = 0; i < count; i++) {
            seen[of[i]] = 1;
        }
        for (uint32_t a = 0; a < width; a++) {
            add_part(&aggs->bound[a], slots + a, width, of, args[a], from, count);
        }
    }
}

bool weir_compact_takes(const weir_aggs *aggs, weir_vec *const *args)
{
    for (uint32_t a = 0; a < aggs->count; a++) {
        bool counts = aggs->bound[a].agg->fold == WEIR_FOLD_COUNT;
        if (!counts && (args[a]->nulls || args[a]->items || !weir_type_is_number(args[a]->type))) {
            return false;
        }
    }
    return true;
}

static void merge_slot(const weir_agg_bound *b, slot *s, const slot *from)
{
    if (is_long(b)) {
        int64_t x = from->l;
        if (b->agg->fold == WEIR_FOLD_MIN) {
            LEAST(l);
        } else if (b->agg->fold == WEIR_FOLD_MAX) {
            MOST(l);
        } else {
            ADD_LONG;
        }
        return;
    }
    double x = from->d;
    if (b->agg->fold == WEIR_FOLD_MIN) {
        LEAST_NAN;
    } else if (b->agg->fold == WEIR_FOLD_MAX) {
        MOST_NAN;
    } else {
        ADD_DOUBLE;
    }
}

void weir_compact_merge(weir_cells *into, const weir_cells *from, uint32_t first, uint32_t end)
{
    uint32_t width = into->aggs->count;
    uint8_t *seen = into->seen.at;
    const uint8_t *other = from->seen.at;
    for (uint32_t c = first; c < end; c++) {
        seen[c] |= other[c];
    }
    for (uint32_t a = 0; a < width; a++) {
        const weir_agg_bound *b = &into->aggs->bound[a];
        slot *x = (slot *)into->states.at + a;
        const slot *y = (const slot *)from->states.at + a;
        if (b->agg->fold == WEIR_FOLD_SUM && !is_long(b)) {
            for (size_t c = first; c < end; c++) {
                x[c * width].d += y[c * width].d;
            }
            continue;
        }
        for (size_t c = first; c < end; c++) {
            merge_slot(b, &x[c * width], &y[c * width]);
        }
    }
}

void weir_compact_column(const weir_cells *cells, uint32_t a, const uint32_t *at, uint32_t n,
                         weir_scratch *s, weir_vec *out)
{
    const weir_agg_bound *b = &cells->aggs->bound[a];
    const slot *slots = (const slot *)cells->states.at + a;
    size_t width = cells->aggs->count;
    *out = (weir_vec){.type = b->out_type, .form = WEIR_FLAT, .n = n};
    if (b->out_type.kind == WEIR_FLOAT) {
        float *f = WEIR_SCRATCH_ARRAY(s, float, n);
        for (uint32_t i = 0; i < n; i++) {
            f[i] = (float)slots[at[i] * width].d;
        }
        out->at.f = f;
        return;
    }
    int64_t *values = WEIR_SCRATCH_ARRAY(s, int64_t, n);
    for (uint32_t i = 0; i < n; i++) {
        values[i] = slots[at[i] * width].l; /* or the double's bits */
    }
    out->at.l = values;
}

bool weir_compact_expand(weir_cells *cells, weir_heap *heap, weir_scratch *s, weir_error *err)
{
    weir_cells compact = *cells;
    const weir_aggs *aggs = cells->aggs;
    uint32_t from = 0;
    cells->states = cells->seen = (weir_area){0};
    cells->compact = false;
    bool ok = weir_cells_reset(cells, compact.count, err);
    while (ok && from < compact.count) {
        weir_mark mark = weir_scratch_mark(s);
        uint32_t *at = WEIR_SCRATCH_ARRAY(s, uint32_t, WEIR_BLOCK_ROWS);
        uint32_t n = weir_cells_list(&compact, &from, at, WEIR_BLOCK_ROWS);
        weir_cells_see(cells, at, n);
        for (uint32_t a = 0; a < aggs->count; a++) {
            const weir_agg_bound *b = &aggs->bound[a];
            uint8_t *base = (uint8_t *)cells->states.at + aggs->offset[a];
            weir_vec vec;
            weir_compact_column(&compact, a, at, n, s, &vec);
            if (b->agg->fold != WEIR_FOLD_COUNT) {
                vec.type = b->out_type;
                b->agg->add_many(b, heap, base, aggs->stride, at, &vec, n, s);
                continue;
            }
            for (uint32_t i = 0; i < n; i++) {
                weir_sel rows = weir_sel_all((uint32_t)vec.at.l[i]);
                b->agg->add_one(b, heap, base + (size_t)at[i] * aggs->stride, NULL, &rows, s);
            }
        }
        weir_scratch_rewind(s, mark);
    }
    weir_area_done(&compact.states, cells->budget);
    weir_area_done(&compact.seen, cells->budget);
    return ok;
}
