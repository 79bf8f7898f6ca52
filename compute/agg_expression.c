/* compute/agg_expression.c - the aggregator "expression": `fold` makes a new accumulator of the old
 * one and of a row, `combine` one of two. Rows of one group must follow each other, rows of
 * different groups need not: a block is run in rounds, the k-th with the k-th row of each group, so
 * the program sees as many rows at once as there are groups. A multi-value column that is used as a
 * scalar gives a row for each of its elements. What fails is kept in the weir_expr_state until
 * somebody asks (failed). */
#include "compute/agg_expression.h"
#include "compute/agg_table.h"
#include "compute/lookup.h"
#include <stdlib.h>

#define MOST_BYTES (1u << 20) /* a block may copy an accumulator 4,096 times */

static const weir_param params[] = {
    {"fields", NULL, WEIR_PARAM_COLUMNS, false, NULL},
    {"accumulatorIdentifier", NULL, WEIR_PARAM_STRING, false, "\"__acc\""},
    {"initialValue", NULL, WEIR_PARAM_STRING, true, NULL},
    {"initialCombineValue", NULL, WEIR_PARAM_STRING, false, NULL},
    {"fold", NULL, WEIR_PARAM_STRING, true, NULL},
    {"combine", NULL, WEIR_PARAM_STRING, false, NULL},
    {"compare", NULL, WEIR_PARAM_STRING, false, NULL},
    {"finalize", NULL, WEIR_PARAM_STRING, false, NULL},
    {"isNullUnlessAggregated", NULL, WEIR_PARAM_BOOL, false, "true"},
    {"shouldAggregateNullInputs", NULL, WEIR_PARAM_BOOL, false, "true"},
    {"shouldCombineAggregateNullInputs", NULL, WEIR_PARAM_BOOL, false, NULL},
    {"maxSizeBytes", NULL, WEIR_PARAM_LONG, false, "8192"},
};
static bool is_said(const weir_agg_spec *spec, int param)
{
    return !spec->values[param].is_null;
}

/* ---- planning */

typedef struct columns {
    weir_arena *arena;
    weir_str skip;
    const weir_expr **at;
    uint32_t count, capacity;
} columns;

static void see_column(void *self, weir_str name)
{
    columns *c = self;
    if (weir_str_eq(name, c->skip)) {
        return;
    }
    if (c->count == c->capacity) {
        c->capacity = c->capacity ? c->capacity * 2 : 4;
        const weir_expr **grown = WEIR_ARENA_ARRAY(c->arena, const weir_expr *, c->capacity);
        if (c->count > 0) {
            memcpy(grown, c->at, c->count * sizeof(*grown));
        }
        c->at = grown;
    }
    c->at[c->count++] = weir_expr_column(c->arena, name);
}

static weir_str text_of(const weir_agg_spec *spec, int param)
{
    return spec->values[param].as.s;
}

/* Each lookup() in the texts becomes one of the version that the query holds: they are parsed again
 * when the query is bound, and the plan's text must tell versions apart. A text that does not parse
 * is told then. */
static void pin_lookups(const weir_agg_spec *spec, weir_value *values, weir_arena *arena)
{
    for (int param = WEIR_EXPRAGG_INITIAL; param <= WEIR_EXPRAGG_FINALIZE; param++) {
        const weir_expr *expr =
            is_said(spec, param) ? weir_expr_parse(arena, text_of(spec, param), NULL) : NULL;
        const weir_expr *pinned = expr ? weir_lookups_pin(arena, expr) : NULL;
        if (pinned != expr) {
            weir_buf text = {0};
            weir_expr_print(pinned, &text);
            values[param] = weir_value_str(weir_arena_str(arena, weir_buf_view(&text)));
            weir_buf_done(&text);
        }
    }
}

/* The arguments are the columns that `fold` reads; "fields" only says what `combine` is by default.
 */
