/* base/members.c - see include/weir/members.h. */
#include "weir/members.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>

const char *weir_member_path(const weir_members *m, const char *name)
{
    static _Thread_local char path[201];
    snprintf(path, sizeof(path), "%s%s%s", m->path, m->path[0] ? "." : "", name);
    return path;
}

bool weir_members_of(const struct json_t *value, const char *path, weir_members *out,
                     weir_error *err)
{
    if (value && !json_is_null(value) && !json_is_object(value)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must be an object",
                         path[0] ? path : "the body");
    }
    *out = (weir_members){json_is_object(value) ? value : NULL, path};
    return true;
}

const struct json_t *weir_member_any(const weir_members *m, const char *name)
{
    const json_t *value = m->object ? json_object_get(m->object, name) : NULL;
    return value && !json_is_null(value) ? value : NULL;
}

bool weir_member_text(const weir_members *m, const char *name, weir_str *out, weir_error *err)
{
    const json_t *value = weir_member_any(m, name);
    if (!value) {
        return true;
    }
    if (!json_is_string(value)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must be a string",
                         weir_member_path(m, name));
    }
    *out = (weir_str){json_string_value(value), json_string_length(value)};
    return true;
}

bool weir_member_bool(const weir_members *m, const char *name, bool *out, weir_error *err)
{
    const json_t *value = weir_member_any(m, name);
    if (!value) {
        return true;
    }
    const char *text = json_string_value(value);
    bool yes = json_is_true(value) || (text && strcasecmp(text, "true") == 0);
    if (!yes && !json_is_false(value) && !(text && strcasecmp(text, "false") == 0)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must be true or false",
                         weir_member_path(m, name));
    }
    *out = yes;
    return true;
}

bool weir_member_long(const weir_members *m, const char *name, int64_t min, int64_t max,
                      int64_t *out, weir_error *err)
{
    const json_t *value = weir_member_any(m, name);
    if (!value) {
        return true;
    }
    int64_t number = 0;
    double real = json_is_real(value) ? json_real_value(value) : 0;
    bool ok = true;
    if (json_is_integer(value)) {
        number = json_integer_value(value);
    } else if (json_is_real(value) && fabs(real) < 9e15) {
        number = (int64_t)real;
    } else {
        ok = json_is_string(value) &&
             weir_str_to_long((weir_str){json_string_value(value), json_string_length(value)},
                              &number);
    }
    if (!ok) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must be a whole number",
                         weir_member_path(m, name));
    }
    if (number < min || number > max) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s is %lld, but must be between %lld and %lld",
                         weir_member_path(m, name), (long long)number, (long long)min,
                         (long long)max);
    }
    *out = number;
    return true;
}

bool weir_member_object(const weir_members *m, const char *name, const struct json_t **out,
                        weir_error *err)
{
    const json_t *value = weir_member_any(m, name);
    if (value && !json_is_object(value)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must be an object",
                         weir_member_path(m, name));
    }
    *out = value;
    return true;
}

bool weir_member_array(const weir_members *m, const char *name, const struct json_t **out,
                       weir_error *err)
{
    const json_t *value = weir_member_any(m, name);
    if (value && !json_is_array(value)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s must be a list", weir_member_path(m, name));
    }
    *out = value;
    return true;
}

void weir_members_unknown(const weir_members *m, const char *const *known,
                          void (*warn)(void *self, const char *member), void *self)
{
    for (void *it = m->object && warn ? json_object_iter((json_t *)m->object) : NULL; it;
         it = json_object_iter_next((json_t *)m->object, it)) {
        const char *name = json_object_iter_key(it);
        const char *const *k = known;
        while (*k && strcmp(*k, name) != 0) {
            k++;
        }
        if (!*k) {
            warn(self, weir_member_path(m, name));
        }
    }
}
