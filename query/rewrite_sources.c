/* query/rewrite_sources.c - what a join, an unnest or a union is asked for. Conjuncts of the filter
 * over one move below it where that cannot change the answer, so that a join over a large table
 * prunes chunks as a plain scan does: below a join to the left side unless the right side's rows
 * must all come out (RIGHT, FULL), to the right side of an INNER one; below an unnest when it does
 * not read the element; below a union always. Virtual columns that a conjunct reads go along. Then
 * names go down: outputs are by demand, as no node here knows what a table's columns are. */
#include "query/rewrite.h"
#include "query/filter_types.h"
#include "weir/buf.h"
#include <assert.h>

typedef struct name_set {
    weir_arena *arena;
    uint32_t count, capacity;
    weir_str *at;
} name_set;

static bool has(const weir_str *names, uint32_t count, weir_str name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (weir_str_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static void see(void *self, weir_str name)
{
    name_set *set = self;
    if (has(set->at, set->count, name)) {
        return;
    }
    if (set->count == set->capacity) {
        set->capacity = set->capacity ? set->capacity * 2 : 16;
        weir_str *grown = WEIR_ARENA_ARRAY(set->arena, weir_str, set->capacity);
        if (set->count) {
            memcpy(grown, set->at, set->count * sizeof(*grown));
        }
        set->at = grown;
    }
    set->at[set->count++] = name;
}

static const weir_virtual *find_virtual(const weir_node_rows *rows, weir_str name)
{
    for (uint32_t i = 0; i < rows->virtual_count; i++) {
        if (weir_str_eq(rows->virtuals[i].name, name)) {
            return &rows->virtuals[i];
        }
    }
    return NULL;
}

/* Virtual columns become the columns that they read; in its own expression a virtual's name is the
 * real column. */
static name_set without_virtuals(weir_arena *arena, const weir_node_rows *rows,
                                 const name_set *names)
{
    name_set real = {.arena = arena}, met = {.arena = arena};
    for (uint32_t i = 0; i < names->count; i++) {
        see(&met, names->at[i]);
    }
    for (uint32_t i = 0; i < met.count; i++) { /* grows while it is read */
        const weir_virtual *v = find_virtual(rows, met.at[i]);
        if (!v) {
            see(&real, met.at[i]);
            continue;
        }
        name_set own = {.arena = arena};
        weir_expr_columns(v->expr, see, &own);
        for (uint32_t k = 0; k < own.count; k++) {
            see(weir_str_eq(own.at[k], v->name) ? &real : &met, own.at[k]);
        }
    }
    return real;
}

/* Filters. */

static weir_filter *both(weir_arena *arena, weir_filter *a, weir_filter *b)
{
    weir_filter *pair[] = {a, b};
    return a ? weir_filter_normal(arena, weir_filter_and(arena, pair, 2)) : b;
}

static bool same_filter(const weir_filter *a, const weir_filter *b)
{
    weir_buf x = {0}, y = {0};
    weir_filter_print(a, &x);
    weir_filter_print(b, &y);
    bool same = weir_str_eq(weir_buf_view(&x), weir_buf_view(&y));
    weir_buf_done(&x);
    weir_buf_done(&y);
    return same;
}

/* Parts of a plan that share what is below them (search) move the same conjunct to it. */
static bool has_conjunct(const weir_filter *filter, const weir_filter *conjunct)
{
    if (!filter || same_filter(filter, conjunct)) {
        return filter != NULL;
    }
    for (uint32_t i = 0; filter->kind == WEIR_FILTER_AND && i < filter->child_count; i++) {
        if (same_filter(filter->children[i], conjunct)) {
            return true;
        }
    }
    return false;
}

static weir_node *rows_over(weir_arena *arena, weir_node *child)
{
    weir_node *node = weir_node_new(arena, WEIR_NODE_ROWS);
    node->as.rows.child = child;
    node->as.rows.interval_count = 1;
    node->as.rows.intervals = &weir_interval_eternity;
    return node;
}

/* Whether rows can take virtual columns of `from` that these names need: not when their own filter
 * means a real column by such a name. */
static bool can_take(weir_arena *arena, const weir_node_rows *rows, const name_set *names,
                     const weir_node_rows *from)
{
    name_set all = {.arena = arena}, own = {.arena = arena};
    for (uint32_t i = 0; i < names->count; i++) {
        see(&all, names->at[i]);
    }
    weir_filter_columns(rows->filter, see, &own);
    for (uint32_t i = 0; i < all.count; i++) { /* grows while it is read */
        const weir_virtual *v = find_virtual(from, all.at[i]);
        if (v && !find_virtual(rows, v->name)) {
            if (has(own.at, own.count, v->name)) {
                return false;
            }
            weir_expr_columns(v->expr, see, &all);
        }
    }
    return true;
}

/* The conjunct, with the virtual columns of `from` that it reads, onto the rows of *node. */
static void put_filter(weir_arena *arena, weir_node **node, weir_filter *conjunct,
                       const weir_node_rows *from)
{
    name_set names = {.arena = arena};
    weir_filter_columns(conjunct, see, &names);
    if ((*node)->kind != WEIR_NODE_ROWS || !can_take(arena, &(*node)->as.rows, &names, from)) {
        *node = rows_over(arena, *node);
    }
    weir_node_rows *rows = &(*node)->as.rows;
    for (uint32_t i = 0; i < names.count; i++) {
        const weir_virtual *v = find_virtual(from, names.at[i]);
        if (!v || find_virtual(rows, v->name)) {
            continue;
        }
        weir_expr_columns(v->expr, see, &names);
        weir_virtual *virtuals = WEIR_ARENA_ARRAY(arena, weir_virtual, rows->virtual_count + 1);
        if (rows->virtual_count) {
            memcpy(virtuals, rows->virtuals, rows->virtual_count * sizeof(*virtuals));
        }
        virtuals[rows->virtual_count++] = *v;
        rows->virtuals = virtuals;
    }
    if (!has_conjunct(rows->filter, conjunct)) {
        rows->filter = both(arena, rows->filter, conjunct);
    }
}

/* Whether a virtual column that the conjunct reads has the name of something that is read below,
 * where it would hide it. */
static bool hides(weir_arena *arena, const weir_filter *conjunct, const weir_node_rows *rows,
                  const name_set *below)
{
    name_set names = {.arena = arena};
    weir_filter_columns(conjunct, see, &names);
    for (uint32_t i = 0; i < names.count; i++) { /* virtuals of virtuals too */
        const weir_virtual *v = find_virtual(rows, names.at[i]);
        if (v) {
            name_set own = {.arena = arena};
            weir_expr_columns(v->expr, see, &own);
            if (has(own.at, own.count, v->name) || has(below->at, below->count, v->name)) {
                return true;
            }
            weir_expr_columns(v->expr, see, &names);
        }
    }
    return false;
}

/* A copy whose leaves read the right's own names; NULL: it reads expressions. */
static weir_filter *stripped_filter(weir_arena *arena, const weir_node_join *join,
                                    const weir_filter *filter)
{
    weir_filter *copy = WEIR_ARENA_NEW(arena, weir_filter);
    *copy = *filter;
    if (filter->kind == WEIR_FILTER_LEAF) {
        bool plain =
            !filter->leaf.expr && weir_join_is_right(join, filter->leaf.column, &copy->leaf.column);
        return plain ? copy : NULL;
    }
    weir_filter **children = WEIR_ARENA_ARRAY(arena, weir_filter *, filter->child_count + 1);
    for (uint32_t i = 0; i < filter->child_count; i++) {
        children[i] = stripped_filter(arena, join, filter->children[i]);
        if (!children[i]) {
            return NULL;
        }
    }
    copy->children = children;
    return copy;
}

static bool into_join(weir_arena *arena, weir_node_join *join, weir_filter *conjunct,
                      const weir_node_rows *rows, const name_set *reads)
{
    uint32_t right_count = 0;
    weir_str stripped;
    for (uint32_t i = 0; i < reads->count; i++) {
        right_count += weir_join_is_right(join, reads->at[i], &stripped);
    }
    if (right_count == 0 && reads->count &&
        (join->kind == WEIR_JOIN_INNER || join->kind == WEIR_JOIN_LEFT)) {
        name_set below = {.arena = arena};
        for (uint32_t i = 0; i < join->pair_count; i++) {
            weir_expr_columns(join->pairs[i].left, see, &below);
        }
        if (hides(arena, conjunct, rows, &below)) {
            return false;
        }
        put_filter(arena, &join->left, conjunct, rows);
        return true;
    }
    if (right_count != reads->count || right_count == 0 || join->kind != WEIR_JOIN_INNER) {
        return false;
    }
    static const weir_node_rows none;
    name_set names = {.arena = arena};
    weir_filter_columns(conjunct, see, &names);
    for (uint32_t i = 0; i < names.count; i++) {
        if (find_virtual(rows, names.at[i])) {
            return false;
        }
    }
    weir_filter *own = stripped_filter(arena, join, conjunct);
    if (own) {
        put_filter(arena, &join->right, own, &none);
    }
    return own != NULL;
}

static bool into_unnest(weir_arena *arena, weir_node_unnest *unnest, weir_filter *conjunct,
                        const weir_node_rows *rows, const name_set *reads)
{
    if (!has(reads->at, reads->count, unnest->list.name)) {
        name_set below = {.arena = arena};
        weir_expr_columns(unnest->list.expr, see, &below);
        if (hides(arena, conjunct, rows, &below)) {
            return false;
        }
        put_filter(arena, &unnest->child, conjunct, rows);
        return true;
    }
    name_set names = {.arena = arena};
    weir_filter_columns(conjunct, see, &names);
    for (uint32_t i = 0; i < names.count; i++) {
        if (find_virtual(rows, names.at[i])) {
            return false;
        }
    }
    if (!has_conjunct(unnest->filter, conjunct)) {
        unnest->filter = both(arena, unnest->filter, conjunct);
    }
    return true;
}

static bool into_union(weir_arena *arena, weir_node_union *merge, weir_filter *conjunct,
                       const weir_node_rows *rows)
{
    name_set none = {.arena = arena};
    if (hides(arena, conjunct, rows, &none)) {
        return false;
    }
    weir_node **children = WEIR_ARENA_ARRAY(arena, weir_node *, merge->child_count);
    for (uint32_t i = 0; i < merge->child_count; i++) {
        children[i] = merge->children[i];
        put_filter(arena, &children[i], conjunct, rows);
    }
    merge->children = children;
    return true;
}

static bool moves_down(weir_arena *arena, weir_node *child, weir_filter *conjunct,
                       const weir_node_rows *rows)
{
    name_set names = {.arena = arena};
    weir_filter_columns(conjunct, see, &names);
    name_set reads = without_virtuals(arena, rows, &names);
    switch ((weir_node_kind)child->kind) {
    case WEIR_NODE_JOIN:
        return into_join(arena, &child->as.join, conjunct, rows, &reads);
    case WEIR_NODE_UNNEST:
        return into_unnest(arena, &child->as.unnest, conjunct, rows, &reads);
    case WEIR_NODE_UNION:
        return into_union(arena, &child->as.merge, conjunct, rows);
    case WEIR_NODE_ROWS:
    case WEIR_NODE_FILTER:
    case WEIR_NODE_PROJECT:
    case WEIR_NODE_AGG:
    case WEIR_NODE_SORT:
    case WEIR_NODE_WINDOW:
        break;
    }
    return false;
}

/* Rows over rows become one node, where no virtual column of the outer one hides what the inner
 * filter reads. */
static void merge_rows(weir_arena *arena, weir_node_rows *rows)
{
    while (rows->child && rows->child->kind == WEIR_NODE_ROWS &&
           rows->child->as.rows.virtual_count == 0) {
        const weir_node_rows inner = rows->child->as.rows;
        name_set names = {.arena = arena};
        weir_filter_columns(inner.filter, see, &names);
        for (uint32_t i = 0; i < names.count; i++) {
            if (find_virtual(rows, names.at[i])) {
                return;
            }
        }
        rows->table_count = inner.table_count;
        rows->tables = inner.tables;
        rows->given = inner.given;
        rows->child = inner.child;
        rows->interval_count = inner.interval_count;
        rows->intervals = inner.intervals;
        rows->filter = inner.filter
                           ? both(arena, inner.filter,
                                  rows->filter ? rows->filter : weir_filter_constant(arena, true))
                           : rows->filter;
    }
}

static void filters_down(weir_arena *arena, weir_node *node);

static void filter_rows(weir_arena *arena, weir_node *node)
{
    weir_node_rows *rows = &node->as.rows;
    merge_rows(arena, rows);
    if (!rows->child) {
        return;
    }
    if (weir_node_streams(rows->child)) {
        rows->order =
            WEIR_ORDER_NONE; /* what is below comes in its own order; who needs one sorts */
    }
    if (rows->filter && weir_node_streams(rows->child)) {
        bool many = rows->filter->kind == WEIR_FILTER_AND;
        uint32_t count = many ? rows->filter->child_count : 1;
        weir_filter *kept = NULL;
        for (uint32_t i = 0; i < count; i++) {
            weir_filter *conjunct = many ? rows->filter->children[i] : rows->filter;
            if (!moves_down(arena, rows->child, conjunct, rows)) {
                kept = both(arena, kept, conjunct);
            }
        }
        rows->filter = kept;
    }
    filters_down(arena, rows->child);
}

static void filters_down(weir_arena *arena, weir_node *node)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        filter_rows(arena, node);
        break;
    case WEIR_NODE_FILTER:
        filters_down(arena, node->as.filter.child);
        break;
    case WEIR_NODE_PROJECT:
        filters_down(arena, node->as.project.child);
        break;
    case WEIR_NODE_AGG:
        filters_down(arena, node->as.agg.child);
        break;
    case WEIR_NODE_SORT:
        filters_down(arena, node->as.sort.child);
        break;
    case WEIR_NODE_UNION:
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            filters_down(arena, node->as.merge.children[i]);
        }
        break;
    case WEIR_NODE_JOIN:
        filters_down(arena, node->as.join.left);
        filters_down(arena, node->as.join.right);
        break;
    case WEIR_NODE_UNNEST:
        filters_down(arena, node->as.unnest.child);
        break;
    case WEIR_NODE_WINDOW:
        break;
    }
}

