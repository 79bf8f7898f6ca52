/* tests/fuzz/json_rows_fuzz.c - bytes of messages through decode and transform to a live and a
 * frozen segment: several messages (cut at 0xFF bytes), with discovery, flattened paths and every
 * kind of column. Whatever comes in, what goes out is whole: as many values as rows, strings within
 * bounds, lists that ascend; and what is frozen opens and verifies. */
#include "ingest/decode.h"
#include "ingest/transform.h"
#include "weir/log.h"
#include "weir/realtime.h"
#include <stdlib.h>

static const char spec_text[] =
    "{\"type\":\"index_parallel\",\"spec\":{\"dataSchema\":{\"dataSource\":\"t\",\"timestampSpec\":"
    "{\"column\":\"t\",\"format\":\"auto\"},"
    "\"dimensionsSpec\":{\"includeAllDimensions\":true,\"dimensions\":[\"s\",{\"type\":\"long\","
    "\"name\":\"l\"},{\"type\":\"double\",\"name\":\"d\"},{\"type\":\"float\",\"name\":\"f\"},"
    "\"p\",\"q\",{\"type\":\"json\",\"name\":\"o\"},{\"type\":\"auto\",\"name\":\"a\"},"
    "{\"type\":\"auto\",\"name\":\"c\",\"castToType\":\"ARRAY<DOUBLE>\"}]},"
    "\"metricsSpec\":[{\"type\":\"count\",\"name\":\"n\"},{\"type\":\"longSum\",\"name\":\"m\","
    "\"fieldName\":\"v\"}]},\"ioConfig\":{\"inputFormat\":{\"type\":\"json\","
    "\"flattenSpec\":{\"fields\":[{\"type\":\"path\",\"name\":\"p\",\"expr\":\"$.o.a[0].b\"},{"
    "\"type\":\"path\",\"name\":\"q\",\"expr\":\"$.o.a[*].b\"}]}}}}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void no_reject(void *self, weir_reject reason, uint32_t record, const char *sentence)
{
    (void)self, (void)reason, (void)record, (void)sentence;
}

static uint64_t total; /* so that reading is not optimised away */

static void read_strings(const weir_vec *vec, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (vec->nulls && weir_bit(vec->nulls, i)) {
            continue;
        }
        for (size_t k = 0; k < vec->at.s[i].size; k++) {
            total += (uint8_t)vec->at.s[i].at[k];
        }
    }
}

static void read_column(const weir_vec *vec, uint32_t n)
{
    if (vec->n != n) {
        abort();
    }
    if (vec->form == WEIR_LIST) {
        for (uint32_t i = 0; i < n; i++) {
            if (vec->at.offsets[i] > vec->at.offsets[i + 1]) {
                abort();
            }
        }
        read_strings(vec->items, vec->at.offsets[n]);
    } else if (vec->form == WEIR_FLAT &&
               (vec->type.kind == WEIR_STRING || vec->type.kind == WEIR_COMPLEX)) {
        read_strings(vec, n);
    }
}

static bool put_bytes(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

static void release(void *self)
{
    weir_buf_done(self);
}

static void read_rows(const weir_rows *rows)
{
    weir_scratch s = {0};
    weir_error err;
    for (uint32_t k = 0; k < rows->ops->column_count(rows); k++) {
        const weir_column *col = rows->ops->column_at(rows, k);
        for (uint32_t c = 0; c < rows->ops->chunks(rows); c++) {
            weir_chunk_info info;
            weir_vec vec, flat;
            rows->ops->chunk(rows, c, &info);
            if (!col->ops->read(col, c, 0, info.row_count, false, &s, &vec, &err) ||
                !weir_vec_flatten(&vec, &s, &flat, &err)) {
                abort();
            }
            if (flat.form != WEIR_LIST || flat.items->type.kind == WEIR_STRING) {
                read_column(&flat, info.row_count);
            }
        }
    }
    weir_scratch_done(&s);
}

/* Live, and frozen. */
static void keep(weir_schema *schema, const weir_input *input)
{
    weir_realtime *rt = weir_realtime_new(schema, NULL);
    weir_error err;
    if (weir_realtime_append(rt, input, 0, &err)) {
        weir_rows *rows = weir_realtime_snapshot(rt, NULL, WEIR_STR("live"));
        read_rows(rows);
        rows->ops->unref(rows);
        weir_realtime_end(rt);
        weir_arena *arena = weir_arena_new();
        weir_freeze_part *parts;
        uint32_t count;
        if (!weir_realtime_parts(rt, NULL, 1, 0, arena, &parts, &count, &err)) {
            abort();
        }
        for (uint32_t i = 0; i < count; i++) {
            weir_buf buf = {0};
            weir_segment_info info;
            weir_segment *seg;
            if (!weir_realtime_freeze(rt, &parts[i], (weir_file){&buf, put_bytes}, false, &info,
                                      &err)) {
                abort();
            }
            weir_bytes bytes = {(const uint8_t *)buf.at, buf.size, release, &buf};
            if (!weir_segment_open("s", bytes, &seg, &err) || !weir_segment_verify(seg, &err)) {
                weir_die("%s", err.message);
            }
            read_rows(weir_segment_rows(seg));
            weir_segment_unref(seg);
        }
        weir_arena_free(arena);
    }
    weir_realtime_unref(rt);
}

static void check(weir_schema *schema, weir_transform *transform, weir_events *events)
{
    weir_input input;
    weir_error err;
    weir_time_window window = {INT64_MIN, INT64_MAX};
    if (!weir_transform_run(transform, events, window, (weir_reject_sink){no_reject, NULL}, &input,
                            &err)) {
        abort();
    }
    for (uint32_t c = 0; c < input.column_count; c++) {
        read_column(&input.columns[c], input.n);
    }
    if (input.n > 0) {
        keep(schema, &input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static weir_spec *spec;
    weir_error err;
    if (!spec) {
        weir_log_setup(WEIR_ERROR, false);
        spec = weir_spec_parse(weir_str_of(spec_text), false, true, &err);
        if (!spec) {
            weir_die("%s", err.message);
        }
    }
    weir_fields *fields = weir_spec_fields(spec);
    weir_decoder *decoder = weir_decoder_json_new(fields);
    weir_transform *transform = weir_transform_new(spec, fields, &err);
    weir_events events;
    weir_events_init(&events);
    const char *at = (const char *)data, *end = at + size;
    for (uint32_t record = 0; at <= end && record < 100; record++) {
        const char *stop = size > 0 ? memchr(at, 0xFF, (size_t)(end - at)) : NULL;
        bool full;
        stop = stop ? stop : end;
        uint32_t before = events.n;
        bool ok = decoder->ops->decode(decoder, (weir_str){at, (size_t)(stop - at)}, false, record,
                                       &events, &full, &err);
        if ((!ok || full) && events.n != before) {
            abort();
        }
        at = stop + 1;
    }
    check(spec->schema, transform, &events);
    weir_events_done(&events);
    weir_transform_free(transform);
    weir_decoder_free(decoder);
    weir_fields_free(fields);
    return 0;
}
