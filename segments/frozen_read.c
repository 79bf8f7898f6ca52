/* segments/frozen_read.c - opens a frozen segment: tail, footer, and every offset in it; blocks are
 * checked when they are first used (frozen_column.c). A segment is a weir_rows; its chunks and
 * columns are plain arrays made here. */
#include "segments/frozen.h"
#include "weir/hash.h"
#include "weir/paths.h"
#include "weir/reader.h"
#include "weir/uid.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- bytes ---- */

typedef struct mapping {
    void *at;
    size_t size;
} mapping;

static void unmap(void *self)
{
    mapping *map = self;
    munmap(map->at, map->size);
    free(map);
}

bool weir_bytes_map(const char *path, weir_bytes *out, weir_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return weir_fail(err, errno == ENOENT ? WEIR_ERR_NOT_FOUND : WEIR_ERR_STORE,
                         "cannot open %s: %s", path, strerror(errno));
    }
    struct stat st;
    void *at = NULL;
    bool ok = fstat(fd, &st) == 0 ||
              weir_fail(err, WEIR_ERR_STORE, "cannot stat %s: %s", path, strerror(errno));
    if (ok && (!S_ISREG(st.st_mode) || st.st_size == 0)) {
        ok = weir_fail(err, WEIR_ERR_CORRUPT, "%s is %s", path,
                       S_ISREG(st.st_mode) ? "empty" : "not a file");
    }
    if (ok) {
        at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        ok = at != MAP_FAILED ||
             weir_fail(err, WEIR_ERR_STORE, "cannot map %s: %s", path, strerror(errno));
    }
    close(fd); /* the mapping outlives the descriptor */
    if (ok) {
        mapping *map = weir_alloc(sizeof(*map));
        *map = (mapping){at, (size_t)st.st_size};
        *out = (weir_bytes){at, (size_t)st.st_size, unmap, map, NULL};
    }
    return ok;
}

/* ---- life ---- */

weir_segment *weir_segment_ref(weir_segment *seg)
{
    atomic_fetch_add_explicit(&seg->refs, 1, memory_order_relaxed);
    return seg;
}

