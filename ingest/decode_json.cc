/* ingest/decode_json.cc - JSON events to cells with simdjson's on demand parser; the only C++ file,
 * behind a C header. simdjson makes the index of a message (and checks its UTF-8); walking, strings
 * and columns are done here. The next key is predicted from the last event's order by comparing raw
 * bytes, which halves the parse (FIGURES: 415 -> 256 ns an event of 20 fields); strings without
 * escapes are not copied but point into the message. One message at a time with a padded copy, so
 * that a bad message stays alone. */
#include "ingest/decode.h"
#include <cmath>
#include <cstdlib>
#include <new>
#define SIMDJSON_EXCEPTIONS 0 /* errors come as codes */
#define SIMDJSON_DEVELOPMENT_CHECKS 0 /* of the order of our calls, on unless NDEBUG: a third of the time */
#include <simdjson.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

using namespace simdjson;

static_assert(WEIR_DECODE_PADDING >= SIMDJSON_PADDING, "a padded message is padded enough");

namespace
{

struct json_decoder {
    weir_decoder base;
    weir_fields *fields;
    ondemand::parser parser;
    dom::parser nested;
    char *copy;
    size_t copy_size;
    std::string unescaped; /* a key */
    /* Message under way: where the parser's bytes stand for the caller's. */
    const char *parsed, *original;
    weir_events *events;
    weir_error *err;
};

bool fail(json_decoder *d, const char *what)
{
    return weir_fail(d->err, WEIR_ERR_BAD_REQUEST, "%s", what);
}

bool fail(json_decoder *d, error_code code)
{
    return weir_fail(d->err, WEIR_ERR_BAD_REQUEST, "not JSON: %s", error_message(code));
}

/* First '"' or '\\' at or after `at`. The index pass has seen the closing quote; padding follows
 * the message. */
const char *find_end(const char *at)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    for (;; at += 16) {
        __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(at));
        int hits = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)));
        if (hits != 0) {
            return at + __builtin_ctz(static_cast<unsigned>(hits));
        }
    }
#else
    while (*at != '"' && *at != '\\') {
        at++;
    }
    return at;
#endif
}

int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hex digits; -1: they are not. Stops at the first that is none, so it does not pass the
 * closing quote. */
int32_t hex4(const char *at)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

char *put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = static_cast<char>(code);
    } else if (code < 0x800) {
        *out++ = static_cast<char>(0xC0 | code >> 6);
        *out++ = static_cast<char>(0x80 | (code & 63));
    } else if (code < 0x10000) {
        *out++ = static_cast<char>(0xE0 | code >> 12);
        *out++ = static_cast<char>(0x80 | (code >> 6 & 63));
        *out++ = static_cast<char>(0x80 | (code & 63));
    } else {
        *out++ = static_cast<char>(0xF0 | code >> 18);
        *out++ = static_cast<char>(0x80 | (code >> 12 & 63));
        *out++ = static_cast<char>(0x80 | (code >> 6 & 63));
        *out++ = static_cast<char>(0x80 | (code & 63));
    }
    return out;
}

/* \uXXXX at `at` (after the u). A surrogate without its other half becomes '?', as Druid's round
 * trip through UTF-8 makes it. */
const char *put_unicode(const char *at, char **out)
{
    int32_t code = hex4(at);
    if (code < 0) {
        return nullptr;
    }
    at += 4;
    if (code >= 0xD800 && code < 0xDC00 && at[0] == '\\' && at[1] == 'u') {
        int32_t low = hex4(at + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            *out = put_utf8(*out, 0x10000u + ((static_cast<uint32_t>(code) - 0xD800u) << 10) +
                                      (static_cast<uint32_t>(low) - 0xDC00u));
            return at + 6;
        }
    }
    *out = put_utf8(*out, code >= 0xD800 && code < 0xE000 ? '?' : static_cast<uint32_t>(code));
    return at;
}

/* The string that begins at `at` (after its quote) to `out`, which has room for it. Returns the end
 * of `out`, null when an escape is wrong. */
