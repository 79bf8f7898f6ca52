#include "ref/ref_own.h"
#include "compute/json_text.h"
#include "query/buckets.h" /* weir_hull only */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

void ref_add(weir_arena *arena, ref_rows *rows, weir_value *row)
{
    if (rows->row_count == rows->row_capacity) {
        uint32_t capacity = rows->row_capacity ? rows->row_capacity * 2 : 64;
        weir_value **grown = WEIR_ARENA_ARRAY(arena, weir_value *, capacity);
        if (rows->row_count) {
            memcpy(grown, rows->rows, rows->row_count * sizeof(*grown));
        }
        rows->rows = grown;
        rows->row_capacity = capacity;
    }
    rows->rows[rows->row_count++] = row;
}

uint32_t ref_find(const ref_rows *rows, weir_str name)
{
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (weir_str_eq(rows->names[i], name)) {
            return i;
        }
    }
    return UINT32_MAX;
}

static bool is_list(const weir_value *v)
{
    return !v->is_null && v->type.kind == WEIR_ARRAY;
}

/* A literal of json as what it is; texts here have no escapes. */
static weir_value literal_of(weir_value v)
{
    if (v.is_null || v.type.kind != WEIR_COMPLEX || !v.type.complex ||
        strcmp(v.type.complex->name, "json") != 0) {
        return v;
    }
    switch (weir_json_kind_of(v.as.s)) {
    case WEIR_JSON_STRING:
        return weir_value_str((weir_str){v.as.s.at + 1, v.as.s.size - 2});
    case WEIR_JSON_LONG:
        return weir_value_long(weir_json_to_long(v.as.s));
    case WEIR_JSON_DOUBLE:
        return weir_value_double(weir_json_to_double(v.as.s));
    case WEIR_JSON_NULL:
    case WEIR_JSON_TRUE:
    case WEIR_JSON_FALSE:
    case WEIR_JSON_OBJECT:
    case WEIR_JSON_ARRAY:
        break;
    }
    return v;
}

/* One value as a vector of one row. */
static weir_vec vec_of(weir_scratch *s, const weir_value *v, weir_type type)
{
    if (type.kind == WEIR_ARRAY) {
        weir_vec array = weir_vec_const(s, v, 1);
        array.type = type;
        return array;
    }
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, 1);
    weir_vec vec = {.type = type, .form = WEIR_FLAT, .n = 1, .nulls = nulls};
    nulls[0] = v->is_null;
    if (is_list(v)) {
        uint32_t n = v->as.array.count, *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, 2);
        weir_str *items = WEIR_SCRATCH_ARRAY(s, weir_str, n + 1);
        uint64_t *item_nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
        weir_vec *of = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
        memset(item_nulls, 0, (weir_words(n) + 1) * 8);
        for (uint32_t i = 0; i < n; i++) {
            items[i] = v->as.array.at[i].as.s;
            if (v->as.array.at[i].is_null) {
                weir_bit_set(item_nulls, i);
            }
        }
        offsets[0] = 0;
        offsets[1] = n;
        *of = (weir_vec){.type = WEIR_TYPE(WEIR_STRING),
                         .form = WEIR_FLAT,
                         .n = n,
                         .nulls = item_nulls,
                         .at.s = items};
        vec.form = WEIR_LIST;
        vec.at.offsets = offsets;
        vec.items = of;
        return vec;
    }
    void *room = weir_scratch_take(s, 16);
    memset(room, 0, 16);
    vec.type.multi = false;
    vec.at.l = room;
    if (v->is_null) {
        return vec;
    }
    switch ((weir_kind)type.kind) {
    case WEIR_LONG:
        *(int64_t *)room = v->as.l;
        break;
    case WEIR_DOUBLE:
        *(double *)room = v->as.d;
        break;
    case WEIR_FLOAT:
        *(float *)room = (float)v->as.d;
        break;
    case WEIR_STRING:
    case WEIR_COMPLEX:
        *(weir_str *)room = v->as.s;
        break;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        nulls[0] = 1;
        break;
    }
    return vec;
}

/* The value of an expression in a row; *type is what it is typed as. */
bool ref_value_of(world *w, const ref_rows *rows, const weir_value *row, const weir_expr *expr,
                  weir_value *out, weir_type *type)
{
    if (expr->kind == WEIR_EXPR_COLUMN) {
        uint32_t c = ref_find(rows, expr->name);
        *out = c == UINT32_MAX || !row ? weir_value_null() : row[c];
        *type = c == UINT32_MAX ? WEIR_TYPE(WEIR_UNKNOWN) : rows->types[c];
        return true;
    }
    weir_scratch s = {0};
    weir_type *types = WEIR_SCRATCH_ARRAY(&s, weir_type, rows->column_count + 1);
    weir_vec *inputs = WEIR_SCRATCH_ARRAY(&s, weir_vec, rows->column_count + 1), vec;
    for (uint32_t c = 0; c < rows->column_count; c++) {
        types[c] = rows->types[c];
        types[c].multi = row && is_list(&row[c]) && types[c].kind == WEIR_STRING;
        inputs[c] = row ? vec_of(&s, &row[c], rows->types[c]) : (weir_vec){0};
        inputs[c].type = types[c];
    }
    weir_shape shape = {rows->column_count, rows->names, types};
    const weir_program *program = weir_program_new(w->arena, &expr, 1, &shape, 0, w->err);
    weir_run run = {.scratch = &s, .err = w->err};
    weir_sel all = weir_sel_all(1);
    bool ok = program != NULL;
    if (ok) {
        *type = weir_program_type(program, 0);
    }
    if (ok && row) {
        ok = weir_program_run(program, &run, inputs, &all, 1, &vec) &&
             weir_vec_value(&vec, 0, w->arena, out, w->err);
    }
    weir_scratch_done(&s);
    return ok;
}

