/* query/run_agg_meta.c - metadata in place of rows: counts, sums and zone maps of a whole chunk. */
#include "query/run_agg_feed.h"

typedef struct fold { /* what stands for the rows of one aggregator: n rows of no argument, or one
                         row */
    uint32_t n;
    weir_vec vec;
    int64_t l;
    double d;
} fold;

static bool fold_sum(const weir_column *col, const weir_block *block, fold *out, weir_error *err)
{
    uint32_t count;
    if (!col->ops->sum || !col->ops->sum(col, block->chunk, 0, block->info.row_count, &out->l,
                                         &out->d, &count, err)) {
        return false;
    }
    out->n = count > 0;
    return true;
}

static bool fold_zone(const weir_column *col, const weir_block *block, bool min, fold *out)
{
    weir_zone zone = {0};
    if (!col->ops->zone(col, block->chunk, &zone) || zone.has_nan ||
        (!zone.has_range && zone.null_count < block->info.row_count)) {
        return false;
    }
    out->n = zone.has_range;
    out->l = min ? zone.min.l : zone.max.l;
    out->d = min ? zone.min.d : zone.max.d;
    return true;
}

/* What stands for all rows of the chunk to aggregator i. False: they must be read. */
static bool fold_chunk(weir_agg_run *agg, const weir_cursor *cursor, uint32_t i, fold *out)
{
    const weir_agg_bound *b = &agg->aggs.bound[i];
    const weir_block *block = &cursor->block;
    if (b->agg->fold == WEIR_FOLD_COUNT) {
        *out = (fold){.n = cursor->chunk_sel.count};
        return true;
    }
    uint32_t slot =
        b->agg->fold != WEIR_FOLD_NONE ? weir_port_plain(agg->port, agg->arg_from[i]) : WEIR_NO_ID;
    const weir_column *col = slot != WEIR_NO_ID ? weir_block_column(block, slot) : NULL;
    if (!col || cursor->chunk_sel.kind != WEIR_SEL_ALL || col->type.kind != b->take[0].kind ||
        !weir_type_is_number(col->type)) {
        return false;
    }
    *out = (fold){0};
    if (b->agg->fold == WEIR_FOLD_SUM
            ? !fold_sum(col, block, out, &cursor->lane->err)
            : !fold_zone(col, block, b->agg->fold == WEIR_FOLD_MIN, out)) {
        return false;
    }
    bool wide =
        b->agg->fold == WEIR_FOLD_SUM && col->type.kind == WEIR_FLOAT; /* floats add as doubles */
    out->vec =
        (weir_vec){.type = wide ? WEIR_TYPE(WEIR_DOUBLE) : col->type, .form = WEIR_FLAT, .n = 1};
    return true;
}

/* All rows of a chunk are of one group and every aggregator can do without reading them. */
bool weir_agg_add_metadata(weir_agg_run *agg, weir_cursor *cursor, uint64_t code, bool *whole)
{
    weir_lane *lane = cursor->lane;
    uint32_t count = agg->aggs.count;
    fold *folds = WEIR_SCRATCH_ARRAY(&lane->scratch, fold, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        if (agg->filter_of[i] != WEIR_NO_ID || !fold_chunk(agg, cursor, i, &folds[i])) {
            return lane->err.code == WEIR_OK;
        }
    }
    weir_feed f = {.agg = agg, .own = &agg->lanes[lane->index], .lane = lane};
    uint8_t *state;
    if (!weir_feed_bucket(&f, code, &state)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const weir_agg_bound *b = &agg->aggs.bound[i];
        fold *of = &folds[i];
        float single = (float)of->d;
        of->vec.at.l = b->agg->fold == WEIR_FOLD_COUNT    ? NULL
                       : of->vec.type.kind == WEIR_LONG   ? &of->l
                       : of->vec.type.kind == WEIR_DOUBLE ? (const int64_t *)&of->d
                                                          : (const int64_t *)(void *)&single;
        if (of->n) {
            weir_sel rows = weir_sel_all(of->n);
            b->agg->add_one(b, f.own->heap, state + agg->aggs.offset[i], &of->vec, &rows,
                            &lane->scratch);
        }
    }
    *whole = true;
    return true;
}