char *unescape(const char *at, char *out)
{
    for (;;) {
        const char *end = find_end(at);
        memcpy(out, at, static_cast<size_t>(end - at));
        out += end - at;
        if (*end == '"') {
            return out;
        }
        at = end + 2;
        switch (end[1]) {
        case '"':
        case '\\':
        case '/':
            *out++ = end[1];
            break;
        case 'b':
            *out++ = '\b';
            break;
        case 'f':
            *out++ = '\f';
            break;
        case 'n':
            *out++ = '\n';
            break;
        case 'r':
            *out++ = '\r';
            break;
        case 't':
            *out++ = '\t';
            break;
        case 'u':
            at = put_unicode(at, &out);
            if (!at) {
                return nullptr;
            }
            break;
        default:
            return nullptr;
        }
    }
}

/* Length of the raw string at `at`, escapes counted as they stand. */
size_t raw_size(const char *at)
{
    const char *end = find_end(at);
    while (*end == '\\') {
        end = find_end(end + 2);
    }
    return static_cast<size_t>(end - at);
}

bool put_string(json_decoder *d, const char *at, weir_cell *cell)
{
    const char *end = find_end(at);
    if (*end == '"') {
        cell->as.at = d->original + (at - d->parsed);
        cell->size = static_cast<uint32_t>(end - at);
    } else {
        char *out = weir_events_text(d->events, raw_size(at) + 4);
        end = unescape(at, out);
        if (!end) {
            return fail(d, "not JSON: a string has an escape that JSON does not know");
        }
        cell->as.at = out;
        cell->size = static_cast<uint32_t>(end - out);
    }
    cell->kind = WEIR_CELL_STRING;
    return cell->size <= WEIR_VALUE_MAX || fail(d, "a value is longer than 1 MiB");
}

/* A number that is neither a long nor a plain double: too many digits or too large. Jackson makes
 * the nearest double of it. */
bool put_wide_number(json_decoder *d, std::string_view token, weir_cell *cell)
{
    size_t n = 0;
    size_t digits = token[0] == '-';
    while (n < token.size() && token[n] > ' ' && token[n] < 127 &&
           strchr("+-.eE0123456789", token[n])) {
        n++;
    }
    bool leading_zero = n > digits + 1 && token[digits] == '0' && token[digits + 1] >= '0' &&
                        token[digits + 1] <= '9';
    std::string text(token.substr(0, n));
    char *end = nullptr;
    double value = strtod(text.c_str(), &end);
    bool ended = n == token.size() || token[n] <= ' ';
    if (n <= digits || !ended || leading_zero || end != text.c_str() + n || token[digits] < '0' ||
        token[digits] > '9' || text[n - 1] < '0' || text[n - 1] > '9') {
        return fail(d, "not JSON: a value is no number, string, true, false, null, object or list");
    }
    cell->as.d = value;
    cell->kind = WEIR_CELL_DOUBLE;
    return true;
}

template <typename V> bool put_number(json_decoder *d, V &value, weir_cell *cell)
{
    int64_t number;
    double real;
    if (value.get_int64().get(number) == SUCCESS) {
        cell->as.l = number;
        cell->kind = WEIR_CELL_LONG;
        return true;
    }
    if (value.get_double().get(real) == SUCCESS) {
        cell->as.d = real;
        cell->kind = WEIR_CELL_DOUBLE;
        return true;
    }
    std::string_view token = value.raw_json_token();
    return put_wide_number(d, token, cell);
}

/* Text of an object or a nested list, without blanks between its tokens. */
bool put_json(json_decoder *d, std::string_view raw, weir_cell *cell)
{
    while (!raw.empty() && static_cast<uint8_t>(raw.back()) <= ' ') {
        raw.remove_suffix(1);
    }
    if (raw.size() > WEIR_VALUE_MAX) {
        return fail(d, "a value is longer than 1 MiB");
    }
    char *out = weir_events_text(d->events, raw.size() + SIMDJSON_PADDING);
    size_t size = 0;
    error_code code = simdjson::minify(raw.data(), raw.size(), out, size);
    if (code != SUCCESS) {
        return fail(d, code);
    }
    cell->as.at = out;
    cell->size = static_cast<uint32_t>(size);
    cell->kind = WEIR_CELL_JSON;
    return true;
}

