/* segments/frozen_column.c - reads columns of a frozen segment. Each block is checked (checksum,
 * structure, ids below the dictionary's count) by whoever uses it first; threads that come at the
 * same time check it for themselves, so that nobody waits. */
#include "segments/encode_lists.h"
#include "segments/frozen.h"
#include "weir/hash.h"
#include "weir/paths.h"
#include <assert.h>
#include <stdlib.h>

bool frozen_fail(const frozen_column *col, uint32_t chunk, const char *what, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_CORRUPT, "segment '%s' is damaged: column '%.*s', chunk %u: %s",
                     col->seg->name, WEIR_STR_ARG(col->base.name), chunk, what);
}

/* ---- parts ---- */

typedef enum part_kind {
    PART_VALUES,
    PART_OFFSETS,
    PART_ITEMS,
    PART_BLOBS,
    PART_POSTINGS
} part_kind;
typedef union opened {
    weir_encoded values;
    weir_postings postings;
    weir_blobs blobs;
} opened;

static size_t null_bytes(const frozen_column *col, uint32_t chunk)
{
    return col->chunks[chunk].zone.null_count
               ? weir_words(frozen_chunk_rows(col->seg, chunk)) * sizeof(uint64_t)
               : 0;
}

/* Offsets ascend from 0 to the number of items; behind them the null bitmap. */
static bool offsets_are_sound(const frozen_column *col, uint32_t chunk, const weir_encoded *enc,
                              size_t size)
{
    uint32_t n = enc->n, *offsets = weir_alloc(n * sizeof(*offsets));
    weir_encoded_ids(enc, 0, n, offsets);
    bool ok = offsets[0] == 0 && offsets[n - 1] == col->chunks[chunk].item_count &&
              size - enc->size == null_bytes(col, chunk);
    for (uint32_t i = 1; i < n && ok; i++) {
        ok = offsets[i] >= offsets[i - 1];
    }
    free(offsets);
    return ok;
}

static bool open_checked(const frozen_column *col, uint32_t chunk, part_kind kind, weir_str bytes,
                         opened *out)
{
    uint32_t rows = frozen_chunk_rows(col->seg, chunk);
    static const weir_value_kind kinds[] = {[WEIR_LONG] = WEIR_VALUE_LONGS,
                                            [WEIR_FLOAT] = WEIR_VALUE_FLOATS,
                                            [WEIR_DOUBLE] = WEIR_VALUE_DOUBLES,
                                            [WEIR_STRING] = WEIR_VALUE_IDS};
    switch (kind) {
    case PART_VALUES:
        return weir_encoded_open(bytes, kinds[col->base.type.kind], rows, &out->values) &&
               (col->base.type.kind != WEIR_STRING ||
                weir_encoded_ids_below(&out->values, col->value_count));
    case PART_OFFSETS:
        return weir_encoded_open(bytes, WEIR_VALUE_IDS, rows + 1, &out->values) &&
               offsets_are_sound(col, chunk, &out->values, bytes.size);
    case PART_ITEMS: {
        uint8_t elem = col->base.type.kind == WEIR_ARRAY ? col->base.type.elem : WEIR_STRING;
        return weir_encoded_open(bytes, kinds[elem], col->chunks[chunk].item_count, &out->values) &&
               (elem != WEIR_STRING || weir_encoded_ids_below(&out->values, col->value_count));
    }
    case PART_BLOBS:
        return weir_blobs_open(bytes, rows, &out->blobs);
    case PART_POSTINGS:
        return weir_postings_open(bytes, rows, &out->postings) &&
               weir_postings_check(&out->postings, col->value_count);
    }
    return false;
}

static const void *open_part(const frozen_column *col, uint32_t chunk, part_kind kind,
                             frozen_part *part, void *local, size_t size, weir_error *err)
{
    if (atomic_load_explicit(&part->state, memory_order_acquire) == FROZEN_GOOD) {
        return &part->as;
    }
    opened fresh;
    if (!frozen_block_is_good(col->seg, &part->ref, err)) {
        if (col->seg->bytes.ops) {
            weir_fail_in(err, "column '%.*s', chunk %u", WEIR_STR_ARG(col->base.name), chunk);
        } else {
            frozen_fail(col, chunk, "a checksum does not match", err);
        }
        return NULL;
    }
    if (!open_checked(col, chunk, kind, frozen_bytes(col->seg, &part->ref), &fresh)) {
        frozen_fail(col, chunk, "its bytes make no sense", err);
        return NULL;
    }
    uint8_t unseen = FROZEN_UNSEEN;
    if (atomic_compare_exchange_strong_explicit(&part->state, &unseen, FROZEN_BUSY,
                                                memory_order_relaxed, memory_order_relaxed)) {
        memcpy(&part->as, &fresh, sizeof(part->as));
        atomic_store_explicit(&part->state, FROZEN_GOOD, memory_order_release);
        return &part->as;
    }
    return memcpy(local, &fresh, size);
}

