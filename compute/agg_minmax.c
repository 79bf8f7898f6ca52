/* compute/agg_minmax.c - {long,double,float}{Min,Max}. As Java's Math.min and max: NaN wins. Zero rows or only nulls: null. */
#include "compute/agg_table.h"
#include "weir/hot.h"
#include <math.h>

#define LESS(a, b) ((a) < (b))
#define MORE(a, b) ((a) > (b))
#define LESS_OR_NAN(a, b) (((a) < (b)) | ((a) != (a)))
#define MORE_OR_NAN(a, b) (((a) > (b)) | ((a) != (a)))

#define NAME min_long
#define VALUE int64_t
#define MASK int64_t
#define FIRST INT64_MAX
#define BETTER LESS
#include "compute/agg_minmax.inc"
#define NAME max_long
#define VALUE int64_t
#define MASK int64_t
#define FIRST INT64_MIN
#define BETTER MORE
#include "compute/agg_minmax.inc"
#define NAME min_double
#define VALUE double
#define MASK int64_t
#define FIRST (double)INFINITY
#define BETTER LESS_OR_NAN
#include "compute/agg_minmax.inc"
#define NAME max_double
#define VALUE double
#define MASK int64_t
#define FIRST (double)-INFINITY
#define BETTER MORE_OR_NAN
#include "compute/agg_minmax.inc"
#define NAME min_float
#define VALUE float
#define MASK int32_t
#define FIRST INFINITY
#define BETTER LESS_OR_NAN
#include "compute/agg_minmax.inc"
#define NAME max_float
#define VALUE float
#define MASK int32_t
#define FIRST -INFINITY
#define BETTER MORE_OR_NAN
#include "compute/agg_minmax.inc"

static bool is_min(const weir_agg_bound *b)
{
    return b->agg == &weir_agg_long_min || b->agg == &weir_agg_double_min || b->agg == &weir_agg_float_min;
}

static void meet_long(weir_number_state *state, int64_t value, bool min)
{
    if (!state->seen || (min ? LESS(value, state->value.l) : MORE(value, state->value.l))) {
        state->value.l = value;
    }
    state->seen = 1;
}

static void meet_double(weir_number_state *state, double value, bool min)
{
    if (!state->seen || (min ? LESS_OR_NAN(value, state->value.d) : MORE_OR_NAN(value, state->value.d))) {
        state->value.d = value;
    }
    state->seen = 1;
}

/* The kernel for how rows were picked. */
#define BEST(name, values, n, pick)                                                                      \
    ((pick)->rows   ? name##_rows((values), (pick)->rows, (pick)->count)                                   \
     : (pick)->bits ? name##_bits((values), (pick)->bits, (n))                                              \
                    : name((values), (n)))

static int64_t best_long(const weir_vec *vec, const weir_pick *pick, bool min)
{
    return min ? BEST(min_long, vec->at.l, vec->n, pick) : BEST(max_long, vec->at.l, vec->n, pick);
}

static double best_double(const weir_vec *vec, const weir_pick *pick, bool min)
{
    if (vec->form == WEIR_SCALED) {
        return (double)best_long(vec, pick, min) / weir_scale(vec->scale);
    }
    if (vec->type.kind == WEIR_FLOAT) {
        return (double)(min ? BEST(min_float, vec->at.f, vec->n, pick) : BEST(max_float, vec->at.f, vec->n, pick));
    }
    return min ? BEST(min_double, vec->at.d, vec->n, pick) : BEST(max_double, vec->at.d, vec->n, pick);
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args, const weir_sel *sel, weir_scratch *s)
{
    static const uint16_t first[1] = {0};
    weir_pick pick;
    if (args->form == WEIR_LIST) {
        weir_agg_add_lists(b, h, state, 0, NULL, sel, args, s);
        return;
    }
    if (args->form == WEIR_CONST) {
        pick = (weir_pick){.count = sel->count > 0 && !(args->nulls && weir_bit(args->nulls, 0)), .rows = first};
    } else {
        pick = weir_agg_pick(args, sel, s);
    }
    if (pick.count == 0) {
        return;
    }
    if (args->type.kind == WEIR_LONG) {
        meet_long(state, best_long(args, &pick, is_min(b)), is_min(b));
    } else {
        meet_double(state, best_double(args, &pick, is_min(b)), is_min(b));
    }
}

