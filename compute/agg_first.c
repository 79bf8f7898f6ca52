/* compute/agg_first.c - {long,double,float,string}{First,Last}: the value of the row with the least or greatest time; of equal times the one met first
 * (First) or last (Last). As a metric a row is a pair of time and value, COMPLEX<serializablePairLong...>, which is merged like a state. A null value counts like any other; a row without a time does not. Strings are cut to maxStringBytes and live in the heap. */
#include "compute/agg_table.h"
#include "weir/hot.h"

typedef struct first_state {
    int64_t time;
    union {
        int64_t l;
        double d;
        uint64_t handle; /* a string's bytes; 0: null, or empty when `seen` says so */
    } value;
    uint64_t seen; /* SEEN_* */
} first_state;

enum { SEEN_NOTHING, SEEN_NULL, SEEN_VALUE };

static const weir_param params[] = {
    {"fieldName", NULL, WEIR_PARAM_COLUMN, true, NULL},
    {"timeColumn", NULL, WEIR_PARAM_COLUMN, false, "\"__time\""},
    {"maxStringBytes", NULL, WEIR_PARAM_LONG, false, "1024"},
};

static bool is_string(const weir_agg_bound *b)
{
    return b->out_type.kind == WEIR_STRING;
}

typedef struct prepared {
    bool last;
    bool pairs; /* the argument is a stored metric */
} prepared;

static bool is_last(const weir_agg_bound *b)
{
    return ((const prepared *)b->prepared)->last;
}

static bool takes_pairs(const weir_agg_bound *b)
{
    return ((const prepared *)b->prepared)->pairs;
}

static weir_type pair_type(weir_kind kind)
{
    const char *name = kind == WEIR_LONG     ? "serializablePairLongLong"
                       : kind == WEIR_DOUBLE ? "serializablePairLongDouble"
                       : kind == WEIR_FLOAT  ? "serializablePairLongFloat"
                                             : "serializablePairLongString";
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(weir_str_of(name))};
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    const char *type = spec->agg->type;
    weir_kind kind = type[0] == 'l' ? WEIR_LONG : type[0] == 'd' ? WEIR_DOUBLE : type[0] == 'f' ? WEIR_FLOAT : WEIR_STRING;
    if (kind == WEIR_STRING && spec->values[2].as.l <= 0) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "aggregator '%.*s': maxStringBytes must be greater than 0", WEIR_STR_ARG(spec->name));
    }
    prepared *p = WEIR_ARENA_NEW(arena, prepared);
    *p = (prepared){.last = strstr(type, "Last") != NULL, .pairs = weir_type_eq(b->arg_types[0], pair_type(kind))};
    if (!p->pairs) { /* pairs come as they are, and need no time beside them */
        b->take[0] = WEIR_TYPE(kind);
        b->take[1] = WEIR_TYPE(WEIR_LONG);
    }
    b->state_size = sizeof(first_state);
    b->out_type = WEIR_TYPE(kind);
    b->raw_type = b->stored_type = pair_type(kind);
    b->prepared = p;
    return true;
}

static void init(const weir_agg_bound *b, void *state)
{
    (void)b;
    memset(state, 0, sizeof(first_state));
}

/* Whether a row of `time` replaces what the state has. */
static bool replaces(const first_state *state, int64_t time, bool last)
{
    return state->seen == SEEN_NOTHING || (last ? time >= state->time : time < state->time);
}

static void set_string(const weir_agg_bound *b, weir_heap *h, first_state *state, weir_str s)
{
    weir_str kept = weir_agg_cut(s, (size_t)b->spec->values[2].as.l);
    if (state->value.handle) {
        weir_heap_drop(h, state->value.handle);
    }
    state->value.handle = kept.size ? weir_heap_put(h, kept.at, kept.size) : 0;
}

static void put(const weir_agg_bound *b, weir_heap *h, first_state *state, const weir_vec *vec, uint32_t row, int64_t time, weir_scratch *s)
{
    uint32_t at = vec->form == WEIR_CONST ? 0 : row;
    bool null = weir_vec_is_null(vec, row);
    state->time = time;
    state->seen = null ? SEEN_NULL : SEEN_VALUE;
    if (is_string(b)) {
        set_string(b, h, state, null ? WEIR_STR("") : weir_agg_text_at(vec, row, s));
    } else if (null) {
        state->value.l = 0;
    } else if (vec->type.kind == WEIR_LONG) {
        state->value.l = vec->at.l[at];
    } else {
        state->value.d = vec->type.kind == WEIR_FLOAT ? (double)vec->at.f[at] : vec->at.d[at];
    }
}