static bool settle(weir_agg_spec *spec, weir_value *values, weir_arena *arena, weir_error *err)
{
    pin_lookups(spec, values, arena);
    const weir_expr *fold = weir_expr_parse(arena, text_of(spec, WEIR_EXPRAGG_FOLD), err);
    if (!fold) {
        return weir_fail_in(err, "fold");
    }
    if (!is_said(spec, WEIR_EXPRAGG_COMBINE) && spec->arg_count != 1) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "Must have a single input field if no combine expression is supplied");
    }
    if (!is_said(spec,
                 WEIR_EXPRAGG_COMBINE)) { /* `fold`, with the other accumulator as the field */
        values[WEIR_EXPRAGG_FIELDS] = weir_value_str(spec->args[0]->name);
        values[WEIR_EXPRAGG_COMBINE] = values[WEIR_EXPRAGG_FOLD];
    }
    columns c = {.arena = arena, .skip = text_of(spec, WEIR_EXPRAGG_ACC)};
    weir_expr_columns(fold, see_column, &c);
    spec->args = c.at;
    spec->arg_count = c.count;
    return true;
}

static const weir_expr *parse(const weir_agg_spec *spec, int param, weir_arena *arena,
                              weir_error *err)
{
    const weir_expr *expr = weir_expr_parse(arena, text_of(spec, param), err);
    if (!expr) {
        weir_fail_in(err, "aggregator '%.*s', %s", WEIR_STR_ARG(spec->name), params[param].name);
    }
    return expr;
}

/* The program of one expression, cast to `to` unless that is UNKNOWN. */
static const weir_program *program_of(const weir_agg_spec *spec, int param, const weir_shape *shape,
                                      weir_type to, weir_arena *arena, weir_error *err)
{
    const weir_expr *expr = parse(spec, param, arena, err);
    const weir_program *program = expr ? weir_program_new(arena, &expr, 1, shape, 0, err) : NULL;
    if (!program) {
        return NULL;
    }
    weir_type type = weir_program_type(program, 0);
    if (to.kind == WEIR_UNKNOWN || to.kind == WEIR_COMPLEX || weir_type_eq(type, to)) {
        return program;
    }
    char name[64] = {0};
    weir_str text = weir_type_name(to, name);
    const weir_expr *args[] = {expr,
                               weir_expr_const(arena, weir_value_str(weir_arena_str(arena, text)))};
    expr = weir_expr_call(arena, "cast", 2, args);
    return weir_program_new(arena, &expr, 1, shape, 0, err);
}

static bool constant(const weir_agg_spec *spec, int param, weir_arena *arena, weir_value *out,
                     weir_error *err)
{
    weir_shape none = {0};
    const weir_expr *expr = parse(spec, param, arena, err);
    columns c = {.arena = arena};
    if (!expr) {
        return false;
    }
    weir_expr_columns(expr, see_column, &c);
    if (c.count > 0) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY, "aggregator '%.*s': %s must be constant",
                         WEIR_STR_ARG(spec->name), params[param].name);
    }
    const weir_program *program = weir_program_new(arena, &expr, 1, &none, 0, err);
    weir_scratch s = {0};
    weir_run run = {.scratch = &s, .err = err};
    weir_sel all = weir_sel_all(1);
    weir_vec vec;
    bool ok = program && weir_program_run(program, &run, NULL, &all, 1, &vec) &&
              weir_vec_value(&vec, 0, arena, out, err);
    if (ok) {
        out->type = weir_program_type(program, 0);
    }
    weir_scratch_done(&s);
    return ok;
}

typedef struct folding { /* what `fold` is typed for */
    weir_str *names;
    weir_type *types;
    weir_shape shape;
} folding;

static bool is_mapped(weir_type type)
{
    return type.multi;
}

/* With the accumulator of type `acc`; a multi-value column that is a scalar there is exploded. */
static const weir_program *type_fold(const weir_agg_spec *spec, weir_agg_bound *b, folding *f,
                                     weir_type acc, bool cast, weir_arena *arena, weir_error *err)
{
    weir_expr_agg *p = b->prepared;
    weir_type to = cast ? acc : WEIR_TYPE(WEIR_UNKNOWN);
    f->types[0] = acc;
    p->exploded = WEIR_NO_ID;
    for (uint32_t i = 0; i < b->arg_count; i++) {
        f->types[i + 1] = b->arg_types[i];
    }
    weir_error first = {0};
    const weir_program *program =
        program_of(spec, WEIR_EXPRAGG_FOLD, &f->shape, WEIR_TYPE(WEIR_UNKNOWN), arena, &first);
    if (program && !is_mapped(weir_program_type(program, 0))) {
        return cast ? program_of(spec, WEIR_EXPRAGG_FOLD, &f->shape, to, arena, err) : program;
    }
    for (uint32_t i = 0; i < b->arg_count; i++) {
        if (!b->arg_types[i].multi) {
            continue;
        }
        if (p->exploded != WEIR_NO_ID) {
            weir_fail(err, WEIR_ERR_UNSUPPORTED,
                      "aggregator '%.*s': several multi-value columns as scalars are not supported",
                      WEIR_STR_ARG(spec->name));
            return NULL;
        }
        p->exploded = i;
        f->types[i + 1] = WEIR_TYPE(WEIR_STRING);
    }
    if (p->exploded == WEIR_NO_ID) {
        *err = first;
        return NULL;
    }
    return program_of(spec, WEIR_EXPRAGG_FOLD, &f->shape, to, arena, err);
}

