/* query/write_native.c - native answers from result batches: timeseries, topN, groupBy, search,
 * timeBoundary (scan: write_scan.c). Rows are taken as they come: buckets arrive in order, so a
 * list ends where the next bucket begins. */
#include <assert.h>
#include "query/write_native.h"

static void write_item(weir_json *json, const weir_vec *vec, uint32_t at)
{
    if (vec->nulls && weir_bit(vec->nulls, at)) {
        weir_json_null(json);
        return;
    }
    switch ((weir_kind)vec->type.kind) {
    case WEIR_LONG:
        weir_json_long(json, vec->at.l[at]);
        return;
    case WEIR_DOUBLE:
        weir_json_double(json, vec->at.d[at]);
        return;
    case WEIR_FLOAT:
        weir_json_float(json, vec->at.f[at]);
        return;
    case WEIR_STRING:
        weir_json_str(json, vec->at.s[at]);
        return;
    case WEIR_COMPLEX:
        weir_complex_print(vec->type.complex, json, vec->at.s[at]);
        return;
    case WEIR_UNKNOWN:
    case WEIR_ARRAY:
        break;
    }
    weir_json_null(json);
}

void weir_write_value(weir_json *json, const weir_vec *vec, uint32_t row)
{
    uint32_t at = vec->form == WEIR_CONST ? 0 : row;
    if (vec->form != WEIR_LIST) {
        write_item(json, vec, at);
        return;
    }
    if (vec->nulls && weir_bit(vec->nulls, at)) {
        weir_json_null(json);
        return;
    }
    uint32_t from = vec->at.offsets[at], to = vec->at.offsets[at + 1];
    if (vec->type.kind == WEIR_STRING &&
        to - from <= 1) { /* a multi-value of one is plain text, an empty one null */
        if (to == from) {
            weir_json_null(json);
        } else {
            write_item(json, vec->items, from);
        }
        return;
    }
    weir_json_begin_array(json);
    for (; from < to; from++) {
        write_item(json, vec->items, from);
    }
    weir_json_end_array(json);
}

void weir_write_time(weir_native_writer *w, weir_json *json, int64_t ms,
                     const weir_granularity *gran)
{
    char text[40];
    if (w->part->options.time_as_long) {
        weir_json_long(json, ms);
        return;
    }
    bool local = gran && gran->kind == WEIR_GRAN_PERIOD && !weir_zone_is_utc(gran->zone);
    size_t size = local ? weir_time_print_zone(text, ms, gran->zone) : weir_time_print(text, ms);
    weir_json_str(json, (weir_str){text, size});
}

void weir_write_member_time(weir_native_writer *w, const char *key, int64_t ms,
                            const weir_granularity *gran)
{
    weir_json_key(&w->json, weir_str_of(key));
    weir_write_time(w, &w->json, ms, gran);
}

bool weir_write_any_segment(const weir_native_writer *w)
{
    for (uint32_t v = 0; v < w->view_count; v++) {
        for (uint32_t r = 0; r < w->views[v]->count; r++) {
            const weir_rows *rows = w->views[v]->rows[r];
            for (uint32_t i = 0; rows && i < w->part->interval_count; i++) {
                const weir_interval *interval = &w->part->intervals[i];
                if (rows->interval.start_ms < interval->end_ms &&
                    rows->interval.end_ms > interval->start_ms) {
                    return true;
                }
            }
        }
    }
    return false;
}

static int64_t bucket_of(const weir_batch *batch, uint32_t row)
{
    const weir_vec *bucket = &batch->columns[0];
    return bucket->at.l[bucket->form == WEIR_CONST ? 0 : row];
}

void weir_write_shown(weir_native_writer *w, const weir_batch *batch, uint32_t row)
{
    for (uint32_t i = 0; i < w->part->shown_count; i++) {
        weir_json_quoted_key(&w->json, w->keys[i]);
        weir_write_value(&w->json, &batch->columns[w->part->shown[i].column], row);
    }
}

/* "timestamp" of a row's bucket, in the granularity's zone. */
static void write_bucket_time(weir_native_writer *w, int64_t ms)
{
    if (!w->has_time || ms != w->time_ms) {
        weir_buf text = {0};
        weir_json json = {.out = &text};
        weir_write_time(w, &json, ms, &w->part->granularity);
        assert(text.size <= sizeof(w->time_text));
        memcpy(w->time_text, text.at, text.size);
        w->time_size = text.size;
        w->time_ms = ms;
        w->has_time = true;
        weir_buf_done(&text);
    }
    weir_json_quoted_key(&w->json, WEIR_STR("\"timestamp\""));
    weir_json_raw(&w->json, (weir_str){w->time_text, w->time_size});
}

static void begin_list(weir_native_writer *w)
{
    weir_json_begin_array(&w->json);
}

static bool end_list(weir_native_writer *w, weir_error *err)
{
    (void)err;
    weir_json_end_array(&w->json);
    return true;
}

