/* compute/expr_run.c - runs a program on a block of rows.
 *
 * A node is evaluated when it is asked for, on the selection of a *scope*, and remembered there:
 * scopes nest as branches do, each on a part of its outer one's rows, so a value made outside
 * serves inside, and an untaken branch is never evaluated. A *frame* is a span of rows: the block
 * itself, or the elements of lists that a lambda or a mapping runs on, each of which knows its row
 * outside. Frames of elements are at most 4,096 rows; between them the query's control block is
 * looked at. */
#include "compute/expr_dict.h"
#include "compute/expr_program.h"
#include "compute/fn_util.h"

typedef struct frame {
    struct frame *parent;   /* NULL: the block */
    const uint16_t *origin; /* per row: the parent's row */
    uint32_t n;
    uint32_t slot_from, slot_count; /* slots that this frame gives values for */
    const weir_vec *slots;
} frame;

/* What a scope has made: by place, a node's id, or node_count + id for its flattened form. A table
 * with open addressing: most scopes make few of a program's nodes. */
typedef struct made {
    uint32_t place; /* + 1; 0: free */
    const weir_vec *vec;
} made;

typedef struct scope {
    frame *frame;
    struct scope *outer; /* same frame, more rows */
    weir_sel sel;        /* ALL, LIST or NONE */
    made *made;
    uint32_t made_count, made_mask; /* mask 0: no table yet */
} scope;

typedef struct runner {
    weir_run *run;
    uint64_t program_uid;
    uint32_t node_count;
} runner;

struct weir_args {
    runner *r;
    scope *scope;
    const node *node;
};

static bool eval_new(runner *r, scope *sc, const node *n, weir_vec *out);
static bool eval_flat(runner *r, scope *sc, const node *n, weir_vec *out);

static const weir_vec *find_made(const scope *sc, uint32_t place)
{
    if (sc->made_mask == 0) {
        return NULL;
    }
    uint32_t at = place * 2654435761u & sc->made_mask;
    while (sc->made[at].place && sc->made[at].place != place + 1) {
        at = (at + 1) & sc->made_mask;
    }
    return sc->made[at].vec;
}

static void add_made(scope *sc, uint32_t place, const weir_vec *vec, weir_scratch *s)
{
    if (sc->made_count * 2 >= sc->made_mask) {
        scope old = *sc;
        sc->made_mask = sc->made_mask ? sc->made_mask * 2 + 1 : 15;
        sc->made = WEIR_SCRATCH_ARRAY(s, made, sc->made_mask + 1);
        memset(sc->made, 0, sizeof(*sc->made) * (sc->made_mask + 1));
        sc->made_count = 0;
        for (uint32_t i = 0; old.made_mask && i <= old.made_mask; i++) {
            if (old.made[i].place) {
                add_made(sc, old.made[i].place - 1, old.made[i].vec, s);
            }
        }
    }
    uint32_t at = place * 2654435761u & sc->made_mask;
    while (sc->made[at].place) {
        at = (at + 1) & sc->made_mask;
    }
    sc->made[at] = (made){place + 1, vec};
    sc->made_count++;
}

weir_sel weir_sel_plain(const weir_sel *sel, weir_scratch *s)
{
    if (sel->count == 0) {
        return weir_sel_none(sel->n);
    }
    if (sel->count == sel->n) {
        return weir_sel_all(sel->n);
    }
    weir_sel out = {
        .kind = WEIR_SEL_LIST, .n = sel->n, .count = sel->count, .rows = weir_sel_rows(sel, s)};
    return out;
}

/* Rows of `sel` whose bit in `nulls` is not set. */
static weir_sel without_nulls(const weir_sel *sel, const uint64_t *nulls, weir_scratch *s)
{
    uint16_t *rows = WEIR_SCRATCH_ARRAY(s, uint16_t, sel->count + 1);
    uint32_t count = 0;
    FOR_ROWS(sel, i)
    {
        rows[count] = (uint16_t)i;
        count += !weir_bit(nulls, i);
    }
    weir_sel out = {.kind = WEIR_SEL_LIST, .n = sel->n, .count = count, .rows = rows};
    return weir_sel_plain(&out, s);
}

/* ---- sources ---- */

