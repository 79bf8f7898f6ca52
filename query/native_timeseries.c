/* query/native_timeseries.c - timeseries: ROWS -> AGG(bucket, fill) -> PROJECT -> SORT(limit). AGG
 * gives buckets in order. */
#include "query/native_json.h"

static bool parse(weir_native *n, const weir_at *at, const json_t *json, weir_native_part *part)
{
    int64_t limit;
    weir_grouping group = {.agg = {.shape = WEIR_SHAPE_TIMESERIES}};
    if (!weir_native_granularity(n, WEIR_AT(at, "granularity"),
                                 weir_native_get(json, "granularity", NULL), &part->granularity) ||
        !weir_native_bool(n, at, json, "descending", false, &group.agg.descending) ||
        !weir_native_long(n, at, json, "limit", 0, &limit)) {
        return false;
    }
    if (limit < 0) {
        return weir_native_fail(n, WEIR_AT(at, "limit"), "must be greater than 0");
    }
    group.agg.fill = group.agg.empty_row = !part->options.skip_empty_buckets;
    group.agg.empty_row = group.agg.empty_row && part->granularity.kind == WEIR_GRAN_ALL;
    if (!weir_native_group(n, at, json, part, &group)) {
        return false;
    }
    part->root = limit > 0 && limit < INT32_MAX
                     ? weir_native_sort(n, group.root, NULL, 0, limit, 0, false)
                     : group.root;
    return true;
}

const weir_native_type weir_native_timeseries = {
    .type = "timeseries", .parse = parse, .writer = &weir_write_timeseries};
