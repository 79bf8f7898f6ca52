/* query/run_agg_cache.c - see the header. While a unit is computed apart, the lane's groups are put
 * aside and an empty set takes their place; then it is folded, saved, and merged into what was put
 * aside. That costs a second hashing per group, so units with many groups for their rows are not
 * kept, and after the first of them the query's other units are computed as ever. */
#include "query/run_agg_cache.h"
#include "query/partial.h"
#include "weir/hash.h"
#include <stdlib.h>

enum {
    UNIT_SLICES = 16,
    UNIT_PARTS = 4,
    KEEP_ROWS = 4096,
    KEEP_US = 20,
    ROWS_PER_GROUP = 8,
    LOAD_NS = 60
};

struct weir_agg_units {
    uint32_t count;
    weir_agg_unit *at;
    uint64_t row_count;     /* that must be read */
    weir_agg_lane *aside;   /* per lane; NULL: no unit is kept */
    weir_memo_key too_many; /* stands for: units of this leaf have too many groups */
    _Atomic bool has_too_many;
};

static bool cached_here(const weir_agg_run *agg)
{
    const weir_run_options *options = agg->stage.options;
    return options->memo && (options->use_cache || options->populate_cache) &&
           agg->scan->node->table_count > 0 && !agg->stage.options->force_bytes;
}

/* All that a partial of any segment depends on besides the segment. */
static void put_leaf(const weir_agg_run *agg, weir_buf *out)
{
    weir_node rows = {.kind = WEIR_NODE_ROWS, .as.rows = *agg->scan->node},
              leaf = {.kind = WEIR_NODE_AGG, .as.agg = *agg->node};
    rows.as.rows.interval_count = rows.as.rows.table_count = 0;
    leaf.as.agg.child = &rows;
    weir_buf_text(out, WEIR_VERSION);
    weir_node_print(&leaf, out, 0);
    const weir_slots *names = agg->names;
    for (uint32_t i = 0; i < names->count; i++) {
        char type[64];
        weir_buf_bytes(out, names->names[i]);
        weir_buf_bytes(out, weir_type_name(names->types[i], type));
        weir_buf_byte(out, (char)names->types[i].multi);
    }
}

static void put_unit(const weir_scan *scan, const weir_agg_unit *unit, weir_buf *out)
{
    const weir_slice *first = &scan->slices[unit->slice], *last = first + unit->count - 1;
    const weir_scan_seg *seg = &scan->segs[first->seg];
    uint32_t end = last->chunk + last->count;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (uint32_t c = first->chunk; c < end; c++) {
        weir_chunk_info info;
        seg->rows->ops->chunk(seg->rows, c, &info);
        min = info.min_time < min ? info.min_time : min;
        max = info.max_time > max ? info.max_time : max;
    }
    weir_buf_u64(out, seg->rows->uid);
    weir_buf_u64(out, seg->rev);
    weir_buf_u32(out, first->chunk);
    weir_buf_u32(out, end);
    for (uint32_t i = 0; i < scan->node->interval_count; i++) {
        const weir_interval *in = &scan->node->intervals[i];
        if (in->start_ms <= min && in->end_ms > max) {
            return; /* all of it */
        }
        if (in->start_ms <= max && in->end_ms > min) {
            weir_buf_u64(out, (uint64_t)(in->start_ms > min ? in->start_ms : min));
            weir_buf_u64(out, (uint64_t)(in->end_ms <= max ? in->end_ms : max + 1));
        }
    }
}

static uint64_t unit_rows(const weir_scan *scan, const weir_agg_unit *unit)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < unit->count; i++) {
        rows += scan->slices[unit->slice + i].row_count;
    }
    return rows;
}

/* As many slices of a segment as make about four units, so that several lanes share it. */
static uint32_t unit_size(const weir_scan *scan, uint32_t slice)
{
    uint32_t seg = scan->slices[slice].seg, count = 0;
    while (slice + count < scan->slice_count && scan->slices[slice + count].seg == seg) {
        count++;
    }
    uint32_t size = (count + UNIT_PARTS - 1) / UNIT_PARTS;
    return size > UNIT_SLICES ? UNIT_SLICES : size;
}

static void ask(weir_agg_run *agg, struct weir_agg_units *units, weir_agg_unit *unit, weir_buf *key,
                size_t leaf_size, bool few)
{
    const weir_run_options *options = agg->stage.options;
    key->size = leaf_size;
    put_unit(agg->scan, unit, key);
    unit->key = weir_memo_key_of(options->memo, weir_buf_view(key));
    unit->known = options->use_cache ? weir_memo_get(options->memo, unit->key) : NULL;
    unit->done = unit->known != NULL;
    unit->keep = !unit->done && options->populate_cache &&
                 (options->force_keep || (few && unit_rows(agg->scan, unit) >= KEEP_ROWS &&
                                          weir_memo_seen(options->memo, unit->key)));
    units->row_count -= unit->done ? unit_rows(agg->scan, unit) : 0;
}