static void source_vec(runner *r, const frame *f, uint32_t slot, weir_vec *out)
{
    if (!f->parent || slot - f->slot_from < f->slot_count) {
        *out = f->slots[slot - f->slot_from];
        return;
    }
    weir_vec outside;
    source_vec(r, f->parent, slot, &outside);
    weir_vec_gather(&outside, f->origin, f->n, r->run->scratch, out);
}

/* ---- casts ---- */

/* A scalar as an array of one, null as null; of a multi-value column, a list as it is but [] as
 * null. */
static bool to_array(runner *r, const weir_vec *from, weir_type to, weir_vec *out)
{
    weir_scratch *s = r->run->scratch;
    weir_vec flat, items;
    bool is_list = from->items != NULL;
    if (is_list && !(from->type.kind == WEIR_STRING && from->type.multi)) {
        return weir_vec_cast(from, to, s, out, r->run->err);
    }
    if (from->form == WEIR_CONST && weir_vec_is_null(from, 0)) {
        *out = weir_vec_null(to, from->n);
        return true;
    }
    if (!weir_vec_flatten(from, s, &flat, r->run->err)) {
        return false;
    }
    weir_vec *boxed = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(from->n) + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(from->n) + 1));
    if (is_list) {
        for (uint32_t i = 0; i < flat.n; i++) {
            if (flat.at.offsets[i] == flat.at.offsets[i + 1] ||
                (flat.nulls && weir_bit(flat.nulls, i))) {
                weir_bit_set(nulls, i);
            }
        }
        flat.nulls = nulls;
        flat.type = (weir_type){.kind = WEIR_ARRAY, .elem = WEIR_STRING};
        return weir_vec_cast(&flat, to, s, out, r->run->err);
    }
    if (!weir_vec_cast(&flat, WEIR_TYPE(to.elem), s, &items, r->run->err) ||
        !weir_vec_flatten(&items, s, boxed, r->run->err)) {
        return false;
    }
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, from->n + 1);
    for (uint32_t i = 0; i <= from->n; i++) {
        offsets[i] = i;
    }
    if (flat.nulls) {
        memcpy(nulls, flat.nulls, sizeof(*nulls) * weir_words(from->n));
    }
    *out = (weir_vec){.type = to, .form = WEIR_LIST, .n = from->n, .nulls = nulls, .items = boxed};
    out->at.offsets = offsets;
    return true;
}

/* An array as a scalar: its only element, else null. */
static bool from_array(runner *r, const weir_vec *from, weir_type to, weir_vec *out)
{
    weir_scratch *s = r->run->scratch;
    weir_vec list, cast, items, one = *from;
    bool is_const = from->form == WEIR_CONST;
    if (is_const) {
        one.n = 1; /* a long array once, not once a row */
    }
    if (!weir_vec_flatten(&one, s, &list, r->run->err)) {
        return false;
    }
    if (list.form != WEIR_LIST) {
        *out = weir_vec_null(to, from->n);
        return true;
    }
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(list.n) + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(list.n) + 1));
    if (!weir_vec_cast(list.items, WEIR_TYPE(to.kind), s, &cast, r->run->err) ||
        !weir_vec_flatten(&cast, s, &items, r->run->err)) {
        return false;
    }
    bool wide = to.kind == WEIR_STRING || to.kind == WEIR_COMPLEX;
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, list.n + 1);
    int64_t *numbers = (int64_t *)(void *)values;
    for (uint32_t i = 0; i < list.n; i++) {
        uint32_t at = list.at.offsets[i];
        bool single = list.at.offsets[i + 1] - at == 1 &&
                      !(list.nulls && weir_bit(list.nulls, i)) && !weir_vec_is_null(&items, at);
        if (!single) {
            weir_bit_set(nulls, i);
        }
        if (wide) {
            values[i] = single ? items.at.s[at] : (weir_str){0};
        } else {
            numbers[i] = single ? items.at.l[at] : 0;
        }
    }
    *out = (weir_vec){
        .type = to, .form = is_const ? WEIR_CONST : WEIR_FLAT, .n = from->n, .nulls = nulls};
    out->at.s = values;
    return true;
}

