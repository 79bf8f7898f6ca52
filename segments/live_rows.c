/* segments/live_rows.c - a snapshot of a live segment as weir_rows. Order matters
 * (docs/PROTOCOL.md, section 8): under the lock the chunk list with a reference each, the growing
 * chunk's row count, the columns; then dictionary counts. Nothing newer is used. Parts of auto
 * columns are pinned like any column; what is seen is a *logical* column over them: the only part,
 * or all of them merged as they are read. */
#include <assert.h>
#include <stdlib.h>
#include "segments/live_auto.h"
#include "segments/live_seal.h"

typedef struct pinned_chunk {
    weir_live_chunk *chunk;
    uint32_t row_count;
    weir_live_span span;
} pinned_chunk;

typedef struct snapshot snapshot;
typedef struct pinned_column { /* is a weir_column */
    weir_column base;
    const snapshot *of;
    const weir_live_column *col; /* NULL: __time */
    weir_live_dict_view dict;
    const weir_live_cells *cells; /* of the growing chunk; NULL: no value in it yet */
    bool lists;                   /* reads of the growing chunk give LIST */
} pinned_column;

typedef struct logical_column { /* is a weir_column, for several parts */
    weir_column base;
    const pinned_column *parts[WEIR_PARTS + 1];
    uint32_t count, bits;      /* parts; WEIR_PART_BITs */
    pinned_column only;        /* the one part under the column's own name */
    const weir_column *column; /* what is seen */
} logical_column;

struct snapshot { /* is a weir_rows */
    weir_rows base;
    weir_realtime *rt;
    bool masks;
    weir_mask masked;
    uint32_t chunk_count, column_count;
    pinned_chunk *chunks;
    pinned_column *columns;      /* __time, then as in the segment */
    const weir_column **visible; /* column_count: __time, dimensions, metrics */
    logical_column **autos;      /* by column of the segment; NULL: not an auto column */
    logical_column *leaves;      /* by index */
    uint32_t leaf_count;
    weir_live_dict_view names, leaf_names, no_values;
    uint32_t name_count; /* columns of the segment as of the snapshot */
};

static inline const pinned_column *column_of(const weir_column *col)
{
    return (const pinned_column *)(const void *)col;
}

static inline const snapshot *snapshot_of(const weir_rows *rows)
{
    return (const snapshot *)(const void *)rows;
}

static inline const weir_live_sealed_column *sealed_of(const pinned_column *col,
                                                       const weir_live_sealed *sealed)
{
    return col->col->index < sealed->column_count ? sealed->columns[col->col->index] : NULL;
}

/* --- columns --- */

static bool zone_of_times(const pinned_chunk *at, weir_zone *out)
{
    *out = (weir_zone){.has_range = true};
    out->min.l = at->span.min;
    out->max.l = at->span.max;
    return true;
}

static bool column_zone(const weir_column *base, uint32_t chunk, weir_zone *out)
{
    const pinned_column *col = column_of(base);
    const pinned_chunk *at = &col->of->chunks[chunk];
    if (!col->col) {
        return zone_of_times(at, out);
    }
    if (!at->chunk->sealed) {
        return false;
    }
    const weir_live_sealed_column *sealed = sealed_of(col, at->chunk->sealed);
    *out = sealed ? sealed->zone : (weir_zone){.null_count = at->row_count};
    return true;
}

static bool column_postings(const weir_column *base, uint32_t chunk, uint32_t id, weir_scratch *s,
                            weir_posting *out)
{
    const pinned_column *col = column_of(base);
    const weir_live_sealed *sealed = col->of->chunks[chunk].chunk->sealed;
    const weir_live_sealed_column *at = sealed && col->col ? sealed_of(col, sealed) : NULL;
    (void)s;
    if (!at || !at->has_postings) {
        return false;
    }
    weir_postings_find(&at->postings, id, out);
    return true;
}

static bool column_read(const weir_column *base, uint32_t chunk, uint32_t from, uint32_t n,
                        bool scaled, weir_scratch *s, weir_vec *out, weir_error *err)
{
    const pinned_column *col = column_of(base);
    const pinned_chunk *at = &col->of->chunks[chunk];
    const weir_live_sealed *sealed = at->chunk->sealed;
    assert(n >= 1 && n <= WEIR_BLOCK_ROWS && from + n <= at->row_count);
    (void)err;
    if (!col->col && sealed) {
        weir_encoded_read(&sealed->times, from, n, false, s, out);
    } else if (!col->col) {
        weir_live_read_times(at->chunk, from, n, s, out);
    } else if (sealed) {
        weir_live_sealed_read(col->col, sealed_of(col, sealed), base->dict, from, n, scaled, s,
                              out);
    } else {
        weir_live_read(col->col, col->cells, base->dict, col->lists, from, n, s, out);
    }
    return true;
}

