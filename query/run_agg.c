/* query/run_agg.c - an AGG node bound to its source: keys and arguments are wants of one port,
 * states are laid out once for all lanes. */
#include "query/run_agg_cache.h"
#include "query/run_agg_own.h"
#include <assert.h>

enum { MAX_FILLED = 1 << 20 };
#define MAX_FILLED_S (INT64_C(86400) * 366 * 10000) /* a longer interval means everything, not that its buckets are wanted */

/* Binding. */

static bool bind_filters(weir_agg_run *agg, weir_error *err)
{
    const weir_node_agg *node = agg->node;
    weir_arena *arena = agg->stage.arena;
    agg->filters = WEIR_ARENA_ARRAY(arena, weir_pred *, node->agg_count + 1);
    agg->filter_of = WEIR_ARENA_ARRAY(arena, uint32_t, node->agg_count + 1);
    for (uint32_t i = 0; i < node->agg_count; i++) {
        const weir_filter *filter = node->aggs[i].filter;
        agg->filter_of[i] = WEIR_NO_ID;
        for (uint32_t k = 0; filter && k < i; k++) {
            if (node->aggs[k].filter == filter) {
                agg->filter_of[i] = agg->filter_of[k];
            }
        }
        if (!filter || agg->filter_of[i] != WEIR_NO_ID) {
            continue;
        }
        weir_pred *pred = weir_pred_new(agg->names, filter, agg->stage.budget, err);
        if (!pred) {
            return false;
        }
        agg->filter_of[i] = agg->filter_count;
        agg->filters[agg->filter_count++] = pred;
    }
    agg->accept = WEIR_ARENA_ARRAY(arena, weir_pred *, node->key_count + 1);
    agg->accept_names = WEIR_ARENA_ARRAY(arena, weir_slots, node->key_count + 1);
    for (uint32_t k = 0; k < node->key_count; k++) {
        if (node->keys[k].list_filter) {
            weir_slots *names = &agg->accept_names[k];
            *names =
                (weir_slots){.arena = arena, .lock = agg->stage.lock, .now_ms = agg->stage.now_ms};
            weir_slots_add(names, node->keys[k].name, WEIR_TYPE(WEIR_STRING));
            agg->accept[k] =
                weir_pred_new(names, node->keys[k].list_filter, agg->stage.budget, err);
            if (!agg->accept[k]) {
                return false;
            }
        }
    }
    return true;
}

static bool check_sketches(const weir_agg_spec *spec, const weir_type *types, weir_error *err)
{
    char name[64];
    if (!spec->agg->needs_sketches || types[0].kind == WEIR_COMPLEX ||
        types[0].kind == WEIR_UNKNOWN) {
        return true;
    }
    return weir_fail(
        err, WEIR_ERR_RUN, "aggregator '%.*s': %s needs a column of sketches, not %.*s",
        WEIR_STR_ARG(spec->name), spec->agg->type, WEIR_STR_ARG(weir_type_name(types[0], name)));
}

static bool bind_aggs(weir_agg_run *agg, weir_error *err)
{
    const weir_node_agg *node = agg->node;
    weir_arena *arena = agg->stage.arena;
    agg->aggs.count = node->agg_count;
    agg->aggs.bound = WEIR_ARENA_ARRAY(arena, weir_agg_bound, node->agg_count + 1);
    uint32_t at = node->key_count;
    for (uint32_t i = 0; i < node->agg_count; i++) {
        const weir_agg_spec *spec = &node->aggs[i].spec;
        weir_type *types = WEIR_ARENA_ARRAY(arena, weir_type, spec->arg_count + 1);
        for (uint32_t k = 0; k < spec->arg_count; k++) {
            types[k] = weir_port_type(agg->port, at + k);
        }
        if (!check_sketches(spec, types, err) ||
            !weir_agg_bind(spec, types, arena, &agg->aggs.bound[i], err)) {
            return false;
        }
        agg->arg_from[i] = at;
        at += spec->arg_count;
    }
    weir_aggs_lay_out(&agg->aggs, arena);
    return true;
}