static bool cast_vec(runner *r, const weir_vec *from, weir_type to, weir_vec *out)
{
    if (to.kind == WEIR_ARRAY) {
        return to_array(r, from, to, out);
    }
    if (from->items) {
        return from_array(r, from, to, out);
    }
    if (to.kind == WEIR_UNKNOWN) {
        *out = weir_vec_null(to, from->n);
        return true;
    }
    if (from->type.kind == WEIR_UNKNOWN) {
        *out = weir_vec_null(to, from->n);
        return true;
    }
    bool json = from->type.kind == WEIR_COMPLEX && from->type.complex &&
                strcmp(from->type.complex->name, "json") == 0;
    if (json && (to.kind == WEIR_STRING || to.kind == WEIR_LONG || to.kind == WEIR_DOUBLE)) {
        weir_vec flat;
        if (!weir_vec_flatten(from, r->run->scratch, &flat, r->run->err)) {
            return false;
        }
        *out = (weir_vec){.form = WEIR_FLAT, .n = flat.n};
        if (!weir_json_cast(r->run, &flat, (weir_kind)to.kind, flat.n, out)) {
            return false;
        }
        out->type = to;
        return true;
    }
    if (from->type.kind == WEIR_COMPLEX && to.kind == WEIR_COMPLEX) {
        *out = *from;
        out->type = to;
        return true;
    }
    return weir_vec_cast(from, to, r->run->scratch, out, r->run->err);
}

/* ---- calls ---- */

static bool eval_memo(runner *r, scope *sc, const node *n, uint32_t place, weir_vec *out)
{
    for (const scope *at = sc; at; at = at->outer) {
        const weir_vec *vec = find_made(at, place);
        if (vec) {
            *out = *vec;
            return true;
        }
    }
    weir_vec *kept = WEIR_SCRATCH_ARRAY(r->run->scratch, weir_vec, 1);
    if (!(place == n->id ? eval_new(r, sc, n, kept) : eval_flat(r, sc, n, kept))) {
        return false;
    }
    add_made(sc, place, kept, r->run->scratch);
    *out = *kept;
    return true;
}

static bool eval(runner *r, scope *sc, const node *n, weir_vec *out)
{
    return eval_memo(r, sc, n, n->id, out);
}

/* As functions see vectors: FLAT, CONST or LIST over FLAT. */
static bool eval_plain(runner *r, scope *sc, const node *n, weir_vec *out)
{
    return eval_memo(r, sc, n, r->node_count + n->id, out);
}

static bool eval_flat(runner *r, scope *sc, const node *n, weir_vec *out)
{
    weir_vec vec;
    if (!eval(r, sc, n, &vec)) {
        return false;
    }
    if (vec.form == WEIR_FLAT || (vec.form == WEIR_CONST && !vec.dict)) {
        *out = vec;
        return true;
    }
    uint32_t rows = vec.n;
    bool is_const = vec.form == WEIR_CONST;
    if (is_const) {
        vec.n = 1;
    }
    if (!weir_vec_flatten(&vec, r->run->scratch, out, r->run->err)) {
        return false;
    }
    if (is_const) {
        out->form = WEIR_CONST;
        out->n = rows;
    }
    return true;
}

static void or_nulls(uint64_t *into, const uint64_t *from, uint32_t n)
{
    for (uint32_t w = 0; w < weir_words(n); w++) {
        into[w] |= from[w];
    }
}

