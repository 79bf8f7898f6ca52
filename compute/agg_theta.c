/* compute/agg_theta.c - thetaSketch: distinct values of a column as a theta sketch, and the union
 * of sketches that are stored. Strings are hashed as UTF-8, numbers as longs or doubles; null and
 * "" do not count. As a metric it makes sketches of an event's values, or reads them as base64.
 * Zero rows: 0. Not finalized it is COMPLEX<thetaSketch>, DataSketches' bytes. */
#include "compute/agg_table.h"
#include "compute/sketch.h"
#include "compute/sketch_theta.h"
#include "compute/theta_values.h"

enum { FIELD, SIZE, SHOULD_FINALIZE, IS_INPUT, STD_DEVS };
static const weir_param params[] = {
    [FIELD] = {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    [SIZE] = {"size", NULL, WEIR_PARAM_LONG, false, "16384"},
    [SHOULD_FINALIZE] = {"shouldFinalize", NULL, WEIR_PARAM_BOOL, false, "true"},
    [IS_INPUT] = {"isInputThetaSketch", NULL, WEIR_PARAM_BOOL, false, "false"},
    [STD_DEVS] = {"errorBoundsStdDev", NULL, WEIR_PARAM_LONG, false, NULL},
};

typedef struct prepared {
    uint32_t lg_k, std_devs; /* std_devs 0: no bounds */
} prepared;

static const prepared *of(const weir_agg_bound *b)
{
    return b->prepared;
}

static bool settle(weir_agg_spec *spec, weir_value *values, weir_arena *arena, weir_error *err)
{
    (void)arena;
    const weir_value *std_devs = &values[STD_DEVS];
    uint32_t lg_k;
    (void)spec;
    if (!weir_theta_lg_k(values[SIZE].as.l, &lg_k)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "size must be a power of 2 between 16 and 67108864");
    }
    return std_devs->is_null || (std_devs->as.l >= 1 && std_devs->as.l <= 3) ||
           weir_fail(err, WEIR_ERR_BAD_QUERY, "errorBoundsStdDev must be 1, 2 or 3");
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    prepared *own = WEIR_ARENA_NEW(arena, prepared);
    weir_type type = b->arg_types[0];
    const weir_complex *theta = weir_complex_find(WEIR_STR("thetaSketch"));
    const weir_value *std_devs = &spec->values[STD_DEVS];
    weir_theta_lg_k(spec->values[SIZE].as.l, &own->lg_k);
    if (type.kind == WEIR_COMPLEX && type.complex != theta) {
        char name[64];
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "aggregator '%.*s': thetaSketch does not read %.*s",
                         WEIR_STR_ARG(spec->name), WEIR_STR_ARG(weir_type_name(type, name)));
    }
    own->std_devs = std_devs->is_null ? 0 : (uint32_t)std_devs->as.l;
    b->prepared = own;
    b->takes_lists = true;
    b->state_size = sizeof(weir_theta);
    b->raw_type = (weir_type){.kind = WEIR_COMPLEX, .complex = theta};
    b->out_type = WEIR_TYPE(WEIR_DOUBLE);
    if (own->std_devs) {
        b->out_type = (weir_type){.kind = WEIR_COMPLEX,
                                  .complex = weir_complex_find(WEIR_STR(WEIR_THETA_BOUNDS_TYPE))};
    }
    if (!spec->values[SHOULD_FINALIZE].as.l) {
        b->out_type = b->raw_type;
    }
    return true;
}

static void init(const weir_agg_bound *b, void *state)
{
    weir_theta_init(state, of(b)->lg_k);
}

/* A stored sketch is folded in; bytes that are none do not count. */
static void fold(weir_heap *h, weir_theta *into, const weir_vec *vec, uint32_t row, weir_scratch *s)
{
    weir_theta_view view;
    if (weir_vec_is_null(vec, row)) {
        return;
    }
    weir_mark mark = weir_scratch_mark(s);
    if (weir_theta_open(vec->at.s[vec->form == WEIR_CONST ? 0 : row], s, &view)) {
        weir_theta_merge_view(h, into, &view);
    }
    weir_scratch_rewind(s, mark);
}

