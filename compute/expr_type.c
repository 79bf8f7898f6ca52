/* compute/expr_type.c - a tree and a shape to a program: names are resolved, types inferred, casts
 * put in, constants folded, common subtrees shared (nodes are hash-consed), and multi-value columns
 * that are used as scalars turned into mappings over their elements.
 *
 * Which columns are mapped is Druid's rule: an expression is wrapped once, at its root, in a
 * mapping over the product of all multi-value columns that it uses as scalars and nowhere as
 * arrays; an array argument that is itself an expression is such a root of its own. */
#include "compute/expr_program.h"
#include <stdatomic.h>
#include <stdlib.h>

/* A name bound by a lambda or a mapping, hiding a column. */
typedef struct env {
    weir_str name;
    node *source;
    const struct env *outer;
    const weir_expr *call; /* instead of a name: this very call is bound */
} env;

#define TABLE_SIZE 1024u

typedef struct memo {
    const weir_expr *expr;
    const env *env;
    bool root;
    node *made;
    struct memo *next;
} memo;

typedef struct typer {
    weir_arena *arena;
    const weir_shape *shape;
    int64_t now_ms;
    weir_error *err;
    uint32_t node_count, slot_count, depth;
    node *table[TABLE_SIZE];
    memo *memos[TABLE_SIZE]; /* trees may share subtrees: each is lowered once per environment */
} typer;

static node *lower(typer *t, const weir_expr *expr, const env *outer);
static node *lower_root(typer *t, const weir_expr *expr, const env *outer);

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        h = mix(h, at[i]);
    }
    return mix(h, size);
}

static uint64_t hash_value(uint64_t h, const weir_value *v)
{
    h = mix(mix(h, v->type.kind), v->is_null);
    if (v->is_null) {
        return h;
    }
    if (v->type.kind == WEIR_STRING || v->type.kind == WEIR_COMPLEX) {
        return mix_bytes(h, v->as.s.at, v->as.s.size);
    }
    if (v->type.kind == WEIR_ARRAY) {
        for (uint32_t i = 0; i < v->as.array.count; i++) {
            h = hash_value(h, &v->as.array.at[i]);
        }
        return mix(h, v->type.elem);
    }
    uint64_t bits;
    memcpy(&bits, &v->as, sizeof(bits));
    return mix(h, bits);
}

/* Same bits: 0.0 and -0.0 differ here. */
static bool same_value(const weir_value *a, const weir_value *b)
{
    if (!weir_type_eq(a->type, b->type) || a->is_null != b->is_null) {
        return false;
    }
    if (a->is_null) {
        return true;
    }
    if (a->type.kind == WEIR_STRING || a->type.kind == WEIR_COMPLEX) {
        return weir_str_eq(a->as.s, b->as.s);
    }
    if (a->type.kind == WEIR_ARRAY) {
        bool same = a->as.array.count == b->as.array.count;
        for (uint32_t i = 0; same && i < a->as.array.count; i++) {
            same = same_value(&a->as.array.at[i], &b->as.array.at[i]);
        }
        return same;
    }
    return memcmp(&a->as.l, &b->as.l, sizeof(int64_t)) == 0;
}

static uint64_t hash_node(const node *n)
{
    uint64_t h =
        mix(n->kind, (uint64_t)n->type.kind << 16 | (uint64_t)n->type.elem << 8 | n->type.multi);
    h = mix(h, n->slot);
    h = mix(h, (uint64_t)(uintptr_t)n->call.fn);
    for (uint32_t i = 0; i < n->arg_count; i++) {
        h = mix(h, n->args[i] ? n->args[i]->id : UINT32_MAX);
    }
    return n->kind == NODE_CONST ? hash_value(h, &n->value) : h;
}

static bool same_node(const node *a, const node *b)
{
    if (a->hash != b->hash || a->kind != b->kind || a->slot != b->slot ||
        a->call.fn != b->call.fn || a->body || b->body || a->arg_count != b->arg_count ||
        !weir_type_eq(a->type, b->type) || a->type.multi != b->type.multi ||
        (a->kind == NODE_CONST && !same_value(&a->value, &b->value))) {
        return false;
    }
    for (uint32_t i = 0; i < a->arg_count; i++) {
        if (a->args[i] != b->args[i]) {
            return false;
        }
    }
    return true;
}

