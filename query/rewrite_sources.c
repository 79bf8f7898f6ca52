/* query/rewrite_sources.c - what a join, an unnest or a union is asked for. Conjuncts of the filter
 * over one move below it where that cannot change the answer, so that a join over a large table
 * prunes chunks as a plain scan does: below a join to the left side unless the right side's rows
 * must all come out (RIGHT, FULL), to the right side of an INNER one; below an unnest when it does
 * not read the element; below a union always. Virtual columns that a conjunct reads go along. Then
 * names go down: outputs are by demand, as no node here knows what a table's columns are. */
#include "query/rewrite.h"
#include "query/filter_types.h"
#include "weir/buf.h"
#include "weir/hash.h"
#include <assert.h>

typedef struct name_set { /* in order of arrival; large ones have slots */
    weir_arena *arena;
    uint32_t count, capacity, slot_mask;
    weir_str *at;
    uint32_t *slots; /* number + 1; NULL: few */
} name_set;

enum { FEW_NAMES = 16, MOST_CONJUNCTS = 1000 };

static uint32_t *find_slot(const name_set *set, weir_str name)
{
    uint32_t at = (uint32_t)weir_hash_bytes(name.at, name.size) & set->slot_mask;
    while (set->slots[at] && !weir_str_eq(set->at[set->slots[at] - 1], name)) {
        at = (at + 1) & set->slot_mask;
    }
    return &set->slots[at];
}

static bool has(const name_set *set, weir_str name)
{
    if (set->slots) {
        return *find_slot(set, name) != 0;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (weir_str_eq(set->at[i], name)) {
            return true;
        }
    }
    return false;
}

static void grow(name_set *set)
{
    set->capacity = set->capacity ? set->capacity * 2 : FEW_NAMES;
    weir_str *grown = WEIR_ARENA_ARRAY(set->arena, weir_str, set->capacity);
    if (set->count) {
        memcpy(grown, set->at, set->count * sizeof(*grown));
    }
    set->at = grown;
    if (set->capacity > FEW_NAMES) {
        set->slot_mask = set->capacity * 2 - 1;
        set->slots = WEIR_ARENA_ARRAY(set->arena, uint32_t, set->slot_mask + 1);
        for (uint32_t i = 0; i < set->count; i++) {
            *find_slot(set, set->at[i]) = i + 1;
        }
    }
}

static void see(void *self, weir_str name)
{
    name_set *set = self;
    if (has(set, name)) {
        return;
    }
    if (set->count == set->capacity) {
        grow(set);
    }
    set->at[set->count++] = name;
    if (set->slots) {
        *find_slot(set, name) = set->count;
    }
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

/* What was moved where: parts of a plan that share what is below them (search) move the same filter
 * to it, once is enough. */
typedef struct moved {
    const weir_node *to;
    uint64_t hash;
    struct moved *next;
} moved;

typedef struct rules {
    weir_arena *arena;
    moved *first;
} rules;

static bool is_moved(rules *r, const weir_node *to, const weir_filter *filter)
{
    weir_buf text = {0};
    weir_filter_print(filter, &text);
    uint64_t hash = weir_hash_bytes(text.at, text.size);
    weir_buf_done(&text);
    for (const moved *m = r->first; m; m = m->next) {
        if (m->to == to && m->hash == hash) {
            return true;
        }
    }
    moved *m = WEIR_ARENA_NEW(r->arena, moved);
    *m = (moved){to, hash, r->first};
    r->first = m;
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
            if (has(&own, v->name)) {
                return false;
            }
            weir_expr_columns(v->expr, see, &all);
        }
    }
    return true;
}

