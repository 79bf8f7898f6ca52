/* query/filter_types_text.c - leaves that look into text: like, regex (Java's Matcher.find on
 * PCRE2), contains. `like` is matched by hand, greedily with one point to come back to, so it is
 * linear in practice and needs no library; a pattern that begins with plain text is a range of ids
 * in a sorted dictionary when nothing but `%` follows. */
#include <unicode/uchar.h>
#include <unicode/utf8.h>
#include "compute/regex.h"
#include "query/filter_types.h"
#include "weir/buf.h"

static weir_verdict verdict(bool truth)
{
    return truth ? WEIR_V_TRUE : WEIR_V_FALSE;
}

/* Bytes of the code point at `i`; a byte that begins none counts alone. */
static size_t step_size(weir_str text, size_t i)
{
    int32_t next = (int32_t)i;
    UChar32 c;
    U8_NEXT((const uint8_t *)text.at, next, (int32_t)text.size, c);
    return c < 0 ? 1 : (size_t)next - i;
}

/* like: the pattern as tokens. */
typedef struct like_token {
    enum { LIKE_TEXT, LIKE_ONE, LIKE_MANY } kind;
    weir_str text; /* LIKE_TEXT: one code point */
} like_token;

typedef struct like_params {
    uint32_t token_count;
    const like_token *tokens;
    weir_str pattern, escape;
    weir_str prefix;          /* plain text that the pattern begins with */
    bool is_prefix, is_plain; /* prefix and then one or more %; nothing but plain text */
} like_params;

static weir_verdict like_string(const weir_leaf *leaf, weir_str value)
{
    const like_params *p = leaf->params;
    if (!weir_str_starts(value, p->prefix)) {
        return WEIR_V_FALSE;
    }
    if (p->is_prefix || p->is_plain) {
        return verdict(p->is_prefix || value.size == p->prefix.size);
    }
    size_t at = 0, back_at = 0;
    uint32_t token = 0, back_token = UINT32_MAX;
    for (;;) {
        if (token < p->token_count && p->tokens[token].kind == LIKE_MANY) {
            back_token = ++token;
            back_at = at;
            continue;
        }
        if (token == p->token_count && at == value.size) {
            return WEIR_V_TRUE;
        }
        if (token < p->token_count && at < value.size) {
            weir_str text = p->tokens[token].text;
            if (p->tokens[token].kind == LIKE_ONE) {
                at += step_size(value, at);
                token++;
                continue;
            }
            if (value.size - at >= text.size && memcmp(value.at + at, text.at, text.size) == 0) {
                at += text.size;
                token++;
                continue;
            }
        }
        if (back_token == UINT32_MAX || back_at >= value.size) {
            return WEIR_V_FALSE;
        }
        back_at += step_size(value, back_at); /* the last % takes one more */
        at = back_at;
        token = back_token;
    }
}

/* U+FFFF, the greatest UTF-16 unit, is no character: nothing that starts with the prefix lies above
 * this many of them. */
#define TOP                                                                                        \
    "\xEF\xBF\xBF\xEF\xBF\xBF\xEF\xBF\xBF\xEF\xBF\xBF\xEF\xBF\xBF\xEF\xBF\xBF\xEF\xBF\xBF\xEF\xBF" \
    "\xBF"

static uint32_t like_spans(const weir_leaf *leaf, const weir_dict *dict, weir_id_span *out,
                           uint32_t capacity)
{
    const like_params *p = leaf->params;
    char above[256 + sizeof(TOP)];
    if (p->is_plain) {
        uint32_t id = dict->ops->find(dict, p->prefix);
        if (id == WEIR_NO_ID || id >= dict->count) {
            return 0;
        }
        if (capacity < 1) {
            return UINT32_MAX;
        }
        out[0] = (weir_id_span){id, id + 1};
        return 1;
    }
    if (!p->is_prefix || !dict->sorted || p->prefix.size > 256 || capacity < 1) {
        return UINT32_MAX;
    }
    memcpy(above, p->prefix.at, p->prefix.size);
    memcpy(above + p->prefix.size, TOP, sizeof(TOP) - 1);
    uint32_t from = p->prefix.size ? dict->ops->lower_bound(dict, p->prefix) : 1;
    uint32_t to =
        p->prefix.size
            ? dict->ops->lower_bound(dict, (weir_str){above, p->prefix.size + sizeof(TOP) - 1})
            : dict->count;
    from = from ? from : 1;
    if (from >= to) {
        return 0;
    }
    out[0] = (weir_id_span){from, to};
    return 1;
}

