/* query/native_dim.c - dimension specs to key expressions, a table row per type. */
#include "query/native_json.h"

bool weir_native_output_type(weir_native *n, const weir_at *at, const json_t *object,
                             const char *name, weir_type *out)
{
    weir_str text;
    *out = WEIR_TYPE(WEIR_UNKNOWN);
    if (!weir_native_text(n, at, object, name, &text)) {
        return false;
    }
    return !text.at || weir_type_parse(text, out) ||
           weir_native_fail(n, WEIR_AT(at, name), "'%.*s' is no type", WEIR_STR_ARG(text));
}

static bool parse_default(weir_native *n, const weir_at *at, const json_t *json, weir_key *out)
{
    weir_str dimension;
    if (!weir_native_need_text(n, at, json, "dimension", &dimension) ||
        !weir_native_text(n, at, json, "outputName", &out->name) ||
        !weir_native_output_type(n, at, json, "outputType", &out->type)) {
        return false;
    }
    out->name = out->name.at ? out->name : dimension;
    out->expr = weir_expr_column(n->arena, dimension);
    out->type = out->type.kind == WEIR_UNKNOWN ? WEIR_TYPE(WEIR_STRING) : out->type;
    return true;
}

bool weir_native_dimension_fn(weir_native *n, const weir_at *at, const json_t *json,
                              const weir_expr *input, const weir_expr **out)
{
    const json_t *extraction = weir_native_get(json, "extractionFn", "dimExtractionFn");
    const char *type = json_string_value(json_object_get(json, "type"));
    if (type && strcmp(type, "lookup") == 0) {
        return weir_native_lookup_dimension(n, at, json, input, out);
    }
    return extraction
               ? weir_native_extraction(n, WEIR_AT(at, "extractionFn"), extraction, input, out)
               : weir_native_fail(n, at, "needs 'extractionFn'");
}

static bool parse_with_fn(weir_native *n, const weir_at *at, const json_t *json, weir_key *out)
{
    return parse_default(n, at, json, out) &&
           weir_native_dimension_fn(n, at, json, out->expr, &out->expr);
}

/* A delegate whose lists are filtered: only elements that pass make groups. */
static bool parse_delegate(weir_native *n, const weir_at *at, const json_t *json, weir_key *out)
{
    const json_t *delegate = weir_native_get(json, "delegate", NULL);
    return delegate ? weir_native_dimension(n, WEIR_AT(at, "delegate"), delegate, out)
                    : weir_native_fail(n, at, "needs 'delegate'");
}

static bool parse_list_filtered(weir_native *n, const weir_at *at, const json_t *json,
                                weir_key *out)
{
    weir_value set;
    bool allow;
    if (!parse_delegate(n, at, json, out) || !weir_native_text_values(n, at, json, &set) ||
        !weir_native_bool(n, at, json, "isWhitelist", true, &allow)) {
        return false;
    }
    weir_filter *filter = weir_filter_in(n->arena, (weir_target){.column = out->name},
                                         set.as.array.at, set.as.array.count);
    if (!allow) {
        filter->leaf.null_verdict =
            filter->leaf.null_verdict == WEIR_V_TRUE ? WEIR_V_TRUE : WEIR_V_FALSE; /* two-valued */
        filter = weir_filter_normal(n->arena, weir_filter_not(n->arena, filter));
    }
    out->list_filter = filter;
    return true;
}

/* The whole value must match. */
static bool parse_regex_filtered(weir_native *n, const weir_at *at, const json_t *json,
                                 weir_key *out)
{
    weir_str pattern;
    weir_error why = {0};
    if (!parse_delegate(n, at, json, out) ||
        !weir_native_need_text(n, at, json, "pattern", &pattern)) {
        return false;
    }
    weir_str whole = weir_arena_printf(n->arena, "\\A(?:%.*s)\\z", WEIR_STR_ARG(pattern));
    return weir_filter_regex(n->arena, (weir_target){.column = out->name}, whole, &out->list_filter,
                             &why) ||
           weir_native_fail(n, WEIR_AT(at, "pattern"), "%s", why.message);
}