bool weir_agg_units_init(weir_agg_run *agg, weir_lane *lane)
{
    const weir_scan *scan = agg->scan;
    weir_arena *arena = agg->stage.arena;
    const weir_run_options *options = agg->stage.options;
    struct weir_agg_units *units = WEIR_ARENA_NEW(arena, struct weir_agg_units);
    bool cached = cached_here(agg), few = false, any = false;
    weir_buf key = {0};
    units->at = WEIR_ARENA_ARRAY(arena, weir_agg_unit, scan->slice_count + 1);
    units->row_count = scan->row_count;
    agg->units = units;
    if (cached) {
        put_leaf(agg, &key);
        agg->fingerprint = weir_hash_bytes(key.at, key.size);
        units->too_many = weir_memo_key_of(options->memo, weir_buf_view(&key));
        few = !weir_memo_has(options->memo, units->too_many);
    }
    size_t leaf_size = key.size;
    uint32_t size = 1;
    for (uint32_t i = 0, part = 0; i < scan->slice_count; i += part) {
        const weir_rows *rows = scan->segs[scan->slices[i].seg].rows;
        weir_agg_unit *unit = &units->at[units->count];
        part = 1;
        *unit = (weir_agg_unit){.slice = i, .count = 1};
        if (cached && rows && !rows->live && rows->uid && scan->slices[i].count) {
            bool first = i == 0 || scan->slices[i - 1].seg != scan->slices[i].seg;
            size = first ? unit_size(scan, i) : size;
            while (part < size && i + part < scan->slice_count &&
                   scan->slices[i + part].seg == scan->slices[i].seg) {
                part++;
            }
            unit->count = part;
            ask(agg, units, unit, &key, leaf_size, few);
            any = any || unit->keep;
            part = unit->done || unit->keep ? part
                                            : 1; /* else each slice is a unit, as without a cache */
            unit->count = part;
        }
        units->count++;
        if (!weir_ctl_check(lane->run.ctl, &lane->err)) {
            weir_buf_done(&key);
            return false;
        }
    }
    weir_buf_done(&key);
    if (any) {
        units->aside = WEIR_ARENA_ARRAY(arena, weir_agg_lane, agg->lane_count);
        for (uint32_t i = 0; i < agg->lane_count; i++) {
            weir_agg_run_lane_init(agg, &units->aside[i]);
        }
    }
    return true;
}

const weir_agg_unit *weir_agg_units(const weir_agg_run *agg, uint32_t *count, uint64_t *row_count)
{
    *count = agg->units->count;
    *row_count = agg->units->row_count;
    return agg->units->at;
}

bool weir_agg_unit_load(weir_agg_run *agg, weir_lane *lane, const weir_agg_unit *unit)
{
    return weir_partial_load(agg, &agg->lanes[lane->index], lane,
                             agg->scan->slices[unit->slice].seg, weir_memo_bytes(unit->known));
}

static void exchange(weir_agg_run *agg, const weir_lane *lane)
{
    weir_agg_lane *own = &agg->lanes[lane->index], *aside = &agg->units->aside[lane->index],
                  swap = *own;
    *own = *aside;
    *aside = swap;
}

bool weir_agg_unit_begin(weir_agg_run *agg, weir_lane *lane, const weir_agg_unit *unit)
{
    if (!atomic_load(&agg->units->has_too_many)) {
        exchange(agg, lane);
        weir_agg_lane *own = &agg->lanes[lane->index];
        own->seg = own->cells_seg = WEIR_NO_ID;
        own->apart_rows = unit_rows(agg->scan, unit);
    }
    return true;
}

/* Loading must cost less than half of computing. */
static bool is_worth_it(const weir_agg_run *agg, uint64_t groups, int64_t spent_us)
{
    if (agg->stage.options->force_keep) {
        return true;
    }
    uint64_t load_ns = groups * (agg->keys.count + agg->aggs.count) * LOAD_NS;
    return spent_us >= KEEP_US && (uint64_t)spent_us * 500 > load_ns;
}

bool weir_agg_unit_end(weir_agg_run *agg, weir_lane *lane, const weir_agg_unit *unit,
                       int64_t spent_us)
{
    struct weir_agg_units *units = agg->units;
    weir_memo *memo = agg->stage.options->memo;
    weir_agg_lane *own = &agg->lanes[lane->index];
    if (!own->apart_rows) {
        return true;
    }
    if (!weir_agg_run_fold(agg, own, lane)) {
        return false;
    }
    uint32_t groups = own->groups.count;
    bool ok = true;
    if (groups > own->apart_rows / ROWS_PER_GROUP && !agg->stage.options->force_keep) {
        weir_memo_put(memo, units->too_many, WEIR_STR(""));
        atomic_store(&units->has_too_many, true);
    } else if (is_worth_it(agg, groups, spent_us)) {
        weir_buf bytes = {0};
        ok = weir_partial_save(agg, own, lane, agg->scan->slices[unit->slice].seg, &bytes);
        ok = ok && (weir_memo_put(memo, unit->key, weir_buf_view(&bytes)), true);
        weir_buf_done(&bytes);
    }
    exchange(agg, lane);
    weir_agg_lane *apart = &units->aside[lane->index];
    ok = ok && weir_agg_run_add(agg, lane, own, apart);
    weir_groups_done(&apart->groups);
    weir_heap_free(apart->heap);
    apart->heap = weir_heap_new(agg->stage.budget);
    apart->apart_rows = 0;
    return ok;
}

void weir_agg_units_done(weir_agg_run *agg)
{
    struct weir_agg_units *units = agg->units;
    for (uint32_t i = 0; units && i < units->count; i++) {
        weir_memo_release(units->at[i].known);
    }
    for (uint32_t i = 0; units && units->aside && i < agg->lane_count; i++) {
        weir_agg_run_lane_done(agg, &units->aside[i]);
    }
    agg->units = NULL;
}