static void add_slot(node *n, uint32_t slot)
{
    for (uint32_t i = 0; i < n->slot_count; i++) {
        if (n->slots[i] == slot) {
            return;
        }
    }
    if (n->slot_count == NODE_SLOTS) {
        n->many = true;
        return;
    }
    n->slots[n->slot_count++] = slot;
}

/* What `n` reads: all that its parts read, but the variables that it binds itself. */
static void take_slots(node *n, const node *part, uint32_t bound_from, uint32_t bound_count)
{
    n->many |= part->many;
    n->pure &= part->pure;
    n->total &= part->total;
    for (uint32_t i = 0; i < part->slot_count; i++) {
        if (part->slots[i] - bound_from >= bound_count) {
            add_slot(n, part->slots[i]);
        }
    }
}

/* The node itself, or the equal one that is there already. */
static node *intern(typer *t, node *n)
{
    n->hash = hash_node(n);
    node **list = &t->table[n->hash % TABLE_SIZE];
    if (!n->body && n->pure) {
        for (node *other = *list; other; other = other->next) {
            if (same_node(other, n)) {
                return other;
            }
        }
    }
    n->id = t->node_count++;
    n->next = *list;
    *list = n;
    return n;
}

static node *new_node(typer *t, node_kind kind, weir_type type, uint32_t arg_count)
{
    node *n = WEIR_ARENA_NEW(t->arena, node);
    n->kind = (uint8_t)kind;
    n->type = type;
    n->pure = true;
    n->total = kind != NODE_MAP;
    n->arg_count = arg_count;
    n->args = WEIR_ARENA_ARRAY(t->arena, node *, arg_count ? arg_count : 1);
    return n;
}

static node *const_node(typer *t, const weir_value *value)
{
    node *n = new_node(t, NODE_CONST, value->type, 0);
    n->value = *value;
    if (value->is_null) {
        n->value.as.l = 0;
    }
    return intern(t, n);
}

static node *source_node(typer *t, uint32_t slot, weir_type type)
{
    node *n = new_node(t, NODE_SOURCE, type, 0);
    n->slot = slot;
    add_slot(n, slot);
    return intern(t, n);
}

/* A constant under a cast or a pure call becomes its value. What fails is left to fail when it
 * runs. */
static node *fold(typer *t, node *n)
{
    bool constant = n->pure && !n->many && n->slot_count == 0 && n->arg_count > 0;
    for (uint32_t i = 0; constant && i < n->arg_count; i++) {
        constant = !n->args[i] || n->args[i]->kind == NODE_CONST;
    }
    weir_value value;
    if (!constant || !weir_node_fold(n, t->node_count + 1, t->arena, &value)) {
        return n;
    }
    value.type = n->type;
    return const_node(t, &value);
}

static void mark_dictionary(typer *t, node *n, const node *source)
{
    (void)t;
    bool scalar =
        n->type.kind == WEIR_STRING || n->type.kind == WEIR_LONG || n->type.kind == WEIR_DOUBLE;
    n->by_dict = source && n->pure && !n->many && n->slot_count == 1 && scalar && !n->type.multi &&
                 source->type.kind == WEIR_STRING && !source->type.multi;
}

/* The SOURCE node that all of `n` depends on, when there is exactly one. */
static const node *only_source(const node *n)
{
    if (n->many || n->slot_count != 1) {
        return NULL;
    }
    for (const node *at = n; at;) {
        if (at->kind == NODE_SOURCE) {
            return at;
        }
        const node *down =
            at->body && at->body->slot_count && at->body->slots[0] == n->slots[0] ? at->body : NULL;
        for (uint32_t i = 0; !down && i < at->arg_count; i++) {
            if (at->args[i] && at->args[i]->slot_count && at->args[i]->slots[0] == n->slots[0]) {
                down = at->args[i];
            }
        }
        at = down;
    }
    return NULL;
}

static node *finish(typer *t, node *n)
{
    for (uint32_t i = 0; i < n->arg_count; i++) {
        if (n->args[i]) {
            take_slots(n, n->args[i], 0, 0);
        }
    }
    mark_dictionary(t, n, only_source(n));
    return fold(t, intern(t, n));
}

static node *cast_node(typer *t, node *from, weir_type to)
{
    bool same_multi = from->type.multi == to.multi || to.kind != WEIR_STRING;
    if (weir_type_eq(from->type, to) && same_multi) {
        return from;
    }
    node *n = new_node(t, NODE_CAST, to, 1);
    n->args[0] = from;
    n->total = from->type.kind != WEIR_COMPLEX; /* its text may be too long */
    return finish(t, n);
}

