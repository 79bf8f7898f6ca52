/* Frozen segments: whatever the bytes, opening and every read end inside them. Fuzz builds do not compare checksums (else nothing past them would be
 * reached). The first byte chooses: 0 takes the rest as a file; others take it as changes (u16 place, u8 value; or, at 255, a cut) to
 * a small sound segment that has every kind of column. */
#include "weir/paths.h"
#include "weir/segment.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 1100 };

static bool append(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

static void make_segment(weir_buf *out)
{
    static int64_t times[ROWS], longs[ROWS];
    static double doubles[ROWS];
    static float floats[ROWS];
    static uint32_t ids[ROWS], many[ROWS], items[ROWS * 2], offsets[ROWS + 1];
    static uint64_t nulls[(ROWS + 63) / 64];
    static char texts[200][16];
    weir_str values[200], blobs[ROWS];
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(texts[i], sizeof(texts[i]), "value %03u", i);
        values[i] = weir_str_of(texts[i]);
    }
    for (uint32_t i = 0, at = 0; i < ROWS; i++) {
        times[i] = i / 30 * 1000;
        longs[i] = i % 7 ? (int64_t)(i * 2654435761u) : -5;
        doubles[i] = i % 1000 / 100.0;
        floats[i] = (float)i / 3;
        ids[i] = i % 5;
        many[i] = i * 31 % 200;
        offsets[i] = at;
        for (uint32_t k = 0; k < i % 3; k++) {
            items[at++] = (i + k) % 9;
        }
        offsets[i + 1] = at;
        blobs[i] = values[i % 200];
        if (i % 11 == 0) {
            weir_bit_set(nulls, i);
        }
    }
    static const weir_complex sketch = {.name = "thetaSketch"};
    weir_arrays words = {.elem = WEIR_STRING, .items = items, .offsets = offsets, .nulls = nulls, .value_count = 9, .values = values};
    weir_arrays whole = {.elem = WEIR_LONG, .items = longs, .item_nulls = nulls, .offsets = offsets, .nulls = nulls};
    weir_arrays reals = {.elem = WEIR_DOUBLE, .items = doubles, .offsets = offsets};
    weir_arena *arena = weir_arena_new();
    weir_str hidden = weir_path_column_name(arena, WEIR_STR("json"), WEIR_STR("$.a"), false),
             hidden_lists = weir_path_column_name(arena, WEIR_STR("json"), WEIR_STR("$.a"), true);
    weir_segment_info info;
    weir_segment_writer *w = weir_segment_writer_new((weir_file){out, append}, NULL, ROWS, false);
    bool ok = weir_segment_put_time(w, times, NULL) && weir_segment_put_string(w, WEIR_STR("few"), true, 5, values, ids, NULL, NULL, NULL) &&
              weir_segment_put_string(w, WEIR_STR("many"), true, 200, values, many, NULL, NULL, NULL) &&
              weir_segment_put_string(w, WEIR_STR("lists"), true, 9, values, items, offsets, nulls, NULL) &&
              weir_segment_put_long(w, WEIR_STR("long"), false, longs, nulls, NULL) &&
              weir_segment_put_double(w, WEIR_STR("double"), true, doubles, nulls, NULL) &&
              weir_segment_put_float(w, WEIR_STR("float"), true, floats, NULL, NULL) &&
              weir_segment_put_complex(w, WEIR_STR("complex"), &sketch, blobs, nulls, NULL) &&
              weir_segment_put_array(w, WEIR_STR("words"), true, &words, NULL) && weir_segment_put_array(w, WEIR_STR("whole"), true, &whole, NULL) &&
              weir_segment_put_array(w, WEIR_STR("reals"), false, &reals, NULL) && weir_segment_put_long(w, hidden, false, longs, nulls, NULL) &&
              weir_segment_put_array(w, hidden_lists, true, &words, NULL) && weir_segment_writer_end(w, &info, NULL);
    weir_arena_free(arena);
    if (!ok) {
        abort();
    }
}

static void touch_strings(const weir_column *col, const weir_vec *vec, weir_scratch *s)
{
    const weir_vec *ids = vec->form == WEIR_LIST ? vec->items : vec;
    for (uint32_t i = 0; i < ids->n; i += 1 + i / 3) {
        uint32_t id = ids->at.ids[ids->form == WEIR_CONST ? 0 : i];
        weir_str value;
        if (id >= col->dict->count) {
            abort();
        }
        if (id && col->dict->ops->values(col->dict, &id, 1, s, &value, NULL)) {
            col->dict->ops->find(col->dict, value);
            if (col->dict->ops->lower_bound) {
                col->dict->ops->lower_bound(col->dict, value);
            }
        }
    }
}

