/* ingest/segment_file.h - a local file that a segment is frozen to, on its way to the store. */
#ifndef INGEST_SEGMENT_FILE_H
#define INGEST_SEGMENT_FILE_H
#include "weir/realtime.h"

/* Writes one part to work_path/<random>.segment; *path lives in `arena`. On failure nothing is left behind. */
bool weir_segment_file_write(weir_realtime *rt, const weir_freeze_part *part, const char *work_path, const weir_clock *clock, bool thorough,
                             weir_arena *arena, const char **path, weir_segment_info *info, weir_error *err);
/* The same; `between` is asked each time something is written, and may rest: false gives up (CANCELLED). */
bool weir_segment_file_write_with(weir_realtime *rt, const weir_freeze_part *part, const char *work_path, const weir_clock *clock, bool thorough,
                                  bool (*between)(void *self), void *self, weir_arena *arena, const char **path, weir_segment_info *info,
                                  weir_error *err);
#endif