void weir_segment_unref(weir_segment *seg)
{
    if (seg == NULL || atomic_fetch_sub_explicit(&seg->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; seg->columns && i < seg->column_count; i++) {
        frozen_column *col = seg->columns[i];
        if (col == NULL) {
            continue;
        }
        weir_dict_frozen_free(col->dict);
        for (uint32_t c = 0; col->chunks && c < seg->chunk_count; c++) {
            free(col->chunks[c].items);
            free(col->chunks[c].postings);
        }
        free(col->chunks);
        free(col);
    }
    free(seg->columns);
    free(seg->chunks);
    weir_schema_unref(seg->schema);
    if (seg->bytes.release) {
        seg->bytes.release(seg->bytes.self);
    }
    free(seg->name);
    free(seg);
}

weir_rows *weir_segment_rows(weir_segment *seg)
{
    return &seg->rows;
}

/* ---- rows ---- */

static uint32_t rows_chunks(const weir_rows *rows)
{
    return ((const weir_segment *)rows)->chunk_count;
}

static void rows_chunk(const weir_rows *rows, uint32_t chunk, weir_chunk_info *out)
{
    const weir_segment *seg = (const weir_segment *)rows;
    const frozen_chunk_info *info = &seg->chunks[chunk];
    *out = (weir_chunk_info){.row_count = frozen_chunk_rows(seg, chunk),
                             .min_time = info->min_time,
                             .max_time = info->max_time,
                             .time_sorted = info->time_sorted,
                             .sealed = true};
}

/* The column as a lookup gives it: a dictionary's blocks are checked here, once, because its
 * searches have no way to say "damaged". */
static const weir_column *checked_column(frozen_column *col)
{
    if (col->dict == NULL || col->seg->bytes.ops) { /* brought: its dictionary checks itself */
        return &col->base;
    }
    uint8_t state = atomic_load_explicit(&col->dict_state, memory_order_acquire);
    if (state == FROZEN_UNSEEN) {
        uint32_t block;
        bool good = weir_dict_frozen_check(col->dict, &block);
        state = good ? FROZEN_GOOD : FROZEN_BUSY;
        atomic_store_explicit(&col->dict_state, state, memory_order_release);
    }
    return state == FROZEN_GOOD ? &col->base : &col->damaged;
}

frozen_column *frozen_find(const weir_segment *seg, weir_str name)
{
    for (uint32_t i = 0; i < seg->column_count; i++) {
        if (weir_str_eq(seg->columns[i]->base.name, name)) {
            return seg->columns[i];
        }
    }
    weir_str column;
    bool array;
    frozen_column *col = weir_path_is_root(name, &column, &array) ? frozen_find(seg, column) : NULL;
    weir_kind kind = col ? (weir_kind)col->base.type.kind : WEIR_COMPLEX;
    return kind != WEIR_COMPLEX && array == (kind == WEIR_ARRAY) ? col : NULL;
}

static const weir_column *rows_column(const weir_rows *rows, weir_str name)
{
    frozen_column *col = frozen_find((const weir_segment *)rows, name);
    return col ? checked_column(col) : NULL;
}

static uint32_t rows_column_count(const weir_rows *rows)
{
    const weir_segment *seg = (const weir_segment *)rows;
    return seg->column_count - seg->hidden_count;
}

static const weir_column *rows_column_at(const weir_rows *rows, uint32_t i)
{
    return checked_column(((const weir_segment *)rows)->columns[i]);
}

static bool rows_visible(const weir_rows *rows, uint32_t chunk, weir_scratch *s, weir_sel *out)
{
    (void)rows, (void)chunk, (void)s, (void)out;
    return false; /* all */
}

static void rows_unref(weir_rows *rows)
{
    weir_segment_unref((weir_segment *)rows);
}

static const weir_rows_ops rows_ops = {
    .chunks = rows_chunks,
    .chunk = rows_chunk,
    .column = rows_column,
    .column_count = rows_column_count,
    .column_at = rows_column_at,
    .visible = rows_visible,
    .unref = rows_unref,
};
static const weir_rows_ops brought_ops = {
    .chunks = rows_chunks,
    .chunk = rows_chunk,
    .column = rows_column,
    .column_count = rows_column_count,
    .column_at = rows_column_at,
    .visible = rows_visible,
    .prepare = frozen_prepare,
    .unref = rows_unref,
};

/* ---- footer ---- */

static bool fail(const weir_segment *seg, const char *what, weir_error *err)
{
    return weir_fail(err, WEIR_ERR_CORRUPT, "segment '%s' is damaged: %s", seg->name, what);
}

static bool take_zigzag(weir_reader *in, int64_t *out)
{
    uint64_t value;
    bool ok = weir_take_varint(in, &value);
    *out = ok ? weir_unzigzag(value) : 0;
    return ok;
}

/* A block must lie between the head and the footer. */
static bool take_ref(const weir_segment *seg, weir_reader *in, weir_block_ref *out)
{
    uint64_t place, size, xxh3;
    if (!weir_take_varint(in, &place) || !weir_take_varint(in, &size) ||
        !weir_take_u64(in, &xxh3)) {
        return false;
    }
    uint64_t limit = seg->footer_offset;
    if (place > limit / WEIR_BLOCK_ALIGN || size > limit - place * WEIR_BLOCK_ALIGN ||
        (size > 0 && place == 0)) {
        return false;
    }
    *out = (weir_block_ref){place * WEIR_BLOCK_ALIGN, size, xxh3};
    return true;
}

static bool take_zone(weir_reader *in, const frozen_column *col, uint32_t rows, weir_zone *out)
{
    uint8_t flags;
    uint64_t nulls, min = 0, max = 0;
    if (!weir_take_u8(in, &flags) || !weir_take_varint(in, &nulls) || nulls > rows) {
        return false;
    }
    *out = (weir_zone){.multi = (flags & WEIR_ZONE_LISTS) != 0,
                       .null_count = (uint32_t)nulls,
                       .has_range = (flags & WEIR_ZONE_RANGE) != 0,
                       .has_nan = (flags & WEIR_ZONE_NAN) != 0};
    if (out->has_range && (!weir_take_u64(in, &min) || !weir_take_u64(in, &max))) {
        return false;
    }
    if (col->base.type.kind == WEIR_STRING) {
        if (out->has_range && (min == 0 || min > max || max >= col->value_count)) {
            return false;
        }
        out->min.id = (uint32_t)min;
        out->max.id = (uint32_t)max;
        return !out->multi || (col->base.type.multi && !out->has_range);
    }
    memcpy(&out->min, &min, sizeof(min));
    memcpy(&out->max, &max, sizeof(max));
    return col->base.type.kind == WEIR_ARRAY ? out->multi && !out->has_range : !out->multi;
}

static bool take_chunk(weir_segment *seg, weir_reader *in, frozen_column *col, uint32_t c)
{
    frozen_chunk *chunk = &col->chunks[c];
    if (!take_ref(seg, in, &chunk->values.ref) || chunk->values.ref.size == 0 ||
        !take_zone(in, col, frozen_chunk_rows(seg, c), &chunk->zone)) {
        return false;
    }
    if (chunk->zone.multi) {
        uint64_t count;
        chunk->items = weir_calloc(1, sizeof(*chunk->items));
        if (!weir_take_varint(in, &count) || count > WEIR_ENCODED_MAX ||
            !take_ref(seg, in, &chunk->items->ref) || (count > 0) != (chunk->items->ref.size > 0)) {
            return false;
        }
        chunk->item_count = (uint32_t)count;
    }
    if (col->base.indexed) {
        chunk->postings = weir_calloc(1, sizeof(*chunk->postings));
        return take_ref(seg, in, &chunk->postings->ref) && chunk->postings->ref.size > 0;
    }
    return true;
}

/* Opens the dictionary's directory; its own checksum is looked at now (it is small), its blocks' on
 * first use. Where bytes are brought the directory comes with them. */
static bool take_dictionary(weir_segment *seg, weir_reader *in, frozen_column *col)
{
    uint64_t count, bytes;
    if (!weir_take_varint(in, &count) || !weir_take_varint(in, &bytes) || count == 0 ||
        count >= UINT32_MAX || !take_ref(seg, in, &col->directory)) {
        return false;
    }
    col->value_count = (uint32_t)count;
    col->value_bytes = bytes;
    if (count == 1) {
        col->null_dict = (weir_dict){
            .ops = &frozen_null_dict_ops, .count = 1, .sorted = true, .uid = weir_uid_next()};
        col->base.dict = &col->null_dict;
        return true;
    }
    weir_str file = {(const char *)seg->bytes.at, seg->footer_offset};
    char owner[300];
    snprintf(owner, sizeof(owner), "segment '%s', column '%.*s'", seg->name,
             WEIR_STR_ARG(col->base.name));
    if (seg->bytes.ops) {
        col->dict = col->directory.size > 0
                        ? weir_dict_frozen_later(owner, file, col->value_count, frozen_dict_load,
                                                 col, &seg->lost)
                        : NULL;
    } else if (frozen_block_is_good(seg, &col->directory, NULL)) {
        col->dict = weir_dict_frozen_open(owner, file, frozen_bytes(seg, &col->directory),
                                          col->value_count);
    }
    if (col->dict == NULL) {
        return false;
    }
    col->base.dict = weir_dict_frozen_dict(col->dict);
    col->damaged_dict = (weir_dict){
        .ops = &frozen_damaged_dict_ops, .count = col->value_count, .uid = weir_uid_next()};
    return true;
}

static bool take_column(weir_segment *seg, weir_reader *in, frozen_column *col)
{
    uint8_t kind, flags;
    weir_str complex;
    col->seg = seg;
    if (!weir_take_bytes(in, &col->base.name) || !weir_take_u8(in, &kind) ||
        !weir_take_u8(in, &flags) || !weir_take_bytes(in, &complex)) {
        return false;
    }
    weir_type elem = {0};
    bool known = kind == WEIR_LONG || kind == WEIR_FLOAT || kind == WEIR_DOUBLE ||
                 kind == WEIR_STRING || kind == WEIR_COMPLEX;
    if (kind == WEIR_ARRAY) {
        known = weir_type_parse(complex, &elem) &&
                (elem.kind == WEIR_LONG || elem.kind == WEIR_DOUBLE || elem.kind == WEIR_STRING);
    }
    bool strings = kind == WEIR_STRING || elem.kind == WEIR_STRING;
    if (!known || ((flags & WEIR_COLUMN_LISTS) && kind != WEIR_STRING) ||
        ((flags & WEIR_COLUMN_INDEXED) && !strings)) {
        return false;
    }
    if (flags & WEIR_COLUMN_HIDDEN) {
        seg->hidden_count++;
    } else if (seg->hidden_count) {
        return false; /* they come last */
    }
    col->base.ops = &frozen_column_ops;
    col->base.type =
        (weir_type){.kind = kind, .elem = elem.kind, .multi = (flags & WEIR_COLUMN_LISTS) != 0};
    col->base.indexed = (flags & WEIR_COLUMN_INDEXED) != 0;
    col->base.metric = (flags & WEIR_COLUMN_METRIC) != 0;
    if (kind == WEIR_COMPLEX) {
        col->base.type.complex =
            weir_complex_find(complex); /* NULL: of a later version; its bytes can still be read */
    }
    if (strings && !take_dictionary(seg, in, col)) {
        return false;
    }
    col->damaged = col->base;
    col->damaged.ops = &frozen_damaged_ops;
    col->damaged.dict = &col->damaged_dict;
    col->damaged.indexed = false;
    col->chunks = weir_calloc(seg->chunk_count, sizeof(*col->chunks));
    bool ok = true;
    for (uint32_t c = 0; c < seg->chunk_count && ok; c++) {
        ok = take_chunk(seg, in, col, c);
    }
    return ok;
}

static bool parse_schema(weir_segment *seg, weir_error *err)
{
    if (seg->schema_json.size == 0) {
        return true;
    }
    json_error_t problem;
    json_t *json = json_loadb(seg->schema_json.at, seg->schema_json.size, JSON_ALLOW_NUL, &problem);
    bool ok = json || weir_fail(err, WEIR_ERR_CORRUPT, "%s", problem.text);
    if (ok) {
        seg->schema = weir_schema_parse(json, NULL, NULL, err);
        ok = seg->schema != NULL;
    }
    json_decref(json);
    seg->rows.schema = seg->schema;
    return ok || weir_fail_in(err, "schema of segment '%s'", seg->name);
}

static bool take_chunks(weir_segment *seg, weir_reader *in)
{
    int64_t min = INT64_MAX, max = INT64_MIN;
    seg->chunks = weir_calloc(seg->chunk_count, sizeof(*seg->chunks));
    for (uint32_t c = 0; c < seg->chunk_count; c++) {
        frozen_chunk_info *info = &seg->chunks[c];
        uint8_t sorted;
        if (!take_zigzag(in, &info->min_time) || !take_zigzag(in, &info->max_time) ||
            !weir_take_u8(in, &sorted) || info->min_time > info->max_time || sorted > 1) {
            return false;
        }
        info->time_sorted = sorted;
        min = info->min_time < min ? info->min_time : min;
        max = info->max_time > max ? info->max_time : max;
    }
    seg->rows.interval = (weir_interval){min, max < INT64_MAX ? max + 1 : max};
    return true;
}

static bool read_footer(weir_segment *seg, weir_str footer, weir_error *err)
{
    weir_reader in = weir_reader_of(footer);
    uint64_t rows, chunks, columns;
    /* A chunk and a column take at least a byte each: counts that the footer cannot hold are
     * refused before memory is taken for them. */
    if (!weir_take_varint(&in, &rows) || rows == 0 || rows > UINT32_MAX ||
        !weir_take_varint(&in, &chunks) ||
        chunks != (rows + WEIR_CHUNK_ROWS - 1) / WEIR_CHUNK_ROWS ||
        chunks > weir_reader_left(&in) || !weir_take_bytes(&in, &seg->schema_json)) {
        return fail(seg, "its footer", err);
    }
    seg->row_count = (uint32_t)rows;
    seg->chunk_count = (uint32_t)chunks;
    if (!take_chunks(seg, &in) || !weir_take_varint(&in, &columns) || columns == 0 ||
        columns > weir_reader_left(&in) / (4 + chunks)) {
        return fail(seg, "its footer", err);
    }
    seg->columns = weir_calloc(columns, sizeof(*seg->columns));
    seg->column_count = (uint32_t)columns;
    for (uint32_t i = 0; i < seg->column_count; i++) {
        seg->columns[i] = weir_calloc(1, sizeof(frozen_column));
        if (!take_column(seg, &in, seg->columns[i])) {
            weir_str name = seg->columns[i]->base.name;
            return weir_fail(err, WEIR_ERR_CORRUPT,
                             "segment '%s' is damaged: column %u '%.*s' in its footer, or its "
                             "dictionary's directory",
                             seg->name, i, WEIR_STR_ARG(name));
        }
    }
    weir_type time = seg->columns[0]->base.type;
    if (in.at != in.end || time.kind != WEIR_LONG ||
        !weir_str_is(seg->columns[0]->base.name, "__time")) {
        return fail(seg, "its footer", err);
    }
    return parse_schema(seg, err);
}

static bool find_footer(weir_segment *seg, const uint64_t *expected, weir_str *footer,
                        weir_error *err)
{
    const char *at = (const char *)seg->bytes.at;
    size_t size = seg->bytes.size;
    uint64_t xxh3 = 0;
    uint32_t footer_size = 0, version = 0;
    if (size < WEIR_SEGMENT_MAGIC_BYTES + WEIR_SEGMENT_TAIL_BYTES ||
        (!seg->bytes.ops && memcmp(at, WEIR_SEGMENT_HEAD, WEIR_SEGMENT_MAGIC_BYTES) != 0) ||
        memcmp(at + size - WEIR_SEGMENT_MAGIC_BYTES, WEIR_SEGMENT_END, WEIR_SEGMENT_MAGIC_BYTES) !=
            0) {
        return weir_fail(err, WEIR_ERR_CORRUPT, "'%s' is not a segment, or cut short", seg->name);
    }
    weir_reader in = {seg->bytes.at + size - WEIR_SEGMENT_TAIL_BYTES, seg->bytes.at + size};
    weir_take_u64(&in, &xxh3);
    weir_take_u32(&in, &footer_size);
    weir_take_u32(&in, &version);
    if (version < WEIR_SEGMENT_VERSION_FIRST || version > WEIR_SEGMENT_VERSION) {
        return weir_fail(err, WEIR_ERR_CORRUPT,
                         "segment '%s' has version %u; this program reads versions %u to %u",
                         seg->name, version, WEIR_SEGMENT_VERSION_FIRST, WEIR_SEGMENT_VERSION);
    }
    if (footer_size > size - WEIR_SEGMENT_MAGIC_BYTES - WEIR_SEGMENT_TAIL_BYTES) {
        return fail(seg, "its footer's size", err);
    }
    seg->version = version;
    seg->footer_offset = size - WEIR_SEGMENT_TAIL_BYTES - footer_size;
    seg->footer_xxh3 = xxh3;
    *footer = (weir_str){at + seg->footer_offset, footer_size};
    if (!weir_checksum_is(footer->at, footer->size, xxh3)) {
        return fail(seg, "the checksum of its footer", err);
    }
    if (expected && *expected != xxh3) {
        return weir_fail(
            err, WEIR_ERR_CORRUPT,
            "segment '%s' is not the file that the table log names: footer %016llx, not %016llx",
            seg->name, (unsigned long long)xxh3, (unsigned long long)*expected);
    }
    return true;
}

static bool open_segment(const char *name, weir_bytes bytes, const uint64_t *expected,
                         weir_segment **out, weir_error *err)
{
    weir_segment *seg = weir_calloc(1, sizeof(*seg));
    weir_str footer = {0};
    atomic_init(&seg->refs, 1);
    seg->name = weir_strdup(name);
    seg->bytes = bytes;
    seg->rows.ops = bytes.ops ? &brought_ops : &rows_ops;
    seg->rows.id = weir_str_of(seg->name);
    seg->rows.uid = weir_uid_next();
    if (!find_footer(seg, expected, &footer, err) || !read_footer(seg, footer, err)) {
        weir_segment_unref(seg);
        return false;
    }
    if (bytes.ops) {
        frozen_find_dictionaries(seg);
    }
    *out = seg;
    return true;
}

bool weir_segment_open(const char *name, weir_bytes bytes, weir_segment **out, weir_error *err)
{
    return open_segment(name, bytes, NULL, out, err);
}

bool weir_segment_open_expect(const char *name, weir_bytes bytes, uint64_t footer_xxh3,
                              weir_segment **out, weir_error *err)
{
    return open_segment(name, bytes, &footer_xxh3, out, err);
}