const weir_encoded *frozen_values(const frozen_column *col, uint32_t chunk, weir_encoded *local,
                                  weir_error *err)
{
    return open_part(col, chunk, PART_VALUES, &col->chunks[chunk].values, local, sizeof(*local),
                     err);
}

const weir_encoded *frozen_offsets(const frozen_column *col, uint32_t chunk, weir_encoded *local,
                                   weir_error *err)
{
    return open_part(col, chunk, PART_OFFSETS, &col->chunks[chunk].values, local, sizeof(*local),
                     err);
}

const weir_encoded *frozen_items(const frozen_column *col, uint32_t chunk, weir_encoded *local,
                                 weir_error *err)
{
    return open_part(col, chunk, PART_ITEMS, col->chunks[chunk].items, local, sizeof(*local), err);
}

const weir_blobs *frozen_blobs(const frozen_column *col, uint32_t chunk, weir_blobs *local,
                               weir_error *err)
{
    return open_part(col, chunk, PART_BLOBS, &col->chunks[chunk].values, local, sizeof(*local),
                     err);
}

const weir_postings *frozen_postings(const frozen_column *col, uint32_t chunk, weir_postings *local,
                                     weir_error *err)
{
    return open_part(col, chunk, PART_POSTINGS, col->chunks[chunk].postings, local, sizeof(*local),
                     err);
}

const uint8_t *frozen_list_nulls(const frozen_column *col, uint32_t chunk,
                                 const weir_encoded *offsets)
{
    return null_bytes(col, chunk)
               ? col->seg->bytes.at + col->chunks[chunk].values.ref.offset + offsets->size
               : NULL;
}

/* ---- column operations ---- */

static bool zone(const weir_column *base, uint32_t chunk, weir_zone *out)
{
    *out = ((const frozen_column *)base)->chunks[chunk].zone;
    return true;
}

static bool postings(const weir_column *base, uint32_t chunk, uint32_t id, weir_scratch *s,
                     weir_posting *out)
{
    const frozen_column *col = (const frozen_column *)base;
    weir_postings local;
    (void)s;
    if (!base->indexed) {
        return false;
    }
    const weir_postings *p = frozen_postings(col, chunk, &local, NULL);
    if (p == NULL) {
        return false; /* damaged: the column itself can still be scanned */
    }
    weir_postings_find(p, id, out);
    return true;
}

static bool has_numbers(const frozen_column *col)
{
    return col->base.type.kind == WEIR_ARRAY && col->base.type.elem != WEIR_STRING;
}

/* Lists of numbers; `places` has begin and end of each, `offsets` begins at 0. */
static bool numbers_of(const frozen_column *col, uint32_t chunk, const uint32_t *places,
                       uint32_t place_count, const uint32_t *offsets, uint32_t n,
                       const uint64_t *nulls, weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_encoded local;
    const weir_encoded *items = NULL;
    if (offsets[n] > 0) {
        items = frozen_items(col, chunk, &local, err);
        if (items == NULL) {
            return false;
        }
    }
    weir_vec *inner = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    weir_encoded_list_numbers(items, (weir_kind)col->base.type.elem, places, place_count,
                              offsets[n], s, inner);
    *out = (weir_vec){.type = col->base.type,
                      .form = WEIR_LIST,
                      .n = n,
                      .nulls = nulls,
                      .at.offsets = offsets,
                      .items = inner};
    return true;
}

/* The items of the lists whose offsets are given become a LIST vector; offsets are moved to begin
 * at 0. */
