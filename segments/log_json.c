/* segments/log_json.c - see log_json.h. A cursor with a sticky error: the first thing that is wrong
 * stays, every later step is refused. */
#include "segments/log_json.h"
#include "weir/hash.h"
#include <stdlib.h>

#define DEEPEST 100

typedef struct cursor {
    const char *at, *end;
    weir_arena *arena;
    bool failed, newer;
    weir_error *err;
} cursor;

static bool refuse(cursor *in, const char *what, weir_str name)
{
    if (!in->failed) {
        in->failed = true;
        weir_fail(in->err, WEIR_ERR_CORRUPT, "%s '%.*s'", what, WEIR_STR_ARG(name));
    }
    return false;
}

static bool refuse_newer(cursor *in, const char *what, weir_str name)
{
    if (!in->failed) {
        in->failed = in->newer = true;
        weir_fail(in->err, WEIR_ERR_CORRUPT, "newer weir needed: %s '%.*s'", what,
                  WEIR_STR_ARG(name));
    }
    return false;
}

static void skip_blanks(cursor *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\t' || *in->at == '\r' || *in->at == '\n')) {
        in->at++;
    }
}

static bool next_is(cursor *in, char c)
{
    skip_blanks(in);
    return !in->failed && in->at < in->end && *in->at == c;
}

static bool take(cursor *in, char c)
{
    if (!next_is(in, c)) {
        return false;
    }
    in->at++;
    return true;
}

static bool take_word(cursor *in, const char *word)
{
    skip_blanks(in);
    size_t size = strlen(word);
    if (in->failed || (size_t)(in->end - in->at) < size || memcmp(in->at, word, size) != 0) {
        return false;
    }
    in->at += size;
    return true;
}

static bool take_hex4(cursor *in, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, in->at++) {
        char c = in->at < in->end ? *in->at : 'x';
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return false;
        }
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *out++ = (char)(0xE0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    } else {
        *out++ = (char)(0xF0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
        *out++ = (char)(0x80 | (c & 0x3F));
    }
    return out;
}

/* After a backslash. Half a surrogate pair becomes U+FFFD. */
static bool take_escape(cursor *in, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (in->at >= in->end) {
        return false;
    }
    char c = *in->at++;
    const char *plain = c ? strchr(from, c) : NULL;
    if (plain) {
        *(*out)++ = to[plain - from];
        return true;
    }
    uint32_t high, low;
    if (c != 'u' || !take_hex4(in, &high)) {
        return false;
    }
    if (high >= 0xD800 && high < 0xDC00 && in->end - in->at >= 6 && in->at[0] == '\\' &&
        in->at[1] == 'u') {
        const char *back = in->at;
        in->at += 2;
        if (!take_hex4(in, &low)) {
            return false;
        }
        if (low >= 0xDC00 && low < 0xE000) {
            *out = put_utf8(*out, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
            return true;
        }
        in->at = back;
    }
    *out = put_utf8(*out, high >= 0xD800 && high < 0xE000 ? 0xFFFD : high);
    return true;
}

static bool take_string(cursor *in, weir_str *out)
{
    if (!take(in, '"')) {
        return false;
    }
    const char *from = in->at;
    while (in->at < in->end && *in->at != '"' && *in->at != '\\' &&
           (unsigned char)*in->at >= 0x20) {
        in->at++;
    }
    if (in->at < in->end && *in->at == '"') { /* nothing to undo */
        *out = weir_arena_str(in->arena, (weir_str){from, (size_t)(in->at - from)});
        in->at++;
        return true;
    }
    const char *close = in->at;
    while (close < in->end && *close != '"') {
        close += *close == '\\' ? 2 : 1;
    }
    if (close >= in->end) {
        return false;
    }
    char *text = weir_arena_alloc(in->arena, (size_t)(close - from) + 1), *put = text;
    in->at = from;
    while (in->at < close) {
        char c = *in->at++;
        if ((unsigned char)c < 0x20) {
            return false;
        }
        if (c != '\\') {
            *put++ = c;
        } else if (!take_escape(in, &put)) {
            return false;
        }
    }
    in->at = close + 1;
    *put = 0;
    *out = (weir_str){text, (size_t)(put - text)};
    return true;
}

static bool take_digits(cursor *in)
{
    const char *from = in->at;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        in->at++;
    }
    return in->at > from;
}

