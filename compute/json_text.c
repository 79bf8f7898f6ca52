/* compute/json_text.c - see json_text.h. One scanner over valid text; validity is checked once,
 * where text comes in. */
#include "compute/json_text.h"
#include "compute/utf.h"
#include <stdlib.h>

static size_t skip_blanks(weir_str s, size_t at)
{
    while (at < s.size &&
           (s.at[at] == ' ' || s.at[at] == '\t' || s.at[at] == '\n' || s.at[at] == '\r')) {
        at++;
    }
    return at;
}

static bool is_digit(weir_str s, size_t at)
{
    return at < s.size && s.at[at] >= '0' && s.at[at] <= '9';
}

static size_t skip_digits(weir_str s, size_t at)
{
    while (is_digit(s, at)) {
        at++;
    }
    return at;
}

/* Each skip_ gives where the thing that begins at `at` ends; 0: malformed. */
static size_t skip_string(weir_str s, size_t at)
{
    for (at++; at < s.size; at++) {
        unsigned char c = (unsigned char)s.at[at];
        if (c == '"') {
            return at + 1;
        }
        if (c < 0x20) {
            return 0;
        }
        if (c != '\\') {
            continue;
        }
        at++;
        if (at >= s.size || !s.at[at] || !strchr("\"\\/bfnrtu", s.at[at])) {
            return 0;
        }
        for (int i = 1; s.at[at] == 'u' && i <= 4; i++) {
            if (at + 4 >= s.size || !strchr("0123456789abcdefABCDEF", s.at[at + i]) ||
                !s.at[at + i]) {
                return 0;
            }
        }
    }
    return 0;
}

static size_t skip_number(weir_str s, size_t at)
{
    at += at < s.size && s.at[at] == '-';
    size_t digits = at;
    at = skip_digits(s, at);
    if (at == digits || (s.at[digits] == '0' && at > digits + 1)) {
        return 0;
    }
    if (at < s.size && s.at[at] == '.') {
        digits = at + 1;
        at = skip_digits(s, digits);
        if (at == digits) {
            return 0;
        }
    }
    if (at < s.size && (s.at[at] == 'e' || s.at[at] == 'E')) {
        digits = at + 1;
        digits += digits < s.size && (s.at[digits] == '-' || s.at[digits] == '+');
        at = skip_digits(s, digits);
        if (at == digits) {
            return 0;
        }
    }
    return at;
}

static size_t skip_value(weir_str s, size_t at, uint32_t depth);

static size_t skip_container(weir_str s, size_t at, uint32_t depth)
{
    bool object = s.at[at] == '{';
    char close = object ? '}' : ']';
    if (depth == 0) {
        return 0;
    }
    at = skip_blanks(s, at + 1);
    if (at < s.size && s.at[at] == close) {
        return at + 1;
    }
    for (;;) {
        if (object) {
            at = at < s.size && s.at[at] == '"' ? skip_string(s, at) : 0;
            at = at ? skip_blanks(s, at) : 0;
            if (!at || at >= s.size || s.at[at] != ':') {
                return 0;
            }
            at = skip_blanks(s, at + 1);
        }
        at = skip_value(s, at, depth - 1);
        at = at ? skip_blanks(s, at) : 0;
        if (!at || at >= s.size || (s.at[at] != ',' && s.at[at] != close)) {
            return 0;
        }
        if (s.at[at] == close) {
            return at + 1;
        }
        at = skip_blanks(s, at + 1);
    }
}

static size_t skip_word(weir_str s, size_t at, const char *word)
{
    size_t size = strlen(word);
    return s.size - at >= size && memcmp(s.at + at, word, size) == 0 ? at + size : 0;
}

static size_t skip_value(weir_str s, size_t at, uint32_t depth)
{
    if (at >= s.size) {
        return 0;
    }
    switch (s.at[at]) {
    case '{':
    case '[':
        return skip_container(s, at, depth);
    case '"':
        return skip_string(s, at);
    case 't':
        return skip_word(s, at, "true");
    case 'f':
        return skip_word(s, at, "false");
    case 'n':
        return skip_word(s, at, "null");
    default:
        return skip_number(s, at);
    }
}

bool weir_json_is_valid(weir_str text)
{
    size_t end = skip_value(text, skip_blanks(text, 0), WEIR_JSON_DEPTH);
    return end && skip_blanks(text, end) == text.size;
}