static weir_vec list_of(const frozen_column *col, uint32_t *offsets, uint32_t *items, uint32_t n,
                        const uint64_t *nulls, weir_scratch *s)
{
    weir_vec *inner = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    *inner = (weir_vec){.type = WEIR_TYPE(WEIR_STRING),
                        .form = WEIR_DICT,
                        .n = offsets[n],
                        .at.ids = items,
                        .dict = col->base.dict};
    bool array = col->base.type.kind == WEIR_ARRAY;
    return (weir_vec){.type =
                          array ? col->base.type : (weir_type){.kind = WEIR_STRING, .multi = true},
                      .form = WEIR_LIST,
                      .n = n,
                      .nulls = nulls,
                      .at.offsets = offsets,
                      .items = inner};
}

static bool row_is_null(const uint8_t *nulls, uint32_t row)
{
    return nulls[row >> 3] >> (row & 7) & 1;
}

/* Null bits of rows (NULL: [from, from + n)); NULL: none. */
static uint64_t *list_nulls(const frozen_column *col, uint32_t chunk, const weir_encoded *enc,
                            const uint16_t *rows, uint32_t from, uint32_t n, weir_scratch *s)
{
    const uint8_t *bitmap = frozen_list_nulls(col, chunk, enc);
    if (!bitmap) {
        return NULL;
    }
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n));
    memset(nulls, 0, weir_words(n) * sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++) {
        nulls[i >> 6] |= (uint64_t)row_is_null(bitmap, rows ? rows[i] : from + i) << (i & 63);
    }
    return nulls;
}

static bool read_lists(const frozen_column *col, uint32_t chunk, uint32_t from, uint32_t n,
                       weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_encoded local_offsets, local_items;
    const weir_encoded *enc = frozen_offsets(col, chunk, &local_offsets, err), *items = NULL;
    if (enc == NULL) {
        return false;
    }
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    weir_encoded_ids(enc, from, n + 1, offsets);
    uint32_t first = offsets[0], count = offsets[n] - first, whole[2] = {first, offsets[n]};
    const uint64_t *nulls = list_nulls(col, chunk, enc, NULL, from, n, s);
    if (has_numbers(col)) {
        for (uint32_t i = 0; i <= n; i++) {
            offsets[i] -= first;
        }
        return numbers_of(col, chunk, whole, 1, offsets, n, nulls, s, out, err);
    }
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, count + 1);
    if (count > 0) {
        items = frozen_items(col, chunk, &local_items, err);
        if (items == NULL) {
            return false;
        }
        weir_encoded_ids(items, first, count, ids);
    }
    for (uint32_t i = 0; i <= n; i++) {
        offsets[i] -= first;
    }
    *out = list_of(col, offsets, ids, n, nulls, s);
    return true;
}

/* Offsets are decoded over the whole span of the rows (0.05 ns a row), items block by block as rows
 * meet them. */
static bool gather_lists(const frozen_column *col, uint32_t chunk, const uint16_t *rows, uint32_t n,
                         weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_encoded local_offsets, local_items;
    const weir_encoded *enc = frozen_offsets(col, chunk, &local_offsets, err), *items = NULL;
    if (enc == NULL) {
        return false;
    }
    uint32_t first = rows[0], span = (uint32_t)rows[n - 1] - first + 2, block = UINT32_MAX,
             room[WEIR_PACK_ROWS];
    uint32_t *all = WEIR_SCRATCH_ARRAY(s, uint32_t, span),
             *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    weir_encoded_ids(enc, first, span, all);
    offsets[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = rows[i] - first;
        offsets[i + 1] = offsets[i] + all[at + 1] - all[at];
    }
    const uint64_t *nulls = list_nulls(col, chunk, enc, rows, 0, n, s);
    if (has_numbers(col)) {
        uint32_t *places = WEIR_SCRATCH_ARRAY(s, uint32_t, 2 * n);
        for (uint32_t i = 0; i < n; i++) {
            places[2 * i] = all[rows[i] - first];
            places[2 * i + 1] = all[rows[i] - first + 1];
        }
        return numbers_of(col, chunk, places, n, offsets, n, nulls, s, out, err);
    }
    uint32_t *ids = WEIR_SCRATCH_ARRAY(s, uint32_t, offsets[n] + 1);
    if (offsets[n] > 0) {
        items = frozen_items(col, chunk, &local_items, err);
        if (items == NULL) {
            return false;
        }
    }
    for (uint32_t i = 0, to = 0; i < n; i++) {
        for (uint32_t k = all[rows[i] - first]; k < all[rows[i] - first + 1]; k++) {
            if (k / WEIR_PACK_ROWS != block) {
                block = k / WEIR_PACK_ROWS;
                uint32_t left = items->n - block * WEIR_PACK_ROWS;
                weir_encoded_ids(items, block * WEIR_PACK_ROWS,
                                 left < WEIR_PACK_ROWS ? left : WEIR_PACK_ROWS, room);
            }
            ids[to++] = room[k % WEIR_PACK_ROWS];
        }
    }
    *out = list_of(col, offsets, ids, n, nulls, s);
    return true;
}

