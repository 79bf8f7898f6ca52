/* compute/agg_sum.c - longSum (wraps at 2^63, as a Java long), doubleSum, floatSum (added as doubles). Zero rows or only nulls: null.
 * Exact decimals (SCALED) are added as integers and divided once per block. */
#include "compute/agg_table.h"
#include "weir/hot.h"

#define NAME sum_long
#define VALUE int64_t
#define TOTAL uint64_t
#include "compute/agg_sum.inc"
#define NAME sum_double
#define VALUE double
#define TOTAL double
#include "compute/agg_sum.inc"
#define NAME sum_float
#define VALUE float
#define TOTAL double
#include "compute/agg_sum.inc"

static uint64_t sum_longs(const int64_t *values, uint32_t n, const weir_pick *pick)
{
    return pick->rows ? sum_long_rows(values, pick->rows, pick->count) : pick->bits ? sum_long_bits(values, pick->bits, n) : sum_long(values, n);
}

/* A block's decimals are below 2^53 each, so 512 of them fit an int64. */
static double sum_scaled(const weir_vec *vec, const weir_pick *pick)
{
    double total = 0;
    uint32_t n = pick->rows ? pick->count : vec->n;
    for (uint32_t from = 0; from < n; from += 512) {
        weir_pick part = {.count = n - from < 512 ? n - from : 512};
        part.rows = pick->rows ? pick->rows + from : NULL;
        part.bits = pick->bits ? pick->bits + from / 64 : NULL;
        total += (double)(int64_t)sum_longs(pick->rows ? vec->at.l : vec->at.l + from, part.count, &part);
    }
    return total / weir_scale(vec->scale);
}

static double sum_doubles(const weir_vec *vec, const weir_pick *pick)
{
    uint32_t n = vec->n;
    if (vec->form == WEIR_SCALED) {
        return sum_scaled(vec, pick);
    }
    if (vec->type.kind == WEIR_FLOAT) {
        const float *f = vec->at.f;
        return pick->rows ? sum_float_rows(f, pick->rows, pick->count) : pick->bits ? sum_float_bits(f, pick->bits, n) : sum_float(f, n);
    }
    const double *d = vec->at.d;
    return pick->rows ? sum_double_rows(d, pick->rows, pick->count) : pick->bits ? sum_double_bits(d, pick->bits, n) : sum_double(d, n);
}

uint32_t weir_agg_sum_doubles(const weir_vec *vec, const weir_sel *sel, weir_scratch *s, double *sum)
{
    if (sel->count > 0 && vec->form == WEIR_CONST) {
        uint32_t n = vec->nulls && weir_bit(vec->nulls, 0) ? 0 : sel->count;
        *sum = n == 0 ? 0 : (vec->type.kind == WEIR_FLOAT ? (double)vec->at.f[0] : vec->at.d[0]) * n;
        return n;
    }
    weir_pick pick = weir_agg_pick(vec, sel, s);
    *sum = pick.count > 0 ? sum_doubles(vec, &pick) : 0;
    return pick.count;
}

static void add_const(const weir_vec *vec, uint32_t n, weir_number_state *state)
{
    if (vec->nulls && weir_bit(vec->nulls, 0)) {
        return;
    }
    if (vec->type.kind == WEIR_LONG) {
        state->value.l = (int64_t)((uint64_t)state->value.l + (uint64_t)vec->at.l[0] * n);
    } else {
        state->value.d += (vec->type.kind == WEIR_FLOAT ? (double)vec->at.f[0] : vec->at.d[0]) * n;
    }
    state->seen = 1;
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state_bytes, const weir_vec *args, const weir_sel *sel, weir_scratch *s)
{
    weir_number_state *state = state_bytes;
    if (sel->count == 0) {
        return;
    }
    if (args->form == WEIR_LIST) {
        weir_agg_add_lists(b, h, state_bytes, 0, NULL, sel, args, s);
        return;
    }
    if (args->form == WEIR_CONST) {
        add_const(args, sel->count, state);
        return;
    }
    weir_pick pick = weir_agg_pick(args, sel, s);
    if (pick.count == 0) {
        return;
    }
    if (args->type.kind == WEIR_LONG) {
        state->value.l = (int64_t)((uint64_t)state->value.l + sum_longs(args->at.l, sel->n, &pick));
    } else {
        state->value.d += sum_doubles(args, &pick);
    }
    state->seen = 1;
}

