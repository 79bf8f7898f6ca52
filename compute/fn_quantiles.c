/* compute/fn_quantiles.c - what post-aggregators read from quantile sketches. The first argument is
 * the sketch's type by name, so that each post-aggregator takes its own sketches only; then the
 * sketch, then a number or a constant list of numbers. An empty sketch gives NaN. */
#include "compute/fn_util.h"
#include "compute/quantile_family.h"
#include <math.h>

enum { ARG_FAMILY, ARG_SKETCH, ARG_VALUE };

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

static bool infer_sketch(weir_fn_call *call, weir_error *err)
{
    weir_str family;
    weir_type type = call->arg_types[ARG_SKETCH];
    if (!weir_call_literal(call, ARG_FAMILY, &family)) {
        return weir_fn_fail(call, err, "needs the name of a type first");
    }
    if (type.kind != WEIR_UNKNOWN &&
        (!weir_quantile_family_of(type) || !weir_str_is(family, type.complex->name))) {
        char name[64];
        return weir_fail(err, WEIR_ERR_RUN, "post-aggregators of %.*s read COMPLEX<%.*s>, not %.*s",
                         WEIR_STR_ARG(family), WEIR_STR_ARG(family),
                         WEIR_STR_ARG(weir_type_name(type, name)));
    }
    return true;
}

static bool infer_number(weir_fn_call *call, weir_error *err)
{
    call->type = call->arg_types[ARG_VALUE] = WEIR_TYPE(WEIR_DOUBLE);
    return infer_sketch(call, err);
}

static bool infer_text(weir_fn_call *call, weir_error *err)
{
    call->type = WEIR_TYPE(WEIR_STRING);
    return infer_sketch(call, err);
}

static bool infer_list(weir_fn_call *call, weir_error *err)
{
    call->type = call->arg_types[ARG_VALUE] = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_DOUBLE};
    return infer_sketch(call, err);
}

static bool infer_bins(weir_fn_call *call, weir_error *err)
{
    call->arg_types[ARG_VALUE] = WEIR_TYPE(WEIR_LONG);
    call->type = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_DOUBLE};
    return infer_sketch(call, err);
}

typedef struct points {
    uint32_t count;
    double *at;
} points;

static bool prepare_list(weir_fn_call *call, weir_arena *arena, weir_error *err)
{
    const weir_value *list = call->literals[ARG_VALUE];
    points *own = WEIR_ARENA_NEW(arena, points);
    if (!list || list->is_null || list->type.kind != WEIR_ARRAY) {
        return weir_fn_fail(call, err, "needs a constant list of numbers");
    }
    own->at = WEIR_ARENA_ARRAY(arena, double, list->as.array.count + 1);
    for (uint32_t i = 0; i < list->as.array.count; i++) {
        const weir_value *value = &list->as.array.at[i];
        own->at[i] = value->is_null                  ? 0
                     : value->type.kind == WEIR_LONG ? (double)value->as.l
                                                     : value->as.d;
    }
    own->count = list->as.array.count;
    call->prepared = own;
    return true;
}

/* The sketches of a block, one after the other. */
typedef struct sketches {
    const weir_quantile_family *family;
    const weir_vec *vec;
    weir_run *run;
    weir_heap *heap;
    _Alignas(8) uint8_t state[WEIR_QUANTILE_STATE_BYTES];
} sketches;

static void open_sketches(sketches *all, const weir_fn_call *call, weir_run *run,
                          const weir_vec *args)
{
    (void)call;
    *all = (sketches){.family = weir_quantile_family_of(args[ARG_SKETCH].type),
                      .vec = &args[ARG_SKETCH],
                      .run = run,
                      .heap = weir_heap_new(run->scratch->budget)};
}

static bool load(sketches *all, uint32_t i)
{
    return all->family->load(all->heap, weir_arg_str(all->vec, i), all->state) ||
           weir_fail(all->run->err, WEIR_ERR_RUN, "a value of %s is no such sketch",
                     all->family->complex);
}

