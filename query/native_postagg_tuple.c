/* query/native_postagg_tuple.c - post-aggregators over tuple sketches (arrayOfDoublesSketch), as
 * calls of the functions in compute/fn_tuple.c. */
#include "query/native_json.h"
#include "compute/sketch_quantiles.h"
#include "compute/sketch_tuple.h"
#include "compute/theta_values.h"

/* fn(field), and up to two whole numbers. */
static bool call_of(weir_native *n, const weir_at *at, const json_t *json, const char *fn,
                    const int64_t *numbers, uint32_t number_count, weir_postagg *out)
{
    const json_t *field = weir_native_get(json, "field", NULL);
    weir_postagg inner;
    const weir_expr *args[3];
    if (!field) {
        return weir_native_fail(n, at, "needs 'field'");
    }
    if (!weir_native_postagg(n, WEIR_AT(at, "field"), field, &inner)) {
        return false;
    }
    args[0] = inner.expr;
    for (uint32_t i = 0; i < number_count; i++) {
        args[i + 1] = weir_expr_const(n->arena, weir_value_long(numbers[i]));
    }
    out->expr = weir_expr_call(n->arena, fn, 1 + number_count, args);
    return true;
}

#define PLAIN(name, fn)                                                                            \
    static bool name(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)     \
    {                                                                                              \
        return call_of(n, at, json, fn, NULL, 0, out);                                             \
    }
PLAIN(parse_estimate, "ds_tuple_doubles_estimate")
PLAIN(parse_entries, "ds_tuple_doubles_num_entries")
PLAIN(parse_means, "ds_tuple_doubles_means")
PLAIN(parse_variances, "ds_tuple_doubles_variances")
PLAIN(parse_sums, "ds_tuple_doubles_metrics_sum_estimate")
PLAIN(parse_to_string, "ds_tuple_doubles_to_string")
PLAIN(parse_to_base64, "ds_tuple_doubles_to_base64")

static bool parse_bounds(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    int64_t std_devs;
    if (!weir_native_long(n, at, json, "numStdDevs", 1, &std_devs)) {
        return false;
    }
    if (std_devs < 1 || std_devs > 3) {
        return weir_native_fail(n, WEIR_AT(at, "numStdDevs"), "must be 1, 2 or 3");
    }
    return call_of(n, at, json, "ds_tuple_doubles_estimate_and_bounds", &std_devs, 1, out);
}

static bool parse_quantiles(weir_native *n, const weir_at *at, const json_t *json,
                            weir_postagg *out)
{
    int64_t numbers[2];
    if (!weir_native_long(n, at, json, "column", 1, &numbers[0]) ||
        !weir_native_long(n, at, json, "k", WEIR_QUANTILES_K, &numbers[1])) {
        return false;
    }
    if (numbers[0] < 1 || numbers[0] > WEIR_TUPLE_MAX_VALUES) {
        return weir_native_fail(n, WEIR_AT(at, "column"), "must be at least 1");
    }
    if (!weir_quantiles_k_ok(numbers[1])) {
        return weir_native_fail(n, WEIR_AT(at, "k"), "must be a power of 2 between 2 and 32768");
    }
    return call_of(n, at, json, "ds_tuple_doubles_quantiles_sketch", numbers, 2, out);
}

static bool parse_set_op(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    static const struct {
        const char *operation, *fn;
    } operations[] = {
        {"UNION", "ds_tuple_doubles_union"},
        {"INTERSECT", "ds_tuple_doubles_intersect"},
        {"NOT", "ds_tuple_doubles_not"},
    };
    weir_str operation;
    int64_t entries, values;
    uint32_t lg_k;
    const weir_expr **fields;
    size_t count;
    if (!weir_native_need_text(n, at, json, "operation", &operation) ||
        !weir_native_long(n, at, json, "nominalEntries", 4096, &entries) ||
        !weir_native_long(n, at, json, "numberOfValues", 1, &values) ||
        !weir_native_postagg_fields(n, at, json, &fields, &count)) {
        return false;
    }
    if (!weir_theta_lg_k(entries, &lg_k)) {
        return weir_native_fail(n, WEIR_AT(at, "nominalEntries"),
                                "must be a power of 2 between 16 and 67108864");
    }
    if (values < 1 || values > WEIR_TUPLE_MAX_VALUES) {
        return weir_native_fail(n, WEIR_AT(at, "numberOfValues"), "must be between 1 and %u",
                                WEIR_TUPLE_MAX_VALUES);
    }
    if (count < 2 || count > 250) {
        return weir_native_fail(n, WEIR_AT(at, "fields"),
                                "Illegal number of fields[%zu], must be > 1 and at most 250",
                                count);
    }
    /* a difference is of as many values as its fields */
    values = weir_str_is(operation, "NOT") ? 0 : values;
    const weir_expr **args = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, count + 2);
    args[0] = weir_expr_const(n->arena, weir_value_long(entries));
    args[1] = weir_expr_const(n->arena, weir_value_long(values));
    memcpy(args + 2, fields, count * sizeof(*args));
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (weir_str_is(operation, operations[i].operation)) {
            out->expr = weir_expr_call(n->arena, operations[i].fn, (uint32_t)count + 2, args);
            return true;
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "operation"), "'%.*s' is none of UNION, INTERSECT, NOT",
                            WEIR_STR_ARG(operation));
}

static bool parse_t_test(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const weir_expr **fields;
    size_t count;
    if (!weir_native_postagg_fields(n, at, json, &fields, &count)) {
        return false;
    }
    if (count != 2) {
        return weir_native_fail(n, WEIR_AT(at, "fields"),
                                "Illegal number of fields[%zu], must be 2", count);
    }
    out->expr = weir_expr_call(n->arena, "ds_tuple_doubles_t_test", 2, fields);
    return true;
}

static bool reads(weir_str bytes, weir_scratch *s)
{
    weir_tuple_view view;
    return weir_tuple_open(bytes, s, &view);
}

static bool parse_constant(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    return weir_native_sketch_constant(n, at, json, "arrayOfDoublesSketch", "an arrayOfDoublesSketch", reads, out);
}

static const weir_postagg_type types[] = {
    {"arrayOfDoublesSketchToEstimate", parse_estimate},
    {"arrayOfDoublesSketchToEstimateAndBounds", parse_bounds},
    {"arrayOfDoublesSketchToNumEntries", parse_entries},
    {"arrayOfDoublesSketchToMeans", parse_means},
    {"arrayOfDoublesSketchToVariances", parse_variances},
    {"arrayOfDoublesSketchToMetricsSumEstimate", parse_sums},
    {"arrayOfDoublesSketchToQuantilesSketch", parse_quantiles},
    {"arrayOfDoublesSketchToString", parse_to_string},
    {"arrayOfDoublesSketchToBase64String", parse_to_base64},
    {"arrayOfDoublesSketchSetOp", parse_set_op},
    {"arrayOfDoublesSketchTTest", parse_t_test},
    {"arrayOfDoublesSketchConstant", parse_constant},
};
const weir_postagg_set weir_postaggs_tuple = {types, sizeof(types) / sizeof(types[0])};
