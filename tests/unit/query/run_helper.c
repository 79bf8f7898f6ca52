#include "run_helper.h"
#include <pthread.h>
#include <stdio.h>
#include "weir/schema.h"
#include "weir/segment.h"

const char *const source_names[SOURCE_KINDS] = {"memory", "live", "ended", "frozen", "mixed", "many"};

uint64_t draw(uint64_t *seed)
{
    uint64_t x = *seed += 0x9E3779B97F4A7C15u; /* splitmix64 */
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

uint32_t draw_below(uint64_t *seed, uint32_t n)
{
    return (uint32_t)(draw(seed) % n);
}

enum { COLUMNS = 10, JSON_COLUMN = 9 };
static const char *const column_names[COLUMNS] = {"__time", "s1", "s2", "mv", "l1",
                                                  "l2",     "d1", "f1", "late", "j"};
static const weir_kind column_kinds[COLUMNS] = {WEIR_LONG, WEIR_STRING, WEIR_STRING,
                                                WEIR_STRING, WEIR_LONG, WEIR_LONG,
                                                WEIR_DOUBLE, WEIR_FLOAT, WEIR_STRING, WEIR_COMPLEX};

static weir_value text_value(weir_arena *arena, const char *prefix, uint32_t i)
{
    static const char *const odd[] = {"", "a", "B", "\xF0\x9F\x9A\x80", "\xEF\xAC\x80", "10", "9"};
    if (i < 7) {
        return weir_value_str(weir_str_of(odd[i]));
    }
    return weir_value_str(weir_arena_printf(arena, "%s%u", prefix, i));
}

static weir_value null_of(weir_kind kind)
{
    return (weir_value){.type = WEIR_TYPE(kind), .is_null = true};
}

static int by_text(const void *a, const void *b)
{
    return weir_value_cmp(a, b, NULL);
}

static weir_value draw_list(weir_arena *arena, uint64_t *seed)
{
    uint32_t n = draw_below(seed, 5);
    if (n == 4) {
        return null_of(WEIR_STRING);
    }
    weir_value *items = WEIR_ARENA_ARRAY(arena, weir_value, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        items[i] = text_value(arena, "m", draw_below(seed, 12));
    }
    qsort(items, n, sizeof(*items), by_text); /* multi-values are stored sorted */
    return (weir_value){.type = {.kind = WEIR_ARRAY, .elem = WEIR_STRING},
                        .as.array = {items, n}};
}

static weir_type column_type(uint32_t c)
{
    weir_type type = WEIR_TYPE(column_kinds[c]);
    type.complex = c == JSON_COLUMN ? weir_complex_find(WEIR_STR("json")) : NULL;
    return type;
}

/* Paths of one kind of values and of several, that come late, arrays of scalars and of objects. */
static weir_value draw_json(weir_arena *arena, uint64_t *seed, bool late)
{
    static const char *const words[] = {"a", "v9", "10", "", "z"};
    if (draw_below(seed, 8) == 0) {
        return (weir_value){.type = column_type(JSON_COLUMN), .is_null = true};
    }
    weir_buf out = {0};
    const char *between = "{";
#define MEMBER(chance, ...)                                                                        \
    if (draw_below(seed, chance) == 0) {                                                           \
        weir_buf_text(&out, between);                                                              \
        weir_buf_printf(&out, __VA_ARGS__);                                                        \
        between = ",";                                                                             \
    }
    MEMBER(1, "\"k\":\"%s\"", words[draw_below(seed, 5)])
    MEMBER(2, "\"n\":%d", (int)draw_below(seed, 30) - 10)
    MEMBER(2, "\"d\":%d.5", (int)draw_below(seed, 30) - 10)
    MEMBER(4, "\"x\":\"%s\"", words[draw_below(seed, 5)])
    else MEMBER(3, "\"x\":%d", (int)draw_below(seed, 20))
    MEMBER(2, "\"t\":[\"%s\",\"%s\"]", words[draw_below(seed, 5)], words[draw_below(seed, 5)])
    MEMBER(3, "\"o\":{\"p\":%d,\"q\":[1,null,%d]}", (int)draw_below(seed, 9),
           (int)draw_below(seed, 9))
    MEMBER(5, "\"r\":[{\"s\":%d}]", (int)draw_below(seed, 4))
    MEMBER(late ? 3 : 100000, "\"late\":%d", (int)draw_below(seed, 9))
#undef MEMBER
    weir_buf_text(&out, "}");
    weir_value value = {.type = column_type(JSON_COLUMN),
                        .as.s = weir_arena_str(arena, weir_buf_view(&out))};
    weir_buf_done(&out);
    return value;
}

static void draw_row(fixture *f, uint64_t *seed, uint32_t at, uint32_t rows, int64_t time)
{
    weir_arena *arena = f->arena;
    weir_value *row = WEIR_ARENA_ARRAY(arena, weir_value, COLUMNS);
    row[0] = weir_value_long(time);
    row[1] = draw_below(seed, 9) ? text_value(arena, "v", draw_below(seed, 14)) : null_of(WEIR_STRING);
    row[2] = text_value(arena, "w", draw_below(seed, rows / 3 + 10));
    row[3] = draw_list(arena, seed);
    row[4] = draw_below(seed, 7) ? weir_value_long((int64_t)draw_below(seed, 40) - 20) : null_of(WEIR_LONG);
    row[5] = weir_value_long((int64_t)draw_below(seed, 1000));
    row[6] = draw_below(seed, 7) ? weir_value_double(((double)draw_below(seed, 4000) - 2000) / 4) : null_of(WEIR_DOUBLE);
    row[7] = draw_below(seed, 7) ? weir_value_double(((double)draw_below(seed, 60) - 30) / 4) : null_of(WEIR_FLOAT);
    row[7].type.kind = WEIR_FLOAT;
    row[8] = at > rows / 2 && draw_below(seed, 2) ? text_value(arena, "z", draw_below(seed, 20)) : null_of(WEIR_STRING);
    row[JSON_COLUMN] = draw_json(arena, seed, at > rows / 2);
    ref_add(arena, &f->table.rows, row);
}

static void draw_rows(fixture *f, uint64_t *seed, uint32_t rows)
{
    ref_rows *all = &f->table.rows;
    *all = (ref_rows){.column_count = COLUMNS};
    all->names = WEIR_ARENA_ARRAY(f->arena, weir_str, COLUMNS);
    all->types = WEIR_ARENA_ARRAY(f->arena, weir_type, COLUMNS);
    for (uint32_t c = 0; c < COLUMNS; c++) {
        all->names[c] = weir_str_of(column_names[c]);
        all->types[c] = column_type(c);
        all->types[c].multi = c == 3;
    }
    bool sorted = draw_below(seed, 2);
    int64_t now = INT64_C(1709942400000), span = 4 * INT64_C(86400000); /* 2024-03-09 */
    for (uint32_t i = 0; i < rows; i++) {
        int64_t time = sorted ? now + span * i / rows : now + (int64_t)(draw(seed) % (uint64_t)span);
        draw_row(f, seed, i, rows, time);
    }
}

/* Rows [from, to) of one column as a vector. */
static weir_vec column_vec(weir_scratch *s, const ref_rows *rows, uint32_t c, uint32_t from,
                           uint32_t to)
{
    uint32_t n = to - from, total = 0;
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    memset(nulls, 0, (weir_words(n) + 1) * 8);
    weir_vec vec = {.type = rows->types[c], .form = WEIR_FLAT, .n = n, .nulls = nulls};
    for (uint32_t i = 0; i < n; i++) {
        const weir_value *v = &rows->rows[from + i][c];
        if (v->is_null) {
            weir_bit_set(nulls, i);
        } else if (rows->types[c].multi) {
            total += v->as.array.count;
        }
    }
    if (rows->types[c].multi) {
        uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), at = 0;
        weir_str *items = WEIR_SCRATCH_ARRAY(s, weir_str, total + 1);
        weir_vec *of = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
        for (uint32_t i = 0; i < n; i++) {
            const weir_value *v = &rows->rows[from + i][c];
            offsets[i] = at;
            for (uint32_t k = 0; !v->is_null && k < v->as.array.count; k++) {
                items[at++] = v->as.array.at[k].as.s;
            }
        }
        offsets[n] = at;
        *of = (weir_vec){.type = WEIR_TYPE(WEIR_STRING), .form = WEIR_FLAT, .n = total, .at.s = items};
        vec.form = WEIR_LIST;
        vec.at.offsets = offsets;
        vec.items = of;
        return vec;
    }
    char *room = weir_scratch_take(s, n * 16 + 16);
    memset(room, 0, n * 16 + 16);
    for (uint32_t i = 0; i < n; i++) {
        const weir_value *v = &rows->rows[from + i][c];
        if (v->is_null) {
            continue;
        }
        if (rows->types[c].kind == WEIR_STRING || rows->types[c].kind == WEIR_COMPLEX) {
            ((weir_str *)room)[i] = v->as.s;
        } else if (rows->types[c].kind == WEIR_FLOAT) {
            ((float *)room)[i] = (float)v->as.d;
        } else {
            ((int64_t *)room)[i] = v->as.l; /* or the double's bits */
        }
    }
    vec.at.l = (const int64_t *)room;
    return vec;
}

