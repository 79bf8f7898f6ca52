/* compute/fn_util.c - see fn_util.h. */
#include "compute/fn_util.h"
#include "compute/expr_program.h"
#include <math.h>

#define LARGE_RESULT 4096 /* bytes: smaller ones make 16 MiB a block at most */

int64_t *weir_out_longs(weir_run *run, uint32_t n, weir_vec *out)
{
    int64_t *values = WEIR_SCRATCH_ARRAY(run->scratch, int64_t, n + 1);
    memset(values, 0, sizeof(*values) * n);
    out->form = WEIR_FLAT;
    out->at.l = values;
    return values;
}

double *weir_out_doubles(weir_run *run, uint32_t n, weir_vec *out)
{
    return (double *)weir_out_longs(run, n, out);
}

weir_str *weir_out_strings(weir_run *run, uint32_t n, weir_vec *out)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(run->scratch, weir_str, n + 1);
    memset(values, 0, sizeof(*values) * n);
    out->form = WEIR_FLAT;
    out->at.s = values;
    return values;
}

void weir_out_null(weir_run *run, uint32_t n, weir_vec *out, uint32_t i)
{
    if (!out->nulls) {
        uint64_t *nulls = WEIR_SCRATCH_ARRAY(run->scratch, uint64_t, weir_words(n) + 1);
        memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
        out->nulls = nulls;
    }
    weir_bit_set((uint64_t *)(uintptr_t)out->nulls, i); /* ours: made above */
}

bool weir_out_check(weir_run *run, size_t bytes)
{
    if (bytes > EXPR_STRING_BYTES) {
        return weir_fail(
            run->err, WEIR_ERR_RESOURCE,
            "an expression's result of %zu bytes is longer than the %u that are allowed", bytes,
            EXPR_STRING_BYTES);
    }
    const weir_budget *budget = run->scratch->budget;
    if (bytes > LARGE_RESULT && budget && weir_budget_is_over(budget)) {
        return weir_fail(run->err, WEIR_ERR_RESOURCE, "the memory limit of the query is reached");
    }
    return true;
}

bool weir_out_copy(weir_run *run, weir_str from, weir_str *out)
{
    if (!weir_out_check(run, from.size)) {
        return false;
    }
    char *at = weir_scratch_take(run->scratch, from.size + 1);
    if (from.size) {
        memcpy(at, from.at, from.size);
    }
    *out = (weir_str){at, from.size};
    return true;
}

double weir_java_pow(double a, double b)
{
    if (isnan(b) || (fabs(a) == 1.0 && isinf(b))) {
        return (double)NAN;
    }
    return pow(a, b);
}

/* ---- arrays ---- */

static int compare_longs(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int weir_item_cmp(const weir_vec *a, uint32_t i, const weir_vec *b, uint32_t j)
{
    bool a_null = weir_arg_null(a, i), b_null = weir_arg_null(b, j);
    if (a_null || b_null) {
        return (int)b_null - (int)a_null;
    }
    switch ((weir_kind)a->type.kind) {
    case WEIR_LONG:
        return compare_longs(weir_arg_long(a, i), weir_arg_long(b, j));
    case WEIR_DOUBLE:
        return compare_longs(weir_double_rank(weir_arg_double(a, i)),
                             weir_double_rank(weir_arg_double(b, j)));
    case WEIR_STRING:
    case WEIR_COMPLEX:
        return weir_str_cmp(weir_arg_str(a, i), weir_arg_str(b, j));
    case WEIR_UNKNOWN:
    case WEIR_FLOAT:
    case WEIR_ARRAY:
        break;
    }
    return 0;
}

weir_picks weir_picks_begin(weir_run *run, const weir_vec *vecs, uint32_t expected)
{
    weir_picks picks = {.run = run, .vecs = vecs, .capacity = expected < 64 ? 64 : expected};
    picks.vec = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, picks.capacity);
    picks.row = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, picks.capacity);
    return picks;
}

void weir_picks_grow(weir_picks *picks)
{
    bool room = picks->capacity < EXPR_ITEMS &&
                (!picks->run->ctl || weir_ctl_check(picks->run->ctl, picks->run->err));
    if (!room) {
        if (picks->capacity >= EXPR_ITEMS) {
            weir_fail(picks->run->err, WEIR_ERR_RESOURCE,
                      "arrays of one block of rows have more than %u elements", EXPR_ITEMS);
        }
        picks->failed = true;
        picks->count = 0; /* what comes is written over what was: nothing of it is used */
        return;
    }
    weir_picks more = weir_picks_begin(picks->run, picks->vecs, picks->capacity * 2);
    memcpy(more.vec, picks->vec, sizeof(*more.vec) * picks->count);
    memcpy(more.row, picks->row, sizeof(*more.row) * picks->count);
    more.count = picks->count;
    *picks = more;
}

