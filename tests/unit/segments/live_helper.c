/* tests/unit/segments/live_helper.c */
#include "live_helper.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "weir/buf.h"

uint64_t twin_random(twin *t)
{
    t->seed ^= t->seed << 13;
    t->seed ^= t->seed >> 7;
    t->seed ^= t->seed << 17;
    return t->seed;
}

uint32_t twin_below(twin *t, uint32_t n)
{
    return (uint32_t)((twin_random(t) >> 20) % n);
}

twin *twin_new(uint64_t seed, const twin_column *columns, uint32_t column_count)
{
    twin *t = weir_calloc(1, sizeof(*t));
    t->arena = weir_arena_new();
    t->seed = seed * 0x9E3779B97F4A7C15u + 1;
    t->columns = columns;
    t->column_count = column_count;
    t->now = 1442016000000;
    t->step = 50;
    t->jitter = 2000;
    return t;
}

void twin_free(twin *t)
{
    weir_arena_free(t->arena);
    free(t->rows);
    free(t);
}

static void release_json(void *json)
{
    json_decref(json);
}

weir_schema *twin_schema(const twin *t, bool rollup, weir_granularity query_granularity)
{
    weir_arena *arena = weir_arena_new();
    weir_schema *schema = WEIR_ARENA_NEW(arena, weir_schema);
    weir_dimension *dims = WEIR_ARENA_ARRAY(arena, weir_dimension, t->column_count);
    weir_agg_spec *metrics = WEIR_ARENA_ARRAY(arena, weir_agg_spec, t->column_count);
    for (uint32_t i = 0; i < t->column_count; i++) {
        const twin_column *c = &t->columns[i];
        if (c->declared && c->metric) {
            const char *type = c->kind == WEIR_LONG    ? "longSum"
                               : c->kind == WEIR_FLOAT ? "floatSum"
                                                       : "doubleSum";
            char name[64];
            weir_error err;
            snprintf(name, sizeof(name), "%.*s", WEIR_STR_ARG(c->name));
            json_t *json = json_pack("{ss ss ss}", "type", type, "name", name, "fieldName", name);
            assert_true(weir_agg_spec_parse(json, "metricsSpec[0]", arena,
                                            &metrics[schema->metric_count++], &err));
            weir_arena_defer(arena, release_json, json);
        } else if (c->declared) {
            dims[schema->dimension_count++] =
                (weir_dimension){.name = c->name,
                                 .type = WEIR_TYPE(c->kind),
                                 .bitmap_index = c->kind == WEIR_STRING,
                                 .multi = c->multi};
        }
    }
    schema->arena = arena;
    schema->refs = 1;
    schema->table = WEIR_STR("t");
    schema->dimensions = dims;
    schema->metrics = metrics;
    schema->discover = true;
    schema->discover_typed = true;
    schema->rollup = rollup;
    schema->query_granularity = query_granularity;
    weir_granularity_simple(WEIR_STR("hour"), &schema->segment_granularity);
    return schema;
}

/* --- drawing --- */

static weir_value draw_string(twin *t, const twin_column *c)
{
    static const char *const odd[] = {
        "", "\xF0\x9F\x98\x80", "\xEE\x80\x80", "\xEF\xBF\xBD", "a,b", "12"};
    uint32_t k = twin_below(t, c->cardinality);
    if (k < 6 && c->cardinality > 50) {
        return weir_value_str(weir_str_of(odd[k]));
    }
    return weir_value_str(weir_arena_printf(t->arena, "%.*s-%u%s", WEIR_STR_ARG(c->name), k,
                                            k % 7 == 0 ? "-with-a-longer-tail-than-others" : ""));
}

static weir_value draw_one(twin *t, const twin_column *c, weir_kind kind)
{
    uint32_t k = twin_below(t, c->cardinality);
    weir_value v = weir_value_long((int64_t)k - 5);
    switch (kind) {
    case WEIR_LONG:
        return v;
    case WEIR_DOUBLE:
        return weir_value_double((double)k / 4 - 3);
    case WEIR_FLOAT:
        v = weir_value_double((double)k / 2);
        v.type.kind = WEIR_FLOAT;
        return v;
    case WEIR_COMPLEX:
        v = weir_value_str(weir_arena_printf(t->arena, "{\"k\":%u}", k));
        v.type = WEIR_TYPE(WEIR_COMPLEX);
        return v;
    case WEIR_STRING:
    case WEIR_ARRAY:
    case WEIR_UNKNOWN:
        break;
    }
    return draw_string(t, c);
}