static void gather_times(const weir_live_chunk *chunk, const uint16_t *rows, uint32_t n,
                         weir_scratch *s, weir_vec *out)
{
    int64_t *times = WEIR_SCRATCH_ARRAY(s, int64_t, n);
    for (uint32_t i = 0; i < n; i++) {
        const int64_t *block =
            atomic_load_explicit(&chunk->times[rows[i] / WEIR_BLOCK_ROWS], memory_order_acquire);
        times[i] = block[rows[i] % WEIR_BLOCK_ROWS];
    }
    *out = (weir_vec){.type = WEIR_TYPE(WEIR_LONG), .form = WEIR_FLAT, .n = n};
    out->at.l = times;
}

static bool column_gather(const weir_column *base, uint32_t chunk, const uint16_t *rows, uint32_t n,
                          weir_scratch *s, weir_vec *out, weir_error *err)
{
    const pinned_column *col = column_of(base);
    const pinned_chunk *at = &col->of->chunks[chunk];
    const weir_live_sealed *sealed = at->chunk->sealed;
    assert(n >= 1 && n <= WEIR_BLOCK_ROWS && rows[n - 1] < at->row_count);
    (void)err;
    if (!col->col && sealed) {
        weir_encoded_gather(&sealed->times, rows, n, s, out);
    } else if (!col->col) {
        gather_times(at->chunk, rows, n, s, out);
    } else if (sealed) {
        weir_live_sealed_gather(col->col, sealed_of(col, sealed), base->dict, rows, n, s, out);
    } else {
        weir_live_gather(col->col, col->cells, base->dict, col->lists, rows, n, s, out);
    }
    return true;
}

/* The encoded values of a sealed chunk that have a row each; NULL: there are none such. */
static const weir_encoded *plain_of(const pinned_column *col, uint32_t chunk)
{
    const weir_live_sealed *sealed = col->of->chunks[chunk].chunk->sealed;
    if (!sealed) {
        return NULL;
    }
    if (!col->col) {
        return &sealed->times;
    }
    const weir_live_sealed_column *at = sealed_of(col, sealed);
    return at && !at->zone.multi && col->col->type.kind != WEIR_COMPLEX ? &at->cells : NULL;
}

static bool column_range(const weir_column *base, uint32_t chunk, uint32_t from, uint32_t n,
                         int64_t lo, int64_t hi, weir_scratch *s, uint64_t *bits, weir_error *err)
{
    const weir_encoded *enc = plain_of(column_of(base), chunk);
    (void)s;
    (void)err;
    if (!enc || (enc->kind != WEIR_VALUE_IDS && enc->kind != WEIR_VALUE_LONGS)) {
        return false;
    }
    weir_encoded_range(enc, from, n, lo, hi, bits);
    return true;
}

static bool column_sum(const weir_column *base, uint32_t chunk, uint32_t from, uint32_t n,
                       int64_t *out_l, double *out_d, uint32_t *out_count, weir_error *err)
{
    const weir_encoded *enc = plain_of(column_of(base), chunk);
    (void)err;
    if (!enc || enc->kind == WEIR_VALUE_IDS) {
        return false;
    }
    weir_encoded_sum(enc, from, n, out_l, out_d, out_count);
    return true;
}

static uint64_t column_bytes(const weir_column *base)
{
    const pinned_column *col = column_of(base);
    uint64_t bytes = 0;
    for (uint32_t i = 1; col->col && col->col->automatic && i <= col->of->name_count; i++) {
        const weir_live_leaf *leaf = col->of->columns[i].col->leaf; /* a json column's paths */
        bytes += leaf && leaf->of == col->col && !leaf->root
                     ? column_bytes(&col->of->columns[i].base)
                     : 0;
    }
    for (uint32_t i = 0; i < col->of->chunk_count; i++) {
        const pinned_chunk *at = &col->of->chunks[i];
        const weir_live_sealed_column *sealed =
            at->chunk->sealed && col->col ? sealed_of(col, at->chunk->sealed) : NULL;
        if (at->chunk->sealed) {
            bytes += !col->col ? at->chunk->sealed->times.size : sealed ? sealed->size : 0;
        } else {
            bytes +=
                (col->col ? weir_live_cell_size(col->col->type) : sizeof(int64_t)) * at->row_count;
        }
    }
    return bytes;
}

