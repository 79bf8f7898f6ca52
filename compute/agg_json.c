/* compute/agg_json.c - one object of "aggregations" or "metricsSpec" to a weir_agg_spec, by the parameter list of its type; and the specs that follow from a
 * metric: the type it is stored as, the spec that merges its rows. */
#include "compute/agg.h"
#include "compute/lookup.h"
#include "weir/buf.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct parse {
    const json_t *json;
    const char *path;
    weir_arena *arena;
    weir_error *err;
    const weir_agg_dimensions *dimensions; /* NULL: only plain columns */
    const weir_expr **args;
    uint32_t arg_count, arg_capacity;
} parse;

static bool fail(parse *p, const char *member, const char *what)
{
    return weir_fail(p->err, WEIR_ERR_BAD_QUERY, "%s%s%s %s", p->path, member[0] && p->path[0] ? "." : "", member, what);
}

static weir_str text_of(const json_t *value)
{
    return (weir_str){json_string_value(value), json_string_length(value)};
}

static bool add_arg(parse *p, const weir_expr *expr)
{
    if (p->arg_count == p->arg_capacity) {
        p->arg_capacity = p->arg_capacity ? p->arg_capacity * 2 : 4;
        const weir_expr **args = WEIR_ARENA_ARRAY(p->arena, const weir_expr *, p->arg_capacity);
        if (p->arg_count > 0) {
            memcpy(args, p->args, p->arg_count * sizeof(*args));
        }
        p->args = args;
    }
    p->args[p->arg_count++] = expr;
    return true;
}

static bool add_column(parse *p, const char *member, const json_t *value)
{
    const json_t *name = value;
    if (json_is_object(value)) { /* a dimension spec: default is a plain column */
        const char *type = json_string_value(json_object_get(value, "type"));
        if (type && strcmp(type, "default") != 0) {
            return weir_fail(p->err, WEIR_ERR_UNSUPPORTED, "%s.%s: a dimension spec of type '%s' is not supported here", p->path, member, type);
        }
        name = json_object_get(value, "dimension");
    }
    if (!json_is_string(name)) {
        return fail(p, member, "is not the name of a column");
    }
    return add_arg(p, weir_expr_column(p->arena, weir_arena_str(p->arena, text_of(name))));
}

static bool add_expression(parse *p, const json_t *value)
{
    const weir_expr *expr = weir_expr_parse(p->arena, text_of(value), p->err);
    return expr ? add_arg(p, weir_lookups_pin(p->arena, expr)) : weir_fail_in(p->err, "%s.expression", p->path);
}

static bool add_dimension(parse *p, const char *member, size_t index, const json_t *value)
{
    const weir_expr *expr;
    const char *type = json_string_value(json_object_get(value, "type"));
    if (!p->dimensions || !type || strcmp(type, "default") == 0) {
        return add_column(p, member, value);
    }
    return p->dimensions->read(p->dimensions->self, member, index, value, &expr, p->err) && add_arg(p, expr);
}

static bool add_columns(parse *p, const weir_param *param, const json_t *value)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value)) {
        return add_column(p, param->name, value);
    }
    json_array_foreach(value, i, item) {
        if (!add_dimension(p, param->name, i, item)) {
            return false;
        }
    }
    return true;
}

/* Scalars as Jackson coerces them. */
static bool scalar(parse *p, const weir_param *param, const json_t *value, weir_value *out)
{
    weir_str text = json_is_string(value) ? text_of(value) : (weir_str){0};
    int64_t number;
    double real;
    switch ((weir_param_kind)param->kind) {
    case WEIR_PARAM_LONG:
        if (json_is_integer(value) || json_is_real(value) || weir_str_to_long(text, &number)) {
            *out = weir_value_long(json_is_string(value) ? number : json_is_real(value) ? (int64_t)json_real_value(value) : json_integer_value(value));
            return true;
        }
        return fail(p, param->name, "is not a whole number");
    case WEIR_PARAM_DOUBLE:
        if (json_is_number(value) || weir_str_to_double(text, &real)) {
            *out = weir_value_double(json_is_string(value) ? real : json_number_value(value));
            return true;
        }
        return fail(p, param->name, "is not a number");
    case WEIR_PARAM_BOOL:
        if (json_is_boolean(value) || weir_str_is(text, "true") || weir_str_is(text, "false")) {
            *out = weir_value_long(json_is_true(value) || weir_str_is(text, "true"));
            return true;
        }
        return fail(p, param->name, "is neither true nor false");
    case WEIR_PARAM_STRING:
        if (json_is_string(value)) {
            *out = weir_value_str(weir_arena_str(p->arena, text));
            return true;
        }
        return fail(p, param->name, "is not a string");
    case WEIR_PARAM_COLUMN:
    case WEIR_PARAM_COLUMNS:
        break;
    }
    return fail(p, param->name, "has no scalar form");
}

