/* query/native_group.c - what timeseries, topN and groupBy share: ROWS -> AGG -> PROJECT of the
 * post-aggregators. A post-aggregator may read the ones before it: each PROJECT computes those
 * whose inputs are known below it, so a chain makes several. */
#include "query/native_json.h"

enum { MAX_LEVEL_COLUMNS = 100000 }; /* 0.3 s of planning */

bool weir_native_shown(const weir_native_part *part, weir_str name, uint32_t *column)
{
    for (uint32_t i = 0; i < part->shown_count; i++) {
        if (weir_str_eq(part->shown[i].name, name)) {
            *column = part->shown[i].column;
            return true;
        }
    }
    return false;
}

bool weir_native_orderable(weir_native *n, const weir_at *at, const weir_native_part *part,
                           weir_str name)
{
    for (uint32_t i = 0; i < part->agg_count; i++) {
        const weir_agg_spec *spec = &part->aggs[i].spec;
        for (uint32_t k = 0; k < spec->agg->param_count && weir_str_eq(spec->name, name); k++) {
            if (strcmp(spec->agg->params[k].name, "compare") == 0 && !spec->values[k].is_null) {
                return weir_native_unsupported(
                    n, at, "ordering by the 'compare' of '%.*s' is not supported",
                    WEIR_STR_ARG(name));
            }
        }
    }
    return true;
}

weir_node *weir_native_sort(weir_native *n, weir_node *child, const weir_sort_key *keys,
                            uint32_t key_count, int64_t limit, int64_t offset, bool per_bucket)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_SORT);
    weir_sort_key *copy = WEIR_ARENA_ARRAY(n->arena, weir_sort_key, key_count + 1);
    if (key_count) {
        memcpy(copy, keys, key_count * sizeof(*copy));
    }
    node->as.sort = (weir_node_sort){.child = child,
                                     .key_count = key_count,
                                     .keys = copy,
                                     .limit = limit,
                                     .offset = offset,
                                     .per_bucket = per_bucket};
    weir_node_resolve(n->arena, node);
    return node;
}

/* Every output has one name; post-aggregators read only what is there before them. */
static bool check_outputs(weir_native *n, const weir_at *at, const weir_native_part *part,
                          const weir_grouping *group)
{
    weir_names names = {.arena = n->arena};
    for (uint32_t i = 0; i < group->agg.key_count; i++) {
        if (!weir_names_add(&names, group->agg.keys[i].name)) {
            return weir_native_fail(n, at, "there are two outputs '%.*s'",
                                    WEIR_STR_ARG(group->agg.keys[i].name));
        }
    }
    for (uint32_t i = 0; i < part->agg_count; i++) {
        if (!weir_names_add(&names, part->aggs[i].spec.name)) {
            return weir_native_fail(n, WEIR_AT_ITEM(WEIR_AT(at, "aggregations"), i),
                                    "there are two outputs '%.*s'",
                                    WEIR_STR_ARG(part->aggs[i].spec.name));
        }
        if (part->aggs[i].raw_name.at) {
            weir_names_add(&names, part->aggs[i].raw_name);
        }
    }
    for (uint32_t i = 0; i < part->postagg_count; i++) {
        const weir_at *item = WEIR_AT_ITEM(WEIR_AT(at, "postAggregations"), i);
        weir_names used = {.arena = n->arena};
        weir_expr_columns(part->postaggs[i].expr, weir_names_see, &used);
        for (uint32_t k = 0; k < used.count; k++) {
            uint32_t index;
            if (!weir_names_has(&names, used.at[k], &index)) {
                return weir_native_fail(n, item, "there is no output '%.*s' before '%.*s'",
                                        WEIR_STR_ARG(used.at[k]),
                                        WEIR_STR_ARG(part->postaggs[i].name));
            }
        }
        if (!weir_names_add(&names, part->postaggs[i].name)) {
            return weir_native_fail(n, item, "there are two outputs '%.*s'",
                                    WEIR_STR_ARG(part->postaggs[i].name));
        }
    }
    return true;
}

static weir_node *project_level(weir_native *n, weir_node *child, const weir_native_part *part,
                                const uint32_t *levels, uint32_t level)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_PROJECT);
    uint32_t count = child->output_count;
    weir_str *names = WEIR_ARENA_ARRAY(n->arena, weir_str, count + part->postagg_count);
    const weir_expr **exprs =
        WEIR_ARENA_ARRAY(n->arena, const weir_expr *, count + part->postagg_count);
    for (uint32_t i = 0; i < count; i++) {
        names[i] = child->output_names[i];
        exprs[i] = weir_expr_column(n->arena, names[i]);
    }
    for (uint32_t i = 0; i < part->postagg_count; i++) {
        if (levels[i] == level) {
            names[count] = part->postaggs[i].name;
            exprs[count++] = part->postaggs[i].expr;
        }
    }
    node->as.project = (weir_node_project){child, count, names, exprs};
    weir_node_resolve(n->arena, node);
    return node;
}

