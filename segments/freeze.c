/* segments/freeze.c - writes a part as a frozen segment: the order of its rows first, then column
 * after column, each gathered in source order and scattered to its rows' final places. At most one
 * column is in memory at a time. */
#include <assert.h>
#include "segments/freeze_columns.h"
#include "segments/rollup.h"

typedef weir_freezing freezing;

static int64_t *read_times(freezing *f)
{
    int64_t *times = WEIR_SCRATCH_ARRAY(&f->s, int64_t, f->part->count);
    weir_part_block *block = WEIR_SCRATCH_ARRAY(&f->s, weir_part_block, 1);
    memset(block, 0, sizeof(*block));
    while (weir_part_next(f->rt, f->part, block)) {
        weir_mark mark = weir_scratch_mark(&f->s);
        memcpy(times + block->first, weir_part_longs(&block->chunk->times, block, &f->s),
               sizeof(*times) * block->n);
        weir_scratch_rewind(&f->s, mark);
    }
    return times;
}

static bool write_times(freezing *f, const int64_t *times, weir_error *err)
{
    weir_mark mark = weir_scratch_mark(&f->s);
    int64_t *out = WEIR_SCRATCH_ARRAY(&f->s, int64_t, f->rows);
    for (uint32_t i = 0; i < f->part->count; i++) {
        out[f->place[i]] = times[i];
    }
    bool ok = weir_segment_put_time(f->writer, out, err);
    weir_scratch_rewind(&f->s, mark);
    return ok;
}

/* --- strings --- */

/* Ids of final rows: of rows that share one, any, as they are equal. */
static bool write_plain(freezing *f, const weir_live_column *col, weir_str name,
                        const weir_part_ids *ids, const weir_part_dict *dict, weir_error *err)
{
    uint32_t *out = WEIR_SCRATCH_ARRAY(&f->s, uint32_t, f->rows);
    for (uint32_t i = 0; i < f->part->count; i++) {
        out[f->place[i]] = dict->ranks[ids->ids[i]];
    }
    return weir_segment_put_string(f->writer, name, col->indexed, dict->count, dict->values, out,
                                   NULL, NULL, err);
}

static bool write_lists(freezing *f, const weir_live_column *col, weir_str name,
                        const weir_part_ids *ids, const weir_part_dict *dict, weir_error *err)
{
    uint32_t n = f->part->count;
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(&f->s, uint32_t, f->rows + 1),
             *source = WEIR_SCRATCH_ARRAY(&f->s, uint32_t, f->rows);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(&f->s, uint64_t, weir_words(f->rows));
    bool any_null = false;
    memset(nulls, 0, sizeof(*nulls) * weir_words(f->rows));
    for (uint32_t i = 0; i < n; i++) {
        source[f->place[i]] = i;
    }
    uint32_t total = 0;
    for (uint32_t row = 0; row < f->rows; row++) {
        offsets[row] = total;
        total += ids->offsets[source[row] + 1] - ids->offsets[source[row]];
        if (weir_bit(ids->nulls, source[row])) {
            weir_bit_set(nulls, row);
            any_null = true;
        }
    }
    offsets[f->rows] = total;
    uint32_t *out = WEIR_SCRATCH_ARRAY(&f->s, uint32_t, total + 1);
    for (uint32_t row = 0; row < f->rows; row++) {
        const uint32_t *from = ids->ids + ids->offsets[source[row]];
        for (uint32_t k = 0; k < offsets[row + 1] - offsets[row]; k++) {
            out[offsets[row] + k] = dict->ranks[from[k]];
        }
    }
    if (col->type.kind == WEIR_ARRAY) {
        weir_arrays arrays = {.elem = WEIR_STRING,
                              .items = out,
                              .offsets = offsets,
                              .nulls = any_null ? nulls : NULL,
                              .value_count = dict->count,
                              .values = dict->values};
        return weir_segment_put_array(f->writer, name, col->indexed, &arrays, err);
    }
    return weir_segment_put_string(f->writer, name, col->indexed, dict->count, dict->values, out,
                                   offsets, any_null ? nulls : NULL, err);
}

static bool write_string(freezing *f, const weir_live_column *col, weir_str name, bool declared,
                         weir_error *err)
{
    weir_part_ids ids;
    weir_part_dict dict;
    weir_part_ids_read(f->rt, f->part, col, &f->s, &ids);
    weir_part_dict_make(col, ids.ids, ids.offsets ? ids.offsets[f->part->count] : f->part->count,
                        &f->s, &dict);
    if (!declared && !ids.offsets && dict.count == 1) {
        return true; /* seen elsewhere, not here */
    }
    if (ids.offsets) {
        return write_lists(f, col, name, &ids, &dict, err);
    }
    return write_plain(f, col, name, &ids, &dict, err);
}

/* --- numbers and bytes --- */

typedef struct cells { /* of final rows */
    uint8_t *values;
    uint64_t *nulls;
    bool any, any_null; /* a value, a null */
} cells;

