/* compute/fn_mv.c - what front ends lower filtered multi-value columns to: the elements of a row's
 * list that pass. mv-filter-in(list, values, keep) keeps those that are among the values, or those
 * that are not; mv-filter-regex(list, pattern) and mv-filter-prefix(list, prefix) those that match.
 * A null is an element as any other; a row of which nothing is left is an empty list. */
#include "compute/fn_util.h"
#include "compute/regex.h"
#include <stdlib.h>

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

typedef struct value_set { /* sorted, without null */
    uint32_t count;
    weir_str *at;
    bool has_null, keep;
} value_set;

static bool infer_in(weir_fn_call *call, weir_error *err)
{
    if (!call->literals[1] || !call->literals[2]) {
        return weir_fn_fail(call, err, "needs constant values");
    }
    weir_type strings = {.kind = WEIR_ARRAY, .elem = WEIR_STRING};
    call->arg_types[0] = call->arg_types[1] = strings;
    call->arg_types[2] = WEIR_TYPE(WEIR_LONG);
    call->type = (weir_type){.kind = WEIR_STRING, .multi = true};
    return true;
}

static int by_text(const void *a, const void *b)
{
    const weir_str *x = a, *y = b;
    size_t size = x->size < y->size ? x->size : y->size;
    int order = size ? memcmp(x->at, y->at, size) : 0;
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

static bool prepare_in(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    (void)err;
    const weir_value *values = call->literals[1];
    uint32_t count = values->is_null ? 0 : values->as.array.count;
    value_set *set = WEIR_ARENA_NEW(arena, value_set);
    *set = (value_set){.at = WEIR_ARENA_ARRAY(arena, weir_str, count + 1),
                       .keep = !call->literals[2]->is_null && call->literals[2]->as.l != 0};
    for (uint32_t i = 0; i < count; i++) {
        const weir_value *value = &values->as.array.at[i];
        if (value->is_null) {
            set->has_null = true;
        } else {
            set->at[set->count++] = value->as.s;
        }
    }
    qsort(set->at, set->count, sizeof(*set->at), by_text);
    call->prepared = set;
    return true;
}

/* Whether the element passes; `text` NULL: a null. False: run->err is set. */
typedef bool judge_item(const weir_fn_call *call, weir_run *run, const weir_str *text,
                        bool *passes);

static bool filter_lists(const weir_fn_call *call, weir_run *run, const weir_vec *list,
                         const weir_sel *sel, uint32_t n, judge_item *judge, weir_vec *out)
{
    weir_vec null = weir_vec_null(WEIR_TYPE(WEIR_STRING), 1);
    weir_vec vecs[1] = {list->items ? *list->items : null};
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1), next = 0;
    weir_picks picks = weir_picks_begin(run, vecs, n * 2);
    FOR_ROWS(sel, i)
    {
        for (; next <= i; next++) {
            offsets[next] = picks.count;
        }
        bool passes;
        if (weir_list_null(list, i)) {
            if (!judge(call, run, NULL, &passes)) {
                return false;
            }
            if (passes) {
                weir_picks_add(&picks, WEIR_NO_ID, 0);
            }
            continue;
        }
        uint32_t from = weir_list_from(list, i), size = weir_list_size(list, i);
        for (uint32_t k = from; k < from + size; k++) {
            weir_str text = {0};
            bool is_null = weir_arg_null(list->items, k);
            if (!is_null) {
                text = weir_arg_str(list->items, k);
            }
            if (!judge(call, run, is_null ? NULL : &text, &passes)) {
                return false;
            }
            if (passes) {
                weir_picks_add(&picks, 0, k);
            }
        }
    }
    for (; next <= n; next++) {
        offsets[next] = picks.count;
    }
    weir_type type = call->type;
    bool ok = weir_picks_lists(&picks, offsets, n, WEIR_TYPE(WEIR_STRING), out);
    out->type = type;
    return ok;
}

static bool judge_in(const weir_fn_call *call, weir_run *run, const weir_str *text, bool *passes)
{
    (void)run;
    const value_set *set = call->prepared;
    bool among = text ? set->count && bsearch(text, set->at, set->count, sizeof(*text), by_text)
                      : set->has_null;
    *passes = among == set->keep;
    return true;
}

RUN(run_in)
{
    return filter_lists(call, run, &args[0], sel, n, judge_in, out);
}

static bool infer_pattern(weir_fn_call *call, weir_error *err)
{
    weir_str text;
    if (!weir_call_literal(call, 1, &text)) {
        return weir_fn_fail(call, err, "needs a constant text");
    }
    call->arg_types[0] = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_STRING};
    call->arg_types[1] = WEIR_TYPE(WEIR_STRING);
    call->type = (weir_type){.kind = WEIR_STRING, .multi = true};
    return true;
}

/* The whole element must match. */
static bool prepare_regex(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    weir_str pattern = {0};
    weir_call_literal(call, 1, &pattern);
    weir_str whole = weir_arena_printf(arena, "\\A(?:%.*s)\\z", WEIR_STR_ARG(pattern));
    const weir_regex *regex = weir_regex_new(arena, whole, err);
    call->prepared = (void *)(uintptr_t)regex; /* read only */
    return regex != NULL;
}

static bool judge_regex(const weir_fn_call *call, weir_run *run, const weir_str *text, bool *passes)
{
    weir_regex_match m;
    *passes = false;
    return !text || weir_regex_find(call->prepared, *text, 0, passes, &m, run->err);
}

RUN(run_regex)
{
    return filter_lists(call, run, &args[0], sel, n, judge_regex, out);
}

static bool prepare_prefix(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    (void)err;
    weir_str *prefix = WEIR_ARENA_NEW(arena, weir_str);
    weir_call_literal(call, 1, prefix);
    call->prepared = prefix;
    return true;
}

static bool judge_prefix(const weir_fn_call *call, weir_run *run, const weir_str *text,
                         bool *passes)
{
    (void)run;
    const weir_str *prefix = call->prepared;
    *passes = text && text->size >= prefix->size &&
              (prefix->size == 0 || memcmp(text->at, prefix->at, prefix->size) == 0);
    return true;
}

RUN(run_prefix)
{
    return filter_lists(call, run, &args[0], sel, n, judge_prefix, out);
}

#define FN(text, least, lists_are, infer_it, prepare_it, run_it)                                   \
    {                                                                                              \
        .name = text, .min_args = least, .max_args = least, .flags = WEIR_FN_PURE | WEIR_FN_MULTI, \
        .list_args = lists_are, .infer = infer_it, .prepare = prepare_it, .run = run_it,           \
    }
static const weir_fn fns[] = {
    FN("mv-filter-in", 3, 3, infer_in, prepare_in, run_in),
    FN("mv-filter-regex", 2, 1, infer_pattern, prepare_regex, run_regex),
    FN("mv-filter-prefix", 2, 1, infer_pattern, prepare_prefix, run_prefix),
};
const weir_fn_set weir_fns_mv = WEIR_FN_SET(fns);
