/* query/native_json.c - members of a JSON request as Jackson reads them into Druid's classes:
 * scalars are turned into the type wanted, null counts as absent, what is not known is ignored.
 * Every complaint names its place: "filter.fields[2].value: ...". */
#include <stdarg.h>
#include <stdio.h>
#include "query/native_json.h"

weir_str weir_at_path(weir_arena *arena, const weir_at *at)
{
    const weir_at *chain[WEIR_NATIVE_DEPTH * 4];
    size_t count = 0;
    for (; at && count < sizeof(chain) / sizeof(chain[0]); at = at->up) {
        chain[count++] = at;
    }
    weir_buf buf = {0};
    while (count--) {
        if (!chain[count]->member) {
            weir_buf_printf(&buf, "[%zu]", chain[count]->index);
        } else if (*chain[count]->member) {
            weir_buf_printf(&buf, "%s%s", buf.size ? "." : "", chain[count]->member);
        }
    }
    weir_str path = weir_arena_str(arena, weir_buf_view(&buf));
    weir_buf_done(&buf);
    return path;
}

static bool fail(weir_native *n, weir_err code, const weir_at *at, const char *format, va_list args)
{
    char what[600];
    vsnprintf(what, sizeof(what), format, args);
    weir_str path = weir_at_path(n->arena, at);
    if (path.size > 300) {
        path = (weir_str){path.at + path.size - 300, 300}; /* the inner end tells more */
    }
    return weir_fail(n->err, code, "%.*s%s%s", WEIR_STR_ARG(path), path.size ? ": " : "", what);
}

bool weir_native_fail(weir_native *n, const weir_at *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(n, n->context_only ? WEIR_ERR_BAD_CONTEXT : WEIR_ERR_BAD_QUERY, at, format, args);
    va_end(args);
    return false;
}

bool weir_native_unsupported(weir_native *n, const weir_at *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(n, WEIR_ERR_UNSUPPORTED, at, format, args);
    va_end(args);
    return false;
}

bool weir_native_too_large(weir_native *n, const weir_at *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(n, WEIR_ERR_RESOURCE, at, format, args);
    va_end(args);
    return false;
}

bool weir_native_enter(weir_native *n, const weir_at *at)
{
    if (n->depth >= WEIR_NATIVE_DEPTH) {
        return weir_native_fail(n, at, "nested deeper than %d", WEIR_NATIVE_DEPTH);
    }
    n->depth++;
    return true;
}

void weir_native_leave(weir_native *n)
{
    n->depth--;
}

const json_t *weir_native_get(const json_t *object, const char *name, const char *alias)
{
    const json_t *value = json_object_get(object, name);
    if (alias && (!value || json_is_null(value))) {
        value = json_object_get(object, alias);
    }
    return value && !json_is_null(value) ? value : NULL;
}

bool weir_native_scalar_text(weir_native *n, const weir_at *at, const json_t *value, weir_str *out)
{
    char text[32];
    switch (json_typeof(value)) {
    case JSON_STRING:
        *out = weir_arena_str(n->arena,
                              (weir_str){json_string_value(value), json_string_length(value)});
        return true;
    case JSON_INTEGER:
        *out = weir_arena_str(n->arena,
                              (weir_str){text, weir_print_long(text, json_integer_value(value))});
        return true;
    case JSON_REAL:
        *out = weir_arena_str(n->arena,
                              (weir_str){text, weir_print_double(text, json_real_value(value))});
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = json_is_true(value) ? WEIR_STR("true") : WEIR_STR("false");
        return true;
    case JSON_NULL:
        *out = (weir_str){0};
        return true;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return weir_native_fail(n, at, "must be a string, not a %s",
                            json_is_array(value) ? "list" : "JSON object");
}

bool weir_native_text(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      weir_str *out)
{
    const json_t *value = weir_native_get(object, name, NULL);
    *out = (weir_str){0};
    return !value || weir_native_scalar_text(n, WEIR_AT(at, name), value, out);
}

bool weir_native_need_text(weir_native *n, const weir_at *at, const json_t *object,
                           const char *name, weir_str *out)
{
    if (!weir_native_text(n, at, object, name, out)) {
        return false;
    }
    return out->at || weir_native_fail(n, at, "needs '%s'", name);
}

bool weir_native_bool(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      bool fallback, bool *out)
{
    const json_t *value = weir_native_get(object, name, NULL);
    *out = fallback;
    if (!value) {
        return true;
    }
    if (json_is_boolean(value)) {
        *out = json_is_true(value);
        return true;
    }
    if (json_is_integer(value)) {
        *out = json_integer_value(value) != 0;
        return true;
    }
    weir_str text = {json_string_value(value),
                     json_is_string(value) ? json_string_length(value) : 0};
    if (weir_str_eq_nocase(text, WEIR_STR("true")) || weir_str_eq_nocase(text, WEIR_STR("false"))) {
        *out = weir_str_eq_nocase(text, WEIR_STR("true"));
        return true;
    }
    return weir_native_fail(n, WEIR_AT(at, name), "must be true or false");
}

bool weir_native_long(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      int64_t fallback, int64_t *out)
{
    const json_t *value = weir_native_get(object, name, NULL);
    *out = fallback;
    if (!value) {
        return true;
    }
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return true;
    }
    if (json_is_real(value) && json_real_value(value) >= -0x1p63 &&
        json_real_value(value) < 0x1p63) {
        *out = (int64_t)json_real_value(value);
        return true;
    }
    if (json_is_string(value) &&
        weir_str_to_long(
            weir_str_trim((weir_str){json_string_value(value), json_string_length(value)}), out)) {
        return true;
    }
    *out = fallback;
    return weir_native_fail(n, WEIR_AT(at, name), "must be a whole number");
}