static void like_print(const weir_leaf *leaf, weir_buf *out)
{
    const like_params *p = leaf->params;
    weir_json json = {.out = out};
    weir_json_str(&json, p->pattern);
    json = (weir_json){.out = out};
    if (p->escape.size) {
        weir_buf_text(out, " escape ");
        weir_json_str(&json, p->escape);
    }
}

const weir_leaf_type weir_leaf_like = {
    .type = "like",
    .string = like_string,
    .spans = like_spans,
    .print = like_print,
};

weir_filter *weir_filter_like(weir_arena *arena, weir_target target, weir_str pattern,
                              weir_str escape)
{
    like_params *p = WEIR_ARENA_NEW(arena, like_params);
    p->pattern = weir_arena_str(arena, pattern);
    p->escape = weir_arena_str(arena, escape);
    like_token *tokens = WEIR_ARENA_ARRAY(arena, like_token, p->pattern.size + 1);
    char *prefix = weir_arena_alloc(arena, p->pattern.size + 1);
    size_t prefix_size = 0;
    bool plain = true;
    for (size_t i = 0; i < p->pattern.size;) {
        size_t step = step_size(p->pattern, i);
        weir_str text = {p->pattern.at + i, step};
        bool escaped = escape.size && weir_str_eq(text, p->escape) && i + step < p->pattern.size;
        i += step;
        if (escaped) {
            step = step_size(p->pattern, i);
            text = (weir_str){p->pattern.at + i, step};
            i += step;
        }
        uint8_t kind = escaped || step != 1 ? LIKE_TEXT
                       : text.at[0] == '%'  ? LIKE_MANY
                       : text.at[0] == '_'  ? LIKE_ONE
                                            : LIKE_TEXT;
        if (kind == LIKE_MANY && p->token_count && tokens[p->token_count - 1].kind == LIKE_MANY) {
            continue;
        }
        tokens[p->token_count].kind = kind;
        tokens[p->token_count++].text = text;
        plain = plain && kind == LIKE_TEXT;
        if (plain) {
            memcpy(prefix + prefix_size, text.at, text.size);
            prefix_size += text.size;
        }
    }
    p->tokens = tokens;
    p->prefix = (weir_str){prefix, prefix_size};
    p->is_plain = plain;
    bool one_tail = p->token_count && tokens[p->token_count - 1].kind == LIKE_MANY;
    size_t rest = 0;
    for (uint32_t i = 0; i + 1 < p->token_count; i++) {
        rest += tokens[i].kind != LIKE_TEXT;
    }
    p->is_prefix = one_tail && rest == 0;
    return weir_filter_leaf(arena, &weir_leaf_like, target, p);
}

/* regex */
typedef struct regex_params {
    const weir_regex *regex;
    weir_str pattern;
} regex_params;

/* A pattern that gives up on a value says nothing about it: UNKNOWN. */
static weir_verdict regex_string(const weir_leaf *leaf, weir_str value)
{
    const regex_params *p = leaf->params;
    weir_regex_match match;
    bool found;
    if (!weir_regex_find(p->regex, value, 0, &found, &match, NULL)) {
        return WEIR_V_UNKNOWN;
    }
    return verdict(found);
}

static void regex_print(const weir_leaf *leaf, weir_buf *out)
{
    const regex_params *p = leaf->params;
    weir_json json = {.out = out};
    weir_json_str(&json, p->pattern);
}