/* NULL: each level copies all columns, and these are too many. */
static weir_node *project_postaggs(weir_native *n, const weir_at *at, weir_node *child,
                                   const weir_native_part *part)
{
    uint32_t *levels = WEIR_ARENA_ARRAY(n->arena, uint32_t, part->postagg_count + 1);
    uint32_t level_count = part->postagg_count ? 1 : 0;
    weir_names before = {.arena = n->arena};
    for (uint32_t i = 0; i < part->postagg_count; i++) {
        weir_names used = {.arena = n->arena};
        uint32_t index;
        weir_expr_columns(part->postaggs[i].expr, weir_names_see, &used);
        for (uint32_t k = 0; k < used.count; k++) {
            if (weir_names_has(&before, used.at[k], &index) && levels[index] + 1 > levels[i]) {
                levels[i] = levels[index] + 1;
            }
        }
        level_count = levels[i] + 1 > level_count ? levels[i] + 1 : level_count;
        weir_names_add(&before, part->postaggs[i].name);
    }
    if ((uint64_t)level_count * (child->output_count + part->postagg_count) > MAX_LEVEL_COLUMNS) {
        weir_native_too_large(n, WEIR_AT(at, "postAggregations"),
                              "are %u levels deep over %u columns", level_count,
                              child->output_count + part->postagg_count);
        return NULL;
    }
    for (uint32_t level = 0; level < level_count; level++) {
        child = project_level(n, child, part, levels, level);
    }
    return child;
}

static void show_outputs(weir_native *n, weir_native_part *part, const weir_grouping *group)
{
    uint32_t count = group->agg.key_count + part->agg_count + part->postagg_count, at = 0;
    weir_native_column *shown = WEIR_ARENA_ARRAY(n->arena, weir_native_column, count + 1);
    for (uint32_t i = 0; i < group->agg.key_count; i++) {
        shown[at++].name = group->agg.keys[i].name;
    }
    for (uint32_t i = 0; i < part->agg_count; i++) {
        shown[at++].name = part->aggs[i].spec.name;
    }
    for (uint32_t i = 0; i < part->postagg_count; i++) {
        shown[at++].name = part->postaggs[i].name;
    }
    for (uint32_t i = 0; i < count; i++) {
        weir_node_find(group->root, shown[i].name, &shown[i].column);
    }
    for (uint32_t i = 0; i < part->agg_count && !part->options.finalize; i++) {
        if (part->aggs[i].raw_name.at && part->aggs[i].spec.agg->finalizes) {
            weir_node_find(group->root, part->aggs[i].raw_name,
                           &shown[group->agg.key_count + i].column);
        }
    }
    part->shown = shown;
    part->shown_count = count;
    part->key_count = group->agg.key_count;
}

bool weir_native_group(weir_native *n, const weir_at *at, const json_t *json,
                       weir_native_part *part, weir_grouping *group)
{
    weir_node *rows;
    if (!weir_native_rows(n, at, json, part, true, &rows) ||
        !weir_native_aggs(n, at, json, &n->agg_count, &n->aggs) ||
        !weir_native_postaggs(n, at, json, &part->postagg_count, &part->postaggs)) {
        return false;
    }
    for (uint32_t i = 0; i < n->agg_count && !part->options.finalize; i++) {
        weir_native_raw(n, n->aggs[i].spec.name);
    }
    if (part->options.grand_total) {
        weir_native_states(n);
    }
    part->agg_count = n->agg_count;
    part->aggs = n->aggs;
    if (!check_outputs(n, at, part, group)) {
        return false;
    }
    weir_names columns = {.arena = n->arena};
    for (uint32_t i = 0; i < group->agg.key_count; i++) {
        weir_expr_columns(group->agg.keys[i].expr, weir_names_see, &columns);
    }
    for (uint32_t i = 0; i < part->agg_count; i++) {
        for (uint32_t k = 0; k < part->aggs[i].spec.arg_count; k++) {
            weir_expr_columns(part->aggs[i].spec.args[k], weir_names_see, &columns);
        }
    }
    rows->as.rows.column_count = columns.count;
    rows->as.rows.columns = columns.at;
    weir_node_resolve(n->arena, rows);
    weir_node *agg = weir_node_new(n->arena, WEIR_NODE_AGG);
    group->agg.child = rows;
    group->agg.bucket = part->granularity;
    group->agg.agg_count = part->agg_count;
    group->agg.aggs = part->aggs;
    agg->as.agg = group->agg;
    weir_node_resolve(n->arena, agg);
    group->root = project_postaggs(n, at, weir_native_groupings(n, agg), part);
    if (!group->root) {
        return false;
    }
    part->has_bucket = true;
    show_outputs(n, part, group);
    return true;
}
