/* segments/frozen_describe.c - what `weir segment` prints, and the check of everything in a
 * segment. */
#include "segments/frozen.h"
#include "weir/hash.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- describe ---- */

static void type_member(weir_json *json, const frozen_column *col)
{
    char name[64];
    weir_json_member_str(json, "type", weir_type_name(col->base.type, name));
}

static void zone_members(weir_json *json, const frozen_column *col, const weir_zone *zone)
{
    weir_json_member_long(json, "nulls", zone->null_count);
    if (!zone->has_range) {
        return;
    }
    if (col->base.type.kind == WEIR_STRING) {
        weir_json_member_long(json, "minId", zone->min.id);
        weir_json_member_long(json, "maxId", zone->max.id);
    } else if (col->base.type.kind == WEIR_LONG) {
        weir_json_member_long(json, "min", zone->min.l);
        weir_json_member_long(json, "max", zone->max.l);
    } else {
        weir_json_member_double(json, "min", zone->min.d);
        weir_json_member_double(json, "max", zone->max.d);
    }
}

/* "packed", "decimal packed", "lists", "blobs"; "damaged" where it cannot be opened. */
static void encoding_of(const frozen_column *col, uint32_t chunk, char out[32])
{
    weir_encoded local;
    weir_blobs blobs;
    if (col->base.type.kind == WEIR_COMPLEX) {
        snprintf(out, 32, "%s", frozen_blobs(col, chunk, &blobs, NULL) ? "blobs" : "damaged");
    } else if (col->chunks[chunk].zone.multi) {
        snprintf(out, 32, "%s", frozen_offsets(col, chunk, &local, NULL) ? "lists" : "damaged");
    } else {
        const weir_encoded *enc = frozen_values(col, chunk, &local, NULL);
        snprintf(out, 32, "%s%s", enc && enc->decimal ? "decimal " : "",
                 enc ? weir_encoding_name(enc->form) : "damaged");
    }
}

static void describe_chunks(const frozen_column *col, weir_json *json)
{
    weir_json_key(json, WEIR_STR("chunks"));
    weir_json_begin_array(json);
    for (uint32_t c = 0; c < col->seg->chunk_count; c++) {
        const frozen_chunk *chunk = &col->chunks[c];
        char encoding[32];
        encoding_of(col, c, encoding);
        weir_json_begin_object(json);
        weir_json_member_text(json, "encoding", encoding);
        weir_json_member_long(json, "offset", (int64_t)chunk->values.ref.offset);
        weir_json_member_long(json, "bytes", (int64_t)chunk->values.ref.size);
        if (chunk->items) {
            weir_json_member_long(json, "items", chunk->item_count);
            weir_json_member_long(json, "itemBytes", (int64_t)chunk->items->ref.size);
        }
        if (chunk->postings) {
            weir_json_member_long(json, "indexBytes", (int64_t)chunk->postings->ref.size);
        }
        zone_members(json, col, &chunk->zone);
        weir_json_end_object(json);
    }
    weir_json_end_array(json);
}

/* How many chunks have each encoding: {"packed": 90, "const": 2}. */
static void describe_encodings(const frozen_column *col, weir_json *json)
{
    char names[8][32];
    uint32_t counts[8], kinds = 0;
    for (uint32_t c = 0; c < col->seg->chunk_count; c++) {
        char encoding[32];
        uint32_t k = 0;
        encoding_of(col, c, encoding);
        while (k < kinds && strcmp(names[k], encoding) != 0) {
            k++;
        }
        if (k == kinds && kinds < 8) {
            memcpy(names[k], encoding, sizeof(encoding));
            counts[kinds++] = 0;
        }
        counts[k < 8 ? k : 7]++;
    }
    weir_json_key(json, WEIR_STR("encodings"));
    weir_json_begin_object(json);
    for (uint32_t k = 0; k < kinds; k++) {
        weir_json_member_long(json, names[k], counts[k]);
    }
    weir_json_end_object(json);
}