static const weir_column_ops column_ops = {.zone = column_zone,
                                           .postings = column_postings,
                                           .read = column_read,
                                           .gather = column_gather,
                                           .range = column_range,
                                           .sum = column_sum,
                                           .bytes = column_bytes};

/* --- logical columns --- */

static inline const logical_column *logical_of(const weir_column *col)
{
    return (const logical_column *)(const void *)col;
}

static bool logical_zone(const weir_column *base, uint32_t chunk, weir_zone *out)
{
    (void)base, (void)chunk, (void)out;
    return false;
}

static bool logical_postings(const weir_column *base, uint32_t chunk, uint32_t id, weir_scratch *s,
                             weir_posting *out)
{
    (void)base, (void)chunk, (void)id, (void)s, (void)out;
    return false;
}

static bool logical_read(const weir_column *base, uint32_t chunk, uint32_t from, uint32_t n,
                         bool scaled, weir_scratch *s, weir_vec *out, weir_error *err)
{
    const logical_column *col = logical_of(base);
    weir_vec parts[WEIR_PARTS + 1];
    (void)scaled;
    for (uint32_t i = 0; i < col->count; i++) {
        if (!column_read(&col->parts[i]->base, chunk, from, n, false, s, &parts[i], err)) {
            return false;
        }
    }
    return weir_live_merge(base->type, parts, col->count, n, s, out, err);
}

static bool logical_gather(const weir_column *base, uint32_t chunk, const uint16_t *rows,
                           uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err)
{
    const logical_column *col = logical_of(base);
    weir_vec parts[WEIR_PARTS + 1];
    for (uint32_t i = 0; i < col->count; i++) {
        if (!column_gather(&col->parts[i]->base, chunk, rows, n, s, &parts[i], err)) {
            return false;
        }
    }
    return weir_live_merge(base->type, parts, col->count, n, s, out, err);
}

static uint64_t logical_bytes(const weir_column *base)
{
    const logical_column *col = logical_of(base);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < col->count; i++) {
        bytes += column_bytes(&col->parts[i]->base);
    }
    return bytes;
}

static const weir_column_ops logical_ops = {.zone = logical_zone,
                                            .postings = logical_postings,
                                            .read = logical_read,
                                            .gather = logical_gather,
                                            .bytes = logical_bytes};

/* --- rows --- */

static uint32_t rows_chunks(const weir_rows *rows)
{
    return snapshot_of(rows)->chunk_count;
}

static void rows_chunk(const weir_rows *rows, uint32_t chunk, weir_chunk_info *out)
{
    const pinned_chunk *at = &snapshot_of(rows)->chunks[chunk];
    *out = (weir_chunk_info){.row_count = at->row_count,
                             .min_time = at->span.min,
                             .max_time = at->span.max,
                             .time_sorted = at->span.sorted,
                             .sealed = at->chunk->sealed != NULL,
                             .events = at->chunk->sealed ? at->chunk->sealed->events
                                                         : at->row_count};
}

static const weir_column *rows_column(const weir_rows *rows, weir_str name)
{
    const snapshot *snap = snapshot_of(rows);
    if (weir_str_is(name, "__time")) {
        return &snap->columns[0].base;
    }
    uint32_t id = snap->names.base.ops->find(&snap->names.base, name);
    if (id != WEIR_NO_ID) {
        return id > snap->name_count ? NULL
               : snap->autos[id - 1] ? snap->autos[id - 1]->column
                                     : &snap->columns[id].base;
    }
    id = snap->leaf_names.base.ops->find(&snap->leaf_names.base, name);
    if (id != WEIR_NO_ID) {
        return id > snap->leaf_count ? NULL : snap->leaves[id - 1].column;
    }
    weir_str column;
    bool array;
    const weir_column *col =
        weir_path_is_root(name, &column, &array) ? rows_column(rows, column) : NULL;
    return col && col->type.kind != WEIR_COMPLEX && array == (col->type.kind == WEIR_ARRAY) ? col
                                                                                            : NULL;
}