static void name_outputs(weir_agg_run *agg)
{
    const weir_node_agg *node = agg->node;
    uint32_t count = weir_node_agg_outputs(node);
    agg->output_names = WEIR_ARENA_ARRAY(agg->stage.arena, weir_str, count);
    agg->output_types = WEIR_ARENA_ARRAY(agg->stage.arena, weir_type, count);
    agg->output_names[0] = WEIR_STR("__bucket");
    agg->output_types[0] = WEIR_TYPE(WEIR_LONG);
    uint32_t at = 1;
    for (uint32_t k = 0; k < node->key_count; k++) {
        agg->output_names[at] = node->keys[k].name;
        weir_type type = weir_port_type(agg->port, k);
        type = type.kind == WEIR_UNKNOWN ? WEIR_TYPE(WEIR_STRING) : type;
        type.multi = false;
        agg->output_types[at++] = type;
    }
    for (uint32_t i = 0; i < node->agg_count; i++) {
        agg->output_names[at] = node->aggs[i].spec.name;
        agg->output_types[at++] = agg->aggs.bound[i].out_type;
    }
    for (uint32_t i = 0; i < node->agg_count; i++) {
        if (node->aggs[i].raw_name.at) {
            agg->output_names[at] = node->aggs[i].raw_name;
            agg->output_types[at++] = agg->aggs.bound[i].raw_type;
        }
    }
    if (node->set_count) {
        agg->output_names[at] = WEIR_STR("__set");
        agg->output_types[at++] = WEIR_TYPE(WEIR_LONG);
    }
    agg->output_count = at;
}

weir_agg_run *weir_agg_run_new(const weir_stage *stage, const weir_node *plan_node,
                               weir_slots *names, weir_scan *scan, const weir_agg_times *times,
                               weir_error *err)
{
    const weir_node_agg *node = &plan_node->as.agg;
    weir_agg_run *agg = WEIR_ARENA_NEW(stage->arena, weir_agg_run);
    *agg = (weir_agg_run){
        .stage = *stage, .node = node, .names = names, .scan = scan, .times = times};
    agg->rows = scan ? scan->node : times ? times->rows : NULL;
    agg->arg_from = WEIR_ARENA_ARRAY(stage->arena, uint32_t, node->agg_count + 1);
    for (uint32_t i = 0; i < node->agg_count; i++) {
        agg->arg_count += node->aggs[i].spec.arg_count;
    }
    uint32_t count = node->key_count + agg->arg_count, at = 0;
    weir_want *wants = WEIR_ARENA_ARRAY(stage->arena, weir_want, count + 1);
    for (uint32_t k = 0; k < node->key_count; k++) {
        wants[at++] = (weir_want){node->keys[k].expr, node->keys[k].type, .exact = true,
                                   .paths = weir_type_is_number(node->keys[k].type) ? WEIR_PATH_AS_NUMBER : WEIR_PATH_AS_TEXT};
    }
    for (uint32_t i = 0; i < node->agg_count; i++) {
        for (uint32_t k = 0; k < node->aggs[i].spec.arg_count; k++) {
            wants[at++] = (weir_want){.expr = node->aggs[i].spec.args[k]};
        }
    }
    if (!scan && node->bucket.kind != WEIR_GRAN_ALL) {
        agg->time_slot = weir_slots_find(names, WEIR_STR("__time"));
        if (!times || agg->time_slot == WEIR_NO_ID) {
            weir_fail(err, WEIR_ERR_UNSUPPORTED, "time buckets over what has no time");
            return NULL;
        }
    }
    agg->port = weir_port_new(names, wants, count, err);
    if (!agg->port || !bind_filters(agg, err) || !bind_aggs(agg, err)) {
        return NULL;
    }
    agg->fingerprint = weir_plan_fingerprint(plan_node);
    name_outputs(agg);
    return agg;
}

uint32_t weir_agg_run_outputs(const weir_agg_run *agg, const weir_str **names,
                              const weir_type **types)
{
    *names = agg->output_names;
    *types = agg->output_types;
    return agg->output_count;
}

/* Preparing. */

/* Whether rows of tables are behind it: they have hulls, and "all" the time of the first. */
static bool of_tables(const weir_agg_run *agg)
{
    bool tables = agg->scan && agg->scan->node->table_count > 0;
    for (uint32_t i = 0; agg->times && i < agg->times->scan_count; i++) {
        tables = tables || agg->times->scans[i]->node->table_count > 0;
    }
    return tables;
}

static bool needs_hulls(const weir_agg_run *agg)
{
    const weir_node_agg *node = agg->node;
    bool all = node->bucket.kind == WEIR_GRAN_ALL;
    return agg->rows && (node->fill || (all && node->shape != WEIR_SHAPE_GROUPBY)) &&
           (!all || of_tables(agg));
}