static bool gather_blobs(const frozen_column *col, uint32_t chunk, const uint32_t *rows, uint32_t n,
                         weir_scratch *s, weir_vec *out, weir_error *err)
{
    weir_blobs local;
    const weir_blobs *blobs = frozen_blobs(col, chunk, &local, err);
    if (blobs == NULL || !weir_blobs_gather(blobs, rows, n, s, out, NULL)) {
        return blobs && frozen_fail(col, chunk, "a group of values is damaged", err);
    }
    out->type.complex = col->base.type.complex;
    return true;
}

static bool read(const weir_column *base, uint32_t chunk, uint32_t from, uint32_t n, bool scaled,
                 weir_scratch *s, weir_vec *out, weir_error *err)
{
    const frozen_column *col = (const frozen_column *)base;
    weir_encoded local;
    assert(n > 0 && from + n <= frozen_chunk_rows(col->seg, chunk));
    if (base->type.kind == WEIR_COMPLEX) {
        uint32_t *rows = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
        for (uint32_t i = 0; i < n; i++) {
            rows[i] = from + i;
        }
        return gather_blobs(col, chunk, rows, n, s, out, err);
    }
    if (col->chunks[chunk].zone.multi) {
        return read_lists(col, chunk, from, n, s, out, err);
    }
    const weir_encoded *enc = frozen_values(col, chunk, &local, err);
    if (enc == NULL) {
        return false;
    }
    weir_encoded_read(enc, from, n, scaled, s, out);
    out->dict = base->dict;
    return true;
}

static bool gather(const weir_column *base, uint32_t chunk, const uint16_t *rows, uint32_t n,
                   weir_scratch *s, weir_vec *out, weir_error *err)
{
    const frozen_column *col = (const frozen_column *)base;
    weir_encoded local;
    assert(n > 0 && rows[n - 1] < frozen_chunk_rows(col->seg, chunk));
    if (base->type.kind == WEIR_COMPLEX) {
        uint32_t *wide = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
        for (uint32_t i = 0; i < n; i++) {
            wide[i] = rows[i];
        }
        return gather_blobs(col, chunk, wide, n, s, out, err);
    }
    if (col->chunks[chunk].zone.multi) {
        return gather_lists(col, chunk, rows, n, s, out, err);
    }
    const weir_encoded *enc = frozen_values(col, chunk, &local, err);
    if (enc == NULL) {
        return false;
    }
    weir_encoded_gather(enc, rows, n, s, out);
    out->dict = base->dict;
    return true;
}

static bool range(const weir_column *base, uint32_t chunk, uint32_t from, uint32_t n, int64_t lo,
                  int64_t hi, weir_scratch *s, uint64_t *bits, weir_error *err)
{
    const frozen_column *col = (const frozen_column *)base;
    weir_encoded local;
    (void)s;
    if ((base->type.kind != WEIR_LONG && base->type.kind != WEIR_STRING) ||
        col->chunks[chunk].zone.multi) {
        return false;
    }
    const weir_encoded *enc = frozen_values(col, chunk, &local, err);
    if (enc) {
        weir_encoded_range(enc, from, n, lo, hi, bits);
    }
    return enc != NULL;
}

static bool sum(const weir_column *base, uint32_t chunk, uint32_t from, uint32_t n, int64_t *out_l,
                double *out_d, uint32_t *out_count, weir_error *err)
{
    weir_encoded local;
    if (!weir_type_is_number(base->type)) {
        return false;
    }
    const weir_encoded *enc = frozen_values((const frozen_column *)base, chunk, &local, err);
    if (enc) {
        weir_encoded_sum(enc, from, n, out_l, out_d, out_count);
    }
    return enc != NULL;
}