static uint32_t rows_column_count(const weir_rows *rows)
{
    return snapshot_of(rows)->column_count;
}

static const weir_column *rows_column_at(const weir_rows *rows, uint32_t i)
{
    return snapshot_of(rows)->visible[i];
}

static bool is_masked(const snapshot *snap, uint32_t source)
{
    return weir_bit(snap->masked.bits, source);
}

static bool any_masked(const snapshot *snap, const pinned_chunk *at)
{
    if (!snap->masks) {
        return false;
    }
    if (!at->chunk->sealed) {
        return true;
    }
    uint64_t any = 0;
    for (uint32_t i = 0; i < WEIR_REALTIME_SOURCES / 64; i++) {
        any |= snap->masked.bits[i] & at->chunk->sealed->source_bits[i];
    }
    return any != 0;
}

/* Rows of unmasked sources. */
static void visible_bits(const snapshot *snap, const pinned_chunk *at, uint64_t *bits)
{
    uint32_t sources[WEIR_BLOCK_ROWS];
    memset(bits, 0, sizeof(*bits) * weir_words(at->row_count));
    for (uint32_t from = 0; from < at->row_count; from += WEIR_BLOCK_ROWS) {
        uint32_t n =
            at->row_count - from < WEIR_BLOCK_ROWS ? at->row_count - from : WEIR_BLOCK_ROWS;
        if (at->chunk->sealed) {
            weir_encoded_ids(&at->chunk->sealed->sources, from, n, sources);
        }
        const uint8_t *bytes =
            at->chunk->sealed ? NULL
                              : atomic_load_explicit(&at->chunk->sources[from / WEIR_BLOCK_ROWS],
                                                     memory_order_acquire);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t seen = !is_masked(snap, bytes ? bytes[i] : sources[i]);
            bits[(from + i) / 64] |= seen << i % 64;
        }
    }
}

static bool rows_visible(const weir_rows *rows, uint32_t chunk, weir_scratch *s, weir_sel *out)
{
    const snapshot *snap = snapshot_of(rows);
    const pinned_chunk *at = &snap->chunks[chunk];
    if (!any_masked(snap, at)) {
        return false;
    }
    uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(at->row_count));
    visible_bits(snap, at, bits);
    *out = weir_sel_of_bits(bits, at->row_count);
    return true;
}

static void rows_unref(weir_rows *rows)
{
    snapshot *snap = (snapshot *)(void *)rows;
    for (uint32_t i = 0; i < snap->chunk_count; i++) {
        weir_live_chunk_unref(snap->chunks[i].chunk);
    }
    weir_realtime_unref(snap->rt);
    for (uint32_t i = 0; i < snap->name_count; i++) {
        free(snap->autos[i]);
    }
    free(snap->chunks);
    free(snap->columns);
    free(snap->visible);
    free(snap->autos);
    free(snap->leaves);
    free((void *)snap->base.id.at);
    free(snap);
}

static const weir_rows_ops rows_ops = {.chunks = rows_chunks,
                                       .chunk = rows_chunk,
                                       .column = rows_column,
                                       .column_count = rows_column_count,
                                       .column_at = rows_column_at,
                                       .visible = rows_visible,
                                       .unref = rows_unref};

/* --- making one --- */

typedef struct pin { /* what is taken under the lock */
    weir_live_column *const *columns;
    uint32_t column_count;
    const weir_live_cells_slot *cells;
} pin;

/* Memory is taken before the lock; when there are more chunks by then, again. */
static pin pin_chunks(snapshot *snap)
{
    weir_realtime *rt = snap->rt;
    uint32_t capacity = 0;
    for (;;) {
        pthread_mutex_lock(&rt->lock);
        if (rt->chunk_count <= capacity) {
            break;
        }
        capacity = rt->chunk_count + 4;
        pthread_mutex_unlock(&rt->lock);
        snap->chunks = weir_realloc(snap->chunks, sizeof(*snap->chunks) * capacity);
    }
    pin p = {.columns = rt->columns, .column_count = rt->column_count};
    for (uint32_t i = 0; i < rt->chunk_count; i++) {
        snap->chunks[i].chunk = weir_live_chunk_ref(rt->chunks[i]);
        snap->chunks[i].row_count =
            atomic_load_explicit(&rt->chunks[i]->row_count, memory_order_acquire);
        p.cells = rt->chunks[i]->sealed ? NULL : rt->chunks[i]->cells;
    }
    snap->chunk_count = rt->chunk_count;
    pthread_mutex_unlock(&rt->lock);
    if (snap->chunk_count && snap->chunks[snap->chunk_count - 1].row_count == 0) {
        weir_live_chunk_unref(
            snap->chunks[--snap->chunk_count].chunk); /* its first rows are on their way */
        p.cells = NULL;
    }
    return p;
}

