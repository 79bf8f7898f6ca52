/* compute/agg_variance.c - variance of numbers, varianceFold of stored states; raw they are
 * COMPLEX<variance>. States merge by the formula of Chan, Golub and LeVeque; a block's rows of one
 * group are summed up in two passes, which is exact enough and fast. Zero values: null. */
#include "compute/agg_table.h"
#include "compute/sketch.h"
#include "compute/text.h"
#include "compute/variance.h"
#include <math.h>

#define MOST_COUNT (1ll << 56) /* no stream is longer; sums of counts cannot wrap */

void weir_variance_add(weir_variance *v, double value)
{
    v->count++;
    v->sum += value;
    if (v->count > 1) {
        double count = (double)v->count, t = count * value - v->sum;
        v->squares += t * t / (count * (count - 1));
    }
}

void weir_variance_merge(weir_variance *into, const weir_variance *from)
{
    if (from->count == 0 || into->count + from->count > MOST_COUNT) {
        return;
    }
    if (into->count == 0) {
        *into = *from;
        return;
    }
    double own = (double)into->count, other = (double)from->count;
    double ratio = own / other, t = into->sum / ratio - from->sum;
    into->squares += from->squares + ratio / (own + other) * t * t;
    into->count += from->count;
    into->sum += from->sum;
}

static void put_big(uint8_t *out, const void *value)
{
    uint64_t bits;
    memcpy(&bits, value, sizeof(bits));
    bits = htobe64(bits);
    memcpy(out, &bits, sizeof(bits));
}

static void take_big(const char *from, void *value)
{
    uint64_t bits;
    memcpy(&bits, from, sizeof(bits));
    bits = be64toh(bits);
    memcpy(value, &bits, sizeof(bits));
}

void weir_variance_save(const weir_variance *v, uint8_t out[WEIR_VARIANCE_BYTES])
{
    put_big(out, &v->count);
    put_big(out + 8, &v->sum);
    put_big(out + 16, &v->squares);
}

bool weir_variance_load(weir_str bytes, weir_variance *out)
{
    weir_variance v;
    if (bytes.size != WEIR_VARIANCE_BYTES) {
        return false;
    }
    take_big(bytes.at, &v.count);
    take_big(bytes.at + 8, &v.sum);
    take_big(bytes.at + 16, &v.squares);
    if (v.count < 0 || v.count > MOST_COUNT) {
        return false;
    }
    *out = v;
    return true;
}

bool weir_variance_of(const weir_variance *v, bool population, double *out)
{
    if (v->count <= 0) {
        return false;
    }
    *out = v->count == 1 ? 0 : v->squares / (double)(population ? v->count : v->count - 1);
    return true;
}

enum { PARAM_FIELD, PARAM_ESTIMATOR, PARAM_INPUT };
static const weir_param params[] = {
    {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    {"estimator", NULL, WEIR_PARAM_STRING, false, NULL},
    {"inputType", NULL, WEIR_PARAM_STRING, false, NULL},
};

static weir_str text_param(const weir_agg_spec *spec, uint32_t i)
{
    return i < spec->agg->param_count && !spec->values[i].is_null ? spec->values[i].as.s
                                                                  : (weir_str){0};
}

static bool is_population(const weir_agg_bound *b)
{
    return weir_str_eq_nocase(text_param(b->spec, PARAM_ESTIMATOR), WEIR_STR("population"));
}

static weir_type variance_type(void)
{
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("variance"))};
}

/* The kind that values are read as: the one asked for, else the column's, else float. UNKNOWN:
 * states. */