/* Of a hidden column what people can read: "doc $.a.b", and of arrays "doc $.a.b[]". */
static void name_members(weir_json *json, const frozen_column *col)
{
    weir_str name = col->base.name;
    const char *mark = memchr(name.at, '\001', name.size);
    if (!mark) {
        weir_json_member_str(json, "name", name);
        return;
    }
    weir_buf text = {0};
    weir_str rest = {mark + 1, (size_t)(name.at + name.size - mark) - 1};
    bool array = rest.size && rest.at[0] == 'a';
    weir_buf_str(&text, (weir_str){name.at, (size_t)(mark - name.at)});
    weir_buf_byte(&text, ' ');
    weir_buf_str(&text, rest.size > 1 ? (weir_str){rest.at + 1, rest.size - 1} : WEIR_STR("rest"));
    weir_buf_text(&text, array ? "[]" : "");
    weir_json_member_str(json, "name", weir_buf_view(&text));
    weir_json_member_bool(json, "hidden", true);
    weir_buf_done(&text);
}

static void describe_column(const frozen_column *col, bool per_chunk, weir_json *json)
{
    uint64_t values = 0, index = 0, nulls = 0,
             dictionary = frozen_dict_bytes((frozen_column *)(uintptr_t)col);
    for (uint32_t c = 0; c < col->seg->chunk_count; c++) {
        const frozen_chunk *chunk = &col->chunks[c];
        values += chunk->values.ref.size + (chunk->items ? chunk->items->ref.size : 0);
        index += chunk->postings ? chunk->postings->ref.size : 0;
        nulls += chunk->zone.null_count;
    }
    weir_json_begin_object(json);
    name_members(json, col);
    type_member(json, col);
    weir_json_member_bool(json, "metric", col->base.metric);
    weir_json_member_long(json, "bytes", (int64_t)(values + index + dictionary));
    weir_json_member_long(json, "valueBytes", (int64_t)values);
    weir_json_member_long(json, "nulls", (int64_t)nulls);
    if (col->base.dict) {
        weir_json_member_bool(json, "lists",
                              col->base.type.multi || col->base.type.kind == WEIR_ARRAY);
        weir_json_member_long(json, "cardinality", (int64_t)col->value_count - 1);
        weir_json_member_long(json, "dictionaryBytes", (int64_t)dictionary);
        weir_json_member_long(json, "dictionaryRawBytes", (int64_t)col->value_bytes);
        weir_json_member_bool(json, "indexed", col->base.indexed);
        weir_json_member_long(json, "indexBytes", (int64_t)index);
    }
    describe_encodings(col, json);
    if (per_chunk) {
        describe_chunks(col, json);
    }
    weir_json_end_object(json);
}

void weir_segment_describe(weir_segment *seg, bool per_chunk, weir_json *json)
{
    char text[40];
    weir_json_begin_object(json);
    weir_json_member_text(json, "name", seg->name);
    weir_json_member_long(json, "version", seg->version);
    weir_json_member_long(json, "rows", seg->row_count);
    weir_json_member_long(json, "chunkCount", seg->chunk_count);
    weir_json_member_long(json, "bytes", (int64_t)seg->bytes.size);
    weir_json_member_long(json, "footerBytes", (int64_t)(seg->bytes.size - seg->footer_offset));
    weir_hex_u64(text, seg->footer_xxh3);
    weir_json_member_text(json, "footerXxh3", text);
    size_t size = weir_time_print(text, seg->rows.interval.start_ms);
    weir_json_member_str(json, "minTime", (weir_str){text, size});
    size = weir_time_print(text, seg->rows.interval.end_ms - 1);
    weir_json_member_str(json, "maxTime", (weir_str){text, size});
    weir_json_key(json, WEIR_STR("schema"));
    if (seg->schema_json.size > 0) {
        weir_json_raw(json, seg->schema_json);
    } else {
        weir_json_null(json);
    }
    weir_json_key(json, WEIR_STR("columns"));
    weir_json_begin_array(json);
    for (uint32_t i = 0; i < seg->column_count; i++) {
        describe_column(seg->columns[i], per_chunk, json);
    }
    weir_json_end_array(json);
    weir_json_end_object(json);
}