static void pin_column(snapshot *snap, const weir_live_column *col, const pin *p,
                       pinned_column *out)
{
    *out = (pinned_column){.of = snap, .col = col};
    out->base = (weir_column){.ops = &column_ops,
                              .name = col->name,
                              .type = col->type,
                              .indexed = col->indexed && !col->automatic,
                              .metric = col->metric};
    if (p->cells) {
        out->cells = atomic_load_explicit(&p->cells[col->index], memory_order_acquire);
        out->lists = out->cells && atomic_load_explicit(&out->cells->multi, memory_order_relaxed);
    }
    if (col->dict) {
        out->base.type.multi =
            col->type.kind == WEIR_STRING &&
            atomic_load_explicit((_Atomic bool *)&col->lists, memory_order_relaxed);
        out->dict = weir_live_dict_pin(col->dict);
        out->base.dict = &out->dict.base;
    }
}

static void add_part(logical_column *to, const pinned_column *part)
{
    to->parts[to->count++] = part;
    to->bits |= WEIR_PART_BIT(part->col->part);
}

/* Parts are known: one of the right type is seen as it is. */
static void finish_logical(const snapshot *snap, logical_column *col, weir_str name, weir_type type)
{
    col->base = (weir_column){.ops = &logical_ops, .name = name, .type = type};
    col->base.dict = type.kind == WEIR_STRING && !col->count ? &snap->no_values.base : NULL;
    col->column = &col->base;
    if (col->count == 1 && weir_type_eq(col->parts[0]->base.type, type)) {
        col->only = *col->parts[0];
        col->only.base.name = name;
        col->only.base.dict = col->only.base.dict ? &col->only.dict.base : NULL;
        col->column = &col->only.base;
    }
}

/* Parts of leaves, and of auto columns those of "$". */
static void pin_parts(snapshot *snap, const pin *p)
{
    for (uint32_t i = 0; i < p->column_count; i++) {
        const weir_live_leaf *leaf = p->columns[i]->leaf;
        if (leaf && leaf->index >= snap->leaf_count) {
            snap->leaf_count = leaf->index + 1;
        }
    }
    snap->leaves = weir_calloc(snap->leaf_count + 1, sizeof(*snap->leaves));
    for (uint32_t i = 0; i < p->column_count; i++) {
        const weir_live_leaf *leaf = p->columns[i]->leaf;
        if (p->columns[i]->automatic) {
            snap->autos[i] = weir_calloc(1, sizeof(*snap->autos[i]));
        } else if (leaf) {
            add_part(&snap->leaves[leaf->index], &snap->columns[i + 1]);
        }
        if (leaf && leaf->root) {
            add_part(snap->autos[leaf->of->index], &snap->columns[i + 1]); /* it came before */
        }
    }
    for (uint32_t i = 0; i < p->column_count; i++) {
        const weir_live_leaf *leaf = p->columns[i]->leaf;
        if (leaf && !snap->leaves[leaf->index].column) {
            logical_column *col = &snap->leaves[leaf->index];
            finish_logical(snap, col, leaf->name, weir_live_widest(col->bits, false));
        }
    }
}

static void pin_auto(snapshot *snap, const weir_live_column *col)
{
    logical_column *logical = snap->autos[col->index];
    weir_type type = weir_live_auto_type(col);
    bool nested = atomic_load_explicit((_Atomic bool *)&col->lists, memory_order_relaxed);
    if (type.kind == WEIR_COMPLEX) { /* json: the text of all rows is there */
        logical->count = 0;
        nested = true;
    }
    if (nested) {
        logical->parts[logical->count++] = &snap->columns[col->index + 1];
    }
    finish_logical(snap, logical, col->name,
                   type.kind == WEIR_UNKNOWN ? weir_live_widest(logical->bits, nested) : type);
}