static weir_str trimmed(weir_str value)
{
    size_t from = skip_blanks(value, 0);
    return (weir_str){value.at + from, value.size - from};
}

static bool is_long(weir_str number)
{
    int64_t l;
    size_t size = skip_number(number, 0);
    number.size = size ? size : number.size;
    return !memchr(number.at, '.', number.size) && !memchr(number.at, 'e', number.size) &&
           !memchr(number.at, 'E', number.size) && weir_str_to_long(number, &l);
}

weir_json_kind weir_json_kind_of(weir_str value)
{
    value = trimmed(value);
    switch (value.size ? value.at[0] : 'n') {
    case '{':
        return WEIR_JSON_OBJECT;
    case '[':
        return WEIR_JSON_ARRAY;
    case '"':
        return WEIR_JSON_STRING;
    case 't':
        return WEIR_JSON_TRUE;
    case 'f':
        return WEIR_JSON_FALSE;
    case 'n':
        return WEIR_JSON_NULL;
    default:
        return is_long(value) ? WEIR_JSON_LONG : WEIR_JSON_DOUBLE;
    }
}

int64_t weir_json_to_long(weir_str value)
{
    int64_t l = 0;
    value = trimmed(value);
    size_t size = skip_number(value, 0);
    weir_str_to_long((weir_str){value.at, size}, &l);
    return l;
}

/* Digits with a point somewhere, at most 15 of them: exact as an integer over a power of ten. */
static bool plain_decimal(weir_str number, uint64_t *digits, uint32_t *scale)
{
    uint32_t count = 0;
    bool point = false;
    *digits = 0;
    *scale = 0;
    for (size_t i = number.size && number.at[0] == '-'; i < number.size; i++) {
        if (number.at[i] == '.' && !point) {
            point = true;
        } else if (number.at[i] >= '0' && number.at[i] <= '9') {
            *digits = *digits * 10 + (uint64_t)(number.at[i] - '0');
            *scale += point;
            count++;
        } else {
            return false;
        }
    }
    return count > 0 && count <= 15;
}

double weir_json_to_double(weir_str value)
{
    static const double powers[16] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    double d = 0;
    uint64_t digits;
    uint32_t scale;
    value = trimmed(value);
    weir_str number = {value.at, skip_number(value, 0)};
    if (plain_decimal(number, &digits, &scale)) {
        d = (double)digits / powers[scale];
        return number.at[0] == '-' ? -d : d;
    }
    weir_str_to_double(number, &d);
    return d;
}

static uint32_t hex4(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

void weir_json_unquote(weir_str value, weir_buf *out)
{
    value = trimmed(value);
    size_t end = skip_string(value, 0);
    for (size_t at = 1; at + 1 < end; at++) {
        char c = value.at[at];
        if (c != '\\') {
            weir_buf_byte(out, c);
            continue;
        }
        c = value.at[++at];
        if (c != 'u') {
            static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
            const char *plain = strchr(from, c);
            weir_buf_byte(out, plain ? to[plain - from] : c);
            continue;
        }
        uint32_t unit = hex4(value.at + at + 1);
        at += 4;
        if (unit >= 0xd800 && unit < 0xdc00 && at + 6 < end && value.at[at + 1] == '\\' &&
            value.at[at + 2] == 'u') {
            uint32_t low = hex4(value.at + at + 3);
            if (low >= 0xdc00 && low < 0xe000) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            }
        }
        char bytes[4];
        weir_buf_put(out, bytes,
                     weir_utf_put(bytes, unit >= 0xd800 && unit < 0xe000 ? WEIR_UTF_BAD : unit));
    }
}

/* Whether Java prints the number just so: 0.001 and above, below 10^7, no zero at either end that
 * could be left out. */
static bool is_java_decimal(weir_str number)
{
    uint64_t digits;
    uint32_t scale;
    const char *point = memchr(number.at, '.', number.size);
    size_t minus = number.size && number.at[0] == '-';
    if (!point || !plain_decimal(number, &digits, &scale)) {
        return false;
    }
    size_t whole = (size_t)(point - number.at) - minus;
    bool trailing = number.at[number.size - 1] == '0' && scale > 1;
    bool leading = whole > 1 && number.at[minus] == '0';
    return whole >= 1 && whole <= 7 && scale >= 1 && !trailing && !leading &&
           (number.at[minus] != '0' || (scale <= 3 && digits > 0));
}

