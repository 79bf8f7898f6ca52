/* query/native_grouping.c - the aggregator "grouping": which of its dimensions a row of subtotals
 * leaves out, a bit each, the last one lowest. Nothing is aggregated: the number follows from the
 * grouping set, so it is put over AGG's output as an expression. Below stands a count, whose column
 * it takes. */
#include "query/native_json.h"

enum { MOST_DIMENSIONS = 63 };

bool weir_native_grouping_parse(weir_native *n, const weir_at *at, const json_t *json,
                                weir_agg_use *out)
{
    const json_t *list;
    size_t count;
    weir_str name;
    if (!weir_native_list(n, at, json, "groupings", &list, &count) ||
        !weir_native_text(n, at, json, "name", &name)) {
        return false;
    }
    if (count == 0) {
        return weir_native_fail(n, WEIR_AT(at, "groupings"),
                                "Must have a non-empty grouping dimensions");
    }
    if (count > MOST_DIMENSIONS) {
        return weir_native_fail(n, WEIR_AT(at, "groupings"),
                                "Number of dimensions %zu is more than supported %d", count,
                                MOST_DIMENSIONS);
    }
    weir_native_grouping *grouping = WEIR_ARENA_NEW(n->arena, weir_native_grouping);
    weir_str *names = WEIR_ARENA_ARRAY(n->arena, weir_str, count);
    for (size_t i = 0; i < count; i++) {
        const weir_at *item = WEIR_AT_ITEM(WEIR_AT(at, "groupings"), i);
        if (!weir_native_scalar_text(n, item, json_array_get(list, i), &names[i])) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (weir_str_eq(names[k], names[i])) {
                return weir_native_fail(n, item, "'%.*s' stands there twice",
                                        WEIR_STR_ARG(names[i]));
            }
        }
    }
    *grouping = (weir_native_grouping){
        .use = out, .count = (uint32_t)count, .names = names, .next = n->groupings};
    n->groupings = grouping;
    *out = (weir_agg_use){.spec = {.agg = weir_agg_find(WEIR_STR("count")), .name = name}};
    return true;
}

static int64_t bits_of(const weir_native_grouping *grouping, const weir_node_agg *agg, uint64_t set)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < grouping->count; i++) {
        bool there = false;
        for (uint32_t k = 0; k < agg->key_count; k++) {
            there = there || (set >> k & 1 && weir_str_eq(agg->keys[k].name, grouping->names[i]));
        }
        bits = bits << 1 | !there;
    }
    return (int64_t)bits;
}

static const weir_expr *number_of(weir_native *n, const weir_native_grouping *grouping,
                                  const weir_node_agg *agg)
{
    if (agg->set_count == 0) { /* nothing is left out */
        return weir_expr_const(n->arena, weir_value_long(0));
    }
    weir_value *numbers = WEIR_ARENA_ARRAY(n->arena, weir_value, agg->set_count);
    for (uint32_t i = 0; i < agg->set_count; i++) {
        numbers[i] = weir_value_long(bits_of(grouping, agg, agg->sets[i]));
    }
    weir_value array = {.type = {.kind = WEIR_ARRAY, .elem = WEIR_LONG},
                        .as.array = {.at = numbers, .count = agg->set_count}};
    const weir_expr *args[] = {weir_expr_const(n->arena, array),
                               weir_expr_column(n->arena, WEIR_STR("__set"))};
    return weir_expr_call(n->arena, "array_offset", 2, args);
}

weir_node *weir_native_groupings(weir_native *n, weir_node *node)
{
    if (!n->groupings) {
        return node;
    }
    const weir_node_agg *agg = &node->as.agg;
    const weir_expr **exprs = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, node->output_count);
    for (uint32_t i = 0; i < node->output_count; i++) {
        exprs[i] = weir_expr_column(n->arena, node->output_names[i]);
    }
    for (const weir_native_grouping *g = n->groupings; g; g = g->next) {
        uint32_t column =
            1 + agg->key_count + (uint32_t)(g->use - agg->aggs); /* the bucket first */
        exprs[column] = number_of(n, g, agg);
    }
    weir_node *project = weir_node_new(n->arena, WEIR_NODE_PROJECT);
    project->as.project = (weir_node_project){
        .child = node, .count = node->output_count, .names = node->output_names, .exprs = exprs};
    weir_node_resolve(n->arena, project);
    return project;
}
