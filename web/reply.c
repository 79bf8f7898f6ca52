/* web/reply.c - replies and what a request's strings say. */
#include "web/http.h"

void weir_reply_error(weir_call *call, const weir_error *err)
{
    call->out.size = 0;
    call->status = weir_err_status(err->code);
    call->reply_type = "application/json";
    weir_error_body(err, call->remote, &call->out);
}

void weir_reply_sentence(weir_call *call, const weir_error *err)
{
    weir_json json = {.out = &call->out};
    call->out.size = 0;
    call->status = weir_err_status(err->code);
    if (err->message[0]) {
        weir_json_begin_object(&json);
        weir_json_member_text(&json, "error", err->message);
        weir_json_end_object(&json);
    }
}

void weir_reply_or_sentence(weir_call *call, bool ok, const weir_error *err)
{
    if (!ok) {
        weir_reply_sentence(call, err);
    }
}

void weir_reply(weir_call *call, bool ok, const weir_error *err)
{
    if (!ok) {
        weir_reply_error(call, err);
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

weir_str weir_percent_decode(weir_arena *arena, weir_str text, bool plus_is_blank)
{
    char *out = weir_arena_alloc(arena, text.size + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (c == '%' && i + 2 < text.size && hex_digit(text.at[i + 1]) >= 0 && hex_digit(text.at[i + 2]) >= 0) {
            c = (char)(hex_digit(text.at[i + 1]) * 16 + hex_digit(text.at[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        out[n++] = c;
    }
    return (weir_str){out, n};
}

size_t weir_call_params(weir_call *call, const char *name, weir_str *out, size_t capacity)
{
    weir_str left = call->query;
    size_t count = 0;
    while (left.size > 0 && count < capacity) {
        const char *amp = memchr(left.at, '&', left.size);
        size_t size = amp ? (size_t)(amp - left.at) : left.size;
        const char *equals = memchr(left.at, '=', size);
        size_t name_size = equals ? (size_t)(equals - left.at) : size;
        if (weir_str_eq((weir_str){left.at, name_size}, weir_str_of(name))) {
            weir_str value = equals ? (weir_str){equals + 1, size - name_size - 1} : WEIR_STR("");
            out[count++] = weir_percent_decode(call->arena, value, true);
        }
        size += amp != NULL;
        left = (weir_str){left.at + size, left.size - size};
    }
    return count;
}

bool weir_call_param(weir_call *call, const char *name, weir_str *out)
{
    return weir_call_params(call, name, out, 1) == 1;
}

bool weir_call_flag(weir_call *call, const char *name, bool fallback)
{
    weir_str value;
    return weir_call_param(call, name, &value) ? weir_str_eq_nocase(value, WEIR_STR("true")) : fallback;
}

bool weir_call_int(weir_call *call, const char *name, int64_t *out)
{
    weir_str text;
    weir_error err = {0};
    int64_t value;
    if (!weir_call_param(call, name, &text)) {
        return true;
    }
    if (weir_str_to_long(text, &value) && value >= INT32_MIN && value <= INT32_MAX) {
        *out = value;
        return true;
    }
    weir_fail(&err, WEIR_ERR_NOT_FOUND, "%s must be a number of 32 bits", name);
    weir_reply_sentence(call, &err);
    return false;
}

bool weir_call_is_json(const weir_call *call)
{
    weir_str given = call->content_type;
    const char *end = given.size ? memchr(given.at, ';', given.size) : NULL;
    weir_str type = weir_str_trim((weir_str){given.at, end ? (size_t)(end - given.at) : given.size});
    return type.size == 0 || weir_str_eq_nocase(type, WEIR_STR("application/json"));
}

bool weir_call_needs_json(weir_call *call)
{
    bool json = weir_call_is_json(call);
    call->status = json ? call->status : 415;
    return json;
}

bool weir_call_interval(weir_call *call, weir_str text, weir_err code, weir_interval *out)
{
    weir_error err = {0};
    char *copy = weir_arena_text(call->arena, text);
    for (size_t i = 0; i < text.size; i++) {
        copy[i] = copy[i] == '_' ? '/' : copy[i];
    }
    if (!weir_interval_parse((weir_str){copy, text.size}, out, &err)) {
        err.code = code;
        weir_reply_sentence(call, &err);
        return false;
    }
    return true;
}