/* Columns. */

static void demand(weir_arena *arena, weir_node *node, const name_set *more);
static void want(weir_arena *arena, weir_node *node, const name_set *names);

/* `names` behind those that were wanted before. */
static void add_columns(weir_arena *arena, const name_set *names, const weir_str **columns,
                        uint32_t *count)
{
    name_set all = {.arena = arena};
    for (uint32_t i = 0; i < *count; i++) {
        see(&all, (*columns)[i]);
    }
    for (uint32_t i = 0; i < names->count; i++) {
        see(&all, names->at[i]);
    }
    *columns = all.at;
    *count = all.count;
}

static void want_of_join(weir_arena *arena, weir_node_join *join, const name_set *names)
{
    name_set left = {.arena = arena}, right = {.arena = arena};
    weir_str stripped;
    add_columns(arena, names, &join->columns, &join->column_count);
    for (uint32_t i = 0; i < join->column_count; i++) {
        bool of_right = weir_join_is_right(join, join->columns[i], &stripped);
        see(of_right ? &right : &left, of_right ? stripped : join->columns[i]);
    }
    for (uint32_t i = 0; i < join->pair_count; i++) {
        weir_expr_columns(join->pairs[i].left, see, &left);
        see(&right, join->pairs[i].right);
    }
    want(arena, join->left, &left);
    want(arena, join->right, &right);
}

