/* query/group_dense.c - cells: a key is its own place, so grouping costs no look-up. Which cells were touched is a byte each. */
#include "query/group.h"
#include "compute/vec.h"

void weir_cells_init(weir_cells *cells, const weir_aggs *aggs, weir_budget *budget)
{
    *cells = (weir_cells){.aggs = aggs, .budget = budget};
}

void weir_cells_done(weir_cells *cells)
{
    weir_area_done(&cells->states, cells->budget);
    weir_area_done(&cells->seen, cells->budget);
    cells->count = 0;
}

bool weir_cells_reset(weir_cells *cells, uint32_t count, weir_error *err)
{
    if (!weir_area_fresh(&cells->states, cells->budget, (size_t)count * cells->aggs->stride, err) ||
        !weir_area_fresh(&cells->seen, cells->budget, count + (size_t)8, err)) {
        return false;
    }
    weir_aggs_init(cells->aggs, cells->states.at, count);
    memset(cells->seen.at, 0, count + (size_t)8);
    cells->count = count;
    cells->compact = false;
    return true;
}

void weir_cells_see(weir_cells *cells, const uint32_t *at, uint32_t n)
{
    uint8_t *seen = cells->seen.at;
    for (uint32_t i = 0; i < n; i++) {
        if (at[i] != WEIR_NO_ID) {
            seen[at[i]] = 1;
        }
    }
}

uint32_t weir_cells_list(const weir_cells *cells, uint32_t *from, uint32_t *out, uint32_t capacity)
{
    const uint8_t *seen = cells->seen.at;
    uint32_t n = 0, at = *from;
    while (at < cells->count && n < capacity) {
        uint64_t eight;
        memcpy(&eight, seen + at, 8); /* 8 bytes of room past the end */
        if (eight == 0) {
            at += 8;
            continue;
        }
        if (seen[at]) {
            out[n++] = at;
        }
        at++;
    }
    *from = at < cells->count ? at : cells->count;
    return n;
}