static bool run_call(runner *r, scope *sc, const node *n, weir_vec *args, weir_vec *out)
{
    const weir_fn *fn = n->call.fn;
    weir_scratch *s = r->run->scratch;
    bool all_const = (n->call.flags & WEIR_FN_PURE) && n->arg_count > 0;
    bool null_if_null = n->call.flags & WEIR_FN_NULL_IF_ANY_NULL;
    uint64_t *nulls = NULL;
    uint32_t rows = sc->frame->n;
    for (uint32_t i = 0; i < n->arg_count; i++) {
        all_const &= args[i].form == WEIR_CONST;
        if (!null_if_null || !args[i].nulls) {
            continue;
        }
        if (args[i].form == WEIR_CONST) {
            bool is_default = i > 0 && (n->call.flags & WEIR_FN_NULL_DEFAULTS);
            if ((args[i].nulls[0] & 1) && !is_default) {
                *out = weir_vec_null(n->type, rows);
                return true;
            }
            continue;
        }
        if (!nulls) {
            nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(rows) + 1);
            memset(nulls, 0, sizeof(*nulls) * (weir_words(rows) + 1));
        }
        or_nulls(nulls, args[i].nulls, rows);
    }
    weir_sel sel = sc->sel;
    uint32_t run_rows = rows;
    if (all_const) {
        run_rows = 1;
        sel = weir_sel_all(1);
        for (uint32_t i = 0; i < n->arg_count; i++) {
            args[i].n = 1;
        }
    } else if (n->call.flags & WEIR_FN_TOTAL) {
        sel = weir_sel_all(rows);
    } else if (nulls) {
        sel = without_nulls(&sel, nulls, s);
        if (sel.kind == WEIR_SEL_NONE) {
            *out = weir_vec_null(n->type, rows);
            return true;
        }
    }
    *out = (weir_vec){.form = WEIR_FLAT, .n = run_rows};
    if (!fn->run(&n->call, r->run, args, &sel, run_rows, out)) {
        return false;
    }
    out->type = n->type;
    if (nulls && out->form != WEIR_CONST) {
        if (out->nulls) {
            or_nulls(nulls, out->nulls, rows);
        }
        out->nulls = nulls;
    }
    if (all_const) {
        if (out->form == WEIR_LIST || out->form == WEIR_FLAT) {
            out->form = WEIR_CONST;
        }
        out->n = rows;
    }
    return true;
}

static bool eval_call(runner *r, scope *sc, const node *n, weir_vec *out)
{
    const weir_fn *fn = n->call.fn;
    if (fn->run_lazy) {
        struct weir_args args = {r, sc, n};
        *out = (weir_vec){.form = WEIR_FLAT, .n = sc->frame->n};
        if (!fn->run_lazy(&n->call, r->run, &args, &sc->sel, sc->frame->n, out)) {
            return false;
        }
        out->type = n->type;
        return true;
    }
    weir_vec *args = WEIR_SCRATCH_ARRAY(r->run->scratch, weir_vec, n->arg_count + 1);
    for (uint32_t i = 0; i < n->arg_count; i++) {
        if (!eval_plain(r, sc, n->args[i], &args[i])) {
            return false;
        }
    }
    return run_call(r, sc, n, args, out);
}

bool weir_args_eval(weir_args *args, uint32_t i, const weir_sel *sel, weir_vec *out)
{
    const node *n = args->node->args[i];
    if (sel->count == 0) {
        *out = weir_vec_null(n->type, args->scope->frame->n);
        return true;
    }
    if (sel->count == args->scope->sel.count) {
        return eval_plain(args->r, args->scope, n, out);
    }
    weir_sel plain = weir_sel_plain(sel, args->r->run->scratch);
    scope inner = {.frame = args->scope->frame, .outer = args->scope, .sel = plain};
    return eval_plain(args->r, &inner, n, out);
}

bool weir_args_total(const weir_args *args, uint32_t i)
{
    return args->node->args[i]->total;
}

static bool check_ctl(runner *r)
{
    return !r->run->ctl || weir_ctl_check(r->run->ctl, r->run->err);
}

bool weir_args_lambda(weir_args *args, const uint16_t *origin, const weir_vec *params, uint32_t n,
                      weir_vec *out)
{
    const node *call = args->node;
    if (!check_ctl(args->r)) {
        return false;
    }
    frame f = {args->scope->frame, origin, n, call->slot, call->call.param_count, params};
    weir_sel all = weir_sel_all(n);
    scope sc = {.frame = &f, .sel = all};
    return eval_plain(args->r, &sc, call->body, out);
}

/* ---- mapping over multi-values ---- */

/* How many elements a row has for the mapping: a null or empty list counts as one null. */
static uint32_t list_size(const weir_vec *vec, uint32_t row)
{
    if (!vec->items || weir_vec_is_null(vec, row)) {
        return 1;
    }
    uint32_t at = vec->form == WEIR_CONST ? 0 : row;
    uint32_t size = vec->at.offsets[at + 1] - vec->at.offsets[at];
    return size ? size : 1;
}

