/* segments/frozen_write.c - writes a frozen segment's file, front to back: each column's blocks as
 * it is put, the footer at the end. A string column's index is written where it is worth its bytes.
 * With fewer than 8 rows to a (value, chunk) pair the containers' directory outgrows the rows, and
 * scanning a chunk costs 5-7 us; lists cost more to scan, so there 2 rows are enough. Near-unique
 * columns thus have none: the dictionary says at once which segments hold a value. Nor have columns
 * that follow the order of the rows (dates in rows ordered by time): their zone maps already leave
 * few chunks to a query for one value. */
#include "segments/dict_frozen.h"
#include "segments/encode.h"
#include "segments/encode_blob.h"
#include "segments/format.h"
#include "segments/postings.h"
#include "weir/hash.h"
#include "weir/paths.h"
#include "weir/segment.h"
#include <assert.h>
#include <stdlib.h>

enum { INDEX_ROWS = 8, INDEX_ROWS_LISTS = 2 };

typedef struct column_text { /* a column's part of the footer */
    weir_buf footer;
    uint8_t place; /* dimensions, then metrics (1), then hidden columns (2) */
} column_text;

struct weir_segment_writer {
    weir_file file;
    weir_schema *schema;
    uint32_t row_count;
    bool thorough, failed;
    uint64_t offset;
    int64_t min_time, max_time;
    weir_buf chunks; /* footer: times of the chunks */
    column_text *columns;
    uint32_t column_count, column_capacity;
    weir_buf block; /* reused */
};

static const char zeros[WEIR_BLOCK_ALIGN];

weir_segment_writer *weir_segment_writer_new(weir_file file, const weir_schema *schema,
                                             uint32_t row_count, bool thorough)
{
    weir_segment_writer *w = weir_calloc(1, sizeof(*w));
    *w = (weir_segment_writer){.file = file, .row_count = row_count, .thorough = thorough};
    w->schema = schema ? weir_schema_ref((weir_schema *)schema)
                       : NULL; /* only its count of holders changes */
    return w;
}

void weir_segment_writer_abandon(weir_segment_writer *w)
{
    if (w) {
        for (uint32_t c = 0; c < w->column_count; c++) {
            weir_buf_done(&w->columns[c].footer);
        }
        free(w->columns);
        weir_buf_done(&w->chunks);
        weir_buf_done(&w->block);
        weir_schema_unref(w->schema);
        free(w);
    }
}

static uint32_t chunk_count(const weir_segment_writer *w)
{
    return (w->row_count + WEIR_CHUNK_ROWS - 1) / WEIR_CHUNK_ROWS;
}

static uint32_t chunk_rows(const weir_segment_writer *w, uint32_t chunk)
{
    uint32_t left = w->row_count - chunk * WEIR_CHUNK_ROWS;
    return left < WEIR_CHUNK_ROWS ? left : WEIR_CHUNK_ROWS;
}

static bool append(weir_segment_writer *w, const void *bytes, size_t size, weir_error *err)
{
    if (size > 0 && (w->failed || !w->file.append(w->file.self, bytes, size, err))) {
        w->failed = true;
        return false;
    }
    w->offset += size;
    return true;
}

/* Appends a block at the next multiple of 64. A weir_block_put. */
static bool put_block(void *self, weir_str bytes, weir_block_ref *out, weir_error *err)
{
    weir_segment_writer *w = self;
    if (w->offset == 0 && !append(w, WEIR_SEGMENT_HEAD, WEIR_SEGMENT_MAGIC_BYTES, err)) {
        return false;
    }
    size_t padding = (WEIR_BLOCK_ALIGN - w->offset % WEIR_BLOCK_ALIGN) % WEIR_BLOCK_ALIGN;
    if (!append(w, zeros, padding, err)) {
        return false;
    }
    *out = (weir_block_ref){w->offset, bytes.size, weir_hash_bytes(bytes.at, bytes.size)};
    return append(w, bytes.at, bytes.size, err);
}