static cells cells_new(freezing *f, size_t size)
{
    cells c = {.values = weir_scratch_take(&f->s, size * f->rows),
               .nulls = WEIR_SCRATCH_ARRAY(&f->s, uint64_t, weir_words(f->rows))};
    memset(c.nulls, 0, sizeof(*c.nulls) * weir_words(f->rows));
    return c;
}

static void scatter(cells *c, const weir_vec *vec, size_t size, const uint32_t *place)
{
    bool constant = vec->form == WEIR_CONST;
    const uint8_t *from = (const uint8_t *)vec->at.l;
    for (uint32_t i = 0; i < vec->n; i++) {
        if (vec->nulls && weir_bit(vec->nulls, constant ? 0 : i)) {
            memset(c->values + size * place[i], 0, size);
            weir_bit_set(c->nulls, place[i]);
            c->any_null = true;
        } else {
            memcpy(c->values + size * place[i], from + size * (constant ? 0 : i), size);
            c->any = true;
        }
    }
}

/* The usual case, with the size known to the compiler. */
static void scatter_eight(uint64_t *out, const uint64_t *from, const uint32_t *place, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        out[place[i]] = from[i];
    }
}

static cells gather_cells(freezing *f, const weir_live_column *col)
{
    size_t size = weir_live_cell_size(col->type);
    cells c = cells_new(f, size);
    weir_part_block *block = WEIR_SCRATCH_ARRAY(&f->s, weir_part_block, 1);
    memset(block, 0, sizeof(*block));
    while (weir_part_next(f->rt, f->part, block)) {
        weir_mark mark = weir_scratch_mark(&f->s);
        weir_vec vec;
        weir_part_read(col, block, &f->s, &vec);
        if (size == 8 && vec.form == WEIR_FLAT && !vec.nulls) {
            scatter_eight((uint64_t *)(void *)c.values, (const uint64_t *)(const void *)vec.at.l,
                          f->place + block->first, block->n);
            c.any = true;
        } else {
            scatter(&c, &vec, size, f->place + block->first);
        }
        weir_scratch_rewind(&f->s, mark);
    }
    return c;
}

/* Metrics of rows that share a final row, merged. */
static bool merge_cells(freezing *f, const weir_live_column *col, weir_rollup_run *run, cells *out,
                        weir_error *err)
{
    size_t size = weir_live_cell_size(col->type);
    weir_part_block *block = WEIR_SCRATCH_ARRAY(&f->s, weir_part_block, 1);
    memset(block, 0, sizeof(*block));
    while (weir_part_next(f->rt, f->part, block)) {
        weir_mark mark = weir_scratch_mark(&f->s);
        weir_vec values, times = {.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = block->n};
        weir_part_read(col, block, &f->s, &values);
        times.at.l = weir_part_longs(&block->chunk->times, block, &f->s);
        weir_rollup_add(run, f->place + block->first, &values, &times, &f->s);
        weir_scratch_rewind(&f->s, mark);
    }
    *out = cells_new(f, size);
    for (uint32_t from = 0; from < f->rows; from += WEIR_BLOCK_ROWS) {
        uint32_t n = f->rows - from < WEIR_BLOCK_ROWS ? f->rows - from : WEIR_BLOCK_ROWS;
        weir_vec vec;
        if (!weir_rollup_finish(run, from, n, &f->s, &vec,
                                err)) { /* bytes stay in the scratch until they are written */
            return false;
        }
        memcpy(out->values + size * from, vec.at.l, size * n);
        for (uint32_t i = 0; i < n; i++) {
            bool null = vec.nulls && weir_bit(vec.nulls, i);
            out->nulls[(from + i) / 64] |= (uint64_t)null << (from + i) % 64;
            out->any_null |= null;
            out->any |= !null;
        }
    }
    return true;
}

static bool put_cells(freezing *f, const weir_live_column *col, weir_str name, const cells *c,
                      weir_error *err)
{
    const uint64_t *nulls = c->any_null ? c->nulls : NULL;
    const void *values = c->values;
    switch ((weir_kind)col->type.kind) {
    case WEIR_LONG:
        return weir_segment_put_long(f->writer, name, col->metric, values, nulls, err);
    case WEIR_DOUBLE:
        return weir_segment_put_double(f->writer, name, col->metric, values, nulls, err);
    case WEIR_FLOAT:
        return weir_segment_put_float(f->writer, name, col->metric, values, nulls, err);
    case WEIR_COMPLEX:
        return weir_segment_put_complex(f->writer, name, col->type.complex, values, nulls, err);
    case WEIR_STRING:
    case WEIR_ARRAY:
    case WEIR_UNKNOWN:
        break;
    }
    return weir_fail(err, WEIR_ERR_INTERNAL, "column '%.*s' has a kind that is not kept",
                     WEIR_STR_ARG(col->name));
}