/* Element k of row; UINT32_MAX: the null that stands for an empty list. */
static uint32_t list_item(const weir_vec *vec, uint32_t row, uint32_t k)
{
    uint32_t at = vec->form == WEIR_CONST ? 0 : row;
    if (weir_vec_is_null(vec, row) || vec->at.offsets[at] == vec->at.offsets[at + 1]) {
        return UINT32_MAX;
    }
    return vec->at.offsets[at] + k;
}

/* picked[i] < items->n, or UINT32_MAX for null. Keeps dictionaries. */
static bool pick_items(runner *r, const weir_vec *list, const uint16_t *origin,
                       const uint32_t *picked, uint32_t n, weir_vec *out)
{
    weir_scratch *s = r->run->scratch;
    if (!list->items) {
        weir_vec_gather(list, origin, n, s, out);
        return true;
    }
    const weir_vec *items = list->items;
    weir_vec flat_items;
    if (items->form != WEIR_DICT) {
        if (!weir_vec_flatten(items, s, &flat_items, r->run->err)) {
            return false;
        }
        items = &flat_items;
    }
    *out = (weir_vec){
        .type = WEIR_TYPE(WEIR_STRING), .form = items->form, .n = n, .dict = items->dict};
    if (items->form == WEIR_DICT) {
        uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = picked[i] == UINT32_MAX ? 0 : items->at.ids[picked[i]];
        }
        out->at.ids = ids;
        return true;
    }
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(n) + 1));
    for (uint32_t i = 0; i < n; i++) {
        bool null = picked[i] == UINT32_MAX || weir_vec_is_null(items, picked[i]);
        values[i] = null ? (weir_str){0} : items->at.s[picked[i]];
        if (null) {
            weir_bit_set(nulls, i);
        }
    }
    out->at.s = values;
    out->nulls = nulls;
    return true;
}

typedef struct pieces {
    weir_vec *at;
    uint32_t count, capacity;
} pieces;

/* One span of at most 4,096 combinations: body's values go to `done`. */
static bool map_piece(runner *r, scope *sc, const node *n, const weir_vec *lists,
                      const uint16_t *origin, uint32_t *const *picked, uint32_t count, pieces *done)
{
    weir_scratch *s = r->run->scratch;
    if (!check_ctl(r)) {
        return false;
    }
    weir_vec *slots = WEIR_SCRATCH_ARRAY(s, weir_vec, n->arg_count);
    for (uint32_t k = 0; k < n->arg_count; k++) {
        if (!pick_items(r, &lists[k], origin, picked[k], count, &slots[k])) {
            return false;
        }
    }
    frame f = {sc->frame, origin, count, n->slot, n->arg_count, slots};
    weir_sel all = weir_sel_all(count);
    scope inner = {.frame = &f, .sel = all};
    if (done->count == done->capacity) {
        uint32_t capacity = done->capacity ? done->capacity * 2 : 8;
        weir_vec *more = WEIR_SCRATCH_ARRAY(s, weir_vec, capacity);
        if (done->count) {
            memcpy(more, done->at, sizeof(*more) * done->count);
        }
        done->at = more;
        done->capacity = capacity;
    }
    return eval(r, &inner, n->body, &done->at[done->count++]);
}

/* All pieces as one vector; DICT when they all share a dictionary. */
static bool join_pieces(runner *r, const pieces *done, uint32_t total, weir_type type,
                        weir_vec *out)
{
    weir_scratch *s = r->run->scratch;
    if (done->count == 1 && done->at[0].form != WEIR_CONST) {
        *out = done->at[0];
        return true;
    }
    bool dict = true;
    for (uint32_t p = 0; p < done->count; p++) {
        dict &= done->at[p].form == WEIR_DICT && done->at[p].dict == done->at[0].dict;
    }
    *out = (weir_vec){.type = type, .form = WEIR_FLAT, .n = total};
    if (dict && done->count > 0) {
        uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, total + 1), at = 0;
        for (uint32_t p = 0; p < done->count; p++) {
            memcpy(ids + at, done->at[p].at.ids, sizeof(*ids) * done->at[p].n);
            at += done->at[p].n;
        }
        out->form = WEIR_DICT;
        out->dict = done->at[0].dict;
        out->at.ids = ids;
        return true;
    }
    size_t width =
        type.kind == WEIR_STRING || type.kind == WEIR_UNKNOWN ? sizeof(weir_str) : sizeof(int64_t);
    char *values = weir_scratch_take(s, width * (total + 1));
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(total) + 1);
    memset(nulls, 0, sizeof(*nulls) * (weir_words(total) + 1));
    for (uint32_t p = 0, at = 0; p < done->count; p++) {
        weir_vec flat;
        if (!weir_vec_flatten(&done->at[p], s, &flat, r->run->err)) {
            return false;
        }
        memcpy(values + at * width, flat.at.l, width * flat.n);
        for (uint32_t i = 0; i < flat.n; i++) {
            if (weir_vec_is_null(&flat, i)) {
                weir_bit_set(nulls, at + i);
            }
        }
        at += flat.n;
    }
    out->at.s = (const weir_str *)(const void *)values;
    out->nulls = nulls;
    return true;
}