static void put_ref(weir_buf *footer, const weir_block_ref *ref)
{
    weir_buf_varint(footer, ref->offset / WEIR_BLOCK_ALIGN);
    weir_buf_varint(footer, ref->size);
    weir_buf_u64(footer, ref->xxh3);
}

static void put_zone(weir_buf *footer, const weir_zone *zone, bool is_id)
{
    weir_buf_byte(footer, (char)((zone->has_range ? WEIR_ZONE_RANGE : 0) |
                                 (zone->has_nan ? WEIR_ZONE_NAN : 0) |
                                 (zone->multi ? WEIR_ZONE_LISTS : 0)));
    weir_buf_varint(footer, zone->null_count);
    if (zone->has_range) {
        weir_buf_u64(footer,
                     is_id ? zone->min.id
                           : (uint64_t)zone->min.l); /* a double's bits are in the same place */
        weir_buf_u64(footer, is_id ? zone->max.id : (uint64_t)zone->max.l);
    }
}

/* `subtype`: the complex type's name, or what an array holds. */
static weir_buf *new_column(weir_segment_writer *w, weir_str name, weir_kind kind, uint8_t flags,
                            weir_str subtype)
{
    bool hidden = weir_path_is_hidden(name);
    if (w->column_count == w->column_capacity) {
        w->column_capacity = w->column_capacity * 2 + 16;
        w->columns = weir_realloc(w->columns, w->column_capacity * sizeof(*w->columns));
    }
    column_text *col = &w->columns[w->column_count++];
    *col = (column_text){.place = hidden ? 2 : flags & WEIR_COLUMN_METRIC ? 1 : 0};
    weir_buf_bytes(&col->footer, name);
    weir_buf_byte(&col->footer, (char)kind);
    weir_buf_byte(&col->footer, (char)(flags | (hidden ? WEIR_COLUMN_HIDDEN : 0)));
    weir_buf_bytes(&col->footer, subtype);
    return &col->footer;
}

/* Writes w->block as a chunk's values and notes it. */
static bool put_values(weir_segment_writer *w, weir_buf *footer, const weir_zone *zone, bool is_id,
                       weir_error *err)
{
    weir_block_ref ref;
    if (!put_block(w, weir_buf_view(&w->block), &ref, err)) {
        return false;
    }
    put_ref(footer, &ref);
    put_zone(footer, zone, is_id);
    return true;
}

static const uint64_t *nulls_at(const uint64_t *nulls, uint32_t chunk)
{
    return nulls ? nulls + (size_t)chunk * (WEIR_CHUNK_ROWS / 64) : NULL;
}

bool weir_segment_put_time(weir_segment_writer *w, const int64_t *times, weir_error *err)
{
    assert(w->column_count == 0);
    w->min_time = INT64_MAX;
    w->max_time = INT64_MIN;
    for (uint32_t c = 0; c < chunk_count(w); c++) {
        const int64_t *at = times + (size_t)c * WEIR_CHUNK_ROWS;
        int64_t min = at[0], max = at[0];
        bool sorted = true;
        for (uint32_t i = 1; i < chunk_rows(w, c); i++) {
            min = at[i] < min ? at[i] : min;
            max = at[i] > max ? at[i] : max;
            sorted = sorted && at[i] >= at[i - 1];
        }
        weir_buf_varint(&w->chunks, weir_zigzag(min));
        weir_buf_varint(&w->chunks, weir_zigzag(max));
        weir_buf_byte(&w->chunks, sorted);
        w->min_time = min < w->min_time ? min : w->min_time;
        w->max_time = max > w->max_time ? max : w->max_time;
    }
    return weir_segment_put_long(w, WEIR_STR("__time"), false, times, NULL, err);
}