static void add_row(weir_heap *h, weir_theta *theta, const weir_hashed *hashed, uint32_t row)
{
    if (!hashed->offsets) {
        weir_theta_add(h, theta, hashed->hashes[row]);
        return;
    }
    for (uint32_t i = hashed->offsets[row]; i < hashed->offsets[row + 1]; i++) {
        weir_theta_add(h, theta, hashed->hashes[i]);
    }
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    (void)b;
    if (sel->count == 0) {
        return;
    }
    if (args->type.kind == WEIR_COMPLEX) {
        const uint16_t *rows = weir_sel_rows(sel, s);
        for (uint32_t i = 0; i < sel->count; i++) {
            fold(h, state, args, rows[i], s);
        }
        return;
    }
    weir_vec picked = *args;
    if (sel->kind != WEIR_SEL_ALL) {
        weir_vec_gather(args, weir_sel_rows(sel, s), sel->count, s, &picked);
    }
    weir_distinct d;
    if (picked.form == WEIR_DICT && picked.dict->count <= picked.n &&
        weir_vec_distinct(&picked, s, &d)) {
        picked.at.ids = d.ids; /* one group: each value once */
        picked.n = d.count;
    }
    weir_hashed hashed = weir_theta_hashes(&picked, h, s);
    for (uint32_t i = 0; i < picked.n; i++) {
        add_row(h, state, &hashed, i);
    }
}

#define AHEAD 32u /* rows whose places are fetched before the first of them is added */

static weir_theta *state_of(void *states, size_t stride, uint32_t group)
{
    return (weir_theta *)(void *)((char *)states + group * stride);
}

static void add_hashes(weir_heap *h, void *states, size_t stride, const uint32_t *groups,
                       const weir_hashed *hashed, uint32_t n)
{
    for (uint32_t from = 0; from < n; from += AHEAD) {
        uint32_t to = n - from < AHEAD ? n : from + AHEAD;
        for (uint32_t i = from; !hashed->offsets && i < to; i++) {
            if (groups[i] != WEIR_NO_ID) {
                weir_theta_prefetch(h, state_of(states, stride, groups[i]), hashed->hashes[i]);
            }
        }
        for (uint32_t i = from; i < to; i++) {
            if (groups[i] != WEIR_NO_ID) {
                add_row(h, state_of(states, stride, groups[i]), hashed, i);
            }
        }
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    (void)b;
    if (args->type.kind != WEIR_COMPLEX) {
        weir_hashed hashed = weir_theta_hashes(args, h, s);
        add_hashes(h, states, stride, groups, &hashed, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            fold(h, state_of(states, stride, groups[i]), args, i, s);
        }
    }
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap,
                  const void *from)
{
    (void)b;
    weir_theta_merge(h, into, from_heap, from);
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    bool raw = !finalize || weir_type_eq(b->out_type, b->raw_type);
    bool estimates = !raw && of(b)->std_devs == 0;
    weir_str *texts = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    double *doubles = (double *)(void *)texts;
    weir_theta_room room = {.scratch = s};
    for (uint32_t i = 0; i < n; i++) {
        const weir_theta *theta =
            (const weir_theta *)(const void *)((const char *)states + i * stride);
        weir_theta_view view;
        if (estimates) {
            doubles[i] = weir_theta_estimate(h, theta);
            continue;
        }
        weir_theta_result(h, theta, &room, &view);
        texts[i] = raw ? weir_theta_image_str(&view, s)
                       : weir_theta_bounds_text(&view, of(b)->std_devs, s);
    }
    *out = (weir_vec){
        .type = raw ? b->raw_type : b->out_type, .form = WEIR_FLAT, .n = n, .at.s = texts};
}

/* four bytes of length, then an image */
static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out)
{
    (void)b;
    size_t size = weir_theta_save(h, state, out ? out + 4 : NULL);
    if (out) {
        uint32_t length = htole32((uint32_t)size);
        memcpy(out, &length, sizeof(length));
    }
    return size + 4;
}