static bool read_fallback(parse *p, const weir_param *param, weir_value *out)
{
    json_t *value = json_loads(param->fallback, JSON_DECODE_ANY, NULL);
    bool ok = param->kind == WEIR_PARAM_COLUMN ? add_column(p, param->name, value) : scalar(p, param, value, out);
    json_decref(value);
    return ok;
}

static bool read_param(parse *p, const weir_param *param, weir_value *out)
{
    const json_t *value = json_object_get(p->json, param->name);
    bool is_column = param->kind == WEIR_PARAM_COLUMN || param->kind == WEIR_PARAM_COLUMNS;
    *out = weir_value_null();
    if (!value && param->alias) {
        value = json_object_get(p->json, param->alias);
    }
    if (value && !json_is_null(value)) {
        return param->kind == WEIR_PARAM_COLUMN    ? add_column(p, param->name, value)
               : param->kind == WEIR_PARAM_COLUMNS ? add_columns(p, param, value)
                                                   : scalar(p, param, value, out);
    }
    const json_t *expression = is_column && strcmp(param->name, "fieldName") == 0 ? json_object_get(p->json, "expression") : NULL;
    if (json_is_string(expression)) {
        return add_expression(p, expression);
    }
    if (param->fallback) {
        return read_fallback(p, param, out);
    }
    return !param->required || fail(p, param->name, "is missing");
}

static weir_str dump(weir_arena *arena, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    weir_str copy = weir_arena_str(arena, weir_str_of(text ? text : "null"));
    free(text);
    return copy;
}

/* Druid's own extensions' and deprecated ones that are left out: README's table of differences. */
static bool is_left_out(weir_str type)
{
    static const char *const types[] = {"approxHistogram",     "approxHistogramFold", "fixedBucketsHistogram", "histogram",          "bloom",
                                        "bloomMerge",          "tDigestSketch",       "momentSketch",          "momentSketchMerge",  "spectatorHistogram",
                                        "spectatorHistogramDistribution", "spectatorHistogramTimer", "ddSketch", "timeMin", "timeMax"};
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (weir_str_is(type, types[i])) {
            return true;
        }
    }
    return false;
}

static bool parse_plain(parse *p, weir_agg_spec *out)
{
    const json_t *type = json_object_get(p->json, "type"), *name = json_object_get(p->json, "name");
    if (!json_is_string(type)) {
        return fail(p, "type", "is missing");
    }
    const weir_agg *agg = weir_agg_find(text_of(type));
    if (!agg && is_left_out(text_of(type))) {
        return weir_fail(p->err, WEIR_ERR_UNSUPPORTED, "%s.type: the aggregator '%s' is not supported", p->path, json_string_value(type));
    }
    if (!agg) {
        return weir_fail(p->err, WEIR_ERR_BAD_QUERY, "%s.type: no aggregator is named '%s'", p->path, json_string_value(type));
    }
    weir_value *values = WEIR_ARENA_ARRAY(p->arena, weir_value, agg->param_count + 1);
    for (uint32_t i = 0; i < agg->param_count; i++) {
        if (!read_param(p, &agg->params[i], &values[i])) {
            return false;
        }
    }
    if (!json_is_string(name)) {
        return fail(p, "name", "is missing");
    }
    *out = (weir_agg_spec){.agg = agg, .name = weir_arena_str(p->arena, text_of(name)), .arg_count = p->arg_count, .args = p->args,
                           .values = values, .json = dump(p->arena, p->json)};
    return !agg->settle || agg->settle(out, values, p->arena, p->err) || weir_fail_in(p->err, "%s", p->path);
}

/* The wrapper's name counts when it has one; else the inner aggregator's. */
static bool parse_filtered(parse *p, weir_agg_spec *out)
{
    const json_t *inner = json_object_get(p->json, "aggregator"), *filter = json_object_get(p->json, "filter"), *outer = p->json;
    const json_t *name = json_object_get(outer, "name");
    char path[256];
    if (!json_is_object(inner) || !json_is_object(filter)) {
        return fail(p, json_is_object(inner) ? "filter" : "aggregator", "is missing");
    }
    snprintf(path, sizeof(path), "%s.aggregator", p->path);
    if (!weir_agg_spec_parse(inner, path, p->arena, out, p->err)) {
        return false;
    }
    out->filter = filter;
    out->json = dump(p->arena, outer);
    if (json_is_string(name)) {
        out->name = weir_arena_str(p->arena, text_of(name));
    }
    return true;
}