bool weir_segment_put_long(weir_segment_writer *w, weir_str name, bool metric,
                           const int64_t *values, const uint64_t *nulls, weir_error *err)
{
    weir_buf *footer =
        new_column(w, name, WEIR_LONG, metric ? WEIR_COLUMN_METRIC : 0, (weir_str){0});
    bool ok = true;
    for (uint32_t c = 0; c < chunk_count(w) && ok; c++) {
        weir_zone zone;
        w->block.size = 0;
        weir_encode_longs(values + (size_t)c * WEIR_CHUNK_ROWS, nulls_at(nulls, c),
                          chunk_rows(w, c), &w->block, &zone);
        ok = put_values(w, footer, &zone, false, err);
    }
    return ok;
}

bool weir_segment_put_double(weir_segment_writer *w, weir_str name, bool metric,
                             const double *values, const uint64_t *nulls, weir_error *err)
{
    weir_buf *footer =
        new_column(w, name, WEIR_DOUBLE, metric ? WEIR_COLUMN_METRIC : 0, (weir_str){0});
    bool ok = true;
    for (uint32_t c = 0; c < chunk_count(w) && ok; c++) {
        weir_zone zone;
        w->block.size = 0;
        weir_encode_doubles(values + (size_t)c * WEIR_CHUNK_ROWS, nulls_at(nulls, c),
                            chunk_rows(w, c), &w->block, &zone);
        ok = put_values(w, footer, &zone, false, err);
    }
    return ok;
}

bool weir_segment_put_float(weir_segment_writer *w, weir_str name, bool metric, const float *values,
                            const uint64_t *nulls, weir_error *err)
{
    weir_buf *footer =
        new_column(w, name, WEIR_FLOAT, metric ? WEIR_COLUMN_METRIC : 0, (weir_str){0});
    bool ok = true;
    for (uint32_t c = 0; c < chunk_count(w) && ok; c++) {
        weir_zone zone;
        w->block.size = 0;
        weir_encode_floats(values + (size_t)c * WEIR_CHUNK_ROWS, nulls_at(nulls, c),
                           chunk_rows(w, c), &w->block, &zone);
        ok = put_values(w, footer, &zone, false, err);
    }
    return ok;
}

bool weir_segment_put_complex(weir_segment_writer *w, weir_str name, const weir_complex *type,
                              const weir_str *values, const uint64_t *nulls, weir_error *err)
{
    bool json = strcmp(type->name, "json") == 0; /* a dimension; all others are metrics */
    weir_buf *footer =
        new_column(w, name, WEIR_COMPLEX, json ? 0 : WEIR_COLUMN_METRIC, weir_str_of(type->name));
    bool ok = true;
    for (uint32_t c = 0; c < chunk_count(w) && ok; c++) {
        weir_zone zone;
        w->block.size = 0;
        ok = weir_encode_blobs(values + (size_t)c * WEIR_CHUNK_ROWS, nulls_at(nulls, c),
                               chunk_rows(w, c), w->thorough, &w->block, &zone, err) &&
             put_values(w, footer, &zone, false, err);
    }
    return ok || weir_fail_in(err, "column '%.*s'", WEIR_STR_ARG(name));
}

/* ---- strings ---- */

typedef struct string_column { /* as weir_segment_put_string got it */
    uint32_t value_count;
    const uint32_t *ids, *offsets;
    const uint64_t *nulls;
} string_column;

/* Whether rows [from, from + n) can be kept as one id each: no list of several values, none empty.
 */
static bool is_single(const string_column *col, uint32_t from, uint32_t n)
{
    for (uint32_t row = from; col->offsets && row < from + n; row++) {
        uint32_t items = col->offsets[row + 1] - col->offsets[row];
        if (items != 1 && !(col->nulls && weir_bit(col->nulls, row))) {
            return false;
        }
    }
    return true;
}

/* Whether an index is worth its bytes: there are rows enough to a container, and zone maps do not
 * already leave less than a quarter of the chunks to a query for one value. */
