/* query/area.c - pages under the query's growing arrays. */
#include "query/area.h"

bool weir_area_reserve(weir_area *area, weir_budget *budget, size_t keep, size_t want,
                       weir_error *err)
{
    if (want <= area->size_bytes) {
        return true;
    }
    size_t size = area->size_bytes ? area->size_bytes * 2 : (size_t)64 << 10;
    size = size < want ? want : size;
    size_t charged = size;
    if (!weir_budget_take(budget, charged, err)) {
        return false;
    }
    void *at = weir_page_take(&size); /* rounds up */
    weir_budget_force(budget, size - charged);
    if (keep && area->size_bytes) { /* nothing is kept of an empty area */
        memcpy(at, area->at, keep);
    }
    weir_area_done(area, budget);
    area->at = at;
    area->size_bytes = size;
    return true;
}

bool weir_area_fresh(weir_area *area, weir_budget *budget, size_t want, weir_error *err)
{
    if (want <= area->size_bytes) {
        return true;
    }
    weir_area_done(area, budget);
    size_t size = want;
    if (!weir_budget_take(budget, size, err)) {
        return false;
    }
    area->at = weir_page_take(&size);
    weir_budget_force(budget, size - want);
    area->size_bytes = size;
    return true;
}

void weir_area_done(weir_area *area, weir_budget *budget)
{
    if (area->size_bytes) {
        weir_page_give(area->at, area->size_bytes);
        weir_budget_give(budget, area->size_bytes);
    }
    *area = (weir_area){0};
}
