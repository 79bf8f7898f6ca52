/* query/group_compact.c - cells whose aggregators are counts, sums, minima and maxima of columns without nulls hold 8 bytes each instead of a
 * state: {quantity, price, least, most} is 32 bytes, half a cache line, and what is read at the end is the result itself. The first null ends
 * it: the cells become states. Cells are fetched a part of 512 rows ahead when they outgrow L2. */
#include "query/group.h"
#include "compute/vec.h"
#include "weir/hot.h"
#include <assert.h>
#include <math.h>

enum { PART_ROWS = 512, AHEAD_BYTES = 1 << 20 };

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

/* Aggregators by fours, so that a cell never straddles a cache line more than it must. */
static const double zeros[PART_ROWS];

static uint32_t width_of(const weir_aggs *aggs)
{
    return aggs->count == 1 ? 1 : (aggs->count + 3) / 4 * 4;
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
    uint32_t width = width_of(cells->aggs);
    if (!weir_area_fresh(&cells->states, cells->budget, (size_t)count * width * sizeof(slot), err) ||
        !weir_area_fresh(&cells->seen, cells->budget, count + (size_t)8, err)) {
        return false;
    }
    slot *slots = cells->states.at, first[64] = {{0}};
    bool zero = true;
    assert(width <= 64);
    for (uint32_t a = 0; a < cells->aggs->count; a++) {
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

/* A row's values of all aggregators are laid side by side, as its cell's are, and four of them meet in one vector operation: what a
 * column does (add, least, most, as double or long) is a mask, so that there is no branch. One aggregator alone has plain loops. */

typedef double doubles __attribute__((vector_size(32), may_alias));
typedef int64_t longs __attribute__((vector_size(32), may_alias));

typedef struct lanes { /* per four aggregators: which do what */
    longs add_d, least_d, most_d, add_l, least_l, most_l;
} lanes;

static void set_lanes(const weir_aggs *aggs, uint32_t from, lanes *out)
{
    memset(out, 0, sizeof(*out));
    for (uint32_t k = 0; k < 4 && from + k < aggs->count; k++) {
        const weir_agg_bound *b = &aggs->bound[from + k];
        bool l = is_long(b);
        longs *of = b->agg->fold == WEIR_FOLD_MIN   ? l ? &out->least_l : &out->least_d
                    : b->agg->fold == WEIR_FOLD_MAX ? l ? &out->most_l : &out->most_d
                    : l                             ? &out->add_l
                                                    : &out->add_d;
        (*of)[k] = -1;
    }
}

/* NaN wins, as in Java's Math.min and max. */
#define MEET_DOUBLES(s, x, m)                                                                      \
    do {                                                                                           \
        longs nan = (x) != (x), less = ((x) < (s)) | nan, more = ((x) > (s)) | nan;                \
        longs take = ((m).least_d & less) | ((m).most_d & more);                                   \
        doubles sum = (s) + (x);                                                                   \
        (s) = (doubles)(((m).add_d & (longs)sum) | (take & (longs)(x)) |                           \
                        (~((m).add_d | take) & (longs)(s)));                                       \
    } while (0)
#define MEET_LONGS(s, x, m)                                                                        \
    do {                                                                                           \
        longs a = (longs)(s), b = (longs)(x);                                                      \
        longs take = ((m).least_l & (b < a)) | ((m).most_l & (b > a));                             \
        longs sum = (longs)((ulongs)a + (ulongs)b);                                                \
        (s) = (doubles)(((m).add_l & sum) | (take & b) | (~((m).add_l | take) & a));               \
    } while (0)
typedef uint64_t ulongs __attribute__((vector_size(32), may_alias));

WEIR_HOT static void meet_doubles(double *slots, uint32_t width, const uint32_t *at,
                                  const double *const *values, uint32_t n, const lanes *masks)
{
    const double *v0 = values[0], *v1 = values[1], *v2 = values[2], *v3 = values[3];
    lanes m = *masks;
    for (uint32_t i = 0; i < n; i++) {
        doubles *cell = (doubles *)(void *)(slots + (size_t)at[i] * width);
        doubles x = {v0[i], v1[i], v2[i], v3[i]}, s = *cell;
        MEET_DOUBLES(s, x, m);
        *cell = s;
    }
}

WEIR_HOT static void meet_all(double *slots, uint32_t width, const uint32_t *at,
                              const double *const *values, uint32_t n, const lanes *masks)
{
    const double *v0 = values[0], *v1 = values[1], *v2 = values[2], *v3 = values[3];
    lanes m = *masks;
    longs is_l = m.add_l | m.least_l | m.most_l;
    for (uint32_t i = 0; i < n; i++) {
        doubles *cell = (doubles *)(void *)(slots + (size_t)at[i] * width);
        doubles x = {v0[i], v1[i], v2[i], v3[i]}, s = *cell, before = s;
        MEET_LONGS(before, x, m);
        MEET_DOUBLES(s, x, m);
        *cell = (doubles)((is_l & (longs)before) | (~is_l & (longs)s));
    }
}

/* Longs to doubles, four at a time: below 2^51 the bits of 1.5 * 2^52 + v are those of 1.5 * 2^52 plus v. AVX2 has no conversion of its
 * own. False: some value is larger; out is unfinished. */
WEIR_HOT static bool widen(const int64_t *restrict l, double factor, uint32_t n,
                           double *restrict out)
{
    const int64_t magic = 0x4338000000000000;
    uint64_t large = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t bits = l[i] + magic;
        double d;
        memcpy(&d, &bits, sizeof(d));
        out[i] = (d - 6755399441055744.0) * factor;
        large |= ((uint64_t)l[i] + (1ull << 51)) >> 52;
    }
    return large == 0;
}

WEIR_HOT static void divide(double scale, uint32_t n, double *out)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] /= scale;
    }
}