static bool index_pays(const weir_segment_writer *w, const string_column *col)
{
    uint32_t *last = weir_calloc(col->value_count, sizeof(*last));
    uint64_t pairs = 0, values = 0, zone_ids = 0;
    for (uint32_t c = 0; c < chunk_count(w); c++) {
        uint32_t from = c * WEIR_CHUNK_ROWS, to = from + chunk_rows(w, c), min = UINT32_MAX,
                 max = 0;
        uint32_t first = col->offsets ? col->offsets[from] : from,
                 end = col->offsets ? col->offsets[to] : to;
        for (uint32_t i = first; i < end; i++) {
            uint32_t id = col->ids[i];
            pairs += last[id] != c + 1;
            last[id] = c + 1;
            min = id < min ? id : min;
            max = id > max ? id : max;
        }
        values += end - first;
        zone_ids += min <= max ? max - min + 1 : 0;
    }
    free(last);
    bool clustered =
        col->offsets == NULL && zone_ids * 4 <= (uint64_t)chunk_count(w) * col->value_count;
    return !clustered && values >= pairs * (col->offsets ? INDEX_ROWS_LISTS : INDEX_ROWS);
}

/* Elements of a chunk's lists to w->block: ids, or numbers with their nulls. */
typedef struct list_items {
    uint8_t elem;
    const void *at;        /* u32 ids, or eight bytes each */
    const uint64_t *nulls; /* of numbers, by their place in `at`; NULL: none */
} list_items;

static void encode_items(weir_segment_writer *w, const list_items *items, const uint32_t *places,
                         uint32_t count)
{
    if (items->elem == WEIR_STRING) {
        uint32_t *ids = weir_alloc((count + 1) * sizeof(*ids));
        for (uint32_t i = 0; i < count; i++) {
            ids[i] = ((const uint32_t *)items->at)[places[i]];
        }
        weir_encode_ids(ids, count, &w->block, NULL);
        free(ids);
        return;
    }
    int64_t *values = weir_alloc((count + 1) * sizeof(*values));
    uint64_t *nulls = weir_calloc(weir_words(count) + 1, sizeof(*nulls));
    bool any_null = false;
    for (uint32_t i = 0; i < count; i++) {
        values[i] = ((const int64_t *)items->at)[places[i]];
        if (items->nulls && weir_bit(items->nulls, places[i])) {
            weir_bit_set(nulls, i);
            any_null = true;
        }
    }
    if (items->elem == WEIR_LONG) {
        weir_encode_longs(values, any_null ? nulls : NULL, count, &w->block, NULL);
    } else {
        weir_encode_doubles((const double *)(const void *)values, any_null ? nulls : NULL, count,
                            &w->block, NULL);
    }
    free(values);
    free(nulls);
}

/* Lists of one chunk: offsets (ids from 0) with the null bitmap behind them, then items. */
static bool put_lists(weir_segment_writer *w, weir_buf *footer, const string_column *col,
                      const list_items *from_items, uint32_t from, uint32_t n, weir_error *err)
{
    uint32_t *offsets = weir_alloc((n + 1) * sizeof(*offsets)), count = 0, null_count = 0;
    uint64_t total = (uint64_t)col->offsets[from + n] - col->offsets[from];
    uint32_t *items = weir_alloc((total + 1) * sizeof(*items)); /* their places */
    uint64_t *nulls = weir_calloc(weir_words(n), sizeof(*nulls));
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = count;
        if (col->nulls && weir_bit(col->nulls, from + i)) {
            weir_bit_set(nulls, i);
            null_count++;
            continue;
        }
        for (uint32_t k = col->offsets[from + i]; k < col->offsets[from + i + 1]; k++) {
            items[count++] = k;
        }
    }
    offsets[n] = count;
    w->block.size = 0;
    weir_encode_ids(offsets, n + 1, &w->block, NULL);
    if (null_count) {
        weir_buf_put(&w->block, nulls, weir_words(n) * sizeof(*nulls));
    }
    weir_zone zone = {.multi = true, .null_count = null_count};
    weir_block_ref ref = {0};
    bool ok = count <= WEIR_ENCODED_MAX ||
              weir_fail(err, WEIR_ERR_BAD_REQUEST, "a chunk of lists has %u values", count);
    ok = ok && put_values(w, footer, &zone, true, err);
    if (ok && count) {
        w->block.size = 0;
        encode_items(w, from_items, items, count);
        ok = put_block(w, weir_buf_view(&w->block), &ref, err);
    }
    weir_buf_varint(footer, count);
    put_ref(footer, &ref);
    free(offsets);
    free(items);
    free(nulls);
    return ok;
}