static weir_value draw(twin *t, const twin_column *c, weir_kind kind, bool lists)
{
    if (twin_below(t, 100) < c->nulls) {
        return (weir_value){.type = WEIR_TYPE(kind), .is_null = true};
    }
    if (!lists || twin_below(t, 100) >= c->lists) {
        return draw_one(t, c, kind);
    }
    uint32_t count = twin_below(t, 5);
    weir_value *items = WEIR_ARENA_ARRAY(t->arena, weir_value, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = draw_one(t, c, kind);
        items[i].is_null = twin_below(t, 10) == 0;
    }
    weir_value v = {.type = {.kind = WEIR_ARRAY, .elem = (uint8_t)kind}};
    v.as.array.at = items;
    v.as.array.count = count;
    return v;
}

/* --- what a column keeps of a value --- */

static int compare_items(const void *a, const void *b)
{
    const weir_value *x = a, *y = b;
    if (x->is_null || y->is_null) {
        return (int)y->is_null - (int)x->is_null;
    }
    return weir_str_cmp(x->as.s, y->as.s);
}

static weir_value keep_one(twin *t, weir_kind kind, weir_value v)
{
    weir_value null = {.type = WEIR_TYPE(kind), .is_null = true};
    if (v.is_null) {
        return null;
    }
    if (v.type.kind == kind) {
        return v;
    }
    bool from_string = v.type.kind == WEIR_STRING;
    int64_t whole = 0;
    if (from_string && !weir_str_to_long(v.as.s, &whole)) {
        return null;
    }
    double number = from_string                ? (double)whole
                    : v.type.kind == WEIR_LONG ? (double)v.as.l
                                               : v.as.d;
    if (kind == WEIR_LONG) {
        return weir_value_long((int64_t)number);
    }
    if (kind == WEIR_STRING) {
        char text[32];
        size_t size = v.type.kind == WEIR_LONG    ? weir_print_long(text, v.as.l)
                      : v.type.kind == WEIR_FLOAT ? weir_print_float(text, (float)v.as.d)
                                                  : weir_print_double(text, v.as.d);
        return weir_value_str(weir_arena_str(t->arena, (weir_str){text, size}));
    }
    weir_value out = weir_value_double(number);
    out.type.kind = (uint8_t)kind;
    return out;
}

static weir_value keep(twin *t, const twin_column *c, weir_value v)
{
    if (v.is_null || v.type.kind != WEIR_ARRAY) {
        return keep_one(t, c->kind, v);
    }
    uint32_t count = v.as.array.count;
    weir_value *items = WEIR_ARENA_ARRAY(t->arena, weir_value, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        items[i] = keep_one(t, c->kind, v.as.array.at[i]);
    }
    if (c->kind != WEIR_STRING) {
        return count == 1 ? items[0] : (weir_value){.type = WEIR_TYPE(c->kind), .is_null = true};
    }
    if (c->multi != WEIR_MULTI_ARRAY) {
        qsort(items, count, sizeof(*items), compare_items);
    }
    if (c->multi == WEIR_MULTI_SORTED_SET && count > 0) {
        uint32_t kept = 1;
        for (uint32_t i = 1; i < count; i++) {
            if (compare_items(&items[kept - 1], &items[i]) != 0) {
                items[kept++] = items[i];
            }
        }
        count = kept;
    }
    if (count == 1) {
        return items[0];
    }
    weir_value out = {.type = {.kind = WEIR_ARRAY, .elem = WEIR_STRING}};
    out.as.array.at = items;
    out.as.array.count = count;
    return out;
}

/* --- values to vectors --- */

