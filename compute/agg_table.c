/* compute/agg_table.c - the table, lookups by name, binding. */
#include "compute/agg_table.h"
#include <math.h>

static const weir_agg *const aggregators[] = {
    &weir_agg_count,
    &weir_agg_long_sum, &weir_agg_double_sum, &weir_agg_float_sum,
    &weir_agg_long_min, &weir_agg_long_max, &weir_agg_double_min, &weir_agg_double_max, &weir_agg_float_min, &weir_agg_float_max,
    &weir_agg_long_first, &weir_agg_long_last, &weir_agg_double_first, &weir_agg_double_last, &weir_agg_float_first, &weir_agg_float_last,
    &weir_agg_string_first, &weir_agg_string_last, &weir_agg_string_first_fold, &weir_agg_string_last_fold,
    &weir_agg_long_any, &weir_agg_double_any, &weir_agg_float_any, &weir_agg_string_any,
    &weir_agg_quantiles, &weir_agg_quantiles_merge, &weir_agg_kll_doubles, &weir_agg_kll_doubles_merge, &weir_agg_kll_floats,
    &weir_agg_kll_floats_merge, &weir_agg_variance, &weir_agg_variance_fold,
    &weir_agg_double_mean, &weir_agg_cardinality, &weir_agg_hyper_unique,
    &weir_agg_theta_sketch, &weir_agg_tuple_sketch,
    &weir_agg_hll_sketch_build, &weir_agg_hll_sketch_merge,
    &weir_agg_expression,
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

static void fill_value(void *values, uint8_t kind, uint32_t i, const weir_value *with)
{
    if (kind == WEIR_LONG) {
        ((int64_t *)values)[i] = with->as.l;
    } else if (kind == WEIR_FLOAT) {
        ((float *)values)[i] = (float)with->as.d;
    } else {
        ((double *)values)[i] = with->as.d;
    }
}

/* Numbers read from text: what was none becomes `with`. FLAT or CONST vectors of our own scratch. */
static void fill_nulls(weir_vec *vec, const weir_value *with, weir_scratch *s)
{
    if (!vec->nulls) {
        return;
    }
    uint32_t n = vec->form == WEIR_CONST ? 1 : vec->n;
    size_t width = vec->type.kind == WEIR_FLOAT ? sizeof(float) : sizeof(int64_t);
    void *values = weir_scratch_take(s, width * n + 1);
    memcpy(values, vec->at.l, width * n);
    for (uint32_t i = 0; i < n; i++) {
        if (weir_bit(vec->nulls, i)) {
            fill_value(values, vec->type.kind, i, with);
        }
    }
    vec->at.l = values;
    vec->nulls = NULL;
}

/* A list per row stays one, of numbers. */
static bool cast_lists(const weir_agg_bound *b, const weir_vec *arg, weir_type take, weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_vec lists = *arg;
    if (lists.form == WEIR_CONST && !weir_vec_flatten(arg, s, &lists, err)) {
        return false;
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    if (!weir_vec_cast(lists.items, take, s, items, err) || !weir_vec_flatten(items, s, items, err)) {
        return false;
    }
    if (b->text_is) {
        fill_nulls(items, b->text_is, s);
    }
    *out = lists;
    out->type = take;
    out->items = items;
    return true;
}

bool weir_agg_args(const weir_agg_bound *b, const weir_vec *args, weir_scratch *s, weir_vec *out, weir_error *err)
{
    for (uint32_t i = 0; i < b->arg_count; i++) {
        weir_type take = b->take[i];
        bool scaled_unasked = args[i].form == WEIR_SCALED && !b->accepts_scaled;
        bool is_list = args[i].form == WEIR_LIST || args[i].items;
        if (scaled_unasked && (take.kind == WEIR_UNKNOWN || take.kind == args[i].type.kind)) {
            if (!weir_vec_flatten(&args[i], s, &out[i], err)) {
                return false;
            }
        } else if (take.kind == WEIR_UNKNOWN) {
            out[i] = args[i];
        } else if (is_list && weir_type_is_number(take)) {
            if (!b->takes_lists) {
                out[i] = weir_vec_null(take, args[i].n);
            } else if (!cast_lists(b, &args[i], take, s, &out[i], err)) {
                return false;
            }
        } else if (args[i].type.kind == take.kind) {
            out[i] = args[i];
        } else if (!weir_vec_cast(&args[i], take, s, &out[i], err)) {
            return false;
        } else if (b->text_is && args[i].type.kind == WEIR_STRING) {
            fill_nulls(&out[i], b->text_is, s);
        }
    }
    return true;
}

void weir_agg_add_lists(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride, const uint32_t *groups, const weir_sel *sel,
                        const weir_vec *lists, weir_scratch *s)
{
    const uint64_t *selected = sel ? weir_sel_bits(sel, s) : NULL;
    const uint32_t *offsets = lists->at.offsets;
    uint32_t base = offsets[0]; /* a slice of lists begins within the items */
    uint32_t *own = WEIR_SCRATCH_ARRAY(s, uint32_t, offsets[lists->n] - base + 1);
    uint32_t *empty = WEIR_SCRATCH_ARRAY(s, uint32_t, lists->n + 1), empty_count = 0;
    for (uint32_t i = 0; i < lists->n; i++) {
        uint32_t group = groups ? groups[i] : weir_bit(selected, i) ? 0 : WEIR_NO_ID;
        bool none = offsets[i] == offsets[i + 1] || (lists->nulls && weir_bit(lists->nulls, i));
        if (none && group != WEIR_NO_ID) {
            empty[empty_count++] = group;
        }
        for (uint32_t k = offsets[i]; k < offsets[i + 1]; k++) {
            own[k - base] = none ? WEIR_NO_ID : group;
        }
    }
    weir_vec items;
    weir_vec_slice(lists->items, base, offsets[lists->n] - base, s, &items);
    b->agg->add_many(b, h, states, stride, own, &items, items.n, s);
    if (b->text_is && empty_count > 0) { /* [] and null count as text that is no number */
        weir_vec instead = weir_vec_const(s, b->text_is, empty_count);
        instead.type = lists->type;
        float *one = WEIR_SCRATCH_ARRAY(s, float, 1);
        if (instead.type.kind == WEIR_FLOAT) {
            *one = (float)b->text_is->as.d;
            instead.at.f = one;
        }
        b->agg->add_many(b, h, states, stride, empty, &instead, empty_count, s);
    }
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

/* What Druid's aggregators start with: the value that text counts as. */
static const weir_value *start_of(const weir_agg *agg, weir_kind kind, weir_arena *arena)
{
    bool min = strstr(agg->type, "Min") != NULL, max = strstr(agg->type, "Max") != NULL;
    weir_value *value = WEIR_ARENA_NEW(arena, weir_value);
    if (kind == WEIR_LONG) {
        *value = weir_value_long(min ? INT64_MAX : max ? INT64_MIN : 0);
    } else {
        *value = weir_value_double(min ? (double)INFINITY : max ? (double)-INFINITY : 0);
    }
    return value;
}

bool weir_number_plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    (void)err;
    weir_kind kind = spec->agg->type[0] == 'l' ? WEIR_LONG : spec->agg->type[0] == 'f' ? WEIR_FLOAT : WEIR_DOUBLE;
    b->take[0] = WEIR_TYPE(kind);
    b->state_size = sizeof(weir_number_state);
    b->out_type = b->raw_type = WEIR_TYPE(kind);
    b->accepts_scaled = kind == WEIR_DOUBLE && b->arg_types[0].kind == WEIR_DOUBLE;
    b->takes_lists = true;
    if (b->arg_types[0].kind == WEIR_STRING && spec->args[0]->kind == WEIR_EXPR_COLUMN) {
        b->text_is = start_of(spec->agg, kind, arena);
    }
    return true;
}

bool weir_number_row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_agg_bound plain = *b;
    (void)n;
    plain.text_is = NULL; /* a stored null stays one */
    plain.takes_lists = false;
    return weir_agg_args(&plain, args, s, out, err);
}

static weir_pick pick_of(const weir_sel *sel, weir_scratch *s)
{
    weir_pick pick = {.count = sel->count};
    if (sel->kind == WEIR_SEL_BITS && sel->count <= sel->n / 4) {
        pick.rows = weir_sel_rows(sel, s);
    } else if (sel->kind == WEIR_SEL_BITS) {
        pick.bits = sel->bits;
    }
    return pick;
}

static weir_pick pick_of_list(const weir_vec *vec, const weir_sel *sel, weir_scratch *s)
{
    if (!vec->nulls) {
        return (weir_pick){.count = sel->count, .rows = sel->rows};
    }
    uint16_t *kept = WEIR_SCRATCH_ARRAY(s, uint16_t, sel->count + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < sel->count; i++) {
        kept[n] = sel->rows[i];
        n += !weir_bit(vec->nulls, sel->rows[i]);
    }
    return (weir_pick){.count = n, .rows = kept};
}

weir_pick weir_agg_pick(const weir_vec *vec, const weir_sel *sel, weir_scratch *s)
{
    if (sel->count == 0) {
        return (weir_pick){0};
    }
    if (sel->kind == WEIR_SEL_LIST) {
        return pick_of_list(vec, sel, s);
    }
    if (!vec->nulls) {
        return pick_of(sel, s);
    }
    uint32_t words = weir_words(sel->n);
    uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, words);
    for (uint32_t w = 0; w < words; w++) {
        bits[w] = ~vec->nulls[w] & (sel->kind == WEIR_SEL_ALL ? ~0ull : sel->bits[w]);
    }
    weir_sel kept = weir_sel_of_bits(bits, sel->n);
    return pick_of(&kept, s);
}
