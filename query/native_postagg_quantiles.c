/* query/native_postagg_quantiles.c - post-aggregators of quantile sketches, classic and KLL: calls
 * of the functions in compute/fn_quantiles.c over the sketch that "field" gives. */
#include <math.h>
#include "compute/text.h"
#include "query/native_json.h"

/* The type's name is what stands before "To". */
static weir_str family_of(weir_str type)
{
    weir_str family = type;
    while (family.size > 2 && memcmp(family.at + family.size - 2, "To", 2) != 0) {
        family.size--;
    }
    family.size -= 2;
    return family;
}

/* fn(family, field, value); value NULL: without one. */
static bool call_of(weir_native *n, const weir_at *at, const json_t *json, const char *fn,
                    const weir_expr *value, weir_postagg *out)
{
    weir_str type;
    weir_postagg field;
    const json_t *given = weir_native_get(json, "field", NULL);
    if (!given) {
        return weir_native_fail(n, at, "needs 'field'");
    }
    if (!weir_native_need_type(n, at, json, &type) ||
        !weir_native_postagg(n, WEIR_AT(at, "field"), given, &field)) {
        return false;
    }
    const weir_expr *args[] = {
        weir_expr_const(n->arena, weir_value_str(weir_arena_str(n->arena, family_of(type)))),
        field.expr, value};
    out->expr = weir_expr_call(n->arena, fn, value ? 3 : 2, args);
    return true;
}

static bool number_of(weir_native *n, const weir_at *at, const json_t *json, double *out)
{
    if (json && json_is_number(json)) {
        *out = json_number_value(json);
        return true;
    }
    return (json && json_is_string(json) &&
            weir_text_to_double((weir_str){json_string_value(json), json_string_length(json)},
                                out)) ||
           weir_native_fail(n, at, "must be a number");
}

/* A number that Java reads as 0 when it is not there. */
static bool number_member(weir_native *n, const weir_at *at, const json_t *json, const char *name,
                          const weir_expr **out)
{
    const json_t *given = weir_native_get(json, name, NULL);
    double value = 0;
    if (given && !number_of(n, WEIR_AT(at, name), given, &value)) {
        return false;
    }
    *out = weir_expr_const(n->arena, weir_value_double(value));
    return true;
}

static bool list_member(weir_native *n, const weir_at *at, const json_t *json, const char *name,
                        const weir_expr **out)
{
    const json_t *list;
    size_t count;
    if (!weir_native_values(n, at, json, name, &list, &count)) {
        return false;
    }
    if (!list) {
        return weir_native_fail(n, at, "needs '%s'", name);
    }
    weir_value *items = WEIR_ARENA_ARRAY(n->arena, weir_value, count + 1);
    for (size_t i = 0; i < count; i++) {
        double value;
        if (!number_of(n, WEIR_AT_ITEM(WEIR_AT(at, name), i), json_array_get(list, i), &value)) {
            return false;
        }
        items[i] = weir_value_double(value);
    }
    weir_value all = {.type = {.kind = WEIR_ARRAY, .elem = WEIR_DOUBLE}};
    all.as.array.at = items;
    all.as.array.count = (uint32_t)count;
    *out = weir_expr_const(n->arena, all);
    return true;
}

static bool parse_quantile(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const weir_expr *fraction;
    return number_member(n, at, json, "fraction", &fraction) &&
           call_of(n, at, json, "postagg_quantile", fraction, out);
}

static bool parse_quantiles(weir_native *n, const weir_at *at, const json_t *json,
                            weir_postagg *out)
{
    const weir_expr *fractions;
    return list_member(n, at, json, "fractions", &fractions) &&
           call_of(n, at, json, "postagg_quantiles", fractions, out);
}

static bool parse_rank(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const weir_expr *value;
    return number_member(n, at, json, "value", &value) &&
           call_of(n, at, json, "postagg_quantile_rank", value, out);
}

static bool parse_cdf(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const weir_expr *points;
    return list_member(n, at, json, "splitPoints", &points) &&
           call_of(n, at, json, "postagg_quantile_cdf", points, out);
}

static bool parse_histogram(weir_native *n, const weir_at *at, const json_t *json,
                            weir_postagg *out)
{
    int64_t bins;
    const weir_expr *points;
    bool split = weir_native_get(json, "splitPoints", NULL) != NULL;
    if (split && weir_native_get(json, "numBins", NULL)) {
        return weir_native_fail(n, at, "Cannot accept both 'splitPoints' and 'numBins'");
    }
    if (split) {
        return list_member(n, at, json, "splitPoints", &points) &&
               call_of(n, at, json, "postagg_quantile_histogram", points, out);
    }
    return weir_native_long(n, at, json, "numBins", 10, &bins) &&
           call_of(n, at, json, "postagg_quantile_bins",
                   weir_expr_const(n->arena, weir_value_long(bins)), out);
}

static bool parse_text(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    return call_of(n, at, json, "postagg_quantile_text", NULL, out);
}

#define FAMILY(name)                                                                               \
    {name "ToQuantile", parse_quantile}, {name "ToQuantiles", parse_quantiles},                    \
        {name "ToHistogram", parse_histogram}, {name "ToRank", parse_rank},                        \
        {name "ToCDF", parse_cdf}, {name "ToString", parse_text},
static const weir_postagg_type types[] = {FAMILY("quantilesDoublesSketch")
                                              FAMILY("KllDoublesSketch") FAMILY("KllFloatsSketch")};
const weir_postagg_set weir_postaggs_quantiles = {types, sizeof(types) / sizeof(types[0])};