static uint64_t own_bytes(const frozen_column *col)
{
    uint64_t total = frozen_dict_bytes((frozen_column *)(uintptr_t)col);
    for (uint32_t c = 0; c < col->seg->chunk_count; c++) {
        const frozen_chunk *chunk = &col->chunks[c];
        total += chunk->values.ref.size + (chunk->items ? chunk->items->ref.size : 0) +
                 (chunk->postings ? chunk->postings->ref.size : 0);
    }
    return total;
}

/* Of a json column with its paths, which are hidden and come last. */
static uint64_t bytes(const weir_column *base)
{
    const frozen_column *col = (const frozen_column *)base;
    const weir_segment *seg = col->seg;
    uint64_t total = own_bytes(col);
    for (uint32_t i = seg->column_count - seg->hidden_count; i < seg->column_count; i++) {
        if (weir_path_is_of(seg->columns[i]->base.name, base->name)) {
            total += own_bytes(seg->columns[i]);
        }
    }
    return total;
}

const weir_column_ops frozen_column_ops = {.zone = zone,
                                           .postings = postings,
                                           .read = read,
                                           .gather = gather,
                                           .range = range,
                                           .sum = sum,
                                           .bytes = bytes};

/* ---- a column whose dictionary is damaged: nothing is known, nothing is pruned, so every query
 * that needs it fails with the reason ---- */

static bool no_zone(const weir_column *col, uint32_t chunk, weir_zone *out)
{
    (void)col, (void)chunk, (void)out;
    return false;
}

static bool no_postings(const weir_column *col, uint32_t chunk, uint32_t id, weir_scratch *s,
                        weir_posting *out)
{
    (void)col, (void)chunk, (void)id, (void)s, (void)out;
    return false;
}

static const frozen_column *column_of_damaged(const weir_column *damaged)
{
    return (const frozen_column *)((const char *)damaged - offsetof(frozen_column, damaged));
}

static bool no_read(const weir_column *col, uint32_t chunk, uint32_t from, uint32_t n, bool scaled,
                    weir_scratch *s, weir_vec *out, weir_error *err)
{
    (void)from, (void)n, (void)scaled, (void)s, (void)out;
    return frozen_fail(column_of_damaged(col), chunk, "the dictionary's checksum does not match",
                       err);
}

static bool no_gather(const weir_column *col, uint32_t chunk, const uint16_t *rows, uint32_t n,
                      weir_scratch *s, weir_vec *out, weir_error *err)
{
    (void)rows, (void)n, (void)s, (void)out;
    return frozen_fail(column_of_damaged(col), chunk, "the dictionary's checksum does not match",
                       err);
}

static uint64_t damaged_bytes(const weir_column *col)
{
    return bytes(&column_of_damaged(col)->base);
}

const weir_column_ops frozen_damaged_ops = {.zone = no_zone,
                                            .postings = no_postings,
                                            .read = no_read,
                                            .gather = no_gather,
                                            .bytes = damaged_bytes};

static bool no_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                      weir_str *out, weir_error *err)
{
    (void)ids, (void)n, (void)s, (void)out;
    const frozen_column *col =
        (const frozen_column *)((const char *)dict - offsetof(frozen_column, damaged_dict));
    return frozen_fail(col, 0, "the dictionary's checksum does not match", err);
}

static uint32_t first_id(const weir_dict *dict, weir_str value)
{
    (void)dict, (void)value;
    return 1; /* whatever is asked for might be there: the read that follows fails */
}

const weir_dict_ops frozen_damaged_dict_ops = {.values = no_values, .find = first_id};

/* ---- the dictionary of a column that is null throughout ---- */

static bool null_values(const weir_dict *dict, const uint32_t *ids, uint32_t n, weir_scratch *s,
                        weir_str *out, weir_error *err)
{
    (void)dict, (void)ids, (void)n, (void)s, (void)out, (void)err;
    assert(n == 0);
    return true;
}

static uint32_t null_find(const weir_dict *dict, weir_str value)
{
    (void)dict, (void)value;
    return WEIR_NO_ID;
}

static uint32_t null_lower_bound(const weir_dict *dict, weir_str value)
{
    (void)value;
    return dict->count;
}

const weir_dict_ops frozen_null_dict_ops = {null_values, null_find, null_lower_bound};