/* A scalar. *nested: it is an object or a list, untouched. */
template <typename V> bool put_scalar(json_decoder *d, V value, weir_cell *cell, bool *nested)
{
    ondemand::json_type type;
    error_code code = value.type().get(type);
    if (code != SUCCESS) {
        return fail(d, code);
    }
    *nested = false;
    switch (type) {
    case ondemand::json_type::string: {
        ondemand::raw_json_string raw;
        code = value.get_raw_json_string().get(raw);
        return code == SUCCESS ? put_string(d, raw.raw(), cell) : fail(d, code);
    }
    case ondemand::json_type::number:
        return put_number(d, value, cell);
    case ondemand::json_type::boolean: {
        bool yes = false;
        code = value.get_bool().get(yes);
        cell->kind = yes ? WEIR_CELL_TRUE : WEIR_CELL_FALSE;
        return code == SUCCESS || fail(d, code);
    }
    case ondemand::json_type::null: {
        bool yes = false;
        cell->kind = WEIR_CELL_NULL;
        return (simdjson_result<bool>(value.is_null()).get(yes) == SUCCESS && yes) ||
               fail(d, "not JSON: a value begins like null but is not");
    }
    case ondemand::json_type::object:
    case ondemand::json_type::array:
        *nested = true;
        return true;
    }
    return fail(d, "not JSON: unknown kind of value");
}

/* A list: its scalars as items, or its text when something in it is nested. */
bool put_list(json_decoder *d, ondemand::array list, weir_cell *cell)
{
    weir_events *events = d->events;
    uint32_t first = events->item_count;
    for (auto element : list) {
        ondemand::value value;
        bool nested = false;
        error_code code = element.get(value);
        if (code != SUCCESS) {
            return fail(d, code);
        }
        uint32_t at = weir_events_items(events, 1);
        if (!put_scalar(d, value, &events->items[at], &nested)) {
            return false;
        }
        if (nested) {
            events->item_count = first;
            std::string_view raw;
            code = list.reset().error();
            code = code == SUCCESS ? list.raw_json().get(raw) : code;
            return code == SUCCESS ? put_json(d, raw, cell) : fail(d, code);
        }
        events->item_count++;
    }
    cell->as.first = first;
    cell->size = events->item_count - first;
    cell->kind = WEIR_CELL_LIST;
    return true;
}

bool put_value(json_decoder *d, ondemand::value value, weir_cell *cell)
{
    bool nested = false;
    if (!put_scalar(d, value, cell, &nested)) {
        return false;
    }
    if (!nested) {
        return true;
    }
    ondemand::array list;
    if (value.get_array().get(list) == SUCCESS) {
        return put_list(d, list, cell);
    }
    ondemand::object object;
    std::string_view raw;
    error_code code = value.get_object().get(object);
    code = code == SUCCESS ? object.raw_json().get(raw) : code;
    return code == SUCCESS ? put_json(d, raw, cell) : fail(d, code);
}

/* Paths below a root key: the value is parsed whole (rare, and small), then walked for each path.
 */

bool put_element(json_decoder *d, dom::element element, weir_cell *cell);

bool is_nested(dom::element element)
{
    return element.is_array() || element.is_object();
}

bool put_element_list(json_decoder *d, dom::array list, weir_cell *cell)
{
    for (dom::element element : list) {
        if (is_nested(element)) {
            std::string text = simdjson::minify(list);
            return put_json(d, text, cell);
        }
    }
    uint32_t count = static_cast<uint32_t>(list.size()), first = d->events->item_count;
    weir_events_items(d->events, count);
    for (dom::element element : list) {
        if (!put_element(d, element, &d->events->items[d->events->item_count])) {
            return false;
        }
        d->events->item_count++;
    }
    cell->as.first = first;
    cell->size = d->events->item_count - first;
    cell->kind = WEIR_CELL_LIST;
    return true;
}

