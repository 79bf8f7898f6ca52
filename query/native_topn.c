/* query/native_topn.c - topN: ROWS -> AGG(bucket, one key) -> PROJECT -> SORT(metric, then the
 * dimension's value, limited per bucket). previousStop is a FILTER on the key. The result is exact.
 */
#include "query/native_json.h"

typedef struct metric {
    bool by_dimension, inverted;
    weir_str name;                 /* by aggregate */
    const weir_ordering *ordering; /* by dimension */
    weir_str previous_stop;        /* at NULL: none */
} metric;

static bool parse_metric(weir_native *n, const weir_at *at, const json_t *json, metric *out)
{
    weir_str type;
    if (json_is_string(json)) {
        return weir_native_scalar_text(n, at, json, &out->name);
    }
    if (!weir_native_need_type(n, at, json, &type)) {
        return false;
    }
    if (weir_str_is(type, "numeric")) {
        return weir_native_need_text(n, at, json, "metric", &out->name);
    }
    if (weir_str_is(type, "inverted")) {
        const json_t *inner = weir_native_get(json, "metric", NULL);
        out->inverted = !out->inverted;
        if (!inner) {
            return weir_native_fail(n, at, "needs 'metric'");
        }
        if (!weir_native_enter(n, at)) {
            return false;
        }
        bool ok = parse_metric(n, WEIR_AT(at, "metric"), inner, out);
        weir_native_leave(n);
        return ok;
    }
    out->by_dimension = true;
    out->ordering = &weir_order_lexicographic;
    if (weir_str_is(type, "alphaNumeric")) {
        out->ordering = &weir_order_alphanumeric;
    } else if (weir_str_is(type, "dimension")) {
        if (!weir_native_ordering(n, WEIR_AT(at, "ordering"), json_object_get(json, "ordering"),
                                  &weir_order_lexicographic, &out->ordering)) {
            return false;
        }
    } else if (!weir_str_is(type, "lexicographic")) {
        return weir_native_fail(n, WEIR_AT(at, "type"), "'%.*s' is no metric of a topN",
                                WEIR_STR_ARG(type));
    }
    return weir_native_text(n, at, json, "previousStop", &out->previous_stop);
}

static weir_node *after_stop(weir_native *n, weir_node *child, weir_str key, const metric *by)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_FILTER);
    weir_bounds bounds = {.ordering = by->ordering,
                          .nulls_below = true,
                          .has_lower = !by->inverted,
                          .has_upper = by->inverted};
    bounds.lower_strict = bounds.upper_strict = true;
    bounds.lower = bounds.upper = by->previous_stop;
    node->as.filter.child = child;
    node->as.filter.filter = weir_filter_bounds(n->arena, (weir_target){.column = key}, &bounds);
    weir_node_resolve(n->arena, node);
    return node;
}

/* Druid orders a topN by its dimension's texts whatever its type, so that 10 is before 9 unless the
 * ordering is numeric, and then NaN, which is no number there, before all numbers. */
static weir_node *with_text(weir_native *n, weir_node *child, weir_str key)
{
    weir_node *node = weir_node_new(n->arena, WEIR_NODE_PROJECT);
    uint32_t count = child->output_count;
    weir_str *names = WEIR_ARENA_ARRAY(n->arena, weir_str, count + 1);
    const weir_expr **exprs = WEIR_ARENA_ARRAY(n->arena, const weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        names[i] = child->output_names[i];
        exprs[i] = weir_expr_column(n->arena, names[i]);
    }
    const weir_expr *args[2] = {weir_expr_column(n->arena, key),
                                weir_expr_const(n->arena, weir_value_str(WEIR_STR("STRING")))};
    names[count] = WEIR_STR("__text");
    exprs[count] = weir_expr_call(n->arena, "cast", 2, args);
    node->as.project = (weir_node_project){child, count + 1, names, exprs};
    weir_node_resolve(n->arena, node);
    return node;
}

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part)
{
    const json_t *dimension = weir_native_get(json, "dimension", NULL),
                 *metric_json = weir_native_get(json, "metric", NULL);
    weir_key *key = WEIR_ARENA_NEW(n->arena, weir_key);
    metric by = {0};
    int64_t threshold;
    const weir_expr *after = NULL;
    weir_grouping group = {
        .agg = {.shape = WEIR_SHAPE_TOPN, .key_count = 1, .keys = key, .skip_empty_lists = true}};
    if (!dimension || !metric_json) {
        return weir_native_fail(n, at, "needs '%s'", dimension ? "metric" : "dimension");
    }
    if (!weir_native_granularity(n, WEIR_AT(at, "granularity"),
                                 weir_native_get(json, "granularity", NULL), &part->granularity) ||
        !weir_native_dimension(n, WEIR_AT(at, "dimension"), dimension, key) ||
        !parse_metric(n, WEIR_AT(at, "metric"), metric_json, &by) ||
        !weir_native_long(n, at, json, "threshold", 0, &threshold)) {
        return false;
    }
    if (threshold <= 0) {
        return weir_native_fail(n, WEIR_AT(at, "threshold"), "must be greater than 0");
    }
    if ((!by.by_dimension &&
         !weir_native_postpone(n, WEIR_AT(at, "dimension"), dimension, key, &after)) ||
        !weir_native_group(n, at, json, part, &group)) {
        return false;
    }
    weir_sort_key keys[3] = {
        {.column = 0}, {.descending = !by.inverted, .nulls_last = !by.inverted}, {.column = 1}};
    uint32_t key_count = 3;
    weir_node *root = group.root;
    if (by.by_dimension) {
        bool whole = key->type.kind == WEIR_LONG && by.ordering == &weir_order_numeric;
        bool as_text = weir_type_is_number(key->type) && !whole;
        root = as_text ? with_text(n, root, key->name) : root;
        keys[1] = (weir_sort_key){.column = as_text ? root->output_count - 1 : 1,
                                  .descending = by.inverted,
                                  .nulls_last = by.inverted,
                                  .ordering = by.ordering};
        key_count = by.ordering == &weir_order_lexicographic && !as_text ? 2 : 3;
    } else if (!weir_native_shown(part, by.name, &keys[1].column) || keys[1].column == 1) {
        return weir_native_fail(n, WEIR_AT(at, "metric"),
                                "there is no aggregator or post-aggregator '%.*s'",
                                WEIR_STR_ARG(by.name));
    } else if (!weir_native_orderable(n, WEIR_AT(at, "metric"), part, by.name)) {
        return false;
    }
    root = by.previous_stop.at ? after_stop(n, root, key->name, &by) : root;
    root = weir_native_sort(n, root, keys, key_count, threshold, 0, true);
    part->root = weir_native_postponed(n, root, 1, &after);
    return true;
}

const weir_native_type weir_native_topn = {
    .type = "topN", .parse = parse, .writer = &weir_write_topn};
