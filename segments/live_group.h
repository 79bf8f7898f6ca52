/* segments/live_group.h - rows of a full chunk that roll up into one. */
#ifndef SEGMENTS_LIVE_GROUP_H
#define SEGMENTS_LIVE_GROUP_H
#include "segments/live.h"

/* groups[row] of n rows, the first row of each group in `firsts` (room for n); returns the number
 * of groups. Writer only. */
uint32_t weir_live_group(weir_realtime *rt, weir_live_chunk *chunk, uint32_t n, uint32_t *groups,
                         uint32_t *firsts, weir_scratch *s);
#endif