static int64_t time_at(const weir_vec *times, uint32_t row)
{
    return times->at.l[times->form == WEIR_CONST ? 0 : row];
}

WEIR_HOT static int64_t least(const int64_t *times, uint32_t n)
{
    int64_t best = INT64_MAX;
    for (uint32_t i = 0; i < n; i++) {
        best = times[i] < best ? times[i] : best;
    }
    return best;
}

WEIR_HOT static int64_t greatest(const int64_t *times, uint32_t n)
{
    int64_t best = INT64_MIN;
    for (uint32_t i = 0; i < n; i++) {
        best = times[i] > best ? times[i] : best;
    }
    return best;
}

/* The row that wins among all of a block: the time by a kernel, then where it stands. */
static uint32_t best_of_all(const int64_t *times, uint32_t n, bool last)
{
    int64_t best = last ? greatest(times, n) : least(times, n);
    uint32_t row = last ? n - 1 : 0;
    while (times[row] != best) {
        row = last ? row - 1 : row + 1;
    }
    return row;
}

static uint32_t best_of_rows(const weir_vec *times, const weir_sel *sel, bool last, weir_scratch *s)
{
    const uint16_t *rows = weir_sel_rows(sel, s);
    uint32_t best = WEIR_NO_ID;
    int64_t best_time = 0;
    for (uint32_t i = 0; i < sel->count; i++) {
        uint32_t row = rows[i];
        int64_t time = time_at(times, row);
        if (!(times->nulls && weir_vec_is_null(times, row)) &&
            (best == WEIR_NO_ID || (last ? time >= best_time : time < best_time))) {
            best = row;
            best_time = time;
        }
    }
    return best;
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into_bytes, const weir_heap *from_heap, const void *from_bytes);
static bool load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state_bytes, weir_error *err);

/* A stored row is a saved state; one that cannot be read does not count. */
static void fold(const weir_agg_bound *b, weir_heap *h, first_state *state, const weir_vec *pairs, uint32_t row)
{
    first_state other;
    if (pairs->type.kind != WEIR_COMPLEX || weir_vec_is_null(pairs, row)) {
        return;
    }
    weir_reader in = weir_reader_of(pairs->at.s[pairs->form == WEIR_CONST ? 0 : row]);
    if (load(b, h, &in, &other, NULL)) {
        merge(b, h, state, h, &other);
        if (is_string(b)) {
            weir_heap_drop(h, other.value.handle);
        }
    }
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *state_bytes, const weir_vec *args, const weir_sel *sel, weir_scratch *s)
{
    first_state *state = state_bytes;
    const weir_vec *times = &args[1];
    if (takes_pairs(b)) {
        const uint16_t *rows = weir_sel_rows(sel, s);
        for (uint32_t i = 0; i < sel->count; i++) {
            fold(b, h, state, args, rows[i]);
        }
        return;
    }
    if (sel->count == 0) {
        return;
    }
    bool plain = sel->kind == WEIR_SEL_ALL && times->form == WEIR_FLAT && !times->nulls;
    uint32_t best = plain ? best_of_all(times->at.l, sel->n, is_last(b)) : best_of_rows(times, sel, is_last(b), s);
    if (best != WEIR_NO_ID && replaces(state, time_at(times, best), is_last(b))) {
        put(b, h, state, &args[0], best, time_at(times, best), s);
    }
}