static void put_cell(weir_kind kind, uint8_t *at, uint32_t i, const weir_value *v)
{
    switch (kind) {
    case WEIR_LONG:
        ((int64_t *)(void *)at)[i] = v->as.l;
        break;
    case WEIR_DOUBLE:
        ((double *)(void *)at)[i] = v->as.d;
        break;
    case WEIR_FLOAT:
        ((float *)(void *)at)[i] = (float)v->as.d;
        break;
    case WEIR_STRING:
    case WEIR_COMPLEX:
    case WEIR_ARRAY:
    case WEIR_UNKNOWN:
        ((weir_str *)(void *)at)[i] = v->as.s;
        break;
    }
}

static weir_vec flat_of(weir_scratch *s, weir_kind kind, const weir_value *const *values,
                        uint32_t n)
{
    uint8_t *at = weir_scratch_take(s, sizeof(weir_str) * (n + 1));
    uint64_t *nulls = weir_scratch_take(s, sizeof(uint64_t) * (weir_words(n) + 1));
    bool any = false;
    memset(nulls, 0, sizeof(uint64_t) * (weir_words(n) + 1));
    memset(at, 0, sizeof(weir_str) * (n + 1));
    for (uint32_t i = 0; i < n; i++) {
        if (values[i]->is_null) {
            weir_bit_set(nulls, i);
            any = true;
        } else {
            put_cell(kind, at, i, values[i]);
        }
    }
    weir_vec vec = {
        .type = WEIR_TYPE(kind), .form = WEIR_FLAT, .n = n, .nulls = any ? nulls : NULL};
    vec.type.complex = kind == WEIR_COMPLEX ? weir_complex_find(WEIR_STR("json")) : NULL;
    vec.at.l = (const int64_t *)(const void *)at;
    return vec;
}

static weir_vec list_of(weir_scratch *s, weir_kind kind, const weir_value *values, uint32_t n)
{
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), total = 0;
    uint64_t *nulls = weir_scratch_take(s, sizeof(uint64_t) * (weir_words(n) + 1));
    memset(nulls, 0, sizeof(uint64_t) * (weir_words(n) + 1));
    for (uint32_t i = 0; i < n; i++) {
        total += values[i].is_null                   ? 0
                 : values[i].type.kind == WEIR_ARRAY ? values[i].as.array.count
                                                     : 1;
    }
    const weir_value **items = WEIR_SCRATCH_ARRAY(s, const weir_value *, total + 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        offsets[i] = at;
        if (values[i].is_null) {
            weir_bit_set(nulls, i);
        } else if (values[i].type.kind == WEIR_ARRAY) {
            for (uint32_t k = 0; k < values[i].as.array.count; k++) {
                items[at++] = &values[i].as.array.at[k];
            }
        } else {
            items[at++] = &values[i];
        }
    }
    offsets[n] = at;
    weir_vec *flat = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
    *flat = flat_of(s, kind, items, total);
    weir_vec vec = {
        .type = WEIR_TYPE(kind), .form = WEIR_LIST, .n = n, .nulls = nulls, .items = flat};
    vec.at.offsets = offsets;
    return vec;
}

static weir_vec vec_of(weir_scratch *s, weir_kind kind, const weir_value *values, uint32_t n,
                       bool same)
{
    bool lists = false;
    const weir_value **each = WEIR_SCRATCH_ARRAY(s, const weir_value *, n);
    for (uint32_t i = 0; i < n; i++) {
        lists |= values[i].type.kind == WEIR_ARRAY && !values[i].is_null;
        each[i] = &values[i];
    }
    if (lists) {
        return list_of(s, kind, values, n);
    }
    weir_vec vec = flat_of(s, kind, each, same ? 1 : n);
    if (same) {
        vec.form = WEIR_CONST;
        vec.n = n;
    }
    return vec;
}

static twin_row *add_row(twin *t)
{
    if (t->row_count == t->row_capacity) {
        t->row_capacity = t->row_capacity ? 2 * t->row_capacity : 1024;
        t->rows = weir_realloc(t->rows, sizeof(*t->rows) * t->row_capacity);
    }
    twin_row *row = &t->rows[t->row_count++];
    *row =
        (twin_row){.events = 1, .values = WEIR_ARENA_ARRAY(t->arena, weir_value, t->column_count)};
    for (uint32_t c = 0; c < t->column_count; c++) {
        row->values[c] = (weir_value){.type = WEIR_TYPE(t->columns[c].kind), .is_null = true};
    }
    return row;
}