static bool load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state,
                 weir_error *err)
{
    weir_reader at = *in;
    uint32_t size;
    const uint8_t *bytes;
    weir_theta_view view;
    weir_scratch scratch = {0};
    bool ok = weir_take_u32(&at, &size) && weir_take_span(&at, size, &bytes) &&
              weir_theta_open((weir_str){(const char *)bytes, size}, &scratch, &view);
    if (ok) {
        init(b, state);
        weir_theta_merge_view(h, state, &view);
        *in = at;
    }
    weir_scratch_done(&scratch);
    return ok || weir_fail(err, WEIR_ERR_CORRUPT, "a saved thetaSketch is cut or damaged");
}

/* Base64 of an image to the bytes that are stored; what is none counts as a sketch of nothing. */
static weir_str stored(weir_str text, weir_scratch *s)
{
    weir_theta_view view;
    weir_str image;
    if (!weir_sketch_decode(text, s, &image) || !weir_theta_open(image, s, &view)) {
        view = WEIR_THETA_NONE;
    }
    return weir_theta_image_str(&view, s);
}

static weir_str sketch_of(const weir_hashed *hashed, uint32_t row, uint32_t lg_k, weir_scratch *s)
{
    uint32_t from = hashed->offsets ? hashed->offsets[row] : row,
             to = hashed->offsets ? hashed->offsets[row + 1] : row + 1, count = 0;
    uint64_t *hashes = WEIR_SCRATCH_ARRAY(s, uint64_t, to - from + 1);
    for (uint32_t i = from; i < to; i++) {
        hashes[count] = hashed->hashes[i];
        count += hashes[count] != 0;
    }
    weir_theta_sort(hashes, WEIR_SCRATCH_ARRAY(s, uint64_t, count + 1), count);
    weir_theta_view view = {hashes, WEIR_THETA_ALL, count, count == 0};
    if (count > 1) {
        weir_theta_union(&view, 1, lg_k, s, &view); /* each once, at most k */
    }
    return weir_theta_image_str(&view, s);
}

static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                weir_vec *out, weir_error *err)
{
    if (args->type.kind == WEIR_COMPLEX) {
        *out = *args;
        return true;
    }
    weir_str *images = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    *out = (weir_vec){.type = b->raw_type, .form = WEIR_FLAT, .n = n, .at.s = images};
    if (b->spec->values[IS_INPUT].as.l) {
        weir_vec text;
        if (!weir_vec_flatten(args, s, &text, err)) {
            return false;
        }
        bool is_text = text.type.kind == WEIR_STRING && text.form == WEIR_FLAT;
        for (uint32_t i = 0; i < n; i++) {
            bool null = !is_text || weir_vec_is_null(&text, i);
            images[i] = stored(null ? WEIR_STR("") : text.at.s[i], s);
        }
        return true;
    }
    weir_hashed hashed = weir_theta_hashes(args, NULL, s);
    for (uint32_t i = 0; i < n; i++) {
        images[i] = sketch_of(&hashed, i, of(b)->lg_k, s);
    }
    return true;
}

const weir_agg weir_agg_theta_sketch = {.type = "thetaSketch",
                                        .sql_name = "DS_THETA",
                                        .params = params,
                                        .param_count = sizeof(params) / sizeof(params[0]),
                                        .combining = "thetaSketch",
                                        .finalizes = true,
                                        .settle = settle,
                                        .plan = plan,
                                        .init = init,
                                        .add_one = add_one,
                                        .add_many = add_many,
                                        .merge = merge,
                                        .finish = finish,
                                        .save = save,
                                        .load = load,
                                        .row = row};
