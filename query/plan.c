/* query/plan.c - plan trees: what each node puts out, whether a tree is sound, its text and its
 * fingerprint. The text of a node says everything that shapes its result, so that the fingerprint
 * of a leaf is the hash of its text. */
#include <assert.h>
#include "query/given.h"
#include "query/plan.h"
#include "weir/hash.h"

weir_node *weir_node_new(weir_arena *arena, weir_node_kind kind)
{
    weir_node *node = WEIR_ARENA_NEW(arena, weir_node);
    node->kind = kind;
    if (kind == WEIR_NODE_SORT) {
        node->as.sort.limit = -1;
    }
    return node;
}

bool weir_node_find(const weir_node *node, weir_str name, uint32_t *column)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (weir_str_eq(node->output_names[i], name)) {
            *column = i;
            return true;
        }
    }
    return false;
}

static void outputs(weir_arena *arena, weir_node *node, uint32_t count, weir_str **names,
                    weir_type **types)
{
    *names = WEIR_ARENA_ARRAY(arena, weir_str, count + 1);
    *types = WEIR_ARENA_ARRAY(arena, weir_type, count + 1);
    node->output_count = count;
    node->output_names = *names;
    node->output_types = *types;
}

static void outputs_of(weir_node *node, const weir_node *child)
{
    node->output_count = child->output_count;
    node->output_names = child->output_names;
    node->output_types = child->output_types;
}

static weir_type column_type(const weir_node *node, weir_str name)
{
    uint32_t column;
    return weir_node_find(node, name, &column) ? node->output_types[column]
                                               : WEIR_TYPE(WEIR_UNKNOWN);
}

static weir_type rows_type(const weir_node_rows *rows, weir_str name)
{
    for (uint32_t i = 0; i < rows->virtual_count; i++) {
        if (weir_str_eq(rows->virtuals[i].name, name)) {
            return rows->virtuals[i].type;
        }
    }
    if (rows->child && !weir_node_streams(rows->child)) {
        return column_type(rows->child, name);
    }
    return weir_str_is(name, "__time") ? WEIR_TYPE(WEIR_LONG) : WEIR_TYPE(WEIR_UNKNOWN);
}

static weir_type expr_type(const weir_node *child, const weir_expr *expr)
{
    if (expr->kind == WEIR_EXPR_COLUMN) {
        return column_type(child, expr->name);
    }
    return expr->kind == WEIR_EXPR_CONST ? expr->value.type : WEIR_TYPE(WEIR_UNKNOWN);
}

uint32_t weir_node_agg_outputs(const weir_node_agg *agg)
{
    uint32_t count = 1 + agg->key_count + agg->agg_count + (agg->set_count > 0);
    for (uint32_t i = 0; i < agg->agg_count; i++) {
        count += agg->aggs[i].raw_name.at != NULL;
    }
    return count;
}

bool weir_node_streams(const weir_node *child)
{
    return child->kind == WEIR_NODE_JOIN || child->kind == WEIR_NODE_UNNEST ||
           child->kind == WEIR_NODE_UNION || child->kind == WEIR_NODE_ROWS;
}

bool weir_join_is_right(const weir_node_join *join, weir_str name, weir_str *stripped)
{
    size_t size = join->prefix.size;
    if (name.size <= size || memcmp(name.at, join->prefix.at, size) != 0) {
        return false;
    }
    *stripped = (weir_str){name.at + size, name.size - size};
    return true;
}

/* Of a join's or an unnest's columns only a run knows the types. */
static void resolve_names(weir_arena *arena, weir_node *node, const weir_str *columns,
                          uint32_t count)
{
    weir_str *names;
    weir_type *types;
    outputs(arena, node, count, &names, &types);
    if (count) {
        memcpy(names, columns, count * sizeof(*names));
    }
}

