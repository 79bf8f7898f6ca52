/* query/table_rows.c - each column is one contiguous array in pages that doubles as it grows:
 * appending is a copy, a chunk is a slice, and a sorted output is a gather by row number. */
#include "query/table_rows.h"
#include "weir/hash.h"
#include "weir/uid.h"
#include <assert.h>
#include <stdlib.h>

typedef struct column {
    weir_column as_column; /* first */
    const weir_table_rows *table;
    weir_area
        values; /* of value_kind; ids of strings (single or items); weir_str of complex values */
    weir_area nulls;      /* bits; unused for single strings */
    weir_area offsets;    /* lists: row_count + 1 */
    weir_area item_nulls; /* arrays of numbers: bits */
    uint32_t item_count;
    bool any_null, any_item_null;
    uint8_t value_kind; /* of the values: an array's elements */
    bool lists;         /* multi-value strings and arrays */
    weir_intern intern;
    weir_vec items; /* lists: made by end */
} column;

struct weir_table_rows {
    weir_rows rows; /* first */
    weir_budget *budget;
    uint32_t row_count, column_count;
    int32_t time;       /* column of __time, -1: none */
    weir_scratch bytes; /* complex values */
    weir_chunk_info *chunks;
    uint32_t chunk_count;
    column *columns;
};

static size_t value_size(uint8_t kind)
{
    switch ((weir_kind)kind) {
    case WEIR_LONG:
    case WEIR_DOUBLE:
        return 8;
    case WEIR_FLOAT:
    case WEIR_STRING:
    case WEIR_UNKNOWN:
        return 4;
    case WEIR_ARRAY:
    case WEIR_COMPLEX:
        return sizeof(weir_str);
    }
    return 0;
}

static const weir_column_ops column_ops;
static const weir_rows_ops rows_ops;

weir_table_rows *weir_table_rows_new(weir_budget *budget, uint32_t column_count,
                                     const weir_str *names, const weir_type *types)
{
    weir_table_rows *table = weir_calloc(1, sizeof(*table));
    table->budget = budget;
    table->column_count = column_count;
    table->columns = weir_calloc(column_count ? column_count : 1, sizeof(column));
    table->bytes.budget = budget;
    table->time = -1;
    for (uint32_t c = 0; c < column_count; c++) {
        column *col = &table->columns[c];
        weir_type type = types[c].kind == WEIR_UNKNOWN ? WEIR_TYPE(WEIR_STRING) : types[c];
        weir_intern_init(&col->intern, budget);
        col->as_column = (weir_column){.ops = &column_ops, .name = names[c], .type = type};
        col->value_kind = type.kind == WEIR_ARRAY ? type.elem : type.kind;
        col->value_kind = col->value_kind == WEIR_UNKNOWN ? WEIR_STRING : col->value_kind;
        col->lists = type.kind == WEIR_ARRAY || (type.kind == WEIR_STRING && type.multi);
        col->as_column.dict = type.kind == WEIR_STRING ? &col->intern.dict : NULL;
        col->table = table;
        if (weir_str_is(names[c], "__time") && type.kind == WEIR_LONG) {
            table->time = (int32_t)c;
        }
    }
    return table;
}

void weir_table_rows_free(weir_table_rows *table)
{
    if (!table) {
        return;
    }
    for (uint32_t c = 0; c < table->column_count; c++) {
        column *col = &table->columns[c];
        weir_area_done(&col->values, table->budget);
        weir_area_done(&col->nulls, table->budget);
        weir_area_done(&col->offsets, table->budget);
        weir_area_done(&col->item_nulls, table->budget);
        weir_intern_done(&col->intern);
    }
    weir_scratch_done(&table->bytes);
    free(table->chunks);
    free(table->columns);
    free(table);
}

uint32_t weir_table_rows_count(const weir_table_rows *table)
{
    return table->row_count;
}

/* The id in the column's own dictionary of each id of another one; ids repeat, so equal neighbours
 * are looked up once. */