/* Whether the name is a column of a table itself, handed up by what lies between. */
static bool of_table(const weir_node *node, weir_str name)
{
    weir_str stripped;
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        if (find_virtual(&node->as.rows, name)) {
            return false;
        }
        return node->as.rows.child
                   ? weir_node_streams(node->as.rows.child) && of_table(node->as.rows.child, name)
                   : node->as.rows.table_count > 0;
    case WEIR_NODE_JOIN:
        return !weir_join_is_right(&node->as.join, name, &stripped) &&
               of_table(node->as.join.left, name);
    case WEIR_NODE_UNNEST:
        return !weir_str_eq(node->as.unnest.list.name, name) &&
               of_table(node->as.unnest.child, name);
    case WEIR_NODE_UNION:
        return of_table(node->as.merge.children[0], name);
    case WEIR_NODE_FILTER:
    case WEIR_NODE_PROJECT:
    case WEIR_NODE_AGG:
    case WEIR_NODE_SORT:
    case WEIR_NODE_WINDOW:
        break;
    }
    return false;
}

static void want_of_unnest(weir_arena *arena, weir_node_unnest *unnest, const name_set *names)
{
    name_set read = {.arena = arena}, below = {.arena = arena};
    add_columns(arena, names, &unnest->columns, &unnest->column_count);
    for (uint32_t i = 0; i < unnest->column_count; i++) {
        see(&read, unnest->columns[i]);
    }
    weir_filter_columns(unnest->filter, see, &read);
    for (uint32_t i = 0; i < read.count; i++) {
        if (!weir_str_eq(read.at[i], unnest->list.name)) {
            see(&below, read.at[i]);
        }
    }
    weir_expr_columns(unnest->list.expr, see, &below);
    unnest->keep_empty = unnest->list.expr->kind == WEIR_EXPR_COLUMN &&
                         unnest->list.type.kind != WEIR_ARRAY &&
                         of_table(unnest->child, unnest->list.expr->name);
    want(arena, unnest->child, &below);
}

