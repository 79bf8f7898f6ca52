/* compute/agg_mean.c - doubleMean: sum by count, null rows left out; text that is no number counts
 * as 0, as in Druid. Zero rows: 0. */
#include "compute/agg_table.h"

typedef struct mean_state {
    double sum;
    int64_t count;
} mean_state;

/* Druid's DoubleMeanHolder: the sum and the count, big endian. */
static weir_type raw_type(void)
{
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("doubleMean"))};
}

static void fold(mean_state *state, const weir_vec *vec, uint32_t row)
{
    uint64_t words[2];
    double sum;
    weir_str bytes = vec->at.s[vec->form == WEIR_CONST ? 0 : row];
    if (weir_vec_is_null(vec, row) || bytes.size != sizeof(words)) {
        return;
    }
    memcpy(words, bytes.at, sizeof(words));
    words[0] = be64toh(words[0]);
    memcpy(&sum, words, sizeof(sum));
    state->sum += sum;
    state->count = (int64_t)((uint64_t)state->count + be64toh(words[1]));
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    weir_type raw = raw_type();
    bool is_raw = weir_type_eq(b->arg_types[0], raw);
    if (b->arg_types[0].kind == WEIR_COMPLEX && !is_raw) {
        char name[64];
        return weir_fail(
            err, WEIR_ERR_BAD_QUERY, "aggregator '%.*s': doubleMean does not read %.*s",
            WEIR_STR_ARG(spec->name), WEIR_STR_ARG(weir_type_name(b->arg_types[0], name)));
    }
    b->take[0] = is_raw ? raw : WEIR_TYPE(WEIR_DOUBLE);
    b->state_size = sizeof(mean_state);
    b->out_type = WEIR_TYPE(WEIR_DOUBLE);
    b->raw_type = raw;
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
    if (args->type.kind == WEIR_COMPLEX) {
        const uint16_t *rows = weir_sel_rows(sel, s);
        for (uint32_t i = 0; i < sel->count; i++) {
            fold(state, args, rows[i]);
        }
        return;
    }
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
    for (uint32_t i = 0; args->type.kind == WEIR_COMPLEX && i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            fold((mean_state *)(void *)((char *)states + groups[i] * stride), args, i);
        }
    }
    if (args->type.kind == WEIR_COMPLEX) {
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
    into->count =
        (int64_t)((uint64_t)into->count + (uint64_t)from->count); /* loaded ones may be anything */
}

static void finish_raw(const weir_agg_bound *b, const void *states, size_t stride, uint32_t n,
                       weir_scratch *s, weir_vec *out)
{
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    uint64_t *words = WEIR_SCRATCH_ARRAY(s, uint64_t, 2 * (size_t)n + 1);
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&words[2 * i], (const char *)states + i * stride, sizeof(mean_state));
        words[2 * i] = htobe64(words[2 * i]);
        words[2 * i + 1] = htobe64(words[2 * i + 1]);
        strings[i] = (weir_str){(const char *)&words[2 * i], sizeof(mean_state)};
    }
    *out = (weir_vec){.type = b->raw_type, .form = WEIR_FLAT, .n = n, .at.s = strings};
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    double *values = WEIR_SCRATCH_ARRAY(s, double, n + 1);
    (void)h;
    if (!finalize) {
        finish_raw(b, states, stride, n, s, out);
        return;
    }
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
                                       .totals_by_state = true,
                                       .combining = "doubleMean",
                                       .plan = plan,
                                       .init = init,
                                       .add_one = add_one,
                                       .add_many = add_many,
                                       .merge = merge,
                                       .finish = finish,
                                       .save = save,
                                       .load = load};
