/* query/area.h - a growing array in budgeted pages. Grows by doubling; the old pages go back at once. One owner. */
#ifndef QUERY_AREA_H
#define QUERY_AREA_H
#include "compute/memory.h"

typedef struct weir_area {
    void *at;
    size_t size_bytes; /* capacity; 0: nothing taken */
} weir_area; /* zero-initialised is empty */

/* Room for `want` bytes, keeping the first `keep`. False: over budget, nothing changed. */
bool weir_area_reserve(weir_area *area, weir_budget *budget, size_t keep, size_t want, weir_error *err);
/* Room for `want` bytes, contents lost, exactly (not doubled). */
bool weir_area_fresh(weir_area *area, weir_budget *budget, size_t want, weir_error *err);
void weir_area_done(weir_area *area, weir_budget *budget);
#endif