#define STATE(i) ((weir_number_state *)(void *)((char *)states + groups[i] * stride))

/* `add` adds row `at` of `vec` to `value` (a state's). */
#define ADD_MANY(name, add)                                                                              \
    static void name(void *states, size_t stride, const uint32_t *groups, const weir_vec *vec, uint32_t n)  \
    {                                                                                                      \
        uint32_t step = vec->form == WEIR_CONST ? 0 : 1;                                                    \
        for (uint32_t i = 0; i < n; i++) {                                                                  \
            uint32_t at = i * step;                                                                        \
            if (groups[i] != WEIR_NO_ID && !(vec->nulls && weir_bit(vec->nulls, at))) {                     \
                weir_number_state *state = STATE(i);                                                       \
                add;                                                                                       \
                state->seen = 1;                                                                           \
            }                                                                                              \
        }                                                                                                  \
    }
ADD_MANY(many_long, state->value.l = (int64_t)((uint64_t)state->value.l + (uint64_t)vec->at.l[at]))
ADD_MANY(many_double, state->value.d += vec->at.d[at])
ADD_MANY(many_float, state->value.d += (double)vec->at.f[at])

/* Multiplying by the inverse is within an ulp, dividing costs three times as much. */
static void many_scaled(void *states, size_t stride, const uint32_t *groups, const weir_vec *vec, uint32_t n)
{
    double inverse = 1 / weir_scale(vec->scale);
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i] != WEIR_NO_ID && !(vec->nulls && weir_bit(vec->nulls, i))) {
            weir_number_state *state = STATE(i);
            state->value.d += (double)vec->at.l[i] * inverse;
            state->seen = 1;
        }
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride, const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    if (args->form == WEIR_LIST) {
        weir_agg_add_lists(b, h, states, stride, groups, NULL, args, s);
    } else if (args->form == WEIR_SCALED) {
        many_scaled(states, stride, groups, args, n);
    } else if (args->type.kind == WEIR_LONG) {
        many_long(states, stride, groups, args, n);
    } else if (args->type.kind == WEIR_FLOAT) {
        many_float(states, stride, groups, args, n);
    } else {
        many_double(states, stride, groups, args, n);
    }
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into_bytes, const weir_heap *from_heap, const void *from_bytes)
{
    weir_number_state *into = into_bytes;
    const weir_number_state *from = from_bytes;
    (void)h, (void)from_heap;
    if (b->out_type.kind == WEIR_LONG) {
        into->value.l = (int64_t)((uint64_t)into->value.l + (uint64_t)from->value.l);
    } else {
        into->value.d += from->value.d;
    }
    into->seen |= from->seen;
}

static void merge_many(const weir_agg_bound *b, weir_heap *h, void *into_bytes, const weir_heap *from_heap, const void *from_bytes, size_t stride, uint32_t n)
{
    char *into = into_bytes;
    const char *from = from_bytes;
    bool is_long = b->out_type.kind == WEIR_LONG;
    (void)h, (void)from_heap;
    for (uint32_t i = 0; i < n; i++, into += stride, from += stride) {
        weir_number_state *x = (weir_number_state *)(void *)into;
        const weir_number_state *y = (const weir_number_state *)(const void *)from;
        if (is_long) {
            x->value.l = (int64_t)((uint64_t)x->value.l + (uint64_t)y->value.l);
        } else {
            x->value.d += y->value.d;
        }
        x->seen |= y->seen;
    }
}

#define SUM(id, name, sql)                                                                                 \
    const weir_agg id = {.type = name, .sql_name = sql, .params = weir_number_params, .param_count = 1, .fold = WEIR_FOLD_SUM, .combining = name, \
                         .plan = weir_number_plan, .init = weir_number_init, .add_one = add_one, .add_many = add_many, \
                         .merge = merge, .merge_many = merge_many, .finish = weir_number_finish, .save = weir_number_save, .load = weir_number_load, \
                         .row = weir_number_row}
SUM(weir_agg_long_sum, "longSum", "SUM");
SUM(weir_agg_double_sum, "doubleSum", NULL);
SUM(weir_agg_float_sum, "floatSum", NULL);