static bool intern_ids(column *col, const weir_vec *from, uint32_t n, uint32_t *out,
                       weir_scratch *s, weir_error *err)
{
    weir_str *values = WEIR_SCRATCH_ARRAY(s, weir_str, n);
    uint32_t *wanted = WEIR_SCRATCH_ARRAY(s, uint32_t, n), count = 0;
    uint32_t previous = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = from->at.ids[i];
        if (id && id != previous) {
            wanted[count++] = id;
            previous = id;
        }
    }
    if (count && !from->dict->ops->values(from->dict, wanted, count, s, values, err)) {
        return false;
    }
    uint32_t at = 0, last = 0;
    previous = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = from->at.ids[i];
        if (id && id != previous) {
            weir_str v = values[at++];
            if (!weir_intern_put(&col->intern, v, weir_hash_bytes(v.at, v.size), &last, err)) {
                return false;
            }
            previous = id;
        }
        out[i] = id ? last : 0;
    }
    return true;
}

static bool put_strings(column *col, weir_budget *budget, const weir_vec *vec, uint32_t at,
                        uint32_t n, weir_scratch *s, weir_error *err)
{
    if (!weir_area_reserve(&col->values, budget, (size_t)at * 4, ((size_t)at + n) * 4, err)) {
        return false;
    }
    uint32_t *out = (uint32_t *)col->values.at + at;
    if (vec->form == WEIR_DICT) {
        return intern_ids(col, vec, n, out, s, err);
    }
    weir_vec flat;
    if (!weir_vec_flatten(vec, s, &flat, err)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = 0;
        if (flat.nulls && weir_bit(flat.nulls, i)) {
            continue;
        }
        weir_str v = flat.at.s[i];
        if (!weir_intern_put(&col->intern, v, weir_hash_bytes(v.at, v.size), &out[i], err)) {
            return false;
        }
    }
    return true;
}

static bool reserve_nulls(weir_area *nulls, weir_budget *budget, uint32_t at, uint32_t n,
                          weir_error *err)
{
    size_t had = weir_words(at) * sizeof(uint64_t), want = weir_words(at + n) * sizeof(uint64_t);
    if (!weir_area_reserve(nulls, budget, had, want, err)) {
        return false;
    }
    memset((char *)nulls->at + had, 0, want - had);
    return true;
}

static void put_nulls(column *col, const weir_vec *vec, uint32_t at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (weir_vec_is_null(vec, i)) {
            weir_bit_set(col->nulls.at, at + i);
            col->any_null = true;
        }
    }
}

/* Elements of lists; vec is one of lists' items. */
static bool put_items(column *col, weir_budget *budget, const weir_vec *vec, uint32_t n,
                      weir_scratch *s, weir_error *err)
{
    uint32_t at = col->item_count;
    size_t size = value_size(col->value_kind);
    weir_vec cast, flat;
    if (n > UINT32_MAX - at) {
        return weir_fail(err, WEIR_ERR_RESOURCE, "a table in memory holds at most 4 billion items");
    }
    if (!weir_vec_cast(vec, WEIR_TYPE(col->value_kind), s, &cast, err)) {
        return false;
    }
    if (col->value_kind == WEIR_STRING) {
        return put_strings(col, budget, &cast, at, n, s, err);
    }
    if (!weir_area_reserve(&col->values, budget, at * size, (at + (size_t)n) * size, err) ||
        !reserve_nulls(&col->item_nulls, budget, at, n, err) ||
        !weir_vec_flatten(&cast, s, &flat, err)) {
        return false;
    }
    for (uint32_t i = 0; flat.nulls && i < n; i++) {
        if (weir_bit(flat.nulls, i)) {
            weir_bit_set(col->item_nulls.at, at + i);
            col->any_item_null = true;
        }
    }
    memcpy((char *)col->values.at + at * size, flat.at.l, n * size);
    return true;
}

/* Rows that are no lists, in a column of lists. */
static bool put_singles(column *col, weir_budget *budget, const weir_vec *vec, uint32_t at,
                        uint32_t n, weir_scratch *s, weir_error *err)
{
    uint32_t *offsets = col->offsets.at, kept = 0;
    bool all = col->value_kind == WEIR_STRING; /* an array's rows are lists or null */
    if (all && !put_strings(col, budget, vec, col->item_count, n, s, err)) {
        return false;
    }
    uint32_t *ids = all ? (uint32_t *)col->values.at + col->item_count : NULL;
    for (uint32_t i = 0; i < n; i++) { /* a null is a null row, not a list of one null */
        if (all && !weir_bit(col->nulls.at, at + i)) {
            ids[kept++] = ids[i];
        }
        offsets[at + i + 1] = col->item_count + kept;
    }
    col->item_count += kept;
    return true;
}