static bool put_single(weir_segment_writer *w, weir_buf *footer, const string_column *col,
                       uint32_t from, uint32_t n, weir_error *err)
{
    const uint32_t *ids = col->ids + from;
    uint32_t *flat = NULL;
    if (col->offsets) {
        flat = weir_alloc(n * sizeof(*flat));
        for (uint32_t i = 0; i < n; i++) {
            bool null = col->nulls && weir_bit(col->nulls, from + i);
            flat[i] = null ? 0 : col->ids[col->offsets[from + i]];
        }
        ids = flat;
    }
    weir_zone zone;
    w->block.size = 0;
    weir_encode_ids(ids, n, &w->block, &zone);
    free(flat);
    return put_values(w, footer, &zone, true, err);
}

static bool put_index(weir_segment_writer *w, weir_buf *footer, const string_column *col,
                      uint32_t from, uint32_t n, weir_error *err)
{
    uint64_t *nulls = NULL;
    weir_block_ref ref;
    if (col->offsets && col->nulls) {
        nulls = weir_calloc(weir_words(n), sizeof(*nulls));
        for (uint32_t i = 0; i < n; i++) {
            if (weir_bit(col->nulls, from + i)) {
                weir_bit_set(nulls, i);
            }
        }
    }
    w->block.size = 0;
    weir_postings_build(col->offsets ? col->ids : col->ids + from,
                        col->offsets ? col->offsets + from : NULL, nulls, n, &w->block);
    free(nulls);
    bool ok = put_block(w, weir_buf_view(&w->block), &ref, err);
    if (ok) {
        put_ref(footer, &ref);
    }
    return ok;
}

/* The dictionary of a column, and what the footer says of it. */
static bool put_dictionary(weir_segment_writer *w, weir_buf *footer, uint32_t value_count,
                           const weir_str *values, weir_error *err)
{
    weir_buf directory = {0};
    weir_block_ref ref = {0};
    uint64_t value_bytes = 0;
    bool ok = true;
    if (value_count > 1) {
        ok = weir_dict_frozen_write(values, value_count, w->thorough, put_block, w, &directory,
                                    &value_bytes, err) &&
             put_block(w, weir_buf_view(&directory), &ref, err);
    }
    weir_buf_done(&directory);
    weir_buf_varint(footer, value_count);
    weir_buf_varint(footer, value_bytes);
    put_ref(footer, &ref);
    return ok;
}

bool weir_segment_put_string(weir_segment_writer *w, weir_str name, bool index,
                             uint32_t value_count, const weir_str *values, const uint32_t *ids,
                             const uint32_t *offsets, const uint64_t *nulls, weir_error *err)
{
    assert(value_count > 0);
    string_column col = {value_count, ids, offsets, nulls};
    list_items items = {.elem = WEIR_STRING, .at = ids};
    bool lists = false;
    for (uint32_t c = 0; c < chunk_count(w) && !lists; c++) {
        lists = !is_single(&col, c * WEIR_CHUNK_ROWS, chunk_rows(w, c));
    }
    index = index && index_pays(w, &col);
    weir_buf *footer =
        new_column(w, name, WEIR_STRING,
                   (uint8_t)((lists ? WEIR_COLUMN_LISTS : 0) | (index ? WEIR_COLUMN_INDEXED : 0)),
                   (weir_str){0});
    bool ok = put_dictionary(w, footer, value_count, values, err);
    for (uint32_t c = 0; c < chunk_count(w) && ok; c++) {
        uint32_t from = c * WEIR_CHUNK_ROWS, n = chunk_rows(w, c);
        ok = is_single(&col, from, n) ? put_single(w, footer, &col, from, n, err)
                                      : put_lists(w, footer, &col, &items, from, n, err);
        ok = ok && (!index || put_index(w, footer, &col, from, n, err));
    }
    return ok || weir_fail_in(err, "column '%.*s'", WEIR_STR_ARG(name));
}

