/* query/native_postagg.c - "postAggregations" as expressions over the aggregates, a table row per
 * type; those of sketches have tables of their own, beside this one. */
#include "compute/lookup.h"
#include "query/native_json.h"
#include "weir/base64.h"

/* A text that does not parse is found by Druid only while the query runs: the error is one of
 * running. */
bool weir_native_expr(weir_native *n, const weir_at *at, weir_str text, const weir_expr **out)
{
    weir_error why = {0};
    *out = weir_expr_parse(n->arena, text, &why);
    if (*out) {
        *out = weir_lookups_pin(n->arena, *out);
        return true;
    }
    weir_native_fail(n, at, "%s", why.message);
    n->err->code = WEIR_ERR_RUN;
    return false;
}

const weir_expr *weir_native_cast(weir_native *n, const weir_expr *expr, const char *type)
{
    const weir_expr *args[] = {
        expr,
        weir_expr_const(n->arena, weir_value_str(weir_arena_str(n->arena, weir_str_of(type))))};
    return weir_expr_call(n->arena, "cast", 2, args);
}

bool weir_native_postagg_fields(weir_native *n, const weir_at *at, const json_t *json,
                                const weir_expr ***out, size_t *count)
{
    const json_t *list;
    if (!weir_native_list(n, at, json, "fields", &list, count)) {
        return false;
    }
    if (*count == 0) {
        return weir_native_fail(n, at, "needs 'fields'");
    }
    *out = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, *count);
    for (size_t i = 0; i < *count; i++) {
        weir_postagg field;
        if (!weir_native_postagg(n, WEIR_AT_ITEM(WEIR_AT(at, "fields"), i), json_array_get(list, i),
                                 &field)) {
            return false;
        }
        (*out)[i] = field.expr;
    }
    return true;
}

/* Doubles, from left to right; null if any is null. `/` by zero is zero, `quotient` is not. */
static bool parse_arithmetic(weir_native *n, const weir_at *at, const json_t *json,
                             weir_postagg *out)
{
    static const struct {
        const char *fn, *name;
    } operators[] = {
        {"+", "postagg_plus"},   {"-", "postagg_minus"},           {"*", "postagg_times"},
        {"/", "postagg_divide"}, {"quotient", "postagg_quotient"}, {"pow", "postagg_pow"},
    };
    weir_str fn;
    const weir_expr **fields;
    size_t count;
    if (!weir_native_need_text(n, at, json, "fn", &fn) ||
        !weir_native_postagg_fields(n, at, json, &fields, &count)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (weir_str_is(fn, operators[i].fn)) {
            out->expr = weir_expr_call(n->arena, operators[i].name, (uint32_t)count, fields);
            return true;
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "fn"), "'%.*s' is no arithmetic function",
                            WEIR_STR_ARG(fn));
}

static bool parse_finalizing(weir_native *n, const weir_at *at, const json_t *json,
                             weir_postagg *out)
{
    weir_str field;
    if (!weir_native_need_text(n, at, json, "fieldName", &field)) {
        return false;
    }
    out->name = out->name.at ? out->name : field;
    out->expr = weir_expr_column(n->arena, field);
    return true;
}

/* A sketch comes as it is, other aggregates have one form only. */
static bool parse_access(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    if (!parse_finalizing(n, at, json, out)) {
        return false;
    }
    out->expr = weir_expr_column(n->arena, weir_native_raw(n, out->expr->name));
    return true;
}

static bool parse_constant(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    const json_t *given = weir_native_get(json, "value", NULL);
    weir_value value;
    if (!given || !json_is_number(given)) {
        return weir_native_fail(n, given ? WEIR_AT(at, "value") : at,
                                given ? "must be a number" : "needs 'value'");
    }
    if (!weir_native_value(n, at, given, &value)) {
        return false;
    }
    out->expr = weir_expr_const(n->arena, value);
    return true;
}

static bool parse_expression(weir_native *n, const weir_at *at, const json_t *json,
                             weir_postagg *out)
{
    weir_str text;
    weir_type type;
    if (!weir_native_need_text(n, at, json, "expression", &text) ||
        !weir_native_output_type(n, at, json, "outputType", &type) ||
        !weir_native_expr(n, WEIR_AT(at, "expression"), text, &out->expr)) {
        return false;
    }
    if (type.kind != WEIR_UNKNOWN && type.kind != WEIR_COMPLEX) {
        char name[64] = {0};
        weir_str type_name = weir_type_name(type, name);
        out->expr = weir_native_cast(n, out->expr, weir_arena_text(n->arena, type_name));
    }
    return true;
}

