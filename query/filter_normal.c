/* query/filter_normal.c - filters in normal form: `not` pushed down to leaves (in three-valued
 * logic it swaps TRUE and FALSE and leaves UNKNOWN, so De Morgan holds), nested and/or flattened,
 * constants folded. Also: which columns a filter reads, and its canonical text. */
#include <assert.h>
#include "query/filter_types.h"
#include "weir/buf.h"

static weir_filter *normal(weir_arena *arena, const weir_filter *filter, bool negated);

static weir_filter *constant(weir_arena *arena, bool truth)
{
    return weir_filter_constant(arena, truth);
}

/* and/or over normal children. */
static weir_filter *normal_list(weir_arena *arena, const weir_filter *filter, bool negated)
{
    bool conjunction = (filter->kind == WEIR_FILTER_AND) != negated;
    uint8_t kind = conjunction ? WEIR_FILTER_AND : WEIR_FILTER_OR;
    uint8_t neutral = conjunction ? WEIR_FILTER_TRUE : WEIR_FILTER_FALSE,
            ends = conjunction ? WEIR_FILTER_FALSE : WEIR_FILTER_TRUE;
    uint32_t count = 0;
    weir_filter **children = WEIR_ARENA_ARRAY(arena, weir_filter *, filter->child_count + 1);
    for (uint32_t i = 0; i < filter->child_count; i++) {
        weir_filter *child = normal(arena, filter->children[i], negated);
        if (child->kind == ends) {
            return child;
        }
        if (child->kind != neutral) {
            children[i] = child;
            count += child->kind == kind ? child->child_count : 1;
        }
    }
    weir_filter **flat = WEIR_ARENA_ARRAY(arena, weir_filter *, count + 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < filter->child_count; i++) {
        if (!children[i]) {
            continue;
        }
        if (children[i]->kind != kind) {
            flat[at++] = children[i];
            continue;
        }
        for (uint32_t k = 0; k < children[i]->child_count; k++) {
            flat[at++] = children[i]->children[k];
        }
    }
    assert(at == count);
    if (count == 0) {
        return constant(arena, conjunction);
    }
    if (count == 1) {
        return flat[0];
    }
    return conjunction ? weir_filter_and(arena, flat, count) : weir_filter_or(arena, flat, count);
}

/* The child's true rows, or all others. */
static weir_filter *is_true(weir_arena *arena, const weir_filter *child, bool negated)
{
    weir_filter *rows = normal(arena, child, false);
    if (!negated) {
        return rows;
    }
    if (rows->kind == WEIR_FILTER_TRUE || rows->kind == WEIR_FILTER_FALSE) {
        return constant(arena, rows->kind == WEIR_FILTER_FALSE);
    }
    weir_filter *rest = weir_filter_is_true(arena, rows);
    rest->kind = WEIR_FILTER_REST;
    return rest;
}

static weir_filter *normal(weir_arena *arena, const weir_filter *filter, bool negated)
{
    switch ((weir_filter_kind)filter->kind) {
    case WEIR_FILTER_AND:
    case WEIR_FILTER_OR:
        return normal_list(arena, filter, negated);
    case WEIR_FILTER_NOT:
        return normal(arena, filter->children[0], !negated);
    case WEIR_FILTER_TRUE:
    case WEIR_FILTER_FALSE:
        return constant(arena, (filter->kind == WEIR_FILTER_TRUE) != negated);
    case WEIR_FILTER_ISTRUE:
        return is_true(arena, filter->children[0], negated);
    case WEIR_FILTER_REST:
        return negated ? filter->children[0] : (weir_filter *)(uintptr_t)filter; /* is normal */
    case WEIR_FILTER_LEAF:
        break;
    }
    weir_filter *leaf = WEIR_ARENA_NEW(arena, weir_filter);
    *leaf = *filter;
    leaf->negated = filter->negated != negated;
    return leaf;
}

weir_filter *weir_filter_normal(weir_arena *arena, const weir_filter *filter)
{
    return filter ? normal(arena, filter, false) : NULL;
}

void weir_filter_columns(const weir_filter *filter, void (*see)(void *self, weir_str name),
                         void *self)
{
    if (!filter) {
        return;
    }
    if (filter->kind == WEIR_FILTER_LEAF) {
        if (filter->leaf.expr) {
            weir_expr_columns(filter->leaf.expr, see, self);
        } else {
            see(self, filter->leaf.column);
        }
    }
    for (uint32_t i = 0; i < filter->child_count; i++) {
        weir_filter_columns(filter->children[i], see, self);
    }
}

static void print_leaf(const weir_leaf *leaf, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_buf_text(out, leaf->type->type);
    weir_buf_byte(out, '(');
    if (leaf->expr) {
        weir_expr_print(leaf->expr, out);
    } else {
        weir_json_str(&json, leaf->column);
    }
    weir_buf_byte(out, ' ');
    leaf->type->print(leaf, out);
    if (out->at[out->size - 1] == ' ') {
        out->size--;
    }
    weir_buf_byte(out, ')');
}

void weir_filter_print(const weir_filter *filter, weir_buf *out)
{
    switch ((weir_filter_kind)filter->kind) {
    case WEIR_FILTER_TRUE:
        weir_buf_text(out, "true");
        return;
    case WEIR_FILTER_FALSE:
        weir_buf_text(out, "false");
        return;
    case WEIR_FILTER_LEAF:
        weir_buf_text(out, filter->negated ? "!" : "");
        print_leaf(&filter->leaf, out);
        return;
    case WEIR_FILTER_AND:
    case WEIR_FILTER_OR:
    case WEIR_FILTER_NOT:
    case WEIR_FILTER_ISTRUE:
    case WEIR_FILTER_REST:
        break;
    }
    weir_buf_text(out, filter->kind == WEIR_FILTER_AND      ? "and("
                       : filter->kind == WEIR_FILTER_OR     ? "or("
                       : filter->kind == WEIR_FILTER_NOT    ? "not("
                       : filter->kind == WEIR_FILTER_ISTRUE ? "istrue("
                                                            : "rest(");
    for (uint32_t i = 0; i < filter->child_count; i++) {
        weir_buf_text(out, i ? ", " : "");
        weir_filter_print(filter->children[i], out);
    }
    weir_buf_byte(out, ')');
}