/* A filter, with the virtual columns of `from` that it reads, onto the rows of *node. */
static void put_filter(weir_arena *arena, weir_node **node, weir_filter *filter,
                       const weir_node_rows *from)
{
    name_set names = {.arena = arena};
    weir_filter_columns(filter, see, &names);
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
    rows->filter = both(arena, rows->filter, filter);
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
            if (has(&own, v->name) || has(below, v->name)) {
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

/* Where a conjunct may go. */
typedef enum place {
    STAYS,
    TO_LEFT,  /* of a join */
    TO_RIGHT, /* with its own names */
    TO_CHILD, /* of an unnest; of every branch of a union */
    TO_ELEMENT,
    PLACES
} place;

static bool reads_virtuals(weir_arena *arena, const weir_filter *conjunct,
                           const weir_node_rows *rows)
{
    name_set names = {.arena = arena};
    weir_filter_columns(conjunct, see, &names);
    for (uint32_t i = 0; i < names.count; i++) {
        if (find_virtual(rows, names.at[i])) {
            return true;
        }
    }
    return false;
}

static place place_in_join(weir_arena *arena, const weir_node_join *join, weir_filter **conjunct,
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
        return hides(arena, *conjunct, rows, &below) ? STAYS : TO_LEFT;
    }
    if (right_count != reads->count || right_count == 0 || join->kind != WEIR_JOIN_INNER ||
        reads_virtuals(arena, *conjunct, rows)) {
        return STAYS;
    }
    weir_filter *own = stripped_filter(arena, join, *conjunct);
    *conjunct = own ? own : *conjunct;
    return own ? TO_RIGHT : STAYS;
}

static place place_of(weir_arena *arena, const weir_node *child, weir_filter **conjunct,
                      const weir_node_rows *rows)
{
    name_set names = {.arena = arena}, below = {.arena = arena};
    weir_filter_columns(*conjunct, see, &names);
    name_set reads = without_virtuals(arena, rows, &names);
    if (child->kind == WEIR_NODE_JOIN) {
        return place_in_join(arena, &child->as.join, conjunct, rows, &reads);
    }
    if (child->kind == WEIR_NODE_UNNEST) {
        weir_expr_columns(child->as.unnest.list.expr, see, &below);
        if (has(&reads, child->as.unnest.list.name)) {
            return reads_virtuals(arena, *conjunct, rows) ? STAYS : TO_ELEMENT;
        }
        return hides(arena, *conjunct, rows, &below) ? STAYS : TO_CHILD;
    }
    bool many = child->kind == WEIR_NODE_UNION;
    return many && !hides(arena, *conjunct, rows, &below) ? TO_CHILD : STAYS;
}

static void put_at(rules *r, weir_node *child, place to, weir_filter *filter,
                   const weir_node_rows *rows)
{
    static const weir_node_rows none;
    weir_arena *arena = r->arena;
    if (to == TO_LEFT) {
        put_filter(arena, &child->as.join.left, filter, rows);
    } else if (to == TO_RIGHT) {
        put_filter(arena, &child->as.join.right, filter, &none);
    } else if (to == TO_ELEMENT) {
        child->as.unnest.filter = both(arena, child->as.unnest.filter, filter);
    } else if (child->kind == WEIR_NODE_UNNEST) {
        put_filter(arena, &child->as.unnest.child, filter, rows);
    } else {
        weir_node_union *merge = &child->as.merge;
        weir_node **children = WEIR_ARENA_ARRAY(arena, weir_node *, merge->child_count);
        for (uint32_t i = 0; i < merge->child_count; i++) {
            children[i] = merge->children[i];
            put_filter(arena, &children[i], filter, rows);
        }
        merge->children = children;
    }
}

/* The conjuncts of the rows' filter, each to its place; they travel together. */
static void move_conjuncts(rules *r, weir_node_rows *rows)
{
    weir_arena *arena = r->arena;
    bool many = rows->filter->kind == WEIR_FILTER_AND;
    uint32_t count = many ? rows->filter->child_count : 1, counts[PLACES] = {0};
    if (count > MOST_CONJUNCTS) {
        return;
    }
    weir_filter **lists[PLACES];
    for (int p = 0; p < PLACES; p++) {
        lists[p] = WEIR_ARENA_ARRAY(arena, weir_filter *, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        weir_filter *conjunct = many ? rows->filter->children[i] : rows->filter;
        place to = place_of(arena, rows->child, &conjunct, rows);
        lists[to][counts[to]++] = conjunct;
    }
    for (int p = 0; p < PLACES; p++) {
        weir_filter *all =
            counts[p] ? weir_filter_normal(arena, weir_filter_and(arena, lists[p], counts[p]))
                      : NULL;
        if (p == STAYS) {
            rows->filter = all;
        } else if (all && !is_moved(r, rows->child, all)) {
            put_at(r, rows->child, (place)p, all, rows);
        }
    }
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

static void filters_down(rules *r, weir_node *node);

static void filter_rows(rules *r, weir_node *node)
{
    weir_node_rows *rows = &node->as.rows;
    merge_rows(r->arena, rows);
    if (!rows->child) {
        return;
    }
    if (weir_node_streams(rows->child)) {
        rows->order =
            WEIR_ORDER_NONE; /* what is below comes in its own order; who needs one sorts */
    }
    if (rows->filter && weir_node_streams(rows->child)) {
        move_conjuncts(r, rows);
    }
    filters_down(r, rows->child);
}

static void filters_down(rules *r, weir_node *node)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        filter_rows(r, node);
        break;
    case WEIR_NODE_FILTER:
        filters_down(r, node->as.filter.child);
        break;
    case WEIR_NODE_PROJECT:
        filters_down(r, node->as.project.child);
        break;
    case WEIR_NODE_AGG:
        filters_down(r, node->as.agg.child);
        break;
    case WEIR_NODE_SORT:
        filters_down(r, node->as.sort.child);
        break;
    case WEIR_NODE_UNION:
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            filters_down(r, node->as.merge.children[i]);
        }
        break;
    case WEIR_NODE_JOIN:
        filters_down(r, node->as.join.left);
        filters_down(r, node->as.join.right);
        break;
    case WEIR_NODE_UNNEST:
        filters_down(r, node->as.unnest.child);
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
    rules r = {.arena = arena};
    filters_down(&r, root);
    demand(arena, root, NULL);
}
