/* compute/agg_hll_sketch.c - HLLSketchBuild: a sketch of a column's values; HLLSketchMerge: the
 * union of sketches that were stored. Both are metrics too: a row is stored as the image of its
 * sketch, and Merge takes images as base64 from events. Rows are counted in their order, since the
 * estimate of a sketch that was never merged depends on it. Strings are hashed as Java's chars
 * unless "stringEncoding" is utf8; numbers as longs and doubles; null and "" do not count. */
#include "compute/agg_codes.h"
#include "compute/agg_table.h"
#include "compute/sketch.h"
#include "compute/sketch_hll.h"
#include "compute/text.h"
#include <math.h>

static const weir_param params[] = {
    {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    {"lgK", NULL, WEIR_PARAM_LONG, false, "12"},
    {"tgtHllType", NULL, WEIR_PARAM_STRING, false, "\"HLL_4\""},
    {"shouldFinalize", NULL, WEIR_PARAM_BOOL, false, "true"},
    {"round", NULL, WEIR_PARAM_BOOL, false, "false"},
    {"stringEncoding", NULL, WEIR_PARAM_STRING, false, "\"utf16le\""}, /* Build only */
};
enum { LG_K = 1, TYPE, SHOULD_FINALIZE, ROUND, ENCODING };

typedef struct prepared {
    uint8_t lg_k;
    weir_hllsketch_type type;
    weir_coder coder;
} prepared;

static const prepared *prepared_of(const weir_agg_bound *b)
{
    return b->prepared;
}

static uint32_t coupon_code(const void *bytes, size_t size)
{
    if (size == 0) {
        return WEIR_HLLSKETCH_NO_COUPON;
    }
    uint32_t coupon = weir_hllsketch_coupon(weir_murmur3_seeded(bytes, size, WEIR_HLLSKETCH_SEED));
    return coupon < WEIR_NO_CODE - 1 ? coupon : WEIR_NO_CODE - 2;
}

/* ---- planning */

static bool refuse(const weir_agg_spec *spec, weir_error *err, const char *what, weir_str given)
{
    return weir_fail(err, WEIR_ERR_BAD_QUERY, "aggregator '%.*s': %s, not '%.*s'",
                     WEIR_STR_ARG(spec->name), what, WEIR_STR_ARG(given));
}

static bool plan_type(const weir_agg_spec *spec, prepared *p, weir_error *err)
{
    static const char *const names[] = {"HLL_4", "HLL_6", "HLL_8"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (weir_str_is(spec->values[TYPE].as.s, names[i])) {
            p->type = (weir_hllsketch_type)i;
            return true;
        }
    }
    return refuse(spec, err, "tgtHllType must be HLL_4, HLL_6 or HLL_8", spec->values[TYPE].as.s);
}

static bool plan_both(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena,
                      weir_error *err)
{
    prepared *p = WEIR_ARENA_NEW(arena, prepared);
    int64_t lg_k = spec->values[LG_K].as.l;
    if (lg_k < WEIR_HLLSKETCH_LEAST_LG_K || lg_k > WEIR_HLLSKETCH_MOST_LG_K) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "aggregator '%.*s': lgK must be between 4 and 21, inclusive: %lld",
                         WEIR_STR_ARG(spec->name), (long long)lg_k);
    }
    p->lg_k = (uint8_t)lg_k;
    b->prepared = p;
    b->state_size = sizeof(weir_hllsketch);
    b->raw_type =
        (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("HLLSketch"))};
    b->out_type = spec->values[SHOULD_FINALIZE].as.l == 0
                      ? b->raw_type
                      : WEIR_TYPE(spec->values[ROUND].as.l != 0 ? WEIR_LONG : WEIR_DOUBLE);
    return plan_type(spec, p, err);
}

static bool plan_build(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena,
                       weir_error *err)
{
    weir_type type = b->arg_types[0];
    weir_str encoding = spec->values[ENCODING].as.s;
    if (!plan_both(spec, b, arena, err)) {
        return false;
    }
    if (type.kind == WEIR_COMPLEX || (type.kind == WEIR_ARRAY && !type.multi)) {
        char name[64];
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "aggregator '%.*s': HLLSketchBuild does not read %.*s",
                         WEIR_STR_ARG(spec->name), WEIR_STR_ARG(weir_type_name(type, name)));
    }
    prepared *p = b->prepared;
    p->coder = (weir_coder){
        .code = coupon_code, .utf8 = weir_str_is(encoding, "utf8"), .all_double = true};
    p->coder.key = p->coder.utf8 ? 0x686c6c38u : 0x686c6c31u;
    b->takes_lists = true;
    return p->coder.utf8 || weir_str_is(encoding, "utf16le") ||
           refuse(spec, err, "stringEncoding must be utf16le or utf8", encoding);
}