/* Strings: the rows that win are marked first (row + 1 in the upper half of `seen`) and put once, at the end of the block. */
static void put_marked(const weir_agg_bound *b, weir_heap *h, char *states, size_t stride, const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    for (uint32_t i = 0; i < n; i++) {
        first_state *state = groups[i] == WEIR_NO_ID ? NULL : (first_state *)(void *)(states + groups[i] * stride);
        if (state && state->seen >> 32 == i + 1ull) {
            put(b, h, state, &args[0], i, state->time, s);
        }
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride, const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    bool last = is_last(b), mark = is_string(b);
    for (uint32_t i = 0; takes_pairs(b) && i < n; i++) {
        if (groups[i] != WEIR_NO_ID) {
            fold(b, h, (first_state *)(void *)((char *)states + groups[i] * stride), args, i);
        }
    }
    for (uint32_t i = 0; !takes_pairs(b) && i < n; i++) {
        if (groups[i] == WEIR_NO_ID || (args[1].nulls && weir_vec_is_null(&args[1], i))) {
            continue;
        }
        first_state *state = (first_state *)(void *)((char *)states + groups[i] * stride);
        int64_t time = time_at(&args[1], i);
        if (!replaces(state, time, last)) {
            continue;
        }
        if (mark) {
            state->time = time;
            state->seen = SEEN_NULL | (i + 1ull) << 32;
        } else {
            put(b, h, state, &args[0], i, time, s);
        }
    }
    if (mark && !takes_pairs(b)) {
        put_marked(b, h, states, stride, groups, args, n, s);
    }
}

static weir_str bytes_of(const weir_heap *h, const first_state *state)
{
    return state->value.handle ? (weir_str){weir_heap_at(h, state->value.handle), weir_heap_size(h, state->value.handle)} : WEIR_STR("");
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into_bytes, const weir_heap *from_heap, const void *from_bytes)
{
    first_state *into = into_bytes;
    const first_state *from = from_bytes;
    if (from->seen == SEEN_NOTHING || !replaces(into, from->time, is_last(b))) {
        return;
    }
    into->time = from->time;
    into->seen = from->seen;
    if (is_string(b)) {
        set_string(b, h, into, bytes_of(from_heap, from));
    } else {
        into->value = from->value;
    }
}

static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state_bytes, uint8_t *out);

static weir_str saved(const weir_agg_bound *b, const weir_heap *h, const first_state *state, weir_scratch *s)
{
    size_t size = save(b, h, state, NULL);
    uint8_t *bytes = weir_scratch_take(s, size);
    save(b, h, state, bytes);
    return (weir_str){(const char *)bytes, size};
}

static void finish_pairs(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride, uint32_t n, weir_scratch *s, weir_vec *out)
{
    weir_str *pairs = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(*nulls) * weir_words(n));
    for (uint32_t i = 0; i < n; i++) {
        const first_state *state = (const first_state *)(const void *)((const char *)states + i * stride);
        pairs[i] = state->seen == SEEN_NOTHING ? (weir_str){0} : saved(b, h, state, s);
        if (state->seen == SEEN_NOTHING) {
            weir_bit_set(nulls, i);
        }
    }
    *out = (weir_vec){.type = b->raw_type, .form = WEIR_FLAT, .n = n, .nulls = nulls, .at.s = pairs};
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride, uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    int64_t *longs = WEIR_SCRATCH_ARRAY(s, int64_t, n + 1);
    double *doubles = (double *)(void *)longs;
    float *floats = (float *)(void *)longs;
    weir_str *strings = is_string(b) ? WEIR_SCRATCH_ARRAY(s, weir_str, n + 1) : NULL;
    if (!finalize) {
        finish_pairs(b, h, states, stride, n, s, out);
        return;
    }
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++) {
        const first_state *state = (const first_state *)(const void *)((const char *)states + i * stride);
        if (state->seen != SEEN_VALUE) {
            weir_bit_set(nulls, i);
        }
        if (strings) {
            weir_str bytes = bytes_of(h, state);
            char *copy = weir_scratch_take(s, bytes.size + 1);
            memcpy(copy, bytes.at, bytes.size);
            strings[i] = (weir_str){copy, bytes.size};
        } else if (b->out_type.kind == WEIR_LONG) {
            longs[i] = state->value.l;
        } else if (b->out_type.kind == WEIR_FLOAT) {
            floats[i] = (float)state->value.d;
        } else {
            doubles[i] = state->value.d;
        }
    }
    *out = (weir_vec){.type = b->out_type, .form = WEIR_FLAT, .n = n, .nulls = nulls};
    out->at.l = longs;
    if (strings) {
        out->at.s = strings;
    }
}

/* seen, time, then eight bytes or a length and the string. */
static size_t save(const weir_agg_bound *b, const weir_heap *h, const void *state_bytes, uint8_t *out)
{
    const first_state *state = state_bytes;
    weir_str text = is_string(b) ? bytes_of(h, state) : (weir_str){0};
    if (out) {
        uint64_t time = htole64((uint64_t)state->time), value = htole64(is_string(b) ? text.size : (uint64_t)state->value.l);
        out[0] = (uint8_t)state->seen;
        memcpy(out + 1, &time, 8);
        memcpy(out + 9, &value, 8);
        if (text.size > 0) {
            memcpy(out + 17, text.at, text.size);
        }
    }
    return 17 + text.size;
}

