/* segments/freeze_auto.c - an auto column as one column of the type that its values have together,
 * and where that is json each of its paths as a column. What lies in several parts is merged here
 * for good: a frozen column has one type and one dictionary. */
#include <assert.h>
#include "segments/freeze_columns.h"

typedef struct group { /* parts that become one column */
    const weir_live_column *parts[WEIR_PARTS + 1];
    uint32_t count, bits;
} group;

/* Whether a chunk of the rows to be written has a value in this column. */
static bool has_values(const weir_freezing *f, const weir_live_column *col)
{
    for (uint32_t i = 0; i < f->part->count;) {
        uint32_t chunk = f->part->rows[i] >> 16;
        const weir_live_sealed *sealed = f->rt->chunks[chunk]->sealed;
        const weir_live_sealed_column *at =
            col->index < sealed->column_count ? sealed->columns[col->index] : NULL;
        if (at && at->zone.null_count < sealed->row_count) {
            return true;
        }
        uint64_t next = (uint64_t)(chunk + 1) << 16;
        while (i < f->part->count && f->part->rows[i] < next) {
            i++;
        }
    }
    return false;
}

static void add_part(group *g, const weir_live_column *part)
{
    g->parts[g->count++] = part;
    g->bits |= WEIR_PART_BIT(part->part);
}

/* ---- several parts into one ---- */

typedef struct merging {
    weir_freezing *f;
    weir_type type;
    weir_scratch keep;   /* what outlives a block */
    weir_live_dict dict; /* STRING and arrays of it */
    void *values;        /* of final rows: eight bytes, ids, texts */
    uint64_t *nulls;
    weir_part_lists lists; /* ARRAY: of source rows */
    weir_buf items, item_nulls;
    bool any;
} merging;

static void merging_init(merging *m)
{
    weir_freezing *f = m->f;
    size_t size = m->type.kind == WEIR_COMPLEX  ? sizeof(weir_str)
                  : m->type.kind == WEIR_STRING ? sizeof(uint32_t)
                                                : sizeof(int64_t);
    m->keep.budget = f->s.budget;
    weir_live_dict_init(&m->dict, &m->keep);
    if (m->type.kind == WEIR_ARRAY) {
        m->lists.offsets = WEIR_SCRATCH_ARRAY(&m->keep, uint32_t, f->part->count + 1);
        m->lists.nulls = WEIR_SCRATCH_ARRAY(&m->keep, uint64_t, weir_words(f->part->count) + 1);
        memset(m->lists.nulls, 0, sizeof(uint64_t) * (weir_words(f->part->count) + 1));
        m->lists.offsets[0] = 0;
        return;
    }
    m->values = weir_scratch_take(&m->keep, size * f->rows);
    m->nulls = WEIR_SCRATCH_ARRAY(&m->keep, uint64_t, weir_words(f->rows) + 1);
    memset(m->values, 0, size * f->rows);
    memset(m->nulls, 0, sizeof(*m->nulls) * (weir_words(f->rows) + 1));
}

static void merging_done(merging *m)
{
    weir_scratch_done(&m->keep);
    weir_buf_done(&m->items);
    weir_buf_done(&m->item_nulls);
}

static void intern(merging *m, const weir_vec *vec, uint32_t *ids)
{
    weir_live_dict_intern(&m->dict, vec->at.s, vec->nulls, vec->n, ids);
}

static void keep_scalars(merging *m, const weir_vec *vec, const uint32_t *place)
{
    uint32_t *ids = NULL;
    if (m->type.kind == WEIR_STRING) {
        ids = WEIR_SCRATCH_ARRAY(&m->f->s, uint32_t, vec->n);
        intern(m, vec, ids);
    }
    for (uint32_t i = 0; i < vec->n; i++) {
        bool null = vec->nulls && weir_bit(vec->nulls, i);
        m->any |= !null;
        if (ids) {
            ((uint32_t *)m->values)[place[i]] = ids[i];
        } else if (null) {
            weir_bit_set(m->nulls, place[i]);
        } else if (m->type.kind == WEIR_COMPLEX) {
            weir_str text = vec->at.s[i];
            char *copy = weir_scratch_take(&m->keep, text.size + 1);
            memcpy(copy, text.at, text.size);
            ((weir_str *)m->values)[place[i]] = (weir_str){copy, text.size};
        } else {
            ((int64_t *)m->values)[place[i]] = vec->at.l[i];
        }
    }
}

