/* compute/agg_tuple.c - arrayOfDoublesSketch: keys of a column, each with sums of the columns
 * beside it, as a tuple sketch; without such columns the union of sketches that are stored, or come
 * as base64. A key is its text; a row whose numbers are not all there does not count. Zero rows: 0.
 * Not finalized it is COMPLEX<arrayOfDoublesSketch>, DataSketches' bytes. */
#include "compute/agg_table.h"
#include "compute/sketch.h"
#include "compute/sketch_tuple.h"
#include "compute/theta_values.h"

enum { FIELD, NOMINAL, COLUMNS, NUMBER };
static const weir_param params[] = {
    [FIELD] = {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    [NOMINAL] = {"nominalEntries", NULL, WEIR_PARAM_LONG, false, "4096"},
    [COLUMNS] = {"metricColumns", NULL, WEIR_PARAM_COLUMNS, false, NULL},
    [NUMBER] = {"numberOfValues", NULL, WEIR_PARAM_LONG, false, NULL},
};

typedef struct prepared {
    uint32_t lg_k, value_count;
    bool builds; /* of keys and numbers */
} prepared;

#define MOST_NUMBERS (1ll << 26) /* keys among them: a table of a gigabyte */

static const prepared *of(const weir_agg_bound *b)
{
    return b->prepared;
}

static bool settle(weir_agg_spec *spec, weir_value *values, weir_arena *arena, weir_error *err)
{
    (void)arena;
    uint32_t lg_k, columns = spec->arg_count - 1;
    weir_value *number = &values[NUMBER];
    if (!weir_theta_lg_k(values[NOMINAL].as.l, &lg_k)) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "nominalEntries must be a power of 2 between 16 and 67108864");
    }
    if (number->is_null) {
        *number = weir_value_long(columns ? columns : 1);
    }
    if (columns && number->as.l != columns) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Number of metricColumns [%u] must agree with numValues [%lld]", columns,
                         (long long)number->as.l);
    }
    if (number->as.l < 1 || number->as.l > WEIR_TUPLE_MAX_VALUES) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "numberOfValues must be between 1 and %u",
                         WEIR_TUPLE_MAX_VALUES);
    }
    return (1 + number->as.l) << lg_k <= MOST_NUMBERS ||
           weir_fail(err, WEIR_ERR_BAD_QUERY,
                     "nominalEntries times numberOfValues is more than a sketch may hold");
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    prepared *own = WEIR_ARENA_NEW(arena, prepared);
    weir_type type = b->arg_types[0];
    const weir_complex *tuple = weir_complex_find(WEIR_STR("arrayOfDoublesSketch"));
    own->builds = b->arg_count > 1;
    own->value_count = (uint32_t)spec->values[NUMBER].as.l;
    weir_theta_lg_k(spec->values[NOMINAL].as.l, &own->lg_k);
    if (type.kind == WEIR_COMPLEX && (own->builds || type.complex != tuple)) {
        char name[64];
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "aggregator '%.*s': arrayOfDoublesSketch does not %s %.*s",
                         WEIR_STR_ARG(spec->name), own->builds ? "build sketches of" : "read",
                         WEIR_STR_ARG(weir_type_name(type, name)));
    }
    for (uint32_t i = 1; i < b->arg_count; i++) {
        b->take[i] = WEIR_TYPE(WEIR_DOUBLE);
    }
    b->prepared = own;
    b->takes_lists = true;
    b->state_size = sizeof(weir_tuple);
    b->raw_type = (weir_type){.kind = WEIR_COMPLEX, .complex = tuple};
    b->out_type = WEIR_TYPE(WEIR_DOUBLE);
    return true;
}

static void init(const weir_agg_bound *b, void *state)
{
    weir_tuple_init(state, of(b)->lg_k, of(b)->value_count);
}

/* A block's arguments. Building: hashes of the keys, and each row's numbers one after the other;
 * merging: the sketches, as bytes or as text. */
typedef struct block {
    weir_hashed keys;
    const double *numbers; /* value_count a row; NULL: none */
    const uint64_t *nulls; /* rows that do not count; NULL: all do */
    weir_vec sketches;
} block;

