/* ingest/derive.c - see ingest/derive.h. A program is typed for the kinds that its inputs have in a
 * batch and kept: a stream has few such shapes. */
#include "ingest/derive.h"
#include "compute/expr.h"
#include "weir/members.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FILTER_PATH "dataSchema.transformSpec.filter"

/* The spec. */

static bool parse_transform(const json_t *json, uint32_t i, weir_arena *arena, weir_str *name,
                            const weir_expr **expr, weir_error *err)
{
    char path[80];
    weir_members m;
    weir_str type = {0}, text = {0};
    snprintf(path, sizeof(path), "dataSchema.transformSpec.transforms[%u]", i);
    if (!weir_members_of(json, path, &m, err) || !weir_member_text(&m, "type", &type, err) ||
        !weir_member_text(&m, "name", name, err) ||
        !weir_member_text(&m, "expression", &text, err)) {
        return false;
    }
    if (!weir_str_is(type, "expression")) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s.type must be expression, not '%.*s'", path,
                         WEIR_STR_ARG(type));
    }
    if (name->size == 0 || text.size == 0) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s.%s is missing", path,
                         name->size == 0 ? "name" : "expression");
    }
    *name = weir_arena_str(arena, *name);
    *expr = weir_expr_parse(arena, text, err);
    if (!*expr) {
        err->code = WEIR_ERR_BAD_REQUEST;
        return weir_fail_in(err, "%s.expression", path);
    }
    return true;
}

static bool parse_filter(const weir_members *m, const json_t **out, weir_error *err)
{
    if (!weir_member_object(m, "filter", out, err)) {
        return false;
    }
    if (!*out) {
        return true;
    }
    weir_row_filter *filter = weir_row_filter_of_spec(*out, FILTER_PATH, err);
    if (filter) {
        weir_row_filters()->free(filter);
    }
    return filter != NULL;
}

bool weir_transform_spec_parse(const json_t *json, weir_arena *arena, weir_transform_spec *out,
                               weir_error *err)
{
    weir_members m;
    const json_t *list;
    *out = (weir_transform_spec){0};
    if (!weir_members_of(json, "dataSchema.transformSpec", &m, err) ||
        !weir_member_array(&m, "transforms", &list, err) || !parse_filter(&m, &out->filter, err)) {
        return false;
    }
    uint32_t count = (uint32_t)json_array_size(list);
    weir_str *names = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    const weir_expr **exprs = WEIR_ARENA_ARRAY(arena, const weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        if (!parse_transform(json_array_get(list, i), i, arena, &names[i], &exprs[i], err)) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (weir_str_eq(names[i], names[k])) {
                return weir_fail(err, WEIR_ERR_BAD_REQUEST,
                                 "dataSchema.transformSpec: there are two transforms '%.*s'",
                                 WEIR_STR_ARG(names[i]));
            }
        }
    }
    out->count = count;
    out->names = names;
    out->exprs = exprs;
    return true;
}

bool weir_transform_spec_columns(const weir_transform_spec *spec,
                                 void (*see)(void *self, weir_str name), void *self,
                                 weir_error *err)
{
    for (uint32_t i = 0; i < spec->count; i++) {
        weir_expr_columns(spec->exprs[i], see, self);
    }
    if (spec->filter) {
        weir_row_filter *filter = weir_row_filter_of_spec(spec->filter, FILTER_PATH, err);
        if (!filter) {
            return false;
        }
        weir_row_filters()->columns(filter, see, self);
        weir_row_filters()->free(filter);
    }
    return true;
}

/* Running. */

typedef struct typed { /* the expressions typed for one shape */
    const weir_program *program;
    const weir_type *types;
    weir_arena *arena;
    struct typed *next;
} typed;

struct weir_derive {
    weir_arena *arena;
    const weir_expr *const *exprs;
    const uint8_t *wanted;
    uint32_t count, input_count, input_capacity;
    weir_str *inputs;
    uint32_t *columns; /* of the fields; WEIR_NO_COLUMN: the time */
    weir_fields *fields;
    typed *programs;
    uint32_t program_count;
    bool untyped;
};

