/* ingest/flatten.c - see ingest/flatten.h. Of JsonPath what people use: .name, ['name'], [index],
 * [*]; the rest (.., slices, filters, functions) is refused by name, as a path that quietly finds
 * nothing would lose data. jq is refused too. */
#include "ingest/flatten.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdio.h>

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool take_quoted(cursor *in, weir_arena *arena, weir_str *out)
{
    char quote = *in->at++;
    char *text = weir_arena_alloc(arena, (size_t)(in->end - in->at) + 1);
    size_t size = 0;
    while (in->at < in->end && *in->at != quote) {
        if (*in->at == '\\' && in->at + 1 < in->end) {
            in->at++;
        }
        text[size++] = *in->at++;
    }
    *out = (weir_str){text, size};
    return in->at < in->end && *in->at++ == quote;
}

/* After '['. */
static bool take_bracket(cursor *in, weir_arena *arena, weir_step *out)
{
    if (in->at < in->end && (*in->at == '\'' || *in->at == '"')) {
        out->kind = WEIR_STEP_NAME;
        if (!take_quoted(in, arena, &out->name)) {
            return false;
        }
    } else if (in->at < in->end && *in->at == '*') {
        out->kind = WEIR_STEP_ALL;
        in->at++;
    } else {
        const char *from = in->at;
        while (in->at < in->end && *in->at != ']') {
            in->at++;
        }
        out->kind = WEIR_STEP_INDEX;
        if (!weir_str_to_long((weir_str){from, (size_t)(in->at - from)}, &out->index)) {
            return false;
        }
    }
    return in->at < in->end && *in->at++ == ']';
}

/* After '.'. */
static bool take_name(cursor *in, weir_arena *arena, weir_step *out)
{
    const char *from = in->at;
    while (in->at < in->end && !strchr(".[]()'\"?@*,", *in->at)) {
        in->at++;
    }
    out->kind = WEIR_STEP_NAME;
    out->name = weir_arena_str(arena, (weir_str){from, (size_t)(in->at - from)});
    return in->at > from && (in->at == in->end || *in->at == '.' || *in->at == '[');
}

bool weir_flatten_path(weir_str text, weir_arena *arena, weir_flatten_field *out, weir_error *err)
{
    cursor in = {text.at, text.at + text.size};
    weir_step *steps = WEIR_ARENA_ARRAY(arena, weir_step, text.size + 1);
    uint32_t count = 0;
    bool ok = text.size > 1 && *in.at++ == '$';
    while (ok && in.at < in.end) {
        char next = *in.at++;
        ok = next == '.'   ? take_name(&in, arena, &steps[count])
             : next == '[' ? take_bracket(&in, arena, &steps[count])
                           : false;
        count++;
    }
    if (!ok || steps[0].kind != WEIR_STEP_NAME) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                         "'%.*s' is not a path that is supported: give $.name, then .name, "
                         "['name'], [index] or [*]",
                         WEIR_STR_ARG(text));
    }
    out->key = steps[0].name;
    out->steps = steps + 1;
    out->step_count = count - 1;
    return true;
}

static bool parse_tree(const weir_members *m, weir_arena *arena, weir_flatten_field *out,
                       weir_error *err)
{
    const json_t *nodes;
    if (!weir_member_array(m, "nodes", &nodes, err)) {
        return false;
    }
    size_t count = json_array_size(nodes);
    weir_step *steps = WEIR_ARENA_ARRAY(arena, weir_step, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(nodes, i));
        if (!name) {
            return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must be a list of strings",
                             weir_member_path(m, "nodes"));
        }
        steps[i] =
            (weir_step){.kind = WEIR_STEP_NAME, .name = weir_arena_str(arena, weir_str_of(name))};
    }
    if (count == 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must not be empty",
                         weir_member_path(m, "nodes"));
    }
    out->key = steps[0].name;
    out->steps = steps + 1;
    out->step_count = (uint32_t)count - 1;
    return true;
}

static bool parse_field(const json_t *json, const char *path, weir_arena *arena,
                        weir_flatten_field *out, weir_error *err)
{
    weir_members m;
    weir_str type = WEIR_STR("path"), name = {0}, expr = {0};
    *out = (weir_flatten_field){0};
    if (json_is_string(json)) { /* short for a root field */
        out->name = out->key = weir_arena_str(arena, weir_str_of(json_string_value(json)));
        return true;
    }
    if (!weir_members_of(json, path, &m, err) || !weir_member_text(&m, "type", &type, err) ||
        !weir_member_text(&m, "name", &name, err) || !weir_member_text(&m, "expr", &expr, err)) {
        return false;
    }
    if (name.size == 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s is missing", weir_member_path(&m, "name"));
    }
    out->name = weir_arena_str(arena, name);
    if (weir_str_is(type, "root")) {
        out->key = expr.size > 0 ? weir_arena_str(arena, expr) : out->name;
        return true;
    }
    if (weir_str_is(type, "path")) {
        return weir_flatten_path(expr, arena, out, err) ||
               weir_fail_in(err, "%s", weir_member_path(&m, "expr"));
    }
    if (weir_str_is(type, "tree")) {
        return parse_tree(&m, arena, out, err);
    }
    if (weir_str_is(type, "jq")) {
        return weir_fail(err, WEIR_ERR_UNSUPPORTED,
                         "%s: jq expressions are not supported, use path",
                         weir_member_path(&m, "type"));
    }
    return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must be root, path or tree, not '%.*s'",
                     weir_member_path(&m, "type"), WEIR_STR_ARG(type));
}

bool weir_flatten_parse(const struct json_t *json, const char *path, weir_arena *arena,
                        weir_flatten *out, weir_error *err)
{
    weir_members m;
    const json_t *list;
    *out = (weir_flatten){.discover = true};
    if (!weir_members_of(json, path, &m, err) ||
        !weir_member_bool(&m, "useFieldDiscovery", &out->discover, err) ||
        !weir_member_array(&m, "fields", &list, err)) {
        return false;
    }
    size_t count = json_array_size(list);
    weir_flatten_field *fields = WEIR_ARENA_ARRAY(arena, weir_flatten_field, count + 1);
    for (size_t i = 0; i < count; i++) {
        char where[200];
        snprintf(where, sizeof(where), "%s.fields[%zu]", path, i);
        if (!parse_field(json_array_get(list, i), where, arena, &fields[i], err)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (weir_str_eq(fields[i].name, fields[j].name)) {
                return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s.name: '%.*s' is named twice", where,
                                 WEIR_STR_ARG(fields[i].name));
            }
        }
    }
    out->fields = fields;
    out->count = (uint32_t)count;
    return true;
}