/* The initial value's type; that of `fold` where the initial value is a bare null, or a long and
 * `fold` gives doubles. */
static weir_type type_of_state(weir_type initial, weir_type folded)
{
    bool unknown = initial.kind == WEIR_UNKNOWN ||
                   (initial.kind == WEIR_ARRAY && initial.elem == WEIR_UNKNOWN);
    bool wider = initial.kind == WEIR_LONG && folded.kind == WEIR_DOUBLE;
    weir_type type = unknown || wider ? folded : initial;
    type.face = WEIR_FACE_NONE;
    type.multi = false;
    return type.kind == WEIR_UNKNOWN ? WEIR_TYPE(WEIR_STRING) : type;
}

static bool plan_fold(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena,
                      weir_error *err)
{
    weir_expr_agg *p = b->prepared;
    folding f = {.names = WEIR_ARENA_ARRAY(arena, weir_str, b->arg_count + 1),
                 .types = WEIR_ARENA_ARRAY(arena, weir_type, b->arg_count + 1)};
    f.names[0] = text_of(spec, WEIR_EXPRAGG_ACC);
    for (uint32_t i = 0; i < b->arg_count; i++) {
        f.names[i + 1] = spec->args[i]->name;
    }
    f.shape = (weir_shape){.count = b->arg_count + 1, .names = f.names, .types = f.types};
    const weir_program *program = type_fold(spec, b, &f, p->initial.type, false, arena, err);
    if (!program) {
        return false;
    }
    p->type = type_of_state(p->initial.type, weir_program_type(program, 0));
    p->fold = type_fold(spec, b, &f, p->type, true, arena, err);
    return p->fold != NULL;
}

static bool plan(const weir_agg_spec *spec, weir_agg_bound *b, weir_arena *arena, weir_error *err)
{
    weir_expr_agg *p = WEIR_ARENA_NEW(arena, weir_expr_agg);
    weir_value ignored;
    b->prepared = p;
    b->state_size = sizeof(weir_expr_state);
    if (spec->values[WEIR_EXPRAGG_MAX_BYTES].as.l < 10 ||
        spec->values[WEIR_EXPRAGG_MAX_BYTES].as.l > MOST_BYTES) {
        return weir_fail(err, WEIR_ERR_BAD_QUERY,
                         "aggregator '%.*s': maxSizeBytes must be at least 10 and at most %u",
                         WEIR_STR_ARG(spec->name), MOST_BYTES);
    }
    if (!constant(spec, WEIR_EXPRAGG_INITIAL, arena, &p->initial, err) ||
        (is_said(spec, WEIR_EXPRAGG_INITIAL_COMBINE) &&
         !constant(spec, WEIR_EXPRAGG_INITIAL_COMBINE, arena, &ignored, err)) ||
        !plan_fold(spec, b, arena, err)) {
        return false;
    }
    weir_str *both = WEIR_ARENA_ARRAY(arena, weir_str, 2), *one = WEIR_ARENA_NEW(arena, weir_str);
    weir_type *types = WEIR_ARENA_ARRAY(arena, weir_type, 2);
    both[0] = text_of(spec, WEIR_EXPRAGG_ACC);
    both[1] = is_said(spec, WEIR_EXPRAGG_FIELDS) ? text_of(spec, WEIR_EXPRAGG_FIELDS) : spec->name;
    *one = WEIR_STR("o");
    types[0] = types[1] = p->type;
    weir_shape combining = {.count = 2, .names = both, .types = types},
               finalizing = {.count = 1, .names = one, .types = types};
    p->combine = program_of(spec, WEIR_EXPRAGG_COMBINE, &combining, p->type, arena, err);
    if (!p->combine) {
        return false;
    }
    if (is_said(spec, WEIR_EXPRAGG_FINALIZE)) {
        p->finalize = program_of(spec, WEIR_EXPRAGG_FINALIZE, &finalizing, WEIR_TYPE(WEIR_UNKNOWN),
                                 arena, err);
        if (!p->finalize) {
            return false;
        }
    }
    b->raw_type = p->type;
    b->out_type = p->finalize ? weir_program_type(p->finalize, 0) : p->type;
    return true;
}

