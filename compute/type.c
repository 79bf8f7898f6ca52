/* compute/type.c - names of types, both ways (complex types: complex.c). */
#include "compute/type.h"
#include <stdio.h>

bool weir_type_eq(weir_type a, weir_type b)
{
    return a.kind == b.kind && (a.kind != WEIR_ARRAY || a.elem == b.elem) &&
           (a.kind != WEIR_COMPLEX || a.complex == b.complex);
}

static const char *kind_name(uint8_t kind)
{
    switch ((weir_kind)kind) {
    case WEIR_UNKNOWN:
        return "UNKNOWN";
    case WEIR_LONG:
        return "LONG";
    case WEIR_FLOAT:
        return "FLOAT";
    case WEIR_DOUBLE:
        return "DOUBLE";
    case WEIR_STRING:
        return "STRING";
    case WEIR_ARRAY:
        return "ARRAY";
    case WEIR_COMPLEX:
        return "COMPLEX";
    }
    return "UNKNOWN";
}

weir_str weir_type_name(weir_type type, char out[64])
{
    const char *name = kind_name(type.kind);
    int size = 0;
    if (type.kind == WEIR_ARRAY) {
        size = snprintf(out, 64, "%s<%s>", name, kind_name(type.elem));
    } else if (type.kind == WEIR_COMPLEX && type.complex) {
        size = snprintf(out, 64, "%s<%s>", name, type.complex->name);
    } else {
        size = snprintf(out, 64, "%s", name);
    }
    return (weir_str){out, (size_t)size};
}

static bool find_kind(weir_str name, uint8_t *out)
{
    for (uint8_t kind = WEIR_LONG; kind <= WEIR_COMPLEX; kind++) {
        if (weir_str_eq_nocase(name, weir_str_of(kind_name(kind)))) {
            *out = kind;
            return true;
        }
    }
    return false;
}

bool weir_type_parse(weir_str name, weir_type *out)
{
    weir_type type = {0};
    size_t open = 0;
    while (open < name.size && name.at[open] != '<') {
        open++;
    }
    if (!find_kind((weir_str){name.at, open}, &type.kind)) {
        return false;
    }
    if (open == name.size) {
        *out = type;
        return type.kind != WEIR_ARRAY;
    }
    if (name.at[name.size - 1] != '>') {
        return false;
    }
    weir_str inner = {name.at + open + 1, name.size - open - 2};
    if (type.kind == WEIR_ARRAY) {
        if (!find_kind(inner, &type.elem) || type.elem == WEIR_ARRAY) {
            return false;
        }
    } else if (type.kind == WEIR_COMPLEX) {
        type.complex = weir_complex_find(inner);
        if (!type.complex) {
            return false;
        }
    } else {
        return false;
    }
    *out = type;
    return true;
}

weir_type weir_type_wider(weir_type a, weir_type b)
{
    if (weir_type_eq(a, b) || b.kind == WEIR_UNKNOWN) {
        return a;
    }
    if (a.kind == WEIR_UNKNOWN) {
        return b;
    }
    if (a.kind == WEIR_COMPLEX || b.kind == WEIR_COMPLEX) {
        return weir_type_is_json(b) && a.kind != WEIR_COMPLEX ? b : a;
    }
    if (a.kind == WEIR_ARRAY || b.kind == WEIR_ARRAY) {
        weir_type x = WEIR_TYPE(a.kind == WEIR_ARRAY ? a.elem : a.kind),
                  y = WEIR_TYPE(b.kind == WEIR_ARRAY ? b.elem : b.kind);
        return (weir_type){.kind = WEIR_ARRAY, .elem = weir_type_wider(x, y).kind};
    }
    bool numbers = weir_type_is_number(a) && weir_type_is_number(b);
    return WEIR_TYPE(numbers ? WEIR_DOUBLE : WEIR_STRING);
}