weir_value ref_cast(world *w, weir_value v, weir_kind to)
{
    if (to == WEIR_COMPLEX || (to == WEIR_ARRAY && (v.is_null || is_list(&v)))) {
        return v;
    }
    v = literal_of(v);
    if (!is_list(&v)) {
        return v.type.kind == to ? v : weir_value_cast(w->arena, v, to);
    }
    weir_value *items = WEIR_ARENA_ARRAY(w->arena, weir_value, v.as.array.count + 1);
    for (uint32_t i = 0; i < v.as.array.count; i++) {
        items[i] = ref_cast(w, v.as.array.at[i], to);
    }
    v.as.array.at = items;
    return v;
}

/* Filters. */

static weir_verdict judge(const weir_leaf *leaf, const weir_value *value)
{
    char text[32];
    weir_value literal = literal_of(*value), *v = &literal;
    if (v->is_null) {
        return weir_type_is_number(v->type) ? leaf->null_number : leaf->null_verdict;
    }
    switch ((weir_kind)v->type.kind) {
    case WEIR_LONG:
        if (leaf->type->lng) {
            return leaf->type->lng(leaf, v->as.l);
        }
        return leaf->type->string(leaf, (weir_str){text, weir_print_long(text, v->as.l)});
    case WEIR_DOUBLE:
        if (leaf->type->dbl) {
            return leaf->type->dbl(leaf, v->as.d);
        }
        return leaf->type->string(leaf, (weir_str){text, weir_print_double(text, v->as.d)});
    case WEIR_FLOAT:
        if (leaf->type->flt) {
            return leaf->type->flt(leaf, (float)v->as.d);
        }
        return leaf->type->string(leaf, (weir_str){text, weir_print_float(text, (float)v->as.d)});
    case WEIR_STRING:
        return leaf->type->string(leaf, v->as.s);
    case WEIR_COMPLEX:
        return leaf->type->any_value ? leaf->type->string(leaf, v->as.s) : WEIR_V_FALSE;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        break;
    }
    return WEIR_V_UNKNOWN;
}

static weir_verdict judge_row(const weir_leaf *leaf, const weir_value *v)
{
    if (!is_list(v)) {
        return judge(leaf, v);
    }
    weir_verdict worst = WEIR_V_FALSE;
    if (v->as.array.count == 0) {
        return leaf->null_verdict;
    }
    for (uint32_t i = 0; i < v->as.array.count; i++) {
        weir_verdict one = judge(leaf, &v->as.array.at[i]);
        if (one == WEIR_V_TRUE) {
            return one;
        }
        worst = one == WEIR_V_UNKNOWN ? one : worst;
    }
    return worst;
}

/* An ARRAY, not a multi-value: judged whole, or true when an element is. */
static weir_verdict judge_array(const weir_leaf *leaf, const weir_value *v)
{
    weir_scratch s = {0};
    weir_vec row = weir_vec_const(&s, v, 1);
    weir_verdict verdict = WEIR_V_FALSE;
    if (leaf->type->any_value) {
        verdict = leaf->type->string(leaf, (weir_str){0});
    } else if (leaf->type->array) {
        verdict = leaf->type->array(leaf, row.items, row.at.offsets[0], row.at.offsets[1]);
    }
    for (uint32_t i = 0; leaf->type->null_element && i < v->as.array.count; i++) {
        const weir_value *item = &v->as.array.at[i];
        bool found =
            item->is_null ? leaf->type->null_element(leaf) : judge(leaf, item) == WEIR_V_TRUE;
        verdict = found ? WEIR_V_TRUE : verdict;
    }
    weir_scratch_done(&s);
    return verdict;
}