/* ---- verify ---- */

/* The zone that the chunk's values have, from the values. */
static void zone_of_rows(const weir_vec *vec, weir_zone *zone)
{
    for (uint32_t i = 0; i < vec->n; i++) {
        uint32_t at = vec->form == WEIR_CONST ? 0 : i;
        if (weir_vec_is_null(vec, i)) {
            zone->null_count++;
            continue;
        }
        if (vec->type.kind == WEIR_STRING) {
            uint32_t id = vec->at.ids[at];
            zone->min.id = !zone->has_range || id < zone->min.id ? id : zone->min.id;
            zone->max.id = !zone->has_range || id > zone->max.id ? id : zone->max.id;
        } else if (vec->type.kind == WEIR_LONG) {
            int64_t v = vec->at.l[at];
            zone->min.l = !zone->has_range || v < zone->min.l ? v : zone->min.l;
            zone->max.l = !zone->has_range || v > zone->max.l ? v : zone->max.l;
        } else {
            double v = vec->type.kind == WEIR_FLOAT ? (double)vec->at.f[at] : vec->at.d[at];
            if (v != v) {
                zone->has_nan = true;
                continue;
            }
            zone->min.d = !zone->has_range || v < zone->min.d ? v : zone->min.d;
            zone->max.d = !zone->has_range || v > zone->max.d ? v : zone->max.d;
        }
        zone->has_range = true;
    }
}

static bool zones_agree(const frozen_column *col, const weir_zone *told, const weir_zone *found)
{
    if (told->null_count != found->null_count || told->has_nan != found->has_nan ||
        told->has_range != found->has_range) {
        return false;
    }
    if (!told->has_range) {
        return true;
    }
    if (col->base.type.kind == WEIR_STRING) {
        return told->min.id == found->min.id && told->max.id == found->max.id;
    }
    if (col->base.type.kind == WEIR_LONG) {
        return told->min.l == found->min.l && told->max.l == found->max.l;
    }
    return told->min.d == found->min.d && told->max.d == found->max.d;
}

/* The index must be what building it again gives, byte by byte. */
static bool index_agrees(const frozen_column *col, uint32_t chunk, weir_error *err)
{
    weir_encoded local;
    weir_postings postings;
    weir_buf again = {0};
    uint32_t rows = frozen_chunk_rows(col->seg, chunk), *offsets = NULL, *ids, count = rows;
    uint64_t *nulls = NULL;
    if (!frozen_postings(col, chunk, &postings, err)) {
        return false;
    }
    const frozen_chunk *at = &col->chunks[chunk];
    if (at->zone.multi) {
        const weir_encoded *enc = frozen_offsets(col, chunk, &local, err);
        const uint8_t *bitmap = frozen_list_nulls(col, chunk, enc);
        offsets = weir_alloc((rows + 1) * sizeof(*offsets));
        nulls = weir_calloc(weir_words(rows), sizeof(*nulls));
        weir_encoded_ids(enc, 0, rows + 1, offsets);
        if (bitmap) {
            memcpy(nulls, bitmap, weir_words(rows) * sizeof(*nulls));
        }
        count = at->item_count;
    }
    ids = weir_alloc(((size_t)count + 1) * sizeof(*ids));
    const weir_encoded *enc = at->zone.multi ? count ? frozen_items(col, chunk, &local, err) : NULL
                                             : frozen_values(col, chunk, &local, err);
    if (enc) {
        weir_encoded_ids(enc, 0, count, ids);
    }
    weir_postings_build(ids, offsets, nulls, rows, &again);
    bool same = weir_str_eq(weir_buf_view(&again), frozen_bytes(col->seg, &at->postings->ref));
    weir_buf_done(&again);
    free(ids);
    free(offsets);
    free(nulls);
    return same || frozen_fail(col, chunk, "the index does not agree with the values", err);
}