/* ---- running */

static bool run_program(const weir_agg_bound *b, const weir_program *program,
                        const weir_vec *inputs, uint32_t n, weir_scratch *s, weir_vec *out,
                        weir_error *err)
{
    weir_run run = {.scratch = s, .err = err};
    weir_sel all = weir_sel_all(n);
    weir_vec raw;
    (void)b;
    return weir_program_run(program, &run, inputs, &all, n, &raw) &&
           weir_vec_flatten(&raw, s, out, err);
}

static void store(weir_heap *h, const weir_agg_bound *b, weir_expr_state *const *states, uint32_t n,
                  bool ok, const weir_vec *vec, const weir_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!ok) {
            weir_expr_state_fail(h, b, states[i], err->message);
        } else {
            weir_expr_state_set(h, b, states[i], vec, i);
        }
    }
}

typedef struct entry { /* a row of a group; an element of it when exploded */
    uint32_t group, rank, row, item;
} entry;

typedef struct folds {
    const weir_agg_bound *b;
    weir_heap *h;
    char *states;
    size_t stride;
    const weir_vec *args;
    weir_vec items; /* of the exploded argument, FLAT */
    weir_scratch *s;
} folds;

static int by_rank(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank)
                              : (x->row > y->row) - (x->row < y->row);
}

static int by_group(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->group != y->group ? (x->group > y->group) - (x->group < y->group)
           : x->row != y->row   ? (x->row > y->row) - (x->row < y->row)
                                : (x->item > y->item) - (x->item < y->item);
}

static bool takes_nulls(const weir_agg_bound *b)
{
    return b->spec->values[WEIR_EXPRAGG_TAKE_NULLS].as.l != 0;
}

static bool is_nothing(const weir_vec *vec, uint32_t row)
{
    return weir_vec_is_null(vec, row) || (vec->form == WEIR_LIST && vec->type.kind == WEIR_STRING &&
                                          vec->at.offsets[row] == vec->at.offsets[row + 1]);
}

static bool has_null(const folds *f, const entry *e)
{
    for (uint32_t k = 0; k < f->b->arg_count; k++) {
        bool null = k == weir_expr_agg_of(f->b)->exploded
                        ? e->item == WEIR_NO_ID || weir_vec_is_null(&f->items, e->item)
                        : is_nothing(&f->args[k], e->row);
        if (null) {
            return true;
        }
    }
    return false;
}

/* The elements of the rounds' rows. */
static weir_vec pick_items(const folds *f, const entry *entries, uint32_t n)
{
    weir_str *texts = WEIR_SCRATCH_ARRAY(f->s, weir_str, n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(f->s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(*nulls) * weir_words(n));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t item = entries[i].item;
        bool null = item == WEIR_NO_ID || weir_vec_is_null(&f->items, item);
        texts[i] = null ? WEIR_STR("") : f->items.at.s[item];
        if (null) {
            weir_bit_set(nulls, i);
        }
    }
    weir_vec vec = {.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = n, .nulls = nulls};
    vec.at.s = texts;
    return vec;
}

