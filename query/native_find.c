/* query/native_find.c - search query specs ("contains", "fragment", "regex", "all"): read once, and
 * made a filter (search filter, search query) or an expression (extraction function). */
#include "query/native_json.h"

typedef enum find_kind { FIND_ALL, FIND_NONE, FIND_PATTERN, FIND_PARTS } find_kind;
typedef struct find {
    find_kind kind;
    weir_str pattern;
    bool sensitive;
    size_t count;
    weir_str *parts; /* all of them must be there */
} find;

static bool read_parts(weir_native *n, const weir_at *at, const json_t *json, find *out)
{
    const json_t *list;
    if (!weir_native_values(n, at, json, "values", &list, &out->count)) {
        return false;
    }
    if (!list) {
        return weir_native_fail(n, at, "needs 'values'");
    }
    out->kind = FIND_PARTS;
    out->parts = WEIR_ARENA_ARRAY(n->arena, weir_str, out->count + 1);
    for (size_t i = 0; i < out->count; i++) {
        if (!weir_native_scalar_text(n, WEIR_AT_ITEM(WEIR_AT(at, "values"), i),
                                     json_array_get(list, i), &out->parts[i])) {
            return false;
        }
    }
    return true;
}

static bool read_find(weir_native *n, const weir_at *at, const json_t *json, find *out)
{
    weir_str type;
    *out = (find){0};
    if (!weir_native_need_type(n, at, json, &type) ||
        !weir_native_bool(n, at, json, "caseSensitive", false, &out->sensitive)) {
        return false;
    }
    if (weir_str_is(type, "all")) {
        out->kind = FIND_ALL;
        return true;
    }
    if (weir_str_is(type, "regex")) {
        out->kind = FIND_PATTERN;
        return weir_native_need_text(n, at, json, "pattern", &out->pattern);
    }
    if (weir_str_is(type, "fragment")) {
        return read_parts(n, at, json, out);
    }
    if (!weir_str_is(type, "contains") && !weir_str_is(type, "insensitive_contains")) {
        return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no search query",
                                WEIR_STR_ARG(type));
    }
    out->sensitive = out->sensitive && weir_str_is(type, "contains");
    out->count = 1;
    out->parts = WEIR_ARENA_NEW(n->arena, weir_str);
    if (!weir_native_text(n, at, json, "value", out->parts)) {
        return false;
    }
    out->kind =
        out->parts[0].at ? FIND_PARTS : FIND_NONE; /* nothing to look for: no value has it */
    return true;
}

bool weir_native_search_query(weir_native *n, const weir_at *at, const json_t *json,
                              weir_target target, weir_filter **out)
{
    find f;
    weir_error why = {0};
    if (!read_find(n, at, json, &f)) {
        return false;
    }
    switch (f.kind) {
    case FIND_ALL: {
        weir_filter *both[] = {weir_filter_any(n->arena, target),
                               weir_filter_is_null(n->arena, target)};
        *out = weir_filter_or(n->arena, both, 2);
        return true;
    }
    case FIND_NONE:
        *out = weir_filter_constant(n->arena, false);
        return true;
    case FIND_PATTERN:
        return weir_filter_regex(n->arena, target, f.pattern, out, &why) ||
               weir_native_fail(n, WEIR_AT(at, "pattern"), "%s", why.message);
    case FIND_PARTS:
        *out = weir_filter_contains(n->arena, target, f.parts, f.count, f.sensitive);
        return true;
    }
    return false;
}

bool weir_native_search_expr(weir_native *n, const weir_at *at, const json_t *json,
                             const weir_expr *text, const weir_expr **out)
{
    find f;
    if (!read_find(n, at, json, &f)) {
        return false;
    }
    *out = weir_expr_const(n->arena, weir_value_long(f.kind != FIND_NONE));
    if (f.kind == FIND_PATTERN) {
        const weir_expr *args[] = {text, weir_expr_const(n->arena, weir_value_str(f.pattern))};
        *out = weir_expr_call(n->arena, "regexp_like", 2, args);
    }
    for (size_t i = 0; f.kind == FIND_PARTS && i < f.count; i++) {
        const weir_expr *args[] = {text, weir_expr_const(n->arena, weir_value_str(f.parts[i]))};
        const weir_expr *both[] = {
            weir_expr_call(n->arena, f.sensitive ? "contains_string" : "icontains_string", 2, args),
            *out};
        *out = i ? weir_expr_call(n->arena, "&&", 2, both) : both[0];
    }
    return true;
}