#define ADD_MANY(name, meet)                                                                             \
    static inline void name(void *states, size_t stride, const uint32_t *groups, const weir_vec *vec, uint32_t n, bool min) \
    {                                                                                                      \
        uint32_t step = vec->form == WEIR_CONST ? 0 : 1;                                                    \
        double scale = vec->form == WEIR_SCALED ? weir_scale(vec->scale) : 1;                               \
        (void)scale;                                                                                       \
        for (uint32_t i = 0; i < n; i++) {                                                                  \
            uint32_t at = i * step;                                                                        \
            if (groups[i] != WEIR_NO_ID && !(vec->nulls && weir_bit(vec->nulls, at))) {                     \
                weir_number_state *state = (weir_number_state *)(void *)((char *)states + groups[i] * stride); \
                meet;                                                                                      \
            }                                                                                              \
        }                                                                                                  \
    }
ADD_MANY(many_long, meet_long(state, vec->at.l[at], min))
ADD_MANY(many_double, meet_double(state, vec->at.d[at], min))
ADD_MANY(many_float, meet_double(state, (double)vec->at.f[at], min))
ADD_MANY(many_scaled, meet_double(state, (double)vec->at.l[at] / scale, min))

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride, const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    bool min = is_min(b);
    if (args->form == WEIR_LIST) {
        weir_agg_add_lists(b, h, states, stride, groups, NULL, args, s);
    } else if (args->form == WEIR_SCALED) {
        many_scaled(states, stride, groups, args, n, min);
    } else if (args->type.kind == WEIR_LONG) {
        many_long(states, stride, groups, args, n, min);
    } else if (args->type.kind == WEIR_FLOAT) {
        many_float(states, stride, groups, args, n, min);
    } else {
        many_double(states, stride, groups, args, n, min);
    }
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap, const void *from_bytes)
{
    const weir_number_state *from = from_bytes;
    (void)h, (void)from_heap;
    if (!from->seen) {
        return;
    }
    if (b->out_type.kind == WEIR_LONG) {
        meet_long(into, from->value.l, is_min(b));
    } else {
        meet_double(into, from->value.d, is_min(b));
    }
}

static void merge_many(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap, const void *from, size_t stride, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        merge(b, h, (char *)into + i * stride, from_heap, (const char *)from + i * stride);
    }
}

#define MINMAX(id, name, sql, of)                                                                            \
    const weir_agg id = {.type = name, .sql_name = sql, .params = weir_number_params, .param_count = 1, .fold = of, .combining = name, \
                         .plan = weir_number_plan, .init = weir_number_init, .add_one = add_one, .add_many = add_many, \
                         .merge = merge, .merge_many = merge_many, .finish = weir_number_finish, .save = weir_number_save, .load = weir_number_load, \
                         .row = weir_number_row}
MINMAX(weir_agg_long_min, "longMin", "MIN", WEIR_FOLD_MIN);
MINMAX(weir_agg_long_max, "longMax", "MAX", WEIR_FOLD_MAX);
MINMAX(weir_agg_double_min, "doubleMin", NULL, WEIR_FOLD_MIN);
MINMAX(weir_agg_double_max, "doubleMax", NULL, WEIR_FOLD_MAX);
MINMAX(weir_agg_float_min, "floatMin", NULL, WEIR_FOLD_MIN);
MINMAX(weir_agg_float_max, "floatMax", NULL, WEIR_FOLD_MAX);