/* timeseries: {"timestamp": ..., "result": {...}}; the total's timestamp is null. */

static bool batch_timeseries(weir_native_writer *w, const weir_batch *batch, weir_error *err)
{
    weir_str field = w->part->options.timestamp_result_field;
    if (w->part->options.grand_total && !w->totals && !weir_totals_new(w, &w->totals, err)) {
        return false;
    }
    for (uint32_t row = 0; row < batch->n; row++) {
        int64_t bucket = bucket_of(batch, row);
        weir_json_begin_object(&w->json);
        write_bucket_time(w, bucket);
        weir_json_quoted_key(&w->json, WEIR_STR("\"result\""));
        weir_json_begin_object(&w->json);
        if (field.at) {
            weir_json_key(&w->json, field);
            weir_json_long(&w->json, bucket);
        }
        weir_write_shown(w, batch, row);
        weir_json_end_object(&w->json);
        weir_json_end_object(&w->json);
    }
    if (w->totals) {
        weir_totals_add(w->totals, batch, &w->scratch);
    }
    return true;
}

static bool end_timeseries(weir_native_writer *w, weir_error *err)
{
    if (w->part->options.grand_total && !w->totals && !weir_totals_new(w, &w->totals, err)) {
        return false;
    }
    if (w->totals) {
        weir_vec *columns = WEIR_SCRATCH_ARRAY(&w->scratch, weir_vec, w->part->shown_count + 1);
        if (!weir_totals_finish(w->totals, &w->scratch, columns, err)) {
            return false;
        }
        weir_json_begin_object(&w->json);
        weir_json_member_null(&w->json, "timestamp");
        weir_json_quoted_key(&w->json, WEIR_STR("\"result\""));
        weir_json_begin_object(&w->json);
        for (uint32_t i = 0; i < w->part->shown_count; i++) {
            weir_json_key(&w->json, w->part->shown[i].name);
            weir_write_value(&w->json, &columns[i], 0);
        }
        weir_json_end_object(&w->json);
        weir_json_end_object(&w->json);
    }
    weir_json_end_array(&w->json);
    return true;
}

const weir_native_writer_ops weir_write_timeseries = {begin_list, batch_timeseries, end_timeseries};

/* topN and search: {"timestamp": ..., "result": [...]} per bucket, its start in UTC whatever the
 * granularity's zone (recorded). */
static void open_bucket(weir_native_writer *w, int64_t bucket)
{
    weir_json_begin_object(&w->json);
    weir_write_member_time(w, "timestamp", bucket, NULL);
    weir_json_quoted_key(&w->json, WEIR_STR("\"result\""));
    weir_json_begin_array(&w->json);
    w->open = true;
    w->bucket = bucket;
}

static void close_bucket(weir_native_writer *w)
{
    if (w->open) {
        weir_json_end_array(&w->json);
        weir_json_end_object(&w->json);
        w->open = false;
    }
}

static bool batch_lists(weir_native_writer *w, const weir_batch *batch, weir_error *err)
{
    (void)err;
    for (uint32_t row = 0; row < batch->n; row++) {
        int64_t bucket = bucket_of(batch, row);
        if (!w->open || bucket != w->bucket) {
            close_bucket(w);
            open_bucket(w, bucket);
        }
        weir_json_begin_object(&w->json);
        weir_write_shown(w, batch, row);
        weir_json_end_object(&w->json);
    }
    return true;
}

/* Where there are segments but nothing was found, one empty list under the interval's start. */
static bool end_lists(weir_native_writer *w, weir_error *err)
{
    (void)err;
    if (w->row_count == 0 && w->part->interval_count &&
        w->part->granularity.kind == WEIR_GRAN_ALL && weir_write_any_segment(w)) {
        open_bucket(w, w->part->intervals[0].start_ms);
    }
    close_bucket(w);
    weir_json_end_array(&w->json);
    return true;
}

const weir_native_writer_ops weir_write_topn = {begin_list, batch_lists, end_lists};

static bool batch_search(weir_native_writer *w, const weir_batch *batch, weir_error *err)
{
    (void)err;
    for (uint32_t row = 0; row < batch->n; row++) {
        int64_t bucket = bucket_of(batch, row);
        if (!w->open || bucket != w->bucket) {
            close_bucket(w);
            open_bucket(w, bucket);
        }
        weir_json_begin_object(&w->json);
        weir_json_key(&w->json, WEIR_STR("dimension"));
        weir_write_value(&w->json, &batch->columns[1], row);
        weir_json_key(&w->json, WEIR_STR("value"));
        weir_write_value(&w->json, &batch->columns[2], row);
        weir_json_key(&w->json, WEIR_STR("count"));
        weir_write_value(&w->json, &batch->columns[3], row);
        weir_json_end_object(&w->json);
    }
    return true;
}

const weir_native_writer_ops weir_write_search = {begin_list, batch_search, end_lists};

/* groupBy: {"version": "v1", "timestamp": ..., "event": {...}}, or an array with the time in ms
 * first where there is one. */