/* False: it is empty. */
static bool view(sketches *all, weir_sorted_view *out)
{
    if (all->family->count(all->state) == 0) {
        return false;
    }
    all->family->view(all->heap, all->state, all->run->scratch, out);
    return true;
}

static bool rank_ok(weir_run *run, double rank)
{
    return (rank >= 0 && rank <= 1) ||
           weir_fail(run->err, WEIR_ERR_RUN, "A normalized rank must be >= 0 and <= 1.0: %g", rank);
}

static bool points_ok(weir_run *run, const double *at, uint32_t count)
{
    bool ok = count != 1 || !isnan(at[0]);
    for (uint32_t i = 1; i < count; i++) {
        ok = ok && at[i - 1] < at[i];
    }
    return ok || weir_fail(run->err, WEIR_ERR_RUN,
                           "Values must be unique, monotonically increasing and not NaN.");
}

/* ---- one number a sketch ---- */

static bool one_number(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                       const weir_sel *sel, uint32_t n, bool is_rank, weir_vec *out)
{
    double *values = weir_out_doubles(run, n, out);
    sketches all;
    bool ok = true;
    open_sketches(&all, call, run, args);
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        weir_sorted_view v;
        double x = weir_arg_double(&args[ARG_VALUE], i);
        ok = ok && load(&all, i);
        if (ok && !view(&all, &v)) {
            values[i] = (double)NAN;
        } else if (ok && is_rank) {
            values[i] = weir_view_rank(&v, x);
        } else if (ok && rank_ok(run, x)) {
            values[i] = weir_view_quantile(&v, x);
        } else {
            ok = false;
        }
        if (ok) {
            all.family->drop(all.heap, all.state);
        }
        weir_scratch_rewind(run->scratch, mark);
    }
    weir_heap_free(all.heap);
    return ok;
}

RUN(run_quantile)
{
    return one_number(call, run, args, sel, n, false, out);
}

RUN(run_rank)
{
    return one_number(call, run, args, sel, n, true, out);
}

/* ---- a list of numbers a sketch ---- */

/* Writes `count` numbers of one sketch that is not empty. */
typedef bool list_of(weir_run *run, const points *p, const weir_sorted_view *v, double *to);

static bool list_quantiles(weir_run *run, const points *p, const weir_sorted_view *v, double *to)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (!rank_ok(run, p->at[i])) {
            return false;
        }
        to[i] = weir_view_quantile(v, p->at[i]);
    }
    return true;
}

static bool list_cdf(weir_run *run, const points *p, const weir_sorted_view *v, double *to)
{
    if (!points_ok(run, p->at, p->count)) {
        return false;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        to[i] = weir_view_rank(v, p->at[i]);
    }
    to[p->count] = 1;
    return true;
}

/* Shares between the points, times n: the same roundings as Druid's. */
static bool list_histogram(weir_run *run, const points *p, const weir_sorted_view *v, double *to)
{
    if (!list_cdf(run, p, v, to)) {
        return false;
    }
    double n = (double)v->weights[v->count - 1];
    for (uint32_t i = p->count; i > 0; i--) {
        to[i] -= to[i - 1];
    }
    for (uint32_t i = 0; i <= p->count; i++) {
        to[i] *= n;
    }
    return true;
}

/* p->count bins of equal width from the least to the greatest value. */
static bool list_bins(weir_run *run, const points *p, const weir_sorted_view *v, double *to)
{
    points own = {.count = p->count - 1};
    own.at = WEIR_SCRATCH_ARRAY(run->scratch, double, p->count);
    double width = (v->max - v->min) / p->count;
    for (uint32_t i = 0; i < own.count; i++) {
        own.at[i] = v->min + width * (i + 1);
    }
    return list_histogram(run, &own, v, to);
}