static bool is_sketch(weir_type type)
{
    return type.kind == WEIR_COMPLEX && type.complex == weir_complex_find(WEIR_STR("HLLSketch"));
}

static bool plan_merge(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena,
                       weir_error *err)
{
    weir_type type = b->arg_types[0];
    if (type.kind == WEIR_COMPLEX && !is_sketch(type)) {
        char name[64];
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "aggregator '%.*s': HLLSketchMerge does not read %.*s",
                         WEIR_STR_ARG(spec->name), WEIR_STR_ARG(weir_type_name(type, name)));
    }
    return plan_both(spec, b, arena, err);
}

/* ---- states */

static void init(const weir_agg_bound *b, void *state)
{
    *(weir_hllsketch *)state = (weir_hllsketch){.lg_k = prepared_of(b)->lg_k};
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap,
                  const void *from)
{
    weir_hllsketch_view view = weir_hllsketch_of(from_heap, from);
    weir_hllsketch_union(h, into, prepared_of(b)->lg_k, &view);
}

static weir_str image_of(const weir_heap *h, const weir_hllsketch *sketch, weir_hllsketch_type type,
                         weir_scratch *s)
{
    size_t size = weir_hllsketch_write(h, sketch, type, NULL);
    uint8_t *bytes = weir_scratch_take(s, size);
    weir_hllsketch_write(h, sketch, type, bytes);
    return (weir_str){(const char *)bytes, size};
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    double *doubles = (double *)(void *)strings;
    int64_t *longs = (int64_t *)(void *)strings;
    weir_type type = finalize ? b->out_type : b->raw_type;
    for (uint32_t i = 0; i < n; i++) {
        const weir_hllsketch *sketch =
            (const weir_hllsketch *)(const void *)((const char *)states + i * stride);
        if (type.kind == WEIR_COMPLEX) {
            strings[i] = image_of(h, sketch, prepared_of(b)->type, s);
            continue;
        }
        weir_hllsketch_view view = weir_hllsketch_of(h, sketch);
        double estimate = weir_hllsketch_estimate(&view);
        if (type.kind == WEIR_LONG) {
            longs[i] = weir_double_to_long(floor(estimate + 0.5)); /* Math.round */
        } else {
            doubles[i] = estimate;
        }
    }
    *out = (weir_vec){.type = type, .form = WEIR_FLAT, .n = n, .at.s = strings};
}

/* four bytes of length, then the image with a byte a register */
static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out)
{
    (void)b;
    size_t size = weir_hllsketch_write(h, state, WEIR_HLL_8, out ? out + 4 : NULL);
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
    weir_hllsketch_view view;
    if (!weir_take_u32(&at, &size) || !weir_take_span(&at, size, &bytes) ||
        !weir_hllsketch_read((weir_str){(const char *)bytes, size}, &view)) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut or damaged", b->agg->type);
    }
    weir_hllsketch sketch;
    init(b, &sketch);
    weir_hllsketch_union(h, &sketch, sketch.lg_k, &view);
    memcpy(state, &sketch, sizeof(sketch));
    *in = at;
    return true;
}

/* ---- Build */

static void add_codes(weir_heap *h, weir_hllsketch *sketch, const weir_coded *c, uint32_t row)
{
    uint32_t from = c->offsets ? c->offsets[row] : row,
             to = c->offsets ? c->offsets[row + 1] : row + 1;
    for (uint32_t k = from; k < to; k++) {
        if (c->codes[k] != WEIR_NO_CODE) {
            weir_hllsketch_add(h, sketch, c->codes[k]);
        }
    }
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    if (sel->count == 0) {
        return;
    }
    const uint16_t *rows = weir_sel_rows(sel, s);
    weir_vec picked = *args;
    bool gathered = sel->count < sel->n / 4 || (args->form == WEIR_DICT && sel->count < sel->n);
    if (gathered) { /* the others need no hash */
        weir_vec_gather(args, rows, sel->count, s, &picked);
    }
    weir_coded c = weir_coded_column(&prepared_of(b)->coder, &picked, h, s);
    for (uint32_t i = 0; i < sel->count; i++) {
        add_codes(h, state, &c, gathered ? i : rows[i]);
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    weir_coded c = weir_coded_column(&prepared_of(b)->coder, args, h, s);
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            add_codes(h, (weir_hllsketch *)(void *)((char *)states + groups[i] * stride), &c, i);
        }
    }
}