static bool take_number(cursor *in, weir_str *out, bool *whole)
{
    skip_blanks(in);
    const char *from = in->at;
    in->at += in->at < in->end && *in->at == '-';
    const char *digits = in->at;
    if (!take_digits(in) || (*digits == '0' && in->at - digits > 1)) {
        return false;
    }
    *whole = true;
    if (in->at < in->end && *in->at == '.') {
        in->at++;
        *whole = false;
        if (!take_digits(in)) {
            return false;
        }
    }
    if (in->at < in->end && (*in->at == 'e' || *in->at == 'E')) {
        in->at++;
        *whole = false;
        in->at += in->at < in->end && (*in->at == '+' || *in->at == '-');
        if (!take_digits(in)) {
            return false;
        }
    }
    *out = (weir_str){from, (size_t)(in->at - from)};
    return true;
}

static bool skip_value(cursor *in, int depth)
{
    weir_str ignored;
    bool whole;
    if (depth > DEEPEST || in->failed) {
        return false;
    }
    if (next_is(in, '"')) {
        return take_string(in, &ignored);
    }
    if (take(in, '{')) {
        if (take(in, '}')) {
            return true;
        }
        do {
            if (!take_string(in, &ignored) || !take(in, ':') || !skip_value(in, depth + 1)) {
                return false;
            }
        } while (take(in, ','));
        return take(in, '}');
    }
    if (take(in, '[')) {
        if (take(in, ']')) {
            return true;
        }
        do {
            if (!skip_value(in, depth + 1)) {
                return false;
            }
        } while (take(in, ','));
        return take(in, ']');
    }
    return take_word(in, "true") || take_word(in, "false") || take_word(in, "null") ||
           take_number(in, &ignored, &whole);
}

static bool take_raw(cursor *in, weir_str *out)
{
    skip_blanks(in);
    const char *from = in->at;
    if (!skip_value(in, 0)) {
        return false;
    }
    *out = weir_arena_str(in->arena, (weir_str){from, (size_t)(in->at - from)});
    return true;
}

static bool take_long(cursor *in, int64_t *out)
{
    weir_str number;
    bool whole;
    return take_number(in, &number, &whole) && whole && weir_str_to_long(number, out);
}

static bool take_object(cursor *in, const weir_field *fields, void *out);

static bool take_list(cursor *in, const weir_field *field, void *out)
{
    if (!take(in, '[')) {
        return false;
    }
    uint32_t count = 0, room = 0;
    char *items = NULL;
    if (!next_is(in, ']')) {
        do {
            if (count == room) {
                room = room ? room * 2 : 4;
                char *more = weir_arena_alloc(in->arena, (size_t)room * field->size);
                if (count > 0) {
                    memcpy(more, items, (size_t)count * field->size);
                }
                items = more;
            }
            if (!take_object(in, field->fields, items + (size_t)count * field->size)) {
                return false;
            }
            count++;
        } while (take(in, ','));
    }
    memcpy((char *)out + field->at, &items, sizeof(items));
    memcpy((char *)out + field->other, &count, sizeof(count));
    return take(in, ']');
}

static bool take_enum(cursor *in, const weir_field *field, uint8_t *out)
{
    weir_str word;
    if (!take_string(in, &word)) {
        return false;
    }
    for (uint8_t i = 0; field->words[i]; i++) {
        if (weir_str_is(word, field->words[i])) {
            *out = i;
            return true;
        }
    }
    return refuse_newer(in, "unknown word", word);
}

