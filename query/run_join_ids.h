/* query/run_join_ids.h - ids of the left's dictionaries as ids of the right's one, for one pair of a join. Each is looked up when a row first brings it, for all lanes. */
#ifndef QUERY_RUN_JOIN_IDS_H
#define QUERY_RUN_JOIN_IDS_H
#include "query/exec.h"

typedef struct weir_join_ids weir_join_ids;
/* In the arena, before lanes run. */
weir_join_ids *weir_join_ids_new(weir_arena *arena, weir_budget *budget, uint32_t lane_count);
void weir_join_ids_done(weir_join_ids *ids); /* more than once is fine */
/* out[i]: the id in `to` of the value that ids[i] is in `from`; WEIR_NO_ID: `to` lacks it; 0 for 0 (null). n <= 4,096. False: over budget, or a damaged dictionary. */
bool weir_join_ids_find(weir_join_ids *ids, weir_lane *lane, const weir_dict *from, const weir_dict *to, const uint32_t *given, uint32_t n, uint32_t *out);
#endif
