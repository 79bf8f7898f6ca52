/* compute/fn_theta.c - functions over COMPLEX<thetaSketch>: what the post-aggregators of theta
 * sketches, and SQL's THETA_SKETCH_ functions, become. A sketch that is null or cannot be read is
 * one of nothing. */
#include "compute/fn_util.h"
#include "compute/theta_values.h"
#include "weir/buf.h"

#define RUN(name)                                                                                  \
    static bool name(const weir_fn_call *call, weir_run *run, const weir_vec *args,                \
                     const weir_sel *sel, uint32_t n, weir_vec *out)

#define DEFAULT_SIZE 16384

static bool is_sketch(weir_type type)
{
    return type.kind == WEIR_UNKNOWN || (type.kind == WEIR_COMPLEX && type.complex &&
                                         strcmp(type.complex->name, "thetaSketch") == 0);
}

static bool need_sketches(const weir_fn_call *call, uint32_t from, uint32_t to, weir_error *err)
{
    for (uint32_t i = from; i < to; i++) {
        if (!is_sketch(call->arg_types[i])) {
            char name[64];
            return weir_fail(err, WEIR_ERR_BAD_QUERY,
                             "Function[%s] requires a ThetaSketch as the argument, got [%.*s]",
                             call->fn->name,
                             WEIR_STR_ARG(weir_type_name(call->arg_types[i], name)));
        }
    }
    return true;
}

static weir_type sketch_type(void)
{
    return (weir_type){.kind = WEIR_COMPLEX, .complex = weir_complex_find(WEIR_STR("thetaSketch"))};
}

static weir_theta_view open_arg(const weir_vec *arg, uint32_t i, weir_scratch *s)
{
    weir_theta_view view;
    bool is = arg->type.kind == WEIR_COMPLEX && !weir_arg_null(arg, i) &&
              weir_theta_open(weir_arg_str(arg, i), s, &view);
    return is ? view : WEIR_THETA_NONE;
}

static bool infer_estimate(weir_fn_call *call, weir_error *err)
{
    call->type = WEIR_TYPE(WEIR_DOUBLE);
    return need_sketches(call, 0, 1, err);
}

RUN(run_estimate)
{
    (void)call;
    double *values = weir_out_doubles(run, n, out);
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        weir_theta_view view = open_arg(&args[0], i, run->scratch);
        values[i] = weir_theta_view_estimate(&view);
        weir_scratch_rewind(run->scratch, mark);
    }
    return true;
}

static bool infer_bounds(weir_fn_call *call, weir_error *err)
{
    call->type = (weir_type){.kind = WEIR_COMPLEX,
                             .complex = weir_complex_find(WEIR_STR(WEIR_THETA_BOUNDS_TYPE))};
    call->arg_types[1] = WEIR_TYPE(WEIR_LONG);
    return need_sketches(call, 0, 1, err);
}

RUN(run_bounds)
{
    weir_str *texts = weir_out_strings(run, n, out);
    FOR_ROWS(sel, i)
    {
        int64_t std_devs = weir_arg_null(&args[1], i) ? 0 : weir_arg_long(&args[1], i);
        if (std_devs < 1 || std_devs > 3) {
            return weir_fail(run->err, WEIR_ERR_RUN,
                             "Function[%s] numStdDevs must be 1, 2 or 3, got [%lld]",
                             call->fn->name, (long long)std_devs);
        }
        weir_theta_view view = open_arg(&args[0], i, run->scratch);
        texts[i] = weir_theta_bounds_text(&view, (uint32_t)std_devs, run->scratch);
    }
    return true;
}

static bool infer_to_string(weir_fn_call *call, weir_error *err)
{
    call->type = WEIR_TYPE(WEIR_STRING);
    return need_sketches(call, 0, 1, err);
}

static const char *java_bool(bool value)
{
    return value ? "true" : "false";
}

/* As the sketches of datasketches-java describe themselves. */
static void describe(const weir_theta_view *view, weir_buf *buf)
{
    char estimate[32], upper[32], lower[32], theta[32];
    const char *class = view->empty                                         ? "EmptyCompactSketch"
                        : view->count == 1 && view->theta == WEIR_THETA_ALL ? "SingleItemSketch"
                                                                            : "HeapCompactSketch";
    uint32_t seed_hash = view->empty ? 0 : WEIR_THETA_SEED_HASH;
    size_t estimate_size = weir_print_double(estimate, weir_theta_view_estimate(view)),
           upper_size = weir_print_double(upper, weir_theta_upper(view, 2)),
           lower_size = weir_print_double(lower, weir_theta_lower(view, 2)),
           theta_size = weir_print_double(theta, (double)view->theta / 9223372036854775807.0);
    weir_buf_printf(buf, "\n### %s SUMMARY: \n", class);
    weir_buf_printf(buf, "   Estimate                : %.*s\n", (int)estimate_size, estimate);
    weir_buf_printf(buf, "   Upper Bound, 95%% conf   : %.*s\n", (int)upper_size, upper);
    weir_buf_printf(buf, "   Lower Bound, 95%% conf   : %.*s\n", (int)lower_size, lower);
    weir_buf_printf(buf, "   Theta (double)          : %.*s\n", (int)theta_size, theta);
    weir_buf_printf(buf, "   Theta (long)            : %llu\n", (unsigned long long)view->theta);
    weir_buf_printf(buf, "   Theta (long) hex        : %016llx\n", (unsigned long long)view->theta);
    weir_buf_printf(buf, "   EstMode?                : %s\n",
                    java_bool(view->theta < WEIR_THETA_ALL));
    weir_buf_printf(buf, "   Empty?                  : %s\n", java_bool(view->empty));
    weir_buf_printf(buf, "   Ordered?                : true\n");
    weir_buf_printf(buf, "   Retained Entries        : %u\n", view->count);
    weir_buf_printf(buf, "   Seed Hash               : %x | %u\n", seed_hash, seed_hash);
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
        weir_theta_view view = open_arg(&args[0], i, run->scratch);
        buf.size = 0;
        describe(&view, &buf);
        texts[i] = weir_scratch_keep(run->scratch, mark, &buf);
    }
    weir_buf_done(&buf);
    return true;
}