static bool put_lists(column *col, weir_budget *budget, const weir_vec *vec, uint32_t at,
                      uint32_t n, weir_scratch *s, weir_error *err)
{
    if (!reserve_nulls(&col->nulls, budget, at, n, err) ||
        !weir_area_reserve(&col->offsets, budget, ((size_t)at + 1) * 4 * (at > 0),
                           ((size_t)at + n + 1) * 4, err)) {
        return false;
    }
    put_nulls(col, vec, at, n);
    uint32_t *offsets = col->offsets.at;
    offsets[0] = 0;
    if (vec->form != WEIR_LIST && !(vec->form == WEIR_CONST && vec->items)) {
        return put_singles(col, budget, vec, at, n, s, err);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = vec->form == WEIR_CONST ? 0 : i;
        uint32_t from = vec->at.offsets[row], to = vec->at.offsets[row + 1];
        if (weir_bit(col->nulls.at, at + i)) {
            to = from;
        }
        while (from < to) {
            uint32_t take = to - from < WEIR_BLOCK_ROWS ? to - from : WEIR_BLOCK_ROWS;
            weir_vec part;
            weir_vec_slice(vec->items, from, take, s, &part);
            if (!put_items(col, budget, &part, take, s, err)) {
                return false;
            }
            col->item_count += take;
            from += take;
        }
        offsets[at + i + 1] = col->item_count;
    }
    return true;
}

static bool put_flat(column *col, weir_table_rows *table, const weir_vec *vec, uint32_t n,
                     weir_scratch *s, weir_error *err)
{
    uint32_t at = table->row_count;
    size_t size = value_size(col->as_column.type.kind);
    weir_vec flat;
    if (!weir_area_reserve(&col->values, table->budget, at * size, (at + (size_t)n) * size, err) ||
        !reserve_nulls(&col->nulls, table->budget, at, n, err) ||
        !weir_vec_flatten(vec, s, &flat, err)) {
        return false;
    }
    put_nulls(col, &flat, at, n);
    memcpy((char *)col->values.at + at * size, flat.at.l, n * size);
    if (col->as_column.type.kind == WEIR_COMPLEX) {
        weir_str *values = (weir_str *)col->values.at + at;
        for (uint32_t i = 0; i < n; i++) {
            if (weir_bit(col->nulls.at, at + i)) {
                values[i] = (weir_str){0};
                continue;
            }
            char *copy = weir_scratch_take(&table->bytes, values[i].size + 1);
            memcpy(copy, values[i].at, values[i].size);
            values[i].at = copy;
        }
    }
    return true;
}

static bool append_column(weir_table_rows *table, column *col, const weir_vec *given, uint32_t n,
                          weir_scratch *s, weir_error *err)
{
    weir_vec vec = *given;
    weir_type type = col->as_column.type;
    if (vec.type.kind != type.kind && !weir_vec_cast(given, type, s, &vec, err)) {
        return false;
    }
    if (col->lists) {
        return put_lists(col, table->budget, &vec, table->row_count, n, s, err);
    }
    if (type.kind != WEIR_STRING) {
        return put_flat(col, table, &vec, n, s, err);
    }
    return put_strings(col, table->budget, &vec, table->row_count, n, s, err);
}

bool weir_table_rows_append(weir_table_rows *table, const weir_vec *columns, uint32_t n,
                            weir_scratch *s, weir_error *err)
{
    if (n > UINT32_MAX - WEIR_CHUNK_ROWS - table->row_count) {
        return weir_fail(err, WEIR_ERR_RESOURCE, "a table in memory holds at most 4 billion rows");
    }
    weir_mark mark = weir_scratch_mark(s);
    bool ok = true;
    for (uint32_t c = 0; ok && c < table->column_count; c++) {
        ok = append_column(table, &table->columns[c], &columns[c], n, s, err);
    }
    weir_scratch_rewind(s, mark);
    table->row_count += ok ? n : 0;
    return ok;
}

static weir_vec items_of(const column *col)
{
    weir_vec items = {.type = WEIR_TYPE(col->value_kind), .form = WEIR_FLAT, .n = col->item_count};
    items.at.l = col->values.at;
    items.nulls = col->any_item_null ? col->item_nulls.at : NULL;
    if (col->value_kind == WEIR_STRING) {
        items.form = WEIR_DICT;
        items.dict = &col->intern.dict;
    }
    return items;
}

