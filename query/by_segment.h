/* query/by_segment.h - "bySegment": the query is run over each segment by itself, one after the other, and its results stand in Druid's wrapper:
 * {"timestamp", "result": {"results": [...], "segment": id, "interval": the part of the segment that the query asks for}}. */
#ifndef QUERY_BY_SEGMENT_H
#define QUERY_BY_SEGMENT_H
#include "query/native.h"

typedef struct weir_by_segment weir_by_segment;
/* NULL: the query reads no table (or is no query of segments), so the flag has no effect. Lives in the query's arena. */
weir_by_segment *weir_by_segment_new(const weir_native_query *query, weir_view *const *views, uint32_t view_count);
/* The next segment that the query's intervals touch: views that show only it. NULL: no more. */
weir_view **weir_by_segment_next(weir_by_segment *by);
/* What stands before and after the results of the segment at hand. */
void weir_by_segment_open(const weir_by_segment *by, weir_buf *out);
void weir_by_segment_close(const weir_by_segment *by, weir_buf *out);
#endif
