/* query/run_agg_cells.c - where a segment's groups go: few possible ones are numbered cells (mixed
 * radix of local codes), else the hash table. Chosen per lane and segment; cells are folded into
 * the table when their numbers lose their meaning. */
#include "query/run_agg_feed.h"

static const uint64_t small_cells_bytes = 1u << 18, large_cells_bytes = 64u << 20;

static uint64_t segment_rows(const weir_scan *scan, uint32_t seg)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < scan->slice_count; i++) {
        rows += scan->slices[i].seg == seg ? scan->slices[i].row_count : 0;
    }
    return rows;
}

/* Bucket ordinals that the segment's chunks can have. */
static void segment_buckets(const weir_agg_run *agg, uint32_t seg, uint64_t *base, uint64_t *count)
{
    const weir_scan *scan = agg->scan;
    const weir_rows *rows = scan->segs[seg].rows;
    int64_t min = scan->max_time, max = scan->min_time;
    for (uint32_t i = 0; i < scan->slice_count; i++) {
        for (uint32_t c = 0; scan->slices[i].seg == seg && c < scan->slices[i].count; c++) {
            weir_chunk_info info;
            rows->ops->chunk(rows, scan->slices[i].chunk + c, &info);
            min = info.min_time < min ? info.min_time : min;
            max = info.max_time > max ? info.max_time : max;
        }
    }
    min = min < scan->min_time ? scan->min_time : min;
    max = max > scan->max_time ? scan->max_time : max;
    *base = weir_buckets_find(&agg->buckets, min);
    *count = weir_buckets_find(&agg->buckets, max) - *base + 1;
}

/* How many codes key k can have in this segment, from *base on; 0: too many to number. */
static uint64_t code_count(const weir_agg_run *agg, uint32_t k, uint32_t seg, uint64_t *base)
{
    const weir_key_code *key = &agg->keys.codes[k];
    uint64_t count = key->range;
    *base = 0;
    switch ((weir_code_kind)key->kind) {
    case WEIR_CODE_NULL:
        return 1;
    case WEIR_CODE_BUCKET:
        if (agg->buckets.kind == WEIR_BUCKETS_RAW) {
            return 0;
        }
        if (!agg->direct) {
            segment_buckets(agg, seg, base, &count);
        }
        return count;
    case WEIR_CODE_DICT:
        return key->dict ? key->dict->count : 1;
    case WEIR_CODE_GLOBAL:
        return key->global.dict.count;
    case WEIR_CODE_INTERN:
        if (agg->scan && key->slot != WEIR_NO_ID) {
            const weir_column *col = agg->scan->segs[seg].columns[key->slot];
            return !col ? 1 : col->type.kind == WEIR_STRING && col->dict ? col->dict->count : 0;
        }
        return 0;
    case WEIR_CODE_OFFSET:
        return key->range;
    case WEIR_CODE_WIDE:
    case WEIR_CODE_FLOAT:
        return 0;
    }
    return 0;
}

/* Whether this segment's groups are numbered cells; lays them out if so. `share`: of the chunk's
 * rows that are selected. */
static bool choose_cells(weir_agg_run *agg, weir_agg_lane *own, uint32_t seg, double share,
                         uint32_t *cells)
{
    uint64_t total = 1;
    if (agg->stage.options->force_hash && agg->keys.count > 0) {
        return false;
    }
    for (uint32_t k = 0; k < agg->keys.count; k++) {
        uint64_t count = code_count(agg, k, seg, &own->bases[k]);
        if (count == 0 || total > large_cells_bytes / count) {
            return false;
        }
        own->dims[k] = (uint32_t)count;
        total *= count;
    }
    uint64_t rows = own->apart_rows            ? own->apart_rows
                    : agg->direct && agg->scan ? agg->scan->row_count
                                               : segment_rows(agg->scan, seg);
    uint64_t bytes = total * agg->aggs.stride;
    *cells = (uint32_t)total;
    return bytes <= small_cells_bytes ||
           (bytes <= large_cells_bytes && (double)total <= 2 * share * (double)rows);
}

/* What ids of strings mean in this segment. */
static void set_dicts(weir_agg_run *agg, weir_agg_lane *own, uint32_t seg)
{
    for (uint32_t k = 0; k < agg->keys.count; k++) {
        const weir_key_code *key = &agg->keys.codes[k];
        const weir_column *col =
            key->slot != WEIR_NO_ID ? agg->scan->segs[seg].columns[key->slot] : NULL;
        own->dicts[k] = col && col->type.kind == WEIR_STRING ? col->dict : NULL;
        own->maps[k].global = key->kind == WEIR_CODE_GLOBAL ? key->global.maps[seg] : NULL;
    }
}

bool weir_agg_enter_segment(weir_agg_run *agg, weir_agg_lane *own, weir_cursor *cursor)
{
    weir_lane *lane = cursor->lane;
    uint32_t seg = cursor->block.seg, cells = 0;
    bool first = own->seg == WEIR_NO_ID;
    own->seg = seg;
    if (agg->direct && !first) {
        set_dicts(agg, own, seg);
        return true; /* codes mean the same everywhere */
    }
    if (!weir_agg_run_fold(agg, own, lane)) {
        return false;
    }
    set_dicts(agg, own, seg);
    double share = (double)cursor->chunk_sel.count / cursor->block.info.row_count;
    own->in_cells = choose_cells(agg, own, seg, share, &cells);
    if (!own->in_cells) {
        return true;
    }
    own->cells_seg = agg->direct ? WEIR_NO_ID : seg;
    if (agg->compact && cells > WEIR_FEW_CELLS) {
        return weir_compact_reset(&own->cells, cells, &lane->err);
    }
    return weir_cells_reset(&own->cells, cells, &lane->err);
}
