/* compute/expr_parse.c - Druid's expression language to a tree, by precedence climbing.
 *
 * From tight to loose: ! and unary - · ^ (right to left) · * / % · + - · < <= > >= == != · && ||.
 * The last two share one level and go from left to right, so `a || b && c` is `(a || b) && c`, as
 * in Druid's grammar. A chain of one logical operator becomes one call with many arguments, so that
 * long chains stay shallow. Trees are at most EXPR_DEPTH deep, which bounds every walk over them.
 */
#include "compute/expr.h"
#include "compute/expr_program.h"
#include "compute/fn.h"
#include "compute/text.h"
#include "compute/utf.h"
#include <math.h>
#include <stdio.h>

typedef enum token_kind {
    TOKEN_END,
    TOKEN_NULL,
    TOKEN_LONG,
    TOKEN_DOUBLE,
    TOKEN_STRING,
    TOKEN_NAME,
    TOKEN_QUOTED_NAME,
    TOKEN_OPERATOR,
    TOKEN_BAD,
} token_kind;

typedef struct token {
    token_kind kind;
    size_t at;     /* byte offset in the text */
    weir_str text; /* as written; of strings and quoted names: between the quotes, escapes not
                      resolved */
} token;

typedef struct parser {
    weir_arena *arena;
    weir_str text;
    size_t at;
    token next;
    uint32_t depth; /* open recursions */
    weir_error *err;
} parser;

typedef struct parsed {
    const weir_expr *expr;
    uint32_t depth; /* levels of the tree */
} parsed;

static bool parse_expr(parser *p, uint32_t level, parsed *out);

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const parser *p, size_t ahead)
{
    return p->at + ahead < p->text.size ? p->text.at[p->at + ahead] : '\0';
}

static bool fail_at(parser *p, const token *t, const char *what)
{
    if (t->kind == TOKEN_END) {
        return weir_fail(p->err, WEIR_ERR_BAD_QUERY,
                         "cannot parse expression [%.*s]: %s, but the text ends",
                         (int)(p->text.size < 400 ? p->text.size : 400), p->text.at, what);
    }
    return weir_fail(p->err, WEIR_ERR_BAD_QUERY, "cannot parse expression [%.*s] at offset %zu: %s",
                     (int)(p->text.size < 400 ? p->text.size : 400), p->text.at, t->at, what);
}

/* LONG: digits. DOUBLE: digits '.' digits?, with or without an exponent, or digits and an exponent
 * ([eE] '-'? digits). */
static void lex_number(parser *p)
{
    size_t end = p->at;
    while (end < p->text.size && is_digit(p->text.at[end])) {
        end++;
    }
    bool is_double = false;
    if (end < p->text.size && p->text.at[end] == '.') {
        is_double = true;
        end++;
        while (end < p->text.size && is_digit(p->text.at[end])) {
            end++;
        }
    }
    if (end < p->text.size && (p->text.at[end] == 'e' || p->text.at[end] == 'E')) {
        size_t digits = end + 1;
        if (digits < p->text.size && (p->text.at[digits] == '-' || p->text.at[digits] == '+')) {
            digits++;
        }
        if (digits < p->text.size && is_digit(p->text.at[digits])) {
            is_double = true;
            end = digits;
            while (end < p->text.size && is_digit(p->text.at[end])) {
                end++;
            }
        }
    }
    p->next.kind = is_double ? TOKEN_DOUBLE : TOKEN_LONG;
    p->next.text = (weir_str){p->text.at + p->at, end - p->at};
    p->at = end;
}

static void lex_quoted(parser *p, char quote)
{
    size_t end = p->at + 1;
    while (end < p->text.size && p->text.at[end] != quote) {
        end += p->text.at[end] == '\\' ? 2 : 1;
    }
    if (end >= p->text.size) {
        p->next.kind = TOKEN_BAD;
        p->at = p->text.size;
        return;
    }
    p->next.kind = quote == '\'' ? TOKEN_STRING : TOKEN_QUOTED_NAME;
    p->next.text = (weir_str){p->text.at + p->at + 1, end - p->at - 1};
    p->at = end + 1;
}