static bool pick_lists(const weir_picks *picks, weir_type type, weir_vec *out)
{
    weir_scratch *s = picks->run->scratch;
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, picks->count + 1), sources = 0;
    for (uint32_t i = 0; i < picks->count; i++) {
        sources =
            picks->vec[i] != WEIR_NO_ID && picks->vec[i] >= sources ? picks->vec[i] + 1 : sources;
    }
    static const weir_vec nothing = {.form = WEIR_FLAT};
    weir_vec *all_items = WEIR_SCRATCH_ARRAY(s, weir_vec, sources + 1);
    for (uint32_t i = 0; i < sources; i++) {
        all_items[i] = picks->vecs[i].items ? *picks->vecs[i].items : nothing;
    }
    weir_picks items = weir_picks_begin(picks->run, all_items, picks->count);
    for (uint32_t i = 0; i < picks->count; i++) {
        offsets[i] = items.count;
        const weir_vec *list = picks->vec[i] == WEIR_NO_ID ? NULL : &picks->vecs[picks->vec[i]];
        if (!list || weir_list_null(list, picks->row[i])) {
            weir_out_null(picks->run, picks->count, out, i);
            continue;
        }
        uint32_t from = weir_list_from(list, picks->row[i]),
                 size = weir_list_size(list, picks->row[i]);
        for (uint32_t k = 0; k < size; k++) {
            weir_picks_add(&items, picks->vec[i], from + k);
        }
    }
    offsets[picks->count] = items.count;
    return weir_picks_lists(&items, offsets, picks->count,
                            (weir_type){.kind = type.elem, .complex = type.complex}, out);
}

bool weir_picks_end(const weir_picks *picks, weir_type type, weir_vec *out)
{
    uint32_t n = picks->count;
    *out = (weir_vec){.type = type, .form = WEIR_FLAT, .n = n};
    if (picks->failed) {
        return false;
    }
    if (type.kind == WEIR_ARRAY) {
        return pick_lists(picks, type, out);
    }
    bool wide = type.kind != WEIR_LONG && type.kind != WEIR_DOUBLE;
    weir_str *strings = wide ? WEIR_SCRATCH_ARRAY(picks->run->scratch, weir_str, n + 1) : NULL;
    int64_t *numbers = wide ? NULL : WEIR_SCRATCH_ARRAY(picks->run->scratch, int64_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        const weir_vec *vec = picks->vec[i] == WEIR_NO_ID ? NULL : &picks->vecs[picks->vec[i]];
        bool null = !vec || weir_arg_null(vec, picks->row[i]);
        if (null) {
            weir_out_null(picks->run, n, out, i);
        }
        if (wide) {
            strings[i] = null ? (weir_str){0} : weir_arg_str(vec, picks->row[i]);
        } else {
            numbers[i] = null ? 0 : weir_arg_long(vec, picks->row[i]);
        }
    }
    out->at.l = wide ? (const int64_t *)(const void *)strings : numbers;
    return true;
}

bool weir_picks_lists(const weir_picks *picks, const uint32_t *offsets, uint32_t n, weir_type elem,
                      weir_vec *out)
{
    weir_vec *items = WEIR_SCRATCH_ARRAY(picks->run->scratch, weir_vec, 1);
    if (!weir_picks_end(picks, elem, items)) {
        return false;
    }
    out->form = WEIR_LIST;
    out->n = n;
    out->at.offsets = offsets;
    out->items = items;
    return true;
}

bool weir_is_true(const weir_vec *vec, uint32_t i)
{
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        return weir_arg_long(vec, i) > 0;
    case WEIR_DOUBLE:
        return weir_arg_double(vec, i) > 0;
    case WEIR_STRING:
        return weir_str_eq_nocase(weir_arg_str(vec, i), WEIR_STR("true"));
    case WEIR_UNKNOWN:
    case WEIR_FLOAT:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        break;
    }
    return false;
}