bool ref_passes(world *w, const ref_rows *rows, const weir_value *row, const weir_filter *filter,
                bool *out)
{
    weir_type type = {0};
    *out = filter->kind == WEIR_FILTER_TRUE || filter->kind == WEIR_FILTER_AND;
    if (filter->kind == WEIR_FILTER_LEAF) {
        weir_value v = weir_value_null();
        uint32_t c = filter->leaf.expr ? 0 : ref_find(rows, filter->leaf.column);
        if (filter->leaf.expr) {
            if (!ref_value_of(w, rows, row, filter->leaf.expr, &v, &type)) {
                return false;
            }
            v.type = v.is_null ? type : v.type;
        } else if (c != UINT32_MAX) {
            v = row[c];
            type = rows->types[c];
            v.type = v.is_null ? type : v.type;
        }
        bool array = is_list(&v) && type.kind == WEIR_ARRAY && !type.multi;
        weir_verdict verdict =
            array ? judge_array(&filter->leaf, &v) : judge_row(&filter->leaf, &v);
        *out = verdict == (filter->negated ? WEIR_V_FALSE : WEIR_V_TRUE);
        return true;
    }
    for (uint32_t i = 0; i < filter->child_count; i++) {
        bool one;
        if (!ref_passes(w, rows, row, filter->children[i], &one)) {
            return false;
        }
        *out = filter->kind == WEIR_FILTER_AND    ? *out && one
               : filter->kind == WEIR_FILTER_REST ? !one
                                                  : *out || one;
    }
    return true;
}

/* ROWS. */

static bool in_time(const weir_node_rows *node, int64_t ms)
{
    for (uint32_t i = 0; i < node->interval_count; i++) {
        if (ms >= node->intervals[i].start_ms && ms < node->intervals[i].end_ms) {
            return true;
        }
    }
    return false;
}

static int by_time(const void *a, const void *b)
{
    const weir_value *x = *(weir_value *const *)a, *y = *(weir_value *const *)b;
    return weir_long_cmp(x[0].as.l, y[0].as.l);
}

/* All rows of the node's source, with __time as column 0 and virtual columns after the real ones.
 */
bool ref_source_rows(world *w, const weir_node_rows *node, ref_rows *out)
{
    ref_rows all = {0};
    bool streams = node->child && weir_node_streams(node->child);
    if (node->given && !ref_given(w, node->given, &all)) {
        return false;
    }
    if (node->child && !(streams ? ref_wide : ref_eval)(w, node->child, &all)) {
        return false;
    }
    for (uint32_t t = 0; t < node->table_count; t++) {
        for (uint32_t i = 0; i < w->table_count; i++) {
            const ref_table *table = &w->tables[i];
            if (weir_str_eq(table->name, node->tables[t])) {
                uint32_t count = all.row_count;
                weir_value **rows = all.rows;
                all = table->rows; /* tables of a union have the same columns here */
                all.row_capacity = all.row_count = 0;
                all.rows = NULL;
                for (uint32_t r = 0; r < count; r++) {
                    ref_add(w->arena, &all, rows[r]);
                }
                for (uint32_t r = 0; r < table->rows.row_count; r++) {
                    ref_add(w->arena, &all, table->rows.rows[r]);
                }
            }
        }
    }
    uint32_t time = ref_find(&all, WEIR_STR("__time")), base = all.column_count + 1;
    out->column_count = base + node->virtual_count;
    out->names = WEIR_ARENA_ARRAY(w->arena, weir_str, out->column_count);
    out->types = WEIR_ARENA_ARRAY(w->arena, weir_type, out->column_count);
    out->names[0] = WEIR_STR("__time");
    out->types[0] = WEIR_TYPE(WEIR_LONG);
    for (uint32_t c = 0; c < all.column_count; c++) {
        out->names[c + 1] = all.names[c];
        out->types[c + 1] = all.types[c];
    }
    for (uint32_t v = 0; v < node->virtual_count; v++) { /* over real columns only, here */
        weir_value none;
        if (!ref_value_of(w, &all, NULL, node->virtuals[v].expr, &none, &out->types[base + v])) {
            return false;
        }
        if (node->virtuals[v].type.kind != WEIR_UNKNOWN) {
            out->types[base + v] = node->virtuals[v].type;
        }
    }
    for (uint32_t r = 0; r < all.row_count; r++) {
        weir_value *row = WEIR_ARENA_ARRAY(w->arena, weir_value, out->column_count);
        row[0] = time == UINT32_MAX ? weir_value_long(0) : all.rows[r][time];
        if (!streams && !in_time(node, row[0].as.l)) { /* else below */
            continue;
        }
        memcpy(row + 1, all.rows[r], all.column_count * sizeof(*row));
        for (uint32_t v = 0; v < node->virtual_count; v++) {
            weir_type type;
            if (!ref_value_of(w, &all, all.rows[r], node->virtuals[v].expr, &row[base + v],
                              &type)) {
                return false;
            }
            row[base + v] = ref_cast(w, row[base + v], out->types[base + v].kind);
        }
        ref_add(w->arena, out, row);
    }
    for (uint32_t v = 0; v < node->virtual_count;
         v++) { /* shadows: the real column loses its name */
        for (uint32_t c = 0; c < base; c++) {
            if (weir_str_eq(out->names[c], node->virtuals[v].name)) {
                out->names[c] = WEIR_STR("");
            }
        }
        out->names[base + v] = node->virtuals[v].name;
    }
    ref_rows kept = *out;
    kept.rows = NULL;
    kept.row_count = kept.row_capacity = 0;
    for (uint32_t r = 0; r < out->row_count; r++) {
        bool pass = true;
        if (node->filter && !ref_passes(w, out, out->rows[r], node->filter, &pass)) {
            return false;
        }
        if (pass) {
            ref_add(w->arena, &kept, out->rows[r]);
        }
    }
    *out = kept;
    return true;
}