static weir_rows *memory_rows(fixture *f, uint32_t from, uint32_t to)
{
    weir_error err = {0};
    const ref_rows *all = &f->table.rows;
    weir_table_rows *table = weir_table_rows_new(&f->budget, COLUMNS, all->names, all->types);
    for (uint32_t at = from; at < to; at += WEIR_BLOCK_ROWS) {
        uint32_t end = to - at < WEIR_BLOCK_ROWS ? to : at + WEIR_BLOCK_ROWS;
        weir_vec vecs[COLUMNS];
        for (uint32_t c = 0; c < COLUMNS; c++) {
            vecs[c] = column_vec(&f->scratch, all, c, at, end);
        }
        assert_true(weir_table_rows_append(table, vecs, end - at, &f->scratch, &err));
    }
    f->memory[f->memory_count++] = table;
    return weir_table_rows_end(table, WEIR_STR("memory"));
}

static weir_schema *schema_new(void)
{
    weir_arena *arena = weir_arena_new();
    weir_schema *schema = WEIR_ARENA_NEW(arena, weir_schema);
    schema->arena = arena;
    schema->refs = 1;
    schema->table = WEIR_STR("t");
    weir_dimension *dims = WEIR_ARENA_ARRAY(arena, weir_dimension, COLUMNS);
    for (uint32_t c = 1; c < COLUMNS; c++) {
        dims[schema->dimension_count++] = (weir_dimension){.name = weir_str_of(column_names[c]),
                                                           .type = column_type(c),
                                                           .automatic = c == JSON_COLUMN,
                                                           .bitmap_index = true};
    }
    schema->dimensions = dims;
    weir_granularity_simple(WEIR_STR("none"), &schema->query_granularity);
    weir_granularity_simple(WEIR_STR("day"), &schema->segment_granularity);
    return schema;
}