static bool input_kind(const weir_agg_spec *spec, weir_type type, weir_kind *out, weir_error *err)
{
    weir_str asked = text_param(spec, PARAM_INPUT);
    weir_type given = {0};
    bool states = asked.at && weir_str_eq_nocase(asked, WEIR_STR("variance"));
    if (asked.at && !states && (!weir_type_parse(asked, &given) || !weir_type_is_number(given))) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Incompatible type for metric[%.*s], expected a float, double, long, or "
                         "variance, but got a %.*s",
                         WEIR_STR_ARG(spec->name), WEIR_STR_ARG(asked));
    }
    *out = type.kind == WEIR_COMPLEX   ? WEIR_UNKNOWN
           : asked.at && !states       ? given.kind
           : weir_type_is_number(type) ? type.kind
                                       : WEIR_FLOAT;
    return true;
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    (void)arena;
    weir_type type = b->arg_types[0];
    weir_kind kind = WEIR_UNKNOWN;
    if (type.kind == WEIR_COMPLEX && type.complex != variance_type().complex) {
        char name[64];
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "aggregator '%.*s': %s does not read %.*s",
                         WEIR_STR_ARG(spec->name), spec->agg->type,
                         WEIR_STR_ARG(weir_type_name(type, name)));
    }
    if (!input_kind(spec, type, &kind, err)) {
        return false;
    }
    b->take[0] = WEIR_TYPE((uint8_t)kind);
    b->state_size = sizeof(weir_variance);
    b->out_type = WEIR_TYPE(WEIR_DOUBLE);
    b->raw_type = variance_type();
    return true;
}

static void init(const weir_agg_bound *b, void *state)
{
    (void)b;
    memset(state, 0, sizeof(weir_variance));
}

/* Row i of a FLAT or CONST vector that is not null. */
static bool value_at(const weir_vec *vec, uint32_t i, double *out)
{
    uint32_t at = vec->form == WEIR_CONST ? 0 : i;
    if (vec->nulls && weir_bit(vec->nulls, at)) {
        return false;
    }
    *out = vec->type.kind == WEIR_LONG    ? (double)vec->at.l[at]
           : vec->type.kind == WEIR_FLOAT ? (double)vec->at.f[at]
                                          : vec->at.d[at];
    return true;
}

static void fold_at(weir_variance *into, const weir_vec *vec, uint32_t i)
{
    weir_variance own;
    if (!weir_vec_is_null(vec, i) &&
        weir_variance_load(vec->at.s[vec->form == WEIR_CONST ? 0 : i], &own)) {
        weir_variance_merge(into, &own);
    }
}

static bool is_read(const weir_vec *vec)
{
    return (vec->form == WEIR_FLAT || vec->form == WEIR_CONST) && vec->type.kind != WEIR_STRING &&
           vec->type.kind != WEIR_ARRAY && vec->type.kind != WEIR_UNKNOWN;
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    (void)b, (void)h;
    if (!is_read(args)) {
        return;
    }
    const uint16_t *rows = weir_sel_rows(sel, s);
    weir_variance block = {0};
    double value;
    if (args->type.kind == WEIR_COMPLEX) {
        for (uint32_t i = 0; i < sel->count; i++) {
            fold_at(state, args, rows[i]);
        }
        return;
    }
    for (uint32_t i = 0; i < sel->count; i++) {
        if (value_at(args, rows[i], &value)) {
            block.count++;
            block.sum += value;
        }
    }
    double mean = block.sum / (double)block.count;
    for (uint32_t i = 0; i < sel->count && block.count > 1; i++) {
        if (value_at(args, rows[i], &value)) {
            block.squares += (value - mean) * (value - mean);
        }
    }
    weir_variance_merge(state, &block);
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    (void)b, (void)h, (void)s;
    for (uint32_t i = 0; is_read(args) && i < n; i++) {
        double value;
        weir_variance *state = (weir_variance *)(void *)((char *)states + groups[i] * stride);
        if (groups[i] == WEIR_NO_ID) {
            continue;
        }
        if (args->type.kind == WEIR_COMPLEX) {
            fold_at(state, args, i);
        } else if (value_at(args, i, &value)) {
            weir_variance_add(state, value);
        }
    }
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into, const weir_heap *from_heap,
                  const void *from)
{
    (void)b, (void)h, (void)from_heap;
    weir_variance_merge(into, from);
}

