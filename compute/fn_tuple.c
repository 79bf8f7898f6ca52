/* compute/fn_tuple.c - functions over COMPLEX<arrayOfDoublesSketch>: what the post-aggregators of
 * tuple sketches, and SQL's DS_TUPLE_DOUBLES_ functions, become. */
#include "compute/fn_util.h"
#include "compute/sketch_quantiles.h"
#include "compute/sketch_tuple.h"
#include "compute/theta_values.h"
#include "weir/base64.h"
#include "weir/buf.h"

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

#define DEFAULT_ENTRIES 4096

static weir_type complex_type(const char *name)
{
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(weir_str_of(name))};
}

static bool need_sketches(const weir_fn_call *call, uint32_t from, uint32_t to, weir_error *err)
{
    for (uint32_t i = from; i < to; i++) {
        weir_type type = call->arg_types[i];
        if (type.kind != WEIR_UNKNOWN &&
            !weir_type_eq(type, complex_type("arrayOfDoublesSketch"))) {
            char name[64];
            return weir_fail(err, WEIR_ERR_BAD_QUERY,
                             "Function[%s] reads COMPLEX<arrayOfDoublesSketch>, not %.*s",
                             call->fn->name, WEIR_STR_ARG(weir_type_name(type, name)));
        }
    }
    return true;
}

/* What cannot be read, or is null, is a sketch of nothing. */
static weir_tuple_view open_arg(const weir_vec *arg, uint32_t i, weir_scratch *s)
{
    weir_tuple_view view;
    bool is = arg->type.kind == WEIR_COMPLEX && !weir_arg_null(arg, i) &&
              weir_tuple_open(weir_arg_str(arg, i), s, &view);
    return is ? view : weir_tuple_none(1);
}

static bool infer_double(weir_fn_call *call, weir_error *err)
{
    call->type = WEIR_TYPE(WEIR_DOUBLE);
    return need_sketches(call, 0, 1, err);
}

static bool infer_long(weir_fn_call *call, weir_error *err)
{
    call->type = WEIR_TYPE(WEIR_LONG);
    return need_sketches(call, 0, 1, err);
}

static bool infer_text(weir_fn_call *call, weir_error *err)
{
    call->type = WEIR_TYPE(WEIR_STRING);
    return need_sketches(call, 0, 1, err);
}

static bool infer_list(weir_fn_call *call, weir_error *err)
{
    call->type = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_DOUBLE};
    return need_sketches(call, 0, 1, err);
}

static bool infer_bounds(weir_fn_call *call, weir_error *err)
{
    call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    return infer_list(call, err);
}

static bool infer_t_test(weir_fn_call *call, weir_error *err)
{
    return infer_list(call, err) && need_sketches(call, 1, 2, err);
}

RUN(run_estimate)
{
    (void)call;
    double *values = weir_out_doubles(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        weir_tuple_view view = open_arg(&args[0], i, run->scratch);
        values[i] = weir_tuple_view_estimate(&view);
        weir_scratch_rewind(run->scratch, mark);
    }
    return true;
}

RUN(run_entries)
{
    (void)call;
    int64_t *values = weir_out_longs(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        values[i] = open_arg(&args[0], i, run->scratch).count;
        weir_scratch_rewind(run->scratch, mark);
    }
    return true;
}

/* ---- lists of numbers: a few for each row */

typedef bool list_of(const weir_fn_call *call, weir_run *run, const weir_vec *args, uint32_t row,
                     weir_buf *numbers);

static bool lists(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                  const weir_sel *sel, uint32_t n, list_of *list, weir_vec *out)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(run->scratch, uint32_t, n + 1), filled = 0;
    weir_buf numbers = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        while (filled <= i) {
            offsets[filled++] = (uint32_t)(numbers.size / sizeof(double));
        }
        weir_mark mark = weir_scratch_mark(run->scratch);
        ok = ok && list(call, run, args, i, &numbers);
        weir_scratch_rewind(run->scratch, mark);
    }
    while (filled <= n) {
        offsets[filled++] = (uint32_t)(numbers.size / sizeof(double));
    }
    weir_vec *items = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, 1);
    double *values = weir_scratch_take(run->scratch, numbers.size + 1);
    if (numbers.size > 0) {
        memcpy(values, numbers.at, numbers.size);
    }
    weir_buf_done(&numbers);
    *items = (weir_vec){
        .type = WEIR_TYPE(WEIR_DOUBLE), .form = WEIR_FLAT, .n = offsets[n], .at.d = values};
    out->form = WEIR_LIST;
    out->at.offsets = offsets;
    out->items = items;
    return ok;
}

static void put(weir_buf *numbers, double value)
{
    weir_buf_put(numbers, &value, sizeof(value));
}