/* Decimals as doubles. Multiplying by the inverse is within an ulp, which a sum may be; a minimum may not. */
static void decimals(const int64_t *l, uint8_t places, bool sum, uint32_t n, double *out)
{
    double scale = weir_scale(places);
    bool exact = !sum && places > 0;
    if (widen(l, exact ? 1 : 1 / scale, n, out)) {
        if (exact) {
            divide(scale, n, out);
        }
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (double)l[i] / scale;
    }
}

/* Rows [from, from + n) of a column as 8-byte doubles or longs: in place where they are, else in `room`. */
static const double *values_of(const weir_agg_bound *b, const weir_vec *vec, uint32_t from,
                               uint32_t n, slot *room)
{
    if (b->agg->fold == WEIR_FOLD_COUNT || vec->form == WEIR_CONST) {
        slot one = {.l = 1};
        if (b->agg->fold != WEIR_FOLD_COUNT) {
            one.l = vec->at.l[0];
            one.d = vec->type.kind == WEIR_FLOAT ? (double)vec->at.f[0] : one.d;
        }
        for (uint32_t i = 0; i < n; i++) {
            room[i] = one;
        }
        return &room->d;
    }
    if (vec->form == WEIR_SCALED) {
        decimals(vec->at.l + from, vec->scale, b->agg->fold == WEIR_FOLD_SUM, n, &room->d);
        return &room->d;
    }
    if (vec->type.kind == WEIR_FLOAT) {
        for (uint32_t i = 0; i < n; i++) {
            room[i].d = (double)vec->at.f[from + i];
        }
        return &room->d;
    }
    return vec->at.d + from;
}

/* One aggregator. */
#define EACH(change)                                                                               \
    for (uint32_t i = 0; i < n; i++) {                                                             \
        slot *s = &slots[at[i]];                                                                   \
        change;                                                                                    \
    }
static void add_alone(const weir_agg_bound *b, slot *slots, const uint32_t *at,
                      const double *values, uint32_t n)
{
    const slot *x = (const slot *)(const void *)values;
    bool l = is_long(b);
    if (b->agg->fold == WEIR_FOLD_SUM && !l) {
        EACH(s->d += x[i].d)
    } else if (b->agg->fold == WEIR_FOLD_MIN) {
        EACH(s->l = (l ? x[i].l < s->l : (x[i].d < s->d) | (x[i].d != x[i].d)) ? x[i].l : s->l)
    } else if (b->agg->fold == WEIR_FOLD_MAX) {
        EACH(s->l = (l ? x[i].l > s->l : (x[i].d > s->d) | (x[i].d != x[i].d)) ? x[i].l : s->l)
    } else {
        EACH(s->l = (int64_t)((uint64_t)s->l + (uint64_t)x[i].l))
    }
}