static void lex_operator(parser *p)
{
    static const char *const pairs[] = {"<=", ">=", "==", "!=", "&&", "||", "->"};
    p->next.kind = TOKEN_OPERATOR;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (peek(p, 0) == pairs[i][0] && peek(p, 1) == pairs[i][1]) {
            p->next.text = (weir_str){p->text.at + p->at, 2};
            p->at += 2;
            return;
        }
    }
    if (!strchr("!-^*/%+<>()[],", peek(p, 0)) || peek(p, 0) == '\0') {
        p->next.kind = TOKEN_BAD;
    }
    p->next.text = (weir_str){p->text.at + p->at, 1};
    p->at++;
}

static void advance(parser *p)
{
    while (p->at < p->text.size && strchr(" \t\r\n", p->text.at[p->at]) && p->text.at[p->at]) {
        p->at++;
    }
    p->next = (token){.kind = TOKEN_END, .at = p->at};
    if (p->at >= p->text.size) {
        return;
    }
    char c = p->text.at[p->at];
    if (is_digit(c)) {
        lex_number(p);
    } else if (is_name_start(c)) {
        size_t end = p->at;
        while (end < p->text.size &&
               (is_name_start(p->text.at[end]) || is_digit(p->text.at[end]))) {
            end++;
        }
        p->next.text = (weir_str){p->text.at + p->at, end - p->at};
        p->at = end;
        p->next.kind = TOKEN_NAME;
        if (weir_str_is(p->next.text, "null")) {
            p->next.kind = TOKEN_NULL;
        } else if (weir_str_is(p->next.text, "NaN") || weir_str_is(p->next.text, "Infinity")) {
            p->next.kind = TOKEN_DOUBLE;
        }
    } else if (c == '\'' || c == '"') {
        lex_quoted(p, c);
    } else {
        lex_operator(p);
    }
}

static bool next_is(const parser *p, const char *op)
{
    return p->next.kind == TOKEN_OPERATOR && weir_str_is(p->next.text, op);
}

static bool expect(parser *p, const char *op)
{
    if (!next_is(p, op)) {
        char what[40];
        snprintf(what, sizeof(what), "'%s' expected", op);
        return fail_at(p, &p->next, what);
    }
    advance(p);
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at `at`; -1: not there. */
static int32_t utf16_unit(weir_str s, size_t at)
{
    int32_t unit = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = at + i < s.size ? hex_value(s.at[at + i]) : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

/* \uXXXX at `at` (the u); a pair of halves is one character, a lone half U+FFFD. Returns where it
 * ends, 0 when malformed. */
static size_t unescape_unicode(weir_str s, size_t at, uint32_t *out)
{
    int32_t unit = utf16_unit(s, at + 1);
    if (unit < 0) {
        return 0;
    }
    at += 5;
    if (unit >= 0xd800 && unit < 0xdc00 && at + 1 < s.size && s.at[at] == '\\' &&
        s.at[at + 1] == 'u') {
        int32_t low = utf16_unit(s, at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            *out = 0x10000u + (((uint32_t)unit - 0xd800u) << 10) + ((uint32_t)low - 0xdc00u);
            return at + 6;
        }
    }
    *out = unit >= 0xd800 && unit < 0xe000 ? 0xfffdu : (uint32_t)unit;
    return at;
}

static bool unescape(parser *p, const token *t, weir_str *out)
{
    weir_str s = t->text;
    if (s.size == 0) {
        *out = WEIR_STR("");
        return true;
    }
    char *text = weir_arena_alloc(p->arena, s.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < s.size;) {
        if (s.at[i] != '\\') {
            text[size++] = s.at[i++];
            continue;
        }
        static const char from[] = "'\"\\/bfnrt", to[] = "'\"\\/\b\f\n\r\t";
        char c = i + 1 < s.size ? s.at[i + 1] : '\0';
        const char *plain = c ? strchr(from, c) : NULL;
        uint32_t point = 0;
        size_t end = c == 'u' ? unescape_unicode(s, i + 1, &point) : 0;
        if (plain) {
            text[size++] = to[plain - from];
            i += 2;
        } else if (end) {
            size += weir_utf_put(text + size, point);
            i = end;
        } else {
            return fail_at(p, t, "unknown escape in quoted text");
        }
    }
    *out = (weir_str){text, size};
    return true;
}

static weir_expr *new_expr(parser *p, weir_expr_kind kind)
{
    weir_expr *expr = WEIR_ARENA_NEW(p->arena, weir_expr);
    expr->kind = (uint8_t)kind;
    return expr;
}

/* Digits, perhaps with a minus before them: so that the smallest long can be written. */
static bool long_of(weir_str digits, bool minus, int64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digits.at[i] - '0'), &value)) {
            return false;
        }
    }
    if (value > (uint64_t)INT64_MAX + (minus ? 1u : 0u)) {
        return false;
    }
    *out = (int64_t)(minus ? 0u - value : value);
    return true;
}

