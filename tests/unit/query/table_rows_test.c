/* A table in memory gives back what was put in: numbers, text, lists and arrays with nulls at every
 * level, whole, by row number, and after rows were dropped. */
#include "run_helper.h"

enum { COLUMNS = 5, ROWS = 9000 };
static const weir_type types[COLUMNS] = {{.kind = WEIR_LONG},
                                         {.kind = WEIR_STRING},
                                         {.kind = WEIR_STRING, .multi = true},
                                         {.kind = WEIR_ARRAY, .elem = WEIR_LONG},
                                         {.kind = WEIR_ARRAY, .elem = WEIR_STRING}};

typedef struct tables {
    weir_arena *arena;
    weir_budget budget;
    weir_scratch scratch;
    weir_table_rows *table;
    weir_value (*rows)[COLUMNS]; /* the obvious twin */
    uint32_t count;
} tables;

static weir_value draw_scalar(weir_arena *arena, uint64_t *seed, uint8_t kind)
{
    if (draw_below(seed, 5) == 0) {
        return (weir_value){.type = WEIR_TYPE(kind), .is_null = true};
    }
    if (kind == WEIR_LONG) {
        return weir_value_long((int64_t)draw_below(seed, 100));
    }
    return weir_value_str(weir_arena_printf(arena, "%u", draw_below(seed, 50)));
}

static weir_value draw_value(weir_arena *arena, uint64_t *seed, weir_type type)
{
    uint8_t kind = type.kind == WEIR_ARRAY ? type.elem : type.kind;
    if (type.kind != WEIR_ARRAY && !type.multi) {
        return draw_scalar(arena, seed, kind);
    }
    uint32_t n = draw_below(seed, 4);
    if (n == 3) {
        return (weir_value){.type = type, .is_null = true};
    }
    weir_value *items = WEIR_ARENA_ARRAY(arena, weir_value, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        items[i] = draw_scalar(arena, seed, kind);
    }
    return (weir_value){.type = {.kind = WEIR_ARRAY, .elem = kind}, .as.array = {items, n}};
}

static weir_vec vec_of(tables *t, uint32_t column, uint32_t from, uint32_t n)
{
    weir_scratch *s = &t->scratch;
    weir_vec vec = {.type = types[column], .form = WEIR_FLAT, .n = n}, *items = NULL;
    bool lists = types[column].kind == WEIR_ARRAY || types[column].multi;
    uint8_t kind = types[column].kind == WEIR_ARRAY ? types[column].elem : types[column].kind;
    weir_str *text = WEIR_SCRATCH_ARRAY(s, weir_str, 4 * n + 1);
    int64_t *longs = WEIR_SCRATCH_ARRAY(s, int64_t, 4 * n + 1);
    uint64_t *nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(n) + 1);
    uint64_t *item_nulls = WEIR_SCRATCH_ARRAY(s, uint64_t, weir_words(4 * n) + 1);
    uint32_t *offsets = WEIR_SCRATCH_ARRAY(s, uint32_t, n + 1), at = 0;
    memset(nulls, 0, (weir_words(n) + 1) * 8);
    memset(item_nulls, 0, (weir_words(4 * n) + 1) * 8);
    for (uint32_t i = 0; i < n; i++) {
        const weir_value *v = &t->rows[from + i][column];
        uint32_t count = v->is_null ? 0 : lists ? v->as.array.count : 1;
        offsets[i] = at;
        if (v->is_null) {
            weir_bit_set(nulls, i);
            at += !lists;
        }
        for (uint32_t k = 0; k < count; k++, at++) {
            const weir_value *item = lists ? &v->as.array.at[k] : v;
            if (item->is_null) {
                weir_bit_set(item_nulls, at);
            } else if (kind == WEIR_LONG) {
                longs[at] = item->as.l;
            } else {
                text[at] = item->as.s;
            }
        }
    }
    offsets[n] = at;
    vec.nulls = nulls;
    vec.at.l = kind == WEIR_LONG ? longs : (const int64_t *)(const void *)text;
    if (lists) {
        items = WEIR_SCRATCH_ARRAY(s, weir_vec, 1);
        *items =
            (weir_vec){.type = WEIR_TYPE(kind), .form = WEIR_FLAT, .n = at, .nulls = item_nulls};
        items->at = vec.at;
        vec.form = WEIR_LIST;
        vec.at.offsets = offsets;
        vec.items = items;
    }
    return vec;
}