static bool list_bounds(const weir_fn_call *call, weir_run *run, const weir_vec *args, uint32_t row,
                        weir_buf *numbers)
{
    weir_tuple_view view = open_arg(&args[0], row, run->scratch);
    int64_t std_devs = weir_arg_long(&args[1], row);
    if (std_devs < 1 || std_devs > 3) {
        return weir_fail(run->err, WEIR_ERR_RUN, "Function[%s] numStdDevs must be 1, 2 or 3",
                         call->fn->name);
    }
    put(numbers, weir_tuple_view_estimate(&view));
    put(numbers, weir_tuple_lower(&view, (uint32_t)std_devs));
    put(numbers, weir_tuple_upper(&view, (uint32_t)std_devs));
    return true;
}

static bool list_means(const weir_fn_call *call, weir_run *run, const weir_vec *args, uint32_t row,
                       weir_buf *numbers)
{
    (void)call;
    weir_tuple_view view = open_arg(&args[0], row, run->scratch);
    for (uint32_t i = 0; i < view.value_count; i++) {
        put(numbers, weir_tuple_column(&view, i).mean);
    }
    return true;
}

static bool list_variances(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                           uint32_t row, weir_buf *numbers)
{
    (void)call;
    weir_tuple_view view = open_arg(&args[0], row, run->scratch);
    for (uint32_t i = 0; i < view.value_count; i++) {
        put(numbers, weir_tuple_column(&view, i).variance);
    }
    return true;
}

static bool list_sums(const weir_fn_call *call, weir_run *run, const weir_vec *args, uint32_t row,
                      weir_buf *numbers)
{
    (void)call;
    weir_tuple_view view = open_arg(&args[0], row, run->scratch);
    for (uint32_t i = 0; i < view.value_count; i++) {
        put(numbers, weir_tuple_column(&view, i).sum / weir_tuple_theta(&view));
    }
    return true;
}

static bool list_t_test(const weir_fn_call *call, weir_run *run, const weir_vec *args, uint32_t row,
                        weir_buf *numbers)
{
    (void)call;
    weir_tuple_view a = open_arg(&args[0], row, run->scratch),
                    b = open_arg(&args[1], row, run->scratch);
    if (a.value_count != b.value_count) {
        return weir_fail(run->err, WEIR_ERR_RUN,
                         "Sketches have different number of values: %u and %u", a.value_count,
                         b.value_count);
    }
    for (uint32_t i = 0; i < a.value_count; i++) {
        put(numbers, weir_tuple_t_test(weir_tuple_column(&a, i), weir_tuple_column(&b, i)));
    }
    return true;
}

#define RUN_LIST(name, list)                                                                       \
    RUN(name)                                                                                      \
    {                                                                                              \
        return lists(call, run, args, sel, n, list, out);                                          \
    }
RUN_LIST(run_bounds, list_bounds)
RUN_LIST(run_means, list_means)
RUN_LIST(run_variances, list_variances)
RUN_LIST(run_sums, list_sums)
RUN_LIST(run_t_test, list_t_test)

/* ---- texts */

/* As datasketches-java describes such a sketch. */
static void describe(const weir_tuple_view *view, weir_buf *buf)
{
    bool estimates = view->theta < WEIR_THETA_ALL && !view->empty;
    char numbers[4][32];
    int sizes[4] = {(int)weir_print_double(numbers[0], weir_tuple_view_estimate(view)),
                    (int)weir_print_double(numbers[1], weir_tuple_upper(view, 2)),
                    (int)weir_print_double(numbers[2], weir_tuple_lower(view, 2)),
                    (int)weir_print_double(numbers[3], weir_tuple_theta(view))};
    weir_buf_printf(buf, "### HeapArrayOfDoublesCompactSketch SUMMARY: \n");
    weir_buf_printf(buf, "   Estimate                : %.*s\n", sizes[0], numbers[0]);
    weir_buf_printf(buf, "   Upper Bound, 95%% conf   : %.*s\n", sizes[1], numbers[1]);
    weir_buf_printf(buf, "   Lower Bound, 95%% conf   : %.*s\n", sizes[2], numbers[2]);
    weir_buf_printf(buf, "   Theta (double)          : %.*s\n", sizes[3], numbers[3]);
    weir_buf_printf(buf, "   Theta (long)            : %llu\n", (unsigned long long)view->theta);
    weir_buf_printf(buf, "   EstMode?                : %s\n", estimates ? "true" : "false");
    weir_buf_printf(buf, "   Empty?                  : %s\n", view->empty ? "true" : "false");
    weir_buf_printf(buf, "   Retained Entries        : %u\n", view->count);
    weir_buf_printf(buf, "   Seed Hash               : %x | %u\n", WEIR_THETA_SEED_HASH,
                    WEIR_THETA_SEED_HASH);
    weir_buf_printf(buf, "### END SKETCH SUMMARY\n");
}