/* The number of a LONG or DOUBLE token. */
static bool number_of(parser *p, const token *t, bool minus, weir_value *out)
{
    if (t->kind == TOKEN_LONG) {
        int64_t l = 0;
        if (!long_of(t->text, minus, &l)) {
            return fail_at(p, t, "number does not fit a long");
        }
        *out = weir_value_long(l);
        return true;
    }
    double d = 0;
    if (weir_str_is(t->text, "NaN")) {
        d = (double)NAN;
    } else if (weir_str_is(t->text, "Infinity")) {
        d = (double)INFINITY;
    } else if (!weir_str_to_double(t->text, &d)) {
        return fail_at(p, t, "malformed number");
    }
    *out = weir_value_double(minus ? -d : d);
    return true;
}

static bool element_is_fine(const weir_value *value, weir_kind elem)
{
    if (value->is_null) {
        return true;
    }
    switch (elem) {
    case WEIR_STRING:
        return value->type.kind == WEIR_STRING;
    case WEIR_LONG:
        return value->type.kind == WEIR_LONG;
    case WEIR_DOUBLE:
        return value->type.kind == WEIR_LONG || value->type.kind == WEIR_DOUBLE;
    case WEIR_UNKNOWN:
    case WEIR_FLOAT:
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        break;
    }
    return false;
}

static bool parse_element(parser *p, weir_value *out)
{
    token t = p->next;
    bool minus = next_is(p, "-");
    if (minus) {
        advance(p);
        t = p->next;
    }
    advance(p);
    if (t.kind == TOKEN_LONG || t.kind == TOKEN_DOUBLE) {
        return number_of(p, &t, minus, out);
    }
    if (minus || (t.kind != TOKEN_NULL && t.kind != TOKEN_STRING)) {
        return fail_at(p, &t, "array element expected: a string, a number or null");
    }
    *out = weir_value_null();
    if (t.kind == TOKEN_STRING) {
        weir_str s;
        if (!unescape(p, &t, &s)) {
            return false;
        }
        *out = weir_value_str(s);
    }
    return true;
}

/* What an array literal holds when its type is not written: strings, else longs, else doubles. */
static weir_kind elements_kind(const weir_value *at, uint32_t count)
{
    weir_kind kind = WEIR_STRING;
    for (uint32_t i = 0; i < count; i++) {
        if (!at[i].is_null && at[i].type.kind == WEIR_DOUBLE) {
            return WEIR_DOUBLE;
        }
        if (!at[i].is_null) {
            kind = at[i].type.kind;
        }
    }
    return kind;
}

/* `[` elements `]`; elem UNKNOWN: as the elements are, else each element is cast to it. */
static bool parse_array(parser *p, weir_kind elem, parsed *out)
{
    token start = p->next;
    if (!expect(p, "[")) {
        return false;
    }
    uint32_t count = 0, capacity = 8;
    weir_value *at = WEIR_ARENA_ARRAY(p->arena, weir_value, capacity);
    while (!next_is(p, "]")) {
        if (count > 0 && !expect(p, ",")) {
            return false;
        }
        if (count == capacity) {
            weir_value *more = WEIR_ARENA_ARRAY(p->arena, weir_value, capacity * 2);
            memcpy(more, at, sizeof(*at) * count);
            at = more;
            capacity *= 2;
        }
        if (!parse_element(p, &at[count])) {
            return false;
        }
        count++;
    }
    advance(p);
    bool typed = elem != WEIR_UNKNOWN;
    weir_kind kind = typed ? elem : elements_kind(at, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!typed && !element_is_fine(&at[i], kind)) {
            return fail_at(p, &start, "array elements must be all strings or all numbers");
        }
        if (at[i].is_null) {
            at[i] = (weir_value){.type = WEIR_TYPE(kind), .is_null = true};
        } else {
            at[i] = weir_value_cast(p->arena, at[i], kind);
        }
    }
    weir_expr *expr = new_expr(p, WEIR_EXPR_CONST);
    expr->value = (weir_value){.type = {.kind = WEIR_ARRAY, .elem = (uint8_t)kind}};
    expr->value.as.array.at = at;
    expr->value.as.array.count = count;
    *out = (parsed){expr, 1};
    return true;
}