void twin_append(twin *t, weir_realtime *rt, uint32_t n, uint8_t source)
{
    weir_scratch s = {0};
    weir_error err = {0};
    weir_str *names = WEIR_SCRATCH_ARRAY(&s, weir_str, t->column_count);
    weir_vec *vecs = WEIR_SCRATCH_ARRAY(&s, weir_vec, t->column_count);
    weir_value *values = WEIR_SCRATCH_ARRAY(&s, weir_value, n);
    int64_t *times = WEIR_SCRATCH_ARRAY(&s, int64_t, n);
    uint32_t count = 0, first = t->row_count;
    for (uint32_t i = 0; i < n; i++) {
        t->now += twin_below(t, (uint32_t)t->step);
        times[i] = t->now - (t->jitter ? twin_below(t, (uint32_t)t->jitter) : 0);
        twin_row *row = add_row(t);
        row->time = times[i];
        row->source = source;
    }
    for (uint32_t c = 0; c < t->column_count; c++) {
        const twin_column *col = &t->columns[c];
        if (t->batch < col->from_batch ||
            (!col->metric && t->batch > col->from_batch && twin_below(t, 10) == 0)) {
            continue; /* not in this batch */
        }
        bool other = t->batch > col->from_batch && twin_below(t, 100) < col->others;
        bool same = twin_below(t, 12) == 0, lists = col->lists && twin_below(t, 4) > 0;
        weir_kind kind = !other ? col->kind : col->kind == WEIR_STRING ? WEIR_LONG : WEIR_STRING;
        for (uint32_t i = 0; i < n; i++) {
            values[i] = same && i > 0 ? values[0]
                                      : draw(t, col, kind, lists && !same && kind == WEIR_STRING);
            if (t->batch == col->from_batch && i == 0 && values[0].is_null) {
                values[0] = draw_one(t, col, kind); /* so that it is seen */
            }
            t->rows[first + i].values[c] = keep(t, col, values[i]);
        }
        names[count] = col->name;
        vecs[count++] = vec_of(&s, kind, values, n, same);
    }
    weir_input input = {
        .n = n, .times = times, .column_count = count, .names = names, .columns = vecs};
    if (!weir_realtime_append(rt, &input, source, &err)) {
        fail_msg("append: %s", err.message);
    }
    t->batch++;
    weir_scratch_done(&s);
}

/* --- comparing --- */

bool twin_equal(const weir_value *a, const weir_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null == b->is_null;
    }
    if ((a->type.kind == WEIR_ARRAY) != (b->type.kind == WEIR_ARRAY)) {
        return false;
    }
    if (a->type.kind == WEIR_ARRAY) {
        bool same = a->as.array.count == b->as.array.count;
        for (uint32_t i = 0; same && i < a->as.array.count; i++) {
            same = twin_equal(&a->as.array.at[i], &b->as.array.at[i]);
        }
        return same;
    }
    if (a->type.kind == WEIR_STRING || a->type.kind == WEIR_COMPLEX) {
        return weir_str_eq(a->as.s, b->as.s);
    }
    return a->type.kind == WEIR_LONG ? a->as.l == b->as.l : a->as.d == b->as.d;
}

weir_str twin_text(weir_arena *arena, const weir_value *v)
{
    if (v->is_null) {
        return WEIR_STR("~");
    }
    if (v->type.kind == WEIR_ARRAY) {
        weir_str text = WEIR_STR("[");
        for (uint32_t i = 0; i < v->as.array.count; i++) {
            weir_str item = twin_text(arena, &v->as.array.at[i]);
            text = weir_arena_printf(arena, "%.*s%.*s|", WEIR_STR_ARG(text), WEIR_STR_ARG(item));
        }
        return text;
    }
    if (v->type.kind == WEIR_STRING || v->type.kind == WEIR_COMPLEX) {
        return weir_arena_printf(arena, "'%.*s", WEIR_STR_ARG(v->as.s));
    }
    return v->type.kind == WEIR_LONG ? weir_arena_printf(arena, "%lld", (long long)v->as.l)
                                     : weir_arena_printf(arena, "%.17g", v->as.d);
}