static bool is_multi(weir_type type)
{
    return type.kind == WEIR_STRING && type.multi;
}

static bool takes_list(const weir_fn *fn, uint32_t i, uint32_t arg_count)
{
    if ((fn->flags & WEIR_FN_LAST_SCALAR) && i + 1 == arg_count) {
        return false;
    }
    return (fn->flags & WEIR_FN_LISTS) || (fn->list_args >> (i < 31 ? i : 31) & 1);
}

/* A call whose rows are lists of strings, as a multi-value column's are. */
static bool gives_multi(const weir_expr *expr)
{
    const weir_fn *fn = expr->kind == WEIR_EXPR_CALL ? weir_fn_find(expr->name) : NULL;
    return fn && (fn->flags & WEIR_FN_MULTI);
}

static weir_type list_type(weir_type type)
{
    if (type.kind == WEIR_ARRAY) {
        return type;
    }
    uint8_t elem = type.kind == WEIR_UNKNOWN ? WEIR_STRING : type.kind;
    return (weir_type){.kind = WEIR_ARRAY, .elem = elem, .complex = type.complex};
}

/* Arguments as infer asked for them; list arguments as arrays. */
static bool cast_args(typer *t, node *n)
{
    weir_fn_call *call = &n->call;
    for (uint32_t i = 0; i < n->arg_count; i++) {
        weir_type to = call->arg_types[i];
        if (takes_list(call->fn, i, n->arg_count)) {
            to = list_type(to);
        } else {
            to.multi = false;
        }
        call->arg_types[i] = to;
        if (!n->args[i]) {
            n->body = cast_node(t, n->body, to);
        } else {
            n->args[i] = cast_node(t, n->args[i], to);
        }
        call->literals[i] =
            n->args[i] && n->args[i]->kind == NODE_CONST ? &n->args[i]->value : NULL;
    }
    return true;
}

static bool begin_call(typer *t, node *n, const weir_expr *expr, const weir_fn *fn)
{
    weir_fn_call *call = &n->call;
    *call = (weir_fn_call){.fn = fn,
                           .arg_count = n->arg_count,
                           .args = expr->args,
                           .now_ms = t->now_ms,
                           .flags = fn->flags};
    call->arg_types = WEIR_ARENA_ARRAY(t->arena, weir_type, n->arg_count + 1);
    call->literals = WEIR_ARENA_ARRAY(t->arena, const weir_value *, n->arg_count + 1);
    for (uint32_t i = 0; i < n->arg_count; i++) {
        if (n->args[i]) {
            call->arg_types[i] = n->args[i]->type;
            call->literals[i] = n->args[i]->kind == NODE_CONST ? &n->args[i]->value : NULL;
        }
    }
    return true;
}

static bool type_lambda(typer *t, node *n, const weir_expr *lambda, const env *outer)
{
    weir_fn_call *call = &n->call;
    call->param_count = lambda->param_count;
    weir_type *params = WEIR_ARENA_ARRAY(t->arena, weir_type, lambda->param_count + 1);
    weir_type *before = WEIR_ARENA_ARRAY(t->arena, weir_type, lambda->param_count + 1);
    for (int round = 0; round < 2; round++) {
        if (!call->fn->params(call, params, t->err)) {
            return false;
        }
        bool same = round > 0;
        for (uint32_t i = 0; same && i < lambda->param_count; i++) {
            same = weir_type_eq(params[i], before[i]);
        }
        if (same) {
            break;
        }
        memcpy(before, params, sizeof(*params) * lambda->param_count);
        n->slot = t->slot_count;
        t->slot_count += lambda->param_count;
        const env *inner = outer;
        for (uint32_t i = 0; i < lambda->param_count; i++) {
            env *own = WEIR_ARENA_NEW(t->arena, env);
            *own = (env){.name = lambda->params[i],
                         .source = source_node(t, n->slot + i, params[i]),
                         .outer = inner};
            inner = own;
        }
        n->body = lower(t, lambda->args[0], inner);
        if (!n->body) {
            return false;
        }
        call->arg_types[0] = n->body->type;
    }
    return true;
}

