/* query/rewrite.c - rules that make a plan cheaper without changing its answer, in place, each a
 * function. Now: filters in normal form; a FILTER that is always true goes; a filter that is never
 * true needs no other part. Rules for joins and their like: rewrite_sources.c. */
#include "query/filter_types.h"
#include "query/rewrite.h"

static weir_filter *settle(weir_arena *arena, weir_filter *filter)
{
    filter = weir_filter_normal(arena, filter);
    return filter && filter->kind == WEIR_FILTER_TRUE ? NULL : filter;
}

static weir_node *rewrite(weir_arena *arena, weir_node *node);

static void rewrite_agg(weir_arena *arena, weir_node_agg *agg)
{
    weir_agg_use *uses = WEIR_ARENA_ARRAY(arena, weir_agg_use, agg->agg_count + 1);
    for (uint32_t i = 0; i < agg->agg_count; i++) {
        uses[i] = agg->aggs[i];
        uses[i].filter = settle(arena, uses[i].filter);
    }
    agg->aggs = uses;
    agg->child = rewrite(arena, agg->child);
}

static weir_node *rewrite(weir_arena *arena, weir_node *node)
{
    switch ((weir_node_kind)node->kind) {
    case WEIR_NODE_ROWS:
        node->as.rows.filter = settle(arena, node->as.rows.filter);
        if (node->as.rows.child) {
            node->as.rows.child = rewrite(arena, node->as.rows.child);
        }
        break;
    case WEIR_NODE_FILTER:
        node->as.filter.child = rewrite(arena, node->as.filter.child);
        node->as.filter.filter = settle(arena, node->as.filter.filter);
        if (!node->as.filter.predicate && !node->as.filter.filter) {
            return node->as.filter.child;
        }
        break;
    case WEIR_NODE_PROJECT:
        node->as.project.child = rewrite(arena, node->as.project.child);
        break;
    case WEIR_NODE_AGG:
        rewrite_agg(arena, &node->as.agg);
        break;
    case WEIR_NODE_SORT:
        node->as.sort.child = rewrite(arena, node->as.sort.child);
        break;
    case WEIR_NODE_UNION: {
        weir_node **children = WEIR_ARENA_ARRAY(arena, weir_node *, node->as.merge.child_count);
        for (uint32_t i = 0; i < node->as.merge.child_count; i++) {
            children[i] = rewrite(arena, node->as.merge.children[i]);
        }
        node->as.merge.children = children;
        break;
    }
    case WEIR_NODE_JOIN:
        node->as.join.left = rewrite(arena, node->as.join.left);
        node->as.join.right = rewrite(arena, node->as.join.right);
        break;
    case WEIR_NODE_UNNEST:
        node->as.unnest.child = rewrite(arena, node->as.unnest.child);
        node->as.unnest.filter = settle(arena, node->as.unnest.filter);
        break;
    case WEIR_NODE_WINDOW:
        break;
    }
    return node;
}

bool weir_plan_rewrite(weir_plan *plan, weir_error *err)
{
    (void)err;
    plan->root = rewrite(plan->arena, plan->root);
    weir_rewrite_sources(plan->arena, plan->root);
    return true;
}