static void tables_init(tables *t, uint64_t seed)
{
    static const char *const names[] = {"l", "s", "mv", "al", "as"};
    weir_str columns[COLUMNS];
    weir_error err = {0};
    *t = (tables){.arena = weir_arena_new(), .count = ROWS};
    t->rows = weir_arena_alloc(t->arena, sizeof(*t->rows) * ROWS);
    for (uint32_t c = 0; c < COLUMNS; c++) {
        columns[c] = weir_str_of(names[c]);
    }
    t->table = weir_table_rows_new(&t->budget, COLUMNS, columns, types);
    for (uint32_t r = 0; r < ROWS; r++) {
        for (uint32_t c = 0; c < COLUMNS; c++) {
            t->rows[r][c] = draw_value(t->arena, &seed, types[c]);
        }
    }
    for (uint32_t from = 0; from < ROWS; from += 3000) {
        weir_vec vecs[COLUMNS];
        for (uint32_t c = 0; c < COLUMNS; c++) {
            vecs[c] = vec_of(t, c, from, 3000);
        }
        assert_true(weir_table_rows_append(t->table, vecs, 3000, &t->scratch, &err));
    }
}

static void tables_done(tables *t)
{
    weir_table_rows_free(t->table);
    weir_scratch_done(&t->scratch);
    weir_arena_free(t->arena);
    assert_int_equal(t->budget.used_bytes, 0);
}

static void same_as_put(tables *t, const uint32_t *rows, uint32_t n, uint32_t c)
{
    weir_vec vec;
    weir_error err = {0};
    weir_table_rows_take(t->table, c, rows, n, &t->scratch, &vec);
    for (uint32_t i = 0; i < n; i++) {
        weir_value got;
        const weir_value *want = &t->rows[rows[i]][c];
        assert_true(weir_vec_value(&vec, i, t->arena, &got, &err));
        if (!ref_same(&got, want)) {
            fail_msg("column %u, row %u", c, rows[i]);
        }
    }
}

static void rows_come_back_in_any_order(void **state)
{
    (void)state;
    tables t;
    uint64_t seed = 1;
    uint32_t rows[500];
    tables_init(&t, 7);
    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < 500; i++) {
            rows[i] = draw_below(&seed, ROWS);
        }
        for (uint32_t c = 0; c < COLUMNS; c++) {
            same_as_put(&t, rows, 500, c);
        }
    }
    tables_done(&t);
}

static void rows_that_are_kept_move_together_and_more_can_follow(void **state)
{
    (void)state;
    tables t;
    uint64_t seed = 3;
    uint32_t kept[ROWS], count = 0, order[500];
    weir_error err = {0};
    tables_init(&t, 9);
    for (uint32_t r = 0; r < ROWS; r++) {
        if (draw_below(&seed, 3) == 0) {
            memcpy(t.rows[count], t.rows[r], sizeof(t.rows[r]));
            kept[count++] = r;
        }
    }
    weir_table_rows_keep(t.table, kept, count);
    weir_vec vecs[COLUMNS];
    for (uint32_t c = 0; c < COLUMNS; c++) {
        vecs[c] = vec_of(&t, c, 0, 1000);
    }
    assert_true(weir_table_rows_append(t.table, vecs, 1000, &t.scratch, &err));
    memcpy(t.rows[count], t.rows[0], 1000 * sizeof(t.rows[0]));
    count += 1000;
    assert_int_equal(weir_table_rows_count(t.table), count);
    for (uint32_t at = 0; at + 500 <= count; at += 500) {
        for (uint32_t i = 0; i < 500; i++) {
            order[i] = at + i;
        }
        for (uint32_t c = 0; c < COLUMNS; c++) {
            same_as_put(&t, order, 500, c);
        }
    }
    tables_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_in_any_order),
        cmocka_unit_test(rows_that_are_kept_move_together_and_more_can_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