static bool eval_rows(world *w, const weir_node *node, ref_rows *out)
{
    const weir_node_rows *rows = &node->as.rows;
    ref_rows all = {0};
    if (!ref_source_rows(w, rows, &all)) {
        return false;
    }
    if (rows->order != WEIR_ORDER_NONE) {
        qsort(all.rows, all.row_count, sizeof(*all.rows), by_time);
    }
    out->column_count = rows->column_count;
    out->names = WEIR_ARENA_ARRAY(w->arena, weir_str, rows->column_count + 1);
    out->types = WEIR_ARENA_ARRAY(w->arena, weir_type, rows->column_count + 1);
    for (uint32_t c = 0; c < rows->column_count; c++) {
        uint32_t from = ref_find(&all, rows->columns[c]);
        out->names[c] = rows->columns[c];
        out->types[c] = from == UINT32_MAX ? WEIR_TYPE(WEIR_UNKNOWN) : all.types[from];
    }
    for (uint32_t r = 0; r < all.row_count; r++) {
        bool desc = rows->order == WEIR_ORDER_TIME_DESC;
        weir_value *from = all.rows[desc ? all.row_count - 1 - r : r];
        weir_value *row = WEIR_ARENA_ARRAY(w->arena, weir_value, rows->column_count + 1);
        for (uint32_t c = 0; c < rows->column_count; c++) {
            uint32_t at = ref_find(&all, rows->columns[c]);
            row[c] = at == UINT32_MAX ? weir_value_null() : from[at];
        }
        ref_add(w->arena, out, row);
    }
    return true;
}

/* AGG. */

typedef struct group {
    int64_t bucket;
    weir_value *keys;
    uint64_t set;
    uint8_t *states;
} group;

typedef struct grouping {
    world *w;
    const weir_node_agg *node;
    ref_rows in;
    weir_agg_bound *bound;
    uint32_t *offset, stride;
    weir_heap *heap;
    group *groups;
    uint32_t count, capacity;
    weir_type *key_types;
} grouping;

static bool same_key(const weir_value *a, const weir_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null && b->is_null;
    }
    return weir_value_cmp(a, b, NULL) == 0;
}

static group *find_group(grouping *g, int64_t bucket, const weir_value *keys)
{
    uint32_t n = g->node->key_count;
    for (uint32_t i = 0; i < g->count; i++) {
        bool same = g->groups[i].bucket == bucket;
        for (uint32_t k = 0; same && k < n; k++) {
            same = same_key(&g->groups[i].keys[k], &keys[k]);
        }
        if (same) {
            return &g->groups[i];
        }
    }
    if (g->count == g->capacity) {
        g->capacity = g->capacity ? g->capacity * 2 : 64;
        group *grown = WEIR_ARENA_ARRAY(g->w->arena, group, g->capacity);
        if (g->count) {
            memcpy(grown, g->groups, g->count * sizeof(*grown));
        }
        g->groups = grown;
    }
    group *made = &g->groups[g->count++];
    made->bucket = bucket;
    made->keys = WEIR_ARENA_ARRAY(g->w->arena, weir_value, n + 1);
    if (n) {
        memcpy(made->keys, keys, n * sizeof(*keys));
    }
    made->states = WEIR_ARENA_ARRAY(g->w->arena, uint8_t, g->stride + 8);
    for (uint32_t a = 0; a < g->node->agg_count; a++) {
        g->bound[a].agg->init(&g->bound[a], made->states + g->offset[a]);
    }
    return made;
}

static bool add_row(grouping *g, const weir_value *row, group *to)
{
    world *w = g->w;
    weir_scratch s = {0};
    bool ok = true;
    for (uint32_t a = 0; ok && a < g->node->agg_count; a++) {
        const weir_agg_use *use = &g->node->aggs[a];
        const weir_agg_bound *b = &g->bound[a];
        bool pass = true;
        ok = !use->filter || ref_passes(w, &g->in, row, use->filter, &pass);
        weir_vec *args = WEIR_SCRATCH_ARRAY(&s, weir_vec, b->arg_count + 1);
        weir_vec *taken = WEIR_SCRATCH_ARRAY(&s, weir_vec, b->arg_count + 1);
        for (uint32_t k = 0; ok && k < b->arg_count; k++) {
            weir_value v;
            weir_type type;
            ok = ref_value_of(w, &g->in, row, use->spec.args[k], &v, &type);
            args[k] = ok ? vec_of(&s, &v, b->arg_types[k]) : (weir_vec){0};
        }
        ok = ok && weir_agg_args(b, args, &s, taken, w->err);
        if (ok && pass) {
            weir_sel all = weir_sel_all(1);
            b->agg->add_one(b, g->heap, to->states + g->offset[a], taken, &all, &s);
        }
    }
    weir_scratch_done(&s);
    return ok;
}

