/* compute/agg_any.c - {long,double,float,string}Any: a value of the group, the first met that is
 * not null; null when there is none. Which row it is from is not promised. Strings are cut to
 * maxStringBytes and live in the heap; of a multi-value, the whole list as text, or its first
 * element (aggregateMultipleValues false). */
#include "compute/agg_table.h"
#include <assert.h>

typedef struct any_state {
    union {
        int64_t l;
        double d;
        uint64_t handle; /* a string's bytes; 0 with `seen`: empty */
    } value;
    uint64_t seen;
} any_state;

static const weir_param params[] = {
    {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    {"maxStringBytes", NULL, WEIR_PARAM_LONG, false, "1024"},
    {"aggregateMultipleValues", NULL, WEIR_PARAM_BOOL, false, "true"},
};

static bool is_string(const weir_agg_bound *b)
{
    return b->out_type.kind == WEIR_STRING;
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    const char *type = spec->agg->type;
    weir_kind kind = type[0] == 'l'   ? WEIR_LONG
                     : type[0] == 'd' ? WEIR_DOUBLE
                     : type[0] == 'f' ? WEIR_FLOAT
                                      : WEIR_STRING;
    (void)arena;
    if (kind == WEIR_STRING && spec->values[1].as.l < 0) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "aggregator '%.*s': maxStringBytes must not be negative",
                         WEIR_STR_ARG(spec->name));
    }
    b->take[0] = WEIR_TYPE(kind);
    b->state_size = sizeof(any_state);
    b->out_type = b->raw_type = WEIR_TYPE(kind);
    return true;
}

static void init(const weir_agg_bound *b, void *state)
{
    (void)b;
    memset(state, 0, sizeof(any_state));
}

static weir_str chosen(const weir_agg_bound *b, const weir_vec *vec, uint32_t row, weir_scratch *s)
{
    const weir_value *values = b->spec->values;
    if (vec->items && !values[2].as.l) {
        uint32_t at = vec->at.offsets[vec->form == WEIR_CONST ? 0 : row];
        return weir_vec_is_null(vec->items, at)
                   ? WEIR_STR("")
                   : weir_agg_cut(weir_agg_text_at(vec->items, at, s), (size_t)values[1].as.l);
    }
    return weir_agg_cut(weir_agg_text_at(vec, row, s), (size_t)values[1].as.l);
}

static bool is_nothing(const weir_vec *vec, uint32_t row)
{
    if (weir_vec_is_null(vec, row)) {
        return true;
    }
    uint32_t at = vec->form == WEIR_CONST ? 0 : row;
    return vec->items && vec->at.offsets[at] == vec->at.offsets[at + 1];
}