static weir_realtime *live_rows(fixture *f, uint32_t from, uint32_t to)
{
    weir_error err = {0};
    weir_schema *schema = schema_new();
    weir_realtime *rt = weir_realtime_new(schema, &f->budget);
    weir_schema_unref(schema);
    for (uint32_t at = from; at < to; at += 1000) {
        uint32_t end = to - at < 1000 ? to : at + 1000;
        weir_vec vecs[COLUMNS];
        for (uint32_t c = 0; c < COLUMNS; c++) {
            vecs[c] = column_vec(&f->scratch, &f->table.rows, c, at, end);
        }
        weir_input input = {.n = end - at,
                            .times = vecs[0].at.l,
                            .column_count = COLUMNS - 1,
                            .names = f->table.rows.names + 1,
                            .columns = vecs + 1};
        if (!weir_realtime_append(rt, &input, 0, &err)) {
            fail_msg("append: %s", err.message);
        }
    }
    f->live[f->live_count++] = rt;
    return rt;
}

static bool append_to(void *self, const void *bytes, size_t size, weir_error *err)
{
    (void)err;
    weir_buf_put(self, bytes, size);
    return true;
}

static void free_bytes(void *self)
{
    free(self);
}

static void add_rows(fixture *f, weir_rows *rows)
{
    ((weir_rows **)f->view.rows)[f->view.count++] = rows;
}