/* The times of the rows that batches are made of, as far as they are known; else those asked for. */
static bool batch_times(weir_agg_run *agg, weir_lane *lane, int64_t *min, int64_t *max)
{
    const weir_agg_times *times = agg->times;
    const weir_node_rows *rows = times->rows;
    *min = INT64_MAX;
    *max = INT64_MIN;
    for (uint32_t i = 0; i < times->scan_count; i++) {
        weir_scan *scan = times->scans[i];
        if (!weir_scan_is_ready(scan)) {
            *min = rows->intervals[0].start_ms;
            *max = rows->intervals[rows->interval_count - 1].end_ms - 1;
            return true;
        }
        if (!weir_scan_load(scan, lane)) {
            return false;
        }
        weir_scan_prepare(scan);
        *min = scan->min_time < *min ? scan->min_time : *min;
        *max = scan->max_time > *max ? scan->max_time : *max;
    }
    return true;
}

/* Rows that are of no table fill every bucket of the intervals, as long as those are few. */
static bool fills_intervals(weir_agg_run *agg, int64_t *min, int64_t *max)
{
    const weir_node_rows *rows = agg->rows;
    if (!agg->node->fill || agg->node->bucket.kind == WEIR_GRAN_ALL || !rows || of_tables(agg) ||
        rows->interval_count == 0) {
        return false;
    }
    int64_t first = rows->intervals[0].start_ms;
    int64_t end = rows->intervals[rows->interval_count - 1].end_ms;
    if (agg->node->bucket.kind == WEIR_GRAN_NONE || end / 1000 - first / 1000 > MAX_FILLED_S ||
        first >= end ||
        weir_granularity_buckets(&agg->node->bucket, first, end, NULL, 0) > MAX_FILLED) {
        return false;
    }
    *min = first;
    *max = end - 1;
    agg->hulls = WEIR_ARENA_ARRAY(agg->stage.arena, weir_hull, rows->interval_count);
    for (uint32_t i = 0; i < rows->interval_count; i++) {
        agg->hulls[i] = (weir_hull){0, rows->intervals[i].start_ms, rows->intervals[i].end_ms - 1};
    }
    agg->hull_count = rows->interval_count;
    return true;
}

static bool find_hulls(weir_agg_run *agg, weir_lane *lane)
{
    if (agg->scan) {
        return weir_hulls(agg->scan, lane, agg->stage.arena, &agg->hulls, &agg->hull_count,
                          &lane->err);
    }
    for (uint32_t i = 0; i < agg->times->scan_count; i++) {
        weir_hull *more, *all;
        uint32_t count;
        if (!weir_scan_is_ready(agg->times->scans[i])) {
            continue;
        }
        if (!weir_hulls(agg->times->scans[i], lane, agg->stage.arena, &more, &count, &lane->err)) {
            return false;
        }
        all = WEIR_ARENA_ARRAY(agg->stage.arena, weir_hull, agg->hull_count + count + 1);
        if (agg->hull_count) {
            memcpy(all, agg->hulls, agg->hull_count * sizeof(*all));
        }
        if (count) {
            memcpy(all + agg->hull_count, more, count * sizeof(*all));
        }
        agg->hulls = all;
        agg->hull_count += count;
    }
    return true;
}

void weir_agg_run_lane_init(weir_agg_run *agg, weir_agg_lane *own)
{
    *own = (weir_agg_lane){0};
    weir_arena *arena = agg->stage.arena;
    uint32_t codes = agg->keys.count;
    own->heap = weir_heap_new(agg->stage.budget);
    own->seg = own->cells_seg = WEIR_NO_ID;
    weir_cells_init(&own->cells, &agg->aggs, agg->stage.budget);
    weir_groups_init(&own->groups, &agg->aggs, agg->keys.words, agg->stage.budget);
    own->dims = WEIR_ARENA_ARRAY(arena, uint32_t, codes + 1);
    own->bases = WEIR_ARENA_ARRAY(arena, uint64_t, codes + 1);
    own->dicts = WEIR_ARENA_ARRAY(arena, const weir_dict *, codes + 1);
    own->maps = WEIR_ARENA_ARRAY(arena, weir_code_maps, codes + 1);
    for (uint32_t k = 0; k < codes; k++) {
        own->maps[k].capacity = WEIR_MAPS;
        own->maps[k].at = WEIR_ARENA_ARRAY(arena, weir_code_map, WEIR_MAPS);
    }
}

void weir_agg_run_lane_done(weir_agg_run *agg, weir_agg_lane *own)
{
    weir_heap_free(own->heap);
    weir_cells_done(&own->cells);
    weir_groups_done(&own->groups);
    for (uint32_t k = 0; k < agg->keys.count; k++) {
        weir_code_maps_done(&own->maps[k], agg->stage.budget);
    }
}

