/* Given rows, joins, unnests and unions by nested loops: every column of every side, whoever reads
 * it. */
#include "query/given.h"
#include "ref/ref_own.h"

bool ref_given(world *w, const weir_given *given, ref_rows *out)
{
    *out = (ref_rows){.column_count = given->column_count,
                      .names = (weir_str *)given->names,
                      .types = (weir_type *)given->types};
    for (uint32_t r = 0; r < given->row_count; r++) {
        weir_value *row = WEIR_ARENA_ARRAY(w->arena, weir_value, given->column_count + 1);
        for (uint32_t c = 0; c < given->column_count; c++) {
            if (!weir_vec_value(&given->columns[c], r, w->arena, &row[c], w->err)) {
                return false;
            }
        }
        ref_add(w->arena, out, row);
    }
    return true;
}

/* Joins. */

static weir_value alone(const weir_value *v)
{
    bool list = !v->is_null && v->type.kind == WEIR_ARRAY;
    if (list && v->as.array.count == 0) {
        return weir_value_null();
    }
    return list && v->as.array.count == 1 ? v->as.array.at[0] : *v;
}

static bool same(world *w, const weir_join_pair *pair, const weir_value *left, weir_type type,
                 const weir_value *right)
{
    weir_value a = alone(left), b = alone(right);
    weir_kind kind = type.kind == WEIR_UNKNOWN ? WEIR_STRING : (weir_kind)type.kind;
    a = a.is_null ? a : ref_cast(w, a, kind);
    if (a.is_null || b.is_null) {
        return pair->nulls && a.is_null && b.is_null;
    }
    return weir_value_cmp(&a, &b, NULL) == 0;
}

typedef struct sides {
    ref_rows left, right;
    weir_value **keys; /* per left row: a value per pair */
    uint32_t *columns; /* per pair: of the right */
} sides;

static bool read_sides(world *w, const weir_node_join *join, sides *s)
{
    if (!ref_wide(w, join->left, &s->left) || !ref_wide(w, join->right, &s->right)) {
        return false;
    }
    s->keys = WEIR_ARENA_ARRAY(w->arena, weir_value *, s->left.row_count + 1);
    s->columns = WEIR_ARENA_ARRAY(w->arena, uint32_t, join->pair_count + 1);
    for (uint32_t p = 0; p < join->pair_count; p++) {
        s->columns[p] = ref_find(&s->right, join->pairs[p].right);
    }
    for (uint32_t r = 0; r < s->left.row_count; r++) {
        s->keys[r] = WEIR_ARENA_ARRAY(w->arena, weir_value, join->pair_count + 1);
        for (uint32_t p = 0; p < join->pair_count; p++) {
            weir_type type;
            if (!ref_value_of(w, &s->left, s->left.rows[r], join->pairs[p].left, &s->keys[r][p],
                              &type)) {
                return false;
            }
        }
    }
    return true;
}

static bool are_equal(world *w, const weir_node_join *join, const sides *s, uint32_t l, uint32_t r)
{
    bool equal = !join->never;
    for (uint32_t p = 0; equal && p < join->pair_count; p++) {
        uint32_t c = s->columns[p];
        weir_value null = weir_value_null();
        weir_type type = c == UINT32_MAX ? WEIR_TYPE(WEIR_STRING) : s->right.types[c];
        equal = same(w, &join->pairs[p], &s->keys[l][p], type,
                     c == UINT32_MAX ? &null : &s->right.rows[r][c]);
    }
    return equal;
}

static void put_pair(world *w, const sides *s, const weir_value *left, const weir_value *right,
                     ref_rows *out)
{
    weir_value *row = WEIR_ARENA_ARRAY(w->arena, weir_value, out->column_count + 1);
    for (uint32_t c = 0; c < s->left.column_count; c++) {
        row[c] = left ? left[c] : weir_value_null();
    }
    for (uint32_t c = 0; c < s->right.column_count; c++) {
        row[s->left.column_count + c] = right ? right[c] : weir_value_null();
    }
    ref_add(w->arena, out, row);
}

