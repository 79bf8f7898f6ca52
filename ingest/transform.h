/* ingest/transform.h - a batch of cells to what a live segment takes: times, declared and discovered dimensions, metrics in row form.
 * One per ingest thread. The spec's transforms and its filter come after the time and before all columns. */
#ifndef INGEST_TRANSFORM_H
#define INGEST_TRANSFORM_H
#include "ingest/rejects.h"
#include "ingest/spec.h"
#include "weir/realtime.h"

typedef struct weir_transform weir_transform;
/* Borrows `fields`; takes a reference to `spec`. Errors name a metric whose input cannot be read. */
weir_transform *weir_transform_new(weir_spec *spec, weir_fields *fields, weir_error *err);
void weir_transform_free(weir_transform *transform);
/* Which times are welcome: [min_ms, max_ms). */
typedef struct weir_time_window {
    int64_t min_ms, max_ms;
} weir_time_window;
weir_time_window weir_transform_window(const weir_spec *spec, int64_t now_ms);
/* Events that are not welcome go to `sink` (WITH_ERROR ones stay in as well, once each). `out` lives until the next run. False: an aggregator
 * failed, nothing can be said of the batch. */
bool weir_transform_run(weir_transform *transform, weir_events *events, weir_time_window window, weir_reject_sink sink, weir_input *out, weir_error *err);
/* Per row of the last run's input: its record. */
const uint32_t *weir_transform_records(const weir_transform *transform);
#endif
