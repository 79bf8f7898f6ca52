/* query/native_join.c - the data sources that are made of others: "join", "unnest", "filter", and
 * "union" of anything but tables. Each becomes a node that streams; the time of the query is cut at
 * its leftmost leaf. What columns they put out is settled later, by who reads them
 * (rewrite_sources.c). */
#include "query/given.h"
#include "query/native_json.h"

weir_node *weir_native_source_node(weir_native *n, const weir_at *at, const json_t *json,
                                   const weir_native_part *part, const weir_node_rows *over)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_ROWS);
    node->as.rows.interval_count = over ? over->interval_count : 1;
    node->as.rows.intervals = over ? over->intervals : &weir_interval_eternity;
    if (!weir_native_source(n, at, json, part, &node->as.rows)) {
        return NULL;
    }
    weir_node *child = node->as.rows.child;
    bool bare = child && weir_node_streams(child) && !node->as.rows.filter;
    return bare ? child : node;
}

static const json_t *need_member(weir_native *n, const weir_at *at, const json_t *json,
                                 const char *name)
{
    const json_t *member = weir_native_get(json, name, NULL);
    if (!member) {
        weir_native_fail(n, at, "needs '%s'", name);
    }
    return member;
}

/* Conditions. */

typedef struct condition {
    weir_native *n;
    const weir_at *at;
    weir_node_join *join;
    weir_join_pair *pairs;
    weir_str text;
} condition;

static bool is_call(const weir_expr *expr, const char *name)
{
    return expr->kind == WEIR_EXPR_CALL && weir_str_is(expr->name, name);
}

/* Whether an expression reads columns of the left only. */
static bool is_left(const condition *c, const weir_expr *expr)
{
    weir_names names = {.arena = c->n->arena};
    weir_str stripped;
    weir_expr_columns(expr, weir_names_see, &names);
    for (uint32_t i = 0; i < names.count; i++) {
        if (weir_join_is_right(c->join, names.at[i], &stripped)) {
            return false;
        }
    }
    return true;
}

static bool add_pair(const condition *c, const weir_expr *left, const weir_expr *right, bool nulls)
{
    weir_join_pair *pair = &c->pairs[c->join->pair_count];
    if (right->kind != WEIR_EXPR_COLUMN ||
        !weir_join_is_right(c->join, right->name, &pair->right) || !is_left(c, left)) {
        return false;
    }
    pair->left = left;
    pair->nulls = nulls;
    c->join->pair_count++;
    return true;
}

static bool refuse(const condition *c)
{
    weir_str path = weir_at_path(c->n->arena, c->at);
    return weir_fail(c->n->err, WEIR_ERR_ARGUMENT,
                     "%.*s: cannot join by '%.*s': equalities of a left expression and a right "
                     "column, joined by &&, or a constant are what a join can do",
                     WEIR_STR_ARG(path), WEIR_STR_ARG(c->text));
}

/* A part that reads no column: always true, or never. */
static bool add_constant(const condition *c, const weir_expr *expr)
{
    weir_scratch scratch = {0};
    weir_shape none = {0};
    weir_vec vec, number;
    weir_sel one = weir_sel_all(1);
    weir_run run = {.scratch = &scratch, .err = c->n->err};
    const weir_program *program = weir_program_new(c->n->arena, &expr, 1, &none, 0, c->n->err);
    bool ok = program && weir_program_run(program, &run, NULL, &one, 1, &vec);
    if (ok) {
        bool null = weir_vec_is_null(&vec, 0);
        if (!null && vec.type.kind == WEIR_STRING && !vec.items) {
            null = !weir_vec_flatten(&vec, &scratch, &number, c->n->err) ||
                   !weir_str_eq_nocase(number.at.s[0], WEIR_STR("true"));
        } else if (!null) {
            null = !weir_vec_cast(&vec, WEIR_TYPE(WEIR_DOUBLE), &scratch, &number, c->n->err) ||
                   weir_vec_is_null(&number, 0) || !(number.at.d[0] > 0);
        }
        c->join->never = c->join->never || null;
    }
    weir_scratch_done(&scratch);
    return ok;
}

