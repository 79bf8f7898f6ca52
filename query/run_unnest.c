/* query/run_unnest.c - the list of a batch is read once, its elements are picked by position block
 * by block; the filter sees the elements (and other columns when it asks) before any other column
 * is copied. Rows whose list is null or empty go, but where Druid unnests a dictionary's rows they
 * are one null. */
#include "query/run_unnest.h"
#include <assert.h>

struct weir_unnest_run {
    weir_stage stage;
    const weir_node_unnest *node;
    weir_slots names; /* of the child */
    weir_port *port;  /* the list */
    weir_slots
        outputs; /* names and types of outputs, and behind them of what only the filter reads */
    uint32_t *columns; /* by those: of the child; WEIR_NO_ID: the element */
    uint8_t elem;      /* kind of the elements */
    bool keep_empty;
    weir_pred *filter;
};

static uint8_t elem_kind(const weir_node_unnest *node, weir_type type)
{
    weir_type asked = node->list.type;
    uint8_t kind = asked.kind == WEIR_ARRAY  ? asked.elem
                   : asked.kind != 0         ? asked.kind
                   : type.kind == WEIR_ARRAY ? type.elem
                                             : type.kind;
    return kind == WEIR_UNKNOWN ? WEIR_STRING : kind;
}

static void add_output(weir_unnest_run *unnest, weir_str name)
{
    bool element = weir_str_eq(name, unnest->node->list.name);
    if (weir_slots_find(&unnest->outputs, name) != WEIR_NO_ID) {
        return;
    }
    uint32_t column = element ? WEIR_NO_ID : weir_slots_find(&unnest->names, name);
    assert(element || column != WEIR_NO_ID);
    unnest->columns[unnest->outputs.count] = column;
    weir_slots_add(&unnest->outputs, name,
                   element ? WEIR_TYPE(unnest->elem) : unnest->names.types[column]);
}

weir_unnest_run *weir_unnest_run_new(const weir_stage *stage, const weir_node_unnest *node,
                                     uint32_t count, const weir_str *names, const weir_type *types,
                                     weir_error *err)
{
    weir_arena *arena = stage->arena;
    weir_unnest_run *unnest = WEIR_ARENA_NEW(arena, weir_unnest_run);
    weir_slots slots = {.arena = arena, .lock = stage->lock, .now_ms = stage->now_ms};
    *unnest = (weir_unnest_run){.stage = *stage, .node = node, .names = slots, .outputs = slots};
    for (uint32_t i = 0; i < count; i++) {
        weir_slots_add(&unnest->names, names[i], types[i]);
    }
    weir_want want = {.expr = node->list.expr};
    unnest->port = weir_port_new(&unnest->names, &want, 1, err);
    if (!unnest->port) {
        return NULL;
    }
    weir_type type = weir_port_type(unnest->port, 0);
    if (type.kind == WEIR_COMPLEX) {
        weir_fail(err, WEIR_ERR_UNSUPPORTED, "'%.*s' is no list to unnest",
                  WEIR_STR_ARG(node->list.name));
        return NULL;
    }
    unnest->elem = elem_kind(node, type);
    unnest->keep_empty = node->keep_empty && type.kind == WEIR_STRING;
    unnest->columns = WEIR_ARENA_ARRAY(arena, uint32_t, (size_t)node->column_count + count + 2);
    for (uint32_t i = 0; i < node->column_count; i++) {
        add_output(unnest, node->columns[i]);
    }
    for (uint32_t i = 0; node->filter && i < count; i++) {
        add_output(unnest, names[i]);
    }
    add_output(unnest, node->list.name);
    unnest->filter = weir_pred_new(&unnest->outputs, node->filter, stage->budget, err);
    return unnest->filter || !node->filter ? unnest : NULL;
}

uint32_t weir_unnest_run_outputs(const weir_unnest_run *unnest, const weir_str **names,
                                 const weir_type **types)
{
    *names = unnest->node->columns;
    *types = unnest->outputs.types;
    return unnest->node->column_count;
}

void weir_unnest_run_done(weir_unnest_run *unnest)
{
    if (unnest) {
        weir_pred_done(unnest->filter);
        unnest->filter = NULL;
    }
}