/* The values that key k of a row stands for. */
static bool elements(grouping *g, const weir_value *row, uint32_t k, weir_value **out, uint32_t *n)
{
    world *w = g->w;
    const weir_key *key = &g->node->keys[k];
    weir_value v;
    weir_type type;
    if (!ref_value_of(w, &g->in, row, key->expr, &v, &type)) {
        return false;
    }
    v = ref_cast(w, v, g->key_types[k].kind);
    bool list = is_list(&v);
    uint32_t count = list ? v.as.array.count : 1;
    *out = WEIR_ARENA_ARRAY(w->arena, weir_value, count + 1);
    *n = 0;
    for (uint32_t i = 0; i < count; i++) {
        weir_value one = list ? v.as.array.at[i] : v;
        bool pass = true;
        if (key->list_filter) {
            weir_str name = key->name;
            weir_type string = WEIR_TYPE(WEIR_STRING);
            ref_rows alone = {.column_count = 1, .names = &name, .types = &string};
            if (!ref_passes(w, &alone, &one, key->list_filter, &pass)) {
                return false;
            }
        }
        if (pass) {
            (*out)[(*n)++] = one;
        }
    }
    if (*n == 0 && !g->node->skip_empty_lists) {
        (*out)[(*n)++] = (weir_value){.type = g->key_types[k], .is_null = true};
    }
    return true;
}

static bool group_row(grouping *g, const weir_value *row, int64_t bucket, weir_value *keys,
                      uint32_t k)
{
    if (k == g->node->key_count) {
        return add_row(g, row, find_group(g, bucket, keys));
    }
    weir_value *values;
    uint32_t n;
    if (!elements(g, row, k, &values, &n)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        keys[k] = values[i];
        if (!group_row(g, row, bucket, keys, k + 1)) {
            return false;
        }
    }
    return true;
}

static uint32_t hulls_of(world *w, const weir_node_rows *node, weir_hull *out, uint32_t capacity)
{
    uint32_t count = 0;
    for (uint32_t t = 0; t < w->table_count; t++) {
        const ref_table *table = &w->tables[t];
        bool asked = ref_reads_table(node, table->name);
        uint32_t time = ref_find(&table->rows, WEIR_STR("__time"));
        for (uint32_t r = 0; asked && r < table->rows.row_count; r++) {
            int64_t ms = table->rows.rows[r][time].as.l;
            int64_t bucket = weir_granularity_floor(&table->segment_granularity, ms);
            uint32_t h = 0;
            while (h < count && out[h].bucket != bucket) {
                h++;
            }
            if (h == count) {
                assert(count < capacity);
                out[count++] = (weir_hull){bucket, ms, ms};
            }
            out[h].min = ms < out[h].min ? ms : out[h].min;
            out[h].max = ms > out[h].max ? ms : out[h].max;
        }
    }
    return count;
}

static int64_t all_stamp(world *w, const weir_node_agg *node)
{
    if (node->child->kind != WEIR_NODE_ROWS || node->child->as.rows.interval_count == 0) {
        return 0;
    }
    const weir_node_rows *rows = &node->child->as.rows;
    weir_hull hulls[4096];
    uint32_t count = node->shape == WEIR_SHAPE_GROUPBY ? 0 : hulls_of(w, rows, hulls, 4096);
    int64_t best = INT64_MAX;
    for (uint32_t i = 0; i < rows->interval_count; i++) {
        for (uint32_t h = 0; h < count; h++) {
            const weir_interval *in = &rows->intervals[i];
            if (hulls[h].max >= in->start_ms && hulls[h].min < in->end_ms) {
                int64_t at = hulls[h].min > in->start_ms ? hulls[h].min : in->start_ms;
                best = at < best ? at : best;
            }
        }
    }
    return best == INT64_MAX ? rows->intervals[0].start_ms : best;
}

static void fill_buckets(grouping *g)
{
    const weir_node_rows *rows = &g->node->child->as.rows;
    weir_hull hulls[4096];
    uint32_t count = hulls_of(g->w, rows, hulls, 4096);
    for (uint32_t h = 0; h < count; h++) {
        for (uint32_t i = 0; i < rows->interval_count; i++) {
            const weir_interval *in = &rows->intervals[i];
            int64_t lo = hulls[h].min > in->start_ms ? hulls[h].min : in->start_ms;
            int64_t hi = hulls[h].max < in->end_ms ? hulls[h].max : in->end_ms - 1;
            if (lo > hi) {
                continue;
            }
            for (int64_t b = weir_granularity_floor(&g->node->bucket, lo); b <= hi;
                 b = weir_granularity_next(&g->node->bucket, b)) {
                find_group(g, b, NULL);
            }
        }
    }
}

static int by_bucket(const void *a, const void *b)
{
    return weir_long_cmp(((const group *)a)->bucket, ((const group *)b)->bucket);
}