bool weir_agg_spec_parse(const json_t *json, const char *path, weir_arena *arena, weir_agg_spec *out, weir_error *err)
{
    return weir_agg_spec_parse_with(json, path, NULL, arena, out, err);
}

bool weir_agg_spec_parse_with(const json_t *json, const char *path, const weir_agg_dimensions *dimensions, weir_arena *arena, weir_agg_spec *out,
                              weir_error *err)
{
    parse p = {.json = json, .path = path, .arena = arena, .err = err, .dimensions = dimensions};
    if (!json_is_object(json)) {
        return fail(&p, "", "is not an object");
    }
    const char *type = json_string_value(json_object_get(json, "type"));
    return type && strcmp(type, "filtered") == 0 ? parse_filtered(&p, out) : parse_plain(&p, out);
}

/* Argument types are not needed to know what a metric is stored as: a metric takes what its type says. */
bool weir_agg_stored_type(const weir_agg_spec *spec, weir_type *out, weir_error *err)
{
    weir_arena *arena = weir_arena_new();
    weir_type *unknown = WEIR_ARENA_ARRAY(arena, weir_type, spec->arg_count + 1);
    weir_agg_bound bound;
    bool ok = spec->agg->row && spec->agg->combining
                  ? weir_agg_bind(spec, unknown, arena, &bound, err)
                  : weir_fail(err, WEIR_ERR_BAD_REQUEST, "metric '%.*s': %s cannot be stored as a column", WEIR_STR_ARG(spec->name), spec->agg->type);
    if (ok) {
        *out = bound.stored_type.kind != WEIR_UNKNOWN ? bound.stored_type : bound.raw_type;
    }
    weir_arena_free(arena);
    return ok;
}

/* Whether `values[i]` of a spec is worth saying: a number or text always, a boolean when it is not its default. */
static bool is_said(const weir_param *param, const weir_value *value)
{
    bool is_flag = param->kind == WEIR_PARAM_BOOL, is_column = param->kind == WEIR_PARAM_COLUMN || param->kind == WEIR_PARAM_COLUMNS;
    bool usual = param->fallback && strcmp(param->fallback, "true") == 0;
    return !is_column && !value->is_null && (!is_flag || (value->as.l != 0) != usual);
}

static void say(weir_json *json, const weir_param *param, const weir_value *value)
{
    if (param->kind == WEIR_PARAM_BOOL) {
        weir_json_member_bool(json, param->name, value->as.l != 0);
    } else if (param->kind == WEIR_PARAM_LONG) {
        weir_json_member_long(json, param->name, value->as.l);
    } else if (param->kind == WEIR_PARAM_DOUBLE) {
        weir_json_member_double(json, param->name, value->as.d);
    } else {
        weir_json_member_str(json, param->name, value->as.s);
    }
}

/* {"type": combining type, "name", "fieldName"} and the parameters that both types have. */
static void print_combining(const weir_agg_spec *spec, const weir_agg *combining, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_json_begin_object(&json);
    weir_json_member_text(&json, "type", combining->type);
    weir_json_member_str(&json, "name", spec->name);
    weir_json_member_str(&json, "fieldName", spec->name);
    for (uint32_t i = 0; i < combining->param_count; i++) {
        for (uint32_t k = 0; k < spec->agg->param_count; k++) {
            const weir_param *param = &spec->agg->params[k];
            if (strcmp(combining->params[i].name, param->name) == 0 && is_said(param, &spec->values[k])) {
                say(&json, param, &spec->values[k]);
            }
        }
    }
    weir_json_end_object(&json);
}

bool weir_agg_combining(const weir_agg_spec *spec, weir_arena *arena, weir_agg_spec *out, weir_error *err)
{
    const weir_agg *agg = spec->agg->combining ? weir_agg_find(weir_str_of(spec->agg->combining)) : NULL;
    if (!agg) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "metric '%.*s': rows of %s cannot be merged", WEIR_STR_ARG(spec->name), spec->agg->type);
    }
    weir_buf text = {0};
    print_combining(spec, agg, &text);
    json_t *json = json_loadb(text.at, text.size, 0, NULL);
    weir_buf_done(&text);
    bool ok = weir_agg_spec_parse(json, "", arena, out, err);
    json_decref(json);
    if (ok) { /* the stored column is the only argument: a pair has its time in it */
        const weir_expr **args = WEIR_ARENA_NEW(arena, const weir_expr *);
        args[0] = weir_expr_column(arena, spec->name);
        out->args = args;
        out->arg_count = 1;
    }
    return ok;
}
