/* compute/expr_print.c - the canonical text of a tree, and the columns that it uses. What the
 * parser made reads back as the same tree; trees that other front ends made may hold what the
 * language cannot write (typed nulls, complex constants): those print unambiguously, as
 * fingerprints need, but do not read back. */
#include "compute/expr.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void print_quoted(weir_buf *out, weir_str s, char quote)
{
    weir_buf_byte(out, quote);
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c == (unsigned char)quote || c == '\\') {
            weir_buf_byte(out, '\\');
            weir_buf_byte(out, (char)c);
        } else if (c < 0x20) {
            weir_buf_printf(out, "\\u%04x", c);
        } else {
            weir_buf_byte(out, (char)c);
        }
    }
    weir_buf_byte(out, quote);
}

static void print_double(weir_buf *out, double d)
{
    char text[32];
    weir_buf_put(out, text, weir_print_double(text, d));
}

static void print_scalar(weir_buf *out, const weir_value *value)
{
    if (value->is_null) {
        weir_buf_text(out, "null");
        return;
    }
    switch ((weir_kind)value->type.kind) {
    case WEIR_LONG:
        weir_buf_printf(out, "%lld", (long long)value->as.l);
        break;
    case WEIR_FLOAT:
    case WEIR_DOUBLE:
        print_double(out, value->as.d);
        break;
    case WEIR_STRING:
        print_quoted(out, value->as.s, '\'');
        break;
    case WEIR_COMPLEX:
        weir_buf_printf(out, "complex<%s>'", value->type.complex ? value->type.complex->name : "");
        for (size_t i = 0; i < value->as.s.size; i++) {
            weir_buf_printf(out, "%02x", (unsigned char)value->as.s.at[i]);
        }
        weir_buf_byte(out, '\'');
        break;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        weir_buf_text(out, "null");
        break;
    }
}

static void print_value(weir_buf *out, const weir_value *value)
{
    char name[64];
    if (value->is_null && value->type.kind != WEIR_UNKNOWN) {
        weir_buf_text(out, "cast(null,");
        print_quoted(out, weir_type_name(value->type, name), '\'');
        weir_buf_byte(out, ')');
        return;
    }
    if (value->type.kind != WEIR_ARRAY) {
        print_scalar(out, value);
        return;
    }
    weir_buf_str(out, weir_type_name(value->type, name));
    weir_buf_byte(out, '[');
    for (uint32_t i = 0; i < value->as.array.count; i++) {
        if (i) {
            weir_buf_byte(out, ',');
        }
        print_scalar(out, &value->as.array.at[i]);
    }
    weir_buf_byte(out, ']');
}

static bool is_plain_name(weir_str name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.size > 0 && !weir_str_is(name, "null") && !weir_str_is(name, "NaN") &&
           !weir_str_is(name, "Infinity") && !weir_str_is(name, "ARRAY");
}

static void print_name(weir_buf *out, weir_str name)
{
    if (is_plain_name(name)) {
        weir_buf_str(out, name);
    } else {
        print_quoted(out, name, '"');
    }
}

static bool is_operator(weir_str name)
{
    return name.size > 0 && strchr("!-^*/%+<>=&|", name.at[0]) != NULL;
}

static void print_list(weir_buf *out, uint32_t count, const weir_expr *const *args,
                       const char *between)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i) {
            weir_buf_text(out, between);
        }
        weir_expr_print(args[i], out);
    }
}

static void print_call(weir_buf *out, const weir_expr *expr)
{
    if (weir_str_is(expr->name, "u-") || weir_str_is(expr->name, "!")) {
        weir_buf_byte(out, expr->name.at[expr->name.size - 1]);
        weir_buf_byte(out, '(');
        weir_expr_print(expr->args[0], out);
        weir_buf_byte(out, ')');
    } else if (is_operator(expr->name)) {
        char between[8];
        snprintf(between, sizeof(between), " %.*s ", WEIR_STR_ARG(expr->name));
        weir_buf_byte(out, '(');
        print_list(out, expr->arg_count, expr->args, between);
        weir_buf_byte(out, ')');
    } else {
        weir_buf_str(out, expr->name);
        weir_buf_byte(out, '(');
        print_list(out, expr->arg_count, expr->args, ",");
        weir_buf_byte(out, ')');
    }
}

void weir_expr_print(const weir_expr *expr, weir_buf *out)
{
    switch ((weir_expr_kind)expr->kind) {
    case WEIR_EXPR_CONST:
        print_value(out, &expr->value);
        break;
    case WEIR_EXPR_COLUMN:
        print_name(out, expr->name);
        break;
    case WEIR_EXPR_CALL:
        print_call(out, expr);
        break;
    case WEIR_EXPR_LAMBDA:
        weir_buf_byte(out, '(');
        for (uint32_t i = 0; i < expr->param_count; i++) {
            if (i) {
                weir_buf_byte(out, ',');
            }
            print_name(out, expr->params[i]);
        }
        weir_buf_text(out, ") -> ");
        weir_expr_print(expr->args[0], out);
        break;
    }
}

/* Lambda parameters hide columns: the innermost binding is looked at first. */
typedef struct binding {
    const weir_expr *lambda;
    const struct binding *outer;
} binding;

typedef struct collector {
    void (*see)(void *self, weir_str name);
    void *self;
    weir_arena *arena;
    weir_str *seen;
    uint32_t count, capacity;
} collector;

static bool is_bound(const binding *inner, weir_str name)
{
    for (; inner; inner = inner->outer) {
        for (uint32_t i = 0; i < inner->lambda->param_count; i++) {
            if (weir_str_eq(inner->lambda->params[i], name)) {
                return true;
            }
        }
    }
    return false;
}

static void see_once(collector *c, weir_str name)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (weir_str_eq(c->seen[i], name)) {
            return;
        }
    }
    if (c->count == c->capacity) {
        c->capacity = c->capacity ? c->capacity * 2 : 16;
        c->seen = weir_realloc(c->seen, sizeof(*c->seen) * c->capacity);
    }
    c->seen[c->count++] = name;
    c->see(c->self, name);
}

static void collect(collector *c, const weir_expr *expr, const binding *bound)
{
    binding own = {expr, bound};
    if (expr->kind == WEIR_EXPR_COLUMN && !is_bound(bound, expr->name)) {
        see_once(c, expr->name);
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        collect(c, expr->args[i], expr->kind == WEIR_EXPR_LAMBDA ? &own : bound);
    }
}

void weir_expr_columns(const weir_expr *expr, void (*see)(void *self, weir_str name), void *self)
{
    collector c = {.see = see, .self = self};
    collect(&c, expr, NULL);
    free(c.seen);
}