bool put_element(json_decoder *d, dom::element element, weir_cell *cell)
{
    switch (element.type()) {
    case dom::element_type::ARRAY:
        return put_element_list(d, element.get_array().value_unsafe(), cell);
    case dom::element_type::OBJECT: {
        std::string text = simdjson::minify(element);
        return put_json(d, text, cell);
    }
    case dom::element_type::INT64:
        cell->as.l = element.get_int64().value_unsafe();
        cell->kind = WEIR_CELL_LONG;
        return true;
    case dom::element_type::UINT64:
        cell->as.d = static_cast<double>(element.get_uint64().value_unsafe());
        cell->kind = WEIR_CELL_DOUBLE;
        return true;
    case dom::element_type::DOUBLE:
        cell->as.d = element.get_double().value_unsafe();
        cell->kind = WEIR_CELL_DOUBLE;
        return true;
    case dom::element_type::STRING: {
        std::string_view text = element.get_string().value_unsafe();
        if (text.size() > WEIR_VALUE_MAX) {
            return fail(d, "a value is longer than 1 MiB");
        }
        char *out = weir_events_text(d->events, text.size() + 1);
        memcpy(out, text.data(), text.size());
        cell->as.at = out;
        cell->size = static_cast<uint32_t>(text.size());
        cell->kind = WEIR_CELL_STRING;
        return true;
    }
    case dom::element_type::BOOL:
        cell->kind = element.get_bool().value_unsafe() ? WEIR_CELL_TRUE : WEIR_CELL_FALSE;
        return true;
    case dom::element_type::NULL_VALUE:
        cell->kind = WEIR_CELL_NULL;
        return true;
    }
    return fail(d, "not JSON: unknown kind of value");
}

/* Calls `see` for each value that the steps lead to; missing ones are left out, as Jayway does with
 * suppressed exceptions. */
template <typename F> bool walk(dom::element element, const weir_step *steps, uint32_t count, F see)
{
    if (count == 0) {
        return see(element);
    }
    const weir_step &step = steps[0];
    dom::element child;
    dom::array list;
    switch (step.kind) {
    case WEIR_STEP_NAME:
        return element.at_key(std::string_view(step.name.at, step.name.size)).get(child) !=
                   SUCCESS ||
               walk(child, steps + 1, count - 1, see);
    case WEIR_STEP_INDEX: {
        if (element.get_array().get(list) != SUCCESS) {
            return true;
        }
        int64_t size = static_cast<int64_t>(list.size()),
                at = step.index < 0 ? size + step.index : step.index;
        return at < 0 || list.at(static_cast<size_t>(at)).get(child) != SUCCESS ||
               walk(child, steps + 1, count - 1, see);
    }
    case WEIR_STEP_ALL:
        if (element.get_array().get(list) == SUCCESS) {
            for (dom::element each : list) {
                if (!walk(each, steps + 1, count - 1, see)) {
                    return false;
                }
            }
        }
        return true;
    }
    return true;
}

bool put_path_list(json_decoder *d, const weir_path *path, dom::element root, weir_cell *cell)
{
    uint32_t first = d->events->item_count;
    bool ok = walk(root, path->steps, path->step_count, [d](dom::element element) {
        uint32_t at = weir_events_items(d->events, 1);
        weir_cell item = {};
        d->events->item_count++; /* a list in it takes items of its own: reserve this one first */
        bool put = is_nested(element) ? put_json(d, std::string(simdjson::minify(element)), &item)
                                      : put_element(d, element, &item);
        d->events->items[at] = item;
        return put;
    });
    cell->as.first = first;
    cell->size = d->events->item_count - first;
    cell->kind = WEIR_CELL_LIST;
    return ok;
}

bool put_path(json_decoder *d, const weir_path *path, dom::element root)
{
    weir_cell *cell = weir_events_cell(d->events, path->column), found = {};
    bool many = false, ok;
    for (uint32_t i = 0; i < path->step_count; i++) {
        many = many || path->steps[i].kind == WEIR_STEP_ALL;
    }
    found.kind = WEIR_CELL_NULL;
    if (many) {
        ok = put_path_list(d, path, root, &found);
    } else {
        ok = walk(root, path->steps, path->step_count,
                  [d, &found](dom::element element) { return put_element(d, element, &found); });
    }
    *cell = found;
    d->events->columns[path->column].kinds |= WEIR_CELL_BIT(found.kind);
    return ok;
}