static void normalize_number(weir_str number, weir_json *json)
{
    bool fraction = memchr(number.at, '.', number.size) || memchr(number.at, 'e', number.size) ||
                    memchr(number.at, 'E', number.size);
    if (fraction && !is_java_decimal(number)) {
        weir_json_double(json, weir_json_to_double(number));
    } else {
        weir_json_raw(json, number); /* also a whole number of any size */
    }
}

static void normalize_string(weir_str quoted, bool key, weir_json *json)
{
    weir_str inside = {quoted.at + 1, quoted.size - 2};
    if (!memchr(inside.at, '\\', inside.size) && weir_str_is_utf8(inside)) {
        key ? weir_json_quoted_key(json, quoted) : weir_json_raw(json, quoted);
        return;
    }
    weir_buf text = {0};
    weir_json_unquote(quoted, &text);
    key ? weir_json_key(json, weir_buf_view(&text)) : weir_json_str(json, weir_buf_view(&text));
    weir_buf_done(&text);
}

/* The value at `at` of a valid text; returns where it ends. */
static size_t normalize(weir_str s, size_t at, weir_json *json)
{
    char c = s.at[at];
    if (c != '{' && c != '[') {
        size_t end = skip_value(s, at, WEIR_JSON_DEPTH);
        weir_str token = {s.at + at, end - at};
        if (c == '"') {
            normalize_string(token, false, json);
        } else if (c == 't' || c == 'f' || c == 'n') {
            weir_json_raw(json, token);
        } else {
            normalize_number(token, json);
        }
        return end;
    }
    c == '{' ? weir_json_begin_object(json) : weir_json_begin_array(json);
    at = skip_blanks(s, at + 1);
    while (s.at[at] != '}' && s.at[at] != ']') {
        if (s.at[at] == ',') {
            at = skip_blanks(s, at + 1);
        }
        if (c == '{') {
            size_t end = skip_string(s, at);
            normalize_string((weir_str){s.at + at, end - at}, true, json);
            at = skip_blanks(s, skip_blanks(s, end) + 1);
        }
        at = skip_blanks(s, normalize(s, at, json));
    }
    c == '{' ? weir_json_end_object(json) : weir_json_end_array(json);
    return at + 1;
}

void weir_json_normalize(weir_str value, weir_buf *out)
{
    weir_json json = {.out = out};
    size_t at = skip_blanks(value, 0);
    if (at < value.size && skip_value(value, at, WEIR_JSON_DEPTH)) {
        normalize(value, at, &json);
    } else {
        weir_json_null(&json);
    }
}

bool weir_json_next(weir_str value, size_t *at, weir_str *key, weir_str *part)
{
    size_t now = *at;
    if (now == 0) {
        now = skip_blanks(value, 0);
        if (now >= value.size || (value.at[now] != '{' && value.at[now] != '[')) {
            return false;
        }
        now++;
    }
    now = skip_blanks(value, now);
    if (now < value.size && value.at[now] == ',') {
        now = skip_blanks(value, now + 1);
    }
    if (now >= value.size || value.at[now] == '}' || value.at[now] == ']') {
        return false;
    }
    *key = (weir_str){0};
    size_t first = skip_blanks(value, 0);
    if (value.at[first] == '{') {
        size_t end = skip_string(value, now);
        if (!end) {
            return false;
        }
        *key = (weir_str){value.at + now, end - now};
        now = skip_blanks(value, skip_blanks(value, end) + 1);
    }
    size_t end = skip_value(value, now, WEIR_JSON_DEPTH);
    if (!end) {
        return false;
    }
    *part = (weir_str){value.at + now, end - now};
    *at = end;
    return true;
}

/* ---- paths ---- */

static bool bad_path(weir_str text, const char *what, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_BAD_QUERY, "JSONPath [%.*s] is invalid, %s",
                     (int)(text.size < 300 ? text.size : 300), text.at, what);
}