weir_vec weir_table_rows_column(const weir_table_rows *table, uint32_t c)
{
    column *col = &table->columns[c];
    weir_vec vec = {.type = col->as_column.type, .n = table->row_count};
    if (!table->chunks) { /* still growing: its one owner asks */
        col->items = items_of(col);
    }
    if (col->lists) {
        vec.form = WEIR_LIST;
        vec.nulls = col->any_null ? col->nulls.at : NULL;
        vec.at.offsets = col->offsets.at;
        vec.items = &col->items;
    } else if (vec.type.kind != WEIR_STRING) {
        vec.form = WEIR_FLAT;
        vec.nulls = col->any_null ? col->nulls.at : NULL;
        vec.at.l = col->values.at;
    } else {
        vec.form = WEIR_DICT;
        vec.at.ids = col->values.at;
        vec.dict = &col->intern.dict;
    }
    return vec;
}

static void take_lists(const column *col, const uint32_t *rows, uint32_t n, weir_scratch *s,
                       weir_vec *out)
{
    const uint32_t *offsets = col->offsets.at;
    size_t size = value_size(col->value_kind);
    uint32_t *taken = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1);
    taken[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool none = rows[i] == WEIR_NO_ID;
        taken[i + 1] = taken[i] + (none ? 0 : offsets[rows[i] + 1] - offsets[rows[i]]);
    }
    char *items = weir_scratch_take(s, taken[n] * size + 1);
    weir_vec *vec = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    *vec = items_of(col);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t count = taken[i + 1] - taken[i];
        if (count) {
            memcpy(items + taken[i] * size, (const char *)col->values.at + offsets[rows[i]] * size,
                   count * size);
        }
    }
    if (vec->nulls) {
        uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(taken[n]) + 1);
        memset(nulls, 0, (weir_words(taken[n]) + 1) * sizeof(*nulls));
        for (uint32_t i = 0; i < n; i++) {
            for (uint32_t k = taken[i]; k < taken[i + 1]; k++) {
                uint64_t null = weir_bit(vec->nulls, offsets[rows[i]] + k - taken[i]);
                nulls[k >> 6] |= null << (k & 63);
            }
        }
        vec->nulls = nulls;
    }
    vec->n = taken[n];
    vec->at.l = (const int64_t *)(const void *)items;
    out->form = WEIR_LIST;
    out->at.offsets = taken;
    out->items = vec;
}

static void take_values(const column *col, const uint32_t *rows, uint32_t n, weir_scratch *s,
                        weir_vec *out)
{
    size_t size = value_size(col->as_column.type.kind);
    char *values = weir_scratch_take(s, n * size);
    if (size == 8) {
        for (uint32_t i = 0; i < n; i++) {
            ((uint64_t *)values)[i] = ((const uint64_t *)col->values.at)[rows[i]];
        }
    } else if (size == 4) {
        for (uint32_t i = 0; i < n; i++) {
            ((uint32_t *)values)[i] = ((const uint32_t *)col->values.at)[rows[i]];
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            ((weir_str *)values)[i] = ((const weir_str *)col->values.at)[rows[i]];
        }
    }
    out->at.l = (const int64_t *)values;
    if (col->as_column.type.kind == WEIR_STRING) {
        out->form = WEIR_DICT;
        out->dict = &col->intern.dict;
    }
}

/* Where some rows are none: row 0 in their place, then null. */
static void take_outer(const column *col, const uint32_t *rows, uint32_t n, weir_scratch *s,
                       weir_vec *out)
{
    uint32_t *real = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        real[i] = rows[i] == WEIR_NO_ID ? 0 : rows[i];
    }
    take_values(col, real, n, s, out);
    uint32_t *ids = (uint32_t *)(uintptr_t)out->at.ids; /* just taken */
    for (uint32_t i = 0; out->dict && i < n; i++) {
        ids[i] = rows[i] == WEIR_NO_ID ? 0 : ids[i];
    }
}

