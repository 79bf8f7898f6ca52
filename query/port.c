/* query/port.c - a plain column costs one call; everything else of a place in the plan is one
 * program, so common parts run once. */
#include "query/port.h"
#include "weir/hash.h"
#include "query/paths.h"
#include <assert.h>

enum { MAX_SHAPES = 16, MAX_INLINED = 1 << 20, FEW_NAMES = 32 };

typedef struct item {
    uint32_t slot;         /* plain column, or WEIR_NO_ID */
    uint32_t output;       /* of the program */
    bool constant_null;    /* a column that the source does not have */
    bool exact;            /* how `then` reads text */
    weir_type first, then; /* casts, kind UNKNOWN: none */
    weir_type type;
} item;

typedef struct shape_program {
    uint64_t multi; /* bit i: column i of the shape holds lists; columns above 63 are typed as the
                       source says */
    const weir_program *program;
} shape_program;

struct weir_port {
    weir_slots *names;
    uint32_t count;
    item *items;
    uint32_t expr_count;
    const weir_expr **exprs;
    uint32_t column_count; /* of the programs' shape */
    weir_str *columns;
    uint32_t *slots;
    bool *used;
    uint64_t multi_typed;
    _Atomic uint32_t program_count;
    shape_program programs[MAX_SHAPES];
};

/* Where a name is in the index, or would be. The first of equal names counts. */
static uint32_t *find_index(const weir_slots *names, weir_str name)
{
    uint32_t at = (uint32_t)weir_hash_bytes(name.at, name.size) & names->index_mask;
    while (names->index[at] && !weir_str_eq(names->names[names->index[at] - 1], name)) {
        at = (at + 1) & names->index_mask;
    }
    return &names->index[at];
}

static void add_to_index(weir_slots *names, uint32_t slot)
{
    uint32_t *at = find_index(names, names->names[slot]);
    *at = *at ? *at : slot + 1;
}

uint32_t weir_slots_add(weir_slots *names, weir_str name, weir_type type)
{
    if (names->count == names->capacity) {
        uint32_t capacity = names->capacity ? names->capacity * 2 : 16;
        weir_str *grown = WEIR_ARENA_ARRAY(names->arena, weir_str, capacity);
        weir_type *types = WEIR_ARENA_ARRAY(names->arena, weir_type, capacity);
        for (uint32_t i = 0; i < names->count; i++) {
            grown[i] = names->names[i];
            types[i] = names->types[i];
        }
        names->names = grown;
        names->types = types;
        names->capacity = capacity;
        if (capacity > FEW_NAMES) {
            names->index_mask = capacity * 2 - 1;
            names->index = WEIR_ARENA_ARRAY(names->arena, uint32_t, names->index_mask + 1);
            for (uint32_t i = 0; i < names->count; i++) {
                add_to_index(names, i);
            }
        }
    }
    names->names[names->count] = name;
    names->types[names->count] = type;
    if (names->index) {
        add_to_index(names, names->count);
    }
    return names->count++;
}

uint32_t weir_slots_find(weir_slots *names, weir_str name)
{
    uint32_t known = names->index ? *find_index(names, name) : 0;
    if (known) {
        return known - 1;
    }
    for (uint32_t i = 0; !names->index && i < names->count; i++) {
        if (weir_str_eq(names->names[i], name)) {
            return i;
        }
    }
    weir_type type = {0};
    if (!names->resolve || !names->resolve(names->self, name, &type)) {
        return WEIR_NO_ID;
    }
    return weir_slots_add(names, name, type);
}

typedef struct hidden { /* names that are not virtual columns here */
    weir_str name;
    const struct hidden *outer;
} hidden;

static const weir_virtual *find_virtual(const weir_slots *names, weir_str name, const hidden *stack)
{
    for (; stack; stack = stack->outer) {
        if (weir_str_eq(stack->name, name)) {
            return NULL;
        }
    }
    for (uint32_t i = 0; i < names->virtual_count; i++) {
        if (weir_str_eq(names->virtuals[i].name, name)) {
            return &names->virtuals[i];
        }
    }
    return NULL;
}

static const weir_expr *inline_virtuals(weir_slots *names, const weir_expr *expr,
                                        const hidden *stack);

static const weir_expr *inline_one(weir_slots *names, const weir_virtual *v, const hidden *stack)
{
    hidden self = {v->name, stack}; /* in its own expression the name is the real column */
    return inline_virtuals(names, v->expr, &self);
}

static const weir_expr *inline_column(weir_slots *names, const weir_expr *expr, const hidden *stack)
{
    const weir_virtual *v = find_virtual(names, expr->name, stack);
    if (!v) {
        return expr;
    }
    const weir_expr *inner = inline_one(names, v, stack);
    if (!weir_type_is_number(v->type)) {
        return inner;
    }
    weir_str kind = v->type.kind == WEIR_LONG ? WEIR_STR("LONG") : WEIR_STR("DOUBLE");
    const weir_expr *args[2] = {inner, weir_expr_const(names->arena, weir_value_str(kind))};
    return weir_expr_call(names->arena, "cast", 2, args);
}