/* The greatest or least of the fields, as doubles or longs; nulls do not count. */
static bool parse_extreme(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    weir_str type;
    const weir_expr **fields;
    size_t count;
    if (!weir_native_need_type(n, at, json, &type) ||
        !weir_native_postagg_fields(n, at, json, &fields, &count)) {
        return false;
    }
    bool as_long = weir_str_starts(type, WEIR_STR("long")),
         greatest = type.at[type.size - 8] == 'G' || type.at[type.size - 3] == 'M';
    for (size_t i = 0; i < count; i++) {
        fields[i] = weir_native_cast(n, fields[i], as_long ? "LONG" : "DOUBLE");
    }
    out->expr = weir_expr_call(n->arena, greatest ? "greatest" : "least", (uint32_t)count, fields);
    return true;
}

static const weir_postagg_type plain_types[] = {
    {"arithmetic", parse_arithmetic},
    {"fieldAccess", parse_access},
    {"finalizingFieldAccess", parse_finalizing},
    {"hyperUniqueCardinality", parse_finalizing},
    {"constant", parse_constant},
    {"expression", parse_expression},
    {"doubleGreatest", parse_extreme},
    {"doubleLeast", parse_extreme},
    {"longGreatest", parse_extreme},
    {"longLeast", parse_extreme},
};

static const weir_postagg_set plain = {plain_types, sizeof(plain_types) / sizeof(plain_types[0])};
static const weir_postagg_set *const sets[] = {
    &plain,
    &weir_postaggs_theta,
    &weir_postaggs_tuple,
    &weir_postaggs_quantiles,
    &weir_postaggs_variance,
    &weir_postaggs_hll,
};

bool weir_native_sketch_constant(weir_native *n, const weir_at *at, const json_t *json,
                                 const char *type, const char *what,
                                 bool (*reads)(weir_str bytes, weir_scratch *s), weir_postagg *out)
{
    weir_str text;
    if (!weir_native_need_text(n, at, json, "value", &text)) {
        return false;
    }
    char *bytes = weir_arena_alloc(n->arena, text.size + 1);
    weir_scratch scratch = {0};
    size_t size;
    bool ok = weir_base64_decode(text, bytes, &size) && reads((weir_str){bytes, size}, &scratch);
    weir_scratch_done(&scratch);
    if (!ok) {
        return weir_native_fail(n, WEIR_AT(at, "value"), "is no base64 of %s", what);
    }
    weir_value value = {
        .type = {.kind = WEIR_COMPLEX, .complex = weir_complex_find(weir_str_of(type))},
        .as.s = {bytes, size}};
    out->expr = weir_expr_const(n->arena, value);
    return true;
}

static bool parse_by_type(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    weir_str type;
    *out = (weir_postagg){0};
    if (!weir_native_need_type(n, at, json, &type) ||
        !weir_native_text(n, at, json, "name", &out->name)) {
        return false;
    }
    if (weir_str_is(type, "javascript")) {
        return weir_native_fail(n, at, "JavaScript is disabled");
    }
    for (size_t s = 0; s < sizeof(sets) / sizeof(sets[0]); s++) {
        for (size_t i = 0; i < sets[s]->count; i++) {
            if (weir_str_is(type, sets[s]->types[i].type)) {
                return sets[s]->types[i].parse(n, at, json, out);
            }
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no post-aggregator",
                            WEIR_STR_ARG(type));
}

bool weir_native_postagg(weir_native *n, const weir_at *at, const json_t *json, weir_postagg *out)
{
    if (!weir_native_enter(n, at)) {
        return false;
    }
    bool ok = parse_by_type(n, at, json, out);
    weir_native_leave(n);
    return ok;
}

bool weir_native_postaggs(weir_native *n, const weir_at *at, const json_t *query, uint32_t *count,
                          const weir_postagg **out)
{
    const json_t *list;
    size_t size;
    if (!weir_native_list(n, at, query, "postAggregations", &list, &size)) {
        return false;
    }
    weir_postagg *postaggs = WEIR_ARENA_ARRAY(n->arena, weir_postagg, size + 1);
    for (size_t i = 0; i < size; i++) {
        const weir_at *item = WEIR_AT_ITEM(WEIR_AT(at, "postAggregations"), i);
        if (!weir_native_postagg(n, item, json_array_get(list, i), &postaggs[i])) {
            return false;
        }
        if (!postaggs[i].name.at) {
            return weir_native_fail(n, item, "needs 'name'");
        }
    }
    *count = (uint32_t)size;
    *out = postaggs;
    return true;
}