/* Slots that only aggregators read which take SCALED vectors. */
static void allow_scaled(weir_agg_run *agg)
{
    weir_scan *scan = agg->scan;
    for (uint32_t slot = 0; slot < scan->names.count; slot++) {
        bool fine = !agg->stage.options->force_hash, used = false;
        for (uint32_t i = 0; fine && i < agg->filter_count; i++) {
            fine = !weir_pred_uses(agg->filters[i], slot);
        }
        for (uint32_t k = 0; fine && k < agg->node->key_count; k++) {
            fine = weir_port_plain(agg->port, k) != slot;
        }
        for (uint32_t i = 0; fine && i < agg->aggs.count; i++) {
            const weir_agg_bound *b = &agg->aggs.bound[i];
            for (uint32_t k = 0; k < b->arg_count; k++) {
                bool plain = weir_port_plain(agg->port, agg->arg_from[i] + k) == slot;
                used = used || plain;
                fine = fine && (!plain || b->accepts_scaled);
            }
        }
        fine = fine && !weir_port_program_uses(agg->port, slot);
        scan->scaled_ok[slot] = fine && used;
    }
}

bool weir_agg_run_prepare(weir_agg_run *agg, weir_lane *lane, uint32_t lane_count)
{
    const weir_node_agg *node = agg->node;
    weir_arena *arena = agg->stage.arena;
    weir_budget *budget = agg->stage.budget, *strings = budget;
    size_t string_limit = agg->stage.options->dictionary_bytes;
    if (string_limit && node->shape == WEIR_SHAPE_GROUPBY) {
        strings = WEIR_ARENA_NEW(arena, weir_budget);
        *strings = (weir_budget){.parent = budget, .name = "dictionary", .limit_bytes = string_limit};
    }
    int64_t min = agg->scan ? agg->scan->min_time : 0, max = agg->scan ? agg->scan->max_time : -1;
    uint32_t *slots = WEIR_ARENA_ARRAY(arena, uint32_t, node->key_count + 1);
    weir_type *types = WEIR_ARENA_ARRAY(arena, weir_type, node->key_count + 1);
    for (uint32_t k = 0; k < node->key_count; k++) {
        slots[k] = agg->scan ? weir_port_plain(agg->port, k) : WEIR_NO_ID;
        types[k] = weir_port_type(agg->port, k);
    }
    bool direct = !agg->stage.options->force_bytes;
    if (agg->times && !batch_times(agg, lane, &min, &max)) {
        return false;
    }
    bool filled = fills_intervals(agg, &min, &max);
    agg->min_ms = min;
    agg->max_ms = max;
    agg->prepared = true;
    if (!weir_buckets_init(&agg->buckets, &node->bucket, min, max, budget, &lane->err) ||
        !weir_keys_init(&agg->keys, arena, agg->scan, &agg->buckets, node->key_count, types, slots,
                        direct, agg->stage.globals, lane, strings, &lane->err)) {
        return false;
    }
    agg->direct = true;
    for (uint32_t k = 0; k < agg->keys.count; k++) {
        agg->direct = agg->direct && agg->keys.codes[k].kind != WEIR_CODE_INTERN;
    }
    agg->compact = node->key_count > 0 && agg->filter_count == 0 && agg->aggs.count <= 64 &&
                   !agg->stage.options->force_bytes && weir_compact_can(&agg->aggs);
    if (needs_hulls(agg) && !filled && !find_hulls(agg, lane)) {
        return false;
    }
    agg->all_ms = agg->rows ? weir_all_timestamp(agg->rows, agg->hulls, agg->hull_count) : 0;
    agg->lane_count = lane_count;
    agg->lanes = WEIR_ARENA_ARRAY(arena, weir_agg_lane, lane_count);
    for (uint32_t i = 0; i < lane_count; i++) {
        weir_agg_run_lane_init(agg, &agg->lanes[i]);
    }
    if (agg->scan) {
        allow_scaled(agg);
    }
    return !agg->scan || weir_agg_units_init(agg, lane);
}

void weir_agg_run_done(weir_agg_run *agg)
{
    weir_budget *budget = agg->stage.budget;
    for (uint32_t i = 0; i < agg->filter_count; i++) {
        weir_pred_done(agg->filters[i]);
    }
    for (uint32_t k = 0; agg->accept && k < agg->node->key_count; k++) {
        weir_pred_done(agg->accept[k]);
    }
    for (uint32_t i = 0; agg->lanes && i < agg->lane_count; i++) {
        weir_agg_run_lane_done(agg, &agg->lanes[i]);
    }
    weir_agg_units_done(agg);
    for (uint32_t i = 0; agg->sets && i < agg->node->set_count; i++) {
        weir_groups_done(&agg->sets[i]);
    }
    if (agg->prepared) {
        weir_keys_done(&agg->keys, agg->stage.globals);
        weir_buckets_done(&agg->buckets, budget);
    }
    weir_area_done(&agg->order_area, budget);
}