bool weir_native_value(weir_native *n, const weir_at *at, const json_t *json, weir_value *out)
{
    if (!json || json_is_null(json)) {
        *out = weir_value_null();
    } else if (json_is_integer(json)) {
        *out = weir_value_long(json_integer_value(json));
    } else if (json_is_real(json)) {
        *out = weir_value_double(json_real_value(json));
    } else if (json_is_boolean(json)) {
        *out = weir_value_long(json_is_true(json));
        out->type.face = WEIR_FACE_BOOLEAN;
    } else if (json_is_string(json)) {
        *out = weir_value_str(weir_arena_str(
            n->arena, (weir_str){json_string_value(json), json_string_length(json)}));
    } else if (json_is_array(json)) {
        uint32_t count = (uint32_t)json_array_size(json);
        weir_value *items = WEIR_ARENA_ARRAY(n->arena, weir_value, count + 1);
        weir_kind elem = WEIR_UNKNOWN;
        for (uint32_t i = 0; i < count; i++) {
            const json_t *item = json_array_get(json, i);
            if (json_is_array(item) || json_is_object(item)) {
                return weir_native_fail(n, WEIR_AT_ITEM(at, i), "must be a plain value");
            }
            if (!weir_native_value(n, WEIR_AT_ITEM(at, i), item, &items[i])) {
                return false;
            }
            elem = items[i].type.kind > elem ? items[i].type.kind : elem;
        }
        *out = (weir_value){.type = {.kind = WEIR_ARRAY, .elem = (uint8_t)elem}};
        out->as.array.at = items;
        out->as.array.count = count;
    } else {
        return weir_native_fail(n, at, "must be a plain value, not a JSON object");
    }
    return true;
}

bool weir_native_list(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      const json_t **out, size_t *count)
{
    if (!weir_native_values(n, at, object, name, out, count)) {
        return false;
    }
    return *count <= WEIR_NATIVE_PARTS ||
           weir_native_too_large(n, WEIR_AT(at, name), "has %zu entries, more than %d", *count,
                                 WEIR_NATIVE_PARTS);
}

bool weir_native_values(weir_native *n, const weir_at *at, const json_t *object, const char *name,
                      const json_t **out, size_t *count)
{
    const json_t *value = weir_native_get(object, name, NULL);
    *out = NULL;
    *count = 0;
    if (!value) {
        return true;
    }
    if (!json_is_array(value)) {
        return weir_native_fail(n, WEIR_AT(at, name), "must be a list");
    }
    *out = value;
    *count = json_array_size(value);
    return true;
}

bool weir_native_text_values(weir_native *n, const weir_at *at, const json_t *object,
                             weir_value *out)
{
    const json_t *list;
    size_t count;
    if (!weir_native_values(n, at, object, "values", &list, &count)) {
        return false;
    }
    if (!list) {
        return weir_native_fail(n, at, "needs 'values'");
    }
    weir_value *values = WEIR_ARENA_ARRAY(n->arena, weir_value, count + 1);
    for (size_t i = 0; i < count; i++) {
        weir_str text;
        if (!weir_native_scalar_text(n, WEIR_AT_ITEM(WEIR_AT(at, "values"), i),
                                     json_array_get(list, i), &text)) {
            return false;
        }
        values[i] = text.at ? weir_value_str(text) : weir_value_null();
    }
    *out = (weir_value){.type = {.kind = WEIR_ARRAY, .elem = WEIR_STRING}};
    out->as.array.at = values;
    out->as.array.count = (uint32_t)count;
    return true;
}

bool weir_native_object(weir_native *n, const weir_at *at, const json_t *json)
{
    return json_is_object(json) || weir_native_fail(n, at, "must be a JSON object");
}

bool weir_native_need_type(weir_native *n, const weir_at *at, const json_t *json, weir_str *out)
{
    if (!weir_native_object(n, at, json)) {
        return false;
    }
    const json_t *type = weir_native_get(json, "type", NULL);
    if (!type || !json_is_string(type)) {
        return weir_native_fail(n, at, "needs a 'type' that is a string");
    }
    return weir_native_scalar_text(n, at, type, out);
}

bool weir_names_has(const weir_names *names, weir_str name, uint32_t *index)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (weir_str_eq(names->at[i], name)) {
            *index = i;
            return true;
        }
    }
    return false;
}

bool weir_names_add(weir_names *names, weir_str name)
{
    uint32_t index;
    if (weir_names_has(names, name, &index)) {
        return false;
    }
    if (names->count == names->capacity) {
        uint32_t capacity = names->capacity ? names->capacity * 2 : 8;
        weir_str *at = WEIR_ARENA_ARRAY(names->arena, weir_str, capacity);
        if (names->count) {
            memcpy(at, names->at, names->count * sizeof(*at));
        }
        names->at = at;
        names->capacity = capacity;
    }
    names->at[names->count++] = name;
    return true;
}

void weir_names_see(void *self, weir_str name)
{
    weir_names_add(self, name);
}