static bool read_numbers(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                         block *out)
{
    uint32_t width = b->arg_count - 1;
    double *numbers = WEIR_SCRATCH_ARRAY(s, double, (size_t)n *width + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    for (uint32_t k = 0; k < width; k++) {
        weir_vec flat;
        weir_error err;
        if (!weir_vec_flatten(&args[k + 1], s, &flat, &err) || flat.form != WEIR_FLAT) {
            return false;
        }
        for (uint32_t i = 0; i < n; i++) {
            numbers[(size_t)i * width + k] = flat.at.d[i];
        }
        for (uint32_t w = 0; flat.nulls && w < weir_words(n); w++) {
            nulls[w] |= flat.nulls[w];
        }
    }
    out->numbers = numbers;
    out->nulls = nulls;
    return true;
}

static block read_block(const weir_agg_bound *b, weir_heap *h, const weir_vec *args, uint32_t n,
                        weir_scratch *s)
{
    block out = {0};
    weir_vec key = args[0];
    weir_error err;
    if (!of(b)->builds) {
        if (key.type.kind == WEIR_UNKNOWN || !weir_vec_flatten(&key, s, &out.sketches, &err) ||
            out.sketches.form != WEIR_FLAT) {
            out.sketches = weir_vec_null(b->raw_type, n);
        }
        return out;
    }
    if (weir_type_is_number(key.type) &&
        !weir_vec_cast(&args[0], WEIR_TYPE(WEIR_STRING), s, &key, &err)) {
        key = weir_vec_null(WEIR_TYPE(WEIR_STRING), n);
    }
    if (read_numbers(b, args, n, s, &out)) {
        out.keys = weir_theta_hashes(&key, h, s);
    }
    return out;
}

/* Bytes that are no sketch, or one of another number of values, do not count. */
static bool open_row(const weir_agg_bound *b, const weir_vec *vec, uint32_t row, weir_scratch *s,
                     weir_tuple_view *out)
{
    if (weir_vec_is_null(vec, row) ||
        (vec->type.kind != WEIR_STRING && vec->type.kind != WEIR_COMPLEX)) {
        return false;
    }
    weir_str image = vec->at.s[row];
    return (vec->type.kind == WEIR_COMPLEX || weir_sketch_decode(image, s, &image)) &&
           weir_tuple_open(image, s, out) && out->value_count == of(b)->value_count;
}

static void add_row(const weir_agg_bound *b, weir_heap *h, weir_tuple *tuple, const block *in,
                    uint32_t row, weir_scratch *s)
{
    if (!of(b)->builds) {
        weir_tuple_view view;
        weir_mark mark = weir_scratch_mark(s);
        if (open_row(b, &in->sketches, row, s, &view)) {
            weir_tuple_merge_view(h, tuple, &view);
        }
        weir_scratch_rewind(s, mark);
        return;
    }
    if (!in->numbers || weir_bit(in->nulls, row)) {
        return;
    }
    const uint32_t *offsets = in->keys.offsets;
    const double *numbers = in->numbers + (size_t)row * of(b)->value_count;
    for (uint32_t i = offsets ? offsets[row] : row; i < (offsets ? offsets[row + 1] : row + 1);
         i++) {
        weir_tuple_add(h, tuple, in->keys.hashes[i], numbers);
    }
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    if (sel->count == 0) {
        return;
    }
    const uint16_t *rows = weir_sel_rows(sel, s);
    block in = read_block(b, h, args, sel->n, s);
    for (uint32_t i = 0; i < sel->count; i++) {
        add_row(b, h, state, &in, rows[i], s);
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    block in = read_block(b, h, args, n, s);
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            add_row(b, h, (weir_tuple *)(void *)((char *)states + groups[i] * stride), &in, i, s);
        }
    }
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap,
                  const void *from)
{
    (void)b;
    weir_tuple_merge(h, into, from_heap, from);
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    weir_str *images = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    double *estimates = (double *)(void *)images;
    weir_buf image = {0};
    for (uint32_t i = 0; i < n; i++) {
        const weir_tuple *tuple =
            (const weir_tuple *)(const void *)((const char *)states + i * stride);
        weir_tuple_view view;
        if (finalize) {
            estimates[i] = weir_tuple_estimate(h, tuple);
            continue;
        }
        weir_mark mark = weir_scratch_mark(s);
        weir_tuple_result(h, tuple, s, &view);
        image.size = 0;
        weir_buf_reserve(&image, weir_tuple_image(&view, NULL));
        image.size = weir_tuple_image(&view, (uint8_t *)image.at);
        images[i] = weir_scratch_keep(s, mark, &image);
    }
    weir_buf_done(&image);
    *out = (weir_vec){
        .type = finalize ? b->out_type : b->raw_type, .form = WEIR_FLAT, .n = n, .at.s = images};
}

/* four bytes of length, then an image */
static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out)
{
    (void)b;
    size_t size = weir_tuple_save(h, state, out ? out + 4 : NULL);
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
    weir_tuple_view view;
    weir_scratch scratch = {0};
    bool ok = weir_take_u32(&at, &size) && weir_take_span(&at, size, &bytes) &&
              weir_tuple_open((weir_str){(const char *)bytes, size}, &scratch, &view) &&
              view.value_count == of(b)->value_count;
    if (ok) {
        init(b, state);
        weir_tuple_merge_view(h, state, &view);
        *in = at;
    }
    weir_scratch_done(&scratch);
    return ok || weir_fail(err, WEIR_ERR_CORRUPT, "a saved arrayOfDoublesSketch is cut or damaged");
}

static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                weir_vec *out, weir_error *err)
{
    weir_vec *cast = WEIR_SCRATCH_ARRAY(s, weir_vec, b->arg_count);
    weir_str *images = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    if (!weir_agg_args(b, args, s, cast, err)) {
        return false;
    }
    weir_heap *heap = weir_heap_new(NULL);
    block in = read_block(b, NULL, cast, n, s);
    for (uint32_t i = 0; i < n; i++) {
        weir_tuple tuple;
        weir_tuple_view view;
        init(b, &tuple);
        add_row(b, heap, &tuple, &in, i, s);
        weir_tuple_result(heap, &tuple, s, &view);
        images[i] = weir_tuple_image_str(&view, s);
        weir_heap_drop(heap, tuple.handle);
    }
    weir_heap_free(heap);
    *out = (weir_vec){.type = b->raw_type, .form = WEIR_FLAT, .n = n, .at.s = images};
    return true;
}

const weir_agg weir_agg_tuple_sketch = {.type = "arrayOfDoublesSketch",
                                        .sql_name = "DS_TUPLE_DOUBLES",
                                        .params = params,
                                        .param_count = sizeof(params) / sizeof(params[0]),
                                        .combining = "arrayOfDoublesSketch",
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