static bool eval_map(runner *r, scope *sc, const node *n, weir_vec *out)
{
    weir_scratch *s = r->run->scratch;
    uint32_t rows = sc->frame->n;
    weir_vec *lists = WEIR_SCRATCH_ARRAY(s, weir_vec, n->arg_count);
    uint32_t **picked = WEIR_SCRATCH_ARRAY(s, uint32_t *, n->arg_count);
    for (uint32_t k = 0; k < n->arg_count; k++) {
        if (!eval(r, sc, n->args[k], &lists[k])) {
            return false;
        }
        picked[k] = WEIR_SCRATCH_ARRAY(s, uint32_t, WEIR_BLOCK_ROWS);
    }
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, rows + 1);
    memset(offsets, 0, sizeof(*offsets) * (rows + 1));
    uint64_t total = 0;
    pieces done = {0};
    uint16_t *origin = WEIR_SCRATCH_ARRAY(s, uint16_t, WEIR_BLOCK_ROWS);
    uint32_t fill = 0, last = 0;
    FOR_ROWS(&sc->sel, i)
    {
        for (; last <= i; last++) {
            offsets[last] = (uint32_t)total;
        }
        uint64_t product = 1;
        for (uint32_t k = 0; k < n->arg_count; k++) {
            product *= list_size(&lists[k], i);
            if (product > EXPR_ITEMS) {
                break;
            }
        }
        total += product;
        if (total > EXPR_ITEMS) {
            return weir_fail(r->run->err, WEIR_ERR_RESOURCE,
                             "multi-value columns have too many combinations in one block of rows");
        }
        for (uint64_t c = 0; c < product; c++) {
            uint64_t left = c;
            for (uint32_t k = n->arg_count; k-- > 0;) { /* the last column turns fastest */
                uint32_t size = list_size(&lists[k], i);
                picked[k][fill] =
                    lists[k].items ? list_item(&lists[k], i, (uint32_t)(left % size)) : 0;
                left /= size;
            }
            origin[fill++] = (uint16_t)i;
            if (fill == WEIR_BLOCK_ROWS) {
                if (!map_piece(r, sc, n, lists, origin, picked, fill, &done)) {
                    return false;
                }
                fill = 0;
            }
        }
    }
    for (; last <= rows; last++) {
        offsets[last] = (uint32_t)total;
    }
    if (fill > 0 && !map_piece(r, sc, n, lists, origin, picked, fill, &done)) {
        return false;
    }
    weir_type item_type =
        n->type.kind == WEIR_ARRAY ? WEIR_TYPE(n->type.elem) : WEIR_TYPE(WEIR_STRING);
    weir_vec *items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    if (!join_pieces(r, &done, (uint32_t)total, item_type, items)) {
        return false;
    }
    items->type = item_type;
    *out = (weir_vec){.type = n->type, .form = WEIR_LIST, .n = rows, .items = items};
    out->at.offsets = offsets;
    return true;
}

/* ---- by dictionary ---- */

typedef struct dict_job {
    runner *r;
    const node *node;
} dict_job;

/* The node on `n` values of its source: FLAT or CONST out. */
static bool run_values(void *self, const weir_vec *values, uint32_t n, weir_vec *out)
{
    dict_job *job = self;
    if (!check_ctl(job->r)) {
        return false;
    }
    frame f = {NULL, NULL, n, job->node->slots[0], 1, values};
    weir_sel all = weir_sel_all(n);
    scope sc = {.frame = &f, .sel = all};
    return eval_plain(job->r, &sc, job->node, out);
}