static void begin_images(const weir_agg_bound *b, uint32_t n, weir_scratch *s, weir_str **images,
                         weir_vec *out)
{
    *images = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    *out = (weir_vec){.type = b->raw_type, .form = WEIR_FLAT, .n = n, .at.s = *images};
}

static bool row_build(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                      weir_vec *out, weir_error *err)
{
    (void)err;
    weir_coded c = weir_coded_column(&prepared_of(b)->coder, args, NULL, s);
    weir_heap *heap = weir_heap_new(NULL);
    weir_str *images;
    begin_images(b, n, s, &images, out);
    for (uint32_t i = 0; i < n; i++) {
        weir_hllsketch sketch;
        init(b, &sketch);
        add_codes(heap, &sketch, &c, i);
        images[i] = image_of(heap, &sketch, prepared_of(b)->type, s);
        weir_hllsketch_drop(heap, &sketch);
    }
    weir_heap_free(heap);
    return true;
}

/* ---- Merge */

/* A stored image is folded in; bytes that are none do not count. */
static void fold(const weir_agg_bound *b, weir_heap *h, weir_hllsketch *into, const weir_vec *vec,
                 uint32_t row)
{
    weir_hllsketch_view view;
    if (is_sketch(vec->type) && !weir_vec_is_null(vec, row) &&
        weir_hllsketch_read(vec->at.s[vec->form == WEIR_CONST ? 0 : row], &view)) {
        weir_hllsketch_union(h, into, prepared_of(b)->lg_k, &view);
    }
}

static void merge_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                      const weir_sel *sel, weir_scratch *s)
{
    const uint16_t *rows = weir_sel_rows(sel, s);
    for (uint32_t i = 0; i < sel->count; i++) {
        fold(b, h, state, args, rows[i]);
    }
}

static void merge_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                       const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    (void)s;
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            fold(b, h, (weir_hllsketch *)(void *)((char *)states + groups[i] * stride), args, i);
        }
    }
}

/* Base64 of an event, or an image that was stored. */
static bool read_event(const weir_vec *vec, uint32_t row, weir_scratch *s, weir_hllsketch_view *out)
{
    if (weir_vec_is_null(vec, row) || vec->form != WEIR_FLAT) {
        return false;
    }
    if (is_sketch(vec->type)) {
        return weir_hllsketch_read(vec->at.s[row], out);
    }
    weir_str bytes;
    return vec->type.kind == WEIR_STRING && weir_sketch_decode(vec->at.s[row], s, &bytes) &&
           weir_hllsketch_read(bytes, out) && weir_hllsketch_check(out);
}

/* What is no sketch counts as an empty one. */
static bool row_merge(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                      weir_vec *out, weir_error *err)
{
    weir_vec flat;
    if (!weir_vec_flatten(args, s, &flat, err)) {
        return false;
    }
    weir_heap *heap = weir_heap_new(NULL);
    weir_str *images;
    begin_images(b, n, s, &images, out);
    for (uint32_t i = 0; i < n; i++) {
        weir_hllsketch sketch;
        weir_hllsketch_view view;
        init(b, &sketch);
        if (read_event(&flat, i, s, &view)) {
            weir_hllsketch_union(heap, &sketch, sketch.lg_k, &view);
        }
        images[i] = image_of(heap, &sketch, prepared_of(b)->type, s);
        weir_hllsketch_drop(heap, &sketch);
    }
    weir_heap_free(heap);
    return true;
}

const weir_agg weir_agg_hll_sketch_build = {.type = "HLLSketchBuild",
                                            .params = params,
                                            .param_count = 6,
                                            .combining = "HLLSketchMerge",
                                            .finalizes = true,
                                            .plan = plan_build,
                                            .init = init,
                                            .add_one = add_one,
                                            .add_many = add_many,
                                            .merge = merge,
                                            .finish = finish,
                                            .save = save,
                                            .load = load,
                                            .row = row_build};
const weir_agg weir_agg_hll_sketch_merge = {.type = "HLLSketchMerge",
                                            .params = params,
                                            .param_count = 5,
                                            .combining = "HLLSketchMerge",
                                            .finalizes = true,
                                            .needs_sketches = true,
                                            .plan = plan_merge,
                                            .init = init,
                                            .add_one = merge_one,
                                            .add_many = merge_many,
                                            .merge = merge,
                                            .finish = finish,
                                            .save = save,
                                            .load = load,
                                            .row = row_merge};
