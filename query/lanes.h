/* query/lanes.h - how many queries of a class may be answered at once. The setting: "reports=3,low=25%" names lanes and their capacity, of all
 * queries at once where it is a percentage; "hilo:25%" sends queries of negative priority that name no lane to "low". A query whose lane is full is
 * refused, as in Druid. Guarded by the engine's lock. */
#ifndef QUERY_LANES_H
#define QUERY_LANES_H
#include "weir/error.h"
#include "weir/str.h"

enum { WEIR_LANES_MAX = 32 };
typedef struct weir_lane_rule {
    weir_str name; /* borrowed from the setting's text */
    uint32_t capacity, used;
} weir_lane_rule;
typedef struct weir_lanes {
    uint32_t count;
    weir_lane_rule at[WEIR_LANES_MAX];
    bool by_priority; /* hilo */
} weir_lanes;
/* text must outlive the lanes; empty: none. max_queries: what percentages are of; a lane holds one query at least. */
bool weir_lanes_parse(weir_str text, uint32_t max_queries, weir_lanes *out, weir_error *err);
/* The lane of a query, or NULL. */
weir_lane_rule *weir_lanes_find(weir_lanes *lanes, weir_str name, int32_t priority);
#endif