/* <LONG>[...], ARRAY<LONG>[...]: `LONG` `>` is next. */
static bool parse_typed_array(parser *p, parsed *out)
{
    token t = p->next;
    weir_type type = {0};
    if (t.kind != TOKEN_NAME || !weir_type_parse(t.text, &type) ||
        (type.kind != WEIR_LONG && type.kind != WEIR_DOUBLE && type.kind != WEIR_STRING)) {
        return fail_at(p, &t, "array type LONG, DOUBLE or STRING expected");
    }
    advance(p);
    return expect(p, ">") && parse_array(p, type.kind, out);
}

/* After '(': arguments up to ')'. A lambda may be the first one: NAME -> e, () -> e, (NAME, ...) ->
 * e. */
static bool looks_like_lambda(parser *p)
{
    parser saved = *p;
    bool is = false;
    if (p->next.kind == TOKEN_NAME || p->next.kind == TOKEN_QUOTED_NAME) {
        advance(p);
        is = next_is(p, "->");
    } else if (next_is(p, "(")) {
        advance(p);
        while (p->next.kind == TOKEN_NAME || p->next.kind == TOKEN_QUOTED_NAME || next_is(p, ",")) {
            advance(p);
        }
        if (next_is(p, ")")) {
            advance(p);
            is = next_is(p, "->");
        }
    }
    *p = saved;
    return is;
}

static bool parse_name(parser *p, weir_str *out)
{
    token t = p->next;
    if (t.kind != TOKEN_NAME && t.kind != TOKEN_QUOTED_NAME) {
        return fail_at(p, &t, "name expected");
    }
    advance(p);
    if (t.kind == TOKEN_QUOTED_NAME) {
        return unescape(p, &t, out);
    }
    *out = weir_arena_str(p->arena, t.text);
    return true;
}

#define LAMBDA_PARAMS 32u

static bool parse_lambda(parser *p, parsed *out)
{
    weir_expr *lambda = new_expr(p, WEIR_EXPR_LAMBDA);
    weir_str *params = WEIR_ARENA_ARRAY(p->arena, weir_str, LAMBDA_PARAMS);
    lambda->params = params;
    bool parens = next_is(p, "(");
    if (parens) {
        advance(p);
    }
    while (!next_is(p, ")") && !next_is(p, "->")) {
        if (lambda->param_count == LAMBDA_PARAMS) {
            return fail_at(p, &p->next, "too many lambda parameters");
        }
        if ((lambda->param_count > 0 && !expect(p, ",")) ||
            !parse_name(p, &params[lambda->param_count])) {
            return false;
        }
        lambda->param_count++;
    }
    parsed body = {0};
    if ((parens && !expect(p, ")")) || !expect(p, "->") || !parse_expr(p, 0, &body)) {
        return false;
    }
    const weir_expr **args = WEIR_ARENA_NEW(p->arena, const weir_expr *);
    args[0] = body.expr;
    lambda->args = args;
    lambda->arg_count = 1;
    *out = (parsed){lambda, body.depth + 1};
    return out->depth <= EXPR_DEPTH || fail_at(p, &p->next, "nested too deeply");
}