/* A coarser set from the finest groups. */
static void make_sets(grouping *g)
{
    grouping coarse = *g;
    uint32_t total = 0;
    group *all = WEIR_ARENA_ARRAY(g->w->arena, group, (size_t)g->count * g->node->set_count + 1);
    for (uint32_t s = 0; s < g->node->set_count; s++) {
        coarse.groups = NULL;
        coarse.count = coarse.capacity = 0;
        for (uint32_t i = 0; i < g->count; i++) {
            weir_value keys[64];
            for (uint32_t k = 0; k < g->node->key_count; k++) {
                keys[k] = g->node->sets[s] >> k & 1
                              ? g->groups[i].keys[k]
                              : (weir_value){.type = g->key_types[k], .is_null = true};
            }
            group *to = find_group(&coarse, g->groups[i].bucket, keys);
            for (uint32_t a = 0; a < g->node->agg_count; a++) {
                const weir_agg_bound *b = &g->bound[a];
                b->agg->merge(b, g->heap, to->states + g->offset[a], g->heap,
                              g->groups[i].states + g->offset[a]);
            }
        }
        for (uint32_t i = 0; i < coarse.count; i++) {
            all[total] = coarse.groups[i];
            all[total++].set = s;
        }
    }
    g->groups = all;
    g->count = total;
}

static bool emit(grouping *g, ref_rows *out)
{
    world *w = g->w;
    const weir_node_agg *node = g->node;
    weir_scratch s = {0};
    bool ok = true;
    int64_t stamp = node->bucket.kind == WEIR_GRAN_ALL ? all_stamp(w, node) : 0;
    for (uint32_t i = 0; ok && i < g->count; i++) {
        const group *from = &g->groups[node->descending && !node->key_count ? g->count - 1 - i : i];
        weir_value *row = WEIR_ARENA_ARRAY(w->arena, weir_value, out->column_count + 1);
        uint32_t at = 0;
        row[at++] = weir_value_long(node->bucket.kind == WEIR_GRAN_ALL ? stamp : from->bucket);
        for (uint32_t k = 0; k < node->key_count; k++) {
            row[at++] = from->keys[k];
        }
        for (uint32_t a = 0; ok && a < node->agg_count; a++) {
            weir_vec vec;
            g->bound[a].agg->finish(&g->bound[a], g->heap, from->states + g->offset[a], g->stride,
                                    1, true, &s, &vec);
            ok = weir_vec_value(&vec, 0, w->arena, &row[at++], w->err);
        }
        for (uint32_t a = 0; ok && a < node->agg_count; a++) {
            weir_vec vec;
            if (node->aggs[a].raw_name.at) {
                g->bound[a].agg->finish(&g->bound[a], g->heap, from->states + g->offset[a],
                                        g->stride, 1, false, &s, &vec);
                ok = weir_vec_value(&vec, 0, w->arena, &row[at++], w->err);
            }
        }
        if (node->set_count) {
            row[at++] = weir_value_long((int64_t)from->set);
        }
        ref_add(w->arena, out, row);
    }
    weir_scratch_done(&s);
    return ok;
}