static const weir_expr *inline_virtuals(weir_slots *names, const weir_expr *expr,
                                        const hidden *stack)
{
    if (names->inlined > MAX_INLINED) {
        return expr; /* weir_port_new says so */
    }
    names->inlined++;
    if (expr->kind == WEIR_EXPR_COLUMN) {
        return inline_column(names, expr, stack);
    }
    hidden params[8];
    uint32_t param_count = expr->kind == WEIR_EXPR_LAMBDA ? expr->param_count : 0;
    for (uint32_t i = 0; i < param_count && i < 8; i++) {
        params[i] = (hidden){expr->params[i], stack};
        stack = &params[i];
    }
    const weir_expr **args = NULL;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        const weir_expr *arg = inline_virtuals(names, expr->args[i], stack);
        if (arg != expr->args[i] && !args) {
            args = WEIR_ARENA_ARRAY(names->arena, const weir_expr *, expr->arg_count);
            memcpy(args, expr->args, expr->arg_count * sizeof(weir_expr *));
        }
        if (args) {
            args[i] = arg;
        }
    }
    if (!args) {
        return expr;
    }
    weir_expr *copy = WEIR_ARENA_NEW(names->arena, weir_expr);
    *copy = *expr;
    copy->args = args;
    return copy;
}

static void see_column(void *self, weir_str name)
{
    weir_port *port = self;
    for (uint32_t i = 0; i < port->column_count; i++) {
        if (weir_str_eq(port->columns[i], name)) {
            return;
        }
    }
    uint32_t slot = weir_slots_find(port->names, name);
    if (slot == WEIR_NO_ID) {
        return; /* an unknown name is typed null by the program */
    }
    weir_arena *arena = port->names->arena;
    weir_str *columns = WEIR_ARENA_ARRAY(arena, weir_str, port->column_count + 1);
    uint32_t *slots = WEIR_ARENA_ARRAY(arena, uint32_t, port->column_count + 1);
    for (uint32_t i = 0; i < port->column_count; i++) {
        columns[i] = port->columns[i];
        slots[i] = port->slots[i];
    }
    columns[port->column_count] = name;
    slots[port->column_count] = slot;
    port->columns = columns;
    port->slots = slots;
    port->column_count++;
}

static bool is_typed(weir_type type)
{
    return type.kind != WEIR_UNKNOWN;
}

static void bind_item(weir_port *port, item *it, const weir_want *want)
{
    weir_slots *names = port->names;
    const weir_expr *expr = want->expr;
    *it = (item){.slot = WEIR_NO_ID, .then = want->type, .exact = want->exact};
    if (expr->kind == WEIR_EXPR_COLUMN) {
        const weir_virtual *v = find_virtual(names, expr->name, NULL);
        if (v) {
            it->first = v->type;
            expr = inline_one(names, v, NULL);
        }
    } else {
        expr = inline_virtuals(names, expr, NULL);
    }
    expr = weir_paths_read(names, expr, (weir_path_use)want->paths);
    if (expr->kind == WEIR_EXPR_COLUMN) {
        it->slot = weir_slots_find(names, expr->name);
        it->constant_null = it->slot == WEIR_NO_ID;
        return;
    }
    it->output = port->expr_count;
    port->exprs[port->expr_count++] = expr;
    weir_expr_columns(expr, see_column, port);
}

static const weir_program *make_program(weir_port *port, uint64_t multi, weir_error *err)
{
    weir_slots *names = port->names;
    weir_type *types = WEIR_ARENA_ARRAY(names->arena, weir_type, port->column_count + 1);
    for (uint32_t i = 0; i < port->column_count; i++) {
        types[i] = names->types[port->slots[i]];
        if (i < 64) {
            types[i].multi = multi >> i & 1;
        }
    }
    weir_shape *shape = WEIR_ARENA_NEW(names->arena, weir_shape);
    *shape = (weir_shape){port->column_count, port->columns, types};
    return weir_program_new(names->arena, port->exprs, port->expr_count, shape, names->now_ms, err);
}