static void resolve_agg(weir_arena *arena, weir_node *node)
{
    const weir_node_agg *agg = &node->as.agg;
    weir_str *names;
    weir_type *types;
    uint32_t at = 0;
    outputs(arena, node, weir_node_agg_outputs(agg), &names, &types);
    names[at] = WEIR_STR("__bucket");
    types[at++] = WEIR_TYPE(WEIR_LONG);
    for (uint32_t i = 0; i < agg->key_count; i++, at++) {
        names[at] = agg->keys[i].name;
        types[at] = agg->keys[i].type.kind == WEIR_UNKNOWN
                        ? expr_type(agg->child, agg->keys[i].expr)
                        : agg->keys[i].type;
    }
    for (uint32_t i = 0; i < agg->agg_count; i++, at++) {
        names[at] = agg->aggs[i].spec.name;
    }
    for (uint32_t i = 0; i < agg->agg_count; i++) {
        if (agg->aggs[i].raw_name.at) {
            names[at++] = agg->aggs[i].raw_name;
        }
    }
    if (agg->set_count > 0) {
        names[at] = WEIR_STR("__set");
        types[at] = WEIR_TYPE(WEIR_LONG);
    }
}

void weir_node_resolve(weir_arena *arena, weir_node *node)
{
    weir_str *names;
    weir_type *types;
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        outputs(arena, node, node->as.rows.column_count, &names, &types);
        for (uint32_t i = 0; i < node->output_count; i++) {
            names[i] = node->as.rows.columns[i];
            types[i] = rows_type(&node->as.rows, names[i]);
        }
        break;
    case WEIR_NODE_PROJECT:
        outputs(arena, node, node->as.project.count, &names, &types);
        for (uint32_t i = 0; i < node->output_count; i++) {
            names[i] = node->as.project.names[i];
            types[i] = expr_type(node->as.project.child, node->as.project.exprs[i]);
        }
        break;
    case WEIR_NODE_AGG:
        resolve_agg(arena, node);
        break;
    case WEIR_NODE_FILTER:
        outputs_of(node, node->as.filter.child);
        break;
    case WEIR_NODE_SORT:
        outputs_of(node, node->as.sort.child);
        break;
    case WEIR_NODE_UNION:
        outputs_of(node, node->as.merge.children[0]);
        break;
    case WEIR_NODE_JOIN:
        resolve_names(arena, node, node->as.join.columns, node->as.join.column_count);
        break;
    case WEIR_NODE_UNNEST:
        resolve_names(arena, node, node->as.unnest.columns, node->as.unnest.column_count);
        break;
    case WEIR_NODE_WINDOW:
        assert(!"no such node yet");
    }
}

static bool check_names(const weir_node *node, weir_error *err)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (weir_str_eq(node->output_names[i], node->output_names[k])) {
                return weir_fail(err, WEIR_ERR_BAD_QUERY, "there are two outputs '%.*s'",
                                 WEIR_STR_ARG(node->output_names[i]));
            }
        }
    }
    return true;
}

static bool check_node(weir_arena *arena, weir_node *node, weir_error *err);

static bool check_children(weir_arena *arena, weir_node *node, weir_error *err)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        assert((node->as.rows.child != NULL) + (node->as.rows.given != NULL) +
                   (node->as.rows.table_count > 0) ==
               1);
        return !node->as.rows.child || check_node(arena, node->as.rows.child, err);
    case WEIR_NODE_FILTER:
        assert(node->as.filter.predicate || node->as.filter.filter);
        return check_node(arena, node->as.filter.child, err);
    case WEIR_NODE_PROJECT:
        return check_node(arena, node->as.project.child, err);
    case WEIR_NODE_AGG:
        assert(node->as.agg.key_count <= 64 || node->as.agg.set_count == 0);
        return check_node(arena, node->as.agg.child, err);
    case WEIR_NODE_SORT:
        return check_node(arena, node->as.sort.child, err);
    case WEIR_NODE_UNION:
        assert(node->as.merge.child_count > 0);
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            if (!check_node(arena, node->as.merge.children[i], err)) {
                return false;
            }
        }
        return true;
    case WEIR_NODE_JOIN:
        return check_node(arena, node->as.join.left, err) &&
               check_node(arena, node->as.join.right, err);
    case WEIR_NODE_UNNEST:
        return check_node(arena, node->as.unnest.child, err);
    case WEIR_NODE_WINDOW:
        break;
    }
    return weir_fail(err, WEIR_ERR_UNSUPPORTED, "windows are not supported yet");
}