static void put(const weir_agg_bound *b, weir_heap *h, any_state *state, const weir_vec *vec,
                uint32_t row, weir_scratch *s)
{
    uint32_t at = vec->form == WEIR_CONST ? 0 : row;
    state->seen = 1;
    if (is_string(b)) {
        weir_str text = chosen(b, vec, row, s);
        state->value.handle = text.size ? weir_heap_put(h, text.at, text.size) : 0;
    } else if (vec->type.kind == WEIR_LONG) {
        state->value.l = vec->at.l[at];
    } else {
        state->value.d = vec->type.kind == WEIR_FLOAT ? (double)vec->at.f[at] : vec->at.d[at];
    }
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state_bytes, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    any_state *state = state_bytes;
    if (state->seen) {
        return;
    }
    const uint16_t *rows = weir_sel_rows(sel, s);
    for (uint32_t i = 0; i < sel->count; i++) {
        if (!is_nothing(args, rows[i])) {
            put(b, h, state, args, rows[i], s);
            return;
        }
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    for (uint32_t i = 0; i < n; i++) {
        if (groups[i] == WEIR_NO_ID) {
            continue;
        }
        any_state *state = (any_state *)(void *)((char *)states + groups[i] * stride);
        if (!state->seen && !is_nothing(args, i)) {
            put(b, h, state, args, i, s);
        }
    }
}

static weir_str bytes_of(const weir_heap *h, const any_state *state)
{
    return state->value.handle ? (weir_str){weir_heap_at(h, state->value.handle),
                                            weir_heap_size(h, state->value.handle)}
                               : WEIR_STR("");
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into_bytes,
                  const weir_heap *from_heap, const void *from_bytes)
{
    any_state *into = into_bytes;
    const any_state *from = from_bytes;
    if (into->seen || !from->seen) {
        return;
    }
    *into = *from;
    if (is_string(b) && from->value.handle) {
        weir_str text = bytes_of(from_heap, from);
        into->value.handle = weir_heap_put(h, text.at, text.size);
    }
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    if (!is_string(b)) { /* the state is a number's */
        static_assert(sizeof(any_state) == sizeof(weir_number_state),
                      "finished by weir_number_finish");
        weir_number_finish(b, h, states, stride, n, finalize, s, out);
        return;
    }
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++) {
        const any_state *state =
            (const any_state *)(const void *)((const char *)states + i * stride);
        weir_str bytes = bytes_of(h, state);
        char *copy = weir_scratch_take(s, bytes.size + 1);
        memcpy(copy, bytes.at, bytes.size);
        strings[i] = (weir_str){copy, bytes.size};
        if (!state->seen) {
            weir_bit_set(nulls, i);
        }
    }
    *out =
        (weir_vec){.type = b->out_type, .form = WEIR_FLAT, .n = n, .nulls = nulls, .at.s = strings};
}

/* eight bytes or a length, seen; then the string */
static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state_bytes,
                   uint8_t *out)
{
    any_state state = *(const any_state *)state_bytes;
    if (!is_string(b)) {
        return weir_number_save(b, h, state_bytes, out);
    }
    weir_str text = bytes_of(h, &state);
    state.value.l = (int64_t)text.size;
    size_t size = weir_number_save(b, h, &state, out);
    if (out && text.size > 0) {
        memcpy(out + size, text.at, text.size);
    }
    return size + text.size;
}

static bool load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state_bytes,
                 weir_error *err)
{
    any_state state;
    const uint8_t *text;
    if (!weir_number_load(b, h, in, &state, err)) {
        return false;
    }
    if (is_string(b)) {
        size_t size = (size_t)state.value.l;
        if (!weir_take_span(in, size, &text)) {
            return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut or damaged", b->agg->type);
        }
        state.value.handle = size ? weir_heap_put(h, text, size) : 0;
    }
    memcpy(state_bytes, &state, sizeof(state));
    return true;
}

/* The row form is the value itself, a string cut. */
static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s,
                weir_vec *out, weir_error *err)
{
    weir_vec cast;
    if (!weir_agg_args(b, args, s, &cast, err)) {
        return false;
    }
    if (!is_string(b)) {
        *out = cast;
        return true;
    }
    weir_str *strings = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(*nulls) * weir_words(n));
    for (uint32_t i = 0; i < n; i++) {
        bool none = is_nothing(&cast, i);
        strings[i] = none ? (weir_str){0} : chosen(b, &cast, i, s);
        if (none) {
            weir_bit_set(nulls, i);
        }
    }
    *out = (weir_vec){
        .type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = n, .nulls = nulls, .at.s = strings};
    return true;
}

#define ANY(id, name, count)                                                                       \
    const weir_agg id = {.type = name,                                                             \
                         .params = params,                                                         \
                         .param_count = count,                                                     \
                         .combining = name,                                                        \
                         .plan = plan,                                                             \
                         .init = init,                                                             \
                         .add_one = add_one,                                                       \
                         .add_many = add_many,                                                     \
                         .merge = merge,                                                           \
                         .finish = finish,                                                         \
                         .save = save,                                                             \
                         .load = load,                                                             \
                         .row = row}
ANY(weir_agg_long_any, "longAny", 1);
ANY(weir_agg_double_any, "doubleAny", 1);
ANY(weir_agg_float_any, "floatAny", 1);
ANY(weir_agg_string_any, "stringAny", 3);
