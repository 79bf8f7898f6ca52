/* query/native_boundary.c - timeBoundary: AGG(min and max of __time), which the runner takes from
 * zone maps where there is no filter. */
#include "query/native_json.h"

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part)
{
    static const char text[] =
        "[{\"type\":\"longMin\",\"name\":\"minTime\",\"fieldName\":\"__time\"},"
        "{\"type\":\"longMax\",\"name\":\"maxTime\",\"fieldName\":\"__time\"}]";
    weir_node *rows, *agg = weir_node_new(n->arena, WEIR_NODE_AGG);
    weir_agg_use *uses = WEIR_ARENA_ARRAY(n->arena, weir_agg_use, 2);
    weir_native_column *shown = WEIR_ARENA_ARRAY(n->arena, weir_native_column, 2);
    weir_str *time = WEIR_ARENA_NEW(n->arena, weir_str);
    if (!weir_native_rows(n, at, json, part, false, &rows) ||
        !weir_native_text(n, at, json, "bound", &part->bound)) {
        return false;
    }
    if (part->bound.at && !weir_str_eq_nocase(part->bound, WEIR_STR("minTime")) &&
        !weir_str_eq_nocase(part->bound, WEIR_STR("maxTime"))) {
        part->bound = (weir_str){0}; /* Druid then gives both */
    }
    json_t *specs = json_loads(text, 0, NULL);
    weir_arena_defer(n->arena, (void (*)(void *))json_decref, specs);
    for (uint32_t i = 0; i < 2; i++) {
        if (!weir_agg_spec_parse(json_array_get(specs, i), "", n->arena, &uses[i].spec, n->err)) {
            return false;
        }
        shown[i] = (weir_native_column){uses[i].spec.name, i + 1};
    }
    weir_granularity_simple(WEIR_STR("all"), &part->granularity);
    *time = WEIR_STR("__time");
    if (n->inner == 0 && part->eternal && !rows->as.rows.filter && !rows->as.rows.child) {
        weir_native_reads_only(n, &(weir_view_need){.ends = true});
    }
    rows->as.rows.columns = time;
    rows->as.rows.column_count = 1;
    weir_node_resolve(n->arena, rows);
    agg->as.agg = (weir_node_agg){.child = rows,
                                  .bucket = part->granularity,
                                  .agg_count = 2,
                                  .aggs = uses,
                                  .shape = WEIR_SHAPE_GROUPBY};
    weir_node_resolve(n->arena, agg);
    part->root = agg;
    part->shown = shown;
    part->shown_count = 2;
    part->has_bucket = true;
    return true;
}

const weir_native_type weir_native_time_boundary = {
    .type = "timeBoundary", .parse = parse, .writer = &weir_write_time_boundary};
