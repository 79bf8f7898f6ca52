/* query/write_scan.c - scan's answer: an object per batch with the segment's id, the columns, the
 * events and their types. */
#include "query/write_native.h"
#include "query/given.h"

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

static bool is_untyped_json_value(const weir_expr *expr)
{
    return expr->kind == WEIR_EXPR_CALL && expr->arg_count == 2 &&
           weir_str_eq_nocase(expr->name, WEIR_STR("json_value"));
}

/* A virtual column without a type of its own for which Druid infers none, a constant null or a
 * json_value that is not told its type: it calls them FLOAT (recorded). */
static bool is_float(weir_native_writer *w, weir_str name)
{
    const weir_node_rows *rows = w->part->rows;
    for (uint32_t i = 0; i < rows->virtual_count; i++) {
        const weir_virtual *column = &rows->virtuals[i];
        if (!weir_str_eq(column->name, name)) {
            continue;
        }
        weir_names used = {.arena = w->query->arena};
        weir_error err = {0};
        weir_shape none = {0};
        weir_vec value;
        weir_sel one = weir_sel_all(1);
        weir_run run = {.scratch = &w->scratch, .err = &err};
        weir_expr_columns(column->expr, weir_names_see, &used);
        if (column->type.kind == WEIR_UNKNOWN && is_untyped_json_value(column->expr)) {
            return true;
        }
        if (used.count > 0 || column->type.kind != WEIR_UNKNOWN) {
            return false;
        }
        const weir_program *program =
            weir_program_new(w->query->arena, &column->expr, 1, &none, 0, &err);
        return program && weir_program_run(program, &run, NULL, &one, 1, &value) &&
               weir_vec_is_null(&value, 0);
    }
    return false;
}

/* An inline column without a type has none in the answer either. */
static bool is_untyped(const weir_node_rows *rows, weir_str name)
{
    for (uint32_t i = 0; rows->given && rows->given->untyped && i < rows->given->column_count;
         i++) {
        if (weir_str_eq(rows->given->names[i], name)) {
            return rows->given->untyped[i];
        }
    }
    return false;
}

/* Once per answer. */
static void settle_types(weir_native_writer *w)
{
    weir_type *types =
        WEIR_ARENA_ARRAY(w->query->arena, weir_type, w->query->plan->root->output_count + 1);
    memcpy(types, w->types, w->query->plan->root->output_count * sizeof(*types));
    for (uint32_t i = 0; i < w->part->shown_count; i++) {
        if (is_float(w, w->part->shown[i].name)) {
            types[w->part->shown[i].column] = WEIR_TYPE(WEIR_FLOAT);
        }
        if (is_untyped(w->part->rows, w->part->shown[i].name)) {
            types[w->part->shown[i].column] = WEIR_TYPE(WEIR_UNKNOWN);
        }
    }
    w->types = types;
}

static void begin(weir_native_writer *w)
{
    settle_types(w);
    weir_json_begin_array(&w->json);
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
        if (type.kind == WEIR_ARRAY && type.multi) {
            type = WEIR_TYPE(
                type.elem); /* an expression over each value: Druid gives the value's type */
        }
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
