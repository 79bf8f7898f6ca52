/* query/native_row_filter.c - Druid's filters over events that are no rows yet (weir/row_filter.h).
 * A filter is bound anew for each set of column types that it meets: events of one column come as
 * numbers in one batch and as text in the next. */
#include "query/exec.h"
#include "query/native_json.h"
#include "weir/query.h"
#include "weir/row_filter.h"
#include <stdlib.h>

typedef struct bound {
    weir_arena *arena;
    pthread_mutex_t lock;
    weir_slots names;
    weir_pred *pred; /* NULL: everything is true */
    struct bound *next;
} bound;

struct weir_row_filter {
    weir_arena *arena;
    weir_filter *filter; /* NULL: true */
    weir_names columns;
    weir_budget budget; /* counts, without a limit */
    weir_ctl ctl;
    weir_run_options options;
    bound *bounds;
};

enum { BOUND_MAX = 64 }; /* shapes kept; a stream has a few */

static void free_bounds(weir_row_filter *f)
{
    while (f->bounds) {
        bound *b = f->bounds;
        f->bounds = b->next;
        weir_pred_done(b->pred);
        pthread_mutex_destroy(&b->lock);
        weir_arena_free(b->arena);
        free(b);
    }
}

static void free_filter(weir_row_filter *f)
{
    if (f) {
        free_bounds(f);
        weir_arena_free(f->arena);
        free(f);
    }
}

static weir_row_filter *parse(const json_t *json, const char *path, weir_error *err)
{
    weir_row_filter *f = weir_calloc(1, sizeof(weir_row_filter));
    f->arena = weir_arena_new();
    f->columns.arena = f->arena;
    weir_native n = {.arena = f->arena, .err = err};
    if (!weir_native_filter(&n, WEIR_AT(NULL, path), json, &f->filter)) {
        free_filter(f);
        return NULL;
    }
    if (f->filter) {
        weir_filter_columns(f->filter, weir_names_see, &f->columns);
    }
    return f;
}

static void columns(const weir_row_filter *f, void (*see)(void *self, weir_str name), void *self)
{
    for (uint32_t i = 0; i < f->columns.count; i++) {
        see(self, f->columns.at[i]);
    }
}

static const weir_vec *find(const weir_named_vecs *rows, weir_str name)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        if (weir_str_eq(rows->names[i], name)) {
            return &rows->vecs[i];
        }
    }
    return NULL;
}

static weir_type type_of(const weir_vec *vec)
{
    weir_type type = vec ? vec->type : WEIR_TYPE(WEIR_UNKNOWN);
    type.multi = vec && type.kind == WEIR_STRING && (vec->form == WEIR_LIST || vec->items);
    return type;
}

static bool fits(const weir_row_filter *f, const bound *b, const weir_named_vecs *rows)
{
    for (uint32_t i = 0; i < f->columns.count; i++) {
        weir_type type = type_of(find(rows, f->columns.at[i]));
        if (!weir_type_eq(type, b->names.types[i]) || type.multi != b->names.types[i].multi) {
            return false;
        }
    }
    return true;
}

static bound *bind(weir_row_filter *f, const weir_named_vecs *rows, weir_error *err)
{
    uint32_t count = 0;
    for (bound *b = f->bounds; b; b = b->next, count++) {
        if (fits(f, b, rows)) {
            return b;
        }
    }
    if (count >= BOUND_MAX) {
        free_bounds(f);
    }
    bound *b = weir_calloc(1, sizeof(bound));
    b->arena = weir_arena_new();
    pthread_mutex_init(&b->lock, NULL);
    b->names = (weir_slots){.arena = b->arena, .lock = &b->lock};
    for (uint32_t i = 0; i < f->columns.count; i++) {
        weir_slots_add(&b->names, f->columns.at[i], type_of(find(rows, f->columns.at[i])));
    }
    b->next = f->bounds;
    f->bounds = b;
    b->pred = weir_pred_new(&b->names, f->filter, &f->budget, err);
    if (!b->pred) {
        f->bounds = b->next;
        pthread_mutex_destroy(&b->lock);
        weir_arena_free(b->arena);
        free(b);
        return NULL;
    }
    return b;
}

typedef struct reading {
    const weir_row_filter *filter;
    const weir_named_vecs *rows;
} reading;

static bool get(void *self, uint32_t slot, weir_vec *out, weir_error *err)
{
    const reading *r = self;
    const weir_vec *vec = find(r->rows, r->filter->columns.at[slot]);
    (void)err;
    *out = vec ? *vec : weir_vec_null(WEIR_TYPE(WEIR_STRING), r->rows->n);
    return true;
}

static bool run(weir_row_filter *f, const weir_named_vecs *rows, weir_scratch *s, weir_sel *out,
                weir_error *err)
{
    weir_sel all = weir_sel_all(rows->n);
    if (!f->filter || rows->n == 0) {
        *out = all;
        return true;
    }
    bound *b = bind(f, rows, err);
    if (!b) {
        return false;
    }
    weir_lane lane = {.options = &f->options, .block_rows = WEIR_BLOCK_ROWS, .scratch = *s};
    lane.run = (weir_run){.scratch = &lane.scratch, .ctl = &f->ctl, .err = &lane.err};
    bool ok = weir_pred_rows(b->pred, &lane, get, &(reading){f, rows}, rows->n, &all, out);
    *s = lane.scratch;
    if (!ok) {
        *err = lane.err;
    }
    return ok;
}

const weir_row_filter_ops *weir_query_row_filters(void)
{
    static const weir_row_filter_ops ops = {
        .parse = parse, .free = free_filter, .columns = columns, .run = run};
    return &ops;
}