static bool batch_groupby(weir_native_writer *w, const weir_batch *batch, weir_error *err)
{
    (void)err;
    const weir_native_part *part = w->part;
    for (uint32_t row = 0; row < batch->n; row++) {
        int64_t bucket = bucket_of(batch, row);
        if (part->options.result_as_array) {
            weir_json_begin_array(&w->json);
            if (part->granularity.kind != WEIR_GRAN_ALL) {
                weir_json_long(&w->json, bucket);
            }
            for (uint32_t i = 0; i < part->shown_count; i++) {
                weir_write_value(&w->json, &batch->columns[part->shown[i].column], row);
            }
            weir_json_end_array(&w->json);
            continue;
        }
        weir_json_begin_object(&w->json);
        weir_json_quoted_key(&w->json, WEIR_STR("\"version\""));
        weir_json_raw(&w->json, WEIR_STR("\"v1\""));
        write_bucket_time(w, bucket);
        weir_json_quoted_key(&w->json, WEIR_STR("\"event\""));
        weir_json_begin_object(&w->json);
        weir_write_shown(w, batch, row);
        weir_json_end_object(&w->json);
        weir_json_end_object(&w->json);
    }
    return true;
}

const weir_native_writer_ops weir_write_groupby = {begin_list, batch_groupby, end_list};

/* timeBoundary: one object, none when there are no rows. */
static bool batch_boundary(weir_native_writer *w, const weir_batch *batch, weir_error *err)
{
    (void)err;
    bool only_min = weir_str_eq_nocase(w->part->bound, WEIR_STR("minTime")),
         only_max = weir_str_eq_nocase(w->part->bound, WEIR_STR("maxTime"));
    for (uint32_t row = 0; row < batch->n; row++) {
        const weir_vec *low = &batch->columns[1], *high = &batch->columns[2];
        if (weir_vec_is_null(low, row) || weir_vec_is_null(high, row)) {
            continue;
        }
        int64_t min = low->at.l[low->form == WEIR_CONST ? 0 : row],
                max = high->at.l[high->form == WEIR_CONST ? 0 : row];
        weir_json_begin_object(&w->json);
        weir_write_member_time(w, "timestamp", only_max ? max : min, NULL);
        weir_json_quoted_key(&w->json, WEIR_STR("\"result\""));
        weir_json_begin_object(&w->json);
        if (!only_min) {
            weir_write_member_time(w, "maxTime", max, NULL);
        }
        if (!only_max) {
            weir_write_member_time(w, "minTime", min, NULL);
        }
        weir_json_end_object(&w->json);
        weir_json_end_object(&w->json);
    }
    return true;
}

const weir_native_writer_ops weir_write_time_boundary = {begin_list, batch_boundary, end_list};

/* The door. */
static const weir_str *quoted_names(weir_arena *arena, const weir_native_part *part)
{
    weir_str *names = WEIR_ARENA_ARRAY(arena, weir_str, part->shown_count + 1);
    for (uint32_t i = 0; i < part->shown_count; i++) {
        weir_buf text = {0};
        weir_json json = {.out = &text};
        weir_json_str(&json, part->shown[i].name);
        names[i] = weir_arena_str(arena, weir_buf_view(&text));
        weir_buf_done(&text);
    }
    return names;
}

weir_native_writer *weir_native_writer_new(const weir_native_query *query, weir_view *const *views,
                                           uint32_t view_count, const weir_type *types, bool pretty,
                                           weir_buf *out)
{
    weir_native_writer *w = WEIR_ARENA_NEW(query->arena, weir_native_writer);
    w->part = query->own;
    w->query = query;
    w->ops = w->part->type->writer;
    w->views = views;
    w->view_count = view_count;
    w->types = types;
    w->json = (weir_json){.out = out, .pretty = pretty};
    w->keys = quoted_names(query->arena, w->part);
    w->ops->begin(w);
    return w;
}

bool weir_native_writer_batch(weir_native_writer *writer, const weir_batch *batch, weir_error *err)
{
    weir_mark mark = weir_scratch_mark(&writer->scratch);
    weir_batch flat = *batch;
    weir_vec *columns = WEIR_SCRATCH_ARRAY(&writer->scratch, weir_vec, batch->column_count + 1);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (!weir_vec_flatten(&batch->columns[i], &writer->scratch, &columns[i], err)) {
            return false;
        }
    }
    flat.columns = columns;
    bool ok = writer->ops->batch(writer, &flat, err);
    writer->row_count += batch->n;
    weir_scratch_rewind(&writer->scratch, mark);
    return ok;
}

bool weir_native_writer_end(weir_native_writer *writer, weir_error *err)
{
    return writer->ops->end(writer, err);
}

uint64_t weir_native_writer_rows(const weir_native_writer *writer)
{
    return writer->row_count;
}

void weir_native_writer_done(weir_native_writer *writer)
{
    weir_totals_free(writer->totals);
    weir_scratch_done(&writer->scratch);
}
