/* query/native_postagg_theta.c - post-aggregators over theta sketches, as calls of the functions in
 * compute/fn_theta.c. */
#include "query/native_json.h"
#include "compute/theta_values.h"

static bool field_of(weir_native *n, const weir_at *at, const json_t *json, const weir_expr **out)
{
    const json_t *field = weir_native_get(json, "field", NULL);
    weir_postagg inner;
    if (!field) {
        return weir_native_fail(n, at, "needs 'field'");
    }
    if (!weir_native_postagg(n, WEIR_AT(at, "field"), field, &inner)) {
        return false;
    }
    *out = inner.expr;
    return true;
}

static bool parse_estimate(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const weir_expr *args[2];
    int64_t std_devs;
    if (!field_of(n, at, json, &args[0]) ||
        !weir_native_long(n, at, json, "errorBoundsStdDev", 0, &std_devs)) {
        return false;
    }
    if (!weir_native_get(json, "errorBoundsStdDev", NULL)) {
        out->expr = weir_expr_call(n->arena, "theta_sketch_estimate", 1, args);
        return true;
    }
    if (std_devs < 1 || std_devs > 3) {
        return weir_native_fail(n, WEIR_AT(at, "errorBoundsStdDev"), "must be 1, 2 or 3");
    }
    args[1] = weir_expr_const(n->arena, weir_value_long(std_devs));
    out->expr = weir_expr_call(n->arena, "theta_sketch_estimate_with_error_bounds", 2, args);
    return true;
}

static bool parse_set_op(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    static const struct {
        const char *func, *fn;
    } operations[] = {
        {"UNION", "theta_sketch_union"},
        {"INTERSECT", "theta_sketch_intersect"},
        {"NOT", "theta_sketch_not"},
    };
    weir_str func;
    int64_t size;
    uint32_t lg_k;
    const weir_expr **fields;
    size_t count;
    if (!weir_native_need_text(n, at, json, "func", &func) ||
        !weir_native_long(n, at, json, "size", 16384, &size) ||
        !weir_native_postagg_fields(n, at, json, &fields, &count)) {
        return false;
    }
    if (!weir_theta_lg_k(size, &lg_k)) {
        return weir_native_fail(n, WEIR_AT(at, "size"),
                                "must be a power of 2 between 16 and 67108864");
    }
    if (count < 2 || count > 250) {
        return weir_native_fail(n, WEIR_AT(at, "fields"),
                                "Illegal number of fields[%zu], must be > 1 and at most 250",
                                count);
    }
    const weir_expr **args = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, count + 1);
    args[0] = weir_expr_const(n->arena, weir_value_long(size));
    memcpy(args + 1, fields, count * sizeof(*args));
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (weir_str_is(func, operations[i].func)) {
            out->expr = weir_expr_call(n->arena, operations[i].fn, (uint32_t)count + 1, args);
            return true;
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "func"), "'%.*s' is none of UNION, INTERSECT, NOT",
                            WEIR_STR_ARG(func));
}

static bool parse_to_string(weir_native *n, const weir_at *at, const json_t *json,
                            weir_postagg *out)
{
    const weir_expr *field;
    if (!field_of(n, at, json, &field)) {
        return false;
    }
    out->expr = weir_expr_call(n->arena, "theta_sketch_to_string", 1, &field);
    return true;
}

static bool reads(weir_str bytes, weir_scratch *s)
{
    weir_theta_view view;
    return weir_theta_open(bytes, s, &view);
}

static bool parse_constant(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    return weir_native_sketch_constant(n, at, json, "thetaSketch", "a theta sketch", reads, out);
}

static const weir_postagg_type types[] = {
    {"thetaSketchEstimate", parse_estimate},
    {"thetaSketchSetOp", parse_set_op},
    {"thetaSketchToString", parse_to_string},
    {"thetaSketchConstant", parse_constant},
};
const weir_postagg_set weir_postaggs_theta = {types, sizeof(types) / sizeof(types[0])};
