/* query/run_agg_cache.h - what lanes of an AGG over rows work at, and which of it is known already.
 * A unit is a slice, or, of a frozen segment whose partial is kept, up to 16 slices. Its key is the text of AGG and ROWS without intervals, the types of the
 * columns over all segments, and then the segment (uid, rev), its chunks and the intervals clipped to their hull.
 * A unit is computed apart from the others, and kept, when it was asked for before; so what is asked for once costs two hashes. */
#ifndef QUERY_RUN_AGG_CACHE_H
#define QUERY_RUN_AGG_CACHE_H
#include "query/run_agg.h"

typedef struct weir_agg_unit {
    uint32_t slice, count; /* slices [slice, slice + count) of the scan, all of one segment */
    bool keep;             /* compute it apart, then keep it */
    bool done;             /* its partial is there: no rows are read */
    weir_memo_key key;    /* keep */
    weir_memo_entry *known;    /* done; held */
} weir_agg_unit;

/* Cuts the scan's slices into units and asks the cache, after weir_scan_prepare. */
bool weir_agg_units_init(weir_agg_run *agg, weir_lane *lane);
const weir_agg_unit *weir_agg_units(const weir_agg_run *agg, uint32_t *count, uint64_t *row_count); /* rows that must be read */
/* A unit that is done joins the lane's groups. */
bool weir_agg_unit_load(weir_agg_run *agg, weir_lane *lane, const weir_agg_unit *unit);
/* Around the slices of a unit that is to be kept. spent_us: in between, by this lane. */
bool weir_agg_unit_begin(weir_agg_run *agg, weir_lane *lane, const weir_agg_unit *unit);
bool weir_agg_unit_end(weir_agg_run *agg, weir_lane *lane, const weir_agg_unit *unit, int64_t spent_us);
void weir_agg_units_done(weir_agg_run *agg);
#endif
