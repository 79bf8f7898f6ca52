/* query/run_agg_cache.c - see the header. While a unit is computed apart, the lane's groups are put
 * aside and an empty set takes their place; then it is folded, saved, and merged into what was put
 * aside. That costs a second hashing per group, so units with many groups for their rows are not
 * kept, and after the first of them the leaf's other units are computed as ever, now and later.
 * Measured: a group of a kept unit costs 4-6 ns per key and aggregate, a text that is no id of the
 * segment's dictionary 100 ns; asking for a unit 0.5 us. */
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
    LOAD_NS = 8,
    LOAD_TEXT_NS = 100
};

struct weir_agg_units {
    uint32_t count;
    weir_agg_unit *at;
    uint64_t row_count;   /* that must be read */
    weir_agg_lane *aside; /* per lane; NULL: no unit is kept */
    weir_memo_key leaf;   /* what units have in common; itself kept: they are not worth it */
    _Atomic bool not_worth_it;
    uint64_t most_rows; /* of a unit that was asked for */
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

/* A guess from below: what takes less than KEEP_US in any case is not asked for. */
static bool is_slow(const weir_agg_run *agg, uint64_t rows)
{
    double row_ns = 0.1 * (1 + agg->aggs.count) + (agg->scan->filter ? 0.3 : 0) + agg->keys.count;
    return agg->stage.options->force_keep ||
           (rows >= KEEP_ROWS && row_ns * (double)rows >= 1000 * KEEP_US);
}

static void ask(weir_agg_run *agg, struct weir_agg_units *units, weir_agg_unit *unit, weir_buf *key)
{
    const weir_run_options *options = agg->stage.options;
    key->size = 0;
    weir_buf_put(key, &units->leaf, sizeof(units->leaf));
    put_unit(agg->scan, unit, key);
    unit->key = weir_memo_key_of(options->memo, weir_buf_view(key));
    unit->known = options->use_cache ? weir_memo_get(options->memo, unit->key) : NULL;
    unit->done = unit->known != NULL;
    unit->keep = !unit->done && options->populate_cache &&
                 (options->force_keep || weir_memo_seen(options->memo, unit->key));
    uint64_t rows = unit_rows(agg->scan, unit);
    units->row_count -= unit->done ? rows : 0;
    units->most_rows = rows > units->most_rows ? rows : units->most_rows;
}

/* How many slices of slice i's segment, from it on, make a unit that the memo is asked for; 0:
 * none. */
static uint32_t unit_at(const weir_agg_run *agg, uint32_t i, uint32_t *size)
{
    const weir_scan *scan = agg->scan;
    const weir_slice *slices = scan->slices;
    const weir_rows *rows = scan->segs[slices[i].seg].rows;
    uint32_t count = 1;
    if (!rows || rows->live || !rows->uid || slices[i].count == 0) {
        return 0;
    }
    *size = i == 0 || slices[i - 1].seg != slices[i].seg ? unit_size(scan, i) : *size;
    while (count < *size && i + count < scan->slice_count &&
           slices[i + count].seg == slices[i].seg) {
        count++;
    }
    return is_slow(agg, unit_rows(scan, &(weir_agg_unit){.slice = i, .count = count})) ? count : 0;
}

bool weir_agg_units_init(weir_agg_run *agg, weir_lane *lane)
{
    const weir_scan *scan = agg->scan;
    weir_arena *arena = agg->stage.arena;
    const weir_run_options *options = agg->stage.options;
    struct weir_agg_units *units = WEIR_ARENA_NEW(arena, struct weir_agg_units);
    bool cached = cached_here(agg), keeps = false;
    weir_buf key = {0};
    units->at = WEIR_ARENA_ARRAY(arena, weir_agg_unit, scan->slice_count + 1);
    units->row_count = scan->row_count;
    agg->units = units;
    if (cached) {
        put_leaf(agg, &key);
        agg->fingerprint = weir_hash_bytes(key.at, key.size);
        units->leaf = weir_memo_key_of(options->memo, weir_buf_view(&key));
        cached = !weir_memo_has(options->memo, units->leaf);
    }
    for (uint32_t i = 0, size = 1; i < scan->slice_count;) {
        weir_agg_unit asked = {.slice = i, .count = cached ? unit_at(agg, i, &size) : 0};
        if (asked.count) {
            ask(agg, units, &asked, &key);
            keeps = keeps || asked.keep;
        }
        bool whole = asked.done || asked.keep;
        uint32_t end = i + (asked.count ? asked.count : 1);
        if (whole) {
            units->at[units->count++] = asked;
        }
        for (; !whole && i < end; i++) { /* each slice by itself, as without a memo */
            units->at[units->count++] = (weir_agg_unit){.slice = i, .count = 1};
        }
        i = end;
    }
    weir_buf_done(&key);
    if (keeps) {
        units->aside = WEIR_ARENA_ARRAY(arena, weir_agg_lane, agg->lane_count);
        for (uint32_t i = 0; i < agg->lane_count; i++) {
            weir_agg_run_lane_init(agg, &units->aside[i]);
        }
    }
    return weir_ctl_check(lane->run.ctl, &lane->err);
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
    if (!atomic_load(&agg->units->not_worth_it)) {
        exchange(agg, lane);
        weir_agg_lane *own = &agg->lanes[lane->index];
        own->seg = own->cells_seg = WEIR_NO_ID;
        own->apart_rows = unit_rows(agg->scan, unit);
    }
    return true;
}

/* Whether finding the unit costs less than half of computing it. */
static bool is_worth_it(const weir_agg_run *agg, const weir_agg_lane *own, int64_t spent_us)
{
    uint64_t group_ns = LOAD_NS * (agg->keys.count + agg->aggs.count);
    for (uint32_t k = 0; k < agg->keys.count; k++) {
        const weir_key_code *code = &agg->keys.codes[k];
        bool text = code->type.kind == WEIR_STRING && code->slot == WEIR_NO_ID;
        group_ns += text ? LOAD_TEXT_NS : 0;
    }
    return own->groups.count <= own->apart_rows / ROWS_PER_GROUP &&
           own->groups.count * group_ns * 2 <= (uint64_t)spent_us * 1000;
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
    bool ok = true, forced = agg->stage.options->force_keep;
    if (forced || (spent_us >= KEEP_US && is_worth_it(agg, own, spent_us))) {
        weir_buf bytes = {0};
        ok = weir_partial_save(agg, own, lane, agg->scan->slices[unit->slice].seg, &bytes);
        ok = ok && (weir_memo_put(memo, unit->key, weir_buf_view(&bytes)), true);
        weir_buf_done(&bytes);
    } else if (spent_us >= KEEP_US && own->apart_rows * 2 >= units->most_rows) {
        weir_memo_put(memo, units->leaf, WEIR_STR("")); /* small segments say nothing of large ones */
        atomic_store(&units->not_worth_it, true);
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
