/* ingest/filtered.h - metrics with a filter ("filtered" in metricsSpec): of an event that does not
 * match is stored what the aggregator gives for no rows. */
#ifndef INGEST_FILTERED_H
#define INGEST_FILTERED_H
#include "compute/agg.h"
#include "weir/row_filter.h"
#include "weir/schema.h"

/* Whether the filters of all metrics can be read. Errors name the metric's filter. */
bool weir_filtered_check(const weir_schema *schema, weir_error *err);
/* The filter of metric i; NULL, and no error: it has none. */
bool weir_filtered_new(const weir_schema *schema, uint32_t i, weir_row_filter **out,
                       weir_error *err);
/* `picked` are the stored values of the rows of `sel`, in their order; `out` those of all sel->n
 * rows.
 */
bool weir_filtered_spread(const weir_agg_bound *bound, const weir_vec *picked, const weir_sel *sel,
                          weir_scratch *s, weir_vec *out, weir_error *err);
#endif