static bool parse_prefix_filtered(weir_native *n, const weir_at *at, const json_t *json,
                                  weir_key *out)
{
    weir_str prefix;
    if (!parse_delegate(n, at, json, out) ||
        !weir_native_need_text(n, at, json, "prefix", &prefix)) {
        return false;
    }
    weir_buf pattern = {0};
    for (size_t i = 0; i < prefix.size; i++) {
        if (prefix.at[i] == '%' || prefix.at[i] == '_' || prefix.at[i] == '!') {
            weir_buf_byte(&pattern, '!');
        }
        weir_buf_byte(&pattern, prefix.at[i]);
    }
    weir_buf_byte(&pattern, '%');
    out->list_filter = weir_filter_like(n->arena, (weir_target){.column = out->name},
                                        weir_buf_view(&pattern), WEIR_STR("!"));
    weir_buf_done(&pattern);
    return true;
}

static const struct dimension_type {
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json,
                  weir_key *out); /* NULL: Druid has it, weir not yet */
} dimension_types[] = {
    {"default", parse_default},
    {"extraction", parse_with_fn},
    {"listFiltered", parse_list_filtered},
    {"regexFiltered", parse_regex_filtered},
    {"prefixFiltered", parse_prefix_filtered},
    {"lookup", parse_with_fn},
};

static bool parse_dimension(weir_native *n, const weir_at *at, const json_t *json, weir_key *out)
{
    weir_str type;
    *out = (weir_key){0};
    if (json_is_string(json)) {
        out->name =
            weir_arena_str(n->arena, (weir_str){json_string_value(json), json_string_length(json)});
        out->expr = weir_expr_column(n->arena, out->name);
        out->type = WEIR_TYPE(WEIR_STRING);
        return true;
    }
    if (!weir_native_object(n, at, json) || !weir_native_text(n, at, json, "type", &type)) {
        return false;
    }
    type = type.at ? type : WEIR_STR("default");
    for (size_t i = 0; i < sizeof(dimension_types) / sizeof(dimension_types[0]); i++) {
        if (weir_str_is(type, dimension_types[i].type)) {
            return dimension_types[i].parse
                       ? dimension_types[i].parse(n, at, json, out)
                       : weir_native_unsupported(n, WEIR_AT(at, "type"),
                                                 "the dimension spec '%.*s' is not supported yet",
                                                 WEIR_STR_ARG(type));
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no dimension spec",
                            WEIR_STR_ARG(type));
}

bool weir_native_dimension(weir_native *n, const weir_at *at, const json_t *json, weir_key *out)
{
    if (!weir_native_enter(n, at)) {
        return false;
    }
    bool ok = parse_dimension(n, at, json, out);
    weir_native_leave(n);
    return ok;
}

/* ---- as an expression */

bool weir_native_filter_in(weir_native *n, const weir_at *at, const json_t *json,
                           const char *allows, const weir_expr *input, const weir_expr **out)
{
    weir_value set;
    bool allow;
    if (!weir_native_text_values(n, at, json, &set) ||
        !weir_native_bool(n, at, json, allows, true, &allow)) {
        return false;
    }
    const weir_expr *args[] = {input, weir_expr_const(n->arena, set),
                               weir_expr_const(n->arena, weir_value_long(allow))};
    *out = weir_expr_call(n->arena, "mv-filter-in", 3, args);
    return true;
}

bool weir_native_dimension_expr(weir_native *n, const weir_at *at, const json_t *json,
                                const weir_expr **out)
{
    weir_str type = {0}, text;
    const json_t *delegate = weir_native_get(json, "delegate", NULL);
    weir_key key;
    bool in, regex, prefix;
    if (json_is_object(json) && !weir_native_text(n, at, json, "type", &type)) {
        return false;
    }
    in = weir_str_is(type, "listFiltered");
    regex = weir_str_is(type, "regexFiltered");
    prefix = weir_str_is(type, "prefixFiltered");
    if (!delegate || !(in || regex || prefix)) { /* what is wrong with it is said there */
        bool ok = weir_native_dimension(n, at, json, &key);
        *out = ok ? key.expr : NULL;
        return ok;
    }
    const weir_expr *input;
    if (!weir_native_enter(n, at)) {
        return false;
    }
    bool ok = weir_native_dimension_expr(n, WEIR_AT(at, "delegate"), delegate, &input);
    weir_native_leave(n);
    if (!ok || in) {
        return ok && weir_native_filter_in(n, at, json, "isWhitelist", input, out);
    }
    if (!weir_native_need_text(n, at, json, regex ? "pattern" : "prefix", &text)) {
        return false;
    }
    const weir_expr *args[] = {input, weir_expr_const(n->arena, weir_value_str(text))};
    *out = weir_expr_call(n->arena, regex ? "mv-filter-regex" : "mv-filter-prefix", 2, args);
    return true;
}