/* Where each row's elements are. */
typedef struct lists {
    weir_vec items;          /* of the element's kind */
    const uint32_t *offsets; /* NULL: one element a row */
    bool constant;           /* offsets[0..1] are every row's */
    const uint64_t *nulls;   /* rows that are null */
} lists;

bool weir_unnest_run_open(weir_unnest_run *unnest, weir_lane *lane, weir_expand *expand)
{
    weir_scratch *s = &lane->scratch;
    lists *of = WEIR_SCRATCH_ARRAY(s, lists, 1);
    uint32_t n = expand->in.n;
    weir_vec vec, single;
    expand->row = expand->at = 0;
    expand->own = of;
    *of = (lists){0};
    if (!weir_port_read(unnest->port, &lane->run, weir_batch_get, &expand->in, n, &vec)) {
        return false;
    }
    if (vec.form == WEIR_CONST && weir_vec_is_null(&vec, 0)) {
        uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
        memset(nulls, 0xff, (weir_words(n) + 1) * sizeof(*nulls));
        of->nulls = nulls;
        of->items = weir_vec_null(WEIR_TYPE(unnest->elem), n);
        return true;
    }
    if (vec.form == WEIR_LIST || vec.items) {
        of->offsets = vec.at.offsets;
        of->constant = vec.form == WEIR_CONST;
        of->nulls = of->constant ? NULL : vec.nulls;
        return weir_vec_cast(vec.items, WEIR_TYPE(unnest->elem), s, &of->items, &lane->err);
    }
    if (!weir_vec_cast(&vec, WEIR_TYPE(unnest->elem), s, &single, &lane->err)) {
        return false;
    }
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, (weir_words(n) + 1) * sizeof(*nulls));
    for (uint32_t i = 0; i < n;
         i++) { /* before the cast: text that is no number is an element, null */
        nulls[i >> 6] |= (uint64_t)weir_vec_is_null(&vec, i) << (i & 63);
    }
    of->items = single;
    of->nulls = nulls;
    return true;
}

/* Up to `most` rows with the position of their element, NO_ID: none. True in *gaps: there are such,
 * or positions that do not follow each other. */
static uint32_t fill_elements(const weir_unnest_run *unnest, weir_expand *expand, uint32_t most,
                              uint16_t *rows, uint32_t *places, bool *gaps)
{
    const lists *of = expand->own;
    uint32_t n = 0;
    *gaps = false;
    while (expand->row < expand->in.n && n < most) {
        uint32_t row = expand->row;
        bool null = of->nulls && weir_bit(of->nulls, row);
        uint32_t from = !of->offsets ? row : of->offsets[of->constant ? 0 : row];
        uint32_t size = null           ? 0
                        : !of->offsets ? 1
                                       : of->offsets[of->constant ? 1 : row + 1] - from;
        if (size == 0) {
            rows[n] = (uint16_t)row;
            places[n] = WEIR_NO_ID;
            n += unnest->keep_empty;
            *gaps = true;
            expand->row++;
            continue;
        }
        for (; expand->at < size && n < most; expand->at++, n++) {
            rows[n] = (uint16_t)row;
            places[n] = from + expand->at;
        }
        if (expand->at == size) {
            expand->at = 0;
            expand->row++;
            *gaps = *gaps || of->constant;
        }
    }
    return n;
}

static void pick_elements(const weir_vec *items, const uint32_t *places, uint32_t n, bool gaps,
                          weir_scratch *s, weir_vec *out)
{
    if (!gaps && items->form != WEIR_CONST) {
        weir_vec_slice(items, places[0], n, s, out);
        return;
    }
    if (items->n == 0 || items->form == WEIR_CONST) { /* all alike, or nothing but gaps */
        *out = items->n ? *items : weir_vec_null(items->type, n);
        out->n = n;
        return;
    }
    uint32_t *real = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    bool any = false;
    memset(nulls, 0, (weir_words(n) + 1) * sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++) {
        bool none = places[i] == WEIR_NO_ID;
        real[i] = none ? 0 : places[i];
        nulls[i >> 6] |= (uint64_t)(none || weir_vec_is_null(items, real[i])) << (i & 63);
        any = any || none;
    }
    weir_vec_pick(items, real, n, s, out);
    if (any && out->form == WEIR_DICT) {
        uint32_t *ids = (uint32_t *)(uintptr_t)out->at.ids; /* just picked */
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = places[i] == WEIR_NO_ID ? 0 : ids[i];
        }
    } else if (any) {
        out->nulls = nulls;
    }
}