static bool check_node(weir_arena *arena, weir_node *node, weir_error *err)
{
    if (!check_children(arena, node, err)) {
        return false;
    }
    weir_node_resolve(arena, node);
    if (node->kind == WEIR_NODE_SORT) {
        for (uint32_t i = 0; i < node->as.sort.key_count; i++) {
            assert(node->as.sort.keys[i].column < node->output_count);
        }
        assert(node->as.sort.offset >= 0);
    }
    if (node->kind == WEIR_NODE_UNION) {
        for (uint32_t i = 1; i < node->as.merge.child_count; i++) {
            assert(node->as.merge.children[i]->output_count == node->output_count);
        }
    }
    return node->kind == WEIR_NODE_ROWS || node->kind == WEIR_NODE_JOIN ||
           node->kind == WEIR_NODE_UNNEST || check_names(node, err);
}

bool weir_plan_check(weir_plan *plan, weir_error *err)
{
    return check_node(plan->arena, plan->root, err);
}

/* Printing. */
static void put_name(weir_buf *out, weir_str name)
{
    weir_json json = {.out = out};
    bool plain = name.size > 0;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.at[i];
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_');
    }
    if (plain) {
        weir_buf_str(out, name);
    } else {
        weir_json_str(&json, name);
    }
}

static void put_names(weir_buf *out, const weir_str *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        weir_buf_text(out, i ? ", " : "");
        put_name(out, names[i]);
    }
}

static void put_expr(weir_buf *out, const weir_expr *expr)
{
    if (expr->kind == WEIR_EXPR_COLUMN) {
        put_name(out, expr->name);
    } else {
        weir_expr_print(expr, out);
    }
}

static void put_type(weir_buf *out, weir_type type)
{
    char text[64];
    if (type.kind != WEIR_UNKNOWN) {
        weir_buf_byte(out, ' ');
        weir_buf_str(out, weir_type_name(type, text));
    }
}

static void print_rows(const weir_node_rows *rows, weir_buf *out, uint32_t indent)
{
    weir_buf_text(out, "ROWS ");
    if (rows->child) {
        weir_buf_text(out, weir_node_streams(rows->child) ? "of what follows" : "of query");
    }
    if (rows->given) {
        weir_buf_printf(out, "%u given rows %016llx ", rows->given->row_count,
                        (unsigned long long)rows->given->hash);
    }
    put_names(out, rows->tables, rows->table_count);
    for (uint32_t i = 0; i < rows->interval_count; i++) {
        char from[40], to[40];
        size_t from_size = weir_time_print(from, rows->intervals[i].start_ms),
               to_size = weir_time_print(to, rows->intervals[i].end_ms);
        weir_buf_printf(out, "%s%.*s/%.*s", i ? "," : " ", (int)from_size, from, (int)to_size, to);
    }
    weir_buf_text(out, " [");
    put_names(out, rows->columns, rows->column_count);
    weir_buf_text(out, rows->order == WEIR_ORDER_TIME_ASC    ? "] ascending"
                       : rows->order == WEIR_ORDER_TIME_DESC ? "] descending"
                                                             : "]");
    for (uint32_t i = 0; i < rows->virtual_count; i++) {
        weir_buf_text(out, i ? ", " : " with ");
        put_name(out, rows->virtuals[i].name);
        weir_buf_text(out, " = ");
        put_expr(out, rows->virtuals[i].expr);
        put_type(out, rows->virtuals[i].type);
    }
    if (rows->filter) {
        weir_buf_text(out, " where ");
        weir_filter_print(rows->filter, out);
    }
    weir_buf_byte(out, '\n');
    if (rows->child) {
        weir_node_print(rows->child, out, indent + 1);
    }
}

static void print_bucket(const weir_granularity *gran, weir_buf *out)
{
    switch ((weir_gran_kind)gran->kind) {
    case WEIR_GRAN_ALL:
        weir_buf_text(out, "all");
        return;
    case WEIR_GRAN_NONE:
        weir_buf_text(out, "none");
        return;
    case WEIR_GRAN_DURATION:
        weir_buf_printf(out, "%lldms", (long long)gran->duration_ms);
        break;
    case WEIR_GRAN_PERIOD:
        weir_buf_str(out, gran->name);
        weir_buf_byte(out, ' ');
        weir_buf_str(out, weir_zone_id(gran->zone));
        break;
    }
    if (gran->has_origin || gran->kind == WEIR_GRAN_DURATION) {
        weir_buf_printf(out, " from %lld", (long long)gran->origin_ms);
    }
}