/* Set operations: the size when the first argument is a number, then sketches. */

static bool has_size(const weir_fn_call *call)
{
    return call->arg_types[0].kind == WEIR_LONG;
}

static bool infer_set(weir_fn_call *call, weir_error *err)
{
    uint32_t lg_k, first = has_size(call);
    if (first && (!call->literals[0] || call->literals[0]->is_null ||
                  !weir_theta_lg_k(call->literals[0]->as.l, &lg_k))) {
        return weir_fn_fail(call, err, "size must be a power of 2 between 16 and 67108864");
    }
    if (call->arg_count == first) {
        return weir_fn_fail(call, err, "needs a sketch");
    }
    call->type = sketch_type();
    return need_sketches(call, first, call->arg_count, err);
}

typedef void set_op(const weir_theta_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                    weir_theta_view *out);

static void intersect(const weir_theta_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                      weir_theta_view *out)
{
    (void)lg_k;
    weir_theta_intersect(views, n, s, out);
}

static void subtract(const weir_theta_view *views, uint32_t n, uint32_t lg_k, weir_scratch *s,
                     weir_theta_view *out)
{
    (void)lg_k;
    weir_theta_view so_far = views[0];
    for (uint32_t i = 1; i < n; i++) {
        weir_theta_a_not_b(&so_far, &views[i], s, &so_far);
    }
    *out = so_far;
}

static bool run_set(const weir_fn_call *call, weir_run *run, const weir_vec *args,
                    const weir_sel *sel, uint32_t n, set_op *op, weir_vec *out)
{
    uint32_t first = has_size(call), lg_k = 0;
    weir_theta_lg_k(first ? weir_arg_long(&args[0], 0) : DEFAULT_SIZE, &lg_k);
    weir_str *images = weir_out_strings(run, n, out);
    weir_theta_view *views = WEIR_SCRATCH_ARRAY(run->scratch, weir_theta_view, call->arg_count);
    weir_buf image = {0};
    FOR_ROWS(sel, i)
    {
        weir_mark mark = weir_scratch_mark(run->scratch);
        weir_theta_view result;
        for (uint32_t k = first; k < call->arg_count; k++) {
            views[k - first] = open_arg(&args[k], i, run->scratch);
        }
        op(views, call->arg_count - first, lg_k, run->scratch, &result);
        image.size = 0;
        weir_buf_reserve(&image, weir_theta_image(&result, NULL));
        image.size = weir_theta_image(&result, (uint8_t *)image.at);
        images[i] = weir_scratch_keep(run->scratch, mark, &image);
    }
    weir_buf_done(&image);
    return true;
}

RUN(run_union)
{
    return run_set(call, run, args, sel, n, weir_theta_union, out);
}
RUN(run_intersect)
{
    return run_set(call, run, args, sel, n, intersect, out);
}
RUN(run_not)
{
    return run_set(call, run, args, sel, n, subtract, out);
}

#define SET_OP(text, sql, run_it)                                                                  \
    {                                                                                              \
        .name = text, .sql_name = sql, .min_args = 1, .max_args = 255, .flags = WEIR_FN_PURE,      \
        .infer = infer_set, .run = (run_it),                                                       \
    }
static const weir_fn fns[] = {
    {.name = "theta_sketch_estimate",
     .sql_name = "THETA_SKETCH_ESTIMATE",
     .min_args = 1,
     .max_args = 1,
     .flags = WEIR_FN_PURE | WEIR_FN_NULL_IF_ANY_NULL,
     .infer = infer_estimate,
     .run = run_estimate},
    {.name = "theta_sketch_estimate_with_error_bounds",
     .sql_name = "THETA_SKETCH_ESTIMATE_WITH_ERROR_BOUNDS",
     .min_args = 2,
     .max_args = 2,
     .flags = WEIR_FN_PURE,
     .infer = infer_bounds,
     .run = run_bounds},
    {.name = "theta_sketch_to_string",
     .min_args = 1,
     .max_args = 1,
     .flags = WEIR_FN_PURE,
     .infer = infer_to_string,
     .run = run_to_string},
    SET_OP("theta_sketch_union", "THETA_SKETCH_UNION", run_union),
    SET_OP("theta_sketch_intersect", "THETA_SKETCH_INTERSECT", run_intersect),
    SET_OP("theta_sketch_not", "THETA_SKETCH_NOT", run_not),
};
const weir_fn_set weir_fns_theta = WEIR_FN_SET(fns);