static bool parse_call(parser *p, token name, parsed *out)
{
    const weir_fn *fn = weir_fn_find(name.text);
    if (!fn) {
        return weir_fail(p->err, WEIR_ERR_BAD_QUERY, "function '%.*s' is not defined.",
                         WEIR_STR_ARG(name.text));
    }
    weir_expr *call = new_expr(p, WEIR_EXPR_CALL);
    call->name = weir_str_of(fn->name);
    uint32_t capacity = 4, depth = 0;
    const weir_expr **args = WEIR_ARENA_ARRAY(p->arena, const weir_expr *, capacity);
    advance(p);
    while (!next_is(p, ")")) {
        if (call->arg_count > 0 && !expect(p, ",")) {
            return false;
        }
        if (call->arg_count == capacity) {
            const weir_expr **more = WEIR_ARENA_ARRAY(p->arena, const weir_expr *, capacity * 2);
            memcpy(more, args, sizeof(*args) * capacity);
            args = more;
            capacity *= 2;
        }
        parsed arg = {0};
        bool lambda = call->arg_count == 0 && (fn->flags & WEIR_FN_LAMBDA) && looks_like_lambda(p);
        if (!(lambda ? parse_lambda(p, &arg) : parse_expr(p, 0, &arg))) {
            return false;
        }
        args[call->arg_count++] = arg.expr;
        depth = arg.depth > depth ? arg.depth : depth;
    }
    advance(p);
    call->args = args;
    if (call->arg_count < fn->min_args || (fn->max_args != 255 && call->arg_count > fn->max_args)) {
        return weir_fail(p->err, WEIR_ERR_BAD_QUERY,
                         "Function[%s] takes %u to %u arguments, not %u", fn->name, fn->min_args,
                         fn->max_args, call->arg_count);
    }
    if ((fn->flags & WEIR_FN_LAMBDA) &&
        (call->arg_count == 0 || args[0]->kind != WEIR_EXPR_LAMBDA)) {
        return weir_fail(p->err, WEIR_ERR_BAD_QUERY,
                         "Function[%s] needs a lambda as its first argument", fn->name);
    }
    *out = (parsed){call, depth + 1};
    return out->depth <= EXPR_DEPTH || fail_at(p, &name, "nested too deeply");
}

static bool parse_primary(parser *p, parsed *out)
{
    token t = p->next;
    if (next_is(p, "[")) {
        return parse_array(p, WEIR_UNKNOWN, out);
    }
    if (next_is(p, "<")) {
        advance(p);
        return parse_typed_array(p, out);
    }
    if (next_is(p, "(")) {
        advance(p);
        return parse_expr(p, 0, out) && expect(p, ")");
    }
    weir_expr *expr = new_expr(p, WEIR_EXPR_CONST);
    *out = (parsed){expr, 1};
    switch (t.kind) {
    case TOKEN_NULL:
        expr->value = weir_value_null();
        break;
    case TOKEN_LONG:
    case TOKEN_DOUBLE:
        if (!number_of(p, &t, false, &expr->value)) {
            return false;
        }
        break;
    case TOKEN_STRING: {
        weir_str s;
        if (!unescape(p, &t, &s)) {
            return false;
        }
        expr->value = weir_value_str(s);
        break;
    }
    case TOKEN_NAME:
        advance(p);
        if (next_is(p, "(")) {
            return parse_call(p, t, out);
        }
        if (weir_str_is(t.text, "ARRAY") && next_is(p, "<")) {
            advance(p);
            return parse_typed_array(p, out);
        }
        expr->kind = WEIR_EXPR_COLUMN;
        expr->name = weir_arena_str(p->arena, t.text);
        return true;
    case TOKEN_QUOTED_NAME:
        expr->kind = WEIR_EXPR_COLUMN;
        return parse_name(p, &expr->name);
    case TOKEN_END:
    case TOKEN_OPERATOR:
    case TOKEN_BAD:
        return fail_at(p, &t, "an operand is missing");
    }
    advance(p);
    return true;
}

/* A call of an operator on one or two operands. */
static bool make_operation(parser *p, const token *op, const char *name, const parsed *left,
                           const parsed *right, parsed *out)
{
    const weir_expr *l = left->expr;
    bool chain = (weir_str_is(op->text, "&&") || weir_str_is(op->text, "||")) &&
                 l->kind == WEIR_EXPR_CALL && weir_str_eq(l->name, op->text);
    uint32_t before = chain ? l->arg_count : 1;
    uint32_t count = before + (right ? 1 : 0);
    const weir_expr **args;
    /* a chain's own array is grown in steps of powers of two: only this parser holds it */
    if (chain && (before & (before - 1)) != 0) {
        args = (const weir_expr **)(uintptr_t)l->args;
    } else {
        args = WEIR_ARENA_ARRAY(p->arena, const weir_expr *, chain ? before * 2 : 2);
        if (chain) {
            memcpy(args, l->args, sizeof(*args) * before);
        } else {
            args[0] = l;
        }
    }
    uint32_t depth = left->depth + (chain ? 0 : 1);
    if (right) {
        args[before] = right->expr;
        depth = right->depth + 1 > depth ? right->depth + 1 : depth;
    }
    weir_expr *call = new_expr(p, WEIR_EXPR_CALL);
    call->name = weir_str_of(name);
    call->args = args;
    call->arg_count = count;
    *out = (parsed){call, depth};
    return depth <= EXPR_DEPTH || fail_at(p, op, "nested too deeply");
}