static void add_frozen(fixture *f, uint32_t from, uint32_t to)
{
    weir_error err = {0};
    weir_freeze_part *parts;
    uint32_t count;
    weir_mask mask = {0};
    weir_realtime *rt = live_rows(f, from, to);
    weir_realtime_end(rt);
    assert_true(weir_realtime_parts(rt, &mask, 0, 1u << 30, f->arena, &parts, &count, &err));
    for (uint32_t i = 0; i < count; i++) {
        weir_buf buf = {0};
        weir_segment_info info;
        weir_segment *seg;
        if (!weir_realtime_freeze(rt, &parts[i], (weir_file){&buf, append_to}, false, &info, &err)) {
            fail_msg("freeze: %s", err.message);
        }
        weir_bytes bytes = {(uint8_t *)buf.at, buf.size, free_bytes, buf.at, NULL};
        if (!weir_segment_open("test", bytes, &seg, &err)) {
            fail_msg("open: %s", err.message);
        }
        add_rows(f, weir_segment_rows(seg));
    }
}

static void add_source(fixture *f, source_kind kind, uint32_t from, uint32_t to)
{
    weir_mask mask = {0};
    weir_realtime *rt;
    switch (kind) {
    case SOURCE_MEMORY:
        add_rows(f, memory_rows(f, from, to));
        break;
    case SOURCE_LIVE:
    case SOURCE_ENDED:
        rt = live_rows(f, from, to);
        if (kind == SOURCE_ENDED) {
            weir_realtime_end(rt);
        }
        add_rows(f, weir_realtime_snapshot(rt, &mask, WEIR_STR("live")));
        break;
    case SOURCE_FROZEN:
        add_frozen(f, from, to);
        break;
    case SOURCE_MIXED:
    case SOURCE_MANY:
    case SOURCE_KINDS:
        break;
    }
}

fixture *fixture_new(uint64_t *seed, uint32_t rows, source_kind kind, uint32_t workers)
{
    weir_arena *arena = weir_arena_new();
    fixture *f = WEIR_ARENA_NEW(arena, fixture);
    f->arena = arena;
    f->sched = weir_sched_new(workers, &weir_clock_system);
    f->table.name = WEIR_STR("t");
    weir_granularity_simple(WEIR_STR("day"), &f->table.segment_granularity);
    draw_rows(f, seed, rows);
    f->view.table = WEIR_STR("t");
    f->view.rows = WEIR_ARENA_ARRAY(arena, weir_rows *, 1024);
    f->view.problems = WEIR_ARENA_ARRAY(arena, weir_str, 1024);
    f->view.revs = WEIR_ARENA_ARRAY(arena, uint64_t, 1024);
    f->views[0] = &f->view;
    uint32_t parts = kind == SOURCE_MIXED ? 3 : kind == SOURCE_MANY ? 12 : 1;
    for (uint32_t p = 0; p < parts; p++) {
        source_kind of = parts > 1 ? (source_kind)draw_below(seed, SOURCE_FROZEN) + 1 : kind;
        add_source(f, of, (uint32_t)((uint64_t)rows * p / parts),
                   (uint32_t)((uint64_t)rows * (p + 1) / parts));
    }
    if (kind == SOURCE_MEMORY) { /* no schema, so no segment granularity: one hull */
        weir_granularity_simple(WEIR_STR("all"), &f->table.segment_granularity);
    }
    return f;
}

void fixture_free(fixture *f)
{
    weir_sched_free(f->sched);
    for (uint32_t i = 0; i < f->view.count; i++) {
        f->view.rows[i]->ops->unref(f->view.rows[i]);
    }
    for (uint32_t i = 0; i < f->live_count; i++) {
        weir_realtime_unref(f->live[i]);
    }
    for (uint32_t i = 0; i < f->memory_count; i++) {
        weir_table_rows_free(f->memory[i]);
    }
    weir_scratch_done(&f->scratch);
    weir_arena_free(f->arena);
}