static bool can_share(const weir_agg_bound *a, const weir_agg_bound *b)
{
    bool counts = a->agg->fold == WEIR_FOLD_COUNT || b->agg->fold == WEIR_FOLD_COUNT;
    return !counts && (a->agg->fold == WEIR_FOLD_SUM) == (b->agg->fold == WEIR_FOLD_SUM);
}

void weir_compact_add(weir_cells *cells, const uint32_t *at, weir_vec *const *args, uint32_t n)
{
    const weir_aggs *aggs = cells->aggs;
    uint32_t width = width_of(aggs);
    slot *slots = cells->states.at;
    uint8_t *seen = cells->seen.at;
    bool ahead = (size_t)cells->count * width * sizeof(slot) > AHEAD_BYTES;
    slot rooms[4][PART_ROWS];
    for (uint32_t from = 0; from < n; from += PART_ROWS) {
        uint32_t count = n - from < PART_ROWS ? n - from : PART_ROWS;
        const uint32_t *of = at + from;
        for (uint32_t i = 0; ahead && i < count; i++) {
            __builtin_prefetch(slots + (size_t)of[i] * width, 1);
        }
        for (uint32_t i = 0; i < count; i++) {
            seen[of[i]] = 1;
        }
        for (uint32_t a = 0; a < aggs->count; a += 4) {
            const double *columns[4] = {zeros, zeros, zeros, zeros};
            bool any_long = false;
            for (uint32_t k = 0; k < 4 && a + k < aggs->count; k++) {
                bool again = k > 0 && args[a + k]->at.l == args[a + k - 1]->at.l && /* least and most of one column */
                             can_share(&aggs->bound[a + k], &aggs->bound[a + k - 1]);
                columns[k] = again ? columns[k - 1]
                                   : values_of(&aggs->bound[a + k], args[a + k], from, count,
                                               rooms[k]);
                any_long = any_long || is_long(&aggs->bound[a + k]);
            }
            if (width == 1) {
                add_alone(&aggs->bound[0], slots, of, columns[0], count);
                continue;
            }
            lanes masks;
            set_lanes(aggs, a, &masks);
            (any_long ? meet_all : meet_doubles)(&slots[a].d, width, of, columns, count, &masks);
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

void weir_compact_merge(weir_cells *into, const weir_cells *from, uint32_t first, uint32_t end)
{
    const weir_aggs *aggs = into->aggs;
    uint32_t width = width_of(aggs), numbers[PART_ROWS];
    slot *slots = into->states.at;
    const slot *others = from->states.at;
    uint8_t *seen = into->seen.at;
    const uint8_t *other = from->seen.at;
    for (uint32_t c = first; c < end; c++) {
        seen[c] |= other[c];
    }
    slot rooms[4][PART_ROWS];
    for (uint32_t c = first; c < end; c += PART_ROWS) {
        uint32_t n = end - c < PART_ROWS ? end - c : PART_ROWS;
        for (uint32_t i = 0; i < n; i++) {
            numbers[i] = c + i;
        }
        if (width == 1) {
            add_alone(&aggs->bound[0], slots, numbers, &others[c].d, n);
            continue;
        }
        for (uint32_t a = 0; a < aggs->count; a += 4) {
            const double *columns[4];
            lanes masks;
            set_lanes(aggs, a, &masks);
            for (uint32_t k = 0; k < 4; k++) {
                for (uint32_t i = 0; i < n; i++) {
                    rooms[k][i] = others[(size_t)(c + i) * width + a + k];
                }
                columns[k] = &rooms[k]->d;
            }
            meet_all(&slots[a].d, width, numbers, columns, n, &masks);
        }
    }
}

void weir_compact_column(const weir_cells *cells, uint32_t a, const uint32_t *at, uint32_t n,
                         weir_scratch *s, weir_vec *out)
{
    const weir_agg_bound *b = &cells->aggs->bound[a];
    const slot *slots = (const slot *)cells->states.at + a;
    size_t width = width_of(cells->aggs);
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