/* [0] ['name'] ["name"], at the bracket. */
static bool take_bracket(weir_arena *arena, weir_str text, size_t *at, weir_json_step *out,
                         weir_error *err)
{
    size_t i = *at + 1;
    char quote = i < text.size ? text.at[i] : '\0';
    if (quote != '\'' && quote != '"') {
        const char *close = memchr(text.at + i, ']', text.size - i);
        int64_t index = 0;
        if (!close ||
            !weir_str_to_long((weir_str){text.at + i, (size_t)(close - text.at) - i}, &index)) {
            return bad_path(text, "expected number for array specifier", err);
        }
        *out = (weir_json_step){.is_index = true, .index = index};
        *at = (size_t)(close - text.at) + 1;
        return true;
    }
    char *field = weir_arena_alloc(arena, text.size + 1);
    size_t size = 0;
    for (i++; i < text.size && text.at[i] != quote; i++) {
        i += text.at[i] == '\\' && i + 1 < text.size;
        field[size++] = text.at[i];
    }
    if (i + 1 >= text.size || text.at[i + 1] != ']') {
        return bad_path(text, "expected a quote and ']' after a name", err);
    }
    *out = (weir_json_step){.field = {field, size}};
    *at = i + 2;
    return true;
}

bool weir_json_path_parse(weir_arena *arena, weir_str text, weir_json_path *out, weir_error *err)
{
    weir_json_step *steps = WEIR_ARENA_ARRAY(arena, weir_json_step, text.size + 1);
    uint32_t count = 0;
    if (text.size == 0 || text.at[0] != '$') {
        return bad_path(text, "must start with '$'", err);
    }
    for (size_t at = 1; at < text.size;) {
        if (text.at[at] == '[') {
            if (!take_bracket(arena, text, &at, &steps[count++], err)) {
                return false;
            }
            continue;
        }
        if (text.at[at] != '.') {
            return bad_path(text, "expected '.' or '['", err);
        }
        size_t from = ++at;
        while (at < text.size && text.at[at] != '.' && text.at[at] != '[') {
            at++;
        }
        if (at == from && at < text.size && text.at[at] == '[') {
            continue; /* $.['name'] */
        }
        if (at == from) {
            return bad_path(text, "a name is missing", err);
        }
        steps[count++] =
            (weir_json_step){.field = weir_arena_str(arena, (weir_str){text.at + from, at - from})};
    }
    *out = (weir_json_path){count, steps};
    return true;
}

static bool key_is(weir_str key, weir_str field)
{
    if (!memchr(key.at, '\\', key.size)) {
        return weir_str_eq((weir_str){key.at + 1, key.size - 2}, field);
    }
    weir_buf text = {0};
    weir_json_unquote(key, &text);
    bool same = weir_str_eq(weir_buf_view(&text), field);
    weir_buf_done(&text);
    return same;
}

/* The last member of that name, as a map would keep it. */
static bool take_step(weir_str value, const weir_json_step *step, weir_str *out)
{
    weir_str key, part;
    size_t at = 0;
    bool found = false, object = weir_json_kind_of(value) == WEIR_JSON_OBJECT;
    int64_t index = step->index, i = 0;
    if (object == step->is_index) {
        return false;
    }
    if (step->is_index && index < 0) {
        while (weir_json_next(value, &at, &key, &part)) {
            index++;
        }
        at = 0;
        if (index < 0) {
            return false;
        }
    }
    for (; weir_json_next(value, &at, &key, &part); i++) {
        if (step->is_index ? i == index : key_is(key, step->field)) {
            *out = part;
            found = true;
            if (step->is_index) {
                break;
            }
        }
    }
    return found;
}

bool weir_json_find(weir_str value, const weir_json_path *path, weir_str *out)
{
    for (uint32_t i = 0; i < path->count; i++) {
        if (!take_step(value, &path->steps[i], &value)) {
            return false;
        }
    }
    *out = trimmed(value);
    return true;
}

void weir_json_path_print(const weir_json_step *steps, uint32_t count, weir_buf *out)
{
    weir_buf_byte(out, '$');
    for (uint32_t i = 0; i < count; i++) {
        weir_str field = steps[i].field;
        bool plain = true;
        for (size_t k = 0; k < field.size; k++) {
            plain &= !field.at[k] || !strchr(".'\"[]", field.at[k]);
        }
        if (steps[i].is_index) {
            weir_buf_printf(out, "[%lld]", (long long)steps[i].index);
        } else if (plain) {
            weir_buf_byte(out, '.');
            weir_buf_str(out, field);
        } else {
            weir_buf_text(out, "['");
            for (size_t k = 0; k < field.size; k++) {
                if (field.at[k] == '\'') {
                    weir_buf_byte(out, '\\');
                }
                weir_buf_byte(out, field.at[k]);
            }
            weir_buf_text(out, "']");
        }
    }
}