static bool take_value(cursor *in, const weir_field *field, void *out)
{
    char *at = (char *)out + field->at;
    int64_t number = 0;
    weir_str text;
    bool yes = true;
    switch ((weir_field_kind)field->kind) {
    case WEIR_FIELD_FORMAT:
        if (!take_long(in, &number)) {
            return false;
        }
        return number == WEIR_LOG_FORMAT ||
               refuse_newer(in, "another value of", weir_str_of(field->name));
    case WEIR_FIELD_STR:
        if (!take_string(in, &text)) {
            return false;
        }
        memcpy(at, &text, sizeof(text));
        return true;
    case WEIR_FIELD_HEX: {
        uint64_t hash;
        if (!take_string(in, &text) || text.size != 16 || !weir_hex_parse(text, &hash)) {
            return false;
        }
        memcpy(at, &hash, sizeof(hash));
        return true;
    }
    case WEIR_FIELD_LONG:
    case WEIR_FIELD_ULONG:
        if (!take_long(in, &number) || (field->kind == WEIR_FIELD_ULONG && number < 0)) {
            return false;
        }
        memcpy(at, &number, sizeof(number));
        return true;
    case WEIR_FIELD_INT: {
        if (!take_long(in, &number) || number < INT32_MIN || number > INT32_MAX) {
            return false;
        }
        int32_t narrow = (int32_t)number;
        memcpy(at, &narrow, sizeof(narrow));
        return true;
    }
    case WEIR_FIELD_BOOL:
        if (!take_word(in, "true")) {
            yes = false;
            if (!take_word(in, "false")) {
                return false;
            }
        }
        memcpy(at, &yes, sizeof(yes));
        return true;
    case WEIR_FIELD_ENUM:
        return take_enum(in, field, (uint8_t *)at);
    case WEIR_FIELD_RAW:
        if (!take_raw(in, &text)) {
            return false;
        }
        memcpy(at, &text, sizeof(text));
        return true;
    case WEIR_FIELD_OBJECT:
        if (take_word(in, "null")) {
            return field->optional;
        }
        if (field->optional) {
            memcpy((char *)out + field->other, &yes, sizeof(yes));
        }
        return take_object(in, field->fields, at);
    case WEIR_FIELD_LIST:
        return take_list(in, field, out);
    }
    return false;
}

static bool take_object(cursor *in, const weir_field *fields, void *out)
{
    uint64_t seen = 0;
    if (!take(in, '{')) {
        return false;
    }
    if (!next_is(in, '}')) {
        do {
            weir_str key;
            uint32_t i = 0;
            if (!take_string(in, &key) || !take(in, ':')) {
                return false;
            }
            while (fields[i].name && !weir_str_is(key, fields[i].name)) {
                i++;
            }
            if (!fields[i].name) {
                return refuse_newer(in, "unknown member", key);
            }
            if (seen >> i & 1) {
                return refuse(in, "repeated member", key);
            }
            seen |= 1ull << i;
            if (!take_value(in, &fields[i], out)) {
                return refuse(in, "no good value of", key);
            }
        } while (take(in, ','));
    }
    for (uint32_t i = 0; fields[i].name; i++) {
        if (!fields[i].optional && !(seen >> i & 1)) {
            return refuse(in, "no member", weir_str_of(fields[i].name));
        }
    }
    return take(in, '}');
}

bool weir_fields_read(weir_str text, const weir_field *fields, void *out, weir_arena *arena,
                      bool *newer, weir_error *err)
{
    cursor in = {.at = text.at, .end = text.at + text.size, .arena = arena, .err = err};
    bool ok = take_object(&in, fields, out);
    skip_blanks(&in);
    if (!ok || in.at != in.end) {
        refuse(&in, "malformed JSON",
               (weir_str){in.at, in.end - in.at < 20 ? (size_t)(in.end - in.at) : 20});
        ok = false;
    }
    *newer = in.newer;
    return ok;
}

bool weir_members_read(weir_str object, weir_arena *arena,
                       bool (*see)(void *self, weir_str key, weir_str raw), void *self,
                       weir_error *err)
{
    cursor in = {.at = object.at, .end = object.at + object.size, .arena = arena, .err = err};
    weir_str key, raw;
    bool ok = take(&in, '{');
    if (ok && !next_is(&in, '}')) {
        do {
            ok = take_string(&in, &key) && take(&in, ':') && take_raw(&in, &raw);
        } while (ok && see(self, key, raw) && take(&in, ','));
    }
    ok = ok && take(&in, '}');
    skip_blanks(&in);
    return (ok && in.at == in.end) || weir_fail(err, WEIR_ERR_CORRUPT, "not a JSON object");
}