static weir_str bytes_of(const weir_variance *v, weir_scratch *s)
{
    uint8_t *bytes = weir_scratch_take(s, WEIR_VARIANCE_BYTES);
    weir_variance_save(v, bytes);
    return (weir_str){(const char *)bytes, WEIR_VARIANCE_BYTES};
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    (void)h;
    bool population = is_population(b);
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    double *doubles = (double *)(void *)strings;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++) {
        const weir_variance *v =
            (const weir_variance *)(const void *)((const char *)states + i * stride);
        if (!finalize) {
            strings[i] = bytes_of(v, s);
        } else if (!weir_variance_of(v, population, &doubles[i])) {
            weir_bit_set(nulls, i);
        }
    }
    *out = (weir_vec){.type = finalize ? b->out_type : b->raw_type,
                      .form = WEIR_FLAT,
                      .n = n,
                      .nulls = nulls,
                      .at.s = strings};
}

static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state, uint8_t *out)
{
    (void)b, (void)h;
    if (out) {
        weir_variance_save(state, out);
    }
    return WEIR_VARIANCE_BYTES;
}

static bool load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state,
                 weir_error *err)
{
    const uint8_t *bytes;
    weir_reader at = *in;
    weir_variance v;
    (void)h;
    if (!weir_take_span(&at, WEIR_VARIANCE_BYTES, &bytes) ||
        !weir_variance_load((weir_str){(const char *)bytes, WEIR_VARIANCE_BYTES}, &v)) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut or damaged", b->agg->type);
    }
    memcpy(state, &v, sizeof(v));
    *in = at;
    return true;
}

/* ---- rows of a metric: numbers, numeric text, or a state in base64; each element of a list ----
 */

static void add_text(weir_variance *v, weir_str text, weir_kind kind, weir_scratch *s)
{
    double value;
    weir_str bytes;
    weir_variance own;
    if (weir_text_to_double(text, &value)) {
        weir_variance_add(v, kind == WEIR_FLOAT ? (double)(float)value : value);
    } else if (weir_sketch_decode(text, s, &bytes) && weir_variance_load(bytes, &own)) {
        weir_variance_merge(v, &own);
    }
}

static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                weir_vec *out, weir_error *err)
{
    weir_vec cast = *args, flat;
    bool text = args->type.kind == WEIR_STRING;
    if (args->type.kind == WEIR_COMPLEX) {
        *out = *args;
        return true;
    }
    if ((!text && !weir_agg_args(b, args, s, &cast, err)) ||
        !weir_vec_flatten(&cast, s, &flat, err)) {
        return false;
    }
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        weir_variance v = {0};
        double value;
        bool null = weir_vec_is_null(&flat, i);
        if (!null && text && flat.form == WEIR_LIST) {
            for (uint32_t k = flat.at.offsets[i]; k < flat.at.offsets[i + 1]; k++) {
                if (!weir_vec_is_null(flat.items, k)) {
                    add_text(&v, flat.items->at.s[k], b->take[0].kind, s);
                }
            }
        } else if (!null && text) {
            add_text(&v, flat.at.s[i], b->take[0].kind, s);
        } else if (!null && is_read(&flat) && value_at(&flat, i, &value)) {
            weir_variance_add(&v, value);
        }
        strings[i] = bytes_of(&v, s);
    }
    *out = (weir_vec){.type = b->raw_type, .form = WEIR_FLAT, .n = n, .at.s = strings};
    return true;
}

#define VARIANCE(name, count)                                                                      \
    {                                                                                              \
        .type = (name), .params = params, .param_count = (count), .finalizes = true,               \
        .combining = "varianceFold", .plan = plan, .init = init, .add_one = add_one,               \
        .add_many = add_many, .merge = merge, .finish = finish, .save = save, .load = load,        \
        .row = row,                                                                                \
    }
const weir_agg weir_agg_variance = VARIANCE("variance", 3);
const weir_agg weir_agg_variance_fold = VARIANCE("varianceFold", 2);
