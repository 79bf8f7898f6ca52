/* query/native_virtual.c - "virtualColumns", a table row per type: each becomes a named expression
 * over the source's columns. */
#include "query/native_json.h"

static bool parse_expression(weir_native *n, const weir_at *at, const json_t *json,
                             weir_virtual *out)
{
    weir_str text;
    return weir_native_need_text(n, at, json, "name", &out->name) &&
           weir_native_need_text(n, at, json, "expression", &text) &&
           weir_native_output_type(n, at, json, "outputType", &out->type) &&
           weir_native_expr(n, WEIR_AT(at, "expression"), text, &out->expr);
}

/* ---- filtered multi-values ---- */

/* "name" and "delegate", whose own output name does not matter. */
static bool parse_delegate(weir_native *n, const weir_at *at, const json_t *json, weir_virtual *out,
                           const weir_expr **list)
{
    weir_key key;
    const json_t *delegate = weir_native_get(json, "delegate", NULL);
    if (!weir_native_need_text(n, at, json, "name", &out->name)) {
        return false;
    }
    if (!delegate) {
        return weir_native_fail(n, at, "needs 'delegate'");
    }
    if (!weir_native_dimension(n, WEIR_AT(at, "delegate"), delegate, &key)) {
        return false;
    }
    if (key.list_filter) {
        return weir_native_unsupported(n, WEIR_AT(at, "delegate"),
                                       "a filtered dimension spec cannot be a delegate here");
    }
    *list = key.expr;
    return true;
}

static bool parse_list_filtered(weir_native *n, const weir_at *at, const json_t *json,
                                weir_virtual *out)
{
    const weir_expr *list;
    return parse_delegate(n, at, json, out, &list) &&
           weir_native_filter_in(n, at, json, "isAllowList", list, &out->expr);
}

static bool parse_text_filtered(weir_native *n, const weir_at *at, const json_t *json,
                                const char *member, const char *fn, weir_virtual *out)
{
    weir_str text;
    const weir_expr *args[2];
    if (!parse_delegate(n, at, json, out, &args[0]) ||
        !weir_native_need_text(n, at, json, member, &text)) {
        return false;
    }
    args[1] = weir_expr_const(n->arena, weir_value_str(text));
    out->expr = weir_expr_call(n->arena, fn, 2, args);
    return true;
}

static bool parse_regex_filtered(weir_native *n, const weir_at *at, const json_t *json,
                                 weir_virtual *out)
{
    return parse_text_filtered(n, at, json, "pattern", "mv-filter-regex", out);
}

static bool parse_prefix_filtered(weir_native *n, const weir_at *at, const json_t *json,
                                  weir_virtual *out)
{
    return parse_text_filtered(n, at, json, "prefix", "mv-filter-prefix", out);
}

/* ---- fields of json ---- */

static void put_field(weir_buf *path, weir_str name)
{
    weir_buf_text(path, "['");
    for (size_t i = 0; i < name.size; i++) {
        if (name.at[i] == '\'' || name.at[i] == '\\') {
            weir_buf_byte(path, '\\');
        }
        weir_buf_byte(path, name.at[i]);
    }
    weir_buf_text(path, "']");
}

/* "pathParts": [{"type":"field","field":"a"},{"type":"arrayElement","index":0}] */
static bool path_of_parts(weir_native *n, const weir_at *at, const json_t *list, size_t count,
                          weir_buf *path)
{
    for (size_t i = 0; i < count; i++) {
        const weir_at *part_at = WEIR_AT_ITEM(WEIR_AT(at, "pathParts"), i);
        const json_t *part = json_array_get(list, i);
        weir_str type, name;
        int64_t index;
        if (!weir_native_need_type(n, part_at, part, &type)) {
            return false;
        }
        if (weir_str_is(type, "field")) {
            if (!weir_native_need_text(n, part_at, part, "field", &name)) {
                return false;
            }
            put_field(path, name);
        } else if (weir_str_is(type, "arrayElement")) {
            if (!weir_native_long(n, part_at, part, "index", 0, &index)) {
                return false;
            }
            weir_buf_printf(path, "[%lld]", (long long)index);
        } else {
            return weir_native_fail(n, WEIR_AT(part_at, "type"), "'%.*s' is no part of a path",
                                    WEIR_STR_ARG(type));
        }
    }
    return true;
}

static bool is_name_byte(char c)
{
    return c != '.' && c != '[' && c != '"' && c != '?' && c != ']';
}