const weir_leaf_type weir_leaf_regex = {
    .type = "regex",
    .string = regex_string,
    .print = regex_print,
};

bool weir_filter_regex(weir_arena *arena, weir_target target, weir_str pattern, weir_filter **out,
                       weir_error *err)
{
    regex_params *p = WEIR_ARENA_NEW(arena, regex_params);
    p->pattern = weir_arena_str(arena, pattern);
    p->regex = weir_regex_new(arena, p->pattern, err);
    if (!p->regex) {
        return false;
    }
    *out = weir_filter_leaf(arena, &weir_leaf_regex, target, p);
    return true;
}

/* contains. Without case, a character is compared as Java's regionMatches does: by the lower case
 * of its upper case. */
typedef struct contains_params {
    uint32_t part_count;
    const weir_str *parts;
    bool case_sensitive;
    const UChar32 *const *folded; /* per part, without case */
    const uint32_t *folded_count;
} contains_params;

static UChar32 fold(UChar32 c)
{
    return c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c) : u_tolower(u_toupper(c));
}

static UChar32 next_folded(weir_str text, size_t *at)
{
    int32_t next = (int32_t)*at;
    UChar32 c;
    U8_NEXT((const uint8_t *)text.at, next, (int32_t)text.size, c);
    *at = (size_t)next;
    return c < 0 ? 0xFFFD : fold(c);
}

static bool holds_folded(weir_str value, const UChar32 *part, uint32_t count)
{
    if (count == 0) {
        return true;
    }
    for (size_t start = 0; start < value.size;) {
        size_t at = start;
        if (next_folded(value, &at) != part[0]) {
            start = at;
            continue;
        }
        size_t after = at;
        uint32_t i = 1;
        while (i < count && at < value.size && next_folded(value, &at) == part[i]) {
            i++;
        }
        if (i == count) {
            return true;
        }
        start = after;
    }
    return false;
}

static weir_verdict contains_string(const weir_leaf *leaf, weir_str value)
{
    const contains_params *p = leaf->params;
    for (uint32_t i = 0; i < p->part_count; i++) {
        bool holds =
            p->case_sensitive
                ? p->parts[i].size == 0 ||
                      (value.size && memmem(value.at, value.size, p->parts[i].at, p->parts[i].size))
                : holds_folded(value, p->folded[i], p->folded_count[i]);
        if (!holds) {
            return WEIR_V_FALSE;
        }
    }
    return WEIR_V_TRUE;
}

static void contains_print(const weir_leaf *leaf, weir_buf *out)
{
    const contains_params *p = leaf->params;
    weir_json json = {.out = out};
    weir_json_begin_array(&json);
    for (uint32_t i = 0; i < p->part_count; i++) {
        weir_json_str(&json, p->parts[i]);
    }
    weir_json_end_array(&json);
    weir_buf_text(out, p->case_sensitive ? " case" : "");
}

const weir_leaf_type weir_leaf_contains = {
    .type = "search",
    .string = contains_string,
    .print = contains_print,
};

weir_filter *weir_filter_contains(weir_arena *arena, weir_target target, const weir_str *parts,
                                  size_t count, bool case_sensitive)
{
    contains_params *p = WEIR_ARENA_NEW(arena, contains_params);
    weir_str *copies = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    const UChar32 **folded = WEIR_ARENA_ARRAY(arena, const UChar32 *, count + 1);
    uint32_t *folded_count = WEIR_ARENA_ARRAY(arena, uint32_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        copies[i] = weir_arena_str(arena, parts[i]);
        UChar32 *points = WEIR_ARENA_ARRAY(arena, UChar32, parts[i].size + 1);
        for (size_t at = 0; at < copies[i].size;) {
            points[folded_count[i]++] = next_folded(copies[i], &at);
        }
        folded[i] = points;
    }
    *p = (contains_params){(uint32_t)count, copies, case_sensitive, folded, folded_count};
    return weir_filter_leaf(arena, &weir_leaf_contains, target, p);
}
