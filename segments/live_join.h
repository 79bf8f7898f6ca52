/* segments/live_join.h - rolling up over chunks. */
#ifndef SEGMENTS_LIVE_JOIN_H
#define SEGMENTS_LIVE_JOIN_H
#include "segments/live_seal.h"

/* The rows of a sealed chunk, then those of a growing one, at most 65,536 together, as a chunk in growing form that nobody else sees: seal it, then give it back by
 * weir_live_chunk_unref. Writer only. */
weir_live_chunk *weir_live_join(weir_realtime *rt, const weir_live_chunk *sealed, const weir_live_chunk *growing);
#endif
