/* query/partial.h - what a lane has grouped, as bytes: for caches, spill and other nodes. docs/FORMAT.md is not concerned: partials are never kept
 * longer than the program's version. Layout: "WPA1", fingerprint, group count, then per key its values in the order of the groups, then the saved states; LZ4 around
 * what follows the header. Of a segment, keys that are plain columns of strings are ids of its dictionary: such a partial is of use with that segment alone.
 * Read as hostile bytes. */
#ifndef QUERY_PARTIAL_H
#define QUERY_PARTIAL_H
#include "query/run_agg_own.h"

/* Appends the lane's groups (folded: no cells). seg: all of them are of this segment of the scan; or WEIR_NO_ID. */
bool weir_partial_save(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane, uint32_t seg, weir_buf *out);
/* Adds a partial of the same plan, and the same segment, to `own`'s groups. */
bool weir_partial_load(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane, uint32_t seg, weir_str bytes);
/* own's groups out and in again (force_bytes). */
bool weir_partial_round_trip(weir_agg_run *agg, weir_agg_lane *own, weir_lane *lane);
#endif