static bool parse_unary(parser *p, parsed *out)
{
    bool minus = next_is(p, "-");
    if (!minus && !next_is(p, "!")) {
        return parse_primary(p, out);
    }
    token op = p->next;
    advance(p);
    if (minus && (p->next.kind == TOKEN_LONG || p->next.kind == TOKEN_DOUBLE)) {
        weir_expr *expr = new_expr(p, WEIR_EXPR_CONST);
        token t = p->next;
        advance(p);
        *out = (parsed){expr, 1};
        return number_of(p, &t, true, &expr->value);
    }
    if (++p->depth > EXPR_DEPTH) {
        return fail_at(p, &op, "nested too deeply");
    }
    parsed operand = {0};
    bool ok =
        parse_unary(p, &operand) && make_operation(p, &op, minus ? "u-" : "!", &operand, NULL, out);
    p->depth--;
    return ok;
}

static const char *const levels[][7] = {
    {"&&", "||"}, {"<=", ">=", "==", "!=", "<", ">"}, {"+", "-"}, {"*", "/", "%"}, {"^"},
};
#define LEVEL_COUNT 5u

static const char *operator_of(const parser *p, uint32_t level)
{
    for (const char *const *op = levels[level]; *op; op++) {
        if (next_is(p, *op)) {
            return *op;
        }
    }
    return NULL;
}

static bool parse_levels(parser *p, uint32_t level, parsed *out)
{
    if (level == LEVEL_COUNT) {
        return parse_unary(p, out);
    }
    parsed left = {0};
    if (!parse_levels(p, level + 1, &left)) {
        return false;
    }
    for (const char *op; (op = operator_of(p, level));) {
        token t = p->next;
        advance(p);
        parsed right = {0}, whole = {0};
        bool power = level == LEVEL_COUNT - 1; /* right to left */
        if (!(power ? parse_expr(p, level, &right) : parse_levels(p, level + 1, &right)) ||
            !make_operation(p, &t, op, &left, &right, &whole)) {
            return false;
        }
        left = whole;
    }
    *out = left;
    return true;
}

static bool parse_expr(parser *p, uint32_t level, parsed *out)
{
    if (++p->depth > EXPR_DEPTH) {
        return fail_at(p, &p->next, "nested too deeply");
    }
    bool ok = parse_levels(p, level, out);
    p->depth--;
    return ok;
}

const weir_expr *weir_expr_parse(weir_arena *arena, weir_str text, weir_error *err)
{
    parser p = {.arena = arena, .text = text, .err = err};
    parsed whole = {0};
    advance(&p);
    if (!parse_expr(&p, 0, &whole)) {
        return NULL;
    }
    if (p.next.kind != TOKEN_END) {
        fail_at(&p, &p.next, "the expression should have ended");
        return NULL;
    }
    return whole.expr;
}

const weir_expr *weir_expr_column(weir_arena *arena, weir_str name)
{
    weir_expr *expr = WEIR_ARENA_NEW(arena, weir_expr);
    expr->kind = WEIR_EXPR_COLUMN;
    expr->name = weir_arena_str(arena, name);
    return expr;
}

const weir_expr *weir_expr_const(weir_arena *arena, weir_value value)
{
    weir_expr *expr = WEIR_ARENA_NEW(arena, weir_expr);
    expr->kind = WEIR_EXPR_CONST;
    expr->value = value;
    return expr;
}

const weir_expr *weir_expr_call(weir_arena *arena, const char *fn, uint32_t arg_count,
                                const weir_expr *const *args)
{
    weir_expr *expr = WEIR_ARENA_NEW(arena, weir_expr);
    expr->kind = WEIR_EXPR_CALL;
    expr->name = weir_arena_str(arena, weir_str_of(fn));
    expr->arg_count = arg_count;
    const weir_expr **copy = WEIR_ARENA_ARRAY(arena, const weir_expr *, arg_count ? arg_count : 1);
    memcpy(copy, args, sizeof(*args) * arg_count);
    expr->args = copy;
    return expr;
}