static bool load(const weir_agg_bound *b, weir_heap *h, weir_reader *in, void *state_bytes, weir_error *err)
{
    first_state state = {0};
    uint64_t time, value;
    uint8_t seen;
    const uint8_t *text = NULL;
    bool ok = weir_take_u8(in, &seen) && seen <= SEEN_VALUE && weir_take_u64(in, &time) && weir_take_u64(in, &value) &&
              (!is_string(b) || weir_take_span(in, value, &text));
    if (!ok) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "a saved %s is cut or damaged", b->agg->type);
    }
    state.seen = seen;
    state.time = (int64_t)time;
    if (is_string(b)) {
        state.value.handle = value ? weir_heap_put(h, text, value) : 0;
    } else {
        state.value.l = (int64_t)value;
    }
    memcpy(state_bytes, &state, sizeof(state));
    return true;
}

/* Bytes that are no pair show as null. */
static void print_pair(weir_json *json, weir_str bytes, weir_kind kind)
{
    weir_reader in = weir_reader_of(bytes);
    uint64_t time, value;
    uint8_t seen;
    const uint8_t *text = NULL;
    if (!weir_take_u8(&in, &seen) || !weir_take_u64(&in, &time) || !weir_take_u64(&in, &value) ||
        (kind == WEIR_STRING && !weir_take_span(&in, value, &text))) {
        weir_json_null(json);
        return;
    }
    double number;
    memcpy(&number, &value, sizeof(number));
    weir_json_begin_object(json);
    weir_json_member_long(json, "lhs", (int64_t)time);
    weir_json_key(json, WEIR_STR("rhs"));
    if (seen != SEEN_VALUE) {
        weir_json_null(json);
    } else if (kind == WEIR_STRING) {
        weir_json_str(json, (weir_str){(const char *)text, value});
    } else if (kind == WEIR_LONG) {
        weir_json_long(json, (int64_t)value);
    } else {
        weir_json_double(json, number);
    }
    weir_json_end_object(json);
}

void weir_pair_print_long(weir_json *json, weir_str bytes)
{
    print_pair(json, bytes, WEIR_LONG);
}

void weir_pair_print_double(weir_json *json, weir_str bytes)
{
    print_pair(json, bytes, WEIR_DOUBLE);
}

void weir_pair_print_string(weir_json *json, weir_str bytes)
{
    print_pair(json, bytes, WEIR_STRING);
}

/* A saved state a row; null where there is no time. */
static bool row(const weir_agg_bound *b, const weir_vec *args, uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_vec cast[2];
    if (takes_pairs(b)) {
        *out = args[0];
        return true;
    }
    if (!weir_agg_args(b, args, s, cast, err)) {
        return false;
    }
    weir_heap *heap = weir_heap_new(NULL);
    weir_str *pairs = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(*nulls) * weir_words(n));
    for (uint32_t i = 0; i < n; i++) {
        first_state state = {0};
        if (weir_vec_is_null(&cast[1], i)) {
            weir_bit_set(nulls, i);
            pairs[i] = (weir_str){0};
            continue;
        }
        put(b, heap, &state, &cast[0], i, time_at(&cast[1], i), s);
        pairs[i] = saved(b, heap, &state, s);
        if (is_string(b)) {
            weir_heap_drop(heap, state.value.handle);
        }
    }
    weir_heap_free(heap);
    *out = (weir_vec){.type = b->stored_type, .form = WEIR_FLAT, .n = n, .nulls = nulls, .at.s = pairs};
    return true;
}

#define FIRST(id, name, count, folding)                                                                    \
    const weir_agg id = {.type = name, .params = params, .param_count = count, .totals_by_state = true, .combining = folding, .plan = plan, .init = init, .add_one = add_one, \
                         .add_many = add_many, .merge = merge, .finish = finish, .save = save, .load = load, .row = row}
FIRST(weir_agg_long_first, "longFirst", 2, "longFirst");
FIRST(weir_agg_long_last, "longLast", 2, "longLast");
FIRST(weir_agg_double_first, "doubleFirst", 2, "doubleFirst");
FIRST(weir_agg_double_last, "doubleLast", 2, "doubleLast");
FIRST(weir_agg_float_first, "floatFirst", 2, "floatFirst");
FIRST(weir_agg_float_last, "floatLast", 2, "floatLast");
FIRST(weir_agg_string_first, "stringFirst", 3, "stringFirstFold");
FIRST(weir_agg_string_last, "stringLast", 3, "stringLastFold");
/* What Druid calls them where they read pairs; here either reads both. */
FIRST(weir_agg_string_first_fold, "stringFirstFold", 3, "stringFirstFold");
FIRST(weir_agg_string_last_fold, "stringLastFold", 3, "stringLastFold");