/* Elements in source order; nulls of elements a byte each until all are there. */
static void keep_lists(merging *m, const weir_vec *vec, uint32_t first)
{
    const weir_vec *items = vec->items;
    for (uint32_t i = 0; i < vec->n; i++) {
        uint32_t count = vec->at.offsets[i + 1] - vec->at.offsets[i];
        m->lists.offsets[first + i + 1] = m->lists.offsets[first + i] + count;
        if (weir_vec_is_null(vec, i)) {
            weir_bit_set(m->lists.nulls, first + i);
        } else {
            m->any = true;
        }
    }
    if (m->type.elem == WEIR_STRING) {
        uint32_t *ids = WEIR_SCRATCH_ARRAY(&m->f->s, uint32_t, items->n + 1);
        intern(m, items, ids);
        weir_buf_put(&m->items, ids, sizeof(*ids) * items->n);
        return;
    }
    weir_buf_put(&m->items, items->at.l, sizeof(int64_t) * items->n);
    for (uint32_t k = 0; k < items->n; k++) {
        weir_buf_byte(&m->item_nulls, items->nulls && weir_bit(items->nulls, k));
    }
}

static bool read_parts(merging *m, const group *g, weir_error *err)
{
    weir_freezing *f = m->f;
    weir_part_block *block = WEIR_SCRATCH_ARRAY(&f->s, weir_part_block, 1);
    bool ok = true;
    memset(block, 0, sizeof(*block));
    while (ok && weir_part_next(f->rt, f->part, block)) {
        weir_mark mark = weir_scratch_mark(&f->s);
        weir_vec parts[WEIR_PARTS + 1], flat[WEIR_PARTS + 1], vec;
        for (uint32_t p = 0; p < g->count && ok; p++) {
            weir_part_read(g->parts[p], block, &f->s, &parts[p]);
            if (weir_live_has_dict(g->parts[p]->type)) {
                weir_live_dict_view *view = WEIR_SCRATCH_ARRAY(&f->s, weir_live_dict_view, 1);
                *view = weir_live_dict_pin(g->parts[p]->dict);
                weir_part_set_dict(&parts[p], &view->base);
            }
            ok = weir_vec_flatten(&parts[p], &f->s, &flat[p], err);
        }
        ok = ok && weir_live_merge(m->type, flat, g->count, block->n, &f->s, &vec, err);
        if (ok && m->type.kind == WEIR_ARRAY) {
            keep_lists(m, &vec, block->first);
        } else if (ok) {
            keep_scalars(m, &vec, f->place + block->first);
        }
        weir_scratch_rewind(&f->s, mark);
    }
    return ok;
}

static bool put_strings(merging *m, weir_str name, bool index, weir_error *err)
{
    weir_freezing *f = m->f;
    weir_live_column all = {.dict = &m->dict};
    weir_part_dict dict;
    uint32_t *ids = m->values;
    weir_part_dict_make(&all, ids, f->rows, &f->s, &dict);
    for (uint32_t i = 0; i < f->rows; i++) {
        ids[i] = dict.ranks[ids[i]];
    }
    return weir_segment_put_string(f->writer, name, index, dict.count, dict.values, ids, NULL, NULL,
                                   err);
}

static bool put_arrays(merging *m, weir_str name, bool index, weir_error *err)
{
    weir_freezing *f = m->f;
    weir_arrays arrays = {.elem = (weir_kind)m->type.elem};
    weir_part_dict dict = {0};
    uint32_t total = m->lists.offsets[f->part->count];
    m->lists.items = m->items.at ? m->items.at : (void *)m->lists.offsets;
    if (m->type.elem == WEIR_STRING) {
        weir_live_column all = {.dict = &m->dict};
        uint32_t *ids = m->lists.items;
        weir_part_dict_make(&all, ids, total, &f->s, &dict);
        for (uint32_t i = 0; i < total; i++) {
            ids[i] = dict.ranks[ids[i]];
        }
    } else {
        m->lists.item_nulls = WEIR_SCRATCH_ARRAY(&m->keep, uint64_t, weir_words(total) + 1);
        memset(m->lists.item_nulls, 0, sizeof(uint64_t) * (weir_words(total) + 1));
        for (uint32_t i = 0; i < total; i++) {
            if (m->item_nulls.at[i]) {
                weir_bit_set(m->lists.item_nulls, i);
            }
        }
    }
    weir_freeze_order_lists(f, &m->lists, &arrays);
    arrays.value_count = dict.count;
    arrays.values = dict.values;
    return weir_segment_put_array(f->writer, name, index, &arrays, err);
}