static void write_value(weir_json *json, const weir_field *field, const void *from);

static bool is_empty(const weir_field *field, const void *from)
{
    static const char zero[sizeof(weir_str)];
    const char *at = (const char *)from + field->at;
    switch ((weir_field_kind)field->kind) {
    case WEIR_FIELD_FORMAT:
        return false;
    case WEIR_FIELD_STR:
    case WEIR_FIELD_RAW:
        return ((const weir_str *)(const void *)at)->size == 0;
    case WEIR_FIELD_HEX:
    case WEIR_FIELD_LONG:
    case WEIR_FIELD_ULONG:
        return memcmp(at, zero, 8) == 0;
    case WEIR_FIELD_INT:
        return memcmp(at, zero, 4) == 0;
    case WEIR_FIELD_BOOL:
    case WEIR_FIELD_ENUM:
        return *at == 0;
    case WEIR_FIELD_OBJECT:
        return *((const char *)from + field->other) == 0;
    case WEIR_FIELD_LIST:
        return memcmp((const char *)from + field->other, zero, 4) == 0;
    }
    return false;
}

void weir_fields_write(weir_json *json, const weir_field *fields, const void *from)
{
    weir_json_begin_object(json);
    for (const weir_field *field = fields; field->name; field++) {
        if (!field->optional || !is_empty(field, from)) {
            weir_json_key(json, weir_str_of(field->name));
            write_value(json, field, from);
        }
    }
    weir_json_end_object(json);
}

/* JSON text as one line: outside of strings a line's end is only a blank, inside it cannot stand.
 */
static void write_raw(weir_json *json, weir_str raw)
{
    char *line = (char *)weir_str_dup(raw).at;
    for (size_t i = 0; i < raw.size; i++) {
        line[i] = line[i] == '\n' || line[i] == '\r' ? ' ' : line[i];
    }
    weir_json_raw(json, weir_str_trim((weir_str){line, raw.size}));
    free(line);
}

static void write_list(weir_json *json, const weir_field *field, const void *from)
{
    const char *items;
    uint32_t count;
    memcpy(&items, (const char *)from + field->at, sizeof(items));
    memcpy(&count, (const char *)from + field->other, sizeof(count));
    weir_json_begin_array(json);
    for (uint32_t i = 0; i < count; i++) {
        weir_fields_write(json, field->fields, items + (size_t)i * field->size);
    }
    weir_json_end_array(json);
}

static void write_value(weir_json *json, const weir_field *field, const void *from)
{
    const char *at = (const char *)from + field->at;
    int64_t number = 0;
    int32_t narrow = 0;
    switch ((weir_field_kind)field->kind) {
    case WEIR_FIELD_FORMAT:
        weir_json_long(json, WEIR_LOG_FORMAT);
        break;
    case WEIR_FIELD_STR:
        weir_json_str(json, *(const weir_str *)(const void *)at);
        break;
    case WEIR_FIELD_HEX: {
        char hex[17];
        uint64_t hash;
        memcpy(&hash, at, sizeof(hash));
        weir_hex_u64(hex, hash);
        weir_json_str(json, (weir_str){hex, 16});
        break;
    }
    case WEIR_FIELD_LONG:
    case WEIR_FIELD_ULONG:
        memcpy(&number, at, sizeof(number));
        weir_json_long(json, number);
        break;
    case WEIR_FIELD_INT:
        memcpy(&narrow, at, sizeof(narrow));
        weir_json_long(json, narrow);
        break;
    case WEIR_FIELD_BOOL:
        weir_json_bool(json, *(const bool *)(const void *)at);
        break;
    case WEIR_FIELD_ENUM:
        weir_json_str(json, weir_str_of(field->words[(uint8_t)*at]));
        break;
    case WEIR_FIELD_RAW:
        write_raw(json, *(const weir_str *)(const void *)at);
        break;
    case WEIR_FIELD_OBJECT:
        weir_fields_write(json, field->fields, at);
        break;
    case WEIR_FIELD_LIST:
        write_list(json, field, from);
        break;
    }
}