static bool join_rows(world *w, const weir_node_join *join, ref_rows *out)
{
    sides s = {0};
    if (!read_sides(w, join, &s)) {
        return false;
    }
    *out = (ref_rows){.column_count = s.left.column_count + s.right.column_count};
    out->names = WEIR_ARENA_ARRAY(w->arena, weir_str, out->column_count + 1);
    out->types = WEIR_ARENA_ARRAY(w->arena, weir_type, out->column_count + 1);
    for (uint32_t c = 0; c < s.left.column_count; c++) {
        weir_str stripped; /* a left column under the right's prefix is hidden */
        bool hidden = weir_join_is_right(join, s.left.names[c], &stripped);
        out->names[c] = hidden ? WEIR_STR("") : s.left.names[c];
        out->types[c] = s.left.types[c];
    }
    for (uint32_t c = 0; c < s.right.column_count; c++) {
        uint32_t to = s.left.column_count + c;
        out->names[to] = weir_arena_printf(w->arena, "%.*s%.*s", WEIR_STR_ARG(join->prefix),
                                           WEIR_STR_ARG(s.right.names[c]));
        out->types[to] = s.right.types[c];
    }
    bool *met = WEIR_ARENA_ARRAY(w->arena, bool, s.right.row_count + 1);
    bool lefts = join->kind == WEIR_JOIN_LEFT || join->kind == WEIR_JOIN_FULL;
    bool rights = join->kind == WEIR_JOIN_RIGHT || join->kind == WEIR_JOIN_FULL;
    for (uint32_t l = 0; l < s.left.row_count; l++) {
        bool any = false;
        for (uint32_t r = 0; r < s.right.row_count; r++) {
            if (are_equal(w, join, &s, l, r)) {
                any = met[r] = true;
                put_pair(w, &s, s.left.rows[l], s.right.rows[r], out);
            }
        }
        if (!any && lefts) {
            put_pair(w, &s, s.left.rows[l], NULL, out);
        }
    }
    for (uint32_t r = 0; rights && r < s.right.row_count; r++) {
        if (!met[r]) {
            put_pair(w, &s, NULL, s.right.rows[r], out);
        }
    }
    return true;
}

/* Unnests. */

/* A column that is a table's own. */
static bool is_tables(const weir_node *node, weir_str name)
{
    weir_str stripped;
    if (node->kind == WEIR_NODE_JOIN) {
        return !weir_join_is_right(&node->as.join, name, &stripped) &&
               is_tables(node->as.join.left, name);
    }
    if (node->kind == WEIR_NODE_UNNEST) {
        return !weir_str_eq(name, node->as.unnest.list.name) &&
               is_tables(node->as.unnest.child, name);
    }
    if (node->kind == WEIR_NODE_UNION) {
        return is_tables(node->as.merge.children[0], name);
    }
    const weir_node_rows *rows = &node->as.rows;
    return rows->child ? weir_node_streams(rows->child) && is_tables(rows->child, name)
                       : rows->table_count > 0;
}

static bool put_element(world *w, const weir_node_unnest *unnest, const weir_value *row,
                        weir_value element, ref_rows *out)
{
    uint32_t last = out->column_count - 1;
    weir_value *copy = WEIR_ARENA_ARRAY(w->arena, weir_value, out->column_count);
    bool pass = true;
    memcpy(copy, row, last * sizeof(*copy));
    copy[last] = element.is_null ? element : ref_cast(w, element, (weir_kind)out->types[last].kind);
    if (unnest->filter && !ref_passes(w, out, copy, unnest->filter, &pass)) {
        return false;
    }
    if (pass) {
        ref_add(w->arena, out, copy);
    }
    return true;
}

static bool unnest_rows(world *w, const weir_node_unnest *unnest, ref_rows *out)
{
    ref_rows in = {0};
    weir_value list;
    weir_type type;
    if (!ref_wide(w, unnest->child, &in) ||
        !ref_value_of(w, &in, NULL, unnest->list.expr, &list, &type)) {
        return false;
    }
    *out = (ref_rows){.column_count = in.column_count + 1};
    out->names = WEIR_ARENA_ARRAY(w->arena, weir_str, out->column_count);
    out->types = WEIR_ARENA_ARRAY(w->arena, weir_type, out->column_count);
    for (uint32_t c = 0; c < in.column_count; c++) {
        bool hidden = weir_str_eq(in.names[c], unnest->list.name);
        out->names[c] = hidden ? WEIR_STR("") : in.names[c];
        out->types[c] = in.types[c];
    }
    weir_type asked = unnest->list.type.kind ? unnest->list.type : type;
    uint8_t kind = asked.kind == WEIR_ARRAY ? asked.elem : asked.kind;
    out->names[in.column_count] = unnest->list.name;
    out->types[in.column_count] = WEIR_TYPE(kind ? kind : WEIR_STRING);
    bool keep = unnest->list.expr->kind == WEIR_EXPR_COLUMN &&
                unnest->list.type.kind != WEIR_ARRAY && type.kind == WEIR_STRING &&
                is_tables(unnest->child, unnest->list.expr->name);
    for (uint32_t r = 0; r < in.row_count; r++) {
        if (!ref_value_of(w, &in, in.rows[r], unnest->list.expr, &list, &type)) {
            return false;
        }
        bool lists = !list.is_null && list.type.kind == WEIR_ARRAY;
        uint32_t count = list.is_null ? 0 : lists ? list.as.array.count : 1;
        if (count == 0 && keep && !put_element(w, unnest, in.rows[r], weir_value_null(), out)) {
            return false;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (!put_element(w, unnest, in.rows[r], lists ? list.as.array.at[i] : list, out)) {
                return false;
            }
        }
    }
    return true;
}

