/* query/native_postagg_hll.c - post-aggregators over HLL sketches, as calls of the functions of
 * compute/fn_hll.c. */
#include "query/native_json.h"

static const weir_expr *number(weir_native *n, int64_t value)
{
    return weir_expr_const(n->arena, weir_value_long(value));
}

static bool parse_field(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_expr **out)
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
    bool round;
    if (!parse_field(n, at, json, &args[0]) ||
        !weir_native_bool(n, at, json, "round", false, &round)) {
        return false;
    }
    args[1] = number(n, round);
    out->expr = weir_expr_call(n->arena, "hll_sketch_estimate", 2, args);
    return true;
}

static bool parse_bounds(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const weir_expr *args[2];
    int64_t deviations;
    if (!parse_field(n, at, json, &args[0]) ||
        !weir_native_long(n, at, json, "numStdDev", 1, &deviations)) {
        return false;
    }
    args[1] = number(n, deviations);
    out->expr = weir_expr_call(n->arena, "hll_sketch_estimate_with_error_bounds", 2, args);
    return true;
}

static bool parse_union(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const weir_expr **fields, **args;
    size_t count;
    int64_t lg_k;
    weir_str type = {0};
    if (!weir_native_postagg_fields(n, at, json, &fields, &count) ||
        !weir_native_long(n, at, json, "lgK", 12, &lg_k) ||
        !weir_native_text(n, at, json, "tgtHllType", &type)) {
        return false;
    }
    if (count > 250) {
        return weir_native_fail(n, WEIR_AT(at, "fields"), "more than 250 sketches");
    }
    args = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, count + 2);
    args[0] = number(n, lg_k);
    args[1] = weir_expr_const(n->arena, weir_value_str(type.at ? type : WEIR_STR("HLL_4")));
    memcpy(args + 2, fields, count * sizeof(*args));
    out->expr = weir_expr_call(n->arena, "hll_sketch_union", (uint32_t)count + 2, args);
    return true;
}

static bool parse_words(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const weir_expr *arg;
    if (!parse_field(n, at, json, &arg)) {
        return false;
    }
    out->expr = weir_expr_call(n->arena, "hll_sketch_to_string", 1, &arg);
    return true;
}

static const weir_postagg_type types[] = {
    {"HLLSketchEstimate", parse_estimate},
    {"HLLSketchEstimateWithBounds", parse_bounds},
    {"HLLSketchUnion", parse_union},
    {"HLLSketchToString", parse_words},
};
const weir_postagg_set weir_postaggs_hll = {types, sizeof(types) / sizeof(types[0])};
