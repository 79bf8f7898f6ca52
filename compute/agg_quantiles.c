/* compute/agg_quantiles.c - quantile sketches of numbers and of stored sketches, as aggregators and
 * as metrics. Finalized it is how many values were seen (Druid's choice), raw the sketch's image.
 * Zero rows: an empty sketch, never null. Stored sketches that are damaged count nothing. A row's
 * metric is the image of its one value (40 bytes, KLL 16), or the sketch that the event has as
 * base64; what is neither counts nothing. */
#include "compute/agg_table.h"
#include "compute/quantile_family.h"
#include "compute/text.h"
#include <math.h>

enum { PARAM_FIELD, PARAM_K, PARAM_STREAM, PARAM_FINALIZE };
static const weir_param classic_params[] = {
    {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    {"k", NULL, WEIR_PARAM_LONG, false, "128"},
    {"maxStreamLength", NULL, WEIR_PARAM_LONG, false, "1000000000"},
    {"shouldFinalize", NULL, WEIR_PARAM_BOOL, false, "true"},
};
static const weir_param kll_params[] = {
    {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    {"k", NULL, WEIR_PARAM_LONG, false, "200"},
    {"maxStreamLength", NULL, WEIR_PARAM_LONG, false, "1000000000"},
};

typedef struct plan {
    const weir_quantile_family *family;
    uint32_t k;
} plan;

static const plan *plan_of(const weir_agg_bound *b)
{
    return b->prepared;
}

static const weir_quantile_family *family_of(const weir_agg *agg)
{
    if (agg->type[0] == 'q') {
        return &weir_family_classic;
    }
    return strncmp(agg->type, "KllF", 4) == 0 ? &weir_family_kll_floats : &weir_family_kll_doubles;
}

static bool plan_it(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena,
                    weir_error *err)
{
    plan *own = WEIR_ARENA_NEW(arena, plan);
    own->family = family_of(spec->agg);
    weir_type type = b->arg_types[0], sketch = {.kind = WEIR_COMPLEX};
    sketch.complex = weir_complex_find(weir_str_of(own->family->complex));
    int64_t k = spec->values[PARAM_K].as.l;
    if (!own->family->k_ok(k)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "aggregator '%.*s': k must be %s, not %lld",
                         WEIR_STR_ARG(spec->name), own->family->k_rule, (long long)k);
    }
    if (type.kind == WEIR_COMPLEX && type.complex != sketch.complex) {
        char name[64];
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "aggregator '%.*s': %s does not read %.*s",
                         WEIR_STR_ARG(spec->name), spec->agg->type,
                         WEIR_STR_ARG(weir_type_name(type, name)));
    }
    own->k = (uint32_t)k;
    if (weir_type_is_number(type)) {
        b->take[0] = WEIR_TYPE(own->family->floats ? WEIR_FLOAT : WEIR_DOUBLE);
    }
    b->prepared = own;
    b->state_size = own->family->state_size;
    bool finalize = spec->agg->param_count <= PARAM_FINALIZE || spec->values[PARAM_FINALIZE].as.l;
    b->raw_type = sketch;
    b->out_type = finalize ? WEIR_TYPE(WEIR_LONG) : sketch;
    return true;
}

static void init(const weir_agg_bound *b, void *state)
{
    plan_of(b)->family->init(state, plan_of(b)->k);
}

/* Row i of a FLAT or CONST vector; text and lists count nothing, as in Druid. */
static void add_row(const plan *p, weir_heap *h, void *state, const weir_vec *vec, uint32_t i)
{
    uint32_t at = vec->form == WEIR_CONST ? 0 : i;
    if (vec->nulls && weir_bit(vec->nulls, at)) {
        return;
    }
    if (vec->type.kind == WEIR_DOUBLE) {
        p->family->add(h, state, vec->at.d[at]);
    } else if (vec->type.kind == WEIR_FLOAT) {
        p->family->add(h, state, (double)vec->at.f[at]);
    } else {
        p->family->merge_image(h, state, vec->at.s[at]);
    }
}

static bool is_read(const weir_vec *vec)
{
    return (vec->form == WEIR_FLAT || vec->form == WEIR_CONST) &&
           (vec->type.kind == WEIR_DOUBLE || vec->type.kind == WEIR_FLOAT ||
            vec->type.kind == WEIR_COMPLEX);
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    if (!is_read(args)) {
        return;
    }
    const uint16_t *rows = weir_sel_rows(sel, s);
    for (uint32_t i = 0; i < sel->count; i++) {
        add_row(plan_of(b), h, state, args, rows[i]);
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    (void)s;
    for (uint32_t i = 0; is_read(args) && i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            add_row(plan_of(b), h, (char *)states + groups[i] * stride, args, i);
        }
    }
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap,
                  const void *from)
{
    plan_of(b)->family->merge(h, into, from_heap, from);
}