static node *lower_call(typer *t, const weir_expr *expr, const env *outer)
{
    const weir_fn *fn = weir_fn_find(expr->name);
    if (!fn) {
        weir_fail(t->err, WEIR_ERR_BAD_QUERY, "function '%.*s' is not defined.",
                  WEIR_STR_ARG(expr->name));
        return NULL;
    }
    if (expr->arg_count < fn->min_args || (fn->max_args != 255 && expr->arg_count > fn->max_args)) {
        weir_fail(t->err, WEIR_ERR_BAD_QUERY, "Function[%s] takes %u to %u arguments, not %u",
                  fn->name, fn->min_args, fn->max_args, expr->arg_count);
        return NULL;
    }
    const weir_expr *rewritten = fn->rewrite ? fn->rewrite(expr, t->arena) : expr;
    if (rewritten != expr) {
        return lower(t, rewritten, outer);
    }
    bool lambda = fn->flags & WEIR_FN_LAMBDA;
    if (lambda && expr->args[0]->kind != WEIR_EXPR_LAMBDA) {
        weir_fail(t->err, WEIR_ERR_BAD_QUERY, "Function[%s] needs a lambda as its first argument",
                  fn->name);
        return NULL;
    }
    node *n = new_node(t, NODE_CALL, (weir_type){0}, expr->arg_count);
    for (uint32_t i = lambda ? 1 : 0; i < expr->arg_count; i++) {
        const weir_expr *arg = expr->args[i];
        bool own_root = takes_list(fn, i, expr->arg_count) && arg->kind != WEIR_EXPR_COLUMN;
        n->args[i] = own_root ? lower_root(t, arg, outer) : lower(t, arg, outer);
        if (!n->args[i]) {
            return NULL;
        }
        if (n->args[i]->type.kind == WEIR_FLOAT) {
            n->args[i] = cast_node(t, n->args[i], WEIR_TYPE(WEIR_DOUBLE));
        }
    }
    begin_call(t, n, expr, fn);
    if ((lambda && !type_lambda(t, n, expr->args[0], outer)) || !fn->infer(&n->call, t->err) ||
        !cast_args(t, n) || (fn->prepare && !fn->prepare(&n->call, t->arena, t->err))) {
        return NULL;
    }
    n->type = n->call.type;
    n->pure = fn->flags & WEIR_FN_PURE;
    n->total = n->call.flags & (WEIR_FN_TOTAL | WEIR_FN_LAZY_ARGS);
    if (n->body) {
        take_slots(n, n->body, n->slot, n->call.param_count);
    }
    return finish(t, n);
}

static node *lower_column(typer *t, const weir_expr *expr, const env *outer)
{
    for (const env *e = outer; e; e = e->outer) {
        if (!e->call && weir_str_eq(e->name, expr->name)) {
            return e->source;
        }
    }
    for (uint32_t i = 0; i < t->shape->count; i++) {
        if (weir_str_eq(t->shape->names[i], expr->name)) {
            return source_node(t, i, t->shape->types[i]);
        }
    }
    weir_value null = weir_value_null();
    return const_node(t, &null);
}

static memo **find_memo(typer *t, const weir_expr *expr, const env *outer, bool root)
{
    uint64_t h = mix(mix((uint64_t)(uintptr_t)expr, (uint64_t)(uintptr_t)outer), root);
    memo **at = &t->memos[h % TABLE_SIZE];
    while (*at && ((*at)->expr != expr || (*at)->env != outer || (*at)->root != root)) {
        at = &(*at)->next;
    }
    return at;
}

static node *remember(typer *t, const weir_expr *expr, const env *outer, bool root, node *made)
{
    memo **at = find_memo(t, expr, outer, root);
    if (!*at) {
        *at = WEIR_ARENA_NEW(t->arena, memo);
        **at = (memo){expr, outer, root, made, NULL};
    }
    return made;
}

static node *lower(typer *t, const weir_expr *expr, const env *outer)
{
    memo *known = *find_memo(t, expr, outer, false);
    if (known) {
        return known->made;
    }
    if (t->depth >= EXPR_DEPTH) {
        weir_fail(t->err, WEIR_ERR_BAD_QUERY, "expression is nested more than %u levels deep",
                  EXPR_DEPTH);
        return NULL;
    }
    for (const env *e = outer; e && expr->kind == WEIR_EXPR_CALL; e = e->outer) {
        if (e->call == expr) {
            return e->source;
        }
    }
    t->depth++;
    node *made = NULL;
    switch ((weir_expr_kind)expr->kind) {
    case WEIR_EXPR_CONST:
        made = const_node(t, &expr->value);
        break;
    case WEIR_EXPR_COLUMN:
        made = lower_column(t, expr, outer);
        break;
    case WEIR_EXPR_CALL:
        made = lower_call(t, expr, outer);
        break;
    case WEIR_EXPR_LAMBDA:
        weir_fail(t->err, WEIR_ERR_BAD_QUERY,
                  "a lambda may only be the first argument of a function that takes one");
        break;
    }
    t->depth--;
    return made ? remember(t, expr, outer, false, made) : NULL;
}