RUN(run_to_string)
{
    (void)call;
    weir_str *texts = weir_out_strings(run, n, out);
    weir_buf buf = {0};
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        weir_tuple_view view = open_arg(&args[0], i, run->scratch);
        buf.size = 0;
        describe(&view, &buf);
        texts[i] = weir_scratch_keep(run->scratch, mark, &buf);
    }
    weir_buf_done(&buf);
    return true;
}

RUN(run_to_base64)
{
    (void)call;
    weir_str *texts = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_str image = weir_arg_str(&args[0], i);
        size_t size = 4 * ((image.size + 2) / 3);
        if (!weir_out_check(run, size)) {
            return false;
        }
        char *text = weir_scratch_take(run->scratch, size + 1);
        texts[i] = (weir_str){text, weir_base64_encode(image, text)};
    }
    return true;
}

/* ---- sketches: a quantiles sketch of a column; set operations */

enum { ARG_SKETCH, ARG_COLUMN, ARG_K };

static bool infer_quantiles(weir_fn_call *call, weir_error *err)
{
    call->type = complex_type("quantilesDoublesSketch");
    call->arg_types[ARG_COLUMN] = call->arg_types[ARG_K] = WEIR_TYPE(WEIR_LONG);
    if (!call->literals[ARG_K] || call->literals[ARG_K]->is_null ||
        !weir_quantiles_k_ok(call->literals[ARG_K]->as.l)) {
        return weir_fn_fail(call, err, "k must be a power of 2 between 2 and 32768");
    }
    return need_sketches(call, ARG_SKETCH, ARG_SKETCH + 1, err);
}

RUN(run_quantiles)
{
    weir_str *images = weir_out_strings(run, n, out);
    weir_heap *heap = weir_heap_new(run->scratch->budget);
    weir_buf image = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        weir_tuple_view view = open_arg(&args[ARG_SKETCH], i, run->scratch);
        int64_t column = weir_arg_long(&args[ARG_COLUMN], i);
        weir_quantiles q = weir_quantiles_of((uint32_t)weir_arg_long(&args[ARG_K], i));
        if (ok && (column < 1 || column > view.value_count)) {
            ok = weir_fail(run->err, WEIR_ERR_RUN,
                           "Function[%s] column %lld is not between 1 and %u", call->fn->name,
                           (long long)column, view.value_count);
        }
        for (uint32_t k = 0; ok && k < view.count; k++) {
            double value = view.values[(size_t)k * view.value_count + (size_t)column - 1];
            if (value == value) {
                weir_quantiles_add(heap, &q, value);
            }
        }
        image.size = 0;
        weir_buf_reserve(&image, weir_quantiles_save(heap, &q, NULL));
        image.size = weir_quantiles_save(heap, &q, (uint8_t *)image.at);
        images[i] = weir_scratch_keep(run->scratch, mark, &image);
        weir_heap_drop(heap, q.handle);
    }
    weir_buf_done(&image);
    weir_heap_free(heap);
    return ok;
}

/* Numbers before the sketches: nominal entries, number of values (0: any). */
static uint32_t first_sketch(const weir_fn_call *call)
{
    uint32_t first = 0;
    while (first < 2 && first < call->arg_count && call->arg_types[first].kind == WEIR_LONG) {
        first++;
    }
    return first;
}

static bool infer_set(weir_fn_call *call, weir_error *err)
{
    uint32_t first = first_sketch(call), lg_k;
    for (uint32_t i = 0; i < first; i++) {
        if (!call->literals[i] || call->literals[i]->is_null ||
            (i == 0 && !weir_theta_lg_k(call->literals[0]->as.l, &lg_k))) {
            return weir_fn_fail(call, err,
                                "nominalEntries must be a power of 2 between 16 and 67108864");
        }
    }
    if (first == call->arg_count) {
        return weir_fn_fail(call, err, "needs a sketch");
    }
    call->type = complex_type("arrayOfDoublesSketch");
    return need_sketches(call, first, call->arg_count, err);
}

typedef void set_op(const weir_tuple_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                    weir_tuple_view *out);

static void intersect(const weir_tuple_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                      weir_tuple_view *out)
{
    (void)lg_k;
    weir_tuple_view so_far = views[0];
    for (uint32_t i = 1; i < n; i++) {
        weir_tuple_intersect(&so_far, &views[i], s, &so_far);
    }
    *out = so_far;
}

static void subtract(const weir_tuple_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                     weir_tuple_view *out)
{
    (void)lg_k;
    weir_tuple_view so_far = views[0];
    for (uint32_t i = 1; i < n; i++) {
        weir_tuple_a_not_b(&so_far, &views[i], s, &so_far);
    }
    *out = so_far;
}