static bool write_cells(freezing *f, const weir_live_column *col, weir_str name, bool declared,
                        weir_error *err)
{
    weir_rollup_run run;
    cells c;
    bool merges = f->rows < f->part->count && col->metric;
    if (merges && weir_rollup_begin(f->rt->rollup, col->name, f->rows, f->s.budget, &run)) {
        bool ok = merge_cells(f, col, &run, &c, err) && put_cells(f, col, name, &c, err);
        weir_rollup_end(&run);
        return ok;
    }
    c = gather_cells(f, col);
    return (!declared && !c.any) || put_cells(f, col, name, &c, err);
}

/* --- arrays of numbers --- */

static bool write_numbers(freezing *f, const weir_live_column *col, weir_str name, bool declared,
                          weir_error *err)
{
    weir_part_lists lists;
    weir_part_lists_read(f->rt, f->part, col, &f->s, &lists);
    weir_arrays arrays = {.elem = (weir_kind)col->type.elem};
    return (!weir_freeze_order_lists(f, &lists, &arrays) && !declared) ||
           weir_segment_put_array(f->writer, name, false, &arrays, err);
}

bool weir_freeze_order_lists(weir_freezing *f, const weir_part_lists *lists, weir_arrays *out)
{
    size_t size = out->elem == WEIR_STRING ? sizeof(uint32_t) : sizeof(int64_t);
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(&f->s, uint32_t, f->rows + 1), total = 0,
             *source = WEIR_SCRATCH_ARRAY(&f->s, uint32_t, f->rows);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(&f->s, uint64_t, weir_words(f->rows) + 1);
    bool any = false;
    memset(nulls, 0, sizeof(*nulls) * (weir_words(f->rows) + 1));
    for (uint32_t i = 0; i < f->part->count; i++) {
        source[f->place[i]] = i;
    }
    for (uint32_t row = 0; row < f->rows; row++) {
        offsets[row] = total;
        total += lists->offsets[source[row] + 1] - lists->offsets[source[row]];
        if (weir_bit(lists->nulls, source[row])) {
            weir_bit_set(nulls, row);
        } else {
            any = true;
        }
    }
    offsets[f->rows] = total;
    uint8_t *items = weir_scratch_take(&f->s, size * (total + 1));
    uint64_t *item_nulls = WEIR_SCRATCH_ARRAY(&f->s, uint64_t, weir_words(total) + 1);
    memset(item_nulls, 0, sizeof(*item_nulls) * (weir_words(total) + 1));
    for (uint32_t row = 0; row < f->rows; row++) {
        uint32_t from = lists->offsets[source[row]], count = offsets[row + 1] - offsets[row];
        memcpy(items + size * offsets[row], (const uint8_t *)lists->items + size * from,
               size * count);
        for (uint32_t k = 0; lists->item_nulls && k < count; k++) {
            if (weir_bit(lists->item_nulls, from + k)) {
                weir_bit_set(item_nulls, offsets[row] + k);
            }
        }
    }
    out->items = items;
    out->item_nulls = item_nulls;
    out->offsets = offsets;
    out->nulls = nulls;
    return any;
}

/* --- all columns --- */

bool weir_freeze_plain(weir_freezing *f, const weir_live_column *col, weir_str name, bool declared,
                       weir_error *err)
{
    return weir_live_has_numbers(col->type) ? write_numbers(f, col, name, declared, err)
           : weir_live_is_ids(col->type)    ? write_string(f, col, name, declared, err)
                                            : write_cells(f, col, name, declared, err);
}

static bool write_columns(freezing *f, weir_error *err)
{
    for (int metrics = 0; metrics < 2; metrics++) {
        for (uint32_t i = 0; i < f->rt->column_count; i++) {
            const weir_live_column *col = f->rt->columns[i];
            if (col->metric != metrics || col->leaf) {
                continue;
            }
            weir_mark mark = weir_scratch_mark(&f->s);
            bool declared = i < f->rt->declared_count;
            bool ok = col->automatic ? weir_freeze_auto(f, col, declared, err)
                                     : weir_freeze_plain(f, col, col->name, declared, err);
            weir_scratch_rewind(&f->s, mark);
            if (!ok) {
                return false;
            }
        }
    }
    return true;
}

bool weir_realtime_freeze(weir_realtime *rt, const weir_freeze_part *part, weir_file file,
                          bool thorough, weir_segment_info *out, weir_error *err)
{
    freezing f = {.rt = rt, .part = part->rows, .s = {.budget = &rt->budget}};
    assert(rt->ended && f.part->count > 0);
    f.place = WEIR_SCRATCH_ARRAY(&f.s, uint32_t, f.part->count);
    int64_t *times = read_times(&f);
    f.rows = weir_part_order(rt, f.part, times, rt->rollup != NULL, &f.s, f.place);
    f.writer = weir_segment_writer_new(file, rt->schema, f.rows, thorough);
    bool ok = write_times(&f, times, err) && write_columns(&f, err);
    if (ok) {
        ok = weir_segment_writer_end(f.writer, out, err);
    } else {
        weir_segment_writer_abandon(f.writer);
    }
    weir_scratch_done(&f.s);
    return ok;
}