/* Every value and every null bit is read. */
static void touch_numbers(const weir_vec *vec, weir_scratch *s)
{
    static volatile uint64_t sink;
    weir_vec flat;
    if (!weir_vec_flatten(vec, s, &flat, NULL)) {
        return;
    }
    const weir_vec *items = flat.form == WEIR_LIST ? flat.items : &flat;
    for (uint32_t i = 0; i < flat.n; i++) {
        sink = sink + weir_vec_is_null(&flat, i);
    }
    for (uint32_t i = 0; i < items->n; i++) {
        bool null = weir_vec_is_null(items, i);
        sink = sink + null;
        if (items->type.kind == WEIR_LONG || items->type.kind == WEIR_DOUBLE) {
            sink = sink + (uint64_t)items->at.l[i];
        } else if (items->type.kind == WEIR_COMPLEX && !null && items->at.s[i].size) {
            sink = sink + (uint8_t)items->at.s[i].at[items->at.s[i].size - 1];
        }
    }
}

static void touch_chunk(const weir_column *col, uint32_t chunk, uint32_t rows, weir_scratch *s)
{
    uint32_t n = rows < WEIR_BLOCK_ROWS ? rows : WEIR_BLOCK_ROWS, count;
    uint16_t picks[] = {0, (uint16_t)(rows / 2), (uint16_t)(rows - 1)};
    uint64_t bits[WEIR_BLOCK_ROWS / 64];
    weir_vec vec;
    weir_posting posting;
    int64_t sum_l;
    double sum_d;
    if (col->ops->read(col, chunk, 0, n, true, s, &vec, NULL)) {
        if (col->dict) {
            touch_strings(col, &vec, s);
        } else {
            touch_numbers(&vec, s);
        }
    }
    if (col->ops->gather(col, chunk, picks, 3, s, &vec, NULL) && !col->dict) {
        touch_numbers(&vec, s);
    }
    if (col->ops->range) {
        (void)col->ops->range(col, chunk, 0, n, 2, 1000, s, bits, NULL);
    }
    if (col->ops->sum) {
        (void)col->ops->sum(col, chunk, 0, n, &sum_l, &sum_d, &count, NULL);
    }
    for (uint32_t id = 0; id < 5 && col->ops->postings(col, chunk, id, s, &posting); id++) {
        const uint8_t *at = posting.at;
        for (uint32_t i = 0; posting.kind == WEIR_POSTING_ARRAY && i < posting.count; i++) {
            if ((at[2 * i] | at[2 * i + 1] << 8) >= (int)rows) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static weir_buf sound;
    if (sound.size == 0) {
        make_segment(&sound);
    }
    if (size == 0) {
        return 0;
    }
    weir_buf file = {0}, text = {0};
    if (data[0] == 0) {
        weir_buf_put(&file, data + 1, size - 1);
    } else {
        weir_buf_str(&file, weir_buf_view(&sound));
        for (size_t i = 1; i + 3 <= size && file.size > 0; i += 3) {
            size_t place = (size_t)(data[i] | data[i + 1] << 8) % file.size;
            if (data[0] & 1) {
                place = file.size - 1 - place % 700; /* the footer */
            }
            if (data[0] == 255) {
                file.size = place;
            } else {
                file.at[place] = (char)data[i + 2];
            }
        }
    }
    uint8_t *exact = malloc(file.size + 1);
    if (file.size) {
        memcpy(exact, file.at, file.size);
    }
    weir_segment *seg;
    weir_scratch s = {0};
    if (weir_segment_open("fuzz", (weir_bytes){exact, file.size, free, exact, NULL}, &seg, NULL)) {
        weir_rows *rows = weir_segment_rows(seg);
        uint32_t count = rows->ops->column_count(rows);
        for (uint32_t k = 0; k < count + 2; k++) { /* and two that are hidden */
            const weir_column *col = k < count ? rows->ops->column_at(rows, k)
                                               : rows->ops->column(rows, k == count ? WEIR_STR("json\001s$.a") : WEIR_STR("json\001a$.a"));
            if (!col) {
                continue;
            }
            for (uint32_t c = 0; c < rows->ops->chunks(rows); c++) {
                weir_chunk_info info;
                rows->ops->chunk(rows, c, &info);
                touch_chunk(col, c, info.row_count, &s);
                weir_scratch_done(&s);
            }
        }
        weir_json json = {.out = &text};
        weir_segment_describe(seg, true, &json);
        weir_segment_verify(seg, NULL);
        weir_segment_unref(seg);
    }
    weir_scratch_done(&s);
    weir_buf_done(&text);
    weir_buf_done(&file);
    return 0;
}
