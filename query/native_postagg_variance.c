/* query/native_postagg_variance.c - post-aggregators of statistics: stddev over a variance
 * aggregate, the z test. */
#include "query/native_json.h"

static bool parse_stddev(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    weir_str field, estimator;
    if (!weir_native_need_text(n, at, json, "fieldName", &field) ||
        !weir_native_text(n, at, json, "estimator", &estimator)) {
        return false;
    }
    bool population = weir_str_eq_nocase(estimator, WEIR_STR("population"));
    const weir_expr *args[] = {weir_expr_column(n->arena, weir_native_raw(n, field)),
                               weir_expr_const(n->arena, weir_value_long(population))};
    out->expr = weir_expr_call(n->arena, "postagg_stddev", 2, args);
    return true;
}

/* Post-aggregators in these members as the arguments of `fn`. */
static bool call_of(weir_native *n, const weir_at *at, const json_t *json, const char *fn,
                    const char *const *members, uint32_t count, weir_postagg *out)
{
    const weir_expr *args[4];
    for (uint32_t i = 0; i < count; i++) {
        weir_postagg field;
        const json_t *given = weir_native_get(json, members[i], NULL);
        if (!given) {
            return weir_native_fail(n, at, "needs '%s'", members[i]);
        }
        if (!weir_native_postagg(n, WEIR_AT(at, members[i]), given, &field)) {
            return false;
        }
        args[i] = field.expr;
    }
    out->expr = weir_expr_call(n->arena, fn, count, args);
    return true;
}

static bool parse_score(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    static const char *const members[] = {"successCount1", "sample1Size", "successCount2",
                                          "sample2Size"};
    return call_of(n, at, json, "postagg_zscore2sample", members, 4, out);
}

static bool parse_likelihood(weir_native *n, const weir_at *at, const json_t *json,
                             weir_postagg *out)
{
    static const char *const members[] = {"zScore"};
    return call_of(n, at, json, "postagg_pvalue2tailedztest", members, 1, out);
}

static const weir_postagg_type types[] = {
    {"stddev", parse_stddev},
    {"zscore2sample", parse_score},
    {"pvalue2tailedZtest", parse_likelihood},
};
const weir_postagg_set weir_postaggs_variance = {types, sizeof(types) / sizeof(types[0])};