static bool add_part(const condition *c, const weir_expr *expr)
{
    if (is_call(expr, "&&")) {
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            if (!add_part(c, expr->args[i])) {
                return false;
            }
        }
        return true;
    }
    weir_names names = {.arena = c->n->arena};
    weir_expr_columns(expr, weir_names_see, &names);
    if (names.count == 0) {
        return add_constant(c, expr);
    }
    bool nulls = is_call(expr, "notdistinctfrom");
    if ((!nulls && !is_call(expr, "==")) || expr->arg_count != 2) {
        return refuse(c);
    }
    return add_pair(c, expr->args[0], expr->args[1], nulls) ||
           add_pair(c, expr->args[1], expr->args[0], nulls) || refuse(c);
}

static uint32_t count_parts(const weir_expr *expr)
{
    uint32_t count = 1;
    for (uint32_t i = 0; is_call(expr, "&&") && i < expr->arg_count; i++) {
        count += count_parts(expr->args[i]);
    }
    return count;
}

static bool parse_condition(weir_native *n, const weir_at *at, const json_t *json,
                            weir_node_join *join)
{
    const weir_at *text_at = WEIR_AT(at, "condition");
    const weir_expr *expr;
    condition c = {.n = n, .at = text_at, .join = join};
    if (!weir_native_need_text(n, at, json, "condition", &c.text) ||
        !weir_native_expr(n, text_at, c.text, &expr)) {
        return false;
    }
    c.pairs = WEIR_ARENA_ARRAY(n->arena, weir_join_pair, count_parts(expr));
    join->pairs = c.pairs;
    return add_part(&c, expr);
}

/* Joins. */

static bool parse_kind(weir_native *n, const weir_at *at, const json_t *json, uint8_t *kind)
{
    static const char *const names[] = {"INNER", "LEFT", "RIGHT", "FULL"};
    weir_str name;
    if (!weir_native_need_text(n, at, json, "joinType", &name)) {
        return false;
    }
    for (uint8_t i = 0; i < 4; i++) {
        if (weir_str_eq_nocase(name, weir_str_of(names[i]))) {
            *kind = i;
            return true;
        }
    }
    return weir_native_fail(n, WEIR_AT(at, "joinType"), "'%.*s' is no type of join",
                            WEIR_STR_ARG(name));
}

static bool begins_with(weir_str text, weir_str prefix)
{
    return text.size >= prefix.size && memcmp(text.at, prefix.at, prefix.size) == 0;
}

/* Of joins of joins, no prefix may begin with another's. */
static bool check_prefix(weir_native *n, const weir_at *at, const weir_node_join *join)
{
    const weir_at *prefix_at = WEIR_AT(at, "rightPrefix");
    if (join->prefix.size == 0) {
        return weir_native_fail(n, prefix_at, "must not be empty");
    }
    if (begins_with(WEIR_STR("__time"), join->prefix) && join->prefix.size < 6) {
        return weir_native_fail(n, prefix_at, "'%.*s' would hide __time",
                                WEIR_STR_ARG(join->prefix));
    }
    for (const weir_node *left = join->left; left->kind == WEIR_NODE_JOIN;
         left = left->as.join.left) {
        weir_str other = left->as.join.prefix;
        if (begins_with(other, join->prefix) || begins_with(join->prefix, other)) {
            weir_str path = weir_at_path(n->arena, prefix_at);
            return weir_fail(n->err, WEIR_ERR_ARGUMENT,
                             "%.*s: '%.*s' is in conflict with '%.*s' of another join",
                             WEIR_STR_ARG(path), WEIR_STR_ARG(join->prefix), WEIR_STR_ARG(other));
        }
    }
    return true;
}

static bool is_table(const json_t *json)
{
    const json_t *type = json_object_get(json, "type");
    const char *name = json_string_value(type);
    return json_is_string(json) ||
           (name && (strcmp(name, "table") == 0 || strcmp(name, "globalTable") == 0));
}

static bool left_filter(weir_native *n, const weir_at *at, const json_t *json, const json_t *left,
                        weir_node_join *join)
{
    const json_t *filter = weir_native_get(json, "leftFilter", NULL);
    const weir_at *filter_at = WEIR_AT(at, "leftFilter");
    if (!filter) {
        return true;
    }
    if (!is_table(left)) {
        return weir_native_fail(n, filter_at, "needs a table on the left");
    }
    return weir_native_filter(n, filter_at, filter, &join->left->as.rows.filter);
}