static weir_type number_type(weir_type a, weir_type b)
{
    bool longs = a.kind == WEIR_LONG && b.kind == WEIR_LONG;
    return WEIR_TYPE(longs ? WEIR_LONG : WEIR_DOUBLE);
}

static bool is_json(weir_type type)
{
    return type.kind == WEIR_COMPLEX && type.complex && strcmp(type.complex->name, "json") == 0;
}

weir_type weir_type_of_operator(weir_type a, weir_type b)
{
    if (a.kind == WEIR_UNKNOWN || b.kind == WEIR_UNKNOWN) {
        return a.kind == WEIR_UNKNOWN ? b : a;
    }
    if (is_json(a) !=
        is_json(b)) { /* a literal in json takes the other's type; of numbers it may be any */
        weir_type other = is_json(a) ? b : a;
        return weir_type_is_number(other) ? WEIR_TYPE(WEIR_DOUBLE) : other;
    }
    if (a.kind == WEIR_ARRAY || a.kind == WEIR_COMPLEX || b.kind == WEIR_ARRAY ||
        b.kind == WEIR_COMPLEX) {
        return a.kind == WEIR_ARRAY || a.kind == WEIR_COMPLEX ? a : b;
    }
    if (a.kind == WEIR_STRING && b.kind == WEIR_STRING) {
        return WEIR_TYPE(WEIR_STRING);
    }
    return number_type(a, b);
}

weir_type weir_type_of_function(weir_type a, weir_type b)
{
    bool plain = a.kind != WEIR_UNKNOWN && b.kind != WEIR_UNKNOWN && a.kind != WEIR_ARRAY &&
                 b.kind != WEIR_ARRAY && a.kind != WEIR_COMPLEX && b.kind != WEIR_COMPLEX;
    if (plain && (a.kind == WEIR_STRING || b.kind == WEIR_STRING)) {
        return (weir_type){.kind = WEIR_STRING};
    }
    return weir_type_of_operator(a, b);
}

bool weir_type_of_both(weir_type a, weir_type b, weir_type *out)
{
    if (a.kind == WEIR_UNKNOWN || b.kind == WEIR_UNKNOWN) {
        *out = a.kind == WEIR_UNKNOWN ? b : a;
        return true;
    }
    if (a.kind == WEIR_COMPLEX || b.kind == WEIR_COMPLEX) {
        bool json = is_json(a) || is_json(b);
        *out = a.kind == WEIR_COMPLEX ? a : b;
        return json || weir_type_eq(a, b);
    }
    if (a.kind == WEIR_ARRAY || b.kind == WEIR_ARRAY) {
        weir_type elem;
        if (!weir_type_of_both(WEIR_TYPE(a.kind == WEIR_ARRAY ? a.elem : a.kind),
                               WEIR_TYPE(b.kind == WEIR_ARRAY ? b.elem : b.kind), &elem)) {
            return false;
        }
        *out = (weir_type){.kind = WEIR_ARRAY, .elem = elem.kind};
        return true;
    }
    *out = weir_type_of_function(a, b);
    return true;
}

static bool infer_all(weir_fn_call *call, weir_kind kind)
{
    for (uint32_t i = 0; i < call->arg_count; i++) {
        call->arg_types[i] = WEIR_TYPE(kind);
    }
    call->type = WEIR_TYPE(kind);
    return true;
}

bool weir_infer_doubles(weir_fn_call *call, weir_error *err)
{
    (void)err;
    return infer_all(call, WEIR_DOUBLE);
}

bool weir_infer_longs(weir_fn_call *call, weir_error *err)
{
    (void)err;
    return infer_all(call, WEIR_LONG);
}

bool weir_infer_strings(weir_fn_call *call, weir_error *err)
{
    (void)err;
    return infer_all(call, WEIR_STRING);
}

bool weir_fn_fail(const weir_fn_call *call, weir_error *err, const char *what)
{
    return weir_fail(err, WEIR_ERR_BAD_QUERY, "Function[%s] %s", call->fn->name, what);
}

bool weir_call_literal(const weir_fn_call *call, uint32_t i, weir_str *out)
{
    const weir_value *value = i < call->arg_count ? call->literals[i] : NULL;
    if (!value || value->is_null || value->type.kind != WEIR_STRING) {
        return false;
    }
    *out = value->as.s;
    return true;
}

bool weir_call_is_default(const weir_fn_call *call, uint32_t i)
{
    return i >= call->arg_count || (call->literals[i] && call->literals[i]->is_null);
}