static void print_use(const weir_agg_use *use, weir_buf *out)
{
    put_name(out, use->spec.name);
    weir_buf_printf(out, " = %s(", use->spec.agg->type);
    for (uint32_t i = 0; i < use->spec.arg_count; i++) {
        weir_buf_text(out, i ? ", " : "");
        put_expr(out, use->spec.args[i]);
    }
    weir_buf_byte(out, ')');
    if (use->spec.agg->param_count > use->spec.arg_count) { /* parameters that are no arguments */
        weir_buf_byte(out, ' ');
        weir_buf_str(out, use->spec.json);
    }
    for (uint32_t i = 0; use->spec.agg->settle && i < use->spec.agg->param_count; i++) {
        const weir_value *value = &use->spec.values[i]; /* what was made of the JSON */
        if (value->type.kind == WEIR_STRING && !value->is_null) {
            weir_buf_byte(out, ' ');
            weir_buf_str(out, value->as.s);
        }
    }
    if (use->filter) {
        weir_buf_text(out, " where ");
        weir_filter_print(use->filter, out);
    }
    weir_buf_text(out, use->raw_name.at ? " and raw" : "");
}

static void print_agg(const weir_node_agg *agg, weir_buf *out)
{
    static const char *const shapes[] = {"timeseries", "topN", "groupBy"};
    weir_buf_printf(out, "AGG %s by ", shapes[agg->shape]);
    print_bucket(&agg->bucket, out);
    for (uint32_t i = 0; i < agg->key_count; i++) {
        weir_buf_text(out, ", ");
        put_name(out, agg->keys[i].name);
        if (agg->keys[i].expr->kind != WEIR_EXPR_COLUMN ||
            !weir_str_eq(agg->keys[i].expr->name, agg->keys[i].name)) {
            weir_buf_text(out, " = ");
            put_expr(out, agg->keys[i].expr);
        }
        put_type(out, agg->keys[i].type);
        if (agg->keys[i].list_filter) {
            weir_buf_text(out, " of ");
            weir_filter_print(agg->keys[i].list_filter, out);
        }
    }
    for (uint32_t i = 0; i < agg->set_count; i++) {
        weir_buf_printf(out, "%s%llx", i ? "," : " sets ", (unsigned long long)agg->sets[i]);
    }
    weir_buf_printf(out, "%s%s%s%s: ", agg->fill ? " fill" : "",
                    agg->descending ? " descending" : "", agg->empty_row ? " empty_row" : "",
                    agg->skip_empty_lists ? " skip_empty_lists" : "");
    for (uint32_t i = 0; i < agg->agg_count; i++) {
        weir_buf_text(out, i ? ", " : "");
        print_use(&agg->aggs[i], out);
    }
    weir_buf_byte(out, '\n');
}

static void print_sort(const weir_node *node, weir_buf *out)
{
    const weir_node_sort *sort = &node->as.sort;
    weir_buf_text(out, "SORT");
    for (uint32_t i = 0; i < sort->key_count; i++) {
        const weir_sort_key *key = &sort->keys[i];
        weir_buf_text(out, i ? ", " : " ");
        put_name(out, node->output_names[key->column]);
        weir_buf_printf(out, "%s%s", key->descending ? " desc" : "",
                        key->nulls_last ? " nulls last" : "");
        if (key->ordering && key->ordering != &weir_order_lexicographic) {
            weir_buf_printf(out, " %s", key->ordering->name);
        }
    }
    if (sort->limit >= 0) {
        weir_buf_printf(out, " limit %lld%s", (long long)sort->limit,
                        sort->per_bucket ? " per bucket" : "");
    }
    if (sort->offset > 0) {
        weir_buf_printf(out, " offset %lld", (long long)sort->offset);
    }
    weir_buf_byte(out, '\n');
}