/* A lookup that is not there cannot be joined (alone it has no rows). */
static bool check_lookup(weir_native *n, const weir_at *at, const json_t *right,
                         const weir_node *node)
{
    const json_t *lookup = json_object_get(right, "lookup");
    bool missing = node->kind == WEIR_NODE_ROWS && json_is_string(lookup) && node->as.rows.given &&
                   !node->as.rows.given->lookup && !node->as.rows.given->columns;
    weir_str path = weir_at_path(n->arena, WEIR_AT(WEIR_AT(at, "right"), "lookup"));
    return !missing || weir_fail(n->err, WEIR_ERR_ARGUMENT, "%.*s: there is no lookup '%s'",
                                 WEIR_STR_ARG(path), json_string_value(lookup));
}

bool weir_native_join(weir_native *n, const weir_at *at, const json_t *json,
                      const weir_native_part *part, weir_node_rows *rows)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_JOIN);
    weir_node_join *join = &node->as.join;
    const json_t *left = need_member(n, at, json, "left");
    const json_t *right = left ? need_member(n, at, json, "right") : NULL;
    if (!right || !weir_native_need_text(n, at, json, "rightPrefix", &join->prefix) ||
        !parse_kind(n, at, json, &join->kind) || !parse_condition(n, at, json, join)) {
        return false;
    }
    join->left = weir_native_source_node(n, WEIR_AT(at, "left"), left, part, rows);
    if (!join->left || !check_prefix(n, at, join) || !left_filter(n, at, json, left, join)) {
        return false;
    }
    join->right = weir_native_source_node(n, WEIR_AT(at, "right"), right, part, NULL);
    rows->child = node;
    return join->right && check_lookup(n, at, right, join->right);
}

bool weir_native_unnest(weir_native *n, const weir_at *at, const json_t *json,
                        const weir_native_part *part, weir_node_rows *rows)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_UNNEST);
    weir_node_unnest *unnest = &node->as.unnest;
    const json_t *base = need_member(n, at, json, "base");
    const json_t *list = base ? need_member(n, at, json, "virtualColumn") : NULL;
    if (!list || !weir_native_virtual(n, WEIR_AT(at, "virtualColumn"), list, &unnest->list) ||
        !weir_native_filter(n, WEIR_AT(at, "unnestFilter"),
                            weir_native_get(json, "unnestFilter", NULL), &unnest->filter)) {
        return false;
    }
    unnest->child = weir_native_source_node(n, WEIR_AT(at, "base"), base, part, rows);
    rows->child = node;
    return unnest->child != NULL;
}

bool weir_native_filtered(weir_native *n, const weir_at *at, const json_t *json,
                          const weir_native_part *part, weir_node_rows *rows)
{
    const json_t *base = need_member(n, at, json, "base");
    const json_t *filter = base ? need_member(n, at, json, "filter") : NULL;
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_ROWS);
    if (!filter || !weir_native_filter(n, WEIR_AT(at, "filter"), filter, &node->as.rows.filter)) {
        return false;
    }
    node->as.rows.interval_count = rows->interval_count;
    node->as.rows.intervals = rows->intervals;
    node->as.rows.child = weir_native_source_node(n, WEIR_AT(at, "base"), base, part, rows);
    rows->child = node;
    return node->as.rows.child != NULL;
}

bool weir_native_union_node(weir_native *n, const weir_at *at, const json_t *list,
                            const weir_native_part *part, weir_node_rows *rows)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_UNION);
    uint32_t count = (uint32_t)json_array_size(list);
    weir_node **children = WEIR_ARENA_ARRAY(n->arena, weir_node *, count);
    for (uint32_t i = 0; i < count; i++) {
        children[i] = weir_native_source_node(n, WEIR_AT_ITEM(WEIR_AT(at, "dataSources"), i),
                                              json_array_get(list, i), part, rows);
        if (!children[i]) {
            return false;
        }
    }
    node->as.merge = (weir_node_union){count, children};
    rows->child = node;
    return true;
}
