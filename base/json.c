/* base/json.c - the JSON writer of include/weir/buf.h: compact as Jackson writes, or pretty as its default printer. */
#include "weir/buf.h"
#include <math.h>

/* As Jackson: only objects indent, arrays stay on their line. */
static void indent(weir_json *json)
{
    weir_buf_byte(json->out, '\n');
    for (int level = 1; level <= json->depth; level++) {
        if (!(json->arrays >> (level & 63) & 1)) {
            weir_buf_put(json->out, "  ", 2);
        }
    }
}

static bool in_array(const weir_json *json)
{
    return json->depth > 0 && (json->arrays >> (json->depth & 63) & 1);
}

/* What stands between the last thing and a value. */
static void before_value(weir_json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (json->comma) {
        weir_buf_byte(json->out, ',');
    }
    if (json->pretty && in_array(json)) {
        weir_buf_byte(json->out, ' ');
    }
    json->comma = true;
}

static void begin(weir_json *json, char open, bool array)
{
    before_value(json);
    weir_buf_byte(json->out, open);
    json->depth++;
    uint64_t bit = 1ull << (json->depth & 63);
    json->arrays = array ? json->arrays | bit : json->arrays & ~bit;
    json->comma = false;
}

void weir_json_begin_object(weir_json *json)
{
    begin(json, '{', false);
}

void weir_json_begin_array(weir_json *json)
{
    begin(json, '[', true);
}

void weir_json_end_object(weir_json *json)
{
    bool empty = !json->comma;
    json->depth--;
    if (json->pretty && empty) {
        weir_buf_byte(json->out, ' ');
    } else if (json->pretty) {
        indent(json);
    }
    weir_buf_byte(json->out, '}');
    json->comma = true;
}

void weir_json_end_array(weir_json *json)
{
    json->depth--;
    if (json->pretty) {
        weir_buf_byte(json->out, ' ');
    }
    weir_buf_byte(json->out, ']');
    json->comma = true;
}

/* Bytes at the front that need no escape, in steps of 8: no control, no quote, no backslash (their tests may call a harmless byte
 * harmful, never the reverse). */
static size_t skip_plain(weir_str value, size_t from)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    while (value.size - from >= 8) {
        uint64_t word;
        memcpy(&word, value.at + from, 8);
        uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
        uint64_t harmful = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
        if (harmful & tops) {
            break;
        }
        from += 8;
    }
    return from;
}

static void put_escaped(weir_buf *out, weir_str value)
{
    static const char escapes[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    size_t from = 0;
    if (value.size == 0) { /* which may have no bytes to point at */
        weir_buf_put(out, "\"\"", 2);
        return;
    }
    weir_buf_byte(out, '"');
    for (size_t i = skip_plain(value, 0); i < value.size; i++) {
        uint8_t byte = (uint8_t)value.at[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        weir_buf_put(out, value.at + from, i - from);
        from = i + 1;
        if (byte < 0x20 && !escapes[byte]) {
            weir_buf_printf(out, "\\u%04X", byte);
        } else {
            char two[2] = {'\\', byte < 0x20 ? escapes[byte] : (char)byte};
            weir_buf_put(out, two, 2);
        }
    }
    weir_buf_put(out, value.at + from, value.size - from);
    weir_buf_byte(out, '"');
}

/* Malformed UTF-8, rare: each byte that starts no sequence becomes U+FFFD. */
static void put_repaired(weir_buf *out, weir_str value)
{
    weir_buf fixed = {0};
    for (size_t i = 0; i < value.size;) {
        size_t step = 1, longest = value.size - i < 4 ? value.size - i : 4;
        while (step <= longest && !weir_str_is_utf8((weir_str){value.at + i, step})) {
            step++;
        }
        if (step > longest) {
            weir_buf_text(&fixed, "\xEF\xBF\xBD");
            i++;
        } else {
            weir_buf_put(&fixed, value.at + i, step);
            i += step;
        }
    }
    put_escaped(out, weir_buf_view(&fixed));
    weir_buf_done(&fixed);
}

static void put_string(weir_buf *out, weir_str value)
{
    if (weir_str_is_utf8(value)) {
        put_escaped(out, value);
    } else {
        put_repaired(out, value);
    }
}

static void before_key(weir_json *json)
{
    if (json->comma) {
        weir_buf_byte(json->out, ',');
    }
    if (json->pretty) {
        indent(json);
    }
    json->comma = true;
    json->after_key = true;
}

static void after_key(weir_json *json)
{
    weir_buf_put(json->out, json->pretty ? " : " : ":", json->pretty ? 3 : 1);
}

void weir_json_key(weir_json *json, weir_str key)
{
    before_key(json);
    put_string(json->out, key);
    after_key(json);
}

void weir_json_quoted_key(weir_json *json, weir_str quoted)
{
    before_key(json);
    weir_buf_str(json->out, quoted);
    after_key(json);
}

void weir_json_str(weir_json *json, weir_str value)
{
    before_value(json);
    put_string(json->out, value);
}

void weir_json_raw(weir_json *json, weir_str text)
{
    before_value(json);
    weir_buf_str(json->out, text);
}

void weir_json_long(weir_json *json, int64_t value)
{
    char text[32];
    weir_json_raw(json, (weir_str){text, weir_print_long(text, value)});
}

void weir_json_double(weir_json *json, double value)
{
    char text[32];
    weir_str number = {text, weir_print_double(text, value)};
    if (isfinite(value)) {
        weir_json_raw(json, number);
    } else {
        weir_json_str(json, number);
    }
}

void weir_json_float(weir_json *json, float value)
{
    char text[32];
    weir_str number = {text, weir_print_float(text, value)};
    if (isfinite(value)) {
        weir_json_raw(json, number);
    } else {
        weir_json_str(json, number);
    }
}

void weir_json_bool(weir_json *json, bool value)
{
    weir_json_raw(json, value ? WEIR_STR("true") : WEIR_STR("false"));
}

void weir_json_null(weir_json *json)
{
    weir_json_raw(json, WEIR_STR("null"));
}

void weir_json_member_str(weir_json *json, const char *key, weir_str value)
{
    weir_json_key(json, weir_str_of(key));
    weir_json_str(json, value);
}

void weir_json_member_text(weir_json *json, const char *key, const char *value)
{
    weir_json_key(json, weir_str_of(key));
    if (value) {
        weir_json_str(json, weir_str_of(value));
    } else {
        weir_json_null(json);
    }
}

void weir_json_member_long(weir_json *json, const char *key, int64_t value)
{
    weir_json_key(json, weir_str_of(key));
    weir_json_long(json, value);
}

void weir_json_member_double(weir_json *json, const char *key, double value)
{
    weir_json_key(json, weir_str_of(key));
    weir_json_double(json, value);
}

void weir_json_member_bool(weir_json *json, const char *key, bool value)
{
    weir_json_key(json, weir_str_of(key));
    weir_json_bool(json, value);
}

void weir_json_member_null(weir_json *json, const char *key)
{
    weir_json_key(json, weir_str_of(key));
    weir_json_null(json);
}