static void pin_columns(snapshot *snap, const pin *p)
{
    snap->columns = weir_alloc(sizeof(*snap->columns) * (p->column_count + 1));
    snap->visible = weir_alloc(sizeof(*snap->visible) * (p->column_count + 1));
    snap->autos = weir_calloc(p->column_count + 1, sizeof(*snap->autos));
    snap->columns[0] = (pinned_column){.of = snap};
    snap->columns[0].base =
        (weir_column){.ops = &column_ops, .name = WEIR_STR("__time"), .type = WEIR_TYPE(WEIR_LONG)};
    snap->columns[0].base.type.face = WEIR_FACE_TIMESTAMP;
    for (uint32_t i = 0; i < p->column_count; i++) {
        pin_column(snap, p->columns[i], p, &snap->columns[i + 1]);
    }
    snap->names = weir_live_dict_pin(&snap->rt->names);
    snap->leaf_names = weir_live_dict_pin(&snap->rt->leaf_names);
    snap->no_values = weir_live_dict_pin(&snap->rt->no_values);
    snap->name_count = p->column_count;
    pin_parts(snap, p);
    snap->visible[snap->column_count++] = &snap->columns[0].base;
    for (int metrics = 0; metrics < 2; metrics++) {
        for (uint32_t i = 0; i < p->column_count; i++) {
            const weir_live_column *col = p->columns[i];
            if (col->leaf || col->metric != metrics) {
                continue;
            }
            if (col->automatic) {
                pin_auto(snap, col);
            }
            snap->visible[snap->column_count++] =
                col->automatic ? snap->autos[i]->column : &snap->columns[i + 1].base;
        }
    }
}

/* Times of the rows that can be seen. */
static weir_live_span visible_span(const snapshot *snap, const pinned_chunk *at, bool *any,
                                   weir_scratch *s)
{
    weir_live_span span = {.min = INT64_MAX, .max = INT64_MIN};
    uint64_t *bits = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(at->row_count));
    visible_bits(snap, at, bits);
    *any = false;
    for (uint32_t from = 0; from < at->row_count; from += WEIR_BLOCK_ROWS) {
        uint32_t n =
            at->row_count - from < WEIR_BLOCK_ROWS ? at->row_count - from : WEIR_BLOCK_ROWS;
        weir_vec vec, flat;
        weir_error err;
        column_read(&snap->columns[0].base, (uint32_t)(at - snap->chunks), from, n, false, s, &vec,
                    &err);
        if (!weir_vec_flatten(&vec, s, &flat, &err)) {
            continue; /* cannot be: longs have no dictionary */
        }
        for (uint32_t i = 0; i < n; i++) {
            if (weir_bit(bits, from + i)) {
                span.min = flat.at.l[i] < span.min ? flat.at.l[i] : span.min;
                span.max = flat.at.l[i] > span.max ? flat.at.l[i] : span.max;
                *any = true;
            }
        }
    }
    return span;
}

/* Spans per chunk, and the hull of all that can be seen. */
static void pin_times(snapshot *snap)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    weir_scratch s = {0};
    for (uint32_t i = 0; i < snap->chunk_count; i++) {
        pinned_chunk *at = &snap->chunks[i];
        bool any = true;
        at->span = weir_live_chunk_span(at->chunk, at->row_count);
        weir_live_span seen = any_masked(snap, at) ? visible_span(snap, at, &any, &s) : at->span;
        if (any) {
            min = seen.min < min ? seen.min : min;
            max = seen.max > max ? seen.max : max;
        }
    }
    weir_scratch_done(&s);
    snap->base.interval = min <= max ? (weir_interval){min, max + 1} : (weir_interval){0, 0};
}

weir_rows *weir_realtime_snapshot(weir_realtime *rt, const weir_mask *masked, weir_str id)
{
    snapshot *snap = weir_calloc(1, sizeof(*snap));
    snap->rt = weir_realtime_ref(rt);
    for (uint32_t i = 0; masked && i < WEIR_REALTIME_SOURCES / 64; i++) {
        snap->masked.bits[i] = masked->bits[i];
        snap->masks |= masked->bits[i] != 0;
    }
    pin p = pin_chunks(snap);
    pin_columns(snap, &p);
    snap->base = (weir_rows){.ops = &rows_ops,
                             .id = weir_str_dup(id),
                             .live = true,
                             .uid = rt->uid,
                             .schema = rt->schema};
    pin_times(snap);
    return &snap->base;
}