static bool eval_agg(world *w, const weir_node *plan_node, ref_rows *out)
{
    const weir_node_agg *node = &plan_node->as.agg;
    grouping g = {.w = w, .node = node};
    bool over_rows = node->child->kind == WEIR_NODE_ROWS;
    if (!(over_rows ? ref_source_rows(w, &node->child->as.rows, &g.in)
                    : ref_eval(w, node->child, &g.in))) {
        return false;
    }
    g.bound = WEIR_ARENA_ARRAY(w->arena, weir_agg_bound, node->agg_count + 1);
    g.offset = WEIR_ARENA_ARRAY(w->arena, uint32_t, node->agg_count + 1);
    g.key_types = WEIR_ARENA_ARRAY(w->arena, weir_type, node->key_count + 1);
    *out = (ref_rows){.column_count = weir_node_agg_outputs(node)};
    out->names = WEIR_ARENA_ARRAY(w->arena, weir_str, out->column_count);
    out->types = WEIR_ARENA_ARRAY(w->arena, weir_type, out->column_count);
    out->names[0] = WEIR_STR("__bucket");
    out->types[0] = WEIR_TYPE(WEIR_LONG);
    weir_value none;
    for (uint32_t k = 0; k < node->key_count; k++) {
        if (!ref_value_of(w, &g.in, g.in.row_count ? g.in.rows[0] : NULL, node->keys[k].expr, &none,
                          &g.key_types[k])) {
            return false;
        }
        if (node->keys[k].type.kind != WEIR_UNKNOWN) {
            g.key_types[k] = node->keys[k].type;
        }
        g.key_types[k] =
            g.key_types[k].kind == WEIR_UNKNOWN ? WEIR_TYPE(WEIR_STRING) : g.key_types[k];
        g.key_types[k].multi = false;
        out->names[1 + k] = node->keys[k].name;
        out->types[1 + k] = g.key_types[k];
    }
    for (uint32_t a = 0; a < node->agg_count; a++) {
        const weir_agg_spec *spec = &node->aggs[a].spec;
        weir_type *types = WEIR_ARENA_ARRAY(w->arena, weir_type, spec->arg_count + 1);
        for (uint32_t k = 0; k < spec->arg_count; k++) {
            if (!ref_value_of(w, &g.in, g.in.row_count ? g.in.rows[0] : NULL, spec->args[k], &none,
                              &types[k])) {
                return false;
            }
        }
        if (!weir_agg_bind(spec, types, w->arena, &g.bound[a], w->err)) {
            return false;
        }
        g.offset[a] = g.stride;
        g.stride += g.bound[a].state_size;
        out->names[1 + node->key_count + a] = spec->name;
        out->types[1 + node->key_count + a] = g.bound[a].out_type;
    }
    for (uint32_t a = 0, at = 1 + node->key_count + node->agg_count; a < node->agg_count; a++) {
        if (node->aggs[a].raw_name.at) {
            out->names[at] = node->aggs[a].raw_name;
            out->types[at++] = g.bound[a].raw_type;
        }
    }
    if (node->set_count) {
        out->names[out->column_count - 1] = WEIR_STR("__set");
        out->types[out->column_count - 1] = WEIR_TYPE(WEIR_LONG);
    }
    g.heap = weir_heap_new(NULL);
    bool ok = true;
    for (uint32_t r = 0; ok && r < g.in.row_count; r++) {
        weir_value keys[64];
        int64_t bucket = node->bucket.kind == WEIR_GRAN_ALL
                             ? 0
                             : weir_granularity_floor(&node->bucket, g.in.rows[r][0].as.l);
        ok = group_row(&g, g.in.rows[r], bucket, keys, 0);
    }
    if (ok && node->fill && node->key_count == 0 && node->bucket.kind != WEIR_GRAN_ALL) {
        fill_buckets(&g);
    }
    if (ok && node->empty_row && g.count == 0 && node->key_count == 0) {
        find_group(&g, 0, NULL);
    }
    if (node->key_count == 0 && g.count) {
        qsort(g.groups, g.count, sizeof(*g.groups), by_bucket);
    }
    if (node->set_count) {
        make_sets(&g);
    }
    ok = ok && emit(&g, out);
    weir_heap_free(g.heap);
    return ok;
}

/* The rest. */

static int compare_rows(const void *a, const void *b, void *self)
{
    const weir_node_sort *node = self;
    const weir_value *x = *(weir_value *const *)a, *y = *(weir_value *const *)b;
    if (node->per_bucket && x[0].as.l != y[0].as.l) {
        return weir_long_cmp(x[0].as.l, y[0].as.l);
    }
    for (uint32_t k = 0; k < node->key_count; k++) {
        const weir_sort_key *key = &node->keys[k];
        const weir_value *v = &x[key->column], *u = &y[key->column];
        int order;
        if (v->is_null || u->is_null) {
            order = v->is_null - u->is_null;
            order = key->nulls_last ? order : -order;
        } else {
            order = weir_value_cmp(v, u, key->ordering);
            order = key->descending ? -order : order;
        }
        if (order) {
            return order;
        }
    }
    return 0;
}

static bool eval_sort(world *w, const weir_node *plan_node, ref_rows *out)
{
    const weir_node_sort *node = &plan_node->as.sort;
    ref_rows in = {0};
    if (!ref_eval(w, node->child, &in)) {
        return false;
    }
    if (node->key_count && in.row_count) {
        qsort_r(in.rows, in.row_count, sizeof(*in.rows), compare_rows, (void *)node);
    }
    *out = in;
    out->rows = NULL;
    out->row_count = out->row_capacity = 0;
    int64_t at = 0;
    for (uint32_t r = 0; r < in.row_count; r++) {
        if (node->per_bucket && r && in.rows[r][0].as.l != in.rows[r - 1][0].as.l) {
            at = 0;
        }
        if (at >= node->offset && (node->limit < 0 || at - node->offset < node->limit)) {
            ref_add(w->arena, out, in.rows[r]);
        }
        at++;
    }
    return true;
}

static bool eval_filter(world *w, const weir_node *plan_node, ref_rows *out)
{
    ref_rows in = {0};
    if (!ref_eval(w, plan_node->as.filter.child, &in)) {
        return false;
    }
    *out = in;
    out->rows = NULL;
    out->row_count = out->row_capacity = 0;
    for (uint32_t r = 0; r < in.row_count; r++) {
        bool pass = true;
        if (plan_node->as.filter.filter &&
            !ref_passes(w, &in, in.rows[r], plan_node->as.filter.filter, &pass)) {
            return false;
        }
        if (pass) {
            ref_add(w->arena, out, in.rows[r]);
        }
    }
    return true;
}