static void print_join(const weir_node *node, weir_buf *out, uint32_t indent)
{
    static const char *const kinds[] = {"inner", "left", "right", "full"};
    const weir_node_join *join = &node->as.join;
    weir_buf_printf(out, "JOIN %s ", kinds[join->kind]);
    put_name(out, join->prefix);
    weir_buf_text(out, join->never ? " never" : join->pair_count ? " on" : " always");
    for (uint32_t i = 0; i < join->pair_count; i++) {
        weir_buf_text(out, i ? ", " : " ");
        put_expr(out, join->pairs[i].left);
        weir_buf_text(out, join->pairs[i].nulls ? " is " : " = ");
        put_name(out, join->pairs[i].right);
    }
    weir_buf_text(out, " [");
    put_names(out, join->columns, join->column_count);
    weir_buf_text(out, "]\n");
    weir_node_print(join->left, out, indent + 1);
    weir_node_print(join->right, out, indent + 1);
}

static void print_unnest(const weir_node *node, weir_buf *out, uint32_t indent)
{
    const weir_node_unnest *unnest = &node->as.unnest;
    weir_buf_text(out, "UNNEST ");
    put_name(out, unnest->list.name);
    weir_buf_text(out, " = ");
    put_expr(out, unnest->list.expr);
    put_type(out, unnest->list.type);
    weir_buf_text(out, " [");
    put_names(out, unnest->columns, unnest->column_count);
    weir_buf_text(out, "]");
    weir_buf_text(out, unnest->keep_empty ? " keep_empty" : "");
    if (unnest->filter) {
        weir_buf_text(out, " where ");
        weir_filter_print(unnest->filter, out);
    }
    weir_buf_byte(out, '\n');
    weir_node_print(unnest->child, out, indent + 1);
}

void weir_node_print(const weir_node *node, weir_buf *out, uint32_t indent)
{
    for (uint32_t i = 0; i < indent; i++) {
        weir_buf_text(out, "  ");
    }
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        print_rows(&node->as.rows, out, indent);
        return;
    case WEIR_NODE_FILTER:
        weir_buf_text(out, "FILTER ");
        if (node->as.filter.predicate) {
            weir_expr_print(node->as.filter.predicate, out);
        } else {
            weir_filter_print(node->as.filter.filter, out);
        }
        weir_buf_byte(out, '\n');
        weir_node_print(node->as.filter.child, out, indent + 1);
        return;
    case WEIR_NODE_PROJECT:
        weir_buf_text(out, "PROJECT ");
        for (uint32_t i = 0; i < node->as.project.count; i++) {
            const weir_expr *expr = node->as.project.exprs[i];
            weir_buf_text(out, i ? ", " : "");
            put_name(out, node->as.project.names[i]);
            if (expr->kind != WEIR_EXPR_COLUMN ||
                !weir_str_eq(expr->name, node->as.project.names[i])) {
                weir_buf_text(out, " = ");
                put_expr(out, expr);
            }
        }
        weir_buf_byte(out, '\n');
        weir_node_print(node->as.project.child, out, indent + 1);
        return;
    case WEIR_NODE_AGG:
        print_agg(&node->as.agg, out);
        weir_node_print(node->as.agg.child, out, indent + 1);
        return;
    case WEIR_NODE_SORT:
        print_sort(node, out);
        weir_node_print(node->as.sort.child, out, indent + 1);
        return;
    case WEIR_NODE_UNION:
        weir_buf_text(out, "UNION\n");
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            weir_node_print(node->as.merge.children[i], out, indent + 1);
        }
        return;
    case WEIR_NODE_JOIN:
        print_join(node, out, indent);
        return;
    case WEIR_NODE_UNNEST:
        print_unnest(node, out, indent);
        return;
    case WEIR_NODE_WINDOW:
        break;
    }
    weir_buf_text(out, "?\n");
}

void weir_plan_print(const weir_plan *plan, weir_buf *out)
{
    weir_node_print(plan->root, out, 0);
}

uint64_t weir_plan_fingerprint(const weir_node *leaf)
{
    weir_buf text = {0};
    weir_node_print(leaf, &text, 0);
    uint64_t hash = weir_hash_bytes(text.at, text.size);
    weir_buf_done(&text);
    return hash;
}