/* Multi-value columns of an expression and how it uses them. */
#define MULTI_COLUMNS 16u
typedef struct multi_use {
    uint32_t count;
    struct {
        weir_str name;
        const weir_expr *call; /* or a call that gives lists of strings; its name is empty */
        bool scalar, list;
    } at[MULTI_COLUMNS];
} multi_use;

static void note_use(typer *t, multi_use *use, weir_str name, bool list, const env *outer)
{
    for (const env *e = outer; e; e = e->outer) {
        if (!e->call && weir_str_eq(e->name, name)) {
            return;
        }
    }
    bool multi = false;
    for (uint32_t i = 0; i < t->shape->count && !multi; i++) {
        multi = is_multi(t->shape->types[i]) && weir_str_eq(t->shape->names[i], name);
    }
    uint32_t k = 0;
    while (k < use->count && (use->at[k].call || !weir_str_eq(use->at[k].name, name))) {
        k++;
    }
    if (!multi || k == MULTI_COLUMNS) {
        return;
    }
    if (k == use->count) {
        use->count++;
        use->at[k].name = name;
    }
    use->at[k].list |= list;
    use->at[k].scalar |= !list;
}

/* A call that gives a multi-value, used where a scalar is wanted. */
static void note_call(multi_use *use, const weir_expr *call)
{
    uint32_t k = 0;
    while (k < use->count && use->at[k].call != call) {
        k++;
    }
    if (k < MULTI_COLUMNS) {
        use->at[k].call = call;
        use->at[k].scalar = true;
        use->count = k == use->count ? k + 1 : use->count;
    }
}

/* `steps` bounds the walk over trees whose subtrees are shared. */
static void find_uses(typer *t, multi_use *use, const weir_expr *expr, bool list, const env *outer,
                      uint32_t depth, uint32_t *steps)
{
    if (depth > EXPR_DEPTH || (*steps)++ > 1u << 20) {
        return;
    }
    if (expr->kind == WEIR_EXPR_COLUMN) {
        note_use(t, use, expr->name, list, outer);
        return;
    }
    if (expr->kind != WEIR_EXPR_CALL) {
        return; /* inside of a lambda its own parameters stand for elements */
    }
    const weir_fn *fn = weir_fn_find(expr->name);
    const weir_expr *rewritten =
        fn && fn->rewrite && expr->arg_count >= fn->min_args ? fn->rewrite(expr, t->arena) : expr;
    if (rewritten != expr) {
        find_uses(t, use, rewritten, list, outer, depth + 1, steps);
        return;
    }
    for (uint32_t i = 0; fn && i < expr->arg_count; i++) {
        bool arg_list = takes_list(fn, i, expr->arg_count);
        if (!arg_list && gives_multi(expr->args[i])) {
            note_call(use, expr->args[i]);
        } else if (!arg_list || expr->args[i]->kind == WEIR_EXPR_COLUMN) {
            find_uses(t, use, expr->args[i], arg_list, outer, depth + 1, steps);
        }
    }
}

/* Whether a call that gives a multi-value stands below the root. */
static bool uses_multi_calls(const weir_expr *expr, uint32_t depth, uint32_t *steps)
{
    for (uint32_t i = 0; expr->kind == WEIR_EXPR_CALL && i < expr->arg_count; i++) {
        if (depth > EXPR_DEPTH || (*steps)++ > 1u << 20) {
            return false;
        }
        if (gives_multi(expr->args[i]) || uses_multi_calls(expr->args[i], depth + 1, steps)) {
            return true;
        }
    }
    return false;
}

static bool shape_is_multi(const weir_shape *shape)
{
    for (uint32_t i = 0; i < shape->count; i++) {
        if (is_multi(shape->types[i])) {
            return true;
        }
    }
    return false;
}