enum { PROGRAM_MAX = 64 };

static void add_input(void *self, weir_str name)
{
    weir_derive *d = self;
    for (uint32_t i = 0; i < d->input_count; i++) {
        if (weir_str_eq(d->inputs[i], name)) {
            return;
        }
    }
    if (d->input_count == d->input_capacity) {
        uint32_t capacity = d->input_capacity ? 2 * d->input_capacity : 8;
        weir_str *inputs = WEIR_ARENA_ARRAY(d->arena, weir_str, capacity);
        uint32_t *columns = WEIR_ARENA_ARRAY(d->arena, uint32_t, capacity);
        if (d->input_count > 0) {
            memcpy(inputs, d->inputs, d->input_count * sizeof(*inputs));
            memcpy(columns, d->columns, d->input_count * sizeof(*columns));
        }
        d->inputs = inputs;
        d->columns = columns;
        d->input_capacity = capacity;
    }
    d->columns[d->input_count] =
        weir_str_is(name, "__time") ? WEIR_NO_COLUMN : weir_fields_column(d->fields, name);
    d->inputs[d->input_count++] = name;
}

weir_derive *weir_derive_new(const weir_expr *const *exprs, const uint8_t *wanted, uint32_t count,
                             weir_fields *fields)
{
    weir_derive *d = weir_calloc(1, sizeof(weir_derive));
    d->arena = weir_arena_new();
    d->exprs = exprs;
    d->wanted = wanted;
    d->count = count;
    d->fields = fields;
    for (uint32_t i = 0; i < count; i++) {
        weir_expr_columns(exprs[i], add_input, d);
    }
    return d;
}

static void drop_programs(weir_derive *d)
{
    while (d->programs) {
        weir_arena *arena = d->programs->arena; /* the entry lives in it */
        d->programs = d->programs->next;
        weir_arena_free(arena);
    }
    d->program_count = 0;
}

void weir_derive_free(weir_derive *d)
{
    if (d) {
        drop_programs(d);
        weir_arena_free(d->arena);
        free(d);
    }
}

void weir_derive_field(const weir_convert *events, uint32_t column, weir_vec *out)
{
    uint32_t kinds =
        column < events->events->column_count ? events->events->columns[column].kinds : 0;
    uint32_t values = kinds & ~(WEIR_CELL_BIT(WEIR_CELL_ABSENT) | WEIR_CELL_BIT(WEIR_CELL_NULL));
    weir_kind kind = values ? weir_convert_natural(events, column) : WEIR_UNKNOWN;
    if (kind == WEIR_UNKNOWN) {
        *out = weir_vec_null(WEIR_TYPE(WEIR_UNKNOWN), events->n);
    } else if (kind == WEIR_LONG || kind == WEIR_DOUBLE) {
        weir_convert_number(events, column, kind, out);
    } else if (values == WEIR_CELL_BIT(WEIR_CELL_JSON)) {
        weir_convert_json(events, column, out);
    } else {
        weir_convert_string(events, column, out);
    }
}

static weir_type type_of(const weir_vec *vec)
{
    weir_type type = vec->type;
    type.multi = type.kind == WEIR_STRING && (vec->form == WEIR_LIST || vec->items);
    return type;
}

static void read_inputs(weir_derive *d, const weir_convert *events, const int64_t *times,
                        const weir_named_vecs *known, weir_vec *vecs, weir_type *types)
{
    for (uint32_t i = 0; i < d->input_count; i++) {
        const weir_vec *found = NULL;
        for (uint32_t k = 0; known && k < known->count && !found; k++) {
            found = weir_str_eq(known->names[k], d->inputs[i]) ? &known->vecs[k] : NULL;
        }
        if (found) {
            vecs[i] = *found;
        } else if (d->columns[i] == WEIR_NO_COLUMN) {
            vecs[i] = (weir_vec){
                .type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = events->n, .at.l = times};
        } else {
            weir_convert c = *events;
            c.column = d->inputs[i];
            weir_derive_field(&c, d->columns[i], &vecs[i]);
        }
        types[i] = type_of(&vecs[i]);
    }
}