static void take(const column *col, const uint32_t *rows, uint32_t n, bool outer, weir_scratch *s,
                 weir_vec *out)
{
    weir_type type = col->as_column.type;
    *out = (weir_vec){.type = type, .form = WEIR_FLAT, .n = n};
    if ((col->any_null || outer) && (type.kind != WEIR_STRING || col->lists)) {
        uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n));
        memset(nulls, 0, weir_words(n) * sizeof(*nulls));
        for (uint32_t i = 0; i < n; i++) {
            bool none = rows[i] == WEIR_NO_ID;
            nulls[i >> 6] |= (uint64_t)(none || weir_bit(col->nulls.at, rows[i])) << (i & 63);
        }
        out->nulls = nulls;
    }
    if (col->lists) {
        take_lists(col, rows, n, s, out);
    } else if (outer) {
        take_outer(col, rows, n, s, out);
    } else {
        take_values(col, rows, n, s, out);
    }
}

void weir_table_rows_take(const weir_table_rows *table, uint32_t c, const uint32_t *rows,
                          uint32_t n, weir_scratch *s, weir_vec *out)
{
    take(&table->columns[c], rows, n, false, s, out);
}

void weir_table_rows_take_outer(const weir_table_rows *table, uint32_t c, const uint32_t *rows,
                                uint32_t n, weir_scratch *s, weir_vec *out)
{
    if (table->row_count == 0) { /* there is no row 0 to stand for none */
        *out = weir_vec_null(table->columns[c].as_column.type, n);
        return;
    }
    take(&table->columns[c], rows, n, true, s, out);
}

static void move_bit(uint64_t *bits, uint32_t to, uint32_t from)
{
    uint64_t bit = weir_bit(bits, from);
    bits[to >> 6] = (bits[to >> 6] & ~(1ull << (to & 63))) | bit << (to & 63);
}

/* Bits past the end are clear: append only sets. */
static void clear_past(weir_area *bits, uint32_t n)
{
    if (bits->size_bytes && n % 64) {
        ((uint64_t *)bits->at)[n / 64] &= (1ull << n % 64) - 1;
    }
}

static void keep_lists(column *col, const uint32_t *rows, uint32_t n)
{
    uint32_t *offsets = col->offsets.at, at = 0;
    size_t width = value_size(col->value_kind);
    char *values = col->values.at;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = offsets[rows[i]], size = offsets[rows[i] + 1] - from;
        if (size) {
            memmove(values + at * width, values + from * width, size * width);
        }
        for (uint32_t k = 0; col->any_item_null && k < size; k++) {
            move_bit(col->item_nulls.at, at + k, from + k);
        }
        offsets[i] = at; /* i <= rows[i]: what is overwritten was read */
        at += size;
    }
    offsets[n] = at;
    col->item_count = at;
    clear_past(&col->item_nulls, at);
}

void weir_table_rows_keep(weir_table_rows *table, const uint32_t *rows, uint32_t n)
{
    for (uint32_t c = 0; c < table->column_count; c++) {
        column *col = &table->columns[c];
        size_t size = value_size(col->as_column.type.kind);
        if (col->lists && table->row_count) {
            keep_lists(col, rows, n);
        }
        for (uint32_t i = 0; !col->lists && i < n; i++) {
            memmove((char *)col->values.at + i * size, (char *)col->values.at + rows[i] * size,
                    size);
        }
        for (uint32_t i = 0; col->any_null && i < n; i++) {
            move_bit(col->nulls.at, i, rows[i]);
        }
        clear_past(&col->nulls, n);
    }
    table->row_count = n;
}

/* As rows. */

static uint32_t rows_chunks(const weir_rows *rows)
{
    return ((const weir_table_rows *)rows)->chunk_count;
}

static void rows_chunk(const weir_rows *rows, uint32_t chunk, weir_chunk_info *out)
{
    *out = ((const weir_table_rows *)rows)->chunks[chunk];
}

static const weir_column *rows_column_at(const weir_rows *rows, uint32_t i)
{
    return &((const weir_table_rows *)rows)->columns[i].as_column;
}

static uint32_t rows_column_count(const weir_rows *rows)
{
    return ((const weir_table_rows *)rows)->column_count;
}

static const weir_column *rows_column(const weir_rows *rows, weir_str name)
{
    for (uint32_t i = 0; i < rows_column_count(rows); i++) {
        const weir_column *col = rows_column_at(rows, i);
        if (weir_str_eq(col->name, name)) {
            return col;
        }
    }
    return NULL;
}