static bool put_merged(merging *m, weir_str name, bool index, weir_error *err)
{
    weir_segment_writer *w = m->f->writer;
    switch ((weir_kind)m->type.kind) {
    case WEIR_LONG:
        return weir_segment_put_long(w, name, false, m->values, m->nulls, err);
    case WEIR_DOUBLE:
        return weir_segment_put_double(w, name, false, m->values, m->nulls, err);
    case WEIR_STRING:
        return put_strings(m, name, index, err);
    case WEIR_ARRAY:
        return put_arrays(m, name, index, err);
    case WEIR_COMPLEX:
        return weir_segment_put_complex(w, name, m->type.complex, m->values, m->nulls, err);
    case WEIR_FLOAT:
    case WEIR_UNKNOWN:
        break;
    }
    return weir_fail(err, WEIR_ERR_INTERNAL, "column '%.*s' has a kind that is not kept",
                     WEIR_STR_ARG(name));
}

static bool write_merged(weir_freezing *f, const group *g, weir_type type, weir_str name,
                         bool index, bool declared, weir_error *err)
{
    merging m = {.f = f, .type = type};
    merging_init(&m);
    bool ok = read_parts(&m, g, err) && ((!m.any && !declared) || put_merged(&m, name, index, err));
    merging_done(&m);
    return ok;
}

/* ---- a column ---- */

static bool write_group(weir_freezing *f, const group *g, weir_type type, weir_str name, bool index,
                        bool declared, weir_error *err)
{
    weir_mark mark = weir_scratch_mark(&f->s);
    bool plain = g->count == 1 && weir_type_eq(g->parts[0]->type, type);
    bool ok = plain ? weir_freeze_plain(f, g->parts[0], name, declared, err)
                    : write_merged(f, g, type, name, index, declared, err);
    weir_scratch_rewind(&f->s, mark);
    return ok;
}

/* All leaves with a value in these rows. */
static bool write_leaves(weir_freezing *f, const weir_live_column *col, weir_error *err)
{
    bool ok = true;
    for (uint32_t i = col->index; i < f->rt->column_count && ok; i++) {
        const weir_live_leaf *leaf = f->rt->columns[i]->leaf;
        group g = {0};
        if (!leaf || leaf->of != col || f->rt->columns[i]->index != weir_live_leaf_first(leaf)) {
            continue;
        }
        for (uint32_t p = 0; p < WEIR_PARTS; p++) {
            if (leaf->columns[p] != WEIR_LIVE_NO_COLUMN &&
                has_values(f, f->rt->columns[leaf->columns[p]])) {
                add_part(&g, f->rt->columns[leaf->columns[p]]);
            }
        }
        ok = g.count == 0 || write_group(f, &g, weir_live_widest(g.bits, false), leaf->name,
                                         col->indexed, false, err);
    }
    return ok;
}

bool weir_freeze_auto(weir_freezing *f, const weir_live_column *col, bool declared, weir_error *err)
{
    weir_type type = weir_live_auto_type(col);
    bool nested = has_values(f, col), json = type.kind == WEIR_COMPLEX || nested;
    group g = {0};
    for (uint32_t i = col->index; i < f->rt->column_count && type.kind != WEIR_COMPLEX; i++) {
        const weir_live_column *part = f->rt->columns[i];
        if (part->leaf && part->leaf->root && part->leaf->of == col && has_values(f, part)) {
            add_part(&g, part);
        }
    }
    if (json) {
        g.parts[g.count++] = col;
    }
    type = type.kind == WEIR_UNKNOWN ? weir_live_widest(g.bits, nested) : type;
    if (g.count == 0 && !declared) {
        return true; /* seen elsewhere, not here */
    }
    return write_group(f, &g, type, col->name, col->indexed, declared, err) &&
           (!json || write_leaves(f, col, err));
}