/* The node puts out these names, whatever it has of them: a name that nothing below has is null. */
static void want(weir_arena *arena, weir_node *node, const name_set *names)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        add_columns(arena, names, &node->as.rows.columns, &node->as.rows.column_count);
        demand(arena, node, NULL);
        return;
    case WEIR_NODE_JOIN:
        want_of_join(arena, &node->as.join, names);
        return;
    case WEIR_NODE_UNNEST:
        want_of_unnest(arena, &node->as.unnest, names);
        return;
    case WEIR_NODE_UNION:
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            want(arena, node->as.merge.children[i], names);
        }
        return;
    case WEIR_NODE_FILTER:
    case WEIR_NODE_PROJECT:
    case WEIR_NODE_AGG:
    case WEIR_NODE_SORT:
    case WEIR_NODE_WINDOW:
        break;
    }
    assert(!"only what streams is asked for names");
}

static void demand_of_rows(weir_arena *arena, weir_node_rows *rows, const name_set *more)
{
    if (!rows->child) {
        return;
    }
    if (!weir_node_streams(rows->child)) {
        demand(arena, rows->child, NULL);
        return;
    }
    name_set names = {.arena = arena};
    for (uint32_t i = 0; i < rows->column_count; i++) {
        see(&names, rows->columns[i]);
    }
    for (uint32_t i = 0; more && i < more->count; i++) {
        see(&names, more->at[i]);
    }
    weir_filter_columns(rows->filter, see, &names);
    name_set real = without_virtuals(arena, rows, &names);
    want(arena, rows->child, &real);
}