static weir_str image_of(const plan *p, const weir_heap *h, const void *state, weir_scratch *s)
{
    size_t size = p->family->save(h, state, NULL);
    uint8_t *bytes = weir_scratch_take(s, size);
    p->family->save(h, state, bytes);
    return (weir_str){(const char *)bytes, size};
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    const plan *p = plan_of(b);
    *out = (weir_vec){.type = finalize ? b->out_type : b->raw_type, .form = WEIR_FLAT, .n = n};
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    int64_t *longs = (int64_t *)(void *)strings;
    const char *state = states;
    for (uint32_t i = 0; i < n; i++, state += stride) {
        if (out->type.kind == WEIR_LONG) {
            longs[i] = (int64_t)p->family->count(state);
        } else {
            strings[i] = image_of(p, h, state, s);
        }
    }
    out->at.s = strings;
}

/* four bytes of length, then the image */
static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out)
{
    size_t size = plan_of(b)->family->save(h, state, out ? out + 4 : NULL);
    if (out) {
        weir_put_u32(out, (uint32_t)size);
    }
    return size + 4;
}

static bool load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state,
                 weir_error *err)
{
    weir_reader at = *in;
    uint32_t size;
    const uint8_t *bytes;
    if (!weir_take_u32(&at, &size) || !weir_take_span(&at, size, &bytes) ||
        !plan_of(b)->family->load(h, (weir_str){(const char *)bytes, size}, state)) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut or damaged", b->agg->type);
    }
    *in = at;
    return true;
}

/* ---- rows of a metric ---- */

typedef struct rows {
    const plan *p;
    weir_scratch *s;
    weir_heap *heap; /* made when a sketch has to be checked */
} rows;

static weir_str of_value(rows *r, double value)
{
    uint8_t *bytes = weir_scratch_take(r->s, r->p->family->one_bytes);
    return (weir_str){(const char *)bytes, r->p->family->save_one(r->p->k, value, bytes)};
}

/* A number, or a sketch in base64. */
static weir_str of_text(rows *r, weir_str text)
{
    double value;
    weir_str image;
    _Alignas(8) char state[WEIR_QUANTILE_STATE_BYTES];
    if (weir_text_to_double(text, &value)) {
        return of_value(r, r->p->family->floats ? (double)(float)value : value);
    }
    if (text.size == 0 || !weir_sketch_decode(text, r->s, &image)) {
        return of_value(r, (double)NAN);
    }
    r->heap = r->heap ? r->heap : weir_heap_new(NULL);
    if (!r->p->family->load(r->heap, image, state)) {
        return of_value(r, (double)NAN);
    }
    r->p->family->drop(r->heap, state);
    return image;
}

/* The one item of a row: numbers or text; a list of several is neither. */
static weir_str of_row(rows *r, const weir_vec *flat, uint32_t i)
{
    const weir_vec *items = flat->form == WEIR_LIST ? flat->items : flat;
    uint32_t at = flat->form == WEIR_LIST ? flat->at.offsets[i] : i;
    bool one = flat->form != WEIR_LIST || flat->at.offsets[i + 1] - at == 1;
    if (one && !weir_vec_is_null(flat, i) && !weir_vec_is_null(items, at)) {
        if (items->type.kind == WEIR_STRING) {
            return of_text(r, items->at.s[at]);
        }
        if (items->type.kind == WEIR_DOUBLE || items->type.kind == WEIR_FLOAT) {
            return of_value(r, items->type.kind == WEIR_FLOAT ? (double)items->at.f[at]
                                                              : items->at.d[at]);
        }
    }
    return of_value(r, (double)NAN);
}

static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                weir_vec *out, weir_error *err)
{
    rows r = {.p = plan_of(b), .s = s};
    weir_vec cast, flat;
    if (args->type.kind == WEIR_COMPLEX) {
        *out = *args;
        return true;
    }
    if (!weir_agg_args(b, args, s, &cast, err) || !weir_vec_flatten(&cast, s, &flat, err)) {
        return false;
    }
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        strings[i] = of_row(&r, &flat, i);
    }
    weir_heap_free(r.heap);
    *out = (weir_vec){.type = b->raw_type, .form = WEIR_FLAT, .n = n, .at.s = strings};
    return true;
}

#define QUANTILES(name, merging, of)                                                               \
    {                                                                                              \
        .type = (name), .params = of##_params,                                                     \
        .param_count = sizeof(of##_params) / sizeof(*of##_params), .finalizes = true,              \
        .combining = (merging), .plan = plan_it, .init = init, .add_one = add_one,                 \
        .add_many = add_many, .merge = merge, .finish = finish, .save = save, .load = load,        \
        .row = row,                                                                                \
    }
const weir_agg weir_agg_quantiles =
    QUANTILES("quantilesDoublesSketch", "quantilesDoublesSketchMerge", classic);
const weir_agg weir_agg_quantiles_merge =
    QUANTILES("quantilesDoublesSketchMerge", "quantilesDoublesSketchMerge", classic);
const weir_agg weir_agg_kll_doubles = QUANTILES("KllDoublesSketch", "KllDoublesSketchMerge", kll);
const weir_agg weir_agg_kll_doubles_merge =
    QUANTILES("KllDoublesSketchMerge", "KllDoublesSketchMerge", kll);
const weir_agg weir_agg_kll_floats = QUANTILES("KllFloatsSketch", "KllFloatsSketchMerge", kll);
const weir_agg weir_agg_kll_floats_merge =
    QUANTILES("KllFloatsSketchMerge", "KllFloatsSketchMerge", kll);