/* `count` numbers for each row. */
static bool lists(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                  const weir_sel *sel, uint32_t n, const points *p, uint32_t count, list_of *list,
                  weir_vec *out)
{
    if ((uint64_t)count * n > EXPR_ITEMS) {
        return weir_fail(run->err, WEIR_ERR_RUN, "Function[%s]: lists of %u numbers are too long",
                         call->fn->name, count);
    }
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1);
    double *values = WEIR_SCRATCH_ARRAY(run->scratch, double, (size_t)count *n + 1);
    weir_vec *items = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, 1);
    for (uint32_t i = 0; i <= n; i++) {
        offsets[i] = i * count;
    }
    for (uint32_t i = 0; i < count * n; i++) {
        values[i] = (double)NAN;
    }
    sketches all;
    bool ok = true;
    open_sketches(&all, call, run, args);
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        weir_sorted_view v;
        ok = ok && load(&all, i);
        if (ok && view(&all, &v)) {
            ok = list(run, p, &v, values + (size_t)i * count);
        }
        if (ok) {
            all.family->drop(all.heap, all.state);
        }
        weir_scratch_rewind(run->scratch, mark);
    }
    weir_heap_free(all.heap);
    *items = (weir_vec){.type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = count * n};
    items->at.d = values;
    out->form = WEIR_LIST;
    out->at.offsets = offsets;
    out->items = items;
    return ok;
}

RUN(run_quantiles)
{
    const points *p = call->prepared;
    return lists(call, run, args, sel, n, p, p->count, list_quantiles, out);
}

RUN(run_cdf)
{
    const points *p = call->prepared;
    return lists(call, run, args, sel, n, p, p->count + 1, list_cdf, out);
}

RUN(run_histogram)
{
    const points *p = call->prepared;
    return lists(call, run, args, sel, n, p, p->count + 1, list_histogram, out);
}

RUN(run_bins)
{
    int64_t count = n ? weir_arg_long(&args[ARG_VALUE], 0) : 2;
    if (count < 2 || count > EXPR_ITEMS) {
        return weir_fail(run->err, WEIR_ERR_RUN,
                         count < 2 ? "at least 2 bins expected" : "fewer bins expected");
    }
    points p = {.count = (uint32_t)count};
    return lists(call, run, args, sel, n, &p, p.count, list_bins, out);
}

RUN(run_text)
{
    weir_str *values = weir_out_strings(run, n, out);
    sketches all;
    bool ok = true;
    open_sketches(&all, call, run, args);
    FOR_ROWS(sel, i)
    {
        weir_buf text = {0};
        ok = ok && load(&all, i);
        if (ok) {
            all.family->describe(all.heap, all.state, &text);
            ok = weir_out_copy(run, weir_buf_view(&text), &values[i]);
            all.family->drop(all.heap, all.state);
        }
        weir_buf_done(&text);
    }
    weir_heap_free(all.heap);
    return ok;
}

#define FN(text, args, lists, infer_it, prepare_it, run_it)                                        \
    {                                                                                              \
        .name = (text), .min_args = (args), .max_args = (args), .list_args = (lists),              \
        .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL, .infer = (infer_it),                     \
        .prepare = (prepare_it), .run = (run_it),                                                  \
    }
static const weir_fn fns[] = {
    FN("postagg_quantile", 3, 0, infer_number, NULL, run_quantile),
    FN("postagg_quantiles", 3, 4, infer_list, prepare_list, run_quantiles),
    FN("postagg_quantile_rank", 3, 0, infer_number, NULL, run_rank),
    FN("postagg_quantile_cdf", 3, 4, infer_list, prepare_list, run_cdf),
    FN("postagg_quantile_histogram", 3, 4, infer_list, prepare_list, run_histogram),
    FN("postagg_quantile_bins", 3, 0, infer_bins, NULL, run_bins),
    FN("postagg_quantile_text", 2, 0, infer_text, NULL, run_text),
};
const weir_fn_set weir_fns_quantiles = WEIR_FN_SET(fns);