/* Nothing lies below a scalar. */
void put_scalar_paths(json_decoder *d, const weir_key *key, const weir_cell &value)
{
    for (const weir_path *path = key->paths; path; path = path->next) {
        weir_cell *cell = weir_events_cell(d->events, path->column);
        *cell = value;
        if (path->step_count > 0) {
            cell->kind = WEIR_CELL_NULL;
        }
        d->events->columns[path->column].kinds |= WEIR_CELL_BIT(cell->kind);
    }
}

bool put_nested_paths(json_decoder *d, const weir_key *key, std::string_view raw)
{
    dom::element root;
    error_code code = d->nested.parse(raw.data(), raw.size(), true).get(root);
    if (code != SUCCESS) {
        return fail(d, code);
    }
    for (const weir_path *path = key->paths; path; path = path->next) {
        if (!put_path(d, path, root)) {
            return false;
        }
    }
    return true;
}

/* A root key that paths begin with; it may fill a column of its own besides. */
bool put_with_paths(json_decoder *d, const weir_key *key, ondemand::value value)
{
    weir_cell cell = {};
    bool nested = false;
    if (!put_scalar(d, value, &cell, &nested)) {
        return false;
    }
    if (!nested) {
        if (key->column != WEIR_NO_COLUMN) {
            *weir_events_cell(d->events, key->column) = cell;
            d->events->columns[key->column].kinds |= WEIR_CELL_BIT(cell.kind);
        }
        put_scalar_paths(d, key, cell);
        return true;
    }
    std::string_view raw;
    ondemand::array list;
    ondemand::object object;
    error_code code;
    if (value.get_array().get(list) == SUCCESS) {
        code = list.raw_json().get(raw);
    } else {
        code = value.get_object().get(object);
        code = code == SUCCESS ? object.raw_json().get(raw) : code;
    }
    if (code != SUCCESS) {
        return fail(d, code);
    }
    if (!put_nested_paths(d, key, raw)) {
        return false;
    }
    if (key->column != WEIR_NO_COLUMN) {
        dom::element root;
        weir_cell *own = weir_events_cell(d->events, key->column);
        if (d->nested.parse(raw.data(), raw.size(), true).get(root) != SUCCESS ||
            !put_element(d, root, own)) {
            return false;
        }
        d->events->columns[key->column].kinds |= WEIR_CELL_BIT(own->kind);
    }
    return true;
}

/* Which key this is: the one that came next last time, the one after that (a field is missing),
 * else by name. 0: nobody wants it. */
bool find_key(json_decoder *d, const char *raw, uint32_t *last, uint32_t *out)
{
    weir_fields *fields = d->fields;
    uint32_t guess = fields->keys[*last].next;
    for (int tries = 0; tries < 2 && guess != 0; tries++) {
        const weir_key *key = &fields->keys[guess];
        if (key->plain && memcmp(raw, key->name.at, key->name.size + 1) == 0) {
            *last = *out = guess;
            return true;
        }
        guess = key->next;
    }
    size_t size = raw_size(raw);
    weir_str name = {raw, size};
    if (memchr(raw, '\\', size)) {
        d->unescaped.resize(size + 4);
        char *end = unescape(raw, &d->unescaped[0]);
        if (!end) {
            return fail(d, "not JSON: a key has an escape that JSON does not know");
        }
        name.at = d->unescaped.data();
        name.size = static_cast<size_t>(end - name.at);
    }
    *out = weir_fields_key(fields, name);
    if (*out != 0) {
        fields->keys[*last].next = *out;
        *last = *out;
        weir_events_grow(d->events, fields);
    }
    return true;
}