/* Unions: columns by name, of the first known type. */
static bool union_rows(world *w, const weir_node_union *merge, ref_rows *out)
{
    ref_rows *parts = WEIR_ARENA_ARRAY(w->arena, ref_rows, merge->child_count);
    uint32_t most = 0;
    for (uint32_t i = 0; i < merge->child_count; i++) {
        if (!ref_wide(w, merge->children[i], &parts[i])) {
            return false;
        }
        most += parts[i].column_count;
    }
    *out = (ref_rows){0};
    out->names = WEIR_ARENA_ARRAY(w->arena, weir_str, most + 1);
    out->types = WEIR_ARENA_ARRAY(w->arena, weir_type, most + 1);
    for (uint32_t i = 0; i < merge->child_count; i++) {
        for (uint32_t c = 0; c < parts[i].column_count; c++) {
            if (ref_find(out, parts[i].names[c]) == UINT32_MAX) {
                out->names[out->column_count] = parts[i].names[c];
                out->types[out->column_count++] = parts[i].types[c];
            }
        }
    }
    for (uint32_t i = 0; i < merge->child_count; i++) {
        for (uint32_t r = 0; r < parts[i].row_count; r++) {
            weir_value *row = WEIR_ARENA_ARRAY(w->arena, weir_value, out->column_count + 1);
            for (uint32_t c = 0; c < out->column_count; c++) {
                uint32_t from = ref_find(&parts[i], out->names[c]);
                row[c] = from == UINT32_MAX ? weir_value_null() : parts[i].rows[r][from];
                row[c] =
                    row[c].is_null ? row[c] : ref_cast(w, row[c], (weir_kind)out->types[c].kind);
            }
            ref_add(w->arena, out, row);
        }
    }
    return true;
}

bool ref_wide(world *w, const weir_node *node, ref_rows *out)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        return ref_source_rows(w, &node->as.rows, out);
    case WEIR_NODE_JOIN:
        return join_rows(w, &node->as.join, out);
    case WEIR_NODE_UNNEST:
        return unnest_rows(w, &node->as.unnest, out);
    case WEIR_NODE_UNION:
        return union_rows(w, &node->as.merge, out);
    case WEIR_NODE_FILTER:
    case WEIR_NODE_PROJECT:
    case WEIR_NODE_AGG:
    case WEIR_NODE_SORT:
    case WEIR_NODE_WINDOW:
        break;
    }
    return ref_eval(w, node, out);
}

static bool reads(const weir_node *node, weir_str table)
{
    if (node->kind == WEIR_NODE_JOIN) {
        return reads(node->as.join.left, table);
    }
    if (node->kind == WEIR_NODE_UNNEST) {
        return reads(node->as.unnest.child, table);
    }
    for (uint32_t i = 0; node->kind == WEIR_NODE_UNION && i < node->as.merge.child_count; i++) {
        if (reads(node->as.merge.children[i], table)) {
            return true;
        }
    }
    return node->kind == WEIR_NODE_ROWS && ref_reads_table(&node->as.rows, table);
}

bool ref_reads_table(const weir_node_rows *rows, weir_str table)
{
    for (uint32_t i = 0; i < rows->table_count; i++) {
        if (weir_str_eq(rows->tables[i], table)) {
            return true;
        }
    }
    return rows->child && weir_node_streams(rows->child) && reads(rows->child, table);
}