static node *map_node(typer *t, const weir_expr *expr, const env *outer, const multi_use *use,
                      uint32_t count)
{
    node *n = new_node(t, NODE_MAP, (weir_type){0}, count);
    n->slot = t->slot_count;
    t->slot_count += count;
    const env *inner = outer;
    for (uint32_t i = 0, k = 0; i < use->count; i++) {
        if (!use->at[i].scalar || use->at[i].list) {
            continue;
        }
        weir_expr column = {.kind = WEIR_EXPR_COLUMN, .name = use->at[i].name};
        n->args[k] =
            use->at[i].call ? lower(t, use->at[i].call, outer) : lower_column(t, &column, outer);
        if (!n->args[k]) {
            return NULL;
        }
        env *own = WEIR_ARENA_NEW(t->arena, env);
        *own = (env){.name = use->at[i].name,
                     .call = use->at[i].call,
                     .source = source_node(t, n->slot + k, WEIR_TYPE(WEIR_STRING)),
                     .outer = inner};
        inner = own;
        k++;
    }
    n->body = lower(t, expr, inner);
    if (!n->body) {
        return NULL;
    }
    weir_type body = n->body->type;
    if (body.kind == WEIR_ARRAY || body.kind == WEIR_COMPLEX) {
        weir_fail(t->err, WEIR_ERR_BAD_QUERY,
                  "an expression over each value of a multi-value column cannot give arrays or "
                  "complex values");
        return NULL;
    }
    if (body.kind == WEIR_STRING || body.kind == WEIR_UNKNOWN) {
        n->type = (weir_type){.kind = WEIR_STRING, .multi = true};
    } else {
        n->type = (weir_type){.kind = WEIR_ARRAY, .elem = body.kind, .multi = true};
    }
    take_slots(n, n->body, n->slot, count);
    for (uint32_t i = 0; i < count; i++) {
        take_slots(n, n->args[i], 0, 0);
    }
    return intern(t, n);
}

static node *lower_root(typer *t, const weir_expr *expr, const env *outer)
{
    uint32_t steps = 0;
    if (expr->kind == WEIR_EXPR_COLUMN ||
        (!shape_is_multi(t->shape) && !uses_multi_calls(expr, 0, &steps))) {
        return lower(t, expr, outer);
    }
    memo *known = *find_memo(t, expr, outer, true);
    if (known) {
        return known->made;
    }
    multi_use use = {0};
    uint32_t count = 0;
    steps = 0;
    find_uses(t, &use, expr, false, outer, 0, &steps);
    for (uint32_t i = 0; i < use.count; i++) {
        count += use.at[i].scalar && !use.at[i].list;
    }
    node *made = count ? map_node(t, expr, outer, &use, count) : lower(t, expr, outer);
    return made ? remember(t, expr, outer, true, made) : NULL;
}

/* Which inputs a node and all below it read. */
static void mark_inputs(const node *n, uint32_t input_count, bool *uses, bool *seen)
{
    if (!n || seen[n->id]) {
        return;
    }
    seen[n->id] = true;
    if (n->kind == NODE_SOURCE && n->slot < input_count) {
        uses[n->slot] = true;
    }
    for (uint32_t i = 0; i < n->arg_count; i++) {
        mark_inputs(n->args[i], input_count, uses, seen);
    }
    mark_inputs(n->body, input_count, uses, seen);
}

const weir_program *weir_program_new(weir_arena *arena, const weir_expr *const *exprs,
                                     uint32_t count, const weir_shape *shape, int64_t now_ms,
                                     weir_error *err)
{
    static _Atomic uint64_t last_uid;
    typer *t = weir_calloc(1, sizeof(*t));
    *t = (typer){
        .arena = arena, .shape = shape, .now_ms = now_ms, .err = err, .slot_count = shape->count};
    struct weir_program *program = WEIR_ARENA_NEW(arena, struct weir_program);
    program->outputs = WEIR_ARENA_ARRAY(arena, node *, count ? count : 1);
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        program->outputs[i] = lower_root(t, exprs[i], NULL);
        ok = program->outputs[i] != NULL;
    }
    if (ok) {
        program->uid = atomic_fetch_add(&last_uid, 1) + 1;
        program->input_count = shape->count;
        program->slot_count = t->slot_count;
        program->node_count = t->node_count;
        program->output_count = count;
        program->uses = WEIR_ARENA_ARRAY(arena, bool, shape->count + 1);
        bool *seen = WEIR_ARENA_ARRAY(arena, bool, t->node_count + 1);
        for (uint32_t i = 0; i < count; i++) {
            mark_inputs(program->outputs[i], shape->count, program->uses, seen);
        }
    }
    free(t);
    return ok ? program : NULL;
}

weir_type weir_program_type(const weir_program *program, uint32_t output)
{
    return program->outputs[output]->type;
}

bool weir_program_uses(const weir_program *program, uint32_t input)
{
    return program->uses[input];
}