/* True: done, through the table of the source's dictionary. */
static bool try_dict(runner *r, scope *sc, const node *n, weir_vec *out, bool *failed)
{
    weir_vec source;
    *failed = false;
    if (!r->run->cache) {
        return false;
    }
    source_vec(r, sc->frame, n->slots[0], &source);
    if (source.form != WEIR_DICT ||
        !weir_dict_is_worth_a_table(r->run->cache, r->program_uid, n->id, source.dict,
                                    sc->sel.count)) {
        return false;
    }
    dict_job job = {r, n};
    *failed = !weir_dict_table_run(r->run, r->program_uid, n->id, n->type, &source, &sc->sel,
                                   run_values, &job, out);
    return true;
}

/* Between nodes: a program may have thousands, each of which makes a block's values. */
static bool may_go_on(runner *r)
{
    weir_ctl *ctl = r->run->ctl;
    if (!ctl || (atomic_load_explicit(&ctl->stop, memory_order_relaxed) == WEIR_GO &&
                 !weir_budget_is_over(&ctl->budget))) {
        return true;
    }
    return weir_ctl_check(ctl, r->run->err);
}

static bool eval_new(runner *r, scope *sc, const node *n, weir_vec *out)
{
    bool failed;
    if (!may_go_on(r)) {
        return false;
    }
    if (n->by_dict && try_dict(r, sc, n, out, &failed)) {
        return !failed;
    }
    switch ((node_kind)n->kind) {
    case NODE_CONST:
        *out = weir_vec_const(r->run->scratch, &n->value, sc->frame->n);
        return true;
    case NODE_SOURCE:
        source_vec(r, sc->frame, n->slot, out);
        out->type = out->type.kind == n->type.kind ? n->type : out->type;
        return true;
    case NODE_CAST: {
        weir_vec from;
        return eval(r, sc, n->args[0], &from) && cast_vec(r, &from, n->type, out);
    }
    case NODE_CALL:
        return eval_call(r, sc, n, out);
    case NODE_MAP:
        return eval_map(r, sc, n, out);
    }
    return weir_fail(r->run->err, WEIR_ERR_INTERNAL, "node of unknown kind %d", n->kind);
}

bool weir_program_run(const weir_program *program, weir_run *run, const weir_vec *inputs,
                      const weir_sel *sel, uint32_t n, weir_vec *outputs)
{
    runner r = {run, program->uid, program->node_count};
    if (!check_ctl(&r)) {
        return false;
    }
    frame f = {NULL, NULL, n, 0, program->input_count, inputs};
    weir_sel plain = weir_sel_plain(sel, run->scratch);
    scope sc = {.frame = &f, .sel = plain};
    for (uint32_t i = 0; i < program->output_count; i++) {
        const node *out = program->outputs[i];
        if (plain.kind == WEIR_SEL_NONE && out->kind != NODE_SOURCE) {
            outputs[i] = weir_vec_null(out->type, n);
        } else if (!eval(&r, &sc, out, &outputs[i])) {
            return false;
        }
    }
    return true;
}

/* Whether a constant is worth keeping as a value: large ones are made again when they are needed.
 */
static bool is_small(const weir_vec *vec)
{
    if (weir_vec_is_null(vec, 0) || vec->dict) {
        return true;
    }
    if (vec->items) {
        return vec->at.offsets[1] - vec->at.offsets[0] <= 4096;
    }
    return (vec->type.kind != WEIR_STRING && vec->type.kind != WEIR_COMPLEX) ||
           vec->at.s[0].size <= 64u << 10;
}

bool weir_node_fold(const node *n, uint32_t node_count, weir_arena *arena, weir_value *out)
{
    weir_scratch s = {0};
    weir_run run = {.scratch = &s};
    runner r = {&run, 0, node_count};
    frame f = {NULL, NULL, 1, 0, 0, NULL};
    weir_sel all = weir_sel_all(1);
    scope sc = {.frame = &f, .sel = all};
    weir_vec vec;
    bool ok =
        eval_new(&r, &sc, n, &vec) && is_small(&vec) && weir_vec_value(&vec, 0, arena, out, NULL);
    weir_scratch_done(&s);
    return ok;
}