static bool rows_visible(const weir_rows *rows, uint32_t chunk, weir_scratch *s, weir_sel *out)
{
    (void)rows, (void)chunk, (void)s, (void)out;
    return false;
}

static void rows_unref(weir_rows *rows)
{
    (void)rows; /* the table's owner frees it */
}

static const weir_rows_ops rows_ops = {.chunks = rows_chunks,
                                       .chunk = rows_chunk,
                                       .column = rows_column,
                                       .column_count = rows_column_count,
                                       .column_at = rows_column_at,
                                       .visible = rows_visible,
                                       .unref = rows_unref};

static bool column_zone(const weir_column *col, uint32_t chunk, weir_zone *out)
{
    (void)col, (void)chunk, (void)out;
    return false;
}

static bool column_postings(const weir_column *col, uint32_t chunk, uint32_t id, weir_scratch *s,
                            weir_posting *out)
{
    (void)col, (void)chunk, (void)id, (void)s, (void)out;
    return false;
}

static bool column_read(const weir_column *as_column, uint32_t chunk, uint32_t from, uint32_t n,
                        bool scaled, weir_scratch *s, weir_vec *out, weir_error *err)
{
    (void)scaled, (void)err;
    const column *col = (const column *)as_column;
    weir_vec whole = weir_table_rows_column(col->table, (uint32_t)(col - col->table->columns));
    weir_vec_slice(&whole, chunk * WEIR_CHUNK_ROWS + from, n, s, out);
    return true;
}

static bool column_gather(const weir_column *as_column, uint32_t chunk, const uint16_t *rows,
                          uint32_t n, weir_scratch *s, weir_vec *out, weir_error *err)
{
    (void)err;
    const column *col = (const column *)as_column;
    uint32_t *numbers = WEIR_SCRATCH_ARRAY(s, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        numbers[i] = chunk * WEIR_CHUNK_ROWS + rows[i];
    }
    weir_table_rows_take(col->table, (uint32_t)(col - col->table->columns), numbers, n, s, out);
    return true;
}

static uint64_t column_bytes(const weir_column *as_column)
{
    const column *col = (const column *)as_column;
    return col->values.size_bytes + col->nulls.size_bytes + col->offsets.size_bytes +
           col->item_nulls.size_bytes;
}

static const weir_column_ops column_ops = {.zone = column_zone,
                                           .postings = column_postings,
                                           .read = column_read,
                                           .gather = column_gather,
                                           .bytes = column_bytes};

static void measure_chunk(const weir_table_rows *table, uint32_t chunk, weir_chunk_info *out)
{
    uint32_t from = chunk * WEIR_CHUNK_ROWS, left = table->row_count - from;
    uint32_t n = left < WEIR_CHUNK_ROWS ? left : WEIR_CHUNK_ROWS;
    *out = (weir_chunk_info){.row_count = n, .time_sorted = true};
    if (table->time < 0) {
        return;
    }
    const int64_t *times = (const int64_t *)table->columns[table->time].values.at + from;
    out->min_time = out->max_time = times[0];
    for (uint32_t i = 1; i < n; i++) {
        out->min_time = times[i] < out->min_time ? times[i] : out->min_time;
        out->max_time = times[i] > out->max_time ? times[i] : out->max_time;
        out->time_sorted = out->time_sorted && times[i] >= times[i - 1];
    }
}

weir_rows *weir_table_rows_end(weir_table_rows *table, weir_str id)
{
    assert(table->chunks == NULL);
    table->chunk_count = (table->row_count + WEIR_CHUNK_ROWS - 1) / WEIR_CHUNK_ROWS;
    table->chunks =
        weir_calloc(table->chunk_count ? table->chunk_count : 1, sizeof(weir_chunk_info));
    table->rows = (weir_rows){.ops = &rows_ops, .id = id, .uid = weir_uid_next()};
    for (uint32_t c = 0; c < table->column_count; c++) {
        table->columns[c].items = items_of(&table->columns[c]);
    }
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (uint32_t c = 0; c < table->chunk_count; c++) {
        weir_chunk_info *info = &table->chunks[c];
        measure_chunk(table, c, info);
        min = info->min_time < min ? info->min_time : min;
        max = info->max_time > max ? info->max_time : max;
    }
    if (table->chunk_count) {
        table->rows.interval = (weir_interval){min, max + 1};
    }
    return &table->rows;
}
