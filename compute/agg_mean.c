/* compute/agg_mean.c - doubleMean: sum by count, null rows left out; text that is no number counts
 * as 0, as in Druid. Zero rows: 0. */
#include "compute/agg_table.h"

typedef struct mean_state {
    double sum;
    int64_t count;
} mean_state;

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    (void)err;
    b->take[0] = WEIR_TYPE(WEIR_DOUBLE);
    b->state_size = sizeof(mean_state);
    b->out_type = b->raw_type = WEIR_TYPE(WEIR_DOUBLE);
    b->accepts_scaled = b->arg_types[0].kind == WEIR_DOUBLE;
    b->takes_lists = true;
    if (b->arg_types[0].kind == WEIR_STRING && spec->args[0]->kind == WEIR_EXPR_COLUMN) {
        weir_value *zero = WEIR_ARENA_NEW(arena, weir_value);
        *zero = weir_value_double(0);
        b->text_is = zero;
    }
    return true;
}

static void init(const weir_agg_bound *b, void *state)
{
    (void)b;
    memset(state, 0, sizeof(mean_state));
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state_bytes, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    mean_state *state = state_bytes;
    double sum;
    if (args->form == WEIR_LIST) {
        weir_agg_add_lists(b, h, state, 0, NULL, sel, args, s);
        return;
    }
    state->count += weir_agg_sum_doubles(args, sel, s, &sum);
    state->sum += sum;
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    if (args->form == WEIR_LIST) {
        weir_agg_add_lists(b, h, states, stride, groups, NULL, args, s);
        return;
    }
    bool is_const = args->form == WEIR_CONST;
    double inverse = args->form == WEIR_SCALED ? 1 / weir_scale(args->scale) : 1;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = is_const ? 0 : i;
        if (groups[i] != WEIR_NO_ID && !(args->nulls && weir_bit(args->nulls, at))) {
            mean_state *state = (mean_state *)(void *)((char *)states + groups[i] * stride);
            state->sum +=
                args->form == WEIR_SCALED ? (double)args->at.l[at] * inverse : args->at.d[at];
            state->count++;
        }
    }
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into_bytes,
                  const weir_heap *from_heap, const void *from_bytes)
{
    mean_state *into = into_bytes;
    const mean_state *from = from_bytes;
    (void)b, (void)h, (void)from_heap;
    into->sum += from->sum;
    into->count = (int64_t)((uint64_t)into->count + (uint64_t)from->count); /* loaded ones may be anything */
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    double *values = WEIR_SCRATCH_ARRAY(s, double, n + 1);
    (void)h, (void)finalize;
    for (uint32_t i = 0; i < n; i++) {
        const mean_state *state =
            (const mean_state *)(const void *)((const char *)states + i * stride);
        values[i] = state->count ? state->sum / (double)state->count : 0;
    }
    *out = (weir_vec){.type = b->out_type, .form = WEIR_FLAT, .n = n, .at.d = values};
}

static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out)
{
    (void)b, (void)h;
    if (out) {
        uint64_t words[2];
        memcpy(words, state, sizeof(words));
        words[0] = htole64(words[0]);
        words[1] = htole64(words[1]);
        memcpy(out, words, sizeof(words));
    }
    return sizeof(mean_state);
}

static bool load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state,
                 weir_error *err)
{
    uint64_t words[2];
    (void)h;
    if (weir_reader_left(in) < sizeof(words) || !weir_take_u64(in, &words[0]) ||
        !weir_take_u64(in, &words[1])) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut", b->agg->type);
    }
    memcpy(state, words, sizeof(words));
    return true;
}

const weir_agg weir_agg_double_mean = {.type = "doubleMean",
                                       .params = weir_number_params,
                                       .param_count = 1,
                                       .plan = plan,
                                       .init = init,
                                       .add_one = add_one,
                                       .add_many = add_many,
                                       .merge = merge,
                                       .finish = finish,
                                       .save = save,
                                       .load = load};