template <typename D> bool put_event(json_decoder *d, D &document)
{
    ondemand::object object;
    uint32_t last = 0;
    error_code code = document.get_object().get(object);
    if (code != SUCCESS) {
        return code == INCORRECT_TYPE ? fail(d, "not a JSON object") : fail(d, code);
    }
    for (auto field : object) {
        ondemand::raw_json_string raw;
        uint32_t id = 0;
        code = field.key().get(raw);
        if (code != SUCCESS) {
            return fail(d, code);
        }
        if (!find_key(d, raw.raw(), &last, &id)) {
            return false;
        }
        const weir_key *key = &d->fields->keys[id];
        if (key->column == WEIR_NO_COLUMN && !key->paths) {
            continue;
        }
        ondemand::value value;
        code = field.value().get(value);
        if (code != SUCCESS) {
            return fail(d, code);
        }
        if (key->paths) {
            if (!put_with_paths(d, key, value)) {
                return false;
            }
            continue;
        }
        weir_cell *cell = weir_events_cell(d->events, key->column);
        cell->kind = WEIR_CELL_NULL;
        if (!put_value(d, value, cell)) {
            return false;
        }
        d->events->columns[key->column].kinds |= WEIR_CELL_BIT(cell->kind);
    }
    return true;
}

/* Several events in one message (Druid's reader takes them too). */
bool put_many(json_decoder *d, const char *bytes, size_t size, uint32_t record, bool *full)
{
    ondemand::document_stream stream;
    weir_events *events = d->events;
    uint32_t first = events->n;
    error_code code = d->parser.iterate_many(bytes, size, size + SIMDJSON_PADDING).get(stream);
    if (code != SUCCESS) {
        return fail(d, code);
    }
    for (auto it = stream.begin(); it != stream.end(); ++it) {
        ondemand::document_reference document;
        if (events->n == WEIR_EVENTS_MAX) {
            *full = first > 0;
            return *full || fail(d, "a message holds more than 4,096 events");
        }
        code = (*it).get(document);
        if (code != SUCCESS) {
            return fail(d, code);
        }
        if (!put_event(d, document)) {
            return false;
        }
        events->records[events->n++] = record;
    }
    return stream.truncated_bytes() == 0 || fail(d, "not JSON: the message ends within a value");
}

bool put_message(json_decoder *d, const char *bytes, size_t size, uint32_t record, bool *full)
{
    ondemand::document document;
    error_code code =
        d->parser.iterate(padded_string_view(bytes, size, size + SIMDJSON_PADDING)).get(document);
    if (code != SUCCESS) {
        return fail(d, code);
    }
    if (!put_event(d, document)) {
        return false;
    }
    if (document.current_location().error() == OUT_OF_BOUNDS) {
        d->events->records[d->events->n++] = record;
        return true;
    }
    weir_events_drop_last(d->events); /* something follows: begin again, for several */
    return put_many(d, bytes, size, record, full);
}

bool decode(weir_decoder *decoder, weir_str message, bool padded, uint32_t record,
            weir_events *events, bool *full, weir_error *err)
{
    json_decoder *d = reinterpret_cast<json_decoder *>(decoder);
    *full = events->n == WEIR_EVENTS_MAX;
    if (*full) {
        return true;
    }
    const char *bytes = message.at;
    if (!padded) {
        if (d->copy_size < message.size + SIMDJSON_PADDING) {
            d->copy_size = message.size * 2 + SIMDJSON_PADDING;
            d->copy = static_cast<char *>(weir_realloc(d->copy, d->copy_size));
        }
        memcpy(d->copy, message.at, message.size);
        memset(d->copy + message.size, ' ', SIMDJSON_PADDING);
        bytes = d->copy;
    }
    weir_events_grow(events, d->fields);
    d->parsed = bytes;
    d->original = message.at;
    d->events = events;
    d->err = err;
    uint32_t n = events->n, items = events->item_count;
    bool ok = put_message(d, bytes, message.size, record, full);
    if (!ok || *full) {
        events->n = n;
        events->item_count = items;
        weir_events_drop_last(events);
    }
    return ok;
}

void free_decoder(weir_decoder *decoder)
{
    json_decoder *d = reinterpret_cast<json_decoder *>(decoder);
    free(d->copy);
    delete d;
}

const weir_decoder_ops json_ops = {decode, free_decoder};

} // namespace

extern "C" weir_decoder *weir_decoder_json_new(weir_fields *fields)
{
    json_decoder *d = new json_decoder();
    d->base.ops = &json_ops;
    d->fields = fields;
    return &d->base;
}