static weir_value plain_of(weir_value v)
{
    bool one = !v.is_null && v.type.kind == WEIR_ARRAY && v.as.array.count == 1;
    return one ? v.as.array.at[0] : v;
}

weir_value twin_read(weir_rows *rows, weir_str column, uint32_t chunk, uint32_t row,
                     weir_arena *arena)
{
    const weir_column *col = rows->ops->column(rows, column);
    weir_scratch s = {0};
    weir_vec vec;
    weir_error err = {0};
    weir_value v = {.is_null = true};
    if (col) {
        assert_true(col->ops->read(col, chunk, row, 1, false, &s, &vec, &err));
        assert_true(weir_vec_value(&vec, 0, arena, &v, &err));
    }
    weir_scratch_done(&s);
    return plain_of(v);
}

static void check_vec(const twin *t, uint32_t c, const weir_vec *vec, const uint32_t *rows,
                      weir_str name)
{
    weir_arena *arena = weir_arena_new();
    weir_error err;
    for (uint32_t i = 0; i < vec->n; i++) {
        weir_value got, want = t->rows[rows[i]].values[c];
        assert_true(weir_vec_value(vec, i, arena, &got, &err));
        got = plain_of(got);
        if (!twin_equal(&got, &want)) {
            fail_msg("column %.*s row %u: got %.*s, want %.*s", WEIR_STR_ARG(name), rows[i],
                     WEIR_STR_ARG(twin_text(arena, &got)), WEIR_STR_ARG(twin_text(arena, &want)));
        }
    }
    weir_arena_free(arena);
}

static void check_reads(twin *t, const weir_column *col, uint32_t c, uint32_t chunk, uint32_t base,
                        uint32_t count)
{
    uint32_t *rows = weir_alloc(sizeof(*rows) * WEIR_BLOCK_ROWS);
    weir_scratch s = {0};
    weir_error err;
    weir_zone zone;
    bool known = col->ops->zone(col, chunk, &zone);
    uint32_t nulls = 0;
    for (uint32_t from = 0; from < count;) {
        uint32_t n = twin_below(t, 2) ? WEIR_BLOCK_ROWS : 1 + twin_below(t, WEIR_BLOCK_ROWS);
        n = n < count - from ? n : count - from;
        for (uint32_t i = 0; i < n; i++) {
            rows[i] = base + from + i;
            nulls += t->rows[rows[i]].values[c].is_null;
        }
        weir_vec vec;
        assert_true(col->ops->read(col, chunk, from, n, false, &s, &vec, &err));
        assert_int_equal(vec.n, n);
        if (known) {
            assert_int_equal(zone.multi, vec.form == WEIR_LIST);
        }
        check_vec(t, c, &vec, rows, col->name);
        from += n;
        weir_scratch_rewind(&s, (weir_mark){0});
    }
    if (known) {
        assert_int_equal(zone.null_count, nulls);
    }
    for (uint32_t step = 1; step < 5000; step = step * 7 + 1) { /* dense, then far apart */
        uint16_t *picked = WEIR_SCRATCH_ARRAY(&s, uint16_t, WEIR_BLOCK_ROWS);
        uint32_t n = 0;
        for (uint32_t row = twin_below(t, step); row < count && n < WEIR_BLOCK_ROWS;
             row += 1 + twin_below(t, step)) {
            picked[n] = (uint16_t)row;
            rows[n++] = base + row;
        }
        if (n > 0) {
            weir_vec vec;
            assert_true(col->ops->gather(col, chunk, picked, n, &s, &vec, &err));
            check_vec(t, c, &vec, rows, col->name);
        }
        weir_scratch_rewind(&s, (weir_mark){0});
    }
    weir_scratch_done(&s);
    free(rows);
}