/* The program, with casts around what gives JSON where something else is wanted. */
static const weir_program *make_program(const weir_derive *d, weir_arena *arena,
                                        const weir_shape *shape, weir_error *err)
{
    int64_t now_ms = weir_wall_ms(&weir_clock_system);
    const weir_program *program = weir_program_new(arena, d->exprs, d->count, shape, now_ms, err);
    const weir_expr **exprs = WEIR_ARENA_ARRAY(arena, const weir_expr *, d->count + 1);
    bool cast = false;
    for (uint32_t i = 0; program && i < d->count; i++) {
        exprs[i] = d->exprs[i];
        if (d->wanted && d->wanted[i] != WEIR_UNKNOWN &&
            weir_program_type(program, i).kind == WEIR_COMPLEX) {
            char name[64] = {0};
            weir_str type = weir_type_name(WEIR_TYPE(d->wanted[i]), name);
            const weir_expr *args[] = {
                exprs[i], weir_expr_const(arena, weir_value_str(weir_arena_str(arena, type)))};
            exprs[i] = weir_expr_call(arena, "cast", 2, args);
            cast = true;
        }
    }
    return cast ? weir_program_new(arena, exprs, d->count, shape, now_ms, err) : program;
}

static const weir_program *program_for(weir_derive *d, const weir_type *types, weir_error *err)
{
    for (typed *t = d->programs; t; t = t->next) {
        uint32_t same = 0;
        while (same < d->input_count && weir_type_eq(types[same], t->types[same]) &&
               types[same].multi == t->types[same].multi) {
            same++;
        }
        if (same == d->input_count) {
            return t->program;
        }
    }
    if (d->program_count == PROGRAM_MAX) {
        drop_programs(d);
    }
    weir_arena *arena = weir_arena_new();
    typed *fresh = WEIR_ARENA_NEW(arena, typed);
    weir_type *copy = WEIR_ARENA_ARRAY(arena, weir_type, d->input_count + 1);
    memcpy(copy, types, d->input_count * sizeof(*copy));
    weir_shape shape = {d->input_count, d->inputs, copy};
    fresh->program = make_program(d, arena, &shape, err);
    if (!fresh->program) {
        weir_arena_free(arena);
        return NULL;
    }
    fresh->types = copy;
    fresh->arena = arena;
    fresh->next = d->programs;
    d->programs = fresh;
    d->program_count++;
    return fresh->program;
}

bool weir_derive_is_untyped(const weir_derive *d)
{
    return d->untyped;
}

bool weir_derive_run(weir_derive *d, const weir_convert *events, const int64_t *times,
                     const weir_named_vecs *known, const weir_sel *only, weir_vec *out,
                     weir_error *err)
{
    weir_vec *vecs = WEIR_SCRATCH_ARRAY(events->scratch, weir_vec, d->input_count + 1);
    weir_type *types = WEIR_SCRATCH_ARRAY(events->scratch, weir_type, d->input_count + 1);
    read_inputs(d, events, times, known, vecs, types);
    const weir_program *program = program_for(d, types, err);
    d->untyped = program == NULL;
    if (!program) {
        return false;
    }
    weir_sel all = weir_sel_all(events->n);
    weir_run run = {.scratch = events->scratch, .err = err};
    if (!weir_program_run(program, &run, vecs, only ? only : &all, events->n, out)) {
        return false;
    }
    for (uint32_t i = 0; i < d->count; i++) {
        weir_vec flat;
        if (!weir_vec_flatten(&out[i], events->scratch, &flat, err)) {
            return false;
        }
        out[i] = flat;
    }
    return true;
}
