/* query/write_scan.c - scan's answer: an object per batch with the segment's id, the columns, the
 * events and their types. */
#include "query/write_native.h"

static void begin(weir_native_writer *w)
{
    weir_json_begin_array(&w->json);
}

static void write_event(weir_native_writer *w, const weir_batch *batch, uint32_t row)
{
    const weir_native_part *part = w->part;
    if (part->result_format == WEIR_SCAN_LIST) {
        weir_json_begin_object(&w->json);
        weir_write_shown(w, batch, row);
        weir_json_end_object(&w->json);
        return;
    }
    weir_json_begin_array(&w->json);
    for (uint32_t i = 0; i < part->shown_count; i++) {
        weir_write_value(&w->json, &batch->columns[part->shown[i].column], row);
    }
    weir_json_end_array(&w->json);
}

/* valueVector: a list of values per column. */
static void write_vectors(weir_native_writer *w, const weir_batch *batch)
{
    weir_json_begin_object(&w->json);
    for (uint32_t i = 0; i < w->part->shown_count; i++) {
        weir_json_key(&w->json, w->part->shown[i].name);
        weir_json_begin_array(&w->json);
        for (uint32_t row = 0; row < batch->n; row++) {
            weir_write_value(&w->json, &batch->columns[w->part->shown[i].column], row);
        }
        weir_json_end_array(&w->json);
    }
    weir_json_end_object(&w->json);
}

static void write_signature(weir_native_writer *w)
{
    weir_json_key(&w->json, WEIR_STR("rowSignature"));
    weir_json_begin_array(&w->json);
    for (uint32_t i = 0; i < w->part->shown_count; i++) {
        weir_type type = w->types[w->part->shown[i].column];
        char text[64];
        weir_json_begin_object(&w->json);
        weir_json_member_str(&w->json, "name", w->part->shown[i].name);
        if (type.kind != WEIR_UNKNOWN) {
            weir_json_member_str(&w->json, "type", weir_type_name(type, text));
        }
        weir_json_end_object(&w->json);
    }
    weir_json_end_array(&w->json);
}

static bool batch(weir_native_writer *w, const weir_batch *rows, weir_error *err)
{
    (void)err;
    if (rows->n == 0) {
        return true;
    }
    weir_json_begin_object(&w->json);
    weir_json_key(&w->json, WEIR_STR("segmentId"));
    if (rows->origin.size) {
        weir_json_str(&w->json, rows->origin);
    } else {
        weir_json_null(&w->json);
    }
    weir_json_key(&w->json, WEIR_STR("columns"));
    weir_json_begin_array(&w->json);
    for (uint32_t i = 0; i < w->part->shown_count; i++) {
        weir_json_str(&w->json, w->part->shown[i].name);
    }
    weir_json_end_array(&w->json);
    weir_json_key(&w->json, WEIR_STR("events"));
    if (w->part->result_format == WEIR_SCAN_VALUES) {
        write_vectors(w, rows);
    } else {
        weir_json_begin_array(&w->json);
        for (uint32_t row = 0; row < rows->n; row++) {
            write_event(w, rows, row);
        }
        weir_json_end_array(&w->json);
    }
    write_signature(w);
    weir_json_end_object(&w->json);
    return true;
}

static bool end(weir_native_writer *w, weir_error *err)
{
    (void)err;
    weir_json_end_array(&w->json);
    return true;
}

const weir_native_writer_ops weir_write_scan = {begin, batch, end};