static bool has_item(const weir_value *v, const weir_str *want) /* want NULL: null */
{
    if (v->is_null) {
        return !want;
    }
    if (v->type.kind != WEIR_ARRAY) {
        return want && weir_str_eq(v->as.s, *want);
    }
    if (v->as.array.count == 0) {
        return !want;
    }
    for (uint32_t i = 0; i < v->as.array.count; i++) {
        if (has_item(&v->as.array.at[i], want)) {
            return true;
        }
    }
    return false;
}

static bool posting_has(const weir_posting *p, uint32_t row)
{
    const uint8_t *bytes = p->at;
    uint16_t u;
    switch ((weir_posting_kind)p->kind) {
    case WEIR_POSTING_ARRAY:
        for (uint32_t i = 0; i < p->count; i++) {
            memcpy(&u, bytes + 2 * i, 2);
            if (u == row) {
                return true;
            }
        }
        return false;
    case WEIR_POSTING_BITSET:
        return bytes[row / 8] >> row % 8 & 1;
    case WEIR_POSTING_RUNS:
        for (uint32_t i = 0; i < p->runs; i++) {
            uint16_t length;
            memcpy(&u, bytes + 4 * i, 2);
            memcpy(&length, bytes + 4 * i + 2, 2);
            if (row >= u && row <= (uint32_t)u + length) {
                return true;
            }
        }
        return false;
    }
    return false;
}

static void check_postings(twin *t, const weir_column *col, uint32_t c, uint32_t chunk,
                           uint32_t base, uint32_t count)
{
    weir_scratch s = {0};
    weir_error err;
    for (uint32_t k = 0; k < 4; k++) {
        uint32_t id = k == 0 ? 0 : twin_below(t, col->dict->count);
        weir_str value = {0};
        weir_posting p = {0};
        uint32_t want = 0;
        if (id) {
            assert_true(col->dict->ops->values(col->dict, &id, 1, &s, &value, &err));
            assert_int_equal(col->dict->ops->find(col->dict, value), id);
        }
        assert_true(col->ops->postings(col, chunk, id, &s, &p));
        for (uint32_t row = 0; row < count; row++) {
            bool has = has_item(&t->rows[base + row].values[c], id ? &value : NULL);
            want += has;
            if (has || row % 64 == 0) {
                assert_int_equal(has, p.count > 0 && posting_has(&p, row));
            }
        }
        assert_int_equal(p.count, want);
    }
    weir_scratch_done(&s);
}

static void check_times(twin *t, weir_rows *rows, uint32_t chunk, uint32_t base,
                        const weir_chunk_info *info)
{
    const weir_column *col = rows->ops->column(rows, WEIR_STR("__time"));
    weir_scratch s = {0};
    weir_error err;
    int64_t min = INT64_MAX, max = INT64_MIN, last = INT64_MIN;
    bool sorted = true;
    for (uint32_t from = 0; from < info->row_count; from += 1000) {
        uint32_t n = info->row_count - from < 1000 ? info->row_count - from : 1000;
        weir_vec vec, flat;
        assert_true(col->ops->read(col, chunk, from, n, false, &s, &vec, &err) &&
                    weir_vec_flatten(&vec, &s, &flat, &err));
        for (uint32_t i = 0; i < n; i++) {
            int64_t time = t->rows[base + from + i].time;
            assert_int_equal(flat.at.l[i], time);
            min = time < min ? time : min;
            max = time > max ? time : max;
            sorted &= time >= last;
            last = time;
        }
    }
    assert_int_equal(info->min_time, min);
    assert_int_equal(info->max_time, max);
    assert_int_equal(info->time_sorted, sorted);
    weir_scratch_done(&s);
}