/* Output columns as the filter asks for them. */
typedef struct lazy {
    const weir_unnest_run *unnest;
    const weir_expand *expand;
    const uint16_t *rows;
    uint32_t n;
    const weir_vec *element;
    weir_scratch *s;
    weir_vec *columns;
    bool *have;
} lazy;

static bool get_column(void *self, uint32_t slot, weir_vec *out, weir_error *err)
{
    lazy *l = self;
    (void)err;
    uint32_t column = l->unnest->columns[slot];
    if (!l->have[slot] && column == WEIR_NO_ID) {
        l->columns[slot] = *l->element;
    } else if (!l->have[slot]) {
        weir_vec_gather(&l->expand->in.columns[column], l->rows, l->n, l->s, &l->columns[slot]);
    }
    l->have[slot] = true;
    *out = l->columns[slot];
    return true;
}

/* The rows of this stretch that the filter lets through, moved together. */
static bool filter_rows(weir_unnest_run *unnest, weir_lane *lane, lazy *l, uint16_t *rows,
                        weir_vec *element)
{
    weir_scratch *s = &lane->scratch;
    weir_sel all = weir_sel_all(l->n), sel;
    if (!weir_pred_rows(unnest->filter, lane, get_column, l, l->n, &all, &sel)) {
        return false;
    }
    if (sel.kind == WEIR_SEL_ALL) {
        return true;
    }
    l->n = sel.count;
    memset(l->have, 0, unnest->outputs.count * sizeof(*l->have));
    if (sel.kind == WEIR_SEL_NONE) {
        return true;
    }
    const uint16_t *kept = weir_sel_rows(&sel, s);
    weir_vec whole = *element;
    weir_vec_gather(&whole, kept, sel.count, s, element);
    for (uint32_t i = 0; i < sel.count; i++) {
        rows[i] = rows[kept[i]];
    }
    return true;
}

bool weir_unnest_run_next(weir_unnest_run *unnest, weir_lane *lane, weir_expand *expand,
                          weir_batch *out)
{
    weir_scratch *s = &lane->scratch;
    const lists *of = expand->own;
    uint32_t count = unnest->node->column_count;
    uint32_t most = lane->block_rows < WEIR_BLOCK_ROWS ? lane->block_rows : WEIR_BLOCK_ROWS;
    weir_mark mark = weir_scratch_mark(s);
    *out = (weir_batch){.column_count = count, .origin = expand->in.origin};
    while (true) {
        uint16_t *rows = WEIR_SCRATCH_ARRAY(s, uint16_t, most + 1);
        uint32_t *places = WEIR_SCRATCH_ARRAY(s, uint32_t, most + 1);
        bool gaps;
        weir_vec element;
        uint32_t n = fill_elements(unnest, expand, most, rows, places, &gaps);
        if (n == 0) {
            return true;
        }
        if (!weir_ctl_check(unnest->stage.ctl, &lane->err)) {
            return false;
        }
        pick_elements(&of->items, places, n, gaps, s, &element);
        lazy l = {
            .unnest = unnest, .expand = expand, .rows = rows, .n = n, .element = &element, .s = s};
        l.columns = WEIR_SCRATCH_ARRAY(s, weir_vec, unnest->outputs.count);
        l.have = WEIR_SCRATCH_ARRAY(s, bool, unnest->outputs.count);
        memset(l.have, 0, unnest->outputs.count * sizeof(*l.have));
        if (unnest->filter && !filter_rows(unnest, lane, &l, rows, &element)) {
            return false;
        }
        if (l.n == 0) {
            weir_scratch_rewind(s, mark);
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            weir_vec unused;
            get_column(&l, i, &unused, &lane->err);
        }
        out->n = l.n;
        out->columns = l.columns;
        return true;
    }
}