/* A sketch that is not there has as many values as the others. */
static bool agree(weir_run *run, weir_tuple_view *views, const bool *there, uint32_t n,
                  uint32_t value_count)
{
    for (uint32_t i = 0; i < n; i++) {
        value_count = value_count == 0 && there[i] ? views[i].value_count : value_count;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!there[i]) {
            views[i] = weir_tuple_none(value_count ? value_count : 1);
        } else if (views[i].value_count != value_count) {
            return weir_fail(run->err, WEIR_ERR_RUN,
                             "Incompatible sketches: number of values mismatch %u and %u",
                             value_count, views[i].value_count);
        }
    }
    return true;
}

static bool run_set(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                    const weir_sel *sel, uint32_t n, set_op *op, weir_vec *out)
{
    uint32_t first = first_sketch(call), lg_k = 0, count = call->arg_count - first;
    int64_t value_count = first > 1 ? weir_arg_long(&args[1], 0) : 0;
    weir_theta_lg_k(first ? weir_arg_long(&args[0], 0) : DEFAULT_ENTRIES, &lg_k);
    weir_str *images = weir_out_strings(run, n, out);
    weir_tuple_view *views = WEIR_SCRATCH_ARRAY(run->scratch, weir_tuple_view, count);
    bool *there = WEIR_SCRATCH_ARRAY(run->scratch, bool, count);
    weir_buf image = {0};
    bool ok = true;
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        weir_tuple_view result;
        for (uint32_t k = 0; k < count; k++) {
            views[k] = open_arg(&args[first + k], i, run->scratch);
            there[k] =
                args[first + k].type.kind == WEIR_COMPLEX && !weir_arg_null(&args[first + k], i);
        }
        ok = ok && agree(run, views, there, count, (uint32_t)value_count);
        if (ok) {
            op(views, count, lg_k, run->scratch, &result);
            image.size = 0;
            weir_buf_reserve(&image, weir_tuple_image(&result, NULL));
            image.size = weir_tuple_image(&result, (uint8_t *)image.at);
            images[i] = weir_scratch_keep(run->scratch, mark, &image);
        }
    }
    weir_buf_done(&image);
    return ok;
}

RUN(run_union)
{
    return run_set(call, run, args, sel, n, weir_tuple_union, out);
}
RUN(run_intersect)
{
    return run_set(call, run, args, sel, n, intersect, out);
}
RUN(run_not)
{
    return run_set(call, run, args, sel, n, subtract, out);
}

#define FN(text, sql, args, more, infer_it, run_it)                                                \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = args, .max_args = args,                         \
        .flags = WEIR_FN_PURE | (more), .infer = (infer_it), .run = (run_it),                      \
    }
#define SET_OP(text, sql, run_it)                                                                  \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = 1, .max_args = 255, .flags = WEIR_FN_PURE,      \
        .infer = infer_set, .run = (run_it),                                                       \
    }
#define NULLS WEIR_FN_NULL_IF_ANY_NULL
static const weir_fn fns[] = {
    FN("ds_tuple_doubles_estimate", NULL, 1, NULLS, infer_double, run_estimate),
    FN("ds_tuple_doubles_estimate_and_bounds", NULL, 2, NULLS, infer_bounds, run_bounds),
    FN("ds_tuple_doubles_num_entries", NULL, 1, NULLS, infer_long, run_entries),
    FN("ds_tuple_doubles_means", NULL, 1, NULLS, infer_list, run_means),
    FN("ds_tuple_doubles_variances", NULL, 1, NULLS, infer_list, run_variances),
    FN("ds_tuple_doubles_metrics_sum_estimate", "DS_TUPLE_DOUBLES_METRICS_SUM_ESTIMATE", 1, NULLS,
       infer_list, run_sums),
    FN("ds_tuple_doubles_t_test", NULL, 2, NULLS, infer_t_test, run_t_test),
    FN("ds_tuple_doubles_to_string", NULL, 1, 0, infer_text, run_to_string),
    FN("ds_tuple_doubles_to_base64", NULL, 1, NULLS, infer_text, run_to_base64),
    FN("ds_tuple_doubles_quantiles_sketch", NULL, 3, NULLS, infer_quantiles, run_quantiles),
    SET_OP("ds_tuple_doubles_union", "DS_TUPLE_DOUBLES_UNION", run_union),
    SET_OP("ds_tuple_doubles_intersect", "DS_TUPLE_DOUBLES_INTERSECT", run_intersect),
    SET_OP("ds_tuple_doubles_not", "DS_TUPLE_DOUBLES_NOT", run_not),
};
const weir_fn_set weir_fns_tuple = WEIR_FN_SET(fns);