/* One row each of n groups. */
static void fold_round(const folds *f, const entry *entries, uint32_t n)
{
    const weir_expr_agg *p = weir_expr_agg_of(f->b);
    weir_vec *inputs = WEIR_SCRATCH_ARRAY(f->s, weir_vec, f->b->arg_count + 1), out;
    weir_expr_state **states = WEIR_SCRATCH_ARRAY(f->s, weir_expr_state *, n + 1);
    uint16_t *rows = WEIR_SCRATCH_ARRAY(f->s, uint16_t, n + 1);
    weir_error err = {0};
    for (uint32_t i = 0; i < n; i++) {
        states[i] = (weir_expr_state *)(void *)(f->states + entries[i].group * f->stride);
        rows[i] = (uint16_t)entries[i].row;
    }
    weir_expr_states g = {.b = f->b, .h = f->h, .s = f->s, .n = n};
    weir_expr_states_vec(&g, (const weir_expr_state *const *)states, false, &inputs[0]);
    for (uint32_t k = 0; k < f->b->arg_count; k++) {
        if (k == p->exploded) {
            inputs[k + 1] = pick_items(f, entries, n);
        } else {
            weir_vec_gather(&f->args[k], rows, n, f->s, &inputs[k + 1]);
        }
    }
    bool ok = run_program(f->b, p->fold, inputs, n, f->s, &out, &err);
    store(f->h, f->b, states, n, ok, &out, &err);
}

static void run_rounds(const folds *f, entry *entries, uint32_t count)
{
    qsort(entries, count, sizeof(*entries), by_group);
    for (uint32_t i = 0; i < count; i++) {
        bool next = i > 0 && entries[i].group == entries[i - 1].group;
        entries[i].rank = next ? entries[i - 1].rank + 1 : 0;
    }
    qsort(entries, count, sizeof(*entries), by_rank);
    for (uint32_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && entries[to].rank == entries[from].rank; to++) {
        }
        weir_mark mark = weir_scratch_mark(f->s);
        fold_round(f, entries + from, to - from);
        weir_scratch_rewind(f->s, mark);
    }
}

/* Rows of a block, in order; groups[i] is that of rows[i]. */
static void fold_rows(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                      const uint16_t *rows, const uint32_t *groups, const weir_vec *args,
                      uint32_t n, weir_scratch *s)
{
    uint32_t exploded = weir_expr_agg_of(b)->exploded, count = 0, most = n;
    folds f = {.b = b, .h = h, .states = states, .stride = stride, .args = args, .s = s};
    weir_vec lists = {0};
    weir_error err;
    if (exploded != WEIR_NO_ID) {
        if (!weir_vec_flatten(&args[exploded], s, &lists, &err)) {
            lists = weir_vec_null(WEIR_TYPE(WEIR_STRING), args[exploded].n);
            lists.form = WEIR_FLAT;
        }
        f.items = lists.form == WEIR_LIST ? *lists.items : lists;
        most += lists.form == WEIR_LIST ? lists.at.offsets[lists.n] : 0;
    }
    entry *entries = WEIR_SCRATCH_ARRAY(s, entry, most + 1);
    for (uint32_t i = 0; i < n; i++) {
        entry e = {.group = groups ? groups[i] : 0, .row = rows ? rows[i] : i, .item = WEIR_NO_ID};
        if (e.group == WEIR_NO_ID) {
            continue;
        }
        uint32_t from = e.row, to = e.row + (exploded != WEIR_NO_ID);
        if (exploded != WEIR_NO_ID && lists.form == WEIR_LIST) {
            bool null = lists.nulls && weir_bit(lists.nulls, e.row);
            from = lists.at.offsets[e.row];
            to = null ? from : lists.at.offsets[e.row + 1];
        }
        do { /* an empty list is one null */
            e.item = from < to ? from : WEIR_NO_ID;
            if (takes_nulls(b) || !has_null(&f, &e)) {
                entries[count++] = e;
            }
        } while (++from < to);
    }
    run_rounds(&f, entries, count);
}

static void init(const weir_agg_bound *b, void *at)
{
    (void)b;
    *(weir_expr_state *)at = (weir_expr_state){.flags = 0};
}

static void add_one(const weir_agg_bound *b, weir_heap *h, void *at, const weir_vec *args,
                    const weir_sel *sel, weir_scratch *s)
{
    if (sel->count > 0) {
        fold_rows(b, h, at, 0, weir_sel_rows(sel, s), NULL, args, sel->count, s);
    }
}

static void add_many(const weir_agg_bound *b, weir_heap *h, void *states, size_t stride,
                     const uint32_t *groups, const weir_vec *args, uint32_t n, weir_scratch *s)
{
    fold_rows(b, h, states, stride, NULL, groups, args, n, s);
}