void twin_check_rows(twin *t, weir_rows *rows)
{
    uint32_t base = 0;
    for (uint32_t chunk = 0; chunk < rows->ops->chunks(rows); chunk++) {
        weir_chunk_info info;
        rows->ops->chunk(rows, chunk, &info);
        assert_true(base + info.row_count <= t->row_count);
        check_times(t, rows, chunk, base, &info);
        for (uint32_t c = 0; c < t->column_count; c++) {
            const weir_column *col = rows->ops->column(rows, t->columns[c].name);
            if (!col) {
                for (uint32_t row = base; row < base + info.row_count; row++) {
                    assert_true(t->rows[row].values[c].is_null);
                }
                continue;
            }
            assert_int_equal(col->type.kind, t->columns[c].kind);
            check_reads(t, col, c, chunk, base, info.row_count);
            if (info.sealed && col->indexed && t->columns[c].kind == WEIR_STRING) {
                weir_zone zone;
                assert_true(col->ops->zone(col, chunk, &zone));
                if (zone.null_count < info.row_count) {
                    check_postings(t, col, c, chunk, base, info.row_count);
                }
            }
        }
        base += info.row_count;
    }
    assert_int_equal(base, t->row_count);
}

/* --- naive roll-up --- */

typedef struct keyed {
    weir_str key;
    uint32_t row;
} keyed;

static int compare_keyed(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    int c = weir_str_cmp(x->key, y->key);
    return c ? c : x->row < y->row ? -1 : 1;
}

static int compare_rows_by_first(const void *a, const void *b)
{
    return ((const keyed *)a)->row < ((const keyed *)b)->row ? -1 : 1;
}

static weir_str key_of(const twin *t, weir_arena *arena, const twin_row *row, bool by_source,
                       int64_t truncate_ms)
{
    weir_str key =
        weir_arena_printf(arena, "%lld;%u", (long long)(row->time / truncate_ms * truncate_ms),
                          by_source ? row->source : 0u);
    for (uint32_t c = 0; c < t->column_count; c++) {
        if (!t->columns[c].metric) {
            weir_str text = twin_text(arena, &row->values[c]);
            key = weir_arena_printf(arena, "%.*s;%.*s", WEIR_STR_ARG(key), WEIR_STR_ARG(text));
        }
    }
    return key;
}

static void add_metrics(const twin *t, twin_row *into, const twin_row *from)
{
    into->events += from->events;
    for (uint32_t c = 0; c < t->column_count; c++) {
        weir_value *sum = &into->values[c];
        const weir_value *v = &from->values[c];
        if (!t->columns[c].metric || v->is_null) {
            continue;
        }
        if (sum->is_null) {
            *sum = *v;
        } else if (sum->type.kind == WEIR_LONG) {
            sum->as.l += v->as.l;
        } else {
            sum->as.d += v->as.d;
        }
    }
}

twin *twin_rolled_up(const twin *t, bool by_source, const weir_mask *masked, int64_t truncate_ms)
{
    twin *out = twin_new(1, t->columns, t->column_count);
    keyed *keys = weir_alloc(sizeof(*keys) * (t->row_count + 1)),
          *groups = weir_alloc(sizeof(*groups) * (t->row_count + 1));
    weir_arena *arena = weir_arena_new();
    uint32_t n = 0, group_count = 0;
    for (uint32_t i = 0; i < t->row_count; i++) {
        if (!masked || !weir_bit(masked->bits, t->rows[i].source)) {
            keys[n++] = (keyed){key_of(t, arena, &t->rows[i], by_source, truncate_ms), i};
        }
    }
    qsort(keys, n, sizeof(*keys), compare_keyed);
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || !weir_str_eq(keys[i].key, keys[i - 1].key)) {
            groups[group_count++] = (keyed){.key = {(const char *)&keys[i], 0}, .row = keys[i].row};
        }
    }
    qsort(groups, group_count, sizeof(*groups), compare_rows_by_first);
    out->batch = t->batch;
    for (uint32_t g = 0; g < group_count; g++) {
        const keyed *k = (const keyed *)(const void *)groups[g].key.at;
        twin_row *row = add_row(out);
        const twin_row *first = &t->rows[k->row];
        row->time = first->time / truncate_ms * truncate_ms;
        row->source = first->source;
        row->events = 0;
        for (uint32_t c = 0; c < t->column_count; c++) {
            if (!t->columns[c].metric) {
                row->values[c] = first->values[c];
            }
        }
        for (const keyed *e = k; e < keys + n && weir_str_eq(e->key, k->key); e++) {
            add_metrics(t, row, &t->rows[e->row]);
        }
    }
    weir_arena_free(arena);
    free(keys);
    free(groups);
    return out;
}