static bool eval_project(world *w, const weir_node *plan_node, ref_rows *out)
{
    const weir_node_project *node = &plan_node->as.project;
    ref_rows in = {0};
    if (!ref_eval(w, node->child, &in)) {
        return false;
    }
    *out = (ref_rows){.column_count = node->count};
    out->names = WEIR_ARENA_ARRAY(w->arena, weir_str, node->count + 1);
    out->types = WEIR_ARENA_ARRAY(w->arena, weir_type, node->count + 1);
    weir_value none;
    for (uint32_t c = 0; c < node->count; c++) {
        out->names[c] = node->names[c];
        if (!ref_value_of(w, &in, in.row_count ? in.rows[0] : NULL, node->exprs[c], &none,
                          &out->types[c])) {
            return false;
        }
    }
    for (uint32_t r = 0; r < in.row_count; r++) {
        weir_value *row = WEIR_ARENA_ARRAY(w->arena, weir_value, node->count + 1);
        for (uint32_t c = 0; c < node->count; c++) {
            weir_type type;
            if (!ref_value_of(w, &in, in.rows[r], node->exprs[c], &row[c], &type)) {
                return false;
            }
        }
        ref_add(w->arena, out, row);
    }
    return true;
}

bool ref_eval(world *w, const weir_node *node, ref_rows *out)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        return eval_rows(w, node, out);
    case WEIR_NODE_FILTER:
        return eval_filter(w, node, out);
    case WEIR_NODE_PROJECT:
        return eval_project(w, node, out);
    case WEIR_NODE_AGG:
        return eval_agg(w, node, out);
    case WEIR_NODE_SORT:
        return eval_sort(w, node, out);
    case WEIR_NODE_UNION:
        for (uint32_t c = 0; c < node->as.merge.child_count; c++) {
            ref_rows part = {0};
            if (!ref_eval(w, node->as.merge.children[c], &part)) {
                return false;
            }
            if (c == 0) {
                *out = part;
                continue;
            }
            for (uint32_t r = 0; r < part.row_count; r++) {
                ref_add(w->arena, out, part.rows[r]);
            }
        }
        return true;
    case WEIR_NODE_JOIN:
    case WEIR_NODE_UNNEST:
        return ref_wide(w, node, out);
    case WEIR_NODE_WINDOW:
        break;
    }
    return weir_fail(w->err, WEIR_ERR_UNSUPPORTED, "the twin knows no such node");
}

bool ref_run(weir_arena *arena, const weir_node *root, const ref_table *tables,
             uint32_t table_count, ref_rows *out, weir_error *err)
{
    world w = {arena, tables, table_count, err};
    *out = (ref_rows){0};
    return ref_eval(&w, root, out);
}

/* Comparing. */

static weir_value alone(const weir_value *v)
{
    return is_list(v) && v->as.array.count == 1 ? v->as.array.at[0] : *v;
}

bool ref_same(const weir_value *x, const weir_value *y)
{
    weir_value a = literal_of(alone(x)), b = literal_of(alone(y));
    if (a.is_null || b.is_null) {
        return a.is_null && b.is_null;
    }
    if (is_list(&a) && is_list(&b)) {
        bool same = a.as.array.count == b.as.array.count;
        for (uint32_t i = 0; same && i < a.as.array.count; i++) {
            same = ref_same(&a.as.array.at[i], &b.as.array.at[i]);
        }
        return same;
    }
    bool doubles = a.type.kind == WEIR_DOUBLE || a.type.kind == WEIR_FLOAT;
    if (doubles && (b.type.kind == WEIR_DOUBLE || b.type.kind == WEIR_FLOAT)) {
        if (a.as.d != a.as.d || b.as.d != b.as.d) {
            return a.as.d != a.as.d && b.as.d != b.as.d;
        }
        return a.as.d == b.as.d ||
               fabs(a.as.d - b.as.d) <= 1e-9 * fmax(fabs(a.as.d), fabs(b.as.d)) ||
               fabs(a.as.d - b.as.d) < 1e-9;
    }
    return a.type.kind == b.type.kind && weir_value_cmp(&a, &b, NULL) == 0;
}

int ref_compare(const weir_value *x, const weir_value *y)
{
    weir_value a = literal_of(alone(x)), b = literal_of(alone(y));
    return weir_value_cmp(&a, &b, NULL);
}

void ref_print(const weir_value *v, weir_buf *out)
{
    char text[32];
    if (v->is_null) {
        weir_buf_text(out, "null");
    } else if (is_list(v)) {
        weir_buf_text(out, "[");
        for (uint32_t i = 0; i < v->as.array.count; i++) {
            weir_buf_text(out, i ? "," : "");
            ref_print(&v->as.array.at[i], out);
        }
        weir_buf_text(out, "]");
    } else if (v->type.kind == WEIR_LONG) {
        weir_buf_printf(out, "%lld", (long long)v->as.l);
    } else if (weir_type_is_number(v->type)) {
        weir_buf_put(out, text, weir_print_double(text, v->as.d));
    } else {
        weir_buf_printf(out, "\"%.*s\"", WEIR_STR_ARG(v->as.s));
    }
}