static bool combines_nulls(const weir_agg_bound *b)
{
    const weir_value *said = &b->spec->values[WEIR_EXPRAGG_COMBINE_NULLS];
    return said->is_null ? takes_nulls(b) : said->as.l != 0;
}

static void merge(const weir_agg_bound *b, weir_heap *h, void *into_at, const weir_heap *from_heap,
                  const void *from_at)
{
    weir_expr_state *into = into_at;
    const weir_expr_state *from = from_at;
    if (!(from->flags & WEIR_EXPRAGG_SEEN) || into->flags & WEIR_EXPRAGG_FAILED ||
        (from->flags & WEIR_EXPRAGG_IS_NULL && into->flags & WEIR_EXPRAGG_SEEN &&
         !combines_nulls(b))) {
        return;
    }
    if (from->flags & WEIR_EXPRAGG_FAILED) {
        weir_expr_state_fail(h, b, into, weir_heap_at(from_heap, from->at.handle));
        return;
    }
    if (!(into->flags & WEIR_EXPRAGG_SEEN)) {
        weir_expr_state_copy(b, h, into, from_heap, from);
        return;
    }
    weir_scratch s = {0};
    weir_vec inputs[2], out;
    weir_error err = {0};
    weir_expr_states own = {.b = b, .h = h, .s = &s, .n = 1},
                     other = {.b = b, .h = from_heap, .s = &s, .n = 1};
    const weir_expr_state *const a = into, *const c = from;
    weir_expr_states_vec(&own, &a, false, &inputs[0]);
    weir_expr_states_vec(&other, &c, false, &inputs[1]);
    bool ok = run_program(b, weir_expr_agg_of(b)->combine, inputs, 1, &s, &out, &err);
    store(h, b, &into, 1, ok, &out, &err);
    weir_scratch_done(&s);
}

static const weir_expr_state *const *pointers(const void *states, size_t stride, uint32_t n,
                                              weir_scratch *s)
{
    const weir_expr_state **at = WEIR_SCRATCH_ARRAY(s, const weir_expr_state *, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        at[i] = (const weir_expr_state *)(const void *)((const char *)states + i * stride);
    }
    return at;
}

static void finish(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, bool finalize, weir_scratch *s, weir_vec *out)
{
    const weir_expr_agg *p = weir_expr_agg_of(b);
    weir_expr_states g = {.b = b, .h = h, .s = s, .n = n};
    weir_vec vec;
    weir_error err = {0};
    weir_expr_states_vec(&g, pointers(states, stride, n, s), true, &vec);
    if (!finalize || !p->finalize) {
        *out = vec;
    } else if (!run_program(b, p->finalize, &vec, n, s, out, &err)) {
        *out = weir_vec_null(b->out_type, n); /* failed() said so */
    }
}

static bool failed(const weir_agg_bound *b, const weir_heap *h, const void *states, size_t stride,
                   uint32_t n, weir_scratch *s, weir_error *err)
{
    const weir_expr_state *const *at = pointers(states, stride, n, s);
    for (uint32_t i = 0; i < n; i++) {
        if (at[i]->flags & WEIR_EXPRAGG_FAILED) {
            weir_fail(err, WEIR_ERR_RUN, "aggregator '%.*s': %s", WEIR_STR_ARG(b->spec->name),
                      (const char *)weir_heap_at(h, at[i]->at.handle));
            return true;
        }
    }
    weir_vec vec, out;
    weir_expr_states g = {.b = b, .h = h, .s = s, .n = n};
    if (!weir_expr_agg_of(b)->finalize) {
        return false;
    }
    weir_expr_states_vec(&g, at, true, &vec);
    return !run_program(b, weir_expr_agg_of(b)->finalize, &vec, n, s, &out, err);
}

const weir_agg weir_agg_expression = {.type = "expression",
                                      .params = params,
                                      .param_count = WEIR_EXPRAGG_PARAMS,
                                      .finalizes = true,
                                      .settle = settle,
                                      .plan = plan,
                                      .init = init,
                                      .add_one = add_one,
                                      .add_many = add_many,
                                      .merge = merge,
                                      .finish = finish,
                                      .failed = failed,
                                      .save = weir_expr_state_save,
                                      .load = weir_expr_state_load};
