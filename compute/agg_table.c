/* compute/agg_table.c - the table, lookups by name, binding. */
#include "compute/agg_table.h"

static const weir_agg *const aggregators[] = {
    &weir_agg_count,
    &weir_agg_long_sum, &weir_agg_double_sum, &weir_agg_float_sum,
    &weir_agg_long_min, &weir_agg_long_max, &weir_agg_double_min, &weir_agg_double_max, &weir_agg_float_min, &weir_agg_float_max,
    &weir_agg_long_first, &weir_agg_long_last, &weir_agg_double_first, &weir_agg_double_last, &weir_agg_float_first, &weir_agg_float_last,
    &weir_agg_string_first, &weir_agg_string_last,
};
#define AGG_COUNT (sizeof(aggregators) / sizeof(*aggregators))

const weir_agg *weir_agg_find(weir_str type)
{
    for (size_t i = 0; i < AGG_COUNT; i++) {
        if (weir_str_is(type, aggregators[i]->type)) {
            return aggregators[i];
        }
    }
    return NULL;
}

const weir_agg *const *weir_agg_all(size_t *count)
{
    *count = AGG_COUNT;
    return aggregators;
}

bool weir_agg_bind(const weir_agg_spec *spec, const weir_type *arg_types, weir_arena *arena, weir_agg_bound *out, weir_error *err)
{
    weir_type *types = WEIR_ARENA_ARRAY(arena, weir_type, spec->arg_count + 1);
    if (spec->arg_count > 0) {
        memcpy(types, arg_types, spec->arg_count * sizeof(*types));
    }
    *out = (weir_agg_bound){.agg = spec->agg, .spec = spec, .arg_count = spec->arg_count, .arg_types = types,
                            .take = WEIR_ARENA_ARRAY(arena, weir_type, spec->arg_count + 1)};
    return spec->agg->plan(spec, out, arena, err);
}

bool weir_agg_args(const weir_agg_bound *b, const weir_vec *args, weir_scratch *s, weir_vec *out, weir_error *err)
{
    for (uint32_t i = 0; i < b->arg_count; i++) {
        weir_type take = b->take[i];
        bool scaled_unasked = args[i].form == WEIR_SCALED && !b->accepts_scaled;
        if (take.kind == WEIR_UNKNOWN && !scaled_unasked) {
            out[i] = args[i];
        } else if (args[i].form == WEIR_LIST && weir_type_is_number(take)) {
            out[i] = weir_vec_null(take, args[i].n); /* a list is no number */
        } else if (args[i].type.kind == take.kind && !scaled_unasked) {
            out[i] = args[i];
        } else if (!weir_vec_cast(&args[i], take.kind == WEIR_UNKNOWN ? args[i].type : take, s, &out[i], err)) {
            return false;
        }
    }
    return true;
}

const weir_param weir_number_params[1] = {{"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL}};

void weir_number_init(const weir_agg_bound *b, void *state)
{
    (void)b;
    memset(state, 0, sizeof(weir_number_state));
}

size_t weir_number_save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out)
{
    weir_number_state own;
    (void)b, (void)h;
    if (out) {
        memcpy(&own, state, sizeof(own));
        uint64_t bits = htole64((uint64_t)own.value.l);
        memcpy(out, &bits, sizeof(bits));
        out[8] = own.seen != 0;
    }
    return 9;
}

bool weir_number_load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state, weir_error *err)
{
    uint64_t bits;
    uint8_t seen;
    (void)h;
    if (!weir_take_u64(in, &bits) || !weir_take_u8(in, &seen) || seen > 1) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut or damaged", b->agg->type);
    }
    weir_number_state own = {.value.l = (int64_t)bits, .seen = seen};
    memcpy(state, &own, sizeof(own));
    return true;
}

void weir_number_finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride, uint32_t n, bool finalize,
                        weir_scratch *s, weir_vec *out)
{
    bool is_float = b->out_type.kind == WEIR_FLOAT, is_long = b->out_type.kind == WEIR_LONG;
    void *values = weir_scratch_take(s, n * (is_float ? sizeof(float) : sizeof(double)) + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    const char *at = states;
    (void)h, (void)finalize;
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++, at += stride) {
        const weir_number_state *state = (const weir_number_state *)(const void *)at;
        if (!state->seen) {
            weir_bit_set(nulls, i);
        }
        if (is_float) {
            ((float *)values)[i] = (float)state->value.d;
        } else if (is_long) {
            ((int64_t *)values)[i] = state->value.l;
        } else {
            ((double *)values)[i] = state->value.d;
        }
    }
    *out = (weir_vec){.type = b->out_type, .form = WEIR_FLAT, .n = n, .nulls = nulls, .at.l = values};
}

bool weir_number_plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    (void)arena, (void)err;
    weir_kind kind = spec->agg->type[0] == 'l' ? WEIR_LONG : spec->agg->type[0] == 'f' ? WEIR_FLOAT : WEIR_DOUBLE;
    b->take[0] = WEIR_TYPE(kind);
    b->state_size = sizeof(weir_number_state);
    b->out_type = b->raw_type = WEIR_TYPE(kind);
    b->accepts_scaled = kind == WEIR_DOUBLE && b->arg_types[0].kind == WEIR_DOUBLE;
    return true;
}

bool weir_number_row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err)
{
    (void)n;
    return weir_agg_args(b, args, s, out, err);
}

const uint16_t *weir_agg_rows(const weir_vec *vec, const weir_sel *sel, weir_scratch *s, uint32_t *count)
{
    if (!vec->nulls || sel->kind == WEIR_SEL_NONE) {
        *count = sel->count;
        return weir_sel_rows(sel, s);
    }
    const uint16_t *rows = weir_sel_rows(sel, s);
    uint16_t *kept = WEIR_SCRATCH_ARRAY(s, uint16_t, sel->count + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < sel->count; i++) {
        kept[n] = rows[i];
        n += !weir_bit(vec->nulls, rows[i]);
    }
    *count = n;
    return kept;
}