weir_port *weir_port_new(weir_slots *names, const weir_want *wants, uint32_t count, weir_error *err)
{
    weir_port *port = WEIR_ARENA_NEW(names->arena, weir_port);
    port->names = names;
    port->count = count;
    port->items = WEIR_ARENA_ARRAY(names->arena, item, count + 1);
    port->exprs = WEIR_ARENA_ARRAY(names->arena, const weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        bind_item(port, &port->items[i], &wants[i]);
    }
    if (names->inlined > MAX_INLINED) {
        weir_fail(err, WEIR_ERR_RESOURCE,
                  "virtual columns that use each other make expressions of more than %d parts",
                  MAX_INLINED);
        return NULL;
    }
    for (uint32_t i = 0; i < port->column_count && i < 64; i++) {
        port->multi_typed |= (uint64_t)names->types[port->slots[i]].multi << i;
    }
    if (port->expr_count) {
        const weir_program *program = make_program(port, port->multi_typed, err);
        if (!program) {
            return NULL;
        }
        port->programs[0] = (shape_program){port->multi_typed, program};
        port->program_count = 1;
    }
    port->used = WEIR_ARENA_ARRAY(names->arena, bool, port->column_count + 1);
    for (uint32_t i = 0; port->expr_count && i < port->column_count; i++) {
        port->used[i] = weir_program_uses(port->programs[0].program, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        item *it = &port->items[i];
        if (it->slot != WEIR_NO_ID) {
            it->type = names->types[it->slot];
        } else if (!it->constant_null) {
            it->type = weir_program_type(port->programs[0].program, it->output);
        }
        weir_type *casts[2] = {&it->first, &it->then};
        for (int c = 0; c < 2; c++) { /* a cast to what it is already, is none */
            if (is_typed(*casts[c]) && casts[c]->kind == it->type.kind) {
                *casts[c] = (weir_type){0};
            } else if (is_typed(*casts[c])) {
                bool multi = it->type.kind == WEIR_STRING && it->type.multi;
                it->type = *casts[c];
                it->type.multi = it->type.multi && multi;
            }
        }
    }
    return port;
}

uint32_t weir_port_count(const weir_port *port)
{
    return port->count;
}

weir_type weir_port_type(const weir_port *port, uint32_t i)
{
    assert(i < port->count);
    return port->items[i].type;
}

uint32_t weir_port_plain(const weir_port *port, uint32_t i)
{
    const item *it = &port->items[i];
    return is_typed(it->first) || is_typed(it->then) ? WEIR_NO_ID : it->slot;
}

bool weir_port_uses(const weir_port *port, uint32_t slot)
{
    for (uint32_t i = 0; i < port->count; i++) {
        if (port->items[i].slot == slot) {
            return true;
        }
    }
    return weir_port_program_uses(port, slot);
}

bool weir_port_program_uses(const weir_port *port, uint32_t slot)
{
    for (uint32_t i = 0; i < port->column_count; i++) {
        if (port->used[i] && port->slots[i] == slot) {
            return true;
        }
    }
    return false;
}

static const weir_program *find_program(weir_port *port, uint64_t multi, weir_error *err)
{
    uint32_t count = atomic_load_explicit(&port->program_count, memory_order_acquire);
    for (uint32_t i = 0; i < count; i++) {
        if (port->programs[i].multi == multi) {
            return port->programs[i].program;
        }
    }
    pthread_mutex_lock(port->names->lock);
    const weir_program *program = NULL;
    count = port->program_count;
    for (uint32_t i = 0; !program && i < count; i++) {
        if (port->programs[i].multi == multi) {
            program = port->programs[i].program;
        }
    }
    if (!program) {
        program = make_program(port, multi, err);
        if (program && count < MAX_SHAPES) {
            port->programs[count] = (shape_program){multi, program};
            atomic_store_explicit(&port->program_count, count + 1, memory_order_release);
        }
    }
    pthread_mutex_unlock(port->names->lock);
    return program;
}

static bool holds_lists(const weir_vec *vec)
{
    return vec->form == WEIR_LIST || (vec->form == WEIR_CONST && vec->items);
}

static bool run_program(weir_port *port, weir_run *run, weir_port_get *get, void *self, uint32_t n,
                        weir_vec *outputs)
{
    weir_vec *inputs = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, port->column_count + 1);
    uint64_t multi = 0;
    for (uint32_t i = 0; i < port->column_count; i++) {
        inputs[i] = (weir_vec){0};
        if (port->used[i]) {
            if (!get(self, port->slots[i], &inputs[i], run->err)) {
                return false;
            }
            bool lists = holds_lists(&inputs[i]);
            inputs[i].type.multi = lists;
            multi |= (uint64_t)(i < 64 && lists) << i;
        } else if (i < 64) {
            multi |= port->multi_typed & 1ull << i;
        }
    }
    const weir_program *program = find_program(port, multi, run->err);
    weir_sel all = weir_sel_all(n);
    return program && weir_program_run(program, run, inputs, &all, n, outputs);
}

bool weir_port_read(weir_port *port, weir_run *run, weir_port_get *get, void *self, uint32_t n,
                    weir_vec *out)
{
    weir_vec *outputs = NULL;
    if (port->expr_count) {
        outputs = WEIR_SCRATCH_ARRAY(run->scratch, weir_vec, port->expr_count);
        if (!run_program(port, run, get, self, n, outputs)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < port->count; i++) {
        const item *it = &port->items[i];
        if (it->slot != WEIR_NO_ID) {
            if (!get(self, it->slot, &out[i], run->err)) {
                return false;
            }
        } else if (it->constant_null) {
            out[i] = weir_vec_null(it->type, n);
        } else {
            out[i] = outputs[it->output];
        }
        const weir_type *casts[2] = {&it->first, &it->then};
        for (int c = 0; c < 2; c++) {
            if (is_typed(*casts[c]) && out[i].type.kind != casts[c]->kind) {
                weir_vec from = out[i];
                bool exact = it->exact && c == 1;
                if (!(exact ? weir_vec_cast_exact : weir_vec_cast)(&from, *casts[c], run->scratch,
                                                                   &out[i], run->err)) {
                    return false;
                }
            }
        }
    }
    return true;
}