bool weir_segment_put_array(weir_segment_writer *w, weir_str name, bool index,
                            const weir_arrays *arrays, weir_error *err)
{
    bool strings = arrays->elem == WEIR_STRING;
    string_column col = {arrays->value_count, strings ? arrays->items : NULL, arrays->offsets,
                         arrays->nulls};
    list_items items = {(uint8_t)arrays->elem, arrays->items, strings ? NULL : arrays->item_nulls};
    char elem[64];
    index = index && strings && index_pays(w, &col);
    weir_buf *footer = new_column(w, name, WEIR_ARRAY, index ? WEIR_COLUMN_INDEXED : 0,
                                  weir_type_name(WEIR_TYPE((uint8_t)arrays->elem), elem));
    bool ok = !strings || put_dictionary(w, footer, arrays->value_count, arrays->values, err);
    for (uint32_t c = 0; c < chunk_count(w) && ok; c++) {
        uint32_t from = c * WEIR_CHUNK_ROWS, n = chunk_rows(w, c);
        ok = put_lists(w, footer, &col, &items, from, n, err) &&
             (!index || put_index(w, footer, &col, from, n, err));
    }
    return ok || weir_fail_in(err, "column '%.*s'", WEIR_STR_ARG(name));
}

/* ---- the end ---- */

static void put_footer(weir_segment_writer *w, weir_buf *footer)
{
    weir_buf schema = {0};
    if (w->schema) {
        weir_json json = {.out = &schema};
        weir_schema_print(w->schema, &json);
    }
    weir_buf_varint(footer, w->row_count);
    weir_buf_varint(footer, chunk_count(w));
    weir_buf_bytes(footer, weir_buf_view(&schema));
    weir_buf_str(footer, weir_buf_view(&w->chunks));
    weir_buf_varint(footer, w->column_count);
    for (int place = 0; place < 3; place++) {
        for (uint32_t c = 0; c < w->column_count; c++) {
            if (w->columns[c].place == place) {
                weir_buf_str(footer, weir_buf_view(&w->columns[c].footer));
            }
        }
    }
    weir_buf_done(&schema);
}

bool weir_segment_writer_end(weir_segment_writer *w, weir_segment_info *out, weir_error *err)
{
    assert(w->column_count > 0);
    weir_buf footer = {0}, tail = {0};
    bool ok =
        w->row_count > 0 || weir_fail(err, WEIR_ERR_BAD_REQUEST, "a segment has at least one row");
    put_footer(w, &footer);
    uint64_t xxh3 = weir_hash_bytes(footer.at, footer.size);
    if (footer.size > UINT32_MAX) {
        ok = weir_fail(err, WEIR_ERR_BAD_REQUEST, "a segment's footer of %zu bytes is too large",
                       footer.size);
    }
    weir_buf_u64(&tail, xxh3);
    weir_buf_u32(&tail, (uint32_t)footer.size);
    weir_buf_u32(&tail, WEIR_SEGMENT_VERSION);
    weir_buf_put(&tail, WEIR_SEGMENT_END, WEIR_SEGMENT_MAGIC_BYTES);
    ok = ok && append(w, footer.at, footer.size, err) && append(w, tail.at, tail.size, err);
    if (ok) {
        *out = (weir_segment_info){.bytes = w->offset,
                                   .footer_bytes = footer.size + tail.size,
                                   .footer_xxh3 = xxh3,
                                   .rows = w->row_count,
                                   .min_time = w->min_time,
                                   .max_time = w->max_time};
    }
    weir_buf_done(&footer);
    weir_buf_done(&tail);
    weir_segment_writer_abandon(w);
    return ok;
}
