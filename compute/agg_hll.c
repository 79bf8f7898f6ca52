/* compute/agg_hll.c - hyperUnique: merges collectors that were stored, and as a metric makes them
 * of an event's strings, hashed as UTF-8. Zero rows: 0. Not finalized it is COMPLEX<hyperUnique>,
 * Druid's bytes. */
#include "compute/agg_hll.h"
#include "compute/text.h"
#include <math.h>

static const weir_param params[] = {
    {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    {"isInputHyperUnique", NULL, WEIR_PARAM_BOOL, false, "false"},
    {"round", NULL, WEIR_PARAM_BOOL, false, "false"},
};

void weir_hll_plan(weir_agg_bound *b, bool round)
{
    b->state_size = sizeof(weir_hll);
    b->out_type = WEIR_TYPE(round ? WEIR_LONG : WEIR_DOUBLE);
    b->raw_type =
        (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("hyperUnique"))};
}

void weir_hll_init(const weir_agg_bound *b, void *state)
{
    (void)b;
    memset(state, 0, sizeof(weir_hll));
}

void weir_hll_state_merge(const weir_agg_bound *b, weir_heap *h, void *into,
                          const weir_heap *from_heap, const void *from)
{
    (void)b;
    weir_hll_merge(h, into, from_heap, from);
}

static weir_str bytes_of(const weir_heap *h, const weir_hll *hll, weir_scratch *s)
{
    size_t size = weir_hll_save(h, hll, NULL);
    uint8_t *bytes = weir_scratch_take(s, size);
    weir_hll_save(h, hll, bytes);
    return (weir_str){(const char *)bytes, size};
}

void weir_hll_finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                     uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    double *doubles = (double *)(void *)strings;
    int64_t *longs = (int64_t *)(void *)strings;
    for (uint32_t i = 0; i < n; i++) {
        const weir_hll *hll = (const weir_hll *)(const void *)((const char *)states + i * stride);
        if (!finalize) {
            strings[i] = bytes_of(h, hll, s);
        } else if (b->out_type.kind == WEIR_LONG) {
            longs[i] = weir_double_to_long(floor(weir_hll_estimate(h, hll) + 0.5)); /* Math.round */
        } else {
            doubles[i] = weir_hll_estimate(h, hll);
        }
    }
    *out = (weir_vec){
        .type = finalize ? b->out_type : b->raw_type, .form = WEIR_FLAT, .n = n, .at.s = strings};
}

/* two bytes of length, then Druid's bytes */
size_t weir_hll_state_save(const weir_agg_bound *b, const weir_heap *h, const void *state,
                           uint8_t *out)
{
    (void)b;
    size_t size = weir_hll_save(h, state, out ? out + 2 : NULL);
    if (out) {
        uint16_t length = htole16((uint16_t)size);
        memcpy(out, &length, sizeof(length));
    }
    return size + 2;
}

bool weir_hll_state_load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state,
                         weir_error *err)
{
    weir_reader at = *in;
    uint16_t size;
    const uint8_t *bytes;
    weir_hll hll;
    if (!weir_take_u16(&at, &size) || !weir_take_span(&at, size, &bytes) ||
        !weir_hll_load(h, (weir_str){(const char *)bytes, size}, &hll)) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut or damaged", b->agg->type);
    }
    *in = at;
    memcpy(state, &hll, sizeof(hll));
    return true;
}

void weir_hll_rows(const uint32_t *codes, const uint32_t *offsets, uint32_t n, weir_scratch *s,
                   weir_vec *out)
{
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    weir_heap *heap = weir_heap_new(NULL);
    for (uint32_t i = 0; i < n; i++) {
        weir_hll hll = {0};
        for (uint32_t k = offsets[i]; k < offsets[i + 1]; k++) {
            if (codes[k] != WEIR_NO_CODE) {
                weir_hll_add(heap, &hll, codes[k]);
            }
        }
        strings[i] = bytes_of(heap, &hll, s);
        weir_heap_drop(heap, hll.handle);
    }
    weir_heap_free(heap);
    *out = (weir_vec){
        .type = {.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("hyperUnique"))},
        .form = WEIR_FLAT,
        .n = n,
        .at.s = strings};
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    (void)arena;
    weir_type type = b->arg_types[0];
    bool complex =
        type.kind == WEIR_COMPLEX && type.complex == weir_complex_find(WEIR_STR("hyperUnique"));
    if (type.kind == WEIR_COMPLEX && !complex) {
        char name[64];
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "aggregator '%.*s': hyperUnique does not read %.*s",
                         WEIR_STR_ARG(spec->name), WEIR_STR_ARG(weir_type_name(type, name)));
    }
    weir_hll_plan(b, spec->values[2].as.l != 0);
    return true;
}

/* A stored collector is folded in; bytes that are none, and columns of another type, do not count.
 */
static void fold(weir_heap *h, weir_hll *into, const weir_vec *vec, uint32_t row)
{
    weir_hll hll;
    if (vec->type.kind == WEIR_COMPLEX && !weir_vec_is_null(vec, row) &&
        weir_hll_load(h, vec->at.s[vec->form == WEIR_CONST ? 0 : row], &hll)) {
        weir_hll_merge(h, into, h, &hll);
        weir_heap_drop(h, hll.handle);
    }
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    (void)b;
    const uint16_t *rows = weir_sel_rows(sel, s);
    for (uint32_t i = 0; i < sel->count; i++) {
        fold(h, state, args, rows[i]);
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    (void)b, (void)s;
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            fold(h, (weir_hll *)(void *)((char *)states + groups[i] * stride), args, i);
        }
    }
}

static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                weir_vec *out, weir_error *err)
{
    weir_vec text, flat;
    (void)b;
    if (args->type.kind == WEIR_COMPLEX) {
        *out = *args;
        return true;
    }
    if (!weir_vec_cast(args, WEIR_TYPE(WEIR_STRING), s, &text, err) ||
        !weir_vec_flatten(&text, s, &flat, err)) {
        return false;
    }
    const weir_vec *items = flat.form == WEIR_LIST ? flat.items : &flat;
    uint32_t *codes = WEIR_SCRATCH_ARRAY(s, uint32_t, items->n + 1),
             *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    for (uint32_t i = 0; i < items->n; i++) {
        codes[i] = weir_vec_is_null(items, i)
                       ? WEIR_NO_CODE
                       : weir_hll_code(weir_murmur3_128(items->at.s[i].at, items->at.s[i].size));
    }
    for (uint32_t i = 0; i <= n; i++) {
        offsets[i] = flat.form == WEIR_LIST ? flat.at.offsets[i] : i;
    }
    weir_hll_rows(codes, offsets, n, s, out);
    return true;
}

const weir_agg weir_agg_hyper_unique = {.type = "hyperUnique",
                                        .params = params,
                                        .param_count = 3,
                                        .combining = "hyperUnique",
                                        .finalizes = true,
                                        .plan = plan,
                                        .init = weir_hll_init,
                                        .add_one = add_one,
                                        .add_many = add_many,
                                        .merge = weir_hll_state_merge,
                                        .finish = weir_hll_finish,
                                        .save = weir_hll_state_save,
                                        .load = weir_hll_state_load,
                                        .row = row};