static void demand(weir_arena *arena, weir_node *node, const name_set *more)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        demand_of_rows(arena, &node->as.rows, more);
        break;
    case WEIR_NODE_FILTER:
        demand(arena, node->as.filter.child, NULL);
        break;
    case WEIR_NODE_PROJECT:
        demand(arena, node->as.project.child, NULL);
        break;
    case WEIR_NODE_AGG: {
        name_set names = {.arena = arena};
        for (uint32_t i = 0; i < node->as.agg.agg_count; i++) {
            weir_filter_columns(node->as.agg.aggs[i].filter, see, &names);
        }
        if (node->as.agg.bucket.kind != WEIR_GRAN_ALL) {
            see(&names, WEIR_STR("__time"));
        }
        demand(arena, node->as.agg.child, &names);
        break;
    }
    case WEIR_NODE_SORT:
        demand(arena, node->as.sort.child, NULL);
        break;
    case WEIR_NODE_UNION:
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            demand(arena, node->as.merge.children[i], NULL);
        }
        break;
    case WEIR_NODE_JOIN:
    case WEIR_NODE_UNNEST:
    case WEIR_NODE_WINDOW:
        break;
    }
}

void weir_rewrite_sources(weir_arena *arena, weir_node *root)
{
    filters_down(arena, root);
    demand(arena, root, NULL);
}