static bool verify_chunk(const frozen_column *col, uint32_t chunk, weir_scratch *s, weir_error *err)
{
    uint32_t rows = frozen_chunk_rows(col->seg, chunk);
    weir_zone found = {0};
    bool plain = col->base.type.kind != WEIR_COMPLEX && !col->chunks[chunk].zone.multi;
    for (uint32_t from = 0; from < rows; from += WEIR_BLOCK_ROWS) {
        uint32_t n = rows - from < WEIR_BLOCK_ROWS ? rows - from : WEIR_BLOCK_ROWS;
        weir_vec vec;
        weir_mark mark = weir_scratch_mark(s);
        if (!col->base.ops->read(&col->base, chunk, from, n, false, s, &vec, err)) {
            return false;
        }
        if (plain) {
            zone_of_rows(&vec, &found);
        } else {
            for (uint32_t i = 0; i < n; i++) {
                found.null_count += weir_vec_is_null(&vec, i);
            }
        }
        weir_scratch_rewind(s, mark);
    }
    if (!zones_agree(col, &col->chunks[chunk].zone, &found)) {
        return frozen_fail(
            col, chunk, "its zone (minimum, maximum, nulls) does not agree with the values", err);
    }
    return !col->base.indexed || index_agrees(col, chunk, err);
}

static bool verify_times(const weir_segment *seg, weir_scratch *s, weir_error *err)
{
    const frozen_column *time = seg->columns[0];
    for (uint32_t c = 0; c < seg->chunk_count; c++) {
        const frozen_chunk_info *info = &seg->chunks[c];
        weir_encoded local;
        const weir_encoded *enc = frozen_values(time, c, &local, err);
        weir_vec vec;
        if (enc == NULL) {
            return false;
        }
        weir_mark mark = weir_scratch_mark(s);
        weir_encoded_read(enc, 0, enc->n, false, s, &vec);
        bool sorted = true, inside = true;
        for (uint32_t i = 0; i < vec.n && vec.form == WEIR_FLAT; i++) {
            sorted = sorted && (i == 0 || vec.at.l[i] >= vec.at.l[i - 1]);
        }
        weir_scratch_rewind(s, mark);
        inside = enc->null_count == 0 && (int64_t)enc->min == info->min_time &&
                 (int64_t)enc->max == info->max_time;
        if (!inside || sorted != info->time_sorted) {
            return frozen_fail(time, c, "the footer tells other times", err);
        }
    }
    return true;
}

bool weir_segment_verify(weir_segment *seg, weir_error *err)
{
    weir_scratch s = {0};
    bool ok = true;
    for (uint32_t i = 0; i < seg->column_count && ok; i++) {
        frozen_column *col = seg->columns[i];
        uint32_t block;
        if (col->dict && !col->seg->bytes.ops && !weir_dict_frozen_check(col->dict, &block)) {
            ok = weir_fail(err, WEIR_ERR_CORRUPT,
                           "segment '%s' is damaged: column '%.*s': the checksum of block %u of "
                           "its dictionary does not match",
                           seg->name, WEIR_STR_ARG(col->base.name), block);
        } else if (col->dict && ((col->seg->bytes.ops && !frozen_dict_load(col, err)) ||
                                 !weir_dict_frozen_verify(col->dict, err))) {
            ok = weir_fail_in(err, "segment '%s', column '%.*s'", seg->name,
                              WEIR_STR_ARG(col->base.name));
        }
        for (uint32_t c = 0; c < seg->chunk_count && ok; c++) {
            ok = verify_chunk(col, c, &s, err);
        }
    }
    ok = ok && verify_times(seg, &s, err);
    weir_scratch_done(&s);
    return ok;
}