/* jq: .a.b[0]."c d"["e"], each part perhaps with ? behind. */
static bool path_of_jq(weir_native *n, const weir_at *at, weir_str jq, weir_buf *path)
{
    size_t i = 0;
    bool ok = jq.size > 0 && jq.at[0] == '.';
    while (ok && i < jq.size) {
        bool bracket = jq.at[i] == '[';
        if (jq.at[i] != '.' && !bracket) {
            ok = false;
            break;
        }
        i++;
        if (!bracket && (i == jq.size || jq.at[i] == '[')) {
            ok = i < jq.size || jq.size == 1; /* "." alone is the root */
            continue;
        }
        bool quoted = jq.at[i] == '"';
        size_t from = i += quoted;
        while (i < jq.size && (quoted    ? jq.at[i] != '"'
                               : bracket ? jq.at[i] != ']'
                                         : is_name_byte(jq.at[i]))) {
            i++;
        }
        weir_str part = {jq.at + from, i - from};
        ok = part.size > 0 && (!quoted || i < jq.size);
        i += ok && quoted;
        int64_t index;
        if (ok && bracket && !quoted) {
            ok = weir_str_to_long(part, &index);
            weir_buf_printf(path, "[%lld]", ok ? (long long)index : 0);
        } else if (ok) {
            put_field(path, part);
        }
        if (ok && bracket) {
            ok = i < jq.size && jq.at[i] == ']';
            i++;
        }
        i += ok && i < jq.size && jq.at[i] == '?';
    }
    return ok || weir_native_fail(n, WEIR_AT(at, "path"), "'%.*s' is no jq path", WEIR_STR_ARG(jq));
}

static bool read_path(weir_native *n, const weir_at *at, const json_t *json, weir_str *out)
{
    const json_t *parts;
    size_t count;
    bool jq;
    weir_str path;
    weir_buf text = {0};
    if (!weir_native_list(n, at, json, "pathParts", &parts, &count) ||
        !weir_native_text(n, at, json, "path", &path) ||
        !weir_native_bool(n, at, json, "useJqSyntax", false, &jq)) {
        return false;
    }
    if (!parts && !path.at) {
        return weir_native_fail(n, at, "needs 'path' or 'pathParts'");
    }
    if (!parts && !jq) {
        *out = path;
        return true;
    }
    weir_buf_byte(&text, '$');
    bool ok = parts ? path_of_parts(n, at, parts, count, &text) : path_of_jq(n, at, path, &text);
    *out = weir_arena_str(n->arena, weir_buf_view(&text));
    weir_buf_done(&text);
    return ok;
}

static bool parse_nested_field(weir_native *n, const weir_at *at, const json_t *json,
                               weir_virtual *out)
{
    weir_str column, path = {0}, expected;
    weir_type type;
    bool raw;
    if (!weir_native_need_text(n, at, json, "columnName", &column) ||
        !weir_native_need_text(n, at, json, "outputName", &out->name) ||
        !weir_native_text(n, at, json, "expectedType", &expected) ||
        !weir_native_output_type(n, at, json, "expectedType", &type) ||
        !weir_native_bool(n, at, json, "processFromRaw", false, &raw) ||
        !read_path(n, at, json, &path)) {
        return false;
    }
    raw = raw || type.kind == WEIR_COMPLEX;
    const weir_expr *args[3] = {weir_expr_column(n->arena, column),
                                weir_expr_const(n->arena, weir_value_str(path)),
                                weir_expr_const(n->arena, weir_value_str(expected))};
    bool typed = type.kind != WEIR_UNKNOWN;
    out->expr = raw ? weir_expr_call(n->arena, "json_query", 2, args)
                    : weir_expr_call(n->arena, "nested-field", typed ? 3 : 2, args);
    return true;
}

static const struct virtual_type {
    const char *type;
    bool (*parse)(weir_native *n, const weir_at *at, const json_t *json, weir_virtual *out);
} virtual_types[] = {
    {"expression", parse_expression},
    {"nested-field", parse_nested_field},
    {"mv-filtered", parse_list_filtered},
    {"mv-regex-filtered", parse_regex_filtered},
    {"mv-prefix-filtered", parse_prefix_filtered},
    {"fallback", NULL},
};

bool weir_native_virtual(weir_native *n, const weir_at *at, const json_t *json, weir_virtual *out)
{
    weir_str type;
    if (!weir_native_need_type(n, at, json, &type)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(virtual_types) / sizeof(virtual_types[0]); i++) {
        if (weir_str_is(type, virtual_types[i].type)) {
            return virtual_types[i].parse
                       ? virtual_types[i].parse(n, at, json, out)
                       : weir_native_unsupported(n, WEIR_AT(at, "type"),
                                                 "the virtual column '%.*s' is not supported",
                                                 WEIR_STR_ARG(type));
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no virtual column",
                            WEIR_STR_ARG(type));
}

bool weir_native_virtuals(weir_native *n, const weir_at *at, const json_t *query, uint32_t *count,
                          const weir_virtual **out)
{
    const json_t *list;
    size_t size;
    if (!weir_native_list(n, at, query, "virtualColumns", &list, &size)) {
        return false;
    }
    weir_virtual *virtuals = WEIR_ARENA_ARRAY(n->arena, weir_virtual, size + 1);
    weir_names names = {.arena = n->arena};
    for (size_t i = 0; i < size; i++) {
        const weir_at *item = WEIR_AT_ITEM(WEIR_AT(at, "virtualColumns"), i);
        if (!weir_native_virtual(n, item, json_array_get(list, i), &virtuals[i])) {
            return false;
        }
        if (weir_str_is(virtuals[i].name, "__time")) {
            return weir_native_fail(n, item, "a virtual column cannot be called __time");
        }
        if (!weir_names_add(&names, virtuals[i].name)) {
            return weir_native_fail(n, item, "there are two virtual columns '%.*s'",
                                    WEIR_STR_ARG(virtuals[i].name));
        }
    }
    *count = (uint32_t)size;
    *out = virtuals;
    return true;
}