weir_native_query *query_of(fixture *f, const char *json)
{
    weir_error err = {0};
    char *text = weir_arena_text(f->arena, weir_str_of(json));
    for (char *at = text; *at; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    weir_native_query *query = weir_native_parse(f->arena, weir_str_of(text), &err);
    if (!query || !weir_native_bind(query, f->views, 1, &err)) {
        fail_msg("refused: %s\n%s", err.message, text);
    }
    return query;
}

weir_ctl ctl_of(size_t budget_bytes)
{
    return (weir_ctl){.budget = {.name = "query", .limit_bytes = budget_bytes},
                      .clock = &weir_clock_system};
}

typedef struct collector {
    weir_arena *arena;
    ref_rows *out;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ended;
    weir_error err;
} collector;

static bool take_batch(void *self, const weir_batch *batch, weir_error *err)
{
    collector *c = self;
    assert_true(batch->n > 0 && batch->n <= WEIR_BLOCK_ROWS);
    for (uint32_t i = 0; i < batch->n; i++) {
        weir_value *row = WEIR_ARENA_ARRAY(c->arena, weir_value, batch->column_count + 1);
        for (uint32_t k = 0; k < batch->column_count; k++) {
            assert_int_equal(batch->columns[k].n, batch->n);
            if (!weir_vec_value(&batch->columns[k], i, c->arena, &row[k], err)) {
                return false;
            }
        }
        ref_add(c->arena, c->out, row);
    }
    return true;
}

static void take_end(void *self, const weir_error *err)
{
    collector *c = self;
    pthread_mutex_lock(&c->lock);
    c->ended = true;
    c->err = *err;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

bool run_plan(fixture *f, const weir_plan *plan, const weir_run_options *options, weir_ctl *ctl,
              ref_rows *out, weir_error *err)
{
    weir_arena *arena = weir_arena_new(); /* several threads may run plans at once */
    collector c = {.arena = arena,
                   .out = out,
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .wake = PTHREAD_COND_INITIALIZER};
    const weir_node *root = plan->root;
    *out = (ref_rows){.column_count = root->output_count,
                      .names = (weir_str *)root->output_names,
                      .types = (weir_type *)root->output_types};
    weir_run_start(f->sched, plan, f->views, 1, ctl, options,
                   (weir_sink){.self = &c, .batch = take_batch, .end = take_end});
    pthread_mutex_lock(&c.lock);
    while (!c.ended) {
        pthread_cond_wait(&c.wake, &c.lock);
    }
    pthread_mutex_unlock(&c.lock);
    *err = c.err;
    weir_arena_defer(f->arena, (void (*)(void *))weir_arena_free, arena);
    return c.err.code == WEIR_OK;
}

static int compare_rows(const void *a, const void *b, void *self)
{
    const weir_value *x = *(weir_value *const *)a, *y = *(weir_value *const *)b;
    uint32_t n = *(const uint32_t *)self;
    for (uint32_t c = 0; c < n; c++) {
        int order = ref_compare(&x[c], &y[c]);
        if (order) {
            return order;
        }
    }
    return 0;
}

static void print_rows(const ref_rows *rows, uint32_t from, weir_buf *out)
{
    for (uint32_t r = from; r < rows->row_count && r < from + 6; r++) {
        for (uint32_t c = 0; c < rows->column_count; c++) {
            weir_buf_text(out, c ? " | " : "  ");
            ref_print(&rows->rows[r][c], out);
        }
        weir_buf_text(out, "\n");
    }
}

static _Noreturn void differ(const ref_rows *got, const ref_rows *want, uint32_t row, const char *what)
{
    weir_buf out = {0};
    weir_buf_printf(&out, "%s\nrow %u: got %u rows:\n", what, row, got->row_count);
    print_rows(got, row, &out);
    weir_buf_printf(&out, "wanted %u rows:\n", want->row_count);
    print_rows(want, row, &out);
    weir_buf_byte(&out, 0);
    fprintf(stderr, "%s\n", out.at); /* fail_msg cuts it short */
    fail_msg("%s", out.at);
    abort();
}

void assert_same_rows(const ref_rows *got, const ref_rows *want, bool ordered, const char *what)
{
    uint32_t columns = want->column_count;
    if (got->row_count && got->column_count != columns) {
        fail_msg("%s: %u columns, not %u", what, got->column_count, columns);
    }
    if (!ordered) {
        if (got->row_count) {
            qsort_r(got->rows, got->row_count, sizeof(*got->rows), compare_rows, &columns);
        }
        if (want->row_count) {
            qsort_r(want->rows, want->row_count, sizeof(*want->rows), compare_rows, &columns);
        }
    }
    for (uint32_t r = 0; r < want->row_count && r < got->row_count; r++) {
        for (uint32_t c = 0; c < columns; c++) {
            if (!ref_same(&got->rows[r][c], &want->rows[r][c])) {
                differ(got, want, r, what);
            }
        }
    }
    if (got->row_count != want->row_count) {
        differ(got, want, got->row_count < want->row_count ? got->row_count : want->row_count, what);
    }
}
